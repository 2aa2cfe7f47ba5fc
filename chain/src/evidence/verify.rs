//! Checking an evidence file, trusting nothing in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::failure::{Failure, Reason, Trust, Unreadable, VerifyError, failure};
use super::file::{
    About, Bytes, EVIDENCE_FORMAT, EVIDENCE_VERSION, Evidence, LogFile, Presence, SectionFile,
    StateFile,
};
use super::recalls::{Mentions, OpenRecall, looked_up};
use super::report::{ItemReport, Report};
use super::walk::{Log, Logs, Walked, walk};
use super::{MAX_EVIDENCE_BYTES, MAX_INPUT_LEVELS};
use crate::block::{BLOCK_VERSION, BlockHeader};
use crate::certificate::{CertificateError, CommitCertificate, CommitSignature};
use crate::codec;
use crate::digest::Digest;
use crate::epcis::json::parse_strict;
use crate::epcis::{SectionName, SectionedEvent, canonical};
use crate::genesis::Genesis;
use crate::merkle::Frontier;
use crate::money::{AccountId, Asset};
use crate::recall::{OpenRecalls, RecallId, RecallRecord};
use crate::state::key::{item_key, name_digest};
use crate::state::{ItemHead, ItemLeaf, StateKey, StateProof};
use crate::validators::ValidatorSet;

/// Checks an evidence file.
///
/// # Errors
/// [`VerifyError`]: it is none, or what does not hold in it and where.
pub fn verify(text: &[u8], trust: &Trust) -> Result<Report, VerifyError> {
    let evidence = read(text)?;
    let verified = Verified::of(&evidence, trust)?;
    let mut report = verified.report;
    match &evidence.about {
        About::Item { id, inputs } => {
            if evidence.state.is_some() {
                return Err(failure("/state", Reason::SpareState).into());
            }
            let (item, order) = verified.anchor.item(&evidence, id, *inputs)?;
            report.item = item;
            report.exists = report.item.is_some();
            report.recalls = verified.anchor.recalls(&evidence, &order)?;
        }
        About::Agreement { .. } | About::Balance { .. } => {
            report.record = verified.anchor.record(&evidence)?;
            report.exists = report.record.is_some();
        }
    }
    Ok(report)
}

/// Reads the file: strict JSON, of this format and version, in its one spelling.
fn read(text: &[u8]) -> Result<Evidence, VerifyError> {
    if text.len() > MAX_EVIDENCE_BYTES {
        return Err(Unreadable::TooLarge(text.len()).into());
    }
    let value = parse_strict(text).map_err(|error| Unreadable::Json(error.to_string()))?;
    let is = |key: &str, wanted: Value| value.get(key) == Some(&wanted);
    if !is("format", EVIDENCE_FORMAT.into()) || !is("version", EVIDENCE_VERSION.into()) {
        return Err(Unreadable::Format.into());
    }
    let evidence: Evidence = serde_path_to_error::deserialize(value)
        .map_err(|error| Unreadable::Json(format!("{}: {}", error.path(), error.inner())))?;
    // Written again, it must be the same: so no white space, escape, digit or member that was not
    // looked at can be different.
    let again = evidence.to_text();
    if again.as_bytes() != text {
        let same = again.bytes().zip(text).take_while(|(one, other)| one == *other).count();
        return Err(failure("", Reason::Spelling(same)).into());
    }
    Ok(evidence)
}

/// What proofs hang on.
struct Anchor {
    state_root: Digest,
    buckets_log2: u8,
}

struct Verified {
    anchor: Anchor,
    report: Report,
}

