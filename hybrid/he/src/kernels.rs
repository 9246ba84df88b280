//! The transforms and sums of products, and which implementation of them runs.
//!
//! `portable` is the specification, the order of evaluations included. The best kernel that the machine can run is chosen once;
//! `PRIVET_KERNELS` forces one by a name of its list, also by the names that the kernels of AES have for the same generation of machines.
//!
//! **Order of evaluations.** Evaluation `i` of the bit-reversed order is the value at `ψ^(2·rev(i) + 1)`. Within each 64 of them,
//! row and column of the 8×8 square are swapped: place `8·u + v` holds evaluation `8·v + u`. So the last six layers of a
//! transform with vectors of eight stay in registers.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;
use std::sync::LazyLock;

use crate::lines::Line;
use crate::table::Table;

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::Wide;

/// Most rows of weights that one call of `accumulate` takes.
pub(crate) const ROWS: usize = 4;

/// Most terms of one sum of products: the lanes of every kernel hold as many.
pub(crate) const MAX_TERMS: usize = 4096;

/// One implementation.
pub struct Kernel {
    pub(crate) name: &'static str,
    /// Other values of `PRIVET_KERNELS` that mean this one.
    aliases: &'static [&'static str],
    /// Coefficients to evaluations, both below the prime.
    pub(crate) forward: fn(&Table, &mut [Line]),
    /// Evaluations to coefficients, both below the prime.
    pub(crate) inverse: fn(&Table, &mut [Line]),
    /// Puts evaluations of inputs into the form in which `accumulate` wants them.
    pub(crate) form: fn(&Table, &mut [Line]),
    /// Adds sums of products, residues to residues.
    pub(crate) accumulate: fn(&Table, Sum<'_>, &mut [Line]),
    /// The same with one weight for all lines: `weights[term][row]`.
    pub(crate) accumulate_constants: fn(&Table, Constants<'_>, &mut [Line]),
}

/// The factors of a sum: `out[line][row][component] += Σ_term weights[line][term][row]·inputs[line][term][component]`.
#[derive(Clone, Copy)]
pub(crate) struct Sum<'a> {
    /// `[line][term][row]`, below the prime.
    pub(crate) weights: &'a [Line],
    /// `[line][term][component]`, in the kernel's form.
    pub(crate) inputs: &'a [Line],
    /// At least one, at most `MAX_TERMS`.
    pub(crate) terms: usize,
    /// At least one, at most `ROWS`.
    pub(crate) rows: usize,
}

/// As [`Sum`], with `weights[term][row]`.
#[derive(Clone, Copy)]
pub(crate) struct Constants<'a> {
    pub(crate) weights: &'a [u64],
    pub(crate) inputs: &'a [Line],
    pub(crate) terms: usize,
    pub(crate) rows: usize,
}

impl Kernel {
    /// `portable`, `avx2` or `ifma`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernel({})", self.name)
    }
}

static AVAILABLE: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    let mut list = vec![portable::kernel()];
    #[cfg(target_arch = "x86_64")]
    list.extend(x86::kernels());
    list
});

static ACTIVE: LazyLock<&'static Kernel> = LazyLock::new(|| {
    static PORTABLE: LazyLock<Kernel> = LazyLock::new(portable::kernel);
    let wish = std::env::var("PRIVET_KERNELS").unwrap_or_default();
    let named = AVAILABLE
        .iter()
        .find(|kernel| kernel.name == wish || kernel.aliases.contains(&wish.as_str()));
    named.or(AVAILABLE.last()).unwrap_or(&PORTABLE)
});

/// Every kernel that this machine can run, `portable` first, the fastest last.
#[must_use]
pub fn available() -> &'static [Kernel] {
    &AVAILABLE
}

