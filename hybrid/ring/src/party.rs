//! The two machines as types.

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Client {}
    impl Sealed for super::Server {}
}

/// A machine's role, [`Client`] or [`Server`]; one text serves both, and shares of one cannot pass for the other's.
pub trait Party: sealed::Sealed + Copy + Send + Sync + 'static {
    /// Whether this party adds public constants to its shares, so that exactly one does.
    const ADDS_PUBLIC: bool;
    /// For messages and reports.
    const NAME: &'static str;
    /// The other machine.
    type Peer: Party<Peer = Self>;
}

/// The owner of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client;

/// The owner of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server;

impl Party for Client {
    const ADDS_PUBLIC: bool = false;
    const NAME: &'static str = "client";
    type Peer = Server;
}

impl Party for Server {
    const ADDS_PUBLIC: bool = true;
    const NAME: &'static str = "server";
    type Peer = Client;
}
