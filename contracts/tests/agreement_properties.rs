//! Whatever the terms are that the check lets pass, and whatever happens under them: agreements end
//! once, by their deadline, with nothing left, in one of the ways that were listed before.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod agreement_cases;
mod agreement_model;
mod agreement_terms;
mod agreement_world;

use std::collections::BTreeMap;

use agreement_cases::{Drawing, Ids, Rng, draw_act, event, generated, title};
use agreement_model::{Act, End, Model, Stage};
use agreement_world::{BEGINNING, MINUTE, World, main_account};
use serde_json::json;
use tracehold_chain::agreement::{AgreementCommand, Terms};
use tracehold_chain::money::{
    AccountId, AgreementId, Amount, Asset, Money, MoneyAction, MoneyCause, Reference,
};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::Verdict;
use tracehold_contracts::agreement::{
    self, ActualEnd, AgreementRecord, Ending, OutcomeKind, Outcomes, StepKind,
};
use tracehold_contracts::execute::MAX_DUE_PER_BLOCK;
use tracehold_contracts::receipt::Effects;

/// One agreement.
struct Case {
    number: u64,
    id: AgreementId,
    model: Model,
    outcomes: Outcomes,
    /// What each member got from the ledger.
    got: BTreeMap<(String, Asset), i64>,
    ends: usize,
    story: Vec<String>,
    over_for: u32,
}

fn command(id: AgreementId, act: &Act) -> Option<AgreementCommand> {
    let agreement = id;
    Some(match act.clone() {
        Act::Accept(role) => AgreementCommand::Accept { agreement, role },
        Act::Decline(role) => AgreementCommand::Decline { agreement, role },
        Act::Approve(role, what) => AgreementCommand::Approve { agreement, role, what },
        Act::Cancel(role) => AgreementCommand::Cancel { agreement, role },
        Act::KeepOn(role) => AgreementCommand::WithdrawCancel { agreement, role },
        Act::Dispute(role) => {
            AgreementCommand::Dispute { agreement, role, reason: "damaged".to_owned() }
        }
        Act::Rule(pay) => AgreementCommand::Rule { agreement, pay, reason: "so be it".to_owned() },
        Act::Fund(_) | Act::Record(_) | Act::Correct(_) | Act::Move(..) => return None,
    })
}

impl Case {
    fn note(&mut self, effects: &Effects, steps: &mut BTreeMap<String, u64>) {
        for entry in &effects.entries {
            let (MoneyCause::Milestone { agreement, .. } | MoneyCause::End { agreement }) =
                &entry.cause
            else {
                continue;
            };
            if *agreement != self.id {
                continue;
            }
            for posting in &entry.postings {
                if let AccountId::Member { member, purpose } = &posting.account {
                    assert_eq!(purpose.as_str(), "main");
                    let key = (member.as_str().to_owned(), posting.asset.clone());
                    *self.got.entry(key).or_default() += posting.amount;
                }
            }
        }
        for step in effects.steps.iter().filter(|step| step.agreement == self.id) {
            let text = format!("{:?}", step.what);
            let name = text.split([' ', '{']).next().unwrap_or_default().to_owned();
            *steps.entry(name).or_default() += 1;
            self.story.push(format!("  {text}"));
            self.ends += usize::from(matches!(step.what, StepKind::Ended { .. }));
        }
    }

