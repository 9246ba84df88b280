//! `privet identity new|show`.

use std::path::PathBuf;

use privet_net::Identity;

use crate::failure::{Failure, Kind};
use crate::terminal::{note, say};

/// What to do with the identity.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a new identity (a key and a self-signed certificate); never replaces one.
    New(Place),
    /// Print the fingerprint alone on a line.
    Show(Place),
}

/// Where the identity lies.
#[derive(clap::Args, Clone)]
pub(crate) struct Place {
    /// Directory of the identity [default: privet in the user's configuration directory].
    #[arg(long, value_name = "DIR", env = "PRIVET_IDENTITY")]
    identity: Option<PathBuf>,
}

impl Place {
    /// The directory, from the option or the user's configuration directory.
    pub(crate) fn directory(&self) -> Result<PathBuf, Failure> {
        if let Some(directory) = &self.identity {
            return Ok(directory.clone());
        }
        let config = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
        config
            .map(|c| c.join("privet"))
            .ok_or_else(|| Failure::usage("no home directory: say where with --identity DIR"))
    }

    /// The identity that stands there.
    pub(crate) fn load(&self) -> Result<Identity, Failure> {
        let directory = self.directory()?;
        if !directory.exists() {
            return Err(Failure::new(
                Kind::File,
                format!(
                    "no identity in {}: make one with privet identity new --identity {0}",
                    directory.display()
                ),
            ));
        }
        Ok(Identity::load(&directory)?)
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(place) => {
            let directory = place.directory()?;
            let identity = Identity::create(&directory)?;
            note!(
                "made an identity in {}; its fingerprint:",
                directory.display()
            );
            say!("{}", identity.fingerprint());
        }
        Command::Show(place) => say!("{}", place.load()?.fingerprint()),
    }
    Ok(())
}
