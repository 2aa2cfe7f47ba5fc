//! The HTTP side over a real node: the only validator of its network, in a folder of its own.

mod agreements;
mod capture;
mod epcis;
mod everything;
mod evidence;
mod examples;
mod footprint;
mod goods;
mod live;
mod masterdata;
mod members;
mod money;
mod passports;
mod people;
mod programs;
mod query;
mod reads;
mod recalls;
mod refusals;
mod resolver;
mod scan;
mod search;
mod standing;
mod taking;
mod walk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::genesis::{Member, MemberRole};
use tracehold_chain::keys::Signer as _;
use tracehold_chain::units::{AgentId, MemberId};

use super::limits::{HttpLimits, MAX_ORIGINALS_BYTES};
use super::*;
use crate::config;
use crate::deliver::{self, Client, Deadlines, Deliverer, Guard, NodeHistory, Pace};
use crate::keystore::Keystore;
use crate::pictures::{Pictures, StoreLimits};
use crate::queries::NamedQueries;
use crate::runtime::NodeHandle;
use crate::testing::{self, PATIENCE, TestNetwork};

/// A file or folder of the corpora beside the checkout; `None` when it is not there, unless
/// `TRACEHOLD_CORPORA` is `required`.
fn corpus(name: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora").join(name);
    if place.exists() {
        return Some(place);
    }
    let is_required = std::env::var("TRACEHOLD_CORPORA").is_ok_and(|wanted| wanted == "required");
    assert!(!is_required, "TRACEHOLD_CORPORA is required and {} is missing", place.display());
    println!("NOT RUN: no corpus at {}", place.display());
    None
}

/// Receivers of tests are on this machine.
pub(super) const LOOSE: Guard = Guard { allow_http: true, allow_private: true };

const DEADLINES: Deadlines =
    Deadlines { connect: Duration::from_secs(5), answer: Duration::from_secs(5) };

/// An hour of the real pace is some seconds here.
const PACE: Pace = Pace {
    first: Duration::from_millis(10),
    longest: Duration::from_millis(100),
    gather: Duration::from_millis(5),
    pause_after: Duration::from_secs(3_600),
};

/// A node and the way to it.
pub(super) struct Api {
    pub router: Router,
    pub key: String,
    pub agent: AgentId,
    pub keystore: Arc<Keystore>,
    pub handle: NodeHandle,
    pub network: TestNetwork,
    pub deliverer: Deliverer,
    pub jobs: Jobs,
    pub queries: Arc<NamedQueries>,
    /// Turns true when the node stops.
    pub stopped: watch::Receiver<bool>,
    /// The API keys of the agents of other members.
    keys: BTreeMap<String, String>,
    stop: watch::Sender<bool>,
    capture: config::Capture,
    http: config::Http,
    dir: tempfile::TempDir,
}

/// What a node is started from again.
struct Parts {
    key: String,
    agent: AgentId,
    keystore: Arc<Keystore>,
    network: TestNetwork,
    keys: BTreeMap<String, String>,
    capture: config::Capture,
    http: config::Http,
    dir: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem, after checking that it is one and says all that a problem must.
    pub fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        for member in ["type", "title", "code", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem
    }

    /// The events of an EPCISQueryDocument.
    pub fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        let document = self.json();
        assert_eq!(document["type"], "EPCISQueryDocument");
        let list = &document["epcisBody"]["queryResults"]["resultsBody"]["eventList"];
        list.as_array().unwrap().clone()
    }
}

impl Api {
    /// A node that serves.
    pub async fn start() -> Api {
        Api::with(config::Capture::default()).await
    }

    pub async fn with(capture: config::Capture) -> Api {
        Api::made(capture, "*", Client::new(LOOSE, DEADLINES)).await
    }

    /// A node of a member with this GS1 company prefix.
    pub async fn of_prefix(capture: config::Capture, prefix: &str) -> Api {
        Api::made(capture, prefix, Client::new(LOOSE, DEADLINES)).await
    }

    pub async fn with_deliverer(capture: config::Capture, client: Client) -> Api {
        Api::made(capture, "*", client).await
    }

    /// A node that also holds the keys of these agents of other members.
    pub async fn of_members(members: &[(&str, &[MemberRole], &[&str])]) -> Api {
        Api::peopled(config::Capture::default(), "*", Client::new(LOOSE, DEADLINES), members).await
    }

