//! `/live`: one line for each block that records something, as it comes, for the first page.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracehold_chain::units::Height;
use tracehold_explorer::language::Language;
use tracehold_explorer::story::{Recorded, tell};

use super::super::ApiState;
use super::super::limits::MAX_FEEDS;
use super::super::problem::{Kind, Problem};
use super::super::server::stopped;
use super::super::visible::Caller;
use super::{frame, told};

/// Steps that one line names.
const NAMED: usize = 3;

/// What a line is made from as blocks come.
struct Line {
    state: ApiState,
    caller: Caller,
    language: Language,
    changes: watch::Receiver<Height>,
    stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

/// Server-sent events: what each new block records, in plain words.
pub async fn live(
    State(state): State<ApiState>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = frame(&state, &headers, &uri).language;
    let place = state.feeds().try_acquire_owned().map_err(|_| {
        let detail = format!("{MAX_FEEDS} feeds are open, which is the limit; try again later");
        Problem::new(Kind::Unavailable, detail).code("too_many_feeds")
    })?;
    let mut changes = state.node()?.changes();
    changes.mark_unchanged();
    let stop = state.stop();
    let line = Line { state, caller, language, changes, stop, _place: place };
    let lines = stream::unfold(line, |mut line| async move {
        let bytes = line.next().await?;
        Some((Ok::<_, Infallible>(bytes), line))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Line {
    /// The next line, or a sign of life; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let heartbeat = self.state.limits().heartbeat;
        tokio::select! {
            changed = self.changes.changed() => changed.ok()?,
            () = stopped(&mut self.stop) => return None,
            () = tokio::time::sleep(heartbeat) => return Some(Bytes::from_static(b":\n\n")),
        }
        let height = *self.changes.borrow_and_update();
        let (api, caller, language) = (self.state.clone(), self.caller.clone(), self.language);
        let read = self.state.read(move |view| told(&api, &caller, &view.recorded_in(height)?));
        let events = read.await.ok()?;
        if events.is_empty() {
            return Some(Bytes::from_static(b":\n\n"));
        }
        let line = line(height, &events, language);
        Some(Bytes::from(format!("data: {line}\n\n")))
    }
}

fn line(height: Height, events: &[Recorded], language: Language) -> String {
    let places = Default::default();
    let steps = events.iter().take(NAMED).map(|recorded| {
        let chapter = tell(recorded, &places, language);
        format!("{} ({})", chapter.title, chapter.recorded_by)
    });
    let steps = steps.collect::<Vec<_>>().join(language.pick(", ", "、"));
    let more = events.len().saturating_sub(NAMED);
    let more = match more {
        0 => String::new(),
        more => language.pick(format!(" and {more} more"), format!("，另有 {more} 个")),
    };
    let line = match language {
        Language::English => format!("Block {height}: {steps}{more}"),
        Language::Chinese => format!("区块 {height}：{steps}{more}"),
    };
    // A line break would end the message.
    line.replace(char::is_control, " ")
}
