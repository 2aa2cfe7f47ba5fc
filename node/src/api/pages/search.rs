//! `/search?q=`: to the page of what was typed, or a list of what it may be.

use std::collections::BTreeSet;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, StatusCode};
use tracehold_chain::epcis::digital_link::link::{Writing, generate};
use tracehold_chain::epcis::gs1::element_string;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Canonical, canonical};
use tracehold_chain::limits::MAX_URI_BYTES;
use tracehold_chain::masterdata::{MasterData, MasterKind, Texts};
use tracehold_chain::money::AgreementId;
use tracehold_chain::state::key::name_digest;
use tracehold_chain::transaction::TransactionId;
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::text_in;
use tracehold_explorer::pages::{self, Hit, HitKind, Hits};
use tracehold_explorer::story;

use super::super::ApiState;
use super::super::auth::PageReader;
use super::super::entries::Parties;
use super::super::limits::{MAX_HITS, MAX_NAMES_SEARCHED};
use super::super::problem::Problem;
use super::super::visible::{Caller, has_part};
use super::{PageQuery, frame, page};
use crate::fault::Fault;
use crate::view::ReadView;

/// Letters of what was searched for that a page repeats.
const SHOWN_LETTERS: usize = 80;

/// Records that are read at once while names are looked through.
const NAMES_AT_ONCE: usize = 500;

/// `/search?q=`.
pub async fn search(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let wanted = PageQuery::of(&uri).q.unwrap_or_default();
    let wanted = wanted.trim();
    let shown: String = wanted.chars().take(SHOWN_LETTERS).collect();
    if wanted.is_empty() || wanted.len() > MAX_URI_BYTES {
        return Ok(page(StatusCode::BAD_REQUEST, pages::malformed(&frame, &shown)));
    }
    let (api, language, wanted) = (state.clone(), frame.language, wanted.to_owned());
    let found = state.read(move |view| find(&api, view, &caller, &wanted, language)).await?;
    match found {
        Found::At(path) => Ok(Redirect::to(&frame.language.of_path(&path)).into_response()),
        Found::Named(hits) if hits.hits.is_empty() => {
            Ok(page(StatusCode::NOT_FOUND, pages::not_found(&frame, &shown)))
        }
        Found::Named(hits) => Ok(page(StatusCode::OK, pages::found(&frame, &shown, &hits))),
    }
}

/// What a search leads to.
enum Found {
    /// The one page.
    At(String),
    /// Everything that has such a name.
    Named(Hits),
}

fn find(
    api: &ApiState,
    view: &ReadView,
    caller: &Caller,
    wanted: &str,
    language: Language,
) -> Result<Found, Fault> {
    if let Some(height) = block(wanted)
        && (1..=view.height().0).contains(&height)
    {
        return Ok(Found::At(format!("/block/{height}")));
    }
    if let Some(path) = digest(view, caller, wanted)? {
        return Ok(Found::At(path));
    }
    if let Some(path) = location(api, view, wanted)? {
        return Ok(Found::At(path));
    }
    if let Some(path) = found_path(wanted) {
        return Ok(Found::At(path));
    }
    if !view.events_by_id(wanted)?.is_empty() {
        return Ok(Found::At(format!("/event/{}", percent_encoded(wanted))));
    }
    let hits = named(api, view, wanted, language)?;
    match hits.hits.as_slice() {
        [only] if !hits.has_more => Ok(Found::At(only.path.clone())),
        _ => Ok(Found::Named(hits)),
    }
}

/// The height that somebody typed: a number that is too short for a GTIN, or one that is called a
/// block.
fn block(wanted: &str) -> Option<u64> {
    let lower = wanted.to_lowercase();
    let called = ["block", "区块", "#"].iter().find_map(|word| lower.strip_prefix(word));
    let digits: String = called.unwrap_or(&lower).chars().filter(|c| *c != ',').collect();
    let digits = digits.trim();
    let is_short = called.is_some() || digits.len() < 8;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_short && is_number { digits.parse().ok() } else { None }
}

/// The page of a transaction, or of an agreement that the caller has a part in.
fn digest(view: &ReadView, caller: &Caller, wanted: &str) -> Result<Option<String>, Fault> {
    let wanted = wanted.to_lowercase();
    let Ok(id) = wanted.parse().map(TransactionId) else { return Ok(None) };
    if view.transaction(&id)?.is_some() {
        return Ok(Some(format!("/transaction/{id}")));
    }
    let Ok(id) = wanted.parse::<AgreementId>() else { return Ok(None) };
    let is_seen = has_part(caller, &Parties::default().of_agreement(view, id)?);
    Ok(is_seen.then(|| format!("/agreements/{wanted}")))
}

