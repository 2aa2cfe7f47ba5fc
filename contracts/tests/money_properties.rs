//! Money under random streams of commands: several members and agents, retries, references used
//! twice, rules of two, holds that expire, blocks that come sooner and later.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod bank;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bank::model::{Do, MOST, Model, Order};
use bank::{MEMBERS, START, World, agent_id};
use proptest::prelude::*;
use tracehold_chain::codec;
use tracehold_chain::genesis::{Genesis, Parameters};
use tracehold_chain::money::{
    AccountId, Amount, ApprovalRule, Asset, AssetTerms, HoldId, Money, MoneyAction, MoneyCommand,
    Purpose, Reference, ThresholdFor,
};
use tracehold_chain::state::key::statement_range;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::money::StatementLine;
use tracehold_contracts::{Layer, Verdict};

const CASES: u32 = 20_000;

const HOUR: u64 = 3_600_000;

/// How long between two blocks, and how long until a hold expires: the same numbers, so that they
/// meet on the exact block.
const STEPS: [u64; 6] = [1_000, HOUR, 24 * HOUR, 84 * HOUR, 168 * HOUR, 11 * 366 * 24 * HOUR];

const ASSETS: [&str; 6] =
    ["EUR@bank", "JPY@bank", "EUR@savings", "note:EUR@buyer/N1", "title:carrier/T1", "EUR@buyer"];

/// Those that nobody may pay last.
const PAYEES: [&str; 9] = [
    "buyer/main",
    "seller/main",
    "carrier/main",
    "bank/main",
    "buyer/escrow",
    "seller/escrow",
    "bank/issuance",
    "nobody/main",
    "agreement:abababababababababababababababababababababababababababababababab",
];

const AMOUNTS: [u64; 12] = [1, 5, 10, 10, 20, 30, 50, 51, 60, 100, 0, MOST];

fn pick<T: Copy>(from: &[T], number: u8) -> T {
    from[usize::from(number) % from.len()]
}

/// An agent of a member, by a random number.
fn agent_of(member: &str, number: u8) -> String {
    let known = MEMBERS.iter().find(|known| known.0 == member).unwrap();
    format!("{member}.{}", pick(known.2, number))
}

/// One of the earlier orders that `fits`, sooner one of the last.
fn one_of(earlier: &[Sent], number: u8, fits: impl Fn(&Do) -> bool) -> Option<&Order> {
    let orders = earlier.iter().rev().flat_map(|(_, orders)| orders);
    let fitting: Vec<&Order> = orders.filter(|order| fits(&order.what)).take(8).collect();
    (!fitting.is_empty()).then(|| pick(&fitting, number))
}

