//! Real swarms on loopback.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{PublicKey, SecretKey, Signer as _};
use tracehold_chain::units::ChainId;

use super::metrics::{Direction, Dropped};
use super::{
    FileSource, NetCommand, NetConfig, NetError, NetEvent, NetEvents, NetHandle, NetLimits,
    Network, RequestFailure, Topic, limits,
};
use crate::testing::PATIENCE;

struct Node {
    key: PublicKey,
    address: Multiaddr,
    handle: NetHandle,
    events: NetEvents,
    /// Events that a test passed over while it waited for another.
    seen: Vec<NetEvent>,
}

fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn key(number: u8) -> PublicKey {
    secret(number).public_key()
}

fn config(number: u8, members: &[u8]) -> NetConfig {
    NetConfig {
        key: secret(number),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        peers: Vec::new(),
        members: members.iter().map(|number| key(*number)).collect(),
        chain_id: ChainId::new("test").unwrap(),
        genesis_id: Digest([7; 32]),
        limits: NetLimits::default(),
        files: FileSource::default(),
    }
}

async fn start(config: NetConfig) -> Node {
    let key = config.key.public_key();
    let (handle, events) = Network::start(config, &mut Registry::default()).unwrap();
    let mut node = Node { key, address: Multiaddr::empty(), handle, events, seen: Vec::new() };
    let listening = node.wait(|event| matches!(event, NetEvent::Listening(_))).await;
    let NetEvent::Listening(address) = listening else { unreachable!() };
    node.address = address;
    node
}

/// Members `1..=count`, each told of those before it, all connected.
async fn network(count: u8, change: impl Fn(&mut NetConfig)) -> Vec<Node> {
    let members: Vec<u8> = (1..=count).collect();
    let mut nodes: Vec<Node> = Vec::new();
    for number in 1..=count {
        let mut config = config(number, &members);
        config.peers = nodes.iter().map(|node| (node.key, node.address.clone())).collect();
        change(&mut config);
        nodes.push(start(config).await);
    }
    for node in &mut nodes {
        for number in 1..=count {
            if key(number) != node.key {
                node.wait(|event| *event == NetEvent::PeerUp(key(number))).await;
            }
        }
    }
    nodes
}

impl Node {
    async fn send(&self, command: NetCommand) {
        self.handle.send(command).await.unwrap();
    }

    async fn wait(&mut self, wanted: impl Fn(&NetEvent) -> bool) -> NetEvent {
        if let Some(index) = self.seen.iter().position(&wanted) {
            return self.seen.remove(index);
        }
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if wanted(&event) {
                    return event;
                }
                self.seen.push(event);
            }
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(event) => event,
            Err(_) => panic!("{} waited in vain; it saw {:?}", self.key, self.seen),
        }
    }

    async fn gossip(&self, topic: Topic, bytes: &[u8]) {
        self.send(NetCommand::Broadcast { topic, bytes: bytes.to_vec() }).await;
    }

    async fn wait_gossip(&mut self, from: PublicKey, topic: Topic, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        let wanted = NetEvent::Gossip { from, topic, bytes };
        self.wait(|event| *event == wanted).await;
    }

    /// Waits until everything that the node behind `sender` said on `topic` is heard or dropped.
    async fn ready_to_count(&mut self, sender: &NetHandle, topic: Topic) {
        let bytes = b"the last word".to_vec();
        sender.send(NetCommand::Broadcast { topic, bytes: bytes.clone() }).await.unwrap();
        let last = |event: &NetEvent| {
            matches!(event, NetEvent::Gossip { topic: of, bytes: word, .. }
                if *of == topic && *word == bytes)
        };
        self.wait(last).await;
    }

    async fn ask(&mut self, to: PublicKey, id: u64, bytes: Vec<u8>) {
        self.send(NetCommand::Request { to, id, bytes }).await;
    }

    async fn wait_answer(&mut self, id: u64) -> Result<Vec<u8>, RequestFailure> {
        let wanted =
            |event: &NetEvent| matches!(event, NetEvent::Response { id: of, .. } if *of == id);
        let NetEvent::Response { result, .. } = self.wait(wanted).await else { unreachable!() };
        result
    }

    async fn wait_request(&mut self) -> (PublicKey, u64, Vec<u8>) {
        match self.wait(|event| matches!(event, NetEvent::Request { .. })).await {
            NetEvent::Request { from, id, bytes } => (from, id, bytes),
            _ => unreachable!(),
        }
    }

    async fn stop(mut self) {
        self.send(NetCommand::Stop).await;
        while self.events.recv().await.is_some() {}
    }
}

