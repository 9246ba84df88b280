//! Additive shares, and the steps on them that send nothing or one message.

use privet_gmw::product::msgs::{Reader, Writer};
use privet_gmw::trunc::local::trunc_local;
use privet_net::Channel;
use privet_plan::{BufferId, Source, TruncLocal, WireStep, WireWords};
use privet_prim::Prg;
use privet_ring::{Client, Party, Ring, Server, Shares};
use zeroize::Zeroizing;

use super::{Held, ShareExecutor, Side};
use crate::error::RunError;

/// One party's shares modulo 2^bits.
pub(crate) struct Words {
    pub(crate) bits: u32,
    pub(crate) values: Zeroizing<Vec<u64>>,
}

/// The low `bits` of a word.
pub(crate) const fn low(bits: u32) -> u64 {
    match bits {
        0 => 0,
        1..=63 => u64::MAX >> (u64::BITS - bits),
        _ => u64::MAX,
    }
}

impl Words {
    /// Reduces values into the ring.
    pub(crate) fn new(bits: u32, values: Vec<u64>) -> Self {
        let mut values = Zeroizing::new(values);
        let mask = low(bits);
        values.iter_mut().for_each(|v| *v &= mask);
        Self { bits, values }
    }

    pub(crate) fn zeros(bits: u32, len: usize) -> Self {
        Self::new(bits, vec![0; len])
    }

    /// Uniform shares.
    pub(crate) fn random(bits: u32, len: usize) -> Self {
        let mut prg = Prg::random();
        Self::new(bits, (0..len).map(|_| prg.next_u64()).collect())
    }

    fn at(&self, element: u32) -> Result<u64, RunError> {
        self.values
            .get(element as usize)
            .copied()
            .ok_or(RunError::Contradiction("a word outside its buffer"))
    }
}

impl ShareExecutor<'_> {
    pub(super) fn put_words(&mut self, id: BufferId, values: Vec<u64>) -> Result<(), RunError> {
        let planned = self.buffer(id)?;
        if planned.elements != values.len() {
            return Err(RunError::Contradiction(
                "a step fills a buffer of another length",
            ));
        }
        self.put(id, Held::Words(Words::new(planned.bits, values)))
    }

    pub(super) fn enter_input(&mut self, out: BufferId) -> Result<(), RunError> {
        let elements = self.buffer(out)?.elements;
        let values = match self.side {
            Side::Client(input) => input.iter().map(|v| v.cast_unsigned()).collect(),
            Side::Server(_) => vec![0; elements],
        };
        self.put_words(out, values)
    }

    /// The client sends its share less the mask, and keeps the mask.
    pub(super) fn mask(
        &mut self,
        channel: &mut Channel,
        input: BufferId,
        out: BufferId,
    ) -> Result<(), RunError> {
        let planned = self.buffer(out)?;
        let mut mask = self.supply.mask()?;
        let given = self.words(input)?;
        let elements = planned.elements;
        if given.values.len() != elements || given.bits < planned.bits {
            return Err(RunError::Contradiction("a mask over other words"));
        }
        if let Side::Client(_) = self.side {
            let mut writer = Writer::default();
            let mut bytes = Vec::new();
            for (value, mask) in given.values.iter().zip(mask.iter()) {
                let field = value.wrapping_sub(*mask) & low(planned.bits);
                writer.push(field, planned.bits, &mut bytes);
            }
            writer.finish(&mut bytes);
            channel.send(&bytes)?;
            channel.flush()?;
            return self.put_words(out, std::mem::take(&mut *mask));
        }
        let bits = elements as u64 * u64::from(planned.bits);
        let mut reader = Reader::default();
        let bytes = channel.recv_slice(reader.needs(bits))?;
        let mut fields = reader.fields(bits, bytes).map_err(privet_ot::Error::from)?;
        let values = given.values.iter();
        let values = values
            .map(|value| value.wrapping_add(fields.next(planned.bits)))
            .collect();
        reader.finish().map_err(privet_ot::Error::from)?;
        self.put_words(out, values)
    }

    pub(super) fn sum(
        &mut self,
        words: &[Vec<(BufferId, u32)>],
        out: BufferId,
    ) -> Result<(), RunError> {
        let values = sums(words, self.buffer(out)?.bits, |id| self.words(id))?;
        self.put_words(out, values)
    }

    pub(super) fn add_const(
        &mut self,
        node: usize,
        input: BufferId,
        out: BufferId,
    ) -> Result<(), RunError> {
        let mut values = self.words(input)?.values.to_vec();
        if let Some(params) = self.labels.params(node)? {
            if params.bias.len() != values.len() {
                return Err(RunError::Contradiction("a layer has too few constants"));
            }
            for (value, constant) in values.iter_mut().zip(&params.bias) {
                *value = value.wrapping_add(constant.cast_unsigned());
            }
        }
        self.put_words(out, values)
    }

    /// What this party does alone of a truncation within one unit.
    pub(super) fn trunc_local(&mut self, step: &TruncLocal) -> Result<(), RunError> {
        let from = self.words(step.from)?;
        let made = match self.side {
            Side::Client(_) => truncated::<Client>(step, from)?,
            Side::Server(_) => truncated::<Server>(step, from)?,
        };
        self.put_words(step.out, made)
    }

    /// Renames words; public constants are the server's to add.
    pub(super) fn move_words(&mut self, step: &WireStep) -> Result<(), RunError> {
        let values = moved(step, self.side.is_server(), |id| self.words(id))?;
        self.put_words(step.out, values)
    }

    /// The opened words' bits on the client's side, nothing on the server's.
    pub(super) fn open_words(
        &mut self,
        channel: &mut Channel,
        from: BufferId,
    ) -> Result<Option<Vec<bool>>, RunError> {
        let width = self.buffer(from)?.bits;
        let own = self.words(from)?;
        if self.side.is_server() {
            let (mut writer, mut bytes) = (Writer::default(), Vec::new());
            for value in own.values.iter() {
                writer.push(*value, width, &mut bytes);
            }
            writer.finish(&mut bytes);
            channel.send(&bytes)?;
            channel.flush()?;
            return Ok(None);
        }
        let bits = own.values.len() as u64 * u64::from(width);
        let mut reader = Reader::default();
        let bytes = channel.recv_slice(reader.needs(bits))?;
        let mut fields = reader.fields(bits, bytes).map_err(privet_ot::Error::from)?;
        let mut opened = Vec::with_capacity(own.values.len().saturating_mul(width as usize));
        for value in own.values.iter() {
            let value = value.wrapping_add(fields.next(width));
            opened.extend((0..width).map(|bit| value >> bit & 1 == 1));
        }
        reader.finish().map_err(privet_ot::Error::from)?;
        Ok(Some(opened))
    }
}

