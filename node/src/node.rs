//! A whole node: keys, settings, genesis record, store, replica, network and HTTP, put together.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracehold_chain::genesis::Genesis;
use tracehold_chain::keys::{PublicKey, Signer as _};
use tracehold_chain::mempool::MempoolLimits;
use tracehold_chain::validators::ValidatorSet;

use crate::api::limits::{HttpLimits, MAX_ORIGINALS_BYTES};
use crate::api::{self, ApiParts, ApiState, Jobs, Readiness, SharedRegistry};
use crate::config::{self, Config, ConfigError, load_genesis};
use crate::deliver::{self, Client, Deadlines, Deliverer, Guard, NodeHistory, Pace};
use crate::fault::Fault;
use crate::keystore::{Keystore, KeystoreError};
use crate::net::{NetConfig, NetLimits, Network};
use crate::pictures::{Pictures, StoreLimits};
use crate::queries::{NamedQueries, QueriesError};
use crate::runtime::{self, NodeHandle, NodeParts, Phase};
use crate::scans::Scans;
use crate::store::recover::DataFolder;

/// How often it is looked how far the node is.
const READINESS_POLL: Duration = Duration::from_millis(50);
/// A node that serves but has not met enough others to decide blocks calls itself ready after this
/// long: reads need no others.
const ALONE_AFTER: Duration = Duration::from_secs(10);
/// A node that is further behind its peers than this many blocks catches up before it is ready.
const MAX_BEHIND: u64 = 2;
const MIB: u64 = 1024 * 1024;

/// Why a node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings or genesis record.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeystoreError),
    /// Webhooks.
    #[error(transparent)]
    Webhooks(#[from] deliver::StoreError),
    /// Named queries.
    #[error(transparent)]
    Queries(#[from] QueriesError),
    /// The genesis record does not know this node.
    #[error("the genesis record of {chain_id} lists no node with this node's key {key}")]
    Stranger {
        /// The network.
        chain_id: String,
        /// This node's key.
        key: PublicKey,
    },
    /// The HTTP address is not to be had.
    #[error("cannot serve HTTP on {address}: {source}; give another address in http.listen")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder of pictures is not to be had.
    #[error(transparent)]
    Pictures(Fault),
    /// The folder of capture jobs is not to be had.
    #[error("cannot open the capture jobs in the data folder: {0}")]
    Jobs(String),
    /// The data folder is in use, or the system is out of threads.
    #[error(transparent)]
    Runtime(#[from] runtime::StartError),
}

/// A running node.
pub struct Node {
    handle: NodeHandle,
    http: SocketAddr,
    stop_http: watch::Sender<bool>,
    server: JoinHandle<()>,
    readiness: JoinHandle<()>,
    deliverer: Deliverer,
    jobs: Jobs,
}

impl Node {
    /// Starts the node of the data folder `dir` and returns at once; its HTTP side answers
    /// `/readyz` with how far it is.
    ///
    /// # Errors
    /// [`StartError`] names the file, address or key that is wrong.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(dir: &Path, config: Config) -> Result<Node, StartError> {
        let genesis = Arc::new(load_genesis(dir)?);
        let keystore = Arc::new(Keystore::open(dir)?);
        let key = keystore.node_key().public_key();
        let chain_id = genesis.chain_id.clone();
        let own = genesis.nodes().find(|(_, node)| node.public_key == key);
        let (_, own) =
            own.ok_or_else(|| StartError::Stranger { chain_id: chain_id.to_string(), key })?;
        let name = own.name.clone();
        tracing::info!(%chain_id, node = %name, %key, dir = %dir.display(), "starting");

        let address = config.http.listen;
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| StartError::Listen { address, source })?;
        let http = listener.local_addr().unwrap_or(address);
        let registry: SharedRegistry = Arc::new(Mutex::new(Registry::default()));
        let room = StoreLimits {
            uploaded_bytes: u64::from(config.pictures.max_uploaded_mib) * MIB,
            cached_bytes: u64::from(config.pictures.max_cached_mib) * MIB,
        };
        let pictures = Pictures::open(dir, room).map_err(StartError::Pictures)?;
        let handle = runtime::start(NodeParts {
            genesis: Genesis::clone(&genesis),
            folder: DataFolder {
                path: dir.to_owned(),
                table_cache_bytes: u64::from(config.cache.table_mib) * MIB,
            },
            signer: Arc::new(keystore.node_key()),
            mempool: MempoolLimits::default(),
            network: network(&config, &genesis, &keystore, registry.clone(), pictures.clone()),
        })?;

        // After the folder is this process's alone.
        let deliverer = {
            let mut registry = registry.lock().expect("nobody panics while registering");
            Deliverer::open(dir, delivery(&config.webhooks), &mut registry)
        };
        let deliverer = deliverer.inspect_err(|_| handle.stop())?;

        let jobs = Jobs::open(dir, config.capture.max_running_jobs, MAX_ORIGINALS_BYTES);
        let jobs = jobs.map_err(|error| StartError::Jobs(error.to_string()));
        let jobs = jobs.inspect_err(|_| handle.stop())?;

        let queries = NamedQueries::open(dir).inspect_err(|_| handle.stop())?;
        let queries = Arc::new(queries);

        let (stop_http, stop) = watch::channel(false);
        let limits = HttpLimits {
            connections: usize::try_from(config.http.max_connections).unwrap_or(usize::MAX),
            ..HttpLimits::default()
        };
        let state = ApiState::new(ApiParts {
            genesis: genesis.clone(),
            node_name: name,
            dir: dir.to_owned(),
            keystore,
            http: config.http,
            capture: config.capture,
            jobs: jobs.clone(),
            deliverer: deliverer.clone(),
            queries,
            registry,
            pictures,
            scans: Scans::open(dir),
            limits: limits.clone(),
            stop: stop.clone(),
        });
        let server = tokio::spawn(api::serve(listener, api::router(state.clone()), limits, stop));
        let quorum = Quorum { validators: genesis.validators().ok(), me: key };
        let readiness = tokio::spawn(tell_readiness(state, handle.clone(), quorum));
        tracing::info!(%http, "serving HTTP");
        Ok(Node { handle, http, stop_http, server, readiness, deliverer, jobs })
    }

    /// Where HTTP is served, with the real port where the settings say 0.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The inside of the node, for whoever submits or reads without HTTP.
    #[must_use]
    pub fn handle(&self) -> &NodeHandle {
        &self.handle
    }

    /// Waits until the node ends by itself.
    ///
    /// # Errors
    /// The [`Fault`] that ended it.
    pub async fn ended(&self) -> Result<(), Fault> {
        self.handle.ended().await
    }

    /// Stops the node: answers under way are finished, everything is written, the folder is free.
    ///
    /// # Errors
    /// The [`Fault`] that came in between.
    pub async fn stop(self) -> Result<(), Fault> {
        self.stop_http.send_replace(true);
        self.deliverer.stop().await;
        // A panic in the server has been logged; there is nothing left to finish then.
        let _ = self.server.await;
        self.jobs.settled().await;
        self.readiness.abort();
        self.handle.stop();
        self.handle.ended().await
    }
}

