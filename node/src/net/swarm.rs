//! The task that joins the pieces: commands in, events out, one swarm between.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{self, MessageAcceptance, PublishError};
use libp2p::request_response::{
    self, InboundRequestId, OutboundFailure, OutboundRequestId, ResponseChannel,
};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{self, ListenError, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, ping};
use tokio::sync::{mpsc, oneshot};
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{PublicKey, Signer as _};

use super::gate::{Gate, Refused};
use super::gossip::{AuthorLimits, Said};
use super::metrics::{Direction, Dropped};
use super::names::{self, Names};
use super::outbox::Outbox;
use super::redial::Redial;
use super::{
    FileAsk, FileSource, NetCommand, NetConfig, NetError, NetEvent, NetMetrics, RequestFailure,
    Topic, gossip, limits, requests, resolve, transport,
};

/// A connection is kept although no protocol has anything to say: a hundred years.
const KEEP_CONNECTION: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// The stack. The order is the order in which a new connection is judged: the gate is first, and
/// no protocol below it hears of a stranger.
#[derive(NetworkBehaviour)]
struct Stack {
    gate: Gate,
    connections: connection_limits::Behaviour,
    ping: ping::Behaviour,
    consensus: gossip::Behaviour,
    status: gossip::Behaviour,
    requests: requests::Behaviour,
    transactions: gossip::Behaviour,
    files: requests::Behaviour,
}

impl Stack {
    fn gossip(&mut self, topic: Topic) -> &mut gossip::Behaviour {
        match topic {
            Topic::Consensus => &mut self.consensus,
            Topic::Status => &mut self.status,
            Topic::Transactions => &mut self.transactions,
        }
    }
}

/// A member's node with a connection.
struct Peer {
    since: Instant,
    hears: BTreeSet<Topic>,
}

impl Peer {
    fn is_up(&self) -> bool {
        self.hears.len() == Topic::ALL.len()
    }
}

/// What the task is told.
pub(super) struct Inbox {
    pub commands: mpsc::Receiver<NetCommand>,
    pub files: mpsc::Receiver<FileAsk>,
}

/// Files on their way, in both directions.
struct Files {
    source: FileSource,
    asks: mpsc::Receiver<FileAsk>,
    /// Own questions without an answer.
    asked: HashMap<OutboundRequestId, (PublicKey, FileAnswer)>,
    /// Peers' questions until the answer is sent.
    asking: HashMap<InboundRequestId, PublicKey>,
    /// Files that are being read for a peer.
    reading: FuturesUnordered<BoxFuture<'static, FileRead>>,
}

/// A file, empty when there is none, and where it goes.
type FileRead = (ResponseChannel<Vec<u8>>, Vec<u8>);

type FileAnswer = oneshot::Sender<Result<Vec<u8>, RequestFailure>>;

/// The swarm and what the task remembers.
pub struct SwarmTask {
    own: PublicKey,
    swarm: Swarm<Stack>,
    commands: mpsc::Receiver<NetCommand>,
    outbox: Outbox,
    metrics: NetMetrics,
    names: Names,
    redial: Redial,
    authors: AuthorLimits,
    said: Said,
    /// Host names of peers being looked up, for a call.
    lookups: FuturesUnordered<BoxFuture<'static, (PublicKey, Vec<Multiaddr>)>>,
    peers: HashMap<PublicKey, Peer>,
    /// Own requests without an answer: whom, and the node's number for it.
    asked: HashMap<OutboundRequestId, (PublicKey, u64)>,
    /// Peers' requests until their answer is sent, also those the node has answered.
    asking: HashMap<InboundRequestId, (PublicKey, u64)>,
    /// Peers' requests that the node has not answered, by the number the node knows.
    unanswered: HashMap<u64, ResponseChannel<Vec<u8>>>,
    next_request: u64,
    files: Files,
}

