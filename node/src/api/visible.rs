//! Who may see what: the one place that decides.

use tracehold_chain::units::{AgentId, MemberId};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody without a key, such as a consumer who scanned a code.
    Anonymous,
    /// An agent of a member, known by an API key.
    Agent(AgentId),
}

/// How much of an event somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// The `public` section only: what a scan may show.
    Public,
    /// Every section.
    Whole,
}

/// What is known of a record when its visibility is decided.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The member that recorded the event.
    pub recorded_by: &'a MemberId,
}

/// Decides what `caller` sees of `record`.
///
/// Every agent of every member sees everything, as every node's operator can
/// (`docs/decisions/0013-what-a-member-sees.md`); a caller without a key sees the public section.
/// The record is an argument so that finer rules (by recorder, party, accreditation) change this
/// function and nothing else.
#[must_use]
pub fn visible(caller: &Caller, _record: &Record<'_>) -> Sight {
    match caller {
        Caller::Anonymous => Sight::Public,
        Caller::Agent(_) => Sight::Whole,
    }
}

/// Decides whether `caller` sees something of money or agreements, in which these members have a
/// part: an account its member, an agreement and its pot every role, a journal entry the members of
/// its accounts. Nobody else does; to others it is as if it were not there.
#[must_use]
pub fn has_part<'a>(caller: &Caller, parties: impl IntoIterator<Item = &'a MemberId>) -> bool {
    match caller {
        Caller::Anonymous => false,
        Caller::Agent(agent) => parties.into_iter().any(|party| party == agent.member()),
    }
}

/// Decides whether `caller` reads what people reported at the node that the member `own` runs: its
/// own agents do. Whoever reported a thing told this node, and nobody else.
#[must_use]
pub fn reads_reports(caller: &Caller, own: Option<&MemberId>) -> bool {
    matches!(caller, Caller::Agent(agent) if Some(agent.member()) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P69.
    #[test]
    fn money_is_seen_by_those_who_have_a_part_in_it_only() {
        let parties = ["buyer", "seller"].map(|name| MemberId::new(name).unwrap());
        let agent = |name: &str| Caller::Agent(name.parse().unwrap());
        assert!(has_part(&agent("buyer/erp"), &parties));
        assert!(!has_part(&agent("bank/desk"), &parties));
        assert!(!has_part(&Caller::Anonymous, &parties));
        assert!(!has_part(&agent("buyer/erp"), []));
    }

    #[test]
    fn strangers_see_the_public_section_and_agents_everything() {
        let acme = MemberId::new("acme").unwrap();
        let record = Record { recorded_by: &acme };
        assert_eq!(visible(&Caller::Anonymous, &record), Sight::Public);
        let other = Caller::Agent("other/erp".parse().unwrap());
        assert_eq!(visible(&other, &record), Sight::Whole);
    }
}
