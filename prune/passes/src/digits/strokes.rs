//! How each digit is written, and how a hand varies it.

use super::{SIDE, Segment};
use crate::rng::Rng;

/// Points of a stroke in the unit square (x right, y down), and whether it is drawn round.
type Stroke = (&'static [[f32; 2]], bool);

const ZERO: &[[f32; 2]] = &[
    [0.52, 0.04],
    [0.24, 0.16],
    [0.12, 0.5],
    [0.22, 0.84],
    [0.5, 0.96],
    [0.78, 0.82],
    [0.88, 0.5],
    [0.76, 0.16],
    [0.5, 0.05],
];
const ONE: &[[f32; 2]] = &[[0.5, 0.04], [0.5, 0.96]];
const ONE_FLAG: &[[f32; 2]] = &[[0.28, 0.28], [0.54, 0.05], [0.54, 0.96]];
const ONE_BASE: &[[f32; 2]] = &[[0.3, 0.95], [0.76, 0.95]];
const TWO: &[[f32; 2]] = &[
    [0.16, 0.28],
    [0.28, 0.09],
    [0.55, 0.04],
    [0.8, 0.18],
    [0.78, 0.42],
    [0.5, 0.68],
    [0.16, 0.93],
];
const TWO_BASE: &[[f32; 2]] = &[[0.16, 0.93], [0.88, 0.93]];
const TWO_LOOP: &[[f32; 2]] = &[
    [0.18, 0.22],
    [0.42, 0.05],
    [0.74, 0.14],
    [0.76, 0.4],
    [0.48, 0.72],
    [0.22, 0.92],
    [0.14, 0.82],
    [0.3, 0.76],
    [0.58, 0.92],
    [0.88, 0.9],
];
const THREE: &[[f32; 2]] = &[
    [0.18, 0.14],
    [0.46, 0.04],
    [0.76, 0.14],
    [0.74, 0.36],
    [0.44, 0.48],
];
const THREE_LOW: &[[f32; 2]] = &[
    [0.44, 0.48],
    [0.76, 0.58],
    [0.84, 0.78],
    [0.56, 0.96],
    [0.16, 0.86],
];
const THREE_FLAT: &[[f32; 2]] = &[[0.18, 0.06], [0.8, 0.06], [0.44, 0.44]];
const FOUR_OPEN: &[[f32; 2]] = &[[0.26, 0.06], [0.16, 0.56], [0.88, 0.56]];
const FOUR_STEM: &[[f32; 2]] = &[[0.68, 0.12], [0.64, 0.96]];
const FOUR_CLOSED: &[[f32; 2]] = &[[0.66, 0.96], [0.66, 0.05], [0.1, 0.66], [0.9, 0.66]];
const FIVE_TOP: &[[f32; 2]] = &[[0.82, 0.06], [0.28, 0.06], [0.22, 0.44]];
const FIVE: &[[f32; 2]] = &[
    [0.22, 0.44],
    [0.54, 0.37],
    [0.82, 0.52],
    [0.82, 0.78],
    [0.52, 0.96],
    [0.16, 0.87],
];
const SIX: &[[f32; 2]] = &[
    [0.7, 0.05],
    [0.36, 0.24],
    [0.16, 0.6],
    [0.28, 0.88],
    [0.56, 0.96],
    [0.82, 0.78],
    [0.7, 0.55],
    [0.4, 0.54],
    [0.18, 0.72],
];
const SEVEN: &[[f32; 2]] = &[[0.14, 0.08], [0.86, 0.08], [0.4, 0.96]];
const SEVEN_BAR: &[[f32; 2]] = &[[0.34, 0.5], [0.78, 0.5]];
const EIGHT: &[[f32; 2]] = &[
    [0.52, 0.48],
    [0.24, 0.32],
    [0.28, 0.11],
    [0.52, 0.04],
    [0.76, 0.12],
    [0.76, 0.31],
    [0.5, 0.48],
    [0.2, 0.66],
    [0.22, 0.87],
    [0.5, 0.96],
    [0.78, 0.87],
    [0.8, 0.66],
    [0.52, 0.48],
];
const NINE: &[[f32; 2]] = &[
    [0.8, 0.28],
    [0.62, 0.06],
    [0.32, 0.08],
    [0.18, 0.3],
    [0.36, 0.5],
    [0.66, 0.46],
    [0.8, 0.26],
];
const NINE_TAIL: &[[f32; 2]] = &[[0.8, 0.26], [0.76, 0.6], [0.62, 0.96]];
const NINE_HOOK: &[[f32; 2]] = &[[0.8, 0.26], [0.82, 0.62], [0.66, 0.9], [0.28, 0.92]];

/// The ways of writing a digit.
fn ways(digit: u8) -> &'static [&'static [Stroke]] {
    match digit {
        0 => &[&[(ZERO, true)]],
        1 => &[
            &[(ONE, false)],
            &[(ONE_FLAG, false)],
            &[(ONE_FLAG, false), (ONE_BASE, false)],
        ],
        2 => &[&[(TWO, true), (TWO_BASE, false)], &[(TWO_LOOP, true)]],
        3 => &[
            &[(THREE, true), (THREE_LOW, true)],
            &[(THREE_FLAT, false), (THREE_LOW, true)],
        ],
        4 => &[
            &[(FOUR_OPEN, false), (FOUR_STEM, false)],
            &[(FOUR_CLOSED, false)],
        ],
        5 => &[&[(FIVE_TOP, false), (FIVE, true)]],
        6 => &[&[(SIX, true)]],
        7 => &[&[(SEVEN, false)], &[(SEVEN, false), (SEVEN_BAR, false)]],
        8 => &[&[(EIGHT, true)]],
        _ => &[
            &[(NINE, true), (NINE_TAIL, true)],
            &[(NINE, true), (NINE_HOOK, true)],
        ],
    }
}

