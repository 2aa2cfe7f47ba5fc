//! Commands on money: handed in once under their reference, and told what became of them.
//!
//! A node signs a command with the key of the agent whose API key it came with. Its `reference` is
//! unique on the account for ever: sending the same again gives the first result and moves nothing.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tracehold_chain::money::{
    AccountId, ApprovalRule, AssetTerms, MoneyAction, MoneyCommand, Purpose, Reference,
};
use tracehold_chain::transaction::Command;
use tracehold_contracts::money::{ReferenceRecord, ReferenceStatus};
use tracehold_contracts::{Receipt, Rejection, RejectionCode as Code, Verdict};
use utoipa::openapi::{Content, Ref, RefOr, Response as Described};

use super::accounts::no_account;
use super::auth::Keyed;
use super::entries::{ApprovalRuleView, AssetTermsView, EntryView, MoneyView, account_in_path};
use super::problem::{Kind, Problem};
use super::submit::{refused, submit};
use super::{ApiState, capture, prepare};
use crate::fault::Fault;
use crate::keystore::AgentSigner;
use crate::view::ReadView;

/// How a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// It took effect.
    Done,
    /// It waits for a second agent and moved nothing.
    Waiting,
    /// It was declined, or not approved in time: it never takes effect.
    Declined,
}

/// What became of a command under a reference.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommandView {
    /// The account that acted.
    pub account: String,
    /// The client's name for the command.
    pub reference: String,
    /// Whether it is done, waits or was declined.
    pub status: CommandStatus,
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
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Asked {
    /// `set_rule`, `issue`, `redeem`, `transfer`, `hold` or `fund`.
    pub action: String,
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
    #[schema(value_type = Option<AssetTermsView>)]
    pub terms: Option<AssetTerms>,
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
    #[schema(value_type = Option<ApprovalRuleView>)]
    pub approval: Option<ApprovalRule>,
}

