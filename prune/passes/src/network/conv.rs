//! Convolution by matrix products over unrolled windows.

#![expect(
    clippy::indexing_slicing,
    reason = "extents are checked once by output_shape"
)]

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use privet_model::graph::{Rounding, Window};
use serde::{Deserialize, Serialize};

use super::Weights;
use super::pass::Gradient;
use crate::error::Error;

/// A convolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv {
    /// Geometry.
    pub window: Window,
    /// Channel groups.
    pub groups: usize,
    /// Input channels.
    pub in_channels: usize,
    /// `[out_channels, in_channels / groups * kh * kw]` and one bias per output channel.
    pub weights: Weights,
}

/// Calls `f(output, input)` with the flat positions of every pair of cells that tap `[ky, kx]` joins.
pub(super) fn for_tap(
    window: &Window,
    tap: [usize; 2],
    input: [usize; 2],
    output: [usize; 2],
    mut f: impl FnMut(usize, usize),
) {
    let at = |axis: usize, o: usize| {
        (o * window.strides[axis] + tap[axis] * window.dilations[axis])
            .checked_sub(window.pads_before[axis])
            .filter(|i| *i < input[axis])
    };
    for oy in 0..output[0] {
        let Some(iy) = at(0, oy) else { continue };
        for ox in 0..output[1] {
            if let Some(ix) = at(1, ox) {
                f(oy * output[1] + ox, iy * input[1] + ix);
            }
        }
    }
}

/// Splits `[C, H, W]`.
pub(super) fn image(shape: &[usize]) -> Option<(usize, [usize; 2])> {
    match shape {
        [c, h, w] => Some((*c, [*h, *w])),
        _ => None,
    }
}

