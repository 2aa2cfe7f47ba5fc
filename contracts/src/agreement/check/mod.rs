//! The check of terms, before anybody agrees to them and again when they are put forward.
//!
//! It is the same function for a person who asks, for the node that proposes and in consensus:
//! pure, bounded by the limits of terms, and it never panics, whatever the terms are. First every
//! clause is held against its rules (`structure`, `clauses`, `conditions`); what stands is brought
//! into numbers (`plan`); then every order in which milestones can be fulfilled is followed
//! (`ends`), and all that can happen is listed as [`Outcomes`].

mod clauses;
mod conditions;
mod ends;
mod plan;
mod refusal;
mod structure;
#[cfg(test)]
pub(in crate::agreement) mod tests;
mod timing;

use std::collections::BTreeMap;

use tracehold_chain::agreement::{Label, Terms};
use tracehold_chain::money::{AccountId, Asset};
use tracehold_chain::units::TimestampMs;

use super::outcome::Outcomes;
use crate::authority::Authority;

pub(super) use conditions::is_pro_rata;
pub(super) use ends::{End, How};
pub(super) use plan::{List, Plan, Set, bit, places};
pub use refusal::{Refusal, RefusalCode};

/// Refusals that are told at once.
pub const MAX_REFUSALS: usize = 32;

/// What the check must know of the ledger.
pub struct Known<'a> {
    /// The members of the network.
    pub authority: &'a Authority,
    /// The time of the block, or of now.
    pub block_time: TimestampMs,
    /// Whether an asset was issued.
    pub asset_exists: &'a dyn Fn(&Asset) -> bool,
    /// Whether an account is open. Main accounts of members always are and are not asked for.
    pub account_is_open: &'a dyn Fn(&AccountId) -> bool,
}

/// Lists every way in which an agreement with these terms can end, or says why nobody should agree
/// to them. Whoever holds roles of accepted terms gets everything that was paid in, by the
/// deadline, whatever happens.
///
/// # Errors
/// What is wrong with them, clause by clause; at most [`MAX_REFUSALS`].
pub fn check(terms: &Terms, known: &Known<'_>) -> Result<Outcomes, Vec<Refusal>> {
    let mut found = Found { refusals: Vec::new() };
    if !structure::counts(terms, &mut found) {
        return Err(found.refusals);
    }
    let names = Names::of(terms);
    structure::check(terms, known, &names, &mut found);
    clauses::check(terms, known, &names, &mut found);
    conditions::check(terms, known, &names, &mut found);
    if !found.refusals.is_empty() {
        return Err(found.refusals);
    }
    let Some(plan) = Plan::of(terms, &names) else {
        // Never: every name was found above. Refused rather than trusted.
        found.add(Refusal::new(RefusalCode::UnknownRole, "", "A name is unknown.", "名称未知。"));
        return Err(found.refusals);
    };
    timing::check(terms, known, &names, &mut found);
    let ends = ends::enumerate(&plan, terms, &mut found);
    if found.refusals.is_empty() { Ok(Outcomes::new(plan, ends)) } else { Err(found.refusals) }
}

/// What was found wrong so far.
struct Found {
    refusals: Vec<Refusal>,
}

impl Found {
    fn add(&mut self, refusal: Refusal) {
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push(refusal);
        }
    }

    fn refuse(
        &mut self,
        code: RefusalCode,
        pointer: impl Into<String>,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) {
        self.add(Refusal::new(code, pointer, en, zh));
    }
}

/// The places of what terms name.
struct Names<'a> {
    roles: BTreeMap<&'a Label, usize>,
    milestones: BTreeMap<&'a Label, usize>,
}

impl<'a> Names<'a> {
    fn of(terms: &'a Terms) -> Names<'a> {
        let mut names = Names { roles: BTreeMap::new(), milestones: BTreeMap::new() };
        for (place, role) in terms.roles.iter().enumerate() {
            names.roles.entry(&role.role).or_insert(place);
        }
        for (place, milestone) in terms.milestones.iter().enumerate() {
            names.milestones.entry(&milestone.id).or_insert(place);
        }
        names
    }

    /// Says that there is no such role, unless there is.
    fn role(&self, role: &Label, pointer: impl FnOnce() -> String, found: &mut Found) {
        if !self.roles.contains_key(role) {
            let en = format!("There is no role \"{role}\".");
            let zh = format!("没有角色“{role}”。");
            found.refuse(RefusalCode::UnknownRole, pointer(), en, zh);
        }
    }
}