/// The page of a place, party or member whose GLN was typed. Its digits may be a GTIN as well,
/// which then has to be on record to be meant.
fn location(api: &ApiState, view: &ReadView, wanted: &str) -> Result<Option<String>, Fault> {
    let gln = only_digits(wanted);
    if gln.len() != 13 || !gln.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let product = format!("https://id.gs1.org/01/0{gln}");
    if view.master_record(MasterKind::Product, &product)?.is_some() {
        return Ok(None);
    }
    for (kind, key) in
        [(MasterKind::Place, "414"), (MasterKind::Party, "417"), (MasterKind::Party, "414")]
    {
        let uri = format!("https://id.gs1.org/{key}/{gln}");
        if view.master_record(kind, &uri)?.is_some() {
            return Ok(Some(format!("/{key}/{gln}")));
        }
    }
    let is_members = api.members().iter().any(|member| member.glns.contains(&gln));
    Ok(is_members.then(|| format!("/414/{gln}")))
}

fn only_digits(wanted: &str) -> String {
    wanted.chars().filter(|c| !c.is_ascii_whitespace() && *c != '-').collect()
}

/// The path of the page for something typed: digits of a GS1 key, a GTIN with a lot or serial
/// number, what is printed under a code or what a scanner sends, or an identifier in any spelling;
/// `None` for what may be an eventID or a name.
fn found_path(wanted: &str) -> Option<String> {
    if let Some(path) = of_digits(&only_digits(wanted)) {
        return Some(path);
    }
    let path_of = |uri: &str| path_of(&canonical(uri));
    let typed = wanted.strip_prefix('/').unwrap_or(wanted);
    path_of(wanted)
        .or_else(|| path_of(&format!("https://id.gs1.org/{typed}")))
        .or_else(|| elements(wanted))
        .or_else(|| {
            // A GTIN and a word: a serial number is more common on what people hold.
            let (gtin, word) = wanted.split_once(char::is_whitespace)?;
            let key = if word.trim().to_ascii_lowercase().starts_with("lot") { "10" } else { "21" };
            let gtin = of_digits(gtin).filter(|path| path.starts_with("/01/"))?;
            path_of(&format!("https://id.gs1.org{gtin}/{key}/{}", percent_encoded(word.trim())))
        })
}

fn path_of(canonical: &Canonical) -> Option<String> {
    story::path_of(canonical).filter(|_| canonical.flaw().is_none()).map(str::to_owned)
}

/// The path of a GTIN, SSCC or GLN by its digits.
fn of_digits(digits: &str) -> Option<String> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match digits.len() {
        18 => Some(format!("/00/{digits}")),
        // GTIN-8, -12 and -13 are GTIN-14 with zeros in front.
        8..=14 => Some(format!("/01/{digits:0>14}")),
        _ => None,
    }
}

/// The path of an element string: what is printed under a code, such as
/// `(01)09506000134352(21)12`, or what a scanner sends, with the symbology before it or not.
fn elements(wanted: &str) -> Option<String> {
    // AIM's names of symbologies: a bracket, a letter and a digit.
    let is_name = |name: &str| name.starts_with(']') && name.len() == 3 && name.is_ascii();
    let named = wanted.get(..3).is_some_and(is_name);
    let text = if named { wanted.get(3..)? } else { wanted };
    let elements = element_string::parse(text).ok()?;
    path_of(&canonical(&generate(&elements, &Writing::default()).ok()?))
}

/// What has a name with all these words in it: members, products, places and parties.
fn named(api: &ApiState, view: &ReadView, wanted: &str, language: Language) -> Result<Hits, Fault> {
    let wanted = wanted.to_lowercase();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let mut found: Vec<(u8, Hit)> = Vec::new();
    for member in api.members() {
        let id = member.id.to_string();
        if let Some(rank) = rank([member.name.as_str(), &id].into_iter(), &words, &wanted) {
            let (name, path) = (member.name.clone(), format!("/member/{id}"));
            found.push((rank, Hit { kind: HitKind::Member, name, id, path }));
        }
    }
    let mut searched = 0;
    let mut is_all = true;
    for kind in [MasterKind::Product, MasterKind::Place, MasterKind::Party] {
        let mut after = None;
        loop {
            let (records, more) = view.master_records(kind, after.as_ref(), NAMES_AT_ONCE)?;
            searched += records.len();
            for record in &records {
                found.extend(hit(&record.data, &words, &wanted, language));
            }
            let last = records.last().map(|record| name_digest(record.data.id()));
            if !more || last.is_none() {
                break;
            }
            if searched >= MAX_NAMES_SEARCHED {
                is_all = false;
                break;
            }
            after = last;
        }
    }
    found.sort_by(|a, b| (a.0, a.1.kind, &a.1.name).cmp(&(b.0, b.1.kind, &b.1.name)));
    let mut seen = BTreeSet::new();
    found.retain(|(_, hit)| seen.insert(hit.path.clone()));
    let has_more = found.len() > MAX_HITS || !is_all;
    found.truncate(MAX_HITS);
    Ok(Hits { hits: found.into_iter().map(|(_, hit)| hit).collect(), searched, has_more })
}

