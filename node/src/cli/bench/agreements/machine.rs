//! The bare state machine: one core, no network, no disk. What is timed is what a validator does
//! with a block whose transactions it has admitted: running it, both roots, and taking it over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{SecretKey, Signer as _};
use tracehold_chain::limits::MAX_COMMANDS_PER_TRANSACTION;
use tracehold_chain::state::{MemoryTable, Table as _};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::{Admitted, Ledger, Verdict};
use tracehold_testnet::load::Generator;

use super::sale::{Names, Wanted, other_event};
use super::{Agreements, Bare, Single, Unconcerned};
use crate::cli::Failure;

/// Members of the ledger; the first is a bank.
const MEMBERS: u8 = 4;
/// Transactions in one block.
const PER_BLOCK: usize = 1_000;
/// Events in one block when events are timed.
const EVENTS_PER_BLOCK: u64 = 200;
/// Between two blocks.
const BLOCK_MS: u64 = 1_000;
/// When the ledger begins.
const START: TimestampMs = TimestampMs(1_780_000_000_000);

/// A ledger with everybody's keys.
struct Machine {
    ledger: Ledger,
    table: Arc<MemoryTable>,
    names: Names,
    agents: Vec<(AgentId, SecretKey)>,
    number: u64,
    admitting: Duration,
    admitted: u64,
}

impl Machine {
    fn new() -> Result<Machine, Failure> {
        let id = |index: u8| MemberId::new(format!("member-{index}")).expect("a good name");
        let key = |kind: u8, index: u8| SecretKey::from_seed(&[kind * 16 + index; 32]);
        let agent = |index: u8| AgentId::new(id(index), "app").expect("a good name");
        let member = |index: u8| Member {
            id: id(index),
            name: String::new(),
            gs1_company_prefixes: vec!["*".to_owned()],
            glns: Vec::new(),
            roles: if index == 0 { vec![MemberRole::Bank] } else { Vec::new() },
            agents: vec![Agent { id: agent(index), public_key: key(1, index).public_key() }],
            nodes: vec![Node {
                name: NodeName::new(format!("node-{index}")).expect("a good name"),
                public_key: key(2, index).public_key(),
                role: NodeRole::Validator { power: 1 },
            }],
        };
        let chain_id = ChainId::new("bench").expect("a good name");
        let genesis = Genesis {
            chain_id: chain_id.clone(),
            created_at: START,
            parameters: Parameters::default(),
            members: (0..MEMBERS).map(member).collect(),
        };
        let table = Arc::new(MemoryTable::default());
        let ledger = Ledger::open(&genesis, table.clone())
            .map_err(|error| Failure::Fault(error.to_string()))?;
        Ok(Machine {
            ledger,
            table,
            names: Names { chain_id, bank: id(0), members: (0..MEMBERS).map(id).collect() },
            agents: (0..MEMBERS).map(|index| (agent(index), key(1, index))).collect(),
            number: 0,
            admitting: Duration::ZERO,
            admitted: 0,
        })
    }

    fn now(&self) -> TimestampMs {
        self.ledger.head().block_time
    }

    /// Signs and admits.
    fn admit(&mut self, wanted: Wanted) -> Result<Arc<Admitted>, Failure> {
        self.number += 1;
        let (sender, key) = &self.agents[wanted.member];
        let body = wanted.body(&self.names, sender, self.number, self.now());
        let bundle = Arc::new(wanted.bundle(body.sign(key)));
        let since = Instant::now();
        let admitted = self.ledger.admit(bundle, self.now());
        self.admitting += since.elapsed();
        self.admitted += 1;
        admitted.map(Arc::new).map_err(|rejection| Failure::Refused(rejection.to_string()))
    }

    /// Makes a block of these and runs it as a validator does; how long that took.
    fn block(&mut self, transactions: &[Arc<Admitted>]) -> Result<Duration, Failure> {
        let fault = |error: &dyn std::fmt::Display| Failure::Fault(error.to_string());
        let proposer = self.ledger.validators().as_slice()[0].public_key;
        let time = self.now().plus_ms(BLOCK_MS);
        let mut waiting = transactions.iter().cloned();
        let proposed = self.ledger.propose(time, proposer, &mut waiting);
        let (block, outcome) = proposed.map_err(|error| fault(&error))?;
        if block.bundles.len() != transactions.len() {
            return Err(Failure::Refused("a block of the measurement is too full".to_owned()));
        }
        for receipt in outcome.receipts() {
            if let Verdict::Rejected(rejection) = &receipt.verdict {
                return Err(Failure::Refused(format!("refused: {rejection}")));
            }
        }
        drop(outcome);
        let by_id: std::collections::BTreeMap<_, _> =
            transactions.iter().map(|admitted| (admitted.id, admitted)).collect();
        let known = |id: &_| by_id.get(id).map(|admitted| (*admitted).clone());
        let since = Instant::now();
        let outcome = self.ledger.apply_block(&block, &known).map_err(|error| fault(&error))?;
        let layer = self.ledger.commit(outcome);
        let took = since.elapsed();
        self.table.apply(&layer.writes).map_err(|error| fault(&error))?;
        self.ledger.flushed(layer.head.height);
        Ok(took)
    }

