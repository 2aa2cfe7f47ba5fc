//! `tracehold demo`: four companies, a bank and an inspection office, their nodes, the journey of a
//! bag of coffee, and the money that moves with it.

mod sale;
mod story;

use std::fs;
use std::path::{Path, PathBuf};

use fast_qr::QRBuilder;
use serde_json::{Value, json};
use tracehold_chain::units::TimestampMs;
use tracehold_testnet::load::wait_for_job;
use tracehold_testnet::manifest::MANIFEST_FILE;
use tracehold_testnet::network::{FolderLock, RunningNode};
use tracehold_testnet::{Options, Testnet, TestnetError};

use super::init::now;
use super::{Failure, output, own_binary, signals};
use story::Who;

/// Remembers when the story began, so that a folder is resumed with the same events.
const STORY_FILE: &str = "story.json";
/// An event for people to capture by hand.
const EXAMPLE_FILE: &str = "event.json";
/// Address and API key of every node, for shell loops.
const NODES_FILE: &str = "nodes.txt";
/// The story is told so long after it ended.
const TOLD_AFTER_MS: u64 = 24 * 3_600_000;
/// How long one step of the story may take to be committed.
const STEP_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tracehold demo\n  tracehold demo --dir /tmp/coffee --reset")]
pub struct Args {
    /// The demo's folder; the same folder goes on where it stopped
    #[arg(long, value_name = "DIR", default_value = ".data/demo")]
    dir: PathBuf,
    /// Remove what an earlier demo left in the folder and begin again
    #[arg(long)]
    reset: bool,
    /// Print one JSON object when everything is ready
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let stop = signals::stop_flag()?;
    if args.reset {
        reset(&args.dir)?;
    }
    if !args.json {
        output::line("Starting the nodes of four companies, a bank and an inspection office …")?;
    }
    let mut options = Options::new(own_binary()?, &args.dir, Who::ALL.len());
    options.plan = story::plan();
    options.cancelled = stop.clone();
    let mut network = match Testnet::up(options) {
        Err(TestnetError::Cancelled) => return Ok(()),
        result => result?,
    };
    let told = tell(args, &network);
    let waited =
        told.and_then(|()| signals::wait(&stop, || network.check_running().map_err(Failure::from)));
    if waited.is_ok() && !args.json {
        // The reader may be gone with the terminal; stopping goes on all the same.
        let _ = output::line("\nStopping …");
    }
    let clean = network.stop();
    waited?;
    if clean { Ok(()) } else { Err(Failure::Refused("a node did not stop cleanly".to_owned())) }
}

/// Removes an earlier demo, and nothing that is none.
fn reset(dir: &Path) -> Result<(), Failure> {
    if !dir.exists() {
        return Ok(());
    }
    if !dir.join(MANIFEST_FILE).exists() {
        let reason = "it holds no demo; nothing was removed";
        return Err(Failure::Folder(format!("{}: {reason}", dir.display())));
    }
    let _lock = FolderLock::take(dir)?;
    fs::remove_dir_all(dir)
        .map_err(|error| Failure::Folder(format!("cannot remove {}: {error}", dir.display())))
}

fn tell(args: &Args, network: &Testnet) -> Result<(), Failure> {
    let start = story_start(&args.dir)?;
    // First of all: only what is recorded while an agreement runs counts for it.
    let agreed = sale::agree(network, start.plus_ms(story::JOURNEY_MS + TOLD_AFTER_MS))?;
    let mut steps = story::journey(start);
    for step in steps.iter().chain(&story::second_shipment(start)) {
        record(node_of(network, step.who), &step.event)?;
    }
    steps.extend(story::second_shipment(start));
    let count = steps.len();
    let agreements = agreements(network, &agreed)?;
    write_helpers(&args.dir, network, start)?;
    let page = format!("{}{}", network.nodes[0].http, story::bag_path());
    if args.json {
        let mut description = serde_json::to_value(network.description()).expect("plain records");
        description["page"] = page.into();
        description["events"] = count.into();
        description["agreements"] = agreements.into();
        return output::json(&description);
    }
    steps.sort_by_key(|step| step.event["eventTime"].as_str().map(str::to_owned));
    show(&args.dir, network, &page, &steps)?;
    show_agreements(network, &agreed, &agreements)?;
    output::line("\nCtrl-C stops the nodes. The same folder goes on where it stopped.")
}

/// What programs are told of the agreements.
fn agreements(network: &Testnet, agreed: &[sale::Agreed]) -> Result<Vec<Value>, Failure> {
    let told = agreed.iter().map(|agreed| {
        let node = node_of(network, agreed.seen_by);
        Ok(json!({
            "id": agreed.id,
            "stage": sale::stage(network, agreed)?,
            "page": format!("{}/agreements/{}", node.http, agreed.id),
            "member": node.member,
        }))
    });
    told.collect()
}

/// Both agreements, and how to see them.
fn show_agreements(
    network: &Testnet,
    agreed: &[sale::Agreed],
    told: &[Value],
) -> Result<(), Failure> {
    output::line("\nThe money that moved with the goods:")?;
    for (agreed, told) in agreed.iter().zip(told) {
        let text = |field: &str| told[field].as_str().unwrap_or_default().to_owned();
        output::line(format!("  {} ({})", agreed.title, text("stage")))?;
        output::line(format!("  {}", text("page")))?;
    }
    let roaster = node_of(network, Who::Roaster);
    output::line(
        "They hold prices: the page asks for an API key of a company that takes part, such",
    )?;
    output::line(format!("as the roaster's, {}", roaster.api_key))?;
    output::line(format!("Its accounts: {}/accounts", roaster.http))
}

