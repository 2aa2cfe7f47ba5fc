//! `POST /api/v1/readings`: what sensors say, in batches, folded into one event for each interval.
//!
//! [`line`] reads and checks each line, [`fold`] makes summaries of them, and events of summaries.
//! An event's id is made of what it says, so that the same batch sent again is known as the same.

mod fold;
mod line;
mod units;

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::limits::MAX_EVENTS_PER_TRANSACTION;
use tracehold_contracts::Verdict;

use super::ApiState;
use super::auth::Keyed;
use super::extract::{Params, media_type, read_body};
use super::limits::{DEFAULT_READING_INTERVAL, MAX_READING_INTERVAL, MAX_READING_LINES};
use super::limits::{MAX_FIELD_ERRORS, MIN_READING_INTERVAL};
use super::problem::{FieldError, Kind, Problem};
use super::submit::{refused, repeated, submit};
use super::{capture, now, prepare};
use line::{Line, LineError, ReadingLine, Summary};

/// The query of a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingsQuery {
    interval: Option<u64>,
    #[serde(rename = "onError")]
    on_error: Option<OnError>,
}

/// What becomes of the good lines of a batch that has bad ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnError {
    /// Nothing is recorded.
    #[default]
    Refuse,
    /// They are recorded.
    Skip,
}

/// What became of a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReadingsAnswer {
    /// Lines that were taken.
    pub taken: usize,
    /// The events made of them, in the order of item, device, type and time.
    pub events: Vec<ReadingsEvent>,
    /// Lines that were left out, with `onError=skip`; at most 50 are listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<FieldError>,
}

/// One event made of readings.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReadingsEvent {
    /// Its eventID.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// What was measured on, in the one spelling.
    pub item: String,
    /// What measured.
    pub device: String,
    /// What was measured.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its first reading.
    pub start: String,
    /// Its last reading.
    pub end: String,
    /// How many readings it stands for.
    pub readings: u64,
    /// Whether it was on record before.
    pub repeated: bool,
}

