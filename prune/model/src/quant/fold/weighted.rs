//! The constants of a linear layer while factors are folded into them.

use crate::graph::{Conv, Linear};

/// Weights as trained, with the factors folded so far: the weight of output o and tap j is
/// `weights[o][j] * rows[o] * columns[column(o, j)]`, computed in f64 when it is asked for.
pub(in crate::quant) struct Weighted<'a> {
    weights: &'a [f32],
    /// Taps per output.
    pub(in crate::quant) taps: usize,
    /// Taps of one column: the kernel's area.
    area: usize,
    /// Columns and outputs of one channel group.
    group: [usize; 2],
    /// Factor per output.
    pub(super) rows: Vec<f64>,
    /// Factor per input feature or channel; empty: all 1.
    pub(super) columns: Vec<f64>,
    /// Bias per output.
    pub(in crate::quant) bias: Vec<f64>,
}

impl std::fmt::Debug for Weighted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Weighted({} x {}, secret)", self.rows.len(), self.taps)
    }
}

impl<'a> Weighted<'a> {
    pub(super) fn linear(op: &'a Linear) -> Self {
        Self {
            weights: &op.weights,
            taps: op.inputs,
            area: 1,
            group: [op.inputs, op.outputs],
            rows: vec![1.0; op.outputs],
            columns: vec![],
            bias: op.bias.iter().map(|&b| f64::from(b)).collect(),
        }
    }

    pub(super) fn conv(op: &'a Conv) -> Self {
        let area = op.window.kernel.iter().product();
        let columns = op.in_channels.checked_div(op.groups).unwrap_or(0);
        let outputs = op.out_channels.checked_div(op.groups).unwrap_or(0);
        Self {
            weights: &op.weights,
            taps: columns * area,
            area,
            group: [columns, outputs],
            rows: vec![1.0; op.out_channels],
            columns: vec![],
            bias: op.bias.iter().map(|&b| f64::from(b)).collect(),
        }
    }

    /// As many weights and biases as the shape of the result asks for.
    pub(super) fn is_consistent(&self, result: &[usize]) -> bool {
        let outputs = self.rows.len();
        result.first() == Some(&outputs)
            && self.bias.len() == outputs
            && self.taps > 0
            && self.group.iter().all(|&n| n > 0)
            && self.weights.len() == outputs * self.taps
    }

    /// Number of outputs.
    pub(in crate::quant) fn outputs(&self) -> usize {
        self.rows.len()
    }

    /// Number of input features or channels.
    pub(super) fn inputs(&self) -> usize {
        let [columns, outputs] = self.group;
        columns * self.rows.len().checked_div(outputs).unwrap_or(0)
    }

    /// The effective weights of output `o`.
    pub(in crate::quant) fn row(&self, o: usize) -> impl Iterator<Item = f64> + '_ {
        let factor = self.rows.get(o).copied().unwrap_or(0.0);
        let row = self.weights.get(o * self.taps..(o + 1) * self.taps);
        row.unwrap_or_default()
            .iter()
            .enumerate()
            .map(move |(j, &w)| {
                let column = self.columns.get(self.column(o, j)).copied();
                f64::from(w) * factor * column.unwrap_or(1.0)
            })
    }

    /// Input feature or channel that tap `j` of output `o` reads.
    pub(super) fn column(&self, o: usize, j: usize) -> usize {
        let [columns, outputs] = self.group;
        o / outputs * columns + j / self.area
    }

    /// Multiplies every output by its factor and adds its summand.
    pub(super) fn after(&mut self, scale: &[f64], shift: &[f64]) {
        let per_row = |values: &[f64], o: usize| match values {
            [one] => *one,
            _ => values.get(o).copied().unwrap_or(0.0),
        };
        for (o, (row, bias)) in self.rows.iter_mut().zip(&mut self.bias).enumerate() {
            *row *= per_row(scale, o);
            *bias = *bias * per_row(scale, o) + per_row(shift, o);
        }
    }

    /// Reads `scale * x + shift`, one entry per column, instead of x.
    pub(super) fn before(&mut self, scale: &[f64], shift: &[f64]) {
        for o in 0..self.outputs() {
            let constant: f64 = self
                .row(o)
                .enumerate()
                .map(|(j, w)| w * shift.get(self.column(o, j)).copied().unwrap_or(0.0))
                .sum();
            if let Some(bias) = self.bias.get_mut(o) {
                *bias += constant;
            }
        }
        if self.columns.is_empty() {
            self.columns = scale.to_vec();
        } else {
            for (column, s) in self.columns.iter_mut().zip(scale) {
                *column *= s;
            }
        }
    }
}
