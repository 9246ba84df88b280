//! Kernels for x86-64, and the roots in their forms.
#![expect(
    clippy::indexing_slicing,
    reason = "tables of `degree` entries, indexed by positions below it"
)]

mod avx2;
mod ifma;

use super::Kernel;
use crate::lines::{Line, WORDS};
use crate::modulus::Modulus;
use crate::table::Root;

/// Bits of a factor of the instructions `vpmadd52`.
const DIGIT: u32 = 52;

/// Constants for vectors: in Montgomery form with `R = 2^52`, and as doubles.
pub(crate) struct Wide {
    /// `q^−1` modulo `2^52`.
    inverse_q: u64,
    /// `R` in Montgomery form: the factor that turns residues into Montgomery form.
    enter: Pair,
    /// `1/degree`.
    shrink: Pair,
    /// The last inverse layer's root over `degree`.
    shrink_root: Pair,
    forward: Roots,
    inverse: Roots,
    one_double: Pair,
    shrink_double: Pair,
    shrink_root_double: Pair,
    forward_doubles: Roots,
    inverse_doubles: Roots,
}

/// `w·2^52` modulo q, and that over q modulo `2^52`; or the bits of two doubles: `w` of least absolute value, and that over q.
#[derive(Clone, Copy)]
struct Pair {
    value: u64,
    quotient: u64,
}

/// The roots of one direction.
struct Roots {
    /// By the index `i` that the portable transform uses, below a sixteenth of the degree: the root at `i`, the two at `2i`, and the
    /// four at `4i`, which serve three layers.
    scalars: Vec<[Pair; 7]>,
    /// For every 64 coefficients the roots of their last three layers by lane: one vector, two, and four; a value and a quotient each.
    lanes: Vec<[[Line; 2]; 7]>,
}

impl Pair {
    fn new(q: Modulus, inverse_q: u64, w: u64) -> Self {
        let value = q.mul(w, q.reduce(1 << DIGIT));
        let quotient = value.wrapping_mul(inverse_q) & ((1 << DIGIT) - 1);
        Self { value, quotient }
    }

    fn doubles(q: Modulus, w: u64) -> Self {
        let own = if 2 * w > q.value() {
            -double(q.value() - w)
        } else {
            double(w)
        };
        Self {
            value: own.to_bits(),
            quotient: (own / double(q.value())).to_bits(),
        }
    }
}

/// An integer of up to 52 bits.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
const fn double(x: u64) -> f64 {
    x as f64
}

impl Wide {
    pub(crate) fn new(q: Modulus, forward: &[Root], inverse: &[Root]) -> Self {
        let inverse_q = invert_digit(q.value());
        let pair = |w| Pair::new(q, inverse_q, w);
        let doubles = |w| Pair::doubles(q, w);
        let pairs = |roots: &[Root], form: &dyn Fn(u64) -> Pair| -> Vec<Pair> {
            roots.iter().map(|root| form(root.value)).collect()
        };
        let shrink = q.invert(forward.len() as u64);
        let last = inverse.get(1).map_or(1, |root| root.value);
        Self {
            inverse_q,
            enter: pair(q.reduce(1 << DIGIT)),
            shrink: pair(shrink),
            shrink_root: pair(q.mul(shrink, last)),
            forward: Roots::new(&pairs(forward, &pair)),
            inverse: Roots::new(&pairs(inverse, &pair)),
            one_double: doubles(1),
            shrink_double: doubles(shrink),
            shrink_root_double: doubles(q.mul(shrink, last)),
            forward_doubles: Roots::new(&pairs(forward, &doubles)),
            inverse_doubles: Roots::new(&pairs(inverse, &doubles)),
        }
    }
}

impl Roots {
    fn new(all: &[Pair]) -> Self {
        let (degree, mut lanes) = (all.len(), Vec::new());
        for square in 0..degree / (WORDS * WORDS) {
            let mut vectors = [[Line::ZERO; 2]; 7];
            let mut next = vectors.iter_mut();
            for width in [1, 2, 4] {
                let first = width * (degree + WORDS * WORDS * square) / WORDS;
                for (within, vector) in (0..width).zip(&mut next) {
                    for lane in 0..WORDS {
                        let pair = all[first + width * lane + within];
                        vector[0].0[lane] = pair.value;
                        vector[1].0[lane] = pair.quotient;
                    }
                }
            }
            lanes.push(vectors);
        }
        let scalars = (0..degree / 16).map(|i| {
            let at = |factor: usize, within: usize| all[factor * i + within];
            [
                at(1, 0),
                at(2, 0),
                at(2, 1),
                at(4, 0),
                at(4, 1),
                at(4, 2),
                at(4, 3),
            ]
        });
        Self {
            scalars: scalars.collect(),
            lanes,
        }
    }
}

/// `1/q` modulo `2^52`, by Newton's iteration.
fn invert_digit(q: u64) -> u64 {
    let mut x = q;
    for _ in 0..5 {
        x = x.wrapping_mul(2u64.wrapping_sub(q.wrapping_mul(x)));
    }
    x & ((1 << DIGIT) - 1)
}

/// What this machine can run beside `portable`, the fastest last.
pub(super) fn kernels() -> impl Iterator<Item = Kernel> {
    [avx2::kernel(), ifma::kernel()].into_iter().flatten()
}
