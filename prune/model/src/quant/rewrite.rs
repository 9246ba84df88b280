//! Rewrites of the finished graph that need ranges. What is known of the values moves along.
//!
//! A pool whose sums or differences exceed its operand's ring works in a wider one. ReLU and max
//! commute where no difference wraps: behind the pool there are fewer elements to compare with zero.

use std::collections::BTreeMap;

use privet_ring::Ring;

use super::error::QuantError;
use super::interval::{self, Interval, Needs};
use super::ir::{Model, Node, Op, TensorId};

/// Gives each pool in `rings` (by its place among all pools) an operand in a ring of that width; a
/// maximum is read back in the ring it had.
pub(super) fn widen_pools(
    model: &mut Model,
    needs: &mut Needs,
    rings: &BTreeMap<usize, u32>,
) -> Result<(), QuantError> {
    let pools = interval::pools(&model.graph);
    // From the last to the first, so that indices stay what they are.
    for (&place, &bits) in rings.iter().rev() {
        let ring = Ring::new(bits).map_err(|e| QuantError::Option {
            option: "bits",
            what: e.to_string(),
        })?;
        if let Some(&at) = pools.get(place) {
            widen_pool(model, needs, at, ring);
        }
    }
    Ok(())
}

fn widen_pool(model: &mut Model, needs: &mut Needs, at: usize, ring: Ring) -> Option<()> {
    let pool = model.graph.nodes.get(at)?.clone();
    let operand = *pool.inputs.first()?;
    let wide = copy_in(model, needs, operand, ring)?;
    let resize = |input, output| Node {
        name: pool.name.clone(),
        op: Op::Resize,
        inputs: vec![input],
        output,
    };
    model.graph.nodes.get_mut(at)?.inputs = vec![wide];
    if matches!(pool.op, Op::MaxPool(_)) {
        let best = copy_in(model, needs, pool.output, ring)?;
        model.graph.nodes.get_mut(at)?.output = best;
        model.graph.nodes.insert(at + 1, resize(best, pool.output));
        model.params.insert(at + 1, None);
    }
    model.graph.nodes.insert(at, resize(operand, wide));
    model.params.insert(at, None);
    Some(())
}

/// A new tensor with the same values in another ring.
fn copy_in(model: &mut Model, needs: &mut Needs, id: TensorId, ring: Ring) -> Option<TensorId> {
    let mut copy = model.graph.tensor(id)?.clone();
    copy.name = format!("{}:{}", copy.name, ring.bits());
    copy.ring = ring;
    let new = TensorId(u32::try_from(model.graph.tensors.len()).ok()?);
    model.graph.tensors.push(copy);
    needs.tensors.push(*needs.tensors.get(id.0 as usize)?);
    Some(new)
}

/// Moves every ReLU that only a max-pool reads, directly or through a concatenation, behind the
/// pool, where the values before the ReLU leave room for their differences. True if any moved.
pub(super) fn relu_behind_max_pool(model: &mut Model, needs: &mut Needs, margin: u32) -> bool {
    let is_pool = |op: &Op| matches!(op, Op::MaxPool(_));
    let pools = model.graph.nodes.iter().filter(|n| is_pool(&n.op)).count();
    let mut any = false;
    for place in 0..pools {
        let indices = model.graph.nodes.iter().enumerate();
        let pool = indices.filter(|(_, n)| is_pool(&n.op)).nth(place);
        if let Some((at, _)) = pool {
            any |= swap(model, needs, margin, at).is_some();
        }
    }
    any
}

