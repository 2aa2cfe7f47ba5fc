//! The encodings are frozen: what is signed, hashed, stored and sent has these bytes.
//!
//! `golden/encodings.txt` has a line for each: a name and bytes as hex. `GOLDEN=write` writes the
//! file anew, after a change that is meant.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use tracehold_chain::agreement::Label;
use tracehold_chain::block::{BLOCK_VERSION, Block, BlockHeader, BlockId};
use tracehold_chain::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_digest};
use tracehold_chain::codec;
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, Node, NodeRole, Parameters};
use tracehold_chain::keys::{SecretKey, Signer};
use tracehold_chain::masterdata::{
    Attributes, Link, Links, MasterData, MasterKind, MasterRecord, Product, SensorLimit, Texts,
    decimal,
};
use tracehold_chain::merkle::Frontier;
use tracehold_chain::money::{
    AccountId, AgreementId, Amount, ApprovalRule, Asset, AssetTerms, EntryId, HoldId, JournalEntry,
    MAX_AMOUNT, Money, MoneyAction, MoneyCause, MoneyCommand, Posting, Purpose, Reference,
    ThresholdFor,
};
use tracehold_chain::recall::{
    Act, OpenRecalls, RecallCommand, RecallCount, RecallId, RecallNotice, RecallRecord, Withdrawal,
};
use tracehold_chain::state::item_log::inputs_digest;
use tracehold_chain::state::key::{
    Index, holder_key, item_key, member_account_key, picture_key, replay_key, statement_key,
    transaction_key, waiting_key,
};
use tracehold_chain::state::{Due, ItemLeaf, ItemRole, Leads, Position, StateKey, StateTree};
use tracehold_chain::transaction::{
    AuthorSignature, Bundle, CapturedEvent, Command, Nonce, TransactionBody, authored_event_digest,
};
use tracehold_chain::units::{AgentId, ChainId, Height, MemberId, NodeName, TimestampMs};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn genesis() -> Genesis {
    let id = MemberId::new("acme").unwrap();
    Genesis {
        chain_id: ChainId::new("golden").unwrap(),
        created_at: TimestampMs(1_767_225_600_000),
        parameters: Parameters::default(),
        members: vec![Member {
            agents: vec![Agent {
                id: AgentId::new(id.clone(), "erp").unwrap(),
                public_key: key(1).public_key(),
            }],
            id,
            name: "Acme 可信".to_owned(),
            gs1_company_prefixes: vec!["9521101".to_owned()],
            glns: vec!["9521101530001".to_owned()],
            roles: Vec::new(),
            nodes: vec![
                Node {
                    name: NodeName::new("acme-1").unwrap(),
                    public_key: key(2).public_key(),
                    role: NodeRole::Validator { power: 3 },
                },
                Node {
                    name: NodeName::new("acme-2").unwrap(),
                    public_key: key(3).public_key(),
                    role: NodeRole::Follower,
                },
            ],
        }],
    }
}

fn sectioned() -> SectionedEvent {
    let text = r#"{
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"example": "https://example.com/"}],
        "type": "ObjectEvent", "eventID": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "eventTime": "2026-03-01T10:00:00.000+01:00", "eventTimeZoneOffset": "+01:00",
        "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
        "epcList": ["urn:epc:id:sgtin:9521101.053000.a1"],
        "quantityList": [{"epcClass": "urn:epc:class:lgtin:9521101.053000.L1", "quantity": 12.5,
            "uom": "KGM"}],
        "readPoint": {"id": "urn:epc:id:sgln:9521101.53000.0"},
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:example:po:7"}],
        "example:colour": "green"}"#;
    let event = Event::parse_bare(text.as_bytes()).expect("a good event");
    SectionedEvent::split(&event, &mut |name| {
        *Digest::of(Domain::SectionSalt, name.as_str().as_bytes()).as_bytes()
    })
}

fn bundle() -> Bundle {
    let sectioned = sectioned();
    let digest = sectioned.digest();
    let chain_id = ChainId::new("golden").unwrap();
    let sender = AgentId::new(MemberId::new("acme").unwrap(), "erp").unwrap();
    let signature = key(1).sign(&authored_event_digest(&chain_id, &digest));
    let author = Some(AuthorSignature { agent: sender.clone(), signature });
    let body = TransactionBody {
        chain_id,
        sender,
        nonce: Nonce([7; 16]),
        expires_at: TimestampMs(1_772_357_700_000),
        commands: vec![Command::Capture(vec![CapturedEvent { digest, author }])],
    };
    Bundle { transaction: body.sign(&key(1)), events: vec![sectioned] }
}

