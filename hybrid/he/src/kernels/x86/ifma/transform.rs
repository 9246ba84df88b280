//! Transforms: passes of three layers over strided vectors, then six layers within 64 values.
#![expect(
    clippy::indexing_slicing,
    reason = "eight parts of one length, and roots by the transform's own counts"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_set1_epi64, _mm512_shuffle_i64x2, _mm512_sub_epi64,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::super::{Pair, Wide};
use super::{Factor, Fold, Prime, load, once, store};
use crate::lines::{Line, WORDS};
use crate::table::Table;

/// Lines of a square of 64 values.
const SQUARE: usize = WORDS;

/// Where values begin in a lazy forward transform, in multiples of q: a layer takes off less than two.
const LIFT: u64 = 32;

/// Eight vectors: the values that three layers combine.
type Eight = [__m512i; 8];

/// The roots of three layers: one, two and four.
type Roots = [Factor; 7];

/// Coefficients to evaluations.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn forward<const LAZY: bool>(table: &Table, lines: &mut [Line]) {
    let (prime, roots) = (Prime::new(table), &table.wide.forward);
    let squares = lines.len() / SQUARE;
    let mut blocks = 1;
    if LAZY {
        let lift = _mm512_set1_epi64((LIFT * table.modulus.value()).cast_signed());
        for line in lines.iter_mut() {
            store(line, _mm512_add_epi64(load(line), lift));
        }
    }
    while blocks < squares {
        let layers = step(squares / blocks);
        let size = lines.len() / blocks;
        for (block, part) in lines.chunks_exact_mut(size).enumerate() {
            if layers == 3 {
                let roots = scalars(&roots.scalars[blocks + block]);
                forward_strided::<LAZY>(prime, &roots, part);
            } else {
                let root = Factor::broadcast(roots.scalars[blocks + block][0]);
                forward_layer::<LAZY>(prime, root, part);
            }
        }
        blocks <<= layers;
    }
    let fold = Fold::new(table);
    let parts = lines.as_chunks_mut::<SQUARE>().0.iter_mut();
    for (place, (part, lanes)) in parts.zip(&roots.lanes).enumerate() {
        let roots = scalars(&roots.scalars[squares + place]);
        let values = forward_eight::<LAZY>(prime, &roots, load_square(part));
        let values = forward_eight::<LAZY>(prime, &by_lane(lanes), transpose(values));
        for (line, value) in part.iter_mut().zip(values) {
            let below = if LAZY {
                fold.fold(value)
            } else {
                once(value, prime.q2)
            };
            store(line, once(below, prime.q));
        }
    }
}

/// Evaluations to coefficients.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn inverse<const LAZY: bool>(table: &Table, lines: &mut [Line]) {
    let (prime, roots) = (Prime::new(table), &table.wide.inverse);
    let squares = lines.len() / SQUARE;
    let parts = lines.as_chunks_mut::<SQUARE>().0.iter_mut();
    for (place, (part, lanes)) in parts.zip(&roots.lanes).enumerate() {
        let lanes = by_lane(lanes);
        let bounds = [bound::<LAZY>(table, 0), bound::<LAZY>(table, 3)];
        let values = inverse_eight::<LAZY>(prime, &lanes, bounds[0], load_square(part), None);
        let roots = scalars(&roots.scalars[squares + place]);
        let values = inverse_eight::<LAZY>(prime, &roots, bounds[1], transpose(values), None);
        for (line, value) in part.iter_mut().zip(values) {
            store(line, value);
        }
    }
    let (mut blocks, mut done) = (squares, 6);
    while blocks > 1 {
        let layers = if blocks >= 8 { 3 } else { 1 };
        blocks >>= layers;
        let size = lines.len() / blocks;
        let bound = bound::<LAZY>(table, done);
        for (block, part) in lines.chunks_exact_mut(size).enumerate() {
            match (layers, blocks) {
                (3, 1) => inverse_strided::<LAZY, true>(prime, (table, 0), bound, part),
                (3, _) => {
                    inverse_strided::<LAZY, false>(prime, (table, blocks + block), bound, part);
                }
                (_, 1) => inverse_last(prime, &table.wide, bound, part),
                _ => {
                    let root = Factor::broadcast(roots.scalars[blocks + block][0]);
                    inverse_layer::<LAZY>(prime, root, bound, part);
                }
            }
        }
        done += layers;
    }
}

