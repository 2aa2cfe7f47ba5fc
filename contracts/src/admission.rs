//! Everything that can be said of a transaction before its turn comes.
//!
//! Admission is the expensive half: digests, the signature, reading every event. It depends on the
//! members on record and on nothing else of the state, so it is done once for each transaction and
//! its result shared between the mempool, the proposal and the vote.

use std::sync::Arc;

use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::query::terms::Findable;
use tracehold_chain::genesis::Parameters;
use tracehold_chain::transaction::{
    Bundle, CapturedEvent, Transaction, TransactionId, authored_event_digest,
};
use tracehold_chain::units::{ChainId, MemberId, TimestampMs};

use crate::authority::Authority;
use crate::provenance::Facts;
use crate::receipt::{Rejection, RejectionCode};

/// A transaction that is well formed, rightly signed and read.
#[derive(Debug)]
pub struct Admitted {
    /// Its id.
    pub id: TransactionId,
    /// Its leaf in a block's transaction tree.
    pub leaf: Digest,
    /// Its member's name: the mempool's lane.
    pub member: MemberId,
    /// Encoded bytes, event bodies included.
    pub bytes: usize,
    /// What was sent.
    pub bundle: Arc<Bundle>,
    /// What each event says that the ledger acts on.
    pub events: Vec<CapturedFacts>,
    /// State entries it writes at least.
    pub touches: usize,
}

/// One captured event, read.
#[derive(Debug)]
pub struct CapturedFacts {
    /// The member that vouches for it: the author's when it carries an author's signature, the
    /// sender's otherwise.
    pub recorder: MemberId,
    /// The commitment.
    pub captured: CapturedEvent,
    /// What it says.
    pub facts: Facts,
    /// Under which terms it is found once it is on record. Local: nothing that is agreed on
    /// depends on it.
    pub findable: Arc<Findable>,
}

/// Where a bundle comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Anybody: digests and signatures are checked.
    Peer,
    /// This node's own block log, whose checksums hold: what was checked before it was written is
    /// not checked again.
    OwnLog,
}

impl Admitted {
    /// When it expires.
    #[must_use]
    pub fn expires_at(&self) -> TimestampMs {
        self.bundle.transaction.body.expires_at
    }
}

/// Checks and reads a transaction.
///
/// # Errors
/// [`Rejection`] with the first rule it breaks.
pub fn admit(
    authority: &Authority,
    chain_id: &ChainId,
    parameters: &Parameters,
    bundle: Arc<Bundle>,
    source: Source,
) -> Result<Admitted, Rejection> {
    let transaction = &bundle.transaction;
    let bytes = match source {
        Source::Peer => bundle.check().map_err(|error| malformed(&error))?,
        Source::OwnLog => 0,
    };
    let id = transaction.id();
    if transaction.body.chain_id != *chain_id {
        return Err(Rejection::new(RejectionCode::WrongChain, transaction.body.chain_id.as_str()));
    }
    let sender = &transaction.body.sender;
    let Some((member, agent)) = authority.agent(sender) else {
        return Err(Rejection::new(RejectionCode::UnknownAgent, sender.to_string()));
    };
    if source == Source::Peer && !agent.public_key.verify(&id.0, &transaction.signature) {
        return Err(Rejection::new(RejectionCode::BadSignature, sender.to_string()));
    }
    let mut events = Vec::with_capacity(bundle.events.len());
    let mut touches = transaction.master_data().count() + transaction.recalled();
    for (index, (captured, body)) in transaction.captured_events().zip(&bundle.events).enumerate() {
        let recorder = recorder(authority, transaction, captured, index, source)?;
        let event = body.event().map_err(|error| {
            Rejection::of_event(RejectionCode::EventInvalid, index, error.to_string())
        })?;
        let facts = Facts::of(&event);
        touches = touches.saturating_add(facts.touches());
        let findable = Arc::new(Findable::of(&event));
        events.push(CapturedFacts { recorder, captured: captured.clone(), facts, findable });
    }
    let limit = usize::try_from(parameters.max_block_touches).unwrap_or(usize::MAX);
    if touches > limit {
        let subject = format!("{touches} changes, the limit is {limit}");
        return Err(Rejection::new(RejectionCode::TooManyTouches, subject));
    }
    let member = member.id.clone();
    let leaf = transaction.leaf();
    Ok(Admitted { id, leaf, member, bytes, bundle, events, touches })
}

fn malformed(error: &tracehold_chain::transaction::BundleError) -> Rejection {
    Rejection::new(RejectionCode::Malformed, error.to_string())
}

/// Who vouches for an event, their signature checked.
fn recorder(
    authority: &Authority,
    transaction: &Transaction,
    captured: &CapturedEvent,
    index: usize,
    source: Source,
) -> Result<MemberId, Rejection> {
    let Some(author) = &captured.author else {
        return Ok(transaction.body.sender.member().clone());
    };
    let refused = || Rejection::of_event(RejectionCode::BadAuthor, index, author.agent.to_string());
    let (member, agent) = authority.agent(&author.agent).ok_or_else(refused)?;
    let signed = authored_event_digest(&transaction.body.chain_id, &captured.digest);
    if source == Source::OwnLog || agent.public_key.verify(&signed, &author.signature) {
        Ok(member.id.clone())
    } else {
        Err(refused())
    }
}
