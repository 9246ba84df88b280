//! Files that were changed, cut off, lost or put there by others; what lies on the disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use privet_plan::Party;
use privet_run::store::msgs::Holdings;
use privet_run::store::{Disk, EntryState, Files, Listing, Store, StoreError};

use super::ledger::{Pair, Script, about, half_of, key, open, script};

/// A way to spoil a file; the bool: the file's entry can still be used.
type Spoil = (&'static str, fn(&mut Vec<u8>));

const SPOILS: [Spoil; 7] = [
    ("emptied", |bytes| bytes.clear()),
    ("cut in the header", |bytes| bytes.truncate(40)),
    ("cut at the end", |bytes| {
        bytes.pop();
    }),
    ("longer", |bytes| bytes.push(0)),
    ("another header", |bytes| bytes[60] ^= 1),
    ("another payload", |bytes| {
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
    }),
    ("foreign", |bytes| *bytes = b"#!/bin/sh\n".repeat(20)),
];

fn first(pair: &Pair, party: Party, ending: &str) -> PathBuf {
    pair.machine(party).contents(ending)[0].0.clone()
}

#[test]
fn a_damaged_entry_is_passed_over_and_the_others_stay() {
    for party in [Party::Client, Party::Server] {
        for (ending, spoils) in [("1.ready", &SPOILS[..]), ("1.key", &SPOILS[..3])] {
            for (name, spoil) in spoils {
                let mut pair = Pair::new(3);
                assert!(pair.session(script(3, 0)));
                let path = first(&pair, party, ending);
                pair.machine(party).tamper(&path, spoil);
                let all = Script {
                    damaged: true,
                    ..script(0, 3)
                };
                assert!(pair.session(all), "{party}, {ending} {name}");
                // A header whose transcript is another, or a lost key, shows only on use.
                assert_eq!(pair.ledger.releases() / 2, 2, "{party}, {ending} {name}");
                assert!(pair.session(script(2, 2)), "{party}, {ending} {name}");
                assert_eq!(pair.ledger.releases() / 2, 4);
            }
        }
    }
}

#[test]
fn damage_is_told_in_one_line_that_names_the_file() {
    for (name, spoil) in SPOILS.iter().filter(|s| !s.0.starts_with("another")) {
        let mut pair = Pair::new(4);
        assert!(pair.session(script(2, 0)));
        let path = first(&pair, Party::Client, "1.ready");
        pair.client.tamper(&path, spoil);
        let store = open(&pair.client).unwrap();
        let warnings = store.take_warnings();
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        assert!(!warnings[0].contains('\n') && warnings[0].contains("1.ready"));
        let listing = Listing::read(&pair.client, store.root()).unwrap();
        assert_eq!(listing.damaged, warnings);
        assert_eq!(listing.shelves[0].ready, 1, "the other one");
    }
}

#[test]
fn a_damaged_shelf_begins_anew() {
    for party in [Party::Client, Party::Server] {
        for (name, spoil) in [SPOILS[0], SPOILS[1], SPOILS[3], SPOILS[6]] {
            let mut pair = Pair::new(5);
            assert!(pair.session(script(3, 1)));
            let path = first(&pair, party, "state");
            pair.machine(party).tamper(&path, spoil);
            assert!(pair.session(script(2, 2)), "{party}: {name}");
            assert_eq!(pair.ledger.releases(), 6);
        }
    }
}

#[test]
fn everything_can_be_discarded_damaged_or_not() {
    let mut pair = Pair::new(11);
    assert!(pair.session(script(3, 0)));
    let state = first(&pair, Party::Client, "state");
    pair.client.tamper(&state, |bytes| bytes.truncate(9));
    let store = open(&pair.client).unwrap();
    assert_eq!(store.take_warnings().len(), 1);
    assert_eq!(store.discard(|_, _| true).unwrap(), 0);
    assert_eq!(pair.client.contents(".ready").len(), 3);
    store.discard_all().unwrap();
    for ending in [".ready", "state", "1.key"] {
        assert!(pair.client.contents(ending).is_empty(), "{ending}");
    }
    drop(store);
    assert!(open(&pair.client).unwrap().take_warnings().is_empty());
    assert!(pair.session(script(1, 1)));
}

#[test]
fn foreign_files_are_left_alone() {
    let mut pair = Pair::new(6);
    assert!(pair.session(script(2, 0)));
    let ready = first(&pair, Party::Client, "1.ready");
    let key = first(&pair, Party::Client, "1.key");
    let foreign = [
        ready.with_file_name("notes.txt"),
        ready.with_file_name("01.ready"),
        key.with_file_name("x.key"),
    ];
    for path in &foreign {
        pair.client.tamper(path, |bytes| bytes.extend(*b"mine"));
    }
    assert!(pair.session(script(0, 2)));
    assert_eq!(open(&pair.client).unwrap().take_warnings().len(), 3);
    for path in foreign {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(pair.client.contents(&name)[0].1, b"mine");
    }
}

#[test]
fn what_is_burnt_cannot_be_opened_any_more() {
    let mut pair = Pair::new(7);
    assert!(pair.session(script(1, 0)));
    let before = pair.client.contents("1.ready")[0].clone();
    let state = pair.client.contents("state")[0].clone();
    let wrapped = pair.client.contents("1.key")[0].1.clone();
    let transcript = *pair.holds(Party::Client).first().unwrap();
    assert!(pair.client.finds(&wrapped[24..56]));
    assert!(pair.session(script(0, 1)));
    // No file has the key any more, not even one that was removed, and none ever had the payload.
    assert!(!pair.client.finds(&wrapped[24..56]));
    let payload = half_of(Party::Client, transcript);
    assert!(!pair.client.finds(&payload[1..65]) && pair.client.finds(&payload[1..33]));
    // An old copy of the material, with the store's key as it is today.
    pair.client
        .tamper(&before.0, |bytes| *bytes = before.1.clone());
    pair.client
        .tamper(&state.0, |bytes| *bytes = state.1.clone());
    let burnt = first(&pair, Party::Client, "1.burnt");
    Files::remove(&pair.client, &burnt).unwrap();
    let store = open(&pair.client).unwrap();
    let key = key(Party::Client);
    let ours = store.holdings(&key).unwrap();
    let entry = ours.held()[0];
    let (settled, _) = store.settle(&key, &about(), None, &ours).unwrap();
    let Err(StoreError::Damaged { path, .. }) = store.burn(&settled, &entry) else {
        panic!("opened without its key")
    };
    assert!(path.ends_with("1.key"));
}

/// A folder of the machine's own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("privet-store-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A shelf that both sides agree to be empty.
fn shelf(store: &Store) -> privet_run::store::Settled {
    let theirs = Holdings::none([1; 16]);
    store
        .settle(&key(Party::Server), &about(), None, &theirs)
        .unwrap()
        .0
}

fn put(store: &Store, settled: &privet_run::store::Settled, payload: Vec<u8>) -> [u8; 32] {
    let slot = store.reserve(settled, None).unwrap();
    let mut transcript = [3; 32];
    transcript[..8].copy_from_slice(&slot.id().counter.to_le_bytes());
    let payload = zeroize::Zeroizing::new(payload);
    let pending = store.put(settled, slot, &about(), transcript, payload);
    store.ready(settled, &pending.unwrap()).unwrap();
    transcript
}

#[test]
fn a_store_on_the_disk_is_for_its_owner_and_for_one_process() {
    let folder = Folder::new("disk");
    let store = Store::open(&folder.0).unwrap();
    assert!(matches!(
        Store::open(&folder.0),
        Err(StoreError::Busy { .. })
    ));
    let settled = shelf(&store);
    // Chunks: none, one, one and a bit, three exactly.
    for size in [0, 1 << 20, (1 << 20) + 5, 3 << 20] {
        put(&store, &settled, vec![size as u8 ^ 0x5a; size]);
    }
    #[cfg(unix)]
    assert_private(&folder.0);
    let listing = Listing::read(&Disk, &folder.0).unwrap();
    let line = &listing.shelves[0];
    assert_eq!((line.ready, line.pending, line.burnt_to), (4, 0, 0));
    assert_eq!(line.bytes, (5 << 20) + 5);
    assert_eq!(
        (line.model.as_str(), line.half.as_str()),
        ("digits", "server")
    );
    assert!(line.entries.iter().all(|e| e.state == EntryState::Ready));
    assert!(store.bytes() > line.bytes);

    drop(store);
    let store = Store::open(&folder.0).unwrap();
    for size in [0, 1 << 20, (1 << 20) + 5, 3 << 20] {
        let entry = store.first_ready(&settled).unwrap().unwrap();
        let payload = store.burn(&settled, &entry).unwrap().into_payload();
        assert_eq!(*payload, vec![size as u8 ^ 0x5a; size]);
        assert!(matches!(
            store.burn(&settled, &entry),
            Err(StoreError::Gone { .. })
        ));
    }
    assert_eq!(store.bytes(), 0);
    put(&store, &settled, vec![1; 10]);
    assert_eq!(store.discard(|_, about| about.model == "other").unwrap(), 0);
    assert_eq!(
        store.discard(|_, about| about.model == "digits").unwrap(),
        1
    );
    assert!(Listing::read(&Disk, &folder.0).unwrap().shelves.is_empty());
    assert_eq!(store.bytes(), 0);
}

#[cfg(unix)]
fn assert_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).unwrap();
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_dir() {
        assert_eq!(mode, 0o700, "{}", path.display());
        for entry in std::fs::read_dir(path).unwrap() {
            assert_private(&entry.unwrap().path());
        }
    } else {
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn a_store_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("exposed");
    drop(Store::open(&folder.0).unwrap());
    for path in [folder.0.clone(), folder.0.join("keys/store.key")] {
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, open).unwrap();
        let refused = Store::open(&folder.0).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("mode 755"), "{refused}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert!(Store::open(&folder.0).is_ok());
}

