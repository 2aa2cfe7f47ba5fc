//! What a recorder marks as public.
//!
//! By the policy, business transactions, quantities, exact positions and other extensions are not
//! for everybody. Whoever records an event may open some of it: a member of the event whose name
//! expands to [`PUBLIC`], such as `tracehold:public` with the prefix `tracehold` declared as
//! `urn:tracehold:` in `@context`, lists the names of members of the event. Each of them goes whole
//! to the public section, and so does the list. It opens what the event itself says and nothing
//! else, and it is signed with the event.

use serde_json::Value;

use super::super::check::{Checker, Object, shown};
use super::super::context::Contexts;
use super::super::pointer::Path;

/// The full name of the member that lists what is public.
pub const PUBLIC: &str = "urn:tracehold:public";

/// Members that one list may name.
const MAX_MARKED: usize = 64;

/// The rule that a list breaks.
const RULE: &str = "public-marks";

/// The list of an event, if it has one: its name and what it holds.
fn list<'e>(event: &'e Object, contexts: Contexts<'_>) -> Option<(&'e str, &'e Value)> {
    let named = |key: &str| key == PUBLIC || contexts.expand(key).is_some_and(|uri| uri == PUBLIC);
    // Nearly no member ends so, and expanding takes time.
    let found = event.iter().find(|(key, _)| key.ends_with("public") && named(key));
    found.map(|(key, value)| (key.as_str(), value))
}

/// Whether the members of that name are marked, the list itself being so; nothing is when the list
/// is not as [`check`] wants it.
pub(super) fn marked<'e>(event: &'e Object, contexts: Contexts<'_>) -> Vec<&'e str> {
    let Some((key, Value::Array(names))) = list(event, contexts) else { return Vec::new() };
    let named = names.iter().take(MAX_MARKED).filter_map(Value::as_str);
    std::iter::once(key).chain(named).collect()
}

/// Refuses a list that names what the event has not: a slip of the pen must not keep secret what
/// somebody meant to publish.
pub(in crate::epcis) fn check(
    checker: &mut Checker,
    at: &Path<'_>,
    event: &Object,
    contexts: Contexts<'_>,
) {
    let Some((key, value)) = list(event, contexts) else { return };
    let at = at.key(key);
    let Some(names) = checker.list(&at, value) else { return };
    if names.len() > MAX_MARKED {
        checker.report(&at, RULE, format!("may list at most {MAX_MARKED} names"));
    }
    for (place, name) in names.iter().enumerate() {
        let at = at.index(place);
        if let Some(name) = checker.text(&at, name)
            && !event.contains_key(name)
        {
            let wrong = format!("must name a member of this event, which has no {}", shown(name));
            checker.report(&at, RULE, wrong);
        }
    }
}
