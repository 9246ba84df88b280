//! A netlist made ready for garbling: what each party does, in which slots.
//!
//! # Classes
//!
//! Who knows a bit decides what it costs. Every wire has a zero-label `x0` with the garbler and an
//! active label `x = x0 ⊕ bit·Δ` with the evaluator.
//!
//! | class | garbler's block | evaluator's block |
//! |---|---|---|
//! | `Mixed` | `x0` | `x` |
//! | `Garbler` | `bit·Δ` | none: the active label is zero, nothing is sent |
//! | `Evaluator` | `x0` of colour 0 | `x`, whose colour is then the bit |
//! | `Public` | `bit·Δ` | 128 equal bits |
//!
//! | gate | ciphertexts | result |
//! |---|---|---|
//! | XOR, INV of anything | 0; an alias on the evaluator's side where one operand has no label there | |
//! | AND of a `Public` bit and anything | 0 | as the other; `Mixed` for an inverted `Evaluator` bit |
//! | AND of two `Garbler` bits | 0 | `Garbler` |
//! | AND of a `Garbler` and another bit | 1, the garbler half alone | `Mixed` |
//! | AND of an `Evaluator` and a `Mixed` bit | 1, the evaluator half alone | `Mixed` |
//! | AND of two `Evaluator` bits | 1 | `Evaluator` |
//! | AND of two `Mixed` bits | 2 | `Mixed` |
//!
//! # Why an active label of zero is safe
//!
//! The evaluator's view of a gate is hashes of labels it has, and ciphertexts that contain, each, one
//! hash `H(x ⊕ Δ, i)` of a label it lacks, possibly xored with Δ. Tweakable circular correlation
//! robustness says that `(x, i, b) ↦ H(x ⊕ Δ, i) ⊕ b·Δ` looks random for *any* `x` and `b`, chosen
//! by the adversary, as long as no `(x, i)` comes twice. `x` need not be random: zero will do, and so
//! will one label on two wires, or on both operands of a gate. What must not repeat is the tweak, and
//! each half of each gate of each instance has one of its own; AND(x, x) hashes `x` under two tweaks.
//! So ciphertexts are uniform whatever the labels are, and nothing else depends on a `Garbler` bit:
//! its active label is the same constant for 0 and 1. Inputs of class `Mixed` need a random label,
//! for theirs must not tell the bit; an `Evaluator` bit's colour is known to its owner anyway.
//!
//! # Layout
//!
//! Blocks of a batch are `[wire][lane]`. Ciphertexts follow gate by gate in the netlist's order: for
//! each gate 16 bytes of the garbler half for every lane, then 16 bytes of the evaluator half for
//! every lane (of the only half where there is one). Ciphertext number `c` of lane `l` has the tweak
//! `tweak_base + l·ciphertexts + c`.

mod slots;

use privet_netlists::{Gate, Netlist, OutputBit};
use privet_prim::halfgate::{self, Op, Steps, Wire};

use crate::Error;
use slots::{Draft, NONE};

/// Who knows an input bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputClass {
    /// Neither party, or one that does not say: a random zero-label, an active label.
    Mixed,
    /// The garbler alone. Its zero-label is bit·Δ; the active label is zero and never sent.
    Garbler,
    /// The evaluator, which has labels too; the zero-label has colour 0, see
    /// [`labels::known_keys`](crate::labels::known_keys).
    Evaluator,
    /// Both parties.
    Public,
}

/// One wire of the netlist, as both parties hold it.
#[derive(Clone, Copy)]
struct Value {
    class: InputClass,
    /// The bit is the inverse of what the nodes hold.
    flip: bool,
    garbler: u32,
    /// [`NONE`] where the active label is zero.
    evaluator: u32,
}

/// Where an output comes from, in one party's program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// `None`: zero.
    pub(crate) wire: Option<Wire>,
    pub(crate) flip: bool,
}

/// One party's program.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) steps: Steps,
    pub(crate) outputs: Vec<Output>,
}

/// A netlist compiled for given input classes. Both parties compile the same netlist and classes.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) garbler: Side,
    pub(crate) evaluator: Side,
    input_classes: Vec<InputClass>,
    output_classes: Vec<InputClass>,
}

/// A program's ciphertexts cut into pieces that fit a buffer, for a number of lanes.
#[derive(Clone, Debug)]
pub struct Cut {
    pub(crate) lanes: usize,
    pub(crate) parts: Vec<(halfgate::Part, halfgate::Part)>,
}

impl Cut {
    /// Instances side by side.
    #[must_use]
    pub const fn lanes(&self) -> usize {
        self.lanes
    }

