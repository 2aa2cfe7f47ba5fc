//! Whether an event meets a condition.

use serde_json::Value;

use super::field::{sensor_elements, sensor_metadata, sensor_reports};
use super::{
    Area, Condition, EpcLists, FieldPath, LinkField, MasterKind, OrderBy, PlaceField, Places,
    RecordField, TimeField, WordField,
};
use crate::epcis::check::Object;
use crate::epcis::context::Contexts;
use crate::epcis::event::{Event, Named, Role, exact};
use crate::epcis::identifier::canonical;
use crate::epcis::time;
use crate::epcis::vocabulary::Vocabulary;
use crate::limits::MAX_PLACE_DEPTH;
use crate::masterdata::product_of;
use crate::units::TimestampMs;

use super::value::SortKey;

impl Condition {
    /// Whether an event recorded at `recorded_at` is what this asks for.
    pub(super) fn is_met(
        &self,
        event: &Event,
        recorded_at: TimestampMs,
        places: &dyn Places,
    ) -> bool {
        match self {
            Condition::EventType(names) => {
                let own = event.type_name();
                names.iter().any(|name| same_word(name, own, event.contexts()))
            }
            Condition::From(field, at) => field.any(event, recorded_at, |time| time >= *at),
            Condition::Before(field, at) => field.any(event, recorded_at, |time| time < *at),
            Condition::Action(actions) => event.action().is_some_and(|own| actions.contains(&own)),
            Condition::Word(field, words) => field
                .any(event, |own| words.iter().any(|word| same_word(word, own, event.contexts()))),
            Condition::Place(field, ids) => {
                field.of(event).is_some_and(|own| ids.iter().any(|id| id == own))
            }
            Condition::Within(field, ids) => {
                field.of(event).is_some_and(|own| lies_within(own, *field, ids, places))
            }
            Condition::TransformationId(ids) => event.transformation_id().is_some_and(|own| {
                let own = canonical(own).into_uri();
                ids.contains(&own)
            }),
            Condition::EventId(ids) => {
                event.event_id().is_some_and(|own| ids.iter().any(|id| id == own))
            }
            Condition::CorrectiveEventId(ids) => {
                event.error_declaration().is_some_and(|declared| {
                    declared.corrective_event_ids.iter().any(|own| ids.contains(own))
                })
            }
            Condition::Link(field, kind, ids) => {
                let contexts = event.contexts();
                field.of(event).any(|(own_kind, own)| {
                    own_kind.is_some_and(|own| same_word(kind, own, contexts))
                        && ids.iter().any(|id| id == own)
                })
            }
            Condition::Match(lists, patterns) => event.identifiers().iter().any(|named| {
                lists.hold(named) && patterns.iter().any(|pattern| pattern.fits(&named.uri))
            }),
            Condition::Quantity(unit, op, wanted) => {
                let mut amounts = event.identifiers().iter().flat_map(|named| &named.quantities);
                amounts.any(|own| {
                    let same_unit = unit.is_none() || own.uom == *unit;
                    same_unit && wanted.iter().any(|wanted| op.allows(own.value.cmp(wanted)))
                })
            }
            Condition::ErrorDeclared => event.error_declaration().is_some(),
            Condition::Sensed => sensor_elements(event).next().is_some(),
            Condition::SensorText(field, wanted) => sensor_parts(event).any(|part| {
                let Some(own) = part.get(*field).and_then(Value::as_str) else { return false };
                match *field {
                    "stringValue" => wanted.iter().any(|wanted| wanted == own),
                    "hexBinaryValue" => wanted.iter().any(|w| w.eq_ignore_ascii_case(own)),
                    _ => wanted.contains(&canonical(own).into_uri()),
                }
            }),
            Condition::SensorBoolean(wanted) => sensor_reports(event)
                .any(|report| report.get("booleanValue").and_then(Value::as_bool) == Some(*wanted)),
            Condition::SensorNumber(field, unit, op, wanted) => {
                sensor_reports(event).any(|report| {
                    let same_unit = unit
                        .as_deref()
                        .is_none_or(|unit| report.get("uom").and_then(Value::as_str) == Some(unit));
                    let own = report.get(*field).and_then(exact);
                    same_unit && own.is_some_and(|own| wanted.iter().any(|w| op.allows(own.cmp(w))))
                })
            }
            Condition::Field(path, op, wanted) => path
                .any(event, &mut |found| wanted.iter().any(|wanted| wanted.compares(*op, found))),
            Condition::Exists(path) => path.any(event, &mut |_| true),
            Condition::HasAttribute(field, names) => field.any(event, |kind, id| {
                names.iter().any(|name| places.attribute(kind, id, name).is_some())
            }),
            Condition::Attribute(field, name, wanted) => field.any(event, |kind, id| {
                let own = places.attribute(kind, id, name);
                own.is_some_and(|own| own.iter().any(|own| wanted.contains(own)))
            }),
        }
    }
}

