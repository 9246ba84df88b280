//! `privet demo`: both parties on this machine, over real TLS, on digits drawn by this project.

use clap::Args;
use privet_model::quant::ir::Model;
use privet_model::quant::{Oracle, QuantOptions, range_of_bytes};
use privet_model::readers::Samples;
use privet_net::{Allow, Identity, Listener};
use privet_plan::{Backend, Choice, LinkModel, NormClass, PlanOptions};
use privet_run::server::Offered;
use privet_run::{Answer, Client, ClientOptions, Report, ServerOptions, Silent};
use serde_json::json;

use crate::failure::{Failure, Kind};
use crate::options::StrictArgs;
use crate::progress::Bar;
use crate::rates::RatesPlace;
use crate::table;
use crate::terminal::say;

/// A small trained network and digits that it has not seen, both made by this project.
const MODEL: &[u8] = include_bytes!("demo/digits.onnx");
const IMAGES: &[u8] = include_bytes!("demo/digits.idx");
const LABELS: &[u8] = include_bytes!("demo/digits-labels.idx");

/// Try it: an embedded digit, two parties on this machine, real TLS, the cost by layer.
#[derive(Args)]
pub(crate) struct Demo {
    /// How the network is evaluated: gc, ot, gc+ot, hybrid, or auto for the cheapest of them.
    #[arg(long, value_name = "BACKEND", default_value = "gc")]
    backend: Choice,
    /// Which of the embedded digits.
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    #[command(flatten)]
    strict: StrictArgs,
    #[command(flatten)]
    rates: RatesPlace,
    /// One JSON object at the end.
    #[arg(long)]
    json: bool,
}

/// What both sides did.
struct Outcome {
    answer: Answer,
    report: Report,
    clear_label: usize,
    clear_logits: Vec<i64>,
}

/// Runs the command.
pub(crate) fn run(args: &Demo) -> Result<(), Failure> {
    let embedded =
        |e: &dyn std::fmt::Display| Failure::new(Kind::File, format!("embedded demo: {e}"));
    let graph = privet_model::onnx::import(MODEL, "digits").map_err(|e| embedded(&e))?;
    let samples = Samples::from_bytes(IMAGES, "digits.idx").map_err(|e| embedded(&e))?;
    let truth = privet_model::readers::labels_from_bytes(LABELS, "digits-labels.idx")
        .map_err(|e| embedded(&e))?;
    let preprocess = crate::models::effective_preprocess(&graph, &samples);
    let prepare = |index: usize| -> Result<Vec<f32>, Failure> {
        crate::models::prepare(&samples, index, &preprocess, graph.input_shape())
    };
    let calibration = (0..samples.len())
        .map(prepare)
        .collect::<Result<Vec<_>, _>>()?;
    let options = QuantOptions {
        input_range: range_of_bytes(&preprocess),
        ..QuantOptions::default()
    };
    let model =
        privet_model::quant::quantise(&graph, &options, &calibration).map_err(|e| embedded(&e))?;
    let index = args
        .index
        .unwrap_or_else(|| usize::from(privet_prim::Block::random().to_bytes()[0]) % samples.len());
    let input = prepare_checked(&calibration, index)?;
    if !args.json {
        introduce(&samples, index)?;
    }
    let outcome = both_parties(model, input, args)?;
    let label = outcome.answer.label as usize;
    let exact = label == outcome.clear_label
        && outcome
            .answer
            .clear
            .as_ref()
            .is_some_and(|c| c.exact == Some(true) && c.logits == outcome.clear_logits);
    if args.json {
        say!(
            "{}",
            json!({
                "label": label,
                "clear_label": outcome.clear_label,
                "exact": exact,
                "ands": outcome.report.ands,
                "bytes": outcome.report.bytes,
                "offline": outcome.report.offline,
                "online": outcome.report.online,
                "encryption": outcome.report.hiding,
                "seconds": outcome.report.seconds,
            })
        );
    } else {
        conclude(&outcome, truth.get(index).copied(), exact);
    }
    if exact {
        Ok(())
    } else {
        Err(Failure::check(
            "the private answer differs from the clear one",
        ))
    }
}

fn prepare_checked(inputs: &[Vec<f32>], index: usize) -> Result<&[f32], Failure> {
    inputs
        .get(index)
        .map(Vec::as_slice)
        .ok_or_else(|| Failure::usage(format!("there are {} digits, counted from 0", inputs.len())))
}

