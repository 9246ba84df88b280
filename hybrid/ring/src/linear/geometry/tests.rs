//! Which weight meets which input.

use super::*;

fn conv() -> Conv {
    Conv {
        in_channels: 4,
        out_channels: 6,
        groups: 2,
        image: [7, 5],
        kernel: [3, 2],
        strides: [2, 1],
        dilations: [1, 2],
        pads_before: [1, 0],
        pads_after: [2, 1],
    }
}

/// As ONNX defines it, cell by cell over a padded image.
fn reference(c: &Conv, weights: &[i32], x: &[u64]) -> Vec<u64> {
    let out = |a: usize| {
        (c.image[a] + c.pads_before[a] + c.pads_after[a] - (c.kernel[a] - 1) * c.dilations[a] - 1)
            / c.strides[a]
            + 1
    };
    let (per_in, per_out) = (c.in_channels / c.groups, c.out_channels / c.groups);
    let mut z = Vec::new();
    for o in 0..c.out_channels {
        for oy in 0..out(0) {
            for ox in 0..out(1) {
                let mut sum = 0u64;
                for i in 0..per_in {
                    for ky in 0..c.kernel[0] {
                        for kx in 0..c.kernel[1] {
                            let y = oy * c.strides[0] + ky * c.dilations[0];
                            let x_ = ox * c.strides[1] + kx * c.dilations[1];
                            if y < c.pads_before[0] || x_ < c.pads_before[1] {
                                continue;
                            }
                            let (y, x_) = (y - c.pads_before[0], x_ - c.pads_before[1]);
                            if y >= c.image[0] || x_ >= c.image[1] {
                                continue;
                            }
                            let w =
                                weights[((o * per_in + i) * c.kernel[0] + ky) * c.kernel[1] + kx];
                            let channel = o / per_out * per_in + i;
                            let x = x[(channel * c.image[0] + y) * c.image[1] + x_];
                            sum = sum.wrapping_add(i64::from(w).cast_unsigned().wrapping_mul(x));
                        }
                    }
                }
                z.push(sum);
            }
        }
    }
    z
}

#[test]
fn a_convolution_is_what_its_definition_says() {
    let c = conv();
    let geometry = Geometry::convolution(&c).unwrap();
    let weights: Vec<i32> = (0..geometry.weights())
        .map(|i| (i32::try_from(i).unwrap() * 37) % 101 - 50)
        .collect();
    let x: Vec<u64> = (0..geometry.inputs() as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    assert_eq!(
        geometry.apply(&weights, &x).unwrap(),
        reference(&c, &weights, &x)
    );
    assert!(geometry.apply(&weights[1..], &x).is_err());
    assert!(geometry.apply(&weights, &x[1..]).is_err());
}

#[test]
fn both_views_hold_the_same_products() {
    for geometry in [
        Geometry::convolution(&conv()).unwrap(),
        Geometry::matrix(3, 4, 5).unwrap(),
    ] {
        let mut uses = Vec::new();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for q in 0..geometry.weights() {
            geometry.uses_of_weight(q, &mut uses);
            assert_eq!(geometry.products_of_weights(q..q + 1), uses.len() as u64);
            left.extend(uses.iter().map(|u| (q, u.partner, u.output)));
        }
        for i in 0..geometry.inputs() {
            geometry.uses_of_input(i, &mut uses);
            assert_eq!(geometry.products_of_inputs(i..i + 1), uses.len() as u64);
            right.extend(uses.iter().map(|u| (u.partner, i, u.output)));
        }
        assert_eq!(left.len() as u64, geometry.products());
        assert_eq!(
            geometry.products_of_weights(0..geometry.weights()),
            geometry.products()
        );
        assert_eq!(
            geometry.products_of_inputs(0..geometry.inputs()),
            geometry.products()
        );
        left.sort_unstable();
        right.sort_unstable();
        assert_eq!(left, right);
    }
}

#[test]
fn wrong_geometries_are_refused() {
    assert!(Geometry::matrix(0, 1, 1).is_err());
    assert!(Geometry::matrix(usize::MAX, 2, 1).is_err());
    assert!(Geometry::matrix(1 << 20, 1 << 20, 2).is_err());
    for change in [
        |c: &mut Conv| c.groups = 0,
        |c: &mut Conv| c.groups = 3,
        |c: &mut Conv| c.strides = [0, 1],
        |c: &mut Conv| c.kernel = [11, 1],
        |c: &mut Conv| c.pads_before = [usize::MAX, 0],
        |c: &mut Conv| c.dilations = [usize::MAX, 1],
        |c: &mut Conv| c.image = [1 << 30, 1 << 30],
        |c: &mut Conv| c.pads_after = [1 << 60, 0],
    ] {
        let mut wrong = conv();
        change(&mut wrong);
        assert!(Geometry::convolution(&wrong).is_err(), "{wrong:?}");
    }
}
