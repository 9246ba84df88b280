//! `privet infer`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use privet_net::{Fingerprint, Identity};
use privet_plan::{Choice, Comparison, Party, Plan, Reveal};
use privet_run::store::Store;
use privet_run::{Answer, Clear, Client, ClientOptions, Report};
use serde_json::{Value, json};

use crate::failure::{Failure, Kind};
use crate::identity::Place;
use crate::models::{prepare, samples};
use crate::options::{CapArgs, OnlineArgs, SessionArgs, StrictArgs};
use crate::progress::Bar;
use crate::rates::RatesPlace;
use crate::store::{StorePlace, open_or_say};
use crate::table;
use crate::terminal::{note, say, show};

/// Ask a server's network about inputs of one's own, privately.
#[derive(Args)]
pub(crate) struct Infer {
    /// The server's address, host:port.
    #[arg(long, value_name = "ADDR")]
    server: String,
    /// The server's fingerprint.
    #[arg(
        long,
        value_name = "FINGERPRINT",
        required_unless_present = "insecure_plain"
    )]
    peer: Option<Fingerprint>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    store: StorePlace,
    /// Which of the server's models; not needed where there is one.
    #[arg(long, value_name = "N")]
    model_name: Option<String>,
    /// Input files: IDX, CSV, NPY (all of their samples, or those of --index) or images.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Samples of each file, counted from 0.
    #[arg(long, value_name = "I,J,…", value_delimiter = ',')]
    index: Vec<usize>,
    /// What to learn: label, top:K or logits; the server must grant it.
    #[arg(long, value_name = "WHAT", default_value = "label")]
    reveal: Reveal,
    /// How the network is evaluated: gc, ot, gc+ot, hybrid, or auto for what the server finds cheapest.
    #[arg(long, value_name = "BACKEND", default_value = "gc")]
    backend: Choice,
    /// How shares are compared under ot and hybrid: few-transfers, few-bits, or auto for what the server finds cheaper over its link.
    #[arg(long, value_name = "COMPARISON", default_value = "auto")]
    comparison: Choice<Comparison>,
    /// Who garbles: server, or client as in DeepSecure (then the weights enter by oblivious transfer).
    #[arg(long, value_name = "PARTY", default_value = "server", value_parser = party)]
    garbler: Party,
    #[command(flatten)]
    strict: StrictArgs,
    #[command(flatten)]
    online: OnlineArgs,
    #[command(flatten)]
    caps: CapArgs,
    #[command(flatten)]
    rates: RatesPlace,
    /// Accept only the plan with this hash (64 hexadecimal digits, as `infer` and `plan` print it).
    #[arg(long, value_name = "HASH", value_parser = plan_hash)]
    plan: Option<[u8; 32]>,
    /// Send the input in the clear as well and compare with the clear result.
    #[arg(long)]
    insecure_verify: bool,
    #[command(flatten)]
    session: SessionArgs,
    /// One JSON object per input.
    #[arg(long)]
    json: bool,
}

pub(crate) fn party(text: &str) -> Result<Party, String> {
    match text {
        "server" => Ok(Party::Server),
        "client" => Ok(Party::Client),
        _ => Err(format!("'{text}' is neither server nor client")),
    }
}

