use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tracehold_chain::state::MemoryTable;
use tracehold_contracts::Ledger;
use tracehold_contracts::recall::affected::Goods as _;

use super::*;
use crate::store::{BlockLog, MemoryDisk};
use crate::testing::{CREATED, TestNetwork, item, observed};

/// A node's store without the node: every block is published, and flushed when asked.
struct World {
    network: TestNetwork,
    ledger: Ledger,
    table: Arc<MemoryTable>,
    log: BlockLog,
    views: ViewSource,
    alarms: Arc<AtomicUsize>,
    pending: Vec<Arc<Layer>>,
}

impl World {
    fn new() -> World {
        let network = TestNetwork::new();
        let table = Arc::new(MemoryTable::default());
        let ledger = Ledger::open(&network.genesis, table.clone()).unwrap();
        let log = BlockLog::open(Arc::new(MemoryDisk::new())).unwrap();
        let alarms = Arc::new(AtomicUsize::new(0));
        let counter = alarms.clone();
        let views = ViewSource::new(
            table.clone(),
            log.reader(),
            Arc::new(EventIndex::open(table.clone()).unwrap()),
            ledger.authority().clone(),
            ledger.head().clone(),
            Box::new(move |_, _| {
                counter.fetch_add(1, Ordering::Relaxed);
            }),
        );
        World { network, ledger, table, log, views, alarms, pending: Vec::new() }
    }

    /// Commits a block with one transaction for each list of events.
    fn commit(&mut self, transactions: &[Vec<serde_json::Value>]) {
        let now = self.ledger.head().block_time;
        let bundles: Vec<_> = transactions.iter().map(|e| self.network.bundle(now, e)).collect();
        let (decided, layer) = self.network.decide(&mut self.ledger, &bundles);
        self.log.append(&decided).unwrap();
        self.log.sync().unwrap();
        if let Some(sealed) = self.views.publish(layer.clone()) {
            self.table.apply(&sealed).unwrap();
        }
        self.pending.push(layer);
    }

    fn flush(&mut self) {
        for layer in self.pending.drain(..) {
            self.table.apply(&layer.writes).unwrap();
            self.ledger.flushed(layer.head.height);
            self.views.flushed(layer.head.height);
        }
    }
}

fn ids(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(number).collect()
}

/// The number that the test gave the event.
fn number(event: &StoredEvent) -> u64 {
    let merged = event.body().merge().unwrap();
    let id = merged["eventID"].as_str().unwrap();
    id.rsplit('-').next().unwrap().parse().unwrap()
}

#[test]
fn what_is_committed_is_read_alike_before_and_after_it_is_in_the_table() {
    let mut world = World::new();
    world.commit(&[vec![observed(1, 7), observed(2, 8)], vec![observed(3, 7)]]);
    world.commit(&[]);
    world.commit(&[vec![observed(4, 7)]]);
    let before = world.views.view();
    for flushed in [false, true] {
        if flushed {
            world.flush();
        }
        for view in [before.clone(), world.views.view()] {
            assert_eq!(view.height(), Height(3));
            let page = view.history(&item(7), None, 10, Order::OldestFirst).unwrap();
            assert_eq!((ids(&page.events), page.next), (vec![1, 3, 4], None));
            let page = view.history(&item(7), None, 10, Order::NewestFirst).unwrap();
            assert_eq!(ids(&page.events), [4, 3, 1]);
            assert_eq!(ids(&view.latest(None, 3).unwrap().events), [4, 3, 2]);
            assert_eq!(ids(&view.events_after(None, 9).unwrap().events), [1, 2, 3, 4]);
            assert_eq!(view.item(&item(7)).unwrap().unwrap().log.count(), 3);
            let id = "urn:uuid:00000000-0000-4000-8000-000000000002";
            let found = view.events_by_id(id).unwrap();
            assert_eq!(ids(&found), [2]);
            assert_eq!(found[0].record_time(), CREATED.plus_ms(1_000));
            assert_eq!(found[0].recorder().as_str(), "acme");
            let transaction = view.transaction(&found[0].transaction_id()).unwrap().unwrap();
            assert_eq!((transaction.height, transaction.index), (Height(1), 0));
            assert_eq!(view.header(Height(3)).unwrap().unwrap().transactions, 1);
            assert_eq!(view.header(Height(4)).unwrap(), None);
        }
    }
    assert_eq!(world.alarms.load(Ordering::Relaxed), 0);
}

