//! Inferences before whose input nothing was prepared.

use privet_model::quant::ir::*;
use privet_net::Session;
use privet_plan::{Backend, Choice, Comparison, Plan, PlanOptions, Reveal, ShareStep, StepKind};
use privet_run::handshake::{MAX_OFFER, Offer, Reply, Request};
use privet_run::server::Offered;
use privet_run::{Client, ClientOptions, RunError, ServerOptions, Silent};

use super::models::*;
use super::ops::{check_inputs, inputs};
use super::rig::{Setting, run};

/// A layer under construction: its tensor, planes and extent.
#[derive(Clone, Copy)]
struct At {
    tensor: TensorId,
    shape: [usize; 3],
}

/// A convolution with ReLU and truncation back to 13 bits of which 4 are fraction.
fn convolve(b: &mut Build, s: &mut Stream, from: At, planes: usize, kernel: usize) -> At {
    let [channels, height, width] = from.shape;
    let conv = Conv {
        in_channels: channels,
        out_channels: planes,
        groups: 1,
        window: window(kernel, 1, kernel / 2, kernel / 2),
        weight_bits: 6,
        weight_frac: 4,
        sparsity: None,
    };
    let shape = [planes, height, width];
    let p = params(s, planes * channels * kernel * kernel, 6, planes, 17);
    let acc = b.op(Op::Conv(conv), &[from.tensor], &shape, 17, 8, p);
    let relu = b.op(Op::Relu, &[acc], &shape, 17, 8, None);
    let tensor = b.op(Op::Trunc { shift: 4 }, &[relu], &shape, 13, 4, None);
    At { tensor, shape }
}

/// Convolutions, a residual addition, a max-pool, two layers that read one tensor and are joined, an average, a layer on all of it.
fn branches() -> Model {
    let mut s = Stream(31);
    let mut b = Build::new(&[2, 6, 6], 13, 4);
    let input = At {
        tensor: TensorId(0),
        shape: [2, 6, 6],
    };
    let first = convolve(&mut b, &mut s, input, 3, 3);
    let second = convolve(&mut b, &mut s, first, 3, 3);
    let operands = [first.tensor, second.tensor];
    let sum = b.op(Op::Add, &operands, &[3, 6, 6], 13, 4, None);
    let pool = Op::MaxPool(Pool {
        window: window(2, 2, 0, 0),
    });
    let squeezed = At {
        tensor: b.op(pool, &[sum], &[3, 3, 3], 13, 4, None),
        shape: [3; 3],
    };
    let [one, three] = [1, 3].map(|kernel| convolve(&mut b, &mut s, squeezed, 2, kernel));
    let operands = [one.tensor, three.tensor];
    let joined = b.op(Op::Concat { axis: 0 }, &operands, &[4, 3, 3], 13, 4, None);
    let average = Op::AvgPool {
        pool: Pool {
            window: window(3, 1, 0, 0),
        },
        count_padding: false,
        shift: 0,
    };
    let mean = b.op(average, &[joined], &[4, 1, 1], 13, 4, None);
    let flat = b.op(Op::Reshape, &[mean], &[4], 13, 4, None);
    let linear = Op::Linear(Linear {
        inputs: 4,
        outputs: 5,
        weight_bits: 5,
        weight_frac: 3,
        sparsity: None,
    });
    let p = params(&mut s, 4 * 5, 5, 5, 20);
    let z = b.op(linear, &[flat], &[5], 20, 7, p);
    b.op(Op::Trunc { shift: 3 }, &[z], &[5], 17, 4, None);
    b.finish()
}

fn online(backend: Backend) -> Setting {
    Setting {
        backend,
        all_online: true,
        ..Setting::default()
    }
}

fn plan(model: &Model, backend: Backend, all_online: bool) -> Plan {
    let options = PlanOptions {
        backend,
        all_online,
        ..PlanOptions::default()
    };
    Plan::new(model.graph.clone(), options, 1 << 30).unwrap()
}

