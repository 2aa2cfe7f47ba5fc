//! The product's table of GS1 application identifiers says what GS1's syntax dictionary says.
//!
//! `GOLDEN=write cargo test -p tracehold-chain --test corpora` writes the table
//! anew from the dictionary.

use std::path::Path;

use crate::corpus;

const HEAD: &str = "\
# GS1 application identifiers: facts of GS1's Barcode Syntax Dictionary, in this project's own form.
# Columns, tab-separated: code or range; flags (f: fixed length, needs no separator; a: may stand
# in the query of a Digital Link); value (type, length, checks after colons; ? when optional);
# needs (+ all of, comma any of, semicolon and); never with; qualifiers when it is a key of Digital
# Links (! none, | alternatives); title. A minus sign: nothing.
";

/// One line of the dictionary in the form of the table.
fn line(entry: &str) -> Option<String> {
    let (entry, title) = entry.split_once('#').unwrap_or((entry, ""));
    let mut words = entry.split_whitespace().peekable();
    let code = words.next()?;
    let marks = words.next_if(|word| word.bytes().all(|b| b.is_ascii_punctuation()));
    let marks = marks.unwrap_or("");
    let flags: String = [('*', 'f'), ('?', 'a')]
        .into_iter()
        .filter(|(mark, _)| marks.contains(*mark))
        .map(|(_, flag)| flag)
        .collect();
    let (mut value, mut needs, mut never, mut key) = (vec![], vec![], vec![], None);
    for word in words {
        if let Some(groups) = word.strip_prefix("req=") {
            needs.push(groups.to_owned());
        } else if let Some(codes) = word.strip_prefix("ex=") {
            never.push(codes.to_owned());
        } else if word == "dlpkey" {
            key = Some("!".to_owned());
        } else if let Some(qualifiers) = word.strip_prefix("dlpkey=") {
            key = Some(qualifiers.to_owned());
        } else {
            let optional = if word.starts_with('[') { "?" } else { "" };
            let plain = word.replace(['[', ']'], "").replace(',', ":");
            value.push(format!("{plain}{optional}"));
        }
    }
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let columns = [
        code.to_owned(),
        or_none(flags),
        value.join(" "),
        or_none(needs.join(";")),
        or_none(never.join(",")),
        key.unwrap_or_else(|| "-".to_owned()),
        or_none(title.trim().to_owned()),
    ];
    Some(columns.join("\t"))
}

#[test]
fn the_table_agrees_with_the_dictionary() {
    let Some(file) = corpus("gs1-syntax-dictionary/gs1-syntax-dictionary.txt") else { return };
    let dictionary = std::fs::read_to_string(file).unwrap();
    let entries = dictionary.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut made = HEAD.to_owned();
    for line in entries.filter_map(line) {
        made.push_str(&line);
        made.push('\n');
    }
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/epcis/gs1/table.tsv");
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&place, &made).unwrap();
    }
    let kept = std::fs::read_to_string(place).unwrap();
    for (kept, made) in kept.lines().zip(made.lines()) {
        assert_eq!(kept, made);
    }
    assert_eq!(kept.len(), made.len(), "as many lines");
}
