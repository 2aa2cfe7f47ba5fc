//! What parties do with an agreement. Doing again what is done changes nothing.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use tracehold_chain::agreement::json::read;
use tracehold_chain::agreement::{AgreementCommand, Label, Payout, Terms};
use tracehold_chain::money::{AgreementId, Purpose};
use tracehold_chain::transaction::Command;
use tracehold_contracts::{Receipt, Rejection, RejectionCode as Code};

use super::super::ApiState;
use super::super::auth::Keyed;
use super::super::body::Fields;
use super::super::command::{Sent, hand_in};
use super::super::extract::InPath;
use super::super::money::fund;
use super::super::problem::Problem;
use super::super::visible::{Caller, has_part};
use super::view::{DoneView, FundedView, Payout as PayoutSchema, StepView};
use super::{AgreementPath, agreement_view, found, id_in_path, no_agreement, step_view};

/// For which role something is done.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct RoleRequest {
    /// Your role; may be left out when your member has one only.
    role: Option<String>,
}

/// What is said yes to.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct ApproveRequest {
    /// Your role; may be left out when your member has one only.
    role: Option<String>,
    /// To what, as the condition `approved` calls it.
    what: String,
}

/// Why the arbiter is called.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct DisputeRequest {
    /// Your role; may be left out when your member has one only.
    role: Option<String>,
    /// Why, at most 1,000 bytes.
    reason: String,
}

/// What the arbiter says.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct RulingRequest {
    /// Who gets what of what is left, all of it: payouts as in terms. Empty after the end.
    #[schema(value_type = Vec<PayoutSchema>)]
    pay: Vec<Payout>,
    /// Why, at most 1,000 bytes.
    reason: String,
}

/// What pays a deposit.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct FundRequest {
    /// Your name for this payment, unique on the account for ever.
    reference: String,
    /// Which deposit; may be left out when your roles have one only.
    deposit: Option<String>,
    /// The purpose of the account that pays; that of your role in the terms when left out.
    account: Option<String>,
}

/// The answer after something was done: what it did, and the agreement as it is now.
///
/// # Errors
/// [`Problem`] when it cannot be read.
pub async fn done(
    state: &ApiState,
    caller: Caller,
    id: AgreementId,
    receipt: Receipt,
) -> Result<DoneView, Problem> {
    let steps = receipt.effects.steps.iter().filter(|step| step.agreement == id);
    let steps: Vec<StepView> = steps.map(|step| step_view(id, &step.what)).collect();
    let read = state.read(move |view| {
        let Some((record, terms)) = found(view, &caller, id)? else { return Ok(None) };
        agreement_view(view, &caller, &record, &terms).map(Some)
    });
    Ok(DoneView {
        id: id.to_string(),
        repeated: receipt.effects.steps.is_empty(),
        transaction_id: receipt.transaction_id.to_string(),
        steps,
        agreement: read.await?,
    })
}

/// The terms of an agreement in which the caller has a role.
async fn terms_for(state: &ApiState, caller: Caller, id: AgreementId) -> Result<Terms, Problem> {
    let read = state.read(move |view| found(view, &caller, id));
    read.await?.map(|(_, terms)| terms).ok_or_else(|| no_agreement(&id))
}

/// The roles of the caller's member.
fn own<'t>(keyed: &Keyed, terms: &'t Terms) -> Vec<&'t Label> {
    let caller = keyed.caller();
    let own = terms.roles.iter().filter(|role| has_part(&caller, [&role.member]));
    own.map(|role| &role.role).collect()
}

/// The role that a body names, or the only one that the caller's member has.
fn role(fields: &mut Fields, keyed: &Keyed, terms: &Terms) -> Option<Label> {
    if fields.has("role") {
        return fields.label("role");
    }
    match own(keyed, terms).as_slice() {
        [only] => Some((*only).clone()),
        several => {
            let names: Vec<&str> = several.iter().map(|label| label.as_str()).collect();
            let mend = format!("your member has several: name one of {}", names.join(", "));
            fields.refuse("role", "required", mend);
            None
        }
    }
}

/// The part of a command on an agreement that a refusal is about.
#[must_use]
pub fn part(rejection: &Rejection) -> Option<&'static str> {
    Some(match rejection.code {
        Code::RoleNotYours | Code::NotDisputable | Code::WrongStage => "role",
        Code::ApprovalNotAsked => "what",
        Code::TextInvalid => "reason",
        Code::RulingInvalid => "pay",
        Code::TermsRefused | Code::TooManyAgreements => "terms",
        Code::AgreementUnknown => "agreement",
        _ => return None,
    })
}

