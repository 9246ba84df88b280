use super::*;
use crate::cost::LinkModel;

fn squeeze(channels: [usize; 2], extent: usize) -> Conv {
    windows(channels, extent, 3)
}

/// Square windows around each cell.
fn windows(channels: [usize; 2], extent: usize, kernel: usize) -> Conv {
    Conv {
        in_channels: channels[0],
        out_channels: channels[1],
        groups: 1,
        image: [extent; 2],
        kernel: [kernel; 2],
        strides: [1; 2],
        dilations: [1; 2],
        pads_before: [kernel / 2; 2],
        pads_after: [kernel / 2; 2],
    }
}

#[test]
fn classes_are_few_and_cover() {
    let class = |log2| NormClass::of_log2(log2).unwrap();
    assert!((class(13.3).log2() - 13.5).abs() < 1e-9 && (class(14.8).log2() - 15.0).abs() < 1e-9);
    assert!(NormClass::of_log2(99.0).is_none() && !NormClass(28).exists());
    let params = Params {
        weights: vec![3, 4, 0, 300],
        bias: vec![0, 0],
    };
    assert!(NormClass::of_params(&params).covers(&params));
    let short = NormClass::widest(2, 2);
    let long = Params {
        weights: vec![1 << 14; 4],
        bias: vec![0],
    };
    assert!(!short.covers(&long));
    assert_eq!(Some(NormClass::widest(15, 4608)), NormClass::of_log2(20.1));
}

#[test]
fn packs_hide_forty_bits() {
    let norm = NormClass::of_log2(15.0).unwrap();
    // 100 - 37 - 6 - 15 = 42: two bits are left for 2^4 filters.
    assert_eq!(most_filters(LatticeSet::Pair50, 37, norm), 16);
    assert_eq!(most_filters(LatticeSet::Pair50, 39, norm), 1);
    assert_eq!(most_filters(LatticeSet::Pair50, 40, norm), 0);
    let norm = NormClass::of_log2(13.5).unwrap();
    for set in LatticeSet::ALL {
        for bits in MIN_RING..=set.max_ring() {
            let layer = Lattice::choose(
                &squeeze([64, 64], 28),
                set,
                bits,
                norm,
                BytePrice::default(),
            )
            .unwrap();
            assert!(layer.hiding() >= HIDING_BITS, "{set:?} {bits}");
            assert!(layer.packing(&squeeze([64, 64], 28)).is_ok());
        }
    }
}

#[test]
fn distances_add_up_as_roots() {
    let norm = NormClass::of_log2(15.0).unwrap();
    let layer = Lattice::choose(
        &squeeze([64, 64], 32),
        LatticeSet::Pair50,
        37,
        norm,
        BytePrice::default(),
    )
    .unwrap();
    let one = Hiding::of(std::iter::once(&layer)).unwrap();
    assert_eq!(one.coefficients, 1 << 16);
    assert!((one.bits_per_coefficient - one.bits_per_inference - 8.0).abs() < 1e-9);
    let four = Hiding::of([&layer; 4].into_iter()).unwrap();
    assert!((one.bits_per_inference - four.bits_per_inference - 1.0).abs() < 1e-9);
    assert!(Hiding::of(std::iter::empty()).is_none() && four.log2_error < -130.0);
}

#[test]
fn a_strict_plan_may_take_the_largest_parameters_only() {
    let all: Vec<_> = LatticeSet::allowed(false).collect();
    assert_eq!(all, LatticeSet::ALL);
    let strict: Vec<_> = LatticeSet::allowed(true).collect();
    assert_eq!(strict, [LatticeSet::Strict]);
}

/// SqueezeNet 1.1: 26 convolutions, some two million results.
fn squeezenet() -> Vec<Conv> {
    let fire = |inputs, squeezed, expanded, extent| {
        [
            windows([inputs, squeezed], extent, 1),
            windows([squeezed, expanded], extent, 1),
            windows([squeezed, expanded], extent, 3),
        ]
    };
    let fires = [
        (64, 16, 64, 55),
        (128, 16, 64, 55),
        (128, 32, 128, 27),
        (256, 32, 128, 27),
        (256, 48, 192, 13),
        (384, 48, 192, 13),
        (384, 64, 256, 13),
        (512, 64, 256, 13),
    ];
    let first = Conv {
        strides: [2; 2],
        pads_before: [0; 2],
        pads_after: [0; 2],
        ..windows([3, 64], 224, 3)
    };
    let fires = fires.into_iter().flat_map(|(i, s, e, n)| fire(i, s, e, n));
    let last = windows([512, 1000], 13, 1);
    std::iter::once(first).chain(fires).chain([last]).collect()
}

/// Bytes of both directions and seconds of work on one machine.
fn cost(layers: &[Conv], price: BytePrice) -> (u64, f64) {
    let norm = NormClass::of_log2(13.3).unwrap();
    let mut sum = StepCost::default();
    for conv in layers {
        let lattice = Lattice::choose(conv, LatticeSet::Pair50, 37, norm, price).unwrap();
        let [height, width] = conv.image;
        let cells = conv.in_channels * height * width;
        sum.add(&lattice.cost(&lattice.packing(conv).unwrap(), cells));
    }
    let seconds = Rates::default().offline(&sum, &LinkModel::LOOPBACK);
    (sum.bytes(), seconds)
}

/// The thinner the link, the fewer bytes; the least work where bytes are not scarce.
#[test]
fn links_trade_work_for_bytes() {
    let layers = squeezenet();
    let links = [400.0, 60.0, 30.0, 10.0, 1.0];
    let links = links.map(|mbit| LinkModel::shaped(mbit, 1.0));
    let links = std::iter::once(LinkModel::LOOPBACK).chain(links);
    let costs: Vec<_> = links
        .map(|link| cost(&layers, BytePrice::of(&link)))
        .collect();
    assert!(
        costs.is_sorted_by(|(many, _), (few, _)| many >= few),
        "{costs:?}"
    );
    let (first, last) = (costs[0], costs[costs.len() - 1]);
    assert!(costs.iter().all(|(_, work)| *work >= first.1), "{costs:?}");
    assert!(first.0 > last.0 && first.1 < last.1, "{costs:?}");
}

#[test]
fn strict_hides_seventy_bits_an_inference_of_a_large_network() {
    let layers = squeezenet();
    let norm = NormClass::of_log2(13.3).unwrap();
    let hiding = |set| {
        let layers = layers.iter();
        let chosen =
            layers.map(|conv| Lattice::choose(conv, set, 37, norm, BytePrice::default()).unwrap());
        Hiding::of(chosen.collect::<Vec<_>>().iter()).unwrap()
    };
    let (usual, strict) = (hiding(LatticeSet::Pair50), hiding(LatticeSet::Strict));
    assert_eq!(usual.coefficients, strict.coefficients);
    assert!(usual.bits_per_inference < 40.0, "{usual:?}");
    assert!(strict.bits_per_inference > 70.0, "{strict:?}");
    assert!(strict.log2_error < -HIDING_BITS);
}
