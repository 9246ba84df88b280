use std::fs;
use std::path::PathBuf;

use privet_netlists::{Netlist, eval};

use super::{Source, SynthError, Yosys, complaint, named, plain};

/// Synthesises a source; `None`, said aloud, where there is no Yosys.
fn synthesise(name: &str, text: &str) -> Option<(PathBuf, Result<Netlist, SynthError>)> {
    let Ok(yosys) = Yosys::find() else {
        println!("skipped: no Yosys");
        return None;
    };
    let file = std::env::temp_dir().join(format!("privet-{}-{name}.v", std::process::id()));
    fs::write(&file, text).unwrap();
    let source = Source {
        files: vec![file.clone()],
        top: name.to_owned(),
        parameters: Vec::new(),
    };
    let result = yosys.synthesise(&source);
    fs::remove_file(&file).unwrap();
    Some((file, result))
}

#[test]
fn a_squarer_with_rounding() {
    let text = "module squarer(input signed [7:0] x, output [7:0] y);
        wire signed [15:0] square = x * x;
        assign y = (square + 16'd128) >> 8;
        endmodule";
    let Some((_, result)) = synthesise("squarer", text) else {
        return;
    };
    let netlist = result.unwrap();
    for x in -128..128i64 {
        let expected = ((x * x + 128) >> 8).cast_unsigned() & 255;
        let got = eval::integers(&netlist, &[x.cast_unsigned()]).unwrap();
        assert_eq!(got, [expected], "{x}");
    }
}

/// Signed, unsigned and mixed, of unequal widths, cut and extended.
#[test]
fn products_are_exact_and_cheap() {
    let text = "module products(input signed [4:0] a, input signed [3:0] b, input [2:0] c,
          output signed [8:0] s, output signed [11:0] t, output [7:0] u, output [3:0] v);
        assign s = a * b;
        assign t = a * b;
        assign u = $unsigned(a) * c;
        assign v = a * b;
        endmodule";
    let Some((_, result)) = synthesise("products", text) else {
        return;
    };
    let netlist = result.unwrap();
    for row in 0..1u64 << 12 {
        let inputs = [row & 31, row >> 5 & 15, row >> 9];
        let (a, b) = (eval::signed(inputs[0], 5), eval::signed(inputs[1], 4));
        let product = a * b;
        let expected = [
            eval::unsigned(product, 9),
            eval::unsigned(product, 12),
            inputs[0] * inputs[2],
            eval::unsigned(product, 4),
        ];
        assert_eq!(
            eval::integers(&netlist, &inputs).unwrap(),
            expected,
            "{inputs:?}"
        );
    }
    let text = "module wide(input signed [15:0] a, input signed [15:0] b, output signed [31:0] y);
        assign y = a * b; endmodule";
    let Some((_, result)) = synthesise("wide", text) else {
        return;
    };
    let ands = result.unwrap().counts().ands;
    assert!(ands < 16 * 16 + 2 * 16, "{ands} ANDs");
}

#[test]
fn a_syntax_error_has_file_and_line() {
    let text = "module broken(input a, output y);\n  assign y = a +;\nendmodule\n";
    if let Some((file, result)) = synthesise("broken", text) {
        let message = result.unwrap_err().to_string();
        assert!(
            message.contains(&format!("{}:2", file.display())),
            "{message}"
        );
        assert!(message.contains("syntax error"), "{message}");
    }
}

#[test]
fn latches_and_registers_are_named() {
    let latch =
        "module latched(input a, input b, output reg q);\n  always @* if (a) q = b;\nendmodule\n";
    if let Some((file, result)) = synthesise("latched", latch) {
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with("latch \"q\""), "{message}");
        assert!(
            message.contains(&format!("{}:2", file.display())),
            "{message}"
        );
    }
    let clocked = "module clocked(input clk, input d, output reg q);\n  always @(posedge clk) q <= d;\nendmodule\n";
    if let Some((_, result)) = synthesise("clocked", clocked) {
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with("register \"q\""), "{message}");
    }
}

#[test]
fn a_missing_module_and_a_missing_file() {
    if let Some((_, result)) = synthesise(
        "absent",
        "module present(input a, output y); assign y = a; endmodule",
    ) {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("absent"), "{message}");
    }
    if let Ok(yosys) = Yosys::find() {
        let source = |file: &str, top: &str| Source {
            files: vec![PathBuf::from(file)],
            top: top.to_owned(),
            parameters: Vec::new(),
        };
        assert!(matches!(
            yosys.synthesise(&source("/no/such.v", "m")),
            Err(SynthError::Io { .. })
        ));
        let odd = yosys.synthesise(&source("/no/such.v", "m; shell ls"));
        assert!(matches!(odd, Err(SynthError::Name(_))));
    }
}

#[test]
fn messages_and_names() {
    let text = "a line\nsource0.v:3: ERROR: syntax error, unexpected ';'\n";
    let message = named(
        complaint(text),
        &["source0.v".to_owned()],
        &[PathBuf::from("x/f.v")],
    );
    assert_eq!(message, "x/f.v:3: syntax error, unexpected ';'");
    assert!(plain("_top1") && !plain("1top") && !plain("") && !plain("a;b"));
}
