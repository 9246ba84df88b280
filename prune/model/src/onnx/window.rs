//! Convolutions and pools: window geometry from attributes.

use super::Refusal;
use super::attributes::{Call, axes};
use super::import::{Bound, Importer};
use crate::graph::{Conv, Op, Pool, Rounding, ValueId, Window};

/// A `[C, H, W]` view of an operand; one-dimensional data `[C, W]` gets a height of 1.
struct Image {
    id: ValueId,
    shape: [usize; 3],
    one_dimensional: bool,
}

impl Image {
    fn of(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Self, Refusal> {
        let id = call.flow(0)?;
        match *importer.shape(id).as_slice() {
            [c, h, w] => Ok(Self {
                id,
                shape: [c, h, w],
                one_dimensional: false,
            }),
            [c, w] => {
                let shape = vec![c, 1, w];
                let id = importer.push_helper(call, "image", Op::Reshape { shape }, &[id])?;
                Ok(Self {
                    id,
                    shape: [c, 1, w],
                    one_dimensional: true,
                })
            }
            ref other => Err(Refusal::new(
                format!("it reads shape {other:?}"),
                "images [C, H, W] and sequences [C, W] are supported",
            )),
        }
    }

    /// Adds the op; one-dimensional data loses its height again.
    fn push(&self, importer: &mut Importer<'_>, call: &Call<'_>, op: Op) -> Result<Bound, Refusal> {
        if !self.one_dimensional {
            return importer.push(call, op, &[self.id]);
        }
        let y = importer.push_helper(call, "window", op, &[self.id])?;
        let shape = match *importer.shape(y).as_slice() {
            [c, 1, w] => vec![c, w],
            ref other => return Err(format!("its result has shape {other:?}").into()),
        };
        importer.push(call, Op::Reshape { shape }, &[y])
    }

    /// One number per spatial axis as `[height, width]`.
    fn pair(&self, name: &str, list: &[i64], height: usize) -> Result<[usize; 2], Refusal> {
        let number = |v: i64| {
            usize::try_from(v).map_err(|_| Refusal::from(format!("{name} {list:?} are negative")))
        };
        match *list {
            [w] if self.one_dimensional => Ok([height, number(w)?]),
            [h, w] if !self.one_dimensional => Ok([number(h)?, number(w)?]),
            _ => Err(format!("{name} {list:?} do not fit the input's axes").into()),
        }
    }

    fn attribute(&self, call: &Call<'_>, name: &str) -> Result<[usize; 2], Refusal> {
        match call.ints(name)? {
            Some(list) => self.pair(name, list, 1),
            None => Ok([1, 1]),
        }
    }
}

/// The window that a node's attributes describe, and the output's extents.
fn geometry(
    image: &Image,
    call: &Call<'_>,
    kernel: [usize; 2],
    rounding: Rounding,
) -> Result<(Window, [usize; 2]), Refusal> {
    let mut window = Window::new(kernel);
    window.strides = image.attribute(call, "strides")?;
    window.dilations = image.attribute(call, "dilations")?;
    let [_, h, w] = image.shape;
    // Automatic padding leaves no partial window, so rounding up adds none.
    let rounding = match call.string("auto_pad")?.unwrap_or("NOTSET") {
        "NOTSET" => {
            if let Some(pads) = call.ints("pads")? {
                let (before, after) = pads.split_at(pads.len() / 2);
                window.pads_before = image.pair("pads", before, 0)?;
                window.pads_after = image.pair("pads", after, 0)?;
            }
            rounding
        }
        "VALID" => Rounding::Floor,
        side @ ("SAME_UPPER" | "SAME_LOWER") => {
            same(&mut window, [h, w], side == "SAME_UPPER")?;
            Rounding::Floor
        }
        other => return Err(format!("auto_pad {other} is unknown").into()),
    };
    let output = window.output([h, w], rounding)?;
    Ok((window, output))
}

/// Padding that makes the output's extent the input's divided by the stride, rounded up.
fn same(window: &mut Window, input: [usize; 2], upper: bool) -> Result<(), Refusal> {
    let along = |axis: usize, extent: usize| {
        let [kernel, stride, dilation, ..] = window.along(axis);
        if stride == 0 || kernel == 0 {
            return None;
        }
        let span = (kernel - 1).checked_mul(dilation)?.checked_add(1)?;
        let covered = (extent.div_ceil(stride) - 1)
            .checked_mul(stride)?
            .checked_add(span)?;
        let total = covered.saturating_sub(extent);
        let less = total / 2;
        Some(if upper {
            (less, total - less)
        } else {
            (total - less, less)
        })
    };
    let [h, w] = input;
    let (Some((top, bottom)), Some((left, right))) = (along(0, h), along(1, w)) else {
        return Err("its kernel or stride is out of bounds".into());
    };
    window.pads_before = [top, left];
    window.pads_after = [bottom, right];
    Ok(())
}

/// Convolution with constant weights.
pub(super) fn conv(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let image = Image::of(importer, call)?;
    let weights = call.constant(1, "weights")?;
    let (out_channels, per_group, kernel) = match *weights.shape.as_slice() {
        [o, i, kh, kw] if !image.one_dimensional => (o, i, [kh, kw]),
        [o, i, kw] if image.one_dimensional => (o, i, [1, kw]),
        ref other => {
            return Err(format!("its weights have shape {other:?} for {:?}", image.shape).into());
        }
    };
    if let Some(stated) = call.ints("kernel_shape")?
        && image.pair("kernel_shape", stated, 1)? != kernel
    {
        return Err(format!("kernel_shape {stated:?} is not the weights'").into());
    }
    let groups = usize::try_from(call.int("group", 1)?).unwrap_or(0);
    let [channels, ..] = image.shape;
    if per_group.checked_mul(groups) != Some(channels) {
        return Err(format!(
            "weights for {groups} groups of {per_group} channels, but the input has {channels}"
        )
        .into());
    }
    let (window, _) = geometry(&image, call, kernel, Rounding::Floor)?;
    let bias = match call.optional_constant(2, "bias")? {
        None => vec![0.0; out_channels],
        Some(array) => array.f32s().into_owned(),
    };
    let op = Op::Conv(Conv {
        in_channels: channels,
        out_channels,
        groups,
        window,
        weights: weights.f32s().into_owned(),
        bias,
    });
    image.push(importer, call, op)
}

fn pool(image: &Image, call: &Call<'_>) -> Result<Pool, Refusal> {
    let kernel = call.ints("kernel_shape")?.ok_or("it has no kernel_shape")?;
    let kernel = image.pair("kernel_shape", kernel, 1)?;
    let rounding = if call.int("ceil_mode", 0)? == 0 {
        Rounding::Floor
    } else {
        Rounding::Ceil
    };
    let (window, output) = geometry(image, call, kernel, rounding)?;
    Ok(Pool { window, output })
}

/// Maximum over windows.
pub(super) fn max_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    if call.node.output.iter().skip(1).any(|o| !o.is_empty()) {
        return Err(Refusal::new(
            "its indices are used",
            "only the maxima are supported",
        ));
    }
    let image = Image::of(importer, call)?;
    let pool = pool(&image, call)?;
    image.push(importer, call, Op::MaxPool(pool))
}

