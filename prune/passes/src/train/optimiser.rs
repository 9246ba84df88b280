//! Update rules.

use serde::{Deserialize, Serialize};

use super::Options;
use crate::error::{Error, check_option};
use crate::network::{Gradient, Network};

/// An update rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Optimiser {
    /// Gradient descent with Nesterov's momentum (0: none).
    Sgd {
        /// Share of the last step that is kept.
        momentum: f32,
    },
    /// Adam [Kingma, Ba 2015].
    Adam {
        /// Decay of the mean.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
    },
}

/// How the learning rate falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Half a cosine down to zero at the last epoch's end.
    Cosine,
}

impl Optimiser {
    /// Adam with its customary constants.
    #[must_use]
    pub const fn adam() -> Self {
        Self::Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }

    pub(super) fn check(self) -> Result<(), Error> {
        let decay =
            |name, v: f32| check_option(name, f64::from(v), (0.0..1.0).contains(&v), "in [0, 1)");
        match self {
            Self::Sgd { momentum } => decay("momentum", momentum),
            Self::Adam {
                beta1,
                beta2,
                epsilon,
            } => {
                decay("beta1", beta1)?;
                decay("beta2", beta2)?;
                check_option("epsilon", f64::from(epsilon), epsilon > 0.0, "above 0")
            }
        }
    }
}

impl Schedule {
    /// Factor of the rate after `done` of `steps` steps.
    pub(super) fn factor(self, done: u64, steps: u64) -> f32 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let part = done as f32 / steps.max(1) as f32;
                0.5 * (1.0 + (std::f32::consts::PI * part.min(1.0)).cos())
            }
        }
    }
}

/// Moments of every parameter: per layer, matrix then bias, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Steps done.
    pub(super) steps: u64,
    first: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
}

impl State {
    pub(super) fn new(network: &Network) -> Self {
        let zeros: Vec<Vec<f32>> = network
            .layers
            .iter()
            .map(|l| vec![0.0; l.weights().map_or(0, |w| w.matrix.len() + w.bias.len())])
            .collect();
        Self {
            steps: 0,
            first: zeros.clone(),
            second: zeros,
        }
    }

    /// Whether it belongs to a network of this form.
    pub(super) fn fits(&self, network: &Network) -> bool {
        let form = |m: &[Vec<f32>]| m.iter().map(Vec::len).collect::<Vec<_>>();
        let own = form(&Self::new(network).first);
        form(&self.first) == own && form(&self.second) == own
    }

    /// One step along the gradients; masked weights stay zero.
    pub(super) fn step(
        &mut self,
        network: &mut Network,
        gradients: &[Option<Gradient>],
        options: &Options,
        rate: f32,
    ) {
        self.steps += 1;
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((layer, gradient), (first, second)) in
            network.layers.iter_mut().zip(gradients).zip(moments)
        {
            let (Some(weights), Some(gradient)) = (layer.weights_mut(), gradient) else {
                continue;
            };
            let rule = Rule {
                options,
                rate,
                steps: self.steps,
            };
            let count = weights.matrix.len();
            let (m, mb) = first.split_at_mut(count);
            let (v, vb) = second.split_at_mut(count);
            let shrink = rate * options.weight_decay;
            let each = weights
                .matrix
                .iter_mut()
                .zip(&gradient.matrix)
                .zip(m.iter_mut().zip(v));
            for ((w, g), (m, v)) in each {
                let sign = if *w == 0.0 { 0.0 } else { w.signum() };
                let step = rule.step(g + options.l1 * sign, m, v);
                *w -= step + shrink * *w;
            }
            let each = weights
                .bias
                .iter_mut()
                .zip(&gradient.bias)
                .zip(mb.iter_mut().zip(vb));
            for ((b, g), (m, v)) in each {
                *b -= rule.step(*g, m, v);
            }
            weights.apply_mask();
        }
    }
}

/// The rule at one step.
struct Rule<'a> {
    options: &'a Options,
    rate: f32,
    steps: u64,
}

impl Rule<'_> {
    fn step(&self, g: f32, m: &mut f32, v: &mut f32) -> f32 {
        match self.options.optimiser {
            Optimiser::Sgd { momentum } => {
                *m = momentum * *m + g;
                self.rate * (g + momentum * *m)
            }
            Optimiser::Adam {
                beta1,
                beta2,
                epsilon,
            } => {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                let t = i32::try_from(self.steps).unwrap_or(i32::MAX);
                let mean = *m / (1.0 - beta1.powi(t));
                let moment = *v / (1.0 - beta2.powi(t));
                self.rate * mean / (moment.sqrt() + epsilon)
            }
        }
    }
}
