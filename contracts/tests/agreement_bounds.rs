//! What a member can do with agreements that make as much work as they can: it is done as of its
//! time, and it takes nothing from others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod agreement_world;

use std::sync::Arc;

use agreement_world::town::{DEADLINE, Town, corrected, escrow, is_released, item, received};
use agreement_world::{BEGINNING, MINUTE, agent, main_account, member};
use serde_json::{Value, json};
use tracehold_chain::keys::{SecretKey, Signer};
use tracehold_chain::money::{AgreementId, Amount, Money, MoneyAction};
use tracehold_chain::state::key::block_due_key;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::{Ending, MAX_UNWATCHED_PER_PIECE, Stage, StepKind, facts};
use tracehold_contracts::execute::{MAX_DUE_PER_BLOCK, MAX_EXPIRED_PER_BLOCK};
use tracehold_contracts::work::{
    MAX_DUE_UNITS, MAX_UNITS_PER_AGREEMENT, MAX_UNITS_PER_BLOCK, MAX_UNITS_PER_TRANSACTION,
};
use tracehold_contracts::{Admitted, Effects, Verdict};

/// Things that one of the heavy agreements is about.
const ITEMS: usize = 1_000;

/// Agreements that together make more work than one transaction, or what is due in one block, may.
const HEAVY: usize = 12;

/// An agreement on a thousand things from `first` that one event makes as heavy as can be: eight
/// conditions on readings of anybody, which nobody ever approves. It pays the seller half when all
/// was shipped and the rest when all has arrived, both in time.
fn heavy(number: usize, first: usize, roles: [&str; 2], by: TimestampMs) -> Value {
    let mut terms = escrow(number);
    let [payer, payee] = roles;
    let readings = json!({"readings": {
        "measurement": "Temperature", "uom": "CEL", "max": "8", "max_gap": "PT1H",
        "outside_at_most": "PT30M", "expect": "broken",
        "from": {"biz_step": "shipping", "by": [payee]},
        "to": {"biz_step": "receiving", "by": [payer]},
    }});
    let cold: Vec<Value> = (0..8).map(|_| readings.clone()).collect();
    let seen = |step: &str| json!({"observed": {"event": {"biz_step": step, "by": [payee]}}});
    let half = |to: &str| {
        json!({"amount": {"to": to,
        "money": {"asset": "EUR@bank", "amount": "50.00"}}})
    };
    terms["title"] = json!(format!("Heavy {number}"));
    terms["roles"] = roles.iter().map(|role| json!({"role": role, "member": role})).collect();
    terms["goods"]["items"] = (first..first + ITEMS).map(item).collect();
    terms["deposits"][0]["role"] = json!(payer);
    let by = by.to_string();
    terms["milestones"] = json!([
        {"id": "shipped", "when": seen("shipping"), "by": by, "pay": [half(payee)]},
        {"id": "arrived", "when": seen("arriving"), "after": ["shipped"], "pay": [half(payee)]},
        {"id": "cold", "when": {"all": [{"all": cold}, {"approved": {"by": payer, "what": "cold"}}]},
            "pay": [half(payer)], "unless": ["arrived", "shipped"]},
    ]);
    terms["at_deadline"] = json!([{"remainder": {"to": payer, "asset": "EUR@bank"}}]);
    terms
}

/// An event about many things, with readings that tell of as many spans as can be.
fn measured(id: usize, step: &str, items: impl Iterator<Item = usize>, at: TimestampMs) -> Value {
    let mut event = received(id, &items.collect::<Vec<_>>(), at);
    let reports = (0..256_u64).map(|hour| {
        let time = BEGINNING.plus_ms(hour * 120 * MINUTE).to_string();
        json!({"type": "Temperature", "value": 20, "uom": "CEL", "time": time})
    });
    event["bizStep"] = json!(step);
    event["sensorElementList"] = json!([{"sensorReport": reports.collect::<Vec<_>>()}]);
    event
}

fn step(id: usize, step: &str, items: impl Iterator<Item = usize>, at: TimestampMs) -> Value {
    let mut event = received(id, &items.collect::<Vec<_>>(), at);
    event["bizStep"] = json!(step);
    event
}

