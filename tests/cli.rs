//! The program as a user meets it: two processes, right and wrong input, a peer that dies.

mod cli {
    mod commands;
    mod death;
    mod networks;
    mod rig;
    mod wrong;
}
