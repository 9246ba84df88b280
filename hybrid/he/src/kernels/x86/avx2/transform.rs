//! Transforms: passes of three layers over strided vectors, then six layers within 64 values. Between passes words hold doubles.
#![expect(
    clippy::indexing_slicing,
    reason = "eight parts of one length, and roots by the transform's own counts"
)]

use std::arch::x86_64::{
    __m256d, _mm256_add_pd, _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_permute2f128_pd,
    _mm256_sub_pd, _mm256_unpackhi_pd, _mm256_unpacklo_pd,
};

use super::super::{Pair, Wide};
use super::{Factor, Prime, from_integer, load, store};
use crate::lines::{Line, WORDS};
use crate::table::Table;

/// Lines of a square of 64 values.
const SQUARE: usize = WORDS;

/// Eight vectors: the values that three layers combine.
type Eight = [__m256d; 8];

/// The roots of three layers: one, two and four.
type Roots = [Factor; 7];

/// Coefficients to evaluations.
#[target_feature(enable = "avx2,fma")]
pub(super) fn forward(table: &Table, lines: &mut [Line]) {
    let (prime, roots) = (Prime::new(table), &table.wide.forward_doubles);
    let squares = lines.len() / SQUARE;
    for line in lines.iter_mut() {
        let (low, high) = (load::<0>(line), load::<1>(line));
        store::<0>(line, _mm256_castpd_si256(from_integer(low)));
        store::<1>(line, _mm256_castpd_si256(from_integer(high)));
    }
    let mut blocks = 1;
    while blocks < squares {
        let remaining = (squares / blocks).trailing_zeros();
        let layers = if remaining.is_multiple_of(3) { 3 } else { 1 };
        let size = lines.len() / blocks;
        for (block, part) in lines.chunks_exact_mut(size).enumerate() {
            let pairs = &roots.scalars[blocks + block];
            if layers == 3 {
                forward_strided(prime, pairs, part);
            } else {
                forward_layer(prime, Factor::broadcast(pairs[0]), part);
            }
        }
        blocks <<= layers;
    }
    let parts = lines.as_chunks_mut::<SQUARE>().0.iter_mut();
    for (place, (part, lanes)) in parts.zip(&roots.lanes).enumerate() {
        let scalars = &roots.scalars[squares + place];
        rows::<0>(prime, scalars, part);
        rows::<1>(prime, scalars, part);
        let whole = *part;
        let (first, second) = whole.split_at(SQUARE / 2);
        let values = forward_eight(prime, &by_lane::<0>(lanes), columns(first));
        finish::<0>(prime, part, values);
        let values = forward_eight(prime, &by_lane::<1>(lanes), columns(second));
        finish::<1>(prime, part, values);
    }
}

/// Three layers across the rows of half a square's columns.
#[target_feature(enable = "avx2,fma")]
fn rows<const HALF: usize>(prime: Prime, pairs: &[Pair; 7], part: &mut [Line; SQUARE]) {
    let values = forward_eight(prime, &scalars(pairs), load_square::<HALF>(part));
    store_square::<HALF>(part, values);
}

/// Stores integers.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn finish<const HALF: usize>(prime: Prime, part: &mut [Line; SQUARE], values: Eight) {
    for (line, value) in part.iter_mut().zip(values) {
        store::<HALF>(line, prime.integer(value));
    }
}

