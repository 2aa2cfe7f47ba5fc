//! Making an evidence file.
//!
//! In two parts, because the state tree and the records are read by different threads: a [`Draft`]
//! gathers what belongs to the story and names the keys to be proved, and [`Draft::seal`] puts the
//! proofs of one block to it, if the records are still what they were.

use std::collections::BTreeMap;

use super::file::{
    About, Bytes, EVIDENCE_FORMAT, EVIDENCE_VERSION, Evidence, LogEntry, LogFile, Presence,
    ProductFile, RecallFile, SectionFile, ShownEvent, StateFile, Vote, Votes,
};
use super::recalls::{Mentions, looked_up};
use super::walk::{CutReason, Log, Logs, walk};
use super::{MAX_INPUT_LEVELS, MAX_SHOWN_BYTES};
use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::codec;
use crate::digest::Digest;
use crate::epcis::{SectionName, SectionedEvent};
use crate::genesis::Genesis;
use crate::merkle::Frontier;
use crate::recall::OpenRecalls;
use crate::state::item_log::rest_digest;
use crate::state::key::{item_key, name_digest};
use crate::state::tree::Entry as StateEntry;
use crate::state::{ItemHead, ItemLeaf, Position, StateKey, StateProof};
use crate::validators::ValidatorSet;

/// An entry of a log, and the canonical identifiers of the items it leads to: the parent of what
/// goes into one, the inputs of what was made.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The leaf.
    pub leaf: ItemLeaf,
    /// The names.
    pub names: Vec<String>,
}

/// Where records are read.
pub trait Source {
    /// Why something cannot be read.
    type Error;

    /// A record, as the state has it; `None` when nothing is there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn record(&mut self, key: &StateKey) -> Result<Option<Vec<u8>>, Self::Error>;

    /// The first `count` entries of an item's log.
    ///
    /// # Errors
    /// When they cannot be read.
    fn entries(&mut self, id: &str, record: &[u8], count: u64) -> Result<Vec<Entry>, Self::Error>;

    /// The event at a position.
    ///
    /// # Errors
    /// When it cannot be read.
    fn event(&mut self, position: Position) -> Result<Option<SectionedEvent>, Self::Error>;
}

/// What is shown of events.
#[derive(Clone, Debug)]
pub struct Show {
    /// The sections; all others are withheld.
    pub sections: Vec<SectionName>,
    /// How many levels of what it was made of are followed.
    pub inputs: u8,
}

/// Why no file could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed<E> {
    /// The source failed.
    #[error(transparent)]
    Source(E),
    /// What was read is not what the block says: the ledger went on in between. Read again.
    #[error("the ledger went on while the evidence was gathered")]
    Moved,
}

/// What a file is made of beside what was drafted: the network, and the block whose state the
/// proofs are of.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    /// The genesis record.
    pub genesis: &'a Genesis,
    /// The validators of the block.
    pub validators: &'a ValidatorSet,
    /// The block.
    pub header: &'a BlockHeader,
    /// What made it final.
    pub certificate: &'a CommitCertificate,
}

/// What belongs in a file, before it is proved.
#[derive(Clone, Debug)]
pub struct Draft {
    about: About,
    logs: Vec<DraftLog>,
    events: Vec<ShownEvent>,
    recalls: DraftRecalls,
    state: Option<DraftState>,
}

/// The products and the open recalls.
#[derive(Clone, Debug, Default)]
struct DraftRecalls {
    products: Vec<(String, DraftState)>,
    open: Vec<DraftState>,
}

