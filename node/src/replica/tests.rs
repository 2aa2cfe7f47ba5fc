//! Single replicas, poked: what they answer, and in which order.

use std::sync::Arc;

use malachitebft_core_types::{NilOrVal, Round};
use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::VoteKind;
use tracehold_chain::codec;
use tracehold_chain::consensus::message::{
    Gossip, ProposalMessage, Request, Response, RoundMessage, VoteMessage, decode_gossip,
};
use tracehold_chain::consensus::{Vote, proposal_digest, proposer};
use tracehold_chain::digest::Digest;
use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{PublicKey, SecretKey, Signer};
use tracehold_chain::mempool::MempoolLimits;
use tracehold_chain::money::{AccountId, AssetTerms, Money, MoneyAction, MoneyCommand, Purpose};
use tracehold_chain::state::MemoryTable;
use tracehold_chain::transaction::{Bundle, Command, Nonce, TransactionBody};
use tracehold_chain::units::{AgentId, ChainId, Height, MemberId, NodeName, TimestampMs};
use tracehold_contracts::Ledger;

use super::vote_log::{Record, Step};
use super::{Effect, Input, Replica, ReplicaParts, TimerId, TimerStep};

const START: TimestampMs = TimestampMs(1_780_000_000_000);

fn key(index: u8) -> SecretKey {
    SecretKey::from_seed(&[index; 32])
}

fn agent(index: u8) -> AgentId {
    format!("m{index}/app").parse().unwrap()
}

