//! Messages under encryption that are changed on their way, in whole inferences: a hostile peer can do no more than that.
//!
//! A relay between two parties on plain TCP changes the application bytes of one direction. Whatever is changed: both end, in time,
//! without a panic, with an answer (of garbage, as far as semi-honest security goes) or with one line that names the peer.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use privet_model::quant::ir::{Conv, Linear, Model, Op, TensorId};
use privet_net::{Allow, Identity, Listener, Options};
use privet_plan::{Backend, Choice, Plan, Reveal};
use privet_run::server::Offered;
use privet_run::{Answer, Client, ClientOptions, RunError, ServerOptions, Silent};

use super::models::{Build, Stream, params, window};
use super::ops::inputs;
use super::relay::{Change, Way, pass};

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) client: Result<Answer, RunError>,
    server: Result<(), RunError>,
    pub(crate) plan: Option<Plan>,
    /// Application bytes of both directions.
    pub(crate) bytes: [usize; 2],
}

/// One inference, without preparation if `all_online`, over a relay that changes one direction.
pub(crate) fn run(
    (model, all_online): (&Model, bool),
    input: &[i64],
    way: Way,
    change: &Change,
) -> Outcome {
    let options = Options {
        insecure_plain: true,
        stall: Duration::from_secs(3),
        ..Options::default()
    };
    let identity = Identity::generate().unwrap();
    let listener =
        Listener::bind("127.0.0.1:0", &identity, Allow::Anyone, options.clone()).unwrap();
    let entrance = TcpListener::bind("127.0.0.1:0").unwrap();
    let (inner, outer) = (listener.local_addr(), entrance.local_addr().unwrap());
    let offered = [Offered {
        model: model.clone(),
        id: [7; 16],
    }];
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let session = listener.accept().unwrap();
            let grants = ServerOptions {
                reveal: Reveal::Logits,
                ..ServerOptions::default()
            };
            privet_run::serve(session, &offered, &grants, &mut Silent).map(|_| ())
        });
        let relays = scope.spawn(|| {
            let (left, _) = entrance.accept().unwrap();
            let right = TcpStream::connect(inner).unwrap();
            pass((left, right), way, change)
        });
        let wishes = ClientOptions {
            backend: Choice::Only(Backend::Hybrid),
            reveal: Reveal::Logits,
            all_online,
            ..ClientOptions::default()
        };
        let mut plan = None;
        let mut client = || {
            let session = privet_net::connect(
                &outer.to_string(),
                &identity,
                identity.fingerprint(),
                &options,
            )?;
            let mut client = Client::start(session, &wishes)?;
            plan = Some(client.plan().clone());
            let (answer, _) = client.infer_integers(input, &mut Silent)?;
            client.finish()?;
            Ok(answer)
        };
        let client = client();
        let server = server.join().expect("the server must not panic");
        Outcome {
            client,
            server,
            plan,
            bytes: relays.join().unwrap(),
        }
    })
}

/// A convolution whose image has a border, a ReLU, and a layer on all of it: free and other coefficients, one and several filters.
pub(crate) fn network() -> Model {
    let mut s = Stream(77);
    let mut b = Build::new(&[2, 6, 6], 12, 3);
    let conv = Conv {
        in_channels: 2,
        out_channels: 3,
        groups: 1,
        window: window(3, 1, 1, 1),
        weight_bits: 6,
        weight_frac: 3,
        sparsity: None,
    };
    let p = params(&mut s, 2 * 3 * 9, 6, 3, 19);
    let sum = b.op(Op::Conv(conv), &[TensorId(0)], &[3, 6, 6], 19, 6, p);
    let relu = b.op(Op::Relu, &[sum], &[3, 6, 6], 19, 6, None);
    let t = b.op(Op::Trunc { shift: 3 }, &[relu], &[3, 6, 6], 12, 3, None);
    let flat = b.op(Op::Reshape, &[t], &[108], 12, 3, None);
    let linear = Op::Linear(Linear {
        inputs: 108,
        outputs: 4,
        weight_bits: 6,
        weight_frac: 3,
        sparsity: None,
    });
    let p = params(&mut s, 108 * 4, 6, 4, 21);
    let sum = b.op(linear, &[flat], &[4], 21, 6, p);
    b.op(Op::Trunc { shift: 3 }, &[sum], &[4], 18, 3, None);
    b.finish()
}

/// Where the messages under encryption lie: the key, each layer's inputs; each layer's replies.
pub(crate) fn messages(plan: &Plan, bytes: [usize; 2]) -> (Vec<[usize; 2]>, Vec<[usize; 2]>) {
    let (mut ups, mut downs, mut turned) = (Vec::new(), Vec::new(), 0);
    for step in &plan.steps {
        let Some((_, lattice)) = step.under_encryption() else {
            turned += step.offline.client_bytes;
            continue;
        };
        if ups.is_empty() {
            ups.push(lattice.set.key_bytes());
        }
        ups.push(step.offline.client_bytes);
        downs.push(step.offline.server_bytes);
    }
    // Behind them: turned material, the inference, and the message that ends the session.
    let behind = turned + plan.cost.inference.client_bytes + 5;
    let place = |sizes: &[u64], end: u64| {
        let mut at = end - sizes.iter().sum::<u64>();
        let each = sizes.iter().map(|size| {
            at += size;
            [(at - size) as usize, at as usize]
        });
        each.collect()
    };
    (
        place(&ups, bytes[0] as u64 - behind),
        place(&downs, bytes[1] as u64 - plan.cost.inference.server_bytes),
    )
}

