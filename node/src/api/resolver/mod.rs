//! The resolver: what a lookup of a GS1 Digital Link is answered with (GS1-Conformant Resolver
//! Standard 1.2).
//!
//! [`lookup`] reads what is on record of the identifier, its lot and its product; [`accept`] what
//! the caller would rather have; [`choose`] decides among links; [`linkset`] writes all of them;
//! [`description`] tells programs what this resolver does. Redirects lead to what an owner put on
//! record, and to this node's own pages, and nowhere else.

pub mod accept;
mod choose;
mod description;
mod linkset;
mod lookup;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
    LINK, LOCATION, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Canonical, Level};
use tracehold_chain::masterdata::{Link, plain_type};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::text_in;
use tracehold_explorer::pages::{self as told, Frame, Way};
use tracehold_explorer::story;

pub use self::description::{__path_describe, describe};
pub use self::lookup::{Asked, Found};

use self::accept::{Languages, Media};
use self::choose::{Choice, choose};
use self::linkset::{LINKSET_CONTEXT, LINKSET_JSON};
use super::extract::query_pairs;
use super::passport::{self, VC_LD_JSON, VC_MEDIA};
use super::problem::{Kind, Problem};
use super::visible::Caller;
use super::{ApiState, pages};

const METHODS: &str = "GET, HEAD, OPTIONS";

/// How long a browser may remember that everybody may ask: a day.
const CORS_SECONDS: u32 = 86_400;

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

