//! Who may do what: members, their agents and their GS1 company prefixes.

use std::collections::BTreeMap;

use tracehold_chain::codec;
use tracehold_chain::genesis::{Agent, Member};
use tracehold_chain::state::key::{MEMBERS_END, MEMBERS_FIRST};
use tracehold_chain::state::{Table, TableError};
use tracehold_chain::units::{AgentId, MemberId};

/// Members looked up by name, as the state has them.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    members: BTreeMap<MemberId, Member>,
}

/// More members than any network has: the whole list is read at once.
const MEMBERS_READ: usize = 100_000;

impl Authority {
    /// Reads the member records of a table.
    ///
    /// # Errors
    /// [`TableError`] when the table cannot be read or holds a damaged record.
    pub fn read(table: &dyn Table) -> Result<Authority, TableError> {
        let mut members = BTreeMap::new();
        for (_, value) in table.range(MEMBERS_FIRST, MEMBERS_END, MEMBERS_READ)? {
            let member: Member = codec::decode(&value)
                .map_err(|error| TableError(format!("a member record is damaged: {error}")))?;
            members.insert(member.id.clone(), member);
        }
        Ok(Authority { members })
    }

    /// The member's record.
    #[must_use]
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id)
    }

    /// All members, by name.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The agent's record and its member's.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<(&Member, &Agent)> {
        let member = self.members.get(id.member())?;
        let agent = member.agents.iter().find(|agent| agent.id == *id)?;
        Some((member, agent))
    }
}
