//! What it takes to check a page on the phone that shows it, and to keep it with its evidence.

use std::fmt::Write as _;

use tracehold_chain::epcis::uri::percent_decoded;
use tracehold_chain::units::TimestampMs;

use crate::assets;

/// What it takes to check a page: the box that tells of it names all of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Where the evidence is.
    pub evidence: String,
    /// The canonical identifier that it must be about.
    pub id: String,
    /// The digest of the genesis record of the network that the node says it is in.
    pub genesis: String,
    /// The block that the page was read from.
    pub height: u64,
    /// Its time.
    pub at: TimestampMs,
    /// Nodes of other members: name, and the same page there.
    pub others: Vec<(String, String)>,
    /// The same page with its evidence in one file; for a thing on record.
    pub kept: Option<String>,
}

impl Check {
    /// The script that has the page checked.
    pub(super) fn script() -> &'static str {
        &assets::SCAN.path
    }

    /// The checker that the script loads.
    pub(super) fn checker() -> &'static str {
        &assets::CHECK.path
    }
}

/// A file that a page names: its path, its media type, and what is in it.
pub type Part<'a> = (&'a str, &'a str, &'a [u8]);

/// What a kept page may load: what is in it, and nothing else.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      script-src data:; connect-src data:; form-action 'none'";

/// A page as one file that needs no node and asks nobody anything: all that it loads is in it. Its
/// links lead to `base`. `None` when it does not name one of the parts that it must have.
#[must_use]
pub fn kept(page: &str, base: &str, needed: &[Part<'_>], more: &[Part<'_>]) -> Option<String> {
    let own = [&assets::SCAN, &assets::CHECK].map(|asset| of_asset(asset));
    let others = [&assets::SCRIPT, &assets::ICON, &assets::WORLD].map(|asset| of_asset(asset));
    let mut page = page.to_owned();
    for (part, is_needed) in own
        .iter()
        .chain(needed)
        .map(|part| (part, true))
        .chain(others.iter().chain(more).map(|part| (part, false)))
    {
        let (path, media_type, bytes) = part;
        // What people record cannot look like this: its quotes are escaped.
        let named = format!("=\"{}\"", path.replace('&', "&#38;"));
        if page.contains(&named) {
            page = page.replace(&named, &format!("=\"{}\"", in_page(media_type, bytes)));
        } else if is_needed {
            return None;
        }
    }
    let head = "<meta charset=\"utf-8\">";
    let base: String = base.chars().filter(|letter| !"\"<>&".contains(*letter)).collect();
    let kept = format!(
        "{head}\n<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <base href=\"{base}/\">"
    );
    page.contains(head).then(|| page.replacen(head, &kept, 1))
}

fn of_asset(asset: &'static assets::Asset) -> Part<'static> {
    (&asset.path, asset.media_type, asset.text.as_bytes())
}

/// What begins the evidence in a page that is kept.
const EVIDENCE: &str = "href=\"data:application/json,";

/// The evidence in a page that was kept; `None` when there is none in it.
#[must_use]
pub fn evidence_in(page: &str) -> Option<String> {
    let (_, rest) = page.split_once(EVIDENCE)?;
    let (url, _) = rest.split_once('"')?;
    percent_decoded(url)
}

/// A file as an address that holds it (RFC 2397).
fn in_page(media_type: &str, bytes: &[u8]) -> String {
    let mut url = format!("data:{},", media_type.replace(' ', ""));
    url.reserve(bytes.len().saturating_mul(2));
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~:;/*(){}[]|!?+=@$^,".contains(byte) {
            url.push(char::from(*byte));
        } else {
            write!(url, "%{byte:02X}").expect("a string takes it");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P128: a page that is kept loads nothing from anywhere.
    #[test]
    fn a_kept_page_has_all_that_it_loads() {
        let name = |path: &str| format!("<i src=\"{path}\">");
        let page = format!(
            "<meta charset=\"utf-8\">{}{}{}<a href=\"/e?a=1&#38;b=2\">",
            name(&assets::SCAN.path),
            name(&assets::CHECK.path),
            name(&assets::ICON.path),
        );
        let evidence: Part<'_> = ("/e?a=1&b=2", "application/json", b"{\"<\":\"%\"}");
        let kept = kept(&page, "https://node.example\"<", &[evidence], &[]).expect("a page");
        assert!(!kept.contains("=\"/"), "{kept}");
        assert_eq!(evidence_in(&kept).as_deref(), Some("{\"<\":\"%\"}"), "{kept}");
        assert_eq!(evidence_in(&page), None);
        assert!(kept.contains("<base href=\"https://node.example/\">"), "{kept}");
        assert_eq!(super::kept("<meta charset=\"utf-8\">", "", &[], &[]), None);
    }
}
