//! Values to test with, and where foreign circuits lie.

use std::path::PathBuf;

/// A small deterministic generator (splitmix64, Steele et al., OOPSLA 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The directory of test material, if this machine has it.
pub(crate) fn data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PRIVET_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(folder);
    if !path.is_dir() {
        println!(
            "skipped: {} is absent (PRIVET_DATA names another place)",
            path.display()
        );
        return None;
    }
    Some(path)
}
