//! What parties do with an agreement from a shell.

use serde_json::{Value, json};

use super::super::Failure;
use super::super::calling::Call;
use super::super::money::report;
use super::{done, path, stage};

#[derive(Debug, clap::Args)]
pub struct Act {
    /// The agreement's id
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Your role; needed only when your member has several
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    #[command(flatten)]
    pub(super) call: Call,
}

#[derive(Debug, clap::Args)]
pub struct Fund {
    /// The agreement's id
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Your name for this payment, unique on the account for ever
    #[arg(long, value_name = "REFERENCE")]
    pub(super) reference: String,
    /// Which deposit; needed only when you have several
    #[arg(long, value_name = "DEPOSIT")]
    pub(super) deposit: Option<String>,
    /// The purpose of the account that pays; that of your role when left out
    #[arg(long, value_name = "PURPOSE")]
    pub(super) account: Option<String>,
    #[command(flatten)]
    pub(super) call: Call,
}

#[derive(Debug, clap::Args)]
pub struct Approve {
    #[command(flatten)]
    pub(super) act: Act,
    /// What is approved, as the terms call it
    #[arg(value_name = "WHAT")]
    pub(super) what: String,
}

#[derive(Debug, clap::Args)]
pub struct Dispute {
    #[command(flatten)]
    pub(super) act: Act,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, clap::Args)]
pub struct Rule {
    /// The agreement's id
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Who gets so much, as 'ROLE=AMOUNT ASSET'; may be given again
    #[arg(long, value_name = "ROLE=AMOUNT ASSET")]
    pub(super) amount: Vec<String>,
    /// Who gets what is left of an asset, as 'ROLE=ASSET'; may be given again
    #[arg(long, value_name = "ROLE=ASSET")]
    pub(super) rest: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) call: Call,
}

pub fn act(args: &Act, what: &str, mut body: Value) -> Result<(), Failure> {
    if let Some(role) = &args.role {
        body["role"] = json!(role);
    }
    let answer = args.call.post(&path(&args.id, &format!("/{what}")), &body)?;
    done(&args.call, &answer.json)
}

pub fn rule(args: &Rule) -> Result<(), Failure> {
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

pub fn fund(args: &Fund) -> Result<(), Failure> {
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
    report(&args.call, &answer.json["payment"])?;
    stage(&answer.json["agreement"], args.call.language())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
