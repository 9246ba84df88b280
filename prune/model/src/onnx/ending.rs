//! Operators behind the logits that do not change which class is greatest.

use super::Refusal;
use super::attributes::{Call, axis};
use super::import::{Bound, Importer};
use crate::graph::ValueId;

/// Softmax and LogSoftmax keep the order of the logits.
pub(super) fn softmax(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    let full = importer.full_shape(x);
    let classes: usize = if call.opset < 13 {
        // Before opset 13 all axes from the given one on are one.
        let at = axis(call.int("axis", 1)?, full.len())?;
        full.iter().skip(at).product()
    } else {
        let at = axis(call.int("axis", -1)?, full.len())?;
        full.get(at).copied().unwrap_or(0)
    };
    whole(importer, x, classes)?;
    importer.drop_op(call);
    Ok(Bound::Ending(x))
}

/// The label itself.
pub(super) fn arg_max(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = match call.operand(0) {
        Some(Bound::Ending(x)) => *x,
        _ => call.flow(0)?,
    };
    if call.int("select_last_index", 0)? != 0 {
        return Err("it lets the last of equal classes win; the first is supported".into());
    }
    let full = importer.full_shape(x);
    let at = axis(call.int("axis", 0)?, full.len())?;
    whole(importer, x, full.get(at).copied().unwrap_or(0))?;
    importer.drop_op(call);
    Ok(Bound::Ending(x))
}

/// Refuses one decision per position: the label of a network is one number.
fn whole(importer: &Importer<'_>, x: ValueId, classes: usize) -> Result<(), Refusal> {
    let total: usize = importer.shape(x).iter().product();
    if classes == total {
        return Ok(());
    }
    Err(Refusal::new(
        format!("it decides among {classes} of {total} values"),
        "one decision over all values at the end of the network is supported",
    ))
}

impl Importer<'_> {
    fn drop_op(&mut self, call: &Call<'_>) {
        let output = call.node.output.first().map_or("", String::as_str);
        let name = if call.node.name.is_empty() {
            output
        } else {
            &call.node.name
        };
        self.builder.drop_op(name, &call.node.op_type);
    }
}