fn block() -> Block {
    let bundles = vec![Arc::new(bundle())];
    let validators = genesis().validators().unwrap().digest();
    let header = BlockHeader {
        version: BLOCK_VERSION,
        chain_id: ChainId::new("golden").unwrap(),
        height: Height(1),
        previous_block_id: genesis().id(),
        block_time: TimestampMs(1_772_357_400_250),
        proposer: key(2).public_key(),
        validators,
        next_validators: validators,
        transactions_root: Block::transactions_root(&bundles),
        receipts_root: Digest::of(Domain::Receipt, b"receipts"),
        state_root: Digest::of(Domain::StateNode, b"state"),
    };
    Block { header, bundles }
}

fn certificate(block_id: BlockId) -> CommitCertificate {
    let chain_id = ChainId::new("golden").unwrap();
    let digest = vote_digest(&chain_id, VoteKind::Precommit, Height(1), 0, Some(block_id));
    let signature = key(2).sign(&digest);
    let signatures = vec![CommitSignature { validator: key(2).public_key(), signature }];
    CommitCertificate { height: Height(1), round: 0, block_id, signatures }
}

fn item_leaf(height: u64, event: Digest, leads: Leads) -> ItemLeaf {
    ItemLeaf {
        position: Position { height: Height(height), transaction: 3, event: 7 },
        event,
        role: ItemRole::Child,
        happened: TimestampMs(1_772_357_400_250),
        recorded_at: TimestampMs(1_772_357_401_000),
        recorder: MemberId::new("acme").unwrap(),
        counts: true,
        leads,
    }
}

/// One leaf for each way that an event can lead.
fn item_leaves(name: Digest) -> Vec<ItemLeaf> {
    let inputs = inputs_digest(&["urn:a", "urn:b"]);
    let all = [
        Leads::Nowhere,
        Leads::Into { parent: name, moves: true },
        Leads::OutOf { parent: name, whole: false },
        Leads::Emptied,
        Leads::Packing,
        Leads::Ended,
        Leads::Made { inputs, joined: true },
        Leads::Voids(Position { height: Height(2), transaction: 1, event: 0 }),
    ];
    all.into_iter().map(|leads| item_leaf(5, name, leads)).collect()
}

fn item_log() -> Frontier {
    let mut log = Frontier::default();
    for height in 1..=3 {
        let event = Digest::of(Domain::EventSection, &[height]);
        log.append(&item_leaf(height.into(), event, Leads::Nowhere).digest());
    }
    log
}

fn master_record() -> MasterRecord {
    let product = Product {
        id: "https://id.gs1.org/01/09521101530001".to_owned(),
        names: Texts::from([("en".to_owned(), "Milk".to_owned())]),
        brand: Some("Acme".to_owned()),
        picture: Some(Digest::of_file(b"picture")),
        limits: vec![SensorLimit {
            measurement: "Temperature".to_owned(),
            min: None,
            max: decimal("8.5"),
            uom: "CEL".to_owned(),
        }],
        attributes: Attributes::from([("ext:fat".to_owned(), vec!["3.5".to_owned()])]),
        ..Product::default()
    };
    let set_by = AgentId::new(MemberId::new("acme").unwrap(), "erp").unwrap();
    MasterRecord {
        data: MasterData::Product(product),
        version: 2,
        height: Height(7),
        set_at: TimestampMs(1_772_357_400_250),
        set_by,
    }
}

fn links() -> MasterData {
    let link = Link {
        link_type: "gs1:pip".to_owned(),
        href: "https://acme.example/milk".to_owned(),
        title: "Milk".to_owned(),
        hreflang: vec!["en".to_owned()],
        media_type: Some("text/html".to_owned()),
        is_default: true,
    };
    let id = "https://id.gs1.org/01/09521101530001/21/a1".to_owned();
    MasterData::Links(Links { id, links: vec![link] })
}

fn state_root() -> Digest {
    let mut tree = StateTree::new(4);
    let key = StateKey::Item("https://id.gs1.org/01/09521101530001/21/a1".to_owned()).encode();
    let value = codec::encode(&item_log());
    tree.merge(tree.change([(key.as_slice(), Some(value.as_slice()))].into_iter()));
    tree.root()
}

