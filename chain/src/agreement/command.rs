//! What an agent asks to be done with an agreement. Deposits are paid with
//! [`crate::money::MoneyAction::Fund`].

use serde::{Deserialize, Serialize};

use super::payout::Payout;
use super::terms::{Label, Terms};
use crate::money::{AgreementId, Reference};

/// One thing to do with an agreement. Doing again what is done already changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgreementCommand {
    /// Puts terms forward. The agreement's id is [`AgreementId::of`] the proposer's member, the
    /// reference and the terms.
    Propose {
        /// The proposer's name for it.
        reference: Reference,
        /// What it says.
        terms: Box<Terms>,
    },
    /// Accepts for a role.
    Accept {
        /// Which.
        agreement: AgreementId,
        /// For which role of the sender's member.
        role: Label,
    },
    /// Turns it down for a role, while not all have accepted.
    Decline {
        /// Which.
        agreement: AgreementId,
        /// For which role of the sender's member.
        role: Label,
    },
    /// Says yes to what a condition asks.
    Approve {
        /// Which.
        agreement: AgreementId,
        /// For which role of the sender's member.
        role: Label,
        /// To what.
        what: Label,
    },
    /// Asks to cancel; it ends when every role but the arbiter has asked.
    Cancel {
        /// Which.
        agreement: AgreementId,
        /// For which role of the sender's member.
        role: Label,
    },
    /// Calls the arbiter.
    Dispute {
        /// Which.
        agreement: AgreementId,
        /// For which role of the sender's member.
        role: Label,
        /// Why.
        reason: String,
    },
    /// Settles the dispute: the arbiter says who gets what is left. Shares are of what is left.
    Rule {
        /// Which.
        agreement: AgreementId,
        /// Who gets what, with all that is left of every asset.
        pay: Vec<Payout>,
        /// Why.
        reason: String,
    },
    /// Takes a request to cancel back.
    WithdrawCancel {
        /// Which.
        agreement: AgreementId,
        /// For which role of the sender's member.
        role: Label,
    },
}

impl AgreementCommand {
    /// The agreement it is about, unless it is yet to be made.
    #[must_use]
    pub fn agreement(&self) -> Option<AgreementId> {
        match self {
            AgreementCommand::Propose { .. } => None,
            AgreementCommand::Accept { agreement, .. }
            | AgreementCommand::Decline { agreement, .. }
            | AgreementCommand::Approve { agreement, .. }
            | AgreementCommand::Cancel { agreement, .. }
            | AgreementCommand::Dispute { agreement, .. }
            | AgreementCommand::Rule { agreement, .. }
            | AgreementCommand::WithdrawCancel { agreement, .. } => Some(*agreement),
        }
    }
}