impl Verified {
    /// Checks the network, the validators, the header and the votes.
    fn of(evidence: &Evidence, trust: &Trust) -> Result<Verified, Failure> {
        let genesis: Genesis = decoded(&evidence.genesis.0, "/genesis")?;
        let genesis_digest = genesis.id().0;
        if genesis_digest != evidence.genesis_digest {
            return Err(failure("/genesis_digest", Reason::GenesisDigest));
        }
        if trust.genesis.is_some_and(|trusted| trusted != genesis_digest) {
            return Err(failure("/genesis_digest", Reason::OtherNetwork));
        }
        if genesis.check().is_err() {
            return Err(failure("/genesis", Reason::Genesis));
        }
        if genesis.chain_id != evidence.chain_id {
            return Err(failure("/chain_id", Reason::ChainId));
        }
        let validators = validators(evidence, &genesis)?;
        let header: BlockHeader = decoded(&evidence.header.0, "/header")?;
        if header.version != BLOCK_VERSION {
            return Err(failure("/header", Reason::Version));
        }
        if header.chain_id != evidence.chain_id {
            return Err(failure("/header", Reason::ChainId));
        }
        if header.height.0 != evidence.height {
            return Err(failure("/height", Reason::Height));
        }
        if header.validators != validators.digest() {
            return Err(failure("/header", Reason::HeaderValidators));
        }
        let power = votes(evidence, &header, &validators)?;
        if let Some(least) = trust.least_height
            && header.height < least
        {
            let height = header.height;
            return Err(failure("/height", Reason::TooOld { height, least }));
        }
        let is_other =
            |wanted: &String| !matches!(&evidence.about, About::Item { id, .. } if id == wanted);
        if trust.item.as_ref().is_some_and(is_other) {
            return Err(failure("/about", Reason::OtherSubject));
        }
        Ok(Verified {
            anchor: Anchor {
                state_root: header.state_root,
                buckets_log2: genesis.parameters.state_buckets_log2,
            },
            report: Report {
                chain_id: genesis.chain_id,
                genesis_digest,
                is_known_network: trust.genesis.is_some(),
                height: header.height,
                block_id: header.id(),
                block_time: header.block_time,
                votes: evidence.certificate.signatures.len(),
                validators: validators.as_slice().len(),
                power,
                total_power: validators.total_power(),
                about: evidence.about.clone(),
                item: None,
                exists: false,
                recalls: Vec::new(),
                record: None,
            },
        })
    }
}

fn decoded<T: serde::Serialize + serde::de::DeserializeOwned>(
    bytes: &[u8],
    place: &str,
) -> Result<T, Failure> {
    codec::decode(bytes).map_err(|_| failure(place, Reason::Encoding))
}

/// The validators of the block, from those of the genesis record. Sets do not change yet, so the
/// chain from one to the other has one link.
fn validators(evidence: &Evidence, genesis: &Genesis) -> Result<ValidatorSet, Failure> {
    let [only] = evidence.validators.as_slice() else {
        return Err(failure("/validators", Reason::Validators));
    };
    let set: ValidatorSet = decoded(&only.0, "/validators/0")?;
    if genesis.validators().as_ref() != Ok(&set) {
        return Err(failure("/validators/0", Reason::Validators));
    }
    Ok(set)
}

/// Checks the votes, and gives their power.
fn votes(
    evidence: &Evidence,
    header: &BlockHeader,
    validators: &ValidatorSet,
) -> Result<u64, Failure> {
    let votes = &evidence.certificate.signatures;
    let certificate = CommitCertificate {
        height: header.height,
        round: evidence.certificate.round,
        block_id: header.id(),
        signatures: votes
            .iter()
            .map(|vote| CommitSignature { validator: vote.validator, signature: vote.signature })
            .collect(),
    };
    certificate.verify(&header.chain_id, validators).map_err(|error| {
        let of = |key| votes.iter().position(|vote| vote.validator == key);
        let place = match &error {
            CertificateError::NotAValidator(key) | CertificateError::Signature(key) => of(*key),
            CertificateError::Order | CertificateError::Power { .. } => None,
        };
        let place = place.map_or_else(String::new, |index| format!("/{index}"));
        failure(format!("/certificate/signatures{place}"), Reason::Certificate(error))
    })?;
    let powers = votes.iter().filter_map(|vote| validators.get(&vote.validator)).map(|v| v.power);
    let power: u64 = powers.clone().sum();
    // The fewest that are enough: then no vote can be taken away or put in unnoticed.
    let weakest = powers.min().unwrap_or_default();
    if validators.is_quorum(power.saturating_sub(weakest)) {
        return Err(failure("/certificate/signatures", Reason::SpareVote));
    }
    Ok(power)
}

