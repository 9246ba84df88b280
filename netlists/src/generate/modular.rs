//! Maximum and clipping by the sign of a difference modulo 2^bits, as secret-shared protocols
//! compute them: equal to the ordinary ones while the difference fits the ring, and wrapping in
//! the same way where it does not. They are what the fixed-point rules define.

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::generate::{width, within};
use crate::netlist::Netlist;

/// `y` = the maximum of a window of `rows × columns` words: along each row in adjacent pairs, an
/// odd last one carried, then over the rows' results likewise; `max(a, b) = b + ReLU(a − b)`.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64 or a side outside 1..=256.
pub fn modular_max_pool(bits: u32, rows: u32, columns: u32) -> Result<Netlist, Error> {
    width("modular_max_pool", bits)?;
    within(
        "modular_max_pool",
        "number of rows",
        u64::from(rows),
        1..=256,
    )?;
    within(
        "modular_max_pool",
        "number of columns",
        u64::from(columns),
        1..=256,
    )?;
    let mut builder = Builder::new();
    let mut names = 0..;
    let window: Vec<Vec<Vec<Bit>>> = (0..rows)
        .map(|_| {
            names
                .by_ref()
                .take(columns as usize)
                .map(|n: u32| builder.input(&format!("x{n}"), bits))
                .collect()
        })
        .collect();
    let best: Vec<Vec<Bit>> = window
        .into_iter()
        .map(|row| tournament(&mut builder, row))
        .collect();
    let y = tournament(&mut builder, best);
    builder.output("y", &y);
    builder.finish()
}

/// `y = min(max(x, lo), hi)` with `max(a, b) = b + ReLU(a − b)` and `min(a, b) = a − ReLU(a − b)`.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64 or unless `lo <= hi` are numbers of that width.
pub fn modular_clip(bits: u32, lo: i64, hi: i64) -> Result<Netlist, Error> {
    width("modular_clip", bits)?;
    let fits = |v: i64| v == crate::eval::signed(crate::eval::unsigned(v, bits), bits);
    if !fits(lo) || !fits(hi) || lo > hi {
        return Err(Error::Parameter {
            block: "modular_clip",
            reason: format!("{lo}..={hi} are no bounds of {bits} bits"),
        });
    }
    let mut builder = Builder::new();
    let x = builder.input("x", bits);
    let (low, high) = (Builder::constant(lo, bits), Builder::constant(hi, bits));
    let raised = builder.modular_max(&x, &low);
    let below = builder.difference_sign(&raised, &high);
    let y = builder.mux_word(below, &raised, &high);
    builder.output("y", &y);
    builder.finish()
}

fn tournament(builder: &mut Builder, mut round: Vec<Vec<Bit>>) -> Vec<Bit> {
    while round.len() > 1 {
        round = round
            .chunks(2)
            .map(|pair| match pair {
                [a, b] => builder.modular_max(a, b),
                [one] => one.clone(),
                _ => Vec::new(),
            })
            .collect();
    }
    round.pop().unwrap_or_default()
}

impl Builder {
    /// `b + ReLU(a − b)` modulo 2^width: two ANDs a bit but one.
    pub fn modular_max(&mut self, a: &[Bit], b: &[Bit]) -> Vec<Bit> {
        let less = self.difference_sign(a, b);
        self.mux_word(less, b, a)
    }

    /// The sign bit of `a − b` modulo 2^width: one AND a bit but the top one.
    fn difference_sign(&mut self, a: &[Bit], b: &[Bit]) -> Bit {
        self.sub(a, b).last().copied().unwrap_or(Bit::FALSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{integers, signed, unsigned};

    fn wrap(v: i64, bits: u32) -> i64 {
        signed(unsigned(v, bits), bits)
    }

    fn max(a: i64, b: i64, bits: u32) -> i64 {
        wrap(b + wrap(a - b, bits).max(0), bits)
    }

    #[test]
    fn every_pair_and_every_bound_of_four_bits() {
        let pool = modular_max_pool(4, 1, 2).unwrap();
        assert_eq!(pool.counts().ands, 7);
        for a in -8..8 {
            for b in -8..8 {
                let got = integers(&pool, &[unsigned(a, 4), unsigned(b, 4)]).unwrap();
                assert_eq!(signed(got[0], 4), max(a, b, 4), "{a} {b}");
            }
            for lo in -8..8 {
                for hi in lo..8 {
                    let clip = modular_clip(4, lo, hi).unwrap();
                    let raised = max(a, lo, 4);
                    let expected = wrap(raised - wrap(raised - hi, 4).max(0), 4);
                    let got = integers(&clip, &[unsigned(a, 4)]).unwrap();
                    assert_eq!(signed(got[0], 4), expected, "{a} in {lo}..={hi}");
                }
            }
        }
    }

    #[test]
    fn windows_go_row_by_row_in_pairs() {
        let (bits, rows, columns) = (5, 3, 3);
        let pool = modular_max_pool(bits, rows, columns).unwrap();
        let mut state = 1u64;
        for _ in 0..200 {
            let cells: Vec<i64> = (0..9)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    signed(state >> 40, bits)
                })
                .collect();
            let row = |r: usize| {
                max(
                    max(cells[3 * r], cells[3 * r + 1], bits),
                    cells[3 * r + 2],
                    bits,
                )
            };
            let expected = max(max(row(0), row(1), bits), row(2), bits);
            let inputs: Vec<u64> = cells.iter().map(|c| unsigned(*c, bits)).collect();
            assert_eq!(signed(integers(&pool, &inputs).unwrap()[0], bits), expected);
        }
    }

    #[test]
    fn bad_bounds_are_refused() {
        assert!(modular_clip(4, 3, 2).is_err());
        assert!(modular_clip(4, -9, 2).is_err());
        assert!(modular_max_pool(0, 2, 2).is_err() && modular_max_pool(8, 0, 2).is_err());
    }
}