/// An error is one line that names the peer.
fn blames(error: &RunError) {
    let line = error.to_string();
    assert!(line.contains("peer") && !line.contains('\n'), "{line}");
    assert!(!matches!(error, RunError::Contradiction(_)), "{line}");
}

struct Field {
    model: Model,
    input: Vec<i64>,
    all_online: bool,
}

impl Field {
    /// Runs under a change; true if an answer came out.
    fn attack(&self, way: Way, change: &Change) -> (bool, bool) {
        let began = Instant::now();
        let network = (&self.model, self.all_online);
        let outcome = run(network, &self.input, way, change);
        assert!(
            began.elapsed() < Duration::from_secs(40),
            "{way:?} {change:?}"
        );
        let refused = |error: &RunError| matches!(error, RunError::He(_));
        let mut by_encryption = false;
        for error in [outcome.client.as_ref().err(), outcome.server.as_ref().err()] {
            error.inspect(|error| blames(error));
            by_encryption |= error.is_some_and(refused);
        }
        (outcome.client.is_ok(), by_encryption)
    }
}

#[test]
fn changed_messages_under_encryption_end_in_garbage_or_in_one_line() {
    let model = network();
    let input = inputs(&model, 3, 0).remove(0);
    let clear = model.evaluate(&input).unwrap();
    let honest = run((&model, false), &input, Way::Up, &Change::None);
    assert_eq!(honest.client.unwrap().logits, Some(clear.logits));
    honest.server.unwrap();
    let (ups, downs) = messages(&honest.plan.unwrap(), honest.bytes);
    let field = Field {
        model,
        input,
        all_online: false,
    };
    let mut s = Stream(5);
    for (way, all) in [(Way::Up, ups), (Way::Down, downs)] {
        let (mut answers, mut refusals) = (0, 0);
        let mut attack = |change: Change| {
            let (answered, refused) = field.attack(way, &change);
            answers += usize::from(answered);
            refusals += usize::from(refused);
        };
        for [start, end] in all.iter().copied() {
            let within = |s: &mut Stream| start + s.next() as usize % (end - start);
            // Seeds, first and last coefficients, spare bits behind them, and what lies between.
            for place in [start, start + 16, end - 1] {
                attack(Change::Flip(vec![(place, 1 << (s.next() % 8))]));
            }
            let many = (0..200).map(|_| (within(&mut s), s.next() as u8));
            attack(Change::Flip(many.collect()));
            attack(Change::Put(start + 16, vec![0xff; end - start - 16]));
            attack(Change::Put(start, vec![0; end - start]));
            // A coefficient too many, a message too many, and a connection that ends amid one.
            attack(Change::Insert(within(&mut s), vec![0x5a; 13]));
            attack(Change::Stop(within(&mut s)));
        }
        // A coefficient too few: the other side waits in vain and says so.
        let [start, end] = all[0];
        attack(Change::Drop(start + (end - start) / 2, 13));
        // The first message in the place of the second.
        let [first, second] = [all[0], all[1]];
        attack(Change::Insert(second[0], vec![1; first[1] - first[0]]));
        assert!(answers > 0 && refusals > 0, "{way:?}: {answers} {refusals}");
    }
}

/// The same amid an inference before which nothing was prepared: keys, shares, replies, trees of silent OT, comparisons.
#[test]
fn changed_messages_of_an_unprepared_inference_end_in_garbage_or_in_one_line() {
    let model = network();
    let input = inputs(&model, 3, 0).remove(0);
    let clear = model.evaluate(&input).unwrap();
    let honest = run((&model, true), &input, Way::Up, &Change::None);
    assert_eq!(honest.client.unwrap().logits, Some(clear.logits));
    honest.server.unwrap();
    let cost = honest.plan.unwrap().cost.inference;
    let field = Field {
        model,
        input,
        all_online: true,
    };
    let mut s = Stream(8);
    // The client ends the session with one more message.
    let ends = [honest.bytes[0] - 5, honest.bytes[1]];
    let moved = [cost.client_bytes as usize, cost.server_bytes as usize];
    for ((way, end), moved) in [Way::Up, Way::Down].into_iter().zip(ends).zip(moved) {
        let mut answers = 0;
        let within = |s: &mut Stream| end - moved + s.next() as usize % moved;
        for _ in 0..6 {
            let flip = Change::Flip(vec![(within(&mut s), 1 << (s.next() % 8))]);
            answers += usize::from(field.attack(way, &flip).0);
            let stop = Change::Stop(within(&mut s));
            assert!(!field.attack(way, &stop).0, "{way:?} {stop:?}");
        }
        let many = (0..500).map(|_| (within(&mut s), s.next() as u8));
        field.attack(way, &Change::Flip(many.collect()));
        field.attack(way, &Change::Insert(within(&mut s), vec![0x5a; 13]));
        field.attack(way, &Change::Drop(within(&mut s), 13));
        assert!(answers > 0, "{way:?}");
    }
}
