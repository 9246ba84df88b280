//! AES kernels for x86-64, one text for every vector width.
//!
//! The text is a macro over a module of vector operations ([`aesni`]: one block a vector, [`vaes256`]:
//! two, [`vaes`]: four). What makes re-keying cheap is the key schedule: four vectors hold word
//! 0, 1, 2, 3 of `4·BLOCKS` keys, so one `aesenclast` computes SubWord for four keys a lane (its
//! ShiftRows is undone, and RotWord done, by one byte shuffle before it) and a round of the schedule
//! costs four XORs; eight unpacks turn the words into round keys.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays of four vectors, indices below four"
)]

pub(super) mod aesni;
mod halfgates;
mod transpose;
pub(super) mod vaes;
pub(super) mod vaes256;

/// Round constants of the AES key schedule, FIPS 197 §5.2.
const RCON: [i32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 27, 54];

/// `aesenclast` takes byte `(row, column + row)` to `(row, column)`. This shuffle before it makes
/// that RotWord of the word in each column: byte `4·column + row` from word `column - row`, byte
/// `row + 1`.
const ROT_WORD: [u8; 16] = [1, 14, 11, 4, 5, 2, 15, 8, 9, 6, 3, 12, 13, 10, 7, 0];

/// Kernels over the vector operations of `$ops`, compiled for the CPU features `$features`.
macro_rules! kernels {
    ($name:literal, $features:literal, $detected:expr) => {
        use super::{RCON, ROT_WORD};
        use crate::Block;
        use crate::halfgate::{Run, Step};
        use crate::kernels::{Kernels, Rounds};

        /// Instances that four vectors hold.
        const LANES: usize = 4 * BLOCKS;

        /// Groups of `LANES` that are hashed side by side: a key schedule alone is a chain in which each step waits for the last.
        const GROUPS: usize = 2;

        /// This kernel, if the machine can run it.
        pub(in crate::kernels) fn kernels() -> Option<&'static Kernels> {
            static KERNELS: Kernels = Kernels {
                name: $name,
                rounds: Some(Rounds {
                    expand,
                    encrypt,
                    counter,
                }),
                hash: hash_many,
                hash_pairs,
                transpose: super::transpose::transpose,
                plane,
                garble,
                evaluate,
            };
            $detected.then_some(&KERNELS)
        }

        fn expand(key: Block) -> [Block; 11] {
            // SAFETY: `kernels` hands this out only where the features are present.
            unsafe { super::aesni::expand_key(key) }
        }

        fn encrypt(keys: &[Block; 11], blocks: &mut [Block]) {
            // SAFETY: as above.
            unsafe { encrypt_vectors(keys, blocks) }
        }

        fn counter(keys: &[Block; 11], stream: u64, first: u64, out: &mut [Block]) {
            // SAFETY: as above.
            unsafe { counter_vectors(keys, stream, first, out) }
        }

        fn hash_many(session: Block, first: u64, blocks: &mut [Block]) {
            // SAFETY: as above.
            unsafe { hash_vectors(session, first, blocks) }
        }

        fn hash_pairs(
            session: Block,
            first: u64,
            delta: Block,
            zeros: &mut [Block],
            ones: &mut [Block],
        ) {
            // SAFETY: as above.
            unsafe { hash_pair_vectors(session, first, delta, zeros, ones) }
        }

        unsafe fn garble(run: &mut Run<'_>, delta: Block, steps: &[Step], tables: &mut [u8]) {
            // SAFETY: as above; the caller promises the rest.
            unsafe { garble_steps(run, delta, steps, tables.as_mut_ptr().cast()) }
        }

        unsafe fn evaluate(run: &mut Run<'_>, steps: &[Step], tables: &[u8]) {
            // SAFETY: as above; the caller promises the rest.
            unsafe { evaluate_steps(run, steps, tables.as_ptr().cast()) }
        }

        /// Eight vectors through all rounds side by side.
        #[inline]
        #[target_feature(enable = $features)]
        fn encrypt_eight(keys: &[Block; 11], x: &mut [V; 8]) {
            let [first, middle @ .., last] = keys;
            let k = splat(*first);
            for x in x.iter_mut() {
                *x = xor(*x, k);
            }
            for key in middle {
                let k = splat(*key);
                for x in x.iter_mut() {
                    *x = aesenc(*x, k);
                }
            }
            let k = splat(*last);
            for x in x.iter_mut() {
                *x = aesenclast(*x, k);
            }
        }

        #[target_feature(enable = $features)]
        fn encrypt_vectors(keys: &[Block; 11], blocks: &mut [Block]) {
            for chunk in blocks.chunks_mut(8 * BLOCKS) {
                let mut x = load_some::<8>(chunk);
                encrypt_eight(keys, &mut x);
                store_some(&x, chunk);
            }
        }

        #[target_feature(enable = $features)]
        fn counter_vectors(keys: &[Block; 11], stream: u64, first: u64, out: &mut [Block]) {
            let mut steps = [zero(); 8];
            for (i, step) in steps.iter_mut().enumerate() {
                let at = (i * BLOCKS) as u64;
                *step = gather(std::array::from_fn(|b| Block::from_words(at + b as u64, 0)));
            }
            let mut next = first;
            for chunk in out.chunks_mut(8 * BLOCKS) {
                let from = splat(Block::from_words(next, stream));
                let mut x = steps;
                for x in &mut x {
                    *x = add64(from, *x);
                }
                encrypt_eight(keys, &mut x);
                store_some(&x, chunk);
                next = next.wrapping_add(8 * BLOCKS as u64);
            }
        }

        /// Loads a chunk of at most `N·BLOCKS` blocks, zeros after its end.
        #[inline]
        #[target_feature(enable = $features)]
        fn load_some<const N: usize>(chunk: &[Block]) -> [V; N] {
            let mut x = [zero(); N];
            for (i, x) in x.iter_mut().enumerate() {
                let from = chunk.as_ptr().wrapping_add(i * BLOCKS);
                let left = chunk.len().saturating_sub(i * BLOCKS);
                // SAFETY: only blocks of the chunk are read.
                *x = unsafe {
                    if left >= BLOCKS {
                        load(from)
                    } else {
                        load_part(from, left)
                    }
                };
            }
            x
        }

        /// Stores what of `x` fits into a chunk of at most `N·BLOCKS` blocks.
        #[inline]
        #[target_feature(enable = $features)]
        fn store_some<const N: usize>(x: &[V; N], chunk: &mut [Block]) {
            let (to, len) = (chunk.as_mut_ptr(), chunk.len());
            for (i, x) in x.iter().enumerate() {
                let left = len.saturating_sub(i * BLOCKS);
                if left >= BLOCKS {
                    // SAFETY: that many blocks are left in the chunk.
                    unsafe { store(to.add(i * BLOCKS), *x) };
                } else if left > 0 {
                    // SAFETY: only blocks of the chunk are written.
                    unsafe { store_part(to.add(i * BLOCKS), left, *x) };
                }
            }
        }

        /// Round keys of `LANES` keys from their words: vector `p`, block `b` is the round key of
        /// the key at position `4·b + p` of the words.
        #[inline]
        #[target_feature(enable = $features)]
        fn round_keys(w: &[V; 4]) -> [V; 4] {
            let (low, high) = (unpack_low32(w[0], w[1]), unpack_high32(w[0], w[1]));
            let (low2, high2) = (unpack_low32(w[2], w[3]), unpack_high32(w[2], w[3]));
            [
                unpack_low64(low, low2),
                unpack_high64(low, low2),
                unpack_low64(high, high2),
                unpack_high64(high, high2),
            ]
        }

        /// `AES_k(x ⊕ offset) ⊕ x` for `LANES` keys, given as words, as many blocks `x`, and `N`
        /// offsets; for a hash, `x` is the image of its input under [`sigma`].
        #[inline]
        #[target_feature(enable = $features)]
        fn keyed<const N: usize>(w: [V; 4], x: &[V; 4], offsets: [V; N]) -> [[V; 4]; N] {
            let [y] = keyed_groups([w], std::array::from_ref(x), offsets);
            y
        }

        /// The same for `G` groups of `LANES` side by side.
        #[inline]
        #[target_feature(enable = $features)]
        fn keyed_groups<const G: usize, const N: usize>(
            mut w: [[V; 4]; G],
            x: &[[V; 4]; G],
            offsets: [V; N],
        ) -> [[[V; 4]; N]; G] {
            let rot_word = splat(Block::from_bytes(ROT_WORD));
            let mut y = [[[zero(); 4]; N]; G];
            for g in 0..G {
                let k = round_keys(&w[g]);
                for p in 0..4 {
                    let first = xor(x[g][p], k[p]);
                    for (y, offset) in y[g].iter_mut().zip(offsets) {
                        y[p] = xor(first, offset);
                    }
                }
            }
            for (round, constant) in RCON.iter().enumerate() {
                for g in 0..G {
                    let t = aesenclast(shuffle(w[g][3], rot_word), splat32(*constant));
                    w[g] = next_words(w[g], t);
                    let mut k = round_keys(&w[g]);
                    if round == 9 {
                        k = each(|p| xor(k[p], x[g][p]));
                    }
                    for y in &mut y[g] {
                        for p in 0..4 {
                            y[p] = if round < 9 {
                                aesenc(y[p], k[p])
                            } else {
                                aesenclast(y[p], k[p])
                            };
                        }
                    }
                }
            }
            y
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn each(f: impl Fn(usize) -> V) -> [V; 4] {
            [f(0), f(1), f(2), f(3)]
        }

        /// Keys of a run: the session secret and the lanes' tweaks, as words.
        struct Keys {
            session: [V; 4],
            /// `lane · stride` for the lanes of a group, in the order of [`round_keys`].
            lanes: [V; 2],
            stride: u64,
        }

        impl Keys {
            #[inline]
            #[target_feature(enable = $features)]
            fn new(session: Block, stride: u64) -> Self {
                let bits = u128::from(session);
                #[expect(clippy::cast_possible_truncation, reason = "one word of four")]
                let word = |i: u32| splat32((bits >> (32 * i)) as i32);
                let session = [word(0), word(1), word(2), word(3)];
                let lanes = |half: usize| {
                    gather(std::array::from_fn(|b| {
                        let lane = |p: usize| ((2 * half + p) * BLOCKS + b) as u64;
                        let [low, high] = [lane(0), lane(1)].map(|at| at.wrapping_mul(stride));
                        Block::from_words(low, high)
                    }))
                };
                Self {
                    session,
                    lanes: [lanes(0), lanes(1)],
                    stride,
                }
            }

            /// Words of the keys of a group of lanes from `lane` on, where lane 0 has `tweak`.
            #[inline]
            #[target_feature(enable = $features)]
            fn words(&self, tweak: u64, lane: usize) -> [V; 4] {
                let first = tweak.wrapping_add((lane as u64).wrapping_mul(self.stride));
                let first = splat64(first);
                let (i, j) = (add64(first, self.lanes[0]), add64(first, self.lanes[1]));
                let (low, high) = (even32(i, j), odd32(i, j));
                let [s0, s1, s2, s3] = self.session;
                [xor(s0, low), xor(s1, high), s2, s3]
            }
        }

        /// Keys, as words, and images of blocks under [`sigma`], for `GROUPS` groups from group `from` on; zeros after the chunk's end.
        #[inline]
        #[target_feature(enable = $features)]
        fn inputs(
            keys: &Keys,
            first: u64,
            from: usize,
            chunk: &[Block],
        ) -> ([[V; 4]; GROUPS], [[V; 4]; GROUPS]) {
            let (mut words, mut x) = ([[zero(); 4]; GROUPS], [[zero(); 4]; GROUPS]);
            let parts = (from..).zip(chunk.chunks(LANES));
            for ((words, x), (group, part)) in words.iter_mut().zip(&mut x).zip(parts) {
                let blocks = load_some::<4>(part);
                *words = keys.words(first, group * LANES);
                *x = each(|p| sigma(blocks[p]));
            }
            (words, x)
        }

        #[target_feature(enable = $features)]
        fn hash_vectors(session: Block, first: u64, blocks: &mut [Block]) {
            let keys = Keys::new(session, 1);
            for (group, chunk) in blocks.chunks_mut(GROUPS * LANES).enumerate() {
                let (words, x) = inputs(&keys, first, group * GROUPS, chunk);
                let y = keyed_groups(words, &x, [zero()]);
                for (part, [y]) in chunk.chunks_mut(LANES).zip(&y) {
                    store_some(y, part);
                }
            }
        }

        #[target_feature(enable = $features)]
        fn hash_pair_vectors(
            session: Block,
            first: u64,
            delta: Block,
            zeros: &mut [Block],
            ones: &mut [Block],
        ) {
            let keys = Keys::new(session, 1);
            let offset = sigma(splat(delta));
            let groups = zeros
                .chunks_mut(GROUPS * LANES)
                .zip(ones.chunks_mut(GROUPS * LANES));
            for (group, (zeros, ones)) in groups.enumerate() {
                let (words, x) = inputs(&keys, first, group * GROUPS, zeros);
                let y = keyed_groups(words, &x, [zero(), offset]);
                let parts = zeros.chunks_mut(LANES).zip(ones.chunks_mut(LANES));
                for ((zeros, ones), [zero, one]) in parts.zip(&y) {
                    store_some(zero, zeros);
                    // The feed-forward of the second is x ⊕ σ(Δ).
                    store_some(&each(|p| xor(one[p], offset)), ones);
                }
            }
        }

        super::halfgates::kernels!($features);
    };
}

use kernels;
