//! What the answers of queries look like, for their description.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracehold_chain::epcis::context::GS1_CONTEXT;

use crate::queries::NamedQuery;

/// A list of values or of sub-resources, as GS1's binding has it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Collection {
    /// The JSON-LD context.
    #[serde(rename = "@context")]
    context: Vec<String>,
    /// Always `Collection`.
    #[serde(rename = "type")]
    kind: String,
    /// The values.
    member: Vec<String>,
}

impl Collection {
    /// A collection of these.
    #[must_use]
    pub fn of(member: Vec<String>) -> Collection {
        Collection { context: vec![GS1_CONTEXT.to_owned()], kind: "Collection".to_owned(), member }
    }
}

/// An EPCIS event as JSON: GS1's JSON schema 2.0.1 says it in full.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EpcisEvent {
    /// `ObjectEvent`, `AggregationEvent`, `TransactionEvent`, `TransformationEvent`,
    /// `AssociationEvent` or the URI of an extension.
    #[serde(rename = "type")]
    kind: String,
    /// When it happened (RFC 3339).
    event_time: String,
    /// The zone where it happened: `+02:00`.
    event_time_zone_offset: String,
    /// Everything else: what, where, why and how, and fields of extensions as `prefix:name`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    more: Map<String, Value>,
}

/// Events that answer a query.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryDocument {
    /// JSON-LD contexts: those of the events, when all came with the same.
    #[serde(rename = "@context")]
    context: Value,
    /// Always `EPCISQueryDocument`.
    #[serde(rename = "type")]
    kind: String,
    /// `2.0`.
    schema_version: String,
    /// When this answer was made (RFC 3339).
    creation_date: String,
    /// What was found.
    epcis_body: QueryBody,
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryBody {
    query_results: QueryResults,
}

/// The answer to one query.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryResults {
    /// The name of the query; `SimpleEventQuery` when it has none.
    query_name: String,
    results_body: ResultsBody,
}

/// The events, in the order asked for.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultsBody {
    event_list: Vec<EpcisEvent>,
}

/// A query with a name.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueryDefinition {
    /// Letters, digits, hyphens, underscores and dots.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
    )]
    name: String,
    /// Parameters of the simple event query with their values; lists are arrays, and `@context`
    /// declares the prefixes of extensions.
    #[schema(value_type = Object)]
    query: Value,
}

impl From<&NamedQuery> for QueryDefinition {
    fn from(query: &NamedQuery) -> QueryDefinition {
        QueryDefinition { name: query.name.clone(), query: query.query.clone() }
    }
}