/// Any page in a browser may ask: nothing here depends on who is signed in (Fetch §3.2).
pub fn allow_everybody(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Link, Location"));
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

/// What a browser asks before it asks (CORS), and what may be asked at all.
fn options() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    allow_everybody(headers);
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    let allowed = HeaderValue::from_static("Accept, Accept-Language, Authorization");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(CORS_SECONDS));
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

    /// What this node itself has of a kind.
    fn own_of_type(&self, asked: &Asked, found: &Found, link_type: &str) -> Response {
        if link_type.eq_ignore_ascii_case("gs1:traceability") {
            let path = story::path_of(&asked.id).unwrap_or_default();
            return self.redirect(&format!("{path}?view=scan"));
        }
        if link_type.eq_ignore_ascii_case("gs1:epcis") {
            // Our own query takes no parameters that it does not know.
            return redirect_to(&events_path(&asked.id));
        }
        let own = self.own(asked, found);
        let mut types = found.types();
        for link in &own {
            if !types.contains(&link.link_type.as_str()) {
                types.push(&link.link_type);
            }
        }
        let shown: String = link_type.chars().take(80).collect();
        if self.wants_html() {
            let language = self.frame.language;
            let title = language.pick("There is no such link", "没有这种链接");
            let links: Vec<&Link> =
                found.levels.iter().flat_map(|level| &level.links).chain(&own).collect();
            return self.ways(StatusCode::NOT_FOUND, title, &shown, &links);
        }
        let detail =
            format!("no link of the kind {shown:?} is on record; there are: {}", types.join(", "));
        Problem::new(Kind::NotFound, detail).code("no_such_link").into_response()
    }

    /// Whether the caller says that it reads pages.
    fn wants_html(&self) -> bool {
        self.media.names(HTML) && self.media.best(&[HTML, JSON]) == Some(HTML)
    }

    /// This node's own links from an identifier: its page, its events, its passport.
    fn own(&self, asked: &Asked, found: &Found) -> Vec<Link> {
        let root = root(self.state, &self.request.headers);
        let path = story::path_of(&asked.id).unwrap_or_default();
        let link = |kind: &str, href: String, title: &str, lang: &str, media: &str| Link {
            link_type: format!("gs1:{kind}"),
            href: format!("{root}{href}"),
            title: title.to_owned(),
            hreflang: if lang.is_empty() { Vec::new() } else { vec![lang.to_owned()] },
            media_type: Some(media.to_owned()),
            is_default: false,
        };
        let page = |lang| format!("{path}?view=scan&lang={lang}");
        let mut own = vec![
            link("traceability", page("en"), "Where it comes from and where it was", "en", HTML),
            link("traceability", page("zh"), "来源与经历", "zh", HTML),
            link("epcis", events_path(&asked.id), "Its events (EPCIS 2.0)", "", JSON),
        ];
        let has_own_passport = passport::can_issue(self.state, asked, found);
        if has_own_passport && found.of_type("gs1:dpp").is_empty() {
            let href = format!("{path}?linkType=gs1:dpp");
            own.push(link("dpp", href, "Product passport", "", VC_LD_JSON));
        }
        own
    }

    fn linkset(&self, asked: &Asked, found: &Found) -> Response {
        let own = self.own(asked, found);
        let described = self.description(&asked.id, found, Language::English);
        let offered = [LINKSET_JSON, JSON, JSON_LD, HTML];
        let best = self.media.best(&offered).unwrap_or(LINKSET_JSON);
        if best == HTML {
            let title = self.description(&asked.id, found, self.frame.language);
            let links: Vec<&Link> =
                found.levels.iter().flat_map(|level| &level.links).chain(&own).collect();
            let all = self.frame.language.pick("All links", "全部链接");
            return self.ways(StatusCode::OK, all, &title, &links);
        }
        let root = root(self.state, &self.request.headers);
        let mut set = linkset::all(&root, &described, &found.levels, &own);
        if best == JSON_LD {
            set["@context"] = json!(LINKSET_CONTEXT);
        }
        json_answer(StatusCode::OK, best, &set)
    }

    fn description(&self, id: &Canonical, found: &Found, language: Language) -> String {
        let name = found.product.as_ref().and_then(|product| text_in(&product.names, language));
        let words = || story::describe(id, language).unwrap_or_else(|| id.uri().to_owned());
        name.map_or_else(words, str::to_owned)
    }

    /// Several links, between which the request does not decide.
    fn several(&self, id: &Canonical, links: &[&Link]) -> Response {
        if self.wants_html() {
            let title = self.frame.language.pick("There are several", "有多个链接");
            let about = story::describe(id, self.frame.language).unwrap_or_default();
            return self.ways(StatusCode::MULTIPLE_CHOICES, title, &about, links);
        }
        let path = story::path_of(id).unwrap_or_default();
        let anchor = format!("{}{path}", root(self.state, &self.request.headers));
        let set = linkset::some(&anchor, links);
        json_answer(StatusCode::MULTIPLE_CHOICES, LINKSET_JSON, &set)
    }

    /// A page of links for people.
    fn ways(&self, status: StatusCode, title: &str, about: &str, links: &[&Link]) -> Response {
        let ways: Vec<Way> = links
            .iter()
            .map(|link| Way {
                href: link.href.clone(),
                title: link.title.clone(),
                kind: link.link_type.clone(),
                languages: link.hreflang.join(", "),
            })
            .collect();
        pages::page(status, told::ways(&self.frame, title, about, &ways))
    }

    /// To a link on record, with the whole query (§2.12).
    fn redirect(&self, href: &str) -> Response {
        redirect_to(&with_query(href, self.request.uri.query()))
    }

    async fn page(&self, id: &Canonical) -> Response {
        let (state, request) = (self.state, &self.request);
        pages::item_page(state, &request.caller, &self.frame, id, &request.uri)
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

    /// What is no Digital Link: with the rule and the mend.
    fn malformed(&self, fault: Option<&tracehold_chain::epcis::gs1::Fault>) -> Response {
        let path = self.request.uri.path();
        let why = match fault {
            Some(fault) => fault.to_string(),
            None => {
                let strict = tracehold_chain::epcis::digital_link::link::Link::parse(
                    &format!("https://id.gs1.org{path}"),
                    Default::default(),
                );
                strict.err().map_or_else(
                    || "no GS1 key such as /01/ with its 14 digits stands in this path".to_owned(),
                    |fault| fault.to_string(),
                )
            }
        };
        if self.wants_problem() {
            let rule = fault.map_or("digital-link", |fault| fault.rule);
            let mend = "a scan link looks like /01/09506000134352/21/12345";
            return Problem::new(Kind::Parameter, why)
                .code("digital_link")
                .field("path", rule, mend)
                .into_response();
        }
        pages::page(StatusCode::BAD_REQUEST, told::malformed_because(&self.frame, path, &why))
    }

    fn unknown(&self, id: &Canonical) -> Response {
        let title = story::describe(id, self.frame.language).unwrap_or_default();
        if self.wants_problem() {
            let detail = format!(
                "nothing on this ledger is about {}: the item may be new, or from somebody who \
                 does not record here",
                id.uri()
            );
            return Problem::new(Kind::NotFound, detail).into_response();
        }
        pages::page(StatusCode::NOT_FOUND, told::unknown_item(&self.frame, &title))
    }

    /// Whether the caller is a program that would rather read a problem than a page.
    fn wants_problem(&self) -> bool {
        let offered =
            [HTML, super::problem::PROBLEM_JSON, JSON, LINKSET_JSON, JSON_LD, VC_LD_JSON, VC_MEDIA];
        self.media.best(&offered).is_some_and(|media| media != HTML)
    }

    /// Where the set of links is, and the one spelling of the identifier.
    fn link_headers(&self, id: &Canonical, headers: &mut HeaderMap) {
        let path = story::path_of(id).unwrap_or_default();
        let set = format!("<{path}?linkType=linkset>; rel=\"linkset\"; type=\"{LINKSET_JSON}\"");
        let same = format!("<{}>; rel=\"http://www.w3.org/2002/07/owl#sameAs\"", id.uri());
        for text in [set, same] {
            // Canonical links are plain ASCII.
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.append(LINK, value);
            }
        }
    }
}

