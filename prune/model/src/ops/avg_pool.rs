//! Average over windows: one floor((S + floor(D/2)) / D), D = cells counted * 2^shift.
//!
//! S is the sum of the present cells mod 2^L, L the ring of the operand, as a signed integer; the
//! rounding summand and the division are exact. The quotient is read in the ring of the result.

use super::max_pool::{check_geometry, windows};
use super::rule::{self, OpError};
use crate::quant::ir::{Pool, Tensor};

/// `[C, H, W]` to `[C, H', W']`; fraction bits fall by `shift`.
pub(crate) fn check(
    op: &Pool,
    shift: u32,
    inputs: &[&Tensor],
    output: &Tensor,
) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    let frac = input.frac_bits.checked_sub(shift).ok_or(OpError::Bounds {
        what: "shift beyond the fraction bits",
        got: shift.into(),
    })?;
    if shift >= input.ring.bits() {
        return Err(OpError::Bounds {
            what: "shift beyond the ring",
            got: shift.into(),
        });
    }
    rule::equal("fraction bits", frac, output.frac_bits)?;
    // Half of the divisor is added to the sum: it has to be a number of the ring.
    let cells = rule::work(&op.window.kernel)?;
    if u128::from(cells) << shift > 1 << input.ring.bits() {
        return Err(OpError::Bounds {
            what: "divisor beyond the ring, cells",
            got: i64::try_from(cells).unwrap_or(i64::MAX),
        });
    }
    check_geometry(op, input, output)
}

/// Each window's rounded mean.
pub(crate) fn avg_pool(
    op: &Pool,
    count_padding: bool,
    shift: u32,
    input: &Tensor,
    x: &[i64],
    output: &Tensor,
) -> Vec<i64> {
    let Ok([_, height, width]) = rule::image("operand", input) else {
        return Vec::new();
    };
    windows(op, input, x, output, |rows, oy, ox| {
        let sum = rows.iter().flatten().fold(0i64, |s, &v| s.wrapping_add(v));
        let sum = input.ring.wrap(sum);
        let counted = op.window.counted(0, oy, height, count_padding)
            * op.window.counted(1, ox, width, count_padding);
        output.ring.wrap(divide(sum, counted, shift))
    })
}

/// The exact sum of each window and the summand that rounds it, for values far from overflow.
pub(crate) fn rounded_sums(
    op: &Pool,
    count_padding: bool,
    shift: u32,
    input: &Tensor,
    x: &[i64],
    output: &Tensor,
) -> Vec<i64> {
    let Ok([_, height, width]) = rule::image("operand", input) else {
        return Vec::new();
    };
    windows(op, input, x, output, |rows, oy, ox| {
        let sum = rows.iter().flatten().fold(0i64, |s, &v| s.wrapping_add(v));
        let counted = op.window.counted(0, oy, height, count_padding)
            * op.window.counted(1, ox, width, count_padding);
        let half = i64::try_from(((counted as u128) << shift) / 2).unwrap_or(i64::MAX);
        sum.saturating_add(half)
    })
}

/// floor((S + floor(D/2)) / D) for D = counted * 2^shift > 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a quotient by D >= 1 of a sum rounded up by at most D/2 fits: |S| <= 2^63, and D = 1 adds 0"
)]
fn divide(sum: i64, counted: usize, shift: u32) -> i64 {
    let divisor = (counted.max(1) as i128) << shift;
    (i128::from(sum) + divisor / 2).div_euclid(divisor) as i64
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn ties_go_up_and_negatives_down() {
        assert_eq!(divide(-1, 2, 0), 0);
        assert_eq!(divide(-3, 2, 0), -1);
        assert_eq!(divide(1, 2, 0), 1);
        assert_eq!(divide(-2, 3, 0), -1);
        assert_eq!(divide(-1, 3, 0), 0);
        assert_eq!(divide(2, 3, 0), 1);
        assert_eq!(divide(i64::MIN, 1, 0), i64::MIN);
        assert_eq!(divide(i64::MAX, 1, 0), i64::MAX);
        assert_eq!(divide(-7 * 4096, 7, 12), -1);
        assert_eq!(divide(-7 * 2048 - 1, 7, 12), -1);
        assert_eq!(divide(-7 * 2048, 7, 12), 0);
    }
}
