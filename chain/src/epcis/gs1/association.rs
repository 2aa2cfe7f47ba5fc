//! Which application identifiers may and must stand together (GS1 General Specifications §4.13).
//!
//! What must stand together may stand on several carriers of one thing, so a single element string
//! that lacks something is not yet wrong: people ask for the rules they want to hold.

use super::table::{find, matches};
use super::{Element, Fault};

/// One of the rules for elements that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Association {
    /// Some exclude each other.
    Exclusive,
    /// Some need others.
    Required,
    /// None stands twice with different values.
    Repeated,
    /// A digital signature (8030) needs a key with its serial number.
    SignedKeyIsSerialised,
}

impl Association {
    /// All rules.
    pub const ALL: [Association; 4] = [
        Association::Exclusive,
        Association::Required,
        Association::Repeated,
        Association::SignedKeyIsSerialised,
    ];

    /// The rule that GS1's syntax engine calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Association> {
        Some(match name {
            "validateAImutex" => Association::Exclusive,
            "validateAIrequisites" => Association::Required,
            "validateAIrepeats" => Association::Repeated,
            "validateDigSigRequiresSerialisedKey" => Association::SignedKeyIsSerialised,
            _ => return None,
        })
    }

    /// Everything that breaks this rule among elements given as pairs of identifier and value.
    #[must_use]
    pub fn faults(self, elements: &[(&str, &str)]) -> Vec<Fault> {
        match self {
            Association::Exclusive => exclusive(elements),
            Association::Required => required(elements),
            Association::Repeated => repeated(elements),
            Association::SignedKeyIsSerialised => signed_key(elements),
        }
    }
}

/// Everything that breaks any rule.
#[must_use]
pub fn all_faults(elements: &[Element]) -> Vec<Fault> {
    let pairs: Vec<(&str, &str)> =
        elements.iter().map(|e| (e.ai.as_str(), e.value.as_str())).collect();
    Association::ALL.iter().flat_map(|rule| rule.faults(&pairs)).collect()
}

/// Pieces of trade items (8006, 8026) that are none of as many as they say: piece 03 of 02.
#[must_use]
pub fn pieces(elements: &[Element]) -> Vec<Fault> {
    let wrong = |element: &&Element| {
        let digits = element.value.get(14..18).and_then(|digits| digits.parse::<u32>().ok());
        matches!(element.ai.as_str(), "8006" | "8026")
            && digits.is_none_or(|digits| digits / 100 == 0 || digits / 100 > digits % 100)
    };
    let message = "counts its pieces wrongly: the piece is at least 01 and at most the total";
    elements.iter().filter(wrong).map(|e| Fault::of(&e.ai, "piece", message)).collect()
}

fn exclusive(elements: &[(&str, &str)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (ai, _) in elements {
        let Some(rule) = find(ai) else { continue };
        for pattern in &rule.excludes {
            let clash = elements.iter().find(|(other, _)| other != ai && matches(pattern, other));
            if let Some((other, _)) = clash {
                let message = format!("may not stand beside ({other}): leave one of them out");
                faults.push(Fault::of(ai, "excludes", message));
            }
        }
    }
    faults
}

fn required(elements: &[(&str, &str)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (ai, _) in elements {
        let Some(rule) = find(ai) else { continue };
        for alternatives in &rule.needs {
            let there =
                |pattern: &&'static str| elements.iter().any(|(other, _)| matches(pattern, other));
            if !alternatives.iter().any(|group| group.iter().all(&there)) {
                let groups: Vec<String> = alternatives.iter().map(|g| g.join(" with ")).collect();
                let message = format!("needs another beside it: add {}", groups.join(", or "));
                faults.push(Fault::of(ai, "requires", message));
            }
        }
    }
    faults
}

fn repeated(elements: &[(&str, &str)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, (ai, value)) in elements.iter().enumerate() {
        let mut before = elements.iter().take(index);
        if before.any(|(other, earlier)| other == ai && earlier != value) {
            let message = format!("stands twice and {value:?} is another value: give it once");
            faults.push(Fault::of(ai, "repeated", message));
        }
    }
    faults
}

fn signed_key(elements: &[(&str, &str)]) -> Vec<Fault> {
    /// Keys whose serial number is part of their value, and how long they are without it.
    const BARE: [(&str, usize); 3] = [("253", 13), ("255", 13), ("8003", 14)];
    if !elements.iter().any(|(ai, _)| *ai == "8030") {
        return Vec::new();
    }
    let bare = |(ai, value): &&(&str, &str)| BARE.contains(&(*ai, value.len()));
    let message = "has no serial number, and what (8030) signs must have one: add it";
    elements.iter().filter(bare).map(|(ai, _)| Fault::of(ai, "signed-key", message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epcis::gs1::element_string::bracketed;

    #[test]
    fn pieces_are_counted() {
        let faults =
            |value: &str| pieces(&[Element { ai: "8006".into(), value: value.into() }]).len();
        assert_eq!(faults("095215682512040102"), 0);
        for wrong in ["095215682512040302", "095215682512040002", "0952"] {
            assert_eq!(faults(wrong), 1, "{wrong}");
        }
    }

    #[test]
    fn each_rule_finds_its_faults() {
        use Association::{Exclusive, Repeated, Required, SignedKeyIsSerialised};
        for (text, rule, field) in [
            ("(01)1(37)2", Exclusive, Some("(01)")),
            ("(3100)1(3103)2", Exclusive, Some("(3100)")),
            ("(01)1(10)2", Exclusive, None),
            ("(21)A", Required, Some("(21)")),
            ("(01)1(250)A", Required, Some("(250)")),
            ("(01)1(21)B(250)A", Required, None),
            ("(01)1(3925)1(3295)2", Required, None),
            ("(400)A(400)B", Repeated, Some("(400)")),
            ("(400)A(400)A", Repeated, None),
            ("(253)9521321000018(8030)A", SignedKeyIsSerialised, Some("(253)")),
            ("(253)9521321000018X(8030)A", SignedKeyIsSerialised, None),
            ("(253)9521321000018", SignedKeyIsSerialised, None),
        ] {
            let pairs = bracketed(text).unwrap();
            let pairs: Vec<_> = pairs.iter().map(|(a, v)| (a.as_str(), v.as_str())).collect();
            let faults = rule.faults(&pairs);
            assert_eq!(faults.first().map(|fault| fault.field.as_str()), field, "{text}");
        }
    }
}
