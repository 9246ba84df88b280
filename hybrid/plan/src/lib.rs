//! Lowering of quantised networks to protocol steps, and their cost.

#![forbid(unsafe_code)]
