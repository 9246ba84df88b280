//! The public preprocessing of a model's input, part of its metadata.

mod parse;
mod projection;
mod resize;

use serde::{Deserialize, Serialize};

use crate::readers::Kind;

pub use projection::{FACTOR_FRAC_BITS, MAX_FACTOR, Projection};

/// Largest extent that an image may be resized or cropped to.
const MAX_EXTENT: usize = 1 << 14;
/// Most pixels of such an image: a client follows what the server's model says.
const MAX_PIXELS: usize = 1 << 24;

/// Steps that turn a raw sample (pixel, feature) into the network's real-valued input, in this order:
/// resize, crop, channel order, `v / divide`, `(v - mean) / deviation`, all in f32; then the coordinates in a
/// subspace, if there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocess {
    /// Resize so that the image becomes `[height, width]` before cropping.
    pub resize: Option<[usize; 2]>,
    /// Central crop to `[height, width]`.
    pub crop: Option<[usize; 2]>,
    /// Channels are read as blue, green, red.
    pub bgr: bool,
    /// Divisor of every raw value.
    pub divide: f32,
    /// Per-channel mean (one entry: for all).
    pub mean: Vec<f32>,
    /// Per-channel deviation (one entry: for all).
    #[serde(alias = "std")]
    pub deviation: Vec<f32>,
    /// The network's input is the sample's coordinates in this subspace.
    pub projection: Option<Projection>,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self {
            resize: None,
            crop: None,
            bgr: false,
            divide: 1.0,
            mean: vec![],
            deviation: vec![],
            projection: None,
        }
    }
}

// Equality is by value; no field is ever NaN once validated.
impl Eq for Preprocess {}

/// A preprocessing that cannot be, or a sample that it does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreprocessError {
    /// The text does not parse.
    #[error("preprocessing {text:?}: {what}; write for instance divide=255,mean=0.5,std=0.25")]
    Parse {
        /// The text, or its beginning.
        text: String,
        /// What is wrong.
        what: String,
    },
    /// A parameter is out of bounds.
    #[error("preprocessing: {what}")]
    Parameter {
        /// What is out of bounds.
        what: String,
    },
    /// A projection that cannot be, or that does not fit its network.
    #[error("projection: {what}")]
    Projection {
        /// What is wrong.
        what: String,
    },
    /// The sample does not fit the steps or the model.
    #[error("sample of shape {sample:?} for a model that takes {model:?}: {what}")]
    Sample {
        /// Shape of the raw sample.
        sample: Vec<usize>,
        /// Shape of the model's input.
        model: Vec<usize>,
        /// What does not fit, and what could be done.
        what: String,
    },
}

impl Preprocess {
    /// What is done where neither model nor user says anything: pixels are divided by 255, numbers stay.
    #[must_use]
    pub fn default_for(kind: Kind) -> Self {
        Self {
            divide: match kind {
                Kind::Pixels => 255.0,
                Kind::Numbers => 1.0,
            },
            ..Self::default()
        }
    }

    /// Refuses parameters that no sample could survive.
    ///
    /// # Errors
    /// A divisor or deviation that is 0 or not finite, extents out of bounds, a crop larger than the resized image.
    pub fn validate(&self) -> Result<(), PreprocessError> {
        let refuse = |what: String| Err(PreprocessError::Parameter { what });
        let divisors = self.deviation.iter().chain([&self.divide]);
        if let Some(v) = divisors.into_iter().find(|v| !v.is_normal()) {
            return refuse(format!("a divisor is {v}"));
        }
        if let Some(v) = self.mean.iter().find(|v| !v.is_finite()) {
            return refuse(format!("a mean is {v}"));
        }
        for extents in [self.resize, self.crop].into_iter().flatten() {
            if extents.iter().any(|e| !(1..=MAX_EXTENT).contains(e)) {
                return refuse(format!("extents {extents:?} are outside 1..={MAX_EXTENT}"));
            }
            if extents.iter().product::<usize>() > MAX_PIXELS {
                return refuse(format!("{extents:?} has more than {MAX_PIXELS} pixels"));
            }
        }
        if let (Some([h, w]), Some([ch, cw])) = (self.resize, self.crop)
            && (ch > h || cw > w)
        {
            return refuse(format!("crop {ch}x{cw} is larger than resize {h}x{w}"));
        }
        Ok(())
    }

