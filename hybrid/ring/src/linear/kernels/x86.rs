//! Kernels for x86-64.
//!
//! Products of 64 bits are put together from signed products of 32 bits, which vectors have: with `x = low + 2^32·high`, both
//! halves signed, and a weight of 32 bits, `w·x = w·low + 2^32·(w·high)` mod 2^64. The second sum is shifted once, at the end.

pub(super) mod avx2;
pub(super) mod avx512;
pub(super) mod ifma;

/// The signed halves of an input, the lower one in the low 32 bits.
fn halves(x: u64) -> u64 {
    x & 0xffff_ffff | x.wrapping_add(1 << 31) & !0xffff_ffff
}

#[cfg(test)]
mod tests {
    #[test]
    fn halves_add_up() {
        for x in [
            0,
            1,
            0x7fff_ffff,
            0x8000_0000,
            u64::MAX,
            1 << 63,
            0x1234_5678_9abc_def0,
        ] {
            let v = super::halves(x).to_le_bytes();
            let half = |at: usize| {
                let bytes = [v[at], v[at + 1], v[at + 2], v[at + 3]];
                i64::from(i32::from_le_bytes(bytes))
            };
            let sum = half(0).wrapping_add(half(4).wrapping_shl(32));
            assert_eq!(sum.cast_unsigned(), x);
        }
    }
}
