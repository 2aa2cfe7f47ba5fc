//! The Core Business Vocabulary 2.0: the bare words EPCIS fields may hold, and their web URIs.
//!
//! In JSON a standard value is a bare word (`shipping`). The same value may also come as its web
//! URI (`https://ref.gs1.org/cbv/BizStep-shipping`) or CURIE (`cbv:BizStep-shipping`); the URN
//! form of older versions is refused. [`Vocabulary::plain`] gives the one spelling.

use std::borrow::Cow;

/// A list of standard values for one kind of field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// What was being done.
    BizStep,
    /// In which condition the goods are.
    Disposition,
    /// What kind of document a business transaction is.
    BizTransactionType,
    /// What a source or destination is to the goods.
    SourceDestinationType,
    /// Why an event is declared wrong.
    ErrorReason,
    /// Which component of a vector a sensor reports.
    Component,
    /// What a sensor measures.
    MeasurementType,
    /// What a sensor warns of.
    SensorAlert,
}

impl Vocabulary {
    /// The standard words, sorted.
    #[must_use]
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Vocabulary::BizStep => &BIZ_STEPS,
            Vocabulary::Disposition => &DISPOSITIONS,
            Vocabulary::BizTransactionType => &BIZ_TRANSACTION_TYPES,
            Vocabulary::SourceDestinationType => &SOURCE_DESTINATION_TYPES,
            Vocabulary::ErrorReason => &ERROR_REASONS,
            Vocabulary::Component => &COMPONENTS,
            Vocabulary::MeasurementType => &MEASUREMENT_TYPES,
            Vocabulary::SensorAlert => &SENSOR_ALERTS,
        }
    }

    /// Whether `word` is a standard word.
    #[must_use]
    pub fn has(self, word: &str) -> bool {
        self.words().binary_search(&word).is_ok()
    }

    /// What stands before the words in web URIs and in CURIEs.
    fn prefixes(self) -> [&'static str; 2] {
        match self {
            Vocabulary::BizStep => ["https://ref.gs1.org/cbv/BizStep-", "cbv:BizStep-"],
            Vocabulary::Disposition => ["https://ref.gs1.org/cbv/Disp-", "cbv:Disp-"],
            Vocabulary::BizTransactionType => ["https://ref.gs1.org/cbv/BTT-", "cbv:BTT-"],
            Vocabulary::SourceDestinationType => ["https://ref.gs1.org/cbv/SDT-", "cbv:SDT-"],
            Vocabulary::ErrorReason => ["https://ref.gs1.org/cbv/ER-", "cbv:ER-"],
            Vocabulary::Component => ["https://ref.gs1.org/cbv/Comp-", "cbv:Comp-"],
            Vocabulary::MeasurementType | Vocabulary::SensorAlert => {
                ["https://gs1.org/voc/", "gs1:"]
            }
        }
    }

    /// The one spelling of `value`: the bare word of a standard value, any other URI as given.
    #[must_use]
    pub fn plain(self, value: &str) -> &str {
        let word = self.prefixes().iter().find_map(|prefix| value.strip_prefix(prefix));
        word.filter(|word| self.has(word)).unwrap_or(value)
    }

    /// The web URI of `value`: of a standard word, its address under GS1; of a URI, itself.
    #[must_use]
    pub fn web_uri(self, value: &str) -> Cow<'_, str> {
        let plain = self.plain(value);
        if self.has(plain) {
            let [address, _] = self.prefixes();
            return Cow::Owned(format!("{address}{plain}"));
        }
        Cow::Borrowed(plain)
    }

    /// Whether a URI of the maker's own may stand in this field: not one of the forms that GS1
    /// reserves for the vocabulary itself.
    #[must_use]
    pub fn allows_uri(self, uri: &str) -> bool {
        let address = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
        let begins = |starts: &[&str]| {
            address.is_some_and(|address| starts.iter().any(|start| address.starts_with(start)))
        };
        match self {
            Vocabulary::MeasurementType | Vocabulary::SensorAlert => {
                !begins(&["gs1.org/voc/", "www.gs1.org/voc/"])
            }
            _ => !uri.starts_with("urn:epcglobal:cbv") && !begins(&["ns.gs1.org/cbv/"]),
        }
    }

    /// What the field is called to people.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Vocabulary::BizStep => "bizStep",
            Vocabulary::Disposition => "disposition",
            Vocabulary::BizTransactionType => "business transaction type",
            Vocabulary::SourceDestinationType => "source or destination type",
            Vocabulary::ErrorReason => "error reason",
            Vocabulary::Component => "component",
            Vocabulary::MeasurementType => "measurement type",
            Vocabulary::SensorAlert => "sensor alert",
        }
    }
}

const BIZ_STEPS: [&str; 41] = [
    "accepting",
    "arriving",
    "assembling",
    "collecting",
    "commissioning",
    "consigning",
    "creating_class_instance",
    "cycle_counting",
    "decommissioning",
    "departing",
    "destroying",
    "disassembling",
    "dispensing",
    "encoding",
    "entering_exiting",
    "holding",
    "inspecting",
    "installing",
    "killing",
    "loading",
    "other",
    "packing",
    "picking",
    "receiving",
    "removing",
    "repackaging",
    "repairing",
    "replacing",
    "reserving",
    "retail_selling",
    "sampling",
    "sensor_reporting",
    "shipping",
    "staging_outbound",
    "stock_taking",
    "stocking",
    "storing",
    "transporting",
    "unloading",
    "unpacking",
    "void_shipping",
];

