//! `tracehold capture`: a file's EPCIS events, recorded through a node.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tracehold_testnet::client::{Answer, Client};
use tracehold_testnet::load::wait_for_job;

use super::init::now;
use super::{Failure, NodeAddress, output};

/// The five event types: a file with one of them is a bare event.
const EVENT_TYPES: [&str; 5] = [
    "ObjectEvent",
    "AggregationEvent",
    "TransactionEvent",
    "TransformationEvent",
    "AssociationEvent",
];
/// The JSON-LD context of EPCIS 2.0.
const EPCIS_CONTEXT: &str = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tracehold capture events.json --api-key th_…\n  tracehold capture \
                  - --node http://127.0.0.1:8081 --proceed --json < events.json\n\n\
                  The exit code is 0 when every event is recorded, 1 when one is refused."
)]
pub struct Args {
    /// An EPCISDocument, an EPCISQueryDocument or one event, in JSON; `-` reads stdin
    file: PathBuf,
    #[command(flatten)]
    address: NodeAddress,
    /// The API key of the agent that records
    #[arg(long, value_name = "KEY", env = "TRACEHOLD_API_KEY", hide_env_values = true)]
    api_key: String,
    /// Record the good events of a document that has bad ones; without it, all or nothing
    #[arg(long)]
    proceed: bool,
    /// How long to wait until the events are committed, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let text = read(&args.file)?;
    let (document, event_ids) = as_document(&text)?;
    let client = Client::new(&args.address.node).with_key(&args.api_key);
    let behaviour = if args.proceed { "proceed" } else { "rollback" };
    let headers = [("GS1-Capture-Error-Behaviour", behaviour)];
    let answer = client.post("/epcis/v2/capture", document.as_bytes(), &headers)?;
    if answer.status != 202 {
        return Err(refused(args, &answer));
    }
    let location = answer.location.unwrap_or_default();
    let job = wait_for_job(&client, &location, Duration::from_secs(args.timeout))?;
    let job = job.ok_or_else(|| {
        Failure::Refused(format!(
            "the events were accepted but are not committed after {} s; ask the node for {location}",
            args.timeout
        ))
    })?;
    report(args, &job, &event_ids)
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    let failed = |error| Failure::Refused(format!("cannot read {}: {error}", path.display()));
    read.map_err(failed)?;
    Ok(text)
}

/// The document to send, and the eventID of each event that has one. A bare event is put into a
/// document as it is written: its numbers and key order stay.
fn as_document(text: &str) -> Result<(String, Vec<Option<String>>), Failure> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Failure::Refused(format!("the file is not JSON: {error}")))?;
    let event_id = |event: &Value| event["eventID"].as_str().map(str::to_owned);
    let kind = value["type"].as_str().unwrap_or_default();
    if EVENT_TYPES.contains(&kind) {
        let created = now()?;
        let document = format!(
            r#"{{"@context":["{EPCIS_CONTEXT}"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"{created}","epcisBody":{{"eventList":[{text}]}}}}"#
        );
        return Ok((document, vec![event_id(&value)]));
    }
    let events = match kind {
        "EPCISDocument" => &value["epcisBody"]["eventList"],
        "EPCISQueryDocument" => &value["epcisBody"]["queryResults"]["resultsBody"]["eventList"],
        _ => {
            let reason = "the file is no EPCISDocument, EPCISQueryDocument or EPCIS event: its \
                          type is none of these";
            return Err(Failure::Refused(reason.to_owned()));
        }
    };
    let ids = events.as_array().map(|events| events.iter().map(event_id).collect());
    Ok((text.to_owned(), ids.unwrap_or_default()))
}

/// The failure of a document that the node would not take at all.
fn refused(args: &Args, answer: &Answer) -> Failure {
    if args.json {
        // The reader of stdout learns the reason as a program can use it.
        let _ = output::json(&json!({ "success": false, "errors": [answer.json] }));
    }
    let mut text = answer.problem();
    for error in answer.json["errors"].as_array().into_iter().flatten() {
        text = format!("{text}\n  {}", one_line(error));
    }
    Failure::Refused(text)
}