fn genesis(validators: u8) -> Genesis {
    let member = |index: u8| Member {
        id: MemberId::new(format!("m{index}")).unwrap(),
        name: String::new(),
        gs1_company_prefixes: vec!["*".into()],
        glns: Vec::new(),
        roles: vec![MemberRole::Bank],
        agents: vec![Agent { id: agent(index), public_key: key(index).public_key() }],
        nodes: vec![Node {
            name: NodeName::new(format!("n{index}")).unwrap(),
            public_key: key(index).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    };
    Genesis {
        chain_id: ChainId::new("replica-test").unwrap(),
        created_at: START,
        parameters: Parameters { state_buckets_log2: 4, ..Parameters::default() },
        members: (1..=validators).map(member).collect(),
    }
}

struct Rig {
    genesis: Genesis,
    replica: Replica,
    now: TimestampMs,
}

impl Rig {
    /// The replica of validator `index` in a network of `validators`, with this vote log.
    fn new(validators: u8, index: u8, votes: Vec<Vec<u8>>) -> Rig {
        let genesis = genesis(validators);
        let ledger = Ledger::open(&genesis, Arc::new(MemoryTable::default())).unwrap();
        let replica = Replica::new(ReplicaParts {
            ledger,
            signer: Arc::new(key(index)),
            blocks: Box::new(|_| None),
            votes,
            mempool: MempoolLimits::default(),
        });
        Rig { genesis, replica, now: START }
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        self.replica.step(self.now, input)
    }

    /// Starts it when the idle interval after genesis is over, so that a height begins at once.
    fn start_late(&mut self) -> Vec<Effect> {
        self.now = START.plus_ms(self.genesis.parameters.idle_block_interval_ms);
        self.step(Input::Start)
    }

    fn gossip(&mut self, gossip: &Gossip) -> Vec<Effect> {
        let from = key(2).public_key();
        self.step(Input::Gossip { from, bytes: codec::encode(gossip) })
    }

    /// The index of the validator that proposes in `round` of `height`.
    fn proposer(&self, height: u64, round: u32) -> u8 {
        let set = self.genesis.validators().unwrap();
        let turn = proposer(&set, Height(height), round).public_key;
        (1..=16).find(|index| key(*index).public_key() == turn).unwrap()
    }

    fn vote(&self, index: u8, kind: VoteKind, height: u64, id: Option<BlockId>) -> Gossip {
        let vote = Vote {
            height: Height(height),
            round: Round::new(0),
            kind,
            value: id.map_or(NilOrVal::Nil, NilOrVal::Val),
            validator: key(index).public_key(),
        };
        let signature = key(index).sign(&vote.digest(&self.genesis.chain_id));
        Gossip::Vote(VoteMessage {
            kind,
            height: vote.height,
            round: 0,
            block_id: id,
            validator: vote.validator,
            signature,
        })
    }

    fn proposal(&self, index: u8, height: u64, block_id: BlockId) -> Gossip {
        let height = Height(height);
        let digest = proposal_digest(&self.genesis.chain_id, height, 0, block_id, None);
        Gossip::Proposal(ProposalMessage {
            height,
            round: 0,
            block_id,
            pol_round: None,
            proposer: key(index).public_key(),
            signature: key(index).sign(&digest),
        })
    }
}

fn records(effects: &[Effect]) -> Vec<Vec<u8>> {
    let record = |effect: &Effect| match effect {
        Effect::AppendVote(record) => Some(record.clone()),
        _ => None,
    };
    effects.iter().filter_map(record).collect()
}

fn sent(effects: &[Effect]) -> Vec<Gossip> {
    let message = |effect: &Effect| match effect {
        Effect::Broadcast { bytes, .. } => Some(decode_gossip(bytes).unwrap()),
        _ => None,
    };
    effects.iter().filter_map(message).collect()
}

fn proposed(effects: &[Effect]) -> Option<BlockId> {
    sent(effects).iter().find_map(|gossip| match gossip {
        Gossip::Proposal(proposal) => Some(proposal.block_id),
        _ => None,
    })
}

fn votes_of(effects: &[Effect], index: u8) -> Vec<VoteMessage> {
    let ours = |gossip: Gossip| match gossip {
        Gossip::Vote(vote) if vote.validator == key(index).public_key() => Some(vote),
        _ => None,
    };
    sent(effects).into_iter().filter_map(ours).collect()
}

fn place(effects: &[Effect], what: fn(&Effect) -> bool) -> usize {
    effects.iter().position(what).expect("the effect is there")
}

const STRANGE: BlockId = BlockId(Digest([9; 32]));

/// Pitfall: a proposer that crashes between logging its value and its proposal, twice, and builds
/// a new block each time, loses its own prevote at replay.
#[test]
fn a_proposer_comes_back_with_the_value_it_had_logged() {
    let index = Rig::new(4, 1, vec![]).proposer(1, 0);
    let mut log = Vec::new();
    let mut first = None;
    for crash in 0..4 {
        let mut rig = Rig::new(4, index, log.clone());
        rig.now = START.plus_ms(20_000 + crash * 100);
        let effects = rig.step(Input::Start);
        let id = proposed(&effects).expect("it proposes");
        assert_eq!(*first.get_or_insert(id), id, "after crash {crash}");
        // Everything up to its proposal is lost but the block and the value.
        log.extend(records(&effects).into_iter().take_while(|record| {
            !matches!(Record::decode(record), Some((_, Record::Step(Step::Proposal(_)))))
        }));
    }
    let values = log
        .iter()
        .filter(|record| matches!(Record::decode(record), Some((_, Record::Step(Step::Value(_))))));
    assert!(values.count() >= 4, "the crashes fell where they should");
}

/// Promise: what was said before a crash is said again and nothing else.
#[test]
fn a_replay_says_the_same_again() {
    let index = Rig::new(4, 1, vec![]).proposer(1, 0);
    let before = Rig::new(4, index, vec![]).start_late();
    let mut rig = Rig::new(4, index, records(&before));
    rig.now = START.plus_ms(30_000);
    let after = rig.step(Input::Start);
    assert_eq!(proposed(&after), proposed(&before));
    assert_eq!(votes_of(&after, index), votes_of(&before, index));
    assert!(records(&after).is_empty(), "all of it is in the log already");
}

/// Pitfall: a vote in the log that the core does not arrive at again. The node then follows the
/// height and signs nothing, whatever happens.
#[test]
fn a_node_that_cannot_explain_its_vote_abstains() {
    let rig = Rig::new(4, 1, vec![]);
    let other = if rig.proposer(1, 0) == 1 { 2 } else { 1 };
    let Gossip::Vote(vote) = rig.vote(other, VoteKind::Prevote, 1, Some(STRANGE)) else {
        unreachable!()
    };
    let record = Record::Step(Step::Vote(vote)).encode(Height(1));
    let mut rig = Rig::new(4, other, vec![record]);
    let effects = rig.start_late();
    assert!(votes_of(&effects, other).is_empty());
    assert!(rig.replica.abstaining);
    let generation = rig.replica.generation;
    let id = TimerId::Consensus { step: TimerStep::Propose, round: 0, generation };
    let effects = rig.step(Input::Timer(id));
    assert!(!records(&effects).is_empty(), "the timeout counts");
    assert!(votes_of(&effects, other).is_empty(), "and brings no vote");
}

/// Pitfall: junk and messages of strangers must cost nothing and start nothing.
#[test]
fn unauthenticated_messages_do_nothing() {
    let mut rig = Rig::new(4, 1, vec![]);
    rig.step(Input::Start);
    let is_quiet =
        |effects: &[Effect]| effects.iter().all(|effect| matches!(effect, Effect::SetTimer { .. }));
    let from = key(2).public_key();
    assert!(is_quiet(&rig.step(Input::Gossip { from, bytes: vec![7; 300] })));
    let stranger = rig.vote(9, VoteKind::Prevote, 1, None);
    assert!(is_quiet(&rig.gossip(&stranger)));
    let Gossip::Vote(mut forged) = rig.vote(2, VoteKind::Prevote, 1, None) else { unreachable!() };
    forged.block_id = Some(STRANGE);
    assert!(is_quiet(&rig.gossip(&Gossip::Vote(forged))));
    let wrong = if rig.proposer(1, 0) == 2 { 3 } else { 2 };
    let proposal = rig.proposal(wrong, 1, STRANGE);
    assert!(is_quiet(&rig.gossip(&proposal)), "not its turn");
    assert!(!rig.replica.running && rig.replica.early.take(Height(1)).is_empty());
    let unasked = Input::Response { id: 77, answer: Some(vec![1, 2, 3]) };
    assert!(is_quiet(&rig.step(unasked)));
}

/// Promise: one validator cannot drive an idle network to make blocks; more than a third of them
/// can, and so can the one whose turn it is.
#[test]
fn a_height_begins_with_the_others() {
    let mut rig = Rig::new(4, 1, vec![]);
    rig.step(Input::Start);
    for kind in [VoteKind::Prevote, VoteKind::Precommit] {
        let vote = rig.vote(2, kind, 1, None);
        rig.gossip(&vote);
    }
    assert!(!rig.replica.running);
    let vote = rig.vote(3, VoteKind::Prevote, 1, None);
    rig.gossip(&vote);
    assert!(rig.replica.running);

    let proposer = rig.proposer(1, 0);
    let me = if proposer == 1 { 2 } else { 1 };
    let mut rig = Rig::new(4, me, vec![]);
    rig.step(Input::Start);
    let proposal = rig.proposal(proposer, 1, STRANGE);
    rig.gossip(&proposal);
    assert!(rig.replica.running);
}

/// Pitfall: the core buffers messages of later heights before it checks signatures.
#[test]
fn what_comes_early_is_bounded_and_nothing_far_ahead_is_kept() {
    let mut rig = Rig::new(4, 1, vec![]);
    rig.start_late();
    let next = rig.vote(2, VoteKind::Prevote, 2, None);
    rig.gossip(&next);
    let far = rig.vote(2, VoteKind::Prevote, 3, None);
    rig.gossip(&far);
    assert!(rig.replica.early.heights().eq([Height(2)]));
    for n in 0..100 {
        let id = BlockId(Digest([n; 32]));
        let vote = rig.vote(2, VoteKind::Prevote, 2, Some(id));
        rig.gossip(&vote);
    }
    let kept = rig.replica.early.take(Height(2)).len();
    assert!((1..=32).contains(&kept), "{kept}");
}

/// Promise: blocks are fetched by digest, from the proposer first, and then from the others.
#[test]
fn a_proposed_block_is_fetched() {
    let rig = Rig::new(4, 1, vec![]);
    let proposer = rig.proposer(1, 0);
    let me = if proposer == 1 { 2 } else { 1 };
    let mut rig = Rig::new(4, me, vec![]);
    for index in (1..=4).filter(|index| *index != me) {
        rig.step(Input::PeerUp(key(index).public_key()));
    }
    rig.start_late();
    let proposal = rig.proposal(proposer, 1, STRANGE);
    let asked = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Request { to, bytes, id } => {
                let wanted = Request::Block { height: Height(1), id: STRANGE };
                assert_eq!(codec::decode::<Request>(bytes), Ok(wanted));
                Some((*to, *id))
            }
            _ => None,
        })
    };
    let effects = rig.gossip(&proposal);
    let (first, id) = asked(&effects).expect("it asks");
    assert_eq!(first, key(proposer).public_key());
    let synced = place(&effects, |effect| matches!(effect, Effect::SyncVotes));
    assert!(synced < place(&effects, |effect| matches!(effect, Effect::Request { .. })));
    let (second, _) = asked(&rig.step(Input::Response { id, answer: None })).expect("it asks");
    assert_ne!(first, second);
    let (third, _) = asked(&rig.step(Input::Timer(TimerId::Fetch(STRANGE)))).expect("it asks");
    assert!(third != first && third != second);
}

