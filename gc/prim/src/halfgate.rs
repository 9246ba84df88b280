//! Half-gates over many instances side by side.
//!
//! - Functionality: the garbler's zero-labels and Δ become tables and zero-labels; the evaluator's
//!   active labels and the tables become active labels.
//! - Secure against: a semi-honest evaluator; computational, 128 bits under [`Tccr`], one tweak for
//!   each half of each gate of each instance.
//! - From: ZRE15 (eprint 2014/756) Fig. 2. Differs: inversions are flips of operands; one
//!   ciphertext where a bit is known to one party; instances stand side by side in lanes.
//! - Cost: 2 ciphertexts of 16 bytes for an AND, 1 where a bit is known, 0 for the rest; 4 hashes to
//!   garble, 2 to evaluate.
//!
//! A program is a list of [`Step`]s on wires. A wire is an input or a slot and holds one block for
//! each lane (instance): `wires[wire][lane]`. With `c` the number of ciphertexts of the steps
//! before, and `C` the program's, the hashes of a step in lane `l` have the tweaks
//! `base + l·C + c` and (for the second half) `base + l·C + c + 1`; its ciphertexts stand at
//! `tables[16·lanes·c ..]`, first all lanes of the first one, then all lanes of the second.
//!
//! # Where the cycles go
//!
//! The widest kernel does 16 lanes of an AND at once. To garble them takes, in 512-bit operations,
//! 160 AES rounds of four ciphertext streams, 20 SubWords of the two key schedules, 20 byte shuffles
//! and 80 XORs of theirs, 176 unpacks that turn their words into round keys, and about 70 for inputs,
//! colours and tables: 530. A core with two 512-bit ports can do that in 265 cycles, 16.6 an AND; 23
//! to 25 are measured, 125 to 140 million a second at 3.1 GHz. Evaluating takes 80 AES rounds fewer,
//! 435 operations and 13.6 cycles at the least; 16 to 18 are measured, 165 to 185 million a second.
//! XORs of wires run at the rate of loads and stores, 4 billion a second in cache, and hide behind the
//! ciphers. AES-NI reaches 50 and 64 million, two blocks a vector 89 and 120.

use crate::{Block, Delta, Error, Tccr, Tweak};

/// A wire that a step reads: an input of the program or a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire(u32);

impl Wire {
    const INPUT: u32 = 1 << 31;

    /// Input `index` of the program.
    #[must_use]
    pub const fn input(index: u32) -> Self {
        Self(index | Self::INPUT)
    }

    /// Slot `index`.
    #[must_use]
    pub const fn slot(index: u32) -> Self {
        Self(index & !Self::INPUT)
    }

    /// Is it an input?
    #[must_use]
    pub const fn is_input(self) -> bool {
        self.0 & Self::INPUT != 0
    }

    /// Number of the input or slot.
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0 & !Self::INPUT) as usize
    }
}

/// What a step does. `a` and `b` are its operands after their flips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `a ⊕ b`, free. Flips are ignored: the caller carries them to the result.
    Xor,
    /// `a ∧ b`, two ciphertexts.
    And,
    /// `a ∧ b` where the garbler knows the bit of `a`: its zero-label is bit·Δ, its active label
    /// zero. One ciphertext.
    AndGarbler,
    /// `a ∧ b` where the evaluator knows the bit of `a`: its zero-label (before the flip) has colour
    /// 0, so the active label's colour is the bit. One ciphertext.
    AndEvaluator,
    /// As [`Op::AndEvaluator`], and `b` is of the same kind; so is the result.
    AndKnown,
    /// `a ∧ b` where `a` is known to whoever runs the step, free. The garbler holds `a` as bit·Δ,
    /// the evaluator as a mask of 128 equal bits; the evaluator's flips invert masks.
    Mask,
}

