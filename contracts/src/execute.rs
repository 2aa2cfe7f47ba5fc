//! Running the transactions of one block, each all or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracehold_chain::epcis::query::terms::Findable;
use tracehold_chain::genesis::Parameters;
use tracehold_chain::masterdata::MasterData;
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::key::picture_key;
use tracehold_chain::state::{Batch, Due, Position, StateKey, TableError};
use tracehold_chain::transaction::{Command, TransactionId};
use tracehold_chain::units::{Height, TimestampMs};

use crate::admission::Admitted;
use crate::agreement;
use crate::authority::Authority;
use crate::due;
use crate::masterdata;
use crate::money;
use crate::overlay::Overlay;
use crate::provenance;
use crate::recall;
use crate::receipt::{Effects, Receipt, Rejection, RejectionCode, Repeat, Verdict};
use crate::work::Work;

/// When and for whom something runs.
#[derive(Clone, Copy)]
pub struct Now<'a> {
    /// The members.
    pub authority: &'a Authority,
    /// What the network chose.
    pub parameters: &'a Parameters,
    /// The block.
    pub height: Height,
    /// Its time.
    pub block_time: TimestampMs,
    /// Which receipt of the block this goes into: 0 for what is due when it begins, then one for
    /// each transaction.
    pub receipt: u32,
}

/// What a transaction writes while it runs: state, and entries of local indexes.
pub struct Staged<'a> {
    /// The state.
    pub overlay: Overlay<'a>,
    /// Steps of journals that the block may still read again.
    pub refold_left: u64,
    /// Readings that the block may still hold against declared limits.
    pub readings_left: u64,
    /// Whether the block had too little left of either for the transaction.
    pub is_short: bool,
    /// What the transaction moved so far.
    pub effects: Effects,
    /// Its commands that had taken effect before.
    pub repeats: Vec<Repeat>,
    /// Agreements that it concerns and that are still to be looked at: first those in which the
    /// recorder of the event has a role.
    pub touched: BTreeSet<(Concern, AgreementId)>,
    /// What agreements did in the block, and may still do.
    pub work: Work,
    /// Whether the transaction acts on an agreement of which more fell due than could be done yet:
    /// that comes first.
    pub is_behind: bool,
    /// As of when, and whether by itself, an agreement moves something now, while it does.
    pub moves_at: Option<(TimestampMs, bool)>,
    index: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Whom an agreement concerns that something set going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// Who acted: it is looked at first, so that agreements of strangers on the same goods delay
    /// nobody's payment.
    Own,
    /// Others: the lightest first, by what a look at it may cost.
    Others(u64),
}

impl Staged<'_> {
    /// Adds an entry to a local history index.
    pub fn index(&mut self, key: Vec<u8>) {
        self.index.push((key, Vec::new()));
    }

    /// Adds an entry with a value to a local history index.
    pub fn index_value(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.index.push((key, value));
    }

    /// Queues something to be done at the beginning of the first block whose time has come.
    pub fn queue(&mut self, due: Due) {
        self.overlay.put(StateKey::Due(due).encode(), Vec::new());
    }

    /// Takes something out of the queue.
    pub fn unqueue(&mut self, due: Due) {
        self.overlay.remove(StateKey::Due(due).encode());
    }

    /// Does what agreements do for somebody else's transaction: what it writes counts against them,
    /// not against the sender.
    pub fn for_agreements<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let (entries, bytes) = (self.overlay.touched(), self.overlay.written());
        let counted = (self.work.writes(), self.work.bytes());
        let done = run(self);
        // What agreements did inside of that is counted already.
        let entries = entries.saturating_add(self.work.writes().saturating_sub(counted.0));
        let bytes = bytes.saturating_add(self.work.bytes().saturating_sub(counted.1));
        let entries = self.overlay.touched().saturating_sub(entries);
        self.work.wrote(entries, self.overlay.written().saturating_sub(bytes));
        done
    }

    /// Bytes of values that the sender of the transaction wrote, without what agreements did.
    #[must_use]
    pub fn own_written(&self) -> usize {
        self.overlay.written().saturating_sub(self.work.bytes())
    }

    /// Forgets everything that the transaction wrote and moved.
    fn discard(&mut self) {
        self.overlay.discard();
        self.index.clear();
        self.effects = Effects::default();
        self.repeats.clear();
        self.touched.clear();
    }
}

