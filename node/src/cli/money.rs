//! `tracehold money`: accounts and payments through a node.

use clap::Subcommand;
use serde_json::{Value, json};
use tracehold_chain::digest::Digest;
use tracehold_chain::money::MAX_REFERENCE_BYTES;
use tracehold_contracts::agreement::words::Language;

use super::calling::{COLUMNS, Call, columns, encoded, money, pair, print, text};
use super::{Failure, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make cash (as its bank), a note (as its debtor) or a title (as its issuer)
    #[command(after_help = "Examples:\n  tracehold money issue 1000.00 EUR@bank --to buyer/main \
                            --reference print-1\n  tracehold money issue 1 title:carrier/BL-4711 \
                            --title --to seller/main --reference bl-4711")]
    Issue(Issue),
    /// Take back cash that holders paid to the bank
    #[command(after_help = "Example:\n  tracehold money redeem 250.00 EUR@bank --reference melt-1")]
    Redeem(Redeem),
    /// Pay from one of your accounts
    #[command(after_help = "Example:\n  tracehold money transfer 12.50 EUR@bank --to seller/main \
                            --reference INV-7 --memo 'invoice 7'\n\nSent again under the same \
                            reference it pays nothing again and tells what became of it.")]
    Transfer(Transfer),
    /// Set money aside for a payee
    #[command(after_help = "Example:\n  tracehold money hold 60.00 EUR@bank --to carrier/main \
                            --until 2026-03-31T12:00:00Z --reference trip-9")]
    Hold(Hold),
    /// Take what is held for you, all or a part
    #[command(after_help = "Example:\n  tracehold money take buyer/main trip-9 --amount 25.50 \
                            --reference trip-9-bill")]
    Take(Take),
    /// Give back what is held for you
    #[command(after_help = "Example:\n  tracehold money give-back buyer/main trip-9 --reference \
                            trip-9-off")]
    GiveBack(GiveBack),
    /// Show what is on your accounts
    #[command(after_help = "Examples:\n  tracehold money balance\n  tracehold money balance main")]
    Balance(Balance),
    /// Show the changes of an account, newest first
    #[command(after_help = "Example:\n  tracehold money statement main --count 10")]
    Statement(Statement),
    /// Open an account, or set when two agents are needed
    #[command(after_help = "Examples:\n  tracehold money account escrow-cn --reference open-1\n  \
                            tracehold money account main --two-agents-above '1000.00 EUR@bank' \
                            --reference rule-1")]
    Account(Account),
    /// Show how much of an asset is outstanding; to its issuer also who holds it
    #[command(after_help = "Example:\n  tracehold money asset EUR@bank")]
    Asset(Asset),
    /// List what waits for a second agent of your member
    #[command(after_help = "Example:\n  tracehold money waiting")]
    Waiting(Waiting),
    /// Approve, as the second agent, what waits
    #[command(after_help = "Example:\n  tracehold money approve main INV-7")]
    Approve(Answered),
    /// Decline what waits
    #[command(after_help = "Example:\n  tracehold money decline main INV-7")]
    Decline(Answered),
}

#[derive(Debug, clap::Args)]
struct Sum {
    /// How much, such as 12.50
    #[arg(value_name = "AMOUNT")]
    amount: String,
    /// Of what: EUR@bank, note:EUR@debtor/reference, title:issuer/reference
    #[arg(value_name = "ASSET")]
    asset: String,
    /// Your name for this command, unique on the account for ever
    #[arg(long, value_name = "REFERENCE")]
    reference: String,
}

impl Sum {
    fn body(&self) -> Value {
        json!({"reference": self.reference, "asset": self.asset, "amount": self.amount})
    }

    /// The account that stands against the asset: its issuer's.
    fn issuance(&self) -> Result<String, Failure> {
        let asset: tracehold_chain::money::Asset =
            self.asset.parse().map_err(|error| Failure::Usage(format!("ASSET: {error}")))?;
        Ok(format!("{}:issuance", asset.issuer()))
    }
}

