//! Random base OT over Ristretto, the "simplest OT" in its semi-honest form.
//!
//! - Functionality: the sender gets pairs of keys `(k0, k1)`; the receiver, with choices `c` of its own, gets `k_c`.
//! - Secure against: semi-honest, either side; the receiver's choice is hidden perfectly (its point is uniform whatever the
//!   choice), the other key by the computational Diffie-Hellman assumption, with SHA-256 as random oracle.
//! - From: CO15 (eprint 2015/267), §3. Differs: keys are random and used once, so nothing is encrypted; the hash binds the
//!   index, both points and the shared one, so that no two transfers share an oracle input.
//! - Cost for n: 1 message of 32 bytes, sender → receiver; 1 of 32·n bytes back; 2n+1 and 2n scalar products.
//!
//! The group has prime order: a decoded point needs no cofactor check. The neutral element is refused.

pub mod drive;
pub mod msgs;
pub mod receiver;
pub mod sender;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use privet_prim::{Block, Prg};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// Separates this use of SHA-256 from every other one.
const DOMAIN: &[u8] = b"privet base OT v1";

/// A scalar that is uniform up to a statistical distance of 2^-250.
fn random_scalar(prg: &mut Prg) -> Scalar {
    let mut wide = [0u8; 64];
    prg.fill_bytes(&mut wide);
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    wide.zeroize();
    scalar
}

/// The key of transfer `index`: a hash of the two points on the wire and of the shared point.
fn derive_key(
    index: u64,
    sender: &CompressedRistretto,
    receiver: &CompressedRistretto,
    shared: &RistrettoPoint,
) -> Block {
    let mut shared = shared.compress().to_bytes();
    let digest = Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(index.to_le_bytes())
        .chain_update(sender.as_bytes())
        .chain_update(receiver.as_bytes())
        .chain_update(shared)
        .finalize();
    shared.zeroize();
    let mut key = [0u8; 16];
    key.iter_mut().zip(digest.iter()).for_each(|(k, d)| *k = *d);
    let block = Block::from_bytes(key);
    key.zeroize();
    block
}

/// Bytes on the wire for `n` transfers: sender → receiver, receiver → sender.
#[must_use]
pub const fn cost_bytes(n: u64) -> (u64, u64) {
    (32, 32 * n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{receiver, sender};

    fn run(choices: &[bool], seed: u128) -> (Vec<[Block; 2]>, Vec<Block>) {
        let (first, await_points) = sender::start(&mut Prg::new(Block::from(seed)));
        let first = msgs::SenderPoint::decode(&first.encode()).unwrap();
        let (reply, keys) = receiver::reply(&first, choices, &mut Prg::new(Block::from(seed ^ 1)));
        let reply = msgs::ReceiverPoints::decode(&reply.encode(), choices.len()).unwrap();
        (await_points.finish(&reply), keys)
    }

    #[test]
    fn receiver_gets_the_chosen_key_and_only_that() {
        let choices: Vec<bool> = (0..64).map(|i| (i * 7 + i / 5) % 3 == 1).collect();
        let (pairs, keys) = run(&choices, 99);
        assert_eq!(pairs.len(), choices.len());
        for ((pair, key), &choice) in pairs.iter().zip(&keys).zip(&choices) {
            assert_eq!(pair[usize::from(choice)], *key);
            assert_ne!(pair[usize::from(!choice)], *key);
        }
        let mut all: Vec<u128> = pairs.iter().flatten().map(|b| u128::from(*b)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * choices.len(), "keys repeat");
    }

    #[test]
    fn a_changed_point_gives_other_keys() {
        let (first, await_points) = sender::start(&mut Prg::new(Block::from(5)));
        let (reply, keys) = receiver::reply(&first, &[true, false], &mut Prg::new(Block::from(6)));
        let (other, _) = receiver::reply(&first, &[true, false], &mut Prg::new(Block::from(7)));
        let mut bytes = reply.encode();
        bytes[..32].copy_from_slice(&other.encode()[..32]);
        let reply = msgs::ReceiverPoints::decode(&bytes, 2).unwrap();
        let pairs = await_points.finish(&reply);
        assert!(!pairs[0].contains(&keys[0]));
        assert_eq!(pairs[1][0], keys[1]);
    }
}
