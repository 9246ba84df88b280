//! What a peer may do wrong, and what comes of it: an error, never a panic.

use privet_net::Session;
use privet_plan::{Backend, Caps, Choice, Comparison, Party, Plan, PlanOptions, Reveal};
use privet_run::handshake::{Hello, MAX_CONTROL, MAX_OFFER, Offer, PROTOCOL, Reply, Request};
use privet_run::server::Offered;
use privet_run::{Client, ClientOptions, RunError, ServerOptions, Silent};

use super::models::linear;

/// A server of this project against a script that plays the client.
fn serve_against(script: impl FnOnce(&mut Session) + Send) -> Result<(), RunError> {
    let (mut ours, theirs) = Session::pair(1);
    let offered = [Offered {
        model: linear(4, 3, 8, 5, 3, 1),
        id: [1; 16],
    }];
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            privet_run::serve(theirs, &offered, &ServerOptions::default(), &mut Silent).map(|_| ())
        });
        script(&mut ours);
        drop(ours);
        server.join().expect("the server must not panic")
    })
}

pub(crate) fn hello() -> Hello {
    Hello {
        protocol: PROTOCOL,
        model: None,
        backend: Choice::Only(Backend::Gc),
        comparison: Choice::Auto,
        reveal: Reveal::Label,
        garbler: Party::Server,
        strict: false,
        all_online: false,
        insecure_verify: false,
    }
}

#[test]
fn the_server_refuses_what_it_does_not_grant() {
    let wishes: [(Hello, &str); 5] = [
        (
            Hello {
                garbler: Party::Client,
                ..hello()
            },
            "garbling client is not granted",
        ),
        (
            Hello {
                protocol: 99,
                ..hello()
            },
            "protocol 99",
        ),
        (
            Hello {
                reveal: Reveal::Logits,
                ..hello()
            },
            "logits is not granted",
        ),
        (
            Hello {
                model: Some("other\u{7}".into()),
                ..hello()
            },
            "no model 'other'",
        ),
        (
            Hello {
                insecure_verify: true,
                ..hello()
            },
            "not granted",
        ),
    ];
    for (wish, expected) in wishes {
        let outcome = serve_against(|session| {
            let control = &mut session.lanes_mut()[0];
            control.send_msg(&wish).unwrap();
            let Offer::Refused(reason) = control.recv_msg(MAX_OFFER).unwrap() else {
                panic!("granted {wish:?}")
            };
            assert!(reason.contains(expected), "{reason}");
        });
        assert!(matches!(outcome, Err(RunError::Incompatible(_))));
    }
}

#[test]
fn bytes_that_are_no_message_end_the_session() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0; 64]] {
        let outcome = serve_against(|session| {
            let control = &mut session.lanes_mut()[0];
            control.send(bytes).unwrap();
            control.flush().unwrap();
        });
        assert!(outcome.is_err());
    }
}

#[test]
fn an_unagreed_clear_result_is_refused() {
    let outcome = serve_against(|session| {
        let control = &mut session.lanes_mut()[0];
        control.send_msg(&hello()).unwrap();
        let Offer::Plan { .. } = control.recv_msg(MAX_OFFER).unwrap() else {
            panic!()
        };
        control.send_msg(&Reply::Accept).unwrap();
        let _receiver = privet_ot::cot::Receiver::setup(control).unwrap();
        control
            .send_msg(&Request::InsecureVerify(vec![0; 4]))
            .unwrap();
        control.flush().unwrap();
        // Wait for the server's end before hanging up.
        let _ = control.recv(&mut [0]);
    });
    assert!(
        matches!(outcome, Err(RunError::PeerMisbehaved(_))),
        "{outcome:?}"
    );
}

/// A client of this project against a script that plays the server.
fn client_against(
    options: &ClientOptions,
    script: impl FnOnce(&mut Session) + Send,
) -> Result<(), RunError> {
    let (ours, mut theirs) = Session::pair(1);
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            script(&mut theirs);
        });
        let outcome = Client::start(ours, options).map(|_| ());
        server.join().unwrap();
        outcome
    })
}

fn offer(change: impl FnOnce(&mut Plan)) -> impl FnOnce(&mut Session) + Send {
    let options = PlanOptions::default();
    let mut plan = Plan::new(linear(4, 3, 8, 5, 3, 1).graph, options, 1 << 30).unwrap();
    change(&mut plan);
    move |session| {
        let control = &mut session.lanes_mut()[0];
        let _: Hello = control.recv_msg(MAX_CONTROL).unwrap();
        control
            .send_msg(&Offer::Plan {
                model_id: [0; 16],
                graph: Box::new(plan.graph),
                options: plan.options,
                plan_hash: plan.hash,
            })
            .unwrap();
        control.flush().unwrap();
        let reply: Reply = control.recv_msg(MAX_CONTROL).unwrap();
        assert!(matches!(reply, Reply::Refuse(_)), "{reply:?}");
    }
}

