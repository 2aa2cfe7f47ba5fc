//! The strict reader of activity data.

use serde_json::Value;

use super::exact::{Exact, MAX_DECIMALS, MAX_NUMBER, Wrong};
use super::reckon::{MAX_MASS, MAX_MILLIGRAMS, Unknown};
use super::{
    ACTIVITY, Activity, Basis, Covers, DataType, Dimension, Distance, DistanceKind, Energy, Factor,
    Kind, Mode, NAMESPACE, Per, Quantity, Scope, Unit, Word,
};
use crate::epcis::check::{Checker, Object, shown};
use crate::epcis::context::Contexts;
use crate::epcis::pointer::Path;

/// Activities that one event may tell.
pub const MAX_ACTIVITIES_PER_EVENT: usize = 16;

/// Energy carriers of one activity.
pub const MAX_CARRIERS: usize = 16;

/// Bytes of a text in an activity: a source, a vehicle class, a carrier.
pub const MAX_TEXT_BYTES: usize = 500;

/// The years a factor may be of.
const YEARS: std::ops::RangeInclusive<u64> = 1990..=2200;

/// The most a distance adjustment factor may be.
const MAX_ADJUSTMENT: u64 = 10;

/// Checks what an event says in Tracehold's namespace.
pub(in super::super) fn check(
    checker: &mut Checker,
    at: &Path<'_>,
    event: &Object,
    contexts: Contexts<'_>,
) {
    for (key, value) in event {
        let at = at.key(key);
        match ours(contexts, key) {
            Some(name) if name == ACTIVITY => {
                list(checker, &at, value);
            }
            Some(_) => {
                let message = format!(
                    "{} is no member of the namespace {NAMESPACE}: only activity is",
                    shown(key)
                );
                checker.report(&at, "unknown-field", message);
            }
            None => misplaced(checker, &at, key, value, contexts),
        }
    }
}

/// Activity data deeper in the event would be read by nobody: its sender hears of it.
fn misplaced(
    checker: &mut Checker,
    at: &Path<'_>,
    key: &str,
    value: &Value,
    contexts: Contexts<'_>,
) {
    if !matches!(key, "ilmd" | "readPoint" | "bizLocation" | "errorDeclaration") {
        return;
    }
    for inner in value.as_object().into_iter().flat_map(Object::keys) {
        if ours(contexts, inner).is_some() {
            let message = "activity data do not belong here: move them to the event itself";
            checker.report(&at.key(inner), "activity", message);
        }
    }
}

/// The full name of a member, when it is in Tracehold's namespace.
fn ours(contexts: Contexts<'_>, key: &str) -> Option<String> {
    if key.starts_with(NAMESPACE) {
        return Some(key.to_owned());
    }
    // Most events have none: look before building the name.
    let (prefix, name) = key.split_once(':')?;
    let namespace = contexts.namespace(prefix)?;
    let ours = namespace.starts_with(NAMESPACE)
        || NAMESPACE.strip_prefix(namespace).is_some_and(|rest| name.starts_with(rest));
    ours.then(|| format!("{namespace}{name}"))
}

/// The activities of an event; faults go to the checker.
pub(super) fn activities(
    checker: &mut Checker,
    event: &Object,
    contexts: Contexts<'_>,
) -> Vec<Activity> {
    let named = event.iter().filter(|(key, _)| ours(contexts, key).is_some_and(|n| n == ACTIVITY));
    named.flat_map(|(key, value)| list(checker, &Path::Root.key(key), value)).collect()
}