/// One writing of a digit, distorted, in pixels.
pub(super) fn distorted(digit: u8, rng: &mut Rng) -> Vec<Segment> {
    let ways = ways(digit);
    let Some(strokes) = ways.get(rng.below(ways.len())) else {
        return vec![];
    };
    let hand = Hand::random(rng);
    let mut segments = vec![];
    for (points, round) in *strokes {
        let points: Vec<[f32; 2]> = points
            .iter()
            .map(|p| hand.place(hand.shake(*p, rng)))
            .collect();
        let path = if *round { spline(&points) } else { points };
        let pairs = path.iter().zip(path.iter().skip(1));
        segments.extend(pairs.map(|(from, to)| Segment {
            from: *from,
            to: *to,
        }));
    }
    segments
}

/// The random distortion of one drawing.
struct Hand {
    /// Linear part, from the unit square's centre.
    matrix: [[f32; 2]; 2],
    shift: [f32; 2],
    /// How far each point strays.
    tremor: f32,
    /// A slow wave across the drawing: amplitude and phases.
    wave: [f32; 4],
}

impl Hand {
    fn random(rng: &mut Rng) -> Self {
        let angle = rng.range(-0.2, 0.2);
        let slant = rng.range(-0.3, 0.3);
        let height = SIDE as f32 * rng.range(0.62, 0.82);
        let width = SIDE as f32 * rng.range(0.45, 0.72);
        let (sin, cos) = angle.sin_cos();
        // Rotation of (slant of (scale)).
        let (a, b, d) = (width, -slant * height, height);
        Self {
            matrix: [[cos * a, cos * b - sin * d], [sin * a, sin * b + cos * d]],
            shift: [rng.range(-0.9, 0.9), rng.range(-0.9, 0.9)],
            tremor: rng.range(0.01, 0.035),
            wave: [
                rng.range(0.0, 0.03),
                rng.range(0.0, std::f32::consts::TAU),
                rng.range(0.0, std::f32::consts::TAU),
                rng.range(2.0, 5.0),
            ],
        }
    }

    fn shake(&self, [x, y]: [f32; 2], rng: &mut Rng) -> [f32; 2] {
        let [amplitude, p, q, frequency] = self.wave;
        [
            x + self.tremor * rng.normal() + amplitude * (frequency * y + p).sin(),
            y + self.tremor * rng.normal() + amplitude * (frequency * x + q).sin(),
        ]
    }

    fn place(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (x, y) = (x - 0.5, y - 0.5);
        let [[a, b], [c, d]] = self.matrix;
        let centre = SIDE as f32 / 2.0;
        [
            a * x + b * y + self.shift[0] + centre,
            c * x + d * y + self.shift[1] + centre,
        ]
    }
}

/// A Catmull–Rom curve through the points, as short straight pieces.
fn spline(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    const PIECES: u8 = 6;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return vec![];
    };
    let padded: Vec<[f32; 2]> = [*first]
        .into_iter()
        .chain(points.iter().copied())
        .chain([*last])
        .collect();
    let mut path = vec![*first];
    for window in padded.windows(4) {
        let [p0, p1, p2, p3] = window else { continue };
        for piece in 1..=PIECES {
            let t = f32::from(piece) / f32::from(PIECES);
            path.push(std::array::from_fn(|axis| {
                let at = |p: &[f32; 2]| p.get(axis).copied().unwrap_or(0.0);
                let (a, b, c, d) = (at(p0), at(p1), at(p2), at(p3));
                0.5 * (2.0 * b
                    + (c - a) * t
                    + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t
                    + (3.0 * b - a - 3.0 * c + d) * t * t * t)
            }));
        }
    }
    path
}
