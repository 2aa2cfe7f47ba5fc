//! Digital Links to the letter (GS1 Digital Link: URI Syntax 1.x, ISO/IEC 18975): read strictly,
//! and written.
//!
//! ```text
//! https://domain[/stem]/key/value[/qualifier/value…][?ai=value&…]
//! ```
//!
//! The rightmost primary key of the path counts; its qualifiers follow in their order. Every other
//! application identifier stands in the query, if the table lets it.

use super::names::{FORMER_KEYS, ai_of, word_of};
use super::percent;
use crate::epcis::gs1::table::{Rule, find};
use crate::epcis::gs1::{Element, Fault};
use crate::epcis::uri::is_uri;

/// What is taken beyond the current standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relaxed {
    /// GTINs of 8, 12 or 13 digits, zeros being put before them.
    pub short_gtins: bool,
    /// Words such as `gtin` for application identifiers, as versions 1.0 and 1.1 had them.
    pub words: bool,
    /// The locations that these versions had among the primary keys (410 to 413 and 416).
    pub former_keys: bool,
}

/// A Digital Link, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What stands before the key: scheme, domain and path.
    pub stem: String,
    /// The primary key and its qualifiers.
    pub path: Vec<Element>,
    /// What the query says in application identifiers.
    pub attributes: Vec<Element>,
}

impl Link {
    /// All elements in the order of the link.
    #[must_use]
    pub fn elements(&self) -> Vec<Element> {
        self.path.iter().chain(&self.attributes).cloned().collect()
    }

    /// Reads a Digital Link.
    ///
    /// # Errors
    /// [`Fault`] with the first thing that breaks the standard.
    pub fn parse(uri: &str, relaxed: Relaxed) -> Result<Link, Fault> {
        let fault = |rule, message: String| Err(Fault::new("uri", rule, message));
        if !is_uri(uri) {
            let message = "this is no URI: percent-encode what RFC 3986 does not allow";
            return fault("uri", message.to_owned());
        }
        let without_fragment = uri.split('#').next().unwrap_or_default();
        let (before, query) = without_fragment.split_once('?').unwrap_or((without_fragment, ""));
        let host_at = stem_host(before)?;
        let path_at = before.get(host_at..).and_then(|rest| rest.find('/')).map(|at| host_at + at);
        let Some(path_at) = path_at else {
            return fault("no-key", "no path follows the domain: add /01/ and a GTIN".to_owned());
        };
        if before.ends_with('/') {
            return fault("no-key", "a slash ends the path: leave it out".to_owned());
        }
        let segments: Vec<&str> =
            before.get(path_at + 1..).unwrap_or_default().split('/').collect();
        let (key, at) = key_segment(&segments, relaxed)?;
        let mut path = Vec::new();
        let mut codes = Vec::new();
        for pair in segments.get(at..).unwrap_or_default().chunks(2) {
            let [name, value] = pair else { continue };
            let ai = code(name, relaxed).ok_or_else(|| unknown(name))?;
            path.push(element(ai, &percent::decode_path(value), relaxed)?);
            codes.push(ai);
        }
        let (_, qualifiers) = codes.split_first().unwrap_or((&"", &[]));
        if !sequences(key).iter().any(|sequence| is_in_order(qualifiers, sequence)) {
            let message = format!(
                "these may not follow ({}) in this order: {}",
                key.ai,
                qualifiers.join(", ")
            );
            return fault("qualifiers", message);
        }
        let stem_end = path_at + segments.iter().take(at).map(|s| s.len() + 1).sum::<usize>();
        let stem = before.get(..stem_end).unwrap_or_default().to_owned();
        let attributes = attributes(query, key, &path, relaxed)?;
        Ok(Link { stem, path, attributes })
    }
}

