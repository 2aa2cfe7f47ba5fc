//! GS1 Digital Link URIs.
//!
//! Here is their constrained canonical form, made tolerantly from whatever published documents
//! hold: any domain, GTINs of any length, wrong check digits. [`link`] reads and writes links to
//! the letter of the standard; [`percent`] encodes their values.

pub mod link;
mod names;
pub mod percent;

use super::identifier::{Canonical, Flaw, Level, check_digit};
use super::uri::{percent_decoded, push_percent_encoded};

/// Where canonical Digital Links live.
pub const CANONICAL_DOMAIN: &str = "https://id.gs1.org";

/// How the value of a primary key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// This many digits, the last a check digit.
    Checked(usize),
    /// A GTIN: 14 digits, or 8, 12 or 13 that zeros are put before.
    Gtin,
    /// This many digits, the last a check digit, then up to so many characters (or digits).
    CheckedThen { digits: usize, serial: usize, numeric: bool },
    /// A GTIN-14 and four digits: which piece, of how many.
    Pieces,
    /// At least four digits of a company prefix, in up to so many characters.
    Free(usize),
}

/// A primary key of GS1 Digital Link.
struct PrimaryKey {
    /// Its application identifier.
    ai: &'static str,
    /// The name it had in early versions of the standard.
    short: &'static str,
    shape: Shape,
    /// Qualifiers in the order they may stand in.
    qualifiers: &'static [&'static str],
    /// The most specific qualifiers first: the canonical form keeps the first one given.
    kept: &'static [(&'static str, Level)],
    /// What the key names without a qualifier.
    level: Level,
}

const KEYS: [PrimaryKey; 15] = [
    PrimaryKey {
        ai: "01",
        short: "gtin",
        shape: Shape::Gtin,
        qualifiers: &["22", "10", "21", "235"],
        kept: &[("21", Level::Instance), ("235", Level::Instance), ("10", Level::Lot)],
        level: Level::Class,
    },
    PrimaryKey {
        ai: "00",
        short: "sscc",
        shape: Shape::Checked(18),
        qualifiers: &[],
        kept: &[],
        level: Level::LogisticUnit,
    },
    PrimaryKey {
        ai: "414",
        short: "gln",
        shape: Shape::Checked(13),
        qualifiers: &["254", "7040"],
        kept: &[("254", Level::Location)],
        level: Level::Location,
    },
    PrimaryKey {
        ai: "417",
        short: "party",
        shape: Shape::Checked(13),
        qualifiers: &["7040"],
        kept: &[],
        level: Level::Party,
    },
    PrimaryKey {
        ai: "8003",
        short: "grai",
        shape: Shape::CheckedThen { digits: 14, serial: 16, numeric: false },
        qualifiers: &[],
        kept: &[],
        level: Level::Instance,
    },
    PrimaryKey {
        ai: "8004",
        short: "giai",
        shape: Shape::Free(30),
        qualifiers: &["7040"],
        kept: &[],
        level: Level::Instance,
    },
    PrimaryKey {
        ai: "8006",
        short: "itip",
        shape: Shape::Pieces,
        qualifiers: &["22", "10", "21"],
        kept: &[("21", Level::Instance), ("10", Level::Lot)],
        level: Level::Class,
    },
    PrimaryKey {
        ai: "8010",
        short: "cpid",
        shape: Shape::Free(30),
        qualifiers: &["8011"],
        kept: &[("8011", Level::Instance)],
        level: Level::Class,
    },
    PrimaryKey {
        ai: "8013",
        short: "gmn",
        shape: Shape::Free(25),
        qualifiers: &[],
        kept: &[],
        level: Level::Class,
    },
    PrimaryKey {
        ai: "8017",
        short: "gsrnp",
        shape: Shape::Checked(18),
        qualifiers: &["8019"],
        kept: &[],
        level: Level::Instance,
    },
    PrimaryKey {
        ai: "8018",
        short: "gsrn",
        shape: Shape::Checked(18),
        qualifiers: &["8019"],
        kept: &[],
        level: Level::Instance,
    },
    PrimaryKey {
        ai: "253",
        short: "gdti",
        shape: Shape::CheckedThen { digits: 13, serial: 17, numeric: false },
        qualifiers: &[],
        kept: &[],
        level: Level::Document,
    },
    PrimaryKey {
        ai: "255",
        short: "gcn",
        shape: Shape::CheckedThen { digits: 13, serial: 12, numeric: true },
        qualifiers: &[],
        kept: &[],
        level: Level::Instance,
    },
    PrimaryKey {
        ai: "401",
        short: "ginc",
        shape: Shape::Free(30),
        qualifiers: &[],
        kept: &[],
        level: Level::LogisticUnit,
    },
    PrimaryKey {
        ai: "402",
        short: "gsin",
        shape: Shape::Checked(17),
        qualifiers: &[],
        kept: &[],
        level: Level::LogisticUnit,
    },
];

