//! Lines for the user. A reader that goes away (`privet inspect MODEL | head`) ends no command and is no fault; output that cannot be
//! written for another reason (a full disk) is a failure that the process ends with.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use crate::failure::{Failure, Kind};

/// Why standard output could not be written first.
static LOST: OnceLock<String> = OnceLock::new();

/// A line on standard output.
macro_rules! say {
    () => { $crate::terminal::write(format_args!("\n")) };
    ($($parts:tt)*) => { $crate::terminal::write(format_args!("{}\n", format_args!($($parts)*))) };
}

/// Text on standard output that has its own line ends.
macro_rules! show {
    ($($parts:tt)*) => { $crate::terminal::write(format_args!($($parts)*)) };
}

/// A line on standard error.
macro_rules! note {
    () => { $crate::terminal::write_note(format_args!("\n")) };
    ($($parts:tt)*) => { $crate::terminal::write_note(format_args!("{}\n", format_args!($($parts)*))) };
}

pub(crate) use {note, say, show};

/// Writes text to standard output as it stands.
pub(crate) fn write(text: Arguments<'_>) {
    keep(std::io::stdout().lock().write_fmt(text), &LOST);
}

/// Writes text to standard error as it stands; what cannot be written there can be told nowhere.
pub(crate) fn write_note(text: Arguments<'_>) {
    let _nowhere_else = std::io::stderr().lock().write_fmt(text);
}

/// The failure of all output until now, if there was one.
pub(crate) fn finish() -> Result<(), Failure> {
    keep(std::io::stdout().lock().flush(), &LOST);
    LOST.get().map_or(Ok(()), |why| {
        Err(Failure::new(Kind::File, format!("standard output: {why}")))
    })
}

fn keep(written: std::io::Result<()>, lost: &OnceLock<String>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // The first reason is the one to tell.
            let _told = lost.set(error.to_string());
        }
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorKind, OnceLock, keep};

    #[test]
    fn only_a_reader_that_left_is_no_failure() {
        let lost = OnceLock::new();
        keep(Ok(()), &lost);
        keep(Err(ErrorKind::BrokenPipe.into()), &lost);
        assert_eq!(lost.get(), None);
        keep(Err(ErrorKind::StorageFull.into()), &lost);
        keep(Err(ErrorKind::PermissionDenied.into()), &lost);
        assert_eq!(
            lost.get(),
            Some(&std::io::Error::from(ErrorKind::StorageFull).to_string())
        );
    }
}
