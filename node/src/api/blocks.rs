//! `/api/v1/status`, `/api/v1/blocks/{height}`, `/api/v1/transactions`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tracehold_chain::block::BlockHeader;
use tracehold_chain::certificate::CommitCertificate;
use tracehold_chain::codec;
use tracehold_chain::transaction::{Bundle, Command, TransactionId};
use tracehold_chain::units::Height;
use tracehold_contracts::{Effects, Receipt, Verdict};

use super::ApiState;
use super::agreements::{StepView, step_view};
use super::auth::Keyed;
use super::command::place_in_transaction;
use super::entries::{EntryView, Parties};
use super::extract::{InPath, media_type, read_body};
use super::problem::{Kind, Problem};
use super::submit::{refused, refused_by_rule, submit_telling};
use super::visible::{Caller, Record, Sight, has_part, visible};
use crate::fault::Fault;
use crate::view::ReadView;

/// How far this node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    /// The network.
    pub chain_id: String,
    /// The node's name in the network.
    pub node: String,
    /// The member that runs it.
    pub member: String,
    /// `validator` or `follower`.
    pub role: String,
    /// The newest block that is committed, synced and readable here.
    pub height: u64,
    /// Its id.
    pub block_id: String,
    /// Its time (RFC 3339).
    pub block_time: String,
    /// The root of the state after it.
    pub state_root: String,
    /// Nodes of members that are connected now.
    pub peers: usize,
    /// Blocks that the furthest peer is ahead, as far as it says.
    pub behind: u64,
    /// Transactions that wait here for a block.
    pub waiting: usize,
    /// The version of this program.
    pub version: String,
}

/// How far this node is
#[utoipa::path(
    get, path = "/api/v1/status", tag = "Ledger",
    responses(
        (status = 200, description = "Where this node is", body = Status),
        (status = 503, description = "The node is starting"),
    )
)]
pub async fn status(
    State(state): State<ApiState>,
    _caller: Caller,
) -> Result<Json<Status>, Problem> {
    state.status().map(Json)
}

/// A block without the bodies of its transactions.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct BlockView {
    /// The digest of the header.
    pub block_id: String,
    /// Its height.
    pub height: u64,
    /// Its time (RFC 3339); in the header it is in milliseconds since 1970.
    pub block_time: String,
    /// The root of the state after it.
    pub state_root: String,
    /// What the validators agreed on: height, block_time, previous_block_id, roots …
    #[schema(value_type = Object)]
    pub header: BlockHeader,
    /// The signatures that made it final.
    #[schema(value_type = Object)]
    pub certificate: CommitCertificate,
    /// Ids of the transactions, in order.
    pub transactions: Vec<String>,
    /// What became of each.
    pub receipts: Vec<ReceiptView>,
    /// What fell due when the block began and was done by itself, before its transactions; not
    /// there when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<DueView>,
}

/// What fell due when a block began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DueView {
    /// The digest of all of it: the first leaf under the header's `receipts_root`.
    pub leaf: String,
    /// What moved: shown to those who have a part in it.
    pub entries: Vec<EntryView>,
    /// The steps that agreements went: shown to those who have a role in them.
    pub steps: Vec<StepView>,
}

impl DueView {
    fn seen(
        view: &ReadView,
        caller: &Caller,
        due: &Effects,
        parties: &mut Parties,
    ) -> Result<DueView, Fault> {
        let (entries, steps) = seen_of(view, caller, due, parties)?;
        Ok(DueView { leaf: due.due_leaf().to_string(), entries, steps })
    }
}

