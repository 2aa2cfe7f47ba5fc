//! Capture jobs as they are asked for.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, LINK};
use tracehold_chain::transaction::TransactionId;
use tracehold_chain::units::{MemberId, TimestampMs};
use tracehold_contracts::Verdict;

use super::super::auth::Keyed;
use super::super::extract::{InPath, query_pairs};
use super::super::jobs::{ErrorBehaviour, Job, Known};
use super::super::limits::TRANSACTION_LIFETIME_MS;
use super::super::paging::{next_link, per_page};
use super::super::problem::{Kind, Problem};
use super::super::submit::refused;
use super::super::{ApiState, headers, now};
use super::shown::Captured;

/// List capture jobs
///
/// Those of the caller's member at this node, newest first. Jobs survive a restart; the oldest of
/// many that have ended are forgotten.
#[utoipa::path(
    get, path = "/epcis/v2/capture", tag = "EPCIS",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "jobs on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "The jobs; `Link` with `rel=\"next\"` leads to the next \
            page, if there is one", body = Vec<Job>,
            headers(("Link" = String, description = "the next page"),
                ("GS1-Next-Page-Token-Expires" = String,
                    description = "until when its token is good at least"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_captures(
    State(state): State<ApiState>,
    keyed: Keyed,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let pairs = query_pairs(&uri);
    let (mut most, mut before) = (per_page(None)?, None);
    for (name, value) in &pairs {
        match name.as_str() {
            "perPage" => most = per_page(Some(value))?,
            "nextPageToken" => before = Some(value.parse::<u64>().map_err(|_| bad_token())?),
            _ => {
                let detail = format!(
                    "the parameter {name} is not known; known are perPage and nextPageToken"
                );
                return Err(Problem::new(Kind::Parameter, detail).field(
                    name,
                    "must be a known parameter",
                    "leave it out",
                ));
            }
        }
    }
    let member = keyed.agent.agent_id.member();
    let (found, more) = state.jobs().of_member(member, before, most.get());
    let next = found.last().filter(|_| more).map(|last| last.seq.to_string());
    let mut jobs = Vec::with_capacity(found.len());
    for known in found {
        jobs.push(known_now(&state, known).await?);
    }
    let mut response = Json(jobs).into_response();
    if let Some(token) = next {
        response.headers_mut().insert(LINK, next_link(uri.path(), &pairs, &token));
    }
    Ok(response)
}

fn bad_token() -> Problem {
    let rule = "must be a token that this node gave";
    Problem::new(Kind::Parameter, format!("nextPageToken {rule}")).field(
        "nextPageToken",
        rule,
        "take it from the Link header of the page before",
    )
}

/// Look at a capture job
///
/// Jobs are known to their member at the node that took them, after a restart too, until many
/// others have ended. Jobs of `rollback` captures are also told from the ledger: as long as it
/// exists, on every node.
#[utoipa::path(
    get, path = "/epcis/v2/capture/{captureID}", tag = "EPCIS",
    params(
        ("captureID" = String, Path, description = "from the `Location` of the capture"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS` (RFC 7240): answer when \
            the job has ended, at the latest after so long; at most 30"),
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = 404, description = "No such job is known here"),
    ),
    security(("api_key" = []))
)]
pub async fn get_capture(
    State(state): State<ApiState>,
    keyed: Keyed,
    request_headers: HeaderMap,
    InPath(id): InPath<String>,
) -> Result<Json<Job>, Problem> {
    let longest = headers::wait(&request_headers).min(state.limits().commit);
    let member = keyed.agent.agent_id.member();
    if is_theirs(&state, &id, member)
        && let Some(known) = state.jobs().wait(&id, longest).await
    {
        return Ok(Json(known_now(&state, known).await?));
    }
    let unknown = || {
        let detail = format!(
            "no capture job {id} of your member is known here, and no transaction of that id is \
             in a block (until it expires it may still be committed): ask for the events by \
             eventID, or send the document again; nothing is recorded twice"
        );
        Problem::new(Kind::NotFound, detail)
    };
    let transaction: TransactionId = id.parse().map(TransactionId).map_err(|_| unknown())?;
    let (at, error) = on_ledger(&state, transaction).await?.ok_or_else(unknown)?;
    Ok(Json(Job::finished(id, ErrorBehaviour::Rollback, at, error)))
}

fn is_theirs(state: &ApiState, id: &str, member: &MemberId) -> bool {
    state.jobs().get(id).is_some_and(|known| known.member == *member)
}

/// When a transaction was decided, and why it was refused, if it was.
async fn on_ledger(
    state: &ApiState,
    transaction: TransactionId,
) -> Result<Option<(TimestampMs, Option<Problem>)>, Problem> {
    let found = state.read(move |view| {
        let Some(record) = view.transaction(&transaction)? else { return Ok(None) };
        Ok(view.header(record.height)?.map(|stored| (record, stored.header.block_time)))
    });
    Ok(found.await?.map(|(record, block_time)| match record.receipt.verdict {
        Verdict::Rejected(rejection) => (block_time, Some(refused(&rejection))),
        Verdict::Recorded { .. } => (block_time, None),
    }))
}

/// A job as it is now: when the node stopped in the middle of one, the ledger is asked what became
/// of it.
async fn known_now(state: &ApiState, known: Known) -> Result<Job, Problem> {
    if !known.interrupted {
        return Ok(known.job);
    }
    let id = known.job.capture_id.clone();
    let again = "send the document again: what is on record is known and not recorded twice";
    let (at, error) = match known.job.capture_error_behaviour {
        ErrorBehaviour::Proceed => {
            let detail = format!(
                "the node stopped in the middle of this job; some events may be on record: {again}"
            );
            (now(), Some(Problem::new(Kind::Unavailable, detail).code("interrupted")))
        }
        ErrorBehaviour::Rollback => {
            let transaction = id.parse().map(TransactionId).ok();
            let found = match transaction {
                Some(transaction) => on_ledger(state, transaction).await?,
                None => None,
            };
            match found {
                Some(told) => told,
                None if may_still_come(&known.job) => return Ok(known.job),
                None => {
                    let detail = format!(
                        "the node stopped before the transaction was in a block; nothing of it is \
                         on record: {again}"
                    );
                    (now(), Some(Problem::new(Kind::Unavailable, detail).code("interrupted")))
                }
            }
        }
    };
    Ok(state.jobs().settle(&id, at, error).map_or(known.job, |settled| settled.job))
}

/// Whether the job's transaction has not expired yet.
fn may_still_come(job: &Job) -> bool {
    let began = tracehold_chain::epcis::time::parse(&job.created_at);
    began.is_ok_and(|began| now().since_ms(began) <= 2 * TRANSACTION_LIFETIME_MS)
}

/// Read a captured document
///
/// The document of a job as it was sent, byte for byte, when it is recorded in another form than
/// it came in: one in XML, or one that the lenient reading changed. This node alone keeps it, until
/// its job is forgotten or room is needed for newer ones; its SHA-256 is in the job.
#[utoipa::path(
    get, path = "/epcis/v2/capture/{captureID}/document", tag = "EPCIS",
    params(("captureID" = String, Path, description = "from the `Location` of the capture")),
    responses(
        (status = 200, description = "The document, in its own media type",
            content((String = "application/xml"), (Captured = "application/json"))),
        (status = 404, description = "The member has no such job here, or its document is not kept"),
    ),
    security(("api_key" = []))
)]
pub async fn get_document(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Response, Problem> {
    let known = state.jobs().get(&id);
    let known = known.filter(|known| known.member == *keyed.agent.agent_id.member());
    let original = known.and_then(|known| known.job.original);
    let Some(original) = original else {
        let detail = format!("no capture job {id} of your member is known here");
        return Err(Problem::new(Kind::NotFound, detail));
    };
    let Some(bytes) = state.jobs().document(&id).await? else {
        let detail = "the document is not kept as it came: one read strictly from JSON is on the \
                      ledger event by event; others are removed when room is needed";
        return Err(Problem::new(Kind::NotFound, detail).code("document_not_kept"));
    };
    let media = match original.media_type.as_str() {
        "application/xml" => "application/xml",
        _ => "application/json",
    };
    Ok(([(CONTENT_TYPE, media)], bytes).into_response())
}
