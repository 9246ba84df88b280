//! Linear layers as networks of their own: garbled, by transfers, under encryption.

use std::sync::Arc;

use privet_model::preprocess::Preprocess;
use privet_model::quant::ir::{
    Conv, Graph, Linear, Model, Node, Op, Params, Profile, Range, RangeOrigin, Tensor, TensorId,
    Window,
};
use privet_plan::{Backend, Choice, LinkModel, Plan, Rates, Reveal};
use privet_ring::Ring;
use privet_run::server::Offered;
use privet_run::{Client, ClientOptions, HeldWeights, Report, ServerOptions, Silent};

use super::{CalibrateError, Pair, fit};

/// Non-XOR gates a second.
pub(super) fn gates(pair: &Pair, rates: &Rates) -> Result<f64, CalibrateError> {
    let shape = Shape {
        value_bits: 16,
        weight_bits: 16,
        ring_bits: 28,
        ..Shape::matrix(256, 96)
    };
    let (plan, report) = quickest(pair, &shape, Backend::Gc, |report| report.online.seconds)?;
    let mut cost = plan.cost.inference;
    let gates = cost.non_xor();
    (cost.ands, cost.half_ands) = (0, 0);
    let others = rates.online(&cost, &LinkModel::LOOPBACK);
    rate(gates, report.online.seconds, others)
}

/// Masked products of one bit a second.
pub(super) fn fields(pair: &Pair, rates: &Rates) -> Result<f64, CalibrateError> {
    let shape = Shape {
        ring_bits: 32,
        ..Shape::convolution([16, 16], 24, 3, 1)
    };
    let (plan, report) = quickest(pair, &shape, Backend::Ot, |report| report.offline.seconds)?;
    let mut sum = plan.cost.offline;
    let fields = sum.fields;
    sum.fields = 0;
    let others = rates.material(
        &plan.demand,
        (sum.client_silent, sum.server_silent),
        &LinkModel::LOOPBACK,
    ) + rates.offline(&sum, &LinkModel::LOOPBACK);
    rate(fields, report.offline.seconds, others)
}

/// A rate from the seconds of a probe and of what else it did; at least a tenth of them is its own.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(count: u64, seconds: f64, others: f64) -> Result<f64, CalibrateError> {
    if count == 0 {
        return Err(CalibrateError::Probe("it did nothing".to_owned()));
    }
    Ok(count as f64 / (seconds - others).max(seconds / 10.0))
}

/// Layers that differ in what they do most of: inputs, outputs, weights, products; several of each, so that they are pipelined.
fn probes() -> [Shape; 6] {
    let shapes = [
        Shape::convolution([384, 2], 27, 1, 1),
        Shape::convolution([2, 384], 27, 1, 1),
        Shape::convolution([512, 512], 13, 1, 1),
        Shape::convolution([64, 128], 13, 3, 1),
        Shape::convolution([32, 32], 56, 3, 1),
        Shape::convolution([3, 64], 113, 3, 2),
    ];
    shapes.map(|shape| Shape { copies: 4, ..shape })
}

/// Residues encrypted, evaluated, multiplied and answered a second.
#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(super) fn encryption(pair: &Pair, rates: &Rates) -> Result<[f64; 4], CalibrateError> {
    let mut found = Vec::new();
    for shape in probes() {
        let offline = |report: &Report| report.offline.seconds;
        let (plan, report) = quickest(pair, &shape, Backend::Hybrid, offline)?;
        let cost = plan.cost.offline;
        let seconds = report.offline.seconds;
        let others = f64::from(cost.flights) / rates.flights;
        let counts = [cost.encrypted, cost.evaluated, cost.products, cost.answered];
        let own = (seconds - others).max(seconds / 10.0);
        found.push((counts.map(|count| count as f64), own));
    }
    let near = [
        rates.encrypted,
        rates.evaluated,
        rates.products,
        rates.answered,
    ];
    let seconds = fit::kinds(&found, near.map(|rate| 1.0 / rate))
        .ok_or_else(|| CalibrateError::Probe("encryption took no time".to_owned()))?;
    Ok(seconds.map(|seconds| 1.0 / seconds))
}

/// One layer.
#[derive(Clone, Copy)]
struct Shape {
    channels: [usize; 2],
    image: usize,
    kernel: usize,
    stride: usize,
    value_bits: u32,
    weight_bits: u32,
    ring_bits: u32,
    /// Layers of this form that read the input; their results are added.
    copies: usize,
}

