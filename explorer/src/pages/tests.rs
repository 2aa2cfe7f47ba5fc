//! What people record never becomes markup, and pages name nothing outside their own site.

use serde_json::json;
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::masterdata::Product;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::provenance::{ItemState, Mark, Party, Said, trace::Present};

use super::item::{Balance, Finding, Inside, Names};
use super::recalls::{self, Listed, Notice, Recall, Recalls};
use super::*;
use crate::story::{Places, Recorded, Reference};
use crate::verdict::Oddity;

const SCRIPT: &str = "<script>alert('x')</script>\"&";

fn frame(language: Language) -> Frame {
    Frame { language, path: "/01/09506000134352".to_owned(), chain_id: "demo".to_owned() }
}

fn hostile() -> Recorded {
    let event = json!({
        "type": SCRIPT, "bizStep": SCRIPT, "disposition": SCRIPT, "eventTime": SCRIPT,
        "epcList": [SCRIPT], "readPoint": {"id": SCRIPT}, "parentID": SCRIPT, "eventID": SCRIPT,
    });
    Recorded {
        recorded_by: SCRIPT.to_owned(),
        height: 1,
        declared_wrong: true,
        is_claim: true,
        anomalies: vec![SCRIPT.to_owned()],
        is_partial: true,
        through: vec![SCRIPT.to_owned()],
        ..Recorded::of(event)
    }
}

fn present() -> Present {
    fn said<T>(what: T) -> Said<T> {
        Said { what, mark: Mark::default() }
    }
    let state = ItemState {
        disposition: Some(said(SCRIPT.to_owned())),
        holders: vec![said(Party::Other(SCRIPT.to_owned()))],
        ..ItemState::default()
    };
    let own = |said| tracehold_contracts::provenance::trace::Through { said, container: None };
    Present {
        containers: vec![said(SCRIPT.to_owned())],
        emptied: None,
        holder: state.holder().cloned().map(own),
        place: None,
        transits: Vec::new(),
        state,
    }
}

fn hostile_item() -> Item {
    let texts = || [("en".to_owned(), SCRIPT.to_owned())].into();
    Item {
        title: SCRIPT.to_owned(),
        identifier: SCRIPT.to_owned(),
        full: Some(SCRIPT.to_owned()),
        wider: vec![Reference { text: SCRIPT.to_owned(), path: Some(SCRIPT.to_owned()) }],
        present: Some(present()),
        product: Some(Product {
            names: texts(),
            descriptions: texts(),
            brand: Some(SCRIPT.to_owned()),
            ..Product::default()
        }),
        names: Names::default(),
        findings: vec![Finding {
            oddity: Oddity::Agreed(AnomalyKind::CommissionedTwice),
            event_id: Some(SCRIPT.to_owned()),
            resolved_by: None,
        }],
        events: vec![hostile()],
        earlier: Some(SCRIPT.to_owned()),
        stops: vec![crate::figures::map::Stop { name: SCRIPT.to_owned(), north: 0, east: 0 }],
        balances: vec![Balance {
            unit: SCRIPT.to_owned(),
            amounts: [SCRIPT; 4].map(str::to_owned),
        }],
        contents: vec![Inside {
            id: SCRIPT.to_owned(),
            amounts: vec![(SCRIPT.to_owned(), SCRIPT.to_owned())],
            inside: Vec::new(),
            has_more: true,
        }],
        recalls: vec![hostile_notice()],
        ..Item::default()
    }
}

fn hostile_scan() -> Item {
    let certificate = scan::Certificate {
        name: SCRIPT.to_owned(),
        said_by: SCRIPT.to_owned(),
        ..scan::Certificate::default()
    };
    let scan = Scan {
        maker: Some(SCRIPT.to_owned()),
        facts: vec![("Lot", SCRIPT.to_owned())],
        certificates: vec![certificate],
        warning: Some(SCRIPT.to_owned()),
        report: "/report".to_owned(),
        ..Scan::default()
    };
    Item { scan: Some(scan), ..hostile_item() }
}

/// Promises P119 and P129: nothing on the page is green before it was checked, also where the whole
/// story is; no recall is below anything else, and each can be compared.
#[test]
fn a_scan_claims_nothing_and_puts_a_recall_above_all() {
    let page = item(&frame(Language::English), &hostile_scan());
    let main = &page[page.find("<main").expect("a main part")..];
    let first = main.find("class=\"").map(|at| &main[at + 7..]).expect("a class");
    assert!(first.starts_with("verdict finding stop\" data-recall=\"R-1\""), "{main}");
    let calm = Item { findings: Vec::new(), recalls: Vec::new(), ..hostile_scan() };
    let scan = Scan { is_from_maker: true, ..Scan::default() };
    let check = Check { kept: Some("/kept".to_owned()), ..Check::default() };
    let calm = Item { check: Some(check), ..calm };
    for scan in [Some(scan), None] {
        let page = item(&frame(Language::English), &Item { scan, ..calm.clone() });
        let main = &page[page.find("<main").expect("a main part")..];
        for green in ["verdict fine", "badge fine", "note fine", "told checked"] {
            assert!(!main.contains(green), "{green}: {main}");
        }
        assert!(main.contains("This node says so. Not checked yet."), "{main}");
        assert!(main.contains("id=\"check\"") && main.contains("data-by="), "{main}");
    }
}