/// Runs the command.
pub(crate) fn run(args: &Infer) -> Result<(), Failure> {
    args.online.suits(args.backend)?;
    // Files first: nobody is bothered with a session that has no input.
    let files = args
        .input
        .iter()
        .map(|path| samples(path))
        .collect::<Result<Vec<_>, _>>()?;
    for (file, index) in files
        .iter()
        .flat_map(|f| args.index.iter().map(move |i| (f, *i)))
    {
        file.get(index)
            .map_err(|e| Failure::new(Kind::File, e.to_string()))?;
    }
    let options = args.session.net();
    let (identity, peer) = match (args.session.insecure_plain, args.peer) {
        (true, _) => {
            note!("privet: warning: plain TCP, neither encrypted nor authenticated");
            let identity = Identity::generate()?;
            let nobody = identity.fingerprint();
            (identity, nobody)
        }
        (false, Some(peer)) => (args.place.load()?, peer),
        (false, None) => return Err(Failure::usage("--peer FINGERPRINT is missing")),
    };
    args.session.limit_kernels(1);
    let session = privet_net::connect(&args.server, &identity, peer, &options)?;
    let wishes = ClientOptions {
        model: args.model_name.clone(),
        backend: args.backend,
        comparison: args.comparison,
        reveal: args.reveal,
        garbler: args.garbler,
        strict: args.strict.strict,
        all_online: args.online.no_prepare,
        caps: args.caps.caps(),
        rates: args.rates.load_or_say(args.session.threads).rates,
        link: args.session.link_model(),
        insecure_verify: args.insecure_verify,
        plan_hash: args.plan,
        store: store(args)?,
    };
    let mut client = Client::start(session, &wishes)?;
    announce(args, client.plan(), &wishes);
    let prepared = client.prepared()?;
    if prepared > 0 && !args.json {
        note!("{prepared} inferences are prepared");
    }
    let shape = input_shape(client.plan());
    let preprocess = client.plan().graph.preprocess.clone();
    let mut wrong = 0;
    for (file, path) in files.iter().zip(&args.input) {
        let indices: Vec<usize> = if args.index.is_empty() {
            (0..file.len()).collect()
        } else {
            args.index.clone()
        };
        for index in indices {
            let input = prepare(file, index, &preprocess, &shape)?;
            let mut bar = Bar::new();
            let (answer, report) = client.infer(&input, &mut bar)?;
            wrong += usize::from(
                answer
                    .clear
                    .as_ref()
                    .is_some_and(|c| c.exact == Some(false)),
            );
            show(args, client.plan(), path, index, &answer, &report)?;
        }
    }
    client.finish()?;
    if wrong > 0 {
        return Err(Failure::check(format!(
            "{wrong} answers differ from the clear result"
        )));
    }
    Ok(())
}

/// The store, where there is one, the peer is known, and stored material may be used.
fn store(args: &Infer) -> Result<Option<Arc<Store>>, Failure> {
    if args.session.insecure_plain || args.online.no_prepare {
        return Ok(None);
    }
    let directory = args.store.directory(&args.place)?;
    Ok(directory
        .exists()
        .then(|| open_or_say(&directory))
        .flatten())
}

fn plan_hash(text: &str) -> Result<[u8; 32], String> {
    let bad = || format!("'{text}' is not 64 hexadecimal digits");
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(bad());
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
    }
    Ok(hash)
}

fn input_shape(plan: &Plan) -> Vec<usize> {
    plan.graph
        .tensors
        .get(plan.graph.input.0 as usize)
        .map(|t| t.shape.clone())
        .unwrap_or_default()
}

/// Says what an inference will cost, before the first.
fn announce(args: &Infer, plan: &Plan, wishes: &ClientOptions) {
    if args.json {
        return;
    }
    let total = plan.cost.total();
    note!(
        "{} on {}: {} ANDs, {} per input, about {}; the server opens {}",
        plan.graph.name,
        plan.options.backend,
        table::count(total.work()),
        table::bytes(total.bytes()),
        table::seconds(plan.seconds(&wishes.rates, &wishes.link).total()),
        plan.options.reveal,
    );
    if let Some(units) = plan.approximations() {
        note!("{}", table::approximations(&units));
    }
    note!("plan {}", plan.hash_text());
}

/// The class's name, where the model has names.
pub(crate) fn class_name(plan: &Plan, label: u32) -> Option<String> {
    plan.graph.classes.as_ref()?.get(label as usize).cloned()
}

