//! Runs a server and a client as two processes of this program over TLS on loopback.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Why a pair of processes gave no result.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A process could not be started or read.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A process failed.
    #[error("{who} ended with {status}: {stderr}")]
    Failed {
        /// `server` or `client`.
        who: &'static str,
        /// Exit status.
        status: String,
        /// Its last words.
        stderr: String,
    },
    /// A process printed something else than expected.
    #[error("{who} printed what is not expected: {line}")]
    Output {
        /// `server` or `client`.
        who: &'static str,
        /// The line.
        line: String,
    },
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// The program.
    pub program: &'a Path,
    /// Directory for the two identities and for nothing else.
    pub scratch: &'a Path,
    /// Arguments of `serve` beside identity and address.
    pub serve: Vec<String>,
    /// Arguments of `infer` beside identity, peer and address.
    pub infer: Vec<String>,
}

/// What the two processes printed: the client's JSON lines and the server's.
#[derive(Debug, Clone)]
pub struct Printed {
    /// One object per input.
    pub client: Vec<Value>,
    /// One object per session.
    pub server: Vec<Value>,
}

/// A child that does not outlive its owner.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may be gone already; either way there is nothing left to do about it.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Pair<'_> {
    /// Runs both to their ends.
    ///
    /// # Errors
    /// A process fails or prints nonsense.
    pub fn run(&self) -> Result<Printed, PairError> {
        let (server_dir, client_dir) = (self.scratch.join("server"), self.scratch.join("client"));
        let server_print = self.identity(&server_dir)?;
        let client_print = self.identity(&client_dir)?;
        let mut server = Guarded(
            Command::new(self.program)
                .args([
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--sessions",
                    "1",
                    "--parallel",
                    "1",
                    "--json",
                ])
                .arg("--identity")
                .arg(&server_dir)
                .args(["--allow", &client_print])
                .args(&self.serve)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .map_err(|source| PairError::Io {
                    what: "start the server",
                    source,
                })?,
        );
        let stdout = server.0.stdout.take();
        let mut lines = BufReader::new(stdout.ok_or_else(|| no_pipe("server"))?);
        let address = match first_line(&mut lines) {
            Ok(line) if !line.is_empty() => listening(&line)?,
            _ => return Err(failed("server", &mut server.0)),
        };
        let output = Command::new(self.program)
            .args([
                "infer",
                "--server",
                &address,
                "--peer",
                &server_print,
                "--json",
            ])
            .arg("--identity")
            .arg(&client_dir)
            .args(&self.infer)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| PairError::Io {
                what: "start the client",
                source,
            })?;
        if !output.status.success() {
            return Err(PairError::Failed {
                who: "client",
                status: output.status.to_string(),
                stderr: last_words(&output.stderr),
            });
        }
        let mut rest = String::new();
        lines
            .read_to_string(&mut rest)
            .map_err(|source| PairError::Io {
                what: "read the server's output",
                source,
            })?;
        let client = json_lines("client", &String::from_utf8_lossy(&output.stdout))?;
        Ok(Printed {
            client,
            server: json_lines("server", &rest)?,
        })
    }

    fn identity(&self, directory: &PathBuf) -> Result<String, PairError> {
        let action = if directory.exists() { "show" } else { "new" };
        let output = Command::new(self.program)
            .args(["identity", action, "--identity"])
            .arg(directory)
            .output()
            .map_err(|source| PairError::Io {
                what: "make an identity",
                source,
            })?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() {
            Ok(text)
        } else {
            Err(PairError::Failed {
                who: "identity",
                status: output.status.to_string(),
                stderr: last_words(&output.stderr),
            })
        }
    }
}

fn no_pipe(who: &'static str) -> PairError {
    PairError::Output {
        who,
        line: "no output pipe".to_owned(),
    }
}

fn first_line(lines: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// The address in the server's first JSON line.
fn listening(line: &str) -> Result<String, PairError> {
    serde_json::from_str::<Value>(line)
        .ok()
        .and_then(|v| {
            v.get("listening")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .ok_or_else(|| PairError::Output {
            who: "server",
            line: line.to_owned(),
        })
}

fn failed(who: &'static str, child: &mut Child) -> PairError {
    let mut stderr = Vec::new();
    if let Some(pipe) = child.stderr.as_mut() {
        // What cannot be read is left out of the message.
        drop(pipe.read_to_end(&mut stderr));
    }
    let status = child
        .wait()
        .map_or_else(|e| e.to_string(), |s| s.to_string());
    PairError::Failed {
        who,
        status,
        stderr: last_words(&stderr),
    }
}

fn last_words(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr)
        .trim()
        .lines()
        .last()
        .unwrap_or("")
        .to_owned()
}

fn json_lines(who: &'static str, text: &str) -> Result<Vec<Value>, PairError> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            serde_json::from_str(line).map_err(|_| PairError::Output {
                who,
                line: line.to_owned(),
            })
        })
        .collect()
}
