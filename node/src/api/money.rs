//! Commands on money: accounts are opened, money is issued, paid and redeemed.
//!
//! A node signs a command with the key of the agent whose API key it came with. Its `reference` is
//! unique on the account for ever: sending the same again gives the first result and moves nothing.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tracehold_chain::money::{
    AccountId, AgreementId, ApprovalRule, AssetTerms, MoneyAction, MoneyCommand, Purpose, Reference,
};
use tracehold_chain::transaction::Command;
use tracehold_contracts::money::{ReferenceRecord, ReferenceStatus};
use tracehold_contracts::{Receipt, Rejection, RejectionCode as Code, Verdict};

use super::accounts::no_account;
use super::auth::Keyed;
use super::body::Fields;
use super::entries::{EntryView, MoneyView, account_in_path, parties_of};
use super::extract::InPath;
use super::problem::{Kind, Problem};
use super::submit::{refused, submit};
use super::visible::has_part;
use super::{ApiState, capture, prepare};
use crate::fault::Fault;
use crate::keystore::AgentSigner;
use crate::view::ReadView;

/// What became of a command under a reference.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CommandView {
    /// The account that acted.
    pub account: String,
    /// The client's name for the command.
    pub reference: String,
    /// `done`; `waiting` for a second agent, having moved nothing; or `declined`.
    pub status: &'static str,
    /// Whether this request found it so, having been sent before: nothing happened again.
    pub repeated: bool,
    /// The agent that gave it.
    pub by: String,
    /// The transaction that gave it.
    pub transaction_id: String,
    /// The second agent, when two were needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Until when it waits (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_until: Option<String>,
    /// Who declined it; missing when its time was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declined_by: Option<String>,
    /// When it was declined or its time was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declined_at: Option<String>,
    /// Where it took effect in the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What moved, when something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<EntryView>,
    /// What is asked for, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Asked>,
}

/// A command in words.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Asked {
    /// `set_rule`, `issue`, `redeem`, `transfer`, `hold` or `fund`.
    pub action: &'static str,
    /// How much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<MoneyView>,
    /// To which account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The purpose of the bank's own account that a redemption comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When a hold is free again (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// What an issue says of the asset: `{"note": {"due": …}}` or `{"title": {"document": …}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub terms: Option<serde_json::Value>,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// For which agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Which of its deposits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit: Option<String>,
    /// The approval rule that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub approval: Option<serde_json::Value>,
}

impl Asked {
    /// Everything that the second agent says yes to.
    fn of(view: &ReadView, action: &MoneyAction) -> Result<Asked, Fault> {
        let bare = |action| Asked {
            action,
            money: None,
            to: None,
            from: None,
            expires_at: None,
            terms: None,
            memo: None,
            agreement: None,
            deposit: None,
            approval: None,
        };
        Ok(match action {
            MoneyAction::SetRule(rule) => {
                Asked { approval: serde_json::to_value(rule).ok(), ..bare("set_rule") }
            }
            MoneyAction::Issue { money, to, terms } => {
                let (money, to) = (Some(money.into()), Some(to.to_string()));
                let said = (*terms != AssetTerms::Cash).then(|| serde_json::to_value(terms).ok());
                Asked { money, to, terms: said.flatten(), ..bare("issue") }
            }
            MoneyAction::Redeem { money, from } => {
                Asked { money: Some(money.into()), from: Some(from.to_string()), ..bare("redeem") }
            }
            MoneyAction::Transfer { money, to, memo } => {
                let (money, to) = (Some(money.into()), Some(to.to_string()));
                Asked { money, to, memo: memo.clone(), ..bare("transfer") }
            }
            MoneyAction::Hold { money, to, expires_at } => {
                let (money, to) = (Some(money.into()), Some(to.to_string()));
                Asked { money, to, expires_at: Some(expires_at.to_string()), ..bare("hold") }
            }
            MoneyAction::Fund { agreement, deposit } => {
                let terms = view.terms(*agreement)?;
                let mut deposits = terms.into_iter().flat_map(|terms| terms.deposits);
                let paid = deposits.find(|one| one.id == *deposit);
                Asked {
                    money: paid.map(|paid| (&paid.money).into()),
                    agreement: Some(agreement.to_string()),
                    deposit: Some(deposit.to_string()),
                    ..bare("fund")
                }
            }
            MoneyAction::Post { .. } => bare("post"),
            MoneyAction::Void { .. } => bare("void"),
            MoneyAction::Approve { .. } => bare("approve"),
            MoneyAction::Decline { .. } => bare("decline"),
        })
    }
}

