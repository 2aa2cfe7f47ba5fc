//! `tracehold agreement`: terms and agreements through a node.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::calling::{Call, encoded, money, pair, print, text};
use super::{Failure, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the templates, or show the parameters of one
    #[command(after_help = "Examples:\n  tracehold agreement templates\n  tracehold agreement \
                            templates escrow-on-delivery")]
    Templates(Templates),
    /// List every way an agreement with these terms can end, or say which clause is wrong
    #[command(after_help = "Examples:\n  tracehold agreement check terms.json\n  tracehold \
                            agreement check --template escrow-on-delivery --set price='400.00 EUR@bank' \
                            --lang zh\n\nThe exit code is 0 when the terms are sound, 1 when a \
                            clause is refused.")]
    Check(Check),
    /// Put terms forward
    #[command(after_help = "Example:\n  tracehold agreement propose terms.json --reference \
                            order-4711\n\nEvery role must accept then, yours too.")]
    Propose(Propose),
    /// Accept for your role
    #[command(after_help = "Example:\n  tracehold agreement accept 5f0c…")]
    Accept(Act),
    /// Turn it down for your role, while not all have accepted
    #[command(after_help = "Example:\n  tracehold agreement decline 5f0c…")]
    Decline(Act),
    /// Pay a deposit
    #[command(
        after_help = "Example:\n  tracehold agreement fund 5f0c… --reference order-4711-price"
    )]
    Fund(Fund),
    /// List your agreements, newest first
    #[command(after_help = "Example:\n  tracehold agreement list --stage running")]
    List(List),
    /// Show an agreement: stage, roles, deposits, milestones, payments
    #[command(after_help = "Example:\n  tracehold agreement show 5f0c…")]
    Show(One),
    /// Say for each milestone what it waits for, from whom, and what happens otherwise
    #[command(after_help = "Example:\n  tracehold agreement explain 5f0c… --lang zh")]
    Explain(Spoken),
    /// Show every step that it went
    #[command(after_help = "Example:\n  tracehold agreement story 5f0c…")]
    Story(One),
    /// Say yes to what a condition asks
    #[command(after_help = "Example:\n  tracehold agreement approve 5f0c… samples")]
    Approve(Approve),
    /// Ask to cancel: it ends when every role but the arbiter has asked
    #[command(after_help = "Example:\n  tracehold agreement cancel 5f0c…")]
    Cancel(Act),
    /// Call the arbiter
    #[command(
        after_help = "Example:\n  tracehold agreement dispute 5f0c… --reason 'half of it is \
                            missing'"
    )]
    Dispute(Dispute),
    /// Settle a dispute, as the arbiter
    #[command(after_help = "Example:\n  tracehold agreement rule 5f0c… --amount 'seller=300.00 \
                            EUR@bank' --rest 'buyer=EUR@bank' --reason 'one crate was spoiled'")]
    Rule(Rule),
}

/// In which language sentences are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// English
    En,
    /// Chinese
    Zh,
}

impl Language {
    fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh",
        }
    }
}

