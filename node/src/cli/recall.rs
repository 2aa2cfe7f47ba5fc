//! `tracehold recall`: recalls through a node, and everything that one reaches.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};
use tracehold_contracts::agreement::words::Language;

use super::calling::{Call, encoded, pair, print, tag, text};
use super::{Failure, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Declare a recall of products, lots, things or logistic units of your own
    #[command(after_help = "Example:\n  tracehold recall declare --reference R-2026-01 --reason \
                            en='Glass was found.' --reason zh=发现玻璃碎片。 --what-to-do \
                            en='Do not eat it. Bring it back.' --contact '+49 30 1234567' \
                            https://id.gs1.org/01/09521321001015/10/L1")]
    Declare(Declare),
    /// Withdraw a recall of your own
    #[command(after_help = "Example:\n  tracehold recall withdraw acme:R-2026-01 --reason \
                            en='The laboratory was wrong.'")]
    Withdraw(Withdraw),
    /// List recalls, the newest first
    #[command(after_help = "Example:\n  tracehold recall list --status open")]
    List(List),
    /// Show a recall
    #[command(after_help = "Example:\n  tracehold recall show acme:R-2026-01 --lang zh")]
    Show(One),
    /// List everything that a recall reaches, with who has it and where
    #[command(after_help = "Examples:\n  tracehold recall affected acme:R-2026-01\n  tracehold \
                            recall affected acme:R-2026-01 --csv affected.csv")]
    Affected(Affected),
}

#[derive(Debug, clap::Args)]
pub struct Declare {
    /// What is recalled: GS1 Digital Links or EPC URNs
    #[arg(value_name = "ITEM", required = true)]
    items: Vec<String>,
    /// Your name for this recall, unique for ever
    #[arg(long, value_name = "REFERENCE")]
    reference: String,
    /// What is wrong, as LANGUAGE=TEXT; may be given again
    #[arg(long, value_name = "LANGUAGE=TEXT", required = true)]
    reason: Vec<String>,
    /// What people should do, as LANGUAGE=TEXT; may be given again
    #[arg(long, value_name = "LANGUAGE=TEXT", required = true)]
    what_to_do: Vec<String>,
    /// Whom to ask: a telephone number, an address of mail
    #[arg(long, value_name = "TEXT")]
    contact: String,
    /// Where more is said: an address that begins with https://
    #[arg(long, value_name = "URL")]
    web: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
pub struct Withdraw {
    /// The recall, as MEMBER:REFERENCE
    #[arg(value_name = "ID")]
    id: String,
    /// Why, as LANGUAGE=TEXT; may be given again
    #[arg(long, value_name = "LANGUAGE=TEXT", required = true)]
    reason: Vec<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those that are open or withdrawn
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
pub struct One {
    /// The recall, as MEMBER:REFERENCE
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
pub struct Affected {
    #[command(flatten)]
    one: One,
    /// Write the whole list to this file as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Declare(args) => declare(args),
        Command::Withdraw(args) => withdraw(args),
        Command::List(args) => list(args),
        Command::Show(args) => show(&args.call, &args.call.get(&path(&args.id, ""))?.json),
        Command::Affected(args) => affected(args),
    }
}

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/recalls/{}{rest}", encoded(id))
}

/// Texts by language.
fn texts(name: &str, given: &[String]) -> Result<Value, Failure> {
    let mut texts = Map::new();
    for one in given {
        let Some((language, text)) = one.split_once('=') else {
            let mend = format!("write --{name} 'en=…', with the language before the text");
            return Err(Failure::Usage(format!("{one:?} has no language: {mend}")));
        };
        texts.insert(language.to_owned(), json!(text));
    }
    Ok(Value::Object(texts))
}

fn declare(args: &Declare) -> Result<(), Failure> {
    let mut body = json!({
        "reference": args.reference,
        "items": args.items,
        "reason": texts("reason", &args.reason)?,
        "what_to_do": texts("what-to-do", &args.what_to_do)?,
        "contact": args.contact,
    });
    if let Some(web) = &args.web {
        body["web"] = json!(web);
    }
    show(&args.call, &args.call.post("/api/v1/recalls", &body)?.json)
}

fn withdraw(args: &Withdraw) -> Result<(), Failure> {
    let body = json!({"reason": texts("reason", &args.reason)?});
    show(&args.call, &args.call.post(&path(&args.id, "/withdraw"), &body)?.json)
}

fn list(args: &List) -> Result<(), Failure> {
    let mut path = format!("/api/v1/recalls?perPage={}", args.count);
    if let Some(status) = &args.status {
        path = format!("{path}&status={}", encoded(status));
    }
    let answer = args.call.get(&path)?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    let language = args.call.language();
    for recall in answer.json["recalls"].as_array().into_iter().flatten() {
        let (id, status) = (text(&recall["id"]), status(recall, language));
        print(&format!("{id}  {status}  {}", said(&recall["reason"], language)), 2)?;
    }
    Ok(())
}

fn status(recall: &Value, language: Language) -> &'static str {
    match text(&recall["status"]) {
        "open" => language.say("recalled", "召回中"),
        _ => language.say("withdrawn", "已撤销"),
    }
}

