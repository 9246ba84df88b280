//! Passes over networks before they run: training, projection, pruning.

#![forbid(unsafe_code)]
