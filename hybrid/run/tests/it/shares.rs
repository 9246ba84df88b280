//! Networks with linear layers on shares: what one operation alone does not show.

use std::time::{Duration, Instant};

use privet_model::quant::ir::*;
use privet_net::Session;
use privet_plan::{
    Backend, Caps, Choice, LinkModel, Party, Plan, PlanError, PlanOptions, Rates, Reveal, StepKind,
};
use privet_plan::{LANES, ShareStep};
use privet_run::handshake::{MAX_CONTROL, MAX_OFFER, Offer, Reply, Request};
use privet_run::server::Offered;
use privet_run::{Client, ClientOptions, RunError, ServerOptions, Silent};

use super::models::*;
use super::ops::{check_inputs, inputs};
use super::rig::{Setting, run};

fn plan(model: &Model, backend: Backend) -> Result<Plan, PlanError> {
    let options = PlanOptions {
        backend,
        ..PlanOptions::default()
    };
    Plan::new(model.graph.clone(), options, 1 << 30)
}

fn fully(
    b: &mut Build,
    s: &mut Stream,
    from: TensorId,
    [n, out]: [usize; 2],
    bits: u32,
) -> TensorId {
    let linear = Op::Linear(Linear {
        inputs: n,
        outputs: out,
        weight_bits: 6,
        weight_frac: 3,
        sparsity: None,
    });
    let p = params(s, n * out, 6, out, bits);
    b.op(linear, &[from], &[out], bits, 6, p)
}

/// One tensor read by layers of different rings, by a sum, and by a ReLU: one mask serves both layers.
#[test]
fn a_tensor_with_many_readers_has_one_mask() {
    let mut s = Stream(31);
    let mut b = Build::new(&[6], 12, 3);
    let first = fully(&mut b, &mut s, TensorId(0), [6, 7], 17);
    let t = b.op(Op::Trunc { shift: 3 }, &[first], &[7], 14, 3, None);
    let narrow = fully(&mut b, &mut s, t, [7, 5], 18);
    let wide = fully(&mut b, &mut s, t, [7, 5], 22);
    let wide = b.op(Op::Resize, &[wide], &[5], 18, 6, None);
    let sum = b.op(Op::Add, &[narrow, wide], &[5], 18, 6, None);
    let sum = b.op(Op::Trunc { shift: 3 }, &[sum], &[5], 14, 3, None);
    let relu = b.op(Op::Relu, &[t], &[7], 14, 3, None);
    let joined = b.op(Op::Concat { axis: 0 }, &[sum, relu], &[12], 14, 3, None);
    let last = fully(&mut b, &mut s, joined, [12, 3], 19);
    b.op(Op::Trunc { shift: 3 }, &[last], &[3], 16, 3, None);
    let model = b.finish();
    for backend in [Backend::Ot, Backend::GcOt] {
        let masks = plan(&model, backend).unwrap().steps;
        let masks = masks
            .iter()
            .filter(|step| matches!(step.kind, StepKind::Share(ShareStep::Mask { .. })));
        assert_eq!(masks.count(), 3, "{backend}");
    }
    check_inputs(&model, Setting::default(), &inputs(&model, 5, 3));
}

/// Masks are fixed ahead, so inputs of all layers under encryption are on their way before the first reply is taken.
#[test]
fn layers_under_encryption_do_not_wait_for_each_other() {
    let deep = |layers: usize| {
        let mut s = Stream(3);
        let mut b = Build::new(&[6], 12, 3);
        let mut t = TensorId(0);
        for _ in 0..layers {
            let sum = fully(&mut b, &mut s, t, [6, 6], 18);
            let relu = b.op(Op::Relu, &[sum], &[6], 18, 6, None);
            t = b.op(Op::Trunc { shift: 3 }, &[relu], &[6], 12, 3, None);
        }
        b.finish()
    };
    let flights = |layers: usize| {
        let model = deep(layers);
        let setting = Setting {
            backend: Backend::Hybrid,
            ..Setting::default()
        };
        let (answers, plan) = run(&model, &inputs(&model, 2, 0)[..1], setting).unwrap();
        (
            answers[0].1.offline.flights,
            u64::from(plan.cost.offline.flights.count()),
        )
    };
    let (two, nine) = (flights(2), flights(9));
    assert_eq!(two, nine);
    assert!(two.1 <= 5, "{two:?}");
}

