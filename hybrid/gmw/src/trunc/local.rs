//! Truncation that each party does alone, within one unit: profile `approx`.
//!
//! - Functionality: from the shares x_C and x_S of x in Z_2^l, shares of `floor((x + k − a) / 2^f)` in Z_2^(l−f), where `a = x_C mod 2^f` and
//!   `k = 2^(f−1) − 1`: never more than one unit beside `floor(x / 2^f)`, whatever x. Where x has a rounding constant `2^(f−1)`, one of the two whole
//!   numbers next to the quotient without it, the quotient itself on average over a, and surely so where it is whole.
//! - Secure against: semi-honest, either side; perfect, since nothing is sent. The functionality takes the *shares*, not x: what results depends
//!   on a, which the client knows. Whatever is later opened is then a function of input, weights and those low bits: the client learns how x lay
//!   to its own a as far as the answer shows it, more with each repetition of an input. Hence nothing is opened that only such truncations
//!   separate from a sum of products; the plan keeps those exact.
//! - From: SecureML (eprint 2017/396), for shares in one ring. Differs: the result stays in the ring of the l − f bits that are left, where a wrap of
//!   the shares vanishes, so there is no rare and large error; the constant centres the small one.
//! - Cost: nothing.

use privet_ring::{Party, Ring, Shares};

use crate::error::{ApiMisuse, Error};

/// This party's shares of x without its low `shift` bits, within one unit, in the ring of the bits that are left.
///
/// # Errors
/// No bit to drop, or fewer than two bits left.
pub fn trunc_local<P: Party>(x: &Shares<P>, shift: u32) -> Result<Shares<P>, Error> {
    let most = i64::from(x.ring().bits()) - 2;
    ApiMisuse::within("bits dropped", shift.into(), 1, most)?;
    let left = Ring::new(x.ring().bits() - shift)?;
    let raise = if P::ADDS_PUBLIC {
        (1 << (shift - 1)) - 1
    } else {
        0
    };
    let mask = x.ring().mask();
    let highs = x.values().iter();
    let highs = highs.map(|v| (v.wrapping_add(raise) & mask) >> shift);
    Ok(Shares::new(left, highs.collect()))
}
