//! `/shipments`: what is under way, by exception.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::product_of;
use tracehold_contracts::provenance::Party;
use tracehold_contracts::provenance::trace::DEFAULT_TRANSIT_HOURS;
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::{Names, text_in};
use tracehold_explorer::pages::{self, Board, Shipment};
use tracehold_explorer::verdict::Oddity;

use super::super::ApiState;
use super::super::auth::PageReader;
use super::super::limits::{LOOKED_AT_EVENTS, MAX_EXCEPTIONS};
use super::super::problem::Problem;
use super::super::visible::{Caller, Record, Sight, visible};
use super::item::{place_name, product};
use super::{frame, page, recent};
use crate::fault::Fault;
use crate::view::{ReadView, StoredEvent};

const HOUR_MS: u64 = 3_600_000;

/// The shipment board.
pub async fn shipments(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let (api, language) = (state.clone(), frame.language);
    let board = state.read(move |view| {
        let newest = view.latest(None, LOOKED_AT_EVENTS)?.events;
        let mut names = Names { places: api.places().clone(), ..Names::default() };
        let members = api.members().iter();
        names.members.extend(members.map(|member| (member.id.clone(), member.name.clone())));
        let shipments = under_way(&api, view, &caller, &newest, &mut names, language)?;
        Ok(Board { shipments, names, now: view.head().block_time, looked_at: newest.len() })
    });
    Ok(page(StatusCode::OK, pages::shipments(&frame, &board.await?)))
}

fn under_way(
    state: &ApiState,
    view: &ReadView,
    caller: &Caller,
    newest: &[StoredEvent],
    names: &mut Names,
    language: Language,
) -> Result<Vec<Shipment>, Fault> {
    let mut shipments = Vec::new();
    for record in recent::items(view, newest)? {
        // What is packed travels with its container, which has a line of its own.
        let Some(transit) = record.state.transit().filter(|_| record.state.parent.is_none()) else {
            continue;
        };
        let sees = match view.event_at(transit.since.position)? {
            Some(stored) => {
                visible(caller, &Record { recorded_by: stored.recorder() }) == Sight::Whole
            }
            None => false,
        };
        if !sees && matches!(transit.from, Party::Other(_)) {
            continue;
        }
        let mut hours = DEFAULT_TRANSIT_HOURS;
        if let Some(class) = product_of(&canonical(&record.uri))
            && let Some(product) = product(view, &class)?
        {
            hours = product.expected_transit_hours.map_or(hours, u64::from);
            if let Some(name) = text_in(&product.names, language) {
                names.products.insert(class, name.to_owned());
            }
        }
        let to = transit.to.clone().filter(|_| sees);
        for party in [Some(&transit.from), to.as_ref()].into_iter().flatten() {
            if let Party::Other(uri) = party
                && let Some(name) = place_name(view, uri, language)?
            {
                names.places.insert(uri.clone(), name);
            }
        }
        let recalled = recent::recall_of(state, view, &record.uri)?;
        let open = record.state.open.iter().map(|open| Oddity::Agreed(open.kind)).chain(recalled);
        shipments.push(Shipment {
            item: record.uri.clone(),
            from: transit.from.clone(),
            to,
            since: transit.since.time,
            due: transit.since.time.plus_ms(hours.saturating_mul(HOUR_MS)),
            open: open.max_by_key(Oddity::signal),
        });
        if shipments.len() >= MAX_EXCEPTIONS {
            break;
        }
    }
    Ok(shipments)
}
