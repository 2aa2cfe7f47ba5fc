//! The life of agreements where it is hard: many at once, late blocks, two agents, after the end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod agreement_world;

use agreement_world::town::{
    DEADLINE, Town, corrected, escrow, is_released, item, label, received,
};
use agreement_world::{BEGINNING, MINUTE, main_account, member};
use serde_json::{Value, json};
use tracehold_chain::agreement::{AgreementCommand, Terms};
use tracehold_chain::money::{
    AgreementId, Amount, ApprovalRule, Asset, HoldId, Money, MoneyAction, Reference,
};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::watch::{
    MAX_AGREEMENTS_PER_NAME, MAX_AGREEMENTS_PER_NAME_AND_PROPOSER,
};
use tracehold_contracts::agreement::{
    CANCEL_STANDS_MS, Ending, MAX_EVENTS_PER_STEP, MAX_LOOKED_AT, Stage, StepKind,
};
use tracehold_contracts::execute::MAX_DUE_PER_BLOCK;
use tracehold_contracts::{RejectionCode, Verdict};

/// Promise P60: one event sets more agreements going than one transaction may, a millisecond before
/// their deadline. All are paid.
#[test]
fn what_one_transaction_cannot_look_at_is_paid_as_of_its_block() {
    const MANY: usize = MAX_LOOKED_AT + 150;
    let mut town = Town::new();
    let ids = town.run((0..MANY).map(escrow).collect());
    town.go_to(TimestampMs(DEADLINE.0 - 1));
    let items: Vec<usize> = (0..MANY).collect();
    let at = town.at;
    let layer = town.capture("buyer", received(1, &items, at));
    let ends = |steps: &[tracehold_contracts::agreement::AgreementStep]| {
        steps.iter().filter(|step| matches!(step.what, StepKind::Ended { .. })).count()
    };
    assert_eq!(ends(&layer.receipts[0].effects.steps), MAX_LOOKED_AT);
    assert_eq!(town.world.ledger.next_due(), Some(TimestampMs(DEADLINE.0 - 1)));
    town.go_to(DEADLINE.plus_ms(5 * MINUTE));
    let layer = town.block(vec![]);
    assert_eq!(ends(&layer.due.steps), MANY - MAX_LOOKED_AT);
    assert_eq!(town.count(&ids, is_released), MANY);
    assert_eq!(town.has("seller"), i64::try_from(MANY).unwrap() * 10_000);
    town.world.assert_replays();
}

/// An event is not refused because much waits for what it names; and what has ended waits for
/// nothing more but corrections of what it paid on.
#[test]
fn an_event_is_recorded_however_much_waits_for_it() {
    const ITEMS: usize = 500;
    let mut town = Town::new();
    let of = |agreement: usize| (agreement * ITEMS..(agreement + 1) * ITEMS).collect::<Vec<_>>();
    let large = |agreement: usize| {
        let mut terms = escrow(agreement);
        terms["goods"]["items"] = of(agreement).into_iter().map(item).collect();
        terms
    };
    let mut ids = Vec::new();
    for agreement in 0..9 {
        ids.extend(town.run(vec![large(agreement)]));
    }
    assert_eq!(town.world.count(b"sw"), 9 * ITEMS * 2);
    let items: Vec<usize> = (0..9).flat_map(of).collect();
    let at = town.at;
    town.capture("buyer", received(1, &items, at));
    town.block(vec![]);
    assert_eq!(town.count(&ids, is_released), 9);
    // A block more takes those off that ended when the last one began.
    town.block(vec![]);
    assert_eq!(town.world.count(b"sw"), 1 + 9);
    town.go_to(BEGINNING.plus_ms(400 * 24 * 60 * MINUTE));
    town.block(vec![]);
    assert_eq!(town.world.count(b"sw"), 0);
    town.world.assert_replays();
}

