//! Walks a model's nodes in order and hands each to its operator.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use prost::Message;
use sha2::{Digest, Sha256};

use super::advice::{is_known, unknown};
use super::array::Array;
use super::attributes::Call;
use super::metadata::preprocessing;
use super::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use super::{CLASSES_KEY, ImportError, MIN_OPSET, Refusal, Unsupported};
use super::{constants, elementwise, ending, linear, scan, shaping, window};
use crate::graph::{Builder, Graph, GraphError, Op, ValueId};
use crate::readers;

/// What a name of the model stands for.
#[derive(Debug, Clone)]
pub(super) enum Bound {
    /// Known now.
    Constant(Rc<Array>),
    /// Computed from the input.
    Flow(ValueId),
    /// A Softmax, LogSoftmax or ArgMax of these logits, which is left out.
    Ending(ValueId),
    /// The result of a node that is not supported.
    Unknown,
}

/// Imports a model from its bytes; `name` is what reports and errors call it.
///
/// # Errors
/// A damaged file, unsupported operations (all listed), or a model of a form that is not supported.
pub fn import(bytes: &[u8], name: &str) -> Result<Graph, ImportError> {
    import_with_shape(bytes, name, None)
}

/// Reads a file (gzip is unpacked) and imports it under its file name without extensions.
///
/// # Errors
/// As [`import`], or a file that cannot be read.
pub fn load(path: &Path) -> Result<Graph, ImportError> {
    let bytes = readers::read_file(path)?;
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned());
    let file = file.unwrap_or_default();
    let stem = file.strip_suffix(".gz").unwrap_or(&file);
    import(&bytes, stem.strip_suffix(".onnx").unwrap_or(stem))
}

/// Imports a model whose input gets that shape (without batch), for models that leave extents open.
///
/// # Errors
/// As [`import`].
pub fn import_with_shape(
    bytes: &[u8],
    name: &str,
    shape: Option<&[usize]>,
) -> Result<Graph, ImportError> {
    let malformed = |what: String| ImportError::Malformed {
        name: name.to_owned(),
        what,
    };
    scan::check(bytes).map_err(malformed)?;
    let model = ModelProto::decode(bytes).map_err(|e| malformed(e.to_string()))?;
    let graph = model
        .graph
        .as_ref()
        .filter(|g| !g.output.is_empty())
        .ok_or_else(|| malformed("it has no graph with an output".to_owned()))?;
    let importer = Importer::new(&model, graph, name, shape)?;
    importer.run(graph, Sha256::digest(bytes).into())
}

/// The state of an import.
pub(super) struct Importer<'a> {
    name: &'a str,
    pub(super) builder: Builder,
    /// Extent of the batch axis; 1 if it is dynamic.
    pub(super) batch: usize,
    opset: i64,
    bound: HashMap<&'a str, Bound>,
    initializers: HashMap<&'a str, &'a TensorProto>,
    unsupported: Vec<Unsupported>,
}

impl<'a> Importer<'a> {
    fn new(
        model: &ModelProto,
        graph: &'a GraphProto,
        name: &'a str,
        shape: Option<&[usize]>,
    ) -> Result<Self, ImportError> {
        let refuse = |what: String, hint: &str| ImportError::Model {
            name: name.to_owned(),
            what,
            hint: hint.to_owned(),
        };
        let opset = model
            .opset_import
            .iter()
            .find(|o| is_standard(&o.domain))
            .map_or(0, |o| o.version);
        if opset < MIN_OPSET {
            return Err(refuse(
                format!("opset {opset} is older than {MIN_OPSET}"),
                "convert it with onnx.version_converter",
            ));
        }
        let initializers: HashMap<&str, &TensorProto> = graph
            .initializer
            .iter()
            .map(|t| (t.name.as_str(), t))
            .collect();
        // Before IR version 4 initializers were inputs too.
        let inputs: Vec<&ValueInfoProto> = graph
            .input
            .iter()
            .filter(|i| !initializers.contains_key(i.name.as_str()))
            .collect();
        let [input] = inputs.as_slice() else {
            let names: Vec<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
            return Err(refuse(
                format!("it has {} inputs {names:?}", inputs.len()),
                "one input is supported: export the model with a single tensor",
            ));
        };
        let (batch, shape) = input_shape(input, shape)
            .map_err(|(what, hint)| refuse(format!("input {}: {what}", input.name), hint))?;
        let mut builder = Builder::new(name, &input.name, &shape)
            .map_err(|e| refuse(e.to_string(), "give the model a smaller input"))?;
        let steps = preprocessing(&model.metadata_props, &shape).map_err(|(key, what)| {
            refuse(
                format!("metadata {key}: {what}"),
                "correct the model's metadata",
            )
        })?;
        if let Some(steps) = steps {
            builder.set_preprocess(steps);
        }
        let classes = model.metadata_props.iter().find(|e| e.key == CLASSES_KEY);
        if let Some(entry) = classes {
            builder.set_classes(entry.value.lines().map(str::to_owned).collect());
        }
        let mut bound = HashMap::from([(input.name.as_str(), Bound::Flow(builder.input()))]);
        bound.remove("");
        Ok(Self {
            name,
            builder,
            batch,
            opset,
            bound,
            initializers,
            unsupported: vec![],
        })
    }