impl Asked {
    /// Everything that the second agent says yes to.
    fn of(view: &ReadView, action: &MoneyAction) -> Result<Asked, Fault> {
        let bare = |action: &str| Asked {
            action: action.to_owned(),
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
                Asked { approval: Some(rule.clone()), ..bare("set_rule") }
            }
            MoneyAction::Issue { money, to, terms } => {
                let (money, to) = (Some(money.into()), Some(to.to_string()));
                let terms = (*terms != AssetTerms::Cash).then(|| terms.clone());
                Asked { money, to, terms, ..bare("issue") }
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
            status: CommandStatus::Done,
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
                told.status = CommandStatus::Waiting;
                told.waiting_until = Some(until.to_string());
                told.command = Some(Asked::of(view, &command.action)?);
            }
            ReferenceStatus::Declined { by, at } => {
                told.status = CommandStatus::Declined;
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
            (_, CommandStatus::Waiting) => StatusCode::ACCEPTED,
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

/// What every command on money may answer, said once.
pub struct CommandAnswers;

impl utoipa::IntoResponses for CommandAnswers {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let told = |status: &str, description: &str| {
            let mut response = Described::new(description);
            if status.starts_with('2') {
                let content = Content::new(Some(Ref::from_schema_name("CommandView")));
                response.content.insert("application/json".to_owned(), content.into());
            }
            (status.to_owned(), RefOr::T(response))
        };
        BTreeMap::from([
            told("200", "Done before under this reference: the first result again"),
            told("201", "Done"),
            told("202", "It waits for a second agent, also when sent again"),
            told("400", "A field breaks a rule"),
            told("403", "The account is not one that a member may pay from or into so"),
            told("404", "An account is not open, or not yours"),
            told("409", "The reference stands for another command, or was declined"),
            told("503", "The node cannot take it now"),
            told("504", "The outcome is not known yet: send it again"),
        ])
    }
}

/// Runs a money command and answers with what became of it.
///
/// # Errors
/// As [`run`].
pub async fn give(
    state: &ApiState,
    keyed: &Keyed,
    (account, reference, action): (Purpose, Reference, MoneyAction),
) -> Result<Response, Problem> {
    let command = MoneyCommand { account, reference, action };
    run(state, &keyed.agent, command, (Sent::OnAccount, None)).await.map(CommandView::response)
}

/// Hands in a command signed by `agent`, and gives the receipt of what was recorded.
///
/// # Errors
/// As [`submit`]; and the rejection with the field at fault, as `field` knows it.
pub async fn hand_in(
    state: &ApiState,
    agent: &AgentSigner,
    command: Command,
    field: impl Fn(&Rejection) -> Option<String>,
) -> Result<Receipt, Problem> {
    let bundle = prepare::commanded(agent, state.chain_id(), state.expiry(), vec![command]);
    capture::fits(&bundle)?;
    let committed = submit(state, bundle, state.limits().commit).await?;
    if let Verdict::Rejected(rejection) = &committed.receipt.verdict {
        let mut problem = refused(rejection).transaction(committed.receipt.transaction_id);
        // Whoever asked has sent a body, and no list of commands.
        problem.command = None;
        return Err(match field(rejection) {
            Some(field) => problem.field(field, rejection.code.as_str(), rejection.code.message()),
            None => problem,
        });
    }
    Ok(committed.receipt)
}

/// How a request names the parts of its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The account in the path, the rest in the body.
    OnAccount,
    /// The agreement in the path, the account in the body.
    OnAgreement,
    /// The account and the reference of what waits in the path.
    Answer,
}

/// Runs a money command and tells what became of the one under `shown`, or of itself.
///
/// # Errors
/// As [`hand_in`]; and [`Kind::Exists`] when the command itself was sent before and declined.
pub async fn run(
    state: &ApiState,
    agent: &AgentSigner,
    command: MoneyCommand,
    (sent, shown): (Sent, Option<Reference>),
) -> Result<CommandView, Problem> {
    let account = AccountId::of(agent.agent_id.member().clone(), command.account.clone());
    let is_answer = shown.is_some();
    let reference = shown.unwrap_or_else(|| command.reference.clone());
    let signed = Command::Money(command.clone());
    let field = |rejection: &Rejection| field(&command, rejection, sent);
    let receipt = hand_in(state, agent, signed, field).await?;
    let repeated = !receipt.repeats.is_empty();
    let done = state.read(move |view| {
        let record = view.reference(&account, &reference)?;
        record.map(|record| CommandView::of(view, &record, repeated)).transpose()
    });
    let lost = || Problem::new(Kind::Internal, "what was recorded is not on record");
    let done = done.await?.ok_or_else(lost)?;
    match done.status {
        CommandStatus::Declined if !is_answer => Err(declined(&done)),
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

/// The field of the body, or the part of the path, that a refused command has to thank for it: as
/// its request named it.
fn field(command: &MoneyCommand, rejection: &Rejection, sent: Sent) -> Option<String> {
    let part = part(command, rejection)?;
    Some(match (sent, part) {
        (Sent::Answer, "reference") => "/reference".to_owned(),
        (Sent::Answer, _) => "waiting".to_owned(),
        (Sent::OnAccount, "account") | (Sent::OnAgreement, "agreement") => "id".to_owned(),
        (_, "hold") => "reference".to_owned(),
        (_, part) => format!("/{part}"),
    })
}

/// The part of a money command that a refusal is about.
fn part(command: &MoneyCommand, rejection: &Rejection) -> Option<&'static str> {
    Some(match rejection.code {
        // A deposit is as much as the terms say: what can be changed is who pays it.
        Code::InsufficientFunds if matches!(command.action, MoneyAction::Fund { .. }) => "account",
        Code::AmountInvalid | Code::InsufficientFunds | Code::TooMuchIssued => "amount",
        Code::ReferenceTaken => "reference",
        Code::SameAccount => "to",
        Code::TimeInvalid if matches!(command.action, MoneyAction::Hold { .. }) => "expires_at",
        Code::TextInvalid => "memo",
        Code::RuleInvalid => "approval",
        Code::AssetUnknown | Code::AssetExists | Code::NotABank | Code::NotTheIssuer => "asset",
        Code::AssetTermsWrong => "terms",
        Code::HoldUnknown | Code::HoldNotYours | Code::HoldEnded => "hold",
        Code::NothingWaits | Code::SameAgent => "waiting",
        Code::AgreementUnknown | Code::TooManyAgreements => "agreement",
        Code::DepositUnknown | Code::WrongStage => "deposit",
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
                (MoneyAction::Redeem { .. }, true) => "from",
                (_, true) => "to",
                (_, false) => "account",
            }
        }
        _ => return None,
    })
}

