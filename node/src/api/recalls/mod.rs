//! `/api/v1/recalls`: what must not be used any more, and everything that it reaches.

mod affected;
mod ahead;
mod csv;
mod notice;
pub mod pages;

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::{Texts, UNDETERMINED};
use tracehold_chain::money::Reference;
use tracehold_chain::recall::{
    Act, RecallCommand, RecallId, RecallNotice, RecallRecord, check_reason,
};
use tracehold_chain::transaction::Command;
use tracehold_contracts::{Rejection, RejectionCode as Code};

use super::auth::Keyed;
use super::body::Fields;
use super::command::hand_in;
use super::extract::{InPath, Params, query_pairs};
use super::limits::MAX_RECALLS_SCANNED;
use super::paging::{next_link, per_page};
use super::problem::{Kind, Problem};
use super::{ApiState, prepare};
use crate::view::ReadView;

pub use affected::*;
pub use ahead::find_ahead;
pub(super) use notice::{newest_open, notices};

/// A recall.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecallView {
    /// `member:reference`.
    pub id: String,
    /// Who declared it.
    pub member: String,
    /// The member's own name for it.
    pub reference: String,
    /// `open`, or `withdrawn`.
    pub status: String,
    /// What it names: products, lots, things and logistic units.
    pub items: Vec<String>,
    /// What is wrong, by language.
    pub reason: Texts,
    /// What whoever has one should do, by language.
    pub what_to_do: Texts,
    /// Whom to ask.
    pub contact: String,
    /// Where more is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<String>,
    /// By whom and when.
    pub declared: ActView,
    /// That it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<WithdrawalView>,
}

/// Who did something, and in which block.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActView {
    /// The agent that signed.
    pub by: String,
    /// The block.
    pub height: u64,
    /// Its time (RFC 3339).
    pub at: String,
}

/// That a recall is over.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WithdrawalView {
    /// Why, by language.
    pub reason: Texts,
    /// By whom and when.
    #[serde(flatten)]
    pub act: ActView,
}

/// Recalls, the newest first.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecallsView {
    /// One page of them.
    pub recalls: Vec<RecallView>,
}

/// A recall to be declared.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct RecallRequest {
    /// Your name for this recall, unique for ever.
    reference: String,
    /// Products, lots, things and logistic units that your company prefix begins; any spelling.
    items: Vec<String>,
    /// What is wrong, by BCP 47 language.
    reason: Texts,
    /// What whoever has one should do, by BCP 47 language.
    what_to_do: Texts,
    /// Whom to ask: a telephone number, an address of mail.
    contact: String,
    /// Where more is said: an address that begins with `https://`.
    web: Option<String>,
}

/// Why a recall is over.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct WithdrawRequest {
    /// By BCP 47 language.
    reason: Texts,
}

impl ActView {
    fn of(act: &Act) -> ActView {
        ActView { by: act.by.to_string(), height: act.height.0, at: act.at.to_string() }
    }
}

impl RecallView {
    /// A recall as clients see it.
    #[must_use]
    pub fn of(record: &RecallRecord) -> RecallView {
        let notice = &record.notice;
        RecallView {
            id: record.id.to_string(),
            member: record.id.member.to_string(),
            reference: record.id.reference.to_string(),
            status: if record.is_open() { "open" } else { "withdrawn" }.to_owned(),
            items: notice.items.clone(),
            reason: notice.reason.clone(),
            what_to_do: notice.what_to_do.clone(),
            contact: notice.contact.clone(),
            web: notice.web.clone(),
            declared: ActView::of(&record.declared),
            withdrawn: record.withdrawn.as_ref().map(|over| WithdrawalView {
                reason: over.reason.clone(),
                act: ActView::of(&over.act),
            }),
        }
    }
}

/// The part of a command on a recall that a refusal is about.
pub fn part(rejection: &Rejection) -> Option<&'static str> {
    match rejection.code {
        Code::RecallExists | Code::RecallUnknown | Code::RecallEnded => Some("reference"),
        Code::NotYours | Code::TooManyRecalls => Some("items"),
        _ => None,
    }
}

fn field(rejection: &Rejection) -> Option<String> {
    part(rejection).map(|part| format!("/{part}"))
}

