//! Access to a node's attributes and operands by name and position.

use std::rc::Rc;

use super::Refusal;
use super::array::Array;
use super::import::Bound;
use super::proto::{AttributeProto, NodeProto, TensorProto, attribute_kind};
use crate::graph::ValueId;

/// A node about to be imported: its description and what its operands are.
pub(super) struct Call<'a> {
    pub(super) node: &'a NodeProto,
    pub(super) operands: Vec<Option<Bound>>,
    pub(super) opset: i64,
}

impl<'a> Call<'a> {
    fn attribute(&self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>, Refusal> {
        let Some(found) = self.node.attribute.iter().find(|a| a.name == name) else {
            return Ok(None);
        };
        // Files of IR version below 3 may leave the kind out.
        if found.kind == kind || found.kind == 0 {
            Ok(Some(found))
        } else {
            Err(format!("attribute {name} has kind {}, expected {kind}", found.kind).into())
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.node.attribute.iter().any(|a| a.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        let found = self.attribute(name, attribute_kind::INT)?;
        Ok(found.map_or(default, |a| a.i))
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Refusal> {
        let found = self.attribute(name, attribute_kind::FLOAT)?;
        Ok(found.map_or(default, |a| a.f))
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.attribute(name, attribute_kind::STRING)? {
            None => Ok(None),
            Some(a) => std::str::from_utf8(&a.s)
                .map(Some)
                .map_err(|_| format!("attribute {name} is not text").into()),
        }
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Refusal> {
        let found = self.attribute(name, attribute_kind::INTS)?;
        Ok(found.map(|a| a.ints.as_slice()))
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'a TensorProto>, Refusal> {
        let found = self.attribute(name, attribute_kind::TENSOR)?;
        Ok(found.and_then(|a| a.t.as_ref()))
    }

    /// Operand number `at`; absent if it is left out.
    pub(super) fn operand(&self, at: usize) -> Option<&Bound> {
        self.operands.get(at).and_then(Option::as_ref)
    }

    /// The tensor that flows in at that place.
    pub(super) fn flow(&self, at: usize) -> Result<ValueId, Refusal> {
        match self.operand(at) {
            Some(Bound::Flow(id)) => Ok(*id),
            Some(Bound::Constant(_)) => Err(format!(
                "operand {at} is a constant where the network's data is expected"
            )
            .into()),
            Some(Bound::Ending(_)) => Err(Refusal::new(
                "it reads the result of a Softmax, LogSoftmax or ArgMax",
                "these are supported only at the end of the network",
            )),
            Some(Bound::Unknown) | None => Err(format!("operand {at} is missing").into()),
        }
    }

    /// The constant at that place, if there is an operand at all.
    pub(super) fn optional_constant(
        &self,
        at: usize,
        what: &str,
    ) -> Result<Option<Rc<Array>>, Refusal> {
        match self.operand(at) {
            None => Ok(None),
            Some(Bound::Constant(array)) => Ok(Some(Rc::clone(array))),
            Some(Bound::Flow(_) | Bound::Ending(_) | Bound::Unknown) => Err(Refusal::new(
                format!("its {what} is computed from the input"),
                format!("the {what} must be constant"),
            )),
        }
    }

    /// The constant at that place.
    pub(super) fn constant(&self, at: usize, what: &str) -> Result<Rc<Array>, Refusal> {
        self.optional_constant(at, what)?
            .ok_or_else(|| format!("its {what} (operand {at}) is missing").into())
    }

    /// Integers given as an attribute (older opsets) or as a constant operand.
    pub(super) fn ints_or_operand(
        &self,
        name: &str,
        at: usize,
    ) -> Result<Option<Vec<i64>>, Refusal> {
        if let Some(ints) = self.ints(name)? {
            return Ok(Some(ints.to_vec()));
        }
        match self.optional_constant(at, name)? {
            None => Ok(None),
            Some(array) => match array.i64s() {
                Some(ints) => Ok(Some(ints.to_vec())),
                None => Err(format!("its {name} are not integers").into()),
            },
        }
    }
}

/// An axis of a tensor of that rank, counted from the end if negative.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Refusal> {
    let rank_i = i64::try_from(rank).unwrap_or(i64::MAX);
    let resolved = if axis < 0 { axis + rank_i } else { axis };
    usize::try_from(resolved)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| format!("axis {axis} of {rank} axes does not exist").into())
}

/// Axes without repetition, sorted.
pub(super) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>, Refusal> {
    let mut resolved = list
        .iter()
        .map(|&a| axis(a, rank))
        .collect::<Result<Vec<_>, _>>()?;
    resolved.sort_unstable();
    let count = resolved.len();
    resolved.dedup();
    if resolved.len() == count {
        Ok(resolved)
    } else {
        Err(format!("axes {list:?} repeat one").into())
    }
}
