//! `tracehold agreement templates`, `check` and `propose`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::super::calling::{Call, print, tag, text};
use super::super::{Failure, output};
use super::{done, list_of};

/// What a template's parameters are given as, or a file with terms.
#[derive(Debug, clap::Args)]
pub struct Source {
    /// Terms in JSON; `-` reads stdin
    #[arg(value_name = "FILE", required_unless_present = "template", conflicts_with = "template")]
    file: Option<PathBuf>,
    /// Fill in this template instead
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// A parameter of the template, as NAME=VALUE; VALUE may be JSON
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "template", conflicts_with = "file")]
    parameters: Vec<String>,
}

impl Source {
    /// The part of a body that says which terms.
    pub fn body(&self) -> Result<Value, Failure> {
        let Some(name) = &self.template else {
            let file = self.file.as_deref().unwrap_or(Path::new("-"));
            return Ok(json!({"terms": read(file)?}));
        };
        let mut parameters = Map::new();
        for given in &self.parameters {
            let (name, value) = given.split_once('=').ok_or_else(|| {
                Failure::Usage(format!("{given:?} is no parameter: write NAME=VALUE"))
            })?;
            parameters.insert(name.to_owned(), parameter(value));
        }
        Ok(json!({"template": name, "parameters": parameters}))
    }
}

/// What a parameter is given as: lists and objects in JSON, everything else as text.
fn parameter(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(found @ (Value::Array(_) | Value::Object(_))) => found,
        _ => json!(value),
    }
}

fn read(file: &Path) -> Result<Value, Failure> {
    let mut text = String::new();
    let done = match file == Path::new("-") {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(file).map(|read| text = read),
    };
    let shown = file.display();
    done.map_err(|error| Failure::Refused(format!("cannot read {shown}: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Refused(format!("{shown} is not JSON: {error}")))
}

#[derive(Debug, clap::Args)]
pub struct Templates {
    /// One of them
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) call: Call,
}

#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) call: Call,
}

#[derive(Debug, clap::Args)]
pub struct Propose {
    #[command(flatten)]
    pub(super) source: Source,
    /// Your name for the proposal
    #[arg(long, value_name = "REFERENCE")]
    pub(super) reference: String,
    #[command(flatten)]
    pub(super) call: Call,
}

pub fn templates(args: &Templates) -> Result<(), Failure> {
    let answer = args.call.get("/api/v1/agreements/templates")?;
    let all = list_of(&answer.json["templates"]);
    let language = args.call.language();
    let lang = tag(language);
    let Some(wanted) = &args.name else {
        if args.call.printed(&answer.json)? {
            return Ok(());
        }
        for template in all {
            output::line(text(&template["name"]))?;
            print(&format!("  {}", text(&template["title"][lang])), 2)?;
        }
        return Ok(());
    };
    let found = all.iter().find(|template| text(&template["name"]) == wanted);
    let found = found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|template| text(&template["name"])).collect();
        Failure::Refused(format!("there is no template {wanted}: use {}", names.join(", ")))
    })?;
    if args.call.printed(found)? {
        return Ok(());
    }
    print(text(&found["explanation"][lang]), 0)?;
    for parameter in list_of(&found["parameters"]) {
        let name = text(&parameter["name"]);
        let has_default = !parameter["default"].is_null();
        let example = if has_default { &parameter["default"] } else { &parameter["example"] };
        let example = match example.as_str() {
            Some(text) => text.to_owned(),
            None => example.to_string(),
        };
        let mark = match (has_default, parameter["optional"] == true) {
            (true, _) => language.say("when left out", "省略时为"),
            (false, true) => language.say("may be left out; such as", "可不填；例如"),
            (false, false) => language.say("such as", "例如"),
        };
        output::line(format!("  {name}"))?;
        print(&format!("      {}", text(&parameter["explanation"][lang])), 6)?;
        print(&format!("      {mark} {example}"), 6)?;
    }
    Ok(())
}

pub fn check(args: &Check) -> Result<(), Failure> {
    let answer = args.call.post("/api/v1/agreements/check", &args.source.body()?)?;
    let told = &answer.json;
    if !args.call.printed(told)? {
        for line in list_of(&told["sentences"][tag(args.call.language())]) {
            print(text(line), 2)?;
        }
    }
    match told["sound"] == true {
        true => Ok(()),
        false => Err(Failure::Refused("nobody should agree to these terms".to_owned())),
    }
}

pub fn propose(args: &Propose) -> Result<(), Failure> {
    let mut body = args.source.body()?;
    body["reference"] = json!(args.reference);
    let answer = args.call.post("/api/v1/agreements", &body)?;
    done(&args.call, &answer.json)
}
