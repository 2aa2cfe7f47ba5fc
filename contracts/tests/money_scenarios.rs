//! Tables of what was asked for and what the ledger then says, in words that a bookkeeper reads.
//!
//! `money/*.txt` are run against the real ledger, each line a signed transaction.
//! `money/README.md` lists the sentences.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at once")]

mod bank;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bank::{START, World};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::money::{
    AccountId, Amount, AmountError, ApprovalRule, Asset, AssetTerms, HoldId, Money, MoneyAction,
    MoneyCommand, Purpose, Reference, ThresholdFor,
};
use tracehold_chain::state::StateKey;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::money::{AssetRecord, HoldRecord, HoldStatus, ReferenceStatus};
use tracehold_contracts::receipt::Receipt;
use tracehold_contracts::{Admitted, Verdict};

const SECOND: u64 = 1_000;
const DAY: u64 = 24 * 3_600 * SECOND;

/// A scenario while it runs.
struct Scenario {
    world: World,
    /// When the next block is made, unless its line says.
    time: TimestampMs,
    /// Transactions for one block, until its last line; none when every line has its own.
    block: Option<Vec<Arc<Admitted>>>,
    /// What was asked for, by account and reference.
    commands: BTreeMap<(AccountId, String), MoneyCommand>,
    /// References in the order of the transactions of a block.
    references: Vec<String>,
    /// What became of the last transaction under each reference, and of the last of all.
    receipts: BTreeMap<String, Receipt>,
    last: Option<Receipt>,
}

