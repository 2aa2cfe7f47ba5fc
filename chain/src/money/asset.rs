//! What is owned: cash of a bank, notes and titles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::units::{MemberId, TimestampMs};

/// A currency: a code of ISO 4217 such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Bytes of a reference. ISO 20022 gives its own references 35 characters; ours may hold a
/// qualified one.
pub const MAX_REFERENCE_BYTES: usize = 64;

/// A name that a client gives to what it does or makes, unique where it is used: 1 to
/// [`MAX_REFERENCE_BYTES`] letters, digits, `-`, `_`, `.` or `:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

/// Something of which there are amounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// Money that a bank owes to whoever holds it, written `EUR@bank`.
    Cash {
        /// In what.
        currency: Currency,
        /// The member that issues and redeems it.
        issuer: MemberId,
    },
    /// A receivable, written `note:EUR@mill/INV-17`: the debtor owes its face amount.
    Note {
        /// In what.
        currency: Currency,
        /// Who owes.
        debtor: MemberId,
        /// Which of the debtor's notes.
        reference: Reference,
    },
    /// One of a kind, written `title:carrier/BL-4711`: a bill of lading, a product's certificate.
    Title {
        /// Who made it.
        issuer: MemberId,
        /// Which of the issuer's titles.
        reference: Reference,
    },
}

/// What is said of an asset when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AssetTerms {
    /// Cash needs no more than its name.
    Cash,
    /// A note.
    Note {
        /// When the debtor pays.
        #[serde(with = "crate::units::rfc3339")]
        due: TimestampMs,
    },
    /// A title.
    Title {
        /// The SHA-256 of the document, if there is one.
        #[serde(default)]
        document: Option<Digest>,
    },
}

/// Why a text names no asset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// No currency of ISO 4217.
    #[error("{0:?} is no currency: give a code of ISO 4217 such as EUR or CNY")]
    Currency(String),
    /// A reference with other characters or of another length.
    #[error(
        "{0:?} is no reference: use 1 to {MAX_REFERENCE_BYTES} letters, digits, '-', '_', '.' or \
         ':'"
    )]
    Reference(String),
    /// Another form.
    #[error(
        "{0:?} is no asset: write EUR@bank for cash, note:EUR@debtor/reference for a note, \
         title:issuer/reference for a title"
    )]
    Form(String),
}

/// Characters of a wrong text that an error repeats.
const SHOWN_CHARS: usize = 80;

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

impl Currency {
    /// The currency with this code.
    ///
    /// # Errors
    /// [`AssetError::Currency`] when ISO 4217 has none.
    pub fn new(code: &str) -> Result<Currency, AssetError> {
        let wrong = || AssetError::Currency(shown(code));
        let known = iso_currency::Currency::from_code(code).ok_or_else(wrong)?;
        // Precious metals, test codes and the like have no minor unit: nobody pays with them.
        known.exponent().ok_or_else(wrong)?;
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| wrong())?;
        Ok(Currency(bytes))
    }

    /// The code.
    ///
    /// # Panics
    /// Never: every value was read from a code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("codes are ASCII")
    }

    /// How many decimal places its smallest unit has: 2 for EUR, 0 for JPY, 3 for KWD.
    ///
    /// # Panics
    /// Never: every value was found in ISO 4217.
    #[must_use]
    pub fn minor_digits(&self) -> u32 {
        let known = iso_currency::Currency::from_code(self.as_str());
        known.and_then(|known| known.exponent()).expect("checked when it was read").into()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = AssetError;
    fn try_from(text: String) -> Result<Currency, AssetError> {
        Currency::new(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

impl Reference {
    /// Checks `text` against the rules for references.
    ///
    /// # Errors
    /// [`AssetError::Reference`].
    pub fn new(text: impl Into<String>) -> Result<Reference, AssetError> {
        let text = text.into();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        if (1..=MAX_REFERENCE_BYTES).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Reference(text))
        } else {
            Err(AssetError::Reference(shown(&text)))
        }
    }

    /// The reference as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reference {
    type Error = AssetError;
    fn try_from(text: String) -> Result<Reference, AssetError> {
        Reference::new(text)
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Asset {
    /// Who owes or made it: whose issuance account stands against it.
    #[must_use]
    pub fn issuer(&self) -> &MemberId {
        match self {
            Asset::Cash { issuer, .. } | Asset::Title { issuer, .. } => issuer,
            Asset::Note { debtor, .. } => debtor,
        }
    }

    /// Its currency; a title has none.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        match self {
            Asset::Cash { currency, .. } | Asset::Note { currency, .. } => Some(*currency),
            Asset::Title { .. } => None,
        }
    }

    /// Decimal places of its smallest unit.
    #[must_use]
    pub fn minor_digits(&self) -> u32 {
        self.currency().map_or(0, |currency| currency.minor_digits())
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asset::Cash { currency, issuer } => write!(f, "{currency}@{issuer}"),
            Asset::Note { currency, debtor, reference } => {
                write!(f, "note:{currency}@{debtor}/{reference}")
            }
            Asset::Title { issuer, reference } => write!(f, "title:{issuer}/{reference}"),
        }
    }
}

impl FromStr for Asset {
    type Err = AssetError;
    fn from_str(text: &str) -> Result<Asset, AssetError> {
        let form = || AssetError::Form(shown(text));
        let member = |name: &str| MemberId::new(name).map_err(|_| form());
        if let Some(rest) = text.strip_prefix("title:") {
            let (issuer, reference) = rest.split_once('/').ok_or_else(form)?;
            return Ok(Asset::Title {
                issuer: member(issuer)?,
                reference: Reference::new(reference)?,
            });
        }
        if let Some(rest) = text.strip_prefix("note:") {
            let (currency, rest) = rest.split_once('@').ok_or_else(form)?;
            let (debtor, reference) = rest.split_once('/').ok_or_else(form)?;
            return Ok(Asset::Note {
                currency: Currency::new(currency)?,
                debtor: member(debtor)?,
                reference: Reference::new(reference)?,
            });
        }
        let (currency, issuer) = text.split_once('@').ok_or_else(form)?;
        Ok(Asset::Cash { currency: Currency::new(currency)?, issuer: member(issuer)? })
    }
}

/// The text form, in JSON and in bytes: one spelling everywhere.
impl Serialize for Asset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Asset, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_written_in_one_way() {
        for good in ["EUR@bank", "JPY@bank-2", "note:CNY@mill/INV-17", "title:carrier/BL.4711"] {
            assert_eq!(good.parse::<Asset>().expect(good).to_string(), good);
        }
        for bad in ["EUR", "eur@bank", "EUX@bank", "XAU@bank", "EUR@", "note:EUR@mill", "title:x/"]
        {
            assert!(bad.parse::<Asset>().is_err(), "{bad}");
        }
        let digits = |code| Currency::new(code).expect(code).minor_digits();
        assert_eq!((digits("EUR"), digits("JPY"), digits("KWD")), (2, 0, 3));
    }
}
