//! One party's prepared material: pools of what correlated OT gives, handed out once.
//!
//! Both parties' pools hold the halves of the same correlations in the same order; who asks for the same numbers in the same order
//! gets halves that fit.

mod pool;
mod store;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use privet_ot::ole::{ReceiverBits, SenderBits};
use privet_ot::triples::Triples;
use privet_plan::cost::gmw::{Demand, TableShape};
use privet_ring::Party;

use crate::error::ApiMisuse;
pub(crate) use pool::Pool;

/// Pairs of random 64-bit numbers, of which the peer holds one by its random bit; used once.
pub struct Pairs {
    /// The number for bit 0.
    pub zero: Vec<u64>,
    /// The number for bit 1.
    pub one: Vec<u64>,
}

/// Random bits, 64 to a word, and for each the number that it chooses among the peer's pair; used once.
pub struct Picks {
    /// The bits.
    pub choice: Vec<u64>,
    /// The numbers.
    pub chosen: Vec<u64>,
}

/// Whether the client's choices are random, or were turned to its numbers ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Random.
    Random,
    /// Fixed.
    Fixed,
}

/// Party `P`'s pools.
pub struct Material<P: Party> {
    /// a, b, c of plain triples; then a, b, b', c, c' of those with a common operand.
    triples: [Pool; 3],
    common: [Pool; 5],
    /// a, c of products that this party sends; b, d of those it receives.
    oles_sent: [Pool; 2],
    oles_received: [Pool; 2],
    /// Those of the server's whose b is the client's own.
    fixed_oles: [Pool; 2],
    /// Both numbers; bits and chosen numbers.
    transfers_sent: [Pool; 2],
    transfers_received: [Pool; 2],
    /// By words of 64 transfers: planes of the server's masks, slot by slot; or of the client's choices, then of its masks.
    tables: BTreeMap<TableShape, Pool>,
    /// The same where choices are the client's own.
    fixed_tables: BTreeMap<TableShape, Pool>,
    party: PhantomData<P>,
}

const TRIPLES: &str = "bit triples";
const COMMON: &str = "bit triples with a common operand";
const OLES: &str = "bit products";
const TRANSFERS: &str = "random transfers";
const TABLES: &str = "1-of-2^m transfers";

fn words<const N: usize>() -> [Pool; N] {
    std::array::from_fn(|_| Pool::new(8))
}

impl<P: Party> Default for Material<P> {
    fn default() -> Self {
        Self {
            triples: words(),
            common: words(),
            oles_sent: words(),
            oles_received: words(),
            fixed_oles: words(),
            transfers_sent: words(),
            transfers_received: words(),
            tables: BTreeMap::new(),
            fixed_tables: BTreeMap::new(),
            party: PhantomData,
        }
    }
}

impl<P: Party> Material<P> {
    /// What is left.
    #[must_use]
    pub fn left(&self) -> Demand {
        let mut left = Demand::default();
        let [triples, ..] = &self.triples;
        let [common, ..] = &self.common;
        (left.triples, left.common_triples) = (triples.left(), common.left());
        let [sent, _] = &self.oles_sent;
        let [received, _] = &self.oles_received;
        (left.client_oles, left.server_oles) = by_sender::<P>(sent.left(), received.left());
        let [sent, _] = &self.transfers_sent;
        let [received, _] = &self.transfers_received;
        // Pairs are held one by one, bits by the word.
        (left.client_transfers, left.server_transfers) =
            by_sender::<P>(sent.left() / 64, received.left());
        let [fixed, _] = &self.fixed_oles;
        left.fixed_oles = fixed.left();
        let words = |shape: &TableShape, pool: &Pool| pool.left() / planes::<P>(*shape);
        for (shape, pool) in &self.tables {
            if pool.left() > 0 {
                left.add_tables(*shape, words(shape, pool));
            }
        }
        for (shape, pool) in &self.fixed_tables {
            if pool.left() > 0 {
                left.add_fixed_tables(*shape, words(shape, pool));
            }
        }
        left
    }

