//! Two parties that prepare and use entries, and a ledger of what either has ever released.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use privet_net::Fingerprint;
use privet_plan::Party;
use privet_run::RunError;
use privet_run::store::drive::{self, Wire};
use privet_run::store::{About, Burnt, Files, Settled, ShelfKey, Store};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sim::{Machine, pipes};

pub(crate) const ROOT: &str = "/machine/store";

/// What the client wants next.
#[derive(Serialize, Deserialize)]
enum Ask {
    Settle,
    Prepare,
    Take,
    Done,
}

/// What happened to entries, by their transcript hashes.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Book>, Option<PathBuf>);

#[derive(Default)]
struct Book {
    /// Halves that were stored by both.
    kept: BTreeMap<[u8; 32], Vec<Party>>,
    /// Entries that must still be usable.
    alive: BTreeSet<[u8; 32]>,
    /// Entries whose use has begun, and those that a restored backup has lost.
    gone: BTreeSet<[u8; 32]>,
    released: BTreeSet<(bool, [u8; 32])>,
}

impl Ledger {
    /// One that several processes write: a line for each half that leaves a store.
    pub(crate) fn on_disk(path: &Path) -> Self {
        Self(Mutex::default(), Some(path.to_owned()))
    }

    fn kept(&self, half: Party, transcript: [u8; 32]) {
        let mut book = self.0.lock().unwrap();
        let halves = book.kept.entry(transcript).or_default();
        halves.push(half);
        if halves.len() == 2 && !book.gone.contains(&transcript) {
            book.alive.insert(transcript);
        }
    }

    /// From now on the entry may be lost.
    fn attempted(&self, transcript: &[u8; 32]) {
        let mut book = self.0.lock().unwrap();
        book.gone.insert(*transcript);
        book.alive.remove(transcript);
    }

    /// A payload has left a store: never a second time.
    pub(crate) fn release(&self, half: Party, burnt: Burnt) -> [u8; 32] {
        let payload = burnt.into_payload();
        let transcript: [u8; 32] = payload[1..33].try_into().unwrap();
        assert_eq!(*payload, *half_of(half, transcript), "another half");
        let mut book = self.0.lock().unwrap();
        let fresh = book.released.insert((half == Party::Client, transcript));
        assert!(fresh, "{half} released an entry twice");
        if let Some(path) = &self.1 {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.create(true).append(true).open(path).unwrap();
            file.write_all(format!("{half} {transcript:?}\n").as_bytes())
                .unwrap();
        }
        transcript
    }

    /// A backup was restored that has only these.
    pub(crate) fn restored(&self, has: &BTreeSet<[u8; 32]>) {
        let mut book = self.0.lock().unwrap();
        book.alive.retain(|transcript| has.contains(transcript));
    }

    pub(crate) fn alive(&self) -> BTreeSet<[u8; 32]> {
        self.0.lock().unwrap().alive.clone()
    }

    /// How many halves were released.
    pub(crate) fn releases(&self) -> usize {
        self.0.lock().unwrap().released.len()
    }

    fn is_released(&self, transcript: &[u8; 32]) -> bool {
        let book = self.0.lock().unwrap();
        [true, false]
            .iter()
            .any(|half| book.released.contains(&(*half, *transcript)))
    }
}

/// Bytes of test material.
const HALF: u64 = 129;