    /// How it ended is one of the ways that were listed before, and no later.
    fn is_listed(&self) -> Result<(), String> {
        let model = &self.model;
        let Stage::Ended(end) = &model.stage else { return Ok(()) };
        let labels = |is_such: &dyn Fn(usize) -> bool| {
            let all = model.terms.milestones.iter().enumerate();
            all.filter(|(place, _)| is_such(*place)).map(|(_, m)| m.id.clone()).collect()
        };
        let kind = match end {
            End::NotAccepted => OutcomeKind::NotAccepted,
            End::Unfunded => OutcomeKind::Unfunded,
            End::Released(last) => OutcomeKind::Released(last.clone()),
            End::Expired => OutcomeKind::Expired,
            End::Cancelled => OutcomeKind::Cancelled,
            End::Ruled => OutcomeKind::Ruled,
        };
        let is_whole = |place: usize| model.fulfilled[place].is_some();
        let got = model.got.iter().map(|((role, asset), units)| {
            (role.clone(), Money { asset: asset.clone(), amount: Amount::new(*units).unwrap() })
        });
        let actual = ActualEnd {
            kind,
            fulfilled: labels(&is_whole),
            in_part: labels(&|place| !model.parts[place].is_none() && !is_whole(place)),
            got: got.collect(),
        };
        let listed = self.outcomes.the_one(&actual);
        let listed = listed.map_err(|why| format!("{actual:?} is not listed: {why}"))?;
        if model.ended_at > listed.latest.0 {
            return Err(format!("ended at {}, listed until {}", model.ended_at, listed.latest));
        }
        Ok(())
    }

    /// The ledger and the model say the same.
    fn compare(&self, record: &AgreementRecord, pot: &BTreeMap<Asset, i64>) -> Result<(), String> {
        use agreement::Stage as Kept;
        let model = &self.model;
        let same = match (&record.stage, &model.stage) {
            (Kept::Proposed, Stage::Proposed)
            | (Kept::Accepted, Stage::Accepted)
            | (Kept::Running, Stage::Running) => true,
            (Kept::Disputed, Stage::Disputed(until)) => {
                record.dispute.as_ref().is_some_and(|dispute| dispute.until.0 == *until)
            }
            (Kept::Ended { how, at }, Stage::Ended(end)) => {
                at.0 == model.ended_at
                    && match (how, end) {
                        (Ending::Released { milestone }, End::Released(label)) => {
                            milestone == label
                        }
                        (Ending::Cancelled, End::Cancelled)
                        | (Ending::Unfunded, End::Unfunded)
                        | (Ending::Ruled, End::Ruled)
                        | (Ending::Expired, End::Expired)
                        | (Ending::NotAccepted { .. }, End::NotAccepted) => true,
                        _ => false,
                    }
            }
            _ => false,
        };
        if !same {
            return Err(format!("stage {:?}, the model has {:?}", record.stage, model.stage));
        }
        for (place, state) in record.milestones.iter().enumerate() {
            let fulfilled = state.fulfilled_at.map(|at| at.0);
            let parts = (state.paid_part.millionths(), model.parts[place].millionths());
            if fulfilled != model.fulfilled[place] || parts.0 != parts.1 {
                return Err(format!(
                    "milestone {place}: fulfilled {fulfilled:?}, parts {}; the model has {:?}, {}",
                    parts.0, model.fulfilled[place], parts.1
                ));
            }
            let paid: Vec<u64> = state.paid.iter().map(|m| m.amount.minor_units()).collect();
            if !paid.is_empty() && paid != model.paid[place] {
                return Err(format!("milestone {place} paid {paid:?}, {:?}", model.paid[place]));
            }
        }
        for (asset, units) in &model.pot {
            let found = pot.get(asset).copied().unwrap_or_default();
            if i128::from(found) != i128::from(*units) {
                return Err(format!("{found} of {asset} in the pot, the model has {units}"));
            }
        }
        let mut got: BTreeMap<(String, Asset), i64> = BTreeMap::new();
        for ((role, asset), units) in model.got.iter().filter(|(_, units)| **units > 0) {
            let role = model.terms.roles.iter().find(|r| r.role == *role).unwrap();
            let key = (role.member.as_str().to_owned(), asset.clone());
            *got.entry(key).or_default() += i64::try_from(*units).unwrap();
        }
        if got != self.got {
            return Err(format!("got {:?}, the model has {got:?}", self.got));
        }
        if self.ends != usize::from(model.is_over()) {
            return Err(format!("ended {} times", self.ends));
        }
        Ok(())
    }
}

