//! Recalls, and what a list of affected things reads.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::query::terms::Term;
use tracehold_chain::epcis::{Action, EventType, Level, canonical};
use tracehold_chain::masterdata::product_of;
use tracehold_chain::merkle::Frontier;
use tracehold_chain::recall::{RecallCount, RecallId, RecallRecord};
use tracehold_chain::state::key::{
    item_key, item_range, journal_key, name_digest, recall_numbers_range,
};
use tracehold_chain::state::{ItemRole, StateKey};
use tracehold_contracts::provenance::trace::Told;
use tracehold_contracts::provenance::{
    Facts, ItemRecord, ItemState, JOURNAL_CHUNK, JournalChunk, Step,
};
use tracehold_contracts::recall::affected::{Flow, Goods, Look, Reached, Touched, reached};

use super::{Order, ReadView};
use crate::fault::Fault;

/// Items of the ledger that are looked at together when a whole product is recalled.
const ITEMS_PAGE: usize = 4_096;

/// Events of one product without lot or serial that are looked at together.
const EVENTS_PAGE: usize = 500;

/// Pieces of one product that are looked at together before the index is asked about the product:
/// for fewer, reading their journals is as soon done.
const MIN_PIECES: usize = 64;

/// Events that use up things by their own numbers which are looked through for containers; when
/// there are as many, some are taken to be.
const MAX_USED_UP: usize = 256;

/// Threads that read journals side by side: more than a small machine has cores, since half of the
/// time each waits for the disk.
const READERS: usize = 8;

/// Fewer things than this are read by one thread.
const MIN_SIDE_BY_SIDE: usize = 64;

impl ReadView {
    /// How many recalls there are.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn recall_count(&self) -> Result<RecallCount, Fault> {
        Ok(self.state(&StateKey::RecallCount)?.unwrap_or_default())
    }

    /// A recall.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn recall(&self, id: &RecallId) -> Result<Option<RecallRecord>, Fault> {
        self.state(&id.key())
    }

    /// The recalls with numbers below `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn recalls(&self, before: Option<u64>, limit: usize) -> Result<Vec<RecallRecord>, Fault> {
        let (from, to) = recall_numbers_range(before);
        let mut found = Vec::new();
        for (_, value) in self.pairs((&from, &to), limit, Order::NewestFirst)? {
            let id: RecallId = codec::decode(&value)
                .map_err(|error| self.table_damaged(format!("the number of a recall: {error}")))?;
            let record = self.recall(&id)?;
            let missing = || self.table_damaged(format!("the table lacks the recall {id}"));
            found.push(record.ok_or_else(missing)?);
        }
        Ok(found)
    }
}

/// Sealed parts of a journal that are read one by one: that is sooner than a range is begun.
const FEW_PARTS: usize = 3;

impl ReadView {
    /// All steps of an item's journal that this view shows, its sealed parts read together.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read, or a part is missing.
    pub(super) fn whole_journal(&self, record: &ItemRecord) -> Result<Vec<Step>, Fault> {
        let name = name_digest(&record.uri);
        let count = usize::try_from(record.chunks()).unwrap_or(usize::MAX);
        let mut steps: Vec<Step> = Vec::new();
        if count <= FEW_PARTS {
            for part in 0..record.chunks() {
                steps.append(&mut self.chunk(&name, part)?);
            }
        } else {
            let range = (journal_key(&name, 0), journal_key(&name, record.chunks()));
            let parts = self.pairs((&range.0, &range.1), count, Order::OldestFirst)?;
            for (_, value) in &parts {
                let mut part: JournalChunk = self.unpacked(value)?;
                steps.append(&mut part);
            }
            if steps.len() != count.saturating_mul(JOURNAL_CHUNK) {
                let what = format!("parts of the journal of item {name} are missing");
                return Err(self.table_damaged(what));
            }
        }
        steps.extend(record.tail.iter().cloned());
        steps.retain(|step| step.position.height <= self.height());
        Ok(steps)
    }
}

