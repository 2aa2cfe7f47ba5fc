//! The lists of things in an event: which there are, and what stands in them.

use rust_decimal::Decimal;
use serde_json::Value;

use super::{EventType, Named, Quantity, Role, list, text};
use crate::epcis::check::{Checker, Object};
use crate::epcis::identifier::{Canonical, Flaw, Level, canonical};
use crate::epcis::pointer::Path;
use crate::limits::MAX_IDENTIFIERS_PER_EVENT;

/// Keys whose check digit is only noticed: published, valid examples have it wrong (`docs/epcis.md`
/// names the files). That of any other key is right in every one.
const LOOSE_CHECK_DIGITS: [&str; 2] = ["00", "8003"];

/// What schema and standard's form allow and good sense does not.
#[derive(Default)]
pub(super) struct Oddities {
    /// What the strict reading refuses.
    pub(super) refused: Checker,
    /// What is only told, in either reading: documents of others have it.
    pub(super) noticed: Checker,
}

/// A list of things in an event.
pub(super) struct ListName {
    key: &'static str,
    role: Role,
    by_class: bool,
}

pub(super) const LISTS: [ListName; 8] = [
    ListName { key: "epcList", role: Role::Epc, by_class: false },
    ListName { key: "quantityList", role: Role::Epc, by_class: true },
    ListName { key: "childEPCs", role: Role::Child, by_class: false },
    ListName { key: "childQuantityList", role: Role::Child, by_class: true },
    ListName { key: "inputEPCList", role: Role::Input, by_class: false },
    ListName { key: "inputQuantityList", role: Role::Input, by_class: true },
    ListName { key: "outputEPCList", role: Role::Output, by_class: false },
    ListName { key: "outputQuantityList", role: Role::Output, by_class: true },
];

fn uri_of(element: &Value, by_class: bool) -> Option<&str> {
    if by_class { element.get("epcClass")?.as_str() } else { element.as_str() }
}

pub(super) fn identifiers(
    checker: &mut Checker,
    object: &Object,
    event_type: EventType,
) -> Vec<Named> {
    let mut named: Vec<Named> = Vec::new();
    if let Some(parent) = text(object, "parentID") {
        let parent = canonical(parent);
        named.push(thing(parent, Role::Parent, false, Vec::new()));
    }
    let count: usize = LISTS.iter().map(|name| list(object, name.key).len()).sum();
    if count + named.len() > MAX_IDENTIFIERS_PER_EVENT {
        let message = format!(
            "the event names {count} things: {MAX_IDENTIFIERS_PER_EVENT} is the limit, split it"
        );
        checker.report(&Path::Root, "identifier-count", message);
        return named;
    }
    named.reserve(count);
    for name in &LISTS {
        let from = named.len();
        for element in list(object, name.key) {
            let Some(uri) = uri_of(element, name.by_class) else { continue };
            let quantities = if name.by_class { quantity_of(element) } else { Vec::new() };
            named.push(thing(canonical(uri), name.role, name.by_class, quantities));
        }
        join_repeated(&mut named, from);
    }
    if matches!(event_type, EventType::Aggregation | EventType::Association)
        && let Some((parent, children)) = named.split_first()
        && parent.role == Role::Parent
        && children.iter().any(|child| child.uri == parent.uri)
    {
        let message = "this thing is among its own children: name another parent";
        checker.report(&Path::Root.key("parentID"), "parent-is-child", message);
    }
    named
}

fn thing(found: Canonical, role: Role, by_class: bool, quantities: Vec<Quantity>) -> Named {
    let level = found.level();
    let company = found.company_range();
    Named { uri: found.into_uri(), role, level, by_class, quantities, company }
}

/// How much an element of a quantity list says there is; nothing when it does not say.
fn quantity_of(element: &Value) -> Vec<Quantity> {
    let value = element.get("quantity").and_then(exact);
    let uom = element.get("uom").and_then(Value::as_str).map(str::to_owned);
    value.map(|value| Quantity { value, uom }).into_iter().collect()
}

/// A JSON number as the decimal that its text says; `None` when it is none, or has more digits
/// than any measure of goods.
pub(in crate::epcis) fn exact(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    let read = if text.contains(['e', 'E']) {
        Decimal::from_scientific(&text)
    } else {
        Decimal::from_str_exact(&text)
    };
    read.ok().map(|value| value.normalize())
}

