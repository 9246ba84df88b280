//! Selection by a shared bit, and shared bits as ring elements.
//!
//! - Functionality: from XOR shares of b and additive shares of x, shares of b·x (MUX); or of b itself (B2A).
//! - Secure against: semi-honest, either side; perfect, in the model of random transfers.
//! - From: CrypTFlow2 (eprint 2020/457), Algorithm 6, with correlated instead of chosen transfers. Differs: `b·x_P` is one correlated
//!   transfer of `(1 − 2 b_P)·x_P` with the peer's bit; both directions share two flights.
//! - Cost for n: MUX 2 flights, ⌈n/64⌉ words and n·l bits from each party; B2A 2 flights, words one way and n·l bits the other.

use privet_plan::cost::gmw::{self as cost, OpCost};
use privet_ring::{BitShares, Mismatch, Party, Ring, Shares};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::convert::ToNumbers;
use crate::error::{ApiMisuse, Error};
use crate::flights::Flights;
use crate::material::Material;
use crate::transfer::{Receive, Send};

/// A batch of selections.
pub(crate) struct Mux {
    send: Send,
    receive: Receive,
    bits: Vec<u64>,
    own: Vec<u64>,
    ring: Ring,
}

impl Mux {
    /// Selections among `len` numbers, which may come before the second flight.
    pub(crate) fn new<P: Party>(
        ring: Ring,
        bits: &[u64],
        len: usize,
        material: &mut Material<P>,
    ) -> Result<Self, ApiMisuse> {
        let words = len.div_ceil(64);
        Ok(Self {
            send: Send::new(material.take_pairs(words)?, len, ring.bits()),
            receive: Receive::new(material.take_picks(words)?, bits.to_vec(), len, ring.bits())?,
            bits: bits.to_vec(),
            own: Vec::new(),
            ring,
        })
    }

    /// This party's shares of the numbers.
    pub(crate) fn supply(&mut self, x: &[u64]) -> Result<(), ApiMisuse> {
        let mut sent = Vec::with_capacity(x.len());
        let mut own = Vec::with_capacity(x.len());
        for (word, x) in self.bits.iter().zip(x.chunks(64)) {
            for (i, x) in x.iter().enumerate() {
                let b = 0u64.wrapping_sub(word >> i & 1);
                // x or −x, and x or 0.
                sent.push((x ^ b).wrapping_sub(b));
                own.push(x & b);
            }
        }
        self.own = own;
        self.send.supply(sent)
    }

    pub(crate) fn finish<P: Party>(self) -> Shares<P> {
        let mut sum = self.own;
        let parts = Zeroizing::new((self.send.finish(), self.receive.finish()));
        for (sum, (sent, received)) in sum.iter_mut().zip(parts.0.iter().zip(&parts.1)) {
            *sum = sum.wrapping_add(*sent).wrapping_add(*received);
        }
        Shares::new(self.ring, sum)
    }
}

impl Flights for Mux {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        Ok(self.send.send(out)? + self.receive.send(out)?)
    }

    /// Only one of both has a message: flips for the sender first, then sums for the receiver.
    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        if self.receive.awaits_sums() {
            self.send.receive(&[])?;
            self.receive.receive(msg)
        } else {
            self.send.receive(msg)?;
            self.receive.receive(&[])
        }
    }

    fn done(&self) -> bool {
        self.send.done() && self.receive.done()
    }
}

/// Products of a bit of the server's with a number of the client's: a transfer that the client sends.
pub(crate) enum Cross {
    /// The client's part.
    Sends(Send),
    /// The server's part.
    Receives(Receive),
}

impl Cross {
    /// The client gives numbers for `client`, the server bits for `server`.
    pub(crate) fn new<P: Party>(
        ring_bits: u32,
        len: usize,
        numbers: impl FnOnce() -> Vec<u64>,
        bits: impl FnOnce() -> Vec<u64>,
        material: &mut Material<P>,
    ) -> Result<Self, ApiMisuse> {
        let words = len.div_ceil(64);
        if P::ADDS_PUBLIC {
            let picks = material.take_picks(words)?;
            return Ok(Self::Receives(Receive::new(picks, bits(), len, ring_bits)?));
        }
        let mut send = Send::new(material.take_pairs(words)?, len, ring_bits);
        send.supply(numbers())?;
        Ok(Self::Sends(send))
    }

