//! The keys that a node holds: its own, those of its member's agents, the secret that salts event
//! sections, and the API keys by which callers act as an agent.
//!
//! ```text
//! DIR/keys/node.key                    the node's Ed25519 seed
//! DIR/keys/section-secret              32 bytes; salts of event sections are derived from them
//! DIR/keys/agents/MEMBER/AGENT.key     an agent's Ed25519 seed
//! DIR/keys/api-keys.json               digests of API keys, and the agent each one acts for
//! ```
//!
//! Every file must be closed to group and others. API keys are stored as digests: they are 160 bits
//! of randomness, so a plain digest cannot be searched. The key seeds themselves are not encrypted
//! at rest yet; whoever reads the folder is the member.

pub(crate) mod files;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq as _};
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::keys::{PublicKey, SecretKey, Signer};
use tracehold_chain::units::{AgentId, TimestampMs};
use zeroize::Zeroizing;

/// What a key file begins with; the seed follows as 64 hex digits.
const SEED_LABEL: &str = "ed25519-seed:";
/// What the section secret's file begins with; 64 hex digits follow.
const SECRET_LABEL: &str = "section-secret:";
/// Every API key begins so, which lets people and secret scanners recognise one.
pub const API_KEY_PREFIX: &str = "th_";
/// Bytes of randomness in an API key.
pub const API_KEY_RANDOM_BYTES: usize = 20;
/// API keys one keystore holds at most: each is compared for every request.
pub const MAX_API_KEYS: usize = 1_000;
/// A running node sees API keys made or revoked by another process after this time.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// Why keys could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A key that must be there is not.
    #[error("{} is missing: make the data folder with `tracehold init`, or restore it from a \
             backup", .0.display())]
    Missing(PathBuf),
    /// Others may read a secret.
    #[error("{} may be read by others (mode {mode:03o}): run chmod 600 on it, and replace the key \
             if others did read it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that is not what its name says.
    #[error("{} is damaged: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is there already, and replacing it would lose a key.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// An API key for an agent whose key is not here.
    #[error("this keystore has no key of agent {0}: create the agent first")]
    UnknownAgent(AgentId),
    /// No API key has this id.
    #[error("no API key has the id {0}")]
    UnknownApiKey(String),
    /// [`MAX_API_KEYS`] is reached.
    #[error("a keystore holds at most {MAX_API_KEYS} API keys: revoke one first")]
    TooManyApiKeys,
    /// The system gave no randomness.
    #[error("the system gave no random bytes: {0}")]
    Random(String),
}

impl KeystoreError {
    fn io(action: &'static str, path: &Path, source: std::io::Error) -> KeystoreError {
        KeystoreError::Io { action, path: path.to_owned(), source }
    }

    fn malformed(path: &Path, reason: impl Into<String>) -> KeystoreError {
        KeystoreError::Malformed { path: path.to_owned(), reason: reason.into() }
    }
}

/// An agent whose key this node holds, ready to sign.
#[derive(Clone)]
pub struct AgentSigner {
    /// Who signs.
    pub agent_id: AgentId,
    /// Signs with the agent's key.
    pub signer: Arc<dyn Signer>,
    /// The member's secret; the salts of event sections are derived from it.
    pub section_secret: [u8; 32],
}

impl std::fmt::Debug for AgentSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgentSigner({})", self.agent_id)
    }
}

/// What may be shown about an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRecord {
    /// Names the key when it is revoked: the first eight hex digits of its digest.
    pub id: String,
    /// Whom it acts for.
    pub agent: AgentId,
    /// When it was made.
    pub created_at: TimestampMs,
    /// The digest of the key in clear.
    digest: Digest,
}

/// A new API key. The clear text is nowhere else: show it once.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What is stored.
    pub record: ApiKeyRecord,
    /// The key itself, for the caller's `Authorization: Bearer` header.
    pub clear: String,
}

/// What of the key folder can change while a node runs.
struct Loaded {
    agents: BTreeMap<AgentId, SecretKey>,
    api_keys: Vec<ApiKeyRecord>,
    stamp: Stamp,
}

/// Tells whether the API key file has changed since it was read.
type Stamp = Option<(SystemTime, u64)>;

