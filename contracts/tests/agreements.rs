//! Tables of what people agreed, what happened, and who was paid, in words that a finance person
//! reads.
//!
//! `agreements/*.txt` are run on the real ledger with signed transactions and real EPCIS events;
//! `agreements/README.md` lists the sentences. At the end of each table, money is neither made nor
//! lost, and the pot of what ended is empty.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod market;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracehold_chain::agreement::{AgreementCommand, Label};
use tracehold_chain::money::{AccountId, AgreementId, Asset, Money, MoneyAction, Reference};
use tracehold_chain::state::StateKey;
use tracehold_chain::transaction::{Bundle, Command};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::explain::{Explained, Sentence, explain};
use tracehold_contracts::agreement::watch::{
    MAX_AGREEMENTS_PER_NAME, MAX_AGREEMENTS_PER_NAME_AND_PROPOSER,
};
use tracehold_contracts::agreement::{
    ActualEnd, AgreementRecord, Context, Ending, Known, MAX_LOOKED_AT, MilestoneState, OutcomeKind,
    Outcomes, Paid, Stage, StepKind, View, check, facts,
};
use tracehold_contracts::{Effects, RejectionCode, Verdict};

use market::terms::{Draft, label, money, payouts, time};
use market::{Market, account, member};

/// What a line of a table says is not so.
struct Wrong {
    expected: String,
    found: String,
}

fn compare(expected: impl Into<String>, found: impl Into<String>) -> Result<(), Wrong> {
    let (expected, found) = (expected.into(), found.into());
    if expected == found { Ok(()) } else { Err(Wrong { expected, found }) }
}

/// A scenario while it runs.
struct Scenario {
    market: Market,
    draft: Draft,
    id: Option<AgreementId>,
    /// Events by label, as they were sent, and by whom.
    sent: BTreeMap<String, (String, Value)>,
    events: u32,
    /// What became of the last block's transactions, and what all of it did.
    verdicts: Vec<Verdict>,
    effects: Vec<Effects>,
    /// Assets that anybody has.
    assets: Vec<Asset>,
    /// What roles got from the pot so far.
    got: Vec<(Label, Money)>,
    /// Every way in which the check says it can end.
    outcomes: Option<Outcomes>,
}

impl Scenario {
    fn new(title: &str) -> Scenario {
        let mut scenario = Scenario {
            market: Market::new(),
            draft: Draft::new(title),
            id: None,
            sent: BTreeMap::new(),
            events: 0,
            verdicts: Vec::new(),
            effects: Vec::new(),
            assets: Vec::new(),
            got: Vec::new(),
            outcomes: None,
        };
        let start = time("06:00");
        for who in ["buyer", "seller", "financier"] {
            scenario.issue(start, "10000 EUR", who);
        }
        scenario
    }

    fn issue(&mut self, at: TimestampMs, what: &str, to: &str) {
        let money = money(what);
        let issuer = money.asset.issuer().to_string();
        let units = money.amount.minor_units();
        if !self.assets.contains(&money.asset) {
            self.assets.push(money.asset.clone());
        }
        let bundle = self.market.issue(&issuer, at, &money.asset, units, to);
        self.decide(at, vec![bundle]);
        self.settled();
    }

    /// Decides a block at a time, or as soon after the last block as can be.
    fn decide(&mut self, at: TimestampMs, bundles: Vec<Bundle>) {
        let at = at.max(self.market.now().plus_ms(1));
        let layer = self.market.block(at, bundles);
        self.verdicts = layer.receipts.iter().map(|receipt| receipt.verdict.clone()).collect();
        self.effects = std::iter::once(layer.due.clone())
            .chain(layer.receipts.iter().map(|receipt| receipt.effects.clone()))
            .collect();
        self.got.extend(payments(&self.effects).map(|one| (one.to.clone(), one.money.clone())));
    }

    /// The last block's transactions were recorded, all of them.
    fn settled(&self) {
        assert_eq!(self.refusal(), "recorded");
    }