/// Promise P60: blocks stood still over a deadline of more agreements than one block can end. What
/// is recorded in the block that comes first, and could not end all of them, does not count.
#[test]
fn a_right_is_frozen_at_the_deadline() {
    const MANY: usize = MAX_DUE_PER_BLOCK + 120;
    let mut town = Town::new();
    let ids = town.run((0..MANY).map(escrow).collect());
    town.go_to(DEADLINE.plus_ms(MINUTE));
    let items: Vec<usize> = (0..MANY).collect();
    let at = town.at;
    let layer = town.capture("buyer", received(1, &items, at));
    assert!(layer.due.steps.len() >= MAX_DUE_PER_BLOCK);
    town.block(vec![]);
    assert_eq!(town.count(&ids, |how| *how == Ending::Expired), MANY);
    assert_eq!(town.has("seller"), 0);
    town.world.assert_replays();
}

/// Titles of the carrier, one for each of so many agreements that the seller must hold.
fn on_titles(town: &mut Town, many: usize) -> Vec<AgreementId> {
    let mut all = Vec::new();
    for some in (0..many).collect::<Vec<_>>().chunks(200) {
        let issued = some
            .iter()
            .map(|number| town.world.issue("carrier", town.at, &bill(*number), 1, "carrier"));
        let issued = issued.collect();
        town.block(issued);
    }
    for number in 0..many {
        let mut terms = escrow(number);
        let title = bill(number).to_string();
        terms["milestones"][0]["when"] = json!({"title_held": {"title": title, "by": "seller"}});
        all.push(terms);
    }
    town.run(all)
}

fn bill(number: usize) -> Asset {
    format!("title:carrier/BL{number}").parse().unwrap()
}

fn give(
    town: &mut Town,
    from: &str,
    number: usize,
    to: &str,
) -> std::sync::Arc<tracehold_contracts::Admitted> {
    let money = Money { asset: bill(number), amount: Amount::new(1).unwrap() };
    let transfer = MoneyAction::Transfer { money, to: main_account(to), memo: None };
    town.world.pay(from, town.at, transfer)
}

/// Promise P60: a title that comes in the block after the deadline came too late for all
/// agreements, those too that the block could not end by itself.
#[test]
fn who_has_a_title_is_frozen_at_the_deadline() {
    const MANY: usize = MAX_DUE_PER_BLOCK + 60;
    let mut town = Town::new();
    let ids = on_titles(&mut town, MANY);
    town.go_to(DEADLINE.plus_ms(MINUTE));
    let given = (0..MANY).map(|number| give(&mut town, "carrier", number, "seller")).collect();
    let layer = town.block(given);
    let mut receipts = layer.receipts.iter();
    assert!(receipts.all(|receipt| matches!(receipt.verdict, Verdict::Recorded { .. })));
    town.block(vec![]);
    assert_eq!(town.count(&ids, |how| *how == Ending::Expired), MANY);
    assert_eq!(town.has("seller"), 0);
    assert_eq!(town.world.count(b"sgn"), 0);
    town.world.assert_replays();
}

/// Promise P60: what is set aside until a time is free from then on for the agreements that wait
/// for it, before what falls due later, however many holds expire at once.
#[test]
fn a_title_is_free_when_its_hold_expires() {
    let mut town = Town::new();
    let expires_at = TimestampMs(DEADLINE.0 - 10);
    let issued = town.world.issue("carrier", town.at, &bill(0), 1, "seller");
    town.block(vec![issued]);
    // Before a great many others expire, and before the agreement runs.
    for _ in 0..3 {
        let at = town.at;
        let hold = |_| {
            let asset = "EUR@bank".parse().unwrap();
            let money = Money { asset, amount: Amount::new(1).unwrap() };
            let (to, expires_at) = (main_account("seller"), TimestampMs(expires_at.0 - 1));
            town.world.pay("buyer", at, MoneyAction::Hold { money, to, expires_at })
        };
        let holds: Vec<_> = (0..500).map(hold).collect();
        town.block(holds);
    }
    let money = Money { asset: bill(0), amount: Amount::new(1).unwrap() };
    let hold = MoneyAction::Hold { money, to: main_account("buyer"), expires_at };
    let hold = town.world.pay("seller", town.at, hold);
    town.block(vec![hold]);
    let mut terms = escrow(0);
    let title = bill(0).to_string();
    terms["milestones"][0]["when"] = json!({"title_held": {"title": title, "by": "seller"}});
    let ids = town.run(vec![terms]);
    town.go_to(DEADLINE.plus_ms(MINUTE));
    town.block(vec![]);
    let record = town.record(ids[0]);
    assert_eq!(town.count(&ids, is_released), 1, "{:?}", record.stage);
    assert!(matches!(&record.stage, Stage::Ended { at, .. } if *at == expires_at));
    town.world.assert_replays();
}

