//! Leaves of comparisons: by 1-of-2^m transfers, or by products of private bits.

use privet_plan::compare::{Layout, Leaf};
use privet_plan::cost::gmw::TableShape;
use privet_prim::Prg;
use privet_ring::{Party, to_planes};
use zeroize::{Zeroize, Zeroizing};

use super::{Node, private_planes};
use crate::error::Error;
use crate::flights::Flights;
use crate::material::Material;
use crate::wire::{field_bytes, fields, put_fields, put_words, split};

const WISHES: &str = "gmw/wishes";
const TABLES: &str = "gmw/tables";
const BITS: &str = "gmw/private bits";

/// Leaves by transfers: the client chooses with its digit among the server's masked answers.
pub(super) struct TransferLeaves<P: Party> {
    runs: Vec<Run>,
    len: usize,
    /// For each leaf, both bits of each element, 32 leaves to a number: the shares.
    shares: Vec<Vec<u64>>,
    stage: u8,
    party: std::marker::PhantomData<P>,
}

/// Leaves with tables of one shape, one after the other.
struct Run {
    shape: TableShape,
    leaves: Vec<Leaf>,
    first: usize,
    /// The server's masks, then tables; the client's masks.
    masks: Vec<u64>,
    /// The client's random choices, then its digits; the server's digits.
    digits: Vec<u64>,
    /// The client's wishes: digit ⊕ choice.
    wishes: Vec<u64>,
}

/// Leaves whose bits share one number.
const PACKED: usize = 32;

fn digits(leaf: &Leaf, numbers: &[u64], out: &mut Vec<u64>) {
    let mask = u64::MAX >> (64 - leaf.bits);
    out.extend(numbers.iter().map(|v| v >> leaf.from & mask));
}

impl<P: Party> TransferLeaves<P> {
    pub(super) fn new(
        layout: &Layout,
        mine: &[u64],
        material: &mut Material<P>,
        prg: &mut Prg,
    ) -> Result<Self, Error> {
        let mut runs = Vec::new();
        let mut first = 0;
        for (shape, count) in layout.groups() {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let leaves = layout.leaves.iter().skip(first).take(count);
            let leaves: Vec<Leaf> = leaves.copied().collect();
            let fields = mine.len() * count;
            let mut own = Vec::with_capacity(fields);
            leaves.iter().for_each(|leaf| digits(leaf, mine, &mut own));
            let (masks, wishes) = if P::ADDS_PUBLIC {
                (material.take_tables(shape, fields)?, Vec::new())
            } else {
                let random = material.take_choices(shape, fields)?;
                let mut wishes = random.choice;
                wishes.iter_mut().zip(&own).for_each(|(w, d)| *w ^= d);
                (random.mask, wishes)
            };
            runs.push(Run {
                shape,
                leaves,
                first,
                masks,
                digits: own,
                wishes,
            });
            first += count;
        }
        let packed = layout.leaves.len().div_ceil(PACKED);
        // The server's shares are random; the client's come with the answers.
        let shares = (0..packed).map(|_| {
            let draw = |_| if P::ADDS_PUBLIC { prg.next_u64() } else { 0 };
            (0..mine.len()).map(draw).collect()
        });
        let shares = shares.collect();
        Ok(Self {
            runs,
            len: mine.len(),
            shares,
            stage: 0,
            party: std::marker::PhantomData,
        })
    }

    /// Nodes of all leaves.
    pub(super) fn finish(mut self) -> Vec<Node> {
        let stride = self.len.div_ceil(64);
        let runs = std::mem::take(&mut self.runs);
        let leaves: Vec<Leaf> = runs.iter().flat_map(|run| run.leaves.clone()).collect();
        let mut nodes = Vec::with_capacity(leaves.len());
        for (leaves, shares) in leaves.chunks(PACKED).zip(&self.shares) {
            let planes = Zeroizing::new(to_planes(shares, 2 * leaves.len()));
            let mut planes = planes.chunks(stride.max(1)).map(<[u64]>::to_vec);
            for leaf in leaves {
                let greater = planes.next().unwrap_or_default();
                let equal = planes.next().unwrap_or_default();
                let equal = if leaf.equal { equal } else { Vec::new() };
                nodes.push(Node { greater, equal });
            }
        }
        nodes
    }

    /// Bytes of the wishes, or of the tables.
    fn bytes(&self, bits: impl Fn(TableShape) -> u32) -> usize {
        let runs = self.runs.iter();
        runs.map(|run| field_bytes(run.digits.len(), bits(run.shape)))
            .sum()
    }
}

