//! Trains and shrinks one benchmark's network, or finds what was made before.

use std::path::{Path, PathBuf};
use std::time::Instant;

use privet_model::readers;
use privet_passes::report::Cost;
use privet_passes::shrink::{Shrunk, refit, shrink};
use privet_passes::train::checkpoint::{self, Key};
use privet_passes::train::qat::Formats;
use privet_passes::train::{Control, Options as TrainOptions, train_resumable};
use privet_passes::{Dataset, Error, Network, Split, fixed};
use privet_plan::{Plan, PlanOptions};
use sha2::{Digest, Sha256};

use super::recipe::{Recipe, SEED};
use super::row::{shrunk, unshrunk};

/// Memory that the search's plans count with.
const PLAN_MEMORY: u64 = 4 << 30;

/// Networks before and after shrinking, and what they are judged on.
pub(super) struct Ready {
    pub(super) before: Network,
    pub(super) found: Shrunk,
    /// Validation part, or the test.
    pub(super) judged: Dataset,
    /// Ranges are calibrated on these.
    pub(super) calibration: Dataset,
    /// What the report says of the test.
    pub(super) test: Option<Opened>,
    /// Seconds of training and of the search; next to none where they were found on disk.
    pub(super) seconds: [f64; 2],
}

/// A test that was looked at.
pub(super) struct Opened {
    pub(super) samples_sha256: String,
    pub(super) labels_sha256: String,
    /// How often this folder's networks were judged by it, this time included.
    pub(super) times: u64,
}

/// Where things are.
pub(super) struct Places<'a> {
    pub(super) data: &'a Path,
    pub(super) work: &'a Path,
}

impl Places<'_> {
    fn of(&self, recipe: &Recipe, file: &str) -> PathBuf {
        self.data.join(recipe.folder).join(file)
    }

    fn load(&self, recipe: &Recipe, [samples, labels]: [&str; 2]) -> Result<Dataset, Error> {
        Dataset::load(
            &self.of(recipe, samples),
            &self.of(recipe, labels),
            Some(&recipe.preprocess()),
            &recipe.network.input,
        )
    }
}

/// Makes a benchmark ready. The test is opened only if `last`, when everything is decided and trained.
pub(super) fn ready(
    recipe: &Recipe,
    places: &Places<'_>,
    last: bool,
    tell: &mut dyn FnMut(&str, f64),
) -> Result<Ready, Error> {
    std::fs::create_dir_all(places.work).map_err(|source| Error::Io {
        path: places.work.to_owned(),
        source,
    })?;
    let all = places.load(recipe, recipe.train)?;
    let mut split = recipe.held_back.split(&all)?;
    split.train = rotated(recipe, split.train)?;
    let started = Instant::now();
    let before = trained(
        recipe,
        &split.train,
        Some(&split.validation),
        places.work,
        tell,
    )?;
    let training = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let found = searched(recipe, &before, &split, places.work, tell)?;
    let seconds = [training, started.elapsed().as_secs_f64()];
    if !last {
        return Ok(Ready {
            before,
            found,
            judged: split.validation,
            calibration: split.train,
            test: None,
            seconds,
        });
    }
    let all = rotated(recipe, all)?;
    let before = trained(recipe, &all, None, places.work, tell)?;
    let found = refitted(recipe, found, &all, places.work, tell)?;
    let test = opened(recipe, places)?;
    Ok(Ready {
        before,
        found,
        judged: places.load(recipe, recipe.test)?,
        calibration: all,
        test: Some(test),
        seconds,
    })
}

/// Training data with its copies.
fn rotated(recipe: &Recipe, data: Dataset) -> Result<Dataset, Error> {
    match recipe.rotated {
        None => Ok(data),
        Some([copies, period]) => data.rotated(copies, period, SEED),
    }
}

/// A value from disk, or made and written there.
fn kept<T>(path: &Path, key: Key, make: impl FnOnce() -> Result<T, Error>) -> Result<T, Error>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    if let Some(found) = checkpoint::load(path, key)? {
        return Ok(found);
    }
    let made = make()?;
    checkpoint::save(path, key, &made)?;
    Ok(made)
}

