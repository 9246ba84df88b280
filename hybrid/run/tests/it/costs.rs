//! What a plan says is what the channel counts.

use privet_plan::{Party, Reveal};

use super::models::{Stream, linear};
use super::rig::{Setting, run};

#[test]
fn predicted_bytes_are_the_measured_ones() {
    let model = linear(37, 45, 12, 7, 5, 1);
    let input = Stream(2).words(37, 12);
    for lanes in [1, 2] {
        for reveal in [Reveal::Label, Reveal::Logits] {
            let setting = Setting {
                reveal,
                garbler: Party::Server,
                lanes,
                ..Setting::default()
            };
            let (answers, plan) = run(&model, &[input.clone(), input.clone()], setting).unwrap();
            for (_, report) in &answers {
                assert_eq!(report.bytes, plan.cost.inference.bytes());
            }
        }
    }
}
