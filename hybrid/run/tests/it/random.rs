//! Random networks on every backend: whatever a graph may hold, equal to the oracle bit for bit.

use privet_model::quant::Sparsity;
use privet_model::quant::ir::*;
use privet_plan::Backend;

use super::models::*;
use super::ops::{check_inputs, inputs};
use super::rig::{Setting, run};

/// A value of a network that grows.
#[derive(Clone, Copy)]
struct Value {
    id: TensorId,
    shape: [usize; 3],
    bits: u32,
    frac: u32,
}

struct Random {
    build: Build,
    stream: Stream,
    values: Vec<Value>,
}

impl Random {
    fn below(&mut self, n: usize) -> usize {
        (self.stream.next() % n as u64) as usize
    }

    fn recent(&mut self) -> Value {
        let back = self.below(3).min(self.values.len() - 1);
        self.values[self.values.len() - 1 - back]
    }

    fn push(&mut self, op: Op, inputs: &[&Value], like: Value, params: Option<Params>) {
        let ids: Vec<TensorId> = inputs.iter().map(|v| v.id).collect();
        let id = self
            .build
            .op(op, &ids, &like.shape, like.bits, like.frac, params);
        self.values.push(Value { id, ..like });
    }

    fn conv(&mut self, from: &Value) {
        let [channels, h, w] = from.shape;
        let kernel = (1 + self.below(3)).min(h).min(w);
        let (pad, stride) = (kernel / 2, 1 + self.below(2));
        let groups = if channels % 2 == 0 {
            1 + self.below(2)
        } else {
            1
        };
        let out = 2 * (1 + self.below(2));
        let extent = |n: usize| (n + 2 * pad - kernel) / stride + 1;
        let (weight_bits, weight_frac) = (2 + self.below(7) as u32, 1 + self.below(4) as u32);
        let bits = from.bits + weight_frac + self.below(3) as u32;
        let mut conv = Conv {
            in_channels: channels,
            out_channels: out,
            groups,
            window: window(kernel, stride, pad, pad),
            weight_bits,
            weight_frac,
            sparsity: None,
        };
        let weights = out * (channels / groups) * kernel * kernel;
        let mut params = params(&mut self.stream, weights, weight_bits, out, bits);
        if self.below(2) == 0 {
            conv.sparsity = self.thin_out(params.as_mut(), weights / out);
        }
        let like = Value {
            id: from.id,
            shape: [out, extent(h), extent(w)],
            bits,
            frac: from.frac + weight_frac,
        };
        self.push(Op::Conv(conv), &[from], like, params);
    }

    /// Sets weights to zero, in some filters all of them, and publishes where, but for some.
    fn thin_out(&mut self, params: Option<&mut Params>, filter: usize) -> Option<Sparsity> {
        let weights = &mut params?.weights;
        for filter in weights.chunks_exact_mut(filter) {
            let kept = self.below(4);
            filter
                .iter_mut()
                .for_each(|w| *w *= i32::from(self.below(4) < kept));
        }
        Sparsity::from_live(weights.iter().map(|w| *w != 0 || self.below(9) == 0))
    }

    fn pool(&mut self, from: &Value, average: bool) {
        let [channels, h, w] = from.shape;
        let kernel = 2.min(h).min(w);
        let pool = Pool {
            window: window(kernel, 1 + self.below(2), 0, 0),
        };
        let stride = pool.window.strides[0];
        let extent = |n: usize| (n - kernel) / stride + 1;
        let mut like = Value {
            shape: [channels, extent(h), extent(w)],
            ..*from
        };
        if !average {
            return self.push(Op::MaxPool(pool), &[from], like, None);
        }
        let shift = self.below(from.frac.min(3) as usize + 1) as u32;
        like.frac -= shift;
        let op = Op::AvgPool {
            pool,
            count_padding: false,
            shift,
        };
        self.push(op, &[from], like, None);
    }