/// What of money that moved, and of agreements that went on, is for a caller.
fn seen_of(
    view: &ReadView,
    caller: &Caller,
    effects: &Effects,
    parties: &mut Parties,
) -> Result<(Vec<EntryView>, Vec<StepView>), Fault> {
    let (mut entries, mut steps) = (Vec::new(), Vec::new());
    if *caller == Caller::Anonymous {
        // Nothing of it is for them: no terms need be read to know.
        return Ok((entries, steps));
    }
    for entry in &effects.entries {
        if has_part(caller, &parties.of_entry(view, entry)?) {
            entries.push(entry.into());
        }
    }
    for step in &effects.steps {
        if has_part(caller, &parties.of_agreement(view, step.agreement)?) {
            steps.push(step_view(step.agreement, &step.what));
        }
    }
    Ok((entries, steps))
}

/// A transaction that was signed elsewhere, with the bodies of the events that it captures.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "described here, read as the ledger's own type")]
pub struct SignedTransaction {
    /// `body` is what was signed (`chain_id`, `sender`, `nonce`, `expires_at`, `commands`), and
    /// `signature` the Ed25519 signature over its digest.
    #[schema(value_type = Object)]
    transaction: Bundle,
    /// Of each event its sections `public`, `trade` and `rest`, each as canonical JSON with its
    /// salt.
    #[schema(value_type = Vec<Object>)]
    events: Bundle,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReceiptView {
    /// Its id.
    pub transaction_id: String,
    /// Its block.
    pub height: u64,
    /// `recorded` or `rejected`.
    pub result: String,
    /// Events (from 0) that were on record before, to the byte, and were not recorded again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<u32>,
    /// Which rule it broke: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Which event (from 0) broke it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// Which command (from 0) broke it, of those on money and agreements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<u32>,
    /// What is wrong and how to mend it; shown to callers with a key, of money and agreements to
    /// the sender's member only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it moved, itself and through agreements: shown to those who have a part in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryView>,
    /// The steps that agreements went: shown to those who have a role in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub steps: Vec<StepView>,
    /// Money commands that had taken effect before: a retry moves nothing again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<RepeatView>,
}

/// A money command that had taken effect before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RepeatView {
    /// Which command of the transaction, from 0.
    pub command: u32,
    /// The transaction that did it first.
    pub first: String,
}

impl ReceiptView {
    /// A receipt of the block at `height` as `caller` sees it; `bundle` is the transaction's.
    ///
    /// # Errors
    /// [`Fault`] when who has a part in it cannot be read.
    pub fn seen(
        view: &ReadView,
        caller: &Caller,
        (receipt, bundle): (&Receipt, &Bundle),
        height: Height,
        parties: &mut Parties,
    ) -> Result<ReceiptView, Fault> {
        let mut told = ReceiptView::of(receipt, height);
        let body = &bundle.transaction.body;
        let record = Record { recorded_by: body.sender.member() };
        let is_shown = match is_private(bundle) {
            true => has_part(caller, [body.sender.member()]),
            false => visible(caller, &record) == Sight::Whole,
        };
        if !is_shown {
            told.detail = None;
        }
        (told.entries, told.steps) = seen_of(view, caller, &receipt.effects, parties)?;
        Ok(told)
    }

    /// A receipt without what it moved.
    fn of(receipt: &Receipt, height: Height) -> ReceiptView {
        let repeats = receipt
            .repeats
            .iter()
            .map(|repeat| RepeatView { command: repeat.command, first: repeat.first.to_string() });
        let mut view = ReceiptView {
            transaction_id: receipt.transaction_id.to_string(),
            height: height.0,
            result: "recorded".to_owned(),
            repeated: Vec::new(),
            code: None,
            event: None,
            command: None,
            detail: None,
            entries: Vec::new(),
            steps: Vec::new(),
            repeats: repeats.collect(),
        };
        match &receipt.verdict {
            Verdict::Recorded { repeated } => view.repeated.clone_from(repeated),
            Verdict::Rejected(rejection) => {
                view.result = "rejected".to_owned();
                view.code = Some(rejection.code.as_str().to_owned());
                view.event = rejection.event;
                view.command = rejection.command;
                view.detail = Some(rejection.to_string());
            }
        }
        view
    }
}

