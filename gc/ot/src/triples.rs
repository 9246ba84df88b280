//! Bit triples: shares of products of shared bits, plain or with an operand in common.
//!
//! - Functionality: parties get shares of random bits `a, b_1 … b_W` and of `a·b_1 … a·b_W`; W = 1 is a Beaver triple.
//! - Secure against: semi-honest, either side; 128 bits, H tweakable correlation robust with one key per transfer.
//! - From: Gil99, ALSZ13. Differs: the two cross products `a·b'` come from one random OT in each direction, with W-bit strings: a is the choice
//!   of the OT this party receives, the b's the string differences of the one it sends.
//! - Differs: nothing is sent beyond the correlated OTs, whatever W.
//! - Cost for n: n random correlated OTs in each direction; 3n hashes a party; hashed and packed chunk by chunk.

pub mod drive;

pub use drive::Maker;

use crate::error::ApiMisuse;
use crate::ole::take_words;

/// One party's shares of some triples that share an operand among `W`, 64 to a word; used once, so not `Clone`.
///
/// ```compile_fail,E0382
/// use privet_ot::triples::Triples;
/// fn multiply(_: Triples<1>) {}
/// fn twice(triples: Triples<1>) {
///     multiply(triples);
///     multiply(triples);
/// }
/// ```
#[derive(PartialEq, Eq)]
pub struct Triples<const W: usize> {
    /// Shares of the common operand.
    pub a: Vec<u64>,
    /// Shares of the other operands.
    pub b: [Vec<u64>; W],
    /// Shares of the products.
    pub c: [Vec<u64>; W],
}

impl<const W: usize> Triples<W> {
    /// Splits off the first `words` words.
    ///
    /// # Errors
    /// Fewer are left; nothing is taken then.
    pub fn take(&mut self, words: usize) -> Result<Self, ApiMisuse> {
        let a = take_words("bit triples", words, &mut self.a)?;
        let mut taken = Self {
            a,
            b: [const { Vec::new() }; W],
            c: [const { Vec::new() }; W],
        };
        let from = self.b.iter_mut().chain(&mut self.c);
        for (to, from) in taken.b.iter_mut().chain(&mut taken.c).zip(from) {
            *to = take_words("bit triples", words, from)?;
        }
        Ok(taken)
    }

    /// From this party's halves of the two OTs: as sender r_0 and r_0 ⊕ r_1, as receiver its choices and r_choice.
    pub(crate) fn join(
        zero: &[Vec<u64>; W],
        difference: [Vec<u64>; W],
        choice: Vec<u64>,
        mut chosen: [Vec<u64>; W],
    ) -> Self {
        for ((c, r), b) in chosen.iter_mut().zip(zero).zip(&difference) {
            for (((c, r), b), a) in c.iter_mut().zip(r).zip(b).zip(&choice) {
                // Own product, and a share of each cross product.
                *c ^= r ^ (a & b);
            }
        }
        Self {
            a: choice,
            b: difference,
            c: chosen,
        }
    }
}
