//! What a trace reads: journals and edges from the state, bodies from the block log.

use rust_decimal::Decimal;
use serde::Deserialize;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Event, SectionName, uri};
use tracehold_chain::masterdata::{MasterData, MasterKind, MasterRecord};
use tracehold_chain::state::{Position, StateKey};
use tracehold_chain::units::MemberId;
use tracehold_contracts::provenance::trace::{EventBody, TraceReader};
use tracehold_contracts::provenance::{
    Edge, Facts, ItemRecord, MAX_TRANSFORMATION_PARTS, Step, TransformationRecord,
};

use super::{Order, ReadView, StoredEvent};
use crate::fault::Fault;

/// Places in places that are asked for a position.
const MAX_PLACES_AROUND: usize = 4;

/// Metres of the Earth's mean radius (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// The part of a public section that names the event.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "eventID")]
    event_id: Option<String>,
}

impl TraceReader for ReadView {
    type Error = Fault;

    fn item(&self, uri: &str) -> Result<Option<ItemRecord>, Fault> {
        ReadView::item(self, uri)
    }

    fn journal(&self, record: &ItemRecord, limit: usize) -> Result<Vec<Step>, Fault> {
        if record.log.count() <= limit as u64 {
            return self.whole_journal(record);
        }
        self.steps(&record.uri, record, None, limit, Order::OldestFirst)
    }

    fn event(&self, position: Position) -> Result<Option<EventBody>, Fault> {
        let Some(stored) = self.event_at(position)? else { return Ok(None) };
        let event = event_of(&stored)?;
        Ok(Some(EventBody {
            facts: Facts::of(&event),
            digest: stored.digest(),
            recorder: stored.recorder().clone(),
            recorded_at: stored.record_time(),
        }))
    }

    fn event_id(&self, position: Position) -> Result<Option<String>, Fault> {
        let Some(stored) = self.event_at(position)? else { return Ok(None) };
        let text = stored.body().section(SectionName::Public).json();
        let named: Named = serde_json::from_str(text)
            .map_err(|error| Fault::new(format!("a stored section is no JSON: {error}")))?;
        Ok(named.event_id)
    }

    fn contents(
        &self,
        parent: &str,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<Edge>, Fault> {
        ReadView::contents(self, parent, after, limit)
    }

    fn transformation(
        &self,
        recorder: &MemberId,
        id: &str,
    ) -> Result<(Vec<Position>, bool), Fault> {
        let (recorder, id) = (recorder.clone(), id.to_owned());
        let key = StateKey::Transformation { recorder, id }.encode();
        let record: Option<TransformationRecord> = self.packed(&key)?;
        let parts = record.unwrap_or_default().parts;
        let has_more = parts.len() >= MAX_TRANSFORMATION_PARTS;
        Ok((parts.iter().map(|part| part.position).collect(), has_more))
    }

    fn master(&self, kind: MasterKind, uri: &str) -> Result<Option<MasterRecord>, Fault> {
        self.state(&kind.key(uri))
    }

    fn metres_between(&self, from: &str, to: &str) -> Result<Option<u64>, Fault> {
        let Some(from) = self.position_of(from)? else { return Ok(None) };
        let to = self.position_of(to)?;
        Ok(to.map(|to| metres(from, to)))
    }
}

/// What a stored event says that the ledger acts on.
pub(super) fn facts_of(stored: &StoredEvent) -> Result<Facts, Fault> {
    Ok(Facts::of(&event_of(stored)?))
}

pub(super) fn event_of(stored: &StoredEvent) -> Result<Event, Fault> {
    let position = stored.position;
    let damaged = |error| Fault::new(format!("the event at {position:?} is damaged: {error}"));
    stored.body().event().map_err(damaged)
}

impl ReadView {
    /// Degrees north and east of a place: from a `geo:` URI, or as its owner recorded it, or the
    /// owner of what it lies in.
    fn position_of(&self, uri: &str) -> Result<Option<(f64, f64)>, Fault> {
        if let Some(position) = uri::geo(uri) {
            return Ok(degrees(position));
        }
        let read = |degrees: Decimal| degrees.to_string().parse::<f64>().ok();
        let recorded = self.coordinates_of(uri)?;
        Ok(recorded.and_then(|(north, east)| read(north).zip(read(east))))
    }

    /// Degrees north and east of a place, as its owner recorded them, or the owner of what it lies
    /// in.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read or are damaged.
    pub fn coordinates_of(&self, uri: &str) -> Result<Option<(Decimal, Decimal)>, Fault> {
        let mut next = Some(uri.to_owned());
        for _ in 0..MAX_PLACES_AROUND {
            let Some(uri) = next.take() else { break };
            let Some(record) = self.master(MasterKind::Place, &uri)? else { break };
            let MasterData::Place(place) = record.data else { break };
            if let (Some(north), Some(east)) = (place.latitude, place.longitude) {
                return Ok(Some((north, east)));
            }
            next = place.inside;
        }
        Ok(None)
    }
}

/// Degrees north and east, of what follows the scheme in a `geo:` URI (RFC 5870).
fn degrees(position: &str) -> Option<(f64, f64)> {
    let numbers = position.split([';', '?']).next()?;
    let mut numbers = numbers.split(',').map(|number| number.parse::<f64>().ok());
    let (north, east) = (numbers.next()??, numbers.next()??);
    (north.abs() <= 90.0 && east.abs() <= 180.0).then_some((north, east))
}

/// Over ground, on a sphere (haversine): exact to half a percent.
#[expect(clippy::float_arithmetic, reason = "derived at reading, nothing that nodes agree on")]
fn metres(from: (f64, f64), to: (f64, f64)) -> u64 {
    let (north, south) = (from.0.to_radians(), to.0.to_radians());
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin();
    let (up, along) = (half(to.0 - from.0), half(to.1 - from.1));
    let chord = up * up + north.cos() * south.cos() * along * along;
    let metres = 2.0 * EARTH_RADIUS_M * chord.sqrt().min(1.0).asin();
    // No two places are farther apart than 20,038 km, and none less than nothing.
    format!("{metres:.0}").parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_over_ground() {
        let geo = |uri: &str| uri::geo(uri).and_then(degrees);
        let (rotterdam, shanghai) = (geo("geo:51.95,4.14").unwrap(), geo("GEO:31.23,121.47;u=9"));
        let far = metres(rotterdam, shanghai.unwrap());
        assert!((8_850_000..9_000_000).contains(&far), "{far}");
        assert_eq!(metres(rotterdam, rotterdam), 0);
        assert_eq!(metres((0.0, 0.0), (0.0, 180.0)) / 1_000, 20_015);
        for none in ["geo:", "geo:1", "geo:91,0", "geo:a,b", "urn:x"] {
            assert_eq!(geo(none), None, "{none}");
        }
    }
}
