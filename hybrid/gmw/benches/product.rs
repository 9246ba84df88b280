//! Nanoseconds of both parties' CPU time per masked product of one bit, over ideal correlated OTs.
//!
//! `cargo bench -p privet-gmw --bench product`; with `-- --test` every case runs once, small.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench has nobody to report to"
)]

use std::hint::black_box;

use privet_gmw::product::{Choosers, Client, Inputs, Layer, Server};
use privet_ot::{ideal, laws};
use privet_plan::cost::product::{Brings, Choosing, Product};
use privet_prim::{Block, Delta};
use privet_ring::Ring;
use privet_ring::linear::Geometry;

/// User and system seconds of this process (Linux); 0 elsewhere.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let ring = Ring::new(37).unwrap();
    let scale = if quick { 8 } else { 1 };
    for (name, geometry) in [
        (
            "dense 784→128",
            Geometry::matrix(128 / scale, 784 / scale, 1).unwrap(),
        ),
        (
            "matrix 32×64 by 1024",
            Geometry::matrix(32 / scale, 64, 1024).unwrap(),
        ),
    ] {
        for (choosers, choosing) in [
            (Choosers::Weights, Choosing::Weights),
            (Choosers::Inputs, Choosing::Inputs),
        ] {
            let (weight_bits, inputs) = (13, Inputs::Random);
            let layer = Layer {
                geometry: &geometry,
                ring,
                weight_bits,
                choosers,
                inputs,
            };
            let fields = Product {
                geometry: &geometry,
                ring,
                weight_bits,
                brings: Brings::Random,
            }
            .fields(choosing);
            let weights = vec![1234; geometry.weights()];
            let repeats = if quick { 1 } else { 4 };
            let before = cpu_seconds();
            for _ in 0..repeats {
                let (mut cs, mut sr) = ideal::deal(Block::random(), Delta::random());
                let (mut ss, mut cr) = ideal::deal(Block::random(), Delta::random());
                let made = laws::run(
                    |ch| Client::new(&cs, &cr).prepare(ch, (&mut cs, &mut cr), &layer),
                    |ch| Server::new(&ss, &sr).multiply(ch, (&mut ss, &mut sr), &layer, &weights),
                );
                black_box(made.unwrap());
            }
            let nanoseconds = (cpu_seconds() - before) * 1e9 / (fields * repeats) as f64;
            println!("{name:<24} {choosers:?}: {fields} fields, {nanoseconds:.2} ns each");
        }
    }
}