#[derive(Clone, Debug)]
struct DraftLog {
    id: String,
    value: Option<Digest>,
    log: Option<Presence>,
    recalls: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct DraftState {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

/// Gathers the story of an item.
///
/// # Errors
/// [`Unsealed`].
pub fn draft<S: Source>(
    source: &mut S,
    id: &str,
    show: &Show,
) -> Result<Draft, Unsealed<S::Error>> {
    let mut gathering = Gathering { source, logs: Vec::new() };
    let mut walked = walk(&mut gathering, id, show.inputs.min(MAX_INPUT_LEVELS))?;
    if walked.levels < show.inputs && walked.cuts.iter().any(|cut| cut.reason == CutReason::Logs) {
        // There was no room for a deeper level: the file is of the levels that it reached, and a
        // checker asks for no more.
        gathering.logs.clear();
        walked = walk(&mut gathering, id, walked.levels)?;
    }
    let mut logs = gathering.logs;
    for draft in &mut logs {
        let entries = draft.log.iter_mut().flat_map(|log| log.entries.iter_mut().enumerate());
        for (index, entry) in entries {
            if !walked.named.contains(&(draft.id.clone(), index)) {
                entry.names.clear();
            }
        }
    }
    let mut events = Vec::with_capacity(walked.events.len());
    let mut shown = 0_usize;
    for (position, digest) in &walked.events {
        let body = source.event(*position).map_err(Unsealed::Source)?;
        let body = body.filter(|body| body.digest() == *digest).ok_or(Unsealed::Moved)?;
        let texts = show.sections.iter().map(|name| body.section(*name).json().len());
        shown = texts.fold(shown, usize::saturating_add);
        let sections = if shown > MAX_SHOWN_BYTES { &[] } else { show.sections.as_slice() };
        events.push(shown_event(&body, sections));
    }
    let about = About::Item { id: id.to_owned(), inputs: walked.levels };
    let recalls = draft_recalls(source, &mut logs, &walked.order)?;
    Ok(Draft { about, logs, events, recalls, state: None })
}

/// Gathers the open recalls that name something in the story.
fn draft_recalls<S: Source>(
    source: &mut S,
    logs: &mut [DraftLog],
    order: &[String],
) -> Result<DraftRecalls, Unsealed<S::Error>> {
    let mut mentions = Mentions::default();
    let mut list = |source: &mut S, id: &str| {
        let state = DraftState::read(source, &StateKey::RecallsOf(id.to_owned()))?;
        if let Some(value) = &state.value {
            let list: OpenRecalls = codec::decode(value).map_err(|_| Unsealed::Moved)?;
            mentions.add(list);
        }
        Ok(state)
    };
    let mut products = Vec::new();
    for (log, (id, product)) in logs.iter_mut().zip(looked_up(order)) {
        log.recalls = list(source, id)?.value;
        if let Some(product) = product {
            let state = list(source, &product)?;
            products.push((product, state));
        }
    }
    let open = mentions.into_found().into_iter();
    let open = open.map(|(id, _)| DraftState::read(source, &id.key())).collect::<Result<_, _>>()?;
    Ok(DraftRecalls { products, open })
}

impl DraftState {
    fn read<S: Source>(source: &mut S, key: &StateKey) -> Result<DraftState, Unsealed<S::Error>> {
        let value = source.record(key).map_err(Unsealed::Source)?;
        Ok(DraftState { key: key.encode(), value })
    }

    /// The digest that stands for what is there.
    fn digest(&self) -> Option<Digest> {
        self.value.as_ref().map(|value| StateEntry::value_digest(&self.key, value))
    }
}

/// What is to be shown of something that is no item: its record, as the state has it. `None` when
/// `about` names nothing that has a record.
#[must_use]
pub fn draft_state(about: About, value: Option<Vec<u8>>) -> Option<Draft> {
    let key = about.state_key()?.encode();
    Some(Draft {
        about,
        logs: Vec::new(),
        events: Vec::new(),
        recalls: DraftRecalls::default(),
        state: Some(DraftState { key, value }),
    })
}

fn shown_event(body: &SectionedEvent, sections: &[SectionName]) -> ShownEvent {
    let leaves = body.leaves();
    let part = |index: usize, name: SectionName| match sections.contains(&name) {
        true => {
            let section = body.section(name);
            SectionFile::Shown { salt: *section.salt(), text: section.json().to_owned() }
        }
        false => SectionFile::Withheld { leaf: leaves[index] },
    };
    ShownEvent {
        public: part(0, SectionName::Public),
        trade: part(1, SectionName::Trade),
        rest: part(2, SectionName::Rest),
    }
}

struct Gathering<'a, S> {
    source: &'a mut S,
    logs: Vec<DraftLog>,
}

impl<S: Source> Logs for Gathering<'_, S> {
    type Error = Unsealed<S::Error>;

    fn log(&mut self, id: &str) -> Result<Option<Log>, Self::Error> {
        let key = StateKey::Item(id.to_owned());
        let record = self.source.record(&key).map_err(Unsealed::Source)?;
        let Some(record) = record else {
            self.logs.push(DraftLog { id: id.to_owned(), value: None, log: None, recalls: None });
            return Ok(None);
        };
        let head: ItemHead = codec::unpack_prefix(&record).map_err(|_| Unsealed::Moved)?;
        let count = head.log.count();
        let from = Log::first_shown(count);
        let mut entries = Vec::new();
        let mut before = Frontier::default();
        if from == count {
            before = head.log.clone();
        } else {
            entries = self.source.entries(id, &record, count).map_err(Unsealed::Source)?;
            let older = usize::try_from(from).unwrap_or(usize::MAX).min(entries.len());
            for entry in entries.drain(..older) {
                before.append(&entry.leaf.digest());
            }
        }
        let mut whole = before.clone();
        entries.iter().for_each(|entry| whole.append(&entry.leaf.digest()));
        if whole != head.log {
            return Err(Unsealed::Moved);
        }
        let rest = rest_digest(&record);
        let files = entries.iter().map(|entry| LogEntry {
            leaf: Bytes(codec::encode(&entry.leaf)),
            names: entry.names.clone(),
        });
        let presence =
            Presence { rest, from, before: before.peaks().to_vec(), entries: files.collect() };
        self.logs.push(DraftLog {
            id: id.to_owned(),
            value: Some(head.value_digest(&rest)),
            log: Some(presence),
            recalls: None,
        });
        let entries = entries.into_iter().map(|entry| (entry.leaf, entry.names)).collect();
        Ok(Some(Log { from, entries }))
    }

