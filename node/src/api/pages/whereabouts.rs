//! Places and parties at their Digital Links, and `/member/{id}`.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_chain::epcis::{Canonical, Level, canonical};
use tracehold_chain::genesis::{Member, NodeRole};
use tracehold_chain::masterdata::{MasterData, MasterKind};
use tracehold_explorer::pages::item::Names;
use tracehold_explorer::pages::{self, Frame, Whereabouts};
use tracehold_explorer::story::{self, Recorded, Reference};

use super::super::ApiState;
use super::super::auth::PageReader;
use super::super::extract::InPath;
use super::super::limits::{LATEST_EVENTS, LOOKED_AT_EVENTS};
use super::super::problem::Problem;
use super::super::visible::{Caller, Record, Sight, visible};
use super::item::place_name;
use super::{frame, page, places_of, told};
use crate::fault::Fault;
use crate::view::{ReadView, StoredEvent};

/// The page of a place or party; `None` when nobody here has anything to do with it.
pub async fn place_or_party(
    state: &ApiState,
    caller: &Caller,
    frame: &Frame,
    id: &Canonical,
) -> Result<Option<Response>, Problem> {
    let (api, caller, id) = (state.clone(), caller.clone(), id.clone());
    let language = frame.language;
    let about = state.read(move |view| {
        let uri = id.uri();
        let place = match view.master_record(MasterKind::Place, uri)? {
            Some(record) => Some(record),
            None => view.master_record(MasterKind::Party, uri)?,
        };
        let digits = story::path_of(&id).and_then(|path| path.split('/').nth(2));
        let owner = api
            .members()
            .iter()
            .find(|member| digits.is_some_and(|gln| member.glns.iter().any(|own| own == gln)));
        let mut about = Whereabouts {
            title: story::describe(&id, language).unwrap_or_else(|| uri.to_owned()),
            id: uri.to_owned(),
            member: owner.map(|member| reference(member, language.tag())),
            ..Whereabouts::default()
        };
        if let Some(record) = place {
            let said_by = Record { recorded_by: record.set_by.member() };
            about.is_whole = visible(&caller, &said_by) == Sight::Whole;
            match record.data {
                MasterData::Place(place) => about.place = Some(place),
                MasterData::Party(party) => about.party = Some(party),
                MasterData::Product(_) | MasterData::Links(_) => {}
            }
        }
        let is_there = |recorded: &Recorded| {
            ["readPoint", "bizLocation"].into_iter().any(|name| {
                let id = recorded.event.get(name).and_then(|place| place.get("id"));
                id.and_then(|id| id.as_str()).is_some_and(|id| canonical(id).uri() == uri)
            })
        };
        let newest = view.latest(None, LOOKED_AT_EVENTS)?.events;
        about.looked_at = newest.len();
        about.events = told(&api, &caller, &newest)?;
        about.events.retain(is_there);
        about.events.truncate(LATEST_EVENTS);
        let is_known = about.place.is_some()
            || about.party.is_some()
            || about.member.is_some()
            || !about.events.is_empty();
        name(&api, view, &mut about, language)?;
        Ok(is_known.then_some(about))
    });
    let about = about.await?;
    Ok(about.map(|about| page(StatusCode::OK, pages::whereabouts(frame, &about))))
}

/// Whether an identifier is that of a place or party.
pub fn is_whereabouts(id: &Canonical) -> bool {
    matches!(id.level(), Level::Location | Level::Party)
}

/// `/member/{id}`: a member of the network.
pub async fn member(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let Some(member) = state.members().iter().find(|member| member.id.as_str() == id) else {
        let shown: String = id.chars().take(80).collect();
        return Ok(page(StatusCode::NOT_FOUND, pages::not_found(&frame, &shown)));
    };
    let nodes = member.nodes.iter().map(|node| match node.role {
        NodeRole::Validator { .. } => {
            format!("{} · {}", node.name, frame.language.pick("validator", "验证节点"))
        }
        NodeRole::Follower => {
            format!("{} · {}", node.name, frame.language.pick("follower", "跟随节点"))
        }
    });
    let mut about = Whereabouts {
        title: member.name.clone(),
        id: member.id.to_string(),
        glns: member.glns.clone(),
        nodes: nodes.collect(),
        ..Whereabouts::default()
    };
    let (api, own, language) = (state.clone(), member.id.clone(), frame.language);
    let about = state.read(move |view| {
        let newest = view.latest(None, LOOKED_AT_EVENTS)?.events;
        about.looked_at = newest.len();
        let by: Vec<StoredEvent> = newest
            .into_iter()
            .filter(|stored| *stored.recorder() == own)
            .take(LATEST_EVENTS)
            .collect();
        about.events = told(&api, &caller, &by)?;
        name(&api, view, &mut about, language)?;
        Ok(about)
    });
    Ok(page(StatusCode::OK, pages::whereabouts(&frame, &about.await?)))
}

/// The names of what a page tells of.
fn name(
    state: &ApiState,
    view: &ReadView,
    about: &mut Whereabouts,
    language: tracehold_explorer::language::Language,
) -> Result<(), Fault> {
    let mut places = places_of(state, view, &about.events, language)?;
    let outer = about.place.as_ref().and_then(|place| place.inside.clone());
    let own = about.glns.iter().map(|gln| format!("https://id.gs1.org/414/{gln}"));
    for uri in own.chain(outer) {
        if let Some(name) = place_name(view, &uri, language)? {
            places.insert(uri, name);
        }
    }
    about.names = Names { places, ..Names::default() };
    Ok(())
}

/// A member by its name.
pub fn reference(member: &Member, lang: &str) -> Reference {
    let path = Some(format!("/member/{}?lang={lang}", member.id));
    Reference { text: member.name.clone(), path }
}
