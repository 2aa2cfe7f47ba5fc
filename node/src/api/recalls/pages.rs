//! `/recalls`, for everybody; what a recall reaches, for members.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::recall::RecallRecord;
use tracehold_contracts::provenance::Party;
use tracehold_contracts::recall::affected::{How, Row, Rows};
use tracehold_explorer::language::Language;
use tracehold_explorer::numbers::number;
use tracehold_explorer::pages::item::{Names, text_in};
use tracehold_explorer::pages::members::SignedIn;
use tracehold_explorer::pages::recalls::{self, Line, Listed, Notice, Reach, Recall, Recalls};
use tracehold_explorer::story::{Reference, moment};

use super::super::ApiState;
use super::super::auth::Keyed;
use super::super::extract::{InPath, query_pairs};
use super::super::limits::{RECALL_HOLDERS_SHOWN, RECALL_LINES, RECALLED_SHOWN};
use super::super::money_pages::{Reader, given, private, reader};
use super::super::pages::{compression, frame, name_products, page, place_name};
use super::super::problem::Problem;
use super::affected::whole;
use super::{id_in_path, number_token, record, some};
use crate::fault::Fault;
use crate::view::ReadView;

/// The pages with a path of their own.
pub fn routes() -> Router<ApiState> {
    Router::new()
        .route("/recalls", get(list))
        .route("/recalls/{id}", get(one))
        .route("/recalls/{id}/affected.csv", get(file))
        .layer(compression())
}

/// `/recalls`: all recalls, the newest first; `?before=` leads to older ones.
pub async fn list(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let language = frame.language;
    let before = number_token(given(&uri, "before").as_deref())?;
    let api = state.clone();
    let read = move |view: &ReadView| {
        let (found, next) = some(view, before, (None, RECALL_LINES))?;
        let list = found.iter().map(|record| listed(&api, view, record, language));
        Ok(Recalls {
            list: list.collect::<Result<_, _>>()?,
            next: next.map(|next| language.of_path(&format!("/recalls?before={next}"))),
            first: before.map(|_| language.of_path("/recalls")),
        })
    };
    let part = state.read(read).await?;
    Ok(page(StatusCode::OK, recalls::recalls(&frame, &part)))
}

fn listed(
    state: &ApiState,
    view: &ReadView,
    record: &RecallRecord,
    language: Language,
) -> Result<Listed, Fault> {
    let shown = record.notice.items.iter().take(RECALLED_SHOWN);
    let mut names = Names::default();
    name_products(view, shown.clone().map(String::as_str), language, &mut names)?;
    Ok(Listed {
        notice: Notice::of(record, state.member_name(&record.id.member), language),
        items: shown.map(|uri| names.thing(uri, language)).collect(),
        more: record.notice.items.len().saturating_sub(RECALLED_SHOWN),
        over: record.withdrawn.as_ref().map(|over| moment(over.act.at, language)),
    })
}

/// `/recalls/{id}`: what it says, for everybody, and for members what it reaches; `?after=` leads
/// on in that list.
pub async fn one(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = id_in_path(&id)?;
    let record = record(&state, &id).await?;
    let reader = reader(&state, keyed, &headers, &uri)?.ok();
    let frame = frame(&state, &headers, &uri);
    let language = frame.language;
    let after = number_token(given(&uri, "after").as_deref())?.unwrap_or(0);
    let after = usize::try_from(after).unwrap_or(usize::MAX);
    let who = reader.map(|Reader { who, .. }| who);
    let is_member = who.is_some();
    let path = frame.path.clone();
    let api = state.clone();
    let read = move |view: &ReadView| {
        let over = record.withdrawn.as_ref();
        let because = over.and_then(|over| text_in(&over.reason, language).map(str::to_owned));
        Ok(Recall {
            id: record.id.to_string(),
            listed: listed(&api, view, &record, language)?,
            over_because: because,
            reach: match who {
                Some(who) => Some(reach(&api, view, &record, (who, &path, after), language)?),
                None => None,
            },
            sign_in: language.of_path(&format!("{path}/affected.csv?page=1")),
        })
    };
    let recall = match is_member {
        true => state.read_much(read).await?,
        false => state.read(read).await?,
    };
    let html = recalls::recall(&frame, &recall);
    Ok(if is_member { private(StatusCode::OK, html) } else { page(StatusCode::OK, html) })
}

/// `/recalls/{id}/affected.csv`: the whole list as a file for spreadsheets, for members. With
/// `page`, who has signed in is led back to the page.
pub async fn file(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = id_in_path(&id)?;
    let reader = match reader(&state, keyed, &headers, &uri)? {
        Ok(reader) => reader,
        Err(form) => return Ok(form),
    };
    if query_pairs(&uri).iter().any(|(name, _)| name == "page") {
        use axum::response::IntoResponse as _;
        let path =
            reader.language().of_path(&format!("/recalls/{}", percent_encoded(&id.to_string())));
        return Ok(axum::response::Redirect::to(&path).into_response());
    }
    let record = record(&state, &id).await?;
    whole(&state, record, reader.language(), true).await
}

