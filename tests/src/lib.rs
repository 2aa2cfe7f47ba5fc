//! # tracehold-tests
//!
//! A world in which replicas live: seeded, without clocks or sockets, and the same to the bit each
//! time it is run.
//!
//! [`world`] is the loop of virtual time. In it, [`node`]s run the **unchanged** replica over the
//! real vote log, block log and ledger, on disks that lose what was not synced when they crash;
//! [`network`] delays, loses and doubles what they send and is cut apart now and then;
//! [`workload`] sends real signed events, [`payments`] money and sales; [`byzantine`] is a
//! validator that says two things. [`check`] watches: one block at each height, no second
//! signature, valid blocks only, nothing acknowledged lost, and progress once the world is whole;
//! [`ledger_check`] sees that no money is made, lost or paid twice. [`scenario`] draws all of this
//! from a seed;
//! [`random`] is the seed's generator. [`batch`] orders what steps want done; [`tell`] writes it
//! down.

pub mod batch;
pub mod byzantine;
pub mod check;
pub mod ledger_check;
pub mod network;
pub mod node;
pub mod payments;
pub mod random;
pub mod scenario;
pub mod tell;
pub mod workload;
pub mod world;
