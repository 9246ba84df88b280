//! Readers of samples and labels: IDX, NPY, CSV, images and CIFAR batches, gzip unpacked.
//!
//! Files are recognised by their content where it tells. Nothing is believed: extents are checked against
//! the bytes that are there before anything is allocated.

mod cifar;
mod csv;
mod idx;
mod image;
mod npy;

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read, unpacked.
pub const MAX_BYTES: u64 = 2 << 30;
/// Most axes of a sample.
const MAX_RANK: usize = 7;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refuses.
    #[error("{file}: {error}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The content is not what it should be.
    #[error("{file}: {what}")]
    Content {
        /// The file.
        file: String,
        /// What is wrong, where, and what could be done.
        what: String,
    },
    /// There is no such sample.
    #[error("{file}: sample {index} of {count} does not exist; the first is 0")]
    Index {
        /// The file.
        file: String,
        /// The sample asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
}

/// What the raw numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes 0 to 255 of an image.
    Pixels,
    /// Anything else.
    Numbers,
}

/// Raw samples of one file, all of one shape.
#[derive(Debug, Clone)]
pub struct Samples {
    file: String,
    shape: Vec<usize>,
    kind: Kind,
    values: Values,
    labels: Option<Vec<u32>>,
}

/// All samples one after another.
#[derive(Debug, Clone)]
enum Values {
    U8(Vec<u8>),
    F32(Vec<f32>),
}

impl Values {
    const fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::F32(v) => v.len(),
        }
    }
}

impl Samples {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, or whose content is none of the formats or damaged.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::from_bytes(&read_file(path)?, &path.display().to_string())
    }

    /// Reads the content of a file (already unpacked); `file` is its name, for errors and to tell formats apart.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, ReadError> {
        let content = |what: String| ReadError::Content {
            file: file.to_owned(),
            what,
        };
        let (kind, shape, values, labels) = parse(bytes, file).map_err(content)?;
        let (shape, values) = (sample_shape(&shape).map_err(content)?, values);
        let size: usize = shape.iter().product();
        if size == 0 || values.len() == 0 || !values.len().is_multiple_of(size) {
            return Err(content("it holds no samples".to_owned()));
        }
        let finite = match &values {
            Values::U8(_) => None,
            Values::F32(v) => v.iter().position(|v| !v.is_finite()),
        };
        if let Some(at) = finite {
            let (sample, value) = (at / size, at % size);
            return Err(content(format!(
                "sample {sample}, value {value} is not a finite number"
            )));
        }
        Ok(Self {
            file: file.to_owned(),
            shape,
            kind,
            values,
            labels,
        })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.shape.iter().product::<usize>().max(1)
    }

    /// Never true: a file without samples is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of one sample: `[C, H, W]`, `[H, W]` or `[F]`.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// What the numbers are.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Labels that the file itself holds (CIFAR batches do).
    #[must_use]
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// Name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Raw values of one sample, row-major, as they are stored.
    ///
    /// # Errors
    /// There is no such sample.
    pub fn get(&self, index: usize) -> Result<Vec<f32>, ReadError> {
        let size: usize = self.shape.iter().product();
        let range = index
            .checked_mul(size)
            .and_then(|start| Some(start..start.checked_add(size)?));
        let found = range.and_then(|range| match &self.values {
            Values::U8(v) => Some(v.get(range)?.iter().map(|&b| f32::from(b)).collect()),
            Values::F32(v) => Some(v.get(range)?.to_vec()),
        });
        found.ok_or_else(|| ReadError::Index {
            file: self.file.clone(),
            index,
            count: self.len(),
        })
    }
}

type Parsed = (Kind, Vec<usize>, Values, Option<Vec<u32>>);

