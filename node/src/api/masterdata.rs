//! `/api/v1/products`, `/api/v1/places`, `/api/v1/parties`, and the master data of documents;
//! [`super::links`] is one more kind of record.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::LINK;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::canonical;
use tracehold_chain::epcis::json::parse_strict;
use tracehold_chain::masterdata::{
    Address, Change, Changes, MasterData, MasterKind, MasterRecord, Party, Place, Product,
    SensorLimit, product_of,
};
use tracehold_chain::state::key::name_digest;
use tracehold_chain::units::MemberId;
use tracehold_contracts::masterdata::{inside, may_describe, nests_well};
use tracehold_contracts::{Rejection, RejectionCode, Verdict};

use super::auth::Keyed;
use super::extract::{Params, check_json, query_pairs, read_body};
use super::jobs::MasterDataDone;
use super::limits::MAX_RECORD_BODY_BYTES;
use super::links::LinksView;
use super::one_or_page::{PartiesAnswer, PlacesAnswer, ProductsAnswer};
use super::paging::{next_link, per_page, wrong_token};
use super::problem::{FieldError, Kind, Problem};
use super::submit::{refused, submit};
use super::{ApiState, prepare};
use crate::fault::Fault;
use crate::keystore::AgentSigner;
use crate::view::ReadView;

/// A product as clients see it, and send it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductView {
    /// The GTIN as a GS1 Digital Link; any spelling is taken.
    pub id: String,
    /// What it is called, by BCP 47 language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub names: BTreeMap<String, String>,
    /// What it is, at more length.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub descriptions: BTreeMap<String, String>,
    /// Under which brand it is sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The SHA-256 of an uploaded picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// What sensors may report of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub limits: Vec<LimitView>,
    /// What one piece weighs net, in kilograms: a decimal as text; a number is taken too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_mass_kg: Option<String>,
    /// Hours after which a shipment of it that did not arrive is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_transit_hours: Option<u32>,
    /// Everything else, by name: a URI.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// When and by whom it was set: in answers only.
    #[schema(required = false)]
    pub record: RecordView,
}

/// Bounds for what a sensor reports; both ends are inside.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LimitView {
    /// What is measured, such as `Temperature`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The least allowed: a decimal as text; a number is taken too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// The most allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// The unit, a UN/CEFACT Rec 20 code such as `CEL`.
    pub uom: String,
}

/// An address as clients see it, and send it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressView {
    /// Street and house, from the most exact line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub lines: Vec<String>,
    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The state, province or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// The country: two capitals of ISO 3166-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// A place as clients see it, and send it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceView {
    /// The GLN, with or without extension, as a GS1 Digital Link; any spelling is taken.
    pub id: String,
    /// What it is called, by BCP 47 language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub names: BTreeMap<String, String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressView>,
    /// Degrees north: a decimal as text; a number is taken too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<String>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<String>,
    /// The place it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// Everything else, by name: a URI.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// When and by whom it was set: in answers only.
    #[schema(required = false)]
    pub record: RecordView,
}

/// A party as clients see it, and send it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyView {
    /// The party's GLN as a GS1 Digital Link; any spelling is taken.
    pub id: String,
    /// What it is called, by BCP 47 language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub names: BTreeMap<String, String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressView>,
    /// The member of this network that it is: only the one that sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Everything else, by name: a URI.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// When and by whom it was set: in answers only.
    #[schema(required = false)]
    pub record: RecordView,
}

/// What the ledger says of a record.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordView {
    /// How often it was set.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub version: u64,
    /// The block that set what is shown.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub height: u64,
    /// The time of that block.
    pub set_at: String,
    /// The agent that signed.
    pub set_by: String,
}

/// Products, in an order that does not change.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Products {
    /// One page of them.
    pub products: Vec<ProductView>,
}

/// Places, in an order that does not change.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Places {
    /// One page of them.
    pub places: Vec<PlaceView>,
}

/// Parties, in an order that does not change.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Parties {
    /// One page of them.
    pub parties: Vec<PartyView>,
}

fn text(number: Option<Decimal>) -> Option<String> {
    number.map(|number| number.to_string())
}

impl AddressView {
    fn of(address: Address) -> Option<AddressView> {
        if address.is_empty() {
            return None;
        }
        let Address { lines, city, state, postal_code, country } = address;
        Some(AddressView { lines, city, state, postal_code, country })
    }
}

/// A record as clients see it.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum AnyView {
    Product(ProductView),
    Place(PlaceView),
    Party(PartyView),
    Links(LinksView),
}

