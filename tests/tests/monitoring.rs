//! The dashboard and the alert rules in `docs/dashboards` against what a node really exposes.

mod common;
#[path = "monitoring/exposition.rs"]
mod exposition;
#[path = "monitoring/promql.rs"]
mod promql;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::{Network, event, wait_until};
use exposition::Exposed;
use promql::Selector;
use serde_json::{Value, json};
use tracehold_testnet::manifest::Plan;

/// What Prometheus itself knows of every target.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// Series that Prometheus makes by itself.
const OF_PROMETHEUS: [&str; 1] = ["up"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dashboards").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One expression and where it stands.
struct Asked {
    place: String,
    expr: String,
    /// Labels that the legend names.
    legend: Vec<String>,
}

/// The expressions of the dashboard, those of its variables among them.
fn of_dashboard() -> Vec<Asked> {
    let dashboard: Value = serde_json::from_str(&text("tracehold.json")).expect("JSON");
    let mut asked = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title} shows nothing");
        for target in targets {
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            let labels = legend.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
            asked.push(Asked {
                place: format!("panel {title:?}"),
                expr: target["expr"].as_str().expect("an expression").to_owned(),
                legend: labels.map(|(label, _)| label.trim().to_owned()).collect(),
            });
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        if variable["type"] == "query" {
            let query = variable["query"].as_str().expect("a query");
            let inside = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')'));
            let (expr, label) = inside.and_then(|q| q.rsplit_once(',')).expect("label_values");
            asked.push(Asked {
                place: format!("variable {}", variable["name"]),
                expr: expr.to_owned(),
                legend: vec![label.trim().to_owned()],
            });
        }
    }
    asked
}

/// The alert rules: what the file has, with nothing in it that is not understood.
fn of_alerts() -> Vec<Asked> {
    let text = text("alerts.yml");
    let mut asked: Vec<Asked> = Vec::new();
    let mut seen: Vec<BTreeSet<String>> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.trim().split_once(':').unwrap_or_else(|| panic!("{line}"));
        let (key, value) = (key.trim_start_matches("- "), value.trim());
        match key {
            "groups" | "rules" => assert!(value.is_empty(), "{line}"),
            "name" => assert_eq!(value, "tracehold"),
            "alert" => {
                assert!(value.starts_with("Tracehold"), "{value}");
                asked.push(Asked {
                    place: format!("alert {value}"),
                    expr: String::new(),
                    legend: Vec::new(),
                });
                seen.push(BTreeSet::new());
            }
            "expr" => asked.last_mut().expect("after its name").expr = value.to_owned(),
            "labels" | "annotations" => assert!(value.is_empty(), "{line}"),
            "for" => assert!(value.ends_with(['s', 'm', 'h', 'd']), "{line}"),
            "severity" => assert!(["critical", "warning", "info"].contains(&value), "{line}"),
            "summary" | "description" => {
                assert!(value.len() > 20, "{line}");
                let rule = asked.last_mut().expect("after its name");
                let labels = value.split("$labels.").skip(1);
                let end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                rule.legend
                    .extend(labels.filter_map(|rest| rest.split(end).next()).map(str::to_owned));
            }
            _ => panic!("not understood: {line}"),
        }
        if let Some(seen) = seen.last_mut() {
            seen.insert(key.to_owned());
        }
    }
    for (rule, seen) in asked.iter().zip(&seen) {
        for key in ["expr", "for", "severity", "summary", "description"] {
            assert!(seen.contains(key), "{} has no {key}", rule.place);
        }
    }
    asked
}

/// What is wrong with an expression: names, labels and values that the node does not expose.
fn faults(asked: &Asked, exposed: &Exposed) -> Vec<String> {
    let place = &asked.place;
    let query = match promql::read(&asked.expr) {
        Ok(query) => query,
        Err(error) => return vec![format!("{place}: {error} in {}", asked.expr)],
    };
    let mut faults = Vec::new();
    if query.selectors.is_empty() {
        faults.push(format!("{place} asks for nothing: {}", asked.expr));
    }
    let mut known: BTreeSet<String> = TARGET_LABELS.map(str::to_owned).into();
    for Selector { metric, matchers } in &query.selectors {
        let is_own = OF_PROMETHEUS.contains(&metric.as_str());
        let labels = exposed.labels(metric);
        if labels.is_none() && !is_own {
            faults.push(format!("{place}: the node exposes no {metric}"));
        }
        let labels = labels.unwrap_or_default();
        for (label, operator, value) in matchers {
            if TARGET_LABELS.contains(&label.as_str()) {
                continue;
            }
            match labels.get(label) {
                None => faults.push(format!("{place}: {metric} has no label {label}")),
                Some(values) if operator == "=" && !values.contains(value) => {
                    faults.push(format!("{place}: {metric} has no {label}={value:?}: {values:?}"));
                }
                Some(_) => {}
            }
        }
        known.extend(labels.into_keys());
    }
    for label in query.labels.iter().chain(&asked.legend) {
        if !known.contains(label) {
            faults.push(format!("{place}: nothing it asks for has the label {label}"));
        }
    }
    faults
}