/// The text in a language, else any.
fn said(texts: &Value, language: Language) -> &str {
    let wanted = text(&texts[tag(language)]);
    let any = texts.as_object().and_then(|all| all.values().next());
    if wanted.is_empty() { any.map(text).unwrap_or_default() } else { wanted }
}

fn show(call: &Call, recall: &Value) -> Result<(), Failure> {
    if call.printed(recall)? {
        return Ok(());
    }
    let language = call.language();
    pair(language.say("recall", "召回"), text(&recall["id"]))?;
    pair(language.say("status", "状态"), status(recall, language))?;
    for item in recall["items"].as_array().into_iter().flatten() {
        pair(language.say("item", "物品"), text(item))?;
    }
    pair(language.say("reason", "原因"), said(&recall["reason"], language))?;
    pair(language.say("what to do", "处理办法"), said(&recall["what_to_do"], language))?;
    pair(language.say("contact", "联系方式"), text(&recall["contact"]))?;
    pair(language.say("declared", "宣布于"), text(&recall["declared"]["at"]))?;
    if recall["withdrawn"].is_object() {
        let why = said(&recall["withdrawn"]["reason"], language);
        let at = text(&recall["withdrawn"]["at"]);
        pair(language.say("withdrawn", "撤销于"), &format!("{at} {why}"))?;
    }
    Ok(())
}

fn affected(args: &Affected) -> Result<(), Failure> {
    let (call, id) = (&args.one.call, &args.one.id);
    let language = call.language();
    if let Some(file) = &args.csv {
        let more = format!("/affected?format=csv&lang={}", tag(language));
        let answer = call.get(&path(id, &more))?;
        return std::fs::write(file, &answer.bytes).map_err(|error| {
            Failure::Refused(format!("cannot write {}: {error}", file.display()))
        });
    }
    let first = path(id, "/affected?perPage=10000");
    let items = call.all(&first, "items")?;
    if call.printed(&json!({"recall": id, "items": items}))? {
        return Ok(());
    }
    for item in &items {
        let holder = &item["holders"][0];
        let names = [&holder["name"], &holder["member"], &holder["id"]];
        let holder = names.into_iter().map(text).find(|name| !name.is_empty());
        let place = [&item["place"]["name"], &item["place"]["id"]];
        let place = place.into_iter().map(text).find(|name| !name.is_empty());
        let parts = [Some(text(&item["how"])), holder, place].into_iter().flatten();
        let told = parts.collect::<Vec<_>>().join(", ");
        output::line(format!("{}  {told}", text(&item["id"])))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_with_their_languages() {
        let given = ["en=a=b".to_owned(), "zh=甲".to_owned()];
        assert_eq!(texts("reason", &given).unwrap(), json!({"en": "a=b", "zh": "甲"}));
        assert!(matches!(texts("reason", &["none".to_owned()]), Err(Failure::Usage(_))));
    }

    #[test]
    fn what_is_said_is_said_in_some_language() {
        let both = json!({"en": "a", "zh": "甲"});
        assert_eq!((said(&both, Language::En), said(&both, Language::Zh)), ("a", "甲"));
        assert_eq!(said(&json!({"de": "x"}), Language::Zh), "x");
        assert_eq!(said(&json!({}), Language::En), "");
    }
}
