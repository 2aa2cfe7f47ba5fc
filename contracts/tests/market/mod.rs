//! A small market on the real ledger: buyers, sellers, a carrier, an inspector, an arbiter and a
//! bank, and blocks at the times that a table says.

pub mod event;
pub mod terms;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tracehold_chain::block::Block;
use tracehold_chain::codec;
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{SecretKey, Signer};
use tracehold_chain::money::{
    AccountId, Amount, Asset, AssetTerms, Money, MoneyAction, MoneyCommand, Purpose, Reference,
};
use tracehold_chain::state::key::{STATE_END, STATE_FIRST};
use tracehold_chain::state::table::Pair;
use tracehold_chain::state::{Batch, MemoryTable, StateKey, Table, TableError};
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::money::Balance;
use tracehold_contracts::{Admitted, Layer, Ledger};

/// The day on which things happen.
pub const DAY: TimestampMs = TimestampMs(1_780_272_000_000);

/// Members and their GS1 company prefixes.
pub const MEMBERS: [(&str, &str); 8] = [
    ("seller", "9521101"),
    ("carrier", "9522202"),
    ("buyer", "9523303"),
    ("inspector", "9524404"),
    ("stranger", "9525505"),
    ("arbiter", "9526606"),
    ("bank", "9527707"),
    ("financier", "9528808"),
];

pub fn prefix(name: &str) -> &'static str {
    MEMBERS.iter().find(|(member, _)| *member == name).map_or("9529909", |(_, prefix)| prefix)
}

