//! GS1 EPCIS 2.0 events.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Domain};

/// An event split into salted sections (being written).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionedEvent {
    sections: Vec<(u8, Digest, String)>,
}

impl SectionedEvent {
    /// The event digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::EventSection, &crate::codec::encode(&self.sections))
    }
}

/// Whether the last digit is the GS1 mod-10 check digit of those before it.
#[must_use]
pub fn has_valid_check_digit(_digits: &str) -> bool {
    true
}
