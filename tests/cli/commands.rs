//! Every command with right input.

use super::rig::*;
use serde_json::Value;

#[test]
fn the_demo_is_exact_and_says_its_cost() {
    for index in ["0", "17"] {
        let output = privet(&["demo", "--json", "--index", index]);
        let last = json_lines(&output).pop().unwrap();
        assert_eq!(last["exact"], true);
        assert_eq!(last["label"], last["clear_label"]);
        for field in ["ands", "bytes", "seconds"] {
            assert!(last[field].as_f64().unwrap() > 0.0, "{field}");
        }
    }
    let shown = text(&privet(&["demo", "--index", "3"]).stdout);
    assert!(
        shown.contains("equal to the clear fixed-point result"),
        "{shown}"
    );
    assert!(shown.contains("the client learns: label"));
}

#[test]
fn the_demo_runs_on_every_backend() {
    for backend in ["ot", "gc+ot", "hybrid", "auto"] {
        let output = privet(&["demo", "--json", "--index", "5", "--backend", backend]);
        let last = json_lines(&output).pop().unwrap();
        assert_eq!(last["exact"], true, "{backend}");
        let part = |name: &str| last[name]["bytes"].as_u64().unwrap();
        assert_eq!(last["bytes"], part("offline") + part("online"), "{backend}");
        assert!(part("offline") > 0, "{backend}");
    }
}