impl SwarmTask {
    /// Sets everything up and opens the listening sockets.
    ///
    /// # Errors
    /// [`NetError`] when a socket cannot be opened or a configured key is no key.
    pub(super) fn new(
        config: NetConfig,
        inbox: Inbox,
        outbox: Outbox,
        metrics: NetMetrics,
    ) -> Result<SwarmTask, NetError> {
        let own = config.key.public_key();
        if let Some((key, _)) = config.peers.iter().find(|(key, _)| names::peer_id(key).is_none()) {
            return Err(NetError::PeerKey(*key));
        }
        let keypair = names::keypair(&config.key)?;
        let names = Names::new(&config.chain_id, &config.genesis_id);
        let transport = transport::transport(&keypair, config.limits, &metrics)?;
        let peer_id = keypair.public().to_peer_id();
        let members = config.members.len();
        let gossip = |topic| gossip::behaviour(&keypair, &names, topic, members, &config.limits);
        let stack = Stack {
            consensus: gossip(Topic::Consensus)?,
            status: gossip(Topic::Status)?,
            transactions: gossip(Topic::Transactions)?,
            requests: requests::behaviour(&names),
            files: requests::files(&names),
            ping: ping::Behaviour::new(
                ping::Config::new()
                    .with_interval(config.limits.ping_interval)
                    .with_timeout(config.limits.ping_timeout),
            ),
            connections: connection_limits::Behaviour::new(
                ConnectionLimits::default()
                    .with_max_established_per_peer(Some(limits::MAX_CONNECTIONS_PER_PEER))
                    .with_max_established(Some(limits::MAX_CONNECTIONS)),
            ),
            gate: Gate::new(own, config.members),
        };
        let swarm_config =
            swarm::Config::with_tokio_executor().with_idle_connection_timeout(KEEP_CONNECTION);
        let mut swarm = Swarm::new(transport, stack, peer_id, swarm_config);
        for address in config.listen {
            transport::check_free(&address).map_err(|error| NetError::Listen {
                address: address.clone(),
                reason: error.to_string(),
            })?;
            swarm
                .listen_on(address.clone())
                .map_err(|error| NetError::Listen { address, reason: error.to_string() })?;
        }
        Ok(SwarmTask {
            own,
            swarm,
            commands: inbox.commands,
            outbox,
            metrics,
            names,
            redial: Redial::new(own, config.peers, Instant::now()),
            authors: AuthorLimits::new(&config.limits),
            said: Said::default(),
            lookups: FuturesUnordered::new(),
            peers: HashMap::new(),
            asked: HashMap::new(),
            asking: HashMap::new(),
            unanswered: HashMap::new(),
            next_request: 1,
            files: Files {
                source: config.files,
                asks: inbox.files,
                asked: HashMap::new(),
                asking: HashMap::new(),
                reading: FuturesUnordered::new(),
            },
        })
    }