/// Promise: nothing that a peer can send makes a replica panic or stop.
#[test]
fn damaged_messages_are_dropped() {
    let mut rig = Rig::new(4, 1, vec![]);
    let peer = key(2).public_key();
    rig.step(Input::PeerUp(peer));
    rig.start_late();
    let block = codec::encode(&rig.genesis);
    let request = codec::encode(&Request::Block { height: Height(1), id: STRANGE });
    let decided = Response::Decided(vec![&block, &[1, 2, 3]]).encode();
    let samples = [
        codec::encode(&rig.vote(2, VoteKind::Prevote, 1, None)),
        codec::encode(&rig.proposal(rig.proposer(1, 0), 1, STRANGE)),
        codec::encode(&Gossip::Round(RoundMessage {
            height: Height(1),
            round: 0,
            skip: true,
            votes: Vec::new(),
        })),
        request,
        decided,
        Response::Block(&block).encode(),
    ];
    let mut state: u64 = 7;
    let mut draw = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % bound
    };
    for round in 0..3_000 {
        let mut bytes = samples[draw(samples.len())].clone();
        for _ in 0..draw(4) {
            let place = draw(bytes.len());
            bytes[place] ^= 1 << draw(8);
        }
        bytes.truncate(bytes.len() - draw(3).min(bytes.len()));
        let input = match round % 3 {
            0 => Input::Gossip { from: peer, bytes },
            1 => Input::Request { from: peer, id: round, bytes },
            _ => Input::Response { id: round % 7, answer: Some(bytes) },
        };
        let effects = rig.step(input);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Halt(_))));
    }
    assert_eq!(rig.replica.ledger().head().height, Height(0));
}

