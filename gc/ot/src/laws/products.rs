//! Laws of bit OLEs, triples and 1-of-2^m OT: right products, and each party's view balanced and without repetition.

use privet_net::Channel;

use super::run;
use crate::error::Error;
use crate::ole::drive::{OleReceiver, OleSender};
use crate::one_of_many::Shape;
use crate::one_of_many::drive::{ManyReceiver, ManySender};
use crate::triples::Triples;
use crate::triples::drive::TripleMaker;

/// Words asked for, one after the other; with words of 64 they end inside and at the end of chunks.
const WORDS: [usize; 5] = [1, 0, 31, 33, 200];

/// Each word list is balanced to six standard deviations, and no word repeats.
fn looks_random(lists: &[&[u64]]) {
    for list in lists {
        let ones: u32 = list.iter().map(|word| word.count_ones()).sum();
        let bits = 64.0 * list.len() as f64;
        assert!(
            (f64::from(ones) - bits / 2.0).abs() < 3.0 * bits.sqrt(),
            "{ones} of {bits}"
        );
    }
    let mut all = lists.concat();
    let len = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), len, "words repeat");
}

/// Every pair of lists is uncorrelated to six standard deviations.
fn independent(lists: &[&[u64]]) {
    for (i, x) in lists.iter().enumerate() {
        for y in lists.iter().skip(i + 1) {
            let equal: u32 = x.iter().zip(*y).map(|(x, y)| (x ^ y).count_zeros()).sum();
            let bits = 64.0 * x.len() as f64;
            assert!(
                (f64::from(equal) - bits / 2.0).abs() < 3.0 * bits.sqrt(),
                "{equal} of {bits}"
            );
        }
    }
}

/// `a·b = c ⊕ d`, and the four words of each look random and pairwise independent but for that.
///
/// # Errors
/// What either party ran into.
pub fn oles_multiply<S: OleSender, R: OleReceiver>(
    sender: impl FnOnce(&mut Channel) -> Result<S, Error> + Send,
    receiver: impl FnOnce(&mut Channel) -> Result<R, Error> + Send,
) -> Result<(), Error> {
    let left = |ch: &mut Channel| {
        let mut sender = sender(ch)?;
        let (mut a, mut c) = (Vec::new(), Vec::new());
        for words in WORDS {
            let bits = sender.sender_bits(ch, words)?;
            assert!(bits.a.len() == words && bits.c.len() == words);
            a.extend(bits.a);
            c.extend(bits.c);
        }
        Ok((a, c))
    };
    let right = |ch: &mut Channel| {
        let mut receiver = receiver(ch)?;
        let (mut b, mut d) = (Vec::new(), Vec::new());
        for words in WORDS {
            let bits = receiver.receiver_bits(ch, words)?;
            assert!(bits.b.len() == words && bits.d.len() == words);
            b.extend(bits.b);
            d.extend(bits.d);
        }
        Ok((b, d))
    };
    let ((a, c), (b, d), _) = run(left, right)?;
    for (i, (((a, b), c), d)) in a.iter().zip(&b).zip(&c).zip(&d).enumerate() {
        assert_eq!(a & b, c ^ d, "word {i}");
    }
    looks_random(&[&a, &b, &c, &d]);
    independent(&[&a, &b, &c]);
    independent(&[&a, &b, &d]);
    Ok(())
}

/// `(a ⊕ a')(b ⊕ b') = c ⊕ c'` for every product, with one and with two of them, and each party's words look random.
///
/// # Errors
/// What either party ran into.
pub fn triples_multiply<A: TripleMaker, B: TripleMaker>(
    first: impl FnOnce(&mut Channel) -> Result<A, Error> + Send,
    second: impl FnOnce(&mut Channel) -> Result<B, Error> + Send,
) -> Result<(), Error> {
    fn shares<M: TripleMaker>(
        maker: &mut M,
        ch: &mut Channel,
    ) -> Result<(Vec<Triples<1>>, Vec<Triples<2>>), Error> {
        let (mut plain, mut shared) = (Vec::new(), Vec::new());
        for words in WORDS {
            plain.push(maker.triples::<1>(ch, words)?);
            shared.push(maker.triples::<2>(ch, words)?);
        }
        Ok((plain, shared))
    }
    let left = |ch: &mut Channel| shares(&mut first(ch)?, ch);
    let right = |ch: &mut Channel| shares(&mut second(ch)?, ch);
    let ((plain, shared), (plain_too, shared_too), _) = run(left, right)?;
    for (x, y) in plain.iter().zip(&plain_too) {
        check_triples(x, y);
    }
    for (x, y) in shared.iter().zip(&shared_too) {
        check_triples(x, y);
    }
    Ok(())
}