    fn refusal(&self) -> String {
        let refused = self.verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Rejected(rejection) => Some(rejection),
            Verdict::Recorded { .. } => None,
        });
        refused.map_or("recorded".to_owned(), |rejection| {
            format!("refused {} ({})", rejection.code.as_str(), rejection.subject)
        })
    }

    fn id(&self) -> AgreementId {
        self.id.expect("somebody proposes first")
    }

    fn record(&self) -> AgreementRecord {
        self.market.get(&StateKey::Agreement(self.id())).expect("it was proposed")
    }

    /// Runs a line, with those below it that are in the same block.
    fn line(&mut self, line: &str, more: &[&str]) -> Result<(), Wrong> {
        if let Some(expectation) = line.strip_prefix("expect ") {
            return self.expect(expectation);
        }
        if self.refusal() != "recorded" {
            return compare("recorded", self.refusal());
        }
        if self.id.is_none() && self.draft.line(line) {
            return Ok(());
        }
        let (name, line) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((name, line)) => (name, line),
            None => ("", line),
        };
        let split = if line.starts_with("tomorrow ") {
            line.match_indices(' ').nth(1)
        } else {
            line.match_indices(' ').next()
        };
        let (at, sentence) = line.split_at(split.unwrap_or_else(|| panic!("{line:?}")).0);
        let at = time(at);
        let sentence = sentence.trim();
        match sentence {
            "it starts" => {
                self.start(at);
                return Ok(());
            }
            "time passes" => {
                self.decide(at, Vec::new());
                return Ok(());
            }
            _ => {}
        }
        if let Some((issuer, rest)) = sentence.split_once(" issues ") {
            let (what, to) = rest.split_once(" to ").unwrap();
            assert_eq!(money(what).asset.issuer(), &member(issuer));
            self.issue(at, what, to);
            return Ok(());
        }
        let mut bundles = vec![self.transaction(at, name, sentence)];
        for line in more {
            bundles.push(self.transaction(at, "", line));
        }
        self.decide(at, bundles);
        Ok(())
    }

    /// All propose, accept and pay in, one after the other.
    fn start(&mut self, at: TimestampMs) {
        let roles: Vec<(String, String)> = self
            .draft
            .terms
            .roles
            .iter()
            .map(|role| (role.role.to_string(), role.member.to_string()))
            .collect();
        let proposer = roles[0].1.clone();
        let bundle = self.transaction(at, "", &format!("{proposer} proposes"));
        self.decide(at, vec![bundle]);
        self.settled();
        for (role, who) in &roles {
            let bundle = self.transaction(at, "", &format!("{who} accepts as {role}"));
            self.decide(at, vec![bundle]);
            self.settled();
        }
        for deposit in self.draft.terms.deposits.clone() {
            let who = roles.iter().find(|(role, _)| *role == deposit.role.as_str()).unwrap();
            let bundle = self.transaction(at, "", &format!("{} deposits {}", who.1, deposit.id));
            self.decide(at, vec![bundle]);
            self.settled();
        }
    }

    /// What somebody does.
    fn transaction(&mut self, at: TimestampMs, name: &str, sentence: &str) -> Bundle {
        let mut words = sentence.splitn(3, ' ');
        let (who, verb) = (words.next().unwrap(), words.next().unwrap());
        let rest = words.next().unwrap_or_default();
        let role = |text: &str| {
            let own = who.split('/').next().unwrap();
            label(text.strip_prefix("as ").unwrap_or(own))
        };
        let command = match verb {
            "proposes" => {
                let terms = Box::new(self.draft.terms.clone());
                let reference = Reference::new("deal").unwrap();
                let proposer = member(who.split('/').next().unwrap());
                self.id = Some(AgreementId::of(&proposer, &reference, &terms));
                self.outcomes = Some(self.checked(at));
                AgreementCommand::Propose { reference, terms }
            }
            "accepts" if rest.is_empty() || rest.starts_with("as ") => {
                AgreementCommand::Accept { agreement: self.id(), role: role(rest) }
            }
            "declines" => AgreementCommand::Decline { agreement: self.id(), role: role(rest) },
            "approves" => AgreementCommand::Approve {
                agreement: self.id(),
                role: role(""),
                what: label(rest),
            },
            "cancels" => AgreementCommand::Cancel { agreement: self.id(), role: role(rest) },
            "keeps" => {
                let role = role(rest.strip_prefix("on").unwrap().trim());
                AgreementCommand::WithdrawCancel { agreement: self.id(), role }
            }
            "disputes" => AgreementCommand::Dispute {
                agreement: self.id(),
                role: role(""),
                reason: rest.to_owned(),
            },
            "rules" => {
                let pay = payouts(rest);
                let reason = "heard both sides".to_owned();
                AgreementCommand::Rule { agreement: self.id(), pay, reason }
            }
            "deposits" => {
                let (agreement, deposit) = (self.id(), label(rest));
                return self.market.money(who, at, MoneyAction::Fund { agreement, deposit });
            }
            "pays" | "gives" => {
                let (what, to) = rest.split_once(" to ").unwrap();
                let action =
                    MoneyAction::Transfer { money: money(what), to: account(to), memo: None };
                return self.market.money(who, at, action);
            }
            _ => return self.event(at, name, (who, verb, rest)),
        };
        self.market.command(who, at, Command::Agreement(command))
    }

    fn event(&mut self, at: TimestampMs, name: &str, said: (&str, &str, &str)) -> Bundle {
        let (who, verb, rest) = said;
        let event = if verb == "corrects" {
            let (name, alone) = match rest.strip_suffix(" without its order") {
                Some(name) => (name, true),
                None => (rest, false),
            };
            let (_, mut event) = self.sent[name].clone();
            if alone {
                event.as_object_mut().unwrap().remove("bizTransactionList");
            }
            event["errorDeclaration"] =
                json!({"declarationTime": at.to_string(), "reason": "incorrect_data"});
            event
        } else {
            let (rest, when) = match rest.rsplit_once(" happened ") {
                Some((rest, when)) => (rest, time(when)),
                None => (rest, at),
            };
            self.events += 1;
            market::event::event(self.events, who, verb, rest, when)
        };
        if verb != "corrects" && !name.is_empty() {
            self.sent.insert(name.to_owned(), (who.to_owned(), event.clone()));
        }
        self.market.capture(who, at, event)
    }

    fn place(&self, milestone: &str) -> usize {
        let mut clauses = self.draft.terms.milestones.iter();
        clauses
            .position(|clause| clause.id.as_str() == milestone)
            .unwrap_or_else(|| panic!("{milestone}"))
    }

    /// Every way to end, as the check lists them for these terms.
    fn checked(&self, at: TimestampMs) -> Outcomes {
        let known = Known {
            authority: self.market.ledger.authority(),
            block_time: at,
            asset_exists: &|asset| self.assets.contains(asset),
            account_is_open: &|_| true,
        };
        check(&self.draft.terms, &known).unwrap_or_else(|refusals| panic!("{refusals:#?}"))
    }

    /// What the last block paid to a role.
    fn paid(&self, to: &str, asset: &Asset) -> u64 {
        let own = payments(&self.effects)
            .filter(|one| one.to.as_str() == to && one.money.asset == *asset);
        own.map(|one: &Paid| one.money.amount.minor_units()).sum()
    }

    fn expect(&mut self, text: &str) -> Result<(), Wrong> {
        if let Some(code) = text.strip_prefix("refused ") {
            assert!(RejectionCode::ALL.iter().any(|known| known.as_str() == code), "{code}");
            let found = self.refusal();
            self.verdicts.clear();
            let found = found.split(" (").next().unwrap_or_default().to_owned();
            return compare(format!("refused {code}"), found);
        }
        if self.refusal() != "recorded" {
            return compare("recorded", self.refusal());
        }
        if let Some(rest) = text.strip_prefix("explained ") {
            let (milestone, sentence) = rest.split_once(": ").unwrap();
            let said = self.explained(milestone);
            let found = said.iter().any(|one| one.contains(sentence));
            return if found { Ok(()) } else { compare(sentence, said.join("\n             ")) };
        }
        if let Some((who, what)) = text.split_once(" has ") {
            let money = money(what);
            let account = match who {
                "the pot" => AccountId::Agreement(self.id()),
                who => account(who),
            };
            let found = self.market.balance(&account, &money.asset);
            let expected = i64::try_from(money.amount.minor_units()).unwrap();
            return compare(shown(expected, &money.asset), shown(found, &money.asset));
        }
        if text == "nothing paid" {
            let entries: usize = self.effects.iter().map(|effects| effects.entries.len()).sum();
            return compare("0 entries", format!("{entries} entries"));
        }
        if let Some(rest) = text.strip_prefix("paid ") {
            let (to, what) = rest.split_once(' ').unwrap();
            let money = money(what);
            let found = i64::try_from(self.paid(to, &money.asset)).unwrap();
            let expected = i64::try_from(money.amount.minor_units()).unwrap();
            return compare(shown(expected, &money.asset), shown(found, &money.asset));
        }
        if let Some((milestone, what)) = text.split_once(" is ") {
            return compare(what, self.milestone(milestone));
        }
        if let Some(count) = text.strip_prefix("facts ") {
            return compare(count, self.record().facts.to_string());
        }
        if let Some(count) = text.strip_prefix("registrations ") {
            return compare(count, self.market.keys(b"sw").to_string());
        }
        compare(text, self.stage())
    }

    /// All sentences on a milestone, or on the agreement as a whole, in both languages.
    fn explained(&self, milestone: &str) -> Vec<String> {
        let (record, terms) = (self.record(), &self.draft.terms);
        let get = |key: &[u8]| Ok(self.market.value(key));
        let facts = facts::read_with(&record, &get).unwrap();
        let context = Context {
            terms,
            record: &record,
            facts: &facts,
            as_of: View::now(self.market.now()),
            known_before: View::now(self.market.now()),
            last: false,
            get: &get,
            authority: self.market.ledger.authority(),
        };
        let explanation = explain(&context).unwrap();
        let mut said: Vec<Sentence> = Vec::new();
        if milestone == "summary" {
            said.extend(explanation.summary.clone());
        } else {
            let explained = &explanation.milestones[self.place(milestone)];
            said.extend(explained.said.clone());
            let mut trees: Vec<&Explained> = explained.condition.iter().collect();
            while let Some(tree) = trees.pop() {
                said.push(tree.said.clone());
                trees.extend(&tree.of);
            }
        }
        let texts: Vec<String> = said.into_iter().flat_map(|one| [one.en, one.zh]).collect();
        assert!(texts.iter().all(|text| !text.is_empty()), "{texts:?}");
        texts
    }

    fn stage(&self) -> String {
        match self.record().stage {
            Stage::Proposed => "proposed".to_owned(),
            Stage::Accepted => "accepted".to_owned(),
            Stage::Running => "running".to_owned(),
            Stage::Disputed => "disputed".to_owned(),
            Stage::Ended { how, .. } => match how {
                Ending::Released { milestone } => format!("ended released {milestone}"),
                Ending::Cancelled => "ended cancelled".to_owned(),
                Ending::Unfunded => "ended unfunded".to_owned(),
                Ending::Ruled => "ended ruled".to_owned(),
                Ending::Expired => "ended expired".to_owned(),
                Ending::NotAccepted { declined_by: None } => "ended not accepted".to_owned(),
                Ending::NotAccepted { declined_by: Some(role) } => {
                    format!("ended declined by {role}")
                }
            },
        }
    }

    fn milestone(&self, name: &str) -> String {
        let state = &self.record().milestones[self.place(name)];
        let corrected = if state.corrected.is_empty() { "" } else { ", corrected since" };
        let part = state.paid_part;
        let word = match (state.fulfilled_at, part.is_nothing(), state.holds_since) {
            (Some(_), ..) => "fulfilled".to_owned(),
            (None, true, None) => "open".to_owned(),
            (None, true, Some(_)) => "waiting for its window".to_owned(),
            (None, false, _) => format!("fulfilled for {} millionths", part.millionths()),
        };
        word + corrected
    }

    /// At the end of a table: nothing was made or lost.
    fn close(&self) -> Result<(), Wrong> {
        if self.refusal() != "recorded" {
            return compare("recorded", self.refusal());
        }
        let Some(id) = self.id else { return Ok(()) };
        let Some(record) = self.market.get::<AgreementRecord>(&StateKey::Agreement(id)) else {
            return Ok(());
        };
        for clause in &self.draft.terms.milestones {
            self.explained(clause.id.as_str());
        }
        self.explained("summary");
        for asset in &self.assets {
            let pot = self.market.balance(&AccountId::Agreement(id), asset);
            if matches!(record.stage, Stage::Ended { .. }) {
                compare(shown(0, asset), shown(pot, asset))?;
            }
            let all = market::MEMBERS.iter().flat_map(|(name, _)| {
                ["main", "issuance", "savings"].map(|purpose| format!("{name}/{purpose}"))
            });
            let sum: i64 = all.map(|name| self.market.balance(&account(&name), asset)).sum();
            compare(
                format!("sum {}", shown(0, asset)),
                format!("sum {}", shown(sum + pot, asset)),
            )?;
        }
        self.is_listed(&record)
    }

    /// How it ended is exactly one of the ways that the check listed.
    fn is_listed(&self, record: &AgreementRecord) -> Result<(), Wrong> {
        let Stage::Ended { how, .. } = &record.stage else { return Ok(()) };
        let kind = match how {
            Ending::Released { milestone } => OutcomeKind::Released(milestone.clone()),
            Ending::Cancelled => OutcomeKind::Cancelled,
            Ending::Unfunded => OutcomeKind::Unfunded,
            Ending::Ruled => OutcomeKind::Ruled,
            Ending::Expired => OutcomeKind::Expired,
            Ending::NotAccepted { .. } => OutcomeKind::NotAccepted,
        };
        let named = |is: &dyn Fn(&MilestoneState) -> bool| -> Vec<Label> {
            let clauses = self.draft.terms.milestones.iter().zip(&record.milestones);
            clauses.filter(|(_, state)| is(state)).map(|(clause, _)| clause.id.clone()).collect()
        };
        let end = ActualEnd {
            kind,
            fulfilled: named(&|state| state.fulfilled_at.is_some()),
            in_part: named(&|state| state.fulfilled_at.is_none() && !state.paid_part.is_nothing()),
            got: self.got.clone(),
        };
        let outcomes = self.outcomes.as_ref().expect("it was proposed");
        match outcomes.the_one(&end) {
            Ok(_) => Ok(()),
            Err(unlisted) => compare("an end that the check lists", unlisted.to_string()),
        }
    }
}

