//! `GET /api/v1/trace`: where a thing came from and what became of it.

use std::collections::BTreeMap;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::Action;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::masterdata::{MasterData, MasterKind};
use tracehold_chain::state::Position;
use tracehold_chain::units::MemberId;
use tracehold_contracts::provenance::trace::{
    CutReason, Derived, Direction, EventNode, ItemNode, Link, MAX_TRACE_DEPTH, Query, Resolution,
    StayEdge, Told, Trace, TraceReader, derive, present, story, trace,
};
use tracehold_contracts::provenance::{Party, Standing};
use tracehold_explorer::drawing;
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::text_in;

use super::extract::Params;
use super::footprint::InTwoLanguages;
use super::goods::AnomalyView;
use super::limits::MAX_DRAWN_ITEMS;
use super::paging::to_token;
use super::problem::{Kind, Problem};
use super::told::{
    AsOfJson, Quantity, Wanted, as_of, derived_json, explained, identifier, level_code, life,
    moment, quantities, role_code, standing_code, type_code, unknown,
};
use super::visible::{Caller, Record, Sight, visible};
use super::{ApiState, public};
use crate::fault::Fault;
use crate::view::ReadView;

/// What `GET /api/v1/trace` understands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    id: String,
    direction: Option<String>,
    depth: Option<String>,
    as_of: Option<String>,
    format: Option<String>,
    lang: Option<String>,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Svg,
}

const SVG: &str = "image/svg+xml";

