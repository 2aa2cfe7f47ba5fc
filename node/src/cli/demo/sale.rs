//! What is agreed before the goods travel: the coffee is paid when it is delivered and inspected,
//! the vaccine's maker answers for its temperature, and a second pallet waits to be received.

use serde_json::{Value, json};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::templates::template;

use super::companies::Who;
use super::parts::{DAY_MS, MINUTE_MS};
use super::record::{Halt, Stage};
use super::{coffee, vaccine};
use crate::cli::Failure;
use crate::cli::init::now;

/// The bank issues it.
const ASSET: &str = "EUR@harbour-bank";
/// What the bank issues to the store: all prices and some.
const STORE_MONEY: &str = "30000.00";
/// What one pallet of coffee costs.
pub const COFFEE_PRICE: &str = "2640.00";
/// What the vaccine costs.
const VACCINE_PRICE: &str = "9000.00";
/// What its maker loses when it gets too warm.
pub const PENALTY: &str = "900.00";

/// How long the parties have to accept, and to pay in; what a stop leaves in the middle is taken
/// up within that time, or proposed anew.
const ACCEPT_WITHIN_MS: u64 = DAY_MS;
const PAY_WITHIN_MS: u64 = 2 * DAY_MS;
/// What is left of that time when an agreement is still taken up.
const SPARE_MS: u64 = 2 * MINUTE_MS;
/// How long the goods may take: a folder may rest for months before it goes on.
const ENDS_AFTER_MS: u64 = 365 * DAY_MS;

/// An agreement of the demo.
pub struct Sale {
    /// Begins the references under which it is proposed and paid.
    name: &'static str,
    /// What is sold, in a few words.
    pub title: &'static str,
    template: &'static str,
    proposer: Who,
    /// Who takes part, by role.
    roles: &'static [(&'static str, Who)],
    /// Who pays which deposit.
    deposits: &'static [(&'static str, Who)],
    /// The rest of the template's parameters.
    more: Value,
}

/// An agreement that runs, or has ended.
pub struct Agreed {
    /// Its id.
    pub id: String,
    /// What is sold.
    pub title: &'static str,
}

/// The three of them: first pallet, vaccine, second pallet.
fn sales() -> [Sale; 3] {
    [
        pallet("coffee-1", "Coffee, pallet 1: 120 bags", 1),
        Sale {
            name: "vaccine",
            title: "Vaccine, 3 cartons, at most 8 °C",
            template: "cold-chain-penalty",
            proposer: Who::Vaccine,
            // The thermometer in the box is the carrier's, who gains nothing by what it says.
            roles: &[("buyer", Who::Store), ("seller", Who::Vaccine), ("logger", Who::Carrier)],
            deposits: &[("price", Who::Store), ("penalty", Who::Vaccine)],
            more: json!({
                "price": format!("{VACCINE_PRICE} {ASSET}"),
                "penalty": format!("{PENALTY} {ASSET}"),
                "max_temperature": "8",
                "tolerance": "PT30M",
                "max_gap": "PT1H",
                // The year is recorded in seconds: nobody waits for late readings.
                "settle": "PT0S",
                "goods": [vaccine::cool_box()],
            }),
        },
        pallet("coffee-2", "Coffee, pallet 2: 120 bags", 2),
    ]
}

fn pallet(name: &'static str, title: &'static str, number: u32) -> Sale {
    Sale {
        name,
        title,
        template: "escrow-on-delivery-and-inspection",
        proposer: Who::Coffee,
        roles: &[
            ("buyer", Who::Store),
            ("seller", Who::Coffee),
            ("inspector", Who::Inspector),
            ("arbiter", Who::Bank),
        ],
        deposits: &[("price", Who::Store)],
        more: json!({
            "price": format!("{COFFEE_PRICE} {ASSET}"),
            "goods": [coffee::pallet(number)],
            "ruling_within": "P7D",
        }),
    }
}

/// Makes the money, and takes the agreements to where the goods can release them: only what is
/// recorded from then on counts. What is done already is not done again.
pub fn agree(stage: Stage<'_>) -> Result<Vec<Agreed>, Halt> {
    let issues = [(Who::Store, STORE_MONEY), (Who::Vaccine, PENALTY)];
    stage.each(&issues, |(who, amount)| {
        let member = who.id();
        let body = json!({
            "reference": format!("demo-{member}"), "asset": ASSET, "amount": amount,
            "to": format!("{member}/main"),
        });
        stage.post(Who::Bank, "/api/v1/accounts/harbour-bank:issuance/issues", &body)
    })?;
    // The newest first; the store has a part in all of them.
    let list = stage.client(Who::Store).get("/api/v1/agreements?perPage=1000")?.json;
    let known = list["agreements"].as_array().map_or(&[][..], Vec::as_slice);
    let now = now()?;
    let sales = sales();
    let proposed = stage.each(&sales, |sale| propose(stage, sale, known, now))?;
    let open = |stages: &'static [&'static str]| {
        let both = sales.iter().zip(&proposed);
        both.filter(move |(_, told)| stages.iter().any(|stage| told["stage"] == *stage))
    };
    let accepts: Vec<_> = open(&["proposed"])
        .flat_map(|(sale, told)| sale.roles.iter().map(move |role| (*role, &told["id"])))
        .collect();
    stage.each(&accepts, |((role, who), id)| {
        stage.post(*who, &path(id, "/accept"), &json!({ "role": role }))
    })?;
    let payments: Vec<_> = open(&["proposed", "accepted"])
        .flat_map(|(sale, told)| sale.deposits.iter().map(move |deposit| (*deposit, told)))
        .collect();
    stage.each(&payments, |((deposit, who), told)| {
        let reference = told["reference"].as_str().unwrap_or_default();
        let body = json!({ "reference": format!("{reference}-{deposit}"), "deposit": deposit });
        stage.post(*who, &path(&told["id"], "/fund"), &body)
    })?;
    let agreed = sales.iter().zip(&proposed).map(|(sale, told)| Agreed {
        id: told["id"].as_str().unwrap_or_default().to_owned(),
        title: sale.title,
    });
    Ok(agreed.collect())
}

