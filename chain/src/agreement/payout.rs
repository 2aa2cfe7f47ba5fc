//! Who gets what out of the pot.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::terms::Label;
use crate::money::{Asset, Money};

/// A share in ten-thousandths of a percent; in JSON a decimal text of percent such as `"12.5"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

/// All of it: one hundred percent.
pub const WHOLE: Percent = Percent(1_000_000);

/// One payment out of the pot of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Payout {
    /// So much.
    Amount {
        /// To which role.
        to: Label,
        /// What and how much.
        money: Money,
    },
    /// A share of all that was deposited of an asset, rounded down to its smallest unit.
    Share {
        /// To which role.
        to: Label,
        /// Of what.
        asset: Asset,
        /// How much of it.
        percent: Percent,
    },
    /// All that is left of an asset. Only where the agreement ends.
    Remainder {
        /// To which role.
        to: Label,
        /// Of what.
        asset: Asset,
    },
}

impl Payout {
    /// To which role.
    #[must_use]
    pub fn to(&self) -> &Label {
        match self {
            Payout::Amount { to, .. } | Payout::Share { to, .. } | Payout::Remainder { to, .. } => {
                to
            }
        }
    }

    /// Of what.
    #[must_use]
    pub fn asset(&self) -> &Asset {
        match self {
            Payout::Amount { money, .. } => &money.asset,
            Payout::Share { asset, .. } | Payout::Remainder { asset, .. } => asset,
        }
    }
}

impl Percent {
    /// So many ten-thousandths of a percent; at most [`WHOLE`].
    #[must_use]
    pub fn from_parts(parts: u32) -> Option<Percent> {
        (parts <= WHOLE.0).then_some(Percent(parts))
    }

    /// In ten-thousandths of a percent.
    #[must_use]
    pub fn parts(self) -> u32 {
        self.0
    }

    fn parse(text: &str) -> Option<Percent> {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.len() <= 12;
        let value: Decimal = plain.then(|| text.parse().ok()).flatten()?;
        let parts = value.checked_mul(Decimal::from(10_000))?.normalize();
        (parts.scale() == 0)
            .then(|| u32::try_from(parts).ok())
            .flatten()
            .and_then(Percent::from_parts)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::new(self.0.into(), 4).normalize().fmt(f)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Percent, D::Error> {
        let found = if deserializer.is_human_readable() {
            Percent::parse(&String::deserialize(deserializer)?)
        } else {
            Percent::from_parts(u32::deserialize(deserializer)?)
        };
        found.ok_or_else(|| {
            D::Error::custom("a percentage is a text from \"0\" to \"100\" with at most 4 decimals")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact_texts() {
        let read = |text: &str| serde_json::from_value::<Percent>(text.into()).ok();
        assert_eq!(read("12.5").map(Percent::parts), Some(125_000));
        assert_eq!(read("100"), Some(WHOLE));
        assert_eq!(read("33.3333").map(|p| p.to_string()).as_deref(), Some("33.3333"));
        for bad in ["100.0001", "-1", "0.00001", "x", "1e1", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