/// Where the part of a signed transaction stands that a refusal is about: a JSON pointer into the
/// transaction with its event bodies.
#[must_use]
pub fn place_in_transaction(commands: &[Command], rejection: &Rejection) -> Option<String> {
    let place = rejection.command?;
    let command = commands.get(usize::try_from(place).ok()?)?;
    let part = match command {
        Command::Money(command) => part(command, rejection),
        Command::Agreement(_) => super::agreements::part(rejection),
        Command::Recall(_) => super::recalls::part(rejection),
        Command::Capture(_) | Command::SetMasterData(_) => None,
    };
    let json = serde_json::to_value(command).unwrap_or_default();
    let inside = part.and_then(|part| pointer_to(&json, part)).unwrap_or_default();
    Some(format!("/transaction/body/commands/{place}{inside}"))
}

/// Where a field of this name stands, at whatever depth.
fn pointer_to(value: &serde_json::Value, name: &str) -> Option<String> {
    let object = value.as_object()?;
    if object.contains_key(name) {
        return Some(format!("/{name}"));
    }
    object.iter().find_map(|(key, inner)| Some(format!("/{key}{}", pointer_to(inner, name)?)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn command(action: MoneyAction) -> MoneyCommand {
        let reference = Reference::new("a").unwrap();
        MoneyCommand { account: Purpose::main(), reference, action }
    }

    fn transfer() -> MoneyAction {
        let money = tracehold_chain::money::Money::parse("EUR@bank".parse().unwrap(), "1").unwrap();
        MoneyAction::Transfer { money, to: "seller/main".parse().unwrap(), memo: None }
    }

    fn fund() -> MoneyAction {
        let agreement = "ab".repeat(32).parse().unwrap();
        let deposit = tracehold_chain::agreement::Label::new("price").unwrap();
        MoneyAction::Fund { agreement, deposit }
    }

    /// Promise P88: the field that is named is one that the client sent.
    #[test]
    fn a_refusal_names_a_field_of_its_own_request() {
        let waiting = Reference::new("b").unwrap();
        let approve = MoneyAction::Approve { waiting };
        let poor = Rejection::new(Code::InsufficientFunds, "EUR@bank");
        let stage = Rejection::new(Code::WrongStage, "/deposits/0: price is in already: it runs");
        let taken = Rejection::new(Code::ReferenceTaken, "reference: a");
        for (action, sent, rejection, expected) in [
            (transfer(), Sent::OnAccount, &poor, "/amount"),
            (fund(), Sent::OnAccount, &poor, "id"),
            (fund(), Sent::OnAgreement, &poor, "/account"),
            (fund(), Sent::OnAgreement, &stage, "/deposit"),
            (approve.clone(), Sent::Answer, &poor, "waiting"),
            (approve, Sent::Answer, &taken, "/reference"),
        ] {
            let told = field(&command(action.clone()), rejection, sent);
            assert_eq!(told.as_deref(), Some(expected), "{action:?} {sent:?}");
        }
    }

    /// Promise P88: of several commands the one at fault is named, and what of it.
    #[test]
    fn a_refusal_says_which_command_of_a_transaction() {
        let commands = [fund(), transfer(), transfer()].map(|a| Command::Money(command(a)));
        let poor = Rejection::new(Code::InsufficientFunds, "EUR@bank");
        let at = |place| Rejection { command: Some(place), ..poor.clone() };
        assert_eq!(
            place_in_transaction(&commands, &at(2)).unwrap(),
            "/transaction/body/commands/2/Money/action/Transfer/money/amount"
        );
        assert_eq!(
            place_in_transaction(&commands, &at(0)).unwrap(),
            "/transaction/body/commands/0/Money/account"
        );
        assert_eq!(place_in_transaction(&commands, &poor), None);
    }
}
