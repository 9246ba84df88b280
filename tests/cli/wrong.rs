//! Wrong input: one clear line, the documented exit code, no panic.

use super::rig::*;

#[test]
fn wrong_options_are_usage_errors() {
    for args in [
        &["serve"][..],
        &["infer", "--server", "127.0.0.1:1", "--input", "x"],
        &["demo", "--backend", "magic"],
        &["plan", "x", "--link", "fast"],
        &["quantise", "x", "--bits", "99", "-o", "y"],
        &["quantise", "x", "--profile", "drop-99", "-o", "y"],
        &["nonsense"],
    ] {
        let output = privet(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn wrong_files_are_named() {
    let scratch = Scratch::new("wrong-files");
    let (missing, garbage) = (scratch.path("missing.onnx"), scratch.path("garbage.onnx"));
    std::fs::write(&garbage, [0xa5; 1000]).unwrap();
    let model = demo("digits.onnx");
    let truncated = scratch.path("truncated.onnx");
    let whole = std::fs::read(&model).unwrap();
    std::fs::write(&truncated, &whole[..whole.len() / 2]).unwrap();
    for file in [&missing, &garbage, &truncated] {
        for command in ["inspect", "plan"] {
            let (code, line) = failure(&privet(&[command, file]));
            assert_eq!(code, 3, "{line}");
            assert!(
                line.contains(file.as_str())
                    || line.contains("truncated")
                    || line.contains("garbage"),
                "{line}"
            );
        }
    }
    // Data of another shape.
    let csv = scratch.path("short.csv");
    std::fs::write(&csv, "1,2,3\n4,5,6\n").unwrap();
    let (code, line) = failure(&privet(&[
        "evaluate",
        &model,
        "--data",
        &demo("digits.idx"),
        "--input",
        &csv,
    ]));
    assert_eq!(code, 3, "{line}");
    let (code, line) = failure(&privet(&[
        "evaluate", &model, "--data", &csv, "--input", &csv,
    ]));
    assert_eq!(code, 3, "{line}");
    let (code, _) = failure(&privet(&["netlist", "stats", &missing]));
    assert_eq!(code, 3);
    let (code, _) = failure(&privet(&["netlist", "eval", "add16", "--input", "a=1"]));
    assert_eq!(code, 2);
    let (code, _) = failure(&privet(&["gc", "run", "add16", "--garbler", "a=1,q=2"]));
    assert_eq!(code, 2);
}

#[test]
fn what_overflows_is_refused_by_layer() {
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let (code, line) = failure(&privet(&[
        "plan", &model, "--bits", "8", "--frac", "7", "--data", &digits,
    ]));
    assert_eq!(code, 3);
    assert!(line.contains("bit"), "{line}");
}

#[test]
fn strangers_and_wrong_servers_are_refused() {
    let scratch = Scratch::new("strangers");
    let ids = Identities::new(&scratch);
    let stranger = scratch.path("stranger");
    let made = privet(&["identity", "new", "--identity", &stranger]);
    let print = text(&made.stdout).trim().to_owned();
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let server = Server::start(&ids, &["--model", &model, "--data", &digits]);
    let base = [
        "infer",
        "--server",
        &server.address,
        "--input",
        &digits,
        "--index",
        "0",
    ];

    let wrong_server =
        privet(&[&base[..], &["--peer", &print, "--identity", &ids.client]].concat());
    let (code, line) = failure(&wrong_server);
    assert_eq!(code, 4);
    assert!(
        line.contains(&ids.server_print) && line.contains(&print),
        "{line}"
    );

    let not_allowed = privet(
        &[
            &base[..],
            &["--peer", &ids.server_print, "--identity", &stranger],
        ]
        .concat(),
    );
    let (code, line) = failure(&not_allowed);
    assert_eq!(code, 4, "{line}");

    // The server is still there for those it knows.
    let known = server
        .client(&ids, &["--input", &digits, "--index", "0", "--json"])
        .output()
        .unwrap();
    assert_eq!(json_lines(&known).len(), 1);
}

#[test]
fn a_port_in_use_a_server_that_is_not_there_and_nobody_allowed() {
    let scratch = Scratch::new("ports");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let base = [
        "serve",
        "--model",
        &model,
        "--data",
        &digits,
        "--identity",
        &ids.server,
        "--listen",
        &address,
    ];
    let (code, line) = failure(&privet(
        &[&base[..], &["--allow", &ids.client_print]].concat(),
    ));
    assert_eq!(code, 4);
    assert!(line.contains(&address), "{line}");
    let (code, line) = failure(&privet(&base));
    assert_eq!(code, 2);
    assert!(line.contains("--allow"), "{line}");

    // A port that was free a moment ago may be another test's by now; nobody is given this one.
    let nobody = "127.0.0.1:1";
    let absent = privet(&[
        "infer",
        "--server",
        nobody,
        "--peer",
        &ids.server_print,
        "--identity",
        &ids.client,
        "--input",
        &digits,
    ]);
    let (code, line) = failure(&absent);
    assert_eq!(code, 4);
    assert!(line.contains(nobody), "{line}");
}

#[test]
fn a_reader_that_leaves_is_no_failure_and_a_full_disk_is() {
    let mut child = command(&["netlist", "stats"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let output = command(&["netlist", "list"])
        .stdout(std::fs::File::create(full).unwrap())
        .output()
        .unwrap();
    let (code, line) = failure(&output);
    assert_eq!(code, 3, "{line}");
    assert!(line.contains("standard output"), "{line}");
}
