//! Percent-encoding in the two halves of a Digital Link: in the path `+` is a plus sign, in the
//! query it is a space (GS1 Digital Link URI Syntax §4.3, RFC 3986 §2.1).

use crate::epcis::uri;

/// A value for the path.
#[must_use]
pub fn encode_path(text: &str) -> String {
    uri::percent_encoded(text)
}

/// A value for the query.
#[must_use]
pub fn encode_query(text: &str) -> String {
    uri::percent_encoded(text).replace("%20", "+")
}

/// A value from the path. What is no escape stays as it is.
#[must_use]
pub fn decode_path(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            (other, _, _) => {
                bytes.push(*other);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value from the query. What is no escape stays as it is.
#[must_use]
pub fn decode_query(text: &str) -> String {
    decode_path(&text.replace('+', "%20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_sign_is_a_space_in_the_query_only() {
        assert_eq!(
            (encode_path("A +").as_str(), encode_query("A +").as_str()),
            ("A%20%2B", "A+%2B")
        );
        assert_eq!((decode_path("A+%2b").as_str(), decode_query("A+%2B").as_str()), ("A++", "A +"));
        for odd in ["%", "%4", "%4G", "%ä1", "%%41"] {
            assert!(decode_path(odd).starts_with('%'), "{odd}");
        }
    }
}
