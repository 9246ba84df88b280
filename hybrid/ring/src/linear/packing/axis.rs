//! One axis of a convolution, split by its stride: output `u` reads, under a tap, cell `u + shift` of the tap's phase.

use super::super::geometry::{Conv, GeometryError, extent};

/// A tap along one axis: the image's cells `phase, phase + s, …` are the ones that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tap {
    /// Index of its phase.
    pub(super) phase: usize,
    /// `⌊(a·d − pad) / s⌋`.
    pub(super) shift: isize,
}

/// Extents along one axis, and how it is cut into tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Axis {
    cells: usize,
    stride: usize,
    /// Outputs in all.
    pub(super) outputs: usize,
    /// Per tap; none where it only ever meets padding.
    pub(super) taps: Vec<Option<Tap>>,
    /// Residues modulo the stride that some tap meets.
    phases: Vec<usize>,
    low: isize,
    high: isize,
    /// Outputs of a tile.
    tile: usize,
    /// The local coordinate 0 of a tile, relative to its first output.
    base: isize,
    /// Local coordinates of a tile.
    pub(super) pitch: usize,
}

fn signed(value: usize) -> Result<isize, GeometryError> {
    isize::try_from(value).map_err(|_| GeometryError::Size { what: "window" })
}

impl Axis {
    /// The axis in one tile.
    pub(super) fn new(conv: &Conv, axis: usize) -> Result<Self, GeometryError> {
        let along = |pair: [usize; 2]| pair.get(axis).copied().unwrap_or_default();
        let (cells, stride) = (along(conv.image), along(conv.strides));
        let outputs = extent(conv, axis)?;
        let step = signed(stride)?;
        let mut met = Vec::new();
        for tap in 0..along(conv.kernel) {
            let at = signed(tap * along(conv.dilations))? - signed(along(conv.pads_before))?;
            let (residue, shift) = (at.rem_euclid(step).unsigned_abs(), at.div_euclid(step));
            // The first and the last cell that its outputs meet, in its phase.
            let first = shift.max(0);
            let last = shift.saturating_add_unsigned(outputs - 1);
            let inside = residue < cells && first <= last && {
                let of_phase = signed((cells - residue).div_ceil(stride))?;
                first < of_phase
            };
            met.push(inside.then_some((residue, shift)));
        }
        let mut phases: Vec<usize> = met.iter().flatten().map(|(residue, _)| *residue).collect();
        phases.sort_unstable();
        phases.dedup();
        let taps = met
            .iter()
            .map(|tap| {
                let (residue, shift) = (*tap)?;
                let phase = phases.binary_search(&residue).ok()?;
                Some(Tap { phase, shift })
            })
            .collect();
        let shifts = || met.iter().flatten().map(|(_, shift)| *shift);
        let mut made = Self {
            cells,
            stride,
            outputs,
            taps,
            phases,
            low: shifts().min().unwrap_or(0),
            high: shifts().max().unwrap_or(0),
            tile: outputs,
            base: 0,
            pitch: 1,
        };
        made.cut(outputs);
        Ok(made)
    }

    /// Cuts the axis into tiles of so many outputs.
    ///
    /// A single tile needs the padding of one side only: the cell left of a row is the one right of the row before. Tiles that
    /// have neighbours hold all that their outputs read, in the place where an inner tile has it.
    pub(super) fn cut(&mut self, tile: usize) {
        self.tile = tile.clamp(1, self.outputs);
        let outputs = self.tile.cast_signed();
        if self.tile < self.outputs {
            self.base = self.low;
            self.pitch = (outputs + self.high - self.low).unsigned_abs();
            return;
        }
        self.base = 0;
        let longest = (0..self.phases.len()).map(|phase| self.of_phase(phase));
        let longest = longest.max().unwrap_or(0).cast_signed();
        let reach = outputs + self.high;
        let span = (longest.min(reach) - self.low).max(reach).max(outputs);
        self.pitch = span.max(1).unsigned_abs();
    }

    pub(super) const fn phases(&self) -> usize {
        self.phases.len()
    }

    pub(super) const fn tiles(&self) -> usize {
        self.outputs.div_ceil(self.tile)
    }

    /// Outputs of a tile: the last one may have fewer.
    pub(super) fn tile(&self, tile: usize) -> usize {
        self.tile.min(self.outputs - tile * self.tile)
    }

    /// First output of a tile.
    pub(super) const fn first(&self, tile: usize) -> usize {
        tile * self.tile
    }

    fn of_phase(&self, phase: usize) -> usize {
        let residue = self.phases.get(phase).copied().unwrap_or(self.cells);
        self.cells.saturating_sub(residue).div_ceil(self.stride)
    }

    /// (local coordinate, coordinate in the image) of all cells that a tile holds of a phase.
    pub(super) fn held(&self, tile: usize, phase: usize) -> Vec<(usize, usize)> {
        let residue = self.phases.get(phase).copied().unwrap_or(0);
        let first = self.first(tile).cast_signed();
        let from = (first + self.low).max(0);
        let reach = first + self.tile(tile).cast_signed() + self.high;
        let to = self.of_phase(phase).cast_signed().min(reach);
        (from..to)
            .map(|cell| {
                let local = cell - first - self.base;
                let image = cell.unsigned_abs() * self.stride + residue;
                (local.unsigned_abs(), image)
            })
            .collect()
    }

    /// Local coordinate by which a tap's weight lies before the outputs.
    pub(super) const fn back(&self, shift: isize) -> isize {
        shift - self.base
    }

    /// Local coordinates that the outputs of a tile read under the taps of a phase, held or not.
    pub(super) fn read(&self, tile: usize, phase: usize) -> Vec<isize> {
        let outputs = self.tile(tile);
        let taps = self.taps.iter().flatten().filter(|tap| tap.phase == phase);
        let mut read: Vec<isize> = taps
            .flat_map(|tap| {
                let back = self.back(tap.shift);
                (0..outputs.cast_signed()).map(move |output| output + back)
            })
            .collect();
        read.sort_unstable();
        read.dedup();
        read
    }

    /// Local coordinates that the outputs of a tile read at most.
    pub(super) const fn reach(&self) -> usize {
        self.tile + self.high.abs_diff(self.low)
    }

    /// Tiles by size: (a tile of that size, how many there are).
    pub(super) fn sizes(&self) -> Vec<(usize, usize)> {
        let tiles = self.tiles();
        if self.tile(tiles - 1) == self.tile {
            return vec![(0, tiles)];
        }
        let mut sizes = vec![(tiles - 1, 1)];
        if tiles > 1 {
            sizes.push((0, tiles - 1));
        }
        sizes
    }
}
