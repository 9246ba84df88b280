//! A private inference between two machines: handshake, set-up, execution of the plan, report.
//!
//! | seat | garbled circuits, `--garbler server` | `--garbler client` |
//! |---|---|---|
//! | client | evaluator, OT receiver, learns the output | garbler, OT sender, learns the output |
//! | server | garbler, OT sender | evaluator, OT receiver |
//!
//! [`serve`] and [`Client::infer`] are the two programs; both follow the same
//! [`privet_plan::Plan`], step by step, through one executor that is generic over the seat.

#![forbid(unsafe_code)]

pub mod circuit;
pub mod client;
pub mod error;
mod exec;
pub mod handshake;
pub mod report;
mod seat;
pub mod server;
pub mod store;

pub use client::{Answer, Client, ClientOptions};
pub use error::RunError;
pub use report::{LayerReport, Progress, Report, Silent};
pub use server::{Served, ServerOptions, serve};
