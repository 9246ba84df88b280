//! Products by homomorphic encryption: parameter sets, public norm classes, how a layer is packed, what that costs.
//!
//! The client encrypts its masks under a key of its own (RLWE), the server multiplies with its weights and re-randomises what it
//! sends back. What a reply gives away of the weights is bounded by how far its noise drowns theirs: that bound, the
//! [`hiding`] bits, decides how many filters may share a polynomial.

mod price;
pub mod schedule;
#[cfg(test)]
mod tests;

use privet_model::quant::ir::{Model, Params};
use privet_ring::linear::packing::{Counts, Limits};
use privet_ring::linear::{Conv, GeometryError, Packing, Place, Split};
use serde::{Deserialize, Serialize};

use crate::cost::{Rates, StepCost};
pub use price::BytePrice;

/// A parameter set by name. The sets themselves, and what they rest on, are those of `privet-he`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LatticeSet {
    /// N = 4096, two primes of 50 bits.
    Pair50,
    /// N = 4096, three primes of 35 bits.
    Triple35,
    /// N = 8192, three primes of 50 bits: for wide rings, and for all layers of a strict plan.
    Strict,
}

impl LatticeSet {
    /// Every set, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Pair50, Self::Triple35, Self::Strict];

    /// What a plan may take, the cheapest first: every set, or only the one that hides best.
    pub fn allowed(strict: bool) -> impl Iterator<Item = Self> {
        let only = move |set: &Self| !strict || *set == Self::Strict;
        Self::ALL.into_iter().filter(only)
    }

    /// N: coefficients of a polynomial.
    #[must_use]
    pub const fn degree(self) -> usize {
        match self {
            Self::Pair50 | Self::Triple35 => 4096,
            Self::Strict => 8192,
        }
    }

    /// Bits of the modulus: of a coefficient on its way to the server.
    #[must_use]
    pub const fn modulus_bits(self) -> u32 {
        match self {
            Self::Pair50 => 100,
            Self::Triple35 => 105,
            Self::Strict => 150,
        }
    }

    /// The widest plaintext ring.
    #[must_use]
    pub const fn max_ring(self) -> u32 {
        match self {
            Self::Pair50 => 40,
            Self::Triple35 => 45,
            Self::Strict => 52,
        }
    }

    /// Bytes of the client's public key: a seed and one polynomial.
    #[must_use]
    pub const fn key_bytes(self) -> u64 {
        SEED_BYTES + (self.degree() as u64 * self.modulus_bits() as u64).div_ceil(8)
    }

    /// Bytes of a ciphertext in memory.
    #[must_use]
    pub const fn ciphertext_bytes(self) -> u64 {
        16 * self.degree() as u64 * self.primes() as u64
    }

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pair50 => "pair50",
            Self::Triple35 => "triple35",
            Self::Strict => "strict",
        }
    }

    /// Residues of a polynomial: one for each prime and 4096 coefficients, what work is counted in.
    #[must_use]
    pub const fn residues(self) -> u64 {
        self.primes() as u64 * (self.degree() / 4096) as u64
    }

    /// Primes of the modulus.
    #[must_use]
    pub const fn primes(self) -> u32 {
        match self {
            Self::Pair50 => 2,
            Self::Triple35 | Self::Strict => 3,
        }
    }
}

/// The narrowest plaintext ring: layers in narrower ones are multiplied in this one, and read modulo their own.
pub const MIN_RING: u32 = 23;

/// Statistical bits that every coefficient of a reply must have.
pub const HIDING_BITS: f64 = 40.0;

/// Public bound on the norm of a layer's filters: at most `2^(halves / 2)`, all weights of a filter together.
///
/// There are few classes, so that one tells little; a layer that states none has the class of weights as large as their width
/// allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NormClass(u8);

/// The classes, in half bits: 13.5, 15 and 17 bits for networks at 12 fraction bits, then two bits apart.
const CLASSES: [u8; 13] = [27, 30, 34, 38, 42, 46, 50, 54, 58, 62, 70, 80, WIDEST.0];

/// Holds whatever fits into memory: 2^32 weights of 32 bits have a norm of at most 2^47.
const WIDEST: NormClass = NormClass(94);