impl CommandView {
    /// A command as the caller's member sees it.
    ///
    /// # Errors
    /// [`Fault`] when what moved or would move cannot be read.
    pub fn of(
        view: &ReadView,
        record: &ReferenceRecord,
        repeated: bool,
    ) -> Result<CommandView, Fault> {
        let mut told = CommandView {
            account: record.account.to_string(),
            reference: record.reference.to_string(),
            status: "done",
            repeated,
            by: record.by.to_string(),
            transaction_id: record.transaction.to_string(),
            approved_by: None,
            waiting_until: None,
            declined_by: None,
            declined_at: None,
            entry: None,
            moved: None,
            command: None,
        };
        match &record.status {
            ReferenceStatus::Done { at, approved_by } => {
                told.entry = Some(at.to_string());
                told.approved_by = approved_by.as_ref().map(ToString::to_string);
                let line = view.statement_line(&record.account, *at)?;
                told.moved = line.map(|line| (&line.entry).into());
            }
            ReferenceStatus::Waiting { command, until } => {
                told.status = "waiting";
                told.waiting_until = Some(until.to_string());
                told.command = Some(Asked::of(view, &command.action)?);
            }
            ReferenceStatus::Declined { by, at } => {
                told.status = "declined";
                told.declined_by = by.as_ref().map(ToString::to_string);
                told.declined_at = Some(at.to_string());
            }
        }
        Ok(told)
    }

    /// The status of an answer with it: what waits is not done, however often it is sent.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        match (self.repeated, self.status) {
            (_, "waiting") => StatusCode::ACCEPTED,
            (true, _) => StatusCode::OK,
            (false, _) => StatusCode::CREATED,
        }
    }

    /// The answer with it.
    #[must_use]
    pub fn response(self) -> Response {
        (self.http_status(), Json(self)).into_response()
    }
}

/// The account of the caller's member that a path names.
///
/// # Errors
/// [`Kind::NotFound`] when it is another's, and the refusal of an agreement's pot.
pub fn own_account(keyed: &Keyed, id: &str) -> Result<Purpose, Problem> {
    match account_in_path(id)? {
        AccountId::Member { member, purpose } if member == *keyed.agent.agent_id.member() => {
            Ok(purpose)
        }
        AccountId::Agreement(_) => Err(refused(&Rejection::new(Code::AccountReserved, id))),
        account => Err(no_account(&account)),
    }
}

/// Hands in commands signed by `agent`, and gives the receipt of what was recorded.
///
/// # Errors
/// As [`submit`]; and the rejection with the field at fault, as `field` knows it.
pub async fn hand_in(
    state: &ApiState,
    agent: &AgentSigner,
    commands: Vec<Command>,
    field: impl Fn(&Rejection) -> Option<String>,
) -> Result<Receipt, Problem> {
    let bundle = prepare::commanded(agent, state.chain_id(), state.expiry(), commands);
    capture::fits(&bundle)?;
    let committed = submit(state, bundle, state.limits().commit).await?;
    if let Verdict::Rejected(rejection) = &committed.receipt.verdict {
        let problem = refused(rejection).transaction(committed.receipt.transaction_id);
        return Err(match field(rejection) {
            Some(field) => problem.field(field, rejection.code.as_str(), rejection.code.message()),
            None => problem,
        });
    }
    Ok(committed.receipt)
}

/// Runs a money command and tells what became of the one under `shown`, or of itself.
///
/// # Errors
/// As [`hand_in`]; and [`Kind::Exists`] when the command itself was sent before and declined.
pub async fn run(
    state: &ApiState,
    agent: &AgentSigner,
    command: MoneyCommand,
    shown: Option<Reference>,
) -> Result<CommandView, Problem> {
    let account = AccountId::of(agent.agent_id.member().clone(), command.account.clone());
    let is_answer = shown.is_some();
    let reference = shown.unwrap_or_else(|| command.reference.clone());
    let commands = vec![Command::Money(command.clone())];
    let receipt = hand_in(state, agent, commands, |rejection| field(&command, rejection)).await?;
    let repeated = !receipt.repeats.is_empty();
    let done = state.read(move |view| {
        let record = view.reference(&account, &reference)?;
        record.map(|record| CommandView::of(view, &record, repeated)).transpose()
    });
    let lost = || Problem::new(Kind::Internal, "what was recorded is not on record");
    let done = done.await?.ok_or_else(lost)?;
    match done.status {
        "declined" if !is_answer => Err(declined(&done)),
        _ => Ok(done),
    }
}

