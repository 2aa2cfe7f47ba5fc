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
        if count != known && count.is_some_and(|count| count.open > 0) {
            let own = state.clone();
            if let Err(problem) = state.read_much(move |view| own.recalls().bring_to(view)).await {
                tracing::debug!(detail = problem.detail, "recalls are found when somebody asks");
            }
        }
        known = count;
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = stopped(&mut stop) => return,
        }
    }
}
