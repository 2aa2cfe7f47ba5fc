//! The engine against receivers on this machine that are down, slow, hang or answer nonsense.

pub(crate) mod receiver;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::BoxFuture;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};
use tracehold_chain::units::Height;

use super::sign::signature;
use super::*;
use crate::testing::PATIENCE;
use receiver::{Act, Got, Receiver};

/// Events in one delivery of the history below.
const BATCH: usize = 3;

/// A history of numbers; every number is asked for.
struct Numbers {
    /// The next body is a mistake of ours.
    broken: AtomicBool,
    events: Mutex<Vec<Entry>>,
    height: watch::Sender<Height>,
}

impl Numbers {
    fn new() -> Arc<Numbers> {
        Arc::new(Numbers {
            broken: AtomicBool::new(false),
            events: Mutex::default(),
            height: watch::Sender::new(Height(0)),
        })
    }

    /// Commits a block with so many events.
    fn add(&self, count: u32) {
        let height = Height(self.height.borrow().0 + 1);
        let mut events = self.events.lock().unwrap();
        for event in 0..count {
            let position = Position { height, transaction: 0, event };
            let json = format!("{}", events.len()).into();
            events.push(Entry { position, json });
        }
        drop(events);
        self.height.send_replace(height);
    }
}

struct All(Arc<Numbers>);

impl History for All {
    fn query(&self, _: &Subscription) -> Arc<dyn Query> {
        Arc::new(All(Arc::clone(&self.0)))
    }

    fn changes(&self) -> watch::Receiver<Height> {
        self.0.height.subscribe()
    }
}

impl Query for All {
    fn scan(
        &self,
        after: Option<Position>,
        until: Option<Position>,
    ) -> BoxFuture<'_, Result<Scan, String>> {
        let tip = crate::api::after_block(*self.0.height.borrow());
        let end = until.unwrap_or(tip);
        let events = self.0.events.lock().unwrap();
        let inside = |entry: &&Entry| {
            after.is_none_or(|after| entry.position > after) && entry.position <= end
        };
        let found: Vec<Entry> = events.iter().filter(inside).cloned().collect();
        let more = until.is_none() && found.len() > BATCH;
        let entries = if more { found[..BATCH].to_vec() } else { found };
        let seen = if more { entries[BATCH - 1].position } else { end };
        Box::pin(async move { Ok(Scan { entries, seen, more }) })
    }

    fn body(&self, pending: &Pending, entries: &[Entry]) -> Vec<u8> {
        let delivery = &pending.delivery;
        assert!(!self.0.broken.swap(false, Ordering::SeqCst), "a mistake");
        let numbers: Vec<&str> = entries.iter().map(|entry| &*entry.json).collect();
        format!("{{\"delivery\":\"{delivery}\",\"events\":[{}]}}", numbers.join(",")).into_bytes()
    }
}

const LOOSE: Guard = Guard { allow_http: true, allow_private: true };

/// An hour of the real pace in less than half a second.
const PACE: Pace = Pace {
    first: Duration::from_millis(4),
    longest: Duration::from_millis(20),
    gather: Duration::from_millis(5),
    pause_after: Duration::from_secs(3_600),
};

const DEADLINES: Deadlines =
    Deadlines { connect: Duration::from_secs(2), answer: Duration::from_millis(300) };

fn open_with(dir: &Path, client: Client, pace: Pace) -> Deliverer {
    Deliverer::open(dir, Settings { client, pace }, &mut Registry::default()).unwrap()
}

fn start(dir: &Path, numbers: &Arc<Numbers>) -> Deliverer {
    let deliverer = open_with(dir, Client::new(LOOSE, DEADLINES), PACE);
    deliverer.run(Arc::new(All(Arc::clone(numbers))));
    deliverer
}

fn wanted(url: String) -> NewSubscription {
    NewSubscription {
        agent: "acme/erp".parse().unwrap(),
        url,
        secret: "whsec_test".to_owned(),
        description: None,
        filter: Filter::default(),
        standing: None,
        after: None,
    }
}

