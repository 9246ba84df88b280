//! Why an inference ended early, and whose fault it is.

use privet_plan::PlanError;

/// Why an inference ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The channel or the peer behind it.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
    /// Oblivious transfer.
    #[error(transparent)]
    Ot(#[from] privet_ot::Error),
    /// Work on shares.
    #[error(transparent)]
    Gmw(privet_gmw::Error),
    /// Homomorphic encryption.
    #[error(transparent)]
    He(#[from] privet_he::Error),
    /// Garbling.
    #[error(transparent)]
    Garble(#[from] privet_garble::Error),
    /// Prepared material at rest.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The plan cannot be made or is above a cap.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The peer's network description is not a valid one.
    #[error("the server's network description is not valid: {0}")]
    Graph(String),
    /// The two sides want different things; neither misbehaves.
    #[error("{0}")]
    Incompatible(String),
    /// The peer sent what an honest one never sends.
    #[error("the peer misbehaved: {0}")]
    PeerMisbehaved(String),
    /// The caller's input does not fit the network.
    #[error("{0}")]
    Input(String),
    /// A defect of this program: a plan that contradicts itself.
    #[error("internal contradiction in the plan: {0}")]
    Contradiction(&'static str),
}

impl From<privet_gmw::Error> for RunError {
    fn from(error: privet_gmw::Error) -> Self {
        if let privet_gmw::Error::Net(error) = error {
            return Self::Net(error);
        }
        if let privet_gmw::Error::Ot(error) = error {
            return Self::Ot(error);
        }
        Self::Gmw(error)
    }
}

impl From<privet_he::ApiMisuse> for RunError {
    fn from(error: privet_he::ApiMisuse) -> Self {
        Self::He(error.into())
    }
}
