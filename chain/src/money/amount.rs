//! Exact amounts.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::asset::Asset;

/// The largest amount, and the most there may be of one asset: ten to the 17th smallest units,
/// which is a thousand million million euros. Sums of any two stay far inside 64 bits.
pub const MAX_AMOUNT: u64 = 100_000_000_000_000_000;

/// A whole number of an asset's smallest unit, at most [`MAX_AMOUNT`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct Amount(u64);

/// An amount of an asset. In JSON `{"asset": "EUR@bank", "amount": "12.50"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Of what.
    pub asset: Asset,
    /// How much.
    pub amount: Amount,
}

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not digits with at most one point.
    #[error("{0:?} is no amount: write digits with a decimal point, such as \"1250.00\"")]
    Form(String),
    /// Below zero.
    #[error("an amount is not below zero")]
    Negative,
    /// Finer than the asset's smallest unit.
    #[error("{asset} has {digits} decimal places, this amount has more")]
    TooFine {
        /// Of what.
        asset: String,
        /// How many it has.
        digits: u32,
    },
    /// More than there can be.
    #[error("the amount is larger than {MAX_AMOUNT} smallest units")]
    TooLarge,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// This many smallest units.
    ///
    /// # Errors
    /// [`AmountError::TooLarge`].
    pub fn new(minor_units: u64) -> Result<Amount, AmountError> {
        if minor_units > MAX_AMOUNT { Err(AmountError::TooLarge) } else { Ok(Amount(minor_units)) }
    }

    /// How many smallest units.
    #[must_use]
    pub fn minor_units(self) -> u64 {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, if there can be so much.
    #[must_use]
    pub fn plus(self, other: Amount) -> Option<Amount> {
        Amount::new(self.0.checked_add(other.0)?).ok()
    }

    /// What is left, if this is enough.
    #[must_use]
    pub fn minus(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The share `part` of `whole` of it, exactly, rounded down to the smallest unit; all of it
    /// when `part` is more. This is the one place where money is rounded.
    #[must_use]
    pub fn share(self, part: u128, whole: u128) -> Amount {
        if part >= whole {
            return self;
        }
        let amount = u128::from(self.0);
        let share = match amount.checked_mul(part) {
            Some(product) => product.checked_div(whole).unwrap_or(0),
            None => long_share(amount, part, whole),
        };
        Amount(u64::try_from(share).map_or(self.0, |share| share.min(self.0)))
    }
}

/// `amount * part / whole`, rounded down, where the product is too large to be written: `part` is
/// less than `whole`. Long multiplication, a bit of the amount at a time; what is left over is less
/// than `whole` after every step.
fn long_share(amount: u128, part: u128, whole: u128) -> u128 {
    // The sum of two that are less than `whole`, and whether it goes into it once.
    let add = |left: u128, more: u128| match left.checked_sub(whole.saturating_sub(more)) {
        Some(left) => (left, 1),
        None => (left.saturating_add(more), 0),
    };
    let (mut share, mut left) = (0_u128, 0_u128);
    for bit in (0..u64::BITS).rev() {
        let (twice, once) = add(left, left);
        share = share.saturating_mul(2).saturating_add(once);
        left = twice;
        if amount >> bit & 1 == 1 {
            let (more, once) = add(left, part);
            share = share.saturating_add(once);
            left = more;
        }
    }
    share
}

impl TryFrom<u64> for Amount {
    type Error = AmountError;
    fn try_from(minor_units: u64) -> Result<Amount, AmountError> {
        Amount::new(minor_units)
    }
}

impl From<Amount> for u64 {
    fn from(amount: Amount) -> u64 {
        amount.0
    }
}

impl Money {
    /// Reads an amount in the asset's units.
    ///
    /// # Errors
    /// [`AmountError`] with the rule that it breaks.
    pub fn parse(asset: Asset, text: &str) -> Result<Money, AmountError> {
        let wrong = || AmountError::Form(text.chars().take(40).collect());
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            return Err(wrong());
        }
        if digits.len() != text.len() {
            return Err(AmountError::Negative);
        }
        let places = asset.minor_digits();
        let needed = fraction.trim_end_matches('0');
        if needed.len() > usize::try_from(places).unwrap_or(usize::MAX) {
            return Err(AmountError::TooFine { asset: asset.to_string(), digits: places });
        }
        let value: Decimal =
            format!("{whole}.{needed}0").parse().map_err(|_| AmountError::TooLarge)?;
        let minor = Decimal::from(10_u64.pow(places)).checked_mul(value);
        let minor = minor.and_then(|minor| u64::try_from(minor.normalize()).ok());
        let amount = Amount::new(minor.ok_or(AmountError::TooLarge)?)?;
        Ok(Money { asset, amount })
    }

    /// The amount as a decimal with all places of its asset.
    #[must_use]
    pub fn decimal(&self) -> Decimal {
        Decimal::from_i128_with_scale(self.amount.0.into(), self.asset.minor_digits())
    }
}

