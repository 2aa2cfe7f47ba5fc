//! Files that pages name: they never change under their path, so browsers keep them.

/// A file that pages name.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its path, from the root of the site.
    pub path: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// What pages gain with a script.
pub const SCRIPT: Asset = Asset {
    path: "/assets/page-2.js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("../assets/page.js"),
};

/// What the page of a scan does on the phone: it has the history checked there.
pub const SCAN: Asset = Asset {
    path: "/assets/scan-1.js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("../assets/scan.js"),
};

/// Checks evidence (`docs/evidence.md`); built from `explorer/web`, a test compares. A module: its
/// `check(text, {genesis, leastHeight, item})` tells what holds, or what does not and where.
pub const CHECK: Asset = Asset {
    path: "/assets/check-1.js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("../assets/check.js"),
};

/// The icon of the site.
pub const ICON: Asset = Asset {
    path: "/assets/icon-1.svg",
    media_type: "image/svg+xml",
    text: include_str!("../assets/icon.svg"),
};

/// The land of the Earth, which maps lie on.
pub const WORLD: Asset = Asset {
    path: "/assets/world-1.svg",
    media_type: "image/svg+xml",
    text: include_str!("../assets/world.svg"),
};

/// The file at a path.
#[must_use]
pub fn at(path: &str) -> Option<&'static Asset> {
    [&SCRIPT, &SCAN, &CHECK, &ICON, &WORLD].into_iter().find(|asset| asset.path == path)
}
