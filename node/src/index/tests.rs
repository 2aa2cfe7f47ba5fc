use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracehold_chain::epcis::query::Query;
use tracehold_chain::state::MemoryTable;
use tracehold_contracts::Ledger;

use super::search::{Cursor, Search, SearchError};
use super::*;
use crate::index::places::Recorded;
use crate::store::{BlockLog, MemoryDisk};
use crate::testing::TestNetwork;
use crate::view::{ReadView, ViewSource};

/// A node's store without the node, with segments of a few events.
struct World {
    network: TestNetwork,
    ledger: Ledger,
    table: Arc<MemoryTable>,
    log: BlockLog,
    views: ViewSource,
    pending: Vec<(Arc<Layer>, Option<Batch>)>,
}

const SEGMENT: usize = 7;

impl World {
    fn new() -> World {
        let network = TestNetwork::new();
        let table = Arc::new(MemoryTable::default());
        let ledger = Ledger::open(&network.genesis, table.clone()).unwrap();
        let log = BlockLog::open(Arc::new(MemoryDisk::new())).unwrap();
        let views = views(&table, &log, &ledger);
        World { network, ledger, table, log, views, pending: Vec::new() }
    }

    fn commit(&mut self, events: &[Value]) {
        let now = self.ledger.head().block_time;
        let bundle = self.network.bundle(now, events);
        let (decided, layer) = self.network.decide(&mut self.ledger, &[bundle]);
        self.log.append(&decided).unwrap();
        self.log.sync().unwrap();
        let sealed = self.views.publish(layer.clone());
        self.pending.push((layer, sealed));
    }

    fn flush(&mut self) {
        for (layer, sealed) in self.pending.drain(..) {
            let beside = sealed.into_iter().collect::<Vec<_>>();
            let batches: Vec<&Batch> = beside.iter().chain([&layer.writes]).collect();
            self.table.apply_all(&batches).unwrap();
            self.ledger.flushed(layer.head.height);
            self.views.flushed(layer.head.height);
        }
    }

    /// What a stop and a start leave: the open segment is read from the block log again.
    fn restart(&mut self) {
        self.flush();
        self.views = views(&self.table, &self.log, &self.ledger);
        let view = self.views.view();
        view.index().catch_up(&view, &|_| {}).unwrap();
        assert_eq!(view.index().height(), view.height());
    }
}

fn views(table: &Arc<MemoryTable>, log: &BlockLog, ledger: &Ledger) -> ViewSource {
    let index = EventIndex::with_segments_of(table.clone(), SEGMENT).unwrap();
    let (authority, head) = (ledger.authority().clone(), ledger.head().clone());
    let alarm = Box::new(|_, _: &crate::fault::Fault| {});
    ViewSource::new(table.clone(), log.reader(), Arc::new(index), authority, head, alarm)
}

const ACTIONS: [&str; 3] = ["OBSERVE", "ADD", "DELETE"];
const STEPS: [&str; 3] = ["shipping", "receiving", "inspecting"];

/// An event of a small world: few values, so that queries find some.
fn event(number: u64, seed: u64) -> Value {
    let pick = |shift: u32, bound: u64| (seed >> shift) % bound;
    let serial = pick(3, 4);
    let mut event = json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"ex": "https://ns.example.org/v#"}],
        "type": "ObjectEvent",
        "eventID": format!("urn:uuid:00000000-0000-4000-8000-{number:012}"),
        "eventTime": format!("2026-02-2{}T1{}:00:00Z", pick(6, 5), pick(9, 10)),
        "eventTimeZoneOffset": "+00:00",
        "epcList": [format!("urn:epc:id:sgtin:9521321.012000.{serial}")],
        "action": ACTIONS[usize::try_from(pick(20, 3)).unwrap()],
        "bizStep": STEPS[usize::try_from(pick(12, 3)).unwrap()],
        "readPoint": {"id": "https://id.gs1.org/414/9521321000018"},
        "bizTransactionList": [
            {"type": "po", "bizTransaction": format!("urn:x:po-{}", pick(15, 6))}],
        "ex:grade": pick(25, 9),
    });
    if pick(30, 3) == 0 {
        event["quantityList"] = json!([
            {"epcClass": "https://id.gs1.org/01/09521321120006", "quantity": pick(33, 50)}]);
    }
    if pick(40, 4) == 0 {
        event.as_object_mut().unwrap().remove("ex:grade");
    }
    event
}

fn parsed(pairs: &[(&str, &str)]) -> Query {
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Query::parse(&pairs, &Default::default()).unwrap()
}