fn all_from(first: usize) -> impl Iterator<Item = usize> {
    first..first + ITEMS
}

/// Funds paid by whoever pays in.
fn town() -> Town {
    let mut town = Town::new();
    let asset = "EUR@bank".parse().unwrap();
    let paid = town.world.issue("bank", town.at, &asset, 1_000_000_000, "stranger");
    town.world.block(town.at, vec![paid]);
    town.at = town.at.plus_ms(1_000);
    town
}

fn run_heavy(town: &mut Town, first: usize, roles: [&str; 2], by: TimestampMs) -> Vec<AgreementId> {
    let run = |number| town.run_by(roles[1], vec![heavy(first + number, first, roles, by)]);
    (0..HEAVY).flat_map(run).collect()
}

fn waiting(town: &Town, ids: &[AgreementId]) -> usize {
    ids.iter().filter(|id| town.record(**id).unseen.is_some()).count()
}

/// Promises P60, P86: more work than a block does is done by the next ones as of the block that
/// made it, though more is recorded in the meantime and times go by.
#[test]
fn what_is_too_much_work_is_done_later_as_of_its_time() {
    let mut town = Town::new();
    let by = BEGINNING.plus_ms(100 * MINUTE);
    let ids = run_heavy(&mut town, 0, ["buyer", "seller"], by);
    let shipped = TimestampMs(by.0 - 1);
    town.go_to(shipped);
    town.capture("seller", measured(1, "shipping", all_from(0), shipped));
    let units = town.record(ids[0]).units;
    assert!(units > MAX_UNITS_PER_AGREEMENT / 5 && units <= facts::share_of_units(2));
    assert!(units * (HEAVY as u64) > MAX_UNITS_PER_TRANSACTION + MAX_DUE_UNITS + units);
    let left = waiting(&town, &ids);
    assert!(left > 0 && left < HEAVY, "{left}");
    assert_eq!(town.world.ledger.next_due(), Some(shipped));
    // Those that still wait when the next event comes wait on: for what they are of, it makes no
    // difference.
    let arrived = town.at;
    assert!(arrived > by);
    town.capture("seller", step(2, "arriving", all_from(0), arrived));
    assert!(waiting(&town, &ids) > 0);
    let mut blocks = 0;
    while waiting(&town, &ids) > 0 {
        town.block(vec![]);
        blocks += 1;
    }
    assert!((1..=HEAVY).contains(&blocks), "{blocks}");
    for id in &ids {
        let record = town.record(*id);
        let at = |place: usize| record.milestones[place].fulfilled_at;
        assert_eq!((at(0), at(1)), (Some(shipped), Some(arrived)));
        assert!(matches!(&record.stage, Stage::Ended { at, .. } if *at == arrived));
    }
    assert_eq!(town.has("seller"), i64::try_from(HEAVY).unwrap() * 10_000);
    town.world.assert_replays();
}

/// Promises P63, P72, P86: whatever a stranger's agreements on the same things make of it, an
/// agreement of who recorded the event is paid in its block.
#[test]
fn agreements_of_strangers_do_not_delay_a_payment() {
    let mut town = town();
    let late = BEGINNING.plus_ms(500 * MINUTE);
    let strangers = run_heavy(&mut town, 0, ["stranger", "carrier"], late);
    let ids = town.run(
        (0..5)
            .map(|number| {
                let mut terms = escrow(number);
                let shipped =
                    json!({"observed": {"event": {"biz_step": "shipping", "by": ["seller"]}}});
                terms["milestones"][0]["when"] = shipped;
                terms
            })
            .collect(),
    );
    // What a stranger's agreements do not ask for is not even noted for them.
    let at = town.at;
    town.capture("seller", step(1, "departing", all_from(0), at));
    assert!(strangers.iter().all(|id| town.record(*id).facts == 0));
    let at = town.at;
    let layer = town.capture("seller", measured(2, "shipping", all_from(0), at));
    assert!(strangers.iter().all(|id| town.record(*id).facts == 1));
    assert!(waiting(&town, &strangers) > 0);
    assert_eq!(town.count(&ids, is_released), ids.len());
    let released = layer.receipts[0].effects.steps.iter();
    let released = released.filter(|step| matches!(step.what, StepKind::Ended { .. }));
    assert_eq!(released.count(), ids.len());
    town.world.assert_replays();
}

