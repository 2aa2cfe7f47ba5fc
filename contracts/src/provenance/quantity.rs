//! Units of measure brought to one of their kind, exactly.

use rust_decimal::Decimal;
use tracehold_chain::epcis::Quantity;

use super::step::Unit;

/// No amount of goods is larger than this in its unit after conversion; a larger one is not
/// weighed.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;

/// Decimal places kept after conversion: of a kilogram, a billionth of a milligram.
pub const AMOUNT_PLACES: u32 = 12;

/// Bytes of a unit's code; a longer one is none.
pub const MAX_UNIT_BYTES: usize = 16;

/// Units in which one thing is counted at once, and those of one transformation; what comes in more
/// is not weighed.
pub const MAX_UNITS: usize = 16;

/// Units of mass and volume (UN/CEFACT Rec 20), the unit they become, and the factor as digits and
/// decimal places.
const CONVERSIONS: [(&str, &str, i64, u32); 32] = [
    ("KGM", "KGM", 1, 0),
    ("GRM", "KGM", 1, 3),
    ("MGM", "KGM", 1, 6),
    ("CGM", "KGM", 1, 5),
    ("DG", "KGM", 1, 4),
    ("HGM", "KGM", 1, 1),
    ("DTN", "KGM", 100, 0),
    ("TNE", "KGM", 1_000, 0),
    ("LBR", "KGM", 45_359_237, 8),
    ("ONZ", "KGM", 28_349_523_125, 12),
    ("CWA", "KGM", 45_359_237, 6),
    ("CWI", "KGM", 5_080_234_544, 8),
    ("STN", "KGM", 90_718_474, 5),
    ("LTN", "KGM", 10_160_469_088, 7),
    ("LTR", "LTR", 1, 0),
    ("MLT", "LTR", 1, 3),
    ("CLT", "LTR", 1, 2),
    ("DLT", "LTR", 1, 1),
    ("HLT", "LTR", 100, 0),
    ("MTQ", "LTR", 1_000, 0),
    ("DMQ", "LTR", 1, 0),
    ("CMQ", "LTR", 1, 3),
    ("MMQ", "LTR", 1, 6),
    ("GLL", "LTR", 3_785_411_784, 9),
    ("GLI", "LTR", 454_609, 5),
    ("FTQ", "LTR", 28_316_846_592, 9),
    ("INQ", "LTR", 16_387_064, 9),
    ("H87", "", 1, 0),
    ("EA", "", 1, 0),
    ("C62", "", 1, 0),
    ("DZN", "", 12, 0),
    ("MIL", "", 1_000, 0),
];

impl Unit {
    /// Kilograms, which every mass becomes.
    #[must_use]
    pub fn kilograms() -> Unit {
        Unit("KGM".to_owned())
    }

    /// Litres, which every volume becomes.
    #[must_use]
    pub fn litres() -> Unit {
        Unit("LTR".to_owned())
    }

    /// Pieces.
    #[must_use]
    pub fn pieces() -> Unit {
        Unit(String::new())
    }
}

/// A quantity in its unit after conversion; `None` when it is below zero or larger than any amount
/// of goods.
#[must_use]
pub fn converted(quantity: &Quantity) -> Option<(Unit, Decimal)> {
    let code = quantity.uom.as_deref().unwrap_or_default();
    if code.len() > MAX_UNIT_BYTES {
        return None;
    }
    let known = CONVERSIONS.iter().find(|(from, ..)| *from == code);
    let (unit, value) = match known {
        Some((_, to, 1, 0)) => (*to, quantity.value),
        Some((_, to, digits, places)) => {
            (*to, quantity.value.checked_mul(Decimal::new(*digits, *places))?)
        }
        None => (code, quantity.value),
    };
    let bounded = value >= Decimal::ZERO && value <= Decimal::from(MAX_AMOUNT);
    bounded.then(|| (Unit(unit.to_owned()), value.round_dp(AMOUNT_PLACES).normalize()))
}

/// Adds to the sum of a unit; whether there was room for it.
pub(super) fn add(sums: &mut Vec<(Unit, Decimal)>, unit: &Unit, value: Decimal) -> bool {
    if let Some((_, sum)) = sums.iter_mut().find(|(known, _)| known == unit) {
        *sum = sum.saturating_add(value).normalize();
        return true;
    }
    let has_room = sums.len() < MAX_UNITS;
    if has_room {
        sums.push((unit.clone(), value));
    }
    has_room
}

/// A temperature in degrees Celsius, or any other value of its unit as it is.
#[must_use]
pub fn celsius(value: Decimal, uom: &str) -> Option<(Decimal, &str)> {
    let celsius = match uom {
        "KEL" => value.checked_sub(Decimal::new(27_315, 2))?,
        "FAH" => {
            let above = value.checked_sub(Decimal::from(32))?.checked_mul(Decimal::from(5))?;
            above.checked_div(Decimal::from(9))?.round_dp(AMOUNT_PLACES)
        }
        _ => return Some((value, uom)),
    };
    Some((celsius.normalize(), "CEL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, uom: Option<&str>) -> Option<(String, String)> {
        let value = value.parse().expect("a number");
        let found = converted(&Quantity { value, uom: uom.map(str::to_owned) });
        found.map(|(unit, value)| (value.to_string(), unit.0))
    }

    #[test]
    fn units_beyond_the_limit_are_not_weighed_and_that_is_said() {
        let mut sums = Vec::new();
        for n in 0..MAX_UNITS {
            assert!(add(&mut sums, &Unit(n.to_string()), Decimal::ONE));
        }
        assert!(!add(&mut sums, &Unit("more".to_owned()), Decimal::ONE));
        assert!(add(&mut sums, &Unit("0".to_owned()), Decimal::ONE));
        assert_eq!(sums.len(), MAX_UNITS);
        assert_eq!(sums[0].1, Decimal::TWO);
    }

    #[test]
    fn masses_become_kilograms_volumes_litres_and_no_unit_pieces() {
        for (value, uom, expected, unit) in [
            ("12.5", Some("KGM"), "12.5", "KGM"),
            ("250", Some("GRM"), "0.25", "KGM"),
            ("1.5", Some("TNE"), "1500", "KGM"),
            ("1", Some("LBR"), "0.45359237", "KGM"),
            ("3", Some("HLT"), "300", "LTR"),
            ("2", Some("MTQ"), "2000", "LTR"),
            ("24", None, "24", ""),
            ("24", Some("H87"), "24", ""),
            ("2", Some("DZN"), "24", ""),
            ("7", Some("XYZ"), "7", "XYZ"),
        ] {
            let expected = Some((expected.to_owned(), unit.to_owned()));
            assert_eq!(of(value, uom), expected, "{value} {uom:?}");
        }
        assert_eq!(of("-1", None), None);
        assert_eq!(of("1000000000000001", None), None);
    }

    #[test]
    fn temperatures_compare_in_celsius() {
        let celsius = |value: &str, uom| super::celsius(value.parse().expect("a number"), uom);
        assert_eq!(celsius("41", "FAH"), Some((Decimal::from(5), "CEL")));
        assert_eq!(celsius("277.15", "KEL"), Some((Decimal::from(4), "CEL")));
        assert_eq!(celsius("60", "P1"), Some((Decimal::from(60), "P1")));
    }
}
