//! One question about an identifier and its answer, both in JSON.

use serde_json::{Value, json};
use tracehold_chain::epcis::digital_link::link::{Link, Relaxed, Writing, generate};
use tracehold_chain::epcis::gs1::association::{Association, all_faults, pieces};
use tracehold_chain::epcis::gs1::{Element, Fault, element_string};
use tracehold_chain::epcis::{Flaw, canonical};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Parse,
    Generate,
    Canonical,
    Validate,
}

/// The options there are. The last two are what GS1's syntax engine calls `words` and `shortGtins`.
const OPTIONS: [&str; 10] = [
    "stem",
    "words",
    "shortGtins",
    "formerKeys",
    "form",
    "associations",
    "rule",
    "companyPrefixDigits",
    "permitConvenienceAlphas",
    "permitZeroSuppressedGTIN",
];

struct Options<'a>(&'a Value);

impl Options<'_> {
    fn is_on(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0[*name] == true)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0[name].as_str()
    }

    fn relaxed(&self) -> Relaxed {
        Relaxed {
            short_gtins: self.is_on(&["shortGtins", "permitZeroSuppressedGTIN"]),
            words: self.is_on(&["words", "permitConvenienceAlphas"]),
            former_keys: self.is_on(&["formerKeys"]),
        }
    }

    /// An element string as it was asked for.
    fn written(&self, elements: &[Element]) -> String {
        match self.text("form") {
            Some("brackets") => element_string::with_brackets(elements),
            _ => element_string::with_fnc1(elements),
        }
    }

    /// Options that mean nothing here: said, so that a slip of the pen shows.
    fn unknown(&self) -> Vec<&str> {
        let names = self.0.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        names.filter(|name| !OPTIONS.contains(name)).collect()
    }
}

/// The answer to one line of JSON; `defaults` are options that hold unless the line has its own.
pub(super) fn line(operation: Operation, line: &str, defaults: &Value) -> Value {
    let question = serde_json::from_str::<Value>(line).ok().filter(Value::is_object);
    let Some(mut question) = question else {
        let message = "this is no JSON object: write {\"input\":\"…\",\"options\":{}}";
        return json!({"error": {"field": "line", "rule": "json", "message": message}});
    };
    if !question["options"].is_object() {
        question["options"] = json!({});
    }
    for (name, value) in defaults.as_object().into_iter().flatten() {
        if question["options"].get(name).is_none() {
            question["options"][name.as_str()] = value.clone();
        }
    }
    let mut answer = answer(operation, &question);
    if let Some(id) = question.get("id") {
        answer["id"] = id.clone();
    }
    answer
}

/// The answer: an object with `output` and what else there is to say, or with `error`.
pub(super) fn answer(operation: Operation, question: &Value) -> Value {
    let options = Options(&question["options"]);
    let Some(input) = question["input"].as_str() else {
        let message = "give the identifier as text";
        return json!({"error": {"field": "input", "rule": "required", "message": message}});
    };
    let found = match operation {
        Operation::Parse => parse(input, &options),
        Operation::Generate => write(input, &options),
        Operation::Canonical => spelling(input, &options),
        Operation::Validate => validate(input, &options),
    };
    let mut answer = found.unwrap_or_else(|fault| json!({"error": fault}));
    let unknown = options.unknown();
    if !unknown.is_empty() {
        answer["ignoredOptions"] = json!(unknown);
    }
    answer
}

fn parse(input: &str, options: &Options<'_>) -> Result<Value, Fault> {
    let link = Link::parse(input, options.relaxed())?;
    let elements = link.elements();
    Ok(json!({
        "output": options.written(&elements),
        "brackets": element_string::with_brackets(&elements),
        "stem": link.stem,
        "elements": elements,
    }))
}

fn write(input: &str, options: &Options<'_>) -> Result<Value, Fault> {
    let elements = element_string::parse(input)?;
    let writing = Writing {
        stem: options.text("stem").map(str::to_owned),
        words: options.relaxed().words,
        former_keys: options.relaxed().former_keys,
    };
    Ok(json!({"output": generate(&elements, &writing)?}))
}

