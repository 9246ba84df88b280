//! Integration tests of the netlist crate.

#[cfg(test)]
#[path = "it/activation.rs"]
mod activation;
#[cfg(test)]
#[path = "it/blocks.rs"]
mod blocks;
#[cfg(test)]
#[path = "it/bristol.rs"]
mod bristol;
#[cfg(test)]
#[path = "it/catalogue.rs"]
mod catalogue;
#[cfg(test)]
#[path = "it/cordic.rs"]
mod cordic;
#[cfg(test)]
#[path = "it/formats.rs"]
mod formats;
#[cfg(test)]
#[path = "it/inputs.rs"]
mod inputs;
#[cfg(test)]
#[path = "it/readme.rs"]
mod readme;