impl Op {
    /// Ciphertexts, which is also the number of tweaks, of a step in one lane.
    #[must_use]
    pub const fn ciphertexts(self) -> usize {
        match self {
            Self::Xor | Self::Mask => 0,
            Self::And => 2,
            Self::AndGarbler | Self::AndEvaluator | Self::AndKnown => 1,
        }
    }
}

/// One step: `slots[out] = op(a, b)` in every lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The operation.
    pub op: Op,
    /// `a` stands for the inverse of its wire.
    pub flip_a: bool,
    /// `b` stands for the inverse of its wire.
    pub flip_b: bool,
    /// First operand.
    pub a: Wire,
    /// Second operand.
    pub b: Wire,
    /// Slot of the result; it may be a slot of an operand.
    pub out: u32,
}

/// A stretch of a program that is run in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    first_step: usize,
    steps: usize,
    first_ciphertext: usize,
    ciphertexts: usize,
}

impl Part {
    /// Ciphertexts of the stretch, per lane.
    #[must_use]
    pub const fn ciphertexts(&self) -> usize {
        self.ciphertexts
    }
}

/// A checked list of steps: no step names a wire that does not exist.
#[derive(Clone, Debug)]
pub struct Steps {
    steps: Vec<Step>,
    inputs: usize,
    slots: usize,
    /// Ciphertexts of the steps before each step; last, of all.
    before: Vec<usize>,
}

/// The wires and the tweaks of `lanes` instances.
#[derive(Debug)]
pub struct Batch<'a> {
    /// First tweak; `lanes · ciphertexts` tweaks from here on are used, and must not be used again.
    pub tweak: Tweak,
    /// Instances side by side. Multiples of 16 fill the widest kernel.
    pub lanes: usize,
    /// Blocks of the inputs, `[input][lane]`.
    pub inputs: &'a [Block],
    /// Blocks of the slots, `[slot][lane]`; what a part leaves here the next part reads. Kernels
    /// are fastest if this begins at a multiple of 64 bytes, see [`crate::Lines`].
    pub slots: &'a mut [Block],
}

impl Steps {
    /// Checks the steps of a program with that many input wires and slots.
    ///
    /// # Errors
    /// [`Error::Wire`] for a step that names another wire.
    pub fn new(steps: Vec<Step>, inputs: usize, slots: usize) -> Result<Self, Error> {
        let exists = |wire: Wire| wire.index() < if wire.is_input() { inputs } else { slots };
        for (at, step) in steps.iter().enumerate() {
            let out = Wire(step.out);
            for wire in [step.a, step.b, out] {
                if !exists(wire) || out.is_input() {
                    return Err(Error::Wire {
                        step: at,
                        wire: wire.0,
                    });
                }
            }
        }
        let mut before = vec![0];
        before.extend(steps.iter().scan(0, |sum, step| {
            *sum += step.op.ciphertexts();
            Some(*sum)
        }));
        Ok(Self {
            steps,
            inputs,
            slots,
            before,
        })
    }

    /// The steps.
    #[must_use]
    pub fn as_slice(&self) -> &[Step] {
        &self.steps
    }

    /// Slots that a batch needs, per lane.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Input wires.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Ciphertexts of one instance.
    #[must_use]
    pub fn ciphertexts(&self) -> usize {
        self.before.last().copied().unwrap_or_default()
    }

    /// The whole program as one part.
    #[must_use]
    pub fn whole(&self) -> Part {
        Part {
            first_step: 0,
            steps: self.steps.len(),
            first_ciphertext: 0,
            ciphertexts: self.ciphertexts(),
        }
    }

    /// Cuts the program into parts of at most `max` ciphertexts (and at least one table) each. Two
    /// programs whose steps have equal ciphertexts in order are cut at the same ciphertexts.
    #[must_use]
    pub fn parts(&self, max: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut part = Part {
            first_step: 0,
            steps: 0,
            first_ciphertext: 0,
            ciphertexts: 0,
        };
        for (at, step) in self.steps.iter().enumerate() {
            let more = step.op.ciphertexts();
            if part.ciphertexts > 0 && more > 0 && part.ciphertexts + more > max {
                parts.push(part);
                part = Part {
                    first_step: at,
                    steps: 0,
                    first_ciphertext: part.first_ciphertext + part.ciphertexts,
                    ciphertexts: 0,
                };
            }
            part.steps += 1;
            part.ciphertexts += more;
        }
        parts.push(part);
        parts
    }

