//! The base OT receiver: gets the key of its choice.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::Identity;
use privet_prim::{Block, Prg};
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroize;

use super::msgs::{ReceiverPoints, SenderPoint};
use super::{derive_key, random_scalar};

/// Answers the sender's message for `choices`; gives the reply and the chosen keys.
pub fn reply(first: &SenderPoint, choices: &[bool], prg: &mut Prg) -> (ReceiverPoints, Vec<Block>) {
    let mut points = Vec::with_capacity(choices.len());
    let mut keys = Vec::with_capacity(choices.len());
    for (index, &choice) in (0u64..).zip(choices) {
        let mut secret = random_scalar(prg);
        let mask = RistrettoPoint::conditional_select(
            &RistrettoPoint::identity(),
            &first.point,
            Choice::from(u8::from(choice)),
        );
        // [CO15] Fig. 1: B = c·A + b·G and k_c = H(b·A).
        let point = RistrettoPoint::mul_base(&secret) + mask;
        let wire = point.compress();
        keys.push(derive_key(
            index,
            &first.wire,
            &wire,
            &(first.point * secret),
        ));
        points.push((point, wire));
        secret.zeroize();
    }
    (ReceiverPoints { points }, keys)
}
