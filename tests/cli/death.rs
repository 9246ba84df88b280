//! A peer that dies in the middle: the other side ends soon, with one line.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::rig::*;

/// A slow link, so that an inference is under way for long enough.
const SLOW: [&str; 2] = ["--link", "40,10"];

#[test]
fn the_client_ends_when_the_server_is_killed() {
    let scratch = Scratch::new("kill-server");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let mut server = Server::start(
        &ids,
        &[&["--model", &model, "--data", &digits][..], &SLOW].concat(),
    );
    let args = ["--input", &digits, "--index", "0", "--json"];
    let client = server
        .client(&ids, &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    server.child.kill().unwrap();
    let started = Instant::now();
    let output = client.wait_with_output().unwrap();
    assert!(started.elapsed() < Duration::from_secs(12));
    let (code, line) = failure(&output);
    assert_eq!(code, 4, "{line}");
}

#[test]
fn the_server_ends_its_session_when_the_client_is_killed() {
    let scratch = Scratch::new("kill-client");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let args = ["--model", &model, "--data", &digits, "--sessions", "1"];
    let mut server = Server::start(&ids, &[&args[..], &SLOW].concat());
    let args = ["--input", &digits, "--index", "0", "--json"];
    let mut client = server
        .client(&ids, &args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    client.kill().unwrap();
    client.wait().unwrap();
    let started = Instant::now();
    let status = server.child.wait().unwrap();
    assert!(started.elapsed() < Duration::from_secs(12));
    assert_eq!(status.code(), Some(4));
}