impl Shape {
    const fn convolution(channels: [usize; 2], image: usize, kernel: usize, stride: usize) -> Self {
        Self {
            channels,
            image,
            kernel,
            stride,
            value_bits: 25,
            weight_bits: 10,
            ring_bits: 37,
            copies: 1,
        }
    }

    /// A fully connected one.
    const fn matrix(inputs: usize, outputs: usize) -> Self {
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

    fn op(&self) -> Op {
        let [inputs, outputs] = self.channels;
        let (weight_bits, weight_frac) = (self.weight_bits, 0);
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
    fn model(&self) -> Result<Model, CalibrateError> {
        let tensor = |shape: Vec<usize>, bits: u32| -> Result<Tensor, CalibrateError> {
            let ring = Ring::new(bits).map_err(|e| CalibrateError::Probe(e.to_string()))?;
            Ok(Tensor {
                name: "t".to_owned(),
                shape,
                ring,
                frac_bits: 0,
                range: Range {
                    bits,
                    non_negative: false,
                    origin: RangeOrigin::Calibrated,
                },
            })
        };
        let count = self.channels[0] * self.channels[1] * self.kernel * self.kernel;
        let params = Params {
            weights: weights(count, self.weight_bits),
            bias: vec![0; self.channels[1]],
        };
        let mut tensors = vec![tensor(self.input(), self.value_bits)?];
        let (mut nodes, mut all) = (Vec::new(), Vec::new());
        let mut push = |op, inputs: &[u32], params| -> Result<u32, CalibrateError> {
            let id = u32::try_from(tensors.len()).unwrap_or(u32::MAX);
            tensors.push(tensor(self.output(), self.ring_bits)?);
            nodes.push(Node {
                name: format!("layer{id}"),
                op,
                inputs: inputs.iter().copied().map(TensorId).collect(),
                output: TensorId(id),
            });
            all.push(params);
            Ok(id)
        };
        let mut sum = push(self.op(), &[0], Some(params.clone()))?;
        for _ in 1..self.copies {
            let next = push(self.op(), &[0], Some(params.clone()))?;
            sum = push(Op::Add, &[sum, next], None)?;
        }
        let model = Model {
            graph: Graph {
                name: "probe".to_owned(),
                profile: Profile::Exact,
                value_bits: self.value_bits,
                preprocess: Preprocess::default(),
                tensors,
                nodes,
                input: TensorId(0),
                output: TensorId(sum),
                classes: None,
            },
            params: all,
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

/// The quickest of some sessions of one inference.
fn quickest(
    pair: &Pair,
    shape: &Shape,
    backend: Backend,
    seconds: impl Fn(&Report) -> f64,
) -> Result<(Plan, Report), CalibrateError> {
    let mut best: Option<(Plan, Report)> = None;
    for _ in 0..super::REPEATS {
        let found = once(pair, shape.model()?, backend)?;
        if best
            .as_ref()
            .is_none_or(|(_, report)| seconds(&found.1) < seconds(report))
        {
            best = Some(found);
        }
    }
    best.ok_or_else(|| CalibrateError::Probe("it did not run".to_owned()))
}

/// One session of one inference: nothing is kept from it.
fn once(pair: &Pair, model: Model, backend: Backend) -> Result<(Plan, Report), CalibrateError> {
    let input = vec![
        1;
        model
            .graph
            .tensors
            .first()
            .and_then(Tensor::elements)
            .unwrap_or(0)
    ];
    let offered = [Offered { model, id: [0; 16] }];
    let grants = ServerOptions {
        reveal: Reveal::Logits,
        weights: Arc::new(HeldWeights::default()),
        ..ServerOptions::default()
    };
    let wishes = ClientOptions {
        backend: Choice::Only(backend),
        reveal: Reveal::Logits,
        ..ClientOptions::default()
    };
    let (found, _) = pair.meet(
        |session| {
            let mut client = Client::start(session, &wishes)?;
            let (_, report) = client.infer_integers(&input, &mut Silent)?;
            let plan = client.plan().clone();
            client.finish()?;
            Ok((plan, report))
        },
        |session| -> Result<_, privet_run::RunError> {
            privet_run::serve(session, &offered, &grants, &mut Silent)
        },
    )?;
    Ok(found)
}
