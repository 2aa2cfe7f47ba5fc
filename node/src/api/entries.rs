//! Journal entries, accounts and assets as clients see and name them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tracehold_chain::money::{
    AccountId, AgreementId, Asset, JournalEntry, Money, MoneyCause, Posting,
};
use tracehold_chain::units::MemberId;

use super::problem::{Kind, Problem};
use crate::fault::Fault;
use crate::view::ReadView;

/// An amount of an asset: a decimal as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MoneyView {
    /// Of what, such as `EUR@bank`.
    pub asset: String,
    /// How much, with all decimal places of the asset; below zero only for what leaves, or stands
    /// against what was issued.
    pub amount: String,
}

/// When two different agents of a member must say the same before money moves.
#[derive(utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "described here, written by the rule itself")]
pub enum ApprovalRuleView {
    /// One agent is always enough.
    OneAgent,
    /// Two agents for more than these amounts.
    TwoAgents {
        /// Up to which amount of an asset one agent is enough; assets that are not listed always
        /// need two.
        above: Vec<MoneyView>,
    },
}

/// What is said of an asset when it is made.
#[derive(utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "described here, written by the terms themselves")]
pub enum AssetTermsView {
    /// Cash needs no more than its name.
    Cash,
    /// A note.
    Note {
        /// When the debtor pays (RFC 3339).
        due: String,
    },
    /// A title.
    Title {
        /// The SHA-256 of the document, if there is one.
        document: Option<String>,
    },
}

/// One account gets or gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PostingView {
    /// Whose, such as `buyer/main`, or `agreement:` and an id.
    pub account: String,
    /// Of what.
    pub asset: String,
    /// How much; below zero for what leaves the account.
    pub amount: String,
}

/// Why money moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CauseView {
    /// `command`, `deposit`, `milestone` or `end` (of an agreement).
    pub kind: String,
    /// The account that acted: of a command or deposit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Its reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What a transfer is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// Which agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Which of its deposits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit: Option<String>,
    /// Which of its milestones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
}

/// A journal entry: its postings sum to zero for each asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EntryView {
    /// Why.
    pub cause: CauseView,
    /// What moved.
    pub postings: Vec<PostingView>,
}

/// So many smallest units of an asset as a decimal text.
#[must_use]
pub fn decimal(minor_units: i64, asset: &Asset) -> String {
    Decimal::from_i128_with_scale(minor_units.into(), asset.minor_digits()).to_string()
}

impl MoneyView {
    /// So many smallest units of an asset.
    #[must_use]
    pub fn minor(minor_units: i64, asset: &Asset) -> MoneyView {
        MoneyView { asset: asset.to_string(), amount: decimal(minor_units, asset) }
    }
}

impl From<&Money> for MoneyView {
    fn from(money: &Money) -> MoneyView {
        MoneyView { asset: money.asset.to_string(), amount: money.decimal().to_string() }
    }
}

impl From<&Posting> for PostingView {
    fn from(posting: &Posting) -> PostingView {
        PostingView {
            account: posting.account.to_string(),
            asset: posting.asset.to_string(),
            amount: decimal(posting.amount, &posting.asset),
        }
    }
}

impl From<&MoneyCause> for CauseView {
    fn from(cause: &MoneyCause) -> CauseView {
        let mut view = CauseView {
            kind: String::new(),
            account: None,
            reference: None,
            memo: None,
            agreement: None,
            deposit: None,
            milestone: None,
        };
        let kind = match cause {
            MoneyCause::Command { account, reference, memo } => {
                view.account = Some(account.to_string());
                view.reference = Some(reference.to_string());
                view.memo.clone_from(memo);
                "command"
            }
            MoneyCause::Deposit { agreement, deposit, account, reference } => {
                view.account = Some(account.to_string());
                view.reference = Some(reference.to_string());
                view.agreement = Some(agreement.to_string());
                view.deposit = Some(deposit.to_string());
                "deposit"
            }
            MoneyCause::Milestone { agreement, milestone } => {
                view.agreement = Some(agreement.to_string());
                view.milestone = Some(milestone.to_string());
                "milestone"
            }
            MoneyCause::End { agreement } => {
                view.agreement = Some(agreement.to_string());
                "end"
            }
        };
        kind.clone_into(&mut view.kind);
        view
    }
}

impl From<&JournalEntry> for EntryView {
    fn from(entry: &JournalEntry) -> EntryView {
        EntryView {
            cause: (&entry.cause).into(),
            postings: entry.postings.iter().map(PostingView::from).collect(),
        }
    }
}