/// What a recall reaches, one part of it.
fn reach(
    state: &ApiState,
    view: &ReadView,
    record: &RecallRecord,
    (who, path, after): (SignedIn, &str, usize),
    language: Language,
) -> Result<Reach, Fault> {
    let found = state.recalls().listed(view, record)?;
    let rows = &found.rows;
    let part: Vec<&Row> = rows.rows.iter().skip(after).take(RECALL_LINES).collect();
    let mut counts: BTreeMap<&Party, usize> = BTreeMap::new();
    for row in rows.rows.iter().take(rows.affected) {
        for holder in &row.holders {
            let count = counts.entry(holder).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut counts: Vec<(&Party, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more_holders = counts.len().saturating_sub(RECALL_HOLDERS_SHOWN);
    counts.truncate(RECALL_HOLDERS_SHOWN);
    let names = names(state, view, (rows, &part, &counts), language)?;
    let next = after.saturating_add(RECALL_LINES);
    Ok(Reach {
        who,
        affected: rows.affected,
        holding: rows.rows.len().saturating_sub(rows.affected),
        is_cut: found.is_cut,
        height: found.height.0,
        holders: counts
            .into_iter()
            .map(|(party, count)| (names.party(party, language), count))
            .collect(),
        more_holders,
        lines: part.iter().map(|row| line(rows, row, &names, language)).collect(),
        next: (next < rows.rows.len()).then(|| language.of_path(&format!("{path}?after={next}"))),
        first: (after > 0).then(|| language.of_path(path)),
        csv: language.of_path(&format!("{path}/affected.csv")),
    })
}

fn names(
    state: &ApiState,
    view: &ReadView,
    (rows, part, counts): (&Rows, &[&Row], &[(&Party, usize)]),
    language: Language,
) -> Result<Names, Fault> {
    let mut names = Names { places: state.places().clone(), ..Names::default() };
    let members = state.members().iter();
    names.members.extend(members.map(|member| (member.id.clone(), member.name.clone())));
    let things = part.iter().flat_map(|row| {
        let from = row.from.and_then(|at| rows.rows.get(at)).map(|from| from.uri.as_str());
        [Some(row.uri.as_str()), from, row.container.as_deref()].into_iter().flatten()
    });
    name_products(view, things, language, &mut names)?;
    let parties = part.iter().flat_map(|row| row.holders.iter().chain(&row.to));
    let parties = parties.chain(counts.iter().map(|(party, _)| *party));
    let others = parties.filter_map(|party| match party {
        Party::Other(uri) => Some(uri.as_str()),
        Party::Member(_) => None,
    });
    let seen = part.iter().filter_map(|row| row.place.as_ref().map(|(uri, _)| uri.as_str()));
    for uri in others.chain(seen) {
        if !names.places.contains_key(uri)
            && let Some(name) = place_name(view, uri, language)?
        {
            names.places.insert(uri.to_owned(), name);
        }
    }
    Ok(names)
}

fn line(rows: &Rows, row: &Row, names: &Names, language: Language) -> Line {
    let from = row.from.and_then(|at| rows.rows.get(at));
    Line {
        thing: names.thing(&row.uri, language),
        how: how(row, language),
        from: from.map(|from| names.thing(&from.uri, language)),
        holders: row.holders.iter().map(|party| names.party(party, language)).collect(),
        place: row.place.as_ref().map(|(uri, _)| place(uri, names, language)),
        seen: row.place.as_ref().map(|(_, mark)| moment(mark.time, language)).unwrap_or_default(),
        to: row.to.as_ref().map(|party| names.party(party, language)),
        container: row.container.as_ref().map(|uri| names.thing(uri, language)),
    }
}

fn place(uri: &str, names: &Names, language: Language) -> Reference {
    tracehold_explorer::story::name_place(uri, &names.places, language)
}

fn how(row: &Row, language: Language) -> String {
    match row.how {
        How::Named => language.pick("recalled itself", "本身被召回").to_owned(),
        How::OfProduct => language.pick("of a recalled product", "属于被召回产品").to_owned(),
        How::Made => language.pick("made from", "原料来自").to_owned(),
        How::Packed => language.pick("packed in", "曾装于").to_owned(),
        How::Holds => {
            let count = number(&row.inside.to_string());
            language.pick(format!("holds {count} of them"), format!("内装 {count} 件"))
        }
    }
}
