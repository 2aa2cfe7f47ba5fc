//! The carbon footprint of a thing: legs added, and shared out by mass.
//!
//! The method is that of ISO 14083. Each transport, hub operation or process is a leg with its own
//! emissions (`tracehold_chain::epcis::activity` reads and reckons them). A leg's emissions are
//! shared out by mass among what it was about ([`allocate`]), go down through packing to what was
//! inside at that moment, and through transformations from what was used to what was made. All
//! shares are whole milligrams by the largest remainder, so nothing is made or lost on the way.
//!
//! What is not known is kept as an [`Open`] leg with its [`Reason`]; it is never counted as nought.
//!
//! Pure functions over a [`Graph`]: who fills it decides what is known, and as of when. [`gather`]
//! fills it from events.
//! `docs/footprint.md` tells the method in plain words.

pub mod allocate;
pub mod gather;
mod graph;
mod mass;
mod reason;
mod reckon;

pub use allocate::allocate;
pub use graph::{Graph, Leg, Load, Made, Nature, Packing, Transformation};
pub use mass::micrograms;
pub use reason::{Mender, Reason};
pub use reckon::{
    Footprint, MAX_PACKING_LEVELS, MAX_STEPS, MAX_TRANSFORMATION_LEVELS, Open, Part, footprint,
};

#[cfg(test)]
mod tests;
