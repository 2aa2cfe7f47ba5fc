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
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::ApiState;
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
    height: Gauge,
    peers: Gauge,
    jobs: Gauge,
}

impl Metrics {
    /// Registers the counters in `registry`, which other parts of the node share.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Metrics {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let metrics = Metrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            captured: Counter::default(),
            height: Gauge::default(),
            peers: Gauge::default(),
            jobs: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("tracehold");
        let Metrics { requests, seconds, captured, height, peers, jobs } = &metrics;
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_seconds", "Time to the answer's head", seconds.clone());
        registry.register("captured_events", "Events captured at this node", captured.clone());
        registry.register("height", "Newest block that is readable here", height.clone());
        registry.register("peers", "Nodes of members connected now", peers.clone());
        registry.register("capture_jobs_running", "Capture jobs that run", jobs.clone());
        metrics
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
    let metrics = state.metrics();
    if let Ok(status) = state.status() {
        metrics.height.set(i64::try_from(status.height).unwrap_or(i64::MAX));
        metrics.peers.set(i64::try_from(status.peers).unwrap_or(i64::MAX));
    }
    metrics.jobs.set(i64::try_from(state.jobs().running()).unwrap_or(i64::MAX));
    let mut text = String::new();
    let registry = state.registry().lock().expect("no one panics while holding the registry");
    encode(&mut text, &registry)
        .map_err(|error| Problem::new(Kind::Internal, format!("metrics: {error}")))?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}