fn check_triples<const W: usize>(x: &Triples<W>, y: &Triples<W>) {
    let all = [&x.a, &y.a]
        .into_iter()
        .chain(&x.b)
        .chain(&y.b)
        .chain(&x.c)
        .chain(&y.c);
    let lists: Vec<&[u64]> = all.map(Vec::as_slice).collect();
    assert!(
        lists.iter().all(|list| list.len() == x.a.len()),
        "lengths differ"
    );
    let pairs = x.b.iter().zip(&y.b).zip(x.c.iter().zip(&y.c));
    for (product, ((b, b1), (c, c1))) in pairs.enumerate() {
        for (i, (a, a1)) in x.a.iter().zip(&y.a).enumerate() {
            let of = |words: &[u64]| words.get(i).copied().unwrap_or_default();
            let wanted = (a ^ a1) & (of(b) ^ of(b1));
            assert_eq!(wanted, of(c) ^ of(c1), "product {product}, word {i}");
        }
    }
    if x.a.len() > 8 {
        looks_random(&lists);
        // One party's whole view, and the operands of both.
        independent(&[&[x.a.as_slice()], &views(&x.b)[..], &views(&x.c)[..]].concat());
        independent(&[&[x.a.as_slice(), &y.a], &views(&x.b)[..], &views(&y.b)[..]].concat());
    }
}

fn views<const W: usize>(lists: &[Vec<u64>; W]) -> [&[u64]; W] {
    lists.each_ref().map(Vec::as_slice)
}

/// Random tables: the receiver has the mask in the slot of its choice, choices and masks are spread evenly. Chosen: every
/// choice delivers its message. For several shapes.
///
/// # Errors
/// What either party ran into.
pub fn many_delivers<S: ManySender, R: ManyReceiver>(
    sender: impl FnOnce(&mut Channel) -> Result<S, Error> + Send,
    receiver: impl FnOnce(&mut Channel) -> Result<R, Error> + Send,
) -> Result<(), Error> {
    let shapes = [
        (1, 1),
        (1, 64),
        (2, 3),
        (3, 16),
        (4, 2),
        (4, 8),
        (5, 4),
        (7, 1),
    ];
    let shapes = shapes.map(|(m, w)| Shape::new(m, w));
    let n = 1500usize;
    let message = |i: usize, j: u32| (i as u64 + 1).wrapping_mul(u64::from(j) + 0x9e37_79b9_7f4a);
    let left = |ch: &mut Channel| {
        let mut sender = sender(ch)?;
        let mut all = Vec::new();
        for shape in shapes {
            let shape = shape?;
            all.push(sender.random_tables(ch, shape, n)?);
            let tables: Result<Vec<_>, _> = (0..n)
                .map(|i| {
                    let row: Vec<u64> = (0..1 << shape.choice_bits())
                        .map(|j| message(i, j))
                        .collect();
                    shape.table(&row)
                })
                .collect();
            sender.send_tables(ch, shape, &tables?)?;
        }
        Ok(all)
    };
    let choice = |i: usize, shape: Shape| {
        let mixed = (i as u64).wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        u32::try_from(mixed).unwrap_or_default() % (1 << shape.choice_bits())
    };
    let right = |ch: &mut Channel| {
        let mut receiver = receiver(ch)?;
        let mut all = Vec::new();
        for shape in shapes {
            let shape = shape?;
            all.push(receiver.random_choices(ch, shape, n)?);
            let wishes: Vec<u32> = (0..n).map(|i| choice(i, shape)).collect();
            let got = receiver.receive_chosen(ch, shape, &wishes)?;
            let mask = u64::MAX >> (64 - shape.message_bits());
            for (i, (got, &wish)) in got.iter().zip(&wishes).enumerate() {
                assert_eq!(*got, message(i, wish) & mask, "{shape:?} {i}");
            }
            let high = receiver.receive_chosen(ch, shape, &[1 << shape.choice_bits()]);
            assert!(high.is_err(), "a choice that does not exist");
        }
        Ok(all)
    };
    let (tables, chosen, _) = run(left, right)?;
    for ((shape, tables), chosen) in shapes.into_iter().zip(&tables).zip(&chosen) {
        let shape = shape?;
        assert!(tables.len() == n && chosen.len() == n);
        let mut seen = vec![0usize; 1 << shape.choice_bits()];
        let mut set_bits = 0u32;
        for (i, (table, got)) in tables.iter().zip(chosen).enumerate() {
            assert_eq!(table.slot(shape, got.choice), got.mask, "{shape:?} {i}");
            set_bits += u128::from(table.0).count_ones();
            if let Some(seen) = seen.get_mut(got.choice as usize) {
                *seen += 1;
            }
        }
        let expected = n as f64 / seen.len() as f64;
        let far = |&count: &usize| (count as f64 - expected).abs() > 6.0 * expected.sqrt();
        assert!(
            !seen.iter().any(far),
            "{shape:?}: choices are not even: {seen:?}"
        );
        let bits = n as f64 * f64::from(shape.table_bits());
        assert!(
            (f64::from(set_bits) - bits / 2.0).abs() < 3.0 * bits.sqrt(),
            "{shape:?}"
        );
    }
    Ok(())
}