/// Why a transaction cannot be part of the block that is being run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Its expiry is before the block time.
    #[error("it expired")]
    Expired,
    /// Its expiry is beyond the window.
    #[error("it expires beyond the window")]
    ExpiresTooLate,
    /// It is on record, or earlier in the block.
    #[error("it is a replay")]
    Replayed,
    /// The block is full.
    #[error("the block is full")]
    NoRoom,
    /// What it sets going does not fit into the block any more.
    #[error("what it sets going does not fit into the block")]
    Waits,
    /// The agreement that it acts on has to do first what fell due before, and that is too much for
    /// one transaction: blocks do it when they begin.
    #[error("the agreement has to do first what fell due before")]
    Behind,
}

/// The run of one block.
pub struct Execution<'a> {
    staged: Staged<'a>,
    authority: &'a Authority,
    parameters: &'a Parameters,
    height: Height,
    block_time: TimestampMs,
    was_recorded: &'a dyn Fn(&TransactionId) -> bool,
    ids: BTreeSet<TransactionId>,
    order: Vec<TransactionId>,
    bytes: usize,
    indexed: Batch,
    due: Effects,
    /// Entries of the state that what was due wrote: they do not count against the transactions.
    due_touched: usize,
    /// When something is due next, before the block.
    next_due: Option<TimestampMs>,
    receipts: Vec<Receipt>,
    events: usize,
    found: Vec<(Position, Arc<Findable>)>,
}

pub use crate::due::{MAX_DUE_PER_BLOCK, MAX_EXPIRED_PER_BLOCK};

/// What a run leaves.
pub struct Executed {
    /// Writes to the state.
    pub state: Batch,
    /// Writes to the local indexes.
    pub indexed: Batch,
    /// What was due when the block began.
    pub due: Effects,
    /// When something is due next.
    pub next_due: Option<TimestampMs>,
    /// One for each transaction.
    pub receipts: Vec<Receipt>,
    /// The ids, in order.
    pub ids: Vec<TransactionId>,
    /// Events newly recorded.
    pub events: usize,
    /// Where each of them stands, and under which terms it is found.
    pub found: Vec<(Position, Arc<Findable>)>,
}

