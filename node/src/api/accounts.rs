//! `GET /api/v1/accounts`, statements, and `GET /api/v1/assets/{asset}`.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use serde::{Deserialize, Serialize};
use tracehold_chain::money::{AccountId, ApprovalRule, Asset, AssetTerms, EntryId, MoneyCause};
use tracehold_chain::state::Position;
use tracehold_contracts::agreement::StepKind;
use tracehold_contracts::money::Balance;

use super::ApiState;
use super::auth::Keyed;
use super::entries::{
    AccountPath, ApprovalRuleView, AssetTermsView, EntryView, MoneyView, account_in_path, decimal,
    parties_of, path_of,
};
use super::extract::{InPath, Params, query_pairs};
use super::limits::{MAX_HOLDERS_SUMMED, SUMMING_TRIES};
use super::paging::{next_link, per_page, to_token, wrong_token};
use super::problem::{Kind, Problem};
use super::visible::{Caller, has_part};
use crate::fault::Fault;
use crate::view::{Line, ReadView};

/// How much of an asset is on an account.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BalanceView {
    /// Of what.
    pub asset: String,
    /// The sum of all postings: a decimal as text.
    pub posted: String,
    /// How much of it is set aside by holds.
    pub held: String,
    /// What is free: posted less held.
    pub available: String,
    /// How many lines of the statement there are for it.
    pub postings: u64,
}

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccountView {
    /// Its name, such as `buyer/main`, or `agreement:` and an id.
    pub account: String,
    /// Its name as paths have it: `buyer:main`.
    pub id: String,
    /// When two agents are needed: `"one_agent"`, or `{"two_agents": {"above": […]}}`.
    #[schema(value_type = ApprovalRuleView)]
    pub approval: ApprovalRule,
    /// By asset, of which there is any.
    pub balances: Vec<BalanceView>,
    /// Whether there are more balances than the 1,000 that are told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub more: bool,
}

/// A member's accounts, by name.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Accounts {
    /// One page of them.
    pub accounts: Vec<AccountView>,
}

/// An event on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventLink {
    /// Its eventID.
    pub event_id: Option<String>,
    /// Its cursor, as in the feed.
    pub cursor: String,
}

/// One line of a statement.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LineView {
    /// Where the entry stands in the history: the cursor of this line.
    pub entry: String,
    /// The time of its block (RFC 3339).
    pub time: String,
    /// Its block.
    pub height: u64,
    /// The transaction in whose receipt it is; none for what was due when the block began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// What moved on this account, by asset.
    pub moved: Vec<MoneyView>,
    /// What was on the account after it, for each asset that moved.
    pub balance: Vec<MoneyView>,
    /// Why, and the whole entry.
    #[serde(flatten)]
    pub journal: EntryView,
    /// The events on which a milestone paid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub events: Vec<EventLink>,
}

/// A statement.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Statement {
    /// Whose.
    pub account: String,
    /// Newest first.
    pub entries: Vec<LineView>,
}

/// What is known of an asset.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AssetView {
    /// Its name.
    pub asset: String,
    /// Who owes or made it.
    pub issuer: String,
    /// Decimal places of its smallest unit.
    pub decimals: u32,
    /// What was said of it when it was made.
    #[schema(value_type = AssetTermsView)]
    pub terms: AssetTerms,
    /// How much of it is outstanding.
    pub outstanding: String,
    /// For its issuer only: every balance, and their sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_balance: Option<TrialBalance>,
}

/// Every balance of an asset: they sum to zero, the issuer's side being below it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrialBalance {
    /// Whether every account that holds it is listed. None is of an asset with more than 100,000
    /// holders, nor when blocks came too fast to add it all up at one of them: then ask again.
    pub complete: bool,
    /// Account and amount, by account. The issuer's issuance account is below zero.
    pub balances: Vec<Held>,
    /// The sum of all that is listed: zero.
    pub sum: String,
    /// Whether the sum is zero and what is held is what is outstanding; null when not all was added
    /// up.
    pub balanced: Option<bool>,
}

/// How much an account holds.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Held {
    /// Who.
    pub account: String,
    /// How much.
    pub amount: String,
}

/// The problem of an account that is not there, or not the caller's to see.
#[must_use]
pub fn no_account(account: &AccountId) -> Problem {
    let detail = format!(
        "there is no account {account} that you may see: it is not open, or another member's"
    );
    Problem::new(Kind::NotFound, detail).code("account-unknown")
}

