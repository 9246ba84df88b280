//! A layer as products of polynomials modulo `X^N + 1`: which coefficient holds which input, weight and output.
//!
//! With stride s and dilation d, tap `a` of output `u` meets image cell `s·(u + q) + φ`, where `φ = (a·d − pad) mod s` and
//! `q = ⌊(a·d − pad) / s⌋`. The image is split by φ into *planes* of stride 1; a layer of C channels has `C·phases` planes. A tile
//! of a plane lies row by row at a pitch P in T = P·R coefficients. One input polynomial holds c planes, one output polynomial m
//! filters, `c·m·T ≤ N`:
//!
//! ```text
//! input    plane k, cell (Y, X)                  k·T + Y·P + X
//! weight   filter j, plane k, tap (q, q')        j·c·T + (c − 1 − k)·T − q·P − q'      below 0: minus the weight, N above
//! output   filter j, position (u, v)             j·c·T + (c − 1)·T + u·P + v
//! ```
//!
//! P exceeds the largest |X − v − q'| and R the largest |Y − u − q| that occur, so any two exponents of a product that meet an
//! output's are equal term by term: `|(k − k')·T + (j − j')·c·T + …| < c·m·T ≤ N`. Nothing wraps into an output, whatever the ring
//! of the coefficients. A fully connected layer has T = 1. Groups are zeros in the matrix of planes and filters: pairs of
//! polynomials that only zeros join are left out.
//!
//! From: Cheetah (eprint 2022/207), §3; differs: filters share a polynomial, padding is shared between rows and planes, strides
//! and dilations take their phases.

mod axis;
mod choose;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::geometry::{Conv, Geometry, GeometryError};
use axis::Axis;

pub use choose::{Counts, Limits};

/// How a layer is cut into polynomials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Outputs of a tile, `[rows, columns]`.
    pub tile: [usize; 2],
    /// Planes in one input polynomial.
    pub planes: usize,
    /// Filters in one output polynomial.
    pub filters: usize,
}

/// A coefficient and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Position in the polynomial, below N.
    pub coefficient: usize,
    /// Index of the input, weight or output, as in [`Geometry`].
    pub index: usize,
    /// The coefficient holds minus that number.
    pub negative: bool,
}

/// A layer cut into polynomials of degree below N.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    degree: usize,
    conv: Conv,
    rows: Axis,
    columns: Axis,
    split: Split,
}

impl Packing {
    /// A layer cut as stated.
    ///
    /// # Errors
    /// A layer that [`Geometry::convolution`] refuses; a split of no planes, no filters or above `degree` coefficients.
    pub fn new(conv: &Conv, degree: usize, split: Split) -> Result<Self, GeometryError> {
        Geometry::convolution(conv)?;
        let mut whole = Self::whole(conv, degree)?;
        let [rows, columns] = split.tile;
        whole.rows.cut(rows);
        whole.columns.cut(columns);
        let planes = split.planes.min(whole.planes().max(1));
        let filters = split.filters.min(conv.out_channels);
        let wide = [whole.plane_size(), planes, filters]
            .into_iter()
            .try_fold(1usize, usize::checked_mul);
        if wide.is_none_or(|wide| wide == 0 || wide > degree) {
            return Err(GeometryError::Size {
                what: "coefficients of a polynomial",
            });
        }
        let tile = split.tile;
        whole.split = Split {
            tile,
            planes,
            filters,
        };
        Ok(whole)
    }

    /// The axes in one tile; the split is still to come.
    fn whole(conv: &Conv, degree: usize) -> Result<Self, GeometryError> {
        let (rows, columns) = (Axis::new(conv, 0)?, Axis::new(conv, 1)?);
        let split = Split {
            tile: [rows.outputs, columns.outputs],
            planes: 1,
            filters: 1,
        };
        Ok(Self {
            degree,
            conv: *conv,
            rows,
            columns,
            split,
        })
    }

    /// Coefficients of a polynomial.
    #[must_use]
    pub const fn degree(&self) -> usize {
        self.degree
    }

    /// How the layer is cut.
    #[must_use]
    pub const fn split(&self) -> Split {
        self.split
    }

    /// Number of tiles.
    #[must_use]
    pub const fn tiles(&self) -> usize {
        self.rows.tiles() * self.columns.tiles()
    }