/// Evaluations to coefficients.
#[target_feature(enable = "avx2,fma")]
pub(super) fn inverse(table: &Table, lines: &mut [Line]) {
    let (prime, roots) = (Prime::new(table), &table.wide.inverse_doubles);
    let squares = lines.len() / SQUARE;
    let parts = lines.as_chunks_mut::<SQUARE>().0.iter_mut();
    for (place, (part, lanes)) in parts.zip(&roots.lanes).enumerate() {
        enter::<0>(prime, lanes, part);
        enter::<1>(prime, lanes, part);
        let whole = *part;
        let (first, second) = whole.split_at(SQUARE / 2);
        let pairs = scalars(&roots.scalars[squares + place]);
        let values = inverse_eight(prime, &pairs, columns(first), None);
        let other = inverse_eight(prime, &pairs, columns(second), None);
        store_square::<0>(part, values);
        store_square::<1>(part, other);
    }
    let mut blocks = squares;
    while blocks > 1 {
        let layers = if blocks >= 8 { 3 } else { 1 };
        blocks >>= layers;
        let size = lines.len() / blocks;
        for (block, part) in lines.chunks_exact_mut(size).enumerate() {
            let pairs = &roots.scalars[blocks + block];
            match (layers, blocks) {
                (3, 1) => inverse_strided::<true>(prime, &table.wide, pairs, part),
                (3, _) => inverse_strided::<false>(prime, &table.wide, pairs, part),
                (_, 1) => inverse_layer(prime, last_factors(&table.wide), part),
                _ => {
                    let one = Factor::broadcast(table.wide.one_double);
                    inverse_layer(prime, (one, Factor::broadcast(pairs[0])), part);
                }
            }
        }
    }
    for line in lines {
        let (low, high) = (load::<0>(line), load::<1>(line));
        store::<0>(line, prime.integer(_mm256_castsi256_pd(low)));
        store::<1>(line, prime.integer(_mm256_castsi256_pd(high)));
    }
}

/// Three layers within the rows that become lanes.
#[target_feature(enable = "avx2,fma")]
fn enter<const HALF: usize>(prime: Prime, lanes: &[[Line; 2]; 7], part: &mut [Line; SQUARE]) {
    let [a, b, c, d, e, f, g, h] = &*part;
    let value = |line: &Line| prime.centre(from_integer(load::<HALF>(line)));
    let values = [
        value(a),
        value(b),
        value(c),
        value(d),
        value(e),
        value(f),
        value(g),
        value(h),
    ];
    let values = inverse_eight(prime, &by_lane::<HALF>(lanes), values, None);
    store_square::<HALF>(part, values);
}

/// Roots and shrinking of the last layer.
#[inline]
#[target_feature(enable = "avx2")]
fn last_factors(wide: &Wide) -> (Factor, Factor) {
    (
        Factor::broadcast(wide.shrink_double),
        Factor::broadcast(wide.shrink_root_double),
    )
}

/// The same root in every lane.
#[inline]
#[target_feature(enable = "avx2")]
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
#[target_feature(enable = "avx2")]
fn by_lane<const HALF: usize>(lanes: &[[Line; 2]; 7]) -> Roots {
    [
        Factor::lanes::<HALF>(&lanes[0]),
        Factor::lanes::<HALF>(&lanes[1]),
        Factor::lanes::<HALF>(&lanes[2]),
        Factor::lanes::<HALF>(&lanes[3]),
        Factor::lanes::<HALF>(&lanes[4]),
        Factor::lanes::<HALF>(&lanes[5]),
        Factor::lanes::<HALF>(&lanes[6]),
    ]
}

