//! The table of application identifiers, made from GS1's Barcode Syntax Dictionary; a test proves
//! that the two agree.

use std::collections::BTreeMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("table.tsv");

/// Which characters a component is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Digits.
    Digits,
    /// GS1's character set 82.
    Set82,
    /// GS1's character set 39.
    Set39,
    /// Base64 in the alphabet for URLs.
    Base64Url,
}

/// One part of a value.
#[derive(Clone, Debug)]
pub struct Component {
    /// What it is made of.
    pub charset: Charset,
    /// The fewest characters.
    pub least: usize,
    /// The most characters.
    pub most: usize,
    /// Whether a value may end before it.
    pub optional: bool,
    /// Names of further checks, as GS1's dictionary calls them.
    pub checks: Vec<&'static str>,
}

/// An application identifier.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its digits.
    pub ai: String,
    /// Its title in the General Specifications: `GTIN`, `BATCH/LOT` …
    pub title: &'static str,
    /// Whether its length is fixed in advance, so that no separator follows it.
    pub predefined: bool,
    /// Whether it may stand in the query of a Digital Link.
    pub attribute: bool,
    /// Its value, part by part.
    pub components: Vec<Component>,
    /// Conditions that must all hold: each a list of alternatives, each a list of patterns that
    /// must all be there.
    pub needs: Vec<Vec<Vec<&'static str>>>,
    /// Patterns that it may not stand beside.
    pub excludes: Vec<&'static str>,
    /// When it is a primary key of Digital Links: the sequences its qualifiers may stand in.
    pub sequences: Option<Vec<Vec<&'static str>>>,
}

impl Rule {
    /// The most characters of a value.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.components.iter().map(|component| component.most).sum()
    }
}

/// All application identifiers by their digits.
#[must_use]
pub fn all() -> &'static BTreeMap<String, Rule> {
    static ALL: OnceLock<BTreeMap<String, Rule>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(rules).map(|rule| (rule.ai.clone(), rule)).collect()
    })
}

/// The application identifier with these digits.
#[must_use]
pub fn find(ai: &str) -> Option<&'static Rule> {
    all().get(ai)
}

/// The application identifier that `text` begins with, and what follows it. None begins with
/// another.
#[must_use]
pub fn at_start(text: &str) -> Option<(&'static Rule, &str)> {
    (2..=4).find_map(|length| {
        let (ai, rest) = text.split_at_checked(length)?;
        Some((find(ai)?, rest))
    })
}

/// Whether `ai` is `pattern`, in which `n` stands for any digit.
#[must_use]
pub fn matches(pattern: &str, ai: &str) -> bool {
    pattern.len() == ai.len()
        && pattern.bytes().zip(ai.bytes()).all(|(p, a)| p == a || (p == b'n' && a.is_ascii_digit()))
}

/// The rules of one line: of a range, one for each code.
fn rules(line: &'static str) -> Vec<Rule> {
    let mut columns = line.split('\t').map(|column| if column == "-" { "" } else { column });
    let mut next = || columns.next().unwrap_or_default();
    let (code, flags, value, needs, excludes, key, title) =
        (next(), next(), next(), next(), next(), next(), next());
    let listed = |text: &'static str, sign: char| -> Vec<&'static str> {
        text.split(sign).filter(|part| !part.is_empty()).collect()
    };
    let rule = |ai: String| Rule {
        ai,
        title,
        predefined: flags.contains('f'),
        attribute: flags.contains('a'),
        components: value.split(' ').filter_map(component).collect(),
        needs: listed(needs, ';')
            .into_iter()
            .map(|any| listed(any, ',').into_iter().map(|all| listed(all, '+')).collect())
            .collect(),
        excludes: listed(excludes, ','),
        sequences: match key {
            "" => None,
            "!" => Some(Vec::new()),
            given => Some(listed(given, '|').into_iter().map(|s| listed(s, ',')).collect()),
        },
    };
    let Some((first, last)) = code.split_once('-') else { return vec![rule(code.to_owned())] };
    match (first.parse::<u32>(), last.parse::<u32>()) {
        (Ok(from), Ok(to)) => (from..=to).map(|number| rule(number.to_string())).collect(),
        _ => Vec::new(),
    }
}

/// `N13:csum:gcppos1`, `X..17?` …
fn component(text: &'static str) -> Option<Component> {
    let (text, optional) = text.strip_suffix('?').map_or((text, false), |text| (text, true));
    let mut parts = text.split(':');
    let shape = parts.next()?;
    let charset = match shape.get(..1)? {
        "N" => Charset::Digits,
        "X" => Charset::Set82,
        "Y" => Charset::Set39,
        "Z" => Charset::Base64Url,
        _ => return None,
    };
    let length = shape.get(1..)?;
    let (least, most) = match length.strip_prefix("..") {
        Some(most) => (1, most.parse().ok()?),
        None => (length.parse().ok()?, length.parse().ok()?),
    };
    Some(Component { charset, least, most, optional, checks: parts.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        assert!(all().len() > 500, "{}", all().len());
        for rule in all().values() {
            assert!(!rule.components.is_empty(), "{rule:?}");
            assert!(rule.longest() <= 90, "{rule:?}");
            for other in rule.sequences.iter().flatten().flatten() {
                assert!(find(other).is_some(), "{rule:?}");
            }
        }
        let gtin = find("01").unwrap();
        assert_eq!(gtin.sequences, Some(vec![vec!["22", "10", "21"], vec!["235"]]));
        assert!(gtin.predefined && gtin.attribute);
        assert_eq!(find("3105").map(|rule| rule.excludes.clone()), Some(vec!["310n"]));
        assert_eq!(find("250").unwrap().needs[0][1], ["03", "21"]);
        assert!(find("89").is_none());
    }

    #[test]
    fn no_code_begins_with_another() {
        for ai in all().keys() {
            for length in 2..ai.len() {
                assert!(find(&ai[..length]).is_none(), "{ai}");
            }
            assert_eq!(at_start(&format!("{ai}X")).map(|(_, rest)| rest), Some("X"));
        }
    }
}
