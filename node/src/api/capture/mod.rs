//! `POST /epcis/v2/capture`: documents in.
//!
//! [`document`] reads what was sent, [`ready`] makes events ready to be signed and knows which are
//! on record, [`rollback`] and [`proceed`] record them, [`jobs`] tells what became of them.

mod document;
mod jobs;
mod proceed;
mod ready;
mod rollback;
pub(in crate::api) mod shown;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::epcis::SectionedEvent;
use tracehold_chain::limits::MAX_TRANSACTION_BYTES;
use tracehold_chain::transaction::{Bundle, BundleError, Command, TransactionId};

use super::auth::Keyed;
use super::extract::read_body;
use super::jobs::ErrorBehaviour;
use super::limits::MAX_PROCEED_EVENTS;
use super::problem::{Kind, Problem};
use super::{ApiState, headers};
use document::Given;
pub(super) use document::{Media, read as read_document};
pub use jobs::{__path_get_capture, get_capture};
pub use jobs::{__path_get_captures, get_captures};
pub use jobs::{__path_get_document, get_document};
use shown::Captured;

/// Capture an EPCIS document
///
/// Takes an EPCISDocument or EPCISQueryDocument of EPCIS 2.0 in JSON, or of EPCIS 2.0 or 1.2 in
/// XML. Master data that comes with it is set for what is the member's own; the job tells what is
/// left out and why, which refuses no event. A document that breaks a rule is refused at once;
/// otherwise the answer names a job that tells what becomes of each event. With `rollback` (the
/// default) all events go into one transaction: all or nothing. With `proceed` every event that
/// can be captured is. An event without eventID is named by its hash id; one that is on record
/// already is not recorded again and is no error, so a document may be sent again.
#[utoipa::path(
    post, path = "/epcis/v2/capture", tag = "EPCIS",
    params(
        ("GS1-Capture-Error-Behaviour" = Option<String>, Header,
            description = "`rollback` (default) or `proceed`"),
        ("Prefer" = Option<String>, Header, description = "`handling=lenient` (RFC 7240): bring \
            what can only mean one thing into the standard's form, and take what only good sense \
            forbids; the job lists each change and each finding"),
    ),
    request_body(content(
        (Captured = "application/json"), (String = "application/xml")),
        description = "an EPCISDocument or EPCISQueryDocument"),
    responses(
        (status = 202, description = "Accepted; `Location` names the job",
            headers(("Location" = String, description = "the capture job"))),
        (status = 400, description = "The document breaks a rule"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Neither JSON nor XML"),
        (status = 503, description = "Too many jobs run"),
    ),
    security(("api_key" = []))
)]
pub async fn post_capture(
    State(state): State<ApiState>,
    keyed: Keyed,
    request_headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let media = Media::of(&request_headers)?;
    let behaviour = headers::error_behaviour(&request_headers)?;
    let lenient = headers::lenient(&request_headers);
    let limit = state.capture_bytes(behaviour);
    let room = state.make_room(&request_headers, limit).await?;
    let bytes = read_body(body, limit, state.limits().body).await?;
    let given = Given { bytes: bytes.into(), media, lenient };
    let agent = keyed.agent;
    let id = match behaviour {
        ErrorBehaviour::Rollback => rollback::rollback(&state, agent, given, room).await?,
        ErrorBehaviour::Proceed => proceed::proceed(&state, agent, given, room).await?,
    };
    let location = format!("/epcis/v2/capture/{id}");
    let location = HeaderValue::from_str(&location).expect("job ids are plain");
    let mut response = (StatusCode::ACCEPTED, [(LOCATION, location)]).into_response();
    if lenient {
        response.headers_mut().extend([headers::lenient_applied()]);
    }
    Ok(response)
}

/// The id of no transaction, for a job that has none or several.
fn random_id() -> TransactionId {
    // Neither a transaction's id nor an eventID: random like one.
    TransactionId(Digest::of(Domain::StateName, uuid::Uuid::new_v4().as_bytes()))
}

fn count(events: usize, most: usize) -> Result<(), Problem> {
    if events <= most {
        return Ok(());
    }
    let detail = format!(
        "the document has {events} events, the limit is {most}: send it in parts, or with \
         GS1-Capture-Error-Behaviour: proceed, which takes up to {MAX_PROCEED_EVENTS}"
    );
    Err(Problem::new(Kind::TooLarge, detail).code("too_many_events"))
}

/// Bytes that the encoding of an event takes beside its texts, at most: salts, lengths, digest.
const EVENT_OVERHEAD_BYTES: usize = 512;

/// Refuses what is more than one transaction can hold. Everything else about a transaction is
/// checked when it is admitted.
pub(super) fn fits(bundle: &Bundle) -> Result<(), Problem> {
    let texts: usize = bundle.events.iter().map(SectionedEvent::text_bytes).sum();
    let most = texts.saturating_add((bundle.events.len() + 4) * EVENT_OVERHEAD_BYTES);
    let commands = &bundle.transaction.body.commands;
    let only_events = commands.iter().all(|command| matches!(command, Command::Capture(_)));
    if only_events && !bundle.events.is_empty() && most <= MAX_TRANSACTION_BYTES {
        return Ok(());
    }
    match bundle.check() {
        Ok(_) => Ok(()),
        Err(BundleError::TooLarge(size)) => {
            let detail = format!(
                "with its salts the transaction has {size} bytes, the limit is \
                 {MAX_TRANSACTION_BYTES}: send fewer events at once, or the document with \
                 GS1-Capture-Error-Behaviour: proceed"
            );
            Err(Problem::new(Kind::TooLarge, detail).code("transaction_too_large"))
        }
        Err(error @ BundleError::MasterData(_)) => {
            Err(Problem::new(Kind::TooLarge, error.to_string()).code("too_many_records"))
        }
        Err(BundleError::Commands(0) | BundleError::Events(0)) => {
            let detail = "/epcisBody/eventList: the document has no events; give at least one";
            Err(Problem::new(Kind::Validation, detail))
        }
        Err(error) => Err(Problem::new(Kind::Validation, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_too_many_events_is_refused_with_the_limit() {
        assert!(count(1_000, 1_000).is_ok());
        let problem = count(1_001, 1_000).unwrap_err();
        assert_eq!(problem.status, 413);
        assert!(problem.detail.contains("1000"), "{}", problem.detail);
    }
}