/// One command of each kind, in a transaction each.
fn money_commands() -> Vec<MoneyCommand> {
    let money = || Money { asset: "EUR@bank".parse().unwrap(), amount: Amount::new(7).unwrap() };
    let to: AccountId = "buyer/main".parse().unwrap();
    let reference = |text: &str| Reference::new(text).unwrap();
    let hold = || HoldId { account: to.clone(), reference: reference("h1") };
    let above = vec![ThresholdFor(money())];
    let terms = AssetTerms::Note { due: TimestampMs(1_772_357_400_000) };
    let note = "note:CNY@acme/INV-17".parse().unwrap();
    let face = Money { asset: note, amount: Amount::new(MAX_AMOUNT).unwrap() };
    let agreement = AgreementId(Digest([7; 32]));
    let actions = [
        MoneyAction::SetRule(ApprovalRule::TwoAgents { above }),
        MoneyAction::Issue { money: face, to: to.clone(), terms },
        MoneyAction::Redeem { money: money(), from: Purpose::main() },
        MoneyAction::Transfer {
            money: money(), to: to.clone(), memo: Some("发票 17".to_owned())
        },
        MoneyAction::Hold { money: money(), to: to.clone(), expires_at: TimestampMs(9) },
        MoneyAction::Post { hold: hold(), amount: Amount::new(5).unwrap() },
        MoneyAction::Void { hold: hold() },
        MoneyAction::Fund { agreement, deposit: Label::new("price").unwrap() },
        MoneyAction::Approve { waiting: reference("p1") },
        MoneyAction::Decline { waiting: reference("p1") },
    ];
    let command = |action| MoneyCommand {
        account: Purpose::new("escrow-cn").unwrap(),
        reference: reference("A.b:c_1"),
        action,
    };
    actions.into_iter().map(command).collect()
}

fn journal_entry() -> JournalEntry {
    let posting = |account: &str, amount| Posting {
        account: account.parse().unwrap(),
        asset: "title:carrier/BL-4711".parse().unwrap(),
        amount,
    };
    let cause = MoneyCause::Command {
        account: "buyer/main".parse().unwrap(),
        reference: Reference::new("p1").unwrap(),
        memo: Some("x".to_owned()),
    };
    JournalEntry { cause, postings: vec![posting("buyer/main", -1), posting("seller/main", 1)] }
}

/// A recall, its record, and their keys.
fn recalls() -> Vec<(&'static str, Vec<u8>)> {
    let texts = |text: &str| Texts::from([("en".to_owned(), text.to_owned())]);
    let lot = "https://id.gs1.org/01/09521101530001/10/L1".to_owned();
    let notice = RecallNotice {
        items: vec![lot.clone()],
        reason: texts("Glass was found."),
        what_to_do: texts("Bring it back."),
        contact: "+49 30 1234567".to_owned(),
        web: Some("https://acme.example/recall".to_owned()),
    };
    let reference = Reference::new("R-1").unwrap();
    let member = MemberId::new("acme").unwrap();
    let id = RecallId { member: member.clone(), reference: reference.clone() };
    let by = AgentId::new(member, "erp").unwrap();
    let act = |height| Act { by: by.clone(), height: Height(height), at: TimestampMs(height) };
    let reason = texts("It was a mistake.");
    let record = RecallRecord {
        id: id.clone(),
        number: 1,
        notice: notice.clone(),
        declared: act(7),
        withdrawn: Some(Withdrawal { reason: reason.clone(), act: act(8) }),
    };
    let declare = RecallCommand::Declare { reference: reference.clone(), notice };
    let withdraw = RecallCommand::Withdraw { reference, reason };
    let open = OpenRecalls { uri: lot.clone(), open: vec![id.clone()] };
    vec![
        ("declaring a recall", codec::encode(&Command::Recall(declare))),
        ("withdrawing a recall", codec::encode(&Command::Recall(withdraw))),
        ("recall", codec::encode(&record)),
        ("open recalls", codec::encode(&open)),
        ("count of recalls", codec::encode(&RecallCount { declared: 1, open: 0 })),
        ("key of a recall", id.key().encode()),
        ("key of open recalls", StateKey::RecallsOf(lot).encode()),
        ("key of a recall's number", StateKey::RecallNumber(258).encode()),
        ("key of the count of recalls", StateKey::RecallCount.encode()),
    ]
}

/// Keys of money, and of what is due.
fn money_keys() -> Vec<(&'static str, Vec<u8>)> {
    let account = || "buyer/main".parse::<AccountId>().unwrap();
    let asset = || "EUR@bank".parse::<Asset>().unwrap();
    let reference = || Reference::new("p1").unwrap();
    let entry = EntryId { height: Height(258), receipt: 3, entry: 7 };
    let due = Due { at: TimestampMs(258), kind: Due::HOLD, which: Digest([7; 32]) };
    let member = MemberId::new("buyer").unwrap();
    vec![
        ("key of an asset", StateKey::Asset(asset()).encode()),
        ("key of an account", StateKey::Account(account()).encode()),
        ("key of a balance", StateKey::Balance { account: account(), asset: asset() }.encode()),
        (
            "key of a reference",
            StateKey::Reference { account: account(), reference: reference() }.encode(),
        ),
        (
            "key of a hold",
            StateKey::Hold(HoldId { account: account(), reference: reference() }).encode(),
        ),
        ("key of what is due", StateKey::Due(due).encode()),
        ("key of a statement line", statement_key(&account(), entry)),
        ("note of a holder", holder_key(&asset(), &account())),
        ("note of a member's account", member_account_key(&member, &account())),
        ("note of what waits", waiting_key(&member, entry, &Digest([7; 32]))),
    ]
}

