//! Recalls as pages tell of them.

use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::text_in;
use tracehold_explorer::pages::recalls::{Notice, path};
use tracehold_explorer::story::{Reference, identify};

use super::super::ApiState;
use super::super::limits::{MAX_NOTICES, RECALLS_ON_HOME_PAGE};
use super::some;
use crate::fault::Fault;
use crate::view::ReadView;

/// The recalls that concern an item, for its page, and how many there are besides.
///
/// # Errors
/// [`Fault`] when something cannot be read.
pub fn notices(
    state: &ApiState,
    view: &ReadView,
    uri: &str,
    language: Language,
) -> Result<(Vec<Notice>, usize), Fault> {
    let found = state.recalls().notices(view, uri)?;
    let more = found.len().saturating_sub(MAX_NOTICES);
    let told = found.into_iter().take(MAX_NOTICES).map(|found| {
        let who = state.member_name(&found.record.id.member);
        Notice {
            from: found.from.as_deref().map(|from| identify(from, language)),
            ..Notice::of(&found.record, who, language)
        }
        .because(found.how, found.inside, language)
    });
    Ok((told.collect(), more))
}

/// The newest recalls that hold, with their pages; and how many hold besides.
///
/// # Errors
/// [`Fault`] when something cannot be read.
pub fn newest_open(
    state: &ApiState,
    view: &ReadView,
    language: Language,
) -> Result<(Vec<Reference>, u64), Fault> {
    let open = view.recall_count()?.open;
    if open == 0 {
        return Ok((Vec::new(), 0));
    }
    let (found, _) = some(view, None, (Some(true), RECALLS_ON_HOME_PAGE))?;
    let told: Vec<Reference> = found
        .iter()
        .map(|record| {
            let who = state.member_name(&record.id.member);
            let reason = text_in(&record.notice.reason, language).unwrap_or_default();
            let text = format!("{who}{}{reason}", language.pick(": ", "："));
            Reference { text, path: Some(path(record, language)) }
        })
        .collect();
    let shown = told.len() as u64;
    Ok((told, open.saturating_sub(shown)))
}
