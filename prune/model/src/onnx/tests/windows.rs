//! Convolutions and pools over random geometries, against the definition.

use super::build::NodeBuilder;
use super::*;

/// One axis of a window, as the definition reads it.
#[derive(Clone, Copy, Debug)]
struct Axis {
    extent: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
}

impl Axis {
    fn span(self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// ONNX: floor or ceil of the room over the stride, plus one; in ceil mode a window that would start in the
    /// padding behind the input does not exist.
    fn windows(self, ceil: bool) -> usize {
        let room = self.extent + self.before + self.after - self.span();
        if !ceil {
            return room / self.stride + 1;
        }
        let count = room.div_ceil(self.stride) + 1;
        if (count - 1) * self.stride >= self.extent + self.before {
            count - 1
        } else {
            count
        }
    }

    /// ONNX auto_pad SAME: the output's extent is the input's over the stride, rounded up.
    fn same(mut self, upper: bool) -> Self {
        let out = self.extent.div_ceil(self.stride);
        let total = ((out - 1) * self.stride + self.span()).saturating_sub(self.extent);
        self.before = if upper { total / 2 } else { total - total / 2 };
        self.after = total - self.before;
        self
    }

    /// Position under a tap counted from the input's first cell.
    fn at(self, window: usize, tap: usize) -> isize {
        (window * self.stride + tap * self.dilation) as isize - self.before as isize
    }
}

fn inside(position: isize, extent: usize) -> Option<usize> {
    usize::try_from(position).ok().filter(|&p| p < extent)
}

/// Cells under a window of one plane: their values, and how many lie in the input or in the stated padding.
fn cells(plane: &[f32], [ay, ax]: [Axis; 2], [oy, ox]: [usize; 2]) -> (Vec<f64>, usize) {
    let (mut values, mut padded) = (vec![], 0);
    for i in 0..ay.kernel {
        for j in 0..ax.kernel {
            let (y, x) = (ay.at(oy, i), ax.at(ox, j));
            if y < (ay.extent + ay.after) as isize && x < (ax.extent + ax.after) as isize {
                padded += 1;
            }
            if let (Some(y), Some(x)) = (inside(y, ay.extent), inside(x, ax.extent)) {
                values.push(f64::from(plane[y * ax.extent + x]));
            }
        }
    }
    (values, padded)
}

fn random_axis(random: &mut Random, pooled: bool) -> Axis {
    let kernel = random.range(1, 4);
    let dilation = random.range(1, 2);
    let span = (kernel - 1) * dilation + 1;
    let pad = if pooled { kernel - 1 } else { 3 };
    Axis {
        extent: random.range(span, span + 7),
        kernel,
        stride: random.range(1, 3),
        dilation,
        before: random.range(0, pad),
        after: random.range(0, pad),
    }
}

fn pair(axes: [Axis; 2], f: impl Fn(Axis) -> usize) -> [i64; 2] {
    axes.map(|a| f(a) as i64)
}

fn describe<'a>(node: NodeBuilder<'a>, axes: [Axis; 2], auto: Option<&str>) -> NodeBuilder<'a> {
    let node = node
        .ints("kernel_shape", &pair(axes, |a| a.kernel))
        .ints("strides", &pair(axes, |a| a.stride))
        .ints("dilations", &pair(axes, |a| a.dilation));
    match auto {
        Some(mode) => node.text("auto_pad", mode),
        None => {
            let pads = [pair(axes, |a| a.before), pair(axes, |a| a.after)].concat();
            node.ints("pads", &pads)
        }
    }
}

fn padding(random: &mut Random, axes: [Axis; 2]) -> (Option<&'static str>, [Axis; 2]) {
    match random.below(5) {
        0 => (Some("SAME_UPPER"), axes.map(|a| a.same(true))),
        1 => (Some("SAME_LOWER"), axes.map(|a| a.same(false))),
        2 => {
            let none = |a| Axis {
                before: 0,
                after: 0,
                ..a
            };
            (Some("VALID"), axes.map(none))
        }
        _ => (None, axes),
    }
}

