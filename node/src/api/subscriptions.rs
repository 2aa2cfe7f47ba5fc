//! `/epcis/v2/queries/{queryName}/subscriptions`: named queries that report by themselves.
//!
//! A subscription is carried out by the engine of the webhooks: signed, repeated from its cursor
//! until it arrives, guarded. What is its own is what it asks ([`Standing`]), when it reports, and
//! the form: an EPCISQueryDocument with the query's name and the subscription's id.

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{LINK, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::time;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::state::Position;
use tracehold_chain::units::{Height, MemberId, TimestampMs};

use super::auth::Keyed;
use super::extract::{InPath, check_json, query_pairs, read_body};
use super::paging::{next_link, per_page};
use super::problem::{Kind, Problem};
use super::{ApiState, EpcFormat, after_block};
use crate::deliver::{Filter, NewSubscription, Schedule, ScheduleError, Standing, Subscription};
use crate::queries::NamedQuery;

/// Bytes of a body that makes a subscription.
const MAX_SUBSCRIPTION_BYTES: usize = 16 * 1024;

/// Characters of a signature token.
const MAX_TOKEN: usize = 512;

/// A subscription that is asked for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubscriptionRequest {
    /// Where reports go: an `https://` URL on a public address, unless the node's operator allows
    /// others.
    pub dest: String,
    /// What reports are signed with, in `GS1-Signature`: up to 512 characters. Without it they are
    /// not signed.
    #[serde(default)]
    pub signature_token: Option<String>,
    /// What GS1's OpenAPI document also calls the token; `signatureToken` goes before it.
    #[serde(default)]
    pub secret: Option<String>,
    /// `true` to report whenever an event matches. Either this or a schedule.
    #[serde(default)]
    pub stream: Option<bool>,
    /// When to report, in UTC.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// With a schedule: whether to report also that nothing matched.
    #[serde(default)]
    pub report_if_empty: Option<bool>,
    /// Events recorded from then on are reported; from now on when it is absent.
    #[serde(default)]
    pub initial_record_time: Option<String>,
}

/// A subscription as its member sees it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuerySubscription {
    /// Names it.
    #[serde(rename = "subscriptionID")]
    pub subscription_id: String,
    /// The query that it reports.
    pub query_name: String,
    /// Where reports go.
    pub dest: String,
    /// When it was made.
    pub created_at: String,
    /// When a report last arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_notified_at: Option<String>,
    /// Events recorded before this are none of its business.
    pub initial_record_time: String,
    /// Since when events are reported next: the last report that arrived, or the first moment.
    pub min_record_time: String,
    /// In which form identifiers are told.
    pub epc_format: EpcFormat,
    /// It reports whenever an event matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// When it reports, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whether it reports also that nothing matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_if_empty: Option<bool>,
}

impl QuerySubscription {
    /// `None` when it is a webhook of another kind.
    fn of(subscription: Subscription) -> Option<QuerySubscription> {
        let standing = subscription.standing?;
        let initial = standing.initial_record_time.unwrap_or(subscription.created_at);
        let notified = subscription.progress.delivered_at;
        let is_stream = standing.schedule.is_none();
        Some(QuerySubscription {
            subscription_id: subscription.id,
            query_name: standing.query_name,
            dest: subscription.url,
            created_at: subscription.created_at.to_string(),
            last_notified_at: notified.map(|at| at.to_string()),
            initial_record_time: initial.to_string(),
            min_record_time: notified.unwrap_or(initial).to_string(),
            epc_format: standing.format,
            stream: is_stream.then_some(true),
            report_if_empty: (!is_stream).then_some(standing.report_if_empty),
            schedule: standing.schedule,
        })
    }
}

/// What a subscription asks for, in a body or in the parameters of a socket.
#[derive(Debug, Default)]
pub struct Controls {
    /// To report at once.
    pub stream: Option<bool>,
    /// To report then.
    pub schedule: Option<Schedule>,
    /// Whether to report nothing.
    pub report_if_empty: Option<bool>,
    /// Since when.
    pub initial_record_time: Option<String>,
}

