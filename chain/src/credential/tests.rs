//! W3C's own vector, passports against UNTP's schema, and everything that must not pass.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::*;
use crate::epcis::canonical;
use crate::keys::{PublicKey, SecretKey, Signer as _};
use crate::masterdata::decimal;
use crate::units::TimestampMs;

/// 2026-03-01T08:30:00Z.
const NOW: TimestampMs = TimestampMs(1_772_353_800_000);
const YEAR_MS: u64 = 365 * 86_400_000;

/// A file of the public corpora, when they are beside the repository.
fn corpus(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|dir| dir.join("shared/corpora").join(name));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        let required = std::env::var("TRACEHOLD_CORPORA").is_ok_and(|wanted| wanted == "required");
        assert!(!required, "TRACEHOLD_CORPORA is required and {name} is missing");
        println!("NOT RUN: {name} of the public corpora is not here");
    }
    found
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The published vector of `eddsa-jcs-2022` (W3C Data Integrity EdDSA Cryptosuites 1.0, B.3).
mod vector {
    pub const SECRET: &str = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq";
    pub const PUBLIC: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
    pub const HASHES: &str = "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db\
                              59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19";
    pub const VALUE: &str = "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAV\
                             FuUfjoJdcnTMuVor51aX";
    pub const CREATED: &str = "2023-02-24T23:36:38Z";
}

fn alumni() -> Map<String, Value> {
    let document = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/examples/v2"],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential", "AlumniCredential"],
        "name": "Alumni Credential",
        "description": "A minimum viable example of an Alumni Credential.",
        "issuer": "https://vc.example/issuers/5678",
        "validFrom": "2023-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
    });
    document.as_object().cloned().unwrap()
}

/// Promise P105.
#[test]
fn the_w3c_vector_is_exact() {
    let secret = did::from_multibase(vector::SECRET).unwrap();
    // A Multikey of a secret key begins with 0x80 0x26.
    let seed: [u8; 32] = secret.strip_prefix(&[0x80, 0x26]).unwrap().try_into().unwrap();
    let key = SecretKey::from_seed(&seed);
    assert_eq!(did::multikey(&key.public_key()), vector::PUBLIC);
    assert_eq!(did::from_multikey(vector::PUBLIC), Some(key.public_key()));
    let method = format!("did:key:{0}#{0}", vector::PUBLIC);
    assert_eq!(did::method_id(&did::did_key(&key.public_key()), &key.public_key()), method);
    let options = proof::options(&alumni(), vector::CREATED, &method);
    assert_eq!(hex::encode(proof::hashes(&options, &alumni())), vector::HASHES);
    let signed = proof::sign(alumni(), vector::CREATED, &method, &key);
    assert_eq!(signed["proof"]["proofValue"], vector::VALUE);
    assert_eq!(proof::verify(&signed, &did::resolve(&method, None).unwrap()), Ok(()));
    if let Some(folder) = corpus("vc-data-integrity") {
        assert_eq!(signed, read(&folder.join("eddsa-jcs-2022/signedJCS.json")), "as published");
    }
    // It is a vector of signatures: its issuer is an address, which is not who signed.
    let wrong = verify(&signed, None, NOW).unwrap_err();
    assert_eq!((wrong[0].pointer.as_str(), wrong[0].rule), ("/issuer", "issuer"));
}

