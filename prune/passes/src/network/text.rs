//! Networks from a line of text, as DeepSecure writes them: `28x28-5C2-ReLU-100FC-ReLU-10FC-Softmax`.

use privet_model::graph::Window;

use super::{Layer, Network, Pool};
use crate::error::Error;
use crate::rng::Rng;

/// Most parameters, and most values of a layer: a typing error shall not take all memory.
const MOST: usize = 1 << 27;

/// What a part of the line may be.
const PARTS: &str = "N or NFC (fully connected), NCS (N maps, 5x5 windows of stride S, one cell of padding before), \
    NCKxKsSpP (KxK windows, stride S, padding P), relu, sigmoid, tanh, maxpoolK, avgpoolK; first the input: N, HxW or CxHxW";

impl Network {
    /// An untrained network: the input's shape, then the layers, joined by `-`. A softmax at the end says nothing
    /// about the label and is dropped.
    ///
    /// # Errors
    /// [`Error::Option`] naming the part that is unknown, does not fit or is too large.
    pub fn from_text(name: &str, text: &str, rng: &mut Rng) -> Result<Self, Error> {
        let mut parts = text.split('-').map(|p| p.trim().to_ascii_lowercase());
        let first = parts.next().unwrap_or_default();
        let input = input(&first).ok_or_else(|| refused(&first, PARTS.to_owned()))?;
        let mut network = Self {
            name: name.to_owned(),
            input: input.clone(),
            layers: vec![],
        };
        let mut shape = input;
        let mut parameters = 0_usize;
        let mut ended = false;
        for part in parts {
            if ended {
                return Err(refused(&part, "nothing: softmax is the end".to_owned()));
            }
            if part == "softmax" {
                ended = true;
                continue;
            }
            let found = Part::read(&part).ok_or_else(|| refused(&part, PARTS.to_owned()))?;
            parameters = parameters.saturating_add(found.parameters(&shape));
            if parameters > MOST {
                let allowed = format!("smaller: at most {MOST} parameters in all");
                return Err(refused(&part, allowed));
            }
            for layer in found.layers(&shape, rng).map_err(|e| refused(&part, e))? {
                shape = layer
                    .output_shape(&shape)
                    .map_err(|e| refused(&part, format!("behind {e}, but {shape:?} reaches it")))?;
                network.layers.push(layer);
            }
        }
        if !network.layers.iter().any(|l| l.weights().is_some()) || shape.len() != 1 {
            let allowed = "a network that ends in a fully connected layer".to_owned();
            return Err(refused(text, allowed));
        }
        network.shapes()?;
        Ok(network)
    }
}

fn refused(part: &str, allowed: String) -> Error {
    Error::Option {
        name: "layers",
        value: format!("'{part}'"),
        allowed,
    }
}

/// A positive number.
fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=MOST).contains(n))
}

fn input(text: &str) -> Option<Vec<usize>> {
    let numbers: Vec<usize> = text.split('x').map(number).collect::<Option<_>>()?;
    let shape = match numbers[..] {
        [n] => vec![n],
        [h, w] => vec![1, h, w],
        [c, h, w] => vec![c, h, w],
        _ => return None,
    };
    let elements = shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))?;
    (elements <= MOST).then_some(shape)
}

/// A part behind the input.
enum Part {
    Connected(usize),
    Conv {
        maps: usize,
        kernel: [usize; 2],
        stride: usize,
        pads_before: usize,
        pads_after: usize,
    },
    MaxPool(usize),
    AvgPool(usize),
    Relu,
    Sigmoid,
    Tanh,
}

impl Part {
    fn read(part: &str) -> Option<Self> {
        match part {
            "relu" => return Some(Self::Relu),
            "sigmoid" => return Some(Self::Sigmoid),
            "tanh" => return Some(Self::Tanh),
            _ => {}
        }
        if let Some(k) = part.strip_prefix("maxpool") {
            return number(k).map(Self::MaxPool);
        }
        if let Some(k) = part.strip_prefix("avgpool") {
            return number(k).map(Self::AvgPool);
        }
        if let Some(units) = number(part.strip_suffix("fc").unwrap_or(part)) {
            return Some(Self::Connected(units));
        }
        let (maps, rest) = part.split_once('c')?;
        Self::conv(number(maps)?, rest)
    }

