//! Ideal bit OLEs, triples and 1-of-2^m OT: both ends draw everything from one dealer's stream and keep their part.

use privet_net::Channel;
use privet_prim::{Block, Prg};

use crate::error::Error;
use crate::ole::drive::{OleReceiver, OleSender};
use crate::ole::{ReceiverBits, SenderBits};
use crate::one_of_many::drive::{Chosen, ManyReceiver, ManySender};
use crate::one_of_many::{Shape, Table};
use crate::triples::Triples;
use crate::triples::drive::TripleMaker;

/// The sender's end, or the first party's.
pub struct First(Prg);

/// The receiver's end, or the second party's.
pub struct Second(Prg);

/// Both ends of one dealer.
#[must_use]
pub fn deal(seed: Block) -> (First, Second) {
    (First(Prg::new(seed)), Second(Prg::new(seed)))
}

fn words(prg: &mut Prg, n: usize) -> Vec<u64> {
    (0..n).map(|_| prg.next_u64()).collect()
}

/// a, b, c of `n` words; then d = a·b ⊕ c.
fn oles(prg: &mut Prg, n: usize) -> (SenderBits, ReceiverBits) {
    let (a, b, c) = (words(prg, n), words(prg, n), words(prg, n));
    let d = a
        .iter()
        .zip(&b)
        .zip(&c)
        .map(|((a, b), c)| a & b ^ c)
        .collect();
    (SenderBits { a, c }, ReceiverBits { b, d })
}

impl OleSender for First {
    fn sender_bits(&mut self, _: &mut Channel, words: usize) -> Result<SenderBits, Error> {
        Ok(oles(&mut self.0, words).0)
    }
}

impl OleReceiver for Second {
    fn receiver_bits(&mut self, _: &mut Channel, words: usize) -> Result<ReceiverBits, Error> {
        Ok(oles(&mut self.0, words).1)
    }
}

fn triples<const W: usize>(prg: &mut Prg, n: usize) -> (Triples<W>, Triples<W>) {
    let mut party = || Triples::<W> {
        a: words(prg, n),
        b: std::array::from_fn(|_| words(prg, n)),
        c: std::array::from_fn(|_| words(prg, n)),
    };
    let (first, mut second) = (party(), party());
    for (((c1, b1), b0), c0) in second
        .c
        .iter_mut()
        .zip(&second.b)
        .zip(&first.b)
        .zip(&first.c)
    {
        for (i, c1) in c1.iter_mut().enumerate() {
            let at = |words: &[u64]| words.get(i).copied().unwrap_or_default();
            *c1 = (at(&first.a) ^ at(&second.a)) & (at(b0) ^ at(b1)) ^ at(c0);
        }
    }
    (first, second)
}

impl TripleMaker for First {
    fn triples<const W: usize>(
        &mut self,
        _: &mut Channel,
        words: usize,
    ) -> Result<Triples<W>, Error> {
        Ok(triples(&mut self.0, words).0)
    }
}

impl TripleMaker for Second {
    fn triples<const W: usize>(
        &mut self,
        _: &mut Channel,
        words: usize,
    ) -> Result<Triples<W>, Error> {
        Ok(triples(&mut self.0, words).1)
    }
}

fn many(prg: &mut Prg, shape: Shape) -> (Table, Chosen) {
    let table = Table(Block::from(u128::from(prg.next_block()) & shape.all()));
    let choice = u32::try_from(prg.next_u64() % (1 << shape.choice_bits())).unwrap_or_default();
    let mask = table.slot(shape, choice);
    (table, Chosen { choice, mask })
}

impl ManySender for First {
    fn random_tables(
        &mut self,
        _: &mut Channel,
        shape: Shape,
        n: usize,
    ) -> Result<Vec<Table>, Error> {
        Ok((0..n).map(|_| many(&mut self.0, shape).0).collect())
    }
}

impl ManyReceiver for Second {
    fn random_choices(
        &mut self,
        _: &mut Channel,
        shape: Shape,
        n: usize,
    ) -> Result<Vec<Chosen>, Error> {
        Ok((0..n).map(|_| many(&mut self.0, shape).1).collect())
    }
}
