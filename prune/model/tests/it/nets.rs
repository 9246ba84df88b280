//! Small float networks with pseudo-random weights.

use privet_model::graph::{
    Affine, Builder, Conv, Graph, Linear, Op, Per, Pool, Rounding, ValueId, Window,
};
use privet_model::preprocess::{Preprocess, Projection};
use privet_model::quant::{self, QuantOptions, ir};

/// SplitMix64.
pub(crate) struct Stream(pub(crate) u64);

impl Stream {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `[-scale, scale)`.
    pub(crate) fn real(&mut self, scale: f32) -> f32 {
        ((self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale
    }

    pub(crate) fn reals(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.real(scale)).collect()
    }

    pub(crate) fn doubles(&mut self, count: usize, scale: f32) -> Vec<f64> {
        (0..count).map(|_| self.real(scale).into()).collect()
    }
}

pub(crate) struct Net {
    builder: Builder,
    pub(crate) stream: Stream,
    count: usize,
}

impl Net {
    pub(crate) fn new(shape: &[usize], seed: u64) -> Self {
        Self {
            builder: Builder::new("net", "input", shape).unwrap(),
            stream: Stream(seed),
            count: 0,
        }
    }

    pub(crate) fn input(&self) -> ValueId {
        self.builder.input()
    }

    pub(crate) fn push(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.count += 1;
        let name = format!("{} {}", op.name(), self.count);
        self.builder.push(&name, op, inputs).unwrap()
    }

    pub(crate) fn conv(
        &mut self,
        x: ValueId,
        [i, o, groups]: [usize; 3],
        window: Window,
    ) -> ValueId {
        let taps = i / groups * window.kernel[0] * window.kernel[1];
        let conv = Conv {
            in_channels: i,
            out_channels: o,
            groups,
            window,
            weights: self.stream.reals(o * taps, 1.0 / (taps as f32).sqrt()),
            bias: self.stream.reals(o, 0.5),
        };
        self.push(Op::Conv(conv), &[x])
    }

    pub(crate) fn linear(&mut self, x: ValueId, inputs: usize, outputs: usize) -> ValueId {
        let scale = 1.0 / (inputs as f32).sqrt();
        let linear = Linear {
            inputs,
            outputs,
            weights: self.stream.reals(outputs * inputs, scale),
            bias: self.stream.reals(outputs, 0.5),
        };
        self.push(Op::Linear(linear), &[x])
    }

    pub(crate) fn affine(&mut self, x: ValueId, per: Per, entries: usize) -> ValueId {
        let affine = Affine {
            per,
            scale: self.stream.doubles(entries, 1.5),
            shift: self.stream.doubles(entries, 0.7),
        };
        self.push(Op::Affine(affine), &[x])
    }

    pub(crate) fn relu(&mut self, x: ValueId) -> ValueId {
        self.push(Op::Relu, &[x])
    }

    pub(crate) fn flatten(&mut self, x: ValueId, len: usize) -> ValueId {
        self.push(Op::Reshape { shape: vec![len] }, &[x])
    }

    pub(crate) fn finish(self, output: ValueId) -> Graph {
        self.builder.finish(output).unwrap()
    }
}

pub(crate) fn window(kernel: usize, stride: usize, pad: usize) -> Window {
    Window {
        strides: [stride; 2],
        pads_before: [pad; 2],
        pads_after: [pad; 2],
        ..Window::new([kernel; 2])
    }
}

pub(crate) fn pool(window: Window, input: [usize; 2], rounding: Rounding) -> Pool {
    let output = window.output(input, rounding).unwrap();
    Pool { window, output }
}

/// A convolution, ReLU and a fully connected layer on `[2, 6, 6]`.
pub(crate) fn small_model() -> ir::Model {
    let mut net = Net::new(&[2, 6, 6], 18);
    let c = net.conv(net.input(), [2, 2, 1], window(3, 2, 1));
    let r = net.relu(c);
    let f = net.flatten(r, 18);
    let l = net.linear(f, 18, 4);
    let inputs = vec![net.stream.reals(72, 1.0)];
    quant::quantise(&net.finish(l), &QuantOptions::fixed(16, 8), &inputs).unwrap()
}

/// Two coordinates of three features, one layer.
pub(crate) fn projected_model() -> ir::Model {
    let mut b = Builder::new("projected", "input", &[2]).unwrap();
    let linear = Op::Linear(Linear {
        inputs: 2,
        outputs: 2,
        weights: vec![1.0, -0.5, 0.25, 1.0],
        bias: vec![0.0, 0.5],
    });
    let y = b.push("fc", linear, &[b.input()]).unwrap();
    let projection = Projection::new(vec![3], 2, vec![8192, 0, 8192, 0, 0, 16_384]).unwrap();
    b.set_preprocess(Preprocess {
        projection: Some(projection),
        ..Preprocess::default()
    });
    let graph = b.finish(y).unwrap();
    let options = QuantOptions {
        input_range: Some([-8.0, 8.0]),
        ..QuantOptions::fixed(16, 8)
    };
    quant::quantise(&graph, &options, &[]).unwrap()
}
