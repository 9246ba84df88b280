//! Shared bits as ring elements, and the wrap of shares whose sum is not negative: parts of other protocols.
//!
//! - Functionality: from XOR shares of b, additive shares of b; from additive shares of `x >= 0`, of whether they wrap.
//! - Secure against: semi-honest, either side; perfect, in the model of random transfers.
//! - From: [`select`](crate::select). Differs: `m_C OR m_S = m_C + m_S − m_C·m_S` is the wrap, for `m` the top bits of both shares.
//! - Cost for n: two flights; ⌈n/64⌉ words from the server, n·l bits from the client; no hash online.

use privet_ring::Party;
use zeroize::Zeroizing;

use crate::error::{ApiMisuse, Error};
use crate::flights::Flights;
use crate::material::Material;
use crate::select::{Cross, each_bit};

/// A batch of bits on their way to ring elements.
pub(crate) struct ToNumbers {
    cross: Cross,
    /// This party's bits.
    words: Zeroizing<Vec<u64>>,
    len: usize,
}

impl ToNumbers {
    /// The bits that both parties' words make by XOR.
    pub(crate) fn xor<P: Party>(
        bits: u32,
        words: Vec<u64>,
        len: usize,
        material: &mut Material<P>,
    ) -> Result<Self, ApiMisuse> {
        let words = Zeroizing::new(words);
        let cross = Cross::b2a(bits, &words, len, material)?;
        Ok(Self { cross, words, len })
    }

    /// The bits that both parties' words make by OR.
    pub(crate) fn or<P: Party>(
        bits: u32,
        words: Vec<u64>,
        len: usize,
        material: &mut Material<P>,
    ) -> Result<Self, ApiMisuse> {
        let words = Zeroizing::new(words);
        let numbers = || each_bit(&words, len).map(u64::wrapping_neg).collect();
        let cross = Cross::new(bits, len, numbers, || words.to_vec(), material)?;
        Ok(Self { cross, words, len })
    }

    /// This party's shares, in the low bits.
    pub(crate) fn finish(self) -> Zeroizing<Vec<u64>> {
        // Both kinds are the sum of the own bits and a product.
        Zeroizing::new(self.cross.finish_b2a(&self.words, self.len))
    }
}

impl Flights for ToNumbers {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        self.cross.send(out)
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        self.cross.receive(msg)
    }

    fn done(&self) -> bool {
        self.cross.done()
    }
}
