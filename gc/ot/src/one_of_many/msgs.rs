//! The messages of chosen 1-of-2^m OT, validated on decode: fields of a fixed number of bits, packed, lowest bit first.

use crate::error::{ApiMisuse, PeerMisbehaved};

/// Bytes of `n` fields of `bits` bits.
#[must_use]
pub const fn packed_bytes(n: usize, bits: u32) -> usize {
    (n.saturating_mul(bits as usize)).div_ceil(8)
}

/// Packs fields of `bits` bits, 1 to 128, into `out`.
///
/// # Errors
/// An output of another length than [`packed_bytes`].
pub fn pack(
    bits: u32,
    fields: impl ExactSizeIterator<Item = u128>,
    out: &mut [u8],
) -> Result<(), ApiMisuse> {
    let (expected, got) = (packed_bytes(fields.len(), bits), out.len());
    if expected != got {
        return Err(ApiMisuse::Length {
            what: "packed fields",
            expected,
            got,
        });
    }
    let mut bytes = out.iter_mut();
    // `held` bits, below 8, wait in `carry`; a field adds up to 128.
    let (mut carry, mut held) = (0u128, 0u32);
    for field in fields {
        let mut field = field & (u128::MAX >> (128 - bits));
        let mut left = bits;
        while left > 0 {
            let step = left.min(64);
            carry |= (field & (u128::MAX >> (128 - step))) << held;
            held += step;
            field = field.checked_shr(step).unwrap_or(0);
            left -= step;
            while held >= 8 {
                if let Some(byte) = bytes.next() {
                    *byte = low_byte(carry);
                }
                carry >>= 8;
                held -= 8;
            }
        }
    }
    if let Some(byte) = bytes.next() {
        *byte = low_byte(carry);
    }
    Ok(())
}

const fn low_byte(value: u128) -> u8 {
    value.to_le_bytes()[0]
}

/// Reads `n` fields of `bits` bits.
///
/// # Errors
/// Another length than [`packed_bytes`], or bits set beyond the last field.
pub fn unpack(
    msg: &'static str,
    bits: u32,
    n: usize,
    bytes: &[u8],
) -> Result<Vec<u128>, PeerMisbehaved> {
    let (expected, got) = (packed_bytes(n, bits), bytes.len());
    if expected != got {
        return Err(PeerMisbehaved::Length { msg, expected, got });
    }
    let mut out = Vec::with_capacity(n);
    let mut bytes = bytes.iter();
    let (mut carry, mut held) = (0u128, 0u32);
    for _ in 0..n {
        let (mut field, mut have) = (0u128, 0u32);
        while have < bits {
            let step = (bits - have).min(64);
            while held < step {
                carry |= u128::from(bytes.next().copied().unwrap_or(0)) << held;
                held += 8;
            }
            field |= (carry & (u128::MAX >> (128 - step))) << have;
            carry >>= step;
            held -= step;
            have += step;
        }
        out.push(field);
    }
    if carry != 0 {
        return Err(PeerMisbehaved::SpareBits { msg });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_prim::Block;

    #[test]
    fn packing_is_undone_at_every_width() {
        for bits in 1..=128 {
            for n in [0usize, 1, 2, 7, 8, 9, 33] {
                let fields: Vec<u128> = (0..n)
                    .map(|_| u128::from(Block::random()) >> (128 - bits))
                    .collect();
                let mut bytes = vec![0xff; packed_bytes(n, bits)];
                pack(bits, fields.iter().copied(), &mut bytes).unwrap();
                assert_eq!(
                    unpack("test", bits, n, &bytes).unwrap(),
                    fields,
                    "{bits} {n}"
                );
                for (i, field) in fields.iter().enumerate() {
                    for bit in 0..bits as usize {
                        let at = i * bits as usize + bit;
                        assert_eq!(bytes[at / 8] >> (at % 8) & 1 == 1, field >> bit & 1 == 1);
                    }
                }
                bytes.push(0);
                assert!(unpack("test", bits, n, &bytes).is_err());
            }
        }
        let spare = unpack("test", 3, 1, &[0b1000]);
        assert_eq!(spare, Err(PeerMisbehaved::SpareBits { msg: "test" }));
    }
}
