//! Damaged and hostile files: an error, no panic, no large allocation.

use super::*;

fn sample() -> Vec<u8> {
    let mut model = Model::new(13, &[-1, 1, 6, 6]);
    model.floats("w", &[2, 1, 3, 3], &[0.5; 18]);
    model
        .node("Conv", &["x", "w"], "c")
        .ints("pads", &[1, 1, 1, 1])
        .int("group", 1);
    model.node("Relu", &["c"], "r");
    model
        .node("MaxPool", &["r"], "p")
        .ints("kernel_shape", &[2, 2])
        .ints("strides", &[2, 2])
        .int("ceil_mode", 1);
    model.ints("shape", &[2], &[0, -1]);
    model.node("Reshape", &["p", "shape"], "f");
    model.floats("fc", &[18, 4], &[0.25; 72]);
    model.node("Gemm", &["f", "fc"], "g");
    model.node("Softmax", &["g"], "y");
    model.metadata(PREPROCESS_KEY, "divide=255");
    model.bytes("y")
}

#[test]
fn every_truncation_is_an_error_or_a_whole_model() {
    let bytes = sample();
    assert!(import(&bytes, "test").is_ok());
    for length in 0..bytes.len() {
        if let Ok(graph) = import(&bytes[..length], "test") {
            assert_eq!(graph.output_shape(), [4], "{length}");
        }
    }
    for bytes in [&b""[..], b"not a model", &[0xff; 100]] {
        let e = import(bytes, "test").unwrap_err().to_string();
        assert!(e.starts_with("test: "), "{e}");
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let bytes = sample();
    let mut random = Random(6);
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..random.range(1, 4) {
            let at = random.below(damaged.len());
            damaged[at] = u8::try_from(random.below(256)).unwrap();
        }
        if let Ok(graph) = import(&damaged, "test") {
            let size: usize = graph.input_shape().iter().product();
            if size <= 10_000 && graph.listing().macs < 1_000_000 {
                let _ = graph.evaluate(&vec![0.5; size]);
            }
            let again = import(&export(&graph), "test").unwrap();
            assert_eq!(again.output_shape(), graph.output_shape());
        }
    }
}

#[test]
fn shapes_that_would_exhaust_memory_are_refused() {
    let mut model = Model::new(13, &[-1, 1 << 40, 1 << 40]);
    model.node("Relu", &["x"], "y");
    assert!(refusal(&model, "y").contains("elements"));
    let mut model = Model::new(13, &[-1, 1, 8, 8]);
    model.ints("pads", &[8], &[0, 0, 0, 0, 0, 0, 1 << 40, 1 << 40]);
    model.node("Pad", &["x", "pads"], "y");
    assert!(refusal(&model, "y").contains("elements"));
    let mut model = Model::new(13, &[-1, 1, 8, 8]);
    model.floats("w", &[1, 1, 1, 1], &[1.0]);
    model
        .node("Conv", &["x", "w"], "y")
        .ints("pads", &[i64::MAX, 0, i64::MAX, 0]);
    assert!(refusal(&model, "y").contains("overflows"));
    let mut model = Model::new(13, &[-1, 1 << 20]);
    for i in 0..12 {
        let (from, to) = (format!("v{i}"), format!("v{}", i + 1));
        let from = if i == 0 { "x" } else { &from };
        model.node("Concat", &[from, from], &to).int("axis", 1);
    }
    assert!(refusal(&model, "v12").contains("elements"));
}

#[test]
fn deep_nesting_is_cut() {
    // A value whose type nests more than a thousand messages.
    let mut inner: Vec<u8> = vec![];
    while inner.len() < 4_000 {
        let mut outer = vec![0x12];
        let mut length = inner.len();
        while length >= 0x80 {
            outer.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        outer.push(u8::try_from(length).unwrap());
        outer.extend(&inner);
        inner = outer;
    }
    let mut bytes = vec![0x3a];
    let length = inner.len() + 4;
    bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
    bytes.push(u8::try_from(length >> 7).unwrap());
    bytes.push(0x5a);
    bytes.extend([u8::try_from(inner.len() & 0x7f).unwrap() | 0x80]);
    bytes.extend([u8::try_from(inner.len() >> 7).unwrap()]);
    bytes.extend(&inner);
    assert!(import(&bytes, "test").is_err());
}
