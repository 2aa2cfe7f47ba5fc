//! What is agreed before the coffee travels: a sale that pays when the pallet is received and
//! inspected, and a carrier's guarantee for a second pallet, whose temperature breaks.

use std::time::Instant;

use serde_json::{Value, json};
use tracehold_chain::units::TimestampMs;
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
/// What the carrier puts down for the second pallet.
const GUARANTEE: &str = "5000.00";
/// What of it the roaster gets when the cold chain breaks.
const PENALTY: &str = "2000.00";

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
    /// Who pays the deposit.
    payer: Who,
}

/// Makes the money, and takes both agreements to where the goods can release them. What is done
/// already is not done again.
pub fn agree(network: &Testnet, agreed_at: TimestampMs) -> Result<Vec<Agreed>, Failure> {
    let bank = node_of(network, Who::Bank);
    for (who, amount) in [(Who::Roaster, PRICE), (Who::Carrier, GUARANTEE)] {
        let (member, ..) = who.row();
        let body = json!({
            "reference": format!("demo-{member}"), "asset": ASSET, "amount": amount,
            "to": format!("{member}/main"),
        });
        post(bank, "/api/v1/accounts/harbour-bank:issuance/issues", &body)?;
    }
    [sale(agreed_at), guarantee(agreed_at)].iter().map(|plan| bring_about(network, plan)).collect()
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
        let body = json!({ "reference": format!("{}-deposit", plan.reference) });
        post(node_of(network, plan.payer), &format!("{path}/fund"), &body)?;
    }
    Ok(Agreed { id, title: plan.title, seen_by: plan.payer })
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

fn role(role: &str, who: Who) -> Value {
    json!({ "role": role, "member": who.row().0 })
}

fn rest(to: &str) -> Value {
    json!({ "remainder": { "to": to, "asset": ASSET } })
}

fn received() -> Value {
    json!({ "biz_step": "receiving", "by": ["buyer"] })
}

fn deposit(id: &str, role: &str, amount: &str, due: TimestampMs) -> Value {
    json!([{
        "id": id, "role": role, "due": due.to_string(),
        "money": { "asset": ASSET, "amount": amount },
    }])
}

/// Green coffee against payment: released when the roaster has received the pallet and the
/// inspection found it as it should be.
fn sale(agreed_at: TimestampMs) -> Plan {
    let at = |ms| agreed_at.plus_ms(ms);
    let roles: &[(&str, Who)] =
        &[("buyer", Who::Roaster), ("seller", Who::Cooperative), ("inspector", Who::Lab)];
    let terms = json!({
        "title": "Green coffee, one pallet: paid on delivery and passed inspection",
        "roles": roles.iter().map(|(name, who)| role(name, *who)).collect::<Vec<_>>(),
        "goods": { "items": [story::pallet()] },
        "accept_by": at(HOUR_MS).to_string(),
        "deposits": deposit("price", "buyer", PRICE, at(2 * HOUR_MS)),
        "milestones": [{
            "id": "delivered",
            "when": { "all": [
                { "observed": { "event": received() } },
                { "inspected": { "by": ["inspector"] } },
            ] },
            "pay": [rest("seller")],
            "ends": true,
        }],
        "deadline": at(30 * DAY_MS).to_string(),
        "at_deadline": [rest("buyer")],
    });
    Plan {
        title: "the sale: the price is released on delivery and passed inspection",
        reference: "sale-881",
        proposer: Who::Cooperative,
        terms,
        roles,
        payer: Who::Roaster,
    }
}

/// The carrier answers for the temperature of the second pallet.
fn guarantee(agreed_at: TimestampMs) -> Plan {
    let at = |ms| agreed_at.plus_ms(ms);
    let roles: &[(&str, Who)] = &[("buyer", Who::Roaster), ("carrier", Who::Carrier)];
    let readings = |expect: &str| {
        json!({ "readings": {
            "measurement": "Temperature", "uom": "CEL", "max": "25",
            "outside_at_most": "PT2H", "max_gap": "P4D", "expect": expect, "by": ["carrier"],
            "from": { "biz_step": "departing", "by": ["carrier"] },
            "to": received(),
        } })
    };
    let arrived = json!({ "observed": { "event": received() } });
    let terms = json!({
        "title": "Second pallet: at most 25 °C at sea, 2 hours tolerated",
        "roles": roles.iter().map(|(name, who)| role(name, *who)).collect::<Vec<_>>(),
        "goods": { "items": [story::second_pallet()] },
        "accept_by": at(HOUR_MS).to_string(),
        "deposits": deposit("guarantee", "carrier", GUARANTEE, at(2 * HOUR_MS)),
        "milestones": [
            {
                "id": "kept",
                "when": { "all": [arrived, readings("kept")] },
                "pay": [rest("carrier")],
                "ends": true,
            },
            {
                "id": "broken",
                "when": { "all": [arrived, readings("broken")] },
                "pay": [
                    { "amount": {
                        "to": "buyer", "money": { "asset": ASSET, "amount": PENALTY },
                    } },
                    rest("carrier"),
                ],
                "ends": true,
            },
        ],
        "deadline": at(30 * DAY_MS).to_string(),
        "at_deadline": [rest("carrier")],
    });
    Plan {
        title: "the second pallet: it was too warm, so a penalty is paid and the rest goes back",
        reference: "guarantee-882",
        proposer: Who::Roaster,
        terms,
        roles,
        payer: Who::Carrier,
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::agreement::Terms;

    use super::*;

    #[test]
    fn the_terms_of_the_demo_are_terms() {
        for plan in
            [sale(TimestampMs(1_780_000_000_000)), guarantee(TimestampMs(1_780_000_000_000))]
        {
            let terms: Terms = serde_json::from_value(plan.terms).unwrap();
            assert_eq!(terms.roles.len(), plan.roles.len());
        }
    }
}
