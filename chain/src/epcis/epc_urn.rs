//! EPC URNs (`urn:epc:id:…`, `urn:epc:class:lgtin:…`, `urn:epc:idpat:…` with a `*` for the serial)
//! as canonical Digital Links. An EPC has no check digit, so the right one is put in.

use super::digital_link;
use super::identifier::{Canonical, check_digit};
use super::uri::percent_decoded;

/// What an EPC URN is as a GS1 identifier.
pub(super) enum Translation {
    /// Its canonical Digital Link.
    Gs1(Canonical),
    /// A GS1 scheme whose rules it breaks.
    Malformed,
    /// A scheme without GS1 key (`gid`, `usdod`, `adi` …), or a pattern that is no class.
    OtherScheme,
}

const SCHEMES: [&str; 16] = [
    "sgtin", "sscc", "sgln", "grai", "giai", "gsrn", "gsrnp", "gdti", "cpi", "sgcn", "ginc",
    "gsin", "itip", "upui", "pgln", "lgtin",
];

pub(super) fn to_canonical(uri: &str) -> Translation {
    let mut parts = uri.splitn(5, ':').skip(2);
    let (Some(form), Some(scheme), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return Translation::OtherScheme;
    };
    if !SCHEMES.contains(&scheme) || !matches!(form, "id" | "class" | "idpat") {
        return Translation::OtherScheme;
    }
    let fields: Vec<&str> = body.split('.').collect();
    let stars = fields.iter().filter(|field| **field == "*").count();
    let translated = match form {
        "idpat" if stars == 0 => None,
        // More than the serial left open: a pattern for queries, not a class.
        "idpat" if stars > 1 || fields.last() != Some(&"*") => return Translation::OtherScheme,
        "idpat" => class_pattern(scheme, &fields),
        "class" => (scheme == "lgtin").then(|| lot(&fields)).flatten(),
        _ => instance(scheme, &fields),
    };
    translated.map_or(Translation::Malformed, Translation::Gs1)
}

