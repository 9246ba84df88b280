//! Numbers of some bytes each, in order; what is taken is erased.

use zeroize::Zeroize;

use crate::error::ApiMisuse;
use crate::wire::little_endian;

/// Memory that taken numbers may hold before the rest moves down.
const SLACK: usize = 1 << 20;

/// A queue of numbers of `width` bytes.
pub(crate) struct Pool {
    bytes: Vec<u8>,
    taken: usize,
    width: usize,
}

impl Pool {
    /// Empty; `width` 1, 2, 4 or 8.
    pub(crate) const fn new(width: usize) -> Self {
        Self {
            bytes: Vec::new(),
            taken: 0,
            width,
        }
    }

    pub(crate) fn put(&mut self, mut values: Vec<u64>) {
        self.extend(&values);
        values.zeroize();
    }

    pub(crate) fn extend(&mut self, values: &[u64]) {
        self.make_room(values.len());
        match self.width {
            8 if cfg!(target_endian = "little") => {
                self.bytes.extend_from_slice(bytemuck::cast_slice(values));
            }
            8 => values
                .iter()
                .for_each(|v| self.bytes.extend_from_slice(&v.to_le_bytes())),
            4 => values.iter().for_each(|v| {
                let [a, b, c, d, ..] = v.to_le_bytes();
                self.bytes.extend_from_slice(&[a, b, c, d]);
            }),
            2 => values.iter().for_each(|v| {
                let [a, b, ..] = v.to_le_bytes();
                self.bytes.extend_from_slice(&[a, b]);
            }),
            _ => self.bytes.extend(values.iter().map(|v| v.to_le_bytes()[0])),
        }
    }

    /// Takes the next `n` numbers.
    ///
    /// # Errors
    /// Fewer are left; nothing is taken then.
    pub(crate) fn take(&mut self, what: &'static str, n: usize) -> Result<Vec<u64>, ApiMisuse> {
        let (asked, left) = (n as u64, self.left());
        if asked > left {
            return Err(ApiMisuse::Exhausted { what, asked, left });
        }
        let end = self.taken + n * self.width;
        let bytes = self.bytes.get_mut(self.taken..end).unwrap_or_default();
        let mut out = Vec::with_capacity(n);
        match self.width {
            8 => out.extend(bytes.chunks_exact(8).map(little_endian)),
            4 => out.extend(bytes.chunks_exact(4).map(narrow::<4>)),
            2 => out.extend(bytes.chunks_exact(2).map(narrow::<2>)),
            _ => out.extend(bytes.iter().map(|b| u64::from(*b))),
        }
        erase(bytes);
        self.taken = end;
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
        Ok(out)
    }

    /// Numbers not yet taken.
    pub(crate) const fn left(&self) -> u64 {
        ((self.bytes.len() - self.taken) / self.width) as u64
    }

    /// Their bytes.
    pub(crate) fn remaining(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Takes over numbers as [`remaining`](Self::remaining) gave them.
    pub(crate) fn load(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// Makes room for so many numbers more. Grows by hand, so that the old memory is erased; a long-taken front is given back.
    pub(crate) fn make_room(&mut self, more: usize) {
        let needed = more.saturating_mul(self.width);
        let whole = self.bytes.len().saturating_add(needed);
        if whole > self.bytes.capacity() || self.taken > SLACK {
            let kept = self.remaining();
            // Twice what is kept: growing by what comes would copy and erase quadratically.
            let room = kept.len().saturating_add(needed).max(2 * kept.len());
            let mut bytes = Vec::with_capacity(room.next_multiple_of(4096));
            bytes.extend_from_slice(kept);
            self.erase();
            self.bytes = bytes;
            self.taken = 0;
        }
    }

    /// What was taken is erased already, and what lies behind the last number was never written: pages that nobody touched stay so.
    fn erase(&mut self) {
        if let Some(left) = self.bytes.get_mut(self.taken..) {
            erase(left);
        }
    }
}

/// Erases a word at a time: byte by byte would take as long as filling.
fn erase(bytes: &mut [u8]) {
    let (head, words, tail) = bytemuck::pod_align_to_mut::<u8, u64>(bytes);
    head.zeroize();
    words.zeroize();
    tail.zeroize();
}

fn narrow<const W: usize>(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    whole
        .iter_mut()
        .zip(bytes.iter().take(W))
        .for_each(|(w, b)| *w = *b);
    u64::from_le_bytes(whole)
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.erase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_once_and_in_order() {
        for width in [1, 2, 4, 8] {
            let mut pool = Pool::new(width);
            pool.put((0..100).collect());
            assert_eq!(
                pool.take("numbers", 30).unwrap(),
                (0..30).collect::<Vec<_>>()
            );
            pool.put((100..120).collect());
            assert_eq!(pool.left(), 90);
            let refused = pool.take("numbers", 91);
            assert!(matches!(
                refused,
                Err(ApiMisuse::Exhausted { left: 90, .. })
            ));
            assert_eq!(
                pool.take("numbers", 90).unwrap(),
                (30..120).collect::<Vec<_>>()
            );
        }
    }
}
