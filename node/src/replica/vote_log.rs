//! What the vote log holds.
//!
//! Everything that decides what this node signs next: votes, proposals, timeouts, values and their
//! validity, proofs of lock. Feeding them to a fresh core in the same order brings it back to where
//! it was. Beside them the **bytes of each block**, before the record that says they are held and
//! valid: more than two thirds of the validators then hold a block durably before it can be
//! decided, so a decided height can always be served, whoever crashes.

use std::sync::Arc;
use std::time::Duration;

use malachitebft_core_consensus::{Input as CoreInput, ProposedValue};
use malachitebft_core_types::{Round, Timeout, TimeoutKind, Validity, ValueOrigin};
use serde::{Deserialize, Serialize};
use tracehold_chain::block::BlockId;
use tracehold_chain::codec;
use tracehold_chain::consensus::LedgerContext;
use tracehold_chain::consensus::message::{PolkaMessage, ProposalMessage, VoteMessage};
use tracehold_chain::keys::PublicKey;
use tracehold_chain::units::Height;

/// A record of the vote log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// The encoded bytes of a block.
    Block(Arc<[u8]>),
    /// Anything else.
    Step(Step),
}

/// An input that the core had taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    Vote(VoteMessage),
    Proposal(ProposalMessage),
    Timeout(TimeoutStep, u32),
    Value(ValueStep),
    Polka(PolkaMessage),
}

/// Which timeout fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TimeoutStep {
    Propose,
    Prevote,
    Precommit,
}

/// That a block's bytes are held, and whether they are valid here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ValueStep {
    pub(super) round: u32,
    pub(super) valid_round: Option<u32>,
    pub(super) proposer: PublicKey,
    pub(super) block_id: BlockId,
    pub(super) valid: bool,
}

const TAG_STEP: u8 = 0;
const TAG_BLOCK: u8 = 1;
const HEIGHT_BYTES: usize = 8;

impl Record {
    /// The record's bytes: a kind, the height, and the content. A block's bytes are put in as they
    /// are.
    pub(super) fn encode(&self, height: Height) -> Vec<u8> {
        let (tag, content): (u8, &[u8]) = match self {
            Record::Block(bytes) => (TAG_BLOCK, bytes),
            Record::Step(step) => (TAG_STEP, &codec::encode(step)),
        };
        [&[tag], &height.0.to_le_bytes()[..], content].concat()
    }

    /// Reads a record and its height; `None` when the bytes are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Height, Record)> {
        let (tag, rest) = bytes.split_first()?;
        let (height, content) = rest.split_first_chunk::<HEIGHT_BYTES>()?;
        let record = match *tag {
            TAG_STEP => Record::Step(codec::decode(content).ok()?),
            TAG_BLOCK => Record::Block(content.into()),
            _ => return None,
        };
        Some((Height(u64::from_le_bytes(*height)), record))
    }
}

impl Step {
    /// The step for an input that the core wants logged.
    ///
    /// # Panics
    /// When the core logs what it says it never logs.
    pub(super) fn of_input(input: &CoreInput<LedgerContext>) -> Step {
        match input {
            CoreInput::Vote(vote) => Step::Vote(vote.into()),
            CoreInput::Proposal(proposal) => Step::Proposal(proposal.into()),
            CoreInput::PolkaCertificate(polka) => Step::Polka(polka.into()),
            CoreInput::TimeoutElapsed(timeout) => {
                let step = match timeout.kind {
                    TimeoutKind::Propose => TimeoutStep::Propose,
                    TimeoutKind::Prevote => TimeoutStep::Prevote,
                    TimeoutKind::Precommit => TimeoutStep::Precommit,
                    TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => {
                        panic!("only timeouts of the state machine are logged")
                    }
                };
                Step::Timeout(step, number(timeout.round))
            }
            CoreInput::ProposedValue(value, _) => Step::Value(ValueStep {
                round: number(value.round),
                valid_round: value.valid_round.as_u32(),
                proposer: value.proposer,
                block_id: value.value,
                valid: value.validity.is_valid(),
            }),
            CoreInput::StartHeight(..)
            | CoreInput::RoundCertificate(_)
            | CoreInput::Propose(_)
            | CoreInput::SyncValueResponse(_) => panic!("the core does not log this input"),
        }
    }