fn spelling(input: &str, options: &Options<'_>) -> Result<Value, Fault> {
    let found = canonical(input);
    let fault = |rule, message: &str| Fault {
        field: "input".to_owned(),
        rule,
        message: message.to_owned(),
    };
    let Some(key) = found.key() else {
        return Err(fault(
            "no-key",
            "this is no GS1 identifier: give a Digital Link or an EPC URN of a GS1 key",
        ));
    };
    let mut answer = json!({"output": found.uri(), "key": key, "level": found.level()});
    if let Some(Flaw::CheckDigit { right }) = found.flaw() {
        let message = format!("has a wrong check digit: it should be {right}");
        answer["notices"] =
            json!([{"field": format!("({key})"), "rule": "check-digit", "message": message}]);
    }
    if let Some(digits) = options.0["companyPrefixDigits"].as_u64() {
        let urn = usize::try_from(digits).ok().and_then(|digits| found.epc_urn(digits));
        let Some(urn) = urn else {
            return Err(fault(
                "epc-urn",
                "this has no EPC URN with a company prefix of so many digits: give 6 to 12, and a \
                 key that has one",
            ));
        };
        answer["epcUrn"] = json!(urn);
    }
    Ok(answer)
}

fn validate(input: &str, options: &Options<'_>) -> Result<Value, Fault> {
    if let Some(name) = options.text("rule") {
        return by_one_rule(input, name);
    }
    let elements = if input.contains("://") {
        Link::parse(input, options.relaxed())?.elements()
    } else {
        element_string::parse(input)?
    };
    if let Some(fault) = pieces(&elements).into_iter().next() {
        return Err(fault);
    }
    let faults = all_faults(&elements);
    match faults.first() {
        Some(fault) if options.is_on(&["associations"]) => Err(fault.clone()),
        _ => Ok(json!({
            "output": options.written(&elements),
            "elements": elements,
            "notices": faults,
        })),
    }
}

/// Whether the elements keep one rule of standing together, whatever they hold.
fn by_one_rule(input: &str, name: &str) -> Result<Value, Fault> {
    let Some(rule) = Association::named(name) else {
        return Err(Fault {
            field: "rule".to_owned(),
            rule: "option",
            message: format!("{name:?} is no rule: see --help"),
        });
    };
    let pairs = element_string::bracketed(input)?;
    let borrowed: Vec<_> = pairs.iter().map(|(ai, v)| (ai.as_str(), v.as_str())).collect();
    match rule.faults(&borrowed).into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(json!({"output": input})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P85.
    #[test]
    fn a_line_in_is_a_line_out() {
        use Operation::{Canonical, Generate, Parse, Validate};
        let defaults = json!({"words": true});
        for (operation, text, expected) in [
            (Parse, r#"{"input":"https://a/gtin/09521568251204/ser/A"}"#, "^010952156825120421A"),
            (
                Parse,
                r#"{"input":"https://a/01/09521568251204","options":{"form":"brackets"}}"#,
                "(01)09521568251204",
            ),
            (
                Generate,
                r#"{"input":"(01)09521568251204(10)A","options":{"stem":"https://a.b/c/"}}"#,
                "https://a.b/c/gtin/09521568251204/lot/A",
            ),
            (
                Canonical,
                r#"{"input":"urn:epc:id:sgtin:9521568.025120.A"}"#,
                "https://id.gs1.org/01/09521568251204/21/A",
            ),
            (Validate, r#"{"input":"^235ABC"}"#, "^235ABC"),
            (
                Validate,
                r#"{"input":"(01)1(10)2","options":{"rule":"validateAImutex"}}"#,
                "(01)1(10)2",
            ),
        ] {
            let found = line(operation, text, &defaults);
            assert_eq!(found["output"], expected, "{text}: {found}");
        }
    }

    #[test]
    fn what_is_wrong_is_an_error_with_field_rule_and_mend() {
        use Operation::{Canonical, Generate, Parse, Validate};
        for (operation, text, rule) in [
            (Parse, "x", "json"),
            (Parse, "{}", "required"),
            (Parse, r#"{"input":"https://a/01/09521568251205"}"#, "check-digit"),
            (Generate, r#"{"input":"(99)A"}"#, "no-key"),
            (Canonical, r#"{"input":"42"}"#, "no-key"),
            (
                Canonical,
                r#"{"input":"https://a/8013/9521ABC","options":{"companyPrefixDigits":7}}"#,
                "epc-urn",
            ),
            (Validate, r#"{"input":"^235ABC","options":{"associations":true}}"#, "requires"),
            (Validate, r#"{"input":"(8006)095215682512040201"}"#, "piece"),
            (Validate, r#"{"input":"(01)1","options":{"rule":"x"}}"#, "option"),
        ] {
            let found = line(operation, text, &json!({}));
            assert_eq!(found["error"]["rule"], rule, "{text}: {found}");
        }
    }

    #[test]
    fn notices_and_unknown_options_are_said() {
        let text = r#"{"id":7,"input":"(21)A","options":{"rules":1}}"#;
        let found = line(Operation::Validate, text, &json!({}));
        assert_eq!(found["notices"][0]["field"], "(21)");
        assert_eq!(found["ignoredOptions"], json!(["rules"]));
        assert_eq!(found["id"], 7);
    }
}