/// Promise P60: an anomaly that comes up in the block after a time was not open at the time, for
/// none of more agreements than the block could look at by itself.
#[test]
fn what_was_open_is_decided_as_of_its_time() {
    const MANY: usize = MAX_DUE_PER_BLOCK + 60;
    let mut town = Town::new();
    let items: Vec<usize> = (0..MANY).collect();
    let commissioned = |id: usize, at: TimestampMs| {
        let mut event = received(id, &items, at);
        event["action"] = json!("ADD");
        event["bizStep"] = json!("commissioning");
        event
    };
    let at = town.at;
    town.capture("seller", commissioned(1, at));
    let then = TimestampMs(DEADLINE.0 - 60 * MINUTE);
    let sound = |number: usize| {
        let mut terms = escrow(number);
        terms["milestones"][0]["when"] =
            json!({"no_open_anomaly": {"at": {"time": then.to_string()}}});
        terms
    };
    let ids = town.run((0..MANY).map(sound).collect());
    town.go_to(then.plus_ms(MINUTE));
    let at = town.at;
    // Commissioned twice: that does not add up.
    let layer = town.capture("seller", commissioned(2, at));
    assert!(layer.due.steps.len() >= MAX_DUE_PER_BLOCK);
    town.block(vec![]);
    assert_eq!(town.count(&ids, is_released), MANY);
    town.world.assert_replays();
}

/// A request to cancel stands for seven days, to the millisecond.
#[test]
fn a_request_to_cancel_lapses() {
    for (early, cancelled) in [(1, 1), (0, 0)] {
        let mut town = Town::new();
        let mut terms = escrow(1);
        terms["deadline"] = json!(DEADLINE.plus_ms(30 * 24 * 60 * MINUTE).to_string());
        terms["cancel"] = terms["at_deadline"].clone();
        let ids = town.run(vec![terms]);
        let asked = town.at;
        let cancel = |role: &str| AgreementCommand::Cancel { agreement: ids[0], role: label(role) };
        town.act("seller", cancel("seller"));
        town.go_to(asked.plus_ms(CANCEL_STANDS_MS - early));
        town.act("buyer", cancel("buyer"));
        assert_eq!(town.count(&ids, |how| *how == Ending::Cancelled), cancelled);
        if cancelled == 0 {
            // Asked again, both stand.
            town.act("seller", cancel("seller"));
            assert_eq!(town.count(&ids, |how| *how == Ending::Cancelled), 1);
        }
        town.world.assert_replays();
    }
}

/// Promise P60: a block whose time is the deadline comes too late, one of a millisecond before does
/// not.
#[test]
fn by_a_time_is_before_it() {
    for (early, released) in [(1, 1), (0, 0)] {
        let mut town = Town::new();
        let ids = town.run(vec![escrow(1)]);
        town.go_to(TimestampMs(DEADLINE.0 - early));
        let at = town.at;
        town.capture("buyer", received(1, &[1], at));
        assert_eq!(town.count(&ids, is_released), released);
        assert_eq!(town.count(&ids, |how| *how == Ending::Expired), 1 - released);
    }
}

