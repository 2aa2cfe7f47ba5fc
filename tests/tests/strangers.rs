//! Whoever is not a member cannot connect, ask, or be heard, whatever it speaks.
//!
//! The strangers here know everything but a member's key: the address, the network's name and
//! genesis, every topic and protocol name.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod in_process;

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use in_process::Cluster;
use libp2p::gossipsub::{self, MessageAuthenticity};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder, identify, noise, ping, tcp, yamux};
use tracehold_chain::codec;
use tracehold_chain::consensus::message::Request;
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{PublicKey, SecretKey, Signer as _};
use tracehold_chain::units::{ChainId, Height};
use tracehold_node::net::names::{self, Names};
use tracehold_node::net::requests::Codec;
use tracehold_node::net::{
    FileSource, NetCommand, NetConfig, NetEvent, NetEvents, NetHandle, NetLimits, Network,
    Registry, Topic,
};

/// Nothing that should happen takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a stranger keeps trying.
const PERSISTENCE: Duration = Duration::from_secs(3);

fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn key(number: u8) -> PublicKey {
    secret(number).public_key()
}

fn chain_id() -> ChainId {
    ChainId::new("strangers").expect("a name")
}

fn names() -> Names {
    Names::new(&chain_id(), &GENESIS)
}

const GENESIS: Digest = Digest([3; 32]);

/// A file that the node has for its peers.
const PICTURE: &[u8] = b"what the digest stands for";

/// A member's node with what it heard.
struct Node {
    address: Multiaddr,
    handle: NetHandle,
    events: NetEvents,
    seen: Vec<NetEvent>,
}

/// Starts member `number` of two, 1 and 2.
async fn member(number: u8, peers: Vec<(PublicKey, Multiaddr)>) -> Node {
    let config = NetConfig {
        key: secret(number),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        peers,
        members: BTreeSet::from([key(1), key(2)]),
        chain_id: chain_id(),
        genesis_id: GENESIS,
        limits: NetLimits::default(),
        files: FileSource::new(|digest| {
            (*digest == Digest::of_file(PICTURE)).then(|| PICTURE.to_vec())
        }),
    };
    let (handle, events) = Network::start(config, &mut Registry::default()).unwrap();
    let mut node = Node { address: Multiaddr::empty(), handle, events, seen: Vec::new() };
    if let NetEvent::Listening(address) =
        node.wait(|event| matches!(event, NetEvent::Listening(_))).await
    {
        node.address = address;
    }
    node
}

impl Node {
    async fn wait(&mut self, wanted: impl Fn(&NetEvent) -> bool) -> NetEvent {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if wanted(&event) {
                    return event;
                }
                self.seen.push(event);
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("it happens")
    }

    async fn say(&self, bytes: &[u8]) {
        let (topic, bytes) = (Topic::Consensus, bytes.to_vec());
        self.handle.send(NetCommand::Broadcast { topic, bytes }).await.unwrap();
    }

    /// Everything this node was told until now, none of it a stranger's.
    fn assert_heard_nobody(&mut self) {
        while let Some(event) = self.events.try_recv() {
            self.seen.push(event);
        }
        assert_eq!(self.seen, [], "the node heard a stranger");
    }
}

/// The node still does its work: another member connects to it, and they hear each other.
async fn assert_unaffected(node: &mut Node) {
    let mut other = member(2, vec![(key(1), node.address.clone())]).await;
    other.wait(|event| *event == NetEvent::PeerUp(key(1))).await;
    node.wait(|event| *event == NetEvent::PeerUp(key(2))).await;
    other.say(b"hello").await;
    let hello =
        NetEvent::Gossip { from: key(2), topic: Topic::Consensus, bytes: b"hello".to_vec() };
    node.wait(|event| *event == hello).await;
    other.handle.send(NetCommand::Request { to: key(1), id: 7, bytes: vec![1] }).await.unwrap();
    let asked = node.wait(|event| matches!(event, NetEvent::Request { .. })).await;
    let NetEvent::Request { id, .. } = asked else { unreachable!() };
    node.handle.send(NetCommand::Respond { id, bytes: vec![2] }).await.unwrap();
    let answer = NetEvent::Response { id: 7, result: Ok(vec![2]) };
    other.wait(|event| *event == answer).await;
}

