//! Random float networks: quantised both ways they stay near the floats, and oracle and reference
//! agree on them bit for bit.

use super::{Stream, reference};
use crate::graph::{
    Affine, Builder, Conv, Graph, Linear, Op, Per, Pool, Rounding, ValueId, Window,
};
use crate::quant::{
    LayerFracs, Narrow, Oracle, Placement, QuantError, QuantOptions, Weights, quantise, tied,
};

struct Random {
    builder: Builder,
    stream: Stream,
    count: usize,
    /// Image values made so far.
    images: Vec<ValueId>,
}

impl Random {
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.stream.word() % n as u64).expect("small")
    }

    fn real(&mut self, scale: f32) -> f32 {
        let word = self.stream.word() >> 40;
        (word as f32 / (1u64 << 23) as f32 - 1.0) * scale
    }

    fn reals(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.real(scale)).collect()
    }

    fn doubles(&mut self, count: usize, scale: f32) -> Vec<f64> {
        (0..count).map(|_| self.real(scale).into()).collect()
    }

    fn shape(&self, id: ValueId) -> [usize; 3] {
        let shape = self.builder.shape(id).expect("it exists");
        shape.try_into().expect("an image")
    }

    fn push(&mut self, op: Op, inputs: &[ValueId]) -> Option<ValueId> {
        self.count += 1;
        let name = format!("{} {}", op.name(), self.count);
        let made = self.builder.push(&name, op, inputs).ok()?;
        self.images.push(made);
        Some(made)
    }

    fn window(&mut self) -> Window {
        let kernel = [1 + self.below(3), 1 + self.below(3)];
        Window {
            kernel,
            strides: [1 + self.below(2), 1 + self.below(2)],
            dilations: [1, 1],
            pads_before: kernel.map(|k| k / 2),
            pads_after: kernel.map(|k| (k - 1) / 2),
        }
    }

    /// One more random operation on a recent value; nothing where it does not fit.
    fn grow(&mut self) -> Option<ValueId> {
        let recent = self.images.len().min(3);
        let back = self.below(recent);
        let x = self.images[self.images.len() - 1 - back];
        let [c, h, w] = self.shape(x);
        match self.below(16) {
            0..=3 => {
                let out_channels = 1 + self.below(3);
                let window = self.window();
                let taps = c * window.kernel[0] * window.kernel[1];
                let conv = Conv {
                    in_channels: c,
                    out_channels,
                    groups: 1,
                    window,
                    weights: self.reals(out_channels * taps, 1.0 / (taps as f32).sqrt()),
                    bias: self.reals(out_channels, 0.5),
                };
                self.push(Op::Conv(conv), &[x])
            }
            4 | 5 => self.push(Op::Relu, &[x]),
            6 => {
                let window = self.window();
                let rounding = [Rounding::Floor, Rounding::Ceil][self.below(2)];
                let output = window.output([h, w], rounding).ok()?;
                let pool = Pool { window, output };
                let average = self.below(2) == 0;
                self.push(
                    if average {
                        Op::AvgPool(pool)
                    } else {
                        Op::MaxPool(pool)
                    },
                    &[x],
                )
            }
            7 => {
                let per = [Per::Tensor, Per::Channel, Per::Element][self.below(3)];
                let entries = per.entries(&[c, h, w]);
                let scale = if self.below(2) == 0 {
                    vec![1.0; entries]
                } else {
                    self.doubles(entries, 1.2)
                };
                let affine = Affine {
                    per,
                    scale,
                    shift: self.doubles(entries, 0.5),
                };
                self.push(Op::Affine(affine), &[x])
            }
            8..=11 => {
                let same = |r: &Self, id: &&ValueId| r.shape(**id) == [c, h, w];
                let fitting: Vec<ValueId> = self
                    .images
                    .iter()
                    .filter(|id| same(self, id))
                    .copied()
                    .collect();
                let other = fitting[self.below(fitting.len())];
                let op = [Op::Add, Op::Add, Op::Concat { axis: 0 }][self.below(3)].clone();
                self.push(op, &[x, other])
            }
            12 => {
                let bounds = [(0.0, 1.0), (-0.5, f32::INFINITY), (f32::NEG_INFINITY, 0.25)];
                let (lo, hi) = bounds[self.below(3)];
                self.push(Op::Clip { lo, hi }, &[x])
            }
            13 => {
                // A normalisation before an activation, factors of both signs and zero.
                let mut scale = self.doubles(c, 1.2);
                if self.below(3) == 0 {
                    scale[0] = 0.0;
                }
                let affine = Affine {
                    per: Per::Channel,
                    scale,
                    shift: self.doubles(c, 0.5),
                };
                let normal = self.push(Op::Affine(affine), &[x])?;
                let positive = self.push(Op::Relu, &[normal])?;
                let conv = Conv {
                    in_channels: c,
                    out_channels: 2,
                    groups: 1,
                    window: Window::new([1, 1]),
                    weights: self.reals(2 * c, 1.0 / (c as f32).sqrt()),
                    bias: self.reals(2, 0.5),
                };
                self.push(Op::Conv(conv), &[positive])
            }
            14 => {
                let value = [0.0, 0.5][self.below(2)];
                let pad = Op::Pad {
                    before: vec![0, self.below(2), self.below(2)],
                    after: vec![0, self.below(2), 1],
                    value,
                };
                self.push(pad, &[x])
            }
            _ => self.push(
                Op::Transpose {
                    perm: vec![0, 2, 1],
                },
                &[x],
            ),
        }
    }

    fn network(seed: u64) -> Graph {
        let mut random = Self {
            builder: Builder::new("random", "input", &[2, 5, 4]).expect("a shape"),
            stream: Stream::new(seed),
            count: 0,
            images: vec![],
        };
        random.images.push(random.builder.input());
        for _ in 0..9 {
            random.grow();
        }
        let last = *random.images.last().expect("the input");
        let inputs: usize = random.shape(last).iter().product();
        let flat = Op::Reshape {
            shape: vec![inputs],
        };
        let flat = random.builder.push("flat", flat, &[last]).expect("a shape");
        let linear = Linear {
            inputs,
            outputs: 3,
            weights: random.reals(3 * inputs, 1.0 / (inputs as f32).sqrt()),
            bias: random.reals(3, 0.5),
        };
        let logits = random.builder.push("logits", Op::Linear(linear), &[flat]);
        random
            .builder
            .finish(logits.expect("a layer"))
            .expect("a graph")
    }
}

