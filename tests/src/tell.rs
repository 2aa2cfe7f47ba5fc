//! What happens, told: to the trace, byte by byte, and to people.

use tracehold_chain::consensus::message::{Gossip, decode_gossip};
use tracehold_node::replica::{Effect, Input};

/// An effect for the trace: a name, and what it carries.
#[must_use]
pub fn describe(effect: &Effect) -> (&'static str, Vec<u8>) {
    match effect {
        Effect::AppendVote(bytes) => ("logs", bytes.clone()),
        Effect::ResetVotes(height) => ("resets votes", height.0.to_le_bytes().to_vec()),
        Effect::SyncVotes => ("syncs votes", Vec::new()),
        Effect::AppendBlock { decided, .. } => {
            ("appends block", decided.certificate.block_id.0.0.to_vec())
        }
        Effect::SyncBlocks => ("syncs blocks", Vec::new()),
        Effect::Commit { layer, .. } => ("commits", layer.head.state_root.0.to_vec()),
        Effect::Answer { ticket, result } => {
            ("answers", format!("{ticket} {}", result.is_ok()).into_bytes())
        }
        Effect::Broadcast { bytes, .. } => ("sends", bytes.to_vec()),
        Effect::Request { bytes, .. } => ("asks", bytes.clone()),
        Effect::Respond { bytes, .. } => ("responds", bytes.clone()),
        Effect::SetTimer { id, after_ms } => {
            ("sets timer", format!("{id:?} {after_ms}").into_bytes())
        }
        Effect::CancelTimer(id) => ("cancels timer", format!("{id:?}").into_bytes()),
        Effect::Halt(reason) => ("halts", reason.clone().into_bytes()),
    }
}

/// An input for people.
#[must_use]
pub fn show_input(input: &Input) -> String {
    match input {
        Input::Gossip { bytes, .. } => match decode_gossip(bytes) {
            Ok(Gossip::Vote(v)) => {
                let id = v.block_id.map_or("nil".into(), |id| id.to_string()[..8].to_owned());
                let who = &v.validator.to_string()[..6];
                format!("vote {:?} {}.{} {id} of {who}", v.kind, v.height, v.round)
            }
            Ok(Gossip::Proposal(p)) => {
                let id = &p.block_id.to_string()[..8];
                format!("proposal {}.{} {id} pol {:?}", p.height, p.round, p.pol_round)
            }
            Ok(Gossip::Polka(p)) => format!("polka {}.{}", p.height, p.round),
            Ok(Gossip::Round(r)) => format!("round certificate {}.{}", r.height, r.round),
            Ok(Gossip::Transaction(_)) => "transaction".into(),
            Ok(Gossip::Status(s)) => format!("status {}", s.height),
            Err(error) => format!("junk: {error}"),
        },
        Input::Request { .. } => "request".into(),
        Input::Response { answer, .. } => {
            format!("response of {:?} bytes", answer.as_ref().map(Vec::len))
        }
        Input::Submit { ticket, .. } => format!("submit {ticket}"),
        other => format!("{other:?}"),
    }
}
