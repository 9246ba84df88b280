//! DeepSecure's benchmark on a small set of made-up letters: its files, its stages, its rows.

use std::path::Path;

use serde_json::Value;

use super::rig::*;

const FEATURES: usize = 617;
const CLASSES: usize = 26;

/// Letters around one point a class, in the files that B3 reads (plain instead of packed).
fn letters(folder: &Path, part: &str, count: usize, seed: u64) {
    let mut state = seed;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::try_from(state >> 40).unwrap() - (1 << 23)
    };
    let centre = |class: usize, feature: usize| {
        let mixed = (class * 7919 + feature * 104_729 + class * feature) % 1009;
        i64::try_from(mixed).unwrap() * 12 - 6_000
    };
    let mut samples = vec![0, 0, 0x0b, 2];
    samples.extend(u32::try_from(count).unwrap().to_be_bytes());
    samples.extend(u32::try_from(FEATURES).unwrap().to_be_bytes());
    let mut labels = vec![0, 0, 0x08, 1];
    labels.extend(u32::try_from(count).unwrap().to_be_bytes());
    for i in 0..count {
        let class = i % CLASSES;
        labels.push(u8::try_from(class).unwrap());
        for feature in 0..FEATURES {
            let value = centre(class, feature) + (random() >> 11);
            samples.extend(i16::try_from(value).unwrap().to_be_bytes());
        }
    }
    let path = |what: &str| folder.join(format!("isolet-{part}-{what}.idx.gz"));
    std::fs::write(path("features-i16e4"), samples).unwrap();
    std::fs::write(path("labels"), labels).unwrap();
}

fn bench(data: &str, work: &str, more: &[&str]) -> std::process::Output {
    let args = [
        "bench",
        "deepsecure",
        "--bench",
        "b3",
        "--quick",
        "--inputs",
        "2",
        "--json",
        "--data",
        data,
        "--work",
        work,
    ];
    privet(&[&args[..], more].concat())
}

fn rows(output: &std::process::Output) -> [Value; 2] {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    [rows[0].clone(), rows[1].clone()]
}

#[test]
fn before_and_after_and_the_test_only_when_asked() {
    let scratch = Scratch::new("deepsecure");
    let (data, work) = (scratch.path("data"), scratch.path("work"));
    let folder = Path::new(&data).join("isolet");
    std::fs::create_dir_all(&folder).unwrap();
    letters(&folder, "train", 40 * CLASSES, 1);
    // There are no test files: nothing asks for them.
    let [before, after] = rows(&bench(&data, &work, &[]));
    for (row, stage) in [(&before, "before"), (&after, "after")] {
        assert_eq!((&row["case"], &row["stage"]), (&"B3".into(), &stage.into()));
        assert_eq!(row["judged_by"], "validation");
        assert!(row["test"].is_null());
        assert_eq!((&row["exact"], &row["inputs"]), (&true.into(), &2.into()));
        assert!(row["accuracy_fixed"].as_f64().unwrap() > 0.7, "{row}");
        assert!(row["server_peak_rss"].as_f64().unwrap() > 1e6, "{row}");
    }
    assert!(before["times_fewer_non_xor"].as_f64().unwrap() > 1.0);
    let ratio = before["non_xor"].as_f64().unwrap() / after["non_xor"].as_f64().unwrap();
    assert_eq!(after["compaction"].as_f64().unwrap(), ratio);
    assert!(ratio > 4.0, "{ratio}");
    // What was trained is found again.
    let [_, again] = rows(&bench(&data, &work, &[]));
    assert_eq!(again["accuracy_float"], after["accuracy_float"]);
    assert_eq!(again["non_xor"], after["non_xor"]);
    assert!(again["search_seconds"].as_f64().unwrap() < after["search_seconds"].as_f64().unwrap());

    let (code, line) = failure(&bench(&data, &work, &["--final"]));
    assert_eq!(code, 3);
    assert!(line.contains("isolet-test-features"), "{line}");
    letters(&folder, "test", 10 * CLASSES, 2);
    for times in 1..=2 {
        let [_, judged] = rows(&bench(&data, &work, &["--final"]));
        assert_eq!(judged["judged_by"], "test");
        assert_eq!(judged["judged_on"], 10 * CLASSES);
        assert_eq!(judged["test"]["opened"], times);
        assert_eq!(judged["test"]["samples_sha256"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn wrong_data_is_one_line() {
    let scratch = Scratch::new("deepsecure-wrong");
    let (data, work) = (scratch.path("data"), scratch.path("work"));
    let (code, line) = failure(&bench(&data, &work, &[]));
    assert_eq!(code, 3);
    assert!(line.contains("isolet-train-features"), "{line}");
    let (code, line) = failure(&privet(&["bench", "deepsecure", "--bench", "B5"]));
    assert_eq!((code, line.contains("B5")), (2, true));
}