/// Answers to many questions, found by several threads, in the order of the questions.
fn side_by_side<Q: Sync, A: Send>(
    questions: &[Q],
    answer: impl Fn(&Q) -> Result<A, Fault> + Sync,
) -> Result<Vec<A>, Fault> {
    if questions.len() < MIN_SIDE_BY_SIDE {
        return questions.iter().map(answer).collect();
    }
    let answer = &answer;
    let part = questions.len().div_ceil(READERS);
    let parts: Vec<Result<Vec<A>, Fault>> = thread::scope(|scope| {
        let reading: Vec<_> = questions
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(answer).collect()))
            .collect();
        let gone = || Fault::new("a thread that was reading is gone".to_owned());
        reading.into_iter().map(|one| one.join().unwrap_or_else(|_| Err(gone()))).collect()
    });
    let mut answers = Vec::with_capacity(questions.len());
    for part in parts {
        answers.append(&mut part?);
    }
    Ok(answers)
}

/// The product of which this is a piece with a number of its own.
fn piece_of(uri: &str) -> Option<String> {
    let identifier = canonical(uri);
    if identifier.level() == Level::Instance { product_of(&identifier) } else { None }
}

impl ReadView {
    /// The products of which many of these are pieces, and of whose pieces no event says that
    /// anything was in them or that they were used up.
    fn plain_products<'a>(
        &self,
        products: &'a [Option<String>],
    ) -> Result<BTreeSet<&'a String>, Fault> {
        let mut pieces: BTreeMap<&String, usize> = BTreeMap::new();
        for product in products.iter().flatten() {
            *pieces.entry(product).or_default() += 1;
        }
        let mut plain = BTreeSet::new();
        for (product, _) in pieces.into_iter().filter(|(_, count)| *count >= MIN_PIECES) {
            let index = self.index();
            if !self.table(index.has(&Term::held_in(product)))?
                && !self.table(index.has(&Term::used_up(product)))?
            {
                plain.insert(product);
            }
        }
        Ok(plain)
    }

    /// What the whole journal of an item says.
    fn look(&self, uri: &str) -> Result<Option<Box<Look>>, Fault> {
        Ok(Told::read(self, uri, None)?.map(|told| Box::new(Look::of(told))))
    }

    /// What is known of an item now, be it of newer blocks than this view shows: the end of its
    /// journal, which would say that and is most of the record, is not read.
    fn known_now(&self, name: &Digest) -> Result<Option<Box<Look>>, Fault> {
        let Some(record) = self.bytes(&item_key(name))? else { return Ok(None) };
        let (_, _, state): (String, Frontier, ItemState) = self.unpacked_prefix(&record)?;
        Ok(Some(Box::new(Look::of_now(state))))
    }

    /// What is known of an item as of this view.
    fn known(&self, uri: &str) -> Result<Option<Box<Look>>, Fault> {
        match self.item(uri)? {
            None => Ok(None),
            Some(record) if self.shows(&record) => Ok(Some(Box::new(Look::of_now(record.state)))),
            Some(_) => self.look(uri),
        }
    }

    /// Whether this view is known to show all that the record tells: the table may have run ahead
    /// of it. A record whose steps were all sealed just now does not say when the newest came.
    fn shows(&self, record: &ItemRecord) -> bool {
        record.tail.last().is_some_and(|newest| newest.position.height <= self.height())
    }
}

impl Goods for ReadView {
    type Error = Fault;

    fn looks(&self, uris: &[String], whole: bool) -> Result<Vec<Option<Box<Look>>>, Fault> {
        let about = |uri: &String| Ok((name_digest(uri), if whole { None } else { piece_of(uri) }));
        let (names, pieces): (Vec<Digest>, Vec<Option<String>>) =
            side_by_side(uris, about)?.into_iter().unzip();
        let plain = self.plain_products(&pieces)?;
        // In the order in which records and journals are stored: each page of the table is then
        // read once, and not again for every thing on it.
        let mut order: Vec<(Digest, usize)> =
            names.into_iter().enumerate().map(|(at, name)| (name, at)).collect();
        order.sort_unstable();
        let is_plain = |at: usize| pieces[at].as_ref().is_some_and(|of| plain.contains(of));
        let (short, long): (Vec<_>, Vec<_>) = order.into_iter().partition(|(_, at)| is_plain(*at));
        let mut found = side_by_side(&short, |(name, _)| self.known_now(name))?;
        if !short.is_empty() && !self.is_whole()? {
            // What was read may be of blocks that this view does not show.
            found = side_by_side(&short, |(_, at)| self.known(&uris[*at]))?;
        }
        found.extend(side_by_side(&long, |(_, at)| self.look(&uris[*at]))?);
        let mut looks: Vec<Option<Box<Look>>> = uris.iter().map(|_| None).collect();
        for ((_, at), look) in short.into_iter().chain(long).zip(found) {
            looks[at] = look;
        }
        Ok(looks)
    }