/// Every event that answers, by looking at every event there is.
fn brute_force(view: &ReadView, query: &Query) -> Vec<Position> {
    let records = Recorded::new(view);
    let all = view.events_after(None, usize::MAX).unwrap().events;
    let meets = all.into_iter().filter(|stored| {
        let event = stored.body().event().unwrap();
        query.matches(&event, stored.record_time(), &records)
    });
    meets.map(|stored| stored.position).collect()
}

/// The answer, page by page.
fn walked(view: &ReadView, query: &Query, most: usize) -> Vec<Position> {
    let (mut found, mut cursor) = (Vec::new(), None::<Cursor>);
    loop {
        let search = Search::new(view, view.index(), query, cursor).unwrap();
        let page = search.page(most, usize::MAX).unwrap();
        assert!(page.hits.len() <= most);
        found.extend(page.hits.iter().map(|hit| hit.position));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return found,
        }
    }
}

fn conditions() -> impl Strategy<Value = Vec<(String, String)>> {
    let one = prop_oneof![
        (0_usize..3).prop_map(|n| ("EQ_bizStep".to_owned(), STEPS[n].to_owned())),
        Just(("EQ_bizStep".to_owned(), "shipping|receiving".to_owned())),
        Just(("EQ_action".to_owned(), "ADD|DELETE".to_owned())),
        (0_u64..7).prop_map(|n| ("EQ_bizTransaction_po".to_owned(), format!("urn:x:po-{n}"))),
        (0_u64..5).prop_map(|n| {
            ("MATCH_anyEPC".to_owned(), format!("https://id.gs1.org/01/09521321120006/21/{n}"))
        }),
        Just((
            "MATCH_epc".to_owned(),
            "urn:epc:id:sgtin:9521321.012000.1|urn:epc:id:sgtin:9521321.012000.2".to_owned()
        )),
        Just(("MATCH_epc".to_owned(), "urn:epc:idpat:sgtin:9521321.012000.*".to_owned())),
        Just(("MATCH_epcClass".to_owned(), "https://id.gs1.org/01/09521321120006".to_owned())),
        Just(("EQ_readPoint".to_owned(), "https://id.gs1.org/414/9521321000018".to_owned())),
        Just(("WD_readPoint".to_owned(), "https://id.gs1.org/414/9521321000018".to_owned())),
        (0_u8..5).prop_map(|n| ("GE_eventTime".to_owned(), format!("2026-02-2{n}T15:00:00Z"))),
        (0_u8..5).prop_map(|n| ("LT_eventTime".to_owned(), format!("2026-02-2{n}T18:00:00Z"))),
        (0_u64..40).prop_map(|n| {
            let at = crate::testing::CREATED.plus_ms(n * 1_000);
            ("GE_recordTime".to_owned(), at.to_string())
        }),
        (0_u64..40).prop_map(|n| {
            let at = crate::testing::CREATED.plus_ms(n * 1_000);
            ("LT_recordTime".to_owned(), at.to_string())
        }),
        Just(("GE_quantity".to_owned(), "25".to_owned())),
        Just(("LT_ex:grade".to_owned(), "4".to_owned())),
        Just(("EXISTS_ex:grade".to_owned(), "true".to_owned())),
        (0_u64..60).prop_map(|n| {
            ("EQ_eventID".to_owned(), format!("urn:uuid:00000000-0000-4000-8000-{n:012}"))
        }),
    ];
    proptest::collection::vec(one, 0..4).prop_map(|mut pairs| {
        let mut seen = BTreeSet::new();
        pairs.retain(|(name, _)| seen.insert(name.clone()));
        pairs
    })
}

