//! How a command fails: one line and a documented exit code.

use std::fmt::Display;
use std::process::ExitCode;

use crate::terminal::note;
use privet_run::RunError;

/// Why the process ends, by exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Wrong options.
    Usage = 2,
    /// A file or model that is missing, damaged or not supported.
    File = 3,
    /// The peer or the network.
    Peer = 4,
    /// A result that is not what it must be.
    Check = 5,
    /// Ctrl-C.
    Stopped = 130,
}

/// One line for the user, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    line: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, line: impl Into<String>) -> Self {
        Self {
            kind,
            line: line.into(),
        }
    }

    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self::new(Kind::Usage, line)
    }

    pub(crate) fn file(what: impl Display, error: impl Display) -> Self {
        Self::new(Kind::File, format!("{what}: {error}"))
    }

    pub(crate) fn check(line: impl Into<String>) -> Self {
        Self::new(Kind::Check, line)
    }

    /// Prints the line and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        note!("privet: {}", self.line);
        ExitCode::from(self.kind as u8)
    }

    /// The line alone.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let kind = match &error {
            RunError::Plan(privet_plan::PlanError::AboveCap { .. }) => Kind::Check,
            RunError::Plan(_) | RunError::Input(_) | RunError::Store(_) => Kind::File,
            RunError::Contradiction(_) => Kind::Check,
            RunError::Net(_)
            | RunError::Ot(_)
            | RunError::Gmw(_)
            | RunError::He(_)
            | RunError::Garble(_)
            | RunError::Graph(_)
            | RunError::Incompatible(_)
            | RunError::PeerMisbehaved(_) => Kind::Peer,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<privet_net::Error> for Failure {
    fn from(error: privet_net::Error) -> Self {
        let kind = if matches!(error, privet_net::Error::Identity(_)) {
            Kind::File
        } else {
            Kind::Peer
        };
        Self::new(kind, error.to_string())
    }
}

impl From<privet_net::IdentityError> for Failure {
    fn from(error: privet_net::IdentityError) -> Self {
        Self::new(Kind::File, error.to_string())
    }
}
