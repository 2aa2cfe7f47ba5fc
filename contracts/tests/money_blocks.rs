//! Money on the ledger: blocks of commands, and what is then on the accounts.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod bank;

use bank::{START, World};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::money::{
    AccountId, Amount, AssetTerms, HoldId, Money, MoneyAction, MoneyCommand, Purpose, Reference,
};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::execute::MAX_DUE_PER_BLOCK;
use tracehold_contracts::{RejectionCode, Verdict};

const AT: TimestampMs = START;

fn world() -> World {
    World::new(Parameters { state_buckets_log2: 4, ..Parameters::default() })
}

fn command(account: &str, reference: &str, action: MoneyAction) -> MoneyCommand {
    let (account, reference) = (Purpose::new(account).unwrap(), Reference::new(reference).unwrap());
    MoneyCommand { account, reference, action }
}

fn euros(units: u64) -> Money {
    Money { asset: "EUR@bank".parse().unwrap(), amount: Amount::new(units).unwrap() }
}

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn issue(reference: &str, units: u64, to: &str) -> MoneyCommand {
    let action =
        MoneyAction::Issue { money: euros(units), to: account(to), terms: AssetTerms::Cash };
    command("issuance", reference, action)
}

fn pay(reference: &str, units: u64, to: &str) -> MoneyCommand {
    let action = MoneyAction::Transfer { money: euros(units), to: account(to), memo: None };
    command("main", reference, action)
}

fn code(verdict: &Verdict) -> Option<RejectionCode> {
    match verdict {
        Verdict::Rejected(rejection) => Some(rejection.code),
        Verdict::Recorded { .. } => None,
    }
}

/// Promise P50: the same money is not spent twice in one block, and a retry pays once.
#[test]
fn money_is_spent_once_in_one_block() {
    let mut world = world();
    let transactions = [
        world.signed("bank.ann", vec![issue("i1", 100, "buyer/main")], AT),
        world.signed("buyer.ann", vec![pay("p1", 80, "seller/main")], AT),
        world.signed("buyer.ben", vec![pay("p2", 80, "carrier/main")], AT),
        world.signed("buyer.ben", vec![pay("p1", 80, "seller/main")], AT),
    ];
    let layer = world.block(START.plus_ms(1_000), &transactions);
    let codes: Vec<_> = layer.receipts.iter().map(|receipt| code(&receipt.verdict)).collect();
    assert_eq!(codes, [None, None, Some(RejectionCode::InsufficientFunds), None]);
    assert_eq!(layer.receipts[3].repeats[0].first, transactions[1].id);
    let on = |name: &str| world.balance(&account(name), &euros(0).asset).map(|b| b.posted);
    assert_eq!(on("bank/issuance"), Some(-100));
    assert_eq!(on("buyer/main"), Some(20));
    assert_eq!(on("seller/main"), Some(80));
    assert_eq!(on("carrier/main"), None);
}

/// Promise P52: a hold is over in the block whose time is its expiry, by itself.
#[test]
fn a_hold_expires_on_the_exact_block() {
    let mut world = world();
    let expires_at = START.plus_ms(10_000);
    let hold = MoneyAction::Hold { money: euros(70), to: account("seller/main"), expires_at };
    let transactions = [
        world.signed("bank.ann", vec![issue("i1", 100, "buyer/main")], AT),
        world.signed("buyer.ann", vec![command("main", "h1", hold)], AT),
    ];
    world.block(START.plus_ms(1_000), &transactions);
    assert_eq!(world.ledger.next_due(), Some(expires_at));
    let free = |world: &World| {
        world.balance(&account("buyer/main"), &euros(0).asset).unwrap().free().minor_units()
    };
    assert_eq!(free(&world), 30);
    world.reopen();
    world.block(START.plus_ms(9_999), &[]);
    assert_eq!((free(&world), world.ledger.next_due()), (30, Some(expires_at)));
    world.block(expires_at, &[]);
    assert_eq!((free(&world), world.ledger.next_due()), (100, None));
}

/// Promise P52: more that is due than one block does is done by the next, oldest first; what is
/// late is refused before the queue got there.
#[test]
fn what_is_due_is_done_a_thousand_things_a_block() {
    let mut world = world();
    let issued = world.signed("bank.ann", vec![issue("i1", 10_000, "buyer/main")], AT);
    let mut time = START.plus_ms(1_000);
    world.block(time, &[issued]);
    let (buyer, due) = (bank::agent_id("buyer.ann"), START.plus_ms(3_600_000));
    let count = MAX_DUE_PER_BLOCK + 200;
    for first in (0..count).step_by(10) {
        let holds = (first..first + 10).map(|number| {
            let expires_at = due.plus_ms(u64::try_from(number).unwrap());
            let hold =
                MoneyAction::Hold { money: euros(1), to: account("seller/main"), expires_at };
            command("main", &format!("h{number}"), hold)
        });
        time = time.plus_ms(1_000);
        let holds = world.unsigned(&buyer, holds.collect(), time);
        world.block(time, &[holds]);
        world.flush();
    }
    let held = |world: &World| {
        world.balance(&account("buyer/main"), &euros(0).asset).unwrap().held.minor_units()
    };
    assert_eq!((held(&world), world.ledger.next_due()), (1_200, Some(due)));
    let late = due.plus_ms(10_000);
    let hold = HoldId {
        account: account("buyer/main"),
        reference: Reference::new(format!("h{}", count - 1)).unwrap(),
    };
    let take = MoneyAction::Post { hold, amount: euros(1).amount };
    let seller = bank::agent_id("seller.ann");
    let take = world.unsigned(&seller, vec![command("main", "t1", take)], late);
    let pay = world.unsigned(&buyer, vec![pay("p1", 9_000, "seller/main")], late);
    let layer = world.block(late, &[take, pay]);
    let codes: Vec<_> = layer.receipts.iter().map(|receipt| code(&receipt.verdict)).collect();
    assert_eq!(codes, [Some(RejectionCode::HoldEnded), None]);
    let left = due.plus_ms(u64::try_from(MAX_DUE_PER_BLOCK).unwrap());
    assert_eq!((held(&world), world.ledger.next_due()), (200, Some(left)));
    world.block(late.plus_ms(1), &[]);
    assert_eq!((held(&world), world.ledger.next_due()), (0, None));
}

/// Promise P50: a transaction's commands take effect all or not at all.
#[test]
fn commands_of_a_transaction_take_effect_together() {
    let mut world = world();
    let issued = world.signed("bank.ann", vec![issue("i1", 100, "buyer/main")], AT);
    let both = vec![pay("p1", 60, "seller/main"), pay("p2", 60, "carrier/main")];
    let both = world.signed("buyer.ann", both, AT);
    let layer = world.block(START.plus_ms(1_000), &[issued, both]);
    let refused = Some(RejectionCode::InsufficientFunds);
    assert_eq!(code(&layer.receipts[1].verdict), refused);
    assert!(layer.receipts[1].effects.is_empty());
    assert_eq!(world.balance(&account("seller/main"), &euros(0).asset), None);
    assert!(world.reference(&account("buyer/main"), "p1").is_none());
    let parts = vec![pay("p1", 60, "seller/main"), pay("p2", 40, "carrier/main")];
    let parts = world.signed("buyer.ann", parts, AT);
    let layer = world.block(START.plus_ms(2_000), &[parts]);
    assert_eq!(layer.receipts[0].effects.entries.len(), 2);
}
