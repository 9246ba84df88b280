//! Rates of clear products on one thread: layers of SqueezeNet and ResNet50 and a fully connected one.
//!
//! `cargo bench -p privet-ring --bench linear`; with `-- --test` every case runs once. `PRIVET_KERNELS` forces a kernel.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench has nobody to report to"
)]

use std::hint::black_box;
use std::time::Instant;

use privet_ring::Ring;
use privet_ring::linear::{Conv, Geometry};

fn conv(channels: [usize; 2], image: usize, kernel: usize, stride: usize) -> Geometry {
    let pad = [kernel / 2; 2];
    Geometry::convolution(&Conv {
        in_channels: channels[0],
        out_channels: channels[1],
        groups: 1,
        image: [image; 2],
        kernel: [kernel; 2],
        strides: [stride; 2],
        dilations: [1; 2],
        pads_before: pad,
        pads_after: pad,
    })
    .unwrap()
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let cases = [
        ("squeezenet first 3→64 k3 s2 224", conv([3, 64], 224, 3, 2)),
        ("squeeze 128→16 k1 55", conv([128, 16], 55, 1, 1)),
        ("expand 64→256 k3 13", conv([64, 256], 13, 3, 1)),
        ("resnet 64→64 k3 56", conv([64, 64], 56, 3, 1)),
        ("resnet 512→512 k3 7", conv([512, 512], 7, 3, 1)),
        ("resnet 1024→2048 k1 s2 14", conv([1024, 2048], 14, 1, 2)),
        (
            "fully connected 2048→1000",
            Geometry::matrix(1000, 2048, 1).unwrap(),
        ),
        (
            "matrix 256×1024 by 512",
            Geometry::matrix(256, 1024, 512).unwrap(),
        ),
    ];
    for bits in [37, 64] {
        let ring = Ring::new(bits).unwrap();
        for (name, geometry) in &cases {
            let x: Vec<u64> = (0..geometry.inputs() as u64)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .collect();
            let weights: Vec<i32> = (0..geometry.weights())
                .map(|i| i32::try_from(i % 8191).unwrap() - 4095)
                .collect();
            let mut times: Vec<f64> = (0..if quick { 1 } else { 9 })
                .map(|_| {
                    let start = Instant::now();
                    let z = pool
                        .install(|| geometry.multiply(ring, &weights, &x))
                        .unwrap();
                    black_box(z);
                    start.elapsed().as_secs_f64()
                })
                .collect();
            times.sort_unstable_by(f64::total_cmp);
            let rate = |time: f64| geometry.products() as f64 / time / 1e9;
            let (median, best) = (rate(times[times.len() / 2]), rate(times[0]));
            println!("{name:<34} l = {bits}: {median:6.2} GMAC/s, best {best:.2}");
        }
    }
}