/// The keys in one data folder.
pub struct Keystore {
    dir: PathBuf,
    node_key: SecretKey,
    section_secret: Zeroizing<[u8; 32]>,
    loaded: RwLock<Loaded>,
    /// When the API key file was last looked at.
    looked: Mutex<Instant>,
}

impl std::fmt::Debug for Keystore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keystore({})", self.dir.display())
    }
}

impl Keystore {
    /// Makes the keys of a new node in the data folder `dir`.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`] when the folder has keys: they are never replaced.
    pub fn create(dir: &Path) -> Result<Keystore, KeystoreError> {
        let keys = dir.join("keys");
        let node_key = keys.join("node.key");
        if node_key.exists() {
            return Err(KeystoreError::Exists(node_key));
        }
        let secret = random::<32>()?;
        files::write(
            &keys.join("section-secret"),
            &format!("{SECRET_LABEL}{}\n", hex::encode(*secret)),
        )?;
        // Last, because its presence is what makes the folder a keystore.
        write_seed(&node_key, &*random::<32>()?)?;
        Keystore::open(dir)
    }

    /// Opens the keys of the data folder `dir`.
    ///
    /// # Errors
    /// [`KeystoreError`] names the file that is missing, damaged or open to others.
    pub fn open(dir: &Path) -> Result<Keystore, KeystoreError> {
        let keys = dir.join("keys");
        let node_key = read_seed(&keys.join("node.key"))?;
        let section_secret = read_labelled(&keys.join("section-secret"), SECRET_LABEL)?;
        let loaded = RwLock::new(load(&keys)?);
        Ok(Keystore {
            dir: keys,
            node_key,
            section_secret,
            loaded,
            looked: Mutex::new(Instant::now()),
        })
    }

    /// The node's own key: it signs votes and proves the node to its peers.
    #[must_use]
    pub fn node_key(&self) -> SecretKey {
        self.node_key.clone()
    }

    /// The member's secret, from which the salts of event sections are derived.
    #[must_use]
    pub fn section_secret(&self) -> [u8; 32] {
        *self.section_secret
    }

    /// The agent for which the API key `clear` acts; `None` when there is no such key.
    ///
    /// The time taken does not depend on how much of a key was guessed: digests are compared, each
    /// with every stored one, in constant time. Keys made or revoked by another process are seen
    /// after [`RELOAD_INTERVAL`].
    #[must_use]
    pub fn agent_for_api_key(&self, clear: &str) -> Option<AgentSigner> {
        self.reload_if_changed();
        let digest = Digest::of(Domain::ApiKey, clear.as_bytes());
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for record in &loaded.api_keys {
            let same: Choice = record.digest.as_bytes().ct_eq(digest.as_bytes());
            if bool::from(same) {
                found = Some(&record.agent);
            }
        }
        let agent = found?;
        self.signer(&loaded, agent)
    }

