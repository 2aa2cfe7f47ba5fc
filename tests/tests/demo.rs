//! `tracehold demo` as a newcomer meets it: three journeys, what they paid, and lines to paste.

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::up::{Up, run, runs, signal};
use common::{binary, turn, wait_until};
use serde_json::{Value, json};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_testnet::client::Client;

/// Columns that the output may have.
const COLUMNS: usize = 80;
const SHOP: usize = 0;
const COFFEE: usize = 1;
const VACCINE: usize = 2;
/// The bank's node, which follows.
const BANK: usize = 4;

/// A demo that prints for people.
struct Shown {
    child: Child,
    /// Closed when it is gone.
    stdout: Option<BufReader<std::process::ChildStdout>>,
    lines: Vec<String>,
}

impl Shown {
    fn start(dir: &Path, more: &[&str]) -> Shown {
        let mut child = Command::new(binary())
            .args(["demo", "--dir", "demo"])
            .args(more)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        let stdout = child.stdout.take().map(BufReader::new);
        Shown { child, stdout, lines: Vec::new() }
    }

    /// Reads until a line that begins so, which it gives.
    fn read_to(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            let stdout = self.stdout.as_mut().expect("it is open");
            let read = stdout.read_line(&mut line).expect("text");
            assert!(read > 0, "no line begins with {beginning:?}: {:#?}", self.lines);
            let line = line.trim_end_matches('\n').to_owned();
            self.lines.push(line.clone());
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    /// The lines from one that contains `from`, without it, to the next empty one: a command.
    fn command(&self, from: &str) -> String {
        let begin = self.lines.iter().position(|line| line.contains(from));
        let begin = begin.unwrap_or_else(|| panic!("{from:?}: {:#?}", self.lines)) + 1;
        let lines = self.lines[begin..].iter().take_while(|line| !line.is_empty());
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// It ends with success, says nothing on stderr, and leaves no node behind.
    fn ends(mut self, dir: &Path) {
        let status = self.child.wait().expect("it ends");
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert!(status.success() && said.is_empty(), "{status}: {said}");
        assert!(pids(dir).iter().all(|pid| !runs(*pid)), "a node was left behind");
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes that the nodes' folders name.
fn pids(dir: &Path) -> Vec<u64> {
    let folders = std::fs::read_dir(dir.join("demo")).expect("the demo's folder");
    let files = folders
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("tracehold.pid")).ok());
    files.filter_map(|text| text.trim().parse().ok()).collect()
}

/// Runs a command as it was printed.
fn paste(dir: &Path, command: &str) -> String {
    let done = Command::new("sh").args(["-c", command]).current_dir(dir).output();
    let done = done.expect("a shell runs (the printed lines also need curl)");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command}\n{out}\n{err}");
    out.into_owned()
}

fn item(client: &Client, uri: &str) -> Value {
    let told = client.get(&format!("/api/v1/items?id={}", percent_encoded(uri))).expect("it");
    assert_eq!(told.status, 200, "{}", told.text);
    told.json
}

/// The codes of what does not add up with a thing: agreed on, and derived.
fn anomalies(item: &Value) -> (Vec<&str>, Vec<&str>) {
    let codes = |list: &str| {
        let found = item["anomalies"][list].as_array().expect("a list").iter();
        found.filter_map(|one| one["code"].as_str()).collect()
    };
    (codes("open"), codes("derived"))
}

/// The identifier that a page of the demo is about.
fn thing(up: &Up, page: &str) -> String {
    let url = up.first["pages"][page].as_str().expect("a page");
    let path = url.splitn(4, '/').nth(3).expect("a path");
    format!("https://id.gs1.org/{path}")
}

/// Promise P91: the demo runs four validators of four members and followers, its three journeys are
/// told alike by every node, and its agreements paid what they should.
#[test]
fn the_demo_plays_three_journeys_and_goes_on_where_it_was_stopped() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Stopped in the middle of the coffee.
    let mut stopped = Shown::start(folder.path(), &[]);
    stopped.read_to("[5/9]");
    signal(&stopped.child, "-INT");
    stopped.ends(folder.path());

    let args = ["demo", "--dir", "demo", "--json"];
    let up = Up::start(folder.path(), &args);
    let roles: Vec<&Value> =
        up.first["nodes"].as_array().expect("nodes").iter().map(|node| &node["role"]).collect();
    let (votes, follows) = (json!("validator"), json!("follower"));
    assert_eq!(roles, [&votes, &votes, &votes, &votes, &follows, &follows]);

