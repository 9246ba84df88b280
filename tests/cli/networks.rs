//! Two processes over TLS.

use super::rig::*;

#[test]
fn several_inputs_share_a_session_and_equal_the_oracle() {
    let scratch = Scratch::new("session");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    for (serve, infer) in [
        (&["--threads", "1"][..], &[][..]),
        (
            &["--threads", "2", "--client-may-garble"],
            &["--threads", "2", "--garbler", "client"],
        ),
        (&["--link", "lan"], &["--reveal", "top:3"]),
    ] {
        let args = [
            "--model",
            &model,
            "--data",
            &digits,
            "--reveal",
            "logits",
            "--insecure-verify",
            "--sessions",
            "1",
        ];
        let mut server = Server::start(&ids, &[&args[..], serve].concat());
        let args = [
            "--input",
            &digits,
            "--index",
            "0,5,9",
            "--insecure-verify",
            "--json",
        ];
        let mut client = server.client(&ids, &[&args[..], infer].concat());
        if !infer.contains(&"--reveal") {
            client.args(["--reveal", "logits"]);
        }
        let lines = json_lines(&client.output().unwrap());
        assert_eq!(lines.len(), 3);
        for line in &lines {
            assert_eq!(line["exact"], true, "{line}");
            assert_eq!(line["label"], line["clear_label"]);
            if infer.contains(&"--reveal") {
                assert_eq!(line["top"].as_array().unwrap().len(), 3);
                assert!(line["logits"].is_null());
            } else {
                assert_eq!(line["logits"], line["clear_logits"]);
            }
        }
        assert_eq!(lines[0]["setup_bytes"], lines[2]["setup_bytes"]);
        assert_eq!(server.line()["inputs"], 3);
        assert!(server.child.wait().unwrap().success());
    }
}

#[test]
fn a_server_of_two_models_serves_by_name_and_survives_its_clients() {
    let scratch = Scratch::new("two-models");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let small = scratch.path("small.onnx");
    std::fs::copy(&model, &small).unwrap();
    let both = format!("{model},{small}");
    let server = Server::start(&ids, &["--model", &both, "--data", &digits]);
    let ask = |args: &[&str]| {
        server
            .client(
                &ids,
                &[&["--input", &digits, "--index", "1", "--json"], args].concat(),
            )
            .output()
            .unwrap()
    };

    let (code, line) = failure(&ask(&[]));
    assert_eq!(code, 4);
    assert!(
        line.contains("--model-name") && line.contains("small"),
        "{line}"
    );
    let (code, line) = failure(&ask(&["--model-name", "large"]));
    assert_eq!(
        (code, line.contains("no model 'large'")),
        (4, true),
        "{line}"
    );
    let (code, line) = failure(&ask(&["--model-name", "small", "--reveal", "logits"]));
    assert_eq!((code, line.contains("not granted")), (4, true), "{line}");
    let (code, line) = failure(&ask(&["--model-name", "small", "--max-bytes", "1MiB"]));
    assert_eq!((code, line.contains("--max-bytes")), (5, true), "{line}");
    let (code, line) = failure(&ask(&["--model-name", "small", "--max-memory", "1KiB"]));
    assert_eq!((code, line.contains("--max-memory")), (5, true), "{line}");

    let answer = json_lines(&ask(&["--model-name", "small"]));
    assert!(answer[0]["label"].as_u64().unwrap() < 10);
    assert!(answer[0]["logits"].is_null());
}

#[test]
fn trained_networks_give_their_logits_privately() {
    let Some(data) = data() else { return };
    let at = |name: &str| data.join(name).display().to_string();
    let scratch = Scratch::new("trained");
    let ids = Identities::new(&scratch);
    let (mnist, isolet) = (
        at("mnist/t10k-images-idx3-ubyte.gz"),
        at("isolet/isolet-test-features-i16e4.idx.gz"),
    );
    for (model, data, preprocess, frac) in [
        ("models/b1_mnist_cnn.onnx", &mnist, "divide=255", "12"),
        ("models/b3_isolet.onnx", &isolet, "divide=10000", "11"),
    ] {
        let model = at(model);
        let server = Server::start(
            &ids,
            &[
                "--model",
                &model,
                "--data",
                data,
                "--preprocess",
                preprocess,
                "--bits",
                "16",
                "--frac",
                frac,
                "--reveal",
                "logits",
                "--insecure-verify",
            ],
        );
        let args = [
            "--input",
            data,
            "--index",
            "0",
            "--reveal",
            "logits",
            "--insecure-verify",
            "--json",
        ];
        let lines = json_lines(&server.client(&ids, &args).output().unwrap());
        assert_eq!(lines[0]["exact"], true);
        assert_eq!(lines[0]["logits"], lines[0]["clear_logits"]);
    }
}
