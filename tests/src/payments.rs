//! What members do with money in a world: they pay, pay again when they are not sure, try to pay
//! the same money twice, and agree on sales that the goods release or the deadline gives back.
//!
//! Everything is in one list, in the order in which it makes sense. A world tries things around the
//! place of the list that its time has come to, some of them several times at several nodes, and
//! all of it once more in the end: each has its own reference, so that only one attempt counts.

use std::sync::Arc;

use tracehold_chain::agreement::{
    AgreementCommand, Condition, Deposit, Goods, Label, Milestone, Observed, Payout, RoleTerms,
    Share, Sighting, Terms,
};
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::money::{
    AccountId, AgreementId, Amount, Asset, AssetTerms, Money, MoneyAction, MoneyCommand, Purpose,
    Reference,
};
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{ChainId, MemberId, TimestampMs};

use crate::random::Random;
use crate::scenario::Scenario;
use crate::workload::{START, agent_id, agent_key, member_id};

/// The member that issues money.
const BANK: usize = 0;
/// The member that buys.
const BUYER: usize = 1;
/// The member that sells and reports what it delivered.
const SELLER: usize = 2;
/// What each member gets from the bank, in cents.
const OPENING: u64 = 100_000;
/// What a sale costs, in cents.
const PRICE: u64 = 20_000;
/// How far from its place in the list something is tried.
const SPREAD: usize = 4;

/// Something a member wants done.
#[derive(Clone, Debug)]
pub struct Wish {
    member: usize,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Command(Box<Command>),
    /// An observation of this piece, always the same event.
    Delivery(String),
}

/// The list of a world.
#[derive(Clone, Debug)]
pub struct Payments {
    wishes: Vec<Wish>,
}

fn asset() -> Asset {
    Asset::Cash { currency: "EUR".to_owned().try_into().expect("a currency"), issuer: member(BANK) }
}

fn member(index: usize) -> MemberId {
    member_id(index)
}

fn euros(cents: u64) -> Money {
    Money { asset: asset(), amount: Amount::new(cents).expect("not too much") }
}

fn reference(text: &str) -> Reference {
    Reference::new(text).expect("a reference")
}

fn label(text: &str) -> Label {
    Label::new(text).expect("a label")
}

fn main_of(index: usize) -> AccountId {
    AccountId::of(member(index), Purpose::main())
}

fn money(index: usize, account: Purpose, name: &str, action: MoneyAction) -> Wish {
    let command = MoneyCommand { account, reference: reference(name), action };
    Wish { member: index, what: What::Command(Box::new(Command::Money(command))) }
}

fn transfer(from: usize, to: usize, name: &str, cents: u64) -> Wish {
    let action = MoneyAction::Transfer { money: euros(cents), to: main_of(to), memo: None };
    money(from, Purpose::main(), name, action)
}

fn on_agreement(index: usize, command: AgreementCommand) -> Wish {
    Wish { member: index, what: What::Command(Box::new(Command::Agreement(command))) }
}

/// The terms of a sale: the seller gets the price when it reports that the piece arrived, the buyer
/// gets it back at the deadline.
fn sale(piece: &str, until_ms: u64) -> Terms {
    let at = |thousandths: u64| START.plus_ms(until_ms * thousandths / 1_000);
    let role = |name: &str, index| RoleTerms {
        role: label(name),
        member: member(index),
        account: Purpose::main(),
    };
    let rest = |to: &str| Payout::Remainder { to: label(to), asset: asset() };
    let arrived = Observed {
        event: Sighting { by: vec![label("seller")], ..Sighting::default() },
        share: Share::All,
    };
    Terms {
        title: format!("Sale of {piece}"),
        roles: vec![role("buyer", BUYER), role("seller", SELLER)],
        goods: Goods { items: vec![identifier(piece)], ..Goods::default() },
        accept_by: at(800),
        deposits: vec![Deposit {
            id: label("price"),
            role: label("buyer"),
            money: euros(PRICE),
            due: at(900),
        }],
        milestones: vec![Milestone {
            id: label("arrived"),
            after: Vec::new(),
            unless: Vec::new(),
            when: Condition::Observed(arrived),
            by: None,
            window: tracehold_chain::units::DurationMs(0),
            pay: vec![rest("seller")],
            ends: true,
        }],
        deadline: at(1_000),
        at_deadline: vec![rest("buyer")],
        cancel: None,
        dispute: None,
    }
}

fn identifier(piece: &str) -> String {
    format!("https://id.gs1.org/01/09521101530001/21/{piece}")
}

