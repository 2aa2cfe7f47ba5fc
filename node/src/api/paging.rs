//! Pages over a history that only grows.
//!
//! A page token holds the position of the last event shown, in commit order. Positions never
//! change, so a token does not expire and pages neither repeat nor miss events.

use std::num::NonZeroUsize;

use http::HeaderValue;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::state::Position;
use tracehold_chain::units::Height;

use super::limits::{DEFAULT_PAGE, MAX_PAGE};
use super::problem::{Kind, Problem};

/// A position as clients see it; they should not read anything into it.
#[must_use]
pub fn to_token(position: Position) -> String {
    format!("{}-{}-{}", position.height, position.transaction, position.event)
}

/// Reads a token of the parameter `parameter`.
///
/// # Errors
/// [`Kind::Parameter`] naming the parameter when it is no token of ours.
pub fn from_token(parameter: &str, token: &str) -> Result<Position, Problem> {
    parse(token).ok_or_else(|| wrong_token(parameter))
}

/// The problem of a cursor that this node did not give.
pub fn wrong_token(parameter: &str) -> Problem {
    let rule = "must be a cursor that this node gave";
    Problem::new(Kind::Parameter, format!("{parameter} {rule}")).field(
        parameter,
        rule,
        "take it from the last answer unchanged, or leave it out to start at the beginning",
    )
}

fn parse(token: &str) -> Option<Position> {
    let plain = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits && (text == "0" || !text.starts_with('0'))
    };
    let mut parts = token.split('-');
    let (height, transaction, event) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && [height, transaction, event].into_iter().all(plain);
    whole.then_some(())?;
    Some(Position {
        height: Height(height.parse().ok()?),
        transaction: transaction.parse().ok()?,
        event: event.parse().ok()?,
    })
}

/// Reads `perPage`.
///
/// # Errors
/// [`Kind::Parameter`] unless it is from 1 to [`MAX_PAGE`].
pub fn per_page(given: Option<&str>) -> Result<NonZeroUsize, Problem> {
    let wanted = match given {
        None => Some(DEFAULT_PAGE),
        Some(text) => text.parse().ok().filter(|wanted| (1..=MAX_PAGE).contains(wanted)),
    };
    wanted.and_then(NonZeroUsize::new).ok_or_else(|| {
        let rule = format!("must be a whole number from 1 to {MAX_PAGE}");
        Problem::new(Kind::Parameter, format!("perPage {rule}")).field(
            "perPage",
            rule,
            format!("leave it out for {DEFAULT_PAGE}"),
        )
    })
}

/// The `Link` header that leads to the next page: the same query with another token.
#[must_use]
pub fn next_link(path: &str, query: &[(String, String)], token: &str) -> HeaderValue {
    let mut link = format!("<{path}?");
    for (name, value) in query.iter().filter(|(name, _)| name != "nextPageToken") {
        link.push_str(&percent_encoded(name));
        link.push('=');
        link.push_str(&percent_encoded(value));
        link.push('&');
    }
    link.push_str("nextPageToken=");
    link.push_str(token);
    link.push_str(">; rel=\"next\"");
    HeaderValue::from_str(&link).expect("everything but plain ASCII is percent-encoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_one_spelling() {
        let cursor = Position { height: Height(12), transaction: 0, event: 7 };
        assert_eq!(from_token("after", &to_token(cursor)).unwrap(), cursor);
        for bad in ["", "1", "1-2", "1-2-3-4", "01-2-3", "-1-2-3", "+1-2-3", "a-b-c", "1-2-"] {
            assert!(from_token("after", bad).is_err(), "{bad}");
        }
        let far = "99999999999999999999-0-0";
        assert_eq!(from_token("after", far).unwrap_err().errors[0].field, "after");
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(per_page(None).unwrap().get(), DEFAULT_PAGE);
        assert_eq!(per_page(Some("1000")).unwrap().get(), 1000);
        for bad in ["0", "-1", "1001", "ten", "", "1e3"] {
            assert_eq!(per_page(Some(bad)).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn the_next_link_keeps_the_query() {
        let query = [
            ("MATCH_anyEPC".to_owned(), "urn:epc:id:x|é".to_owned()),
            ("nextPageToken".to_owned(), "1-0-0".to_owned()),
        ];
        let link = next_link("/epcis/v2/events", &query, "2-0-0");
        assert_eq!(
            link,
            "</epcis/v2/events?MATCH_anyEPC=urn%3Aepc%3Aid%3Ax%7C%C3%A9&nextPageToken=2-0-0>; \
             rel=\"next\""
        );
    }
}