    /// Shares of bits as numbers: `b = b_C + b_S − 2·b_C·b_S`.
    pub(crate) fn b2a<P: Party>(
        ring_bits: u32,
        words: &[u64],
        len: usize,
        material: &mut Material<P>,
    ) -> Result<Self, ApiMisuse> {
        let numbers = || {
            let bits = each_bit(words, len);
            bits.map(|b| b.wrapping_mul(2).wrapping_neg()).collect()
        };
        Self::new(ring_bits, len, numbers, || words.to_vec(), material)
    }

    /// Shares of the products.
    pub(crate) fn finish(self) -> Vec<u64> {
        match self {
            Self::Sends(send) => send.finish(),
            Self::Receives(receive) => receive.finish(),
        }
    }

    /// Shares of the bits that [`b2a`](Self::b2a) began with.
    pub(crate) fn finish_b2a(self, words: &[u64], len: usize) -> Vec<u64> {
        let mut sum = self.finish();
        for (sum, bit) in sum.iter_mut().zip(each_bit(words, len)) {
            *sum = sum.wrapping_add(bit);
        }
        sum
    }

    /// Flights that are left.
    pub(crate) fn left(&self) -> u8 {
        match self {
            Self::Sends(send) => send.left(),
            Self::Receives(receive) => receive.left(),
        }
    }
}

impl Flights for Cross {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        match self {
            Self::Sends(send) => send.send(out),
            Self::Receives(receive) => receive.send(out),
        }
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        match self {
            Self::Sends(send) => send.receive(msg),
            Self::Receives(receive) => receive.receive(msg),
        }
    }

    fn done(&self) -> bool {
        match self {
            Self::Sends(send) => send.done(),
            Self::Receives(receive) => receive.done(),
        }
    }
}

/// The first `len` bits of some words.
pub(crate) fn each_bit(words: &[u64], len: usize) -> impl Iterator<Item = u64> {
    let bits = words.iter().flat_map(|w| (0..64).map(move |i| w >> i & 1));
    bits.take(len)
}

impl<P: Party> Context<'_, P> {
    /// Shares of b·x.
    ///
    /// # Errors
    /// Different lengths; material has run out; a failing channel or a misbehaving peer.
    pub fn mux(&mut self, bits: &BitShares<P>, x: &Shares<P>) -> Result<Shares<P>, Error> {
        fit(bits.len(), x.len())?;
        let mut out = Shares::new(x.ring(), Vec::with_capacity(x.len()));
        let (chunk, ring) = (self.chunk(), x.ring());
        let cost = OpCost::chunked(x.len() as u64, chunk as u64, |n| {
            Ok::<_, Error>(cost::mux(n, ring.bits()))
        })?;
        let words = bits.words().chunks(chunk / 64);
        self.side_by_side(
            &cost,
            words.zip(x.values().chunks(chunk)),
            |(words, x), material, _| {
                let mut mux = Mux::new(ring, words, x.len(), material)?;
                mux.supply(x)?;
                Ok(mux)
            },
            |mux| Ok(out.append(&mux.finish())?),
        )?;
        Ok(out)
    }

    /// Additive shares of bits.
    ///
    /// # Errors
    /// Material has run out; a failing channel or a misbehaving peer.
    pub fn b2a(&mut self, bits: &BitShares<P>, ring: Ring) -> Result<Shares<P>, Error> {
        let mut out = Shares::new(ring, Vec::with_capacity(bits.len()));
        let (chunk, n) = (self.chunk(), bits.len());
        let cost = OpCost::chunked(n as u64, chunk as u64, |n| {
            Ok::<_, Error>(cost::b2a(n, ring.bits()))
        })?;
        let lens = (0..n).step_by(chunk).map(|from| (n - from).min(chunk));
        self.side_by_side(
            &cost,
            bits.words().chunks(chunk / 64).zip(lens),
            |(words, len), material, _| {
                Ok(ToNumbers::xor(ring.bits(), words.to_vec(), len, material)?)
            },
            |core| {
                let numbers = std::mem::take(&mut *core.finish());
                Ok(out.append(&Shares::new(ring, numbers))?)
            },
        )?;
        Ok(out)
    }
}

pub(crate) const fn fit(left: usize, right: usize) -> Result<(), Mismatch> {
    if left == right {
        return Ok(());
    }
    let what = "elements";
    Err(Mismatch { what, left, right })
}
