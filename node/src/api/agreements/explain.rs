//! `GET /api/v1/agreements/{id}/explain`: why an agreement stands where it stands.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tracehold_contracts::agreement::explain::{Explained, Explanation, Sentence, explain};
use tracehold_contracts::agreement::{Context, View};

use super::super::ApiState;
use super::super::auth::Keyed;
use super::super::extract::InPath;
use super::super::problem::Problem;
use super::{found, id_in_path, no_agreement, stage_code};

/// Explain an agreement
///
/// A tree for each milestone: what is satisfied by which event, what is awaited from whom, what
/// happens if it does not come and when; and the same in plain sentences in English and Chinese.
#[utoipa::path(
    get, path = "/api/v1/agreements/{id}/explain", tag = "Agreements",
    params(("id" = String, Path, description = "the agreement's id, 64 hex digits")),
    responses(
        (status = 200, description = "`stage`, `summary`, `milestones` with their conditions, and \
            `sentences` by language", body = Value),
        (status = 400, description = "Not an id"),
        (status = 404, description = "There is none in which you have a role"),
    ),
    security(("api_key" = []))
)]
pub async fn get_explain(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<Value>, Problem> {
    let id = id_in_path(&id)?;
    let caller = keyed.caller();
    let read = state.read_much(move |view| {
        let Some((record, terms)) = found(view, &caller, id)? else { return Ok(None) };
        let facts = view.facts(&record)?;
        let get = |key: &[u8]| view.state_bytes(key);
        let context = Context {
            terms: &terms,
            record: &record,
            facts: &facts,
            as_of: View::now(view.head().block_time),
            get: &get,
            authority: view.authority(),
        };
        let explained = view.readable(explain(&context))?;
        let mut told = serde_json::to_value(&explained).unwrap_or_default();
        told["stage"] = json!(stage_code(&record.stage));
        told["sentences"] = json!({
            "en": sentences(&explained, |said| &said.en),
            "zh": sentences(&explained, |said| &said.zh),
        });
        Ok(Some(told))
    });
    read.await?.map(Json).ok_or_else(|| no_agreement(&id))
}

/// Everything that is said, in order; what belongs to something stands further in.
fn sentences(explained: &Explanation, of: fn(&Sentence) -> &String) -> Vec<String> {
    let mut lines: Vec<String> = explained.summary.iter().map(|said| of(said).clone()).collect();
    for milestone in &explained.milestones {
        for (place, said) in milestone.said.iter().enumerate() {
            let mark = if place == 0 { format!("{}: ", milestone.id) } else { "  ".to_owned() };
            lines.push(format!("{mark}{}", of(said)));
        }
        if let Some(condition) = &milestone.condition {
            inside(condition, of, 1, &mut lines);
        }
    }
    lines
}

fn inside(
    condition: &Explained,
    of: fn(&Sentence) -> &String,
    depth: usize,
    lines: &mut Vec<String>,
) {
    lines.push(format!("{}{}", "  ".repeat(depth), of(&condition.said)));
    for inner in &condition.of {
        inside(inner, of, depth.saturating_add(1), lines);
    }
}
