//! Networks in the clear: graph, ONNX import, readers, float evaluation, quantiser and the fixed-point oracle.

#![forbid(unsafe_code)]

pub mod float;
pub mod graph;
pub mod onnx;
pub mod ops;
pub mod preprocess;
pub mod quant;
pub mod readers;

mod bounded;