/// Promise P61: after the end a correction is noted and moves nothing; a dispute may put words on
/// record.
#[test]
fn a_correction_after_the_end_is_shown_and_moves_nothing() {
    let mut town = Town::new();
    let mut terms = escrow(1);
    let arbiter = json!({"role": "arbiter", "member": "arbiter"});
    terms["roles"].as_array_mut().unwrap().push(arbiter);
    terms["dispute"] = json!({"arbiter": "arbiter", "by": ["buyer"], "ruling_within": "PT1H",
        "after_end": "P1D"});
    let ids = town.run(vec![terms, escrow(2)]);
    let at = town.at;
    let event = received(1, &[1, 2], at);
    town.capture("buyer", event.clone());
    assert_eq!(town.count(&ids, is_released), 2);
    let dispute = |reason: &str| AgreementCommand::Dispute {
        agreement: ids[0],
        role: label("buyer"),
        reason: reason.to_owned(),
    };
    let early = town.try_act("buyer", dispute("It was another pallet."));
    assert_eq!(early.err(), Some(RejectionCode::NotDisputable));
    let at = town.at;
    let layer = town.capture("buyer", corrected(event, at));
    let steps = &layer.receipts[0].effects.steps;
    let is_noted = |kind: &StepKind| matches!(kind, StepKind::CorrectedAfterPayment { .. });
    assert_eq!(steps.iter().filter(|step| is_noted(&step.what)).count(), 2);
    assert!(ids.iter().all(|id| town.record(*id).milestones[0].corrected.len() == 1));

    town.act("buyer", dispute("It was another pallet."));
    let rule = |pay: Value| AgreementCommand::Rule {
        agreement: ids[0],
        pay: serde_json::from_value(pay).unwrap(),
        reason: "The seller pays back.".to_owned(),
    };
    let pays = rule(json!([{"remainder": {"to": "buyer", "asset": "EUR@bank"}}]));
    assert_eq!(town.try_act("arbiter", pays).err(), Some(RejectionCode::RulingInvalid));
    assert_eq!(town.try_act("seller", rule(json!([]))).err(), Some(RejectionCode::NotTheArbiter));
    town.act("arbiter", rule(json!([])));
    let record = town.record(ids[0]);
    assert!(matches!(record.stage, Stage::Ended { how: Ending::Released { .. }, .. }));
    assert!(record.dispute.unwrap().ruled.is_some());
    assert_eq!(town.has("seller"), 20_000);
    // Only corrections of what it paid on are still waited for, and a year later nothing is.
    town.go_to(BEGINNING.plus_ms(400 * 24 * 60 * MINUTE));
    town.block(vec![]);
    assert_eq!(town.world.ledger.next_due(), None);
    assert!(ids.iter().all(|id| !town.record(*id).is_watching));
}

/// Accepting follows the approval rule of the role's account.
#[test]
fn two_agents_accept_when_the_account_asks_for_two() {
    let mut town = Town::new();
    let rule = ApprovalRule::TwoAgents {
        above: serde_json::from_value(json!([{"asset": "EUR@bank", "amount": "99.99"}])).unwrap(),
    };
    let set = town.world.pay("buyer", town.at, MoneyAction::SetRule(rule));
    town.block(vec![set]);
    let terms: Terms = serde_json::from_value(escrow(1)).unwrap();
    let reference = Reference::new("sale").unwrap();
    let id = AgreementId::of(&member("seller"), &reference, &terms);
    let propose = AgreementCommand::Propose { reference, terms: Box::new(terms) };
    town.act("seller", propose.clone());
    // Again: nothing happens, and it is no error.
    assert!(town.act("seller", propose).receipts[0].effects.is_empty());
    town.act("seller", Town::accept(id, "seller"));
    assert_eq!(
        town.try_act("seller", Town::accept(id, "buyer")).err(),
        Some(RejectionCode::RoleNotYours)
    );
    town.act("buyer", Town::accept(id, "buyer"));
    assert!(town.act("buyer", Town::accept(id, "buyer")).receipts[0].effects.is_empty());
    assert_eq!(town.record(id).stage, Stage::Proposed);
    town.act("buyer/cfo", Town::accept(id, "buyer"));
    assert_eq!(town.record(id).stage, Stage::Accepted);

    // The deposit needs both, too.
    let fund = MoneyAction::Fund { agreement: id, deposit: label("price") };
    let fund = town.world.pay("buyer", town.at, fund);
    let reference = match &fund.bundle.transaction.body.commands[0] {
        tracehold_chain::transaction::Command::Money(command) => command.reference.clone(),
        _ => unreachable!(),
    };
    town.block(vec![fund]);
    assert_eq!(town.record(id).stage, Stage::Accepted);
    let approve = town.world.pay("buyer/cfo", town.at, MoneyAction::Approve { waiting: reference });
    town.block(vec![approve]);
    assert_eq!(town.record(id).stage, Stage::Running);
    let again = MoneyAction::Fund { agreement: id, deposit: label("price") };
    let again = town.world.pay("buyer", town.at, again);
    let layer = town.block(vec![again]);
    assert_eq!(town.has("buyer"), 100_000_000_000 - 10_000, "{:?}", layer.receipts);
}

