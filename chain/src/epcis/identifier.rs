//! What an identifier names, in one spelling.
//!
//! EPC URNs and GS1 Digital Links of any domain become the constrained canonical Digital Link:
//! `https://id.gs1.org/…`, numeric keys, GTIN-14, no query, only the most specific key. Every
//! other URI compares exactly, character by character.
//!
//! A wrong check digit does not make an identifier useless: published EPCIS documents are full of
//! them. It is normalised like any other and marked with a [`Flaw`].

use serde::{Deserialize, Serialize};

use super::{digital_link, epc_urn};

/// What kind of thing an identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// One thing: GTIN with serial, GRAI with serial, GIAI, GSRN, part with serial, coupon …
    Instance,
    /// All things of a class made together: GTIN with lot, trade item pieces with lot.
    Lot,
    /// All things of a kind: GTIN, GRAI without serial, document type, component part, model.
    Class,
    /// A logistic unit, consignment or shipment: SSCC, GINC, GSIN.
    LogisticUnit,
    /// A place: GLN, with or without extension.
    Location,
    /// A company or other party: party GLN.
    Party,
    /// A document with its serial number: GDTI.
    Document,
    /// Any other URI: it names what its maker says.
    Other,
}

/// What is wrong with an identifier that was meant to be a GS1 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The last digit is not the mod-10 check digit of those before it.
    CheckDigit {
        /// What it should be.
        right: char,
    },
    /// It has the form of a GS1 key and breaks its rules; it is compared exactly.
    Malformed,
}

/// An identifier in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    uri: String,
    level: Level,
    key: Option<&'static str>,
    flaw: Option<Flaw>,
}

impl Canonical {
    /// An identifier that compares exactly.
    pub(super) fn other(uri: &str, flaw: Option<Flaw>) -> Canonical {
        Canonical { uri: uri.to_owned(), level: Level::Other, key: None, flaw }
    }

    /// A canonical Digital Link under the primary key `key`.
    pub(super) fn gs1(
        uri: String,
        level: Level,
        key: &'static str,
        flaw: Option<Flaw>,
    ) -> Canonical {
        Canonical { uri, level, key: Some(key), flaw }
    }

    /// The one spelling: the canonical Digital Link, or the URI as given.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The one spelling, owned.
    #[must_use]
    pub fn into_uri(self) -> String {
        self.uri
    }

    /// What kind of thing this names.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The application identifier of the GS1 key (`"01"`, `"00"` …); `None` for other URIs.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        self.key
    }

    /// What is wrong with it, if anything.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// The value of the GS1 key, from where a company prefix begins: without the indicator digit
    /// of a GTIN or ITIP, the extension digit of an SSCC, the leading zero of a GRAI.
    #[must_use]
    pub fn company_digits(&self) -> Option<&str> {
        self.company_range().and_then(|(from, to)| self.uri.get(from..to))
    }

    /// Where in the URI [`Canonical::company_digits`] begin and end.
    #[must_use]
    pub fn company_range(&self) -> Option<(usize, usize)> {
        let after_domain = self.uri.strip_prefix(digital_link::CANONICAL_DOMAIN)?;
        let value = after_domain.strip_prefix('/')?.strip_prefix(self.key?)?.strip_prefix('/')?;
        let begin = self.uri.len() - value.len();
        let end = begin + value.split('/').next()?.len();
        let skipped = usize::from(matches!(self.key?, "00" | "01" | "8003" | "8006"));
        (begin + skipped <= end).then_some((begin + skipped, end))
    }
}

impl Canonical {
    /// The EPC URN of a GS1 key (EPC Tag Data Standard §6.3), the company prefix in it having so
    /// many digits: 6 to 12. Which it has is not written in a Digital Link; GS1 assigns it. `None`
    /// for keys without URN, a wrong check digit, and prefixes that do not fit.
    #[must_use]
    pub fn epc_urn(&self, company_prefix_digits: usize) -> Option<String> {
        epc_urn::from_canonical(self, company_prefix_digits)
    }
}

