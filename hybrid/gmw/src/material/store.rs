//! Material as bytes and back. The demand it was made for fixes every length, so none is read from the bytes.

use privet_plan::cost::gmw::{Demand, TableShape};
use privet_ring::Party;

use super::{Material, Pool};
use crate::error::ApiMisuse;
use crate::wire::split;

/// Names the format and the party.
const HEAD: [u8; 8] = *b"privmt1\0";

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
        if !demand.tables.keys().all(|shape| possible(*shape)) {
            return Err(wrong("tables of an unknown shape"));
        }
        if bytes.len() != Self::stored_bytes(demand) {
            return Err(wrong("another length than its demand has"));
        }
        let mut material = Self::default();
        for shape in demand.tables.keys() {
            material.table_pool(*shape);
        }
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
        let mut material = Self::default();
        for shape in demand.tables.keys() {
            material.table_pool(*shape);
        }
        let widths = material.pools().into_iter().map(Pool::width);
        let bytes = widths.zip(Self::counts(demand)).map(|(width, count)| {
            usize::try_from(count)
                .unwrap_or(usize::MAX)
                .saturating_mul(width)
        });
        bytes.fold(HEAD.len(), usize::saturating_add)
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
        let numbers = |words: u64| words.saturating_mul(64);
        counts.extend([numbers(sent), numbers(sent), received, numbers(received)]);
        counts.extend(demand.tables.values());
        counts
    }

    fn pools(&self) -> Vec<&Pool> {
        let Self {
            triples,
            common,
            oles_sent,
            oles_received,
            transfers_sent,
            transfers_received,
            tables,
            party: _,
        } = self;
        let words = triples.iter().chain(common).chain(oles_sent);
        let words = words.chain(oles_received).chain(transfers_sent);
        words
            .chain(transfers_received)
            .chain(tables.values())
            .collect()
    }

    fn pools_mut(&mut self) -> Vec<&mut Pool> {
        let words = self.triples.iter_mut().chain(&mut self.common);
        let words = words
            .chain(&mut self.oles_sent)
            .chain(&mut self.oles_received);
        let words = words.chain(&mut self.transfers_sent);
        words
            .chain(&mut self.transfers_received)
            .chain(self.tables.values_mut())
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