    /// A node of a member with this prefix, whose operator gave these settings, in a network with
    /// a change.
    pub async fn changed(
        prefix: &str,
        http: config::Http,
        change: impl FnOnce(&mut tracehold_chain::genesis::Genesis),
    ) -> Api {
        let client = Client::new(LOOSE, DEADLINES);
        Api::settled((config::Capture::default(), http), prefix, client, &[], change).await
    }

    async fn made(capture: config::Capture, prefix: &str, client: Client) -> Api {
        Api::peopled(capture, prefix, client, &[]).await
    }

    async fn peopled(
        capture: config::Capture,
        prefix: &str,
        client: Client,
        members: &[(&str, &[MemberRole], &[&str])],
    ) -> Api {
        let settings = (capture, config::Http::default());
        Api::settled(settings, prefix, client, members, |_| {}).await
    }

    async fn settled(
        (capture, http): (config::Capture, config::Http),
        prefix: &str,
        client: Client,
        members: &[(&str, &[MemberRole], &[&str])],
        change: impl FnOnce(&mut tracehold_chain::genesis::Genesis),
    ) -> Api {
        let dir = tempfile::tempdir().unwrap();
        let keystore = Arc::new(Keystore::create(dir.path()).unwrap());
        let mut network = TestNetwork::new();
        network.genesis.created_at = now();
        network.node_key = keystore.node_key();
        let agent: AgentId = "acme/gate".parse().unwrap();
        let member = &mut network.genesis.members[0];
        member.glns = vec!["9521321000018".to_owned()];
        member.gs1_company_prefixes = vec![prefix.to_owned()];
        member.nodes[0].public_key = network.node_key.public_key();
        member.agents.push(tracehold_chain::genesis::Agent {
            id: agent.clone(),
            public_key: keystore.create_agent(&agent).unwrap(),
        });
        let mut keys = BTreeMap::new();
        for (name, roles, agents) in members {
            let agents = agents.iter().map(|agent| {
                let id: AgentId = format!("{name}/{agent}").parse().unwrap();
                let public_key = keystore.create_agent(&id).unwrap();
                let key = keystore.create_api_key(&id, now()).unwrap().clear;
                keys.insert(id.to_string(), key);
                tracehold_chain::genesis::Agent { id, public_key }
            });
            network.genesis.members.push(Member {
                id: MemberId::new(*name).unwrap(),
                name: (*name).to_owned(),
                gs1_company_prefixes: Vec::new(),
                glns: Vec::new(),
                roles: roles.to_vec(),
                agents: agents.collect(),
                nodes: Vec::new(),
            });
        }
        change(&mut network.genesis);
        network.genesis.check().unwrap();
        let key = keystore.create_api_key(&agent, now()).unwrap().clear;
        let parts = Parts { key, agent, keystore, network, keys, capture, http, dir };
        Api::serving(parts, client).await
    }

    /// Serves from a data folder.
    async fn serving(parts: Parts, client: Client) -> Api {
        let Parts { key, agent, keystore, network, keys, capture, http, dir } = parts;
        let handle = testing::start(&network, dir.path()).unwrap();
        let (stop, stopped) = watch::channel(false);
        let settings = deliver::Settings { client, pace: PACE };
        let mut registry = Registry::default();
        let deliverer = Deliverer::open(dir.path(), settings, &mut registry).unwrap();
        let jobs = Jobs::open(dir.path(), capture.max_running_jobs, MAX_ORIGINALS_BYTES).unwrap();
        let queries = Arc::new(NamedQueries::open(dir.path()).unwrap());
        let state = ApiState::new(ApiParts {
            genesis: Arc::new(network.genesis.clone()),
            node_name: network.genesis.members[0].nodes[0].name.clone(),
            dir: dir.path().to_owned(),
            keystore: keystore.clone(),
            http: http.clone(),
            jobs: jobs.clone(),
            capture: capture.clone(),
            pictures: pictures(dir.path()),
            scans: crate::scans::Scans::open(dir.path()),
            deliverer: deliverer.clone(),
            queries: queries.clone(),
            registry: Arc::new(Mutex::new(registry)),
            limits: HttpLimits {
                body: Duration::from_millis(300),
                heartbeat: Duration::from_millis(200),
                ..HttpLimits::default()
            },
            stop: stopped.clone(),
        });
        let router = router(state.clone());
        let api = Api {
            router,
            key,
            agent,
            keystore,
            handle,
            network,
            deliverer,
            jobs,
            queries,
            stopped,
            keys,
            stop,
            capture,
            http,
            dir,
        };
        assert_eq!(api.get("/api/v1/status").await.problem()["code"], "starting");
        let browser = Request::builder().uri("/").header("accept", "text/html");
        let page = api.send(browser.body(Body::empty()).unwrap()).await;
        assert_eq!(page.status, 503);
        assert!(page.text.contains("This node is just starting"), "{}", page.text);
        testing::running(&api.handle).await;
        state.attach(api.handle.clone());
        // As the node's own loop tells it.
        let phase = "ready".to_owned();
        state.set_readiness(Readiness { ready: true, phase, done: None, of: None, detail: None });
        api.deliverer.run(Arc::new(NodeHistory::new(api.handle.clone())));
        api
    }

