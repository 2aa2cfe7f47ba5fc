//! Which of several links a caller is sent to (GS1-Conformant Resolver Standard 1.2 §2.6).

use tracehold_chain::masterdata::Link;

use super::accept::{Languages, Media};

/// What became of the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'l> {
    /// This one.
    One(&'l Link),
    /// Any of these: the request does not decide.
    Many(Vec<&'l Link>),
}

/// Chooses: what the caller cannot take is left aside unless nothing else is there. Then decide, in
/// this order: the language; the media type; that pages come before other files, and what is in no
/// language before what is in others; whether the owner marked it as default. `None` when there is
/// nothing to choose from.
pub fn choose<'l>(
    links: impl IntoIterator<Item = &'l Link>,
    media: &Media,
    languages: &Languages,
) -> Option<Choice<'l>> {
    let all: Vec<&Link> = links.into_iter().collect();
    let weight = |link: &Link| link.media_type.as_deref().map_or(1, |m| media.weight(m));
    let taken: Vec<&Link> = all.iter().copied().filter(|link| weight(link) > 0).collect();
    let mut left = if taken.is_empty() { all } else { taken };
    let rank = |link: &Link| {
        let is_page = link.media_type.as_deref() == Some("text/html");
        (languages.fit(&link.hreflang), weight(link), is_page, link.hreflang.is_empty())
    };
    let best = left.iter().map(|link| rank(link)).max()?;
    left.retain(|link| rank(link) == best);
    if let Some(default) = left.iter().find(|link| link.is_default) {
        return Some(Choice::One(default));
    }
    match left.as_slice() {
        [one] => Some(Choice::One(one)),
        _ => Some(Choice::Many(left)),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn link(href: &str, hreflang: &[&str], media: &str, is_default: bool) -> Link {
        Link {
            link_type: "gs1:pip".to_owned(),
            href: href.to_owned(),
            title: href.to_owned(),
            hreflang: hreflang.iter().map(|tag| (*tag).to_owned()).collect(),
            media_type: (!media.is_empty()).then(|| media.to_owned()),
            is_default,
        }
    }

    /// Promise P103.
    #[test]
    fn the_request_decides_as_far_as_it_can() {
        let links = [
            link("en", &["en"], "text/html", true),
            link("de", &["de", "de-AT"], "text/html", false),
            link("pdf", &["en"], "application/pdf", false),
            link("any", &[], "", false),
        ];
        let table = [
            ("", "", "en"),
            ("", "de", "de"),
            ("", "de-AT, en", "de"),
            ("", "fr", "en"),
            ("", "en", "en"),
            ("application/pdf", "en", "pdf"),
            ("application/pdf", "de", "pdf"),
            ("text/html", "en", "en"),
            ("text/html;q=0.1, application/pdf", "en", "pdf"),
            ("image/png", "de", "any"),
        ];
        for (accept, language, wanted) in table {
            let headers = [("accept", accept), ("accept-language", language)];
            let headers = headers.into_iter().filter(|(_, value)| !value.is_empty());
            let headers = headers.map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let headers = HeaderMap::from_iter(headers);
            let chosen = choose(&links, &Media::of(&headers), &Languages::of(&headers));
            let Some(Choice::One(one)) = chosen else { panic!("{accept} {language}: {chosen:?}") };
            assert_eq!(one.href, wanted, "{accept} {language}");
        }
    }

    /// Promise P103.
    #[test]
    fn what_nothing_decides_is_left_to_the_caller() {
        let certificates = [
            link("1", &["en"], "text/html", false),
            link("2", &["en"], "text/html", false),
            link("3", &["de"], "text/html", false),
        ];
        let none = (Media::default(), Languages::default());
        let Some(Choice::Many(many)) = choose(&certificates, &none.0, &none.1) else { panic!() };
        assert_eq!(many.len(), 3);
        let default = link("d", &["fr"], "text/html", true);
        let with = certificates.iter().chain([&default]);
        assert_eq!(choose(with, &none.0, &none.1), Some(Choice::One(&default)));
        assert_eq!(choose([], &none.0, &none.1), None);
    }
}