fn delivery(settings: &config::Webhooks) -> deliver::Settings {
    let guard =
        Guard { allow_http: settings.allow_http, allow_private: settings.allow_private_addresses };
    let pause_after = Duration::from_secs(u64::from(settings.pause_after_hours) * 3_600);
    deliver::Settings {
        client: Client::new(guard, Deadlines::default()),
        pace: Pace { pause_after, ..Pace::default() },
    }
}

fn network(
    config: &Config,
    genesis: &Genesis,
    keystore: &Keystore,
    registry: SharedRegistry,
    pictures: Pictures,
) -> runtime::StartNetwork {
    let net = NetConfig {
        key: keystore.node_key(),
        listen: vec![config.p2p.listen.clone()],
        peers: config.peers.iter().map(|peer| (peer.public_key, peer.address.clone())).collect(),
        members: genesis.nodes().map(|(_, node)| node.public_key).collect(),
        chain_id: genesis.chain_id.clone(),
        genesis_id: genesis.id().0,
        limits: NetLimits::default(),
        files: pictures.source(),
    };
    Box::new(move || {
        let mut registry = registry.lock().expect("nobody panics while registering");
        let (handle, events) = Network::start(net, &mut registry)?;
        pictures.attach(handle.clone());
        Ok((handle, events))
    })
}

/// Whether enough voting power is connected to decide blocks.
struct Quorum {
    validators: Option<ValidatorSet>,
    me: PublicKey,
}

impl Quorum {
    fn is_met(&self, peers: &BTreeSet<PublicKey>) -> bool {
        let Some(validators) = &self.validators else { return true };
        let here = |key: &PublicKey| *key == self.me || peers.contains(key);
        let connected = validators.as_slice().iter().filter(|v| here(&v.public_key));
        validators.is_quorum(connected.map(|validator| validator.power).sum())
    }
}

/// Keeps `/readyz` true to the node until it ends.
async fn tell_readiness(state: ApiState, handle: NodeHandle, quorum: Quorum) {
    let mut running_since = None;
    let mut told = None;
    loop {
        let phase = handle.phase();
        let ended = matches!(phase, Phase::Stopped | Phase::Failed(_));
        if phase == Phase::Running && running_since.is_none() {
            running_since = Some(Instant::now());
            state.attach(handle.clone());
            state.deliverer().run(Arc::new(NodeHistory::new(handle.clone())));
            tokio::spawn(api::find_recalls_ahead(state.clone()));
        }
        let readiness = readiness(&phase, &handle, &quorum, running_since, told.as_ref());
        if told.as_ref() != Some(&readiness) {
            told = Some(readiness.clone());
            state.set_readiness(readiness);
        }
        if ended {
            return;
        }
        tokio::time::sleep(READINESS_POLL).await;
    }
}

fn readiness(
    phase: &Phase,
    handle: &NodeHandle,
    quorum: &Quorum,
    running_since: Option<Instant>,
    before: Option<&Readiness>,
) -> Readiness {
    let of = |ready: bool, phase: &str, detail: Option<String>| Readiness {
        ready,
        phase: phase.to_owned(),
        done: None,
        of: None,
        detail,
    };
    match phase {
        Phase::Starting(report) => Readiness {
            ready: false,
            phase: if report.rebuilding { "rebuilding" } else { "opening" }.to_owned(),
            done: Some(report.height.0),
            of: Some(report.tip.0),
            detail: None,
        },
        Phase::Stopped => of(false, "stopping", None),
        Phase::Failed(fault) => of(false, "stopping", Some(fault.to_string())),
        Phase::Running => {
            let Ok(status) = handle.status() else { return of(false, "stopping", None) };
            let was_ready = before.is_some_and(|before| before.ready);
            let alone = running_since.is_none_or(|since| since.elapsed() < ALONE_AFTER)
                && !quorum.is_met(&status.peers);
            if alone && !was_ready {
                let detail = "waiting for enough validators to be connected".to_owned();
                return of(false, "connecting", Some(detail));
            }
            if status.behind > MAX_BEHIND {
                return Readiness {
                    ready: false,
                    phase: "catching_up".to_owned(),
                    done: Some(status.height.0),
                    of: Some(status.height.0.saturating_add(status.behind)),
                    detail: None,
                };
            }
            of(true, "ready", None)
        }
    }
}