fn one_line(problem: &Value) -> String {
    let field = |name: &str| problem[name].as_str().filter(|text| !text.is_empty());
    let words: Vec<&str> =
        ["field", "pointer", "title", "detail", "message"].into_iter().filter_map(field).collect();
    if words.is_empty() { problem.to_string() } else { words.join(": ") }
}

fn report(args: &Args, job: &Value, event_ids: &[Option<String>]) -> Result<(), Failure> {
    let errors = job["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let success = job["success"] == true;
    let of = |index: usize| errors.iter().find(|e| e["event"].as_u64() == Some(index as u64));
    // Without `proceed` one bad event keeps all of them out.
    let recorded = |index: usize| success || (args.proceed && of(index).is_none());
    let count = (0..event_ids.len()).filter(|index| recorded(*index)).count();
    if args.json {
        let events = event_ids.iter().enumerate().map(|(index, id)| {
            json!({ "event": index, "eventID": id, "recorded": recorded(index), "problem": of(index) })
        });
        output::json(&json!({
            "captureID": job["captureID"],
            "success": success,
            "recorded": count,
            "events": events.collect::<Vec<_>>(),
            "errors": errors,
            "masterData": job["masterData"],
        }))?;
    } else {
        for (index, id) in event_ids.iter().enumerate() {
            let outcome = match of(index) {
                Some(error) => format!("refused   {}", one_line(error)),
                None if recorded(index) => format!("recorded  {}", id.as_deref().unwrap_or("")),
                None => "left out  because another event is refused".to_owned(),
            };
            output::line(format!("event {index:<5} {outcome}").trim_end())?;
        }
        for error in errors.iter().filter(|error| error["event"].is_null()) {
            output::line(one_line(error))?;
        }
        for line in master_data(&job["masterData"], success) {
            output::line(line)?;
        }
    }
    if success {
        return Ok(());
    }
    Err(Failure::Refused(format!("{count} of {} events are recorded", event_ids.len())))
}

/// What became of the document's master data, in lines for people; none when it had none.
fn master_data(done: &Value, success: bool) -> Vec<String> {
    if done.is_null() {
        return Vec::new();
    }
    let (set, unchanged) = (&done["set"], &done["unchanged"]);
    let set = if success { format!("{set} set") } else { format!("{set} to be set") };
    let mut lines = vec![format!("master data {set}, {unchanged} as on record")];
    for left_out in done["leftOut"].as_array().into_iter().flatten() {
        let field = |name: &str| left_out[name].as_str().unwrap_or_default();
        lines.push(format!("left out    {}: {}", field("field"), field("mend")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn master_data_that_is_left_out_is_told() {
        let done = json!({"set": 2, "unchanged": 1, "leftOut": [
            {"field": "/a/0", "rule": "not-yours", "mend": "ask them"}]});
        let lines = ["master data 2 set, 1 as on record", "left out    /a/0: ask them"];
        assert_eq!(master_data(&done, true), lines);
        assert!(master_data(&Value::Null, true).is_empty());
    }

    #[test]
    fn a_bare_event_is_sent_inside_a_document_as_it_is_written() {
        let event = r#"{"type":"ObjectEvent", "eventID":"urn:x:1", "x:n": 1.10}"#;
        let (document, ids) = as_document(event).unwrap();
        assert!(document.contains(event));
        assert_eq!(ids, vec![Some("urn:x:1".to_owned())]);
        let parsed: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(parsed["type"], "EPCISDocument");
        assert_eq!(as_document(&document).unwrap(), (document.clone(), ids));
    }

    #[test]
    fn other_files_are_refused_with_what_is_accepted() {
        for text in ["", "[]", "{\"type\":\"Thing\"}"] {
            assert!(as_document(text).is_err(), "{text}");
        }
    }
}