impl AnyView {
    fn of(record: MasterRecord) -> AnyView {
        let MasterRecord { data, version, height, set_at, set_by } = record;
        let (set_at, set_by) = (set_at.to_string(), set_by.to_string());
        let record = RecordView { version, height: height.0, set_at, set_by };
        match data {
            MasterData::Product(Product {
                id,
                names,
                descriptions,
                brand,
                picture,
                limits,
                net_mass_kg,
                expected_transit_hours,
                attributes,
            }) => {
                let limit = |SensorLimit { measurement, min, max, uom }| LimitView {
                    type_: measurement,
                    min: text(min),
                    max: text(max),
                    uom,
                };
                AnyView::Product(ProductView {
                    id,
                    names,
                    descriptions,
                    brand,
                    picture: picture.map(|digest| digest.to_string()),
                    limits: limits.into_iter().map(limit).collect(),
                    net_mass_kg: text(net_mass_kg),
                    expected_transit_hours,
                    attributes,
                    record,
                })
            }
            MasterData::Place(place) => {
                let Place { id, names, address, latitude, longitude, inside, attributes } = place;
                let (latitude, longitude) = (text(latitude), text(longitude));
                let address = AddressView::of(address);
                AnyView::Place(PlaceView {
                    id,
                    names,
                    address,
                    latitude,
                    longitude,
                    inside,
                    attributes,
                    record,
                })
            }
            MasterData::Party(Party { id, names, address, member, attributes }) => {
                AnyView::Party(PartyView {
                    id,
                    names,
                    address: AddressView::of(address),
                    member: member.map(|member| member.to_string()),
                    attributes,
                    record,
                })
            }
            MasterData::Links(links) => AnyView::Links(LinksView::of(links, record)),
        }
    }
}

/// Set a product
///
/// Puts this in the place of what was on record; what is left out is no longer said. Only the
/// member that holds the GS1 company prefix may. The answer comes when it is committed by the
/// network, synced to this node's disk and readable here.
#[utoipa::path(
    put, path = "/api/v1/products", tag = "Master data",
    request_body(content = ProductView, content_type = "application/json"),
    responses(
        (status = 200, description = "On record", body = ProductView),
        (status = 400, description = "It breaks a rule"),
        (status = 403, description = "It is another's"),
        (status = 413, description = "More than a limit allows"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet"),
    ),
    security(("api_key" = []))
)]
pub async fn put_product(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    put(&state, keyed, MasterKind::Product, &headers, body).await
}

/// Set a place
///
/// As for products. The member that holds the GS1 company prefix may, or whose record lists the
/// GLN.
#[utoipa::path(
    put, path = "/api/v1/places", tag = "Master data",
    request_body(content = PlaceView, content_type = "application/json"),
    responses(
        (status = 200, description = "On record", body = PlaceView),
        (status = 400, description = "It breaks a rule"),
        (status = 403, description = "It is another's"),
        (status = 413, description = "More than a limit allows"),
        (status = 422, description = "It would lie inside itself"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet"),
    ),
    security(("api_key" = []))
)]
pub async fn put_place(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    put(&state, keyed, MasterKind::Place, &headers, body).await
}

/// Set a party
///
/// As for places.
#[utoipa::path(
    put, path = "/api/v1/parties", tag = "Master data",
    request_body(content = PartyView, content_type = "application/json"),
    responses(
        (status = 200, description = "On record", body = PartyView),
        (status = 400, description = "It breaks a rule"),
        (status = 403, description = "It is another's"),
        (status = 413, description = "More than a limit allows"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet"),
    ),
    security(("api_key" = []))
)]
pub async fn put_party(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    put(&state, keyed, MasterKind::Party, &headers, body).await
}

pub(super) async fn put(
    state: &ApiState,
    keyed: Keyed,
    kind: MasterKind,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_json(headers)?;
    let _room = state.make_room(headers, MAX_RECORD_BODY_BYTES).await?;
    let bytes = read_body(body, MAX_RECORD_BODY_BYTES, state.limits().body).await?;
    let value = parse_strict(&bytes).map_err(|wrong| prepare::invalid(&[wrong.into()]))?;
    let data = MasterData::from_json(kind, &value).map_err(|wrong| prepare::invalid(&wrong))?;
    let (wanted, member) = (data.clone(), keyed.agent.agent_id.member().clone());
    // Looked at here as well, so that what cannot be recorded is not sent to everybody.
    let known = state.read(move |view| {
        let record = view.master_record(wanted.kind(), wanted.id())?;
        let member = view.authority().member(&member);
        let is_own = member.is_some_and(|m| may_describe(m, kind, &canonical(wanted.id())));
        Ok((record.filter(|record| record.data == wanted), is_own))
    });
    match known.await? {
        (_, false) => Err(not_set(&Rejection::new(RejectionCode::NotYours, data.id()))),
        (Some(record), true) => Ok(Json(AnyView::of(record)).into_response()),
        (None, true) => set(state, &keyed.agent, data).await,
    }
}