/// The application identifiers of all primary keys.
pub fn primary_keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.ai)
}

/// The application identifier of the primary key that a path calls `name`: by its digits, or by
/// the word that early versions of the standard had for it.
pub(super) fn primary_key(name: &str) -> Option<&'static str> {
    KEYS.iter().find(|key| key.ai == name || key.short == name).map(|key| key.ai)
}

/// Whether `value` may stand under the qualifier `ai`.
fn is_qualifier_value(ai: &str, value: &str) -> bool {
    let digits = || value.bytes().all(|b| b.is_ascii_digit());
    let length = value.len();
    match ai {
        "21" | "10" | "22" | "254" => (1..=20).contains(&length) && is_gs1_text(value),
        "235" => (1..=28).contains(&length) && is_gs1_text(value),
        "7040" => length == 4 && is_gs1_text(value),
        "8011" => (1..=12).contains(&length) && digits(),
        "8019" => (1..=10).contains(&length) && digits(),
        _ => false,
    }
}

/// GS1's character set 82: what serial and lot numbers are written in.
fn is_gs1_text(text: &str) -> bool {
    text.bytes().all(|b| {
        b.is_ascii_alphanumeric() || matches!(b, b'!' | b'"' | b'%'..=b'/' | b':'..=b'?' | b'_')
    })
}

/// The canonical form of a Digital Link of any domain; `None` when `uri` is no Digital Link.
pub(super) fn to_canonical(uri: &str) -> Option<Canonical> {
    let after_scheme = ["https://", "http://", "HTTPS://", "HTTP://"]
        .iter()
        .find_map(|scheme| uri.strip_prefix(scheme))?;
    let path_at = after_scheme.find('/')?;
    let (authority, path) = after_scheme.split_at_checked(path_at)?;
    if authority.is_empty() || authority.contains(['?', '#']) {
        return None;
    }
    from_path(path)
}

/// The canonical identifier that a Digital Link path such as `/01/09521568251204/21/A1` names,
/// percent-encoded as it stands in a request; a stem before the key, a query and a fragment are
/// passed over. `None` when the path is none.
#[must_use]
pub fn from_path(path: &str) -> Option<Canonical> {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let path = path.get(..end)?.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').collect();
    // The rightmost primary key wins, if all that follows it is in pairs.
    (0..segments.len().saturating_sub(1)).rev().step_by(2).find_map(|at| {
        let (name, pairs) = segments.get(at..)?.split_first()?;
        let key = KEYS.iter().find(|key| key.ai == *name || key.short == *name)?;
        let (value, qualifiers) = pairs.split_first()?;
        canonical_of(key, &percent_decoded(value)?, qualifiers)
    })
}

/// The canonical identifier of a key with its value and at most one qualifier, none of them
/// percent-encoded; `None` when they break the key's rules.
pub(super) fn from_parts(
    ai: &str,
    value: &str,
    qualifier: Option<(&str, &str)>,
) -> Option<Canonical> {
    let key = KEYS.iter().find(|key| key.ai == ai)?;
    let (value, level, flaw) = checked_value(key, value)?;
    match qualifier {
        None => Some(compose(key, &value, level, None, flaw)),
        Some((ai, given)) => {
            let (kept, level) = key.kept.iter().find(|(kept, _)| *kept == ai)?;
            is_qualifier_value(ai, given)
                .then(|| compose(key, &value, *level, Some((kept, given)), flaw))
        }
    }
}

