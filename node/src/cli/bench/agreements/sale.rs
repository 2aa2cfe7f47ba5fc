//! The commands that are measured: opening accounts, paying, and a sale from its proposal to its
//! release.

use std::sync::Arc;

use serde_json::Value;
use tracehold_chain::agreement::{
    AgreementCommand, Condition, Deposit, Goods, Label, Milestone, Observed, Payout, RoleTerms,
    Share, Sighting, Terms,
};
use tracehold_chain::epcis::context::GS1_CONTEXT;
use tracehold_chain::epcis::{Event, SectionedEvent, json};
use tracehold_chain::money::{
    AccountId, AgreementId, Amount, ApprovalRule, Asset, AssetTerms, Money, MoneyAction,
    MoneyCommand, Purpose, Reference,
};
use tracehold_chain::transaction::{
    Bundle, CapturedEvent, Command, Nonce, Transaction, TransactionBody,
};
use tracehold_chain::units::{AgentId, ChainId, DurationMs, MemberId, TimestampMs};
use tracehold_testnet::load::gs1;

/// What is put on every account.
const OPENING_CENTS: u64 = 1_000_000_000;
/// What a sale costs.
const PRICE_CENTS: u64 = 100;
/// How long sales run: longer than any measurement.
const RUNS_MS: u64 = 30 * 24 * 3_600_000;
/// How long a transaction may wait.
const EXPIRY_MS: u64 = 300_000;

/// Names that are there once and for all.
#[derive(Clone, Debug)]
pub struct Names {
    pub chain_id: ChainId,
    pub bank: MemberId,
    /// Every member.
    pub members: Vec<MemberId>,
}

/// What an agent is to sign.
pub struct Wanted {
    /// Which member's, by its place in [`Names`].
    pub member: usize,
    pub commands: Vec<Command>,
    pub events: Vec<SectionedEvent>,
}

impl Wanted {
    fn of(member: usize, command: Command) -> Wanted {
        Wanted { member, commands: vec![command], events: Vec::new() }
    }

    /// The body to be signed, made different from all others by `number`.
    pub fn body(
        &self,
        names: &Names,
        sender: &AgentId,
        number: u64,
        now: TimestampMs,
    ) -> TransactionBody {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        TransactionBody {
            chain_id: names.chain_id.clone(),
            sender: sender.clone(),
            nonce: Nonce(nonce),
            expires_at: now.plus_ms(EXPIRY_MS),
            commands: self.commands.clone(),
        }
    }

    /// The signed transaction with what travels beside it.
    pub fn bundle(self, transaction: Transaction) -> Bundle {
        Bundle { transaction, events: self.events }
    }
}

impl Names {
    fn asset(&self) -> Asset {
        let currency = "EUR".to_owned().try_into().expect("a currency");
        Asset::Cash { currency, issuer: self.bank.clone() }
    }

    fn euros(&self, cents: u64) -> Money {
        Money { asset: self.asset(), amount: Amount::new(cents).expect("not too much") }
    }

    fn bank_at(&self) -> usize {
        self.members.iter().position(|member| *member == self.bank).unwrap_or(0)
    }

    fn account(&self, member: usize, number: u64) -> AccountId {
        AccountId::of(self.members[member].clone(), purpose(number))
    }

    /// Opens accounts `numbers` of a member.
    pub fn open(&self, member: usize, numbers: std::ops::Range<u64>) -> Wanted {
        let open = |number: u64| {
            let action = MoneyAction::SetRule(ApprovalRule::OneAgent);
            command(purpose(number), "open".to_owned(), action)
        };
        Wanted { member, commands: numbers.map(open).collect(), events: Vec::new() }
    }

    /// The bank puts money on them.
    pub fn issue(&self, member: usize, numbers: std::ops::Range<u64>) -> Wanted {
        let issue = |number: u64| {
            let action = MoneyAction::Issue {
                money: self.euros(OPENING_CENTS),
                to: self.account(member, number),
                terms: AssetTerms::Cash,
            };
            command(Purpose::issuance(), format!("issue-{member}-{number}"), action)
        };
        Wanted {
            member: self.bank_at(),
            commands: numbers.map(issue).collect(),
            events: Vec::new(),
        }
    }

    /// Transfer number `n`: one cent from one of `accounts` accounts of a member to one of another.
    pub fn transfer(&self, n: u64, accounts: u64) -> Wanted {
        let count = self.members.len() as u64;
        let place = |n: u64| usize::try_from(n % count).expect("few members");
        let (from, to) = (place(n), place(n + 1 + n / count % count.saturating_sub(1).max(1)));
        let round = n / count;
        let paying = round % accounts;
        let paid = round.wrapping_mul(7).wrapping_add(3) % accounts;
        let action =
            MoneyAction::Transfer { money: self.euros(1), to: self.account(to, paid), memo: None };
        Wanted::of(from, command(purpose(paying), format!("t{n}"), action))
    }

