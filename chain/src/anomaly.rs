//! The kinds of what does not add up in the story of a thing.
//!
//! Which events are anomalies is decided in `contracts`; what people are told of each is there
//! too. The codes are here because a network's parameters name the kinds it refuses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! anomaly_kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// What does not add up. Codes are stable: programs and genesis records rely on them. New
        /// ones are added at the end, because the state has them by their place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AnomalyKind {
            $($(#[$doc])* $name,)*
        }

        impl AnomalyKind {
            /// Every kind, in the order of their places.
            pub const ALL: &'static [AnomalyKind] = &[$(AnomalyKind::$name),*];

            /// The stable code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(AnomalyKind::$name => $code,)*
                }
            }
        }
    };
}

anomaly_kinds! {
    /// Brought into the world a second time.
    CommissionedTwice = "commissioned-twice";
    /// Used before it was commissioned, or without.
    UsedBeforeCommissioning = "used-before-commissioning";
    /// Used after the end of its life.
    UsedAfterEnd = "used-after-end";
    /// Packed in, or seen in, a parent while it is in another.
    PackedInTwoParents = "packed-in-two-parents";
    /// Unpacked from a parent it is not in, or more of it than is there.
    UnpackedWhereNotIn = "unpacked-where-not-in";
    /// Sent, packed, unpacked or used up by someone who does not hold it.
    MovedByNonHolder = "moved-by-non-holder";
    /// Received though nobody sent it.
    ReceivedWithoutShipment = "received-without-shipment";
    /// Commissioned under a company prefix that is another's.
    OthersPrefix = "others-prefix";
    /// More came out of a transformation than went in.
    OutputAboveInput = "output-above-input";
    /// More of a lot used up or ended than was made.
    MoreUsedThanMade = "more-used-than-made";
    /// Its time is later than when it was recorded.
    TimeInTheFuture = "time-in-the-future";
    /// Its time is before that of an event which the same recorder had recorded earlier.
    TimeGoesBack = "time-goes-back";
    /// A sensor reading outside what the product's owner declared.
    OutsideLimits = "outside-limits";
    /// It came too late in too long a story to be weighed.
    TooLateToWeigh = "too-late-to-weigh";
}

impl AnomalyKind {
    /// The kind with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<AnomalyKind> {
        AnomalyKind::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    fn place(self) -> u8 {
        u8::try_from(self as usize).expect("there are few kinds")
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A code that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of anomaly: docs/custody.md lists their codes")]
pub struct NoSuchKind(String);

impl FromStr for AnomalyKind {
    type Err = NoSuchKind;
    fn from_str(code: &str) -> Result<AnomalyKind, NoSuchKind> {
        AnomalyKind::from_code(code).ok_or_else(|| NoSuchKind(code.chars().take(64).collect()))
    }
}

/// Its code for people, one byte in the state.
impl Serialize for AnomalyKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.code())
        } else {
            serializer.serialize_u8(self.place())
        }
    }
}

impl<'de> Deserialize<'de> for AnomalyKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnomalyKind, D::Error> {
        use serde::de::Error;
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer)?.parse().map_err(D::Error::custom);
        }
        let place = u8::deserialize(deserializer)?;
        let kind = AnomalyKind::ALL.get(usize::from(place)).copied();
        kind.ok_or_else(|| D::Error::custom("no kind of anomaly has this place"))
    }
}

/// Some kinds of anomalies, each once; in four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnomalySet(u32);

impl AnomalySet {
    /// No kind.
    pub const NONE: AnomalySet = AnomalySet(0);

    /// Adds a kind.
    pub fn insert(&mut self, kind: AnomalyKind) {
        self.0 |= 1 << kind.place();
    }

    /// Whether the kind is among them.
    #[must_use]
    pub fn contains(self, kind: AnomalyKind) -> bool {
        self.0 & (1 << kind.place()) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and those.
    #[must_use]
    pub fn union(self, other: AnomalySet) -> AnomalySet {
        AnomalySet(self.0 | other.0)
    }

    /// The kinds, in the order of [`AnomalyKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = AnomalyKind> {
        AnomalyKind::ALL.iter().copied().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<AnomalyKind> for AnomalySet {
    fn from_iter<I: IntoIterator<Item = AnomalyKind>>(kinds: I) -> AnomalySet {
        let mut set = AnomalySet::NONE;
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

/// A list of codes for people, four bytes in the state.
impl Serialize for AnomalySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_seq(self.iter())
        } else {
            serializer.serialize_u32(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for AnomalySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnomalySet, D::Error> {
        use serde::de::Error;
        if deserializer.is_human_readable() {
            return Ok(Vec::<AnomalyKind>::deserialize(deserializer)?.into_iter().collect());
        }
        let bits = u32::deserialize(deserializer)?;
        if bits >> AnomalyKind::ALL.len() != 0 {
            return Err(D::Error::custom("no kind of anomaly has this place"));
        }
        Ok(AnomalySet(bits))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::codec;

    #[test]
    fn codes_are_distinct_and_kinds_fit_a_set() {
        let codes: BTreeSet<&str> = AnomalyKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), AnomalyKind::ALL.len());
        assert!(AnomalyKind::ALL.len() < 32);
        assert!("commissioned".parse::<AnomalyKind>().is_err());
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let kinds = [AnomalyKind::OthersPrefix, AnomalyKind::UsedAfterEnd];
        let set: AnomalySet = kinds.into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [kinds[1], kinds[0]]);
        let json = serde_json::to_string(&set).unwrap();
        assert_eq!(json, r#"["used-after-end","others-prefix"]"#);
        assert_eq!(serde_json::from_str::<AnomalySet>(&json).unwrap(), set);
        assert_eq!(codec::decode::<AnomalySet>(&codec::encode(&set)), Ok(set));
        assert!(codec::decode::<AnomalySet>(&[0, 0, 0, 0xff]).is_err());
    }
}
