//! Integration tests.

#[cfg(test)]
mod data;
#[cfg(test)]
mod float_models;
