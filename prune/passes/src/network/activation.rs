//! Element-wise layers.

use ndarray::{Array2, Zip};

/// 1 / (1 + e^-x).
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `dy * f'(x)`, the derivative being given as a function of the output `y = f(x)`.
pub(super) fn backward(
    y: &Array2<f32>,
    mut dy: Array2<f32>,
    derivative: impl Fn(f32) -> f32,
) -> Array2<f32> {
    Zip::from(&mut dy)
        .and(y)
        .for_each(|d, y| *d *= derivative(*y));
    dy
}
