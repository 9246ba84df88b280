//! Two parties in this process, each with threads of its own, over TLS on loopback.

use std::thread;

use privet_net::{Allow, Channel, Identity, Listener, Options, Session};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::CalibrateError;

/// Two parties and their threads.
pub struct Pair {
    threads: usize,
    client: ThreadPool,
    server: ThreadPool,
}

impl Pair {
    /// So many threads a party.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn new(threads: usize) -> Result<Self, CalibrateError> {
        let pool = || ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Self {
            threads,
            client: pool()?,
            server: pool()?,
        })
    }

    /// Does something on the server's threads alone.
    pub(super) fn server<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.server.install(work)
    }

    /// A fresh session between the parties: what the client and the server make of it.
    pub(super) fn meet<C: Send, S: Send, E>(
        &self,
        client: impl FnOnce(Session) -> Result<C, E> + Send,
        server: impl FnOnce(Session) -> Result<S, E> + Send,
    ) -> Result<(C, S), CalibrateError>
    where
        E: Send,
        CalibrateError: From<E>,
    {
        let generate = || Identity::generate().map_err(privet_net::Error::from);
        let (ours, theirs) = (generate()?, generate()?);
        let options = Options {
            lanes: self.threads,
            ..Options::default()
        };
        let allow = Allow::List(vec![ours.fingerprint()]);
        let listener = Listener::bind("127.0.0.1:0", &theirs, allow, options.clone())?;
        let address = listener.local_addr().to_string();
        thread::scope(|scope| {
            let here = scope.spawn(|| -> Result<C, CalibrateError> {
                let session = privet_net::connect(&address, &ours, theirs.fingerprint(), &options)?;
                Ok(self.client.install(|| client(session))?)
            });
            let there = listener
                .accept()
                .map_err(CalibrateError::Net)
                .and_then(|session| Ok(self.server.install(|| server(session))?));
            let died = |_| Err(CalibrateError::Probe("a thread died".to_owned()));
            // What the client has to say comes first: a server whose client failed only lost it.
            Ok((here.join().unwrap_or_else(died)?, there?))
        })
    }

    /// The same with the first lane of the session.
    pub(super) fn channels<C: Send, S: Send, E>(
        &self,
        client: impl FnOnce(&mut Channel) -> Result<C, E> + Send,
        server: impl FnOnce(&mut Channel) -> Result<S, E> + Send,
    ) -> Result<(C, S), CalibrateError>
    where
        E: Send + From<privet_net::Error>,
        CalibrateError: From<E>,
    {
        self.meet(
            |mut session| client(session.lane(0)?),
            |mut session| server(session.lane(0)?),
        )
    }
}
