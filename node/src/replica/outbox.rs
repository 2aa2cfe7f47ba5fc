//! Collects the effects of one step and puts them in the order of durability.

use super::effect::Effect;

/// The effects of the step under way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    votes: Vec<Effect>,
    blocks: Vec<Effect>,
    after: Vec<Effect>,
    halt: Option<String>,
}

impl Outbox {
    /// Adds an effect in its place: vote log, block log, or after both.
    pub(super) fn push(&mut self, effect: Effect) {
        match &effect {
            Effect::AppendVote(_) | Effect::ResetVotes(_) => self.votes.push(effect),
            Effect::AppendBlock { .. } => self.blocks.push(effect),
            Effect::SyncVotes | Effect::SyncBlocks => unreachable!("the outbox adds syncs itself"),
            Effect::Halt(reason) => self.halt(reason.clone()),
            _ => self.after.push(effect),
        }
    }

    /// Stops the node. The first reason stands; nothing else of this step is done, so nothing
    /// leaves a node that has found itself at fault.
    pub(super) fn halt(&mut self, reason: String) {
        self.halt.get_or_insert(reason);
    }

    /// Whether the node is to stop.
    pub(super) fn is_halted(&self) -> bool {
        self.halt.is_some()
    }

    /// The effects in order. A reset alone needs no sync: the votes it drops are of a decided
    /// height, and nothing is said before something is appended.
    pub(super) fn finish(&mut self) -> Vec<Effect> {
        let Outbox { mut votes, mut blocks, after, halt } = std::mem::take(self);
        if let Some(reason) = halt {
            return vec![Effect::Halt(reason)];
        }
        if votes.iter().any(|effect| matches!(effect, Effect::AppendVote(_))) {
            votes.push(Effect::SyncVotes);
        }
        if !blocks.is_empty() {
            blocks.push(Effect::SyncBlocks);
        }
        votes.extend(blocks);
        votes.extend(after);
        votes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::{TimerId, Topic};

    #[test]
    fn nothing_leaves_before_what_it_stands_on_is_synced() {
        let mut outbox = Outbox::default();
        let topic = Topic::Consensus;
        outbox.push(Effect::Broadcast { topic, bytes: b"vote".as_slice().into() });
        outbox.push(Effect::SetTimer { id: TimerId::Pace, after_ms: 1 });
        outbox.push(Effect::AppendVote(vec![1]));
        let effects = outbox.finish();
        assert!(matches!(effects[0], Effect::AppendVote(_)));
        assert!(matches!(effects[1], Effect::SyncVotes));
        assert!(matches!(effects[2], Effect::Broadcast { .. }));
        assert!(outbox.finish().is_empty());
        outbox.push(Effect::AppendVote(vec![1]));
        outbox.halt("disk".into());
        assert!(matches!(outbox.finish()[..], [Effect::Halt(_)]));
    }
}