/// Whether why a transaction was refused is for its sender's member only: it may quote from it, and
/// of money what is on an account.
fn is_private(bundle: &Bundle) -> bool {
    let mut commands = bundle.transaction.body.commands.iter();
    commands.any(|command| matches!(command, Command::Money(_) | Command::Agreement(_)))
}

/// A block
///
/// Header, certificate, transaction ids, receipts, and what fell due when it began; no event
/// bodies.
#[utoipa::path(
    get, path = "/api/v1/blocks/{height}", tag = "Ledger",
    params(("height" = u64, Path, description = "1 for the first block")),
    responses(
        (status = 200, description = "The block", body = BlockView),
        (status = 400, description = "Not a height"),
        (status = 404, description = "There is no block at this height yet"),
    )
)]
pub async fn get_block(
    State(state): State<ApiState>,
    caller: Caller,
    InPath(height): InPath<String>,
) -> Result<Json<BlockView>, Problem> {
    let height = height.parse().map(Height).map_err(|_| {
        let rule = "must be a whole number";
        Problem::new(Kind::Parameter, format!("height {rule}, not {height:?}")).field(
            "height",
            rule,
            "1 is the first block",
        )
    })?;
    let found = state.read(move |view| {
        let Some(decided) = view.block(height)? else { return Ok(None) };
        let mut receipts = Vec::with_capacity(decided.block.bundles.len());
        let mut parties = Parties::default();
        for bundle in &decided.block.bundles {
            if let Some(record) = view.transaction(&bundle.transaction.id())? {
                let pair = (&record.receipt, bundle.as_ref());
                receipts.push(ReceiptView::seen(view, &caller, pair, height, &mut parties)?);
            }
        }
        let due = view.due_in(height)?;
        let due = due.map(|due| DueView::seen(view, &caller, &due, &mut parties)).transpose()?;
        Ok(Some((decided, receipts, due)))
    });
    let Some((decided, receipts, due)) = found.await? else {
        let newest = state.status()?.height;
        let detail = format!("there is no block {height}: blocks are 1 to {newest}");
        return Err(Problem::new(Kind::NotFound, detail));
    };
    let transactions = decided.block.bundles.iter();
    Ok(Json(BlockView {
        block_id: decided.block.id().to_string(),
        height: height.0,
        block_time: decided.block.header.block_time.to_string(),
        state_root: decided.block.header.state_root.to_string(),
        transactions: transactions.map(|bundle| bundle.transaction.id().to_string()).collect(),
        receipts,
        due,
        header: decided.block.header,
        certificate: decided.certificate,
    }))
}

