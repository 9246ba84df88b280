//! The public factor that takes a sample to its coordinates in a subspace, the last step of preprocessing.
//!
//! Normative: with the factor's integers `g[i][j]` and the scaled input `x[0], x[1], …` (f32), coordinate j is
//! `y[j] = f32(2^-14 · (((0 + g[0][j]·x[0]) + g[1][j]·x[1]) + …))`: products and sums in f64, in the order of the
//! input's values, never fused. A product of 16 and 24 bits is exact in f64 and so is the power of two, so each sum
//! is rounded once per term to nearest, ties to even, and the result once to f32: the same bits on every machine.
//! Then `y` is quantised as any input is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{MAX_PIXELS, PreprocessError};
use crate::bounded;

/// Fraction bits of the factor's integers.
pub const FACTOR_FRAC_BITS: u32 = 14;
/// Most integers of a factor: it is sent to every client.
pub const MAX_FACTOR: usize = 1 << 22;

/// A factor `[features, rank]`, row by row.
///
/// It is public. Only a factor that is determined by the column space alone says nothing but the column space
/// (`privet_passes::project` makes such ones).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Projection {
    input: Vec<usize>,
    rank: usize,
    factor: Arc<[i16]>,
}

/// How a projection stands in a file.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::RANK }>")]
    input: Vec<usize>,
    rank: usize,
    /// Little-endian.
    factor: Vec<u8>,
}

impl From<Projection> for Stored {
    fn from(p: Projection) -> Self {
        Self {
            input: p.input,
            rank: p.rank,
            factor: p.factor.iter().flat_map(|g| g.to_le_bytes()).collect(),
        }
    }
}

impl TryFrom<Stored> for Projection {
    type Error = PreprocessError;

    fn try_from(stored: Stored) -> Result<Self, PreprocessError> {
        if !stored.factor.len().is_multiple_of(2) {
            return Err(refuse("half an integer"));
        }
        let pairs = stored.factor.chunks_exact(2);
        let integers = pairs.filter_map(|b| b.try_into().ok().map(i16::from_le_bytes));
        Self::new(stored.input, stored.rank, integers.collect())
    }
}

fn refuse(what: impl Into<String>) -> PreprocessError {
    PreprocessError::Projection { what: what.into() }
}

/// How many integers a projection of these extents has, within the bounds.
fn integers(input: &[usize], rank: usize) -> Result<usize, PreprocessError> {
    let features = input.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
    let features =
        features.filter(|n| *n <= MAX_PIXELS && (1..=bounded::RANK).contains(&input.len()));
    let Some(features) = features.filter(|n| *n > 0) else {
        return Err(refuse("its input's extents are out of bounds"));
    };
    if rank == 0 || rank > features {
        return Err(refuse(format!(
            "{rank} dimensions of {features} features cannot be"
        )));
    }
    let count = features.checked_mul(rank).filter(|n| *n <= MAX_FACTOR);
    count.ok_or_else(|| {
        refuse(format!(
            "{features} features by {rank} dimensions are more than the {MAX_FACTOR} values that fit; use fewer dimensions"
        ))
    })
}

impl Projection {
    /// From the input's shape, the number of coordinates and the factor's integers, `[features, rank]`.
    ///
    /// # Errors
    /// [`PreprocessError::Projection`] for extents out of bounds or another number of integers.
    pub fn new(input: Vec<usize>, rank: usize, factor: Vec<i16>) -> Result<Self, PreprocessError> {
        let count = integers(&input, rank)?;
        if factor.len() != count {
            return Err(refuse(format!(
                "{} values where its extents ask for {count}",
                factor.len()
            )));
        }
        Ok(Self {
            input,
            rank,
            factor: factor.into(),
        })
    }

    /// Shape of the input that it takes.
    #[must_use]
    pub fn input(&self) -> &[usize] {
        &self.input
    }

    /// Values of that input.
    #[must_use]
    pub fn features(&self) -> usize {
        self.factor.len() / self.rank.max(1)
    }