    fn conv(maps: usize, rest: &str) -> Option<Self> {
        if let Some(stride) = number(rest) {
            return Some(Self::Conv {
                maps,
                kernel: [5, 5],
                stride,
                pads_before: 1,
                pads_after: 0,
            });
        }
        let (rest, pad) = match rest.split_once('p') {
            Some((rest, pad)) => (rest, pad.parse().ok().filter(|p| *p <= MOST)?),
            None => (rest, 0),
        };
        let (kernel, stride) = match rest.split_once('s') {
            Some((kernel, stride)) => (kernel, number(stride)?),
            None => (rest, 1),
        };
        let (height, width) = kernel.split_once('x')?;
        Some(Self::Conv {
            maps,
            kernel: [number(height)?, number(width)?],
            stride,
            pads_before: pad,
            pads_after: pad,
        })
    }

    /// An upper bound, before anything is allocated.
    fn parameters(&self, input: &[usize]) -> usize {
        let elements: usize = input.iter().product();
        match self {
            Self::Connected(units) => units.saturating_mul(elements.saturating_add(1)),
            Self::Conv { maps, kernel, .. } => {
                let channels = input.first().copied().unwrap_or(1);
                let [h, w] = *kernel;
                maps.saturating_mul(h.saturating_mul(w).saturating_mul(channels))
            }
            Self::MaxPool(_) | Self::AvgPool(_) | Self::Relu | Self::Sigmoid | Self::Tanh => 0,
        }
    }

    fn layers(self, input: &[usize], rng: &mut Rng) -> Result<Vec<Layer>, String> {
        Ok(match self {
            Self::Relu => vec![Layer::Relu],
            Self::Sigmoid => vec![Layer::Sigmoid],
            Self::Tanh => vec![Layer::Tanh],
            Self::Connected(units) => {
                let elements = input.iter().product();
                let linear = Layer::linear(elements, units, rng);
                if input.len() == 1 {
                    vec![linear]
                } else {
                    vec![Layer::Reshape(vec![elements]), linear]
                }
            }
            Self::Conv {
                maps,
                kernel,
                stride,
                pads_before,
                pads_after,
            } => {
                let (channels, _) = image(input)?;
                let window = Window {
                    strides: [stride; 2],
                    pads_before: [pads_before; 2],
                    pads_after: [pads_after; 2],
                    ..Window::new(kernel)
                };
                vec![Layer::conv(channels, maps, window, rng)]
            }
            Self::MaxPool(k) => vec![Layer::MaxPool(pool(k, input)?)],
            Self::AvgPool(k) => vec![Layer::AvgPool(pool(k, input)?)],
        })
    }
}

fn image(input: &[usize]) -> Result<(usize, [usize; 2]), String> {
    super::conv::image(input).ok_or_else(|| {
        format!("behind an image (the input as HxW or CxHxW), but {input:?} reaches it")
    })
}

fn pool(k: usize, input: &[usize]) -> Result<Pool, String> {
    let (_, extent) = image(input)?;
    Pool::new([k, k], [k, k], extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Network, Error> {
        Network::from_text("n", text, &mut Rng::new(1, 0))
    }

    #[test]
    fn deepsecure_s_networks() {
        for (text, macs) in [
            ("28x28-5C2-ReLU-100FC-ReLU-10FC-Softmax", 106_625),
            ("784-300-sigmoid-100-sigmoid-10", 266_200),
            ("617-50FC-Tanh-26FC-Softmax", 32_150),
            ("28x28-5c5x5s2p1-relu-10", 13 * 13 * (5 * 25 + 50)),
            (
                "3x8x8-4c3x3p1-relu-maxpool2-avgpool2-5",
                64 * 4 * 27 + 16 * 5,
            ),
        ] {
            assert_eq!(read(text).unwrap().macs().unwrap(), macs, "{text}");
        }
        assert_eq!(read("4-3").unwrap(), read(" 4 - 3fc-softmax").unwrap());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, part) in [
            ("", "''"),
            ("784", "'784'"),
            ("784-relu", "'784-relu'"),
            ("784-lstm-10", "'lstm'"),
            ("784-0-10", "'0'"),
            ("784-5c2-10", "'5c2'"),
            ("8x8-5c9x9-10", "'5c9x9'"),
            ("8x8-maxpool9-10", "'maxpool9'"),
            ("28x28-5c2", "'28x28-5c2'"),
            ("784-softmax-10", "'10'"),
            ("1x2x3x4-10", "'1x2x3x4'"),
            ("100000-100000-10", "'100000'"),
            ("8x8-5c3x3s0-10", "'5c3x3s0'"),
        ] {
            let e = read(text).unwrap_err();
            assert!(matches!(e, Error::Option { .. }), "{text}");
            assert!(e.to_string().contains(part), "{text}: {e}");
        }
    }
}