/// Every backend equals the oracle, for several inputs of a session, and moves the bytes that the plan says.
#[test]
fn answers_are_the_oracles_and_bytes_the_plans() {
    let model = branches();
    for reveal in [Reveal::Logits, Reveal::Label] {
        let setting = Setting {
            reveal,
            ..online(Backend::Gc)
        };
        check_inputs(&model, setting, &inputs(&model, 5, 2));
    }
    for model in [super::tampered::network(), linear(33, 40, 12, 2, 6, 2)] {
        check_inputs(&model, online(Backend::Gc), &inputs(&model, 6, 2));
    }
}

/// Also with the largest parameters, and with either comparison.
#[test]
fn other_choices_of_the_plan_hold_as_well() {
    let model = branches();
    let input = &inputs(&model, 7, 1)[3..];
    let clear = model.evaluate(&input[0]).unwrap();
    let strict = Setting {
        strict: &[privet_plan::Party::Server],
        ..online(Backend::Hybrid)
    };
    let slow = Setting {
        link: privet_plan::LinkModel::shaped(0.05, 1.0),
        ..online(Backend::Hybrid)
    };
    for (setting, comparison) in [
        (strict, Comparison::FewTransfers),
        (slow, Comparison::FewBits),
    ] {
        let (answers, plan) = run(&model, input, setting).unwrap();
        assert_eq!(plan.options.comparison, comparison);
        let (answer, report) = &answers[0];
        assert_eq!(answer.logits.as_ref(), Some(&clear.logits));
        assert_eq!(report.online.bytes, plan.online_bytes(0));
        super::ops::check_flights(&plan, report);
    }
}

/// What is reported says so: no offline part, all bytes online. Where nothing could be prepared the wish changes nothing.
#[test]
fn reports_tell_that_nothing_was_prepared() {
    let model = super::tampered::network();
    let input = &inputs(&model, 1, 0)[..1];
    for backend in Backend::ALL {
        let (answers, agreed) = run(&model, input, online(backend)).unwrap();
        let report = &answers[0].1;
        assert_eq!(report.all_online, backend.shares(), "{backend}");
        assert!(!report.prepared);
        assert_eq!((report.offline.bytes, report.offline.flights), (0, 0));
        assert_eq!(report.bytes, report.online.bytes);
        assert_eq!(agreed.hash, plan_as_served(&model, backend, true).hash);
        let prepared = plan_as_served(&model, backend, false);
        assert_eq!(agreed.hash != prepared.hash, backend.shares(), "{backend}");
        let usual = Setting {
            backend,
            ..Setting::default()
        };
        let (answers, _) = run(&model, input, usual).unwrap();
        assert!(!answers[0].1.all_online);
    }
}

/// As the server plans, for the logits.
fn plan_as_served(model: &Model, backend: Backend, all_online: bool) -> Plan {
    let options = PlanOptions {
        backend,
        all_online,
        reveal: Reveal::Logits,
        norms: privet_plan::NormClass::of_model(model),
        ..PlanOptions::default()
    };
    Plan::new(model.graph.clone(), options, 1 << 30).unwrap()
}

/// No masks, no corrections, nothing fixed ahead, and never more material than the largest layer's.
#[test]
fn plans_have_neither_masks_nor_an_offline_part() {
    let model = branches();
    for backend in [Backend::Ot, Backend::GcOt, Backend::Hybrid] {
        let (usual, online) = (plan(&model, backend, false), plan(&model, backend, true));
        let masks = |plan: &Plan| {
            let steps = plan.steps.iter();
            let masks = steps.filter(|s| matches!(s.kind, StepKind::Share(ShareStep::Mask { .. })));
            masks.count()
        };
        assert!(masks(&usual) > 0 && masks(&online) == 0, "{backend}");
        assert_eq!(online.cost.offline, privet_plan::cost::StepCost::default());
        assert_eq!(online.offline_bytes(0), 0);
        assert!(online.demand.fixed_oles == 0 && online.demand.fixed_tables.is_empty());
        assert!(online.cost.material < usual.cost.material, "{backend}");
        assert!(online.cost.memory <= usual.cost.memory, "{backend}");
        // A share that is no mask is encrypted as it is, with all bits of its coefficients.
        let defines = online
            .steps
            .iter()
            .filter_map(privet_plan::Step::under_encryption);
        assert!(defines.into_iter().all(|(_, lattice)| !lattice.defines));
        let seconds = online.seconds(&Default::default(), &privet_plan::LinkModel::LOOPBACK);
        assert!(seconds.offline == 0.0 && seconds.online > 0.0);
    }
    let client_bytes = |all_online| {
        let plan = plan(&model, Backend::Hybrid, all_online);
        let (total, mut silent) = (plan.cost.total(), 0);
        silent += privet_plan::cost::silent::bytes_after(&total, 0).0;
        let encrypted = plan.steps.iter().filter(|s| s.under_encryption().is_some());
        let layers: u64 = encrypted
            .map(|s| s.cost.client_bytes + s.offline.client_bytes)
            .sum();
        (layers, silent)
    };
    assert!(client_bytes(true).0 > client_bytes(false).0);
}

