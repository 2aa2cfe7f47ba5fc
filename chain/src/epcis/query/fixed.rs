//! Parameters whose names are fixed: what they ask, and how they are read.

use super::given::{Given, Wrong, action, event_type};
use super::value::Op;
use super::{Condition, EpcLists, PlaceField, TimeField, WordField};

/// A parameter of the simple event query, for descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it asks of an event, as the end of a sentence; or, of those without a condition, what
    /// it does.
    pub meaning: &'static str,
    /// A value, as it stands in a URL once decoded.
    pub example: &'static str,
}

type Read = fn(&Given<'_>) -> Result<Condition, Wrong>;

/// Every parameter whose name is fixed and that asks something of events.
const ASKING: [(Parameter, Read); 57] = [
    (told("eventType", "is of one of these types", "ObjectEvent|AggregationEvent"), |g| {
        g.each(|t| event_type(t, g.extensions)).map(Condition::EventType)
    }),
    (told("GE_eventTime", "happened at this time or later", "2026-03-01T10:00:00Z"), |g| {
        g.time().map(|at| Condition::From(TimeField::Event, at))
    }),
    (told("LT_eventTime", "happened before this time", "2026-03-01T10:00:00Z"), |g| {
        g.time().map(|at| Condition::Before(TimeField::Event, at))
    }),
    (told("GE_recordTime", "was recorded at this time or later", "2026-03-01T10:00:00Z"), |g| {
        g.time().map(|at| Condition::From(TimeField::Record, at))
    }),
    (told("LT_recordTime", "was recorded before this time", "2026-03-01T10:00:00Z"), |g| {
        g.time().map(|at| Condition::Before(TimeField::Record, at))
    }),
    (told("EQ_action", "has one of these actions", "ADD|OBSERVE"), |g| {
        g.each(action).map(Condition::Action)
    }),
    (told("EQ_bizStep", "has one of these business steps", "shipping|receiving"), |g| {
        g.words(WordField::BizStep)
    }),
    (told("EQ_disposition", "has one of these dispositions", "in_transit"), |g| {
        g.words(WordField::Disposition)
    }),
    (
        told(
            "EQ_persistentDisposition_set",
            "sets one of these as persistent disposition",
            "completeness_verified",
        ),
        |g| g.words(WordField::Set),
    ),
    (
        told(
            "EQ_persistentDisposition_unset",
            "takes one of these back as persistent disposition",
            "completeness_inferred",
        ),
        |g| g.words(WordField::Unset),
    ),
    (
        told("EQ_readPoint", "was read at one of these", "https://id.gs1.org/414/9521321000018"),
        |g| g.ids().map(|ids| Condition::Place(PlaceField::ReadPoint, ids)),
    ),
    (
        told(
            "WD_readPoint",
            "was read at one of these, or at what lies in one by master data",
            "https://id.gs1.org/414/9521321000018",
        ),
        |g| g.ids().map(|ids| Condition::Within(PlaceField::ReadPoint, ids)),
    ),
    (
        told(
            "EQ_bizLocation",
            "says that the things are now at one of these",
            "https://id.gs1.org/414/9521321000018",
        ),
        |g| g.ids().map(|ids| Condition::Place(PlaceField::BizLocation, ids)),
    ),
    (
        told(
            "WD_bizLocation",
            "says that the things are now at one of these, or at what lies in one by master data",
            "https://id.gs1.org/414/9521321000018",
        ),
        |g| g.ids().map(|ids| Condition::Within(PlaceField::BizLocation, ids)),
    ),
    (
        told(
            "EQ_transformationID",
            "belongs to one of these transformations",
            "urn:epc:id:gdti:9521321.00001.123",
        ),
        |g| g.ids().map(Condition::TransformationId),
    ),
    (
        told(
            "EQ_eventID",
            "has one of these eventIDs",
            "urn:uuid:0a000000-0000-4000-8000-000000000001",
        ),
        |g| g.texts().map(Condition::EventId),
    ),
    (
        told(
            "MATCH_epc",
            "names one of these in epcList or childEPCs; EPC URN, Digital Link or `urn:epc:idpat:`",
            "https://id.gs1.org/01/09506000134352/21/12",
        ),
        |g| g.matching(EpcLists::Epc),
    ),
    (
        told(
            "MATCH_parentID",
            "has one of these as parentID",
            "https://id.gs1.org/00/095213210000000018",
        ),
        |g| g.matching(EpcLists::Parent),
    ),
    (
        told(
            "MATCH_inputEPC",
            "names one of these in inputEPCList",
            "https://id.gs1.org/01/09506000134352/21/12",
        ),
        |g| g.matching(EpcLists::Input),
    ),
    (
        told(
            "MATCH_outputEPC",
            "names one of these in outputEPCList",
            "https://id.gs1.org/01/09506000134352/21/12",
        ),
        |g| g.matching(EpcLists::Output),
    ),
    (
        told(
            "MATCH_anyEPC",
            "names one of these in any list of things, or as parentID",
            "https://id.gs1.org/01/09506000134352/21/12",
        ),
        |g| g.matching(EpcLists::Any),
    ),
    (
        told(
            "MATCH_epcClass",
            "names one of these in quantityList or childQuantityList",
            "https://id.gs1.org/01/09506000134352/10/A1",
        ),
        |g| g.matching(EpcLists::EpcClass),
    ),
    (
        told(
            "MATCH_inputEPCClass",
            "names one of these in inputQuantityList",
            "urn:epc:idpat:sgtin:9521321.012000.*",
        ),
        |g| g.matching(EpcLists::InputClass),
    ),
    (
        told(
            "MATCH_outputEPCClass",
            "names one of these in outputQuantityList",
            "urn:epc:idpat:sgtin:9521321.012000.*",
        ),
        |g| g.matching(EpcLists::OutputClass),
    ),
    (
        told(
            "MATCH_anyEPCClass",
            "names one of these in any list of quantities",
            "https://id.gs1.org/01/09506000134352",
        ),
        |g| g.matching(EpcLists::AnyClass),
    ),
    (
        told("EQ_quantity", "has a quantity that is one of these, in whatever unit", "200|12.5"),
        |g| g.numbers().map(|n| Condition::Quantity(None, Op::Eq, n)),
    ),
    (told("GT_quantity", "has a quantity above this", "200"), |g| {
        g.numbers().map(|n| Condition::Quantity(None, Op::Gt, n))
    }),
    (told("GE_quantity", "has a quantity of this or more", "200"), |g| {
        g.numbers().map(|n| Condition::Quantity(None, Op::Ge, n))
    }),
    (told("LT_quantity", "has a quantity below this", "200"), |g| {
        g.numbers().map(|n| Condition::Quantity(None, Op::Lt, n))
    }),
    (told("LE_quantity", "has a quantity of this or less", "200"), |g| {
        g.numbers().map(|n| Condition::Quantity(None, Op::Le, n))
    }),
    (told("EXISTS_errorDeclaration", "is declared wrong", "true"), |g| {
        g.truth().map(|_| Condition::ErrorDeclared)
    }),
    (
        told(
            "GE_errorDeclarationTime",
            "was declared wrong at this time or later",
            "2026-03-01T10:00:00Z",
        ),
        declared_from,
    ),
    (
        told(
            "LT_errorDeclarationTime",
            "was declared wrong before this time",
            "2026-03-01T10:00:00Z",
        ),
        declared_before,
    ),
    (
        told("EQ_errorReason", "was declared wrong for one of these reasons", "incorrect_data"),
        |g| g.words(WordField::ErrorReason),
    ),
    (
        told(
            "EQ_correctiveEventID",
            "is set right by one of these events",
            "urn:uuid:0a000000-0000-4000-8000-000000000001",
        ),
        |g| g.texts().map(Condition::CorrectiveEventId),
    ),
    (told("EXISTS_sensorElementList", "has sensor data", "true"), |g| {
        g.truth().map(|_| Condition::Sensed)
    }),
    (told("GE_time", "has sensor data taken at this time or later", "2026-03-01T10:00:00Z"), |g| {
        g.time().map(|at| Condition::From(TimeField::Sensor, at))
    }),
    (told("LT_time", "has sensor data taken before this time", "2026-03-01T10:00:00Z"), |g| {
        g.time().map(|at| Condition::Before(TimeField::Sensor, at))
    }),
    (
        told(
            "GE_startTime",
            "has sensor data that begin at this time or later",
            "2026-03-01T10:00:00Z",
        ),
        |g| g.time().map(|at| Condition::From(TimeField::SensorStart, at)),
    ),
    (
        told("LT_startTime", "has sensor data that begin before this time", "2026-03-01T10:00:00Z"),
        |g| g.time().map(|at| Condition::Before(TimeField::SensorStart, at)),
    ),
    (
        told(
            "GE_endTime",
            "has sensor data that end at this time or later",
            "2026-03-01T10:00:00Z",
        ),
        |g| g.time().map(|at| Condition::From(TimeField::SensorEnd, at)),
    ),
    (
        told("LT_endTime", "has sensor data that end before this time", "2026-03-01T10:00:00Z"),
        |g| g.time().map(|at| Condition::Before(TimeField::SensorEnd, at)),
    ),
    (told("EQ_type", "has a sensor report that measures one of these", "Temperature"), |g| {
        g.words(WordField::Measurement)
    }),
    (
        told("EQ_exception", "has a sensor report with one of these alerts", "ALARM_CONDITION"),
        |g| g.words(WordField::Alert),
    ),
    (told("EQ_component", "has a sensor report of one of these components", "x"), |g| {
        g.words(WordField::Component)
    }),
    (
        told(
            "EQ_deviceID",
            "has sensor data that comes from one of these devices",
            "https://id.gs1.org/8004/9521321401",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("deviceID", ids)),
    ),
    (
        told(
            "EQ_deviceMetadata",
            "has sensor data that refers to one of these descriptions of a device",
            "https://id.example.org/devices/1",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("deviceMetadata", ids)),
    ),
    (
        told(
            "EQ_rawData",
            "has sensor data that refers to one of these raw data",
            "https://id.example.org/raw/1",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("rawData", ids)),
    ),
    (
        told(
            "EQ_dataProcessingMethod",
            "has sensor data that was processed by one of these methods",
            "https://id.example.org/methods/1",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("dataProcessingMethod", ids)),
    ),
    (
        told(
            "EQ_bizRules",
            "has sensor data that follows one of these business rules",
            "https://id.gs1.org/253/9521321000018123",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("bizRules", ids)),
    ),
    (
        told(
            "EQ_microorganism",
            "has sensor data that is about one of these microorganisms",
            "https://www.ncbi.nlm.nih.gov/taxonomy/1126011",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("microorganism", ids)),
    ),
    (
        told(
            "EQ_chemicalSubstance",
            "has sensor data that is about one of these substances",
            "https://identifiers.org/inchikey:CZMRCDWAGMRECN-UGDNZRGBSA-N",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("chemicalSubstance", ids)),
    ),
    (
        told(
            "EQ_coordinateReferenceSystem",
            "has sensor data that uses one of these coordinate systems",
            "https://gs1.org/voc/CRS-WGS84",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("coordinateReferenceSystem", ids)),
    ),
    (told("EQ_stringValue", "has a sensor report with one of these texts", "SOME_CODE"), |g| {
        g.texts().map(|t| Condition::SensorText("stringValue", t))
    }),
    (
        told(
            "EQ_hexBinaryValue",
            "has a sensor report with one of these hexadecimal values",
            "F0F0F0",
        ),
        |g| {
            let upper = |texts: Vec<String>| texts.iter().map(|t| t.to_ascii_uppercase()).collect();
            g.texts().map(|texts| Condition::SensorText("hexBinaryValue", upper(texts)))
        },
    ),
    (
        told(
            "EQ_uriValue",
            "has a sensor report with one of these URIs",
            "https://id.example.org/values/1",
        ),
        |g| g.ids().map(|ids| Condition::SensorText("uriValue", ids)),
    ),
    (told("EQ_booleanValue", "has a sensor report with this truth value", "true"), |g| {
        g.truth().map(Condition::SensorBoolean)
    }),
];

/// What orders and limits an answer.
const SHAPING: [Parameter; 4] = [
    told("orderBy", "`eventTime`, `recordTime` or the field of an extension", "eventTime"),
    told("orderDirection", "`ASC` or `DESC`, which is the default", "ASC"),
    told("eventCountLimit", "so many events in all, at most; needs `orderBy`", "10"),
    told("maxEventCount", "fail with 413 when there are more events than this", "1000"),
];

/// Other spellings, of the standard's schema of named queries.
const ALSO: [(&str, Read); 2] =
    [("GE_errorDeclaration_Time", declared_from), ("LT_errorDeclaration_Time", declared_before)];

const fn told(name: &'static str, meaning: &'static str, example: &'static str) -> Parameter {
    Parameter { name, meaning, example }
}

/// Every parameter whose name is fixed. Others hold a type, a unit or the name of a field.
pub fn parameters() -> impl Iterator<Item = Parameter> {
    ASKING.iter().map(|(parameter, _)| *parameter).chain(SHAPING)
}

/// Reads a parameter whose name is fixed; `None` when it is none of them.
pub(super) fn fixed(given: &Given<'_>) -> Option<Result<Condition, Wrong>> {
    let known = ASKING.iter().map(|(parameter, read)| (parameter.name, read));
    let also = ALSO.iter().map(|(name, read)| (*name, read));
    let found = known.chain(also).find(|(name, _)| *name == given.name);
    found.map(|(_, read)| read(given))
}

fn declared_from(given: &Given<'_>) -> Result<Condition, Wrong> {
    given.time().map(|at| Condition::From(TimeField::ErrorDeclaration, at))
}

fn declared_before(given: &Given<'_>) -> Result<Condition, Wrong> {
    given.time().map(|at| Condition::Before(TimeField::ErrorDeclaration, at))
}