/// Promise: an idle network makes a block only when the idle interval is over.
#[test]
fn nothing_begins_while_nothing_waits() {
    let mut rig = Rig::new(4, 1, vec![]);
    rig.now = START.plus_ms(1_000);
    let effects = rig.step(Input::Start);
    let idle = rig.genesis.parameters.idle_block_interval_ms;
    let pace = effects.iter().find_map(|effect| match effect {
        Effect::SetTimer { id: TimerId::Pace, after_ms } => Some(*after_ms),
        _ => None,
    });
    assert_eq!(pace, Some(idle - 1_000));
    rig.now = rig.now.plus_ms(idle - 1_001);
    rig.step(Input::Timer(TimerId::Pace));
    assert!(!rig.replica.running);
    rig.now = rig.now.plus_ms(1);
    rig.step(Input::Timer(TimerId::Pace));
    assert!(rig.replica.running);
}

/// Promise: votes are synced before they leave, a block before it is published, and the votes of
/// its height are dropped only by a later step.
#[test]
fn effects_keep_the_order_of_durability() {
    let mut rig = Rig::new(1, 1, vec![]);
    let effects = rig.start_late();
    let votes = place(&effects, |effect| matches!(effect, Effect::SyncVotes));
    let append = place(&effects, |effect| matches!(effect, Effect::AppendBlock { .. }));
    let blocks = place(&effects, |effect| matches!(effect, Effect::SyncBlocks));
    let commit = place(&effects, |effect| matches!(effect, Effect::Commit { .. }));
    let send = place(&effects, |effect| {
        matches!(effect, Effect::Broadcast { bytes, .. }
            if !matches!(decode_gossip(bytes), Ok(Gossip::Status(_))))
    });
    assert!(votes < append && append < blocks && blocks < commit && blocks < send);
    let resets = |effects: &[Effect], height: u64| {
        effects.iter().any(|e| matches!(e, Effect::ResetVotes(reset) if *reset == Height(height)))
    };
    assert!(resets(&effects, 1) && !resets(&effects, 2));
    rig.now = rig.now.plus_ms(rig.genesis.parameters.idle_block_interval_ms);
    let effects = rig.step(Input::Timer(TimerId::Pace));
    assert!(resets(&effects, 2));
    assert_eq!(rig.replica.ledger().head().height, Height(2));
}

