//! What an event says that the ledger acts on.

use std::collections::BTreeMap;

use tracehold_chain::codec;
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::epcis::{
    Action, Event, EventType, Level, Named, Role, SectionError, SectionedEvent, SensorReading,
    TransferEnd, uri,
};
use tracehold_chain::state::ItemRole;
use tracehold_chain::state::key::name_digest;
use tracehold_chain::units::TimestampMs;

use super::quantity::{self, converted};
use super::step::Amount;

/// One item that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedItem {
    /// The digest by which its canonical identifier is filed.
    pub name: Digest,
    /// How the event names it.
    pub role: ItemRole,
    /// Whether it has a log under the state root: classes without lot have a local index only.
    pub has_log: bool,
    /// Its canonical identifier and what that says.
    pub named: Named,
    /// How much of it, as what.
    pub amounts: Vec<Amount>,
    /// Whether the event brings it into the world, under a GS1 key.
    pub commissioned: bool,
}

impl NamedItem {
    /// Whether there may be any quantity of it: a lot, or a class.
    #[must_use]
    pub fn is_divisible(&self) -> bool {
        matches!(self.named.level, Level::Lot | Level::Class) || self.named.by_class
    }
}

/// What an event says of itself, whatever it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// Which type.
    pub event_type: EventType,
    /// What it does.
    pub action: Option<Action>,
    /// When it happened.
    pub event_time: TimestampMs,
    /// The business step.
    pub biz_step: Option<String>,
    /// The disposition.
    pub disposition: Option<String>,
    /// Where it happened.
    pub read_point: Option<String>,
    /// Where the things are afterwards.
    pub biz_location: Option<String>,
    /// Who or where it comes from.
    pub source: Option<String>,
    /// Who or where it goes to.
    pub destination: Option<String>,
    /// Who is to own it.
    pub new_owner: Option<String>,
    /// The process it is part of.
    pub transformation_id: Option<String>,
    /// What sensors reported.
    pub readings: Vec<SensorReading>,
    /// Whether it names children.
    pub has_children: bool,
    /// The business transactions that it names, the first [`MAX_REFERENCES`] of them: type, if it
    /// says one, and identifier.
    pub biz_transactions: Vec<(Option<String>, String)>,
    /// The certifications that it refers to, the first [`MAX_REFERENCES`] of them.
    pub certifications: Vec<String>,
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
    /// What it says of itself.
    pub telling: Telling,
    /// The items it names, each once: its parent first, then in the order of the digests of their
    /// names.
    pub items: Vec<NamedItem>,
}

impl Facts {
    /// Reads and checks the body of an event.
    ///
    /// # Errors
    /// [`SectionError`] when it is none that can be recorded.
    pub fn read(body: &SectionedEvent) -> Result<Facts, SectionError> {
        Ok(Facts::of(&body.event()?))
    }

    /// What a stored event says.
    ///
    /// # Panics
    /// When it has no eventID, as every stored event has.
    #[must_use]
    pub fn of(event: &Event) -> Facts {
        let event_id = event.event_id().expect("a stored event has an eventID").to_owned();
        let telling = Telling {
            event_type: event.event_type(),
            action: event.action(),
            event_time: event.event_time(),
            biz_step: kept(event.biz_step()),
            disposition: kept(event.disposition()),
            read_point: kept(event.read_point()),
            biz_location: kept(event.biz_location()),
            source: end_of(event.sources()),
            destination: end_of(event.destinations()),
            new_owner: owner_of(event.destinations()),
            transformation_id: event.transformation_id().map(str::to_owned),
            readings: event.sensor_readings(),
            has_children: event.identifiers().iter().any(|named| named.role == Role::Child),
            biz_transactions: biz_transactions(event),
            certifications: certifications(event),
        };
        Facts {
            event_id,
            declared_at: event.error_declaration().map(|declared| declared.declaration_time),
            likeness: likeness(event),
            telling,
            items: items(event),
        }
    }

    /// What everything else is packed in.
    #[must_use]
    pub fn parent(&self) -> Option<&NamedItem> {
        self.items.first().filter(|item| item.role == ItemRole::Parent)
    }

    /// State entries that recording this writes at least: the event, the record of each item and
    /// an edge for each child. Parts of journals, edges that go away and containers around the
    /// parent come on top: what a transaction really writes is counted when it runs.
    #[must_use]
    pub fn touches(&self) -> usize {
        let children = self.items.iter().filter(|item| item.role == ItemRole::Child).count();
        self.items.len().saturating_add(children).saturating_add(1)
    }
}

/// Bytes of a business step, disposition, place or party that a step keeps. One event may name
/// thousands of things: what is longer is not repeated for each of them.
pub const MAX_STEP_TEXT_BYTES: usize = 256;

