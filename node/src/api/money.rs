//! Endpoints of money: accounts are opened, money is issued, paid and redeemed.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use tracehold_chain::agreement::Label;
use tracehold_chain::money::{
    AccountId, AgreementId, ApprovalRule, AssetTerms, MoneyAction, MoneyCommand, Purpose, Reference,
};

use super::ApiState;
use super::auth::Keyed;
use super::body::Fields;
use super::command::{
    CommandAnswers, CommandView, Sent, give, own_account, reference_in_path, run,
};
use super::entries::{AccountPath, ApprovalRuleView, AssetTermsView, ReferencePath, parties_of};
use super::extract::InPath;
use super::problem::{Kind, Problem};
use super::visible::has_part;

/// Open an account or set its approval rule
///
/// `main` is open from the beginning. A rule of two says from which amount on a second agent of the
/// member must approve; making it looser needs two.
#[utoipa::path(
    put, path = "/api/v1/accounts/{id}", tag = "Money",
    params(AccountPath),
    request_body(content = RuleRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 404, description = "The account is another member's"),
    ),
    security(("api_key" = []))
)]
pub async fn put_account(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = own_account(&keyed, &id)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let reference = fields.reference();
    let rule = fields.value("approval").map(serde_json::from_value::<ApprovalRule>);
    let rule = match rule.transpose() {
        Ok(rule) => Some(ordered(rule.unwrap_or_default())),
        Err(error) => {
            let mend = format!(
                "{error}; write \"one_agent\" or {{\"two_agents\": {{\"above\": [{{\"asset\": \
                 \"EUR@bank\", \"amount\": \"1000.00\"}}]}}}}"
            );
            fields.refuse("approval", "approval-rule", mend);
            None
        }
    };
    let (reference, rule) = fields.finish(reference.zip(rule))?;
    let action = MoneyAction::SetRule(rule);
    give(&state, &keyed, (account, reference, action)).await
}

/// An approval rule with its limits in order, as the ledger wants it.
fn ordered(rule: ApprovalRule) -> ApprovalRule {
    match rule {
        ApprovalRule::OneAgent => rule,
        ApprovalRule::TwoAgents { mut above } => {
            above.sort_by(|a, b| a.0.asset.cmp(&b.0.asset));
            ApprovalRule::TwoAgents { above }
        }
    }
}

/// What opens an account or sets its rule.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct RuleRequest {
    /// Your name for this command, unique on the account for ever: 1 to 64 letters, digits, `-`,
    /// `_`, `.` or `:`.
    reference: String,
    /// `"one_agent"` (also when left out), or `{"two_agents": {"above": [{"asset": "EUR@bank",
    /// "amount": "1000.00"}]}}`; assets that are not listed always need two.
    #[schema(value_type = Option<ApprovalRuleView>)]
    approval: Option<ApprovalRule>,
}

/// A payment.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct TransferRequest {
    /// Your name for this payment, unique on the account for ever.
    reference: String,
    /// What, such as `EUR@bank`.
    asset: String,
    /// How much: a decimal as text, with at most the asset's decimal places.
    amount: String,
    /// To which account, such as `seller/main`.
    to: String,
    /// What for, at most 140 bytes.
    memo: Option<String>,
}

/// Pay
///
/// Moves money from one of your accounts. 201 means that it is decided by the network, synced to
/// this node's disk and readable here; 202 that it waits for a second agent and nothing moved.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/transfers", tag = "Money",
    params(AccountPath),
    request_body(content = TransferRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 404, description = "An account is not open, or not yours"),
        (status = 422, description = "There is not enough"),
    ),
    security(("api_key" = []))
)]
pub async fn post_transfer(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = own_account(&keyed, &id)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let read = (fields.reference(), fields.money(), fields.parse::<AccountId>("to", "account"));
    let memo = fields.optional_text("memo");
    let all = (|| Some((read.0?, read.1?, read.2?)))();
    let (reference, money, to) = fields.finish(all)?;
    let action = MoneyAction::Transfer { money, to, memo };
    give(&state, &keyed, (account, reference, action)).await
}

/// What makes an asset or more of it.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct IssueRequest {
    /// Your name for this command, unique on the issuance account for ever.
    reference: String,
    /// What: cash (`EUR@bank`), a note (`note:EUR@mill/INV-17`) or a title (`title:carrier/BL-1`),
    /// in your own name.
    asset: String,
    /// How much: a decimal as text; 1 of a title.
    amount: String,
    /// Who gets it.
    to: String,
    /// What is said of it: nothing of cash; `{"note": {"due": "2026-09-30T00:00:00Z"}}`;
    /// `{"title": {"document": "SHA-256"}}` or `{"title": {}}`.
    #[schema(value_type = Option<AssetTermsView>)]
    terms: Option<AssetTerms>,
}

