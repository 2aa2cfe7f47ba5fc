//! What agents do with agreements.
//!
//! Doing again what is done already changes nothing and is no error.

use std::cell::RefCell;

use tracehold_chain::agreement::{
    AgreementCommand, Condition, Deposit, Label, Payout, RoleTerms, Terms, WHOLE,
};
use tracehold_chain::codec;
use tracehold_chain::money::{
    AccountId, AgreementId, Amount, ApprovalRule, Money, MoneyCause, Posting, Reference,
};
use tracehold_chain::state::key::party_agreement_key;
use tracehold_chain::state::{StateKey, TableError};
use tracehold_chain::units::{AgentId, MemberId};

use super::check::{Known, check};
use super::life::{Life, next_step};
use super::pay;
use super::record::{Acceptance, AgreementRecord, DisputeState, Ending, MilestoneState, Stage};
use super::step::StepKind;
use super::watch;
use crate::execute::{Concern, Now, Staged};
use crate::money;
use crate::receipt::RejectionCode;
use crate::stop::{Stop, refuse};

/// Bytes of the reason of a dispute or of a ruling.
pub const MAX_REASON_BYTES: usize = 1_000;

/// Payments of one ruling.
pub const MAX_RULING_PAYOUTS: usize = 64;

/// Runs a command.
pub(super) fn run(
    staged: &mut Staged<'_>,
    command: &AgreementCommand,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<(), Stop> {
    let Some(id) = command.agreement() else {
        let AgreementCommand::Propose { reference, terms } = command else { return Ok(()) };
        return propose(staged, reference, terms, sender, now);
    };
    let mut life = find(staged, id, sender.member())?;
    // What fell due before this block comes first.
    up_to_date(&mut life, staged, now)?;
    let life = &mut life;
    match command {
        AgreementCommand::Propose { .. } => {}
        AgreementCommand::Accept { role, .. } => life.accept(staged, role, sender, now)?,
        AgreementCommand::Decline { role, .. } => life.decline(staged, role, sender, now)?,
        AgreementCommand::Approve { role, what, .. } => {
            life.approve(staged, (role, what), sender, now)?;
        }
        AgreementCommand::Cancel { role, .. } => life.cancel(staged, role, sender, now)?,
        AgreementCommand::WithdrawCancel { role, .. } => {
            life.withdraw_cancel(staged, role, sender, now)?;
        }
        AgreementCommand::Dispute { role, reason, .. } => {
            life.open_dispute(staged, (role, reason), sender, now)?;
        }
        AgreementCommand::Rule { pay, reason, .. } => {
            life.rule(staged, (pay, reason), sender, now)?;
        }
    }
    // A deposit may have been due before all had accepted.
    up_to_date(life, staged, now)?;
    life.keep(staged);
    staged.touched.insert((Concern::Own, id));
    Ok(())
}

/// Does everything that fell due before. Where that is more than a transaction may set going, the
/// transaction waits until blocks have done it.
fn up_to_date(life: &mut Life, staged: &mut Staged<'_>, now: Now<'_>) -> Result<(), Stop> {
    if life.catch_up(staged, now)? {
        return Ok(());
    }
    staged.is_behind = true;
    life.wrong_stage("", "what fell due before is not done yet; try again after the next block")
}

/// An agreement in which the member has a role. To all others it is as if it were not there: what
/// would be said of it is nobody else's business.
fn find(staged: &Staged<'_>, id: AgreementId, member: &MemberId) -> Result<Life, Stop> {
    match Life::find(staged, id)? {
        Some(life) if has_role(&life.terms, member) => Ok(life),
        _ => unknown(id),
    }
}

fn has_role(terms: &Terms, member: &MemberId) -> bool {
    terms.roles.iter().any(|role| role.member == *member)
}

fn unknown<T>(id: AgreementId) -> Result<T, Stop> {
    refuse(RejectionCode::AgreementUnknown, id.to_string())
}

fn propose(
    staged: &mut Staged<'_>,
    reference: &Reference,
    terms: &Terms,
    sender: &AgentId,
    now: Now<'_>,
) -> Result<(), Stop> {
    let id = AgreementId::of(sender.member(), reference, terms);
    if staged.overlay.get(&StateKey::Agreement(id).encode())?.is_some() {
        return Ok(());
    }
    check_terms(staged, terms, now)?;
    has_room(staged, terms, sender.member())?;
    let proposed = next_step(staged, now);
    let record = AgreementRecord {
        id,
        proposer: sender.clone(),
        reference: reference.clone(),
        proposed,
        proposed_at: now.block_time,
        stage: Stage::Proposed,
        accepted: vec![Acceptance::default(); terms.roles.len()],
        deposited: vec![None; terms.deposits.len()],
        running_since: None,
        milestones: vec![MilestoneState::default(); terms.milestones.len()],
        approvals: Vec::new(),
        cancels: vec![None; terms.roles.len()],
        decisions: Vec::new(),
        dispute: None,
        facts: 0,
        units: 0,
        disputed: vec![false; terms.roles.len()],
        due: None,
        unseen: None,
        is_watching: false,
        unwatch_at: None,
    };
    staged.overlay.put(StateKey::Terms(id).encode(), codec::pack(terms));
    for role in &terms.roles {
        staged.index(party_agreement_key(&role.member, proposed, &id));
    }
    let mut life = Life { record, terms: terms.clone(), next: None };
    life.tell(staged, StepKind::Proposed { by: sender.clone() }, now);
    life.keep(staged);
    Ok(())
}

/// Refuses terms that nobody should agree to: with the first clause that is wrong.
fn check_terms(staged: &Staged<'_>, terms: &Terms, now: Now<'_>) -> Result<(), Stop> {
    // The check is pure: what it cannot be told, it is told is not there, and the failure is kept.
    let failed = RefCell::new(None);
    let ask = |found: Result<bool, TableError>| {
        found.unwrap_or_else(|error| {
            failed.replace(Some(error));
            false
        })
    };
    let overlay = &staged.overlay;
    let known = Known {
        authority: now.authority,
        block_time: now.block_time,
        asset_exists: &|asset| {
            let found = money::asset_record(overlay, asset);
            ask(found.map(|found| found.is_some()))
        },
        account_is_open: &|account| ask(money::is_open(overlay, now.authority, account)),
    };
    let checked = check(terms, &known);
    if let Some(error) = failed.take() {
        return Err(error.into());
    }
    match checked {
        Ok(_) => Ok(()),
        Err(refusals) => {
            let first = refusals.first().map(ToString::to_string);
            refuse(RejectionCode::TermsRefused, first.unwrap_or_default())
        }
    }
}

fn has_room(staged: &Staged<'_>, terms: &Terms, proposer: &MemberId) -> Result<(), Stop> {
    if watch::has_room(staged, terms, proposer)? {
        return Ok(());
    }
    refuse(RejectionCode::TooManyAgreements, terms.title.clone())
}

/// How much a deposit is that the account's member pays in.
pub(super) fn deposit(
    staged: &Staged<'_>,
    id: AgreementId,
    deposit: &Label,
    account: &AccountId,
) -> Result<Money, Stop> {
    let terms: Option<Terms> = staged.overlay.record(&StateKey::Terms(id).encode())?;
    let known = terms.filter(|terms| account.member().is_some_and(|who| has_role(terms, who)));
    let Some(terms) = known else { return unknown(id) };
    let place = place_of(&terms, deposit, account)?;
    match terms.deposits.into_iter().nth(place) {
        Some(deposit) => Ok(deposit.money),
        None => unknown(id),
    }
}

/// The place of a deposit that the account's member pays in.
fn place_of(terms: &Terms, deposit: &Label, account: &AccountId) -> Result<usize, Stop> {
    let mut deposits = terms.deposits.iter().enumerate();
    let Some((place, found)) = deposits.find(|(_, one)| one.id == *deposit) else {
        let subject = format!("/deposits: there is no {deposit}");
        return refuse(RejectionCode::DepositUnknown, subject);
    };
    let payer = terms.roles.iter().find(|role| role.role == found.role);
    if account.member() != payer.map(|payer| &payer.member) {
        let subject = format!("/deposits/{place}: {} pays {deposit}, not {account}", found.role);
        return refuse(RejectionCode::DepositUnknown, subject);
    }
    Ok(place)
}

/// Pays a deposit in, from an account that has so much.
pub(super) fn fund(
    staged: &mut Staged<'_>,
    id: AgreementId,
    deposit: &Label,
    (account, reference): (&AccountId, &Reference),
    now: Now<'_>,
) -> Result<(), Stop> {
    let Some(member) = account.member() else { return unknown(id) };
    let mut life = find(staged, id, member)?;
    up_to_date(&mut life, staged, now)?;
    let place = place_of(&life.terms, deposit, account)?;
    let Some(terms) = life.terms.deposits.get(place).cloned() else { return Ok(()) };
    let missing = life.record.deposited.get(place).is_some_and(Option::is_none);
    if life.record.stage != Stage::Accepted || !missing {
        let why = if missing { "cannot be paid now" } else { "is in already" };
        return life.wrong_stage(&format!("/deposits/{place}"), &format!("{deposit} {why}"));
    }
    // With the last deposit it begins to wait for events: many may have been accepted while few
    // ran.
    let mut others = life.record.deposited.iter().enumerate().filter(|(other, _)| *other != place);
    if others.all(|(_, at)| at.is_some()) {
        has_room(staged, &life.terms, life.record.proposer.member())?;
    }
    let Money { asset, amount } = terms.money;
    let moved = i64::try_from(amount.minor_units()).unwrap_or_default();
    let pot = AccountId::Agreement(id);
    let postings = vec![
        Posting { account: account.clone(), asset: asset.clone(), amount: -moved },
        Posting { account: pot, asset, amount: moved },
    ];
    let cause = MoneyCause::Deposit {
        agreement: id,
        deposit: deposit.clone(),
        account: account.clone(),
        reference: reference.clone(),
    };
    money::post(staged, cause, postings, now)?;
    if let Some(deposited) = life.record.deposited.get_mut(place) {
        *deposited = Some(now.block_time);
    }
    life.tell(staged, StepKind::Deposited { deposit: deposit.clone() }, now);
    if life.record.deposited.iter().all(Option::is_some) {
        life.start(staged, now)?;
    }
    life.keep(staged);
    Ok(())
}

/// Whether accepting needs two agents of a role's member: when all would that is paid in of an
/// asset by the roles of this account, together, or, when that is nothing, when the account asks
/// for two at all. In how many deposits or roles it comes makes no difference.
fn needs_two(rule: &ApprovalRule, terms: &Terms, role: &RoleTerms) -> bool {
    let shares_account =
        |other: &RoleTerms| other.member == role.member && other.account == role.account;
    let pays = |deposit: &&Deposit| {
        let mut payers = terms.roles.iter().filter(|other| other.role == deposit.role);
        payers.any(shares_account)
    };
    let mut sums = pay::Amounts::new();
    for deposit in terms.deposits.iter().filter(pays) {
        let sum = sums.entry(deposit.money.asset.clone()).or_default();
        // The check lets nobody pay in more than there can be of an asset.
        let Some(more) = sum.plus(deposit.money.amount) else { return rule.is_two() };
        *sum = more;
    }
    if sums.is_empty() {
        return rule.is_two();
    }
    sums.iter().any(|(asset, sum)| rule.needs_two(asset, *sum))
}

/// Whether a condition asks a role for an approval.
fn asks(condition: &Condition, role: &Label, approval: &Label) -> bool {
    match condition {
        Condition::Approved { by, what } => by == role && what == approval,
        Condition::All(of) | Condition::Any(of) | Condition::AtLeast { of, .. } => {
            of.iter().any(|one| asks(one, role, approval))
        }
        Condition::Not { of, .. } => asks(of, role, approval),
        _ => false,
    }
}

fn check_reason(reason: &str) -> Result<(), Stop> {
    let plain = !reason.chars().any(|c| c.is_control() && c != '\n');
    if plain && !reason.trim().is_empty() && reason.len() <= MAX_REASON_BYTES {
        return Ok(());
    }
    refuse(RejectionCode::TextInvalid, format!("reason: 1 to {MAX_REASON_BYTES} bytes"))
}

impl Life {
    fn accept(
        &mut self,
        staged: &mut Staged<'_>,
        role: &Label,
        sender: &AgentId,
        now: Now<'_>,
    ) -> Result<(), Stop> {
        let place = self.own_role(role, sender.member())?;
        let Some(accepted) = self.record.accepted.get(place) else { return Ok(()) };
        if accepted.complete {
            return Ok(());
        }
        if self.record.stage != Stage::Proposed {
            return self.wrong_stage(&format!("/roles/{place}"), &format!("{role} cannot accept"));
        }
        let Some(account) = self.account(role) else { return Ok(()) };
        let rule = money::approval_rule(&staged.overlay, &account)?;
        let own = self.terms.roles.get(place);
        let two = own.is_some_and(|own| needs_two(&rule, &self.terms, own));
        let Some(accepted) = self.record.accepted.get_mut(place) else { return Ok(()) };
        if !accepted.by.contains(sender) {
            accepted.by.push(sender.clone());
        } else if two {
            return Ok(());
        }
        let complete = !two || accepted.by.len() >= 2;
        accepted.complete = complete;
        let what = StepKind::Accepted { role: role.clone(), by: sender.clone(), complete };
        self.tell(staged, what, now);
        if self.record.accepted.iter().all(|accepted| accepted.complete) {
            has_room(staged, &self.terms, self.record.proposer.member())?;
            self.record.stage = Stage::Accepted;
        }
        Ok(())
    }

    fn decline(
        &mut self,
        staged: &mut Staged<'_>,
        role: &Label,
        sender: &AgentId,
        now: Now<'_>,
    ) -> Result<(), Stop> {
        let place = self.own_role(role, sender.member())?;
        let how = Ending::NotAccepted { declined_by: Some(role.clone()) };
        match &self.record.stage {
            Stage::Ended { how: before, .. } if *before == how => Ok(()),
            Stage::Proposed => Ok(self.end(staged, how, Vec::new(), now.block_time, now)?),
            _ => self.wrong_stage(&format!("/roles/{place}"), &format!("{role} cannot decline")),
        }
    }

    fn approve(
        &mut self,
        staged: &mut Staged<'_>,
        (role, approval): (&Label, &Label),
        sender: &AgentId,
        now: Now<'_>,
    ) -> Result<(), Stop> {
        let place = self.own_role(role, sender.member())?;
        if !self.terms.milestones.iter().any(|m| asks(&m.when, role, approval)) {
            return self.not_asked(role, approval);
        }
        if self.record.approvals.iter().any(|(r, what, _)| r == role && what == approval) {
            return Ok(());
        }
        if !matches!(self.record.stage, Stage::Running | Stage::Disputed) {
            let what = format!("{role} cannot approve {approval}");
            return self.wrong_stage(&format!("/roles/{place}"), &what);
        }
        self.record.approvals.push((role.clone(), approval.clone(), now.block_time));
        let what = StepKind::Approved { role: role.clone(), what: approval.clone() };
        self.tell(staged, what, now);
        Ok(())
    }

    fn cancel(
        &mut self,
        staged: &mut Staged<'_>,
        role: &Label,
        sender: &AgentId,
        now: Now<'_>,
    ) -> Result<(), Stop> {
        let place = self.own_role(role, sender.member())?;
        let asked_before = self.record.cancels.get(place).is_some_and(Option::is_some);
        if self.is_over() && asked_before {
            return Ok(());
        }
        let may = match self.record.stage {
            Stage::Proposed | Stage::Accepted => true,
            Stage::Running => self.terms.cancel.is_some(),
            Stage::Disputed | Stage::Ended { .. } => false,
        };
        if self.is_arbiter(role) {
            return self.wrong_stage("/cancel", &format!("{role} is the arbiter and is not asked"));
        }
        if !may {
            return self.wrong_stage("/cancel", &format!("{role} cannot ask to cancel"));
        }
        if self.record.cancel_stands(place, now.block_time).is_some() {
            return Ok(());
        }
        if let Some(asked) = self.record.cancels.get_mut(place) {
            *asked = Some(now.block_time);
        }
        self.tell(staged, StepKind::CancelAsked { role: role.clone() }, now);
        let mut roles = self.terms.roles.iter().enumerate();
        let stands = |place| self.record.cancel_stands(place, now.block_time).is_some();
        if roles.any(|(place, role)| !stands(place) && !self.is_arbiter(&role.role)) {
            return Ok(());
        }
        let at = now.block_time;
        match (&self.record.stage, &self.terms.cancel) {
            (Stage::Proposed, _) => {
                let how = Ending::NotAccepted { declined_by: None };
                self.end(staged, how, Vec::new(), at, now)?;
            }
            (Stage::Accepted, _) => {
                let paid = pay::give_back(staged, self, now)?;
                self.end(staged, Ending::Unfunded, paid, at, now)?;
            }
            (_, Some(payouts)) => {
                let base = pay::deposited(&self.terms);
                let paid = pay::give_out(staged, self, payouts, &base, now)?;
                self.end(staged, Ending::Cancelled, paid, at, now)?;
            }
            (_, None) => {}
        }
        Ok(())
    }

    /// Takes a request to cancel back. What does not stand cannot be taken back, and is no error.
    fn withdraw_cancel(
        &mut self,
        staged: &mut Staged<'_>,
        role: &Label,
        sender: &AgentId,
        now: Now<'_>,
    ) -> Result<(), Stop> {
        let place = self.own_role(role, sender.member())?;
        if self.is_over() {
            let what = format!("{role} cannot take back what it asked");
            return self.wrong_stage("/cancel", &what);
        }
        let stood = self.record.cancel_stands(place, now.block_time).is_some();
        if let Some(asked) = self.record.cancels.get_mut(place) {
            *asked = None;
        }
        if stood {
            self.tell(staged, StepKind::CancelWithdrawn { role: role.clone() }, now);
        }
        Ok(())
    }

    fn open_dispute(
        &mut self,
        staged: &mut Staged<'_>,
        (role, reason): (&Label, &str),
        sender: &AgentId,
        now: Now<'_>,
    ) -> Result<(), Stop> {
        let place = self.own_role(role, sender.member())?;
        let terms = self.terms.dispute.as_ref().filter(|dispute| dispute.by.contains(role));
        let Some(terms) = terms else {
            return self.not_disputable(role);
        };
        check_reason(reason)?;
        let last = self.record.dispute.as_ref();
        let is_same = |d: &&DisputeState| d.by == *role && d.reason == reason && !d.lapsed;
        let again = last.filter(is_same).is_some_and(|d| d.ruled.is_none());
        let has_opened = self.record.disputed.get(place).copied().unwrap_or_default();
        let (after_end, latest) = match &self.record.stage {
            Stage::Disputed if again => return Ok(()),
            Stage::Running if has_opened => {
                let subject = format!("/dispute: {role} has opened its one dispute before");
                return refuse(RejectionCode::NotDisputable, subject);
            }
            Stage::Running => (false, self.terms.deadline),
            Stage::Ended { at, .. } => {
                let recorded = last.filter(|dispute| dispute.after_end);
                if recorded.is_some() && again {
                    return Ok(());
                }
                let until = self.disputable_until(*at);
                let corrected = self.record.milestones.iter().any(|m| !m.corrected.is_empty());
                if recorded.is_some() || !corrected || now.block_time >= until {
                    let why = match (recorded.is_some(), corrected) {
                        (true, _) => "one was recorded after the end before",
                        (_, false) => "no event that it paid on was corrected",
                        _ => "the time for it after the end is over",
                    };
                    let subject = format!("/dispute: {why}: {}", self.stage_words());
                    return refuse(RejectionCode::NotDisputable, subject);
                }
                (true, now.block_time.plus_ms(terms.ruling_within.0))
            }
            Stage::Proposed | Stage::Accepted | Stage::Disputed => {
                return self.wrong_stage("/dispute", &format!("{role} cannot open a dispute"));
            }
        };
        let until = now.block_time.plus_ms(terms.ruling_within.0).min(latest);
        self.record.dispute = Some(DisputeState {
            by: role.clone(),
            reason: reason.to_owned(),
            at: now.block_time,
            until,
            ruled: None,
            pay: Vec::new(),
            lapsed: false,
            after_end,
        });
        if !after_end {
            self.record.stage = Stage::Disputed;
            if let Some(has_opened) = self.record.disputed.get_mut(place) {
                *has_opened = true;
            }
            self.clear_cancels(staged, now);
            // Windows begin anew when it goes on.
            for milestone in &mut self.record.milestones {
                milestone.held_through = milestone.holds_since.take();
            }
        }
        let reason = reason.to_owned();
        let what = StepKind::Disputed { role: role.clone(), reason, until };
        self.tell(staged, what, now);
        Ok(())
    }

    fn rule(
        &mut self,
        staged: &mut Staged<'_>,
        (pay, reason): (&[Payout], &str),
        sender: &AgentId,
        now: Now<'_>,
    ) -> Result<(), Stop> {
        let Some(dispute) = &self.record.dispute else {
            return self.not_the_arbiter(sender);
        };
        if self.arbiter() != Some(sender.member()) {
            return self.not_the_arbiter(sender);
        }
        if dispute.ruled.as_deref() == Some(reason) && dispute.pay == pay {
            return Ok(());
        }
        if dispute.ruled.is_some() || dispute.lapsed {
            return self.not_the_arbiter(sender);
        }
        let after_end = dispute.after_end;
        check_reason(reason)?;
        let pot = pay::pot(staged, self)?;
        if let Err(why) = self.check_ruling(pay, &pot, after_end) {
            return refuse(RejectionCode::RulingInvalid, why);
        }
        if let Some(dispute) = &mut self.record.dispute {
            dispute.ruled = Some(reason.to_owned());
            dispute.pay = pay.to_vec();
        }
        self.tell(staged, StepKind::Ruled { reason: reason.to_owned() }, now);
        if !after_end {
            let paid = pay::give_out(staged, self, pay, &pot, now)?;
            self.end(staged, Ending::Ruled, paid, now.block_time, now)?;
        }
        Ok(())
    }

    /// Whether a ruling gives out exactly what is there.
    fn check_ruling(
        &self,
        pay: &[Payout],
        pot: &pay::Amounts,
        after_end: bool,
    ) -> Result<(), String> {
        if after_end {
            return pay.is_empty().then_some(()).ok_or_else(|| {
                "pay: the agreement has ended, a ruling after it moves no money".to_owned()
            });
        }
        if pay.len() > MAX_RULING_PAYOUTS {
            return Err(format!("pay: at most {MAX_RULING_PAYOUTS} payments"));
        }
        let mut sums: std::collections::BTreeMap<_, u64> = Default::default();
        let mut rests = std::collections::BTreeSet::new();
        for (place, payout) in pay.iter().enumerate() {
            if self.role(payout.to()).is_none() {
                return Err(format!("pay/{place}/to: {} is no role", payout.to()));
            }
            let asset = payout.asset();
            let Some(there) = pot.get(asset) else {
                return Err(format!("pay/{place}: there is no {asset} in the agreement"));
            };
            let amount = match payout {
                Payout::Amount { money, .. } => money.amount,
                Payout::Share { percent, .. } => {
                    there.share(percent.parts().into(), WHOLE.parts().into())
                }
                Payout::Remainder { .. } => {
                    if !rests.insert(asset) {
                        return Err(format!(
                            "pay/{place}: the remainder of {asset} is given twice"
                        ));
                    }
                    Amount::ZERO
                }
            };
            let sum = sums.entry(asset).or_default();
            *sum = sum.saturating_add(amount.minor_units());
        }
        for (asset, there) in pot {
            let given = sums.get(asset).copied().unwrap_or_default();
            let there = there.minor_units();
            if given > there || (given < there && !rests.contains(asset)) {
                let money = |units| {
                    Amount::new(units)
                        .map(|amount| Money { asset: asset.clone(), amount }.to_string())
                        .unwrap_or_else(|_| format!("too much {asset}"))
                };
                return Err(format!("pay: {} is there, {} is given", money(there), money(given)));
            }
        }
        Ok(())
    }
}
