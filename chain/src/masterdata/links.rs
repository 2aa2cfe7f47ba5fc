//! Links: where the owner of a product, a lot, a thing or a place wants those to go who look it up.
//!
//! They are what a GS1-conformant resolver answers with (GS1-Conformant Resolver Standard 1.2
//! §2.5): each has a kind, a target and a title, and may say for which language and in which media
//! type its target is. All links of one identifier are one record, set whole. Beside the rules of
//! [`super::MasterData::check`]:
//!
//! | code | the rule |
//! |---|---|
//! | `link-type` | a word of GS1's vocabulary such as `gs1:pip`, or a URI of another one |
//! | `href` | an absolute address of HTTPS, without user name |
//! | `media-type` | `type/subtype`, in small letters |
//! | `unique` | no two links that differ in title or `default` only |

use serde::{Deserialize, Serialize};

use super::{Faults, is_language};
use crate::epcis::shown;
use crate::epcis::uri::is_uri;
use crate::limits::{
    MAX_LANGUAGES, MAX_LINE_BYTES, MAX_LINK_TYPE_BYTES, MAX_LINKS, MAX_MEDIA_TYPE_BYTES,
    MAX_URI_BYTES,
};

/// GS1's own vocabulary of link types.
pub const GS1_VOCABULARY: &str = "https://ref.gs1.org/voc/";

/// Under which names that vocabulary is given.
const GS1_SPELLINGS: [&str; 8] = [
    "gs1:",
    GS1_VOCABULARY,
    "http://ref.gs1.org/voc/",
    "https://gs1.org/voc/",
    "http://gs1.org/voc/",
    "https://www.gs1.org/voc/",
    "http://www.gs1.org/voc/",
    "https://ns.gs1.org/voc/",
];

/// What an owner says of where to go from one identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The canonical identifier: of any GS1 key, at any level.
    pub id: String,
    /// In the owner's order.
    pub links: Vec<Link>,
}

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What is found there: `gs1:pip`, `gs1:instructions` … or a URI of another vocabulary.
    pub link_type: String,
    /// Where: an address of HTTPS.
    pub href: String,
    /// What it is, for people.
    pub title: String,
    /// The languages it is in: BCP 47 tags; none when it does not matter.
    pub hreflang: Vec<String>,
    /// Its media type, when that is known.
    pub media_type: Option<String>,
    /// Whether this is where to go when nothing else is asked for. Of several, languages and media
    /// types decide, then the order.
    pub is_default: bool,
}

impl Link {
    /// The link type as a whole URI.
    #[must_use]
    pub fn type_uri(&self) -> String {
        type_uri(&self.link_type)
    }
}

/// A link type in its one spelling: `gs1:` and the word for GS1's, whichever way it is spelled; a
/// bare word is GS1's; other URIs stay as they are.
#[must_use]
pub fn plain_type(given: &str) -> String {
    let found = GS1_SPELLINGS.iter().find_map(|prefix| {
        let start = given.get(..prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| given.get(prefix.len()..)).flatten()
    });
    match found {
        Some(word) => format!("gs1:{word}"),
        None if is_word(given) => format!("gs1:{given}"),
        None => given.to_owned(),
    }
}

/// The whole URI of a link type in its one spelling.
#[must_use]
pub fn type_uri(plain: &str) -> String {
    plain.strip_prefix("gs1:").map_or_else(|| plain.to_owned(), |w| format!("{GS1_VOCABULARY}{w}"))
}

/// A word of GS1's vocabulary, by its form.
fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

impl Links {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.count("/links", self.links.len(), MAX_LINKS);
        for (index, link) in self.links.iter().enumerate().take(MAX_LINKS) {
            let at = format!("/links/{index}");
            link.check(&at, faults);
            let same = |other: &Link| {
                (&other.link_type, &other.href, &other.hreflang, &other.media_type)
                    == (&link.link_type, &link.href, &link.hreflang, &link.media_type)
            };
            if self.links.iter().take(index).any(same) {
                let message = "this link stands here already: leave it out";
                faults.report(&at, "unique", message);
            }
        }
    }
}

