//! Material as bytes and back. The demand it was made for fixes every length, so none is read from the bytes.

use privet_plan::cost::gmw::{Demand, TableShape};
use privet_ring::Party;

use super::{Material, Pool, planes};
use crate::error::ApiMisuse;
use crate::wire::split;

/// Names the format and the party.
const HEAD: [u8; 8] = *b"privmt2\0";

impl<P: Party> Material<P> {
    /// All that is left, as bytes; they are as secret as the material. The caller erases them.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::stored_bytes(&self.left()));
        out.extend_from_slice(&head::<P>());
        for pool in self.pools() {
            out.extend_from_slice(pool.remaining());
        }
        out
    }

    /// From bytes that hold exactly the material for `demand`.
    ///
    /// # Errors
    /// Another party's, another format, or another length.
    pub fn from_bytes(demand: &Demand, bytes: &[u8]) -> Result<Self, ApiMisuse> {
        let wrong = |what| ApiMisuse::Stored { what };
        if !bytes.starts_with(&head::<P>()) {
            return Err(wrong("not made by this program for this party"));
        }
        let shapes = demand.tables.keys().chain(demand.fixed_tables.keys());
        if !shapes.copied().all(possible) {
            return Err(wrong("tables of an unknown shape"));
        }
        if bytes.len() != Self::stored_bytes(demand) {
            return Err(wrong("another length than its demand has"));
        }
        let mut material = Self::with_tables(demand);
        let counts = Self::counts(demand);
        let mut rest = bytes.get(HEAD.len()..).unwrap_or_default();
        for (pool, count) in material.pools_mut().into_iter().zip(counts) {
            let bytes = usize::try_from(count).unwrap_or(usize::MAX);
            let bytes = bytes.saturating_mul(pool.width());
            let part = split("stored material", bytes, &mut rest);
            pool.load(part.map_err(|_| wrong("cut short"))?);
        }
        Ok(material)
    }

    /// Bytes of the material for a demand.
    #[must_use]
    pub fn stored_bytes(demand: &Demand) -> usize {
        let material = Self::with_tables(demand);
        let widths = material.pools().into_iter().map(Pool::width);
        let bytes = widths.zip(Self::counts(demand)).map(|(width, count)| {
            usize::try_from(count)
                .unwrap_or(usize::MAX)
                .saturating_mul(width)
        });
        bytes.fold(HEAD.len(), usize::saturating_add)
    }

    /// Empty, with the pools of a demand's tables.
    fn with_tables(demand: &Demand) -> Self {
        let mut material = Self::default();
        for shape in demand.tables.keys() {
            material.table_pool(*shape);
        }
        for shape in demand.fixed_tables.keys() {
            material.fixed_table_pool(*shape);
        }
        material
    }

    /// Numbers in each pool, in the order of [`pools`](Self::pools).
    fn counts(demand: &Demand) -> Vec<u64> {
        let sides = |client, server| match P::ADDS_PUBLIC {
            true => (server, client),
            false => (client, server),
        };
        let (oles_sent, oles_received) = sides(demand.client_oles, demand.server_oles);
        let (sent, received) = sides(demand.client_transfers, demand.server_transfers);
        let mut counts = vec![demand.triples; 3];
        counts.extend([demand.common_triples; 5]);
        counts.extend([oles_sent, oles_sent, oles_received, oles_received]);
        counts.extend([demand.fixed_oles; 2]);
        let numbers = |words: u64| words.saturating_mul(64);
        counts.extend([numbers(sent), numbers(sent), received, numbers(received)]);
        let tables = demand.tables.iter().chain(&demand.fixed_tables);
        counts.extend(tables.map(|(shape, words)| words.saturating_mul(planes::<P>(*shape))));
        counts
    }

    fn pools(&self) -> Vec<&Pool> {
        let Self {
            triples,
            common,
            oles_sent,
            oles_received,
            fixed_oles,
            transfers_sent,
            transfers_received,
            tables,
            fixed_tables,
            party: _,
        } = self;
        let words = triples.iter().chain(common).chain(oles_sent);
        let words = words.chain(oles_received).chain(fixed_oles);
        words
            .chain(transfers_sent)
            .chain(transfers_received)
            .chain(tables.values())
            .chain(fixed_tables.values())
            .collect()
    }

    fn pools_mut(&mut self) -> Vec<&mut Pool> {
        let words = self.triples.iter_mut().chain(&mut self.common);
        let words = words
            .chain(&mut self.oles_sent)
            .chain(&mut self.oles_received);
        let words = words.chain(&mut self.fixed_oles);
        words
            .chain(&mut self.transfers_sent)
            .chain(&mut self.transfers_received)
            .chain(self.tables.values_mut())
            .chain(self.fixed_tables.values_mut())
            .collect()
    }
}

fn head<P: Party>() -> [u8; 8] {
    let mut head = HEAD;
    if let Some(last) = head.last_mut() {
        *last = u8::from(P::ADDS_PUBLIC);
    }
    head
}

/// Shapes are few: a demand from elsewhere cannot name one that no table exists for.
const fn possible(shape: TableShape) -> bool {
    matches!(shape.choice_bits, 1..=5) && matches!(shape.message_bits, 1..=2)
}
