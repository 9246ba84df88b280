//! No allocation beyond the plan: whatever a relay makes of messages, neither party takes more memory than in an honest inference.
//!
//! Each party is a process of its own, this test's binary once more, whose allocator counts. The relay changes lengths, counts and
//! ciphertexts; each inference ends with an answer or with a line that names the peer.

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use privet_net::{Allow, Identity, Listener, Options};
use privet_plan::{Backend, Choice, Reveal};
use privet_run::server::Offered;
use privet_run::{Client, ClientOptions, RunError, ServerOptions, Silent};

use super::models::Stream;
use super::ops::inputs;
use super::relay::{Change, Way, pass};
use super::tampered::{messages, network, run};
use crate::ALLOCATOR;

const ROLE: &str = "PRIVET_ALLOCATION_TEST_ROLE";

/// What a party may take beyond the honest inferences' peak: 24 of the largest frames, which happen to be queued (6 each way) or kept for
/// reuse when somebody is slow or ends.
const MARGIN: usize = 24 * privet_net::MAX_FRAME;

/// Longest life of a party: the test takes about a minute, most of which it waits for lost messages.
const LIFETIME: Duration = Duration::from_secs(900);

fn plain() -> Options {
    Options {
        insecure_plain: true,
        stall: Duration::from_secs(3),
        ..Options::default()
    }
}

/// Does a party's part and says how much more memory than before it took at a time, and how it ended.
fn measure(part: impl FnOnce() -> Result<(), RunError>) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let outcome = part();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let how = outcome.map_or_else(|error| format!("{error}"), |()| "answered".to_owned());
    println!("party {taken} {how}");
}

/// Not a test of its own: a party of the test below, which lives until its input ends.
#[test]
#[ignore = "runs as the child process of another test"]
fn child() {
    // A panic of whatever thread ends the process, and with it the test.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
    // Nor does one that waits in vain outlive it for long.
    std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        std::process::abort();
    });
    let role = env::var(ROLE).unwrap();
    let model = network();
    let input = inputs(&model, 3, 0).remove(0);
    let identity = Identity::generate().unwrap();
    let lines = std::io::stdin().lines();
    let Some(address) = role.strip_prefix("client ") else {
        let listener = Listener::bind("127.0.0.1:0", &identity, Allow::Anyone, plain()).unwrap();
        println!("listening {}", listener.local_addr());
        let offered = [Offered { model, id: [7; 16] }];
        for line in lines {
            measure(|| {
                if line.as_ref().is_ok_and(|line| line == "waste") {
                    drop(std::hint::black_box(vec![1u8; 8 * MARGIN]));
                    return Ok(());
                }
                let session = listener.accept()?;
                let grants = ServerOptions {
                    reveal: Reveal::Logits,
                    ..ServerOptions::default()
                };
                privet_run::serve(session, &offered, &grants, &mut Silent).map(|_| ())
            });
        }
        return;
    };
    for _ in lines {
        measure(|| {
            let session =
                privet_net::connect(address, &identity, identity.fingerprint(), &plain())?;
            let wishes = ClientOptions {
                backend: Choice::Only(Backend::Hybrid),
                reveal: Reveal::Logits,
                ..ClientOptions::default()
            };
            let mut client = Client::start(session, &wishes)?;
            client.infer_integers(&input, &mut Silent)?;
            client.finish()
        });
    }
}

