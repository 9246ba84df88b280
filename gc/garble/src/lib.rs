//! Half-gates garbling of netlists, in batches, streamed.

#![forbid(unsafe_code)]