/// Gives the walk the logs of the file, each checked against the state root first.
struct FileLogs<'a> {
    anchor: &'a Anchor,
    evidence: &'a Evidence,
    next: usize,
}

impl Logs for FileLogs<'_> {
    type Error = Failure;

    fn log(&mut self, id: &str) -> Result<Option<Log>, Failure> {
        let place = format!("/logs/{}", self.next);
        let Some(file) = self.evidence.logs.get(self.next).filter(|file| file.id == id) else {
            return Err(failure(place, Reason::MissingLog));
        };
        let is_first = self.next == 0;
        self.next = self.next.saturating_add(1);
        let log = self.anchor.log(file, &place)?;
        if log.is_none() && !is_first {
            // Another log under the root leads here, so there is one.
            return Err(failure(place, Reason::AbsentLog));
        }
        Ok(log)
    }

    fn names_missing(&self, id: &str, entry: usize) -> Failure {
        let log = self.evidence.logs.iter().position(|file| file.id == id).unwrap_or_default();
        failure(format!("/logs/{log}/log/entries/{entry}/names"), Reason::Names)
    }
}

impl Anchor {
    /// Checks a log, or that there is none, against the state root.
    fn log(&self, file: &LogFile, place: &str) -> Result<Option<Log>, Failure> {
        let key = item_key(&name_digest(&file.id));
        let (value, log) = match &file.log {
            None => (None, None),
            Some(presence) => {
                let (head, log) = shown(&file.id, presence, place)?;
                (Some(head.value_digest(&presence.rest)), Some(log))
            }
        };
        let proved = file.proof.verify_digest(&self.state_root, self.buckets_log2, &key, value);
        proved.map_err(|_| failure(format!("{place}/proof"), Reason::StateProof))?;
        Ok(log)
    }

    /// Checks that a record, or that there is none, stands at a key.
    fn holds(
        &self,
        proof: &StateProof,
        key: &StateKey,
        value: Option<&[u8]>,
        place: &str,
    ) -> Result<(), Failure> {
        let proved = proof.verify(&self.state_root, self.buckets_log2, &key.encode(), value);
        proved.map_err(|_| failure(place, Reason::StateProof))
    }

    /// Checks everything about an item; `None` when there is no such item. Gives the items of its
    /// story, too.
    fn item(
        &self,
        evidence: &Evidence,
        id: &str,
        inputs: u8,
    ) -> Result<(Option<ItemReport>, Vec<String>), Failure> {
        // That there is nothing under another spelling says nothing.
        if canonical(id).uri() != id {
            return Err(failure("/about/id", Reason::NotCanonical));
        }
        if inputs > MAX_INPUT_LEVELS {
            return Err(failure("/about/inputs", Reason::Levels));
        }
        let mut logs = FileLogs { anchor: self, evidence, next: 0 };
        let walked = walk(&mut logs, id, inputs)?;
        if logs.next < evidence.logs.len() {
            return Err(failure(format!("/logs/{}", logs.next), Reason::SpareLog));
        }
        if walked.levels != inputs {
            return Err(failure("/about/inputs", Reason::Levels));
        }
        for (log, file) in evidence.logs.iter().enumerate() {
            let entries = file.log.iter().flat_map(|presence| presence.entries.iter().enumerate());
            for (index, entry) in entries {
                let is_needed = walked.named.contains(&(file.id.clone(), index));
                if !entry.names.is_empty() && !is_needed {
                    let place = format!("/logs/{log}/log/entries/{index}/names");
                    return Err(failure(place, Reason::SpareNames));
                }
            }
        }
        let (withheld_events, withheld_sections) = events(evidence, &walked)?;
        let Some(presence) = evidence.logs.first().and_then(|file| file.log.as_ref()) else {
            return Ok((None, walked.order));
        };
        let shown = presence.entries.len();
        let mut claims = 0_usize;
        for entry in &presence.entries {
            let leaf: ItemLeaf = decoded(&entry.leaf.0, "/logs/0")?;
            claims = claims.saturating_add(usize::from(!leaf.counts));
        }
        let report = ItemReport {
            count: presence.from.saturating_add(u64::try_from(shown).unwrap_or(u64::MAX)),
            from: presence.from,
            claims,
            events: evidence.events.len(),
            withheld_events,
            withheld_sections,
            spans: walked.spans,
            levels: walked.levels,
            inputs: walked.inputs,
            cuts: walked.cuts.into_iter().collect(),
        };
        Ok((Some(report), walked.order))
    }

