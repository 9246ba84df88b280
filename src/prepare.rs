//! `privet prepare`.

use std::sync::Arc;

use clap::Args;
use privet_net::Fingerprint;
use privet_plan::{Choice, Comparison, Party, Plan, Reveal};
use privet_run::store::Store;
use privet_run::{Client, ClientOptions, Made};
use serde_json::json;

use crate::failure::{Failure, Kind};
use crate::identity::Place;
use crate::infer::party;
use crate::options::{CapArgs, SessionArgs, StrictArgs};
use crate::progress::Steps;
use crate::rates::RatesPlace;
use crate::store::StorePlace;
use crate::table;
use crate::terminal::{note, say};

/// Make the material of later inferences with a server, before the inputs are known.
///
/// Both parties store their halves; `infer` with the same model, backend and wishes uses each once.
#[derive(Args)]
pub(crate) struct Prepare {
    /// The server's address, host:port.
    #[arg(long, value_name = "ADDR")]
    server: String,
    /// The server's fingerprint.
    #[arg(long, value_name = "FINGERPRINT")]
    peer: Fingerprint,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    store: StorePlace,
    /// Which of the server's models; not needed where there is one.
    #[arg(long, value_name = "N")]
    model_name: Option<String>,
    /// Inferences to prepare.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// What will be learnt: label, top:K or logits; the server must grant it.
    #[arg(long, value_name = "WHAT", default_value = "label")]
    reveal: Reveal,
    /// How the network will be evaluated: ot, gc+ot, hybrid, or auto for what the server finds cheapest.
    #[arg(long, value_name = "BACKEND", default_value = "ot")]
    backend: Choice,
    /// How shares are compared under ot and hybrid: few-transfers, few-bits, or auto for what the server finds cheaper over its link.
    #[arg(long, value_name = "COMPARISON", default_value = "auto")]
    comparison: Choice<Comparison>,
    /// Who will garble under gc+ot.
    #[arg(long, value_name = "PARTY", default_value = "server", value_parser = party)]
    garbler: Party,
    #[command(flatten)]
    strict: StrictArgs,
    #[command(flatten)]
    caps: CapArgs,
    #[command(flatten)]
    rates: RatesPlace,
    #[command(flatten)]
    session: SessionArgs,
    /// One JSON object per prepared inference.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Prepare) -> Result<(), Failure> {
    if args.session.insecure_plain {
        return Err(Failure::usage(
            "material belongs to a peer, and a plain connection authenticates none: leave --insecure-plain out",
        ));
    }
    let identity = args.place.load()?;
    let directory = args.store.directory(&args.place)?;
    let store =
        Arc::new(Store::open(&directory).map_err(|e| Failure::new(Kind::File, e.to_string()))?);
    args.session.limit_kernels(1);
    let session = privet_net::connect(&args.server, &identity, args.peer, &args.session.net())?;
    let wishes = ClientOptions {
        model: args.model_name.clone(),
        backend: args.backend,
        comparison: args.comparison,
        reveal: args.reveal,
        garbler: args.garbler,
        strict: args.strict.strict,
        caps: args.caps.caps(),
        rates: args.rates.load_or_say(args.session.threads).rates,
        link: args.session.link_model(),
        store: Some(Arc::clone(&store)),
        ..ClientOptions::default()
    };
    let mut client = Client::start(session, &wishes)?;
    client.begin_preparing()?;
    let outcome = make(args, &mut client);
    for line in store.take_warnings() {
        note!("privet: {line}");
    }
    outcome?;
    let ready = client.prepared()?;
    let plan = client.plan().clone();
    client.finish()?;
    if !args.json {
        say!(
            "{} for {} on {} prepared; {ready} ready in {}",
            args.count,
            plan.graph.name,
            plan.options.backend,
            directory.display()
        );
    }
    Ok(())
}

fn make(args: &Prepare, client: &mut Client) -> Result<(), Failure> {
    let mut steps = Steps::new(args.count.into());
    for _ in 0..args.count {
        let made = client.prepare()?;
        if args.json {
            say!("{}", json_line(client.plan(), &made));
        }
        steps.advance(&format!(
            "{} a side, {}",
            table::bytes(made.bytes),
            table::seconds(made.offline.seconds)
        ));
    }
    steps.finish();
    Ok(())
}

fn json_line(plan: &Plan, made: &Made) -> serde_json::Value {
    json!({
        "entry": made.counter,
        "model": plan.graph.name,
        "backend": plan.options.backend.to_string(),
        "plan": plan.hash_text(),
        "offline": made.offline,
        "stored_bytes": made.bytes,
    })
}
