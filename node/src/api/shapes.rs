//! EPCIS documents as the description of the HTTP side tells them: what every one of them has. The
//! rules are [`tracehold_chain::epcis`]'s, and GS1's JSON schema has them as well.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An EPCIS 2.0 event: `ObjectEvent`, `AggregationEvent`, `TransactionEvent`,
/// `TransformationEvent`, `AssociationEvent` or one of an extension.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = EPCISEvent)]
pub struct EventShape {
    /// GS1's context, and the prefixes of extension fields.
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// Which kind of event.
    #[serde(rename = "type")]
    #[schema(example = "ObjectEvent")]
    pub type_: String,
    /// Names it: a URI. Without one an event is named by its hash id.
    #[serde(rename = "eventID", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// When it happened (RFC 3339).
    #[serde(rename = "eventTime")]
    #[schema(format = DateTime)]
    pub event_time: String,
    /// The offset of the place where it happened.
    #[serde(rename = "eventTimeZoneOffset")]
    #[schema(example = "+01:00")]
    pub event_time_zone_offset: String,
    /// When its block was decided; the ledger's to say.
    #[serde(rename = "recordTime", skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub record_time: Option<String>,
    /// Everything else that the event says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The body of an EPCISDocument.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventList {
    /// The events.
    #[serde(rename = "eventList")]
    pub event_list: Vec<EventShape>,
}

/// An EPCISDocument.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = EPCISDocument)]
pub struct DocumentShape {
    /// GS1's context, and the prefixes of extension fields.
    #[serde(rename = "@context")]
    pub context: Value,
    /// `EPCISDocument`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `2.0`.
    #[serde(rename = "schemaVersion")]
    pub schema_version: String,
    /// When the document was made (RFC 3339).
    #[serde(rename = "creationDate")]
    #[schema(format = DateTime)]
    pub creation_date: String,
    /// The events.
    #[serde(rename = "epcisBody")]
    pub epcis_body: EventList,
    /// Everything else: `id`, `epcisHeader` with master data, extensions.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The results of a query.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueryResults {
    /// The query's name; `SimpleEventQuery` when it has none of its own.
    #[serde(rename = "queryName")]
    pub query_name: String,
    /// Of which subscription it is the report.
    #[serde(rename = "subscriptionID", skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// The events.
    #[serde(rename = "resultsBody")]
    pub results_body: EventList,
}

/// The body of an EPCISQueryDocument.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueryBody {
    /// What was found.
    #[serde(rename = "queryResults")]
    pub query_results: QueryResults,
}

/// An EPCISQueryDocument.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = EPCISQueryDocument)]
pub struct QueryDocumentShape {
    /// GS1's context, and the prefixes of extension fields.
    #[serde(rename = "@context")]
    pub context: Value,
    /// `EPCISQueryDocument`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `2.0`.
    #[serde(rename = "schemaVersion")]
    pub schema_version: String,
    /// When the answer was made (RFC 3339).
    #[serde(rename = "creationDate")]
    #[schema(format = DateTime)]
    pub creation_date: String,
    /// What was found.
    #[serde(rename = "epcisBody")]
    pub epcis_body: QueryBody,
    /// Everything else that a document may have.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a capture takes.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum CapturedShape {
    /// An EPCISDocument.
    Document(DocumentShape),
    /// An EPCISQueryDocument.
    Query(QueryDocumentShape),
}

/// What a tool takes.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum ReadableShape {
    /// An EPCISDocument.
    Document(DocumentShape),
    /// An EPCISQueryDocument.
    Query(QueryDocumentShape),
    /// A bare event.
    Event(EventShape),
}