/// Business transactions and certifications of one event that agreements see.
pub const MAX_REFERENCES: usize = 64;

/// Containers in containers: a case in a carton on a pallet in a container is three.
pub const MAX_PACKING_DEPTH: usize = 16;

/// Who gives or gets: whoever possesses comes before whoever owns, and both before a place.
fn end_of(ends: &[TransferEnd]) -> Option<String> {
    let of = |kind: &str| ends.iter().find(|end| end.kind == kind);
    let end = of("possessing_party").or_else(|| of("owning_party")).or_else(|| of("location"));
    end.and_then(|end| kept(Some(&end.id)))
}

fn owner_of(ends: &[TransferEnd]) -> Option<String> {
    ends.iter().find(|end| end.kind == "owning_party").and_then(|end| kept(Some(&end.id)))
}

/// The business transactions that agreements may wait for.
fn biz_transactions(event: &Event) -> Vec<(Option<String>, String)> {
    let entries = event.biz_transactions().iter().take(MAX_REFERENCES);
    entries.map(|entry| (entry.kind.clone(), entry.id.clone())).collect()
}

/// `certificationInfo` is one URI or several.
fn certifications(event: &Event) -> Vec<String> {
    let info = event.object().get("certificationInfo");
    let several = info.and_then(|info| info.as_array()).map_or(&[][..], Vec::as_slice);
    let one = info.and_then(|info| info.as_str());
    let all = one.into_iter().chain(several.iter().filter_map(|info| info.as_str()));
    all.take(MAX_REFERENCES).map(str::to_owned).collect()
}

/// A text that is repeated in the step of each thing the event names, if it is not too long for
/// that: whoever needs a longer one reads the event.
fn kept(text: Option<&str>) -> Option<String> {
    text.filter(|text| text.len() <= MAX_STEP_TEXT_BYTES).map(str::to_owned)
}

/// Digest of what the public section says of an event. An error declaration repeats its original,
/// so the two are alike. Nothing of the other sections goes in: their salts keep them from being
/// guessed, and an unsalted digest would undo that.
fn likeness(event: &Event) -> Digest {
    let names: Vec<(ItemRole, &str)> = event
        .identifiers()
        .iter()
        .map(|named| (item_role(named.role), named.uri.as_str()))
        .collect();
    // A position on the earth belongs to the trade section.
    let place = |id: Option<&'_ str>| id.filter(|id| uri::geo(id).is_none()).map(str::to_owned);
    let facts = (
        event.event_id(),
        event.type_name(),
        event.event_time(),
        event.action().map(Action::name),
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

/// Each item once, under the first role that applies. Classes without lot are indexed and have no
/// log, unless something is packed in them: whatever holds things has a history.
fn items(event: &Event) -> Vec<NamedItem> {
    let mut items: BTreeMap<Digest, NamedItem> = BTreeMap::new();
    for named in event.identifiers() {
        let name = name_digest(&named.uri);
        let role = item_role(named.role);
        let has_log = named.has_log() || role == ItemRole::Parent;
        let mut amounts = amounts(role, named);
        let commissioned = is_commissioned(event, named);
        match items.get_mut(&name) {
            Some(item) => {
                item.role = item.role.min(role);
                item.has_log |= has_log;
                item.amounts.append(&mut amounts);
                item.commissioned |= commissioned;
            }
            None => {
                let named = named.clone();
                let item = NamedItem { name, role, has_log, named, amounts, commissioned };
                items.insert(name, item);
            }
        }
    }
    let mut items: Vec<NamedItem> = items.into_values().collect();
    if let Some(place) = items.iter().position(|item| item.role == ItemRole::Parent) {
        items[..=place].rotate_right(1);
    }
    items
}

/// The sum in each unit.
fn amounts(role: ItemRole, named: &Named) -> Vec<Amount> {
    let mut sums = Vec::new();
    for (unit, value) in named.quantities.iter().filter_map(converted) {
        let _ = quantity::add(&mut sums, &unit, value);
    }
    sums.into_iter().map(|(unit, value)| Amount { role, unit, value }).collect()
}

/// What comes into the world by this event: the subjects of an object event that adds, and the
/// outputs of a transformation. A thing named by its class alone belongs to no one event, and a
/// URI that is no GS1 key stands under nobody's prefix.
fn is_commissioned(event: &Event, named: &Named) -> bool {
    let begins = match event.event_type() {
        EventType::Object => event.action() == Some(Action::Add) && named.role == Role::Epc,
        EventType::Transformation => named.role == Role::Output,
        _ => false,
    };
    begins && named.level != Level::Class && named.company.is_some()
}
