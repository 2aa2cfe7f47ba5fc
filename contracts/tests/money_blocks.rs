//! Money on the ledger: blocks of commands, and what is then on the accounts.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod bank;

use bank::{START, World};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::money::{
    AccountId, Amount, AssetTerms, Money, MoneyAction, MoneyCommand, Purpose, Reference,
};
use tracehold_chain::units::TimestampMs;
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
