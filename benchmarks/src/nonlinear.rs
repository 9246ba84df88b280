//! Non-linear work on shares: two parties, a thread each, over loopback TCP or a shaped link; every result is compared with the
//! clear one.
//!
//! | engine | what it is | offline |
//! |---|---|---|
//! | `gmw` | planned comparison, here the one chosen for the link, on material from silent OT | the material, and the client's share known ahead |
//! | `ot-tree` | CrypTFlow2's tree over 1-of-16 transfers, made when asked for | nothing |
//! | `gc` | a garbled netlist from shares to a share, as backend `gc+ot` has it | nothing |
//!
//! What does not fit a budget of time is listed as left out, with its estimate (`suite.rs` has the rule). Set-up, once a session, is apart. With [`Operand::Ahead`] the client's share counts as known before the input, as it is behind
//! a linear layer: `gmw` then turns its material to it. That holds for signs, ReLU and truncation; other operations ignore it.

mod case;
mod garbled;
mod op;
mod ratio;
pub(crate) mod shares;
mod suite;

use std::str::FromStr;

use privet_net::Link;
use privet_plan::compare::{Operand, Shape, ShapeError};
use privet_ring::Ring;

use crate::table::Table;
use case::Case;
pub use op::Op;
pub use ratio::{Ratios, ratios};
pub use suite::{MAIN_BITS, MOST_ROW_SECONDS, SUITE_SECONDS, counts};

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Comparison on prepared material.
    Gmw,
    /// CrypTFlow2's comparison.
    OtTree,
    /// Garbled circuits.
    Gc,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gmw, Self::OtTree, Self::Gc];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gmw => "gmw",
            Self::OtTree => "ot-tree",
            Self::Gc => "gc",
        }
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == s);
        found.ok_or_else(|| format!("'{s}' is not gmw, ot-tree or gc"))
    }
}

/// Which comparison engine `gmw` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The one that the planner chooses for link and machine.
    Planned,
    /// Few silent transfers.
    FewTransfers,
    /// Few bits.
    FewBits,
}

impl FromStr for Compared {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "planned" => Ok(Self::Planned),
            "few-transfers" => Ok(Self::FewTransfers),
            "few-bits" => Ok(Self::FewBits),
            _ => Err(format!("'{s}' is not planned, few-transfers or few-bits")),
        }
    }
}

/// What to measure: every combination.
#[derive(Debug, Clone)]
pub struct Options {
    /// Operations.
    pub ops: Vec<Op>,
    /// Widths of the ring, 16 to 64.
    pub bits: Vec<u32>,
    /// Numbers of instances; none: 2^10, 2^14, 2^17 and, on this machine, 2^20.
    pub counts: Vec<usize>,
    /// Engines.
    pub engines: Vec<Engine>,
    /// Links.
    pub links: Vec<Link>,
    /// The comparisons of engine `gmw`.
    pub shapes: Vec<Compared>,
    /// When the client's share of an operand is known.
    pub client: Operand,
    /// Seconds that all may take; what does not fit is listed with the reason.
    pub budget: Option<f64>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Work on shares.
    #[error(transparent)]
    Gmw(#[from] privet_gmw::Error),
    /// Garbling.
    #[error(transparent)]
    Garble(#[from] privet_garble::Error),
    /// Oblivious transfer.
    #[error(transparent)]
    Ot(#[from] privet_ot::Error),
    /// A message of the peer.
    #[error(transparent)]
    Message(#[from] privet_ot::PeerMisbehaved),
    /// The channel.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
    /// A netlist that does not exist.
    #[error(transparent)]
    Netlist(#[from] privet_netlists::Error),
    /// The connection.
    #[error(transparent)]
    Connection(#[from] crate::ot::BenchError),
    /// A width.
    #[error(transparent)]
    Width(#[from] privet_ring::WidthError),
    /// A comparison that does not exist.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Windows that do not exist.
    #[error(transparent)]
    Window(#[from] privet_plan::tournament::TournamentError),
    /// A result is not the clear one.
    #[error("{0}")]
    Wrong(String),
}

/// Runs all combinations, or those that fit the budget: then the widths of networks and small counts first, and the others are rows
/// with an entry `left_out` (see [`SUITE_SECONDS`], [`MOST_ROW_SECONDS`], [`MAIN_BITS`]).
///
/// # Errors
/// A run fails or a result is not the clear one.
pub fn run(options: &Options, follow: &mut dyn FnMut(&str, f64)) -> Result<Table, BenchError> {
    let mut cases = Vec::new();
    for link in &options.links {
        let counts = options.counts_over(*link);
        for op in &options.ops {
            for bits in &options.bits {
                let ring = Ring::new(*bits)?;
                for count in &counts {
                    for engine in &options.engines {
                        cases.extend(options.cases(*op, ring, *count, *link, *engine)?);
                    }
                }
            }
        }
    }
    suite::measured(options, &cases, follow)
}

impl Default for Options {
    /// The suite of 20 minutes: everything over all links, within [`SUITE_SECONDS`].
    fn default() -> Self {
        let links = ["loopback", "lan", "wan"].map(str::parse);
        Self {
            ops: Op::ALL.to_vec(),
            bits: vec![16, 32, MAIN_BITS, 64],
            counts: Vec::new(),
            engines: Engine::ALL.to_vec(),
            links: links.into_iter().flatten().collect(),
            shapes: vec![Compared::Planned],
            client: Operand::Ahead,
            budget: Some(SUITE_SECONDS),
        }
    }
}

impl Options {
    /// The numbers of instances on a link.
    fn counts_over(&self, link: Link) -> Vec<usize> {
        if !self.counts.is_empty() {
            return self.counts.clone();
        }
        let counts = [1 << 10, 1 << 14, 1 << 17, 1 << 20].into_iter();
        let near = link == Link::Loopback;
        counts.filter(|n| near || *n <= suite::MOST_FAR).collect()
    }

    /// The measurements of an engine: one for each shape that it is asked for.
    fn cases(
        &self,
        op: Op,
        ring: Ring,
        count: usize,
        link: Link,
        engine: Engine,
    ) -> Result<Vec<Case>, BenchError> {
        let case = |shape| Case {
            op,
            ring,
            count,
            link,
            engine,
            shape,
        };
        if engine != Engine::Gmw {
            return Ok(vec![case(Shape::FEW_TRANSFERS)]);
        }
        let each = self.shapes.iter().map(|compared| {
            let shape = match compared {
                Compared::Planned => case::planned(op, ring, count, link)?,
                Compared::FewTransfers => Shape::FEW_TRANSFERS,
                Compared::FewBits => Shape::FEW_BITS,
            };
            let ahead = self.client == Operand::Ahead && op.reads_one();
            Ok(case(if ahead { shape.ahead() } else { shape }))
        });
        each.collect()
    }
}
