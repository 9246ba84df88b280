//! Pooling.

#![expect(
    clippy::indexing_slicing,
    reason = "extents are checked once by output_shape"
)]

use ndarray::Array2;
use privet_model::graph::{Rounding, Window};
use serde::{Deserialize, Serialize};

use super::conv::{for_tap, image};

/// Pooling windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Geometry; the padding is not enlarged where a last window reaches past it.
    pub window: Window,
    /// Output extents `[height, width]`. Cells outside the input are absent, also from a mean's divisor.
    pub output: [usize; 2],
}

/// Which value a window yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Max,
    Mean,
}

impl Pool {
    /// Windows without padding over `[height, width]`, partial last windows left out.
    ///
    /// # Errors
    /// A window that does not fit.
    pub fn new(kernel: [usize; 2], strides: [usize; 2], input: [usize; 2]) -> Result<Self, String> {
        let window = Window {
            strides,
            ..Window::new(kernel)
        };
        Ok(Self {
            output: window.output(input, Rounding::Floor)?,
            window,
        })
    }

    pub(super) fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let (channels, extent) =
            image(input).ok_or_else(|| "[channels, height, width]".to_owned())?;
        let whole = self.window.output(extent, Rounding::Floor)?;
        let partial = self.window.output(extent, Rounding::Ceil)?;
        for axis in 0..2 {
            let out = self.output[axis];
            let covered = (0..out).all(|at| !self.window.taps(axis, extent[axis], at).is_empty());
            if !covered || (out != whole[axis] && out != partial[axis]) {
                return Err(format!("an extent over which {:?} windows go", self.output));
            }
        }
        Ok(vec![channels, self.output[0], self.output[1]])
    }

    /// Calls `f(channel, output cell, input cell)` for all joined cells of a sample, flat within channels.
    fn visit(&self, input: &[usize], output: &[usize], mut f: impl FnMut(usize, usize, usize)) {
        let (Some((channels, input)), Some((_, output))) = (image(input), image(output)) else {
            return;
        };
        let [kh, kw] = self.window.kernel;
        for channel in 0..channels {
            for tap in 0..kh * kw {
                for_tap(&self.window, [tap / kw, tap % kw], input, output, |o, i| {
                    f(channel, o, i);
                });
            }
        }
    }

    /// Cells inside the input, for each of one channel's windows.
    fn divisors(&self, input: &[usize], output: &[usize]) -> Vec<f32> {
        let mut counts = vec![0.0; output.iter().skip(1).product()];
        self.visit(input, output, |channel, o, _| {
            if channel == 0 {
                counts[o] += 1.0;
            }
        });
        counts
    }

    pub(super) fn forward(
        &self,
        x: &Array2<f32>,
        [input, output]: [&[usize]; 2],
        kind: Kind,
    ) -> Array2<f32> {
        let plane_in: usize = input.iter().skip(1).product();
        let plane_out: usize = output.iter().skip(1).product();
        let start = if kind == Kind::Max {
            f32::NEG_INFINITY
        } else {
            0.0
        };
        let mut y = Array2::from_elem((x.nrows(), output.iter().product()), start);
        let divisors = match kind {
            Kind::Max => vec![],
            Kind::Mean => self.divisors(input, output),
        };
        for (x, mut y) in x.outer_iter().zip(y.outer_iter_mut()) {
            self.visit(input, output, |c, o, i| {
                let v = x[c * plane_in + i];
                let out = &mut y[c * plane_out + o];
                match kind {
                    Kind::Max => *out = out.max(v),
                    Kind::Mean => *out += v / divisors[o],
                }
            });
        }
        y
    }

    /// The input's gradient; a maximum's goes to the first cell that holds it.
    pub(super) fn backward(
        &self,
        x: &Array2<f32>,
        dy: &Array2<f32>,
        [input, output]: [&[usize]; 2],
        kind: Kind,
    ) -> Array2<f32> {
        let plane_in: usize = input.iter().skip(1).product();
        let plane_out: usize = output.iter().skip(1).product();
        let mut dx = Array2::zeros(x.dim());
        let divisors = match kind {
            Kind::Max => vec![],
            Kind::Mean => self.divisors(input, output),
        };
        for ((x, dy), mut dx) in x.outer_iter().zip(dy.outer_iter()).zip(dx.outer_iter_mut()) {
            match kind {
                Kind::Mean => self.visit(input, output, |c, o, i| {
                    dx[c * plane_in + i] += dy[c * plane_out + o] / divisors[o];
                }),
                Kind::Max => {
                    let mut best: Vec<Option<usize>> = vec![None; dy.len()];
                    self.visit(input, output, |c, o, i| {
                        let (o, i) = (c * plane_out + o, c * plane_in + i);
                        if best[o].is_none_or(|b| x[i] > x[b]) {
                            best[o] = Some(i);
                        }
                    });
                    for (o, best) in best.into_iter().enumerate() {
                        if let Some(i) = best {
                            dx[i] += dy[o];
                        }
                    }
                }
            }
        }
        dx
    }
}
