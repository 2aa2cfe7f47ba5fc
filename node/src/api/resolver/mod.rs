//! The resolver: what a lookup of a GS1 Digital Link is answered with (GS1-Conformant Resolver
//! Standard 1.2).
//!
//! [`lookup`] reads what is on record of the identifier, its lot and its product; [`accept`] what
//! the caller would rather have; [`choose`] decides among links; [`linkset`] writes all of them.
//! [`answers`] makes the answers, [`reply`] their heads; [`description`] tells programs what this
//! resolver does. Redirects lead to what an owner put on record, and to this node's own pages, and
//! nowhere else.

mod accept;
mod answers;
mod choose;
mod description;
mod linkset;
mod lookup;
mod reply;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tracehold_chain::epcis::Canonical;
use tracehold_chain::masterdata::{Link, plain_type};
use tracehold_explorer::pages::Frame;

pub use self::description::{__path_describe, describe};
pub use self::lookup::{Asked, Found};
pub use self::reply::{allow_everybody, events_path};

use self::accept::{Languages, Media};
use self::choose::{Choice, choose};
use self::linkset::LINKSET_JSON;
use self::reply::{METHODS, json_answer, options};
use super::extract::query_pairs;
use super::passport::{self, VC_LD_JSON, VC_MEDIA};
use super::problem::{Kind, Problem};
use super::scans::Visitor;
use super::visible::Caller;
use super::{ApiState, pages};

const HTML: &str = "text/html";
const JSON: &str = "application/json";
const JSON_LD: &str = "application/ld+json";

/// Parameters that only our own pages' links carry: they ask for the page.
const OF_PAGES: [&str; 4] = ["view", "story", "inside", "lang"];

/// Bytes of a link type that is asked for.
const MAX_ASKED_TYPE_BYTES: usize = 512;

/// The scheme and host that a caller reached this node by, or that its operator gave.
pub fn root(state: &ApiState, headers: &HeaderMap) -> String {
    pages::base(state, headers)
}

/// Look a thing up
///
/// A GS1 Digital Link. It answers with the page of the thing, or sends on (307) to where its owner
/// wants lookups to go. `linkType` asks for one kind of link, `linkType=linkset` for all; `Accept`
/// and `Accept-Language` choose among several. With `Accept: application/vc+ld+json` it answers
/// with the product's passport. The same holds of every GS1 key: `/01/{gtin}`,
/// `/01/{gtin}/10/{lot}`, `/00/{sscc}`, `/414/{gln}` …
#[utoipa::path(
    get, path = "/01/{gtin}/21/{serial}", tag = "Goods",
    params(
        ("gtin" = String, Path, description = "14 digits", example = "09521321000018"),
        ("serial" = String, Path, description = "percent-encoded", example = "A1"),
        ("linkType" = Option<String>, Query, description = "such as `gs1:pip`, `gs1:dpp`, \
            `gs1:traceability`, `gs1:epcis`, or `linkset`"),
    ),
    responses(
        (status = 200, description = "The page, the set of links, or the passport",
            content((String = "text/html"), (Value = "application/linkset+json"),
                (Value = "application/vc+ld+json"))),
        (status = 300, description = "Several links, between which the request does not decide",
            body = Value, content_type = "application/linkset+json"),
        (status = 307, description = "Where to go"),
        (status = 400, description = "It breaks the syntax of GS1 Digital Link"),
        (status = 404, description = "Nothing is on record, or no such link"),
    ),
)]
#[allow(dead_code, reason = "describes what the fallback does, which OpenAPI cannot see")]
pub fn get_digital_link() {}

/// A request for a Digital Link path.
pub struct Request {
    /// Which method.
    pub method: Method,
    /// The path and query.
    pub uri: Uri,
    /// What the caller prefers.
    pub headers: HeaderMap,
    /// Who asks.
    pub caller: Caller,
    /// What tells somebody who looks without a key from others, for an hour.
    pub visitor: Option<Visitor>,
}

/// Answers a request for a Digital Link path.
pub async fn resolve(state: &ApiState, request: Request) -> Response {
    if request.method == Method::OPTIONS {
        return options();
    }
    let is_head = request.method == Method::HEAD;
    let mut response = match request.method {
        Method::GET | Method::HEAD => Resolution::of(state, request).answer().await,
        method => {
            let detail = format!("{method} is not known here; use GET");
            Problem::new(Kind::MethodNotAllowed, detail)
                .header(ALLOW, HeaderValue::from_static(METHODS))
                .into_response()
        }
    };
    allow_everybody(response.headers_mut());
    let vary = HeaderValue::from_static("Accept, Accept-Language, Authorization");
    response.headers_mut().insert(VARY, vary);
    if is_head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Which kind of link is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// Nothing is said.
    Default,
    /// Our own page.
    Page,
    /// All links.
    Linkset,
    /// One kind.
    Type(String),
}

struct Resolution<'s> {
    state: &'s ApiState,
    request: Request,
    frame: Frame,
    media: Media,
    languages: Languages,
}

