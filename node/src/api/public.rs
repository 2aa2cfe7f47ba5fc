//! What a caller without a key is told: the public view of events.
//!
//! The public section of an event is what a scan may show ([`SectionName::Public`]): step, times,
//! identifiers, ids of places, product facts, sensor readings, certificates, and what its recorder
//! marked as public. To that the view adds who attests it, the place by name and city, and how many
//! members of the event are withheld. Prices, business transactions, parties, quantities and exact
//! positions are not in it.

use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracehold_chain::epcis::{Canonical, SectionName, canonical};
use tracehold_chain::masterdata::{MasterData, MasterKind};
use tracehold_chain::state::Position;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::provenance::trace::Present;
use tracehold_contracts::provenance::{ItemState, Party};

use super::ApiState;
use super::limits::MAX_PUBLIC_IDENTIFIERS;
use super::paging::{from_token, next_link, per_page, to_token};
use super::problem::{Kind, Problem};
use super::visible::{Caller, Record, Sight, visible};
use crate::fault::Fault;
use crate::view::{Order, ReadView, StoredEvent};

/// Terms of ours in an answer.
const NAMESPACE: &str = "urn:tracehold:";

/// What the public view says of an event beside what is in it: the member `tracehold:view`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicView {
    /// The id of the member that attests it: who recorded and signed it.
    pub recorded_by: String,
    /// Its name for people.
    pub recorded_by_name: String,
    /// The block that recorded it.
    pub height: u64,
    /// The place where it happened, no closer than its city; absent when nobody described it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PublicPlace>,
    /// Members of the event that are not shown, or not whole.
    pub withheld: usize,
}

/// A place, no closer than its city.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PublicPlace {
    /// Its names by language.
    pub names: std::collections::BTreeMap<String, String>,
    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// Whether `caller` sees all that the event at a position says.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn sees(view: &ReadView, caller: &Caller, position: Position) -> Result<bool, Fault> {
    let Some(stored) = view.event_at(position)? else { return Ok(false) };
    let record = Record { recorded_by: stored.recorder() };
    Ok(visible(caller, &record) == Sight::Whole)
}

/// Takes out of what is known of an item what `caller` may not see: parties that only business
/// data name, and, as the answer says, quantities.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn prune(view: &ReadView, caller: &Caller, present: &mut Present) -> Result<bool, Fault> {
    let sees_all = sees(view, caller, present.state.last.position)?;
    if let Some(holder) = &present.holder
        && matches!(holder.said.what, Party::Other(_))
        && !sees(view, caller, holder.said.mark.position)?
    {
        present.holder = None;
    }
    prune_holders(view, caller, &mut present.state)?;
    let mut transits = Vec::new();
    for mut transit in std::mem::take(&mut present.transits) {
        if !sees(view, caller, transit.said.mark.position)? {
            if matches!(transit.said.what.from, Party::Other(_)) {
                continue;
            }
            (transit.said.what.to, transit.said.what.then) = (None, None);
        }
        transits.push(transit);
    }
    present.transits = transits;
    Ok(sees_all)
}

/// Takes the holders that only business data name out of a state, unless `caller` may see them.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn prune_holders(view: &ReadView, caller: &Caller, state: &mut ItemState) -> Result<(), Fault> {
    let mut holders = Vec::new();
    for holder in std::mem::take(&mut state.holders) {
        if matches!(holder.what, Party::Member(_)) || sees(view, caller, holder.mark.position)? {
            holders.push(holder);
        }
    }
    state.holders = holders;
    Ok(())
}

/// The public section of an event, with the contexts that its names need.
///
/// # Errors
/// [`Fault`] when the stored event is damaged.
pub fn section(stored: &StoredEvent) -> Result<Value, Fault> {
    let damaged = |error| Fault::new(format!("a stored event is damaged: {error}"));
    stored.body().part(&[SectionName::Public]).map_err(damaged)
}

/// The public view of an event as an EPCIS event.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn event(state: &ApiState, view: &ReadView, stored: &StoredEvent) -> Result<Value, Fault> {
    let mut event = section(stored)?;
    let place = match event["readPoint"]["id"].as_str().or(event["bizLocation"]["id"].as_str()) {
        Some(id) => place(view, canonical(id).uri())?,
        None => None,
    };
    let more = PublicView {
        recorded_by: stored.recorder().to_string(),
        recorded_by_name: state.member_name(stored.recorder()),
        height: stored.position.height.0,
        place,
        withheld: stored.body().withheld_members(),
    };
    let mut contexts = match event["@context"].take() {
        Value::Array(contexts) => contexts,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    contexts.push(json!({"tracehold": NAMESPACE}));
    event["@context"] = Value::Array(contexts);
    event["recordTime"] = json!(stored.record_time().to_string());
    event["tracehold:view"] = json!(more);
    Ok(event)
}

fn place(view: &ReadView, uri: &str) -> Result<Option<PublicPlace>, Fault> {
    let record = view.master_record(MasterKind::Place, uri)?;
    let Some(MasterData::Place(place)) = record.map(|record| record.data) else { return Ok(None) };
    let names = place.names.iter().map(|(tag, name)| (tag.clone(), name.clone())).collect();
    Ok(Some(PublicPlace { names, city: place.address.city, country: place.address.country }))
}

