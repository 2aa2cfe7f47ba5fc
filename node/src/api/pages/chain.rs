//! `/network`, `/block/{height}` and `/transaction/{id}`: what is under the goods.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tracehold_chain::genesis::NodeRole;
use tracehold_chain::transaction::TransactionId;
use tracehold_chain::units::Height;
use tracehold_contracts::Verdict;
use tracehold_explorer::pages::{self, Block, Heard, Network, NetworkNode, Transaction};

use super::super::ApiState;
use super::super::auth::PageReader;
use super::super::extract::InPath;
use super::super::network::{known_nodes, power};
use super::super::now;
use super::super::problem::Problem;
use super::super::submit::not_ready;
use super::whereabouts::reference;
use super::{frame, page, places_of, told};

/// Blocks that the network page looks at for those that hold something.
const LOOKED_AT_BLOCKS: usize = 60;

/// Blocks that it lists.
const LISTED_BLOCKS: usize = 10;

/// Events that the page of a block or transaction shows.
const SHOWN_EVENTS: usize = 30;

/// `/network`: members' nodes, and how far this one is.
pub async fn network(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let own = state.status()?;
    let status = state.node()?.status().map_err(|why| not_ready(&why))?;
    let tag = frame.language.tag();
    let now = now();
    let known = known_nodes(state.members(), state.node_name(), &status, now);
    let (power_connected, power_needed) = power(&known);
    let nodes = known.into_iter().map(|known| NetworkNode {
        name: known.node.name.to_string(),
        member: reference(known.member, tag),
        is_validator: matches!(known.node.role, NodeRole::Validator { .. }),
        is_this: known.is_this,
        is_connected: known.is_connected,
        heard: known.heard.map(|(height, version, at)| Heard {
            height,
            version,
            ago_ms: now.since_ms(at),
        }),
    });
    let nodes = nodes.collect();
    let blocks = state.read(|view| {
        let mut blocks = Vec::new();
        let mut next = Some(view.height());
        for _ in 0..LOOKED_AT_BLOCKS {
            let Some(height) = next.filter(|height| height.0 > 0) else { break };
            let Some(header) = view.header(height)? else { break };
            if header.transactions > 0 {
                blocks.push((height.0, header.header.block_time, header.transactions));
            }
            if blocks.len() >= LISTED_BLOCKS {
                break;
            }
            next = height.previous();
        }
        Ok(blocks)
    });
    let network = Network {
        nodes,
        height: status.height.0,
        block_time: status.block_time,
        behind: own.behind,
        power_connected,
        power_needed,
        waiting: u64::try_from(own.waiting).unwrap_or(u64::MAX),
        version: own.version,
        blocks: blocks.await?,
    };
    Ok(page(StatusCode::OK, pages::network(&frame, &network)))
}

/// `/block/{height}`.
pub async fn block(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    InPath(height): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let missing = |frame| Ok(page(StatusCode::NOT_FOUND, pages::not_found(frame, &height)));
    let Ok(wanted) = height.parse().map(Height) else { return missing(&frame) };
    let (api, language) = (state.clone(), frame.language);
    let found = state.read(move |view| {
        let Some(decided) = view.block(wanted)? else { return Ok(None) };
        let header = &decided.block.header;
        let mut transactions = Vec::new();
        for bundle in &decided.block.bundles {
            let id = bundle.transaction.id();
            let record = view.transaction(&id)?;
            let is_recorded = record
                .is_some_and(|record| matches!(record.receipt.verdict, Verdict::Recorded { .. }));
            transactions.push((id.to_string(), is_recorded));
        }
        let mut events = view.recorded_in(wanted)?;
        let more = events.len().saturating_sub(SHOWN_EVENTS);
        events.truncate(SHOWN_EVENTS);
        let proposer = api
            .members()
            .iter()
            .find(|member| member.nodes.iter().any(|node| node.public_key == header.proposer));
        let block = Block {
            height: wanted.0,
            newest: view.height().0,
            id: decided.block.id().to_string(),
            time: header.block_time,
            proposer: proposer.map_or_else(|| header.proposer.to_string(), |m| m.name.clone()),
            state_root: header.state_root.to_string(),
            signatures: decided.certificate.signatures.len(),
            transactions,
            events: told(&api, &caller, &events)?,
            more,
        };
        let places = places_of(&api, view, &block.events, language)?;
        Ok(Some((block, places)))
    });
    match found.await? {
        Some((block, places)) => Ok(page(StatusCode::OK, pages::block(&frame, &block, &places))),
        None => missing(&frame),
    }
}

/// `/transaction/{id}`.
pub async fn transaction(
    State(state): State<ApiState>,
    PageReader(caller): PageReader,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let missing = |frame| Ok(page(StatusCode::NOT_FOUND, pages::not_found(frame, &id)));
    let Ok(wanted) = id.parse().map(TransactionId) else { return missing(&frame) };
    let (api, language) = (state.clone(), frame.language);
    let found = state.read(move |view| {
        let Some(record) = view.transaction(&wanted)? else { return Ok(None) };
        let Some(header) = view.header(record.height)? else { return Ok(None) };
        let refused = match &record.receipt.verdict {
            Verdict::Recorded { .. } => None,
            Verdict::Rejected(rejection) => Some(rejection.code.as_str().to_owned()),
        };
        let mut events = view.recorded_in(record.height)?;
        events.retain(|stored| stored.position.transaction == record.index);
        let Some(decided) = view.block(record.height)? else { return Ok(None) };
        let bundle = usize::try_from(record.index).ok().and_then(|i| decided.block.bundles.get(i));
        let sender = bundle.map(|bundle| bundle.transaction.body.sender.to_string());
        let more = events.len().saturating_sub(SHOWN_EVENTS);
        events.truncate(SHOWN_EVENTS);
        let transaction = Transaction {
            id: wanted.to_string(),
            height: record.height.0,
            time: header.header.block_time,
            sender: sender.unwrap_or_default(),
            refused,
            events: told(&api, &caller, &events)?,
            more,
        };
        let places = places_of(&api, view, &transaction.events, language)?;
        Ok(Some((transaction, places)))
    });
    match found.await? {
        Some((transaction, places)) => {
            Ok(page(StatusCode::OK, pages::transaction(&frame, &transaction, &places)))
        }
        None => missing(&frame),
    }
}
