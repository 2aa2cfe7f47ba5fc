//! The XML binding of EPCIS 2.0 and 1.2, read into the JSON binding.
//!
//! A document becomes the JSON document that says the same; from there on it is one like any
//! other, and is validated as such. Namespaces become prefixes in `@context`, the URNs of the
//! vocabulary bare words, what stands in `extension` and `baseExtension` a plain field, and
//! attributes of sensors fields of sensors. Of the header, master data are read; what business
//! document headers (SBDH) and the headers of query documents say is passed over, since no field
//! of the JSON binding holds it.

mod event;
mod tree;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::context::GS1_CONTEXT;
use super::violation::Violation;
use super::{Document, Event, Normalisation};
use tree::{Name, Node, Tree, fault};

impl Document {
    /// Reads an EPCISDocument or EPCISQueryDocument in XML, of EPCIS 2.0 or 1.2, and validates it
    /// as [`Document::parse`] does. Pointers lead into the JSON document made of it.
    ///
    /// # Errors
    /// What is wrong with the XML, or everything that is wrong with the document's frame.
    pub fn parse_xml(bytes: &[u8]) -> Result<Document, Vec<Violation>> {
        let json = xml_to_json(bytes).map_err(|violation| vec![violation])?;
        let document = Document::from_value(json)?.checked(Event::strictly);
        Ok(Document { from_xml: true, ..document })
    }

    /// Reads a document as [`Document::parse_xml`] does, after bringing it into the standard's form
    /// as [`Document::parse_lenient`] does.
    ///
    /// # Errors
    /// Everything that is wrong with the document's frame even so.
    pub fn parse_xml_lenient(
        bytes: &[u8],
    ) -> Result<(Document, Vec<Normalisation>), Vec<Violation>> {
        let json = xml_to_json(bytes).map_err(|violation| vec![violation])?;
        let (document, changes) = Document::parse_lenient(json.to_string().as_bytes())?;
        Ok((Document { from_xml: true, ..document }, changes))
    }
}

/// The JSON document that says what an XML document says.
///
/// # Errors
/// The first thing that keeps it from being read.
pub fn xml_to_json(bytes: &[u8]) -> Result<Value, Violation> {
    let Tree { root, prefixes } = tree::parse(bytes)?;
    let names = Names::new(prefixes);
    let mut document = Map::new();
    document.insert("@context".to_owned(), names.context());
    let is_query = match root.name.local.as_str() {
        "EPCISDocument" => false,
        "EPCISQueryDocument" => true,
        other => {
            let shown: String = other.chars().take(40).collect();
            let message = format!(
                "{shown} is no document: give EPCISDocument or EPCISQueryDocument of EPCIS 2.0 or \
                 1.2"
            );
            return Err(fault("document-type", message));
        }
    };
    document.insert("type".to_owned(), root.name.local.clone().into());
    document.insert("schemaVersion".to_owned(), "2.0".into());
    if let Some(created) = root.attribute("creationDate") {
        document.insert("creationDate".to_owned(), created.into());
    }
    // A query document has no header in JSON.
    if let Some(header) = root.child("EPCISHeader").filter(|_| !is_query)
        && let Some(vocabularies) = find(header, "VocabularyList", 4)
    {
        let list = vocabularies.children.iter().map(vocabulary).collect::<Vec<_>>();
        document
            .insert("epcisHeader".to_owned(), json!({"epcisMasterData": {"vocabularyList": list}}));
    }
    let body = root.child("EPCISBody").ok_or_else(|| fault("required", "EPCISBody is missing"))?;
    let list = find(body, "EventList", 4);
    let events: Vec<Value> = list.into_iter().flat_map(|list| event::all(list, &names)).collect();
    let mut holder = Map::new();
    if is_query {
        let name = find(body, "queryName", 4).map_or("SimpleEventQuery", Node::trimmed);
        holder.insert("queryName".to_owned(), name.into());
        holder.insert("resultsBody".to_owned(), json!({"eventList": events}));
        holder.extend(ignored_fields(&root, &names));
        document.insert("epcisBody".to_owned(), json!({"queryResults": holder}));
    } else {
        document.extend(ignored_fields(&root, &names));
        document.insert("epcisBody".to_owned(), json!({"eventList": events}));
    }
    Ok(Value::Object(document))
}

