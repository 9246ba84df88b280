//! Which plan is taken, what it is estimated to last, and what a party allows.

use privet_model::quant::ir::Graph;

use super::Plan;
use crate::cost::{LinkModel, Rates, Seconds, StepCost};
use crate::error::PlanError;
use crate::options::{Backend, Caps, Choice, Comparison, PlanOptions};
use crate::step::Step;

impl Plan {
    /// The plan of the cheapest backend among `backends` and comparison among those of `comparison` that can run the graph within
    /// `caps`; on a tie the first. Few bits win on slow links, few transfers where both parties share a machine; polynomials are cut for
    /// the link, too.
    ///
    /// # Errors
    /// Why the first backend cannot, if none can; no backend at all.
    pub fn cheapest(
        graph: &Graph,
        options: &PlanOptions,
        (backends, comparison): (&[Backend], Choice<Comparison>),
        caps: &Caps,
        rates: &Rates,
        link: &LinkModel,
    ) -> Result<Self, PlanError> {
        let plans = backends.iter().map(|backend| {
            let each = options.under((*backend, comparison), link).map(|options| {
                Self::new(graph.clone(), options, caps.memory)
                    .and_then(|plan| plan.check(caps, rates, link).map(|()| plan))
            });
            least(each, |plan| plan.seconds(rates, link).total())
        });
        least(plans, |plan| plan.seconds(rates, link).total())
    }

    /// The plan under the backend of the options, whatever it costs, with the comparison that is the cheapest over a link among
    /// those of `comparison`.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn over(
        graph: &Graph,
        (options, comparison): (&PlanOptions, Choice<Comparison>),
        memory: u64,
        rates: &Rates,
        link: &LinkModel,
    ) -> Result<Self, PlanError> {
        let all = options.under((options.backend, comparison), link);
        let plans = all.map(|options| Self::new(graph.clone(), options, memory));
        least(plans, |plan| plan.seconds(rates, link).total())
    }

    /// Refuses a plan that needs more than a party allows.
    ///
    /// # Errors
    /// The first cap that is exceeded.
    pub fn check(&self, caps: &Caps, rates: &Rates, link: &LinkModel) -> Result<(), PlanError> {
        let above = |what, needs: u64, cap: u64, flag| PlanError::AboveCap {
            what,
            needs: large_bytes(needs),
            cap: large_bytes(cap),
            flag,
        };
        if self.cost.memory > caps.memory {
            return Err(above(
                "of memory",
                self.cost.memory,
                caps.memory,
                "--max-memory",
            ));
        }
        let total = self.cost.total();
        let bytes = total.bytes();
        if bytes > caps.bytes {
            return Err(above(
                "of traffic per input",
                bytes,
                caps.bytes,
                "--max-bytes",
            ));
        }
        let seconds = self.seconds(rates, link).total();
        #[expect(clippy::cast_precision_loss, reason = "a cap in seconds is small")]
        if seconds > caps.seconds as f64 {
            return Err(PlanError::AboveCap {
                what: "per input (estimated)",
                needs: format!("{seconds:.0} s"),
                cap: format!("{} s", caps.seconds),
                flag: "--max-seconds",
            });
        }
        Ok(())
    }

    /// Estimated seconds of an inference that is the first of its session.
    #[must_use]
    pub fn seconds(&self, rates: &Rates, link: &LinkModel) -> Seconds {
        let (mut online, mut layers) = (0.0, StepCost::default());
        for step in &self.steps {
            online += self.step_seconds(step, rates, link);
            layers.add(&step.offline);
        }
        if self.options.all_online {
            let offline = 0.0;
            return Seconds { offline, online };
        }
        layers.flights = self.cost.offline.flights;
        // Correlated OTs that products take beside those of material for bits.
        let client = layers
            .client_silent
            .saturating_sub(self.demand.transfers_sent(true));
        let server = layers
            .server_silent
            .saturating_sub(self.demand.transfers_sent(false));
        let material = rates.material(&self.demand, (client, server), link);
        Seconds {
            offline: material + rates.offline(&layers, link),
            online,
        }
    }

    /// Estimated online seconds by layer, in order of first appearance.
    #[must_use]
    pub fn layer_seconds(&self, rates: &Rates, link: &LinkModel) -> Vec<f64> {
        let mut layers: Vec<(&str, f64)> = Vec::new();
        for step in &self.steps {
            let seconds = self.step_seconds(step, rates, link);
            match layers.last_mut() {
                Some((name, sum)) if *name == step.layer => *sum += seconds,
                _ => layers.push((&step.layer, seconds)),
            }
        }
        layers.into_iter().map(|(_, seconds)| seconds).collect()
    }

    /// Estimated seconds of a step once the input is known; where nothing is prepared, with the material that it uses up.
    fn step_seconds(&self, step: &Step, rates: &Rates, link: &LinkModel) -> f64 {
        let online = rates.online(&step.cost, link);
        if !self.options.all_online {
            return online;
        }
        let beside =
            |all: u64, by_client| all.saturating_sub(step.demand.transfers_sent(by_client));
        let products = (
            beside(step.cost.client_silent, true),
            beside(step.cost.server_silent, false),
        );
        // Its delays are among the step's flights.
        let near = LinkModel {
            round_trip: 0.0,
            ..*link
        };
        online + rates.material(&step.demand, products, &near)
    }
}

/// The plan of least estimated time, the first on a tie; the first reason where there is none.
fn least(
    plans: impl Iterator<Item = Result<Plan, PlanError>>,
    seconds: impl Fn(&Plan) -> f64,
) -> Result<Plan, PlanError> {
    let mut best: Option<(f64, Plan)> = None;
    let mut reason = None;
    for made in plans {
        match made {
            Err(error) => reason = reason.or(Some(error)),
            Ok(plan) => {
                let seconds = seconds(&plan);
                if best.as_ref().is_none_or(|(least, _)| seconds < *least) {
                    best = Some((seconds, plan));
                }
            }
        }
    }
    best.map(|(_, plan)| plan).ok_or_else(|| {
        reason.unwrap_or_else(|| PlanError::Options("no backend is allowed".to_owned()))
    })
}

/// Mebibytes, or gibibytes where those are many.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn large_bytes(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 10_000.0 {
        format!("{mebibytes:.1} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}
