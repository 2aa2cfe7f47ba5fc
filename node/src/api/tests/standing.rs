//! Subscriptions to queries over a real node: reports to a receiver and to WebSockets.

use futures::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tracehold_chain::epcis::Document;
use tracehold_chain::epcis::query::Extensions;

use super::*;
use crate::deliver::tests::receiver::{Act, Got, Receiver};
use crate::queries::NamedQuery;

const TOKEN: &str = "13df38d8275b13f05704629e5f1cf3d45d6132d5";

fn name_query(api: &Api, name: &str, query: Value) {
    let query = NamedQuery {
        name: name.to_owned(),
        agent: api.agent.clone(),
        query,
        extensions: Extensions::default(),
        created_at: now(),
    };
    api.queries.put(query).unwrap();
}

fn shipping(api: &Api) {
    name_query(api, "shipping", json!({"EQ_bizStep": ["shipping"]}));
}

const PATH: &str = "/epcis/v2/queries/shipping/subscriptions";

fn receiving(number: u32) -> Value {
    let mut event = event(number, number);
    event["bizStep"] = json!("receiving");
    event
}

/// The eventIDs of a report, after checking that it is a document of EPCIS.
fn ids(body: &[u8]) -> Vec<String> {
    let document = Document::parse(body).unwrap();
    let events = document.all_events().unwrap();
    events.iter().map(|event| event.event_id().unwrap().to_owned()).collect()
}

/// The eventIDs of all reports in order, those of one delivery once.
fn told(got: &[Got]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let once = got.iter().filter(|got| seen.insert(got.delivery().0));
    once.flat_map(|got| ids(&got.body)).collect()
}

/// What the receiver of a signed report does.
fn is_signed(got: &Got) -> bool {
    let header = got.header("gs1-signature");
    let (time, signature) = header.split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(time.strip_prefix("t=").unwrap().as_bytes());
    mac.update(b".");
    mac.update(&got.body);
    hex::encode(mac.finalize().into_bytes()) == signature
}

/// Promise P101.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_reports_what_matches_signed_once_and_in_order_across_a_restart() {
    let api = Api::start().await;
    shipping(&api);
    assert_eq!(api.capture(&[event(1, 1)], &[]).await["success"], true);
    let receiver = Receiver::start([Act::Answer(500), Act::Answer(200), Act::Hang]).await;
    let request = json!({"dest": receiver.url(), "signatureToken": TOKEN, "stream": true});
    let answer = api.post(PATH, &request, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let made = answer.json();
    let id = made["subscriptionID"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("{PATH}/{id}"));
    assert_eq!(made["queryName"], "shipping");
    assert_eq!(made["dest"], receiver.url());
    assert_eq!(made["stream"], true);
    assert!(!answer.text.contains(TOKEN), "the token is not told");

    let events = [receiving(2), event(3, 3), event(4, 4)];
    assert_eq!(api.capture(&events, &[]).await["success"], true);
    let got = receiver.wait_for(2).await;
    assert_eq!((got[0].delivery().0, &got[0].body), (got[1].delivery().0, &got[1].body));
    assert!(got.iter().all(is_signed), "{got:?}");
    let body: Value = serde_json::from_slice(&got[1].body).unwrap();
    assert_eq!(body["type"], "EPCISQueryDocument");
    let results = &body["epcisBody"]["queryResults"];
    assert_eq!(results["queryName"], "shipping");
    assert_eq!(results["subscriptionID"], id);
    let first = &results["resultsBody"]["eventList"][0];
    assert_eq!(first["eventID"], event_id(3));
    assert_eq!(first["example:note"], "not for everyone");
    assert!(first["recordTime"].is_string());

    // The node stops while the receiver has a report and has not answered.
    assert_eq!(api.capture(&[event(5, 5)], &[]).await["success"], true);
    let under_way = receiver.wait_for(3).await[2].clone();
    let api = api.again().await;
    assert_eq!(api.capture(&[event(6, 6)], &[]).await["success"], true);
    until(async || told(&receiver.got()).contains(&event_id(6))).await;
    let got = receiver.got();
    assert_eq!(got[3].delivery(), (under_way.delivery().0, 2), "it says that it comes again");
    assert_eq!(got[3].body, under_way.body);
    assert_eq!(told(&got), [3, 4, 5, 6].map(event_id), "nothing from before, missed or twice");
    let path = format!("{PATH}/{id}");
    until(async || api.get(&path).await.json()["lastNotifiedAt"].is_string()).await;
    let hook = api.get(&format!("/api/v1/webhooks/{id}")).await.json();
    assert_eq!((&hook["queryName"], &hook["deliveredEvents"]), (&json!("shipping"), &json!(4)));

    // With its query it ends.
    assert!(api.queries.remove(api.agent.member(), "shipping").unwrap());
    until(async || api.get(&format!("/api/v1/webhooks/{id}")).await.status == 404).await;
    assert_eq!(api.get(&path).await.status, 404);
    api.stop().await;
}