/// The one spelling of `uri`. Never fails: what is no GS1 identifier compares exactly.
#[must_use]
pub fn canonical(uri: &str) -> Canonical {
    if uri.starts_with("urn:epc:") {
        return match epc_urn::to_canonical(uri) {
            epc_urn::Translation::Gs1(canonical) => canonical,
            epc_urn::Translation::Malformed => Canonical::other(uri, Some(Flaw::Malformed)),
            epc_urn::Translation::OtherScheme => Canonical::other(uri, None),
        };
    }
    digital_link::to_canonical(uri).unwrap_or_else(|| Canonical::other(uri, None))
}

/// Whether a member with these GS1 company prefixes may commission the identifier: the digits of
/// its key begin with one of them. `*` owns everything, other URIs included; nothing else owns a
/// URI that is no GS1 key.
#[must_use]
pub fn company_prefix_owns(prefixes: &[String], identifier: &Canonical) -> bool {
    prefixes.iter().any(|prefix| {
        prefix == "*"
            || identifier
                .company_digits()
                .is_some_and(|digits| !prefix.is_empty() && digits.starts_with(prefix.as_str()))
    })
}

/// The GS1 mod-10 check digit of `digits`: weights 3 and 1 in turn from the right. `None` when
/// something else than digits is among them.
#[must_use]
pub fn check_digit(digits: &str) -> Option<char> {
    let mut sum = 0_u32;
    let mut weight = 3;
    for byte in digits.bytes().rev() {
        if !byte.is_ascii_digit() {
            return None;
        }
        // At most 27 is added for each of the few bytes of an identifier.
        sum = sum.checked_add(weight * u32::from(byte - b'0'))?;
        weight = 4 - weight;
    }
    char::from_digit((10 - sum % 10) % 10, 10)
}

/// Whether the last digit is the GS1 mod-10 check digit of those before it; `false` for what is
/// not digits only or has fewer than two.
#[must_use]
pub fn has_valid_check_digit(digits: &str) -> bool {
    let Some((last, body)) = digits.as_bytes().split_last() else { return false };
    let Ok(body) = std::str::from_utf8(body) else { return false };
    !body.is_empty() && check_digit(body) == Some(char::from(*last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn check_digits_are_gs1_mod_10() {
        for good in ["9521321000018", "09521568251204", "095213210000000018", "96385074"] {
            assert!(has_valid_check_digit(good), "{good}");
        }
        for bad in ["9521321000019", "", "0", "95213210000a8", "ä8", "095215682512O4"] {
            assert!(!has_valid_check_digit(bad), "{bad}");
        }
    }

    /// Promise P5.
    #[test]
    fn prefixes_own_what_begins_with_them() {
        let own = |prefix: &str, uri: &str| company_prefix_owns(&[prefix.into()], &canonical(uri));
        for uri in [
            "https://id.gs1.org/01/09521568251204/21/A1",
            "https://id.gs1.org/00/395213210000000017",
            "https://id.gs1.org/414/9521321000018",
            "https://id.gs1.org/8003/09521321000018XYZ",
            "https://id.gs1.org/8004/9521ABC",
            "https://id.gs1.org/8018/952132100000000015",
            "urn:epc:id:cpi:9521321.ABC.5",
        ] {
            assert!(own("9521", uri), "{uri}");
            assert!(own("*", uri), "{uri}");
            assert!(!own("952199", uri), "{uri}");
            assert!(!own("0", uri), "{uri}");
        }
        assert!(own("*", "urn:uuid:1"));
        assert!(!own("1", "urn:uuid:1"));
        assert!(!own("", "https://id.gs1.org/01/09521568251204"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_spelling_is_its_own_spelling(text in "(urn:epc:id:[a-z]{2,5}:|https://id.gs1.org/)[ -~]{0,40}") {
            let once = canonical(&text);
            let again = canonical(once.uri());
            prop_assert_eq!(again.uri(), once.uri());
        }

        #[test]
        fn digits_with_their_check_digit_are_valid(body in "[0-9]{7,17}") {
            let whole = format!("{body}{}", check_digit(&body).unwrap());
            prop_assert!(has_valid_check_digit(&whole));
        }
    }
}
