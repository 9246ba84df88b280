//! Material for bits at one party, and the protocols of `privet-gmw` that use it up.

use privet_gmw::ahead::Carries;
use privet_gmw::netlist::Levels;
use privet_gmw::netlist::planes::Planes;
use privet_gmw::source::Source;
use privet_gmw::{Context, Material, Stored};
use privet_net::Channel;
use privet_netlists::netlist::Netlist;
use privet_plan::cost::gmw::Demand;
use privet_plan::share::COMPARED;
use privet_plan::{BufferId, Compared, Party, ReluTrunc, Work};
use privet_ring::{Client, Ring, Server, Shares};
use zeroize::Zeroizing;

use super::ShareExecutor;
use super::words::Words;
use crate::error::RunError;

/// What is known ahead of the client's shares.
pub(super) enum Fixing {
    /// The client: all, in the ring in which they are read.
    Own(Words),
    /// The server: how many there are.
    Theirs(usize),
}

/// One party's material for bits; what it gives out is gone.
pub(crate) enum Bits {
    Client(Stored<Client>),
    Server(Stored<Server>),
}

impl Bits {
    pub(super) fn client(material: Material<Client>) -> Self {
        Self::Client(Stored::new(material))
    }

    pub(super) fn server(material: Material<Server>) -> Self {
        Self::Server(Stored::new(material))
    }

    /// Bytes of what a demand makes.
    pub(super) fn bytes(demand: &Demand, party: Party) -> usize {
        match party {
            Party::Client => Material::<Client>::stored_bytes(demand),
            Party::Server => Material::<Server>::stored_bytes(demand),
        }
    }

    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Client(stored) => stored.into_bytes(),
            Self::Server(stored) => stored.into_bytes(),
        })
    }

    pub(super) fn from_bytes(
        demand: &Demand,
        party: Party,
        bytes: &[u8],
    ) -> Result<Self, RunError> {
        let made = match party {
            Party::Client => Stored::from_bytes(demand, bytes).map(Self::Client),
            Party::Server => Stored::from_bytes(demand, bytes).map(Self::Server),
        };
        made.map_err(|error| RunError::Input(format!("prepared material: {error}")))
    }

    /// A netlist's outputs for as many instances as the planes of its inputs hold.
    pub(super) fn netlist(
        &mut self,
        channel: &mut Channel,
        netlist: &Netlist,
        levels: &Levels,
        inputs: &Planes,
    ) -> Result<Planes, RunError> {
        let made = match self {
            Self::Client(stored) => Context::new(channel, stored).netlist(netlist, levels, inputs),
            Self::Server(stored) => Context::new(channel, stored).netlist(netlist, levels, inputs),
        };
        Ok(made?)
    }

    /// Turns material to the client's share of what a ReLU will read: its words on its side, on the server's their number.
    pub(super) fn fix(
        &mut self,
        channel: &mut Channel,
        step: &ReluTrunc,
        words: Fixing,
    ) -> Result<(), RunError> {
        let ring = ring(step.ring_bits)?;
        let carries = Carries::relu(step.shape, ring, step.shift, COMPARED);
        match (self, words) {
            (Self::Client(stored), Fixing::Own(mut words)) => {
                let shares = Shares::new(ring, std::mem::take(&mut *words.values));
                carries.fix_own(channel, &shares, stored.material())?;
            }
            (Self::Server(stored), Fixing::Theirs(len)) => {
                carries.fix_theirs(channel, len, stored.material())?;
            }
            (Self::Client(_), Fixing::Theirs(_)) | (Self::Server(_), Fixing::Own(_)) => {
                return Err(RunError::Contradiction("shares on the wrong side"));
            }
        }
        Ok(())
    }

    fn relu_trunc(
        &mut self,
        channel: &mut Channel,
        (ring, out): (Ring, Ring),
        values: Vec<u64>,
        step: &ReluTrunc,
    ) -> Result<Vec<u64>, RunError> {
        macro_rules! run {
            ($stored:expr) => {{
                let mut context = Context::new(channel, $stored)
                    .with_shape(step.shape)
                    .with_chunk(COMPARED);
                let shares = Shares::new(ring, values);
                context.relu_trunc(&shares, step.shift, out)?.into_values()
            }};
        }
        Ok(match self {
            Self::Client(stored) => run!(stored),
            Self::Server(stored) => run!(stored),
        })
    }

    fn compared(
        &mut self,
        channel: &mut Channel,
        (given, out): (Words, Ring),
        step: &Compared,
    ) -> Result<Vec<u64>, RunError> {
        match self {
            Self::Client(stored) => compute(channel, stored, given, out, step),
            Self::Server(stored) => compute(channel, stored, given, out, step),
        }
    }
}

/// One party's part of work by comparison, with results in ring `out`.
fn compute<P: privet_ring::Party>(
    channel: &mut Channel,
    stored: &mut Stored<P>,
    mut given: Words,
    out: Ring,
    step: &Compared,
) -> Result<Vec<u64>, RunError> {
    let mut context = Context::new(channel, stored)
        .with_shape(step.shape)
        .with_chunk(COMPARED);
    let values = std::mem::take(&mut *given.values);
    let x = Shares::<P>::new(ring(given.bits)?, values);
    let bits = step.ring_bits;
    let result = match &step.work {
        Work::Trunc { shift } => context.trunc(&x, *shift, out)?,
        Work::Average { divisor } => context.average(&x, *divisor, out)?,
        Work::AtMost { hi } => context.at_most_within(&x, *hi, bits)?,
        Work::Clip { lo, hi } => context.clip_within(&x, *lo, *hi, bits)?,
        Work::MaxPool { planes, windows } => context.max_pool_within(&x, *planes, windows, bits)?,
        Work::Argmax => context.argmax_shared(&x, 1, bits)?,
    };
    if result.ring() != out {
        return Err(RunError::Contradiction("a result in another ring"));
    }
    Ok(result.into_values())
}

