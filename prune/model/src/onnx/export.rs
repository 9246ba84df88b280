//! Export of a float graph as an ONNX model of opset 13 (19 where an average pool is dilated).

use std::collections::HashSet;

use prost::Message;

use super::array::to_f32;
use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, attribute_kind, data_type,
};
use super::{CLASSES_KEY, PREPROCESS_KEY, PROJECTION_KEY};
use crate::graph::{Affine, Conv, Graph, Linear, Node, Op, Per, Pool, ValueId};

/// The bytes of an ONNX model that computes the same, with a dynamic batch axis named `N`.
///
/// Constants of [`Affine`] are rounded to f32. What the importer dropped behind the logits is not written.
#[must_use]
pub fn export(graph: &Graph) -> Vec<u8> {
    let mut writer = Writer {
        graph,
        nodes: vec![],
        initializers: vec![],
        names: graph.values.iter().map(|v| v.name.clone()).collect(),
        opset: 13,
    };
    for node in &graph.nodes {
        writer.node(node);
    }
    let metadata_props = writer.metadata();
    let model = ModelProto {
        ir_version: 8,
        producer_name: "privet".to_owned(),
        graph: Some(GraphProto {
            node: writer.nodes,
            name: graph.name.clone(),
            initializer: writer.initializers,
            input: vec![value_info(graph, graph.input)],
            output: vec![value_info(graph, graph.output)],
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: writer.opset,
        }],
        metadata_props,
    };
    model.encode_to_vec()
}

fn value_info(graph: &Graph, id: ValueId) -> ValueInfoProto {
    let (name, shape) = graph
        .value(id)
        .map_or((String::new(), &[][..]), |v| (v.name.clone(), &v.shape));
    let batch = DimensionProto {
        dim_value: None,
        dim_param: Some("N".to_owned()),
    };
    let own = shape.iter().map(|&d| DimensionProto {
        dim_value: Some(int(d)),
        dim_param: None,
    });
    ValueInfoProto {
        name,
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: data_type::FLOAT,
                shape: Some(TensorShapeProto {
                    dim: [batch].into_iter().chain(own).collect(),
                }),
            }),
        }),
    }
}

/// Extents are bounded far below 2^63.
fn int(extent: usize) -> i64 {
    i64::try_from(extent).unwrap_or(i64::MAX)
}

fn list<'a>(extents: impl IntoIterator<Item = &'a usize>) -> Vec<i64> {
    extents.into_iter().map(|&d| int(d)).collect()
}

fn attribute_int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        kind: attribute_kind::INT,
        i,
        ..AttributeProto::default()
    }
}

fn attribute_ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        kind: attribute_kind::INTS,
        ints,
        ..AttributeProto::default()
    }
}

struct Writer<'a> {
    graph: &'a Graph,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    names: HashSet<String>,
    opset: i64,
}

