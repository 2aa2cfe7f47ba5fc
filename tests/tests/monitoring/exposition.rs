//! The text form in which a node tells its counters.

use std::collections::{BTreeMap, BTreeSet};

/// What a node exposes.
pub struct Exposed {
    /// Names of families by their sample names.
    families: BTreeMap<String, String>,
    /// Values of labels by sample name and label.
    labels: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Values by series, as it is written.
    values: BTreeMap<String, f64>,
}

impl Exposed {
    /// Reads a whole answer; panics on what is not understood.
    pub fn read(text: &str) -> Exposed {
        let mut exposed =
            Exposed { families: BTreeMap::new(), labels: BTreeMap::new(), values: BTreeMap::new() };
        let mut family = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                rest.split(' ').next().expect("a name").clone_into(&mut family);
            }
            if line.starts_with('#') {
                continue;
            }
            // Exemplars are not told here, so the value is what follows the last blank.
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            let name = series.split('{').next().unwrap_or(series);
            assert!(name.starts_with(&family), "{line} is not of {family}");
            let inside = series[name.len()..].trim_start_matches('{').trim_end_matches('}');
            let known = exposed.labels.entry(name.to_owned()).or_default();
            for (label, value) in pairs(inside) {
                known.entry(label).or_default().insert(value);
            }
            exposed.families.insert(name.to_owned(), family.clone());
            exposed.values.insert(series.to_owned(), value.parse().expect("a number"));
        }
        assert!(text.ends_with("# EOF\n"), "the answer is whole");
        exposed
    }

    /// The labels of a sample name with their values; `None` when there is no such sample.
    pub fn labels(&self, name: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
        self.labels.get(name).cloned()
    }

    /// The family of a sample name.
    pub fn family(&self, name: &str) -> Option<&String> {
        self.families.get(name)
    }

    /// All families that have a sample.
    pub fn families(&self) -> impl Iterator<Item = &String> {
        let families: BTreeSet<&String> = self.families.values().collect();
        families.into_iter()
    }

    /// The value of a series, written as the node writes it.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.values.get(series).copied()
    }
}

/// `a="b",c="d"` with quotes inside values escaped.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next().expect("a value ends") {
                (_, '\\') => value.extend(letters.next().map(|(_, letter)| letter)),
                (at, '"') => break at,
                (_, letter) => value.push(letter),
            }
        };
        pairs.push((label.trim_start_matches(',').to_owned(), value));
        rest = &after[end + 1..];
    }
    assert!(rest.is_empty(), "{text}");
    pairs
}
