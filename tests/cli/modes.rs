//! The largest parameters under encryption, as a user asks for them.

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