/// The field of the body, or the part of the path, that a refusal is about.
fn field(rejection: &Rejection) -> Option<String> {
    // Which payment of a ruling it is stands before what is wrong with it.
    let within = rejection.subject.split_once(": ").map(|(place, _)| place);
    Some(match part(rejection)? {
        "pay" => match within.filter(|place| place.starts_with("pay/")) {
            Some(place) => format!("/{place}"),
            None => "/pay".to_owned(),
        },
        "agreement" => "id".to_owned(),
        part => format!("/{part}"),
    })
}

/// Reads what belongs to a command from its body.
type ReadCommand = fn(&mut Fields, AgreementId, Option<Label>) -> Option<AgreementCommand>;

async fn act(
    state: &ApiState,
    keyed: &Keyed,
    id: &str,
    (headers, body): (HeaderMap, Body),
    read: ReadCommand,
) -> Result<Response, Problem> {
    let agreement = id_in_path(id)?;
    let terms = terms_for(state, keyed.caller(), agreement).await?;
    let mut fields = Fields::read(state, &headers, body).await?;
    let role = role(&mut fields, keyed, &terms);
    let command = read(&mut fields, agreement, role);
    let command = fields.finish(command)?;
    run(state, keyed, agreement, command).await
}

async fn run(
    state: &ApiState,
    keyed: &Keyed,
    agreement: AgreementId,
    command: AgreementCommand,
) -> Result<Response, Problem> {
    let receipt = hand_in(state, &keyed.agent, Command::Agreement(command), field).await?;
    let told = done(state, keyed.caller(), agreement, receipt).await?;
    Ok((StatusCode::OK, Json(told)).into_response())
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident, $path:literal, $request:ty, $read:expr;)*) => {
        $(
            $(#[$doc])*
            #[utoipa::path(
                post, path = $path, tag = "Agreements",
                params(AgreementPath),
                request_body(content = $request, content_type = "application/json"),
                responses(
                    (status = 200, description = "Done: `steps` are what it did, `agreement` is \
                        as it is now; `repeated` when it had been done before", body = DoneView),
                    (status = 400, description = "A field breaks a rule"),
                    (status = 403, description = "It is not your role"),
                    (status = 404, description = "There is none in which you have a role"),
                    (status = 422, description = "It cannot be done at its stage"),
                    (status = 503, description = "The node cannot take it now"),
                    (status = 504, description = "The outcome is not known yet: send it again"),
                ),
                security(("api_key" = []))
            )]
            pub async fn $name(
                State(state): State<ApiState>,
                keyed: Keyed,
                InPath(id): InPath<String>,
                headers: HeaderMap,
                body: Body,
            ) -> Result<Response, Problem> {
                act(&state, &keyed, &id, (headers, body), $read).await
            }
        )*
    };
}

actions! {
    /// Accept an agreement
    ///
    /// For your role. When the approval rule of the role's account asks for two agents, another one
    /// must accept too.
    post_accept, "/api/v1/agreements/{id}/accept", RoleRequest,
        |_, agreement, role| Some(AgreementCommand::Accept { agreement, role: role? });
    /// Turn an agreement down
    ///
    /// For your role, while not all have accepted. It ends; nothing had moved.
    post_agreement_decline, "/api/v1/agreements/{id}/decline", RoleRequest,
        |_, agreement, role| Some(AgreementCommand::Decline { agreement, role: role? });
    /// Say yes to what a condition asks
    post_agreement_approve, "/api/v1/agreements/{id}/approve", ApproveRequest,
        |fields, agreement, role| {
            let what = fields.label("what");
            Some(AgreementCommand::Approve { agreement, role: role?, what: what? })
        };
    /// Ask to cancel
    ///
    /// It ends when every role but the arbiter has asked: before it runs always, afterwards when
    /// the terms say who then gets what. A request stands for seven days, and no longer than until
    /// a milestone pays, its condition begins to hold, or a dispute is opened.
    post_cancel, "/api/v1/agreements/{id}/cancel", RoleRequest,
        |_, agreement, role| Some(AgreementCommand::Cancel { agreement, role: role? });
    /// Take a request to cancel back
    post_withdraw_cancel, "/api/v1/agreements/{id}/withdraw-cancel", RoleRequest,
        |_, agreement, role| Some(AgreementCommand::WithdrawCancel { agreement, role: role? });
    /// Open a dispute
    ///
    /// Calls the arbiter whom the terms name. Nothing is paid until the ruling, or until its time
    /// is over.
    post_dispute, "/api/v1/agreements/{id}/dispute", DisputeRequest,
        |fields, agreement, role| {
            let reason = fields.text("reason");
            Some(AgreementCommand::Dispute { agreement, role: role?, reason: reason? })
        };
}

