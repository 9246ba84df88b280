//! Both parties at one table: a netlist, classes, bits, and what each party holds.

use privet_garble::{Error, Evaluator, Garbler, InputClass, Program, labels};
use privet_netlists::{Netlist, eval};
use privet_prim::{Block, Delta, Prg};

/// One batch, ready to be garbled and evaluated.
pub(crate) struct Case {
    pub(crate) program: Program,
    pub(crate) lanes: usize,
    pub(crate) delta: Block,
    pub(crate) session: Block,
    pub(crate) tweak: u64,
    /// Garbler's blocks.
    pub(crate) zero: Vec<Block>,
    /// Evaluator's blocks.
    pub(crate) active: Vec<Block>,
}

/// What comes out of it.
pub(crate) struct Outcome {
    pub(crate) zero: Vec<Block>,
    pub(crate) active: Vec<Block>,
    pub(crate) tables: Vec<u8>,
}

impl Case {
    /// `bits[input][lane]`.
    pub(crate) fn new(
        netlist: &Netlist,
        classes: &[InputClass],
        bits: &[Vec<bool>],
        seed: u64,
    ) -> Self {
        let mut prg = Prg::with_stream(Block::from(77u128), seed);
        let delta = Delta::new(prg.next_block());
        let lanes = bits.first().map_or(1, Vec::len);
        let (mut zero, mut active) = (Vec::new(), Vec::new());
        for (class, bits) in classes.iter().zip(bits) {
            let words: Vec<u64> = bits.iter().map(|bit| u64::from(*bit)).collect();
            let (mut z, mut x) = (vec![Block::ZERO; lanes], vec![Block::ZERO; lanes]);
            match class {
                InputClass::Mixed => {
                    prg.fill_blocks(&mut z);
                    labels::active_labels(&delta, &z, &words, 1, &mut x).unwrap();
                }
                InputClass::Evaluator => {
                    prg.fill_blocks(&mut z);
                    labels::active_labels(&delta, &z, &words, 1, &mut x).unwrap();
                    labels::known_keys(&mut z);
                    labels::known_macs(&mut x, bits).unwrap();
                }
                InputClass::Garbler => {
                    labels::known_blocks(&delta, &words, 1, &mut z).unwrap();
                    // Never read: rubbish must not matter.
                    prg.fill_blocks(&mut x);
                }
                InputClass::Public => {
                    labels::known_blocks(&delta, &words, 1, &mut z).unwrap();
                    labels::public_masks(&words, 1, &mut x).unwrap();
                }
            }
            zero.extend(z);
            active.extend(x);
        }
        let program = Program::compile(netlist, classes).unwrap();
        let (session, tweak) = (prg.next_block(), prg.next_u64() >> 1);
        Self {
            program,
            lanes,
            delta: delta.block(),
            session,
            tweak,
            zero,
            active,
        }
    }

    pub(crate) fn garbler(&self) -> Garbler {
        Garbler::new(Delta::new(self.delta), self.session)
    }

    pub(crate) fn garble(&self) -> Result<(Vec<Block>, Vec<u8>), Error> {
        let mut zero = vec![Block::ONES; self.program.outputs() * self.lanes];
        let mut tables = vec![0xff; self.program.table_bytes(self.lanes)];
        let mut garbler = self.garbler();
        let program = &self.program;
        garbler.garble(
            program,
            self.tweak,
            self.lanes,
            &self.zero,
            &mut zero,
            &mut tables,
        )?;
        Ok((zero, tables))
    }

    pub(crate) fn evaluate(&self, tables: &[u8]) -> Result<Vec<Block>, Error> {
        let mut active = vec![Block::ONES; self.program.outputs() * self.lanes];
        let mut evaluator = Evaluator::new(self.session);
        let program = &self.program;
        evaluator.evaluate(
            program,
            self.tweak,
            self.lanes,
            &self.active,
            &mut active,
            tables,
        )?;
        Ok(active)
    }

    pub(crate) fn run(&self) -> Outcome {
        let (zero, tables) = self.garble().unwrap();
        let active = self.evaluate(&tables).unwrap();
        Outcome {
            zero,
            active,
            tables,
        }
    }

    /// Every output's labels belong together; gives the bits `[output][lane]`.
    pub(crate) fn open(&self, outcome: &Outcome) -> Vec<Vec<bool>> {
        let mut bits = Vec::new();
        for (output, class) in self.program.output_classes().iter().enumerate() {
            let mut row = Vec::new();
            for lane in 0..self.lanes {
                let at = output * self.lanes + lane;
                let (zero, active) = (outcome.zero[at], outcome.active[at]);
                let bit = zero.colour() ^ active.colour();
                assert_eq!(
                    active,
                    zero ^ self.delta.select(bit),
                    "no label of this output"
                );
                match class {
                    InputClass::Garbler => assert_eq!(active, Block::ZERO),
                    InputClass::Evaluator => assert!(!zero.colour()),
                    InputClass::Mixed => {}
                    InputClass::Public => panic!("no output has a label for a public bit"),
                }
                row.push(bit);
            }
            bits.push(row);
        }
        bits
    }
}

/// Bits for `lanes` instances: the first instances count up, the others are random.
pub(crate) fn inputs(netlist: &Netlist, lanes: usize, seed: u64) -> Vec<Vec<bool>> {
    let mut prg = Prg::with_stream(Block::from(78u128), seed);
    (0..netlist.input_bits())
        .map(|bit| {
            let word = |lane: usize| lane.checked_shr(u32::try_from(bit).unwrap()).unwrap_or(0);
            let low = |lane| lane < 256 && bit < 8;
            (0..lanes)
                .map(|lane| {
                    if low(lane) {
                        word(lane) & 1 == 1
                    } else {
                        prg.next_u64() & 1 == 1
                    }
                })
                .collect()
        })
        .collect()
}

/// The netlist in the clear, `[output][lane]`.
pub(crate) fn clear(netlist: &Netlist, bits: &[Vec<bool>]) -> Vec<Vec<bool>> {
    let lanes = bits.first().map_or(1, Vec::len);
    let mut outputs = vec![Vec::new(); netlist.output_bits()];
    for lane in 0..lanes {
        let instance: Vec<bool> = bits.iter().map(|row| row[lane]).collect();
        for (row, bit) in outputs
            .iter_mut()
            .zip(eval::bits(netlist, &instance).unwrap())
        {
            row.push(bit);
        }
    }
    outputs
}

/// Garbles, evaluates and compares with the clear.
pub(crate) fn check(netlist: &Netlist, classes: &[InputClass], lanes: usize, seed: u64) -> Case {
    let bits = inputs(netlist, lanes, seed);
    let case = Case::new(netlist, classes, &bits, seed);
    let outcome = case.run();
    assert_eq!(
        case.open(&outcome),
        clear(netlist, &bits),
        "seed {seed}, {lanes} lanes"
    );
    case
}
