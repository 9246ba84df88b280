//! Ctrl-C during long work: the step is finished, what was done is written, and one line says where to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use privet_passes::train::Control;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Failure, Kind};

/// Whether somebody asked to stop; a second time ends the process at once.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let code = Kind::Stopped as i32;
            flag::register_conditional_shutdown(signal, code, Arc::clone(&asked))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
                .map_err(|e| Failure::file("signals", e))?;
        }
        Ok(Self(asked))
    }

    /// Whether it was asked.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What progress answers.
    pub(crate) fn control(&self) -> Control {
        if self.asked() {
            Control::Stop
        } else {
            Control::Continue
        }
    }
}
