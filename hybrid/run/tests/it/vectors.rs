//! The vectors of the fixed-point rules, which every backend runs: edges, ties, wraps, corners.

use privet_plan::{Party, Reveal};

use super::rig::{Setting, backends, run};

#[test]
fn every_vector_of_the_rules_comes_out_of_every_backend() {
    let vectors = privet_model::quant::vectors();
    assert!(vectors.len() > 10, "{} vectors", vectors.len());
    for vector in vectors {
        let inputs: Vec<Vec<i64>> = vector.cases.iter().map(|case| case.input.clone()).collect();
        for garbler in [Party::Server, Party::Client] {
            let setting = Setting {
                reveal: Reveal::Logits,
                garbler,
                lanes: 1,
                ..Setting::default()
            };
            for setting in backends(setting) {
                let (answers, _) = run(&vector.model, &inputs, setting).unwrap();
                for (case, (answer, _)) in vector.cases.iter().zip(&answers) {
                    let at = format!("{} {} {:?}", vector.name, setting.backend, case.input);
                    assert_eq!(answer.logits.as_ref(), Some(&case.logits), "{at}");
                    assert_eq!(answer.label as usize, case.label, "{at}");
                }
            }
        }
    }
}