/// The problem of a command that is sent again after it was declined: it never takes effect.
fn declined(done: &CommandView) -> Problem {
    let (reference, account) = (&done.reference, &done.account);
    let at = done.declined_at.as_deref().unwrap_or_default();
    let why = match &done.declined_by {
        Some(by) => format!("{by} declined it at {at}"),
        None => format!("nobody approved it before {at}"),
    };
    let detail = format!(
        "{reference} of {account} moved nothing and never will: {why}; give what you ask now a \
         reference of its own"
    );
    let problem = Problem::new(Kind::Exists, detail).code("declined");
    problem.field("/reference", "declined", "use another reference")
}

/// The field, parameter or part of the path that a refused command has to thank for it.
fn field(command: &MoneyCommand, rejection: &Rejection) -> Option<String> {
    let field = match rejection.code {
        Code::AmountInvalid | Code::InsufficientFunds | Code::TooMuchIssued => "/amount",
        Code::ReferenceTaken => "/reference",
        Code::SameAccount => "/to",
        Code::TimeInvalid if matches!(command.action, MoneyAction::Hold { .. }) => "/expires_at",
        Code::TextInvalid => "/memo",
        Code::RuleInvalid => "/approval",
        Code::AssetUnknown | Code::AssetExists | Code::NotABank | Code::NotTheIssuer => "/asset",
        Code::AssetTermsWrong => "/terms",
        Code::AgreementUnknown => "/agreement",
        Code::DepositUnknown => "/deposit",
        Code::AccountUnknown | Code::AccountReserved => {
            let to = match &command.action {
                MoneyAction::Issue { to, .. }
                | MoneyAction::Transfer { to, .. }
                | MoneyAction::Hold { to, .. } => to.to_string(),
                MoneyAction::Redeem { from, .. } => from.to_string(),
                _ => String::new(),
            };
            let names_payee = !to.is_empty() && rejection.subject.contains(&to);
            match (&command.action, names_payee) {
                (MoneyAction::Redeem { .. }, true) => "/from",
                (_, true) => "/to",
                (_, false) => "id",
            }
        }
        _ => return None,
    };
    Some(field.to_owned())
}

