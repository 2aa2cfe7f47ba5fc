//! The handlers of browse resources. They differ in names and words only.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::HeaderMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::ApiState;
use super::super::super::auth::Keyed;
use super::super::super::extract::InPath;
use super::super::super::problem::Problem;
use super::super::shown::{Collection, QueryDocument};
use super::{Resource, events_of, list, one};

/// The routes of this module.
pub(in super::super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_event_types))
        .routes(routes!(get_event_type))
        .routes(routes!(get_event_type_events))
        .routes(routes!(get_epcs))
        .routes(routes!(get_epc))
        .routes(routes!(get_epc_events))
        .routes(routes!(get_biz_steps))
        .routes(routes!(get_biz_step))
        .routes(routes!(get_biz_step_events))
        .routes(routes!(get_biz_locations))
        .routes(routes!(get_biz_location))
        .routes(routes!(get_biz_location_events))
        .routes(routes!(get_read_points))
        .routes(routes!(get_read_point))
        .routes(routes!(get_read_point_events))
        .routes(routes!(get_dispositions))
        .routes(routes!(get_disposition))
        .routes(routes!(get_disposition_events))
}

/// Three handlers: what there is, one of it, and its events. Each is named with its path, its
/// summary and its description.
macro_rules! resource {
    (
        $resource:expr, $parameter:tt, $meaning:tt,
        $list:ident $list_path:tt $list_summary:tt $list_words:tt,
        $one:ident $one_path:tt $one_summary:tt,
        $events:ident $events_path:tt $events_summary:tt,
    ) => {
        #[doc = $list_summary]
        #[utoipa::path(
            get, path = $list_path, tag = "EPCIS",
            summary = $list_summary, description = $list_words,
            params(
                ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
                    description = "values on one page, 30 when absent"),
                ("nextPageToken" = Option<String>, Query,
                    description = "from the `Link` header of the page before"),
            ),
            responses(
                (status = 200, description = "A Collection", body = Collection,
                    headers(("Link" = String, description = "the next page, if there is one"))),
                (status = 400, description = "A parameter is unknown or breaks a rule"),
            ),
            security(("api_key" = []))
        )]
        pub async fn $list(
            State(state): State<ApiState>,
            _keyed: Keyed,
            OriginalUri(uri): OriginalUri,
        ) -> Result<Response, Problem> {
            list(state, uri, $resource).await
        }

        #[doc = $one_summary]
        #[utoipa::path(
            get, path = $one_path, tag = "EPCIS",
            summary = $one_summary, description = "A Collection of sub-resources: `events`.",
            params(($parameter = String, Path, description = $meaning)),
            responses(
                (status = 200, description = "A Collection", body = Collection),
                (status = 404, description = "No event has it"),
            ),
            security(("api_key" = []))
        )]
        pub async fn $one(
            State(state): State<ApiState>,
            _keyed: Keyed,
            InPath(value): InPath<String>,
        ) -> Result<Response, Problem> {
            one(state, $resource, value).await
        }

        #[doc = $events_summary]
        #[utoipa::path(
            get, path = $events_path, tag = "EPCIS",
            summary = $events_summary,
            description = "As `GET /epcis/v2/events`, with all its parameters.",
            params(
                ($parameter = String, Path, description = $meaning),
                ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
                    description = "events on one page, 30 when absent"),
                ("nextPageToken" = Option<String>, Query,
                    description = "from the `Link` header of the page before"),
            ),
            responses(
                (status = 200, description = "An EPCISQueryDocument", body = QueryDocument,
                    headers(("Link" = String, description = "the next page, if there is one"))),
                (status = 400, description = "A parameter is unknown or breaks a rule"),
                (status = 404, description = "No event has it"),
                (status = 413, description = "More events than `maxEventCount`, or too much work"),
                (status = 503, description = "This node has not come as far as the token"),
            ),
            security(("api_key" = []))
        )]
        pub async fn $events(
            State(state): State<ApiState>,
            keyed: Keyed,
            headers: HeaderMap,
            InPath(value): InPath<String>,
            OriginalUri(uri): OriginalUri,
        ) -> Result<Response, Problem> {
            events_of(state, keyed, headers, uri, $resource, value).await
        }
    };
}

resource! {
    Resource::EventTypes, "eventType", "the event type, percent-encoded",
    get_event_types "/epcis/v2/eventTypes" "List event types"
        "The five types of EPCIS 2.0 and those of extensions that events on record have, in \
         alphabetical order.",
    get_event_type "/epcis/v2/eventTypes/{eventType}" "What there is of an event type",
    get_event_type_events "/epcis/v2/eventTypes/{eventType}/events" "Events of an event type",
}

resource! {
    Resource::Epcs, "epc", "the thing, percent-encoded: EPC URN or Digital Link",
    get_epcs "/epcis/v2/epcs" "List things"
        "The single things that events on record name, in the order of the digests of their \
         identifiers.",
    get_epc "/epcis/v2/epcs/{epc}" "What there is of a thing",
    get_epc_events "/epcis/v2/epcs/{epc}/events" "Events of a thing",
}

resource! {
    Resource::BizSteps, "bizStep", "the business step, percent-encoded",
    get_biz_steps "/epcis/v2/bizSteps" "List business steps"
        "The business steps that events on record have, in alphabetical order.",
    get_biz_step "/epcis/v2/bizSteps/{bizStep}" "What there is of a business step",
    get_biz_step_events "/epcis/v2/bizSteps/{bizStep}/events" "Events of a business step",
}

resource! {
    Resource::BizLocations, "bizLocation", "the business location, percent-encoded",
    get_biz_locations "/epcis/v2/bizLocations" "List business locations"
        "The business locations that events on record have, in alphabetical order.",
    get_biz_location "/epcis/v2/bizLocations/{bizLocation}" "What there is of a business location",
    get_biz_location_events "/epcis/v2/bizLocations/{bizLocation}/events"
        "Events of a business location",
}

resource! {
    Resource::ReadPoints, "readPoint", "the read point, percent-encoded",
    get_read_points "/epcis/v2/readPoints" "List read points"
        "The read points that events on record have, in alphabetical order.",
    get_read_point "/epcis/v2/readPoints/{readPoint}" "What there is of a read point",
    get_read_point_events "/epcis/v2/readPoints/{readPoint}/events" "Events of a read point",
}

resource! {
    Resource::Dispositions, "disposition", "the disposition, percent-encoded",
    get_dispositions "/epcis/v2/dispositions" "List dispositions"
        "The dispositions that events on record have, in alphabetical order.",
    get_disposition "/epcis/v2/dispositions/{disposition}" "What there is of a disposition",
    get_disposition_events "/epcis/v2/dispositions/{disposition}/events" "Events of a disposition",
}
