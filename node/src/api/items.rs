//! `GET /api/v1/items`: what is known of a thing, and which event says so.

use std::collections::BTreeMap;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Canonical, canonical};
use tracehold_chain::masterdata::{MasterData, MasterKind, product_of};
use tracehold_chain::state::Position;
use tracehold_chain::state::key::name_digest;
use tracehold_chain::units::MemberId;
use tracehold_contracts::provenance::trace::{
    MAX_STATE_STEPS, MAX_STEPS_AROUND, Present, Resolution, Through, Told, TraceReader, contents,
    derive, findings, present, story, surroundings,
};
use tracehold_contracts::provenance::{
    AsOf, Edge, Life, Mark, OpenAnomaly, Party, Said, SensorVerdict, Transit,
};

use super::extract::{Params, query_pairs};
use super::goods::ItemView;
use super::paging::{next_link, per_page, to_token};
use super::problem::{Kind, Problem};
use super::told::{
    Quantity, Wanted, as_of, derived_json, explained, identifier, level_code, life, moment, unknown,
};
use super::visible::{Caller, Record, Sight, visible};
use super::{ApiState, public};
use crate::fault::Fault;
use crate::view::ReadView;

/// What `GET /api/v1/items` understands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemQuery {
    id: String,
    as_of: Option<String>,
    #[serde(rename = "perPage")]
    per_page: Option<String>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
}

/// Read an item
///
/// What is known of one thing, lot or logistic unit: each fact with the event that says so, holder
/// and place as its containers say, what is in it, what does not add up and what was resolved. What
/// is in it comes in pages. Without a key, no quantities and no parties that only business data
/// name.
#[utoipa::path(
    get, path = "/api/v1/items", tag = "Goods",
    params(
        ("id" = String, Query, description = "the item, as EPC URN or Digital Link"),
        ("as_of" = Option<String>, Query,
            description = "a height, or a time (RFC 3339): what was known then"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "contents on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "What is known; `Link` with `rel=\"next\"` leads to more \
            contents, if there are", body = ItemView,
            headers(("Link" = String, description = "the next page of contents"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event on record names the item"),
    ),
    security((), ("api_key" = []))
)]
pub async fn get_item(
    State(state): State<ApiState>,
    caller: Caller,
    Params(given): Params<ItemQuery>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let id = identifier(&given.id)?;
    let page = Page {
        most: per_page(given.per_page.as_deref())?.get(),
        after: given.next_page_token.as_deref().map(token).transpose()?,
    };
    let head = state.head()?;
    let wanted = as_of(given.as_of.as_deref(), &head)?;
    let asked = id.clone();
    let then = wanted.clone();
    let read = move |view: &ReadView| {
        Reading { view, wanted: &then, caller: &caller, ids: BTreeMap::new() }.item(&asked, &page)
    };
    // What is known now is at hand; what was known is told again.
    let answer = match wanted.as_of {
        None => state.read(read).await?,
        Some(_) => state.read_much(read).await?,
    };
    let Some((json, next)) = answer else { return Err(unknown(&id, &wanted)) };
    let mut response = axum::Json(json).into_response();
    if let Some(next) = next {
        let link = next_link(uri.path(), &query_pairs(&uri), &next);
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Which contents to show.
struct Page {
    most: usize,
    after: Option<Digest>,
}

/// A cursor of contents: the digest of the name of the last one shown.
fn token(text: &str) -> Result<Digest, Problem> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Digest).ok_or_else(|| {
        let rule = "must be a token that this node gave";
        let mend = "take it from the Link header unchanged, or leave it out";
        Problem::new(Kind::Parameter, format!("nextPageToken {rule}")).field(
            "nextPageToken",
            rule,
            mend,
        )
    })
}

/// One reading of one item.
struct Reading<'r> {
    view: &'r ReadView,
    wanted: &'r Wanted,
    caller: &'r Caller,
    /// eventIDs read so far.
    ids: BTreeMap<Position, Option<String>>,
}

type Found = Option<(Value, Option<String>)>;