/// Doubles of half the columns.
#[inline]
#[target_feature(enable = "avx2")]
fn load_square<const HALF: usize>(part: &[Line; SQUARE]) -> Eight {
    let [a, b, c, d, e, f, g, h] = part;
    [
        _mm256_castsi256_pd(load::<HALF>(a)),
        _mm256_castsi256_pd(load::<HALF>(b)),
        _mm256_castsi256_pd(load::<HALF>(c)),
        _mm256_castsi256_pd(load::<HALF>(d)),
        _mm256_castsi256_pd(load::<HALF>(e)),
        _mm256_castsi256_pd(load::<HALF>(f)),
        _mm256_castsi256_pd(load::<HALF>(g)),
        _mm256_castsi256_pd(load::<HALF>(h)),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_square<const HALF: usize>(part: &mut [Line; SQUARE], values: Eight) {
    for (line, value) in part.iter_mut().zip(values) {
        store::<HALF>(line, _mm256_castpd_si256(value));
    }
}

/// Four rows of eight to eight columns of four.
#[inline]
#[target_feature(enable = "avx2")]
fn columns(rows: &[Line]) -> Eight {
    let low = |row: usize| _mm256_castsi256_pd(load::<0>(&rows[row]));
    let high = |row: usize| _mm256_castsi256_pd(load::<1>(&rows[row]));
    let [a, b, c, d] = transpose(low(0), low(1), low(2), low(3));
    let [e, f, g, h] = transpose(high(0), high(1), high(2), high(3));
    [a, b, c, d, e, f, g, h]
}

#[inline]
#[target_feature(enable = "avx2")]
fn transpose(a: __m256d, b: __m256d, c: __m256d, d: __m256d) -> [__m256d; 4] {
    let (e, f) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
    let (g, h) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
    [
        _mm256_permute2f128_pd::<0x20>(e, g),
        _mm256_permute2f128_pd::<0x20>(f, h),
        _mm256_permute2f128_pd::<0x31>(e, g),
        _mm256_permute2f128_pd::<0x31>(f, h),
    ]
}

/// `(x + y·w, x − y·w)`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn forward_pair(prime: Prime, w: Factor, x: &mut __m256d, y: &mut __m256d) {
    let product = prime.times(*y, w);
    *y = _mm256_sub_pd(*x, product);
    *x = _mm256_add_pd(*x, product);
}

/// `(x + y, (x − y)·w)`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn inverse_pair(prime: Prime, w: Factor, x: &mut __m256d, y: &mut __m256d) {
    let difference = _mm256_sub_pd(*x, *y);
    *x = _mm256_add_pd(*x, *y);
    *y = prime.times(difference, w);
}

/// Three layers forward; at most `q` in absolute value before, `q/2` after.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn forward_eight(prime: Prime, roots: &Roots, values: Eight) -> Eight {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = values;
    let [far, middle, next, near, second, third, fourth] = *roots;
    forward_pair(prime, far, &mut a, &mut e);
    forward_pair(prime, far, &mut b, &mut f);
    forward_pair(prime, far, &mut c, &mut g);
    forward_pair(prime, far, &mut d, &mut h);
    forward_pair(prime, middle, &mut a, &mut c);
    forward_pair(prime, middle, &mut b, &mut d);
    forward_pair(prime, next, &mut e, &mut g);
    forward_pair(prime, next, &mut f, &mut h);
    forward_pair(prime, near, &mut a, &mut b);
    forward_pair(prime, second, &mut c, &mut d);
    forward_pair(prime, third, &mut e, &mut f);
    forward_pair(prime, fourth, &mut g, &mut h);
    centre(prime, [a, b, c, d, e, f, g, h])
}

