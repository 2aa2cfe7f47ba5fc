//! Units of measurement (UN/ECE Recommendation 20) that go with a type of measurement.

use rust_decimal::Decimal;

/// The units of the types that cold chains and transport measure; of other types any code of the
/// right form is taken.
const UNITS: [(&str, &[&str]); 8] = [
    ("AbsoluteHumidity", &["A93", "KMQ"]),
    ("Acceleration", &["MSK", "K40"]),
    ("Illuminance", &["LUX"]),
    ("Mass", &["KGM", "GRM", "MGM", "TNE", "LBR"]),
    ("Pressure", &["PAL", "A97", "KPA", "BAR", "MBR", "PS"]),
    ("RelativeHumidity", &["P1"]),
    ("Speed", &["MTS", "KMH", "HM"]),
    ("Temperature", &["CEL", "FAH", "KEL"]),
];

/// The units that a type of measurement may have; `None` when any may be.
pub fn units_of(kind: &str) -> Option<&'static [&'static str]> {
    UNITS.iter().find(|(name, _)| *name == kind).map(|(_, units)| *units)
}

/// Whether text has the form of a unit's code.
pub fn is_code(text: &str) -> bool {
    (1..=3).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// What no sensor can measure: the least and the most that there is.
pub fn bounds(kind: &str, uom: &str) -> (Option<Decimal>, Option<Decimal>) {
    match (kind, uom) {
        ("Temperature", "CEL") => (Some(Decimal::new(-27_315, 2)), None),
        ("Temperature", "FAH") => (Some(Decimal::new(-45_967, 2)), None),
        ("Temperature", "KEL") => (Some(Decimal::ZERO), None),
        ("RelativeHumidity", _) => (Some(Decimal::ZERO), Some(Decimal::ONE_HUNDRED)),
        ("AbsoluteHumidity" | "Illuminance" | "Mass" | "Pressure", _) => {
            (Some(Decimal::ZERO), None)
        }
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::epcis::vocabulary::Vocabulary;

    use super::*;

    #[test]
    fn every_type_with_units_is_a_type_of_the_standard() {
        for (kind, units) in UNITS {
            assert!(Vocabulary::MeasurementType.has(kind), "{kind}");
            assert!(units.iter().all(|unit| is_code(unit)), "{kind}");
        }
        assert_eq!(units_of("Torque"), None);
    }
}
