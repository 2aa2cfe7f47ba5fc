//! What the description of the HTTP side holds beyond what its handlers say: the published schema
//! of terms, the parameters of the event query, and examples of endpoints, which are
//! answers of a real node.

use serde_json::{Map, Value, json};
use tracehold_chain::agreement::TERMS_SCHEMA;
use tracehold_chain::epcis::query::parameters;

use super::agreements::TERMS_COMPONENT;

/// Requests and answers by area. Tests walk through real nodes and compare; with `EXAMPLES=write`
/// they write them anew.
const EXAMPLES: [(&str, &str); 6] = [
    ("money.json", include_str!("examples/money.json")),
    ("queries.json", include_str!("examples/queries.json")),
    ("captures.json", include_str!("examples/captures.json")),
    ("recalls.json", include_str!("examples/recalls.json")),
    ("goods.json", include_str!("examples/goods.json")),
    ("node.json", include_str!("examples/node.json")),
];

fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("examples are an object")
}

/// All examples by method and path, and then by `request` or status, which a media type follows
/// when it is not plain JSON: `{"GET /api/v1/accounts": {"200": …, "200 text/csv": …}}`. An answer
/// without content is `null`.
fn examples() -> impl Iterator<Item = (String, Value)> {
    EXAMPLES.into_iter().flat_map(|(_, text)| read(text))
}

/// The examples of one file.
#[cfg(test)]
pub(super) fn examples_in(file: &str) -> Map<String, Value> {
    let found = EXAMPLES.iter().find(|(name, _)| *name == file);
    read(found.unwrap_or_else(|| panic!("{file} is no file of examples")).1)
}

