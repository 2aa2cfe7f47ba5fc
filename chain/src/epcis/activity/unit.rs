//! Units of mass, length, energy and volume, each an exact multiple of one base unit.

/// What kind of quantity a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// In grams.
    Mass,
    /// In metres.
    Length,
    /// In joules.
    Energy,
    /// In millilitres.
    Volume,
}

impl Dimension {
    /// What it is called to people.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Dimension::Mass => "mass",
            Dimension::Length => "length",
            Dimension::Energy => "energy",
            Dimension::Volume => "volume",
        }
    }

    /// The units of this kind, for messages: `KGM (kg), …`.
    pub(super) fn codes(self) -> String {
        let units = UNITS.iter().filter(|unit| unit.dimension == self);
        units.map(|unit| format!("{} ({})", unit.code, unit.symbol)).collect::<Vec<_>>().join(", ")
    }
}

/// A unit that activities may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The code of UN/CEFACT Recommendation 20.
    pub code: &'static str,
    /// The symbol, taken as well.
    pub symbol: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// Base units in `below` of these.
    pub above: u64,
    /// How many of these are `above` base units.
    pub below: u64,
}

const fn unit(
    code: &'static str,
    symbol: &'static str,
    dimension: Dimension,
    above: u64,
    below: u64,
) -> Unit {
    Unit { code, symbol, dimension, above, below }
}

/// All units. Sources of the constants, all exact by definition:
/// - metric units and the joule: the SI brochure; the litre is a cubic decimetre; 1 kWh = 3.6 MJ;
/// - pound 0.453 592 37 kg, mile 1 609.344 m: the international yard and pound agreement of 1959;
/// - nautical mile 1 852 m: the SI brochure, table of non-SI units;
/// - gallon (US) 231 cubic inches of 2.54 cm: 3.785 411 784 L; gallon (UK) 4.546 09 L: the Weights
///   and Measures Act 1985.
const UNITS: [Unit; 19] = [
    unit("MGM", "mg", Dimension::Mass, 1, 1_000),
    unit("GRM", "g", Dimension::Mass, 1, 1),
    unit("KGM", "kg", Dimension::Mass, 1_000, 1),
    unit("TNE", "t", Dimension::Mass, 1_000_000, 1),
    unit("LBR", "lb", Dimension::Mass, 45_359_237, 100_000),
    unit("MTR", "m", Dimension::Length, 1, 1),
    unit("KMT", "km", Dimension::Length, 1_000, 1),
    unit("SMI", "mi", Dimension::Length, 1_609_344, 1_000),
    unit("NMI", "nmi", Dimension::Length, 1_852, 1),
    unit("JOU", "J", Dimension::Energy, 1, 1),
    unit("3B", "MJ", Dimension::Energy, 1_000_000, 1),
    unit("GV", "GJ", Dimension::Energy, 1_000_000_000, 1),
    unit("KWH", "kWh", Dimension::Energy, 3_600_000, 1),
    unit("MWH", "MWh", Dimension::Energy, 3_600_000_000, 1),
    unit("MLT", "mL", Dimension::Volume, 1, 1),
    unit("LTR", "L", Dimension::Volume, 1_000, 1),
    unit("MTQ", "m3", Dimension::Volume, 1_000_000, 1),
    unit("GLL", "gal", Dimension::Volume, 3_785_411_784, 1_000_000),
    unit("GLI", "gal (UK)", Dimension::Volume, 4_546_090, 1_000),
];

impl Unit {
    /// The unit of that code or symbol. Case counts: `MG` is no milligram.
    #[must_use]
    pub fn named(name: &str) -> Option<Unit> {
        UNITS.iter().find(|unit| unit.code == name || unit.symbol == name).copied()
    }

    /// All units.
    #[must_use]
    pub fn all() -> &'static [Unit] {
        &UNITS
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_one_unit() {
        let names: Vec<&str> = UNITS.iter().flat_map(|unit| [unit.code, unit.symbol]).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for unit in UNITS {
            assert_eq!(Unit::named(unit.code), Some(unit));
            assert_eq!(Unit::named(unit.symbol), Some(unit));
            assert!(unit.above > 0 && unit.below > 0);
        }
        assert_eq!(Unit::named("MG"), None);
        assert_eq!(Unit::named("kgm"), None);
    }
}
