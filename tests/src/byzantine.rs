//! A validator that lies. It runs the replica like the others, and its messages are bent on their
//! way out: other votes to some, other blocks to some, blocks that are wrong, answers with the
//! wrong content, junk.

use std::collections::BTreeMap;

use tracehold_chain::block::{Block, BlockId};
use tracehold_chain::certificate::vote_digest;
use tracehold_chain::codec;
use tracehold_chain::consensus::message::{
    Gossip, ProposalMessage, Request, Response, VoteMessage, decode_gossip, decode_request,
};
use tracehold_chain::consensus::proposal_digest;
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{SecretKey, Signer};
use tracehold_chain::units::ChainId;
use tracehold_contracts::Ledger;

use crate::random::Random;

/// The liar's state: blocks that only it knows.
#[derive(Debug, Default)]
pub struct Liar {
    blocks: BTreeMap<BlockId, Vec<u8>>,
}

impl Liar {
    /// What else to say instead of `bytes` to some of the peers; `None` for nothing else.
    pub fn other(
        &mut self,
        bytes: &[u8],
        key: &SecretKey,
        ledger: &Ledger,
        random: &mut Random,
    ) -> Option<Vec<u8>> {
        if random.per_mille(30) {
            return Some((0..random.below(200)).map(|_| random.bits() as u8).collect());
        }
        let chain_id = ledger.chain_id();
        let other = match decode_gossip(bytes).ok()? {
            Gossip::Vote(vote) if random.per_mille(500) => {
                Gossip::Vote(bent_vote(vote, chain_id, key, random))
            }
            Gossip::Proposal(proposal) if proposal.pol_round.is_none() && random.per_mille(700) => {
                Gossip::Proposal(self.bent_proposal(proposal, key, ledger, random)?)
            }
            _ => return None,
        };
        Some(codec::encode(&other))
    }

    fn bent_proposal(
        &mut self,
        proposal: ProposalMessage,
        key: &SecretKey,
        ledger: &Ledger,
        random: &mut Random,
    ) -> Option<ProposalMessage> {
        if proposal.proposer != key.public_key() {
            return None;
        }
        let later = match random.below(3) {
            0 => random.between(3_000, 60_000),
            _ => random.between(1, 1_500),
        };
        let time = ledger.head().block_time.plus_ms(later);
        let (mut block, _) =
            ledger.propose(time, key.public_key(), &mut std::iter::empty()).ok()?;
        match random.below(4) {
            0 => block.header.state_root = Digest(random.bytes32()),
            1 => block.header.receipts_root = Digest(random.bytes32()),
            _ => {}
        }
        let block_id = block.id();
        self.blocks.insert(block_id, codec::encode(&block));
        // Now and then with a proof of lock that does not exist.
        let ProposalMessage { height, round, .. } = proposal;
        let pol_round = (round > 0 && random.per_mille(400)).then(|| round - 1);
        let digest = proposal_digest(ledger.chain_id(), height, round, block_id, pol_round);
        Some(ProposalMessage { block_id, pol_round, signature: key.sign(&digest), ..proposal })
    }

    /// The liar's own answer to a request; `None` leaves it to the replica.
    pub fn answer(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let Ok(Request::Block { id, .. }) = decode_request(bytes) else { return None };
        self.blocks.get(&id).map(|block| Response::Block(block).encode())
    }

    /// Bends an answer of its replica: the right header over the wrong content, or a byte changed.
    pub fn bend_answer(&self, mut answer: Vec<u8>, random: &mut Random) -> Vec<u8> {
        if random.per_mille(200) {
            let place = random.index(answer.len());
            answer[place] ^= 1 << random.below(8);
            return answer;
        }
        let Some(Response::Block(bytes)) = Response::decode(&answer) else { return answer };
        let Ok(mut block) = codec::decode::<Block>(bytes) else { return answer };
        match random.below(4) {
            0 => {
                block.bundles.pop();
            }
            1 if !block.bundles.is_empty() => {
                let mut bundle = (*block.bundles[0]).clone();
                bundle.events.pop();
                block.bundles[0] = bundle.into();
            }
            _ => return answer,
        }
        Response::Block(&codec::encode(&block)).encode()
    }
}

fn bent_vote(
    vote: VoteMessage,
    chain_id: &ChainId,
    key: &SecretKey,
    random: &mut Random,
) -> VoteMessage {
    let height = match random.per_mille(100) {
        true => tracehold_chain::units::Height(vote.height.0 + random.below(4)),
        false => vote.height,
    };
    let round = match random.per_mille(200) {
        true => vote.round + u32::try_from(random.below(12)).expect("small"),
        false => vote.round,
    };
    let block_id = match (vote.block_id, random.per_mille(500)) {
        (Some(_), true) => None,
        _ => Some(BlockId(Digest(random.bytes32()))),
    };
    let digest = vote_digest(chain_id, vote.kind, height, round, block_id);
    VoteMessage { height, round, block_id, signature: key.sign(&digest), ..vote }
}
