//! What a byte on its way counts against work when a layer is cut into polynomials.

use serde::{Deserialize, Serialize};

use crate::cost::LinkModel;

/// Nanoseconds of a byte on the link that a plan is made for, as the nearest power of two: a plan tells of the link no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BytePrice(u8);

/// Traffic counts even where it takes no time: below 64 ns each second that is saved costs a hundred megabytes and more.
const LEAST: u8 = 6;

/// As on a link of 1 kbit/s: above, there is nothing left to gain.
const HIGHEST: u8 = 23;

impl Default for BytePrice {
    fn default() -> Self {
        Self(LEAST)
    }
}

impl BytePrice {
    /// The price on a link. Fast ones, and both parties on one machine, count as 125 Mbit/s.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between the least and the highest"
    )]
    pub fn of(link: &LinkModel) -> Self {
        let Some(rate) = link.bytes_per_second else {
            return Self::default();
        };
        let log2 = (1e9 / rate).log2().round();
        // The price of no rate at all is no number and the highest, too.
        if log2 <= f64::from(HIGHEST) {
            return Self(log2.max(f64::from(LEAST)) as u8);
        }
        Self(HIGHEST)
    }

    /// Nanoseconds.
    #[must_use]
    pub fn nanoseconds(self) -> f64 {
        // A peer may state what it likes.
        f64::from(self.0.clamp(LEAST, HIGHEST)).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_prices() {
        let of = |mbit| BytePrice::of(&LinkModel::shaped(mbit, 40.0)).nanoseconds();
        for (mbit, price) in [
            (1e9, 64.0),
            (400.0, 64.0),
            (100.0, 64.0),
            (50.0, 128.0),
            (1.0, 8192.0),
            (1e-9, 8_388_608.0),
            (0.0, 8_388_608.0),
            (-1.0, 8_388_608.0),
        ] {
            assert!((of(mbit) - price).abs() < 1e-9, "{mbit} {}", of(mbit));
        }
        assert_eq!(BytePrice::of(&LinkModel::LOOPBACK), BytePrice::default());
        assert!(BytePrice(255).nanoseconds() < 1e7 && BytePrice(0).nanoseconds() > 1.0);
    }
}
