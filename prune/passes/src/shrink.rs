//! The whole chain under one budget: the cheapest network found that loses no more accuracy than allowed.
//!
//! Some ways are tried, with subspaces of different width and without one; on each, units go, then weights, then
//! bits, then again weights under the short formats; a longer training ends it. Every step is accepted only if the validation accuracy stays above the
//! budget's floor for that stage and the cost model says that it is cheaper. What is found is kept on disk, so
//! an interrupted search goes on where it was.

mod memo;
mod teach;
mod way;

use std::path::PathBuf;

use privet_model::preprocess::Projection;
use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::error::{Error, check_option};
use crate::network::Network;
use crate::project::{
    Method, Options as ProjectOptions, Projected, Size, most_dimensions, project,
};
use crate::report::{Cost, CostModel, Event, Listener, Measure, PassReport};
use crate::train::qat::Formats;
use crate::train::{Control, Options as TrainOptions};

use memo::Memo;
pub use teach::{Teaching, refit};
use way::{Candidate, Way};

/// A subspace that makes the network so many times cheaper leaves the way without it no chance.
const CLEARLY: u64 = 4;
/// Shares of the budget that projection may use up: a narrow subspace leaves less to units and bits. Each is
/// tried to the end, and the cost decides.
const AFTER_PROJECTION: [f64; 2] = [0.5, 0.85];
/// Share of the budget that may be used up when pruning ends.
const AFTER_PRUNING: f64 = 0.75;

/// How to shrink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Most validation accuracy that may be lost (0.002: a fifth of a percent point).
    pub max_drop: f64,
    /// Whether and how a subspace may be used, where the first linear layer is fully connected.
    pub projection: Option<Method>,
    /// Most dimensions of that subspace; otherwise half of the features.
    pub max_rank: Option<usize>,
    /// Exactly so many dimensions instead of the fewest that keep the accuracy, and no try without them.
    pub rank: Option<usize>,
    /// Whether whole neurons and channels may go.
    pub units: bool,
    /// Whether single weights may go.
    pub weights: bool,
    /// Widths of values to try, from wide to narrow; the first is the one to start with.
    pub value_bits: Vec<u32>,
    /// Widths of weights to try, from wide to narrow.
    pub weight_bits: Vec<u32>,
    /// Training behind each step.
    pub retrain: TrainOptions,
    /// How smaller networks also learn from the one they came from.
    pub teaching: Option<Teaching>,
    /// So many times fewer bytes are enough: accuracy is then kept rather than traded.
    pub enough: Option<f64>,
    /// Where finished steps are kept.
    pub folder: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_drop: 0.002,
            projection: Some(Method::Random { powers: 1, seed: 1 }),
            max_rank: None,
            rank: None,
            units: true,
            weights: true,
            value_bits: vec![16, 14, 12, 10],
            weight_bits: vec![12, 8, 6, 5, 4, 3, 2],
            retrain: TrainOptions {
                epochs: 5,
                batch: 128,
                ..TrainOptions::default()
            },
            teaching: Some(Teaching::default()),
            enough: None,
            folder: None,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        check_option("max drop", self.max_drop, self.max_drop >= 0.0, "0 or more")?;
        for (name, widths) in [
            ("value bits", &self.value_bits),
            ("weight bits", &self.weight_bits),
        ] {
            let count = widths.len();
            check_option(name, count as f64, count > 0, "a list of at least 1 width")?;
        }
        self.teaching.map_or(Ok(()), Teaching::check)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shrunk {
    /// What the client multiplies its input by, if that is worth while.
    pub projection: Option<Projection>,
    /// The network, its weights already rounded.
    pub network: Network,
    /// The float network that the steps began with: projected, but with all its units.
    pub start: Network,
    /// What the quantiser is to be asked for.
    pub formats: Formats,
    /// The network that was given.
    pub before: Measure,
    /// The network found, under its formats.
    pub after: Measure,
    /// What each accepted step did.
    pub steps: Vec<PassReport>,
}