fn acme() -> MemberId {
    MemberId::new("acme").unwrap()
}

/// The numbers of a request.
fn numbers(got: &Got) -> Vec<u64> {
    let body: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    body["events"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

/// The numbers of all deliveries that were answered with success; those of one delivery once.
fn arrived(got: &[Got]) -> Vec<u64> {
    let mut last = String::new();
    let mut all = Vec::new();
    for got in got {
        let (delivery, _) = got.delivery();
        if delivery != last {
            all.extend(numbers(got));
        }
        last = delivery;
    }
    all
}

async fn until(deliverer: &Deliverer, id: &str, done: impl Fn(&Subscription) -> bool) {
    let wait = async {
        while !done(&deliverer.get(&acme(), id).unwrap()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "{:#?}", deliverer.get(&acme(), id));
}

/// Promise P35.
#[tokio::test]
async fn deliveries_come_in_order_signed_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let deliverer = start(dir.path(), &history);
    let receiver = Receiver::start([]).await;
    history.add(4);
    let made = deliverer.create(wanted(receiver.url())).await.unwrap();
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 4).await;
    history.add(1);
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 5).await;
    let got = receiver.got();
    assert_eq!(got.iter().map(numbers).collect::<Vec<_>>(), [vec![0, 1, 2], vec![3], vec![4]]);
    for got in &got {
        assert!(got.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", got.head);
        assert_eq!(got.header("host"), receiver.address.to_string());
        assert_eq!(got.header("tracehold-webhook"), made.id);
        assert_eq!(got.header("content-type"), "application/json");
        assert_eq!(got.delivery().1, 1);
        let given = got.header("tracehold-signature");
        let seconds = given.strip_prefix("t=").unwrap().split(',').next().unwrap();
        assert_eq!(given, signature("whsec_test", seconds.parse().unwrap(), &got.body));
        assert!(!got.head.contains("whsec_test"));
    }
    deliverer.stop().await;
}

/// Promise P35, P36. Whatever the receiver does, the same delivery comes again with the same bytes
/// and the next number, until it is answered with success.
#[tokio::test]
async fn a_receiver_that_answers_nonsense_gets_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let deliverer = start(dir.path(), &history);
    let script = [
        Act::Answer(500),
        Act::Garbage,
        Act::LongHead,
        Act::CloseMidway,
        Act::Hang,
        Act::Answer(302),
        Act::Answer(404),
        Act::Answer(200),
    ];
    let tries = script.len();
    let receiver = Receiver::start(script).await;
    let made = deliverer.create(wanted(receiver.url())).await.unwrap();
    history.add(2);
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 2).await;
    let got = receiver.wait_for(tries).await;
    assert_eq!(got.len(), tries);
    for (place, again) in got.iter().enumerate() {
        assert_eq!(again.delivery(), (got[0].delivery().0, u32::try_from(place).unwrap() + 1));
        assert_eq!(again.body, got[0].body);
    }
    let now = deliverer.get(&acme(), &made.id).unwrap();
    let attempts: Vec<_> = now.progress.attempts.iter().map(|a| (a.status, &a.error)).collect();
    assert_eq!(attempts[0].0, Some(500));
    assert!(attempts[1].1.as_ref().unwrap().contains("no HTTP"), "{attempts:?}");
    assert!(attempts[4].1.as_ref().unwrap().contains("within 300 ms"), "{attempts:?}");
    assert!(attempts[5].1.as_ref().unwrap().contains("redirects"), "{attempts:?}");
    assert_eq!(attempts[7], (Some(200), &None));
    assert_eq!((now.progress.failures, now.progress.failing_since), (0, None));

    // An answer without end is an answer: its head says success and the rest is not read.
    let endless = Receiver::start([Act::Huge, Act::CloseAtOnce]).await;
    let made = deliverer.create(wanted(endless.url())).await.unwrap();
    history.add(1);
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 3).await;
    assert_eq!(arrived(&endless.got()), [0, 1, 2]);
    deliverer.stop().await;
}

