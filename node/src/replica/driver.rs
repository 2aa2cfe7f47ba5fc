//! Drives Malachite's core: one input in, the events it leads to out.
//!
//! The core is a generator that asks for signatures, verifications and sends while it works. Those
//! it needs at once (sign, verify) are answered here; everything else is collected as [`Event`]s,
//! in order, for the replica to turn into effects when the core has finished with the input.
//! Nothing is fed to the core from inside a handler.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use malachitebft_core_consensus::{
    Effect as CoreEffect, Error as CoreError, Input as CoreInput, LivenessMsg, Params, Resumable,
    Resume, SignedConsensusMsg, State, ThresholdParams, ValuePayload, process,
};
use malachitebft_core_types::{Round, SignedMessage, Timeout, VoteExtensionPolicy};
use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::CommitCertificate;
use tracehold_chain::consensus::message::Gossip;
use tracehold_chain::consensus::{LedgerContext, Proposal, Vote, verify};
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{PublicKey, Signature, Signer};
use tracehold_chain::units::{ChainId, Height};
use tracehold_chain::validators::ValidatorSet;

use super::guard::{SignGuard, SignKey, vote_key};

/// Signatures remembered as verified within one height. More are verified each time they come.
const MAX_REMEMBERED_SIGNATURES: usize = 4_096;

/// Something the core wants done once it has finished with an input.
#[derive(Debug)]
pub(super) enum Event {
    /// Put this input into the vote log.
    Log(CoreInput<LedgerContext>),
    /// Tell everybody, after the vote log is synced.
    Send(Gossip),
    /// Our votes go out again; so should our proposal of this round.
    Resent,
    /// Set a timeout.
    Schedule(Timeout),
    /// Forget a timeout.
    Cancel(Timeout),
    /// Forget all timeouts.
    CancelAll,
    /// A round has begun. Whatever value was asked for before is no longer wanted.
    Entered { round: u32, proposer: PublicKey },
    /// This node should propose a value in this round.
    GetValue { round: u32 },
    /// A block is decided.
    Decided(CommitCertificate),
    /// Validators signed two things where one is allowed.
    Evidence(usize),
}

/// Why the core stopped in the middle of an input. Its state is not to be used again.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The sign guard refused a second signature in one place.
    Refused,
    /// The vote log holds a message of ours that the core does not arrive at again.
    Diverged(String),
    /// Anything else that the core calls an error.
    Failed(String),
}

/// The core at one height and what it needs at once.
pub(super) struct Driver {
    state: State<LedgerContext>,
    host: Host,
}

/// Answers the core while it works.
struct Host {
    chain_id: ChainId,
    signer: Arc<dyn Signer>,
    guard: SignGuard,
    /// Signatures verified in this height: key, digest and signature together, so that none of the
    /// three can be exchanged for another.
    verified: BTreeSet<(PublicKey, Digest, Signature)>,
    /// Those of the height before, among which are messages that came early for this one.
    verified_before: BTreeSet<(PublicKey, Digest, Signature)>,
    events: Vec<Event>,
    /// Places of our votes that were sent, to compare with the log after a replay.
    sent: BTreeSet<SignKey>,
    refused: bool,
}

impl Driver {
    /// A core that waits to be started.
    pub(super) fn new(chain_id: ChainId, signer: Arc<dyn Signer>, set: ValidatorSet) -> Driver {
        let host = Host {
            chain_id,
            guard: SignGuard::default(),
            verified: BTreeSet::new(),
            verified_before: BTreeSet::new(),
            events: Vec::new(),
            sent: BTreeSet::new(),
            refused: false,
            signer,
        };
        let state = fresh_state(host.signer.public_key(), Height(1), set, true);
        Driver { state, host }
    }

