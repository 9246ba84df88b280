//! The transforms and sums of products, and which implementation of them runs.
//!
//! `portable` is the specification, the order of evaluations included. The best kernel that the machine can run is chosen once;
//! `PRIVET_KERNELS` forces one by a name of its list, also by the names that the kernels of AES have for the same generation of machines.
//!
//! **Order of evaluations.** Evaluation `i` of the bit-reversed order is the value at `ψ^(2·rev(i) + 1)`. Within each 64 of them,
//! row and column of the 8×8 square are swapped: place `8·u + v` holds evaluation `8·v + u`. So the last six layers of a
//! transform with vectors of eight stay in registers.

mod portable;

use std::fmt;
use std::sync::LazyLock;

use crate::lines::Line;
use crate::table::Table;

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

static AVAILABLE: LazyLock<Vec<Kernel>> = LazyLock::new(|| vec![portable::kernel()]);

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
