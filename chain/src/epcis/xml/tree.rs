//! XML as a tree: elements with their namespaces, attributes and text.
//!
//! Nothing outside the text is ever read, and declarations in a document type, and with them
//! entities, are refused: no document can grow while it is read or reach into a file.

use std::collections::BTreeMap;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::epcis::violation::Violation;

/// Bytes of an XML document.
pub(super) const MAX_XML_BYTES: usize = 16 * 1024 * 1024;

/// How deep elements may be nested.
const MAX_XML_DEPTH: usize = 40;

/// The namespace of `xsi:schemaLocation` and the like, which say nothing of the events.
pub(super) const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The name of an element or attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// The namespace; empty when there is none.
    pub(super) namespace: String,
    pub(super) local: String,
}

/// An element.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) name: Name,
    pub(super) attributes: Vec<(Name, String)>,
    pub(super) children: Vec<Node>,
    /// All text directly in it.
    pub(super) text: String,
}

impl Node {
    /// The first child of that local name.
    pub(super) fn child(&self, local: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name.local == local)
    }

    /// The attribute without namespace.
    pub(super) fn attribute(&self, local: &str) -> Option<&str> {
        let of_none = |name: &Name| name.namespace.is_empty() && name.local == local;
        self.attributes.iter().find(|(name, _)| of_none(name)).map(|(_, value)| value.as_str())
    }

    /// The text without space around it.
    pub(super) fn trimmed(&self) -> &str {
        self.text.trim()
    }
}

/// A document, read.
pub(super) struct Tree {
    pub(super) root: Node,
    /// Prefixes by namespace, as the document first declares them.
    pub(super) prefixes: BTreeMap<String, String>,
}

/// What is wrong with XML.
pub(super) fn fault(rule: &'static str, message: impl Into<String>) -> Violation {
    Violation { pointer: String::new(), rule, message: message.into() }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Tree, Violation> {
    if bytes.len() > MAX_XML_BYTES {
        let length = bytes.len();
        let message = format!("the document has {length} bytes: {MAX_XML_BYTES} is the limit");
        return Err(fault("xml-size", message));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| fault("xml", "the document is not UTF-8: convert it"))?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Node> = Vec::new();
    let mut prefixes = BTreeMap::new();
    let mut root = None;
    loop {
        let place = reader.buffer_position();
        let wrong = |why: &dyn std::fmt::Display| {
            fault("xml", format!("at byte {place} this is no XML that can be read: {why}"))
        };
        let event = reader.read_event().map_err(|error| wrong(&error))?;
        match event {
            Event::Start(start) => {
                if open.len() >= MAX_XML_DEPTH {
                    let message = format!("elements are nested deeper than {MAX_XML_DEPTH}");
                    return Err(fault("xml-depth", message));
                }
                if root.is_some() {
                    return Err(wrong(&"a second root element"));
                }
                open.push(node(&reader, &start, &mut prefixes).map_err(|why| wrong(&why))?);
            }
            Event::End(_) => {
                let Some(done) = open.pop() else { return Err(wrong(&"an end without a start")) };
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => root = Some(done),
                }
            }
            Event::Text(text) => {
                let text = text.xml_content().map_err(|error| wrong(&error))?;
                add_text(&mut open, &text, wrong)?;
            }
            Event::CData(text) => {
                let text = text.xml_content().map_err(|error| wrong(&error))?;
                add_text(&mut open, &text, wrong)?;
            }
            Event::GeneralRef(reference) => {
                let text = referred(&reference).ok_or_else(|| {
                    wrong(&"an entity beside the five of XML and characters by number")
                })?;
                add_text(&mut open, &text, wrong)?;
            }
            Event::DocType(declared) if declared.contains(&b'[') => {
                let message = "declarations in <!DOCTYPE …> are not read: leave them out";
                return Err(fault("xml-doctype", message));
            }
            Event::Eof => break,
            Event::DocType(_)
            | Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_) => {}
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(Tree { root, prefixes }),
        _ => Err(fault("xml", "the document ends before its root element does")),
    }
}

fn add_text(
    open: &mut [Node],
    text: &str,
    wrong: impl Fn(&dyn std::fmt::Display) -> Violation,
) -> Result<(), Violation> {
    match open.last_mut() {
        Some(node) => {
            node.text.push_str(text);
            Ok(())
        }
        None if text.trim().is_empty() => Ok(()),
        None => Err(wrong(&"text outside the root element")),
    }
}

/// What a reference such as `&amp;` or `&#228;` stands for.
fn referred(reference: &BytesRef<'_>) -> Option<String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character.to_string());
    }
    let name = reference.decode().ok()?;
    resolve_predefined_entity(&name).map(str::to_owned)
}

fn text_of(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| error.to_string())
}

fn namespace(result: &ResolveResult<'_>) -> Result<String, String> {
    match result {
        ResolveResult::Bound(namespace) => text_of(namespace.0),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => {
            Err(format!("the prefix {} is not declared", String::from_utf8_lossy(prefix)))
        }
    }
}

fn node(
    reader: &NsReader<&[u8]>,
    start: &BytesStart<'_>,
    prefixes: &mut BTreeMap<String, String>,
) -> Result<Node, String> {
    let (resolved, local) = reader.resolve_element(start.name());
    let name = Name { namespace: namespace(&resolved)?, local: text_of(local.as_ref())? };
    let mut node = Node { name, ..Node::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute
            .decode_and_unescape_value(reader.decoder())
            .map_err(|error| error.to_string())?
            .into_owned();
        let key = text_of(attribute.key.as_ref())?;
        if key == "xmlns" {
            continue;
        }
        if let Some(prefix) = key.strip_prefix("xmlns:") {
            prefixes.entry(value).or_insert_with(|| prefix.to_owned());
            continue;
        }
        let (resolved, local) = reader.resolve_attribute(attribute.key);
        let name = Name { namespace: namespace(&resolved)?, local: text_of(local.as_ref())? };
        if name.namespace != SCHEMA_INSTANCE {
            node.attributes.push((name, value));
        }
    }
    Ok(node)
}