/// A party's shares of sums, modulo `2^width` and more.
pub(super) fn sums<'w>(
    words: &[Vec<(BufferId, u32)>],
    width: u32,
    held: impl Fn(BufferId) -> Result<&'w Words, RunError>,
) -> Result<Vec<u64>, RunError> {
    let mut values = Vec::with_capacity(words.len());
    for terms in words {
        let mut sum = 0u64;
        for (buffer, element) in terms {
            let from = held(*buffer)?;
            if from.bits < width {
                return Err(RunError::Contradiction("a sum of narrower words"));
            }
            sum = sum.wrapping_add(from.at(*element)?);
        }
        values.push(sum);
    }
    Ok(values)
}

/// A party's shares of numbers truncated within one unit.
pub(super) fn truncated<P: Party>(step: &TruncLocal, from: &Words) -> Result<Vec<u64>, RunError> {
    if from.bits < step.ring_bits {
        return Err(RunError::Contradiction("a truncation of narrower words"));
    }
    let ring = Ring::new(step.ring_bits)
        .map_err(|_| RunError::Contradiction("a ring that does not exist"))?;
    let shares = Shares::<P>::new(ring, from.values.to_vec());
    Ok(trunc_local(&shares, step.shift)?.into_values())
}

/// A party's shares of renamed words.
pub(super) fn moved<'w>(
    step: &WireStep,
    is_server: bool,
    held: impl Fn(BufferId) -> Result<&'w Words, RunError>,
) -> Result<Vec<u64>, RunError> {
    if step.bits.drop > 0 {
        return Err(RunError::Contradiction("shares do not drop bits"));
    }
    let shift = step.bits.zeros.min(63);
    match &step.words {
        WireWords::Same(buffer) => {
            let from = held(*buffer)?.values.iter();
            Ok(from.map(|value| value << shift).collect())
        }
        WireWords::Each(words) => {
            let each = words.iter().map(|word| match word {
                Source::Word { buffer, element } => Ok(held(*buffer)?.at(*element)? << shift),
                Source::Constant(value) if is_server => Ok(value.cast_unsigned()),
                Source::Constant(_) => Ok(0),
            });
            each.collect()
        }
    }
}
