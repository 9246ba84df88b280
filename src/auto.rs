//! `privet quantise --auto`.

use std::path::{Path, PathBuf};

use clap::Args;
use privet_model::graph::Graph;
use privet_model::quant::ir::{Model, Profile};
use privet_model::quant::{Frac, QuantOptions, range_of_bytes};
use privet_model::readers::{self, Kind as Values};
use privet_net::Link;
use privet_passes::Error;
use privet_passes::auto::{Found, LayerWidths, Measure, Options, Price, Samples, layers, search};
use privet_passes::report::Event;
use privet_plan::{Choice, PlanOptions, Rates};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Kind};
use crate::inputs::{self, Inputs};
use crate::interrupt::Interrupt;
use crate::models::with_preprocess;
use crate::options::link_model;
use crate::plan::planned;
use crate::quantise::Quantise;
use crate::table;
use crate::terminal::{say, show};
use crate::training::{bar, failed, show, writable, write};

/// From so many samples on, ranges are seen on others than settings are judged on.
const SEPARATE: usize = 200;

/// How widths are searched.
#[derive(Args)]
pub(crate) struct AutoArgs {
    /// Search the widths, layer by layer, on --data.
    #[arg(long, conflicts_with_all = ["bits", "frac", "ring"], requires = "data")]
    pub(crate) auto: bool,
    /// True labels of --data, IDX or CSV; without any, the float network's labels are to be kept.
    #[arg(long, value_name = "FILE", requires = "auto")]
    labels: Option<PathBuf>,
    /// Most accuracy that may be lost against the float network, in points.
    #[arg(long, value_name = "POINTS", default_value_t = 0.5, requires = "auto")]
    max_drop: f64,
    /// Most samples that settings are judged on; ranges are seen on as many others.
    #[arg(long, value_name = "N", default_value_t = 500, requires = "auto")]
    samples: usize,
    /// The backend whose cost is to fall: gc, ot, gc+ot, hybrid or auto.
    #[arg(
        long,
        value_name = "BACKEND",
        default_value = "hybrid",
        requires = "auto"
    )]
    backend: Choice,
    /// The link that costs are estimated for: loopback, lan, wan, cryptflow2-lan, cryptflow2-wan or MBIT,MS.
    #[arg(
        long,
        value_name = "LINK",
        default_value = "loopback",
        requires = "auto"
    )]
    link: Link,
    /// One JSON object instead of text.
    #[arg(long, requires = "auto")]
    json: bool,
}

/// Searches and writes.
pub(crate) fn run(args: &Quantise, graph: &Graph) -> Result<(), Failure> {
    if args.quant.profile != Profile::Exact {
        let line = format!(
            "--auto searches widths of profile exact, not {}",
            args.quant.profile
        );
        return Err(Failure::usage(line));
    }
    writable(&args.output)?;
    let interrupt = Interrupt::listen()?;
    let data = Data::read(args, graph)?;
    let options = Options {
        max_drop: args.auto.max_drop / 100.0,
        margin: args.quant.margin.unwrap_or(1),
        quant: QuantOptions {
            frac: Frac::Auto,
            input_range: data.input_range,
            publish_sparsity: args.quant.publish_sparsity,
            placement: args.quant.truncate,
            ..QuantOptions::default()
        },
    };
    let bar = bar();
    let found = search(
        &data.graph,
        &Samples {
            calibration: &data.calibration,
            judged: data.judged.as_deref().unwrap_or(&data.calibration),
            labels: data.labels.as_deref(),
        },
        &options,
        &|model| price(model, args.auto.backend, args.auto.link),
        &mut |e: &Event| {
            show(&bar, e.done, &e.stage);
            interrupt.control()
        },
    );
    bar.finish_and_clear();
    let found = found.map_err(|e| ended(e, &args.model))?;
    let told = told(args, &data, &found);
    let bytes = privet_model::quant::file::encode_recorded(&found.model, &told.to_string())
        .map_err(|e| Failure::file(args.output.display(), e))?;
    write(&args.output, &bytes)?;
    if args.auto.json {
        say!("{told}");
    } else {
        print(args, &data, &found);
    }
    Ok(())
}

fn ended(error: Error, model: &Path) -> Failure {
    if let Error::Stopped { stage } = error {
        return Failure::new(
            Kind::Stopped,
            format!("stopped at {stage}: nothing is written"),
        );
    }
    failed(model, error)
}