    /// Throws the core's state away and makes one that waits to be started at `height`. With
    /// `signing` false it follows the protocol and signs nothing.
    pub(super) fn renew(&mut self, height: Height, set: ValidatorSet, signing: bool) {
        self.state = fresh_state(self.host.signer.public_key(), height, set, signing);
        self.host.guard.forget_below(height);
        self.host.verified_before = std::mem::take(&mut self.host.verified);
        self.host.sent.clear();
        self.host.refused = false;
    }

    /// What this node's key has signed.
    pub(super) fn guard(&mut self) -> &mut SignGuard {
        &mut self.host.guard
    }

    /// Feeds one input and collects what follows. When the core stops, the events so far are
    /// returned beside the reason: what it logged before is still to be logged.
    pub(super) fn feed(
        &mut self,
        input: CoreInput<LedgerContext>,
    ) -> (Vec<Event>, Option<Stopped>) {
        let Driver { state, host } = self;
        let result: Result<(), CoreError<LedgerContext>> = process!(
            input: input,
            state: state,
            metrics: &(),
            with: effect => Ok::<_, Infallible>(host.answer(effect))
        );
        let events = std::mem::take(&mut host.events);
        let stopped = result.err().map(|error| match error {
            _ if host.refused => Stopped::Refused,
            CoreError::ReplayDivergence(..) => Stopped::Diverged(error.to_string()),
            other => Stopped::Failed(other.to_string()),
        });
        (events, stopped)
    }

    /// The input that starts `height`. Without a target time the core reads no clock.
    pub(super) fn start_input(height: Height, set: ValidatorSet) -> CoreInput<LedgerContext> {
        CoreInput::StartHeight(height, set, false, None, VoteExtensionPolicy::Disabled)
    }

    /// Marks the beginning of a replay of these inputs: what is ours among them is not signed
    /// again, and bounds that protect against peers do not apply to what was let in before.
    pub(super) fn begin_replay(&mut self, inputs: &[CoreInput<LedgerContext>]) {
        self.state.record_recovered_own_precommit_extensions(inputs);
        self.state.index_wal_entries(inputs);
    }

    /// Marks the end of the replay. Returns the places of our votes that came up.
    pub(super) fn end_replay(&mut self) -> BTreeSet<SignKey> {
        self.state.reset_entries_index();
        self.host.sent.clone()
    }

    /// The round and whether a proposal is awaited in it.
    pub(super) fn waits_for_proposal(&self, round: u32) -> bool {
        self.state.round() == Round::new(round) && self.state.driver.step_is_propose()
    }

    /// The current round; `None` before the height has begun.
    pub(super) fn round(&self) -> Option<u32> {
        self.state.round().as_u32()
    }

    /// Whether more than two thirds prevoted `id` in some round of this height.
    pub(super) fn has_polka(&self, id: BlockId) -> bool {
        self.state.driver.polka_certificates().iter().any(|polka| polka.value_id == id)
    }

    /// Whether `signature` is the validator's signature of `vote`; remembers it if so.
    pub(super) fn verify_vote(&mut self, vote: &Vote, signature: &Signature) -> bool {
        self.host.verify_vote(vote, signature)
    }

    /// Whether `signature` is the proposer's signature of `proposal`; remembers it if so.
    pub(super) fn verify_proposal(&mut self, proposal: &Proposal, signature: &Signature) -> bool {
        self.host.verify(proposal.proposer, proposal.digest(&self.host.chain_id), signature)
    }
}

fn fresh_state(
    address: PublicKey,
    height: Height,
    set: ValidatorSet,
    signing: bool,
) -> State<LedgerContext> {
    let params = Params {
        address,
        threshold_params: ThresholdParams::default(),
        value_payload: ValuePayload::ProposalAndParts,
        enabled: signing,
    };
    // The core's own buffer for later heights stays empty: the replica keeps messages that come
    // early, after checking who signed them.
    const NO_BUFFER: usize = 0;
    State::new(LedgerContext, height, set, params, NO_BUFFER, NO_BUFFER)
}

