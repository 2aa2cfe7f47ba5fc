//! What open recalls reach, kept in memory and brought up to the newest block when somebody asks.
//!
//! Each open recall has a list ([`Affected`]). It is found once, by following the ledger's journals
//! from what the recall names; then only what new events name is looked at again. Nothing of it is
//! stored: a node that starts finds its lists anew. While no recall is open, asking costs one look
//! at a number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::product_of;
use tracehold_chain::recall::{RecallCount, RecallId, RecallRecord};
use tracehold_chain::units::Height;
use tracehold_contracts::recall::affected::{Affected, How, Rows};

use crate::fault::Fault;
use crate::view::ReadView;

/// Blocks that lists are brought forward by what their events name; over more they are found anew.
const MAX_BLOCKS_FOLLOWED: u64 = 5_000;

/// Recalls that are read together.
const RECALLS_PAGE: usize = 100;

/// The lists of a node.
#[derive(Default)]
pub struct Recalls {
    lists: Mutex<Lists>,
}

#[derive(Default)]
struct Lists {
    /// The block up to which the lists are.
    height: Height,
    count: RecallCount,
    open: BTreeMap<RecallId, List>,
}

/// What one open recall reaches.
struct List {
    record: Arc<RecallRecord>,
    affected: Affected,
    rows: Option<Arc<Rows>>,
}

/// A recall that an item is affected by.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The recall.
    pub record: Arc<RecallRecord>,
    /// How.
    pub how: How,
    /// What it was made of or packed in, when the recall does not name it itself.
    pub from: Option<String>,
    /// Affected things inside, for what only holds them.
    pub inside: u64,
}

/// What a recall reaches, as of one block.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The block.
    pub height: Height,
    /// Every line.
    pub rows: Arc<Rows>,
    /// Whether more is affected than is listed.
    pub is_cut: bool,
}

impl Recalls {
    /// The recalls that concern an item: which name it, its lot or its product, or reach it, or
    /// reach what is in it.
    ///
    /// # Errors
    /// [`Fault`] when something cannot be read.
    pub fn notices(&self, view: &ReadView, uri: &str) -> Result<Vec<Notice>, Fault> {
        let mut lists = self.at(view)?;
        let mut notices = Vec::new();
        let product = product_of(&canonical(uri));
        for list in lists.open.values_mut() {
            let record = Arc::clone(&list.record);
            if let Some(entry) = list.affected.entry(uri) {
                let from = entry.from.and_then(|at| list.affected.entries().get(at));
                let from = from.map(|from| from.uri.clone());
                notices.push(Notice { record, how: entry.how, from, inside: 0 });
            } else if product.as_ref().is_some_and(|of| record.notice.items.contains(of)) {
                // Of a product that is recalled, and no event names it yet.
                notices.push(Notice {
                    record,
                    how: How::OfProduct,
                    from: product.clone(),
                    inside: 0,
                });
            } else if list.affected.was_around(uri)
                && let Some(row) = list.rows().container(uri)
            {
                let (how, inside) = (How::Holds, row.inside);
                notices.push(Notice { record, how, from: None, inside });
            }
        }
        notices.sort_by_key(|notice| (notice.how, notice.record.number));
        Ok(notices)
    }

    /// Brings all lists up to a view.
    ///
    /// # Errors
    /// [`Fault`] when something cannot be read.
    pub fn bring_to(&self, view: &ReadView) -> Result<(), Fault> {
        self.at(view).map(drop)
    }

    /// What a recall reaches. A recall that was withdrawn has no list any more: what it reached is
    /// found for this answer.
    ///
    /// # Errors
    /// [`Fault`] when something cannot be read.
    pub fn listed(&self, view: &ReadView, record: &RecallRecord) -> Result<Listed, Fault> {
        {
            let mut lists = self.at(view)?;
            let height = lists.height;
            if let Some(list) = lists.open.get_mut(&record.id) {
                let is_cut = list.affected.is_cut();
                return Ok(Listed { height, rows: list.rows(), is_cut });
            }
        }
        let affected = Affected::by(view, &record.notice.items)?;
        let rows = Arc::new(affected.rows());
        Ok(Listed { height: view.height(), rows, is_cut: affected.is_cut() })
    }

    /// The lists, as of this view at least. On a failure they are found anew the next time.
    fn at(&self, view: &ReadView) -> Result<MutexGuard<'_, Lists>, Fault> {
        let mut lists = match self.lists.lock() {
            Ok(lists) => lists,
            Err(poisoned) => {
                let mut lists = poisoned.into_inner();
                *lists = Lists::default();
                self.lists.clear_poison();
                lists
            }
        };
        if let Err(fault) = lists.bring_to(view) {
            *lists = Lists::default();
            return Err(fault);
        }
        Ok(lists)
    }
}

impl List {
    fn rows(&mut self) -> Arc<Rows> {
        let affected = &self.affected;
        Arc::clone(self.rows.get_or_insert_with(|| Arc::new(affected.rows())))
    }
}

impl Lists {
    fn bring_to(&mut self, view: &ReadView) -> Result<(), Fault> {
        let height = view.height();
        if height <= self.height {
            return Ok(());
        }
        let behind = height.0.saturating_sub(self.height.0);
        if behind > MAX_BLOCKS_FOLLOWED {
            *self = Lists::default();
        } else if !self.open.is_empty() {
            let touched = view.touched_after(self.height)?;
            for list in self.open.values_mut() {
                if list.affected.follow(view, &touched)? {
                    list.rows = None;
                }
            }
        }
        let count = view.recall_count()?;
        if count != self.count {
            self.read_recalls(view)?;
            self.count = count;
        }
        self.height = height;
        Ok(())
    }

    /// Finds the lists of recalls that are new, and forgets those of recalls that are over.
    fn read_recalls(&mut self, view: &ReadView) -> Result<(), Fault> {
        let mut before = None;
        let mut open = BTreeMap::new();
        loop {
            let page = view.recalls(before, RECALLS_PAGE)?;
            before = page.last().map(|record| record.number);
            let is_last = page.len() < RECALLS_PAGE;
            for record in page.into_iter().filter(RecallRecord::is_open) {
                let list = match self.open.remove(&record.id) {
                    Some(list) => list,
                    None => List {
                        affected: Affected::by(view, &record.notice.items)?,
                        record: Arc::new(record),
                        rows: None,
                    },
                };
                open.insert(list.record.id.clone(), list);
            }
            if is_last {
                self.open = open;
                return Ok(());
            }
        }
    }
}
