//! The router, and its description as OpenAPI 3.1: one list of routes makes both.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler as _;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::limits::MAX_URI_BYTES;
use super::problem::{Kind, PROBLEM_JSON, Problem, render};
use super::{
    ApiState, accounts, agreements, approvals, blocks, capture, described, did, events, evidence,
    feed, footprint, headers, health, holds, items, links, masterdata, metrics, money, money_pages,
    network, pages, pictures, query, rate, readings, recalls, resolver, scans, sockets,
    subscriptions, tools, trace, webhooks,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tracehold",
        description = "One node of a permissioned ledger for goods. Events go in and come out as \
                       GS1 EPCIS 2.0; every error is application/problem+json.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&ApiKey),
    paths(resolver::get_digital_link),
    components(schemas(
        super::problem::ProblemBody,
        super::problem::FieldError,
        super::public::PublicView
    )),
    tags(
        (name = "EPCIS", description = "GS1's EPCIS 2.0 REST binding"),
        (name = "Ledger", description = "Blocks, transactions and the feed of committed events"),
        (name = "Master data", description = "What owners say of products, places and parties"),
        (name = "Live", description = "Webhooks, and what sensors say"),
        (name = "Goods", description = "What is known of a thing, and its story"),
        (name = "Recalls", description = "What must not be used any more, and all it reaches"),
        (name = "Money", description = "Accounts, payments and what waits for a second agent"),
        (name = "Agreements", description = "Money that moves when the goods do"),
        (name = "Tools", description = "To try a document without recording it"),
        (name = "Operation", description = "For those who run the node"),
    )
)]
struct Description;

struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("an agent's API key, made with `tracehold keys`"))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}

/// Says once what holds of every operation: an error is a problem; where a key is needed, a request
/// without one is refused; bodies have a limit and a media type; and GS1's binding has headers that
/// say in which form the answer is wanted.
fn with_problems(mut openapi: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for (name, path) in &mut openapi.paths.paths {
        let operations = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            let mut says = |status: &str, what: &str| {
                let what = || RefOr::T(Response::new(what));
                responses.entry(status.to_owned()).or_insert_with(what);
            };
            if operation.security.is_some() {
                says("401", "An API key is needed");
            }
            if operation.request_body.is_some() {
                says("400", "The body breaks a rule");
                says("413", "More than a limit allows");
                says("415", "This media type is not read here");
            }
            if name.starts_with("/epcis/v2") {
                says("406", "The answer cannot have the version or form that is asked for");
            }
            for (status, response) in responses {
                let RefOr::T(response) = response else { continue };
                if status.as_str() >= "400" && response.content.is_empty() {
                    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
                    response.content.insert(PROBLEM_JSON.to_owned(), problem.into());
                }
            }
        }
    }
    openapi
}

/// Every described route.
fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(capture::post_capture, capture::get_captures))
        .routes(routes!(capture::get_capture))
        .routes(routes!(capture::get_document))
        .routes(routes!(events::post_event, query::get_events))
        .routes(routes!(events::get_event))
        .merge(query::routes())
        .routes(routes!(blocks::status))
        .routes(routes!(blocks::get_block))
        .routes(routes!(blocks::post_transaction))
        .routes(routes!(blocks::get_transaction))
        .routes(routes!(feed::get_feed))
        .routes(routes!(masterdata::put_product, masterdata::get_products))
        .routes(routes!(masterdata::put_place, masterdata::get_places))
        .routes(routes!(masterdata::put_party, masterdata::get_parties))
        .routes(routes!(links::put_links, links::get_links))
        .routes(routes!(resolver::describe))
        .routes(routes!(did::own))
        .routes(routes!(did::of_member))
        .routes(routes!(pictures::post_picture))
        .routes(routes!(pictures::get_picture))
        .routes(routes!(webhooks::post_webhook, webhooks::get_webhooks))
        .routes(routes!(webhooks::get_webhook, webhooks::delete_webhook))
        .routes(routes!(webhooks::get_deliveries))
        .routes(routes!(webhooks::pause_webhook))
        .routes(routes!(webhooks::resume_webhook))
        .routes(routes!(webhooks::test_webhook))
        .routes(routes!(readings::post_readings))
        .routes(routes!(footprint::get_footprint))
        .routes(routes!(items::get_item))
        .routes(routes!(evidence::get_evidence).layer(pages::compression()))
        .routes(routes!(scans::get_scans, scans::post_scan))
        .routes(routes!(scans::get_reports, scans::post_report))
        .routes(routes!(scans::delete_report))
        .routes(routes!(trace::get_trace))
        .routes(routes!(recalls::get_recalls, recalls::post_recall))
        .routes(routes!(recalls::get_recall))
        .routes(routes!(recalls::post_recall_withdraw))
        .routes(routes!(recalls::get_affected))
        .routes(routes!(accounts::get_accounts))
        .routes(routes!(accounts::get_account, money::put_account))
        .routes(routes!(accounts::get_entries))
        .routes(routes!(accounts::get_asset))
        .routes(routes!(money::post_transfer))
        .routes(routes!(holds::post_hold))
        .routes(routes!(money::post_issue))
        .routes(routes!(money::post_redemption))
        .routes(routes!(money::post_deposit))
        .routes(routes!(money::get_reference))
        .routes(routes!(holds::get_hold))
        .routes(routes!(holds::post_hold_post))
        .routes(routes!(holds::post_hold_void))
        .routes(routes!(approvals::get_approvals))
        .routes(routes!(approvals::post_approve))
        .routes(routes!(approvals::post_decline))
        .routes(routes!(agreements::get_agreements, agreements::post_agreement))
        .routes(routes!(agreements::get_schema))
        .routes(routes!(agreements::get_templates))
        .routes(routes!(agreements::post_template))
        .routes(routes!(agreements::get_explain))
        .routes(routes!(agreements::post_check))
        .routes(routes!(agreements::get_agreement))
        .routes(routes!(agreements::get_story))
        .routes(routes!(agreements::post_accept))
        .routes(routes!(agreements::post_agreement_decline))
        .routes(routes!(agreements::post_agreement_approve))
        .routes(routes!(agreements::post_cancel))
        .routes(routes!(agreements::post_withdraw_cancel))
        .routes(routes!(agreements::post_dispute))
        .routes(routes!(agreements::post_rule))
        .routes(routes!(agreements::post_fund))
        .routes(routes!(subscriptions::post_subscription, subscriptions::get_subscriptions))
        .routes(routes!(subscriptions::get_subscription, subscriptions::delete_subscription))
        .routes(routes!(tools::post_event_hash))
        .routes(routes!(network::get_network))
        .routes(routes!(metrics::get_metrics))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
}

