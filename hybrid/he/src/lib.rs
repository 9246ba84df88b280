//! Linear layers under homomorphic encryption: the transform, RLWE with seeds, encodings, noise bounds.

#![deny(unsafe_code)]