/// Trace an item
///
/// The graph of items, events, places and parties that leads back to what the item was made of,
/// forward to what became of it, or both. Items, events, places and parties are named by their
/// place in their list, from 0; the item asked for is item 0. What happened to a container happened
/// to what was inside while it was inside: `packing` says from which event to which. Without a key,
/// no quantities, no senders and receivers, and no parties that only business data name; of larger
/// traces the nearest 200 items and events.
#[utoipa::path(
    get, path = "/api/v1/trace", tag = "Goods",
    params(
        ("id" = String, Query, description = "the item, as EPC URN or Digital Link"),
        ("direction" = Option<String>, Query, pattern = "^(back|forward|both)$",
            description = "`back`, `forward` or `both`, which is the default"),
        ("depth" = Option<u8>, Query, minimum = 0, maximum = 32,
            description = "levels of transformations and packing, 16 when absent"),
        ("as_of" = Option<String>, Query,
            description = "a height, or a time (RFC 3339): what was known then"),
        ("format" = Option<String>, Query, pattern = "^(json|svg)$",
            description = "`json`, or `svg` for a drawing; `Accept: image/svg+xml` does the same"),
        ("lang" = Option<String>, Query, description = "of the drawing: `en` or `zh`"),
    ),
    responses(
        (status = 200, description = "The graph", content(
            (Answer<'static> = "application/json"), (String = "image/svg+xml"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "No event on record names the item"),
    ),
    security((), ("api_key" = []))
)]
pub async fn get_trace(
    State(state): State<ApiState>,
    caller: Caller,
    Params(given): Params<TraceQuery>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = identifier(&given.id)?;
    let query = read_query(&given, id.uri())?;
    let format = format(&given, &headers)?;
    let head = state.head()?;
    let wanted = as_of(given.as_of.as_deref(), &head)?;
    let most = match caller {
        Caller::Anonymous => MAX_DRAWN_ITEMS,
        Caller::Agent(_) => usize::MAX,
    };
    let (items, events) = (query.items.min(most), query.events.min(most));
    let query = Query { as_of: wanted.as_of, items, events, ..query };
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = Language::choose(given.lang.as_deref(), accepted);
    let api = state.clone();
    let (path, then) = (uri.path().to_owned(), wanted.clone());
    let answer = state.read_much(move |view| {
        let now = then.moment(view)?;
        let Some(mut found) = trace(view, query)? else { return Ok(None) };
        let without_amounts = prune(view, &caller, &mut found)?;
        let names = Names::of(view, &found, |member| api.member_name(member))?;
        Ok(Some(match format {
            Format::Svg => {
                let labels = drawing::Labels { without_amounts, ..names.labels(language) };
                drawing::draw(&found, &labels, language).into_bytes()
            }
            Format::Json => {
                let told = about_root(view, &found, now)?;
                let answer = answer(&found, &names, &then, &path, &told);
                serde_json::to_vec(&answer).map_err(|error| Fault::new(error.to_string()))?
            }
        }))
    });
    let Some(bytes) = answer.await? else { return Err(unknown(&id, &wanted)) };
    let kind = match format {
        Format::Json => "application/json",
        Format::Svg => SVG,
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Language, Authorization"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Takes out of a trace what `caller` may not see: quantities, senders and receivers, and holders
/// that only business data name. Tells whether anything is not for `caller`.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub(super) fn prune(view: &ReadView, caller: &Caller, found: &mut Trace) -> Result<bool, Fault> {
    let mut hides = false;
    let sees =
        |recorder: &MemberId| visible(caller, &Record { recorded_by: recorder }) == Sight::Whole;
    for event in found.events.iter_mut().filter(|event| !sees(&event.recorder)) {
        (event.from, event.to) = (None, None);
    }
    for link in &mut found.links {
        if !found.events.get(link.event).is_some_and(|event| sees(&event.recorder)) {
            link.amounts.clear();
            hides = true;
        }
    }
    for edge in found.stays.iter_mut().filter(|edge| !edge.stay.amounts.is_empty()) {
        if !public::sees(view, caller, edge.stay.joined.position)? {
            edge.stay.amounts.clear();
        }
    }
    for told in found.items.iter_mut().filter_map(|item| item.told.as_mut()) {
        public::prune_holders(view, caller, &mut told.state)?;
    }
    Ok(hides)
}

fn wrong(name: &str, rule: &str, mend: &str) -> Problem {
    Problem::new(Kind::Parameter, format!("{name} {rule}")).field(name, rule, mend)
}

fn read_query(given: &TraceQuery, id: &str) -> Result<Query, Problem> {
    let direction = match given.direction.as_deref() {
        None => Direction::Both,
        Some(word) => Direction::from_code(word).ok_or_else(|| {
            wrong("direction", "must be back, forward or both", "leave it out for both")
        })?,
    };
    let query = Query::of(id, direction);
    let depth = match given.depth.as_deref() {
        None => query.depth,
        Some(text) => {
            let depth = text.parse().ok().filter(|depth| *depth <= MAX_TRACE_DEPTH);
            let rule = format!("must be a whole number from 0 to {MAX_TRACE_DEPTH}");
            let mend = format!("leave it out for {}", query.depth);
            depth.ok_or_else(|| wrong("depth", &rule, &mend))?
        }
    };
    Ok(Query { depth, ..query })
}

fn format(given: &TraceQuery, headers: &HeaderMap) -> Result<Format, Problem> {
    match given.format.as_deref() {
        Some("json") => Ok(Format::Json),
        Some("svg") => Ok(Format::Svg),
        Some(_) => Err(wrong("format", "must be json or svg", "leave it out for json")),
        None => {
            let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
            let first = accepted.unwrap_or_default().split([',', ';']).next().unwrap_or_default();
            Ok(if first.trim().eq_ignore_ascii_case(SVG) { Format::Svg } else { Format::Json })
        }
    }
}

/// Names of products, places and members for people.
#[derive(Default)]
pub(super) struct Names {
    /// Places, by canonical identifier, in the order in which the answer lists them.
    places: BTreeMap<String, BTreeMap<String, String>>,
    /// Members.
    members: BTreeMap<MemberId, String>,
    /// Products, by class.
    products: BTreeMap<String, BTreeMap<String, String>>,
}

impl Names {
    pub(super) fn of(
        view: &ReadView,
        trace: &Trace,
        member_name: impl Fn(&MemberId) -> String,
    ) -> Result<Names, Fault> {
        let mut names = Names::default();
        for event in &trace.events {
            names.members.entry(event.recorder.clone()).or_default();
            for party in [&event.from, &event.to].into_iter().flatten() {
                if let Party::Member(member) = party {
                    names.members.entry(member.clone()).or_default();
                }
            }
            for place in [&event.read_point, &event.biz_location].into_iter().flatten() {
                names.places.entry(place.clone()).or_default();
            }
        }
        for item in &trace.items {
            if let Some(class) = class(&item.uri) {
                names.products.entry(class).or_default();
            }
        }
        for (member, name) in &mut names.members {
            *name = member_name(member);
        }
        for (uri, found) in &mut names.places {
            if let Some(MasterData::Place(place)) = master(view, MasterKind::Place, uri)? {
                *found = place.names;
            }
        }
        for (uri, found) in &mut names.products {
            if let Some(MasterData::Product(product)) = master(view, MasterKind::Product, uri)? {
                *found = product.names;
            }
        }
        Ok(names)
    }

    pub(super) fn labels(&self, language: Language) -> drawing::Labels {
        let named = |names: &BTreeMap<String, BTreeMap<String, String>>| {
            names
                .iter()
                .filter_map(|(uri, texts)| {
                    Some((uri.clone(), text_in(texts, language)?.to_owned()))
                })
                .collect()
        };
        drawing::Labels {
            places: named(&self.places),
            products: named(&self.products),
            without_amounts: false,
        }
    }
}

/// The class of an item, if it is one of a product.
fn class(uri: &str) -> Option<String> {
    tracehold_chain::masterdata::product_of(&tracehold_chain::epcis::canonical(uri))
}

fn master(view: &ReadView, kind: MasterKind, uri: &str) -> Result<Option<MasterData>, Fault> {
    Ok(TraceReader::master(view, kind, uri)?.map(|record| record.data))
}

/// What is told of the item that the trace began with.
struct AboutRoot {
    story: Vec<(Position, Vec<String>)>,
    is_whole: bool,
    derived: Vec<Derived>,
}

fn about_root(
    view: &ReadView,
    found: &Trace,
    now: tracehold_chain::units::TimestampMs,
) -> Result<AboutRoot, Fault> {
    let nothing = AboutRoot { story: Vec::new(), is_whole: true, derived: Vec::new() };
    let Some(root) = found.items.first() else { return Ok(nothing) };
    let Some(told) = &root.told else { return Ok(nothing) };
    let as_of = found.query.as_of;
    let around: BTreeMap<&str, &Told> = found
        .items
        .iter()
        .filter_map(|item| Some((item.uri.as_str(), item.told.as_ref()?)))
        .collect();
    let is_whole =
        !found.cuts.iter().any(|cut| matches!(cut.reason, CutReason::Journal | CutReason::Items));
    let chapters = story(told, &|uri| around.get(uri).copied());
    let derived = match present(view, &root.uri, as_of)? {
        Some(present) => derive(view, &root.uri, &chapters, &present, now)?,
        None => Vec::new(),
    };
    let story = chapters.iter().map(|chapter| {
        let through = chapter.through.iter().map(|uri| (*uri).to_owned()).collect();
        (chapter.step.position, through)
    });
    Ok(AboutRoot { story: story.collect(), is_whole, derived })
}

/// Where a thing came from and what became of it. Items, events, places and parties are named by
/// their place in their lists.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TraceView)]
struct Answer<'a> {
    /// The thing that was asked for.
    id: &'a str,
    /// `back`, `forward` or `both`.
    direction: &'static str,
    /// Levels of transformations and packing.
    depth: u8,
    /// As of when.
    as_of: AsOfJson,
    /// The things, the one that was asked for first.
    items: Vec<ItemJson<'a>>,
    /// The events, in the order in which things happened.
    events: Vec<EventJson<'a>>,
    /// Which thing is in which event.
    links: Vec<LinkJson<'a>>,
    /// What was packed in what.
    packing: Vec<StayJson<'a>>,
    /// The places of the events.
    places: Vec<PlaceJson<'a>>,
    /// Who recorded, sent and received.
    parties: Vec<PartyJson<'a>>,
    /// The story of the thing itself, containers included.
    story: Vec<ChapterJson<'a>>,
    /// Whether the story is all of it.
    story_is_whole: bool,
    /// What is derived at reading of the thing itself.
    #[schema(value_type = Vec<AnomalyView>)]
    derived: Vec<serde_json::Value>,
    /// What each code of an anomaly above means.
    #[schema(value_type = BTreeMap<String, AnomalyView>)]
    anomaly_kinds: BTreeMap<&'static str, serde_json::Value>,
    /// Where the graph was cut: the first of them.
    cuts: Vec<CutJson>,
    /// How often it was cut.
    cut_count: usize,
}

/// A thing of the graph.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedItem)]
struct ItemJson<'a> {
    /// The thing.
    id: &'a str,
    /// What it is: `instance`, `lot` …
    kind: &'static str,
    /// How many levels it is away.
    depth: u8,
    /// `back` or `forward`; absent for the one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<&'static str>,
    /// Whether it is here as the container of another.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    container: bool,
    /// Events of it that are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_left_out: Option<u64>,
    /// What its product is called, by language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    product: Option<&'a BTreeMap<String, String>>,
    /// Whether it has begun and whether it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<&'static str>,
    /// The last business step.
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_step: Option<&'a str>,
    /// The last disposition.
    #[serde(skip_serializing_if = "Option::is_none")]
    disposition: Option<&'a str>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    /// Who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    /// Codes of what does not add up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    open_anomalies: Vec<&'static str>,
}