    /// Whether it yields inputs of that shape.
    #[must_use]
    pub fn fits(&self, model: &[usize]) -> bool {
        self.projection.as_ref().is_none_or(|p| model == [p.rank()])
    }

    /// The network's input from one raw sample.
    ///
    /// `shape` is the sample's: `[C, H, W]`, `[H, W]` or `[F]`. `model` is the shape of the network's input; where
    /// there is a projection, its coordinates are that, and the sample fits the projection's own input. Flat
    /// samples fit any model of as many values. An image whose three channels are equal fits a model of one.
    ///
    /// # Errors
    /// Parameters out of bounds, shapes that do not fit, or a value that is not finite.
    pub fn apply(
        &self,
        raw: &[f32],
        shape: &[usize],
        model: &[usize],
    ) -> Result<Vec<f32>, PreprocessError> {
        self.validate()?;
        let refuse = |what: String| PreprocessError::Sample {
            sample: shape.to_vec(),
            model: model.to_vec(),
            what,
        };
        if shape.iter().product::<usize>() != raw.len() || raw.is_empty() {
            return Err(refuse(format!("it has {} values", raw.len())));
        }
        if let Some(at) = raw.iter().position(|v| !v.is_finite()) {
            return Err(refuse(format!("value {at} is not a finite number")));
        }
        if !self.fits(model) {
            return Err(refuse(
                "the projection has another number of dimensions".to_owned(),
            ));
        }
        let model = self.projection.as_ref().map_or(model, Projection::input);
        let refuse = |what: String| PreprocessError::Sample {
            sample: shape.to_vec(),
            model: model.to_vec(),
            what,
        };
        let mut image = Image::new(raw, shape);
        if self.resize.is_some() || self.crop.is_some() || self.bgr {
            self.move_pixels(&mut image).map_err(refuse)?;
        }
        image.drop_equal_channels(model);
        image.fits(model).map_err(refuse)?;
        self.scale(&mut image).map_err(refuse)?;
        if let Some(projection) = &self.projection {
            image.values = projection.embed(&image.values);
        }
        if image.values.iter().any(|v| !v.is_finite()) {
            return Err(refuse("scaling makes a value infinite".to_owned()));
        }
        Ok(image.values)
    }

    fn move_pixels(&self, image: &mut Image) -> Result<(), String> {
        if image.flat {
            return Err("resize, crop and bgr need an image".to_owned());
        }
        if let Some(extents) = self.resize {
            image.values = resize::resize(&image.values, image.extents, extents);
            image.extents = extents;
        }
        if let Some(extents) = self.crop {
            image.crop(extents)?;
        }
        if self.bgr {
            if image.channels != 3 {
                return Err(format!("bgr needs 3 channels, not {}", image.channels));
            }
            image.reverse_channels();
        }
        Ok(())
    }

    /// `(v / divide - mean) / deviation`, by channel.
    fn scale(&self, image: &mut Image) -> Result<(), String> {
        let channels = image.channels;
        for (what, list) in [("means", &self.mean), ("deviations", &self.deviation)] {
            if !matches!(list.len(), 0 | 1) && list.len() != channels {
                return Err(format!("{} {what} for {channels} channels", list.len()));
            }
        }
        let pick = |list: &[f32], channel: usize, default: f32| match list {
            [one] => *one,
            list => list.get(channel).copied().unwrap_or(default),
        };
        let plane = image.plane();
        for (channel, values) in image.values.chunks_mut(plane).enumerate() {
            let mean = pick(&self.mean, channel, 0.0);
            let deviation = pick(&self.deviation, channel, 1.0);
            for v in values {
                *v = (*v / self.divide - mean) / deviation;
            }
        }
        Ok(())
    }
}

/// A sample on its way: planes of one channel each. A flat sample has one channel per value.
struct Image {
    values: Vec<f32>,
    channels: usize,
    extents: [usize; 2],
    flat: bool,
    /// Shape of a sample of more axes than an image has.
    other: Option<Vec<usize>>,
}

impl Image {
    fn new(raw: &[f32], shape: &[usize]) -> Self {
        let (channels, extents, flat) = match *shape {
            [c, h, w] => (c, [h, w], false),
            [h, w] => (1, [h, w], false),
            [first, ref rest @ ..] => (first, [1, rest.iter().product()], true),
            [] => (1, [1, 1], true),
        };
        Self {
            values: raw.to_vec(),
            channels,
            extents,
            flat,
            other: (shape.len() > 3).then(|| shape.to_vec()),
        }
    }

