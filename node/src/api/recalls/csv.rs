//! What a recall reaches as CSV (RFC 4180), with a head line and UTF-8.

use std::fmt::Write as _;

use tracehold_chain::recall::RecallId;
use tracehold_contracts::recall::affected::Rows;

use super::super::told::{level_code, life, moment};
use super::affected::{HolderView, Names};
use crate::fault::Fault;
use crate::view::ReadView;

/// The media type.
pub const MEDIA_TYPE: &str = "text/csv";

/// The columns.
const HEAD: &str = "id,kind,product,how,from,life,holder,holder_name,place,place_name,seen,\
                    on_its_way_to,container,inside";

/// Bytes of one line, about.
const LINE_BYTES: usize = 320;

/// The name of the file with the list, which says so when the list is not whole.
#[must_use]
pub fn file_name(id: &RecallId, is_cut: bool) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let id: String = id.to_string().chars().map(plain).collect();
    let cut = if is_cut { "-incomplete" } else { "" };
    format!("recall-{id}{cut}.csv")
}

/// All lines.
pub fn write(
    view: &ReadView,
    rows: &Rows,
    names: &mut Names,
    is_for_people: bool,
) -> Result<String, Fault> {
    let mut text = String::with_capacity(rows.rows.len().saturating_mul(LINE_BYTES));
    if is_for_people {
        text.push('\u{feff}');
    }
    text.push_str(HEAD);
    text.push_str("\r\n");
    for row in &rows.rows {
        put(&mut text, &row.uri);
        text.push(',');
        text.push_str(level_code(row.level));
        text.push(',');
        put(&mut text, &names.product(view, &row.uri)?.unwrap_or_default());
        text.push(',');
        text.push_str(row.how.code());
        text.push(',');
        if let Some(from) = row.from.and_then(|at| rows.rows.get(at)) {
            put(&mut text, &from.uri);
        }
        text.push(',');
        text.push_str(row.life.map(life).unwrap_or_default());
        text.push(',');
        let mut holders = Vec::with_capacity(row.holders.len());
        for party in &row.holders {
            holders.push(names.holder(view, party)?);
        }
        put(&mut text, &joined(&holders, |one| one.member.as_ref().or(one.id.as_ref())));
        text.push(',');
        put(&mut text, &joined(&holders, |one| one.name.as_ref()));
        text.push(',');
        if let Some((place, mark)) = &row.place {
            put(&mut text, place);
            text.push(',');
            put(&mut text, &names.place(view, place)?.unwrap_or_default());
            text.push(',');
            text.push_str(&moment(mark.time));
        } else {
            text.push_str(",,");
        }
        text.push(',');
        if let Some(to) = &row.to {
            let to = names.holder(view, to)?;
            put(
                &mut text,
                to.name.as_ref().or(to.member.as_ref()).or(to.id.as_ref()).map_or("", |t| t),
            );
        }
        text.push(',');
        put(&mut text, row.container.as_deref().unwrap_or_default());
        text.push(',');
        if row.inside > 0 {
            let _ = write!(text, "{}", row.inside);
        }
        text.push_str("\r\n");
    }
    Ok(text)
}

fn joined(holders: &[HolderView], of: impl Fn(&HolderView) -> Option<&String>) -> String {
    let all: Vec<&str> = holders.iter().filter_map(|one| of(one).map(String::as_str)).collect();
    all.join("; ")
}

/// One field. What a spreadsheet would take for a formula begins with an apostrophe.
fn put(text: &mut String, field: &str) {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_quoted = field.contains([',', '"', '\n', '\r']);
    if is_quoted {
        text.push('"');
    }
    if is_formula {
        text.push('\'');
    }
    for c in field.chars() {
        if c == '"' {
            text.push('"');
        }
        text.push(c);
    }
    if is_quoted {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P117: no name that somebody gave becomes another column, line or formula.
    #[test]
    fn fields_stay_fields() {
        for (field, written) in [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@sum, x", "\"'@sum, x\""),
            ("", ""),
        ] {
            let mut text = String::new();
            put(&mut text, field);
            assert_eq!(text, written);
        }
    }

    #[test]
    fn a_file_has_a_plain_name() {
        let id: RecallId = "acme:R:2026.1".parse().unwrap();
        assert_eq!(file_name(&id, false), "recall-acme-R-2026.1.csv");
        assert_eq!(file_name(&id, true), "recall-acme-R-2026.1-incomplete.csv");
    }
}