impl Controls {
    /// The standing query, and after which event it begins.
    ///
    /// # Errors
    /// What cannot be taken, named with `place` before it.
    pub async fn standing(
        self,
        state: &ApiState,
        query: NamedQuery,
        format: EpcFormat,
        place: &str,
    ) -> Result<(Standing, Option<Position>), Problem> {
        let schedule = self.schedule.filter(|schedule| !schedule.is_empty());
        match (&schedule, self.stream) {
            (Some(schedule), None | Some(false)) => {
                schedule.times().map_err(|error| bad_schedule(place, &error))?;
            }
            (None, Some(true)) => {}
            _ => {
                return Err(control(
                    format!("{place}stream"),
                    "must be true, or else a schedule must be given, and not both",
                    "give \"stream\": true, or a schedule such as {\"hour\": \"1\", \"minute\": \
                     \"5\"}",
                ));
            }
        }
        if format == EpcFormat::AlwaysUrn {
            let detail = "events that were given with Digital Links cannot be reported with EPC \
                          URNs: ask for another GS1-EPC-Format";
            return Err(Problem::new(Kind::NotAcceptable, detail).code("epc_format"));
        }
        let initial_record_time = match &self.initial_record_time {
            None => None,
            Some(text) => Some(time::parse(text).map_err(|_| {
                control(
                    format!("{place}initialRecordTime"),
                    "must be a time of RFC 3339 with its offset",
                    "write it as 2026-03-01T09:30:00Z, or leave it out for now",
                )
            })?),
        };
        let after = match initial_record_time {
            None => Some(after_block(Height(state.status()?.height))),
            Some(from) => begin(state, from).await?,
        };
        let standing = Standing {
            query_name: query.name,
            query: query.query,
            extensions: query.extensions,
            format,
            schedule,
            report_if_empty: self.report_if_empty.unwrap_or(false),
            initial_record_time,
        };
        if let Err(wrong) = standing.asked() {
            return Err(Problem::new(Kind::Internal, wrong));
        }
        Ok((standing, after))
    }
}

/// The last place before everything that was recorded at `from` or later.
async fn begin(state: &ApiState, from: TimestampMs) -> Result<Option<Position>, Problem> {
    state
        .read(move |view| {
            // Block times never go back: halve the way to the first block that is late enough.
            let (mut before, mut late) = (0, view.height().0.saturating_add(1));
            while late - before > 1 {
                let middle = before + (late - before) / 2;
                let header = view.header(Height(middle))?;
                if header.is_some_and(|stored| stored.header.block_time >= from) {
                    late = middle;
                } else {
                    before = middle;
                }
            }
            Ok((before > 0).then(|| after_block(Height(before))))
        })
        .await
}

fn bad_schedule(place: &str, error: &ScheduleError) -> Problem {
    let field = if error.field.is_empty() { "schedule" } else { error.field };
    control(format!("{place}{field}"), &error.rule, "see docs/api.md for how a schedule is written")
}

/// The problem of a subscription's controls.
pub fn control(field: String, rule: &str, mend: &str) -> Problem {
    let name = field.rsplit('/').next().unwrap_or(&field).to_owned();
    Problem::new(Kind::Validation, format!("{name} {rule}"))
        .exception("SubscriptionControlsException")
        .code("subscription_controls")
        .field(field, rule, mend)
}

/// The query of this name of the caller's member.
///
/// # Errors
/// [`Kind::NotFound`].
pub fn named(state: &ApiState, member: &MemberId, name: &str) -> Result<NamedQuery, Problem> {
    state.queries().get(member, name).ok_or_else(|| {
        let detail = format!("your member has no query named {name} here: make it first");
        Problem::new(Kind::NotFound, detail)
    })
}

/// Subscribe to a query
///
/// From now on, or from `initialRecordTime`, events that match the query are sent to `dest` as
/// EPCISQueryDocuments: at once with `stream`, or when the schedule says so, everything since the
/// last report. What does not arrive is sent again. `/api/v1/webhooks/{subscriptionID}/deliveries`
/// tells what the receiver answered; a subscription that failed for long is paused, and resumed
/// there.
#[utoipa::path(
    post, path = "/epcis/v2/queries/{queryName}/subscriptions", tag = "EPCIS",
    params(
        ("queryName" = String, Path, description = "the query"),
        ("GS1-EPC-Format" = Option<EpcFormat>, Header,
            description = "`Never_Translates` (default) or `Always_GS1_Digital_Link`"),
    ),
    request_body(content = SubscriptionRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "Subscribed", body = QuerySubscription,
            headers(("Location" = String, description = "the subscription"))),
        (status = 400, description = "A field breaks a rule"),
        (status = 404, description = "The member has no such query here"),
        (status = 409, description = "The member or the node has too many"),
        (status = 415, description = "Not JSON"),
    ),
    security(("api_key" = []))
)]
pub async fn post_subscription(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(name): InPath<String>,
    request_headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_json(&request_headers)?;
    let agent = keyed.agent.agent_id;
    let query = named(&state, agent.member(), &name)?;
    let format = EpcFormat::of(&request_headers)?;
    let _room = state.make_room(&request_headers, MAX_SUBSCRIPTION_BYTES).await?;
    let bytes = read_body(body, MAX_SUBSCRIPTION_BYTES, state.limits().body).await?;
    let given: SubscriptionRequest = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(Kind::Validation, format!("the body: {error}")))?;
    let secret = given.signature_token.or(given.secret).unwrap_or_default();
    if secret.chars().count() > MAX_TOKEN || secret.chars().any(char::is_control) {
        let rule = format!("has at most {MAX_TOKEN} characters, none of them for control");
        let mend = "shorten it, on one line";
        return Err(control("/signatureToken".to_owned(), &rule, mend));
    }
    let controls = Controls {
        stream: given.stream,
        schedule: given.schedule,
        report_if_empty: given.report_if_empty,
        initial_record_time: given.initial_record_time,
    };
    let (standing, after) = controls.standing(&state, query, format, "/").await?;
    let checked = state.deliverer().client().check_if_found(&given.dest).await;
    checked.map_err(|(rule, mend)| control("/dest".to_owned(), &rule, mend))?;
    let made = state.deliverer().create(NewSubscription {
        agent,
        url: given.dest,
        secret,
        description: None,
        filter: Filter::default(),
        standing: Some(standing),
        after,
    });
    let made = QuerySubscription::of(made.await?);
    let made = made.ok_or_else(|| Problem::new(Kind::Internal, "it is no subscription"))?;
    let location = format!(
        "/epcis/v2/queries/{}/subscriptions/{}",
        percent_encoded(&name),
        made.subscription_id
    );
    let location = HeaderValue::from_str(&location).expect("names are percent-encoded");
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(made)).into_response())
}

