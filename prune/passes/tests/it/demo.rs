//! The embedded demo's files.

use privet_model::onnx;
use privet_model::quant::QuantOptions;
use privet_passes::digits::{self, SIDE};
use privet_passes::{Network, fixed};

const MODEL: &[u8] = include_bytes!("../../../../src/demo/digits.onnx");
const DRAWINGS: &[u8] = include_bytes!("../../../../src/demo/digits.idx");
const LABELS: &[u8] = include_bytes!("../../../../src/demo/digits-labels.idx");
/// Seeds of the embedded drawings, and of others that nothing was decided on.
const EMBEDDED: u64 = 4;
const HELD_OUT: u64 = 5;

#[test]
fn the_network_reads_digits_in_floats_and_in_integers() {
    let graph = onnx::import(MODEL, "digits").unwrap();
    assert_eq!(graph.classes.as_ref().map(Vec::len), Some(10));
    assert_eq!(graph.preprocess.as_ref().map(|p| p.divide), Some(255.0));
    let network = Network::from_graph(&graph).unwrap();
    assert!((10_000..25_000).contains(&network.macs().unwrap()));
    let data = digits::dataset(HELD_OUT, 1_000).unwrap();
    assert!(network.accuracy(&data).unwrap() > 0.98);
    let calibration = digits::dataset(EMBEDDED, 40).unwrap();
    let model = fixed::quantised(&network, &QuantOptions::default(), &calibration).unwrap();
    assert!(fixed::accuracy(&model, &data.take(300)).unwrap() > 0.98);
}

#[test]
fn the_drawings_are_the_generator_s() {
    assert_eq!(DRAWINGS.len(), 16 + 40 * SIDE * SIDE);
    assert_eq!(LABELS.len(), 8 + 40);
    for (i, pixels) in DRAWINGS[16..].chunks(SIDE * SIDE).enumerate() {
        let drawing = digits::draw(EMBEDDED, i as u64);
        assert_eq!(LABELS[8 + i], drawing.digit);
        // Another machine's sine and exponential may round otherwise.
        let near = pixels
            .iter()
            .zip(&drawing.pixels)
            .all(|(a, b)| a.abs_diff(*b) <= 1);
        assert!(near, "drawing {i}");
    }
}
