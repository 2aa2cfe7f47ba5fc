//! Whether a value is what its application identifier may hold.

use super::Fault;
use super::lint;
use super::table::{Charset, Component, Rule};

/// Checks a value part by part, as the dictionary lays it out.
pub(super) fn check(rule: &Rule, value: &str) -> Result<(), Fault> {
    let fault = |code, message: String| Err(Fault::of(&rule.ai, code, message));
    if value.is_empty() {
        return fault("empty", format!("{} has no value: give one", rule.title));
    }
    if !value.is_ascii() {
        return fault("charset", "only ASCII characters may stand here: replace the others".into());
    }
    let mut rest = value;
    for component in &rule.components {
        if rest.is_empty() && component.optional {
            break;
        }
        let (part, after) = rest.split_at(component.most.min(rest.len()));
        if part.len() < component.least {
            return fault("length", format!("{value:?} is too short: {}", wanted(rule)));
        }
        if let Some(bad) = part.chars().find(|c| !allows(component.charset, *c)) {
            let set = charset_name(component.charset);
            return fault("charset", format!("{bad:?} may not stand in {value:?}: use {set}"));
        }
        for check in &component.checks {
            if let Err(why) = lint::check(check, part) {
                return fault(why.rule, format!("{value:?} {}", why.message));
            }
        }
        rest = after;
    }
    if !rest.is_empty() {
        return fault("length", format!("{value:?} is too long: {}", wanted(rule)));
    }
    Ok(())
}

/// The lengths a value may have, in words.
fn wanted(rule: &Rule) -> String {
    let of = |part: &Component| {
        let what = match part.charset {
            Charset::Digits => "digits",
            _ => "characters",
        };
        let many = if part.least == part.most {
            format!("{} {what}", part.most)
        } else {
            format!("{} to {} {what}", part.least, part.most)
        };
        if part.optional { format!("perhaps {many}") } else { many }
    };
    let parts: Vec<String> = rule.components.iter().map(of).collect();
    format!("{} is {}", rule.title, parts.join(", then "))
}

fn charset_name(charset: Charset) -> &'static str {
    match charset {
        Charset::Digits => "digits",
        Charset::Set82 => "letters, digits and !\"%&'()*+,-./:;<=>?_",
        Charset::Set39 => "capitals, digits and #-/",
        Charset::Base64Url => "letters, digits and -_",
    }
}

fn allows(charset: Charset, character: char) -> bool {
    match charset {
        Charset::Digits => character.is_ascii_digit(),
        Charset::Set82 => {
            character.is_ascii_alphanumeric()
                || matches!(character, '!' | '"' | '%'..='/' | ':'..='?' | '_')
        }
        Charset::Set39 => {
            character.is_ascii_uppercase()
                || character.is_ascii_digit()
                || matches!(character, '#' | '-' | '/')
        }
        Charset::Base64Url => {
            character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '=')
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::epcis::gs1::Element;

    #[test]
    fn values_are_checked_part_by_part() {
        let rule =
            |ai: &str, value: &str| Element::checked(ai, value).err().map(|fault| fault.rule);
        for (ai, value, expected) in [
            ("01", "09521568251204", None),
            ("01", "09521568251205", Some("check-digit")),
            ("01", "9521568251204", Some("length")),
            ("01", "0952156825120A", Some("charset")),
            ("10", "", Some("empty")),
            ("10", "A B", Some("charset")),
            ("10", "ä", Some("charset")),
            ("10", "123456789012345678901", Some("length")),
            ("253", "9521321000018", None),
            ("253", "9521321000018A", None),
            ("423", "528276", None),
            ("423", "52827", Some("length")),
            ("7007", "211225211226", None),
            ("8010", "9521ABC#1", None),
            ("8010", "9521abc", Some("charset")),
            ("89", "1", Some("unknown-ai")),
        ] {
            assert_eq!(rule(ai, value), expected, "({ai}){value}");
        }
    }

    #[test]
    fn a_fault_says_how_to_mend_it() {
        let fault = Element::checked("01", "952156825120").unwrap_err();
        assert_eq!(fault.field, "(01)");
        assert_eq!(fault.message, "\"952156825120\" is too short: GTIN is 14 digits");
    }
}