#[derive(NetworkBehaviour)]
struct EveryProtocol {
    consensus: gossipsub::Behaviour,
    status: gossipsub::Behaviour,
    transactions: gossipsub::Behaviour,
    requests: request_response::Behaviour<Codec>,
    files: request_response::Behaviour<Codec>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// A swarm that speaks every protocol of the network, known by `identity` and signing its gossip
/// with `author`.
fn swarm(names: &Names, identity: &Keypair, author: &Keypair) -> Swarm<EveryProtocol> {
    let stack = EveryProtocol {
        consensus: gossip(names, Topic::Consensus, author),
        status: gossip(names, Topic::Status, author),
        transactions: gossip(names, Topic::Transactions, author),
        requests: request_response::Behaviour::with_codec(
            Codec::REQUESTS,
            [(names.request_protocol(), ProtocolSupport::Full)],
            request_response::Config::default(),
        ),
        files: request_response::Behaviour::with_codec(
            Codec::FILES,
            [(names.file_protocol(), ProtocolSupport::Full)],
            request_response::Config::default(),
        ),
        identify: identify::Behaviour::new(identify::Config::new(
            "/tracehold".into(),
            identity.public(),
        )),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_millis(50))),
    };
    SwarmBuilder::with_existing_identity(identity.clone())
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| stack)
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
        .build()
}

fn gossip(names: &Names, topic: Topic, author: &Keypair) -> gossipsub::Behaviour {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id(names.gossip_protocol(topic), gossipsub::Version::V1_1)
        .heartbeat_initial_delay(Duration::from_millis(50))
        .heartbeat_interval(Duration::from_millis(50))
        .build()
        .unwrap();
    let author = MessageAuthenticity::Signed(author.clone());
    let mut gossip = gossipsub::Behaviour::new(author, config).unwrap();
    gossip.subscribe(&names.topic(topic)).unwrap();
    gossip
}

/// What a stranger got out of a node.
#[derive(Debug, Default, PartialEq, Eq)]
struct Gains {
    subscriptions_seen: usize,
    messages_heard: usize,
    answers: usize,
    files: usize,
    identities: usize,
    pings: usize,
    published: usize,
}

/// Calls `address` again and again, asks and publishes at every opportunity.
async fn intrude(mut swarm: Swarm<EveryProtocol>, address: &Multiaddr) -> (Gains, usize) {
    intrude_on(&mut swarm, &names(), &key(1), address, b"give me blocks").await
}

/// Calls the node with this key at `address` again and again, asks it `question` and publishes at
/// every opportunity.
async fn intrude_on(
    swarm: &mut Swarm<EveryProtocol>,
    names: &Names,
    node: &PublicKey,
    address: &Multiaddr,
    question: &[u8],
) -> (Gains, usize) {
    let (mut gains, mut connections) = (Gains::default(), 0);
    let node = names::peer_id(node).unwrap();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let end = tokio::time::sleep(PERSISTENCE);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return (gains, connections),
            _ = tick.tick() => {
                if !swarm.is_connected(&node) {
                    let _ = swarm.dial(address.clone());
                }
                swarm.behaviour_mut().requests.send_request(&node, question.to_vec());
                let digest = Digest::of_file(PICTURE).as_bytes().to_vec();
                swarm.behaviour_mut().files.send_request(&node, digest);
                for topic in Topic::ALL {
                    let said = format!("said {connections} {}", gains.published);
                    let stack = swarm.behaviour_mut();
                    let gossip = match topic {
                        Topic::Consensus => &mut stack.consensus,
                        Topic::Status => &mut stack.status,
                        Topic::Transactions => &mut stack.transactions,
                    };
                    let published = gossip.publish(names.topic(topic), said);
                    gains.published += usize::from(published.is_ok());
                }
            }
            event = swarm.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { .. } => connections += 1,
                SwarmEvent::Behaviour(event) => count(event, &mut gains),
                _ => {}
            },
        }
    }
}

fn count(event: EveryProtocolEvent, gains: &mut Gains) {
    use request_response::{Event, Message};
    match event {
        EveryProtocolEvent::Consensus(event)
        | EveryProtocolEvent::Status(event)
        | EveryProtocolEvent::Transactions(event) => match event {
            gossipsub::Event::Subscribed { .. } => gains.subscriptions_seen += 1,
            gossipsub::Event::Message { .. } => gains.messages_heard += 1,
            _ => {}
        },
        EveryProtocolEvent::Requests(Event::Message {
            message: Message::Response { .. }, ..
        }) => gains.answers += 1,
        EveryProtocolEvent::Files(Event::Message {
            message: Message::Response { response, .. },
            ..
        }) => gains.files += usize::from(response == PICTURE),
        EveryProtocolEvent::Identify(identify::Event::Received { .. }) => gains.identities += 1,
        EveryProtocolEvent::Ping(ping::Event { result: Ok(_), .. }) => gains.pings += 1,
        _ => {}
    }
}

