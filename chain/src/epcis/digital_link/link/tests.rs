use proptest::prelude::*;

use super::*;
use crate::epcis::digital_link::KEYS;
use crate::epcis::gs1::element_string;
use crate::epcis::gs1::table;

fn read(uri: &str) -> Result<String, &'static str> {
    Link::parse(uri, Relaxed::default())
        .map(|link| element_string::with_brackets(&link.elements()))
        .map_err(|fault| fault.rule)
}

#[test]
fn links_are_read_strictly() {
    for (uri, expected) in [
        (
            "https://a.b/x/01/09521568251204/10/A%2B1/21/B+?17=261231&x=1&y#f",
            Ok("(01)09521568251204(10)A+1(21)B+(17)261231"),
        ),
        ("HTTPS://a/00/faux/00/095213210000000018", Ok("(00)095213210000000018")),
        ("https://a/01/09521568251204/21/A/10/B", Err("qualifiers")),
        ("https://a/01/09521568251204?10=A", Err("qualifier-in-query")),
        ("https://a/01/09521568251204/235/A?10=B", Ok("(01)09521568251204(235)A(10)B")),
        ("https://a/01/09521568251204?21=A", Err("attribute")),
        ("https://a/01/09521568251204?17=261231&17=261231", Err("repeated")),
        ("https://a/01/09521568251204?1234=A", Err("unknown-ai")),
        ("https://a/01/09521568251204?99=A+B", Err("charset")),
        ("https://a/01/09521568251205", Err("check-digit")),
        ("https://a/01/9521568251204", Err("length")),
        ("https://a/01/09521568251204/", Err("no-key")),
        ("https://a/gtin/09521568251204", Err("unknown-ai")),
        ("https://a/410/9521321000018", Err("no-key")),
        ("https://a", Err("no-key")),
        ("HtTps://a/01/09521568251204", Err("stem")),
        ("https://a$/01/09521568251204", Err("stem")),
        ("https://a:99999/01/09521568251204", Err("stem")),
        ("https://a/01/0952 1568251204", Err("uri")),
    ] {
        assert_eq!(read(uri), expected.map(str::to_owned), "{uri}");
    }
}

#[test]
fn what_older_versions_allowed_is_read_on_request() {
    let all = Relaxed { short_gtins: true, words: true, former_keys: true };
    for (uri, expected) in [
        ("https://a/gtin/9521568251204/lot/A?exp=261231", "(01)09521568251204(10)A(17)261231"),
        ("https://a/shipTo/9521321000018", "(410)9521321000018"),
    ] {
        let link = Link::parse(uri, all).unwrap();
        assert_eq!(element_string::with_brackets(&link.elements()), expected);
    }
}

#[test]
fn links_are_written() {
    let write = |text: &str, writing: &Writing| {
        generate(&element_string::parse(text).unwrap(), writing).map_err(|fault| fault.rule)
    };
    let plain = Writing::default();
    for (text, expected) in [
        ("(21)X(01)09521568251204(10)A/B(99)1+2", Ok("/01/09521568251204/10/A%2FB/21/X?99=1%2B2")),
        ("(99)1(01)09521568251204(99)1(17)261231", Ok("/01/09521568251204?17=261231&99=1")),
        ("(99)1", Err("no-key")),
        ("(01)09521568251204(99)1(99)2", Err("repeated")),
        ("(01)09521568251204(235)A(10)B", Err("attribute")),
        ("(410)9521321000018", Err("no-key")),
    ] {
        let expected = expected.map(|path| format!("https://id.gs1.org{path}"));
        assert_eq!(write(text, &plain), expected, "{text}");
    }
    let own = |stem: &str| Writing { stem: Some(stem.to_owned()), words: true, former_keys: true };
    for (stem, expected) in [
        ("https://a.b:443/x/", Ok("https://a.b/x/gln/9521321000018/glnx/1")),
        ("http://a.b", Ok("http://a.b/gln/9521321000018/glnx/1")),
        ("https::/a b/", Err("stem")),
        ("https://a.b?x", Err("stem")),
        ("a.b", Err("stem")),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(write("(254)1(414)9521321000018", &own(stem)), expected, "{stem}");
    }
}

/// The canonical form, which is tolerant, and the strict reader know the same keys.
#[test]
fn the_keys_of_the_canonical_form_are_those_of_the_table() {
    for key in &KEYS {
        let rule = table::find(key.ai).unwrap();
        let mut theirs: Vec<&str> = rule.sequences.clone().unwrap().concat();
        theirs.sort_unstable();
        let mut ours = key.qualifiers.to_vec();
        ours.sort_unstable();
        assert_eq!(ours, theirs, "{}", key.ai);
        assert_eq!(ai_of(key.short), Some(key.ai));
    }
    let keys = table::all().values().filter(|rule| rule.sequences.is_some());
    let unknown: Vec<&str> =
        keys.map(|rule| rule.ai.as_str()).filter(|ai| !KEYS.iter().any(|k| k.ai == *ai)).collect();
    // A place to pay to names no thing, party or place of an event.
    assert_eq!(unknown, ["415"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_makes_the_reader_panic(text in "(https://a)?[/?&=#%0-9A-Zaä:+]{0,60}") {
        let all = Relaxed { short_gtins: true, words: true, former_keys: true };
        let _ = Link::parse(&text, all);
        let _ = checked_stem(&text);
    }

    #[test]
    fn what_is_written_is_read_back(serial in "[!-~]{1,20}", note in "[!-~]{1,30}") {
        let made = [("01", "09521568251204"), ("21", &serial), ("99", &note)]
            .into_iter()
            .map(|(ai, value)| Element::checked(ai, value))
            .collect::<Result<Vec<_>, _>>();
        if let Ok(elements) = made {
            let uri = generate(&elements, &Writing::default()).unwrap();
            let link = Link::parse(&uri, Relaxed::default()).unwrap();
            prop_assert_eq!(link.elements(), elements);
        }
    }
}
