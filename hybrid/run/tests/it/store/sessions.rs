//! Real material over authenticated sessions: prepared in one, used in another.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use privet_model::quant::ir::Model;
use privet_net::{Allow, Identity, Listener, Options, connect};
use privet_plan::{Backend, Choice, Reveal};
use privet_run::server::Offered;
use privet_run::store::Store;
use privet_run::{Client, ClientOptions, Report, RunError, Served, ServerOptions, Silent};

/// Two parties with identities and stores that outlive their sessions.
struct Parties {
    client: Identity,
    server: Identity,
    folder: PathBuf,
    /// The client's store, within the folder.
    place: &'static str,
    model: Model,
    input: Vec<i64>,
    logits: Vec<i64>,
    model_id: [u8; 16],
}

/// What a session did, seen from both sides.
type Seen<T> = (Result<T, RunError>, Result<Served, RunError>);

impl Parties {
    fn new(name: &str) -> Self {
        let name = format!("privet-prepared-{name}-{}", std::process::id());
        let with_weights = |model: &Model| {
            let mut nodes = model.graph.nodes.iter();
            nodes.any(|node| node.op.weight_bits().is_some())
        };
        let mut vectors = privet_model::quant::vectors().into_iter();
        let vector = vectors.find(|v| with_weights(&v.model)).unwrap();
        Self {
            client: Identity::generate().unwrap(),
            server: Identity::generate().unwrap(),
            place: "client",
            folder: std::env::temp_dir().join(name),
            input: vector.cases[0].input.clone(),
            logits: vector.cases[0].logits.clone(),
            model: vector.model,
            model_id: [3; 16],
        }
    }

    fn store(&self, party: &str) -> PathBuf {
        self.folder.join(party)
    }

    /// One session; the stores are opened for it and closed behind it.
    fn session<T>(
        &self,
        stores: (bool, bool),
        wishes: ClientOptions,
        work: impl FnOnce(&mut Client, &[i64]) -> Result<T, RunError>,
    ) -> Seen<T> {
        let allow = Allow::List(vec![self.client.fingerprint()]);
        let options = Options::default();
        let listener = Listener::bind("127.0.0.1:0", &self.server, allow, options).unwrap();
        let address = listener.local_addr().to_string();
        let open = |wanted: bool, party| {
            wanted.then(|| Arc::new(Store::open(&self.store(party)).unwrap()))
        };
        // Before the server waits: on a machine so busy that this fails, it would wait for ever.
        let peer = self.server.fingerprint();
        let session = connect(&address, &self.client, peer, &Options::default()).unwrap();
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let grants = ServerOptions {
                    reveal: Reveal::Logits,
                    store: open(stores.1, "server"),
                    ..ServerOptions::default()
                };
                let offered = [Offered {
                    model: self.model.clone(),
                    id: self.model_id,
                }];
                let session = listener.accept().unwrap();
                privet_run::serve(session, &offered, &grants, &mut Silent)
            });
            let wishes = ClientOptions {
                store: open(stores.0, self.place),
                ..wishes
            };
            let run = || {
                let mut client = Client::start(session, &wishes)?;
                let outcome = work(&mut client, &self.input)?;
                client.finish()?;
                Ok(outcome)
            };
            let outcome = run();
            (outcome, serving.join().unwrap())
        })
    }

    fn prepare(&self, wishes: ClientOptions, count: usize) {
        let (made, served) = self.session((true, true), wishes, |client, _| {
            client.begin_preparing()?;
            (0..count)
                .map(|_| client.prepare())
                .collect::<Result<Vec<_>, _>>()
        });
        let made = made.unwrap();
        assert_eq!(served.unwrap().prepared, count as u64);
        assert!(made.iter().all(|m| m.offline.bytes > 0 && m.bytes > 0));
        let mut numbers: Vec<u64> = made.iter().map(|m| m.counter).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }

    /// Asks so many times; every answer equals the oracle's. Reports of both sides.
    fn ask(&self, stores: (bool, bool), wishes: ClientOptions, times: usize) -> Vec<Report> {
        let (reports, served) = self.session(stores, wishes, |client, input| {
            let mut reports = Vec::new();
            for _ in 0..times {
                let (answer, report) = client.infer_integers(input, &mut Silent)?;
                if let Some(logits) = answer.logits {
                    assert_eq!(logits, self.logits);
                }
                reports.push(report);
            }
            Ok(reports)
        });
        let (reports, served) = (reports.unwrap(), served.unwrap());
        for (ours, theirs) in reports.iter().zip(&served.reports) {
            assert_eq!(ours.prepared, theirs.prepared);
            assert_eq!(ours.bytes, theirs.bytes);
            assert_eq!(ours.offline.bytes, theirs.offline.bytes);
        }
        reports
    }
}

