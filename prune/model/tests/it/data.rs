//! Real networks and data, where they are present.

use std::path::PathBuf;

use privet_model::graph::Graph;
use privet_model::preprocess::Preprocess;
use privet_model::readers::{self, Samples};

/// A file of the test data, or `None` with a printed line where there is none.
pub(crate) fn file(path: &str) -> Option<PathBuf> {
    let base = std::env::var_os("PRIVET_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = base.join(path);
    if file.is_file() {
        Some(file)
    } else {
        println!("skipped: {} is absent", file.display());
        None
    }
}

/// A network of the test data.
pub(crate) fn model(path: &str) -> Option<Graph> {
    Some(privet_model::onnx::load(&file(path)?).unwrap())
}

/// Preprocessed inputs and labels, at most `limit`.
pub(crate) fn samples(
    graph: &Graph,
    images: &str,
    labels: &str,
    preprocess: Option<&str>,
    limit: usize,
) -> Option<Vec<(Vec<f32>, usize)>> {
    let samples = Samples::open(&file(images)?).unwrap();
    let labels = match samples.labels() {
        Some(labels) => labels.to_vec(),
        None => readers::labels(&file(labels)?).unwrap(),
    };
    assert_eq!(labels.len(), samples.len());
    let preprocess = match preprocess {
        Some(text) => Preprocess::parse(text).unwrap(),
        None => Preprocess::default_for(samples.kind()),
    };
    let pairs = (0..samples.len().min(limit)).map(|i| {
        let raw = samples.get(i).unwrap();
        let x = preprocess.apply(&raw, samples.shape(), graph.input_shape());
        (x.unwrap(), labels[i] as usize)
    });
    Some(pairs.collect())
}