/// A node with something to count: a validator that a follower is connected to, events recorded
/// and refused, a request of every kind.
fn exposed_by_a_node() -> Exposed {
    let network = Network::of(Plan::plain(1, 1));
    let (status, answer) = network.post_event(0, &event("counted"));
    assert!(status < 300, "{answer}");
    let mut other = event("counted");
    other["eventTime"] = json!("2026-03-02T10:00:00.000Z");
    let (status, answer) = network.post_event(0, &other);
    assert_eq!(status, 409, "{answer}");
    wait_until("the follower is heard", || {
        let text = network.net.nodes[0].client().get("/metrics").expect("an answer").text;
        Exposed::read(&text).value("tracehold_nodes_silent") == Some(0.0)
    });
    let text = network.net.nodes[0].client().get("/metrics").expect("an answer").text;
    Exposed::read(&text)
}

/// Promise P94: every metric, label and value that the dashboard and the alert rules use is one
/// that a node exposes, and everything that a node tells of itself is on the dashboard.
#[test]
fn dashboard_and_alerts_use_what_a_node_exposes() {
    let exposed = exposed_by_a_node();
    let (dashboard, alerts) = (of_dashboard(), of_alerts());
    let wrong: Vec<String> =
        dashboard.iter().chain(&alerts).flat_map(|asked| faults(asked, &exposed)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let used = |all: &[Asked]| -> BTreeSet<String> {
        let queries = all.iter().filter_map(|asked| promql::read(&asked.expr).ok());
        queries.flat_map(|query| query.selectors).map(|selector| selector.metric).collect()
    };
    let shown = used(&dashboard);
    let left_out: Vec<&String> = exposed
        .families()
        .filter(|family| family.starts_with("tracehold_"))
        .filter(|family| !shown.iter().any(|metric| exposed.family(metric) == Some(family)))
        .collect();
    assert!(left_out.is_empty(), "not on the dashboard: {left_out:?}");
    for metric in [
        "up",
        "tracehold_behind_blocks",
        "tracehold_height",
        "tracehold_disk_free_bytes",
        "tracehold_voting_power_connected",
        "tracehold_waiting_bytes",
        "tracehold_webhooks_failing",
        "tracehold_transactions_total",
    ] {
        assert!(used(&alerts).contains(metric), "no alert looks at {metric}");
    }

    // What was done shows in the numbers.
    let value = |series: &str| exposed.value(series);
    assert_eq!(value("tracehold_ready"), Some(1.0));
    assert_eq!(value("tracehold_transactions_total{result=\"recorded\"}"), Some(1.0));
    assert_eq!(value("tracehold_refusals_total{code=\"event-id-taken\"}"), Some(1.0));
    assert_eq!(value("tracehold_peers"), Some(1.0));
    let power = ["connected", "needed"].map(|of| value(&format!("tracehold_voting_power_{of}")));
    assert_eq!(power, [Some(1.0), Some(1.0)]);
    let disk = ["free", "size"].map(|of| value(&format!("tracehold_disk_{of}_bytes")));
    assert!(disk[0] > Some(0.0) && disk[0] <= disk[1], "{disk:?}");

    // The check itself notices what is wrong.
    for (expr, legend, fault) in [
        ("tracehold_hieght", "", "no tracehold_hieght"),
        ("rate(tracehold_transactions[5m])", "", "no tracehold_transactions"),
        ("tracehold_transactions_total{outcome=\"busy\"}", "", "no label outcome"),
        ("tracehold_transactions_total{result=\"bussy\"}", "", "no result=\"bussy\""),
        ("sum by (route) (tracehold_refusals_total)", "", "the label route"),
        ("tracehold_height", "role", "the label role"),
        ("1 + 1", "", "asks for nothing"),
        ("", "", "asks for nothing"),
    ] {
        let legend = legend.split_whitespace().map(str::to_owned).collect();
        let asked = Asked { place: "x".to_owned(), expr: expr.to_owned(), legend };
        let found = faults(&asked, &exposed);
        assert!(found.iter().any(|found| found.contains(fault)), "{expr}: {found:?}");
    }
}
