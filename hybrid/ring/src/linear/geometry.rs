//! Which weight meets which input in which output.

use std::ops::Range;

/// Most products of one layer, and most weights, inputs or outputs.
pub const MAX_PRODUCTS: u64 = 1 << 40;

/// Most cells along an axis, padding included.
const MAX_EXTENT: usize = 1 << 16;

/// Most cells of a plane, and most pairs of a tap and an output cell: they are held in memory.
const MAX_PLANE: usize = 1 << 24;

/// A geometry that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A number that must be at least one is zero.
    #[error("{what} is 0")]
    Zero {
        /// Which number.
        what: &'static str,
    },
    /// Channels that the groups do not divide.
    #[error("{groups} groups do not divide {channels} {what}")]
    Groups {
        /// Which channels.
        what: &'static str,
        /// Their number.
        channels: usize,
        /// The groups.
        groups: usize,
    },
    /// A kernel that does not fit into the padded image.
    #[error("a kernel that covers {covers} cells does not fit into {extent} padded cells")]
    Kernel {
        /// Cells from the first tap to the last.
        covers: usize,
        /// Cells along this axis, padding included.
        extent: usize,
    },
    /// More than a layer may have.
    #[error("the layer is too large: {what}")]
    Size {
        /// What there is too much of.
        what: &'static str,
    },
    /// A slice of another length than the geometry says.
    #[error("{what}: length {got} instead of {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Length needed.
        expected: usize,
        /// Length given.
        got: usize,
    },
}

/// A two-dimensional convolution; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Channel groups.
    pub groups: usize,
    /// Extent of an input plane.
    pub image: [usize; 2],
    /// Extent of the kernel.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub strides: [usize; 2],
    /// Distance between taps.
    pub dilations: [usize; 2],
    /// Zeros before (top, left).
    pub pads_before: [usize; 2],
    /// Zeros after (bottom, right).
    pub pads_after: [usize; 2],
}

/// One product of a weight or an input: its partner's index, and the output it is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Index of the input that a weight meets, or of the weight that an input meets.
    pub partner: usize,
    /// Index of the output.
    pub output: usize,
}

/// Within one plane: which two cells, or which tap and cell, meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    from: u32,
    to: u32,
}

/// A linear map with shared weights: `z[o] = Σ w[q]·x[i]` over public triples (q, i, o).
///
/// Weights are `[out channel][in channel of the group][tap]`, inputs `[channel][cell]`, outputs `[channel][cell]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    in_channels: usize,
    out_channels: usize,
    groups: usize,
    in_plane: usize,
    out_plane: usize,
    /// Per tap: (input cell, output cell), by output.
    taps: Vec<Vec<Pair>>,
    /// Per input cell: (tap, output cell).
    cells: Vec<Vec<Pair>>,
    /// Uses before each tap of one pair of channels, and all of them.
    before_tap: Vec<u64>,
    /// Uses before each cell of one pair of channels, and all of them.
    before_cell: Vec<u64>,
}

fn positive(what: &'static str, value: usize) -> Result<usize, GeometryError> {
    if value == 0 {
        return Err(GeometryError::Zero { what });
    }
    Ok(value)
}

fn bounded(what: &'static str, factors: &[usize]) -> Result<usize, GeometryError> {
    factors
        .iter()
        .try_fold(1usize, |product, &factor| product.checked_mul(factor))
        .filter(|&product| product as u64 <= MAX_PRODUCTS)
        .ok_or(GeometryError::Size { what })
}

fn in_memory(factors: &[usize]) -> Result<(), GeometryError> {
    let what = "cells of a plane";
    if bounded(what, factors)? > MAX_PLANE {
        return Err(GeometryError::Size { what });
    }
    Ok(())
}

fn narrow(cell: usize) -> Result<u32, GeometryError> {
    u32::try_from(cell).map_err(|_| GeometryError::Size {
        what: "cells of a plane",
    })
}

/// Outputs along one axis.
pub(super) fn extent(conv: &Conv, axis: usize) -> Result<usize, GeometryError> {
    let along = |pair: [usize; 2]| pair.get(axis).copied().unwrap_or_default();
    let size = GeometryError::Size { what: "window" };
    let covers = (along(conv.kernel) - 1)
        .checked_mul(along(conv.dilations))
        .and_then(|cells| cells.checked_add(1))
        .ok_or_else(|| size.clone())?;
    let padded = along(conv.image)
        .checked_add(along(conv.pads_before))
        .and_then(|cells| cells.checked_add(along(conv.pads_after)))
        .filter(|&cells| cells <= MAX_EXTENT)
        .ok_or(size)?;
    let room = padded.checked_sub(covers).ok_or(GeometryError::Kernel {
        covers,
        extent: padded,
    })?;
    Ok(room / along(conv.strides) + 1)
}

