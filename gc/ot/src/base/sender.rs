//! The base OT sender: makes both keys of each pair.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use privet_prim::{Block, Prg};
use zeroize::Zeroize;

use super::msgs::{ReceiverPoints, SenderPoint};
use super::{derive_key, random_scalar};

/// The sender after its first message.
pub struct AwaitPoints {
    secret: Scalar,
    first: SenderPoint,
}

impl Drop for AwaitPoints {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// Draws the sender's secret and its message.
pub fn start(prg: &mut Prg) -> (SenderPoint, AwaitPoints) {
    let secret = random_scalar(prg);
    let first = SenderPoint::new(RistrettoPoint::mul_base(&secret));
    (first.clone(), AwaitPoints { secret, first })
}

impl AwaitPoints {
    /// Both keys of each transfer. CO15 Fig. 1: `k_0 = H(a·B)`, `k_1 = H(a·(B − A))`.
    #[must_use]
    pub fn finish(self, reply: &ReceiverPoints) -> Vec<[Block; 2]> {
        let offset = self.first.point * self.secret;
        (0u64..)
            .zip(&reply.points)
            .map(|(index, (point, wire))| {
                let zero = point * self.secret;
                let one = zero - offset;
                [zero, one].map(|shared| derive_key(index, &self.first.wire, wire, &shared))
            })
            .collect()
    }
}
