//! Outputs out of slots and inputs.

use privet_prim::Block;

use crate::Error;
use crate::program::Side;

/// Writes the output blocks `[output bit][lane]`, flipped by `delta` where the program says so.
pub(crate) fn collect(
    side: &Side,
    delta: Block,
    lanes: usize,
    inputs: &[Block],
    slots: &[Block],
    outputs: &mut [Block],
) -> Result<(), Error> {
    Error::length(
        "blocks of outputs",
        side.outputs.len() * lanes,
        outputs.len(),
    )?;
    if lanes == 0 {
        return Ok(());
    }
    for (output, to) in side.outputs.iter().zip(outputs.chunks_exact_mut(lanes)) {
        match output.wire {
            Some(wire) => {
                let wires = if wire.is_input() { inputs } else { slots };
                let from = wires.get(wire.index() * lanes..).unwrap_or_default();
                for (to, from) in to.iter_mut().zip(from) {
                    *to = *from;
                }
            }
            None => to.fill(Block::ZERO),
        }
        if output.flip {
            for block in to {
                *block ^= delta;
            }
        }
    }
    Ok(())
}
