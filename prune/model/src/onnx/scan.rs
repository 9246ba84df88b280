//! Walks a file's protobuf structure before it is decoded, so that a small hostile file cannot become a huge tree.
//!
//! Decoding turns an empty message of two bytes into a structure of hundreds; the walk counts
//! them first and allocates nothing.

/// Most messages and strings that a model may be made of.
const MAX_ITEMS: usize = 1 << 20;

/// Which messages are entered, and by which fields.
#[derive(Clone, Copy)]
enum Schema {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
}

impl Schema {
    const fn field(self, number: u64) -> Option<Self> {
        match (self, number) {
            (Self::Model, 7) => Some(Self::Graph),
            (Self::Graph, 1) => Some(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5) => Some(Self::Tensor),
            (Self::Graph, 11 | 12) | (Self::Value, _) => Some(Self::Value),
            (Self::Node, 5) => Some(Self::Attribute),
            _ => None,
        }
    }
}

/// Refuses a file with too many parts; a file that is not protobuf at all is left to the decoder.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut left = MAX_ITEMS;
    // Nesting is bounded by the schema but for Value, whose depth is bounded here as the decoder does.
    walk(Schema::Model, bytes, &mut left, 16);
    if left == 0 {
        return Err(format!("it has more than {MAX_ITEMS} parts"));
    }
    Ok(())
}

/// Stops silently at the first byte that is not protobuf.
fn walk(schema: Schema, mut bytes: &[u8], left: &mut usize, depth: u32) -> Option<()> {
    while !bytes.is_empty() && *left > 0 {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let inner = bytes.get(..length)?;
                bytes = bytes.get(length..)?;
                *left = left.saturating_sub(1);
                if let Some(child) = schema.field(key >> 3).filter(|_| depth > 0) {
                    // A value's strings are not messages: what does not parse is only not counted further.
                    walk(child, inner, left, depth - 1);
                }
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` empty nodes: two bytes each in the file.
    fn empty_nodes(count: usize) -> Vec<u8> {
        let graph: Vec<u8> = [0x0a, 0x00].repeat(count);
        let mut bytes = vec![0x3a];
        let mut length = graph.len();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend(graph);
        bytes
    }

    #[test]
    fn a_flood_of_empty_nodes_is_refused() {
        assert!(check(&empty_nodes(1000)).is_ok());
        assert!(check(&empty_nodes(MAX_ITEMS + 10)).is_err());
    }

    #[test]
    fn what_is_not_protobuf_is_left_to_the_decoder() {
        for bytes in [
            &[][..],
            &[0xff; 40],
            &[0x3a, 0xff, 0xff, 0x7f],
            b"hello world",
        ] {
            assert!(check(bytes).is_ok());
        }
    }
}
