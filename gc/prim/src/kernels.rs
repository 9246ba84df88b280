//! The kernels, and which of them run.
//!
//! `portable` is the specification. The best kernel that the machine can run is chosen once, at
//! the first use; `PRIVET_KERNELS=portable` (or the name of another kernel) in the environment
//! forces one. A name that this machine does not know or cannot run is passed over.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::LazyLock;

use crate::Block;
use crate::halfgate::{Run, Step};

/// AES under given round keys.
pub(crate) struct Rounds {
    pub(crate) expand: fn(Block) -> [Block; 11],
    pub(crate) encrypt: fn(&[Block; 11], &mut [Block]),
    /// Keys, stream (high words), first counter (low word), output.
    pub(crate) counter: fn(&[Block; 11], u64, u64, &mut [Block]),
}

/// One implementation of every kernel of this crate.
pub struct Kernels {
    pub(crate) name: &'static str,
    /// `None`: the `aes` crate.
    pub(crate) rounds: Option<Rounds>,
    /// Session secret, first tweak, blocks: block `j` becomes `H(block, first + j)`.
    pub(crate) hash: fn(Block, u64, &mut [Block]),
    /// Session secret, first tweak, Δ, blocks, as many others: block `j` becomes `H(block, first + j)`, the other one
    /// `H(block ⊕ Δ, first + j)`. One key schedule serves both.
    pub(crate) hash_pairs: fn(Block, u64, Block, &mut [Block], &mut [Block]),
    /// 128 rows of `⌈out.len() / 8⌉` bytes each.
    pub(crate) transpose: fn(&[&[u8]; 128], &mut [Block]),
    /// Bit `position`, below 64, of each block, the first one's lowest.
    pub(crate) plane: fn(&[Block; 64], u32) -> u64,
    /// Batch, Δ, steps, tables.
    ///
    /// # Safety
    /// For `n` inputs and `m` slots, `inputs` holds `n·lanes` blocks and `slots` `m·lanes`; no step
    /// names another wire; `tables` holds `16·lanes` bytes for each ciphertext of the steps.
    pub(crate) garble: unsafe fn(&mut Run<'_>, Block, &[Step], &mut [u8]),
    /// Batch, steps, tables.
    ///
    /// # Safety
    /// As for `garble`.
    pub(crate) evaluate: unsafe fn(&mut Run<'_>, &[Step], &[u8]),
}

impl Kernels {
    /// `portable`, `aesni`, `vaes256` or `vaes`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernels({})", self.name)
    }
}

static AVAILABLE: LazyLock<Vec<&'static Kernels>> = LazyLock::new(|| {
    std::iter::once(&portable::KERNELS)
        .chain(detected())
        .collect()
});

/// What this machine can run beside `portable`, the fastest last.
#[cfg(target_arch = "x86_64")]
fn detected() -> impl Iterator<Item = &'static Kernels> {
    [
        x86::aesni::kernels(),
        x86::vaes256::kernels(),
        x86::vaes::kernels(),
    ]
    .into_iter()
    .flatten()
}

#[cfg(not(target_arch = "x86_64"))]
fn detected() -> impl Iterator<Item = &'static Kernels> {
    std::iter::empty()
}

static ACTIVE: LazyLock<&'static Kernels> = LazyLock::new(|| {
    let wish = std::env::var("PRIVET_KERNELS").unwrap_or_default();
    let named = available().iter().find(|kernels| kernels.name == wish);
    named
        .or(available().last())
        .copied()
        .unwrap_or(&portable::KERNELS)
});

/// Every kernel that this machine can run, `portable` first, the fastest last.
#[must_use]
pub fn available() -> &'static [&'static Kernels] {
    &AVAILABLE
}

/// The kernel in use.
#[must_use]
pub fn active() -> &'static Kernels {
    &ACTIVE
}
