//! What the newest events show to be open or under way: a bounded look, and the page says how far
//! it looked.

use std::collections::BTreeSet;

use tracehold_contracts::provenance::ItemRecord;
use tracehold_explorer::verdict::Oddity;

use super::super::ApiState;
use super::super::limits::MAX_EXCEPTIONS;
use crate::fault::Fault;
use crate::view::{ReadView, StoredEvent};

/// Identifiers that one event may bring in.
const MAX_OF_ONE_EVENT: usize = 20;

/// The records of what these events name: each item once, the newest first.
pub fn items(view: &ReadView, newest: &[StoredEvent]) -> Result<Vec<ItemRecord>, Fault> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for stored in newest {
        for id in named(stored)? {
            if seen.len() >= newest.len().saturating_mul(2) {
                return Ok(found);
            }
            if !seen.insert(id.clone()) {
                continue;
            }
            found.extend(view.item(&id)?);
        }
    }
    Ok(found)
}

/// The canonical identifiers of things that an event names, its parent first.
fn named(stored: &StoredEvent) -> Result<Vec<String>, Fault> {
    use tracehold_chain::epcis::{SectionName, canonical};
    let text = stored.body().section(SectionName::Public).json();
    let event: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| Fault::new(format!("a stored section is no JSON: {error}")))?;
    let list = |name: &str| {
        let values = event.get(name).and_then(|list| list.as_array());
        values.map(Vec::as_slice).unwrap_or_default().iter()
    };
    let parent = event.get("parentID").into_iter();
    let things = ["epcList", "childEPCs", "outputEPCList"].into_iter().flat_map(list);
    let classes = ["quantityList", "outputQuantityList"].into_iter().flat_map(list);
    let classes = classes.filter_map(|one| one.get("epcClass"));
    let all = parent.chain(things).chain(classes).take(MAX_OF_ONE_EVENT);
    Ok(all.filter_map(|id| Some(canonical(id.as_str()?).into_uri())).collect())
}

/// That a recall concerns a thing, if one does.
pub fn recall_of(state: &ApiState, view: &ReadView, uri: &str) -> Result<Option<Oddity>, Fault> {
    let notices = state.recalls().notices(view, uri)?;
    Ok((!notices.is_empty()).then_some(Oddity::Recalled))
}

/// Items with an open anomaly or a recall among what these events name, with the worst of it.
pub fn open(
    state: &ApiState,
    view: &ReadView,
    newest: &[StoredEvent],
) -> Result<Vec<(String, Oddity)>, Fault> {
    let mut found = Vec::new();
    for record in items(view, newest)? {
        let recalled = recall_of(state, view, &record.uri)?;
        let open = record.state.open.iter().map(|open| Oddity::Agreed(open.kind)).chain(recalled);
        if let Some(worst) = open.max_by_key(Oddity::signal) {
            found.push((record.uri, worst));
        }
        if found.len() >= MAX_EXCEPTIONS {
            break;
        }
    }
    Ok(found)
}