/// Open an account or set its approval rule
///
/// `main` is open from the beginning. A rule of two says from which amount on a second agent of the
/// member must approve; making it looser needs two.
#[utoipa::path(
    put, path = "/api/v1/accounts/{id}", tag = "Money",
    params(("id" = String, Path, description = "one of your accounts: `member:purpose`")),
    request_body(content = RuleRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "As it was set before under this reference",
            body = CommandView),
        (status = 201, description = "Done", body = CommandView),
        (status = 202, description = "It waits for a second agent, also when sent again", body = CommandView),
        (status = 400, description = "A field breaks a rule"),
        (status = 404, description = "The account is another member's"),
        (status = 409, description = "The reference stands for another command, or was declined"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet"),
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
    run(&state, &keyed.agent, MoneyCommand { account, reference, action }, None)
        .await
        .map(CommandView::response)
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
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct RuleRequest {
    /// Your name for this command, unique on the account for ever: 1 to 64 letters, digits, `-`,
    /// `_`, `.` or `:`.
    reference: String,
    /// `"one_agent"` (also when left out), or `{"two_agents": {"above": [{"asset": "EUR@bank",
    /// "amount": "1000.00"}]}}`; assets that are not listed always need two.
    #[schema(value_type = Option<Object>)]
    approval: Option<serde_json::Value>,
}

/// A payment.
#[derive(utoipa::ToSchema)]
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
    params(("id" = String, Path, description = "the account that pays: `member:purpose`")),
    request_body(content = TransferRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Paid before under this reference", body = CommandView),
        (status = 201, description = "Paid", body = CommandView),
        (status = 202, description = "It waits for a second agent, also when sent again", body = CommandView),
        (status = 400, description = "A field breaks a rule"),
        (status = 404, description = "An account is not open, or not yours"),
        (status = 409, description = "The reference stands for another command, or was declined"),
        (status = 422, description = "There is not enough"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet: send it again"),
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
    run(&state, &keyed.agent, MoneyCommand { account, reference, action }, None)
        .await
        .map(CommandView::response)
}

/// What makes an asset or more of it.
#[derive(utoipa::ToSchema)]
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
    #[schema(value_type = Option<Object>)]
    terms: Option<serde_json::Value>,
}

/// Issue
///
/// Makes cash (a bank does), a note (its debtor does, once) or a title (its issuer does, once). The
/// account is your `issuance` account.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}/issues", tag = "Money",
    params(("id" = String, Path, description = "your issuance account: `bank:issuance`")),
    request_body(content = IssueRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Issued before under this reference", body = CommandView),
        (status = 201, description = "Issued", body = CommandView),
        (status = 202, description = "It waits for a second agent, also when sent again", body = CommandView),
        (status = 400, description = "A field breaks a rule"),
        (status = 403, description = "Another member issues it, or you are no bank"),
        (status = 404, description = "An account is not open, or not yours"),
        (status = 409, description = "It was made or declined before, or the reference stands for another"),
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
    run(&state, &keyed.agent, MoneyCommand { account, reference, action }, None)
        .await
        .map(CommandView::response)
}

/// What takes cash out of the world.
#[derive(utoipa::ToSchema)]
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
    params(("id" = String, Path, description = "your issuance account: `bank:issuance`")),
    request_body(content = RedeemRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Redeemed before under this reference", body = CommandView),
        (status = 201, description = "Redeemed", body = CommandView),
        (status = 202, description = "It waits for a second agent, also when sent again", body = CommandView),
        (status = 400, description = "A field breaks a rule"),
        (status = 403, description = "Another member issues it, or you are no bank"),
        (status = 409, description = "The reference stands for another command, or was declined"),
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
    run(&state, &keyed.agent, MoneyCommand { account, reference, action }, None)
        .await
        .map(CommandView::response)
}

/// What pays a deposit.
#[derive(utoipa::ToSchema)]
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
    params(("id" = String, Path, description = "the account that pays: `member:purpose`")),
    request_body(content = DepositRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Paid before under this reference", body = CommandView),
        (status = 201, description = "Paid", body = CommandView),
        (status = 202, description = "It waits for a second agent, also when sent again", body = CommandView),
        (status = 400, description = "A field breaks a rule"),
        (status = 404, description = "No such agreement or deposit of yours"),
        (status = 409, description = "The reference stands for another command, or was declined"),
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
    fund(&state, &keyed, account, reference, (agreement, deposit)).await.map(CommandView::response)
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
    (agreement, deposit): (AgreementId, tracehold_chain::agreement::Label),
) -> Result<CommandView, Problem> {
    let caller = keyed.caller();
    let pot = AccountId::Agreement(agreement);
    let known = state.read(move |view| Ok(has_part(&caller, &parties_of(view, &pot)?)));
    if !known.await? {
        return Err(super::agreements::no_agreement(&agreement));
    }
    let action = MoneyAction::Fund { agreement, deposit };
    run(state, &keyed.agent, MoneyCommand { account, reference, action }, None).await
}

/// Look at what became of a command
///
/// Any command that was given under this reference of one of your accounts, however long ago.
#[utoipa::path(
    get, path = "/api/v1/accounts/{id}/references/{reference}", tag = "Money",
    params(
        ("id" = String, Path, description = "one of your accounts: `member:purpose`"),
        ("reference" = String, Path, description = "the reference"),
    ),
    responses(
        (status = 200, description = "What became of it", body = CommandView),
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

/// The reference that a path names.
///
/// # Errors
/// [`Kind::Parameter`] when it is none.
pub fn reference_in_path(text: &str) -> Result<Reference, Problem> {
    Reference::new(text).map_err(|error| {
        let mend = "use 1 to 64 letters, digits, '-', '_', '.' or ':'";
        Problem::new(Kind::Parameter, error.to_string()).field("reference", "reference", mend)
    })
}