/// A value that wraps in its own ring is extended from there, not from the ring of its shares.
#[test]
fn values_that_wrap_are_extended_with_their_own_sign() {
    let mut s = Stream(8);
    let mut b = Build::new(&[4], 10, 3);
    let z = fully(&mut b, &mut s, TensorId(0), [4, 6], 20);
    // 20 - 3 bits do not fit the result's ring: it wraps.
    let t = b.op(Op::Trunc { shift: 3 }, &[z], &[6], 9, 3, None);
    let sum = b.op(Op::Add, &[t, t], &[6], 9, 3, None);
    let y = fully(&mut b, &mut s, sum, [6, 5], 21);
    let r = b.op(Op::Relu, &[y], &[5], 21, 6, None);
    let t = b.op(Op::Trunc { shift: 3 }, &[r], &[5], 8, 3, None);
    let y = fully(&mut b, &mut s, t, [5, 2], 15);
    b.op(Op::Trunc { shift: 2 }, &[y], &[2], 10, 4, None);
    let model = b.finish();
    check_inputs(&model, Setting::default(), &inputs(&model, 9, 4));
}

/// More instances than a unit has lanes, on several lanes of a session.
#[test]
fn bytes_do_not_depend_on_lanes() {
    let model = linear(9, 3 * LANES + 5, 12, 6, 4, 3);
    for backend in Backend::ALL {
        let mut seen = Vec::new();
        for lanes in [1, 2, 3] {
            for reveal in [Reveal::Label, Reveal::Top(3), Reveal::Logits] {
                let setting = Setting {
                    backend,
                    reveal,
                    lanes,
                    ..Setting::default()
                };
                let inputs = inputs(&model, 2, 0);
                let (answers, plan) = run(&model, &inputs, setting).unwrap();
                for ((before, input), (answer, report)) in (0..).zip(&inputs).zip(&answers) {
                    let clear = model.evaluate(input).unwrap();
                    assert_eq!(answer.label as usize, clear.label);
                    assert_eq!(report.online.bytes, plan.cost.inference.bytes());
                    assert_eq!(report.offline.bytes, plan.offline_bytes(before));
                    assert_eq!(report.bytes, report.online.bytes + report.offline.bytes);
                }
                seen.push((reveal.to_string(), plan.hash));
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 3, "{backend}");
    }
}

#[test]
fn the_cheapest_allowed_backend_is_taken() {
    let model = linear(40, 60, 12, 8, 4, 3);
    let options = PlanOptions::default();
    let (caps, rates) = (Caps::default(), Rates::default());
    let cheapest = |backends: &[Backend], caps: &Caps, link: LinkModel| {
        Plan::cheapest(
            &model.graph,
            &options,
            (backends, Choice::Auto),
            caps,
            &rates,
            &link,
        )
    };
    let all = cheapest(&Backend::ALL, &caps, LinkModel::LOOPBACK).unwrap();
    assert!(all.options.backend.shares());
    let own = plan(&model, all.options.backend).unwrap();
    assert_eq!(own.hash, all.hash);
    let only = cheapest(&[Backend::Gc], &caps, LinkModel::LOOPBACK).unwrap();
    assert_eq!(only.options.backend, Backend::Gc);
    let seconds = |p: &Plan| p.seconds(&rates, &LinkModel::LOOPBACK).total();
    assert!(seconds(&all) <= seconds(&only));
    assert!(cheapest(&[], &caps, LinkModel::LOOPBACK).is_err());
    let thin = Caps {
        bytes: 1000,
        ..caps
    };
    let refused = cheapest(&Backend::ALL, &thin, LinkModel::LOOPBACK);
    assert!(matches!(refused, Err(PlanError::AboveCap { .. })));
    let hashes: Vec<_> = Backend::ALL.map(|b| plan(&model, b).unwrap().hash).into();
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
}

/// The server with these backends, a client with this wish: what the client comes to.
fn agree(backends: &[Backend], wish: &ClientOptions) -> Result<Backend, RunError> {
    let (ours, theirs) = Session::pair(1);
    let offered = [Offered {
        model: linear(4, 3, 8, 5, 3, 1),
        id: [1; 16],
    }];
    let grants = ServerOptions {
        backends: backends.to_vec(),
        client_may_garble: true,
        ..ServerOptions::default()
    };
    std::thread::scope(|scope| {
        scope.spawn(move || privet_run::serve(theirs, &offered, &grants, &mut Silent));
        let client = Client::start(ours, wish)?;
        let backend = client.plan().options.backend;
        client.finish()?;
        Ok(backend)
    })
}

#[test]
fn the_handshake_carries_the_backend() {
    let wish = |backend| ClientOptions {
        backend,
        ..ClientOptions::default()
    };
    let only = |b| wish(Choice::Only(b));
    for backend in Backend::ALL {
        assert_eq!(agree(&Backend::ALL, &only(backend)).unwrap(), backend);
        assert_eq!(agree(&[backend], &wish(Choice::Auto)).unwrap(), backend);
    }
    let refused = agree(&[Backend::Gc], &only(Backend::Ot)).unwrap_err();
    assert!(
        refused.to_string().contains("ot is not granted"),
        "{refused}"
    );
    assert!(matches!(refused, RunError::Incompatible(_)));
    let garbles = ClientOptions {
        garbler: Party::Client,
        ..only(Backend::GcOt)
    };
    let refused = agree(&Backend::ALL, &garbles).unwrap_err();
    assert!(
        refused.to_string().contains("the server garbles"),
        "{refused}"
    );
}

/// A server of this project against a script that plays the client up to its first request.
fn serve_against(
    backend: Backend,
    script: impl FnOnce(&mut Session, &Plan) + Send,
) -> Result<(), RunError> {
    let (mut ours, theirs) = Session::pair(1);
    let model = linear(4, 40, 8, 5, 3, 1);
    let plan = plan(&model, backend).unwrap();
    let offered = [Offered { model, id: [1; 16] }];
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            privet_run::serve(theirs, &offered, &ServerOptions::default(), &mut Silent).map(|_| ())
        });
        let control = &mut ours.lanes_mut()[0];
        let mut hello = super::hostile::hello();
        hello.backend = Choice::Only(backend);
        control.send_msg(&hello).unwrap();
        let offer: Offer = control.recv_msg(MAX_OFFER).unwrap();
        assert!(matches!(offer, Offer::Plan { .. }), "refused");
        control.send_msg(&Reply::Accept).unwrap();
        script(&mut ours, &plan);
        drop(ours);
        server.join().expect("the server must not panic")
    })
}

