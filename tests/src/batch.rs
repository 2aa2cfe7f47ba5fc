//! The order in which a runtime performs the effects of several steps at once, as the replica's
//! `effect` module prescribes it; and the wrong orders that are planted.

use tracehold_node::replica::Effect;

use crate::scenario::Bug;

/// A batch in the order in which the runtime performs it.
#[must_use]
pub fn in_order(batch: Vec<Effect>, bug: Option<Bug>) -> Vec<Effect> {
    let rank = |effect: &Effect| match effect {
        Effect::Broadcast { .. } if bug == Some(Bug::SendBeforeSync) => 0,
        Effect::AppendVote(_) | Effect::ResetVotes(_) => 1,
        Effect::SyncVotes => 2,
        Effect::AppendBlock { .. } => 3,
        Effect::Answer { .. } | Effect::Commit { .. } if bug == Some(Bug::AnswerBeforeSync) => 3,
        Effect::SyncBlocks => 4,
        _ => 5,
    };
    let mut batch = batch;
    batch.sort_by_key(rank);
    batch.dedup_by(|a, b| {
        matches!(
            (a, b),
            (Effect::SyncVotes, Effect::SyncVotes) | (Effect::SyncBlocks, Effect::SyncBlocks)
        )
    });
    batch
}

/// The place in a batch where votes are dropped durably and the block above them is not synced.
#[must_use]
pub fn between_drop_and_sync(effects: &[Effect]) -> Option<usize> {
    let at = |what: fn(&Effect) -> bool| effects.iter().position(what);
    at(|effect| matches!(effect, Effect::ResetVotes(_)))?;
    at(|effect| matches!(effect, Effect::SyncBlocks))
}
