//! What a pass did: accuracy and cost before and after.

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::error::Error;
use crate::network::{Layer, Mode, Network};
use crate::train::qat::Formats;
use crate::train::{Control, Epoch, Tick};

/// What one private inference costs, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Multiplications by a weight that is not zero.
    pub macs: u64,
    /// AND gates.
    pub ands: u64,
    /// Bytes between the parties.
    pub bytes: u64,
}

/// Tells what a network costs; `formats` are those it is to run under, if they are chosen already.
pub trait CostModel {
    /// The cost of one inference. `samples` are such as the network takes: ranges may be calibrated on them,
    /// and they know by what they were embedded.
    ///
    /// # Errors
    /// Whatever keeps the network from being planned.
    fn cost(
        &self,
        network: &Network,
        formats: Option<&Formats>,
        samples: &Dataset,
    ) -> Result<Cost, Error>;
}

impl<F> CostModel for F
where
    F: Fn(&Network, Option<&Formats>, &Dataset) -> Result<Cost, Error>,
{
    fn cost(
        &self,
        network: &Network,
        formats: Option<&Formats>,
        samples: &Dataset,
    ) -> Result<Cost, Error> {
        self(network, formats, samples)
    }
}

/// A cost without a planner: a product of a `w`-bit weight and an `a`-bit value, added up with signed
/// digits, takes about (w - 1)(a + 1) AND gates; activations are counted by their netlists' order of size.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// Width of values and weights that have no format yet.
    pub bits: u32,
}

/// Bytes of the two rows of a garbled AND gate.
const BYTES_PER_AND: u64 = 32;

impl CostModel for Estimate {
    fn cost(
        &self,
        network: &Network,
        formats: Option<&Formats>,
        _: &Dataset,
    ) -> Result<Cost, Error> {
        let shapes = network.shapes()?;
        let value_bits = |place: usize| {
            let chosen = formats.and_then(|f| f.values.get(place).copied().flatten());
            u64::from(chosen.map_or(self.bits, |f| f.bits))
        };
        let mut cost = Cost {
            macs: 0,
            ands: 0,
            bytes: 0,
        };
        for (i, (layer, output)) in network.layers.iter().zip(shapes.iter().skip(1)).enumerate() {
            let elements: u64 = output.iter().product::<usize>() as u64;
            let bits = value_bits(i);
            let weight_bits = formats
                .and_then(|f| f.weights.get(i).copied().flatten())
                .map_or(u64::from(self.bits), |f| u64::from(f.bits));
            match layer {
                Layer::Linear(_) | Layer::Conv(_) => {
                    let macs = network.layer_macs(i, output);
                    cost.macs += macs;
                    cost.ands += macs * weight_bits.saturating_sub(1) * (bits + 1);
                }
                Layer::Relu => cost.ands += elements * bits.saturating_sub(1),
                Layer::Sigmoid | Layer::Tanh => cost.ands += elements * 7 * bits,
                Layer::MaxPool(p) => {
                    let [h, w] = p.window.kernel;
                    cost.ands += elements * (h * w).saturating_sub(1) as u64 * 2 * bits;
                }
                Layer::AvgPool(p) => {
                    let [h, w] = p.window.kernel;
                    cost.ands += elements * (h * w) as u64 * bits;
                }
                Layer::Reshape(_) | Layer::Dropout(_) => {}
            }
        }
        cost.bytes = cost.ands * BYTES_PER_AND;
        Ok(cost)
    }
}

/// Accuracy and cost of a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Share of the validation samples whose label it finds.
    pub accuracy: f64,
    /// What one inference costs.
    pub cost: Cost,
}

impl Measure {
    /// Measures a network on validation data, under formats if given.
    ///
    /// # Errors
    /// Those of the evaluation and of the cost model.
    pub fn of(
        network: &Network,
        validation: &Dataset,
        formats: Option<&Formats>,
        model: &dyn CostModel,
    ) -> Result<Self, Error> {
        Ok(Self {
            accuracy: Self::accuracy(network, validation, formats)?,
            cost: model.cost(network, formats, validation)?,
        })
    }

    /// The accuracy alone.
    pub(crate) fn accuracy(
        network: &Network,
        validation: &Dataset,
        formats: Option<&Formats>,
    ) -> Result<f64, Error> {
        let Some(formats) = formats else {
            return network.accuracy(validation);
        };
        let mode = Mode {
            formats: Some(&formats.values),
            ..Mode::default()
        };
        formats
            .round_weights(network)
            .accuracy_in(validation, &mode)
    }
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassReport {
    /// Its name and main setting.
    pub pass: String,
    /// The network it was given.
    pub before: Measure,
    /// The network it returned.
    pub after: Measure,
}

/// What a pass is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which part of the pass.
    pub stage: String,
    /// Share of the pass that is done, 0 to 1.
    pub done: f64,
    /// The epoch of training that just ended, if one did.
    pub epoch: Option<Epoch>,
}

/// Who hears of a pass's progress, and may end it.
pub(crate) struct Listener<'a> {
    tell: &'a mut dyn FnMut(&Event) -> Control,
    stage: String,
    from: f64,
    to: f64,
    stopped: bool,
}

impl<'a> Listener<'a> {
    pub(crate) fn new(tell: &'a mut dyn FnMut(&Event) -> Control) -> Self {
        Self {
            tell,
            stage: String::new(),
            from: 0.0,
            to: 1.0,
            stopped: false,
        }
    }

    /// Begins a stage that takes the pass from one share to another.
    pub(crate) fn stage(&mut self, stage: String, from: f64, to: f64) -> Result<(), Error> {
        (self.stage, self.from, self.to) = (stage, from, to);
        self.send(0.0, None);
        self.check()
    }

    /// The stage goes on.
    pub(crate) fn again(&mut self) -> Result<(), Error> {
        self.send(0.0, None);
        self.check()
    }

    /// A training of so many epochs went on.
    pub(crate) fn epoch(&mut self, tick: &Tick, of: usize) -> Control {
        self.send(tick.done() / of.max(1) as f64, tick.finished)
    }

    /// Passes on an event of a pass that takes this one from one share to another.
    pub(crate) fn nested(&mut self, event: &Event, from: f64, to: f64) -> Control {
        self.stage.clone_from(&event.stage);
        (self.from, self.to) = (from, to);
        self.send(event.done, event.epoch)
    }

    fn send(&mut self, part: f64, epoch: Option<Epoch>) -> Control {
        let done = self.from + (self.to - self.from) * part;
        let control = (self.tell)(&Event {
            stage: self.stage.clone(),
            done,
            epoch,
        });
        self.stopped |= control == Control::Stop;
        control
    }

    /// An error if the listener asked to stop.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.stopped {
            Err(Error::Stopped {
                stage: self.stage.clone(),
            })
        } else {
            Ok(())
        }
    }
}
