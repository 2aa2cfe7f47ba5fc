//! What waits for a second agent of a member, who approves or declines it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tracehold_chain::money::{MoneyAction, MoneyCommand, Reference};
use tracehold_contracts::money::ReferenceStatus;

use super::ApiState;
use super::auth::Keyed;
use super::body::Fields;
use super::command::{CommandAnswers, CommandView, Sent, own_account, reference_in_path, run};
use super::extract::InPath;
use super::limits::MAX_WAITED_SEEN;
use super::problem::Problem;

/// Commands that wait for a second agent.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Approvals {
    /// Those of the caller's member, newest first.
    pub waiting: Vec<CommandView>,
}

/// List what waits for a second agent
///
/// The commands of the caller's member that another agent of it approves or declines.
#[utoipa::path(
    get, path = "/api/v1/approvals", tag = "Money",
    responses((status = 200, description = "What waits", body = Approvals)),
    security(("api_key" = []))
)]
pub async fn get_approvals(
    State(state): State<ApiState>,
    keyed: Keyed,
) -> Result<Json<Approvals>, Problem> {
    let member = keyed.agent.agent_id.member().clone();
    let waiting = state.read(move |view| {
        let records = view.waited(&member, MAX_WAITED_SEEN)?;
        let open = records
            .iter()
            .filter(|record| matches!(record.status, ReferenceStatus::Waiting { .. }));
        open.map(|record| CommandView::of(view, record, false)).collect::<Result<Vec<_>, _>>()
    });
    Ok(Json(Approvals { waiting: waiting.await? }))
}

/// What a second agent says.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct ApprovalRequest {
    /// Your name for this answer, unique on the account for ever.
    reference: String,
}

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident, $path:literal, $answer:expr;)*) => {
        $(
            $(#[$doc])*
            #[utoipa::path(
                post, path = $path, tag = "Money",
                params(
                    ("id" = String, Path, description = "the account: `member:purpose`"),
                    ("waiting" = String, Path, description = "the reference of what waits"),
                ),
                request_body(content = ApprovalRequest, content_type = "application/json"),
                responses(
                    CommandAnswers,
                    (status = 403, description = "You gave the command: another agent approves"),
                    (status = 404, description = "Nothing waits under this reference"),
                    (status = 422, description = "A check fails now; it keeps waiting"),
                ),
                security(("api_key" = []))
            )]
            pub async fn $name(
                State(state): State<ApiState>,
                keyed: Keyed,
                InPath(place): InPath<(String, String)>,
                headers: HeaderMap,
                body: Body,
            ) -> Result<Response, Problem> {
                answer(&state, &keyed, place, (headers, body), $answer).await
            }
        )*
    };
}

answers! {
    /// Approve what waits
    ///
    /// By another agent than the one that gave the command: it takes effect now, with all checks
    /// made again. The answer tells what became of the command.
    post_approve, "/api/v1/approvals/{id}/{waiting}/approve",
        |waiting| MoneyAction::Approve { waiting };
    /// Decline what waits
    ///
    /// By any agent of the member, its giver included.
    post_decline, "/api/v1/approvals/{id}/{waiting}/decline",
        |waiting| MoneyAction::Decline { waiting };
}

async fn answer(
    state: &ApiState,
    keyed: &Keyed,
    (id, waiting): (String, String),
    (headers, body): (HeaderMap, Body),
    action: fn(Reference) -> MoneyAction,
) -> Result<Response, Problem> {
    let account = own_account(keyed, &id)?;
    let waiting = reference_in_path(&waiting)?;
    let mut fields = Fields::read(state, &headers, body).await?;
    let reference = fields.reference();
    let reference = fields.finish(reference)?;
    let shown = Some(waiting.clone());
    let command = MoneyCommand { account, reference, action: action(waiting) };
    run(state, &keyed.agent, command, (Sent::Answer, shown)).await.map(CommandView::response)
}