impl NormClass {
    /// The least class for a norm.
    #[must_use]
    pub fn of_log2(log2: f64) -> Option<Self> {
        let class = CLASSES.into_iter().find(|c| log2 <= f64::from(*c) / 2.0);
        class.map(Self)
    }

    /// The class of filters of `row` weights of `bits` bits, whatever they are.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a bound within a bit")]
    pub(crate) fn widest(bits: u32, row: usize) -> Self {
        let log2 = f64::from(bits.saturating_sub(1)) + (row.max(1) as f64).log2() / 2.0;
        Self::of_log2(log2).unwrap_or(WIDEST)
    }

    /// The classes of a model's layers with weights, in the graph's order: what its owner makes public.
    #[must_use]
    pub fn of_model(model: &Model) -> Vec<Self> {
        let nodes = model.graph.nodes.iter().zip(&model.params);
        nodes
            .filter(|(node, _)| node.op.weight_bits().is_some())
            .map(|(_, params)| params.as_ref().map_or(WIDEST, Self::of_params))
            .collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a bound within a bit")]
    fn of_params(params: &Params) -> Self {
        let row = params.weights.len() / params.bias.len().max(1);
        let squares = params.weights.chunks(row.max(1)).map(|filter| {
            let squares = filter.iter().map(|w| i64::from(*w).pow(2).unsigned_abs());
            u128::from(u64::MAX).min(squares.map(u128::from).sum())
        });
        let most = squares.max().unwrap_or(0).max(1);
        Self::of_log2((most as f64).log2() / 2.0).unwrap_or(WIDEST)
    }

    /// log2 of the bound.
    #[must_use]
    pub fn log2(self) -> f64 {
        f64::from(self.0) / 2.0
    }

    /// Whether the bound holds for these weights, `row` to a filter.
    #[must_use]
    pub fn covers(self, params: &Params) -> bool {
        Self::of_params(params) <= self
    }

    /// A class that there is.
    pub(crate) fn exists(self) -> bool {
        CLASSES.contains(&self.0)
    }
}

/// Statistical bits by which a coefficient of a reply hides the weights: `filters` filters of that norm in one polynomial.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a bound within a bit")]
pub fn hiding(set: LatticeSet, ring_bits: u32, norm: NormClass, filters: usize) -> f64 {
    let noise = norm.log2() + (filters.max(1) as f64).log2() / 2.0;
    f64::from(set.modulus_bits()) - f64::from(ring_bits) - 6.0 - noise
}

/// The most filters that may share a polynomial; 0 where one is too many.
#[must_use]
pub fn most_filters(set: LatticeSet, ring_bits: u32, norm: NormClass) -> usize {
    let spare = hiding(set, ring_bits, norm, 1) - HIDING_BITS;
    if spare < 0.0 {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 2^24"
    )]
    let most = (2.0 * spare).min(24.0).exp2() as usize;
    most
}

/// A layer's products under encryption: everything that both parties must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lattice {
    /// Parameters, the same for all layers of a plan.
    pub set: LatticeSet,
    /// Plaintexts are modulo `2^ring_bits`.
    pub ring_bits: u32,
    /// Class of the layer's filters.
    pub norm: NormClass,
    /// Outputs of a tile, `[rows, columns]`.
    pub tile: [usize; 2],
    /// Planes in an input polynomial.
    pub planes: usize,
    /// Filters in an output polynomial.
    pub filters: usize,
    /// The layer is the first to read its tensor: its encryption defines the client's mask, where that spares bits.
    pub defines: bool,
    /// Input polynomials, over all tiles.
    pub inputs: u64,
    /// Results: coefficients of replies that the client opens.
    pub values: u64,
}

/// Input polynomials of a message, at most; a message holds those of one tile.
pub const BATCH: usize = 64;

/// An input polynomial as the client fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where the layer's inputs lie.
    pub places: Vec<Place>,
    /// Coefficients that encryption may choose, ascending: those of inputs that it defines, and those that no output depends on.
    pub free: Vec<u32>,
    /// For each of these the input that it defines, if it does.
    pub defines: Vec<Option<usize>>,
}