    fn grow(&mut self) {
        let from = self.recent();
        let same = from;
        match self.below(14) {
            0..=2 => self.conv(&from),
            3 | 4 => {
                let shift = self.below(from.frac.min(5) as usize + 1) as u32;
                let like = Value {
                    bits: (from.bits - shift.min(from.bits - 4)).max(5),
                    frac: from.frac - shift,
                    ..same
                };
                self.push(Op::Trunc { shift }, &[&from], like, None);
            }
            5 => self.push(Op::Relu, &[&from], same, None),
            6 => self.pool(&from, false),
            7 => self.pool(&from, true),
            8 => {
                let twin = self
                    .values
                    .iter()
                    .find(|v| v.shape == from.shape && v.bits == from.bits && v.frac == from.frac);
                let twin = twin.copied().unwrap_or(from);
                self.push(Op::Add, &[&from, &twin], same, None);
            }
            9 => {
                let like = Value {
                    shape: [2 * from.shape[0], from.shape[1], from.shape[2]],
                    ..same
                };
                self.push(Op::Concat { axis: 0 }, &[&from, &from], like, None);
            }
            10 => {
                let bits = (from.bits + self.below(6) as u32).max(8) - 3;
                self.push(Op::Resize, &[&from], Value { bits, ..same }, None);
            }
            11 => {
                let like = Value {
                    frac: from.frac + 1,
                    ..same
                };
                self.push(Op::Shl { k: 1 }, &[&from], like, None);
            }
            12 => {
                let channels = from.shape[0];
                let bias = self.stream.words(channels, from.bits);
                let signs = (0..channels).map(|_| 1 - 2 * self.below(2) as i32);
                let weights = signs.collect();
                let params = Some(Params { weights, bias });
                self.push(Op::Reflect, &[&from], same, params);
            }
            _ => {
                let bias = self.stream.words(from.shape.iter().product(), from.bits);
                let weights = Vec::new();
                let params = Some(Params { weights, bias });
                self.push(Op::AddConst, &[&from], same, params);
            }
        }
    }

    fn finish(mut self) -> Model {
        let last = *self.values.last().unwrap();
        let n = last.shape.iter().product();
        let flat = self
            .build
            .op(Op::Reshape, &[last.id], &[n], last.bits, last.frac, None);
        let mut linear = Linear {
            inputs: n,
            outputs: 4,
            weight_bits: 5,
            weight_frac: 3,
            sparsity: None,
        };
        let bits = last.bits + 4;
        let mut p = params(&mut self.stream, 4 * n, 5, 4, bits);
        linear.sparsity = self.thin_out(p.as_mut(), n);
        let linear = Op::Linear(linear);
        let z = self.build.op(linear, &[flat], &[4], bits, last.frac + 3, p);
        let trunc = Op::Trunc { shift: 3 };
        self.build.op(trunc, &[z], &[4], bits - 2, last.frac, None);
        self.build.finish()
    }
}

fn network(seed: u64) -> Model {
    let (bits, frac) = (10, 4);
    let shape = [2, 5, 4];
    let mut random = Random {
        build: Build::new(&shape, bits, frac),
        stream: Stream(seed),
        values: vec![Value {
            id: TensorId(0),
            shape,
            bits,
            frac,
        }],
    };
    for _ in 0..3 + seed % 6 {
        if random.values.last().unwrap().bits < 36 {
            random.grow();
        }
    }
    random.finish()
}

#[test]
fn random_networks_agree_with_the_oracle() {
    for seed in 0..24 {
        let model = network(seed);
        let inputs = inputs(&model, seed, 1);
        check_inputs(&model, Setting::default(), &inputs);
    }
}

/// Wherever truncations stand: nothing contradicts the plan, and its bytes are moved. Values wrap here, so that a unit may be worth a whole ring.
#[test]
fn random_networks_run_within_a_unit_where_asked_to() {
    let mut approximate = 0;
    for seed in 0..24 {
        let mut model = network(seed);
        model.graph.profile = Profile::Approx;
        let inputs = inputs(&model, seed, 0);
        for backend in [Backend::Ot, Backend::Hybrid] {
            let setting = Setting {
                backend,
                all_online: seed % 2 == 1,
                ..Setting::default()
            };
            let (answers, plan) = run(&model, &inputs, setting).unwrap();
            approximate += plan.approximations().unwrap().truncations;
            for (before, (answer, report)) in (0..).zip(&answers) {
                let logits = answer.logits.as_ref().unwrap();
                assert_eq!(
                    answer.label as usize,
                    privet_model::quant::oracle::label(logits)
                );
                assert_eq!(report.online.bytes, plan.online_bytes(before), "{seed}");
                assert_eq!(report.approximations, plan.approximations());
            }
        }
    }
    assert!(approximate > 20, "{approximate}");
}
