//! `/api/v1/scans` and `/api/v1/reports`: how often a thing was scanned at this node, and what
//! people report about it. Local to the node, never on the ledger; [`crate::scans`] says what is
//! kept.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::request::Parts;
use http::{Extensions, HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::epcis::Canonical;

use super::auth::Keyed;
use super::extract::{InPath, Params, check_json, read_body};
use super::limits::MAX_REPORT_BODY_BYTES;
use super::problem::{Kind, Problem};
use super::told::identifier;
use super::visible::reads_reports;
use super::{ApiState, now};
use crate::scans::pattern::{Pattern, Tally};
use crate::scans::reports::{MAX_REPORT_LETTERS, NotKept, Report, ReportKind};

/// The furthest offset from UTC that there is, in minutes.
const MAX_OFFSET_MINUTES: i16 = 14 * 60;

/// Who asks, as far as it takes to count a page that is loaded again once. It is hashed under a key
/// that lives for an hour, and written nowhere.
#[derive(Clone, Debug, Default)]
pub struct Visitor(Vec<Vec<u8>>);

impl Visitor {
    /// What a request looks like. Behind a proxy all come from one address, so what the proxy and
    /// the browser say is part of it; who lies there is counted more often, as who scans often is.
    pub fn of(extensions: &Extensions, headers: &HeaderMap) -> Visitor {
        let said = [USER_AGENT.as_str(), ACCEPT_LANGUAGE.as_str(), "x-forwarded-for", "forwarded"];
        let said = said.into_iter().flat_map(|name| headers.get_all(name)).map(|v| v.as_bytes());
        let address = extensions.get::<ConnectInfo<SocketAddr>>();
        let address = address.map(|info| info.0.ip().to_string().into_bytes());
        Visitor(address.into_iter().chain(said.map(<[u8]>::to_vec)).collect())
    }

    /// The parts.
    pub fn parts(&self) -> Vec<&[u8]> {
        self.0.iter().map(Vec::as_slice).collect()
    }
}

impl FromRequestParts<ApiState> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Visitor, Problem> {
        Ok(Visitor::of(&parts.extensions, &parts.headers))
    }
}

/// Whether a request is from somebody who looks: browsers say that they are, and so do robots and
/// pages that are fetched in advance.
pub fn is_person(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let agent = text(USER_AGENT.as_str()).to_ascii_lowercase();
    let is_robot = ["bot", "crawl", "spider", "preview"].iter().any(|word| agent.contains(word));
    let in_advance = ["sec-purpose", "purpose"].iter().any(|name| text(name).contains("prefetch"));
    agent.starts_with("mozilla/") && !is_robot && !in_advance
}

/// How often a thing was scanned at this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScanView {
    /// The thing.
    pub id: String,
    /// Scans that this node has counted: a page that is loaded again counts once an hour.
    pub total: u64,
    /// Those of today (UTC).
    pub today: u32,
    /// The day of the first one (UTC), such as `2026-03-01`; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What is odd about them; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<ScanWarning>,
}

/// Something odd about the scans of a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScanWarning {
    /// `far-apart` or `many`.
    pub code: String,
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// A day since 1970 as a date.
fn date(day: u32) -> String {
    let seconds = i64::from(day) * 86_400;
    let day = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    jiff::tz::Offset::UTC.to_datetime(day).date().to_string()
}

/// What people are told of an odd pattern: kindly, and what to do.
pub fn warning(pattern: Pattern) -> ScanWarning {
    let (code, en, zh) = match pattern {
        Pattern::FarApart { within, offset } => (
            "far-apart",
            format!(
                "This code was scanned in places {offset} time zones apart within {within} h. One \
                 thing cannot be in both: the code may have been copied. Yours may well be the real \
                 one; if anything about it looks wrong, ask the seller."
            ),
            format!(
                "此码曾在 {within} 小时内于相隔 {offset} 个时区的地点被扫描。同一物品不可能同时在两处：\
                 此码可能被复制。您手中的可能正是真品；如有疑问，请咨询售卖者。"
            ),
        ),
        Pattern::Many { times } => (
            "many",
            format!(
                "This code was scanned {times} times in one day, which is unusual for a single \
                 thing: the code may have been copied. If anything about it looks wrong, ask the \
                 seller."
            ),
            format!(
                "此码曾在一天内被扫描 {times} 次，对单件物品而言并不寻常：此码可能被复制。\
                 如有疑问，请咨询售卖者。"
            ),
        ),
    };
    ScanWarning { code: code.to_owned(), en, zh }
}