/// Searches the cheapest network.
///
/// # Errors
/// [`Error::Option`] for options out of range or if not even the widest formats keep the budget, those of
/// the passes, [`Error::Checkpoint`] for a damaged file in the folder, [`Error::Stopped`] on request.
pub fn shrink(
    network: &Network,
    split: &Split,
    options: &Options,
    model: &dyn CostModel,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<Shrunk, Error> {
    options.check()?;
    network.check(&split.train)?;
    let memo = Memo::new(options.folder.clone(), &(network, options), split)?;
    let before = Measure::of(network, &split.validation, None, model)?;
    let mut listener = Listener::new(progress);
    let goal = options
        .enough
        .map_or(0, |times| floor(weight(&before.cost) as f64 / times));
    let mut found: Vec<Shrunk> = vec![];
    let mut clearly = false;
    let mut ranks = vec![];
    for (number, share) in AFTER_PROJECTION.into_iter().enumerate() {
        let place = |part: f64| (number as f64 + part) / (AFTER_PROJECTION.len() + 1) as f64;
        let reached = |s: &Shrunk| weight(&s.after.cost) <= goal;
        let decided = options.rank.is_some() && number > 0;
        if decided || found.iter().any(reached) {
            break;
        }
        let job = Job {
            network,
            split,
            options,
            model,
            memo: &memo,
            before: &before,
        };
        let Some(projected) = job.projection(share, [place(0.0), place(0.2)], &mut listener)?
        else {
            continue;
        };
        if ranks.contains(&projected.projection.rank()) {
            continue;
        }
        ranks.push(projected.projection.rank());
        clearly |= options.rank.is_some()
            || weight(&projected.report.after.cost) * CLEARLY <= weight(&before.cost);
        let embedded = Split {
            train: split.train.embedded(&projected.projection)?,
            validation: split.validation.embedded(&projected.projection)?,
        };
        let mut way = Way {
            name: "embedded",
            split: &embedded,
            options,
            model,
            memo: &memo,
            retrain: teach::retrain(options, &projected.network, &embedded, &memo, &mut listener)?,
            floor: before.accuracy,
            goal,
            from: place(0.2),
            to: place(1.0),
            steps: vec![projected.report],
        };
        if let Some(end) = way.go(&projected.network, &mut listener)? {
            let (projection, start, steps) =
                (Some(projected.projection), projected.network, way.steps);
            found.push(shrunk(end, projection, start, before, steps));
        }
    }
    if clearly && !found.is_empty() {
        return best(found, options);
    }
    let direct = AFTER_PROJECTION.len() as f64 / (AFTER_PROJECTION.len() + 1) as f64;
    let mut way = Way {
        name: "direct",
        split,
        options,
        model,
        memo: &memo,
        retrain: teach::retrain(options, network, split, &memo, &mut listener)?,
        floor: before.accuracy,
        goal,
        from: if ranks.is_empty() { 0.0 } else { direct },
        to: 1.0,
        steps: vec![],
    };
    if let Some(end) = way.go(network, &mut listener)? {
        found.push(shrunk(end, None, network.clone(), before, way.steps));
    }
    best(found, options)
}

fn best(found: Vec<Shrunk>, options: &Options) -> Result<Shrunk, Error> {
    found
        .into_iter()
        .min_by_key(|s| weight(&s.after.cost))
        .ok_or_else(|| Error::Option {
            name: "max drop",
            value: options.max_drop.to_string(),
            allowed: "larger, or the widths wider: none of these networks keeps the accuracy"
                .to_owned(),
        })
}

fn shrunk(
    end: Candidate,
    projection: Option<Projection>,
    start: Network,
    before: Measure,
    steps: Vec<PassReport>,
) -> Shrunk {
    let Candidate {
        network,
        formats,
        measure,
    } = end;
    let formats = formats.unwrap_or(Formats {
        weights: vec![],
        values: vec![],
    });
    Shrunk {
        projection,
        network,
        start,
        formats,
        before,
        after: measure,
        steps,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of bytes, not negative"
)]
fn floor(bytes: f64) -> u64 {
    bytes as u64
}

/// What is to become small.
const fn weight(cost: &Cost) -> u64 {
    cost.bytes
}

/// What the search begins with.
struct Job<'a> {
    network: &'a Network,
    split: &'a Split,
    options: &'a Options,
    model: &'a dyn CostModel,
    memo: &'a Memo,
    before: &'a Measure,
}

impl Job<'_> {
    /// The network on the narrowest subspace that costs at most a share of the budget, if projection is wanted,
    /// possible and cheaper.
    fn projection(
        &self,
        share: f64,
        [from, to]: [f64; 2],
        listener: &mut Listener<'_>,
    ) -> Result<Option<Projected>, Error> {
        let (split, options) = (self.split, self.options);
        let Some(method) = options.projection else {
            return Ok(None);
        };
        let features = split.train.features();
        let searched = Size::Search {
            max_drop: share * options.max_drop,
            max_rank: options
                .max_rank
                .unwrap_or(features.div_ceil(2))
                .min(most_dimensions(features)),
        };
        let wanted = ProjectOptions {
            method,
            size: options.rank.map_or(searched, Size::Rank),
            retrain: options.retrain.clone(),
        };
        let found: Option<Projected> = self.memo.run("projection", &wanted, || {
            let tell = &mut |e: &Event| listener.nested(e, from, to);
            match project(self.network, split, &wanted, self.model, tell) {
                Ok(p) => Ok(Some(p)),
                // No fully connected layer on the input, or no subspace is good enough.
                Err(Error::Unsupported { .. } | Error::Option { .. }) => Ok(None),
                Err(e) => Err(e),
            }
        })?;
        let cheaper = |p: &Projected| weight(&p.report.after.cost) < weight(&self.before.cost);
        Ok(found.filter(cheaper))
    }
}
