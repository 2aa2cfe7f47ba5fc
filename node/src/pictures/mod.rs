//! Pictures of products: files named by their SHA-256, at most one mebibyte each.
//!
//! [`image`] says what is a picture, [`scale`] makes photographs smaller, [`store`] keeps them in
//! the data folder. What is missing here
//! is asked of peers, which answer from their own folders: a few at a time, until one gives bytes
//! with the right digest. All of it ends within [`FETCH_DEADLINE`]; what nobody had is not asked
//! for again for [`MISS_KEPT`].

pub mod image;
pub mod scale;
pub mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::PublicKey;

use crate::fault::Fault;
use crate::net::{FileSource, NetHandle, RequestFailure};

pub use image::{Format, MAX_PICTURE_BYTES, NoPicture, Shape};
pub use scale::MAX_PHOTO_BYTES;
pub use store::{NotKept, PICTURES_FOLDER, Store, StoreLimits};

/// From the first question to the end of looking for a picture.
pub const FETCH_DEADLINE: Duration = Duration::from_secs(8);

/// Pictures looked for at once; others wait their turn within [`FETCH_DEADLINE`].
pub const MAX_FETCHES: usize = 16;

/// Peers asked at once for one picture.
pub const PEERS_AT_ONCE: usize = 3;

/// Peers asked for one picture, from the likeliest.
pub const MAX_PEERS_ASKED: usize = 64;

/// For how long a picture that nobody had is not asked for again.
pub const MISS_KEPT: Duration = Duration::from_secs(15);

/// Misses that are remembered.
pub const MAX_MISSES: usize = 4_096;

/// Pictures that are kept in memory as pages show them; the one not asked for longest goes.
pub const MAX_SMALL_KEPT: usize = 256;

/// How long a picture waits until another one has been scaled; there is one at a time, as each may
/// take much memory.
pub const SCALING_WAIT: Duration = Duration::from_secs(8);

/// The pictures of a node. Clones are the same.
#[derive(Clone)]
pub struct Pictures(Arc<Shared>);

struct Shared {
    store: Arc<Store>,
    net: OnceLock<NetHandle>,
    fetches: Semaphore,
    /// One lock for each picture that is being looked for: who comes later waits for the first.
    looking: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
    missing: Mutex<HashMap<Digest, Instant>>,
    /// One turn for all that scale.
    scaling: Semaphore,
    small: Mutex<HashMap<Digest, Small>>,
}

/// A picture as pages show it.
struct Small {
    /// Nothing when it cannot be decoded.
    picture: Option<(Shape, Arc<Vec<u8>>)>,
    used: Instant,
}

impl Pictures {
    /// The pictures in the data folder `dir`.
    ///
    /// # Errors
    /// [`Fault`] when the folder cannot be opened.
    pub fn open(dir: &Path, limits: StoreLimits) -> Result<Pictures, Fault> {
        Ok(Pictures(Arc::new(Shared {
            store: Arc::new(Store::open(dir, limits)?),
            net: OnceLock::new(),
            fetches: Semaphore::new(MAX_FETCHES),
            looking: Mutex::default(),
            missing: Mutex::default(),
            scaling: Semaphore::new(1),
            small: Mutex::default(),
        })))
    }