/// Promise: a boast about a height makes nobody believe that this node lags.
#[test]
fn one_validator_alone_is_not_believed_to_be_ahead() {
    let mut rig = Rig::new(4, 1, vec![]);
    let peers: Vec<PublicKey> = (2..=4).map(|index| key(index).public_key()).collect();
    for peer in &peers {
        rig.step(Input::PeerUp(*peer));
    }
    let say = |rig: &mut Rig, from: PublicKey, height: u64| {
        let height = Height(height);
        let status = tracehold_chain::consensus::message::StatusMessage {
            height,
            version: "1.2.3".to_owned(),
        };
        rig.step(Input::Gossip { from, bytes: codec::encode(&Gossip::Status(status)) })
    };
    say(&mut rig, peers[0], u64::MAX);
    assert_eq!(rig.replica.status().behind, 0);
    say(&mut rig, peers[1], 7);
    assert_eq!(rig.replica.status().behind, 7);
}

/// Promise P93: what a node last said of itself is kept, also when there is no connection to it,
/// and what no version can be is not taken.
#[test]
fn what_a_node_says_of_itself_is_kept() {
    let mut rig = Rig::new(4, 1, vec![]);
    let far = key(3).public_key();
    let say = |rig: &mut Rig, height: u64, version: &str| {
        let status = tracehold_chain::consensus::message::StatusMessage {
            height: Height(height),
            version: version.to_owned(),
        };
        rig.step(Input::Gossip { from: far, bytes: codec::encode(&Gossip::Status(status)) });
    };
    assert!(rig.replica.heard().is_empty());
    say(&mut rig, 9, "1.2.3-rc.1");
    let first = rig.replica.heard()[&far].clone();
    assert_eq!((first.height, first.version.as_str()), (Height(9), "1.2.3-rc.1"));
    for wrong in ["", "1.0\n", "1.0 \u{202E}", &"1".repeat(33)] {
        say(&mut rig, 12, wrong);
        assert_eq!(rig.replica.heard()[&far], first, "{wrong:?}");
    }
    rig.now = rig.now.plus_ms(5_000);
    say(&mut rig, 4, "1.2.4");
    let last = &rig.replica.heard()[&far];
    assert_eq!((last.height, last.version.as_str()), (Height(4), "1.2.4"), "the last word counts");
    assert_eq!(last.at.since_ms(first.at), 5_000);
}