    /// Runs until it is told to stop, or nobody is left who could tell it or hear it.
    pub async fn run(mut self) {
        loop {
            let next_call = self.redial.next();
            tokio::select! {
                command = self.commands.recv() => match command {
                    None | Some(NetCommand::Stop) => break,
                    Some(command) => self.on_command(command),
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                () = until(next_call) => self.call_due_peers(),
                Some((key, found)) = self.lookups.next() => self.call(key, found),
                Some(ask) = self.files.asks.recv() => self.ask_for_file(ask),
                Some((channel, bytes)) = self.files.reading.next() => {
                    // An error means that the asker is gone, which `on_file_event` is told as well.
                    let _ = self.swarm.behaviour_mut().files.send_response(channel, bytes);
                }
                () = self.outbox.closed() => break,
            }
        }
        for (_, id) in std::mem::take(&mut self.asked).into_values() {
            let result = Err(RequestFailure::Disconnected);
            self.outbox.put(NetEvent::Response { id, result });
        }
        tracing::debug!("the network has stopped");
    }

    fn call_due_peers(&mut self) {
        for (key, addresses) in self.redial.due(Instant::now()) {
            if addresses.iter().any(resolve::has_name) {
                let lookup = async move { (key, resolve::resolve(addresses).await) };
                self.lookups.push(lookup.boxed());
            } else {
                self.call(key, addresses);
            }
        }
    }

    fn call(&mut self, key: PublicKey, addresses: Vec<Multiaddr>) {
        let peer = names::peer_id(&key).expect("configured keys were checked");
        let call = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            // From a port of its own: two nodes that call each other from the ports they listen on
            // would meet in one connection that both believe to have opened.
            .allocate_new_port()
            .build();
        if let Err(error) = self.swarm.dial(call) {
            tracing::debug!(peer = %key, %error, "cannot call the peer");
            self.redial.failed(&key, Instant::now());
        }
    }

    // --- what the node wants ---

    fn on_command(&mut self, command: NetCommand) {
        match command {
            NetCommand::Broadcast { topic, bytes } => self.broadcast(topic, bytes),
            NetCommand::Request { to, id, bytes } => self.request(to, id, bytes),
            NetCommand::Respond { id, bytes } => self.respond(id, bytes),
            NetCommand::SetMembers(members) => self.set_members(members),
            NetCommand::Stop => unreachable!("the loop ends at this command"),
        }
    }

    fn broadcast(&mut self, topic: Topic, bytes: Vec<u8>) {
        let length = bytes.len();
        if length > limits::MAX_GOSSIP_BYTES {
            tracing::error!(topic = topic.as_str(), length, "gossip above the limit is not sent");
            return self.metrics.count_dropped(Dropped::TooLarge, 1);
        }
        let now = Instant::now();
        let once = (topic == Topic::Transactions).then(|| self.said.hash(&bytes));
        if once.is_some_and(|hash| self.said.lately(hash, now)) {
            return self.metrics.count_dropped(Dropped::Repeated, 1);
        }
        let name = self.names.topic(topic);
        let dropped = match self.swarm.behaviour_mut().gossip(topic).publish(name, bytes) {
            Ok(_) => {
                if let Some(hash) = once {
                    self.said.remember(hash, now);
                }
                return self.metrics.count_message(topic, Direction::Out, length);
            }
            Err(PublishError::NoPeersSubscribedToTopic) => Dropped::NobodyHears,
            Err(PublishError::AllQueuesFull(_)) => Dropped::SlowPeer,
            Err(PublishError::Duplicate) => Dropped::Repeated,
            Err(error) => {
                tracing::error!(topic = topic.as_str(), length, %error, "gossip is not sent");
                Dropped::TooLarge
            }
        };
        self.metrics.count_dropped(dropped, 1);
    }

    fn request(&mut self, to: PublicKey, id: u64, bytes: Vec<u8>) {
        let waiting = self.asked.values().filter(|(peer, _)| *peer == to).count();
        let refusal = if bytes.len() > limits::MAX_REQUEST_BYTES {
            Some(RequestFailure::TooLarge)
        } else if !self.peers.contains_key(&to) {
            Some(RequestFailure::NotConnected)
        } else if waiting >= limits::MAX_REQUESTS_PER_PEER {
            Some(RequestFailure::Busy)
        } else {
            None
        };
        self.metrics.count_request(Direction::Out);
        match (refusal, names::peer_id(&to)) {
            (None, Some(peer)) => {
                let request = self.swarm.behaviour_mut().requests.send_request(&peer, bytes);
                self.asked.insert(request, (to, id));
            }
            (refusal, _) => {
                let failure = refusal.unwrap_or(RequestFailure::NotConnected);
                self.answered(id, Err(failure));
            }
        }
    }

    fn answered(&mut self, id: u64, result: Result<Vec<u8>, RequestFailure>) {
        if result.is_err() {
            self.metrics.count_failed_request(Direction::Out);
        }
        self.outbox.put(NetEvent::Response { id, result });
    }

    fn respond(&mut self, id: u64, bytes: Vec<u8>) {
        let Some(channel) = self.unanswered.remove(&id) else { return };
        if bytes.len() > limits::MAX_RESPONSE_BYTES {
            tracing::error!(length = bytes.len(), "an answer above the limit is not sent");
            return; // Without its channel the request is refused.
        }
        // An error means that the asker is gone, which `on_request_event` is told as well.
        let _ = self.swarm.behaviour_mut().requests.send_response(channel, bytes);
    }

    fn set_members(&mut self, members: BTreeSet<PublicKey>) {
        let now = Instant::now();
        self.authors.retain(&members);
        let gate = &mut self.swarm.behaviour_mut().gate;
        let added: Vec<PublicKey> = members.difference(gate.members()).copied().collect();
        gate.set_members(members);
        for key in added {
            self.redial.soon(&key, now);
        }
    }

    // --- what the swarm tells ---

    fn on_event(&mut self, event: SwarmEvent<StackEvent>) {
        match event {
            SwarmEvent::Behaviour(StackEvent::Consensus(event)) => {
                self.on_gossip_event(Topic::Consensus, event);
            }
            SwarmEvent::Behaviour(StackEvent::Status(event)) => {
                self.on_gossip_event(Topic::Status, event);
            }
            SwarmEvent::Behaviour(StackEvent::Transactions(event)) => {
                self.on_gossip_event(Topic::Transactions, event);
            }
            SwarmEvent::Behaviour(StackEvent::Requests(event)) => self.on_request_event(event),
            SwarmEvent::Behaviour(StackEvent::Files(event)) => self.on_file_event(event),
            SwarmEvent::Behaviour(StackEvent::Ping(event)) => self.on_ping(event),
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } => {
                let called = endpoint.is_dialer();
                self.on_connected(&peer_id, called);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                let cause = cause.map(|cause| cause.to_string()).unwrap_or_default();
                self.on_disconnected(&peer_id, &cause);
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                if let Some(key) = names::public_key(&peer) {
                    tracing::debug!(peer = %key, %error, "the peer was not reached");
                    self.redial.failed(&key, Instant::now());
                }
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                self.on_refused(error, &send_back_addr);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::debug!(%address, "listening to peers");
                self.outbox.put(NetEvent::Listening(address));
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "no longer listening");
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a call could not be accepted");
            }
            _ => {}
        }
    }

    fn on_connected(&mut self, peer: &PeerId, called: bool) {
        let key = names::public_key(peer).expect("the gate lets nobody in whose id has no key");
        self.redial.connected(&key);
        self.peers.entry(key).or_insert_with(|| {
            tracing::info!(peer = %key, called, "connected");
            Peer { since: Instant::now(), hears: BTreeSet::new() }
        });
        self.metrics.set_peers(self.peers.len());
    }

    fn on_disconnected(&mut self, peer: &PeerId, cause: &str) {
        let key = names::public_key(peer).expect("the gate lets nobody in whose id has no key");
        let Some(peer) = self.peers.remove(&key) else { return };
        let now = Instant::now();
        tracing::info!(peer = %key, cause, "disconnected");
        self.metrics.set_peers(self.peers.len());
        self.redial.disconnected(&key, now.saturating_duration_since(peer.since), now);
        if peer.is_up() {
            self.outbox.put(NetEvent::PeerDown(key));
        }
    }

    fn on_refused(&mut self, error: ListenError, address: &Multiaddr) {
        let refused = match error {
            ListenError::Denied { cause } => cause.downcast::<Refused>().ok(),
            _ => None,
        };
        tracing::debug!(%address, ?refused, "a connection was refused");
        self.metrics.count_refused(refused == Some(Refused::Stranger));
    }

    fn on_ping(&mut self, event: ping::Event) {
        if let Err(ping::Failure::Timeout | ping::Failure::Other { .. }) = event.result {
            tracing::info!(peer = %event.peer, "a silent connection is closed");
            self.swarm.close_connection(event.connection);
        }
    }

    fn on_gossip_event(&mut self, topic: Topic, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let verdict = self.on_message(topic, message);
                self.swarm.behaviour_mut().gossip(topic).report_message_validation_result(
                    &message_id,
                    &propagation_source,
                    verdict,
                );
            }
            gossipsub::Event::Subscribed { peer_id, .. } => {
                self.on_hears(&peer_id, topic, true);
            }
            gossipsub::Event::Unsubscribed { peer_id, .. } => {
                self.on_hears(&peer_id, topic, false);
            }
            gossipsub::Event::SlowPeer { peer_id, failed_messages } => {
                let dropped = failed_messages.non_priority;
                tracing::warn!(peer = %peer_id, dropped, "the peer is too slow for gossip");
                self.metrics.count_dropped(Dropped::SlowPeer, dropped);
            }
            gossipsub::Event::GossipsubNotSupported { peer_id } => {
                let names = &self.names;
                tracing::warn!(peer = %peer_id, ?names, "the peer does not speak our protocol");
            }
        }
    }

    /// A peer is up while it hears every topic.
    fn on_hears(&mut self, peer: &PeerId, topic: Topic, hears: bool) {
        let Some(key) = names::public_key(peer) else { return };
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let was_up = peer.is_up();
        if hears {
            peer.hears.insert(topic);
        } else {
            peer.hears.remove(&topic);
        }
        match (was_up, peer.is_up()) {
            (false, true) => self.outbox.put(NetEvent::PeerUp(key)),
            (true, false) => self.outbox.put(NetEvent::PeerDown(key)),
            _ => return,
        };
    }

    fn on_message(&mut self, topic: Topic, message: gossipsub::Message) -> MessageAcceptance {
        let Some(from) = message.source.and_then(|peer| names::public_key(&peer)) else {
            return MessageAcceptance::Reject;
        };
        let length = message.data.len();
        if from == self.own || !self.swarm.behaviour().gate.is_member(&from) {
            self.metrics.count_dropped(Dropped::Stranger, 1);
            return MessageAcceptance::Reject;
        }
        if length > limits::MAX_GOSSIP_BYTES {
            self.metrics.count_dropped(Dropped::TooLarge, 1);
            return MessageAcceptance::Reject;
        }
        if !self.authors.admit(from, topic, length, Instant::now()) {
            self.metrics.count_dropped(Dropped::AuthorLimit, 1);
            return MessageAcceptance::Ignore;
        }
        self.metrics.count_message(topic, Direction::In, length);
        if !self.outbox.put(NetEvent::Gossip { from, topic, bytes: message.data }) {
            self.metrics.count_dropped(Dropped::SlowConsumer, 1);
        }
        // Passed on even when this node is too slow: the others may not be.
        MessageAcceptance::Accept
    }

    fn on_request_event(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        use request_response::{Event, Message};
        match event {
            Event::Message { peer, message, .. } => match message {
                Message::Request { request_id, request, channel } => {
                    self.on_request(&peer, request_id, request, channel);
                }
                Message::Response { request_id, response } => {
                    if let Some((_, id)) = self.asked.remove(&request_id) {
                        self.answered(id, Ok(response));
                    }
                }
            },
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some((peer, id)) = self.asked.remove(&request_id) {
                    tracing::debug!(%peer, id, %error, "a request failed");
                    self.answered(id, Err(request_failure(&error)));
                }
            }
            Event::InboundFailure { request_id, error, .. } => {
                tracing::debug!(%error, "a peer's request failed");
                if let Some((_, id)) = self.asking.remove(&request_id) {
                    self.unanswered.remove(&id);
                    self.metrics.count_failed_request(Direction::In);
                }
            }
            Event::ResponseSent { request_id, .. } => {
                self.asking.remove(&request_id);
            }
        }
    }

    fn on_request(
        &mut self,
        peer: &PeerId,
        request: InboundRequestId,
        bytes: Vec<u8>,
        channel: ResponseChannel<Vec<u8>>,
    ) {
        let Some(from) = names::public_key(peer) else { return };
        self.metrics.count_request(Direction::In);
        let of_peer = self.asking.values().filter(|(asker, _)| *asker == from).count();
        if self.asking.len() >= limits::MAX_INBOUND_REQUESTS
            || of_peer >= limits::MAX_INBOUND_REQUESTS_PER_PEER
        {
            self.metrics.count_failed_request(Direction::In);
            return; // Without its channel the request is refused.
        }
        let id = self.next_request;
        self.next_request += 1;
        self.asking.insert(request, (from, id));
        self.unanswered.insert(id, channel);
        self.outbox.put(NetEvent::Request { from, id, bytes });
    }
}

