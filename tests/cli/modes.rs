//! The largest parameters under encryption, and inferences before which nothing is prepared, as a user asks for them.

use serde_json::Value;

use super::rig::*;

/// The embedded network's plan under a backend.
fn plan(args: &[&str]) -> Value {
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let base = ["plan", &model, "--data", &digits, "--json"];
    json_lines(&privet(&[&base[..], args].concat())).remove(0)
}

#[test]
fn strict_is_planned_served_and_reported() {
    let usual = plan(&["--backend", "hybrid"]);
    let strict = plan(&["--backend", "hybrid", "--strict"]);
    let bits = |plan: &Value| plan["encryption"]["bits_per_inference"].as_f64().unwrap();
    assert_eq!(strict["encryption"]["set"], "Strict");
    assert!(bits(&strict) > 70.0 && bits(&strict) > bits(&usual) + 30.0);
    assert_ne!(usual["hash"], strict["hash"]);
    // Nothing is encrypted, so nothing changes.
    let ot = |args: &[&str]| plan(&[&["--backend", "ot"], args].concat());
    assert_eq!(ot(&[])["hash"], ot(&["--strict"])["hash"]);

    let scratch = Scratch::new("strict");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let serve = ["--model", &model, "--data", &digits, "--insecure-verify"];
    let infer = [
        "--input",
        &digits,
        "--index",
        "3",
        "--backend",
        "hybrid",
        "--insecure-verify",
        "--json",
    ];
    for (server, client) in [
        (&["--strict"][..], &[][..]),
        (&[], &["--strict"]),
        (&["--strict"], &["--strict"]),
    ] {
        let server = Server::start(&ids, &[&serve[..], server].concat());
        let mut asked = server.client(&ids, &[&infer[..], client].concat());
        let hash = strict["hash"].as_str().unwrap();
        asked.args(["--plan", hash]);
        let line = json_lines(&asked.output().unwrap()).remove(0);
        assert_eq!(line["exact"], true);
        assert_eq!(line["encryption"], strict["encryption"]);
        assert_eq!(line["bytes"], strict["bytes"]);
    }
}

#[test]
fn an_inference_without_preparation_is_planned_run_and_reported() {
    let scratch = Scratch::new("no-prepare");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let serve = ["--model", &model, "--data", &digits, "--insecure-verify"];
    let server = Server::start(&ids, &serve);
    // What is stored is for others.
    let prepared = ["prepare", "--server", &server.address, "--count", "1"];
    let peer = ["--peer", &ids.server_print, "--identity", &ids.client];
    let prepared = privet(&[&prepared[..], &peer].concat());
    assert!(prepared.status.success(), "{}", text(&prepared.stderr));
    let infer = ["--input", &digits, "--index", "3", "--insecure-verify"];
    for backend in ["ot", "hybrid"] {
        let args = ["--backend", backend, "--no-prepare"];
        let (usual, planned) = (plan(&args[..2]), plan(&args));
        assert_eq!(planned["all_online"], true);
        assert_eq!(planned["offline"]["bytes"], 0);
        assert_eq!(usual["all_online"], false);
        let ask = |more: &[&str]| {
            let args = [&infer[..], &args, more].concat();
            server.client(&ids, &args).output().unwrap()
        };
        let hash = planned["hash"].as_str().unwrap();
        let line = json_lines(&ask(&["--plan", hash, "--json"])).remove(0);
        assert_eq!(
            (&line["exact"], &line["all_online"]),
            (&true.into(), &true.into())
        );
        assert_eq!(
            (&line["prepared"], &line["offline"]["bytes"]),
            (&false.into(), &0.into())
        );
        assert_eq!(line["bytes"], planned["bytes"]);
        assert_eq!(line["online"]["bytes"], planned["online"]["bytes"]);
        let shown = text(&ask(&[]).stdout);
        assert!(shown.contains("nothing was prepared"), "{shown}");
    }
    let usual = [&infer[..], &["--backend", "ot", "--json"]].concat();
    let line = json_lines(&server.client(&ids, &usual).output().unwrap()).remove(0);
    assert_eq!(
        (&line["prepared"], &line["all_online"]),
        (&true.into(), &false.into())
    );
}

#[test]
fn what_garbled_circuits_do_not_prepare_cannot_be_left_out() {
    let scratch = Scratch::new("no-prepare-gc");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let base = [
        "--server",
        "127.0.0.1:1",
        "--peer",
        &ids.server_print,
        "--input",
        &digits,
    ];
    let infer = [&["infer"], &base[..], &["--no-prepare"]].concat();
    let plan = ["plan", &model, "--backend", "gc", "--no-prepare"];
    let bench = ["bench", "imagenet", "--model", &model, "--input", &digits];
    let bench = [&bench[..], &["--backend", "hybrid,gc", "--no-prepare"]].concat();
    for args in [&infer[..], &plan, &bench] {
        let (code, line) = failure(&privet(args));
        assert_eq!(code, 2, "{line}");
        assert!(
            line.contains("--no-prepare") && line.contains("gc"),
            "{line}"
        );
    }
}