/// Where the host begins; the scheme must be one of HTTP's in one case, and the host plain.
fn stem_host(before: &str) -> Result<usize, Fault> {
    let fault = |message: &str| Err(Fault::new("uri", "stem", message));
    let schemes = ["https://", "http://", "HTTPS://", "HTTP://"];
    let Some(scheme) = schemes.iter().find(|scheme| before.starts_with(**scheme)) else {
        return fault("a Digital Link begins with https:// or http://, all small or all capital");
    };
    let rest = before.get(scheme.len()..).unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']');
    if authority.is_empty() || !authority.bytes().all(plain) {
        return fault("the domain may have letters, digits, - and . only");
    }
    if let Some((_, port)) = authority.rsplit_once(':')
        && !port.ends_with(']')
        && port.parse::<u16>().is_err()
    {
        return fault("the port is a number up to 65535");
    }
    Ok(scheme.len())
}

fn unknown(name: &str) -> Fault {
    let shown: String = name.chars().take(20).collect();
    let message = format!("{shown:?} is no application identifier that may stand here");
    Fault::new("uri", "unknown-ai", message)
}

/// The application identifier that a path or query calls `name`.
fn code(name: &str, relaxed: Relaxed) -> Option<&str> {
    if find(name).is_some() {
        return Some(name);
    }
    relaxed.words.then(|| ai_of(name)).flatten()
}

/// The rightmost primary key from which pairs of known identifiers and values go to the end.
fn key_segment(segments: &[&str], relaxed: Relaxed) -> Result<(&'static Rule, usize), Fault> {
    let mut last_unknown = None;
    for at in (0..segments.len().saturating_sub(1)).rev().step_by(2) {
        let name = segments.get(at).copied().unwrap_or_default();
        let Some(rule) = code(name, relaxed).and_then(find) else {
            last_unknown = Some(name);
            break;
        };
        if is_key(rule, relaxed) {
            return Ok((rule, at));
        }
    }
    Err(match last_unknown {
        Some(name) if !name.is_empty() => unknown(name),
        _ => {
            let message = "no primary key such as /01/ is in the path, with nothing but its \
                           qualifiers behind it";
            Fault::new("uri", "no-key", message)
        }
    })
}

fn is_key(rule: &Rule, relaxed: Relaxed) -> bool {
    rule.sequences.is_some() || (relaxed.former_keys && FORMER_KEYS.contains(&rule.ai.as_str()))
}

/// The sequences that qualifiers of `key` may stand in; an empty one when it has none.
fn sequences(key: &Rule) -> Vec<Vec<&'static str>> {
    match &key.sequences {
        Some(sequences) if !sequences.is_empty() => sequences.clone(),
        _ => vec![Vec::new()],
    }
}

fn is_in_order(codes: &[&str], sequence: &[&str]) -> bool {
    let mut places = sequence.iter();
    codes.iter().all(|ai| places.any(|known| known == ai))
}

/// An element of a link; a short GTIN is filled up when that is allowed.
fn element(ai: &str, value: &str, relaxed: Relaxed) -> Result<Element, Fault> {
    let short = ai == "01" && relaxed.short_gtins && matches!(value.len(), 8 | 12 | 13);
    if short { Element::checked(ai, &format!("{value:0>14}")) } else { Element::checked(ai, value) }
}

fn attributes(
    query: &str,
    key: &Rule,
    path: &[Element],
    relaxed: Relaxed,
) -> Result<Vec<Element>, Fault> {
    let mut found: Vec<Element> = Vec::new();
    for parameter in query.split('&') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let numeric = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        let Some(rule) = code(name, relaxed).and_then(find) else {
            if numeric {
                return Err(unknown(name));
            }
            continue;
        };
        let ai = &rule.ai;
        if path.iter().chain(&found).any(|element| element.ai == *ai) {
            return Err(Fault::of(ai, "repeated", "stands in the link twice: give it once"));
        }
        if !rule.attribute {
            let message = "may not stand in the query of a Digital Link: leave it out";
            return Err(Fault::of(ai, "attribute", message));
        }
        let with: Vec<&str> =
            path.iter().skip(1).map(|e| e.ai.as_str()).chain([ai.as_str()]).collect();
        let one_sequence = |sequence: &Vec<&str>| with.iter().all(|ai| sequence.contains(ai));
        if sequences(key).iter().any(one_sequence) {
            let message = format!("is a qualifier of ({}): put it in the path", key.ai);
            return Err(Fault::of(ai, "qualifier-in-query", message));
        }
        found.push(element(ai, &percent::decode_query(value), relaxed)?);
    }
    Ok(found)
}

