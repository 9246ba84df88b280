//! `privet store`: prepared material that lies on this machine.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use privet_net::Fingerprint;
use privet_run::store::{Disk, Listing, ShelfLine, Store};
use serde_json::json;

use crate::failure::{Failure, Kind};
use crate::identity::Place;
use crate::table;
use crate::terminal::{note, say, show};

/// Where prepared material lies.
#[derive(Args, Clone)]
pub(crate) struct StorePlace {
    /// Directory of prepared material [default: store in the identity's directory].
    #[arg(long, value_name = "DIR", env = "PRIVET_STORE")]
    store: Option<PathBuf>,
}

impl StorePlace {
    /// The directory, from the option or beside the identity.
    pub(crate) fn directory(&self, place: &Place) -> Result<PathBuf, Failure> {
        match &self.store {
            Some(directory) => Ok(directory.clone()),
            None => Ok(place.directory()?.join("store")),
        }
    }
}

/// Opens the store of a command that can do without; says on standard error why it must.
pub(crate) fn open_or_say(directory: &std::path::Path) -> Option<Arc<Store>> {
    match Store::open(directory) {
        Ok(store) => {
            for line in store.take_warnings() {
                note!("privet: warning: {line}");
            }
            Some(Arc::new(store))
        }
        Err(error) => {
            note!("privet: warning: {error}; going on without prepared material");
            None
        }
    }
}

/// List or discard the prepared material on this machine.
#[derive(Args)]
pub(crate) struct StoreArgs {
    /// Directory of prepared material [default: store in the identity's directory].
    #[arg(long = "store", value_name = "DIR", env = "PRIVET_STORE")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Only what was prepared with this peer.
    #[arg(long, value_name = "FINGERPRINT")]
    peer: Option<Fingerprint>,
    /// Only what was prepared for this model.
    #[arg(long, value_name = "N")]
    model_name: Option<String>,
    /// Erase what --peer, --model-name or --all name. The peer notices and erases its halves when
    /// the two meet again.
    #[arg(long)]
    discard: bool,
    /// With --discard: everything.
    #[arg(long, requires = "discard", conflicts_with_all = ["peer", "model_name"])]
    all: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &StoreArgs) -> Result<(), Failure> {
    let place = StorePlace {
        store: args.directory.clone(),
    };
    let directory = place.directory(&args.place)?;
    if args.discard {
        return discard(args, &directory);
    }
    let mut listing = Listing::read(&Disk, &directory).map_err(file)?;
    listing
        .shelves
        .retain(|shelf| args.wants(&shelf.peer, &shelf.model));
    if args.json {
        say!(
            "{}",
            serde_json::to_value(&listing).map_err(|e| Failure::check(e.to_string()))?
        );
        return Ok(());
    }
    for line in &listing.damaged {
        note!("privet: {line}");
    }
    if listing.shelves.is_empty() {
        say!("nothing is prepared in {}", directory.display());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = listing.shelves.iter().map(row).collect();
    let head = [
        "peer", "half", "model", "backend", "plan", "ready", "pending", "size",
    ];
    show!("{}", table::columns(&head, &rows));
    Ok(())
}

impl StoreArgs {
    fn wants(&self, peer: &str, model: &str) -> bool {
        self.peer.is_none_or(|p| p.to_string() == peer)
            && self.model_name.as_ref().is_none_or(|m| m == model)
    }
}

fn row(shelf: &ShelfLine) -> Vec<String> {
    vec![
        shelf.peer.clone(),
        shelf.half.clone(),
        shelf.model.clone(),
        shelf.backend.clone(),
        shelf.plan.chars().take(16).collect(),
        shelf.ready.to_string(),
        shelf.pending.to_string(),
        table::bytes(shelf.bytes),
    ]
}

fn discard(args: &StoreArgs, directory: &std::path::Path) -> Result<(), Failure> {
    if !args.all && args.peer.is_none() && args.model_name.is_none() {
        return Err(Failure::usage(
            "say what to discard: --peer FINGERPRINT, --model-name N, or --all",
        ));
    }
    if !directory.exists() {
        return Err(Failure::new(
            Kind::File,
            format!("there is no store in {}", directory.display()),
        ));
    }
    let store = Store::open(directory).map_err(file)?;
    let gone = if args.all {
        store.discard_all()
    } else {
        store.discard(|key, about| args.wants(&key.peer.to_string(), &about.model))
    };
    let gone = gone.map_err(file)?;
    if args.json {
        say!("{}", json!({ "discarded": gone }));
    } else {
        say!("discarded {gone} entries");
    }
    Ok(())
}

fn file(error: privet_run::store::StoreError) -> Failure {
    Failure::from(privet_run::RunError::from(error))
}