impl ScanView {
    /// What is told of a tally.
    pub fn of(id: &str, tally: &Tally, now_ms: u64) -> ScanView {
        ScanView {
            id: id.to_owned(),
            total: tally.total,
            today: tally.today(now_ms),
            since: (tally.total > 0).then(|| date(tally.since)),
            warning: tally.pattern().map(warning),
        }
    }
}

/// What `GET /api/v1/scans` and `GET /api/v1/reports` understand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfThing {
    id: Option<String>,
}

fn thing(given: Option<&str>) -> Result<Canonical, Problem> {
    let wrong = |rule: &str| {
        let mend = "give an identifier such as https://id.gs1.org/01/09521321001015/21/7";
        Problem::new(Kind::Parameter, format!("id {rule}")).field("id", rule, mend)
    };
    let id = identifier(given.ok_or_else(|| wrong("is missing"))?)?;
    if id.key().is_none() {
        return Err(wrong("must be a GS1 identifier"));
    }
    Ok(id)
}

/// How often a thing was scanned
///
/// What this node has counted itself: visits of the thing's page by browsers without a key. Other
/// nodes count their own.
#[utoipa::path(
    get, path = "/api/v1/scans", tag = "Goods",
    params(("id" = String, Query, description = "the thing, as EPC URN or Digital Link")),
    responses(
        (status = 200, description = "The count", body = ScanView, example = json!({
            "id": "https://id.gs1.org/01/09521321001015/21/7", "total": 12, "today": 1,
            "since": "2026-03-01",
            "warning": {"code": "many", "en": "This code was scanned …", "zh": "此码…"}})),
        (status = 400, description = "The identifier breaks a rule"),
    ),
)]
pub async fn get_scans(
    State(state): State<ApiState>,
    Params(given): Params<OfThing>,
) -> Result<Json<ScanView>, Problem> {
    let id = thing(given.id.as_deref())?;
    Ok(Json(ScanView::of(id.uri(), &state.scans().of(id.uri()), now().0)))
}

/// What a phone says of its scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScanSaid {
    /// The thing.
    pub id: String,
    /// How far its clock is ahead of UTC, in minutes: all that is asked of where it is.
    #[schema(minimum = -840, maximum = 840)]
    pub utc_offset_minutes: i16,
}

async fn said<T: serde::de::DeserializeOwned>(
    state: &ApiState,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    check_json(headers)?;
    let _room = state.make_room(headers, MAX_REPORT_BODY_BYTES).await?;
    let bytes = read_body(body, MAX_REPORT_BODY_BYTES, state.limits().body).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(Kind::Validation, format!("the body: {error}")))
}

