//! Profile `approx`: what the user is told of answers that are not exact.

use serde_json::Value;

use super::rig::*;

struct Quantised {
    scratch: Scratch,
    digits: String,
}

impl Quantised {
    fn new(name: &str) -> Self {
        Self {
            scratch: Scratch::new(name),
            digits: demo("digits.idx"),
        }
    }

    fn quantise(&self, profile: &str, more: &[&str]) -> (String, std::process::Output) {
        let (model, file) = (
            demo("digits.onnx"),
            self.scratch.path(&format!("{profile}.pvq")),
        );
        let on = ["quantise", &model, "-o", &file, "--profile", profile];
        let made = privet(&[&on[..], more].concat());
        (file, made)
    }

    fn data(&self) -> [&str; 2] {
        ["--data", &self.digits]
    }
}

fn said(args: &[&str]) -> String {
    let output = privet(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The number in front of a word.
fn before(line: &str, word: &str) -> f64 {
    let at = line.find(word).expect(word);
    let number = line[..at].split(' ').rfind(|part| !part.is_empty());
    number.unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn the_rate_of_errors_is_measured_told_and_kept() {
    let on = Quantised::new("approx-rate");
    let (file, made) = on.quantise("approx", &on.data());
    let line = text(&made.stdout);
    assert!(line.contains("profile approx"), "{line}");
    // A rounding by a uniform number is one unit beside the nearest in a quarter of the cases.
    let share = before(&line, "% of");
    assert!((23.0..27.0).contains(&share), "{line}");
    let shown = said(&["inspect", &file]);
    assert!(shown.contains(line.lines().last().unwrap()), "{shown}");
    let shown = said(&["inspect", &file, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let found = &shown["found"]["deviations"];
    assert!(found["inputs"].as_u64() > Some(10), "{found}");
    let layers = found["truncations"].as_array().unwrap();
    assert!(!layers.is_empty());
    for layer in layers {
        let count = |key: &str| layer[key].as_u64().unwrap();
        let (values, differing) = (count("values"), count("differing"));
        assert!(
            5 * differing > values && 10 * differing < 3 * values,
            "{layer}"
        );
    }
    // Also on inputs of the user's.
    let evaluate = ["evaluate", &file, "--input", &on.digits, "--count", "20"];
    let labels = demo("digits-labels.idx");
    let told = said(&[&evaluate[..], &["--labels", &labels]].concat());
    assert!(
        told.contains("20 inputs") && told.contains("are one unit off"),
        "{told}"
    );
    let told = said(&[&evaluate[..], &["--labels", &labels, "--json"]].concat());
    let told: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(told["deviations"]["inputs"], 20);
    // An exact network has nothing to say.
    let (exact, made) = on.quantise("exact", &on.data());
    assert!(!text(&made.stdout).contains("one unit"));
    for args in [
        &["inspect", &exact][..],
        &["plan", &exact, "--backend", "ot"],
    ] {
        assert!(!said(args).contains("approx"));
    }
}

#[test]
fn no_report_calls_approximate_answers_exact() {
    let on = Quantised::new("approx-bench");
    let (file, _) = on.quantise("approx", &on.data());
    let plan = said(&["plan", &file, "--backend", "hybrid"]);
    assert!(
        plan.contains("within one unit each; the answer is not exact"),
        "{plan}"
    );
    assert!(!plan.contains("a wrong result at most"), "{plan}");
    let plan = said(&["plan", &file, "--backend", "auto", "--json"]);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!(["ot", "hybrid"].contains(&plan["backend"].as_str().unwrap()));
    assert_eq!(plan["profile"], "approx");
    assert!(plan["approximations"]["truncations"].as_u64() > Some(0));
    for more in [&[][..], &["--no-prepare"]] {
        let bench = [
            "bench",
            "imagenet",
            "--json",
            "--model",
            &file,
            "--backend",
            "ot,hybrid",
        ];
        let input = ["--input", &on.digits, "--index", "0,3,5"];
        let table = said(&[&bench[..], &input, more].concat());
        let table: Value = serde_json::from_str(&table).unwrap();
        let rows = table["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert!(row.get("exact").is_none(), "{row}");
            assert_eq!(
                (&row["profile"], &row["inputs"]),
                (&"approx".into(), &3.into())
            );
            assert_eq!(row["logits"], 30);
            assert_eq!(row["simulated"]["inputs"], 3);
            let share = row["truncations_differing_share"].as_f64().unwrap();
            assert!((0.2..0.3).contains(&share), "{row}");
            let number = |key: &str| row[key].as_u64().unwrap();
            assert!(number("logits_differing") <= 30 && number("greatest_difference") < 64);
            assert_eq!(
                number("logits_differing") == 0,
                number("greatest_difference") == 0
            );
            assert!(number("labels_equal") <= 3);
        }
    }
}

#[test]
fn what_approx_cannot_be_is_refused_with_one_line() {
    let on = Quantised::new("approx-refused");
    let (file, _) = on.quantise("approx", &on.data());
    for backend in ["gc", "gc+ot"] {
        let listen = ["--listen", "127.0.0.1:0", "--insecure-plain"];
        let plan = ["plan", &file, "--backend", backend];
        let serve = ["serve", "--model", &file, "--backend", backend];
        for args in [plan.to_vec(), [&serve[..], &listen].concat()] {
            let (code, line) = failure(&privet(&args));
            assert_eq!(code, 3, "{line}");
            assert!(
                line.contains("profile approx") && line.contains("--backend ot or hybrid"),
                "{line}"
            );
        }
    }
    for (option, more) in [
        ("truncate", &["--truncate", "late"][..]),
        ("publish-sparsity", &["--publish-sparsity"]),
    ] {
        let (_, made) = on.quantise("approx", &[&on.data()[..], more].concat());
        let (code, line) = failure(&made);
        assert_eq!(code, 3, "{line}");
        assert!(
            line.contains(option) && line.contains("profile approx"),
            "{line}"
        );
    }
    let (code, line) = failure(
        &on.quantise("approx", &[&on.data()[..], &["--auto"]].concat())
            .1,
    );
    assert_eq!((code, line.contains("approx")), (2, true), "{line}");
    let (_, made) = on.quantise("approximate", &on.data());
    assert_eq!(made.status.code(), Some(2));
    assert!(text(&made.stderr).contains("none of exact, approx and drop-K"));
}

/// What people read, from both sides.
#[test]
fn client_and_server_say_that_the_answer_is_not_exact() {
    let on = Quantised::new("approx-parties");
    let (file, _) = on.quantise("approx", &on.data());
    let ids = Identities::new(&on.scratch);
    let open = ["--reveal", "logits", "--insecure-verify"];
    let serve = ["--model", &file, "--backend", "ot,hybrid"];
    let mut server = Server::start(&ids, &[&serve[..], &open].concat());
    let input = ["--input", &on.digits, "--index", "0,1", "--backend", "ot"];
    for (more, verdict) in [
        (&open[..], "of 10 logits differ, by"),
        (&open[2..], "the label of"),
    ] {
        let output = server
            .client(&ids, &[&input[..], more].concat())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("the answer is not exact"));
        let told = text(&output.stdout);
        assert_eq!(told.matches("the answer is not exact").count(), 2, "{told}");
        assert!(!told.contains("equal to"), "{told}");
        // A label may differ, though these do not.
        assert_eq!(told.matches(verdict).count(), 2, "{told}");
        let served = server.line();
        for inference in served["inferences"].as_array().unwrap() {
            assert!(
                inference["approximations"]["values"].as_u64() > Some(0),
                "{served}"
            );
        }
    }
    // Garbled circuits are not for this network; the client hears why.
    let refused = server.client(&ids, &["--input", &on.digits, "--backend", "gc"]);
    let (code, line) = failure(&{ refused }.output().unwrap());
    assert_eq!(
        (code, line.contains("gc is not granted")),
        (4, true),
        "{line}"
    );
}
