//! Files that pages name. Their names have a digest of what is in them, so that they never change
//! under their path: browsers keep them, and no page ever runs with the script of another version.

use std::sync::LazyLock;

use tracehold_chain::digest::Digest;

/// Hex digits of the digest in a name.
const NAME_DIGITS: usize = 12;

/// A file that pages name.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its path, from the root of the site.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Asset {
    fn script(name: &str, text: &'static str) -> Asset {
        Asset { path: path(name, "js", text), media_type: "text/javascript; charset=utf-8", text }
    }

    fn drawing(name: &str, text: &'static str) -> Asset {
        Asset { path: path(name, "svg", text), media_type: "image/svg+xml", text }
    }
}

fn path(name: &str, ending: &str, text: &str) -> String {
    let digest = Digest::of_file(text.as_bytes()).to_string();
    let digits: String = digest.chars().take(NAME_DIGITS).collect();
    format!("/assets/{name}-{digits}.{ending}")
}

/// What pages gain with a script.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::script("page", include_str!("../assets/page.js")));

/// What the page of a scan does on the phone: it has the history checked there.
pub static SCAN: LazyLock<Asset> =
    LazyLock::new(|| Asset::script("scan", include_str!("../assets/scan.js")));

/// Checks evidence (`docs/evidence.md`); built from `explorer/web`, a test compares. A module: its
/// `check(text, {genesis, leastHeight, item})` tells what holds, or what does not and where.
pub static CHECK: LazyLock<Asset> =
    LazyLock::new(|| Asset::script("check", include_str!("../assets/check.js")));

/// The icon of the site.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::drawing("icon", include_str!("../assets/icon.svg")));

/// The land of the Earth, which maps lie on.
pub static WORLD: LazyLock<Asset> =
    LazyLock::new(|| Asset::drawing("world", include_str!("../assets/world.svg")));

/// The file at a path.
#[must_use]
pub fn at(path: &str) -> Option<&'static Asset> {
    let all: [&'static Asset; 5] = [&SCRIPT, &SCAN, &CHECK, &ICON, &WORLD];
    all.into_iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P125: a file that changes has another name, and each is found by its own alone.
    #[test]
    fn a_name_follows_from_what_is_in_the_file() {
        let one = Asset::script("check", "let a = 1;");
        assert_eq!(one.path, "/assets/check-c58e9029f1fd.js");
        for other in [Asset::script("check", "let a = 2;"), Asset::script("scan", "let a = 1;")] {
            assert_ne!(one.path, other.path);
        }
        let all: [&Asset; 5] = [&SCRIPT, &SCAN, &CHECK, &ICON, &WORLD];
        for asset in all {
            assert_eq!(at(&asset.path).map(|found| found.text), Some(asset.text));
        }
        assert!(at("/assets/check-1.js").is_none());
    }
}
