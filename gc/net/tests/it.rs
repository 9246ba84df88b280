//! Sessions of two parties, in memory and over sockets.

#[cfg(test)]
mod it {
    mod death;
    mod hostile;
    mod identities;
    mod link;
    mod memory;
    mod parties;
    mod processes;
    mod replay;
    mod sockets;
}