/// Agreements that live in one run of the suite. `SEED=17 cargo test …` runs one batch alone.
const CASES: u64 = 20_000;

/// All ways to end.
const ENDS: [&str; 6] = ["NotAccepted", "Unfunded", "Released", "Expired", "Cancelled", "Ruled"];

/// All steps of their stories.
const STEPS: [&str; 18] = [
    "Proposed",
    "Accepted",
    "Deposited",
    "Started",
    "Approved",
    "Holds",
    "HoldsNoMore",
    "Decided",
    "PaidPart",
    "Fulfilled",
    "CorrectedAfterPayment",
    "CancelAsked",
    "CancelWithdrawn",
    "CancelsCleared",
    "Disputed",
    "DisputeLapsed",
    "Ruled",
    "Ended",
];

/// How many live on one ledger at once.
const CASES_PER_LEDGER: u64 = 100;

/// Agreements of nobody's interest on some ledgers, that all lapse just before something of the
/// others is due: whatever is due then waits for the blocks after.
const FILLERS: usize = 2 * MAX_DUE_PER_BLOCK + 300;

/// Blocks of one ledger; by then time has gone past every deadline.
const MOST_BLOCKS: u32 = 1_000;

#[derive(Default, Debug)]
struct Tally {
    cases: u64,
    ends: BTreeMap<String, u64>,
    acts: u64,
    recorded: u64,
    /// Agreements that a block left as they were because too much was due.
    put_off: u64,
    steps: BTreeMap<String, u64>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.cases += other.cases;
        self.acts += other.acts;
        self.recorded += other.recorded;
        self.put_off += other.put_off;
        for (sums, more) in [(&mut self.ends, other.ends), (&mut self.steps, other.steps)] {
            for (kind, count) in more {
                *sums.entry(kind).or_default() += count;
            }
        }
    }
}

struct Batch {
    world: World,
    rng: Rng,
    ids: Ids,
    cases: Vec<Case>,
    tally: Tally,
    seed: u64,
    /// Whether more is due at some time than a block does.
    fills: bool,
}

impl Batch {
    /// A ledger on which members have money and titles, and agreements are proposed.
    fn new(seed: u64) -> Batch {
        let mut world = World::new();
        world.applies = seed % 8 < 2;
        let mut rng = Rng(seed);
        let at = BEGINNING.plus_ms(2_000);
        let mut tally = Tally { cases: CASES_PER_LEDGER, ..Tally::default() };
        let mut drawn = Vec::new();
        while drawn.len() < usize::try_from(CASES_PER_LEDGER).unwrap() {
            let number = drawn.len() as u64;
            let terms = match seed % 2 {
                0 => Drawing::draw_terms(&mut rng, number, at.0),
                _ => generated(rng.below(u64::MAX), number, at.0),
            };
            if let Ok(outcomes) = world.check(&terms, at) {
                drawn.push((terms, outcomes));
            }
        }
        let before = BEGINNING.plus_ms(1_000);
        let mut paid = Vec::new();
        for currency in ["EUR@bank", "USD@bank"] {
            let asset: Asset = currency.parse().unwrap();
            for to in ["buyer", "seller", "carrier"] {
                paid.push(world.issue("bank", before, &asset, 1_000_000_000_000, to));
            }
        }
        let holder = |number: u64, terms: &Terms| {
            let title = title(number);
            let deposit = terms.deposits.iter().find(|deposit| deposit.money.asset == title);
            deposit.map_or("seller", |deposit| deposit.role.as_str()).to_owned()
        };
        for (number, (terms, _)) in (0..).zip(&drawn) {
            let to = holder(number, terms);
            paid.push(world.issue("carrier", before, &title(number), 1, &to));
        }
        world.block(before, paid);
        let (mut cases, mut proposals) = (Vec::new(), Vec::new());
        for (number, (terms, outcomes)) in (0..).zip(drawn) {
            let reference = Reference::new(format!("case-{number}")).unwrap();
            let id = AgreementId::of(&agreement_world::member("buyer"), &reference, &terms);
            let titles = BTreeMap::from([(title(number), Some(holder(number, &terms)))]);
            let model = Model::new(terms.clone(), at.0, titles);
            let propose = AgreementCommand::Propose { reference, terms: Box::new(terms) };
            proposals.push(world.act("buyer", at, propose));
            let (got, story) = (BTreeMap::new(), Vec::new());
            cases.push(Case { number, id, model, outcomes, got, ends: 0, story, over_for: 0 });
        }
        let layer = world.block(at, proposals);
        for (case, receipt) in cases.iter_mut().zip(&layer.receipts) {
            assert!(matches!(receipt.verdict, Verdict::Recorded { .. }), "{:?}", receipt.verdict);
            case.note(&receipt.effects, &mut tally.steps);
        }
        // One in sixteen, of both kinds of terms.
        let fills = seed % 32 == 5 || seed % 32 == 16;
        let mut batch = Batch { world, rng, ids: Ids::default(), cases, tally, seed, fills };
        if fills {
            batch.fill();
        }
        batch
    }

