//! The footprint: an example worked out by hand, properties, and what stays open.

mod example;
mod gathered;
mod open;
mod properties;

use std::collections::BTreeMap;

use tracehold_chain::epcis::activity::{
    Activity, Basis, Covers, DataType, Distance, DistanceKind, Exact, Factor, Kind, Mode, Per,
    Quantity, Scope, Unit,
};
use tracehold_chain::state::Position;
use tracehold_chain::units::{Height, TimestampMs};

use super::*;
use crate::provenance::Mark;

fn mark(time: u64) -> Mark {
    let position = Position { height: Height(time), transaction: 0, event: 0 };
    Mark { time: TimestampMs(time), position }
}

fn quantity(value: u64, unit: &str) -> Quantity {
    Quantity { value: Exact::whole(value), unit: Unit::named(unit).unwrap() }
}

fn factor(grams_per_tonne_kilometre: u64) -> Factor {
    Factor {
        value: Some((quantity(grams_per_tonne_kilometre, "g"), Per::TonneKilometre)),
        scope: Scope::WellToWheel,
        source: "example".to_owned(),
        year: 2023,
        id: None,
        distance: None,
    }
}

/// An activity of which only the emissions are known.
fn measured(milligrams: u64) -> Activity {
    Activity {
        kind: Kind::Transport,
        mode: Some(Mode::Road),
        vehicle_class: None,
        mass: None,
        covers: Covers::Named,
        distance: None,
        energy: Vec::new(),
        data_type: DataType::Primary,
        basis: Basis::Measured {
            emissions: quantity(milligrams, "MGM"),
            scope: Scope::WellToWheel,
        },
        adjustment: None,
    }
}

/// Mass by distance by factor.
fn carried(mass: Option<Quantity>, kilometres: u64, grams: u64) -> Activity {
    let length = quantity(kilometres, "km");
    Activity {
        mass,
        distance: Some(Distance { length, kind: DistanceKind::Shortest }),
        data_type: DataType::Default,
        basis: Basis::MassDistance(factor(grams)),
        ..measured(0)
    }
}

fn one(id: impl ToString) -> Load {
    Load { id: id.to_string(), nature: Nature::One, mass: None, is_claim: false }
}

fn lot(id: impl ToString, mass: Option<u64>) -> Load {
    Load { id: id.to_string(), nature: Nature::Lot, mass, is_claim: false }
}

fn leg(time: u64, activity: Activity, loads: Vec<Load>) -> Leg {
    Leg {
        event_id: format!("urn:event:{time}"),
        number: 0,
        mark: mark(time),
        recorder: "carrier".to_owned(),
        activity: Some(activity),
        loads,
    }
}

fn packed(child: impl ToString, parent: impl ToString, from: u64, until: Option<u64>) -> Packing {
    Packing {
        child: child.to_string(),
        mass: None,
        parent: parent.to_string(),
        from: mark(from),
        until: until.map(mark),
    }
}

fn masses<const N: usize>(all: [(&str, u64); N]) -> BTreeMap<String, u64> {
    all.into_iter().map(|(id, mass)| (id.to_owned(), mass)).collect()
}

fn milligrams(graph: &Graph, id: &str) -> u128 {
    let footprint = footprint(graph, id);
    assert_eq!(footprint.open, [], "{id}");
    footprint.milligrams
}
