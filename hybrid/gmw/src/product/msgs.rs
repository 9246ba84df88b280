//! The stream of masked products: fields of changing widths, packed, lowest bit first, padded to a byte per batch.

use privet_ot::PeerMisbehaved;

pub(super) const NAME: &str = "product/masked";

/// Packs fields into bytes.
#[derive(Default)]
pub struct Writer {
    /// `held` bits, below 64, that wait.
    waiting: u64,
    held: u32,
}

impl Writer {
    /// Appends the low `bits` (1 to 64) bits of `field`, which has none above; whole words go to `out`.
    #[inline]
    pub fn push(&mut self, field: u64, bits: u32, out: &mut Vec<u8>) {
        self.waiting |= field << self.held;
        let total = self.held + bits;
        if total >= u64::BITS {
            out.extend_from_slice(&self.waiting.to_le_bytes());
            // What did not fit; nothing if the word was empty before.
            self.waiting = field.checked_shr(u64::BITS - self.held).unwrap_or(0);
            self.held = total - u64::BITS;
        } else {
            self.held = total;
        }
    }

    /// Gives out the whole bytes that wait.
    pub fn settle(&mut self, out: &mut Vec<u8>) {
        while self.held >= 8 {
            out.push(self.waiting.to_le_bytes()[0]);
            self.waiting >>= 8;
            self.held -= 8;
        }
    }

    /// Ends a batch: gives out the rest, padded with zeros.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.settle(out);
        if self.held > 0 {
            out.push(self.waiting.to_le_bytes()[0]);
        }
        *self = Self::default();
    }
}

/// Unpacks fields from bytes that come in pieces.
#[derive(Default)]
pub struct Reader {
    waiting: u64,
    /// Bits of the last byte that no field has taken, below 8.
    held: u32,
}

impl Reader {
    /// Bytes that fields of so many bits take beyond what is held.
    #[must_use]
    pub fn needs(&self, bits: u64) -> usize {
        let bytes = bits.saturating_sub(u64::from(self.held)).div_ceil(8);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The fields in `bytes`, which must have the length that [`Reader::needs`] gives for `bits` bits.
    ///
    /// # Errors
    /// Another length.
    pub fn fields<'r, 'b>(
        &'r mut self,
        bits: u64,
        bytes: &'b [u8],
    ) -> Result<Fields<'r, 'b>, PeerMisbehaved> {
        let (expected, got) = (self.needs(bits), bytes.len());
        if expected != got {
            return Err(PeerMisbehaved::Length {
                msg: NAME,
                expected,
                got,
            });
        }
        let (words, rest) = bytes.as_chunks::<8>();
        Ok(Fields {
            words: words.iter(),
            rest,
            reader: self,
        })
    }

    /// Ends a batch.
    ///
    /// # Errors
    /// A padding bit is set.
    pub fn finish(&mut self) -> Result<(), PeerMisbehaved> {
        let spare = std::mem::take(self);
        if spare.waiting != 0 {
            return Err(PeerMisbehaved::SpareBits { msg: NAME });
        }
        Ok(())
    }
}

/// Fields of one piece of bytes.
pub struct Fields<'r, 'b> {
    words: std::slice::Iter<'b, [u8; 8]>,
    rest: &'b [u8],
    reader: &'r mut Reader,
}

impl Fields<'_, '_> {
    /// The next `bits` (1 to 64) bits; zeros beyond the end.
    #[inline]
    pub fn next(&mut self, bits: u32) -> u64 {
        let Reader { waiting, held } = &mut *self.reader;
        let mask = u64::MAX >> (u64::BITS - bits);
        if *held >= bits {
            let field = *waiting & mask;
            *waiting = waiting.checked_shr(bits).unwrap_or(0);
            *held -= bits;
            return field;
        }
        let (word, fresh) = match self.words.next() {
            Some(bytes) => (u64::from_le_bytes(*bytes), u64::BITS),
            None => self.tail(),
        };
        let Reader { waiting, held } = &mut *self.reader;
        let field = (*waiting | word << *held) & mask;
        let taken = bits - *held;
        *waiting = word.checked_shr(taken).unwrap_or(0);
        *held = fresh.saturating_sub(taken);
        field
    }

    /// The last, shorter word.
    fn tail(&mut self) -> (u64, u32) {
        let mut bytes = [0; 8];
        let mut bits = 0;
        for (to, from) in bytes.iter_mut().zip(std::mem::take(&mut self.rest)) {
            *to = *from;
            bits += 8;
        }
        (u64::from_le_bytes(bytes), bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_however_they_are_cut() {
        let mut prg = privet_prim::Prg::new(privet_prim::Block::from(3));
        for round in 0..300 {
            let width = |word: u64| match round {
                0 => 64,
                _ => 1 + u32::try_from(word % 64).unwrap(),
            };
            let fields: Vec<(u64, u32)> = (0..1 + prg.next_u64() % 60)
                .map(|_| {
                    let bits = width(prg.next_u64());
                    (prg.next_u64() >> (64 - bits), bits)
                })
                .collect();
            let cut = 1 + usize::try_from(prg.next_u64() % 9).unwrap();
            let total: u64 = fields.iter().map(|f| u64::from(f.1)).sum();
            let mut reader = Reader::default();
            let mut all = Vec::new();
            let mut writer = Writer::default();
            for part in fields.chunks(cut) {
                part.iter().for_each(|&(f, b)| writer.push(f, b, &mut all));
                writer.settle(&mut all);
            }
            writer.finish(&mut all);
            assert_eq!(all.len() as u64, total.div_ceil(8));
            let mut rest = &all[..];
            for part in fields.chunks(cut) {
                let bits = part.iter().map(|f| u64::from(f.1)).sum();
                let (now, later) = rest.split_at(reader.needs(bits));
                rest = later;
                let mut read = reader.fields(bits, now).unwrap();
                for &(field, bits) in part {
                    assert_eq!(read.next(bits), field);
                }
            }
            assert!(rest.is_empty());
            reader.finish().unwrap();
        }
    }

    #[test]
    fn wrong_lengths_and_padding_are_seen() {
        let mut reader = Reader::default();
        assert!(reader.fields(9, &[0]).is_err());
        assert!(reader.fields(9, &[0; 3]).is_err());
        let mut fields = reader.fields(9, &[0xff, 0x03]).unwrap();
        assert_eq!(fields.next(9), 0x1ff);
        assert!(reader.finish().is_err());
    }
}
