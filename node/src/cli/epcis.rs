//! `tracehold epcis`: what is wrong with an EPCIS file, and the names its events give themselves.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use tracehold_chain::epcis::hash_id::{self, EventHash, Reading};
use tracehold_chain::epcis::{Document, DocumentKind, Event, Normalisation, Violation};
use tracehold_chain::units::TimestampMs;

use super::init::now;
use super::{Failure, output};
use crate::api::prepare::not_ahead;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say everything that is wrong with a file, and how to mend it
    Check(Check),
    /// Print the event hash id (CBV 2.0) of every event of a file
    Hash(Hash),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tracehold epcis check events.json\n  tracehold epcis check --lenient \
                  --json - < events.json\n\nNotices and changes refuse nothing. Exit codes: 0 \
                  every event is right, 1 something is wrong or the file cannot be read"
)]
pub struct Check {
    /// An EPCISDocument or EPCISQueryDocument in JSON or XML, or one event in JSON; `-` reads stdin
    file: PathBuf,
    /// Bring what many systems write into the standard's form first, and say what was changed
    #[arg(long)]
    lenient: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tracehold epcis hash events.json\n  tracehold epcis hash --prehash \
                  event.json\n\nExit codes: 0 every event has its id, 1 an event is wrong or the \
                  file cannot be read"
)]
pub struct Hash {
    /// An EPCISDocument or EPCISQueryDocument in JSON or XML, or one event in JSON; `-` reads stdin
    file: PathBuf,
    /// Bring what many systems write into the standard's form first
    #[arg(long)]
    lenient: bool,
    /// Print the pre-hash string before each id
    #[arg(long)]
    prehash: bool,
    /// Print one JSON object for each event
    #[arg(long)]
    json: bool,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Check(args) => check(args),
        Command::Hash(args) => hash(args),
    }
}

/// A file, read.
#[derive(Default)]
struct Read {
    /// The good events, with their places in the file.
    events: Vec<(usize, Event)>,
    /// How many events the file has.
    count: usize,
    /// Where its events stand; empty when it is one event.
    list: &'static str,
    /// How hash ids of its events are made.
    reading: Reading,
    problems: Vec<Violation>,
    changes: Vec<Normalisation>,
}

impl Read {
    /// The place of the event that a pointer leads into.
    fn event_of(&self, pointer: &str) -> Option<usize> {
        if self.list.is_empty() {
            return (self.count > 0).then_some(0);
        }
        pointer.strip_prefix(self.list)?.strip_prefix('/')?.split('/').next()?.parse().ok()
    }

    /// Where the event of that place stands in the file.
    fn at(&self, index: usize) -> String {
        match self.list {
            "" => String::new(),
            list => format!("{list}/{index}"),
        }
    }

    /// Refuses events that are ahead of the clock, as capture does.
    fn refuse_ahead(&mut self, now: TimestampMs) {
        for (index, event) in std::mem::take(&mut self.events) {
            match not_ahead(event, now) {
                Ok(event) => self.events.push((index, event)),
                Err(wrong) => {
                    let at = self.at(index);
                    self.problems.extend(wrong.into_iter().map(|wrong| wrong.inside(&at)));
                }
            }
        }
    }

    fn notices(&self, now: TimestampMs) -> Vec<Violation> {
        let of = |(index, event): &(usize, Event)| {
            let at = self.at(*index);
            let inside = move |notice: Violation| notice.inside(&at);
            let notices = event.notices_at(now, &self.reading);
            notices.into_iter().map(inside).collect::<Vec<_>>()
        };
        self.events.iter().flat_map(of).collect()
    }
}

fn read_file(path: &Path, lenient: bool) -> Result<Read, Failure> {
    let mut bytes = Vec::new();
    let done = if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    let failed = |error| Failure::Refused(format!("cannot read {}: {error}", path.display()));
    done.map_err(failed)?;
    Ok(read(&bytes, lenient))
}

