//! `/report`: the form in which whoever has a thing in hand reports a problem.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::{self, Frame};
use tracehold_explorer::story;

use super::super::ApiState;
use super::super::extract::{media_type, query_pairs, read_body};
use super::super::limits::MAX_REPORT_BODY_BYTES;
use super::super::problem::{Kind, Problem};
use super::super::scans::{ReportSaid, Visitor, keep};
use super::super::told::identifier;
use super::{PageQuery, frame, page};
use crate::scans::reports::{MAX_REPORT_LETTERS, ReportKind};

/// A thing in words, by its canonical identifier, and the path of its page.
struct Thing {
    about: String,
    id: String,
    path: String,
}

impl Thing {
    fn of(given: &str, frame: &Frame) -> Result<Thing, Problem> {
        let id = identifier(given)?;
        let wrong = || {
            Problem::new(Kind::Parameter, "id must be a GS1 identifier").field(
                "id",
                "must be a GS1 identifier",
                "open the page of the thing and report from there",
            )
        };
        let path = story::path_of(&id).ok_or_else(wrong)?;
        Ok(Thing {
            about: story::describe(&id, frame.language).unwrap_or_default(),
            path: frame.language.of_path(path),
            id: id.uri().to_owned(),
        })
    }

    fn parts(&self) -> (&str, &str, &str) {
        (&self.about, &self.id, &self.path)
    }
}

/// The form.
pub async fn form(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let given = PageQuery::of(&uri).id.unwrap_or_default();
    let thing = Thing::of(&given, &frame)?;
    let frame = Frame { path: format!("/report?id={}", encoded(&thing.id)), ..frame };
    let html = pages::report_form(&frame, thing.parts(), MAX_REPORT_LETTERS, None);
    Ok(page(StatusCode::OK, html))
}

fn encoded(id: &str) -> String {
    tracehold_chain::epcis::uri::percent_encoded(id)
}

/// What the form sends.
pub async fn take(
    State(state): State<ApiState>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if media_type(&headers, "") != "application/x-www-form-urlencoded" {
        let detail = "send what a form sends: application/x-www-form-urlencoded";
        return Err(Problem::new(Kind::UnsupportedMedia, detail));
    }
    let _room = state.make_room(&headers, MAX_REPORT_BODY_BYTES).await?;
    let bytes = read_body(body, MAX_REPORT_BODY_BYTES, state.limits().body).await?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    // A form is written as a query is.
    let fields = query_pairs(&format!("/?{text}").parse().unwrap_or_default());
    let field = |name: &str| {
        fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    let frame = frame(&state, &headers, &uri);
    let accepted = headers.get(http::header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    let frame = Frame { language: Language::choose(Some(field("lang")), accepted), ..frame };
    let thing = Thing::of(field("id"), &frame)?;
    let frame = Frame { path: format!("/report?id={}", encoded(&thing.id)), ..frame };
    let kind = match field("kind") {
        "copy" => ReportKind::Copy,
        "damaged" => ReportKind::Damaged,
        "wrong" => ReportKind::Wrong,
        _ => ReportKind::Other,
    };
    let said = ReportSaid { id: thing.id.clone(), kind, text: field("text").to_owned() };
    match keep(&state, &said, &visitor) {
        Ok(_) => Ok(page(StatusCode::CREATED, pages::reported(&frame, thing.parts()))),
        Err(problem) => {
            let why = match problem.status {
                429 => frame.language.pick(
                    "You have reported this already. One report an hour is kept.",
                    "您已反馈过此物品。每小时只记录一条反馈。",
                ),
                400 => frame.language.pick("This is too long.", "文字过长。"),
                _ => frame.language.pick(
                    "It could not be kept: there are too many reports. Please tell the seller.",
                    "反馈过多，未能记录。请告知售卖者。",
                ),
            };
            let status =
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let refused = Some((said.text.as_str(), why));
            let html = pages::report_form(&frame, thing.parts(), MAX_REPORT_LETTERS, refused);
            Ok(page(status, html))
        }
    }
}