fn vectors() -> String {
    let block = block();
    let bundle = &block.bundles[0];
    let position = Position { height: Height(258), transaction: 3, event: 7 };
    let name = Digest::of(Domain::StateName, b"name");
    let event_id = "urn:uuid:00000000-0000-4000-8000-000000000001".to_owned();
    let leaves = item_leaves(name);
    let mut lines: Vec<(&str, Vec<u8>)> = vec![
        ("genesis", codec::encode(&genesis())),
        ("genesis id", genesis().id().0.0.to_vec()),
        ("validator set digest", genesis().validators().unwrap().digest().0.to_vec()),
        ("sectioned event", codec::encode(&bundle.events[0])),
        ("event digest", bundle.events[0].digest().0.to_vec()),
        ("transaction", codec::encode(&bundle.transaction)),
        ("transaction id", bundle.transaction.id().0.0.to_vec()),
        ("transaction leaf", bundle.transaction.leaf().0.to_vec()),
        ("block header", codec::encode(&block.header)),
        ("block id", block.id().0.0.to_vec()),
        ("block digest", Digest::of(Domain::Trace, &codec::encode(&block)).0.to_vec()),
        ("commit certificate", codec::encode(&certificate(block.id()))),
        ("master data", codec::encode(&master_record())),
        ("item leaf digest", leaves[1].digest().0.to_vec()),
        ("item log", codec::encode(&item_log())),
        ("item log root", item_log().root().0.to_vec()),
        ("state root", state_root().0.to_vec()),
        ("key of parameters", StateKey::Parameters.encode()),
        ("key of a member", StateKey::Member(MemberId::new("acme").unwrap()).encode()),
        (
            "key of an event",
            StateKey::Event { event_id: event_id.clone(), declared_at: None }.encode(),
        ),
        (
            "key of an error declaration",
            StateKey::Event { event_id, declared_at: Some(TimestampMs(7)) }.encode(),
        ),
        ("key of an item", item_key(&name)),
        ("key of a journal", StateKey::Journal { item: name, chunk: 258 }.encode()),
        ("key of an edge", StateKey::Edge { parent: name, child: Digest([7; 32]) }.encode()),
        (
            "key of a transformation",
            StateKey::Transformation {
                recorder: MemberId::new("acme").unwrap(),
                id: "urn:example:process:1".to_owned(),
            }
            .encode(),
        ),
        ("key of a product", master_record().data.key().encode()),
        ("key of a place", MasterKind::Place.key("urn:x").encode()),
        ("key of a party", MasterKind::Party.key("urn:x").encode()),
        ("note of a picture", picture_key(&name, &MemberId::new("acme").unwrap())),
        ("index entry", Index::Identifier.entry(&name, position)),
        ("key of a transaction", transaction_key(&bundle.transaction.id())),
        ("key of a replay note", replay_key(Height(258))),
    ];
    lines.extend(leaves.iter().map(|leaf| ("item leaf", codec::encode(leaf))));
    lines.extend(money_commands().iter().map(|one| ("money command", codec::encode(one))));
    lines.push(("journal entry", codec::encode(&journal_entry())));
    lines.push(("journal entry, packed", codec::pack(&journal_entry())));
    lines.extend(money_keys());
    lines.push(("key of links", links().key().encode()));
    lines.push(("links", codec::encode(&links())));
    lines.extend(recalls());
    let mut text = String::new();
    for (name, bytes) in lines {
        writeln!(text, "{name}: {}", hex::encode(bytes)).expect("writing to a string");
    }
    text
}

#[test]
fn golden_encodings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/encodings.txt");
    let now = vectors();
    if std::env::var("GOLDEN").is_ok_and(|word| word == "write") {
        std::fs::write(&path, &now).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("golden/encodings.txt");
    for (new, old) in now.lines().zip(golden.lines()) {
        assert_eq!(new, old, "an encoding changed: see the head of this file");
    }
    assert_eq!(now.lines().count(), golden.lines().count());
}

#[test]
fn what_is_encoded_decodes_to_itself_and_nothing_shorter_decodes() {
    let block = block();
    let bytes = codec::encode(&block);
    assert_eq!(codec::decode::<Block>(&bytes).as_ref(), Ok(&block));
    for length in 0..bytes.len() {
        assert!(codec::decode::<Block>(&bytes[..length]).is_err(), "{length} bytes");
    }
    let certificate = certificate(block.id());
    assert_eq!(certificate.verify(&genesis().chain_id, &genesis().validators().unwrap()), Ok(()));
}
