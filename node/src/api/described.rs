//! What the description of the HTTP side holds beyond what its handlers say: the published schema
//! of terms, the parameters of the event query, and examples of endpoints, which are
//! answers of a real node.

use serde_json::{Map, Value, json};
use tracehold_chain::agreement::TERMS_SCHEMA;
use tracehold_chain::epcis::query::parameters;

use super::agreements::TERMS_COMPONENT;

/// Requests and answers by method and path: `{"GET /api/v1/accounts": {"200": …}}`. Tests walk
/// through real nodes and compare; with `EXAMPLES=write` they write them anew.
pub const EXAMPLES: &str = include_str!("examples.json");

/// Those of event queries.
pub const QUERY_EXAMPLES: &str = include_str!("query/examples.json");

/// Those of captures, subscriptions and tools.
pub const CAPTURE_EXAMPLES: &str = include_str!("capture/examples.json");

/// Those of recalls.
pub const RECALL_EXAMPLES: &str = include_str!("recalls/examples.json");

/// Examples, read.
#[must_use]
pub fn examples(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("examples are an object")
}

/// Whether an operation answers with events that parameters ask for.
fn asks_for_events(path: &str) -> bool {
    let inside = path.strip_prefix("/epcis/v2/").unwrap_or_default();
    inside == "events" || (inside.ends_with("/events") && !inside.starts_with("queries/"))
}

/// The parameters of the event query whose names are fixed, before those of the page.
fn with_parameters(told: &mut Value) {
    let asked: Vec<Value> = parameters()
        .map(|parameter| {
            json!({
                "name": parameter.name, "in": "query", "required": false,
                "description": parameter.meaning, "example": parameter.example,
                "schema": {"type": "string"},
            })
        })
        .collect();
    let paths = told["paths"].as_object_mut();
    for (path, operations) in paths.into_iter().flatten() {
        let get = operations.get_mut("get").filter(|_| asks_for_events(path));
        let known = get.and_then(|get| get.get_mut("parameters")).and_then(Value::as_array_mut);
        if let Some(known) = known {
            known.splice(0..0, asked.iter().cloned());
        }
    }
}

/// The published schema of terms as a component: what it refers to stands inside of it.
fn terms_component() -> Value {
    let inside = format!("\"#/components/schemas/{TERMS_COMPONENT}/$defs/");
    let text = TERMS_SCHEMA.replace("\"#/$defs/", &inside);
    let mut schema: Value = serde_json::from_str(&text).expect("the schema of terms is JSON");
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}

