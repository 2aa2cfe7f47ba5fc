//! Lists of affected things are found before anybody asks.

use super::super::ApiState;
use super::super::server::stopped;

/// Finds what open recalls reach when the node begins to serve, and again when a block declares or
/// withdraws one, wherever that was asked for: who asks next, and whoever scans something, then
/// waits for less. What goes wrong here is told to them. Ends when the node stops.
pub async fn find_ahead(state: ApiState) {
    let Ok(node) = state.node() else { return };
    let (mut changes, mut stop) = (node.changes(), state.stop());
    let mut known = None;
    loop {
        changes.mark_unchanged();
        let count = state.read(|view| view.recall_count()).await.ok();
        let own = state.clone();
        let find = state.read_much(move |view| own.recalls().bring_to(view));
        if count == known || count.is_none_or(|count| count.open == 0) {
            known = count;
        } else if let Err(problem) = find.await {
            tracing::debug!(detail = problem.detail, "recalls are found with the next block");
        } else {
            known = count;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = stopped(&mut stop) => return,
        }
    }
}
