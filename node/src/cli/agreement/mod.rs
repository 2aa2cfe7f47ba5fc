//! `tracehold agreement`: terms and agreements through a node.

mod act;
mod look;
mod terms;

use clap::Subcommand;
use serde_json::{Value, json};
use tracehold_contracts::agreement::words::Language;

use super::Failure;
use super::calling::{Call, encoded, pair, print, text};
use act::{Act, Approve, Dispute, Fund, Rule};
use look::{List, One};
use terms::{Check, Propose, Templates};

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
    #[command(after_help = "Example:\n  tracehold agreement show 5f0c… --lang zh")]
    Show(One),
    /// Say for each milestone what it waits for, from whom, and what happens otherwise
    #[command(after_help = "Example:\n  tracehold agreement explain 5f0c… --lang zh")]
    Explain(One),
    /// Show every step that it went
    #[command(after_help = "Example:\n  tracehold agreement story 5f0c… --lang zh")]
    Story(One),
    /// Say yes to what a condition asks
    #[command(after_help = "Example:\n  tracehold agreement approve 5f0c… samples")]
    Approve(Approve),
    /// Ask to cancel: it ends when every role but the arbiter has asked
    #[command(after_help = "Example:\n  tracehold agreement cancel 5f0c…")]
    Cancel(Act),
    /// Take your request to cancel back
    #[command(after_help = "Example:\n  tracehold agreement withdraw-cancel 5f0c…")]
    WithdrawCancel(Act),
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

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Templates(args) => terms::templates(args),
        Command::Check(args) => terms::check(args),
        Command::Propose(args) => terms::propose(args),
        Command::Accept(args) => act::act(args, "accept", json!({})),
        Command::Decline(args) => act::act(args, "decline", json!({})),
        Command::Fund(args) => act::fund(args),
        Command::List(args) => look::list(args),
        Command::Show(args) => look::show(args),
        Command::Explain(args) => look::explain(args),
        Command::Story(args) => look::story(args),
        Command::Approve(args) => act::act(&args.act, "approve", json!({"what": args.what})),
        Command::Cancel(args) => act::act(args, "cancel", json!({})),
        Command::WithdrawCancel(args) => act::act(args, "withdraw-cancel", json!({})),
        Command::Dispute(args) => act::act(&args.act, "dispute", json!({"reason": args.reason})),
        Command::Rule(args) => act::rule(args),
    }
}

fn list_of(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/agreements/{}{rest}", encoded(id))
}

/// Says what a command did and where the agreement is now.
fn done(call: &Call, told: &Value) -> Result<(), Failure> {
    if call.printed(told)? {
        return Ok(());
    }
    let language = call.language();
    pair(language.say("agreement", "协议"), text(&told["id"]))?;
    if told["repeated"] == true {
        let again = "it had been done before: nothing happened again";
        print(language.say(again, "此前已完成：没有再次发生"), 0)?;
    }
    for step in list_of(&told["steps"]) {
        print(&format!("  {}", said(step, language)), 4)?;
    }
    stage(&told["agreement"], language)
}

/// How an agreement stands, in a few words.
fn stage(agreement: &Value, language: Language) -> Result<(), Failure> {
    if agreement.is_object() {
        pair(language.say("stage", "状态"), said(agreement, language))?;
    }
    Ok(())
}

/// What the node says of something in a language.
fn said(value: &Value, language: Language) -> &str {
    text(&value["said"][super::calling::tag(language)])
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
}
