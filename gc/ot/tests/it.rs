//! Protocols between two threads over a session in memory.

mod it {
    mod conformance;
    mod costs;
    mod products;
    mod silent;
    mod transfers;
}