/// An EPCISQueryDocument of the public views of these events.
///
/// # Errors
/// [`Fault`] when they cannot be read.
pub fn document(
    state: &ApiState,
    view: &ReadView,
    found: &[StoredEvent],
    now: TimestampMs,
) -> Result<Value, Fault> {
    let events = found.iter().map(|stored| event(state, view, stored));
    let list: Vec<Value> = events.collect::<Result<_, _>>()?;
    let mut document = tracehold_chain::epcis::query_document(&[], now);
    document["epcisBody"]["queryResults"]["resultsBody"]["eventList"] = Value::Array(list);
    Ok(document)
}

/// What a query without a key may ask.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    ids: Vec<Canonical>,
    most: usize,
    after: Option<Position>,
}

/// Reads a query without a key: the events of things whose identifiers somebody has, and no
/// parameter that would tell of what is not public, or list what somebody does.
fn asked(pairs: &[(String, String)]) -> Result<Asked, Problem> {
    let mut asked = Asked { ids: Vec::new(), most: per_page(None)?.get(), after: None };
    for (name, value) in pairs {
        match name.as_str() {
            "MATCH_anyEPC" | "MATCH_anyEPCClass" => {
                asked.ids.extend(value.split('|').filter(|id| !id.is_empty()).map(canonical));
            }
            "perPage" => asked.most = per_page(Some(value))?.get(),
            "nextPageToken" => asked.after = Some(from_token(name, value)?),
            _ => {
                let detail = format!(
                    "{name} needs an agent's API key: send it as `Authorization: Bearer KEY`; \
                     without one, MATCH_anyEPC gives the public view of the events of a thing"
                );
                return Err(Problem::new(Kind::Unauthorized, detail));
            }
        }
    }
    asked.ids.sort_by(|one, other| one.uri().cmp(other.uri()));
    asked.ids.dedup_by(|one, other| one.uri() == other.uri());
    if asked.ids.is_empty() {
        let detail = "all events are for callers with an agent's API key: send it as \
                      `Authorization: Bearer KEY`; without one, MATCH_anyEPC gives the public view \
                      of the events of a thing";
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    if asked.ids.len() > MAX_PUBLIC_IDENTIFIERS {
        let rule = format!("may name at most {MAX_PUBLIC_IDENTIFIERS} things without a key");
        return Err(Problem::new(Kind::Parameter, format!("MATCH_anyEPC {rule}")).field(
            "MATCH_anyEPC",
            rule,
            "ask for some of them, or send a key",
        ));
    }
    Ok(asked)
}

/// `GET /epcis/v2/events` without a key: the document, and the link to the next page.
///
/// # Errors
/// [`Problem`]: a parameter that needs a key, or one that breaks a rule.
pub async fn events(
    state: &ApiState,
    path: &str,
    pairs: &[(String, String)],
) -> Result<(Value, Option<http::HeaderValue>), Problem> {
    let Asked { ids, most, after } = asked(pairs)?;
    let (api, now) = (state.clone(), super::now());
    let (document, next) = state
        .read(move |view| {
            let mut found = Vec::new();
            for id in &ids {
                let page = view.history(id.uri(), after, most + 1, Order::OldestFirst)?;
                found.extend(page.events);
            }
            found.sort_by_key(|stored| stored.position);
            found.dedup_by_key(|stored| stored.position);
            let has_more = found.len() > most;
            found.truncate(most);
            let next = found.last().filter(|_| has_more).map(|stored| stored.position);
            Ok((document(&api, view, &found, now)?, next))
        })
        .await?;
    Ok((document, next.map(|last| next_link(path, pairs, &to_token(last)))))
}

/// A page of public views as an answer.
pub fn answer((document, next): (Value, Option<http::HeaderValue>)) -> Response {
    let mut response = axum::Json(document).into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P118: what is not public cannot be asked about either.
    #[test]
    fn a_stranger_asks_for_things_by_name_only() {
        let pairs = |query: &[(&str, &str)]| -> Vec<(String, String)> {
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let thing = ("MATCH_anyEPC", "urn:epc:id:sgtin:9506000.013435.12");
        let both = "urn:epc:id:sgtin:9506000.013435.12|https://x.example/01/09506000134352/21/12";
        assert_eq!(asked(&pairs(&[thing])).unwrap(), asked(&pairs(&[(thing.0, both)])).unwrap());
        for query in [
            &[][..],
            &[("MATCH_anyEPC", "")],
            &[("perPage", "5")],
            &[thing, ("EQ_bizTransaction", "urn:x:order")],
            &[thing, ("GE_quantity", "5")],
            &[thing, ("EQ_example:note", "x")],
        ] {
            assert_eq!(asked(&pairs(query)).unwrap_err().status, 401, "{query:?}");
        }
        let many: Vec<String> =
            (0..=MAX_PUBLIC_IDENTIFIERS).map(|number| format!("urn:x:{number}")).collect();
        assert_eq!(asked(&pairs(&[("MATCH_anyEPC", &many.join("|"))])).unwrap_err().status, 400);
    }
}