    fn run(mut self, graph: &'a GraphProto, sha256: [u8; 32]) -> Result<Graph, ImportError> {
        for (index, node) in graph.node.iter().enumerate() {
            if let Err(refusal) = self.node(node) {
                self.unsupported.push(Unsupported {
                    node: label(node, index),
                    op: operator(node),
                    why: refusal.why,
                    hint: refusal.hint,
                });
                for output in node.output.iter().filter(|o| !o.is_empty()) {
                    self.bound.insert(output, Bound::Unknown);
                }
            }
        }
        if !self.unsupported.is_empty() {
            return Err(ImportError::Unsupported {
                name: self.name.to_owned(),
                nodes: self.unsupported,
            });
        }
        let output = self.output(graph)?;
        self.builder.set_source(sha256);
        let name = self.name;
        self.builder
            .finish(output)
            .map_err(|e| ImportError::Malformed {
                name: name.to_owned(),
                what: e.to_string(),
            })
    }

    /// The logits: all outputs must be these, or a Softmax or ArgMax of them.
    fn output(&self, graph: &'a GraphProto) -> Result<ValueId, ImportError> {
        let mut logits = vec![];
        for output in &graph.output {
            match self.bound.get(output.name.as_str()) {
                Some(Bound::Flow(id) | Bound::Ending(id)) => logits.push(*id),
                Some(Bound::Constant(_)) | Some(Bound::Unknown) | None => {
                    return Err(ImportError::Malformed {
                        name: self.name.to_owned(),
                        what: format!("output {} is not computed from the input", output.name),
                    });
                }
            }
        }
        logits.sort_unstable();
        logits.dedup();
        match logits.as_slice() {
            [one] if *one != self.builder.input() => Ok(*one),
            [_] => Err(ImportError::Model {
                name: self.name.to_owned(),
                what: "its output is its input: it computes nothing".to_owned(),
                hint: "export the whole network".to_owned(),
            }),
            _ => Err(ImportError::Model {
                name: self.name.to_owned(),
                what: format!("it has {} different outputs", logits.len()),
                hint: "export the model with the logits as its only output".to_owned(),
            }),
        }
    }

    fn node(&mut self, node: &'a NodeProto) -> Result<(), Refusal> {
        if !is_standard(&node.domain) {
            return Err(Refusal::new(
                format!("domain {} is not part of standard ONNX", node.domain),
                "export the model without fused or custom operators",
            ));
        }
        let mut operands = Vec::with_capacity(node.input.len());
        for name in &node.input {
            operands.push(self.resolve(name)?);
        }
        let call = Call {
            node,
            operands,
            opset: self.opset,
        };
        if call
            .operands
            .iter()
            .any(|o| matches!(o, Some(Bound::Unknown)))
        {
            // Reported where it arose; whether this operator is known at all is still worth saying.
            if is_known(&node.op_type) {
                for output in &node.output {
                    self.bound.insert(output, Bound::Unknown);
                }
                return Ok(());
            }
            return Err(unknown(&node.op_type));
        }
        let result = self.dispatch(&call)?;
        if let Some(first) = node.output.first() {
            self.bound.insert(first, result);
        }
        Ok(())
    }

