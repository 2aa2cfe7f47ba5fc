//! Holds: money set aside for a payee, who takes it or gives it back.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tracehold_chain::money::{AccountId, Amount, HoldId, Money, MoneyAction, Reference};
use tracehold_contracts::money::{HoldRecord, HoldStatus};
use tracehold_contracts::{Rejection, RejectionCode as Code};

use super::ApiState;
use super::auth::Keyed;
use super::body::Fields;
use super::command::{CommandAnswers, give, own_account, reference_in_path};
use super::entries::{AccountPath, MoneyView, ReferencePath, account_in_path};
use super::extract::InPath;

use super::problem::{Kind, Problem};
use super::submit::refused;
use super::visible::{Caller, has_part};

/// Money set aside.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HoldView {
    /// The payer's account.
    pub account: String,
    /// The payer's reference.
    pub reference: String,
    /// How much was set aside.
    #[serde(flatten)]
    pub money: MoneyView,
    /// For which account.
    pub to: String,
    /// When it is free again (RFC 3339).
    pub expires_at: String,
    /// `pending`, `posted`, `voided` or `expired`.
    pub status: String,
    /// How much was taken; the rest is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posted: Option<String>,
}

/// Money to be set aside.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct HoldRequest {
    /// Your name for this hold, unique on the account for ever.
    reference: String,
    /// What, such as `EUR@bank`.
    asset: String,
    /// How much: a decimal as text.
    amount: String,
    /// For which account.
    to: String,
    /// When it is free again (RFC 3339), within ten years.
    expires_at: String,
}

/// Set money aside
///
/// It stays on the account and cannot be used for anything else, until the payee takes all or a
/// part of it, gives it back, or its time is over.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/holds", tag = "Money",
    params(AccountPath),
    request_body(content = HoldRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 404, description = "An account is not open, or not yours"),
        (status = 422, description = "There is not enough"),
    ),
    security(("api_key" = []))
)]
pub async fn post_hold(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = own_account(&keyed, &id)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let read = (fields.reference(), fields.money(), fields.parse::<AccountId>("to", "account"));
    let expires_at = fields.time("expires_at");
    let all = (|| Some((read.0?, read.1?, read.2?, expires_at?)))();
    let (reference, money, to, expires_at) = fields.finish(all)?;
    let action = MoneyAction::Hold { money, to, expires_at };
    give(&state, &keyed, (account, reference, action)).await
}

/// A hold that a path names, seen by payer and payee.
async fn hold(
    state: &ApiState,
    caller: Caller,
    id: &str,
    reference: &str,
) -> Result<HoldRecord, Problem> {
    let (account, reference) = (account_in_path(id)?, reference_in_path(reference)?);
    let detail = format!("nothing was set aside under {account} and {reference} that you may see");
    let found = state.read(move |view| {
        let record = view.hold(&HoldId { account, reference })?;
        let parties = |record: &HoldRecord| {
            let accounts = [&record.id.account, &record.to];
            let members = accounts.into_iter().filter_map(|account| account.member());
            has_part(&caller, members)
        };
        Ok(record.filter(parties))
    });
    let unknown = || Problem::new(Kind::NotFound, detail).code("hold-unknown");
    found.await?.ok_or_else(unknown)
}

impl HoldView {
    fn of(record: &HoldRecord) -> HoldView {
        let (status, posted) = match record.status {
            HoldStatus::Pending => ("pending", None),
            HoldStatus::Posted(amount) => ("posted", Some(amount)),
            HoldStatus::Voided => ("voided", None),
            HoldStatus::Expired => ("expired", None),
        };
        let asset = record.money.asset.clone();
        let posted = posted.map(|amount| Money { asset, amount });
        HoldView {
            account: record.id.account.to_string(),
            reference: record.id.reference.to_string(),
            money: (&record.money).into(),
            to: record.to.to_string(),
            expires_at: record.expires_at.to_string(),
            status: status.to_owned(),
            posted: posted.map(|money| money.decimal().to_string()),
        }
    }
}

/// Look at a hold
///
/// Payer and payee see it.
#[utoipa::path(
    get, path = "/api/v1/accounts/{id}/holds/{reference}", tag = "Money",
    params(
        AccountPath,
        ReferencePath,
    ),
    responses(
        (status = 200, description = "How it stands", body = HoldView),
        (status = 400, description = "That is no account"),
        (status = 404, description = "There is no such hold for you"),
    ),
    security(("api_key" = []))
)]
pub async fn get_hold(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath((id, reference)): InPath<(String, String)>,
) -> Result<Json<HoldView>, Problem> {
    let found = hold(&state, keyed.caller(), &id, &reference).await?;
    Ok(Json(HoldView::of(&found)))
}

/// What takes or gives back a hold.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct SettleRequest {
    /// The payee's name for this command, unique on the payee's account for ever.
    reference: String,
    /// To take: how much, all when left out; the rest is free again.
    amount: Option<String>,
}

/// Take what is held
///
/// The payee does, all or a part; the rest is free again.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/holds/{reference}/post", tag = "Money",
    params(
        AccountPath,
        ReferencePath,
    ),
    request_body(content = SettleRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 403, description = "It is held for another account"),
        (status = 404, description = "There is no such hold for you"),
        (status = 422, description = "It was taken, given back or has expired"),
    ),
    security(("api_key" = []))
)]
pub async fn post_hold_post(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath((id, reference)): InPath<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    settle(&state, &keyed, (id, reference), (headers, body), true).await
}

/// Give back what is held
///
/// The payee does; all of it is free again.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/holds/{reference}/void", tag = "Money",
    params(
        AccountPath,
        ReferencePath,
    ),
    request_body(content = SettleRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 403, description = "It is held for another account"),
        (status = 404, description = "There is no such hold for you"),
        (status = 422, description = "It was taken, given back or has expired"),
    ),
    security(("api_key" = []))
)]
pub async fn post_hold_void(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath((id, reference)): InPath<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    settle(&state, &keyed, (id, reference), (headers, body), false).await
}

async fn settle(
    state: &ApiState,
    keyed: &Keyed,
    (id, held_under): (String, String),
    (headers, body): (HeaderMap, Body),
    is_taken: bool,
) -> Result<Response, Problem> {
    let found = hold(state, keyed.caller(), &id, &held_under).await?;
    let mut fields = Fields::read(state, &headers, body).await?;
    let reference = fields.reference();
    let asset = found.money.asset.clone();
    let amount = match is_taken && fields.has("amount") {
        false => Some(found.money.amount),
        true => {
            let text = fields.amount_text();
            text.and_then(|text| fields.money_of(asset, &text)).map(|money| money.amount)
        }
    };
    let (reference, amount): (Reference, Amount) = fields.finish(reference.zip(amount))?;
    let hold = found.id;
    let account = match &found.to {
        AccountId::Member { member, purpose } if member == keyed.agent.agent_id.member() => {
            purpose.clone()
        }
        _ => return Err(refused(&Rejection::new(Code::HoldNotYours, found.to.to_string()))),
    };
    let action = match is_taken {
        true => MoneyAction::Post { hold, amount },
        false => MoneyAction::Void { hold },
    };
    give(state, keyed, (account, reference, action)).await
}