/// `None` where it is not possible.
fn swap(model: &mut Model, needs: &mut Needs, margin: u32, at: usize) -> Option<()> {
    let graph = &model.graph;
    let maker = |id: TensorId| graph.nodes.iter().position(|n| n.output == id);
    let only_reader = |id: TensorId| {
        let reads = graph.nodes.iter().flat_map(|n| &n.inputs);
        graph.output != id && reads.filter(|&&i| i == id).count() == 1
    };
    let source = *graph.nodes.get(at)?.inputs.first()?;
    let source_maker = graph.nodes.get(maker(source)?)?;
    let rectified: Vec<TensorId> = if source_maker.op == Op::Relu {
        vec![source]
    } else if matches!(source_maker.op, Op::Concat { .. }) && only_reader(source) {
        source_maker.inputs.clone()
    } else {
        return None;
    };
    let mut relus = Vec::with_capacity(rectified.len());
    let mut values: Option<Interval> = None;
    for &id in &rectified {
        let relu = maker(id)?;
        let node = graph.nodes.get(relu)?;
        if node.op != Op::Relu || !only_reader(id) {
            return None;
        }
        let before = *node.inputs.first()?;
        let seen = *needs.tensors.get(before.0 as usize)?;
        values = Some(values.map_or(seen, |v| v.join(seen)));
        relus.push((relu, id, before));
    }
    let ring = graph.tensor(source)?.ring.bits();
    let values = values?;
    if values.differences().bits() + margin > ring {
        return None;
    }
    *needs.tensors.get_mut(relus.first()?.1.0 as usize)? = values;
    let place = interval::pools(graph).iter().position(|&p| p == at)?;
    *needs.inner.get_mut(place)? = values.differences();
    reorder(model, at, &relus)?;
    let unread: Vec<TensorId> = relus.iter().skip(1).map(|r| r.1).collect();
    drop_tensors(model, needs, &unread);
    Some(())
}

/// The pool's result is made under a new tensor, which one ReLU turns into the old one; the ReLUs
/// before go, and their results with them.
fn reorder(model: &mut Model, at: usize, relus: &[(usize, TensorId, TensorId)]) -> Option<()> {
    let &(first_relu, first, _) = relus.first()?;
    let pooled = model.graph.nodes.get(at)?.output;
    let mut relu = model.graph.nodes.get(first_relu)?.clone();
    // The first ReLU's result is free now and takes the pool's shape.
    let shape = model.graph.tensor(pooled)?.shape.clone();
    let name = format!("{}:before-relu", model.graph.tensor(pooled)?.name);
    let slot = model.graph.tensors.get_mut(first.0 as usize)?;
    slot.shape = shape;
    slot.name = name;
    for node in &mut model.graph.nodes {
        for input in &mut node.inputs {
            if let Some(&(_, _, before)) = relus.iter().find(|r| r.1 == *input) {
                *input = before;
            }
        }
    }
    relu.inputs = vec![first];
    relu.output = pooled;
    model.graph.nodes.get_mut(at)?.output = first;
    model.graph.nodes.insert(at + 1, relu);
    model.params.insert(at + 1, None);
    let mut gone: Vec<usize> = relus.iter().map(|r| r.0).collect();
    gone.sort_unstable();
    for index in gone.into_iter().rev() {
        model.graph.nodes.remove(index);
        model.params.remove(index);
    }
    Some(())
}

/// Removes tensors that no node makes or reads; the others close up.
fn drop_tensors(model: &mut Model, needs: &mut Needs, unread: &[TensorId]) {
    let mut next = 0u32;
    let moved: Vec<TensorId> = (0..)
        .zip(&model.graph.tensors)
        .map(|(id, _)| {
            let new = TensorId(next);
            next += u32::from(!unread.contains(&TensorId(id)));
            new
        })
        .collect();
    let renumber = |id: &mut TensorId| {
        *id = moved.get(id.0 as usize).copied().unwrap_or(*id);
    };
    for node in &mut model.graph.nodes {
        node.inputs.iter_mut().for_each(renumber);
        renumber(&mut node.output);
    }
    renumber(&mut model.graph.input);
    renumber(&mut model.graph.output);
    let read = |id: u32| !unread.contains(&TensorId(id));
    let mut ids = 0u32..;
    model.graph.tensors.retain(|_| ids.next().is_some_and(read));
    let mut ids = 0u32..;
    needs.tensors.retain(|_| ids.next().is_some_and(read));
}
