//! Digits drawn by this project: pen strokes under random distortion.
//!
//! The embedded demo recognises them, and tests train on them. Each digit has one to three ways of
//! writing it; a drawing bends, slants, scales, moves and thickens the strokes at random, then
//! renders them with soft edges, uneven ink and noise.

mod strokes;

use crate::data::Dataset;
use crate::error::Error;
use crate::rng::Rng;

/// Height and width of a drawing.
pub const SIDE: usize = 16;

/// A drawing: grey levels, 0 = paper, 255 = ink, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// `SIDE * SIDE` levels.
    pub pixels: Vec<u8>,
    /// The digit it shows.
    pub digit: u8,
}

/// Drawing number `index` under `seed`; the digit is `index % 10`.
#[must_use]
pub fn draw(seed: u64, index: u64) -> Drawing {
    let mut rng = Rng::new(seed ^ 0x4449_4749, index);
    let digit = u8::try_from(index % 10).unwrap_or(0);
    let segments = strokes::distorted(digit, &mut rng);
    Drawing {
        pixels: render(&segments, &mut rng),
        digit,
    }
}

/// `count` drawings as samples in [0, 1] (level / 255) with their digits as labels.
///
/// # Errors
/// Never for a count of at least 1; the type is that of [`Dataset::new`].
pub fn dataset(seed: u64, count: usize) -> Result<Dataset, Error> {
    let (mut rows, mut labels) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for index in 0..count as u64 {
        let drawing = draw(seed, index);
        rows.push(
            drawing
                .pixels
                .iter()
                .map(|p| f32::from(*p) / 255.0)
                .collect::<Vec<f32>>(),
        );
        labels.push(usize::from(drawing.digit));
    }
    Dataset::from_rows(&rows, labels, 10)
}

/// A straight piece of a stroke, in pixels.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from: [f32; 2],
    to: [f32; 2],
}

impl Segment {
    fn distance(&self, [x, y]: [f32; 2]) -> f32 {
        let [dx, dy] = [self.to[0] - self.from[0], self.to[1] - self.from[1]];
        let [px, py] = [x - self.from[0], y - self.from[1]];
        let length = dx.mul_add(dx, dy * dy).max(1e-9);
        let t = (px.mul_add(dx, py * dy) / length).clamp(0.0, 1.0);
        (px - t * dx).hypot(py - t * dy)
    }
}

/// Inks every pixel by its distance from the nearest stroke.
fn render(segments: &[Segment], rng: &mut Rng) -> Vec<u8> {
    let radius = rng.range(0.55, 1.15);
    let softness = rng.range(0.8, 1.5);
    let ink = rng.range(190.0, 255.0);
    let noise = rng.range(0.0, 14.0);
    let mut pixels = Vec::with_capacity(SIDE * SIDE);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = [x as f32 + 0.5, y as f32 + 0.5];
            let distance = segments
                .iter()
                .map(|s| s.distance(at))
                .fold(f32::INFINITY, f32::min);
            let cover = ((radius - distance) / softness + 0.5).clamp(0.0, 1.0);
            let grain = noise * rng.normal() * (0.25 + 0.75 * cover);
            pixels.push(level(ink * cover + grain));
        }
    }
    pixels
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to a byte")]
#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
fn level(v: f32) -> u8 {
    v.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_fixed_by_seed_and_index() {
        assert_eq!(draw(1, 23), draw(1, 23));
        assert_ne!(draw(1, 23), draw(1, 33));
        assert_ne!(draw(1, 23), draw(2, 23));
        assert_eq!(draw(1, 23).digit, 3);
    }

    #[test]
    fn ink_stays_on_the_paper() {
        for index in 0..500 {
            let d = draw(9, index);
            assert_eq!(d.pixels.len(), SIDE * SIDE);
            let dark = d.pixels.iter().filter(|p| **p > 128).count();
            assert!(
                (10..150).contains(&dark),
                "drawing {index}: {dark} dark pixels"
            );
            let border = (0..SIDE)
                .flat_map(|i| [i, (SIDE - 1) * SIDE + i, i * SIDE, i * SIDE + SIDE - 1])
                .filter(|i| d.pixels[*i] > 200)
                .count();
            assert!(
                border <= 8,
                "drawing {index}: {border} dark pixels at the border"
            );
        }
    }
}