/// What a record is called, if all these words are in one of its names.
fn hit(data: &MasterData, words: &[&str], wanted: &str, language: Language) -> Option<(u8, Hit)> {
    let (kind, names, brand): (_, &Texts, _) = match data {
        MasterData::Product(product) => (HitKind::Product, &product.names, &product.brand),
        MasterData::Place(place) => (HitKind::Place, &place.names, &None),
        MasterData::Party(party) => (HitKind::Party, &party.names, &None),
        // Where codes lead is found by the product's own name.
        MasterData::Links(_) => return None,
    };
    let all = names.values().map(String::as_str).chain(brand.as_deref());
    let rank = rank(all, words, wanted)?;
    let id = data.id().to_owned();
    let path = path_of(&canonical(&id))?;
    let name = text_in(names, language).or(brand.as_deref()).unwrap_or(&id);
    Some((rank, Hit { kind, name: story::shortened(name), id, path }))
}

/// How well the best of these names fits: 0 is the very name, 1 one that begins so, 2 one with all
/// the words in it.
fn rank<'a>(names: impl Iterator<Item = &'a str>, words: &[&str], wanted: &str) -> Option<u8> {
    let fits = |name: &str| {
        let name = name.to_lowercase();
        match words.iter().all(|word| name.contains(word)) {
            false => None,
            true if name == wanted => Some(0),
            true if name.starts_with(wanted) => Some(1),
            true => Some(2),
        }
    };
    names.filter_map(fits).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_leads_to_the_page_of_what_was_typed() {
        for (typed, path) in [
            ("09506000134352", "/01/09506000134352"),
            ("9506000134352", "/01/09506000134352"),
            ("095060001343520006", "/00/095060001343520006"),
            ("0 9506000 13435 2", "/01/09506000134352"),
            ("urn:epc:id:sgtin:9506000.013435.12", "/01/09506000134352/21/12"),
            ("https://shop.example/01/09506000134352/21/12?x=1", "/01/09506000134352/21/12"),
            ("/01/09506000134352/21/12", "/01/09506000134352/21/12"),
            ("(01)09506000134352(10)A/1", "/01/09506000134352/10/A%2F1"),
            ("(01)09506000134352(17)261231(21)12", "/01/09506000134352/21/12"),
            ("0109506000134352", "/01/09506000134352"),
            ("]d201095060001343522112", "/01/09506000134352/21/12"),
            ("^010950600013435210A1^2112", "/01/09506000134352/21/12"),
            ("010950600013435210A1\u{1d}17261231", "/01/09506000134352/10/A1"),
            ("09506000134352 12", "/01/09506000134352/21/12"),
            ("9506000134352 LOT-A", "/01/09506000134352/10/LOT-A"),
            ("urn:epc:id:sgln:9506000.01343.0", "/414/9506000013435"),
        ] {
            assert_eq!(found_path(typed).as_deref(), Some(path), "{typed}");
        }
        for typed in
            ["urn:uuid:1-2", "a/../b\r\nX: y", "coffee", "()", "(01", "1234567", "]d2", "]é1"]
        {
            assert_eq!(found_path(typed), None, "{typed}");
        }
    }

    #[test]
    fn blocks_are_told_from_products() {
        for (typed, height) in [
            ("12", Some(12)),
            ("1,234", Some(1_234)),
            ("#12345678", Some(12_345_678)),
            ("Block 9", Some(9)),
            ("区块 9", Some(9)),
            ("12345678", None),
            ("block", None),
            ("blocks of wood", None),
            ("#99999999999999999999999", None),
        ] {
            assert_eq!(block(typed), height, "{typed}");
        }
    }
}