/// Three layers back; at most `q/2` in absolute value before and after. The last layer shrinks both if there are factors for it.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn inverse_eight(
    prime: Prime,
    roots: &Roots,
    values: Eight,
    last: Option<(Factor, Factor)>,
) -> Eight {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = values;
    let [far, middle, next, near, second, third, fourth] = *roots;
    inverse_pair(prime, near, &mut a, &mut b);
    inverse_pair(prime, second, &mut c, &mut d);
    inverse_pair(prime, third, &mut e, &mut f);
    inverse_pair(prime, fourth, &mut g, &mut h);
    inverse_pair(prime, middle, &mut a, &mut c);
    inverse_pair(prime, middle, &mut b, &mut d);
    inverse_pair(prime, next, &mut e, &mut g);
    inverse_pair(prime, next, &mut f, &mut h);
    let (shrink, far) = last.map_or((None, far), |(shrink, root)| (Some(shrink), root));
    inverse_pair(prime, far, &mut a, &mut e);
    inverse_pair(prime, far, &mut b, &mut f);
    inverse_pair(prime, far, &mut c, &mut g);
    inverse_pair(prime, far, &mut d, &mut h);
    if let Some(shrink) = shrink {
        a = prime.times(a, shrink);
        b = prime.times(b, shrink);
        c = prime.times(c, shrink);
        d = prime.times(d, shrink);
    }
    centre(prime, [a, b, c, d, e, f, g, h])
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn centre(prime: Prime, [a, b, c, d, e, f, g, h]: Eight) -> Eight {
    [
        prime.centre(a),
        prime.centre(b),
        prime.centre(c),
        prime.centre(d),
        prime.centre(e),
        prime.centre(f),
        prime.centre(g),
        prime.centre(h),
    ]
}

/// Three layers over eight parts.
#[target_feature(enable = "avx2,fma")]
fn forward_strided(prime: Prime, pairs: &[Pair; 7], part: &mut [Line]) {
    let (roots, stride) = (scalars(pairs), part.len() / 8);
    for place in 0..stride {
        let values = strided::<0>(part, place, stride);
        put::<0>(part, place, stride, forward_eight(prime, &roots, values));
        let values = strided::<1>(part, place, stride);
        put::<1>(part, place, stride, forward_eight(prime, &roots, values));
    }
}

#[target_feature(enable = "avx2,fma")]
fn inverse_strided<const LAST: bool>(
    prime: Prime,
    wide: &Wide,
    pairs: &[Pair; 7],
    part: &mut [Line],
) {
    let (roots, stride) = (scalars(pairs), part.len() / 8);
    let last = LAST.then_some(last_factors(wide));
    for place in 0..stride {
        let values = strided::<0>(part, place, stride);
        let values = inverse_eight(prime, &roots, values, last);
        put::<0>(part, place, stride, values);
        let values = strided::<1>(part, place, stride);
        let values = inverse_eight(prime, &roots, values, last);
        put::<1>(part, place, stride, values);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn strided<const HALF: usize>(part: &[Line], place: usize, stride: usize) -> Eight {
    let at = |i: usize| _mm256_castsi256_pd(load::<HALF>(&part[place + i * stride]));
    [at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn put<const HALF: usize>(part: &mut [Line], place: usize, stride: usize, values: Eight) {
    for (i, value) in values.into_iter().enumerate() {
        store::<HALF>(&mut part[place + i * stride], _mm256_castpd_si256(value));
    }
}

/// One layer over two parts; at most `q` in absolute value before, `q/2` after.
#[target_feature(enable = "avx2,fma")]
fn forward_layer(prime: Prime, root: Factor, part: &mut [Line]) {
    let (low, high) = part.split_at_mut(part.len() / 2);
    for (low, high) in low.iter_mut().zip(high) {
        let mut one = |x: &mut __m256d, y: &mut __m256d| {
            forward_pair(prime, root, x, y);
            (*x, *y) = (prime.centre(*x), prime.centre(*y));
        };
        both::<0>(low, high, &mut one);
        both::<1>(low, high, &mut one);
    }
}

/// One layer back over two parts, with a factor for sums and one for differences.
#[target_feature(enable = "avx2,fma")]
fn inverse_layer(prime: Prime, (sums, root): (Factor, Factor), part: &mut [Line]) {
    let (low, high) = part.split_at_mut(part.len() / 2);
    for (low, high) in low.iter_mut().zip(high) {
        let mut one = |x: &mut __m256d, y: &mut __m256d| {
            inverse_pair(prime, root, x, y);
            (*x, *y) = (prime.centre(prime.times(*x, sums)), prime.centre(*y));
        };
        both::<0>(low, high, &mut one);
        both::<1>(low, high, &mut one);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn both<const HALF: usize>(
    low: &mut Line,
    high: &mut Line,
    one: &mut impl FnMut(&mut __m256d, &mut __m256d),
) {
    let mut x = _mm256_castsi256_pd(load::<HALF>(low));
    let mut y = _mm256_castsi256_pd(load::<HALF>(high));
    one(&mut x, &mut y);
    store::<HALF>(low, _mm256_castpd_si256(x));
    store::<HALF>(high, _mm256_castpd_si256(y));
}