/// What the search is judged on.
struct Data {
    /// The network with the preprocessing in force.
    graph: Graph,
    calibration: Vec<Vec<f32>>,
    /// None where there are too few samples to keep them apart.
    judged: Option<Vec<Vec<f32>>>,
    labels: Option<Vec<usize>>,
    input_range: Option<[f32; 2]>,
    /// SHA-256 of the files of samples.
    data_hashes: Vec<String>,
    /// And of that of labels.
    labels_hash: Option<String>,
}

impl Data {
    fn read(args: &Quantise, graph: &Graph) -> Result<Self, Failure> {
        let paths = &args.quant.data;
        if paths.is_empty() {
            return Err(Failure::usage("--auto needs --data"));
        }
        if args.auto.samples == 0 {
            return Err(Failure::usage("--samples must be 1 or more"));
        }
        let mut graph = with_preprocess(graph, &args.quant)?;
        let inputs = Inputs::open(paths)?;
        let preprocess = inputs.preprocess(&graph);
        let labels = match &args.auto.labels {
            Some(labels) => {
                Some(readers::labels(labels).map_err(|e| Failure::new(Kind::File, e.to_string()))?)
            }
            None => inputs.labels(),
        };
        let labels = labels.map(|l| l.into_iter().map(|l| l as usize).collect());
        let named = args.auto.labels.as_ref().map_or_else(
            || inputs::named(paths),
            |labels| labels.display().to_string(),
        );
        check(&graph, inputs.len(), labels.as_deref(), &named)?;
        let separate = inputs.len() >= SEPARATE;
        let wanted = if separate {
            2 * args.auto.samples
        } else {
            args.auto.samples
        };
        let step = inputs.len().div_ceil(wanted.max(1)).max(1);
        let chosen: Vec<usize> = (0..inputs.len()).step_by(step).collect();
        let part = |odd: usize| chosen.iter().skip(odd).step_by(1 + usize::from(separate));
        let read = |odd: usize| {
            part(odd)
                .map(|&i| inputs.prepare(i, &preprocess, graph.input_shape()))
                .collect::<Result<Vec<_>, _>>()
        };
        let calibration = read(0)?;
        let judged = separate.then(|| read(1)).transpose()?;
        let labels = labels.map(|l: Vec<usize>| {
            let chosen = part(usize::from(separate));
            chosen.filter_map(|&i| l.get(i).copied()).collect()
        });
        let input_range = (inputs.kind() == Values::Pixels)
            .then(|| range_of_bytes(&preprocess))
            .flatten();
        graph.preprocess = Some(preprocess);
        Ok(Self {
            graph,
            calibration,
            judged,
            labels,
            input_range,
            data_hashes: paths.iter().map(|p| hash(p)).collect::<Result<_, _>>()?,
            labels_hash: args.auto.labels.as_deref().map(hash).transpose()?,
        })
    }

    fn judges(&self) -> usize {
        self.judged.as_ref().unwrap_or(&self.calibration).len()
    }

    /// What accuracy means here.
    const fn measure(&self) -> &'static str {
        match self.labels {
            Some(_) => "true labels",
            None => "labels of the float network",
        }
    }
}

/// There are samples, and each has a label of the network.
fn check(graph: &Graph, count: usize, labels: Option<&[usize]>, file: &str) -> Result<(), Failure> {
    if count == 0 {
        return Err(Failure::file(file, "there is no sample"));
    }
    let Some(labels) = labels else {
        return Ok(());
    };
    if labels.len() != count {
        let what = format!("{count} samples, but {} labels", labels.len());
        return Err(Failure::file(file, what));
    }
    let classes: usize = graph
        .value(graph.output)
        .map_or(0, |v| v.shape.iter().product());
    match labels.iter().position(|l| *l >= classes) {
        None => Ok(()),
        Some(index) => {
            let label = labels.get(index).copied().unwrap_or_default();
            let what =
                format!("label {label} of sample {index}, of a network with {classes} classes");
            Err(Failure::file(file, what))
        }
    }
}