/// Submit a transaction signed elsewhere
///
/// Takes a signed transaction with its event bodies, as JSON or in the ledger's own encoding
/// (`application/octet-stream`), and answers with its receipt when its block is committed, synced
/// and readable here. The API key says who may submit; the signature says who speaks. Why money and
/// agreements were refused is told whole to the sender's member, to others by its rule only.
#[utoipa::path(
    post, path = "/api/v1/transactions", tag = "Ledger",
    request_body(content(
        (SignedTransaction = "application/json"), (Vec<u8> = "application/octet-stream")),
        description = "a transaction with its event bodies"),
    responses(
        (status = 201, description = "Recorded", body = ReceiptView,
            headers(("Location" = String, description = "the receipt"))),
        (status = 400, description = "Not well formed"),
        (status = 403, description = "The sender may not do this"),
        (status = 409, description = "On record already"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Neither JSON nor octets"),
        (status = 422, description = "Refused by the ledger"),
        (status = 503, description = "The node cannot take it now"),
        (status = 504, description = "The outcome is not known yet"),
    ),
    security(("api_key" = []))
)]
pub async fn post_transaction(
    State(state): State<ApiState>,
    keyed: Keyed,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let media = media_type(&headers, "application/json");
    let is_json = match media.as_str() {
        "application/json" => true,
        "application/octet-stream" => false,
        _ => {
            let detail = format!(
                "transactions are application/json or application/octet-stream, not {media}"
            );
            return Err(Problem::new(Kind::UnsupportedMedia, detail));
        }
    };
    // In JSON the same transaction is longer: digests and salts are hex, sections are escaped.
    let limit = if is_json { 4 * state.body_bytes() } else { state.body_bytes() };
    let _room = state.make_room(&headers, limit).await?;
    let bytes = read_body(body, limit, state.limits().body).await?;
    let bundle = state.compute(bytes.len(), move || read_bundle(&bytes, is_json)).await?;
    super::capture::fits(&bundle)?;
    let id = bundle.transaction.id();
    let events = bundle.events.len();
    let is_sender = has_part(&keyed.caller(), [bundle.transaction.body.sender.member()]);
    let tell = if is_private(&bundle) && !is_sender { refused_by_rule } else { refused };
    let commands = bundle.transaction.body.commands.clone();
    let committed = submit_telling(&state, bundle, state.limits().commit, tell).await?;
    if let Verdict::Rejected(rejection) = &committed.receipt.verdict {
        let problem = tell(rejection).transaction(id);
        let rule = rejection.code.as_str();
        return Err(match place_in_transaction(&commands, rejection) {
            Some(place) => problem.field(place, rule, rejection.code.message()),
            None => problem,
        });
    }
    state.metrics().captured(events);
    let location = format!("/api/v1/transactions/{id}");
    let location = HeaderValue::from_str(&location).expect("ids are hex");
    let lost = || Problem::new(Kind::Internal, "what was recorded is not on record");
    let receipt = seen(&state, keyed.caller(), id).await?.ok_or_else(lost)?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(receipt)).into_response())
}

fn read_bundle(bytes: &[u8], is_json: bool) -> Result<Bundle, Problem> {
    if !is_json {
        return codec::decode(bytes).map_err(|error| {
            Problem::new(Kind::Validation, format!("the bytes are no transaction: {error}"))
        });
    }
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(Kind::Validation, format!("the body is no transaction: {error}"))
    })
}

/// What became of a transaction
#[utoipa::path(
    get, path = "/api/v1/transactions/{id}", tag = "Ledger",
    params(("id" = String, Path, pattern = "^[0-9a-f]{64}$",
        description = "the transaction's id, 64 hex digits")),
    responses(
        (status = 200, description = "Its receipt", body = ReceiptView),
        (status = 400, description = "Not an id"),
        (status = 404, description = "It is in no block"),
    ),
    security(("api_key" = []))
)]
pub async fn get_transaction(
    State(state): State<ApiState>,
    keyed: Keyed,
    InPath(id): InPath<String>,
) -> Result<Json<ReceiptView>, Problem> {
    let id = id.parse().map(TransactionId).map_err(|error| {
        Problem::new(Kind::Parameter, format!("id: {error}")).field(
            "id",
            "must be 64 lower-case hex digits",
            "take it from the receipt",
        )
    })?;
    seen(&state, keyed.caller(), id).await?.map(Json).ok_or_else(|| {
        let detail = format!(
            "the transaction {id} is in no block here; until it expires it may still be committed"
        );
        Problem::new(Kind::NotFound, detail)
    })
}

/// The receipt of a transaction as a caller sees it.
async fn seen(
    state: &ApiState,
    caller: Caller,
    id: TransactionId,
) -> Result<Option<ReceiptView>, Problem> {
    let read = state.read(move |view| {
        let Some(record) = view.transaction(&id)? else { return Ok(None) };
        let Some(bundle) = view.transaction_at(record.height, record.index)? else {
            return Ok(None);
        };
        let pair = (&record.receipt, bundle.as_ref());
        let parties = &mut Parties::default();
        ReceiptView::seen(view, &caller, pair, record.height, parties).map(Some)
    });
    read.await
}
