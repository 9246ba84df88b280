//! The store of prepared material: honest lives, damage, crashes at every point.

mod crash;
mod damage;
mod hostile;
mod ledger;
mod processes;
mod sessions;
mod sim;
