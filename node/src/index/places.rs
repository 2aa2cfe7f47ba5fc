//! Master data on record, for the conditions of a query that ask for it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tracehold_chain::epcis::query::{PlaceField, Places};
use tracehold_chain::masterdata::{MasterData, MasterKind, hierarchy};

use crate::fault::Fault;
use crate::view::ReadView;

/// Records that one search remembers; beyond, they are read again.
const REMEMBERED: usize = 4_096;

type Known = BTreeMap<(MasterKind, String), Option<MasterData>>;

/// The records as a view has them; each is read once.
pub struct Recorded<'v> {
    view: &'v ReadView,
    known: RefCell<Known>,
    fault: RefCell<Option<Fault>>,
}

impl<'v> Recorded<'v> {
    /// Records of `view`.
    #[must_use]
    pub fn new(view: &'v ReadView) -> Recorded<'v> {
        Recorded { view, known: RefCell::default(), fault: RefCell::default() }
    }

    /// What went wrong when records were read.
    ///
    /// # Errors
    /// [`Fault`]: what was answered since is not to be believed.
    pub fn check(&self) -> Result<(), Fault> {
        self.fault.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn record<T>(
        &self,
        kind: MasterKind,
        id: &str,
        read: impl FnOnce(&MasterData) -> T,
    ) -> Option<T> {
        let key = (kind, id.to_owned());
        let mut known = self.known.borrow_mut();
        if !known.contains_key(&key) {
            let found = self.view.master_record(kind, id);
            let found = found.unwrap_or_else(|fault| {
                self.fault.borrow_mut().get_or_insert(fault);
                None
            });
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(key.clone(), found.map(|record| record.data));
        }
        known.get(&key)?.as_ref().map(read)
    }
}

impl Places for Recorded<'_> {
    fn around(&self, field: PlaceField, place: &str) -> Vec<String> {
        self.record(MasterKind::Place, place, |data| hierarchy::around(data, field))
            .unwrap_or_default()
    }

    fn attribute(&self, kind: MasterKind, id: &str, name: &str) -> Option<Vec<String>> {
        self.record(kind, id, |data| hierarchy::attribute(data, name)).flatten()
    }
}
