//! Layers as networks of their own: linear ones garbled, by transfers, under encryption; what follows them on shares.

use std::sync::Arc;

use privet_model::quant::ir::{Model, Tensor};
use privet_plan::{Backend, Choice, LinkModel, Plan, Rates, Reveal};
use privet_run::server::Offered;
use privet_run::{Client, ClientOptions, HeldWeights, Report, ServerOptions, Silent};

use super::network::{Shape, Then};
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

/// ANDs and bytes of work on shares a second, from networks whose layers are as large as those of images: what an executor does around the
/// protocols, and memory that no cache holds, take as much time as the protocols themselves. `rates` has both by the protocols alone.
#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(super) fn shares(pair: &Pair, rates: &Rates) -> Result<[f64; 2], CalibrateError> {
    let mut found = Vec::new();
    for then in [Then::Relu, Then::Pool] {
        let shape = Shape {
            then,
            ..Shape::convolution([16, 64], 81, 1, 1)
        };
        let online = |report: &Report| report.online.seconds;
        let (plan, report) = quickest(pair, &shape, Backend::Hybrid, online)?;
        let cost = plan.cost.inference;
        let seconds = report.online.seconds;
        let others =
            f64::from(cost.flights.count()) / rates.flights + cost.clear as f64 / rates.clear;
        let counts = [cost.triples, cost.bytes()].map(|count| count as f64);
        found.push((counts, (seconds - others).max(seconds / 10.0)));
    }
    let near = [rates.ands, rates.bytes].map(|rate| 1.0 / rate);
    let seconds = fit::kinds(&found, near)
        .ok_or_else(|| CalibrateError::Probe("work on shares took no time".to_owned()))?;
    Ok(seconds.map(|seconds| 1.0 / seconds))
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
        let others = f64::from(cost.flights.count()) / rates.flights;
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