impl Drop for Parties {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

fn wishes(backend: Backend) -> ClientOptions {
    ClientOptions {
        backend: Choice::Only(backend),
        reveal: Reveal::Logits,
        ..ClientOptions::default()
    }
}

fn prepared(reports: &[Report]) -> Vec<bool> {
    reports.iter().map(|r| r.prepared).collect()
}

#[test]
fn what_one_session_prepares_another_uses_once() {
    for backend in [Backend::Ot, Backend::GcOt, Backend::Hybrid] {
        let parties = Parties::new(&format!("use-{backend}"));
        parties.prepare(wishes(backend), 3);
        let first = parties.ask((true, true), wishes(backend), 2);
        assert_eq!(prepared(&first), [true, true]);
        let second = parties.ask((true, true), wishes(backend), 2);
        assert_eq!(prepared(&second), [true, false], "then it makes its own");
        let (stored, own) = (&second[0], &second[1]);
        // The first of a session each.
        assert_eq!(first[0].offline.bytes, own.offline.bytes);
        assert!(stored.online.bytes >= own.online.bytes);
        assert!(
            stored.online.bytes < own.online.bytes + 500,
            "the agreement"
        );
        assert_eq!(stored.bytes, stored.offline.bytes + stored.online.bytes);
        // A session that prepares nothing sets up no transfers for it.
        assert!(first[0].setup_bytes < own.setup_bytes);
        assert_eq!(
            prepared(&parties.ask((true, true), wishes(backend), 1)),
            [false]
        );
    }
}

#[test]
fn only_matching_material_is_used() {
    let mut parties = Parties::new("match");
    let ot = wishes(Backend::Ot);
    parties.prepare(ot.clone(), 2);
    // Another plan: what is revealed, or how it is evaluated.
    let label = ClientOptions {
        reveal: Reveal::Label,
        ..ot.clone()
    };
    assert_eq!(prepared(&parties.ask((true, true), label, 1)), [false]);
    let garbled = wishes(Backend::GcOt);
    assert_eq!(prepared(&parties.ask((true, true), garbled, 1)), [false]);
    // Another model of the same name.
    parties.model_id = [4; 16];
    assert_eq!(prepared(&parties.ask((true, true), ot.clone(), 1)), [false]);
    parties.model_id = [3; 16];
    assert_eq!(
        prepared(&parties.ask((false, true), ot.clone(), 1)),
        [false]
    );
    assert_eq!(
        prepared(&parties.ask((true, false), ot.clone(), 1)),
        [false]
    );
    // Another client.
    let client = std::mem::replace(&mut parties.client, Identity::generate().unwrap());
    parties.place = "other client";
    assert_eq!(prepared(&parties.ask((true, true), ot.clone(), 1)), [false]);
    (parties.client, parties.place) = (client, "client");
    assert_eq!(prepared(&parties.ask((true, true), ot, 2)), [true, true]);
}

#[test]
fn a_restored_copy_of_one_side_is_not_used_again() {
    for side in ["client", "server"] {
        let parties = Parties::new(&format!("restore-{side}"));
        parties.prepare(wishes(Backend::Ot), 3);
        copy(&parties.store(side), &parties.folder.join("copy"));
        assert_eq!(
            prepared(&parties.ask((true, true), wishes(Backend::Ot), 2)),
            [true, true]
        );
        std::fs::remove_dir_all(parties.store(side)).unwrap();
        copy(&parties.folder.join("copy"), &parties.store(side));
        let reports = parties.ask((true, true), wishes(Backend::Ot), 2);
        assert_eq!(prepared(&reports), [true, false], "the third, then none");
    }
}

#[test]
fn what_cannot_be_prepared_is_said() {
    let parties = Parties::new("cannot");
    let begin = |stores, backend| {
        let (outcome, served) = parties.session(stores, wishes(backend), |client, _| {
            client.begin_preparing()
        });
        let refused = outcome.unwrap_err();
        assert!(matches!(refused, RunError::Incompatible(_)), "{refused:?}");
        (refused.to_string(), served.is_ok())
    };
    assert!(begin((true, true), Backend::Gc).0.contains("--backend gc"));
    assert!(begin((false, true), Backend::Ot).0.contains("a store"));
    assert!(
        begin((true, false), Backend::Ot)
            .0
            .contains("server keeps no")
    );
}

#[cfg(unix)]
fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