/// Say from which time zone a scan is
///
/// The page of a thing says this by itself. It is kept as the hour and the offset in whole hours,
/// so that a code that is in two parts of the world at once can be noticed; once an hour from one
/// phone, and of things that this node has shown only.
#[utoipa::path(
    post, path = "/api/v1/scans", tag = "Goods",
    request_body(content = ScanSaid,
        example = json!({"id": "https://id.gs1.org/01/09521321001015/21/7",
            "utcOffsetMinutes": 60})),
    responses(
        (status = 200, description = "The count", body = ScanView, example = json!({
            "id": "https://id.gs1.org/01/09521321001015/21/7", "total": 12, "today": 1,
            "since": "2026-03-01"})),
        (status = 400, description = "The body breaks a rule"),
        (status = 413, description = "The body is too large"),
    ),
)]
pub async fn post_scan(
    State(state): State<ApiState>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ScanView>, Problem> {
    let told: ScanSaid = said(&state, &headers, body).await?;
    let id = thing(Some(&told.id))?;
    let offset = told.utc_offset_minutes;
    if !(-MAX_OFFSET_MINUTES..=MAX_OFFSET_MINUTES).contains(&offset) {
        let rule = format!("must be from -{MAX_OFFSET_MINUTES} to {MAX_OFFSET_MINUTES}");
        return Err(Problem::new(Kind::Validation, format!("utcOffsetMinutes {rule}")).field(
            "utcOffsetMinutes",
            rule,
            "give minutes ahead of UTC",
        ));
    }
    let at = now().0;
    let tally = match is_person(&headers) {
        true => state.scans().note(id.uri(), &visitor.parts(), offset, at),
        false => state.scans().of(id.uri()),
    };
    Ok(Json(ScanView::of(id.uri(), &tally, at)))
}

/// A problem that somebody reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportSaid {
    /// The thing.
    pub id: String,
    /// What kind of problem.
    pub kind: ReportKind,
    /// In the reporter's words, at most 1,000 letters; may be empty. No name or address is asked
    /// for, and none should be given.
    #[serde(default)]
    pub text: String,
}

/// Reports of problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportsView {
    /// The newest first.
    pub reports: Vec<Report>,
}

/// Keeps a report of whoever looks like `visitor`.
///
/// # Errors
/// [`Problem`]: too long, one too many, or no room.
pub fn keep(state: &ApiState, said: &ReportSaid, visitor: &Visitor) -> Result<Report, Problem> {
    let id = thing(Some(&said.id))?;
    let text = said.text.trim();
    if text.chars().count() > MAX_REPORT_LETTERS {
        let rule = format!("may have at most {MAX_REPORT_LETTERS} letters");
        return Err(Problem::new(Kind::Validation, format!("text {rule}")).field(
            "text",
            rule,
            "say it in fewer words",
        ));
    }
    let at = now();
    if !state.scans().may_report(id.uri(), &visitor.parts(), at.0) {
        let detail = "you have reported this already; one report an hour is kept";
        return Err(Problem::new(Kind::TooMany, detail));
    }
    let unique = format!("{} {} {text}", id.uri(), at.0);
    let name = Digest::of(Domain::ApiKey, unique.as_bytes()).to_string();
    let report = Report {
        report: format!("rp_{}", name.get(..16).unwrap_or(&name)),
        id: id.uri().to_owned(),
        kind: said.kind,
        text: text.to_owned(),
        day: at.to_string().get(..10).unwrap_or_default().to_owned(),
    };
    match state.scans().reports().keep(report.clone()) {
        Ok(()) => Ok(report),
        Err(NotKept::Full) => {
            let detail = "this node has as many reports as it keeps: whoever runs it must read \
                          them first";
            Err(Problem::new(Kind::Unavailable, detail).code("reports_full"))
        }
        Err(NotKept::Disk) => Err(Problem::new(Kind::Internal, "the report could not be kept")),
    }
}

/// Report a problem
///
/// For whoever has the thing in hand. What is kept: the thing, the kind, the words, the day;
/// nothing of who reports. One report an hour of one thing from one phone, 20 of one thing, 1,000
/// in all.
#[utoipa::path(
    post, path = "/api/v1/reports", tag = "Goods",
    request_body(content = ReportSaid,
        example = json!({"id": "https://id.gs1.org/01/09521321001015/21/7", "kind": "copy",
            "text": "I have seen the same number twice."})),
    responses(
        (status = 201, description = "Kept", body = Report, example = json!({
            "report": "rp_9f86d081884c7d65", "id": "https://id.gs1.org/01/09521321001015/21/7",
            "kind": "copy", "text": "I have seen the same number twice.", "day": "2026-03-01"})),
        (status = 400, description = "The body breaks a rule"),
        (status = 413, description = "The body is too large"),
        (status = 429, description = "Reported already"),
        (status = 503, description = "This node has as many reports as it keeps"),
    ),
)]
pub async fn post_report(
    State(state): State<ApiState>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let told: ReportSaid = said(&state, &headers, body).await?;
    let report = keep(&state, &told, &visitor)?;
    Ok((StatusCode::CREATED, Json(report)).into_response())
}

