//! What a resolution answers with: sets of links, this node's own links, pages for people, and
//! problems for programs.

use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use tracehold_chain::epcis::Canonical;
use tracehold_chain::epcis::digital_link::link::Link as DigitalLink;
use tracehold_chain::epcis::gs1::Fault as SyntaxFault;
use tracehold_chain::masterdata::Link;
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::text_in;
use tracehold_explorer::pages::{self as told, Way};
use tracehold_explorer::story;

use super::super::pages;
use super::super::passport::{self, VC_LD_JSON, VC_MEDIA};
use super::super::problem::{Kind, PROBLEM_JSON, Problem};
use super::linkset::{LINKSET_CONTEXT, LINKSET_JSON};
use super::lookup::{Asked, Found};
use super::reply::{events_path, json_answer, redirect_to, with_query};
use super::{HTML, JSON, JSON_LD, Resolution, linkset, root};

impl Resolution<'_> {
    /// What this node itself has of a kind.
    pub(super) fn own_of_type(&self, asked: &Asked, found: &Found, link_type: &str) -> Response {
        let is_recall = link_type.eq_ignore_ascii_case("gs1:recallStatus") && found.is_recalled;
        if link_type.eq_ignore_ascii_case("gs1:traceability") || is_recall {
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
    pub(super) fn wants_html(&self) -> bool {
        self.media.names(HTML) && self.media.best(&[HTML, JSON]) == Some(HTML)
    }

    /// This node's own links from an identifier: its page, its events, its passport, and while it
    /// is recalled the page again, which begins with that.
    pub(super) fn own(&self, asked: &Asked, found: &Found) -> Vec<Link> {
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
        if found.is_recalled && found.of_type("gs1:recallStatus").is_empty() {
            own.push(link("recallStatus", page("en"), "It is recalled", "en", HTML));
            own.push(link("recallStatus", page("zh"), "该物品已被召回", "zh", HTML));
        }
        let has_own_passport = passport::can_issue(self.state, asked, found);
        if has_own_passport && found.of_type("gs1:dpp").is_empty() {
            let href = format!("{path}?linkType=gs1:dpp");
            own.push(link("dpp", href, "Product passport", "", VC_LD_JSON));
        }
        own
    }

    pub(super) fn linkset(&self, asked: &Asked, found: &Found) -> Response {
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
        let mut set = linkset::all(&root, &described, found, &own);
        if best == JSON_LD {
            set["@context"] = json!(LINKSET_CONTEXT);
        }
        json_answer(StatusCode::OK, best, &set)
    }

    pub(super) fn description(&self, id: &Canonical, found: &Found, language: Language) -> String {
        let name = found.product.as_ref().and_then(|product| text_in(&product.names, language));
        let words = || story::describe(id, language).unwrap_or_else(|| id.uri().to_owned());
        name.map_or_else(words, str::to_owned)
    }

    /// Several links, between which the request does not decide.
    pub(super) fn several(&self, id: &Canonical, links: &[&Link]) -> Response {
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
    pub(super) fn ways(
        &self,
        status: StatusCode,
        title: &str,
        about: &str,
        links: &[&Link],
    ) -> Response {
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
    pub(super) fn redirect(&self, href: &str) -> Response {
        redirect_to(&with_query(href, self.request.uri.query()))
    }

    /// What is no Digital Link: with the rule and the mend.
    pub(super) fn malformed(&self, fault: Option<&SyntaxFault>) -> Response {
        let path = self.request.uri.path();
        let why = match fault {
            Some(fault) => fault.to_string(),
            None => {
                let strict =
                    DigitalLink::parse(&format!("https://id.gs1.org{path}"), Default::default());
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

    pub(super) fn unknown(&self, id: &Canonical) -> Response {
        let title = story::describe(id, self.frame.language).unwrap_or_default();
        if self.wants_problem() {
            let detail = format!(
                "nothing on this ledger is about {}: the item may be new, or from somebody who \
                 does not record here",
                id.uri()
            );
            return Problem::new(Kind::NotFound, detail).into_response();
        }
        pages::page(StatusCode::NOT_FOUND, told::unknown_item(&self.frame, &title, id.uri()))
    }

    /// Whether the caller is a program that would rather read a problem than a page.
    pub(super) fn wants_problem(&self) -> bool {
        let offered = [HTML, PROBLEM_JSON, JSON, LINKSET_JSON, JSON_LD, VC_LD_JSON, VC_MEDIA];
        self.media.best(&offered).is_some_and(|media| media != HTML)
    }

    /// Where the set of links is, and the one spelling of the identifier.
    pub(super) fn link_headers(&self, id: &Canonical, headers: &mut HeaderMap) {
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