impl Upload {
    fn new(packing: &Packing, (tile, input): (usize, usize), defined: &mut [bool]) -> Self {
        let places = packing.place_inputs(tile, input);
        let mut state = vec![Some(None); packing.degree()];
        for coefficient in packing.read(tile, input) {
            if let Some(state) = state.get_mut(coefficient) {
                *state = None;
            }
        }
        for place in &places {
            let before = defined.get_mut(place.index);
            let fresh = before.is_some_and(|defined| !std::mem::replace(defined, true));
            if let Some(state) = state.get_mut(place.coefficient).filter(|_| fresh) {
                *state = Some(Some(place.index));
            }
        }
        let marked = (0u32..)
            .zip(&state)
            .filter_map(|(at, state)| Some((at, (*state)?)));
        let (free, defines) = marked.unzip();
        Self {
            places,
            free,
            defines,
        }
    }
}

impl Lattice {
    /// The cheapest way for a layer under a set, by the work that is assumed of any machine and the price of bytes; none where the set
    /// hides too little or has no room for the layer. Whether few input or few output polynomials are made trades work for bytes and
    /// those of one direction for the other's.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn choose(
        conv: &Conv,
        set: LatticeSet,
        ring_bits: u32,
        norm: NormClass,
        price: BytePrice,
    ) -> Option<Self> {
        let ring_bits = ring_bits.max(MIN_RING);
        let filters = most_filters(set, ring_bits, norm);
        if filters == 0 || ring_bits > set.max_ring() {
            return None;
        }
        let degree = set.degree();
        let limits = Limits { degree, filters };
        let rates = Rates::default();
        let cost = |counts: &Counts| {
            let work = [
                (counts.inputs, rates.encrypted),
                (counts.outputs, rates.answered),
                (counts.weights, rates.evaluated),
                (counts.products, rates.products),
            ];
            let each = work.iter().map(|(n, rate)| *n as f64 / rate);
            let work = each.sum::<f64>() * 1e9 * set.residues() as f64;
            // Coefficients that nothing depends on take as much less as the masks that the layer defines; these do not depend on
            // the split.
            let bits = counts.inputs * degree as u64 * u64::from(set.modulus_bits() - ring_bits)
                + counts.up * u64::from(ring_bits)
                + counts.outputs * degree as u64 * u64::from(ring_bits + HIGH_BITS)
                + counts.down * u64::from(ring_bits + LOW_BITS);
            work + price.nanoseconds() * bits as f64 / 8.0
        };
        let packing = Packing::cheapest(conv, limits, cost).ok()?;
        let Split {
            tile,
            planes,
            filters,
        } = packing.split();
        Some(Self {
            set,
            ring_bits,
            norm,
            tile,
            planes,
            filters,
            defines: false,
            inputs: (packing.tiles() * packing.inputs()) as u64,
            values: packing.counts().down,
        })
    }

    /// Which coefficient holds what.
    ///
    /// # Errors
    /// A layer that does not fit.
    pub fn packing(&self, conv: &Conv) -> Result<Packing, GeometryError> {
        let split = Split {
            tile: self.tile,
            planes: self.planes,
            filters: self.filters,
        };
        Packing::new(conv, self.set.degree(), split)
    }

    /// The input polynomials in the order in which they are sent: tile after tile.
    pub fn uploads<'p>(
        &self,
        packing: &'p Packing,
        cells: usize,
    ) -> impl Iterator<Item = Upload> + use<'p> {
        let mut defined = vec![!self.defines; cells];
        let tiles = (0..packing.tiles())
            .flat_map(|tile| (0..packing.inputs()).map(move |input| (tile, input)));
        tiles.map(move |(tile, input)| Upload::new(packing, (tile, input), &mut defined))
    }

    /// Bytes of an input polynomial with so many free coefficients.
    #[must_use]
    pub const fn input_bytes(&self, free: usize) -> u64 {
        let all = self.set.degree() as u64 * self.set.modulus_bits() as u64;
        (all - free as u64 * self.ring_bits as u64).div_ceil(8)
    }

    /// Bytes of a message before its input polynomials, of which it holds [`BATCH`] at most.
    #[must_use]
    pub const fn head_bytes() -> u64 {
        SEED_BYTES
    }

    /// Bytes of an output polynomial of which so many coefficients are wanted.
    #[must_use]
    pub const fn output_bytes(&self, wanted: usize) -> u64 {
        let high = self.set.degree() as u64 * (self.ring_bits + HIGH_BITS) as u64;
        let low = wanted as u64 * (self.ring_bits + LOW_BITS) as u64;
        (high + low).div_ceil(8)
    }

    /// Bits by which each coefficient of a reply hides the weights.
    #[must_use]
    pub fn hiding(&self) -> f64 {
        hiding(self.set, self.ring_bits, self.norm, self.filters)
    }

    /// Bytes and work of the layer. Flights are not a layer's: inputs of several are under way at a time, see [`schedule`].
    #[must_use]
    pub fn cost(&self, packing: &Packing, cells: usize) -> StepCost {
        let uploads = self.uploads(packing, cells);
        let up: u64 = uploads
            .map(|upload| self.input_bytes(upload.free.len()))
            .sum();
        let outputs = (0..packing.tiles()).flat_map(|tile| {
            (0..packing.outputs()).map(move |output| packing.wanted(tile, output))
        });
        let counts = packing.counts();
        if counts.inputs == 0 {
            // Taps that meet nothing but padding: all results are zero.
            return StepCost::default();
        }
        let batches = packing.tiles() * packing.inputs().div_ceil(BATCH);
        let residues = self.set.residues();
        StepCost {
            client_bytes: up + batches as u64 * Self::head_bytes(),
            server_bytes: outputs.map(|wanted| self.output_bytes(wanted)).sum(),
            encrypted: residues * counts.inputs,
            evaluated: if packing.are_constants() {
                0
            } else {
                residues * counts.weights
            },
            products: residues * counts.products,
            answered: residues * counts.outputs,
            ..StepCost::default()
        }
    }
}

