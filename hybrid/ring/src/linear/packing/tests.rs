use proptest::prelude::*;

use super::*;

/// `a·b` modulo `X^N + 1` and 2^64, by its definition.
fn schoolbook(a: &[u64], b: &[u64], sum: &mut [u64]) {
    let degree = a.len();
    for (i, a) in a.iter().enumerate().filter(|(_, a)| **a != 0) {
        for (j, b) in b.iter().enumerate().filter(|(_, b)| **b != 0) {
            let product = a.wrapping_mul(*b);
            let at = i + j;
            if at < degree {
                sum[at] = sum[at].wrapping_add(product);
            } else {
                sum[at - degree] = sum[at - degree].wrapping_sub(product);
            }
        }
    }
}

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(77);
        self.0 ^ (self.0 >> 31)
    }
}

/// All outputs through polynomials; what is not to be sent holds anything.
fn through_polynomials(packing: &Packing, weights: &[i32], x: &[u64], outputs: usize) -> Vec<u64> {
    let (mut noise, degree) = (Noise(5), packing.degree());
    let mut z = vec![0; outputs];
    let mut filled = vec![0; outputs];
    for tile in 0..packing.tiles() {
        let inputs: Vec<Vec<u64>> = (0..packing.inputs())
            .map(|input| {
                let mut polynomial: Vec<u64> = (0..degree).map(|_| noise.next()).collect();
                for at in packing.read(tile, input) {
                    polynomial[at] = 0;
                }
                for place in packing.place_inputs(tile, input) {
                    polynomial[place.coefficient] = x[place.index];
                }
                polynomial
            })
            .collect();
        for output in 0..packing.outputs() {
            let mut sum = vec![0; degree];
            for input in packing.sources(output) {
                let mut between = vec![0u64; degree];
                for place in packing.place_weights(input, output) {
                    let weight = i64::from(weights[place.index]).cast_unsigned();
                    let sign = if place.negative { u64::MAX } else { 1 };
                    assert_eq!(between[place.coefficient], 0);
                    between[place.coefficient] = weight.wrapping_mul(sign);
                }
                schoolbook(&inputs[input], &between, &mut sum);
            }
            let places = packing.place_outputs(tile, output);
            assert!(places.is_sorted_by(|a, b| a.coefficient < b.coefficient));
            for place in places {
                z[place.index] = sum[place.coefficient];
                filled[place.index] += 1;
            }
        }
    }
    assert!(filled.iter().all(|times| *times == 1));
    z
}

/// The coefficients of an input that weights carry into outputs, one by one.
fn carried(packing: &Packing, tile: usize, input: usize) -> Vec<usize> {
    let degree = packing.degree();
    let mut read = vec![false; degree];
    for output in (0..packing.outputs()).filter(|o| packing.sources(*o).contains(&input)) {
        for weight in packing.place_weights(input, output) {
            for place in packing.place_outputs(tile, output) {
                read[(place.coefficient + degree - weight.coefficient) % degree] = true;
            }
        }
    }
    (0..degree).filter(|at| read[*at]).collect()
}

fn check(conv: &Conv, packing: &Packing) {
    let geometry = Geometry::convolution(conv).unwrap();
    let mut noise = Noise(conv.in_channels as u64);
    let x: Vec<u64> = (0..geometry.inputs()).map(|_| noise.next()).collect();
    let weights: Vec<i32> = (0..geometry.weights())
        .map(|_| i32::try_from(noise.next() & 0xffff).unwrap() - 0x7fff)
        .collect();
    let expected = geometry.apply(&weights, &x).unwrap();
    let got = through_polynomials(packing, &weights, &x, geometry.outputs());
    assert_eq!(got, expected, "{conv:?} {:?}", packing.split());
    let mut up = 0;
    for tile in 0..packing.tiles() {
        for input in 0..packing.inputs() {
            let read = packing.read(tile, input);
            assert_eq!(read, carried(packing, tile, input), "{conv:?}");
            up += read.len() as u64;
        }
    }
    let counts = packing.counts();
    assert_eq!(counts.up, up);
    assert_eq!(counts.down, geometry.outputs() as u64);
    assert!(choose::counts(packing).up >= up);
    for input in (0..packing.inputs()).filter(|_| conv.groups > 1) {
        let mut readers = packing.readers(input).into_iter();
        let all = (0..packing.outputs()).filter(|output| packing.sources(*output).contains(&input));
        assert!(all.eq(readers.by_ref()), "{input}");
    }
}

fn pair(range: Range<usize>) -> impl Strategy<Value = [usize; 2]> {
    [range.clone(), range]
}