fn show(
    args: &Infer,
    plan: &Plan,
    path: &std::path::Path,
    index: usize,
    answer: &Answer,
    report: &Report,
) -> Result<(), Failure> {
    if args.json {
        say!("{}", json_line(plan, path, index, answer, report)?);
        return Ok(());
    }
    let name = class_name(plan, answer.label).map_or_else(String::new, |n| format!(" ({n})"));
    say!("{} [{index}]: label {}{name}", path.display(), answer.label);
    if let Some(top) = &answer.top {
        say!("  best first: {top:?}");
    }
    if let Some(logits) = &answer.logits {
        say!(
            "  logits, to be divided by 2^{}: {logits:?}",
            answer.frac_bits.unwrap_or(0)
        );
    }
    if let Some(clear) = &answer.clear {
        say!(
            "  {} the clear result, label {}",
            verdict(clear),
            clear.label
        );
    }
    show!("{}", table::report(report));
    Ok(())
}

/// How what was opened compares.
fn verdict(clear: &Clear) -> String {
    match (&clear.difference, clear.exact) {
        (Some(d), _) if d.logits > 0 => format!(
            "{} of {} logits differ, by {} unit(s) at most, from",
            d.differing, d.logits, d.greatest
        ),
        (Some(d), _) if d.same_label => "the label of".to_owned(),
        (None, Some(true)) => "equal to".to_owned(),
        _ => "DIFFERENT FROM".to_owned(),
    }
}

/// One input's line: the answer's fields and the figures.
fn json_line(
    plan: &Plan,
    path: &std::path::Path,
    index: usize,
    answer: &Answer,
    report: &Report,
) -> Result<Value, Failure> {
    let mut line = serde_json::to_value(answer).map_err(|e| Failure::check(e.to_string()))?;
    if let Some(fields) = line.as_object_mut() {
        if let Some(Value::Object(clear)) = fields.remove("clear") {
            fields.insert("clear_label".to_owned(), json!(clear.get("label")));
            fields.insert("clear_logits".to_owned(), json!(clear.get("logits")));
            for verdict in ["exact", "difference"] {
                if let Some(said) = clear.get(verdict) {
                    fields.insert(verdict.to_owned(), said.clone());
                }
            }
        }
        fields.insert("input".to_owned(), json!(path.display().to_string()));
        fields.insert("index".to_owned(), json!(index));
        fields.insert("class".to_owned(), json!(class_name(plan, answer.label)));
        fields.insert("ands".to_owned(), json!(report.ands));
        fields.insert("bytes".to_owned(), json!(report.bytes));
        fields.insert("seconds".to_owned(), json!(report.seconds));
        fields.insert(
            "backend".to_owned(),
            json!(plan.options.backend.to_string()),
        );
        fields.insert("profile".to_owned(), json!(plan.graph.profile.to_string()));
        fields.insert("approximations".to_owned(), json!(report.approximations));
        fields.insert("prepared".to_owned(), json!(report.prepared));
        fields.insert("all_online".to_owned(), json!(report.all_online));
        fields.insert("offline".to_owned(), json!(report.offline));
        fields.insert("online".to_owned(), json!(report.online));
        fields.insert("setup_bytes".to_owned(), json!(report.setup_bytes));
        fields.insert("setup_seconds".to_owned(), json!(report.setup_seconds));
        fields.insert("cpu_seconds".to_owned(), json!(report.cpu_seconds));
        let comparison = plan.options.comparison.to_string();
        let compared = plan.options.backend.boolean().then_some(comparison);
        fields.insert("comparison".to_owned(), json!(compared));
        let total = plan.cost.total();
        let ots = total.cots + total.client_silent + total.server_silent;
        fields.insert("ots".to_owned(), json!(ots));
        fields.insert("claimed_bits".to_owned(), json!(report.claimed_bits()));
        fields.insert("encryption".to_owned(), json!(report.hiding));
        fields.insert("layers".to_owned(), json!(report.layers));
        fields.insert(
            "peak_rss".to_owned(),
            json!(privet_benchmarks::machine::peak_rss()),
        );
    }
    Ok(line)
}