#[test]
fn convolutions_of_any_geometry_and_groups() {
    let mut random = Random(3);
    for round in 0..300 {
        let axes = [
            random_axis(&mut random, false),
            random_axis(&mut random, false),
        ];
        let (auto, axes) = padding(&mut random, axes);
        let [ay, ax] = axes;
        let groups = random.range(1, 3);
        let (ic, oc) = (random.range(1, 3), random.range(1, 3));
        let plane = ay.extent * ax.extent;
        let x = random.floats(groups * ic * plane);
        let taps = ay.kernel * ax.kernel;
        let w = random.floats(groups * oc * ic * taps);
        let b = random.floats(groups * oc);
        let shape = [-1, (groups * ic) as i64, ay.extent as i64, ax.extent as i64];
        let mut model = Model::new(11, &shape);
        let shape = [
            (groups * oc) as i64,
            ic as i64,
            ay.kernel as i64,
            ax.kernel as i64,
        ];
        model.floats("w", &shape, &w);
        model.floats("b", &[(groups * oc) as i64], &b);
        let node = model
            .node("Conv", &["x", "w", "b"], "y")
            .int("group", groups as i64);
        describe(node, axes, auto);
        let mut want = vec![];
        for o in 0..groups * oc {
            for oy in 0..ay.windows(false) {
                for ox in 0..ax.windows(false) {
                    let mut sum = f64::from(b[o]);
                    for c in 0..ic {
                        for (tap, (i, j)) in (0..taps).map(|t| (t, (t / ax.kernel, t % ax.kernel)))
                        {
                            let y = inside(ay.at(oy, i), ay.extent);
                            let xx = inside(ax.at(ox, j), ax.extent);
                            if let (Some(y), Some(xx)) = (y, xx) {
                                let channel = o / oc * ic + c;
                                let cell = x[channel * plane + y * ax.extent + xx];
                                sum += f64::from(cell) * f64::from(w[(o * ic + c) * taps + tap]);
                            }
                        }
                    }
                    want.push(sum);
                }
            }
        }
        let graph = import(&model.bytes("y"), "test").unwrap_or_else(|e| panic!("{round}: {e}"));
        close(&graph.evaluate(&x).unwrap(), &want);
    }
}

#[test]
fn pools_of_any_geometry_and_rounding() {
    let mut random = Random(4);
    let mut partial = 0;
    for round in 0..400 {
        let axes = [
            random_axis(&mut random, true),
            random_axis(&mut random, true),
        ];
        let (auto, axes) = padding(&mut random, axes);
        let [ay, ax] = axes;
        let average = random.below(2) == 1;
        let ceil = auto.is_none() && random.below(2) == 1;
        let counted = average && random.below(2) == 1;
        let x = random.floats(2 * ay.extent * ax.extent);
        let mut model = Model::new(19, &[-1, 2, ay.extent as i64, ax.extent as i64]);
        let op = if average { "AveragePool" } else { "MaxPool" };
        let mut node = model.node(op, &["x"], "y").int("ceil_mode", ceil.into());
        if average {
            node = node.int("count_include_pad", counted.into());
        }
        describe(node, axes, auto);
        let out = axes.map(|a| a.windows(ceil));
        partial += usize::from(out != axes.map(|a| a.windows(false)));
        let mut want = vec![];
        let mut empty = false;
        for plane in x.chunks(ay.extent * ax.extent) {
            for oy in 0..out[0] {
                for ox in 0..out[1] {
                    let (values, padded) = cells(plane, axes, [oy, ox]);
                    empty |= values.is_empty();
                    let divisor = if counted { padded } else { values.len() };
                    want.push(if average {
                        values.iter().sum::<f64>() / divisor as f64
                    } else {
                        values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
                    });
                }
            }
        }
        let imported = import(&model.bytes("y"), "test");
        // Dilated taps can all fall into the padding: such a window has no value.
        if empty && !counted {
            assert!(imported.is_err(), "{round}: {axes:?}");
            continue;
        }
        let graph = imported.unwrap_or_else(|e| panic!("{round}: {axes:?} {auto:?} {e}"));
        close(&graph.evaluate(&x).unwrap(), &want);
    }
    assert!(partial > 10, "{partial}");
}