#[test]
fn a_view_shows_nothing_above_its_own_block() {
    let mut world = World::new();
    world.commit(&[vec![observed(1, 7)]]);
    let view = world.views.view();
    world.commit(&[vec![observed(2, 7)]]);
    assert!(view.is_whole().unwrap());
    world.flush();
    // What changes with time may be newer now; who adds up reads again.
    assert!(!view.is_whole().unwrap() && world.views.view().is_whole().unwrap());
    assert_eq!(ids(&view.history(&item(7), None, 9, Order::OldestFirst).unwrap().events), [1]);
    assert_eq!(ids(&view.latest(None, 9).unwrap().events), [1]);
    assert_eq!(ids(&view.events_after(None, 9).unwrap().events), [1]);
}

#[test]
fn pages_join_to_the_whole_history_in_both_orders() {
    let mut world = World::new();
    for block in 0..6 {
        let first = block * 4;
        let events = |from: u64| vec![observed(from, 7), observed(from + 1, 7)];
        world.commit(&[events(first), events(first + 2)]);
        if block == 3 {
            world.flush();
        }
    }
    let view = world.views.view();
    let all: Vec<u64> = (0..24).collect();
    let turned: Vec<u64> = all.iter().rev().copied().collect();
    for limit in [1, 3, 5, 24, 25] {
        for (order, expected) in [(Order::OldestFirst, &all), (Order::NewestFirst, &turned)] {
            let mut read = Vec::new();
            let mut cursor = None;
            loop {
                let page = view.history(&item(7), cursor, limit, order).unwrap();
                assert!(page.events.len() <= limit);
                read.extend(ids(&page.events));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(read, *expected, "{limit} {order:?}");
        }
        let mut latest = Vec::new();
        let mut cursor = None;
        loop {
            let page = view.latest(cursor, limit).unwrap();
            latest.extend(ids(&page.events));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(latest, turned);
        let mut feed = Vec::new();
        let mut cursor = None;
        loop {
            let page = view.events_after(cursor, limit).unwrap();
            if page.events.is_empty() {
                break;
            }
            feed.extend(ids(&page.events));
            cursor = page.next;
        }
        assert_eq!(feed, all);
    }
}

#[test]
fn refused_and_repeated_events_are_not_in_the_feed() {
    let mut world = World::new();
    world.commit(&[vec![observed(1, 7)]]);
    let mut other = observed(1, 7);
    other["bizStep"] = json!("shipping");
    // The first transaction repeats an event beside a new one; the second takes its eventID for
    // another event, and is refused whole.
    world.commit(&[vec![observed(1, 7), observed(2, 7)], vec![other, observed(3, 7)]]);
    let view = world.views.view();
    assert_eq!(ids(&view.events_after(None, 9).unwrap().events), [1, 2]);
    assert_eq!(ids(&view.latest(None, 9).unwrap().events), [2, 1]);
    assert_eq!(ids(&view.history(&item(7), None, 9, Order::OldestFirst).unwrap().events), [1, 2]);
    assert!(view.events_by_id("urn:uuid:00000000-0000-4000-8000-000000000003").unwrap().is_empty());
}

/// Promise P13.
#[test]
fn a_journal_that_lacks_steps_is_a_fault_and_not_a_shorter_story() {
    let mut world = World::new();
    world.commit(&[(1..=5).map(|number| observed(number, 7)).collect()]);
    world.flush();
    let name = name_digest(&item(7));
    world.table.apply(&[(journal_key(&name, 0), None)].into()).unwrap();
    let fault = world.views.view().history(&item(7), None, 9, Order::OldestFirst).unwrap_err();
    assert!(fault.to_string().contains(&name.to_string()), "{fault}");
    assert_eq!(world.alarms.load(Ordering::Relaxed), 1);
}

/// Promise P116: what a list of affected things reads is of one block, also when the table goes on
/// meanwhile.
#[test]
fn many_things_are_looked_at_as_of_the_view() {
    let things: Vec<String> = (1..=100).map(item).collect();
    let places = |view: &ReadView| -> Vec<Option<String>> {
        let looks = view.looks(&things, false).unwrap().into_iter();
        looks.map(|look| look.unwrap().now.place.map(|said| said.what)).collect()
    };
    let mut world = World::new();
    world.commit(&[(1..=100).map(|number| observed(number, number)).collect()]);
    world.flush();
    let before = world.views.view();
    let first = places(&before);
    let mut elsewhere = observed(101, 7);
    elsewhere["eventTime"] = json!("2026-02-25T11:00:00.000Z");
    elsewhere["readPoint"]["id"] = json!("https://id.gs1.org/414/9521321000025");
    world.commit(&[vec![elsewhere]]);
    assert_eq!(places(&before), first);
    world.flush();
    assert!(!before.is_whole().unwrap());
    assert_eq!(places(&before), first);
    let now = places(&world.views.view());
    assert_eq!(now[6].as_deref(), Some("https://id.gs1.org/414/9521321000025"));
    assert_eq!((&now[..6], &now[7..]), (&first[..6], &first[7..]));
}
