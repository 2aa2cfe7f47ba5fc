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
    [&SCRIPT, &ICON, &WORLD].into_iter().find(|asset| asset.path == path)
}