/// Noise in place of the set-up's and the material's messages, of many lengths: an error, at once.
#[test]
fn noise_in_place_of_material_is_an_error() {
    let started = Instant::now();
    for backend in [Backend::Ot, Backend::GcOt] {
        for len in [0usize, 1, 31, 32, 4128, 70_000, 700_000] {
            let outcome = serve_against(backend, |session, _| {
                let mut s = Stream(len as u64);
                let noise: Vec<u8> = (0..len).map(|_| s.next() as u8).collect();
                let control = &mut session.lanes_mut()[0];
                // Under `gc+ot` the garbled circuits' set-up comes before any request.
                if backend == Backend::Ot {
                    control.send_msg(&Request::Infer).unwrap();
                }
                // The server may end the session while this side still sends.
                drop(control.send(&noise).and_then(|()| control.flush()));
            });
            assert!(outcome.is_err(), "{backend} {len}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// A client that sets up honestly and then hangs up, before or amid its request.
#[test]
fn a_client_that_dies_amid_an_inference_ends_the_session() {
    let started = Instant::now();
    for bytes in [0usize, 10, 1000] {
        let outcome = serve_against(Backend::Ot, |session, _| {
            let control = &mut session.lanes_mut()[0];
            let set = privet_ot::silent::Parameters::default();
            let delta = privet_prim::Delta::random();
            control.send_msg(&Request::Infer).unwrap();
            let kept = privet_ot::silent::setup_second(control, delta, set).unwrap();
            control.send(&vec![7; bytes]).unwrap();
            control.flush().unwrap();
            drop(kept);
        });
        assert!(
            matches!(
                outcome,
                Err(RunError::Net(_) | RunError::Ot(_) | RunError::Gmw(_))
            ),
            "{outcome:?}"
        );
    }
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// A server that dies while the client waits for material.
#[test]
fn a_server_that_dies_amid_an_inference_is_an_error() {
    let model = linear(4, 40, 8, 5, 3, 1);
    let plan = plan(&model, Backend::Ot).unwrap();
    let (ours, mut theirs) = Session::pair(1);
    let wishes = ClientOptions {
        backend: Choice::Only(Backend::Ot),
        ..ClientOptions::default()
    };
    let outcome = std::thread::scope(|scope| {
        scope.spawn(move || {
            let control = &mut theirs.lanes_mut()[0];
            let _: privet_run::handshake::Hello = control.recv_msg(MAX_CONTROL).unwrap();
            let offer = Offer::Plan {
                model_id: [0; 16],
                graph: Box::new(plan.graph),
                options: plan.options,
                plan_hash: plan.hash,
            };
            control.send_msg(&offer).unwrap();
            let _: Reply = control.recv_msg(MAX_CONTROL).unwrap();
            let _: Request = control.recv_msg(MAX_CONTROL).unwrap();
            let set = privet_ot::silent::Parameters::default();
            let delta = privet_prim::Delta::random();
            drop(privet_ot::silent::setup_first(control, delta, set).unwrap());
            control.flush().unwrap();
        });
        let mut client = Client::start(ours, &wishes)?;
        client
            .infer_integers(&[1, 2, 3, 4], &mut Silent)
            .map(|_| ())
    });
    assert!(
        matches!(
            outcome,
            Err(RunError::Net(_) | RunError::Ot(_) | RunError::Gmw(_))
        ),
        "{outcome:?}"
    );
}

/// Two layers of one tensor whose ReLUs do not depend on each other: one step, with the flights of one; not where one reads the other's
/// result, or where their forms differ.
#[test]
fn branches_wait_together() {
    let network = |second: u32, chained: bool| {
        let mut s = Stream(12);
        let mut b = Build::new(&[6], 12, 3);
        let relu = |b: &mut Build, sum, n, bits| {
            let relu = b.op(Op::Relu, &[sum], &[n], bits, 6, None);
            b.op(Op::Trunc { shift: 3 }, &[relu], &[n], 15, 3, None)
        };
        let one = fully(&mut b, &mut s, TensorId(0), [6, 70], 18);
        let one = relu(&mut b, one, 70, 18);
        let (from, inputs) = if chained { (one, 70) } else { (TensorId(0), 6) };
        let two = fully(&mut b, &mut s, from, [inputs, 5], second);
        let two = relu(&mut b, two, 5, second);
        let joined = b.op(Op::Concat { axis: 0 }, &[one, two], &[75], 15, 3, None);
        let last = fully(&mut b, &mut s, joined, [75, 3], 28);
        b.op(Op::Trunc { shift: 3 }, &[last], &[3], 25, 3, None);
        b.finish()
    };
    let relus = |model: &Model, backend| {
        let steps = plan(model, backend).unwrap().steps.into_iter();
        let parts = steps.filter_map(|step| {
            let StepKind::Share(ShareStep::ReluTrunc(relu)) = step.kind else {
                return None;
            };
            Some(relu.parts.len())
        });
        parts.collect::<Vec<_>>()
    };
    let joined = network(18, false);
    let apart = [network(18, true), network(17, false)];
    for backend in [Backend::Ot, Backend::Hybrid] {
        assert_eq!(relus(&joined, backend), [2], "{backend}");
        for model in &apart {
            assert_eq!(relus(model, backend), [1, 1], "{backend}");
        }
    }
    // Very many are several steps: planning looks at all parts of the last one for each.
    let many = {
        let (mut b, mut s) = (Build::new(&[6], 12, 3), Stream(13));
        let branch = |b: &mut Build, s: &mut Stream| {
            let sum = fully(b, s, TensorId(0), [6, 4], 18);
            let relu = b.op(Op::Relu, &[sum], &[4], 18, 6, None);
            b.op(Op::Trunc { shift: 3 }, &[relu], &[4], 15, 3, None)
        };
        let all: Vec<TensorId> = (0..20).map(|_| branch(&mut b, &mut s)).collect();
        let joined = b.op(Op::Concat { axis: 0 }, &all, &[80], 15, 3, None);
        let last = fully(&mut b, &mut s, joined, [80, 3], 28);
        b.op(Op::Trunc { shift: 3 }, &[last], &[3], 25, 3, None);
        b.finish()
    };
    assert_eq!(relus(&many, Backend::Hybrid), [16, 4]);
    for model in apart.iter().chain([&joined, &many]) {
        for all_online in [false, true] {
            let setting = Setting {
                all_online,
                ..Setting::default()
            };
            check_inputs(model, setting, &inputs(model, 5, 2));
        }
    }
}