/// Issue
///
/// Makes cash (a bank does), a note (its debtor does, once) or a title (its issuer does, once). The
/// account is your `issuance` account.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/issues", tag = "Money",
    params(AccountPath),
    request_body(content = IssueRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 403, description = "Another member issues it, or you are no bank"),
        (status = 404, description = "An account is not open, or not yours"),
    ),
    security(("api_key" = []))
)]
pub async fn post_issue(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = own_account(&keyed, &id)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let read = (fields.reference(), fields.money(), fields.parse::<AccountId>("to", "account"));
    let terms = match fields.value("terms").map(serde_json::from_value).transpose() {
        Ok(terms) => Some(terms.unwrap_or(AssetTerms::Cash)),
        Err(error) => {
            let mend = format!("{error}; leave it out for cash, or write {{\"title\": {{}}}}");
            fields.refuse("terms", "asset-terms", mend);
            None
        }
    };
    let all = (|| Some((read.0?, read.1?, read.2?, terms?)))();
    let (reference, money, to, terms) = fields.finish(all)?;
    let action = MoneyAction::Issue { money, to, terms };
    give(&state, &keyed, (account, reference, action)).await
}

/// What takes cash out of the world.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct RedeemRequest {
    /// Your name for this command, unique on the issuance account for ever.
    reference: String,
    /// Your own cash, such as `EUR@bank`.
    asset: String,
    /// How much: a decimal as text.
    amount: String,
    /// The purpose of your account that it comes from, such as `main` (also when left out), to
    /// which holders paid it before.
    from: Option<String>,
}

/// Redeem
///
/// The bank takes back what holders paid to it.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/redemptions", tag = "Money",
    params(AccountPath),
    request_body(content = RedeemRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 403, description = "Another member issues it, or you are no bank"),
        (status = 422, description = "There is not enough"),
    ),
    security(("api_key" = []))
)]
pub async fn post_redemption(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = own_account(&keyed, &id)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let read = (fields.reference(), fields.money());
    let from = match fields.optional_text("from").map(Purpose::new).transpose() {
        Ok(from) => Some(from.unwrap_or_else(Purpose::main)),
        Err(error) => {
            fields.refuse("from", "purpose", error.to_string());
            None
        }
    };
    let all = (|| Some((read.0?, read.1?, from?)))();
    let (reference, money, from) = fields.finish(all)?;
    let action = MoneyAction::Redeem { money, from };
    give(&state, &keyed, (account, reference, action)).await
}

/// What pays a deposit.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct DepositRequest {
    /// Your name for this payment, unique on the account for ever.
    reference: String,
    /// The agreement's id.
    agreement: String,
    /// Which of its deposits, as the terms call it.
    deposit: String,
}

/// Fund an agreement
///
/// Pays a deposit of an agreement, whole, from one of your accounts.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/deposits", tag = "Money",
    params(AccountPath),
    request_body(content = DepositRequest, content_type = "application/json"),
    responses(
        CommandAnswers,
        (status = 404, description = "No such agreement or deposit of yours"),
        (status = 422, description = "There is not enough, or it is not the time"),
    ),
    security(("api_key" = []))
)]
pub async fn post_deposit(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = own_account(&keyed, &id)?;
    let mut fields = Fields::read(&state, &headers, body).await?;
    let read = (fields.reference(), fields.parse::<AgreementId>("agreement", "agreement-id"));
    let deposit = fields.label("deposit");
    let all = (|| Some((read.0?, read.1?, deposit?)))();
    let (reference, agreement, deposit) = fields.finish(all)?;
    fund(&state, &keyed, account, reference, (agreement, deposit), Sent::OnAccount)
        .await
        .map(CommandView::response)
}

/// Pays a deposit.
///
/// # Errors
/// [`Problem`] as of any money command; 404 when the caller has no role in the agreement.
pub async fn fund(
    state: &ApiState,
    keyed: &Keyed,
    account: Purpose,
    reference: Reference,
    (agreement, deposit): (AgreementId, Label),
    sent: Sent,
) -> Result<CommandView, Problem> {
    let caller = keyed.caller();
    let pot = AccountId::Agreement(agreement);
    let known = state.read(move |view| Ok(has_part(&caller, &parties_of(view, &pot)?)));
    if !known.await? {
        return Err(super::agreements::no_agreement(&agreement));
    }
    let action = MoneyAction::Fund { agreement, deposit };
    let command = MoneyCommand { account, reference, action };
    run(state, &keyed.agent, command, (sent, None)).await
}

/// Look at what became of a command
///
/// Any command that was given under this reference of one of your accounts, however long ago.
#[utoipa::path(
    get, path = "/api/v1/accounts/{id}/references/{reference}", tag = "Money",
    params(
        AccountPath,
        ReferencePath,
    ),
    responses(
        (status = 200, description = "What became of it", body = CommandView),
        (status = 400, description = "That is no account"),
        (status = 404, description = "Nothing was recorded under this reference"),
    ),
    security(("api_key" = []))
)]
pub async fn get_reference(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath((id, reference)): InPath<(String, String)>,
) -> Result<Json<CommandView>, Problem> {
    let purpose = own_account(&keyed, &id)?;
    let account = AccountId::of(keyed.agent.agent_id.member().clone(), purpose);
    let reference = reference_in_path(&reference)?;
    let detail = format!("nothing was recorded under the reference {reference} of {account}");
    let found = state.read(move |view| {
        let record = view.reference(&account, &reference)?;
        record.map(|record| CommandView::of(view, &record, true)).transpose()
    });
    found.await?.map(Json).ok_or_else(|| Problem::new(Kind::NotFound, detail))
}
