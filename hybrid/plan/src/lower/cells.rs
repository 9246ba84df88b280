//! Element-wise operations: one netlist instance per element.

use privet_model::quant::ir::{Function, Node, Op, Table, Tensor};
use privet_netlists::catalogue::BlockSpec;

use super::{Lowering, unsupported};
use crate::cost::ot::cot_secrets;
use crate::cost::{Known, StepCost, boolean};
use crate::error::PlanError;
use crate::lower::LANES;
use crate::options::Party;
use crate::step::{BufferId, CellStep, Port, StepKind, units};

impl Lowering<'_> {
    pub(super) fn elementwise(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        let (first, tensor) = self.operand(node, 0)?;
        let (bits, instances) = (tensor.ring.bits(), tensor.shape.iter().product());
        let data = Port::Words {
            buffer: first,
            index: Vec::new(),
        };
        match &node.op {
            Op::Relu => self.map(node, BlockSpec::Relu { bits }, instances, vec![data]),
            Op::Clip { lo, hi } => self.map(
                node,
                BlockSpec::Clip {
                    bits,
                    lo: *lo,
                    hi: *hi,
                },
                instances,
                vec![data],
            ),
            Op::Table(table) => {
                let block = table_block(node, table, tensor)?;
                self.map(node, block, instances, vec![data])
            }
            Op::AddConst => {
                let ports = vec![data, Port::Constants { node: index }];
                self.map(node, BlockSpec::Add { bits }, instances, ports)
            }
            Op::Add => self.add(node, bits, instances),
            Op::Linear(_)
            | Op::Conv(_)
            | Op::Trunc { .. }
            | Op::MaxPool(_)
            | Op::AvgPool { .. }
            | Op::Reflect
            | Op::Shl { .. }
            | Op::Resize
            | Op::Concat { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Pad { .. } => Err(unsupported(
                node,
                "not an element-wise operation",
                "report this",
            )),
        }
    }

    /// Sums two or more operands, left to right.
    fn add(&mut self, node: &Node, bits: u32, instances: usize) -> Result<(), PlanError> {
        let (mut sum, _) = self.operand(node, 0)?;
        for n in 1..node.inputs.len() {
            let (next, _) = self.operand(node, n)?;
            let ports = vec![
                Port::Words {
                    buffer: sum,
                    index: Vec::new(),
                },
                Port::Words {
                    buffer: next,
                    index: Vec::new(),
                },
            ];
            let out = self.new_buffer(instances, bits)?;
            self.cells(
                &node.name,
                BlockSpec::Add { bits },
                instances,
                ports,
                out,
                Vec::new(),
            )?;
            sum = out;
        }
        self.place.insert(node.output, sum);
        Ok(())
    }

    fn map(
        &mut self,
        node: &Node,
        block: BlockSpec,
        instances: usize,
        ports: Vec<Port>,
    ) -> Result<(), PlanError> {
        let out = self.buffer_for(node.output, &node.name)?;
        self.cells(&node.name, block, instances, ports, out, Vec::new())?;
        self.place.insert(node.output, out);
        Ok(())
    }

    /// Pushes one step of `instances` netlists.
    pub(super) fn cells(
        &mut self,
        layer: &str,
        block: BlockSpec,
        instances: usize,
        ports: Vec<Port>,
        out: BufferId,
        outputs: Vec<u32>,
    ) -> Result<(), PlanError> {
        let block = self.suited(block);
        let known: Vec<Known> = ports
            .iter()
            .map(|port| match port {
                Port::Words { .. } => Known::Nobody,
                Port::Constants { .. } => self.weights_known(),
            })
            .collect();
        let mut cost = StepCost::default();
        cost.add_block(self.block(layer, &block, &known)?, instances as u64);
        if self.boolean() {
            let levels = boolean::block_levels(layer, &block)?;
            let (online, demand) = boolean::cost(&levels, instances);
            let step = CellStep {
                block,
                instances,
                ports,
                out,
                outputs,
            };
            let kind = StepKind::Cells(step);
            return self.push_prepared(layer, kind, online, StepCost::default(), demand);
        }
        let mut cost = self.with_tables(cost);
        if self.options.garbler == Party::Client && ports.iter().any(Port::is_secret) {
            let units = units(instances, LANES).map(|unit| unit.len() as u64);
            let bits = u64::from(self.buffer(out)?.bits);
            cost.add(&cot_secrets(units.map(|n| n * bits)));
        }
        let step = CellStep {
            block,
            instances,
            ports,
            out,
            outputs,
        };
        self.push(layer, StepKind::Cells(step), cost)?;
        Ok(())
    }
}

/// The netlist of a tabulated function; its name and hash must be the ones that the graph states.
fn table_block(node: &Node, table: &Table, tensor: &Tensor) -> Result<BlockSpec, PlanError> {
    let (bits, frac) = (tensor.ring.bits(), tensor.frac_bits);
    let block = match table.function {
        Function::Sigmoid => BlockSpec::Sigmoid { bits, frac },
        Function::Tanh => BlockSpec::Tanh { bits, frac },
    };
    let netlist = block.netlist().map_err(|source| PlanError::Netlist {
        layer: node.name.clone(),
        block: block.name(),
        source,
    })?;
    if block.name() != table.netlist || netlist.sha256() != table.netlist_sha256 {
        return Err(unsupported(
            node,
            format!(
                "netlist '{}' differs from the one the model was quantised with",
                block.name()
            ),
            "quantise the model again with this version",
        ));
    }
    Ok(block)
}