/// Whether an account is open and the caller has a part in it.
///
/// # Errors
/// [`Fault`] when it cannot be read.
fn is_open(view: &ReadView, caller: &Caller, account: &AccountId) -> Result<bool, Fault> {
    if !has_part(caller, &parties_of(view, account)?) {
        return Ok(false);
    }
    Ok(match account {
        AccountId::Agreement(_) => true,
        AccountId::Member { purpose, .. } if purpose.as_str() == "main" => true,
        AccountId::Member { .. } => view.account(account)?.is_some() || view.is_used(account)?,
    })
}

/// An account as the view has it; none when it is not open or the caller has no part in it.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn account_of(
    view: &ReadView,
    caller: &Caller,
    account: &AccountId,
) -> Result<Option<AccountView>, Fault> {
    if !is_open(view, caller, account)? {
        return Ok(None);
    }
    let (balances, more) = view.balances(account)?;
    let rule = view.account(account)?.map(|record| record.approval).unwrap_or_default();
    Ok(Some(AccountView {
        account: account.to_string(),
        id: path_of(account),
        approval: rule,
        balances: balances.iter().map(BalanceView::of).collect(),
        more,
    }))
}

impl BalanceView {
    fn of(balance: &Balance) -> BalanceView {
        let held = i64::try_from(balance.held.minor_units()).unwrap_or(i64::MAX);
        let text = |minor| decimal(minor, &balance.asset);
        BalanceView {
            asset: balance.asset.to_string(),
            posted: text(balance.posted),
            held: text(held),
            available: text(balance.posted.saturating_sub(held)),
            postings: balance.postings,
        }
    }
}

/// What may be asked of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    #[serde(rename = "perPage")]
    per_page: Option<String>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
}

/// Reads a cursor of entries.
///
/// # Errors
/// [`Kind::Parameter`] when it is none.
pub fn entry_token(token: Option<&str>) -> Result<Option<EntryId>, Problem> {
    let read = |token: &str| {
        let id = token.parse::<EntryId>().ok().filter(|id| id.to_string() == token);
        id.ok_or_else(|| wrong_token("nextPageToken"))
    };
    token.map(read).transpose()
}

/// List your accounts
///
/// The accounts of the caller's member with what is on them, by name.
#[utoipa::path(
    get, path = "/api/v1/accounts", tag = "Money",
    params(
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A page of accounts", body = Accounts,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter breaks a rule"),
    ),
    security(("api_key" = []))
)]
pub async fn get_accounts(
    State(state): State<ApiState>,
    keyed: Keyed,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let most = per_page(query.per_page.as_deref())?.get();
    let after = query.next_page_token.as_deref();
    let after: Option<AccountId> =
        after.map(|token| token.parse().map_err(|_| wrong_token("nextPageToken"))).transpose()?;
    let (caller, member) = (keyed.caller(), keyed.agent.agent_id.member().clone());
    let (accounts, next) = state
        .read_much(move |view| {
            let (names, more) = view.accounts_of(&member, after.as_ref(), most)?;
            let next = names.last().filter(|_| more).map(AccountId::to_string);
            let mut accounts = Vec::with_capacity(names.len());
            for name in &names {
                accounts.extend(account_of(view, &caller, name)?);
            }
            Ok((accounts, next))
        })
        .await?;
    let mut response = Json(Accounts { accounts }).into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next_link(uri.path(), &query_pairs(&uri), &next));
    }
    Ok(response)
}

