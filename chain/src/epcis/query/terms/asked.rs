//! Under which terms the events that meet a condition are to be found.

use super::super::{Condition, Pattern, TimeField, WordField};
use super::{
    ACTION, BEGINS, Browsed, CLASS, CORRECTIVE, DECLARED_WRONG, DEVICE, FIELD, KEY, MANY_FIELDS,
    MEASUREMENT, SENSED, SET, SHORTEST_PREFIX, TRANSFORMATION, Term, Terms, UNDER_CLASS, UNSET,
    URN_SCHEME, local_name, urn_scheme,
};
use crate::epcis::identifier::{Level, canonical};

impl Condition {
    /// Under which terms the events that meet this are to be found; `None` when terms do not tell:
    /// all events are to be looked at, or they are found in another way.
    #[must_use]
    pub fn terms(&self) -> Option<Terms> {
        let all = |kind: u8, values: &[String], exact: bool| Terms {
            any: values.iter().map(|value| Term::of(kind, &[value])).collect(),
            exact,
        };
        let one = |kind: u8, exact: bool| Terms { any: vec![Term::of(kind, &[])], exact };
        Some(match self {
            Condition::EventType(names) => all(Browsed::EventType.tag(), names, true),
            Condition::Action(actions) => Terms {
                any: actions.iter().map(|own| Term::of(ACTION, &[own.name()])).collect(),
                exact: true,
            },
            Condition::Word(field, words) => match field {
                WordField::BizStep => all(Browsed::BizStep.tag(), words, true),
                WordField::Disposition => all(Browsed::Disposition.tag(), words, true),
                WordField::Set => all(SET, words, true),
                WordField::Unset => all(UNSET, words, true),
                WordField::Measurement => all(MEASUREMENT, words, true),
                WordField::ErrorReason => one(DECLARED_WRONG, false),
                WordField::Alert | WordField::Component => one(SENSED, false),
            },
            Condition::Place(field, ids) => all(field.browsed().tag(), ids, true),
            Condition::TransformationId(ids) => all(TRANSFORMATION, ids, true),
            Condition::CorrectiveEventId(ids) => all(CORRECTIVE, ids, true),
            Condition::Link(field, kind, ids) => Terms {
                any: ids.iter().map(|id| Term::of(field.tag(), &[kind, id])).collect(),
                exact: true,
            },
            Condition::Match(_, patterns) => Terms {
                any: patterns.iter().map(Pattern::term).collect::<Option<Vec<_>>>()?,
                exact: false,
            },
            Condition::ErrorDeclared => one(DECLARED_WRONG, true),
            Condition::From(TimeField::ErrorDeclaration, _)
            | Condition::Before(TimeField::ErrorDeclaration, _) => one(DECLARED_WRONG, false),
            Condition::Sensed => one(SENSED, true),
            Condition::SensorText("deviceID", ids) => all(DEVICE, ids, true),
            Condition::From(
                TimeField::Sensor | TimeField::SensorStart | TimeField::SensorEnd,
                _,
            )
            | Condition::Before(
                TimeField::Sensor | TimeField::SensorStart | TimeField::SensorEnd,
                _,
            )
            | Condition::SensorText(..)
            | Condition::SensorBoolean(_)
            | Condition::SensorNumber(..) => one(SENSED, false),
            Condition::Field(path, ..) | Condition::Exists(path) => Terms {
                any: vec![
                    Term::of(FIELD, &[local_name(&path.name.given)]),
                    Term::of(MANY_FIELDS, &[]),
                ],
                exact: false,
            },
            Condition::From(TimeField::Event | TimeField::Record, _)
            | Condition::Before(TimeField::Event | TimeField::Record, _)
            | Condition::Within(..)
            | Condition::EventId(_)
            | Condition::Quantity(..)
            | Condition::HasAttribute(..)
            | Condition::Attribute(..) => return None,
        })
    }
}

impl Pattern {
    /// The term that everything which fits is filed under; `None` for single things: they have
    /// journals.
    fn term(&self) -> Option<Term> {
        match self {
            Pattern::Exactly(uri) => {
                (canonical(uri).level() == Level::Class).then(|| Term::of(CLASS, &[uri]))
            }
            Pattern::Under { class, .. } => Some(Term::of(UNDER_CLASS, &[class])),
            Pattern::Begins { key, digits, .. } => Some(match digits.get(..SHORTEST_PREFIX) {
                Some(first) => Term::of(BEGINS, &[key, first]),
                None => Term::of(KEY, &[key]),
            }),
            Pattern::Urn(begin) => urn_scheme(begin).map(|scheme| Term::of(URN_SCHEME, &[scheme])),
        }
    }
}
