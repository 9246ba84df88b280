//! Small quantised models, one operation each, and pseudo-random integers.

use privet_model::preprocess::Preprocess;
use privet_model::quant::ir::*;
use privet_ring::Ring;

/// SplitMix64 (Steele, Lea, Flood 2014): a fixed stream of test integers.
pub(crate) struct Stream(pub(crate) u64);

impl Stream {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A signed integer of `bits` bits.
    pub(crate) fn signed(&mut self, bits: u32) -> i64 {
        Ring::new(bits).unwrap().wrap(self.next() as i64)
    }

    pub(crate) fn words(&mut self, n: usize, bits: u32) -> Vec<i64> {
        (0..n).map(|_| self.signed(bits)).collect()
    }
}

/// Builds a graph node by node.
pub(crate) struct Build {
    pub(crate) graph: Graph,
    params: Vec<Option<Params>>,
}

impl Build {
    pub(crate) fn new(shape: &[usize], bits: u32, frac: u32) -> Self {
        let mut build = Self {
            graph: Graph {
                name: "small".into(),
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
        build.tensor(shape, bits, frac);
        build
    }

    pub(crate) fn tensor(&mut self, shape: &[usize], bits: u32, frac: u32) -> TensorId {
        let id = TensorId(self.graph.tensors.len() as u32);
        self.graph.tensors.push(Tensor {
            name: format!("t{}", id.0),
            shape: shape.to_vec(),
            ring: Ring::new(bits).unwrap(),
            frac_bits: frac,
            range: Range {
                bits,
                non_negative: false,
                origin: RangeOrigin::Calibrated,
            },
        });
        id
    }

    /// Adds an op with a new output tensor, which becomes the graph's output.
    pub(crate) fn op(
        &mut self,
        op: Op,
        inputs: &[TensorId],
        shape: &[usize],
        bits: u32,
        frac: u32,
        params: Option<Params>,
    ) -> TensorId {
        let output = self.tensor(shape, bits, frac);
        let name = format!("n{}", self.graph.nodes.len());
        self.graph.nodes.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
            output,
        });
        self.params.push(params);
        self.graph.output = output;
        output
    }

    pub(crate) fn finish(self) -> Model {
        let model = Model {
            graph: self.graph,
            params: self.params,
            source_sha256: [0; 32],
        };
        model
            .validate(&privet_model::quant::Limits::default())
            .unwrap();
        model
    }
}

pub(crate) fn window(kernel: usize, stride: usize, before: usize, after: usize) -> Window {
    Window {
        kernel: [kernel; 2],
        strides: [stride; 2],
        dilations: [1, 1],
        pads_before: [before; 2],
        pads_after: [after; 2],
    }
}

/// Random parameters of a linear op.
pub(crate) fn params(
    s: &mut Stream,
    weights: usize,
    w_bits: u32,
    biases: usize,
    bits: u32,
) -> Option<Params> {
    Some(Params {
        weights: (0..weights).map(|_| s.signed(w_bits) as i32).collect(),
        bias: s.words(biases, bits),
    })
}

/// A linear layer, truncated to its input's width.
pub(crate) fn linear(
    inputs: usize,
    outputs: usize,
    bits: u32,
    w_bits: u32,
    shift: u32,
    seed: u64,
) -> Model {
    let mut s = Stream(seed);
    let mut b = Build::new(&[inputs], bits, shift);
    let l = bits + shift;
    let op = Op::Linear(Linear {
        inputs,
        outputs,
        weight_bits: w_bits,
        weight_frac: shift,
        sparsity: None,
    });
    let p = params(&mut s, inputs * outputs, w_bits, outputs, l);
    let acc = b.op(op, &[TensorId(0)], &[outputs], l, 2 * shift, p);
    b.op(Op::Trunc { shift }, &[acc], &[outputs], bits, shift, None);
    b.finish()
}