/// Promise P101.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_reports_when_it_is_due_and_that_nothing_matched() {
    let api = Api::start().await;
    shipping(&api);
    assert_eq!(api.capture(&[event(1, 1), event(2, 2)], &[]).await["success"], true);
    let receiver = Receiver::start([]).await;
    let request = json!({
        "dest": receiver.url(), "signatureToken": TOKEN, "reportIfEmpty": true,
        "schedule": {"second": "*"}, "initialRecordTime": "2020-01-01T00:00:00Z"
    });
    let links = [("GS1-EPC-Format", "Always_GS1_Digital_Link")];
    let answer = api.post(PATH, &request, &links).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let made = answer.json();
    assert_eq!(made["schedule"], json!({"second": "*"}));
    assert_eq!(made["reportIfEmpty"], true);
    assert_eq!(made["epcFormat"], "Always_GS1_Digital_Link");
    assert_eq!(made["minRecordTime"], "2020-01-01T00:00:00.000Z");
    until(async || !told(&receiver.got()).is_empty()).await;
    let first = receiver.got()[0].clone();
    assert_eq!(ids(&first.body), [1, 2].map(event_id), "all since the time that was given");
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    let events = &body["epcisBody"]["queryResults"]["resultsBody"]["eventList"];
    assert_eq!(events[0]["epcList"][0], "https://id.gs1.org/01/09521321001015/21/1");
    assert!(is_signed(&first));
    let is_empty = |got: &Got| ids(&got.body).is_empty();
    until(async || receiver.got().iter().any(is_empty)).await;

    let api = api.again().await;
    assert_eq!(api.capture(&[receiving(3), event(4, 4)], &[]).await["success"], true);
    until(async || told(&receiver.got()).contains(&event_id(4))).await;
    assert_eq!(told(&receiver.got()), [1, 2, 4].map(event_id));

    let path = format!("{PATH}/{}", made["subscriptionID"].as_str().unwrap());
    let removed = api.request("DELETE", &path).body(Body::empty()).unwrap();
    assert_eq!(api.send(removed).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
    api.stop().await;
}

