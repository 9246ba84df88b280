//! Pooling windows: grouped by the number of cells that they cover.

use std::collections::BTreeMap;

use privet_model::quant::ir::{Node, Pool, Tensor, TensorId};
use privet_netlists::catalogue::BlockSpec;
use privet_netlists::generate::{DivConst, Sum};

use super::{Lowering, element, unsupported};
use crate::error::PlanError;
use crate::step::{BufferId, Port};

/// Most cells that one average counts.
const MAX_CELLS: u32 = 1 << 16;

/// Windows of one shape: which input elements each covers, row by row, and where the result goes.
#[derive(Default)]
pub(super) struct Windows {
    pub(super) cells: Vec<Vec<u32>>,
    pub(super) outputs: Vec<u32>,
}

impl Lowering<'_> {
    pub(super) fn max_pool(&mut self, node: &Node, pool: &Pool) -> Result<(), PlanError> {
        self.charge_windows(node, pool)?;
        let (input, tensor) = self.operand(node, 0)?;
        let bits = tensor.ring.bits();
        let groups = windows(node, pool, tensor, self.tensor(&node.name, node.output)?)?;
        let out = self.buffer_for(node.output, &node.name)?;
        for ((rows, columns), group) in groups {
            let block = BlockSpec::MaxPool {
                rows,
                columns,
                bits,
            };
            let instances = group.outputs.len();
            let ports = ports(input, rows * columns, &group);
            self.cells(&node.name, block, instances, ports, out, group.outputs)?;
        }
        self.place.insert(node.output, out);
        Ok(())
    }

    pub(super) fn avg_pool(
        &mut self,
        node: &Node,
        pool: &Pool,
        count_padding: bool,
        shift: u32,
    ) -> Result<(), PlanError> {
        self.charge_windows(node, pool)?;
        let (input, tensor) = self.operand(node, 0)?;
        let bits = tensor.ring.bits();
        let out_bits = self.tensor(&node.name, node.output)?.ring.bits();
        let operand = node.inputs.first().copied().unwrap_or(node.output);
        let groups = self.averages(node, operand, pool, count_padding)?;
        let out = self.buffer_for(node.output, &node.name)?;
        for ((cells, divisor), group) in groups {
            let division = DivConst {
                in_bits: bits,
                out_bits,
                divisor: u64::from(divisor) << shift,
            };
            self.window_mean(node, input, cells, division, group, out)?;
        }
        self.place.insert(node.output, out);
        Ok(())
    }

    /// All windows by the numbers of cells inside the picture and of cells counted.
    pub(super) fn averages(
        &self,
        node: &Node,
        operand: TensorId,
        pool: &Pool,
        count_padding: bool,
    ) -> Result<BTreeMap<(u32, u32), Windows>, PlanError> {
        let tensor = self.tensor(&node.name, operand)?;
        let target = self.tensor(&node.name, node.output)?;
        let divisors = count_padding
            .then(|| padded_counts(node, pool, tensor, target))
            .transpose()?;
        let mut groups: BTreeMap<(u32, u32), Windows> = BTreeMap::new();
        for ((rows, columns), group) in windows(node, pool, tensor, target)? {
            for (cells, output) in group.cells.into_iter().zip(group.outputs) {
                let cells_inside = rows * columns;
                let divisor = match &divisors {
                    None => cells_inside,
                    Some(counts) => counts
                        .get(output as usize % counts.len().max(1))
                        .copied()
                        .unwrap_or(cells_inside),
                };
                if divisor > MAX_CELLS {
                    return Err(unsupported(
                        node,
                        format!("an average over {divisor} cells"),
                        format!("at most {MAX_CELLS} are averaged at once"),
                    ));
                }
                let entry = groups.entry((cells_inside, divisor)).or_default();
                entry.cells.push(cells);
                entry.outputs.push(output);
            }
        }
        Ok(groups)
    }

    /// Counts the index tables of all windows before they are made.
    pub(super) fn charge_windows(&mut self, node: &Node, pool: &Pool) -> Result<(), PlanError> {
        let [rows, columns] = pool.window.kernel;
        let outputs: usize = self.tensor(&node.name, node.output)?.shape.iter().product();
        let each = rows
            .saturating_mul(columns)
            .saturating_mul(8)
            .saturating_add(64);
        self.charge(outputs.saturating_mul(each) as u64)
    }

    /// Sums each window modulo the ring, then divides once.
    fn window_mean(
        &mut self,
        node: &Node,
        input: BufferId,
        cells: u32,
        division: DivConst,
        group: Windows,
        out: BufferId,
    ) -> Result<(), PlanError> {
        let instances = group.outputs.len();
        let mut ports = ports(input, cells, &group);
        let divide = BlockSpec::DivConst(division);
        if cells > 1 {
            // The first cell is where the sum starts.
            ports.rotate_left(1);
            let bits = division.in_bits;
            let sums = self.new_buffer(instances, bits)?;
            let add = BlockSpec::Sum(Sum {
                terms: cells - 1,
                a_bits: bits,
                acc_bits: bits,
            });
            self.cells(&node.name, add, instances, ports, sums, Vec::new())?;
            ports = vec![Port::Words {
                buffer: sums,
                index: Vec::new(),
            }];
        }
        self.cells(&node.name, divide, instances, ports, out, group.outputs)
    }
}