/// An event of the graph.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedEvent)]
struct EventJson<'a> {
    /// Its eventID.
    event_id: Option<&'a str>,
    /// Its place in the feed.
    cursor: String,
    /// Its digest.
    digest: String,
    /// Its type.
    #[serde(rename = "type")]
    type_: &'static str,
    /// Its action.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    /// Its business step.
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_step: Option<&'a str>,
    /// Its disposition.
    #[serde(skip_serializing_if = "Option::is_none")]
    disposition: Option<&'a str>,
    /// Its eventTime.
    happened: String,
    /// The time of its block.
    recorded: String,
    /// Who recorded it, of the parties.
    recorded_by: Option<usize>,
    /// Where it was read, of the places.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_point: Option<usize>,
    /// Where things are since, of the places.
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_location: Option<usize>,
    /// Who gave, of the parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<usize>,
    /// Who took, of the parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<usize>,
    /// The error declaration that takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    voided_by: Option<EventRef>,
    /// The event that this error declaration takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrects: Option<EventRef>,
    /// Whether sensors reported with it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    sensors: bool,
}

/// An event by its place among the events, or by its cursor when the answer does not show it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum EventRef {
    Shown(usize),
    Elsewhere(String),
}

/// A thing in an event.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedLink)]
struct LinkJson<'a> {
    /// Which event.
    event: usize,
    /// Which thing.
    item: usize,
    /// As what it is in it, such as `input` or `child`.
    role: &'static str,
    /// What the event is to the thing: whether it counts.
    standing: &'static str,
    /// Whether it is somebody's word only, who has no part in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    claim: bool,
    /// How much of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    quantities: Vec<Quantity<'a>>,
    /// What does not add up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    anomalies: Vec<AnomalyJson>,
}

