//! Material made over the channel from random correlated OTs, one instance per direction, each with its own Δ.
//!
//! - Functionality: halves of triples, bit products, random transfers and 1-of-2^m masks, as a [`Demand`] counts them.
//! - Secure against: semi-honest, either side; 128 bits, H tweakable correlation robust with one key per correlated OT.
//! - From: Gil99, ALSZ13 (triples), NP99 (1-of-2^m), each as in `privet-ot`. Differs: all kinds share the two instances; what this
//!   party sends is made for all kinds at once, then what it receives, so that making a demand takes one latency.
//! - Cost: [`Demand::transfers_sent`] correlated OTs in each direction; two hashes each for the sender, one for the receiver.

mod halves;

use std::marker::PhantomData;

use privet_net::Channel;
use privet_ot::ole::{ReceiverBits, SenderBits};
use privet_ot::rcot::{RcotReceiver, RcotSender};
use privet_ot::silent::{self, Parameters};
use privet_ot::tweaks::{Domain, Hasher};
use privet_plan::cost::gmw::{Demand, TableShape};
use privet_prim::{Block, Delta};
use privet_ring::{Party, transpose_64};
use zeroize::Zeroizing;

use super::{Counters, Source};
use crate::compare::slots;
use crate::error::{ApiMisuse, Error};
use crate::material::{Material, Pairs, Picks};
use halves::{Bits, Halves, join, planes, received, sent, slots_of};

/// Correlated OTs worked on at a time: keys and hashes stay in the second-level cache.
const BLOCKS: usize = 1 << 13;

/// Correlated OTs per direction whose messages both parties send before they receive: some 2 MB.
const PART: u64 = 1 << 24;

/// Makes material when it is asked for; owns the correlated OTs of both directions.
pub struct Live<P: Party, S, R> {
    sender: S,
    receiver: R,
    sent: Hashers,
    received: Hashers,
    material: Material<P>,
    made: Demand,
    phases: Option<(&'static str, &'static str)>,
    party: PhantomData<P>,
}

/// One hasher per domain of one instance.
struct Hashers {
    product: Hasher,
    table: Hasher,
}

impl Hashers {
    fn new(key: Block) -> Self {
        Self {
            product: Hasher::new(key, Domain::Product),
            table: Hasher::new(key, Domain::OneOfMany),
        }
    }
}

impl<P: Party> Live<P, silent::Sender, silent::Receiver> {
    /// Sets up silent OT in both directions, with a fresh Δ; the peer calls this too.
    ///
    /// # Errors
    /// A failing channel or a misbehaving peer.
    pub fn setup(ch: &mut Channel, set: Parameters) -> Result<Self, Error> {
        let delta = Delta::random();
        let (sender, receiver) = if P::ADDS_PUBLIC {
            silent::setup_first(ch, delta, set)?
        } else {
            silent::setup_second(ch, delta, set)?
        };
        Ok(Self::new(sender, receiver))
    }
}

impl<P: Party, S: RcotSender, R: RcotReceiver> Live<P, S, R> {
    /// Takes over the sources: no other user may hash their transfers in the same domains.
    #[must_use]
    pub fn new(sender: S, receiver: R) -> Self {
        Self {
            sent: Hashers::new(sender.hash_key()),
            received: Hashers::new(receiver.hash_key()),
            sender,
            receiver,
            material: Material::default(),
            made: Demand::default(),
            phases: None,
            party: PhantomData,
        }
    }

    /// Counts making under the first phase of the channel, and goes on under the second.
    #[must_use]
    pub const fn with_phases(mut self, making: &'static str, using: &'static str) -> Self {
        self.phases = Some((making, using));
        self
    }

