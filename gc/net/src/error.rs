//! What can go wrong between two parties, and whose fault it is.

use crate::identity::Fingerprint;
use std::{io, net::SocketAddr, path::PathBuf, time::Duration};
use thiserror::Error as ThisError;

/// The longest abort reason that is sent or shown, in bytes.
pub const MAX_REASON: usize = 512;

/// An error of a session. Its text is one line.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the wire format: hostile, or not this program.
    #[error("the peer misbehaved: {0}")]
    PeerMisbehaved(#[from] PeerMisbehaved),
    /// The peer is honest and runs another version or other settings.
    #[error("incompatible peer: {what} here is {ours}, there {theirs}")]
    Incompatible {
        /// What the parties differ in.
        what: &'static str,
        /// The value of this side.
        ours: String,
        /// The value of the other side.
        theirs: String,
    },
    /// This side's caller broke a rule of the interface.
    #[error("misuse of the channel: {0}")]
    ApiMisuse(#[from] ApiMisuse),
    /// The connection, the peer's process or the machine.
    #[error("{0}")]
    Io(#[from] IoError),
    /// The peer is not who it should be, or will not accept who this is.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// A file of the identity.
    #[error("{0}")]
    Identity(#[from] IdentityError),
    /// One connection to a listener came to nothing; the listener goes on.
    #[error("connection from {from} refused: {error}")]
    Connection {
        /// Where it came from.
        from: SocketAddr,
        /// Why it was refused.
        error: Box<Self>,
    },
}

/// How the peer broke the wire format.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// A length above its bound.
    #[error("{what} of {got} bytes, at most {limit} allowed")]
    Length {
        /// What has the length.
        what: &'static str,
        /// The length that the peer states.
        got: u64,
        /// The largest length accepted.
        limit: u64,
    },
    /// A frame of a kind that does not exist or has no place here.
    #[error("frame of kind {kind}, which has no meaning here")]
    Kind {
        /// The kind byte.
        kind: u8,
    },
    /// Bytes that are no frame header.
    #[error("bytes that are no frame (is the peer another program?)")]
    NoFrame,
    /// More bytes in flight than this side had granted.
    #[error("sent {over} bytes beyond its window of {window}")]
    Window {
        /// Bytes beyond the window.
        over: u64,
        /// The window, in bytes.
        window: u64,
    },
    /// A message that does not decode.
    #[error("a message that does not decode as {what}: {reason}")]
    Decode {
        /// Name of the expected type.
        what: &'static str,
        /// The decoder's complaint.
        reason: String,
    },
    /// A step of the handshake that is out of place.
    #[error("handshake: {0}")]
    Handshake(&'static str),
}

/// How this side's caller broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// A reservation that no frame can hold.
    #[error("frame_mut({asked}) is above the largest frame, {limit} bytes")]
    FrameTooLong {
        /// Bytes asked for.
        asked: usize,
        /// The largest frame, in bytes.
        limit: usize,
    },
    /// A message whose length does not fit its prefix, or that does not encode.
    #[error("message cannot be encoded: {0}")]
    Encode(String),
    /// Both parties send and neither receives, beyond what is buffered.
    #[error("both parties are sending: {got} bytes wait to be received, at most {limit} are kept")]
    Backlog {
        /// Bytes that wait.
        got: u64,
        /// The most that is kept.
        limit: u64,
    },
    /// A lane that the session does not have.
    #[error("lane {index} of a session with {lanes} lanes")]
    NoLane {
        /// The lane asked for.
        index: usize,
        /// The lanes there are.
        lanes: usize,
    },
    /// The session was used after [`abort`](crate::Channel::abort).
    #[error("the session was aborted on this side: {0}")]
    Aborted(String),
    /// Options that contradict each other or are out of range.
    #[error("{0}")]
    Options(String),
}

/// What happened to the connection.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum IoError {
    /// The peer closed its session in order while this side still expected bytes.
    #[error("the peer ended the session")]
    Closed,
    /// The connection broke.
    #[error("connection to the peer lost: {reason}")]
    ConnectionLost {
        /// What the operating system says.
        reason: String,
    },
    /// The peer gave a reason and left.
    #[error("the peer aborted: {reason}")]
    PeerAborted {
        /// The peer's line, bounded and cleaned of control characters.
        reason: String,
    },
    /// Not one byte, not even a heartbeat.
    #[error("the peer is dead: silent for {} s", seconds(.silent))]
    Dead {
        /// How long nothing came.
        silent: Duration,
    },
    /// The peer lives and does nothing while this side waits for it.
    #[error("the peer is stuck: alive, but no progress for {} s", seconds(.waited))]
    Stalled {
        /// How long its work counter stood still.
        waited: Duration,
    },
    /// No connection could be made.
    #[error("cannot connect to {address}: {reason} ({hint})")]
    Connect {
        /// Whom this side tried to reach.
        address: String,
        /// What the operating system says.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The address could not be bound.
    #[error("cannot listen on {address}: {reason} ({hint})")]
    Bind {
        /// The address.
        address: String,
        /// What the operating system says.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The handshake took too long.
    #[error("the handshake did not end within {} s", seconds(.limit))]
    HandshakeTimeout {
        /// The time allowed.
        limit: Duration,
    },
    /// The machine refused something.
    #[error("{what}: {reason}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        reason: String,
    },
}

/// What went wrong between the two identities.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer shows another key than the one expected.
    #[error("wrong peer: its fingerprint is {got}, expected {expected}")]
    WrongPeer {
        /// The fingerprint expected here.
        expected: Fingerprint,
        /// The fingerprint that was shown.
        got: Fingerprint,
    },
    /// The peer shows a key that is not on the list.
    #[error("peer refused: its fingerprint is {got}, expected one of the {allowed} allowed here")]
    NotAllowed {
        /// The fingerprint that was shown.
        got: Fingerprint,
        /// How many fingerprints are allowed.
        allowed: usize,
    },
    /// The other side refused this side's fingerprint.
    #[error("the {by} refused this side's fingerprint: it got {ours} and expected {expected}")]
    Refused {
        /// Who refused: `server` or `client`.
        by: &'static str,
        /// The fingerprint that this side showed.
        ours: Fingerprint,
        /// What the other side expects, as far as this side can know.
        expected: &'static str,
    },
    /// Anything else that TLS objects to.
    #[error("TLS: {0}")]
    Protocol(String),
}

/// What is wrong with the files of an identity.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file that cannot be read or written.
    #[error("identity: {}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// There is an identity already.
    #[error("identity: {} exists already and is not replaced", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The key can be read by others.
    #[error(
        "identity: {} is open to other users (mode {mode:o}); run: chmod 600 {}",
        .path.display(), .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file whose content is not what it should be.
    #[error("identity: {}: {reason}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A fingerprint that does not read as one.
    #[error("not a fingerprint: {text:?}, expected sha256: and 64 hexadecimal digits")]
    Fingerprint {
        /// The text.
        text: String,
    },
    /// The key could not be made.
    #[error("identity: cannot generate a key: {0}")]
    Generate(String),
}

