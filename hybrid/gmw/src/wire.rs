//! Fields of a fixed number of bits and words of bits as bytes, validated on the way back.

use crate::error::PeerMisbehaved;

/// Bytes of `n` fields of `bits` bits.
pub(crate) const fn field_bytes(n: usize, bits: u32) -> usize {
    n.saturating_mul(bits as usize).div_ceil(8)
}

/// Appends the low `bits` bits (1 to 64) of each field, the lowest first, padded to a byte at the end.
pub(crate) fn put_fields(bits: u32, fields: &[u64], out: &mut Vec<u8>) {
    out.reserve(field_bytes(fields.len(), bits) + 8);
    match bits {
        8 => out.extend(fields.iter().map(|f| f.to_le_bytes()[0])),
        16 => fields.iter().for_each(|f| {
            let [a, b, ..] = f.to_le_bytes();
            out.extend_from_slice(&[a, b]);
        }),
        32 => fields.iter().for_each(|f| {
            let [a, b, c, d, ..] = f.to_le_bytes();
            out.extend_from_slice(&[a, b, c, d]);
        }),
        64 => fields
            .iter()
            .for_each(|f| out.extend_from_slice(&f.to_le_bytes())),
        _ => put_odd(bits, fields, out),
    }
}

fn put_odd(bits: u32, fields: &[u64], out: &mut Vec<u8>) {
    let mask = u64::MAX >> (64 - bits.clamp(1, 64));
    // Fewer than 64 bits wait in `carry`.
    let (mut carry, mut held) = (0u128, 0u32);
    for field in fields {
        carry |= u128::from(field & mask) << held;
        held += bits;
        if held >= 64 {
            let [a, b, c, d, e, f, g, h, ..] = carry.to_le_bytes();
            out.extend_from_slice(&[a, b, c, d, e, f, g, h]);
            carry >>= 64;
            held -= 64;
        }
    }
    let rest = carry.to_le_bytes();
    out.extend(rest.iter().take(held.div_ceil(8) as usize));
}

/// Reads `n` fields of `bits` bits (1 to 64).
///
/// # Errors
/// Another length, or bits set beyond the last field.
pub(crate) fn fields(
    msg: &'static str,
    bits: u32,
    n: usize,
    bytes: &[u8],
) -> Result<Vec<u64>, PeerMisbehaved> {
    let (expected, got) = (field_bytes(n, bits), bytes.len());
    if expected != got {
        return Err(PeerMisbehaved::Length { msg, expected, got });
    }
    let mut out = Vec::with_capacity(n);
    match bits {
        8 => out.extend(bytes.iter().map(|b| u64::from(*b))),
        16 => out.extend(bytes.chunks_exact(2).map(little_endian)),
        32 => out.extend(bytes.chunks_exact(4).map(little_endian)),
        64 => out.extend(bytes.chunks_exact(8).map(little_endian)),
        _ => {
            let mask = u64::MAX >> (64 - bits.clamp(1, 64));
            let mut words = bytes.chunks(8);
            let (mut carry, mut held) = (0u128, 0u32);
            for _ in 0..n {
                if held < bits {
                    let word = words.next().unwrap_or_default();
                    carry |= u128::from(little_endian(word)) << held;
                    held += 64;
                }
                let [a, b, c, d, e, f, g, h, ..] = carry.to_le_bytes();
                out.push(u64::from_le_bytes([a, b, c, d, e, f, g, h]) & mask);
                carry >>= bits;
                held -= bits;
            }
            if carry != 0 {
                return Err(PeerMisbehaved::SpareBits { msg });
            }
        }
    }
    Ok(out)
}

/// Up to eight bytes, the lowest first.
pub(crate) fn little_endian(bytes: &[u8]) -> u64 {
    if let Ok(whole) = bytes.try_into() {
        return u64::from_le_bytes(whole);
    }
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |sum, b| sum << 8 | u64::from(*b))
}

/// Appends words of bits.
pub(crate) fn put_words(words: &[u64], out: &mut Vec<u8>) {
    put_fields(64, words, out);
}

/// Splits `len` bytes off the front of a message.
///
/// # Errors
/// Fewer are left.
pub(crate) fn split<'b>(
    msg: &'static str,
    len: usize,
    bytes: &mut &'b [u8],
) -> Result<&'b [u8], PeerMisbehaved> {
    let got = bytes.len();
    let Some((now, later)) = bytes.split_at_checked(len) else {
        let expected = len;
        return Err(PeerMisbehaved::Length { msg, expected, got });
    };
    *bytes = later;
    Ok(now)
}

/// Makes sure that nothing of a message is left.
///
/// # Errors
/// Something is.
pub(crate) const fn empty(msg: &'static str, rest: &[u8]) -> Result<(), PeerMisbehaved> {
    let (expected, got) = (0, rest.len());
    if got == expected {
        return Ok(());
    }
    Err(PeerMisbehaved::Length { msg, expected, got })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_width_come_back() {
        for bits in 1..=64 {
            for n in [0usize, 1, 2, 7, 8, 9, 64, 100] {
                let mask = u64::MAX >> (64 - bits);
                let values: Vec<u64> = (1..=n as u64)
                    .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .collect();
                let mut bytes = Vec::new();
                put_fields(bits, &values, &mut bytes);
                assert_eq!(bytes.len(), field_bytes(n, bits), "{bits} {n}");
                for (i, v) in values.iter().enumerate() {
                    for bit in 0..bits as usize {
                        let place = i * bits as usize + bit;
                        assert_eq!(u64::from(bytes[place / 8] >> (place % 8) & 1), v >> bit & 1);
                    }
                }
                let back = fields("test", bits, n, &bytes).unwrap();
                assert!(back.iter().zip(&values).all(|(b, v)| *b == v & mask));
                bytes.push(0);
                assert!(fields("test", bits, n, &bytes).is_err());
            }
        }
    }

    #[test]
    fn spare_bits_are_refused() {
        assert_eq!(
            fields("test", 3, 1, &[0x08]),
            Err(PeerMisbehaved::SpareBits { msg: "test" })
        );
    }
}
