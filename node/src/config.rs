//! A node's settings: `tracehold.toml` in its data folder, overridden by `TRACEHOLD_…` variables.
//!
//! What all nodes of a network must share is in the genesis record, not here. A variable names a
//! setting by its path with two underscores, such as `TRACEHOLD_HTTP__LISTEN=0.0.0.0:8080`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};
use tracehold_chain::genesis::Genesis;
use tracehold_chain::keys::PublicKey;
use tracehold_chain::units::MemberId;

/// The settings file's name in a data folder.
pub const CONFIG_FILE: &str = "tracehold.toml";
/// The genesis record's name in a data folder.
pub const GENESIS_FILE: &str = "genesis.json";
/// A settings variable begins so.
pub const ENV_PREFIX: &str = "TRACEHOLD_";
/// Variables that begin so but are no settings: what the command line itself reads, and the tests.
const ENV_NOT_SETTINGS: [&str; 6] =
    ["node", "api_key", "dir", "lang", "stop_with_parent", "corpora"];

/// Why a data folder's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder has no settings file.
    #[error("{} is missing: make the data folder with `tracehold init`", .0.display())]
    Missing(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A setting is unknown or has a value of the wrong kind.
    #[error("{}: {reason}", path.display())]
    Settings {
        /// The settings file.
        path: PathBuf,
        /// Which setting, what is wrong with it, what is allowed.
        reason: String,
    },
    /// The genesis record is not one.
    #[error("{}: {reason}", path.display())]
    Genesis {
        /// The genesis file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Everything a node can be told. Every setting but the peers has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The HTTP interface.
    pub http: Http,
    /// The network of nodes.
    pub p2p: P2p,
    /// Memory spent on reading faster.
    pub cache: Cache,
    /// What is written to stderr.
    pub log: Log,
    /// What is accepted for capture.
    pub capture: Capture,
    /// Pictures of products.
    pub pictures: Pictures,
    /// Where deliveries to webhooks may go.
    pub webhooks: Webhooks,
    /// Where other nodes are. Which nodes may connect is decided by the ledger, not by this list.
    pub peers: Vec<Peer>,
}

/// The HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where to listen. The node speaks plain HTTP: put a TLS proxy before any public address.
    pub listen: SocketAddr,
    /// The scheme and host that links to this node's pages begin with, such as
    /// `https://trace.example.com`; without it, what the caller's request names.
    pub public_url: Option<String>,
    /// Connections served at once; more wait to be accepted.
    pub max_connections: u32,
    /// Requests one network address may make in a second, averaged over ten.
    pub requests_per_second: u32,
    /// The scheme and host of a node of other members, by the member's id: pages of things lead to
    /// the same page there, so that nobody has to trust this node alone.
    pub others: BTreeMap<MemberId, String>,
}

/// The network of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct P2p {
    /// Where to listen for other nodes, as a libp2p address.
    pub listen: Multiaddr,
}

/// Memory spent on reading faster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// The table's page cache, in MiB.
    pub table_mib: u32,
}

/// Pictures of products, in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pictures {
    /// Pictures that were given to this node, in MiB; more are refused.
    pub max_uploaded_mib: u32,
    /// Pictures that came from other nodes, in MiB; what was not used for longest goes.
    pub max_cached_mib: u32,
}

/// What is written to stderr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Lines for people or JSON objects for programs.
    pub format: LogFormat,
    /// What to write: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,tracehold_node::net=debug`.
    pub filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is accepted for capture, within the limits of the ledger itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// Bytes of a document captured whole or not at all (`rollback`).
    pub max_document_bytes: u32,
    /// Bytes of a document captured event by event (`proceed`).
    pub max_proceed_bytes: u32,
    /// Capture jobs waiting for commitment at once; more are answered 503 with Retry-After.
    pub max_running_jobs: u32,
}

/// Where deliveries to webhooks may go, and when failing ones rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Deliver over plain HTTP too.
    pub allow_http: bool,
    /// Deliver to loopback, private and link-local addresses too: whoever has an API key then
    /// makes this node send requests into its own network.
    pub allow_private_addresses: bool,
    /// Hours of failure after which a webhook is paused.
    pub pause_after_hours: u32,
}