/// Promise P101.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_cannot_be_is_refused_by_its_field() {
    let api = Api::of_members(&[("other", &[], &["erp"])]).await;
    shipping(&api);
    let dest = "http://127.0.0.1:9999/x";
    let controls = "epcisException:SubscriptionControlsException";
    for (body, field) in [
        (json!({"dest": dest}), "/stream"),
        (json!({"dest": dest, "stream": false}), "/stream"),
        (json!({"dest": dest, "stream": true, "schedule": {"hour": "1"}}), "/stream"),
        (json!({"dest": dest, "schedule": {}}), "/stream"),
        (json!({"dest": dest, "schedule": {"hour": "25"}}), "/hour"),
        (json!({"dest": dest, "stream": true, "initialRecordTime": "noon"}), "/initialRecordTime"),
        (json!({"dest": "ftp://x/", "stream": true}), "/dest"),
        (json!({"dest": dest, "stream": true, "signatureToken": "two\nlines"}), "/signatureToken"),
    ] {
        let answer = api.post(PATH, &body, &[]).await;
        let problem = answer.problem();
        assert_eq!((answer.status.as_u16(), &problem["type"]), (400, &json!(controls)), "{body}");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    let good = json!({"dest": dest, "stream": true});
    let unknown = json!({"dest": dest, "stream": true, "token": "x"});
    for (path, body, headers, status, exception) in [
        (PATH, &unknown, ("x", "y"), 400, "Validation"),
        ("/epcis/v2/queries/none/subscriptions", &good, ("x", "y"), 404, "NoSuchName"),
        (PATH, &good, ("gs1-epc-format", "Always_EPC_URN"), 406, "NotAcceptable"),
    ] {
        let answer = api.post(path, body, &[headers]).await;
        let problem = answer.problem();
        assert_eq!(answer.status, status, "{problem}");
        assert_eq!(problem["type"], format!("epcisException:{exception}Exception"));
    }
    // A query is its member's, and so is what is subscribed to it.
    let theirs = api.by("other/erp", "POST", PATH, &good).await;
    assert_eq!(theirs.status, 404);
    let mut made = Vec::new();
    for _ in 0..3 {
        let answer = api.post(PATH, &good, &[]).await;
        made.push(answer.json()["subscriptionID"].clone());
    }
    let page = api.get(&format!("{PATH}?perPage=2")).await;
    let link = page.header("link").to_owned();
    let next = api.get(&link[1..link.find('>').unwrap()]).await;
    let mut listed = page.json().as_array().unwrap().clone();
    assert_eq!((listed.len(), next.header("link")), (2, ""));
    listed.extend(next.json().as_array().unwrap().clone());
    let listed: Vec<Value> = listed.iter().map(|one| one["subscriptionID"].clone()).collect();
    assert_eq!(listed.len(), 3);
    assert!(made.iter().all(|id| listed.contains(id)), "{listed:?}");
    let one = format!("{PATH}/{}", made[0].as_str().unwrap());
    assert_eq!(api.by("other/erp", "GET", &one, &Value::Null).await.status, 404);
    api.stop().await;
}

/// Promise P101: reports go into no private network, neither by address nor by name; a name that
/// leads nowhere yet may lead somewhere when there is something to report. GS1's document calls the
/// token `secret` in one place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_leads_into_no_private_network() {
    let strict = Guard { allow_http: false, allow_private: false };
    let client = Client::new(strict, DEADLINES).with_lookup(Arc::new(|host: String, port| {
        Box::pin(async move {
            match (host.parse::<std::net::IpAddr>(), host.as_str()) {
                (Ok(address), _) => Ok(vec![(address, port).into()]),
                (Err(_), "inside.example") => Ok(vec![([10, 0, 0, 7], port).into()]),
                (Err(_), _) => Err(std::io::Error::other("no such name")),
            }
        })
    }));
    let api = Api::with_deliverer(config::Capture::default(), client).await;
    shipping(&api);
    for (dest, status) in [
        ("https://127.0.0.1/x", 400),
        ("https://[::ffff:10.1.2.3]/x", 400),
        ("https://inside.example/x", 400),
        ("http://203.0.113.7/x", 400),
        ("https://later.example/x", 201),
    ] {
        let request = json!({"dest": dest, "stream": true, "secret": "a token of two words"});
        let answer = api.post(PATH, &request, &[]).await;
        assert_eq!(answer.status, status, "{dest}: {}", answer.text);
        if status == 400 {
            assert_eq!(answer.problem()["errors"][0]["field"], "/dest", "{dest}");
        }
        assert!(!answer.text.contains("two words"), "the token is not told");
    }
    api.stop().await;
}

