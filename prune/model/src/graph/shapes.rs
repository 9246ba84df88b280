//! Shape inference, complete: whatever it accepts can be evaluated.

use std::ops::Range;

use super::{Affine, Conv, Linear, MAX_ELEMENTS, MAX_RANK, Op, Per, Pool, Window};

/// A shape within the bounds, and its number of elements.
pub(crate) fn check(shape: &[usize]) -> Result<usize, String> {
    if shape.is_empty() || shape.len() > MAX_RANK {
        return Err(format!(
            "{} axes besides the batch; 1 to {MAX_RANK} are supported",
            shape.len()
        ));
    }
    shape
        .iter()
        .try_fold(1_usize, |n, &d| n.checked_mul(d))
        .filter(|n| (1..=MAX_ELEMENTS).contains(n))
        .ok_or_else(|| format!("shape {shape:?} is empty or has more than {MAX_ELEMENTS} elements"))
}

/// The shape of the op's result.
pub(super) fn infer(op: &Op, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
    let shape = match op {
        Op::Add => add(inputs)?,
        Op::Concat { axis } => concat(*axis, inputs)?,
        Op::Linear(_)
        | Op::Conv(_)
        | Op::Affine(_)
        | Op::Relu
        | Op::Clip { .. }
        | Op::Sigmoid
        | Op::Tanh
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Pad { .. } => unary(op, one(inputs)?)?,
    };
    check(&shape)?;
    Ok(shape)
}

fn one<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize], String> {
    match inputs {
        [x] => Ok(x),
        _ => Err(format!("takes 1 operand, not {}", inputs.len())),
    }
}

fn unary(op: &Op, x: &[usize]) -> Result<Vec<usize>, String> {
    match op {
        Op::Linear(linear) => self::linear(linear, x),
        Op::Conv(conv) => self::conv(conv, x),
        Op::Affine(affine) => self::affine(affine, x),
        Op::Relu | Op::Sigmoid | Op::Tanh => Ok(x.to_vec()),
        Op::Clip { lo, hi } => {
            if lo <= hi {
                Ok(x.to_vec())
            } else {
                Err(format!("bounds {lo} and {hi} are out of order"))
            }
        }
        Op::MaxPool(pool) | Op::AvgPool(pool) => self::pool(pool, x),
        Op::Reshape { shape } => {
            if check(shape)? == check(x)? {
                Ok(shape.clone())
            } else {
                Err(format!("{x:?} cannot become {shape:?}"))
            }
        }
        Op::Transpose { perm } => transpose(perm, x),
        Op::Pad {
            before,
            after,
            value,
        } => pad(before, after, *value, x),
        Op::Add | Op::Concat { .. } => Err("takes several operands".to_owned()),
    }
}

fn add(inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
    match inputs {
        [first, rest @ ..] if !rest.is_empty() => match rest.iter().find(|s| *s != first) {
            None => Ok(first.to_vec()),
            Some(other) => Err(format!("operands differ in shape: {first:?} and {other:?}")),
        },
        _ => Err("takes at least 2 operands".to_owned()),
    }
}

fn concat(axis: usize, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
    let [first, rest @ ..] = inputs else {
        return Err("takes at least 1 operand".to_owned());
    };
    let mut shape = first.to_vec();
    let mut sum = *first
        .get(axis)
        .ok_or_else(|| format!("axis {axis} of {first:?} does not exist"))?;
    for other in rest {
        let fits = other.len() == first.len()
            && (0..)
                .zip(first.iter().zip(other.iter()))
                .all(|(i, (a, b))| i == axis || a == b);
        if !fits {
            return Err(format!(
                "{first:?} and {other:?} cannot be joined along axis {axis}"
            ));
        }
        let extent = other.get(axis).copied().unwrap_or(0);
        sum = sum.checked_add(extent).ok_or("the sum overflows")?;
    }
    if let Some(extent) = shape.get_mut(axis) {
        *extent = sum;
    }
    Ok(shape)
}

