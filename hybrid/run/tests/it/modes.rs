//! Ways to run that either party may ask for: the largest parameters under encryption.

use privet_net::Session;
use privet_plan::lattice::{Hiding, LatticeSet};
use privet_plan::{Backend, Choice, Party, Plan, PlanOptions, Step};
use privet_run::handshake::{Hello, MAX_CONTROL, Offer, Reply};
use privet_run::{Client, ClientOptions, RunError};

use super::ops::{check_inputs, inputs};
use super::rig::{Setting, run};
use super::tampered::network;

fn sets(plan: &Plan) -> Vec<LatticeSet> {
    let steps = plan.steps.iter().filter_map(Step::under_encryption);
    steps.map(|(_, lattice)| lattice.set).collect()
}

/// Whoever asks, every layer takes the larger parameters; answers stay the oracle's, bytes the plan's.
#[test]
fn either_party_may_ask_for_the_largest_parameters() {
    let model = network();
    let ways: [&'static [Party]; 4] = [
        &[],
        &[Party::Client],
        &[Party::Server],
        &[Party::Client, Party::Server],
    ];
    let plans = ways.map(|strict| {
        let setting = Setting {
            backend: Backend::Hybrid,
            strict,
            ..Setting::default()
        };
        check_inputs(&model, setting, &inputs(&model, 3, 1));
        let (answers, plan) = run(&model, &inputs(&model, 4, 0)[..1], setting).unwrap();
        assert_eq!(answers[0].1.hiding, plan.hiding());
        plan
    });
    let [usual, strict @ ..] = &plans;
    assert_eq!(sets(usual), [LatticeSet::Pair50; 2]);
    let hiding = |plan: &Plan| -> Hiding { plan.hiding().unwrap() };
    for plan in strict {
        assert_eq!(sets(plan), [LatticeSet::Strict; 2]);
        assert_eq!(plan.hash, strict[0].hash);
        assert!(hiding(plan).bits_per_inference > hiding(usual).bits_per_inference + 40.0);
        assert!(plan.cost.offline.bytes() > usual.cost.offline.bytes());
    }
    assert_ne!(usual.hash, strict[0].hash);
}

/// Where nothing is encrypted the wish changes nothing.
#[test]
fn other_backends_have_no_parameters() {
    for backend in [Backend::Gc, Backend::Ot, Backend::GcOt] {
        let hash = |strict| {
            let options = PlanOptions {
                backend,
                strict,
                ..PlanOptions::default()
            };
            let plan = Plan::new(network().graph, options, 1 << 30).unwrap();
            assert!(!plan.options.strict);
            plan.hash
        };
        assert_eq!(hash(true), hash(false), "{backend}");
    }
}

/// A server that grants less than was asked for is not followed.
#[test]
fn a_client_that_asks_takes_no_smaller_parameters() {
    let options = PlanOptions {
        backend: Backend::Hybrid,
        ..PlanOptions::default()
    };
    let plan = Plan::new(network().graph, options, 1 << 30).unwrap();
    let (ours, mut theirs) = Session::pair(1);
    let wishes = ClientOptions {
        backend: Choice::Only(Backend::Hybrid),
        strict: true,
        ..ClientOptions::default()
    };
    let outcome = std::thread::scope(|scope| {
        scope.spawn(move || {
            let control = &mut theirs.lanes_mut()[0];
            let hello: Hello = control.recv_msg(MAX_CONTROL).unwrap();
            assert!(hello.strict);
            let offer = Offer::Plan {
                model_id: [0; 16],
                graph: Box::new(plan.graph),
                options: plan.options,
                plan_hash: plan.hash,
            };
            control.send_msg(&offer).unwrap();
            control.flush().unwrap();
            let reply: Reply = control.recv_msg(MAX_CONTROL).unwrap();
            assert!(matches!(reply, Reply::Refuse(_)), "{reply:?}");
        });
        Client::start(ours, &wishes).map(|_| ())
    });
    assert!(
        matches!(outcome, Err(RunError::PeerMisbehaved(_))),
        "{outcome:?}"
    );
}