fn canonical_of(key: &PrimaryKey, value: &str, pairs: &[&str]) -> Option<Canonical> {
    let (value, level, flaw) = checked_value(key, value)?;
    let mut best: Option<(usize, String)> = None;
    let mut place = 0;
    for pair in pairs.chunks(2) {
        let [name, encoded] = pair else { return None };
        let ai = names::ai_of(name).unwrap_or(name);
        let allowed = key.qualifiers.get(place..)?;
        place += allowed.iter().position(|qualifier| *qualifier == ai)? + 1;
        let text = percent_decoded(encoded)?;
        if !is_qualifier_value(ai, &text) {
            return None;
        }
        if let Some(rank) = key.kept.iter().position(|(kept, _)| *kept == ai)
            && best.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            best = Some((rank, text));
        }
    }
    match best {
        // An extension of 0 is how an EPC says that a GLN has none.
        Some((_, text)) if key.ai == "414" && text == "0" => {
            Some(compose(key, &value, level, None, flaw))
        }
        Some((rank, text)) => {
            let (ai, level) = key.kept.get(rank)?;
            Some(compose(key, &value, *level, Some((ai, &text)), flaw))
        }
        None => Some(compose(key, &value, level, None, flaw)),
    }
}

fn compose(
    key: &PrimaryKey,
    value: &str,
    level: Level,
    qualifier: Option<(&str, &str)>,
    flaw: Option<Flaw>,
) -> Canonical {
    let mut uri = String::with_capacity(CANONICAL_DOMAIN.len() + 2 * value.len() + 24);
    uri.push_str(CANONICAL_DOMAIN);
    uri.push('/');
    uri.push_str(key.ai);
    uri.push('/');
    push_percent_encoded(&mut uri, value);
    if let Some((ai, text)) = qualifier {
        uri.push('/');
        uri.push_str(ai);
        uri.push('/');
        push_percent_encoded(&mut uri, text);
    }
    Canonical::gs1(uri, level, key.ai, flaw)
}

/// The value in its one spelling, what it names, and whether its check digit is wrong.
fn checked_value(key: &PrimaryKey, value: &str) -> Option<(String, Level, Option<Flaw>)> {
    let (digits, level) = match key.shape {
        Shape::Checked(length) => ((value.len() == length).then_some(length)?, key.level),
        Shape::Gtin => {
            if !matches!(value.len(), 8 | 12 | 13 | 14) || !is_digits(value) {
                return None;
            }
            let padded = format!("{value:0>14}");
            let flaw = check_flaw(&padded)?;
            return Some((padded, key.level, flaw));
        }
        Shape::CheckedThen { digits, serial, numeric } => {
            let rest = value.get(digits..)?;
            if rest.len() > serial || !is_gs1_text(rest) || (numeric && !is_digits(rest)) {
                return None;
            }
            (digits, if rest.is_empty() { Level::Class } else { key.level })
        }
        Shape::Pieces => ((value.len() == 18 && is_digits(value)).then_some(14)?, key.level),
        Shape::Free(longest) => {
            let prefixed = value.get(..4).is_some_and(is_digits);
            return (prefixed && value.len() <= longest && is_key_text(value))
                .then(|| (value.to_owned(), key.level, None));
        }
    };
    let flaw = check_flaw(value.get(..digits)?)?;
    Some((value.to_owned(), level, flaw))
}

