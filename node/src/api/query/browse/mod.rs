//! GS1's resources for the values that events have: `/eventTypes`, `/epcs`, `/bizSteps` …
//!
//! [`resources`] are the handlers, three of each kind; here is what they do.

mod resources;

use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::LINK;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::query::terms::Browsed;
use tracehold_chain::epcis::query::{Condition, EpcLists, Pattern, Query};
use tracehold_chain::epcis::{Level, canonical};
use tracehold_chain::state::key::name_digest;

use super::super::ApiState;
use super::super::auth::Keyed;
use super::super::extract::query_pairs;
use super::super::paging::{next_link, per_page, wrong_token};
use super::super::problem::{Kind, Problem};
use super::shown::Collection;
use crate::view::Order;

pub(super) use resources::routes;

/// The types that every node knows.
const EVENT_TYPES: [&str; 5] = [
    "AggregationEvent",
    "AssociationEvent",
    "ObjectEvent",
    "TransactionEvent",
    "TransformationEvent",
];

/// Items of which the records are read to list things by class level.
const ITEMS_AT_A_TIME: usize = 1_000;

/// A kind of value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resource {
    EventTypes,
    Epcs,
    BizSteps,
    BizLocations,
    ReadPoints,
    Dispositions,
}

impl Resource {
    fn browsed(self) -> Option<Browsed> {
        match self {
            Resource::EventTypes => Some(Browsed::EventType),
            Resource::Epcs => None,
            Resource::BizSteps => Some(Browsed::BizStep),
            Resource::BizLocations => Some(Browsed::BizLocation),
            Resource::ReadPoints => Some(Browsed::ReadPoint),
            Resource::Dispositions => Some(Browsed::Disposition),
        }
    }

    /// The parameter that asks for one value.
    fn parameter(self) -> &'static str {
        match self {
            Resource::EventTypes => "eventType",
            Resource::Epcs => "MATCH_anyEPC",
            Resource::BizSteps => "EQ_bizStep",
            Resource::BizLocations => "EQ_bizLocation",
            Resource::ReadPoints => "EQ_readPoint",
            Resource::Dispositions => "EQ_disposition",
        }
    }

    /// The condition that asks for `value`, and the value in its one spelling; `None` when no
    /// event can have it.
    fn condition(self, value: &str) -> Option<(Condition, String)> {
        if self == Resource::Epcs {
            let thing = canonical(value);
            let lists = match thing.level() {
                Level::Class | Level::Lot => EpcLists::AnyClass,
                _ => EpcLists::Any,
            };
            let uri = thing.into_uri();
            let pattern = Pattern::Exactly(uri.clone());
            return Some((Condition::Match(lists, vec![pattern]), uri));
        }
        let pair = (self.parameter().to_owned(), value.to_owned());
        let query = Query::parse(&[pair], &Default::default()).ok()?;
        let condition = query.conditions().first()?.clone();
        let plain = match &condition {
            Condition::EventType(values)
            | Condition::Word(_, values)
            | Condition::Place(_, values) => values.first().filter(|_| values.len() == 1)?.clone(),
            _ => return None,
        };
        Some((condition, plain))
    }
}

/// Tokens hold the last value shown, in hex: it may be any text.
fn to_token(last: &str) -> String {
    use std::fmt::Write as _;
    last.bytes().fold(String::new(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}");
        token
    })
}

fn from_token(token: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = token.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}

async fn list(state: ApiState, uri: http::Uri, resource: Resource) -> Result<Response, Problem> {
    let pairs = query_pairs(&uri);
    let (mut size, mut after) = (None, None);
    for (name, value) in &pairs {
        match name.as_str() {
            "perPage" => size = Some(value.as_str()),
            "nextPageToken" => {
                after = Some(from_token(value).ok_or_else(|| wrong_token(name))?);
            }
            _ => {
                let rule = "is not known";
                let mend = "leave it out; known are perPage and nextPageToken";
                return Err(
                    Problem::new(Kind::Parameter, format!("{name} {rule}")).field(name, rule, mend)
                );
            }
        }
    }
    let most = per_page(size)?.get();
    let found = state.read(move |view| {
        let Some(field) = resource.browsed() else {
            return things(view, after.as_deref(), most + 1);
        };
        let mut values = view.index().values(field, after.as_deref(), most + 1)?;
        if resource == Resource::EventTypes {
            let after = after.as_deref();
            let beyond = EVENT_TYPES.iter().filter(|own| after.is_none_or(|after| **own > after));
            values.extend(beyond.map(|own| (*own).to_owned()));
            values.sort_unstable();
            values.dedup();
        }
        Ok(values)
    });
    let mut found = found.await?;
    let more = found.len() > most;
    found.truncate(most);
    let mut response = axum::Json(Collection::of(found.clone())).into_response();
    if let Some(last) = found.last().filter(|_| more) {
        response.headers_mut().insert(LINK, next_link(uri.path(), &pairs, &to_token(last)));
    }
    Ok(response)
}

/// The single things on record, in the order of their names' digests, behind the one called
/// `after`.
fn things(
    view: &crate::view::ReadView,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, crate::fault::Fault> {
    let mut at: Option<Digest> = after.map(name_digest);
    let mut found = Vec::new();
    loop {
        let page = view.items(at.as_ref(), ITEMS_AT_A_TIME.min(limit.max(1)))?;
        let Some(last) = page.last() else { return Ok(found) };
        at = Some(name_digest(&last.uri));
        let single = |uri: &str| !matches!(canonical(uri).level(), Level::Class | Level::Lot);
        found.extend(page.into_iter().map(|item| item.uri).filter(|uri| single(uri)));
        if found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}

/// The condition for a value that some event has.
async fn on_record(
    state: &ApiState,
    resource: Resource,
    value: String,
) -> Result<Condition, Problem> {
    let nothing = format!("no event on record has {value}");
    let nothing = || Problem::new(Kind::NotFound, nothing);
    let Some((condition, plain)) = resource.condition(&value) else { return Err(nothing()) };
    let known = state.read(move |view| match resource.browsed() {
        None => Ok(!view.positions(&plain, None, 1, Order::OldestFirst)?.is_empty()),
        Some(field) => {
            let always = resource == Resource::EventTypes && EVENT_TYPES.contains(&plain.as_str());
            Ok(always || view.index().has_value(field, &plain))
        }
    });
    if known.await? { Ok(condition) } else { Err(nothing()) }
}

async fn one(state: ApiState, resource: Resource, value: String) -> Result<Response, Problem> {
    on_record(&state, resource, value).await?;
    Ok(axum::Json(Collection::of(vec!["events".to_owned()])).into_response())
}

async fn events_of(
    state: ApiState,
    keyed: Keyed,
    headers: HeaderMap,
    uri: http::Uri,
    resource: Resource,
    value: String,
) -> Result<Response, Problem> {
    let condition = on_record(&state, resource, value).await?;
    let pairs = query_pairs(&uri);
    let (rest, paging) = super::split_paging(&pairs)?;
    let query = Query::parse(&rest, &super::extensions(&headers));
    let query = query.map_err(|errors| super::refused(Kind::Parameter, errors))?;
    let link = (uri.path(), pairs.as_slice());
    super::answer(&state, keyed.caller(), query.with(condition), paging, link, None).await
}
