use super::*;
use crate::kernels::{Kernels, available};
use crate::{Lines, Prg};

const OPS: [Op; 6] = [
    Op::Xor,
    Op::And,
    Op::AndGarbler,
    Op::AndEvaluator,
    Op::AndKnown,
    Op::Mask,
];

/// Every operation with every pair of flips, and a result on top of an operand.
fn every_step() -> Vec<Step> {
    let mut steps = Vec::new();
    for op in OPS {
        for flips in 0..4u32 {
            steps.push(Step {
                op,
                flip_a: flips & 1 == 1,
                flip_b: flips & 2 == 2,
                a: Wire::input(flips % 3),
                b: if op == Op::Xor {
                    Wire::slot(flips)
                } else {
                    Wire::input(2 - flips % 3)
                },
                out: flips,
            });
            steps.push(Step {
                a: Wire::slot(flips),
                out: 4,
                ..steps[steps.len() - 1]
            });
        }
    }
    steps
}

struct Case {
    lanes: usize,
    session: Block,
    delta: Delta,
    inputs: Vec<Block>,
    slots: Vec<Block>,
}

impl Case {
    fn random(lanes: usize) -> Self {
        let mut prg = Prg::random();
        let (mut inputs, mut slots) = (vec![Block::ZERO; 3 * lanes], vec![Block::ZERO; 5 * lanes]);
        prg.fill_blocks(&mut inputs);
        prg.fill_blocks(&mut slots);
        Self {
            lanes,
            session: Block::random(),
            delta: Delta::random(),
            inputs,
            slots,
        }
    }

    fn garble(&self, kernels: &'static Kernels, steps: &Steps, max: usize) -> (Lines, Vec<u8>) {
        let tccr = Tccr::with_kernels(kernels, self.session);
        let mut slots = Lines::zeroed(self.slots.len());
        slots.copy_from_slice(&self.slots);
        let mut tables = Vec::new();
        for part in steps.parts(max) {
            let batch = self.batch(&mut slots);
            let mut some = vec![0; 16 * self.lanes * part.ciphertexts()];
            steps
                .garble(&tccr, &self.delta, &part, batch, &mut some)
                .unwrap();
            tables.extend(some);
        }
        (slots, tables)
    }

    fn evaluate(&self, kernels: &'static Kernels, steps: &Steps, tables: &[u8]) -> Lines {
        let tccr = Tccr::with_kernels(kernels, self.session);
        let mut slots = Lines::zeroed(self.slots.len());
        slots.copy_from_slice(&self.slots);
        steps
            .evaluate(&tccr, &steps.whole(), self.batch(&mut slots), tables)
            .unwrap();
        slots
    }

    fn batch<'a>(&'a self, slots: &'a mut Lines) -> Batch<'a> {
        Batch {
            tweak: Tweak(0xffff_fff0),
            lanes: self.lanes,
            inputs: &self.inputs,
            slots,
        }
    }
}

#[test]
fn every_kernel_equals_portable_at_every_width() {
    let steps = Steps::new(every_step(), 3, 5).unwrap();
    for lanes in (1..=40).chain([64, 100]) {
        let case = Case::random(lanes);
        let (slots, tables) = case.garble(available()[0], &steps, usize::MAX);
        let active = case.evaluate(available()[0], &steps, &tables);
        for kernels in available() {
            for max in [usize::MAX, 1, 7] {
                let garbled = case.garble(kernels, &steps, max);
                assert_eq!(garbled.1, tables, "{} {lanes}", kernels.name());
                assert_eq!(garbled.0[..], slots[..], "{} {lanes}", kernels.name());
            }
            let evaluated = case.evaluate(kernels, &steps, &tables);
            assert_eq!(evaluated[..], active[..], "{} {lanes}", kernels.name());
        }
    }
}

