//! Writes models field by field.

use prost::Message;

use crate::onnx::proto::*;

/// A model with the input `x`; extents of -1 are dynamic.
pub(super) struct Model {
    proto: ModelProto,
}

/// A node under construction.
pub(super) struct NodeBuilder<'a>(&'a mut NodeProto);

impl Model {
    pub(super) fn new(opset: i64, input: &[i64]) -> Self {
        let mut model = Self {
            proto: ModelProto {
                ir_version: 8,
                producer_name: String::new(),
                graph: Some(GraphProto::default()),
                opset_import: vec![OperatorSetIdProto {
                    domain: String::new(),
                    version: opset,
                }],
                metadata_props: vec![],
            },
        };
        model.input("x", input);
        model
    }

    pub(super) fn graph(&mut self) -> &mut GraphProto {
        self.proto.graph.as_mut().unwrap()
    }

    pub(super) fn input(&mut self, name: &str, shape: &[i64]) {
        let dim = shape
            .iter()
            .map(|&d| DimensionProto {
                dim_value: (d >= 0).then_some(d),
                dim_param: (d < 0).then(|| "N".to_owned()),
            })
            .collect();
        self.graph().input.push(ValueInfoProto {
            name: name.to_owned(),
            r#type: Some(TypeProto {
                tensor_type: Some(TensorTypeProto {
                    elem_type: data_type::FLOAT,
                    shape: Some(TensorShapeProto { dim }),
                }),
            }),
        });
    }

    pub(super) fn node(&mut self, op: &str, inputs: &[&str], output: &str) -> NodeBuilder<'_> {
        self.graph().node.push(NodeProto {
            input: inputs.iter().map(|&i| i.to_owned()).collect(),
            output: vec![output.to_owned()],
            op_type: op.to_owned(),
            ..NodeProto::default()
        });
        NodeBuilder(self.graph().node.last_mut().unwrap())
    }

    pub(super) fn floats(&mut self, name: &str, shape: &[i64], values: &[f32]) {
        self.tensor(floats(name, shape, values));
    }

    pub(super) fn ints(&mut self, name: &str, shape: &[i64], values: &[i64]) {
        self.tensor(ints(name, shape, values));
    }

    pub(super) fn tensor(&mut self, tensor: TensorProto) {
        self.graph().initializer.push(tensor);
    }

    pub(super) fn metadata(&mut self, key: &str, value: &str) {
        self.proto.metadata_props.push(StringStringEntryProto {
            key: key.to_owned(),
            value: value.to_owned(),
        });
    }

    pub(super) fn bytes(&self, output: &str) -> Vec<u8> {
        self.bytes_of(&[output])
    }

    pub(super) fn bytes_of(&self, outputs: &[&str]) -> Vec<u8> {
        let mut proto = self.proto.clone();
        let outputs = outputs.iter().map(|&name| ValueInfoProto {
            name: name.to_owned(),
            r#type: None,
        });
        proto.graph.as_mut().unwrap().output = outputs.collect();
        proto.encode_to_vec()
    }
}

pub(super) fn floats(name: &str, shape: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: shape.to_vec(),
        data_type: data_type::FLOAT,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

pub(super) fn ints(name: &str, shape: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: shape.to_vec(),
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

impl NodeBuilder<'_> {
    fn attribute(self, attribute: AttributeProto) -> Self {
        self.0.attribute.push(attribute);
        self
    }

    pub(super) fn name(self, name: &str) -> Self {
        self.0.name = name.to_owned();
        self
    }

    pub(super) fn domain(self, domain: &str) -> Self {
        self.0.domain = domain.to_owned();
        self
    }

    pub(super) fn int(self, name: &str, i: i64) -> Self {
        self.attribute(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::INT,
            i,
            ..AttributeProto::default()
        })
    }

    pub(super) fn ints(self, name: &str, values: &[i64]) -> Self {
        self.attribute(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::INTS,
            ints: values.to_vec(),
            ..AttributeProto::default()
        })
    }

    pub(super) fn float(self, name: &str, f: f32) -> Self {
        self.attribute(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::FLOAT,
            f,
            ..AttributeProto::default()
        })
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.attribute(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::STRING,
            s: text.as_bytes().to_vec(),
            ..AttributeProto::default()
        })
    }

    pub(super) fn tensor(self, name: &str, t: TensorProto) -> Self {
        self.attribute(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::TENSOR,
            t: Some(t),
            ..AttributeProto::default()
        })
    }
}

/// A small generator; its seed is its state.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn range(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// Numbers in [-1, 1), multiples of 2^-10.
    pub(super) fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| self.below(2048) as f32 / 1024.0 - 1.0)
            .collect()
    }
}
