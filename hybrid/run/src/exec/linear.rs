//! Dot products with the server's weights, by ±1 digits.
//!
//! With K terms, sums hold `-sum_j x_j - K` (a SUM over complemented inputs); the row's constant,
//! known to the weights' owner, is `2 * bias + K + correction(weights)`; the DOT chain adds
//! `sum_j sum_i 2^i (±x_j)`. The accumulator then holds `2 * (sum_j w_j x_j + bias)` mod 2^(L+1).
//! Where the sum is shared by several rows, an ADD brings in the constant; else the sum starts with it.

use std::ops::Range;
use std::sync::Arc;

use privet_garble::InputClass;
use privet_model::quant::ir::Params;
use privet_netlists::dot;
use privet_plan::{LANES, LinearGroup, LinearStep, Row, Sums, TapSet, units};
use privet_prim::{Block, Lines};
use zeroize::Zeroizing;

use super::cells::{push_bits, scatter};
use super::{Executor, Worker, on_lanes};
use crate::error::RunError;
use crate::seat::{Compiled, Seat};

/// One block of a chain.
struct Link {
    program: Arc<Compiled>,
    terms: usize,
    /// Position of its first term.
    from: usize,
    /// First tweak, for instance 0.
    tweak: u64,
}

/// The blocks of a group's rows.
struct Links {
    sums: Vec<Link>,
    /// Brings in the constants behind shared sums.
    bias: Option<Link>,
    dots: Vec<Link>,
}

/// What a group's units share.
struct Group<'a> {
    step: &'a LinearStep,
    group: &'a LinearGroup,
    input: &'a [Block],
    params: Option<&'a Params>,
    links: Links,
    acc: usize,
    /// The weights enter by OT: their owner evaluates.
    by_ot: bool,
}

impl Executor<'_> {
    pub(crate) fn linear<S: Seat>(
        &mut self,
        workers: &mut [Worker<'_, S>],
        step: &LinearStep,
        mut tweak: u64,
    ) -> Result<(), RunError> {
        let mut out = self.take_buffer(step.out)?;
        let width = step.acc_bits as usize;
        for group in &step.groups {
            let context = Group {
                links: self.links(step, group, &mut tweak)?,
                step,
                group,
                input: self.labels(step.input)?,
                params: self.params(step.node)?,
                acc: width + 1,
                by_ot: self.secret_class() == InputClass::Evaluator,
            };
            let sums = context.sums(workers)?;
            let units: Vec<_> = units(group.rows.len(), LANES).collect();
            on_lanes(
                workers,
                units.len(),
                |unit, worker| {
                    context.rows(worker, units.get(unit).cloned().unwrap_or_default(), &sums)
                },
                |unit, acc| {
                    let range = units.get(unit).cloned().unwrap_or_default();
                    let lanes = range.len();
                    for (lane, row) in group.rows.get(range).unwrap_or_default().iter().enumerate()
                    {
                        let start = row.output as usize * width;
                        let word = out
                            .get_mut(start..start + width)
                            .ok_or(RunError::Contradiction("a row outside its buffer"))?;
                        // The accumulator stands at double scale: its lowest bit is dropped.
                        for (label, from) in word
                            .iter_mut()
                            .zip(acc.iter().skip(lane).step_by(lanes).skip(1))
                        {
                            *label = *from;
                        }
                    }
                    Ok(())
                },
            )?;
        }
        self.put_buffer(step.out, out);
        Ok(())
    }

    /// Programs and tweak ranges of a group, in the plan's order.
    fn links(
        &mut self,
        step: &LinearStep,
        group: &LinearGroup,
        tweak: &mut u64,
    ) -> Result<Links, RunError> {
        let secret = self.secret_class();
        let (mut sums, mut dots) = (Vec::new(), Vec::new());
        let mut link = |program: Arc<Compiled>, terms: u32, from: usize, instances: usize| {
            let link = Link {
                terms: terms as usize,
                from,
                tweak: *tweak,
                program,
            };
            *tweak += link.program.tweaks() * instances as u64;
            link
        };
        let mut from = 0;
        let mut first = match group.sums {
            Sums::Shared => InputClass::Mixed,
            Sums::Own => secret,
        };
        for terms in &group.chunks {
            let mut classes = vec![InputClass::Mixed; *terms as usize];
            classes.push(std::mem::replace(&mut first, InputClass::Mixed));
            let program = self.programs.get(&step.sum_block(*terms), &classes)?;
            sums.push(link(program, *terms, from, group.tapsets.len()));
            from += *terms as usize;
        }
        let bias = match group.sums {
            Sums::Own => None,
            Sums::Shared => {
                let classes = [InputClass::Mixed, secret];
                let program = self.programs.get(&step.bias_block(), &classes)?;
                Some(link(program, 0, 0, group.rows.len()))
            }
        };
        let mut from = 0;
        for terms in &group.chunks {
            let mut classes = vec![InputClass::Mixed; *terms as usize];
            classes.extend(std::iter::repeat_n(secret, *terms as usize));
            classes.push(InputClass::Mixed);
            let program = self.programs.get(&step.dot_block(*terms), &classes)?;
            dots.push(link(program, *terms, from, group.rows.len()));
            from += *terms as usize;
        }
        Ok(Links { sums, bias, dots })
    }
}

