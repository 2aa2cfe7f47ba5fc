//! Messages that come before their time: for the height that has not begun here, and for the one
//! after it. They are kept only after their signature has been verified, and a bounded number for
//! each validator, so that none can crowd out the others.

use std::collections::BTreeMap;

use tracehold_chain::consensus::message::Gossip;
use tracehold_chain::keys::PublicKey;
use tracehold_chain::units::Height;
use tracehold_chain::validators::ValidatorSet;

/// Messages kept of one validator for one height. A height seldom takes more than two rounds of
/// three messages; what is dropped is sent again.
const MAX_EARLY_MESSAGES: usize = 32;

/// Verified votes and proposals for heights not begun.
#[derive(Debug, Default)]
pub(super) struct Early {
    heights: BTreeMap<Height, BTreeMap<PublicKey, Vec<Gossip>>>,
}

impl Early {
    /// Keeps a message whose signature is good.
    pub(super) fn keep(&mut self, height: Height, sender: PublicKey, message: Gossip) {
        let messages = self.heights.entry(height).or_default().entry(sender).or_default();
        if messages.len() < MAX_EARLY_MESSAGES && !messages.contains(&message) {
            messages.push(message);
        }
    }

    /// Whether others have begun `height`: its first proposal has come, or something from
    /// validators with more than a third of the power. One validator alone, out of its turn, could
    /// otherwise drive an idle network to make empty blocks.
    pub(super) fn begun(&self, height: Height, validators: &ValidatorSet) -> bool {
        let Some(senders) = self.heights.get(&height) else { return false };
        let opens = |message: &Gossip| matches!(message, Gossip::Proposal(p) if p.round == 0);
        let powers = senders.keys().filter_map(|key| validators.get(key)).map(|v| v.power);
        u128::from(powers.sum::<u64>()) * 3 > u128::from(validators.total_power())
            || senders.values().flatten().any(opens)
    }

    /// The heights that anything has come for.
    #[cfg(test)]
    pub(super) fn heights(&self) -> impl Iterator<Item = Height> + '_ {
        self.heights.keys().copied()
    }

    /// Takes what has come for `height` and forgets what came for those below.
    pub(super) fn take(&mut self, height: Height) -> Vec<Gossip> {
        self.heights = self.heights.split_off(&height);
        let senders = self.heights.remove(&height).unwrap_or_default();
        senders.into_values().flatten().collect()
    }

    /// Forgets what lies below `height`.
    pub(super) fn forget_below(&mut self, height: Height) {
        self.heights = self.heights.split_off(&height);
    }
}
