//! The samples of one or several files, as one list.

use std::path::{Path, PathBuf};

use privet_model::graph::Graph;
use privet_model::preprocess::Preprocess;
use privet_model::readers::{Kind as Values, Samples};

use crate::failure::{Failure, Kind};
use crate::models::{effective_preprocess, prepare, samples};

/// Samples in the order of their files; images need not be of one size.
pub(crate) struct Inputs {
    files: Vec<Samples>,
}

impl Inputs {
    /// Reads all files.
    ///
    /// # Errors
    /// No file; one that cannot be read; images beside other numbers.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, Failure> {
        let files = paths.iter().map(|path| samples(path));
        let files: Vec<Samples> = files.collect::<Result<_, _>>()?;
        let Some(first) = files.first() else {
            return Err(Failure::usage("no file of samples is given"));
        };
        if let Some(other) = files.iter().find(|file| file.kind() != first.kind()) {
            let line = format!(
                "{} and {}: one holds bytes of images, the other does not; give files of one kind",
                first.file(),
                other.file()
            );
            return Err(Failure::new(Kind::File, line));
        }
        Ok(Self { files })
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.files.iter().map(Samples::len).sum()
    }

    /// What the raw numbers are.
    pub(crate) fn kind(&self) -> Values {
        self.files.first().map_or(Values::Numbers, Samples::kind)
    }

    /// The model's preprocessing, or what the data suggests.
    pub(crate) fn preprocess(&self, graph: &Graph) -> Preprocess {
        let first = self.files.first();
        first.map_or_else(
            || graph.preprocess.clone().unwrap_or_default(),
            |first| effective_preprocess(graph, first),
        )
    }

    /// A sample as the network gets it.
    ///
    /// # Errors
    /// There is none with that index; a shape that does not fit.
    pub(crate) fn prepare(
        &self,
        index: usize,
        preprocess: &Preprocess,
        shape: &[usize],
    ) -> Result<Vec<f32>, Failure> {
        let mut at = index;
        for file in &self.files {
            if at < file.len() {
                return prepare(file, at, preprocess, shape);
            }
            at -= file.len();
        }
        let count = self.len();
        let line = format!("sample {index} of {count} does not exist; the first is 0");
        Err(Failure::new(Kind::File, line))
    }

    /// The labels that the files themselves have; none where one has none.
    pub(crate) fn labels(&self) -> Option<Vec<u32>> {
        let each = self.files.iter().map(|file| file.labels());
        let each: Vec<&[u32]> = each.collect::<Option<_>>()?;
        Some(each.concat())
    }
}

/// The names of files, for a line to the user.
pub(crate) fn named(paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| Path::display(path).to_string());
    names.collect::<Vec<_>>().join(", ")
}