// --- files ---

impl SwarmTask {
    fn ask_for_file(&mut self, FileAsk { to, digest, answer }: FileAsk) {
        let waiting = self.files.asked.values().filter(|(peer, _)| *peer == to).count();
        self.metrics.count_request(Direction::Out);
        let failure = match names::peer_id(&to) {
            Some(_) if waiting >= limits::MAX_FILE_REQUESTS_PER_PEER => RequestFailure::Busy,
            Some(peer) if self.peers.contains_key(&to) => {
                let question = digest.as_bytes().to_vec();
                let request = self.swarm.behaviour_mut().files.send_request(&peer, question);
                self.files.asked.insert(request, (to, answer));
                return;
            }
            _ => RequestFailure::NotConnected,
        };
        self.metrics.count_failed_request(Direction::Out);
        // Whoever asked may have given up.
        let _ = answer.send(Err(failure));
    }

    fn on_file_event(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        use request_response::{Event, Message};
        match event {
            Event::Message { peer, message, .. } => match message {
                Message::Request { request_id, request, channel } => {
                    self.on_file_request(&peer, request_id, &request, channel);
                }
                Message::Response { request_id, response } => {
                    if let Some((_, answer)) = self.files.asked.remove(&request_id) {
                        let _ = answer.send(Ok(response));
                    }
                }
            },
            Event::OutboundFailure { request_id, error, .. } => {
                self.metrics.count_failed_request(Direction::Out);
                if let Some((peer, answer)) = self.files.asked.remove(&request_id) {
                    tracing::debug!(%peer, %error, "a peer did not give a file");
                    let _ = answer.send(Err(request_failure(&error)));
                }
            }
            Event::InboundFailure { request_id, .. } => {
                if self.files.asking.remove(&request_id).is_some() {
                    self.metrics.count_failed_request(Direction::In);
                }
            }
            Event::ResponseSent { request_id, .. } => {
                self.files.asking.remove(&request_id);
            }
        }
    }