fn read(bytes: &[u8], lenient: bool) -> Read {
    if bytes.trim_ascii_start().starts_with(b"<") {
        let document = if lenient {
            Document::parse_xml_lenient(bytes)
        } else {
            Document::parse_xml(bytes).map(|document| (document, Vec::new()))
        };
        return match document {
            Ok((document, changes)) => from_document(document, changes),
            Err(problems) => Read { problems, ..Read::default() },
        };
    }
    let peek: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let of_document = ["epcisBody", "schemaVersion", "epcisHeader"];
    let named = matches!(peek["type"].as_str(), Some("EPCISDocument" | "EPCISQueryDocument"));
    let is_document = named || of_document.iter().any(|key| peek.get(key).is_some());
    let whole = |problems| Read { problems, ..Read::default() };
    if !is_document && peek.is_object() {
        let event = if lenient {
            Event::parse_bare_lenient(bytes)
        } else {
            Event::parse_bare(bytes).map(|event| (event, Vec::new()))
        };
        return match event {
            Ok((event, changes)) => {
                Read { events: vec![(0, event)], count: 1, changes, ..Read::default() }
            }
            Err(problems) => Read { count: 1, problems, ..Read::default() },
        };
    }
    let document = if lenient {
        Document::parse_lenient(bytes)
    } else {
        Document::parse(bytes).map(|document| (document, Vec::new()))
    };
    match document {
        Err(problems) => whole(problems),
        Ok((document, changes)) => from_document(document, changes),
    }
}

fn from_document(document: Document, changes: Vec<Normalisation>) -> Read {
    let kind: DocumentKind = document.kind;
    let mut read = Read {
        count: document.events.len(),
        list: kind.event_list(),
        reading: document.reading(),
        changes,
        ..Read::default()
    };
    for (index, event) in document.events.into_iter().enumerate() {
        match event {
            Ok(event) => read.events.push((index, event)),
            Err(problems) => read.problems.extend(problems),
        }
    }
    read
}

/// A line of the report: a problem, notice or change, and which event it is about.
#[derive(Serialize)]
struct Line<'a> {
    event: Option<usize>,
    pointer: &'a str,
    rule: &'a str,
    message: &'a str,
}

impl Line<'_> {
    fn print(&self, kind: &str) -> Result<(), Failure> {
        let event =
            self.event.map_or_else(|| "document".to_owned(), |index| format!("event {index}"));
        let place = if self.pointer.is_empty() { "/" } else { self.pointer };
        output::line(format!("{kind:<8} {event:<10} {place}: {} ({})", self.message, self.rule))
    }
}

#[derive(Serialize)]
struct Report<'a> {
    events: usize,
    valid: bool,
    problems: Vec<Line<'a>>,
    notices: Vec<Line<'a>>,
    changes: Vec<Line<'a>>,
}

fn check(args: &Check) -> Result<(), Failure> {
    let mut read = read_file(&args.file, args.lenient)?;
    let now = now()?;
    if !args.lenient {
        read.refuse_ahead(now);
    }
    let notices = read.notices(now);
    let lines = |violations: &'_ [Violation]| -> Vec<(Option<usize>, Violation)> {
        violations.iter().map(|v| (read.event_of(&v.pointer), v.clone())).collect()
    };
    let (problems, noticed) = (lines(&read.problems), lines(&notices));
    let report = Report {
        events: read.count,
        valid: problems.is_empty(),
        problems: problems.iter().map(line_of).collect(),
        notices: noticed.iter().map(line_of).collect(),
        changes: read
            .changes
            .iter()
            .map(|change| Line {
                event: read.event_of(&change.pointer),
                pointer: &change.pointer,
                rule: change.rule,
                message: &change.message,
            })
            .collect(),
    };
    if args.json {
        output::json(&report)?;
    } else {
        for (kind, lines) in
            [("wrong", &report.problems), ("notice", &report.notices), ("changed", &report.changes)]
        {
            lines.iter().try_for_each(|line| line.print(kind))?;
        }
    }
    if report.valid {
        if !args.json {
            let events = if read.count == 1 { "event" } else { "events" };
            output::line(format!("{} {events}, all right", read.count))?;
        }
        return Ok(());
    }
    let problems = report.problems.len();
    Err(Failure::Refused(format!("{problems} wrong in {} events", read.count)))
}

