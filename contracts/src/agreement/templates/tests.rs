//! Each template fills, passes schema and check, and its outcomes read as the table beside it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use tracehold_chain::agreement::TERMS_SCHEMA;

use super::*;
use crate::agreement::check::tests::checked;
use crate::agreement::words::{self, Language};

/// Promise P55, P58: a template fills with its examples, the schema and the check accept it, and
/// people read how it can end. `GOLDEN=write` writes the tables anew.
#[test]
fn templates_fill_and_say_how_they_end() {
    let schema: Value = serde_json::from_str(TERMS_SCHEMA).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for template in templates() {
        let terms = template.example().unwrap_or_else(|error| panic!("{}: {error}", template.name));
        let json = serde_json::to_value(&terms).expect("JSON");
        assert!(schema.is_valid(&json), "{}", template.name);
        let outcomes =
            checked(&terms).unwrap_or_else(|error| panic!("{}: {error:#?}", template.name));
        let mut text = format!("{}\n", template.name);
        for (language, terms_head, ends_head) in
            [(Language::En, "Terms", "It can end so"), (Language::Zh, "条款", "可能的结局")]
        {
            let _ = write!(text, "\n{terms_head}\n");
            for clause in words::terms(&terms, language) {
                let _ = writeln!(text, "- {}", clause.text);
            }
            let _ = write!(text, "\n{ends_head}\n");
            for sentence in words::outcomes(&outcomes, language) {
                let _ = writeln!(text, "- {sentence}");
            }
        }
        assert!(!text.contains("  "), "{text}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/agreement_outcomes")
            .join(format!("{}.txt", template.name));
        if std::env::var_os("GOLDEN").is_some_and(|golden| golden == "write") {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
            std::fs::write(&path, &text).expect("the table");
        }
        let expected = std::fs::read_to_string(&path).expect("the table");
        assert_eq!(text, expected, "{}", template.name);
    }
}

/// Promise P55: what may be left out of a template may be, one or all of it, and takes with it all
/// that the terms say of it.
#[test]
fn what_is_optional_may_be_left_out() {
    let mut found = 0;
    for template in templates() {
        let all = template.parameters.iter();
        let needed = all.filter(|one| !one.optional && one.default.is_none());
        let params: BTreeMap<String, Value> =
            needed.map(|one| (one.name.clone(), one.example.clone())).collect();
        let terms = template.fill(&params).unwrap_or_else(|error| panic!("{error}"));
        checked(&terms).unwrap_or_else(|error| panic!("{}: {error:#?}", template.name));
        let text = serde_json::to_string(&terms).expect("JSON");
        assert!(!text.contains("{{"), "{text}");
        for optional in template.parameters.iter().filter(|one| one.optional) {
            let mut params = params.clone();
            assert!(!text.contains(&optional.name), "{}: {text}", optional.name);
            params.insert(optional.name.clone(), Value::Null);
            assert_eq!(template.fill(&params).as_ref(), Ok(&terms), "null is nothing");
            params.insert(optional.name.clone(), optional.example.clone());
            let more = template.fill(&params).expect("terms");
            assert_ne!(more, terms);
            assert!(checked(&more).is_ok(), "{}", template.name);
            found += 1;
        }
    }
    assert_eq!(found, 5, "all but one template have an arbiter when it is wanted");
}

/// Promise P61: the terms of every template say what a correction after the end leads to.
#[test]
fn every_template_has_a_dispute_after_the_end() {
    for template in templates() {
        let terms = template.example().expect("terms");
        let dispute = terms.dispute.unwrap_or_else(|| panic!("{}", template.name));
        assert!(dispute.after_end.0 > 0, "{}", template.name);
        let texts = serde_json::to_string(&template).expect("JSON");
        for says in ["which moves no money", "不再变动款项"] {
            assert!(texts.contains(says), "{}: {says}", template.name);
        }
    }
}

/// Promise P58: what does not fit is refused with the parameter and what belongs there.
#[test]
fn a_wrong_parameter_is_named() {
    let template = template("escrow-on-delivery").expect("a template");
    let examples: BTreeMap<String, Value> = template
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter.example.clone()))
        .collect();
    let cases = [
        ("price", json!("1000 EUR"), "parameter price: \"EUR\" is no asset"),
        ("price", json!("1000.001 EUR@bank"), "parameter price: EUR@bank has 2 decimal places"),
        ("price", json!("1000"), "parameter price: this is no amount with its asset"),
        ("buyer", json!("The Shop"), "parameter buyer: member id"),
        ("goods", json!([]), "parameter goods: no identifier is listed"),
        ("deadline", json!("soon"), "parameter deadline: \"soon\" is no time"),
        ("deadline", Value::Null, "parameter deadline is missing: give a time with its offset"),
        ("colour", json!("red"), "parameter colour is none of this template: it has title, buyer"),
    ];
    for (name, value, says) in cases {
        let mut params = examples.clone();
        params.insert(name.into(), value);
        let error = template.fill(&params).expect_err(name).to_string();
        assert!(error.starts_with(says), "{error}");
    }
    let mut listed = examples.clone();
    listed.insert("goods".into(), json!("urn:epc:id:sgtin:9521101.000001.1"));
    listed.insert("price".into(), json!({"asset": "EUR@bank", "amount": "1000"}));
    assert_eq!(template.fill(&listed), template.fill(&examples));
}

/// What stands in a parameter is never taken for a place to fill in.
#[test]
fn parameters_are_not_filled_in_again() {
    let template = template("escrow-on-delivery").expect("a template");
    let mut params: BTreeMap<String, Value> = template
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter.example.clone()))
        .collect();
    params.insert("title".into(), json!("{{buyer}}"));
    assert_eq!(template.fill(&params).expect("terms").title, "{{buyer}}");
}
