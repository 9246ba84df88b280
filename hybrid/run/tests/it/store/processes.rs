//! Two real processes over a real connection and real files, one of which is killed at any time.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use privet_net::{Allow, Identity, Listener, Options};
use privet_plan::Party;
use privet_run::store::{Disk, Listing, Store};

use super::ledger::{self, Ledger, Script, script};
use crate::it::models::Stream;

const ROLE: &str = "PRIVET_STORE_TEST_ROLE";
const DIR: &str = "PRIVET_STORE_TEST_DIR";

fn plain() -> Options {
    Options {
        insecure_plain: true,
        ..Options::default()
    }
}

/// Not a test of its own: a party of the test below, which lives until it is done or killed.
#[test]
#[ignore = "runs as the child process of another test"]
fn child() {
    let (role, dir) = (
        env::var(ROLE).unwrap(),
        PathBuf::from(env::var(DIR).unwrap()),
    );
    let ledger = Ledger::on_disk(&dir.join("released"));
    let identity = Identity::generate().unwrap();
    if role == "server" {
        let listener = Listener::bind("127.0.0.1:0", &identity, Allow::Anyone, plain()).unwrap();
        println!("listening {}", listener.local_addr());
        let store = Store::open(&dir.join("server")).unwrap();
        let mut session = listener.accept().unwrap();
        let _ended = ledger::server(session.lane(0).unwrap(), &store, &ledger);
    } else {
        let mut words = role.split(' ').skip(1);
        let mut next = || words.next().unwrap();
        let (address, fill_to, consume) = (next(), next(), next());
        let peer = identity.fingerprint();
        let mut session = privet_net::connect(address, &identity, peer, &plain()).unwrap();
        let store = Store::open(&dir.join("client")).unwrap();
        let mut random = || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).unwrap();
            bytes
        };
        let script = script(fill_to.parse().unwrap(), consume.parse().unwrap());
        let wire = session.lane(0).unwrap();
        if ledger::client(wire, &store, &ledger, script, &mut random).is_ok() {
            println!("done");
        }
    }
}

fn spawn(dir: &Path, role: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "it::store::processes::child",
            "--ignored",
            "--nocapture",
        ])
        .env(ROLE, role)
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// One session of two processes; `kill`: which of them dies, how long after both have been started.
fn session(dir: &Path, script: Script, kill: Option<(Party, Duration)>) -> bool {
    let mut server = spawn(dir, "server");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| {
            line.unwrap()
                .split_once("listening ")
                .map(|(_, a)| a.to_owned())
        })
        .unwrap();
    let Script {
        fill_to, consume, ..
    } = script;
    let mut client = spawn(dir, &format!("client {address} {fill_to} {consume}"));
    if let Some((party, after)) = kill {
        std::thread::sleep(after);
        let victim = match party {
            Party::Client => &mut client,
            Party::Server => &mut server,
        };
        victim.kill().unwrap();
    }
    let output = client.wait_with_output().unwrap();
    // A server that no client has reached would wait for one.
    if kill.is_some() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let done = String::from_utf8_lossy(&output.stdout).contains("done");
    if !done {
        let _ended = server.kill();
    }
    server.wait().unwrap();
    done
}

fn ready(dir: &Path, party: &str) -> BTreeSet<u64> {
    let listing = Listing::read(&Disk, &dir.join(party)).unwrap();
    assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
    let entries = listing.shelves.iter().flat_map(|s| &s.entries);
    entries.map(|e| e.counter).collect()
}

#[test]
fn killed_processes_never_release_an_entry_twice() {
    let dir = env::temp_dir().join(format!("privet-store-kill-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut random = Stream(9);
    let (mut died, mut whole) = (0, Duration::ZERO);
    for round in 0..24 {
        if round % 6 == 0 {
            assert!(session(&dir, script(8, 0), None));
            // How long an undisturbed session takes on this machine: within that time somebody dies.
            let started = Instant::now();
            assert!(session(&dir, script(0, 2), None));
            whole = started.elapsed();
        }
        let victim = [Party::Client, Party::Server][random.next() as usize % 2];
        let after = whole * u32::try_from(random.next() % 1000).unwrap() / 1000;
        died += usize::from(!session(&dir, script(0, 2), Some((victim, after))));
        assert!(session(&dir, ledger::LOOK, None), "an undisturbed session");
        assert_eq!(ready(&dir, "client"), ready(&dir, "server"));
    }
    assert!(session(&dir, script(4, 4), None));
    assert!(ready(&dir, "client").is_empty());
    let released = std::fs::read_to_string(dir.join("released")).unwrap();
    let lines: Vec<&str> = released.lines().collect();
    let distinct: BTreeSet<&str> = lines.iter().copied().collect();
    assert_eq!(distinct.len(), lines.len(), "an entry was released twice");
    assert!(
        lines.len() >= 8 && died > 0,
        "{} lines, {died} died",
        lines.len()
    );
    std::io::stdout().flush().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}