#[tokio::test]
async fn a_stranger_that_speaks_every_protocol_gets_nothing_and_is_not_heard() {
    let mut node = member(1, Vec::new()).await;
    let stranger = Keypair::generate_ed25519();
    let (gains, connections) = intrude(swarm(&names(), &stranger, &stranger), &node.address).await;
    assert!(connections > 1, "it was let as far as proving its key, and then cut off each time");
    assert_eq!(gains, Gains::default());
    assert!(node.handle.metrics().strangers_refused() > 1);
    node.assert_heard_nobody();
    assert_unaffected(&mut node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_sync_from_a_working_network() {
    let mut cluster = Cluster::start(4).await;
    cluster.record(0).await.unwrap();
    let names = Names::new(&cluster.genesis.chain_id, &cluster.genesis.id().0);
    let question = codec::encode(&Request::Decided { from: Height(1) });
    let stranger = Keypair::generate_ed25519();
    let mut outside = swarm(&names, &stranger, &stranger);
    let node = in_process::node_key(0).public_key();
    let address = cluster.address(0).clone();
    let (gains, connections) = intrude_on(&mut outside, &names, &node, &address, &question).await;
    assert!(connections > 1);
    assert_eq!(gains, Gains::default());
    cluster.record(0).await.unwrap();
    cluster.assert_agreed().await;
    // The same question from a member's key is answered: node 3 stops and another takes its place.
    cluster.stop_node(3).await;
    let insider = names::keypair(&in_process::node_key(3)).unwrap();
    let mut inside = swarm(&names, &insider, &insider);
    let (gains, _) = intrude_on(&mut inside, &names, &node, &address, &question).await;
    assert!(gains.answers > 0 && gains.messages_heard > 0, "{gains:?}");
    // What it published was garbage.
    cluster.record(1).await.unwrap();
    cluster.assert_agreed().await;
}

#[tokio::test]
async fn the_same_swarm_with_a_members_key_is_let_in() {
    // That the test above fails for its key, and not because it is badly made.
    let mut node = member(1, Vec::new()).await;
    let insider = names::keypair(&secret(2)).unwrap();
    let swarm = swarm(&names(), &insider, &insider);
    let address = node.address.clone();
    let intruding = tokio::spawn(async move { intrude(swarm, &address).await });
    node.wait(|event| *event == NetEvent::PeerUp(key(2))).await;
    node.wait(|event| matches!(event, NetEvent::Gossip { from, .. } if *from == key(2))).await;
    let asked = node.wait(|event| matches!(event, NetEvent::Request { .. })).await;
    let NetEvent::Request { id, .. } = asked else { unreachable!() };
    node.handle.send(NetCommand::Respond { id, bytes: vec![2] }).await.unwrap();
    let (gains, _) = intruding.await.unwrap();
    assert!(gains.answers > 0 && gains.published > 0 && gains.pings > 0, "{gains:?}");
    assert!(gains.files > 0, "{gains:?}");
    // Nodes do not tell what they are, even to members.
    assert_eq!(gains.identities, 0);
}

#[tokio::test]
async fn a_member_cannot_speak_for_a_stranger() {
    let mut node = member(1, Vec::new()).await;
    let insider = names::keypair(&secret(2)).unwrap();
    let (gains, _) =
        intrude(swarm(&names(), &insider, &Keypair::generate_ed25519()), &node.address).await;
    assert!(gains.published > 0, "the member is connected and passes on what a stranger signed");
    while let Some(event) = node.events.try_recv() {
        node.seen.push(event);
    }
    let gossip = node.seen.iter().filter(|event| matches!(event, NetEvent::Gossip { .. })).count();
    assert_eq!(gossip, 0);
}

#[tokio::test]
async fn a_stranger_at_a_members_address_is_not_taken_for_the_member() {
    let stranger = Keypair::generate_ed25519();
    let mut trap = swarm(&names(), &stranger, &stranger);
    trap.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = trap.select_next_some().await {
            break address;
        }
    };
    let mut node = member(1, vec![(key(2), address)]).await;
    let mut gains = Gains::default();
    let listen = async {
        loop {
            if let SwarmEvent::Behaviour(event) = trap.select_next_some().await {
                count(event, &mut gains);
            }
        }
    };
    assert!(tokio::time::timeout(PERSISTENCE, listen).await.is_err());
    assert_eq!(gains, Gains::default());
    node.assert_heard_nobody();
}

/// Opens streams of the network's own protocols and writes garbage.
#[derive(Clone)]
struct Garbage;

impl request_response::Codec for Garbage {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = ();

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
    ) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<()> {
        let mut answer = [0; 1024];
        while io.read(&mut answer).await? > 0 {}
        Ok(())
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        garbage: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&garbage).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        (): (),
    ) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn garbage_from_a_member_harms_nobody() {
    let mut node = member(1, Vec::new()).await;
    let insider = names::keypair(&secret(2)).unwrap();
    let mut protocols = Topic::ALL
        .map(|topic| StreamProtocol::try_from_owned(names().gossip_protocol(topic)).unwrap())
        .to_vec();
    protocols.push(names().request_protocol());
    for (round, protocol) in protocols.iter().cycle().take(12).enumerate() {
        let config = request_response::Config::default();
        let protocol = [(protocol.clone(), ProtocolSupport::Outbound)];
        let mut swarm = SwarmBuilder::with_existing_identity(insider.clone())
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| request_response::Behaviour::with_codec(Garbage, protocol, config))
            .unwrap()
            .build();
        let peer = names::peer_id(&key(1)).unwrap();
        swarm.add_peer_address(peer, node.address.clone());
        // Lengths that lie, endless varints, deep nesting, zeros.
        let byte = [0xff, 0x0a, 0x00][round / 4];
        for length in [1, 5, 4_096, 300_000] {
            swarm.behaviour_mut().send_request(&peer, vec![byte; length]);
        }
        let speak = async {
            loop {
                swarm.select_next_some().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(500), speak).await.is_err());
    }
    while let Some(event) = node.events.try_recv() {
        node.seen.push(event);
    }
    let heard = |event: &NetEvent| matches!(event, NetEvent::Gossip { .. });
    assert!(!node.seen.iter().any(heard), "{:?}", node.seen);
    assert_unaffected(&mut node).await;
}