/// Promise P54: nobody divides what two agents must agree to into deposits that one may pay: what a
/// role pays in of an asset counts together.
#[test]
fn many_small_deposits_of_a_role_are_accepted_by_two() {
    for (many, two) in [(1, false), (2, true), (8, true)] {
        let mut town = Town::new();
        let above = json!([{"asset": "EUR@bank", "amount": "150.00"}]);
        let rule = ApprovalRule::TwoAgents { above: serde_json::from_value(above).unwrap() };
        let set = town.world.pay("buyer", town.at, MoneyAction::SetRule(rule));
        town.block(vec![set]);
        let mut terms = escrow(1);
        let one = terms["deposits"][0].clone();
        let deposits = (0..many).map(|number| {
            let mut deposit = one.clone();
            deposit["id"] = format!("part-{number}").into();
            deposit
        });
        terms["deposits"] = deposits.collect();
        let terms: Terms = serde_json::from_value(terms).unwrap();
        let reference = Reference::new("sale").unwrap();
        let id = AgreementId::of(&member("seller"), &reference, &terms);
        town.act("seller", AgreementCommand::Propose { reference, terms: Box::new(terms) });
        town.act("seller", Town::accept(id, "seller"));
        town.act("buyer", Town::accept(id, "buyer"));
        let waits = town.record(id).stage == Stage::Proposed;
        assert_eq!(waits, two, "{many} deposits of 100 under a rule above 150");
        town.act("buyer/cfo", Town::accept(id, "buyer"));
        assert_eq!(town.record(id).stage, Stage::Accepted);
    }
}

/// Promise P69: to a member without a role an agreement is as if it were not there, whatever it
/// signs: each refusal is the one of an agreement that there is not, and nothing is left behind.
#[test]
fn an_agreement_does_not_exist_for_strangers() {
    let mut town = Town::new();
    let mut terms = escrow(1);
    let roles = terms["roles"].as_array_mut().unwrap();
    roles.push(json!({"role": "arbiter", "member": "arbiter"}));
    terms["dispute"] = json!({"arbiter": "arbiter", "by": ["buyer"], "ruling_within": "PT1H"});
    let read: Terms = serde_json::from_value(terms).unwrap();
    let reference = Reference::new("sale").unwrap();
    // Who proposes it need not have a role, and then may no more than others.
    let id = AgreementId::of(&member("carrier"), &reference, &read);
    let propose = AgreementCommand::Propose { reference, terms: Box::new(read) };
    town.act("carrier", propose.clone());
    let asks_strangers = |town: &mut Town| {
        for who in ["stranger", "carrier"] {
            for agreement in [id, AgreementId(tracehold_chain::digest::Digest([7; 32]))] {
                let role = label("buyer");
                let pay = Vec::new();
                let commands = [
                    AgreementCommand::Accept { agreement, role: role.clone() },
                    AgreementCommand::Decline { agreement, role: role.clone() },
                    AgreementCommand::Approve { agreement, role: role.clone(), what: label("a") },
                    AgreementCommand::Cancel { agreement, role: role.clone() },
                    AgreementCommand::Dispute { agreement, role, reason: String::new() },
                    AgreementCommand::Rule { agreement, pay, reason: "so".to_owned() },
                ];
                let acts = commands.map(|command| town.world.act(who, town.at, command));
                let funds = ["price", "none"]
                    .map(|deposit| MoneyAction::Fund { agreement, deposit: label(deposit) });
                let funds = funds.map(|fund| town.world.pay(who, town.at, fund));
                let layer = town.block(acts.into_iter().chain(funds).collect());
                for receipt in &layer.receipts {
                    let Verdict::Rejected(rejection) = &receipt.verdict else {
                        panic!("{who}: {:?}", receipt.verdict)
                    };
                    let told = (rejection.code, rejection.subject.as_str());
                    assert_eq!(told, (RejectionCode::AgreementUnknown, &*agreement.to_string()));
                    assert!(receipt.effects.is_empty(), "{:?}", receipt.effects);
                }
            }
        }
    };
    asks_strangers(&mut town);
    for role in ["buyer", "seller", "arbiter"] {
        town.act(role, Town::accept(id, role));
    }
    asks_strangers(&mut town);
    // A rule of two does not tell either.
    let all = ApprovalRule::TwoAgents { above: Vec::new() };
    let set = town.world.pay("stranger", town.at, MoneyAction::SetRule(all));
    town.block(vec![set]);
    asks_strangers(&mut town);
    let fund = MoneyAction::Fund { agreement: id, deposit: label("price") };
    let fund = town.world.pay("buyer", town.at, fund);
    town.block(vec![fund]);
    assert_eq!(town.record(id).stage, Stage::Running);
    asks_strangers(&mut town);
    let at = town.at;
    town.capture("buyer", received(1, &[1], at));
    assert!(matches!(town.record(id).stage, Stage::Ended { .. }));
    asks_strangers(&mut town);
    assert!(town.act("carrier", propose).receipts[0].effects.is_empty());
}