impl<P: Party> Flights for TransferLeaves<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        let expected = match (self.stage, P::ADDS_PUBLIC) {
            (0, true) => self.bytes(|shape| shape.choice_bits),
            (1, false) => self.bytes(TableShape::table_bits),
            _ => 0,
        };
        for run in &self.runs {
            match (self.stage, P::ADDS_PUBLIC) {
                (0, false) => put_fields(run.shape.choice_bits, &run.wishes, out),
                (1, true) => put_fields(run.shape.table_bits(), &run.masks, out),
                _ => {}
            }
        }
        Ok(expected)
    }

    fn receive(&mut self, mut msg: &[u8]) -> Result<(), Error> {
        for run in &mut self.runs {
            let (shape, n) = (run.shape, run.digits.len());
            match (self.stage, P::ADDS_PUBLIC) {
                (0, true) => {
                    let bits = shape.choice_bits;
                    let bytes = split(WISHES, field_bytes(n, bits), &mut msg)?;
                    let wishes = fields(WISHES, bits, n, bytes)?;
                    run.answer(&wishes, &self.shares, self.len);
                }
                (1, false) => {
                    let bits = shape.table_bits();
                    let bytes = split(TABLES, field_bytes(n, bits), &mut msg)?;
                    let tables = fields(TABLES, bits, n, bytes)?;
                    run.open(&tables, &mut self.shares, self.len);
                }
                _ => {}
            }
        }
        self.stage += 1;
        Ok(())
    }

    fn done(&self) -> bool {
        self.stage == 2
    }
}

impl<P: Party> Drop for TransferLeaves<P> {
    fn drop(&mut self) {
        self.shares.zeroize();
        for run in &mut self.runs {
            run.masks.zeroize();
            run.digits.zeroize();
            run.wishes.zeroize();
        }
    }
}

/// Calls `$self.$name::<K, W>` for the shape at hand.
macro_rules! by_shape {
    ($self:ident . $name:ident ( $($arg:expr),* )) => {
        match ($self.shape.choice_bits, $self.shape.message_bits) {
            (1, 1) => $self.$name::<1, 1>($($arg),*),
            (2, 1) => $self.$name::<2, 1>($($arg),*),
            (3, 1) => $self.$name::<3, 1>($($arg),*),
            (4, 1) => $self.$name::<4, 1>($($arg),*),
            (5, 1) => $self.$name::<5, 1>($($arg),*),
            (1, _) => $self.$name::<1, 2>($($arg),*),
            (2, _) => $self.$name::<2, 2>($($arg),*),
            (3, _) => $self.$name::<3, 2>($($arg),*),
            (4, _) => $self.$name::<4, 2>($($arg),*),
            _ => $self.$name::<5, 2>($($arg),*),
        }
    };
}

impl Run {
    /// The server: tables of masked answers in the place of the masks.
    fn answer(&mut self, wishes: &[u64], shares: &[Vec<u64>], len: usize) {
        by_shape!(self.answer_with(wishes, shares, len));
    }

    fn answer_with<const K: u32, const W: u32>(
        &mut self,
        wishes: &[u64],
        shares: &[Vec<u64>],
        len: usize,
    ) {
        let len = len.max(1);
        let parts = self.masks.chunks_mut(len).zip(self.digits.chunks(len));
        for (index, ((masks, digits), wishes)) in parts.zip(wishes.chunks(len)).enumerate() {
            let (shares, shift) = place(shares, self.first + index);
            let elements = masks.iter_mut().zip(digits).zip(wishes).zip(shares);
            for (((mask, digit), wish), share) in elements {
                let answers = answers::<K, W>(*digit) ^ repeat::<K, W>(share >> shift);
                *mask = permute::<K, W>(*mask, *wish) ^ answers;
            }
        }
    }

    /// The client: its slot of each table.
    fn open(&mut self, tables: &[u64], shares: &mut [Vec<u64>], len: usize) {
        by_shape!(self.open_with(tables, shares, len));
    }

    fn open_with<const K: u32, const W: u32>(
        &mut self,
        tables: &[u64],
        shares: &mut [Vec<u64>],
        len: usize,
    ) {
        let len = len.max(1);
        let parts = self.masks.chunks(len).zip(self.digits.chunks(len));
        for (index, ((masks, digits), tables)) in parts.zip(tables.chunks(len)).enumerate() {
            let leaf = self.first + index;
            let shift = 2 * (leaf % PACKED);
            let Some(shares) = shares.get_mut(leaf / PACKED) else {
                return;
            };
            let elements = masks.iter().zip(digits).zip(tables).zip(shares);
            for (((mask, digit), table), share) in elements {
                let slot = table >> (digit * u64::from(W)) & (u64::MAX >> (64 - W));
                *share |= (slot ^ mask) << shift;
            }
        }
    }
}

/// Where a leaf's bits are.
fn place(shares: &[Vec<u64>], leaf: usize) -> (&[u64], usize) {
    let found = shares.get(leaf / PACKED).map(Vec::as_slice);
    (found.unwrap_or_default(), 2 * (leaf % PACKED))
}

/// Ones in every slot of a table.
const fn all<const K: u32, const W: u32>() -> u64 {
    u64::MAX >> (64 - (W << K))
}

