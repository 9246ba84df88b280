//! What this machine does per second, as `privet plan --calibrate` measured it.
//!
//! A file of JSON, `rates.json` below `privet` in the user's state directory: a version, and for each machine and number of threads the
//! fields of [`Rates`]. Machines are told apart by processor, cores and operating system, so that one home directory serves several.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use privet_benchmarks::machine;
use privet_plan::Rates;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Kind};
use crate::terminal::note;

/// The form of the file.
const VERSION: u32 = 1;

/// The largest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// Where measured rates lie.
#[derive(Args, Clone, Default)]
pub(crate) struct RatesPlace {
    /// File of measured rates [default: privet/rates.json in the user's state directory].
    #[arg(long = "rates", value_name = "FILE", env = "PRIVET_RATES")]
    file: Option<PathBuf>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    privet_rates: u32,
    measured: Vec<Measured>,
}

/// One measurement.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    machine: String,
    threads: u8,
    rates: Rates,
}

/// Rates, and whether they were measured here.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) rates: Rates,
    pub(crate) measured: bool,
}

impl Known {
    const ASSUMED: fn() -> Self = || Self {
        rates: Rates::default(),
        measured: false,
    };

    /// In a word.
    pub(crate) const fn origin(self) -> &'static str {
        if self.measured { "measured" } else { "assumed" }
    }
}

impl RatesPlace {
    fn path(&self) -> Option<PathBuf> {
        if let Some(file) = &self.file {
            return Some(file.clone());
        }
        let state = std::env::var_os("XDG_STATE_HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from)
            .or_else(|| {
                let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
                Some(PathBuf::from(home).join(".local/state"))
            });
        state.map(|state| state.join("privet").join("rates.json"))
    }

    /// What was measured on this machine with so many threads, or else what is assumed of any.
    ///
    /// # Errors
    /// A file that is damaged, or one that was named and is not there.
    pub(crate) fn load(&self, threads: u8) -> Result<Known, Failure> {
        let Some(path) = self.path() else {
            return Ok(Known::ASSUMED());
        };
        let stored = match read(&path)? {
            Some(stored) => stored,
            None if self.file.is_some() => {
                let hint = "no such file; privet plan --calibrate --rates FILE makes it";
                return Err(Failure::file(path.display(), hint));
            }
            None => return Ok(Known::ASSUMED()),
        };
        let machine = machine::description();
        let here = |m: &&Measured| m.machine == machine && m.threads == threads;
        Ok(stored
            .measured
            .iter()
            .find(here)
            .map_or_else(Known::ASSUMED, |found| Known {
                rates: found.rates,
                measured: true,
            }))
    }

    /// The same where estimates are a courtesy: a damaged file is told of and left aside.
    pub(crate) fn load_or_say(&self, threads: u8) -> Known {
        self.load(threads).unwrap_or_else(|failure| {
            note!("privet: warning: {}", failure.line());
            Known::ASSUMED()
        })
    }

    /// Keeps what was measured on this machine with so many threads; the file where it lies now. A damaged file is replaced.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn store(&self, threads: u8, rates: Rates) -> Result<PathBuf, Failure> {
        let path = self
            .path()
            .ok_or_else(|| Failure::usage("no home directory: say where with --rates FILE"))?;
        let machine = machine::description();
        let mut measured = match read(&path) {
            Ok(Some(stored)) => stored.measured,
            Ok(None) | Err(_) => Vec::new(),
        };
        measured.retain(|m| m.machine != machine || m.threads != threads);
        measured.push(Measured {
            machine,
            threads,
            rates,
        });
        let stored = Stored {
            privet_rates: VERSION,
            measured,
        };
        let failed = |e: std::io::Error| Failure::file(path.display(), e);
        let text = serde_json::to_string_pretty(&stored).map_err(|e| failed(e.into()))?;
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        // Whole or not at all: another process may read it now.
        let mut name = path.clone().into_os_string();
        name.push(format!(".{}", std::process::id()));
        let fresh = PathBuf::from(name);
        let written = fs::File::create(&fresh)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&fresh, &path));
        if written.is_err() {
            // Nothing of it is of use.
            drop(fs::remove_file(&fresh));
        }
        written.map_err(failed)?;
        Ok(path)
    }
}

/// The file, checked; `None` where there is none.
fn read(path: &Path) -> Result<Option<Stored>, Failure> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path.display(), error)),
    };
    let mut text = String::new();
    file.take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::file(path.display(), error))?;
    let damaged = |what: &dyn std::fmt::Display| {
        let line = format!(
            "{}: not a file of rates ({what}); privet plan --calibrate writes a new one",
            path.display()
        );
        Failure::new(Kind::File, line)
    };
    let stored: Stored = serde_json::from_str(&text).map_err(|e| damaged(&e))?;
    if stored.privet_rates != VERSION {
        let what = format!("version {}, this is {VERSION}", stored.privet_rates);
        return Err(damaged(&what));
    }
    for measured in &stored.measured {
        measured.rates.check().map_err(|e| damaged(&e))?;
    }
    Ok(Some(stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> (PathBuf, RatesPlace) {
        let name = format!("privet-rates-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name).join("rates.json");
        let file = Some(path.clone());
        (path, RatesPlace { file })
    }

    #[test]
    fn what_was_measured_is_found_again() {
        let (path, place) = place("found");
        let missing = place.load(1).err().unwrap();
        assert!(
            missing.line().contains("no such file"),
            "{}",
            missing.line()
        );
        let rates = |gates| Rates {
            gates,
            ..Rates::default()
        };
        place.store(1, rates(1.5)).unwrap();
        place.store(2, rates(2.5)).unwrap();
        place.store(1, rates(3.25)).unwrap();
        let gates = |threads| {
            let known = place.load(threads).unwrap();
            (known.rates.gates, known.measured)
        };
        assert_eq!(gates(1), (3.25, true));
        assert_eq!(gates(2), (2.5, true));
        assert_eq!(gates(3), (Rates::default().gates, false));
        // Another machine's are not taken for this one's.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("cores", "kernels")).unwrap();
        assert!(!place.load(1).unwrap().measured);
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn damaged_files_are_told_in_a_line() {
        let (path, place) = place("damaged");
        place.store(1, Rates::default()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let cut = text.get(..text.len() / 2).unwrap().to_owned();
        let other = text.replace("\"privet_rates\": 1", "\"privet_rates\": 9");
        let zero = text.replace("\"gates\": 20000000.0", "\"gates\": 0.0");
        let unknown = text.replace("\"gates\"", "\"fences\"");
        for damaged in [cut, other, zero, unknown, String::new(), "[]".to_owned()] {
            assert_ne!(damaged, text);
            fs::write(&path, &damaged).unwrap();
            let failure = place.load(1).err().unwrap();
            assert_eq!(failure.line().lines().count(), 1);
            assert!(failure.line().contains("--calibrate"), "{}", failure.line());
            assert!(!place.load_or_say(1).measured);
        }
        place.store(1, Rates::default()).unwrap();
        assert!(place.load(1).unwrap().measured);
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
