//! `/api/v1/webhooks`: a member's subscriptions at this node.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::ApiState;
use super::auth::Keyed;
use super::extract::{InPath, check_json, read_body};
use super::feed::{after_block, bad_filter};
use super::paging::{from_token, to_token};
use super::problem::{Kind, Problem};
use crate::deliver::filter::Filter;
use crate::deliver::{Attempt, DeliverError, NewSubscription, PausedBy, Subscription};

/// Bytes of a body that makes a webhook.
const MAX_WEBHOOK_BYTES: usize = 256 * 1024;

/// Characters of a secret.
const SECRET_CHARACTERS: std::ops::RangeInclusive<usize> = 24..=128;

/// Characters of a description.
const MAX_DESCRIPTION: usize = 200;

/// A webhook that is asked for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Where deliveries go: an `https://` URL on a public address, unless the node's operator
    /// allows others.
    pub url: String,
    /// What deliveries are signed with: 24 to 128 letters, digits and signs of ASCII. The node
    /// makes one when none is given.
    #[serde(default)]
    pub secret: Option<String>,
    /// What people call it, at most 200 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// What it hears of; without it of every event.
    #[serde(default)]
    pub filter: Filter,
    /// `now` (default) for what comes, `start` for all since the first event, or a cursor: what
    /// came after it.
    #[serde(default)]
    pub after: Option<String>,
}

/// A webhook as its member sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Webhook {
    /// Names it.
    pub id: String,
    /// The agent that made it.
    pub agent: String,
    /// Where deliveries go.
    pub url: String,
    /// What deliveries are signed with; told only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it hears of.
    pub filter: Filter,
    /// The named query that it reports, when it is a subscription of the EPCIS binding.
    #[serde(rename = "queryName", skip_serializing_if = "Option::is_none")]
    pub query_name: Option<String>,
    /// When it was made.
    #[serde(rename = "createdAt")]
    pub created_at: String,
    /// `active`: deliveries arrive, or there were none; `failing`: the last one failed and is tried
    /// again; `paused`: nothing is sent until it is resumed.
    pub state: &'static str,
    /// Who paused it.
    #[serde(rename = "pausedBy", skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<PausedBy>,
    /// Since when it is paused.
    #[serde(rename = "pausedAt", skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<String>,
    /// Since when deliveries fail.
    #[serde(rename = "failingSince", skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// Attempts that failed in a row.
    pub failures: u32,
    /// Everything up to this cursor was delivered or is not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// When a delivery last arrived.
    #[serde(rename = "deliveredAt", skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<String>,
    /// Events that arrived.
    #[serde(rename = "deliveredEvents")]
    pub delivered_events: u64,
}

/// All webhooks of a member at this node.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Webhooks {
    /// Oldest first.
    pub webhooks: Vec<Webhook>,
}

/// One attempt to deliver.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeliveryAttempt {
    /// The delivery's id, as in `Tracehold-Delivery`.
    pub delivery: String,
    /// Which attempt of this delivery, from 1.
    pub attempt: u32,
    /// When it began.
    pub at: String,
    /// How long it took, in milliseconds.
    #[serde(rename = "tookMs")]
    pub took_ms: u64,
    /// Events in it.
    pub events: usize,
    /// Whether it was a test.
    pub test: bool,
    /// Whether it arrived: the receiver answered with a status from 200 to 299.
    pub delivered: bool,
    /// The status that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The last attempts of a webhook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Deliveries {
    /// Newest first.
    pub deliveries: Vec<DeliveryAttempt>,
}

impl From<Subscription> for Webhook {
    fn from(subscription: Subscription) -> Webhook {
        let progress = subscription.progress;
        let state = match (&progress.paused, progress.failures) {
            (Some(_), _) => "paused",
            (None, 0) => "active",
            (None, _) => "failing",
        };
        Webhook {
            id: subscription.id,
            agent: subscription.agent.to_string(),
            url: subscription.url,
            secret: None,
            description: subscription.description,
            filter: subscription.filter,
            query_name: subscription.standing.map(|standing| standing.query_name),
            created_at: subscription.created_at.to_string(),
            state,
            paused_by: progress.paused.as_ref().map(|paused| paused.by),
            paused_at: progress.paused.map(|paused| paused.at.to_string()),
            failing_since: progress.failing_since.map(|since| since.to_string()),
            failures: progress.failures,
            cursor: progress.cursor.map(to_token),
            delivered_at: progress.delivered_at.map(|at| at.to_string()),
            delivered_events: progress.delivered_events,
        }
    }
}