const DISPOSITIONS: [&str; 33] = [
    "active",
    "available",
    "completeness_inferred",
    "completeness_verified",
    "conformant",
    "container_closed",
    "container_open",
    "damaged",
    "destroyed",
    "dispensed",
    "disposed",
    "encoded",
    "expired",
    "in_progress",
    "in_transit",
    "inactive",
    "mismatch_class",
    "mismatch_instance",
    "mismatch_quantity",
    "needs_replacement",
    "no_pedigree_match",
    "non_conformant",
    "non_sellable_other",
    "partially_dispensed",
    "recalled",
    "reserved",
    "retail_sold",
    "returned",
    "sellable_accessible",
    "sellable_not_accessible",
    "stolen",
    "unavailable",
    "unknown",
];

const BIZ_TRANSACTION_TYPES: [&str; 13] = [
    "bol",
    "cert",
    "desadv",
    "inv",
    "pedigree",
    "po",
    "poc",
    "prodorder",
    "recadv",
    "rma",
    "testprd",
    "testres",
    "upevt",
];

const SOURCE_DESTINATION_TYPES: [&str; 3] = ["location", "owning_party", "possessing_party"];

const ERROR_REASONS: [&str; 2] = ["did_not_occur", "incorrect_data"];

const COMPONENTS: [&str; 14] = [
    "altitude",
    "axial_distance",
    "azimuth",
    "easting",
    "elevation_angle",
    "height",
    "latitude",
    "longitude",
    "northing",
    "polar_angle",
    "spherical_radius",
    "x",
    "y",
    "z",
];

const SENSOR_ALERTS: [&str; 2] = ["ALARM_CONDITION", "ERROR_CONDITION"];

const MEASUREMENT_TYPES: [&str; 72] = [
    "AbsoluteHumidity",
    "AbsorbedDose",
    "AbsorbedDoseRate",
    "Acceleration",
    "Altitude",
    "AmountOfSubstance",
    "AmountOfSubstancePerUnitVolume",
    "Angle",
    "AngularAcceleration",
    "AngularMomentum",
    "AngularVelocity",
    "Area",
    "Capacitance",
    "Conductance",
    "Conductivity",
    "Count",
    "Density",
    "Dimensionless",
    "DoseEquivalent",
    "DoseEquivalentRate",
    "DynamicViscosity",
    "ElectricCharge",
    "ElectricCurrent",
    "ElectricCurrentDensity",
    "ElectricFieldStrength",
    "Energy",
    "Exposure",
    "Force",
    "Frequency",
    "Illuminance",
    "Inductance",
    "Irradiance",
    "KinematicViscosity",
    "Length",
    "LinearMomentum",
    "Luminance",
    "LuminousFlux",
    "LuminousIntensity",
    "MagneticFlux",
    "MagneticFluxDensity",
    "MagneticVectorPotential",
    "Mass",
    "MassConcentration",
    "MassFlowRate",
    "MassPerAreaTime",
    "MemoryCapacity",
    "MolalityOfSolute",
    "MolarEnergy",
    "MolarMass",
    "MolarVolume",
    "Power",
    "Pressure",
    "RadiantFlux",
    "RadiantIntensity",
    "Radioactivity",
    "RelativeHumidity",
    "Resistance",
    "Resistivity",
    "SolidAngle",
    "SpecificVolume",
    "Speed",
    "SurfaceDensity",
    "SurfaceTension",
    "Temperature",
    "Time",
    "Torque",
    "Voltage",
    "Volume",
    "VolumeFlowRate",
    "VolumeFraction",
    "VolumetricFlux",
    "Wavenumber",
];

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Vocabulary; 8] = [
        Vocabulary::BizStep,
        Vocabulary::Disposition,
        Vocabulary::BizTransactionType,
        Vocabulary::SourceDestinationType,
        Vocabulary::ErrorReason,
        Vocabulary::Component,
        Vocabulary::MeasurementType,
        Vocabulary::SensorAlert,
    ];

    #[test]
    fn words_are_sorted_so_that_they_are_found() {
        for vocabulary in ALL {
            assert!(vocabulary.words().is_sorted(), "{vocabulary:?}");
            assert!(vocabulary.words().iter().all(|word| vocabulary.has(word)));
        }
    }

    #[test]
    fn standard_values_have_one_spelling() {
        let step = Vocabulary::BizStep;
        for given in
            ["shipping", "cbv:BizStep-shipping", "https://ref.gs1.org/cbv/BizStep-shipping"]
        {
            assert_eq!(step.plain(given), "shipping");
            assert_eq!(step.web_uri(given), "https://ref.gs1.org/cbv/BizStep-shipping");
        }
        assert_eq!(step.plain("ext:dancing"), "ext:dancing");
        assert_eq!(step.plain("cbv:BizStep-dancing"), "cbv:BizStep-dancing");
        assert_eq!(Vocabulary::MeasurementType.plain("gs1:Temperature"), "Temperature");
    }

    #[test]
    fn the_old_urn_forms_are_not_allowed() {
        let step = Vocabulary::BizStep;
        assert!(!step.allows_uri("urn:epcglobal:cbv:bizstep:shipping"));
        assert!(!step.allows_uri("http://ns.gs1.org/cbv/BizStep-shipping"));
        assert!(step.allows_uri("https://example.com/step"));
        assert!(!Vocabulary::MeasurementType.allows_uri("https://gs1.org/voc/Temperature"));
        assert!(Vocabulary::MeasurementType.allows_uri("gs1:Temperature"));
    }
}