impl Link {
    fn check(&self, at: &str, faults: &mut Faults) {
        if let Some(message) = wrong_type(&self.link_type) {
            faults.report(&format!("{at}/linkType"), "link-type", message);
        }
        if let Some(message) = wrong_href(&self.href) {
            faults.report(&format!("{at}/href"), "href", message);
        }
        faults.text(&format!("{at}/title"), &self.title, MAX_LINE_BYTES);
        faults.count(&format!("{at}/hreflang"), self.hreflang.len(), MAX_LANGUAGES);
        for (index, language) in self.hreflang.iter().enumerate().take(MAX_LANGUAGES) {
            let at = format!("{at}/hreflang/{index}");
            if !is_language(language) {
                let message = format!(
                    "{} is no language: give a BCP 47 tag such as en or zh-Hans",
                    shown(language)
                );
                faults.report(&at, "language", message);
            }
            if self.hreflang.iter().take(index).any(|other| other == language) {
                faults.report(&at, "unique", "this language stands here already: leave it out");
            }
        }
        if let Some(media) = &self.media_type
            && !is_media_type(media)
        {
            let message = format!(
                "{} is no media type: give one in small letters and without parameters, such as \
                 text/html",
                shown(media)
            );
            faults.report(&format!("{at}/type"), "media-type", message);
        }
    }
}

fn wrong_type(given: &str) -> Option<String> {
    if given.len() > MAX_LINK_TYPE_BYTES {
        let length = given.len();
        return Some(format!("this has {length} bytes: {MAX_LINK_TYPE_BYTES} is the limit"));
    }
    match given.strip_prefix("gs1:") {
        Some("defaultLink" | "defaultLinkMulti") => {
            let mend = "every link has a kind of its own: give it, such as gs1:pip, and \
                        \"default\": true";
            Some(mend.to_owned())
        }
        Some(word) if is_word(word) => None,
        None if is_uri(given)
            && (given.starts_with("https://") || given.starts_with("http://")) =>
        {
            None
        }
        _ => Some(format!(
            "{} is no link type: give a word of GS1's vocabulary such as gs1:pip, gs1:dpp, \
             gs1:instructions, gs1:recallStatus or gs1:certificationInfo, or a URI",
            shown(given)
        )),
    }
}

fn wrong_href(given: &str) -> Option<String> {
    if given.len() > MAX_URI_BYTES {
        return Some(format!("this has {} bytes: {MAX_URI_BYTES} is the limit", given.len()));
    }
    let Some(rest) = given.strip_prefix("https://").filter(|_| is_uri(given)) else {
        return Some(format!(
            "{} is no address to send people to: give one that begins with https://, \
             percent-encoded where needed",
            shown(given)
        ));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("this address has a user name before its host: leave it out".to_owned());
    }
    let host = authority.split(':').next().unwrap_or_default();
    let is_literal = authority.starts_with('[');
    if host.is_empty() && !is_literal {
        return Some("this address has no host: write https://example.com/…".to_owned());
    }
    None
}

