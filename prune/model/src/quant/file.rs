//! The quantised network as a file (`.pvq`): the server's copy, weights included.
//!
//! ```text
//! magic "PRIVETQ\n"   version u32   length of the graph u32   SHA-256 of the source model
//! graph, postcard
//! per node with parameters: weights, then biases; little-endian two's complement, as many bytes
//!   each as the weights' width and the result's ring ask for
//! in versions 3 and 4: length u32 and text of a record of how the widths were found, or what was measured of them; never sent
//! SHA-256 of everything before
//! ```
//!
//! Version 4 is that of profile `approx`, which programs that read 2 and 3 alone do not know; its record may be empty.
//!
//! How many integers there are follows from the graph alone, which is validated before any is read.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::ir::{Graph, Model, Node, Op, Params, Profile, Tensor};
use super::validate::{GraphError, Limits};
use crate::ops;

const MAGIC: &[u8; 8] = b"PRIVETQ\n";
const VERSION: u32 = 2;
/// With a record.
const RECORDED: u32 = 3;
/// Of profile `approx`.
const APPROX: u32 = 4;
/// Longest record.
const MAX_RECORD: usize = 1 << 16;
const HASH: usize = 32;
/// Magic, version, length of the graph, hash of the source.
const HEAD: usize = 8 + 4 + 4 + HASH;
/// Longest file that is read.
const MAX_FILE: u64 = 1 << 33;

/// Why a quantised network was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What happened.
        source: io::Error,
    },
    /// Longer than any network.
    #[error("{path}: {length} bytes are more than the {MAX_FILE} that are read")]
    TooLong {
        /// The file.
        path: String,
        /// Its length.
        length: u64,
    },
    /// It does not begin as these files do.
    #[error("not a quantised network (make one with `privet quantise`)")]
    Magic,
    /// Another version of the format.
    #[error(
        "format version {got}, this program reads {VERSION} to {APPROX}: quantise the model again"
    )]
    Version {
        /// The file's.
        got: u32,
    },
    /// Cut off, extended or changed.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// Intact, but no valid network.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// Whether a file begins as a quantised network does.
