//! Products by correlated OT: transfers, bytes, and which party's numbers are better the choosers.

use privet_ring::Ring;
use privet_ring::linear::Geometry;

use super::{Flights, LinkModel, Rates, StepCost};

/// Transfers of one batch.
const BATCH: u64 = 1 << 18;

/// Whose numbers choose, bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choosing {
    /// The server's weights.
    Weights,
    /// The client's inputs.
    Inputs,
}

/// What the client brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Brings {
    /// Ring elements that the protocol draws: masks prepared ahead.
    Random,
    /// Numbers of so many bits of its own; the ring's width for ring elements.
    Own {
        /// Their width.
        bits: u32,
    },
}

/// A layer as its cost needs it.
#[derive(Debug, Clone, Copy)]
pub struct Product<'g> {
    /// Which weight meets which input.
    pub geometry: &'g Geometry,
    /// Ring of inputs and results.
    pub ring: Ring,
    /// Width of the weights.
    pub weight_bits: u32,
    /// What the client brings.
    pub brings: Brings,
}

impl Product<'_> {
    fn bits(&self, choosing: Choosing) -> u32 {
        let bits = match (choosing, self.brings) {
            (Choosing::Weights, _) => self.weight_bits,
            (Choosing::Inputs, Brings::Random) => self.ring.bits(),
            (Choosing::Inputs, Brings::Own { bits }) => bits,
        };
        bits.min(self.ring.bits())
    }

    /// Masked products that travel: one for each product and bit of a chooser.
    #[must_use]
    pub fn fields(&self, choosing: Choosing) -> u64 {
        self.geometry.products() * u64::from(self.bits(choosing))
    }

    /// Transfers, bytes and flights, without the bytes that the correlated OTs themselves move; one flight for their trees.
    ///
    /// Per batch of `2^18 / B` choosers of `B` bits: the masked products, `l − i` bits each for bit i of the chooser, packed and
    /// padded to a byte; before them, where the choosers are not random, a bit per transfer from the other side.
    #[must_use]
    pub fn cost(&self, choosing: Choosing) -> StepCost {
        let bits = self.bits(choosing);
        let choosers = match choosing {
            Choosing::Weights => self.geometry.weights(),
            Choosing::Inputs => self.geometry.inputs(),
        };
        let per_product: u64 = (0..bits).map(|bit| u64::from(self.ring.bits() - bit)).sum();
        let wishes = choosing == Choosing::Weights || self.brings != Brings::Random;
        let step = usize::try_from(BATCH / u64::from(bits.max(1)).max(1)).unwrap_or(usize::MAX);
        let (mut masked, mut wished, mut batches) = (0, 0, 0u32);
        for first in (0..choosers).step_by(step.max(1)) {
            let range = first..first.saturating_add(step).min(choosers);
            let transfers = range.len() as u64 * u64::from(bits);
            let products = match choosing {
                Choosing::Weights => self.geometry.products_of_weights(range),
                Choosing::Inputs => self.geometry.products_of_inputs(range),
            };
            masked += (products * per_product).div_ceil(8);
            wished += if wishes { transfers.div_ceil(8) } else { 0 };
            batches = batches.saturating_add(1);
        }
        let (client_bytes, server_bytes) = match choosing {
            Choosing::Weights => (masked, wished),
            Choosing::Inputs => (wished, masked),
        };
        StepCost {
            cots: choosers as u64 * u64::from(bits),
            fields: self.fields(choosing),
            client_bytes,
            server_bytes,
            flights: Flights::chain(1 + if wishes { batches.saturating_mul(2) } else { 1 }),
            ..StepCost::default()
        }
    }

    /// Estimated seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn seconds(&self, choosing: Choosing, rates: &Rates, link: &LinkModel) -> f64 {
        let cost = self.cost(choosing);
        cost.cots as f64 / rates.silent + rates.offline(&cost, link)
    }

    /// The quicker way on that link.
    #[must_use]
    pub fn choose(&self, rates: &Rates, link: &LinkModel) -> Choosing {
        let [weights, inputs] = [Choosing::Weights, Choosing::Inputs]
            .map(|choosing| self.seconds(choosing, rates, link));
        if inputs < weights {
            Choosing::Inputs
        } else {
            Choosing::Weights
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(geometry: &Geometry, weight_bits: u32, brings: Brings) -> Product<'_> {
        Product {
            geometry,
            ring: Ring::new(37).unwrap(),
            weight_bits,
            brings,
        }
    }

    #[test]
    fn one_product_of_full_width_is_the_triangle() {
        let geometry = Geometry::matrix(1, 1, 1).unwrap();
        let cost = product(&geometry, 37, Brings::Random).cost(Choosing::Weights);
        assert_eq!((cost.cots, cost.server_bytes), (37, 5));
        assert_eq!(cost.client_bytes, (37 * 38 / 2u64).div_ceil(8));
        let cost = product(&geometry, 8, Brings::Random).cost(Choosing::Inputs);
        assert_eq!(
            (cost.cots, cost.client_bytes, cost.flights.count()),
            (37, 0, 2)
        );
        let cost = product(&geometry, 8, Brings::Own { bits: 1 }).cost(Choosing::Inputs);
        assert_eq!((cost.cots, cost.client_bytes, cost.server_bytes), (1, 1, 5));
    }

    #[test]
    fn links_and_shapes_decide() {
        let rates = Rates::default();
        // Many outputs per input and no reuse of weights: the inputs' bits take fewer transfers.
        let dense = Geometry::matrix(1000, 100, 1).unwrap();
        let wide = product(&dense, 16, Brings::Random);
        assert_eq!(wide.choose(&rates, &LinkModel::LOOPBACK), Choosing::Inputs);
        // On a thin link the fewer bits of short weights win.
        let short = product(&dense, 4, Brings::Random);
        assert_eq!(
            short.choose(&rates, &LinkModel::shaped(10.0, 0.0)),
            Choosing::Weights
        );
        // Weights that are used at many places.
        let shared = Geometry::matrix(8, 8, 4096).unwrap();
        let image = product(&shared, 8, Brings::Random);
        assert_eq!(
            image.choose(&rates, &LinkModel::LOOPBACK),
            Choosing::Weights
        );
    }
}