fn order() -> impl Strategy<Value = Vec<(String, String)>> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let by = move |field: &'static str, direction: &'static str| {
        Just(vec![pair("orderBy", field), pair("orderDirection", direction)])
    };
    prop_oneof![
        Just(Vec::new()),
        by("eventTime", "ASC"),
        by("eventTime", "DESC"),
        by("recordTime", "ASC"),
        by("recordTime", "DESC"),
        by("ex:grade", "DESC"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Promise P97: what the index finds is what looking at every event finds, in the order asked
    /// for, on pages of any size, across sealed and open segments and a restart.
    #[test]
    fn the_index_finds_what_looking_at_every_event_finds(
        seeds in proptest::collection::vec(any::<u64>(), 1..60),
        sizes in proptest::collection::vec(1_usize..9, 1..12),
        queries in proptest::collection::vec((conditions(), order(), 1_usize..9), 8),
        restarts in any::<bool>(),
    ) {
        let mut world = World::new();
        let events: Vec<Value> = (1..).zip(&seeds).map(|(n, seed)| event(n, *seed)).collect();
        let (mut rest, mut sizes) = (events.as_slice(), sizes.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            world.commit(now);
            rest = later;
            if rest.len() % 3 == 0 {
                world.flush();
            }
        }
        if restarts {
            world.restart();
        }
        let view = world.views.view();
        for (mut pairs, order, most) in queries {
            pairs.extend(order.clone());
            let query = Query::parse(&pairs, &Default::default()).unwrap();
            let mut expected = brute_force(&view, &query);
            let found = walked(&view, &query, most);
            let time = |at: &Position| {
                view.event_at(*at).unwrap().unwrap().body().event().unwrap().event_time()
            };
            let grade = |at: &Position| {
                let event = view.event_at(*at).unwrap().unwrap().body().event().unwrap();
                event.object().get("ex:grade").and_then(Value::as_u64)
            };
            let descending = order.iter().any(|(_, value)| value == "DESC");
            match order.first().map(|(_, field)| field.as_str()) {
                Some("eventTime") => expected.sort_by_key(|at| (time(at), *at)),
                Some("ex:grade") => {
                    expected.sort_by_key(|at| (std::cmp::Reverse(grade(at)), *at));
                }
                _ => {}
            }
            if descending && order[0].1 != "ex:grade" {
                expected.reverse();
            }
            prop_assert_eq!(found, expected, "{:?}", pairs);
        }
    }
}

/// Promise P97: a walk shows every event that was there when it began once, and none that came
/// later, in every order.
#[test]
fn a_walk_is_not_disturbed_by_what_is_captured_meanwhile() {
    let orders: [&[(&str, &str)]; 4] = [
        &[],
        &[("orderBy", "eventTime")],
        &[("orderBy", "recordTime"), ("orderDirection", "DESC")],
        &[("orderBy", "eventTime"), ("orderDirection", "ASC"), ("EQ_action", "OBSERVE")],
    ];
    for order in orders {
        let mut world = World::new();
        for number in 1..=40 {
            world.commit(&[event(number, number.wrapping_mul(0x9E37_79B9_7F4A_7C15))]);
        }
        let query = parsed(order);
        let expected: BTreeSet<Position> =
            brute_force(&world.views.view(), &query).into_iter().collect();
        let (mut found, mut cursor, mut number) = (Vec::new(), None, 100);
        loop {
            let view = world.views.view();
            let search = Search::new(&view, view.index(), &query, cursor).unwrap();
            let page = search.page(3, usize::MAX).unwrap();
            found.extend(page.hits.iter().map(|hit| hit.position));
            for _ in 0..5 {
                number += 1;
                world.commit(&[event(number, number.wrapping_mul(0x9E37_79B9_7F4A_7C15))]);
            }
            if number % 2 == 0 {
                world.flush();
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let once: BTreeSet<Position> = found.iter().copied().collect();
        assert_eq!(once.len(), found.len(), "none twice: {order:?}");
        assert_eq!(once, expected, "{order:?}");
    }
}

#[test]
fn limits_of_a_query_hold_over_its_whole_walk() {
    let mut world = World::new();
    let events: Vec<Value> = (1..=20).map(|number| event(number, number)).collect();
    world.commit(&events);
    let view = world.views.view();
    assert_eq!(
        walked(&view, &parsed(&[("eventCountLimit", "7"), ("orderBy", "eventTime")]), 3).len(),
        7
    );
    assert_eq!(walked(&view, &parsed(&[("maxEventCount", "20")]), 6).len(), 20);
    let query = parsed(&[("maxEventCount", "19")]);
    let search = Search::new(&view, view.index(), &query, None).unwrap();
    assert!(matches!(search.page(5, usize::MAX), Err(SearchError::TooLarge(19))));
    let nothing = parsed(&[]);
    let beyond = Cursor {
        bound: Height(9),
        after: (0, Position { height: Height(1), transaction: 0, event: 0 }),
        left: None,
    };
    let ahead = Search::new(&view, view.index(), &nothing, Some(beyond));
    assert!(matches!(ahead, Err(SearchError::Behind(Height(9)))));
}

/// Promise P97: a data folder without index gets one from the block log.
#[test]
fn an_index_that_is_missing_is_made_from_the_block_log() {
    let mut world = World::new();
    for number in 1..=30 {
        world.commit(&[event(number, number.wrapping_mul(0x9E37_79B9_7F4A_7C15))]);
    }
    world.flush();
    let before = walked(&world.views.view(), &parsed(&[("EQ_bizStep", "shipping")]), 50);
    EventIndex::remove(&*world.table).unwrap();
    assert_eq!(EventIndex::open(world.table.clone()).unwrap().segments(), 0);
    world.restart();
    let view = world.views.view();
    assert_eq!(walked(&view, &parsed(&[("EQ_bizStep", "shipping")]), 50), before);
    assert!(!before.is_empty() && view.index().segments() > 3);
    let steps = view.index().values(Browsed::BizStep, None, 10).unwrap();
    assert_eq!(steps, ["inspecting", "receiving", "shipping"]);
}
