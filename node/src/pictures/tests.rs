//! Looking for pictures among real peers.

use std::collections::BTreeSet;

use libp2p::Multiaddr;
use prometheus_client::registry::Registry;
use tracehold_chain::keys::{SecretKey, Signer as _};
use tracehold_chain::units::ChainId;

use super::image::some_png;
use super::*;
use crate::net::{NetConfig, NetEvent, NetEvents, NetLimits, Network, limits};
use crate::testing::PATIENCE;

const ROOM: StoreLimits = StoreLimits { uploaded_bytes: 10_000_000, cached_bytes: 10_000_000 };

fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn key(number: u8) -> PublicKey {
    secret(number).public_key()
}

/// A peer that gives what `source` says for as long as it is held.
struct Peer {
    handle: NetHandle,
    address: Multiaddr,
    events: NetEvents,
}

async fn peer(number: u8, peers: &[&Peer], files: FileSource) -> Peer {
    let config = NetConfig {
        key: secret(number),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        peers: (2..).map(key).zip(peers.iter().map(|peer| peer.address.clone())).collect(),
        members: (1..=9).map(key).collect::<BTreeSet<_>>(),
        chain_id: ChainId::new("pictures").unwrap(),
        genesis_id: Digest([3; 32]),
        limits: NetLimits::default(),
        files,
    };
    let (handle, mut events) = Network::start(config, &mut Registry::default()).unwrap();
    let Some(NetEvent::Listening(address)) = events.recv().await else { panic!("it listens") };
    Peer { handle, address, events }
}

/// Peers 2, 3 … with these files, and peer 1 that is connected with all of them.
async fn network(sources: Vec<FileSource>) -> (Peer, Vec<Peer>) {
    let mut others = Vec::new();
    for (number, source) in (2..).zip(sources) {
        others.push(peer(number, &[], source).await);
    }
    let known: Vec<&Peer> = others.iter().collect();
    let mut asker = peer(1, &known, FileSource::default()).await;
    let mut up = 0;
    while up < others.len() {
        let event = tokio::time::timeout(PATIENCE, asker.events.recv()).await;
        up += usize::from(matches!(event.unwrap(), Some(NetEvent::PeerUp(_))));
    }
    (asker, others)
}

fn gives(bytes: &[u8]) -> FileSource {
    let bytes = bytes.to_vec();
    FileSource::new(move |_| Some(bytes.clone()))
}

fn pictures(dir: &tempfile::TempDir, asker: &Peer) -> Pictures {
    let pictures = Pictures::open(dir.path(), ROOM).unwrap();
    pictures.attach(asker.handle.clone());
    pictures
}

/// Promise P33, P34: peers that lie, have nothing, are gone or say nothing do not matter as long as
/// one has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_found_at_whoever_really_has_it() {
    let picture = some_png(3, 4, b"right");
    let digest = Digest::of_file(&picture);
    let silent = FileSource::new(|_| {
        std::thread::sleep(Duration::from_secs(3));
        None
    });
    let liar = gives(&some_png(3, 4, b"wrong"));
    let sources = vec![liar, FileSource::default(), silent, gives(&picture)];
    let (asker, _others) = network(sources).await;
    let dir = tempfile::tempdir().unwrap();
    let pictures = pictures(&dir, &asker);
    let begun = Instant::now();
    let everybody: Vec<PublicKey> = (2..=9).map(key).collect();
    // Several want it at once.
    let finds = (0..5).map(|_| pictures.find(digest, everybody.clone()));
    for (shape, bytes) in futures::future::join_all(finds).await.into_iter().map(Option::unwrap) {
        assert_eq!((shape.format, shape.width, bytes == picture), (Format::Png, 3, true));
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // From now on it is here.
    assert_eq!(pictures.store().read(&digest).as_ref(), Some(&picture));
    assert_eq!(pictures.find(digest, Vec::new()).await.unwrap().1, picture);
}

/// Promise P33: the right digest of what is no picture is no picture either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_picture_is_not_given_out_whoever_keeps_it() {
    let page = b"<html><script>alert(1)</script></html>";
    let (asker, _others) = network(vec![gives(page)]).await;
    let dir = tempfile::tempdir().unwrap();
    let pictures = pictures(&dir, &asker);
    let digest = Digest::of_file(page);
    assert!(pictures.find(digest, vec![key(2)]).await.is_none());
    assert_eq!(pictures.store().bytes(), (0, 0));
}

/// Promise P34.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_has_is_not_asked_for_again_at_once() {
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let source = FileSource::new(move |_| {
        *counted.lock().unwrap() += 1;
        None
    });
    let (asker, _others) = network(vec![source]).await;
    let dir = tempfile::tempdir().unwrap();
    let pictures = pictures(&dir, &asker);
    for _ in 0..3 {
        assert!(pictures.find(Digest([7; 32]), vec![key(2)]).await.is_none());
    }
    assert_eq!(*asked.lock().unwrap(), 1);
}

/// Promise P17: what is asked and given has named limits, and who reaches one is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_travel_within_limits() {
    let largest = vec![1; limits::MAX_FILE_BYTES];
    let too_large = vec![1; limits::MAX_FILE_BYTES + 1];
    let slow = FileSource::new(|_| {
        std::thread::sleep(limits::FILE_TIMEOUT + Duration::from_secs(1));
        Some(vec![1])
    });
    let (asker, _others) = network(vec![gives(&largest), gives(&too_large), slow]).await;
    let ask = |to| asker.handle.file(key(to), Digest([1; 32]));
    assert_eq!(ask(2).await, Ok(Some(largest)));
    assert_eq!(ask(3).await, Ok(None), "it is not sent");
    assert_eq!(ask(9).await, Err(RequestFailure::NotConnected));
    let many = (0..=limits::MAX_FILE_REQUESTS_PER_PEER).map(|_| ask(4));
    let mut answers = futures::future::join_all(many).await;
    assert_eq!(answers.pop(), Some(Err(RequestFailure::Busy)), "one more than may wait");
    // Both ends give up after the same time: who is first decides which it is.
    let given_up = [Err(RequestFailure::Timeout), Err(RequestFailure::Refused)];
    assert!(answers.iter().all(|answer| given_up.contains(answer)), "{answers:?}");
}
