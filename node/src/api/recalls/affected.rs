//! `/api/v1/recalls/{id}/affected`: everything that a recall reaches, with holder and place.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::product_of;
use tracehold_chain::recall::RecallRecord;
use tracehold_contracts::provenance::Party;
use tracehold_contracts::recall::affected::{Row, Rows};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::text_in;

use super::super::ApiState;
use super::super::auth::Keyed;
use super::super::extract::{InPath, Params, query_pairs};
use super::super::limits::{DEFAULT_PAGE, MAX_AFFECTED_PAGE};
use super::super::pages::{place_name, product};
use super::super::paging::{next_link, to_token};
use super::super::problem::Problem;
use super::super::told::{level_code, life, moment};
use super::{csv, id_in_path, number_token, parameter, record};
use crate::fault::Fault;
use crate::recalls::Listed;
use crate::view::ReadView;

/// Everything that a recall reaches, in pages.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AffectedView {
    /// The recall.
    pub recall: String,
    /// The block as of which this is.
    pub height: u64,
    /// How many things are affected.
    pub affected: usize,
    /// How many things hold affected ones now and are not affected themselves; they stand at the
    /// end of the list.
    pub holding: usize,
    /// Whether nothing is left out: a list ends at a million things.
    pub complete: bool,
    /// One page of the list.
    pub items: Vec<AffectedItem>,
}

/// Something affected, or that holds what is.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AffectedItem {
    /// Its identifier.
    pub id: String,
    /// `class`, `lot`, `instance`, `logistic_unit` …
    pub kind: String,
    /// `named` by the recall, `of_product`, `made_from`, `packed_in`; or `holds`.
    pub how: String,
    /// What it was made of or packed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The cursor of the event that made or packed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Whether it exists: `active`, `consumed` …; nothing when no event names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<String>,
    /// Who has it, or what it is in; of a lot all who have some, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub holders: Vec<HolderView>,
    /// Where it was seen last, or what it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceSeen>,
    /// To whom it is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_its_way_to: Option<HolderView>,
    /// The outermost container that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// How many affected things are inside, of what holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<u64>,
}

/// Somebody who has things.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HolderView {
    /// The member, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The identifier, if it is no member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it is called, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where something was seen.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlaceSeen {
    /// The place.
    pub id: String,
    /// What it is called, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When (RFC 3339).
    pub seen: String,
}

/// What `GET /api/v1/recalls/{id}/affected` understands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffectedQuery {
    format: Option<String>,
    lang: Option<String>,
    #[serde(rename = "perPage")]
    per_page: Option<String>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
}

/// Names of what a list tells of, each looked up once.
pub struct Names {
    state: ApiState,
    language: Language,
    places: BTreeMap<String, Option<String>>,
    products: BTreeMap<String, Option<String>>,
}

impl Names {
    pub fn new(state: &ApiState, language: Language) -> Names {
        let (places, products) = (BTreeMap::new(), BTreeMap::new());
        Names { state: state.clone(), language, places, products }
    }

    pub fn place(&mut self, view: &ReadView, uri: &str) -> Result<Option<String>, Fault> {
        if let Some(known) = self.places.get(uri) {
            return Ok(known.clone());
        }
        let name = match place_name(view, uri, self.language)? {
            Some(name) => Some(name),
            None => self.state.places().get(uri).cloned(),
        };
        self.places.insert(uri.to_owned(), name.clone());
        Ok(name)
    }

    pub fn product(&mut self, view: &ReadView, uri: &str) -> Result<Option<String>, Fault> {
        let Some(class) = product_of(&canonical(uri)) else { return Ok(None) };
        if let Some(known) = self.products.get(&class) {
            return Ok(known.clone());
        }
        let found = product(view, &class)?;
        let name = found.and_then(|p| text_in(&p.names, self.language).map(str::to_owned));
        self.products.insert(class, name.clone());
        Ok(name)
    }

    pub fn holder(&mut self, view: &ReadView, party: &Party) -> Result<HolderView, Fault> {
        Ok(match party {
            Party::Member(id) => HolderView {
                member: Some(id.to_string()),
                id: None,
                name: Some(self.state.member_name(id)),
            },
            Party::Other(uri) => {
                HolderView { member: None, id: Some(uri.clone()), name: self.place(view, uri)? }
            }
        })
    }
}

