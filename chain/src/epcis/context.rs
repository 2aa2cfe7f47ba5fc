//! The JSON-LD `@context`: which prefixes an event declares. Contexts are never fetched; GS1's own
//! is known by heart.

use serde_json::Value;

use super::check::{Checker, Object, shown};
use super::pointer::Path;
use crate::limits::{MAX_CONTEXT_BYTES, MAX_CONTEXT_DEPTH, MAX_CONTEXT_ENTRIES};

/// The GS1 context that goes around events that come without one of their own.
pub const GS1_CONTEXT: &str = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";

/// The namespace of `rdfs:comment`, which says nothing about what happened.
pub(super) const RDFS: &str = "http://www.w3.org/2000/01/rdf-schema#";

/// Prefixes that GS1's context declares.
const GS1_PREFIXES: [(&str, &str); 8] = [
    ("cbv", "https://ref.gs1.org/cbv/"),
    ("cbvmda", "urn:epcglobal:cbv:mda:"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("epcis", "https://ref.gs1.org/epcis/"),
    ("gs1", "https://gs1.org/voc/"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("rdfs", RDFS),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// Checks the value of `@context`: a URI, an object of prefixes, or a list of these.
pub(super) fn check(checker: &mut Checker, at: &Path<'_>, context: &Value) {
    let one = |checker: &mut Checker, at: &Path<'_>, item: &Value| match item {
        Value::String(text) => checker.uri_text(at, text),
        Value::Object(_) => {}
        _ => checker.report(at, "context", "give a URI or an object of prefixes here"),
    };
    match bytes(context, 0) {
        None => {
            let message = format!("@context is nested deeper than {MAX_CONTEXT_DEPTH}: flatten it");
            return checker.report(at, "context", message);
        }
        Some(bytes) if bytes > MAX_CONTEXT_BYTES => {
            let message = format!(
                "@context has about {bytes} bytes: {MAX_CONTEXT_BYTES} is the limit, refer to it \
                 by its URI"
            );
            return checker.report(at, "context", message);
        }
        Some(_) => {}
    }
    match context {
        Value::Array(items) if items.len() > MAX_CONTEXT_ENTRIES => {
            let count = items.len();
            let message =
                format!("@context has {count} entries: {MAX_CONTEXT_ENTRIES} is the limit");
            checker.report(at, "context", message);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let at = at.index(index);
                one(checker, &at, item);
                if items.iter().take(index).any(|earlier| earlier == item) {
                    checker.report(&at, "unique", "this is in @context already: give it once");
                }
            }
        }
        other => one(checker, at, other),
    }
}

/// About how many bytes a value takes as text; `None` when it is nested too deep.
fn bytes(value: &Value, depth: usize) -> Option<usize> {
    const SIGNS: usize = 4;
    let inside = match value {
        Value::Array(_) | Value::Object(_) if depth >= MAX_CONTEXT_DEPTH => return None,
        Value::String(text) => text.len(),
        Value::Array(list) => {
            list.iter().try_fold(0, |sum, item| bytes(item, depth + 1).map(|own| sum + own))?
        }
        Value::Object(object) => object.iter().try_fold(0, |sum, (key, item)| {
            bytes(item, depth + 1).map(|own| sum + own + key.len() + SIGNS)
        })?,
        _ => SIGNS,
    };
    Some(inside + SIGNS)
}

/// The contexts that apply to an event, its document's first.
#[derive(Clone, Copy, Default)]
pub struct Contexts<'a> {
    document: Option<&'a Value>,
    own: Option<&'a Value>,
}