impl Error {
    pub(crate) fn lost(reason: &str) -> Self {
        IoError::ConnectionLost {
            reason: reason.to_string(),
        }
        .into()
    }

    pub(crate) fn from_io(error: &io::Error) -> Self {
        Self::lost(&describe(error))
    }
}

/// The operating system's words without its error number.
pub(crate) fn describe(error: &io::Error) -> String {
    let known = [
        (io::ErrorKind::UnexpectedEof, "closed by the peer"),
        (io::ErrorKind::ConnectionReset, "reset by the peer"),
        (io::ErrorKind::TimedOut, "timed out"),
        (io::ErrorKind::WouldBlock, "timed out"),
    ];
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    one_line(hint_for(error, &known, text.get(..end).unwrap_or(&text)))
}

/// The text for this kind of error, or `otherwise`.
pub(crate) fn hint_for<'a>(
    error: &io::Error,
    hints: &[(io::ErrorKind, &'a str)],
    otherwise: &'a str,
) -> &'a str {
    hints
        .iter()
        .find(|(kind, _)| *kind == error.kind())
        .map_or(otherwise, |(_, hint)| hint)
}

/// Makes text from outside fit to be shown: one line, no control characters, bounded.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        let c = if hidden { ' ' } else { c };
        if line.len() + c.len_utf8() > MAX_REASON {
            break;
        }
        line.push(c);
    }
    line
}

fn seconds(duration: &Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 10.0 {
        format!("{seconds:.0}")
    } else {
        format!("{seconds:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_bounded_line() {
        assert_eq!(one_line("a\nb\x1b[31mc\u{202e}d"), "a b [31mc d");
        let long = "\u{20ac}".repeat(1000);
        let line = one_line(&long);
        assert!(line.len() <= MAX_REASON && line.len() > MAX_REASON - 3);
    }

    #[test]
    fn every_text_is_one_line() {
        let error = Error::Io(IoError::PeerAborted {
            reason: one_line("x\r\ny"),
        });
        assert_eq!(error.to_string(), "the peer aborted: x  y");
        let dead = Error::Io(IoError::Dead {
            silent: Duration::from_secs(10),
        });
        assert_eq!(dead.to_string(), "the peer is dead: silent for 10 s");
    }
}
