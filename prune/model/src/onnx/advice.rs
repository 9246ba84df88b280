//! Which operators are known, and what to do about the others.

use super::Refusal;

/// Operators that are supported in some form.
const KNOWN: &[&str] = &[
    "Add",
    "ArgMax",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Div",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "Identity",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "Neg",
    "Pad",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
    "Unsqueeze",
];

/// Whether some form of the operator is supported.
pub(super) fn is_known(op: &str) -> bool {
    KNOWN.contains(&op)
}

/// An operator that has no place in the closed set, with advice.
pub(super) fn unknown(op: &str) -> Refusal {
    let hint = match op {
        "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Celu" | "Gelu" | "Swish" | "HardSwish"
        | "Mish" | "Softplus" | "Softsign" | "ThresholdedRelu" | "Erf" => {
            "replace the activation by Relu, Clip, Sigmoid or Tanh and retrain"
        }
        "LSTM" | "GRU" | "RNN" => "recurrent layers have no counterpart; use convolutions",
        "LayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LRN"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "RMSNormalization" => {
            "its divisor depends on the input; train with BatchNormalization instead"
        }
        "QuantizeLinear"
        | "DequantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger"
        | "MatMulInteger"
        | "DynamicQuantizeLinear" => "export the float model; quantisation is done here",
        "ConvTranspose" | "Resize" | "Upsample" => "upsampling is not supported",
        "If" | "Loop" | "Scan" => "control flow is not supported; export a traced model",
        "Attention" | "Einsum" => {
            "products of two tensors that depend on the input are not supported"
        }
        "Split" | "Slice" | "Gather" | "Expand" | "Tile" => {
            "taking tensors apart is supported for constants only"
        }
        _ => "remove it or express it by supported operators",
    };
    Refusal::new("no such operation here", hint)
}
