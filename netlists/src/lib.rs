//! Boolean netlists with few AND gates: representation, formats, generators and catalogue.

#![forbid(unsafe_code)]