prop_compose! {
    fn layers()(
        groups in 1usize..4, inner in 1usize..4, outer in 1usize..4, image in pair(1..9),
        kernel in pair(1..4), strides in pair(1..4), dilations in pair(1..3),
        pads_before in pair(0..3), pads_after in pair(0..3),
    ) -> Conv {
        Conv {
            in_channels: groups * inner, out_channels: groups * outer, groups, image, kernel,
            strides, dilations, pads_before, pads_after,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_split_is_the_convolution(
        conv in layers(), tile in pair(1..9), planes in 1usize..5, filters in 1usize..4, log in 5u32..8,
    ) {
        prop_assume!(Geometry::convolution(&conv).is_ok());
        let degree = 1 << log;
        if let Ok(packing) = Packing::new(&conv, degree, Split { tile, planes, filters }) {
            check(&conv, &packing);
        }
        let limits = Limits { degree, filters };
        if let Ok(packing) = Packing::cheapest(&conv, limits, |c| (c.inputs + c.outputs) as f64) {
            prop_assert!(packing.split().filters <= filters);
            check(&conv, &packing);
        }
    }
}

fn layer(
    channels: [usize; 2],
    extent: usize,
    kernel: usize,
    change: impl FnOnce(&mut Conv),
) -> Conv {
    let mut conv = Conv {
        in_channels: channels[0],
        out_channels: channels[1],
        groups: 1,
        image: [extent; 2],
        kernel: [kernel; 2],
        strides: [1; 2],
        dilations: [1; 2],
        pads_before: [0; 2],
        pads_after: [0; 2],
    };
    change(&mut conv);
    conv
}

fn plan(conv: &Conv) -> Packing {
    let limits = Limits {
        degree: 4096,
        filters: 16,
    };
    Packing::cheapest(conv, limits, |c| (c.inputs + c.outputs) as f64).unwrap()
}

#[test]
fn padding_is_shared_and_strides_waste_nothing() {
    // 14 + 1 columns and rows: 15² = 225 coefficients a plane, 18 planes and filters a polynomial.
    let same = layer([32, 64], 14, 3, |c| {
        (c.pads_before, c.pads_after) = ([1; 2], [1; 2]);
    });
    let packing = plan(&same);
    assert_eq!(packing.plane_size(), 225);
    let [planes, filters] = [packing.split().planes, packing.split().filters];
    assert!(planes * filters <= 18 && planes * filters >= 16);
    // Four phases of 16 × 16 with one more row and column.
    let strided = layer([8, 8], 32, 3, |c| {
        (c.strides, c.pads_before, c.pads_after) = ([2; 2], [1; 2], [1; 2]);
    });
    let packing = plan(&strided);
    assert_eq!((packing.planes(), packing.plane_size()), (32, 17 * 17));
    // Without taps in them, three of the four phases are not sent at all.
    let skip = layer([8, 8], 32, 1, |c| c.strides = [2; 2]);
    assert_eq!((plan(&skip).planes(), plan(&skip).plane_size()), (8, 256));
}

#[test]
fn large_images_are_cut_with_a_halo() {
    let first = layer([3, 64], 224, 3, |c| c.strides = [2; 2]);
    let packing = plan(&first);
    assert!(packing.tiles() >= 3 && packing.plane_size() <= 4096);
    let counts = packing.counts();
    assert_eq!(counts.down, 64 * 111 * 111);
    assert!(counts.up <= counts.inputs * 4096);
}

#[test]
fn a_matrix_takes_no_room_for_cells() {
    let dense = layer([512, 10], 1, 1, |_| {});
    let packing = plan(&dense);
    assert_eq!((packing.plane_size(), packing.tiles()), (1, 1));
    assert_eq!((packing.inputs(), packing.outputs()), (1, 2));
    check(&dense, &packing);
}

#[test]
fn channels_of_a_depthwise_layer_share_polynomials() {
    let depthwise = layer([32, 32], 7, 3, |c| {
        (c.groups, c.pads_before, c.pads_after) = (32, [1; 2], [1; 2]);
    });
    let packing = plan(&depthwise);
    let counts = packing.counts();
    assert!(counts.inputs + counts.outputs <= 8, "{counts:?}");
    check(&depthwise, &packing);
}

#[test]
fn what_does_not_fit_is_refused() {
    let conv = layer([4, 4], 8, 3, |_| {});
    let split = |tile, planes, filters| Split {
        tile,
        planes,
        filters,
    };
    for bad in [
        split([6, 6], 2, 1),
        split([6, 6], 0, 1),
        split([6, 6], 1, 0),
    ] {
        assert!(Packing::new(&conv, 64, bad).is_err(), "{bad:?}");
    }
    assert!(Packing::new(&conv, 64, split([6, 6], 1, 1)).is_ok());
    let limits = Limits {
        degree: 8,
        filters: 1,
    };
    let wide = layer([1, 1], 9, 9, |_| {});
    assert!(Packing::cheapest(&wide, limits, |_| 0.0).is_err());
}
