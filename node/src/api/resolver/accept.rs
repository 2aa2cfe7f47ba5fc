//! What a caller would rather have: `Accept` (RFC 9110 §12.5.1) and `Accept-Language` (§12.5.4,
//! matched as RFC 4647 says).

use http::header::{ACCEPT, ACCEPT_LANGUAGE, AsHeaderName};
use http::{HeaderMap, HeaderValue};

/// Ranges of one header that are looked at.
const MAX_RANGES: usize = 32;

/// The weight of what nobody weighs, in thousandths.
const WHOLE: u16 = 1_000;

/// A range and its weight in thousandths.
type Weighed = (String, u16);

fn ranges(headers: &HeaderMap, name: impl AsHeaderName) -> Vec<Weighed> {
    let values = headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).take(MAX_RANGES).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        let weight = parts.find_map(|part| {
            let text = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))?;
            thousandths(text.trim())
        });
        Some((name, weight.unwrap_or(WHOLE)))
    });
    ranges.collect()
}

/// A weight such as `0.8` in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = whole.parse().ok()?;
    let digits = format!("{rest:0<3}");
    let rest: u16 = digits.get(..3)?.parse().ok()?;
    Some(whole.saturating_mul(WHOLE).saturating_add(rest).min(WHOLE))
}

/// The media types that a caller takes.
#[derive(Clone, Debug, Default)]
pub struct Media(Vec<Weighed>);

impl Media {
    /// What the request says.
    pub fn of(headers: &HeaderMap) -> Media {
        Media(ranges(headers, ACCEPT))
    }

    /// How much this type is wanted, in thousandths: by the most specific range that has it. All
    /// of it when nothing is said.
    pub fn weight(&self, media: &str) -> u16 {
        if self.0.is_empty() {
            return WHOLE;
        }
        let main = media.split('/').next().unwrap_or_default();
        let narrow = |range: &str| match range {
            range if range == media => 2,
            "*/*" => 0,
            range if range.strip_suffix("/*") == Some(main) => 1,
            _ => -1,
        };
        let best = self.0.iter().max_by_key(|(range, _)| narrow(range));
        best.filter(|(range, _)| narrow(range) >= 0).map_or(0, |(_, weight)| *weight)
    }

    /// Whether this type is named, and not only let in with all others.
    pub fn names(&self, media: &str) -> bool {
        let main = media.split('/').next().unwrap_or_default();
        let is = |range: &str| range == media || range.strip_suffix("/*") == Some(main);
        self.0.iter().any(|(range, weight)| is(range) && *weight > 0)
    }

    /// The type among these that is wanted most, of equals the first; `None` when none is.
    pub fn best<'m>(&self, offered: &[&'m str]) -> Option<&'m str> {
        let mut best: Option<(&str, u16)> = None;
        for media in offered {
            let weight = self.weight(media);
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((media, weight));
            }
        }
        best.map(|(media, _)| media)
    }
}

/// The languages that a caller reads.
#[derive(Clone, Debug, Default)]
pub struct Languages(Vec<Weighed>);

impl Languages {
    /// What the request says.
    pub fn of(headers: &HeaderMap) -> Languages {
        Languages(ranges(headers, ACCEPT_LANGUAGE))
    }

    /// How well something in these languages fits: by the caller's weight, then by how near the
    /// tags are, then by the caller's order. Zeros when it does not, or when nothing is said.
    pub fn fit(&self, tags: &[String]) -> (u16, u8, usize) {
        let each = tags.iter().flat_map(|tag| {
            let tag = tag.to_ascii_lowercase();
            self.0.iter().enumerate().filter_map(move |(place, (range, weight))| {
                let near = nearness(range, &tag);
                (near > 0 && *weight > 0).then_some((*weight, near, MAX_RANGES - place))
            })
        });
        each.max().unwrap_or_default()
    }
}

/// From 5, the same, to 1, anything; 0 when they have nothing in common. Both in small letters.
fn nearness(range: &str, tag: &str) -> u8 {
    let extends =
        |tag: &str, range: &str| tag.strip_prefix(range).is_some_and(|rest| rest.starts_with('-'));
    let primary = range.split('-').next().unwrap_or(range);
    match range {
        "*" => 1,
        range if range == tag => 5,
        range if extends(tag, range) => 4,
        range if extends(range, tag) => 3,
        _ if extends(tag, primary) => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let name = http::HeaderName::from_static(name);
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    /// Promise P103.
    #[test]
    fn the_most_specific_range_weighs() {
        let media = |value| Media::of(&headers("accept", value));
        let offered = ["text/html", "application/linkset+json", "application/json"];
        for (value, best) in [
            ("", Some("text/html")),
            ("*/*", Some("text/html")),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some("text/html")),
            ("application/linkset+json", Some("application/linkset+json")),
            ("Application/Linkset+JSON;q=0.5, text/html;q=0.4", Some("application/linkset+json")),
            ("application/*", Some("application/linkset+json")),
            ("application/json, */*;q=0.1", Some("application/json")),
            ("text/html;q=0, */*;q=0.1", Some("application/linkset+json")),
            ("image/png", None),
            ("text/html; q=0.9, application/json; q=1.0", Some("application/json")),
        ] {
            assert_eq!(media(value).best(&offered), best, "{value}");
        }
        assert_eq!(thousandths("7"), Some(1_000));
        assert_eq!((thousandths("0.85"), thousandths("x")), (Some(850), None));
    }

    /// Promise P103.
    #[test]
    fn languages_fit_by_weight_then_by_nearness() {
        let fit = |value, tags: &[&str]| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let (weight, near, _) = Languages::of(&headers("accept-language", value)).fit(&tags);
            (weight, near)
        };
        assert_eq!(fit("de, en;q=0.5", &["en"]), (500, 5));
        assert_eq!(fit("en-US, en;q=0.5", &["en"]), (1_000, 3));
        assert_eq!(fit("zh-CN", &["zh-Hans"]), (1_000, 2));
        assert_eq!(fit("zh", &["en", "zh-Hans"]), (1_000, 4));
        assert_eq!(fit("fr", &["en"]), (0, 0));
        assert_eq!(fit("fr, *;q=0.1", &["en"]), (100, 1));
        assert_eq!(fit("en;q=0", &["en"]), (0, 0));
        assert_eq!(fit("en", &["eng"]), (0, 0), "another language");
        assert_eq!(fit("en", &[]), (0, 0), "in no language");
        let both = Languages::of(&headers("accept-language", "de, en"));
        assert!(both.fit(&["de".to_owned()]) > both.fit(&["en".to_owned()]), "in this order");
    }
}