/// Proposing, accepting and paying for a sale, in this order.
fn steps_of_sale(piece: &str, until_ms: u64) -> [Wish; 4] {
    let (terms, name) = (sale(piece, until_ms), reference(&format!("sale-{piece}")));
    let agreement = AgreementId::of(&member(SELLER), &name, &terms);
    let propose = AgreementCommand::Propose { reference: name, terms: Box::new(terms) };
    let accept = |index, role: &str| {
        on_agreement(index, AgreementCommand::Accept { agreement, role: label(role) })
    };
    let fund = MoneyAction::Fund { agreement, deposit: label("price") };
    [
        on_agreement(SELLER, propose),
        accept(SELLER, "seller"),
        accept(BUYER, "buyer"),
        money(BUYER, Purpose::main(), &format!("pay-{piece}"), fund),
    ]
}

impl Payments {
    /// What members want in the world of `scenario`.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Payments {
        let mut wishes = Vec::new();
        for index in BUYER..scenario.validators {
            let action = MoneyAction::Issue {
                money: euros(OPENING),
                to: main_of(index),
                terms: AssetTerms::Cash,
            };
            wishes.push(money(BANK, Purpose::issuance(), &format!("open-{index}"), action));
        }
        // What is delivered is paid; what is not is given back, while the world is still bad:
        // deadlines are work.
        let [early, late] = [scenario.chaos_ms, scenario.chaos_ms + 4_000];
        let [p1, s1, b1, f1] = steps_of_sale("101", late);
        let [p2, s2, b2, f2] = steps_of_sale("102", early);
        let deliver = Wish { member: SELLER, what: What::Delivery("101".into()) };
        // All that the buyer has, twice: one of them at most.
        let twice = [3, 2].map(|to| transfer(BUYER, to, &format!("twice-{to}"), OPENING / 2));
        wishes.extend([p1, p2, s1, b1, s2, b2, f1, f2]);
        wishes.push(transfer(BUYER, SELLER, "one", 1_234));
        wishes.push(transfer(SELLER, 3, "one", 50));
        wishes.push(deliver);
        wishes.extend(twice);
        // Another payment under a reference that was used.
        wishes.push(transfer(BUYER, 3, "one", 4_321));
        wishes.push(transfer(3, BUYER, "back", OPENING + 1_000_000));
        Payments { wishes }
    }

    /// Something that is due to be tried about now: `passed` of `whole` milliseconds are over.
    pub fn draw(&self, random: &mut Random, passed: u64, whole: u64) -> &Wish {
        let length = self.wishes.len() as u64;
        let place = usize::try_from(length * passed.min(whole) / whole.max(1)).unwrap_or(0);
        let back = random.index(SPREAD + 1);
        &self.wishes[place.saturating_sub(back).min(self.wishes.len() - 1)]
    }

    /// Everything, to be tried once more.
    #[must_use]
    pub fn all(&self) -> &[Wish] {
        &self.wishes
    }
}

impl Wish {
    /// A transaction that asks for it, signed at `now`. No two are the same.
    #[must_use]
    pub fn bundle(&self, random: &mut Random, now: TimestampMs) -> Arc<Bundle> {
        let (commands, events) = match &self.what {
            What::Command(command) => (vec![(**command).clone()], Vec::new()),
            What::Delivery(piece) => {
                let event = delivery(piece);
                let captured = CapturedEvent { digest: event.digest(), author: None };
                (vec![Command::Capture(vec![captured])], vec![event])
            }
        };
        let nonce = random.bytes32();
        let body = TransactionBody {
            chain_id: ChainId::new("simulation").expect("a good name"),
            sender: agent_id(self.member),
            nonce: Nonce(nonce[..16].try_into().expect("sixteen bytes")),
            expires_at: now.plus_ms(random.between(2_000, 19_000)),
            commands,
        };
        Arc::new(Bundle { transaction: body.sign(&agent_key(self.member)), events })
    }
}

fn delivery(piece: &str) -> SectionedEvent {
    let item = identifier(piece);
    let text = format!(
        r#"{{"@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "ObjectEvent", "eventID": "urn:uuid:00000000-0000-4000-8000-00000de{piece:0>5}",
        "eventTime": "2026-03-01T10:00:00Z", "eventTimeZoneOffset": "+00:00", "action": "OBSERVE",
        "bizStep": "receiving", "epcList": ["{item}"]}}"#
    );
    let event = Event::parse_bare(text.as_bytes()).expect("a good event");
    SectionedEvent::split(&event, &mut |_| [7; 32])
}