/// Bytes of a seed.
const SEED_BYTES: u64 = 16;

/// Bits of a reply's second component below the plaintext's last.
const HIGH_BITS: u32 = 10;

/// Bits of a reply's first component below the plaintext's last.
const LOW_BITS: u32 = 4;

/// How well the replies of an inference hide the weights, and how surely they are right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hiding {
    /// The parameters.
    pub set: LatticeSet,
    /// Coefficients that the client decrypts.
    pub coefficients: u64,
    /// Statistical bits of each, at least.
    pub bits_per_coefficient: f64,
    /// Statistical bits of all together: what they give away adds up as the root of their number.
    pub bits_per_inference: f64,
    /// log2 of the probability that any of them is wrong.
    pub log2_error: f64,
}

/// log2 of the probability that one coefficient of a reply is wrong.
///
/// As parts of the distance of plaintexts: half of it, less the flood (1/4) and the rounding of the first component (1/32), remains for
/// the rounding of the second component, `2^-10/√12` times the root of the secret's weight. Errors of products are far below that
/// where they are hidden by [`HIDING_BITS`]. `P(|x| > t·σ) ≤ 2·exp(−t²/2)`.
#[expect(clippy::cast_precision_loss, reason = "at most 8192")]
fn log2_error(set: LatticeSet) -> f64 {
    let degree = set.degree() as f64;
    // Six standard deviations above the mean of ternary digits.
    let weight = degree * 2.0 / 3.0 + 6.0 * (degree * 2.0 / 9.0).sqrt();
    let deviation = (weight / 12.0).sqrt() * (-f64::from(HIGH_BITS)).exp2();
    let margin = 0.5 - 0.25 - 1.0 / 32.0;
    1.0 - (margin / deviation).powi(2) / 2.0 * std::f64::consts::LOG2_E
}

impl Hiding {
    #[expect(clippy::cast_precision_loss, reason = "a bound within a bit")]
    /// Of these layers; none where there are none.
    pub fn of<'l>(layers: impl Iterator<Item = &'l Lattice>) -> Option<Self> {
        let mut all: Option<Self> = None;
        let mut squares = 0.0;
        for layer in layers {
            let bits = layer.hiding();
            squares += layer.values as f64 * (-2.0 * bits).exp2();
            let least = all.map_or(bits, |sum| sum.bits_per_coefficient.min(bits));
            let coefficients = all.map_or(0, |sum| sum.coefficients) + layer.values;
            all = Some(Self {
                set: layer.set,
                coefficients,
                bits_per_coefficient: least,
                bits_per_inference: -squares.log2() / 2.0,
                log2_error: log2_error(layer.set) + (coefficients.max(1) as f64).log2(),
            });
        }
        all
    }
}