impl<'a> Execution<'a> {
    /// Begins the block at `height` by doing what is due at its time. `next_due` is when something
    /// is due next.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn new(
        overlay: Overlay<'a>,
        authority: &'a Authority,
        parameters: &'a Parameters,
        (height, block_time): (Height, TimestampMs),
        was_recorded: &'a dyn Fn(&TransactionId) -> bool,
        next_due: Option<TimestampMs>,
    ) -> Result<Execution<'a>, TableError> {
        let mut execution = Execution {
            staged: Staged {
                overlay,
                refold_left: provenance::MAX_REFOLD_STEPS_PER_BLOCK,
                readings_left: provenance::MAX_READINGS_JUDGED_PER_BLOCK,
                is_short: false,
                effects: Effects::default(),
                repeats: Vec::new(),
                touched: BTreeSet::new(),
                work: Work::of_what_is_due(),
                is_behind: false,
                moves_at: None,
                index: Vec::new(),
            },
            authority,
            parameters,
            height,
            block_time,
            was_recorded,
            ids: BTreeSet::new(),
            order: Vec::new(),
            bytes: 0,
            indexed: Batch::new(),
            due: Effects::default(),
            due_touched: 0,
            next_due,
            receipts: Vec::new(),
            events: 0,
            found: Vec::new(),
        };
        if next_due.is_some_and(|at| at <= block_time) {
            execution.do_what_is_due()?;
        }
        execution.staged.work.begin_transactions();
        Ok(execution)
    }

    /// Does what is due.
    fn do_what_is_due(&mut self) -> Result<(), TableError> {
        let now = self.now(0);
        let staged = &mut self.staged;
        due::run(staged, now)?;
        staged.overlay.keep();
        staged.touched.clear();
        staged.repeats.clear();
        // The transactions have all of the block's room.
        staged.refold_left = provenance::MAX_REFOLD_STEPS_PER_BLOCK;
        staged.readings_left = provenance::MAX_READINGS_JUDGED_PER_BLOCK;
        staged.is_short = false;
        staged.is_behind = false;
        self.due_touched = staged.overlay.block_touched();
        self.due = std::mem::take(&mut staged.effects);
        self.indexed.extend(staged.index.drain(..).map(|(key, value)| (key, Some(value))));
        Ok(())
    }

    fn now(&self, receipt: u32) -> Now<'a> {
        let (authority, parameters) = (self.authority, self.parameters);
        Now { authority, parameters, height: self.height, block_time: self.block_time, receipt }
    }

    /// Runs the next transaction, or says why it cannot be in this block.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn run(&mut self, transaction: &Admitted) -> Result<Result<(), Unfit>, TableError> {
        if let Err(unfit) = self.fits(transaction) {
            return Ok(Err(unfit));
        }
        let mut verdict = self.verdict(transaction)?;
        let is_first = self.order.is_empty();
        let is_short = std::mem::take(&mut self.staged.is_short);
        let is_behind = std::mem::take(&mut self.staged.is_behind);
        // Others have used it up: the first of a block has all of it.
        let is_crowded = !is_first && (is_short || !self.staged.work.fits());
        if is_behind || is_crowded {
            self.staged.discard();
            self.staged.work.give_back();
            return Ok(Err(if is_behind { Unfit::Behind } else { Unfit::Waits }));
        }
        if matches!(verdict, Verdict::Rejected(_)) {
            self.staged.discard();
        }
        let own = self.own_touched();
        let limit = usize::try_from(self.parameters.max_block_touches).unwrap_or(usize::MAX);
        if own > limit {
            self.staged.discard();
            if !is_first {
                self.staged.work.give_back();
                return Ok(Err(Unfit::NoRoom));
            }
            // It does not fit an empty block: it would wait for ever, and others behind it.
            let subject = format!("{own} changes, the limit is {limit}");
            verdict = Verdict::Rejected(Rejection::new(RejectionCode::TooManyTouches, subject));
        }
        self.staged.work.keep(matches!(verdict, Verdict::Recorded { .. }));
        if let Verdict::Recorded { repeated } = &verdict {
            let new = transaction.events.len().saturating_sub(repeated.len());
            self.events = self.events.saturating_add(new);
            self.file(transaction, repeated);
        }
        self.staged.overlay.keep();
        self.indexed.extend(self.staged.index.drain(..).map(|(key, value)| (key, Some(value))));
        self.bytes = self.bytes.saturating_add(transaction.bytes);
        self.ids.insert(transaction.id);
        self.order.push(transaction.id);
        let effects = std::mem::take(&mut self.staged.effects);
        let repeats = std::mem::take(&mut self.staged.repeats);
        self.receipts.push(Receipt { transaction_id: transaction.id, verdict, effects, repeats });
        Ok(Ok(()))
    }

    /// Notes under which terms the new events of a transaction are found.
    fn file(&mut self, transaction: &Admitted, repeated: &[u32]) {
        let index = u32::try_from(self.receipts.len()).expect("a block's bytes bound its length");
        for (place, event) in (0_u32..).zip(&transaction.events) {
            if repeated.binary_search(&place).is_err() {
                let position = Position { height: self.height, transaction: index, event: place };
                self.found.push((position, Arc::clone(&event.findable)));
            }
        }
    }

    /// Entries that the block's transactions wrote, without what agreements wrote for them.
    fn own_touched(&self) -> usize {
        let (overlay, work) = (&self.staged.overlay, &self.staged.work);
        let before = overlay.block_touched().saturating_sub(self.due_touched);
        let before = before.saturating_sub(work.writes_before());
        let touched = overlay.touched();
        // Of a refused transaction nothing is left, of agreements neither.
        touched.saturating_sub(work.writes()).saturating_add(before)
    }

    fn fits(&self, transaction: &Admitted) -> Result<(), Unfit> {
        let expires_at = transaction.expires_at();
        if expires_at < self.block_time {
            return Err(Unfit::Expired);
        }
        if expires_at > self.block_time.plus_ms(self.parameters.expiry_window_ms) {
            return Err(Unfit::ExpiresTooLate);
        }
        if self.ids.contains(&transaction.id) || (self.was_recorded)(&transaction.id) {
            return Err(Unfit::Replayed);
        }
        let bytes = self.bytes.saturating_add(transaction.bytes);
        if bytes > usize::try_from(self.parameters.max_block_bytes).unwrap_or(usize::MAX) {
            return Err(Unfit::NoRoom);
        }
        Ok(())
    }

    fn verdict(&mut self, transaction: &Admitted) -> Result<Verdict, TableError> {
        let index = u32::try_from(self.receipts.len()).expect("a block's bytes bound its length");
        let mut repeated = Vec::new();
        let signed = &transaction.bundle.transaction;
        let (sender, records, id) = (&signed.body.sender, signed.master_data(), transaction.id);
        let now = self.now(index.saturating_add(1));
        let at = (self.height, self.block_time);
        let overlay = &mut self.staged.overlay;
        if let Err(rejection) = masterdata::set(overlay, self.authority, sender, records, at)? {
            return Ok(Verdict::Rejected(rejection));
        }
        for picture in signed.master_data().filter_map(MasterData::picture) {
            self.staged.index(picture_key(picture, sender.member()));
        }
        for (place, event) in transaction.events.iter().enumerate() {
            let place = u32::try_from(place).expect("at most 1,000 events");
            let position = Position { height: self.height, transaction: index, event: place };
            let at = provenance::At {
                authority: self.authority,
                parameters: self.parameters,
                block_time: self.block_time,
                position,
            };
            let captured = provenance::capture(&mut self.staged, event, at)?;
            match captured {
                Ok(provenance::Captured::New) => {
                    agreement::observe(&mut self.staged, event, position, now)?;
                }
                Ok(provenance::Captured::Repeated) => repeated.push(place),
                Err(rejection) => return Ok(Verdict::Rejected(rejection)),
            }
        }
        for (place, command) in (0_u32..).zip(&signed.body.commands) {
            let staged = &mut self.staged;
            let done = match command {
                Command::Money(command) => money::run(staged, command, sender, place, id, now)?,
                Command::Agreement(command) => agreement::run(staged, command, sender, now)?,
                Command::Recall(command) => recall::run(&mut staged.overlay, command, sender, now)?,
                Command::Capture(_) | Command::SetMasterData(_) => Ok(()),
            };
            if let Err(rejection) = done {
                let rejection = Rejection { command: Some(place), ..rejection };
                return Ok(Verdict::Rejected(rejection));
            }
        }
        agreement::settle(&mut self.staged, now)?;
        Ok(Verdict::Recorded { repeated })
    }

    /// Everything the block did.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    ///
    /// # Panics
    /// When the block made or lost money: a fault of ours.
    pub fn finish(self) -> Result<Executed, TableError> {
        let overlay = self.staged.overlay;
        money::assert_conserved(&overlay)?;
        let (first, end) = Due::range();
        let next_due = if overlay.block_writes(&first, &end).next().is_none() {
            self.next_due
        } else {
            due::next(&|first, end| overlay.range(first, end, 1))?
        };
        Ok(Executed {
            state: overlay.into_writes(),
            indexed: self.indexed,
            due: self.due,
            next_due,
            receipts: self.receipts,
            ids: self.order,
            events: self.events,
            found: self.found,
        })
    }
}