impl Resolution<'_> {
    fn of(state: &ApiState, request: Request) -> Resolution<'_> {
        let frame = pages::frame(state, &request.headers, &request.uri);
        let media = Media::of(&request.headers);
        let languages = Languages::of(&request.headers);
        Resolution { state, request, frame, media, languages }
    }

    async fn answer(&self) -> Response {
        let uri = &self.request.uri;
        let Some(asked) = lookup::read(uri.path(), uri.query()) else {
            return self.malformed(None);
        };
        let wanted = match self.wanted() {
            Ok(wanted) => wanted,
            Err(problem) => return problem.into_response(),
        };
        let (api, wish) = (self.state.clone(), asked.clone());
        let found = match self.state.read(move |view| lookup::find(&api, view, &wish)).await {
            Ok(found) => found,
            Err(problem) => return problem.into_response(),
        };
        if let Some(fault) = &asked.fault
            // What is on record with a slip of the pen is shown all the same.
            && !(found.is_known && asked.id.flaw().is_some())
        {
            return self.malformed(Some(fault));
        }
        if !found.is_known {
            return self.unknown(&asked.id);
        }
        let mut response = self.known(&asked, &found, wanted).await;
        self.link_headers(&asked.id, response.headers_mut());
        response
    }

    fn wanted(&self) -> Result<Wanted, Problem> {
        let pairs = query_pairs(&self.request.uri);
        let has = |wanted: &[&str]| pairs.iter().any(|(name, _)| wanted.contains(&name.as_str()));
        if has(&["view"]) {
            return Ok(Wanted::Page);
        }
        let mut given: Vec<String> = pairs
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("linktype"))
            .map(|(_, value)| plain_type(value))
            .collect();
        given.dedup();
        let wrong = |rule: &str, mend: &str| {
            Err(Problem::new(Kind::Parameter, format!("linkType {rule}"))
                .field("linkType", rule, mend))
        };
        match given.as_slice() {
            [] if has(&OF_PAGES) => Ok(Wanted::Page),
            [] => Ok(Wanted::Default),
            [one] if one.is_empty() || one.len() > MAX_ASKED_TYPE_BYTES => {
                wrong("must name a kind of link", "give one such as gs1:pip, or leave it out")
            }
            // A bare word is one of GS1's.
            [one] => {
                Ok(match one.strip_prefix("gs1:").unwrap_or(one).to_ascii_lowercase().as_str() {
                    "all" | "linkset" => Wanted::Linkset,
                    "defaultlink" | "defaultlinkmulti" => Wanted::Default,
                    _ => Wanted::Type(one.clone()),
                })
            }
            _ => wrong("stands there twice with different values", "give one of them"),
        }
    }

    async fn known(&self, asked: &Asked, found: &Found, wanted: Wanted) -> Response {
        match wanted {
            Wanted::Page => self.page(&asked.id).await,
            Wanted::Linkset => self.linkset(asked, found),
            Wanted::Type(link_type) => self.of_type(asked, found, &link_type).await,
            Wanted::Default => {
                let offered = [HTML, LINKSET_JSON, JSON, JSON_LD, VC_LD_JSON, VC_MEDIA];
                let defaults = found.defaults();
                let is_there = |media: &str| {
                    defaults.iter().any(|link| link.media_type.as_deref() == Some(media))
                };
                match self.media.best(&offered) {
                    Some(VC_LD_JSON | VC_MEDIA) => self.passport(asked, found).await,
                    Some(LINKSET_JSON) => self.linkset(asked, found),
                    Some(media @ (JSON | JSON_LD)) if !is_there(media) => {
                        self.linkset(asked, found)
                    }
                    _ if found.is_recalled => self.page(&asked.id).await,
                    _ => match choose(defaults, &self.media, &self.languages) {
                        None => self.page(&asked.id).await,
                        Some(Choice::One(link)) => self.redirect(&link.href),
                        // The first is the default of the defaults.
                        Some(Choice::Many(links)) => match links.first() {
                            Some(link) => self.redirect(&link.href),
                            None => self.page(&asked.id).await,
                        },
                    },
                }
            }
        }
    }

    async fn of_type(&self, asked: &Asked, found: &Found, link_type: &str) -> Response {
        let is_passport = link_type.eq_ignore_ascii_case("gs1:dpp");
        let wants_credential =
            matches!(self.media.best(&[HTML, VC_LD_JSON, VC_MEDIA]), Some(VC_LD_JSON | VC_MEDIA));
        if is_passport && wants_credential {
            return self.passport(asked, found).await;
        }
        let links = found.of_type(link_type);
        match choose(links, &self.media, &self.languages) {
            Some(Choice::One(link)) => self.redirect(&link.href),
            Some(Choice::Many(links)) => self.several(&asked.id, &links),
            None if is_passport => self.passport(asked, found).await,
            None => self.own_of_type(asked, found, link_type),
        }
    }

    async fn page(&self, id: &Canonical) -> Response {
        let (state, request) = (self.state, &self.request);
        let seen = (&request.uri, &request.headers, request.visitor.as_ref());
        pages::item_page(state, &request.caller, &self.frame, id, seen)
            .await
            .unwrap_or_else(IntoResponse::into_response)
    }

    async fn passport(&self, asked: &Asked, found: &Found) -> Response {
        let links = found.of_type("gs1:dpp");
        let is_credential =
            |link: &&&Link| matches!(link.media_type.as_deref(), Some(VC_LD_JSON | VC_MEDIA));
        if let Some(link) = links.iter().find(is_credential) {
            return self.redirect(&link.href);
        }
        match passport::issue(self.state, &self.request.caller, asked, found).await {
            Ok(passport) => {
                let media = self.media.best(&[VC_LD_JSON, VC_MEDIA]).unwrap_or(VC_LD_JSON);
                json_answer(StatusCode::OK, media, &passport)
            }
            Err(problem) => match links.first() {
                Some(link) if problem.code == passport::ELSEWHERE => self.redirect(&link.href),
                _ => problem.into_response(),
            },
        }
    }
}
