//! `privet plan` and `privet inspect`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use privet_model::graph::Listing;
use privet_model::ops::param_counts;
use privet_model::preprocess::Projection;
use privet_model::quant::ir::Graph;
use privet_net::Link;
use privet_plan::cost::StepCost;
use privet_plan::{Backend, Caps, Choice, LinkModel, NormClass, Plan, PlanOptions, Rates, Reveal};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::models::{Loaded, QuantArgs, load, quantise};
use crate::options::link_model;
use crate::table::{bytes, columns, count, seconds};

/// Tell what an inference will cost, layer by layer, before anything runs.
#[derive(Args)]
pub(crate) struct PlanArgs {
    /// ONNX model, or a quantised one.
    model: PathBuf,
    #[command(flatten)]
    quant: QuantArgs,
    /// How the network is evaluated: gc, ot, gc+ot, hybrid, or auto for the cheapest of them.
    #[arg(long, value_name = "BACKEND", default_value = "gc")]
    backend: Choice,
    /// The link: loopback, lan, wan, cryptflow2-lan, cryptflow2-wan or MBIT,MS.
    #[arg(long, value_name = "LINK", default_value = "loopback")]
    link: Link,
    /// What the client learns: label, top:K or logits.
    #[arg(long, value_name = "WHAT", default_value = "label")]
    reveal: Reveal,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `plan`.
pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let model = crate::models::quantised(&args.model, &args.quant)?;
    let options = PlanOptions {
        reveal: args.reveal,
        norms: NormClass::of_model(&model),
        ..PlanOptions::default()
    };
    let link = link_model(args.link);
    // Nothing is refused here for what it would cost, but for memory that planning itself takes.
    let caps = Caps {
        bytes: u64::MAX,
        seconds: u64::MAX,
        ..Caps::default()
    };
    let backends: Vec<Backend> = args.backend.backends().collect();
    let rates = Rates::default();
    let plan = match backends.as_slice() {
        [only] => {
            let backend = *only;
            let options = PlanOptions { backend, ..options };
            Plan::over(&model.graph, &options, caps.memory, &rates, &link)
        }
        several => Plan::cheapest(&model.graph, &options, several, &caps, &rates, &link),
    };
    let plan = plan.map_err(|e| Failure::file(args.model.display(), e))?;
    if args.json {
        println!("{}", plan_json(&plan, &link, args.link));
    } else {
        print_plan(&plan, &link, args.link);
    }
    Ok(())
}

fn plan_json(plan: &Plan, link: &LinkModel, name: Link) -> Value {
    let rates = Rates::default();
    let offline = plan.offline_layers();
    let live = live_weights(&plan.graph);
    let layers: Vec<Value> = plan
        .layers()
        .iter()
        .zip(&offline)
        .map(|((layer, cost), (_, offline))| {
            let weights = live.get(layer.as_str());
            json!({
                "name": layer, "ands": cost.work(), "bytes": cost.bytes(),
                "seconds": rates.seconds(cost, link),
                "offline_bytes": offline.bytes(),
                "ots": offline.client_silent + offline.server_silent,
                "live_weights": weights.map(|(live, _)| live),
                "weights": weights.map(|(_, all)| all),
            })
        })
        .collect();
    let (cost, offline, total) = (&plan.cost.inference, &plan.cost.offline, plan.cost.total());
    json!({
        "model": plan.graph.name,
        "backend": plan.options.backend.to_string(),
        "reveal": plan.options.reveal.to_string(),
        "comparison": plan.options.backend.boolean().then(|| plan.options.comparison.to_string()),
        "link": name.to_string(),
        "layers": layers,
        "ands": cost.work(),
        "client_bytes": total.client_bytes,
        "server_bytes": total.server_bytes,
        "bytes": total.bytes(),
        "flights": total.flights,
        "seconds": rates.seconds(&total, link),
        "online": part(cost, link),
        "offline": part(offline, link),
        "encryption": plan.hiding(),
        "memory": plan.cost.memory,
        "material": plan.cost.material,
        "hash": plan.hash_text(),
        "projection": plan.graph.preprocess.projection.as_ref().map(embedding),
    })
}

/// What a client does to its raw input, in the clear, where the network reads coordinates in a subspace.
fn embedding(projection: &Projection) -> Value {
    json!({
        "input": projection.input(),
        "features": projection.features(),
        "dimensions": projection.rank(),
        "public_bytes": 2 * projection.factor().len(),
    })
}

/// For each layer with published zeros, how many of its weights are live.
fn live_weights(graph: &Graph) -> BTreeMap<&str, (usize, usize)> {
    let mut live = BTreeMap::new();
    for node in &graph.nodes {
        let Some(map) = node.op.sparsity() else {
            continue;
        };
        let all = graph
            .tensor(node.output)
            .and_then(|output| param_counts(&node.op, output).ok())
            .map_or(0, |(weights, _)| weights);
        live.insert(node.name.as_str(), (map.live(), all));
    }
    live
}

/// One part of a plan's cost: what needs no input, or what waits for it.
fn part(cost: &StepCost, link: &LinkModel) -> Value {
    json!({
        "client_bytes": cost.client_bytes,
        "server_bytes": cost.server_bytes,
        "bytes": cost.bytes(),
        "ots": cost.cots + cost.client_silent + cost.server_silent,
        "flights": cost.flights,
        "seconds": Rates::default().seconds(cost, link),
    })
}

