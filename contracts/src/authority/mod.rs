//! Who may do what: members, their agents and their GS1 company prefixes.

use std::collections::BTreeMap;

use tracehold_chain::codec;
use tracehold_chain::genesis::{Agent, Member, MemberRole};
use tracehold_chain::state::key::{MEMBERS_END, MEMBERS_FIRST};
use tracehold_chain::state::{Table, TableError};
use tracehold_chain::units::{AgentId, MemberId};

/// Members looked up by name, as the state has them.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    members: BTreeMap<MemberId, Member>,
    prefixes: BTreeMap<String, MemberId>,
    glns: BTreeMap<String, MemberId>,
}

/// Where the canonical identifiers of places and of parties begin.
const GLN_URIS: [&str; 2] = ["https://id.gs1.org/414/", "https://id.gs1.org/417/"];

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
        Ok(Authority::of(members))
    }

    /// These members and no others.
    #[must_use]
    pub fn of_members(members: impl IntoIterator<Item = Member>) -> Authority {
        Authority::of(members.into_iter().map(|member| (member.id.clone(), member)).collect())
    }

    fn of(members: BTreeMap<MemberId, Member>) -> Authority {
        let mut prefixes = BTreeMap::new();
        let mut glns = BTreeMap::new();
        for member in members.values() {
            for prefix in member.gs1_company_prefixes.iter().filter(|prefix| *prefix != "*") {
                prefixes.entry(prefix.clone()).or_insert_with(|| member.id.clone());
            }
            for gln in &member.glns {
                glns.entry(gln.clone()).or_insert_with(|| member.id.clone());
            }
        }
        Authority { members, prefixes, glns }
    }

    /// The member that holds the GS1 company prefix with which these digits begin, the longest
    /// that anybody holds. Whoever holds all prefixes, on a test network, is not meant.
    #[must_use]
    pub fn prefix_owner(&self, digits: &str) -> Option<&MemberId> {
        let lengths = (4..=12.min(digits.len())).rev();
        lengths.filter_map(|length| digits.get(..length)).find_map(|p| self.prefixes.get(p))
    }

    /// The member that a canonical identifier of a place or party names: by the member's list of
    /// GLNs, else by the GS1 company prefix of the GLN.
    #[must_use]
    pub fn member_at(&self, uri: &str) -> Option<&MemberId> {
        let gln = GLN_URIS.iter().find_map(|start| uri.strip_prefix(start))?;
        let gln = gln.split('/').next()?;
        self.glns.get(gln).or_else(|| self.prefix_owner(gln))
    }

    /// Whether the network accredits the member as an inspector.
    #[must_use]
    pub fn is_inspector(&self, id: &MemberId) -> bool {
        self.members.get(id).is_some_and(|member| member.roles.contains(&MemberRole::Inspector))
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