/// The extension field `ignoreFields` of the document, in which each element stands for the field
/// of its name, as JSON has it: a list of names.
fn ignored_fields(root: &Node, names: &Names) -> Option<(String, Value)> {
    let is_list = |node: &&Node| !node.name.namespace.is_empty() && node.name.local == IGNORED;
    let node = root.children.iter().find(is_list)?;
    let fields = node.children.iter().map(|field| Value::from(names.key(&field.name)));
    Some((names.key(&node.name), fields.collect()))
}

/// The first element of that local name, at most so many levels down.
fn find<'n>(node: &'n Node, local: &str, levels: usize) -> Option<&'n Node> {
    if let Some(found) = node.child(local) {
        return Some(found);
    }
    if levels == 0 {
        return None;
    }
    node.children.iter().find_map(|child| find(child, local, levels - 1))
}

fn vocabulary(node: &Node) -> Value {
    let elements = node
        .child("VocabularyElementList")
        .map(|list| list.children.iter().map(vocabulary_element).collect::<Vec<_>>());
    json!({
        "type": node.attribute("type").unwrap_or_default(),
        "vocabularyElementList": elements.unwrap_or_default(),
    })
}

fn vocabulary_element(node: &Node) -> Value {
    let mut element = json!({"id": node.attribute("id").unwrap_or_default()});
    let attributes: Vec<Value> = node
        .children
        .iter()
        .filter(|child| child.name.local == "attribute")
        .map(|attribute| {
            let value = if attribute.children.is_empty() {
                Value::from(attribute.trimmed())
            } else {
                let parts = attribute.children.iter();
                parts.map(|part| (part.name.local.clone(), Value::from(part.trimmed()))).collect()
            };
            json!({"id": attribute.attribute("id").unwrap_or_default(), "attribute": value})
        })
        .collect();
    if !attributes.is_empty() {
        element["attributes"] = attributes.into();
    }
    if let Some(children) = node.child("children") {
        element["children"] =
            children.children.iter().map(|id| Value::from(id.trimmed())).collect();
    }
    element
}

/// The extension of repositories that lists what they have added to events.
const IGNORED: &str = "ignoreFields";

/// How namespaces are written as prefixes.
struct Names {
    /// Prefixes by namespace, each prefix once.
    prefixes: BTreeMap<String, String>,
}

/// Namespaces that GS1's own context has a prefix for.
const KNOWN: [(&str, &str); 2] =
    [("urn:epcglobal:cbv:mda", "cbvmda"), ("https://gs1.org/voc/", "gs1")];

impl Names {
    fn new(declared: BTreeMap<String, String>) -> Names {
        let mut prefixes: BTreeMap<String, String> = BTreeMap::new();
        for (namespace, prefix) in declared {
            let foreign = namespace != tree::SCHEMA_INSTANCE && !is_epcis(&namespace);
            if !foreign || known_prefix(&namespace).is_some() {
                continue;
            }
            // One prefix may stand for two namespaces in two places.
            let taken =
                |p: &str| prefixes.values().any(|used| used == p) || KNOWN.iter().any(|k| k.1 == p);
            let mut own = prefix;
            while taken(&own) {
                own.push('_');
            }
            prefixes.insert(namespace, own);
        }
        Names { prefixes }
    }

    fn context(&self) -> Value {
        let own: Map<String, Value> = self
            .prefixes
            .iter()
            .map(|(namespace, prefix)| (prefix.clone(), namespace.clone().into()))
            .collect();
        if own.is_empty() { json!([GS1_CONTEXT]) } else { json!([GS1_CONTEXT, own]) }
    }

    /// The key of a field: `prefix:name`, or the bare name when it has no namespace.
    fn key(&self, name: &Name) -> String {
        let prefix = known_prefix(&name.namespace)
            .or_else(|| self.prefixes.get(&name.namespace).map(String::as_str));
        match prefix {
            Some(prefix) => format!("{prefix}:{}", name.local),
            None if name.namespace.is_empty() || is_epcis(&name.namespace) => name.local.clone(),
            // Declared as a default namespace only.
            None => format!("{}{}", name.namespace, name.local),
        }
    }
}

fn known_prefix(namespace: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == namespace).map(|(_, prefix)| *prefix)
}

/// Whether a namespace is of EPCIS itself, whose elements mostly have none.
fn is_epcis(namespace: &str) -> bool {
    namespace.starts_with("urn:epcglobal:epcis") || namespace.starts_with("urn:epcglobal:xsd:")
}

#[cfg(test)]
mod tests;
