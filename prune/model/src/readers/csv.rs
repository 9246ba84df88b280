//! Numbers in text: one sample per line, separated by commas, semicolons, tabs or spaces; a heading is skipped.

use super::Values;

/// The shape (first axis: samples) and the values.
pub(super) fn samples(text: &str) -> Result<(Vec<usize>, Values), String> {
    let mut values: Vec<f32> = vec![];
    let mut width = None;
    let mut rows = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let before = values.len();
        let mut fields = 0;
        let mut wrong = None;
        for field in split(line) {
            fields += 1;
            match field.parse::<f32>() {
                Ok(v) => values.push(v),
                Err(_) if wrong.is_none() => wrong = Some(field),
                Err(_) => {}
            }
        }
        if let Some(field) = wrong {
            if width.is_none() && values.len() == before {
                // A heading: no field of the first line is a number.
                width = Some((fields, number));
                continue;
            }
            let shown: String = field.chars().take(20).collect();
            return Err(format!("line {number}: {shown:?} is no number"));
        }
        match width {
            Some((expected, first)) if expected != fields => {
                return Err(format!(
                    "line {number} has {fields} values, line {first} has {expected}"
                ));
            }
            _ => width = Some((fields, number)),
        }
        rows += 1;
    }
    let fields = width.map_or(0, |(fields, _)| fields);
    if rows == 0 {
        return Err("it holds no numbers".to_owned());
    }
    Ok((vec![rows, fields], Values::F32(values)))
}

fn split(line: &str) -> impl Iterator<Item = &str> {
    let separator = [',', ';', '\t'].into_iter().find(|&c| line.contains(c));
    let by_space = separator.is_none();
    line.split(move |c: char| separator.map_or(c.is_whitespace(), |s| c == s))
        .map(|field| field.trim().trim_matches('"'))
        .filter(move |field| !(by_space && field.is_empty()))
}
