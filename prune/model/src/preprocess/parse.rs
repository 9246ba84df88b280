//! Preprocessing as text: JSON, TOML, or a short form for command lines.

use std::fmt;

use super::{Preprocess, PreprocessError};

impl Preprocess {
    /// Reads the short form `divide=255,mean=0.485,0.456,0.406,std=0.229,0.224,0.225,bgr,resize=256x256,crop=224x224`
    /// (any subset, any order: the steps' order is fixed; lists may be separated by `;` instead), JSON (`{...}`) or TOML (several lines or lists in brackets).
    ///
    /// # Errors
    /// Text in none of these forms, or parameters that [`Self::validate`] refuses.
    pub fn parse(text: &str) -> Result<Self, PreprocessError> {
        let error = |what: String| PreprocessError::Parse {
            text: text.chars().take(80).collect(),
            what: what.lines().next().unwrap_or_default().to_owned(),
        };
        let trimmed = text.trim();
        let parsed: Self = if trimmed.starts_with('{') {
            serde_json::from_str(trimmed).map_err(|e| error(e.to_string()))?
        } else if trimmed.contains(['\n', '[', '#']) {
            toml::from_str(trimmed).map_err(|e| error(e.message().to_owned()))?
        } else {
            short(trimmed).map_err(error)?
        };
        if parsed.projection.is_some() {
            return Err(error("a projection has no place in this text".to_owned()));
        }
        parsed.validate()?;
        Ok(parsed)
    }
}

fn short(text: &str) -> Result<Preprocess, String> {
    let mut p = Preprocess::default();
    let mut open: Option<&mut Vec<f32>> = None;
    for item in text.split(',').map(str::trim).filter(|i| !i.is_empty()) {
        let Some((key, value)) = item.split_once('=') else {
            if item == "bgr" {
                (p.bgr, open) = (true, None);
            } else if let (Some(list), Ok(v)) = (&mut open, item.parse()) {
                list.push(v);
            } else {
                return Err(format!("{item:?} is not understood"));
            }
            continue;
        };
        let value = value.trim();
        let parse = |v: &str| {
            let number = v.trim().parse::<f32>();
            number.map_err(|_| format!("{v:?} is no number"))
        };
        let number = || parse(value);
        let numbers = || value.split(';').map(parse).collect::<Result<Vec<_>, _>>();
        open = None;
        match key.trim() {
            "divide" => p.divide = number()?,
            "mean" => {
                p.mean = numbers()?;
                open = Some(&mut p.mean);
            }
            "std" | "deviation" => {
                p.deviation = numbers()?;
                open = Some(&mut p.deviation);
            }
            "resize" => p.resize = Some(extents(value)?),
            "crop" => p.crop = Some(extents(value)?),
            "bgr" => p.bgr = value.parse().map_err(|_| format!("bgr={value}"))?,
            key => return Err(format!("{key:?} is not known")),
        }
    }
    Ok(p)
}

fn extents(text: &str) -> Result<[usize; 2], String> {
    text.split_once('x')
        .and_then(|(h, w)| Some([h.trim().parse().ok()?, w.trim().parse().ok()?]))
        .ok_or_else(|| format!("{text:?} is not HEIGHTxWIDTH"))
}

/// The short form; it parses to the same value, but for the projection, which it leaves out.
impl fmt::Display for Preprocess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[f32]| {
            let texts: Vec<String> = values.iter().map(f32::to_string).collect();
            texts.join(",")
        };
        let mut items = vec![];
        if let Some([h, w]) = self.resize {
            items.push(format!("resize={h}x{w}"));
        }
        if let Some([h, w]) = self.crop {
            items.push(format!("crop={h}x{w}"));
        }
        if self.bgr {
            items.push("bgr".to_owned());
        }
        if self.divide.to_bits() != 1.0_f32.to_bits() {
            items.push(format!("divide={}", self.divide));
        }
        if !self.mean.is_empty() {
            items.push(format!("mean={}", list(&self.mean)));
        }
        if !self.deviation.is_empty() {
            items.push(format!("std={}", list(&self.deviation)));
        }
        f.write_str(&items.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Preprocess {
        Preprocess {
            resize: Some([256, 320]),
            crop: Some([224, 227]),
            bgr: true,
            divide: 255.0,
            mean: vec![0.485, 0.456, 0.406],
            deviation: vec![0.229, 0.224, 0.225],
            projection: None,
        }
    }

    #[test]
    fn three_forms_say_the_same() {
        let short = "divide=255, mean=0.485,0.456,0.406, std=0.229,0.224,0.225,bgr,resize=256x320,crop=224x227";
        let toml = "resize = [256, 320]\ncrop = [224, 227]\nbgr = true\ndivide = 255\n\
                    mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]";
        let json = r#"{"resize":[256,320],"crop":[224,227],"bgr":true,"divide":255,
                       "mean":[0.485,0.456,0.406],"deviation":[0.229,0.224,0.225]}"#;
        let semicolons = short.replace("0.485,0.456,0.406", "0.485; 0.456; 0.406");
        for text in [short, toml, json, &semicolons] {
            assert_eq!(Preprocess::parse(text).unwrap(), full(), "{text}");
        }
    }

    #[test]
    fn the_short_form_comes_back() {
        for p in [
            full(),
            Preprocess::default(),
            Preprocess {
                mean: vec![1e-7],
                divide: 0.1,
                ..Preprocess::default()
            },
        ] {
            assert_eq!(Preprocess::parse(&p.to_string()).unwrap(), p, "{p}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, named) in [
            ("divide=abc", "abc"),
            ("255", "255"),
            ("gamma=2", "gamma"),
            ("mean=1,bgr,2", "2"),
            ("resize=256", "256"),
            ("divide=0", "divisor"),
            ("{\"divide\":255,\"gamma\":1}", "gamma"),
            (
                "{\"projection\":{\"input\":[1],\"rank\":1,\"factor\":[0,0]}}",
                "projection",
            ),
            ("divide = [", "divide"),
            ("{", "EOF"),
        ] {
            let e = Preprocess::parse(text).unwrap_err().to_string();
            assert!(e.contains(named), "{text}: {e}");
            assert_eq!(e.lines().count(), 1, "{e}");
        }
    }
}
