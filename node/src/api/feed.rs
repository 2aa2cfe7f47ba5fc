//! `/api/v1/feed`: committed events in order, as they come.
//!
//! A feed is pulled by its reader: a slow one holds back nobody and costs a page of memory. It
//! resumes after any cursor it ever gave. What it tells is chosen by the same [`Filter`] that
//! webhooks have.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures::stream::{self, Stream};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use tracehold_chain::state::Position;
use tracehold_chain::units::Height;

use super::ApiState;
use super::auth::Keyed;
use super::extract::Params;
use super::limits::MAX_FEEDS;
use super::paging::{from_token, to_token};
use super::problem::{Kind, Problem};
use super::records;
use super::server::stopped;
use super::visible::{Caller, Record, Sight, visible};
use crate::deliver::facts;
use crate::deliver::filter::{Filter, FilterError, Matcher};
use crate::fault::Fault;
use crate::view::StoredEvent;

/// Events that a feed reads at once.
const FEED_PAGE: usize = 100;

/// The longest `wait`, in seconds.
const MAX_WAIT_SECONDS: u64 = 3_600;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The query of a feed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedQuery {
    after: Option<String>,
    limit: Option<u64>,
    wait: Option<u64>,
    item: Option<String>,
    shipment: Option<String>,
    party: Option<String>,
    kind: Option<String>,
}

impl FeedQuery {
    /// The filter, with several values of a field joined by `|`.
    fn filter(&self) -> Filter {
        let values = |given: &Option<String>| {
            given.iter().flat_map(|text| text.split('|')).map(str::to_owned).collect()
        };
        Filter {
            item: values(&self.item),
            shipment: values(&self.shipment),
            party: values(&self.party),
            kind: values(&self.kind),
        }
    }
}

/// The problem of a filter's field, which stands at `field`.
#[must_use]
pub fn bad_filter(kind: Kind, field: String, error: FilterError) -> Problem {
    Problem::new(kind, error.to_string()).field(field, error.rule, error.mend)
}

/// One event of the feed.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeedEntry {
    /// Where it stands; give the last one seen as `after` to go on from there.
    pub cursor: String,
    /// Its block.
    pub height: u64,
    /// The block's time.
    #[serde(rename = "recordTime")]
    pub record_time: String,
    /// The transaction that recorded it.
    #[serde(rename = "transactionID")]
    pub transaction_id: String,
    /// The agent that signed the transaction.
    #[serde(rename = "recordedBy")]
    pub recorded_by: String,
    /// The event digest that was signed.
    pub digest: String,
    /// The event, with all its contexts.
    pub event: serde_json::Value,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Lines,
    ServerSent,
}