impl Writer<'_> {
    fn name_of(&self, id: ValueId) -> String {
        self.graph
            .value(id)
            .map_or(String::new(), |v| v.name.clone())
    }

    fn shape_of(&self, id: ValueId) -> &[usize] {
        self.graph.value(id).map_or(&[], |v| &v.shape)
    }

    fn fresh(&mut self, node: &Node, what: &str) -> String {
        let mut name = format!("{}.{what}", self.name_of(node.output));
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    fn floats(&mut self, node: &Node, what: &str, shape: Vec<i64>, values: &[f32]) -> String {
        let name = self.fresh(node, what);
        self.initializers.push(TensorProto {
            dims: shape,
            data_type: data_type::FLOAT,
            name: name.clone(),
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        name
    }

    fn ints(&mut self, node: &Node, what: &str, values: Vec<i64>) -> String {
        let name = self.fresh(node, what);
        self.initializers.push(TensorProto {
            dims: vec![int(values.len())],
            data_type: data_type::INT64,
            name: name.clone(),
            int64_data: values,
            ..TensorProto::default()
        });
        name
    }

    /// A node with the graph's own inputs and output.
    fn emit(
        &mut self,
        node: &Node,
        op: &str,
        constants: Vec<String>,
        attribute: Vec<AttributeProto>,
    ) {
        let mut input: Vec<String> = node.inputs.iter().map(|&id| self.name_of(id)).collect();
        input.extend(constants);
        let output = self.name_of(node.output);
        self.push(&node.name, op, input, output, attribute);
    }

    fn push(
        &mut self,
        name: &str,
        op: &str,
        input: Vec<String>,
        output: String,
        attribute: Vec<AttributeProto>,
    ) {
        self.nodes.push(NodeProto {
            input,
            output: vec![output],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
            domain: String::new(),
        });
    }

    fn node(&mut self, node: &Node) {
        match &node.op {
            Op::Linear(layer) => self.linear(node, layer),
            Op::Conv(layer) => self.conv(node, layer),
            Op::Affine(constants) => self.affine(node, constants),
            Op::Relu => self.emit(node, "Relu", vec![], vec![]),
            Op::Sigmoid => self.emit(node, "Sigmoid", vec![], vec![]),
            Op::Tanh => self.emit(node, "Tanh", vec![], vec![]),
            Op::Clip { lo, hi } => self.clip(node, *lo, *hi),
            Op::MaxPool(pool) => self.pool(node, "MaxPool", pool),
            Op::AvgPool(pool) => self.pool(node, "AveragePool", pool),
            Op::Add if node.inputs.len() == 2 => self.emit(node, "Add", vec![], vec![]),
            Op::Add => self.emit(node, "Sum", vec![], vec![]),
            Op::Concat { axis } => {
                let axis = attribute_int("axis", int(*axis) + 1);
                self.emit(node, "Concat", vec![], vec![axis]);
            }
            Op::Reshape { shape } => {
                // 0 keeps the batch.
                let target = list([&0].into_iter().chain(shape));
                let target = self.ints(node, "shape", target);
                self.emit(node, "Reshape", vec![target], vec![]);
            }
            Op::Transpose { perm } => {
                let own = perm.iter().map(|&p| int(p) + 1);
                let perm = [0].into_iter().chain(own).collect();
                self.emit(
                    node,
                    "Transpose",
                    vec![],
                    vec![attribute_ints("perm", perm)],
                );
            }
            Op::Pad {
                before,
                after,
                value,
            } => {
                let zero = [&0].into_iter();
                let pads = list(zero.clone().chain(before).chain(zero).chain(after));
                let pads = self.ints(node, "pads", pads);
                let value = self.floats(node, "value", vec![], &[*value]);
                self.emit(node, "Pad", vec![pads, value], vec![]);
            }
        }
    }

    fn linear(&mut self, node: &Node, layer: &Linear) {
        let shape = vec![int(layer.outputs), int(layer.inputs)];
        let weights = self.floats(node, "weights", shape, &layer.weights);
        let bias = self.floats(node, "bias", vec![int(layer.outputs)], &layer.bias);
        let transposed = attribute_int("transB", 1);
        self.emit(node, "Gemm", vec![weights, bias], vec![transposed]);
    }

    fn conv(&mut self, node: &Node, layer: &Conv) {
        let [kh, kw] = layer.window.kernel;
        let per_group = layer.in_channels / layer.groups.max(1);
        let shape = list(&[layer.out_channels, per_group, kh, kw]);
        let weights = self.floats(node, "weights", shape, &layer.weights);
        let bias = self.floats(node, "bias", vec![int(layer.out_channels)], &layer.bias);
        let window = &layer.window;
        let attributes = vec![
            attribute_ints("kernel_shape", list(&window.kernel)),
            attribute_ints("strides", list(&window.strides)),
            attribute_ints("dilations", list(&window.dilations)),
            attribute_ints(
                "pads",
                list(window.pads_before.iter().chain(&window.pads_after)),
            ),
            attribute_int("group", int(layer.groups)),
        ];
        self.emit(node, "Conv", vec![weights, bias], attributes);
    }

    /// Windows that reach past the padding become padding: neither kind of pool counts it.
    fn pool(&mut self, node: &Node, op: &str, pool: &Pool) {
        let input = node.inputs.first().map_or(&[][..], |&id| self.shape_of(id));
        let mut after = pool.window.pads_after;
        let extents = input.iter().skip(1);
        for (axis, ((after, &out), &extent)) in
            after.iter_mut().zip(&pool.output).zip(extents).enumerate()
        {
            let [kernel, stride, dilation, before, _] = pool.window.along(axis);
            let reach = (out - 1) * stride + (kernel - 1) * dilation + 1;
            *after = (*after).max(reach.saturating_sub(extent + before));
        }
        let window = &pool.window;
        let mut attributes = vec![
            attribute_ints("kernel_shape", list(&window.kernel)),
            attribute_ints("strides", list(&window.strides)),
            attribute_ints("pads", list(window.pads_before.iter().chain(&after))),
        ];
        if window.dilations != [1, 1] {
            attributes.push(attribute_ints("dilations", list(&window.dilations)));
            if op == "AveragePool" {
                self.opset = 19;
            }
        }
        self.emit(node, op, vec![], attributes);
    }

    fn affine(&mut self, node: &Node, constants: &Affine) {
        let shape: Vec<i64> = match constants.per {
            Per::Tensor => vec![],
            Per::Channel => {
                let rank = self.shape_of(node.output).len();
                let mut shape = vec![1; rank];
                if let Some(first) = shape.first_mut() {
                    *first = int(constants.scale.len());
                }
                shape
            }
            Per::Element => list(self.shape_of(node.output)),
        };
        let round = |values: &[f64]| values.iter().map(|&v| to_f32(v)).collect::<Vec<_>>();
        let scale = round(&constants.scale);
        let shift = round(&constants.shift);
        if shift.iter().all(|&v| v.abs() == 0.0) {
            let scale = self.floats(node, "scale", shape, &scale);
            self.emit(node, "Mul", vec![scale], vec![]);
        } else if scale.iter().all(|&v| v.to_bits() == 1.0_f32.to_bits()) {
            let shift = self.floats(node, "shift", shape, &shift);
            self.emit(node, "Add", vec![shift], vec![]);
        } else {
            let scale = self.floats(node, "scale", shape.clone(), &scale);
            let shift = self.floats(node, "shift", shape, &shift);
            let scaled = self.fresh(node, "scaled");
            let x = node
                .inputs
                .first()
                .map_or(String::new(), |&id| self.name_of(id));
            let name = format!("{}.scale", node.name);
            self.push(&name, "Mul", vec![x, scale], scaled.clone(), vec![]);
            let output = self.name_of(node.output);
            self.push(&node.name, "Add", vec![scaled, shift], output, vec![]);
        }
    }

    /// A bound that is an infinity is left out.
    fn clip(&mut self, node: &Node, lo: f32, hi: f32) {
        let mut bound = |what, v: f32| {
            if v.is_finite() {
                self.floats(node, what, vec![], &[v])
            } else {
                String::new()
            }
        };
        let bounds = vec![bound("lo", lo), bound("hi", hi)];
        self.emit(node, "Clip", bounds, vec![]);
    }

    fn metadata(&self) -> Vec<StringStringEntryProto> {
        let entry = |key: &str, value: String| StringStringEntryProto {
            key: key.to_owned(),
            value,
        };
        let preprocess = self.graph.preprocess.as_ref();
        let projection = preprocess.and_then(|p| p.projection.as_ref());
        let projection = projection.map(|p| entry(PROJECTION_KEY, p.to_text()));
        let preprocess = preprocess.map(|p| entry(PREPROCESS_KEY, p.to_string()));
        let classes = self.graph.classes.as_ref();
        let classes = classes.map(|c| entry(CLASSES_KEY, c.join("\n")));
        let entries = preprocess.into_iter().chain(projection).chain(classes);
        entries.collect()
    }
}