impl From<Attempt> for DeliveryAttempt {
    fn from(attempt: Attempt) -> DeliveryAttempt {
        DeliveryAttempt {
            delivery: attempt.delivery,
            attempt: attempt.attempt,
            at: attempt.at.to_string(),
            took_ms: attempt.took_ms,
            events: attempt.events,
            test: attempt.test,
            delivered: attempt.error.is_none(),
            status: attempt.status,
            error: attempt.error,
        }
    }
}

impl From<DeliverError> for Problem {
    fn from(error: DeliverError) -> Problem {
        match error {
            DeliverError::Unknown(_) => Problem::new(Kind::NotFound, error.to_string()),
            DeliverError::TooMany { .. } => {
                Problem::new(Kind::Exists, error.to_string()).code("too_many_webhooks")
            }
            DeliverError::Store(_) => {
                tracing::error!(%error, "a webhook was not written");
                Problem::new(Kind::Internal, error.to_string())
            }
        }
    }
}

/// Make a webhook
///
/// From now on, or from the cursor given, every event that the filter lets through is sent to the
/// URL, signed, in order, and again until it arrives.
#[utoipa::path(
    post, path = "/api/v1/webhooks", tag = "Live",
    request_body(content = WebhookRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "Made; the secret is told here only", body = Webhook,
            headers(("Location" = String, description = "the webhook"))),
        (status = 400, description = "A field breaks a rule"),
        (status = 409, description = "The member or the node has too many"),
        (status = 413, description = "More than a limit allows"),
    ),
    security(("api_key" = []))
)]
pub async fn post_webhook(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_json(&headers)?;
    let height = state.status()?.height;
    let _room = state.make_room(&headers, MAX_WEBHOOK_BYTES).await?;
    let bytes = read_body(body, MAX_WEBHOOK_BYTES, state.limits().body).await?;
    let given: WebhookRequest = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(Kind::Validation, format!("the body: {error}")))?;
    let after = match given.after.as_deref() {
        None | Some("now") => Some(after_block(tracehold_chain::units::Height(height))),
        Some("start") => None,
        Some(token) => Some(from_token("/after", token).map_err(|problem| {
            let detail = "after must be now, start, or a cursor that a feed or webhook gave";
            let mut wrong = Problem::new(Kind::Validation, detail);
            wrong.errors.clone_from(&problem.errors);
            wrong
        })?),
    };
    let description = given.description.filter(|text| !text.is_empty());
    if description.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
        let rule = format!("has at most {MAX_DESCRIPTION} characters");
        return Err(wrong("description", &rule, "shorten it"));
    }
    let filter = given.filter.settled(state.members().iter());
    let filter = filter
        .map_err(|error| bad_filter(Kind::Validation, format!("/filter/{}", error.field), error))?;
    let secret = secret(given.secret)?;
    let checked = state.deliverer().client().check(&given.url).await;
    checked.map_err(|(rule, mend)| wrong("url", &rule, mend))?;
    let made = state.deliverer().create(NewSubscription {
        agent: keyed.agent.agent_id,
        url: given.url,
        secret: secret.clone(),
        description,
        filter,
        standing: None,
        after,
    });
    let webhook = Webhook { secret: Some(secret), ..made.await?.into() };
    let location = format!("/api/v1/webhooks/{}", webhook.id);
    let location = HeaderValue::from_str(&location).expect("ids are plain");
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(webhook)).into_response())
}

fn wrong(field: &str, rule: &str, mend: &str) -> Problem {
    Problem::new(Kind::Validation, format!("{field}: {rule}")).field(
        format!("/{field}"),
        rule,
        mend,
    )
}