/// A transaction of the first member: its bank makes money and sets it aside, once for each of
/// these times.
fn holds(until: &[TimestampMs]) -> Bundle {
    let money = |cents: u64| {
        let asset = "EUR@m1".parse().unwrap();
        Money { asset, amount: cents.try_into().unwrap() }
    };
    let account = |purpose| AccountId::of(MemberId::new("m1").unwrap(), purpose);
    let savings = Purpose::new("savings").unwrap();
    let command = |account: &Purpose, name: String, action| {
        let reference = name.try_into().unwrap();
        Command::Money(MoneyCommand { account: account.clone(), reference, action })
    };
    let issue = MoneyAction::Issue {
        money: money(100),
        to: account(Purpose::main()),
        terms: AssetTerms::Cash,
    };
    let open = MoneyAction::SetRule(tracehold_chain::money::ApprovalRule::OneAgent);
    let mut commands =
        vec![command(&Purpose::issuance(), "i".into(), issue), command(&savings, "o".into(), open)];
    for (index, expires_at) in until.iter().enumerate() {
        let to = account(savings.clone());
        let hold = MoneyAction::Hold { money: money(1), to, expires_at: *expires_at };
        commands.push(command(&Purpose::main(), format!("h{index}"), hold));
    }
    let body = TransactionBody {
        chain_id: ChainId::new("replica-test").unwrap(),
        sender: agent(1),
        nonce: Nonce([0; 16]),
        expires_at: START.plus_ms(60_000),
        commands,
    };
    Bundle { transaction: body.sign(&key(1)), events: Vec::new() }
}

fn pace_timer(effects: &[Effect]) -> Option<u64> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::SetTimer { id: TimerId::Pace, after_ms } => Some(*after_ms),
        _ => None,
    })
}

fn commits(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Commit { .. })).count()
}

/// Promise P71: what is due is work. A block is made for it at its time although nothing waits, not
/// before the minimum interval is over, and then the network idles as before.
#[test]
fn a_deadline_makes_a_block() {
    let mut rig = Rig::new(1, 1, vec![]);
    rig.now = START.plus_ms(1_000);
    rig.step(Input::Start);
    let until = [START.plus_ms(4_000), START.plus_ms(4_010)];
    let effects = rig.step(Input::Submit { ticket: 1, bundle: Arc::new(holds(&until)) });
    assert_eq!(commits(&effects), 1, "work is done at once");
    assert_eq!(rig.replica.ledger().next_due(), Some(until[0]));
    assert_eq!(pace_timer(&effects), Some(3_000), "the timer is set for the deadline");

    rig.now = until[0].plus_ms(0);
    let effects = rig.step(Input::Timer(TimerId::Pace));
    assert_eq!(commits(&effects), 1);
    assert_eq!(rig.replica.ledger().head().block_time, until[0]);
    assert_eq!(rig.replica.ledger().next_due(), Some(until[1]));
    let min = rig.genesis.parameters.min_block_interval_ms;
    assert_eq!(pace_timer(&effects), Some(min), "not before the minimum interval");

    rig.now = until[0].plus_ms(min);
    let effects = rig.step(Input::Timer(TimerId::Pace));
    assert_eq!((commits(&effects), rig.replica.ledger().next_due()), (1, None));
    let idle = rig.genesis.parameters.idle_block_interval_ms;
    assert_eq!(pace_timer(&effects), Some(idle), "nothing is due any more");
}

