//! `/metrics`: what the HTTP side counts, in the text form that Prometheus reads.

use std::sync::{Arc, Mutex};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tracehold_contracts::RejectionCode;

use super::ApiState;
use super::gauges::Gauges;
use super::problem::{Kind, Problem};

/// The media type that Prometheus expects.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// What the HTTP side counts.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<Labels, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
    captured: Counter,
    transactions: Family<ResultLabel, Counter>,
    refusals: Family<CodeLabel, Counter>,
    gauges: Gauges,
}

/// What became of a transaction that was handed in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Submitted {
    /// It is on record.
    Recorded,
    /// It breaks a rule.
    Refused(RejectionCode),
    /// There was no room for it to wait, or the node could not take it.
    Busy,
    /// No block had it in time; it may come yet.
    TimedOut,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

impl Submitted {
    fn as_str(self) -> &'static str {
        match self {
            Submitted::Recorded => "recorded",
            Submitted::Refused(_) => "refused",
            Submitted::Busy => "busy",
            Submitted::TimedOut => "timed_out",
        }
    }
}

impl Metrics {
    /// Registers the counters in `registry`, which other parts of the node share.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Metrics {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let registry = registry.sub_registry_with_prefix("tracehold");
        let metrics = Metrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            captured: Counter::default(),
            transactions: Family::default(),
            refusals: Family::default(),
            gauges: Gauges::register(registry),
        };
        let Metrics { requests, seconds, captured, transactions, refusals, .. } = &metrics;
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_seconds", "Time to the answer's head", seconds.clone());
        registry.register("captured_events", "Events captured at this node", captured.clone());
        let help = "Transactions handed in at this node, by what became of them";
        registry.register("transactions", help, transactions.clone());
        let help = "Transactions handed in at this node that the ledger refused, by rule";
        registry.register("refusals", help, refusals.clone());
        // There from the start, so that the first one is a change that an alert sees.
        for result in ["recorded", "refused", "busy", "timed_out"] {
            let _ = metrics.transactions.get_or_create(&ResultLabel { result });
        }
        for code in RejectionCode::ALL {
            let _ = metrics.refusals.get_or_create(&CodeLabel { code: code.as_str() });
        }
        metrics
    }

    /// Says in `registry` which node this is.
    pub fn identify(registry: &mut Registry, node: &str, member: &str, role: &str) {
        let registry = registry.sub_registry_with_prefix("tracehold");
        Gauges::register_identity(registry, node, member, role);
    }

    /// Counts a transaction that was handed in here.
    pub(super) fn submitted(&self, what: Submitted) {
        self.transactions.get_or_create(&ResultLabel { result: what.as_str() }).inc();
        if let Submitted::Refused(code) = what {
            self.refusals.get_or_create(&CodeLabel { code: code.as_str() }).inc();
        }
    }

    /// Counts events captured through this node.
    pub fn captured(&self, events: usize) {
        self.captured.inc_by(u64::try_from(events).unwrap_or(u64::MAX));
    }
}

/// The method as a label; unknown ones together, so that clients cannot make labels.
fn method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "DELETE" => "DELETE",
        "POST" => "POST",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The layer that counts requests by route, never by path, so that clients cannot make labels.
pub async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = route.unwrap_or("other").to_owned();
    let method = method(request.method());
    let begun = Instant::now();
    let response = next.run(request).await;
    let seconds = begun.elapsed().as_secs_f64();
    metrics.seconds.get_or_create(&RouteLabel { route: route.clone() }).observe(seconds);
    let status = response.status().as_u16();
    metrics.requests.get_or_create(&Labels { method, route, status }).inc();
    response
}

/// The node's counters, shared with its other parts.
pub type SharedRegistry = Arc<Mutex<Registry>>;

/// Counters for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "Operation",
    responses((status = 200, description = "Counters in the OpenMetrics text form",
        body = String, content_type = "application/openmetrics-text"))
)]
pub async fn get_metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    state.metrics().gauges.read(&state);
    let mut text = String::new();
    let registry = state.registry().lock().expect("no one panics while holding the registry");
    encode(&mut text, &registry)
        .map_err(|error| Problem::new(Kind::Internal, format!("metrics: {error}")))?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}