fn of_query(state: &ApiState, member: &MemberId, name: &str) -> Vec<QuerySubscription> {
    let own = state.deliverer().list(member).into_iter().filter_map(QuerySubscription::of);
    own.filter(|subscription| subscription.query_name == name).collect()
}

/// List a query's subscriptions
///
/// Those of the caller's member at this node, oldest first.
#[utoipa::path(
    get, path = "/epcis/v2/queries/{queryName}/subscriptions", tag = "EPCIS",
    params(
        ("queryName" = String, Path, description = "the query"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "subscriptions on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "The subscriptions", body = Vec<QuerySubscription>,
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "The member has no such query here"),
    ),
    security(("api_key" = []))
)]
pub async fn get_subscriptions(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(name): InPath<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let member = keyed.agent.agent_id.member();
    named(&state, member, &name)?;
    let pairs = query_pairs(&uri);
    let (mut most, mut after) = (per_page(None)?, None);
    for (parameter, value) in &pairs {
        match parameter.as_str() {
            "perPage" => most = per_page(Some(value))?,
            "nextPageToken" => after = Some(value.clone()),
            _ => {
                let detail = format!(
                    "the parameter {parameter} is not known; known are perPage and nextPageToken"
                );
                return Err(Problem::new(Kind::Parameter, detail).field(
                    parameter,
                    "must be a known parameter",
                    "leave it out",
                ));
            }
        }
    }
    let mut own = of_query(&state, member, &name);
    if let Some(after) = after {
        let last = own.iter().position(|subscription| subscription.subscription_id == after);
        let last = last.ok_or_else(|| {
            let rule = "must be a token that this node gave, of a subscription that is still there";
            Problem::new(Kind::Parameter, format!("nextPageToken {rule}")).field(
                "nextPageToken",
                rule,
                "leave it out to start at the beginning",
            )
        })?;
        own.drain(..=last);
    }
    let more = own.len() > most.get();
    own.truncate(most.get());
    let next = own.last().filter(|_| more).map(|last| last.subscription_id.clone());
    let mut response = Json(own).into_response();
    if let Some(token) = next {
        response.headers_mut().insert(LINK, next_link(uri.path(), &pairs, &token));
    }
    Ok(response)
}

fn find(
    state: &ApiState,
    member: &MemberId,
    name: &str,
    id: &str,
) -> Result<QuerySubscription, Problem> {
    let found = state.deliverer().get(member, id).ok().and_then(QuerySubscription::of);
    found.filter(|subscription| subscription.query_name == name).ok_or_else(|| {
        Problem::new(Kind::NotFound, format!("the query {name} has no subscription {id} here"))
    })
}

/// Look at a subscription
#[utoipa::path(
    get, path = "/epcis/v2/queries/{queryName}/subscriptions/{subscriptionID}", tag = "EPCIS",
    params(
        ("queryName" = String, Path, description = "the query"),
        ("subscriptionID" = String, Path, description = "the subscription"),
    ),
    responses(
        (status = 200, description = "The subscription", body = QuerySubscription),
        (status = 404, description = "The query has no such subscription here"),
    ),
    security(("api_key" = []))
)]
pub async fn get_subscription(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath((name, id)): InPath<(String, String)>,
) -> Result<Json<QuerySubscription>, Problem> {
    Ok(Json(find(&state, keyed.agent.agent_id.member(), &name, &id)?))
}

/// Unsubscribe
#[utoipa::path(
    delete, path = "/epcis/v2/queries/{queryName}/subscriptions/{subscriptionID}", tag = "EPCIS",
    params(
        ("queryName" = String, Path, description = "the query"),
        ("subscriptionID" = String, Path, description = "the subscription"),
    ),
    responses(
        (status = 204, description = "Removed; nothing more is sent"),
        (status = 404, description = "The query has no such subscription here"),
    ),
    security(("api_key" = []))
)]
pub async fn delete_subscription(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath((name, id)): InPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let member = keyed.agent.agent_id.member();
    find(&state, member, &name, &id)?;
    state.deliverer().remove(member, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
