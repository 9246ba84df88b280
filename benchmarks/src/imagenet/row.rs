//! From what both parties printed to a row.

use serde_json::{Map, Value, json};

use crate::pair::Printed;
use crate::table::median;

/// Medians over the inputs of a session, and what all of them share; the first `warming` inferences are only checked.
pub(super) fn figures(printed: &Printed, warming: usize) -> Value {
    let (all, server) = (&printed.client, &printed.server);
    let client = all.get(warming..).unwrap_or(&[]);
    let middle = |pointer: &str| median(&numbers(client, pointer));
    let peak = |rows: &[Value]| numbers(rows, "/peak_rss").into_iter().fold(0.0, f64::max);
    let first = |pointer: &str| client.first().and_then(|row| row.pointer(pointer)).cloned();
    let exact = |row: &Value| row.get("exact") == Some(&Value::Bool(true));
    // One session: the server's inferences are the client's.
    let inferences = server.first().and_then(|row| row.get("inferences"));
    let inferences = inferences.and_then(Value::as_array);
    let inferences = inferences.map_or(&[][..], Vec::as_slice);
    let measured = inferences.get(warming..).unwrap_or(&[]);
    let mut row = json!({
        "inputs": client.len(),
        "profile": first("/profile"),
        "exact": !client.is_empty() && all.iter().all(exact),
        "offline_seconds": middle("/offline/seconds"),
        "online_seconds": middle("/online/seconds"),
        "total_seconds": middle("/seconds"),
        "client_cpu_seconds": middle("/cpu_seconds"),
        "server_cpu_seconds": median(&numbers(measured, "/cpu_seconds")),
        "evaluated_weights": median(&numbers(measured, "/evaluated_weights")),
        "evaluated_weights_first": numbers(inferences, "/evaluated_weights").first(),
        "offline_bytes": middle("/offline/bytes"),
        "online_bytes": middle("/online/bytes"),
        "total_bytes": middle("/bytes"),
        "offline_flights": middle("/offline/flights"),
        "flights": middle("/online/flights"),
        "ots": first("/ots"),
        "comparison": first("/comparison"),
        "client_peak_rss": peak(all),
        "server_peak_rss": peak(server),
        "all_online": first("/all_online"),
        "parameters": first("/encryption/set"),
        "log2_error": first("/encryption/log2_error"),
        "hiding_bits_per_coefficient": first("/encryption/bits_per_coefficient"),
        "hiding_bits_per_inference": first("/encryption/bits_per_inference"),
        "labels": client.iter().map(|row| row.get("label").cloned()).collect::<Vec<_>>(),
        "layers": first("/layers"),
    });
    if let Value::Object(row) = &mut row
        && let Some(measured) = differences(client)
    {
        row.remove("exact");
        row.extend(measured);
    }
    row
}

/// What was measured of answers that do not promise to be exact; none where an answer does.
fn differences(client: &[Value]) -> Option<Map<String, Value>> {
    let each: Option<Vec<&Value>> = client.iter().map(|row| row.get("difference")).collect();
    let each = each.filter(|each| !each.is_empty())?;
    let numbers = |key: &'static str| each.iter().filter_map(move |d| d.get(key)?.as_u64());
    let same = each
        .iter()
        .filter(|d| d.get("same_label") == Some(&Value::Bool(true)));
    let (logits, differing) = (numbers("logits").sum(), numbers("differing").sum());
    let measured = json!({
        "logits": logits,
        "logits_differing": differing,
        "logits_differing_share": share(differing, logits),
        "greatest_difference": numbers("greatest").max(),
        "labels_equal": same.count(),
    });
    measured.as_object().cloned()
}

/// A part of so many; none of nothing.
#[expect(clippy::cast_precision_loss, reason = "shares of counts")]
pub(super) fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

fn numbers(rows: &[Value], pointer: &str) -> Vec<f64> {
    let numbers = rows.iter().filter_map(|row| row.pointer(pointer));
    numbers.filter_map(Value::as_f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tell_offline_from_online() {
        let answer = |exact: bool, online: f64| {
            json!({
                "label": 7, "exact": exact, "all_online": true, "seconds": 3.0, "bytes": 100, "peak_rss": 5,
                "offline": { "seconds": 2.0, "bytes": 60, "flights": 4 },
                "online": { "seconds": online, "bytes": 40, "flights": 6 },
                "cpu_seconds": 2.0 * online, "encryption": { "set": "Pair50", "log2_error": -120.0 },
            })
        };
        let mut printed = Printed {
            client: vec![answer(true, 1.0), answer(true, 2.0), answer(true, 9.0)],
            server: vec![json!({ "peak_rss": 8, "inferences": [
                { "cpu_seconds": 5.0, "evaluated_weights": 30 },
                { "cpu_seconds": 3.0, "evaluated_weights": 0 },
                { "cpu_seconds": 4.0, "evaluated_weights": 0 },
            ] })],
        };
        let row = figures(&printed, 0);
        assert_eq!(row["exact"], true);
        assert_eq!(row["all_online"], true);
        assert_eq!(row["online_seconds"], 2.0);
        assert_eq!(
            (&row["offline_bytes"], &row["flights"]),
            (&json!(60.0), &json!(6.0))
        );
        assert_eq!(
            (&row["server_peak_rss"], &row["parameters"]),
            (&json!(8.0), &json!("Pair50"))
        );
        assert_eq!(
            (&row["client_cpu_seconds"], &row["server_cpu_seconds"]),
            (&json!(4.0), &json!(4.0))
        );
        let later = figures(&printed, 1);
        assert_eq!(
            (&later["inputs"], &later["online_seconds"]),
            (&json!(2), &json!(5.5))
        );
        assert_eq!(
            (
                &later["evaluated_weights_first"],
                &later["evaluated_weights"]
            ),
            (&json!(30.0), &json!(0.0))
        );
        // What only warms must be right, too.
        printed.client.insert(0, answer(false, 1.0));
        assert_eq!(figures(&printed, 1)["exact"], false);
        printed.client.remove(0);
        printed.client.push(answer(false, 1.0));
        assert_eq!(figures(&printed, 0)["exact"], false);
        printed.client.clear();
        assert_eq!(figures(&printed, 0)["exact"], false);
    }

    #[test]
    fn approximate_rows_tell_how_far_they_are_instead_of_exact() {
        let answer = |differing: u64, greatest: u64, same: bool| {
            json!({ "label": 1, "profile": "approx", "difference": {
                "logits": 10, "differing": differing, "greatest": greatest, "same_label": same,
            } })
        };
        let mut printed = Printed {
            client: vec![answer(2, 1, true), answer(5, 3, false)],
            server: vec![],
        };
        let row = figures(&printed, 0);
        assert!(row.get("exact").is_none());
        assert_eq!(
            (&row["logits"], &row["logits_differing"]),
            (&json!(20), &json!(7))
        );
        assert_eq!(row["logits_differing_share"], 0.35);
        assert_eq!(
            (&row["greatest_difference"], &row["labels_equal"]),
            (&json!(3), &json!(1))
        );
        // One answer without figures is none of them.
        printed.client.push(json!({ "label": 1 }));
        assert_eq!(figures(&printed, 0)["exact"], false);
    }
}