#[test]
fn models_keep_their_identities() {
    let pair = Pair::new(8);
    let store = open(&pair.client).unwrap();
    let (a, b) = (
        store.model_id(b"weights a").unwrap(),
        store.model_id(b"weights b").unwrap(),
    );
    assert_ne!(a, b);
    drop(store);
    let store = open(&pair.client).unwrap();
    assert_eq!(store.model_id(b"weights a").unwrap(), a);
    assert_eq!(store.model_id(b"weights b").unwrap(), b);
    // Another store gives other numbers: they say nothing of the weights.
    assert_ne!(
        open(&pair.server).unwrap().model_id(b"weights a").unwrap(),
        a
    );
    drop(store);
    let models = pair.client.contents("models")[0].0.clone();
    pair.client.tamper(&models, |bytes| bytes.truncate(20));
    let refused = open(&pair.client).unwrap().model_id(b"weights a");
    assert!(matches!(refused, Err(StoreError::Damaged { .. })));
}

#[test]
fn threads_never_get_the_same_entry() {
    let pair = Pair::new(9);
    let store = open(&pair.server).unwrap();
    let settled = shelf(&store);
    for n in 0..200u8 {
        put(&store, &settled, vec![n; 1000]);
    }
    let taken: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let work = || {
            let mut taken = Vec::new();
            while let Some(entry) = store.first_ready(&settled).unwrap() {
                match store.burn(&settled, &entry) {
                    Ok(burnt) => taken.push(burnt.into_payload()[999]),
                    Err(StoreError::Gone { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            taken
        };
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let all: Vec<u8> = taken.concat();
    let distinct: BTreeSet<u8> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "an entry was released twice");
    assert_eq!(distinct.len(), 200, "and none was lost");
    // Names of burnt entries do not pile up.
    assert!(pair.server.contents(".burnt").len() < 80);
    drop(store);
    let store = open(&pair.server).unwrap();
    assert_eq!(store.mark(&settled).unwrap(), 200);
    assert!(pair.server.contents(".burnt").is_empty());
}

#[test]
fn a_store_has_a_bound() {
    let pair = Pair::new(10);
    let store = open(&pair.server).unwrap();
    store.set_limit(4900);
    let settled = shelf(&store);
    put(&store, &settled, vec![0; 3000]);
    let slot = store.reserve(&settled, None).unwrap();
    let payload = zeroize::Zeroizing::new(vec![0; 3000]);
    let full = store.put(&settled, slot, &about(), [0; 32], payload);
    assert!(matches!(full.map(|_| ()), Err(StoreError::Full { .. })));
    put(&store, &settled, vec![0; 1500]);
    let full = store.reserve(&settled, None).map(|_| ());
    assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
}

/// Wherever a write finds the disk full, nothing of the half stays, and there is room again.
#[test]
fn a_full_disk_keeps_nothing_of_a_half_written_entry() {
    let pair = Pair::new(12);
    let store = open(&pair.server).unwrap();
    let settled = shelf(&store);
    put(&store, &settled, vec![0; 3000]);
    let before = store.bytes();
    let mut refused = 0;
    for room in (0..).step_by(60) {
        let slot = store.reserve(&settled, None).unwrap();
        let counter = slot.id().counter;
        pair.server.set_room(Some(room));
        let payload = zeroize::Zeroizing::new(vec![0; 3000]);
        let outcome = store.put(&settled, slot, &about(), [0; 32], payload);
        pair.server.set_room(None);
        if outcome.is_ok() {
            break;
        }
        refused += 1;
        for ending in ["new", "pending", "key"] {
            let left = pair.server.contents(&format!("/{counter}.{ending}"));
            assert!(left.is_empty(), "{room}: {left:?}");
        }
        assert_eq!(store.bytes(), before);
    }
    assert!(refused > 50, "{refused}");
}

/// Names of burnt entries pile up where no state can be written, but no entry is lost by that.
#[test]
fn a_full_disk_costs_no_entry_that_is_burnt() {
    let pair = Pair::new(13);
    let store = open(&pair.client).unwrap();
    let settled = shelf(&store);
    for n in 0..80u8 {
        put(&store, &settled, vec![n; 10]);
    }
    pair.client.set_room(Some(0));
    for n in 0..80u8 {
        let entry = store.first_ready(&settled).unwrap().unwrap();
        let payload = store.burn(&settled, &entry).unwrap().into_payload();
        assert_eq!(*payload, vec![n; 10]);
    }
    assert!(!store.take_warnings().is_empty());
    assert_eq!(store.mark(&settled).unwrap(), 80);
    drop(store);
    pair.client.set_room(None);
    let store = open(&pair.client).unwrap();
    assert_eq!(store.mark(&settled).unwrap(), 80);
    assert!(pair.client.contents(".burnt").is_empty());
}

/// What a crash left of burnt entries was not counted when the store opens, so its end is not either.
#[test]
fn what_the_sweep_erases_is_not_taken_off_the_others() {
    let pair = Pair::new(14);
    let store = open(&pair.client).unwrap();
    let settled = shelf(&store);
    for _ in 0..10 {
        put(&store, &settled, vec![0; 500]);
    }
    let (path, ninth) = pair.client.contents("/9.ready")[0].clone();
    for _ in 0..9 {
        let entry = store.first_ready(&settled).unwrap().unwrap();
        drop(store.burn(&settled, &entry).unwrap());
    }
    let left = store.bytes();
    assert!(left > 500);
    drop(store);
    pair.client.tamper(&path, |bytes| *bytes = ninth);
    let store = open(&pair.client).unwrap();
    assert!(pair.client.contents("/9.ready").is_empty());
    assert_eq!(store.bytes(), left);
}

/// The parent of a store that is named by a bare name.
#[test]
fn the_current_folder_can_be_synced() {
    Disk.sync_dir(Path::new("")).unwrap();
    assert!(Disk.sync_dir(Path::new("no such folder")).is_err());
}

#[test]
fn threads_share_the_room() {
    let pair = Pair::new(15);
    let store = open(&pair.server).unwrap();
    let settled = shelf(&store);
    store.set_limit(5 << 20);
    let slots: Vec<_> = (0..8)
        .map(|_| store.reserve(&settled, None).unwrap())
        .collect();
    let start = std::sync::Barrier::new(slots.len());
    let stored: usize = std::thread::scope(|scope| {
        let one = |slot| {
            let payload = zeroize::Zeroizing::new(vec![7; 2 << 20]);
            start.wait();
            store
                .put(&settled, slot, &about(), [0; 32], payload)
                .is_ok()
        };
        let threads: Vec<_> = slots
            .into_iter()
            .map(|slot| scope.spawn(move || one(slot)))
            .collect();
        let done = threads.into_iter().map(|t| t.join().unwrap());
        done.map(usize::from).sum()
    });
    assert!(stored <= 2, "{stored} of two megabytes each in five");
    assert!(store.bytes() <= 5 << 20);
}