/// An agent and an order out of random numbers; `earlier` are those that were given before. Most
/// orders are such as succeed in some state, because others tell little.
fn order(raw: [u8; 8], now: u64, earlier: &[Sent]) -> (String, Order) {
    let [who, name, kind, amount, asset, to, more, odd] = raw;
    // One in sixteen is odd in some way.
    let is_odd = |way: u8| odd == way;
    let reference = format!("r{}", name % 64);
    let amount = if odd % 32 == 3 { pick(&AMOUNTS, amount) } else { pick(&AMOUNTS[..10], amount) };
    let asset = pick(&ASSETS, if asset % 4 == 3 { asset / 4 } else { asset % 2 }).to_owned();
    let to = if odd % 32 == 4 { pick(&PAYEES, to) } else { pick(&PAYEES[..5], to) }.to_owned();
    let member = ["buyer", "buyer", "seller", "bank", "carrier"][usize::from(who) % 5].to_owned();
    let purpose = pick(&["main", "main", "main", "main", "escrow"], more / 16).to_owned();
    let as_given = |member: String, purpose: String, what: Do| {
        let agent = agent_of(&member, who / 8);
        (agent, Order { member, purpose, reference: reference.clone(), what })
    };
    let set_or_move = |what: &Do| !matches!(what, Do::Approve(_) | Do::Decline(_));
    match kind % 32 {
        0..=2 => {
            // Once more, by the same or another agent of the member.
            let Some(again) = one_of(earlier, more, |_| true) else {
                return as_given(member, purpose, Do::SetRule(None));
            };
            (agent_of(&again.member, who), again.clone())
        }
        3..=8 => {
            let Some(waiting) = one_of(earlier, more, set_or_move) else {
                return as_given(member, purpose, Do::SetRule(None));
            };
            let (member, purpose) = (waiting.member.clone(), waiting.purpose.clone());
            let named = waiting.reference.clone();
            let what = if kind % 32 == 3 { Do::Decline(named) } else { Do::Approve(named) };
            as_given(member, purpose, what)
        }
        9..=12 => {
            let held = one_of(earlier, more, |what| matches!(what, Do::Hold { .. }));
            let Some(order) = held else { return as_given(member, purpose, Do::SetRule(None)) };
            let Do::Hold { to, amount: all, .. } = &order.what else { unreachable!() };
            let payee = to.split_once('/').filter(|_| !is_odd(5));
            let payee = payee.filter(|(member, _)| *member != "nobody");
            let (member, purpose) = payee.unwrap_or((&member, &purpose));
            let reference = if is_odd(6) { "r99" } else { &order.reference };
            let hold = (format!("{}/{}", order.member, order.purpose), reference.to_owned());
            let amount = if amount % 2 == 0 { amount } else { *all };
            let what = if kind % 32 == 9 { Do::Void { hold } } else { Do::Post { hold, amount } };
            as_given(member.to_owned(), purpose.to_owned(), what)
        }
        13..=15 => {
            let own = match asset.split_once(':') {
                Some(("note", _)) => "note",
                Some(_) => "title",
                None => "cash",
            };
            let kind = if odd % 32 == 7 { pick(&["cash", "note", "title"], more) } else { own };
            let amount = if own == "title" && odd % 32 != 8 { 1 } else { amount };
            let maker = ["bank", "bank", "savings", "buyer", "carrier", "buyer"]
                [ASSETS.iter().position(|one| *one == asset).unwrap()];
            let maker = if odd % 32 == 9 { member.as_str() } else { maker };
            let purpose = if odd % 32 == 10 { purpose.as_str() } else { "issuance" };
            let what = Do::Issue { asset, amount, to, kind };
            as_given(maker.to_owned(), purpose.to_owned(), what)
        }
        16 => {
            let from = pick(&["main", "main", "main", "escrow", "issuance"], more).to_owned();
            let purpose = if odd % 32 == 10 { purpose.as_str() } else { "issuance" };
            let maker = if odd % 32 == 9 { member.as_str() } else { "bank" };
            let asset = if odd % 32 == 11 { asset } else { ASSETS[0].to_owned() };
            as_given(maker.to_owned(), purpose.to_owned(), Do::Redeem { asset, amount, from })
        }
        17..=19 => {
            let purpose = if odd % 8 == 0 { "issuance" } else { purpose.as_str() };
            let above = |limit: u64| vec![(ASSETS[0].to_owned(), limit)];
            let yen = vec![(ASSETS[1].to_owned(), 10)];
            let rule = match more % 7 {
                0 | 1 => None,
                2 => Some(Vec::new()),
                3 | 4 => Some(above(20)),
                5 => Some([above(50), yen].concat()),
                _ => Some([yen, above(50)].concat()),
            };
            as_given(member, purpose.to_owned(), Do::SetRule(rule))
        }
        20..=25 => {
            let expires_at = if odd % 32 == 12 { now } else { now + pick(&STEPS, more) };
            as_given(member, purpose, Do::Hold { asset, amount, to, expires_at })
        }
        _ => as_given(member, purpose, Do::Pay { asset, amount, to }),
    }
}

fn money(asset: &str, amount: u64) -> Money {
    Money { asset: asset.parse().unwrap(), amount: Amount::new(amount).unwrap() }
}

fn hold_id((account, reference): &(String, String)) -> HoldId {
    let reference = Reference::new(reference.as_str()).unwrap();
    HoldId { account: account.parse().unwrap(), reference }
}