/// Whoever has a role learns first that a deposit is another's, not how much is missing for it.
#[test]
fn a_deposit_of_another_role_is_not_weighed() {
    let mut town = Town::new();
    let terms: Terms = serde_json::from_value(escrow(1)).unwrap();
    let reference = Reference::new("sale").unwrap();
    let id = AgreementId::of(&member("seller"), &reference, &terms);
    town.act("seller", AgreementCommand::Propose { reference, terms: Box::new(terms) });
    let fund = MoneyAction::Fund { agreement: id, deposit: label("price") };
    let fund = town.world.pay("seller", town.at, fund);
    let layer = town.block(vec![fund]);
    let Verdict::Rejected(rejection) = &layer.receipts[0].verdict else { panic!() };
    assert_eq!(rejection.code, RejectionCode::DepositUnknown, "{}", rejection.subject);
}

/// Promise P62: a dispute stops a release; a ruling in the block of its last moment comes too late.
#[test]
fn a_dispute_lapses_on_the_millisecond() {
    for late in [0, 1] {
        let mut town = Town::new();
        let mut terms = escrow(1);
        terms["roles"]
            .as_array_mut()
            .unwrap()
            .push(json!({"role": "arbiter", "member": "arbiter"}));
        terms["dispute"] = json!({"arbiter": "arbiter", "by": ["buyer"], "ruling_within": "PT1H"});
        let ids = town.run(vec![terms]);
        let opened = town.at;
        let dispute = AgreementCommand::Dispute {
            agreement: ids[0],
            role: label("buyer"),
            reason: "Damaged.".to_owned(),
        };
        town.act("buyer", dispute.clone());
        let at = town.at;
        town.capture("buyer", received(1, &[1], at));
        assert_eq!(town.record(ids[0]).stage, Stage::Disputed);
        town.go_to(TimestampMs(opened.0 + 60 * MINUTE - 1 + late));
        let rule = AgreementCommand::Rule {
            agreement: ids[0],
            pay: serde_json::from_value(json!([
                {"share": {"to": "seller", "asset": "EUR@bank", "percent": "40"}},
                {"remainder": {"to": "buyer", "asset": "EUR@bank"}},
            ]))
            .unwrap(),
            reason: "Half was damaged.".to_owned(),
        };
        let ruled = town.try_act("arbiter", rule);
        assert_eq!(ruled.is_ok(), late == 0);
        assert_eq!(
            town.count(&ids, |how| *how == Ending::Ruled),
            1 - usize::try_from(late).unwrap()
        );
        assert_eq!(town.has("seller"), if late == 0 { 4_000 } else { 10_000 });
    }
}

/// Promise P63: a title that is set aside for somebody is not freely held; when what set it aside
/// is given back, or its time is over, the agreement that waits for it is looked at then.
#[test]
fn a_title_that_is_free_again_is_held() {
    let title: Asset = "title:carrier/BL1".parse().unwrap();
    for voided in [true, false] {
        let mut town = Town::new();
        let issued = town.world.issue("carrier", town.at, &title, 1, "seller");
        town.block(vec![issued]);
        let money = Money { asset: title.clone(), amount: Amount::new(1).unwrap() };
        let expires_at = BEGINNING.plus_ms(300 * MINUTE);
        let hold = MoneyAction::Hold { money, to: main_account("buyer"), expires_at };
        let hold = town.world.pay("seller", town.at, hold);
        let reference = match &hold.bundle.transaction.body.commands[0] {
            tracehold_chain::transaction::Command::Money(command) => command.reference.clone(),
            _ => unreachable!(),
        };
        town.block(vec![hold]);
        let mut terms = escrow(1);
        terms["milestones"][0]["when"] =
            json!({"title_held": {"title": title.to_string(), "by": "seller"}});
        let ids = town.run(vec![terms]);
        assert_eq!(town.record(ids[0]).stage, Stage::Running);
        let layer = if voided {
            let hold = HoldId { account: main_account("seller"), reference };
            let void = town.world.pay("buyer", town.at, MoneyAction::Void { hold });
            town.block(vec![void])
        } else {
            town.go_to(expires_at);
            town.block(vec![])
        };
        assert_eq!(town.count(&ids, is_released), 1, "{:?}", layer.receipts);
        assert_eq!(town.has("seller"), 10_000);
        town.world.assert_replays();
    }
}

