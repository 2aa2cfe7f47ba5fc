//! A small network with banks on one ledger: agents, and blocks of money commands.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;
use std::sync::Arc;

use tracehold_chain::codec;
use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{PublicKey, SecretKey, Signature, Signer};
use tracehold_chain::money::{AccountId, Asset, MoneyCommand, Reference};
use tracehold_chain::state::key::{BALANCES_END, BALANCES_FIRST};
use tracehold_chain::state::{MemoryTable, StateKey, Table};
use tracehold_chain::transaction::{Bundle, Command, Nonce, Transaction, TransactionBody};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::money::{Balance, ReferenceRecord};
use tracehold_contracts::{Admitted, Layer, Ledger};

/// When the network begins.
pub const START: TimestampMs = TimestampMs(1_780_272_000_000);

/// Members, whether they are banks, and their agents.
pub const MEMBERS: [(&str, bool, &[&str]); 5] = [
    ("bank", true, &["ann", "ben"]),
    ("buyer", false, &["ann", "ben", "cy"]),
    ("seller", false, &["ann", "ben"]),
    ("carrier", false, &["ann"]),
    ("savings", true, &["ann"]),
];

pub fn member_id(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

/// The agent written `buyer.ann`.
pub fn agent_id(text: &str) -> AgentId {
    let (member, agent) = text.split_once('.').unwrap_or((text, "ann"));
    AgentId::new(member_id(member), agent).unwrap()
}

pub fn key(name: &str) -> SecretKey {
    let mut seed = [9; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SecretKey::from_seed(&seed)
}

pub fn genesis(parameters: Parameters) -> Genesis {
    let member = |(name, is_bank, agents): (&str, bool, &[&str])| Member {
        id: member_id(name),
        name: name.to_owned(),
        gs1_company_prefixes: vec![],
        glns: vec![],
        roles: if is_bank { vec![MemberRole::Bank] } else { vec![] },
        agents: agents
            .iter()
            .map(|agent| Agent {
                id: agent_id(&format!("{name}.{agent}")),
                public_key: key(&format!("{name}.{agent}")).public_key(),
            })
            .collect(),
        nodes: vec![Node {
            name: NodeName::new(format!("{name}-1")).unwrap(),
            public_key: key(&format!("{name}-node")).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    };
    Genesis {
        chain_id: ChainId::new("money").unwrap(),
        created_at: START,
        parameters,
        members: MEMBERS.into_iter().map(member).collect(),
    }
}

pub mod model;

pub struct World {
    pub ledger: Ledger,
    pub table: Arc<MemoryTable>,
    genesis: Genesis,
    pub proposer: PublicKey,
    nonce: u64,
}

impl World {
    pub fn new(parameters: Parameters) -> World {
        World::of(genesis(parameters))
    }

    pub fn of(genesis: Genesis) -> World {
        let proposer = genesis.members[0].nodes[0].public_key;
        let table = Arc::new(MemoryTable::default());
        let ledger = Ledger::open(&genesis, table.clone()).unwrap();
        World { ledger, table, genesis, proposer, nonce: 0 }
    }

    pub fn body(&mut self, agent: &AgentId, commands: Vec<MoneyCommand>) -> TransactionBody {
        self.nonce += 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.nonce.to_be_bytes());
        TransactionBody {
            chain_id: self.ledger.chain_id().clone(),
            sender: agent.clone(),
            nonce: Nonce(nonce),
            expires_at: self.ledger.head().block_time.plus_ms(600_000),
            commands: commands.into_iter().map(Command::Money).collect(),
        }
    }

    /// A transaction that was signed and admitted, for a block of that time.
    pub fn signed(
        &mut self,
        agent: &str,
        commands: Vec<MoneyCommand>,
        time: TimestampMs,
    ) -> Arc<Admitted> {
        let expires_at = time.plus_ms(60_000);
        let body = TransactionBody { expires_at, ..self.body(&agent_id(agent), commands) };
        let bundle = Bundle { transaction: body.sign(&key(agent)), events: Vec::new() };
        Arc::new(self.ledger.admit(Arc::new(bundle), time).unwrap())
    }

    /// A transaction as if it had been signed and admitted: what is tried here comes after that.
    pub fn unsigned(
        &mut self,
        agent: &AgentId,
        commands: Vec<MoneyCommand>,
        expires_at: TimestampMs,
    ) -> Arc<Admitted> {
        let body = TransactionBody { expires_at, ..self.body(agent, commands) };
        let id = body.id();
        let transaction = Transaction { body, signature: Signature([0; 64]) };
        Arc::new(Admitted {
            id,
            leaf: transaction.leaf(),
            member: agent.member().clone(),
            bytes: 500,
            bundle: Arc::new(Bundle { transaction, events: Vec::new() }),
            events: Vec::new(),
            touches: 0,
        })
    }

    /// Proposes a block, applies it as another validator would, and commits it. The table has it
    /// after [`World::flush`].
    pub fn block(&mut self, time: TimestampMs, transactions: &[Arc<Admitted>]) -> Arc<Layer> {
        let proposer = self.proposer;
        let mut waiting = transactions.iter().cloned();
        let (block, proposed) = self.ledger.propose(time, proposer, &mut waiting).unwrap();
        assert_eq!(block.bundles.len(), transactions.len(), "all of them fit");
        let known = |id: &_| transactions.iter().find(|known| known.id == *id).cloned();
        let outcome = self.ledger.apply_block(&block, &known).unwrap();
        assert_eq!(proposed.receipts(), outcome.receipts());
        self.ledger.commit(outcome)
    }

    pub fn flush(&mut self) {
        let layers = self.ledger.unflushed().0.clone();
        for layer in layers {
            self.table.apply(&layer.writes).unwrap();
            self.ledger.flushed(layer.head.height);
        }
    }

    /// Begins anew from the table, as after a restart.
    pub fn reopen(&mut self) {
        self.flush();
        self.ledger = Ledger::open(&self.genesis, self.table.clone()).unwrap();
    }

    fn bytes(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.ledger.unflushed().get(key) {
            Some(written) => written.cloned(),
            None => self.table.get(key).unwrap(),
        }
    }

    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &StateKey) -> Option<T> {
        self.bytes(&key.encode()).map(|bytes| codec::unpack(&bytes).unwrap())
    }

    pub fn balance(&self, account: &AccountId, asset: &Asset) -> Option<Balance> {
        self.get(&StateKey::Balance { account: account.clone(), asset: asset.clone() })
    }

    pub fn reference(&self, account: &AccountId, reference: &str) -> Option<ReferenceRecord> {
        let reference = Reference::new(reference).unwrap();
        self.get(&StateKey::Reference { account: account.clone(), reference })
    }

    /// All pairs of a range, in the table or still to be flushed.
    pub fn range(&self, first: &[u8], end: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let pairs = self.table.range(first, end, usize::MAX).unwrap();
        let mut pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        for layer in &self.ledger.unflushed().0 {
            for (key, value) in layer.writes.range(first.to_vec()..end.to_vec()) {
                match value {
                    Some(value) => pairs.insert(key.clone(), value.clone()),
                    None => pairs.remove(key),
                };
            }
        }
        pairs
    }

    /// All balances.
    pub fn balances(&self) -> Vec<Balance> {
        let pairs = self.range(BALANCES_FIRST, BALANCES_END);
        pairs.values().map(|value| codec::unpack(value).unwrap()).collect()
    }
}