/// One party's shares with signs that the server knows.
fn mirrored<P: privet_ring::Party>(
    channel: &mut Channel,
    stored: &mut Stored<P>,
    mut given: Words,
    flips: &[u64],
) -> Result<Vec<u64>, RunError> {
    let mut context = Context::new(channel, stored).with_chunk(COMPARED);
    let values = std::mem::take(&mut *given.values);
    let x = Shares::<P>::new(ring(given.bits)?, values);
    Ok(context.mirror(&x, flips)?.into_values())
}

fn ring(bits: u32) -> Result<Ring, RunError> {
    Ring::new(bits).map_err(|_| RunError::Contradiction("a ring that does not exist"))
}

const PARTS: RunError = RunError::Contradiction("a ReLU of other parts");

/// The words of all parts of a ReLU, in the ring in which they are read.
pub(super) fn joined(step: &ReluTrunc, given: &[&Words]) -> Result<Words, RunError> {
    if given.iter().any(|words| words.bits < step.ring_bits) {
        return Err(RunError::Contradiction("a ReLU of narrower words"));
    }
    let len = given.iter().map(|words| words.values.len()).sum();
    let mut all = Vec::with_capacity(len);
    given
        .iter()
        .for_each(|words| all.extend_from_slice(&words.values));
    Ok(Words::new(step.ring_bits, all))
}

impl ShareExecutor<'_> {
    pub(super) fn relu_trunc(
        &mut self,
        channel: &mut Channel,
        step: &ReluTrunc,
    ) -> Result<(), RunError> {
        let mut given = Vec::with_capacity(step.parts.len());
        for (from, _) in &step.parts {
            given.push(self.words(*from)?);
        }
        let mut values = joined(step, &given)?;
        let (_, out) = step.parts.first().ok_or(PARTS)?;
        let rings = (ring(step.ring_bits)?, ring(self.buffer(*out)?.bits)?);
        let values = std::mem::take(&mut *values.values);
        let made = self.supply.bits.relu_trunc(channel, rings, values, step)?;
        let mut made = Zeroizing::new(made);
        for (_, out) in step.parts.iter().skip(1).rev() {
            let rest = made.len().checked_sub(self.buffer(*out)?.elements);
            let part = made.split_off(rest.ok_or(PARTS)?);
            self.put_words(*out, part)?;
        }
        let part = std::mem::take(&mut *made);
        self.put_words(*out, part)
    }

    /// The signs of a node's channels, and their constants.
    pub(super) fn reflect(
        &mut self,
        channel: &mut Channel,
        node: usize,
        (from, out): (BufferId, BufferId),
    ) -> Result<(), RunError> {
        let target = self.buffer(out)?;
        let from = self.words(from)?;
        if from.bits < target.bits || from.values.len() != target.elements {
            return Err(RunError::Contradiction("a reflection of other words"));
        }
        let given = Words::new(target.bits, from.values.to_vec());
        let params = self.labels.params(node)?;
        let mut flips = Zeroizing::new(Vec::new());
        let mut plane = target.elements.max(1);
        if let Some(params) = params {
            let channels = params.weights.len();
            if params.bias.len() != channels || !target.elements.is_multiple_of(channels.max(1)) {
                return Err(RunError::Contradiction("a layer has too few constants"));
            }
            plane = target.elements.checked_div(channels).unwrap_or(0).max(1);
            *flips = vec![0u64; target.elements.div_ceil(64)];
            let signs = params.weights.iter();
            // The sign bit, whatever it is, at each element of its channel.
            let signs =
                signs.flat_map(|w| std::iter::repeat_n(u64::from(w.cast_unsigned() >> 31), plane));
            for (i, sign) in signs.enumerate() {
                if let Some(word) = flips.get_mut(i / 64) {
                    *word |= sign << (i % 64);
                }
            }
        }
        let ring = ring(target.bits)?;
        let made = match &mut self.supply.bits {
            Bits::Client(stored) => mirrored(channel, stored, given, &flips)?,
            Bits::Server(stored) => mirrored(channel, stored, given, &flips)?,
        };
        let mut made = Zeroizing::new(made);
        if let Some(params) = self.labels.params(node)? {
            for (channel, bias) in made.chunks_mut(plane).zip(&params.bias) {
                for value in channel {
                    *value = value.wrapping_add(bias.cast_unsigned()) & ring.mask();
                }
            }
        }
        let made = std::mem::take(&mut *made);
        self.put_words(out, made)
    }

    /// Work by comparison; the words enter in the ring in which they are read.
    pub(super) fn compared(
        &mut self,
        channel: &mut Channel,
        step: &Compared,
    ) -> Result<(), RunError> {
        let out = ring(self.buffer(step.out)?.bits)?;
        let from = self.words(step.from)?;
        let bits = match &step.work {
            Work::Trunc { .. } | Work::Average { .. } => step.ring_bits,
            Work::AtMost { .. } | Work::Clip { .. } | Work::MaxPool { .. } => out.bits(),
            Work::Argmax => from.bits,
        };
        if from.bits < bits || bits < step.ring_bits {
            return Err(RunError::Contradiction("a comparison of narrower words"));
        }
        let given = Words::new(bits, from.values.to_vec());
        let made = self.supply.bits.compared(channel, (given, out), step)?;
        self.put_words(step.out, made)
    }
}