/// The account in a path.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described here, read by account_in_path")]
pub struct AccountPath {
    /// The account: `member:purpose` such as `buyer:main`, or `agreement:` and an id.
    #[param(
        pattern = "^([a-z0-9][a-z0-9.-]{0,63}[:/][a-z0-9-]{1,32}|agreement:[0-9a-f]{64})$",
        example = "buyer:main"
    )]
    id: String,
}

/// The reference in a path.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described here, read by reference_in_path")]
pub struct ReferencePath {
    /// The reference under which it was given: that of the payer for a hold.
    #[param(pattern = "^[A-Za-z0-9_.:-]{1,64}$", example = "trip-9")]
    reference: String,
}

/// The account that a path names: `buyer:main`, `agreement:` and an id, or the account's own
/// spelling percent-encoded (`buyer%2Fmain`).
///
/// # Errors
/// [`Kind::Parameter`] when it names none.
pub fn account_in_path(text: &str) -> Result<AccountId, Problem> {
    let direct = text.parse::<AccountId>();
    let found = direct.or_else(|_| text.replacen(':', "/", 1).parse());
    found.map_err(|error| {
        Problem::new(Kind::Parameter, error.to_string()).field(
            "id",
            "account",
            "write member:purpose such as buyer:main, or agreement: and an id",
        )
    })
}

/// The account as a path names it.
#[must_use]
pub fn path_of(account: &AccountId) -> String {
    account.to_string().replacen('/', ":", 1)
}

/// The members that have a part in an account: its own, or every role of the agreement whose pot
/// it is.
///
/// # Errors
/// [`Fault`] when an agreement cannot be read.
pub fn parties_of(view: &ReadView, account: &AccountId) -> Result<Vec<MemberId>, Fault> {
    match account {
        AccountId::Member { member, .. } => Ok(vec![member.clone()]),
        AccountId::Agreement(id) => roles_of(view, *id),
    }
}

/// The members that have a role in an agreement; none when there is no such agreement.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn roles_of(view: &ReadView, id: AgreementId) -> Result<Vec<MemberId>, Fault> {
    let terms = view.terms(id)?;
    let roles = terms.into_iter().flat_map(|terms| terms.roles);
    Ok(roles.map(|role| role.member).collect())
}

/// Remembers who has a part in what, while one answer is made.
#[derive(Default)]
pub struct Parties(BTreeMap<AgreementId, Vec<MemberId>>);

impl Parties {
    /// The members that have a role in an agreement.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn of_agreement(
        &mut self,
        view: &ReadView,
        id: AgreementId,
    ) -> Result<Vec<MemberId>, Fault> {
        if let Some(known) = self.0.get(&id) {
            return Ok(known.clone());
        }
        let roles = roles_of(view, id)?;
        self.0.insert(id, roles.clone());
        Ok(roles)
    }

    /// The members that have a part in a journal entry: those of its accounts.
    ///
    /// # Errors
    /// [`Fault`] when an agreement cannot be read.
    pub fn of_entry(
        &mut self,
        view: &ReadView,
        entry: &JournalEntry,
    ) -> Result<Vec<MemberId>, Fault> {
        let mut parties = Vec::new();
        for posting in &entry.postings {
            match &posting.account {
                AccountId::Member { member, .. } => parties.push(member.clone()),
                AccountId::Agreement(id) => parties.extend(self.of_agreement(view, *id)?),
            }
        }
        Ok(parties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_in_a_path_has_three_spellings_that_mean_the_same() {
        let main: AccountId = "buyer/main".parse().unwrap();
        for text in ["buyer/main", "buyer:main"] {
            assert_eq!(account_in_path(text).unwrap(), main);
        }
        let pot = format!("agreement:{}", "ab".repeat(32));
        assert_eq!(account_in_path(&pot).unwrap().to_string(), pot);
        // A member may be called so, too.
        let odd = account_in_path("agreement:main").unwrap();
        assert_eq!(
            (odd.to_string(), path_of(&odd)),
            ("agreement/main".into(), "agreement:main".into())
        );
        for bad in ["buyer", "buyer:Main", ":main", "a:b:c", ""] {
            assert_eq!(account_in_path(bad).unwrap_err().errors[0].field, "id", "{bad}");
        }
    }

    #[test]
    fn amounts_show_all_places_of_their_asset() {
        let of = |minor, asset: &str| decimal(minor, &asset.parse().unwrap());
        assert_eq!(of(-1_250, "EUR@bank"), "-12.50");
        assert_eq!(of(0, "EUR@bank"), "0.00");
        assert_eq!(of(7, "JPY@bank"), "7");
        assert_eq!(of(1, "title:carrier/BL-1"), "1");
    }
}
