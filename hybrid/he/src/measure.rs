//! Single kernels on buffers of their own, for benchmarks.

use crate::kernels::{Kernel, ROWS, Sum};
use crate::lines::{Line, words_mut, zeroed};
use crate::modulus::Modulus;
use crate::params::Parameters;
use crate::table::Table;
use crate::weights::BATCH;

fn fill(q: Modulus, lines: &mut [Line]) {
    let mut state = 1u64;
    for word in words_mut(lines) {
        state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        *word = q.reduce(state);
    }
}

fn table(parameters: Parameters) -> Option<&'static Table> {
    parameters.basis().primes.first().map(|prime| &prime.table)
}

/// One polynomial modulo a set's first prime.
pub struct Transform {
    kernel: &'static Kernel,
    table: Option<&'static Table>,
    lines: Vec<Line>,
}

impl Transform {
    /// Random residues.
    #[must_use]
    pub fn new(kernel: &'static Kernel, parameters: Parameters) -> Self {
        let mut lines = zeroed(parameters.degree());
        let table = table(parameters);
        if let Some(table) = table {
            fill(table.modulus, &mut lines);
        }
        Self {
            kernel,
            table,
            lines,
        }
    }

    /// Transforms forward where it stands.
    pub fn forward(&mut self) {
        if let Some(table) = self.table {
            (self.kernel.forward)(table, &mut self.lines);
        }
    }

    /// Transforms back where it stands.
    pub fn inverse(&mut self) {
        if let Some(table) = self.table {
            (self.kernel.inverse)(table, &mut self.lines);
        }
    }
}

/// A block of weights and its inputs modulo a set's first prime.
pub struct Products {
    kernel: &'static Kernel,
    table: Option<&'static Table>,
    groups: Vec<Vec<Line>>,
    inputs: Vec<Line>,
    out: Vec<Line>,
    columns: usize,
}

impl Products {
    /// `ROWS·groups` rows of `columns` random polynomials.
    #[must_use]
    pub fn new(
        kernel: &'static Kernel,
        parameters: Parameters,
        groups: usize,
        columns: usize,
    ) -> Self {
        let (degree, table) = (parameters.degree(), table(parameters));
        let mut group = zeroed(degree * ROWS * columns);
        let mut inputs = zeroed(degree * 2 * columns);
        if let Some(table) = table {
            fill(table.modulus, &mut group);
            fill(table.modulus, &mut inputs);
            (kernel.form)(table, &mut inputs);
        }
        Self {
            kernel,
            table,
            groups: vec![group; groups],
            inputs,
            out: zeroed(degree * 2 * ROWS * groups),
            columns,
        }
    }

    /// Number of products of one call.
    #[must_use]
    pub const fn count(&self) -> usize {
        ROWS * self.groups.len() * self.columns
    }

    /// Adds every product with both components of its input, as [`Products`](crate::Products) does.
    pub fn run(&mut self) {
        let Some(table) = self.table else { return };
        let lines = self.inputs.len() / (2 * self.columns);
        for (group, out) in self
            .groups
            .iter()
            .zip(self.out.chunks_mut(2 * ROWS * lines))
        {
            let batches = group.chunks(BATCH * ROWS * lines);
            for (weights, inputs) in batches.zip(self.inputs.chunks(BATCH * 2 * lines)) {
                let terms = weights.len() / (ROWS * lines);
                let sum = Sum {
                    weights,
                    inputs,
                    terms,
                    rows: ROWS,
                };
                (self.kernel.accumulate)(table, sum, out);
            }
        }
    }
}