    /// Checks that every open recall is there that names something in the story, and no other.
    fn recalls(&self, evidence: &Evidence, order: &[String]) -> Result<Vec<OpenRecall>, Failure> {
        let mut mentions = Mentions::default();
        let mut products = 0_usize;
        for (index, (id, product)) in looked_up(order).into_iter().enumerate() {
            let place = format!("/logs/{index}/recalls");
            let Some(log) = evidence.logs.get(index) else {
                return Err(failure(place, Reason::MissingLog));
            };
            mentions.add(self.list(id, log.recalls.as_ref(), &log.proof, [&place, &place])?);
            let Some(class) = product else { continue };
            let place = format!("/products/{products}");
            let file = evidence.products.get(products).filter(|file| file.id == class);
            let Some(file) = file else {
                return Err(failure(place, Reason::MissingProduct));
            };
            let places = [&format!("{place}/recalls"), &format!("{place}/proof")];
            mentions.add(self.list(&class, file.recalls.as_ref(), &file.proof, places)?);
            products = products.saturating_add(1);
        }
        if products < evidence.products.len() {
            return Err(failure(format!("/products/{products}"), Reason::SpareProduct));
        }
        let wanted = mentions.into_found();
        let count = wanted.len();
        let open = wanted.into_iter().enumerate();
        let open = open.map(|(index, (id, names))| self.open_recall(evidence, index, id, names));
        let open = open.collect::<Result<Vec<_>, _>>()?;
        if count < evidence.recalls.len() {
            return Err(failure(format!("/recalls/{count}"), Reason::SpareRecall));
        }
        Ok(open)
    }

    /// Checks which open recalls name an identifier. The places are those of the list and of its
    /// proof.
    fn list(
        &self,
        id: &str,
        value: Option<&Bytes>,
        proof: &StateProof,
        [place, proof_place]: [&String; 2],
    ) -> Result<OpenRecalls, Failure> {
        let value = value.map(|bytes| bytes.0.as_slice());
        let mut list = OpenRecalls::default();
        if let Some(bytes) = value {
            list = decoded(bytes, place)?;
            if list.uri != *id {
                return Err(failure(place, Reason::RecallsOf));
            }
        }
        self.holds(proof, &StateKey::RecallsOf(id.to_owned()), value, proof_place)?;
        Ok(list)
    }

    /// Checks the recall that must be shown at an index.
    fn open_recall(
        &self,
        evidence: &Evidence,
        index: usize,
        id: RecallId,
        names: Vec<String>,
    ) -> Result<OpenRecall, Failure> {
        let place = format!("/recalls/{index}");
        let Some(file) = evidence.recalls.get(index) else {
            return Err(failure(place, Reason::MissingRecall));
        };
        let at = format!("{place}/value");
        let record: RecallRecord = decoded(&file.value.0, &at)?;
        if record.id != id {
            return Err(failure(at, Reason::OtherRecall));
        }
        if !record.is_open() {
            return Err(failure(at, Reason::Withdrawn));
        }
        let key = StateKey::Recall(id);
        self.holds(&file.proof, &key, Some(&file.value.0), &format!("{place}/proof"))?;
        Ok(OpenRecall { record, names })
    }

