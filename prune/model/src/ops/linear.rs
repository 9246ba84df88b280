//! Fully connected layers and convolutions: `z = sum w*x + b mod 2^L`, L the ring of the result.
//!
//! The rounding constant of the truncation that follows is part of b. Single products are never
//! truncated; the order of the sum is irrelevant. Padding cells are zeros: no terms. Under profile `drop-K` products omit columns.

#![expect(
    clippy::indexing_slicing,
    reason = "hot loops over buffers whose lengths the shape rules have fixed"
)]

pub(crate) mod quick;

use std::ops::Range;

use privet_netlists::dot;
use privet_ring::Ring;

use super::rule::{self, MAX_WEIGHT_BITS, MIN_WEIGHT_BITS, OpError};
use crate::graph::Rounding;
use crate::quant::ir::{Conv, Linear, Profile, Tensor, Window};

/// Input `[in]`, result `[out]`, fraction bits add up.
pub(crate) fn check_linear(
    op: &Linear,
    inputs: &[&Tensor],
    output: &Tensor,
) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("operand", &[op.inputs], &input.shape)?;
    rule::shape("result", &[op.outputs], &output.shape)?;
    check_scales(input, op.weight_bits, op.weight_frac, output)?;
    if let Some(map) = &op.sparsity {
        map.check(rule::product(&[op.inputs, op.outputs])?)?;
    }
    rule::work(&[op.inputs, op.outputs])
}

/// Input `[in_channels, H, W]`, result `[out_channels, H', W']`, fraction bits add up.
pub(crate) fn check_conv(op: &Conv, inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    let [channels, height, width] = rule::image("operand", input)?;
    rule::equal("input channels", op.in_channels, channels)?;
    for (what, channels) in [
        ("input channels by groups", op.in_channels),
        ("output channels by groups", op.out_channels),
    ] {
        let rest = channels.checked_rem(op.groups).ok_or(OpError::Bounds {
            what: "groups",
            got: 0,
        })?;
        rule::equal(what, 0, rest)?;
    }
    let [oh, ow] = (op.window.output([height, width], Rounding::Floor)).map_err(OpError::Window)?;
    let expected = [op.out_channels, oh, ow];
    rule::shape("result", &expected, &output.shape)?;
    check_scales(input, op.weight_bits, op.weight_frac, output)?;
    let weights = conv_weights(op)?;
    if let Some(map) = &op.sparsity {
        map.check(weights)?;
    }
    let [kh, kw] = op.window.kernel;
    rule::work(&[op.out_channels, op.in_channels / op.groups, kh, kw, oh, ow])
}

/// Number of weights of a convolution.
pub(crate) fn conv_weights(op: &Conv) -> Result<usize, OpError> {
    let [kh, kw] = op.window.kernel;
    let per_group = op.in_channels.checked_div(op.groups).ok_or(OpError::Size)?;
    rule::product(&[op.out_channels, per_group, kh, kw])
}

fn check_scales(
    input: &Tensor,
    weight_bits: u32,
    weight_frac: u32,
    output: &Tensor,
) -> Result<(), OpError> {
    if !(MIN_WEIGHT_BITS..=MAX_WEIGHT_BITS).contains(&weight_bits) {
        return Err(OpError::Bounds {
            what: "weights' width",
            got: weight_bits.into(),
        });
    }
    let frac = input
        .frac_bits
        .checked_add(weight_frac)
        .ok_or(OpError::Size)?;
    rule::equal("fraction bits", frac, output.frac_bits)
}

/// What a product adds to an accumulator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    weight_bits: u32,
    /// Columns omitted; if any, accumulators stand at double scale.
    drop: u32,
    /// What each product gets for what it misses.
    compensation: i64,
}

impl Terms {
    /// As a profile has them.
    pub(crate) fn new(profile: Profile, weight_bits: u32) -> Self {
        let drop = profile.dropped();
        Self {
            weight_bits,
            drop,
            compensation: dot::compensation(weight_bits, drop).cast_signed(),
        }
    }

