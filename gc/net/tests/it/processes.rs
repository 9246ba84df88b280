//! Two processes, one of which is killed or stopped.

use super::parties::{SOON, quick, within};
use privet_net::{Allow, Error, Identity, IoError, Listener, Session, connect};
use std::{
    env,
    process::{Child, Command, Stdio},
};

const SERVER: &str = "PRIVET_NET_TEST_SERVER";

/// Not a test of its own: the other process of those below, which lives until it is killed.
#[test]
#[ignore = "runs as the child process of other tests"]
fn child() {
    let server = env::var(SERVER).unwrap();
    let (address, fingerprint) = server.split_once(' ').unwrap();
    let identity = Identity::generate().unwrap();
    let mut session = connect(address, &identity, fingerprint.parse().unwrap(), &quick()).unwrap();
    let lane = session.lane(0).unwrap();
    lane.send(b"!").unwrap();
    lane.flush().unwrap();
    let _killed = lane.recv(&mut [0]);
}

fn with_child() -> (Session, Child) {
    let identity = Identity::generate().unwrap();
    let listener = Listener::bind("127.0.0.1:0", &identity, Allow::Anyone, quick()).unwrap();
    let server = format!("{} {}", listener.local_addr(), identity.fingerprint());
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "it::processes::child", "--ignored"])
        .env(SERVER, server)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut session = listener.accept().unwrap();
    session.lane(0).unwrap().recv(&mut [0]).unwrap();
    (session, child)
}

#[test]
fn a_killed_process_is_noticed_at_once() {
    let (mut session, mut child) = with_child();
    child.kill().unwrap();
    let error = within(SOON, || {
        session.lane(0).unwrap().recv(&mut [0]).unwrap_err()
    });
    assert!(
        matches!(error, Error::Io(IoError::ConnectionLost { .. })),
        "{error}"
    );
    within(SOON, || drop(session));
    child.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn a_stopped_process_is_dead_after_its_time() {
    let (mut session, mut child) = with_child();
    let stopped = Command::new("kill")
        .args(["-STOP", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    let error = within(SOON, || {
        session.lane(0).unwrap().recv(&mut [0]).unwrap_err()
    });
    assert!(matches!(error, Error::Io(IoError::Dead { .. })), "{error}");
    within(SOON, || drop(session));
    child.kill().unwrap();
    child.wait().unwrap();
}