fn socket(address: &Multiaddr) -> TcpStream {
    let mut parts = address.iter();
    let (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) = (parts.next(), parts.next()) else {
        panic!("an address of IPv4 and TCP: {address}")
    };
    let socket = TcpStream::connect((ip, port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// What the node sends back until it closes the connection.
fn answer(mut socket: TcpStream, garbage: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    // The node may close while it is still being written to.
    let _ = socket.write_all(garbage);
    let _ = socket.read_to_end(&mut answer);
    answer
}

#[tokio::test]
async fn garbage_on_the_port_harms_nobody() {
    let mut node = member(1, Vec::new()).await;
    let address = node.address.clone();
    let speak = move || {
        let multistream = b"\x13/multistream/1.0.0\n";
        let noise = b"\x07/noise\n";
        let long_length = [multistream.as_slice(), noise, &[0xff; 70_000]].concat();
        let no_handshake = [multistream.as_slice(), noise, &[0, 0, 0, 5, 1, 2, 3, 4, 5]].concat();
        let http = b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
        let plain_yamux = [multistream.as_slice(), b"\x0d/yamux/1.0.0\n"].concat();
        let endless = vec![0xff; 1_000_000];
        for garbage in [http, endless, long_length, no_handshake, plain_yamux, vec![0; 4096]] {
            let answer = answer(socket(&address), &garbage);
            assert!(answer.len() < 1_000, "it was told {} bytes", answer.len());
        }
    };
    tokio::task::spawn_blocking(speak).await.unwrap();
    node.assert_heard_nobody();
    assert_unaffected(&mut node).await;
}

#[tokio::test]
async fn silent_callers_do_not_keep_members_out() {
    let mut node = member(1, Vec::new()).await;
    let address = node.address.clone();
    let open = move || (0..300).map(|_| socket(&address)).collect::<Vec<_>>();
    let silent = tokio::task::spawn_blocking(open).await.unwrap();
    assert_unaffected(&mut node).await;
    drop(silent);
}