/// How many layers to take at once: three, unless their number leaves a rest.
const fn step(remaining: usize) -> u32 {
    if remaining.trailing_zeros().is_multiple_of(3) {
        3
    } else {
        1
    }
}

/// A multiple of q that values before layer `done` of the inverse do not exceed.
#[inline]
#[target_feature(enable = "avx512f")]
fn bound<const LAZY: bool>(table: &Table, done: u32) -> __m512i {
    let shift = if LAZY { done } else { 1 };
    _mm512_set1_epi64((table.modulus.value() << shift).cast_signed())
}

/// The same root in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn scalars(pairs: &[Pair; 7]) -> Roots {
    [
        Factor::broadcast(pairs[0]),
        Factor::broadcast(pairs[1]),
        Factor::broadcast(pairs[2]),
        Factor::broadcast(pairs[3]),
        Factor::broadcast(pairs[4]),
        Factor::broadcast(pairs[5]),
        Factor::broadcast(pairs[6]),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn by_lane(lanes: &[[Line; 2]; 7]) -> Roots {
    [
        Factor::lanes(&lanes[0]),
        Factor::lanes(&lanes[1]),
        Factor::lanes(&lanes[2]),
        Factor::lanes(&lanes[3]),
        Factor::lanes(&lanes[4]),
        Factor::lanes(&lanes[5]),
        Factor::lanes(&lanes[6]),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_square(part: &[Line; SQUARE]) -> Eight {
    [
        load(&part[0]),
        load(&part[1]),
        load(&part[2]),
        load(&part[3]),
        load(&part[4]),
        load(&part[5]),
        load(&part[6]),
        load(&part[7]),
    ]
}

/// `(x + y·w, x − y·w)`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn forward_pair<const LAZY: bool>(prime: Prime, w: Factor, x: &mut __m512i, y: &mut __m512i) {
    let product = prime.times(*y, w);
    if LAZY {
        *y = _mm512_sub_epi64(*x, product);
        *x = _mm512_add_epi64(*x, product);
    } else {
        let less = once(*x, prime.q2);
        *x = _mm512_add_epi64(less, product);
        *y = _mm512_sub_epi64(_mm512_add_epi64(less, prime.q2), product);
    }
}

/// `(x + y, (x − y)·w)`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn inverse_pair<const LAZY: bool>(
    prime: Prime,
    w: Factor,
    bound: __m512i,
    x: &mut __m512i,
    y: &mut __m512i,
) {
    let difference = _mm512_sub_epi64(_mm512_add_epi64(*x, bound), *y);
    let sum = _mm512_add_epi64(*x, *y);
    *x = if LAZY { sum } else { once(sum, prime.q2) };
    *y = prime.times(difference, w);
}

/// The same with both over the degree, below q.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn last_pair(
    prime: Prime,
    (shrink, root): (Factor, Factor),
    bound: __m512i,
    x: &mut __m512i,
    y: &mut __m512i,
) {
    let difference = _mm512_sub_epi64(_mm512_add_epi64(*x, bound), *y);
    let sum = _mm512_add_epi64(*x, *y);
    *x = once(prime.times(sum, shrink), prime.q);
    *y = once(prime.times(difference, root), prime.q);
}