async fn set(state: &ApiState, agent: &AgentSigner, data: MasterData) -> Result<Response, Problem> {
    let (kind, id) = (data.kind(), data.id().to_owned());
    let records = vec![data];
    let bundle = prepare::signed(agent, state.chain_id(), state.expiry(), records, Vec::new());
    let committed = submit(state, bundle, state.limits().commit).await?;
    if let Verdict::Rejected(rejection) = &committed.receipt.verdict {
        return Err(not_set(rejection));
    }
    match state.read(move |view| view.master_record(kind, &id)).await? {
        Some(record) => Ok(Json(AnyView::of(record)).into_response()),
        None => Err(Problem::new(Kind::Internal, "what was set is not on record")),
    }
}

/// The problem of a refused record, with the field at fault.
fn not_set(rejection: &Rejection) -> Problem {
    let field = match rejection.code {
        RejectionCode::NotYours => "/id",
        RejectionCode::PartyOfAnother => "/member",
        RejectionCode::PlaceNesting => "/inside",
        _ => return refused(rejection),
    };
    refused(rejection).field(field, rejection.code.as_str(), rejection.code.message())
}

/// What may be asked of a list of records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Wanted {
    id: Option<String>,
    per_page: Option<String>,
    next_page_token: Option<String>,
}

/// Read products
///
/// With `id` the product of this identifier, which may also be that of an item or lot of it;
/// without, all products in pages.
#[utoipa::path(
    get, path = "/api/v1/products", tag = "Master data",
    params(
        ("id" = Option<String>, Query, description = "any spelling of the product's, a lot's or an \
            item's identifier"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A `ProductView` when `id` is given, else a page",
            body = ProductsAnswer, headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 404, description = "Nothing is on record of it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_products(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    get(&state, MasterKind::Product, &uri, wanted).await
}

/// Read places
///
/// With `id` the place of this identifier; without, all places in pages.
#[utoipa::path(
    get, path = "/api/v1/places", tag = "Master data",
    params(
        ("id" = Option<String>, Query, description = "any spelling of the place's identifier"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A `PlaceView` when `id` is given, else a page",
            body = PlacesAnswer, headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 404, description = "Nothing is on record of it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_places(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    get(&state, MasterKind::Place, &uri, wanted).await
}

/// Read parties
///
/// With `id` the party of this identifier; without, all parties in pages.
#[utoipa::path(
    get, path = "/api/v1/parties", tag = "Master data",
    params(
        ("id" = Option<String>, Query, description = "any spelling of the party's identifier"),
        ("perPage" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "30 by default"),
        ("nextPageToken" = Option<String>, Query, description = "from the `Link` header"),
    ),
    responses(
        (status = 200, description = "A `PartyView` when `id` is given, else a page",
            body = PartiesAnswer, headers(("Link" = String, description = "the next page"))),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 404, description = "Nothing is on record of it"),
    ),
    security(("api_key" = []))
)]
pub async fn get_parties(
    State(state): State<ApiState>,
    _keyed: Keyed,
    OriginalUri(uri): OriginalUri,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    get(&state, MasterKind::Party, &uri, wanted).await
}

pub(super) async fn get(
    state: &ApiState,
    kind: MasterKind,
    uri: &http::Uri,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let Some(id) = wanted.id else { return list(state, kind, uri, &wanted).await };
    let identifier = canonical(&id);
    let is_product = kind == MasterKind::Product;
    let name = is_product.then(|| product_of(&identifier)).flatten();
    let name = name.unwrap_or_else(|| identifier.into_uri());
    match state.read(move |view| view.master_record(kind, &name)).await? {
        Some(record) => Ok(Json(AnyView::of(record)).into_response()),
        None => {
            let detail = format!("no {} is on record with the identifier {id}", kind.as_str());
            Err(Problem::new(Kind::NotFound, detail))
        }
    }
}

