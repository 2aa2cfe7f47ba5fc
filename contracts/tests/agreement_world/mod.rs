//! One ledger on which many agreements live at once. Nothing is signed: what a signature is worth
//! is tested elsewhere, and most of the time would go there.
#![allow(dead_code, reason = "each test uses what it needs")]

pub mod town;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tracehold_chain::agreement::{AgreementCommand, Terms};
use tracehold_chain::block::Block;
use tracehold_chain::codec;
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{SecretKey, Signature, Signer};
use tracehold_chain::money::{
    AccountId, AgreementId, Amount, Asset, AssetTerms, Money, MoneyAction, MoneyCommand, Purpose,
    Reference,
};
use tracehold_chain::state::key::BALANCES_FIRST;
use tracehold_chain::state::{MemoryTable, StateKey, Table};
use tracehold_chain::transaction::{
    Bundle, CapturedEvent, Command, Nonce, Transaction, TransactionBody,
};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::admission::{Source, admit};
use tracehold_contracts::agreement::{AgreementRecord, Known, Outcomes, Refusal, check};
use tracehold_contracts::money::Balance;
use tracehold_contracts::{Admitted, Layer, Ledger};

/// When the network begins.
pub const BEGINNING: TimestampMs = TimestampMs(1_780_272_000_000);

/// How keys of agreements' records begin.
const AGREEMENTS: &[u8] = b"sgp";

/// A minute, in milliseconds.
pub const MINUTE: u64 = 60_000;

/// Who is there: name and GS1 company prefix.
pub const MEMBERS: [(&str, &str); 7] = [
    ("buyer", "9521101"),
    ("seller", "9522202"),
    ("carrier", "9523303"),
    ("inspector", "9524404"),
    ("arbiter", "9525505"),
    ("bank", "9526606"),
    ("stranger", "9527707"),
];