/// The OpenAPI 3.1 description of the HTTP side.
#[must_use]
pub fn document() -> serde_json::Value {
    described::complete(&with_problems(routes().into_openapi()))
}

/// Everything that the HTTP side answers.
pub fn router(state: ApiState) -> Router {
    let (router, description) = routes().split_for_parts();
    let description = described::complete(&with_problems(description));
    let description: &'static str = format!("{description:#}").leak();
    let json = [(http::header::CONTENT_TYPE, "application/json")];
    let router = router
        .route("/openapi.json", get(move || async move { (json, description) }))
        .merge(pages::routes())
        .merge(money_pages::routes())
        .merge(recalls::pages::routes())
        .fallback(pages::item_or_nothing.layer(pages::compression()))
        // Handlers bound their own bodies.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), sockets::layer))
        .layer(from_fn(short_uris))
        .layer(CatchPanicLayer::custom(|_| {
            use axum::response::IntoResponse as _;
            let detail = "a mistake on our side; the node's log has it";
            Problem::new(Kind::Internal, detail).into_response()
        }))
        .layer(from_fn_with_state(state.rate(), rate::limit))
        .layer(from_fn(render))
        .layer(from_fn_with_state(state.clone(), pages::error_pages))
        .layer(from_fn_with_state(state.clone(), headers::layer))
        .layer(from_fn_with_state(state.metrics().clone(), metrics::count))
        .with_state(state.clone());
    // A router lists the methods of a path outside of all of its own layers.
    Router::new().fallback_service(router).layer(from_fn_with_state(state, headers::discover))
}

/// Refuses paths and queries that are too long.
async fn short_uris(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Result<axum::response::Response, Problem> {
    let length = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if length > MAX_URI_BYTES {
        let detail = format!("path and query have {length} bytes, the limit is {MAX_URI_BYTES}");
        return Err(Problem::new(Kind::UriTooLong, detail));
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_openapi_3_1_and_every_answer_is_described() {
        let json = document();
        assert_eq!(json["openapi"], "3.1.0");
        for path in [
            "/epcis/v2/capture",
            "/epcis/v2/events/{eventID}",
            "/api/v1/status",
            "/api/v1/network",
            "/api/v1/feed",
            "/api/v1/webhooks/{id}/deliveries",
            "/api/v1/readings",
            "/api/v1/items",
            "/api/v1/trace",
            "/api/v1/evidence",
            "/api/v1/recalls/{id}/affected",
            "/api/v1/accounts",
            "/api/v1/accounts/{id}/entries",
            "/api/v1/accounts/{id}/transfers",
            "/api/v1/approvals",
            "/api/v1/assets/{asset}",
            "/api/v1/agreements",
            "/api/v1/agreements/check",
            "/api/v1/agreements/{id}/explain",
            "/api/v1/agreements/{id}/fund",
            "/readyz",
        ] {
            assert!(json["paths"].get(path).is_some(), "{path}");
        }
        for (path, methods) in json["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let answers = operation["responses"].as_object().unwrap();
                for (status, answer) in answers {
                    let described = answer["description"].as_str().is_some_and(|d| !d.is_empty());
                    assert!(described, "{method} {path} {status}");
                }
            }
        }
    }
}
