//! Private inference end to end, in memory: every operation, both garblers, against the oracle.

mod it {
    mod costs;
    mod hostile;
    mod models;
    mod ops;
    mod rig;
}
