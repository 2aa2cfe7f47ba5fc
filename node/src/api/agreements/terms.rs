//! Terms: checked, filled in from templates, and put forward.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tracehold_chain::agreement::{AgreementCommand, TERMS_SCHEMA, Terms};
use tracehold_chain::money::AgreementId;
use tracehold_chain::transaction::Command;
use tracehold_contracts::agreement::templates::{Template, TemplateError, template, templates};
use tracehold_contracts::agreement::{Known, Outcomes, Refusal, check};
use tracehold_contracts::{Rejection, RejectionCode as Code};

use super::super::auth::Keyed;
use super::super::body::Fields;
use super::super::command::hand_in;
use super::super::extract::InPath;
use super::super::problem::{Kind, Problem};
use super::super::{ApiState, now};
use super::act::done;
use super::checked::{CheckRequest, CheckView, FilledView, TemplateRequest, Templates};
use super::mirrored;
use super::view::{AgreementTerms, DoneView};
use crate::fault::Fault;
use crate::view::ReadView;

/// Terms that are put forward.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct ProposeRequest {
    /// Your name for the proposal: 1 to 64 letters, digits, `-`, `_`, `.` or `:`. The same terms
    /// under the same reference are one agreement.
    reference: String,
    /// The terms; or `template` and `parameters`.
    #[schema(value_type = Option<AgreementTerms>)]
    terms: Option<Terms>,
    /// The name of a template.
    template: Option<String>,
    /// Its parameters, by name: texts, or lists and objects where a parameter is one.
    parameters: Option<BTreeMap<String, Value>>,
}

/// Reads the terms that a body gives.
fn terms_of(fields: &mut Fields) -> Option<Terms> {
    let Some(value) = fields.value("terms") else {
        if fields.has("template") {
            return filled(fields);
        }
        let mend = "give terms, or template and parameters; the schema says how they look";
        fields.refuse("terms", "required", mend);
        return None;
    };
    match Terms::from_value(value) {
        Ok(terms) => Some(terms),
        Err(error) => {
            fields.refuse(&format!("terms{}", error.pointer), "terms", error.message);
            None
        }
    }
}

/// The terms of a template that a body names, filled in with its parameters.
fn filled(fields: &mut Fields) -> Option<Terms> {
    let name = fields.text("template")?;
    let Some(found) = template(&name) else {
        fields.refuse("template", "unknown", no_template(&name));
        return None;
    };
    fill(fields, &found)
}

fn no_template(name: &str) -> String {
    let all = templates();
    let names: Vec<&str> = all.iter().map(|template| template.name.as_str()).collect();
    let shown: String = name.chars().take(80).collect();
    format!("there is no template {shown}: use {}", names.join(", "))
}

/// Fills a template in with a body's parameters.
fn fill(fields: &mut Fields, template: &Template) -> Option<Terms> {
    let given: BTreeMap<String, Value> = match fields.value("parameters") {
        None => BTreeMap::new(),
        Some(Value::Object(given)) => given.into_iter().collect(),
        Some(_) => {
            fields.refuse("parameters", "object", "write {\"name\": \"value\"}");
            return None;
        }
    };
    let error = match template.fill(&given) {
        Ok(terms) => return Some(terms),
        Err(error) => error,
    };
    let (name, rule) = match &error {
        TemplateError::Missing { name, .. } => (name.as_str(), "required"),
        TemplateError::Unknown { name, .. } => (name.as_str(), "unknown-field"),
        TemplateError::Unfit { name, .. } => (name.as_str(), "parameter"),
        TemplateError::Terms(_) => ("", "terms"),
    };
    let field = format!("parameters/{}", name.replace('~', "~0").replace('/', "~1"));
    fields.refuse(field.trim_end_matches('/'), rule, error.to_string());
    None
}

/// Checks terms against what is on the ledger now.
fn checked(view: &ReadView, terms: &Terms) -> Result<Result<Outcomes, Vec<Refusal>>, Fault> {
    let fault = std::cell::RefCell::new(None);
    let read = |found: Result<bool, Fault>| {
        found.unwrap_or_else(|error| {
            *fault.borrow_mut() = Some(error);
            false
        })
    };
    let known = Known {
        authority: view.authority(),
        // Of the block that would have it: not before now.
        block_time: now().max(view.head().block_time),
        asset_exists: &|asset| read(view.asset(asset).map(|found| found.is_some())),
        account_is_open: &|account| read(view.account(account).map(|found| found.is_some())),
    };
    let outcomes = check(terms, &known);
    match fault.into_inner() {
        Some(fault) => Err(fault),
        None => Ok(outcomes),
    }
}