    fn uses_up_containers(&self) -> Result<bool, Fault> {
        let index = self.index();
        if self.table(index.has(&Term::held_in_a_lot()))? {
            return Ok(true);
        }
        let events = self.table(index.positions(&Term::uses_up_things(), MAX_USED_UP))?;
        if events.len() >= MAX_USED_UP {
            return Ok(true);
        }
        let mut products = BTreeSet::new();
        for position in events {
            // The index may have come further than this view.
            let Some(stored) = self.event_at(position)? else { continue };
            for item in &super::reading::facts_of(&stored)?.items {
                let is_thing = item.has_log && item.named.level != Level::Lot;
                if is_thing && item.role == ItemRole::Input {
                    match piece_of(&item.named.uri) {
                        Some(product) => products.insert(product),
                        // A logistic unit, or of a kind that is not known here.
                        None => return Ok(true),
                    };
                }
            }
        }
        for product in products {
            if self.table(index.has(&Term::held_in(&product)))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn reached(&self, flows: &[Flow]) -> Result<Vec<Reached>, Fault> {
        side_by_side(flows, |flow| reached(self, *flow))
    }

    fn of_product(&self, class: &str) -> Result<(Vec<String>, Vec<Flow>), Fault> {
        let mut items = Vec::new();
        let (mut from, to) = item_range();
        loop {
            let page = self.pairs((&from, &to), ITEMS_PAGE, Order::OldestFirst)?;
            for (_, value) in &page {
                let uri: String = self.unpacked_prefix(value)?;
                if uri != class && product_of(&canonical(&uri)).as_deref() == Some(class) {
                    items.push(uri);
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == ITEMS_PAGE => {
                    from.clone_from(last);
                    from.push(0);
                }
                _ => break,
            }
        }
        let (mut flows, mut after) = (Vec::new(), None);
        loop {
            let page = self.history(class, after, EVENTS_PAGE, Order::OldestFirst)?;
            for stored in &page.events {
                let facts = super::reading::facts_of(stored)?;
                let flow = flow_of(&facts, class);
                flows.extend(flow.map(|role| Flow { position: stored.position, role }));
            }
            after = page.next;
            if after.is_none() {
                return Ok((items, flows));
            }
        }
    }
}

/// As what an event names the things that are reached from what it names without lot or serial:
/// the outputs of a transformation of which that is an input. An error declaration leads nowhere.
fn flow_of(facts: &Facts, class: &str) -> Option<ItemRole> {
    let is_input = |item: &&tracehold_contracts::provenance::NamedItem| {
        item.named.uri == class
            && !item.has_log
            && (item.role == ItemRole::Input
                || item.amounts.iter().any(|amount| amount.role == ItemRole::Input))
    };
    let telling = &facts.telling;
    let makes = telling.event_type == EventType::Transformation
        && telling.action != Some(Action::Delete)
        && facts.declared_at.is_none();
    (makes && facts.items.iter().any(|item| is_input(&item))).then_some(ItemRole::Output)
}

impl ReadView {
    /// What the events of the blocks above `after` named, as lists of affected things want it.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn touched_after(
        &self,
        after: tracehold_chain::units::Height,
    ) -> Result<Vec<Touched>, Fault> {
        let mut touched = Vec::new();
        let mut next = self.next_filled(after.next());
        while let Some(height) = next {
            for stored in self.recorded_in(height)? {
                let facts = super::reading::facts_of(&stored)?;
                let id = facts.telling.transformation_id.as_ref();
                let part_of = id.map(|id| (stored.recorder().clone(), id.clone()));
                for item in &facts.items {
                    let uri = item.named.uri.clone();
                    let flow = flow_of(&facts, &uri);
                    touched.push(Touched {
                        product: product_of(&canonical(&uri)),
                        flow: flow.map(|role| Flow { position: stored.position, role }),
                        part_of: part_of.clone(),
                        position: stored.position,
                        is_correction: facts.declared_at.is_some(),
                        uri,
                    });
                }
            }
            next = self.next_filled(height.next());
        }
        Ok(touched)
    }
}