impl fmt::Display for Money {
    /// Such as `1250.00 EUR@bank`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.asset)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    asset: Asset,
    amount: String,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let amount = self.decimal().to_string();
            Written { asset: self.asset.clone(), amount }.serialize(serializer)
        } else {
            (&self.asset, self.amount).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        if deserializer.is_human_readable() {
            let Written { asset, amount } = Written::deserialize(deserializer)?;
            Money::parse(asset, &amount)
                .map_err(|error| D::Error::custom(format!("amount: {error}")))
        } else {
            let (asset, amount) = Deserialize::deserialize(deserializer)?;
            Ok(Money { asset, amount })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(asset: &str, text: &str) -> Result<u64, AmountError> {
        let asset = asset.parse().expect("an asset");
        Money::parse(asset, text).map(|money| money.amount.minor_units())
    }

    #[test]
    fn decimals_become_smallest_units_exactly_or_not_at_all() {
        assert_eq!(parse("EUR@bank", "12.5"), Ok(1_250));
        assert_eq!(parse("EUR@bank", "12.5000"), Ok(1_250));
        assert_eq!(parse("JPY@bank", "7"), Ok(7));
        assert_eq!(parse("EUR@bank", "1000000000000000.00"), Ok(MAX_AMOUNT));
        assert_eq!(parse("EUR@bank", "1000000000000000.01"), Err(AmountError::TooLarge));
        assert_eq!(parse("EUR@bank", &"9".repeat(400)), Err(AmountError::TooLarge));
        assert_eq!(parse("EUR@bank", "-1"), Err(AmountError::Negative));
        assert!(matches!(parse("EUR@bank", "0.001"), Err(AmountError::TooFine { .. })));
        assert!(matches!(parse("JPY@bank", "0.1"), Err(AmountError::TooFine { .. })));
        for bad in ["", "1,5", "1e3", " 1", "1.", ".5", "+1", "١"] {
            assert!(matches!(parse("EUR@bank", bad), Err(AmountError::Form(_))), "{bad}");
        }
    }

    #[test]
    fn shares_never_give_more_than_the_whole() {
        let amount = Amount::new(MAX_AMOUNT).expect("the limit");
        assert_eq!(amount.share(1, 3).minor_units(), MAX_AMOUNT / 3);
        assert_eq!(amount.share(5, 3), amount);
        assert_eq!(amount.share(u128::MAX - 1, u128::MAX).minor_units(), MAX_AMOUNT - 1);
        assert_eq!(amount.share(u128::MAX / 3, u128::MAX).minor_units(), MAX_AMOUNT / 3);
        assert_eq!(Amount::ZERO.share(1, 2), Amount::ZERO);
    }

    /// Shares too large to be multiplied out are as exact as small ones.
    #[test]
    fn shares_are_exact() {
        for amount in [1_u64, 7, 99, 12_345_678_901, MAX_AMOUNT - 1, MAX_AMOUNT] {
            let amount = Amount::new(amount).expect("an amount");
            for (part, whole) in [(0, 1), (1, 3), (2, 3), (99, 100), (999_999, 1_000_000), (5, 7)] {
                let exact = u128::from(amount.minor_units()) * part / whole;
                for scale in [1, 1_000_000_000_000, 10_u128.pow(27), u128::MAX / whole] {
                    let share = amount.share(part * scale, whole * scale);
                    let what = (amount, part, whole, scale);
                    assert_eq!(u128::from(share.minor_units()), exact, "{what:?}");
                }
            }
        }
    }

    #[test]
    fn money_reads_and_writes_json() {
        let money: Money =
            serde_json::from_str(r#"{"asset":"EUR@bank","amount":"12.5"}"#).expect("money");
        assert_eq!(money.to_string(), "12.50 EUR@bank");
        let bytes = crate::codec::encode(&money);
        assert_eq!(crate::codec::decode::<Money>(&bytes), Ok(money));
    }
}