fn reader(state: &ApiState, keyed: &Keyed) -> Result<(), Problem> {
    if reads_reports(&keyed.caller(), state.own_member()) {
        return Ok(());
    }
    let detail = "reports are read by the member that runs this node: use a key of one of its \
                  agents";
    Err(Problem::new(Kind::Forbidden, detail))
}

/// Read reports
///
/// What people who scanned things reported at this node; for agents of the member that runs it.
#[utoipa::path(
    get, path = "/api/v1/reports", tag = "Goods",
    params(("id" = Option<String>, Query, description = "one thing; all when absent")),
    responses(
        (status = 200, description = "The newest first", body = ReportsView, example = json!({
            "reports": [{"report": "rp_9f86d081884c7d65",
                "id": "https://id.gs1.org/01/09521321001015/21/7", "kind": "copy",
                "text": "I have seen the same number twice.", "day": "2026-03-01"}]})),
        (status = 403, description = "Another member runs this node"),
    ),
    security(("api_key" = []))
)]
pub async fn get_reports(
    State(state): State<ApiState>,
    keyed: Keyed,
    Params(given): Params<OfThing>,
) -> Result<Json<ReportsView>, Problem> {
    reader(&state, &keyed)?;
    let id = given.id.as_deref().map(identifier).transpose()?;
    let reports = state.scans().reports().about(id.as_ref().map(Canonical::uri));
    Ok(Json(ReportsView { reports }))
}

/// Remove a report
///
/// When it was dealt with; there is room for another one then.
#[utoipa::path(
    delete, path = "/api/v1/reports/{report}", tag = "Goods",
    params(("report" = String, Path, description = "its name, such as `rp_9f86d081884c7d65`")),
    responses(
        (status = 204, description = "Removed"),
        (status = 403, description = "Another member runs this node"),
        (status = 404, description = "There is no such report"),
    ),
    security(("api_key" = []))
)]
pub async fn delete_report(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(report): InPath<String>,
) -> Result<StatusCode, Problem> {
    reader(&state, &keyed)?;
    match state.scans().reports().remove(&report) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(Kind::NotFound, "there is no such report")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn same<T: serde::de::DeserializeOwned + Serialize>(example: &Value) {
        let read: T = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), *example);
    }

    /// Promise P120 and P121: what the description shows is of the types that the node answers.
    #[test]
    fn the_examples_are_of_their_types() {
        let told = super::super::openapi::document();
        let at = |path: &str| {
            let found =
                told.pointer(&format!("/paths/~1api~1v1~1{path}/content/application~1json"));
            found.unwrap_or_else(|| panic!("{path}"))["example"].clone()
        };
        same::<ScanView>(&at("scans/get/responses/200"));
        same::<ScanView>(&at("scans/post/responses/200"));
        same::<ScanSaid>(&at("scans/post/requestBody"));
        same::<ReportSaid>(&at("reports/post/requestBody"));
        same::<Report>(&at("reports/post/responses/201"));
        same::<ReportsView>(&at("reports/get/responses/200"));
    }

    /// Promise P120: only people are counted.
    #[test]
    fn robots_and_pages_fetched_in_advance_are_no_scans() {
        for (agent, purpose, expected) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", "", true),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", "", false),
            ("Mozilla/5.0 (iPhone)", "prefetch;prerender", false),
            ("curl/8.5", "", false),
            ("", "", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, agent.parse().unwrap());
            headers.insert("sec-purpose", purpose.parse().unwrap());
            assert_eq!(is_person(&headers), expected, "{agent} {purpose}");
        }
    }

    /// Promise P120: a warning is kind, and says what to do, in both languages.
    #[test]
    fn warnings_are_gentle() {
        for pattern in [Pattern::FarApart { within: 2, offset: 9 }, Pattern::Many { times: 500 }] {
            let told = warning(pattern);
            assert!(told.en.contains("may have been copied") && told.en.contains("ask the seller"));
            assert!(told.zh.contains("可能被复制") && told.zh.contains("售卖者"));
        }
    }
}