/// Three layers forward: pairs of distance four, two, one.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn forward_eight<const LAZY: bool>(prime: Prime, roots: &Roots, values: Eight) -> Eight {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = values;
    let [far, middle, next, near, second, third, fourth] = *roots;
    forward_pair::<LAZY>(prime, far, &mut a, &mut e);
    forward_pair::<LAZY>(prime, far, &mut b, &mut f);
    forward_pair::<LAZY>(prime, far, &mut c, &mut g);
    forward_pair::<LAZY>(prime, far, &mut d, &mut h);
    forward_pair::<LAZY>(prime, middle, &mut a, &mut c);
    forward_pair::<LAZY>(prime, middle, &mut b, &mut d);
    forward_pair::<LAZY>(prime, next, &mut e, &mut g);
    forward_pair::<LAZY>(prime, next, &mut f, &mut h);
    forward_pair::<LAZY>(prime, near, &mut a, &mut b);
    forward_pair::<LAZY>(prime, second, &mut c, &mut d);
    forward_pair::<LAZY>(prime, third, &mut e, &mut f);
    forward_pair::<LAZY>(prime, fourth, &mut g, &mut h);
    [a, b, c, d, e, f, g, h]
}

/// Three layers back: pairs of distance one, two, four; the last layer divides by the degree if there is something to divide with.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn inverse_eight<const LAZY: bool>(
    prime: Prime,
    roots: &Roots,
    bound: __m512i,
    values: Eight,
    last: Option<(Factor, Factor)>,
) -> Eight {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = values;
    let [far, middle, next, near, second, third, fourth] = *roots;
    inverse_pair::<LAZY>(prime, near, bound, &mut a, &mut b);
    inverse_pair::<LAZY>(prime, second, bound, &mut c, &mut d);
    inverse_pair::<LAZY>(prime, third, bound, &mut e, &mut f);
    inverse_pair::<LAZY>(prime, fourth, bound, &mut g, &mut h);
    let bound = double::<LAZY>(bound);
    inverse_pair::<LAZY>(prime, middle, bound, &mut a, &mut c);
    inverse_pair::<LAZY>(prime, middle, bound, &mut b, &mut d);
    inverse_pair::<LAZY>(prime, next, bound, &mut e, &mut g);
    inverse_pair::<LAZY>(prime, next, bound, &mut f, &mut h);
    let bound = double::<LAZY>(bound);
    if let Some(factors) = last {
        last_pair(prime, factors, bound, &mut a, &mut e);
        last_pair(prime, factors, bound, &mut b, &mut f);
        last_pair(prime, factors, bound, &mut c, &mut g);
        last_pair(prime, factors, bound, &mut d, &mut h);
    } else {
        inverse_pair::<LAZY>(prime, far, bound, &mut a, &mut e);
        inverse_pair::<LAZY>(prime, far, bound, &mut b, &mut f);
        inverse_pair::<LAZY>(prime, far, bound, &mut c, &mut g);
        inverse_pair::<LAZY>(prime, far, bound, &mut d, &mut h);
    }
    [a, b, c, d, e, f, g, h]
}

/// The next layer's bound.
#[inline]
#[target_feature(enable = "avx512f")]
fn double<const LAZY: bool>(bound: __m512i) -> __m512i {
    if LAZY {
        _mm512_add_epi64(bound, bound)
    } else {
        bound
    }
}

