//! Page tokens of queries: where a walk ends and where it goes on.

use tracehold_chain::state::Position;
use tracehold_chain::units::Height;

use super::super::paging::wrong_token;
use super::super::problem::Problem;
use crate::index::search::Cursor;

/// A cursor as clients see it; they should not read anything into it.
#[must_use]
pub fn to_token(cursor: &Cursor) -> String {
    let (time, at) = cursor.after;
    let left = cursor.left.map_or(String::new(), |left| format!("-{left}"));
    format!("{}-{time}-{}-{}-{}{left}", cursor.bound, at.height, at.transaction, at.event)
}

/// Reads a token.
///
/// # Errors
/// [`Kind::Parameter`] when it is no token of ours.
pub fn from_token(token: &str) -> Result<Cursor, Problem> {
    parse(token).ok_or_else(|| wrong_token("nextPageToken"))
}

fn parse(token: &str) -> Option<Cursor> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits && (text == "0" || !text.starts_with('0'));
        plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    let parts = token.split('-').map(number).collect::<Option<Vec<u64>>>()?;
    let (bound, time, height, transaction, event, left) = match parts.as_slice() {
        [bound, time, height, transaction, event] => {
            (bound, time, height, transaction, event, None)
        }
        [bound, time, height, transaction, event, left] => {
            (bound, time, height, transaction, event, Some(*left))
        }
        _ => return None,
    };
    let left = left.map(usize::try_from).transpose().ok()?;
    // A walk does not go on when nothing is left.
    (left != Some(0)).then_some(())?;
    let position = Position {
        height: Height(*height),
        transaction: u32::try_from(*transaction).ok()?,
        event: u32::try_from(*event).ok()?,
    };
    Some(Cursor { bound: Height(*bound), after: (*time, position), left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_spelling() {
        let after = (1_767_225_600_000, Position { height: Height(12), transaction: 0, event: 7 });
        for left in [None, Some(3)] {
            let cursor = Cursor { bound: Height(40), after, left };
            assert_eq!(from_token(&to_token(&cursor)).unwrap(), cursor);
        }
        for bad in ["", "1", "1-2-3", "1-2-3-4-5-0", "01-2-3-4-5", "1-2-3-4-5-6-7", "a-b-c-d-e"] {
            assert_eq!(from_token(bad).unwrap_err().errors[0].field, "nextPageToken", "{bad}");
        }
    }
}