    /// Proposes what will be due all at once, a millisecond before something of a case is.
    fn fill(&mut self) {
        let terms = &self.rng.pick(&self.cases).model.terms;
        let mut times: Vec<u64> = terms.deposits.iter().map(|deposit| deposit.due.0).collect();
        times.extend([terms.accept_by.0, terms.deadline.0]);
        let at = TimestampMs(*self.rng.pick(&times) - 1);
        let payout = json!([{"remainder": {"to": "buyer", "asset": "EUR@bank"}}]);
        let filler = |number: usize| {
            json!({
                "title": format!("Filler {number}"),
                "roles": [
                    {"role": "buyer", "member": "buyer"}, {"role": "seller", "member": "seller"}
                ],
                "goods": {},
                "accept_by": at.to_string(),
                "deposits": [{"id": "price", "role": "buyer",
                    "money": {"asset": "EUR@bank", "amount": "1.00"},
                    "due": at.plus_ms(60 * MINUTE).to_string()}],
                "milestones": [{"id": "paid", "when": {"approved": {"by": "buyer", "what": "it"}},
                    "pay": payout, "ends": true}],
                "deadline": at.plus_ms(120 * MINUTE).to_string(),
                "at_deadline": payout,
            })
        };
        let numbers: Vec<usize> = (0..FILLERS).collect();
        for some in numbers.chunks(100) {
            let now = self.world.now().plus_ms(1);
            let proposals = some.iter().map(|number| {
                let terms: Terms = serde_json::from_value(filler(*number)).unwrap();
                let reference = Reference::new("filler").unwrap();
                let propose = AgreementCommand::Propose { reference, terms: Box::new(terms) };
                self.world.act("stranger", now, propose)
            });
            let proposals = proposals.collect();
            let layer = self.world.block(now, proposals);
            for receipt in &layer.receipts {
                let verdict = &receipt.verdict;
                assert!(matches!(verdict, Verdict::Recorded { .. }), "{verdict:?}");
            }
        }
    }

    /// The time of the next block: soon, or exactly when something could happen, or much later.
    fn next_time(&mut self, block: u32) -> u64 {
        let now = self.world.now().0;
        let (first, pace) = if self.seed.is_multiple_of(2) { (2, 6) } else { (5, 90) };
        let soon = now + self.rng.between(1, pace * MINUTE);
        if block < 8 {
            return now + self.rng.between(1, first * MINUTE);
        }
        let live: Vec<&Case> = self.cases.iter().filter(|case| !case.model.is_over()).collect();
        if live.is_empty() || self.rng.percent(60) {
            return soon;
        }
        if block > 200 && self.rng.percent(20) {
            return now + self.rng.between(1, 50 * pace) * MINUTE;
        }
        let case = *self.rng.pick(&live);
        let next = case.model.times().into_iter().find(|time| *time > now + 1);
        let nudge = self.rng.below(3);
        next.map_or(soon, |next| (next + nudge).saturating_sub(1))
            .min(now + 10 * pace * MINUTE)
            .max(now + 1)
    }