/// Follow committed events
///
/// Every event after `after`, in commit order: one JSON object a line, or server-sent events when
/// `Accept` is `text/event-stream`. The feed stays open and goes on with new events; while there
/// are none a sign of life comes every few seconds (`{"heartbeat":true,…}`, or a comment). With
/// `limit` it ends after so many events, with `wait` after so many seconds without a new one (0:
/// at once when all are told). With `item`, `shipment`, `party` or `kind` it tells only what all of
/// them let through; several values of one are joined by `|`.
#[utoipa::path(
    get, path = "/api/v1/feed", tag = "Ledger",
    params(
        ("after" = Option<String>, Query,
            description = "a cursor; `now` for new events only; absent for all since the first"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "end after so many events"),
        ("wait" = Option<u64>, Query, minimum = 0, maximum = 3600,
            description = "end after so many seconds without a new event"),
        ("item" = Option<String>, Query, description = "URIs of items; a class stands for all of \
            its items"),
        ("shipment" = Option<String>, Query, description = "SSCCs or other shipments, or ids of \
            business documents"),
        ("party" = Option<String>, Query, description = "members, GLNs, or URIs of parties or \
            places"),
        ("kind" = Option<String>, Query, description = "event types, business steps, codes of \
            anomalies, or `anomaly`"),
        ("Last-Event-ID" = Option<String>, Header, description = "a cursor; wins over `after`"),
    ),
    responses(
        (status = 200, description = "Events as they come", content(
            (FeedEntry = "application/x-ndjson"), (String = "text/event-stream"))),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 503, description = "Too many feeds are open"),
    ),
    security(("api_key" = []))
)]
pub async fn get_feed(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    Params(query): Params<FeedQuery>,
) -> Result<Response, Problem> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let form = if accept.contains("text/event-stream") { Form::ServerSent } else { Form::Lines };
    let last_seen = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let after = match (last_seen, query.after.as_deref()) {
        (Some(token), _) => Some(from_token("Last-Event-ID", token)?),
        (None, Some("now")) => Some(after_block(Height(state.status()?.height))),
        (None, Some(token)) => Some(from_token("after", token)?),
        (None, None) => None,
    };
    if query.limit == Some(0) {
        let problem = Problem::new(Kind::Parameter, "limit must be at least 1");
        return Err(problem.field("limit", "must be at least 1", "leave it out for no limit"));
    }
    if query.wait.is_some_and(|wait| wait > MAX_WAIT_SECONDS) {
        let rule = format!("must be at most {MAX_WAIT_SECONDS} seconds");
        let problem = Problem::new(Kind::Parameter, format!("wait {rule}"));
        return Err(problem.field("wait", rule, "leave it out to stay open"));
    }
    let filter = query.filter().settled(state.members().iter());
    let filter =
        filter.map_err(|error| bad_filter(Kind::Parameter, error.field.to_owned(), error))?;
    let asked = (!filter.is_empty()).then(|| {
        let matcher = filter.matcher(state.members().iter());
        Arc::new(Asked { named: filter.named().map(<[String]>::to_vec), matcher })
    });
    let place = state.feeds().try_acquire_owned().map_err(|_| {
        let detail = format!("{MAX_FEEDS} feeds are open, which is the limit; try again later");
        Problem::new(Kind::Unavailable, detail).code("too_many_feeds")
    })?;
    let feed = Feed {
        caller: keyed.caller(),
        changes: state.node()?.changes(),
        stop: state.stop(),
        heartbeat: state.limits().heartbeat,
        wait: query.wait.map(Duration::from_secs),
        left: query.limit.unwrap_or(u64::MAX),
        quiet_since: Instant::now(),
        told_at: Instant::now(),
        asked,
        after,
        form,
        ended: false,
        _place: place,
        state,
    };
    let mut response = Response::new(Body::from_stream(feed.into_stream()));
    let media = match form {
        Form::Lines => "application/x-ndjson",
        Form::ServerSent => "text/event-stream",
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// After every event of the block at `height`.
#[must_use]
pub fn after_block(height: Height) -> Position {
    Position { height, transaction: u32::MAX, event: u32::MAX }
}

/// What a feed is asked for.
struct Asked {
    matcher: Matcher,
    /// Identifiers one of which every event must name: the index leads to them.
    named: Option<Vec<String>>,
}

/// What a page of the history gave.
enum Read {
    /// There is nothing more yet.
    Nothing,
    /// There was nothing that is asked for.
    Passed,
    Told(Bytes),
}

struct Feed {
    state: ApiState,
    caller: Caller,
    changes: watch::Receiver<Height>,
    stop: watch::Receiver<bool>,
    heartbeat: Duration,
    wait: Option<Duration>,
    left: u64,
    quiet_since: Instant,
    told_at: Instant,
    asked: Option<Arc<Asked>>,
    after: Option<Position>,
    form: Form,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut feed| async move {
            let bytes = feed.next().await?;
            feed.told_at = Instant::now();
            Some((Ok(bytes), feed))
        })
    }

    /// The next events, or a sign of life; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended || self.left == 0 {
            return None;
        }
        loop {
            // Seen before reading: a block that comes while we read wakes us again.
            self.changes.borrow_and_update();
            match self.read().await {
                Ok(Read::Nothing) => {}
                Ok(Read::Passed) if *self.stop.borrow() => return None,
                // A long way through what nobody asked for.
                Ok(Read::Passed) if self.told_at.elapsed() >= self.heartbeat => {
                    return Some(self.sign_of_life());
                }
                Ok(Read::Passed) => continue,
                Ok(Read::Told(page)) => {
                    self.quiet_since = Instant::now();
                    return Some(page);
                }
                Err(problem) => {
                    self.ended = true;
                    return Some(self.broken(&problem));
                }
            }
            let until_end = self.wait.map(|wait| wait.saturating_sub(self.quiet_since.elapsed()));
            if until_end.is_some_and(|left| left.is_zero()) {
                return None;
            }
            let pause = self.heartbeat.min(until_end.unwrap_or(self.heartbeat));
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = stopped(&mut self.stop) => return None,
                () = tokio::time::sleep(pause) => {
                    if self.wait.is_none_or(|wait| self.quiet_since.elapsed() < wait) {
                        return Some(self.sign_of_life());
                    }
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Read, Problem> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let (after, caller, form) = (self.after, self.caller.clone(), self.form);
        let asked = self.asked.clone();
        let page = self.state.read(move |view| {
            let Some(asked) = asked else {
                let page = records::all(view, after, left.min(FEED_PAGE))?;
                let last = page.events.last().map(|stored| stored.position);
                return Ok((page.events, last));
            };
            let page = match &asked.named {
                Some(ids) => records::naming_any(view, ids, after, FEED_PAGE)?,
                None => records::all(view, after, FEED_PAGE)?,
            };
            let last = page.events.last().map(|stored| stored.position);
            let mut wanted = Vec::new();
            for stored in page.events {
                let event = stored.body().event().map_err(|error| {
                    Fault::new(format!("the event at {:?} is damaged: {error}", stored.position))
                })?;
                if asked.matcher.matches(&facts(view, &stored, &event)?) {
                    wanted.push(stored);
                }
            }
            Ok((wanted, last))
        });
        let (mut events, last) = page.await?;
        let Some(mut last) = last else { return Ok(Read::Nothing) };
        events.retain(|stored| {
            let record = Record { recorded_by: stored.recorder() };
            visible(&caller, &record) == Sight::Whole
        });
        if events.len() > left {
            events.truncate(left);
            last = events.last().map_or(last, |stored| stored.position);
        }
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let bytes = events.iter().map(|stored| stored.body().text_bytes()).sum();
        let text = self.state.compute(bytes, move || {
            let mut text = String::new();
            for stored in &events {
                write_entry(&mut text, stored, form)?;
            }
            Ok(text)
        });
        let text = text.await?;
        self.after = Some(last);
        self.left = self.left.saturating_sub(count);
        Ok(if count == 0 { Read::Passed } else { Read::Told(Bytes::from(text)) })
    }

    fn sign_of_life(&self) -> Bytes {
        let cursor = self.after.map(to_token);
        match self.form {
            // With its cursor, so that who comes back need not pass again what was not asked for.
            Form::ServerSent if self.asked.is_some() && cursor.is_some() => {
                Bytes::from(format!(": heartbeat\nid: {}\n\n", cursor.unwrap_or_default()))
            }
            Form::ServerSent => Bytes::from_static(b": heartbeat\n\n"),
            Form::Lines => {
                let height = self.changes.borrow().0;
                let line =
                    serde_json::json!({"heartbeat": true, "height": height, "cursor": cursor});
                Bytes::from(format!("{line}\n"))
            }
        }
    }

    fn broken(&self, problem: &Problem) -> Bytes {
        let json = serde_json::to_string(problem).expect("a problem is plain data");
        match self.form {
            Form::ServerSent => Bytes::from(format!("event: problem\ndata: {json}\n\n")),
            Form::Lines => Bytes::from(format!("{{\"problem\":{json}}}\n")),
        }
    }
}

/// An event as feeds and webhooks tell it.
///
/// # Errors
/// [`super::problem::Kind::Internal`] when it is damaged.
pub fn entry(stored: &StoredEvent) -> Result<String, Problem> {
    let event = records::event(stored)?;
    let entry = FeedEntry {
        cursor: to_token(stored.position),
        height: stored.position.height.0,
        record_time: stored.record_time().to_string(),
        transaction_id: stored.transaction_id().to_string(),
        recorded_by: stored.sender().to_string(),
        digest: stored.digest().to_string(),
        event: event.self_contained(),
    };
    Ok(serde_json::to_string(&entry).expect("a feed entry is plain data"))
}

fn write_entry(text: &mut String, stored: &StoredEvent, form: Form) -> Result<(), Problem> {
    let json = entry(stored)?;
    match form {
        Form::Lines => {
            text.push_str(&json);
            text.push('\n');
        }
        Form::ServerSent => {
            text.push_str("event: epcis\nid: ");
            text.push_str(&to_token(stored.position));
            text.push_str("\ndata: ");
            text.push_str(&json);
            text.push_str("\n\n");
        }
    }
    Ok(())
}

/// How many feeds may be open.
#[must_use]
pub fn places() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(MAX_FEEDS))
}