impl Condition {
    /// The place that this asks the records about, when it asks about nothing else.
    #[must_use]
    pub fn place_field(&self) -> Option<PlaceField> {
        match self {
            Condition::Within(field, _)
            | Condition::HasAttribute(RecordField::Place(field), _)
            | Condition::Attribute(RecordField::Place(field), ..) => Some(*field),
            _ => None,
        }
    }

    /// Whether an event at `place`, in the field that [`Condition::place_field`] says, meets this.
    #[must_use]
    pub fn is_met_by_place(&self, place: &str, places: &dyn Places) -> bool {
        match self {
            Condition::Within(field, ids) => lies_within(place, *field, ids, places),
            Condition::HasAttribute(_, names) => {
                names.iter().any(|name| places.attribute(MasterKind::Place, place, name).is_some())
            }
            Condition::Attribute(_, name, wanted) => {
                let own = places.attribute(MasterKind::Place, place, name);
                own.is_some_and(|own| own.iter().any(|own| wanted.contains(own)))
            }
            _ => false,
        }
    }
}

/// Whether a word of an event is the wanted one; both are in the one spelling, but for URIs of
/// one's own that the event writes with a prefix.
fn same_word(wanted: &str, own: &str, contexts: Contexts<'_>) -> bool {
    own == wanted || contexts.expand(own).is_some_and(|full| full == wanted)
}

/// Whether a place is one of these, or lies in one by the records, however deep.
fn lies_within(own: &str, field: PlaceField, ids: &[String], places: &dyn Places) -> bool {
    let mut ring = vec![own.to_owned()];
    let mut seen = Vec::new();
    for _ in 0..=MAX_PLACE_DEPTH {
        if ring.iter().any(|place| ids.contains(place)) {
            return true;
        }
        let next: Vec<String> = ring.iter().flat_map(|place| places.around(field, place)).collect();
        seen.append(&mut ring);
        ring = next.into_iter().filter(|place| !seen.contains(place)).collect();
        if ring.is_empty() {
            return false;
        }
    }
    false
}

/// Sensor metadata and reports: some fields may stand in either.
fn sensor_parts(event: &Event) -> impl Iterator<Item = &Object> {
    sensor_metadata(event).chain(sensor_reports(event))
}

impl PlaceField {
    /// The place of an event.
    #[must_use]
    pub fn of(self, event: &Event) -> Option<&str> {
        match self {
            PlaceField::ReadPoint => event.read_point(),
            PlaceField::BizLocation => event.biz_location(),
        }
    }
}

impl TimeField {
    fn any(
        self,
        event: &Event,
        recorded_at: TimestampMs,
        test: impl Fn(TimestampMs) -> bool,
    ) -> bool {
        let sensed = |key: &str, parts: &mut dyn Iterator<Item = &Object>| {
            let mut times = parts.filter_map(|part| part.get(key)?.as_str());
            times.any(|text| time::parse(text).is_ok_and(&test))
        };
        match self {
            TimeField::Event => test(event.event_time()),
            TimeField::Record => test(recorded_at),
            TimeField::ErrorDeclaration => {
                event.error_declaration().is_some_and(|declared| test(declared.declaration_time))
            }
            TimeField::Sensor => sensed("time", &mut sensor_parts(event)),
            TimeField::SensorStart => sensed("startTime", &mut sensor_metadata(event)),
            TimeField::SensorEnd => sensed("endTime", &mut sensor_metadata(event)),
        }
    }
}

