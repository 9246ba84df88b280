//! Sessions of two parties, in memory and over sockets.

mod it {
    mod memory;
}