#[test]
fn the_client_refuses_another_plan() {
    let wishes = ClientOptions::default();
    let other_hash = client_against(&wishes, offer(|plan| plan.hash[0] ^= 1));
    assert!(
        matches!(other_hash, Err(RunError::Incompatible(_))),
        "{other_hash:?}"
    );
    let other_reveal = client_against(&wishes, offer(|plan| plan.options.reveal = Reveal::Logits));
    assert!(matches!(other_reveal, Err(RunError::PeerMisbehaved(_))));
    let few_bits = ClientOptions {
        backend: Choice::Only(Backend::Ot),
        comparison: Choice::Only(Comparison::FewBits),
        ..ClientOptions::default()
    };
    let other_comparison = offer(|plan| plan.options.backend = Backend::Ot);
    let other_comparison = client_against(&few_bits, other_comparison);
    assert!(matches!(other_comparison, Err(RunError::PeerMisbehaved(_))));
    let pinned = ClientOptions {
        plan_hash: Some([7; 32]),
        ..ClientOptions::default()
    };
    let unpinned = client_against(&pinned, offer(|_| {}));
    assert!(matches!(unpinned, Err(RunError::Incompatible(_))));
    let terminal = client_against(&wishes, offer(|plan| plan.graph.name = "a\u{1b}[2J".into()));
    assert!(matches!(terminal, Err(RunError::Graph(_))));
    let broken = client_against(
        &wishes,
        offer(|plan| plan.graph.tensors[0].shape = vec![1 << 60, 1 << 60]),
    );
    assert!(matches!(broken, Err(RunError::Graph(_))), "{broken:?}");
    let dangling = client_against(&wishes, offer(|plan| plan.graph.output.0 = 4000));
    assert!(matches!(dangling, Err(RunError::Graph(_))));
}

#[test]
fn the_client_keeps_its_caps() {
    for caps in [
        Caps {
            bytes: 1000,
            ..Caps::default()
        },
        Caps {
            memory: 1000,
            ..Caps::default()
        },
    ] {
        let wishes = ClientOptions {
            caps,
            ..ClientOptions::default()
        };
        let outcome = client_against(&wishes, offer(|_| {}));
        let Err(error) = outcome else {
            panic!("accepted a plan above its caps")
        };
        assert!(error.to_string().contains("cap"), "{error}");
    }
}

#[test]
fn a_server_that_hangs_up_is_an_error() {
    let outcome = client_against(&ClientOptions::default(), |session| {
        let _: Hello = session.lanes_mut()[0].recv_msg(MAX_CONTROL).unwrap();
    });
    assert!(matches!(outcome, Err(RunError::Net(_))), "{outcome:?}");
}

/// Small graphs that would take much to plan are refused while they are planned.
#[test]
fn a_graph_that_is_costly_to_plan_is_refused_early() {
    use privet_model::quant::ir::{Conv, Op, Params, TensorId};

    use super::models::{Build, window};

    let mut b = Build::new(&[1, 191, 191], 8, 2);
    let conv = Conv {
        in_channels: 1,
        out_channels: 1,
        groups: 1,
        window: window(96, 1, 0, 0),
        weight_bits: 4,
        weight_frac: 2,
        sparsity: None,
    };
    let params = Some(Params {
        weights: vec![1; 96 * 96],
        bias: vec![0],
    });
    b.op(Op::Conv(conv), &[TensorId(0)], &[1, 96, 96], 10, 4, params);
    let graph = b.finish().graph;
    let limits = privet_model::quant::Limits::default();
    assert!(graph.validate(&limits).is_ok());
    // A window that no polynomial holds: its tables are too many before that is found out.
    let hybrid = PlanOptions {
        backend: privet_plan::Backend::Hybrid,
        ..PlanOptions::default()
    };
    let outcome = Plan::new(graph.clone(), hybrid, 64 << 20);
    assert!(matches!(
        outcome,
        Err(privet_plan::PlanError::AboveCap { .. })
    ));
    let started = std::time::Instant::now();
    let outcome = Plan::new(graph, PlanOptions::default(), 64 << 20);
    assert!(matches!(
        outcome,
        Err(privet_plan::PlanError::AboveCap { .. })
    ));
    assert!(started.elapsed() < std::time::Duration::from_secs(5));

    let mut b = Build::new(&[3], 8, 2);
    let many = vec![TensorId(0); 100_000];
    b.op(Op::Add, &many, &[3], 8, 2, None);
    let outcome = Plan::new(b.finish().graph, PlanOptions::default(), 8 << 20);
    assert!(matches!(
        outcome,
        Err(privet_plan::PlanError::AboveCap { .. })
    ));
}

/// A ranking is counted before its netlist is made: the count of answers is the server's, how many are wanted the client's.
#[test]
fn a_ranking_that_is_costly_to_plan_is_refused_before_it_is_made() {
    use privet_model::quant::ir::{Op, TensorId};

    use super::models::Build;

    let mut b = Build::new(&[5000], 8, 2);
    b.op(Op::Relu, &[TensorId(0)], &[5000], 8, 2, None);
    let graph = b.finish().graph;
    for backend in privet_plan::Backend::ALL {
        for reveal in [Reveal::Top(5), Reveal::Top(5000)] {
            let options = PlanOptions {
                backend,
                reveal,
                ..PlanOptions::default()
            };
            // No netlist ranks so many: who tried to make it would say so.
            let outcome = Plan::new(graph.clone(), options, 32 << 20);
            assert!(
                matches!(outcome, Err(privet_plan::PlanError::AboveCap { .. })),
                "{:?}",
                outcome.map(|plan| plan.cost)
            );
        }
    }
}
