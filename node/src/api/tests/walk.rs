//! A walk through endpoints of a real node: what was asked and answered are the examples of the
//! description.

use std::collections::BTreeSet;

use serde_json::Map;

use super::super::described::examples_in;
use super::*;

pub(super) struct Walk<'a> {
    pub api: &'a Api,
    /// By operation: the request, and the answer of each status.
    pub seen: Map<String, Value>,
    /// What differs from run to run, and what stands for it.
    aliases: Vec<(String, &'static str)>,
}

/// What is sent, and what is wanted.
pub(super) struct Sent<'a> {
    /// Empty for nobody.
    pub agent: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl<'a> Walk<'a> {
    pub fn of(api: &'a Api) -> Walk<'a> {
        Walk { api, seen: Map::new(), aliases: Vec::new() }
    }

    /// Asks in JSON, and notes request and answer under the path of the description, which a query
    /// may follow.
    pub async fn ask(
        &mut self,
        agent: &str,
        operation: &str,
        names: &[&str],
        body: Value,
        status: u16,
    ) -> Value {
        let headers = [("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let sent = Sent { agent, headers: &headers, body: body.as_bytes() };
        let answer = self.send(operation, names, sent, status).await;
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    /// What nobody needs a key for.
    pub async fn look(&mut self, operation: &str, names: &[&str], accept: &str) -> Answer {
        let headers = [("accept", accept)];
        self.send(operation, names, Sent { agent: "", headers: &headers, body: b"" }, 200).await
    }

    /// Asks for anything, and notes it.
    pub async fn send(
        &mut self,
        operation: &str,
        names: &[&str],
        sent: Sent<'_>,
        status: u16,
    ) -> Answer {
        let (method, template) = operation.split_once(' ').unwrap();
        let operation = operation.split('?').next().unwrap();
        let mut path = template.to_owned();
        for name in names {
            let (from, to) = (path.find('{').unwrap(), path.find('}').unwrap());
            path.replace_range(from..=to, &percent_encoded(name));
        }
        let mut request = Request::builder().method(method).uri(path);
        if !sent.agent.is_empty() {
            request = request.header("authorization", self.api.bearer(sent.agent));
        }
        for (name, value) in sent.headers {
            request = request.header(*name, *value);
        }
        let answer = self.api.send(request.body(Body::from(sent.body.to_vec())).unwrap()).await;
        assert_eq!(answer.status, status, "{operation} {names:?}: {}", answer.text);
        let noted = self.seen.entry(operation.to_owned()).or_insert_with(|| json!({}));
        let media = answer.header("content-type").split(';').next().unwrap_or_default();
        let (key, told) = if answer.text.is_empty() {
            (status.to_string(), Some(Value::Null))
        } else {
            readable(&status.to_string(), media, &answer.bytes)
        };
        // The first answer of a status counts, and the first request that was a success.
        if let Some(told) = told.filter(|_| noted.get(&key).is_none()) {
            noted[key] = told;
        }
        let is_type = |(name, _): &&(&str, &str)| *name == "content-type";
        let media = sent.headers.iter().find(is_type).map_or("", |(_, media)| *media);
        let (key, asked) = readable("request", media, sent.body);
        if let Some(asked) = asked.filter(|_| status < 300 && noted.get(&key).is_none()) {
            noted[key] = asked;
        }
        answer
    }

    /// Of a long list in an answer, which `pointer` leads to, only the first is shown.
    pub fn shorten(&mut self, operation: &str, pointer: &str) {
        let noted = self.seen[operation].pointer_mut(pointer).unwrap();
        match noted {
            Value::Array(list) => list.truncate(1),
            Value::String(text) => *text = text.split_inclusive('\n').take(6).collect(),
            other => panic!("{operation}{pointer} is no list: {other}"),
        }
    }

    /// In the examples `alias` stands for what is different in every run.
    pub fn call(&mut self, what: &str, alias: &'static str) {
        self.aliases.push((what.to_owned(), alias));
    }

    /// Compares what was seen with the committed examples in this file, or writes them anew.
    pub fn compare(self, file: &str) {
        let mut text = serde_json::to_string_pretty(&self.seen).unwrap();
        for (what, alias) in &self.aliases {
            text = text.replace(what, alias);
        }
        if std::env::var_os("EXAMPLES").is_some_and(|what| what == "write") {
            let path = format!("{}/src/api/examples/{file}", env!("CARGO_MANIFEST_DIR"));
            std::fs::write(path, format!("{text}\n")).unwrap();
            return;
        }
        let seen: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let told = examples_in(file);
        let names = |of: &Map<String, Value>| of.keys().cloned().collect::<BTreeSet<String>>();
        assert_eq!(names(&told), names(&seen), "{file}");
        for (operation, told) in &told {
            assert_eq!(shapes(told), shapes(&seen[operation]), "{operation}");
        }
    }
}

/// Under what an example is kept: what is not plain JSON is told apart by its media type. `None`
/// for what is no text.
fn readable(key: &str, media: &str, bytes: &[u8]) -> (String, Option<Value>) {
    match media {
        _ if bytes.is_empty() => (key.to_owned(), None),
        "" | "application/json" | "application/problem+json" => {
            (key.to_owned(), serde_json::from_slice(bytes).ok())
        }
        json if json.ends_with("json") && !json.ends_with("ndjson") => {
            (format!("{key} {media}"), serde_json::from_slice(bytes).ok())
        }
        _ => (format!("{key} {media}"), std::str::from_utf8(bytes).ok().map(Value::from)),
    }
}

/// The shapes of an operation's examples.
fn shapes(examples: &Value) -> Value {
    let shape = |(key, example): (&String, &Value)| {
        let shape = match (key.split_once(' '), example) {
            (Some((_, media)), Value::String(text)) => json!(shape_of_text(media, text)),
            _ => shape(example),
        };
        (key.clone(), shape)
    };
    examples.as_object().unwrap().iter().map(shape).collect()
}

/// What kinds of lines there are.
fn shape_of_text(media: &str, text: &str) -> BTreeSet<String> {
    let json = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
        shape(&value).to_string()
    };
    let line = |line: &str| match media {
        "application/x-ndjson" => json(line),
        "text/event-stream" => match line.split_once(": ") {
            Some(("data", data)) => json(data),
            Some((field, _)) => field.to_owned(),
            None => line.to_owned(),
        },
        "application/openmetrics-text" => line.split([' ', '{']).take(3).collect(),
        // The columns of a table, the element of a document.
        _ => line.split([' ', '>']).next().unwrap_or_default().to_owned(),
    };
    let lines = match media {
        "text/csv" | "image/svg+xml" | "application/xml" => 1,
        _ => usize::MAX,
    };
    text.lines().take(lines).map(line).collect()
}

/// What fields there are and of which kind, without what they say. Of a list, which shapes its
/// elements have: how many there are is another in each run where keys are random, as the siblings
/// on the way to a root.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let of = |name: &String, inner| match name.as_str() {
                // What else of the state is filed with a key is chance: with luck there is nothing.
                "bucket" => json!([]),
                _ => shape(inner),
            };
            object.iter().map(|(name, inner)| (name.clone(), of(name, inner))).collect()
        }
        Value::Array(list) => {
            let mut kinds: Vec<Value> = list.iter().map(shape).collect();
            kinds.sort_by_key(Value::to_string);
            kinds.dedup();
            Value::Array(kinds)
        }
        Value::String(_) => json!("text"),
        Value::Number(_) => json!(0),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}
