//! Bilinear resizing in f32: a triangle filter, widened when the image shrinks so that every pixel counts.

use std::ops::Range;

/// Resizes planes of `[height, width]`, one after another in `values`.
pub(super) fn resize(values: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    let ([from_h, from_w], [to_h, to_w]) = (from, to);
    let (rows, columns) = (filters(from_h, to_h), filters(from_w, to_w));
    let mut result = Vec::with_capacity(values.len() / (from_h * from_w) * to_h * to_w);
    for plane in values.chunks(from_h * from_w) {
        let narrow: Vec<f32> = plane
            .chunks(from_w)
            .flat_map(|line| columns.iter().map(|f| f.apply(line.iter())))
            .collect();
        for row in &rows {
            for x in 0..to_w {
                result.push(row.apply(narrow.iter().skip(x).step_by(to_w)));
            }
        }
    }
    result
}

/// The source cells that make up one result, and their weights.
struct Filter {
    cells: Range<usize>,
    weights: Vec<f32>,
}

impl Filter {
    fn apply<'a>(&self, line: impl Iterator<Item = &'a f32>) -> f32 {
        line.skip(self.cells.start)
            .zip(&self.weights)
            .map(|(v, w)| v * w)
            .sum()
    }
}

/// One filter per result along an axis; cells' centres lie at half-integers.
fn filters(from: usize, to: usize) -> Vec<Filter> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    (0..to)
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            let weight = |cell: usize| {
                let distance = (cell as f64 + 0.5 - centre).abs() / support;
                (1.0 - distance).max(0.0)
            };
            let cells = cell(centre - support)..cell(centre + support + 1.0).min(from);
            let sum: f64 = cells.clone().map(weight).sum();
            let weights = cells.clone().map(|c| to_f32(weight(c) / sum)).collect();
            Filter { cells, weights }
        })
        .collect()
}

/// The cell at a coordinate; the first for negative ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "coordinates are far below 2^52 and clamped at 0"
)]
fn cell(coordinate: f64) -> usize {
    coordinate.max(0.0) as usize
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "weights lie between 0 and 1"
)]
const fn to_f32(v: f64) -> f32 {
    v as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_extents_change_nothing() {
        let image: Vec<f32> = (0..24_u8).map(f32::from).collect();
        assert_eq!(resize(&image, [3, 4], [3, 4]), image);
    }

    #[test]
    fn halving_is_the_known_triangle() {
        // Shrinking by two: weights 1/8 3/8 3/8 1/8, renormalised at the borders.
        let got = resize(&[8.0, 16.0, 24.0, 32.0], [1, 4], [1, 2]);
        let left = (3.0 * 8.0 + 3.0 * 16.0 + 24.0) / 7.0;
        let right = (16.0 + 3.0 * 24.0 + 3.0 * 32.0) / 7.0;
        assert!(
            (got[0] - left).abs() < 1e-5 && (got[1] - right).abs() < 1e-5,
            "{got:?}"
        );
    }

    #[test]
    fn doubling_interpolates_between_centres() {
        let got = resize(&[0.0, 4.0], [1, 2], [1, 4]);
        assert_eq!(got, [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(resize(&[0.0, 4.0], [2, 1], [4, 1]), [0.0, 1.0, 3.0, 4.0]);
    }

    #[test]
    fn a_constant_image_stays_constant() {
        for to in [[1, 1], [7, 3], [40, 50]] {
            let got = resize(&vec![3.0; 2 * 13 * 17], [13, 17], to);
            assert_eq!(got.len(), 2 * to[0] * to[1]);
            assert!(got.iter().all(|v| (v - 3.0).abs() < 1e-5));
        }
    }
}
