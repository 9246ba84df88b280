//! `W·x` mod 2^l for a whole layer: inputs packed into panels, tiles of weights over them, threads over both.

#![expect(
    clippy::indexing_slicing,
    reason = "hot loops over buffers whose lengths were checked against the geometry"
)]

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::{Geometry, GeometryError};
use super::kernels::{self, Kernel, LANES, Panel, ROWS, Weights};
use crate::Ring;

/// Columns of a block: its panels share the expanded weights.
const BLOCK: usize = 8 * LANES;

/// Terms of the sum that are packed at a time: 64 KiB of a block's panel each.
const DEPTH: usize = 256;

/// Parts per thread that are made before their sums are put in place.
const WAVE: usize = 4;

/// Layers with fewer columns are summed row by row.
const FEW: usize = 8;

/// Neighbouring outputs whose inputs follow each other at a fixed distance.
#[derive(Clone, Copy)]
struct Run {
    from: usize,
    to: usize,
    len: usize,
}

/// A geometry's taps as runs.
struct Taps {
    runs: Vec<Vec<Run>>,
    /// Distance of a run's inputs.
    step: usize,
}

impl Taps {
    fn new(geometry: &Geometry) -> Self {
        let step = (0..geometry.taps())
            .filter_map(|tap| {
                let mut pairs = geometry.tap(tap);
                let (first, second) = (pairs.next()?, pairs.next()?);
                (second.1 == first.1 + 1).then(|| second.0.saturating_sub(first.0))
            })
            .max()
            .unwrap_or(1)
            .max(1);
        let runs = (0..geometry.taps())
            .map(|tap| {
                let mut runs: Vec<Run> = Vec::new();
                for (from, to) in geometry.tap(tap) {
                    match runs.last_mut() {
                        Some(run)
                            if run.to + run.len == to && run.from + run.len * step == from =>
                        {
                            run.len += 1;
                        }
                        _ => runs.push(Run { from, to, len: 1 }),
                    }
                }
                runs
            })
            .collect();
        Self { runs, step }
    }

    /// Writes the inputs of a tap for some columns; zeros where there are none.
    fn pack(&self, tap: usize, plane: &[u64], columns: &Range<usize>, line: &mut [u64; BLOCK]) {
        line.fill(0);
        let runs = &self.runs[tap];
        let first = runs.partition_point(|run| run.to + run.len <= columns.start);
        for run in &runs[first..] {
            if run.to >= columns.end {
                break;
            }
            let skip = columns.start.saturating_sub(run.to);
            let to = run.to + skip - columns.start;
            let len = (run.len - skip).min(columns.len() - to);
            let (cells, inputs) = (
                &mut line[to..to + len],
                &plane[run.from + skip * self.step..],
            );
            if self.step == 1 {
                cells.copy_from_slice(&inputs[..len]);
                continue;
            }
            for (cell, inputs) in cells.iter_mut().zip(inputs.chunks(self.step)) {
                *cell = inputs[0];
            }
        }
    }
}

/// The part of a layer that one task makes.
struct Part {
    group: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Part {
    /// Puts sums where they belong in the result.
    fn scatter(&self, sums: &[[Panel; ROWS]], plane: usize, mask: u64, z: &mut [u64]) {
        let panels = self.columns.len().div_ceil(LANES);
        for (index, row) in self.rows.clone().enumerate() {
            let z = &mut z[row * plane..][self.columns.clone()];
            let sums = &sums[index / ROWS * panels..];
            for (z, sums) in z.chunks_mut(LANES).zip(sums) {
                for (z, sum) in z.iter_mut().zip(&sums[index % ROWS]) {
                    *z = sum & mask;
                }
            }
        }
    }
}

/// Sums of a part: by tile of rows, then by panel.
type Sums = Vec<[Panel; ROWS]>;

impl Geometry {
    /// `Σ w·x` mod 2^l for every output, by the kernel in use and on all threads of the pool.
    ///
    /// Takes the same time whatever the numbers are. Bits of `x` above the ring's width do not count.
    ///
    /// # Errors
    /// Slices of other lengths than the geometry's.
    pub fn multiply(
        &self,
        ring: Ring,
        weights: &[i32],
        x: &[u64],
    ) -> Result<Vec<u64>, GeometryError> {
        self.multiply_with(kernels::active(ring.bits()), ring, weights, x)
    }