    let nodes = 0..roles.len();
    let newest = nodes.clone().map(|node| up.height(node)).max().expect("a node");
    wait_until("all nodes", || nodes.clone().all(|node| up.height(node) >= newest));
    for reader in [up.client(SHOP), up.client(BANK)] {
        journeys(&up, &reader);
    }
    paid(&up);
    let recorded = |up: &Up| {
        let told = up.client(SHOP).get("/epcis/v2/events?perPage=1000").expect("events").json;
        let events = told["epcisBody"]["queryResults"]["resultsBody"]["eventList"].clone();
        let body = told["epcisBody"]["eventList"].clone();
        events.as_array().or(body.as_array()).map(Vec::len)
    };
    let events = usize::try_from(up.first["events"].as_u64().expect("a number")).ok();
    assert_eq!(recorded(&up), events, "each event once");
    let lasting = up.lasting();
    up.stop("-INT");

    let up = Up::start(folder.path(), &args);
    assert_eq!(up.lasting(), lasting, "the same links, keys and agreements");
    assert_eq!(recorded(&up), events, "nothing was recorded again");
    up.stop("-TERM");
    let up = Up::start(folder.path(), &["demo", "--dir", "demo", "--json", "--reset"]);
    assert_ne!(up.lasting()["nodes"][0]["api_key"], lasting["nodes"][0]["api_key"]);
    up.stop("-INT");

    std::fs::create_dir(folder.path().join("mine")).expect("a folder");
    let refused = run(folder.path(), &["demo", "--dir", "mine", "--reset"]);
    assert_eq!(refused.status.code(), Some(3), "what is no demo is not removed");
    assert!(folder.path().join("mine").exists());
}

fn journeys(up: &Up, reader: &Client) {
    let (coffee, vaccine, handbag) =
        (thing(up, "coffee"), thing(up, "vaccine"), thing(up, "handbag"));
    assert_eq!(anomalies(&item(reader, &coffee)), (vec![], vec![]));
    assert_eq!(anomalies(&item(reader, &vaccine)).0, ["outside-limits"]);
    let told = item(reader, &handbag);
    assert_eq!(anomalies(&told), (vec![], vec!["impossible-speed"]));
    for (thing, words) in [
        (
            &coffee,
            [
                "Sidama Hills whole beans",
                "Matches the maker",
                "西达玛山咖啡豆",
                "与生产者的记录一致",
            ],
        ),
        (&vaccine, ["Alder vaccine", "Take care", "桤木疫苗", "请留意"]),
        (&handbag, ["Lumen No. 4", "km away", "流明四号", "公里外"]),
    ] {
        let path = thing.trim_start_matches("https://id.gs1.org");
        let anybody = Client::new(reader.base());
        for (language, words) in [("en", &words[..2]), ("zh", &words[2..])] {
            let page = anybody.get_as(&format!("{path}?lang={language}"), "text/html");
            let page = page.expect("a page");
            assert_eq!(page.status, 200);
            for word in words {
                assert!(page.text.contains(word), "{word}: {}", page.text);
            }
        }
        let told = item(reader, thing);
        let picture = told["product"]["picture"].as_str().expect("a picture");
        let path = format!("/api/v1/pictures/{picture}");
        let shown = || reader.get_as(&path, "image/*").expect("an answer").status == 200;
        // A node asks the peers that it is connected to, and asks again after a while.
        wait_until("the picture", shown);
    }
    // Kilograms are conserved, and every leg of the way is known.
    let lot = format!(
        "{}/10/ROAST-27",
        coffee.split("/21/").next().expect("it").replace("01045", "01038")
    );
    let left = item(reader, &lot);
    assert_eq!(left["quantities"][0]["made"], "246", "{left}");
    assert_eq!(left["quantities"][0]["left"], "6", "{left}");
    let footprint = format!("/api/v1/footprint?id={}", percent_encoded(&coffee));
    let footprint = reader.get(&footprint).expect("a footprint").json;
    assert_eq!((&footprint["complete"], &footprint["open"]), (&json!(true), &json!([])));
    assert!(footprint["legs"].as_array().is_some_and(|legs| legs.len() >= 6), "{footprint}");
}

