//! Agreements: what they say, how far they are, and their stories.

use tracehold_chain::agreement::Terms;
use tracehold_chain::digest::Digest;
use tracehold_chain::money::{AgreementId, EntryId};
use tracehold_chain::state::key::{
    agreement_step_key, agreement_steps_range, party_agreement_key, party_agreements_range,
};
use tracehold_chain::state::{StateKey, TableError};
use tracehold_chain::units::MemberId;
use tracehold_contracts::agreement::facts::read_with;
use tracehold_contracts::agreement::{AgreementRecord, Fact, StoryLine};

use super::{Order, ReadView, merged};
use crate::fault::Fault;

/// A step of an agreement's story and where it stands.
pub type Told = (EntryId, StoryLine);

impl ReadView {
    /// How far an agreement is.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn agreement(&self, id: AgreementId) -> Result<Option<AgreementRecord>, Fault> {
        self.packed(&StateKey::Agreement(id).encode())
    }

    /// What an agreement says.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read or is damaged.
    pub fn terms(&self, id: AgreementId) -> Result<Option<Terms>, Fault> {
        self.packed(&StateKey::Terms(id).encode())
    }

    /// The agreements in which a member has a role, proposed before `before`, newest first, at most
    /// `limit`: where each was proposed, and its id.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn agreements_of(
        &self,
        member: &MemberId,
        before: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<(EntryId, AgreementId)>, Fault> {
        let (from, mut to) = party_agreements_range(member);
        if let Some(before) = before {
            to = party_agreement_key(member, before, &AgreementId(Digest([0; 32])));
        }
        let found = self.pairs((&from, &to), limit, Order::NewestFirst)?;
        let read = found.iter().filter_map(|(key, _)| {
            let rest = key.strip_prefix(from.as_slice())?;
            let (proposed, id) = rest.split_first_chunk::<16>()?;
            let id = AgreementId(Digest(id.try_into().ok()?));
            Some((EntryId::from_sortable(proposed), id))
        });
        Ok(read.collect())
    }

    /// The steps of an agreement's story after `after`, oldest first, at most `limit`; and whether
    /// there are more.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn agreement_story(
        &self,
        id: AgreementId,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<(Vec<Told>, bool), Fault> {
        let (mut from, _) = agreement_steps_range(&id);
        if let Some(after) = after {
            from = agreement_step_key(&id, after);
            from.push(0);
        }
        let end = EntryId { height: self.height().next(), receipt: 0, entry: 0 };
        let to = agreement_step_key(&id, end);
        let (mut steps, more) = self.steps_between(&from, &to, limit)?;
        steps.truncate(limit);
        Ok((steps, more))
    }

    /// The steps that an agreement went in one receipt.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn steps_of_receipt(&self, id: AgreementId, entry: EntryId) -> Result<Vec<Told>, Fault> {
        let first = EntryId { entry: 0, ..entry };
        let last = EntryId { entry: u32::MAX, ..entry };
        let (from, to) = (agreement_step_key(&id, first), agreement_step_key(&id, last));
        Ok(self.steps_between(&from, &to, usize::MAX)?.0)
    }

    /// The facts that count for an agreement, those that were undone included.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn facts(&self, record: &AgreementRecord) -> Result<Vec<Fact>, Fault> {
        self.table(read_with(record, &|key| self.state_bytes(key)))
    }

    /// What was read from the state by others, or the fault of a table that cannot be.
    ///
    /// # Errors
    /// [`Fault`], and the table is rebuilt at the next start.
    pub fn readable<T>(&self, read: Result<T, TableError>) -> Result<T, Fault> {
        self.table(read)
    }

    /// The value at a key of the state, as it is: for whoever evaluates conditions.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be read.
    pub fn state_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        merged::get(&self.snapshot.layers, &*self.shared.table, key)
    }

    fn steps_between(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<(Vec<Told>, bool), Fault> {
        let found = self.pairs((from, to), limit.saturating_add(1), Order::OldestFirst)?;
        let more = found.len() > limit;
        let read = found.iter().map(|(key, value)| {
            let step = key.last_chunk().map(EntryId::from_sortable);
            let step = step.ok_or_else(|| self.table_damaged("a step's key".to_owned()))?;
            Ok((step, self.unpacked::<StoryLine>(value)?))
        });
        Ok((read.collect::<Result<_, Fault>>()?, more))
    }
}