/// Check terms
///
/// Lists every way an agreement with these terms can end: who gets what, and when at the latest; as
/// a table and in plain sentences in English and Chinese. Or says which clause nobody should agree
/// to, why, and the mend. Nothing is recorded.
#[utoipa::path(
    post, path = "/api/v1/agreements/check", tag = "Agreements",
    request_body(content = CheckRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "`sound` with `outcomes`, or not, with `refusals`",
            body = CheckView),
        (status = 400, description = "These are no terms: the field says where"),
    ),
    security(("api_key" = []))
)]
pub async fn post_check(
    State(state): State<ApiState>,
    _keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CheckView>, Problem> {
    let mut fields = Fields::read(&state, &headers, body).await?;
    let terms = terms_of(&mut fields);
    let terms = fields.finish(terms)?;
    let told = state.read_much(move |view| CheckView::of(&terms, &checked(view, &terms)?));
    told.await.map(Json)
}

/// The problem of terms that the check refuses: every clause with its reason and mend.
fn refused_terms(refusals: &[Refusal]) -> Problem {
    let first = refusals.first().map(ToString::to_string).unwrap_or_default();
    let mut problem = super::super::submit::refused(&Rejection::new(Code::TermsRefused, first));
    for refusal in refusals {
        let mend = format!("{} {}", refusal.en, refusal.code.mend());
        problem = problem.field(format!("/terms{}", refusal.pointer), refusal.code.as_str(), mend);
    }
    problem
}

/// Propose an agreement
///
/// Puts terms forward after checking them. Every role must accept, the proposer's too. The same
/// terms under the same reference again give the same agreement.
#[utoipa::path(
    post, path = "/api/v1/agreements", tag = "Agreements",
    request_body(content = ProposeRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Proposed before", body = DoneView),
        (status = 201, description = "Proposed", body = DoneView,
            headers(("Location" = String, description = "the agreement"))),
        (status = 400, description = "These are no terms: the field says where"),
        (status = 422, description = "The check refuses a clause, or too much waits for the goods"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet: send it again"),
    ),
    security(("api_key" = []))
)]
pub async fn post_agreement(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(&state, &headers, body).await?;
    let (reference, terms) = (fields.reference(), terms_of(&mut fields));
    let (reference, terms) = fields.finish(reference.zip(terms))?;
    let member = keyed.agent.agent_id.member();
    let id = AgreementId::of(member, &reference, &terms);
    let wanted = terms.clone();
    // Looked at here as well, so that what cannot be agreed on is not sent to everybody.
    let known = state.read_much(move |view| {
        if view.agreement(id)?.is_some() {
            return Ok(None);
        }
        checked(view, &wanted).map(Some)
    });
    if let Some(Err(refusals)) = known.await? {
        return Err(refused_terms(&refusals));
    }
    let command = AgreementCommand::Propose { reference, terms: Box::new(terms) };
    let receipt = hand_in(&state, &keyed.agent, Command::Agreement(command), |rejection| {
        match rejection.code {
            Code::TermsRefused => Some("/terms".to_owned()),
            Code::TooManyAgreements => Some("/terms/goods".to_owned()),
            _ => None,
        }
    });
    let receipt = receipt.await?;
    let is_new = !receipt.effects.steps.is_empty();
    let told = done(&state, keyed.caller(), id, receipt).await?;
    if told.agreement.is_none() {
        // A proposer without a role sees no more than that it was recorded.
        return Ok((StatusCode::CREATED, Json(told)).into_response());
    }
    let location = format!("/api/v1/agreements/{id}");
    let location = HeaderValue::from_str(&location).expect("ids are hex");
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(LOCATION, location)], Json(told)).into_response())
}

/// How terms look
///
/// The JSON Schema (2020-12) of terms.
#[utoipa::path(
    get, path = "/api/v1/agreements/schema", tag = "Agreements",
    responses((status = 200, description = "The schema", body = Value,
            content_type = "application/schema+json")),
    security(("api_key" = []))
)]
pub async fn get_schema(_keyed: Keyed) -> Response {
    let json = [(CONTENT_TYPE, "application/schema+json")];
    (json, TERMS_SCHEMA).into_response()
}

/// List templates
///
/// Terms with places to fill in, for the agreements that people make most: what each does, its
/// parameters with an example of each, and its terms.
#[utoipa::path(
    get, path = "/api/v1/agreements/templates", tag = "Agreements",
    responses((status = 200, description = "All templates", body = Templates)),
    security(("api_key" = []))
)]
pub async fn get_templates(
    State(state): State<ApiState>,
    _keyed: Keyed,
) -> Result<Json<Templates>, Problem> {
    let told = state.read(|_| Ok(Templates { templates: mirrored(&templates())? }));
    told.await.map(Json)
}

/// Fill a template in
///
/// Gives the terms with every parameter filled in, and what the check says of them. Nothing is
/// recorded.
#[utoipa::path(
    post, path = "/api/v1/agreements/templates/{name}", tag = "Agreements",
    params(("name" = String, Path, description = "such as `escrow-on-delivery`")),
    request_body(content = TemplateRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "`terms`, and `check` as of checking them",
            body = FilledView),
        (status = 400, description = "A parameter is missing or does not fit"),
        (status = 404, description = "There is no such template"),
    ),
    security(("api_key" = []))
)]
pub async fn post_template(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(name): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<FilledView>, Problem> {
    let unknown = || Problem::new(Kind::NotFound, no_template(&name));
    let found = template(&name).ok_or_else(unknown)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let terms = fill(&mut fields, &found);
    let terms = fields.finish(terms)?;
    let told = state.read_much(move |view| {
        let check = CheckView::of(&terms, &checked(view, &terms)?)?;
        Ok(FilledView { terms, check })
    });
    told.await.map(Json)
}
