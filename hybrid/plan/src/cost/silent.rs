//! Bytes of random correlated OTs made by silent OT.

use super::StepCost;

/// Levels of a tree.
const DEPTH: u64 = 11;

/// Transfers of a tree.
const LEAVES: u64 = 1 << DEPTH;

/// Trees of an iteration.
const TREES: u64 = 960;

/// Transfers that an iteration consumes: the LPN secret of 2^17 and a path for each tree.
const CONSUMED: u64 = (1 << 17) + DEPTH * TREES;

/// Trees that make the next iteration's material.
const KEPT: u64 = CONSUMED.div_ceil(LEAVES);

/// Bytes from sender to receiver that the first `n` transfers of an instance move after its set-up.
#[must_use]
pub const fn bytes(n: u64) -> u64 {
    let trees = n.div_ceil(LEAVES);
    let full = trees.saturating_sub(1) / (TREES - KEPT);
    (trees + full * KEPT) * DEPTH * 16
}

/// Bytes that the material of the inference after `before` others of a session adds for its random
/// correlated OTs: from the client, from the server.
#[must_use]
pub fn bytes_after(cost: &StepCost, before: u64) -> (u64, u64) {
    let between = |each: u64| {
        let first = each.saturating_mul(before);
        bytes(first.saturating_add(each)) - bytes(first)
    };
    (between(cost.client_silent), between(cost.server_silent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iteration_pays_for_the_next() {
        assert_eq!(bytes(0), 0);
        assert_eq!(bytes(1), 176);
        let given = (TREES - KEPT) * LEAVES;
        assert_eq!(bytes(given), (TREES - KEPT) * 176);
        assert_eq!(bytes(given + 1), (TREES + 1) * 176);
        let cost = StepCost {
            client_silent: 1000,
            ..StepCost::default()
        };
        assert_eq!(bytes_after(&cost, 0), (176, 0));
        assert_eq!(bytes_after(&cost, 1), (0, 0));
        assert_eq!(bytes_after(&cost, 2), (176, 0));
    }
}