/// When the story of this folder begins: told so that it has just ended.
fn story_start(dir: &Path) -> Result<TimestampMs, Failure> {
    let path = dir.join(STORY_FILE);
    let damaged = |reason: String| Failure::Folder(format!("{}: {reason}", path.display()));
    if let Ok(text) = fs::read_to_string(&path) {
        let story: Value = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        return story["start"].as_u64().map(TimestampMs).ok_or_else(|| damaged("no start".into()));
    }
    let start = TimestampMs(now()?.0.saturating_sub(story::JOURNEY_MS + TOLD_AFTER_MS));
    let text = json!({ "start": start.0 }).to_string();
    fs::write(&path, text).map_err(|error| damaged(error.to_string()))?;
    Ok(start)
}

fn node_of(network: &Testnet, who: Who) -> &RunningNode {
    let (member, ..) = who.row();
    let found = network.nodes.iter().find(|node| node.member == member);
    found.expect("the plan has a node of every company")
}

/// Records one event at its company's node; an event that is on record already is fine.
fn record(node: &RunningNode, event: &Value) -> Result<(), Failure> {
    let mut event = event.clone();
    let context = event["@context"].take();
    if let Some(fields) = event.as_object_mut() {
        fields.remove("@context");
    }
    let plain = json!(["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"]);
    let document = json!({
        "@context": if context.is_null() { plain } else { context },
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": event["eventTime"],
        "epcisBody": { "eventList": [event] },
    });
    let client = node.client();
    let answer = client.post("/epcis/v2/capture", document.to_string().as_bytes(), &[])?;
    let failed = |reason: String| {
        let id = &document["epcisBody"]["eventList"][0]["eventID"];
        Failure::Refused(format!("{} could not record event {id}: {reason}", node.name))
    };
    if answer.status != 202 {
        return Err(failed(answer.problem()));
    }
    let location = answer.location.unwrap_or_default();
    let job = wait_for_job(&client, &location, STEP_TIMEOUT)?
        .ok_or_else(|| failed("it is not committed in time".to_owned()))?;
    let errors = job["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let on_record = |error: &Value| error["code"] == "event-id-taken";
    if job["success"] == true || errors.iter().all(on_record) {
        return Ok(());
    }
    Err(failed(job["errors"].to_string()))
}

/// Writes the files that the printed commands use.
fn write_helpers(dir: &Path, network: &Testnet, start: TimestampMs) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: std::io::Error| {
        Failure::Folder(format!("cannot write into {}: {error}", dir.display()))
    };
    let example = serde_json::to_string_pretty(&story::example_event(start)).expect("JSON");
    fs::write(dir.join(EXAMPLE_FILE), example + "\n").map_err(failed)?;
    // API keys: for their owner's eyes only.
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = file.open(dir.join(NODES_FILE)).map_err(failed)?;
    for node in &network.nodes {
        writeln!(file, "{} {}", node.http, node.api_key).map_err(failed)?;
    }
    Ok(())
}

fn show(dir: &Path, network: &Testnet, page: &str, steps: &[story::Step]) -> Result<(), Failure> {
    output::line(format!(
        "\nThe journey is recorded: {} events, agreed by four validators.",
        steps.len()
    ))?;
    for step in steps {
        let (_, name, _) = step.who.row();
        let day = &step.event["eventTime"].as_str().unwrap_or_default()[..10];
        output::line(format!("  {day}  {:<32}  {}", name, step.title))?;
    }
    output::line(format!("\nOpen the bag's page:\n  {page}"))?;
    output::line(format!(
        "The pallet that crossed the sea:\n  {}{}",
        network.nodes[0].http,
        story::pallet_path()
    ))?;
    if let Ok(code) = QRBuilder::new(page).build() {
        output::line(format!("\n{}", code.to_str()))?;
    }
    output::line("\nThe companies, and an API key of each (Authorization: Bearer …):")?;
    for who in Who::ALL {
        let node = node_of(network, who);
        output::line(format!("  {:<11} {} {}", node.member, node.http, node.api_key))?;
    }
    show_commands(dir, network)
}

/// Commands to try: recording one event, and finding it at every node.
fn show_commands(dir: &Path, network: &Testnet) -> Result<(), Failure> {
    let shop = node_of(network, Who::Shop);
    let example = story::example_event(story_start(dir)?);
    let event_id = example["eventID"].as_str().unwrap_or_default();
    let folder = dir.display();
    output::line("\nRecord an event at the shop, then find it at all nodes:")?;
    output::line(format!("  curl -i {}/epcis/v2/events \\", shop.http))?;
    output::line(format!("    -H 'Authorization: Bearer {}' \\", shop.api_key))?;
    output::line("    -H 'Content-Type: application/json' \\")?;
    output::line(format!("    -d @{folder}/{EXAMPLE_FILE}"))?;
    output::line("")?;
    output::line("  while read node key; do")?;
    output::line("    curl -s -H \"Authorization: Bearer $key\" \\")?;
    output::line(format!("      $node/epcis/v2/events/{event_id}"))?;
    output::line("    echo")?;
    output::line(format!("  done < {folder}/{NODES_FILE}"))
}