/// Kind, shape with the number of samples first, values, labels.
fn parse(bytes: &[u8], file: &str) -> Result<Parsed, String> {
    let numbers = |(shape, values)| Ok((Kind::Numbers, shape, values, None));
    let pixels_if_bytes = |(shape, values): (Vec<usize>, Values)| {
        let kind = match values {
            Values::U8(_) => Kind::Pixels,
            Values::F32(_) => Kind::Numbers,
        };
        Ok((kind, shape, values, None))
    };
    if npy::is(bytes) {
        return pixels_if_bytes(npy::samples(bytes)?);
    }
    if image::is(bytes) {
        return pixels_if_bytes(image::sample(bytes)?);
    }
    if idx::is(bytes) {
        return pixels_if_bytes(idx::samples(bytes)?);
    }
    if cifar::is(bytes, file) {
        let (shape, values, labels) = cifar::samples(bytes);
        return Ok((Kind::Pixels, shape, values, Some(labels)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => numbers(csv::samples(text)?),
        Err(_) => {
            Err("neither IDX, NPY, CSV, PNG, JPEG, PPM nor CIFAR; is the file complete?".to_owned())
        }
    }
}

/// A sample's shape from the file's: the first axis counts samples.
fn sample_shape(shape: &[usize]) -> Result<Vec<usize>, String> {
    match shape {
        [_, rest @ ..] if (1..=MAX_RANK).contains(&rest.len()) => Ok(rest.to_vec()),
        _ => Err(format!("shape {shape:?} is not that of samples")),
    }
}

/// Labels, one number per sample: IDX, NPY, or text with one number per line.
///
/// # Errors
/// A file that cannot be read, or numbers that are not labels.
pub fn labels(path: &Path) -> Result<Vec<u32>, ReadError> {
    labels_from_bytes(&read_file(path)?, &path.display().to_string())
}

/// Labels from the content of a file (already unpacked).
///
/// # Errors
/// As [`labels`].
pub fn labels_from_bytes(bytes: &[u8], file: &str) -> Result<Vec<u32>, ReadError> {
    let parse = || -> Result<Vec<u32>, String> {
        let (shape, values) = if npy::is(bytes) {
            npy::samples(bytes)?
        } else if idx::is(bytes) {
            idx::samples(bytes)?
        } else {
            let text = std::str::from_utf8(bytes).map_err(|_| "no IDX, NPY or text")?;
            csv::samples(text)?
        };
        if shape.iter().skip(1).any(|&d| d != 1) {
            return Err(format!("shape {shape:?} is not one label per sample"));
        }
        match values {
            Values::U8(v) => Ok(v.into_iter().map(u32::from).collect()),
            Values::F32(v) => v.iter().enumerate().map(|(i, &v)| label(i, v)).collect(),
        }
    };
    parse().map_err(|what| ReadError::Content {
        file: file.to_owned(),
        what,
    })
}

/// Labels are exact in f32: they are small.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be an integer in range"
)]
fn label(index: usize, value: f32) -> Result<u32, String> {
    let in_range = (0.0..16_777_216.0).contains(&value);
    if in_range && value.fract().abs() == 0.0 {
        Ok(value as u32)
    } else {
        Err(format!("label {index} is {value}"))
    }
}

/// Content of a file; gzip is unpacked. At most [`MAX_BYTES`].
///
/// # Errors
/// The operating system refuses, the file is too large, or its gzip stream is damaged.
pub fn read_file(path: &Path) -> Result<Vec<u8>, ReadError> {
    let file = || path.display().to_string();
    let io = |error| ReadError::Io {
        file: file(),
        error,
    };
    let bytes = bounded(File::open(path).map_err(io)?).map_err(io)?;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        bounded(flate2::read::MultiGzDecoder::new(bytes.as_slice())).map_err(|e| {
            ReadError::Content {
                file: file(),
                what: format!("its gzip stream is damaged or truncated ({e})"),
            }
        })?
    } else {
        bytes
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadError::Content {
            file: file(),
            what: format!("it has more than {MAX_BYTES} bytes"),
        });
    }
    Ok(bytes)
}

/// All bytes, or one more than the limit.
fn bounded(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![];
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Number of bytes that a shape takes; `None` beyond the limit.
fn byte_length(shape: &[usize], size: usize) -> Option<usize> {
    shape
        .iter()
        .try_fold(size, |n, &d| n.checked_mul(d))
        .filter(|&n| n as u64 <= MAX_BYTES)
}

/// Rounds to f32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "raw values are f32 from here on; infinities are refused later"
)]
const fn to_f32(v: f64) -> f32 {
    v as f32
}

#[cfg(test)]
mod tests;
