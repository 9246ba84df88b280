//! Element types, constant nodes, and the chains that exporters leave around shapes and weights.

use half::{bf16, f16};

use super::build::{floats, ints};
use super::*;
use crate::onnx::proto::{TensorProto, data_type};

/// y = x * w for a scalar constant w in that form.
fn scaled_by(tensor: TensorProto) -> f32 {
    let mut model = Model::new(13, &[-1, 1]);
    model.tensor(TensorProto {
        name: "w".to_owned(),
        ..tensor
    });
    model.node("Mul", &["x", "w"], "y");
    let graph = import(&model.bytes("y"), "test").unwrap();
    graph.evaluate(&[1.0]).unwrap()[0]
}

#[test]
fn weights_of_every_element_type() {
    let raw = |code: i32, bytes: &[u8]| TensorProto {
        data_type: code,
        raw_data: bytes.to_vec(),
        ..TensorProto::default()
    };
    let cases = [
        (raw(data_type::FLOAT, &1.5_f32.to_le_bytes()), 1.5),
        (raw(data_type::DOUBLE, &1.5_f64.to_le_bytes()), 1.5),
        (
            raw(data_type::FLOAT16, &f16::from_f32(-0.375).to_le_bytes()),
            -0.375,
        ),
        (
            raw(data_type::BFLOAT16, &bf16::from_f32(3.0).to_le_bytes()),
            3.0,
        ),
        (raw(data_type::INT64, &(-7_i64).to_le_bytes()), -7.0),
        (raw(data_type::INT32, &(-7_i32).to_le_bytes()), -7.0),
        (raw(data_type::INT16, &(-7_i16).to_le_bytes()), -7.0),
        (raw(data_type::UINT16, &65_535_u16.to_le_bytes()), 65_535.0),
        (raw(data_type::UINT32, &9_u32.to_le_bytes()), 9.0),
        (raw(data_type::INT8, &[0xfe]), -2.0),
        (raw(data_type::UINT8, &[0xfe]), 254.0),
        (raw(data_type::BOOL, &[1]), 1.0),
    ];
    for (tensor, want) in cases {
        assert_eq!(scaled_by(tensor.clone()), want, "{tensor:?}");
    }
    let typed = |code: i32| TensorProto {
        data_type: code,
        ..TensorProto::default()
    };
    let cases = [
        (
            TensorProto {
                float_data: vec![2.5],
                ..typed(data_type::FLOAT)
            },
            2.5,
        ),
        (
            TensorProto {
                double_data: vec![2.5],
                ..typed(data_type::DOUBLE)
            },
            2.5,
        ),
        (
            TensorProto {
                int32_data: vec![f16::from_f32(0.5).to_bits().into()],
                ..typed(data_type::FLOAT16)
            },
            0.5,
        ),
        (
            TensorProto {
                int32_data: vec![bf16::from_f32(-4.0).to_bits().into()],
                ..typed(data_type::BFLOAT16)
            },
            -4.0,
        ),
        (
            TensorProto {
                int32_data: vec![-3],
                ..typed(data_type::INT8)
            },
            -3.0,
        ),
        (
            TensorProto {
                int64_data: vec![-3],
                ..typed(data_type::INT64)
            },
            -3.0,
        ),
        (
            TensorProto {
                uint64_data: vec![3],
                ..typed(data_type::UINT64)
            },
            3.0,
        ),
    ];
    for (tensor, want) in cases {
        assert_eq!(scaled_by(tensor.clone()), want, "{tensor:?}");
    }
}

#[test]
fn constants_that_cannot_be_read_are_named() {
    let mut bad = vec![
        (floats("w", &[2], &[1.0]), "2 elements"),
        (floats("w", &[1], &[1.0, 2.0]), "1 elements"),
        (floats("w", &[-1], &[1.0]), "negative"),
        (floats("w", &[i64::MAX, 4], &[1.0]), "too large"),
        (floats("w", &[1 << 40], &[]), "too large"),
        (
            TensorProto {
                name: "w".to_owned(),
                data_type: 8,
                ..TensorProto::default()
            },
            "type 8",
        ),
    ];
    let mut external = floats("w", &[1], &[]);
    external.data_location = 1;
    bad.push((external, "one file"));
    for (tensor, named) in bad {
        let mut model = Model::new(13, &[-1, 1]);
        model.tensor(tensor);
        model.node("Mul", &["x", "w"], "y");
        let e = refusal(&model, "y");
        assert!(e.contains("constant w") && e.contains(named), "{e}");
    }
    let mut model = Model::new(13, &[-1, 2]);
    model.floats("w", &[2, 1], &[f32::NAN, 1.0]);
    model.node("MatMul", &["x", "w"], "y");
    assert!(refusal(&model, "y").contains("NaN"));
}