/// Promise P35. An hour's outage, in compressed time: nothing is lost and nothing comes twice.
#[tokio::test]
async fn a_receiver_that_was_down_gets_everything_from_its_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let deliverer = start(dir.path(), &history);
    let first = Receiver::start([]).await;
    let address = first.address;
    let made = deliverer.create(wanted(first.url())).await.unwrap();
    history.add(2);
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 2).await;
    drop(first);
    tokio::task::yield_now().await;
    for _ in 0..20 {
        history.add(1);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(&deliverer, &made.id, |s| s.progress.failures > 3).await;
    let down = deliverer.get(&acme(), &made.id).unwrap().progress;
    assert!(down.failing_since.is_some(), "{down:?}");
    assert!(down.attempts.back().unwrap().error.as_ref().unwrap().contains("connection"));
    assert_eq!(down.delivered_events, 2);
    let second = Receiver::at(address, [], None).await;
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 22).await;
    let got = second.got();
    assert_eq!(arrived(&got), (2..22).collect::<Vec<u64>>());
    assert!(got[0].delivery().1 > 3, "the attempts before are counted");
    assert!(got[1..].iter().all(|got| got.delivery().1 == 1));
    deliverer.stop().await;
}

/// Promise P36. A crash between sending and noting that it arrived.
#[tokio::test]
async fn what_may_have_arrived_before_a_crash_comes_again_under_the_same_id() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let deliverer = start(dir.path(), &history);
    let receiver = Receiver::start([Act::Answer(503), Act::Hang]).await;
    history.add(2);
    let made = deliverer.create(wanted(receiver.url())).await.unwrap();
    let before = receiver.wait_for(2).await;
    // The disk as a crash leaves it, while the receiver has the request and no answer was seen.
    let after_crash = tempfile::tempdir().unwrap();
    let folder = after_crash.path().join(store::DELIVER_FOLDER);
    fs::create_dir(&folder).unwrap();
    let file = format!("{}.json", made.id);
    fs::copy(dir.path().join(store::DELIVER_FOLDER).join(&file), folder.join(&file)).unwrap();
    deliverer.stop().await;
    // More was committed since, which must not change what that delivery was.
    history.add(1);
    let deliverer = start(after_crash.path(), &history);
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 3).await;
    let got = receiver.got();
    let again = &got[before.len()];
    assert_eq!(again.delivery(), (before[0].delivery().0, 3));
    assert_eq!(again.body, before[0].body);
    assert_eq!(numbers(got.last().unwrap()), [2]);
    assert_eq!(arrived(&got), [0, 1, 2]);
    deliverer.stop().await;

    // What was noted before a clean end is not sent again.
    let deliverer = start(after_crash.path(), &history);
    history.add(1);
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 4).await;
    assert_eq!(arrived(&receiver.got()), [0, 1, 2, 3]);
    deliverer.stop().await;
}

/// Promise P37.
#[tokio::test]
async fn a_slow_receiver_delays_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let deliverer = start(dir.path(), &history);
    let slow: Vec<Receiver> =
        futures::future::join_all((0..20).map(|_| Receiver::start(vec![Act::Hang; 1_000]))).await;
    for receiver in &slow {
        deliverer.create(wanted(receiver.url())).await.unwrap();
    }
    let tired = Receiver::start(vec![Act::Slow(Duration::from_millis(200)); 1_000]).await;
    deliverer.create(wanted(tired.url())).await.unwrap();
    let quick = Receiver::start([]).await;
    let made = deliverer.create(wanted(quick.url())).await.unwrap();
    let begun = tokio::time::Instant::now();
    for _ in 0..30 {
        history.add(1);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 30).await;
    // Each of the others alone would take longer for its first delivery of many.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(arrived(&quick.got()), (0..30).collect::<Vec<u64>>());
    deliverer.stop().await;
}

