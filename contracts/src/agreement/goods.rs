//! What an agreement is about, and how much of it events have shown.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tracehold_chain::agreement::{Goods, WHOLE};
use tracehold_chain::epcis::Quantity;
use tracehold_chain::state::Position;

use super::record::Fact;
use crate::provenance::Unit;
use crate::provenance::quantity::converted;

/// How the share of the goods is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// So many things by name.
    Items(u16),
    /// So much of a class, in a unit after conversion.
    Class(Unit, Decimal),
    /// One event that names the business transaction is all of it.
    Transaction,
    /// The terms name no goods: nothing counts.
    Nothing,
}

/// How much of the goods some facts have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The part, in millionths, rounded down.
    pub parts: u32,
    /// The facts that each added to it, in the order in which they were recorded.
    pub events: Vec<Position>,
    /// The items that are missing, by their places in the terms.
    pub missing: Vec<u16>,
}

impl Counted {
    /// How these goods are counted.
    #[must_use]
    pub fn of(goods: &Goods) -> Counted {
        if !goods.items.is_empty() {
            return Counted::Items(u16::try_from(goods.items.len()).unwrap_or(u16::MAX));
        }
        if let Some(class) = &goods.class {
            let quantity = Quantity { value: class.quantity, uom: class.uom.clone() };
            return match converted(&quantity) {
                Some((unit, wanted)) if !wanted.is_zero() => Counted::Class(unit, wanted),
                _ => Counted::Nothing,
            };
        }
        match goods.business_transaction {
            Some(_) => Counted::Transaction,
            None => Counted::Nothing,
        }
    }

    /// How much of the goods these facts show, until `enough` parts of it.
    #[must_use]
    pub fn shown<'f>(&self, facts: impl Iterator<Item = &'f Fact>, enough: u32) -> Shown {
        match self {
            Counted::Items(count) => items_shown(*count, facts, enough),
            Counted::Class(_, wanted) => quantity_shown(*wanted, facts, enough),
            Counted::Transaction => match facts.into_iter().next() {
                Some(fact) => {
                    Shown { parts: WHOLE.parts(), events: vec![fact.position], missing: Vec::new() }
                }
                None => Shown::default(),
            },
            Counted::Nothing => Shown::default(),
        }
    }
}

fn items_shown<'f>(count: u16, facts: impl Iterator<Item = &'f Fact>, enough: u32) -> Shown {
    let mut shown = Shown::default();
    let mut seen = vec![false; count.into()];
    let mut number: u64 = 0;
    for fact in facts {
        if shown.parts >= enough {
            break;
        }
        let before = number;
        for item in &fact.items {
            if let Some(seen) = seen.get_mut(usize::from(*item))
                && !std::mem::replace(seen, true)
            {
                number = number.saturating_add(1);
            }
        }
        if number > before {
            shown.events.push(fact.position);
            let millionths = number.saturating_mul(WHOLE.parts().into());
            let parts = millionths.checked_div(count.into()).unwrap_or(0);
            shown.parts = u32::try_from(parts).unwrap_or(0);
        }
    }
    let items = (0..count).zip(&seen);
    shown.missing = items.filter(|(_, seen)| !**seen).map(|(item, _)| item).collect();
    shown
}

fn quantity_shown<'f>(
    wanted: Decimal,
    facts: impl Iterator<Item = &'f Fact>,
    enough: u32,
) -> Shown {
    let mut shown = Shown::default();
    let mut sum = Decimal::ZERO;
    for fact in facts {
        let Some(quantity) = fact.quantity.filter(|quantity| !quantity.is_zero()) else { continue };
        if shown.parts >= enough {
            break;
        }
        sum = sum.saturating_add(quantity);
        shown.events.push(fact.position);
        shown.parts = parts_of(sum, wanted);
    }
    shown
}

/// The part in millionths, rounded down: all of it only when nothing is missing.
fn parts_of(sum: Decimal, wanted: Decimal) -> u32 {
    if sum >= wanted {
        return WHOLE.parts();
    }
    let share = sum.checked_div(wanted).unwrap_or(Decimal::ZERO);
    let parts = share.saturating_mul(Decimal::from(WHOLE.parts())).floor();
    parts.to_u32().unwrap_or(0).min(WHOLE.parts().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P64: a part is never rounded up to all of it.
    #[test]
    fn parts_are_rounded_down() {
        for (sum, wanted, expected) in [
            ("80", "100", 800_000),
            ("1", "3", 333_333),
            ("2", "3", 666_666),
            ("99.999999999", "100", 999_999),
            ("100", "100", 1_000_000),
            ("140", "100", 1_000_000),
            ("0", "100", 0),
            ("0.000000000001", "1000000000000000", 0),
            ("999999999999999.999999999999", "1000000000000000", 999_999),
        ] {
            let read = |text: &str| text.parse::<Decimal>().expect("a number");
            assert_eq!(parts_of(read(sum), read(wanted)), expected, "{sum} of {wanted}");
        }
    }
}
