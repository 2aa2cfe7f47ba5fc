//! What recording costs: `cargo test --release -p tracehold-contracts --test measure -- --ignored
//! --nocapture`. The events are like those of `tracehold bench ingest`: pieces that are packed in
//! cartons and move, the same ones again and again.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it measures")]
#![allow(clippy::disallowed_types, reason = "it measures time; nothing is decided by it")]
#![allow(clippy::float_arithmetic, reason = "it shows a rate")]

mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracehold_chain::genesis::Parameters;
use world::{DAY, World, count_writes};

const STEPS: [&str; 6] = ["inspecting", "storing", "picking", "shipping", "receiving", "stocking"];

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

fn event(numbers: &mut Numbers, number: u64) -> Value {
    let (item, carton) = (numbers.below(40), numbers.below(100));
    let piece = |n: u64| format!("urn:epc:id:sgtin:9521101.0{item:05}.{}", 1_000 + carton * 3 + n);
    let place = |n: u64| json!({"id": format!("urn:epc:id:sgln:9521101.{n:05}.0")});
    let mut event = json!({
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "eventID": format!("urn:uuid:00000000-0000-4000-8000-{number:0>12}"),
        "eventTimeZoneOffset": "+00:00",
        "eventTime": DAY.plus_ms(number).to_string(),
        "readPoint": place(numbers.below(200)),
        "bizLocation": place(numbers.below(200)),
        "disposition": "in_progress",
    });
    if numbers.below(10) < 2 {
        event["type"] = "AggregationEvent".into();
        event["action"] = "ADD".into();
        event["bizStep"] = "packing".into();
        event["parentID"] = format!("urn:epc:id:sscc:9521101.0{:09}", item * 500 + carton).into();
        event["childEPCs"] = json!([piece(0), piece(1), piece(2)]);
    } else {
        event["type"] = "ObjectEvent".into();
        event["action"] = "OBSERVE".into();
        event["bizStep"] = STEPS[usize::try_from(numbers.below(6)).unwrap()].into();
        event["epcList"] = json!([piece(0), piece(1)]);
        let party = "https://id.gs1.org/417/9521101000016";
        event["destinationList"] = json!([{"type": "owning_party", "destination": party}]);
    }
    event
}

#[test]
#[ignore = "it measures"]
fn events_a_second_on_one_core() {
    const EVENTS: u64 = 60_000;
    const BLOCK: u64 = 200;
    let mut world = World::new(Parameters { state_buckets_log2: 18, ..Parameters::default() });
    let mut numbers = Numbers(7);
    let (mut admitting, mut running) = (Duration::ZERO, Duration::ZERO);
    let mut written = BTreeMap::new();
    for block in 0..EVENTS / BLOCK {
        let events: Vec<Value> =
            (0..BLOCK).map(|n| event(&mut numbers, block * BLOCK + n)).collect();
        let bundle = world.bundle("mill", events);
        let start = Instant::now();
        let admitted = world.admit(bundle);
        admitting += start.elapsed();
        let start = Instant::now();
        let layer = world.propose_and_commit(admitted);
        running += start.elapsed();
        count_writes(&layer, &mut written);
        world.flush(&layer);
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / EVENTS as f64;
    println!("admission {:.1} us an event, execution {:.1} us", each(admitting), each(running));
    for (kind, (keys, bytes)) in written {
        println!(
            "{kind}: {:.2} keys an event, {:.0} bytes each",
            keys as f64 / EVENTS as f64,
            bytes as f64 / keys as f64
        );
    }
}
