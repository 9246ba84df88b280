//! Integration tests.

#[cfg(test)]
mod data;
#[cfg(test)]
mod float_models;
#[cfg(test)]
mod nets;
#[cfg(test)]
mod quant_approx;
#[cfg(test)]
mod quant_file;
#[cfg(test)]
mod quant_float;
#[cfg(test)]
mod quant_models;
#[cfg(test)]
mod quant_ranges;