    /// Runs a part as the garbler: inputs and slots are zero-labels; writes the part's tables.
    ///
    /// # Errors
    /// [`Error::Length`] for buffers that do not fit the program, [`Error::TweakRange`].
    pub fn garble(
        &self,
        tccr: &Tccr,
        delta: &Delta,
        part: &Part,
        batch: Batch<'_>,
        tables: &mut [u8],
    ) -> Result<(), Error> {
        let (mut run, steps) = self.check(tccr, part, batch, tables.len())?;
        // SAFETY: `check` compared every buffer with the program; the steps were checked by `new`.
        unsafe { (tccr.kernels().garble)(&mut run, delta.block(), steps, tables) };
        Ok(())
    }

    /// Runs a part as the evaluator: inputs and slots are active labels (masks for public bits);
    /// reads the part's tables.
    ///
    /// # Errors
    /// [`Error::Length`] for buffers that do not fit the program, [`Error::TweakRange`].
    pub fn evaluate(
        &self,
        tccr: &Tccr,
        part: &Part,
        batch: Batch<'_>,
        tables: &[u8],
    ) -> Result<(), Error> {
        let (mut run, steps) = self.check(tccr, part, batch, tables.len())?;
        // SAFETY: `check` compared every buffer with the program; the steps were checked by `new`.
        unsafe { (tccr.kernels().evaluate)(&mut run, steps, tables) };
        Ok(())
    }

    fn check<'a>(
        &self,
        tccr: &Tccr,
        part: &Part,
        batch: Batch<'a>,
        tables: usize,
    ) -> Result<(Run<'a>, &[Step]), Error> {
        let Batch {
            tweak,
            lanes,
            inputs,
            slots,
        } = batch;
        let count = self.ciphertexts() as u128 * lanes as u128;
        if u128::from(tweak.0) + count > u128::from(u64::MAX) {
            return Err(Error::TweakRange {
                base: tweak.0,
                count,
            });
        }
        let blocks = |wires: usize| wires.saturating_mul(lanes);
        Error::check("blocks of inputs", blocks(self.inputs), inputs.len())?;
        Error::check("blocks of slots", blocks(self.slots), slots.len())?;
        let bytes = blocks(part.ciphertexts).saturating_mul(16);
        Error::check("bytes of tables", bytes, tables)?;
        let end = part.first_step + part.steps;
        let ciphertexts = part.first_ciphertext + part.ciphertexts;
        let steps = self.steps.get(part.first_step..end).filter(|_| {
            self.before.get(part.first_step) == Some(&part.first_ciphertext)
                && self.before.get(end) == Some(&ciphertexts)
        });
        let steps = steps.ok_or(Error::Length {
            what: "steps up to the end of a part of another program",
            expected: self.steps.len(),
            got: end,
        })?;
        let run = Run {
            session: tccr.session(),
            tweak: tweak.0 + part.first_ciphertext as u64,
            stride: self.ciphertexts() as u64,
            lanes,
            inputs,
            slots,
        };
        Ok((run, steps))
    }
}

/// What a kernel is given: a batch whose buffers fit its steps.
pub(crate) struct Run<'a> {
    pub(crate) session: Block,
    /// Tweak of the first hash in lane 0.
    pub(crate) tweak: u64,
    /// Distance of the tweaks of neighbouring lanes.
    pub(crate) stride: u64,
    pub(crate) lanes: usize,
    pub(crate) inputs: &'a [Block],
    pub(crate) slots: &'a mut [Block],
}

#[cfg(test)]
#[path = "halfgate/tests.rs"]
mod tests;