    /// Number of coordinates.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// The factor's integers, `[features, rank]`; their real value is 2^-[`FACTOR_FRAC_BITS`] of it.
    #[must_use]
    pub fn factor(&self) -> &[i16] {
        &self.factor
    }

    /// The coordinates of one input; values beyond the features are left out.
    #[must_use]
    pub fn embed(&self, input: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.rank];
        for (x, row) in input.iter().zip(self.factor.chunks_exact(self.rank)) {
            let x = f64::from(*x);
            for (sum, g) in sums.iter_mut().zip(row) {
                *sum += x * f64::from(*g);
            }
        }
        sums.into_iter().map(coordinate).collect()
    }

    /// As text: the input's extents, the number of coordinates, the integers' bytes in hexadecimal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let extents: Vec<String> = self.input.iter().map(usize::to_string).collect();
        let mut text = format!("{}:{}:", extents.join("x"), self.rank);
        text.reserve(4 * self.factor.len());
        for byte in self.factor.iter().flat_map(|g| g.to_le_bytes()) {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(digit.into(), 16));
            }
        }
        text
    }

    /// From [`Self::to_text`].
    ///
    /// # Errors
    /// [`PreprocessError::Projection`]; nothing is allocated that the text's length does not bear out.
    pub fn parse(text: &str) -> Result<Self, PreprocessError> {
        let mut parts = text.trim().splitn(3, ':');
        let (Some(extents), Some(rank), Some(digits)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(refuse("it is not EXTENTS:DIMENSIONS:DIGITS"));
        };
        let number = |t: &str| {
            let parsed = t.parse::<usize>();
            parsed.map_err(|_| refuse(format!("{:?} is no number", shortened(t))))
        };
        let input = extents.split('x').take(bounded::RANK + 1).map(number);
        let input = input.collect::<Result<Vec<_>, _>>()?;
        let rank = number(rank)?;
        if integers(&input, rank)?.checked_mul(4) != Some(digits.len()) {
            return Err(refuse("its digits are cut off, or too many"));
        }
        let factor = digits.as_bytes().chunks_exact(4).map(|four| {
            let byte = |two: &[u8]| {
                let two = std::str::from_utf8(two).ok()?;
                let plain = two.bytes().all(|b| b.is_ascii_hexdigit());
                plain.then(|| u8::from_str_radix(two, 16).ok())?
            };
            let (low, high) = four.split_at(2);
            Some(i16::from_le_bytes([byte(low)?, byte(high)?]))
        });
        let factor = factor.collect::<Option<Vec<_>>>();
        Self::new(
            input,
            rank,
            factor.ok_or_else(|| refuse("a digit is not hexadecimal"))?,
        )
    }
}

/// The beginning of a text, for a message.
fn shortened(text: &str) -> String {
    text.chars().take(20).collect()
}

/// From a sum at the factor's scale.
#[expect(
    clippy::cast_possible_truncation,
    reason = "coordinates are rounded to f32; what is too large becomes an infinity and is refused"
)]
fn coordinate(sum: f64) -> f32 {
    (sum / f64::from(1_u32 << FACTOR_FRAC_BITS)) as f32
}