    /// Input polynomials of a tile; none where all taps meet nothing but padding.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.planes().div_ceil(self.split.planes)
    }

    /// Output polynomials of a tile.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.conv.out_channels.div_ceil(self.split.filters)
    }

    /// The input polynomials that an output polynomial takes products from.
    #[must_use]
    pub fn sources(&self, output: usize) -> Range<usize> {
        let filters = self.filters_of(output);
        let (first, last) = (filters.start, filters.end.saturating_sub(1));
        let (from, to) = (self.planes_of(first).start, self.planes_of(last).end);
        if from == to {
            return 0..0;
        }
        from / self.split.planes..to.div_ceil(self.split.planes)
    }

    /// Where the inputs of a tile lie in an input polynomial.
    #[must_use]
    pub fn place_inputs(&self, tile: usize, input: usize) -> Vec<Place> {
        let (row, column) = self.tile(tile);
        let [height, width] = self.conv.image;
        let mut places = Vec::new();
        for (k, plane) in self.planes_in(input).enumerate() {
            let (channel, [phase_y, phase_x]) = self.plane(plane);
            let columns = self.columns.held(column, phase_x);
            for (local_y, y) in self.rows.held(row, phase_y) {
                let line = k * self.plane_size() + local_y * self.columns.pitch;
                places.extend(columns.iter().map(|(local_x, x)| Place {
                    coefficient: line + local_x,
                    index: (channel * height + y) * width + x,
                    negative: false,
                }));
            }
        }
        places
    }

    /// Whether every weight polynomial is a constant: one plane, one filter, one tap in place.
    #[must_use]
    pub fn are_constants(&self) -> bool {
        let in_place = |axis: &Axis| match axis.taps.as_slice() {
            [Some(tap)] => axis.back(tap.shift) == 0,
            _ => false,
        };
        let one = self.split.planes == 1 && self.split.filters == 1;
        one && in_place(&self.rows) && in_place(&self.columns)
    }

    /// Where the weights that join an input to an output polynomial lie in the polynomial between them.
    #[must_use]
    pub fn place_weights(&self, input: usize, output: usize) -> Vec<Place> {
        let [height, width] = self.conv.kernel;
        let per_group = self.conv.in_channels / self.conv.groups;
        let (size, pitch) = (self.plane_size(), self.columns.pitch.cast_signed());
        let mut places = Vec::new();
        for (j, filter) in self.filters_of(output).enumerate() {
            let joined = self.planes_of(filter);
            for (k, plane) in self.planes_in(input).enumerate() {
                if !joined.contains(&plane) {
                    continue;
                }
                let (channel, [phase_y, phase_x]) = self.plane(plane);
                let base = (j * self.split.planes + self.split.planes - 1 - k) * size;
                let filter = (filter * per_group + channel % per_group) * height;
                for (a, y) in self.rows.taps.iter().enumerate() {
                    let Some(y) = y.filter(|tap| tap.phase == phase_y) else {
                        continue;
                    };
                    for (b, x) in self.columns.taps.iter().enumerate() {
                        let Some(x) = x.filter(|tap| tap.phase == phase_x) else {
                            continue;
                        };
                        let back = self.rows.back(y.shift) * pitch + self.columns.back(x.shift);
                        let (coefficient, negative) = self.wrap(base.cast_signed() - back);
                        places.push(Place {
                            coefficient,
                            index: (filter + a) * width + b,
                            negative,
                        });
                    }
                }
            }
        }
        places
    }

    /// Where the outputs of a tile lie in an output polynomial, by ascending coefficients.
    #[must_use]
    pub fn place_outputs(&self, tile: usize, output: usize) -> Vec<Place> {
        let (row, column) = self.tile(tile);
        let (first_row, first_column) = (self.rows.first(row), self.columns.first(column));
        let mut places = Vec::new();
        for (j, filter) in self.filters_of(output).enumerate() {
            let base = (j * self.split.planes + self.split.planes - 1) * self.plane_size();
            for u in 0..self.rows.tile(row) {
                let line = base + u * self.columns.pitch;
                let index = (filter * self.rows.outputs + first_row + u) * self.columns.outputs;
                places.extend((0..self.columns.tile(column)).map(|v| Place {
                    coefficient: line + v,
                    index: index + first_column + v,
                    negative: false,
                }));
            }
        }
        places
    }

    /// How many coefficients of an output polynomial hold outputs.
    #[must_use]
    pub fn wanted(&self, tile: usize, output: usize) -> usize {
        let (row, column) = self.tile(tile);
        self.filters_of(output).len() * self.rows.tile(row) * self.columns.tile(column)
    }

    /// The coefficients of an input polynomial that some output depends on, ascending. The others need not be sent.
    #[must_use]
    pub fn read(&self, tile: usize, input: usize) -> Vec<usize> {
        let (row, column) = self.tile(tile);
        let (size, pitch) = (self.plane_size(), self.columns.pitch.cast_signed());
        let mut marked = vec![false; self.degree];
        for output in self.readers(input) {
            let filters = self.filters_of(output);
            let last = filters.len().cast_signed() - 1;
            for (k, plane) in self.planes_in(input).enumerate() {
                let mut joined = filters
                    .clone()
                    .enumerate()
                    .filter(|(_, filter)| self.planes_of(*filter).contains(&plane))
                    .map(|(j, _)| j.cast_signed());
                let Some(first_joined) = joined.next() else {
                    continue;
                };
                let last_joined = joined.next_back().unwrap_or(first_joined);
                let (_, [phase_y, phase_x]) = self.plane(plane);
                let (ys, xs) = (
                    self.rows.read(row, phase_y),
                    self.columns.read(column, phase_x),
                );
                for distance in -last_joined..=last - first_joined {
                    let base = distance * self.split.planes.cast_signed() + k.cast_signed();
                    for y in &ys {
                        let line = base * size.cast_signed() + y * pitch;
                        for x in &xs {
                            let (coefficient, _) = self.wrap(line + x);
                            if let Some(mark) = marked.get_mut(coefficient) {
                                *mark = true;
                            }
                        }
                    }
                }
            }
        }
        let marks = marked.iter().enumerate();
        marks.filter(|(_, mark)| **mark).map(|(at, _)| at).collect()
    }

    /// Polynomials, products and coefficients, exactly.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = choose::counts(self);
        counts.up = 0;
        for (row, many_rows) in self.rows.sizes() {
            for (column, many_columns) in self.columns.sizes() {
                let tile = row * self.columns.tiles() + column;
                let read = (0..self.inputs()).map(|input| self.read(tile, input).len() as u64);
                counts.up += (many_rows * many_columns) as u64 * read.sum::<u64>();
            }
        }
        counts
    }

    /// T: coefficients of one plane.
    const fn plane_size(&self) -> usize {
        self.rows.pitch * self.columns.pitch
    }

    const fn phases(&self) -> usize {
        self.rows.phases() * self.columns.phases()
    }

    const fn planes(&self) -> usize {
        self.conv.in_channels * self.phases()
    }

    fn planes_in(&self, input: usize) -> Range<usize> {
        let first = input * self.split.planes;
        first..(first + self.split.planes).min(self.planes())
    }

    fn filters_of(&self, output: usize) -> Range<usize> {
        let first = output * self.split.filters;
        first..(first + self.split.filters).min(self.conv.out_channels)
    }

    /// The planes that a filter reads.
    const fn planes_of(&self, filter: usize) -> Range<usize> {
        let group = filter / (self.conv.out_channels / self.conv.groups);
        let planes = self.planes() / self.conv.groups;
        group * planes..(group + 1) * planes
    }

    /// Channel and phases of a plane.
    const fn plane(&self, plane: usize) -> (usize, [usize; 2]) {
        let (channel, phase) = (plane / self.phases(), plane % self.phases());
        let columns = self.columns.phases();
        (channel, [phase / columns, phase % columns])
    }

    const fn tile(&self, tile: usize) -> (usize, usize) {
        (tile / self.columns.tiles(), tile % self.columns.tiles())
    }

    /// Output polynomials whose reads cover those of all others: without groups the first, which has as many filters as any.
    fn readers(&self, input: usize) -> Vec<usize> {
        if self.conv.groups == 1 {
            let first = 0..self.outputs().min(1);
            return first
                .filter(|output| self.sources(*output).contains(&input))
                .collect();
        }
        // Sources rise with the output: those that read the input are neighbours, and a search finds the first. There may be as
        // many outputs as channels, and each input asks.
        let (mut first, mut end) = (0, self.outputs());
        while first < end {
            let middle = first + (end - first) / 2;
            if self.sources(middle).end > input {
                end = middle;
            } else {
                first = middle + 1;
            }
        }
        (first..self.outputs())
            .take_while(|output| self.sources(*output).contains(&input))
            .collect()
    }

    /// An exponent as a coefficient below N, and whether the sign turns.
    const fn wrap(&self, exponent: isize) -> (usize, bool) {
        let degree = self.degree.cast_signed();
        let turns = exponent.div_euclid(degree);
        (
            exponent.rem_euclid(degree).unsigned_abs(),
            turns.rem_euclid(2) == 1,
        )
    }
}