fn facts(path: &str) -> Facts {
    let id = canonical(&format!("https://id.gs1.org/{path}"));
    let link = |url: &str| WebLink {
        url: url.to_owned(),
        name: "Something".to_owned(),
        link_type: "https://ref.gs1.org/voc/certificationInfo".to_owned(),
    };
    Facts {
        granularity: Granularity::of(&id).unwrap(),
        id,
        issuer: Issuer {
            did: did::did_key(&key().public_key()),
            name: "Acme Dairy".to_owned(),
            known_as: vec![KnownAs {
                id: "https://id.gs1.org/417/9521321000018".to_owned(),
                registered: "9521321000018".to_owned(),
            }],
        },
        name: "Alpine milk".to_owned(),
        description: Some("Whole milk, 牛奶".to_owned()),
        picture: Some("https://acme.example/milk.png".to_owned()),
        net_mass_kg: decimal("1.03"),
        produced_on: Some("2026-02-27".to_owned()),
        country: Some("CH".to_owned()),
        further: vec![link("https://acme.example/milk")],
        certificates: vec![link("https://cert.example/1")],
        events: vec![link("https://acme.example/epcis/v2/events?MATCH_anyEPC=x")],
        emissions: Some(Emissions { milligrams: 1_250_000, primary_permille: 333 }),
        valid_from: NOW,
        valid_until: NOW.plus_ms(YEAR_MS),
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn signed_by(facts: &Facts, key: &SecretKey) -> Value {
    let method = did::method_id(&facts.issuer.did, &key.public_key());
    proof::sign(passport::build(facts), &NOW.to_string(), &method, key)
}

const KINDS: [(&str, &str); 8] = [
    ("01/09521321000018/21/A%2F1", "item"),
    ("01/09521321000018/10/L1", "batch"),
    ("01/09521321000018", "model"),
    ("8003/09521321000018XYZ", "item"),
    ("8003/09521321000018", "model"),
    ("8004/9521321ABC", "item"),
    ("8006/095213210000180102/21/7", "item"),
    ("8010/9521321ABC/8011/5", "item"),
];

/// Promise P104.
#[test]
fn passports_have_the_shape_of_untp() {
    let mut schemas = Vec::new();
    if let Some(folder) = corpus("untp-dpp/schema") {
        let latest = read(&folder.join("digitalProductPassport-v0.6.0.schema.json"));
        schemas.push((passport::CONTEXTS[1], jsonschema::draft202012::new(&latest).unwrap()));
        // What came after it, under its working name.
        let working = read(&folder.join("untp-dpp-schema.json"));
        let context = "https://test.uncefact.org/vocabulary/untp/dpp/working/";
        schemas.push((context, jsonschema::draft202012::new(&working).unwrap()));
    }
    for (path, granularity) in KINDS {
        let full = facts(path);
        let bare = Facts {
            description: None,
            picture: None,
            net_mass_kg: None,
            produced_on: None,
            country: None,
            further: Vec::new(),
            certificates: Vec::new(),
            events: Vec::new(),
            emissions: None,
            issuer: Issuer { known_as: Vec::new(), ..full.issuer.clone() },
            ..full.clone()
        };
        for facts in [&full, &bare] {
            let passport = signed_by(facts, &key());
            assert_eq!(passport["credentialSubject"]["granularityLevel"], granularity, "{path}");
            for (context, schema) in &schemas {
                let mut passport = passport.clone();
                passport["@context"][1] = json!(context);
                let wrong = schema.iter_errors(&passport);
                let wrong = wrong.map(|e| format!("{}: {e}", e.instance_path()));
                assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new(), "{passport:#}");
            }
        }
    }
    let passport = signed_by(&facts("01/09521321000018/21/A%2F1"), &key());
    let subject = &passport["credentialSubject"];
    assert_eq!(subject["product"]["serialNumber"], "A/1");
    assert_eq!(subject["product"]["registeredId"], "09521321000018.21.A/1");
    assert_eq!(subject["product"]["dimensions"]["weight"]["value"], json!(1.03));
    assert_eq!(subject["emissionsScorecard"]["carbonFootprint"], json!(1.25));
    assert_eq!(subject["emissionsScorecard"]["primarySourcedRatio"], json!(0.333));
    // The same facts have the same id, others another one.
    let again = signed_by(&facts("01/09521321000018/21/A%2F1"), &key());
    assert_eq!(passport, again);
    assert_ne!(passport["id"], signed_by(&facts("01/09521321000018"), &key())["id"]);
    for path in [
        "00/395213210000000017",
        "414/9521321000018",
        "8018/952132100000000015",
        "253/9521321000018",
    ] {
        let id = canonical(&format!("https://id.gs1.org/{path}"));
        assert_eq!(Granularity::of(&id), None, "{path}");
    }
}

/// Every value in a JSON text, changed one at a time.
fn tampered(value: &Value, at: &str, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let mut changes = Vec::new();
                tampered(inner, &format!("{at}/{name}"), &mut changes);
                for (at, change) in changes {
                    let mut map = map.clone();
                    map.insert(name.clone(), change);
                    out.push((at, Value::Object(map)));
                }
                let mut less = map.clone();
                less.remove(name);
                out.push((format!("{at} without {name}"), Value::Object(less)));
            }
            let mut more = map.clone();
            more.insert("added".to_owned(), json!("x"));
            out.push((format!("{at} with more"), Value::Object(more)));
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                let mut changes = Vec::new();
                tampered(inner, &format!("{at}/{index}"), &mut changes);
                for (at, change) in changes {
                    let mut list = list.clone();
                    list[index] = change;
                    out.push((at, Value::Array(list)));
                }
            }
            out.push((format!("{at} emptied"), json!([])));
        }
        Value::String(text) => out.push((at.to_owned(), json!(format!("{text}x")))),
        Value::Number(_) => out.push((at.to_owned(), json!(424_242))),
        other => out.push((at.to_owned(), json!(other.is_null()))),
    }
}