#[tokio::test]
async fn who_fails_for_too_long_is_paused_and_can_be_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let pace = Pace { pause_after: Duration::from_millis(40), ..PACE };
    let deliverer = open_with(dir.path(), Client::new(LOOSE, DEADLINES), pace);
    deliverer.run(Arc::new(All(Arc::clone(&history))));
    let receiver = Receiver::start(vec![Act::Answer(500); 1_000]).await;
    let address = receiver.address;
    history.add(1);
    let made = deliverer.create(wanted(receiver.url())).await.unwrap();
    until(&deliverer, &made.id, |s| s.progress.paused.is_some()).await;
    let paused = deliverer.get(&acme(), &made.id).unwrap().progress;
    assert_eq!(paused.paused.unwrap().by, PausedBy::Failures);
    let so_far = receiver.got().len();
    history.add(1);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.got().len(), so_far, "nothing is sent while it is paused");
    drop(receiver);
    tokio::task::yield_now().await;
    let mended = Receiver::at(address, [], None).await;
    let resumed = deliverer.resume(&acme(), &made.id).await.unwrap();
    assert_eq!((resumed.progress.paused, resumed.progress.failures), (None, 0));
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 2).await;
    assert_eq!(arrived(&mended.got()), [0, 1]);

    // A call pauses too; what comes meanwhile waits.
    deliverer.pause(&acme(), &made.id).await.unwrap();
    history.add(2);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(arrived(&mended.got()), [0, 1]);
    deliverer.stop().await;
    let deliverer = start(dir.path(), &history);
    let found = deliverer.get(&acme(), &made.id).unwrap();
    assert_eq!(found.progress.paused.unwrap().by, PausedBy::Caller, "also after a restart");
    deliverer.resume(&acme(), &made.id).await.unwrap();
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 4).await;
    assert_eq!(arrived(&mended.got()), [0, 1, 2, 3]);
    deliverer.stop().await;
}

#[tokio::test]
async fn a_mistake_of_ours_ends_no_subscription() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let deliverer = start(dir.path(), &history);
    let receiver = Receiver::start([]).await;
    history.broken.store(true, Ordering::SeqCst);
    history.add(2);
    let made = deliverer.create(wanted(receiver.url())).await.unwrap();
    until(&deliverer, &made.id, |s| s.progress.delivered_events == 2).await;
    // It had been written down as begun: nobody can say whether it was sent.
    assert_eq!(receiver.got()[0].delivery().1, 2);
    deliverer.stop().await;
}

#[tokio::test]
async fn a_member_has_its_own_and_not_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let history = Numbers::new();
    let deliverer = start(dir.path(), &history);
    let receiver = Receiver::start([]).await;
    let mut ids = Vec::new();
    for _ in 0..MAX_SUBSCRIPTIONS_PER_MEMBER {
        ids.push(deliverer.create(wanted(receiver.url())).await.unwrap().id);
    }
    let refused = deliverer.create(wanted(receiver.url())).await.unwrap_err();
    assert!(refused.to_string().contains("64 webhooks"), "{refused}");
    let other = NewSubscription { agent: "fern/app".parse().unwrap(), ..wanted(receiver.url()) };
    let foreign = deliverer.create(other).await.unwrap();
    assert!(matches!(deliverer.get(&acme(), &foreign.id), Err(DeliverError::Unknown(_))));
    assert!(deliverer.remove(&acme(), &foreign.id).await.is_err());
    assert_eq!(deliverer.list(&acme()).len(), MAX_SUBSCRIPTIONS_PER_MEMBER);
    for id in &ids {
        deliverer.remove(&acme(), id).await.unwrap();
    }
    history.add(1);
    until_count(&receiver, 1).await;
    assert_eq!(receiver.got()[0].header("tracehold-webhook"), foreign.id);
    assert_eq!(fs::read_dir(dir.path().join(store::DELIVER_FOLDER)).unwrap().count(), 1);
    deliverer.stop().await;
}

async fn until_count(receiver: &Receiver, count: usize) {
    receiver.wait_for(count).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.got().len(), count);
}

