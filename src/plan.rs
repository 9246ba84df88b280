//! `privet plan`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use privet_model::ops::param_counts;
use privet_model::preprocess::Projection;
use privet_model::quant::ir::{Graph, Model};
use privet_net::Link;
use privet_plan::cost::StepCost;
use privet_plan::{
    Backend, Caps, Choice, Comparison, NormClass, Plan, PlanError, PlanOptions, Rates, Reveal,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::models::QuantArgs;
use crate::options::{OnlineArgs, StrictArgs, link_model};
use crate::rates::{Known, RatesPlace};
use crate::table::{bytes, columns, count, seconds};
use crate::terminal::{note, say, show};

/// Tell what an inference will cost, layer by layer, before anything runs.
#[derive(Args)]
pub(crate) struct PlanArgs {
    /// ONNX model, or a quantised one.
    #[arg(required_unless_present = "calibrate")]
    model: Option<PathBuf>,
    #[command(flatten)]
    quant: QuantArgs,
    /// Measure first, for some twenty seconds, what this machine does per second with these threads, and keep it for later estimates.
    #[arg(long)]
    calibrate: bool,
    /// Threads a party that estimates are for.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    threads: u8,
    #[command(flatten)]
    rates: RatesPlace,
    /// How the network is evaluated: gc, ot, gc+ot, hybrid, or auto for the cheapest of them.
    #[arg(long, value_name = "BACKEND", default_value = "gc")]
    backend: Choice,
    /// How shares are compared under ot and hybrid: few-transfers, few-bits, or auto for what is cheaper over the link.
    #[arg(long, value_name = "COMPARISON", default_value = "auto")]
    comparison: Choice<Comparison>,
    /// The link: loopback, lan, wan, cryptflow2-lan, cryptflow2-wan or MBIT,MS.
    #[arg(long, value_name = "LINK", default_value = "loopback")]
    link: Link,
    /// What the client learns: label, top:K or logits.
    #[arg(long, value_name = "WHAT", default_value = "label")]
    reveal: Reveal,
    #[command(flatten)]
    strict: StrictArgs,
    #[command(flatten)]
    online: OnlineArgs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `plan`.
pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    args.online.suits(args.backend)?;
    if args.calibrate {
        calibrate(args)?;
    }
    let known = args.rates.load(args.threads)?;
    match &args.model {
        Some(path) => plan(args, path, &known),
        None => Ok(()),
    }
}

/// Measures this machine's rates and keeps them.
fn calibrate(args: &PlanArgs) -> Result<(), Failure> {
    let terminal = std::io::stderr().is_terminal();
    let mut tell = |stage: &str, done: f64| {
        if terminal {
            crate::terminal::write_note(format_args!("\r{:3.0} %  {stage:60}", 100.0 * done));
        }
    };
    let rates = privet_benchmarks::calibrate::run(usize::from(args.threads), &mut tell);
    if terminal {
        note!();
    }
    let rates = rates.map_err(|e| Failure::check(e.to_string()))?;
    let path = args.rates.store(args.threads, rates)?;
    if args.model.is_some() {
        return Ok(());
    }
    if args.json {
        say!(
            "{}",
            json!({ "threads": args.threads, "file": path.display().to_string(), "rates": rates })
        );
        return Ok(());
    }
    let rows = rates.named().into_iter();
    let rows: Vec<Vec<String>> = rows
        .map(|(name, rate)| vec![name.to_owned(), format!("{rate:.3e}")])
        .collect();
    show!("{}", columns(&["rate", "per second"], &rows));
    say!("\n  kept in {}", path.display());
    Ok(())
}

fn plan(args: &PlanArgs, path: &Path, known: &Known) -> Result<(), Failure> {
    let model = crate::models::quantised(path, &args.quant)?;
    let options = PlanOptions {
        reveal: args.reveal,
        strict: args.strict.strict,
        all_online: args.online.no_prepare,
        ..PlanOptions::default()
    };
    let plan = planned(&model, (args.backend, args.comparison), args.link, &options);
    let plan = plan.map_err(|e| Failure::file(path.display(), e))?;
    if args.json {
        say!("{}", plan_json(&plan, known, args.link));
    } else {
        print_plan(&plan, known, args.link, args.comparison);
    }
    Ok(())
}

/// The plan that a server makes over that link, whatever it costs; the options get the model's norms.
pub(crate) fn planned(
    model: &Model,
    (choice, comparison): (Choice, Choice<Comparison>),
    link: Link,
    options: &PlanOptions,
) -> Result<Plan, PlanError> {
    let options = PlanOptions {
        norms: NormClass::of_model(model),
        ..options.clone()
    };
    let link = link_model(link);
    // Nothing is refused here for what it would cost, but for memory that planning itself takes.
    let caps = Caps {
        bytes: u64::MAX,
        seconds: u64::MAX,
        ..Caps::default()
    };
    let backends: Vec<Backend> = choice.backends().collect();
    // As `serve` decides, by what is assumed of any machine: what was measured on this one moves estimates, not the plan and its hash.
    let assumed = Rates::default();
    match backends.as_slice() {
        [only] => {
            let backend = *only;
            let options = PlanOptions { backend, ..options };
            Plan::over(
                &model.graph,
                (&options, comparison),
                caps.memory,
                &assumed,
                &link,
            )
        }
        several => Plan::cheapest(
            &model.graph,
            &options,
            (several, comparison),
            &caps,
            &assumed,
            &link,
        ),
    }
}

pub(crate) fn plan_json(plan: &Plan, known: &Known, name: Link) -> Value {
    let (rates, link) = (&known.rates, &link_model(name));
    let seconds = plan.seconds(rates, link);
    let offline = plan.offline_layers();
    let live = live_weights(&plan.graph);
    let layers: Vec<Value> = plan
        .layers()
        .iter()
        .zip(&offline)
        .zip(plan.layer_seconds(rates, link))
        .map(|(((layer, cost), (_, offline)), seconds)| {
            let weights = live.get(layer.as_str());
            let ots = |of: &StepCost| of.client_silent + of.server_silent;
            json!({
                "name": layer, "ands": cost.work(), "bytes": cost.bytes(),
                "seconds": seconds,
                "offline_bytes": offline.bytes(),
                "ots": ots(offline) + ots(cost),
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
        "all_online": plan.options.all_online,
        "link": name.to_string(),
        "layers": layers,
        "ands": cost.work(),
        "client_bytes": total.client_bytes,
        "server_bytes": total.server_bytes,
        "bytes": total.bytes(),
        "flights": total.flights.count(),
        "seconds": seconds.total(),
        "rates": known.origin(),
        "online": part(cost, seconds.online),
        "offline": part(offline, seconds.offline),
        "profile": plan.graph.profile.to_string(),
        "approximations": plan.approximations(),
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
fn part(cost: &StepCost, seconds: f64) -> Value {
    json!({
        "client_bytes": cost.client_bytes,
        "server_bytes": cost.server_bytes,
        "bytes": cost.bytes(),
        "ots": cost.cots + cost.client_silent + cost.server_silent,
        "flights": cost.flights.count(),
        "seconds": seconds,
    })
}

pub(crate) fn print_plan(plan: &Plan, known: &Known, name: Link, comparison: Choice<Comparison>) {
    let (rates, link) = (&known.rates, &link_model(name));
    let estimate = plan.seconds(rates, link);
    let ahead = plan.options.backend.shares() && !plan.options.all_online;
    let live = live_weights(&plan.graph);
    let row = |name: &str, cost: &StepCost, offline: &StepCost, online: f64| {
        let mut row = vec![name.to_owned()];
        if !live.is_empty() {
            let terms = live.get(name).map(|(live, all)| format!("{live} of {all}"));
            row.push(terms.unwrap_or_default());
        }
        row.push(count(cost.work()));
        if ahead {
            row.push(bytes(offline.bytes()));
        }
        row.push(bytes(cost.bytes()));
        row.push(seconds(online));
        row
    };
    let offline = plan.offline_layers();
    let mut rows: Vec<Vec<String>> = (plan.layers().iter().zip(&offline))
        .zip(plan.layer_seconds(rates, link))
        .map(|(((layer, cost), (_, offline)), online)| row(layer, cost, offline, online))
        .collect();
    let cost = &plan.cost.inference;
    rows.push(row("total", cost, &plan.cost.offline, estimate.online));
    say!(
        "{} on {}, link {name}\n",
        plan.graph.name,
        plan.options.backend
    );
    let mut head = vec!["layer"];
    if !live.is_empty() {
        head.push("live weights");
    }
    head.extend(if ahead {
        &["ANDs", "offline", "online", "online estimate"][..]
    } else if plan.options.all_online {
        &["ANDs", "bytes", "estimate"]
    } else {
        &["non-XOR gates", "bytes", "estimate"]
    });
    show!("{}", columns(&head, &rows));
    if ahead {
        let (offline, total) = (&plan.cost.offline, plan.cost.total());
        say!(
            "\n  before the input is known: {} OTs, about {}; in all {}, about {}",
            count(offline.client_silent + offline.server_silent),
            seconds(estimate.offline),
            bytes(total.bytes()),
            seconds(estimate.total()),
        );
    }
    if plan.options.all_online {
        say!(
            "\n  nothing is prepared: {} OTs are made layer by layer, all of it once the input is known",
            count(cost.client_silent + cost.server_silent)
        );
    }
    if plan.options.backend.boolean() {
        say!(
            "  comparisons: {}{}",
            plan.options.comparison,
            match comparison {
                Choice::Auto => ", the faster ones here",
                Choice::Only(_) => "",
            }
        );
    }
    let approximations = plan.approximations();
    if let Some(units) = &approximations {
        say!("  {}", crate::table::approximations(units));
    }
    if let Some(hiding) = plan.hiding() {
        let line = crate::table::hiding(&hiding, approximations.as_ref());
        say!("  {line}");
    }
    say!(
        "\n  memory of each party: at most about {}",
        bytes(plan.cost.memory)
    );
    if let Some(p) = &plan.graph.preprocess.projection {
        say!(
            "  raw input: {} values, which the client turns into {} coordinates by the public factor",
            p.features(),
            p.rank()
        );
    }
    if !known.measured {
        say!("  seconds are of an assumed machine; privet plan --calibrate measures this one");
    }
    say!("  opened to the client: {}", plan.options.reveal);
    say!("  plan {}", plan.hash_text());
}