fn print_plan(plan: &Plan, link: &LinkModel, name: Link) {
    let rates = Rates::default();
    let shares = plan.options.backend.shares();
    let live = live_weights(&plan.graph);
    let row = |name: &str, cost: &StepCost, offline: &StepCost| {
        let mut row = vec![name.to_owned()];
        if !live.is_empty() {
            let terms = live.get(name).map(|(live, all)| format!("{live} of {all}"));
            row.push(terms.unwrap_or_default());
        }
        row.push(count(cost.work()));
        if shares {
            row.push(bytes(offline.bytes()));
        }
        row.push(bytes(cost.bytes()));
        row.push(seconds(rates.seconds(cost, link)));
        row
    };
    let offline = plan.offline_layers();
    let mut rows: Vec<Vec<String>> = (plan.layers().iter().zip(&offline))
        .map(|((layer, cost), (_, offline))| row(layer, cost, offline))
        .collect();
    let cost = &plan.cost.inference;
    rows.push(row("total", cost, &plan.cost.offline));
    println!(
        "{} on {}, link {name}\n",
        plan.graph.name, plan.options.backend
    );
    let mut head = vec!["layer"];
    if !live.is_empty() {
        head.push("live weights");
    }
    head.extend(if shares {
        &["ANDs", "offline", "online", "online estimate"][..]
    } else {
        &["non-XOR gates", "bytes", "estimate"]
    });
    print!("{}", columns(&head, &rows));
    if shares {
        let (offline, total) = (&plan.cost.offline, plan.cost.total());
        println!(
            "\n  before the input is known: {} OTs, about {}; in all {}, about {}",
            count(offline.client_silent + offline.server_silent),
            seconds(rates.seconds(offline, link)),
            bytes(total.bytes()),
            seconds(rates.seconds(&total, link)),
        );
    }
    if plan.options.backend.boolean() {
        println!(
            "  comparisons: {}, the faster ones here",
            plan.options.comparison
        );
    }
    if let Some(hiding) = plan.hiding() {
        println!("  {}", crate::table::hiding(&hiding));
    }
    println!(
        "\n  memory of each party: at most about {}",
        bytes(plan.cost.memory)
    );
    if let Some(p) = &plan.graph.preprocess.projection {
        println!(
            "  raw input: {} values, which the client turns into {} coordinates by the public factor",
            p.features(),
            p.rank()
        );
    }
    println!("  opened to the client: {}", plan.options.reveal);
    println!("  plan {}", plan.hash_text());
}

/// Look into a model: supported or not, sizes, ranges against overflow, cost.
#[derive(Args)]
pub(crate) struct Inspect {
    /// ONNX model, or a quantised one.
    model: PathBuf,
    #[command(flatten)]
    quant: QuantArgs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `inspect`.
pub(crate) fn inspect(args: &Inspect) -> Result<(), Failure> {
    let loaded = load(&args.model)?;
    let (listing, model) = match &loaded {
        Loaded::Float(graph) => (
            Some(graph.listing()),
            quantise(&args.model, graph, &args.quant),
        ),
        Loaded::Quantised(model) => (None, Ok((**model).clone())),
    };
    let planned = model.and_then(|model| {
        let ranges = privet_model::quant::summary(&model.graph);
        Plan::new(model.graph, PlanOptions::default(), Caps::default().memory)
            .map(|plan| (plan, ranges))
            .map_err(|e| Failure::file(args.model.display(), e))
    });
    if args.json {
        let (plan, ranges, error) = match &planned {
            Ok((plan, ranges)) => (
                Some((
                    plan_json(plan, &LinkModel::LOOPBACK, Link::Loopback),
                    plan_json(plan, &link_model(wan()), wan()),
                )),
                Some(ranges),
                None,
            ),
            Err(failure) => (None, None, Some(failure.line().to_owned())),
        };
        let (loopback, wan) = plan.unzip();
        println!(
            "{}",
            json!({
                "layers": listing.as_ref().map(listing_json), "supported": error.is_none(), "why_not": error,
                "ranges": ranges, "plan": loopback, "plan_wan": wan,
            })
        );
        return planned.map(|_| ());
    }
    if let Some(listing) = &listing {
        let rows: Vec<Vec<String>> = listing
            .lines
            .iter()
            .map(|line| {
                vec![
                    line.name.clone(),
                    line.op.to_owned(),
                    format!("{:?}", line.shape),
                    count(line.macs),
                    count(line.parameters),
                ]
            })
            .collect();
        print!(
            "{}",
            columns(&["layer", "op", "shape", "products", "parameters"], &rows)
        );
        println!(
            "\n  {} products, {} parameters\n",
            count(listing.macs),
            count(listing.parameters)
        );
    }
    let (plan, ranges) = planned?;
    println!("ranges at {} bits:\n", plan.graph.value_bits);
    let rows: Vec<Vec<String>> = ranges
        .iter()
        .map(|r| {
            vec![
                r.name.clone(),
                r.ring_bits.to_string(),
                r.frac_bits.to_string(),
                r.range_bits.to_string(),
                r.headroom.to_string(),
                if r.proven { "proven" } else { "calibrated" }.to_owned(),
            ]
        })
        .collect();
    print!(
        "{}",
        columns(
            &["tensor", "bits", "fraction", "used", "spare", "range"],
            &rows
        )
    );
    println!();
    print_plan(&plan, &LinkModel::LOOPBACK, Link::Loopback);
    let cost = &plan.cost.inference;
    let wan_seconds = Rates::default().seconds(cost, &link_model(wan()));
    println!(
        "  on a WAN of 400 Mbit/s and 40 ms: about {}",
        seconds(wan_seconds)
    );
    Ok(())
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