impl Reading<'_> {
    fn as_of(&self) -> Option<AsOf> {
        self.wanted.as_of
    }

    fn item(&mut self, id: &Canonical, page: &Page) -> Result<Found, Fault> {
        let (uri, as_of) = (id.uri(), self.as_of());
        let Some(record) = self.view.item(uri)? else { return Ok(None) };
        let Some(mut present) = present(self.view, uri, as_of)? else { return Ok(None) };
        if !public::prune(self.view, self.caller, &mut present)? {
            present.state.balances.clear();
        }
        let state = &present.state;
        let mut json = Map::new();
        json.insert("id".into(), json!(uri));
        json.insert("kind".into(), json!(level_code(id.level())));
        json.insert("as_of".into(), json!(self.wanted.json()));
        let life = self.life(state.life)?;
        json.insert("life".into(), life);
        self.said(&mut json, "biz_step", state.biz_step.as_ref())?;
        self.said(&mut json, "disposition", state.disposition.as_ref())?;
        self.place(&mut json, &present)?;
        self.holders(&mut json, &present)?;
        self.containers(&mut json, &present)?;
        let next = self.contents(&mut json, uri, page)?;
        self.quantities(&mut json, &present);
        self.sensor(&mut json, state.sensor.as_ref())?;
        if state.claims > 0 {
            json.insert("claims".into(), json!(state.claims));
        }
        let events = match as_of {
            None => record.log.count(),
            Some(as_of) => {
                let steps = TraceReader::journal(self.view, &record, MAX_STATE_STEPS)?;
                steps.iter().filter(|step| as_of.has(step)).count() as u64
            }
        };
        self.anomalies(&mut json, uri, events, &present)?;
        self.product(&mut json, id)?;
        json.insert("events".into(), json!(events));
        Ok(Some((Value::Object(json), next)))
    }

    /// The event that says something.
    fn event(&mut self, mark: Mark) -> Result<Value, Fault> {
        let position = mark.position;
        let id = match self.ids.get(&position) {
            Some(known) => known.clone(),
            None => {
                let id = TraceReader::event_id(self.view, position)?;
                self.ids.insert(position, id.clone());
                id
            }
        };
        let cursor = to_token(position);
        Ok(json!({"event_id": id, "cursor": cursor, "happened": moment(mark.time)}))
    }

    fn life(&mut self, now: Life) -> Result<Value, Fault> {
        let mut told = json!({"value": life(now)});
        if let Life::Active(mark) | Life::Ended(_, mark) = now {
            told["event"] = self.event(mark)?;
        }
        Ok(told)
    }

    fn said(
        &mut self,
        json: &mut Map<String, Value>,
        name: &str,
        said: Option<&Said<String>>,
    ) -> Result<(), Fault> {
        if let Some(said) = said {
            let event = self.event(said.mark)?;
            json.insert(name.into(), json!({"value": said.what, "event": event}));
        }
        Ok(())
    }

    /// Whether the caller may see what a mark's event says of trade.
    fn shows(&self, recorder: &MemberId) -> bool {
        visible(self.caller, &Record { recorded_by: recorder }) == Sight::Whole
    }

    fn place(&mut self, json: &mut Map<String, Value>, present: &Present) -> Result<(), Fault> {
        let Some(place) = &present.place else { return Ok(()) };
        let event = self.event(place.said.mark)?;
        let mut told = json!({"value": place.said.what, "event": event});
        through(&mut told, place.container.as_deref());
        let record = TraceReader::master(self.view, MasterKind::Place, &place.said.what)?;
        if let Some(MasterData::Place(place)) = record.map(|record| record.data) {
            told["names"] = json!(place.names);
        }
        json.insert("place".into(), told);
        Ok(())
    }

    fn holders(&mut self, json: &mut Map<String, Value>, present: &Present) -> Result<(), Fault> {
        if let Some(holder) = &present.holder {
            let told = self.held(&holder.said, holder.container.as_deref())?;
            json.insert("holder".into(), told);
        }
        if present.state.holders.len() > 1 {
            let all = present.state.holders.iter().map(|holder| self.held(holder, None));
            json.insert("holders".into(), Value::Array(all.collect::<Result<_, _>>()?));
        }
        if !present.transits.is_empty() {
            let all = present.transits.iter().map(|transit| self.transit(transit));
            json.insert("in_transit".into(), Value::Array(all.collect::<Result<_, _>>()?));
        }
        Ok(())
    }

    fn held(&mut self, holder: &Said<Party>, container: Option<&str>) -> Result<Value, Fault> {
        let event = self.event(holder.mark)?;
        let mut told = party(&holder.what);
        told["event"] = event;
        through(&mut told, container);
        Ok(told)
    }

    fn transit(&mut self, transit: &Through<Transit>) -> Result<Value, Fault> {
        let event = self.event(transit.said.mark)?;
        let sender = &transit.said.what.from;
        let mut told = json!({"from": party(sender), "event": event});
        let shows = match sender {
            Party::Member(member) => self.shows(member),
            Party::Other(_) => true,
        };
        if let Some(to) = transit.said.what.to.as_ref().filter(|_| shows) {
            told["to"] = party(to);
        }
        through(&mut told, transit.container.as_deref());
        Ok(told)
    }

    fn containers(
        &mut self,
        json: &mut Map<String, Value>,
        present: &Present,
    ) -> Result<(), Fault> {
        let told = present.containers.iter().map(|joined| {
            let event = self.event(joined.mark)?;
            Ok(json!({"id": joined.what, "event": event}))
        });
        let told: Vec<Value> = told.collect::<Result<_, Fault>>()?;
        if !told.is_empty() {
            json.insert("containers".into(), Value::Array(told));
        }
        if let Some(emptied) = present.emptied {
            let event = self.event(emptied)?;
            json.insert("out_since".into(), event);
        }
        Ok(())
    }

    fn contents(
        &mut self,
        json: &mut Map<String, Value>,
        uri: &str,
        page: &Page,
    ) -> Result<Option<String>, Fault> {
        let wanted = page.most.saturating_add(1);
        let mut found = contents(self.view, uri, self.as_of(), page.after.as_ref(), wanted)?;
        let has_more = found.len() > page.most;
        found.truncate(page.most);
        let next = found.last().filter(|_| has_more);
        let next = next.map(|edge| name_digest(&edge.child).to_string());
        let told = found.iter().map(|edge| self.inside(edge));
        let told: Vec<Value> = told.collect::<Result<_, Fault>>()?;
        if !told.is_empty() || page.after.is_some() {
            json.insert("contents".into(), Value::Array(told));
        }
        Ok(next)
    }

    fn inside(&mut self, edge: &Edge) -> Result<Value, Fault> {
        let event = self.event(edge.mark)?;
        let mut told = json!({"id": edge.child, "event": event});
        if !edge.amounts.is_empty() && public::sees(self.view, self.caller, edge.mark.position)? {
            let amounts = edge.amounts.iter().map(|(unit, value)| Quantity::of(unit, *value));
            told["quantities"] = json!(amounts.collect::<Vec<_>>());
        }
        Ok(told)
    }

    fn quantities(&self, json: &mut Map<String, Value>, present: &Present) {
        let balances = &present.state.balances;
        let hidden = present.state.holders.iter().any(|holder| match &holder.what {
            Party::Member(member) => !self.shows(member),
            Party::Other(_) => false,
        });
        if balances.is_empty() || hidden {
            return;
        }
        let told = balances.iter().map(|balance| {
            json!({
                "uom": balance.unit.0,
                "made": balance.made.to_string(),
                "used": balance.used.to_string(),
                "ended": balance.ended.to_string(),
                "left": balance.left().to_string(),
            })
        });
        json.insert("quantities".into(), Value::Array(told.collect()));
    }

    fn sensor(
        &mut self,
        json: &mut Map<String, Value>,
        said: Option<&Said<SensorVerdict>>,
    ) -> Result<(), Fault> {
        let Some(said) = said else { return Ok(()) };
        let event = self.event(said.mark)?;
        let verdict = &said.what;
        let told = json!({
            "measurement": verdict.measurement,
            "value": verdict.value.to_string(),
            "uom": verdict.uom,
            "limit": verdict.limit.map(|limit| limit.to_string()),
            "from": moment(verdict.from),
            "to": moment(verdict.to),
            "outside_ms": verdict.outside_ms,
            "at_most": verdict.at_most,
            "event": event,
        });
        json.insert("sensor".into(), told);
        Ok(())
    }

    /// What does not add up: open, resolved, and derived at reading.
    fn anomalies(
        &mut self,
        json: &mut Map<String, Value>,
        uri: &str,
        count: u64,
        present: &Present,
    ) -> Result<(), Fault> {
        let open = present.state.open.iter().map(|open| self.open(open));
        let open: Vec<Value> = open.collect::<Result<_, Fault>>()?;
        let (mut resolved, mut derived) = (Vec::new(), Vec::new());
        let mut is_whole = count <= MAX_STEPS_AROUND;
        let told = match is_whole {
            true => Told::read(self.view, uri, self.as_of())?,
            false => None,
        };
        if let Some(told) = told {
            for (index, step) in told.steps.iter().enumerate() {
                for finding in findings(&told, index) {
                    let Some(by) = finding.resolved else { continue };
                    let mut one = explained(finding.kind);
                    one["event"] = self.event(step.mark())?;
                    one["open"] = json!(false);
                    if let Resolution::Voided(by) | Resolution::Mended(by) = by {
                        let found = told.steps.iter().find(|step| step.position == by);
                        let time = found.map_or(step.mark().time, |step| step.mark().time);
                        one["resolved_by"] = self.event(Mark { time, position: by })?;
                    }
                    resolved.push(one);
                }
            }
            let (around, all) = surroundings(self.view, &told, self.as_of(), MAX_STEPS_AROUND)?;
            is_whole &= all;
            let chapters = story(&told, &|uri| around.get(uri));
            let now = self.wanted.moment(self.view)?;
            for found in derive(self.view, uri, &chapters, present, now)? {
                let mut one = derived_json(&found, to_token(found.position));
                let chapter = chapters.iter().find(|c| c.step.position == found.position);
                if let Some(chapter) = chapter {
                    one["event"] = self.event(chapter.step.mark())?;
                }
                derived.push(one);
            }
        }
        json.insert(
            "anomalies".into(),
            json!({
                "open_count": present.state.open_count,
                "open": open,
                "derived": derived,
                "resolved": resolved,
                "whole_story_read": is_whole,
            }),
        );
        Ok(())
    }

    fn open(&mut self, open: &OpenAnomaly) -> Result<Value, Fault> {
        let mut one = explained(open.kind);
        let event = TraceReader::event_id(self.view, open.position)?;
        one["event"] = json!({"event_id": event, "cursor": to_token(open.position)});
        one["open"] = json!(true);
        Ok(one)
    }

    fn product(&self, json: &mut Map<String, Value>, id: &Canonical) -> Result<(), Fault> {
        let Some(class) = product_of(&canonical(id.uri())) else { return Ok(()) };
        let Some(record) = TraceReader::master(self.view, MasterKind::Product, &class)? else {
            return Ok(());
        };
        if let MasterData::Product(product) = record.data {
            let limits = product.limits.iter().map(|limit| {
                json!({
                    "measurement": limit.measurement,
                    "min": limit.min.map(|min| min.to_string()),
                    "max": limit.max.map(|max| max.to_string()),
                    "uom": limit.uom,
                })
            });
            let told = json!({
                "id": class,
                "names": product.names,
                "brand": product.brand,
                "picture": product.picture.map(|picture| picture.to_string()),
                "limits": limits.collect::<Vec<_>>(),
                "expected_transit_hours": product.expected_transit_hours,
            });
            json.insert("product".into(), told);
        }
        Ok(())
    }
}

fn party(party: &Party) -> Value {
    match party {
        Party::Member(member) => json!({"member": member.as_str()}),
        Party::Other(uri) => json!({"id": uri}),
    }
}

/// Says of which container something was said.
fn through(told: &mut Value, container: Option<&str>) {
    if let Some(container) = container {
        told["through"] = json!(container);
    }
}