/// Something that does not add up.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedAnomaly)]
struct AnomalyJson {
    /// Its stable code.
    code: &'static str,
    /// Whether it stands.
    open: bool,
    /// The event that mended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_by: Option<EventRef>,
}

/// A stay in a container.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedStay)]
struct StayJson<'a> {
    /// Which thing.
    item: usize,
    /// In which container.
    container: usize,
    /// Whether packed or fitted.
    kind: &'static str,
    /// The event that put it in.
    joined: EventRef,
    /// When.
    joined_at: String,
    /// The event that took it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<EventRef>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_at: Option<String>,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_how: Option<&'static str>,
    /// How much of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    quantities: Vec<Quantity<'a>>,
}

/// A place of the graph.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedPlace)]
struct PlaceJson<'a> {
    /// The place.
    id: &'a str,
    /// What its owner calls it, by language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    names: &'a BTreeMap<String, String>,
}

/// A party of the graph.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedParty)]
struct PartyJson<'a> {
    /// The member.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    /// The URI of who is no member.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// A chapter of the thing's own story.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedChapter)]
struct ChapterJson<'a> {
    /// Which event.
    event: EventRef,
    /// Containers, from the inside out; empty for the item's own events.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, value_type = Vec<String>)]
    through: &'a [String],
}

/// Where the graph was cut.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TracedCut)]
struct CutJson {
    /// At which thing.
    item: usize,
    /// Why: `depth` …
    reason: &'static str,
    /// How much is not shown.
    left_out: u64,
    /// The same for people.
    #[schema(value_type = InTwoLanguages)]
    sentence: serde_json::Value,
    /// Where to go on.
    go_on: String,
}

/// The places of everything in the answer's lists.
struct Index<'a> {
    events: BTreeMap<Position, usize>,
    places: BTreeMap<&'a str, usize>,
    parties: BTreeMap<&'a Party, usize>,
    members: BTreeMap<&'a MemberId, usize>,
}