impl WordField {
    fn any(self, event: &Event, test: impl Fn(&str) -> bool) -> bool {
        let persistent = |key: &str| {
            let both = event.object().get("persistentDisposition");
            let list = both.and_then(|both| both.get(key)).and_then(Value::as_array);
            let mut words = list.into_iter().flatten().filter_map(Value::as_str);
            words.any(|word| test(Vocabulary::Disposition.plain(word)))
        };
        let reported = |key: &str, vocabulary: Vocabulary| {
            let mut words = sensor_reports(event).filter_map(|report| report.get(key)?.as_str());
            words.any(|word| test(vocabulary.plain(word)))
        };
        match self {
            WordField::BizStep => event.biz_step().is_some_and(test),
            WordField::Disposition => event.disposition().is_some_and(test),
            WordField::Set => persistent("set"),
            WordField::Unset => persistent("unset"),
            WordField::ErrorReason => {
                let declared = event.error_declaration();
                declared.and_then(|declared| declared.reason.as_deref()).is_some_and(test)
            }
            WordField::Measurement => reported("type", Vocabulary::MeasurementType),
            WordField::Alert => reported("exception", Vocabulary::SensorAlert),
            WordField::Component => reported("component", Vocabulary::Component),
        }
    }
}

impl LinkField {
    /// What the event has under this: type, in the one spelling, and canonical identifier.
    pub(super) fn of(self, event: &Event) -> Box<dyn Iterator<Item = (Option<&str>, &str)> + '_> {
        match self {
            LinkField::BizTransaction => {
                let all = event.biz_transactions().iter();
                Box::new(all.map(|own| (own.kind.as_deref(), own.id.as_str())))
            }
            LinkField::Source => Box::new(
                event.sources().iter().map(|own| (Some(own.kind.as_str()), own.id.as_str())),
            ),
            LinkField::Destination => Box::new(
                event.destinations().iter().map(|own| (Some(own.kind.as_str()), own.id.as_str())),
            ),
        }
    }
}

impl EpcLists {
    /// Whether this is what a thing is named as.
    fn hold(self, named: &Named) -> bool {
        match self {
            EpcLists::Any => !named.by_class,
            EpcLists::AnyClass => named.by_class,
            EpcLists::Epc => !named.by_class && matches!(named.role, Role::Epc | Role::Child),
            EpcLists::EpcClass => named.by_class && matches!(named.role, Role::Epc | Role::Child),
            EpcLists::Parent => named.role == Role::Parent,
            EpcLists::Input => !named.by_class && named.role == Role::Input,
            EpcLists::InputClass => named.by_class && named.role == Role::Input,
            EpcLists::Output => !named.by_class && named.role == Role::Output,
            EpcLists::OutputClass => named.by_class && named.role == Role::Output,
        }
    }
}

impl RecordField {
    /// Whether anything that the event names in this field passes.
    fn any(&self, event: &Event, test: impl Fn(MasterKind, &str) -> bool) -> bool {
        let end = |id: &str| test(MasterKind::Party, id) || test(MasterKind::Place, id);
        let product = |id: &str| {
            let product = product_of(&canonical(id));
            product.is_some_and(|product| test(MasterKind::Product, &product))
        };
        match self {
            RecordField::Place(field) => {
                field.of(event).is_some_and(|id| test(MasterKind::Place, id))
            }
            RecordField::EpcClass => event.identifiers().iter().any(|named| product(&named.uri)),
            RecordField::Source => event.sources().iter().any(|own| end(&own.id)),
            RecordField::Destination => event.destinations().iter().any(|own| end(&own.id)),
            RecordField::Field(name) => {
                let path = FieldPath { area: Area::Event, inner: false, name: name.clone() };
                path.any(event, &mut |value| {
                    let own = value.get("id").unwrap_or(value).as_str();
                    let own = own.map(|own| canonical(own).into_uri());
                    own.is_some_and(|own| end(&own) || product(&own))
                })
            }
        }
    }
}

impl OrderBy {
    /// What an event is ordered by; `None` when it lacks the field, or the order is not by a field
    /// of an extension.
    #[must_use]
    pub fn key(&self, event: &Event) -> Option<SortKey> {
        let OrderBy::Field(name) = self else { return None };
        let path = FieldPath { area: Area::Event, inner: false, name: name.clone() };
        let mut found = None;
        path.any(event, &mut |value| {
            found = SortKey::of(value);
            true
        });
        found
    }
}