/// A process that is told by a line to take part in one more inference.
struct Party {
    child: Child,
    go: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Memory that a party took, and how its inference ended.
struct Ended {
    taken: usize,
    how: String,
}

impl Party {
    fn spawn(role: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "it::allocation::child"])
            .args(["--ignored", "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            go: child.stdin.take().unwrap(),
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    fn word(&mut self, before: &str) -> String {
        let mut found = self.lines.by_ref().map(Result::unwrap);
        let found = found.find_map(|line| line.split_once(before).map(|(_, rest)| rest.to_owned()));
        found.expect("the process must not die")
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.go, "{line}").unwrap();
    }

    fn ended(&mut self) -> Ended {
        let line = self.word("party ");
        let (taken, how) = line.split_once(' ').unwrap();
        Ended {
            taken: taken.parse().unwrap(),
            how: how.to_owned(),
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Both processes, and the relay's entrance between them.
struct Field {
    client: Party,
    server: Party,
    entrance: TcpListener,
    inner: String,
}

impl Field {
    fn new() -> Self {
        let mut server = Party::spawn("server");
        let inner = server.word("listening ");
        let entrance = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = format!("client {}", entrance.local_addr().unwrap());
        Self {
            client: Party::spawn(&client),
            server,
            entrance,
            inner,
        }
    }

    /// One inference: the client's end and the server's.
    fn infer(&mut self, way: Way, change: &Change) -> [Ended; 2] {
        self.server.tell("infer");
        self.client.tell("infer");
        let (left, _) = self.entrance.accept().unwrap();
        let right = TcpStream::connect(&self.inner).unwrap();
        pass((left, right), way, change);
        [self.client.ended(), self.server.ended()]
    }
}

/// Bytes from the beginning on that describe wishes, graph and plan.
const HANDSHAKE: usize = 400;

/// Changes of lengths, counts and ciphertexts, each at some of the messages under encryption.
fn changes(messages: &[[usize; 2]], s: &mut Stream) -> Vec<Change> {
    let mut changes = Vec::new();
    for [start, end] in messages.iter().copied() {
        let mut within = || start + s.next() as usize % (end - start);
        changes.extend([
            Change::Flip(vec![(start, 1)]),
            Change::Flip(vec![(end - 1, 0x80)]),
            Change::Flip((0..100).map(|_| (within(), 0xff)).collect()),
            Change::Put(start, vec![0xff; end - start]),
            Change::Insert(within(), vec![0x5a; 70_000]),
            Change::Stop(within()),
        ]);
    }
    // Frames that claim to be longer than they are, and than any may be: at the handshake and behind it.
    for frame in [0, 2, 8] {
        changes.extend([1 << 30, u32::MAX].map(|len| Change::Claim(frame, len)));
    }
    changes.push(Change::Claim(8, 1 << 17));
    // Lengths within the handshake's messages: of the graph and its lists.
    for place in (0..HANDSHAKE).step_by(41) {
        changes.push(Change::Put(place, vec![0xff; 9]));
    }
    changes
}

#[test]
fn tampering_takes_no_memory_beyond_the_honest_run() {
    let model = network();
    let input = inputs(&model, 3, 0).remove(0);
    let honest = run((&model, false), &input, Way::Up, &Change::None);
    honest.client.unwrap();
    let (ups, downs) = messages(&honest.plan.unwrap(), honest.bytes);
    let mut field = Field::new();
    // The first inference of a process also fills its caches.
    let peaks = [(); 6].map(|()| {
        let ended = field.infer(Way::Up, &Change::None);
        ended.map(|ended| {
            assert_eq!(ended.how, "answered");
            ended.taken
        })
    });
    let peak = [0, 1].map(|party: usize| peaks[1..].iter().map(|peak| peak[party]).max().unwrap());
    // What a party takes is seen.
    field.server.tell("waste");
    assert!(field.server.ended().taken >= 8 * MARGIN);
    let mut s = Stream(6);
    let mut refused = 0;
    for (way, messages) in [(Way::Up, ups), (Way::Down, downs)] {
        for change in changes(&messages, &mut s) {
            let ended = field.infer(way, &change);
            for (party, ended) in ended.iter().enumerate() {
                let (taken, how) = (ended.taken, &ended.how);
                assert!(
                    taken <= peak[party] + MARGIN,
                    "{taken} bytes of {peaks:?} by party {party} under {way:?} {change:?}: {how}"
                );
                // Whose fault it is that wishes or graphs are others, nobody can tell.
                let agreed = !matches!(&change, Change::Put(place, _) if *place < HANDSHAKE);
                let named = how == "answered" || how.contains("peer");
                assert!(named || !agreed, "{way:?} {change:?}: {how}");
                refused += usize::from(how != "answered");
            }
        }
    }
    assert!(refused > 60, "{refused}");
}
