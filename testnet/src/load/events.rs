//! Realistic events, the same for the same seed: trade items moving through a supply chain, about
//! 650 bytes each, naming the same items again and again as a real journey does.

use std::fmt::Write as _;

use tracehold_chain::units::TimestampMs;

use super::gs1;

/// Trade items (GTINs) in the load.
const GTINS: u64 = 40;
/// Serialised pieces of each of them.
const SERIALS_PER_GTIN: u64 = 1_500;
/// Pieces packed together: a carton is always of consecutive pieces.
const CARTON: u64 = 3;
/// Places.
const PLACES: u64 = 200;

/// Steps of a journey after commissioning, each with the disposition that goes with it.
const STEPS: [(&str, &str); 6] = [
    ("inspecting", "active"),
    ("storing", "in_progress"),
    ("picking", "in_progress"),
    ("shipping", "in_transit"),
    ("receiving", "in_progress"),
    ("stocking", "sellable_accessible"),
];

/// A small generator of numbers that look random (SplitMix64); never for secrets.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }
}

/// Makes the events of one load.
#[derive(Clone, Debug)]
pub struct Generator {
    seed: u64,
    /// The eventTime of the first event; later ones follow by milliseconds.
    start: TimestampMs,
}

impl Generator {
    /// The events of `seed`, beginning at `start`. Two loads on one network need two seeds: the
    /// same eventID is not recorded twice.
    #[must_use]
    pub fn new(seed: u64, start: TimestampMs) -> Generator {
        Generator { seed, start }
    }

    /// Document number `index` with `count` events, as JSON.
    #[must_use]
    pub fn document(&self, index: u64, count: usize) -> String {
        self.document_from(index.wrapping_mul(count as u64), count)
    }

    /// The document of the `count` events from number `first` on, as JSON.
    #[must_use]
    pub fn document_from(&self, first: u64, count: usize) -> String {
        let created = self.start.plus_ms(first);
        let mut text = format!(
            r#"{{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"{created}","epcisBody":{{"eventList":["#
        );
        for offset in 0..count as u64 {
            if offset > 0 {
                text.push(',');
            }
            text.push_str(&self.event(first.wrapping_add(offset)));
        }
        text.push_str("]}}");
        text
    }

    /// Event number `index`, as JSON.
    #[must_use]
    pub fn event(&self, index: u64) -> String {
        let mut numbers = Numbers::new(self.seed ^ index.wrapping_mul(0xA076_1D64_78BD_642F));
        let id = event_id(&mut numbers);
        let time = self.start.plus_ms(index);
        let mut text = String::with_capacity(800);
        let item = u32::try_from(numbers.below(GTINS)).unwrap_or(0);
        let carton = numbers.below(SERIALS_PER_GTIN / CARTON);
        let pieces: Vec<String> =
            (0..CARTON).map(|n| gs1::sgtin(item, 1_000 + carton * CARTON + n)).collect();
        let from = gs1::place(u32::try_from(numbers.below(PLACES)).unwrap_or(0));
        let to = gs1::place(u32::try_from(numbers.below(PLACES)).unwrap_or(0));
        let order = numbers.below(1_000_000);
        let kind = numbers.below(10);
        let written = if kind < 2 {
            let sscc = gs1::sscc(u64::from(item) * SERIALS_PER_GTIN + carton);
            let children = quoted(&pieces);
            write!(
                text,
                r#"{{"type":"AggregationEvent","eventID":"{id}","eventTime":"{time}","eventTimeZoneOffset":"+01:00","parentID":"{sscc}","childEPCs":[{children}],"action":"ADD","bizStep":"packing","disposition":"in_progress","readPoint":{{"id":"{from}"}},"bizLocation":{{"id":"{to}"}}}}"#
            )
        } else {
            let (step, disposition) = STEPS[usize::try_from(numbers.below(6)).unwrap_or(0)];
            let epcs = quoted(&pieces[..2]);
            write!(
                text,
                r#"{{"type":"ObjectEvent","eventID":"{id}","eventTime":"{time}","eventTimeZoneOffset":"+01:00","epcList":[{epcs}],"action":"OBSERVE","bizStep":"{step}","disposition":"{disposition}","readPoint":{{"id":"{from}"}},"bizLocation":{{"id":"{to}"}},"bizTransactionList":[{{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:{}:PO-{order:06}"}}],"destinationList":[{{"type":"owning_party","destination":"https://id.gs1.org/417/{}"}}]}}"#,
                gs1::gln(1),
                gs1::gln(2)
            )
        };
        written.expect("writing to a string never fails");
        text
    }
}

pub(super) fn quoted(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    quoted.join(",")
}

/// A version 4 UUID from the numbers.
pub(super) fn event_id(numbers: &mut Numbers) -> String {
    let (high, low) = (numbers.draw(), numbers.draw());
    format!(
        "urn:uuid:{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        0x8000 | ((low >> 48) & 0x3FFF),
        low & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_the_same_for_the_same_seed_and_looks_like_real_events() {
        let generator = Generator::new(7, TimestampMs(1_772_357_400_000));
        let document: serde_json::Value =
            serde_json::from_str(&generator.document(3, 200)).unwrap();
        let events = document["epcisBody"]["eventList"].as_array().unwrap();
        assert_eq!(events.len(), 200);
        assert!(generator.document(3, 200) == generator.document(3, 200));
        assert_ne!(generator.document(3, 200), generator.document(4, 200));
        let mut ids: Vec<&str> = events.iter().map(|e| e["eventID"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 200);
        let bytes = generator.document(3, 200).len() / 200;
        assert!((550..750).contains(&bytes), "{bytes} bytes an event");
    }
}
