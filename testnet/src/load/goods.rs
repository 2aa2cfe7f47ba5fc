//! A network of goods, the same for the same seed: raw lots become other lots, pieces, cases and
//! pallets, which are shipped and received and seen again and again for a year.
//!
//! One raw lot reaches many pieces through two transformations; beside it stand chains in which a
//! lot becomes another ten times. Everything ends in cases on pallets.

use std::fmt::Write as _;

use tracehold_chain::units::TimestampMs;

use super::events::{event_id, quoted};
use super::{Numbers, gs1};

/// Transformations from the first lot of a chain to the piece at its end.
pub const LEVELS: u64 = 10;
/// Pieces that the one raw lot reaches, at most.
pub const REACHED: u64 = 10_000;
/// Lots between the raw lot and the pieces that it reaches.
const MIDDLE_LOTS: u64 = 100;
/// Pieces in a case.
const CASE: u64 = 20;
/// Cases on a pallet.
const PALLET: u64 = 50;
/// Places.
const PLACES: u64 = 200;
const DAY_MS: u64 = 24 * 3_600_000;
/// From when the first thing was made until now.
const YEAR_MS: u64 = 365 * DAY_MS;

/// What is made, in the order in which it must be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The one raw lot and what is made of it.
    Reached,
    /// Chains of transformations.
    Chains,
    /// Pieces that come from nowhere.
    Pieces,
    /// Pieces into cases.
    Cases,
    /// Cases onto pallets.
    Pallets,
    /// Pallets shipped and received.
    Journeys,
    /// Everything seen again and again.
    Sightings,
}

impl Phase {
    /// All, in their order.
    pub const ALL: [Phase; 7] = [
        Phase::Reached,
        Phase::Chains,
        Phase::Pieces,
        Phase::Cases,
        Phase::Pallets,
        Phase::Journeys,
        Phase::Sightings,
    ];
}

/// Steps of a sighting, each with the disposition that goes with it.
const SIGHTINGS: [(&str, &str); 4] = [
    ("inspecting", "active"),
    ("storing", "in_progress"),
    ("stocking", "sellable_accessible"),
    ("cycle_counting", "active"),
];

/// The network of goods.
#[derive(Clone, Debug)]
pub struct Goods {
    seed: u64,
    now: TimestampMs,
    reached: u64,
    chains: u64,
    pieces: u64,
    events: u64,
}

impl Goods {
    /// About `items` things and lots in all, and `events` events, over the year before `now`.
    #[must_use]
    pub fn new(seed: u64, now: TimestampMs, items: u64, events: u64) -> Goods {
        Goods::with(seed, now, (items / 4).clamp(MIDDLE_LOTS, REACHED), items, events)
    }

    /// A network in which the one raw lot reaches `affected` things with itself, or a little fewer.
    #[must_use]
    pub fn reaching(seed: u64, now: TimestampMs, affected: u64, events: u64) -> Goods {
        let reached = affected.saturating_sub(1 + MIDDLE_LOTS).max(MIDDLE_LOTS);
        Goods::with(seed, now, reached, affected + affected / 4 + 1_000, events)
    }

    fn with(seed: u64, now: TimestampMs, reached: u64, items: u64, events: u64) -> Goods {
        let reached = reached / MIDDLE_LOTS * MIDDLE_LOTS;
        let chains = (items / 1_000).clamp(1, 1_000);
        let pieces = items.saturating_sub(reached + chains * (LEVELS + 1));
        // One in twenty things is a case.
        let pieces = (pieces - pieces / (CASE + 1)) / CASE * CASE;
        Goods { seed, now, reached, chains, pieces, events }
    }