/// Look at an account
///
/// What is on it and its approval rule. The pot of an agreement is seen by every role of it.
#[utoipa::path(
    get, path = "/api/v1/accounts/{id}", tag = "Money",
    params(AccountPath),
    responses(
        (status = 200, description = "The account", body = AccountView),
        (status = 400, description = "Not an account's name"),
        (status = 404, description = "It is not open, or another member's"),
    ),
    security(("api_key" = []))
)]
pub async fn get_account(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<AccountView>, Problem> {
    let account = account_in_path(&id)?;
    let (caller, asked) = (keyed.caller(), account.clone());
    let found = state.read(move |view| account_of(view, &caller, &asked)).await?;
    found.map(Json).ok_or_else(|| no_account(&account))
}

/// Read a statement
///
/// Every change of an account, newest first, with what was on it afterwards and what it was for: a
/// command under its reference, a deposit, a milestone with the events on which it paid, or the end
/// of an agreement.
#[utoipa::path(
    get, path = "/api/v1/accounts/{id}/entries", tag = "Money",
    params(
        AccountPath,
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A page of the statement", body = Statement,
            headers(("Link" = String, description = "older lines"))),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 404, description = "It is not open, or another member's"),
    ),
    security(("api_key" = []))
)]
pub async fn get_entries(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let account = account_in_path(&id)?;
    let most = per_page(query.per_page.as_deref())?.get();
    let before = entry_token(query.next_page_token.as_deref())?;
    let (caller, asked) = (keyed.caller(), account.clone());
    let read = state.read_much(move |view| {
        if !is_open(view, &caller, &asked)? {
            return Ok(None);
        }
        let (lines, more) = view.statement(&asked, before, most)?;
        let next = lines.last().filter(|_| more).map(|(id, _)| id.to_string());
        let lines = lines.iter().map(|line| line_view(view, &asked, line));
        Ok(Some((lines.collect::<Result<Vec<_>, Fault>>()?, next)))
    });
    let (entries, next) = read.await?.ok_or_else(|| no_account(&account))?;
    let mut response = Json(Statement { account: account.to_string(), entries }).into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next_link(uri.path(), &query_pairs(&uri), &next));
    }
    Ok(response)
}

/// A line of a statement as clients see it.
fn line_view(view: &ReadView, account: &AccountId, (id, line): &Line) -> Result<LineView, Fault> {
    let moved = line.after.iter().map(|(asset, _)| {
        let own = line.entry.postings.iter();
        let own = own.filter(|posting| posting.account == *account && posting.asset == *asset);
        MoneyView::minor(own.fold(0_i64, |sum, p| sum.saturating_add(p.amount)), asset)
    });
    let transaction = view.transaction_of(*id)?;
    Ok(LineView {
        entry: id.to_string(),
        time: line.time.to_string(),
        height: id.height.0,
        transaction_id: transaction.map(|id| id.to_string()),
        moved: moved.collect(),
        balance: line.after.iter().map(|(asset, after)| MoneyView::minor(*after, asset)).collect(),
        events: paid_on(view, *id, &line.entry.cause)?,
        journal: (&line.entry).into(),
    })
}

/// The events on which a milestone paid with an entry.
fn paid_on(view: &ReadView, id: EntryId, cause: &MoneyCause) -> Result<Vec<EventLink>, Fault> {
    let positions = paid_on_positions(view, id, cause)?;
    positions.into_iter().map(|position| event_link(view, position)).collect()
}

/// Where the events stand on which a milestone paid with an entry.
///
/// # Errors
/// [`Fault`] when the steps cannot be read.
pub fn paid_on_positions(
    view: &ReadView,
    id: EntryId,
    cause: &MoneyCause,
) -> Result<Vec<Position>, Fault> {
    let MoneyCause::Milestone { agreement, milestone: wanted } = cause else {
        return Ok(Vec::new());
    };
    let mut positions = Vec::new();
    for (_, step) in view.steps_of_receipt(*agreement, id)? {
        match step.what {
            StepKind::Fulfilled { milestone, events, .. }
            | StepKind::PaidPart { milestone, events, .. }
                if milestone == *wanted =>
            {
                positions.extend(events);
            }
            _ => {}
        }
    }
    positions.sort_unstable();
    positions.dedup();
    Ok(positions)
}

/// An event by its place in the history.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn event_link(view: &ReadView, position: Position) -> Result<EventLink, Fault> {
    use tracehold_contracts::provenance::trace::TraceReader as _;
    Ok(EventLink { event_id: view.event_id(position)?, cursor: to_token(position) })
}