fn path(id: &Value, what: &str) -> String {
    format!("/api/v1/agreements/{}{what}", id.as_str().unwrap_or_default())
}

/// The agreement of this sale that is on record, or a new one with times from now on: one that was
/// proposed before a long stop may have ended because nobody accepted or paid in time.
fn propose(
    stage: Stage<'_>,
    sale: &Sale,
    known: &[Value],
    now: TimestampMs,
) -> Result<Value, Halt> {
    let begun = format!("{}.", sale.name);
    let of_sale = |told: &&Value| {
        told["reference"].as_str().is_some_and(|reference| reference.starts_with(&begun))
    };
    let earlier: Vec<&Value> = known.iter().filter(of_sale).collect();
    if let Some(told) = earlier.first().filter(|told| !has_lapsed(told, now)) {
        return Ok((*told).clone());
    }
    let reference = format!("{begun}{}", earlier.len() + 1);
    let body = json!({ "reference": reference, "terms": terms(sale, now) });
    let mut proposed = stage.post(sale.proposer, "/api/v1/agreements", &body)?;
    let mut told = proposed["agreement"].take();
    told["id"] = proposed["id"].take();
    told["reference"] = reference.into();
    Ok(told)
}

/// Whether an agreement ended before it ran, or does so with the next block.
fn has_lapsed(told: &Value, now: TimestampMs) -> bool {
    let proposed = told["proposed_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let proposed = proposed.and_then(|at| u64::try_from(at.as_millisecond()).ok()).unwrap_or(0);
    let late = |within: u64| now.0.saturating_add(SPARE_MS) > proposed.saturating_add(within);
    match told["stage"].as_str() {
        Some("proposed") => late(ACCEPT_WITHIN_MS),
        Some("accepted") => late(PAY_WITHIN_MS),
        _ => matches!(told["ended"]["how"].as_str(), Some("not_accepted" | "unfunded")),
    }
}

fn terms(sale: &Sale, now: TimestampMs) -> Value {
    // In whole minutes: people read these times.
    let at = |ms| Value::from(TimestampMs(now.plus_ms(ms).0 / MINUTE_MS * MINUTE_MS).to_string());
    let mut parameters = sale.more.as_object().expect("an object").clone();
    parameters.insert("title".to_owned(), sale.title.into());
    for (role, who) in sale.roles {
        parameters.insert((*role).to_owned(), who.id().into());
    }
    parameters.insert("accept_by".to_owned(), at(ACCEPT_WITHIN_MS));
    parameters.insert("pay_by".to_owned(), at(PAY_WITHIN_MS));
    parameters.insert("deadline".to_owned(), at(ENDS_AFTER_MS));
    let template = template(sale.template).expect("the templates of the demo are there");
    let filled = template.fill(&parameters.into_iter().collect());
    let terms = filled.expect("the demo fills its templates");
    serde_json::to_value(terms).expect("terms are JSON")
}

/// How an agreement stands: `running`, or `released` when it has ended so.
pub fn standing(stage: Stage<'_>, agreed: &Agreed) -> Result<String, Failure> {
    let told = stage.client(Who::Store).get(&format!("/api/v1/agreements/{}", agreed.id))?.json;
    let word = told["ended"]["how"].as_str().or_else(|| told["stage"].as_str());
    Ok(word.unwrap_or("unknown").to_owned())
}

#[cfg(test)]
mod tests {
    use tracehold_chain::agreement::Terms;

    use super::*;

    /// A folder is resumed hours or days after a stop in the middle of its sales.
    #[test]
    fn what_a_long_stop_let_lapse_is_proposed_anew() {
        let now = TimestampMs(1_780_000_000_000);
        let told = |stage: &str, how: &str, ago: u64| {
            json!({
                "stage": stage, "ended": { "how": how },
                "proposed_at": TimestampMs(now.0 - ago).to_string(),
            })
        };
        for (stage, how, ago, lapsed) in [
            ("proposed", "", DAY_MS / 2, false),
            ("proposed", "", DAY_MS, true),
            ("accepted", "", DAY_MS, false),
            ("accepted", "", 2 * DAY_MS, true),
            ("running", "", 90 * DAY_MS, false),
            ("ended", "released", 90 * DAY_MS, false),
            ("ended", "not_accepted", DAY_MS, true),
            ("ended", "unfunded", DAY_MS, true),
        ] {
            let told = told(stage, how, ago);
            assert_eq!(has_lapsed(&told, now), lapsed, "{told}");
        }
    }

    #[test]
    fn the_terms_of_the_demo_are_terms() {
        for sale in sales() {
            let filled = terms(&sale, TimestampMs(1_780_000_000_000));
            let terms: Terms = serde_json::from_value(filled).unwrap();
            assert_eq!(terms.roles.len(), sale.roles.len());
            assert_eq!(terms.deposits.len(), sale.deposits.len());
        }
    }
}