/// Extents alone: a factor has a million integers.
impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Projection({:?} -> {})", self.input, self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A factor and an input of many magnitudes, from a simple recurrence.
    fn example(features: usize, rank: usize) -> (Projection, Vec<f32>) {
        let mut state = 7_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let factor = (0..features * rank).map(|_| i16::try_from(next() % 32_768).unwrap() - 16_384);
        let projection = Projection::new(vec![features], rank, factor.collect()).unwrap();
        let input = (0..features)
            .map(|_| {
                let mantissa = f32::from(i16::try_from(next() % 65_536 / 2).unwrap() - 16_000);
                mantissa * 2.0_f32.powi(i32::try_from(next() % 24).unwrap() - 20)
            })
            .collect();
        (projection, input)
    }

    /// Rounds the exact integer `value · 2^exponent` to 53 bits, ties to even.
    fn round_to_53(value: i128) -> i128 {
        let width = 128 - value.unsigned_abs().leading_zeros();
        let drop = width.saturating_sub(53);
        if drop == 0 {
            return value;
        }
        let (quotient, rest) = (value >> drop, value & ((1 << drop) - 1));
        let half = 1_i128 << (drop - 1);
        let up = rest > half || (rest == half && quotient & 1 == 1);
        (quotient + i128::from(up)) << drop
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "integral below 2^64, and the one rounding to f32"
    )]
    #[test]
    fn the_embedding_is_that_of_the_definition_bit_for_bit() {
        let (projection, input) = example(700, 9);
        let got = projection.embed(&input);
        for (j, got) in got.iter().enumerate() {
            // The same sum in integers: all values are multiples of 2^-40.
            let mut sum = 0_i128;
            for (x, row) in input.iter().zip(projection.factor().chunks(9)) {
                let x = (f64::from(*x) * 40_f64.exp2()) as i128;
                sum = round_to_53(sum + x * i128::from(row[j]));
            }
            let want = (sum as f64 / 54_f64.exp2()) as f32;
            assert_eq!(got.to_bits(), want.to_bits(), "{j}");
        }
        // Backwards, some sum is another: the order is part of the meaning.
        let reversed: Vec<i16> = projection
            .factor()
            .chunks(9)
            .rev()
            .flatten()
            .copied()
            .collect();
        let reversed = Projection::new(vec![700], 9, reversed).unwrap();
        let backwards: Vec<f32> = input.iter().rev().copied().collect();
        let sums = |p: &Projection, x: &[f32]| -> Vec<f64> {
            (0..9)
                .map(|j| {
                    let terms = x.iter().zip(p.factor().chunks(9));
                    terms.fold(0.0, |s, (x, g)| s + f64::from(*x) * f64::from(g[j]))
                })
                .collect()
        };
        assert_ne!(sums(&projection, &input), sums(&reversed, &backwards));
    }

    #[test]
    fn text_and_bytes_come_back() {
        let (projection, _) = example(12, 5);
        let shaped = Projection::new(vec![1, 3, 4], 5, projection.factor().to_vec()).unwrap();
        for p in [projection, shaped] {
            assert_eq!(Projection::parse(&p.to_text()).unwrap(), p);
            let bytes = postcard::to_allocvec(&p).unwrap();
            assert_eq!(postcard::from_bytes::<Projection>(&bytes).unwrap(), p);
        }
    }

    #[test]
    fn extents_and_texts_that_do_not_fit_are_refused() {
        for (input, rank, count) in [
            (vec![4], 2, 7),
            (vec![4], 0, 0),
            (vec![4], 5, 20),
            (vec![0], 0, 0),
            (vec![], 1, 1),
            (vec![usize::MAX, 3], 1, 1),
            (vec![MAX_PIXELS + 1], 1, 1),
            (vec![1; 9], 1, 1),
            (vec![1 << 20], 1 << 10, 1),
        ] {
            let e = Projection::new(input.clone(), rank, vec![0; count]).unwrap_err();
            assert!(
                e.to_string().contains("projection"),
                "{input:?} {rank}: {e}"
            );
        }
        let good = example(3, 2).0.to_text();
        for text in [
            "",
            "3:2",
            "x:2:",
            "3:b:00",
            "3:2:",
            "16777216:1:00",
            "999999999999999999999:1:00",
            &good[..good.len() - 1],
            &format!("{good}0"),
            &good.replace("3:2:", "3:1:"),
            &format!("{}é0", &good[..good.len() - 3]),
            &format!("{}+1", &good[..good.len() - 2]),
        ] {
            let e = Projection::parse(text).unwrap_err().to_string();
            assert!(
                e.contains("projection") && e.lines().count() == 1,
                "{text}: {e}"
            );
        }
        let mut odd = postcard::to_allocvec(&example(3, 2).0).unwrap();
        odd[1] = 4;
        assert!(postcard::from_bytes::<Projection>(&odd).is_err());
    }
}