    fn transaction(
        &mut self,
        at: TimestampMs,
        place: usize,
        who: &str,
        act: &Act,
    ) -> std::sync::Arc<tracehold_contracts::Admitted> {
        let case = &self.cases[place];
        let (id, number, terms) = (case.id, case.number, &case.model.terms);
        if let Some(command) = command(id, act) {
            return self.world.act(who, at, command);
        }
        match act {
            Act::Record(sent) => {
                let event = event(terms, number, sent);
                self.world.capture(who, at, event)
            }
            Act::Correct(which) => {
                let sent = &case.model.events[*which];
                let mut event = event(terms, number, sent);
                event["errorDeclaration"] =
                    json!({"declarationTime": at.to_string(), "reason": "did_not_occur"});
                self.world.capture(who, at, event)
            }
            Act::Fund(deposit) => {
                let (agreement, deposit) = (id, deposit.clone());
                self.world.pay(who, at, MoneyAction::Fund { agreement, deposit })
            }
            Act::Move(asset, to) => {
                let money = Money { asset: asset.clone(), amount: Amount::new(1).unwrap() };
                let (to, memo) = (main_account(to), None);
                self.world.pay(who, at, MoneyAction::Transfer { money, to, memo })
            }
            _ => unreachable!(),
        }
    }

    fn block(&mut self, number: u32) {
        let at = self.next_time(number);
        for case in &mut self.cases {
            case.model.advance(at);
        }
        let mut sent = Vec::new();
        let mut expected = Vec::new();
        for place in 0..self.cases.len() {
            let most = match self.cases[place].model.stage {
                Stage::Proposed | Stage::Accepted => 8,
                _ => 3,
            };
            let tries = if self.rng.percent(50) { self.rng.between(1, most) } else { 0 };
            for _ in 0..tries {
                let case = &self.cases[place];
                let (rng, ids) = (&mut self.rng, &mut self.ids);
                let (who, act) = draw_act(rng, ids, case.number, &case.model, at);
                // Who is to get a title that waits for a later block cannot give it away before.
                let due = self.world.agreement(case.id).and_then(|record| record.due);
                let waits = self.fills && due.is_some_and(|due| due.0 <= at);
                if waits && matches!(act, Act::Move(..)) {
                    continue;
                }
                sent.push(self.transaction(TimestampMs(at), place, &who, &act));
                let case = &mut self.cases[place];
                case.story.push(format!("{at} {who} {act:?}"));
                expected.push((place, case.model.act(&who, &act)));
            }
        }
        let layer = self.world.block(TimestampMs(at), sent);
        for case in &mut self.cases {
            case.note(&layer.due, &mut self.tally.steps);
        }
        for ((place, expected), receipt) in expected.into_iter().zip(&layer.receipts) {
            let case = &mut self.cases[place];
            case.note(&receipt.effects, &mut self.tally.steps);
            let recorded = matches!(receipt.verdict, Verdict::Recorded { .. });
            self.tally.acts += 1;
            self.tally.recorded += u64::from(recorded);
            if expected.is_some_and(|expected| expected != recorded) {
                let why = format!("{:?}, expected {expected:?}", receipt.verdict);
                self.fail(place, at, &why);
            }
        }
        self.compare(at);
    }