pub fn member(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

pub fn account(name: &str) -> AccountId {
    let (name, purpose) = name.split_once('/').unwrap_or((name, "main"));
    AccountId::of(member(name), Purpose::new(purpose).unwrap())
}

fn key(name: &str) -> SecretKey {
    let mut seed = [9; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SecretKey::from_seed(&seed)
}

/// `buyer` signs with its first agent, `buyer/cfo` with another.
fn agent(name: &str) -> AgentId {
    let (name, agent) = name.split_once('/').unwrap_or((name, "erp"));
    AgentId::new(member(name), agent).unwrap()
}

fn genesis() -> Genesis {
    let one = |(name, prefix): (&str, &str)| Member {
        id: member(name),
        name: name.to_owned(),
        gs1_company_prefixes: vec![prefix.to_owned()],
        glns: vec![],
        roles: match name {
            "inspector" => vec![MemberRole::Inspector],
            "bank" => vec![MemberRole::Bank],
            _ => vec![],
        },
        agents: [name.to_owned(), format!("{name}/cfo")]
            .into_iter()
            .map(|name| Agent { id: agent(&name), public_key: key(&name).public_key() })
            .collect(),
        nodes: vec![Node {
            name: NodeName::new(format!("{name}-1")).unwrap(),
            public_key: key(&format!("{name}-node")).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    };
    Genesis {
        chain_id: ChainId::new("market").unwrap(),
        created_at: DAY,
        parameters: Parameters { state_buckets_log2: 10, ..Parameters::default() },
        members: MEMBERS.into_iter().map(one).collect(),
    }
}

/// A table that counts how often it is read.
#[derive(Default)]
pub struct CountingTable {
    inner: MemoryTable,
    reads: AtomicUsize,
}

impl Table for CountingTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.range(from, to, limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, TableError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.range_back(from, to, limit)
    }

    fn apply_all(&self, batches: &[&Batch]) -> Result<(), TableError> {
        self.inner.apply_all(batches)
    }
}

pub struct Market {
    pub ledger: Ledger,
    table: Arc<CountingTable>,
    nonce: u64,
}

impl Market {
    pub fn new() -> Market {
        let table = Arc::new(CountingTable::default());
        let ledger = Ledger::open(&genesis(), table.clone()).unwrap();
        Market { ledger, table, nonce: 0 }
    }

    pub fn now(&self) -> TimestampMs {
        self.ledger.head().block_time
    }

    fn signed(
        &mut self,
        who: &str,
        at: TimestampMs,
        commands: Vec<Command>,
        events: Vec<SectionedEvent>,
    ) -> Bundle {
        self.nonce += 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.nonce.to_be_bytes());
        let body = TransactionBody {
            chain_id: self.ledger.chain_id().clone(),
            sender: agent(who),
            nonce: Nonce(nonce),
            expires_at: at.plus_ms(60_000),
            commands,
        };
        Bundle { transaction: body.sign(&key(who)), events }
    }

    /// A transaction that captures an event.
    pub fn capture(&mut self, who: &str, at: TimestampMs, event: Value) -> Bundle {
        let shown = event.to_string();
        let event = Event::from_value(event, None);
        let event = event.unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        let event = SectionedEvent::split(&event, &mut |_| [3; 32]);
        let captured = CapturedEvent { digest: event.digest(), author: None };
        self.signed(who, at, vec![Command::Capture(vec![captured])], vec![event])
    }

    pub fn command(&mut self, who: &str, at: TimestampMs, command: Command) -> Bundle {
        self.signed(who, at, vec![command], Vec::new())
    }

    /// A money command under a reference of its own.
    pub fn money(&mut self, who: &str, at: TimestampMs, action: MoneyAction) -> Bundle {
        let account = match action {
            MoneyAction::Issue { .. } => Purpose::issuance(),
            _ => Purpose::main(),
        };
        let reference = Reference::new(format!("r{}", self.nonce)).unwrap();
        self.command(who, at, Command::Money(MoneyCommand { account, reference, action }))
    }

    pub fn issue(
        &mut self,
        who: &str,
        at: TimestampMs,
        asset: &Asset,
        units: u64,
        to: &str,
    ) -> Bundle {
        let money = Money { asset: asset.clone(), amount: Amount::new(units).unwrap() };
        let terms = match asset {
            Asset::Title { .. } => AssetTerms::Title { document: None },
            _ => AssetTerms::Cash,
        };
        self.money(who, at, MoneyAction::Issue { money, to: account(to), terms })
    }

    /// Decides a block of these. What the proposer makes and a validator applies is the same.
    pub fn block(&mut self, at: TimestampMs, bundles: Vec<Bundle>) -> Arc<Layer> {
        let count = bundles.len();
        let admitted: Vec<Arc<Admitted>> = bundles
            .into_iter()
            .map(|bundle| Arc::new(self.ledger.admit(Arc::new(bundle), at).unwrap()))
            .collect();
        let proposer = key("bank-node").public_key();
        let mut waiting = admitted.into_iter();
        let (block, _): (Block, _) = self.ledger.propose(at, proposer, &mut waiting).unwrap();
        assert_eq!(block.bundles.len(), count, "every transaction has room");
        let outcome = self.ledger.apply_block(&block, &|_| None).unwrap();
        let layer = self.ledger.commit(outcome);
        self.table.apply(&layer.writes).unwrap();
        self.ledger.flushed(layer.head.height);
        layer
    }

    /// How often the table was read so far.
    pub fn reads(&self) -> usize {
        self.table.reads.load(Ordering::Relaxed)
    }

    /// A value of the state.
    pub fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.table.get(key).unwrap()
    }

    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &StateKey) -> Option<T> {
        self.value(&key.encode()).map(|bytes| codec::unpack(&bytes).unwrap())
    }

    /// How much is on an account, in smallest units.
    pub fn balance(&self, account: &AccountId, asset: &Asset) -> i64 {
        let key = StateKey::Balance { account: account.clone(), asset: asset.clone() };
        self.get::<Balance>(&key).map_or(0, |balance| balance.posted)
    }

    /// Keys of the state that begin with a text.
    pub fn keys(&self, prefix: &[u8]) -> usize {
        let pairs = self.table.range(STATE_FIRST, STATE_END, usize::MAX).unwrap();
        pairs.iter().filter(|(key, _)| key.starts_with(prefix)).count()
    }
}