/// The first sale paid its price in the block of the receipt; the vaccine's price went back with
/// the penalty; the second pallet still waits.
fn paid(up: &Up) {
    let agreements = up.first["agreements"].as_array().expect("agreements");
    let stages: Vec<&Value> = agreements.iter().map(|agreement| &agreement["stage"]).collect();
    assert_eq!(stages, ["released", "released", "running"]);
    for agreement in [0, 2] {
        let path =
            format!("/api/v1/agreements/{}", agreements[agreement]["id"].as_str().expect("it"));
        let seen = up.client(BANK).get(&path).expect("an answer").json;
        let stage = if agreement == 0 { "ended" } else { "running" };
        assert_eq!(seen["stage"], stage, "the bank sees it too: {seen}");
    }
    let path = format!("/api/v1/agreements/{}/story", agreements[0]["id"].as_str().expect("it"));
    let story = up.client(BANK).get(&path).expect("a story").json;
    let steps = story["steps"].as_array().expect("steps");
    let released = steps.iter().find(|step| step["kind"] == "fulfilled").expect("a release");
    let pallet = "https://id.gs1.org/00/095210010000000017";
    let held = &item(&up.client(BANK), pallet)["holder"];
    assert_eq!(held["member"], "lumen");
    let cursor = held["event"]["cursor"].as_str().expect("a cursor");
    let height = cursor.split('-').next().and_then(|height| height.parse::<u64>().ok());
    assert_eq!(released["height"].as_u64(), height, "released in the block of the receipt");

    let free = |node: usize, member: &str| {
        let told = up.client(node).get(&format!("/api/v1/accounts/{member}:main"));
        told.expect("an account").json["balances"][0]["available"].clone()
    };
    // 30,000 less two prices of 2,640, and 900 of penalty; the price of 9,000 came back.
    assert_eq!(free(SHOP, "lumen"), "25620.00");
    assert_eq!(free(COFFEE, "sidama"), "2640.00");
    assert_eq!(free(VACCINE, "alder"), Value::Null, "the penalty is gone, and nothing came");
}

/// With `--lan` the links lead to this machine's own address, and who can open them is said.
/// Without a network it is refused in plain words.
fn open_to_the_network(dir: &Path) {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let own = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let Ok(own) = own else {
        let refused = run(dir, &["demo", "--dir", "demo", "--lan"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("no network"), "{said}");
        return;
    };
    let mut shown = Shown::start(dir, &["--lan"]);
    shown.read_to("Ctrl-C");
    let all = shown.lines.join("\n");
    assert!(all.contains("OPEN TO YOUR NETWORK") && all.contains("not encrypted"), "{all}");
    let begins = format!("    http://{}:", own.ip());
    let links: Vec<&String> = shown.lines.iter().filter(|line| line.starts_with(&begins)).collect();
    assert!(links.len() >= 4, "{all}");
    let page = Client::new("").get_as(links[0].trim(), "text/html").expect("a page");
    assert_eq!(page.status, 200);
    // Only the shop's node is open: the others stay on loopback.
    assert_eq!(all.matches("http://127.0.0.1").count(), 6, "{all}");
    signal(&shown.child, "-INT");
    shown.read_to("Stopping");
    shown.ends(dir);
}

/// Promise P92: what the demo prints fits 80 columns, its commands work as they are pasted, taken
/// ports are passed over, and a reader that goes away ends it cleanly.
#[test]
fn the_printed_lines_work_and_ports_may_be_taken() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path();
    // Taken, if nobody has it already.
    let usual = TcpListener::bind(("127.0.0.1", 8080));
    let mut shown = Shown::start(dir, &[]);
    shown.read_to("Ctrl-C");
    drop(usual);
    for line in &shown.lines {
        assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
    }
    let all = shown.lines.join("\n");
    assert!(all.contains("Some of the usual ports are taken") && !all.contains(":8080"), "{all}");
    assert!(all.contains("recorded today"), "{all}");

    let capture = shown.command("Receive the second pallet");
    let (find, see) = (shown.command("Find that event"), shown.command("See with the bank's key"));
    let found = |answer: &str| answer.matches("\"receiving\"").count();
    assert_eq!(found(&paste(dir, &find)), 0, "nobody has recorded it yet");
    let answer = paste(dir, &capture);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    wait_until("the event at all nodes", || found(&paste(dir, &find)) == 6);
    let waited = wait_until("the release", || paste(dir, &see).contains("\"how\":\"released\""));
    println!("released after {waited:?}");
    signal(&shown.child, "-INT");
    shown.read_to("Stopping");
    shown.ends(dir);

    // Another program has the port that a node had: the folder goes on with another one.
    let manifest = std::fs::read_to_string(dir.join("demo/testnet.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let port = manifest["nodes"][SHOP]["http_port"].as_u64().expect("a port");
    let taken = TcpListener::bind(("127.0.0.1", u16::try_from(port).expect("a port")));
    let mut shown = Shown::start(dir, &[]);
    shown.read_to("Ctrl-C");
    let all = shown.lines.join("\n");
    assert!(!all.contains(&format!("127.0.0.1:{port}")), "{all}");
    assert!(all.contains("The shop has received the second pallet"), "{all}");
    drop(taken);
    signal(&shown.child, "-TERM");
    shown.read_to("Stopping");
    shown.ends(dir);

    open_to_the_network(dir);

    // As `| head -3` does: the pipe is closed while the demo still writes.
    let mut shown = Shown::start(dir, &[]);
    shown.read_to("[3/9]");
    shown.stdout = None;
    shown.ends(dir);
}
