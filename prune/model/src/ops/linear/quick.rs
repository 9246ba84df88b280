//! Convolutions by the kernels of shares, for searches that evaluate a network many times.
//!
//! The oracle itself goes tap by tap: it has nothing in common with what is held to it.

use privet_ring::linear::{Conv as Shape, Geometry};

use crate::ops::rule;
use crate::quant::ir::{Conv, Tensor};

/// The same as [`super::conv`] of exact products; `None` for a layer that is none.
pub(crate) fn conv(
    op: &Conv,
    (weights, bias): (&[i32], &[i64]),
    (input, x): (&Tensor, &[i64]),
    output: &Tensor,
) -> Option<Vec<i64>> {
    let [_, height, width] = rule::image("operand", input).ok()?;
    let shape = Shape {
        in_channels: op.in_channels,
        out_channels: op.out_channels,
        groups: op.groups,
        image: [height, width],
        kernel: op.window.kernel,
        strides: op.window.strides,
        dilations: op.window.dilations,
        pads_before: op.window.pads_before,
        pads_after: op.window.pads_after,
    };
    let ring = output.ring;
    let x: Vec<u64> = x.iter().map(|v| v.cast_unsigned()).collect();
    let geometry = Geometry::convolution(&shape).ok()?;
    let sums = geometry.multiply(ring, weights, &x).ok()?;
    let plane = geometry.output_shape()[1];
    let planes = sums.chunks_exact(plane.max(1)).zip(bias);
    let z = planes.flat_map(|(plane, &b)| {
        let add = move |&z: &u64| ring.wrap(z.cast_signed().wrapping_add(b));
        plane.iter().map(add)
    });
    Some(z.collect())
}

#[cfg(test)]
mod tests {
    use super::super::Terms;
    use super::*;
    use crate::quant::ir::{Profile, Range, RangeOrigin, Window};
    use privet_ring::Ring;

    fn tensor(shape: &[usize], bits: u32) -> Tensor {
        Tensor {
            name: String::new(),
            shape: shape.to_vec(),
            ring: Ring::new(bits).unwrap(),
            frac_bits: 0,
            range: Range {
                bits,
                non_negative: false,
                origin: RangeOrigin::Proven,
            },
        }
    }

    #[test]
    fn every_sum_is_the_oracles() {
        let mut state = 1u64;
        let mut next = move |bits: u32| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.cast_signed() >> (64 - bits)
        };
        for (groups, kernel, strides, dilations, before, after) in [
            (1, [3, 3], [1, 1], [1, 1], [1, 1], [1, 1]),
            (2, [3, 2], [2, 1], [1, 2], [0, 1], [2, 0]),
            (4, [1, 1], [2, 2], [1, 1], [0, 0], [0, 0]),
        ] {
            let window = Window {
                kernel,
                strides,
                dilations,
                pads_before: before,
                pads_after: after,
            };
            let op = Conv {
                in_channels: 4,
                out_channels: 8,
                groups,
                window,
                weight_bits: 32,
                weight_frac: 0,
                sparsity: None,
            };
            let size = [11, 9];
            let [oh, ow] = op
                .window
                .output(size, crate::graph::Rounding::Floor)
                .unwrap();
            let weights: Vec<i32> = (0..8 * 4 / groups * kernel[0] * kernel[1])
                .map(|_| i32::try_from(next(32)).unwrap())
                .collect();
            let bias: Vec<i64> = (0..8).map(|_| next(40)).collect();
            for bits in [20, 32, 33, 62] {
                let input = tensor(&[4, size[0], size[1]], 20);
                let x: Vec<i64> = (0..4 * 99).map(|_| next(20)).collect();
                let output = tensor(&[8, oh, ow], bits);
                let terms = Terms::new(Profile::Exact, op.weight_bits);
                let (params, x) = ((&weights[..], &bias[..]), (&input, &x[..]));
                let want = super::super::conv(terms, &op, params, x, &output);
                assert_eq!(
                    conv(&op, params, x, &output),
                    Some(want),
                    "{bits} {kernel:?}"
                );
            }
        }
    }
}