    /// The five steps of sale number `n`, begun at `now`: the first member's bank money pays.
    pub fn sale(&self, n: u64, now: TimestampMs, accounts: u64) -> [Wanted; 5] {
        let last = self.members.len() - 1;
        let (buyer, seller) = (last.saturating_sub(1), last);
        let item = item(n);
        let terms = self.terms(buyer, seller, item.clone(), now);
        let reference = reference(format!("sale{n}"));
        let agreement = AgreementId::of(&self.members[seller], &reference, &terms);
        let propose = AgreementCommand::Propose { reference, terms: Box::new(terms) };
        let accept = |member, role| {
            let command = AgreementCommand::Accept { agreement, role: label(role) };
            Wanted::of(member, Command::Agreement(command))
        };
        let fund = MoneyAction::Fund { agreement, deposit: label("price") };
        let fund = command(purpose(n % accounts), format!("fund{n}"), fund);
        [
            Wanted::of(seller, Command::Agreement(propose)),
            accept(seller, "seller"),
            accept(buyer, "buyer"),
            Wanted::of(buyer, fund),
            capture(buyer, &delivery(&item, n, now)),
        ]
    }

    fn terms(&self, buyer: usize, seller: usize, item: String, now: TimestampMs) -> Terms {
        let role = |name, member: usize| RoleTerms {
            role: label(name),
            member: self.members[member].clone(),
            account: Purpose::main(),
        };
        let rest = |to| Payout::Remainder { to: label(to), asset: self.asset() };
        let received = Sighting {
            biz_step: Some("receiving".to_owned()),
            by: vec![label("buyer")],
            ..Sighting::default()
        };
        let observed = Observed { event: received, share: Share::All };
        Terms {
            title: "Sale".to_owned(),
            roles: vec![role("buyer", buyer), role("seller", seller)],
            goods: Goods { items: vec![item], ..Goods::default() },
            accept_by: now.plus_ms(RUNS_MS / 4),
            deposits: vec![Deposit {
                id: label("price"),
                role: label("buyer"),
                money: self.euros(PRICE_CENTS),
                due: now.plus_ms(RUNS_MS / 2),
            }],
            milestones: vec![Milestone {
                id: label("delivered"),
                after: Vec::new(),
                unless: Vec::new(),
                when: Condition::Observed(observed),
                by: None,
                window: DurationMs(0),
                pay: vec![rest("seller")],
                ends: true,
            }],
            deadline: now.plus_ms(RUNS_MS),
            at_deadline: vec![rest("buyer")],
            cancel: None,
            dispute: None,
        }
    }
}

/// An event about goods that no sale is about.
pub fn other_event(text: &str, member: usize) -> Wanted {
    capture(member, text)
}

fn capture(member: usize, text: &str) -> Wanted {
    let value = json::parse_strict(text.as_bytes()).expect("events of a load are JSON");
    let context = Arc::new(Value::from(GS1_CONTEXT));
    let event = Event::from_value(value, Some(context)).expect("events of a load are good");
    let event = SectionedEvent::split(&event, &mut |_| [7; 32]);
    let captured = CapturedEvent { digest: event.digest(), author: None };
    Wanted { member, commands: vec![Command::Capture(vec![captured])], events: vec![event] }
}

/// The piece that sale number `n` is about.
fn item(n: u64) -> String {
    gs1::sgtin(900, 1_000_000 + n)
}

fn delivery(item: &str, n: u64, now: TimestampMs) -> String {
    format!(
        r#"{{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld","type":"ObjectEvent","eventID":"urn:uuid:{:08x}-0000-4000-8000-{n:012x}","eventTime":"{now}","eventTimeZoneOffset":"+00:00","epcList":["{item}"],"action":"OBSERVE","bizStep":"receiving","disposition":"in_progress"}}"#,
        now.0 >> 8 & 0xffff_ffff
    )
}

fn command(account: Purpose, name: String, action: MoneyAction) -> Command {
    Command::Money(MoneyCommand { account, reference: reference(name), action })
}

fn purpose(number: u64) -> Purpose {
    Purpose::new(format!("a{number}")).expect("a short name")
}

fn reference(name: String) -> Reference {
    Reference::new(name).expect("a short name")
}

fn label(name: &str) -> Label {
    Label::new(name).expect("a short name")
}
