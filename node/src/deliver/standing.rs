//! Standing queries: subscriptions of the EPCIS binding, by schedule or by stream.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracehold_chain::epcis::Event;
use tracehold_chain::epcis::context::GS1_CONTEXT;
use tracehold_chain::epcis::query::{self, Extensions};
use tracehold_chain::epcis::translate::to_digital_links;
use tracehold_chain::units::TimestampMs;

use super::query::Entry;
use super::schedule::{Schedule, Times};
use super::store::Pending;
use crate::api::EpcFormat;

/// What a subscription of the EPCIS binding has beside a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The name of the query.
    pub query_name: String,
    /// What it asks, as it was given.
    pub query: Value,
    /// Prefixes that were declared with it.
    pub extensions: Extensions,
    /// In which form identifiers are told.
    pub format: EpcFormat,
    /// When it reports; `None` at once, whenever an event matches.
    pub schedule: Option<Schedule>,
    /// Whether it reports also that nothing matched.
    pub report_if_empty: bool,
    /// Events recorded before this are none of its business.
    pub initial_record_time: Option<TimestampMs>,
}

impl Standing {
    /// The query, ready to be asked.
    ///
    /// # Errors
    /// What is wrong with it; one that was taken is right.
    pub fn asked(&self) -> Result<query::Query, String> {
        let query = query::Query::from_json(&self.query, &self.extensions).map_err(|wrong| {
            let first = wrong.first().map(|error| format!("{} {}", error.name, error.rule));
            format!("the query {}: {}", self.query_name, first.unwrap_or_default())
        })?;
        Ok(match self.initial_record_time {
            Some(from) => query.with(query::Condition::From(query::TimeField::Record, from)),
            None => query,
        })
    }

    /// When it is due; `None` for a stream. A schedule that was taken can be read.
    #[must_use]
    pub fn times(&self) -> Option<Times> {
        self.schedule.as_ref().and_then(|schedule| schedule.times().ok())
    }
}

/// An event as a subscriber is told it: readable alone, with its record time.
pub(super) fn told(event: &Event, at: TimestampMs, format: EpcFormat) -> String {
    let mut value = event.self_contained();
    if let Value::Object(object) = &mut value {
        object.insert("recordTime".to_owned(), at.to_string().into());
        if format == EpcFormat::AlwaysDigitalLink {
            to_digital_links(object);
        }
    }
    value.to_string()
}

/// The EPCISQueryDocument of a delivery: the same bytes for every attempt.
pub(super) fn document(
    standing: &Standing,
    subscription: &str,
    pending: &Pending,
    entries: &[Entry],
) -> Vec<u8> {
    const PLACE: &str = "\"eventList\":[";
    let frame = json!({
        "@context": [GS1_CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": pending.at.to_string(),
        "epcisBody": {"queryResults": {
            "queryName": standing.query_name,
            "subscriptionID": subscription,
            "resultsBody": {"eventList": []},
        }},
    });
    let frame = frame.to_string();
    // The last place is ours: a query's name holds no quotes.
    let (head, tail) = frame.split_at(frame.rfind(PLACE).map_or(0, |at| at + PLACE.len()));
    let mut text = head.to_owned();
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&entry.json);
    }
    text.push_str(tail);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use tracehold_chain::epcis::Document;
    use tracehold_chain::epcis::query::NoPlaces;
    use tracehold_chain::state::Position;
    use tracehold_chain::units::Height;

    use super::*;

    /// Promise P101.
    #[test]
    fn a_report_is_an_epcis_query_document_of_its_subscription() {
        let standing = Standing {
            query_name: "mine".to_owned(),
            query: json!({"EQ_bizStep": ["shipping"]}),
            extensions: Extensions::default(),
            format: EpcFormat::AlwaysDigitalLink,
            schedule: None,
            report_if_empty: false,
            initial_record_time: Some(TimestampMs(5)),
        };
        let event = Event::parse_bare(
            br#"{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"example":"http://ns.example.com/epcis/"}],"type":"ObjectEvent","action":"OBSERVE",
            "eventTime":"2026-03-01T08:30:00Z","eventTimeZoneOffset":"+01:00","bizStep":"shipping",
            "epcList":["urn:epc:id:sgtin:9521321.000101.7"],"example:eventList":[]}"#,
        )
        .unwrap();
        let asked = standing.asked().unwrap();
        assert!(asked.matches(&event, TimestampMs(5), &NoPlaces));
        assert!(!asked.matches(&event, TimestampMs(4), &NoPlaces), "before its first moment");
        let json = told(&event, TimestampMs(9), standing.format);
        let position = Position { height: Height(1), transaction: 0, event: 0 };
        let entries = [1, 2].map(|_| Entry { position, json: json.clone().into() });
        let pending = Pending {
            delivery: "dl_1".to_owned(),
            until: position,
            attempts: 1,
            at: TimestampMs(10),
            empty: false,
        };
        let body = document(&standing, "sub_1", &pending, &entries);
        assert_eq!(body, document(&standing, "sub_1", &pending, &entries));
        let read: Value = serde_json::from_slice(&body).unwrap();
        let results = &read["epcisBody"]["queryResults"];
        assert_eq!(results["queryName"], "mine");
        assert_eq!(results["subscriptionID"], "sub_1");
        let first = &results["resultsBody"]["eventList"][0];
        assert_eq!(first["epcList"][0], "https://id.gs1.org/01/09521321001015/21/7");
        assert_eq!(first["recordTime"], "1970-01-01T00:00:00.009Z");
        let document = Document::parse(&body).unwrap();
        assert_eq!(document.all_events().unwrap().len(), 2);
    }
}