impl Group<'_> {
    /// `-sum_j x_j - K` for each tap set that rows share, `acc` labels each.
    fn sums<S: Seat>(&self, workers: &mut [Worker<'_, S>]) -> Result<Lines, RunError> {
        if self.group.sums == Sums::Own {
            return Ok(Lines::new());
        }
        let units: Vec<_> = units(self.group.tapsets.len(), LANES).collect();
        let mut sums = Lines::zeroed(self.group.tapsets.len() * self.acc);
        on_lanes(
            workers,
            units.len(),
            |unit, worker| {
                let range = units.get(unit).cloned().unwrap_or_default();
                let mut acc = Lines::zeroed(self.acc * range.len());
                acc.fill(worker.seat.constant(false));
                self.add_inputs(worker, range, &mut acc)?;
                Ok(acc)
            },
            |unit, acc| {
                let range = units.get(unit).cloned().unwrap_or_default();
                let lanes = range.len();
                for (lane, set) in range.enumerate() {
                    let word = sums
                        .get_mut(set * self.acc..(set + 1) * self.acc)
                        .ok_or(RunError::Contradiction("a tap set too many"))?;
                    for (label, from) in word.iter_mut().zip(acc.iter().skip(lane).step_by(lanes)) {
                        *label = *from;
                    }
                }
                Ok(())
            },
        )?;
        Ok(sums)
    }

    /// Adds `-sum_j x_j - K` of some tap sets to accumulators, `[bit][lane]`.
    fn add_inputs<S: Seat>(
        &self,
        worker: &mut Worker<'_, S>,
        range: Range<usize>,
        acc: &mut Lines,
    ) -> Result<(), RunError> {
        let lanes = range.len();
        let complement = worker.seat.complement();
        let sets = self.group.tapsets.get(range.clone()).unwrap_or_default();
        let mut inputs = Lines::new();
        for link in &self.links.sums {
            let words = link.terms * self.step.term_bits as usize * lanes;
            inputs.resize(words + acc.len());
            let (data, rest) = inputs.split_at_mut(words);
            self.gather(worker, link, lanes, sets.iter(), data)?;
            for label in data.iter_mut() {
                *label ^= complement;
            }
            rest.copy_from_slice(acc);
            let tweak = link.tweak + range.start as u64 * link.program.tweaks();
            worker
                .seat
                .call(worker.channel, &link.program, tweak, lanes, &inputs, acc)?;
        }
        Ok(())
    }

    /// The accumulators of a unit's rows, `[bit][lane]`.
    fn rows<S: Seat>(
        &self,
        worker: &mut Worker<'_, S>,
        range: Range<usize>,
        sums: &[Block],
    ) -> Result<Lines, RunError> {
        let rows = self.group.rows.get(range.clone()).unwrap_or_default();
        let lanes = rows.len();
        let words = self.constants(rows)?;
        if self.by_ot {
            self.expect(worker, rows, words.as_ref().map(|w| w.as_slice()))?;
        }
        let mut acc = Lines::zeroed(self.acc * lanes);
        worker
            .seat
            .secret_words(words.as_ref().map(|w| w.as_slice()), self.acc, &mut acc)?;
        match &self.links.bias {
            None => self.add_inputs(worker, range.clone(), &mut acc)?,
            Some(bias) => {
                let mut inputs = Lines::zeroed(2 * self.acc * lanes);
                let (from_sums, constants) = inputs.split_at_mut(self.acc * lanes);
                for (lane, row) in rows.iter().enumerate() {
                    let start = row.tapset as usize * self.acc;
                    scatter(from_sums, lanes, lane, sums, start, self.acc)?;
                }
                constants.copy_from_slice(&acc);
                let tweak = bias.tweak + range.start as u64 * bias.program.tweaks();
                worker.seat.call(
                    worker.channel,
                    &bias.program,
                    tweak,
                    lanes,
                    &inputs,
                    &mut acc,
                )?;
            }
        }
        self.add_products(worker, rows, range.start, &mut acc)?;
        Ok(acc)
    }

    /// Adds the products of a unit's rows, the first of which is row `start`.
    fn add_products<S: Seat>(
        &self,
        worker: &mut Worker<'_, S>,
        rows: &[Row],
        start: usize,
        acc: &mut Lines,
    ) -> Result<(), RunError> {
        let (lanes, w_bits) = (rows.len(), self.step.weight_bits as usize);
        let mut inputs = Lines::new();
        for link in &self.links.dots {
            let data = link.terms * self.step.term_bits as usize * lanes;
            let digits = link.terms * w_bits * lanes;
            inputs.resize(data + digits + acc.len());
            let (taps, rest) = inputs.split_at_mut(data);
            let sets = rows
                .iter()
                .filter_map(|row| self.group.tapsets.get(row.tapset as usize));
            self.gather(worker, link, lanes, sets, taps)?;
            let (weights, before) = rest.split_at_mut(digits);
            self.weights(worker, link, rows, weights)?;
            before.copy_from_slice(acc);
            let tweak = link.tweak + start as u64 * link.program.tweaks();
            worker
                .seat
                .call(worker.channel, &link.program, tweak, lanes, &inputs, acc)?;
        }
        Ok(())
    }

    /// Input words of one block of the chain, `[term][bit][lane]`; of words that are never negative,
    /// half of their span is taken off: the top bit is flipped.
    fn gather<'t, S: Seat>(
        &self,
        worker: &Worker<'_, S>,
        link: &Link,
        lanes: usize,
        sets: impl Iterator<Item = &'t TapSet>,
        target: &mut [Block],
    ) -> Result<(), RunError> {
        let (bits, stride) = (self.step.term_bits as usize, self.step.input_bits as usize);
        for (lane, set) in sets.enumerate() {
            let taps = set
                .elements
                .get(link.from..link.from + link.terms)
                .ok_or(RunError::Contradiction("a tap set is too short"))?;
            for (word, element) in target.chunks_exact_mut(bits * lanes).zip(taps) {
                let start = *element as usize * stride;
                scatter(word, lanes, lane, self.input, start, bits)?;
            }
        }
        if self.step.unsigned {
            let complement = worker.seat.complement();
            for word in target.chunks_exact_mut(bits * lanes) {
                for label in word.iter_mut().skip((bits - 1) * lanes) {
                    *label ^= complement;
                }
            }
        }
        Ok(())
    }

    /// `2 * bias + K + correction` of each row, on the server's side, and what is taken off each input
    /// times its weight.
    fn constants(&self, rows: &[Row]) -> Result<Option<Zeroizing<Vec<u64>>>, RunError> {
        let Some(params) = self.params else {
            return Ok(None);
        };
        let mut weights = Vec::with_capacity(self.group.terms);
        let mut words = Vec::with_capacity(rows.len());
        for row in rows {
            weights.clear();
            self.row_weights(params, row, 0..self.group.terms, &mut weights)?;
            let bias = params
                .bias
                .get(row.filter as usize)
                .ok_or(RunError::Contradiction("a layer has too few biases"))?;
            let correction = dot::correction(
                &weights,
                self.step.term_bits,
                self.step.weight_bits,
                self.step.acc_bits,
            );
            let each = dot::compensation(self.step.weight_bits, self.step.drop);
            let compensation = each.wrapping_mul(self.group.terms as u64);
            let word = bias
                .cast_unsigned()
                .wrapping_mul(2)
                .wrapping_add(self.group.terms as u64)
                .wrapping_add(correction)
                .wrapping_add(compensation)
                .wrapping_add(self.taken_off(&weights));
            words.push(word);
        }
        Ok(Some(Zeroizing::new(words)))
    }

    /// Twice what products with inputs less half of their span lack.
    fn taken_off(&self, weights: &[i64]) -> u64 {
        if !self.step.unsigned {
            return 0;
        }
        let sum = weights.iter().fold(0i64, |sum, w| sum.wrapping_add(*w));
        sum.cast_unsigned().wrapping_shl(self.step.term_bits)
    }

    /// A row's weights for some of its terms.
    fn row_weights(
        &self,
        params: &Params,
        row: &Row,
        terms: Range<usize>,
        weights: &mut Vec<i64>,
    ) -> Result<(), RunError> {
        let missing = RunError::Contradiction("a layer has too few weights");
        let start = row.filter as usize * self.step.filter_len;
        let taps = self
            .group
            .tapsets
            .get(row.tapset as usize)
            .and_then(|s| s.weights.get(terms));
        let (Some(filter), Some(taps)) = (
            params.weights.get(start..start + self.step.filter_len),
            taps,
        ) else {
            return Err(missing);
        };
        for tap in taps {
            let Some(weight) = filter.get(*tap as usize) else {
                return Err(missing);
            };
            weights.push(i64::from(*weight));
        }
        Ok(())
    }

    /// Fetches by one OT extension all that a unit will ask for: its constants, then its digits.
    fn expect<S: Seat>(
        &self,
        worker: &mut Worker<'_, S>,
        rows: &[Row],
        constants: Option<&[u64]>,
    ) -> Result<(), RunError> {
        let bits = self.step.weight_bits as usize;
        let count = rows.len() * (self.acc + self.group.terms * bits);
        let mut choices = None;
        if let Some(constants) = constants {
            let mut all = Zeroizing::new(Vec::with_capacity(count));
            push_bits(constants, self.acc, &mut all);
            for link in &self.links.dots {
                let digits = self.digits(link, rows)?.unwrap_or_default();
                for term in digits.chunks_exact(rows.len().max(1)) {
                    push_bits(term, bits, &mut all);
                }
            }
            choices = Some(all);
        }
        worker.seat.expect_secrets(
            worker.channel,
            choices.as_ref().map(|c| c.as_slice()),
            count,
        )
    }

    /// The weights' digits for one block of the chain, `[term][lane]`, on the server's side.
    fn digits(&self, link: &Link, rows: &[Row]) -> Result<Option<Zeroizing<Vec<u64>>>, RunError> {
        let Some(params) = self.params else {
            return Ok(None);
        };
        let lanes = rows.len();
        let mut words = vec![0; link.terms * lanes];
        let mut weights = Vec::with_capacity(link.terms);
        for (lane, row) in rows.iter().enumerate() {
            weights.clear();
            self.row_weights(params, row, link.from..link.from + link.terms, &mut weights)?;
            for (slot, weight) in words.iter_mut().skip(lane).step_by(lanes).zip(&weights) {
                *slot = dot::digits(*weight, self.step.weight_bits);
            }
        }
        Ok(Some(Zeroizing::new(words)))
    }

    /// Labels of the weights' digits for one block of the chain, `[term][bit][lane]`.
    fn weights<S: Seat>(
        &self,
        worker: &mut Worker<'_, S>,
        link: &Link,
        rows: &[Row],
        target: &mut [Block],
    ) -> Result<(), RunError> {
        let (bits, lanes) = (self.step.weight_bits as usize, rows.len());
        let digits = self.digits(link, rows)?;
        for (term, word) in target.chunks_exact_mut(bits * lanes).enumerate() {
            let words = digits
                .as_ref()
                .and_then(|d| d.get(term * lanes..(term + 1) * lanes));
            worker.seat.secret_words(words, bits, word)?;
        }
        Ok(())
    }
}