    /// Stops the node and starts it again from its folder.
    pub async fn again(self) -> Api {
        self.halt().await;
        let Api { key, agent, keystore, network, keys, capture, http, dir, .. } = self;
        let parts = Parts { key, agent, keystore, network, keys, capture, http, dir };
        Api::serving(parts, Client::new(LOOSE, DEADLINES)).await
    }

    async fn halt(&self) {
        self.stop.send_replace(true);
        self.deliverer.stop().await;
        self.jobs.settled().await;
        self.handle.stop();
        self.handle.ended().await.unwrap();
    }

    /// Stops the node.
    pub async fn stop(self) {
        self.halt().await;
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let read = tokio::time::timeout(PATIENCE, body.collect()).await;
        let bytes = read.expect("an answer ends").unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text, bytes: bytes.to_vec() }
    }

    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let key = format!("Bearer {}", self.key);
        Request::builder().method(method).uri(path).header("authorization", key)
    }

    /// With the key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// What an agent authorizes itself with.
    pub fn bearer(&self, agent: &str) -> String {
        let own = (self.agent.to_string() == agent).then_some(&self.key);
        format!("Bearer {}", own.unwrap_or_else(|| &self.keys[agent]))
    }

    /// By an agent of another member.
    pub async fn by(&self, agent: &str, method: &str, path: &str, body: &Value) -> Answer {
        let key = self.bearer(agent);
        let request = Request::builder().method(method).uri(path).header("authorization", key);
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    /// Without.
    pub async fn anonymous(&self, path: &str) -> Answer {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        self.send(request).await
    }

    pub async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request("POST", path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self.request("PUT", path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Captures events in a document and gives the finished job.
    pub async fn capture(&self, events: &[Value], headers: &[(&str, &str)]) -> Value {
        self.capture_document(&document(events), headers).await
    }

    /// Captures a document and gives the finished job.
    pub async fn capture_document(&self, document: &Value, headers: &[(&str, &str)]) -> Value {
        let answer = self.post("/epcis/v2/capture", document, headers).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let location = answer.header("location").to_owned();
        let wait = async {
            loop {
                let job = self.get(&location).await.json();
                if job["running"] == false {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }
}

/// A folder of pictures with little room.
fn pictures(path: &std::path::Path) -> Pictures {
    const MIB: u64 = 1024 * 1024;
    Pictures::open(path, StoreLimits { uploaded_bytes: MIB, cached_bytes: MIB }).unwrap()
}

/// An EPCISDocument around events.
pub(super) fn document(events: &[Value]) -> Value {
    json!({
        "@context": [
            "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"example": "http://ns.example.com/epcis/"}
        ],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T09:00:00Z",
        "epcisBody": {"eventList": events}
    })
}

/// An event with something in each section, about one serial number.
pub(super) fn event(number: u32, serial: u32) -> Value {
    json!({
        "type": "ObjectEvent",
        "eventID": format!("urn:uuid:00000000-0000-4000-8000-{number:012}"),
        "eventTime": format!("2026-03-01T08:{:02}:{:02}Z", number / 60 % 60, number % 60),
        "eventTimeZoneOffset": "+01:00",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "disposition": "in_transit",
        "epcList": [format!("urn:epc:id:sgtin:9521321.000101.{serial}")],
        "readPoint": {"id": "https://id.gs1.org/414/9521321000018"},
        "bizTransactionList": [
            {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:9521321000018:secret-order"}
        ],
        "example:note": "not for everyone"
    })
}

/// The eventID of [`event`].
pub(super) fn event_id(number: u32) -> String {
    format!("urn:uuid:00000000-0000-4000-8000-{number:012}")
}

/// The same event standing alone.
pub(super) fn bare(mut event: Value) -> Value {
    event["@context"] = document(&[])["@context"].clone();
    event
}

/// Waits until something holds.
async fn until(what: impl AsyncFn() -> bool) {
    let wait = async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

/// Lines of JSON.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
