//! Digital Links and element strings against the vectors of GS1's syntax engine and others.
//! Compressed links are not part of the product.

use serde_json::Value;
use tracehold_chain::epcis::canonical;
use tracehold_chain::epcis::digital_link::link::{Link, Relaxed, Writing, generate};
use tracehold_chain::epcis::digital_link::percent;
use tracehold_chain::epcis::gs1::Fault;
use tracehold_chain::epcis::gs1::association::Association;
use tracehold_chain::epcis::gs1::element_string;

use crate::corpus;

/// The vectors of a file, if it is here.
fn vectors(name: &str) -> Vec<Value> {
    let Some(file) = corpus(&format!("digital-link-vectors/{name}.jsonl")) else { return vec![] };
    let text = std::fs::read_to_string(file).unwrap();
    let vectors: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!vectors.is_empty(), "{name} has no vectors");
    vectors
}

/// Files of vectors that the tests here run, and those that are about compression.
const RUN: [&str; 10] = [
    "ai-association-validate",
    "dl-generate",
    "dl-parse",
    "dl-to-es",
    "element-string-parse",
    "es-to-dl",
    "fnc1-element-string-validate",
    "normalise-to-canonical-dl",
    "pct-decode",
    "pct-encode",
];
const COMPRESSION: [&str; 4] =
    ["compressed-dl-to-es", "dl-compress", "dl-decompress", "es-to-compressed-dl"];

/// Promise P81.
#[test]
fn every_file_of_vectors_is_run_but_those_of_compression() {
    let Some(folder) = corpus("digital-link-vectors") else { return };
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".jsonl")
                .map(str::to_owned)
        })
        .collect();
    files.sort();
    let mut known = [&RUN[..], &COMPRESSION].concat();
    known.sort_unstable();
    assert_eq!(files, known);
}

/// Runs an operation over a file of vectors and lists where it differs.
fn compare(name: &str, run: impl Fn(&Value, &str) -> (Value, Value)) {
    assert!(RUN.contains(&name));
    let vectors = vectors(name);
    let mut wrong = Vec::new();
    for vector in &vectors {
        let (found, expected) = run(vector, vector["input"].as_str().unwrap());
        if found != expected {
            wrong.push(format!("{}: {found} is not {expected}", vector["input"]));
        }
    }
    println!("{name}: {} of {} vectors", vectors.len() - wrong.len(), vectors.len());
    assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
}

/// What a vector expects: the text under `key` when it is valid, else null.
fn expected(vector: &Value, key: &str) -> Value {
    if vector["expect"]["valid"] == false { Value::Null } else { vector["expect"][key].clone() }
}

fn found(result: Result<String, Fault>) -> Value {
    result.map_or(Value::Null, Value::from)
}

fn is_on(vector: &Value, option: &str) -> bool {
    vector["options"][option] == true
}

/// Promise P81.
#[test]
fn links_are_read_and_written_as_gs1_does() {
    compare("dl-parse", |vector, input| {
        let relaxed = Relaxed {
            short_gtins: is_on(vector, "permitZeroSuppressedGTIN"),
            words: is_on(vector, "permitConvenienceAlphas"),
            former_keys: false,
        };
        let read = Link::parse(input, relaxed);
        let text = read.map(|link| element_string::with_fnc1(&link.elements()));
        (found(text), expected(vector, "elementString"))
    });
    compare("dl-generate", |vector, input| {
        let stem = vector["options"]["stem"].as_str().map(str::to_owned);
        let writing = Writing { stem, ..Writing::default() };
        let text = element_string::parse(input).and_then(|read| generate(&read, &writing));
        (found(text), expected(vector, "uri"))
    });
}

/// Promise P81.
#[test]
fn element_strings_are_read_as_gs1_does() {
    for name in ["element-string-parse", "fnc1-element-string-validate"] {
        compare(name, |vector, input| {
            let text = element_string::parse(input).map(|read| element_string::with_fnc1(&read));
            match expected(vector, "elementString") {
                // Some say only that it is valid.
                Value::Null if vector["expect"]["valid"] == true => {
                    (text.is_ok().into(), true.into())
                }
                text_expected => (found(text), text_expected),
            }
        });
    }
    compare("ai-association-validate", |vector, input| {
        let rule = Association::named(vector["options"]["rule"].as_str().unwrap()).unwrap();
        let pairs = element_string::bracketed(input).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(ai, v)| (ai.as_str(), v.as_str())).collect();
        (rule.faults(&pairs).is_empty().into(), vector["expect"]["valid"].clone())
    });
}

/// Promise P81.
#[test]
fn identifiers_have_one_canonical_link() {
    compare("normalise-to-canonical-dl", |vector, input| {
        let canonical = canonical(input);
        let uri = canonical.key().map_or(Value::Null, |_| canonical.uri().into());
        (uri, expected(vector, "uri"))
    });
}

#[test]
fn values_are_percent_encoded_as_gs1_does() {
    let both = |path: String, query: String| serde_json::json!({"path": path, "query": query});
    compare("pct-encode", |vector, input| {
        let found = both(percent::encode_path(input), percent::encode_query(input));
        (found, vector["expect"].clone())
    });
    compare("pct-decode", |vector, input| {
        let found = both(percent::decode_path(input), percent::decode_query(input));
        (found, vector["expect"].clone())
    });
}

/// Vectors of another library, which follows version 1.1 of the standard: its scenarios say how.
#[test]
fn links_of_the_older_version_are_understood() {
    compare("es-to-dl", |vector, input| {
        let scenario = vector["options"]["scenario"].as_str().unwrap();
        let output = vector["expect"]["output"].as_str().unwrap();
        // Where the stem is what varies, the element string stands with what is expected.
        let (stem, text) = if scenario.contains("invalid URI stem") {
            (Some(input), output)
        } else if scenario.contains("valid URI stem") {
            (Some(input), vector["expect"]["elementString"].as_str().unwrap())
        } else if scenario.contains("URI stem") {
            (Some("https://dlr.trvst4hp.org"), input)
        } else {
            (None, input)
        };
        let writing = Writing {
            stem: stem.map(str::to_owned),
            words: scenario.contains("short names"),
            former_keys: true,
        };
        let made = element_string::parse(text).and_then(|read| generate(&read, &writing));
        let invalid = scenario.contains("invalid");
        (found(made), if invalid { Value::Null } else { output.into() })
    });
    compare("dl-to-es", |vector, input| {
        let scenario = vector["options"]["scenario"].as_str().unwrap();
        let output = vector["expect"]["output"].as_str().unwrap();
        if scenario.contains("compressed") {
            return (Value::Null, Value::Null);
        }
        let relaxed = Relaxed { short_gtins: true, words: true, former_keys: true };
        let elements = Link::parse(input, relaxed).map(|link| link.elements());
        if output.starts_with('(') {
            let text = elements.map(|elements| element_string::with_brackets(&elements));
            return (found(text), output.into());
        }
        // Without brackets that library orders identifiers in its own way.
        let sorted = |elements: Result<Vec<_>, Fault>| {
            let mut elements = elements.unwrap_or_default();
            elements.sort();
            element_string::with_brackets(&elements)
        };
        (sorted(elements).into(), sorted(element_string::parse(output)).into())
    });
}