fn trained(
    recipe: &Recipe,
    data: &Dataset,
    validation: Option<&Dataset>,
    work: &Path,
    tell: &mut dyn FnMut(&str, f64),
) -> Result<Network, Error> {
    let options: &TrainOptions = &recipe.training;
    let key = Key::new(&(&recipe.network, options), &[Some(data), validation])?;
    kept(
        &work.join(format!("{}-{key}.network", recipe.name)),
        key,
        || {
            let run = work.join(format!("{}-{key}.run", recipe.name));
            let mut network = recipe.network.clone();
            train_resumable(&mut network, data, validation, options, &run, &mut |e| {
                tell("training", e.done() / options.epochs as f64);
                Control::Continue
            })?;
            // The finished network stands beside it; a leftover harms nobody.
            drop(std::fs::remove_file(&run));
            Ok(network)
        },
    )
}

fn searched(
    recipe: &Recipe,
    before: &Network,
    split: &Split,
    work: &Path,
    tell: &mut dyn FnMut(&str, f64),
) -> Result<Shrunk, Error> {
    let mut options = recipe.shrink.clone();
    let key = Key::new(
        &("integer factor, planned", before, &options),
        &[Some(&split.train), Some(&split.validation)],
    )?;
    options.folder = Some(work.join(format!("{}-{key}.steps", recipe.name)));
    kept(
        &work.join(format!("{}-{key}.shrunk", recipe.name)),
        key,
        || {
            let model = |network: &Network, formats: Option<&Formats>, samples: &Dataset| {
                planned(recipe, network, formats, samples)
            };
            shrink(before, split, &options, &model, &mut |e| {
                tell(&e.stage, e.done);
                Control::Continue
            })
        },
    )
}

/// Cost of a network in the search: that of its plan, quantised as the row of the bench is.
fn planned(
    recipe: &Recipe,
    network: &Network,
    formats: Option<&Formats>,
    samples: &Dataset,
) -> Result<Cost, Error> {
    let quant = match formats {
        None => unshrunk(recipe),
        Some(formats) => shrunk(recipe, formats, samples.projection().is_some()),
    };
    let model = fixed::quantised(network, &quant, samples)?;
    let plan = Plan::new(model.graph, PlanOptions::default(), PLAN_MEMORY)
        .map_err(|e| Error::Quantise(e.to_string()))?;
    Ok(Cost {
        macs: network.macs()?,
        ands: plan.cost.inference.non_xor(),
        bytes: plan.cost.inference.bytes(),
    })
}

fn refitted(
    recipe: &Recipe,
    mut found: Shrunk,
    all: &Dataset,
    work: &Path,
    tell: &mut dyn FnMut(&str, f64),
) -> Result<Shrunk, Error> {
    let key = Key::new(&(&found, &recipe.refit), &[Some(all)])?;
    let path = work.join(format!("{}-{key}.refit", recipe.name));
    kept(&path, key, || {
        refit(
            &mut found,
            all,
            &recipe.refit,
            recipe.shrink.teaching,
            &mut |e| {
                tell(&e.stage, e.done);
                Control::Continue
            },
        )?;
        Ok(found)
    })
}

/// Hashes the test files and counts in the folder that they were opened.
fn opened(recipe: &Recipe, places: &Places<'_>) -> Result<Opened, Error> {
    let [samples, labels] = recipe.test.map(|file| places.of(recipe, file));
    let hash = |path: &Path| -> Result<String, Error> {
        let digest = Sha256::digest(readers::read_file(path)?);
        Ok(digest.iter().map(|b| format!("{b:02x}")).collect())
    };
    let (samples_sha256, labels_sha256) = (hash(&samples)?, hash(&labels)?);
    let path = places.work.join(format!("{}-test-opened", recipe.name));
    let key = Key::new(&(&samples_sha256, &labels_sha256), &[])?;
    let times = checkpoint::load::<u64>(&path, key)?.unwrap_or(0) + 1;
    checkpoint::save(&path, key, &times)?;
    Ok(Opened {
        samples_sha256,
        labels_sha256,
        times,
    })
}
