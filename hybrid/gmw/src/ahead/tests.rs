use std::thread;

use privet_net::Session;
use privet_ot::ideal;
use privet_plan::compare::Operand;
use privet_prim::{Block, Delta, Prg};

use super::*;
use crate::source::Live;

const BITS: u32 = 10;

fn signs(shape: Shape) -> Carries {
    Carries::relu(shape.ahead(), ring(), 3, 1 << 15)
}

fn ring() -> Ring {
    Ring::new(BITS).unwrap()
}

/// Both parties' random material for comparisons of `len` elements.
fn dealt(signs: &Carries, len: usize) -> (Material<Client>, Material<Server>) {
    let cost = signs.shape.cost(len as u64, BITS - 1, signs.cut);
    let demand = cost.unwrap().demand;
    let (mut left, mut right) = Session::pair(1);
    let (down, down_end) = ideal::deal(Block::random(), Delta::random());
    let (up, up_end) = ideal::deal(Block::random(), Delta::random());
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut live = Live::<Client, _, _>::new(up, down_end);
            live.prepare(left.lane(0).unwrap(), &demand).unwrap()
        });
        let mut live = Live::<Server, _, _>::new(down, up_end);
        let server = live.prepare(right.lane(0).unwrap(), &demand).unwrap();
        (client.join().unwrap(), server)
    })
}

fn shapes() -> impl Iterator<Item = Shape> {
    Shape::all()
        .into_iter()
        .filter(|shape| shape.ahead().fixed())
}

#[test]
fn messages_of_another_length_are_refused_and_nothing_else_moves() {
    for shape in shapes() {
        let signs = signs(shape);
        let x = Shares::<Client>::new(ring(), (0..70).collect());
        let (mut client, mut server) = dealt(&signs, 70);
        let msg = signs.own(x.values(), &mut client).unwrap();
        let longer = [&msg[..], &[0]].concat();
        for wrong in [&msg[1..], &longer, &[]] {
            assert!(signs.theirs(70, wrong, &mut server).is_err());
        }
        // Any message of the right length is one of an honest client; a second one finds no material.
        let flipped: Vec<u8> = msg.iter().map(|byte| !byte).collect();
        signs.theirs(70, &flipped, &mut server).unwrap();
        assert!(signs.theirs(70, &msg, &mut server).is_err());
        assert!(signs.own(x.values(), &mut client).is_err());
        let cost = signs.shape.cost(70, BITS - 1, signs.cut).unwrap();
        assert_eq!(msg.len() as u64, cost.ahead_bytes);
        assert_eq!(client.left(), cost.demand);
        assert_eq!(server.left(), cost.demand);
        assert_eq!(signs.shape.client, Operand::Ahead);
    }
}

/// Counts of each value of a leaf's wish, beside one bit of the server's material for it.
fn view(signs: &Carries, number: u64, len: usize) -> Vec<[u32; 2]> {
    let (mut client, mut server) = dealt(signs, len);
    let msg = signs.own(&vec![number; len], &mut client).unwrap();
    let layout = signs.layout().unwrap();
    let stride = len / 64;
    let words = |bytes: &[u8]| -> Vec<u64> {
        let words = bytes.as_chunks::<8>().0.iter();
        words.map(|word| u64::from_le_bytes(*word)).collect()
    };
    let opened = words(&msg);
    let (radix, planes, own) = match signs.shape.leaves {
        Leaves::Transfer { .. } => {
            let (shape, _) = layout.groups()[0];
            let masks = server.take_tables(Kind::Random, shape, stride).unwrap();
            let first = masks.chunks_exact(shape.table_bits() as usize);
            let first: Vec<u64> = first.map(|table| table[0]).collect();
            (
                1usize << shape.choice_bits,
                shape.choice_bits as usize,
                first,
            )
        }
        Leaves::PrivateAnd | Leaves::SharedAnd => {
            let (a, _) = server.take_private(Kind::Random, stride).unwrap();
            (2, 1, a)
        }
    };
    let mut counts = vec![[0; 2]; radix];
    for (word, own) in own.iter().enumerate() {
        for lane in 0..64 {
            let wish = (0..planes).fold(0, |wish, i| {
                wish | (opened[word * planes + i] >> lane & 1) << i
            });
            let own = usize::from(own >> lane & 1 == 1);
            counts[usize::try_from(wish).unwrap()][own] += 1;
        }
    }
    counts
}

/// What the server sees, together with what it holds, is as likely for one number as for any other.
#[test]
fn the_servers_view_does_not_depend_on_the_number() {
    const LEN: usize = 1 << 14;
    for shape in shapes() {
        let signs = signs(shape);
        for number in [0, 0b1_0110_1101, (1 << (BITS - 1)) - 1] {
            let counts = view(&signs, number, LEN);
            let expected = LEN as f64 / (2 * counts.len()) as f64;
            for count in counts.iter().flatten() {
                // Seven standard deviations.
                let off = (f64::from(*count) - expected).abs();
                assert!(off < 7.0 * expected.sqrt(), "{shape:?} {number} {counts:?}");
            }
        }
    }
}

/// Afterwards the server's masks and the client's are those of its digits, and products those of its bits.
#[test]
fn what_is_fixed_fits_together() {
    let mut prg = Prg::random();
    for shape in shapes() {
        let signs = signs(shape);
        let x: Vec<u64> = (0..64).map(|_| prg.next_u64()).collect();
        let (mut client, mut server) = dealt(&signs, 64);
        let msg = signs.own(&x, &mut client).unwrap();
        signs.theirs(64, &msg, &mut server).unwrap();
        let planes = to_planes(&x, BITS as usize - 1);
        let layout = signs.layout().unwrap();
        if shape.leaves == Leaves::PrivateAnd {
            let (b, d) = client.take_private(Kind::Fixed, planes.len()).unwrap();
            let (a, c) = server.take_private(Kind::Fixed, planes.len()).unwrap();
            assert_eq!(b, planes);
            for (i, b) in b.iter().enumerate() {
                assert_eq!(c[i] ^ d[i], a[i] & b);
            }
            continue;
        }
        let mut at = 0;
        for (shape, count) in layout.groups() {
            let count = usize::try_from(count).unwrap();
            for leaf in &layout.leaves[at..at + count] {
                let own = client.take_tables(Kind::Fixed, shape, 1).unwrap();
                let masks = server.take_tables(Kind::Fixed, shape, 1).unwrap();
                let (digit, mask) = own.split_at(leaf.bits as usize);
                let from = leaf.from as usize;
                assert_eq!(digit, &planes[from..from + digit.len()]);
                let chosen = slots::chosen(shape, digit, &masks);
                assert_eq!(mask, &chosen[..mask.len()]);
            }
            at += count;
        }
    }
}
