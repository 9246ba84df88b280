//! Quantised networks: the public graph, its secret parameters, the quantiser, the file and the oracle.

pub mod ir;