impl Host {
    fn answer(&mut self, effect: CoreEffect<LedgerContext>) -> Resume<LedgerContext> {
        match effect {
            CoreEffect::CancelAllTimeouts(r) => self.note(Event::CancelAll, r),
            CoreEffect::CancelTimeout(timeout, r) => self.note(Event::Cancel(timeout), r),
            CoreEffect::ScheduleTimeout(timeout, r) => self.note(Event::Schedule(timeout), r),
            CoreEffect::StartRound(_, round, proposer, _, r) => {
                let round = round.as_u32().expect("rounds begin at 0");
                self.note(Event::Entered { round, proposer }, r)
            }
            CoreEffect::GetValue(_, round, _, r) => {
                let round = round.as_u32().expect("values are asked for in a round");
                self.note(Event::GetValue { round }, r)
            }
            CoreEffect::WalAppend(_, input, r) => self.note(Event::Log(input), r),
            CoreEffect::PublishConsensusMsg(message, r) => {
                let gossip = self.publish(&message);
                self.note(Event::Send(gossip), r)
            }
            CoreEffect::PublishLivenessMsg(message, r) => {
                let gossip = match &message {
                    LivenessMsg::Vote(vote) => Gossip::Vote(vote.into()),
                    LivenessMsg::PolkaCertificate(polka) => Gossip::Polka(polka.into()),
                    LivenessMsg::SkipRoundCertificate(round) => Gossip::Round(round.into()),
                };
                self.note(Event::Send(gossip), r)
            }
            CoreEffect::RepublishVote(vote, r) => {
                self.events.push(Event::Resent);
                self.note(Event::Send(Gossip::Vote((&vote).into())), r)
            }
            CoreEffect::RepublishRoundCertificate(certificate, r) => {
                self.note(Event::Send(Gossip::Round((&certificate).into())), r)
            }
            // The bytes are fetched by whoever lacks them; the proposal itself is published.
            CoreEffect::RestreamProposal(_, _, _, _, _, r) => r.resume_with(()),
            CoreEffect::Decide(certificate, _, r) => {
                self.note(Event::Decided(verify::to_ledger(&certificate)), r)
            }
            CoreEffect::Finalize(_, _, evidence, r) => match evidence.is_empty() {
                true => r.resume_with(()),
                false => {
                    let pairs = evidence.votes.iter().map(|(_, pairs)| pairs.len()).sum::<usize>();
                    let more = evidence.proposals.iter().map(|(_, pairs)| pairs.len());
                    self.note(Event::Evidence(pairs + more.sum::<usize>()), r)
                }
            },
            CoreEffect::SignVote(vote, r) => match self.sign_vote(vote) {
                Some(vote) => r.resume_with(vote),
                None => Resume::Continue,
            },
            CoreEffect::SignProposal(proposal, r) => match self.sign_proposal(proposal) {
                Some(proposal) => r.resume_with(proposal),
                None => Resume::Continue,
            },
            verification => self.verify_effect(verification),
        }
    }

