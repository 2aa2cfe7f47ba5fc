//! What an event says that the ledger acts on.

use std::collections::BTreeMap;

use tracehold_chain::codec;
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::epcis::{
    Action, Canonical, Event, EventType, Level, Named, Role, SectionError, SectionedEvent,
    canonical,
};
use tracehold_chain::state::ItemRole;
use tracehold_chain::state::key::name_digest;
use tracehold_chain::units::TimestampMs;

/// One item that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedItem {
    /// The digest by which its canonical identifier is filed.
    pub name: Digest,
    /// How the event names it.
    pub role: ItemRole,
    /// Whether it has a log under the state root: places and classes without lot have a local
    /// index only.
    pub has_log: bool,
}

/// What an event says that the ledger acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its eventID.
    pub event_id: String,
    /// When it was declared in error, for an error declaration.
    pub declared_at: Option<TimestampMs>,
    /// Digest of the public facts that an error declaration must repeat.
    pub likeness: Digest,
    /// The items it names, each once, in the order of the digests of their names.
    pub items: Vec<NamedItem>,
    /// The identifiers it brings into the world.
    pub commissioned: Vec<Canonical>,
}

impl Facts {
    /// Reads and checks the body of an event.
    ///
    /// # Errors
    /// [`SectionError`] when it is none that can be recorded.
    pub fn read(body: &SectionedEvent) -> Result<Facts, SectionError> {
        let event = body.event()?;
        let event_id = event.event_id().expect("a stored event has an eventID").to_owned();
        Ok(Facts {
            event_id,
            declared_at: event.error_declaration().map(|declared| declared.declaration_time),
            likeness: likeness(&event),
            items: items(&event),
            commissioned: commissioned(&event),
        })
    }

    /// State entries that recording this writes: the event and the head of each log.
    #[must_use]
    pub fn touches(&self) -> usize {
        self.items.len().saturating_add(1)
    }
}

/// Digest of what the public section says of an event. An error declaration repeats its original,
/// so the two are alike. Nothing of the other sections goes in: their salts keep them from being
/// guessed, and an unsalted digest would undo that.
fn likeness(event: &Event) -> Digest {
    let named = event.identifiers().iter().filter(|named| !named.by_class);
    let names: Vec<(ItemRole, &str)> =
        named.map(|named| (item_role(named.role), named.uri.as_str())).collect();
    // A position on the earth belongs to the trade section.
    let place = |id: Option<&'_ str>| id.filter(|id| !id.starts_with("geo:")).map(str::to_owned);
    let facts = (
        event.event_id(),
        event.type_name(),
        event.event_time(),
        event.action().map(|action| match action {
            Action::Add => "ADD",
            Action::Observe => "OBSERVE",
            Action::Delete => "DELETE",
        }),
        event.biz_step(),
        event.disposition(),
        place(event.read_point()),
        place(event.biz_location()),
        names,
    );
    Digest::of(Domain::StateName, &codec::encode(&facts))
}

fn item_role(role: Role) -> ItemRole {
    match role {
        Role::Epc => ItemRole::Subject,
        Role::Parent => ItemRole::Parent,
        Role::Child => ItemRole::Child,
        Role::Input => ItemRole::Input,
        Role::Output => ItemRole::Output,
    }
}

/// Each item once, under the first role that applies. Places and classes without lot are indexed
/// and have no log, unless something is packed in them: whatever holds things has a history.
fn items(event: &Event) -> Vec<NamedItem> {
    let mut items: BTreeMap<Digest, NamedItem> = BTreeMap::new();
    for named in event.identifiers() {
        let name = name_digest(&named.uri);
        let role = item_role(named.role);
        let has_log = named.has_log() || role == ItemRole::Parent;
        let item = items.entry(name).or_insert(NamedItem { name, role, has_log });
        item.role = item.role.min(role);
        item.has_log |= has_log;
    }
    items.into_values().collect()
}

/// What comes into the world by this event: the subjects of an object event that adds, and the
/// outputs of a transformation. A thing named by its class alone belongs to no one event, and a
/// URI that is no GS1 key stands under nobody's prefix.
fn commissioned(event: &Event) -> Vec<Canonical> {
    let adds = event.action() == Some(Action::Add);
    let begins = |named: &&Named| match event.event_type() {
        EventType::Object => adds && named.role == Role::Epc && named.level != Level::Class,
        EventType::Transformation => named.role == Role::Output && named.level != Level::Class,
        _ => false,
    };
    let named = event.identifiers().iter().filter(begins).map(|named| canonical(&named.uri));
    named.filter(|identifier| identifier.key().is_some()).collect()
}
