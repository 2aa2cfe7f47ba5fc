//! Through the network: every transaction is signed here by its member's agent and sent by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracehold_chain::codec;
use tracehold_chain::limits::MAX_COMMANDS_PER_TRANSACTION;
use tracehold_chain::units::{ChainId, MemberId};
use tracehold_testnet::Testnet;
use tracehold_testnet::client::Client;
use tracehold_testnet::measure::{self, Latencies};

use super::machine::chunks;
use super::sale::{Names, Wanted};
use super::{Agreements, Rate, Through};
use crate::cli::Failure;
use crate::cli::bench::ingest::{Finality, wait_agree};
use crate::cli::init::now;
use crate::keystore::{AgentSigner, Keystore};

/// Messages of failures that are kept.
const MAX_MESSAGES: usize = 5;
/// The media type of the ledger's own encoding.
const OCTETS: &str = "application/octet-stream";

/// Everybody's keys, and the next number for a transaction.
struct Signers {
    names: Names,
    agents: Vec<AgentSigner>,
    number: AtomicU64,
}

/// What one lane did.
#[derive(Default)]
struct Done {
    committed: u64,
    failed: u64,
    latencies: Latencies,
    messages: Vec<String>,
}

impl Signers {
    fn of(network: &Testnet) -> Result<Signers, Failure> {
        let folder = |error: crate::keystore::KeystoreError| Failure::Folder(error.to_string());
        let name = |error: tracehold_chain::units::NameError| Failure::Fault(error.to_string());
        let mut agents = Vec::new();
        let mut members = Vec::new();
        for node in &network.nodes {
            let keystore = Keystore::open(&node.dir).map_err(folder)?;
            let held = keystore.agents();
            let agent = held.first().and_then(|(id, _)| keystore.agent(id));
            let nobody = || Failure::Folder(format!("{} holds no agent's key", node.name));
            agents.push(agent.ok_or_else(nobody)?);
            members.push(MemberId::new(node.member.clone()).map_err(name)?);
        }
        let chain_id = ChainId::new(network.chain_id.clone()).map_err(name)?;
        // The first member of a test network is its bank.
        let names = Names { chain_id, bank: members[0].clone(), members };
        Ok(Signers { names, agents, number: AtomicU64::new(0) })
    }

    /// Signs, sends and waits until it is committed.
    fn send(&self, client: &Client, wanted: Wanted) -> Result<(), String> {
        let agent = &self.agents[wanted.member];
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let now = now().map_err(|error| error.to_string())?;
        let body = wanted.body(&self.names, &agent.agent_id, number, now);
        let bundle = wanted.bundle(body.sign(&*agent.signer));
        let bytes = codec::encode(&bundle);
        let answer = client.upload("/api/v1/transactions", OCTETS, &bytes);
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status == 201 { Ok(()) } else { Err(answer.problem()) }
    }
}

/// Measures transfers and agreements through the network.
pub(super) fn measure(
    args: &Agreements,
    network: &Testnet,
    stop: &Arc<AtomicBool>,
) -> Result<(Through, bool, Vec<String>), Failure> {
    let signers = Signers::of(network)?;
    let accounts = u64::from(args.accounts);
    open_accounts(network, &signers, accounts)?;
    let mut messages = Vec::new();
    let lanes = usize::from(args.in_flight);
    let names = &signers.names;
    let transfers = load(network, lanes, args.transfers, stop, &mut messages, |client, n, done| {
        done.step(|| signers.send(client, names.transfer(n, accounts)));
    });
    let begun = now()?;
    let steps = load(network, lanes, args.agreements, stop, &mut messages, |client, n, done| {
        for step in names.sale(n, begun, accounts) {
            if !done.step(|| signers.send(client, step)) {
                break;
            }
        }
    });
    let agree = wait_agree(network);
    messages.truncate(MAX_MESSAGES);
    Ok((Through { transfers, agreement_steps: steps }, agree, messages))
}

fn open_accounts(network: &Testnet, signers: &Signers, accounts: u64) -> Result<(), Failure> {
    let names = &signers.names;
    let client = network.nodes[0].client();
    for member in 0..names.members.len() {
        for part in chunks(accounts, MAX_COMMANDS_PER_TRANSACTION as u64) {
            for wanted in [names.open(member, part.clone()), names.issue(member, part)] {
                signers.send(&client, wanted).map_err(Failure::Refused)?;
            }
        }
    }
    Ok(())
}

impl Done {
    /// Does one thing and times it; whether it was done.
    fn step(&mut self, act: impl FnOnce() -> Result<(), String>) -> bool {
        let since = Instant::now();
        let done = act();
        match done {
            Ok(()) => {
                self.committed += 1;
                self.latencies.add(since.elapsed());
                true
            }
            Err(message) => {
                self.failed += 1;
                if self.messages.len() < MAX_MESSAGES {
                    self.messages.push(message);
                }
                false
            }
        }
    }
}

/// Does numbers `0..count` at all nodes at once, `in_flight` at each.
fn load(
    network: &Testnet,
    in_flight: usize,
    count: u64,
    stop: &AtomicBool,
    messages: &mut Vec<String>,
    act: impl Fn(&Client, u64, &mut Done) + Sync,
) -> Rate {
    let cpu = || network.nodes.iter().map(|node| measure::cpu_time(node.pid())).sum::<Duration>();
    let next = AtomicU64::new(0);
    let (cpu_before, since) = (cpu(), Instant::now());
    let mut all = Done::default();
    thread::scope(|scope| {
        let nodes = network.nodes.iter().cycle().take(network.nodes.len() * in_flight);
        let lanes: Vec<_> = nodes
            .map(|node| {
                let (client, next, act) = (node.client(), &next, &act);
                scope.spawn(move || {
                    let mut done = Done::default();
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        act(&client, number, &mut done);
                    }
                    done
                })
            })
            .collect();
        for lane in lanes {
            let done = lane.join().expect("a lane never panics");
            all.committed += done.committed;
            all.failed += done.failed;
            all.latencies.merge(done.latencies);
            all.messages.extend(done.messages);
        }
    });
    let elapsed = since.elapsed();
    let used = cpu().saturating_sub(cpu_before);
    messages.append(&mut all.messages);
    let each = |total: u128, by: u128| u64::try_from(total / by.max(1)).unwrap_or(u64::MAX);
    Rate {
        committed: all.committed,
        failed: all.failed,
        seconds: elapsed.as_secs_f64(),
        per_s: each(u128::from(all.committed) * 1_000_000, elapsed.as_micros()),
        cpu_us_each: each(used.as_micros(), u128::from(all.committed)),
        finality_ms: Some(Finality::of(&mut all.latencies)),
    }
}