impl Index<'_> {
    fn event(&self, position: Position) -> EventRef {
        let shown = self.events.get(&position).copied();
        shown.map_or_else(|| EventRef::Elsewhere(to_token(position)), EventRef::Shown)
    }
}

fn answer<'a>(
    trace: &'a Trace,
    names: &'a Names,
    wanted: &Wanted,
    path: &str,
    told: &'a AboutRoot,
) -> Answer<'a> {
    let mut parties: Vec<PartyJson<'a>> = Vec::new();
    let mut index = Index {
        events: trace.events.iter().enumerate().map(|(at, e)| (e.position, at)).collect(),
        places: names.places.keys().enumerate().map(|(at, uri)| (uri.as_str(), at)).collect(),
        parties: BTreeMap::new(),
        members: BTreeMap::new(),
    };
    for (at, (member, name)) in names.members.iter().enumerate() {
        index.members.insert(member, at);
        parties.push(PartyJson { member: Some(member.as_str()), id: None, name: Some(name) });
    }
    for party in trace.events.iter().flat_map(|e| [&e.from, &e.to]).flatten() {
        match party {
            Party::Member(member) => {
                let at = index.members.get(member).copied().unwrap_or_default();
                index.parties.insert(party, at);
            }
            Party::Other(uri) if !index.parties.contains_key(party) => {
                index.parties.insert(party, parties.len());
                parties.push(PartyJson { member: None, id: Some(uri), name: None });
            }
            Party::Other(_) => {}
        }
    }
    let mut kinds = BTreeMap::new();
    for finding in trace.links.iter().flat_map(|link| &link.findings) {
        kinds.entry(finding.kind.code()).or_insert_with(|| explained(finding.kind));
    }
    for item in trace.items.iter().filter_map(|item| item.told.as_ref()) {
        for open in &item.state.open {
            kinds.entry(open.kind.code()).or_insert_with(|| explained(open.kind));
        }
    }
    let places = names.places.iter().map(|(id, names)| PlaceJson { id, names });
    Answer {
        id: &trace.query.id,
        direction: trace.query.direction.code(),
        depth: trace.query.depth,
        as_of: wanted.json(),
        items: trace
            .items
            .iter()
            .map(|item| item_json(item, trace.query.direction, names))
            .collect(),
        events: trace.events.iter().map(|e| event_json(e, &index)).collect(),
        links: trace.links.iter().map(|link| link_json(link, &index)).collect(),
        packing: trace.stays.iter().map(|stay| stay_json(stay, &index)).collect(),
        places: places.collect(),
        parties,
        story: told
            .story
            .iter()
            .map(|(at, through)| ChapterJson { event: index.event(*at), through })
            .collect(),
        story_is_whole: told.is_whole,
        derived: told.derived.iter().map(|d| derived_json(d, to_token(d.position))).collect(),
        anomaly_kinds: kinds,
        cuts: trace.cuts.iter().map(|cut| cut_json(cut, trace, path, wanted)).collect(),
        cut_count: trace.cut_count,
    }
}

fn item_json<'a>(item: &'a ItemNode, direction: Direction, names: &'a Names) -> ItemJson<'a> {
    let state = item.told.as_ref().map(|told| &told.state);
    let product = class(&item.uri).and_then(|class| names.products.get(&class));
    let open = state.map(|state| state.open.as_slice()).unwrap_or_default();
    let mut open_anomalies: Vec<&str> = open.iter().map(|open| open.kind.code()).collect();
    open_anomalies.dedup();
    ItemJson {
        id: &item.uri,
        kind: level_code(item.level),
        depth: item.depth,
        way: (item.way != direction).then(|| item.way.code()),
        events_left_out: (item.events_left_out > 0).then_some(item.events_left_out),
        container: item.is_container,
        product: product.filter(|names| !names.is_empty()),
        life: state.map(|state| life(state.life)),
        biz_step: state.and_then(|state| Some(state.biz_step.as_ref()?.what.as_str())),
        disposition: state.and_then(|state| Some(state.disposition.as_ref()?.what.as_str())),
        place: state.and_then(|state| Some(state.place.as_ref()?.what.as_str())),
        holder: state.and_then(|state| Some(state.holder()?.what.to_string())),
        open_anomalies,
    }
}