/// A text, or texts by language.
fn texts(fields: &mut Fields, name: &str) -> Option<Texts> {
    match fields.value(name) {
        Some(Value::String(text)) => Some(Texts::from([(UNDETERMINED.to_owned(), text)])),
        Some(Value::Object(object)) => {
            let all = object.into_iter().map(|(language, text)| match text {
                Value::String(text) => Some((language, text)),
                _ => None,
            });
            let texts: Option<Texts> = all.collect();
            if texts.is_none() {
                fields.refuse(name, "text", "write a text in quotes for each language");
            }
            texts
        }
        Some(_) => {
            let mend = "write texts by language, such as {\"en\": \"…\", \"zh\": \"…\"}";
            fields.refuse(name, "texts", mend);
            None
        }
        None => {
            fields.refuse(name, "required", format!("give {name}"));
            None
        }
    }
}

/// Identifiers in any spelling and order.
fn items(fields: &mut Fields) -> Option<Vec<String>> {
    let wrong = "write a list of identifiers, such as [\"https://id.gs1.org/01/…/10/LOT\"]";
    match fields.value("items") {
        Some(Value::Array(list)) => {
            let all = list.iter().map(|one| Some(canonical(one.as_str()?).into_uri()));
            let Some(mut items) = all.collect::<Option<Vec<String>>>() else {
                fields.refuse("items", "text", wrong);
                return None;
            };
            items.sort_unstable();
            items.dedup();
            Some(items)
        }
        Some(_) => {
            fields.refuse("items", "list", wrong);
            None
        }
        None => {
            fields.refuse("items", "required", wrong);
            None
        }
    }
}

/// Declare a recall
///
/// For what your GS1 company prefix begins. From the next block on, the pages of all that it names,
/// and of all that was made of that or packed in it, say so to everybody. A recall is not edited:
/// withdraw it, or declare one more.
#[utoipa::path(
    post, path = "/api/v1/recalls", tag = "Recalls",
    request_body(content = RecallRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "Declared; the very same again changes nothing",
            body = RecallView),
        (status = 400, description = "A field breaks a rule"),
        (status = 403, description = "Something of it is another's"),
        (status = 409, description = "The reference stands for another recall"),
        (status = 422, description = "Too many open recalls name the same thing"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet: send it again"),
    ),
    security(("api_key" = []))
)]
pub async fn post_recall(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(&state, &headers, body).await?;
    let read = (
        fields.reference(),
        items(&mut fields),
        texts(&mut fields, "reason"),
        texts(&mut fields, "what_to_do"),
        fields.text("contact"),
    );
    let web = fields.optional_text("web");
    let all = (|| {
        let (items, reason, what_to_do) = (read.1?, read.2?, read.3?);
        let notice = RecallNotice { items, reason, what_to_do, contact: read.4?, web };
        Some((read.0?, notice))
    })();
    let (reference, notice) = fields.finish(all)?;
    notice.check().map_err(|wrong| prepare::invalid(&wrong))?;
    let id = RecallId { member: keyed.agent.agent_id.member().clone(), reference };
    let command = RecallCommand::Declare { reference: id.reference.clone(), notice };
    hand_in(&state, &keyed.agent, Command::Recall(command), field).await?;
    let told = told(&state, &id).await?;
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

/// Withdraw a recall
///
/// Your own. The recall stays on record, with who withdrew it and why.
#[utoipa::path(
    post, path = "/api/v1/recalls/{id}/withdraw", tag = "Recalls",
    params(("id" = String, Path, description = "`member:reference`")),
    request_body(content = WithdrawRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Withdrawn", body = RecallView),
        (status = 400, description = "A field breaks a rule"),
        (status = 403, description = "It is another's"),
        (status = 404, description = "There is no such recall"),
        (status = 422, description = "It was withdrawn before, in other words"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet: send it again"),
    ),
    security(("api_key" = []))
)]
pub async fn post_recall_withdraw(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = id_in_path(&id)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let reason = texts(&mut fields, "reason");
    let reason = fields.finish(reason)?;
    check_reason(&reason).map_err(|wrong| prepare::invalid(&wrong))?;
    if id.member != *keyed.agent.agent_id.member() {
        let detail = format!("only {} may withdraw {id}: ask them to", id.member);
        return Err(Problem::new(Kind::Forbidden, detail).code("not-yours"));
    }
    let reference: Reference = id.reference.clone();
    let command = RecallCommand::Withdraw { reference, reason };
    hand_in(&state, &keyed.agent, Command::Recall(command), |_| None).await?;
    let told = told(&state, &id).await?;
    Ok(Json(told).into_response())
}