/// Per tap, (input, output) along one axis.
fn axis_pairs(conv: &Conv, axis: usize) -> Result<Vec<Vec<(usize, usize)>>, GeometryError> {
    let along = |pair: [usize; 2]| pair.get(axis).copied().unwrap_or_default();
    let outputs = extent(conv, axis)?;
    in_memory(&[outputs, along(conv.kernel)])?;
    let pairs = |tap: usize| {
        let inside = |output: usize| {
            let padded = output * along(conv.strides) + tap * along(conv.dilations);
            let input = padded.checked_sub(along(conv.pads_before))?;
            (input < along(conv.image)).then_some((input, output))
        };
        (0..outputs).filter_map(inside).collect()
    };
    Ok((0..along(conv.kernel)).map(pairs).collect())
}

fn sums(lengths: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut total = 0;
    let mut before = vec![0];
    before.extend(lengths.map(|len| {
        total += len as u64;
        total
    }));
    before
}

impl Geometry {
    /// `[outputs × inputs]` times `[inputs × columns]`.
    ///
    /// # Errors
    /// A zero, or too many products.
    pub fn matrix(outputs: usize, inputs: usize, columns: usize) -> Result<Self, GeometryError> {
        for (what, value) in [
            ("outputs", outputs),
            ("inputs", inputs),
            ("columns", columns),
        ] {
            positive(what, value)?;
        }
        bounded("products", &[outputs, inputs, columns])?;
        in_memory(&[columns])?;
        let same = |cell| {
            Ok(Pair {
                from: cell,
                to: cell,
            })
        };
        let tap = (0..narrow(columns)?).map(same).collect::<Result<_, _>>()?;
        Self::new([inputs, outputs, 1], [columns, columns], vec![tap])
    }

    /// A convolution with zero padding.
    ///
    /// # Errors
    /// A zero, channels that the groups do not divide, a kernel larger than the padded image, too many products.
    pub fn convolution(conv: &Conv) -> Result<Self, GeometryError> {
        let groups = positive("groups", conv.groups)?;
        for (what, channels) in [
            ("input channels", conv.in_channels),
            ("output channels", conv.out_channels),
        ] {
            if positive(what, channels)? % groups != 0 {
                return Err(GeometryError::Groups {
                    what,
                    channels,
                    groups,
                });
            }
        }
        for (what, pair) in [
            ("image", conv.image),
            ("kernel", conv.kernel),
            ("stride", conv.strides),
            ("dilation", conv.dilations),
        ] {
            pair.iter().try_for_each(|&v| positive(what, v).map(drop))?;
        }
        let [height, width] = conv.image;
        let (rows, columns) = (axis_pairs(conv, 0)?, axis_pairs(conv, 1)?);
        let (out_height, out_width) = (extent(conv, 0)?, extent(conv, 1)?);
        let (taps, out_plane) = (rows.len() * columns.len(), out_height * out_width);
        in_memory(&[height, width])?;
        in_memory(&[taps, out_height, out_width])?;
        let per_group = conv.in_channels / groups;
        bounded("products", &[conv.out_channels, per_group, taps, out_plane])?;
        bounded("inputs", &[conv.in_channels, height, width])?;
        let mut all = Vec::with_capacity(taps);
        for row in &rows {
            for column in &columns {
                let mut pairs = Vec::with_capacity(row.len() * column.len());
                for &(y, to_y) in row {
                    for &(x, to_x) in column {
                        pairs.push(Pair {
                            from: narrow(y * width + x)?,
                            to: narrow(to_y * out_width + to_x)?,
                        });
                    }
                }
                all.push(pairs);
            }
        }
        let channels = [conv.in_channels, conv.out_channels, groups];
        Self::new(channels, [height * width, out_plane], all)
    }

    fn new(
        [in_channels, out_channels, groups]: [usize; 3],
        [in_plane, out_plane]: [usize; 2],
        taps: Vec<Vec<Pair>>,
    ) -> Result<Self, GeometryError> {
        let mut cells = vec![Vec::new(); in_plane];
        for (tap, pairs) in taps.iter().enumerate() {
            let from = narrow(tap)?;
            for pair in pairs {
                if let Some(cell) = cells.get_mut(pair.from as usize) {
                    cell.push(Pair { from, to: pair.to });
                }
            }
        }
        Ok(Self {
            in_channels,
            out_channels,
            groups,
            in_plane,
            out_plane,
            before_tap: sums(taps.iter().map(Vec::len)),
            before_cell: sums(cells.iter().map(Vec::len)),
            taps,
            cells,
        })
    }

    /// Number of weights.
    #[must_use]
    pub const fn weights(&self) -> usize {
        self.out_channels * self.group_inputs() * self.taps.len()
    }