    fn names_missing(&self, _id: &str, _entry: usize) -> Self::Error {
        Unsealed::Moved
    }
}

impl Draft {
    /// The keys of the state that are to be proved, in the order in which [`Draft::seal`] wants the
    /// proofs.
    #[must_use]
    pub fn keys(&self) -> Vec<Vec<u8>> {
        let logs = self.logs.iter().map(|log| item_key(&name_digest(&log.id)));
        let products = self.recalls.products.iter().map(|(_, state)| state);
        let records = products.chain(&self.recalls.open).chain(&self.state);
        logs.chain(records.map(|state| state.key.clone())).collect()
    }

    /// Makes the file.
    ///
    /// # Errors
    /// [`Unsealed::Moved`] when the proofs are of other records than were drafted.
    pub fn seal<E>(
        self,
        network: Network<'_>,
        proofs: Vec<StateProof>,
    ) -> Result<Evidence, Unsealed<E>> {
        let Network { genesis, validators, header, certificate } = network;
        let mut proofs = proofs.into_iter();
        let log2 = genesis.parameters.state_buckets_log2;
        let holds = |proof: &StateProof, key: &[u8], value| {
            let holds = proof.verify_digest(&header.state_root, log2, key, value);
            holds.map_err(|_| Unsealed::Moved)
        };
        let mut logs = Vec::with_capacity(self.logs.len());
        for DraftLog { id, value, log, recalls } in self.logs {
            let proof = proofs.next().ok_or(Unsealed::Moved)?;
            holds(&proof, &item_key(&name_digest(&id)), value)?;
            // In the same bucket.
            let key = StateKey::RecallsOf(id.clone()).encode();
            let list = DraftState { key, value: recalls };
            holds(&proof, &list.key, list.digest())?;
            logs.push(LogFile { id, log, recalls: list.value.map(Bytes), proof });
        }
        let mut record = |state: DraftState| {
            let proof = proofs.next().ok_or(Unsealed::Moved)?;
            holds(&proof, &state.key, state.digest())?;
            Ok(StateFile { value: state.value.map(Bytes), proof })
        };
        let mut products = Vec::with_capacity(self.recalls.products.len());
        for (id, state) in self.recalls.products {
            let StateFile { value: recalls, proof } = record(state)?;
            products.push(ProductFile { id, recalls, proof });
        }
        let mut recalls = Vec::with_capacity(self.recalls.open.len());
        for state in self.recalls.open {
            let StateFile { value, proof } = record(state)?;
            // A list under the root mentions it.
            recalls.push(RecallFile { value: value.ok_or(Unsealed::Moved)?, proof });
        }
        let state = self.state.map(record).transpose()?;
        Ok(Evidence {
            format: EVIDENCE_FORMAT.to_owned(),
            version: EVIDENCE_VERSION,
            chain_id: genesis.chain_id.clone(),
            genesis_digest: genesis.id().0,
            height: header.height.0,
            genesis: Bytes(codec::encode(genesis)),
            validators: vec![Bytes(codec::encode(validators))],
            header: Bytes(codec::encode(header)),
            certificate: votes(certificate, validators),
            about: self.about,
            logs,
            events: self.events,
            products,
            recalls,
            state,
        })
    }
}

/// The fewest votes that are enough, the strongest first.
fn votes(certificate: &CommitCertificate, validators: &ValidatorSet) -> Votes {
    let power = |vote: &Vote| validators.get(&vote.validator).map_or(0, |known| known.power);
    let votes = certificate.signatures.iter();
    let mut votes: Vec<Vote> =
        votes.map(|vote| Vote { validator: vote.validator, signature: vote.signature }).collect();
    votes.sort_by_key(|vote| (std::cmp::Reverse(power(vote)), vote.validator));
    let mut sum = 0_u64;
    let mut kept: BTreeMap<_, Vote> = BTreeMap::new();
    for vote in votes {
        if validators.is_quorum(sum) {
            break;
        }
        sum = sum.saturating_add(power(&vote));
        kept.insert(vote.validator, vote);
    }
    Votes { round: certificate.round, signatures: kept.into_values().collect() }
}