/// What `GET /api/v1/recalls` understands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallsQuery {
    status: Option<String>,
    #[serde(rename = "perPage")]
    per_page: Option<String>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
}

/// Recalls, and the number to go on below.
pub(super) fn some(
    view: &ReadView,
    before: Option<u64>,
    (wanted, limit): (Option<bool>, usize),
) -> Result<(Vec<RecallRecord>, Option<u64>), crate::fault::Fault> {
    const TOGETHER: usize = 100;
    let (mut found, mut before, mut seen) = (Vec::new(), before, 0);
    loop {
        let page = view.recalls(before, TOGETHER)?;
        seen += page.len();
        let is_last = page.len() < TOGETHER;
        for record in page {
            if found.len() >= limit {
                return Ok((found, before));
            }
            before = Some(record.number);
            if wanted.is_none_or(|open| open == record.is_open()) {
                found.push(record);
            }
        }
        if is_last {
            return Ok((found, None));
        }
        if seen >= MAX_RECALLS_SCANNED {
            return Ok((found, before));
        }
    }
}

/// Look through recalls
///
/// Of all members, the newest first.
#[utoipa::path(
    get, path = "/api/v1/recalls", tag = "Recalls",
    params(
        ("status" = Option<String>, Query, description = "`open` or `withdrawn`; both when absent"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "recalls on one page, 30 when absent; with `status` there may be fewer"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "Some recalls", body = RecallsView,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_recalls(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
    Params(given): Params<RecallsQuery>,
) -> Result<Response, Problem> {
    let limit = per_page(given.per_page.as_deref())?.get();
    let wanted = match given.status.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("withdrawn") => Some(false),
        Some(_) => return Err(parameter("status", "must be `open` or `withdrawn`")),
    };
    let before = number_token(given.next_page_token.as_deref())?;
    let read = move |view: &ReadView| some(view, before, (wanted, limit));
    let (found, next) = state.read(read).await?;
    let recalls = found.iter().map(RecallView::of).collect();
    let mut response = Json(RecallsView { recalls }).into_response();
    if let Some(next) = next {
        let link = next_link(uri.path(), &query_pairs(&uri), &next.to_string());
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Look at a recall
#[utoipa::path(
    get, path = "/api/v1/recalls/{id}", tag = "Recalls",
    params(("id" = String, Path, description = "`member:reference`")),
    responses(
        (status = 200, description = "The recall", body = RecallView),
        (status = 404, description = "There is no such recall"),
    ),
    security(("api_key" = []))
)]
pub async fn get_recall(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<RecallView>, Problem> {
    Ok(Json(told(&state, &id_in_path(&id)?).await?))
}

async fn told(state: &ApiState, id: &RecallId) -> Result<RecallView, Problem> {
    Ok(RecallView::of(&record(state, id).await?))
}

/// The recall with an id.
async fn record(state: &ApiState, id: &RecallId) -> Result<RecallRecord, Problem> {
    let wanted = id.clone();
    let found = state.read(move |view| view.recall(&wanted)).await?;
    let unknown = || {
        Problem::new(Kind::NotFound, format!("no recall {id} is on record")).code("recall-unknown")
    };
    found.ok_or_else(unknown)
}

fn id_in_path(text: &str) -> Result<RecallId, Problem> {
    text.parse().map_err(|error: tracehold_chain::recall::RecallIdError| {
        let mend = "write member:reference, such as acme:R-2026-01";
        Problem::new(Kind::Parameter, error.to_string()).field("id", "recall", mend)
    })
}

fn parameter(name: &str, rule: &str) -> Problem {
    Problem::new(Kind::Parameter, format!("{name} {rule}")).field(name, rule, "or leave it out")
}

/// A token that is a number.
fn number_token(given: Option<&str>) -> Result<Option<u64>, Problem> {
    let rule = "must be a token that this node gave";
    let number = |text: &str| text.parse().map_err(|_| parameter("nextPageToken", rule));
    given.map(number).transpose()
}
