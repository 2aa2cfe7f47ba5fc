//! Masses of goods in whole micrograms.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use tracehold_chain::epcis::activity::MAX_MASS;
use tracehold_chain::epcis::{Level, Named};

use crate::provenance::Unit;
use crate::provenance::quantity::converted;

const MICROGRAMS_IN_KILOGRAM: u64 = 1_000_000_000;

/// A mass in micrograms, to the nearest; `None` below nought and above [`MAX_MASS`].
#[must_use]
pub fn micrograms(kilograms: Decimal) -> Option<u64> {
    let exact = kilograms.checked_mul(Decimal::from(MICROGRAMS_IN_KILOGRAM))?;
    exact.round().to_u64().filter(|mass| *mass <= MAX_MASS)
}

/// The mass of what an event names, when a piece weighs `each`; `None` when nobody can say.
pub(super) fn mass_of(named: &Named, each: Option<u64>) -> Option<u64> {
    if is_one(named) {
        return each;
    }
    let parts = named.quantities.iter().map(|quantity| {
        let (unit, value) = converted(quantity)?;
        if unit == Unit::kilograms() {
            return micrograms(value);
        }
        if unit != Unit::pieces() {
            return None;
        }
        let mass = value.checked_mul(Decimal::from(each?))?;
        mass.round().to_u64().filter(|mass| *mass <= MAX_MASS)
    });
    let parts: Option<Vec<u64>> = parts.collect();
    let parts = parts.filter(|parts| !parts.is_empty())?;
    let sum = parts.into_iter().try_fold(0_u64, u64::checked_add)?;
    Some(sum).filter(|mass| *mass <= MAX_MASS)
}

/// Whether it is one thing, not some of a batch or kind.
pub(super) fn is_one(named: &Named) -> bool {
    !named.by_class && !matches!(named.level, Level::Lot | Level::Class)
}

#[cfg(test)]
mod tests {
    use tracehold_chain::epcis::{Quantity, Role};

    use super::*;

    fn named(by_class: bool, quantities: &[(&str, Option<&str>)]) -> Named {
        let quantity = |(value, uom): &(&str, Option<&str>)| Quantity {
            value: value.parse().unwrap(),
            uom: uom.map(str::to_owned),
        };
        let level = if by_class { Level::Lot } else { Level::Instance };
        let quantities = quantities.iter().map(quantity).collect();
        Named {
            uri: "urn:x".to_owned(),
            role: Role::Epc,
            level,
            by_class,
            quantities,
            company: None,
        }
    }

    #[test]
    fn quantities_are_weighed() {
        let each = Some(250_000_000);
        for (by_class, quantities, expected) in [
            (false, &[][..], each),
            (true, &[("3.5", Some("KGM"))], Some(3_500_000_000)),
            (true, &[("2", None)], Some(500_000_000)),
            (true, &[("2", Some("EA")), ("1", Some("TNE"))], Some(1_000_500_000_000)),
            (true, &[("2", Some("LTR"))], None),
            (true, &[("2", Some("LTR")), ("1", Some("KGM"))], None),
            (true, &[], None),
            (true, &[("-3", Some("KGM"))], None),
            (true, &[("10000000001", Some("KGM"))], None),
            (true, &[("10000000000", Some("KGM"))], Some(MAX_MASS)),
        ] {
            assert_eq!(mass_of(&named(by_class, quantities), each), expected, "{quantities:?}");
        }
        assert_eq!(mass_of(&named(true, &[("2", None)]), None), None);
        assert_eq!(micrograms(Decimal::new(-1, 0)), None);
    }
}