/// Whether content of a media type is one value in JSON.
fn is_json(media: &str) -> bool {
    media.ends_with("json") && !media.ends_with("ndjson")
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
    for (operation, examples) in examples() {
        let Some((method, path)) = operation.split_once(' ') else { continue };
        let place = &mut told["paths"][path][method.to_lowercase()];
        let examples = examples.as_object().into_iter().flatten();
        for (key, example) in examples.filter(|(_, example)| !example.is_null()) {
            let (of, media) = key.split_once(' ').unwrap_or((key, ""));
            let described = match of {
                "request" => &mut place["requestBody"],
                status => &mut place["responses"][status],
            };
            let kinds = described["content"].as_object_mut().into_iter().flatten();
            for (kind, content) in kinds {
                if kind == media || media.is_empty() && is_json(kind) {
                    content["example"] = example.clone();
                }
            }
        }
    }
    told
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use jsonschema::Validator;

    use super::super::openapi::document;
    use super::*;

    /// What has no example, and why.
    const WITHOUT_EXAMPLE: [(&str, &str, &str); 5] = [
        ("GET /01/{gtin}/21/{serial}", "text/html", "a page for people"),
        (
            "GET /api/v1/agreements/schema",
            "application/schema+json",
            "the component Terms of the description is the answer",
        ),
        ("POST /api/v1/pictures", "application/octet-stream", "bytes of a picture"),
        ("GET /api/v1/pictures/{digest}", "image/*", "bytes of a picture"),
        ("POST /api/v1/transactions", "application/octet-stream", "the ledger's own encoding"),
    ];

    /// Whose form others have laid down, so that the description has no type of it.
    const OF_OTHERS: [(&str, &str); 5] = [
        ("application/did+json", "DID documents, of W3C"),
        ("application/linkset+json", "RFC 9264"),
        ("application/schema+json", "JSON Schema"),
        ("application/vc+ld+json", "credentials, of W3C and UNTP"),
        ("application/xml", "the XML binding of EPCIS"),
    ];

    /// Whether an object under this schema may have any fields.
    fn is_open(schema: &Value, all: &Value, depth: usize) -> bool {
        assert!(depth < 32, "a schema that refers to itself: {schema}");
        if let Some(found) = schema["$ref"].as_str() {
            return is_open(all.pointer(found.trim_start_matches('#')).unwrap(), all, depth + 1);
        }
        let kinds = ["allOf", "oneOf", "anyOf"].map(|kind| schema[kind].as_array());
        let mut parts = kinds.into_iter().flatten().flatten().peekable();
        if parts.peek().is_some() {
            return parts.any(|part| is_open(part, all, depth + 1));
        }
        let told = ["properties", "additionalProperties", "enum", "const"];
        let of_objects = match &schema["type"] {
            Value::Array(types) => types.contains(&json!("object")),
            one => one.is_null() || one == "object",
        };
        of_objects && told.iter().all(|key| schema.get(key).is_none())
    }

    /// The schema as one under which no field is unknown. What stands where a value is closed; what
    /// several schemas together say of one value is closed by what encloses them.
    fn closed(schema: &Value, all: &Value, is_value: bool) -> Value {
        let Value::Object(object) = schema else { return schema.clone() };
        let mut out = Map::new();
        for (key, inner) in object {
            let inner = match (key.as_str(), inner) {
                ("properties" | "$defs" | "schemas", Value::Object(named)) => {
                    let one = |(name, one): (&String, &Value)| {
                        (name.clone(), closed(one, all, key == "properties"))
                    };
                    named.iter().map(one).collect()
                }
                ("items" | "additionalProperties", _) => closed(inner, all, true),
                ("allOf" | "oneOf" | "anyOf", Value::Array(parts)) => {
                    parts.iter().map(|part| closed(part, all, false)).collect()
                }
                _ => inner.clone(),
            };
            out.insert(key.clone(), inner);
        }
        if is_value && !is_open(schema, all, 0) {
            out.insert("unevaluatedProperties".to_owned(), json!(false));
        }
        Value::Object(out)
    }

    /// Checks examples against what the description says of them.
    struct Types {
        told: Value,
        /// Its components, in which no field is unknown.
        components: Value,
        known: BTreeMap<String, Validator>,
        /// What was found wrong.
        wrong: Vec<String>,
    }

    impl Types {
        fn of(told: Value) -> Types {
            let components = closed(&told["components"], &told, false);
            Types { told, components, known: BTreeMap::new(), wrong: Vec::new() }
        }

        fn check(&mut self, name: &str, schema: &Value, example: &Value) {
            let Types { told, components, known, wrong: all } = self;
            let validator = known.entry(schema.to_string()).or_insert_with(|| {
                let mut schema = closed(schema, told, true);
                schema["components"] = components.clone();
                jsonschema::draft202012::new(&schema).unwrap_or_else(|wrong| {
                    panic!("{name}: {wrong}");
                })
            });
            let wrong = validator.iter_errors(example);
            all.extend(wrong.map(|wrong| format!("{name} {}: {wrong}", wrong.instance_path())));
        }

        /// Checks the example of this content, and says whether there is one.
        fn checks(&mut self, name: &str, media: &str, content: &Value) -> bool {
            let schema = &content["schema"];
            let of = if schema["items"].is_object() { &schema["items"] } else { schema };
            let of_others = OF_OTHERS.iter().any(|(of, _)| *of == media);
            let is_told = is_json(media) || media.ends_with("ndjson");
            if is_told && !of_others && !of["$ref"].is_string() {
                self.wrong.push(format!("{name} {media}: no type"));
            }
            let Some(example) = content.get("example") else { return false };
            match example.as_str().filter(|_| !is_json(media)) {
                None => self.check(name, schema, example),
                Some(text) => {
                    assert!(!text.is_empty(), "{name} {media}");
                    for line in text.lines().filter(|_| media.ends_with("ndjson")) {
                        let line = serde_json::from_str(line).unwrap();
                        if of["$ref"].is_string() {
                            self.check(name, schema, &line);
                        }
                    }
                }
            }
            true
        }
    }

    /// Whether an answer is of this component of the description, without a field it does not tell.
    pub fn assert_is(component: &str, answer: &Value) {
        let mut types = Types::of(document());
        let schema = json!({"$ref": format!("#/components/schemas/{component}")});
        types.check(component, &schema, answer);
        assert!(types.wrong.is_empty(), "{:#?} in {answer:#}", types.wrong);
    }

    /// Promises P89 and P126: every operation has an example of what it answers, and of what it is
    /// sent, in each form; every example is of the type that the description tells, without a field
    /// that it does not tell; and no example is of anything else.
    #[test]
    fn every_operation_has_examples_of_their_types() {
        let told = document();
        let mut types = Types::of(told.clone());
        let mut known: BTreeMap<String, Value> = BTreeMap::new();
        for (operation, examples) in examples() {
            let twice = known.insert(operation.clone(), examples);
            assert!(twice.is_none(), "{operation} is in two files of examples");
        }
        let mut without = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for (path, methods) in told["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = format!("{} {path}", method.to_uppercase());
                let mut shown: BTreeMap<&str, bool> = BTreeMap::new();
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    for (media, content) in answer["content"].as_object().into_iter().flatten() {
                        let is_shown = types.checks(&format!("{name} {status}"), media, content);
                        if status.starts_with('2') {
                            *shown.entry(media).or_default() |= is_shown;
                        }
                    }
                }
                let body = operation["requestBody"]["content"].as_object();
                for (media, content) in body.into_iter().flatten() {
                    let is_shown = types.checks(&format!("{name} request"), media, content);
                    *shown.entry(media).or_insert(true) &= is_shown;
                }
                without.extend(
                    shown
                        .iter()
                        .filter(|(_, is_shown)| !**is_shown)
                        .map(|(m, _)| (name.clone(), *m)),
                );
                let answers = known.get(&name).and_then(Value::as_object).into_iter().flatten();
                let walked = answers.filter(|(status, _)| status.starts_with('2')).count();
                if walked == 0 && !WITHOUT_EXAMPLE.iter().any(|(of, _, _)| *of == name) {
                    types.wrong.push(format!("{name} was never answered with success"));
                }
                seen.insert(name);
            }
        }
        assert!(types.wrong.is_empty(), "{:#?}", types.wrong);
        let excused: BTreeSet<(String, &str)> =
            WITHOUT_EXAMPLE.iter().map(|(of, media, _)| ((*of).to_owned(), *media)).collect();
        let lacking: Vec<_> = without.difference(&excused).collect();
        assert!(lacking.is_empty(), "no example: {lacking:#?}");
        let needless: Vec<_> = excused.difference(&without).collect();
        assert!(needless.is_empty(), "there is an example after all: {needless:?}");
        let unknown: Vec<_> = known.keys().filter(|name| !seen.contains(*name)).collect();
        assert!(unknown.is_empty(), "examples of no operation: {unknown:?}");
    }

    /// The check of types can fail.
    #[test]
    fn an_example_with_an_unknown_or_a_missing_field_is_found() {
        let mut types = Types::of(document());
        let schema = json!({"$ref": "#/components/schemas/AgreementView"});
        let name = "GET /api/v1/agreements/{id}";
        let examples = examples().find(|(operation, _)| operation == name).unwrap().1;
        types.check(name, &schema, &examples["200"]);
        assert!(types.wrong.is_empty(), "{:#?}", types.wrong);
        let validator = types.known.values().next().unwrap();
        let mut more = examples["200"].clone();
        more["colour"] = json!("red");
        assert!(!validator.is_valid(&more));
        let mut deep = examples["200"].clone();
        let deposit = deep.pointer_mut("/terms/deposits/0").unwrap();
        deposit["colour"] = json!("red");
        assert!(!validator.is_valid(&deep), "in what it holds");
        let mut less = examples["200"].clone();
        less.as_object_mut().unwrap().remove("id");
        assert!(!validator.is_valid(&less));
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