#[tokio::test]
async fn a_test_is_sent_once_and_moves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let deliverer = start(dir.path(), &Numbers::new());
    let receiver = Receiver::start([Act::Answer(418)]).await;
    let made = deliverer.create(wanted(receiver.url())).await.unwrap();
    let attempt = deliverer.test(&acme(), &made.id).await.unwrap();
    assert_eq!((attempt.status, attempt.test), (Some(418), true));
    assert!(attempt.error.unwrap().contains("418"));
    assert_eq!(deliverer.test(&acme(), &made.id).await.unwrap().error, None);
    let got = receiver.got();
    let body: serde_json::Value = serde_json::from_slice(&got[1].body).unwrap();
    assert_eq!((&body["test"], &body["events"]), (&true.into(), &serde_json::json!([])));
    let now = deliverer.get(&acme(), &made.id).unwrap().progress;
    assert_eq!((now.failures, now.attempts.len(), now.delivered_events), (0, 2, 0));
    deliverer.stop().await;
}

/// Promise P38. The address that is connected to is the one that was checked, whatever the name
/// leads to a moment later.
#[tokio::test]
async fn a_name_that_comes_to_lead_inside_is_refused_when_it_does() {
    let receiver = Receiver::start([]).await;
    let inside = receiver.address;
    let lookups = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lookups);
    let lookup: client::Lookup = Arc::new(move |_, _| {
        let outside: std::net::SocketAddr = "192.0.43.10:443".parse().unwrap();
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move { Ok(vec![if first { outside } else { inside }]) })
    });
    let guard = Guard { allow_http: true, allow_private: false };
    let client = Client::new(guard, DEADLINES).with_lookup(lookup);
    let url = "http://rebind.example.com/hook";
    assert_eq!(client.check(url).await, Ok(()));
    let refused = client.post(url, &[], "x".into()).await.unwrap_err();
    assert!(refused.contains("public address"), "{refused}");
    for url in [receiver.url(), format!("http://localhost:{}/", inside.port())] {
        let client = Client::new(guard, DEADLINES);
        assert!(client.check(&url).await.is_err(), "{url}");
        assert!(client.post(&url, &[], "x".into()).await.is_err(), "{url}");
    }
    assert_eq!(receiver.got().len(), 0);

    // One look-up serves check and connection: a second one is not made.
    let lookups = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lookups);
    let lookup: client::Lookup = Arc::new(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(vec![inside]) })
    });
    let client = Client::new(LOOSE, DEADLINES).with_lookup(lookup);
    assert_eq!(client.post("http://hooks.example.com/a?b=c", &[], "x".into()).await, Ok(200));
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    let got = receiver.got();
    assert!(got[0].head.starts_with("POST /a?b=c HTTP/1.1"), "{}", got[0].head);
    assert_eq!(got[0].header("host"), "hooks.example.com");
}

#[tokio::test]
async fn tls_is_spoken_and_the_certificate_must_be_the_hosts() {
    let provider = Arc::new(crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(include_bytes!("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let any = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::at(any, [], Some(acceptor)).await;
    let address = receiver.address;
    let lookup: client::Lookup = Arc::new(move |_, _| Box::pin(async move { Ok(vec![address]) }));
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(include_bytes!("authority.pem")).unwrap();
    roots.add(authority).unwrap();
    let client =
        Client::new(LOOSE, DEADLINES).with_lookup(Arc::clone(&lookup)).with_roots(roots.clone());
    assert_eq!(client.post("https://hooks.example.com/", &[], "x".into()).await, Ok(200));
    let other = client.post("https://other.example.com/", &[], "x".into()).await.unwrap_err();
    assert!(other.contains("TLS"), "{other}");
    let unknown = Client::new(LOOSE, DEADLINES).with_lookup(lookup).with_roots({
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(include_bytes!("server.pem")).unwrap();
        roots.add(own).unwrap();
        roots
    });
    assert!(unknown.post("https://hooks.example.com/", &[], "x".into()).await.is_err());
    assert_eq!(receiver.got().len(), 1);
}