    /// Checks the record of something that is no item; `None` when there is none.
    fn record(&self, evidence: &Evidence) -> Result<Option<Vec<u8>>, Failure> {
        if !evidence.logs.is_empty() {
            return Err(failure("/logs/0", Reason::SpareLog));
        }
        if !evidence.events.is_empty() {
            return Err(failure("/events/0", Reason::SpareEvent));
        }
        if !evidence.products.is_empty() {
            return Err(failure("/products/0", Reason::SpareProduct));
        }
        if !evidence.recalls.is_empty() {
            return Err(failure("/recalls/0", Reason::SpareRecall));
        }
        let Some(StateFile { value, proof }) = &evidence.state else {
            return Err(failure("/state", Reason::MissingState));
        };
        let key = evidence.about.state_key().ok_or_else(|| failure("/about", Reason::Encoding))?;
        let value = value.as_ref().map(|bytes| bytes.0.as_slice());
        self.holds(proof, &key, value, "/state")?;
        Ok(value.map(<[u8]>::to_vec))
    }
}

impl About {
    /// Where in the state the record is that the file is about; `None` when what is written there
    /// names none.
    #[must_use]
    pub fn state_key(&self) -> Option<StateKey> {
        match self {
            About::Item { id, .. } => Some(StateKey::Item(id.clone())),
            About::Agreement { id } => Some(StateKey::Agreement(crate::money::AgreementId(*id))),
            About::Balance { account, asset } => {
                let account_id: AccountId = account.parse().ok()?;
                let asset_id: Asset = asset.parse().ok()?;
                let is_plain = account_id.to_string() == *account && asset_id.to_string() == *asset;
                is_plain.then_some(StateKey::Balance { account: account_id, asset: asset_id })
            }
        }
    }
}

/// The head that the entries shown give, and the log.
fn shown(id: &str, presence: &Presence, place: &str) -> Result<(ItemHead, Log), Failure> {
    let before = Frontier::from_parts(presence.from, presence.before.clone());
    let mut frontier = before.ok_or_else(|| failure(format!("{place}/log"), Reason::LogStart))?;
    let mut entries = Vec::with_capacity(presence.entries.len());
    for (index, entry) in presence.entries.iter().enumerate() {
        let leaf: ItemLeaf = decoded(&entry.leaf.0, &format!("{place}/log/entries/{index}/leaf"))?;
        frontier.append(&leaf.digest());
        entries.push((leaf, entry.names.clone()));
    }
    if frontier.count() == 0 || presence.from != Log::first_shown(frontier.count()) {
        return Err(failure(format!("{place}/log"), Reason::LogStart));
    }
    let head = ItemHead { uri: id.to_owned(), log: frontier };
    Ok((head, Log { from: presence.from, entries }))
}

/// Checks the events against the digests that the logs have of them; counts those of which
/// something is withheld, and the sections.
fn events(evidence: &Evidence, walked: &Walked) -> Result<(usize, usize), Failure> {
    let mut withheld: BTreeMap<usize, usize> = BTreeMap::new();
    let mut digests = walked.events.values();
    for (index, event) in evidence.events.iter().enumerate() {
        let place = format!("/events/{index}");
        let Some(digest) = digests.next() else {
            return Err(failure(place, Reason::SpareEvent));
        };
        let mut leaves = Vec::with_capacity(SectionName::ALL.len());
        for name in SectionName::ALL {
            leaves.push(match event.section(name) {
                SectionFile::Shown { salt, text } => SectionedEvent::leaf_of(name, salt, text),
                SectionFile::Withheld { leaf } => {
                    let count = withheld.entry(index).or_default();
                    *count = count.saturating_add(1);
                    *leaf
                }
            });
        }
        if crate::merkle::root(&leaves) != *digest {
            return Err(failure(place, Reason::Event));
        }
    }
    if digests.next().is_some() {
        let place = format!("/events/{}", evidence.events.len());
        return Err(failure(place, Reason::MissingEvent));
    }
    Ok((withheld.len(), withheld.values().sum()))
}