    /// How many pieces the one raw lot reaches.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.reached
    }

    /// How many things a recall of the one raw lot concerns: that, the lots between, the pieces.
    #[must_use]
    pub fn affected(&self) -> u64 {
        1 + MIDDLE_LOTS + self.reached
    }

    /// The one raw lot.
    #[must_use]
    pub fn raw_lot(&self) -> String {
        gs1::lgtin(1, &format!("R{}", self.seed))
    }

    /// What stands at the end of a chain.
    #[must_use]
    pub fn end_of_chain(&self, chain: u64) -> String {
        gs1::sgtin(4, self.serial(chain % self.chains))
    }

    /// How many single pieces there are.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.reached + self.chains + self.pieces
    }

    /// A single piece.
    #[must_use]
    pub fn unit(&self, number: u64) -> String {
        let number = number % self.units();
        if number < self.reached {
            gs1::sgtin(3, self.serial(number))
        } else if number < self.reached + self.chains {
            self.end_of_chain(number - self.reached)
        } else {
            gs1::sgtin(5, self.serial(number))
        }
    }

    /// How many things and lots there are in all.
    #[must_use]
    pub fn items(&self) -> u64 {
        let lots = 1 + MIDDLE_LOTS + self.chains * LEVELS;
        self.units() + lots + self.cases() + self.pallets()
    }

    /// How many events a phase has.
    #[must_use]
    pub fn count(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Reached => 2 + MIDDLE_LOTS,
            Phase::Chains => self.chains * (LEVELS + 1),
            Phase::Pieces => self.pieces / CASE,
            Phase::Cases => self.cases(),
            Phase::Pallets => self.pallets(),
            Phase::Journeys => self.pallets() * 2,
            Phase::Sightings => {
                let others = Phase::ALL.into_iter().take(Phase::ALL.len() - 1);
                self.events.saturating_sub(others.map(|phase| self.count(phase)).sum())
            }
        }
    }

    /// The document of the `count` events of a phase from number `first` on, as JSON.
    #[must_use]
    pub fn document(&self, phase: Phase, first: u64, count: u64) -> String {
        let created = self.now;
        let events: Vec<String> = (first..first + count).map(|n| self.event(phase, n)).collect();
        format!(
            r#"{{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"{created}","epcisBody":{{"eventList":[{}]}}}}"#,
            events.join(",")
        )
    }

    fn cases(&self) -> u64 {
        self.units().div_ceil(CASE)
    }

    fn pallets(&self) -> u64 {
        self.cases().div_ceil(PALLET)
    }

    /// Two networks on one ledger share nothing.
    fn serial(&self, number: u64) -> u64 {
        (self.seed % 1_000_000) * 10_000_000 + number
    }

    fn case(&self, number: u64) -> String {
        gs1::sscc((self.seed % 100) * 10_000_000 + number)
    }

    fn pallet(&self, number: u64) -> String {
        gs1::sscc((self.seed % 100) * 10_000_000 + 5_000_000 + number)
    }

    fn chain_lot(&self, chain: u64, level: u64) -> String {
        let item = 10 + u32::try_from(level).unwrap_or(0);
        gs1::lgtin(item, &format!("C{}", self.serial(chain)))
    }

    fn event(&self, phase: Phase, number: u64) -> String {
        let place_in_phase = (phase as u64) << 56;
        let mut numbers =
            Numbers::new(self.seed ^ (number | place_in_phase).wrapping_mul(0xA076_1D64_78BD_642F));
        let id = event_id(&mut numbers);
        let place = gs1::place(u32::try_from(numbers.below(PLACES)).unwrap_or(0));
        let (time, body) = self.body(phase, number, &mut numbers);
        let mut text = String::with_capacity(700);
        write!(
            text,
            r#"{{"eventID":"{id}","eventTime":"{time}","eventTimeZoneOffset":"+01:00","readPoint":{{"id":"{place}"}},{body}}}"#
        )
        .expect("writing to a string never fails");
        text
    }

    fn body(&self, phase: Phase, number: u64, numbers: &mut Numbers) -> (TimestampMs, String) {
        let from = TimestampMs(self.now.0.saturating_sub(YEAR_MS));
        let on_day = |day: u64, ms: u64| from.plus_ms(day * DAY_MS + ms % DAY_MS);
        let kilograms =
            |lot: &str, kg: u64| format!(r#"[{{"epcClass":"{lot}","quantity":{kg},"uom":"KGM"}}]"#);
        match phase {
            Phase::Reached => (on_day(0, number), self.reached_body(number)),
            Phase::Chains => {
                let (chain, level) = (number / (LEVELS + 1), number % (LEVELS + 1));
                let time = on_day(level, number * 1_000);
                if level == 0 {
                    let lot = kilograms(&self.chain_lot(chain, 0), 100);
                    return (time, format!(r#"{},"quantityList":{lot}"#, object("ADD")));
                }
                let input = kilograms(&self.chain_lot(chain, level - 1), 100);
                let output = if level == LEVELS {
                    format!(r#""outputEPCList":["{}"]"#, self.end_of_chain(chain))
                } else {
                    let lot = kilograms(&self.chain_lot(chain, level), 100);
                    format!(r#""outputQuantityList":{lot}"#)
                };
                (time, format!(r#"{TRANSFORMED},"inputQuantityList":{input},{output}"#))
            }
            Phase::Pieces => {
                let first = self.reached + self.chains + number * CASE;
                let epcs: Vec<String> = (first..first + CASE).map(|n| self.unit(n)).collect();
                let body = format!(r#"{},"epcList":[{}]"#, object("ADD"), quoted(&epcs));
                (on_day(1, number * 100), body)
            }
            Phase::Cases => {
                let first = number * CASE;
                let last = (first + CASE).min(self.units());
                let units: Vec<String> = (first..last).map(|n| self.unit(n)).collect();
                (on_day(11, number * 100), packed(&self.case(number), &units))
            }
            Phase::Pallets => {
                let first = number * PALLET;
                let last = (first + PALLET).min(self.cases());
                let cases: Vec<String> = (first..last).map(|n| self.case(n)).collect();
                (on_day(12, number * 100), packed(&self.pallet(number), &cases))
            }
            Phase::Journeys => {
                let (pallet, arrives) = (self.pallet(number / 2), number % 2);
                let (step, disposition) =
                    [("shipping", "in_transit"), ("receiving", "in_progress")]
                        [usize::try_from(arrives).unwrap_or(0)];
                (on_day(13 + arrives, number * 100), seen(step, disposition, &[pallet]))
            }
            Phase::Sightings => {
                let (step, disposition) = SIGHTINGS[usize::try_from(numbers.below(4)).unwrap_or(0)];
                let first = numbers.below(self.units());
                let seen_there = if numbers.below(10) == 0 {
                    vec![self.pallet(numbers.below(self.pallets()))]
                } else {
                    vec![self.unit(first), self.unit(first + 1)]
                };
                let span = YEAR_MS - 20 * DAY_MS;
                let count = self.count(Phase::Sightings).max(1);
                let time = from.plus_ms(16 * DAY_MS + span / count * number);
                (time, seen(step, disposition, &seen_there))
            }
        }
    }

    /// The raw lot is made, divided into lots, and each of those into pieces.
    fn reached_body(&self, number: u64) -> String {
        let raw = self.raw_lot();
        let middle = |lot: u64| gs1::lgtin(2, &format!("M{}-{lot}", self.seed));
        let kilograms =
            |lot: &str, kg: u64| format!(r#"{{"epcClass":"{lot}","quantity":{kg},"uom":"KGM"}}"#);
        match number {
            0 => format!(r#"{},"quantityList":[{}]"#, object("ADD"), kilograms(&raw, 1_000)),
            1 => {
                let lots: Vec<String> =
                    (0..MIDDLE_LOTS).map(|lot| kilograms(&middle(lot), 10)).collect();
                format!(
                    r#"{TRANSFORMED},"inputQuantityList":[{}],"outputQuantityList":[{}]"#,
                    kilograms(&raw, 1_000),
                    lots.join(",")
                )
            }
            _ => {
                let lot = number - 2;
                let each = self.reached / MIDDLE_LOTS;
                let pieces: Vec<String> =
                    (lot * each..(lot + 1) * each).map(|n| self.unit(n)).collect();
                format!(
                    r#"{TRANSFORMED},"inputQuantityList":[{}],"outputEPCList":[{}]"#,
                    kilograms(&middle(lot), 10),
                    quoted(&pieces)
                )
            }
        }
    }
}

const TRANSFORMED: &str = r#""type":"TransformationEvent","bizStep":"commissioning""#;

fn object(action: &str) -> String {
    format!(r#""type":"ObjectEvent","action":"{action}","bizStep":"commissioning""#)
}

fn packed(parent: &str, children: &[String]) -> String {
    let children = quoted(children);
    format!(
        r#""type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"{parent}","childEPCs":[{children}]"#
    )
}

fn seen(step: &str, disposition: &str, things: &[String]) -> String {
    let things = quoted(things);
    format!(
        r#""type":"ObjectEvent","action":"OBSERVE","bizStep":"{step}","disposition":"{disposition}","epcList":[{things}]"#
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tracehold_chain::epcis::Document;

    use super::*;

    #[test]
    fn every_phase_makes_documents_that_are_valid_and_things_that_differ() {
        let goods = Goods::new(7, TimestampMs(1_780_000_000_000), 2_000, 5_000);
        assert_eq!(Phase::ALL.iter().map(|phase| goods.count(*phase)).sum::<u64>(), 5_000);
        assert!((1_900..2_200).contains(&goods.items()), "{}", goods.items());
        let units: BTreeSet<String> = (0..goods.units()).map(|n| goods.unit(n)).collect();
        assert_eq!(units.len() as u64, goods.units());
        for phase in Phase::ALL {
            let text = goods.document(phase, 0, goods.count(phase).min(30));
            let document = Document::parse(text.as_bytes());
            assert!(document.is_ok(), "{phase:?}: {:?}", document.err());
        }
    }
}
