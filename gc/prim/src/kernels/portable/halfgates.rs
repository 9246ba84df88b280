//! Half-gates one lane at a time: the specification of [`crate::halfgate`].
#![expect(
    clippy::indexing_slicing,
    reason = "the caller promises that wires and tables exist"
)]

use super::hash;
use crate::Block;
use crate::halfgate::{Op, Run, Step, Wire};

impl Run<'_> {
    fn read(&self, wire: Wire, lane: usize) -> Block {
        let wires = if wire.is_input() {
            self.inputs
        } else {
            &*self.slots
        };
        wires[wire.index() * self.lanes + lane]
    }

    fn tweak(&self, ciphertext: usize, lane: usize) -> u64 {
        self.tweak + lane as u64 * self.stride + ciphertext as u64
    }
}

/// Where the ciphertexts of a step in a lane stand.
fn place(lanes: usize, ciphertext: usize, lane: usize) -> std::ops::Range<usize> {
    let from = 16 * (ciphertext * lanes + lane);
    from..from + 16
}

pub(super) fn garble(run: &mut Run<'_>, delta: Block, steps: &[Step], tables: &mut [u8]) {
    let mut at = 0;
    for step in steps {
        for lane in 0..run.lanes {
            let a = run.read(step.a, lane);
            let b = run.read(step.b, lane);
            let out = if step.op == Op::Xor {
                a ^ b
            } else {
                let operands = (a ^ delta.select(step.flip_a), b ^ delta.select(step.flip_b));
                let (out, table) = garble_and(run, delta, step.op, operands, at, lane);
                for (half, ciphertext) in table.iter().take(step.op.ciphertexts()).enumerate() {
                    tables[place(run.lanes, at + half, lane)]
                        .copy_from_slice(&ciphertext.to_bytes());
                }
                out
            };
            run.slots[step.out as usize * run.lanes + lane] = out;
        }
        at += step.op.ciphertexts();
    }
}

/// The result's zero-label, and the ciphertexts.
fn garble_and(
    run: &Run<'_>,
    delta: Block,
    op: Op,
    (a, b): (Block, Block),
    at: usize,
    lane: usize,
) -> (Block, [Block; 2]) {
    let h = |x, half| hash(run.session, run.tweak(at + half, lane), x);
    let pair = |x, half| (h(x, half), h(x ^ delta, half));
    match op {
        Op::And => {
            // [ZRE15] Fig. 2, GbAnd: a is the garbler half's operand, b the evaluator half's.
            let ((a0, a1), (b0, b1)) = (pair(a, 0), pair(b, 1));
            let t_g = a0 ^ a1 ^ delta.select(b.colour());
            let t_e = b0 ^ b1 ^ a;
            let out = a0 ^ t_g.select(a.colour()) ^ b0 ^ (t_e ^ a).select(b.colour());
            (out, [t_g, t_e])
        }
        Op::AndGarbler => {
            let (b0, b1) = pair(b, 0);
            let t = b0 ^ b1 ^ a;
            (b0 ^ t.select(b.colour()), [t, Block::ZERO])
        }
        Op::AndEvaluator | Op::AndKnown => {
            let (a0, a1) = pair(a, 0);
            let out = if op == Op::AndKnown {
                a0.with_colour(false)
            } else {
                a0
            };
            (out, [a0 ^ a1 ^ b, Block::ZERO])
        }
        Op::Xor | Op::Mask => (b.select(a.colour()), [Block::ZERO; 2]),
    }
}

pub(super) fn evaluate(run: &mut Run<'_>, steps: &[Step], tables: &[u8]) {
    let mut at = 0;
    for step in steps {
        for lane in 0..run.lanes {
            let a = run.read(step.a, lane);
            let b = run.read(step.b, lane);
            let table = std::array::from_fn(|half| {
                let mut bytes = [0; 16];
                if half < step.op.ciphertexts() {
                    bytes.copy_from_slice(&tables[place(run.lanes, at + half, lane)]);
                }
                Block::from_bytes(bytes)
            });
            let out = evaluate_step(run, step, (a, b), table, at, lane);
            run.slots[step.out as usize * run.lanes + lane] = out;
        }
        at += step.op.ciphertexts();
    }
}

fn evaluate_step(
    run: &Run<'_>,
    step: &Step,
    (a, b): (Block, Block),
    [t0, t1]: [Block; 2],
    at: usize,
    lane: usize,
) -> Block {
    let h = |x, half| hash(run.session, run.tweak(at + half, lane), x);
    match step.op {
        Op::Xor => a ^ b,
        Op::And => h(a, 0) ^ t0.select(a.colour()) ^ h(b, 1) ^ (t1 ^ a).select(b.colour()),
        Op::AndGarbler => h(b, 0) ^ t0.select(b.colour()),
        Op::AndEvaluator | Op::AndKnown => {
            let bit = a.colour() ^ step.flip_a;
            let out = h(a, 0) ^ (t0 ^ b).select(bit);
            if step.op == Op::AndKnown {
                out.with_colour(bit & (b.colour() ^ step.flip_b))
            } else {
                out
            }
        }
        Op::Mask => (a ^ Block::mask(step.flip_a)) & (b ^ Block::mask(step.flip_b)),
    }
}
