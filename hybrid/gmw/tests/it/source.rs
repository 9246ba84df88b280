//! Material made over silent OT, stored, and run out of.

use privet_gmw::{Context, Live, Material, Stored};
use privet_net::Session;
use privet_ot::cot;
use privet_ot::rcot::{ExtensionReceiver, ExtensionSender};
use privet_ot::silent::Parameters;
use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{self as cost, Demand, OpCost};
use privet_ring::{Client, Party, Ring, Server, Shares, open};

use super::pair::{split, values};

fn demand() -> Demand {
    let shapes = [Shape::FEW_TRANSFERS, Shape::FEW_BITS];
    let mut sum = OpCost::default();
    for shape in shapes {
        sum.then(&cost::relu_trunc(300, 37, 12, 37, shape).unwrap(), 1);
    }
    sum.demand
}

/// Prepares over silent OT, goes through bytes, works, and then asks for more than there is.
fn party<P: Party>(session: &mut Session, x: &Shares<P>) -> Vec<Shares<P>> {
    let ch = session.lane(0).unwrap();
    let demand = demand();
    let mut live = Live::<P, _, _>::setup(ch, Parameters::Secret17).unwrap();
    let material = live.prepare(ch, &demand).unwrap();
    assert_eq!(material.left(), demand);
    let bytes = material.into_bytes();
    assert_eq!(bytes.len(), Material::<P>::stored_bytes(&demand));
    for wrong in [&bytes[1..], &bytes[..bytes.len() - 1], &[]] {
        assert!(Stored::<P>::from_bytes(&demand, wrong).is_err());
    }
    assert!(Stored::<P::Peer>::from_bytes(&demand, &bytes).is_err());
    let mut stored = Stored::<P>::from_bytes(&demand, &bytes).unwrap();
    let ring = x.ring();
    let mut results = Vec::new();
    for shape in [Shape::FEW_TRANSFERS, Shape::FEW_BITS] {
        let mut context = Context::new(ch, &mut stored).with_shape(shape);
        results.push(context.relu_trunc(x, 12, ring).unwrap());
    }
    assert_eq!(stored.counters().used, demand);
    let more = Context::new(ch, &mut stored).relu(x);
    let text = more.err().unwrap().to_string();
    assert!(text.contains("run out"), "{text}");
    results
}

#[test]
fn stored_material_serves_once_and_runs_out() {
    let ring = Ring::new(37).unwrap();
    let values = values(ring, 12, 300);
    let (c, s) = split(ring, &values);
    let (mut left, mut right) = Session::pair(1);
    let (c, s) = std::thread::scope(|scope| {
        let c = scope.spawn(|| party::<Client>(&mut left, &c));
        let s = party::<Server>(&mut right, &s);
        (c.join().unwrap(), s)
    });
    let expected: Vec<i64> = values.iter().map(|v| (*v).max(0) >> 12).collect();
    for (c, s) in c.iter().zip(&s) {
        assert_eq!(open(c, s).unwrap(), expected);
    }
}

/// Over an extension the receiving role speaks first: the order of making turns, the material is as good.
#[test]
fn material_over_an_extension_fits_too() {
    let ring = Ring::new(37).unwrap();
    let numbers = values(ring, 12, 300);
    let (c, s) = split(ring, &numbers);
    let (mut left, mut right) = Session::pair(1);
    let (c, s) = std::thread::scope(|scope| {
        let c = scope.spawn(|| over_extension::<Client>(&mut left, &c));
        let s = over_extension::<Server>(&mut right, &s);
        (c.join().unwrap(), s)
    });
    let expected: Vec<i64> = numbers.iter().map(|v| (*v).max(0) >> 12).collect();
    for (c, s) in c.iter().zip(&s) {
        assert_eq!(open(c, s).unwrap(), expected);
    }
}

fn over_extension<P: Party>(session: &mut Session, x: &Shares<P>) -> Vec<Shares<P>> {
    let ch = session.lane(0).unwrap();
    let delta = privet_prim::Delta::random();
    let (sender, receiver) = if P::ADDS_PUBLIC {
        let receiver = cot::Receiver::setup(ch).unwrap();
        (cot::Sender::setup(ch, delta).unwrap(), receiver)
    } else {
        let sender = cot::Sender::setup(ch, delta).unwrap();
        (sender, cot::Receiver::setup(ch).unwrap())
    };
    let (sender, receiver) = (ExtensionSender(sender), ExtensionReceiver::new(receiver));
    let mut live = Live::<P, _, _>::new(sender, receiver);
    let demand = demand();
    let material = live.prepare(ch, &demand).unwrap();
    assert_eq!(material.left(), demand);
    assert_eq!(live.counters().made, demand);
    let mut stored = Stored::new(material);
    let work = [Shape::FEW_TRANSFERS, Shape::FEW_BITS].map(|shape| {
        let mut context = Context::new(ch, &mut stored).with_shape(shape);
        context.relu_trunc(x, 12, x.ring()).unwrap()
    });
    work.into()
}