#[must_use]
pub fn is_model(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads a file.
///
/// # Errors
/// The file system's, or as [`decode`].
pub fn read(path: &Path) -> Result<Model, FileError> {
    let io = |source| FileError::Io {
        path: path.display().to_string(),
        source,
    };
    let length = fs::metadata(path).map_err(io)?.len();
    if length > MAX_FILE {
        return Err(FileError::TooLong {
            path: path.display().to_string(),
            length,
        });
    }
    decode(&fs::read(path).map_err(io)?)
}

/// Writes a file, under its name only when it is complete.
///
/// # Errors
/// The file system's, or as [`encode`].
pub fn write(path: &Path, model: &Model) -> Result<(), FileError> {
    let bytes = encode(model)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let save = || {
        let mut file = fs::File::create(&partial)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    save().map_err(|source| FileError::Io {
        path: path.display().to_string(),
        source,
    })
}

/// The bytes of a file.
///
/// # Errors
/// A model that is not valid.
pub fn encode(model: &Model) -> Result<Vec<u8>, FileError> {
    let approx = model.graph.profile == Profile::Approx;
    written(model, approx.then_some(""))
}

/// The bytes of a file with a record of how its widths were found: for its owner, no part of the network.
///
/// # Errors
/// As [`encode`]; a record of more than 64 KiB.
pub fn encode_recorded(model: &Model, record: &str) -> Result<Vec<u8>, FileError> {
    written(model, Some(record))
}

fn written(model: &Model, record: Option<&str>) -> Result<Vec<u8>, FileError> {
    let version = match (model.graph.profile, record) {
        (Profile::Approx, _) => APPROX,
        (Profile::Exact | Profile::Drop { .. }, Some(_)) => RECORDED,
        (Profile::Exact | Profile::Drop { .. }, None) => VERSION,
    };
    let mut bytes = body(model, version)?;
    if let Some(record) = record {
        let length = u32::try_from(record.len()).ok();
        let length = length.filter(|_| record.len() <= MAX_RECORD);
        let length = length.ok_or(FileError::Damaged("its record is too long"))?;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(record.as_bytes());
    }
    let hash = Sha256::digest(&*bytes);
    bytes.extend_from_slice(&hash);
    Ok(bytes)
}

fn body(model: &Model, version: u32) -> Result<Vec<u8>, FileError> {
    model.validate(&Limits::default())?;
    let graph = postcard::to_allocvec(&model.graph)
        .map_err(|_| FileError::Damaged("the graph cannot be encoded"))?;
    let length = u32::try_from(graph.len())
        .map_err(|_| FileError::Damaged("the graph is longer than 4 GiB"))?;
    let mut bytes = Vec::with_capacity(HEAD + graph.len() + HASH);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&model.source_sha256);
    bytes.extend_from_slice(&graph);
    for (node, params) in model.graph.nodes.iter().zip(&model.params) {
        if let Some(params) = params {
            let layout = Layout::of(node, &model.graph)?;
            for &w in &params.weights {
                push(&mut bytes, w.into(), layout.weight_bytes);
            }
            for &b in &params.bias {
                push(&mut bytes, b, layout.bias_bytes);
            }
        }
    }
    Ok(bytes)
}

/// Reads a file's bytes, whatever they are.
///
/// # Errors
/// Not such a file, another version, a wrong checksum or length, or an invalid network.
pub fn decode(bytes: &[u8]) -> Result<Model, FileError> {
    Ok(decode_recorded(bytes)?.0)
}

/// Reads a file's bytes, and the record of how its widths were found, if it has one.
///
/// # Errors
/// As [`decode`]; a record that is no text.
pub fn decode_recorded(bytes: &[u8]) -> Result<(Model, Option<String>), FileError> {
    let (body, version) = unsealed(bytes)?;
    let (mut rest, source_sha256, graph_len) = head(body)?;
    let graph_bytes = rest
        .split_off(..graph_len)
        .ok_or(FileError::Damaged("the graph is cut off"))?;
    let (graph, unread) = postcard::take_from_bytes::<Graph>(graph_bytes)
        .map_err(|_| FileError::Damaged("the graph cannot be decoded"))?;
    if !unread.is_empty() {
        return Err(FileError::Damaged("the graph is longer than it says"));
    }
    graph.validate(&Limits::default())?;
    let mut params = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        params.push(if has_params(&node.op) {
            Some(Layout::of(node, &graph)?.read(&mut rest)?)
        } else {
            None
        });
    }
    let record = match version {
        RECORDED => Some(recorded(&mut rest)?),
        APPROX => Some(recorded(&mut rest)?).filter(|record| !record.is_empty()),
        _ => None,
    };
    if !rest.is_empty() {
        return Err(FileError::Damaged("there are more parameters than layers"));
    }
    let model = Model {
        graph,
        params,
        source_sha256,
    };
    model.validate(&Limits::default())?;
    Ok((model, record))
}

/// The text that ends a file with a record.
fn recorded(rest: &mut &[u8]) -> Result<String, FileError> {
    let cut = FileError::Damaged("its record is cut off");
    let (length, after) = rest.split_first_chunk().ok_or(cut)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length != after.len() || length > MAX_RECORD {
        return Err(FileError::Damaged("its record has another length"));
    }
    *rest = &[];
    String::from_utf8(after.to_vec()).map_err(|_| FileError::Damaged("its record is no text"))
}

