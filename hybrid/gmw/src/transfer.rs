//! Products of a bit that one party knows with a number that the other one knows.
//!
//! - Functionality: the sender brings x_i mod 2^l, the receiver bits c_i; they get shares of c_i·x_i mod 2^l.
//! - Secure against: semi-honest, either side; perfect, in the model of random transfers.
//! - From: Gil99 over random OT (r_0, r_1), choices derandomised as in Bea95. Differs: one direction's receiver and the other's sender
//!   share flights.
//! - Cost for n: two flights; ⌈n/64⌉ words of flips from the receiver, then n·l bits from the sender; no hash online.

use zeroize::Zeroize;

use crate::error::{ApiMisuse, Error};
use crate::flights::Flights;
use crate::material::{Pairs, Picks};
use crate::wire::{empty, field_bytes, fields, put_fields, put_words};

const FLIPS: &str = "gmw/flips";
const SUMS: &str = "gmw/sums";

/// The sender's part.
pub(crate) struct Send {
    pairs: Pairs,
    values: Vec<u64>,
    bits: u32,
    len: usize,
    stage: u8,
}

/// The receiver's part.
pub(crate) struct Receive {
    picks: Picks,
    choice: Vec<u64>,
    bits: u32,
    len: usize,
    stage: u8,
}

const fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

impl Send {
    /// `len` transfers of `bits` bits, 1 to 64; the values may come before the second flight.
    pub(crate) const fn new(pairs: Pairs, len: usize, bits: u32) -> Self {
        Self {
            pairs,
            values: Vec::new(),
            bits,
            len,
            stage: 0,
        }
    }

    /// The numbers to be multiplied.
    pub(crate) fn supply(&mut self, values: Vec<u64>) -> Result<(), ApiMisuse> {
        ApiMisuse::length("values of transfers", self.len, values.len())?;
        self.values = values;
        Ok(())
    }

    /// This party's shares.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        std::mem::take(&mut self.pairs.zero)
    }

    /// Flights that are left.
    pub(crate) const fn left(&self) -> u8 {
        2 - self.stage
    }
}

impl Flights for Send {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        if self.stage == 0 {
            return Ok(8 * self.len.div_ceil(64));
        }
        ApiMisuse::length("values of transfers", self.len, self.values.len())?;
        let mask = mask(self.bits);
        let pairs = self.pairs.zero.iter_mut().zip(&self.pairs.one);
        for (x, (zero, one)) in self.values.iter_mut().zip(pairs) {
            // The sum for the receiver, and in the pool's place the own share −r_0.
            *x = x.wrapping_add(*zero).wrapping_sub(*one) & mask;
            *zero = zero.wrapping_neg() & mask;
        }
        put_fields(self.bits, &self.values, out);
        self.pairs.zero.truncate(self.len);
        Ok(0)
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        if self.stage == 0 {
            let flips = fields(FLIPS, 64, self.len.div_ceil(64), msg)?;
            let zeros = self.pairs.zero.chunks_mut(64);
            let pairs = zeros.zip(self.pairs.one.chunks_mut(64));
            for (flips, (zeros, ones)) in flips.iter().zip(pairs) {
                for (i, (zero, one)) in zeros.iter_mut().zip(ones).enumerate() {
                    let exchange = (*zero ^ *one) & 0u64.wrapping_sub(flips >> i & 1);
                    *zero ^= exchange;
                    *one ^= exchange;
                }
            }
        } else {
            empty(FLIPS, msg)?;
        }
        self.stage += 1;
        Ok(())
    }

    fn done(&self) -> bool {
        self.stage == 2
    }
}

impl Drop for Send {
    fn drop(&mut self) {
        self.values.zeroize();
        self.pairs.zero.zeroize();
        self.pairs.one.zeroize();
    }
}

impl Receive {
    /// `len` transfers of `bits` bits, 1 to 64, with the given choices, 64 to a word.
    pub(crate) fn new(
        picks: Picks,
        choice: Vec<u64>,
        len: usize,
        bits: u32,
    ) -> Result<Self, ApiMisuse> {
        ApiMisuse::length("words of choices", len.div_ceil(64), choice.len())?;
        Ok(Self {
            picks,
            choice,
            bits,
            len,
            stage: 0,
        })
    }

    /// This party's shares.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        std::mem::take(&mut self.picks.chosen)
    }

    /// Flights that are left.
    pub(crate) const fn left(&self) -> u8 {
        2 - self.stage
    }

    /// Whether the second flight is on its way.
    pub(crate) const fn awaits_sums(&self) -> bool {
        self.stage == 1
    }
}

impl Flights for Receive {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        if self.stage == 0 {
            let flips = self.picks.choice.iter().zip(&self.choice);
            let flips: Vec<u64> = flips.map(|(random, wished)| random ^ wished).collect();
            put_words(&flips, out);
            return Ok(0);
        }
        Ok(field_bytes(self.len, self.bits))
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        if self.stage == 1 {
            let sums = fields(SUMS, self.bits, self.len, msg)?;
            let mask = mask(self.bits);
            self.picks.chosen.truncate(self.len);
            let words = self.picks.chosen.chunks_mut(64).zip(sums.chunks(64));
            for (choice, (chosen, sums)) in self.choice.iter().zip(words) {
                for (i, (r, sum)) in chosen.iter_mut().zip(sums).enumerate() {
                    let added = sum & 0u64.wrapping_sub(choice >> i & 1);
                    *r = r.wrapping_add(added) & mask;
                }
            }
        } else {
            empty(SUMS, msg)?;
        }
        self.stage += 1;
        Ok(())
    }

    fn done(&self) -> bool {
        self.stage == 2
    }
}

impl Drop for Receive {
    fn drop(&mut self) {
        self.choice.zeroize();
        self.picks.choice.zeroize();
        self.picks.chosen.zeroize();
    }
}
