//! Terms: checked, filled in from templates, and put forward.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tracehold_chain::agreement::{AgreementCommand, Terms};
use tracehold_chain::money::AgreementId;
use tracehold_chain::transaction::Command;
use tracehold_contracts::agreement::{Known, Outcomes, Refusal, check};
use tracehold_contracts::{Rejection, RejectionCode as Code};

use super::super::auth::Keyed;
use super::super::body::Fields;
use super::super::money::hand_in;
use super::super::problem::Problem;
use super::super::{ApiState, now};
use super::act::done;
use crate::fault::Fault;
use crate::view::ReadView;

/// Terms that are put forward.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct ProposeRequest {
    /// Your name for the proposal: 1 to 64 letters, digits, `-`, `_`, `.` or `:`. The same terms
    /// under the same reference are one agreement.
    reference: String,
    /// The terms, as the schema has them; or `template` and `parameters`.
    #[schema(value_type = Option<Object>)]
    terms: Option<Value>,
}

/// Reads the terms that a body gives.
fn terms_of(fields: &mut Fields) -> Option<Terms> {
    let Some(value) = fields.value("terms") else {
        fields.refuse("terms", "required", "give terms; the schema says how they look");
        return None;
    };
    match read_terms(value) {
        Ok(terms) => Some(terms),
        Err((pointer, why)) => {
            fields.refuse(&format!("terms{pointer}"), "terms", why);
            None
        }
    }
}

/// Reads terms, or says where they are none and why.
fn read_terms(value: Value) -> Result<Terms, (String, String)> {
    use serde_path_to_error::Segment;
    serde_path_to_error::deserialize::<_, Terms>(value).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => {
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
                Segment::Unknown => {}
            }
        }
        (pointer, error.inner().to_string())
    })
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

/// The answer of a check.
fn verdict(terms: &Terms, outcomes: &Result<Outcomes, Vec<Refusal>>) -> Value {
    match outcomes {
        Ok(outcomes) => json!({
            "sound": true,
            "pot": outcomes.pot(),
            "outcomes": outcomes.iter().collect::<Vec<_>>(),
            "title": terms.title,
        }),
        Err(refusals) => json!({"sound": false, "refusals": refusals}),
    }
}

/// Check terms
///
/// Lists every way an agreement with these terms can end: who gets what, and when at the latest; as
/// a table and in plain sentences in English and Chinese. Or says which clause nobody should agree
/// to, why, and the mend. Nothing is recorded.
#[utoipa::path(
    post, path = "/api/v1/agreements/check", tag = "Agreements",
    request_body(content = Value, content_type = "application/json",
        description = "`terms`, or `template` and `parameters`"),
    responses(
        (status = 200, description = "`sound` with `outcomes`, or not, with `refusals`",
            body = Value),
        (status = 400, description = "These are no terms: the field says where"),
    ),
    security(("api_key" = []))
)]
pub async fn post_check(
    State(state): State<ApiState>,
    _keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::read(&state, &headers, body).await?;
    let terms = terms_of(&mut fields);
    let terms = fields.finish(terms)?;
    let told = state.read_much(move |view| Ok(verdict(&terms, &checked(view, &terms)?)));
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
        (status = 200, description = "Proposed before", body = Value),
        (status = 201, description = "Proposed", body = Value,
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
    let receipt =
        hand_in(
            &state,
            &keyed.agent,
            vec![Command::Agreement(command)],
            |rejection| match rejection.code {
                Code::TermsRefused => Some("/terms".to_owned()),
                Code::TooManyAgreements => Some("/terms/goods".to_owned()),
                _ => None,
            },
        );
    let receipt = receipt.await?;
    let is_new = !receipt.effects.steps.is_empty();
    let told = done(&state, keyed.caller(), id, receipt).await?;
    if !told["agreement"].is_object() {
        // A proposer without a role sees no more than that it was recorded.
        return Ok((StatusCode::CREATED, Json(told)).into_response());
    }
    let location = format!("/api/v1/agreements/{id}");
    let location = HeaderValue::from_str(&location).expect("ids are hex");
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(LOCATION, location)], Json(told)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_are_none_are_refused_where_they_are_wrong() {
        let (pointer, why) = read_terms(json!({"title": 1})).unwrap_err();
        assert_eq!(pointer, "/title", "{why}");
        let roles = json!({"title": "x", "roles": [{"role": "Buyer"}]});
        assert_eq!(read_terms(roles).unwrap_err().0, "/roles/0/role");
        let (pointer, why) = read_terms(json!({"titel": "x"})).unwrap_err();
        assert!(pointer.contains("titel") || why.contains("titel"), "{pointer} {why}");
    }
}