    /// Makes exactly `demand` ahead, apart from what is held; what is to be fixed ahead is still random: see [`ahead`](crate::ahead).
    ///
    /// # Errors
    /// A failing channel or a misbehaving peer.
    pub fn prepare(&mut self, ch: &mut Channel, demand: &Demand) -> Result<Material<P>, Error> {
        let held = std::mem::take(&mut self.material);
        let made = self.make(ch, demand);
        let prepared = std::mem::replace(&mut self.material, held);
        made.map(|()| prepared)
    }

    /// The correlated OTs themselves, for other uses in other hash domains.
    pub const fn sources(&mut self) -> (&mut S, &mut R) {
        (&mut self.sender, &mut self.receiver)
    }

    /// What was made and used.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            used: self.made.beyond(&self.material.left()),
            made: self.made.clone(),
        }
    }

    fn make(&mut self, ch: &mut Channel, demand: &Demand) -> Result<(), Error> {
        self.material.make_room(demand);
        let demand = demand.unfixed();
        let most = demand
            .transfers_sent(true)
            .max(demand.transfers_sent(false));
        let parts = most.div_ceil(PART).max(1);
        for index in 0..parts {
            let part = demand.part(index, parts);
            let mine = Halves::default();
            if S::SPEAKS {
                let mine = self.send(ch, &part, mine)?;
                ch.flush()?;
                self.receive(ch, &part, mine)?;
            } else {
                // The receiving role speaks: its messages of all kinds leave first.
                self.receive_first(ch, &part, mine)?;
            }
            self.made.add(&part, 1);
        }
        Ok(())
    }

    /// The order for instances whose receiving role speaks.
    fn receive_first(
        &mut self,
        ch: &mut Channel,
        part: &Demand,
        mine: Halves,
    ) -> Result<(), Error> {
        let mut theirs = mine;
        self.receive_triples(ch, part, &mut theirs)?;
        self.receive_rest(ch, part)?;
        ch.flush()?;
        let sent = self.send(ch, part, Halves::default())?;
        self.join(sent, theirs);
        Ok(())
    }

    fn receive(&mut self, ch: &mut Channel, part: &Demand, sent: Halves) -> Result<(), Error> {
        let mut theirs = Halves::default();
        self.receive_triples(ch, part, &mut theirs)?;
        self.receive_rest(ch, part)?;
        self.join(sent, theirs);
        Ok(())
    }

    /// All that this party sends: halves of triples are kept for [`join`](Self::join), the rest goes to the pools.
    fn send(&mut self, ch: &mut Channel, part: &Demand, mut mine: Halves) -> Result<Halves, Error> {
        self.send_bits(ch, part.triples, &mut mine.plain)?;
        self.send_bits(ch, part.common_triples, &mut mine.common)?;
        let (oles, transfers) = if P::ADDS_PUBLIC {
            (part.server_oles, part.server_transfers)
        } else {
            (part.client_oles, part.client_transfers)
        };
        let mut bits = Bits::<1>::default();
        self.send_bits(ch, oles, &mut bits)?;
        let [[c], [a]] = bits.take();
        self.material.put_oles_sent(SenderBits { a, c });
        self.send_numbers(ch, transfers)?;
        if P::ADDS_PUBLIC {
            for (shape, count) in &part.tables {
                self.send_tables(ch, *shape, *count)?;
            }
        }
        Ok(mine)
    }

    fn receive_triples(
        &mut self,
        ch: &mut Channel,
        part: &Demand,
        theirs: &mut Halves,
    ) -> Result<(), Error> {
        self.receive_bits(
            ch,
            part.triples,
            &mut theirs.plain,
            &mut theirs.plain_choice,
        )?;
        self.receive_bits(
            ch,
            part.common_triples,
            &mut theirs.common,
            &mut theirs.common_choice,
        )
    }

    fn receive_rest(&mut self, ch: &mut Channel, part: &Demand) -> Result<(), Error> {
        let (oles, transfers) = if P::ADDS_PUBLIC {
            (part.client_oles, part.client_transfers)
        } else {
            (part.server_oles, part.server_transfers)
        };
        let (mut bits, mut b) = (Bits::<1>::default(), Vec::new());
        self.receive_bits(ch, oles, &mut bits, &mut b)?;
        let [[d], _] = bits.take();
        self.material.put_oles_received(ReceiverBits { b, d });
        self.receive_numbers(ch, transfers)?;
        if !P::ADDS_PUBLIC {
            for (shape, count) in &part.tables {
                self.receive_tables(ch, *shape, *count)?;
            }
        }
        Ok(())
    }

    /// Own product and a share of each cross product: see `privet_ot::triples`.
    fn join(&mut self, mut sent: Halves, mut theirs: Halves) {
        let choice = std::mem::take(&mut theirs.plain_choice);
        let plain = join(&mut sent.plain, &mut theirs.plain, choice);
        self.material.put_triples(plain);
        let choice = std::mem::take(&mut theirs.common_choice);
        let common = join(&mut sent.common, &mut theirs.common, choice);
        self.material.put_common(common);
    }

    /// `words` words of `W`-bit pairs: r_0, and r_0 ⊕ r_1.
    fn send_bits<const W: usize>(
        &mut self,
        ch: &mut Channel,
        words: u64,
        out: &mut Bits<W>,
    ) -> Result<(), Error> {
        out.reserve(words);
        let hasher = &mut self.sent.product;
        sent(
            &mut self.sender,
            hasher,
            ch,
            64 * words,
            64,
            |zeros, ones| {
                for (zeros, ones) in zeros.chunks(64).zip(ones.chunks(64)) {
                    let first = planes(zeros);
                    let mut second: [u64; W] = planes(ones);
                    for (second, first) in second.iter_mut().zip(&first) {
                        *second ^= first;
                    }
                    out.push(first, second);
                }
            },
        )
    }

    /// `words` words of choices and of the `W`-bit strings chosen.
    fn receive_bits<const W: usize>(
        &mut self,
        ch: &mut Channel,
        words: u64,
        out: &mut Bits<W>,
        choice: &mut Vec<u64>,
    ) -> Result<(), Error> {
        out.reserve(words);
        choice.reserve_exact(usize::try_from(words).unwrap_or_default());
        let hasher = &mut self.received.product;
        received(
            &mut self.receiver,
            hasher,
            ch,
            64 * words,
            64,
            |colours, macs| {
                choice.extend_from_slice(colours);
                for macs in macs.chunks(64) {
                    let first = planes(macs);
                    out.push(first, [0; W]);
                }
            },
        )
    }

    fn send_numbers(&mut self, ch: &mut Channel, words: u64) -> Result<(), Error> {
        let (hasher, material) = (&mut self.sent.product, &mut self.material);
        sent(
            &mut self.sender,
            hasher,
            ch,
            64 * words,
            64,
            |zeros, ones| {
                let zero = zeros.iter().map(Block::low).collect();
                let one = ones.iter().map(Block::low).collect();
                material.put_pairs(Pairs { zero, one });
            },
        )
    }

    fn receive_numbers(&mut self, ch: &mut Channel, words: u64) -> Result<(), Error> {
        let (hasher, material) = (&mut self.received.product, &mut self.material);
        received(
            &mut self.receiver,
            hasher,
            ch,
            64 * words,
            64,
            |colours, macs| {
                let (choice, chosen) = (colours.to_vec(), macs.iter().map(Block::low).collect());
                material.put_picks(Picks { choice, chosen });
            },
        )
    }

    /// `mask_j = ⊕_i H(K_i^{j_i})[slot j]`: see `privet_ot::one_of_many`. Transfers come 64 to a word, in a word all first keys,
    /// then all second ones; masks leave as planes, as many words side by side as a transposition takes.
    fn send_tables(
        &mut self,
        ch: &mut Channel,
        shape: TableShape,
        words: u64,
    ) -> Result<(), Error> {
        let (hasher, pool) = (&mut self.sent.table, self.material.table_pool(shape));
        let (group, bits) = (64 * shape.choice_bits as usize, shape.table_bits() as usize);
        let (ones_of, all) = (slots_of(shape), u64::MAX >> (64 - shape.table_bits()));
        let mut block = Zeroizing::new([0u64; 64]);
        sent(
            &mut self.sender,
            hasher,
            ch,
            words * group as u64,
            group,
            |zeros, ones| {
                let side = 64 / bits * group;
                for (zeros, ones) in zeros.chunks(side).zip(ones.chunks(side)) {
                    block.fill(0);
                    let units = zeros.chunks_exact(group).zip(ones.chunks_exact(group));
                    let units = units.enumerate().map(|(unit, (zeros, ones))| {
                        let keys = zeros.chunks_exact(64).zip(ones.chunks_exact(64));
                        for (set, (zeros, ones)) in ones_of.iter().zip(keys) {
                            for (table, (zero, one)) in block.iter_mut().zip(zeros.iter().zip(ones))
                            {
                                let masks = zero.low() & !set ^ one.low() & set;
                                *table ^= (masks & all) << (unit * bits);
                            }
                        }
                    });
                    let units = units.count();
                    transpose_64(&mut block);
                    pool.extend(block.get(..units * bits).unwrap_or_default());
                }
            },
        )
    }

    fn receive_tables(
        &mut self,
        ch: &mut Channel,
        shape: TableShape,
        words: u64,
    ) -> Result<(), Error> {
        let (hasher, pool) = (&mut self.received.table, self.material.table_pool(shape));
        let m = shape.choice_bits as usize;
        let (group, bits) = (64 * m, shape.table_bits() as usize);
        let all = u64::MAX >> (64 - shape.table_bits());
        let mut block = Zeroizing::new([0u64; 64]);
        received(
            &mut self.receiver,
            hasher,
            ch,
            words * group as u64,
            group,
            |colours, macs| {
                let beside = 64 / bits;
                let parts = macs.chunks(beside * group).zip(colours.chunks(beside * m));
                for (macs, colours) in parts {
                    block.fill(0);
                    for (unit, hashes) in macs.chunks_exact(group).enumerate() {
                        for hashes in hashes.chunks_exact(64) {
                            for (table, hash) in block.iter_mut().zip(hashes) {
                                *table ^= (hash.low() & all) << (unit * bits);
                            }
                        }
                    }
                    transpose_64(&mut block);
                    for (choices, sums) in colours.chunks_exact(m).zip(block.chunks_exact(bits)) {
                        pool.extend(choices);
                        let masks = slots::chosen(shape, choices, sums);
                        let bits = shape.message_bits as usize;
                        pool.extend(masks.get(..bits).unwrap_or_default());
                    }
                }
            },
        )
    }
}

impl<P: Party, S: RcotSender, R: RcotReceiver> Source<P> for Live<P, S, R> {
    fn ready(&mut self, ch: &mut Channel, demand: &Demand) -> Result<(), Error> {
        let lacking = demand.beyond(&self.material.left());
        if lacking.is_empty() {
            return Ok(());
        }
        if lacking.fixed_oles > 0 || !lacking.fixed_tables.is_empty() {
            let what = "comparisons whose client's numbers were fixed ahead";
            let words = |of: &Demand| of.fixed_oles + of.fixed_tables.values().sum::<u64>();
            let asked = words(demand);
            let left = asked - words(&lacking);
            return Err(ApiMisuse::Exhausted { what, asked, left }.into());
        }
        if let Some((making, _)) = self.phases {
            ch.set_phase(making);
        }
        let made = self.make(ch, &lacking);
        if let Some((_, using)) = self.phases {
            ch.set_phase(using);
        }
        made
    }

    fn material(&mut self) -> &mut Material<P> {
        &mut self.material
    }
}
