//! Why something cannot be done with an agreement now: the clause, the role, how it stands, and who
//! can do what next.

use tracehold_chain::agreement::Label;
use tracehold_chain::units::{AgentId, MemberId};

use super::life::Life;
use super::record::{Ending, Stage};
use super::words::time;
use crate::receipt::RejectionCode;
use crate::stop::{Stop, refuse};

/// `a, b or c`.
fn any_of<'l>(labels: impl Iterator<Item = &'l Label>) -> String {
    let names: Vec<&str> = labels.map(Label::as_str).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => (*only).to_owned(),
        None => "nobody".to_owned(),
    }
}

impl Life {
    /// How it stands and who can do what now.
    pub fn stage_words(&self) -> String {
        let (terms, record) = (&self.terms, &self.record);
        match &record.stage {
            Stage::Proposed => {
                let roles = terms.roles.iter().zip(&record.accepted);
                let awaited: Vec<&str> = roles
                    .filter(|(_, accepted)| !accepted.complete)
                    .map(|(role, _)| role.role.as_str())
                    .collect();
                format!(
                    "it is proposed; {} must accept or decline before {}",
                    awaited.join(", "),
                    time(terms.accept_by)
                )
            }
            Stage::Accepted => {
                let deposits = terms.deposits.iter().zip(&record.deposited);
                let awaited: Vec<String> = deposits
                    .filter(|(_, paid)| paid.is_none())
                    .map(|(one, _)| format!("{} by {} before {}", one.id, one.role, time(one.due)))
                    .collect();
                format!("all have accepted; to be paid in are {}", awaited.join(", "))
            }
            Stage::Running => format!(
                "it runs; what is recorded of the goods fulfils its milestones until {}",
                time(terms.deadline)
            ),
            Stage::Disputed => {
                let until = record.dispute.as_ref().map_or(terms.deadline, |d| d.until);
                let arbiter = terms.dispute.iter().map(|dispute| &dispute.arbiter);
                format!(
                    "a dispute is open; {} rules before {}, then it goes on",
                    any_of(arbiter),
                    time(until)
                )
            }
            Stage::Ended { how, at } => {
                let how = match how {
                    Ending::Released { milestone } => format!("released with {milestone}"),
                    Ending::Cancelled => "cancelled by all".to_owned(),
                    Ending::Unfunded => "a deposit was missing".to_owned(),
                    Ending::Ruled => "settled by the arbiter".to_owned(),
                    Ending::Expired => "its deadline came".to_owned(),
                    Ending::NotAccepted { declined_by: Some(role) } => {
                        format!("{role} declined it")
                    }
                    Ending::NotAccepted { declined_by: None } => "not all had accepted".to_owned(),
                };
                format!("it ended at {} ({how}); only new terms can be put forward", time(*at))
            }
        }
    }

    /// Refuses what cannot be done at this stage: `clause` is a JSON pointer into the terms, `what`
    /// says who cannot do what.
    pub fn wrong_stage<T>(&self, clause: &str, what: &str) -> Result<T, Stop> {
        refuse(RejectionCode::WrongStage, format!("{clause}: {what}: {}", self.stage_words()))
    }

    /// The place of a role of the sender's member.
    pub fn own_role(&self, label: &Label, member: &MemberId) -> Result<usize, Stop> {
        let roles = &self.terms.roles;
        let mine = any_of(roles.iter().filter(|r| r.member == *member).map(|r| &r.role));
        let subject = match self.role(label) {
            Some((place, role)) if role.member == *member => return Ok(place),
            Some((place, role)) => {
                format!(
                    "/roles/{place}: {label} is {}; the role of {member} is {mine}",
                    role.member
                )
            }
            None => format!("/roles: there is no {label}; the role of {member} is {mine}"),
        };
        refuse(RejectionCode::RoleNotYours, subject)
    }

    /// Refuses a dispute by a role that may open none.
    pub fn not_disputable<T>(&self, role: &Label) -> Result<T, Stop> {
        let subject = match &self.terms.dispute {
            None => "/dispute: these terms have no dispute clause".to_owned(),
            Some(clause) => {
                format!("/dispute: {role} may not; {} may", any_of(clause.by.iter()))
            }
        };
        refuse(RejectionCode::NotDisputable, subject)
    }

    /// Refuses a ruling by another than the arbiter, or when there is nothing to rule on.
    pub fn not_the_arbiter<T>(&self, sender: &AgentId) -> Result<T, Stop> {
        let arbiter = self.terms.dispute.as_ref().zip(self.arbiter());
        let subject = match arbiter {
            None => "/dispute: these terms have no arbiter".to_owned(),
            Some((clause, member)) if member != sender.member() => {
                format!("/dispute: {} ({member}) rules, not {sender}", clause.arbiter)
            }
            Some(_) => format!("/dispute: no dispute is open: {}", self.stage_words()),
        };
        refuse(RejectionCode::NotTheArbiter, subject)
    }

    /// Refuses an approval that no condition asks for.
    pub fn not_asked<T>(&self, role: &Label, approval: &Label) -> Result<T, Stop> {
        let subject = format!("/milestones: no condition asks {role} to approve {approval}");
        refuse(RejectionCode::ApprovalNotAsked, subject)
    }
}
