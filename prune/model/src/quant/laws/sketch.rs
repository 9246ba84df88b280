//! Makes small networks node by node, and fixed pseudo-random integers.

use privet_ring::Ring;

use crate::preprocess::Preprocess;
use crate::quant::Limits;
use crate::quant::ir::{
    Conv, Graph, Linear, Model, Node, Op, Params, Profile, Range, RangeOrigin, Tensor, TensorId,
    Window,
};

/// A network in the making. Its output is what was added last.
#[derive(Debug, Clone)]
pub struct Sketch {
    graph: Graph,
    params: Vec<Option<Params>>,
}

impl Sketch {
    /// A network with an input of that shape, ring and scale.
    ///
    /// # Panics
    /// A width that is no ring.
    #[must_use]
    pub fn new(shape: &[usize], bits: u32, frac_bits: u32) -> Self {
        let mut sketch = Self {
            graph: Graph {
                name: String::new(),
                profile: Profile::Exact,
                value_bits: bits,
                preprocess: Preprocess::default(),
                tensors: vec![],
                nodes: vec![],
                input: TensorId(0),
                output: TensorId(0),
                classes: None,
            },
            params: vec![],
        };
        sketch.tensor(shape, bits, frac_bits);
        sketch
    }

    /// The network's input.
    #[must_use]
    pub const fn input(&self) -> TensorId {
        self.graph.input
    }

    /// Adds an op whose result has that shape, ring and scale.
    ///
    /// # Panics
    /// A width that is no ring.
    pub fn push(
        &mut self,
        op: Op,
        params: Option<Params>,
        inputs: &[TensorId],
        (shape, bits, frac_bits): (&[usize], u32, u32),
    ) -> TensorId {
        let output = self.tensor(shape, bits, frac_bits);
        self.graph.nodes.push(Node {
            name: format!("layer {}", self.graph.nodes.len()),
            op,
            inputs: inputs.to_vec(),
            output,
        });
        self.params.push(params);
        self.graph.output = output;
        output
    }

    /// Adds an op without parameters that keeps shape, ring and scale.
    ///
    /// # Panics
    /// An operand that does not exist.
    pub fn keep(&mut self, op: Op, inputs: &[TensorId]) -> TensorId {
        let first = inputs.first().expect("an operand");
        let tensor = self.graph.tensor(*first).expect("it exists");
        let (shape, bits, frac) = (tensor.shape.clone(), tensor.ring.bits(), tensor.frac_bits);
        self.push(op, None, inputs, (&shape, bits, frac))
    }

    /// The finished network.
    ///
    /// # Panics
    /// A network that is not valid.
    #[must_use]
    pub fn finish(mut self, name: &str) -> Model {
        name.clone_into(&mut self.graph.name);
        let model = Model {
            graph: self.graph,
            params: self.params,
            source_sha256: [0; 32],
        };
        model.validate(&Limits::default()).expect(name);
        model
    }

    fn tensor(&mut self, shape: &[usize], bits: u32, frac_bits: u32) -> TensorId {
        let id = TensorId(u32::try_from(self.graph.tensors.len()).expect("few tensors"));
        self.graph.tensors.push(Tensor {
            name: format!("tensor {}", id.0),
            shape: shape.to_vec(),
            ring: Ring::new(bits).expect("a ring"),
            frac_bits,
            range: Range {
                bits,
                non_negative: false,
                origin: RangeOrigin::Proven,
            },
        });
        id
    }
}

/// A fully connected layer on flat inputs, weights with 4 fraction bits.
pub(super) fn linear(inputs: usize, outputs: usize, weight_bits: u32) -> Op {
    Op::Linear(Linear {
        inputs,
        outputs,
        weight_bits,
        weight_frac: 4,
        sparsity: None,
    })
}

/// A convolution, weights of 6 bits with 4 fraction bits.
pub(super) fn conv(in_channels: usize, out_channels: usize, groups: usize, window: Window) -> Op {
    Op::Conv(Conv {
        in_channels,
        out_channels,
        groups,
        window,
        weight_bits: 6,
        weight_frac: 4,
        sparsity: None,
    })
}

/// A square window.
pub(super) fn window(kernel: usize, stride: usize, before: usize, after: usize) -> Window {
    Window {
        strides: [stride; 2],
        pads_before: [before; 2],
        pads_after: [after; 2],
        ..Window::new([kernel; 2])
    }
}

/// SplitMix64: fixed pseudo-random integers.
#[derive(Debug, Clone)]
pub struct Stream(u64);

impl Stream {
    /// The stream of that seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A signed integer of `bits` bits, one time in four from the edges.
    pub fn signed(&mut self, bits: u32) -> i64 {
        let word = self.word();
        let (min, max) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
        match word % 16 {
            0 => min,
            1 => max,
            2 => -1,
            3 => 0,
            _ => word.cast_signed() >> (64 - bits),
        }
    }

    /// `count` signed integers of `bits` bits.
    pub fn many(&mut self, count: usize, bits: u32) -> Vec<i64> {
        (0..count).map(|_| self.signed(bits)).collect()
    }

    /// Weights and biases.
    ///
    /// # Panics
    /// Weights of more than 32 bits.
    pub fn params(&mut self, weights: (usize, u32), bias: (usize, u32)) -> Params {
        let small = |w| i32::try_from(w).expect("at most 32 bits");
        Params {
            weights: self
                .many(weights.0, weights.1)
                .into_iter()
                .map(small)
                .collect(),
            bias: self.many(bias.0, bias.1),
        }
    }
}