/// A server thread and a client, joined by TLS on loopback.
fn both_parties(model: Model, input: &[f32], args: &Demo) -> Result<Outcome, Failure> {
    let integers = model
        .graph
        .quantise_input(input)
        .map_err(|e| Failure::file("embedded demo", e))?;
    let clear = Oracle::new(&model)
        .map(|oracle| oracle.evaluate(&integers))
        .map_err(|e| Failure::file("embedded demo", e))?
        .map_err(|e| Failure::file("embedded demo", e))?;
    let (server_identity, client_identity) = (Identity::generate()?, Identity::generate()?);
    let net = privet_net::Options::default();
    let allow = Allow::List(vec![client_identity.fingerprint()]);
    let listener = Listener::bind("127.0.0.1:0", &server_identity, allow, net.clone())?;
    let address = listener.local_addr().to_string();
    let backends: Vec<Backend> = args.backend.backends().collect();
    let rates = args.rates.load_or_say(1).rates;
    let plan = privet_plan::Plan::cheapest(
        &model.graph,
        &PlanOptions {
            norms: NormClass::of_model(&model),
            strict: args.strict.strict,
            ..PlanOptions::default()
        },
        (&backends, Choice::Auto),
        &privet_plan::Caps::default(),
        &rates,
        &LinkModel::LOOPBACK,
    )
    .map_err(|e| Failure::check(e.to_string()))?;
    if !args.json {
        let cost = &plan.cost.total();
        say!(
            "  told beforehand: {} ANDs, {}, about {} on this machine, {} on a WAN (400 Mbit/s, 40 ms)\n",
            table::count(cost.work()),
            table::bytes(cost.bytes()),
            table::seconds(plan.seconds(&rates, &LinkModel::LOOPBACK).total()),
            table::seconds(
                plan.seconds(&rates, &LinkModel::shaped(400.0, 40.0))
                    .total()
            ),
        );
    }
    let (answer, report) = std::thread::scope(|scope| {
        let server = scope.spawn(move || -> Result<(), Failure> {
            let session = listener.accept()?;
            let offered = [Offered {
                model,
                id: privet_prim::Block::random().to_bytes(),
            }];
            let grants = ServerOptions {
                insecure_verify: true,
                ..ServerOptions::default()
            };
            privet_run::serve(session, &offered, &grants, &mut Silent)?;
            Ok(())
        });
        let client = || -> Result<(Answer, Report), Failure> {
            let session = privet_net::connect(
                &address,
                &client_identity,
                server_identity.fingerprint(),
                &net,
            )?;
            let wishes = ClientOptions {
                backend: args.backend,
                strict: args.strict.strict,
                insecure_verify: true,
                ..ClientOptions::default()
            };
            let mut client = Client::start(session, &wishes)?;
            let mut bar = Bar::new();
            let result = client.infer_integers(&integers, &mut bar)?;
            client.finish()?;
            Ok(result)
        };
        let result = client();
        let served = server
            .join()
            .unwrap_or_else(|_| Err(Failure::check("the server's thread died")));
        let result = result?;
        served?;
        Ok::<_, Failure>(result)
    })?;
    Ok(Outcome {
        answer,
        report,
        clear_label: clear.label,
        clear_logits: clear.logits,
    })
}

/// The client's digit, as it alone sees it.
fn introduce(samples: &Samples, index: usize) -> Result<(), Failure> {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let raw = samples
        .get(index)
        .map_err(|e| Failure::file("embedded demo", e))?;
    let width = samples.shape().last().copied().unwrap_or(1).max(1);
    say!("privet demo: two parties on this machine, connected by mutual TLS 1.3\n");
    say!("  the client's secret, digit {index} (the server never sees it):\n");
    for row in raw.chunks(width) {
        let line: String = row
            .iter()
            .map(|v| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "0..=4"
                )]
                let shade = (v / 255.0 * 4.0).clamp(0.0, 4.0).round() as usize;
                SHADES.get(shade).copied().unwrap_or(' ')
            })
            .flat_map(|c| [c, c])
            .collect();
        say!("    {line}");
    }
    say!("\n  the server's secret: the weights of a small convolutional network\n");
    Ok(())
}

fn conclude(outcome: &Outcome, truth: Option<u32>, exact: bool) {
    say!("{}", table::report(&outcome.report));
    say!(
        "  the client learns: label {}{}",
        outcome.answer.label,
        truth.map_or_else(String::new, |t| format!(" (the digit was drawn as a {t})"))
    );
    say!("  the server learns: that one inference took place");
    say!(
        "  check: {} the clear fixed-point result (label {})",
        if exact { "equal to" } else { "DIFFERENT FROM" },
        outcome.clear_label
    );
    say!(
        "  set-up {} in {}; computational security {} bits claimed (semi-honest)",
        table::bytes(outcome.report.setup_bytes),
        table::seconds(outcome.report.setup_seconds),
        outcome.report.claimed_bits()
    );
    say!("\n  next: privet inspect MODEL.onnx, and the README's tour with two machines");
}
