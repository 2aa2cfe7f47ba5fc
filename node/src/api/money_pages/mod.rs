//! The pages that hold prices: agreements, accounts and what waits for a second agent. An API key
//! opens them, in the `Authorization` header or exchanged for a session; a reader sees what its
//! member has a part in.

mod accounts;
mod agreement;
mod approvals;
mod lists;
mod moves;
mod session;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use tracehold_chain::epcis::canonical;
use tracehold_chain::state::Position;
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::Frame;
use tracehold_explorer::pages::item::Names;
use tracehold_explorer::pages::members::{self, SignedIn, Why};
use tracehold_explorer::story::{self, Places, Reference};

use super::ApiState;
use super::auth::Keyed;
use super::extract::query_pairs;
use super::pages::{self, compression, frame, page};
use super::problem::Problem;
use super::visible::Caller;
use crate::fault::Fault;
use crate::keystore::AgentSigner;
use crate::view::ReadView;

pub use lists::about;

/// Lines of a statement, agreements or accounts on one page.
pub const LINES_ON_PAGE: usize = 30;

/// Payments and steps of an agreement on its page: more than its milestones and deposits can make,
/// save pro rata in very small parts.
const MAX_STEPS_ON_PAGE: usize = 500;

/// Goods of an agreement that its page names; it says how many more there are.
const MAX_GOODS_ON_PAGE: usize = 12;

/// The pages with a path of their own.
pub fn routes() -> Router<ApiState> {
    Router::new()
        .route("/sign-in", get(session::form).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/agreements", get(lists::agreements))
        .route("/agreements/{id}", get(agreement::agreement))
        .route("/accounts", get(accounts::accounts))
        .route("/accounts/{id}", get(accounts::statement))
        .route("/approvals", get(approvals::approvals))
        .layer(compression())
}

/// Who reads, and the page's frame.
pub(in crate::api) struct Reader {
    agent: AgentSigner,
    pub who: SignedIn,
    frame: Frame,
}

impl Reader {
    fn caller(&self) -> Caller {
        Caller::Agent(self.agent.agent_id.clone())
    }

    pub fn language(&self) -> Language {
        self.frame.language
    }
}

/// What a page is made of, or the form that asks who reads.
///
/// # Errors
/// [`Problem`] of a wrong key in the header.
pub(in crate::api) fn reader(
    state: &ApiState,
    keyed: Result<Option<Keyed>, Problem>,
    headers: &HeaderMap,
    uri: &http::Uri,
) -> Result<Result<Reader, Response>, Problem> {
    let (agent, by_session) = match keyed? {
        Some(keyed) => (Some(keyed.agent), false),
        None => (state.sessions().agent(state.keystore(), headers), true),
    };
    let mut frame = frame(state, headers, uri);
    let Some(agent) = agent else {
        let next = uri.path_and_query().map_or_else(|| uri.path(), |whole| whole.as_str());
        let html = members::sign_in(&frame, &company(state), next, Why::Needed);
        return Ok(Err(private(StatusCode::UNAUTHORIZED, html)));
    };
    // The switch of languages leads to the same part of a list.
    let kept = query_pairs(uri).into_iter().find(|(name, _)| name == "before" || name == "after");
    if let Some((name, value)) = kept {
        let value = tracehold_chain::epcis::uri::percent_encoded(&value);
        frame.path = format!("{}?{name}={value}", frame.path);
    }
    let company = state.member_name(agent.agent_id.member());
    let who = SignedIn { agent: agent.agent_id.to_string(), company, by_session };
    Ok(Ok(Reader { agent, who, frame }))
}

/// The member that runs this node, by its name for people.
fn company(state: &ApiState) -> String {
    state.own_member_name()
}

/// A page that nobody else may keep or show.
pub(in crate::api) fn private(status: StatusCode, html: String) -> Response {
    let mut response = page(status, html);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language, Authorization, Cookie"));
    response
}

/// A parameter of the query.
pub(in crate::api) fn given(uri: &http::Uri, wanted: &str) -> Option<String> {
    query_pairs(uri).into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
}

/// An event in a few words, with its page.
///
/// # Errors
/// [`Fault`] when it cannot be read.
fn event_at(
    state: &ApiState,
    view: &ReadView,
    caller: &Caller,
    position: Position,
    language: Language,
) -> Result<Option<Reference>, Fault> {
    let Some(stored) = view.event_at(position)? else { return Ok(None) };
    let recorded = pages::recorded(state, caller, &stored)?;
    let told = story::tell(&recorded, &Places::new(), language);
    let text = format!("{} · {} · {}", told.title, told.recorded_by, told.happened);
    Ok(Some(Reference { text, path: Some(told.path) }))
}

/// Events in a few words, with their pages.
///
/// # Errors
/// [`Fault`] when one cannot be read.
fn events_at(
    state: &ApiState,
    view: &ReadView,
    caller: &Caller,
    positions: &[Position],
    language: Language,
) -> Result<Vec<Reference>, Fault> {
    let mut found = Vec::with_capacity(positions.len());
    for position in positions {
        found.extend(event_at(state, view, caller, *position, language)?);
    }
    Ok(found)
}

/// Things by their products' names, with their pages.
///
/// # Errors
/// [`Fault`] when what is said of a product cannot be read.
fn things(view: &ReadView, ids: &[String], language: Language) -> Result<Vec<Reference>, Fault> {
    let mut names = Names::default();
    pages::name_products(view, ids.iter().map(String::as_str), language, &mut names)?;
    Ok(ids.iter().map(|id| names.thing(canonical(id).uri(), language)).collect())
}

/// A member, with its page.
fn member(
    state: &ApiState,
    id: &tracehold_chain::units::MemberId,
    language: Language,
) -> Reference {
    let path = Some(language.of_path(&format!("/member/{id}")));
    Reference { text: state.member_name(id), path }
}
