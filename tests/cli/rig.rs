//! Starts the program and catches what it prints.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub(crate) fn privet(args: &[&str]) -> Output {
    command(args).output().expect("the program starts")
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privet"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("PRIVET_IDENTITY")
        .env_remove("PRIVET_STORE");
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code and the one line on standard error.
#[track_caller]
pub(crate) fn failure(output: &Output) -> (i32, String) {
    let stderr = text(&output.stderr);
    assert!(
        !stderr.contains("panicked") && !stderr.contains("backtrace"),
        "{stderr}"
    );
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|l| l.starts_with("privet: "))
        .collect();
    assert_eq!(lines.len(), 1, "one clear line, not: {stderr}");
    (
        output.status.code().expect("an exit code"),
        lines[0].to_owned(),
    )
}

/// A directory that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("privet-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Two identities in a scratch directory.
pub(crate) struct Identities {
    pub(crate) server: String,
    pub(crate) client: String,
    pub(crate) server_print: String,
    pub(crate) client_print: String,
}

impl Identities {
    pub(crate) fn new(scratch: &Scratch) -> Self {
        let make = |name: &str| {
            let directory = scratch.path(name);
            let output = privet(&["identity", "new", "--identity", &directory]);
            assert!(output.status.success(), "{}", text(&output.stderr));
            let shown = privet(&["identity", "show", "--identity", &directory]);
            assert_eq!(output.stdout, shown.stdout);
            (directory, text(&shown.stdout).trim().to_owned())
        };
        let (server, server_print) = make("server");
        let (client, client_print) = make("client");
        Self {
            server,
            client,
            server_print,
            client_print,
        }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
    lines: BufReader<std::process::ChildStdout>,
}

impl Server {
    pub(crate) fn start(ids: &Identities, args: &[&str]) -> Self {
        let mut child = command(&["serve", "--listen", "127.0.0.1:0", "--json"])
            .args(["--identity", &ids.server, "--allow", &ids.client_print])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let Ok(line) = serde_json::from_str::<Value>(&first) else {
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            panic!("the server did not listen: {stderr}");
        };
        let address = line["listening"].as_str().unwrap().to_owned();
        Self {
            child,
            address,
            lines,
        }
    }

    /// The next JSON line of the server.
    pub(crate) fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    /// A client that asks this server.
    pub(crate) fn client(&self, ids: &Identities, args: &[&str]) -> Command {
        let mut client = command(&[
            "infer",
            "--server",
            &self.address,
            "--peer",
            &ids.server_print,
        ]);
        client.args(["--identity", &ids.client]).args(args);
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The embedded demo's files, as a user's own.
pub(crate) fn demo(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/demo")
        .join(name)
        .display()
        .to_string()
}

/// Real models and data, where they are.
pub(crate) fn data() -> Option<PathBuf> {
    let place = std::env::var_os("PRIVET_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    if place.join("models").is_dir() {
        Some(place)
    } else {
        println!("skipped: no models and data in {}", place.display());
        None
    }
}

pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).expect(l))
        .collect()
}