fn line_of((event, violation): &(Option<usize>, Violation)) -> Line<'_> {
    Line {
        event: *event,
        pointer: &violation.pointer,
        rule: violation.rule,
        message: &violation.message,
    }
}

fn hash(args: &Hash) -> Result<(), Failure> {
    let read = read_file(&args.file, args.lenient)?;
    for (index, event) in &read.events {
        let EventHash { prehash, id, .. } = hash_id::of_event(event, &read.reading);
        if args.json {
            output::json(&serde_json::json!({
                "event": index,
                "eventID": event.event_id(),
                "hashID": id,
                "prehash": prehash,
            }))?;
            continue;
        }
        if args.prehash {
            output::line(prehash)?;
        }
        output::line(id)?;
    }
    if read.problems.is_empty() {
        return Ok(());
    }
    let faults: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    let missing = read.count - read.events.len();
    Err(Failure::Refused(format!("{missing} events have no id\n  {}", faults.join("\n  "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(event: &str) -> Vec<u8> {
        format!(
            r#"{{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            "type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-03-01T10:00:00Z",
            "epcisBody":{{"eventList":[{event},{event}]}}}}"#
        )
        .into_bytes()
    }

    const EVENT: &str = r#"{"type":"ObjectEvent","eventTime":"2026-03-01T10:00:00Z",
        "eventTimeZoneOffset":"+00:00","action":"OBSERVE",
        "epcList":["https://id.gs1.org/00/095213210000000019"]}"#;

    /// Promise P85.
    #[test]
    fn problems_and_notices_name_their_event() {
        let read_strict = read(&document(EVENT), false);
        assert_eq!((read_strict.count, read_strict.problems.len()), (2, 0));
        let notices = read_strict.notices(TimestampMs(1_790_000_000_000));
        assert_eq!(notices[1].pointer, "/epcisBody/eventList/1/epcList/0");
        assert_eq!(read_strict.event_of(&notices[1].pointer), Some(1));
        let mut ahead = read(&document(EVENT), false);
        ahead.refuse_ahead(TimestampMs(1_700_000_000_000));
        assert_eq!((ahead.events.len(), ahead.problems.len()), (0, 2));
        assert_eq!(ahead.problems[1].pointer, "/epcisBody/eventList/1/eventTime");
        let wrong = EVENT.replace("OBSERVE", "observe");
        let refused = read(&document(&wrong), false);
        assert_eq!(refused.event_of(&refused.problems[1].pointer), Some(1));
        let changed = read(&document(&wrong), true);
        assert_eq!((changed.problems.len(), changed.changes.len()), (0, 2));
    }

    #[test]
    fn documents_in_xml_are_read_too() {
        let xml = r#"<EPCISDocument creationDate="2026-03-01T10:00:00Z"><EPCISBody><EventList>
            <ObjectEvent><action>ADD</action></ObjectEvent></EventList></EPCISBody></EPCISDocument>"#;
        let found = read(xml.as_bytes(), false);
        assert_eq!(found.count, 1);
        assert_eq!(found.event_of(&found.problems[0].pointer), Some(0));
        assert_eq!(read(b" <a", false).problems[0].rule, "xml");
    }

    #[test]
    fn a_bare_event_is_event_nought_and_other_text_is_a_problem() {
        let bare = EVENT.replacen('{', r#"{"@context":"https://example.com/c","#, 1);
        let read_bare = read(bare.as_bytes(), false);
        assert_eq!((read_bare.count, read_bare.event_of("/epcList/0")), (1, Some(0)));
        for text in ["", "[]", "5", "{"] {
            assert!(!read(text.as_bytes(), false).problems.is_empty(), "{text}");
        }
    }
}
