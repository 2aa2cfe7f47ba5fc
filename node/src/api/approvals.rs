//! What waits for a second agent of a member, who approves or declines it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tracehold_chain::money::{MoneyAction, MoneyCommand, Reference};
use tracehold_chain::units::MemberId;
use tracehold_contracts::agreement::Stage;
use tracehold_contracts::money::ReferenceStatus;

use super::ApiState;
use super::auth::Keyed;
use super::body::Fields;
use super::command::{CommandAnswers, CommandView, Sent, own_account, reference_in_path, run};
use super::entries::{AccountPath, MoneyView};
use super::extract::InPath;
use super::limits::{MAX_AGREEMENTS_SCANNED, MAX_WAITED_SEEN};
use super::problem::Problem;
use crate::fault::Fault;
use crate::view::ReadView;

/// What waits for a second agent.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Approvals {
    /// Commands on money of the caller's member, newest first.
    pub waiting: Vec<CommandView>,
    /// Agreements that one agent of the caller's member has accepted, newest first: another one
    /// accepts (`POST /api/v1/agreements/{id}/accept`) or declines.
    pub acceptances: Vec<AcceptanceView>,
    /// Whether everything was looked through: of a member's commands that ever waited the newest
    /// 10,000 are, of its agreements the newest 2,000.
    pub complete: bool,
}

/// An agreement that a second agent is to accept.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AcceptanceView {
    /// The agreement.
    pub agreement: String,
    /// What people call it.
    pub title: String,
    /// For which role.
    pub role: String,
    /// The agent that has accepted.
    pub by: String,
    /// Until when it waits (RFC 3339): when all must have accepted.
    pub until: String,
    /// What the role pays in.
    pub pays_in: Vec<MoneyView>,
}

impl Approvals {
    /// What waits for a second agent of a member.
    ///
    /// # Errors
    /// [`Fault`] when something of it cannot be read.
    pub fn of(view: &ReadView, member: &MemberId) -> Result<Approvals, Fault> {
        let records = view.waited(member, MAX_WAITED_SEEN.saturating_add(1))?;
        let ids = view.agreements_of(member, None, MAX_AGREEMENTS_SCANNED.saturating_add(1))?;
        let complete = records.len() <= MAX_WAITED_SEEN && ids.len() <= MAX_AGREEMENTS_SCANNED;
        let open = records
            .iter()
            .take(MAX_WAITED_SEEN)
            .filter(|record| matches!(record.status, ReferenceStatus::Waiting { .. }));
        let waiting = open.map(|record| CommandView::of(view, record, false));
        let mut acceptances = Vec::new();
        for (_, id) in ids.iter().take(MAX_AGREEMENTS_SCANNED) {
            let Some(record) = view.agreement(*id)? else { continue };
            if record.stage != Stage::Proposed {
                continue;
            }
            let Some(terms) = view.terms(*id)? else { continue };
            for (role, accepted) in terms.roles.iter().zip(&record.accepted) {
                let Some(by) = accepted.by.first().filter(|_| !accepted.complete) else { continue };
                if role.member != *member {
                    continue;
                }
                let own = terms.deposits.iter().filter(|deposit| deposit.role == role.role);
                acceptances.push(AcceptanceView {
                    agreement: id.to_string(),
                    title: terms.title.clone(),
                    role: role.role.to_string(),
                    by: by.to_string(),
                    until: terms.accept_by.to_string(),
                    pays_in: own.map(|deposit| (&deposit.money).into()).collect(),
                });
            }
        }
        Ok(Approvals { waiting: waiting.collect::<Result<_, _>>()?, acceptances, complete })
    }
}

/// List what waits for a second agent
///
/// The commands of the caller's member that another agent of it approves or declines, and the
/// agreements that another agent of it accepts or declines.
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
    state.read_much(move |view| Approvals::of(view, &member)).await.map(Json)
}

/// What a second agent says.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
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
                    AccountPath,
                    ("waiting" = String, Path, pattern = "^[A-Za-z0-9_.:-]{1,64}$",
                        description = "the reference of what waits"),
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