    /// The agent `id`, when its key is here.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<AgentSigner> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        self.signer(&loaded, id)
    }

    fn signer(&self, loaded: &Loaded, id: &AgentId) -> Option<AgentSigner> {
        loaded.agents.get(id).map(|key| AgentSigner {
            agent_id: id.clone(),
            signer: Arc::new(key.clone()),
            section_secret: *self.section_secret,
        })
    }

    /// The agents whose keys are here, with their public keys.
    #[must_use]
    pub fn agents(&self) -> Vec<(AgentId, PublicKey)> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.agents.iter().map(|(id, key)| (id.clone(), key.public_key())).collect()
    }

    /// The API keys, without what would let anyone use them.
    #[must_use]
    pub fn api_keys(&self) -> Vec<ApiKeyRecord> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).api_keys.clone()
    }

    /// Makes a key for the agent `id` and returns its public half, which the network's record of
    /// the member must list before the agent's transactions are accepted.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`] when the agent has a key here.
    pub fn create_agent(&self, id: &AgentId) -> Result<PublicKey, KeystoreError> {
        let path = agent_path(&self.dir, id);
        if path.exists() {
            return Err(KeystoreError::Exists(path));
        }
        let seed = random::<32>()?;
        write_seed(&path, &seed)?;
        let key = SecretKey::from_seed(&seed);
        let public_key = key.public_key();
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.agents.insert(id.clone(), key);
        Ok(public_key)
    }

    /// Makes an API key that acts for the agent `id`.
    ///
    /// # Errors
    /// [`KeystoreError::UnknownAgent`] when the agent's key is not here.
    pub fn create_api_key(
        &self,
        id: &AgentId,
        created_at: TimestampMs,
    ) -> Result<NewApiKey, KeystoreError> {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if !loaded.agents.contains_key(id) {
            return Err(KeystoreError::UnknownAgent(id.clone()));
        }
        if loaded.api_keys.len() >= MAX_API_KEYS {
            return Err(KeystoreError::TooManyApiKeys);
        }
        let secret = random::<API_KEY_RANDOM_BYTES>()?;
        let clear = format!("{API_KEY_PREFIX}{}", hex::encode(*secret));
        let digest = Digest::of(Domain::ApiKey, clear.as_bytes());
        let id_text = digest.to_string()[..8].to_owned();
        let record = ApiKeyRecord { id: id_text, agent: id.clone(), created_at, digest };
        let mut api_keys = loaded.api_keys.clone();
        api_keys.push(record.clone());
        loaded.stamp = write_api_keys(&self.dir, &api_keys)?;
        loaded.api_keys = api_keys;
        Ok(NewApiKey { record, clear })
    }

    /// Ends an API key for good.
    ///
    /// # Errors
    /// [`KeystoreError::UnknownApiKey`] when there is none with this id.
    pub fn revoke_api_key(&self, id: &str) -> Result<(), KeystoreError> {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let mut api_keys = loaded.api_keys.clone();
        api_keys.retain(|record| record.id != id);
        if api_keys.len() == loaded.api_keys.len() {
            return Err(KeystoreError::UnknownApiKey(id.to_owned()));
        }
        loaded.stamp = write_api_keys(&self.dir, &api_keys)?;
        loaded.api_keys = api_keys;
        Ok(())
    }

    /// Reads the folder again when another process changed it. A folder that cannot be read keeps
    /// what was loaded: a half-finished edit must not lock every caller out.
    fn reload_if_changed(&self) {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.elapsed() < RELOAD_INTERVAL {
                return;
            }
            *looked = Instant::now();
        }
        let current = stamp(&api_keys_path(&self.dir));
        if current == self.loaded.read().unwrap_or_else(PoisonError::into_inner).stamp {
            return;
        }
        match load(&self.dir) {
            Ok(fresh) => *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = fresh,
            Err(error) => tracing::warn!(%error, "API keys have changed but cannot be read"),
        }
    }
}

fn agent_path(keys: &Path, id: &AgentId) -> PathBuf {
    // A checked name has no '/' and begins with a letter or digit, so it is a plain file name.
    let text = id.to_string();
    let (member, agent) = text.split_once('/').expect("agent ids are member/agent");
    keys.join("agents").join(member).join(format!("{agent}.key"))
}

