//! Bytes of oblivious transfers.

use super::{Round, StepCost};

/// Cost of `bits` chosen-bit correlated OTs whose receiver is the client.
#[must_use]
pub fn cot_input(bits: u64) -> StepCost {
    StepCost {
        cots: bits,
        client_bytes: extension_bytes(bits),
        flights: Round::CLIENT.into(),
        ..StepCost::default()
    }
}

/// Cost of the OTs by which the evaluating server's secret bits enter: one extension for each unit.
#[must_use]
pub fn cot_secrets(units: impl Iterator<Item = u64>) -> StepCost {
    let mut cost = StepCost::default();
    for bits in units {
        cost.cots += bits;
        cost.server_bytes += extension_bytes(bits);
        cost.flights.then(Round::SERVER.into());
    }
    cost
}

/// Bytes that the receiver of an extension sends for `n` COTs: one row of corrections for each of
/// the 128 / k small-field blocks, padded to whole 128-bit columns.
#[must_use]
pub const fn extension_bytes(n: u64) -> u64 {
    let columns = n.div_ceil(128) * 128;
    columns / 8 * (128 / FIELD_BITS)
}

/// k: bits of the extension's small field.
pub const FIELD_BITS: u64 = 2;