fn hash(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Failure::file(path.display(), e))?;
    let hash = Sha256::digest(bytes);
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What one inference costs by its plan, by the rates that are assumed of any machine.
fn price(model: &Model, backend: Choice, link: Link) -> Result<Price, Error> {
    let plan = planned(
        model,
        (backend, Choice::Auto),
        link,
        &PlanOptions::default(),
    )
    .map_err(|e| Error::Quantise(e.to_string()))?;
    let (rates, link) = (Rates::default(), link_model(link));
    let layers = plan.layers().into_iter().map(|(layer, _)| layer);
    let online = plan.layer_seconds(&rates, &link);
    let offline = plan.offline_layers();
    let ahead = offline.iter().map(|(_, cost)| {
        let silent = cost.client_silent + cost.server_silent;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let silent = silent as f64 / rates.silent;
        rates.offline(cost, &link) + silent
    });
    let seconds = online
        .iter()
        .zip(ahead)
        .map(|(online, ahead)| online + ahead);
    let (cost, offline) = (&plan.cost.inference, &plan.cost.offline);
    Ok(Price {
        seconds: plan.seconds(&rates, &link).total(),
        bytes: plan.cost.total().bytes(),
        ots: cost.cots + offline.client_silent + offline.server_silent,
        gates: cost.work(),
        layers: layers.zip(seconds).collect(),
    })
}

/// All that is told, which the file keeps.
fn told(args: &Quantise, data: &Data, found: &Found) -> Value {
    let [bits, frac] = found.uniform;
    json!({
        "found_by": "quantise --auto",
        "backend": args.auto.backend.to_string(), "link": args.auto.link.to_string(),
        "measure": data.measure(), "max_drop": args.auto.max_drop,
        "data_sha256": data.data_hashes.join(" "), "labels_sha256": data.labels_hash,
        "judged": data.judges(), "calibrated": data.calibration.len(),
        "separate": data.judged.is_some(), "settings": found.tried,
        "float_accuracy": found.float_accuracy,
        "uniform": {"bits": bits, "frac": frac, "accuracy": found.before.accuracy, "cost": found.before.price},
        "by_layer": {"accuracy": found.after.accuracy, "cost": found.after.price},
        "layers": layers(&found.model.graph), "uniform_layers": layers(&found.common.graph),
    })
}

fn print(args: &Quantise, data: &Data, found: &Found) {
    let [bits, frac] = found.uniform;
    say!(
        "{} on {}, link {}: {} samples judged by {}, {} settings tried",
        found.model.graph.name,
        args.auto.backend,
        args.auto.link,
        data.judges(),
        data.measure(),
        found.tried
    );
    if data.judged.is_none() {
        say!("too few samples for more than a smoke test: ranges were seen on the same ones");
    }
    say!();
    let row = |name: String, m: &Measure| {
        vec![
            name,
            format!("{:.2} %", 100.0 * m.accuracy),
            table::bytes(m.price.bytes),
            table::count(m.price.ots),
            table::count(m.price.gates),
            table::seconds(m.price.seconds),
        ]
    };
    let mut float = vec![
        "float".to_owned(),
        format!("{:.2} %", 100.0 * found.float_accuracy),
    ];
    float.resize(6, String::new());
    let rows = [
        float,
        row(format!("{bits} bits, {frac} fraction bits"), &found.before),
        row("by layer".to_owned(), &found.after),
    ];
    let head = ["widths", "accuracy", "bytes", "OTs", "gates", "estimate"];
    show!("{}", table::columns(&head, &rows));
    say!();
    print_layers(&layers(&found.common.graph), &layers(&found.model.graph));
    say!("\nwritten to {}", args.output.display());
}

/// Widths by layer, before in brackets where they differ.
fn print_layers(before: &[LayerWidths], after: &[LayerWidths]) {
    let rows: Vec<Vec<String>> = after
        .iter()
        .map(|now| {
            let old = before.iter().find(|b| b.layer == now.layer);
            let cell = |of: fn(&LayerWidths) -> u32| match old.map(of) {
                Some(old) if old != of(now) => format!("{} ({old})", of(now)),
                _ => of(now).to_string(),
            };
            vec![
                now.layer.clone(),
                cell(|l| l.value_bits),
                cell(|l| l.value_frac),
                cell(|l| l.weight_bits),
                cell(|l| l.weight_frac),
                cell(|l| l.ring_bits),
            ]
        })
        .collect();
    let head = ["layer", "reads", "fraction", "weights", "fraction", "ring"];
    show!("{}", table::columns(&head, &rows));
}
