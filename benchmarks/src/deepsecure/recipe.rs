//! The four benchmarks: the paper's figures, the networks, their data, and how they are trained and shrunk.

use privet_model::preprocess::Preprocess;
use privet_passes::error::Error;
use privet_passes::network::Network;
use privet_passes::rng::Rng;
use privet_passes::shrink::{Options as ShrinkOptions, Teaching};
use privet_passes::train::Options as TrainOptions;
use privet_passes::{Dataset, Split};

/// Fixes every random choice.
pub const SEED: u64 = 1;

/// What the paper reports for one network (DAC 2018, Tables 4 and 5).
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// Non-XOR gates.
    pub non_xor: f64,
    /// Megabytes.
    pub mb: f64,
    /// Seconds.
    pub seconds: f64,
}

/// One benchmark.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// `B1` to `B4`.
    pub name: &'static str,
    /// Layers, as the paper writes them.
    pub layers: &'static str,
    /// The paper's figures before and after projection and pruning.
    pub paper: [Paper; 2],
    /// The network, untrained.
    pub network: Network,
    /// Directory below the data directory.
    pub folder: &'static str,
    /// Samples and labels that everything is decided on.
    pub train: [&'static str; 2],
    /// Samples and labels of the test.
    pub test: [&'static str; 2],
    /// Divisor of the raw values.
    pub divide: f32,
    /// Bounds of every input, where the file's type proves them.
    pub input_range: Option<[f32; 2]>,
    /// Training of the network that is shrunk.
    pub training: TrainOptions,
    /// The search behind it.
    pub shrink: ShrinkOptions,
    /// Training of the network found on all training data.
    pub refit: TrainOptions,
    /// Copies of every training sample that begin elsewhere, and the period they are rotated by.
    pub rotated: Option<[usize; 2]>,
    /// The training data that decisions are taken on.
    pub held_back: HeldBack,
    /// Inputs that the unshrunk network is run on securely, at most.
    pub most_before: usize,
}

/// How training and validation part are told apart.
#[derive(Debug, Clone, Copy)]
pub enum HeldBack {
    /// A random share of each class.
    Share(f32),
    /// The last share of the samples: other speakers, as in the test.
    Tail(f32),
}

impl HeldBack {
    /// Splits the training data.
    ///
    /// # Errors
    /// Those of [`Dataset::split`] and [`Dataset::split_tail`].
    pub fn split(self, data: &Dataset) -> Result<Split, Error> {
        match self {
            Self::Share(share) => data.split(share, SEED),
            Self::Tail(share) => data.split_tail(tail(share, data.len())),
        }
    }

    /// In words, for reports.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Share(share) => format!("a random {share} of each class, seed {SEED}"),
            Self::Tail(share) => format!("the last {share} of the samples"),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of samples, not negative"
)]
fn tail(share: f32, len: usize) -> usize {
    (share * len as f32).round() as usize
}

impl Recipe {
    /// What is done with raw values.
    #[must_use]
    pub fn preprocess(&self) -> Preprocess {
        Preprocess {
            divide: self.divide,
            ..Preprocess::default()
        }
    }

    /// The same with training so short that it serves nothing but tests of the program.
    #[must_use]
    pub fn quick(mut self) -> Self {
        self.training.epochs = 4;
        self.refit.epochs = 2;
        self.rotated = None;
        if let Some(teaching) = &mut self.shrink.teaching {
            teaching.networks = 1;
        }
        self.shrink.retrain.epochs = 1;
        self.shrink.max_drop = 0.2;
        self.shrink.enough = Some(4.0);
        self.shrink.max_rank = Some(32);
        self.shrink.value_bits = vec![16, 12];
        self.shrink.weight_bits = vec![8, 6];
        self
    }
}

/// All four.
///
/// # Errors
/// A network that cannot be: none of these.
pub fn recipes() -> Result<Vec<Recipe>, Error> {
    Ok(vec![b1()?, b2()?, b3()?, b4()?])
}

fn paper(non_xor: f64, mb: f64, seconds: f64) -> Paper {
    Paper {
        non_xor,
        mb,
        seconds,
    }
}

fn network(name: &str, layers: &str) -> Result<Network, Error> {
    Network::from_text(name, layers, &mut Rng::new(SEED, 0))
}

/// Averaged, so that one epoch's luck decides less.
fn training(epochs: usize, batch: usize, rate: f32) -> TrainOptions {
    TrainOptions {
        epochs,
        batch,
        rate,
        weight_decay: 0.02,
        average: Some(0.99),
        seed: SEED,
        ..TrainOptions::default()
    }
}

/// Other epochs.
fn so_long(epochs: usize, options: &TrainOptions) -> TrainOptions {
    TrainOptions {
        epochs,
        ..options.clone()
    }
}

