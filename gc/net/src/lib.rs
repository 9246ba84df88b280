//! Authenticated two-party sessions: lanes, frames, TLS, counters, heartbeats, link shaping.

#![forbid(unsafe_code)]