/// Joins what stands twice in one list, under two spellings or with two quantities; all from
/// `from` on is that list.
fn join_repeated(named: &mut Vec<Named>, from: usize) {
    let mut first = std::collections::BTreeMap::new();
    let repeated: Vec<(usize, usize)> = (from..named.len())
        .filter_map(|place| {
            let first = *first.entry(named[place].uri.as_str()).or_insert(place);
            (first != place).then_some((place, first))
        })
        .collect();
    if repeated.is_empty() {
        return;
    }
    for (place, first) in &repeated {
        let mut quantities = std::mem::take(&mut named[*place].quantities);
        named[*first].quantities.append(&mut quantities);
    }
    let mut gone = repeated.into_iter().map(|(place, _)| place).peekable();
    let mut place = 0..;
    named.retain(|_| gone.next_if_eq(&place.next().unwrap_or_default()).is_none());
}

/// What is odd in a list of things.
pub(super) fn oddities_of_list(found: &mut Oddities, object: &Object, name: &ListName) {
    let root = Path::Root;
    let at_list = root.key(name.key);
    for (index, element) in list(object, name.key).iter().enumerate() {
        let at_element = at_list.index(index);
        let at_class = at_element.key("epcClass");
        let at = if name.by_class { &at_class } else { &at_element };
        let Some(uri) = uri_of(element, name.by_class) else { continue };
        let thing = canonical(uri);
        flaw(found, at, &thing);
        match (name.by_class, thing.level()) {
            (false, Level::Class | Level::Lot) => {
                let message = "this names a class or lot in a list of single things: put it into \
                               the quantity list beside it, or give the serial number";
                found.refused.report(at, "class-in-epc-list", message);
            }
            (true, Level::Instance | Level::LogisticUnit | Level::Document) => {
                let message = "this names a single thing in a list of quantities: put it into the \
                               list of single things beside it, or name its class";
                found.refused.report(at, "instance-in-quantity-list", message);
            }
            _ => {}
        }
    }
}

fn flaw(found: &mut Oddities, at: &Path<'_>, identifier: &Canonical) {
    match identifier.flaw() {
        Some(Flaw::CheckDigit { right }) => {
            let message = format!("the check digit should be {right}");
            let is_loose = identifier.key().is_some_and(|key| LOOSE_CHECK_DIGITS.contains(&key));
            let checker = if is_loose { &mut found.noticed } else { &mut found.refused };
            checker.report(at, "check-digit", message);
        }
        Some(Flaw::Malformed) => {
            let message =
                "this breaks the rules of its GS1 scheme: it is compared letter by letter";
            found.noticed.report(at, "malformed-key", message);
        }
        None => {}
    }
}

/// Flaws of identifiers outside the lists of things: parent, places, parties, documents; and
/// dispositions that are set and unset at once.
pub(super) fn oddities_of_places(found: &mut Oddities, object: &Object) {
    let root = Path::Root;
    let mut look = |at: &Path<'_>, value: Option<&Value>| {
        if let Some(uri) = value.and_then(Value::as_str) {
            flaw(found, at, &canonical(uri));
        }
    };
    look(&root.key("parentID"), object.get("parentID"));
    for key in ["readPoint", "bizLocation"] {
        look(&root.key(key).key("id"), object.get(key).and_then(|place| place.get("id")));
    }
    for (name, key) in [
        ("sourceList", "source"),
        ("destinationList", "destination"),
        ("bizTransactionList", "bizTransaction"),
    ] {
        let at = root.key(name);
        for (index, element) in list(object, name).iter().enumerate() {
            look(&at.index(index).key(key), element.get(key));
        }
    }
    let dispositions = |key: &str| {
        let both = object.get("persistentDisposition").and_then(Value::as_object);
        both.map(|both| list(both, key)).unwrap_or_default()
    };
    for (index, value) in dispositions("unset").iter().enumerate() {
        if dispositions("set").contains(value) {
            let at = root.key("persistentDisposition");
            let message = "this is set and unset at once: give it once";
            found.refused.report(&at.key("unset").index(index), "set-and-unset", message);
        }
    }
}
