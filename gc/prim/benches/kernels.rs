//! Rates of every kernel that the machine can run: `cargo bench -p privet-prim`.
//!
//! With `--test` (or without `--bench`) each case runs once, which is what the tests do.
#![expect(clippy::unwrap_used, reason = "a bench may stop at an error")]

use std::time::{Duration, Instant};

use privet_prim::halfgate::{Batch, Op, Part, Step, Steps, Wire};
use privet_prim::kernels::{Kernels, available};
use privet_prim::{Aes128, Block, Delta, Lines, Prg, Tccr, Tweak, transpose_128};

/// The best of many runs, in million items a second.
fn rate(items: usize, mut f: impl FnMut()) -> f64 {
    let budget = if std::env::args().any(|arg| arg == "--bench") {
        300
    } else {
        0
    };
    let begin = Instant::now();
    let mut best = Duration::MAX;
    loop {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed());
        if begin.elapsed() >= Duration::from_millis(budget) {
            return items as f64 / best.as_secs_f64() / 1e6;
        }
    }
}

fn steps(op: Op, n: u32) -> Steps {
    let step = |i: u32| Step {
        op,
        flip_a: i.is_multiple_of(3),
        flip_b: i.is_multiple_of(5),
        a: Wire::slot(i % 31),
        b: Wire::slot((i * 7 + 3) % 31),
        out: 31 + i % 33,
    };
    Steps::new((0..n).map(step).collect(), 0, 64).unwrap()
}

struct Gates {
    steps: Steps,
    lanes: usize,
    slots: Lines,
    tables: Vec<u8>,
}

impl Gates {
    fn new(op: Op, n: u32, lanes: usize) -> Self {
        let steps = steps(op, n);
        let mut slots = Lines::zeroed(64 * lanes);
        Prg::random().fill_blocks(&mut slots);
        let tables = vec![0; 16 * lanes * steps.ciphertexts()];
        Self {
            steps,
            lanes,
            slots,
            tables,
        }
    }

    fn part(&mut self) -> (Part, Batch<'_>) {
        let batch = Batch {
            tweak: Tweak(0),
            lanes: self.lanes,
            inputs: &[],
            slots: &mut self.slots,
        };
        (self.steps.whole(), batch)
    }

    fn rates(mut self, kernels: &'static Kernels) -> (f64, f64) {
        let items = self.steps.as_slice().len() * self.lanes;
        let (tccr, delta) = (
            Tccr::with_kernels(kernels, Block::random()),
            Delta::random(),
        );
        let steps = self.steps.clone();
        let mut tables = std::mem::take(&mut self.tables);
        let garble = rate(items, || {
            let (part, batch) = self.part();
            steps
                .garble(&tccr, &delta, &part, batch, &mut tables)
                .unwrap();
        });
        let evaluate = rate(items, || {
            let (part, batch) = self.part();
            steps.evaluate(&tccr, &part, batch, &tables).unwrap();
        });
        (garble, evaluate)
    }
}

fn main() {
    println!("million a second, one thread; garbling: garble / evaluate");
    for kernels in available() {
        println!("{}", kernels.name());
        for lanes in [8, 16, 32, 64] {
            let (garble, evaluate) = Gates::new(Op::And, 1000, lanes).rates(kernels);
            println!("  AND, {lanes:2} lanes        {garble:8.1} / {evaluate:8.1}");
        }
        let (garble, evaluate) = Gates::new(Op::AndGarbler, 1000, 16).rates(kernels);
        println!("  AND known, 16 lanes  {garble:8.1} / {evaluate:8.1}");
        let (garble, _) = Gates::new(Op::Xor, 1000, 16).rates(kernels);
        println!("  XOR, 16 lanes        {garble:8.1}");
        let mut blocks = vec![Block::ZERO; 4096];
        let tccr = Tccr::with_kernels(kernels, Block::random());
        let hashes = rate(4096, || tccr.hash_in_place(Tweak(0), &mut blocks).unwrap());
        println!("  hash                 {hashes:8.1}");
        let aes = Aes128::with_kernels(kernels, Block::random());
        println!(
            "  AES                  {:8.1}",
            rate(4096, || aes.encrypt_blocks(&mut blocks))
        );
        println!(
            "  AES counter mode     {:8.1}",
            rate(4096, || aes.counter_mode(0, 0, &mut blocks))
        );
    }
    let rows = vec![vec![0x5au8; 512]; 128];
    let mut blocks = vec![Block::ZERO; 4096];
    println!(
        "transpose, columns     {:8.1}",
        rate(4096, || transpose_128(&rows, &mut blocks).unwrap())
    );
}
