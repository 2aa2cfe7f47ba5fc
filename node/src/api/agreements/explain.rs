//! `GET /api/v1/agreements/{id}/explain`: why an agreement stands where it stands.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tracehold_chain::agreement::Terms;
use tracehold_contracts::agreement::explain::{Explained, Explanation, Sentence, explain};
use tracehold_contracts::agreement::{AgreementRecord, Context, View};

use super::super::ApiState;
use super::super::auth::Keyed;
use super::super::extract::InPath;
use super::super::problem::Problem;
use super::view::{Both, Sentences};
use super::{AgreementPath, found, id_in_path, mirrored, no_agreement, stage_code};
use crate::fault::Fault;
use crate::view::ReadView;

/// Where an agreement stands, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExplanationView {
    /// What is explained.
    #[serde(flatten)]
    pub told: ExplainedAgreement,
    /// `proposed`, `accepted`, `running`, `disputed` or `ended`.
    pub stage: String,
    /// Everything that is said, in order; what belongs to something stands further in.
    pub sentences: Sentences,
}

/// An agreement, milestone by milestone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExplainedAgreement {
    /// Which.
    pub id: String,
    /// How it stands: what is awaited before it runs, how it ended.
    pub summary: Vec<Both>,
    /// Its milestones, in the order of the terms.
    pub milestones: Vec<ExplainedMilestoneView>,
    /// Members that have recorded as many events as it keeps of one: more do not count for it.
    pub full: Vec<String>,
}

/// A milestone, and why it stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExplainedMilestoneView {
    /// Which.
    pub id: String,
    /// `fulfilled`, `in_part`, `in_window`, `waiting`, `blocked` (others come first) or `lost` (it
    /// cannot be fulfilled any more).
    pub status: String,
    /// The same and more in sentences: what comes when, and what happens otherwise.
    pub said: Vec<Both>,
    /// The part that was paid, in millionths.
    pub paid_parts: u32,
    /// The events on which it paid.
    pub events: Vec<EventRefView>,
    /// Those of them that were corrected since.
    pub corrected: Vec<EventRefView>,
    /// Its condition, while it can still be fulfilled.
    pub condition: Option<ConditionView>,
}

/// An event of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventRefView {
    /// Its eventID.
    pub event_id: String,
    /// The member that vouches for it.
    pub recorder: String,
    /// When it happened (RFC 3339).
    pub event_time: String,
    /// When it was recorded (RFC 3339).
    pub recorded_at: String,
    /// Where it stands in the history.
    pub position: PositionView,
}

/// A place in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PositionView {
    /// The block.
    pub height: u64,
    /// The transaction in the block, from 0.
    pub transaction: u32,
    /// The event in the transaction, from 0.
    pub event: u32,
}

/// A condition, and why it stands as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConditionView {
    /// Its number in the milestone, in the order in which conditions are written, from 0.
    pub condition: u8,
    /// `observed`, `readings`, `inspected`, `title_held`, `title_surrendered`, `approved`, `after`,
    /// `elapsed`, `no_open_anomaly`, `all`, `any`, `at_least` or `not`.
    pub kind: String,
    /// `holds`, `in_part`, `waiting`, `not_covered`, `does_not_hold` or `decided_against`.
    pub status: String,
    /// The same in a sentence.
    pub said: Both,
    /// The events that count for it so far; at most 100.
    pub events: Vec<EventRefView>,
    /// From whom what is missing is awaited.
    pub awaits: Vec<WhoView>,
    /// The items that are missing; at most 20.
    pub missing: Vec<String>,
    /// Times without readings; at most 20.
    pub gaps: Vec<GapView>,
    /// When it may change by itself.
    pub next: Option<String>,
    /// The conditions inside it.
    #[schema(no_recursion)]
    pub of: Vec<ConditionView>,
}

/// A member in its role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WhoView {
    /// The role.
    pub role: String,
    /// The member that has it.
    pub member: String,
}

/// A time without readings that is longer than the terms allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GapView {
    /// The item, when the goods are named.
    pub item: Option<String>,
    /// From when (RFC 3339).
    pub from: String,
    /// To when (RFC 3339).
    pub to: String,
}

/// Explain an agreement
///
/// A tree for each milestone: what is satisfied by which event, what is awaited from whom, what
/// happens if it does not come and when; and the same in plain sentences in English and Chinese.
#[utoipa::path(
    get, path = "/api/v1/agreements/{id}/explain", tag = "Agreements",
    params(AgreementPath),
    responses(
        (status = 200, description = "Where it stands, and why", body = ExplanationView),
        (status = 400, description = "Not an id"),
        (status = 404, description = "There is none in which you have a role"),
    ),
    security(("api_key" = []))
)]
pub async fn get_explain(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<ExplanationView>, Problem> {
    let id = id_in_path(&id)?;
    let caller = keyed.caller();
    let read = state.read_much(move |view| {
        let Some((record, terms)) = found(view, &caller, id)? else { return Ok(None) };
        let explained = explanation(view, &record, &terms)?;
        let told = ExplanationView {
            told: mirrored(&explained)?,
            stage: stage_code(&record.stage).to_owned(),
            sentences: Sentences {
                en: sentences(&explained, |said| &said.en),
                zh: sentences(&explained, |said| &said.zh),
            },
        };
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

/// Why an agreement stands where it stands.
///
/// # Errors
/// [`Fault`] when what counts for it cannot be read.
pub fn explanation(
    view: &ReadView,
    record: &AgreementRecord,
    terms: &Terms,
) -> Result<Explanation, Fault> {
    let facts = view.facts(record)?;
    let get = |key: &[u8]| view.state_bytes(key);
    let context = Context {
        terms,
        record,
        facts: &facts,
        as_of: View::now(view.head().block_time),
        known_before: View::now(view.head().block_time),
        last: false,
        get: &get,
        authority: view.authority(),
    };
    view.readable(explain(&context))
}