    fn verify_effect(&mut self, effect: CoreEffect<LedgerContext>) -> Resume<LedgerContext> {
        use malachitebft_core_consensus::ConsensusMsg;
        match effect {
            CoreEffect::VerifySignature(signed, key, r) => {
                let digest = match &signed.message {
                    ConsensusMsg::Vote(vote) => vote.digest(&self.chain_id),
                    ConsensusMsg::Proposal(proposal) => proposal.digest(&self.chain_id),
                };
                r.resume_with(self.verify(key, digest, &signed.signature))
            }
            CoreEffect::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                let check = &mut |v: &Vote, s: &Signature| self.verify_vote(v, s);
                r.resume_with(verify::commit(&certificate, &set, thresholds, check))
            }
            CoreEffect::VerifyExtendedCommitCertificate(certificate, set, thresholds, _, r) => {
                let check = &mut |v: &Vote, s: &Signature| self.verify_vote(v, s);
                r.resume_with(verify::extended_commit(&certificate, &set, thresholds, check))
            }
            CoreEffect::VerifyPolkaCertificate(certificate, set, thresholds, r) => {
                let check = &mut |v: &Vote, s: &Signature| self.verify_vote(v, s);
                r.resume_with(verify::polka(&certificate, &set, thresholds, check))
            }
            CoreEffect::VerifyRoundCertificate(certificate, set, thresholds, r) => {
                let check = &mut |v: &Vote, s: &Signature| self.verify_vote(v, s);
                r.resume_with(verify::round(&certificate, &set, thresholds, check))
            }
            // Extensions are disabled, and decided blocks are taken over without the core: the
            // rest is never asked. The core stops with an error if it is.
            _ => Resume::Continue,
        }
    }

    fn note<R: Resumable<LedgerContext, Value = ()>>(
        &mut self,
        event: Event,
        resume: R,
    ) -> Resume<LedgerContext> {
        self.events.push(event);
        resume.resume_with(())
    }

    fn publish(&mut self, message: &SignedConsensusMsg<LedgerContext>) -> Gossip {
        match message {
            SignedConsensusMsg::Vote(vote) => {
                self.sent.insert(vote_key(&vote.message));
                Gossip::Vote(vote.into())
            }
            SignedConsensusMsg::Proposal(proposal) => Gossip::Proposal(proposal.into()),
        }
    }

    fn sign_vote(&mut self, vote: Vote) -> Option<SignedMessage<LedgerContext, Vote>> {
        if !self.guard.allow_vote(&vote) {
            self.refused = true;
            return None;
        }
        let signature = self.signer.sign(&vote.digest(&self.chain_id));
        Some(SignedMessage::new(vote, signature))
    }

    fn sign_proposal(
        &mut self,
        proposal: Proposal,
    ) -> Option<SignedMessage<LedgerContext, Proposal>> {
        if !self.guard.allow_proposal(&proposal) {
            self.refused = true;
            return None;
        }
        let signature = self.signer.sign(&proposal.digest(&self.chain_id));
        Some(SignedMessage::new(proposal, signature))
    }

    fn verify_vote(&mut self, vote: &Vote, signature: &Signature) -> bool {
        self.verify(vote.validator, vote.digest(&self.chain_id), signature)
    }

    fn verify(&mut self, key: PublicKey, digest: Digest, signature: &Signature) -> bool {
        let entry = (key, digest, *signature);
        if self.verified.contains(&entry) || self.verified_before.contains(&entry) {
            return true;
        }
        let good = key.verify(&digest, signature);
        if good && self.verified.len() < MAX_REMEMBERED_SIGNATURES {
            self.verified.insert(entry);
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracehold_chain::digest::Domain;
    use tracehold_chain::keys::SecretKey;
    use tracehold_chain::units::NodeName;
    use tracehold_chain::validators::Validator;

    /// Pitfall: what is remembered as verified holds for that key, that message and that signature
    /// together, and for nothing that shares only two of them.
    #[test]
    fn a_remembered_signature_is_remembered_whole() {
        let [one, two] = [1, 2].map(|seed| SecretKey::from_seed(&[seed; 32]));
        let name = NodeName::new("n").expect("a good name");
        let validator = Validator { public_key: one.public_key(), name, power: 1 };
        let set = ValidatorSet::new(vec![validator]).expect("a good set");
        let chain = ChainId::new("test").expect("a good name");
        let mut driver = Driver::new(chain, Arc::new(one.clone()), set);
        let digest = Digest::of(Domain::Vote, b"vote");
        let other = Digest::of(Domain::Vote, b"other");
        let signature = one.sign(&digest);
        let mut wrong = signature;
        wrong.0[3] ^= 1;
        for _ in 0..2 {
            assert!(driver.host.verify(one.public_key(), digest, &signature));
            assert!(!driver.host.verify(two.public_key(), digest, &signature));
            assert!(!driver.host.verify(one.public_key(), other, &signature));
            assert!(!driver.host.verify(one.public_key(), digest, &wrong));
        }
    }
}