fn event_json<'a>(event: &'a EventNode, index: &Index<'_>) -> EventJson<'a> {
    let place =
        |uri: &Option<String>| uri.as_deref().and_then(|uri| index.places.get(uri).copied());
    let party =
        |party: &Option<Party>| party.as_ref().and_then(|party| index.parties.get(party).copied());
    EventJson {
        event_id: event.event_id.as_deref(),
        cursor: to_token(event.position),
        digest: event.digest.to_string(),
        type_: type_code(event.event_type),
        action: event.action.map(Action::name),
        biz_step: event.biz_step.as_deref(),
        disposition: event.disposition.as_deref(),
        happened: event.happened.to_string(),
        recorded: event.recorded.to_string(),
        recorded_by: index.members.get(&event.recorder).copied(),
        read_point: place(&event.read_point),
        biz_location: place(&event.biz_location),
        from: party(&event.from),
        to: party(&event.to),
        voided_by: event.voided_by.map(|by| index.event(by)),
        corrects: event.corrects.map(|of| index.event(of)),
        sensors: event.is_sensed,
    }
}

fn link_json<'a>(link: &'a Link, index: &Index<'_>) -> LinkJson<'a> {
    let anomalies = link.findings.iter().map(|finding| AnomalyJson {
        code: finding.kind.code(),
        open: finding.resolved.is_none(),
        resolved_by: match finding.resolved {
            Some(Resolution::Voided(by) | Resolution::Mended(by)) => Some(index.event(by)),
            _ => None,
        },
    });
    LinkJson {
        event: link.event,
        item: link.item,
        role: role_code(link.role),
        standing: standing_code(link.standing),
        claim: link.standing == Standing::Claim,
        quantities: quantities(&link.amounts),
        anomalies: anomalies.collect(),
    }
}

fn stay_json<'a>(edge: &'a StayEdge, index: &Index<'_>) -> StayJson<'a> {
    let stay = &edge.stay;
    let amounts = stay.amounts.iter().map(|(unit, value)| Quantity::of(unit, *value));
    StayJson {
        item: edge.item,
        container: edge.container,
        kind: if stay.associated { "association" } else { "packing" },
        joined: index.event(stay.joined.position),
        joined_at: moment(stay.joined.time),
        left: stay.left.map(|left| index.event(left.mark.position)),
        left_at: stay.left.map(|left| moment(left.mark.time)),
        left_how: stay.left.map(|left| left.how.code()),
        quantities: amounts.collect(),
    }
}

fn cut_json(
    cut: &tracehold_contracts::provenance::trace::Cut,
    trace: &Trace,
    path: &str,
    wanted: &Wanted,
) -> CutJson {
    let uri = trace.items.get(cut.item).map_or(trace.query.id.as_str(), |item| &item.uri);
    let left = cut.left_out;
    let (en, zh) = match cut.reason {
        CutReason::Depth => (
            format!("Ends at the depth asked for; {left} things beyond are not shown."),
            format!("已到达所要求的层数；其后还有 {left} 个物品未显示。"),
        ),
        CutReason::Items => (
            format!("The answer holds no more items; {left} are not shown."),
            format!("答复已达物品数上限；有 {left} 个未显示。"),
        ),
        CutReason::Events => (
            format!("The answer holds no more events; {left} are not shown."),
            format!("答复已达事件数上限；有 {left} 个未显示。"),
        ),
        CutReason::Sightings => (
            format!("{left} sightings of other things are not shown: ask for each by itself."),
            format!("其他物品的 {left} 次观察记录未显示：请逐个查询。"),
        ),
        CutReason::Journal => (
            "The story is longer than is read here; page through its events.".to_owned(),
            "经历过长，此处未读完；请分页查看其事件。".to_owned(),
        ),
        CutReason::Joined => (
            "The transformation has more events than are kept apart.".to_owned(),
            "该加工过程的事件多于单独保存的数目。".to_owned(),
        ),
    };
    let id = percent_encoded(uri);
    let go_on = match cut.reason {
        CutReason::Journal => format!("/epcis/v2/events?MATCH_anyEPC={id}&perPage=1000"),
        _ => {
            let then = wanted.given.as_deref().map(percent_encoded);
            let then = then.map(|then| format!("&as_of={then}")).unwrap_or_default();
            format!("{path}?id={id}&direction={}{then}", cut.direction.code())
        }
    };
    let sentence = serde_json::json!({"en": en, "zh": zh});
    CutJson { item: cut.item, reason: cut.reason.code(), left_out: left, sentence, go_on }
}