/// Checks one network; the greatest distance to the floats.
fn check(seed: u64, options: &QuantOptions) -> Result<f64, QuantError> {
    let graph = Random::network(seed);
    let mut random = Random {
        builder: Builder::new("inputs", "input", &[1]).expect("a shape"),
        stream: Stream::new(seed ^ 77),
        count: 0,
        images: vec![],
    };
    let inputs: Vec<Vec<f32>> = (0..6).map(|_| random.reals(40, 1.0)).collect();
    let model = quantise(&graph, options, &inputs)?;
    let oracle = Oracle::new(&model)?;
    let frac = model
        .graph
        .tensor(model.graph.output)
        .expect("an output")
        .frac_bits;
    let mut worst = 0.0f64;
    for input in &inputs {
        let integers = model
            .graph
            .quantise_input(input)
            .expect("a calibration input");
        let found = oracle.evaluate(&integers)?;
        assert_eq!(
            found.logits,
            reference::evaluate(&model, &integers),
            "seed {seed}"
        );
        let floats = graph.evaluate(input).expect("floats");
        for (v, x) in found.logits.iter().zip(floats) {
            let real = *v as f64 * (-f64::from(frac)).exp2();
            worst = worst.max((real - f64::from(x)).abs());
        }
    }
    Ok(worst)
}