    fn compare(&mut self, at: u64) {
        let mut pots: BTreeMap<AgreementId, BTreeMap<Asset, i64>> = BTreeMap::new();
        let mut sums: BTreeMap<&Asset, i128> = BTreeMap::new();
        for balance in self.world.balances() {
            *sums.entry(&balance.asset).or_default() += i128::from(balance.posted);
            if let AccountId::Agreement(id) = balance.account {
                pots.entry(id).or_default().insert(balance.asset.clone(), balance.posted);
            }
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
        for place in 0..self.cases.len() {
            let case = &self.cases[place];
            let record = self.world.agreement(case.id).unwrap();
            let pot = pots.remove(&case.id).unwrap_or_default();
            if self.fills && record.due.is_some_and(|due| due.0 <= at) {
                self.tally.put_off += 1;
                continue;
            }
            if let Err(why) = case.compare(record, &pot) {
                self.fail(place, at, &why);
            }
            let case = &self.cases[place];
            if case.model.is_over() {
                if case.over_for == 0 {
                    assert!(pot.values().all(|left| *left == 0), "{pot:?}");
                    assert!(case.model.ended_at <= case.model.terms.deadline.0);
                    if let Err(why) = case.is_listed() {
                        self.fail(place, at, &why);
                    }
                    let end = match &case.model.stage {
                        Stage::Ended(End::Released(_)) => "Released".to_owned(),
                        Stage::Ended(end) => format!("{end:?}"),
                        _ => unreachable!(),
                    };
                    *self.tally.ends.entry(end).or_default() += 1;
                }
                self.cases[place].over_for += 1;
            } else {
                assert!(at < case.model.terms.deadline.0, "it ends by its deadline");
            }
        }
        // For some blocks more, what is tried comes too late.
        self.cases.retain(|case| case.over_for < 4);
    }

    fn fail(&self, place: usize, at: u64, why: &str) -> ! {
        let case = &self.cases[place];
        let terms = serde_json::to_string_pretty(&case.model.terms).unwrap();
        let story = case.story.join("\n");
        let record = self.world.agreement(case.id);
        panic!(
            "seed {}, case {} at {at}: {why}\n{terms}\n{story}\n{record:#?}",
            self.seed, case.number
        );
    }

    fn run(mut self) -> Tally {
        let mut block = 0;
        while !self.cases.is_empty() {
            assert!(block < MOST_BLOCKS, "they end");
            self.block(block);
            block += 1;
        }
        if self.seed % 16 < 2 {
            self.world.assert_replays();
        }
        self.tally
    }
}

/// Runs batches with seeds from `first`, every `step`th, until there were so many cases.
fn run(first: u64, step: usize, cases: u64) -> Tally {
    let mut tally = Tally::default();
    for seed in (first..).step_by(step) {
        if tally.cases >= cases {
            break;
        }
        let one = Batch::new(seed).run();
        tally.add(one);
    }
    tally
}

/// Promises P59 to P62: what was listed is what happens, and a model that shares no code agrees on
/// stages, milestones and who got what after every block.
#[test]
fn agreements_end_once_as_was_listed_and_as_the_model_says() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        run(seed, 1, 1);
        return;
    }
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let share = CASES.div_ceil(workers as u64);
    let tally = std::thread::scope(|scope| {
        let start = |first: usize| scope.spawn(move || run(first as u64, workers, share));
        let started: Vec<_> = (0..workers).map(start).collect();
        let mut tally = Tally::default();
        for worker in started {
            tally.add(worker.join().unwrap());
        }
        tally
    });
    // It is not for want of anything happening.
    assert!(tally.cases >= CASES);
    assert!(tally.recorded > tally.acts / 2, "{tally:?}");
    assert!(tally.put_off >= 50, "{tally:?}");
    for (kinds, found) in [(ENDS.as_slice(), &tally.ends), (STEPS.as_slice(), &tally.steps)] {
        for kind in kinds {
            assert!(found.get(*kind).is_some_and(|count| *count >= 50), "{kind}: {tally:?}");
        }
    }
}