/// `buyer/escrow`, or `buyer` for its main account.
fn account(text: &str) -> AccountId {
    let text = if text.contains(['/', ':']) { text.to_owned() } else { format!("{text}/main") };
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn money(amount: &str, asset: &str) -> Money {
    Money::parse(asset.parse().unwrap(), amount).unwrap_or_else(|error| panic!("{error}"))
}

fn reference(text: &str) -> Reference {
    Reference::new(text).unwrap()
}

/// `10:00`, `10:00:30` or `day 8 10:00` at the beginning of `words`, and what follows.
fn time<'a, 'w>(words: &'w [&'a str]) -> Option<(TimestampMs, &'w [&'a str])> {
    let (day, rest) = match words {
        ["day", day, rest @ ..] => (day.parse().unwrap(), rest),
        _ => (1, words),
    };
    let (clock, rest) = rest.split_first()?;
    let parts: Option<Vec<u64>> = clock.split(':').map(|part| part.parse().ok()).collect();
    let (hours, minutes, seconds) = match parts?.as_slice() {
        [hours, minutes] => (*hours, *minutes, 0),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let of_day = ((hours * 60 + minutes) * 60 + seconds) * SECOND;
    Some((START.plus_ms((day - 1) * DAY + of_day), rest))
}

fn terms(kind: &str) -> AssetTerms {
    match kind {
        "cash" => AssetTerms::Cash,
        "note" => AssetTerms::Note { due: START.plus_ms(90 * DAY) },
        "title" => AssetTerms::Title { document: None },
        other => panic!("{other:?} is no kind"),
    }
}

/// What an agent asks for, in the words after its name.
fn action(words: &[&str]) -> MoneyAction {
    match words {
        ["issues", amount, asset, "to", to, said @ ..] => {
            let money = money(amount, asset);
            let kind = match (said, &money.asset) {
                (["said", "to", "be", kind], _) => kind,
                (_, Asset::Cash { .. }) => "cash",
                (_, Asset::Note { .. }) => "note",
                (_, Asset::Title { .. }) => "title",
            };
            let terms = terms(kind);
            MoneyAction::Issue { money, to: account(to), terms }
        }
        ["redeems", amount, asset, "from", from] => {
            MoneyAction::Redeem { money: money(amount, asset), from: Purpose::new(*from).unwrap() }
        }
        ["pays", amount, asset, "to", to, memo @ ..] => {
            let memo = match memo {
                [] => None,
                ["for", words @ ..] => Some(words.join(" ")),
                other => panic!("{other:?}"),
            };
            MoneyAction::Transfer { money: money(amount, asset), to: account(to), memo }
        }
        ["holds", amount, asset, "for", to, "until", until @ ..] => MoneyAction::Hold {
            money: money(amount, asset),
            to: account(to),
            expires_at: time(until).unwrap().0,
        },
        ["takes", amount, asset, "held", "under", hold, "of", payer] => MoneyAction::Post {
            hold: HoldId { account: account(payer), reference: reference(hold) },
            amount: money(amount, asset).amount,
        },
        ["gives", "back", "what", "is", "held", "under", hold, "of", payer] => MoneyAction::Void {
            hold: HoldId { account: account(payer), reference: reference(hold) },
        },
        ["opens", "it"] | ["lets", "one", "agent", "sign"] => {
            MoneyAction::SetRule(ApprovalRule::OneAgent)
        }
        ["lets", "two", "agents", "sign"] => {
            MoneyAction::SetRule(ApprovalRule::TwoAgents { above: Vec::new() })
        }
        ["lets", "two", "agents", "sign", "above", limits @ ..] => {
            let above = limits.chunks(2).map(|pair| ThresholdFor(money(pair[0], pair[1])));
            MoneyAction::SetRule(ApprovalRule::TwoAgents { above: above.collect() })
        }
        ["approves", waiting] => MoneyAction::Approve { waiting: reference(waiting) },
        ["declines", waiting] => MoneyAction::Decline { waiting: reference(waiting) },
        other => panic!("no such sentence: {other:?}"),
    }
}

impl Scenario {
    fn new() -> Scenario {
        let parameters = Parameters { state_buckets_log2: 4, ..Parameters::default() };
        Scenario {
            world: World::new(parameters),
            time: START.plus_ms(9 * 3_600 * SECOND),
            block: None,
            commands: BTreeMap::new(),
            references: Vec::new(),
            receipts: BTreeMap::new(),
            last: None,
        }
    }

    /// Does what a line says; the answer is what is otherwise than it expects.
    fn line(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let words = match time(&words) {
            Some((at, rest)) => {
                self.time = at;
                rest
            }
            None => &words,
        };
        match words {
            ["expect", expected @ ..] => return self.expect(expected),
            ["nothing", "happens"] => self.decide(Vec::new()),
            ["in", "one", "block"] => self.block = Some(Vec::new()),
            ["end"] => {
                let transactions = self.block.take().unwrap();
                self.decide(transactions);
            }
            [agent, words @ ..] => self.send(agent, words),
            [] => {}
        }
        Ok(())
    }

    fn send(&mut self, agent: &str, words: &[&str]) {
        let (member, _) = agent.split_once('.').unwrap();
        let (purpose, words) = match words {
            ["on", purpose, words @ ..] => (*purpose, words),
            ["issues" | "redeems", ..] => ("issuance", words),
            _ => ("main", words),
        };
        let on = account(&format!("{member}/{purpose}"));
        let (name, command) = match words {
            ["sends", name, "again"] => (*name, self.commands[&(on, (*name).to_owned())].clone()),
            [words @ .., "as", name] => {
                let account = Purpose::new(purpose).unwrap();
                let command =
                    MoneyCommand { account, reference: reference(name), action: action(words) };
                let first = self.commands.entry((on, (*name).to_owned()));
                first.or_insert_with(|| command.clone());
                (*name, command)
            }
            other => panic!("{other:?} has no reference"),
        };
        self.references.push(name.to_owned());
        let admitted = self.world.signed(agent, vec![command], self.time);
        match &mut self.block {
            Some(block) => block.push(admitted),
            None => self.decide(vec![admitted]),
        }
    }

    fn decide(&mut self, transactions: Vec<Arc<Admitted>>) {
        let layer = self.world.block(self.time, &transactions);
        self.world.flush();
        self.time = self.time.plus_ms(SECOND);
        for (name, receipt) in self.references.drain(..).zip(&layer.receipts) {
            self.receipts.insert(name, receipt.clone());
            self.last = Some(receipt.clone());
        }
        let mut sums: BTreeMap<Asset, i64> = BTreeMap::new();
        for balance in self.world.balances() {
            *sums.entry(balance.asset).or_default() += balance.posted;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    }

    fn expect(&self, words: &[&str]) -> Result<(), String> {
        let last = self.last.as_ref();
        let found = match words {
            ["refused" | "recorded" | "repeated", ..] => fate(last.unwrap(), words.len() > 2),
            [name, "refused" | "recorded" | "repeated", ..] => {
                format!("{name} {}", fate(&self.receipts[*name], words.len() > 3))
            }
            ["moved", ..] => moved(last.unwrap()),
            ["no", "amount", amount, asset, "because", ..] => {
                let why = match asset.parse::<Asset>() {
                    Err(_) => "no asset",
                    Ok(asset) => match Money::parse(asset, amount) {
                        Ok(_) => "it is one",
                        Err(AmountError::Form(_)) => "no digits",
                        Err(AmountError::Negative) => "below zero",
                        Err(AmountError::TooFine { .. }) => "too many decimals",
                        Err(AmountError::TooLarge) => "too large",
                    },
                };
                format!("no amount {amount} {asset} because {why}")
            }
            [_, asset, "outstanding"] => {
                let asset: Asset = asset.parse().unwrap();
                let found: Option<AssetRecord> = self.world.get(&StateKey::Asset(asset.clone()));
                let amount = found.map_or(Amount::ZERO, |found| found.outstanding);
                format!("{} outstanding", Money { asset, amount })
            }
            [name, "has", _, asset, ..] => {
                let asset: Asset = asset.parse().unwrap();
                let balance = self.world.balance(&account(name), &asset);
                match balance {
                    None => format!("{name} has no {asset}"),
                    Some(balance) => {
                        let sign = if balance.posted < 0 { "-" } else { "" };
                        let amount = Amount::new(balance.posted.unsigned_abs()).unwrap();
                        let there = Money { asset: asset.clone(), amount };
                        let held = Money { asset, amount: balance.held };
                        let held = if held.amount.is_zero() {
                            String::new()
                        } else {
                            format!(" and {} set aside", held.decimal())
                        };
                        format!("{name} has {sign}{there}{held}")
                    }
                }
            }
            ["hold", name, "of", payer, ..] => {
                let id = HoldId { account: account(payer), reference: reference(name) };
                let hold: HoldRecord = self.world.get(&StateKey::Hold(id)).unwrap();
                let taken = |amount| Money { asset: hold.money.asset.clone(), amount }.decimal();
                let status = match hold.status {
                    HoldStatus::Pending => "is pending".to_owned(),
                    HoldStatus::Posted(amount) => format!("was taken {}", taken(amount)),
                    HoldStatus::Voided => "was given back".to_owned(),
                    HoldStatus::Expired => "expired".to_owned(),
                };
                format!("hold {name} of {payer} {status}")
            }
            [name, "of", on, ..] => {
                let status = match self.world.reference(&account(on), name) {
                    None => "is not on record".to_owned(),
                    Some(record) => match record.status {
                        ReferenceStatus::Waiting { .. } => "waits".to_owned(),
                        ReferenceStatus::Done { approved_by: None, .. } => "is done".to_owned(),
                        ReferenceStatus::Done { approved_by: Some(by), .. } => {
                            format!("is done, approved by {}", by.to_string().replace('/', "."))
                        }
                        ReferenceStatus::Declined { by: None, .. } => "expired".to_owned(),
                        ReferenceStatus::Declined { by: Some(by), .. } => {
                            format!("was declined by {}", by.to_string().replace('/', "."))
                        }
                    },
                };
                format!("{name} of {on} {status}")
            }
            ["due", at @ ..] => {
                let due = self.world.ledger.next_due();
                let expected = time(at).map(|(at, _)| at);
                if due == expected { words.join(" ") } else { format!("due {due:?}") }
            }
            ["nothing", "is", "due"] => {
                let due = self.world.ledger.next_due();
                due.map_or(words.join(" "), |due| format!("due {due}"))
            }
            other => panic!("no such expectation: {other:?}"),
        };
        if found == words.join(" ") { Ok(()) } else { Err(found) }
    }
}

/// What became of a transaction; with the field that a refusal names when asked for.
fn fate(receipt: &Receipt, with_field: bool) -> String {
    match &receipt.verdict {
        Verdict::Rejected(rejection) if with_field => {
            let field = rejection.subject.split_once(':').map_or("nothing", |(field, _)| field);
            format!("refused {} naming {field}", rejection.code.as_str())
        }
        Verdict::Rejected(rejection) => format!("refused {}", rejection.code.as_str()),
        Verdict::Recorded { .. } if receipt.repeats.is_empty() => "recorded".to_owned(),
        Verdict::Recorded { .. } => "repeated".to_owned(),
    }
}

/// What a transaction moved.
fn moved(receipt: &Receipt) -> String {
    let short = |account: &AccountId| account.to_string().trim_end_matches("/main").to_owned();
    let entries = receipt.effects.entries.iter().map(|entry| {
        let [from, to] = entry.postings.as_slice() else { panic!("{entry:?}") };
        let amount = Amount::new(to.amount.unsigned_abs()).unwrap();
        let money = Money { asset: to.asset.clone(), amount };
        format!("moved {money} from {} to {}", short(&from.account), short(&to.account))
    });
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() { "moved nothing".to_owned() } else { entries.join(", ") }
}

/// Runs the scenarios of one file; returns how many there were.
fn run(path: &Path, failures: &mut Vec<String>) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut scenario, mut title, mut count) = (None::<Scenario>, "", 0);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("scenario ") {
            (scenario, title) = (Some(Scenario::new()), name);
            count += 1;
            continue;
        }
        // After a failure the rest of a scenario says nothing.
        let Some(running) = &mut scenario else { continue };
        if let Err(found) = running.line(line) {
            let file = path.file_name().unwrap().to_string_lossy();
            failures.push(format!("{file}:{number}: {title}\n    {line}\n    found: {found}"));
            scenario = None;
        }
    }
    count
}

/// Promises P49 to P53.
#[test]
fn the_tables_tell_what_the_ledger_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/money");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let mut failures = Vec::new();
    let count: usize = files.iter().map(|path| run(path, &mut failures)).sum();
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 40, "{count} scenarios");
}
