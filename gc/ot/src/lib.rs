//! Oblivious transfer: base OT, SoftSpoken extension, correlated and random OT.