/// Promise P60: agreements that were accepted while few ran cannot all begin to run: the last
/// deposit of one too many stays out, and what it got goes back when that is due.
#[test]
fn one_too_many_does_not_begin_to_run() {
    let part = usize::try_from(MAX_AGREEMENTS_PER_NAME_AND_PROPOSER).unwrap();
    let proposers = ["seller", "buyer", "carrier", "stranger"];
    assert_eq!(proposers.len() * part, usize::try_from(MAX_AGREEMENTS_PER_NAME).unwrap());
    let mut town = Town::new();
    let mut terms = escrow(1);
    terms["title"] = json!("One too many");
    let mut extra = terms["deposits"][0].clone();
    extra["id"] = json!("extra");
    terms["deposits"].as_array_mut().unwrap().push(extra);
    let terms: Terms = serde_json::from_value(terms).unwrap();
    let reference = Reference::new("sale").unwrap();
    let id = AgreementId::of(&member("bank"), &reference, &terms);
    town.act("bank", AgreementCommand::Propose { reference, terms: Box::new(terms) });
    town.act("seller", Town::accept(id, "seller"));
    town.act("buyer", Town::accept(id, "buyer"));
    let alike = |number: usize| {
        let mut terms = escrow(1);
        terms["title"] = json!(format!("Escrow {number}"));
        terms
    };
    for (number, proposer) in proposers.into_iter().enumerate() {
        town.run_by(proposer, (number * part..(number + 1) * part).map(alike).collect());
    }
    let before = town.has("buyer");
    let fund = |town: &mut Town, deposit: &str| {
        let fund = MoneyAction::Fund { agreement: id, deposit: label(deposit) };
        let sent = town.world.pay("buyer", town.at, fund);
        match &town.block(vec![sent]).receipts[0].verdict {
            Verdict::Recorded { .. } => None,
            Verdict::Rejected(rejection) => Some(rejection.code),
        }
    };
    assert_eq!(fund(&mut town, "extra"), None);
    assert_eq!(fund(&mut town, "price"), Some(RejectionCode::TooManyAgreements));
    assert_eq!(town.record(id).stage, Stage::Accepted);
    assert_eq!(town.has("buyer"), before - 10_000);
    town.go_to(BEGINNING.plus_ms(120 * MINUTE));
    town.block(vec![]);
    assert_eq!(town.count(&[id], |how| *how == Ending::Unfunded), 1);
    assert_eq!(town.has("buyer"), before);
    town.world.assert_replays();
}

/// A receipt names the last events that a payment was made on; the milestone has all of them.
#[test]
fn a_receipt_names_the_last_events_of_many() {
    const MANY: usize = MAX_EVENTS_PER_STEP + 6;
    let mut town = Town::new();
    let mut terms = escrow(0);
    terms["goods"]["items"] = (0..MANY).map(item).collect();
    let ids = town.run(vec![terms]);
    let at = town.at;
    let sent: Vec<_> = (0..MANY)
        .map(|number| town.world.capture("buyer", at, received(number, &[number], at)))
        .collect();
    let layer = town.block(sent);
    let steps = layer.receipts.iter().flat_map(|receipt| &receipt.effects.steps);
    let named: Vec<_> = steps
        .filter_map(|step| match &step.what {
            StepKind::Fulfilled { events, .. } => Some(events.clone()),
            _ => None,
        })
        .collect();
    let mut all = town.record(ids[0]).milestones[0].events.clone();
    assert_eq!(all.len(), MANY);
    all.sort_unstable();
    assert_eq!(named, [all[MANY - MAX_EVENTS_PER_STEP..].to_vec()]);
}

