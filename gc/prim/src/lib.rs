//! 128-bit blocks, AES kernels, PRG, tweakable hash and bit transpose.