/// Promise P71: what became due while a node was away is done as soon as it is back.
#[test]
fn a_deadline_that_passed_meanwhile_makes_a_block() {
    let until = [START.plus_ms(1_500)];
    let mut rig = Rig::new(1, 1, vec![]);
    rig.now = START.plus_ms(1_000);
    rig.step(Input::Start);
    rig.step(Input::Submit { ticket: 1, bundle: Arc::new(holds(&until)) });
    // The timer comes late.
    rig.now = START.plus_ms(9_000);
    let effects = rig.step(Input::Timer(TimerId::Pace));
    assert_eq!((commits(&effects), rig.replica.ledger().next_due()), (1, None));
}

/// Promise P71: a validator joins in a block that its proposer makes for a deadline.
#[test]
fn validators_vote_for_a_block_without_transactions_that_does_what_is_due() {
    let rig = Rig::new(4, 1, vec![]);
    let proposer = rig.proposer(2, 0);
    let mut validators: Vec<Rig> = (1..=4).map(|index| Rig::new(4, index, vec![])).collect();
    let mut queue: std::collections::VecDeque<(usize, Vec<Effect>)> =
        std::collections::VecDeque::new();
    let until = [START.plus_ms(4_000)];
    for (index, rig) in validators.iter_mut().enumerate() {
        rig.now = START.plus_ms(1_000);
        queue.push_back((index, rig.step(Input::Start)));
        for other in (1..=4).filter(|other| usize::from(*other) != index + 1) {
            queue.push_back((index, rig.step(Input::PeerUp(key(other).public_key()))));
        }
    }
    let bundle = Arc::new(holds(&until));
    queue.push_back((0, validators[0].step(Input::Submit { ticket: 1, bundle })));
    deliver(&mut validators, &mut queue);
    assert!(validators.iter().all(|v| v.replica.ledger().next_due() == Some(until[0])));

    for rig in &mut validators {
        rig.now = until[0];
    }
    // Only the proposer's timer has fired so far.
    let effects = validators[usize::from(proposer) - 1].step(Input::Timer(TimerId::Pace));
    queue.push_back((usize::from(proposer) - 1, effects));
    deliver(&mut validators, &mut queue);
    for rig in &validators {
        let head = rig.replica.ledger().head();
        assert_eq!((head.height, head.block_time), (Height(2), until[0]));
        assert_eq!(rig.replica.ledger().next_due(), None);
    }
}

/// Hands on what replicas send each other until nobody sends anything more.
fn deliver(rigs: &mut [Rig], queue: &mut std::collections::VecDeque<(usize, Vec<Effect>)>) {
    let mut open: std::collections::BTreeMap<u64, (usize, u64)> = std::collections::BTreeMap::new();
    while let Some((from, effects)) = queue.pop_front() {
        let sender = key(u8::try_from(from).unwrap() + 1).public_key();
        for effect in effects {
            match effect {
                Effect::Broadcast { bytes, .. } => {
                    for (to, rig) in rigs.iter_mut().enumerate().filter(|(to, _)| *to != from) {
                        let input = Input::Gossip { from: sender, bytes: bytes.to_vec() };
                        queue.push_back((to, rig.step(input)));
                    }
                }
                Effect::Request { to, id, bytes } => {
                    let to = (1..=4).find(|index| key(*index).public_key() == to).unwrap();
                    let asked = open.len() as u64;
                    open.insert(asked, (from, id));
                    let input = Input::Request { from: sender, id: asked, bytes };
                    queue.push_back((usize::from(to) - 1, rigs[usize::from(to) - 1].step(input)));
                }
                Effect::Respond { id, bytes } => {
                    let (to, id) = open[&id];
                    let input = Input::Response { id, answer: Some(bytes) };
                    queue.push_back((to, rigs[to].step(input)));
                }
                _ => {}
            }
        }
    }
}
