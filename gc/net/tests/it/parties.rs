//! Two parties on this machine.

use privet_net::{Allow, Error, Identity, Listener, Options, Session, connect};
use std::{
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// A server's and a client's identity, made once.
pub(crate) fn identities() -> &'static (Identity, Identity) {
    static MADE: OnceLock<(Identity, Identity)> = OnceLock::new();
    MADE.get_or_init(|| (Identity::generate().unwrap(), Identity::generate().unwrap()))
}

/// Options with short times, yet long enough for a busy machine.
pub(crate) fn quick() -> Options {
    Options {
        heartbeat: Duration::from_millis(50),
        dead: Duration::from_secs(1),
        handshake_timeout: Duration::from_secs(5),
        ..Options::default()
    }
}

pub(crate) fn plain() -> Options {
    Options {
        insecure_plain: true,
        ..quick()
    }
}

pub(crate) fn listen(options: &Options) -> Listener {
    let (server, client) = identities();
    let allow = Allow::List(vec![client.fingerprint()]);
    Listener::bind("127.0.0.1:0", server, allow, options.clone()).unwrap()
}

pub(crate) fn dial(listener: &Listener, options: &Options) -> Result<Session, Error> {
    let (server, client) = identities();
    connect(
        &listener.local_addr().to_string(),
        client,
        server.fingerprint(),
        options,
    )
}

/// A client's and a server's session with each other.
pub(crate) fn joined(client: &Options, server: &Options) -> (Session, Session) {
    let listener = listen(server);
    let there = thread::scope(|scope| {
        let accepted = scope.spawn(|| listener.accept());
        (dial(&listener, client), accepted.join().unwrap())
    });
    (there.0.unwrap(), there.1.unwrap())
}

/// Longer than anything that must not hang takes, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(4);

/// Runs `body`, which must end within `limit`.
pub(crate) fn within<T>(limit: Duration, body: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = body();
    let took = start.elapsed();
    assert!(took <= limit, "took {took:?}, allowed {limit:?}");
    result
}