/// What agreements paid.
fn payments(effects: &[Effects]) -> impl Iterator<Item = &Paid> {
    let steps = effects.iter().flat_map(|effects| &effects.steps);
    steps.flat_map(|step| match &step.what {
        StepKind::PaidPart { paid, .. }
        | StepKind::Fulfilled { paid, .. }
        | StepKind::Ended { paid, .. } => paid.as_slice(),
        _ => &[],
    })
}

fn shown(units: i64, asset: &Asset) -> String {
    format!("{units} smallest units of {asset}")
}

/// Runs all scenarios of a file; what is wrong, and how many there are.
fn run(path: &Path) -> (String, usize) {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.split('#').next().unwrap_or_default().trim_end()))
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let (mut wrong, mut count, mut scenario) = (String::new(), 0, None::<Scenario>);
    let mut skip = false;
    let mut report = |number: usize, said: &str, fault: Wrong| {
        let _ = writeln!(
            wrong,
            "{}:{number}: {said}\n    expected {}\n    found    {}",
            path.display(),
            fault.expected,
            fault.found
        );
    };
    for (place, (number, line)) in lines.iter().enumerate() {
        if let Some(title) = line.strip_prefix("scenario ") {
            if let Some(before) = scenario.take().filter(|_| !skip)
                && let Err(fault) = before.close()
            {
                report(*number, "the end of the scenario above", fault);
            }
            (scenario, skip) = (Some(Scenario::new(title)), false);
            count += 1;
            continue;
        }
        let Some(current) = scenario.as_mut().filter(|_| !skip && !line.starts_with("& ")) else {
            continue;
        };
        let below = lines.iter().skip(place + 1).map(|(_, line)| *line);
        let more: Vec<&str> = below.map_while(|line| line.strip_prefix("& ")).collect();
        if let Err(fault) = current.line(line.trim(), &more) {
            report(*number, line, fault);
            skip = true;
        }
    }
    if let Some(last) = scenario.filter(|_| !skip)
        && let Err(fault) = last.close()
    {
        report(lines.len(), "the end of the file", fault);
    }
    (wrong, count)
}