    /// Takes words of plain triples.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take_triples(&mut self, words: usize) -> Result<Triples<1>, ApiMisuse> {
        let [a, b, c] = &mut self.triples;
        Ok(Triples {
            a: a.take(TRIPLES, words)?,
            b: [b.take(TRIPLES, words)?],
            c: [c.take(TRIPLES, words)?],
        })
    }

    /// Takes words of triples with a common operand.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take_common(&mut self, words: usize) -> Result<Triples<2>, ApiMisuse> {
        let [a, b0, b1, c0, c1] = &mut self.common;
        Ok(Triples {
            a: a.take(COMMON, words)?,
            b: [b0.take(COMMON, words)?, b1.take(COMMON, words)?],
            c: [c0.take(COMMON, words)?, c1.take(COMMON, words)?],
        })
    }

    /// Takes words of bit products that this party sends.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take_oles_sent(&mut self, words: usize) -> Result<SenderBits, ApiMisuse> {
        let [a, c] = &mut self.oles_sent;
        Ok(SenderBits {
            a: a.take(OLES, words)?,
            c: c.take(OLES, words)?,
        })
    }

    /// Takes words of bit products that this party receives.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take_oles_received(&mut self, words: usize) -> Result<ReceiverBits, ApiMisuse> {
        let [b, d] = &mut self.oles_received;
        Ok(ReceiverBits {
            b: b.take(OLES, words)?,
            d: d.take(OLES, words)?,
        })
    }

    /// Takes `64·words` random transfers that this party sends.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take_pairs(&mut self, words: usize) -> Result<Pairs, ApiMisuse> {
        let [zero, one] = &mut self.transfers_sent;
        Ok(Pairs {
            zero: zero.take(TRANSFERS, words.saturating_mul(64))?,
            one: one.take(TRANSFERS, words.saturating_mul(64))?,
        })
    }

    /// Takes `64·words` random transfers that this party receives.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take_picks(&mut self, words: usize) -> Result<Picks, ApiMisuse> {
        let [choice, chosen] = &mut self.transfers_received;
        Ok(Picks {
            choice: choice.take(TRANSFERS, words)?,
            chosen: chosen.take(TRANSFERS, words.saturating_mul(64))?,
        })
    }

    /// Takes words of products that the server sends: a and c there; b and d at the client.
    pub(crate) fn take_private(
        &mut self,
        kind: Kind,
        words: usize,
    ) -> Result<(Vec<u64>, Vec<u64>), ApiMisuse> {
        let [operand, share] = match (kind, P::ADDS_PUBLIC) {
            (Kind::Fixed, _) => &mut self.fixed_oles,
            (Kind::Random, true) => &mut self.oles_sent,
            (Kind::Random, false) => &mut self.oles_received,
        };
        Ok((operand.take(OLES, words)?, share.take(OLES, words)?))
    }

    /// Takes words of 64 transfers, each word the planes of its masks, or of choices and masks.
    pub(crate) fn take_tables(
        &mut self,
        kind: Kind,
        shape: TableShape,
        words: usize,
    ) -> Result<Vec<u64>, ApiMisuse> {
        let planes = usize::try_from(planes::<P>(shape)).unwrap_or(usize::MAX);
        let pool = match kind {
            Kind::Random => self.table_pool(shape),
            Kind::Fixed => self.fixed_table_pool(shape),
        };
        pool.take(TABLES, words.saturating_mul(planes))
    }

    /// Makes room for what a demand adds, before it is fixed and after, so that large pools are not copied while they fill.
    pub(crate) fn make_room(&mut self, demand: &Demand) {
        let made = demand.unfixed();
        let (sent, received) = by_sender::<P>(made.client_oles, made.server_oles);
        room(&mut self.triples, made.triples);
        room(&mut self.common, made.common_triples);
        room(&mut self.oles_sent, sent);
        room(&mut self.oles_received, received);
        room(&mut self.fixed_oles, demand.fixed_oles);
        let (sent, received) = by_sender::<P>(made.client_transfers, made.server_transfers);
        room(&mut self.transfers_sent, sent.saturating_mul(64));
        let [choice, chosen] = &mut self.transfers_received;
        room([choice], received);
        room([chosen], received.saturating_mul(64));
        for (shape, words) in &made.tables {
            let words = words.saturating_mul(planes::<P>(*shape));
            room([self.table_pool(*shape)], words);
        }
        for (shape, words) in &demand.fixed_tables {
            let words = words.saturating_mul(planes::<P>(*shape));
            room([self.fixed_table_pool(*shape)], words);
        }
    }

    pub(crate) fn put_triples(&mut self, made: Triples<1>) {
        let ([b], [c]) = (made.b, made.c);
        put(&mut self.triples, [made.a, b, c]);
    }

    pub(crate) fn put_common(&mut self, made: Triples<2>) {
        let ([b0, b1], [c0, c1]) = (made.b, made.c);
        put(&mut self.common, [made.a, b0, b1, c0, c1]);
    }

    pub(crate) fn put_oles_sent(&mut self, made: SenderBits) {
        put(&mut self.oles_sent, [made.a, made.c]);
    }

    pub(crate) fn put_oles_received(&mut self, made: ReceiverBits) {
        put(&mut self.oles_received, [made.b, made.d]);
    }

    pub(crate) fn put_pairs(&mut self, made: Pairs) {
        put(&mut self.transfers_sent, [made.zero, made.one]);
    }

    pub(crate) fn put_picks(&mut self, made: Picks) {
        put(&mut self.transfers_received, [made.choice, made.chosen]);
    }

    pub(crate) fn put_fixed_oles(&mut self, operand: Vec<u64>, share: Vec<u64>) {
        put(&mut self.fixed_oles, [operand, share]);
    }

    /// The pool of a shape's tables.
    pub(crate) fn table_pool(&mut self, shape: TableShape) -> &mut Pool {
        self.tables.entry(shape).or_insert_with(|| Pool::new(8))
    }

    /// The pool of those whose choices are the client's own.
    pub(crate) fn fixed_table_pool(&mut self, shape: TableShape) -> &mut Pool {
        self.fixed_tables
            .entry(shape)
            .or_insert_with(|| Pool::new(8))
    }
}

/// Planes of a word of 64 transfers at a party.
pub(crate) const fn planes<P: Party>(shape: TableShape) -> u64 {
    (if P::ADDS_PUBLIC {
        shape.table_bits()
    } else {
        shape.choice_bits + shape.message_bits
    }) as u64
}

/// (client's, server's) from (this party sends, this party receives).
fn by_sender<P: Party>(sent: u64, received: u64) -> (u64, u64) {
    if P::ADDS_PUBLIC {
        (received, sent)
    } else {
        (sent, received)
    }
}

fn room<'p>(pools: impl IntoIterator<Item = &'p mut Pool>, more: u64) {
    let more = usize::try_from(more).unwrap_or(usize::MAX);
    for pool in pools {
        pool.make_room(more);
    }
}

fn put<const N: usize>(pools: &mut [Pool; N], made: [Vec<u64>; N]) {
    for (pool, values) in pools.iter_mut().zip(made) {
        pool.put(values);
    }
}