    const fn plane(&self) -> usize {
        let [h, w] = self.extents;
        h * w
    }

    fn crop(&mut self, [h, w]: [usize; 2]) -> Result<(), String> {
        let [from_h, from_w] = self.extents;
        if h > from_h || w > from_w {
            return Err(format!("crop {h}x{w} of an image of {from_h}x{from_w}"));
        }
        let (top, left) = ((from_h - h) / 2, (from_w - w) / 2);
        let rows = self
            .values
            .chunks(from_w)
            .enumerate()
            .filter(|(row, _)| (top..top + h).contains(&(row % from_h)));
        self.values = rows
            .flat_map(|(_, line)| line.iter().skip(left).take(w).copied())
            .collect();
        self.extents = [h, w];
        Ok(())
    }

    fn reverse_channels(&mut self) {
        let plane = self.plane();
        self.values = self.values.chunks(plane).rev().flatten().copied().collect();
    }

    /// Grey images are often stored with three equal channels.
    fn drop_equal_channels(&mut self, model: &[usize]) {
        let plane = self.plane();
        let wanted: usize = model.iter().product();
        if self.flat || self.channels != 3 || wanted != plane {
            return;
        }
        let mut planes = self.values.chunks(plane);
        if let (Some(a), Some(b), Some(c)) = (planes.next(), planes.next(), planes.next())
            && a == b
            && b == c
        {
            self.values.truncate(plane);
            self.channels = 1;
        }
    }