/// What a proposer would put in the next block.
fn proposed(town: &Town, sent: &[Arc<Admitted>]) -> Vec<usize> {
    let proposer = SecretKey::from_seed(&{
        let mut seed = [9; 32];
        seed[..9].copy_from_slice(b"bank-node");
        seed
    });
    let waiting = &mut sent.iter().cloned();
    let (block, outcome) =
        town.world.ledger.propose(town.at, proposer.public_key(), waiting).unwrap();
    let applied = town.world.ledger.replay_block(&block).unwrap();
    assert_eq!(outcome.block_id(), applied.block_id());
    let place = |id| sent.iter().position(|one| one.id == id).unwrap();
    block.bundles.iter().map(|bundle| place(bundle.transaction.id())).collect()
}

/// Promise P86: an event for which a block has no room left waits for the next with all that its
/// member sent after it; what others sent does not wait behind it, and it is never refused.
#[test]
fn an_event_that_sets_much_going_waits_and_others_do_not() {
    let mut town = town();
    let late = BEGINNING.plus_ms(500 * MINUTE);
    for first in [0, ITEMS, 2 * ITEMS] {
        run_heavy(&mut town, first, ["stranger", "carrier"], late);
    }
    let at = town.at;
    let large = |town: &mut Town, id: usize, first: usize| {
        let event = measured(id, "shipping", all_from(first), at);
        town.world.capture("seller", at, event)
    };
    let sent = [
        large(&mut town, 1, 0),
        large(&mut town, 2, ITEMS),
        large(&mut town, 3, 2 * ITEMS),
        town.world.capture("seller", at, step(4, "packing", 9_000..9_001, at)),
        town.world.capture("buyer", at, step(5, "accepting", 9_000..9_001, at)),
    ];
    let fit = proposed(&town, &sent);
    assert!(fit.starts_with(&[0]) && fit.ends_with(&[4]), "{fit:?}");
    assert!(!fit.contains(&2) && !fit.contains(&3), "{fit:?}");
    const { assert!(MAX_UNITS_PER_BLOCK < 3 * MAX_UNITS_PER_TRANSACTION) };
    let block: Vec<_> = fit.iter().map(|place| sent[*place].clone()).collect();
    let rest: Vec<_> =
        (0..sent.len()).filter(|place| !fit.contains(place)).map(|p| sent[p].clone()).collect();
    let mut layers = vec![town.block(block)];
    // Alone in a block, any has room.
    layers.extend(rest.into_iter().map(|one| town.block(vec![one])));
    let mut receipts = layers.iter().flat_map(|layer| &layer.receipts);
    assert!(receipts.all(|receipt| matches!(receipt.verdict, Verdict::Recorded { .. })));
}

/// Promise P87: holds that expire do not keep agreements waiting, however many they are.
#[test]
fn holds_do_not_keep_agreements_waiting() {
    let mut town = Town::new();
    let ids = town.run((0..3).map(escrow).collect());
    let expires_at = TimestampMs(DEADLINE.0 - 10);
    let count = 2 * MAX_DUE_PER_BLOCK;
    for _ in 0..count / 500 {
        let at = town.at;
        let hold = |_| {
            let asset = "EUR@bank".parse().unwrap();
            let money = Money { asset, amount: Amount::new(1).unwrap() };
            let to = main_account("seller");
            town.world.pay("buyer", at, MoneyAction::Hold { money, to, expires_at })
        };
        let holds: Vec<_> = (0..500).map(hold).collect();
        town.block(holds);
    }
    assert_eq!(town.world.count(b"sdh"), count);
    town.go_to(DEADLINE);
    let layer = town.block(vec![]);
    assert_eq!(town.count(&ids, |how| *how == Ending::Expired), ids.len());
    let done = MAX_DUE_PER_BLOCK - ids.len();
    assert_eq!(town.world.count(b"sdh"), count - done);
    const { assert!(MAX_EXPIRED_PER_BLOCK < MAX_DUE_PER_BLOCK) };
    // The block keeps what it did by itself.
    let height = layer.head.height;
    let kept = layer.writes.get(&block_due_key(height)).unwrap().clone().unwrap();
    assert_eq!(tracehold_chain::codec::decode::<Effects>(&kept).unwrap(), layer.due);
    let layer = town.block(vec![]);
    assert!(!layer.writes.contains_key(&block_due_key(layer.head.height)));
    assert_eq!(town.world.count(b"sdh"), 3);
    town.world.assert_replays();
}