/// Look at an asset
///
/// How much of it is outstanding, and for its issuer the trial balance: every balance of it sums to
/// zero against what was issued. Cash is seen by every member; a note or title by its issuer and
/// those who hold or held it.
#[utoipa::path(
    get, path = "/api/v1/assets/{asset}", tag = "Money",
    params(("asset" = String, Path, description = "such as `EUR@bank`; of a note or title \
        percent-encoded: `title:carrier%2FBL-4711`")),
    responses(
        (status = 200, description = "The asset", body = AssetView),
        (status = 400, description = "Not an asset's name"),
        (status = 404, description = "Nobody issued it, or it is not yours to see"),
    ),
    security(("api_key" = []))
)]
pub async fn get_asset(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(name): InPath<String>,
) -> Result<Json<AssetView>, Problem> {
    let asset: Asset = name.parse().map_err(|error: tracehold_chain::money::AssetError| {
        let mend = "write EUR@bank for cash, note:EUR@debtor/reference for a note, \
                    title:issuer/reference for a title, percent-encoded";
        Problem::new(Kind::Parameter, error.to_string()).field("asset", "asset", mend)
    })?;
    for tries_left in (0..SUMMING_TRIES).rev() {
        let (caller, asked) = (keyed.caller(), asset.clone());
        let read = move |view: &ReadView| {
            let found = asset_view(view, &caller, &asked)?;
            let is_sum = found.as_ref().is_some_and(|found| found.trial_balance.is_some());
            Ok((found, !is_sum || view.is_whole()?))
        };
        let (mut found, is_whole) = state.read_much(read).await?;
        if !is_whole && tries_left > 0 {
            continue;
        }
        if let Some(found) = found.as_mut().filter(|_| !is_whole) {
            found.trial_balance = Some(TrialBalance::incomplete(&asset));
        }
        return found.map(Json).ok_or_else(|| no_asset(&asset));
    }
    Err(no_asset(&asset))
}

/// The problem of an asset that is not there, or not the caller's to see.
fn no_asset(asset: &Asset) -> Problem {
    let detail = format!("nobody has issued {asset}, or it is not yours to see");
    Problem::new(Kind::NotFound, detail).code("asset-unknown")
}

impl TrialBalance {
    fn incomplete(asset: &Asset) -> TrialBalance {
        let (balances, sum) = (Vec::new(), decimal(0, asset));
        TrialBalance { complete: false, balances, sum, balanced: None }
    }
}

fn asset_view(view: &ReadView, caller: &Caller, asset: &Asset) -> Result<Option<AssetView>, Fault> {
    let Some(record) = view.asset(asset)? else { return Ok(None) };
    let is_issuer = has_part(caller, [asset.issuer()]);
    let is_cash = matches!(asset, Asset::Cash { .. });
    if !is_issuer && !is_cash && !holds(view, caller, asset)? {
        return Ok(None);
    }
    let outstanding = i64::try_from(record.outstanding.minor_units()).unwrap_or(i64::MAX);
    let trial_balance = match is_issuer {
        true => Some(trial_balance(view, asset, outstanding)?),
        false => None,
    };
    Ok(Some(AssetView {
        asset: asset.to_string(),
        issuer: asset.issuer().to_string(),
        decimals: asset.minor_digits(),
        terms: record.terms.clone(),
        outstanding: decimal(outstanding, asset),
        trial_balance,
    }))
}

/// Whether an account of the caller's member holds or held an asset.
fn holds(view: &ReadView, caller: &Caller, asset: &Asset) -> Result<bool, Fault> {
    let Caller::Agent(agent) = caller else { return Ok(false) };
    let (accounts, _) = view.accounts_of(agent.member(), None, MAX_HOLDERS_SUMMED)?;
    for account in &accounts {
        if view.balance(account, asset)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn trial_balance(view: &ReadView, asset: &Asset, outstanding: i64) -> Result<TrialBalance, Fault> {
    let Some(mut held) = view.holders(asset, MAX_HOLDERS_SUMMED)? else {
        return Ok(TrialBalance::incomplete(asset));
    };
    held.sort_by_key(|balance| balance.account.to_string());
    let total = |balances: &mut dyn Iterator<Item = &Balance>| {
        balances.fold(0_i64, |sum, balance| sum.saturating_add(balance.posted))
    };
    let sum = total(&mut held.iter());
    let others = total(&mut held.iter().filter(|held| !held.account.stands_against(asset)));
    let balances = held.iter().map(|balance| Held {
        account: balance.account.to_string(),
        amount: decimal(balance.posted, asset),
    });
    Ok(TrialBalance {
        complete: true,
        balances: balances.collect(),
        sum: decimal(sum, asset),
        balanced: Some(sum == 0 && others == outstanding),
    })
}