#[test]
fn constant_nodes_of_every_attribute() {
    let mut model = Model::new(13, &[-1, 2]);
    model
        .node("Constant", &[], "a")
        .tensor("value", floats("", &[2], &[1.0, 2.0]));
    model.node("Constant", &[], "b").float("value_float", 10.0);
    model.node("Constant", &[], "c").int("value_int", 100);
    model.node("Add", &["x", "a"], "t");
    model.node("Add", &["t", "b"], "u");
    model.node("Add", &["u", "c"], "y");
    check(&model, "y", &[0.0, 0.0], &[111.0, 112.0]);
}

#[test]
fn flattening_by_shape_gather_and_concat() {
    let mut model = Model::new(11, &[-1, 2, 3]);
    model.node("Shape", &["x"], "s");
    model
        .node("Constant", &[], "zero")
        .tensor("value", ints("", &[], &[0]));
    model.node("Gather", &["s", "zero"], "n").int("axis", 0);
    model.node("Unsqueeze", &["n"], "m").ints("axes", &[0]);
    model
        .node("Constant", &[], "rest")
        .tensor("value", ints("", &[1], &[-1]));
    model
        .node("Concat", &["m", "rest"], "target")
        .int("axis", 0);
    model.node("Reshape", &["x", "target"], "f");
    model.node("Relu", &["f"], "y");
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let graph = check(&model, "y", &x, &x.map(f64::from));
    assert_eq!(graph.output_shape(), [6]);

    let mut model = Model::new(13, &[-1, 2, 3]);
    model.node("Shape", &["x"], "s");
    for (name, value) in [("one", 1), ("two", 2), ("big", i64::MAX), ("six", 6)] {
        model.ints(name, &[1], &[value]);
    }
    model.node("Slice", &["s", "one", "big"], "own");
    model.node("Slice", &["own", "one", "two"], "last");
    model.node("Mul", &["last", "two"], "product");
    model.node("Sub", &["product", "six"], "nothing");
    model.node("Add", &["nothing", "six"], "total");
    model.node("Slice", &["s", "nothing", "one"], "n");
    model
        .node("Concat", &["n", "total"], "target")
        .int("axis", 0);
    model.node("Reshape", &["x", "target"], "y");
    assert_eq!(
        check(&model, "y", &x, &x.map(f64::from)).output_shape(),
        [6]
    );
}

#[test]
fn weights_are_folded_through_casts_and_moves() {
    let halves: Vec<u8> = [1.0, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|&v| f16::from_f32(v).to_le_bytes())
        .collect();
    let mut model = Model::new(13, &[-1, 2]);
    model.tensor(TensorProto {
        name: "h".to_owned(),
        dims: vec![2, 2],
        data_type: data_type::FLOAT16,
        raw_data: halves,
        ..TensorProto::default()
    });
    model.floats("ten", &[2, 1], &[10.0, 100.0]);
    model.node("Cast", &["h"], "f").int("to", 1);
    model.node("Transpose", &["f"], "t").ints("perm", &[1, 0]);
    model.node("Mul", &["t", "ten"], "w");
    model.node("MatMul", &["x", "w"], "y");
    // t = [[1, 3], [2, 4]], w = [[10, 30], [200, 400]].
    check(&model, "y", &[1.0, 1.0], &[210.0, 430.0]);

    let mut model = Model::new(13, &[-1, 2]);
    model.ints("shape", &[2], &[2, 3]);
    model
        .node("ConstantOfShape", &["shape"], "w")
        .tensor("value", floats("", &[1], &[2.0]));
    model.node("MatMul", &["x", "w"], "y");
    check(&model, "y", &[1.0, 3.0], &[8.0; 3]);
    let mut model = Model::new(13, &[-1, 2]);
    model.floats("row", &[1, 2], &[5.0, 6.0]);
    model.ints("shape", &[2], &[2, 1]);
    model.node("Expand", &["row", "shape"], "w");
    model.node("MatMul", &["x", "w"], "y");
    check(&model, "y", &[1.0, 1.0], &[10.0, 12.0]);
    let mut model = Model::new(13, &[-1, 2]);
    model.ints("shape", &[2], &[1 << 31, 1 << 31]);
    model.node("ConstantOfShape", &["shape"], "w");
    model.node("MatMul", &["x", "w"], "y");
    assert!(refusal(&model, "y").contains("too large"));
}