fn tables() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agreements");
    let mut tables: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    tables.sort();
    tables
}

/// Promise P63: money moves when, and only when, what the terms ask for is on record.
#[test]
fn agreements_do_what_their_tables_say() {
    let (mut wrong, mut count) = (String::new(), 0);
    for table in tables() {
        let (found, scenarios) = run(&table);
        wrong += &found;
        count += scenarios;
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count >= 1, "{count} scenarios");
}

/// Promise P63: an event that no agreement waits for costs no look into the table.
#[test]
fn other_agreements_cost_an_event_nothing() {
    let reads = |agreements: u32| {
        let mut scenario = Scenario::new("many");
        for number in 0..agreements {
            scenario.draft = Draft::new(&format!("agreement {number}"));
            for line in [
                "between buyer, seller".to_owned(),
                format!("about case{}", 1_000 + number),
                "buyer pays in 1 EUR".to_owned(),
                "milestone delivered: buyer receiving of all => seller rest; ends".to_owned(),
                "deadline 20:00 => buyer rest".to_owned(),
            ] {
                assert!(scenario.draft.line(&line), "{line}");
            }
            scenario.start(time("08:00"));
            assert_eq!(scenario.stage(), "running");
        }
        let send = |scenario: &mut Scenario, at: &str, sentence: &str| {
            let (at, before) = (time(at), scenario.market.reads());
            let bundle = scenario.transaction(at, "", sentence);
            scenario.decide(at, vec![bundle]);
            scenario.settled();
            scenario.market.reads() - before
        };
        let made = send(&mut scenario, "09:00", "seller commissions case1-50");
        let received = send(&mut scenario, "10:00", "buyer receives case1-50");
        (made, received)
    };
    assert_eq!(reads(0), reads(30));
}

