//! Values as the table keeps them: smaller.
//!
//! An item's record says the same identifiers again and again, and what sled costs grows with the
//! bytes it is given. Nothing that nodes agree on sees this form: the state root is over the values
//! as they are.

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use tracehold_chain::limits::MAX_ENCODED_BYTES;

/// What nearly every record says somewhere. Part of the table's form: change it, and tables must be
/// built again from the log.
const DICTIONARY: &[u8] = b"urn:epcglobal:cbv:bt:urn:epc:id:sgln:urn:uuid:geo:packingunpacking\
transportingdepartingarrivingacceptingstoringloadingunloadinginspectingcommissioning\
retail_sellingshippingreceivingsellable_accessiblein_progressin_transitactive\
https://id.gs1.org/01/https://id.gs1.org/00/https://id.gs1.org/417/https://id.gs1.org/414/";

/// The first byte of a value that stands as it is.
const PLAIN: u8 = 0;
/// The first byte of a value in LZ4's block form with its length before it.
const LZ4: u8 = 1;
/// Values of fewer bytes stand as they are: keys and digests do not get smaller.
const LEAST_BYTES: usize = 200;
/// Bytes of the length before a block.
const LENGTH_BYTES: usize = 4;

/// The form that is kept.
pub fn squeeze(value: &[u8]) -> Vec<u8> {
    if value.len() >= LEAST_BYTES {
        let small = compress_prepend_size_with_dict(value, DICTIONARY);
        if small.len() < value.len() {
            return tagged(LZ4, &small);
        }
    }
    tagged(PLAIN, value)
}

/// The value; `None` when this was never one.
pub fn unsqueeze(kept: &[u8]) -> Option<Vec<u8>> {
    match kept.split_first()? {
        (&PLAIN, value) => Some(value.to_vec()),
        (&LZ4, small) => {
            let (length, _) = small.split_first_chunk::<LENGTH_BYTES>()?;
            // Whoever is damaged must not make us ask for more memory than there is.
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            if length > MAX_ENCODED_BYTES {
                return None;
            }
            decompress_size_prepended_with_dict(small, DICTIONARY).ok()
        }
        _ => None,
    }
}

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut tagged = Vec::with_capacity(bytes.len() + 1);
    tagged.push(tag);
    tagged.extend_from_slice(bytes);
    tagged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_repeats_itself_takes_less_room() {
        let value = "https://id.gs1.org/414/0614141000012 shipping in_transit ".repeat(8);
        let kept = squeeze(value.as_bytes());
        assert!(kept.len() * 4 < value.len(), "{} of {}", kept.len(), value.len());
        assert_eq!(unsqueeze(&kept).unwrap(), value.as_bytes());
    }

    #[test]
    fn a_length_beyond_any_value_is_not_believed() {
        let mut kept = vec![LZ4];
        kept.extend_from_slice(&u32::MAX.to_le_bytes());
        kept.extend_from_slice(b"rest");
        assert_eq!(unsqueeze(&kept), None);
        assert_eq!(unsqueeze(b""), None);
        assert_eq!(unsqueeze(b"\x07x"), None);
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in prop::collection::vec(0_u8..8, 0..600)) {
            prop_assert_eq!(unsqueeze(&squeeze(&value)), Some(value));
        }

        #[test]
        fn damage_is_noticed_or_harmless(kept in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = unsqueeze(&kept);
        }
    }
}
