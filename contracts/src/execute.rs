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
use crate::masterdata;
use crate::money;
use crate::overlay::Overlay;
use crate::provenance;
use crate::receipt::{Effects, Receipt, Rejection, RejectionCode, Repeat, Verdict};

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
    /// Agreements that it concerns and that are still to be looked at.
    pub touched: BTreeSet<AgreementId>,
    index: Vec<(Vec<u8>, Vec<u8>)>,
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

/// Things that are done at the beginning of one block; what else is due waits for the next.
pub const MAX_DUE_PER_BLOCK: usize = 1_000;

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
        Ok(execution)
    }

    /// Does what is due, oldest first.
    fn do_what_is_due(&mut self) -> Result<(), TableError> {
        let now = self.now(0);
        let staged = &mut self.staged;
        let (first, end) = Due::range_until(self.block_time);
        let mut room = MAX_DUE_PER_BLOCK;
        while room > 0 {
            let page = staged.overlay.range(&first, &end, room)?;
            if page.is_empty() {
                break;
            }
            room = room.saturating_sub(page.len());
            for (key, _) in page {
                let due = Due::of_key(&key);
                staged.overlay.remove(key);
                match due {
                    Some(Due { kind: Due::HOLD, which, .. }) => money::expire_hold(staged, &which)?,
                    Some(Due { kind: Due::APPROVAL, which, .. }) => {
                        money::expire_approval(staged, &which, now)?;
                    }
                    Some(Due { kind: Due::AGREEMENT, which, .. }) => {
                        agreement::look_at(staged, AgreementId(which), now)?;
                    }
                    _ => return Err(TableError("the queue of what is due is damaged".into())),
                }
            }
            // What these paid can be what other agreements wait for.
            agreement::settle(staged, now)?;
        }
        staged.overlay.keep();
        staged.touched.clear();
        staged.repeats.clear();
        // The transactions have all of the block's room.
        staged.refold_left = provenance::MAX_REFOLD_STEPS_PER_BLOCK;
        staged.readings_left = provenance::MAX_READINGS_JUDGED_PER_BLOCK;
        staged.is_short = false;
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
        if std::mem::take(&mut self.staged.is_short) && !self.order.is_empty() {
            // Others have used it up: in a block of its own it has all of it.
            self.staged.discard();
            return Ok(Err(Unfit::NoRoom));
        }
        if matches!(verdict, Verdict::Rejected(_)) {
            self.staged.discard();
        }
        let overlay = &self.staged.overlay;
        let before = overlay.block_touched().saturating_sub(self.due_touched);
        let touched = overlay.touched().saturating_add(before);
        let limit = usize::try_from(self.parameters.max_block_touches).unwrap_or(usize::MAX);
        if touched > limit {
            self.staged.discard();
            if !self.order.is_empty() {
                return Ok(Err(Unfit::NoRoom));
            }
            // It does not fit an empty block: it would wait for ever, and others behind it.
            let subject = format!("{touched} changes, the limit is {limit}");
            verdict = Verdict::Rejected(Rejection::new(RejectionCode::TooManyTouches, subject));
        }
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
            let first = overlay.range(&first, &end, 1)?.pop();
            first.and_then(|(key, _)| Due::of_key(&key)).map(|due| due.at)
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
