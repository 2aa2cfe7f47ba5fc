//! `tracehold digital-link`: identifiers tried without a node.

mod answer;

use std::io::BufRead as _;

use serde_json::{Map, Value, json};

use super::{Failure, output};
use answer::{Operation, answer};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read a Digital Link strictly: its element string
    #[command(after_help = "Examples:\n  tracehold digital-link parse \
                      'https://example.com/01/09521568251204/21/A1?17=261231'\n  echo \
                      '{\"input\":\"https://a.b/gtin/09521568251204\",\"options\":{\"words\":true}}' \
                      | tracehold digital-link parse --jsonl\n\nOptions of --jsonl: form \
                      (fnc1, brackets), words, shortGtins, formerKeys")]
    Parse(Args),
    /// Write an element string as a Digital Link
    #[command(
        after_help = "Examples:\n  tracehold digital-link generate '(01)09521568251204(21)A1' --stem \
                      https://example.com\n  echo '{\"input\":\"^010952156825120421A1\"}' | \
                      tracehold digital-link generate --jsonl\n\nOptions of --jsonl: stem, words, \
                      formerKeys"
    )]
    Generate(Args),
    /// The one spelling of an identifier: a Digital Link or EPC URN
    #[command(after_help = "Examples:\n  tracehold digital-link canonical \
                      urn:epc:id:sgtin:9521568.025120.A1\n  echo \
                      '{\"input\":\"https://a.b/01/9521568251204\",\"options\":\
                      {\"companyPrefixDigits\":7}}' | tracehold digital-link canonical --jsonl\n\n\
                      Options of --jsonl: companyPrefixDigits (adds the EPC URN)")]
    Canonical(Args),
    /// Check an element string or a Digital Link
    #[command(
        after_help = "Examples:\n  tracehold digital-link validate '(01)09521568251204(37)2'\n  echo \
                      '{\"input\":\"(01)09521568251204(37)2\",\"options\":{\"associations\":true}}' \
                      | tracehold digital-link validate --jsonl\n\nWhat identifiers need or exclude \
                      beside them is a notice, since a thing may carry several codes; with \
                      associations it is an error.\nOptions of --jsonl: associations, rule \
                      (validateAImutex, validateAIrequisites, validateAIrepeats, \
                      validateDigSigRequiresSerialisedKey: this rule alone), and those of parse"
    )]
    Validate(Args),
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A Digital Link, EPC URN or element string; leave it out with --jsonl
    #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl")]
    input: Option<String>,
    /// Read lines of JSON from stdin, each with `input` and perhaps `options`; print one line for
    /// each, with `output` or `error`. The exit code is 0 even when some lines are errors
    #[arg(long)]
    jsonl: bool,
    /// Print JSON with all there is to say
    #[arg(long)]
    json: bool,
    /// What comes before the key when a link is written [default: <https://id.gs1.org>]
    #[arg(long, value_name = "URL")]
    stem: Option<String>,
    /// Words for identifiers, as older links have them: /gtin/…/ser/…
    #[arg(long)]
    words: bool,
    /// Take GTINs of 8, 12 and 13 digits
    #[arg(long)]
    short_gtins: bool,
    /// Take the primary keys of older versions too: 410 to 413 and 416
    #[arg(long)]
    former_keys: bool,
    /// Print element strings in brackets
    #[arg(long)]
    brackets: bool,
    /// Refuse identifiers that exclude each other or lack what they need
    #[arg(long)]
    associations: bool,
    /// How many digits the GS1 company prefix has: adds the EPC URN
    #[arg(long, value_name = "DIGITS")]
    company_prefix_digits: Option<u8>,
}

impl Args {
    /// The flags as the options of a line of JSON.
    fn options(&self) -> Value {
        let mut options = Map::new();
        for (name, on) in [
            ("words", self.words),
            ("shortGtins", self.short_gtins),
            ("formerKeys", self.former_keys),
            ("associations", self.associations),
        ] {
            if on {
                options.insert(name.to_owned(), true.into());
            }
        }
        if self.brackets {
            options.insert("form".to_owned(), "brackets".into());
        }
        if let Some(stem) = &self.stem {
            options.insert("stem".to_owned(), stem.clone().into());
        }
        if let Some(digits) = self.company_prefix_digits {
            options.insert("companyPrefixDigits".to_owned(), digits.into());
        }
        Value::Object(options)
    }
}

pub fn run(command: &Command) -> Result<(), Failure> {
    let (operation, args) = match command {
        Command::Parse(args) => (Operation::Parse, args),
        Command::Generate(args) => (Operation::Generate, args),
        Command::Canonical(args) => (Operation::Canonical, args),
        Command::Validate(args) => (Operation::Validate, args),
    };
    match &args.input {
        Some(input) => one(operation, args, input),
        None => lines(operation, args),
    }
}

fn one(operation: Operation, args: &Args, input: &str) -> Result<(), Failure> {
    let found = answer(operation, &json!({"input": input, "options": args.options()}));
    if args.json {
        output::json(&found)?;
    } else if let Some(text) = found["output"].as_str() {
        output::line(text)?;
        for notice in found["notices"].as_array().into_iter().flatten() {
            output::note(format!("notice: {}", words(notice)));
        }
        for name in ["epcUrn"] {
            if let Some(text) = found[name].as_str() {
                output::line(text)?;
            }
        }
    }
    match found.get("error") {
        None => Ok(()),
        Some(fault) => Err(Failure::Refused(words(fault))),
    }
}

fn words(fault: &Value) -> String {
    let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    format!("{}: {} ({})", text("field"), text("message"), text("rule"))
}

fn lines(operation: Operation, args: &Args) -> Result<(), Failure> {
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Failure::Refused(format!("cannot read stdin: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        output::json(&answer::line(operation, &line, &args.options()))?;
    }
    Ok(())
}
