//! How much of each thing an event names, as far as it can be weighed.

use serde_json::Value;

use super::exact::{Exact, ratio};
use super::reckon::MAX_MASS;
use super::{Dimension, Quantity, Unit};
use crate::epcis::check::Object;
use crate::epcis::identifier::{Level, canonical};
use crate::epcis::{Event, Role};

/// So much of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many micrograms.
    Mass(u64),
    /// So many pieces.
    Pieces(Exact),
    /// The event does not say, or in a unit that weighs nothing.
    Unsaid,
}

impl Amount {
    /// The mass in micrograms, when a piece weighs `each`.
    #[must_use]
    pub fn micrograms(self, each: Option<u64>) -> Option<u64> {
        match self {
            Amount::Mass(mass) => Some(mass),
            Amount::Unsaid => None,
            Amount::Pieces(pieces) => {
                let mass = ratio(&[pieces.numerator(), each?], &[pieces.denominator()])?;
                u64::try_from(mass).ok().filter(|mass| *mass <= MAX_MASS)
            }
        }
    }
}

/// A thing that an event names, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// Its canonical identifier.
    pub uri: String,
    /// As what it is named.
    pub role: Role,
    /// What kind of thing the identifier says it is.
    pub level: Level,
    /// Whether it stands in a quantity list.
    pub by_class: bool,
    /// How much of it.
    pub amount: Amount,
}

const LISTS: [(&str, Role, bool); 8] = [
    ("epcList", Role::Epc, false),
    ("quantityList", Role::Epc, true),
    ("childEPCs", Role::Child, false),
    ("childQuantityList", Role::Child, true),
    ("inputEPCList", Role::Input, false),
    ("inputQuantityList", Role::Input, true),
    ("outputEPCList", Role::Output, false),
    ("outputQuantityList", Role::Output, true),
];

/// Codes of UN/CEFACT Recommendation 20 that count pieces.
const PIECES: [&str; 3] = ["C62", "EA", "H87"];

fn amount(element: &Object) -> Amount {
    let Some(Value::Number(number)) = element.get("quantity") else { return Amount::Unsaid };
    let Ok(value) = Exact::of(number) else { return Amount::Unsaid };
    let Some(uom) = element.get("uom") else { return Amount::Pieces(value) };
    let uom = uom.as_str().unwrap_or_default();
    if PIECES.contains(&uom) {
        return Amount::Pieces(value);
    }
    let unit = Unit::named(uom).filter(|unit| unit.dimension == Dimension::Mass);
    let mass = unit.and_then(|unit| Quantity { value, unit }.micrograms());
    mass.map_or(Amount::Unsaid, Amount::Mass)
}

/// Everything that an event names but its parent, with how much of it. What stands in its lists
/// twice is here twice.
#[must_use]
pub fn weighed(event: &Event) -> Vec<Weighed> {
    let mut all = Vec::new();
    for (key, role, by_class) in LISTS {
        let list = event.object().get(key).and_then(Value::as_array);
        for element in list.into_iter().flatten() {
            let (uri, amount) = match element {
                Value::String(uri) if !by_class => (Some(uri.as_str()), Amount::Unsaid),
                Value::Object(object) if by_class => {
                    (object.get("epcClass").and_then(Value::as_str), amount(object))
                }
                _ => (None, Amount::Unsaid),
            };
            let Some(found) = uri.map(canonical) else { continue };
            let level = found.level();
            // One thing in a list of single things is one piece, unless it is a batch or kind.
            let single = !by_class && !matches!(level, Level::Lot | Level::Class);
            let amount = if single { Amount::Pieces(Exact::whole(1)) } else { amount };
            all.push(Weighed { uri: found.into_uri(), role, level, by_class, amount });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::epcis::testing::sample_event;

    #[test]
    fn quantities_are_weighed() {
        let mut event = sample_event();
        let class = "https://id.gs1.org/01/09521568251204";
        event["quantityList"] = json!([
            {"epcClass": format!("{class}/10/L1"), "quantity": 3.5, "uom": "KGM"},
            {"epcClass": format!("{class}/10/L2"), "quantity": 2},
            {"epcClass": format!("{class}/10/L3"), "quantity": 2, "uom": "LTR"},
            {"epcClass": class},
            {"epcClass": class, "quantity": -3, "uom": "KGM"},
        ]);
        let event = Event::from_value(event, None).unwrap();
        let each = Some(250_000_000);
        let masses: Vec<_> =
            weighed(&event).into_iter().map(|thing| thing.amount.micrograms(each)).collect();
        assert_eq!(masses, [each, Some(3_500_000_000), Some(500_000_000), None, None, None]);
        assert_eq!(Amount::Pieces(Exact::whole(u64::MAX)).micrograms(each), None);
        assert_eq!(Amount::Pieces(Exact::whole(2)).micrograms(None), None);
    }
}