fn hostile_notice() -> Notice {
    let text = || SCRIPT.to_owned();
    Notice {
        id: "R-1".to_owned(),
        how: text(),
        from: Some(Reference { text: text(), path: Some(text()) }),
        reason: text(),
        what_to_do: text(),
        contact: text(),
        web: None,
        who: text(),
        since: text(),
        path: text(),
    }
}

fn pages(language: Language) -> Vec<String> {
    let mut frame = frame(language);
    frame.path = "/\"><script>".to_owned();
    let places = Places::new();
    let first = Home {
        head: Head { height: 1, block_time: TimestampMs(1) },
        latest: vec![hostile()],
        open: vec![(SCRIPT.to_owned(), Oddity::Agreed(AnomalyKind::OutsideLimits))],
        recalls: vec![Reference { text: SCRIPT.to_owned(), path: Some(SCRIPT.to_owned()) }],
        more_recalls: 1,
        looked_at: 1,
        names: Names::default(),
    };
    let listed = Listed {
        notice: hostile_notice(),
        items: vec![Reference { text: SCRIPT.to_owned(), path: None }],
        more: 1,
        over: None,
    };
    let part = Recalls { list: vec![listed.clone()], next: None, first: None };
    let recall = Recall {
        id: SCRIPT.to_owned(),
        listed,
        over_because: Some(SCRIPT.to_owned()),
        reach: None,
        sign_in: "/sign-in".to_owned(),
    };
    vec![
        recalls::recalls(&frame, &part),
        recalls::recall(&frame, &recall),
        home(&frame, &first),
        item(&frame, &hostile_item()),
        event(&frame, SCRIPT, &[hostile()], &places),
        unknown_item(&frame, SCRIPT, SCRIPT),
        unknown_event(&frame, SCRIPT),
        malformed(&frame, SCRIPT),
        report_form(&frame, (SCRIPT, SCRIPT, "/x"), 10, Some((SCRIPT, SCRIPT))),
        item(&frame, &hostile_scan()),
    ]
}

/// Promise P75: what people record is text on every page.
#[test]
fn nothing_that_people_record_becomes_markup() {
    for language in [Language::English, Language::Chinese] {
        for page in pages(language) {
            let scripts = page.matches("<script").count();
            assert_eq!(scripts, 1, "only the page's own: {page}");
            assert!(page.contains("&#60;script") || page.contains("&lt;script"), "{page}");
        }
    }
}

/// Promise P73: nothing that a browser loads by itself comes from another host.
#[test]
fn pages_load_nothing_from_elsewhere_and_fit_a_phone() {
    for page in pages(Language::Chinese) {
        assert!(page.starts_with("<!doctype html>"), "{page}");
        assert!(page.contains("lang=\"zh-Hans\""));
        assert!(page.contains("name=\"viewport\""));
        for name in ["src=\"", "rel=\"icon\" href=\"", "action=\""] {
            for (at, _) in page.match_indices(name) {
                assert!(page[at + name.len()..].starts_with('/'), "{}", &page[at..at + 60]);
            }
        }
        assert!(!page.contains("http://") && !page.contains("https://"));
    }
}

/// Promise P93: what is not known of a node is said, and what is wrong with it stands out.
#[test]
fn the_network_page_says_what_is_known_of_each_node() {
    let heard = |height, ago_ms| Some(Heard { height, version: "9.8.7".to_owned(), ago_ms });
    let node = |name: &str, is_this, is_connected, heard| NetworkNode {
        name: name.to_owned(),
        member: Reference { text: SCRIPT.to_owned(), path: None },
        is_validator: true,
        is_this,
        is_connected,
        heard,
    };
    let network = Network {
        nodes: vec![
            node("own", true, false, heard(1_000, 0)),
            node("near", false, true, heard(999, 400)),
            node("far", false, false, heard(1_000, 5_400)),
            node("slow", false, true, heard(970, 900)),
            node("gone", false, false, heard(900, 7_200_000)),
            node("new", false, false, None),
        ],
        height: 1_000,
        block_time: TimestampMs(1),
        behind: 0,
        power_connected: 3,
        power_needed: 5,
        waiting: 0,
        version: "9.8.7".to_owned(),
        blocks: Vec::new(),
    };
    let row = |page: &str, name: &str| {
        let begin = page.find(&format!("<bdi>{name}</bdi>")).expect("a row");
        page[begin..].split("</tr>").next().expect("its end").to_owned()
    };
    let page = super::network(&frame(Language::English), &network);
    for (name, told) in [
        ("own", ["answers you", "1,000", "now"]),
        ("near", ["connected", "999", "just now"]),
        ("far", ["heard through others", "1,000", "5 seconds ago"]),
        ("slow", ["catching up", "970 (30 behind)", "just now"]),
        ("gone", ["silent", "900 (100 behind)", "2 hours ago"]),
        ("new", ["never heard from", "not known", "never"]),
    ] {
        let row = row(&page, name);
        assert!(told.iter().all(|told| row.contains(told)), "{name}: {told:?} in {row}");
    }
    assert!(page.contains("no: 3 of the 5 votes"), "{page}");
    let page = super::network(&frame(Language::Chinese), &network);
    for (name, told) in [("new", "从未收到消息"), ("gone", "无消息"), ("slow", "落后 30")]
    {
        assert!(row(&page, name).contains(told), "{name}: {page}");
    }
}