    /// The folder.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.0.store)
    }

    /// What peers may have.
    #[must_use]
    pub fn source(&self) -> FileSource {
        let store = self.store();
        FileSource::new(move |digest| store.read(digest))
    }

    /// From now on peers can be asked.
    pub fn attach(&self, net: NetHandle) {
        // A second handle would be of the same network; the first one stays.
        let _ = self.0.net.set(net);
    }

    /// The picture with this digest when it is in the folder.
    pub async fn here(&self, digest: Digest) -> Option<(Shape, Vec<u8>)> {
        let store = self.store();
        let read = tokio::task::spawn_blocking(move || store.read(&digest)).await;
        let bytes = read.ok().flatten()?;
        Some((image::shape(&bytes).ok()?, bytes))
    }

    /// The picture with this digest, from the folder or else from one of these peers, which are
    /// asked in this order.
    pub async fn find(&self, digest: Digest, peers: Vec<PublicKey>) -> Option<(Shape, Vec<u8>)> {
        if let Some(found) = self.here(digest).await {
            return Some(found);
        }
        let lately = |since: &Instant| since.elapsed() < MISS_KEPT;
        if peers.is_empty() || self.missing().get(&digest).is_some_and(lately) {
            return None;
        }
        let found = tokio::time::timeout(FETCH_DEADLINE, self.look(digest, peers)).await;
        self.looking().retain(|_, lock| Arc::strong_count(lock) > 1);
        let found = found.ok().flatten();
        if found.is_none() {
            let mut missing = self.missing();
            missing.retain(|_, since| lately(since));
            if missing.len() < MAX_MISSES {
                missing.insert(digest, Instant::now());
            }
        }
        found
    }

    /// A photograph that was sent, as it is kept: smaller when it is too large.
    ///
    /// # Errors
    /// [`NoPicture`] when it cannot be read; `None` when others are being worked on.
    pub async fn to_keep(
        &self,
        bytes: Vec<u8>,
        shape: Shape,
    ) -> Option<Result<(Shape, Vec<u8>), NoPicture>> {
        if scale::is_kept_as_it_is(&bytes, shape) {
            return Some(Ok((shape, bytes)));
        }
        self.scaled(move || scale::for_keeping(&bytes, shape)).await
    }

    /// A picture as pages show it; `None` when it cannot be decoded, or others are being worked on.
    pub async fn small(
        &self,
        digest: Digest,
        shape: Shape,
        bytes: Vec<u8>,
    ) -> Option<(Shape, Arc<Vec<u8>>)> {
        if let Some(known) = self.small_here(&digest) {
            return known;
        }
        let fits = bytes.len() <= scale::MAX_SMALL_BYTES;
        let picture = match fits && shape.width.max(shape.height) <= scale::SMALL_SIDE {
            true => Some((shape, bytes)),
            false => self.scaled(move || scale::for_page(&bytes, shape)).await?.ok(),
        };
        let picture = picture.map(|(shape, bytes)| (shape, Arc::new(bytes)));
        let mut small = self.0.small.lock().expect("nobody panics while holding the lock");
        while small.len() >= MAX_SMALL_KEPT {
            let oldest = small.iter().min_by_key(|(_, one)| one.used).map(|(digest, _)| *digest);
            oldest.and_then(|oldest| small.remove(&oldest));
        }
        small.insert(digest, Small { picture: picture.clone(), used: Instant::now() });
        picture
    }

    /// What is known of a picture as pages show it.
    #[allow(clippy::option_option, reason = "not known, or known to be none")]
    fn small_here(&self, digest: &Digest) -> Option<Option<(Shape, Arc<Vec<u8>>)>> {
        let mut small = self.0.small.lock().expect("nobody panics while holding the lock");
        let known = small.get_mut(digest)?;
        known.used = Instant::now();
        Some(known.picture.clone())
    }

    async fn scaled(
        &self,
        work: impl FnOnce() -> Result<Vec<u8>, NoPicture> + Send + 'static,
    ) -> Option<Result<(Shape, Vec<u8>), NoPicture>> {
        let turn = tokio::time::timeout(SCALING_WAIT, self.0.scaling.acquire()).await;
        let _turn = turn.ok()?.ok()?;
        let done = tokio::task::spawn_blocking(move || {
            let bytes = work()?;
            Ok((image::shape(&bytes)?, bytes))
        });
        done.await.ok()
    }

    async fn look(&self, digest: Digest, peers: Vec<PublicKey>) -> Option<(Shape, Vec<u8>)> {
        let lock = Arc::clone(self.looking().entry(digest).or_default());
        let _turn = lock.lock().await;
        if let Some(found) = self.here(digest).await {
            return Some(found);
        }
        let _place = self.0.fetches.acquire().await.ok()?;
        let net = self.0.net.get()?.clone();
        let asked = peers.into_iter().take(MAX_PEERS_ASKED);
        let answers = asked.map(|peer| ask(net.clone(), peer, digest));
        let answers = futures::stream::iter(answers).buffer_unordered(PEERS_AT_ONCE);
        let mut found = std::pin::pin!(answers.filter_map(|answer| async { answer }));
        let (shape, bytes) = found.next().await?;
        let store = self.store();
        let kept = tokio::task::spawn_blocking(move || {
            let kept = store.cache(digest, &bytes);
            (kept, bytes)
        });
        let (kept, bytes) = kept.await.ok()?;
        if let Err(error) = kept {
            tracing::warn!(picture = %digest, %error, "a picture of a peer is not kept");
        }
        Some((shape, bytes))
    }

    fn looking(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Arc<tokio::sync::Mutex<()>>>> {
        self.0.looking.lock().expect("nobody panics while holding the lock")
    }

    fn missing(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Instant>> {
        self.0.missing.lock().expect("nobody panics while holding the lock")
    }
}

/// What a peer gives, if it is what was asked for.
async fn ask(net: NetHandle, peer: PublicKey, digest: Digest) -> Option<(Shape, Vec<u8>)> {
    let bytes = match net.file(peer, digest).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) | Err(RequestFailure::NotConnected) => return None,
        Err(failure) => {
            tracing::debug!(%peer, picture = %digest, %failure, "a peer gave no picture");
            return None;
        }
    };
    if Digest::of_file(&bytes) != digest {
        tracing::warn!(%peer, picture = %digest, "a peer gave another picture than was asked for");
        return None;
    }
    let shape = image::shape(&bytes).ok()?;
    (bytes.len() <= MAX_PICTURE_BYTES).then_some((shape, bytes))
}

/// What is shown in the place of a picture that is not to be had: drawn here, with no script in it.
pub const PLACEHOLDER: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 90"
 width="240" height="180" role="img" aria-labelledby="t"><title id="t">No picture · 暂无图片</title>
<rect x="1" y="1" width="118" height="88" rx="6" fill="#f3f4f6" stroke="#9ca3af"/>
<path d="M60 22 84 33v24L60 68 36 57V33zM36 33l24 11 24-11M60 44v24" fill="none" stroke="#6b7280"
 stroke-width="2" stroke-linejoin="round"/></svg>
"##;