/// How a link is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// What comes before the key; `https://id.gs1.org` when not given.
    pub stem: Option<String>,
    /// Words such as `gtin` where versions 1.0 and 1.1 had one.
    pub words: bool,
    /// Whether the former keys may be keys; see [`Relaxed::former_keys`].
    pub former_keys: bool,
}

/// Writes elements as a Digital Link. The first that is a primary key leads; identifiers of fixed
/// length come first in the query.
///
/// # Errors
/// [`Fault`] when there is no key, one stands twice with different values, one may not stand in a
/// query, or the stem is no address.
pub fn generate(elements: &[Element], writing: &Writing) -> Result<String, Fault> {
    let relaxed = Relaxed { former_keys: writing.former_keys, ..Relaxed::default() };
    let stem = match &writing.stem {
        Some(stem) => checked_stem(stem)?,
        None => super::CANONICAL_DOMAIN.to_owned(),
    };
    let mut left: Vec<&Element> = Vec::new();
    for element in elements {
        match left.iter().find(|earlier| earlier.ai == element.ai) {
            None => left.push(element),
            Some(earlier) if earlier.value == element.value => {}
            Some(_) => {
                let message = "stands twice with different values: give it once";
                return Err(Fault::of(&element.ai, "repeated", message));
            }
        }
    }
    let rule = |element: &Element| find(&element.ai);
    let key_at = left.iter().position(|e| rule(e).is_some_and(|rule| is_key(rule, relaxed)));
    let Some((key, key_rule)) = key_at.map(|at| left.remove(at)).and_then(|e| Some((e, rule(e)?)))
    else {
        let message = "a Digital Link needs a primary key such as (01): add one";
        return Err(Fault::new("element string", "no-key", message));
    };
    let mut best: Vec<&Element> = Vec::new();
    for sequence in sequences(key_rule) {
        let present = sequence.iter().filter_map(|ai| left.iter().find(|e| e.ai == *ai).copied());
        let present: Vec<&Element> = present.collect();
        if present.len() > best.len() {
            best = present;
        }
    }
    left.retain(|element| !best.iter().any(|qualifier| qualifier.ai == element.ai));
    let name = |ai: &str| -> String {
        let word = writing.words.then(|| word_of(ai)).flatten();
        word.map_or_else(|| ai.to_owned(), str::to_owned)
    };
    let mut out = stem;
    for element in std::iter::once(key).chain(best) {
        out.push_str(&format!("/{}/{}", name(&element.ai), percent::encode_path(&element.value)));
    }
    let fixed = |element: &&&Element| rule(element).is_some_and(|rule| rule.predefined);
    let ordered = left.iter().filter(fixed).chain(left.iter().filter(|e| !fixed(e)));
    let mut sign = '?';
    for element in ordered {
        if !rule(element).is_some_and(|rule| rule.attribute) {
            let message =
                format!("has no place in a Digital Link beside ({}): leave it out", key.ai);
            return Err(Fault::of(&element.ai, "attribute", message));
        }
        let value = percent::encode_query(&element.value);
        out.push_str(&format!("{sign}{}={value}", name(&element.ai)));
        sign = '&';
    }
    Ok(out)
}

/// A stem without slash at its end and without the port that its scheme has anyway.
fn checked_stem(stem: &str) -> Result<String, Fault> {
    let fault = |message: &str| Fault::new("stem", "stem", message);
    if !is_uri(stem) || stem.contains(['?', '#']) {
        return Err(fault("this is no address: write https://example.com/path"));
    }
    let host_at = stem_host(stem).map_err(|found| fault(&found.message))?;
    let (scheme, rest) = stem.split_at_checked(host_at).unwrap_or((stem, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = if scheme.eq_ignore_ascii_case("https://") { ":443" } else { ":80" };
    let authority = authority.strip_suffix(port).unwrap_or(authority);
    let whole = if path.is_empty() {
        format!("{scheme}{authority}")
    } else {
        format!("{scheme}{authority}/{path}")
    };
    Ok(whole.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
