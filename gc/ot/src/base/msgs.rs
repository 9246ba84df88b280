//! The two messages of the base OT, validated on decode.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::traits::IsIdentity;

use crate::error::PeerMisbehaved;

/// Bytes of an encoded point.
pub const POINT_BYTES: usize = 32;

/// Sender → receiver: `A = a·G`.
#[derive(Clone)]
pub struct SenderPoint {
    pub(crate) point: RistrettoPoint,
    pub(crate) wire: CompressedRistretto,
}

/// Receiver → sender: `B_i = b_i·G + c_i·A`, one per transfer.
#[derive(Clone)]
pub struct ReceiverPoints {
    pub(crate) points: Vec<(RistrettoPoint, CompressedRistretto)>,
}

fn decode_point(
    msg: &'static str,
    index: usize,
    bytes: &[u8],
) -> Result<(RistrettoPoint, CompressedRistretto), PeerMisbehaved> {
    let wire = CompressedRistretto::from_slice(bytes).map_err(|_| PeerMisbehaved::Length {
        msg,
        expected: POINT_BYTES,
        got: bytes.len(),
    })?;
    let point = wire
        .decompress()
        .filter(|p| !p.is_identity())
        .ok_or(PeerMisbehaved::InvalidPoint { msg, index })?;
    Ok((point, wire))
}

impl SenderPoint {
    const NAME: &'static str = "base-ot/sender-point";

    pub(crate) fn new(point: RistrettoPoint) -> Self {
        Self {
            point,
            wire: point.compress(),
        }
    }

    /// The 32 bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.wire.as_bytes().to_vec()
    }

    /// Reads and validates the message.
    ///
    /// # Errors
    /// Another length than 32 bytes, no group element, or the neutral one.
    pub fn decode(bytes: &[u8]) -> Result<Self, PeerMisbehaved> {
        let (point, wire) = decode_point(Self::NAME, 0, bytes)?;
        Ok(Self { point, wire })
    }
}

impl ReceiverPoints {
    const NAME: &'static str = "base-ot/receiver-points";

    /// The `32·n` bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.points
            .iter()
            .flat_map(|(_, wire)| *wire.as_bytes())
            .collect()
    }

    /// Reads and validates the message for `n` transfers.
    ///
    /// # Errors
    /// Another length than `32·n` bytes, or a position that holds no group element or the neutral one.
    pub fn decode(bytes: &[u8], n: usize) -> Result<Self, PeerMisbehaved> {
        let expected = n.saturating_mul(POINT_BYTES);
        if bytes.len() != expected {
            return Err(PeerMisbehaved::Length {
                msg: Self::NAME,
                expected,
                got: bytes.len(),
            });
        }
        let points = bytes
            .chunks_exact(POINT_BYTES)
            .enumerate()
            .map(|(index, chunk)| decode_point(Self::NAME, index, chunk))
            .collect::<Result<_, _>>()?;
        Ok(Self { points })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT as G;

    #[test]
    fn lengths_and_points_are_checked() {
        let good = G.compress();
        assert!(SenderPoint::decode(good.as_bytes()).is_ok());
        for bad in [
            &[][..],
            &good.as_bytes()[..31],
            &[good.as_bytes().as_slice(), &[0]].concat(),
        ] {
            assert!(matches!(
                SenderPoint::decode(bad),
                Err(PeerMisbehaved::Length { .. })
            ));
        }
        // All ones is no canonical field element; all zero is the neutral element.
        for bad in [[0xffu8; 32], [0u8; 32]] {
            assert!(matches!(
                SenderPoint::decode(&bad),
                Err(PeerMisbehaved::InvalidPoint { .. })
            ));
        }
        let two = [*good.as_bytes(), [0xff; 32]].concat();
        assert!(matches!(
            ReceiverPoints::decode(&two, 2),
            Err(PeerMisbehaved::InvalidPoint { index: 1, .. })
        ));
        for n in [0, 1, 3, usize::MAX] {
            assert!(matches!(
                ReceiverPoints::decode(&two, n),
                Err(PeerMisbehaved::Length { .. })
            ));
        }
    }

    #[test]
    fn every_single_bit_flip_is_refused_or_another_point() {
        let good = *G.compress().as_bytes();
        for bit in 0..256 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(msg) = SenderPoint::decode(&bad) {
                assert_ne!(msg.point, G);
            }
        }
    }
}
