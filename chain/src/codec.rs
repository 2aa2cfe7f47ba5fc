//! The one binary encoding: bincode 2 with a fixed configuration.
//!
//! Fixed-width little-endian integers, lengths as u64, a limit on the size, the whole input
//! consumed, and what was decoded must encode to the same bytes again. bincode alone accepts
//! trailing bytes and more than one spelling of a value; a digest over such bytes would not name
//! one thing. No other module calls bincode.
//!
//! Records of the state that are written with every event have a shorter form ([`pack`]): the same,
//! with integers and lengths as short as they are. They are never signed and never come from
//! elsewhere: a node writes them itself, under a root that it compares with everybody's.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::MAX_ENCODED_BYTES;

/// Why bytes were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than anything on this ledger may have.
    #[error("{0} bytes are more than the limit of {MAX_ENCODED_BYTES}")]
    TooLarge(usize),
    /// The bytes do not describe a value of the wanted type.
    #[error("the bytes are not a valid encoding")]
    Malformed,
    /// A value was read, and bytes were left over.
    #[error("{0} bytes are left over after the value")]
    Trailing(usize),
    /// The bytes describe a value that is written in another way.
    #[error("the bytes are not the one canonical encoding of their value")]
    NotCanonical,
}

type Config = Configuration<LittleEndian, Fixint, Limit<MAX_ENCODED_BYTES>>;

fn config() -> Config {
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<MAX_ENCODED_BYTES>()
}

/// Encodes a value.
///
/// # Panics
/// When the value does not fit [`MAX_ENCODED_BYTES`]: whoever builds values checks the narrower
/// limits of [`crate::limits`] first.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, config()).expect("our own values can be encoded")
}

/// Decodes the one value that `bytes` is the canonical encoding of.
///
/// # Errors
/// [`CodecError`] when the bytes are too many, malformed, followed by others, or not canonical.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > MAX_ENCODED_BYTES {
        return Err(CodecError::TooLarge(bytes.len()));
    }
    let (value, used) = bincode::serde::decode_from_slice::<T, Config>(bytes, config())
        .map_err(|_| CodecError::Malformed)?;
    if used != bytes.len() {
        return Err(CodecError::Trailing(bytes.len().saturating_sub(used)));
    }
    if encode(&value) != bytes {
        return Err(CodecError::NotCanonical);
    }
    Ok(value)
}

/// Decodes the value that `bytes` begin with, and says how many they are: for reading a part of
/// what this node wrote itself and whose checksum holds.
///
/// # Errors
/// [`CodecError::Malformed`].
pub fn decode_begin<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), CodecError> {
    bincode::serde::decode_from_slice::<T, Config>(bytes, config())
        .map_err(|_| CodecError::Malformed)
}

type Packed = Configuration<LittleEndian, Varint, Limit<MAX_ENCODED_BYTES>>;

fn packed() -> Packed {
    bincode::config::standard().with_little_endian().with_limit::<MAX_ENCODED_BYTES>()
}

/// Encodes a record of the state in the shorter form.
///
/// # Panics
/// As [`encode`].
#[must_use]
pub fn pack<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, packed()).expect("our own values can be encoded")
}

/// Decodes what [`pack`] made on this node.
///
/// # Errors
/// [`CodecError`] when the bytes are malformed or followed by others.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::decode_from_slice::<T, Packed>(bytes, packed())
        .map_err(|_| CodecError::Malformed)?;
    if used != bytes.len() {
        return Err(CodecError::Trailing(bytes.len().saturating_sub(used)));
    }
    Ok(value)
}

/// Decodes what [`pack`] made of a value with which a record begins.
///
/// # Errors
/// [`CodecError`] when the bytes are malformed.
pub fn unpack_prefix<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let read = bincode::serde::decode_from_slice::<T, Packed>(bytes, packed());
    read.map(|(value, _)| value).map_err(|_| CodecError::Malformed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn integers_are_fixed_width_little_endian() {
        assert_eq!(encode(&0x0102_u16), [2, 1]);
        assert_eq!(encode(&"ab"), [2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
        assert_eq!(encode(&Some(1_u8)), [1, 1]);
    }

    #[test]
    fn what_is_packed_is_short_and_read_back_whole() {
        let value = (7_u64, "ab".to_owned(), Some(1_u8));
        let bytes = pack(&value);
        assert_eq!(bytes, [7, 2, b'a', b'b', 1, 1]);
        assert_eq!(unpack::<(u64, String, Option<u8>)>(&bytes), Ok(value));
        assert_eq!(unpack_prefix::<u64>(&bytes), Ok(7));
        assert_eq!(unpack::<u8>(&bytes), Err(CodecError::Trailing(5)));
        assert_eq!(unpack::<String>(&[0xfd]), Err(CodecError::Malformed));
    }

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(decode::<u16>(&[2, 1, 0]), Err(CodecError::Trailing(1)));
        assert_eq!(decode::<u32>(&[1]), Err(CodecError::Malformed));
        // A map with its keys out of order decodes in bincode, and is refused here.
        let unsorted = [2_u8, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0];
        assert_eq!(decode::<BTreeMap<u8, u8>>(&unsorted), Err(CodecError::NotCanonical));
        // A length that no input could fill is refused before anything is allocated.
        let huge = [0xff; 8];
        assert_eq!(decode::<Vec<u64>>(&huge), Err(CodecError::Malformed));
    }
}
