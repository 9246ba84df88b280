//! A private inference between two machines: handshake, set-up, execution of the plan, report.
//!
//! | seat | garbled circuits, `--garbler server` | `--garbler client` |
//! |---|---|---|
//! | client | evaluator, OT receiver, learns the output | garbler, OT sender, learns the output |
//! | server | garbler, OT sender | evaluator, OT receiver |
//!
//! With linear layers on shares (`ot`, `gc+ot`, `hybrid`) the server is first the sender of silent OT, the server garbles, and each
//! inference has two parts: material that needs no input, then the inference proper. Where the client asks that nothing be prepared there is one:
//! each layer's material is made when the layer is due.
//!
//! Material that needs no input may be prepared in one session and used in another: [`store`].
//!
//! [`serve`] and [`Client::infer`] are the two programs; both follow the same
//! [`privet_plan::Plan`], step by step, through one executor that is generic over the seat.

#![forbid(unsafe_code)]

pub mod circuit;
pub mod client;
mod engine;
pub mod error;
mod exec;
pub mod handshake;
mod prepared;
pub mod process;
pub mod report;
mod seat;
pub mod server;
pub mod store;
pub mod weights;

pub use client::{Answer, Clear, Client, ClientOptions, Difference};
pub use error::RunError;
pub use exec::shares::correlated::PARAMETERS as SILENT;
pub use exec::shares::material::Material;
pub use prepared::Made;
pub use report::{LayerReport, Phase, Progress, Report, Silent};
pub use server::{Served, ServerOptions, serve};
pub use weights::HeldWeights;