/// The bytes without the checksum, which holds, and the version.
fn unsealed(bytes: &[u8]) -> Result<(&[u8], u32), FileError> {
    if !is_model(bytes) {
        return Err(FileError::Magic);
    }
    let cut = FileError::Damaged("it is cut off");
    let Some((body, hash)) = bytes.split_last_chunk::<HASH>() else {
        return Err(cut);
    };
    let version = body.get(8..).and_then(<[u8]>::first_chunk);
    let got = u32::from_le_bytes(*version.ok_or(cut)?);
    if !(VERSION..=APPROX).contains(&got) {
        return Err(FileError::Version { got });
    }
    if Sha256::digest(body)[..] == hash[..] {
        Ok((body, got))
    } else {
        Err(FileError::Damaged("its checksum does not hold"))
    }
}

/// What follows the head, the hash of the source and the graph's length.
fn head(body: &[u8]) -> Result<(&[u8], [u8; HASH], usize), FileError> {
    let cut = || FileError::Damaged("it is cut off");
    let after = body.get(12..).ok_or_else(cut)?;
    let (length, after) = after.split_first_chunk().ok_or_else(cut)?;
    let (source, rest) = after.split_first_chunk::<HASH>().ok_or_else(cut)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut())?;
    Ok((rest, *source, length))
}

const fn has_params(op: &Op) -> bool {
    matches!(op, Op::Linear(_) | Op::Conv(_) | Op::AddConst | Op::Reflect)
}

/// How a node's integers stand in the file.
struct Layout {
    weights: usize,
    weight_bytes: usize,
    biases: usize,
    bias_bytes: usize,
}

impl Layout {
    fn of(node: &Node, graph: &Graph) -> Result<Self, FileError> {
        let size = |source| GraphError::Op {
            node: node.name.clone(),
            source,
        };
        let output = graph
            .tensor(node.output)
            .ok_or(FileError::Damaged("a result does not exist"))?;
        let (weights, biases) = ops::param_counts(&node.op, output).map_err(size)?;
        Ok(Self {
            weights,
            weight_bytes: node.op.weight_bits().unwrap_or(1).div_ceil(8) as usize,
            biases,
            bias_bytes: bias_bytes(output),
        })
    }

    fn read(&self, rest: &mut &[u8]) -> Result<Params, FileError> {
        let weights = integers(rest, self.weights, self.weight_bytes)?;
        let weights = weights.into_iter().map(i32::try_from);
        Ok(Params {
            weights: weights
                .collect::<Result<_, _>>()
                .map_err(|_| FileError::Damaged("a weight is too wide"))?,
            bias: integers(rest, self.biases, self.bias_bytes)?,
        })
    }
}

const fn bias_bytes(output: &Tensor) -> usize {
    output.ring.bits().div_ceil(8) as usize
}

/// The low `width` bytes.
fn push(bytes: &mut Vec<u8>, value: i64, width: usize) {
    bytes.extend(value.to_le_bytes().iter().take(width));
}

/// Takes `count` integers of `width` bytes off the front; allocates only when they are there.
fn integers(rest: &mut &[u8], count: usize, width: usize) -> Result<Vec<i64>, FileError> {
    let cut = FileError::Damaged("parameters are cut off");
    let Some(bytes) = count.checked_mul(width).and_then(|n| rest.split_off(..n)) else {
        return Err(cut);
    };
    let value = |chunk: &[u8]| {
        let sign = if chunk.last().is_some_and(|b| b & 0x80 != 0) {
            0xff
        } else {
            0
        };
        let mut whole = [sign; 8];
        for (to, from) in whole.iter_mut().zip(chunk) {
            *to = *from;
        }
        i64::from_le_bytes(whole)
    };
    Ok(bytes.chunks_exact(width.max(1)).map(value).collect())
}

impl Graph {
    /// A hash of what both parties know. No weight, nor anything derived from one but whole bits,
    /// enters it: it confirms no guess of the model.
    #[must_use]
    pub fn public_hash(&self) -> [u8; HASH] {
        let mut hash = Sha256::new();
        hash.update(b"privet graph 2\n");
        // Encoding into a growing buffer cannot fail for these types.
        hash.update(postcard::to_allocvec(self).unwrap_or_default());
        hash.finalize().into()
    }
}
