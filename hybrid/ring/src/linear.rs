//! Matrix products and convolutions over the ring, in the clear: their geometry, and kernels for one party's own share.
//!
//! [`Geometry`] says which weight meets which input in which output. It is public, and serves the clear products of the
//! online phase as well as the products by oblivious transfer.

pub mod geometry;
pub mod packing;

mod kernels;
mod multiply;

pub use geometry::{Conv, Geometry, GeometryError, Use};
pub use packing::{Packing, Place, Split};