/// Mean over windows; padding that counts becomes a pad of its own.
pub(super) fn average_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let mut image = Image::of(importer, call)?;
    let mut pool = pool(&image, call)?;
    let ([top, left], [bottom, right]) = (pool.window.pads_before, pool.window.pads_after);
    let padded = [top, left, bottom, right].iter().any(|&p| p > 0);
    if padded && call.int("count_include_pad", 0)? != 0 {
        let pad = Op::Pad {
            before: vec![0, top, left],
            after: vec![0, bottom, right],
            value: 0.0,
        };
        image.id = importer.push_helper(call, "padded", pad, &[image.id])?;
        pool.window.pads_before = [0, 0];
        pool.window.pads_after = [0, 0];
    }
    image.push(importer, call, Op::AvgPool(pool))
}

fn global(image: &Image) -> Pool {
    let [_, h, w] = image.shape;
    Pool {
        window: Window::new([h, w]),
        output: [1, 1],
    }
}

/// Mean over all positions.
pub(super) fn global_average(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
) -> Result<Bound, Refusal> {
    let image = Image::of(importer, call)?;
    let op = Op::AvgPool(global(&image));
    image.push(importer, call, op)
}

/// Maximum over all positions.
pub(super) fn global_max(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let image = Image::of(importer, call)?;
    let op = Op::MaxPool(global(&image));
    image.push(importer, call, op)
}

/// A mean over exactly the spatial axes is a global average.
pub(super) fn reduce_mean(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let image = Image::of(importer, call)?;
    let rank = if image.one_dimensional { 3 } else { 4 };
    let spatial: Vec<usize> = (2..rank).collect();
    let list = call.ints_or_operand("axes", 1)?.unwrap_or_default();
    if axes(&list, rank)? != spatial {
        return Err(Refusal::new(
            format!("it averages over axes {list:?}"),
            "averages over exactly the spatial axes are supported",
        ));
    }
    let op = Op::AvgPool(global(&image));
    if call.int("keepdims", 1)? != 0 {
        return image.push(importer, call, op);
    }
    let mean = importer.push_helper(call, "mean", op, &[image.id])?;
    let [channels, ..] = image.shape;
    let shape = vec![channels];
    importer.push(call, Op::Reshape { shape }, &[mean])
}