#[derive(Debug, clap::Args)]
struct Issue {
    #[command(flatten)]
    sum: Sum,
    /// Who gets it
    #[arg(long, value_name = "ACCOUNT")]
    to: String,
    /// It is a note that is due then (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "title")]
    note_due: Option<String>,
    /// It is a title
    #[arg(long)]
    title: bool,
    /// The SHA-256 of the title's document
    #[arg(long, value_name = "SHA256", requires = "title")]
    document: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Redeem {
    #[command(flatten)]
    sum: Sum,
    /// The purpose of your account that it comes from
    #[arg(long, value_name = "PURPOSE", default_value = "main")]
    from: String,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Transfer {
    #[command(flatten)]
    sum: Sum,
    /// To which account
    #[arg(long, value_name = "ACCOUNT")]
    to: String,
    /// From which of your accounts
    #[arg(long, value_name = "ACCOUNT", default_value = "main")]
    from: String,
    /// What for
    #[arg(long, value_name = "TEXT")]
    memo: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Hold {
    #[command(flatten)]
    sum: Sum,
    /// For which account
    #[arg(long, value_name = "ACCOUNT")]
    to: String,
    /// When it is free again (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: String,
    /// On which of your accounts
    #[arg(long, value_name = "ACCOUNT", default_value = "main")]
    from: String,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Take {
    #[command(flatten)]
    held: Held,
    /// How much; all when left out
    #[arg(long, value_name = "AMOUNT")]
    amount: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct GiveBack {
    #[command(flatten)]
    held: Held,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Held {
    /// The payer's account, such as buyer/main
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// The payer's reference
    #[arg(value_name = "HELD_UNDER")]
    held_under: String,
    /// Your name for this command, unique on your account for ever
    #[arg(long, value_name = "REFERENCE")]
    reference: String,
}

#[derive(Debug, clap::Args)]
struct Balance {
    /// One account; all of your member when left out
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Statement {
    /// Which account
    #[arg(value_name = "ACCOUNT", default_value = "main")]
    account: String,
    /// How many lines
    #[arg(long, value_name = "N", default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// Only lines before this one: the last cursor of the page before
    #[arg(long, value_name = "CURSOR")]
    before: Option<String>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Account {
    /// Which of your accounts, such as escrow-cn
    #[arg(value_name = "PURPOSE")]
    account: String,
    /// Your name for this command, unique on the account for ever
    #[arg(long, value_name = "REFERENCE")]
    reference: String,
    /// Two agents for more than this of an asset, as '1000.00 EUR@bank'; may be given again
    #[arg(long, value_name = "AMOUNT ASSET")]
    two_agents_above: Vec<String>,
    /// Two agents for everything
    #[arg(long, conflicts_with = "two_agents_above")]
    two_agents: bool,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Asset {
    /// Which asset
    #[arg(value_name = "ASSET")]
    asset: String,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Waiting {
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, clap::Args)]
struct Answered {
    /// The account that acts
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// The reference of what waits
    #[arg(value_name = "WAITING")]
    waiting: String,
    /// Your name for this answer; made of WAITING when left out
    #[arg(long, value_name = "REFERENCE")]
    reference: Option<String>,
    #[command(flatten)]
    call: Call,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Issue(args) => issue(args),
        Command::Redeem(args) => {
            let mut body = args.sum.body();
            body["from"] = json!(args.from);
            let account = encoded(&args.sum.issuance()?);
            send(&args.call, &format!("/api/v1/accounts/{account}/redemptions"), &body)
        }
        Command::Transfer(args) => {
            let mut body = args.sum.body();
            body["to"] = json!(args.to);
            body["memo"] = json!(args.memo);
            let account = args.call.account(&args.from)?;
            send(&args.call, &format!("/api/v1/accounts/{account}/transfers"), &body)
        }
        Command::Hold(args) => {
            let mut body = args.sum.body();
            body["to"] = json!(args.to);
            body["expires_at"] = json!(args.until);
            let account = args.call.account(&args.from)?;
            send(&args.call, &format!("/api/v1/accounts/{account}/holds"), &body)
        }
        Command::Take(args) => settle(&args.call, &args.held, args.amount.as_deref(), "post"),
        Command::GiveBack(args) => settle(&args.call, &args.held, None, "void"),
        Command::Balance(args) => balance(args),
        Command::Statement(args) => statement(args),
        Command::Account(args) => account(args),
        Command::Asset(args) => asset(args),
        Command::Waiting(args) => waiting(args),
        Command::Approve(args) => answer(args, "approve"),
        Command::Decline(args) => answer(args, "decline"),
    }
}

fn issue(args: &Issue) -> Result<(), Failure> {
    let mut body = args.sum.body();
    body["to"] = json!(args.to);
    if let Some(due) = &args.note_due {
        body["terms"] = json!({"note": {"due": due}});
    } else if args.title {
        body["terms"] = json!({"title": {"document": args.document}});
    }
    let account = encoded(&args.sum.issuance()?);
    send(&args.call, &format!("/api/v1/accounts/{account}/issues"), &body)
}

fn settle(call: &Call, held: &Held, amount: Option<&str>, how: &str) -> Result<(), Failure> {
    let body = json!({"reference": held.reference, "amount": amount});
    let account = call.account(&held.account)?;
    let under = encoded(&held.held_under);
    send(call, &format!("/api/v1/accounts/{account}/holds/{under}/{how}"), &body)
}

/// Sends a command and says what became of it.
fn send(call: &Call, path: &str, body: &Value) -> Result<(), Failure> {
    let answer = call.post(path, body)?;
    report(call, &answer.json)
}

/// Says what became of a command.
pub fn report(call: &Call, done: &Value) -> Result<(), Failure> {
    if call.printed(done)? {
        return Ok(());
    }
    for line in told(done, call.language()) {
        print(&line, 2)?;
    }
    Ok(())
}

/// What became of a command, in lines.
fn told(done: &Value, language: Language) -> Vec<String> {
    let (account, reference) = (text(&done["account"]), text(&done["reference"]));
    let until = text(&done["waiting_until"]);
    let pick = |en: String, zh: String| match language {
        Language::En => en,
        Language::Zh => zh,
    };
    let mut lines = vec![match text(&done["status"]) {
        "waiting" => pick(
            format!(
                "{reference} of {account} waits for a second agent until {until}; nothing moved yet"
            ),
            format!("{account} 的 {reference} 等待第二名代理人，至 {until}；尚未变动"),
        ),
        "declined" => pick(
            format!("{reference} of {account} was declined; nothing moved"),
            format!("{account} 的 {reference} 已被拒绝；没有变动"),
        ),
        "done" => pick(
            format!("{reference} of {account} is done"),
            format!("{account} 的 {reference} 已完成"),
        ),
        status => format!("{reference} of {account}: {status}"),
    }];
    if done["repeated"] == true {
        let again = language
            .say("it had been sent before: nothing happened again", "此前已发送：没有再次发生");
        lines.push(again.to_owned());
    }
    for posting in done["moved"]["postings"].as_array().into_iter().flatten() {
        lines.push(format!("  {} {}", text(&posting["account"]), money(posting)));
    }
    let transaction = language.say("transaction", "交易");
    lines.push(format!("{transaction} {}", text(&done["transaction_id"])));
    lines
}

fn balance(args: &Balance) -> Result<(), Failure> {
    let call = &args.call;
    let (answer, accounts) = match &args.account {
        Some(account) => {
            let answer = call.get(&format!("/api/v1/accounts/{}", call.account(account)?))?.json;
            (answer.clone(), vec![answer])
        }
        None => {
            let accounts = call.all("/api/v1/accounts?perPage=1000", "accounts")?;
            (json!({"accounts": accounts}), accounts)
        }
    };
    if call.printed(&answer)? {
        return Ok(());
    }
    for account in &accounts {
        for line in balance_lines(account, call.language()) {
            print(&line, 27)?;
        }
    }
    Ok(())
}

/// What is on an account, in lines.
fn balance_lines(account: &Value, language: Language) -> Vec<String> {
    let mut lines = vec![text(&account["account"]).to_owned()];
    let balances = account["balances"].as_array().map_or(&[][..], Vec::as_slice);
    if balances.is_empty() {
        lines.push(language.say("  nothing", "  无").to_owned());
    }
    for balance in balances {
        let (asset, free) = (text(&balance["asset"]), text(&balance["available"]));
        let line = format!("  {:>24} {asset}", text(&balance["posted"]));
        lines.push(match (balance["posted"] == balance["available"], language) {
            (true, _) => line,
            (false, Language::En) => format!("{line}, {free} of it free"),
            (false, Language::Zh) => format!("{line}，其中可用 {free}"),
        });
    }
    lines
}

fn statement(args: &Statement) -> Result<(), Failure> {
    let account = args.call.account(&args.account)?;
    let mut path = format!("/api/v1/accounts/{account}/entries?perPage={}", args.count);
    if let Some(before) = &args.before {
        path = format!("{path}&nextPageToken={}", encoded(before));
    }
    let answer = args.call.get(&path)?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    let entries = answer.json["entries"].as_array().map_or(&[][..], Vec::as_slice);
    for entry in entries {
        for line in statement_lines(entry, args.call.language()) {
            output::line(line)?;
        }
    }
    if let Some(last) = entries.last().filter(|_| answer.next.is_some()) {
        let older = args.call.language().say("older lines", "更早的明细");
        output::line(format!("{older}: --before {}", text(&last["entry"])))?;
    }
    Ok(())
}

/// One change in lines: when and how much with what was there after it, then what for.
fn statement_lines(entry: &Value, language: Language) -> Vec<String> {
    let time = text(&entry["time"]).get(..19).unwrap_or_default().replace('T', " ");
    let mut lines = Vec::new();
    let none = Vec::new();
    let moved = entry["moved"].as_array().unwrap_or(&none);
    let balance = entry["balance"].as_array().unwrap_or(&none);
    for (moved, balance) in moved.iter().zip(balance) {
        let (moved, after) = (money(moved), text(&balance["amount"]));
        let then = language.say("then", "之后");
        let line = format!("{time}  {moved}, {then} {after}");
        match columns(&line) <= COLUMNS {
            true => lines.push(line),
            false => lines.extend([format!("{time}  {moved}"), format!("    {then} {after}")]),
        }
    }
    let cause = &entry["cause"];
    let why = match text(&cause["kind"]) {
        "command" if cause["memo"].is_string() => {
            format!("{}: {}", text(&cause["reference"]), text(&cause["memo"]))
        }
        "command" => {
            let (reference, account) = (text(&cause["reference"]), text(&cause["account"]));
            match language {
                Language::En => format!("{reference} of {account}"),
                Language::Zh => format!("{account} 的 {reference}"),
            }
        }
        "deposit" => {
            format!("{} {}", language.say("deposit", "存入款项"), text(&cause["deposit"]))
        }
        "milestone" => {
            format!("{} {}", language.say("milestone", "里程碑"), text(&cause["milestone"]))
        }
        _ => language.say("the agreement ended", "协议结束").to_owned(),
    };
    lines.extend(super::calling::wrapped(&format!("    {why}"), 4));
    if cause["agreement"].is_string() {
        let of = language.say("of", "协议");
        lines.push(format!("    {of} {}", text(&cause["agreement"])));
    }
    lines
}

fn account(args: &Account) -> Result<(), Failure> {
    let mut above = Vec::new();
    for limit in &args.two_agents_above {
        let (amount, asset) = limit.split_once(' ').ok_or_else(|| {
            Failure::Usage(format!("{limit:?} is no limit: write '1000.00 EUR@bank'"))
        })?;
        above.push(json!({"asset": asset.trim(), "amount": amount}));
    }
    let approval = match args.two_agents || !above.is_empty() {
        true => json!({"two_agents": {"above": above}}),
        false => json!("one_agent"),
    };
    let body = json!({"reference": args.reference, "approval": approval});
    let path = format!("/api/v1/accounts/{}", args.call.account(&args.account)?);
    let answer = args.call.put(&path, &body)?;
    report(&args.call, &answer.json)
}

fn asset(args: &Asset) -> Result<(), Failure> {
    let answer = args.call.get(&format!("/api/v1/assets/{}", encoded(&args.asset)))?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    let asset = &answer.json;
    pair("asset", text(&asset["asset"]))?;
    pair("issuer", text(&asset["issuer"]))?;
    pair("outstanding", text(&asset["outstanding"]))?;
    let trial = &asset["trial_balance"];
    for held in trial["balances"].as_array().into_iter().flatten() {
        let line = format!("{:>24} {}", text(&held["amount"]), text(&held["account"]));
        print(&line, 25)?;
    }
    if trial.is_object() {
        pair("sum", text(&trial["sum"]))?;
        pair(
            "balanced",
            match trial["balanced"].as_bool() {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "not all added up",
            },
        )?;
    }
    Ok(())
}

fn waiting(args: &Waiting) -> Result<(), Failure> {
    let answer = args.call.get("/api/v1/approvals")?;
    if args.call.printed(&answer.json)? {
        return Ok(());
    }
    let waiting = answer.json["waiting"].as_array().map_or(&[][..], Vec::as_slice);
    let acceptances = answer.json["acceptances"].as_array().map_or(&[][..], Vec::as_slice);
    if waiting.is_empty() && acceptances.is_empty() {
        return output::line("nothing waits for a second agent");
    }
    for one in acceptances {
        let (title, role) = (text(&one["title"]), text(&one["role"]));
        let (by, until) = (text(&one["by"]), text(&one["until"]));
        print(&format!("accept {title} as {role}, by {by} until {until}"), 2)?;
        print(&format!("  tracehold agreement accept {}", text(&one["agreement"])), 4)?;
    }
    for one in waiting {
        let until = text(&one["waiting_until"]);
        let line = format!("{}, by {} until {until}", asked(one), text(&one["by"]));
        print(&line, 2)?;
    }
    Ok(())
}

/// What a second agent says yes to, all of it.
fn asked(one: &Value) -> String {
    let command = &one["command"];
    let (account, reference) = (text(&one["account"]), text(&one["reference"]));
    let mut line = format!("{account} {reference}: {}", text(&command["action"]));
    if command["money"].is_object() {
        line = format!("{line} {}", money(&command["money"]));
    }
    for (field, word) in [
        ("from", "from"),
        ("to", "to"),
        ("deposit", "for the deposit"),
        ("agreement", "of agreement"),
        ("expires_at", "held until"),
        ("memo", "for"),
    ] {
        if let Some(said) = command[field].as_str() {
            line = format!("{line} {word} {said}");
        }
    }
    if let Some(due) = command["terms"]["note"]["due"].as_str() {
        line = format!("{line} due {due}");
    }
    if let Some(document) = command["terms"]["title"]["document"].as_str() {
        line = format!("{line} with the document {document}");
    }
    match &command["approval"] {
        Value::Null => line,
        rule => format!("{line} {rule}"),
    }
}

fn answer(args: &Answered, how: &str) -> Result<(), Failure> {
    let reference = match &args.reference {
        Some(reference) => reference.clone(),
        None => usual_reference(how, &args.waiting),
    };
    let account = args.call.account(&args.account)?;
    let path = format!("/api/v1/approvals/{account}/{}/{how}", encoded(&args.waiting));
    send(&args.call, &path, &json!({"reference": reference}))
}

/// The reference of an answer that was given none: one for each thing that waits, so that sending
/// it again is a retry. A long one has a digest instead, since its beginning may be another's too.
fn usual_reference(how: &str, waiting: &str) -> String {
    let plain = format!("{how}:{waiting}");
    if plain.len() <= MAX_REFERENCE_BYTES {
        return plain;
    }
    let digest = format!("{how}:{}", Digest::of_file(waiting.as_bytes()));
    digest.chars().take(MAX_REFERENCE_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_command_is_told_plainly() {
        let done = json!({"account": "buyer/main", "reference": "INV-7", "status": "done",
            "repeated": true, "transaction_id": "ab", "moved": {"postings": [
                {"account": "buyer/main", "asset": "EUR@bank", "amount": "-12.50"}]}});
        assert_eq!(
            told(&done, Language::En),
            [
                "INV-7 of buyer/main is done",
                "it had been sent before: nothing happened again",
                "  buyer/main -12.50 EUR@bank",
                "transaction ab",
            ]
        );
    }

    #[test]
    fn what_waits_is_shown_whole() {
        let one = |command: Value| {
            asked(&json!({"account": "b/x", "reference": "r",
            "command": command}))
        };
        let sum = json!({"asset": "EUR@bank", "amount": "5.00"});
        assert_eq!(
            one(json!({"action": "hold", "money": sum, "to": "s/main", "expires_at": "T"})),
            "b/x r: hold 5.00 EUR@bank to s/main held until T"
        );
        assert_eq!(
            one(json!({"action": "redeem", "money": sum, "from": "main"})),
            "b/x r: redeem 5.00 EUR@bank from main"
        );
        assert_eq!(
            one(json!({"action": "issue", "money": sum, "to": "s/main",
                "terms": {"note": {"due": "T"}}})),
            "b/x r: issue 5.00 EUR@bank to s/main due T"
        );
        assert_eq!(
            one(json!({"action": "fund", "money": sum, "agreement": "ab", "deposit": "price"})),
            "b/x r: fund 5.00 EUR@bank for the deposit price of agreement ab"
        );
    }

    #[test]
    fn long_references_of_what_waits_keep_apart() {
        assert_eq!(usual_reference("approve", "INV-7"), "approve:INV-7");
        let long = |end: &str| usual_reference("approve", &format!("{}{end}", "x".repeat(63)));
        assert_eq!(long("a"), long("a"));
        assert_ne!(long("a"), long("b"));
        assert!(tracehold_chain::money::Reference::new(long("a")).is_ok());
    }

    #[test]
    fn statements_fit_the_screen() {
        let long = "x".repeat(140);
        let asset = format!("note:EUR@{}/{}", "m".repeat(40), "r".repeat(64));
        let entry = json!({"time": "2026-03-01T09:30:00.250Z", "entry": "3-1-0",
            "moved": [{"asset": "EUR@bank", "amount": "-12.50"}],
            "balance": [{"asset": "EUR@bank", "amount": "87.50"}],
            "cause": {"kind": "command", "reference": "INV-7", "memo": format!("for {long}")}});
        let lines = statement_lines(&entry, Language::En);
        assert_eq!(lines[0], "2026-03-01 09:30:00  -12.50 EUR@bank, then 87.50");
        assert_eq!(lines[1], "    INV-7: for");
        let entry = json!({"time": "2026-03-01T09:30:00.250Z",
            "moved": [{"asset": asset, "amount": "-1.00"}],
            "balance": [{"asset": asset, "amount": "0.00"}], "cause": {"kind": "end",
            "agreement": "ab"}});
        assert_eq!(
            statement_lines(&entry, Language::En)[1..],
            ["    then 0.00", "    the agreement ended", "    of ab"]
        );
    }
}