/// Promise P63: so many agreements may wait for one thing, a part of them of each that proposes,
/// and its event pays all of them, those beyond what one transaction looks at in the next block.
#[test]
fn many_agreements_wait_for_one_thing_and_all_are_paid() {
    let mut scenario = Scenario::new("many");
    let mut ids = Vec::new();
    let start = |scenario: &mut Scenario, roles: &str, number: u32| {
        scenario.draft = Draft::new(&format!("agreement {number}"));
        for line in [
            format!("between {roles}").as_str(),
            "about case1",
            "buyer pays in 1 EUR",
            "milestone delivered: buyer receiving of all => seller rest; ends",
            "deadline 20:00 => buyer rest",
        ] {
            assert!(scenario.draft.line(line), "{line}");
        }
    };
    // Who is named first proposes.
    let all =
        ["buyer, seller", "seller, buyer", "carrier, buyer, seller", "financier, buyer, seller"];
    let refused = |scenario: &mut Scenario, roles: &str| {
        let proposer = roles.split(',').next().unwrap();
        start(scenario, roles, u32::MAX);
        let at = scenario.market.now();
        let one_more = scenario.transaction(at, "", &format!("{proposer} proposes"));
        scenario.decide(at, vec![one_more]);
        assert!(scenario.refusal().starts_with("refused too-many-agreements"));
    };
    for (proposer, roles) in (0_u32..).zip(all) {
        for number in 0..MAX_AGREEMENTS_PER_NAME_AND_PROPOSER {
            start(&mut scenario, roles, proposer * 1_000 + number);
            scenario.start(time("08:00"));
            ids.push(scenario.id());
        }
        // Others still may.
        refused(&mut scenario, roles);
    }
    assert_eq!(ids.len(), usize::try_from(MAX_AGREEMENTS_PER_NAME).unwrap());
    refused(&mut scenario, "arbiter, buyer, seller");
    let ended = |scenario: &Scenario| {
        let records = ids
            .iter()
            .map(|id| scenario.market.get::<AgreementRecord>(&StateKey::Agreement(*id)).unwrap());
        records.filter(|record| matches!(record.stage, Stage::Ended { .. })).count()
    };
    let received = scenario.transaction(time("10:00"), "", "buyer receives case1");
    scenario.decide(time("10:00"), vec![received]);
    scenario.settled();
    assert_eq!(ended(&scenario), MAX_LOOKED_AT.min(ids.len()));
    scenario.decide(time("10:01"), Vec::new());
    assert_eq!(ended(&scenario), ids.len());
    let eur = money("1 EUR").asset;
    assert_eq!(scenario.market.balance(&account("seller"), &eur), 1_000_000 + 25_600);
}