/// The order as the ledger reads it.
fn command(order: &Order) -> MoneyCommand {
    let action = match &order.what {
        Do::SetRule(None) => MoneyAction::SetRule(ApprovalRule::OneAgent),
        Do::SetRule(Some(above)) => {
            let above = above.iter().map(|(asset, limit)| ThresholdFor(money(asset, *limit)));
            MoneyAction::SetRule(ApprovalRule::TwoAgents { above: above.collect() })
        }
        Do::Issue { asset, amount, to, kind } => MoneyAction::Issue {
            money: money(asset, *amount),
            to: to.parse().unwrap(),
            terms: match *kind {
                "cash" => AssetTerms::Cash,
                "note" => AssetTerms::Note { due: START.plus_ms(HOUR) },
                _ => AssetTerms::Title { document: None },
            },
        },
        Do::Redeem { asset, amount, from } => MoneyAction::Redeem {
            money: money(asset, *amount),
            from: Purpose::new(from.as_str()).unwrap(),
        },
        Do::Pay { asset, amount, to } => MoneyAction::Transfer {
            money: money(asset, *amount),
            to: to.parse().unwrap(),
            memo: None,
        },
        Do::Hold { asset, amount, to, expires_at } => MoneyAction::Hold {
            money: money(asset, *amount),
            to: to.parse().unwrap(),
            expires_at: TimestampMs(*expires_at),
        },
        Do::Post { hold, amount } => {
            MoneyAction::Post { hold: hold_id(hold), amount: Amount::new(*amount).unwrap() }
        }
        Do::Void { hold } => MoneyAction::Void { hold: hold_id(hold) },
        Do::Approve(waiting) => {
            MoneyAction::Approve { waiting: Reference::new(waiting.as_str()).unwrap() }
        }
        Do::Decline(waiting) => {
            MoneyAction::Decline { waiting: Reference::new(waiting.as_str()).unwrap() }
        }
    };
    MoneyCommand {
        account: Purpose::new(order.purpose.as_str()).unwrap(),
        reference: Reference::new(order.reference.as_str()).unwrap(),
        action,
    }
}

/// Random blocks: how long after the one before, what then happens to the table, and transactions
/// of one to three orders each.
type Blocks = Vec<(u8, u8, Vec<Vec<[u8; 8]>>)>;

fn blocks() -> impl Strategy<Value = Blocks> {
    let order = proptest::array::uniform8(any::<u8>());
    let transaction = proptest::collection::vec(order, 1..3);
    let transactions = proptest::collection::vec(transaction, 0..6);
    proptest::collection::vec((any::<u8>(), any::<u8>(), transactions), 1..5)
}

fn world() -> World {
    // Its keys are dear to make.
    static GENESIS: OnceLock<Genesis> = OnceLock::new();
    let parameters = || Parameters { state_buckets_log2: 2, ..Parameters::default() };
    World::of(GENESIS.get_or_init(|| bank::genesis(parameters())).clone())
}

/// What every stream begins with: there is money, an account or two, a hold, and a payment that
/// waits for a second agent.
fn beginning() -> Vec<Sent> {
    let order = |member: &str, purpose: &str, reference: &str, what: Do| Order {
        member: member.to_owned(),
        purpose: purpose.to_owned(),
        reference: reference.to_owned(),
        what,
    };
    let issue = |asset: &str, to: &str| Do::Issue {
        asset: asset.to_owned(),
        amount: 100,
        to: to.to_owned(),
        kind: "cash",
    };
    let issued = vec![
        order("bank", "issuance", "i1", issue("EUR@bank", "buyer/main")),
        order("bank", "issuance", "i2", issue("JPY@bank", "seller/main")),
        order("bank", "issuance", "i3", issue("EUR@bank", "bank/main")),
    ];
    let opened = vec![
        order("buyer", "escrow", "o1", Do::SetRule(None)),
        order("buyer", "main", "o2", Do::SetRule(Some(vec![("EUR@bank".to_owned(), 50)]))),
    ];
    let (asset, to) = ("EUR@bank".to_owned(), "seller/main".to_owned());
    let expires_at = START.0 + STEPS[0] + STEPS[2];
    let held = Do::Hold { asset: asset.clone(), amount: 30, to: to.clone(), expires_at };
    let given = vec![
        order("buyer", "main", "h1", held),
        order("buyer", "main", "w1", Do::Pay { asset, amount: 60, to }),
    ];
    let by = |agent: &str, orders| (agent.to_owned(), orders);
    vec![by("bank.ann", issued), by("buyer.ann", opened), by("buyer.ben", given)]
}

