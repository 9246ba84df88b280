//! Lists of stated length, refused while they are read: an element of a graph takes up to a hundred times the bytes in memory that it
//! has on the wire, so that counting them afterwards is too late.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Most nodes of a graph, and most tensors but one.
pub(crate) const NODES: usize = 1 << 16;

/// Most tensors of a graph: the input, and one for each node.
pub(crate) const TENSORS: usize = NODES + 1;

/// Most axes of a tensor.
pub(crate) const RANK: usize = 8;

/// A list of at most `MOST` elements.
///
/// # Errors
/// A longer one; whatever an element finds wrong.
pub(crate) fn list<'de, D, T, const MOST: usize>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_seq(List::<T, MOST>(PhantomData))
}

/// As [`list`], where there may be none.
///
/// # Errors
/// As [`list`].
pub(crate) fn maybe<'de, D, T, const MOST: usize>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_option(Maybe::<T, MOST>(PhantomData))
}

struct List<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for List<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let stated = from.size_hint().unwrap_or(0);
        if stated > MOST {
            return Err(A::Error::invalid_length(stated, &self));
        }
        let mut list = Vec::with_capacity(stated);
        while let Some(element) = from.next_element()? {
            if list.len() == MOST {
                return Err(A::Error::invalid_length(MOST + 1, &self));
            }
            list.push(element);
        }
        Ok(list)
    }
}

struct Maybe<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Maybe<T, MOST> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing, or a list of at most {MOST} elements")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        list::<D, T, MOST>(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lists {
        #[serde(deserialize_with = "super::list::<_, _, 3>")]
        list: Vec<u64>,
        #[serde(deserialize_with = "super::maybe::<_, _, 2>")]
        maybe: Option<Vec<u64>>,
    }

    fn lists(list: usize, maybe: Option<usize>) -> Lists {
        let filled = |n| vec![7; n];
        Lists {
            list: filled(list),
            maybe: maybe.map(filled),
        }
    }

    #[test]
    fn lists_within_their_bounds_are_read_and_no_longer_ones() {
        for (list, maybe, fits) in [
            (0, None, true),
            (3, Some(2), true),
            (1, Some(0), true),
            (4, None, false),
            (0, Some(3), false),
            (1 << 16, None, false),
        ] {
            let lists = lists(list, maybe);
            let bytes = postcard::to_allocvec(&lists).unwrap();
            assert_eq!(postcard::from_bytes::<Lists>(&bytes).is_ok(), fits);
            let text = serde_json::to_string(&lists).unwrap();
            assert_eq!(serde_json::from_str::<Lists>(&text).is_ok(), fits);
            // A length that is stated and not there.
            assert!(postcard::from_bytes::<Lists>(&[3, 1]).is_err());
        }
    }
}