/// Where the events of an identifier are.
fn events_path(id: &Canonical) -> String {
    let parameter = match id.level() {
        Level::Lot | Level::Class => "MATCH_anyEPCClass",
        Level::Location => "EQ_bizLocation",
        _ => "MATCH_anyEPC",
    };
    format!("/epcis/v2/events?{parameter}={}", percent_encoded(id.uri()))
}

fn redirect_to(href: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(href) else {
        return Problem::new(Kind::Internal, "the link on record is no address").into_response();
    };
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// An address with a query handed on, letter by letter, before its fragment.
fn with_query(href: &str, query: Option<&str>) -> String {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return href.to_owned() };
    let (before, fragment) = match href.split_once('#') {
        Some((before, fragment)) => (before, format!("#{fragment}")),
        None => (href, String::new()),
    };
    let joint = match before.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, own)) if own.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{before}{joint}{query}{fragment}")
}

fn json_answer(status: StatusCode, media: &'static str, value: &Value) -> Response {
    let mut response = (status, value.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if matches!(media, LINKSET_JSON | JSON) {
        let context = format!(
            "<{LINKSET_CONTEXT}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"{JSON_LD}\""
        );
        headers.append(LINK, HeaderValue::from_str(&context).expect("plain ASCII"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P103.
    #[test]
    fn queries_are_handed_on_letter_by_letter() {
        for (href, query, wanted) in [
            ("https://a.example/x", None, "https://a.example/x"),
            ("https://a.example/x", Some(""), "https://a.example/x"),
            ("https://a.example/x", Some("a=1&b=%20;c"), "https://a.example/x?a=1&b=%20;c"),
            ("https://a.example/x?y=1", Some("a=1"), "https://a.example/x?y=1&a=1"),
            ("https://a.example/x?", Some("a=1"), "https://a.example/x?a=1"),
            ("https://a.example/x?y=1#z", Some("a=1"), "https://a.example/x?y=1&a=1#z"),
            ("https://a.example/#z", Some("a"), "https://a.example/?a#z"),
        ] {
            assert_eq!(with_query(href, query), wanted);
        }
    }
}