    /// Does all of these in full blocks; how long the state machine took.
    fn run(&mut self, wanted: impl Iterator<Item = Wanted>) -> Result<Duration, Failure> {
        let mut took = Duration::ZERO;
        let mut waiting = Vec::with_capacity(PER_BLOCK);
        for wanted in wanted {
            waiting.push(self.admit(wanted)?);
            if waiting.len() == PER_BLOCK {
                took += self.block(&waiting)?;
                waiting.clear();
            }
        }
        if !waiting.is_empty() {
            took += self.block(&waiting)?;
        }
        Ok(took)
    }

    fn open_accounts(&mut self, accounts: u64) -> Result<(), Failure> {
        let names = self.names.clone();
        for member in 0..names.members.len() {
            let parts = || chunks(accounts, MAX_COMMANDS_PER_TRANSACTION as u64);
            self.run(parts().map(|part| names.open(member, part)))?;
            self.run(parts().map(|part| names.issue(member, part)))?;
        }
        Ok(())
    }

    /// Takes sales `from..to` through their first `steps` steps; how long the state machine took.
    fn sales(
        &mut self,
        from: u64,
        to: u64,
        steps: usize,
        accounts: u64,
    ) -> Result<Duration, Failure> {
        let mut took = Duration::ZERO;
        for part in chunks(to - from, PER_BLOCK as u64) {
            let (names, now) = (self.names.clone(), self.now());
            let mut sales: Vec<_> = (from + part.start..from + part.end)
                .map(|n| names.sale(n, now, accounts).into_iter())
                .collect();
            for _ in 0..steps {
                let step: Vec<Wanted> = sales.iter_mut().filter_map(Iterator::next).collect();
                took += self.run(step.into_iter())?;
            }
        }
        Ok(took)
    }
}

/// `0..count` in parts of at most `size`.
pub(super) fn chunks(count: u64, size: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    let size = size.max(1);
    (0..count.div_ceil(size)).map(move |part| part * size..((part + 1) * size).min(count))
}

/// Measures the state machine alone.
pub(super) fn measure(args: &Agreements) -> Result<(Bare, Unconcerned), Failure> {
    let accounts = u64::from(args.accounts);
    let mut machine = Machine::new()?;
    machine.open_accounts(accounts)?;
    let names = machine.names.clone();
    (machine.admitting, machine.admitted) = (Duration::ZERO, 0);
    let transfers = machine.run((0..args.bare_transfers).map(|n| names.transfer(n, accounts)))?;
    let admission_us_each = machine.admitting.as_secs_f64() * 1e6 / machine.admitted.max(1) as f64;
    let sales = machine.sales(0, args.bare_agreements, 5, accounts)?;
    let bare = Bare {
        transfers: Single::of(args.bare_transfers, transfers.as_secs_f64()),
        agreement_steps: Single::of(args.bare_agreements * 5, sales.as_secs_f64()),
        admission_us_each,
    };
    drop(machine);
    Ok((bare, unconcerned(args.events, args.running, accounts)?))
}

/// The same events on two ledgers, block by block in turn: whatever slows the machine down slows
/// both.
fn unconcerned(events: u64, running: u64, accounts: u64) -> Result<Unconcerned, Failure> {
    let (mut without, mut with) = (Machine::new()?, Machine::new()?);
    for machine in [&mut without, &mut with] {
        machine.open_accounts(accounts)?;
    }
    with.sales(0, running, 4, accounts)?;
    let generator = Generator::new(7, START);
    let mut took = [Duration::ZERO; 2];
    for (index, part) in chunks(events, EVENTS_PER_BLOCK).enumerate() {
        let mut both = [(0, &mut without), (1, &mut with)];
        if index % 2 == 1 {
            both.reverse();
        }
        for (which, machine) in both {
            let batch = part.clone().map(|n| {
                let text = generator.event(n);
                other_event(&text, usize::try_from(n % 4).unwrap_or(0))
            });
            took[which] += machine.run(batch)?;
        }
    }
    let each = |took: Duration| took.as_secs_f64() * 1e6 / events.max(1) as f64;
    let (us_each_without, us_each_with) = (each(took[0]), each(took[1]));
    let ratio = if us_each_without > 0.0 { us_each_with / us_each_without } else { 0.0 };
    Ok(Unconcerned { events, running, us_each_without, us_each_with, ratio })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every step of what is measured is recorded, and the sales release.
    #[test]
    fn what_is_measured_happens() {
        let mut machine = Machine::new().unwrap();
        machine.open_accounts(3).unwrap();
        let names = machine.names.clone();
        machine.run((0..40).map(|n| names.transfer(n, 3))).unwrap();
        machine.sales(0, 2, 4, 3).unwrap();
        machine.sales(2, 5, 5, 3).unwrap();
        let parts: Vec<_> = chunks(5, 2).collect();
        assert_eq!(parts, [0..2, 2..4, 4..5]);
        assert_eq!(unconcerned(20, 3, 3).unwrap().running, 3);
    }
}