/// Puts the schema of terms and the examples where they belong.
#[must_use]
pub fn complete(openapi: &utoipa::openapi::OpenApi) -> Value {
    let mut told = serde_json::to_value(openapi).expect("a description is JSON");
    told["components"]["schemas"][TERMS_COMPONENT] = terms_component();
    with_parameters(&mut told);
    let all = [EXAMPLES, QUERY_EXAMPLES, CAPTURE_EXAMPLES, RECALL_EXAMPLES]
        .into_iter()
        .flat_map(examples);
    for (operation, examples) in all {
        let Some((method, path)) = operation.split_once(' ') else { continue };
        let place = &mut told["paths"][path][method.to_lowercase()];
        for (of, example) in examples.as_object().into_iter().flatten() {
            let described = match of.as_str() {
                "request" => &mut place["requestBody"],
                status => &mut place["responses"][status],
            };
            let kinds = described["content"].as_object_mut();
            let kinds = kinds.into_iter().flatten().filter(|(kind, _)| kind.ends_with("json"));
            for (_, content) in kinds {
                content["example"] = example.clone();
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::super::accounts::{AccountView, Accounts, AssetView, Statement};
    use super::super::agreements::{
        AgreementView, Agreements, CheckView, DoneView, ExplanationView, FilledView, FundedView,
        Story, Templates,
    };
    use super::super::approvals::Approvals;
    use super::super::capture::shown::{Captured, Readable};
    use super::super::command::CommandView;
    use super::super::evidence_file::EvidenceFile;
    use super::super::holds::HoldView;
    use super::super::jobs::Job;
    use super::super::openapi::document;
    use super::super::problem::ProblemBody;
    use super::super::query::shown::{Collection, EpcisEvent, QueryDefinition, QueryDocument};
    use super::super::recalls::{AffectedView, RecallView, RecallsView};
    use super::super::subscriptions::QuerySubscription;
    use super::super::tools::EventHashes;
    use super::*;

    /// Reads `value` as a `T`, which must give the very same JSON again: nothing of it is unknown.
    fn same<T: DeserializeOwned + Serialize>(value: &Value) -> Result<(), String> {
        let read: T = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        let again = serde_json::to_value(&read).map_err(|error| error.to_string())?;
        if again == *value { Ok(()) } else { Err(format!("it comes back as {again}")) }
    }

    fn reads_as(schema: &str, value: &Value) -> Result<(), String> {
        match schema {
            "AccountView" => same::<AccountView>(value),
            "Accounts" => same::<Accounts>(value),
            "AffectedView" => same::<AffectedView>(value),
            "AgreementView" => same::<AgreementView>(value),
            "Agreements" => same::<Agreements>(value),
            "Approvals" => same::<Approvals>(value),
            "AssetView" => same::<AssetView>(value),
            "Captured" => same::<Captured>(value),
            "CheckView" => same::<CheckView>(value),
            "Collection" => same::<Collection>(value),
            "CommandView" => same::<CommandView>(value),
            "DoneView" => same::<DoneView>(value),
            "EvidenceFile" => same::<EvidenceFile>(value),
            "EpcisEvent" => same::<EpcisEvent>(value),
            "EventHashes" => same::<EventHashes>(value),
            "ExplanationView" => same::<ExplanationView>(value),
            "FilledView" => same::<FilledView>(value),
            "FundedView" => same::<FundedView>(value),
            "HoldView" => same::<HoldView>(value),
            "Job" => same::<Job>(value),
            "Problem" => same::<ProblemBody>(value),
            "QueryDefinition" => same::<QueryDefinition>(value),
            "QueryDocument" => same::<QueryDocument>(value),
            "QuerySubscription" => same::<QuerySubscription>(value),
            "Readable" => same::<Readable>(value),
            "RecallView" => same::<RecallView>(value),
            "RecallsView" => same::<RecallsView>(value),
            "Statement" => same::<Statement>(value),
            "Story" => same::<Story>(value),
            "Templates" => same::<Templates>(value),
            other => Err(format!("{other} is not known to this test")),
        }
    }

    fn is_about_money_or_goods(path: &str) -> bool {
        ["agreements", "accounts", "approvals", "assets", "evidence", "recalls"]
            .iter()
            .any(|name| path.strip_prefix("/api/v1/").is_some_and(|rest| rest.starts_with(name)))
    }

    /// What reads and browses events, and what is kept to ask for them.
    fn is_about_events(path: &str) -> bool {
        ["", "events", "eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints"]
            .iter()
            .chain(&["dispositions", "queries", "nextPageToken"])
            .any(|name| {
                path.strip_prefix("/epcis/v2/").and_then(|p| p.split('/').next()) == Some(name)
            })
            && !path.contains("/subscriptions")
    }

    /// What takes events in, reports them, and tries them.
    fn is_about_capture(path: &str) -> bool {
        path.starts_with("/epcis/v2/capture")
            || path.ends_with("/subscriptions")
            || path.ends_with("/{subscriptionID}")
            || path.starts_with("/api/v1/tools/")
    }

    /// Promises P89, P98 and P102: every answer about money, agreements, evidence, events that are
    /// asked for and events that are taken in has a type and an example, and the example is of that
    /// type.
    #[test]
    fn every_example_is_of_the_type_of_its_answer() {
        let told = document();
        let mut seen = BTreeSet::new();
        let all = [EXAMPLES, QUERY_EXAMPLES, CAPTURE_EXAMPLES, RECALL_EXAMPLES]
            .into_iter()
            .flat_map(examples);
        let known: BTreeSet<String> = all.map(|(operation, _)| operation).collect();
        for (path, methods) in told["paths"].as_object().unwrap() {
            let described =
                is_about_money_or_goods(path) || is_about_events(path) || is_about_capture(path);
            if !described || path.ends_with("/agreements/schema") {
                continue;
            }
            for (method, operation) in methods.as_object().unwrap() {
                let name = format!("{method} {path}");
                let (mut examples, mut shows) = (0, false);
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    let kinds = answer["content"].as_object().into_iter().flatten();
                    for (_, content) in kinds.filter(|(kind, _)| kind.ends_with("json")) {
                        shows |= status.starts_with('2');
                        let list = &content["schema"]["items"];
                        let one = if list.is_object() { list } else { &content["schema"] };
                        let schema = one["$ref"].as_str();
                        let schema = schema.and_then(|at| at.rsplit('/').next());
                        let schema = schema.unwrap_or_else(|| panic!("{name} {status}: no type"));
                        let Some(example) = content.get("example") else { continue };
                        let all = example.as_array().filter(|_| list.is_object());
                        for example in all.map_or(std::slice::from_ref(example), Vec::as_slice) {
                            reads_as(schema, example).unwrap_or_else(|wrong| {
                                panic!("{name} {status} is no {schema}: {wrong}")
                            });
                        }
                        examples += usize::from(status.starts_with('2'));
                    }
                }
                assert!(examples > 0 || !shows, "{name} shows no answer");
                let operation_name = format!("{} {path}", method.to_uppercase());
                if !shows && !known.contains(&operation_name) {
                    continue;
                }
                let body = &operation["requestBody"]["content"]["application/json"];
                if body.is_object() {
                    assert!(body["schema"]["$ref"].is_string(), "{name}: its body has no type");
                    assert!(body["example"].is_object(), "{name} shows no request");
                }
                seen.insert(operation_name);
            }
        }
        assert_eq!(known, seen, "an example of no endpoint, or an endpoint without");
    }

    /// Promise P96: every parameter of the query is described wherever it may be given.
    #[test]
    fn every_parameter_of_the_event_query_is_described() {
        let told = document();
        let names = |path: &str| -> Vec<String> {
            let list = told["paths"][path]["get"]["parameters"].as_array().unwrap();
            list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        for (path, of_path) in [
            ("/epcis/v2/events", None),
            ("/epcis/v2/bizSteps/{bizStep}/events", Some("bizStep")),
            ("/epcis/v2/epcs/{epc}/events", Some("epc")),
        ] {
            let described = names(path);
            let asked = parameters().map(|parameter| parameter.name);
            let expected: Vec<&str> =
                asked.chain(of_path).chain(["perPage", "nextPageToken"]).collect();
            assert_eq!(described, expected, "{path}");
        }
        let named = names("/epcis/v2/queries/{queryName}/events");
        assert_eq!(named, ["queryName", "perPage", "nextPageToken"]);
    }

    /// Promise P89: what the description refers to is in it.
    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
            match value {
                Value::Object(object) => {
                    found.extend(object.get("$ref").and_then(Value::as_str));
                    object.values().for_each(|inner| references(inner, found));
                }
                Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
                _ => {}
            }
        }
        let told = document();
        let mut found = Vec::new();
        references(&told, &mut found);
        assert!(found.len() > 100);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
            assert!(told.pointer(pointer).is_some(), "{reference}");
        }
        let terms = &told["components"]["schemas"][TERMS_COMPONENT];
        assert_eq!(terms["title"], "Terms of an agreement");
    }
}
