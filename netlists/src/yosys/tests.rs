use super::{ImportError, Words, read};
use crate::eval;

/// A module `m` with inputs `b` (4 bits) and `a`, output `y`.
fn module(cells: &str, y: &str) -> String {
    format!(
        r#"{{"modules": {{"m": {{
          "ports": {{"b": {{"direction": "input", "bits": [2, 3, 4, 5]}},
                     "a": {{"direction": "input", "bits": [6]}},
                     "y": {{"direction": "output", "bits": {y}}}}},
          "cells": {{{cells}}},
          "netnames": {{"held": {{"hide_name": 0, "bits": [8]}}, "$auto$1": {{"hide_name": 1, "bits": [8]}}}}
        }}}}}}"#
    )
}

fn cell(name: &str, kind: &str, connections: &str) -> String {
    format!(
        r#""{name}": {{"type": "{kind}", "attributes": {{"src": "f.v:4.1-4.27|g.v:1"}}, "connections": {{{connections}}}}}"#
    )
}

fn message(cells: &str, y: &str) -> String {
    read(&module(cells, y), None, &[]).unwrap_err().to_string()
}

#[test]
fn ports_keep_their_order_and_split() {
    let json = module(
        &cell("g", "$_XOR_", r#""A": [2], "B": [5], "Y": [8]"#),
        "[8, 6, \"1\"]",
    );
    let netlist = read(&json, Some("m"), &[]).unwrap();
    let names: Vec<&str> = netlist
        .inputs()
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(eval::integers(&netlist, &[0b1000, 1]).unwrap(), [0b111]);
    assert_eq!(eval::integers(&netlist, &[0b1001, 0]).unwrap(), [0b100]);

    let words = [Words {
        port: "b".to_owned(),
        count: 2,
    }];
    let netlist = read(&json, None, &words).unwrap();
    let names: Vec<&str> = netlist
        .inputs()
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    assert_eq!(names, ["b0", "b1", "a"]);
    assert_eq!(netlist.inputs()[0].bits, 2);

    for (port, count) in [("b", 3), ("b", 0), ("c", 1)] {
        let words = [Words {
            port: port.to_owned(),
            count,
        }];
        assert!(matches!(
            read(&json, None, &words),
            Err(ImportError::Port { .. })
        ));
    }
}

/// Every gate against its truth table as Yosys' manual gives it.
#[test]
fn gates_mean_what_yosys_says() {
    type Meaning = fn(bool, bool, bool, bool) -> bool;
    let gates: &[(&str, usize, Meaning)] = &[
        ("$_BUF_", 1, |a, _, _, _| a),
        ("$_NOT_", 1, |a, _, _, _| !a),
        ("$_AND_", 2, |a, b, _, _| a && b),
        ("$_NAND_", 2, |a, b, _, _| !(a && b)),
        ("$_OR_", 2, |a, b, _, _| a || b),
        ("$_NOR_", 2, |a, b, _, _| !(a || b)),
        ("$_XOR_", 2, |a, b, _, _| a != b),
        ("$_XNOR_", 2, |a, b, _, _| a == b),
        ("$_ANDNOT_", 2, |a, b, _, _| a && !b),
        ("$_ORNOT_", 2, |a, b, _, _| a || !b),
        ("$_AOI3_", 3, |a, b, c, _| !((a && b) || c)),
        ("$_OAI3_", 3, |a, b, c, _| !((a || b) && c)),
        ("$_AOI4_", 4, |a, b, c, d| !((a && b) || (c && d))),
        ("$_OAI4_", 4, |a, b, c, d| !((a || b) && (c || d))),
        ("$_MUX_", 3, |a, b, s, _| if s { b } else { a }),
        ("$_NMUX_", 3, |a, b, s, _| !(if s { b } else { a })),
    ];
    for (kind, operands, meaning) in gates {
        let third = if kind.contains("MUX") { "S" } else { "C" };
        let ports = ["A", "B", third, "D"];
        let inputs: Vec<String> = (0..*operands)
            .map(|k| format!("\"{}\": [{}], ", ports[k], 2 + k))
            .collect();
        let json = module(
            &cell("g", kind, &format!("{}\"Y\": [8]", inputs.concat())),
            "[8]",
        );
        let netlist = read(&json, None, &[]).unwrap();
        for value in 0..16u64 {
            let bit = |k: u64| (value >> k) & 1 == 1;
            let expected = u64::from(meaning(bit(0), bit(1), bit(2), bit(3)));
            assert_eq!(
                eval::integers(&netlist, &[value, 0]).unwrap(),
                [expected],
                "{kind} {value}"
            );
        }
    }
}

#[test]
fn cells_in_any_order_and_scopes_ignored() {
    let cells = [
        cell("z", "$_NOT_", r#""A": [9], "Y": [8]"#),
        cell("a", "$_AND_", r#""A": [10], "B": [4], "Y": [9]"#),
        cell("m", "$_AND_", r#""A": [2], "B": [3], "Y": [10]"#),
        cell("scope", "$scopeinfo", ""),
    ];
    let netlist = read(&module(&cells.join(", "), "[8]"), None, &[]).unwrap();
    for value in 0..16 {
        let expected = u64::from(value & 7 != 7);
        assert_eq!(eval::integers(&netlist, &[value, 0]).unwrap(), [expected]);
    }
}

#[test]
fn storage_is_named() {
    let latch = cell("l", "$_DLATCH_P_", r#""D": [2], "E": [6], "Q": [8]"#);
    let text = message(&latch, "[8]");
    assert!(
        text.starts_with("latch \"held\" ($_DLATCH_P_, f.v:4.1-4.27)"),
        "{text}"
    );
    let register = cell("r", "$_SDFFE_PP0P_", r#""D": [2], "C": [6], "Q": [8]"#);
    let text = message(&register, "[8]");
    assert!(
        text.starts_with("register \"held\" ($_SDFFE_PP0P_, f.v:4.1-4.27)"),
        "{text}"
    );
    let word = cell("r", "$dff", r#""D": [2], "CLK": [6], "Q": [8]"#);
    assert!(message(&word, "[8]").starts_with("register \"held\""));
}

#[test]
fn unusable_modules_are_refused() {
    let text = message(&cell("odd", "$lut", r#""A": [2], "Y": [8]"#), "[8]");
    assert!(
        text.contains("\"odd\" of type $lut, f.v:4.1-4.27"),
        "{text}"
    );
    let text = message(
        &cell("g", "$_AND_", r#""A": [2, 3], "B": [4], "Y": [8]"#),
        "[8]",
    );
    assert!(text.contains("connection A"), "{text}");
    assert_eq!(message("", "[8]"), "signal \"held\" has no driver");
    let undefined = cell("g", "$_AND_", r#""A": [2], "B": ["x"], "Y": [8]"#);
    assert!(message(&undefined, "[8]").contains("undefined"));
    assert!(message("", "[\"x\"]").contains("undefined"));
    let twice = [
        cell("g", "$_BUF_", r#""A": [2], "Y": [8]"#),
        cell("h", "$_BUF_", r#""A": [3], "Y": [8]"#),
    ];
    assert_eq!(
        message(&twice.join(","), "[8]"),
        "signal \"held\" has more than one driver"
    );
    let input = cell("g", "$_BUF_", r#""A": [2], "Y": [6]"#);
    assert!(message(&input, "[6]").ends_with("has more than one driver"));
    let around = [
        cell("g", "$_AND_", r#""A": [2], "B": [9], "Y": [8]"#),
        cell("h", "$_NOT_", r#""A": [8], "Y": [9]"#),
    ];
    assert!(message(&around.join(","), "[8]").contains("combinational loop"));
    assert!(
        read("{\"modules\": {}}", None, &[])
            .unwrap_err()
            .to_string()
            .contains("none")
    );
    assert!(
        read(&module("", "[2]"), Some("n"), &[])
            .unwrap_err()
            .to_string()
            .contains("has m")
    );
    assert!(matches!(
        read("{\"modules\": 3}", None, &[]),
        Err(ImportError::Json(_))
    ));
}

/// A chain far longer than any call stack.
#[test]
fn deep_chains_do_not_recurse() {
    let mut cells = vec![cell("c0", "$_AND_", r#""A": [2], "B": [3], "Y": [100]"#)];
    for k in 0..100_000 {
        let kind = if k % 2 == 0 { "$_XOR_" } else { "$_AND_" };
        let input = 2 + k % 5;
        let ends = format!(r#""A": [{}], "B": [{input}], "Y": [{}]"#, 100 + k, 101 + k);
        cells.push(cell(&format!("c{}", k + 1), kind, &ends));
    }
    let netlist = read(&module(&cells.join(","), "[100100]"), None, &[]).unwrap();
    assert!(netlist.counts().and_depth > 1);
}
