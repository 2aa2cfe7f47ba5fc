//! `/api/v1/tools`: what helps without recording anything.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::hash_id::{self, Reading};
use tracehold_chain::epcis::{Document, Event, Violation, json};

use super::capture::shown::Readable;
use super::capture::{Media, read_document};
use super::extract::read_body;
use super::problem::{FieldError, Problem};
use super::visible::Caller;
use super::{ApiState, headers, prepare};

/// The hash ids of a document's events.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventHashes {
    /// In the order of the document.
    pub events: Vec<HashedEvent>,
    /// What the lenient reading changed before, each with its place in the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normalised: Vec<FieldError>,
}

/// One event's hash id.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HashedEvent {
    /// Its place in the document, from 0.
    pub event: usize,
    /// The eventID that it came with.
    #[serde(rename = "eventID", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Its hash id (CBV 2.0 §8.9.2): what it is named by when it comes without an eventID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The pre-hash string, whose SHA-256 is in the hash id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prehash: Option<String>,
    /// What is wrong with the event; it has no hash id then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// Make event hash ids
///
/// Takes one event or a document, in JSON or XML, and gives the hash id of each event with the
/// pre-hash string that it is made of (CBV 2.0 §8.9.2). Nothing is recorded, and no key is needed.
#[utoipa::path(
    post, path = "/api/v1/tools/event-hash", tag = "Tools",
    params(
        ("Prefer" = Option<String>, Header, description = "`handling=lenient` (RFC 7240): bring \
            what can only mean one thing into the standard's form first"),
    ),
    request_body(content(
        (Readable = "application/json"), (String = "application/xml")),
        description = "an event with its `@context`, an EPCISDocument or an EPCISQueryDocument"),
    responses(
        (status = 200, description = "The hash ids", body = EventHashes),
        (status = 400, description = "It can be read neither as an event nor as a document"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Neither JSON nor XML"),
    )
)]
pub async fn post_event_hash(
    State(state): State<ApiState>,
    _caller: Caller,
    request_headers: HeaderMap,
    body: Body,
) -> Result<Json<EventHashes>, Problem> {
    let media = Media::of(&request_headers)?;
    let lenient = headers::lenient(&request_headers);
    let limit = state.body_bytes();
    let _room = state.make_room(&request_headers, limit).await?;
    let bytes = read_body(body, limit, state.limits().body).await?;
    let hashed = state.compute(bytes.len(), move || {
        let hashed = if media == Media::Json && is_event(&bytes) {
            of_event(&bytes, lenient)
        } else {
            let read = read_document(&bytes, media, lenient);
            read.map(|(document, changes)| of_document(document, changes))
        };
        hashed.map_err(|wrong| prepare::invalid(&wrong))
    });
    Ok(Json(hashed.await?))
}

/// Whether JSON is meant as one event. What cannot be read at all is told as a document's fault.
fn is_event(bytes: &[u8]) -> bool {
    let Ok(value) = json::parse_strict(bytes) else { return false };
    let kind = value.get("type").or(value.get("isA")).and_then(serde_json::Value::as_str);
    value.get("epcisBody").is_none()
        && kind.is_some_and(|kind| !matches!(kind, "EPCISDocument" | "EPCISQueryDocument"))
}

fn of_event(bytes: &[u8], lenient: bool) -> Result<EventHashes, Vec<Violation>> {
    let (event, changes) = if lenient {
        Event::parse_bare_lenient(bytes)?
    } else {
        (Event::parse_bare(bytes)?, Vec::new())
    };
    let normalised = changes.into_iter().map(FieldError::from).collect();
    Ok(EventHashes { events: vec![hashed(0, &event, &Reading::default())], normalised })
}

fn of_document(
    document: Document,
    changes: Vec<tracehold_chain::epcis::Normalisation>,
) -> EventHashes {
    let reading = document.reading();
    let events = document.events.into_iter().enumerate().map(|(place, event)| match event {
        Ok(event) => hashed(place, &event, &reading),
        Err(wrong) => HashedEvent {
            event: place,
            event_id: None,
            hash: None,
            prehash: None,
            errors: prepare::invalid(&wrong).errors.clone(),
        },
    });
    let normalised = changes.into_iter().map(FieldError::from).collect();
    EventHashes { events: events.collect(), normalised }
}

fn hashed(place: usize, event: &Event, reading: &Reading) -> HashedEvent {
    let made = hash_id::of_event(event, reading);
    HashedEvent {
        event: place,
        event_id: event.event_id().map(str::to_owned),
        hash: Some(made.id),
        prehash: Some(made.prehash),
        errors: Vec::new(),
    }
}