/// Whether `text` has the form of a media type without parameters (RFC 6838 §4.2).
fn is_media_type(text: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= MAX_MEDIA_TYPE_BYTES
        && text.split_once('/').is_some_and(|(main, sub)| name(main) && name(sub))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::masterdata::{MasterData, MasterKind};

    fn rules(value: &Value) -> Vec<(String, &'static str)> {
        match MasterData::from_json(MasterKind::Links, value) {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong.into_iter().map(|fault| (fault.pointer, fault.rule)).collect(),
        }
    }

    fn of(links: &Value) -> Value {
        json!({"id": "https://id.gs1.org/01/09521321000018", "links": links})
    }

    /// Promise P103.
    #[test]
    fn links_have_one_spelling() {
        let value = of(&json!([
            {"linkType": "pip", "href": "https://a.example/x?y=1#z", "title": "About",
             "hreflang": "en", "type": "text/html", "default": true},
            {"linkType": "https://gs1.org/voc/instructions", "href": "https://a.example/i",
             "title": "How to use", "hreflang": ["en", "zh-Hans"]},
            {"linkType": "GS1:recallStatus", "href": "https://a.example/r", "title": "Recalls"},
            {"linkType": "https://schema.org/review", "href": "https://[2001:db8::1]/i",
             "title": "Reviews"}]));
        let Ok(MasterData::Links(read)) = MasterData::from_json(MasterKind::Links, &value) else {
            panic!("{:?}", rules(&value));
        };
        let types: Vec<&str> = read.links.iter().map(|link| link.link_type.as_str()).collect();
        let wanted =
            ["gs1:pip", "gs1:instructions", "gs1:recallStatus", "https://schema.org/review"];
        assert_eq!(types, wanted);
        assert_eq!(read.links[0].hreflang, ["en"]);
        assert!(read.links[0].is_default && !read.links[1].is_default);
        assert_eq!(read.links[1].type_uri(), "https://ref.gs1.org/voc/instructions");
        for id in [
            "https://id.gs1.org/01/09521321000018/21/A1",
            "https://id.gs1.org/01/09521321000018/10/L1",
            "https://id.gs1.org/00/395213210000000019",
            "https://id.gs1.org/414/9521321000018",
        ] {
            assert_eq!(rules(&json!({"id": id, "links": []})), [], "{id}");
        }
    }

    /// Promise P103, P2.
    #[test]
    fn every_fault_of_a_link_is_named() {
        let is = |at: &str, rule: &'static str| vec![(at.to_owned(), rule)];
        let with = |name: &str, value: Value| {
            let mut link =
                json!({"linkType": "gs1:pip", "href": "https://a.example/", "title": "A"});
            link[name] = value;
            rules(&of(&json!([link])))
        };
        for bad in [
            "http://a.example/",
            "javascript:alert(1)",
            "//a.example/",
            "https://",
            "https:///x",
            "https://u:p@a.example/",
            "https://a.example/ä",
            "https://a.example/\r\nx",
            "/01/x",
            &format!("https://a.example/{}", "x".repeat(MAX_URI_BYTES)),
        ] {
            assert_eq!(with("href", json!(bad)), is("/links/0/href", "href"), "{bad}");
        }
        for bad in ["gs1:defaultLink", "gs1:", "gs1:a b", "ftp://x/y", "a-b", ""] {
            assert_eq!(with("linkType", json!(bad)), is("/links/0/linkType", "link-type"), "{bad}");
        }
        for bad in ["html", "text/", "Text/HTML", "text/html; charset=utf-8"] {
            assert_eq!(with("type", json!(bad)), is("/links/0/type", "media-type"), "{bad}");
        }
        assert_eq!(with("title", json!(" ")), is("/links/0/title", "text"));
        assert_eq!(with("hreflang", json!(["e"])), is("/links/0/hreflang/0", "language"));
        assert_eq!(with("hreflang", json!(["en", "en"])), is("/links/0/hreflang/1", "unique"));
        assert_eq!(with("default", json!("yes")), is("/links/0/default", "type"));
        assert_eq!(with("fwqs", json!(true)), is("/links/0/fwqs", "unknown-field"));
        let link = json!({"linkType": "gs1:pip", "href": "https://a.example/", "title": "A"});
        assert_eq!(rules(&of(&json!([link, link]))), is("/links/1", "unique"));
        let many: Vec<Value> = (0..=MAX_LINKS)
            .map(|n| {
                json!({"linkType": "gs1:pip", "href": format!("https://a.example/{n}"),
                "title": "A"})
            })
            .collect();
        assert_eq!(rules(&of(&json!(many))), is("/links", "too-many"));
        assert_eq!(rules(&json!({"id": "urn:uuid:1", "links": []})), is("/id", "identifier"));
        assert_eq!(
            rules(&json!({"id": "https://id.gs1.org/01/09521321000018"})),
            is("/links", "required")
        );
        assert_eq!(rules(&of(&json!([{}]))).len(), 3, "what is missing");
    }
}