    fn multiply_with(
        &self,
        kernel: &Kernel,
        ring: Ring,
        weights: &[i32],
        x: &[u64],
    ) -> Result<Vec<u64>, GeometryError> {
        self.check(weights, x)?;
        let mask = u64::MAX >> (u64::BITS - ring.bits());
        let taps = Taps::new(self);
        if self.output_shape()[1] < FEW {
            return Ok(self.by_rows(kernel, &taps, weights, x, mask));
        }
        let plane = self.output_shape()[1];
        let parts = self.parts();
        let mut z = vec![0; self.outputs()];
        // A few parts at a time: all of their sums together would be a second copy of the result.
        for parts in parts.chunks(WAVE * rayon::current_num_threads()) {
            let made: Vec<Sums> = parts
                .par_iter()
                .map(|part| self.block(kernel, &taps, weights, x, part))
                .collect();
            for (part, sums) in parts.iter().zip(made) {
                part.scatter(&sums, plane, mask, &mut z);
            }
        }
        Ok(z)
    }

    /// Blocks of columns; where these are fewer than threads, of rows too.
    fn parts(&self) -> Vec<Part> {
        let [channels, plane] = self.output_shape();
        let rows = channels / self.groups();
        let blocks = plane.div_ceil(BLOCK) * self.groups();
        let cuts = rayon::current_num_threads().div_ceil(blocks);
        let step = rows.div_ceil(cuts).next_multiple_of(ROWS);
        let mut parts = Vec::new();
        for group in 0..self.groups() {
            for from in (0..plane).step_by(BLOCK) {
                for row in (0..rows).step_by(step) {
                    parts.push(Part {
                        group,
                        rows: group * rows + row..group * rows + (row + step).min(rows),
                        columns: from..(from + BLOCK).min(plane),
                    });
                }
            }
        }
        parts
    }

    /// The sums of a part.
    fn block(&self, kernel: &Kernel, taps: &Taps, weights: &[i32], x: &[u64], part: &Part) -> Sums {
        let [in_channels, in_plane] = self.input_shape();
        let first = part.group * (in_channels / self.groups()) * in_plane;
        let panels = part.columns.len().div_ceil(LANES);
        let tiles = part.rows.len().div_ceil(ROWS);
        let mut sums = vec![[[0; LANES]; ROWS]; tiles * panels];
        let mut packed: Vec<Vec<Panel>> = vec![Vec::with_capacity(DEPTH); panels];
        let mut line = [0; BLOCK];
        let mut expanded: Vec<Weights> = Vec::with_capacity(DEPTH);
        for begin in (0..self.row()).step_by(DEPTH) {
            let terms = begin..(begin + DEPTH).min(self.row());
            packed.iter_mut().for_each(Vec::clear);
            for term in terms.clone() {
                let plane = &x[first + term / self.taps() * in_plane..][..in_plane];
                taps.pack(term % self.taps(), plane, &part.columns, &mut line);
                (kernel.form)(&mut line);
                let (lines, _) = line.as_chunks::<LANES>();
                for (panel, line) in packed.iter_mut().zip(lines) {
                    panel.push(*line);
                }
            }
            for (tile, sums) in sums.chunks_exact_mut(panels).enumerate() {
                self.expand(weights, &part.rows, tile, &terms, &mut expanded);
                for (panel, sums) in packed.iter().zip(sums) {
                    (kernel.tile)(&expanded, panel, sums);
                }
            }
        }
        sums
    }

    /// A tile's weights by term; rows beyond the last are zeros.
    fn expand(
        &self,
        weights: &[i32],
        rows: &Range<usize>,
        tile: usize,
        terms: &Range<usize>,
        out: &mut Vec<Weights>,
    ) {
        out.clear();
        out.resize(terms.len(), [0; ROWS]);
        let first = rows.start + tile * ROWS;
        for (index, row) in (first..rows.end.min(first + ROWS)).enumerate() {
            let row = &weights[row * self.row()..][terms.clone()];
            for (out, w) in out.iter_mut().zip(row) {
                out[index] = i64::from(*w);
            }
        }
    }