impl<'a> Contexts<'a> {
    /// The contexts of a document and of the event itself.
    #[must_use]
    pub fn new(document: Option<&'a Value>, own: Option<&'a Value>) -> Contexts<'a> {
        Contexts { document, own }
    }

    fn objects(self) -> impl Iterator<Item = &'a Object> {
        // The event's own declarations come last and win.
        let each = |context: &'a Value| -> std::slice::Iter<'a, Value> {
            match context {
                Value::Array(items) => items.iter(),
                single => std::slice::from_ref(single).iter(),
            }
        };
        self.own
            .into_iter()
            .flat_map(move |own| each(own).rev())
            .chain(self.document.into_iter().flat_map(move |document| each(document).rev()))
            .filter_map(Value::as_object)
    }

    /// What `prefix` stands for.
    #[must_use]
    pub fn namespace(self, prefix: &str) -> Option<&'a str> {
        self.declared(prefix).or_else(|| gs1_namespace(prefix))
    }

    /// What `prefix` stands for as a namespace of XML: as declared, or GS1's own, of which XML
    /// spells the URNs without the colon at their end.
    pub(super) fn xml_namespace(self, prefix: &str) -> Option<&'a str> {
        self.declared(prefix).or_else(|| gs1_namespace(prefix).map(|uri| uri.trim_end_matches(':')))
    }

    fn declared(self, prefix: &str) -> Option<&'a str> {
        self.objects().find_map(|object| match object.get(prefix)? {
            Value::String(uri) => Some(uri.as_str()),
            Value::Object(term) => term.get("@id").and_then(Value::as_str),
            _ => None,
        })
    }

    /// The full URI of `prefix:name`, when the prefix is declared.
    #[must_use]
    pub fn expand(self, curie: &str) -> Option<String> {
        let (prefix, name) = curie.split_once(':')?;
        (!name.starts_with("//")).then(|| self.namespace(prefix))?.map(|ns| format!("{ns}{name}"))
    }

    /// One context that says what both say together.
    #[must_use]
    pub fn effective(self) -> Value {
        let items = |context: Option<&Value>| match context {
            None => Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(single) => vec![single.clone()],
        };
        match (self.document, self.own) {
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (document, own) => {
                let mut all = items(document);
                for item in items(own) {
                    // Lists of contexts may not repeat; the later one counts.
                    all.retain(|earlier| *earlier != item);
                    all.push(item);
                }
                Value::Array(all)
            }
        }
    }
}

/// What GS1's own context says of `prefix`.
fn gs1_namespace(prefix: &str) -> Option<&'static str> {
    GS1_PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, uri)| *uri)
}

/// Reports extension fields, anywhere in `object`, whose prefix nothing declares.
pub(super) fn undeclared(
    checker: &mut Checker,
    at: &Path<'_>,
    object: &Object,
    contexts: Contexts<'_>,
) {
    for (key, value) in object.iter().filter(|(key, _)| !key.starts_with('@')) {
        let at = at.key(key);
        if let Some((prefix, name)) = key.split_once(':')
            && !name.starts_with("//")
            && prefix != "urn"
            && contexts.namespace(prefix).is_none()
        {
            let message =
                format!("the prefix {} is not declared: add it to @context", shown(prefix));
            checker.report(&at, "undeclared-prefix", message);
        }
        undeclared_inside(checker, &at, value, contexts);
    }
}

fn undeclared_inside(checker: &mut Checker, at: &Path<'_>, value: &Value, contexts: Contexts<'_>) {
    match value {
        Value::Object(object) => undeclared(checker, at, object, contexts),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                undeclared_inside(checker, &at.index(index), value, contexts);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Promise P83.
    #[test]
    fn the_events_own_prefixes_win() {
        let document = json!([GS1_CONTEXT, {"a": "urn:one:", "b": {"@id": "urn:b:"}}]);
        let own = json!({"a": "urn:two:"});
        let contexts = Contexts::new(Some(&document), Some(&own));
        assert_eq!(contexts.expand("a:x").as_deref(), Some("urn:two:x"));
        assert_eq!(contexts.expand("b:x").as_deref(), Some("urn:b:x"));
        assert_eq!(contexts.expand("gs1:x").as_deref(), Some("https://gs1.org/voc/x"));
        assert_eq!(contexts.expand("c:x"), None);
        assert_eq!(contexts.expand("https://x"), None);
        assert_eq!(
            contexts.effective(),
            json!([GS1_CONTEXT, {"a": "urn:one:", "b": {"@id": "urn:b:"}}, {"a": "urn:two:"}])
        );
    }

    #[test]
    fn contexts_have_bounds() {
        let rules = |context: &Value| {
            let mut checker = Checker::default();
            check(&mut checker, &Path::Root, context);
            checker.into_violations().into_iter().map(|v| v.rule).collect::<Vec<_>>()
        };
        let mut deep = json!("a:b");
        for _ in 0..=MAX_CONTEXT_DEPTH {
            deep = json!({"a": deep});
        }
        assert_eq!(rules(&deep), ["context"]);
        assert_eq!(rules(&deep["a"]), Vec::<&str>::new());
        assert_eq!(rules(&json!({"a": "x".repeat(MAX_CONTEXT_BYTES)})), ["context"]);
        assert_eq!(rules(&json!(vec![json!({}); MAX_CONTEXT_ENTRIES + 1])), ["context"]);
        assert_eq!(rules(&json!(5)), ["context"]);
    }

    #[test]
    fn repeated_contexts_are_joined_once() {
        let document = json!([GS1_CONTEXT, {"a": "urn:one:"}]);
        let own = json!([{"a": "urn:one:"}]);
        let contexts = Contexts::new(Some(&document), Some(&own));
        assert_eq!(contexts.effective(), document);
    }
}