#[tokio::test]
async fn gossip_reaches_every_member_and_names_its_author() {
    let mut nodes = network(4, |_| {}).await;
    let large = vec![5; limits::MAX_GOSSIP_BYTES];
    nodes[0].gossip(Topic::Transactions, b"small").await;
    nodes[1].gossip(Topic::Consensus, &large).await;
    for (index, node) in nodes.iter_mut().enumerate() {
        if index != 0 {
            node.wait_gossip(key(1), Topic::Transactions, b"small").await;
        }
        if index != 1 {
            node.wait_gossip(key(2), Topic::Consensus, &large).await;
        }
    }
}

#[tokio::test]
async fn a_vote_said_again_is_heard_again_and_a_transaction_is_not() {
    let mut nodes = network(2, |_| {}).await;
    for _ in 0..2 {
        nodes[0].gossip(Topic::Transactions, b"tx").await;
        nodes[0].gossip(Topic::Consensus, b"vote").await;
    }
    let handle = nodes[0].handle.clone();
    let [_, hearer] = &mut nodes[..] else { unreachable!() };
    for topic in [Topic::Transactions, Topic::Consensus] {
        hearer.ready_to_count(&handle, topic).await;
    }
    let heard = |topic| hearer.handle.metrics().messages(topic, Direction::In) - 1;
    assert_eq!(heard(Topic::Transactions), 1);
    assert_eq!(heard(Topic::Consensus), 2);
    assert_eq!(nodes[0].handle.metrics().dropped(Dropped::Repeated), 1);
}

#[tokio::test]
async fn without_a_link_between_two_members_a_third_helps_out() {
    // 1 and 3 know 2 only.
    let members = [1, 2, 3];
    let middle = start(config(2, &members)).await;
    let mut ends = Vec::new();
    for number in [1, 3] {
        let mut config = config(number, &members);
        config.peers = vec![(middle.key, middle.address.clone())];
        let mut node = start(config).await;
        node.wait(|event| *event == NetEvent::PeerUp(key(2))).await;
        ends.push(node);
    }
    ends[0].gossip(Topic::Transactions, b"roundabout").await;
    ends[1].wait_gossip(key(1), Topic::Transactions, b"roundabout").await;
}

#[tokio::test]
async fn a_larger_network_passes_messages_on() {
    let count = limits::SMALL_NETWORK + 4;
    let mut nodes = network(u8::try_from(count).unwrap(), |_| {}).await;
    for (number, topic) in [(0, Topic::Consensus), (count - 1, Topic::Transactions)] {
        nodes[number].gossip(topic, b"word").await;
        let author = nodes[number].key;
        for (index, node) in nodes.iter_mut().enumerate() {
            if index != number {
                node.wait_gossip(author, topic, b"word").await;
            }
        }
    }
}

