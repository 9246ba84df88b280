//! 1-of-2^m OT over any random correlated OT.

use privet_net::Channel;
use privet_prim::Block;
use zeroize::Zeroizing;

use super::msgs::{pack, packed_bytes, unpack};
use super::{Shape, Table, receiver_mask, sender_masks};
use crate::error::{ApiMisuse, Error};
use crate::rcot::{RcotReceiver, RcotSender};
use crate::tweaks::{Domain, Hasher};

/// Transfers of one message each way: 1 MiB of tables at most, and two flights.
pub const BATCH: usize = 1 << 16;

const WISHES: &str = "one-of-many/wishes";
const TABLES: &str = "one-of-many/tables";

/// What the receiver gets from a random 1-of-2^m OT.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chosen {
    /// Its random choice, below `2^m`.
    pub choice: u32,
    /// The mask in that slot.
    pub mask: u64,
}

/// Sender of 1-of-2^m OTs.
pub trait ManySender {
    /// Random masks for `n` transfers.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn random_tables(
        &mut self,
        ch: &mut Channel,
        shape: Shape,
        n: usize,
    ) -> Result<Vec<Table>, Error>;

    /// Sends one message of each table, which is used up.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn send_tables(
        &mut self,
        ch: &mut Channel,
        shape: Shape,
        tables: &[Table],
    ) -> Result<(), Error> {
        for tables in tables.chunks(BATCH) {
            let masks = self.random_tables(ch, shape, tables.len())?;
            let bytes = ch.recv_slice(packed_bytes(tables.len(), shape.choice_bits()))?;
            let flips = unpack(WISHES, shape.choice_bits(), tables.len(), bytes)?;
            let masked = tables
                .iter()
                .zip(masks)
                .zip(flips)
                .map(|((table, masks), flip)| {
                    let flip = u32::try_from(flip).unwrap_or_default();
                    u128::from(table.0 ^ masks.permute(shape, flip).0)
                });
            let mut out = vec![0; packed_bytes(tables.len(), shape.table_bits())];
            pack(shape.table_bits(), masked, &mut out)?;
            ch.send(&out)?;
        }
        ch.flush()?;
        Ok(())
    }
}

/// Receiver of 1-of-2^m OTs.
pub trait ManyReceiver {
    /// Random choices and their masks for `n` transfers.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn random_choices(
        &mut self,
        ch: &mut Channel,
        shape: Shape,
        n: usize,
    ) -> Result<Vec<Chosen>, Error>;

    /// Receives the message in the slot of each choice.
    ///
    /// # Errors
    /// A choice of `2^m` or more; a failing channel, a misbehaving peer, or material that has run out.
    fn receive_chosen(
        &mut self,
        ch: &mut Channel,
        shape: Shape,
        choices: &[u32],
    ) -> Result<Vec<u64>, Error> {
        let limit = 1u64 << shape.choice_bits();
        if let Some(got) = choices.iter().map(|&c| u64::from(c)).find(|&c| c >= limit) {
            return Err(ApiMisuse::TooMany {
                what: "choice",
                limit: limit - 1,
                got,
            }
            .into());
        }
        let mut out = Vec::with_capacity(choices.len());
        for choices in choices.chunks(BATCH) {
            let random = self.random_choices(ch, shape, choices.len())?;
            let mut wishes = vec![0; packed_bytes(choices.len(), shape.choice_bits())];
            let flips = choices
                .iter()
                .zip(&random)
                .map(|(wish, got)| u128::from(wish ^ got.choice));
            pack(shape.choice_bits(), flips, &mut wishes)?;
            ch.send(&wishes)?;
            let bytes = ch.recv_slice(packed_bytes(choices.len(), shape.table_bits()))?;
            let tables = unpack(TABLES, shape.table_bits(), choices.len(), bytes)?;
            for ((table, random), &choice) in tables.into_iter().zip(random).zip(choices) {
                out.push(Table(Block::from(table)).slot(shape, choice) ^ random.mask);
            }
        }
        Ok(out)
    }
}

/// Sender over random correlated OTs, which it owns.
pub struct Sender<S> {
    rcot: S,
    hasher: Hasher,
}

impl<S: RcotSender> Sender<S> {
    /// Takes over a source: its transfers must not be hashed elsewhere in the same domain.
    #[must_use]
    pub fn new(rcot: S) -> Self {
        let hasher = Hasher::new(rcot.hash_key(), Domain::OneOfMany);
        Self { rcot, hasher }
    }
}

impl<S: RcotSender> ManySender for Sender<S> {
    fn random_tables(
        &mut self,
        ch: &mut Channel,
        shape: Shape,
        n: usize,
    ) -> Result<Vec<Table>, Error> {
        let (delta, m) = (self.rcot.delta(), shape.transfers());
        let chunk = self.rcot.chunk() / m * m;
        let mut blocks = Zeroizing::new(vec![Block::ZERO; 2 * chunk]);
        let mut out = Vec::with_capacity(n);
        while out.len() < n {
            let count = chunk.min((n - out.len()) * m);
            let (keys, rest) = blocks.split_at_mut(count);
            let (ones, _) = rest.split_at_mut(count);
            self.rcot.random_keys(ch, keys)?;
            self.hasher.hash_keys(delta, keys, ones)?;
            let pairs = keys.chunks_exact(m).zip(ones.chunks_exact(m));
            out.extend(pairs.map(|(zeros, ones)| sender_masks(shape, zeros, ones)));
        }
        Ok(out)
    }
}

/// Receiver over random correlated OTs, which it owns.
pub struct Receiver<R> {
    rcot: R,
    hasher: Hasher,
}

impl<R: RcotReceiver> Receiver<R> {
    /// Takes over a source: its transfers must not be hashed elsewhere in the same domain.
    #[must_use]
    pub fn new(rcot: R) -> Self {
        let hasher = Hasher::new(rcot.hash_key(), Domain::OneOfMany);
        Self { rcot, hasher }
    }
}

impl<R: RcotReceiver> ManyReceiver for Receiver<R> {
    fn random_choices(
        &mut self,
        ch: &mut Channel,
        shape: Shape,
        n: usize,
    ) -> Result<Vec<Chosen>, Error> {
        let m = shape.transfers();
        let chunk = self.rcot.chunk() / m * m;
        let mut macs = Zeroizing::new(vec![Block::ZERO; chunk]);
        let mut choices = Vec::with_capacity(chunk / m);
        let mut out = Vec::with_capacity(n);
        while out.len() < n {
            let (macs, _) = macs.split_at_mut(chunk.min((n - out.len()) * m));
            self.rcot.random_macs(ch, macs)?;
            choices.clear();
            choices.extend(macs.chunks_exact(m).map(|macs| {
                macs.iter()
                    .rev()
                    .fold(0u32, |choice, mac| choice << 1 | u32::from(mac.colour()))
            }));
            self.hasher.hash_macs(macs)?;
            out.extend(
                choices
                    .iter()
                    .zip(macs.chunks_exact(m))
                    .map(|(&choice, hashes)| Chosen {
                        choice,
                        mask: receiver_mask(shape, choice, hashes),
                    }),
            );
        }
        Ok(out)
    }
}