fn secret(given: Option<String>) -> Result<String, Problem> {
    let Some(secret) = given else {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|error| {
            Problem::new(Kind::Internal, format!("the system gave no random bytes: {error}"))
        })?;
        return Ok(format!("whsec_{}", hex::encode(bytes)));
    };
    let plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && SECRET_CHARACTERS.contains(&secret.len()) {
        return Ok(secret);
    }
    let (least, most) = SECRET_CHARACTERS.into_inner();
    let rule = format!("has {least} to {most} letters, digits or signs of ASCII, without spaces");
    Err(wrong("secret", &rule, "leave it out: the node makes one"))
}

/// List webhooks
///
/// Those of the caller's member at this node, oldest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "Live",
    responses(
        (status = 200, description = "The webhooks", body = Webhooks),
    ),
    security(("api_key" = []))
)]
pub async fn get_webhooks(State(state): State<ApiState>, keyed: Keyed) -> Json<Webhooks> {
    let own = state.deliverer().list(keyed.agent.agent_id.member());
    Json(Webhooks { webhooks: own.into_iter().map(Webhook::from).collect() })
}

/// Look at a webhook
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}", tag = "Live",
    params(("id" = String, Path, description = "the webhook")),
    responses(
        (status = 200, description = "The webhook and how far it is", body = Webhook),
        (status = 404, description = "The member has no such webhook here"),
    ),
    security(("api_key" = []))
)]
pub async fn get_webhook(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<Webhook>, Problem> {
    let webhook = state.deliverer().get(keyed.agent.agent_id.member(), &id)?;
    Ok(Json(webhook.into()))
}

/// Remove a webhook
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{id}", tag = "Live",
    params(("id" = String, Path, description = "the webhook")),
    responses(
        (status = 204, description = "Removed; nothing more is sent"),
        (status = 404, description = "The member has no such webhook here"),
    ),
    security(("api_key" = []))
)]
pub async fn delete_webhook(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<StatusCode, Problem> {
    state.deliverer().remove(keyed.agent.agent_id.member(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Look at the last deliveries
///
/// The last attempts, tests among them, with what the receiver answered.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}/deliveries", tag = "Live",
    params(("id" = String, Path, description = "the webhook")),
    responses(
        (status = 200, description = "The last attempts, newest first", body = Deliveries),
        (status = 404, description = "The member has no such webhook here"),
    ),
    security(("api_key" = []))
)]
pub async fn get_deliveries(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<Deliveries>, Problem> {
    let webhook = state.deliverer().get(keyed.agent.agent_id.member(), &id)?;
    let attempts = webhook.progress.attempts.into_iter().rev();
    Ok(Json(Deliveries { deliveries: attempts.map(DeliveryAttempt::from).collect() }))
}

/// Pause a webhook
///
/// Nothing is sent until it is resumed; what comes meanwhile is sent then.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/pause", tag = "Live",
    params(("id" = String, Path, description = "the webhook")),
    responses(
        (status = 200, description = "The webhook", body = Webhook),
        (status = 404, description = "The member has no such webhook here"),
    ),
    security(("api_key" = []))
)]
pub async fn pause_webhook(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(state.deliverer().pause(keyed.agent.agent_id.member(), &id).await?.into()))
}

/// Resume a webhook
///
/// It goes on from its cursor at once, whether it was paused or waits after a failure.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/resume", tag = "Live",
    params(("id" = String, Path, description = "the webhook")),
    responses(
        (status = 200, description = "The webhook", body = Webhook),
        (status = 404, description = "The member has no such webhook here"),
    ),
    security(("api_key" = []))
)]
pub async fn resume_webhook(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(state.deliverer().resume(keyed.agent.agent_id.member(), &id).await?.into()))
}

/// Test a webhook
///
/// Sends one delivery without events, signed like any other, and tells what the receiver answered.
/// The cursor stays where it is.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/test", tag = "Live",
    params(("id" = String, Path, description = "the webhook")),
    responses(
        (status = 200, description = "What came of it", body = DeliveryAttempt),
        (status = 404, description = "The member has no such webhook here"),
    ),
    security(("api_key" = []))
)]
pub async fn test_webhook(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<DeliveryAttempt>, Problem> {
    Ok(Json(state.deliverer().test(keyed.agent.agent_id.member(), &id).await?.into()))
}