fn list(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Vec<Activity> {
    let Value::Array(several) = value else {
        return activity(checker, at, value).into_iter().collect();
    };
    checker.not_empty(at, value);
    if several.len() > MAX_ACTIVITIES_PER_EVENT {
        let count = several.len();
        let message =
            format!("{count} activities: {MAX_ACTIVITIES_PER_EVENT} is the limit for one event");
        checker.report(at, "activity", message);
        return Vec::new();
    }
    let each = several.iter().enumerate();
    each.filter_map(|(index, value)| activity(checker, &at.index(index), value)).collect()
}

fn activity(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Activity> {
    let object = checker.object(at, value)?;
    checker.only_keys(
        at,
        object,
        &[
            "kind",
            "mode",
            "vehicleClass",
            "mass",
            "covers",
            "distance",
            "energy",
            "emissions",
            "dataType",
            "factor",
            "adjustment",
        ],
    );
    checker.required(at, object, &["kind", "dataType"]);
    let kind = member(object, "kind", |value| word::<Kind>(checker, &at.key("kind"), value));
    let mode = member(object, "mode", |value| word::<Mode>(checker, &at.key("mode"), value));
    let vehicle_class =
        member(object, "vehicleClass", |value| text(checker, &at.key("vehicleClass"), value));
    let mass = member(object, "mass", |value| load(checker, &at.key("mass"), value));
    let covers =
        member(object, "covers", |value| word::<Covers>(checker, &at.key("covers"), value));
    let way = member(object, "distance", |value| distance(checker, &at.key("distance"), value));
    let used = member(object, "energy", |value| energies(checker, &at.key("energy"), value));
    let measured =
        member(object, "emissions", |value| emissions(checker, &at.key("emissions"), value));
    let data_type =
        member(object, "dataType", |value| word::<DataType>(checker, &at.key("dataType"), value));
    let by = member(object, "factor", |value| factor(checker, &at.key("factor"), value));
    let stretch =
        member(object, "adjustment", |value| adjustment(checker, &at.key("adjustment"), value));

    let given = |key: &str| object.contains_key(key);
    if kind == Some(Kind::Transport) {
        checker.required(at, object, &["mode"]);
    } else if kind.is_some() {
        for key in ["mode", "vehicleClass", "distance"] {
            if given(key) {
                let message = format!("{key} belongs to a transport: leave it out here");
                checker.report(&at.key(key), "activity", message);
            }
        }
    }
    if covers == Some(Covers::Vehicle) {
        // Without it nobody can tell which part of the whole the named things are.
        checker.required(at, object, &["mass"]);
    }
    let kind = kind?;
    // What could not be read has been reported; the rest would only repeat it.
    let unread = (given("energy") && used.is_none())
        || (given("emissions") && measured.is_none())
        || (given("factor") && by.is_none())
        || (given("distance") && way.is_none())
        || (given("adjustment") && stretch.is_none())
        || (given("mass") && mass.is_none());
    if unread {
        return None;
    }
    let energy = used.unwrap_or_default();
    let basis =
        basis(checker, at, kind, &Given { mass, distance: way, energy: &energy, measured, by })?;
    distances(checker, at, way, &basis, stretch);
    let activity = Activity {
        kind,
        mode,
        vehicle_class,
        mass,
        covers: covers.unwrap_or_default(),
        distance: way,
        energy,
        data_type: data_type?,
        basis,
        adjustment: stretch,
    };
    if activity.emissions(None) == Err(Unknown::TooLarge) {
        let tonnes = MAX_MILLIGRAMS / 1_000_000_000;
        let message = format!(
            "this comes to more than {tonnes} t of CO2e: look at the units of mass, distance, \
             energy and factor"
        );
        checker.report(at, "activity-number", message);
    }
    Some(activity)
}

/// What there is to reckon from.
struct Given<'a> {
    mass: Option<Quantity>,
    distance: Option<Distance>,
    energy: &'a [Energy],
    measured: Option<(Quantity, Scope)>,
    by: Option<Factor>,
}

/// One way of reckoning: two would give two answers.
fn basis(checker: &mut Checker, at: &Path<'_>, kind: Kind, given: &Given<'_>) -> Option<Basis> {
    let energy_factors = given.energy.iter().any(|energy| energy.factor.is_some());
    if let Some((emissions, scope)) = given.measured {
        if given.by.is_some() || energy_factors {
            let message = "measured emissions need no factor: leave out the factors or emissions";
            checker.report(&at.key("emissions"), "activity", message);
        }
        return Some(Basis::Measured { emissions, scope });
    }
    if let Some(factor) = &given.by {
        if energy_factors {
            let message = "this activity has a factor of its own and factors of its energy: keep \
                           one of them, two would give two answers";
            checker.report(&at.key("factor"), "activity", message);
        }
        let at_factor = at.key("factor");
        return match (kind, factor.value) {
            (_, None) => Some(Basis::NoFactor),
            (Kind::Transport, Some((_, Per::TonneKilometre))) => {
                if given.distance.is_none() {
                    let message = "distance is missing: a factor per t.km needs it, add it";
                    checker.report(&at.key("distance"), "required", message);
                    return None;
                }
                Some(Basis::MassDistance(factor.clone()))
            }
            (Kind::Transport, Some(_)) => {
                let message = "the factor of a transport is per t.km: give it so, or give the \
                               factor with the energy it is for";
                checker.report(&at_factor.key("per"), "unit", message);
                None
            }
            (_, Some((_, Per::Unit(unit)))) if unit.dimension == Dimension::Mass => {
                Some(Basis::Mass(factor.clone()))
            }
            (_, Some(_)) => {
                let message = format!(
                    "the factor of a {kind} is per mass: give one of {}, or give the factor with \
                     the energy it is for",
                    Dimension::Mass.codes()
                );
                checker.report(&at_factor.key("per"), "unit", message);
                None
            }
        };
    }
    if energy_factors {
        return Some(Basis::Energy);
    }
    let something = match kind {
        Kind::Transport => given.distance.is_some() || !given.energy.is_empty(),
        Kind::Hub | Kind::Process => given.mass.is_some() || !given.energy.is_empty(),
    };
    if !something {
        let wanted = match kind {
            Kind::Transport => "distance",
            Kind::Hub | Kind::Process => "mass",
        };
        let message = format!(
            "there is nothing here that emissions can be reckoned from: give {wanted}, energy or \
             emissions"
        );
        checker.report(at, "activity", message);
        return None;
    }
    Some(Basis::NoFactor)
}

/// ISO 14083 multiplies factors by the shortest feasible or the great circle distance; another
/// distance goes with a factor that was built on it, and a factor built on another kind of
/// distance needs an adjustment.
fn distances(
    checker: &mut Checker,
    at: &Path<'_>,
    distance: Option<Distance>,
    basis: &Basis,
    adjustment: Option<Exact>,
) {
    let at_adjustment = at.key("adjustment");
    let factor = match basis {
        Basis::MassDistance(factor) => Some(factor),
        // Nothing is multiplied by the distance, now or when the missing factor is found.
        Basis::Measured { .. } | Basis::Energy | Basis::Mass(_) => None,
        Basis::NoFactor => {
            if distance.is_some_and(|distance| distance.kind == DistanceKind::Actual) {
                refuse_actual(checker, at);
            }
            None
        }
    };
    let (Some(factor), Some(distance)) = (factor, distance) else {
        if adjustment.is_some() {
            let message = "no factor per t.km is adjusted by this: leave it out";
            checker.report(&at_adjustment, "activity", message);
        }
        return;
    };
    match (distance.kind, factor.distance) {
        (DistanceKind::Actual, Some(DistanceKind::Actual)) => {}
        (DistanceKind::Actual, _) => return refuse_actual(checker, at),
        (_, None) => {}
        (kind, Some(built_on)) if kind == built_on => {}
        (kind, Some(built_on)) => {
            if adjustment.is_none() {
                let message = format!(
                    "the factor was built on the {built_on} distance and this one is {kind}: add \
                     the distance adjustment factor between them"
                );
                checker.report(&at_adjustment, "required", message);
            }
            return;
        }
    }
    if adjustment.is_some() {
        let message = "the factor was built on the same kind of distance: leave the adjustment \
                       out, or say in factor.distance which kind it was built on";
        checker.report(&at_adjustment, "activity", message);
    }
}

fn refuse_actual(checker: &mut Checker, at: &Path<'_>) {
    let message = "ISO 14083 does not take the actual distance: give the shortest feasible or the \
                   great circle distance, or a factor that says it was built on actual distance \
                   (factor.distance: actual)";
    checker.report(&at.key("distance").key("kind"), "activity", message);
}

fn member<T>(object: &Object, key: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
    object.get(key).and_then(read)
}

fn word<W: Word>(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<W> {
    let text = checker.text(at, value)?;
    let found = W::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
        let message =
            format!("{} is not known here: give one of {}", shown(text), words.join(", "));
        checker.report(at, "vocabulary", message);
    }
    found
}

fn text(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<String> {
    let text = checker.text(at, value)?;
    if text.trim().is_empty() {
        checker.report(at, "empty", "this text is empty: leave it out or say something");
        return None;
    }
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("this text has {} bytes: {MAX_TEXT_BYTES} is the limit", text.len());
        checker.report(at, "activity", message);
        return None;
    }
    Some(text.to_owned())
}

fn number(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Exact> {
    let Value::Number(number) = value else {
        checker.number(at, value);
        return None;
    };
    let message = match Exact::of(number) {
        Ok(exact) => return Some(exact),
        Err(Wrong::Negative) => "this must not be negative: give nought or more".to_owned(),
        Err(Wrong::TooLarge) => {
            format!("this is more than {MAX_NUMBER}: look at the unit, or give a larger unit")
        }
        Err(Wrong::TooFine) => format!(
            "this has more than {MAX_DECIMALS} decimal places: round it, or give a smaller unit"
        ),
    };
    checker.report(at, "activity-number", message);
    None
}

fn unit(
    checker: &mut Checker,
    at: &Path<'_>,
    value: &Value,
    dimensions: &[Dimension],
) -> Option<Unit> {
    let text = checker.text(at, value)?;
    let found = Unit::named(text);
    if let Some(unit) = found.filter(|unit| dimensions.contains(&unit.dimension)) {
        return Some(unit);
    }
    let known: Vec<String> = dimensions.iter().map(|dimension| dimension.codes()).collect();
    let known = known.join(", ");
    let message = match found {
        Some(unit) => {
            format!("{} is a unit of {}: give one of {known}", shown(text), unit.dimension.what())
        }
        None => format!("{} is no unit that is known here: give one of {known}", shown(text)),
    };
    checker.report(at, "unit", message);
    None
}

/// The members `value` and `uom` of an object that may have others too.
fn quantity(
    checker: &mut Checker,
    at: &Path<'_>,
    object: &Object,
    dimensions: &[Dimension],
) -> Option<Quantity> {
    checker.required(at, object, &["value", "uom"]);
    let value = member(object, "value", |value| number(checker, &at.key("value"), value));
    let unit = member(object, "uom", |value| unit(checker, &at.key("uom"), value, dimensions));
    Some(Quantity { value: value?, unit: unit? })
}

fn load(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Quantity> {
    let object = checker.object(at, value)?;
    checker.only_keys(at, object, &["value", "uom"]);
    let mass = quantity(checker, at, object, &[Dimension::Mass])?;
    if mass.micrograms().is_none() {
        let tonnes = MAX_MASS / 1_000_000_000_000;
        let message = format!("this is more than {tonnes} t: look at the unit");
        checker.report(&at.key("value"), "activity-number", message);
        return None;
    }
    Some(mass)
}

fn distance(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Distance> {
    let object = checker.object(at, value)?;
    checker.only_keys(at, object, &["value", "uom", "kind"]);
    checker.required(at, object, &["kind"]);
    let length = quantity(checker, at, object, &[Dimension::Length]);
    let kind = member(object, "kind", |value| word(checker, &at.key("kind"), value));
    Some(Distance { length: length?, kind: kind? })
}

fn energies(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Vec<Energy>> {
    let list = checker.list(at, value)?;
    checker.not_empty(at, value);
    if list.len() > MAX_CARRIERS {
        let message = format!("{} energy carriers: {MAX_CARRIERS} is the limit", list.len());
        checker.report(at, "activity", message);
        return None;
    }
    let each = list.iter().enumerate();
    // All are read, so that people hear of everything at once.
    let read: Vec<Option<Energy>> =
        each.map(|(index, value)| energy(checker, &at.index(index), value)).collect();
    read.into_iter().collect()
}

fn energy(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Energy> {
    const FORMS: [Dimension; 3] = [Dimension::Energy, Dimension::Volume, Dimension::Mass];
    let object = checker.object(at, value)?;
    checker.only_keys(at, object, &["carrier", "value", "uom", "factor"]);
    checker.required(at, object, &["carrier"]);
    let carrier = member(object, "carrier", |value| text(checker, &at.key("carrier"), value));
    let amount = quantity(checker, at, object, &FORMS);
    let at_factor = at.key("factor");
    let by = member(object, "factor", |value| factor(checker, &at_factor, value));
    if object.contains_key("factor") && by.is_none() {
        return None;
    }
    let amount = amount?;
    if let Some(Factor { value: Some((_, per)), .. }) = &by {
        let dimension = amount.unit.dimension;
        if !matches!(per, Per::Unit(unit) if unit.dimension == dimension) {
            let message = format!(
                "the factor is not per {what}, and the amount is a {what} in {code}: give the \
                 factor per one of {known}",
                what = dimension.what(),
                code = amount.unit.code,
                known = dimension.codes()
            );
            checker.report(&at_factor.key("per"), "unit", message);
            return None;
        }
    }
    Some(Energy { carrier: carrier?, amount, factor: by })
}

fn emissions(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<(Quantity, Scope)> {
    let object = checker.object(at, value)?;
    checker.only_keys(at, object, &["value", "uom", "scope"]);
    checker.required(at, object, &["scope"]);
    let amount = quantity(checker, at, object, &[Dimension::Mass]);
    let scope = member(object, "scope", |value| word(checker, &at.key("scope"), value));
    Some((amount?, scope?))
}

fn factor(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Factor> {
    const PER: [Dimension; 3] = [Dimension::Mass, Dimension::Energy, Dimension::Volume];
    let object = checker.object(at, value)?;
    let known = ["value", "uom", "per", "scope", "source", "year", "id", "distance"];
    checker.only_keys(at, object, &known);
    checker.required(at, object, &["scope", "source", "year"]);
    let scope = member(object, "scope", |value| word(checker, &at.key("scope"), value));
    let source = member(object, "source", |value| text(checker, &at.key("source"), value));
    let of = member(object, "year", |value| year(checker, &at.key("year"), value));
    let id = member(object, "id", |value| text(checker, &at.key("id"), value));
    let built_on = member(object, "distance", |value| word(checker, &at.key("distance"), value));
    let has_value = ["value", "uom", "per"].iter().any(|key| object.contains_key(*key));
    let value = if has_value {
        checker.required(at, object, &["per"]);
        let amount = quantity(checker, at, object, &[Dimension::Mass]);
        let per = member(object, "per", |value| match value.as_str() {
            Some("t.km" | "TKM") => Some(Per::TonneKilometre),
            _ => {
                let at = at.key("per");
                let text = checker.text(&at, value)?;
                let found = Unit::named(text).filter(|unit| PER.contains(&unit.dimension));
                if found.is_none() {
                    let known: Vec<String> = PER.iter().map(|each| each.codes()).collect();
                    let message = format!(
                        "{} is nothing that a factor is per here: give t.km or one of {}",
                        shown(text),
                        known.join(", ")
                    );
                    checker.report(&at, "unit", message);
                }
                found.map(Per::Unit)
            }
        });
        Some((amount?, per?))
    } else {
        None
    };
    if built_on.is_some() && matches!(value, Some((_, Per::Unit(_)))) {
        let message = "only a factor per t.km is built on a distance: leave it out";
        checker.report(&at.key("distance"), "activity", message);
    }
    Some(Factor { value, scope: scope?, source: source?, year: of?, id, distance: built_on })
}

fn year(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<u16> {
    if !value.is_number() {
        checker.number(at, value);
        return None;
    }
    let year = value.as_u64().filter(|year| YEARS.contains(year));
    if year.is_none() {
        let message = format!(
            "{value} is no year of a factor: give one from {} to {}",
            YEARS.start(),
            YEARS.end()
        );
        checker.report(at, "activity-number", message);
    }
    u16::try_from(year?).ok()
}

fn adjustment(checker: &mut Checker, at: &Path<'_>, value: &Value) -> Option<Exact> {
    let exact = number(checker, at, value)?;
    if exact.is_zero() || exact.numerator() > MAX_ADJUSTMENT * exact.denominator() {
        let message = format!(
            "{exact} is no distance adjustment factor: give one above 0, at \
                               most {MAX_ADJUSTMENT}"
        );
        checker.report(at, "activity-number", message);
        return None;
    }
    Some(exact)
}
