//! What handlers share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracehold_chain::digest::Digest;
use tracehold_chain::genesis::{Genesis, Member, NodeRole};
use tracehold_chain::keys::PublicKey;
use tracehold_chain::units::{ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::Head;
use tracehold_explorer::story::Places;

use super::blocks::Status;
use super::extract::check_announced;
use super::feed;
use super::health::Readiness;
use super::jobs::{ErrorBehaviour, Jobs};
use super::limits::{
    HttpLimits, MAX_BYTES_UNDER_WAY, MAX_STORIES_AT_ONCE, MIN_REQUEST_BYTES, ROOM_WAIT,
    TRANSACTION_LIFETIME_MS,
};
use super::metrics::{Metrics, SharedRegistry};
use super::problem::{Kind, Problem};
use super::sessions::Sessions;
use super::sockets::Sockets;
use super::submit::not_ready;
use super::{now, rate};
use crate::config;
use crate::deliver::{self, Deliverer};
use crate::fault::Fault;
use crate::keystore::Keystore;
use crate::pictures::Pictures;
use crate::queries::NamedQueries;
use crate::recalls::Recalls;
use crate::runtime::NodeHandle;
use crate::scans::Scans;
use crate::view::ReadView;

/// Bodies of at most so many bytes are worked on in place; larger ones on a thread for such work,
/// so that other requests do not wait.
const IN_PLACE_BYTES: usize = 16 * 1024;

/// What the HTTP side is made from.
pub struct ApiParts {
    /// The network.
    pub genesis: Arc<Genesis>,
    /// This node's name in it.
    pub node_name: NodeName,
    /// The data folder.
    pub dir: std::path::PathBuf,
    /// The keys of agents, and the API keys.
    pub keystore: Arc<Keystore>,
    /// Where the HTTP side listens and how much it takes.
    pub http: config::Http,
    /// How much a capture may bring.
    pub capture: config::Capture,
    /// Pictures of products.
    pub pictures: Pictures,
    /// How often things were scanned here, and what people reported.
    pub scans: Scans,
    /// What became of captured documents.
    pub jobs: Jobs,
    /// Sends what happens to webhooks.
    pub deliverer: Deliverer,
    /// Named queries.
    pub queries: Arc<NamedQueries>,
    /// Counters, shared with the rest of the node.
    pub registry: SharedRegistry,
    /// Deadlines and caps.
    pub limits: HttpLimits,
    /// Turns true when the node stops.
    pub stop: watch::Receiver<bool>,
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    parts: ApiParts,
    member: String,
    role: &'static str,
    member_names: BTreeMap<MemberId, String>,
    places: Places,
    node: OnceLock<NodeHandle>,
    readiness: ArcSwap<Readiness>,
    metrics: Metrics,
    feeds: Arc<Semaphore>,
    /// Room for bodies, in units of [`MIN_REQUEST_BYTES`].
    room: Arc<Semaphore>,
    stories: Arc<Semaphore>,
    rate: rate::RateLimit,
    sessions: Sessions,
    recalls: Recalls,
    sockets: Sockets,
}

impl ApiState {
    /// The state of a node that is starting: it answers `/livez`, `/readyz` and `/metrics`, and 503
    /// to everything else until [`ApiState::attach`].
    #[must_use]
    pub fn new(parts: ApiParts) -> ApiState {
        let own = parts.genesis.nodes().find(|(_, node)| node.name == parts.node_name);
        let member = own.map(|(member, _)| member.id.to_string()).unwrap_or_default();
        let role = match own.map(|(_, node)| node.role) {
            Some(NodeRole::Validator { .. }) => "validator",
            _ => "follower",
        };
        let metrics = {
            let mut registry = parts.registry.lock().expect("no one panics while registering");
            Metrics::identify(&mut registry, parts.node_name.as_str(), &member, role);
            Metrics::register(&mut registry)
        };
        let members = &parts.genesis.members;
        let member_names = members.iter().map(|m| (m.id.clone(), m.name.clone())).collect();
        let places = members
            .iter()
            .flat_map(|member| member.glns.iter().map(|gln| (gln.clone(), member.name.clone())));
        let starting = Readiness {
            ready: false,
            phase: "opening".to_owned(),
            done: None,
            of: None,
            detail: None,
        };
        let places = places.collect();
        let sockets = Sockets::default();
        end_with_queries(&parts, &sockets);
        let rate = rate::RateLimit::new(parts.http.requests_per_second);
        ApiState(Arc::new(Shared {
            member,
            role,
            member_names,
            places,
            node: OnceLock::new(),
            readiness: ArcSwap::from_pointee(starting),
            metrics,
            feeds: feed::places(),
            room: Arc::new(Semaphore::new(MAX_BYTES_UNDER_WAY / MIN_REQUEST_BYTES)),
            stories: Arc::new(Semaphore::new(MAX_STORIES_AT_ONCE)),
            rate,
            sessions: Sessions::default(),
            recalls: Recalls::default(),
            sockets,
            parts,
        }))
    }

    /// Begins to serve: the node's ledger is open.
    pub fn attach(&self, node: NodeHandle) {
        // A second handle would be of the same node; the first one stays.
        let _ = self.0.node.set(node);
    }

    /// Tells `/readyz` how far the node is.
    pub fn set_readiness(&self, readiness: Readiness) {
        self.0.readiness.store(Arc::new(readiness));
    }

    pub(super) fn readiness(&self) -> Readiness {
        Readiness::clone(&self.0.readiness.load())
    }

    /// The node, once it serves.
    pub(super) fn node(&self) -> Result<&NodeHandle, Problem> {
        self.0.node.get().ok_or_else(|| {
            Problem::new(Kind::Unavailable, "the node is starting: /readyz tells how far it is")
                .code("starting")
        })
    }

    /// Makes room for a body: of the length that its head announces, or else of `limit` bytes. Hold
    /// what is given until nothing of the body is left.
    pub(super) async fn make_room(
        &self,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        let bytes = check_announced(headers, limit)?.unwrap_or(limit);
        let units = bytes.clamp(MIN_REQUEST_BYTES, MAX_BYTES_UNDER_WAY) / MIN_REQUEST_BYTES;
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0.room).acquire_many_owned(units);
        match tokio::time::timeout(ROOM_WAIT, room).await {
            Ok(Ok(room)) => Ok(room),
            _ => {
                let detail = format!(
                    "bodies of {MAX_BYTES_UNDER_WAY} bytes are being worked on, which is the limit; \
                     send this one again in a second"
                );
                Err(Problem::new(Kind::Unavailable, detail).code("busy"))
            }
        }
    }

    fn view(&self) -> Result<ReadView, Problem> {
        self.node()?.view().map_err(|why| not_ready(&why))
    }

    /// The newest committed block.
    pub(super) fn head(&self) -> Result<Head, Problem> {
        Ok(self.view()?.head().clone())
    }

    /// Reads from the newest committed block, on a thread that may wait for the disk.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadView) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Problem> {
        let view = self.view()?;
        let done = tokio::task::spawn_blocking(move || read(&view)).await;
        done.map_err(|error| Problem::new(Kind::Internal, format!("reading failed: {error}")))?
            .map_err(|fault| {
                tracing::error!(%fault, "a read failed");
                Problem::new(Kind::Internal, format!("this node cannot read its records: {fault}"))
            })
    }

    /// As [`ApiState::read`], for what may take long: only so many at once.
    pub(super) async fn read_much<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadView) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.0.stories).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(ROOM_WAIT, turn).await else {
            let detail = format!(
                "{MAX_STORIES_AT_ONCE} long answers are being worked on, which is the limit; ask \
                 again in a second"
            );
            return Err(Problem::new(Kind::Unavailable, detail).code("busy"));
        };
        self.read(move |view| {
            // The turn goes with the thread, which goes on when nobody waits any more.
            let _turn = turn;
            read(view)
        })
        .await
    }

    /// Works on about so many bytes without holding up other requests.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if bytes <= IN_PLACE_BYTES {
            return work();
        }
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Problem::new(Kind::Internal, format!("work failed: {error}")))?
    }

    pub(super) fn status(&self) -> Result<Status, Problem> {
        let status = self.node()?.status().map_err(|why| not_ready(&why))?;
        Ok(Status {
            chain_id: self.chain_id().to_string(),
            node: self.0.parts.node_name.to_string(),
            member: self.0.member.clone(),
            role: self.0.role.to_owned(),
            height: status.height.0,
            block_id: status.block_id.to_string(),
            block_time: status.block_time.to_string(),
            state_root: status.state_root.to_string(),
            peers: status.peers.len(),
            behind: status.behind,
            waiting: status.waiting,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// This node's name in the genesis record.
    pub(super) fn node_name(&self) -> &str {
        self.0.parts.node_name.as_str()
    }

    /// The data folder.
    pub(super) fn dir(&self) -> &std::path::Path {
        &self.0.parts.dir
    }

    /// When a transaction that is signed now expires.
    pub(super) fn expiry(&self) -> TimestampMs {
        // Half the window, so that clocks may differ.
        let most = self.0.parts.genesis.parameters.expiry_window_ms / 2;
        now().plus_ms(TRANSACTION_LIFETIME_MS.min(most))
    }

    /// How long a capture job waits for its transaction: it expires before that.
    pub(super) fn job_deadline(&self) -> Duration {
        Duration::from_millis(TRANSACTION_LIFETIME_MS) + self.limits().commit
    }

    pub(super) fn chain_id(&self) -> &ChainId {
        &self.0.parts.genesis.chain_id
    }

    /// The network's genesis record.
    pub(super) fn genesis(&self) -> &Arc<Genesis> {
        &self.0.parts.genesis
    }

    /// What open recalls reach.
    pub(super) fn recalls(&self) -> &Recalls {
        &self.0.recalls
    }

    /// WebSocket subscriptions.
    pub(super) fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    /// Browsers that were let in.
    pub(super) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(super) fn keystore(&self) -> &Keystore {
        &self.0.parts.keystore
    }

    /// The scheme and host under which this node's pages are reached, if its operator said so.
    pub(super) fn public_url(&self) -> Option<&str> {
        self.0.parts.http.public_url.as_deref()
    }

    /// The scheme and host that this node's settings give it: what the operator said, else where
    /// it listens. Nothing of a request is in it.
    pub(super) fn configured_root(&self) -> String {
        match self.public_url() {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.0.parts.http.listen),
        }
    }

    /// The member that runs this node.
    pub(super) fn own_member(&self) -> Option<&MemberId> {
        let name = &self.0.parts.node_name;
        let own = self.0.parts.genesis.nodes().find(|(_, node)| node.name == *name);
        own.map(|(member, _)| &member.id)
    }

    /// Its name for people.
    pub(super) fn own_member_name(&self) -> String {
        self.own_member().map(|id| self.member_name(id)).unwrap_or_default()
    }

    /// What sends to webhooks.
    #[must_use]
    pub fn deliverer(&self) -> &Deliverer {
        &self.0.parts.deliverer
    }

    /// The members of the network.
    pub(super) fn members(&self) -> &[Member] {
        &self.0.parts.genesis.members
    }

    pub(super) fn limits(&self) -> &HttpLimits {
        &self.0.parts.limits
    }

    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.0.parts.stop.clone()
    }

    pub(super) fn jobs(&self) -> &Jobs {
        &self.0.parts.jobs
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn registry(&self) -> &SharedRegistry {
        &self.0.parts.registry
    }

    pub(super) fn feeds(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.feeds)
    }

    pub(super) fn rate(&self) -> rate::RateLimit {
        self.0.rate.clone()
    }

    /// The nodes that are connected, those of these members first: whoever names a picture has it
    /// most likely. The others begin at another one for each digest.
    pub(super) fn likely_peers(
        &self,
        digest: &Digest,
        members: &[MemberId],
    ) -> Result<Vec<PublicKey>, Problem> {
        let peers = self.node()?.status().map_err(|why| not_ready(&why))?.peers;
        let likely: BTreeSet<PublicKey> = self
            .0
            .parts
            .genesis
            .nodes()
            .filter(|(member, _)| members.contains(&member.id))
            .map(|(_, node)| node.public_key)
            .collect();
        let (mut first, mut others): (Vec<PublicKey>, Vec<PublicKey>) =
            peers.into_iter().partition(|peer| likely.contains(peer));
        if !others.is_empty() {
            let start = usize::from(digest.as_bytes()[0]) % others.len();
            others.rotate_left(start);
        }
        first.append(&mut others);
        Ok(first)
    }

    /// Named queries.
    #[must_use]
    pub fn queries(&self) -> &Arc<NamedQueries> {
        &self.0.parts.queries
    }

    pub(super) fn pictures(&self) -> &Pictures {
        &self.0.parts.pictures
    }

    /// How often things were scanned here, and what people reported.
    pub(super) fn scans(&self) -> &Scans {
        &self.0.parts.scans
    }

    /// Where nodes of other members show the same: the member, and the scheme and host.
    pub(super) fn other_nodes(&self) -> impl Iterator<Item = (&MemberId, &str)> {
        let own = self.own_member();
        let others = self.0.parts.http.others.iter();
        others
            .filter(move |(member, _)| Some(*member) != own)
            .map(|(member, url)| (member, url.as_str()))
    }

    pub(super) fn places(&self) -> &Places {
        &self.0.places
    }

    /// A member's name for people.
    pub(super) fn member_name(&self, id: &MemberId) -> String {
        self.0.member_names.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// Bytes of a body that becomes one transaction.
    pub(super) fn body_bytes(&self) -> usize {
        to_usize(self.0.parts.capture.max_document_bytes)
    }

    /// Bytes of a captured document.
    pub(super) fn capture_bytes(&self, behaviour: ErrorBehaviour) -> usize {
        match behaviour {
            ErrorBehaviour::Rollback => self.body_bytes(),
            ErrorBehaviour::Proceed => to_usize(self.0.parts.capture.max_proceed_bytes),
        }
    }
}

/// Has the subscriptions and sockets of a query end with it.
fn end_with_queries(parts: &ApiParts, sockets: &Sockets) {
    let (deliverer, sockets) = (parts.deliverer.clone(), sockets.clone());
    parts.queries.on_deleted(Box::new(move |gone| {
        sockets.query_deleted();
        let (deliverer, member, name) =
            (deliverer.clone(), gone.member().clone(), gone.name.clone());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            for subscription in deliverer.list(&member) {
                let is_of_it = |standing: &deliver::Standing| standing.query_name == name;
                if subscription.standing.as_ref().is_some_and(is_of_it)
                    && let Err(error) = deliverer.remove(&member, &subscription.id).await
                {
                    tracing::error!(%error, "a subscription of a deleted query is still there");
                }
            }
        });
    }));
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