    fn fits(&self, model: &[usize]) -> Result<(), String> {
        let [h, w] = self.extents;
        let own = match &self.other {
            Some(shape) => shape.clone(),
            None if self.flat => vec![self.channels],
            None => vec![self.channels, h, w],
        };
        let squeeze = |s: &[usize]| s.iter().copied().filter(|&d| d != 1).collect::<Vec<_>>();
        let (a, b) = (squeeze(&own), squeeze(model));
        let wanted: usize = model.iter().product();
        if wanted == self.values.len() && (a == b || a.len() <= 1 || b.len() <= 1) {
            return Ok(());
        }
        Err(match *model {
            [c, mh, mw] if !self.flat && c == self.channels => {
                format!("the image is {h}x{w}; add resize={mh}x{mw} to the preprocessing")
            }
            [c, mh, mw] if !self.flat && [self.channels, h, w] == [mh, mw, c] => {
                "its channels are last; store them first".to_owned()
            }
            [c, ..] if !self.flat && model.len() == 3 => {
                format!("the image has {} channels, not {c}", self.channels)
            }
            _ => format!(
                "it has {} values, the model takes {wanted}",
                self.values.len()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_happen_in_the_stated_order() {
        // 2x2 image of three channels, red 0..4, green 10.., blue 20...
        let raw: Vec<f32> = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
            .map(|v| v as f32)
            .into();
        let p = Preprocess {
            bgr: true,
            divide: 2.0,
            mean: vec![1.0, 2.0, 3.0],
            deviation: vec![4.0],
            ..Preprocess::default()
        };
        let got = p.apply(&raw, &[3, 2, 2], &[3, 2, 2]).unwrap();
        let want: Vec<f32> = [20.0, 21.0, 22.0, 23.0]
            .map(|v: f32| (v / 2.0 - 1.0) / 4.0)
            .into_iter()
            .chain([10.0, 11.0, 12.0, 13.0].map(|v: f32| (v / 2.0 - 2.0) / 4.0))
            .chain([0.0, 1.0, 2.0, 3.0].map(|v: f32| (v / 2.0 - 3.0) / 4.0))
            .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_crop_is_central_and_rounds_toward_the_origin() {
        let raw: Vec<f32> = (0..40_u8).map(f32::from).collect();
        let p = Preprocess {
            crop: Some([2, 3]),
            ..Preprocess::default()
        };
        let got = p.apply(&raw, &[2, 5, 4], &[2, 2, 3]).unwrap();
        assert_eq!(
            got,
            [
                4.0, 5.0, 6.0, 8.0, 9.0, 10.0, 24.0, 25.0, 26.0, 28.0, 29.0, 30.0
            ]
        );
    }

    #[test]
    fn shapes_that_fit() {
        let p = Preprocess::default();
        let raw = vec![1.0; 12];
        for (sample, model) in [
            (&[3, 4][..], &[1, 3, 4][..]),
            (&[12], &[1, 3, 4]),
            (&[3, 4], &[12]),
            (&[3, 2, 2], &[12]),
            (&[1, 3, 4], &[3, 4]),
        ] {
            assert!(p.apply(&raw, sample, model).is_ok(), "{sample:?} {model:?}");
        }
        for (sample, model, hint) in [
            (&[3, 4][..], &[1, 4, 3][..], "resize=4x3"),
            (&[2, 2, 3], &[3, 2, 2], "channels are last"),
            (&[12], &[11], "12 values"),
            (&[4, 3, 1], &[3, 4, 1], "channels"),
            (&[1, 2, 2, 3], &[3, 2, 2], "values"),
        ] {
            let e = p.apply(&raw, sample, model).unwrap_err().to_string();
            assert!(e.contains(hint), "{e}");
        }
    }

    #[test]
    fn grey_images_of_three_equal_channels_fit_one() {
        let p = Preprocess::default();
        let plane = [1.0, 2.0, 3.0, 4.0];
        let grey = plane.repeat(3);
        assert_eq!(p.apply(&grey, &[3, 2, 2], &[1, 2, 2]).unwrap(), plane);
        assert_eq!(p.apply(&grey, &[3, 2, 2], &[4]).unwrap(), plane);
        let mut colour = grey;
        colour[5] = 9.0;
        assert!(p.apply(&colour, &[3, 2, 2], &[1, 2, 2]).is_err());
    }

    #[test]
    fn a_mean_per_feature() {
        let p = Preprocess {
            mean: vec![1.0, 2.0],
            deviation: vec![2.0, 4.0],
            ..Preprocess::default()
        };
        assert_eq!(p.apply(&[3.0, 4.0], &[2], &[2]).unwrap(), [1.0, 0.5]);
        assert!(p.apply(&[3.0, 4.0, 5.0], &[3], &[3]).is_err());
    }

    #[test]
    fn parameters_and_values_out_of_bounds_are_refused() {
        let bad = [
            Preprocess {
                divide: 0.0,
                ..Preprocess::default()
            },
            Preprocess {
                divide: f32::NAN,
                ..Preprocess::default()
            },
            Preprocess {
                deviation: vec![1.0, 0.0],
                ..Preprocess::default()
            },
            Preprocess {
                mean: vec![f32::INFINITY],
                ..Preprocess::default()
            },
            Preprocess {
                resize: Some([0, 3]),
                ..Preprocess::default()
            },
            Preprocess {
                crop: Some([3, 1 << 40]),
                ..Preprocess::default()
            },
            Preprocess {
                resize: Some([MAX_EXTENT, MAX_EXTENT]),
                ..Preprocess::default()
            },
            Preprocess {
                resize: Some([4, 4]),
                crop: Some([5, 4]),
                ..Preprocess::default()
            },
        ];
        for p in bad {
            assert!(p.validate().is_err(), "{p:?}");
        }
        let p = Preprocess::default();
        let e = p.apply(&[1.0, f32::NAN], &[2], &[2]).unwrap_err();
        assert!(e.to_string().contains("value 1"), "{e}");
        assert!(p.apply(&[], &[0], &[0]).is_err());
        assert!(p.apply(&[1.0], &[usize::MAX], &[1]).is_err());
    }

    #[test]
    fn coordinates_come_last() {
        let projection = Projection::new(vec![1, 1, 3], 2, vec![8192, 0, -8192, 16_384, 0, 1]);
        let p = Preprocess {
            divide: 2.0,
            projection: Some(projection.unwrap()),
            ..Preprocess::default()
        };
        let got = p.apply(&[2.0, 4.0, 6.0], &[1, 3], &[2]).unwrap();
        assert_eq!(got, [-0.5, 2.0 + 3.0 / 16_384.0]);
        assert_eq!(p.apply(&[2.0, 4.0, 6.0], &[3], &[2]).unwrap(), got);
        let e = p.apply(&[1.0, 2.0], &[2], &[2]).unwrap_err().to_string();
        assert!(e.contains("[1, 1, 3]"), "{e}");
        let e = p.apply(&[1.0; 3], &[3], &[3]).unwrap_err().to_string();
        assert!(e.contains("dimensions"), "{e}");
        let e = p.apply(&[f32::MAX; 3], &[3], &[2]);
        assert!(e.is_ok());
        let big = Preprocess { divide: 0.25, ..p };
        assert!(big.apply(&[f32::MAX; 3], &[3], &[2]).is_err());
    }
}