    fn resolve(&self, name: &'a str) -> Result<Option<Bound>, Refusal> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(bound) = self.bound.get(name) {
            return Ok(Some(bound.clone()));
        }
        let Some(tensor) = self.initializers.get(name) else {
            return Err(Refusal::new(
                format!("it reads {name}, which no node before it makes"),
                "the model is damaged or not in topological order",
            ));
        };
        // Not kept: weights are read once, and two copies of them are enough.
        let array = Array::decode(tensor).map_err(|e| format!("constant {name}: {e}"))?;
        Ok(Some(Bound::Constant(Rc::new(array))))
    }

    fn dispatch(&mut self, call: &Call<'_>) -> Result<Bound, Refusal> {
        let constant = |o: &Option<Bound>| matches!(o, None | Some(Bound::Constant(_)));
        if call.operands.iter().all(constant) || call.node.op_type == "Shape" {
            return constants::fold(self, call);
        }
        match call.node.op_type.as_str() {
            "Gemm" => linear::gemm(self, call),
            "MatMul" => linear::matmul(self, call),
            "Conv" => window::conv(self, call),
            "MaxPool" => window::max_pool(self, call),
            "AveragePool" => window::average_pool(self, call),
            "GlobalAveragePool" => window::global_average(self, call),
            "GlobalMaxPool" => window::global_max(self, call),
            "ReduceMean" => window::reduce_mean(self, call),
            "Add" | "Sub" | "Mul" | "Div" => elementwise::arithmetic(self, call),
            "Sum" => elementwise::sum(self, call),
            "Neg" => elementwise::negate(self, call),
            "BatchNormalization" => elementwise::batch_norm(self, call),
            "Relu" => self.unary(call, Op::Relu),
            "Sigmoid" => self.unary(call, Op::Sigmoid),
            "Tanh" => self.unary(call, Op::Tanh),
            "Clip" => elementwise::clip(self, call),
            "Min" | "Max" => elementwise::bound(self, call),
            "HardSigmoid" => elementwise::hard_sigmoid(self, call),
            "Flatten" => shaping::flatten(self, call),
            "Reshape" => shaping::reshape(self, call),
            "Squeeze" => shaping::squeeze(self, call),
            "Unsqueeze" => shaping::unsqueeze(self, call),
            "Transpose" => shaping::transpose(self, call),
            "Concat" => shaping::concat(self, call),
            "Pad" => shaping::pad(self, call),
            "Identity" | "Dropout" | "Cast" => shaping::pass(call),
            "Softmax" | "LogSoftmax" => ending::softmax(self, call),
            "ArgMax" => ending::arg_max(self, call),
            other => Err(unknown(other)),
        }
    }

    fn unary(&mut self, call: &Call<'_>, op: Op) -> Result<Bound, Refusal> {
        let x = call.flow(0)?;
        self.push(call, op, &[x])
    }

    /// Adds the node's operation; its result carries the name it has in the model.
    pub(super) fn push(
        &mut self,
        call: &Call<'_>,
        op: Op,
        inputs: &[ValueId],
    ) -> Result<Bound, Refusal> {
        let output = call.node.output.first().map_or("", String::as_str);
        let name = if call.node.name.is_empty() {
            output
        } else {
            &call.node.name
        };
        let id = self.builder.push_named(name, output, op, inputs)?;
        Ok(Bound::Flow(id))
    }

    /// Adds an operation that the node needs before its own.
    pub(super) fn push_helper(
        &mut self,
        call: &Call<'_>,
        suffix: &str,
        op: Op,
        inputs: &[ValueId],
    ) -> Result<ValueId, GraphError> {
        let output = call.node.output.first().map_or("", String::as_str);
        self.builder.push(&format!("{output}.{suffix}"), op, inputs)
    }

    /// Shape of a tensor without batch.
    pub(super) fn shape(&self, id: ValueId) -> Vec<usize> {
        self.builder.shape(id).unwrap_or(&[]).to_vec()
    }

    /// Shape of a tensor with batch, as the model's own attributes see it.
    pub(super) fn full_shape(&self, id: ValueId) -> Vec<usize> {
        let mut shape = vec![self.batch];
        shape.extend(self.builder.shape(id).unwrap_or(&[]));
        shape
    }
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn operator(node: &NodeProto) -> String {
    if is_standard(&node.domain) {
        node.op_type.clone()
    } else {
        format!("{}.{}", node.domain, node.op_type)
    }
}

fn label(node: &NodeProto, index: usize) -> String {
    if !node.name.is_empty() {
        return node.name.clone();
    }
    match node.output.first() {
        Some(output) if !output.is_empty() => output.clone(),
        _ => format!("node {index}"),
    }
}

/// The batch extent and the shape without it.
fn input_shape(
    input: &ValueInfoProto,
    wished: Option<&[usize]>,
) -> Result<(usize, Vec<usize>), (String, &'static str)> {
    let declared = input
        .r#type
        .as_ref()
        .and_then(|t| t.tensor_type.as_ref())
        .and_then(|t| t.shape.as_ref())
        .map(|s| s.dim.as_slice());
    let extent = |d: &super::proto::DimensionProto| {
        d.dim_value
            .and_then(|v| usize::try_from(v).ok())
            .filter(|&v| v > 0)
    };
    let batch = declared
        .and_then(|d| d.first())
        .and_then(extent)
        .unwrap_or(1);
    if let Some(shape) = wished {
        return Ok((batch, shape.to_vec()));
    }
    let open = "state the input's shape, or export the model with fixed extents besides the batch";
    let Some([_, rest @ ..]) = declared else {
        return Err(("its shape is not stated".to_owned(), open));
    };
    if rest.is_empty() {
        let hint = "export the model with a batch axis first";
        return Err(("it has no axis besides the batch".to_owned(), hint));
    }
    let mut shape = vec![];
    for (axis, dim) in (1..).zip(rest) {
        shape.push(extent(dim).ok_or_else(|| {
            let name = dim.dim_param.as_deref().unwrap_or("?");
            (format!("axis {axis} ({name}) is dynamic"), open)
        })?);
    }
    Ok((batch, shape))
}