    /// Bytes of tables of each part.
    pub fn part_bytes(&self) -> impl Iterator<Item = usize> {
        self.parts
            .iter()
            .map(|(part, _)| 16 * self.lanes * part.ciphertexts())
    }
}

impl Program {
    /// Compiles `netlist`, whose input bits have these classes, in port order.
    ///
    /// # Errors
    /// [`Error::Classes`] unless there is one class for each input bit; [`Error::TooLarge`] for more
    /// than 2^30 wires.
    pub fn compile(netlist: &Netlist, classes: &[InputClass]) -> Result<Self, Error> {
        let (expected, got) = (netlist.input_bits(), classes.len());
        if expected != got {
            return Err(Error::Classes { expected, got });
        }
        let wires = netlist.wire_count();
        if wires > 1 << 30 {
            return Err(Error::TooLarge { wires });
        }
        let mut compiler = Compiler::new(classes, wires);
        for gate in netlist.gates() {
            compiler.gate(*gate);
        }
        compiler.finish(netlist.output_wires(), classes)
    }

    /// Class of each input bit, in port order.
    #[must_use]
    pub fn input_classes(&self) -> &[InputClass] {
        &self.input_classes
    }

    /// Class as which each output can enter the next program, in port order: `Mixed`, `Evaluator`,
    /// or `Garbler` where the active label is zero (constants and public bits too).
    #[must_use]
    pub fn output_classes(&self) -> &[InputClass] {
        &self.output_classes
    }

    /// Input bits.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.input_classes.len()
    }

    /// Output bits.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.output_classes.len()
    }

    /// Ciphertexts of 16 bytes of one instance, which is also the number of its tweaks.
    #[must_use]
    pub fn tables_per_instance(&self) -> usize {
        self.garbler.steps.ciphertexts()
    }

    /// Bytes of tables of `lanes` instances.
    #[must_use]
    pub fn table_bytes(&self, lanes: usize) -> usize {
        16 * lanes * self.tables_per_instance()
    }

    /// Blocks of working memory for each lane: of the garbler, of the evaluator.
    #[must_use]
    pub const fn slots(&self) -> (usize, usize) {
        (self.garbler.steps.slots(), self.evaluator.steps.slots())
    }

    /// Cuts the tables of `lanes` instances into parts of at most `max_bytes`, or of one gate where
    /// that is more.
    #[must_use]
    pub fn cut(&self, lanes: usize, max_bytes: usize) -> Cut {
        let max = max_bytes / (16 * lanes.max(1));
        let (garbler, evaluator) = (
            self.garbler.steps.parts(max),
            self.evaluator.steps.parts(max),
        );
        Cut {
            lanes,
            parts: garbler.into_iter().zip(evaluator).collect(),
        }
    }
}

impl Program {
    /// Compares a batch's buffers with the program before anything is allocated for it.
    pub(crate) fn check(
        &self,
        lanes: usize,
        inputs: usize,
        outputs: usize,
        tables: usize,
    ) -> Result<(), Error> {
        let bytes = self
            .tables_per_instance()
            .saturating_mul(lanes)
            .saturating_mul(16);
        Error::length(
            "blocks of inputs",
            self.inputs().saturating_mul(lanes),
            inputs,
        )?;
        Error::length(
            "blocks of outputs",
            self.outputs().saturating_mul(lanes),
            outputs,
        )?;
        Error::length("bytes of tables", bytes, tables)
    }
}

struct Compiler {
    values: Vec<Value>,
    garbler: Draft,
    evaluator: Draft,
}

impl Compiler {
    fn new(classes: &[InputClass], wires: usize) -> Self {
        let mut values = Vec::with_capacity(wires);
        for (node, class) in (0..).zip(classes) {
            let evaluator = if *class == InputClass::Garbler {
                NONE
            } else {
                node
            };
            values.push(Value {
                class: *class,
                flip: false,
                garbler: node,
                evaluator,
            });
        }
        let draft = || Draft::new(classes.len());
        Self {
            values,
            garbler: draft(),
            evaluator: draft(),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a netlist's gates name earlier wires only"
    )]
    fn gate(&mut self, gate: Gate) {
        let value = |wire: u32| self.values[wire as usize];
        let result = match gate {
            Gate::Inv(a) => Value {
                flip: !value(a).flip,
                ..value(a)
            },
            Gate::Xor(a, b) => {
                let (a, b) = (value(a), value(b));
                self.xor(a, b)
            }
            Gate::And(a, b) => {
                let (a, b) = (value(a), value(b));
                // The operand that more is known of comes first.
                if rank(a.class) <= rank(b.class) {
                    self.and(a, b)
                } else {
                    self.and(b, a)
                }
            }
        };
        self.values.push(result);
    }

