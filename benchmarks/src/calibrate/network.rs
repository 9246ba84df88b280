//! Small networks, whose only purpose is how long they take.

use privet_model::preprocess::Preprocess;
use privet_model::quant::ir::{
    Conv, Graph, Linear, Model, Node, Op, Params, Pool, Profile, Range, RangeOrigin, Tensor,
    TensorId, Window,
};
use privet_ring::Ring;

use super::CalibrateError;

/// One layer, and what follows it.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) channels: [usize; 2],
    pub(super) image: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) value_bits: u32,
    pub(super) weight_bits: u32,
    pub(super) ring_bits: u32,
    /// Layers of this form that read the input; their results are added.
    pub(super) copies: usize,
    pub(super) then: Then,
}

/// What follows the layers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The answer.
    Nothing,
    /// Truncation and ReLU.
    Relu,
    /// Those, and a maximum over windows of 3×3, every other one.
    Pool,
}

impl Shape {
    pub(super) const fn convolution(
        channels: [usize; 2],
        image: usize,
        kernel: usize,
        stride: usize,
    ) -> Self {
        Self {
            channels,
            image,
            kernel,
            stride,
            value_bits: 25,
            weight_bits: 10,
            ring_bits: 37,
            copies: 1,
            then: Then::Nothing,
        }
    }

    /// A fully connected one.
    pub(super) const fn matrix(inputs: usize, outputs: usize) -> Self {
        Self::convolution([inputs, outputs], 0, 1, 1)
    }

    fn is_matrix(&self) -> bool {
        self.image == 0
    }

    fn input(&self) -> Vec<usize> {
        match self.image {
            0 => vec![self.channels[0]],
            image => vec![self.channels[0], image, image],
        }
    }

    fn output(&self) -> Vec<usize> {
        let side = |image: usize| {
            let pads = 2 * (self.kernel / 2);
            (image + pads - self.kernel) / self.stride + 1
        };
        match self.image {
            0 => vec![self.channels[1]],
            image => vec![self.channels[1], side(image), side(image)],
        }
    }

    /// Fraction bits that weights bring and truncation takes away.
    fn shift(&self) -> u32 {
        match self.then {
            Then::Nothing => 0,
            Then::Relu | Then::Pool => self.ring_bits - self.value_bits,
        }
    }

    fn op(&self) -> Op {
        let [inputs, outputs] = self.channels;
        let (weight_bits, weight_frac) = (self.weight_bits, self.shift());
        if self.is_matrix() {
            return Op::Linear(Linear {
                inputs,
                outputs,
                weight_bits,
                weight_frac,
                sparsity: None,
            });
        }
        let pads = [self.kernel / 2; 2];
        Op::Conv(Conv {
            in_channels: inputs,
            out_channels: outputs,
            groups: 1,
            window: Window {
                kernel: [self.kernel; 2],
                strides: [self.stride; 2],
                dilations: [1; 2],
                pads_before: pads,
                pads_after: pads,
            },
            weight_bits,
            weight_frac,
            sparsity: None,
        })
    }

    /// The network.
    pub(super) fn model(&self) -> Result<Model, CalibrateError> {
        let count = self.channels[0] * self.channels[1] * self.kernel * self.kernel;
        let params = Params {
            weights: weights(count, self.weight_bits),
            bias: vec![0; self.channels[1]],
        };
        let mut network = Network::new(tensor(self.input(), self.value_bits, 0)?);
        let shift = self.shift();
        let out = || tensor(self.output(), self.ring_bits, shift);
        let mut last = network.push(self.op(), &[0], Some(params.clone()), out()?);
        for _ in 1..self.copies {
            let next = network.push(self.op(), &[0], Some(params.clone()), out()?);
            last = network.push(Op::Add, &[last, next], None, out()?);
        }
        if self.then != Then::Nothing {
            let out = || tensor(self.output(), self.value_bits, 0);
            last = network.push(Op::Trunc { shift }, &[last], None, out()?);
            last = network.push(Op::Relu, &[last], None, out()?);
        }
        if self.then == Then::Pool {
            let window = Window {
                kernel: [3; 2],
                strides: [2; 2],
                dilations: [1; 2],
                pads_before: [0; 2],
                pads_after: [0; 2],
            };
            let side = (self.image - 3) / 2 + 1;
            let out = tensor(vec![self.channels[1], side, side], self.value_bits, 0)?;
            last = network.push(Op::MaxPool(Pool { window }), &[last], None, out);
        }
        network.model(self.value_bits, last)
    }
}

fn tensor(shape: Vec<usize>, bits: u32, frac_bits: u32) -> Result<Tensor, CalibrateError> {
    let ring = Ring::new(bits).map_err(|e| CalibrateError::Probe(e.to_string()))?;
    Ok(Tensor {
        name: "t".to_owned(),
        shape,
        ring,
        frac_bits,
        range: Range {
            bits: bits - 1,
            non_negative: false,
            origin: RangeOrigin::Calibrated,
        },
    })
}

/// A graph that grows.
struct Network {
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    params: Vec<Option<Params>>,
}

impl Network {
    fn new(input: Tensor) -> Self {
        Self {
            tensors: vec![input],
            nodes: Vec::new(),
            params: Vec::new(),
        }
    }

    /// The tensor that it makes.
    fn push(&mut self, op: Op, inputs: &[u32], params: Option<Params>, out: Tensor) -> u32 {
        let id = u32::try_from(self.tensors.len()).unwrap_or(u32::MAX);
        self.tensors.push(out);
        self.nodes.push(Node {
            name: format!("layer{id}"),
            op,
            inputs: inputs.iter().copied().map(TensorId).collect(),
            output: TensorId(id),
        });
        self.params.push(params);
        id
    }

    fn model(self, value_bits: u32, output: u32) -> Result<Model, CalibrateError> {
        let model = Model {
            graph: Graph {
                name: "probe".to_owned(),
                profile: Profile::Exact,
                value_bits,
                preprocess: Preprocess::default(),
                tensors: self.tensors,
                nodes: self.nodes,
                input: TensorId(0),
                output: TensorId(output),
                classes: None,
            },
            params: self.params,
            source_sha256: [0; 32],
        };
        let valid = model.validate(&privet_model::quant::Limits::default());
        valid.map_err(|e| CalibrateError::Probe(e.to_string()))?;
        Ok(model)
    }
}

/// Weights of that width that are hardly ever zero.
pub(super) fn weights(count: usize, bits: u32) -> Vec<i32> {
    let top = 1u64 << (bits - 1);
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        i32::try_from((state >> 33) % (2 * top)).unwrap_or(0) - i32::try_from(top).unwrap_or(0)
    };
    (0..count).map(|_| next()).collect()
}
