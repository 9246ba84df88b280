//! `privet serve`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use privet_model::quant::ir::Model;
use privet_net::{Allow, Fingerprint, Identity, Listener, Session};
use privet_plan::{Backend, Choice, NormClass, Party, Plan, PlanError, PlanOptions, Rates, Reveal};
use privet_run::server::Offered;
use privet_run::store::Store;
use privet_run::{HeldWeights, RunError, Served, ServerOptions, Silent};
use serde_json::json;

use crate::failure::{Failure, Kind};
use crate::identity::Place;
use crate::models::{QuantArgs, quantised};
use crate::options::{CapArgs, SessionArgs, StrictArgs, size};
use crate::store::{StorePlace, open_or_say};
use crate::table;
use crate::terminal::{note, say};

/// Serve one or more networks to the clients on a list.
#[derive(Args)]
pub(crate) struct Serve {
    /// Model files: ONNX, or quantised by `privet quantise`.
    #[arg(long, value_name = "M[,M…]", required = true, value_delimiter = ',')]
    model: Vec<PathBuf>,
    /// Address to listen on; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR")]
    listen: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    store: StorePlace,
    /// Most bytes of prepared material that are kept for clients.
    #[arg(long, value_name = "SIZE", default_value = "64GiB", value_parser = size)]
    max_stored: u64,
    /// Memory for an inference under encryption and for evaluated weights that are kept once a second inference needed them.
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size)]
    memory_budget: u64,
    /// Fingerprint of a client that may connect (repeat for more).
    #[arg(long, value_name = "FINGERPRINT")]
    allow: Vec<Fingerprint>,
    /// How networks may be evaluated, as the client wishes: gc, ot, gc+ot, hybrid, several of them, or auto for all.
    #[arg(
        long,
        value_name = "B[,B…]",
        default_value = "auto",
        value_delimiter = ','
    )]
    backend: Vec<Choice>,
    #[command(flatten)]
    quant: QuantArgs,
    /// The most that a client may learn: label, top:K or logits.
    #[arg(long, value_name = "WHAT", default_value = "label")]
    reveal: Reveal,
    /// Answer clients that ask for the clear result; they send their input in the clear.
    #[arg(long)]
    insecure_verify: bool,
    /// Let clients garble (infer --garbler client). One that garbles something else than the plan
    /// says can learn bits of weights from what it opens.
    #[arg(long)]
    client_may_garble: bool,
    #[command(flatten)]
    strict: StrictArgs,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    caps: CapArgs,
    /// End after so many sessions.
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
    /// Sessions served at the same time; further clients wait for their turn.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
    /// One JSON object per session on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Serve) -> Result<(), Failure> {
    let store = store(args)?;
    let models = offered(args, store.as_deref())?;
    let options = args.session.net();
    args.session.limit_kernels(usize::from(args.parallel));
    let identity = if args.session.insecure_plain {
        note!("privet: warning: plain TCP, neither encrypted nor authenticated");
        Identity::generate()?
    } else if args.allow.is_empty() {
        return Err(Failure::usage(
            "nobody may connect: name the clients with --allow FINGERPRINT (privet identity show prints it)",
        ));
    } else {
        args.place.load()?
    };
    let listener = Listener::bind(
        &args.listen,
        &identity,
        Allow::List(args.allow.clone()),
        options,
    )?;
    let address = listener.local_addr();
    if args.json {
        say!("{}", json!({ "listening": address.to_string() }));
    } else {
        let names: Vec<_> = models.iter().map(|m| m.model.graph.name.clone()).collect();
        say!(
            "serving {} on {address}; clients learn {}",
            names.join(", "),
            args.reveal
        );
    }
    accept(args, &listener, &models, store.as_ref())
}

/// Reads, quantises and plans every model, so that what cannot be served is said before listening.
fn offered(args: &Serve, store: Option<&Store>) -> Result<Vec<Offered>, Failure> {
    let mut offered: Vec<Offered> = Vec::new();
    for path in &args.model {
        let model = quantised(path, &args.quant)?;
        if offered
            .iter()
            .any(|o| o.model.graph.name == model.graph.name)
        {
            return Err(Failure::usage(format!(
                "{}: another model is called '{}' already; serve it on an address of its own",
                path.display(),
                model.graph.name
            )));
        }
        let options = PlanOptions {
            garbler: Party::Server,
            reveal: args.reveal,
            norms: NormClass::of_model(&model),
            strict: args.strict.strict,
            ..PlanOptions::default()
        };
        let (rates, link) = (Rates::default(), args.session.link_model());
        let caps = args.caps.caps();
        // A backend that was named must serve every model; of all of them one must.
        for choice in &args.backend {
            let backends: Vec<Backend> = choice.backends().collect();
            let plan = Plan::cheapest(
                &model.graph,
                &options,
                (&backends, Choice::Auto),
                &caps,
                &rates,
                &link,
            );
            if let Err(error) = plan {
                let above = matches!(error, PlanError::AboveCap { .. });
                let kind = if above { Kind::Check } else { Kind::File };
                let line = format!("{}: backend {choice}: {error}", path.display());
                return Err(Failure::new(kind, line));
            }
        }
        let id = model_id(path, &model, store)?;
        offered.push(Offered { model, id });
    }
    Ok(offered)
}

/// The store, where clients are known and it can be used.
fn store(args: &Serve) -> Result<Option<Arc<Store>>, Failure> {
    if args.session.insecure_plain || !args.place.directory()?.exists() {
        return Ok(None);
    }
    let store = open_or_say(&args.store.directory(&args.place)?);
    if let Some(store) = &store {
        store.set_limit(args.max_stored);
    }
    Ok(store)
}