#[test]
fn identities_are_private_and_never_replaced() {
    let scratch = Scratch::new("identity");
    let ids = Identities::new(&scratch);
    assert!(ids.server_print.starts_with("sha256:") && ids.server_print != ids.client_print);
    let again = privet(&["identity", "new", "--identity", &ids.server]);
    let (code, line) = failure(&again);
    assert_eq!(code, 3);
    assert!(line.contains("exists already"), "{line}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&ids.server).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn a_model_is_quantised_inspected_planned_and_evaluated() {
    let scratch = Scratch::new("quantise");
    let (model, digits, labels) = (
        demo("digits.onnx"),
        demo("digits.idx"),
        demo("digits-labels.idx"),
    );
    let quantised = scratch.path("digits.pvq");
    let made = privet(&[
        "quantise", &model, "--bits", "16", "--frac", "auto", "--data", &digits, "-o", &quantised,
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));

    let one = privet(&[
        "evaluate", &quantised, "--input", &digits, "--labels", &labels, "--json",
    ]);
    let two = privet(&[
        "evaluate", &model, "--data", &digits, "--input", &digits, "--labels", &labels, "--json",
    ]);
    let (one, two) = (
        json_lines(&one).pop().unwrap(),
        json_lines(&two).pop().unwrap(),
    );
    assert_eq!(one["fixed_accuracy"], two["fixed_accuracy"]);
    assert!(one["fixed_accuracy"].as_f64().unwrap() >= 0.9);

    let planned = |backend| {
        let output = privet(&["plan", &quantised, "--backend", backend, "--json"]);
        json_lines(&output).pop().unwrap()
    };
    let backends = ["gc", "ot", "gc+ot", "hybrid"];
    let plans = backends.map(planned);
    for (plan, backend) in plans.iter().zip(backends) {
        assert_eq!(plan["backend"], backend);
        let part = |name: &str| plan[name]["bytes"].as_u64().unwrap();
        assert_eq!(plan["bytes"], part("offline") + part("online"));
    }
    let seconds = |plan: &Value| plan["seconds"].as_f64().unwrap();
    let least = plans.iter().map(seconds).fold(1e9, f64::min);
    let [gc, ot, _, hybrid] = &plans;
    assert!(hybrid["encryption"]["bits_per_coefficient"].as_f64() >= Some(40.0));
    assert!(
        ot["encryption"].is_null() && ot["bytes"].as_u64() > hybrid["online"]["bytes"].as_u64()
    );
    assert_eq!(seconds(&planned("auto")), least);
    assert!(ot["bytes"].as_u64() < gc["bytes"].as_u64());

    let plan = json_lines(&privet(&["plan", &quantised, "--json"]))
        .pop()
        .unwrap();
    let wan = json_lines(&privet(&["plan", &quantised, "--link", "wan", "--json"]))
        .pop()
        .unwrap();
    assert_eq!(plan["bytes"], wan["bytes"]);
    assert!(wan["seconds"].as_f64() > plan["seconds"].as_f64());
    let layers: u64 = plan["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(Some(layers), plan["bytes"].as_u64());

    let inspected = json_lines(&privet(&["inspect", &model, "--data", &digits, "--json"]))
        .pop()
        .unwrap();
    assert_eq!(inspected["supported"], true);
    assert_eq!(inspected["plan"]["ands"], plan["ands"]);
    let shown = text(&privet(&["inspect", &model, "--data", &digits]).stdout);
    assert!(
        shown.contains("spare") && shown.contains("non-XOR gates"),
        "{shown}"
    );
}

#[test]
fn netlists_are_listed_counted_evaluated_converted_and_garbled() {
    let scratch = Scratch::new("netlist");
    let names = text(&privet(&["netlist", "list"]).stdout);
    assert!(names.lines().any(|n| n == "add16"));
    let stats = privet(&["netlist", "stats", "--check", "--json"]);
    let rows: Value = serde_json::from_slice(&stats.stdout).unwrap();
    let add = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["name"] == "add16")
        .unwrap();
    assert_eq!(add["ands"], 15);
    for field in ["bits", "inputs", "outputs", "xors", "and_depth", "sha256"] {
        assert!(!add[field].is_null(), "{field}");
    }
    let sum = privet(&["netlist", "eval", "add16", "--input", "a=30000,b=-30001"]);
    assert_eq!(text(&sum.stdout), "y = -1\n");

    let (bristol, compact, again) = (
        scratch.path("a.txt"),
        scratch.path("a.pvn"),
        scratch.path("b.txt"),
    );
    for (from, to) in [
        ("add16", &bristol),
        (&bristol, &compact),
        (&compact, &again),
    ] {
        let output = privet(&["netlist", "convert", from, to]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_eq!(
        std::fs::read(&bristol).unwrap(),
        std::fs::read(&again).unwrap()
    );
    let exported = scratch.path("relu.pvn");
    assert!(
        privet(&["netlist", "export", "relu16", "-o", &exported])
            .status
            .success()
    );

    let garbled = privet(&[
        "gc",
        "run",
        "add16",
        "--garbler",
        "a=30000",
        "--evaluator",
        "b=-30001",
        "--json",
    ]);
    let line = json_lines(&garbled).pop().unwrap();
    assert_eq!(line["outputs"]["y"], "-1");
}

#[test]
fn completions_are_printed() {
    assert!(text(&privet(&["completions", "bash"]).stdout).contains("privet"));
}

#[test]
fn verilog_of_ones_own_becomes_a_netlist_or_a_clear_error() {
    let scratch = Scratch::new("synth");
    let file = |name: &str, text: &str| {
        let path = scratch.path(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let square = file(
        "square.v",
        "module square #(parameter W = 12) (input signed [W-1:0] x, output [2*W-9:0] y);\n\
         wire [2*W-1:0] p = x * x;\n wire [2*W-1:0] r = p + 128;\n\
         assign y = r[2*W-1:8];\nendmodule\n",
    );
    let out = scratch.path("square.pvn");
    let made = privet(&[
        "synth", &square, "--top", "square", "--bits", "12", "-o", &out, "--json",
    ]);
    if text(&made.stderr).contains("no Yosys found") {
        println!("skipped: no Yosys on this machine");
        return;
    }
    let line = json_lines(&made).pop().unwrap();
    assert!(
        line["equivalence"].as_str().unwrap().starts_with("proved"),
        "{line}"
    );
    for x in [-2048i64, -1000, -1, 0, 1, 11, 2047] {
        let got = privet(&[
            "netlist",
            "eval",
            &out,
            "--input",
            &format!("x={x}"),
            "--json",
        ]);
        let y: i64 = json_lines(&got)[0]["y"].as_str().unwrap().parse().unwrap();
        assert_eq!(y.rem_euclid(1 << 16), (x * x + 128) >> 8, "{x}");
    }
    for (name, body, expected) in [
        ("syntax", "assign y = a +;", "syntax.v:2"),
        (
            "latch",
            "reg q; always @* if (a) q = b; assign y = q;",
            "latch",
        ),
        (
            "register",
            "reg q; always @(posedge a) q <= b; assign y = q;",
            "register",
        ),
    ] {
        let source = format!("module m (input a, input b, output y);\n{body}\nendmodule\n");
        let path = file(&format!("{name}.v"), &source);
        let (code, line) = failure(&privet(&["synth", &path, "--top", "m", "-o", &out]));
        assert_eq!(code, 3, "{line}");
        assert!(line.contains(expected), "{line}");
    }
}

/// Products that omit columns: fewer gates, garbled alone, the oracle's answer in two processes' worth of protocol.
#[test]
fn columns_are_omitted_under_garbling_only() {
    let scratch = Scratch::new("drop");
    let (model, digits, labels) = (
        demo("digits.onnx"),
        demo("digits.idx"),
        demo("digits-labels.idx"),
    );
    let ands = |plan: &Value| plan["ands"].as_u64().unwrap();
    let plan = |args: &[&str]| {
        let output = privet(&[&["plan", "--json"], args].concat());
        json_lines(&output).pop().unwrap()
    };
    let of = |profile: &str| {
        let file = scratch.path(&format!("{profile}.pvq"));
        let quantise = [
            "quantise",
            &model,
            "--data",
            &digits,
            "-o",
            &file,
            "--profile",
        ];
        let made = privet(&[&quantise[..], &[profile]].concat());
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert!(text(&made.stdout).contains(&format!("profile {profile}")));
        file
    };
    let (exact, rough) = (of("exact"), of("drop-8"));
    assert!(10 * ands(&plan(&[&rough])) < 9 * ands(&plan(&[&exact])));
    let evaluate = ["evaluate", &rough, "--input", &digits, "--labels", &labels];
    let tally = json_lines(&privet(&[&evaluate[..], &["--json"]].concat()));
    let accuracy = tally.last().unwrap()["fixed_accuracy"].as_f64();
    assert!(accuracy >= Some(0.9), "{accuracy:?}");
    assert_eq!(plan(&[&rough, "--backend", "auto"])["backend"], "gc");
    for backend in ["ot", "gc+ot", "hybrid"] {
        let (code, line) = failure(&privet(&["plan", &rough, "--backend", backend]));
        assert_eq!(code, 3, "{line}");
        assert!(
            line.contains("profile drop-8") && line.contains("--backend gc"),
            "{line}"
        );
        let listen = ["--listen", "127.0.0.1:0", "--insecure-plain"];
        let serve = [
            &["serve", "--model", &rough, "--backend", backend],
            &listen[..],
        ]
        .concat();
        let (code, refused) = failure(&privet(&serve));
        assert_eq!(code, 3, "{refused}");
        assert!(refused.contains("profile drop-8"), "{refused}");
    }
    let out = scratch.path("none.pvq");
    let both = [
        "quantise",
        &model,
        "--profile",
        "drop-8",
        "--publish-sparsity",
    ];
    let (code, line) = failure(&privet(
        &[&both[..], &["--data", &digits, "-o", &out]].concat(),
    ));
    assert_eq!(code, 3, "{line}");
    assert!(line.contains("publish-sparsity"), "{line}");
}

#[test]
fn nonlinear_work_is_measured_with_its_bytes() {
    let rows = |args: &str| {
        let output = privet(&args.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let table: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        table["rows"].as_array().unwrap().clone()
    };
    let bits = |row: &serde_json::Value| row["online_bits_each"].as_f64().unwrap();
    let case = "bench nonlinear --json --op relu-trunc --bits 37 --count 4096";
    let shapes = rows(&format!(
        "{case} --engine gmw --shape few-transfers,few-bits"
    ));
    let figures: Vec<f64> = shapes.iter().map(bits).collect();
    assert_eq!(figures.len(), 2, "few transfers and few bits");
    assert!(figures[0] < 450.0 && figures[1] < 370.0, "{figures:?}");
    let online = rows(&format!(
        "{case} --engine gmw --shape few-transfers --client-share online"
    ));
    assert!((bits(&online[0]) - figures[0] - 36.0).abs() < 1.0);
    let engines = rows("bench nonlinear --json --bits 16 --count 100 --link 3000,0.3");
    assert_eq!(engines.len(), 8 * 3);
    let suite = rows("bench nonlinear --json --budget 1");
    assert_eq!(suite.len(), 8 * 4 * (4 + 3 + 3) * 3, "no row is missing");
    let left_out = |row: &&serde_json::Value| row["left_out"].is_string();
    let late = suite.iter().filter(left_out).count();
    assert!(late > 0 && late < suite.len(), "{late} left out");
    for row in suite.iter().filter(|row| !left_out(row)) {
        assert_eq!(row["mismatches"], 0);
    }
    let table = privet(&[
        "bench",
        "nonlinear",
        "--op",
        "relu",
        "--bits",
        "16",
        "--count",
        "64",
    ]);
    let table = text(&table.stdout);
    assert!(table.contains("how many times more"), "{table}");
    let wrong = [
        ["--bits", "8"],
        ["--op", "sin"],
        ["--count", "0"],
        ["--link", "moon"],
        ["--engine", "x"],
        ["--budget", "0"],
    ];
    for wrong in wrong {
        let output = privet(&["bench", "nonlinear", wrong[0], wrong[1]]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