/// A socket that is read all the time, so that pings are answered.
struct Socket(mpsc::UnboundedReceiver<Message>);

async fn connect(address: std::net::SocketAddr, key: &str, path: &str) -> Result<Socket, u16> {
    let url = format!("ws://{address}/epcis/v2/queries/{path}");
    let mut request = url.into_client_request().unwrap();
    let key = format!("Bearer {key}").parse().unwrap();
    request.headers_mut().insert("authorization", key);
    let stream = TcpStream::connect(address).await.unwrap();
    let mut socket = match client_async(request, stream).await {
        Ok((socket, _)) => socket,
        Err(Error::Http(answer)) => return Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    };
    let (to, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            if !message.is_ping() && !message.is_pong() {
                to.send(message).unwrap();
            }
        }
    });
    Ok(Socket(heard))
}

/// The next report or farewell.
async fn heard(socket: &mut Socket) -> Message {
    tokio::time::timeout(PATIENCE, socket.0.recv()).await.unwrap().unwrap()
}

async fn heard_ids(socket: &mut Socket) -> Vec<String> {
    let Message::Text(text) = heard(socket).await else { panic!("no report") };
    ids(text.as_bytes())
}

/// Promise P101.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_hears_what_matches_until_its_query_or_the_node_goes() {
    let api = Api::start().await;
    shipping(&api);
    name_query(&api, "all", json!({}));
    assert_eq!(api.capture(&[event(1, 1), receiving(2)], &[]).await["success"], true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = HttpLimits { grace: Duration::from_secs(2), ..HttpLimits::default() };
    let server = tokio::spawn(serve(listener, api.router.clone(), limits, api.stopped.clone()));

    for (key, path, status) in [
        ("wrong", "shipping/events?stream=true", 401),
        (api.key.as_str(), "none/events?stream=true", 404),
        (&api.key, "shipping/events", 400),
        (&api.key, "shipping/events?stream=true&hour=1", 400),
        (&api.key, "shipping/events?stream=true&perPage=1", 400),
        (&api.key, "shipping/events?minute=60", 400),
    ] {
        assert_eq!(connect(address, key, path).await.err(), Some(status), "{path}");
    }
    let mut stream = connect(address, &api.key, "shipping/events?stream=true").await.unwrap();
    let since = "shipping/events?stream=true&initialRecordTime=2020-01-01T00:00:00Z";
    let mut since = connect(address, &api.key, since).await.unwrap();
    let mut ticking =
        connect(address, &api.key, "all/events?second=*&reportIfEmpty=true").await.unwrap();
    assert_eq!(heard_ids(&mut since).await, [event_id(1)]);
    assert!(heard_ids(&mut ticking).await.is_empty());

    assert_eq!(api.capture(&[receiving(3), event(4, 4)], &[]).await["success"], true);
    assert_eq!(heard_ids(&mut stream).await, [event_id(4)], "only what comes");
    assert_eq!(heard_ids(&mut since).await, [event_id(4)]);
    let both = loop {
        let both = heard_ids(&mut ticking).await;
        if !both.is_empty() {
            break both;
        }
    };
    assert_eq!(both, [3, 4].map(event_id));

    let closed = |message: Message| match message {
        Message::Close(Some(frame)) => (u16::from(frame.code), frame.reason.to_string()),
        other => panic!("{other:?}"),
    };
    assert!(api.queries.remove(api.agent.member(), "shipping").unwrap());
    for socket in [&mut stream, &mut since] {
        assert_eq!(closed(heard(socket).await), (1000, "the query was deleted".to_owned()));
    }
    let going = tokio::spawn(async move {
        loop {
            let message = heard(&mut ticking).await;
            if message.is_close() {
                return message;
            }
        }
    });
    api.stop().await;
    assert_eq!(closed(going.await.unwrap()).0, 1001);
    server.await.unwrap();
}
