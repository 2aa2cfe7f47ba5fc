//! Links as a set: RFC 9264 in JSON, with GS1's link types (GS1-Conformant Resolver Standard 1.2
//! §2.10).

use serde_json::{Map, Value, json};
use tracehold_chain::masterdata::{GS1_VOCABULARY, Link};

use super::lookup::Found;

/// The media type of a link set in JSON.
pub const LINKSET_JSON: &str = "application/linkset+json";

/// What makes JSON-LD of a link set.
pub const LINKSET_CONTEXT: &str = "https://ref.gs1.org/standards/resolver/linkset-context";

/// The set of all links: those of each level, then what this node itself has of the first.
///
/// While something is recalled, the default is the node's page, as it is for a lookup.
pub fn all(root: &str, description: &str, found: &Found, own: &[Link]) -> Value {
    let levels = &found.levels;
    let is_default = |link: &&Link| link.is_default && !found.is_recalled;
    let is_set = levels.iter().flat_map(|level| &level.links).any(|link| is_default(&link));
    let mut sets = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        let own = if index == 0 { own } else { &[] };
        if level.links.is_empty() && own.is_empty() {
            continue;
        }
        let path = level.id.uri().strip_prefix("https://id.gs1.org").unwrap_or_default();
        let mut set = Map::new();
        set.insert("anchor".to_owned(), json!(format!("{root}{path}")));
        if index == 0 {
            set.insert("itemDescription".to_owned(), json!(description));
        }
        let mut defaults: Vec<&Link> = level.links.iter().filter(is_default).collect();
        if index == 0 && !is_set {
            defaults.extend(own.iter().take(1));
        }
        if let Some(first) = defaults.first() {
            let default = json!([{"href": first.href, "title": first.title}]);
            set.insert(format!("{GS1_VOCABULARY}defaultLink"), default);
        }
        if defaults.len() > 1 {
            let many = defaults.iter().map(|link| target(link)).collect();
            set.insert(format!("{GS1_VOCABULARY}defaultLinkMulti"), many);
        }
        for link in level.links.iter().chain(own) {
            let list = set.entry(link.type_uri()).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(target(link));
            }
        }
        sets.push(Value::Object(set));
    }
    json!({ "linkset": sets })
}

/// A set of some links, when a request does not say which of them.
pub fn some(anchor: &str, links: &[&Link]) -> Value {
    let mut set = Map::new();
    set.insert("anchor".to_owned(), json!(anchor));
    for link in links {
        let list = set.entry(link.type_uri()).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(target(link));
        }
    }
    json!({ "linkset": [set] })
}

fn target(link: &Link) -> Value {
    let mut told = json!({"href": link.href, "title": link.title});
    if let Some(media) = &link.media_type {
        told["type"] = json!(media);
    }
    if !link.hreflang.is_empty() {
        told["hreflang"] = json!(link.hreflang);
    }
    told
}
