//! WebSocket subscriptions: `GET /epcis/v2/queries/{queryName}/events` with `Upgrade: websocket`.
//!
//! Who holds a socket open hears what a webhook would: EPCISQueryDocuments with the events that
//! match, at once or by a schedule, as far as its member may see them. The history is pulled at the
//! reader's pace, so a slow one holds back nobody; one that takes nothing for
//! [`SEND_DEADLINE`] is cut off. A socket keeps no cursor: who comes again says from when on
//! (`initialRecordTime`).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::UPGRADE;
use http::{HeaderMap, Method};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tracehold_chain::state::Position;
use tracehold_chain::units::{Height, MemberId, TimestampMs};

use super::auth::Keyed;
use super::extract::query_pairs;
use super::limits::MAX_SOCKETS;
use super::problem::{Kind, Problem};
use super::server::stopped;
use super::subscriptions::{Controls, control, named};
use super::{ApiState, EpcFormat, now};
use crate::deliver::schedule::Times;
use crate::deliver::{Filter, Pending, Progress, Query, Schedule, Standing, Subscription};
use crate::queries::NamedQuery;

/// How long one report may take to be sent before its reader counts as too slow.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// How long is spent on saying why a socket is closed.
const GOODBYE: Duration = Duration::from_secs(1);

/// Signs of life that may stay without an answer.
const MISSED_PONGS: u32 = 3;

/// Bytes of a message from the reader, which has nothing to say.
const MAX_INCOMING: usize = 4 * 1024;

/// How long a failed read of the history waits before the next.
const RETRY: Duration = Duration::from_secs(1);

// Why a socket is closed (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;

/// What all sockets of a node share. Clones are the same.
#[derive(Clone)]
pub struct Sockets {
    places: Arc<Semaphore>,
    /// Counts the queries that were deleted: who has a socket looks whether its own is.
    deleted: Arc<watch::Sender<u64>>,
}

