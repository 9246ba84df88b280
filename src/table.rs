//! Figures for people.

use privet_plan::Approximations;
use privet_plan::lattice::Hiding;
use privet_run::Report;

/// A count with thousands separators.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes with a binary unit.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in UNITS {
        if n >= unit {
            return format!("{:.1} {name}", n as f64 / unit as f64);
        }
    }
    format!("{n} B")
}

/// Seconds with a fitting unit.
pub(crate) fn seconds(s: f64) -> String {
    if s < 1.0 {
        format!("{:.1} ms", s * 1e3)
    } else {
        format!("{s:.2} s")
    }
}

/// Rows in aligned columns: the first to the left, the others to the right.
pub(crate) fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::from(" ");
        for (i, (cell, width)) in cells.zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            text.push(' ');
            if i == 0 {
                text.push_str(cell);
                text.push_str(&pad);
            } else {
                text.push(' ');
                text.push_str(&pad);
                text.push_str(cell);
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    };
    let mut text = line(&mut head.iter().copied());
    let total = widths.iter().sum::<usize>() + 2 * widths.len();
    text.push_str(&format!("  {}\n", "-".repeat(total.saturating_sub(2))));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// How well products under encryption hide and how surely they are right.
pub(crate) fn hiding(hiding: &Hiding, approximations: Option<&Approximations>) -> String {
    let error = match approximations {
        None => "a wrong result",
        Some(_) => "encryption itself errs",
    };
    format!(
        "encryption {}: replies hide weights with {:.1} bits a coefficient, {:.1} bits an inference ({} coefficients); \
         {error} at most once in 2^{:.0} inferences",
        hiding.set.name(),
        hiding.bits_per_coefficient,
        hiding.bits_per_inference,
        count(hiding.coefficients),
        -hiding.log2_error,
    )
}

/// What is not exact.
pub(crate) fn approximations(of: &Approximations) -> String {
    if of.truncations == 0 {
        return "profile approx, but every truncation of this network is exact: none stands before another layer".to_owned();
    }
    format!(
        "profile approx: {} truncations, of {} values together, are within one unit each; the answer is not exact",
        of.truncations,
        count(of.values)
    )
}

/// A run's cost by layer.
pub(crate) fn report(report: &Report) -> String {
    let mut rows: Vec<Vec<String>> = report
        .layers
        .iter()
        .map(|l| {
            vec![
                l.name.clone(),
                count(l.ands),
                bytes(l.bytes),
                seconds(l.seconds),
            ]
        })
        .collect();
    if report.offline.bytes > 0 {
        rows.push(vec![
            if report.prepared {
                "material, prepared earlier".to_owned()
            } else {
                "material, needs no input".to_owned()
            },
            String::new(),
            bytes(report.offline.bytes),
            seconds(report.offline.seconds),
        ]);
        rows.push(vec![
            "online".to_owned(),
            String::new(),
            bytes(report.online.bytes),
            seconds(report.online.seconds),
        ]);
    }
    rows.push(vec![
        "total".to_owned(),
        count(report.ands),
        bytes(report.bytes),
        seconds(report.seconds),
    ]);
    let mut text = columns(&["layer", "ANDs", "bytes", "time"], &rows);
    if report.all_online {
        text.push_str("  nothing was prepared: all of it once the input was known\n");
    }
    let approximate = report.approximations.as_ref();
    if let Some(units) = approximate {
        text.push_str(&format!("  {}\n", approximations(units)));
    }
    if let Some(bits) = &report.hiding {
        text.push_str(&format!("  {}\n", hiding(bits, approximate)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123_456), "123,456");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
        assert_eq!(seconds(0.0123), "12.3 ms");
    }

    #[test]
    fn what_is_not_exact_is_told() {
        let of = |truncations| Approximations {
            truncations,
            values: 1234,
        };
        let told = approximations(&of(2));
        assert!(told.contains("2 truncations, of 1,234 values") && told.ends_with("not exact"));
        assert!(approximations(&of(0)).contains("every truncation of this network is exact"));
    }

    #[test]
    fn columns_are_aligned() {
        let text = columns(&["a", "bb"], &[vec!["xyz".into(), "1".into()]]);
        assert_eq!(text, "  a    bb\n  -------\n  xyz   1\n");
    }
}
