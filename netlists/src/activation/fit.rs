//! Choice of slopes and offsets.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "numbers below 2^40 between f64 and i64; positions run over the piece that was tabulated"
)]

use crate::activation::{Function, Layout, Piece, Precision, Table};

/// Fits all pieces.
pub(super) fn table(function: Function, bits: u32, frac: u32, precision: Precision) -> Table {
    let magnitude = (bits - 1).min(function.domain_bits(frac, precision) + frac);
    let pieces = match (function, precision) {
        (Function::Tanh, Precision::Fine) => 7,
        (Function::Tanh, Precision::Few) | (Function::Sigmoid, _) => 6,
    };
    let index = pieces.min(magnitude);
    let mut layout = layout(function, frac, magnitude - index, precision);
    layout.drop = layout.drop.min(magnitude - index);
    let mut table = Table {
        function,
        bits,
        frac,
        magnitude,
        index,
        layout,
        pieces: Vec::new(),
    };
    table.pieces = (0..1i64 << index)
        .map(|i| piece(&table, i, precision))
        .collect();
    table
}

/// Layouts found by trying all with few ANDs, for 16 bits; else two places more of a slope than
/// positions in a piece, and four guard bits.
fn layout(function: Function, frac: u32, position: u32, precision: Precision) -> Layout {
    let (drop, guard, cut) = match (function, frac, position) {
        _ if precision == Precision::Fine => (0, position + 2, position.saturating_sub(3)),
        (Function::Sigmoid, 12, 9) => (0, 10, 8),
        (Function::Sigmoid, 11, 8) => (2, 8, 5),
        (Function::Sigmoid, 10, 7) => (2, 6, 3),
        (Function::Tanh, 12, 8) => (1, 8, 5),
        (Function::Tanh, 11, 7) => (0, 8, 5),
        (Function::Tanh, 10, 6) => (0, 7, 4),
        _ => (0, position + 2, (position + 2).saturating_sub(4)),
    };
    // Sigmoid is never steeper than 1/4.
    let steepest = match function {
        Function::Sigmoid => 2,
        Function::Tanh => 0,
    };
    let digits = if position == 0 {
        0
    } else {
        (guard + drop - steepest).max(1)
    };
    Layout {
        digits,
        drop,
        guard,
        cut,
    }
}

/// What a piece must approximate: at each position the exact value for `x = y` and, one unit less,
/// for `x = −1 − y`.
struct Targets {
    positive: Vec<f64>,
    negative: Vec<f64>,
    /// The value far beyond the domain, which clamping maps to the last position.
    beyond: Option<f64>,
}

fn targets(table: &Table, index: i64) -> Targets {
    let unit = (1i64 << table.frac) as f64;
    let exact = |y: i64| table.function.exact(y as f64 / unit) * unit;
    let size = 1i64 << (table.magnitude - table.index);
    let ys = index * size..(index + 1) * size;
    let last = index + 1 == 1 << table.index && table.magnitude + 1 < table.bits;
    let beyond = last.then(|| exact(1 << (table.bits - 1).min(40)));
    Targets {
        positive: ys.clone().map(exact).collect(),
        negative: ys.map(|y| exact(y + 1) - 1.0).collect(),
        beyond,
    }
}

/// The slope and offset with the smallest greatest error.
fn piece(table: &Table, index: i64, precision: Precision) -> Piece {
    let layout = table.layout;
    let targets = targets(table, index);
    let count = targets.positive.len();
    let rise = targets.negative[count - 1] + 1.0 - targets.positive[0];
    let secant = rise / count as f64 * (1i64 << (layout.guard + layout.drop)) as f64;
    let nearest = 2 * (secant / 2.0).floor() as i64 + 1;
    // The last piece leans towards the values beyond it.
    let reach = match (precision, targets.beyond) {
        (Precision::Fine, Some(_)) => 2.0,
        (Precision::Few | Precision::Fine, _) => 0.8,
    };
    let mut best = (
        f64::INFINITY,
        Piece {
            digits: 0,
            offset: 0,
        },
    );
    for slope in [nearest - 4, nearest - 2, nearest, nearest + 2, nearest + 4] {
        let Some(digits) = digits(slope, layout.digits) else {
            continue;
        };
        let rows: Vec<i64> = (0..count as i64)
            .map(|tau| layout.rows(digits, tau >> layout.drop, table.position_bits()))
            .collect();
        for offset in offsets(&targets, &rows, layout, reach) {
            let error = greatest_error(table, &targets, &rows, offset, best.0);
            if error < best.0 {
                best = (error, Piece { digits, offset });
            }
        }
    }
    best.1
}

/// The digit bits of an odd slope, if it has them: `Σ ±2^r` over `count` digits.
fn digits(slope: i64, count: u32) -> Option<u64> {
    if count == 0 {
        return Some(0);
    }
    let limit = (1i64 << count) - 1;
    (1..=limit)
        .contains(&slope)
        .then(|| ((limit - slope) / 2).cast_unsigned())
}

/// Offsets within `reach` units around the middle of what the rows leave.
fn offsets(
    targets: &Targets,
    rows: &[i64],
    layout: Layout,
    reach: f64,
) -> std::ops::RangeInclusive<i64> {
    let scale = (1i64 << layout.places()) as f64;
    let left = targets.positive.iter().zip(&targets.negative).zip(rows);
    let left = left.map(|((p, n), &row)| (p + n) / 2.0 - row as f64 / scale);
    let (low, high) = left.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    let middle = (low + high) / 2.0 + 0.5;
    ((middle - reach) * scale).floor() as i64..=((middle + reach) * scale) as i64 + 1
}

/// Greatest error over the piece in units of the result; infinite if the result leaves its range,
/// cut short once it is not below `limit`.
fn greatest_error(table: &Table, targets: &Targets, rows: &[i64], offset: i64, limit: f64) -> f64 {
    let (places, half) = (table.layout.places(), table.layout.half());
    let least = match table.function {
        Function::Sigmoid => 1i64 << (table.frac - 1),
        Function::Tanh => 0,
    };
    let range = least..1i64 << table.frac;
    let mut greatest = 0f64;
    for (i, &row) in rows.iter().enumerate() {
        let positive = (offset + row) >> places;
        let negative = (offset + row - half) >> places;
        if !range.contains(&positive) || !range.contains(&negative) {
            return f64::INFINITY;
        }
        greatest = greatest
            .max((positive as f64 - targets.positive[i]).abs())
            .max((negative as f64 - targets.negative[i]).abs());
        if i + 1 == rows.len()
            && let Some(beyond) = targets.beyond
        {
            greatest = greatest
                .max((positive as f64 - beyond).abs())
                .max((negative as f64 - (beyond - 1.0)).abs());
        }
        if greatest >= limit {
            return greatest;
        }
    }
    greatest
}
