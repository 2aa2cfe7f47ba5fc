//! Lists of affected things are found before anybody asks.

use super::super::ApiState;
use super::super::server::stopped;

/// Blocks after which lists are brought forward though nobody asked: long before there are so many
/// that they would be found anew.
const BLOCKS: u64 = 500;

/// Finds what open recalls reach when the node begins to serve, again when a block declares or
/// withdraws one, wherever that was asked for, and brings it forward every [`BLOCKS`]: who asks
/// next, and whoever scans something, then waits for less. What goes wrong here is told to them.
/// Ends when the node stops.
pub async fn find_ahead(state: ApiState) {
    let Ok(node) = state.node() else { return };
    let (mut changes, mut stop) = (node.changes(), state.stop());
    let mut known = None;
    loop {
        changes.mark_unchanged();
        let now =
            state.read(|view| Ok((view.recall_count()?, view.height().0 / BLOCKS))).await.ok();
        let own = state.clone();
        let find = state.read_much(move |view| own.recalls().bring_to(view));
        if now == known || now.is_none_or(|(count, _)| count.open == 0) {
            known = now;
        } else if let Err(problem) = find.await {
            tracing::debug!(detail = problem.detail, "recalls are found with the next block");
        } else {
            known = now;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = stopped(&mut stop) => return,
        }
    }
}
