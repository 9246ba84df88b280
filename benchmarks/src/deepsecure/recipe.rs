//! The four benchmarks: the paper's figures, the networks, their data, and how they are trained and shrunk.

use privet_model::graph::Window;
use privet_model::preprocess::Preprocess;
use privet_passes::error::Error;
use privet_passes::network::{Layer, Network};
use privet_passes::rng::Rng;
use privet_passes::shrink::Options as ShrinkOptions;
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
#[must_use]
pub fn recipes() -> Vec<Recipe> {
    vec![b1(), b2(), b3(), b4()]
}

fn paper(non_xor: f64, mb: f64, seconds: f64) -> Paper {
    Paper {
        non_xor,
        mb,
        seconds,
    }
}

fn network(name: &str, input: &[usize], layers: Vec<Layer>) -> Network {
    Network {
        name: name.to_owned(),
        input: input.to_vec(),
        layers,
    }
}

fn dense(
    name: &str,
    [inputs, first, second, outputs]: [usize; 4],
    activation: &Layer,
    rng: &mut Rng,
) -> Network {
    let layers = vec![
        Layer::linear(inputs, first, rng),
        activation.clone(),
        Layer::linear(first, second, rng),
        activation.clone(),
        Layer::linear(second, outputs, rng),
    ];
    network(name, &[inputs], layers)
}

fn training(epochs: usize, batch: usize, rate: f32) -> TrainOptions {
    TrainOptions {
        epochs,
        batch,
        rate,
        weight_decay: 0.02,
        seed: SEED,
        ..TrainOptions::default()
    }
}

/// Training behind the steps of a search: averaged, so that one epoch's luck decides less.
fn behind(epochs: usize, options: &TrainOptions, noise: f32) -> TrainOptions {
    TrainOptions {
        epochs,
        noise,
        average: Some(0.99),
        ..options.clone()
    }
}

fn mnist(name: &'static str, network: Network) -> Recipe {
    let training = training(8, 128, 2e-3);
    Recipe {
        name,
        layers: "",
        paper: [paper(0.0, 0.0, 0.0); 2],
        network,
        folder: "mnist",
        train: ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"],
        test: ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"],
        divide: 255.0,
        input_range: Some([0.0, 1.0]),
        shrink: ShrinkOptions {
            max_drop: 0.002,
            // A dense layer of live units needs no map; single weights go by their width.
            weights: false,
            value_bits: vec![14, 12, 10],
            weight_bits: vec![8, 6, 5, 4, 3],
            retrain: behind(3, &training, 0.0),
            ..ShrinkOptions::default()
        },
        refit: behind(12, &training, 0.0),
        training,
        held_back: HeldBack::Share(0.1),
        most_before: usize::MAX,
    }
}

fn b1() -> Recipe {
    let mut rng = Rng::new(SEED, 0);
    let window = Window {
        strides: [2, 2],
        pads_before: [1, 1],
        ..Window::new([5, 5])
    };
    let layers = vec![
        Layer::conv(1, 5, window, &mut rng),
        Layer::Relu,
        Layer::Reshape(vec![5 * 13 * 13]),
        Layer::linear(5 * 13 * 13, 100, &mut rng),
        Layer::Relu,
        Layer::linear(100, 10, &mut rng),
    ];
    let mut recipe = mnist("B1", network("b1", &[1, 28, 28], layers));
    recipe.layers = "28x28-5C2-ReLU-100FC-ReLU-10FC-Softmax";
    recipe.paper = [paper(2.47e7, 791.0, 9.67), paper(2.76e6, 88.2, 1.08)];
    recipe
}

fn b2() -> Recipe {
    let mut rng = Rng::new(SEED, 0);
    let network = dense("b2", [784, 300, 100, 10], &Layer::Sigmoid, &mut rng);
    let mut recipe = mnist("B2", network);
    recipe.layers = "784-300FC-Sigmoid-100FC-Sigmoid-10FC-Softmax";
    recipe.paper = [paper(6.23e7, 1990.0, 24.37), paper(6.57e6, 210.0, 2.57)];
    recipe.shrink.max_rank = Some(128);
    recipe.shrink.enough = Some(80.0);
    recipe
}

fn b3() -> Recipe {
    let mut rng = Rng::new(SEED, 0);
    let layers = vec![
        Layer::linear(617, 50, &mut rng),
        Layer::Tanh,
        Layer::linear(50, 26, &mut rng),
    ];
    let training = training(20, 32, 1e-3);
    Recipe {
        name: "B3",
        layers: "617-50FC-Tanh-26FC-Softmax",
        paper: [paper(7.54e6, 241.0, 2.95), paper(1.40e6, 44.7, 0.56)],
        network: network("b3", &[617], layers),
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
            max_drop: 0.0,
            max_rank: Some(256),
            // Few speakers: what the letters need not, new voices may.
            enough: Some(28.0),
            weights: false,
            value_bits: vec![14, 12],
            weight_bits: vec![8, 6, 5, 4],
            retrain: behind(8, &training, 0.1),
            ..ShrinkOptions::default()
        },
        refit: behind(30, &training, 0.1),
        training,
        held_back: HeldBack::Tail(0.25),
        most_before: usize::MAX,
    }
}

fn b4() -> Recipe {
    let mut rng = Rng::new(SEED, 0);
    let training = training(5, 64, 3e-4);
    let small = TrainOptions {
        rate: 1e-3,
        ..training.clone()
    };
    Recipe {
        name: "B4",
        layers: "5625-2000FC-Tanh-500FC-Tanh-19FC-Softmax",
        paper: [
            paper(2.81e9, 89_800.0, 1098.0),
            paper(3.39e7, 1080.0, 13.26),
        ],
        network: dense("b4", [5625, 2000, 500, 19], &Layer::Tanh, &mut rng),
        folder: "dsa",
        train: ["dsa-train3040-i16q12.idx.gz", "dsa-train3040-labels.idx.gz"],
        test: ["dsa-test456-i16q12.idx.gz", "dsa-test456-labels.idx.gz"],
        divide: 4096.0,
        input_range: None,
        shrink: ShrinkOptions {
            max_drop: 0.003,
            max_rank: Some(128),
            enough: Some(600.0),
            weights: false,
            value_bits: vec![14, 12],
            weight_bits: vec![8, 6, 5, 4],
            retrain: behind(5, &small, 0.05),
            ..ShrinkOptions::default()
        },
        refit: behind(20, &small, 0.05),
        training,
        held_back: HeldBack::Share(0.2),
        most_before: 1,
    }
}