    /// One sum after the other.
    fn by_rows(
        &self,
        kernel: &Kernel,
        taps: &Taps,
        weights: &[i32],
        x: &[u64],
        mask: u64,
    ) -> Vec<u64> {
        let ([in_channels, in_plane], [channels, plane]) =
            (self.input_shape(), self.output_shape());
        let (inputs, outputs) = (in_channels / self.groups(), channels / self.groups());
        // Per group and column, the terms of the sum.
        let mut terms = vec![0; self.groups() * plane * self.row()];
        let mut line = [0; BLOCK];
        for channel in 0..in_channels {
            let cells = &x[channel * in_plane..][..in_plane];
            let (group, inner) = (channel / inputs, channel % inputs);
            for tap in 0..self.taps() {
                taps.pack(tap, cells, &(0..plane), &mut line);
                for (column, x) in line[..plane].iter().enumerate() {
                    let at = (group * plane + column) * self.row() + inner * self.taps() + tap;
                    terms[at] = *x;
                }
            }
        }
        weights
            .par_chunks_exact(self.row())
            .enumerate()
            .flat_map_iter(|(channel, weights)| {
                let first = channel / outputs * plane;
                let terms = &terms[first * self.row()..][..plane * self.row()];
                let columns = terms.chunks_exact(self.row());
                columns.map(move |terms| (kernel.dot)(weights, terms) & mask)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::Conv;

    fn conv(change: impl FnOnce(&mut Conv)) -> Geometry {
        let mut conv = Conv {
            in_channels: 6,
            out_channels: 8,
            groups: 1,
            image: [23, 19],
            kernel: [3, 3],
            strides: [1, 1],
            dilations: [1, 1],
            pads_before: [1, 1],
            pads_after: [1, 1],
        };
        change(&mut conv);
        Geometry::convolution(&conv).unwrap()
    }

    #[test]
    fn every_kernel_gives_what_the_geometry_means() {
        let geometries = [
            Geometry::matrix(1, 1, 1).unwrap(),
            Geometry::matrix(13, 700, 1).unwrap(),
            Geometry::matrix(5, 30, 7).unwrap(),
            Geometry::matrix(7, 300, 40).unwrap(),
            Geometry::matrix(3, 9, 600).unwrap(),
            conv(|_| {}),
            conv(|c| c.strides = [2, 2]),
            conv(|c| c.strides = [3, 1]),
            conv(|c| (c.strides, c.kernel) = ([1, 4], [1, 1])),
            conv(|c| c.dilations = [2, 3]),
            conv(|c| c.groups = 2),
            conv(|c| (c.out_channels, c.groups) = (6, 6)),
            conv(|c| (c.pads_before, c.pads_after) = ([4, 0], [0, 5])),
            conv(|c| (c.image, c.pads_before) = ([3, 4], [0, 0])),
            conv(|c| (c.image, c.kernel) = ([1, 1], [2, 2])),
        ];
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(77);
            state ^ (state >> 31)
        };
        for (g, geometry) in geometries.iter().enumerate() {
            let x: Vec<u64> = (0..geometry.inputs()).map(|_| next()).collect();
            let weights: Vec<i32> = (0..geometry.weights())
                .map(|i| match i % 5 {
                    0 => 0,
                    1 => i32::MIN,
                    _ => i32::try_from(next() >> 40).unwrap() - (1 << 23),
                })
                .collect();
            let plain = geometry.apply(&weights, &x).unwrap();
            for kernel in kernels::available() {
                for bits in [2, 8, 37, 52, 64] {
                    if bits > kernel.bits {
                        continue;
                    }
                    let ring = Ring::new(bits).unwrap();
                    let z = geometry.multiply_with(kernel, ring, &weights, &x).unwrap();
                    let expected: Vec<u64> = plain
                        .iter()
                        .map(|z| z & (u64::MAX >> (64 - bits)))
                        .collect();
                    assert!(z == expected, "{g} {} {bits}", kernel.name);
                }
            }
        }
    }

    #[test]
    fn wrong_lengths_are_errors() {
        let geometry = Geometry::matrix(2, 3, 1).unwrap();
        let ring = Ring::new(37).unwrap();
        assert!(geometry.multiply(ring, &[0; 5], &[0; 3]).is_err());
        assert!(geometry.multiply(ring, &[0; 6], &[0; 4]).is_err());
        assert_eq!(geometry.multiply(ring, &[1; 6], &[1; 3]).unwrap(), [3, 3]);
    }
}
