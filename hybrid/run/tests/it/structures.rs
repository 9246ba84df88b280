//! Small networks built like ResNet50, DenseNet121 and MobileNetV2: every backend gives the oracle's integers.

use privet_model::graph::{Affine, Builder, Conv, Graph, Linear, Op, Per, Pool, ValueId, Window};
use privet_model::quant::ir::{self, Model};
use privet_model::quant::{LayerFracs, Narrow, Placement, QuantOptions, quantise, tied};
use privet_plan::Reveal;

use super::models::Stream;
use super::rig::{Setting, backends, run};

/// A network in floats that grows by layers.
struct Net {
    builder: Builder,
    stream: Stream,
    layers: usize,
}

impl Net {
    fn new(seed: u64, shape: &[usize]) -> Self {
        Self {
            builder: Builder::new("structure", "input", shape).unwrap(),
            stream: Stream(seed),
            layers: 0,
        }
    }

    /// Between -1 and 1.
    fn real(&mut self) -> f32 {
        (self.stream.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn reals(&mut self, count: usize, most: f32) -> Vec<f32> {
        (0..count).map(|_| most * self.real()).collect()
    }

    fn push(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.layers += 1;
        let name = format!("layer {}", self.layers);
        self.builder.push(&name, op, inputs).unwrap()
    }

    fn conv(
        &mut self,
        from: ValueId,
        channels: [usize; 2],
        groups: usize,
        window: Window,
    ) -> ValueId {
        let [in_channels, out_channels] = channels;
        let taps = in_channels / groups * window.kernel.iter().product::<usize>();
        let conv = Conv {
            in_channels,
            out_channels,
            groups,
            window,
            weights: self.reals(out_channels * taps, 1.5 / (taps as f32).sqrt()),
            bias: vec![0.0; out_channels],
        };
        self.push(Op::Conv(conv), &[from])
    }

    /// Batch normalisation with factors around 1 of both signs.
    fn norm(&mut self, from: ValueId, channels: usize) -> ValueId {
        let scale = (0..channels).map(|_| f64::from(self.real()));
        let scale = scale.map(|s| s + s.signum() * 0.5).collect();
        self.affine(from, scale)
    }

    fn affine(&mut self, from: ValueId, scale: Vec<f64>) -> ValueId {
        let shift = scale.iter().map(|_| 0.5 * f64::from(self.real())).collect();
        let per = Per::Channel;
        self.push(Op::Affine(Affine { per, scale, shift }), &[from])
    }

    fn relu(&mut self, from: ValueId) -> ValueId {
        self.push(Op::Relu, &[from])
    }

    fn average(&mut self, from: ValueId, extent: usize, stride: usize, output: usize) -> ValueId {
        let pool = Pool {
            window: window(extent, stride, 0),
            output: [output; 2],
        };
        self.push(Op::AvgPool(pool), &[from])
    }

    fn max_pool(&mut self, from: ValueId, output: usize) -> ValueId {
        let pool = Pool {
            window: window(3, 2, 1),
            output: [output; 2],
        };
        self.push(Op::MaxPool(pool), &[from])
    }

    fn classify(mut self, from: ValueId, features: usize) -> Graph {
        let shape = vec![features];
        let flat = self.push(Op::Reshape { shape }, &[from]);
        let linear = Linear {
            inputs: features,
            outputs: 3,
            weights: self.reals(3 * features, 1.0),
            bias: self.reals(3, 1.0),
        };
        let logits = self.push(Op::Linear(linear), &[flat]);
        self.builder.finish(logits).unwrap()
    }
}

fn window(kernel: usize, stride: usize, pad: usize) -> Window {
    Window {
        strides: [stride; 2],
        pads_before: [pad; 2],
        pads_after: [pad; 2],
        ..Window::new([kernel; 2])
    }
}

/// Scales that differ from layer to layer, of values and of weights.
fn own_scales(graph: &Graph) -> LayerFracs {
    let mut layers = LayerFracs::default();
    for (group, tied) in (0..).zip(tied(graph, 7).unwrap()) {
        let own = [7, 4, 8, 6, 5][group % 5];
        layers.input = layers.input.or(tied.input.then_some(own));
        for (place, layer) in (group..).zip(tied.layers) {
            let weights = [5, 8, 3, 7, 6, 4][place % 6];
            layers.values.insert(layer.clone(), own);
            layers.weights.insert(layer, weights);
        }
    }
    layers
}

/// Both placements, one scale for all layers or one for each with rings as narrow as seen, every backend, a few inputs; hands back the
/// early one of a common scale for a look at its operations.
fn check(graph: &Graph) -> Model {
    let mut stream = Stream(77);
    let len: usize = graph.input_shape().iter().product();
    let mut sample = || {
        let reals = (0..len).map(|_| (stream.next() >> 40) as f32 / (1u64 << 22) as f32 - 2.0);
        reals.collect::<Vec<f32>>()
    };
    let data: Vec<Vec<f32>> = (0..20).map(|_| sample()).collect();
    let quantised = |placement, own: bool| {
        let options = QuantOptions {
            placement,
            ..QuantOptions::fixed(14, 7)
        };
        let options = if own {
            QuantOptions {
                layers: own_scales(graph),
                narrow: Narrow::Calibrated,
                ..options
            }
        } else {
            options
        };
        quantise(graph, &options, &data).unwrap()
    };
    let all = [Placement::Late, Placement::Early].map(|p| [(p, true), (p, false)]);
    for (placement, own) in all.into_iter().flatten() {
        let model = quantised(placement, own);
        if own {
            check_variety(&model);
        }
        let inputs = data.iter().take(2);
        let inputs: Vec<Vec<i64>> = inputs
            .map(|x| model.graph.quantise_input(x).unwrap())
            .collect();
        for setting in backends(Setting {
            reveal: Reveal::Logits,
            ..Setting::default()
        }) {
            let (answers, plan) = run(&model, &inputs, setting).unwrap();
            for ((before, input), (answer, report)) in (0..).zip(&inputs).zip(&answers) {
                let clear = model.evaluate(input).unwrap();
                let at = format!("{placement:?} {own} {}", setting.backend);
                assert_eq!(answer.logits.as_ref(), Some(&clear.logits), "{at}");
                assert_eq!(report.online.bytes, plan.cost.inference.bytes(), "{at}");
                assert_eq!(report.offline.bytes, plan.offline_bytes(before), "{at}");
                super::ops::check_flights(&plan, report);
            }
        }
    }
    quantised(Placement::Early, false)
}

/// Accumulators have different rings, weights different scales.
fn check_variety(model: &Model) {
    let nodes = model.graph.nodes.iter();
    let linear = nodes.filter(|n| n.op.weight_bits().is_some());
    let rings = linear.map(|n| model.graph.tensor(n.output).unwrap().ring);
    let rings: std::collections::BTreeSet<u32> = rings.map(|r| r.bits()).collect();
    assert!(rings.len() > 2, "{rings:?}");
}

fn count(model: &Model, wanted: fn(&ir::Op) -> bool) -> usize {
    model.graph.nodes.iter().filter(|n| wanted(&n.op)).count()
}

/// A stem of 7 x 7 by 2 with an overlapping pool, a bottleneck by 2 beside a projection, and one beside nothing.
#[test]
fn bottlenecks_with_residuals() {
    let mut net = Net::new(11, &[3, 12, 12]);
    let x = net.conv(net.builder.input(), [3, 4], 1, window(7, 2, 3));
    let x = net.norm(x, 4);
    let x = net.relu(x);
    let mut x = net.max_pool(x, 3);
    for (channels, stride) in [(4, 2), (6, 1)] {
        let y = net.conv(x, [channels, 2], 1, window(1, 1, 0));
        let y = net.norm(y, 2);
        let y = net.relu(y);
        let y = net.conv(y, [2, 2], 1, window(3, stride, 1));
        let y = net.norm(y, 2);
        let y = net.relu(y);
        let y = net.conv(y, [2, 6], 1, window(1, 1, 0));
        let y = net.norm(y, 6);
        if stride == 2 {
            let z = net.conv(x, [channels, 6], 1, window(1, stride, 0));
            x = net.norm(z, 6);
        }
        let sum = net.push(Op::Add, &[y, x]);
        x = net.relu(sum);
    }
    let x = net.average(x, 2, 1, 1);
    let model = check(&net.classify(x, 6));
    assert_eq!(count(&model, |op| matches!(op, ir::Op::Conv(_))), 8);
}

/// Dense layers, a transition and a last normalisation: factors of both signs, zero, and too small to count.
#[test]
fn dense_blocks_that_normalise_first() {
    let mut net = Net::new(12, &[2, 7, 7]);
    let x = net.conv(net.builder.input(), [2, 4], 1, window(3, 1, 1));
    let x = net.relu(x);
    let mut x = net.max_pool(x, 4);
    let mut channels = 4;
    let scales = [
        vec![1.25, -0.75, 0.0, 1e-9],
        vec![-0.5, 1.5, 0.0, -1e-7, 0.75, -2.0],
    ];
    for scale in scales {
        let y = net.affine(x, scale);
        let y = net.relu(y);
        let y = net.conv(y, [channels, 3], 1, window(1, 1, 0));
        let y = net.norm(y, 3);
        let y = net.relu(y);
        let y = net.conv(y, [3, 2], 1, window(3, 1, 1));
        x = net.push(Op::Concat { axis: 0 }, &[x, y]);
        channels += 2;
    }
    let y = net.norm(x, 8);
    let y = net.relu(y);
    let y = net.conv(y, [8, 4], 1, window(1, 1, 0));
    let y = net.average(y, 2, 2, 2);
    let y = net.affine(y, vec![-1.0, 0.0, 0.5, 2.0]);
    let y = net.relu(y);
    let y = net.average(y, 2, 1, 1);
    let model = check(&net.classify(y, 4));
    assert_eq!(count(&model, |op| matches!(op, ir::Op::Reflect)), 4);
    assert_eq!(
        count(&model, |op| matches!(op, ir::Op::Conv(_))),
        6,
        "nothing is scaled"
    );
}

/// Expansion, convolution by channel, projection; limited above, and a sum around the second.
#[test]
fn inverted_residuals() {
    let mut net = Net::new(13, &[3, 8, 8]);
    let six = |net: &mut Net, x| net.push(Op::Clip { lo: 0.0, hi: 6.0 }, &[x]);
    let mut x = net.conv(net.builder.input(), [3, 2], 1, window(3, 2, 1));
    x = net.norm(x, 2);
    x = six(&mut net, x);
    for stride in [2, 1] {
        let y = net.conv(x, [2, 6], 1, window(1, 1, 0));
        let y = net.norm(y, 6);
        let y = six(&mut net, y);
        let y = net.conv(y, [6, 6], 6, window(3, stride, 1));
        let y = net.norm(y, 6);
        let y = six(&mut net, y);
        let y = net.conv(y, [6, 2], 1, window(1, 1, 0));
        let y = net.norm(y, 2);
        x = match stride {
            1 => net.push(Op::Add, &[x, y]),
            _ => y,
        };
    }
    let x = net.average(x, 2, 1, 1);
    check(&net.classify(x, 2));
}