/// The model's random identity: the same in every run where a store remembers it.
fn model_id(path: &Path, model: &Model, store: Option<&Store>) -> Result<[u8; 16], Failure> {
    let Some(store) = store else {
        return Ok(privet_prim::Block::random().to_bytes());
    };
    let content =
        privet_model::quant::file::encode(model).map_err(|e| Failure::file(path.display(), e))?;
    store
        .model_id(&content)
        .map_err(|e| Failure::from(RunError::from(e)))
}

/// Slots for sessions: who finds none free waits, and shows its client that it is alive.
struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A slot that is given back when its session ends, however it ends.
struct Slot<'a>(&'a Slots);

impl Slots {
    fn take(&self, waiting: &privet_net::WorkCounter) -> Slot<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            waiting.progress();
            let second = Duration::from_secs(1);
            let woken = self.freed.wait_timeout(free, second);
            free = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// Most clients that wait for their turn.
const MAX_WAITING: usize = 256;

/// The accept loop: one thread per session.
fn accept(
    args: &Serve,
    listener: &Listener,
    models: &[Offered],
    store: Option<&Arc<Store>>,
) -> Result<(), Failure> {
    let slots = Slots {
        free: Mutex::new(usize::from(args.parallel)),
        freed: Condvar::new(),
    };
    let alive = AtomicUsize::new(0);
    let weights = Arc::new(HeldWeights::new(args.memory_budget));
    let mut accepted = 0;
    let mut last = Ok(());
    std::thread::scope(|scope| {
        while args.sessions.is_none_or(|limit| accepted < limit) {
            let mut session = match listener.accept() {
                Ok(session) => session,
                Err(error) => {
                    // One connection's fault never ends the server.
                    note!("privet: connection refused: {error}");
                    continue;
                }
            };
            if alive.load(Ordering::Acquire) >= usize::from(args.parallel) + MAX_WAITING {
                session.abort("the server is full; try again later");
                continue;
            }
            accepted += 1;
            alive.fetch_add(1, Ordering::AcqRel);
            let (slots, alive, weights) = (&slots, &alive, &weights);
            let handle = scope.spawn(move || {
                let slot = slots.take(&session.work_counter());
                let outcome = serve_one(args, session, models, (store, weights));
                drop(slot);
                alive.fetch_sub(1, Ordering::AcqRel);
                outcome
            });
            // A server of one session is as good as that session.
            if args.sessions == Some(1) {
                last = handle
                    .join()
                    .unwrap_or_else(|_| Err(Failure::check("a session's thread died")));
            }
        }
    });
    last
}

fn serve_one(
    args: &Serve,
    session: Session,
    models: &[Offered],
    (store, weights): (Option<&Arc<Store>>, &Arc<HeldWeights>),
) -> Result<(), Failure> {
    let peer = session
        .peer()
        .map_or_else(|| "an unauthenticated client".to_owned(), |p| p.to_string());
    let allowed = |backend: &Backend| {
        let mut choices = args.backend.iter();
        choices.any(|choice| choice.backends().any(|b| b == *backend))
    };
    let options = ServerOptions {
        backends: Backend::ALL.into_iter().filter(allowed).collect(),
        link: args.session.link_model(),
        reveal: args.reveal,
        insecure_verify: args.insecure_verify,
        client_may_garble: args.client_may_garble,
        strict: args.strict.strict,
        caps: args.caps.caps(),
        store: store.cloned(),
        weights: Arc::clone(weights),
    };
    let outcome = privet_run::serve(session, models, &options, &mut Silent);
    for line in store.map(|s| s.take_warnings()).unwrap_or_default() {
        note!("privet: warning: {line}");
    }
    tell(args, &peer, &outcome);
    outcome.map(|_| ()).map_err(Failure::from)
}

fn tell(args: &Serve, peer: &str, outcome: &Result<Served, RunError>) {
    let stored = |served: &Served| served.reports.iter().filter(|r| r.prepared).count();
    match outcome {
        Ok(served) if args.json => {
            let bytes: u64 = served.reports.iter().map(|r| r.bytes).sum();
            let seconds: f64 = served.reports.iter().map(|r| r.seconds).sum();
            let inferences = served.reports.iter().map(|report| {
                json!({
                    "cpu_seconds": report.cpu_seconds,
                    "evaluated_weights": report.evaluated_weights,
                    "approximations": report.approximations,
                })
            });
            say!(
                "{}",
                json!({
                    "peer": peer,
                    "inputs": served.reports.len(),
                    "inputs_prepared": stored(served),
                    "prepared": served.prepared,
                    "bytes": bytes,
                    "seconds": seconds,
                    "inferences": inferences.collect::<Vec<_>>(),
                    "peak_rss": privet_benchmarks::machine::peak_rss(),
                })
            );
        }
        Ok(served) => {
            let seconds: f64 = served.reports.iter().map(|r| r.seconds).sum();
            let bytes: u64 = served.reports.iter().map(|r| r.bytes).sum();
            let rough = served.reports.iter().find_map(|r| r.approximations);
            say!(
                "{peer}: {} inputs, {} of them prepared, {}, {}; {} prepared for later{}",
                served.reports.len(),
                stored(served),
                table::bytes(bytes),
                table::seconds(seconds),
                served.prepared,
                rough.map_or_else(String::new, |r| format!("; {}", table::approximations(&r))),
            );
        }
        Err(error) => note!("privet: session with {peer} ended: {error}"),
    }
}