    /// The input to feed to the core again.
    pub(super) fn to_input(&self, height: Height) -> CoreInput<LedgerContext> {
        match self {
            Step::Vote(vote) => CoreInput::Vote((*vote).into()),
            Step::Proposal(proposal) => CoreInput::Proposal((*proposal).into()),
            Step::Polka(polka) => CoreInput::PolkaCertificate(polka.clone().into()),
            Step::Timeout(step, round) => {
                let kind = match step {
                    TimeoutStep::Propose => TimeoutKind::Propose,
                    TimeoutStep::Prevote => TimeoutKind::Prevote,
                    TimeoutStep::Precommit => TimeoutKind::Precommit,
                };
                CoreInput::TimeoutElapsed(Timeout::new(Round::new(*round), kind))
            }
            Step::Value(value) => {
                let value = ProposedValue {
                    height,
                    round: Round::new(value.round),
                    valid_round: Round::from(value.valid_round),
                    proposer: value.proposer,
                    value: value.block_id,
                    validity: Validity::from_bool(value.valid),
                };
                CoreInput::ProposedValue(value, ValueOrigin::Consensus)
            }
        }
    }
}

fn number(round: Round) -> u32 {
    round.as_u32().expect("the core logs what happened in a round")
}

/// How long the core's timeouts last: the propose timeout and the vote timeouts of the genesis
/// parameters in round 0, and half as much again with each further round, at most
/// [`MAX_TIMEOUT_MS`].
pub(super) fn timeout_ms(timeout: &Timeout, propose_ms: u64, vote_ms: u64) -> u64 {
    let base = match timeout.kind {
        TimeoutKind::Propose => propose_ms,
        TimeoutKind::Prevote | TimeoutKind::Precommit => vote_ms,
        TimeoutKind::Rebroadcast => propose_ms.saturating_add(vote_ms.saturating_mul(2)),
        TimeoutKind::FinalizeHeight(duration) => millis(duration),
    };
    let round = u64::from(timeout.round.as_u32().unwrap_or(0));
    base.saturating_add((base / 2).saturating_mul(round)).min(MAX_TIMEOUT_MS.max(base))
}

/// No timeout grows beyond this: a network that was cut apart for long comes together again within
/// about a minute of being whole.
pub(super) const MAX_TIMEOUT_MS: u64 = 30_000;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracehold_chain::certificate::VoteKind;
    use tracehold_chain::digest::Digest;
    use tracehold_chain::keys::Signature;

    #[test]
    fn records_are_read_as_written_and_fed_as_they_were() {
        let value = ValueStep {
            round: 1,
            valid_round: Some(0),
            proposer: PublicKey([3; 32]),
            block_id: BlockId(Digest([4; 32])),
            valid: false,
        };
        let vote = VoteMessage {
            kind: VoteKind::Prevote,
            height: Height(8),
            round: 1,
            block_id: None,
            validator: PublicKey([3; 32]),
            signature: Signature([5; 64]),
        };
        for step in [Step::Value(value), Step::Vote(vote), Step::Timeout(TimeoutStep::Precommit, 7)]
        {
            let record = Record::Step(step.clone());
            let bytes = record.encode(Height(8));
            assert_eq!(Record::decode(&bytes), Some((Height(8), record)));
            assert_eq!(Step::of_input(&step.to_input(Height(8))), step);
        }
        let block = Record::Block(Arc::from(&b"bytes"[..]));
        assert_eq!(Record::decode(&block.encode(Height(9))), Some((Height(9), block)));
        for junk in [&[][..], &[0; 9], &[7; 20], &[1, 2, 3]] {
            assert_eq!(Record::decode(junk), None);
        }
    }

    #[test]
    fn each_round_waits_half_as_long_again_up_to_a_limit() {
        let after =
            |round| timeout_ms(&Timeout::new(Round::new(round), TimeoutKind::Propose), 1_000, 500);
        assert_eq!([after(0), after(1), after(2)], [1_000, 1_500, 2_000]);
        assert_eq!(after(u32::MAX), MAX_TIMEOUT_MS);
    }
}