    /// By how much a sum of so many products may be off.
    pub(crate) fn error(self, products: usize) -> i128 {
        if self.drop == 0 {
            return 0;
        }
        // At double scale a product misses at most twice its compensation and one, and half a unit is rounded down.
        (products as i128 * (i128::from(self.compensation) + 1)) / 2 + 1
    }

    /// The accumulator before the first product.
    const fn first(self, bias: i64) -> i64 {
        if self.drop == 0 {
            bias
        } else {
            bias.wrapping_mul(2)
        }
    }

    /// A product with columns omitted, at double scale.
    fn rough(self, w: i64, x: i64) -> i64 {
        let omitted = dot::omitted(x, w, self.weight_bits, self.drop).cast_signed();
        let twice = w.wrapping_mul(x).wrapping_mul(2);
        twice.wrapping_sub(omitted).wrapping_add(self.compensation)
    }

    /// The result.
    fn last(self, z: i64, ring: Ring) -> i64 {
        ring.wrap(if self.drop == 0 { z } else { z >> 1 })
    }
}

/// One output per row of weights.
pub(crate) fn linear(
    terms: Terms,
    op: &Linear,
    (weights, bias): (&[i32], &[i64]),
    x: &[i64],
    ring: Ring,
) -> Vec<i64> {
    weights
        .chunks_exact(op.inputs.max(1))
        .zip(bias)
        .map(|(row, &b)| {
            let z = if terms.drop == 0 {
                row.iter().zip(x).fold(b, |z, (&w, &x)| {
                    z.wrapping_add(i64::from(w).wrapping_mul(x))
                })
            } else {
                row.iter().zip(x).fold(terms.first(b), |z, (&w, &x)| {
                    z.wrapping_add(terms.rough(w.into(), x))
                })
            };
            terms.last(z, ring)
        })
        .collect()
}

/// All output maps, tap by tap.
pub(crate) fn conv(
    terms: Terms,
    op: &Conv,
    (weights, bias): (&[i32], &[i64]),
    (input, x): (&Tensor, &[i64]),
    output: &Tensor,
) -> Vec<i64> {
    let (Ok([_, height, width]), Ok([_, oh, ow])) =
        (rule::image("operand", input), rule::image("result", output))
    else {
        return Vec::new();
    };
    let map = Map::new(&op.window, [height, width], [oh, ow]);
    let per_group = op.in_channels / op.groups;
    let outs_per_group = op.out_channels / op.groups;
    let taps = op.window.kernel[0] * op.window.kernel[1];
    if terms.drop == 0 && output.ring.bits() <= i32::BITS {
        return narrow_conv(
            op,
            (weights, bias),
            ([height, width], x),
            [oh, ow],
            output.ring,
        );
    }
    let mut z = vec![0i64; op.out_channels * oh * ow];
    for (o, plane) in z.chunks_exact_mut(oh * ow).enumerate() {
        plane.fill(terms.first(bias[o]));
        let first = (o / outs_per_group) * per_group;
        for i in 0..per_group {
            let source = &x[(first + i) * height * width..][..height * width];
            let kernel = &weights[(o * per_group + i) * taps..][..taps];
            if terms.drop == 0 {
                map.accumulate(kernel, source, plane, |z, w, x| {
                    z.wrapping_add(i64::from(w).wrapping_mul(x))
                });
            } else {
                map.accumulate(kernel, source, plane, |z, w, x| {
                    z.wrapping_add(terms.rough(w.into(), x))
                });
            }
        }
        for z in plane {
            *z = terms.last(*z, output.ring);
        }
    }
    z
}