/// A transaction: its agent, and its orders.
type Sent = (String, Vec<Order>);

/// One block of a stream that is run.
struct Ran<'a> {
    world: &'a mut World,
    layer: Arc<Layer>,
    time: u64,
    transactions: Vec<Sent>,
}

/// Runs a stream, and shows each block after it was committed.
fn run(
    blocks: &Blocks,
    also: &mut dyn FnMut(&Sent) -> Vec<Sent>,
    see: &mut dyn FnMut(Ran<'_>) -> Result<(), TestCaseError>,
) -> Result<World, TestCaseError> {
    let mut world = world();
    let mut earlier = beginning();
    let mut time = START.0;
    let first = (0, 0, Vec::new());
    for (place, (step, then, transactions)) in std::iter::once(&first).chain(blocks).enumerate() {
        time += pick(&STEPS[..5], *step);
        let mut given = if place == 0 { beginning() } else { Vec::new() };
        for raw in transactions {
            let (mut sender, mut orders) = (String::new(), Vec::new());
            for raw in raw {
                let (agent, order) = order(*raw, time, &earlier);
                earlier.push((agent.clone(), vec![order.clone()]));
                // A transaction has one sender.
                if orders.is_empty() || sender == agent {
                    (sender, orders) = (agent, [orders, vec![order]].concat());
                }
            }
            given.push((sender, orders));
        }
        let mut sent: Vec<Sent> = Vec::new();
        for one in given {
            let more = also(&one);
            sent.push(one);
            sent.extend(more);
        }
        let admitted: Vec<_> = sent
            .iter()
            .map(|(agent, orders)| {
                let commands = orders.iter().map(command).collect();
                world.unsigned(&agent_id(agent), commands, TimestampMs(time))
            })
            .collect();
        let layer = world.block(TimestampMs(time), &admitted);
        match then % 4 {
            0 => world.flush(),
            1 => world.reopen(),
            _ => {}
        }
        see(Ran { world: &mut world, layer, time, transactions: sent })?;
    }
    Ok(world)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// Promise P51: no money is made or lost. After every block the balances of each asset sum to
    /// zero, none but those that stand against what was issued are below zero, and nothing is set
    /// aside that is not there. In the end each balance is what the statement's lines add up to.
    #[test]
    fn balances_are_in_balance_after_every_block(blocks in blocks()) {
        let world = run(&blocks, &mut |_| Vec::new(), &mut |ran| {
            let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
            for balance in ran.world.balances() {
                let issues = balance.account.to_string().ends_with("/issuance");
                prop_assert!(issues || balance.posted >= 0, "{:?}", balance);
                prop_assert!(
                    issues || u64::try_from(balance.posted).unwrap() >= balance.held.minor_units(),
                    "{:?}", balance
                );
                *sums.entry(balance.asset).or_default() += i128::from(balance.posted);
            }
            prop_assert!(sums.values().all(|sum| *sum == 0), "{:?}", sums);
            Ok(())
        })?;
        for balance in world.balances() {
            let (first, end) = statement_range(&balance.account, None);
            let (mut sum, mut postings, mut last) = (0_i64, 0, 0);
            for line in world.range(&first, &end).values() {
                let line: StatementLine = codec::unpack(line).unwrap();
                for posting in &line.entry.postings {
                    if (&posting.account, &posting.asset) == (&balance.account, &balance.asset) {
                        sum += posting.amount;
                        postings += 1;
                    }
                }
                let after = line.after.iter().rev().find(|(asset, _)| *asset == balance.asset);
                last = after.map_or(last, |(_, after)| *after);
            }
            let posted = balance.posted;
            prop_assert_eq!((sum, last, postings), (posted, posted, balance.postings));
        }
    }

    /// Promise P50: a retry never pays twice. When whatever took effect is sent once more, by
    /// another agent of the member, nothing happens again and the balances are the same.
    #[test]
    fn retries_change_nothing(blocks in blocks()) {
        let mut recorded = Vec::new();
        let once = run(&blocks, &mut |_| Vec::new(), &mut |ran| {
            let receipts = ran.layer.receipts.iter();
            recorded.extend(receipts.map(|one| matches!(one.verdict, Verdict::Recorded { .. })));
            Ok(())
        })?;
        let mut flags = recorded.clone().into_iter();
        let mut recorded = recorded.into_iter();
        let mut again = |(agent, orders): &Sent| {
            let (member, _) = agent.split_once('.').unwrap();
            let known = MEMBERS.iter().find(|known| known.0 == member).unwrap();
            let other = format!("{member}.{}", known.2.last().unwrap());
            recorded.next().unwrap().then(|| (other, orders.clone())).into_iter().collect()
        };
        let twice = run(&blocks, &mut again, &mut |ran| {
            let mut receipts = ran.layer.receipts.iter().zip(&ran.transactions);
            while let Some((first, _)) = receipts.next() {
                let was_recorded = matches!(first.verdict, Verdict::Recorded { .. });
                prop_assert_eq!(flags.next(), Some(was_recorded));
                if was_recorded {
                    let (retry, (_, orders)) = receipts.next().unwrap();
                    prop_assert!(retry.effects.is_empty());
                    prop_assert_eq!(retry.repeats.len(), orders.len());
                }
            }
            Ok(())
        })?;
        let posted = |world: &World| -> Vec<_> {
            let balances = world.balances().into_iter();
            balances.map(|b| (b.account, b.asset, b.posted, b.held, b.postings)).collect()
        };
        prop_assert_eq!(posted(&once), posted(&twice));
    }

    /// Promise P53: the ledger does what the rules say. A model of maps and numbers that shares no
    /// code with it agrees on every verdict, every repeat and every balance.
    #[test]
    fn a_plain_model_agrees(blocks in blocks()) {
        let mut model = Model::default();
        let mut ids = Vec::new();
        run(&blocks, &mut |_| Vec::new(), &mut |ran| {
            model.begin(ran.time);
            for ((agent, orders), receipt) in ran.transactions.iter().zip(&ran.layer.receipts) {
                let expected = model.transaction(agent, orders, ids.len());
                ids.push(receipt.transaction_id);
                let shown = || format!("{agent} {orders:?}: {receipt:?}, the model {expected:?}");
                match (&receipt.verdict, &expected) {
                    (Verdict::Recorded { .. }, Ok(repeats)) => {
                        let firsts: Vec<_> = repeats.iter().map(|first| ids[*first]).collect();
                        let found: Vec<_> = receipt.repeats.iter().map(|one| one.first).collect();
                        prop_assert_eq!(firsts, found, "{}", shown());
                    }
                    (Verdict::Rejected(rejection), Err(broken)) => {
                        prop_assert!(broken.contains(&rejection.code), "{}", shown());
                        prop_assert!(receipt.effects.is_empty(), "{}", shown());
                    }
                    _ => prop_assert!(false, "{}", shown()),
                }
            }
            let mut found = BTreeMap::new();
            for balance in ran.world.balances() {
                let (account, asset) = (balance.account.to_string(), balance.asset.to_string());
                prop_assert_eq!(balance.held.minor_units(), model.held(&account, &asset));
                found.insert((account, asset), i128::from(balance.posted));
            }
            prop_assert_eq!(&found, &model.posted);
            let issuers: BTreeSet<_> = found.keys().map(|(account, _)| account).collect();
            prop_assert!(issuers.iter().all(|account| account.parse::<AccountId>().is_ok()));
            Ok(())
        })?;
    }
}
