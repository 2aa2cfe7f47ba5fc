//! x
use super::problem::{Kind, Problem};
use serde_json::{Value, json};
use tracehold_chain::money::AgreementId;
use tracehold_contracts::agreement::{Ending, Paid, StepKind};
/// x
pub fn no_agreement(id: &AgreementId) -> Problem {
    let detail = format!("there is no agreement {id} in which your member has a role");
    Problem::new(Kind::NotFound, detail).code("agreement-unknown")
}
/// A step of an agreement as clients see it.
pub fn step_json(agreement: AgreementId, what: &StepKind) -> Value {
    json!({"agreement": agreement.to_string(), "x": format!("{what:?}")})
}