/// The same in words of 32 bits, of which narrower rings are quotients too: less than half the time.
#[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
fn narrow_conv(
    op: &Conv,
    (weights, bias): (&[i32], &[i64]),
    ([height, width], x): ([usize; 2], &[i64]),
    [oh, ow]: [usize; 2],
    ring: Ring,
) -> Vec<i64> {
    let map = Map::new(&op.window, [height, width], [oh, ow]);
    let per_group = op.in_channels / op.groups;
    let outs_per_group = op.out_channels / op.groups;
    let taps = op.window.kernel[0] * op.window.kernel[1];
    let x: Vec<i32> = x.iter().map(|&x| x as i32).collect();
    let mut z = vec![0i64; op.out_channels * oh * ow];
    let mut sums = vec![0i32; oh * ow];
    for (o, plane) in z.chunks_exact_mut(oh * ow).enumerate() {
        sums.fill(bias[o] as i32);
        let first = (o / outs_per_group) * per_group;
        for i in 0..per_group {
            let source = &x[(first + i) * height * width..][..height * width];
            let kernel = &weights[(o * per_group + i) * taps..][..taps];
            map.accumulate(kernel, source, &mut sums, |z, w, x| {
                z.wrapping_add(w.wrapping_mul(x))
            });
        }
        for (z, &sum) in plane.iter_mut().zip(&sums) {
            *z = ring.wrap(sum.into());
        }
    }
    z
}

/// Where each tap of a convolution reads, precomputed for all planes.
struct Map {
    /// Per tap: stretches of one plane and where their inputs begin.
    taps: Vec<Vec<Stretch>>,
    /// Distance between neighbouring inputs of a stretch.
    step: usize,
}

/// Neighbouring outputs and the first of their inputs.
struct Stretch {
    outputs: Range<usize>,
    input: usize,
}

/// Appends a stretch, to the last one where it continues that in outputs and inputs.
fn push(stretches: &mut Vec<Stretch>, next: Stretch, step: usize) {
    match stretches.last_mut() {
        Some(last)
            if last.outputs.end == next.outputs.start
                && last.input + last.outputs.len() * step == next.input =>
        {
            last.outputs.end = next.outputs.end;
        }
        _ => stretches.push(next),
    }
}

impl Map {
    fn new(window: &Window, [height, width]: [usize; 2], [oh, ow]: [usize; 2]) -> Self {
        let step = window.strides[1];
        let mut taps = Vec::new();
        for ky in 0..window.kernel[0] {
            for kx in 0..window.kernel[1] {
                let inside = |axis: usize, tap: usize, extent: usize| {
                    move |&p: &usize| window.taps(axis, extent, p).contains(&tap)
                };
                let columns = || (0..ow).filter(inside(1, kx, width));
                let mut stretches: Vec<Stretch> = Vec::new();
                if let (Some(from), Some(to)) = (columns().next(), columns().next_back()) {
                    for row in (0..oh).filter(inside(0, ky, height)) {
                        let input = window.index(0, row, ky) * width + window.index(1, from, kx);
                        let outputs = row * ow + from..row * ow + to + 1;
                        push(&mut stretches, Stretch { outputs, input }, step);
                    }
                }
                taps.push(stretches);
            }
        }
        Self { taps, step }
    }

    /// Adds the products of a kernel with a plane to sums; `add` takes a sum, a weight and an input.
    fn accumulate<W: Copy>(
        &self,
        kernel: &[i32],
        source: &[W],
        plane: &mut [W],
        add: impl Fn(W, i32, W) -> W,
    ) {
        for (&w, stretches) in kernel.iter().zip(&self.taps) {
            for stretch in stretches {
                let outputs = &mut plane[stretch.outputs.clone()];
                let inputs = &source[stretch.input..];
                if self.step == 1 {
                    for (z, &x) in outputs.iter_mut().zip(inputs) {
                        *z = add(*z, w, x);
                    }
                } else {
                    for (z, &x) in outputs.iter_mut().zip(inputs.iter().step_by(self.step)) {
                        *z = add(*z, w, x);
                    }
                }
            }
        }
    }
}