/// A session up to the first request: the plan without preparation, a script in place of the client.
fn serve_against(
    backend: Backend,
    script: impl FnOnce(&mut Session) + Send,
) -> Result<(), RunError> {
    let (mut ours, theirs) = Session::pair(1);
    let model = linear(4, 40, 8, 5, 3, 1);
    let offered = [Offered { model, id: [1; 16] }];
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            privet_run::serve(theirs, &offered, &ServerOptions::default(), &mut Silent).map(|_| ())
        });
        let control = &mut ours.lanes_mut()[0];
        let mut hello = super::hostile::hello();
        hello.backend = Choice::Only(backend);
        hello.all_online = true;
        control.send_msg(&hello).unwrap();
        let offer: Offer = control.recv_msg(MAX_OFFER).unwrap();
        let granted = matches!(&offer, Offer::Plan { options, .. } if options.all_online);
        assert!(granted, "{offer:?}");
        control.send_msg(&Reply::Accept).unwrap();
        script(&mut ours);
        drop(ours);
        server.join().expect("the server must not panic")
    })
}

/// Noise in place of the set-up and of what follows, of many lengths: an error, at once.
#[test]
fn noise_in_place_of_an_inference_is_an_error() {
    for backend in [Backend::Ot, Backend::Hybrid] {
        for len in [0usize, 1, 31, 4128, 70_000, 700_000] {
            let outcome = serve_against(backend, |session| {
                let mut s = Stream(len as u64);
                let noise: Vec<u8> = (0..len).map(|_| s.next() as u8).collect();
                let control = &mut session.lanes_mut()[0];
                control.send_msg(&Request::Infer).unwrap();
                // The server may end the session while this side still sends.
                drop(control.send(&noise).and_then(|()| control.flush()));
            });
            assert!(outcome.is_err(), "{backend} {len}");
        }
    }
}

/// Nothing is stored for such a plan, and nothing is taken.
#[test]
fn prepared_material_is_out_of_the_question() {
    for request in [Request::Prepare, Request::InferPrepared] {
        let outcome = serve_against(Backend::Ot, |session| {
            let control = &mut session.lanes_mut()[0];
            control.send_msg(&request).unwrap();
            control.flush().unwrap();
            let _ = control.recv(&mut [0]);
        });
        assert!(matches!(outcome, Err(RunError::PeerMisbehaved(_))));
    }
    let (ours, theirs) = Session::pair(1);
    let model = linear(4, 40, 8, 5, 3, 1);
    let offered = [Offered { model, id: [1; 16] }];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            privet_run::serve(theirs, &offered, &ServerOptions::default(), &mut Silent).unwrap();
        });
        let wishes = ClientOptions {
            backend: Choice::Only(Backend::Ot),
            all_online: true,
            ..ClientOptions::default()
        };
        let mut client = Client::start(ours, &wishes).unwrap();
        let refused = client.begin_preparing().unwrap_err().to_string();
        assert!(refused.contains("prepares nothing"), "{refused}");
        client.finish().unwrap();
    });
}