#[test]
fn the_ceil_mode_corner_of_known_size() {
    // Extent 5, kernel 2, stride 3, padding 1 before and after: room 5, ceil(5 / 3) + 1 = 3 windows, and the
    // third would start at 6 - 1 = 5, behind the input: it does not exist.
    let mut model = Model::new(12, &[-1, 1, 1, 5]);
    model
        .node("MaxPool", &["x"], "y")
        .ints("kernel_shape", &[1, 2])
        .ints("strides", &[1, 3])
        .ints("pads", &[0, 1, 0, 1])
        .int("ceil_mode", 1);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0];
    check(&model, "y", &x, &[1.0, 4.0]);
    // Extent 6, kernel 3, stride 2, no padding: the third window covers cells 4 and 5 only.
    let mut model = Model::new(12, &[-1, 1, 1, 6]);
    model
        .node("AveragePool", &["x"], "y")
        .ints("kernel_shape", &[1, 3])
        .ints("strides", &[1, 2])
        .int("ceil_mode", 1)
        .int("count_include_pad", 1);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
    check(&model, "y", &x, &[2.0, 4.0, 6.0]);
}

#[test]
fn one_dimension() {
    let mut model = Model::new(13, &[-1, 2, 4]);
    model.floats("w", &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    model.node("Conv", &["x", "w"], "c").ints("pads", &[1, 0]);
    model
        .node("MaxPool", &["c"], "m")
        .ints("kernel_shape", &[2])
        .ints("strides", &[2]);
    model.node("GlobalAveragePool", &["m"], "y");
    let x = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0];
    let conv = [2.0 + 40.0, 5.0 + 110.0, 8.0 + 180.0, 11.0 + 250.0];
    let graph = check(&model, "y", &x, &[f64::midpoint(conv[1], conv[3])]);
    assert_eq!(graph.output_shape(), [1, 1]);
}

#[test]
fn means_over_the_image() {
    let x: Vec<f32> = (0..12_u8).map(f32::from).collect();
    for (opset, keep) in [(11, 0), (11, 1), (18, 0), (18, 1)] {
        let mut model = Model::new(opset, &[-1, 2, 2, 3]);
        model.ints("axes", &[2], &[-1, 2]);
        if opset < 18 {
            model
                .node("ReduceMean", &["x"], "y")
                .ints("axes", &[2, 3])
                .int("keepdims", keep);
        } else {
            model
                .node("ReduceMean", &["x", "axes"], "y")
                .int("keepdims", keep);
        }
        let graph = check(&model, "y", &x, &[2.5, 8.5]);
        assert_eq!(graph.output_shape().len(), if keep == 1 { 3 } else { 1 });
    }
    let mut model = Model::new(13, &[-1, 2, 2, 3]);
    model.node("GlobalMaxPool", &["x"], "y");
    check(&model, "y", &x, &[5.0, 11.0]);
    let mut model = Model::new(13, &[-1, 2, 2, 3]);
    model.node("ReduceMean", &["x"], "y").ints("axes", &[1]);
    assert!(refusal(&model, "y").contains("averages over axes [1]"));
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    let cases: [(&[i64], &[i64], &[i64]); 7] = [
        (&[9, 1], &[1, 1], &[0, 0, 0, 0]),
        (&[2, 2], &[0, 1], &[0, 0, 0, 0]),
        (&[2, 2], &[1, 1], &[-1, 0, 0, 0]),
        (&[2, 2], &[1, 1], &[0, 0, 0]),
        (&[2, 2], &[1, 1], &[2, 0, 2, 0]),
        (&[2], &[1, 1], &[0, 0, 0, 0]),
        (&[i64::MAX, i64::MAX], &[1, 1], &[0, 0, 0, 0]),
    ];
    for (kernel, strides, pads) in cases {
        let mut model = Model::new(13, &[-1, 1, 4, 4]);
        model
            .node("MaxPool", &["x"], "y")
            .ints("kernel_shape", kernel)
            .ints("strides", strides)
            .ints("pads", pads);
        let e = refusal(&model, "y");
        assert!(e.contains("y (MaxPool)"), "{e}");
    }
    let mut volume = Model::new(13, &[-1, 1, 4, 4, 4]);
    volume
        .node("MaxPool", &["x"], "y")
        .ints("kernel_shape", &[2, 2, 2]);
    assert!(refusal(&volume, "y").contains("images"));
    let mut groups = Model::new(13, &[-1, 3, 4, 4]);
    groups.floats("w", &[2, 1, 1, 1], &[1.0, 1.0]);
    groups.node("Conv", &["x", "w"], "y").int("group", 2);
    assert!(refusal(&groups, "y").contains("2 groups of 1 channels, but the input has 3"));
}
