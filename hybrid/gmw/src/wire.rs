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
        64 if cfg!(target_endian = "little") => out.extend_from_slice(bytemuck::cast_slice(fields)),
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

/// Bytes of some planes of `len` bits.
pub(crate) const fn lane_bytes(planes: usize, len: usize) -> usize {
    planes.saturating_mul(len.div_ceil(8))
}

/// Appends words of `planes` planes each, 64 lanes to a word, of numbers of words that hold `len` lanes; of the last word of each
/// number the bytes that have lanes.
pub(crate) fn put_lanes(words: &[u64], planes: usize, len: usize, out: &mut Vec<u8>) {
    let (full, rest) = (len / 64 * planes, (len % 64).div_ceil(8));
    if rest == 0 {
        return put_words(words, out);
    }
    for words in words.chunks_exact(full + planes) {
        let (full, last) = words.split_at(full);
        put_words(full, out);
        for word in last {
            out.extend_from_slice(word.to_le_bytes().get(..rest).unwrap_or_default());
        }
    }
}

/// Reads `count` numbers' words back; lanes beyond `len` mean nothing.
///
/// # Errors
/// Another length.
pub(crate) fn lanes(
    msg: &'static str,
    planes: usize,
    count: usize,
    len: usize,
    bytes: &[u8],
) -> Result<Vec<u64>, PeerMisbehaved> {
    let (full, rest) = (len / 64 * planes, (len % 64).div_ceil(8));
    if rest == 0 {
        return fields(msg, 64, count.saturating_mul(full), bytes);
    }
    let (one, got) = (lane_bytes(planes, len), bytes.len());
    let expected = count.saturating_mul(one);
    if expected != got {
        return Err(PeerMisbehaved::Length { msg, expected, got });
    }
    let mut out = Vec::with_capacity(count * (full + planes));
    for bytes in bytes.chunks_exact(one) {
        let (full, last) = bytes.split_at(8 * full);
        out.extend(full.chunks_exact(8).map(little_endian));
        out.extend(last.chunks_exact(rest).map(little_endian));
    }
    Ok(out)
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
    fn lanes_of_every_number_come_back() {
        for len in [1, 7, 8, 63, 64, 65, 130] {
            for planes in [1, 3, 32] {
                let stride = usize::div_ceil(len, 64);
                let words: Vec<u64> = (1..=(2 * stride * planes) as u64)
                    .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .collect();
                let mut bytes = Vec::new();
                put_lanes(&words, planes, len, &mut bytes);
                assert_eq!(bytes.len(), 2 * lane_bytes(planes, len));
                let back = lanes("test", planes, 2, len, &bytes).unwrap();
                assert_eq!(back.len(), words.len());
                for (i, (word, back)) in words.iter().zip(&back).enumerate() {
                    let lanes = (len - i / planes % stride * 64).min(64);
                    assert_eq!(
                        (word ^ back) & (u64::MAX >> (64 - lanes)),
                        0,
                        "{len} {planes}"
                    );
                }
                bytes.push(0);
                assert!(lanes("test", planes, 2, len, &bytes).is_err());
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