/// Three layers over eight parts.
#[target_feature(enable = "avx512f,avx512ifma")]
fn forward_strided<const LAZY: bool>(prime: Prime, roots: &Roots, part: &mut [Line]) {
    let stride = part.len() / 8;
    let mut parts = Parts::new(part);
    for place in 0..stride {
        let values = parts.load(place);
        parts.store(place, forward_eight::<LAZY>(prime, roots, values));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn inverse_strided<const LAZY: bool, const LAST: bool>(
    prime: Prime,
    (table, block): (&Table, usize),
    bound: __m512i,
    part: &mut [Line],
) {
    let wide = &table.wide;
    let roots = scalars(&wide.inverse.scalars[if LAST { 1 } else { block }]);
    let last = (
        Factor::broadcast(wide.shrink),
        Factor::broadcast(wide.shrink_root),
    );
    let stride = part.len() / 8;
    let mut parts = Parts::new(part);
    for place in 0..stride {
        let values = parts.load(place);
        let last = LAST.then_some(last);
        let values = inverse_eight::<LAZY>(prime, &roots, bound, values, last);
        parts.store(place, values);
    }
}

/// One layer over two parts.
#[target_feature(enable = "avx512f,avx512ifma")]
fn forward_layer<const LAZY: bool>(prime: Prime, root: Factor, part: &mut [Line]) {
    let (low, high) = part.split_at_mut(part.len() / 2);
    for (low, high) in low.iter_mut().zip(high) {
        let (mut x, mut y) = (load(low), load(high));
        forward_pair::<LAZY>(prime, root, &mut x, &mut y);
        store(low, x);
        store(high, y);
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn inverse_layer<const LAZY: bool>(prime: Prime, root: Factor, bound: __m512i, part: &mut [Line]) {
    let (low, high) = part.split_at_mut(part.len() / 2);
    for (low, high) in low.iter_mut().zip(high) {
        let (mut x, mut y) = (load(low), load(high));
        inverse_pair::<LAZY>(prime, root, bound, &mut x, &mut y);
        store(low, x);
        store(high, y);
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn inverse_last(prime: Prime, wide: &Wide, bound: __m512i, part: &mut [Line]) {
    let factors = (
        Factor::broadcast(wide.shrink),
        Factor::broadcast(wide.shrink_root),
    );
    let (low, high) = part.split_at_mut(part.len() / 2);
    for (low, high) in low.iter_mut().zip(high) {
        let (mut x, mut y) = (load(low), load(high));
        last_pair(prime, factors, bound, &mut x, &mut y);
        store(low, x);
        store(high, y);
    }
}

/// Eight parts of one length.
struct Parts<'a>([&'a mut [Line]; 8]);

impl<'a> Parts<'a> {
    #[inline]
    fn new(part: &'a mut [Line]) -> Self {
        let stride = part.len() / 8;
        let mut rest = part;
        Self(std::array::from_fn(|_| {
            let (first, after) = std::mem::take(&mut rest).split_at_mut(stride);
            rest = after;
            first
        }))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(&self, place: usize) -> Eight {
        let [a, b, c, d, e, f, g, h] = &self.0;
        [
            load(&a[place]),
            load(&b[place]),
            load(&c[place]),
            load(&d[place]),
            load(&e[place]),
            load(&f[place]),
            load(&g[place]),
            load(&h[place]),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(&mut self, place: usize, values: Eight) {
        for (part, value) in self.0.iter_mut().zip(values) {
            store(&mut part[place], value);
        }
    }
}

/// Rows to columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: Eight) -> Eight {
    let [a, b, c, d, e, f, g, h] = rows;
    let even = columns([
        _mm512_unpacklo_epi64(a, b),
        _mm512_unpacklo_epi64(c, d),
        _mm512_unpacklo_epi64(e, f),
        _mm512_unpacklo_epi64(g, h),
    ]);
    let odd = columns([
        _mm512_unpackhi_epi64(a, b),
        _mm512_unpackhi_epi64(c, d),
        _mm512_unpackhi_epi64(e, f),
        _mm512_unpackhi_epi64(g, h),
    ]);
    [
        even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3],
    ]
}

/// The same for four rows of four pairs.
#[inline]
#[target_feature(enable = "avx512f")]
fn columns([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xdd;
    let (e, f) = (
        _mm512_shuffle_i64x2::<EVEN>(a, b),
        _mm512_shuffle_i64x2::<EVEN>(c, d),
    );
    let (g, h) = (
        _mm512_shuffle_i64x2::<ODD>(a, b),
        _mm512_shuffle_i64x2::<ODD>(c, d),
    );
    [
        _mm512_shuffle_i64x2::<EVEN>(e, f),
        _mm512_shuffle_i64x2::<EVEN>(g, h),
        _mm512_shuffle_i64x2::<ODD>(e, f),
        _mm512_shuffle_i64x2::<ODD>(g, h),
    ]
}