fn length(what: &str, got: usize, factors: &[usize]) -> Result<(), String> {
    let expected = factors.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
    if expected == Some(got) {
        Ok(())
    } else {
        Err(format!("{got} {what}, expected {factors:?}"))
    }
}

fn linear(linear: &Linear, x: &[usize]) -> Result<Vec<usize>, String> {
    if x != [linear.inputs] {
        return Err(format!("takes [{}], not {x:?}", linear.inputs));
    }
    length(
        "weights",
        linear.weights.len(),
        &[linear.outputs, linear.inputs],
    )?;
    length("biases", linear.bias.len(), &[linear.outputs])?;
    finite(linear.weights.iter().chain(&linear.bias))?;
    Ok(vec![linear.outputs])
}

fn finite<'a>(values: impl IntoIterator<Item = &'a f32>) -> Result<(), String> {
    match values.into_iter().find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(v) => Err(format!("a parameter is {v}")),
    }
}

fn image(x: &[usize]) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(x).map_err(|_| format!("takes [C, H, W], not {x:?}"))
}

fn conv(conv: &Conv, x: &[usize]) -> Result<Vec<usize>, String> {
    let [channels, h, w] = image(x)?;
    let g = conv.groups;
    if channels != conv.in_channels {
        return Err(format!(
            "takes {} channels, not {channels}",
            conv.in_channels
        ));
    }
    if g == 0 || !channels.is_multiple_of(g) || !conv.out_channels.is_multiple_of(g) {
        return Err(format!(
            "{g} groups do not divide {channels} and {} channels",
            conv.out_channels
        ));
    }
    let [kh, kw] = conv.window.kernel;
    length(
        "weights",
        conv.weights.len(),
        &[conv.out_channels, channels / g, kh, kw],
    )?;
    length("biases", conv.bias.len(), &[conv.out_channels])?;
    finite(conv.weights.iter().chain(&conv.bias))?;
    let [oh, ow] = conv.window.output([h, w], Rounding::Floor)?;
    Ok(vec![conv.out_channels, oh, ow])
}

fn affine(affine: &Affine, x: &[usize]) -> Result<Vec<usize>, String> {
    let entries = affine.per.entries(x);
    length("factors", affine.scale.len(), &[entries])?;
    length("summands", affine.shift.len(), &[entries])?;
    match affine
        .scale
        .iter()
        .chain(&affine.shift)
        .find(|v| !v.is_finite())
    {
        None => Ok(x.to_vec()),
        Some(v) => Err(format!("a constant is {v}")),
    }
}

fn pool(pool: &Pool, x: &[usize]) -> Result<Vec<usize>, String> {
    let [channels, h, w] = image(x)?;
    let floor = pool.window.output([h, w], Rounding::Floor)?;
    let ceil = pool.window.output([h, w], Rounding::Ceil)?;
    let [oh, ow] = pool.output;
    for (axis, (&out, bounds)) in pool.output.iter().zip(floor.iter().zip(&ceil)).enumerate() {
        let (&a, &b) = bounds;
        if out < a.min(b) || out > a.max(b) {
            return Err(format!("{out} windows along axis {axis} do not exist"));
        }
        pool.window
            .covers(axis, [h, w], out)
            .then_some(())
            .ok_or("a window lies wholly in the padding")?;
    }
    Ok(vec![channels, oh, ow])
}

fn transpose(perm: &[usize], x: &[usize]) -> Result<Vec<usize>, String> {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.len()) {
        return Err(format!("{perm:?} is no permutation of {} axes", x.len()));
    }
    Ok(perm.iter().filter_map(|&p| x.get(p).copied()).collect())
}

fn pad(before: &[usize], after: &[usize], value: f32, x: &[usize]) -> Result<Vec<usize>, String> {
    if before.len() != x.len() || after.len() != x.len() {
        return Err(format!(
            "padding for {} axes, not {}",
            before.len(),
            x.len()
        ));
    }
    if !value.is_finite() {
        return Err(format!("padding with {value}"));
    }
    x.iter()
        .zip(before.iter().zip(after))
        .map(|(&d, (&a, &b))| d.checked_add(a)?.checked_add(b))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| "the padded extent overflows".to_owned())
}