/// For digit d in every slot v: bit 0 is `v > d`, bit 1, where there is one, `v = d`.
const fn answers<const K: u32, const W: u32>(digit: u64) -> u64 {
    let step = digit * W as u64;
    // In two steps: together they may be the whole word.
    if W == 2 {
        (0x5555_5555_5555_5555 << step << W | 2 << step) & all::<K, W>()
    } else {
        (u64::MAX << step << W) & all::<K, W>()
    }
}

/// The same message in every slot.
const fn repeat<const K: u32, const W: u32>(message: u64) -> u64 {
    let low = 0u64.wrapping_sub(message & 1);
    let both = if W == 2 {
        let high = 0u64.wrapping_sub(message >> 1 & 1);
        low & 0x5555_5555_5555_5555 | high & 0xaaaa_aaaa_aaaa_aaaa
    } else {
        low
    };
    both & all::<K, W>()
}

/// Moves slot j to slot `j ⊕ flip`: K conditional exchanges.
const fn permute<const K: u32, const W: u32>(mut table: u64, flip: u64) -> u64 {
    let mut i = 0;
    while i < K {
        let distance = W << i;
        // Slots whose bit i is not set: of every two runs of `distance` bits the lower one.
        let low = u64::MAX / ((1u64 << distance) + 1);
        let exchange = (table >> distance ^ table) & low & all::<K, W>();
        let exchange = exchange & 0u64.wrapping_sub(flip >> i & 1);
        table ^= exchange | exchange << distance;
        i += 1;
    }
    table
}

/// Leaves by products of the client's bit and the server's, made from bit products that the server sends.
pub(super) struct ProductLeaves<P: Party> {
    planes: Vec<u64>,
    /// The random operand, and the share of the random product.
    random: Vec<u64>,
    share: Vec<u64>,
    opened: Vec<u64>,
    done: bool,
    party: std::marker::PhantomData<P>,
}

impl<P: Party> ProductLeaves<P> {
    pub(super) fn new(bits: u32, mine: &[u64], material: &mut Material<P>) -> Result<Self, Error> {
        let planes = private_planes::<P>(mine, bits);
        let (random, share) = if P::ADDS_PUBLIC {
            let taken = material.take_oles_sent(planes.len())?;
            (taken.a, taken.c)
        } else {
            let taken = material.take_oles_received(planes.len())?;
            (taken.b, taken.d)
        };
        Ok(Self {
            planes,
            random,
            share,
            opened: Vec::new(),
            done: false,
            party: std::marker::PhantomData,
        })
    }

    /// Products and planes.
    pub(super) fn finish(mut self) -> (Vec<u64>, Vec<u64>) {
        (
            std::mem::take(&mut self.share),
            std::mem::take(&mut self.planes),
        )
    }
}

impl<P: Party> Flights for ProductLeaves<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        let masked = self.planes.iter().zip(&self.random);
        self.opened = masked.map(|(x, a)| x ^ a).collect();
        put_words(&self.opened, out);
        Ok(8 * self.planes.len())
    }

    /// `x·y = a·b ⊕ u·b ⊕ v·y`, with `u = x ⊕ a` and `v = y ⊕ b` opened: the client, who holds b, adds u·b, the server v·x.
    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        let theirs = fields(BITS, 64, self.planes.len(), msg)?;
        let own = if P::ADDS_PUBLIC {
            &self.planes
        } else {
            &self.random
        };
        for ((share, theirs), own) in self.share.iter_mut().zip(&theirs).zip(own) {
            *share ^= theirs & own;
        }
        self.done = true;
        Ok(())
    }

    fn done(&self) -> bool {
        self.done
    }
}

impl<P: Party> Drop for ProductLeaves<P> {
    fn drop(&mut self) {
        self.planes.zeroize();
        self.random.zeroize();
        self.share.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const K: u32, const W: u32>() {
        for digit in 0..1u64 << K {
            for flip in 0..1u64 << K {
                let table = permute::<K, W>(answers::<K, W>(digit), flip);
                for slot in 0..1u64 << K {
                    let got = table >> (slot * u64::from(W)) & (u64::MAX >> (64 - W));
                    let value = slot ^ flip;
                    let expected = u64::from(value > digit) | u64::from(value == digit) << 1;
                    assert_eq!(
                        got,
                        expected & (u64::MAX >> (64 - W)),
                        "{K} {W} {digit} {flip}"
                    );
                }
            }
        }
        for message in 0..1u64 << W {
            let table = repeat::<K, W>(message);
            for slot in 0..1u64 << K {
                assert_eq!(
                    table >> (slot * u64::from(W)) & (u64::MAX >> (64 - W)),
                    message
                );
            }
        }
    }

    #[test]
    fn tables_hold_answers_under_any_flip() {
        check::<1, 1>();
        check::<1, 2>();
        check::<2, 1>();
        check::<2, 2>();
        check::<3, 1>();
        check::<3, 2>();
        check::<4, 1>();
        check::<4, 2>();
        check::<5, 1>();
        check::<5, 2>();
    }
}