/// What a template's parameters are given as, or a file with terms.
#[derive(Debug, clap::Args)]
struct Source {
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
    fn body(&self) -> Result<Value, Failure> {
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
struct Templates {
    /// One of them
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The language of what is said
    #[arg(long, value_enum, default_value = "en", env = "TRACEHOLD_LANG")]
    lang: Language,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    source: Source,
    /// The language of what is said
    #[arg(long, value_enum, default_value = "en", env = "TRACEHOLD_LANG")]
    lang: Language,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Propose {
    #[command(flatten)]
    source: Source,
    /// Your name for the proposal
    #[arg(long, value_name = "REFERENCE")]
    reference: String,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The agreement's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Spoken {
    /// The agreement's id
    #[arg(value_name = "ID")]
    id: String,
    /// The language of what is said
    #[arg(long, value_enum, default_value = "en", env = "TRACEHOLD_LANG")]
    lang: Language,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Act {
    /// The agreement's id
    #[arg(value_name = "ID")]
    id: String,
    /// Your role; needed only when your member has several
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Fund {
    /// The agreement's id
    #[arg(value_name = "ID")]
    id: String,
    /// Your name for this payment, unique on the account for ever
    #[arg(long, value_name = "REFERENCE")]
    reference: String,
    /// Which deposit; needed only when you have several
    #[arg(long, value_name = "DEPOSIT")]
    deposit: Option<String>,
    /// The purpose of the account that pays; that of your role when left out
    #[arg(long, value_name = "PURPOSE")]
    account: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those that are proposed, accepted, running, disputed or ended
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Approve {
    #[command(flatten)]
    act: Act,
    /// What is approved, as the terms call it
    #[arg(value_name = "WHAT")]
    what: String,
}

#[derive(Debug, clap::Args)]
struct Dispute {
    #[command(flatten)]
    act: Act,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct Rule {
    /// The agreement's id
    #[arg(value_name = "ID")]
    id: String,
    /// Who gets so much, as 'ROLE=AMOUNT ASSET'; may be given again
    #[arg(long, value_name = "ROLE=AMOUNT ASSET")]
    amount: Vec<String>,
    /// Who gets what is left of an asset, as 'ROLE=ASSET'; may be given again
    #[arg(long, value_name = "ROLE=ASSET")]
    rest: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    call: Call,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Templates(args) => templates(args),
        Command::Check(args) => check(args),
        Command::Propose(args) => propose(args),
        Command::Accept(args) => act(args, "accept", json!({})),
        Command::Decline(args) => act(args, "decline", json!({})),
        Command::Fund(args) => fund(args),
        Command::List(args) => list(args),
        Command::Show(args) => show(args),
        Command::Explain(args) => explain(args),
        Command::Story(args) => story(args),
        Command::Approve(args) => act(&args.act, "approve", json!({"what": args.what})),
        Command::Cancel(args) => act(args, "cancel", json!({})),
        Command::Dispute(args) => act(&args.act, "dispute", json!({"reason": args.reason})),
        Command::Rule(args) => rule(args),
    }
}

fn list_of(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn templates(args: &Templates) -> Result<(), Failure> {
    let answer = args.call.get("/api/v1/agreements/templates")?;
    let all = list_of(&answer.json["templates"]);
    let lang = args.lang.tag();
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
        let is_optional = !parameter["default"].is_null();
        let example = if is_optional { &parameter["default"] } else { &parameter["example"] };
        let example = match example.as_str() {
            Some(text) => text.to_owned(),
            None => example.to_string(),
        };
        let mark = if is_optional { "when left out" } else { "such as" };
        output::line(format!("  {name}"))?;
        print(&format!("      {}", text(&parameter["explanation"][lang])), 6)?;
        print(&format!("      {mark} {example}"), 6)?;
    }
    Ok(())
}

fn check(args: &Check) -> Result<(), Failure> {
    let answer = args.call.post("/api/v1/agreements/check", &args.source.body()?)?;
    let told = &answer.json;
    if !args.call.printed(told)? {
        for line in list_of(&told["sentences"][args.lang.tag()]) {
            print(text(line), 2)?;
        }
    }
    match told["sound"] == true {
        true => Ok(()),
        false => Err(Failure::Refused("nobody should agree to these terms".to_owned())),
    }
}

fn propose(args: &Propose) -> Result<(), Failure> {
    let mut body = args.source.body()?;
    body["reference"] = json!(args.reference);
    let answer = args.call.post("/api/v1/agreements", &body)?;
    done(&args.call, &answer.json)
}

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/agreements/{}{rest}", encoded(id))
}

fn act(args: &Act, what: &str, mut body: Value) -> Result<(), Failure> {
    if let Some(role) = &args.role {
        body["role"] = json!(role);
    }
    let answer = args.call.post(&path(&args.id, &format!("/{what}")), &body)?;
    done(&args.call, &answer.json)
}

fn rule(args: &Rule) -> Result<(), Failure> {
    let body = json!({"reason": args.reason, "pay": payouts(&args.amount, &args.rest)?});
    let answer = args.call.post(&path(&args.id, "/rule"), &body)?;
    done(&args.call, &answer.json)
}

/// Payouts as terms have them.
fn payouts(amounts: &[String], rests: &[String]) -> Result<Vec<Value>, Failure> {
    let wrong = |given: &str| {
        let forms = "write --amount 'seller=300.00 EUR@bank' and --rest 'buyer=EUR@bank'";
        Failure::Usage(format!("{given:?} says not who gets what: {forms}"))
    };
    let mut pay = Vec::new();
    for given in amounts {
        let read = given.split_once('=').and_then(|(to, sum)| Some((to, sum.split_once(' ')?)));
        let (to, (amount, asset)) = read.ok_or_else(|| wrong(given))?;
        let money = json!({"asset": asset.trim(), "amount": amount});
        pay.push(json!({"amount": {"to": to, "money": money}}));
    }
    for given in rests {
        let (to, asset) = given.split_once('=').ok_or_else(|| wrong(given))?;
        pay.push(json!({"remainder": {"to": to, "asset": asset}}));
    }
    Ok(pay)
}

fn fund(args: &Fund) -> Result<(), Failure> {
    let mut body = json!({"reference": args.reference});
    for (name, given) in [("deposit", &args.deposit), ("account", &args.account)] {
        if let Some(given) = given {
            body[name] = json!(given);
        }
    }
    let answer = args.call.post(&path(&args.id, "/fund"), &body)?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    super::money::report(&args.call, &answer.json["payment"])?;
    pair("stage", text(&answer.json["agreement"]["stage"]))
}

/// Says what a command did and where the agreement is now.
fn done(call: &Call, told: &Value) -> Result<(), Failure> {
    if call.printed(told)? {
        return Ok(());
    }
    pair("agreement", text(&told["id"]))?;
    if told["repeated"] == true {
        output::line("it had been done before: nothing happened again")?;
    }
    for step in list_of(&told["steps"]) {
        print(&format!("  {}", step_words(step)), 4)?;
    }
    pair("stage", text(&told["agreement"]["stage"]))
}

fn list(args: &List) -> Result<(), Failure> {
    let mut path = format!("/api/v1/agreements?perPage={}", args.count);
    if let Some(stage) = &args.stage {
        path = format!("{path}&stage={}", encoded(stage));
    }
    let answer = args.call.get(&path)?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    for agreement in list_of(&answer.json["agreements"]) {
        output::line(text(&agreement["id"]))?;
        let roles: Vec<&str> = list_of(&agreement["your_roles"]).iter().map(text).collect();
        let (title, stage) = (text(&agreement["title"]), text(&agreement["stage"]));
        print(&format!("  {stage}, as {}: {title}", roles.join(" and ")), 4)?;
    }
    Ok(())
}

fn show(args: &One) -> Result<(), Failure> {
    let answer = args.call.get(&path(&args.id, ""))?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    for (name, value) in shown(&answer.json) {
        pair(name, &value)?;
    }
    Ok(())
}

/// An agreement in two columns.
fn shown(agreement: &Value) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("agreement", text(&agreement["id"]).to_owned()),
        ("title", text(&agreement["title"]).to_owned()),
    ];
    let ended = &agreement["ended"];
    rows.push((
        "stage",
        match ended.is_object() {
            true => format!("ended: {} at {}", text(&ended["how"]), text(&ended["at"])),
            false => text(&agreement["stage"]).to_owned(),
        },
    ));
    rows.push(("deadline", text(&agreement["deadline"]).to_owned()));
    for role in list_of(&agreement["roles"]) {
        let accepted = if role["accepted"] == true { "accepted" } else { "has not accepted" };
        let (name, member) = (text(&role["role"]), text(&role["member"]));
        rows.push(("role", format!("{name}: {member}, {accepted}")));
    }
    for deposit in list_of(&agreement["deposits"]) {
        let when = match deposit["paid_at"].as_str() {
            Some(at) => format!("paid in {at}"),
            None => format!("due {}", text(&deposit["due"])),
        };
        let id = text(&deposit["id"]);
        rows.push(("deposit", format!("{id}: {}, {when}", money(&deposit["money"]))));
    }
    for left in list_of(&agreement["pot"]) {
        rows.push(("in the pot", money(left)));
    }
    for milestone in list_of(&agreement["milestones"]) {
        let id = text(&milestone["id"]);
        let how = match (milestone["fulfilled_at"].as_str(), text(&milestone["paid_percent"])) {
            (Some(at), _) => format!("fulfilled {at}"),
            (None, "" | "0") => "open".to_owned(),
            (None, percent) => format!("{percent} % paid"),
        };
        rows.push(("milestone", format!("{id}: {how}")));
        for paid in list_of(&milestone["paid"]) {
            rows.push(("", format!("{} to {}", money(&paid["money"]), text(&paid["to"]))));
        }
        for event in list_of(&milestone["events"]) {
            rows.push(("", format!("on {}", text(&event["event_id"]))));
        }
    }
    let corrected = &agreement["corrected_after_payment"]["sentence"];
    if corrected.is_object() {
        rows.push(("corrected", text(&corrected["en"]).to_owned()));
    }
    let dispute = &agreement["dispute"];
    if dispute.is_object() {
        rows.push(("dispute", format!("{}: {}", text(&dispute["by"]), text(&dispute["reason"]))));
        if let Some(ruled) = dispute["ruled"].as_str() {
            rows.push(("ruling", ruled.to_owned()));
        }
    }
    rows
}

fn explain(args: &Spoken) -> Result<(), Failure> {
    let answer = args.call.get(&path(&args.id, "/explain"))?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    for line in list_of(&answer.json["sentences"][args.lang.tag()]) {
        let line = text(line);
        let lead = line.len().saturating_sub(line.trim_start().len());
        print(line, lead.saturating_add(2))?;
    }
    Ok(())
}

fn story(args: &One) -> Result<(), Failure> {
    let mut next = Some(format!("{}?perPage=1000", path(&args.id, "/story")));
    let mut steps = Vec::new();
    while let Some(path) = next {
        let answer = args.call.get(&path)?;
        steps.extend_from_slice(list_of(&answer.json["steps"]));
        next = answer.next;
    }
    if args.call.printed(&json!({"agreement": args.id, "steps": steps}))? {
        return Ok(());
    }
    for step in &steps {
        let time = text(&step["time"]).get(..19).unwrap_or_default().replace('T', " ");
        print(&format!("{time}  {}", step_words(step)), 21)?;
    }
    Ok(())
}

/// A step in plain words.
fn step_words(step: &Value) -> String {
    let word = |name: &str| text(&step[name]).to_owned();
    let mut told = match text(&step["kind"]) {
        "proposed" => format!("proposed by {}", word("by")),
        "accepted" if step["complete"] == true => {
            format!("{} accepted, by {}", word("role"), word("by"))
        }
        "accepted" => {
            format!("{} accepted for {}; a second agent must too", word("by"), word("role"))
        }
        "deposited" => format!("deposit {} is in", word("deposit")),
        "started" => "all deposits are in: it runs".to_owned(),
        "approved" => format!("{} approved {}", word("role"), word("what")),
        "holds" => format!("the condition of {} holds", word("milestone")),
        "holds_no_more" => {
            format!("an event was corrected: {} holds no more", word("milestone"))
        }
        "decided" => {
            let held = if step["held"] == true { "held" } else { "did not hold" };
            let condition = &step["condition"];
            format!("condition {condition} of {} {held}, for good", word("milestone"))
        }
        "paid_part" => format!("{} paid {} %", word("milestone"), word("percent")),
        "fulfilled" => format!("{} is fulfilled", word("milestone")),
        "corrected_after_payment" => format!(
            "an event on which {} paid was corrected; the money does not move back by itself",
            word("milestone")
        ),
        "cancel_asked" => format!("{} asked to cancel", word("role")),
        "disputed" => format!("{} opened a dispute: {}", word("role"), word("reason")),
        "dispute_lapsed" => "the arbiter's time was over; it goes on".to_owned(),
        "ruled" => format!("the arbiter ruled: {}", word("reason")),
        "ended" => format!("ended: {}", word("how")),
        other => other.to_owned(),
    };
    for paid in list_of(&step["paid"]) {
        told = format!("{told}; {} to {}", money(&paid["money"]), text(&paid["to"]));
    }
    told
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &str) -> Result<Args, clap::Error> {
        let key = ["--api-key", "k"];
        let words = ["agreement"].into_iter().chain(words.split(' ')).chain(key);
        Cli::try_parse_from(words).map(|cli| cli.args)
    }

    #[test]
    fn terms_come_from_a_file_or_a_template() {
        for good in [
            "check terms.json",
            "check - --lang zh",
            "check --template escrow --set price=1.00",
            "propose terms.json --reference a",
            "accept ab --role buyer",
            "fund ab --reference a",
            "list --stage running --count 5",
            "approve ab samples",
            "dispute ab --reason late",
            "templates",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "check",
            "check terms.json --template escrow",
            "check terms.json --set a=b",
            "propose terms.json",
            "fund ab",
            "dispute ab",
            "list --count 0",
            "explain ab --lang fr",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let Ok(Args { command: Command::Check(check) }) =
            parse("check --template escrow --set price=1.00 --set items=[\"a\"]")
        else {
            panic!("parsed above");
        };
        let body = check.source.body().unwrap();
        let filled = json!({"price": "1.00", "items": ["a"]});
        assert_eq!(body, json!({"template": "escrow", "parameters": filled}));
    }

    #[test]
    fn rulings_are_written_as_terms_write_payouts() {
        let text = |text: &str| vec![text.to_owned()];
        let pay = payouts(&text("seller=300.00 EUR@bank"), &text("buyer=EUR@bank")).unwrap();
        let amount = json!({"to": "seller", "money": {"asset": "EUR@bank", "amount": "300.00"}});
        let rest = json!({"to": "buyer", "asset": "EUR@bank"});
        assert_eq!(pay, [json!({"amount": amount}), json!({"remainder": rest})]);
        assert!(payouts(&text("seller"), &[]).is_err());
        assert!(payouts(&[], &text("seller")).is_err());
    }

    #[test]
    fn an_agreement_is_shown_in_plain_words() {
        let rows = shown(&json!({"id": "ab", "title": "Apples", "stage": "running",
            "deadline": "2026-03-01T00:00:00.000Z",
            "roles": [{"role": "buyer", "member": "fern", "accepted": true}],
            "deposits": [{"id": "price", "due": "x", "paid_at": null,
                "money": {"asset": "EUR@bank", "amount": "1.00"}}],
            "milestones": [{"id": "m", "fulfilled_at": null, "paid_percent": "40"}]}));
        let values: Vec<&str> = rows.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(
            values[4..],
            ["buyer: fern, accepted", "price: 1.00 EUR@bank, due x", "m: 40 % paid"]
        );
        let step = json!({"kind": "fulfilled", "milestone": "m", "paid": [
            {"to": "seller", "money": {"asset": "EUR@bank", "amount": "1.00"}}]});
        assert_eq!(step_words(&step), "m is fulfilled; 1.00 EUR@bank to seller");
    }
}