/// How a partial last window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// It does not exist.
    Floor,
    /// It exists, unless it would start in the padding behind the input.
    Ceil,
}

impl Window {
    /// A window without padding, step and dilation 1.
    #[must_use]
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self {
            kernel,
            strides: [1, 1],
            dilations: [1, 1],
            pads_before: [0, 0],
            pads_after: [0, 0],
        }
    }

    /// Output extents over an input `[height, width]`.
    ///
    /// # Errors
    /// Zero extents, numbers that overflow, or a window larger than the padded input.
    pub fn output(&self, input: [usize; 2], rounding: Rounding) -> Result<[usize; 2], String> {
        let [h, w] = input;
        Ok([
            self.output_along(0, h, rounding)?,
            self.output_along(1, w, rounding)?,
        ])
    }

    fn output_along(
        &self,
        axis: usize,
        extent: usize,
        rounding: Rounding,
    ) -> Result<usize, String> {
        let [kernel, stride, dilation, before, after] = self.along(axis);
        if [kernel, stride, dilation, extent].contains(&0) {
            return Err("a kernel, stride, dilation or extent is 0".to_owned());
        }
        let span = (kernel - 1)
            .checked_mul(dilation)
            .and_then(|s| s.checked_add(1))
            .ok_or("the kernel's extent overflows")?;
        let padded = extent
            .checked_add(before)
            .and_then(|p| p.checked_add(after))
            .filter(|&p| p <= MAX_ELEMENTS)
            .ok_or("the padded extent overflows")?;
        let room = padded
            .checked_sub(span)
            .ok_or_else(|| format!("a window of {span} does not fit the padded extent {padded}"))?;
        Ok(match rounding {
            Rounding::Floor => room / stride + 1,
            Rounding::Ceil => {
                let windows = room.div_ceil(stride) + 1;
                let last = (windows - 1).saturating_mul(stride);
                if windows > 1 && last >= extent + before {
                    windows - 1
                } else {
                    windows
                }
            }
        })
    }

    /// Kernel, stride, dilation, padding before and after along axis 0 (height) or 1 (width).
    #[must_use]
    pub const fn along(&self, axis: usize) -> [usize; 5] {
        let Self {
            kernel: [kh, kw],
            strides: [sh, sw],
            dilations: [dh, dw],
            pads_before: [bh, bw],
            pads_after: [ah, aw],
        } = *self;
        if axis == 0 {
            [kh, sh, dh, bh, ah]
        } else {
            [kw, sw, dw, bw, aw]
        }
    }

    /// Kernel taps of window number `at` that fall inside an axis of that extent.
    #[must_use]
    pub fn taps(&self, axis: usize, extent: usize, at: usize) -> Range<usize> {
        let [kernel, stride, dilation, before, _] = self.along(axis);
        let start = at.saturating_mul(stride);
        let end = extent.saturating_add(before);
        let first = before.saturating_sub(start).div_ceil(dilation.max(1));
        let behind = end.saturating_sub(start).div_ceil(dilation.max(1));
        first.min(kernel)..behind.clamp(first.min(kernel), kernel)
    }

    /// Input index of tap `tap` (one of [`Self::taps`]) of window number `at`.
    #[must_use]
    pub const fn index(&self, axis: usize, at: usize, tap: usize) -> usize {
        let [_, stride, dilation, before, _] = self.along(axis);
        at * stride + tap * dilation - before
    }

    /// Each of the first `windows` windows along an axis has a tap inside the input.
    fn covers(&self, axis: usize, [h, w]: [usize; 2], windows: usize) -> bool {
        let extent = if axis == 0 { h } else { w };
        (0..windows).all(|at| !self.taps(axis, extent, at).is_empty())
    }
}

impl Per {
    /// Number of entries for a tensor of that shape.
    #[must_use]
    pub fn entries(self, shape: &[usize]) -> usize {
        match self {
            Self::Tensor => 1,
            Self::Channel => shape.first().copied().unwrap_or(0),
            Self::Element => shape.iter().product(),
        }
    }
}