    fn xor(&mut self, a: Value, b: Value) -> Value {
        use InputClass::{Evaluator, Garbler, Mixed, Public};
        let class = match (a.class, b.class) {
            (Public, Public) => Public,
            (Garbler | Public, Garbler | Public) => Garbler,
            (Evaluator, Evaluator) => Evaluator,
            (Mixed | Garbler | Evaluator | Public, _) => Mixed,
        };
        let labelled = |value: Value| !matches!(value.class, Garbler | Public);
        let evaluator = match (labelled(a), labelled(b)) {
            (true, true) => {
                self.evaluator
                    .push(Op::Xor, (a.evaluator, false), (b.evaluator, false))
            }
            (true, false) => a.evaluator,
            (false, true) => b.evaluator,
            (false, false) if class == Public => {
                self.evaluator
                    .push(Op::Xor, (a.evaluator, false), (b.evaluator, false))
            }
            (false, false) => NONE,
        };
        let garbler = self
            .garbler
            .push(Op::Xor, (a.garbler, false), (b.garbler, false));
        Value {
            class,
            flip: a.flip ^ b.flip,
            garbler,
            evaluator,
        }
    }

    /// `rank(a.class) <= rank(b.class)`.
    fn and(&mut self, a: Value, b: Value) -> Value {
        use InputClass::{Evaluator, Garbler, Mixed, Public};
        let (op, class) = match (a.class, b.class) {
            (Public, Evaluator) if b.flip => (Op::Mask, Mixed),
            (Public, other) => (Op::Mask, other),
            (Garbler, Garbler) => (Op::Mask, Garbler),
            (Garbler, _) => (Op::AndGarbler, Mixed),
            (Evaluator, Evaluator) => (Op::AndKnown, Evaluator),
            (Evaluator, _) => (Op::AndEvaluator, Mixed),
            (Mixed, _) => (Op::And, Mixed),
        };
        let garbler = self
            .garbler
            .push(op, (a.garbler, a.flip), (b.garbler, b.flip));
        let evaluator = match (op, class) {
            (Op::Mask, Garbler) => NONE,
            // The garbler half's known operand has no block here; the kernel does not use it.
            (Op::AndGarbler, _) => {
                self.evaluator
                    .push(op, (b.evaluator, false), (b.evaluator, false))
            }
            // Labels are not flipped on this side, masks are.
            (Op::Mask, Mixed | Evaluator) => {
                self.evaluator
                    .push(op, (a.evaluator, a.flip), (b.evaluator, false))
            }
            _ => self
                .evaluator
                .push(op, (a.evaluator, a.flip), (b.evaluator, b.flip)),
        };
        Value {
            class,
            flip: false,
            garbler,
            evaluator,
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a netlist's outputs name its wires only"
    )]
    fn finish(self, outputs: &[OutputBit], classes: &[InputClass]) -> Result<Program, Error> {
        use InputClass::{Evaluator, Garbler, Mixed, Public};
        let constant = |flip| Value {
            class: Garbler,
            flip,
            garbler: NONE,
            evaluator: NONE,
        };
        let values: Vec<Value> = outputs
            .iter()
            .map(|output| match *output {
                OutputBit::Wire(wire) => self.values[wire as usize],
                OutputBit::Const(bit) => constant(bit),
            })
            .collect();
        let output_classes = values.iter().map(|value| match value.class {
            Garbler | Public => Garbler,
            Evaluator if !value.flip => Evaluator,
            Evaluator | Mixed => Mixed,
        });
        let garbler = values
            .iter()
            .map(|value| (value.garbler, value.flip))
            .collect();
        let active = |value: &Value| {
            if value.class == Public {
                NONE
            } else {
                value.evaluator
            }
        };
        let evaluator = values.iter().map(|value| (active(value), false)).collect();
        Ok(Program {
            garbler: self.garbler.allocate(garbler)?,
            evaluator: self.evaluator.allocate(evaluator)?,
            input_classes: classes.to_vec(),
            output_classes: output_classes.collect(),
        })
    }
}

/// The less, the more is known of a bit.
const fn rank(class: InputClass) -> u8 {
    match class {
        InputClass::Public => 0,
        InputClass::Garbler => 1,
        InputClass::Evaluator => 2,
        InputClass::Mixed => 3,
    }
}