    /// Number of inputs.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.in_channels * self.in_plane
    }

    /// Number of outputs.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.out_channels * self.out_plane
    }

    /// Number of products; those with a padding zero do not exist.
    #[must_use]
    pub fn products(&self) -> u64 {
        let pairs = self.out_channels as u64 * self.group_inputs() as u64;
        pairs * self.before_tap.last().copied().unwrap_or_default()
    }

    /// Output channels, and cells of each.
    #[must_use]
    pub const fn output_shape(&self) -> [usize; 2] {
        [self.out_channels, self.out_plane]
    }

    /// Input channels, and cells of each.
    #[must_use]
    pub const fn input_shape(&self) -> [usize; 2] {
        [self.in_channels, self.in_plane]
    }

    /// Number of channel groups.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.groups
    }

    /// Weights of one output channel.
    #[must_use]
    pub const fn row(&self) -> usize {
        self.group_inputs() * self.taps.len()
    }

    /// Number of taps.
    #[must_use]
    pub const fn taps(&self) -> usize {
        self.taps.len()
    }

    /// (input cell, output cell) of a tap, ascending in outputs.
    pub(super) fn tap(&self, tap: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let pairs = self.taps.get(tap).map_or(&[][..], Vec::as_slice);
        pairs.iter().map(|p| (p.from as usize, p.to as usize))
    }

    const fn group_inputs(&self) -> usize {
        self.in_channels / self.groups
    }

    const fn group_outputs(&self) -> usize {
        self.out_channels / self.groups
    }

    /// The products of one weight, in place of what `uses` held; partners are inputs.
    pub fn uses_of_weight(&self, weight: usize, uses: &mut Vec<Use>) {
        uses.clear();
        let (tap, channels) = (weight % self.taps.len(), weight / self.taps.len());
        let (inner, out) = (
            channels % self.group_inputs(),
            channels / self.group_inputs(),
        );
        let channel = out / self.group_outputs() * self.group_inputs() + inner;
        let (input, output) = (channel * self.in_plane, out * self.out_plane);
        uses.extend(self.tap(tap).map(|(from, to)| Use {
            partner: input + from,
            output: output + to,
        }));
    }

    /// The products of one input, in place of what `uses` held; partners are weights.
    pub fn uses_of_input(&self, input: usize, uses: &mut Vec<Use>) {
        uses.clear();
        let (cell, channel) = (input % self.in_plane, input / self.in_plane);
        let (group, inner) = (channel / self.group_inputs(), channel % self.group_inputs());
        let pairs = self.cells.get(cell).map_or(&[][..], Vec::as_slice);
        let first = group * self.group_outputs();
        for out in first..first + self.group_outputs() {
            let weight = (out * self.group_inputs() + inner) * self.taps.len();
            uses.extend(pairs.iter().map(|pair| Use {
                partner: weight + pair.from as usize,
                output: out * self.out_plane + pair.to as usize,
            }));
        }
    }

    /// How many products the weights of a range have together.
    #[must_use]
    pub fn products_of_weights(&self, weights: Range<usize>) -> u64 {
        range_sum(&self.before_tap, weights)
    }

    /// How many products the inputs of a range have together.
    #[must_use]
    pub fn products_of_inputs(&self, inputs: Range<usize>) -> u64 {
        self.group_outputs() as u64 * range_sum(&self.before_cell, inputs)
    }

    /// `Σ w·x` mod 2^64 for every output, product by product: the meaning of all products of this geometry.
    ///
    /// # Errors
    /// Slices of other lengths than the geometry's.
    pub fn apply(&self, weights: &[i32], x: &[u64]) -> Result<Vec<u64>, GeometryError> {
        self.check(weights, x)?;
        let mut z = vec![0u64; self.outputs()];
        let mut uses = Vec::new();
        for (index, &weight) in weights.iter().enumerate() {
            self.uses_of_weight(index, &mut uses);
            let weight = i64::from(weight).cast_unsigned();
            for at in &uses {
                if let (Some(z), Some(x)) = (z.get_mut(at.output), x.get(at.partner)) {
                    *z = z.wrapping_add(weight.wrapping_mul(*x));
                }
            }
        }
        Ok(z)
    }

    pub(super) fn check(&self, weights: &[i32], x: &[u64]) -> Result<(), GeometryError> {
        for (what, expected, got) in [
            ("weights", self.weights(), weights.len()),
            ("inputs", self.inputs(), x.len()),
        ] {
            if expected != got {
                return Err(GeometryError::Length {
                    what,
                    expected,
                    got,
                });
            }
        }
        Ok(())
    }
}

/// Sum over a range of a sequence that repeats; `before` are the sums within one period.
fn range_sum(before: &[u64], range: Range<usize>) -> u64 {
    let period = before.len().saturating_sub(1).max(1);
    let whole = before.last().copied().unwrap_or_default();
    let upto = |end: usize| {
        let part = before.get(end % period).copied().unwrap_or_default();
        (end / period) as u64 * whole + part
    };
    upto(range.end).saturating_sub(upto(range.start))
}

#[cfg(test)]
mod tests;
