//! `bench imagenet` on the embedded demo's network: its rows, and what its ablations show.

use serde_json::Value;

use super::rig::*;

fn bench(args: &[&str]) -> std::process::Output {
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let on = ["--model", &model, "--data", &digits, "--input", &digits];
    privet(&[&["bench", "imagenet", "--json"], &on[..], args].concat())
}

fn rows(args: &[&str]) -> Vec<Value> {
    let output = bench(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table: Value = serde_json::from_slice(&output.stdout).unwrap();
    table["rows"].as_array().unwrap().clone()
}

#[test]
fn rows_tell_the_processor_time_of_both_parties() {
    let rows = rows(&["--index", "0,3", "--backend", "gc,hybrid"]);
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!((&row["exact"], &row["inputs"]), (&true.into(), &2.into()));
        assert!(row["ablation"].is_null());
        #[cfg(target_os = "linux")]
        for party in ["client_cpu_seconds", "server_cpu_seconds"] {
            assert!(row[party].as_f64().is_some(), "{party} {row}");
        }
    }
    // Silent OT alone takes several hundredths.
    #[cfg(target_os = "linux")]
    assert!(rows[1]["server_cpu_seconds"].as_f64() > Some(0.0));
}

#[test]
fn kept_weights_are_evaluated_once_and_others_each_time() {
    let rows = rows(&["--index", "0,3", "--ablation", "ntt-cache"]);
    let variants: Vec<_> = rows.iter().map(|row| &row["variant"]).collect();
    assert_eq!(variants, ["kept", "recomputed"]);
    let counts = rows.iter().map(|row| {
        assert_eq!(
            (&row["exact"], &row["ablation"]),
            (&true.into(), &"ntt-cache".into())
        );
        // Three times through the file, but for the first two.
        assert_eq!(row["inputs"], 4);
        ["evaluated_weights_first", "evaluated_weights"].map(|field| row[field].as_f64().unwrap())
    });
    let [kept, recomputed] = counts.collect::<Vec<_>>()[..] else {
        panic!("two rows");
    };
    assert!(kept[0] > 0.0 && kept[1] == 0.0, "{kept:?}");
    assert_eq!(recomputed, [kept[0]; 2]);
}

#[test]
fn comparisons_trade_transfers_for_bits() {
    let wan = [
        "--index",
        "7",
        "--backend",
        "gc,ot,hybrid",
        "--link",
        "1000,1",
    ];
    let rows = rows(&[&wan[..], &["--ablation", "comparison"]].concat());
    assert_eq!(rows.len(), 4, "none for gc");
    for pair in rows.chunks(2) {
        let ways = ["few-transfers", "few-bits"];
        for (row, way) in pair.iter().zip(ways) {
            assert_eq!(row["exact"], true);
            assert_eq!(
                (&row["variant"], &row["comparison"]),
                (&way.into(), &way.into())
            );
        }
        let of = |field: &str| [0, 1].map(|at: usize| pair[at][field].as_f64().unwrap());
        let (bytes, ots) = (of("online_bytes"), of("ots"));
        assert!(bytes[0] > bytes[1] && ots[0] < ots[1], "{bytes:?} {ots:?}");
    }
}

#[test]
fn ablations_that_there_are_not_are_refused() {
    let (code, line) = failure(&bench(&["--ablation", "ntt-cache", "--backend", "gc,ot"]));
    assert_eq!((code, line.contains("ntt-cache")), (2, true), "{line}");
    let unknown = bench(&["--ablation", "silence"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("there are ntt-cache and comparison"));
}