/// Promise P63: nobody fills up an agreement with events of his own, so that those of others do
/// not count.
#[test]
fn nobody_crowds_out_what_others_attest() {
    let mut scenario = Scenario::new("crowded");
    for line in [
        "between buyer, seller, carrier, financier, arbiter, inspector, bank, stranger",
        "about case1, case2",
        "buyer pays in 1000 EUR",
        "milestone shipped: seller shipping of all => seller 400 EUR",
        "milestone delivered: buyer receiving of all => seller 600 EUR",
        "deadline 20:00 => buyer rest",
    ] {
        assert!(scenario.draft.line(line), "{line}");
    }
    scenario.start(time("08:00"));
    // Of two items and one look at each, two events of the buyer can show something new.
    let share = facts::share_of_facts(8);
    let kept = share - 1;
    let mut sent = 0;
    while sent < kept + 2 {
        let bundles: Vec<Bundle> = (0..100)
            .map(|_| scenario.transaction(time("09:00"), "", "buyer receives case1"))
            .collect();
        sent += bundles.len();
        scenario.decide(time("09:00"), bundles);
        scenario.settled();
    }
    assert_eq!(scenario.record().facts as usize, kept);
    let said = scenario.explained("summary").join("\n");
    assert!(said.contains("buyer has recorded as many events as are kept"), "{said}");
    let refused = scenario.effects.iter().flat_map(|effects| &effects.steps);
    let refused = refused
        .filter(|step| matches!(&step.what, StepKind::NotKept { by } if *by == member("buyer")));
    assert!(refused.count() >= 2);
    let shipped = scenario.transaction(time("10:00"), "", "seller ships case1, case2 to buyer");
    scenario.decide(time("10:00"), vec![shipped]);
    scenario.settled();
    assert_eq!(scenario.milestone("shipped"), "fulfilled");
    assert_eq!(scenario.milestone("delivered"), "open");
    // What is still missing is kept however often the rest was repeated.
    let received = scenario.transaction(time("11:00"), "", "buyer receives case2");
    scenario.decide(time("11:00"), vec![received]);
    scenario.settled();
    assert_eq!(scenario.milestone("delivered"), "fulfilled");
}
