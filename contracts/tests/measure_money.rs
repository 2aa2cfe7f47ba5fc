//! What moving money costs in the bare state machine: `cargo test --release -p tracehold-contracts
//! --test measure_money -- --ignored --nocapture`. Transfers, each signed and admitted beforehand,
//! in blocks of 1,000, run as a validator runs a block of another's, state root included, on one
//! core.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it measures")]
#![allow(clippy::disallowed_types, reason = "it measures time; nothing is decided by it")]
#![allow(clippy::float_arithmetic, reason = "it shows a rate")]

mod bank;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bank::{MEMBERS, START, World};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::money::{
    AccountId, Amount, ApprovalRule, AssetTerms, Money, MoneyAction, MoneyCommand, Purpose,
    Reference,
};
use tracehold_chain::transaction::TransactionId;
use tracehold_contracts::{Admitted, Verdict};

/// As the node has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Accounts of each of the five members.
const ACCOUNTS: u64 = 400;
const BLOCK: u64 = 1_000;
const BLOCKS: u64 = 50;

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// How long this thread has been on a processor: others may be busy on the same machine.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn euros(units: u64) -> Money {
    Money { asset: "EUR@bank".parse().unwrap(), amount: Amount::new(units).unwrap() }
}

fn command(account: &str, reference: String, action: MoneyAction) -> MoneyCommand {
    let (account, reference) = (Purpose::new(account).unwrap(), Reference::new(reference).unwrap());
    MoneyCommand { account, reference, action }
}

fn account(member: &str, number: u64) -> AccountId {
    format!("{member}/a{number}").parse().unwrap()
}

/// Opens all accounts and puts money on them.
fn prepare(world: &mut World) {
    let mut opened = Vec::new();
    for (member, ..) in MEMBERS {
        for number in 0..ACCOUNTS {
            let (name, rule) = (format!("a{number}"), ApprovalRule::OneAgent);
            let open = command(&name, "o".to_owned(), MoneyAction::SetRule(rule));
            let (to, terms) = (account(member, number), AssetTerms::Cash);
            let issue = MoneyAction::Issue { money: euros(1_000_000_000), to, terms };
            let issue = command("issuance", format!("{member}-{number}"), issue);
            opened.push(world.signed(&format!("{member}.ann"), vec![open], START));
            opened.push(world.signed("bank.ann", vec![issue], START));
        }
    }
    for (place, block) in (1..).zip(opened.chunks(1_000)) {
        let layer = world.block(START.plus_ms(place * 100), block);
        let recorded = |verdict: &Verdict| matches!(verdict, Verdict::Recorded { .. });
        assert!(layer.receipts.iter().all(|receipt| recorded(&receipt.verdict)));
        world.flush();
    }
}

#[test]
#[ignore = "it measures"]
fn transfers_a_second_on_one_core() {
    let mut world = World::new(Parameters { state_buckets_log2: 20, ..Parameters::default() });
    prepare(&mut world);
    let mut numbers = Numbers(7);
    let transactions: Vec<Arc<Admitted>> = (0..BLOCKS * BLOCK)
        .map(|number| {
            let member = |number| MEMBERS[usize::try_from(number).unwrap()].0;
            let (from, to) = (numbers.below(5), numbers.below(5));
            let (on, at) = (numbers.below(ACCOUNTS), numbers.below(ACCOUNTS));
            let at = if (from, on) == (to, at) { (at + 1) % ACCOUNTS } else { at };
            let money = euros(1 + numbers.below(10_000));
            let memo = Some(format!("Invoice {number}"));
            let action = MoneyAction::Transfer { money, to: account(member(to), at), memo };
            let pay = command(&format!("a{on}"), format!("payment-{number}"), action);
            world.signed(&format!("{}.ann", member(from)), vec![pay], START.plus_ms(30_000))
        })
        .collect();
    let known: BTreeMap<TransactionId, Arc<Admitted>> =
        transactions.iter().map(|one| (one.id, one.clone())).collect();
    let (mut proposing, mut applying) = (Duration::ZERO, Duration::ZERO);
    let (mut keys, mut bytes) = (0, 0);
    for block in transactions.chunks(usize::try_from(BLOCK).unwrap()) {
        let time = world.ledger.head().block_time.plus_ms(100);
        let start = on_cpu();
        let mut waiting = block.iter().cloned();
        let (block, _) = world.ledger.propose(time, world.proposer, &mut waiting).unwrap();
        proposing += on_cpu().saturating_sub(start);
        let start = on_cpu();
        let outcome = world.ledger.apply_block(&block, &|id| known.get(id).cloned()).unwrap();
        let layer = world.ledger.commit(outcome);
        applying += on_cpu().saturating_sub(start);
        assert_eq!(layer.receipts.len(), block.bundles.len());
        let recorded = |verdict: &Verdict| matches!(verdict, Verdict::Recorded { .. });
        assert!(layer.receipts.iter().all(|receipt| recorded(&receipt.verdict)));
        keys += layer.writes.len();
        let value = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        bytes += layer.writes.iter().map(|(k, v)| k.len() + value(v)).sum::<usize>();
        drop(layer);
        world.flush();
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / (BLOCKS * BLOCK) as f64;
    println!(
        "{:.0} transfers/s applied and committed, {:.2} us each; proposing {:.2} us each",
        1e6 / each(applying),
        each(applying),
        each(proposing)
    );
    let count = (BLOCKS * BLOCK) as f64;
    println!(
        "{:.1} keys and {:.0} bytes written for each",
        keys as f64 / count,
        bytes as f64 / count
    );
}
