//! The browser's checker, run by node on many files.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tracehold_chain::evidence::{Report, Span, Trust};

/// What was found in a file, as `explorer/web/test/batch.mjs` says it.
pub fn summary(report: &Report) -> Value {
    let item = report.item.as_ref().map(|item| {
        let span = |span: &Span| json!([span.container, span.range]);
        let mut cuts: Vec<String> =
            item.cuts.iter().map(|cut| format!("{} {}", cut.reason.code(), cut.id)).collect();
        cuts.sort_unstable();
        json!({
            "count": item.count, "from": item.from, "claims": item.claims, "events": item.events,
            "withheldEvents": item.withheld_events, "withheldSections": item.withheld_sections,
            "levels": item.levels, "inputs": item.inputs, "cuts": cuts,
            "spans": item.spans.iter().map(span).collect::<Vec<_>>(),
        })
    });
    let recalls = report.recalls.iter().map(|recall| {
        let notice = &recall.record.notice;
        let mut said = json!({
            "id": recall.record.id.to_string(), "names": recall.names, "reason": notice.reason,
            "whatToDo": notice.what_to_do, "contact": notice.contact,
            "declaredAt": recall.record.declared.at.0,
        });
        if let Some(web) = &notice.web {
            said["web"] = json!(web);
        }
        said
    });
    json!({
        "height": report.height.0, "votes": report.votes, "power": report.power,
        "totalPower": report.total_power, "exists": report.exists,
        "recalls": recalls.collect::<Vec<_>>(), "item": item,
    })
}

/// What the browser's checker found in a file that holds, and who it says recorded each event, at
/// which level of what went in.
pub fn found(said: &str) -> (Value, Vec<(String, u64)>) {
    let text = said.strip_prefix("holds ").unwrap_or_else(|| panic!("{said}"));
    let mut found: Value = serde_json::from_str(text).unwrap();
    let told = found.as_object_mut().unwrap().remove("told").unwrap_or_default();
    let one =
        |of: &Value| (of["recorder"].as_str().unwrap().to_owned(), of["level"].as_u64().unwrap());
    let told = told.as_array().into_iter().flatten().map(one).collect();
    (found, told)
}

/// JSON.parse takes what a strict reader refuses; what is then spelled in another way is told from
/// what cannot be read by one checker and not by the other.
pub fn spelled(code: &str) -> &str {
    if code == "unreadable" { "spelling" } else { code }
}

/// What the browser's checker says of files: `holds` and a summary, `unreadable`, or a code and a
/// place.
pub fn in_the_browser(files: impl Iterator<Item = (String, Trust)>, args: &[&str]) -> Vec<String> {
    let batch = concat!(env!("CARGO_MANIFEST_DIR"), "/../explorer/web/test/batch.mjs");
    let mut node = Command::new("node");
    node.arg(batch).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = node.spawn().unwrap_or_else(|error| panic!("node is needed: {error}"));
    let mut input = std::io::BufWriter::new(node.stdin.take().unwrap());
    for (text, trust) in files {
        let Trust { genesis, least_height, item } = trust;
        let mut told = serde_json::Map::new();
        told.extend(genesis.map(|digest| ("genesis".to_owned(), json!(digest))));
        told.extend(least_height.map(|least| ("leastHeight".to_owned(), json!(least.0))));
        told.extend(item.as_ref().map(|item| ("item".to_owned(), json!(item))));
        serde_json::to_writer(&mut input, &json!({"text": text, "trust": told})).unwrap();
        input.write_all(b"\n").unwrap();
    }
    drop(input);
    let done = node.wait_with_output().unwrap();
    assert!(done.status.success());
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}