/// Where another node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// The node's key, 64 hex digits.
    pub public_key: PublicKey,
    /// Its libp2p address, such as `/dns4/node.example.com/tcp/7070`.
    pub address: Multiaddr,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            max_connections: 1_024,
            requests_per_second: 2_000,
            others: BTreeMap::new(),
        }
    }
}

impl Default for P2p {
    fn default() -> P2p {
        let listen = "/ip4/127.0.0.1/tcp/7070".parse().expect("a fixed address");
        P2p { listen }
    }
}

impl Default for Cache {
    fn default() -> Cache {
        Cache { table_mib: 256 }
    }
}

impl Default for Pictures {
    fn default() -> Pictures {
        Pictures { max_uploaded_mib: 8_192, max_cached_mib: 1_024 }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Default for Capture {
    fn default() -> Capture {
        Capture {
            max_document_bytes: 1024 * 1024,
            max_proceed_bytes: 10 * 1024 * 1024,
            max_running_jobs: 1_000,
        }
    }
}

impl Default for Webhooks {
    fn default() -> Webhooks {
        Webhooks { allow_http: false, allow_private_addresses: false, pause_after_hours: 72 }
    }
}

impl Config {
    /// Reads the settings of the data folder `dir`, then what the environment overrides.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that is unknown or wrong; nothing is ignored.
    pub fn load(dir: &Path) -> Result<Config, ConfigError> {
        let path = dir.join(CONFIG_FILE);
        if !path.is_file() {
            return Err(ConfigError::Missing(path));
        }
        let env = Env::prefixed(ENV_PREFIX).ignore(&ENV_NOT_SETTINGS).split("__");
        let figment = Figment::from(Serialized::defaults(Config::default()))
            .merge(Toml::file_exact(&path))
            .merge(env);
        let config: Config =
            figment.extract().map_err(|error| settings(&path, error.to_string()))?;
        config.check().map_err(|reason| settings(&path, reason))?;
        Ok(config)
    }

    /// Writes the settings to the data folder `dir`.
    ///
    /// # Errors
    /// [`ConfigError::Io`] when the file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), ConfigError> {
        let text = toml::to_string_pretty(self).expect("settings are plain values");
        let head = "# Settings of this node. docs/operating.md explains each; what all nodes of \
                    the network\n# share is in genesis.json.\n\n";
        write_file(&dir.join(CONFIG_FILE), &format!("{head}{text}"))
    }

    fn check(&self) -> Result<(), String> {
        let least_one = [
            ("http.max_connections", self.http.max_connections),
            ("http.requests_per_second", self.http.requests_per_second),
            ("cache.table_mib", self.cache.table_mib),
            ("pictures.max_uploaded_mib", self.pictures.max_uploaded_mib),
            ("pictures.max_cached_mib", self.pictures.max_cached_mib),
            ("capture.max_document_bytes", self.capture.max_document_bytes),
            ("capture.max_proceed_bytes", self.capture.max_proceed_bytes),
            ("capture.max_running_jobs", self.capture.max_running_jobs),
            ("webhooks.pause_after_hours", self.webhooks.pause_after_hours),
        ];
        if let Some((name, _)) = least_one.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} is 0: give at least 1"));
        }
        let web = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if let Some(url) = self.http.public_url.as_ref().filter(|url| !web(url)) {
            return Err(format!("http.public_url is {url:?}: begin it with http:// or https://"));
        }
        if let Some((member, url)) = self.http.others.iter().find(|(_, url)| !web(url)) {
            return Err(format!(
                "http.others.{member} is {url:?}: begin it with http:// or https://"
            ));
        }
        tracing_subscriber::EnvFilter::try_new(&self.log.filter)
            .map_err(|error| format!("log.filter is no filter: {error}"))?;
        let mut keys = BTreeSet::new();
        match self.peers.iter().find(|peer| !keys.insert(peer.public_key)) {
            Some(peer) => Err(format!("peer {} is listed twice", peer.public_key)),
            None => Ok(()),
        }
    }
}