/// Test material: which half, and the transcript hash over and over.
pub(crate) fn half_of(half: Party, transcript: [u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut payload = vec![u8::from(half == Party::Client)];
    for _ in 0..4 {
        payload.extend_from_slice(&transcript);
    }
    Zeroizing::new(payload)
}

pub(crate) fn key(half: Party) -> ShelfKey {
    ShelfKey {
        peer: Fingerprint::of_public_key(&[u8::from(half == Party::Client)]),
        half,
        model: [5; 16],
        plan: [6; 32],
    }
}

pub(crate) fn about() -> About {
    About::new("digits", "ot")
}

/// What the parties do in a session.
#[derive(Clone, Copy)]
pub(crate) struct Script {
    /// Prepare until so many are ready.
    pub(crate) fill_to: usize,
    /// Use so many.
    pub(crate) consume: usize,
    /// Entries may turn out to be damaged.
    pub(crate) damaged: bool,
}

pub(crate) const LOOK: Script = Script {
    fill_to: 0,
    consume: 0,
    damaged: false,
};

pub(crate) const fn script(fill_to: usize, consume: usize) -> Script {
    Script {
        fill_to,
        consume,
        damaged: false,
    }
}

/// The client's program. `random` gives transcripts.
pub(crate) fn client(
    wire: &mut impl Wire,
    store: &Store,
    ledger: &Ledger,
    script: Script,
    random: &mut impl FnMut() -> [u8; 32],
) -> Result<Settled, RunError> {
    let (key, about) = (key(Party::Client), about());
    wire.send(&Ask::Settle)?;
    let settled = drive::settle_client(wire, store, &key, &about)?.expect("a store");
    while store.ready_count(&settled)? < script.fill_to {
        wire.send(&Ask::Prepare)?;
        let slot = drive::ask(wire, store, &settled, HALF)?;
        let transcript = random();
        wire.send(&transcript)?;
        let payload = half_of(Party::Client, transcript);
        drive::keep(wire, store, &settled, slot, &about, transcript, payload)?;
        ledger.kept(Party::Client, transcript);
    }
    for _ in 0..script.consume {
        let Some(next) = store.first_ready(&settled)? else {
            break;
        };
        wire.send(&Ask::Take)?;
        ledger.attempted(&next.transcript);
        let Some(burnt) = drive::take(wire, store, &settled)? else {
            assert!(script.damaged, "both hold it");
            break;
        };
        let passed_over = burnt.id().counter != next.counter;
        assert!(script.damaged || !passed_over, "none is passed over");
        let transcript = ledger.release(Party::Client, burnt);
        wire.send(&transcript)?;
        let other: [u8; 32] = wire.recv()?;
        assert_eq!(other, transcript, "the halves belong together");
    }
    wire.send(&Ask::Done)?;
    Ok(settled)
}

/// The server's program.
pub(crate) fn server(
    wire: &mut impl Wire,
    store: &Store,
    ledger: &Ledger,
) -> Result<Option<Settled>, RunError> {
    let (key, about) = (key(Party::Server), about());
    let mut settled = None;
    loop {
        match (wire.recv()?, &settled) {
            (Ask::Settle, _) => {
                settled = Some(drive::settle_server(wire, store, &key, &about)?);
            }
            (Ask::Prepare, Some(settled)) => {
                let slot = drive::grant(wire, store, settled, HALF)?;
                let transcript: [u8; 32] = wire.recv()?;
                let payload = half_of(Party::Server, transcript);
                drive::keep(wire, store, settled, slot, &about, transcript, payload)?;
                ledger.kept(Party::Server, transcript);
            }
            (Ask::Take, Some(settled)) => {
                if let Some(burnt) = drive::give(wire, store, settled)? {
                    let transcript = ledger.release(Party::Server, burnt);
                    let other: [u8; 32] = wire.recv()?;
                    assert_eq!(other, transcript, "the halves belong together");
                    wire.send(&transcript)?;
                }
            }
            (Ask::Done, _) => return Ok(settled),
            (Ask::Prepare | Ask::Take, None) => unreachable!("nothing is settled"),
        }
    }
}

/// Two machines and what they have done.
pub(crate) struct Pair {
    pub(crate) client: Machine,
    pub(crate) server: Machine,
    pub(crate) ledger: Ledger,
    transcripts: u64,
}

impl Pair {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            client: Machine::new(2 * seed),
            server: Machine::new(2 * seed + 1),
            ledger: Ledger::default(),
            transcripts: 0,
        }
    }

    pub(crate) fn machine(&self, party: Party) -> &Machine {
        match party {
            Party::Client => &self.client,
            Party::Server => &self.server,
        }
    }

    /// One session; true when both came to its end.
    pub(crate) fn session(&mut self, script: Script) -> bool {
        let (ours, theirs) = pipes(&self.client, &self.server);
        let ledger = &self.ledger;
        let transcripts = &mut self.transcripts;
        let mut random = || {
            *transcripts += 1;
            let mut transcript = [0xa5; 32];
            transcript[..8].copy_from_slice(&transcripts.to_le_bytes());
            transcript
        };
        let (here, there) = (self.client.clone(), self.server.clone());
        std::thread::scope(|scope| {
            // Each end of the wire goes with its program, or the other would wait for ever.
            let serving = scope.spawn(move || {
                let mut theirs = theirs;
                let store = open(&there)?;
                server(&mut theirs, &store, ledger).map(|_| ())
            });
            let run = move || {
                let mut ours = ours;
                let store = open(&here)?;
                client(&mut ours, &store, ledger, script, &mut random).map(|_| ())
            };
            let ours = run();
            let theirs = serving.join().expect("the server must not panic");
            ours.is_ok() && theirs.is_ok()
        })
    }

    /// What `party` holds and could use.
    pub(crate) fn holds(&self, party: Party) -> BTreeSet<[u8; 32]> {
        let store = open(self.machine(party)).unwrap();
        let holdings = store.holdings(&key(party)).unwrap();
        let warnings = store.take_warnings();
        assert!(warnings.is_empty(), "{warnings:?}");
        holdings.held().iter().map(|e| e.transcript).collect()
    }

    /// After an undisturbed meeting both hold the same, nothing that was released, and everything
    /// that must be usable.
    pub(crate) fn check(&mut self) {
        assert!(self.session(LOOK), "an undisturbed session");
        let held = self.holds(Party::Client);
        assert_eq!(held, self.holds(Party::Server));
        assert!(held.iter().all(|t| !self.ledger.is_released(t)));
        let alive = self.ledger.alive();
        assert!(alive.is_subset(&held), "{} of {}", held.len(), alive.len());
    }
}

pub(crate) fn open(machine: &Machine) -> Result<Store, RunError> {
    let files: Box<dyn Files> = Box::new(machine.clone());
    Ok(Store::open_with(Path::new(ROOT), files)?)
}