/// Record sensor readings
///
/// Takes a batch of lines, as NDJSON or a JSON array. A line is one reading (`time`, `value`) or a
/// device's own summary (`start`, `end`, `min`, `max`, `mean`, `count`). Readings of one item,
/// device and type are folded into one ObjectEvent for each interval. The answer comes when the
/// events are committed, synced and readable; the same batch sent again records nothing twice.
#[utoipa::path(
    post, path = "/api/v1/readings", tag = "Live",
    params(
        ("interval" = Option<u64>, Query, minimum = 60, maximum = 86400,
            description = "seconds that one event stands for; 600 when absent"),
        ("onError" = Option<String>, Query, description = "`refuse` (default): a bad line refuses \
            the batch; `skip`: the good lines are recorded and the bad ones listed"),
    ),
    request_body(content(
        (ReadingLine = "application/x-ndjson"), (Vec<ReadingLine> = "application/json")),
        description = "one JSON object a line, or a JSON array of them"),
    responses(
        (status = 200, description = "All of it was on record before", body = ReadingsAnswer),
        (status = 201, description = "Recorded", body = ReadingsAnswer),
        (status = 400, description = "A line breaks a rule; nothing is recorded"),
        (status = 403, description = "The agent may not record this"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Not JSON"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet: send it again"),
    ),
    security(("api_key" = []))
)]
pub async fn post_readings(
    State(state): State<ApiState>,
    keyed: Keyed,
    Params(query): Params<ReadingsQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let as_lines = match media_type(&headers, "application/x-ndjson").as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => true,
        "application/json" => false,
        other => {
            let detail =
                format!("readings are application/x-ndjson or application/json, not {other}");
            return Err(Problem::new(Kind::UnsupportedMedia, detail));
        }
    };
    let interval = query.interval.unwrap_or(DEFAULT_READING_INTERVAL);
    if !(MIN_READING_INTERVAL..=MAX_READING_INTERVAL).contains(&interval) {
        let rule = format!("must be from {MIN_READING_INTERVAL} to {MAX_READING_INTERVAL} seconds");
        let problem = Problem::new(Kind::Parameter, format!("interval {rule}"));
        let mend = format!("leave it out for {DEFAULT_READING_INTERVAL}");
        return Err(problem.field("interval", rule, mend));
    }
    let limit = state.body_bytes();
    let _room = state.make_room(&headers, limit).await?;
    let bytes = read_body(body, limit, state.limits().body).await?;
    let (agent, at) = (keyed.agent.clone(), now());
    let on_error = query.on_error.unwrap_or_default();
    let made = state.compute(bytes.len(), move || {
        let lines = read_lines(&bytes, as_lines)?;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (place, line) in lines.into_iter().enumerate() {
            match line.and_then(|value| Line::read(&value, at)) {
                Ok(line) => good.push(line),
                Err(errors) => bad.extend(errors.into_iter().map(|error| (place, error))),
            }
        }
        if !bad.is_empty() && (on_error == OnError::Refuse || good.is_empty()) {
            return Err(bad_lines(&bad));
        }
        let taken = good.len();
        let summaries = fold::summaries(good, interval * 1_000);
        if summaries.len() > MAX_EVENTS_PER_TRANSACTION {
            let detail = format!(
                "the batch makes {} events, {MAX_EVENTS_PER_TRANSACTION} is the limit: send it in \
                 parts, or with a longer interval",
                summaries.len()
            );
            return Err(Problem::new(Kind::TooLarge, detail).code("too_many_events"));
        }
        let events: Result<Vec<Made>, Problem> =
            summaries.into_iter().map(|summary| made(summary, &agent)).collect();
        Ok((taken, events?, bad))
    });
    let (taken, events, bad) = made.await?;
    let known = record(&state, &keyed, &events).await?;
    let all_known = events.iter().all(|made| known.contains(&made.event_id));
    let answer = ReadingsAnswer {
        taken,
        refused: bad.iter().take(MAX_FIELD_ERRORS).map(|(place, e)| field(*place, e)).collect(),
        events: events
            .into_iter()
            .map(|made| ReadingsEvent {
                repeated: known.contains(&made.event_id),
                event_id: made.event_id,
                item: made.summary.series.item.clone(),
                device: made.summary.series.device.clone(),
                kind: made.summary.series.kind.clone(),
                start: made.summary.start.to_string(),
                end: made.summary.end.to_string(),
                readings: made.summary.count,
            })
            .collect(),
    };
    let status = if all_known { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(answer)).into_response())
}

/// A summary and the event it becomes.
struct Made {
    summary: Summary,
    event_id: String,
    event: SectionedEvent,
}

fn made(summary: Summary, agent: &crate::keystore::AgentSigner) -> Result<Made, Problem> {
    let value = summary.event(&agent.section_secret);
    let event = Event::from_value(value, None).map_err(|wrong| prepare::invalid(&wrong))?;
    let event_id = event.event_id().unwrap_or_default().to_owned();
    Ok(Made { event: prepare::sectioned(agent, &event), summary, event_id })
}

/// Records what is not on record, in one transaction; gives the ids of what was there before.
async fn record(
    state: &ApiState,
    keyed: &Keyed,
    events: &[Made],
) -> Result<BTreeSet<String>, Problem> {
    let ids: Vec<String> = events.iter().map(|made| made.event_id.clone()).collect();
    let known = state.read(move |view| {
        let mut known = BTreeSet::new();
        for id in ids {
            if view.event_record(&id, None)?.is_some() {
                known.insert(id);
            }
        }
        Ok(known)
    });
    let mut known = known.await?;
    let fresh: Vec<&Made> = events.iter().filter(|made| !known.contains(&made.event_id)).collect();
    if fresh.is_empty() {
        return Ok(known);
    }
    let sections = fresh.iter().map(|made| made.event.clone()).collect();
    let bundle =
        prepare::signed(&keyed.agent, state.chain_id(), state.expiry(), Vec::new(), sections);
    capture::fits(&bundle)?;
    let committed = submit(state, bundle, state.limits().commit).await?;
    if let Verdict::Rejected(rejection) = &committed.receipt.verdict {
        return Err(refused(rejection));
    }
    // Somebody else may have sent the same at the same time.
    let again = repeated(&committed.receipt.verdict);
    let again = again.iter().filter_map(|place| fresh.get(usize::try_from(*place).ok()?));
    let again: Vec<String> = again.map(|made| made.event_id.clone()).collect();
    state.metrics().captured(fresh.len().saturating_sub(again.len()));
    known.extend(again);
    Ok(known)
}

