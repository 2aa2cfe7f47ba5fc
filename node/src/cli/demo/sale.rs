//! What is agreed before the coffee travels: a sale that pays when the pallet is received and
//! inspected, and one of a second pallet with a penalty for a cold chain that breaks.

use std::time::Instant;

use serde_json::{Value, json};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::templates::template;
use tracehold_testnet::Testnet;
use tracehold_testnet::client::Answer;
use tracehold_testnet::network::RunningNode;

use super::story::{self, Who};
use super::{STEP_TIMEOUT, node_of};
use crate::cli::Failure;

/// The roaster's bank issues it.
const ASSET: &str = "EUR@harbour-bank";
/// What the green coffee costs.
const PRICE: &str = "48000.00";
/// What the second pallet costs.
const SECOND_PRICE: &str = "16000.00";
/// What the seller loses when it gets too warm.
const PENALTY: &str = "1500.00";
/// What the roaster's bank issues to it: both prices and some.
const ROASTER_MONEY: &str = "70000.00";

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// An agreement of the demo.
pub struct Agreed {
    /// Its id.
    pub id: String,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Whose page shows it.
    pub seen_by: Who,
}

/// An agreement before it is proposed.
struct Plan {
    title: &'static str,
    reference: &'static str,
    proposer: Who,
    terms: Value,
    /// Who takes part, by role.
    roles: &'static [(&'static str, Who)],
    /// Who pays which deposit.
    deposits: &'static [(&'static str, Who)],
}

/// Makes the money, and takes both agreements to where the goods can release them. What is done
/// already is not done again.
pub fn agree(network: &Testnet, agreed_at: TimestampMs) -> Result<Vec<Agreed>, Failure> {
    let bank = node_of(network, Who::Bank);
    for (who, amount) in [(Who::Roaster, ROASTER_MONEY), (Who::Cooperative, PENALTY)] {
        let member = member(who);
        let body = json!({
            "reference": format!("demo-{member}"), "asset": ASSET, "amount": amount,
            "to": format!("{member}/main"),
        });
        post(bank, "/api/v1/accounts/harbour-bank:issuance/issues", &body)?;
    }
    [sale(agreed_at), cold_chain(agreed_at)].iter().map(|plan| bring_about(network, plan)).collect()
}

fn bring_about(network: &Testnet, plan: &Plan) -> Result<Agreed, Failure> {
    let body = json!({ "reference": plan.reference, "terms": plan.terms });
    let proposed = post(node_of(network, plan.proposer), "/api/v1/agreements", &body)?;
    let id = proposed["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/api/v1/agreements/{id}");
    let stage = proposed["agreement"]["stage"].as_str().unwrap_or_default();
    if stage == "proposed" {
        for (role, who) in plan.roles {
            post(node_of(network, *who), &format!("{path}/accept"), &json!({ "role": role }))?;
        }
    }
    if matches!(stage, "proposed" | "accepted") {
        for (deposit, who) in plan.deposits {
            let reference = format!("{}-{deposit}", plan.reference);
            let body = json!({ "reference": reference, "deposit": deposit });
            post(node_of(network, *who), &format!("{path}/fund"), &body)?;
        }
    }
    Ok(Agreed { id, title: plan.title, seen_by: Who::Roaster })
}

/// How an agreement stands, such as `running`, or `released` when it has ended so.
pub fn stage(network: &Testnet, agreed: &Agreed) -> Result<String, Failure> {
    let client = node_of(network, agreed.seen_by).client();
    let told = client.get(&format!("/api/v1/agreements/{}", agreed.id))?.json;
    let word = told["ended"]["how"].as_str().or_else(|| told["stage"].as_str());
    Ok(word.unwrap_or("unknown").to_owned())
}

/// Sends a command; a node that has not caught up with the others yet is given time.
fn post(node: &RunningNode, path: &str, body: &Value) -> Result<Value, Failure> {
    let since = Instant::now();
    loop {
        let answer: Answer = node.client().post(path, body.to_string().as_bytes(), &[])?;
        if answer.is_success() {
            return Ok(answer.json);
        }
        let behind = matches!(answer.status, 404 | 503);
        if !behind || since.elapsed() > STEP_TIMEOUT {
            let reason = format!("{}: {path}: {}", node.name, answer.problem());
            return Err(Failure::Refused(reason));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// A template of the ledger with its parameters, as terms.
fn terms(name: &str, parameters: &Value) -> Value {
    let template = template(name).expect("the templates of the demo are there");
    let parameters = parameters.as_object().expect("an object").clone();
    let filled = template.fill(&parameters.into_iter().collect());
    let terms = filled.expect("the demo fills its templates");
    serde_json::to_value(terms).expect("terms are JSON")
}

fn member(who: Who) -> &'static str {
    who.row().0
}

/// Green coffee against payment: released when the roaster has received the pallet and the
/// inspection found it as it should be.
fn sale(agreed_at: TimestampMs) -> Plan {
    let at = |ms| agreed_at.plus_ms(ms).to_string();
    let parameters = json!({
        "title": "Green coffee, one pallet",
        "buyer": member(Who::Roaster),
        "seller": member(Who::Cooperative),
        "inspector": member(Who::Lab),
        "arbiter": member(Who::Bank),
        "price": format!("{PRICE} {ASSET}"),
        "goods": [story::pallet()],
        "accept_by": at(HOUR_MS),
        "pay_by": at(2 * HOUR_MS),
        "deadline": at(30 * DAY_MS),
        "ruling_within": "P7D",
    });
    Plan {
        title: "The sale: the price was released by the delivery and the passed inspection",
        reference: "sale-881",
        proposer: Who::Cooperative,
        terms: terms("escrow-on-delivery-and-inspection", &parameters),
        roles: &[
            ("buyer", Who::Roaster),
            ("seller", Who::Cooperative),
            ("inspector", Who::Lab),
            ("arbiter", Who::Bank),
        ],
        deposits: &[("price", Who::Roaster)],
    }
}

/// The second pallet: the seller answers for its temperature.
fn cold_chain(agreed_at: TimestampMs) -> Plan {
    let at = |ms| agreed_at.plus_ms(ms).to_string();
    let parameters = json!({
        "title": "Green coffee, a second pallet, at most 25 °C",
        "buyer": member(Who::Roaster),
        "seller": member(Who::Cooperative),
        "price": format!("{SECOND_PRICE} {ASSET}"),
        "penalty": format!("{PENALTY} {ASSET}"),
        "max_temperature": "25",
        "tolerance": "PT2H",
        "max_gap": "P4D",
        "settle": "PT0S",
        "goods": [story::second_pallet()],
        "accept_by": at(HOUR_MS),
        "pay_by": at(2 * HOUR_MS),
        "deadline": at(30 * DAY_MS),
    });
    Plan {
        title: "The second pallet: it was too warm, the penalty was paid and the price went back",
        reference: "sale-882",
        proposer: Who::Cooperative,
        terms: terms("cold-chain-penalty", &parameters),
        roles: &[("buyer", Who::Roaster), ("seller", Who::Cooperative)],
        deposits: &[("price", Who::Roaster), ("penalty", Who::Cooperative)],
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::agreement::Terms;

    use super::*;

    #[test]
    fn the_terms_of_the_demo_are_terms() {
        let start = TimestampMs(1_780_000_000_000);
        for plan in [sale(start), cold_chain(start)] {
            let terms: Terms = serde_json::from_value(plan.terms).unwrap();
            assert_eq!(terms.roles.len(), plan.roles.len());
            assert_eq!(terms.deposits.len(), plan.deposits.len());
        }
    }
}
