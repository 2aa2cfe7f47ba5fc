//! What an agreement is about, and how much of it events have shown.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::{Goods, WHOLE};
use tracehold_chain::epcis::Quantity;
use tracehold_chain::money::Amount;
use tracehold_chain::state::Position;

use super::record::Fact;
use crate::provenance::Unit;
use crate::provenance::quantity::{AMOUNT_PLACES, converted};

/// A part of the goods of an agreement, exactly: so much of so much. It is rounded only where money
/// is made of it ([`Part::share`]), and where people read it ([`Part::millionths`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    number: u128,
    /// At most 10^27, the largest amount of goods in the smallest that any is converted to; zero
    /// when nothing has come.
    of: u128,
}

impl Part {
    /// All of it.
    pub const WHOLE: Part = Part { number: 1, of: 1 };

    /// So many of so many.
    #[must_use]
    pub fn new(number: u128, of: u128) -> Part {
        Part { number: number.min(of), of }
    }

    /// Whether nothing has come.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self.number == 0
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.of > 0 && self.number >= self.of
    }

    /// Whether it is more than another part of the same goods, or all of them.
    #[must_use]
    pub fn is_more_than(self, other: Part) -> bool {
        !other.is_whole() && (self.is_whole() || self.number > other.number)
    }

    /// Whether it is at least so many millionths.
    #[must_use]
    pub fn reaches(self, millionths: u32) -> bool {
        let wanted = self.of.saturating_mul(millionths.into());
        self.of > 0 && self.number.saturating_mul(WHOLE.parts().into()) >= wanted
    }

    /// The part in millionths, rounded down, for people: all of it only when nothing is missing.
    #[must_use]
    pub fn millionths(self) -> u32 {
        let millionths = self.number.saturating_mul(WHOLE.parts().into());
        u32::try_from(millionths.checked_div(self.of).unwrap_or(0)).unwrap_or(0)
    }

    /// This part of an amount of money, rounded down to its smallest unit.
    #[must_use]
    pub fn share(self, amount: Amount) -> Amount {
        if self.is_nothing() { Amount::ZERO } else { amount.share(self.number, self.of) }
    }
}

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
    /// The part.
    pub part: Part,
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

    /// How much of the goods these facts show, until `enough` millionths of it.
    #[must_use]
    pub fn shown<'f>(&self, facts: impl Iterator<Item = &'f Fact>, enough: u32) -> Shown {
        match self {
            Counted::Items(count) => items_shown(*count, facts, enough),
            Counted::Class(_, wanted) => quantity_shown(*wanted, facts, enough),
            Counted::Transaction => match facts.into_iter().next() {
                Some(fact) => {
                    Shown { part: Part::WHOLE, events: vec![fact.position], missing: Vec::new() }
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
    let mut number: u128 = 0;
    for fact in facts {
        if shown.part.reaches(enough) {
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
            shown.part = Part::new(number, count.into());
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
        if shown.part.reaches(enough) {
            break;
        }
        sum = sum.saturating_add(quantity);
        shown.events.push(fact.position);
        shown.part = part_of(sum, wanted);
    }
    shown
}

/// So much of so much, both as converted.
fn part_of(sum: Decimal, wanted: Decimal) -> Part {
    if sum >= wanted {
        return Part::WHOLE;
    }
    Part::new(smallest(sum), smallest(wanted))
}

/// A quantity in the smallest that any is converted to.
fn smallest(quantity: Decimal) -> u128 {
    let places = AMOUNT_PLACES.saturating_sub(quantity.scale());
    quantity.mantissa().unsigned_abs().saturating_mul(10_u128.saturating_pow(places))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P64: a part is never rounded up to all of it, and money is made of all its digits.
    #[test]
    fn parts_are_exact() {
        const MOST: u64 = 100_000_000_000_000_000;
        for (sum, wanted, millionths, money) in [
            ("80", "100", 800_000, 80_000_000_000_000_000),
            ("1", "3", 333_333, 33_333_333_333_333_333),
            ("2", "3", 666_666, 66_666_666_666_666_666),
            ("99.999999999", "100", 999_999, 99_999_999_999_000_000),
            ("100", "100", 1_000_000, MOST),
            ("140", "100", 1_000_000, MOST),
            ("0", "100", 0, 0),
            ("0.000000000001", "1000000000000000", 0, 0),
            ("1", "1000000000000000", 0, 100),
            ("999999999999999.999999999999", "1000000000000000", 999_999, MOST - 1),
        ] {
            let read = |text: &str| text.parse::<Decimal>().expect("a number");
            let part = part_of(read(sum), read(wanted));
            assert_eq!(part.millionths(), millionths, "{sum} of {wanted}");
            let share = part.share(Amount::new(MOST).expect("an amount"));
            assert_eq!(share.minor_units(), money, "{sum} of {wanted}");
            assert_eq!(part.is_whole(), millionths == 1_000_000);
        }
    }

    /// Shares that the terms ask for are reached exactly.
    #[test]
    fn shares_are_reached_exactly() {
        for (number, of, millionths, reached) in [
            (9, 10, 900_000, true),
            (9, 10, 900_001, false),
            (2, 3, 666_666, true),
            (2, 3, 666_667, false),
            (3, 3, 1_000_000, true),
            (0, 3, 1, false),
        ] {
            let part = Part::new(number, of);
            assert_eq!(part.reaches(millionths), reached, "{number} of {of}: {millionths}");
        }
        let [one, two] = [1, 2].map(|number| Part::new(number, 3));
        assert!(!Part::default().reaches(1) && !Part::default().is_whole());
        assert!(one.is_more_than(Part::default()) && two.is_more_than(one));
        assert!(Part::WHOLE.is_more_than(two) && !two.is_more_than(Part::WHOLE));
        assert!(!two.is_more_than(two) && !Part::WHOLE.is_more_than(Part::new(3, 3)));
    }
}