    fn on_file_request(
        &mut self,
        peer: &PeerId,
        request: InboundRequestId,
        question: &[u8],
        channel: ResponseChannel<Vec<u8>>,
    ) {
        let Some(from) = names::public_key(peer) else { return };
        self.metrics.count_request(Direction::In);
        let of_peer = self.files.asking.values().filter(|asker| **asker == from).count();
        let is_busy = self.files.asking.len() >= limits::MAX_INBOUND_FILES
            || of_peer >= limits::MAX_INBOUND_FILES_PER_PEER;
        let (Ok(digest), false) = (question.try_into().map(Digest), is_busy) else {
            self.metrics.count_failed_request(Direction::In);
            return; // Without its channel the request is refused.
        };
        self.files.asking.insert(request, from);
        let source = self.files.source.clone();
        let read = async move {
            let read = tokio::task::spawn_blocking(move || source.read(&digest));
            let bytes = read.await.ok().flatten().unwrap_or_default();
            let fits = bytes.len() <= limits::MAX_FILE_BYTES;
            (channel, if fits { bytes } else { Vec::new() })
        };
        self.files.reading.push(read.boxed());
    }
}

fn request_failure(error: &OutboundFailure) -> RequestFailure {
    match error {
        OutboundFailure::DialFailure => RequestFailure::NotConnected,
        OutboundFailure::Timeout => RequestFailure::Timeout,
        OutboundFailure::ConnectionClosed => RequestFailure::Disconnected,
        OutboundFailure::UnsupportedProtocols | OutboundFailure::Io(_) => RequestFailure::Refused,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
