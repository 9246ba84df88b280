//! Every layer's gradient against finite differences of the loss.

use ndarray::Array2;
use privet_model::graph::Window;
use privet_passes::network::{Conv, Layer, Mode, Network, Pool, RangePenalty, Weights};
use privet_passes::rng::Rng;
use privet_passes::train::{Probe, Teacher, loss};

const CLASSES: usize = 3;
const SAMPLES: usize = 5;

/// Compares all parameters' gradients with central differences.
fn check(name: &str, input: &[usize], layers: Vec<Layer>, mode: &Mode<'_>) {
    let network = Network {
        name: name.to_owned(),
        input: input.to_vec(),
        layers: layers.clone(),
    };
    check_with(&Probe::new(&network).unwrap(), name, input, layers, mode);
}

fn check_with(probe: &Probe, name: &str, input: &[usize], layers: Vec<Layer>, mode: &Mode<'_>) {
    let network = Network {
        name: name.to_owned(),
        input: input.to_vec(),
        layers,
    };
    let mut rng = Rng::new(11, 1);
    let features = input.iter().product();
    let x = Array2::from_shape_simple_fn((SAMPLES, features), || rng.normal());
    let labels: Vec<usize> = (0..SAMPLES).map(|i| i % CLASSES).collect();
    let gradients = probe.gradients(&network, &x, &labels, mode).unwrap();
    let step = 3e-3_f32;
    let mut compared = 0;
    for (i, gradient) in gradients.iter().enumerate() {
        let Some(gradient) = gradient else { continue };
        let (rows, columns) = gradient.matrix.dim();
        // Column `columns` stands for the bias.
        for (row, column) in (0..rows).flat_map(|r| (0..=columns).map(move |c| (r, c))) {
            let at = |delta: f32| {
                let mut moved = network.clone();
                let w = moved.layers[i].weights_mut().unwrap();
                if column == columns {
                    w.bias[row] += delta;
                } else {
                    w.matrix[(row, column)] += delta;
                }
                probe.loss(&moved, &x, &labels, mode).unwrap()
            };
            let numeric = (at(step) - at(-step)) / (2.0 * f64::from(step));
            let exact = f64::from(if column == columns {
                gradient.bias[row]
            } else {
                gradient.matrix[(row, column)]
            });
            assert!(
                (numeric - exact).abs() < 2e-3 + 0.02 * exact.abs(),
                "{name}, layer {i}, ({row}, {column}): {exact} but the difference quotient is {numeric}"
            );
            compared += 1;
        }
    }
    assert!(compared > 10, "{name}: only {compared} gradients");
}

fn window(kernel: [usize; 2], strides: [usize; 2], dilations: [usize; 2]) -> Window {
    Window {
        strides,
        dilations,
        pads_before: [1, 0],
        pads_after: [0, 1],
        ..Window::new(kernel)
    }
}

fn grouped(groups: usize, channels: [usize; 2], window: Window, rng: &mut Rng) -> Layer {
    let columns = channels[0] / groups * window.kernel[0] * window.kernel[1];
    let weights = Weights::random(channels[1], columns, rng);
    Layer::Conv(Conv {
        window,
        groups,
        in_channels: channels[0],
        weights,
    })
}

#[test]
fn linear_and_activations() {
    let mut rng = Rng::new(3, 0);
    for (name, activation) in [
        ("relu", Layer::Relu),
        ("sigmoid", Layer::Sigmoid),
        ("tanh", Layer::Tanh),
    ] {
        let layers = vec![
            Layer::linear(4, 6, &mut rng),
            activation,
            Layer::linear(6, CLASSES, &mut rng),
        ];
        check(name, &[4], layers, &Mode::default());
    }
}

#[test]
fn convolutions() {
    let mut rng = Rng::new(4, 0);
    for (name, groups, geometry, out) in [
        ("plain", 1, window([3, 2], [1, 1], [1, 1]), 4 * 5),
        ("strided", 1, window([3, 2], [2, 2], [1, 1]), 2 * 3),
        ("dilated", 1, window([2, 2], [1, 1], [2, 3]), 4 * 3),
        ("grouped", 2, window([3, 2], [2, 1], [1, 1]), 2 * 5),
    ] {
        let layers = vec![
            grouped(
                1,
                [1, 4],
                Window {
                    pads_before: [1, 1],
                    pads_after: [1, 1],
                    ..Window::new([3, 3])
                },
                &mut rng,
            ),
            Layer::Tanh,
            grouped(groups, [4, 2], geometry, &mut rng),
            Layer::Reshape(vec![2 * out]),
            Layer::linear(2 * out, CLASSES, &mut rng),
        ];
        check(name, &[1, 5, 5], layers, &Mode::default());
    }
}

#[test]
fn pools() {
    let mut rng = Rng::new(5, 0);
    let padded = Window {
        strides: [2, 2],
        pads_before: [1, 1],
        pads_after: [1, 1],
        ..Window::new([3, 3])
    };
    let pool = Pool {
        window: padded,
        output: [3, 3],
    };
    for (name, layer) in [
        ("max", Layer::MaxPool(pool.clone())),
        ("mean", Layer::AvgPool(pool)),
    ] {
        let same = Window {
            pads_before: [1, 1],
            pads_after: [1, 1],
            ..Window::new([3, 3])
        };
        let layers = vec![
            Layer::conv(1, 2, same, &mut rng),
            layer,
            Layer::Reshape(vec![18]),
            Layer::linear(18, CLASSES, &mut rng),
        ];
        check(name, &[1, 5, 5], layers, &Mode::default());
    }
}

#[test]
fn dropout_and_range_penalty() {
    let mut rng = Rng::new(6, 0);
    let layers = vec![
        Layer::linear(4, 8, &mut rng),
        Layer::Sigmoid,
        Layer::Dropout(0.4),
        Layer::linear(8, CLASSES, &mut rng),
    ];
    let mode = Mode {
        dropout: Some([9, 0]),
        range: Some(RangePenalty {
            limit: 0.5,
            weight: 0.7,
        }),
        formats: None,
    };
    check("dropout and range", &[4], layers, &mode);
}

#[test]
fn learning_from_a_teacher() {
    let mut rng = Rng::new(7, 0);
    let layers = |hidden, rng: &mut Rng| {
        vec![
            Layer::linear(4, hidden, rng),
            Layer::Tanh,
            Layer::linear(hidden, CLASSES, rng),
        ]
    };
    let network = |layers| Network {
        name: "n".to_owned(),
        input: vec![4],
        layers,
    };
    let teacher = Teacher {
        networks: vec![network(layers(9, &mut rng)), network(layers(6, &mut rng))],
        weight: 0.7,
        temperature: 3.0,
    };
    let layers = layers(5, &mut rng);
    let probe = Probe::new(&network(layers.clone()))
        .unwrap()
        .with_teacher(teacher);
    check_with(&probe, "teacher", &[4], layers, &Mode::default());
}

#[test]
fn cross_entropy_known_value() {
    let logits = ndarray::arr2(&[[0.0, 0.0], [0.0, 3.0_f32.ln()]]);
    let (value, gradient) = loss(&logits, &[0, 0], 2).unwrap();
    assert!(
        (value - (2.0_f64.ln() + 4.0_f64.ln()) / 2.0).abs() < 1e-6,
        "{value}"
    );
    let want = ndarray::arr2(&[[-0.25, 0.25], [-0.375, 0.375]]);
    assert!(
        (&gradient - &want).iter().all(|d| d.abs() < 1e-6),
        "{gradient}"
    );
    assert!(loss(&logits, &[0, 2], 2).is_err());
}