fn api_keys_path(keys: &Path) -> PathBuf {
    keys.join("api-keys.json")
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn load(keys: &Path) -> Result<Loaded, KeystoreError> {
    let path = api_keys_path(keys);
    // Before reading: a change in between is then seen at the next look.
    let stamp = stamp(&path);
    let api_keys = match stamp {
        None => Vec::new(),
        Some(_) => serde_json::from_str(&files::read(&path)?)
            .map_err(|error| KeystoreError::malformed(&path, error.to_string()))?,
    };
    Ok(Loaded { agents: load_agents(&keys.join("agents"))?, api_keys, stamp })
}

fn load_agents(dir: &Path) -> Result<BTreeMap<AgentId, SecretKey>, KeystoreError> {
    let mut agents = BTreeMap::new();
    for member in names_in(dir)? {
        let member_dir = dir.join(&member);
        for file in names_in(&member_dir)? {
            let Some(agent) = file.strip_suffix(".key") else { continue };
            let path = member_dir.join(&file);
            let id: AgentId = format!("{member}/{agent}")
                .parse()
                .map_err(|error| KeystoreError::malformed(&path, format!("{error}")))?;
            agents.insert(id, read_seed(&path)?);
        }
    }
    Ok(agents)
}

fn names_in(dir: &Path) -> Result<Vec<String>, KeystoreError> {
    let failed = |source| KeystoreError::io("list", dir, source);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn write_api_keys(keys: &Path, records: &[ApiKeyRecord]) -> Result<Stamp, KeystoreError> {
    let path = api_keys_path(keys);
    let mut text = serde_json::to_string_pretty(records).expect("plain records are JSON");
    text.push('\n');
    files::write(&path, &text)?;
    Ok(stamp(&path))
}

fn write_seed(path: &Path, seed: &[u8; 32]) -> Result<(), KeystoreError> {
    let text = Zeroizing::new(format!("{SEED_LABEL}{}\n", hex::encode(seed)));
    files::write(path, &text)
}

fn read_seed(path: &Path) -> Result<SecretKey, KeystoreError> {
    read_labelled(path, SEED_LABEL).map(|seed| SecretKey::from_seed(&seed))
}

fn read_labelled(path: &Path, label: &str) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let text = files::read(path)?;
    let mut bytes = Zeroizing::new([0; 32]);
    let digits = text.trim().strip_prefix(label).unwrap_or_default();
    hex::decode_to_slice(digits, bytes.as_mut()).map_err(|_| {
        KeystoreError::malformed(path, format!("expected {label} and 64 hex digits"))
    })?;
    Ok(bytes)
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut()).map_err(|error| KeystoreError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn agent(text: &str) -> AgentId {
        text.parse().unwrap()
    }

    #[test]
    fn keys_survive_reopening_and_are_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let made = Keystore::create(dir.path()).unwrap();
        let erp = made.create_agent(&agent("acme/erp")).unwrap();
        let api_key = made.create_api_key(&agent("acme/erp"), TimestampMs(1)).unwrap();
        assert!(matches!(Keystore::create(dir.path()), Err(KeystoreError::Exists(_))));
        assert!(matches!(made.create_agent(&agent("acme/erp")), Err(KeystoreError::Exists(_))));

        let opened = Keystore::open(dir.path()).unwrap();
        assert_eq!(opened.node_key().seed(), made.node_key().seed());
        assert_eq!(opened.section_secret(), made.section_secret());
        let signer = opened.agent_for_api_key(&api_key.clear).unwrap();
        assert_eq!(signer.agent_id, agent("acme/erp"));
        assert_eq!(signer.signer.public_key(), erp);
        assert_eq!(opened.agents(), vec![(agent("acme/erp"), erp)]);
    }

    #[test]
    fn an_api_key_is_stored_as_its_digest_and_ends_when_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let keystore = Keystore::create(dir.path()).unwrap();
        let unknown = keystore.create_api_key(&agent("acme/erp"), TimestampMs(1));
        assert!(matches!(unknown, Err(KeystoreError::UnknownAgent(_))));
        keystore.create_agent(&agent("acme/erp")).unwrap();
        let key = keystore.create_api_key(&agent("acme/erp"), TimestampMs(1)).unwrap();
        let stored = fs::read_to_string(api_keys_path(&keystore.dir)).unwrap();
        assert!(!stored.contains(&key.clear[API_KEY_PREFIX.len()..]));
        for wrong in ["", "th_", &key.clear[1..], &format!("{}0", key.clear)] {
            assert!(keystore.agent_for_api_key(wrong).is_none(), "{wrong}");
        }
        keystore.revoke_api_key(&key.record.id).unwrap();
        assert!(keystore.agent_for_api_key(&key.clear).is_none());
        assert!(keystore.revoke_api_key(&key.record.id).is_err());
    }

    #[test]
    fn a_running_node_sees_keys_that_another_process_makes() {
        let dir = tempfile::tempdir().unwrap();
        let running = Keystore::create(dir.path()).unwrap();
        let other = Keystore::open(dir.path()).unwrap();
        other.create_agent(&agent("acme/erp")).unwrap();
        let key = other.create_api_key(&agent("acme/erp"), TimestampMs(1)).unwrap();
        *running.looked.lock().unwrap() = Instant::now() - RELOAD_INTERVAL;
        assert!(running.agent_for_api_key(&key.clear).is_some());
    }

    #[test]
    fn files_open_to_others_or_damaged_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        Keystore::create(dir.path()).unwrap();
        let path = dir.path().join("keys/node.key");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Keystore::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("node.key") && error.contains("chmod 600"), "{error}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "ed25519-seed:abc").unwrap();
        let error = Keystore::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("node.key") && error.contains("64 hex digits"), "{error}");

        fs::remove_file(&path).unwrap();
        let error = Keystore::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("tracehold init"), "{error}");
    }
}