/// The kernel in use.
#[must_use]
pub fn active() -> &'static Kernel {
    &ACTIVE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{WORDS, words, words_mut, zeroed};
    use crate::modulus::Modulus;
    use crate::params::Parameters;

    /// Residues: random ones, all of an extreme value, or either extreme at random.
    fn fill(q: Modulus, lines: &mut [Line], kind: u64) {
        let mut state = kind;
        for word in words_mut(lines) {
            state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            *word = match kind {
                0 => 0,
                1 => q.value() - 1,
                2 => (state >> 63) * (q.value() - 1),
                _ => (state ^ (state >> 29)) % q.value(),
            };
        }
    }

    fn tables() -> impl Iterator<Item = &'static Table> {
        let all = Parameters::ALL.into_iter();
        all.flat_map(|set| set.basis().primes.iter().map(|prime| &prime.table))
    }

    #[test]
    fn a_transform_is_evaluation_in_the_stated_order() {
        for table in tables() {
            let (q, degree) = (table.modulus, table.degree);
            let mut lines = zeroed(degree);
            fill(q, &mut lines, 5);
            let coefficients = words(&lines).to_vec();
            (portable::kernel().forward)(table, &mut lines);
            let psi = table.forward[degree / 2].value;
            for place in [0, 1, 2, 9, 63, 64, 100, degree - 1] {
                let (row, column) = (place % 64 / WORDS, place % WORDS);
                let index = place / 64 * 64 + WORDS * column + row;
                let reversed = index.reverse_bits() >> (usize::BITS - degree.trailing_zeros());
                let point = q.pow_vartime(psi, 2 * reversed as u64 + 1);
                let value = coefficients
                    .iter()
                    .rev()
                    .fold(0, |sum, c| q.add(q.mul(sum, point), *c));
                assert_eq!(words(&lines)[place], value, "{place}");
            }
        }
    }

    #[test]
    fn every_kernel_transforms_as_portable_does() {
        for (kernel, table) in available()
            .iter()
            .flat_map(|k| tables().map(move |t| (k, t)))
        {
            for kind in 0..4 {
                let mut lines = zeroed(table.degree);
                fill(table.modulus, &mut lines, kind);
                for (own, reference) in [
                    (kernel.forward, portable::kernel().forward),
                    (kernel.inverse, portable::kernel().inverse),
                ] {
                    let (mut a, mut b) = (lines.clone(), lines.clone());
                    own(table, &mut a);
                    reference(table, &mut b);
                    assert!(a == b, "{} {kind} {}", kernel.name, table.modulus.value());
                }
                let mut back = lines.clone();
                (kernel.forward)(table, &mut back);
                (kernel.inverse)(table, &mut back);
                assert!(back == lines, "{} {kind} back", kernel.name);
            }
        }
    }

    #[test]
    fn transforms_multiply_as_the_schoolbook_does() {
        for (kernel, table) in available()
            .iter()
            .flat_map(|k| tables().map(move |t| (k, t)))
        {
            let (q, degree) = (table.modulus, table.degree);
            let (mut a, mut b) = (zeroed(degree), zeroed(degree));
            fill(q, &mut a, 7);
            fill(q, &mut b, 8);
            let (x, y) = (words(&a).to_vec(), words(&b).to_vec());
            (kernel.forward)(table, &mut a);
            (kernel.forward)(table, &mut b);
            for (a, b) in words_mut(&mut a).iter_mut().zip(words(&b)) {
                *a = q.mul(*a, *b);
            }
            (kernel.inverse)(table, &mut a);
            for place in [0, 1, degree / 2, degree - 2, degree - 1] {
                let expected = (0..degree).fold(0, |sum, i| {
                    let j = (place + degree - i) % degree;
                    let term = q.mul(x[i], y[j]);
                    if i <= place {
                        q.add(sum, term)
                    } else {
                        q.sub(sum, term)
                    }
                });
                assert_eq!(words(&a)[place], expected, "{} {place}", kernel.name);
            }
        }
    }

    #[test]
    fn every_kernel_sums_as_portable_does() {
        for (kernel, table) in available()
            .iter()
            .flat_map(|k| tables().map(move |t| (k, t)))
        {
            for (rows, terms, kind) in (1..=ROWS)
                .flat_map(|rows| [1, 2, 3, 17].map(|terms| (rows, terms, 6)))
                .chain([(ROWS, MAX_TERMS, 1), (ROWS, 5, 0)])
            {
                let count = 3;
                let mut weights = zeroed(WORDS * count * rows * terms);
                let mut inputs = zeroed(WORDS * count * 2 * terms);
                let mut before = zeroed(WORDS * count * 2 * rows);
                fill(table.modulus, &mut weights, kind);
                fill(table.modulus, &mut inputs, kind.max(1));
                fill(table.modulus, &mut before, kind);
                let run = |kernel: &Kernel, constants: bool| {
                    let (mut formed, mut out) = (inputs.clone(), before.clone());
                    (kernel.form)(table, &mut formed);
                    let (inputs, scalars) = (&formed[..], &words(&weights)[..rows * terms]);
                    if constants {
                        let sum = Constants {
                            weights: scalars,
                            inputs,
                            terms,
                            rows,
                        };
                        (kernel.accumulate_constants)(table, sum, &mut out);
                    } else {
                        let sum = Sum {
                            weights: &weights,
                            inputs,
                            terms,
                            rows,
                        };
                        (kernel.accumulate)(table, sum, &mut out);
                    }
                    out
                };
                for constants in [false, true] {
                    let same = run(kernel, constants) == run(&portable::kernel(), constants);
                    assert!(same, "{} {rows} {terms} {constants}", kernel.name);
                }
            }
        }
    }

    #[test]
    fn sums_are_sums_of_products() {
        let table = &Parameters::Pair50.basis().primes[0].table;
        let q = table.modulus;
        let (mut weights, mut inputs) = (zeroed(WORDS * 6), zeroed(WORDS * 6));
        fill(q, &mut weights, 11);
        fill(q, &mut inputs, 12);
        let mut out = vec![Line::ZERO; 4];
        let sum = Sum {
            weights: &weights,
            inputs: &inputs,
            terms: 3,
            rows: 2,
        };
        (portable::kernel().accumulate)(table, sum, &mut out);
        for (row, part, lane) in (0..2).flat_map(|r| [(r, 0, 3), (r, 1, 7)]) {
            let expected = (0..3).fold(0, |sum, term| {
                let product = q.mul(
                    weights[2 * term + row].0[lane],
                    inputs[2 * term + part].0[lane],
                );
                q.add(sum, product)
            });
            assert_eq!(out[2 * row + part].0[lane], expected);
        }
    }
}