/// Settle a dispute
///
/// The arbiter says who gets what is left; shares are of what is left.
#[utoipa::path(
    post, path = "/api/v1/agreements/{id}/rule", tag = "Agreements",
    params(AgreementPath),
    request_body(content = RulingRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Settled", body = DoneView),
        (status = 400, description = "A field breaks a rule"),
        (status = 403, description = "You are not the arbiter, or no dispute is open"),
        (status = 404, description = "There is none in which you have a role"),
        (status = 422, description = "It does not give out exactly what is left"),
    ),
    security(("api_key" = []))
)]
pub async fn post_rule(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let agreement = id_in_path(&id)?;
    terms_for(&state, keyed.caller(), agreement).await?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let reason = fields.text("reason");
    let pay = match fields.value("pay").map(read::<Vec<Payout>>) {
        None => Some(Vec::new()),
        Some(Ok(pay)) => Some(pay),
        Some(Err(error)) => {
            let mend = format!(
                "{}; write payouts as {{\"remainder\": {{\"to\": \"seller\", \"asset\": \
                 \"EUR@bank\"}}}}",
                error.message
            );
            fields.refuse(&format!("pay{}", error.pointer), "payouts", mend);
            None
        }
    };
    let all = (|| Some((reason?, pay?)))();
    let (reason, pay) = fields.finish(all)?;
    run(&state, &keyed, agreement, AgreementCommand::Rule { agreement, pay, reason }).await
}

/// Pay a deposit
///
/// Pays one of your deposits, whole. The approval rule of the account applies: 202 means that it
/// waits for a second agent.
#[utoipa::path(
    post, path = "/api/v1/agreements/{id}/fund", tag = "Agreements",
    params(AgreementPath),
    request_body(content = FundRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Paid before under this reference: `payment`, `agreement`",
            body = FundedView),
        (status = 201, description = "Paid", body = FundedView),
        (status = 202, description = "It waits for a second agent, also when sent again",
            body = FundedView),
        (status = 400, description = "A field breaks a rule"),
        (status = 404, description = "No such agreement or deposit of yours"),
        (status = 409, description = "The reference stands for another command, or was declined"),
        (status = 422, description = "There is not enough, or it is not the time"),
    ),
    security(("api_key" = []))
)]
pub async fn post_fund(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let agreement = id_in_path(&id)?;
    let terms = terms_for(&state, keyed.caller(), agreement).await?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let reference = fields.reference();
    let deposit = deposit(&mut fields, &keyed, &terms);
    let account = match fields.optional_text("account").map(Purpose::new).transpose() {
        Ok(Some(account)) => Some(account),
        Ok(None) => Some(usual_account(&terms, deposit.as_ref())),
        Err(error) => {
            fields.refuse("account", "purpose", error.to_string());
            None
        }
    };
    let all = (|| Some((reference?, deposit?, account?)))();
    let (reference, deposit, account) = fields.finish(all)?;
    let paid =
        fund(&state, &keyed, account, reference, (agreement, deposit), Sent::OnAgreement).await?;
    let status = paid.http_status();
    let caller = keyed.caller();
    let now = state.read(move |view| {
        let Some((record, terms)) = found(view, &caller, agreement)? else { return Ok(None) };
        agreement_view(view, &caller, &record, &terms).map(Some)
    });
    let told = FundedView { payment: paid, agreement: now.await? };
    Ok((status, Json(told)).into_response())
}

/// The deposit that a body names, or the only one of the caller's roles.
fn deposit(fields: &mut Fields, keyed: &Keyed, terms: &Terms) -> Option<Label> {
    if fields.has("deposit") {
        return fields.label("deposit");
    }
    let roles = own(keyed, terms);
    let mine: Vec<&Label> = terms
        .deposits
        .iter()
        .filter(|deposit| roles.contains(&&deposit.role))
        .map(|deposit| &deposit.id)
        .collect();
    match mine.as_slice() {
        [only] => Some((*only).clone()),
        [] => {
            fields.refuse("deposit", "none", "your roles pay no deposit: see the terms");
            None
        }
        several => {
            let names: Vec<&str> = several.iter().map(|label| label.as_str()).collect();
            fields.refuse("deposit", "required", format!("name one of {}", names.join(", ")));
            None
        }
    }
}

/// The account of the role that pays a deposit.
fn usual_account(terms: &Terms, deposit: Option<&Label>) -> Purpose {
    let found = terms.deposits.iter().find(|one| Some(&one.id) == deposit);
    let role = found.and_then(|found| terms.roles.iter().find(|role| role.role == found.role));
    role.map_or_else(Purpose::main, |role| role.account.clone())
}
