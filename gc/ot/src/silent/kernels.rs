//! The two loops of silent OT, and which implementation of them runs.
//!
//! `portable` is the specification; its AES is `privet-prim`'s, which has kernels of its own. Where `privet-prim` runs its widest
//! kernel, named `vaes`, so does this crate; `PRIVET_KERNELS` therefore forces both.

mod portable;
#[cfg(target_arch = "x86_64")]
mod vaes;

use std::sync::LazyLock;

use privet_prim::Block;

/// One implementation of both loops.
pub(super) struct Kernel {
    pub(super) name: &'static str,
    /// Under a cipher key, replaces the nodes of a level, in the lower half, by their children: left in the lower half, right in
    /// the upper. Gives the sum of the left ones, and `H(0)`.
    pub(super) grow: fn(Block, &mut [Block]) -> [Block; 2],
    /// Key, number of the code, first row, secret, output: see [`super::code::encode`].
    pub(super) encode: fn(Block, u64, u64, &[Block], &mut [Block]),
    /// Nodes, place, left, right: adds `left` to node `place` and `right` to the one half a level beyond, passing over all nodes
    /// alike: the place is secret.
    pub(super) patch: fn(&mut [Block], u64, Block, Block),
    /// Leaves, place, block: clears all colours but puts the block, with colour 1, in its place, passing over all leaves alike.
    pub(super) finish: fn(&mut [Block], u64, Block),
}

/// Every kernel that this machine can run, `portable` first.
static AVAILABLE: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    let mut list = vec![portable::kernel()];
    #[cfg(target_arch = "x86_64")]
    list.extend(vaes::kernel());
    list
});

static ACTIVE: LazyLock<&'static Kernel> = LazyLock::new(|| {
    let wanted = privet_prim::kernels::active().name();
    AVAILABLE
        .iter()
        .find(|kernel| kernel.name == wanted)
        .unwrap_or_else(|| {
            // The list is never empty: its first entry is the specification.
            static PORTABLE: LazyLock<Kernel> = LazyLock::new(portable::kernel);
            &PORTABLE
        })
});

/// The kernel in use.
pub(super) fn active() -> &'static Kernel {
    &ACTIVE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize) -> Vec<Block> {
        let mut blocks = vec![Block::ZERO; n];
        privet_prim::Prg::random().fill_blocks(&mut blocks);
        blocks
    }

    #[test]
    fn every_kernel_grows_as_portable_does() {
        for kernel in AVAILABLE.iter() {
            for depth in 1..=13 {
                let (key, nodes) = (Block::random(), random(1 << depth));
                let (mut a, mut b) = (nodes.clone(), nodes);
                let sums = (
                    (portable::kernel().grow)(key, &mut a),
                    (kernel.grow)(key, &mut b),
                );
                assert_eq!(sums.0, sums.1, "{} {depth}", kernel.name);
                assert_eq!(a, b, "{} {depth}", kernel.name);
            }
        }
    }

    #[test]
    fn every_kernel_patches_and_finishes_as_portable_does() {
        for kernel in AVAILABLE.iter() {
            for depth in 1..=11u32 {
                let nodes = random(1 << depth);
                for place in [
                    0,
                    1,
                    (1u64 << depth) / 3,
                    (1 << (depth - 1)) - 1,
                    (1 << depth) - 1,
                ] {
                    let (left, right) = (Block::random(), Block::random());
                    let (mut a, mut b) = (nodes.clone(), nodes.clone());
                    (portable::kernel().patch)(&mut a, place, left, right);
                    (kernel.patch)(&mut b, place, left, right);
                    assert_eq!(a, b, "{} {depth} {place}", kernel.name);
                    (portable::kernel().finish)(&mut a, place, left);
                    (kernel.finish)(&mut b, place, left);
                    assert_eq!(a, b, "{} {depth} {place}", kernel.name);
                }
            }
        }
    }

    #[test]
    fn every_kernel_encodes_as_portable_does() {
        for kernel in AVAILABLE.iter() {
            for bits in [0, 1, 7, 12, 17, 21] {
                let secret = random(1 << bits);
                for n in [0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 2048] {
                    for first in [0, 1, 2048, u64::from(u32::MAX) - 3] {
                        let (key, out) = (Block::random(), random(n));
                        let (mut a, mut b) = (out.clone(), out);
                        (portable::kernel().encode)(key, 3, first, &secret, &mut a);
                        (kernel.encode)(key, 3, first, &secret, &mut b);
                        assert_eq!(a, b, "{} {bits} {n} {first}", kernel.name);
                    }
                }
            }
        }
    }
}
