//! Opening the answer to the client.

use privet_netlists::catalogue::BlockSpec;

use super::Lowering;
use crate::cost::{Round, StepCost};
use crate::error::PlanError;
use crate::options::Reveal;
use crate::step::{BufferId, Port, StepKind};

/// Name of the last layer in reports.
const LAYER: &str = "output";

impl Lowering<'_> {
    pub(super) fn output(&mut self) -> Result<(), PlanError> {
        let tensor = self.tensor(LAYER, self.graph.output)?;
        let (bits, n) = (tensor.ring.bits(), tensor.shape.iter().product::<usize>());
        let n32 = super::element(LAYER, n)?;
        let reveal = self.options.reveal;
        let shared = match reveal {
            Reveal::Label if n > 1 => self.compared_label(LAYER)?,
            Reveal::Logits => self.compared_answer(LAYER)?,
            Reveal::Label | Reveal::Top(_) => None,
        };
        let from = match (shared, reveal) {
            (Some(shared), _) => shared,
            (None, Reveal::Logits) => self.answer_bits()?,
            (None, Reveal::Label) if n == 1 => self.new_buffer(1, 0)?,
            (None, Reveal::Label) => self.ranking(BlockSpec::Argmax { bits, count: n32 }, n)?,
            (None, Reveal::Top(k)) => {
                if usize::from(k) > n {
                    return Err(PlanError::Options(format!("top:{k} of {n} classes")));
                }
                self.ranking(
                    BlockSpec::TopK {
                        bits,
                        count: n32,
                        best: u32::from(k),
                    },
                    n,
                )?
            }
        };
        // One bit per wire: the garbling server's decoding bits, or the evaluating server's colour bits.
        let bytes = self.buffer(from)?.opening_bytes();
        let cost = StepCost {
            server_bytes: bytes,
            flights: Round::SERVER.into(),
            ..StepCost::default()
        };
        self.push(LAYER, StepKind::Output { from, reveal }, cost)?;
        Ok(())
    }

    /// The bits of the last tensor.
    fn answer_bits(&mut self) -> Result<BufferId, PlanError> {
        if self.options.backend.shares() {
            self.bits_of(LAYER, self.graph.output)
        } else {
            self.place(LAYER, self.graph.output)
        }
    }

    /// One instance of a ranking netlist over all logits; its output is one word.
    fn ranking(&mut self, block: BlockSpec, n: usize) -> Result<BufferId, PlanError> {
        let logits = self.answer_bits()?;
        let block = self.suited(block);
        self.charge_block(&block)?;
        let netlist = block.netlist().map_err(|source| PlanError::Netlist {
            layer: LAYER.to_owned(),
            block: block.name(),
            source,
        })?;
        let bits = netlist.outputs().iter().map(|port| port.bits).sum();
        let ports = (0..n)
            .map(|i| {
                Ok(Port::Words {
                    buffer: logits,
                    index: vec![super::element(LAYER, i)?],
                })
            })
            .collect::<Result<_, PlanError>>()?;
        let out = self.new_buffer(1, bits)?;
        self.cells(LAYER, block, 1, ports, out, Vec::new())?;
        Ok(out)
    }
}
