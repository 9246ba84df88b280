//! Which cells a window covers, and how many of them an average counts.

use crate::quant::ir::Window;

impl Window {
    /// Input indices that the window at `position` covers along `axis` (0: height, 1: width) of
    /// `extent` cells, ascending. Padding and what a last window covers beyond it are absent.
    pub fn cells(
        &self,
        axis: usize,
        position: usize,
        extent: usize,
    ) -> impl Iterator<Item = usize> + '_ {
        self.taps(axis, extent, position)
            .map(move |tap| self.index(axis, position, tap))
    }

    /// Cells that an average counts along `axis` at `position`; those of the whole window are the
    /// product over both axes. With `count_padding` the declared padding counts, but never what a
    /// last window covers beyond it in ceil mode.
    #[must_use]
    pub fn counted(
        &self,
        axis: usize,
        position: usize,
        extent: usize,
        count_padding: bool,
    ) -> usize {
        if !count_padding {
            return self.taps(axis, extent, position).len();
        }
        let [kernel, stride, dilation, before, after] = self.along(axis);
        let padded = extent.saturating_add(before).saturating_add(after);
        padded
            .saturating_sub(position.saturating_mul(stride))
            .div_ceil(dilation.max(1))
            .min(kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tap by tap, as ONNX defines pooling.
    fn reference(w: &Window, position: usize, extent: usize) -> (Vec<usize>, usize) {
        let mut cells = vec![];
        let mut counted = 0;
        for tap in 0..w.kernel[0] {
            let padded = position * w.strides[0] + tap * w.dilations[0];
            if padded < w.pads_before[0] + extent + w.pads_after[0] {
                counted += 1;
            }
            if padded >= w.pads_before[0] && padded < w.pads_before[0] + extent {
                cells.push(padded - w.pads_before[0]);
            }
        }
        (cells, counted)
    }

    #[test]
    fn cells_and_counts_follow_the_definition() {
        for (kernel, stride, dilation, before, after, extent) in [
            (3, 2, 1, 0, 0, 4),
            (3, 2, 1, 1, 1, 4),
            (3, 2, 1, 1, 0, 5),
            (2, 1, 5, 3, 3, 3),
            (3, 1, 4, 3, 2, 2),
            (1, 3, 1, 0, 0, 7),
            (4, 3, 2, 2, 1, 9),
        ] {
            let w = Window {
                kernel: [kernel, 1],
                strides: [stride, 1],
                dilations: [dilation, 1],
                pads_before: [before, 0],
                pads_after: [after, 0],
            };
            for position in 0..=(extent + before + after) / stride {
                let (cells, counted) = reference(&w, position, extent);
                assert_eq!(w.cells(0, position, extent).collect::<Vec<_>>(), cells);
                assert_eq!(w.counted(0, position, extent, true), counted);
                assert_eq!(w.counted(0, position, extent, false), cells.len());
            }
        }
    }
}
