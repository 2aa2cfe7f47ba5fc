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

/// A length of time in milliseconds. In JSON a duration of ISO 8601 in days, hours, minutes and
/// seconds, such as `P14D`, `PT30M` or `P1DT12H`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationMs(pub u64);

/// The longest duration that is read: a thousand years.
const MAX_DURATION_MS: u64 = 1_000 * 366 * DAY_MS;
const DAY_MS: u64 = 24 * 3_600_000;

impl FromStr for DurationMs {
    type Err = DurationError;
    fn from_str(text: &str) -> Result<DurationMs, DurationError> {
        let wrong = || DurationError(text.chars().take(40).collect());
        let mut rest = text.strip_prefix('P').ok_or_else(wrong)?;
        let (mut total, mut parts, mut in_time) = (0_u64, 0, false);
        let mut units = [('D', DAY_MS), ('H', 3_600_000), ('M', 60_000), ('S', 1_000)].into_iter();
        while !rest.is_empty() {
            if let Some(time) = rest.strip_prefix('T').filter(|_| !in_time) {
                (rest, in_time) = (time, true);
            }
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest.get(..end).unwrap_or_default().parse().map_err(|_| wrong())?;
            let letter = rest.get(end..).and_then(|tail| tail.chars().next()).ok_or_else(wrong)?;
            let (_, ms) = units.find(|(unit, _)| *unit == letter).ok_or_else(wrong)?;
            if (letter == 'D') == in_time {
                return Err(wrong());
            }
            let part = number.checked_mul(ms).ok_or_else(wrong)?;
            total =
                total.checked_add(part).filter(|ms| *ms <= MAX_DURATION_MS).ok_or_else(wrong)?;
            rest =
                rest.get(end..).and_then(|tail| tail.get(letter.len_utf8()..)).ok_or_else(wrong)?;
            parts += 1;
        }
        if parts == 0 { Err(wrong()) } else { Ok(DurationMs(total)) }
    }
}

impl fmt::Display for DurationMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / DAY_MS, self.0 % DAY_MS);
        let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
        let (seconds, ms) = (rest / 1_000 % 60, rest % 1_000);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest > 0 || days == 0 {
            f.write_str("T")?;
        }
        for (number, unit) in [(hours, 'H'), (minutes, 'M')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        match (seconds, ms) {
            (_, 1..) => write!(f, "{seconds}.{ms:03}S"),
            (1.., 0) => write!(f, "{seconds}S"),
            _ if days == 0 && rest == 0 => f.write_str("0S"),
            _ => Ok(()),
        }
    }
}

impl Serialize for DurationMs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for DurationMs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<DurationMs, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(DurationMs)
        }
    }
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: write days, hours, minutes and seconds as P14D, PT30M or P1DT12H")]
pub struct DurationError(String);

/// Times that JSON has as RFC 3339, and bytes as milliseconds.
pub mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use super::TimestampMs;

    /// Writes a time.
    ///
    /// # Errors
    /// Whatever the serializer fails with.
    pub fn serialize<S: Serializer>(time: &TimestampMs, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(time)
        } else {
            time.serialize(serializer)
        }
    }

    /// Reads a time.
    ///
    /// # Errors
    /// When the text is no time with its offset.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TimestampMs, D::Error> {
        if !deserializer.is_human_readable() {
            return TimestampMs::deserialize(deserializer);
        }
        let text = String::deserialize(deserializer)?;
        let time: Option<jiff::Timestamp> = text.parse().ok();
        let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        ms.map(TimestampMs).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            D::Error::custom(format!(
                "{shown:?} is no time: write date, time and offset as 2026-03-01T09:30:00Z"
            ))
        })
    }
}

/// As [`rfc3339`], for a time that may be missing.
pub mod rfc3339_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::TimestampMs;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Time(#[serde(with = "super::rfc3339")] TimestampMs);

    /// Writes a time or none.
    ///
    /// # Errors
    /// Whatever the serializer fails with.
    pub fn serialize<S: Serializer>(
        time: &Option<TimestampMs>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Time).serialize(serializer)
    }

    /// Reads a time or none.
    ///
    /// # Errors
    /// When the text is no time with its offset.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<TimestampMs>, D::Error> {
        Ok(Option::<Time>::deserialize(deserializer)?.map(|time| time.0))
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
    fn durations_are_written_in_one_way() {
        for good in ["P14D", "PT30M", "P1DT12H", "PT0S", "PT36S", "P2DT1S"] {
            assert_eq!(good.parse::<DurationMs>().expect(good).to_string(), good);
        }
        assert_eq!("PT90M".parse::<DurationMs>().expect("a duration").to_string(), "PT1H30M");
        for bad in
            ["", "P", "PT", "P1H", "PT1D", "1D", "P-1D", "P1.5D", "P1M", "PT1S1M", "P9999999999D"]
        {
            assert!(bad.parse::<DurationMs>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_read_as_rfc_3339() {
        assert_eq!(TimestampMs(1_772_357_400_250).to_string(), "2026-03-01T09:30:00.250Z");
    }
}