#[tokio::test]
async fn every_request_is_answered_once_up_to_the_limits() {
    let mut nodes = network(2, |_| {}).await;
    let [asker, answerer] = &mut nodes[..] else { unreachable!() };
    // Empty and largest.
    for (id, size, answer) in
        [(1, 0, 0), (2, limits::MAX_REQUEST_BYTES, limits::MAX_RESPONSE_BYTES)]
    {
        asker.ask(key(2), id, vec![1; size]).await;
        let (from, number, bytes) = answerer.wait_request().await;
        assert_eq!((from, bytes.len()), (key(1), size));
        answerer.send(NetCommand::Respond { id: number, bytes: vec![2; answer] }).await;
        assert_eq!(asker.wait_answer(id).await, Ok(vec![2; answer]));
    }
    // Many at once, answered in the opposite order.
    for id in 10..20 {
        asker.ask(key(2), id, vec![u8::try_from(id).unwrap()]).await;
    }
    let mut asked = Vec::new();
    for _ in 10..20 {
        asked.push(answerer.wait_request().await);
    }
    for (_, id, bytes) in asked.into_iter().rev() {
        answerer.send(NetCommand::Respond { id, bytes }).await;
    }
    for id in 10..20 {
        assert_eq!(asker.wait_answer(id).await, Ok(vec![u8::try_from(id).unwrap()]));
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_answered_says_why() {
    let mut nodes = network(2, |_| {}).await;
    let [asker, answerer] = &mut nodes[..] else { unreachable!() };
    asker.ask(key(9), 1, vec![1]).await;
    assert_eq!(asker.wait_answer(1).await, Err(RequestFailure::NotConnected));
    asker.ask(key(2), 2, vec![1; limits::MAX_REQUEST_BYTES + 1]).await;
    assert_eq!(asker.wait_answer(2).await, Err(RequestFailure::TooLarge));
    asker.ask(key(2), 3, vec![1]).await;
    let (_, id, _) = answerer.wait_request().await;
    let bytes = vec![0; limits::MAX_RESPONSE_BYTES + 1];
    answerer.send(NetCommand::Respond { id, bytes }).await;
    assert_eq!(asker.wait_answer(3).await, Err(RequestFailure::Refused));
    // More than may wait are refused at once; those that wait fail when the peer stops.
    let most = u64::try_from(limits::MAX_REQUESTS_PER_PEER).unwrap();
    for id in 100..=100 + most {
        asker.ask(key(2), id, vec![1]).await;
    }
    assert_eq!(asker.wait_answer(100 + most).await, Err(RequestFailure::Busy));
    answerer.wait_request().await;
    nodes.pop().unwrap().stop().await;
    for id in 100..100 + most {
        assert!(nodes[0].wait_answer(id).await.is_err());
    }
}

#[tokio::test]
async fn a_restarted_peer_is_found_again_whoever_starts_first() {
    let mut nodes = network(4, |_| {}).await;
    // Node 1 was told of nobody: the others must call it again.
    let first = nodes.remove(0);
    let address = first.address.clone();
    first.stop().await;
    for node in &mut nodes {
        node.wait(|event| *event == NetEvent::PeerDown(key(1))).await;
    }
    let mut again = config(1, &[1, 2, 3, 4]);
    again.listen = vec![address];
    let mut again = start(again).await;
    for number in 2..=4 {
        again.wait(|event| *event == NetEvent::PeerUp(key(number))).await;
    }
    for node in &mut nodes {
        node.wait(|event| *event == NetEvent::PeerUp(key(1))).await;
    }
    again.gossip(Topic::Consensus, b"back").await;
    for node in &mut nodes {
        node.wait_gossip(key(1), Topic::Consensus, b"back").await;
    }
}

#[tokio::test]
async fn a_removed_member_is_cut_off_and_a_new_one_let_in() {
    let mut nodes = network(3, |_| {}).await;
    let without: BTreeSet<PublicKey> = [1, 2].map(key).into();
    for node in &nodes[..2] {
        node.send(NetCommand::SetMembers(without.clone())).await;
    }
    for node in &mut nodes[..2] {
        node.wait(|event| *event == NetEvent::PeerDown(key(3))).await;
    }
    for number in [1, 2] {
        nodes[2].wait(|event| *event == NetEvent::PeerDown(key(number))).await;
    }
    // It calls in vain.
    let begun = Instant::now();
    while nodes[0].handle.metrics().strangers_refused() == 0 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nodes[2].gossip(Topic::Consensus, b"unheard").await;
    nodes[1].gossip(Topic::Consensus, b"heard").await;
    nodes[0].wait_gossip(key(2), Topic::Consensus, b"heard").await;
    assert!(nodes[0].seen.iter().all(|event| !matches!(event, NetEvent::Gossip { .. })));
    let with: BTreeSet<PublicKey> = [1, 2, 3].map(key).into();
    for node in &nodes[..2] {
        node.send(NetCommand::SetMembers(with.clone())).await;
    }
    nodes[0].wait(|event| *event == NetEvent::PeerUp(key(3))).await;
}

#[tokio::test]
async fn networks_of_another_genesis_do_not_hear_each_other() {
    let mut one = start(config(1, &[1, 2])).await;
    let mut other = config(2, &[1, 2]);
    other.genesis_id = Digest([8; 32]);
    other.peers = vec![(one.key, one.address.clone())];
    let mut other = start(other).await;
    let wait = async {
        tokio::select! {
            event = one.wait(|event| matches!(event, NetEvent::PeerUp(_))) => event,
            event = other.wait(|event| matches!(event, NetEvent::PeerUp(_))) => event,
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(2), wait).await.is_err());
    other.gossip(Topic::Consensus, b"elsewhere").await;
    other.ask(key(1), 1, b"elsewhere".to_vec()).await;
    assert_eq!(other.wait_answer(1).await, Err(RequestFailure::Refused));
    assert!(one.seen.is_empty());
}

#[tokio::test]
async fn a_member_that_floods_is_heard_to_its_share_only() {
    let share = 100_000;
    let mut nodes = network(2, |config| config.limits.transaction_bytes_per_second = share).await;
    let begun = Instant::now();
    for number in 0_u32..100 {
        let mut bytes = vec![0; 10_000];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        nodes[0].gossip(Topic::Transactions, &bytes).await;
    }
    let metrics = nodes[1].handle.metrics().clone();
    let heard = || metrics.messages(Topic::Transactions, Direction::In);
    while heard() + metrics.dropped(Dropped::AuthorLimit) < 100 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let most = 10 + 10 * (begun.elapsed().as_secs() + 1);
    assert!((10..=most).contains(&heard()), "{} of at most {most}", heard());
    // It can still vote.
    nodes[0].gossip(Topic::Consensus, b"vote").await;
    nodes[1].wait_gossip(key(1), Topic::Consensus, b"vote").await;
}

#[tokio::test]
async fn a_vote_does_not_wait_behind_transactions() {
    let mut nodes = network(2, |config| {
        config.limits.inbound_bytes_per_second = 2_000_000;
        config.limits.inbound_burst_bytes = 100_000;
    })
    .await;
    for number in 0_u8..60 {
        nodes[0].gossip(Topic::Transactions, &vec![number; 100_000]).await;
    }
    nodes[0].gossip(Topic::Consensus, b"vote").await;
    nodes[1].wait_gossip(key(1), Topic::Consensus, b"vote").await;
    let heard = nodes[1].handle.metrics().messages(Topic::Transactions, Direction::In);
    assert!(heard < 30, "the vote waited for {heard} of 60 transactions");
}

#[tokio::test]
async fn a_connection_is_read_no_faster_than_its_share() {
    let rate = 1_000_000;
    let mut nodes = network(2, |config| {
        config.limits.inbound_bytes_per_second = rate;
        config.limits.inbound_burst_bytes = 100_000;
    })
    .await;
    let begun = Instant::now();
    nodes[0].gossip(Topic::Consensus, &vec![1; 2_000_000]).await;
    nodes[1].wait(|event| matches!(event, NetEvent::Gossip { .. })).await;
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_millis(1_500), "{elapsed:?}");
}

#[tokio::test]
async fn a_node_that_does_not_listen_to_its_network_does_not_stop_it() {
    let mut nodes = network(3, |config| config.limits.event_queue = 40).await;
    // Node 1 takes no events; node 3 hears all.
    for number in 0_u32..200 {
        nodes[1].gossip(Topic::Transactions, &number.to_be_bytes()).await;
        nodes[2].wait_gossip(key(2), Topic::Transactions, &number.to_be_bytes()).await;
    }
    nodes[2].ask(key(1), 1, b"still there?".to_vec()).await;
    let (_, id, bytes) = nodes[0].wait_request().await;
    nodes[0].send(NetCommand::Respond { id, bytes }).await;
    assert!(nodes[2].wait_answer(1).await.is_ok());
    assert!(nodes[0].handle.metrics().dropped(Dropped::SlowConsumer) > 0);
}

#[tokio::test]
async fn a_silent_link_is_given_up_and_taken_up_again() {
    let quick = |config: &mut NetConfig| {
        config.limits.ping_interval = Duration::from_millis(200);
        config.limits.ping_timeout = Duration::from_secs(1);
    };
    let mut far = config(2, &[1, 2]);
    quick(&mut far);
    let mut far = start(far).await;
    let (link, through) = Link::to(&far.address).await;
    let mut near = config(1, &[1, 2]);
    quick(&mut near);
    near.peers = vec![(key(2), through)];
    let mut near = start(near).await;
    near.wait(|event| *event == NetEvent::PeerUp(key(2))).await;
    link.send(false).unwrap();
    near.wait(|event| *event == NetEvent::PeerDown(key(2))).await;
    far.wait(|event| *event == NetEvent::PeerDown(key(1))).await;
    link.send(true).unwrap();
    near.wait(|event| *event == NetEvent::PeerUp(key(2))).await;
}

/// A link that can be made silent: sockets stay open and carry nothing.
struct Link;

impl Link {
    async fn to(address: &Multiaddr) -> (watch::Sender<bool>, Multiaddr) {
        let Some(Protocol::Tcp(port)) = address.iter().nth(1) else { panic!("a TCP address") };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let (switch, open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                tokio::spawn(carry(near_in, far_out, open.clone()));
                tokio::spawn(carry(far_in, near_out, open.clone()));
            }
        });
        (switch, format!("/ip4/127.0.0.1/tcp/{here}").parse().unwrap())
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut buffer = [0; 4096];
    while let Ok(read) = from.read(&mut buffer).await {
        let silent = open.wait_for(|open| *open).await.is_err();
        if silent || read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_address_in_use_is_told_at_the_start() {
    let node = start(config(1, &[1, 2])).await;
    let mut second = config(2, &[1, 2]);
    second.listen = vec![node.address.clone()];
    let refused = Network::start(second, &mut Registry::default());
    assert!(matches!(refused, Err(NetError::Listen { address, .. }) if address == node.address));
    assert!(node.address.iter().any(|part| matches!(part, Protocol::Tcp(port) if port != 0)));
}

/// Not a test of a promise but the measurement behind the choice of no mesh for small networks:
/// `cargo test -p tracehold-node --release net::tests::measure -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_latency_and_bytes_of_gossip() {
    for (what, small_network) in [("direct", 16), ("mesh", 0)] {
        let mut nodes = network(4, |config| config.limits.small_network = small_network).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        for size in [200, 50_000, 1_000_000] {
            let before = traffic(&nodes);
            let rounds = 100;
            let mut times = Vec::new();
            for round in 0..rounds {
                let mut bytes = vec![u8::try_from(round).unwrap(); size];
                bytes[..8].copy_from_slice(&u64::try_from(size).unwrap().to_be_bytes());
                let begun = Instant::now();
                nodes[0].gossip(Topic::Transactions, &bytes).await;
                for node in &mut nodes[1..] {
                    node.wait_gossip(key(1), Topic::Transactions, &bytes).await;
                }
                times.push(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            times.sort();
            let bytes = (traffic(&nodes) - before) / rounds;
            let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
            println!("{what} {size} B: p50 {p50:?} p99 {p99:?}, {bytes} B on the wires a message");
        }
    }
}

fn traffic(nodes: &[Node]) -> u64 {
    nodes.iter().map(|node| node.handle.metrics().bytes(Direction::Out)).sum()
}
