//! Integration tests of the passes.

mod it {
    mod gradients;
    mod graph;
    mod training;
}