/// An escrow on a thousand things with four roles.
fn of_a_thousand() -> Value {
    let mut terms = escrow(0);
    terms["goods"]["items"] = (0..1_000).map(item).collect();
    for role in ["carrier", "stranger"] {
        let more = json!({"role": role, "member": role});
        terms["roles"].as_array_mut().unwrap().push(more);
    }
    terms
}

/// Promise P63: goods that are recorded one by one count to the last one, as many as terms can name
/// and though some were recorded wrong, declared so and recorded again.
#[test]
fn the_last_of_a_thousand_things_counts() {
    let mut town = Town::new();
    let ids = town.run(vec![of_a_thousand()]);
    for some in (0..1_000).collect::<Vec<_>>().chunks(100) {
        assert_eq!(town.count(&ids, is_released), 0);
        let at = town.at;
        let sent = some
            .iter()
            .map(|number| town.world.capture("buyer", at, received(*number, &[*number], at)));
        let sent = sent.collect();
        let layer = town.block(sent);
        let mut receipts = layer.receipts.iter();
        assert!(receipts.all(|receipt| matches!(receipt.verdict, Verdict::Recorded { .. })));
    }
    assert_eq!(town.count(&ids, is_released), 1);
    assert_eq!(town.has("seller"), 10_000);
}

/// Promise P63: terms are refused under which a member may have to record more than is kept of it.
#[test]
fn goods_that_cannot_fit_are_refused() {
    let mut terms = of_a_thousand();
    let seen = |step: usize| {
        let step = format!("https://example.com/step/{step}");
        json!({"observed": {"event": {"biz_step": step, "by": ["buyer"]}}})
    };
    let check = |terms: &Value| {
        let terms: Terms = serde_json::from_value(terms.clone()).unwrap();
        tracehold_contracts::agreement::facts::too_many_for(&terms)
            .map(|(member, needed, most)| (member.to_string(), needed, most))
    };
    for (looks, expected) in [(3, None), (4, Some(("buyer".to_owned(), 4_000, 3_276)))] {
        terms["milestones"][0]["when"] = json!({"all": (0..looks).map(seen).collect::<Vec<_>>()});
        assert_eq!(check(&terms), expected);
        let mut town = Town::new();
        let terms: Terms = serde_json::from_value(terms.clone()).unwrap();
        let reference = Reference::new("sale").unwrap();
        let propose = AgreementCommand::Propose { reference, terms: Box::new(terms) };
        let refused = town.try_act("seller", propose).err();
        assert_eq!(refused, expected.map(|_| RejectionCode::TermsRefused));
    }
}

/// Promise P63: what was declared wrong makes room for what is right.
#[test]
fn what_was_undone_makes_room() {
    let mut town = Town::new();
    let mut terms = escrow(0);
    terms["goods"] = json!({"class": {"class": "https://id.gs1.org/01/09522202010003",
        "quantity": "10000"}});
    for role in ["carrier", "stranger", "inspector", "arbiter", "bank"] {
        let more = json!({"role": role, "member": role});
        terms["roles"].as_array_mut().unwrap().push(more);
    }
    let ids = town.run(vec![terms]);
    let share = tracehold_contracts::agreement::facts::share_of_facts(7);
    let at = town.at;
    let event = |number: usize| received(number, &[number], at);
    let sent = |town: &mut Town, numbers: std::ops::Range<usize>| {
        for some in numbers.collect::<Vec<_>>().chunks(100) {
            let now = town.at;
            let bundles = some.iter().map(|n| town.world.capture("buyer", now, event(*n)));
            let bundles = bundles.collect();
            town.block(bundles);
        }
    };
    sent(&mut town, 0..share + 1);
    assert_eq!(town.record(ids[0]).facts as usize, share);
    let wrong = town.at;
    town.capture("buyer", corrected(event(0), wrong));
    town.block(vec![]);
    let units = town.record(ids[0]).units;
    sent(&mut town, share + 1..share + 3);
    let record = town.record(ids[0]);
    assert_eq!((record.facts as usize, record.units), (share, units));
    town.world.assert_replays();
}
