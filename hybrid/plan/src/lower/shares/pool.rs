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
        let out = self.buffer_for(node.output, &node.name)?;
        for ((_, divisor), group) in groups {
            let instances = group.outputs.len();
            let words = group
                .cells
                .iter()
                .map(|cells| cells.iter().map(|cell| (from, *cell)).collect())
                .collect();
            let sums = self.new_words(instances, in_bits)?;
            self.push_share(&node.name, ShareStep::Sum { words, out: sums })?;
            let bits = self.new_buffer(instances, in_bits)?;
            self.bridge(&node.name, BlockSpec::Add { bits: in_bits }, sums, bits)?;
            let division = BlockSpec::DivConst(DivConst {
                in_bits,
                out_bits,
                divisor: u64::from(divisor) << shift,
            });
            let ports = vec![Port::Words {
                buffer: bits,
                index: Vec::new(),
            }];
            self.cells(&node.name, division, instances, ports, out, group.outputs)?;
        }
        self.place.insert(node.output, out);
        Ok(())
    }
}