type Read<T> = Result<T, Vec<LineError>>;

/// The lines of a batch, each a value or what is wrong with it.
fn read_lines(bytes: &[u8], as_lines: bool) -> Result<Vec<Read<serde_json::Value>>, Problem> {
    use tracehold_chain::epcis::json::parse_strict;
    let lines: Vec<Read<serde_json::Value>> = if as_lines {
        let lines = bytes.split(|byte| *byte == b'\n');
        let filled = lines.filter(|line| !line.trim_ascii().is_empty());
        let read = |line: &[u8]| {
            parse_strict(line).map_err(|error| {
                let mend = format!("column {}: {}", error.column, error.fault);
                vec![LineError::new("", error.fault.rule(), mend)]
            })
        };
        // One more than is allowed shows that there are too many.
        filled.take(MAX_READING_LINES + 1).map(read).collect()
    } else {
        match parse_strict(bytes) {
            Ok(serde_json::Value::Array(list)) => list.into_iter().map(Ok).collect(),
            Ok(_) => {
                let problem = Problem::new(Kind::Validation, "the body must be a JSON array");
                let mend = "put the readings in [ ], or send them as application/x-ndjson";
                return Err(problem.field("", "must be an array", mend));
            }
            Err(error) => {
                let problem = Problem::new(Kind::Validation, error.to_string());
                let rule = error.fault.rule();
                return Err(problem.field(error.pointer.clone(), rule, error.to_string()));
            }
        }
    };
    if lines.is_empty() {
        let problem = Problem::new(Kind::Validation, "the batch has no lines");
        return Err(problem.field("", "must have at least one line", "send a reading"));
    }
    if lines.len() > MAX_READING_LINES {
        let detail = format!("the batch has more than {MAX_READING_LINES} lines: send it in parts");
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    Ok(lines)
}

/// Lines are counted from 1 for people, and from 0 in pointers as JSON does.
fn field(place: usize, error: &LineError) -> FieldError {
    let field = match error.field {
        "" => format!("/{place}"),
        name => format!("/{place}/{name}"),
    };
    let rule = format!("line {}: {}", place + 1, error.rule);
    FieldError { field, rule, mend: Some(error.mend.clone()) }
}

fn bad_lines(bad: &[(usize, LineError)]) -> Problem {
    let lines: BTreeSet<usize> = bad.iter().map(|(place, _)| *place).collect();
    let first = bad.first().map_or_else(String::new, |(place, error)| {
        format!("line {}: {} {}", place + 1, error.field, error.rule)
    });
    let detail = format!(
        "{} of the lines break a rule and nothing is recorded ({first}); mend them, or send with \
         onError=skip to record the others",
        lines.len()
    );
    let mut problem = Problem::new(Kind::Validation, detail);
    for (place, error) in bad.iter().take(MAX_FIELD_ERRORS) {
        let FieldError { field, rule, mend } = field(*place, error);
        problem = problem.field(field, rule, mend.unwrap_or_default());
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_an_array_as_a_whole() {
        let lines = read_lines(b"{\"a\":1}\n\n  \r\nnonsense\n{}", true).unwrap();
        assert_eq!(lines.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(read_lines(b"[{},{}]", false).unwrap().len(), 2);
        for bad in ["{}", "[", "", "[]"] {
            assert_eq!(read_lines(bad.as_bytes(), false).unwrap_err().status, 400, "{bad}");
        }
        let many = "1\n".repeat(MAX_READING_LINES + 1);
        assert_eq!(read_lines(many.as_bytes(), true).unwrap_err().status, 413);
    }
}
