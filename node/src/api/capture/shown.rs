//! What documents look like, for their description.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::query::shown::{EpcisEvent, QueryDocument, ResultsBody};

/// An EPCISDocument: GS1's JSON schema 2.0.1 says it in full.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EpcisDocument {
    /// GS1's context, and the prefixes of extension fields.
    #[serde(rename = "@context")]
    context: Value,
    /// Always `EPCISDocument`.
    #[serde(rename = "type")]
    kind: String,
    /// `2.0`.
    schema_version: String,
    /// When it was made (RFC 3339).
    creation_date: String,
    /// Master data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    epcis_header: Option<Value>,
    /// The events.
    epcis_body: ResultsBody,
}

/// A document of either kind.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Captured {
    /// What was seen.
    Document(EpcisDocument),
    /// What a query found.
    Query(QueryDocument),
}

/// A document of either kind, or one event.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Readable {
    /// What was seen.
    Document(EpcisDocument),
    /// What a query found.
    Query(QueryDocument),
    /// One event, with its `@context`.
    Event(EpcisEvent),
}
