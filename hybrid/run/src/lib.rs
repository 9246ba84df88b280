//! Sessions, executor, client, server and report of a private inference.

#![forbid(unsafe_code)]