/// Component part numbers may hold `#` beside character set 82.
fn is_key_text(text: &str) -> bool {
    text.split('#').all(is_gs1_text)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// The flaw of `digits` with a check digit at their end; `None` when they are not digits.
#[expect(clippy::option_option, reason = "not digits, no flaw and a flaw are three answers")]
fn check_flaw(digits: &str) -> Option<Option<Flaw>> {
    if !is_digits(digits) {
        return None;
    }
    let (body, last) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
    let right = check_digit(body)?;
    Some((!last.starts_with(right)).then_some(Flaw::CheckDigit { right }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_any_domain_become_canonical() {
        for (given, expected, level) in [
            (
                "https://example.com/shop/01/9521568251204/10/L%2F1/21/A%2b1?17=261231#x",
                "https://id.gs1.org/01/09521568251204/21/A%2B1",
                Level::Instance,
            ),
            (
                "HTTP://EXAMPLE.COM/01/09521568251204/22/2A/10/L1",
                "https://id.gs1.org/01/09521568251204/10/L1",
                Level::Lot,
            ),
            (
                "https://a.b/gtin/9780345418913/cpv/344",
                "https://id.gs1.org/01/09780345418913",
                Level::Class,
            ),
            (
                "https://id.gs1.org/00/095213210000000018",
                "https://id.gs1.org/00/095213210000000018",
                Level::LogisticUnit,
            ),
            (
                "https://id.gs1.org/414/9521321000018/254/0",
                "https://id.gs1.org/414/9521321000018",
                Level::Location,
            ),
            (
                "https://id.gs1.org/414/9521321000018/254/12",
                "https://id.gs1.org/414/9521321000018/254/12",
                Level::Location,
            ),
            (
                "https://id.gs1.org/417/9521321000018",
                "https://id.gs1.org/417/9521321000018",
                Level::Party,
            ),
            (
                "https://id.gs1.org/253/4602443000331XYZ",
                "https://id.gs1.org/253/4602443000331XYZ",
                Level::Document,
            ),
            (
                "https://id.gs1.org/253/4602443000331",
                "https://id.gs1.org/253/4602443000331",
                Level::Class,
            ),
            (
                "https://id.gs1.org/01/09521568251204/10/00/21/01",
                "https://id.gs1.org/01/09521568251204/21/01",
                Level::Instance,
            ),
            (
                "https://id.gs1.org/01/09521568251204/21/A1/",
                "https://id.gs1.org/01/09521568251204/21/A1",
                Level::Instance,
            ),
            (
                "https://fashion.com/itip/040123451234560102/ser/ABC145",
                "https://id.gs1.org/8006/040123451234560102/21/ABC145",
                Level::Instance,
            ),
            (
                "https://id.gs1.org/8010/0628165987/8011/9876",
                "https://id.gs1.org/8010/0628165987/8011/9876",
                Level::Instance,
            ),
        ] {
            let canonical = to_canonical(given).expect(given);
            assert_eq!((canonical.uri(), canonical.level()), (expected, level), "{given}");
            assert_eq!(canonical.flaw(), None, "{given}");
        }
    }

    #[test]
    fn a_wrong_check_digit_is_marked_with_the_right_one() {
        let link = to_canonical("https://id.gs1.org/01/09521568251205/21/A1").unwrap();
        assert_eq!(link.flaw(), Some(Flaw::CheckDigit { right: '4' }));
        assert_eq!(link.uri(), "https://id.gs1.org/01/09521568251205/21/A1");
    }

    #[test]
    fn what_breaks_the_rules_is_no_digital_link() {
        for given in [
            "https://id.gs1.org/99/9780345418913",
            "https://example.de/abc/9780345418913",
            "https://id.gs1.org/8006/04012345123456/22/ABCD/10/XYZ",
            "https://id.gs1.org/01/0952156825",
            "https://id.gs1.org/01/0952156825120X",
            "https://id.gs1.org/01/09521568251204/21/A1/10/L1",
            "https://id.gs1.org/01/09521568251204/21/A1/21/A2",
            "https://id.gs1.org/01/09521568251204/21/",
            "https://id.gs1.org/01/09521568251204/21/%20",
            "https://id.gs1.org/01/09521568251204/21/%zz",
            "https://id.gs1.org/01/09521568251204/21/123456789012345678901",
            "https://id.gs1.org/01",
            "https://id.gs1.org",
            "https:///01/09521568251204",
            "https://example.com?x=/01/09521568251204",
            "ftp://id.gs1.org/01/09521568251204",
            "http://www.w3.org/2000/01/rdf-schema#",
            "https://id.gs1.org/255/9521321000018ABC",
            "https://id.gs1.org/8004/ABC",
        ] {
            assert_eq!(to_canonical(given), None, "{given}");
        }
    }

    #[test]
    fn scan_paths_name_items() {
        let item = from_path("/01/09521568251204/21/A1?linkType=gs1:pip").unwrap();
        assert_eq!(item.uri(), "https://id.gs1.org/01/09521568251204/21/A1");
        assert_eq!(from_path("/about"), None);
        assert_eq!(from_path("01/09521568251204"), None);
        assert_eq!(from_path(""), None);
    }
}