/// Reads and checks the genesis record of the data folder `dir`.
///
/// # Errors
/// [`ConfigError`] when it is missing or cannot start a network.
pub fn load_genesis(dir: &Path) -> Result<Genesis, ConfigError> {
    let path = dir.join(GENESIS_FILE);
    if !path.is_file() {
        let reason = "there is no genesis record: give the network's with \
                      `tracehold init --genesis FILE`"
            .to_owned();
        return Err(ConfigError::Genesis { path, reason });
    }
    read_genesis(&path)
}

/// Reads and checks a genesis record.
///
/// # Errors
/// [`ConfigError`] when it cannot be read or cannot start a network.
pub fn read_genesis(path: &Path) -> Result<Genesis, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let wrong = |reason| ConfigError::Genesis { path: path.to_owned(), reason };
    let genesis: Genesis = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    genesis.check().map_err(|error| wrong(error.to_string()))?;
    Ok(genesis)
}

/// Writes a genesis record as JSON.
///
/// # Errors
/// [`ConfigError::Io`] when the file cannot be written.
pub fn write_genesis(path: &Path, genesis: &Genesis) -> Result<(), ConfigError> {
    let mut text = serde_json::to_string_pretty(genesis).expect("plain records are JSON");
    text.push('\n');
    write_file(path, &text)
}

fn write_file(path: &Path, text: &str) -> Result<(), ConfigError> {
    std::fs::write(path, text).map_err(|source| ConfigError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn settings(path: &Path, reason: String) -> ConfigError {
    ConfigError::Settings { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(CONFIG_FILE), text).unwrap();
        Config::load(dir.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_survive_saving_and_default_where_absent() {
        let dir = tempfile::tempdir().unwrap();
        let peer = Peer {
            public_key: PublicKey([7; 32]),
            address: "/ip4/127.0.0.1/tcp/7071".parse().unwrap(),
        };
        let config = Config { peers: vec![peer], ..Config::default() };
        config.save(dir.path()).unwrap();
        assert_eq!(Config::load(dir.path()).unwrap(), config);
        assert_eq!(load("").unwrap(), Config::default());
        let some = load("[http]\nlisten = \"0.0.0.0:80\"\n[log]\nformat = \"json\"").unwrap();
        assert_eq!(some.http.listen.port(), 80);
        assert_eq!(some.http.max_connections, Http::default().max_connections);
        assert_eq!(some.log.format, LogFormat::Json);
    }

    /// The guide for operators names every setting, every parameter of a network and every fixed
    /// limit of the ledger.
    #[test]
    fn the_guide_names_every_setting_and_limit() {
        let guide = include_str!("../../docs/operating.md");
        let settings = toml::Table::try_from(Config::default()).unwrap();
        for (section, values) in settings.iter().filter(|(name, _)| *name != "peers") {
            for name in values.as_table().unwrap().keys() {
                assert!(guide.contains(&format!("`{section}.{name}`")), "{section}.{name}");
            }
        }
        let parameters = serde_json::to_value(tracehold_chain::genesis::Parameters::default());
        for name in parameters.unwrap().as_object().unwrap().keys() {
            assert!(guide.contains(&format!("`{name}`")), "{name}");
        }
        let limits = include_str!("../../chain/src/limits.rs");
        for line in limits.lines().filter_map(|line| line.strip_prefix("pub const ")) {
            let name = line.split(':').next().unwrap();
            assert!(guide.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn unknown_or_wrong_settings_are_refused_by_name() {
        for (text, part) in [
            ("[http]\nlisten_on = \"127.0.0.1:1\"", "listen_on"),
            ("htttp = 1", "htttp"),
            ("[http]\nlisten = \"localhost\"", "http.listen"),
            ("[cache]\ntable_mib = 0", "cache.table_mib"),
            ("[log]\nformat = \"xml\"", "xml"),
            ("[[peers]]\npublic_key = \"12\"\naddress = \"/ip4/1.2.3.4/tcp/1\"", "peers"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(part) && error.contains(CONFIG_FILE), "{text}: {error}");
        }
        let missing = Config::load(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(missing.contains("tracehold init"), "{missing}");
    }
}