/// One port per cell of the window.
fn ports(input: BufferId, cells: u32, group: &Windows) -> Vec<Port> {
    (0..cells as usize)
        .map(|cell| Port::Words {
            buffer: input,
            index: group
                .cells
                .iter()
                .filter_map(|window| window.get(cell).copied())
                .collect(),
        })
        .collect()
}

fn extents(node: &Node, tensor: &Tensor) -> Result<[usize; 3], PlanError> {
    tensor.shape.as_slice().try_into().map_err(|_| {
        unsupported(
            node,
            "pooling of a tensor that is not [C, H, W]",
            "reshape it",
        )
    })
}

/// The windows of one plane, row by row of cells inside the picture, in order of the results.
pub(super) fn plane_windows(
    node: &Node,
    pool: &Pool,
    input: &Tensor,
    output: &Tensor,
) -> Result<Vec<Vec<Vec<u32>>>, PlanError> {
    let [_, height, width] = extents(node, input)?;
    let [_, out_height, out_width] = extents(node, output)?;
    let mut windows = Vec::with_capacity(out_height.saturating_mul(out_width));
    for oy in 0..out_height {
        for ox in 0..out_width {
            let rows = pool.window.cells(0, oy, height).map(|y| {
                let columns = pool.window.cells(1, ox, width);
                let cells = columns.map(|x| element(&node.name, y * width + x));
                cells.collect::<Result<Vec<u32>, _>>()
            });
            windows.push(rows.collect::<Result<_, _>>()?);
        }
    }
    Ok(windows)
}

/// All windows by the numbers of rows and columns inside the picture.
fn windows(
    node: &Node,
    pool: &Pool,
    input: &Tensor,
    output: &Tensor,
) -> Result<BTreeMap<(u32, u32), Windows>, PlanError> {
    let [channels, height, width] = extents(node, input)?;
    let [_, out_height, out_width] = extents(node, output)?;
    let mut groups: BTreeMap<(u32, u32), Windows> = BTreeMap::new();
    for c in 0..channels {
        for oy in 0..out_height {
            let rows: Vec<usize> = pool.window.cells(0, oy, height).collect();
            for ox in 0..out_width {
                let columns: Vec<usize> = pool.window.cells(1, ox, width).collect();
                if rows.is_empty() || columns.is_empty() {
                    return Err(unsupported(
                        node,
                        "a window wholly inside the padding",
                        "shrink the padding",
                    ));
                }
                let mut cells = Vec::with_capacity(rows.len() * columns.len());
                for y in &rows {
                    for x in &columns {
                        cells.push(element(&node.name, (c * height + y) * width + x)?);
                    }
                }
                let key = (
                    element(&node.name, rows.len())?,
                    element(&node.name, columns.len())?,
                );
                let group = groups.entry(key).or_default();
                group.cells.push(cells);
                group
                    .outputs
                    .push(element(&node.name, (c * out_height + oy) * out_width + ox)?);
            }
        }
    }
    Ok(groups)
}

/// Cells counted per output position (of one channel) when padding counts: cells of the padded
/// picture, not those that only ceil mode adds.
fn padded_counts(
    node: &Node,
    pool: &Pool,
    input: &Tensor,
    output: &Tensor,
) -> Result<Vec<u32>, PlanError> {
    let [_, height, width] = extents(node, input)?;
    let [_, out_height, out_width] = extents(node, output)?;
    let mut counts = Vec::with_capacity(out_height * out_width);
    for oy in 0..out_height {
        for ox in 0..out_width {
            counts.push(element(
                &node.name,
                pool.window.counted(0, oy, height, true) * pool.window.counted(1, ox, width, true),
            )?);
        }
    }
    Ok(counts)
}
