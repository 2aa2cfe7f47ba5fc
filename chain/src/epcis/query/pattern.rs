//! Patterns of identifiers: `urn:epc:idpat:…` (GS1 EPC Tag Data Standard, pure identity patterns).
//!
//! Fields are left open with `*` from the right. Identifiers stand in events as canonical Digital
//! Links, which do not say where a company prefix ends: a pattern that leaves the item reference
//! open fits every identifier of the scheme whose digits begin with the prefix.

use crate::epcis::identifier::canonical;

/// What an identifier is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This identifier, canonical.
    Exactly(String),
    /// Everything under a class: its canonical identifier, and what follows it in the identifiers
    /// of its things.
    Under {
        /// The class.
        class: String,
        /// What stands between the class and the serial: `/21/`, or nothing where both are one
        /// value.
        between: &'static str,
    },
    /// Every identifier of a GS1 key whose digits begin so.
    Begins {
        /// The application identifier of the key.
        key: &'static str,
        /// Its first digits, from the company prefix on; may be empty.
        digits: String,
        /// The qualifier that it must have.
        qualifier: Option<&'static str>,
    },
    /// An EPC URN of a scheme without GS1 key: what stands before the first open field.
    Urn(String),
}

/// A scheme of EPC URNs with a GS1 key.
struct Scheme {
    name: &'static str,
    fields: usize,
    key: &'static str,
    qualifier: Option<&'static str>,
    between: &'static str,
}

const fn scheme(
    name: &'static str,
    fields: usize,
    key: &'static str,
    qualifier: Option<&'static str>,
    between: &'static str,
) -> Scheme {
    Scheme { name, fields, key, qualifier, between }
}

const SCHEMES: [Scheme; 16] = [
    scheme("sgtin", 3, "01", Some("21"), "/21/"),
    scheme("lgtin", 3, "01", Some("10"), "/10/"),
    scheme("upui", 3, "01", Some("235"), "/235/"),
    scheme("itip", 5, "8006", Some("21"), "/21/"),
    scheme("sscc", 2, "00", None, ""),
    scheme("sgln", 3, "414", None, "/254/"),
    scheme("pgln", 2, "417", None, ""),
    scheme("grai", 3, "8003", None, ""),
    scheme("giai", 2, "8004", None, ""),
    scheme("gsrn", 2, "8018", None, ""),
    scheme("gsrnp", 2, "8017", None, ""),
    scheme("gdti", 3, "253", None, ""),
    scheme("sgcn", 3, "255", None, ""),
    scheme("cpi", 3, "8010", Some("8011"), "/8011/"),
    scheme("ginc", 2, "401", None, ""),
    scheme("gsin", 2, "402", None, ""),
];

impl Pattern {
    /// Reads a value of a `MATCH_` parameter: an identifier in any spelling, or a pattern.
    ///
    /// # Errors
    /// The rule it breaks, as the end of a sentence.
    pub fn parse(text: &str) -> Result<Pattern, &'static str> {
        let Some(rest) = text.strip_prefix("urn:epc:idpat:") else {
            return Ok(Pattern::Exactly(canonical(text).into_uri()));
        };
        let (name, body) = rest.split_once(':').ok_or("names no scheme behind urn:epc:idpat:")?;
        let fields: Vec<&str> = body.split('.').collect();
        let open = fields.iter().rev().take_while(|field| **field == "*").count();
        let fixed = fields.len() - open;
        if fields.iter().take(fixed).any(|field| field.contains('*') || field.is_empty()) {
            return Err("may leave fields open with * from the right only");
        }
        if open == 0 {
            return Ok(Pattern::Exactly(canonical(&format!("urn:epc:id:{rest}")).into_uri()));
        }
        let Some(known) = SCHEMES.iter().find(|scheme| scheme.name == name) else {
            let before: String =
                fields.iter().take(fixed).map(|field| format!("{field}.")).collect();
            return Ok(Pattern::Urn(format!("urn:epc:id:{name}:{before}")));
        };
        if fields.len() != known.fields {
            return Err("has another number of fields than its scheme");
        }
        let Scheme { key, qualifier, between, .. } = *known;
        if open == 1 && known.fields > 2 {
            // The class with an open serial; of a lot, the class is that of its instances.
            let of = if name == "lgtin" { "sgtin" } else { name };
            let class = canonical(&format!("urn:epc:idpat:{of}:{body}"));
            if class.key().is_none() {
                return Err("breaks the rules of its GS1 scheme");
            }
            return Ok(Pattern::Under { class: class.into_uri(), between });
        }
        // Of an ITIP the pieces stand between the reference and the serial.
        let digits = fields.first().filter(|_| fixed > 0).copied().unwrap_or_default();
        if fixed > 0 && !((6..=12).contains(&digits.len()) && is_digits(digits)) {
            return Err("begins with a GS1 company prefix of 6 to 12 digits or *");
        }
        if fixed > 1 {
            return Err("may leave open the serial, all behind the company prefix, or everything");
        }
        Ok(Pattern::Begins { key, digits: digits.to_owned(), qualifier })
    }

    /// Whether a canonical identifier fits.
    #[must_use]
    pub fn fits(&self, uri: &str) -> bool {
        match self {
            Pattern::Exactly(wanted) => wanted == uri,
            Pattern::Under { class, between } => {
                // The pattern itself stands for its class.
                let Some(rest) = uri.strip_prefix(class.as_str()) else { return false };
                rest.is_empty()
                    || rest.strip_prefix(between).is_some_and(|serial| !serial.is_empty())
            }
            Pattern::Begins { key, digits, qualifier } => {
                let found = canonical(uri);
                found.key() == Some(*key)
                    && found.company_digits().is_some_and(|own| own.starts_with(digits.as_str()))
                    && qualifier.is_none_or(|ai| uri.contains(&format!("/{ai}/")))
            }
            Pattern::Urn(begin) => uri.starts_with(begin.as_str()),
        }
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}
