//! `/api/v1/network`: all members' nodes, as this one knows them.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tracehold_chain::genesis::{Member, Node, NodeRole};
use tracehold_chain::units::TimestampMs;

use super::ApiState;
use super::problem::Problem;
use super::submit::not_ready;
use super::visible::Caller;
use crate::runtime::Status;

/// The network, as this node knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NetworkView {
    /// The network.
    pub chain_id: String,
    /// The newest block here.
    pub height: u64,
    /// This node's clock (RFC 3339): what `last_heard` is to be compared with.
    pub asked_at: String,
    /// Voting power of this node and those connected to it.
    pub power_connected: u64,
    /// Voting power that it takes to decide a block.
    pub power_needed: u64,
    /// All nodes of all members, in the order of the genesis record.
    pub nodes: Vec<NodeView>,
}

/// A node, as the one that answers knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NodeView {
    /// Its name in the network.
    pub node: String,
    /// The member that runs it.
    pub member: String,
    /// What that is called.
    pub member_name: String,
    /// `validator` or `follower`.
    pub role: String,
    /// Its key, 64 hex digits.
    pub public_key: String,
    /// Whether it is the node that answers.
    pub this: bool,
    /// Whether it is connected to the node that answers.
    pub connected: bool,
    /// The newest block that it says it has; absent when it was never heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Blocks that the node that answers has and this one, by its last word, has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
    /// The version that it says it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it last said so (RFC 3339), by the clock of the node that answers; absent when it was
    /// not heard of since that one started. A node speaks once a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<String>,
}

/// A node and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct KnownNode<'a> {
    pub member: &'a Member,
    pub node: &'a Node,
    pub is_this: bool,
    pub is_connected: bool,
    /// Height, version and when it said so.
    pub heard: Option<(u64, String, TimestampMs)>,
}

/// All nodes of the genesis record with what this one knows of each.
pub(super) fn known_nodes<'a>(
    members: &'a [Member],
    own: &str,
    status: &Status,
    now: TimestampMs,
) -> Vec<KnownNode<'a>> {
    let nodes = members.iter().flat_map(|member| member.nodes.iter().map(move |n| (member, n)));
    nodes
        .map(|(member, node)| {
            let is_this = node.name.as_str() == own;
            let heard = match is_this {
                true => Some((status.height.0, env!("CARGO_PKG_VERSION").to_owned(), now)),
                false => status
                    .heard
                    .get(&node.public_key)
                    .map(|heard| (heard.height.0, heard.version.clone(), heard.at)),
            };
            let is_connected = status.peers.contains(&node.public_key);
            KnownNode { member, node, is_this, is_connected, heard }
        })
        .collect()
}

/// Voting power that is connected, this node's own included, and how much decides a block.
pub(super) fn power(nodes: &[KnownNode<'_>]) -> (u64, u64) {
    let of = |known: &KnownNode<'_>| match known.node.role {
        NodeRole::Validator { power } => power,
        NodeRole::Follower => 0,
    };
    let total: u64 = nodes.iter().map(of).sum();
    let connected = nodes.iter().filter(|known| known.is_this || known.is_connected).map(of).sum();
    // More than two thirds; totals are bounded by the genesis record far below an overflow.
    (connected, total.saturating_mul(2) / 3 + 1)
}

/// All nodes, as this one knows them
///
/// Heights and versions are what each node says of itself, once a second, to everybody.
#[utoipa::path(
    get, path = "/api/v1/network", tag = "Ledger",
    responses(
        (status = 200, description = "Every node of every member", body = NetworkView),
        (status = 503, description = "The node is starting"),
    )
)]
pub async fn get_network(
    State(state): State<ApiState>,
    _caller: Caller,
) -> Result<Json<NetworkView>, Problem> {
    let status = state.node()?.status().map_err(|why| not_ready(&why))?;
    let now = super::now();
    let known = known_nodes(state.members(), state.node_name(), &status, now);
    let (power_connected, power_needed) = power(&known);
    let nodes = known.into_iter().map(|known| NodeView {
        node: known.node.name.to_string(),
        member: known.member.id.to_string(),
        member_name: known.member.name.clone(),
        role: match known.node.role {
            NodeRole::Validator { .. } => "validator",
            NodeRole::Follower => "follower",
        }
        .to_owned(),
        public_key: known.node.public_key.to_string(),
        this: known.is_this,
        connected: known.is_connected,
        height: known.heard.as_ref().map(|heard| heard.0),
        behind: known.heard.as_ref().map(|heard| status.height.0.saturating_sub(heard.0)),
        version: known.heard.as_ref().map(|heard| heard.1.clone()),
        last_heard: known.heard.as_ref().map(|heard| heard.2.to_string()),
    });
    Ok(Json(NetworkView {
        chain_id: state.chain_id().to_string(),
        height: status.height.0,
        asked_at: now.to_string(),
        power_connected,
        power_needed,
        nodes: nodes.collect(),
    }))
}