/// An agreement that ended is taken off what it waited for in pieces, and a correction of what it
/// paid on is noted between two of them.
#[test]
fn what_has_ended_is_taken_off_in_pieces() {
    let mut town = Town::new();
    let at = town.at;
    let pack = |pallet: usize| {
        let children: Vec<String> = (pallet * 10..pallet * 10 + 10).map(item).collect();
        let mut event = received(9_000 + pallet, &[], at);
        event.as_object_mut().unwrap().remove("epcList");
        event["type"] = json!("AggregationEvent");
        event["action"] = json!("ADD");
        event["bizStep"] = json!("packing");
        event["parentID"] = json!(format!("https://id.gs1.org/00/09522202{pallet:010}"));
        event["childEPCs"] = json!(children);
        event
    };
    for some in (0..100).collect::<Vec<_>>().chunks(20) {
        let sent = some.iter().map(|pallet| town.world.capture("seller", at, pack(*pallet)));
        let sent: Vec<_> = sent.collect();
        town.block(sent);
    }
    let mut terms = escrow(0);
    terms["goods"]["items"] = all_from(0).map(item).collect();
    let ids = town.run(vec![terms]);
    let names = town.world.count(b"sw") / 2;
    assert!(names > MAX_UNWATCHED_PER_PIECE, "{names}");
    let at = town.at;
    let event = received(1, &all_from(0).collect::<Vec<_>>(), at);
    town.capture("buyer", event.clone());
    assert_eq!(town.count(&ids, is_released), 1);
    assert_eq!(town.world.count(b"sw") / 2, names);
    // The next block takes the first piece off, and then records the correction.
    let at = town.at;
    town.capture("buyer", corrected(event, at));
    assert_eq!(town.world.count(b"sw") / 2, names + 1 - MAX_UNWATCHED_PER_PIECE);
    assert_eq!(town.record(ids[0]).milestones[0].corrected.len(), 1);
    town.block(vec![]);
    assert_eq!(town.world.count(b"sw") / 2, 1);
    town.go_to(BEGINNING.plus_ms(400 * 24 * 60 * MINUTE));
    town.block(vec![]);
    assert_eq!(town.world.count(b"sw"), 0);
    assert_eq!(town.world.ledger.next_due(), None);
    town.world.assert_replays();
}

/// Promise P86: what would make an agreement too much work is not kept, of each member apart.
#[test]
fn an_agreement_keeps_no_more_than_it_may_cost() {
    let mut town = Town::new();
    let late = BEGINNING.plus_ms(500 * MINUTE);
    let ids = town.run_by("seller", vec![heavy(1, 0, ["buyer", "seller"], late)]);
    for id in 1..4 {
        let at = town.at;
        town.capture("seller", measured(id, "departing", all_from(0), at));
    }
    let record = town.record(ids[0]);
    assert_eq!(record.facts, 1);
    assert!(record.units <= facts::share_of_units(2));
    // Small ones still fit, and what others attest has a share of its own.
    let at = town.at;
    town.capture("seller", step(5, "shipping", all_from(0), at));
    let at = town.at;
    town.capture("buyer", measured(6, "receiving", all_from(0), at));
    let record = town.record(ids[0]);
    assert_eq!(record.facts, 3);
    assert!(record.milestones[0].fulfilled_at.is_some());
    assert_eq!(agent("seller").member(), &member("seller"));
}
