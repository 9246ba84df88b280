//! Half-gates over vectors, as a macro over the operations and the keyed cipher of a kernel.

/// `garble_steps` and `evaluate_steps` for the CPU features `$features`.
macro_rules! kernels {
    ($features:literal) => {
        use crate::halfgate::{Op, Wire};

        /// Where the wires of a run are.
        #[derive(Clone, Copy)]
        struct Wires {
            lanes: usize,
            inputs: *const Block,
            slots: *mut Block,
        }

        impl Wires {
            /// Lane 0 of a wire.
            ///
            /// # Safety
            /// The wire exists.
            #[inline(always)]
            unsafe fn wire(&self, wire: Wire) -> *const Block {
                let base = if wire.is_input() {
                    self.inputs
                } else {
                    self.slots.cast_const()
                };
                // SAFETY: the wire's blocks are inside its buffer.
                unsafe { base.add(wire.index() * self.lanes) }
            }

            /// # Safety
            /// The slot exists.
            #[inline(always)]
            unsafe fn slot(&self, slot: u32) -> *mut Block {
                // SAFETY: the slot's blocks are inside the buffer.
                unsafe { self.slots.add(slot as usize * self.lanes) }
            }
        }

        /// Loads four vectors. Tables may stand at any address: no reference is made to them.
        ///
        /// # Safety
        /// `left` blocks can be read at `from`, or `LANES` if `left` is more.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn load_group(from: *const Block, left: usize) -> [V; 4] {
            let mut x = [zero(); 4];
            for (i, x) in x.iter_mut().enumerate() {
                let (at, left) = (
                    from.wrapping_add(i * BLOCKS),
                    left.saturating_sub(i * BLOCKS),
                );
                // SAFETY: only blocks that the caller promises are read.
                *x = unsafe {
                    if left >= BLOCKS {
                        load(at)
                    } else {
                        load_part(at, left)
                    }
                };
            }
            x
        }

        /// Stores four vectors, at any address.
        ///
        /// # Safety
        /// `left` blocks can be written at `to`, or `LANES` if `left` is more; no reference to
        /// these blocks is alive.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn store_group(x: &[V; 4], to: *mut Block, left: usize) {
            for (i, x) in x.iter().enumerate() {
                let (at, left) = (to.wrapping_add(i * BLOCKS), left.saturating_sub(i * BLOCKS));
                // SAFETY: only blocks that the caller promises are written.
                unsafe {
                    if left >= BLOCKS {
                        store(at, *x);
                    } else if left > 0 {
                        store_part(at, left, *x);
                    }
                }
            }
        }

        /// # Safety
        /// The wires exist.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn xor_step(wires: &Wires, step: &Step) {
            // SAFETY: the caller promises that the wires exist, so every lane is inside.
            unsafe {
                let (a, b) = (wires.wire(step.a), wires.wire(step.b));
                let out = wires.slot(step.out);
                let mut lane = 0;
                while lane + BLOCKS <= wires.lanes {
                    store(out.add(lane), xor(load(a.add(lane)), load(b.add(lane))));
                    lane += BLOCKS;
                }
                let left = wires.lanes - lane;
                if left > 0 {
                    let sum = xor(load_part(a.add(lane), left), load_part(b.add(lane), left));
                    store_part(out.add(lane), left, sum);
                }
            }
        }

        /// # Safety
        /// The steps' wires exist, and `16·lanes` bytes of `tables` for each of their ciphertexts.
        #[target_feature(enable = $features)]
        unsafe fn garble_steps(
            run: &mut Run<'_>,
            delta: Block,
            steps: &[Step],
            mut tables: *mut Block,
        ) {
            let keys = Keys::new(run.session, run.stride);
            let wires = Wires {
                lanes: run.lanes,
                inputs: run.inputs.as_ptr(),
                slots: run.slots.as_mut_ptr(),
            };
            let mut tweak = run.tweak;
            for step in steps {
                if step.op == Op::Xor {
                    // SAFETY: the caller promises that the wires exist.
                    unsafe { xor_step(&wires, step) };
                    continue;
                }
                let ciphertexts = step.op.ciphertexts();
                // SAFETY: the caller promises that the wires and the tables exist.
                unsafe {
                    for lane in (0..run.lanes).step_by(LANES) {
                        garble_group(&keys, &wires, delta, step, tweak, lane, tables);
                    }
                    tables = tables.add(ciphertexts * run.lanes);
                }
                tweak = tweak.wrapping_add(ciphertexts as u64);
            }
        }

        /// # Safety
        /// The step's wires and tables exist, with more than `lane` lanes.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn garble_group(
            keys: &Keys,
            wires: &Wires,
            delta: Block,
            step: &Step,
            tweak: u64,
            lane: usize,
            tables: *mut Block,
        ) {
            let left = wires.lanes - lane;
            let flips = (
                splat(delta.select(step.flip_a)),
                splat(delta.select(step.flip_b)),
            );
            let delta = splat(delta);
            // The second hash of a pair comes without the σ(Δ) of its own input.
            let shift = sigma(delta);
            let offsets = [zero(), shift];
            // SAFETY: the caller promises that the wires and the tables exist.
            unsafe {
                let a = load_group(wires.wire(step.a).add(lane), left);
                let b = load_group(wires.wire(step.b).add(lane), left);
                let a = each(|p| xor(a[p], flips.0));
                let b = each(|p| xor(b[p], flips.1));
                let table = tables.add(lane);
                let out = match step.op {
                    Op::And => {
                        let [a0, a1] =
                            keyed(keys.words(tweak, lane), &each(|p| sigma(a[p])), offsets);
                        let rows = each(|p| xor3(a0[p], a1[p], shift));
                        let t_g = each(|p| xor_if(rows[p], delta, colours(b[p])));
                        store_group(&t_g, table, left);
                        let w_g = each(|p| xor_if(a0[p], t_g[p], colours(a[p])));
                        let next = keys.words(tweak.wrapping_add(1), lane);
                        let [b0, b1] = keyed(next, &each(|p| sigma(b[p])), offsets);
                        let rows = each(|p| xor3(b0[p], b1[p], shift));
                        let t_e = each(|p| xor(rows[p], a[p]));
                        store_group(&t_e, table.add(wires.lanes), left);
                        each(|p| xor_if(xor(w_g[p], b0[p]), rows[p], colours(b[p])))
                    }
                    Op::AndGarbler => {
                        let [b0, b1] =
                            keyed(keys.words(tweak, lane), &each(|p| sigma(b[p])), offsets);
                        let t = each(|p| xor(xor3(b0[p], b1[p], shift), a[p]));
                        store_group(&t, table, left);
                        each(|p| xor_if(b0[p], t[p], colours(b[p])))
                    }
                    Op::AndEvaluator | Op::AndKnown => {
                        let [a0, a1] =
                            keyed(keys.words(tweak, lane), &each(|p| sigma(a[p])), offsets);
                        let t = each(|p| xor(xor3(a0[p], a1[p], shift), b[p]));
                        store_group(&t, table, left);
                        let colour = splat(Block::from(u128::from(step.op == Op::AndKnown)));
                        each(|p| and_not(colour, a0[p]))
                    }
                    Op::Mask | Op::Xor => each(|p| xor_if(zero(), b[p], colours(a[p]))),
                };
                store_group(&out, wires.slot(step.out).add(lane), left);
            }
        }

        /// # Safety
        /// The steps' wires exist, and `16·lanes` bytes of `tables` for each of their ciphertexts.
        #[target_feature(enable = $features)]
        unsafe fn evaluate_steps(run: &mut Run<'_>, steps: &[Step], mut tables: *const Block) {
            let keys = Keys::new(run.session, run.stride);
            let wires = Wires {
                lanes: run.lanes,
                inputs: run.inputs.as_ptr(),
                slots: run.slots.as_mut_ptr(),
            };
            let mut tweak = run.tweak;
            for step in steps {
                if step.op == Op::Xor {
                    // SAFETY: the caller promises that the wires exist.
                    unsafe { xor_step(&wires, step) };
                    continue;
                }
                let ciphertexts = step.op.ciphertexts();
                // SAFETY: the caller promises that the wires and the tables exist.
                unsafe {
                    for lane in (0..run.lanes).step_by(LANES) {
                        evaluate_group(&keys, &wires, step, tweak, lane, tables);
                    }
                    tables = tables.add(ciphertexts * run.lanes);
                }
                tweak = tweak.wrapping_add(ciphertexts as u64);
            }
        }

        /// # Safety
        /// The step's wires and tables exist, with more than `lane` lanes.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn evaluate_group(
            keys: &Keys,
            wires: &Wires,
            step: &Step,
            tweak: u64,
            lane: usize,
            tables: *const Block,
        ) {
            let left = wires.lanes - lane;
            let flips = (
                splat(Block::mask(step.flip_a)),
                splat(Block::mask(step.flip_b)),
            );
            // SAFETY: the caller promises that the wires and the tables exist.
            unsafe {
                let a = load_group(wires.wire(step.a).add(lane), left);
                let b = load_group(wires.wire(step.b).add(lane), left);
                let table = tables.add(lane);
                let out = match step.op {
                    Op::And => {
                        let [w_g] =
                            keyed(keys.words(tweak, lane), &each(|p| sigma(a[p])), [zero()]);
                        let next = keys.words(tweak.wrapping_add(1), lane);
                        let [w_e] = keyed(next, &each(|p| sigma(b[p])), [zero()]);
                        let t_g = load_group(table, left);
                        let t_e = load_group(table.add(wires.lanes), left);
                        each(|p| {
                            let w_g = xor_if(w_g[p], t_g[p], colours(a[p]));
                            let w_e = xor_if(w_e[p], xor(t_e[p], a[p]), colours(b[p]));
                            xor(w_g, w_e)
                        })
                    }
                    Op::AndGarbler => {
                        let [w] = keyed(keys.words(tweak, lane), &each(|p| sigma(b[p])), [zero()]);
                        let t = load_group(table, left);
                        each(|p| xor_if(w[p], t[p], colours(b[p])))
                    }
                    Op::AndEvaluator | Op::AndKnown => {
                        let [w] = keyed(keys.words(tweak, lane), &each(|p| sigma(a[p])), [zero()]);
                        let t = load_group(table, left);
                        let bit = |p: usize| flip(colours(a[p]), step.flip_a);
                        let out = each(|p| xor_if(w[p], xor(t[p], b[p]), bit(p)));
                        if step.op == Op::AndKnown {
                            let one = splat(Block::from(1));
                            each(|p| {
                                let other = and(one, xor(b[p], flips.1));
                                xor_if(and_not(one, out[p]), other, bit(p))
                            })
                        } else {
                            out
                        }
                    }
                    Op::Mask | Op::Xor => each(|p| and(xor(a[p], flips.0), xor(b[p], flips.1))),
                };
                store_group(&out, wires.slot(step.out).add(lane), left);
            }
        }
    };
}

pub(super) use kernels;