#[test]
fn random_networks_fine() {
    for seed in 0..150 {
        for placement in [Placement::Early, Placement::Late] {
            for narrow in [Narrow::Proven, Narrow::Calibrated] {
                let options = QuantOptions {
                    placement,
                    narrow,
                    ..QuantOptions::fixed(26, 16)
                };
                let error = check(seed, &options).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                assert!(
                    error < 2e-3,
                    "seed {seed}, {placement:?}, {narrow:?}: off by {error}"
                );
            }
        }
    }
}

/// Each layer with fraction bits of its own, its values as its weights: the same agreement, errors of the coarsest.
#[test]
fn random_networks_of_own_scales() {
    let mut differ = 0;
    for place in 0..150u32 {
        let seed = u64::from(place);
        let graph = Random::network(seed);
        let mut layers = LayerFracs::default();
        let groups = tied(&graph, 16).expect("layers");
        for (number, group) in (place..).zip(&groups) {
            let own = 13 + (number * 2 + place / 7) % 5;
            layers.input = layers.input.or(group.input.then_some(own));
            for (next, layer) in (number..).zip(&group.layers) {
                layers.values.insert(layer.clone(), own);
                let own = 12 + (next * 5 + place / 3) % 6;
                layers.weights.insert(layer.clone(), own);
            }
        }
        for placement in [Placement::Early, Placement::Late] {
            for narrow in [Narrow::Proven, Narrow::Calibrated] {
                let options = QuantOptions {
                    placement,
                    narrow,
                    layers: layers.clone(),
                    ..QuantOptions::fixed(26, 16)
                };
                let error = check(seed, &options).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                assert!(
                    error < 3e-2,
                    "seed {seed}, {placement:?}, {narrow:?}: off by {error}"
                );
            }
        }
        let zeros = vec![vec![0.0; 40], vec![1.0; 40], vec![-1.0; 40]];
        let options = QuantOptions {
            layers,
            ..QuantOptions::fixed(26, 16)
        };
        let model = quantise(&graph, &options, &zeros).expect("fits");
        let scales = model.graph.tensors.iter().map(|t| t.frac_bits);
        let scales: std::collections::BTreeSet<_> = scales.filter(|f| *f < 20).collect();
        differ += usize::from(scales.len() > 1);
    }
    assert!(differ > 100, "only {differ} networks of 150 have several");
}

/// The networks are not all alike: every op but tables comes up, also at double scale.
#[test]
fn random_networks_differ() {
    let mut ops = std::collections::BTreeMap::new();
    for seed in 0..150 {
        let options = QuantOptions {
            placement: Placement::Late,
            ..QuantOptions::fixed(26, 16)
        };
        let zeros = vec![vec![0.0; 40], vec![1.0; 40], vec![-1.0; 40]];
        let model = quantise(&Random::network(seed), &options, &zeros).expect("fits");
        for node in &model.graph.nodes {
            let name = format!("{:?}", node.op);
            let name = name.split(['(', ' ']).next().unwrap_or("").to_owned();
            *ops.entry(name).or_insert(0) += 1;
        }
    }
    let rare: Vec<_> = ops.iter().filter(|(_, n)| **n < 5).collect();
    assert!(ops.len() == 16 && rare.is_empty(), "{ops:?}");
}

/// Short weights, wide margins and few bits: larger errors, the same agreement.
#[test]
fn random_networks_coarse() {
    let mut quantised = 0;
    for seed in 200..300 {
        for (bits, weights) in [(12, Weights::SameFrac), (14, Weights::Fit(6))] {
            let options = QuantOptions {
                bits,
                weights,
                placement: Placement::Late,
                ..QuantOptions::default()
            };
            if check(seed, &options).is_ok() {
                quantised += 1;
            }
        }
    }
    assert!(
        quantised > 150,
        "only {quantised} of 200 could be quantised"
    );
}