/// One gate, its meaning: for all bits, the evaluator's result is the label of `a ∧ b`.
#[test]
fn every_operation_means_and_for_every_bit_and_flip() {
    for op in OPS.into_iter().filter(|op| *op != Op::Xor) {
        for choice in 0..16u32 {
            let [a, b, flip_a, flip_b] = std::array::from_fn(|i| choice >> i & 1 == 1);
            // A public mask has no label; its flips do the same in both parties.
            let step = Step {
                op,
                flip_a,
                flip_b,
                a: Wire::input(0),
                b: Wire::input(1),
                out: 0,
            };
            let flip_b = flip_b && op != Op::Mask;
            let steps = Steps::new(vec![Step { flip_b, ..step }], 2, 1).unwrap();
            let delta = Delta::random();
            let label = |bit: bool, zero: Block| zero ^ delta.block().select(bit);
            let known = Block::random().with_colour(false);
            let (a0, a1) = match op {
                Op::AndGarbler => (label(a, Block::ZERO), Block::ZERO),
                Op::Mask => (label(a, Block::ZERO), Block::mask(a)),
                Op::AndEvaluator | Op::AndKnown => (known, label(a, known)),
                Op::Xor | Op::And => {
                    let zero = Block::random();
                    (zero, label(a, zero))
                }
            };
            let b0 = Block::random();
            let b0 = if op == Op::AndKnown {
                b0.with_colour(false)
            } else {
                b0
            };
            let tccr = Tccr::new(Block::random());
            let mut tables = vec![0; 16 * op.ciphertexts()];
            let mut zero = [Block::ZERO];
            let batch = Batch {
                tweak: Tweak(4),
                lanes: 1,
                inputs: &[a0, b0],
                slots: &mut zero,
            };
            steps
                .garble(&tccr, &delta, &steps.whole(), batch, &mut tables)
                .unwrap();
            let inputs = [a1, label(b, b0)];
            let mut active = [Block::ZERO];
            let batch = Batch {
                tweak: Tweak(4),
                lanes: 1,
                inputs: &inputs,
                slots: &mut active,
            };
            steps
                .evaluate(&tccr, &steps.whole(), batch, &tables)
                .unwrap();
            let bit = (a ^ flip_a) & (b ^ flip_b);
            assert_eq!(active[0], label(bit, zero[0]), "{op:?} {choice:04b}");
            if op == Op::AndKnown {
                assert_eq!(active[0].colour(), bit);
            }
        }
    }
}

#[test]
fn wires_that_do_not_exist_are_refused() {
    let good = Step {
        op: Op::And,
        flip_a: false,
        flip_b: false,
        a: Wire::input(0),
        b: Wire::slot(0),
        out: 0,
    };
    assert!(Steps::new(vec![good], 1, 1).is_ok());
    for bad in [
        Step {
            a: Wire::input(1),
            ..good
        },
        Step {
            b: Wire::slot(1),
            ..good
        },
        Step { out: 1, ..good },
        Step {
            out: 1 << 31,
            ..good
        },
    ] {
        assert!(matches!(
            Steps::new(vec![good, bad], 1, 1),
            Err(Error::Wire { step: 1, .. })
        ));
    }
}

#[test]
fn buffers_of_wrong_length_are_errors() {
    let steps = Steps::new(every_step(), 3, 5).unwrap();
    let other = Steps::new(every_step().split_off(30), 3, 5).unwrap();
    let tccr = Tccr::new(Block::random());
    let bytes = 16 * 2 * steps.ciphertexts();
    let try_with = |part: Part, tweak, lanes, inputs: usize, slots: usize, bytes: usize| {
        let (inputs, mut slots) = (vec![Block::ZERO; inputs], vec![Block::ZERO; slots]);
        let batch = Batch {
            tweak: Tweak(tweak),
            lanes,
            inputs: &inputs,
            slots: &mut slots,
        };
        steps.evaluate(&tccr, &part, batch, &vec![0; bytes])
    };
    let whole = steps.whole();
    assert_eq!(try_with(whole, 0, 2, 6, 10, bytes), Ok(()));
    assert!(matches!(
        try_with(whole, 0, 2, 5, 10, bytes),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        try_with(whole, 0, 2, 6, 11, bytes),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        try_with(whole, 0, 2, 6, 10, bytes - 1),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        try_with(whole, 0, 1 << 40, 6, 10, bytes),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        try_with(whole, u64::MAX - 9, 2, 6, 10, bytes),
        Err(Error::TweakRange { .. })
    ));
    let foreign = 32 * other.ciphertexts();
    assert!(matches!(
        try_with(other.whole(), 0, 2, 6, 10, foreign),
        Err(Error::Length { .. })
    ));
}
