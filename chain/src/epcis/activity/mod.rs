//! Activity data for the carbon footprint: what a transport, a hub or a process did, in an event.
//!
//! EPCIS has no fields for this, so it stands in an extension of Tracehold's own: a member of the
//! event whose name expands to [`ACTIVITY`], such as `carbon:activity` with the prefix `carbon`
//! declared as [`NAMESPACE`] in `@context`. Its value is one object, or a list of them for an
//! event that tells several activities. `docs/footprint.md` explains every field.
//!
//! The reader is strict, because a wrong unit is a wrong footprint by a thousand: every number has
//! a unit of the right kind, nothing is guessed, unknown words and members are refused with the
//! place, the rule and the mend, when the event is captured. What is *not known* is no fault: an
//! activity without a factor is recorded and stays open. Extensions of others are not looked at.
//!
//! Arithmetic is exact ([`Exact`], [`Unit`]) and is rounded once, to a whole milligram
//! ([`Activity::emissions`]).

mod exact;
mod read;
mod reckon;
mod unit;

use std::fmt;

pub use exact::{Exact, MAX_DECIMALS, MAX_NUMBER};
pub(super) use read::check;
pub use read::{MAX_ACTIVITIES_PER_EVENT, MAX_CARRIERS, MAX_TEXT_BYTES};
pub use reckon::{MAX_MASS, MAX_MILLIGRAMS, Unknown};
pub use unit::{Dimension, Unit};

use super::check::{Checker, Object};
use super::context::Contexts;

/// The namespace of the extension, to be declared in `@context`. It names, and is never fetched.
pub const NAMESPACE: &str = "urn:tracehold:carbon:";

/// The full name of the member that holds activity data.
pub const ACTIVITY: &str = "urn:tracehold:carbon:activity";

/// What kind of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Goods were carried from one place to another: one leg of a transport chain.
    Transport,
    /// Goods were handled or kept at a hub: a terminal, a warehouse, a cross-dock.
    Hub,
    /// Goods were made, treated or packed.
    Process,
}

/// How goods were carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// By lorry or van.
    Road,
    /// By train.
    Rail,
    /// By seagoing ship.
    Sea,
    /// By barge.
    InlandWaterway,
    /// By aircraft.
    Air,
    /// By pipeline.
    Pipeline,
    /// By cableway.
    Cableway,
}

/// How a distance was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DistanceKind {
    /// The shortest feasible way.
    Shortest,
    /// The great circle.
    GreatCircle,
    /// The way really gone, by odometer or log.
    Actual,
}

/// How good the data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataType {
    /// Measured on this activity, or reckoned from what was measured on it.
    Primary,
    /// From a model of this activity.
    Modelled,
    /// An average of the trade.
    Default,
}

/// What of the life of an energy carrier a number covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Well to wheel (or wake): with the making of the energy. What ISO 14083 adds up.
    WellToWheel,
    /// Tank to wheel: the vehicle or site alone.
    TankToWheel,
}

/// What the mass and the energy of an activity are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Covers {
    /// The things that the event names, and nothing else.
    #[default]
    Named,
    /// All that was in the vehicle or on the site, other people's goods too.
    Vehicle,
}

/// Words of one field, as JSON has them.
trait Word: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

macro_rules! words {
    ($kind:ident: $($word:literal => $value:ident),+ $(,)?) => {
        impl Word for $kind {
            const WORDS: &'static [(&'static str, $kind)] = &[$(($word, $kind::$value)),+];
        }

        impl $kind {
            /// The word as JSON has it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($kind::$value => $word,)+
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Kind: "transport" => Transport, "hub" => Hub, "process" => Process);
words!(Mode: "road" => Road, "rail" => Rail, "sea" => Sea, "inlandWaterway" => InlandWaterway,
    "air" => Air, "pipeline" => Pipeline, "cableway" => Cableway);
words!(DistanceKind: "shortest" => Shortest, "greatCircle" => GreatCircle, "actual" => Actual);
words!(DataType: "primary" => Primary, "modelled" => Modelled, "default" => Default);
words!(Scope: "WTW" => WellToWheel, "TTW" => TankToWheel);
words!(Covers: "named" => Named, "vehicle" => Vehicle);

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// How many.
    pub value: Exact,
    /// Of what.
    pub unit: Unit,
}

/// How far goods were carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// How far.
    pub length: Quantity,
    /// How it was measured.
    pub kind: DistanceKind,
}

/// What a factor is a factor of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A tonne carried over a kilometre.
    TonneKilometre,
    /// A unit of mass, volume or energy.
    Unit(Unit),
}

/// An emission factor or intensity, with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Mass of carbon dioxide equivalent, and what it is for; `None` when the recorder names a
    /// factor whose value is not known yet.
    pub value: Option<(Quantity, Per)>,
    /// What it covers.
    pub scope: Scope,
    /// Who published it.
    pub source: String,
    /// The year it is of.
    pub year: u16,
    /// Its identifier at the source.
    pub id: Option<String>,
    /// Which kind of distance it was built on, when that is said.
    pub distance: Option<DistanceKind>,
}

/// Energy or fuel that an activity used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Energy {
    /// What: diesel B7, electricity …
    pub carrier: String,
    /// How much.
    pub amount: Quantity,
    /// What a unit of it emits.
    pub factor: Option<Factor>,
}

/// What the emissions of an activity are reckoned from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// They were measured.
    Measured {
        /// Mass of carbon dioxide equivalent.
        emissions: Quantity,
        /// What it covers.
        scope: Scope,
    },
    /// Energy by factor, for each carrier.
    Energy,
    /// Mass by distance by factor.
    MassDistance(Factor),
    /// Mass by factor.
    Mass(Factor),
    /// Nothing yet: no factor is given.
    NoFactor,
}

/// One activity: a leg of a transport chain, a hub operation or a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// What kind.
    pub kind: Kind,
    /// By what it was carried; a transport always says.
    pub mode: Option<Mode>,
    /// Which class of vehicle, in the recorder's words.
    pub vehicle_class: Option<String>,
    /// How heavy the load was.
    pub mass: Option<Quantity>,
    /// What mass and energy are about.
    pub covers: Covers,
    /// How far it went.
    pub distance: Option<Distance>,
    /// What it used.
    pub energy: Vec<Energy>,
    /// How good the data are.
    pub data_type: DataType,
    /// What the emissions are reckoned from.
    pub basis: Basis,
    /// The distance adjustment factor, when the factor was built on another kind of distance.
    pub adjustment: Option<Exact>,
}

/// The activities of a checked event.
pub(super) fn of(event: &Object, contexts: Contexts<'_>) -> Vec<Activity> {
    read::activities(&mut Checker::default(), event, contexts)
}

#[cfg(test)]
mod tests;