impl Default for Sockets {
    fn default() -> Sockets {
        Sockets {
            places: Arc::new(Semaphore::new(MAX_SOCKETS)),
            deleted: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Sockets {
    /// Lets sockets look whether their query is still there.
    pub fn query_deleted(&self) {
        self.deleted.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The layer that opens sockets: a request to upgrade never reaches the resource itself.
pub async fn layer(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let Some(name) = asked_for(&request) else { return next.run(request).await };
    open(&state, request, &name).await.unwrap_or_else(|problem| problem.into_response())
}

/// The query that a request would have a socket of.
fn asked_for(request: &Request) -> Option<String> {
    if request.method() != Method::GET {
        return None;
    }
    let upgrade = request.headers().get(UPGRADE)?.to_str().ok()?;
    let rest = request.uri().path().strip_prefix("/epcis/v2/queries/")?;
    let (name, resource) = rest.split_once('/')?;
    let is_ours = matches!(resource, "events" | "subscriptions");
    (upgrade.eq_ignore_ascii_case("websocket") && is_ours).then(|| decoded(name))
}

/// The name of a query has letters, digits and signs that need no encoding; a client may encode.
fn decoded(name: &str) -> String {
    let uri: Option<http::Uri> = format!("/?n={}", name.replace('+', "%2B")).parse().ok();
    let pairs = uri.map(|uri| query_pairs(&uri)).unwrap_or_default();
    pairs.into_iter().next().map_or_else(|| name.to_owned(), |(_, name)| name)
}

async fn open(state: &ApiState, request: Request, name: &str) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let keyed =
        <Keyed as axum::extract::FromRequestParts<ApiState>>::from_request_parts(&mut parts, state)
            .await?;
    let agent = keyed.agent.agent_id;
    let query = named(state, agent.member(), name)?;
    let controls = controls(&query_pairs(&parts.uri), &parts.headers)?;
    let format = EpcFormat::of(&parts.headers)?;
    let (standing, after) = controls.standing(state, query.clone(), format, "").await?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, state).await;
    let upgrade = upgrade.map_err(|refused| Problem::new(Kind::Parameter, refused.body_text()))?;
    let place = Arc::clone(&state.sockets().places).try_acquire_owned().map_err(|_| {
        let detail = format!("{MAX_SOCKETS} sockets are open, which is the limit; try again later");
        Problem::new(Kind::Unavailable, detail).code("too_many_sockets")
    })?;
    let times = standing.times();
    let subscription = Subscription {
        id: format!("ws_{}", uuid::Uuid::new_v4().simple()),
        agent,
        url: String::new(),
        secret: String::new(),
        description: None,
        filter: Filter::default(),
        standing: Some(standing.clone()),
        created_at: now(),
        progress: Progress::default(),
    };
    let Some((asked, changes)) = state.deliverer().ask(&subscription) else {
        return Err(Problem::new(Kind::Unavailable, "the node is starting").code("starting"));
    };
    let open = Open {
        state: state.clone(),
        member: subscription.agent.member().clone(),
        query,
        standing,
        times,
        asked,
        changes,
        after,
        heard: Instant::now(),
        _place: place,
    };
    let upgrade = upgrade.max_message_size(MAX_INCOMING).max_frame_size(MAX_INCOMING);
    Ok(upgrade.on_upgrade(|socket| open.run(socket)))
}

/// What the parameters ask for; those of the standard's name, or the headers of its drafts.
fn controls(pairs: &[(String, String)], headers: &HeaderMap) -> Result<Controls, Problem> {
    const NAMES: [(&str, &str); 9] = [
        ("stream", "gs1-query-stream"),
        ("reportIfEmpty", "gs1-query-reportifempty"),
        ("initialRecordTime", "gs1-query-initialrecordtime"),
        ("second", "gs1-query-second"),
        ("minute", "gs1-query-minute"),
        ("hour", "gs1-query-hour"),
        ("dayOfMonth", "gs1-query-dayofmonth"),
        ("month", "gs1-query-month"),
        ("dayOfWeek", "gs1-query-dayofweek"),
    ];
    if let Some((name, _)) = pairs.iter().find(|(name, _)| NAMES.iter().all(|(n, _)| n != name)) {
        let known = NAMES.map(|(name, _)| name).join(", ");
        let detail = format!("the parameter {name} is not known; known are {known}");
        return Err(Problem::new(Kind::Parameter, detail).field(
            name,
            "must be a known parameter",
            "leave it out",
        ));
    }
    let value = |wanted: &str| {
        let given = pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        given.or_else(|| {
            let (_, header) = NAMES.into_iter().find(|(name, _)| *name == wanted)?;
            Some(headers.get(header)?.to_str().ok()?.to_owned())
        })
    };
    let flag = |name: &str| match value(name).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => {
            Err(control(name.to_owned(), "must be true or false", "leave it out, or give true"))
        }
    };
    let schedule = Schedule {
        second: value("second"),
        minute: value("minute"),
        hour: value("hour"),
        day_of_month: value("dayOfMonth"),
        month: value("month"),
        day_of_week: value("dayOfWeek"),
    };
    Ok(Controls {
        stream: flag("stream")?,
        schedule: (!schedule.is_empty()).then_some(schedule),
        report_if_empty: flag("reportIfEmpty")?,
        // A plus sign that was not percent-encoded arrives as a space.
        initial_record_time: value("initialRecordTime").map(|text| text.replace(' ', "+")),
    })
}

/// Why a socket ends.
enum End {
    /// Its reader is gone.
    Gone,
    /// It is told why.
    Close(u16, &'static str),
}

/// An open socket.
struct Open {
    state: ApiState,
    member: MemberId,
    query: NamedQuery,
    standing: Standing,
    times: Option<Times>,
    asked: Arc<dyn Query>,
    changes: watch::Receiver<Height>,
    after: Option<Position>,
    /// When the reader last said anything.
    heard: Instant,
    _place: OwnedSemaphorePermit,
}

impl Open {
    async fn run(mut self, mut socket: WebSocket) {
        let end = self.serve(&mut socket).await;
        if let End::Close(code, reason) = end {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            let _ = tokio::time::timeout(GOODBYE, socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn serve(&mut self, socket: &mut WebSocket) -> End {
        let mut stop = self.state.stop();
        let mut deleted = self.state.sockets().deleted.subscribe();
        let beat = self.state.limits().heartbeat;
        let mut due = self.times.as_ref().and_then(|times| times.after(now()));
        let mut retry = None;
        loop {
            // Seen before reading: a block that comes while we read wakes us again.
            self.changes.borrow_and_update();
            deleted.borrow_and_update();
            let still = self.state.queries().get(&self.member, &self.query.name);
            if still.as_ref() != Some(&self.query) {
                return End::Close(NORMAL, "the query was deleted");
            }
            let is_due = match (&self.times, due) {
                (None, _) => true,
                (Some(_), due) => due.is_some_and(|due| due <= now()),
            };
            if is_due {
                retry = match self.report(socket).await {
                    Ok(()) => None,
                    Err(Some(end)) => return end,
                    Err(None) => Some(RETRY),
                };
                if retry.is_none() {
                    due = self.times.as_ref().and_then(|times| times.after(now()));
                }
            }
            if self.heard.elapsed() > beat * MISSED_PONGS {
                return End::Close(POLICY, "no sign of life: pings were not answered");
            }
            let wait = match (retry, due) {
                (Some(retry), _) => retry,
                (None, Some(due)) => until(due).min(beat),
                (None, None) => beat,
            };
            let is_stream = self.times.is_none();
            let waits_for_block = is_stream && retry.is_none();
            tokio::select! {
                () = stopped(&mut stop) => {
                    return End::Close(GOING_AWAY, "the node stops: connect again");
                }
                _ = deleted.changed() => {}
                message = socket.recv() => match message {
                    None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return End::Gone,
                    Some(Ok(_)) => self.heard = Instant::now(),
                },
                changed = self.changes.changed(), if waits_for_block => {
                    if changed.is_err() {
                        return End::Close(GOING_AWAY, "the node stops: connect again");
                    }
                }
                () = tokio::time::sleep(wait) => {
                    if wait >= beat
                        && let Err(end) = send(socket, Message::Ping(Vec::new().into())).await
                    {
                        return end;
                    }
                }
            }
        }
    }

    /// Sends everything that matches since the last report.
    async fn report(&mut self, socket: &mut WebSocket) -> Result<(), Option<End>> {
        let mut told = false;
        loop {
            let scan = self.asked.scan(self.after, None).await.map_err(|why| {
                tracing::warn!(why, "a socket cannot read the history");
                None
            })?;
            let says_nothing =
                self.standing.report_if_empty && self.times.is_some() && !told && !scan.more;
            if !scan.entries.is_empty() || says_nothing {
                let pending = Pending {
                    delivery: String::new(),
                    until: scan.seen,
                    attempts: 1,
                    at: now(),
                    empty: scan.entries.is_empty(),
                };
                let body = self.asked.body(&pending, &scan.entries);
                let text = String::from_utf8(body).map_err(|_| None)?;
                send(socket, Message::Text(text.into())).await.map_err(Some)?;
                told = true;
            }
            self.after = self.after.max(Some(scan.seen));
            if !scan.more {
                return Ok(());
            }
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match tokio::time::timeout(SEND_DEADLINE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Close(POLICY, "too slow: a report was not taken within 10 seconds")),
    }
}

fn until(due: TimestampMs) -> Duration {
    Duration::from_millis(due.since_ms(now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str, headers: &[(&'static str, &'static str)]) -> Result<Controls, Problem> {
        let uri: http::Uri = format!("/x?{query}").parse().unwrap();
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        });
        controls(&query_pairs(&uri), &headers.collect())
    }

    /// Promise P101.
    #[test]
    fn the_controls_of_a_socket_are_parameters_or_headers() {
        let stream = read("stream=true", &[]).unwrap();
        assert!(stream.stream == Some(true) && stream.schedule.is_none());
        assert_eq!(read("", &[("gs1-query-stream", "true")]).unwrap().stream, Some(true));
        let nightly = read("hour=1&minute=5&reportIfEmpty=true", &[]).unwrap();
        let schedule = nightly.schedule.unwrap();
        assert_eq!((schedule.hour.as_deref(), schedule.minute.as_deref()), (Some("1"), Some("5")));
        assert_eq!(nightly.report_if_empty, Some(true));
        let since = read("stream=true&initialRecordTime=2026-03-01T09:00:00+01:00", &[]).unwrap();
        assert_eq!(since.initial_record_time.as_deref(), Some("2026-03-01T09:00:00+01:00"));
        assert_eq!(read("stream=yes", &[]).err().unwrap().errors[0].field, "stream");
        assert_eq!(read("perPage=5", &[]).err().unwrap().errors[0].field, "perPage");
    }
}
