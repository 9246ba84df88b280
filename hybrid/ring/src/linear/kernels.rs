//! The inner loops of clear products, and which implementation of them runs.
//!
//! `portable` is the specification. The best kernel for a ring that the machine can run is chosen once; `PRIVET_KERNELS` forces
//! one by a name of its list, also by the names that the kernels of AES have for the same generation of machines.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::LazyLock;

/// Columns of a panel.
pub(super) const LANES: usize = 32;

/// Rows of a tile of weights.
pub(super) const ROWS: usize = 6;

/// One column block of inputs at one place of the sum.
pub(super) type Panel = [u64; LANES];

/// The weights of a tile at one place of the sum, by row.
pub(super) type Weights = [i64; ROWS];

/// One implementation.
pub(super) struct Kernel {
    pub(super) name: &'static str,
    /// Other values of `PRIVET_KERNELS` that mean this one.
    aliases: &'static [&'static str],
    /// Low bits of results that are right: rings up to this width.
    pub(super) bits: u32,
    /// Puts inputs into the form in which panels hold them.
    pub(super) form: fn(&mut [u64]),
    /// Adds `Σ_k weights[k][r]·x[k]` to `z[r]`.
    pub(super) tile: fn(&[Weights], &[Panel], &mut [Panel; ROWS]),
    /// `Σ w·x`, inputs in their own form.
    pub(super) dot: fn(&[i32], &[u64]) -> u64,
}

/// Every kernel that this machine can run, `portable` first, the best last.
static AVAILABLE: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    let mut list = vec![portable::kernel()];
    #[cfg(target_arch = "x86_64")]
    list.extend(
        [
            x86::avx2::kernel(),
            x86::avx512::kernel(),
            x86::ifma::kernel(),
        ]
        .into_iter()
        .flatten(),
    );
    list
});

static WISH: LazyLock<Option<usize>> = LazyLock::new(|| {
    let wish = std::env::var("PRIVET_KERNELS").unwrap_or_default();
    AVAILABLE
        .iter()
        .position(|kernel| kernel.name == wish || kernel.aliases.contains(&wish.as_str()))
});

/// Every kernel that this machine can run, `portable` first, the best last.
#[cfg(test)]
pub(super) fn available() -> &'static [Kernel] {
    &AVAILABLE
}

/// The kernel in use for rings of that width: the last that serves it, none beyond the one wished for.
pub(super) fn active(bits: u32) -> &'static Kernel {
    static PORTABLE: LazyLock<Kernel> = LazyLock::new(portable::kernel);
    let last = WISH.map_or(AVAILABLE.len(), |wish| wish + 1);
    let mut usable = AVAILABLE.iter().take(last);
    usable
        .rfind(|kernel| bits <= kernel.bits)
        .unwrap_or(&PORTABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        let x = *state ^ (*state >> 29);
        match x % 11 {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << 63,
            3 => 0x8000_0000,
            4 => 0x7fff_ffff,
            _ => x.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    fn short(state: &mut u64) -> i32 {
        let [a, b, c, d, ..] = noise(state).to_le_bytes();
        i32::from_le_bytes([a, b, c, d])
    }

    #[test]
    fn every_kernel_tiles_as_portable_does() {
        let mut state = 5;
        for kernel in available() {
            for k in [0, 1, 2, 3, 7, 64, 129] {
                let weights: Vec<Weights> = (0..k)
                    .map(|_| std::array::from_fn(|_| i64::from(short(&mut state))))
                    .collect();
                let x: Vec<Panel> = (0..k)
                    .map(|_| std::array::from_fn(|_| noise(&mut state)))
                    .collect();
                let mut start = [[0; LANES]; ROWS];
                start
                    .iter_mut()
                    .flatten()
                    .for_each(|z| *z = noise(&mut state));
                let (mut a, mut b) = (start, start);
                (portable::kernel().tile)(&weights, &x, &mut a);
                let mut formed = x.clone();
                (kernel.form)(formed.as_flattened_mut());
                (kernel.tile)(&weights, &formed, &mut b);
                let mask = u64::MAX >> (64 - kernel.bits);
                for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
                    assert_eq!(a & mask, b & mask, "{} {k}", kernel.name);
                }
            }
        }
    }

    #[test]
    fn every_kernel_sums_as_portable_does() {
        let mut state = 9;
        for kernel in available() {
            for k in (0..40).chain([257]) {
                let w: Vec<i32> = (0..k).map(|_| short(&mut state)).collect();
                let x: Vec<u64> = (0..k).map(|_| noise(&mut state)).collect();
                let mask = u64::MAX >> (64 - kernel.bits);
                let (a, b) = ((portable::kernel().dot)(&w, &x), (kernel.dot)(&w, &x));
                assert_eq!(a & mask, b & mask, "{} {k}", kernel.name);
            }
        }
    }

    #[test]
    fn each_ring_has_a_kernel() {
        for bits in [2, 37, 52, 53, 64] {
            assert!(active(bits).bits >= bits);
        }
    }
}
