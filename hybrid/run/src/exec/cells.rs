//! Many instances of one netlist.

use privet_garble::InputClass;
use privet_plan::{CellStep, LANES, Port, units};
use privet_prim::{Block, Lines};

use super::{Executor, Worker, on_lanes};
use crate::error::RunError;
use crate::seat::Seat;

/// One port's labels over all instances.
enum Words<'a> {
    Labels {
        labels: &'a [Block],
        bits: usize,
        index: &'a [u32],
    },
    Secret {
        values: Option<&'a [i64]>,
        bits: usize,
        by_ot: bool,
    },
}

impl Executor<'_> {
    pub(crate) fn cells<S: Seat>(
        &mut self,
        workers: &mut [Worker<'_, S>],
        step: &CellStep,
        tweak: u64,
    ) -> Result<(), RunError> {
        let netlist = step
            .block
            .netlist()
            .map_err(|_| RunError::Contradiction("a planned netlist cannot be made"))?;
        let classes: Vec<InputClass> = step
            .ports
            .iter()
            .map(|port| match port {
                Port::Words { .. } => InputClass::Mixed,
                Port::Constants { .. } => self.secret_class(),
            })
            .collect();
        let program = self.programs.get(&step.block, &classes)?;
        let mut out = self.take_buffer(step.out)?;
        let width = self.word_bits(step.out)?;
        let outputs = program.program.outputs();
        if width != outputs {
            return Err(RunError::Contradiction(
                "a netlist's output does not fit its buffer",
            ));
        }
        let mut words = Vec::with_capacity(step.ports.len());
        for (port, declared) in step.ports.iter().zip(netlist.inputs()) {
            let bits = declared.bits as usize;
            words.push(match port {
                Port::Words { buffer, index } => {
                    if self.word_bits(*buffer)? != bits {
                        return Err(RunError::Contradiction(
                            "a netlist's input does not fit its buffer",
                        ));
                    }
                    Words::Labels {
                        labels: self.labels(*buffer)?,
                        bits,
                        index,
                    }
                }
                Port::Constants { node } => Words::Secret {
                    values: self.params(*node)?.map(|p| p.bias.as_slice()),
                    bits,
                    by_ot: self.secret_class() == InputClass::Evaluator,
                },
            });
        }
        let units: Vec<_> = units(step.instances, LANES).collect();
        let unit_tweaks = program.tweaks();
        on_lanes(
            workers,
            units.len(),
            |unit, worker| {
                let range = units.get(unit).cloned().unwrap_or_default();
                let lanes = range.len();
                let mut inputs = Lines::zeroed(program.program.inputs() * lanes);
                let mut at = 0;
                for word in &words {
                    at += gather(worker, word, range.clone(), &mut inputs, at)?;
                }
                let mut results = Lines::zeroed(outputs * lanes);
                let base = tweak + range.start as u64 * unit_tweaks;
                worker
                    .seat
                    .call(worker.channel, &program, base, lanes, &inputs, &mut results)?;
                Ok(results)
            },
            |unit, results| {
                let range = units.get(unit).cloned().unwrap_or_default();
                let lanes = range.len();
                for (lane, instance) in range.enumerate() {
                    let element = match step.outputs.as_slice() {
                        [] => instance,
                        listed => *listed
                            .get(instance)
                            .ok_or(RunError::Contradiction("an instance without output"))?
                            as usize,
                    };
                    let word = out
                        .get_mut(element * width..(element + 1) * width)
                        .ok_or(RunError::Contradiction("a word outside its buffer"))?;
                    for (bit, label) in word.iter_mut().enumerate() {
                        *label = results.get(bit * lanes + lane).copied().unwrap_or_default();
                    }
                }
                Ok(())
            },
        )?;
        self.put_buffer(step.out, out);
        Ok(())
    }
}

/// Fills one port's part of the structure-of-arrays input; returns its length.
fn gather<S: Seat>(
    worker: &mut Worker<'_, S>,
    word: &Words<'_>,
    range: std::ops::Range<usize>,
    inputs: &mut [Block],
    at: usize,
) -> Result<usize, RunError> {
    let lanes = range.len();
    match word {
        Words::Labels {
            labels,
            bits,
            index,
        } => {
            let target = inputs
                .get_mut(at..at + bits * lanes)
                .ok_or(RunError::Contradiction(
                    "a netlist has fewer inputs than its ports",
                ))?;
            for (lane, instance) in range.enumerate() {
                let element = match index {
                    [] => instance,
                    listed => *listed
                        .get(instance)
                        .ok_or(RunError::Contradiction("an instance without input"))?
                        as usize,
                };
                scatter(target, lanes, lane, labels, element * bits, *bits)?;
            }
            Ok(bits * lanes)
        }
        Words::Secret {
            values,
            bits,
            by_ot,
        } => {
            let target = inputs
                .get_mut(at..at + bits * lanes)
                .ok_or(RunError::Contradiction(
                    "a netlist has fewer inputs than its ports",
                ))?;
            let words = match values {
                None => None,
                Some(values) => Some(
                    values
                        .get(range)
                        .ok_or(RunError::Contradiction("a layer has too few constants"))?
                        .iter()
                        .map(|v| v.cast_unsigned())
                        .collect::<Vec<_>>(),
                ),
            };
            if *by_ot {
                let choices = words.as_ref().map(|words| {
                    let mut choices = Vec::with_capacity(target.len());
                    push_bits(words, *bits, &mut choices);
                    choices
                });
                worker
                    .seat
                    .expect_secrets(worker.channel, choices.as_deref(), target.len())?;
            }
            worker.seat.secret_words(words.as_deref(), *bits, target)?;
            Ok(bits * lanes)
        }
    }
}

/// Copies one word's labels into its lane.
pub(super) fn scatter(
    target: &mut [Block],
    lanes: usize,
    lane: usize,
    labels: &[Block],
    start: usize,
    bits: usize,
) -> Result<(), RunError> {
    let word = labels
        .get(start..start + bits)
        .ok_or(RunError::Contradiction("a word outside its buffer"))?;
    for (slot, label) in target.iter_mut().skip(lane).step_by(lanes).zip(word) {
        *slot = *label;
    }
    Ok(())
}

/// Appends the bits of words in the order of labels, `[bit][word]`.
pub(super) fn push_bits(words: &[u64], bits: usize, into: &mut Vec<bool>) {
    for bit in 0..bits {
        into.extend(words.iter().map(|word| (word >> bit) & 1 == 1));
    }
}