impl AffectedItem {
    pub fn of(
        view: &ReadView,
        rows: &Rows,
        row: &Row,
        names: &mut Names,
    ) -> Result<AffectedItem, Fault> {
        let holders = row.holders.iter().map(|party| names.holder(view, party));
        let holders = holders.collect::<Result<_, _>>()?;
        let place = match &row.place {
            Some((uri, mark)) => Some(PlaceSeen {
                id: uri.clone(),
                name: names.place(view, uri)?,
                seen: moment(mark.time),
            }),
            None => None,
        };
        let to = row.to.as_ref().map(|party| names.holder(view, party)).transpose()?;
        Ok(AffectedItem {
            id: row.uri.clone(),
            kind: level_code(row.level).to_owned(),
            how: row.how.code().to_owned(),
            from: row.from.and_then(|at| rows.rows.get(at)).map(|from| from.uri.clone()),
            event: row.via.map(to_token),
            life: row.life.map(|now| life(now).to_owned()),
            holders,
            place,
            on_its_way_to: to,
            container: row.container.clone(),
            inside: (row.inside > 0).then_some(row.inside),
        })
    }
}

/// List what a recall reaches
///
/// Everything that it names, that was made of that or packed in it, and what holds such things now,
/// each with who has it and where it was seen last. As CSV with `format=csv` or `Accept: text/csv`,
/// which is the whole list.
#[utoipa::path(
    get, path = "/api/v1/recalls/{id}/affected", tag = "Recalls",
    params(
        ("id" = String, Path, description = "`member:reference`"),
        ("format" = Option<String>, Query, pattern = "^(json|csv)$",
            description = "`json`, which is the default, or `csv`"),
        ("lang" = Option<String>, Query, description = "of names in CSV: `en` or `zh`"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 10000,
            description = "lines on one page, 30 when absent"),
        ("nextPageToken" = Option<String>, Query,
            description = "from the `Link` header of the page before"),
    ),
    responses(
        (status = 200, description = "A page of the list, or all of it as CSV", content(
            (AffectedView = "application/json"), (String = "text/csv")),
            headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter is unknown or breaks a rule"),
        (status = 404, description = "There is no such recall"),
        (status = 503, description = "Other long answers are being worked on: ask again"),
    ),
    security(("api_key" = []))
)]
pub async fn get_affected(
    State(state): State<ApiState>,
    _keyed: Keyed,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    Params(given): Params<AffectedQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = id_in_path(&id)?;
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_csv = match given.format.as_deref() {
        None => accepts.starts_with(csv::MEDIA_TYPE),
        Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(parameter("format", "must be `json` or `csv`")),
    };
    let limit = match given.per_page.as_deref() {
        None => DEFAULT_PAGE,
        Some(text) => {
            text.parse().ok().filter(|wanted| (1..=MAX_AFFECTED_PAGE).contains(wanted)).ok_or_else(
                || {
                    let rule = format!("must be a whole number from 1 to {MAX_AFFECTED_PAGE}");
                    parameter("perPage", &rule)
                },
            )?
        }
    };
    let from = number_token(given.next_page_token.as_deref())?.unwrap_or(0);
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let language = Language::choose(given.lang.as_deref(), None);
    let record = record(&state, &id).await?;
    if is_csv {
        return whole(&state, record, language, false).await;
    }
    let api = state.clone();
    let read = move |view: &ReadView| {
        let Listed { height, rows, is_cut } = api.recalls().listed(view, &record)?;
        let mut names = Names::new(&api, language);
        let page = rows.rows.iter().skip(from).take(limit);
        let items = page.map(|row| AffectedItem::of(view, &rows, row, &mut names));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let next = from.saturating_add(limit);
        let next = (next < rows.rows.len()).then_some(next);
        let view = AffectedView {
            recall: record.id.to_string(),
            height: height.0,
            affected: rows.affected,
            holding: rows.rows.len().saturating_sub(rows.affected),
            complete: !is_cut,
            items,
        };
        Ok((view, next))
    };
    let (answer, next) = state.read_much(read).await?;
    let mut response = Json(answer).into_response();
    if let Some(next) = next {
        let link = next_link(uri.path(), &query_pairs(&uri), &next.to_string());
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// The whole list as CSV. `is_for_people` puts the mark before it by which spreadsheets know UTF-8.
pub async fn whole(
    state: &ApiState,
    record: RecallRecord,
    language: Language,
    is_for_people: bool,
) -> Result<Response, Problem> {
    let api = state.clone();
    let read = move |view: &ReadView| {
        let Listed { rows, is_cut, .. } = api.recalls().listed(view, &record)?;
        let mut names = Names::new(&api, language);
        let text = csv::write(view, &rows, &mut names, is_for_people)?;
        Ok((text, csv::file_name(&record.id, is_cut)))
    };
    let (text, name) = state.read_much(read).await?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, text).into_response())
}