impl Conv {
    pub(super) fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [kh, kw] = self.window.kernel;
        let outputs = self.weights.matrix.nrows();
        let expected = || {
            format!(
                "[{}, height, width] at least the kernel's",
                self.in_channels
            )
        };
        let grouped = self.groups > 0
            && self.in_channels.is_multiple_of(self.groups)
            && outputs.is_multiple_of(self.groups);
        if !grouped
            || !self
                .weights
                .fits(outputs, self.in_channels / self.groups * kh * kw)
        {
            return Err(format!("weights that fit {} channels", self.in_channels));
        }
        let (channels, extent) = image(input).ok_or_else(expected)?;
        if channels != self.in_channels {
            return Err(expected());
        }
        let [oh, ow] = self.window.output(extent, Rounding::Floor)?;
        Ok(vec![outputs, oh, ow])
    }

    /// Unrolls one group's windows of a sample: `[channels * kh * kw, positions]`.
    fn unroll(&self, sample: &[f32], g: &Geometry, group: usize, columns: &mut Array2<f32>) {
        let [kh, kw] = self.window.kernel;
        columns.fill(0.0);
        for channel in 0..g.group_in {
            let start = (group * g.group_in + channel) * g.input[0] * g.input[1];
            let plane = &sample[start..start + g.input[0] * g.input[1]];
            for tap in 0..kh * kw {
                let mut row = columns.row_mut(channel * kh * kw + tap);
                for_tap(
                    &self.window,
                    [tap / kw, tap % kw],
                    g.input,
                    g.output,
                    |o, i| {
                        row[o] = plane[i];
                    },
                );
            }
        }
    }

    /// Adds the gradient of one group's unrolled windows to the sample's.
    fn roll(&self, columns: &Array2<f32>, g: &Geometry, group: usize, sample: &mut [f32]) {
        let [kh, kw] = self.window.kernel;
        for channel in 0..g.group_in {
            let start = (group * g.group_in + channel) * g.input[0] * g.input[1];
            let plane = &mut sample[start..start + g.input[0] * g.input[1]];
            for tap in 0..kh * kw {
                let row = columns.row(channel * kh * kw + tap);
                for_tap(
                    &self.window,
                    [tap / kw, tap % kw],
                    g.input,
                    g.output,
                    |o, i| {
                        plane[i] += row[o];
                    },
                );
            }
        }
    }

    pub(super) fn forward(
        &self,
        x: &Array2<f32>,
        input: &[usize],
        output: &[usize],
    ) -> Result<Array2<f32>, Error> {
        let g = Geometry::new(self, input, output)?;
        let mut y = Array2::zeros((x.nrows(), output.iter().product()));
        let mut columns = Array2::zeros((self.weights.matrix.ncols(), g.positions()));
        for (x, mut y) in x.outer_iter().zip(y.outer_iter_mut()) {
            let (Some(x), Some(y)) = (x.as_slice(), y.as_slice_mut()) else {
                continue;
            };
            for group in 0..self.groups {
                self.unroll(x, &g, group, &mut columns);
                let rows = group * g.group_out..(group + 1) * g.group_out;
                let part = &mut y[rows.start * g.positions()..rows.end * g.positions()];
                let mut part = ArrayViewMut2::from_shape((g.group_out, g.positions()), part)?;
                for (mut row, bias) in part.outer_iter_mut().zip(
                    self.weights
                        .bias
                        .slice_axis(Axis(0), Slice::from(rows.clone())),
                ) {
                    row.fill(*bias);
                }
                let weights = self.weights.matrix.slice_axis(Axis(0), Slice::from(rows));
                general_mat_mul(1.0, &weights, &columns, 1.0, &mut part);
            }
        }
        Ok(y)
    }

    /// The parameters' gradient and, if asked, the input's.
    pub(super) fn backward(
        &self,
        x: &Array2<f32>,
        dy: &Array2<f32>,
        shapes: [&[usize]; 2],
        need_input: bool,
    ) -> Result<(Gradient, Option<Array2<f32>>), Error> {
        let g = Geometry::new(self, shapes[0], shapes[1])?;
        let mut gradient = Gradient::zeros(&self.weights);
        let mut dx = need_input.then(|| Array2::<f32>::zeros(x.dim()));
        let mut columns = Array2::zeros((self.weights.matrix.ncols(), g.positions()));
        for sample in 0..x.nrows() {
            let (x, dy) = (x.row(sample), dy.row(sample));
            let (Some(x), Some(dy)) = (x.as_slice(), dy.as_slice()) else {
                continue;
            };
            for group in 0..self.groups {
                let rows = group * g.group_out..(group + 1) * g.group_out;
                let part = &dy[rows.start * g.positions()..rows.end * g.positions()];
                let part = ArrayView2::from_shape((g.group_out, g.positions()), part)?;
                self.unroll(x, &g, group, &mut columns);
                let mut matrix = gradient
                    .matrix
                    .slice_axis_mut(Axis(0), Slice::from(rows.clone()));
                general_mat_mul(1.0, &part, &columns.t(), 1.0, &mut matrix);
                let mut bias = gradient
                    .bias
                    .slice_axis_mut(Axis(0), Slice::from(rows.clone()));
                bias += &part.sum_axis(Axis(1));
                if let Some(dx) = &mut dx {
                    let weights = self.weights.matrix.slice_axis(Axis(0), Slice::from(rows));
                    general_mat_mul(1.0, &weights.t(), &part, 0.0, &mut columns);
                    if let Some(dx) = dx.row_mut(sample).as_slice_mut() {
                        self.roll(&columns, &g, group, dx);
                    }
                }
            }
        }
        Ok((gradient, dx))
    }
}

/// Extents of one convolution between given shapes.
struct Geometry {
    input: [usize; 2],
    output: [usize; 2],
    group_in: usize,
    group_out: usize,
}

impl Geometry {
    fn new(conv: &Conv, input: &[usize], output: &[usize]) -> Result<Self, Error> {
        let (Some((channels, input)), Some((outputs, output))) = (image(input), image(output))
        else {
            return Err(Error::Data("a convolution between vectors".to_owned()));
        };
        let groups = conv.groups.max(1);
        Ok(Self {
            input,
            output,
            group_in: channels / groups,
            group_out: outputs / groups,
        })
    }

    fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }
}
