//! Seconds of each kind of work from probes that do several kinds in different proportions.

/// Weight of what is expected of a kind beside the probes: what these cannot tell apart stays near it.
const PRIOR: f64 = 0.03;

/// Least squares of relative errors, `counts[i] · x ≈ seconds[i]` and, with little weight, `x ≈ near`; no kind below a tenth of what is
/// expected of it. By coordinate descent.
///
/// `None` with seconds or expectations that are not positive.
pub(super) fn kinds<const K: usize>(
    probes: &[([f64; K], f64)],
    near: [f64; K],
) -> Option<[f64; K]> {
    let positive = |x: f64| x.is_finite() && x > 0.0;
    if !probes.iter().all(|(_, seconds)| positive(*seconds)) || !near.into_iter().all(positive) {
        return None;
    }
    // In units of what is expected.
    let rows: Vec<[f64; K]> = probes
        .iter()
        .map(|(counts, seconds)| {
            let mut row = *counts;
            for (count, near) in row.iter_mut().zip(near) {
                *count *= near / seconds;
            }
            row
        })
        .collect();
    let column = |k: usize| {
        rows.iter()
            .map(move |row| row.get(k).copied().unwrap_or(0.0))
    };
    let mut x = [1.0; K];
    for _ in 0..10_000 {
        for k in 0..K {
            let square: f64 = column(k).map(|a| a * a).sum();
            let slope: f64 = rows
                .iter()
                .zip(column(k))
                .map(|(row, a)| {
                    let sum: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
                    a * (1.0 - sum)
                })
                .sum();
            if let Some(x) = x.get_mut(k) {
                let pull = PRIOR * PRIOR;
                *x = (*x + (slope + pull * (1.0 - *x)) / (square + pull)).max(0.1);
            }
        }
    }
    for (x, near) in x.iter_mut().zip(near) {
        *x *= near;
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let truth = [3e-6, 2e-3, 5e-5];
        let counts = [
            [1000.0, 10.0, 0.0],
            [5.0, 20.0, 700.0],
            [90_000.0, 1.0, 30.0],
            [100.0, 2.0, 2000.0],
        ];
        let probes = counts.map(|row| {
            let seconds: f64 = row.iter().zip(truth).map(|(a, x)| a * x).sum();
            (row, seconds)
        });
        let found = kinds(&probes, [4e-6, 1e-3, 8e-5]).unwrap();
        for (found, truth) in found.into_iter().zip(truth) {
            assert!((found / truth - 1.0).abs() < 0.02, "{found} {truth}");
        }
    }

    #[test]
    fn what_probes_do_not_tell_is_as_expected() {
        // Always three of the second to one of the first, at twice what was expected of both; nothing of the third.
        let probes = [([1.0, 3.0, 0.0], 8.0), ([2.0, 6.0, 0.0], 16.0)];
        let [first, second, third] = kinds(&probes, [1.0, 1.0, 5.0]).unwrap();
        assert!((first + 3.0 * second - 8.0).abs() < 0.1);
        assert!((1.0..2.5).contains(&first) && (1.0..2.5).contains(&second));
        assert!((third - 5.0).abs() < 1e-9);
        // The second would have to give time back.
        let probes = [([1.0, 0.0], 1.0), ([1.0, 5.0], 0.5), ([2.0, 3.0], 1.5)];
        let found = kinds(&probes, [1.0, 1.0]).unwrap();
        assert!(found[0] > 0.3 && found[1] >= 0.1);
        assert_eq!(kinds(&[([1.0], 0.0)], [1.0]), None);
        assert_eq!(kinds(&[([1.0], f64::NAN)], [1.0]), None);
        assert_eq!(kinds(&[([1.0], 1.0)], [0.0]), None);
    }
}