/// A GS1 company prefix: 6 to 12 digits.
fn is_prefix(text: &str) -> bool {
    (6..=12).contains(&text.len()) && is_digits(text)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// `prefix` and `reference` joined, `length` digits together, and their check digit.
fn joined(prefix: &str, reference: &str, length: usize) -> Option<String> {
    let mut digits = format!("{prefix}{reference}");
    let fine = is_prefix(prefix) && is_digits(&digits) && digits.len() == length;
    digits.push(fine.then(|| check_digit(&digits)).flatten()?);
    Some(digits)
}

/// As [`joined`], the first digit of the reference (indicator or extension) before the prefix.
fn joined_behind_first(prefix: &str, reference: &str, length: usize) -> Option<String> {
    let (first, rest) = reference.split_at_checked(1)?;
    let mut digits = format!("{first}{prefix}{rest}");
    let fine = is_prefix(prefix) && is_digits(&digits) && digits.len() == length;
    digits.push(fine.then(|| check_digit(&digits)).flatten()?);
    Some(digits)
}

fn pieces(prefix: &str, item: &str, piece: &str, total: &str) -> Option<String> {
    let fine = |text: &str| text.len() == 2 && is_digits(text);
    let gtin = joined_behind_first(prefix, item, 13)?;
    (fine(piece) && fine(total)).then(|| format!("{gtin}{piece}{total}"))
}

fn lot(fields: &[&str]) -> Option<Canonical> {
    let [prefix, item, lot] = fields else { return None };
    let gtin = joined_behind_first(prefix, item, 13)?;
    digital_link::from_parts("01", &gtin, Some(("10", &percent_decoded(lot)?)))
}

fn instance(scheme: &str, fields: &[&str]) -> Option<Canonical> {
    let make = digital_link::from_parts;
    match (scheme, fields) {
        ("sgtin", [prefix, item, serial]) => {
            let gtin = joined_behind_first(prefix, item, 13)?;
            make("01", &gtin, Some(("21", &percent_decoded(serial)?)))
        }
        ("upui", [prefix, item, serial]) => {
            let gtin = joined_behind_first(prefix, item, 13)?;
            make("01", &gtin, Some(("235", &percent_decoded(serial)?)))
        }
        ("itip", [prefix, item, piece, total, serial]) => {
            let value = pieces(prefix, item, piece, total)?;
            make("8006", &value, Some(("21", &percent_decoded(serial)?)))
        }
        ("sscc", [prefix, serial]) => make("00", &joined_behind_first(prefix, serial, 17)?, None),
        ("sgln", [prefix, place, "0"]) => make("414", &joined(prefix, place, 12)?, None),
        ("sgln", [prefix, place, extension]) => {
            let extension = percent_decoded(extension)?;
            make("414", &joined(prefix, place, 12)?, Some(("254", &extension)))
        }
        ("pgln", [prefix, party]) => make("417", &joined(prefix, party, 12)?, None),
        ("grai", [prefix, kind, serial]) if !serial.is_empty() => {
            let serial = percent_decoded(serial)?;
            make("8003", &format!("0{}{serial}", joined(prefix, kind, 12)?), None)
        }
        ("gdti", [prefix, kind, serial]) if !serial.is_empty() => {
            let serial = percent_decoded(serial)?;
            make("253", &format!("{}{serial}", joined(prefix, kind, 12)?), None)
        }
        ("sgcn", [prefix, coupon, serial]) if !serial.is_empty() => {
            make("255", &format!("{}{serial}", joined(prefix, coupon, 12)?), None)
        }
        ("gsrn", [prefix, reference]) => make("8018", &joined(prefix, reference, 17)?, None),
        ("gsrnp", [prefix, reference]) => make("8017", &joined(prefix, reference, 17)?, None),
        ("gsin", [prefix, reference]) => make("402", &joined(prefix, reference, 16)?, None),
        // What follows the prefix is free text here, in which dots are allowed.
        ("giai", [prefix, rest @ ..]) => free("8004", prefix, rest),
        ("ginc", [prefix, rest @ ..]) => free("401", prefix, rest),
        ("cpi", [prefix, part, serial]) => {
            let part = percent_decoded(part)?;
            let fine = is_prefix(prefix) && !part.is_empty();
            fine.then(|| make("8010", &format!("{prefix}{part}"), Some(("8011", serial))))?
        }
        _ => None,
    }
}

fn free(ai: &str, prefix: &str, rest: &[&str]) -> Option<Canonical> {
    let reference = percent_decoded(&rest.join("."))?;
    let fine = is_prefix(prefix) && !reference.is_empty();
    fine.then(|| digital_link::from_parts(ai, &format!("{prefix}{reference}"), None))?
}

/// The class that is left when the serial is open.
fn class_pattern(scheme: &str, fields: &[&str]) -> Option<Canonical> {
    let make = digital_link::from_parts;
    match (scheme, fields) {
        ("sgtin" | "upui", [prefix, item, _]) => {
            make("01", &joined_behind_first(prefix, item, 13)?, None)
        }
        ("itip", [prefix, item, piece, total, _]) => {
            make("8006", &pieces(prefix, item, piece, total)?, None)
        }
        ("grai", [prefix, kind, _]) => {
            make("8003", &format!("0{}", joined(prefix, kind, 12)?), None)
        }
        ("gdti", [prefix, kind, _]) => make("253", &joined(prefix, kind, 12)?, None),
        ("sgcn", [prefix, coupon, _]) => make("255", &joined(prefix, coupon, 12)?, None),
        ("sgln", [prefix, place, _]) => make("414", &joined(prefix, place, 12)?, None),
        ("cpi", [prefix, part, _]) => {
            let part = percent_decoded(part)?;
            let fine = is_prefix(prefix) && !part.is_empty();
            fine.then(|| make("8010", &format!("{prefix}{part}"), None))?
        }
        _ => None,
    }
}

/// The EPC URN of a canonical identifier; see [`Canonical::epc_urn`].
pub(super) fn from_canonical(found: &Canonical, prefix: usize) -> Option<String> {
    if found.flaw().is_some() || !(6..=12).contains(&prefix) {
        return None;
    }
    let path = found.uri().strip_prefix(digital_link::CANONICAL_DOMAIN)?.strip_prefix('/')?;
    let segments = path.split('/').map(percent_decoded).collect::<Option<Vec<_>>>()?;
    let (value, qualifier) = match segments.as_slice() {
        [_, value] => (value.as_str(), None),
        [_, value, ai, text] => (value.as_str(), Some((ai.as_str(), escaped(text)))),
        _ => return None,
    };
    // The company prefix, and what is between it and the check digit before `end`.
    let plain = |end: usize| {
        let whole = value.get(..end)?;
        let (prefix, reference) = whole.split_at_checked(prefix)?;
        Some(format!("{prefix}.{reference}"))
    };
    // The same when an indicator or extension digit stands before the prefix.
    let behind_first = |end: usize| {
        let (first, whole) = value.get(..end)?.split_at_checked(1)?;
        let (prefix, reference) = whole.split_at_checked(prefix)?;
        Some(format!("{prefix}.{first}{reference}"))
    };
    let free = || {
        let (prefix, rest) = value.split_at_checked(prefix)?;
        (is_digits(prefix) && !rest.is_empty()).then(|| format!("{prefix}.{}", escaped(rest)))
    };
    // With its serial number, or as the class of all of them.
    let serial = |scheme: &str, body: String, serial: &str| match serial {
        "" => format!("idpat:{scheme}:{body}.*"),
        serial => format!("id:{scheme}:{body}.{}", escaped(serial)),
    };
    let urn = match (found.key()?, qualifier) {
        ("01", None) => format!("idpat:sgtin:{}.*", behind_first(13)?),
        ("01", Some(("21", text))) => format!("id:sgtin:{}.{text}", behind_first(13)?),
        ("01", Some(("235", text))) => format!("id:upui:{}.{text}", behind_first(13)?),
        ("01", Some(("10", text))) => format!("class:lgtin:{}.{text}", behind_first(13)?),
        ("00", None) => format!("id:sscc:{}", behind_first(17)?),
        ("414", None) => format!("id:sgln:{}.0", plain(12)?),
        ("414", Some((_, text))) => format!("id:sgln:{}.{text}", plain(12)?),
        ("417", None) => format!("id:pgln:{}", plain(12)?),
        ("8003", None) => {
            let (prefix, kind) = value.get(1..13)?.split_at_checked(prefix)?;
            let zero = value.starts_with('0');
            zero.then(|| serial("grai", format!("{prefix}.{kind}"), value.get(14..).unwrap_or("")))?
        }
        ("8004", None) => format!("id:giai:{}", free()?),
        ("8006", qualifier) => {
            let body = behind_first(13)?;
            let body = format!("{body}.{}.{}", value.get(14..16)?, value.get(16..18)?);
            match qualifier {
                None => format!("idpat:itip:{body}.*"),
                Some(("21", text)) => format!("id:itip:{body}.{text}"),
                Some(_) => return None,
            }
        }
        ("8010", None) => format!("idpat:cpi:{}.*", free()?),
        ("8010", Some((_, text))) => format!("id:cpi:{}.{text}", free()?),
        ("8017", None) => format!("id:gsrnp:{}", plain(17)?),
        ("8018", None) => format!("id:gsrn:{}", plain(17)?),
        ("253", None) => serial("gdti", plain(12)?, value.get(13..)?),
        ("255", None) => serial("sgcn", plain(12)?, value.get(13..)?),
        ("401", None) => format!("id:ginc:{}", free()?),
        ("402", None) => format!("id:gsin:{}", plain(16)?),
        _ => return None,
    };
    Some(format!("urn:epc:{urn}"))
}

/// Text in an EPC URN: what RFC 2141 does not let stand is percent-encoded.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '"' | '#' | '%' | '&' | '/' | '<' | '>' | '?' => {
                out.push_str(&format!("%{:02X}", u32::from(sign)));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::epcis::identifier::{Flaw, Level, canonical};

    /// Promise P84.
    #[test]
    fn every_gs1_scheme_has_its_digital_link() {
        for (urn, link, level) in [
            ("id:sgtin:0614141.812345.6789", "01/80614141123458/21/6789", Level::Instance),
            ("id:sgtin:4012345.011111.A%2F1", "01/04012345111118/21/A%2F1", Level::Instance),
            ("id:sgtin:415056789012.0.987654", "01/04150567890128/21/987654", Level::Instance),
            ("class:lgtin:4012345.012345.998877", "01/04012345123456/10/998877", Level::Lot),
            ("idpat:sgtin:4012345.012345.*", "01/04012345123456", Level::Class),
            ("id:upui:1234567.089456.51qIgY)", "01/01234567894560/235/51qIgY%29", Level::Instance),
            ("idpat:upui:4012345.012345.*", "01/04012345123456", Level::Class),
            ("id:sscc:4012345.3111111111", "00/340123451111111111", Level::LogisticUnit),
            ("id:sgln:4012345.00005.122", "414/4012345000054/254/122", Level::Location),
            ("id:sgln:4012345.00005.0", "414/4012345000054", Level::Location),
            ("id:pgln:4000001.00000", "417/4000001000005", Level::Party),
            ("id:pgln:999999999999.", "417/9999999999994", Level::Party),
            ("id:grai:4012345.00022.334455", "8003/04012345000221334455", Level::Instance),
            ("idpat:grai:4012345.00022.*", "8003/04012345000221", Level::Class),
            ("id:giai:4012345.ABC345", "8004/4012345ABC345", Level::Instance),
            ("id:gsrn:4012345.0000006765", "8018/401234500000067657", Level::Instance),
            ("id:gsrnp:4012345.0000000007", "8017/401234500000000074", Level::Instance),
            ("id:gdti:987659999999..9", "253/98765999999929", Level::Document),
            ("idpat:gdti:4012345.55555.*", "253/4012345555554", Level::Class),
            (
                "id:cpi:0614141.123ABC.123456789",
                "8010/0614141123ABC/8011/123456789",
                Level::Instance,
            ),
            ("idpat:cpi:4012345.ABC.*", "8010/4012345ABC", Level::Class),
            ("id:sgcn:4012345.67890.04711", "255/401234567890104711", Level::Instance),
            ("idpat:sgcn:4012345.67890.*", "255/4012345678901", Level::Class),
            ("id:ginc:0614141.xyz47%2F11", "401/0614141xyz47%2F11", Level::LogisticUnit),
            ("id:gsin:4012345.222333444", "402/40123452223334442", Level::LogisticUnit),
            ("id:itip:4012345.012345.01.02.987", "8006/040123451234560102/21/987", Level::Instance),
            ("idpat:itip:4012345.012345.01.02.*", "8006/040123451234560102", Level::Class),
        ] {
            let found = canonical(&format!("urn:epc:{urn}"));
            assert_eq!(found.uri(), format!("https://id.gs1.org/{link}"), "{urn}");
            assert_eq!((found.level(), found.flaw()), (level, None), "{urn}");
            let prefix = urn.splitn(3, ':').nth(2).unwrap().split('.').next().unwrap().len();
            let back = found.epc_urn(prefix);
            match urn {
                // The class of all is written as that of serialised items.
                "idpat:upui:4012345.012345.*" => {
                    assert_eq!(back.as_deref(), Some("urn:epc:idpat:sgtin:4012345.012345.*"));
                }
                _ => assert_eq!(back, Some(format!("urn:epc:{urn}"))),
            }
        }
    }

    #[test]
    fn a_urn_needs_a_right_check_digit_and_a_prefix_that_fits() {
        let urn = |uri: &str, digits: usize| canonical(uri).epc_urn(digits);
        let gtin = "https://id.gs1.org/01/09521568251204/21/A";
        assert_eq!(urn(gtin, 7).as_deref(), Some("urn:epc:id:sgtin:9521568.025120.A"));
        assert_eq!(urn(gtin, 5), None);
        assert_eq!(urn(gtin, 13), None);
        assert_eq!(urn("https://id.gs1.org/01/09521568251205/21/A", 7), None);
        assert_eq!(urn("https://id.gs1.org/8013/9521321ABC", 7), None);
        assert_eq!(urn("https://id.gs1.org/8004/95213", 7), None);
        assert_eq!(urn("urn:uuid:1", 7), None);
    }

    #[test]
    fn what_breaks_a_scheme_compares_exactly_and_says_so() {
        for urn in [
            "id:sgtin:0614141.81234.6789",
            "id:sgtin:0614141.812345",
            "id:sgtin:06141.81234567.1",
            "id:sscc:0614141.12345",
            "id:sgtin:0614141.812345.",
            "id:sgtin:0614141.812345.ä",
            "id:cpi:0614141..1",
            "id:lgtin:4012345.012345.998877",
            "class:sgtin:4012345.012345.998877",
            "idpat:sgtin:4012345.012345.1",
        ] {
            let urn = format!("urn:epc:{urn}");
            let found = canonical(&urn);
            assert_eq!((found.uri(), found.level()), (urn.as_str(), Level::Other));
            assert_eq!(found.flaw(), Some(Flaw::Malformed), "{urn}");
        }
        for urn in
            ["urn:epc:id:gid:1.2.3", "urn:epc:idpat:sgtin:*.*.*", "urn:epc:po:123", "urn:epc:"]
        {
            assert_eq!((canonical(urn).uri(), canonical(urn).flaw()), (urn, None));
        }
    }
}
