//! Who can do what next with an agreement.

use tracehold_chain::agreement::{Label, Terms};
use tracehold_chain::units::{AgentId, MemberId};
use tracehold_contracts::agreement::explain::{ConditionStatus, Explained, Explanation};
use tracehold_contracts::agreement::{AgreementRecord, Stage, words};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::members::Move;

use super::super::ApiState;

/// An agreement whose moves are looked for.
pub struct Board<'a> {
    /// The node.
    pub state: &'a ApiState,
    /// Who reads.
    pub reader: &'a AgentId,
    /// What was agreed.
    pub terms: &'a Terms,
    /// How it stands.
    pub record: &'a AgreementRecord,
    /// In which language.
    pub language: Language,
}

impl Board<'_> {
    /// A role with its company's name: `the seller (Mill)`.
    fn who(&self, label: &Label) -> String {
        let role = words::role(label, self.language.spoken());
        let member = self.member(label).map(|member| self.state.member_name(member));
        let member = member.unwrap_or_default();
        let capital = |text: String| {
            let mut letters = text.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string());
            format!("{}{}", first.unwrap_or_default(), letters.as_str())
        };
        self.language.pick(capital(format!("{role} ({member})")), format!("{role}（{member}）"))
    }

    fn member(&self, label: &Label) -> Option<&MemberId> {
        let role = self.terms.roles.iter().find(|role| role.role == *label);
        role.map(|role| &role.member)
    }

    fn is_yours(&self, label: &Label) -> bool {
        self.member(label) == Some(self.reader.member())
    }

    /// `tracehold agreement DO ID`, with the role when the reader's company has several.
    fn command(&self, what: &str, role: &Label, more: &str) -> String {
        let own = self.terms.roles.iter().filter(|one| one.member == *self.reader.member());
        let role = if own.count() > 1 { format!(" --role {role}") } else { String::new() };
        format!("tracehold agreement {what} {}{more}{role}", self.record.id)
    }

    /// What can be done before it runs and while a dispute is open: known without its facts.
    pub fn moves(&self) -> Vec<Move> {
        match &self.record.stage {
            Stage::Proposed => self.acceptances(),
            Stage::Accepted => self.deposits(),
            Stage::Disputed => self.ruling(),
            Stage::Running | Stage::Ended { .. } => Vec::new(),
        }
    }

    fn acceptances(&self) -> Vec<Move> {
        let by = words::time(self.terms.accept_by);
        let roles = self.terms.roles.iter().zip(&self.record.accepted);
        let open = roles.filter(|(_, accepted)| !accepted.complete);
        open.map(|(role, accepted)| {
            let (who, did_one) = (self.who(&role.role), !accepted.by.is_empty());
            // Whoever accepted first cannot be the second.
            let is_yours = self.is_yours(&role.role) && !accepted.by.contains(self.reader);
            let text = match did_one {
                true => self.language.pick(
                    format!("{who}: a second agent accepts before {by}, or declines"),
                    format!("{who}：由第二名代理人在 {by} 之前接受或拒绝"),
                ),
                false => self.language.pick(
                    format!("{who} accepts before {by}, or declines"),
                    format!("{who}在 {by} 之前接受或拒绝"),
                ),
            };
            Move { text, is_yours, command: self.command("accept", &role.role, "") }
        })
        .collect()
    }

    fn deposits(&self) -> Vec<Move> {
        let deposits = self.terms.deposits.iter().zip(&self.record.deposited);
        let open = deposits.filter(|(_, paid)| paid.is_none());
        open.map(|(one, _)| {
            let (who, money, due) =
                (self.who(&one.role), words::money(&one.money), words::time(one.due));
            let text = self.language.pick(
                format!("{who} pays in {money} before {due}"),
                format!("{who}在 {due} 之前存入 {money}"),
            );
            let more = format!(" --deposit {} --reference NAME", one.id);
            let command = format!("tracehold agreement fund {}{more}", self.record.id);
            Move { text, is_yours: self.is_yours(&one.role), command }
        })
        .collect()
    }

    fn ruling(&self) -> Vec<Move> {
        let (Some(clause), Some(dispute)) = (&self.terms.dispute, &self.record.dispute) else {
            return Vec::new();
        };
        let (who, until) = (self.who(&clause.arbiter), words::time(dispute.until));
        let text = self.language.pick(
            format!("{who} rules before {until}; without a ruling it goes on"),
            format!("{who}在 {until} 之前裁决；逾期未裁决则协议继续"),
        );
        let id = self.record.id;
        let command = format!("tracehold agreement rule {id} --rest 'ROLE=ASSET' --reason 'WHY'");
        vec![Move { text, is_yours: self.is_yours(&clause.arbiter), command }]
    }

    /// As [`Board::moves`], with what a running agreement awaits from whom.
    pub fn all(&self, explained: &Explanation) -> Vec<Move> {
        let mut moves = self.moves();
        if self.record.stage == Stage::Running {
            for milestone in &explained.milestones {
                if let Some(condition) = &milestone.condition {
                    self.awaited(condition, &mut moves);
                }
            }
        }
        moves
    }

    fn awaited(&self, condition: &Explained, moves: &mut Vec<Move>) {
        for inner in &condition.of {
            self.awaited(inner, moves);
        }
        if condition.awaits.is_empty() || condition.status == ConditionStatus::Holds {
            return;
        }
        let text = self.language.pick(&condition.said.en, &condition.said.zh).clone();
        let is_yours = condition.awaits.iter().any(|who| who.member == *self.reader.member());
        let one = Move { text, is_yours, command: String::new() };
        if !moves.contains(&one) {
            moves.push(one);
        }
    }
}