/// Promise P105.
#[test]
fn whatever_is_changed_is_noticed() {
    let passport = signed_by(&facts("01/09521321000018/21/A1"), &key());
    let good = verify(&passport, None, NOW).unwrap();
    assert_eq!(good.key, key().public_key());
    assert_eq!(good.product.as_deref(), Some("https://id.gs1.org/01/09521321000018/21/A1"));
    // Spelled in another way it is the same.
    let pretty = serde_json::to_string_pretty(&passport).unwrap();
    assert!(verify(&serde_json::from_str(&pretty).unwrap(), None, NOW).is_ok());
    let mut all = Vec::new();
    tampered(&passport, "", &mut all);
    assert!(all.len() > 150, "{}", all.len());
    for (at, changed) in all {
        assert!(verify(&changed, None, NOW).is_err(), "{at}");
    }
    // Another's signature under the issuer's name, and a signature made for another purpose.
    let mut other = passport.clone();
    other["proof"]["proofValue"] =
        signed_by(&facts("01/09521321000018/21/A2"), &key())["proof"]["proofValue"].clone();
    assert_eq!(verify(&other, None, NOW).unwrap_err()[0].rule, "signature");
    let stolen = signed_by(
        &Facts {
            issuer: Issuer { did: did::did_key(&PublicKey([9; 32])), ..Issuer::default() },
            ..facts("01/09521321000018/21/A1")
        },
        &key(),
    );
    assert!(verify(&stolen, None, NOW).is_err());
    let mut moved = passport.clone();
    moved["issuer"]["id"] = json!("did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2");
    assert!(verify(&moved, None, NOW).is_err());
}

/// Promise P105.
#[test]
fn a_passport_is_valid_for_its_time_only() {
    let passport = signed_by(&facts("01/09521321000018/21/A1"), &key());
    for (at, is_valid) in [
        (NOW, true),
        (NOW.plus_ms(YEAR_MS), true),
        (NOW.plus_ms(YEAR_MS + 1), false),
        (TimestampMs(NOW.0 - 60_000), true),
        (TimestampMs(NOW.0 - 3_600_000), false),
    ] {
        assert_eq!(verify(&passport, None, at).is_ok(), is_valid, "{at}");
    }
}