pub fn member(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

/// A member's agent: `buyer` is `buyer/erp`, and there is a second one, `buyer/cfo`.
pub fn agent(name: &str) -> AgentId {
    match name.split_once('/') {
        Some((name, agent)) => AgentId::new(member(name), agent).unwrap(),
        None => AgentId::new(member(name), "erp").unwrap(),
    }
}

pub fn main_account(name: &str) -> AccountId {
    AccountId::of(member(name), Purpose::main())
}

fn key(name: &str) -> SecretKey {
    let mut seed = [9; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SecretKey::from_seed(&seed)
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
        agents: [agent(name), agent(&format!("{name}/cfo"))]
            .map(|id| Agent { public_key: key(&id.to_string()).public_key(), id })
            .to_vec(),
        nodes: vec![Node {
            name: NodeName::new(format!("{name}-1")).unwrap(),
            public_key: key(&format!("{name}-node")).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    };
    Genesis {
        chain_id: ChainId::new("agreements").unwrap(),
        created_at: BEGINNING,
        parameters: Parameters { state_buckets_log2: 12, ..Parameters::default() },
        members: MEMBERS.into_iter().map(one).collect(),
    }
}

/// The ledger, and every block of it.
pub struct World {
    pub ledger: Ledger,
    pub blocks: Vec<Block>,
    /// Whether every block that is proposed is applied once more, as validators do.
    pub applies: bool,
    table: Arc<MemoryTable>,
    nonce: u64,
    /// As the last blocks wrote them, by key.
    balances: BTreeMap<Vec<u8>, Balance>,
    agreements: BTreeMap<Vec<u8>, AgreementRecord>,
}

impl World {
    pub fn new() -> World {
        let table = Arc::new(MemoryTable::default());
        let ledger = Ledger::open(&genesis(), table.clone()).unwrap();
        World {
            ledger,
            table,
            blocks: Vec::new(),
            applies: true,
            nonce: 0,
            balances: BTreeMap::new(),
            agreements: BTreeMap::new(),
        }
    }

    pub fn now(&self) -> TimestampMs {
        self.ledger.head().block_time
    }

    /// A transaction, admitted, for a block at most ten minutes after the last.
    fn transaction(
        &mut self,
        who: &str,
        at: TimestampMs,
        commands: Vec<Command>,
        events: Vec<SectionedEvent>,
    ) -> Arc<Admitted> {
        self.nonce += 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.nonce.to_be_bytes());
        let body = TransactionBody {
            chain_id: self.ledger.chain_id().clone(),
            sender: agent(who),
            nonce: Nonce(nonce),
            expires_at: at.plus_ms(10_000),
            commands,
        };
        let transaction = Transaction { body, signature: Signature([0; 64]) };
        let bundle = Arc::new(Bundle { transaction, events });
        let (authority, chain) = (self.ledger.authority(), self.ledger.chain_id());
        let admitted = admit(authority, chain, self.ledger.parameters(), bundle, Source::OwnLog);
        Arc::new(admitted.unwrap())
    }

    pub fn capture(&mut self, who: &str, at: TimestampMs, event: Value) -> Arc<Admitted> {
        let shown = event.to_string();
        let event = Event::from_value(event, None);
        let event = event.unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        let event = SectionedEvent::split(&event, &mut |_| [3; 32]);
        let captured = CapturedEvent { digest: event.digest(), author: None };
        self.transaction(who, at, vec![Command::Capture(vec![captured])], vec![event])
    }

    pub fn act(&mut self, who: &str, at: TimestampMs, command: AgreementCommand) -> Arc<Admitted> {
        self.transaction(who, at, vec![Command::Agreement(command)], vec![])
    }

    /// A money command on a member's main account, or on what it issues from.
    pub fn pay(&mut self, who: &str, at: TimestampMs, action: MoneyAction) -> Arc<Admitted> {
        let account = match action {
            MoneyAction::Issue { .. } => Purpose::issuance(),
            _ => Purpose::main(),
        };
        let reference = Reference::new(format!("r{}", self.nonce)).unwrap();
        let command = MoneyCommand { account, reference, action };
        self.transaction(who, at, vec![Command::Money(command)], vec![])
    }

    pub fn issue(
        &mut self,
        who: &str,
        at: TimestampMs,
        asset: &Asset,
        units: u64,
        to: &str,
    ) -> Arc<Admitted> {
        let money = Money { asset: asset.clone(), amount: Amount::new(units).unwrap() };
        let terms = match asset {
            Asset::Title { .. } => AssetTerms::Title { document: None },
            _ => AssetTerms::Cash,
        };
        self.pay(who, at, MoneyAction::Issue { money, to: main_account(to), terms })
    }

    /// Decides a block. What the proposer makes and what a validator applies must be the same.
    pub fn block(&mut self, at: TimestampMs, transactions: Vec<Arc<Admitted>>) -> Arc<Layer> {
        let count = transactions.len();
        let proposer = key("bank-node").public_key();
        let (block, proposed) =
            self.ledger.propose(at, proposer, &mut transactions.into_iter()).unwrap();
        assert_eq!(block.bundles.len(), count, "every transaction has room");
        if self.applies {
            let applied = self.ledger.replay_block(&block).unwrap();
            assert_eq!(proposed.block_id(), applied.block_id());
        }
        let layer = self.ledger.commit(proposed);
        for (key, value) in &layer.writes {
            let Some(value) = value else { continue };
            if key.starts_with(BALANCES_FIRST) {
                self.balances.insert(key.clone(), codec::unpack(value).unwrap());
            } else if key.starts_with(AGREEMENTS) {
                self.agreements.insert(key.clone(), codec::unpack(value).unwrap());
            }
        }
        self.table.apply(&layer.writes).unwrap();
        self.ledger.flushed(layer.head.height);
        self.blocks.push(block);
        layer
    }

    pub fn agreement(&self, id: AgreementId) -> Option<&AgreementRecord> {
        self.agreements.get(&StateKey::Agreement(id).encode())
    }

    /// Lists every way in which an agreement with these terms can end.
    pub fn check(&self, terms: &Terms, at: TimestampMs) -> Result<Outcomes, Vec<Refusal>> {
        let known = Known {
            authority: self.ledger.authority(),
            block_time: at,
            asset_exists: &|_| true,
            account_is_open: &|_| false,
        };
        check(terms, &known)
    }

    /// How many keys of the state begin so.
    pub fn count(&self, prefix: &[u8]) -> usize {
        let end = [prefix, &[0xff; 128]].concat();
        self.table.range(prefix, &end, usize::MAX).unwrap().len()
    }

    /// All balances, by account.
    pub fn balances(&self) -> impl Iterator<Item = &Balance> {
        self.balances.values()
    }

    /// Runs all blocks again from the beginning, on an empty table.
    pub fn assert_replays(&self) {
        let table = Arc::new(MemoryTable::default());
        let mut ledger = Ledger::open(&genesis(), table.clone()).unwrap();
        for block in &self.blocks {
            let outcome = ledger.replay_block(block).unwrap();
            let layer = ledger.commit(outcome);
            table.apply(&layer.writes).unwrap();
            ledger.flushed(layer.head.height);
        }
        assert_eq!(ledger.head(), self.ledger.head());
    }
}