fn mnist(
    name: &'static str,
    layers: &'static str,
    paper: [Paper; 2],
    training: TrainOptions,
) -> Result<Recipe, Error> {
    Ok(Recipe {
        name,
        layers,
        paper,
        network: network(&name.to_lowercase(), layers)?,
        folder: "mnist",
        train: ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"],
        test: ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"],
        divide: 255.0,
        input_range: Some([0.0, 1.0]),
        shrink: ShrinkOptions {
            // Less than may be lost: the test is another draw.
            max_drop: 0.001,
            weights: true,
            value_bits: vec![14, 12, 10, 8],
            weight_bits: vec![8, 6, 5, 4, 3],
            retrain: so_long(3, &training),
            ..ShrinkOptions::default()
        },
        refit: so_long(12, &training),
        training,
        rotated: None,
        held_back: HeldBack::Share(0.1),
        most_before: usize::MAX,
    })
}

fn b1() -> Result<Recipe, Error> {
    let mut recipe = mnist(
        "B1",
        "28x28-5C2-ReLU-100FC-ReLU-10FC-Softmax",
        [paper(2.47e7, 791.0, 9.67), paper(2.76e6, 88.2, 1.08)],
        training(15, 128, 2e-3),
    )?;
    recipe.shrink.max_drop = 0.0015;
    Ok(recipe)
}

fn b2() -> Result<Recipe, Error> {
    let mut recipe = mnist(
        "B2",
        "784-300FC-Sigmoid-100FC-Sigmoid-10FC-Softmax",
        [paper(6.23e7, 1990.0, 24.37), paper(6.57e6, 210.0, 2.57)],
        training(25, 128, 2e-3),
    )?;
    recipe.shrink.max_rank = Some(120);
    // With 12, sigmoids in integers lose what training under rounding does not see.
    recipe.shrink.value_bits = vec![14];
    Ok(recipe)
}

fn b3() -> Result<Recipe, Error> {
    let layers = "617-50FC-Tanh-26FC-Softmax";
    // Few speakers: what these letters do not need, new voices may.
    let training = TrainOptions {
        noise: 0.1,
        weight_decay: 0.1,
        ..training(30, 32, 1e-3)
    };
    let small = TrainOptions {
        epochs: 25,
        noise: 0.2,
        weight_decay: 0.2,
        ..training.clone()
    };
    Ok(Recipe {
        name: "B3",
        layers,
        paper: [paper(7.54e6, 241.0, 2.95), paper(1.40e6, 44.7, 0.56)],
        network: network("b3", layers)?,
        folder: "isolet",
        train: [
            "isolet-train-features-i16e4.idx.gz",
            "isolet-train-labels.idx.gz",
        ],
        test: [
            "isolet-test-features-i16e4.idx.gz",
            "isolet-test-labels.idx.gz",
        ],
        divide: 10_000.0,
        input_range: None,
        shrink: ShrinkOptions {
            max_drop: 0.003,
            // Dimensions, widths and training were chosen by folds over the four groups of speakers: no one
            // group tells how new voices are heard.
            rank: Some(256),
            enough: Some(1.0),
            weights: false,
            value_bits: vec![10],
            weight_bits: vec![4],
            retrain: so_long(8, &small),
            teaching: Some(Teaching {
                weight: 0.5,
                networks: 4,
                ..Teaching::default()
            }),
            ..ShrinkOptions::default()
        },
        refit: small,
        training,
        rotated: None,
        held_back: HeldBack::Tail(0.25),
        most_before: usize::MAX,
    })
}

fn b4() -> Result<Recipe, Error> {
    let layers = "5625-2000FC-Tanh-500FC-Tanh-19FC-Softmax";
    let training = training(4, 64, 5e-4);
    let small = TrainOptions {
        rate: 1e-3,
        ..training.clone()
    };
    Ok(Recipe {
        name: "B4",
        layers,
        paper: [
            paper(2.81e9, 89_800.0, 1098.0),
            paper(3.39e7, 1080.0, 13.26),
        ],
        network: network("b4", layers)?,
        folder: "dsa",
        train: ["dsa-train3040-i16q12.idx.gz", "dsa-train3040-labels.idx.gz"],
        test: ["dsa-test456-i16q12.idx.gz", "dsa-test456-labels.idx.gz"],
        divide: 4096.0,
        input_range: None,
        shrink: ShrinkOptions {
            max_drop: 0.003,
            // The fewest of up to 128 that lost nothing on the validation part, and so the widths.
            rank: Some(104),
            enough: Some(600.0),
            weights: false,
            value_bits: vec![12],
            weight_bits: vec![4],
            retrain: so_long(4, &small),
            ..ShrinkOptions::default()
        },
        refit: so_long(8, &small),
        training,
        // Five seconds of something that goes on: 125 times 45 channels.
        rotated: Some([4, 45]),
        held_back: HeldBack::Share(0.2),
        most_before: 1,
    })
}