/// Promise P105.
#[test]
fn the_document_of_a_did_web_says_which_keys_speak() {
    let did = did::did_web("https://trace.acme.example:8443/", &["member", "acme"]).unwrap();
    assert_eq!(did, "did:web:trace.acme.example%3A8443:member:acme");
    let url = "https://trace.acme.example:8443/member/acme/did.json";
    assert_eq!(did::document_url(&did).as_deref(), Some(url));
    let root = did::did_web("https://acme.example", &[]).unwrap();
    let well_known = "https://acme.example/.well-known/did.json";
    assert_eq!(did::document_url(&root).as_deref(), Some(well_known));
    for bad in ["http://acme.example", "https://", "https://u@acme.example", "https://a/b c"] {
        assert_eq!(did::did_web(bad, &[]), None, "{bad}");
    }
    let facts = Facts {
        issuer: Issuer { did: did.clone(), name: "Acme".to_owned(), known_as: Vec::new() },
        ..facts("01/09521321000018/21/A1")
    };
    let passport = signed_by(&facts, &key());
    let document = did::document(&did, &[], &[key().public_key()]);
    assert_eq!(verify(&passport, Some(&document), NOW).unwrap().issuer, did);
    let rule = |document: Option<&Value>| verify(&passport, document, NOW).unwrap_err()[0].clone();
    let without = rule(None);
    assert_eq!(without.rule, "did-document");
    assert!(without.message.contains(url), "{without}");
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 6] = [
        (|d| d["id"] = json!("did:web:other.example"), "did-document"),
        (|d| d["assertionMethod"] = json!([]), "assertion-method"),
        (|d| d["verificationMethod"] = json!([]), "verification-method"),
        (|d| d["verificationMethod"][0]["controller"] = json!("did:x:y"), "verification-method"),
        (|d| d["verificationMethod"][0]["type"] = json!("Other"), "verification-method"),
        (
            |d| {
                let other = did::multikey(&SecretKey::from_seed(&[8; 32]).public_key());
                d["verificationMethod"][0]["publicKeyMultibase"] = json!(other);
            },
            "signature",
        ),
    ];
    for (change, wanted) in changes {
        let mut changed = document.clone();
        change(&mut changed);
        assert_eq!(rule(Some(&changed)).rule, wanted, "{changed}");
    }
    // A relative name, and a method that stands in the list itself, are as good.
    let mut relative = document.clone();
    let name = format!("#{}", did::multikey(&key().public_key()));
    relative["assertionMethod"] = json!([name]);
    relative["verificationMethod"][0]["id"] = json!(name);
    assert!(verify(&passport, Some(&relative), NOW).is_ok());
    let mut embedded = document.clone();
    embedded["assertionMethod"] = document["verificationMethod"].clone();
    embedded["verificationMethod"] = json!([]);
    assert!(verify(&passport, Some(&embedded), NOW).is_ok());
}

/// Promise P105.
#[test]
fn what_is_not_read_is_refused_by_name() {
    let passport = signed_by(&facts("01/09521321000018/21/A1"), &key());
    let rule = |pointer: &str, value: Value| {
        let mut changed = passport.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let wrong = verify(&changed, None, NOW).unwrap_err();
        (wrong[0].pointer.clone(), wrong[0].rule)
    };
    let is = |at: &str, rule: &'static str| (at.to_owned(), rule);
    assert_eq!(rule("/proof", json!([{}])), is("/proof", "type"));
    assert_eq!(
        rule("/proof/cryptosuite", json!("eddsa-rdfc-2022")),
        is("/proof/cryptosuite", "proof")
    );
    let purpose = rule("/proof/proofPurpose", json!("authentication"));
    assert_eq!(purpose, is("/proof/proofPurpose", "proof"));
    let method = "/proof/verificationMethod";
    assert_eq!(rule(method, json!("did:ion:abc#k")), is(method, "did-method"));
    assert_eq!(rule(method, json!("did:key:zabc#zabc")), is(method, "verification-method"));
    assert_eq!(rule(method, json!("x")), is(method, "verification-method"));
    let long = format!("z{}", "1".repeat(100_000));
    assert_eq!(rule("/proof/proofValue", json!(long)), is("/proof/proofValue", "proof-value"));
    assert_eq!(verify(&json!({}), None, NOW).unwrap_err()[0].rule, "required");
    assert_eq!(verify(&json!([]), None, NOW).unwrap_err()[0].rule, "required");
}
