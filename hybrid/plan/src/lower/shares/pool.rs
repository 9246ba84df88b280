//! Averages: sums of shares are free, the division works on bits.

use privet_model::quant::ir::{Node, Pool};
use privet_netlists::catalogue::BlockSpec;
use privet_netlists::generate::DivConst;

use super::super::Lowering;
use crate::error::PlanError;
use crate::share::ShareStep;
use crate::step::Port;

impl Lowering<'_> {
    pub(super) fn share_avg_pool(
        &mut self,
        node: &Node,
        pool: &Pool,
        count_padding: bool,
        shift: u32,
    ) -> Result<(), PlanError> {
        let operand = self.operand_id(node, 0)?;
        if !self.shares.words.contains_key(&operand) {
            self.bits_of(&node.name, operand)?;
            return self.avg_pool(node, pool, count_padding, shift);
        }
        self.charge_windows(node, pool)?;
        let in_bits = self.tensor(&node.name, operand)?.ring.bits();
        let out_bits = self.tensor(&node.name, node.output)?.ring.bits();
        let from = self.words_of(&node.name, operand, in_bits)?;
        let groups = self.averages(node, operand, pool, count_padding)?;
        let wants = &self.shares.wants;
        let compared =
            self.boolean() && wants.width(node.output).is_some() && !wants.wants_bits(node.output);
        let mut sums = Vec::new();
        for ((_, divisor), group) in groups {
            let words = group
                .cells
                .iter()
                .map(|cells| cells.iter().map(|cell| (from, *cell)).collect())
                .collect();
            let sum = self.new_words(group.outputs.len(), in_bits)?;
            self.push_share(&node.name, ShareStep::Sum { words, out: sum })?;
            sums.push((sum, u64::from(divisor) << shift, group.outputs));
        }
        if compared {
            return self.compared_averages(node, sums, in_bits);
        }
        let out = self.buffer_for(node.output, &node.name)?;
        for (sum, divisor, outputs) in sums {
            let instances = outputs.len();
            let bits = self.new_buffer(instances, in_bits)?;
            self.bridge(&node.name, BlockSpec::Add { bits: in_bits }, sum, bits)?;
            let division = BlockSpec::DivConst(DivConst {
                in_bits,
                out_bits,
                divisor,
            });
            let ports = vec![Port::Words {
                buffer: bits,
                index: Vec::new(),
            }];
            self.cells(&node.name, division, instances, ports, out, outputs)?;
        }
        self.place.insert(node.output, out);
        Ok(())
    }
}
