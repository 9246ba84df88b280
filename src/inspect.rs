//! `privet inspect`.

use std::path::PathBuf;

use clap::Args;
use privet_model::graph::Listing;
use privet_model::quant::ir::{Model, Profile};
use privet_model::quant::{TensorSummary, summary};
use privet_net::Link;
use privet_plan::{Backend, Caps, Choice, Plan, PlanOptions};
use serde_json::{Value, json};

use crate::deviations::{DEVIATIONS, told};
use crate::failure::Failure;
use crate::models::{Loaded, QuantArgs, load, quantise, record};
use crate::options::link_model;
use crate::plan::{plan_json, print_plan};
use crate::rates::{Known, RatesPlace};
use crate::table::{columns, count, seconds};
use crate::terminal::{say, show};

/// Look into a model: supported or not, sizes, ranges against overflow, cost.
#[derive(Args)]
pub(crate) struct Inspect {
    /// ONNX model, or a quantised one.
    model: PathBuf,
    #[command(flatten)]
    quant: QuantArgs,
    #[command(flatten)]
    rates: RatesPlace,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// A network's plan and what is known of its values.
type Planned = Result<(Plan, Vec<TensorSummary>), Failure>;

/// Runs `inspect`.
pub(crate) fn run(args: &Inspect) -> Result<(), Failure> {
    let known = args.rates.load_or_say(1);
    let loaded = load(&args.model)?;
    let (listing, model) = match loaded {
        Loaded::Float(graph) => (
            Some(graph.listing()),
            quantise(&args.model, &graph, &args.quant),
        ),
        Loaded::Quantised(model) => (None, Ok(*model)),
    };
    let planned = model.and_then(|model| planned(args, model));
    let record = record(&args.model);
    if args.json {
        let told = in_json(listing.as_ref(), record.as_ref(), &planned, &known);
        say!("{told}");
        return planned.map(|_| ());
    }
    if let Some(listing) = &listing {
        print_listing(listing);
    }
    if let Some(record) = record {
        print_record(&record);
    }
    let (plan, ranges) = planned?;
    print_ranges(plan.graph.value_bits, &ranges);
    print_plan(&plan, &known, Link::Loopback, Choice::Auto);
    let wan_seconds = plan.seconds(&known.rates, &link_model(wan())).online;
    say!(
        "  on a WAN of 400 Mbit/s and 40 ms: about {}",
        seconds(wan_seconds)
    );
    Ok(())
}

/// Plans for the first backend that follows the network's profile.
fn planned(args: &Inspect, model: Model) -> Planned {
    let ranges = summary(&model.graph);
    let backend = match model.graph.profile {
        Profile::Exact | Profile::Drop { .. } => Backend::Gc,
        Profile::Approx => Backend::Ot,
    };
    let options = PlanOptions {
        backend,
        ..PlanOptions::default()
    };
    Plan::new(model.graph, options, Caps::default().memory)
        .map(|plan| (plan, ranges))
        .map_err(|e| Failure::file(args.model.display(), e))
}

fn in_json(
    listing: Option<&Listing>,
    record: Option<&Value>,
    planned: &Planned,
    known: &Known,
) -> Value {
    let (found, error) = match planned {
        Ok(found) => (Some(found), None),
        Err(failure) => (None, Some(failure.line())),
    };
    let on = |link| found.map(|(plan, _)| plan_json(plan, known, link));
    json!({
        "layers": listing.map(listing_json), "supported": error.is_none(), "why_not": error,
        "ranges": found.map(|(_, ranges)| ranges), "plan": on(Link::Loopback), "plan_wan": on(wan()), "found": record,
    })
}

fn print_listing(listing: &Listing) {
    let lines = listing.lines.iter().map(|line| {
        vec![
            line.name.clone(),
            line.op.to_owned(),
            format!("{:?}", line.shape),
            count(line.macs),
            count(line.parameters),
        ]
    });
    let head = ["layer", "op", "shape", "products", "parameters"];
    show!("{}", columns(&head, &lines.collect::<Vec<_>>()));
    say!(
        "\n  {} products, {} parameters\n",
        count(listing.macs),
        count(listing.parameters)
    );
}

fn print_ranges(value_bits: u32, ranges: &[TensorSummary]) {
    say!("ranges at {value_bits} bits:\n");
    let rows = ranges.iter().map(|r| {
        vec![
            r.name.clone(),
            r.ring_bits.to_string(),
            r.frac_bits.to_string(),
            r.range_bits.to_string(),
            r.headroom.to_string(),
            if r.proven { "proven" } else { "calibrated" }.to_owned(),
        ]
    });
    let head = ["tensor", "bits", "fraction", "used", "spare", "range"];
    show!("{}", columns(&head, &rows.collect::<Vec<_>>()));
    say!();
}

/// How widths were found, or what was measured of them, as far as people want to know.
fn print_record(record: &Value) {
    let measured = record.get(DEVIATIONS).cloned();
    if let Some(found) = measured.and_then(|found| serde_json::from_value(found).ok()) {
        say!("{}\n", told(&found));
        return;
    }
    let text = |key: &str| {
        let said = record.get(key).and_then(Value::as_str);
        said.unwrap_or("unknown").replace(char::is_control, "?")
    };
    say!(
        "found by {} on data {} for {}, link {}, judged by {}\n",
        text("found_by"),
        text("data_sha256"),
        text("backend"),
        text("link"),
        text("measure")
    );
}

fn wan() -> Link {
    "wan".parse().unwrap_or(Link::Loopback)
}

fn listing_json(listing: &Listing) -> Value {
    let lines = listing.lines.iter().map(|line| {
        json!({
            "name": line.name, "op": line.op, "shape": line.shape,
            "macs": line.macs, "parameters": line.parameters,
        })
    });
    Value::Array(lines.collect())
}