async fn list(
    state: &ApiState,
    kind: MasterKind,
    uri: &http::Uri,
    wanted: &Wanted,
) -> Result<Response, Problem> {
    let most = per_page(wanted.per_page.as_deref())?.get();
    let after = wanted.next_page_token.as_deref().map(from_token).transpose()?;
    let (records, more) =
        state.read(move |view| view.master_records(kind, after.as_ref(), most)).await?;
    let last = records.last().map(|record| name_digest(record.data.id()));
    let views: Vec<AnyView> = records.into_iter().map(AnyView::of).collect();
    let name = match kind {
        MasterKind::Product => "products",
        MasterKind::Place => "places",
        MasterKind::Party => "parties",
        MasterKind::Links => "links",
    };
    let mut response = Json(BTreeMap::from([(name, views)])).into_response();
    if let Some(last) = last.filter(|_| more) {
        let link = next_link(uri.path(), &query_pairs(uri), &last.to_string());
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Records have no place in the history that stays, so their cursor is where they are filed.
fn from_token(token: &str) -> Result<Digest, Problem> {
    token.parse().map_err(|_| wrong_token("nextPageToken"))
}

// --- master data of documents ---

/// What a document's master data comes to.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The records to set.
    pub records: Vec<MasterData>,
    /// What the job tells; `None` when the document has no master data.
    pub done: Option<MasterDataDone>,
}

/// Joins what a document says with what is on record.
///
/// # Errors
/// [`Problem`] when the records cannot be read.
pub async fn resolve(
    state: &ApiState,
    agent: &AgentSigner,
    changes: Changes,
) -> Result<Resolved, Problem> {
    if changes == Changes::default() {
        return Ok(Resolved::default());
    }
    let member = agent.agent_id.member().clone();
    state.read(move |view| join(view, &member, changes)).await
}

fn join(view: &ReadView, member: &MemberId, mut changes: Changes) -> Result<Resolved, Fault> {
    let member = view.authority().member(member);
    let mut unchanged = 0;
    let mut records: Vec<(Change, MasterData)> = Vec::new();
    for change in std::mem::take(&mut changes.changes) {
        let identifier = canonical(&change.id);
        if !member.is_some_and(|member| may_describe(member, change.kind, &identifier)) {
            let (code, id) = (RejectionCode::NotYours, &change.id);
            let message = format!("{id}: {}", code.message());
            changes.leave_out(&change.pointer, code.as_str(), message);
            continue;
        }
        let before = view.master_record(change.kind, &change.id)?.map(|record| record.data);
        let (after, left_out) = change.apply(before.as_ref());
        for violation in left_out {
            changes.leave_out(&violation.pointer, violation.rule, violation.message);
        }
        if before.as_ref() == Some(&after) {
            unchanged += 1;
        } else if let Err(faults) = after.check() {
            for fault in faults {
                let message = format!("{}{}: {}", change.id, fault.pointer, fault.message);
                changes.leave_out(&change.pointer, fault.rule, message);
            }
        } else {
            records.push((change, after));
        }
    }
    let rings = rings(view, &records)?;
    records.retain(|(change, data)| {
        let fine = !rings.iter().any(|id| id == data.id());
        if !fine {
            let code = RejectionCode::PlaceNesting;
            changes.leave_out(&change.pointer, code.as_str(), code.message());
        }
        fine
    });
    let each = changes.left_out.into_iter();
    let left_out = each.map(|violation| FieldError {
        field: violation.pointer,
        rule: violation.rule.to_owned(),
        mend: Some(violation.message),
    });
    let left_out = left_out.collect();
    let done = Some(MasterDataDone { set: records.len(), unchanged, left_out });
    Ok(Resolved { records: records.into_iter().map(|(_, data)| data).collect(), done })
}

/// The places that would lie inside themselves, or too deep.
fn rings(view: &ReadView, records: &[(Change, MasterData)]) -> Result<Vec<String>, Fault> {
    let new: BTreeMap<&str, &Place> = records
        .iter()
        .filter_map(|(_, data)| match data {
            MasterData::Place(place) => Some((place.id.as_str(), place)),
            MasterData::Product(_) | MasterData::Party(_) | MasterData::Links(_) => None,
        })
        .collect();
    let mut rings = Vec::new();
    for place in new.values() {
        let nests = nests_well(place, |id| match new.get(id) {
            Some(place) => Ok(place.inside.clone()),
            None => {
                let found = view.master_record(MasterKind::Place, id)?;
                Ok::<_, Fault>(found.and_then(|record| inside(&record.data).cloned()))
            }
        });
        if !nests? {
            rings.push(place.id.clone());
        }
    }
    Ok(rings)
}
