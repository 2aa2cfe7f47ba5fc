//! Heights, times and names: the small types that everything else is written in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The position of a block in the history. Genesis is 0, the first decided block 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Height(pub u64);

impl Height {
    /// The height of the genesis record, below the first block.
    pub const GENESIS: Height = Height(0);

    /// The height above this one.
    #[must_use]
    pub fn next(self) -> Height {
        Height(self.0.checked_add(1).expect("heights never reach 2^64"))
    }

    /// The height below this one; genesis has none.
    #[must_use]
    pub fn previous(self) -> Option<Height> {
        self.0.checked_sub(1).map(Height)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TimestampMs(pub u64);

impl TimestampMs {
    /// This time and `ms` milliseconds, or the end of time.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> TimestampMs {
        TimestampMs(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is later.
    #[must_use]
    pub fn since_ms(self, earlier: TimestampMs) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for TimestampMs {
    /// RFC 3339 in UTC with milliseconds, such as `2026-03-01T09:30:00.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
            Some(time) => write!(f, "{time:.3}"),
            None => write!(f, "{}ms", self.0),
        }
    }
}

/// Why a name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} {given:?} is not a name: use 1 to {max} lower-case letters, digits, '-' or '.', \
     beginning with a letter or digit"
)]
pub struct NameError {
    what: &'static str,
    given: String,
    max: usize,
}

/// The longest name of a chain, member, agent or node, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

fn check_name(what: &'static str, text: &str) -> Result<(), NameError> {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
    };
    let starts_well =
        text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if starts_well && text.len() <= MAX_NAME_BYTES && text.bytes().all(plain) {
        Ok(())
    } else {
        let given = text.chars().take(MAX_NAME_BYTES).collect();
        Err(NameError { what, given, max: MAX_NAME_BYTES })
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` against the rules for names.
            ///
            /// # Errors
            /// [`NameError`] says what a name looks like.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check_name($what, &text)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// Names one ledger network; part of everything that is signed.
    ChainId,
    "chain id"
);
name_type!(
    /// Names a member: a company that takes part, such as `acme`.
    MemberId,
    "member id"
);
name_type!(
    /// Names a node of a member, unique in the network, such as `acme-1`.
    NodeName,
    "node name"
);

/// Names an agent: a person, device or program that signs for a member, as `member/agent`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentId {
    member: MemberId,
    agent: String,
}

impl AgentId {
    /// The agent called `agent` of `member`.
    ///
    /// # Errors
    /// [`NameError`] when `agent` is not a name.
    pub fn new(member: MemberId, agent: impl Into<String>) -> Result<Self, NameError> {
        let agent = agent.into();
        check_name("agent name", &agent)?;
        Ok(Self { member, agent })
    }

    /// The member this agent signs for.
    #[must_use]
    pub fn member(&self) -> &MemberId {
        &self.member
    }
}

impl FromStr for AgentId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (member, agent) = text.split_once('/').unwrap_or((text, ""));
        Self::new(MemberId::new(member)?, agent)
    }
}

impl TryFrom<String> for AgentId {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<AgentId> for String {
    fn from(id: AgentId) -> String {
        id.to_string()
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.member, self.agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_wherever_they_enter() {
        for good in ["acme", "a", "0", "acme-1.eu"] {
            assert!(MemberId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Acme", "-a", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(MemberId::new(bad).is_err(), "{bad}");
        }
        assert_eq!("acme/erp".parse::<AgentId>().unwrap().to_string(), "acme/erp");
        for bad in ["acme", "acme/", "/erp", "acme/erp/x"] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<ChainId>("\"NOT ok\"").is_err());
    }

    #[test]
    fn times_read_as_rfc_3339() {
        assert_eq!(TimestampMs(1_772_357_400_250).to_string(), "2026-03-01T09:30:00.250Z");
    }
}
