//! The published vectors.

use std::path::Path;

use serde_json::json;
use tracehold_chain::epcis::SectionName;
use tracehold_chain::evidence::{About, Evidence, Trust, verify};
use tracehold_chain::units::Height;

use crate::browser::{in_the_browser, spelled};
use crate::dishonest::lies;
use crate::history::{case, journey, lot, pallet, uri};
use crate::recalled;
use crate::witness::{evidence, evidence_of, fault, trust};

/// Promise P114: the published vectors are what this build makes, and both checkers say of them
/// what is written beside them; the browser's with its own signatures too.
#[test]
fn published_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence-vectors");
    let vectors = vectors();
    let genesis = trust(None).genesis.unwrap();
    let mut listed = Vec::new();
    for (name, text, trust) in &vectors {
        let (code, place) = fault(text, trust);
        let mut entry = json!({"file": name, "result": code, "place": place});
        if let Some(item) = &trust.item {
            entry["trust"]["item"] = json!(item);
        }
        if let Some(least) = trust.least_height {
            entry["trust"]["least_height"] = json!(least.0);
        }
        if let Ok(report) = verify(text.as_bytes(), trust)
            && !report.recalls.is_empty()
        {
            let recalls = report.recalls.iter();
            let told = recalls.map(|of| json!({"id": of.record.id.to_string(), "names": of.names}));
            entry["recalls"] = told.collect();
        }
        listed.push(entry);
    }
    let index = json!({"genesis_digest": genesis, "vectors": listed});
    let index = format!("{}\n", serde_json::to_string_pretty(&index).unwrap());
    let writes = std::env::var("GOLDEN").is_ok_and(|word| word == "write");
    for (name, text) in
        vectors.iter().map(|(name, text, _)| (name.as_str(), text)).chain([("index.json", &index)])
    {
        if writes {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let kept = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(kept == *text, "{name} changed: see docs/evidence.md");
    }
    for args in [&[][..], &["--no-webcrypto"]] {
        let files = vectors.iter().map(|(_, text, trust)| (text.clone(), trust.clone()));
        for ((name, text, trust), said) in vectors.iter().zip(in_the_browser(files, args)) {
            let (code, place) = fault(text, trust);
            let (said, wanted) = match code.as_str() {
                "ok" => (said.split(' ').next().unwrap_or_default(), "holds".to_owned()),
                _ => (said.as_str(), format!("{} {place}", spelled(&code))),
            };
            assert_eq!(said, wanted, "{name}");
        }
    }
}

/// Files that others can test a checker with: good ones, and one for each way to cheat.
fn vectors() -> Vec<(String, String, Trust)> {
    let plain = plain().into_iter().map(|(name, text, trust)| (name.to_owned(), text, trust));
    let any = trust(None);
    let recalled = recalled::recalled();
    let good = [
        ("good-recalled.json", case(0), 0),
        ("good-recalled-container.json", pallet(0), 0),
        ("good-recalled-input.json", lot(1), 1),
    ];
    let good = good.map(|(name, urn, inputs)| {
        (name.to_owned(), recalled.of(&urn, inputs).to_text(), any.clone())
    });
    let bad = recalled::lies().into_iter();
    let bad = bad.map(|(name, text, _)| (format!("bad-{name}.json"), text, any.clone()));
    plain.chain(good).chain(bad).collect()
}

fn plain() -> Vec<(&'static str, String, Trust)> {
    let mut history = journey();
    let old = history.of(&case(0), 0);
    history.object("mill", 12, "OBSERVE", "inspecting", &case(0));
    let item = history.of(&case(0), 0);
    let any = trust(None);
    let public = evidence(&history.world, &uri(&case(0)), 0, &[SectionName::Public]);
    let nobody = evidence(
        &history.world,
        "https://id.gs1.org/01/09521101010009/21/nobody",
        0,
        &SectionName::ALL,
    );
    let about = About::Balance { account: "mill/main".into(), asset: "EUR@shop".into() };
    let balance = evidence_of(&history.world, about);
    let altered = |change: &dyn Fn(&mut Evidence)| {
        let mut file = item.clone();
        change(&mut file);
        file.to_text()
    };
    let votes = |file: &mut Evidence| {
        file.certificate.signatures.pop();
    };
    let withheld = |file: &mut Evidence| {
        file.logs[0].log.as_mut().unwrap().entries.pop();
        file.events.pop();
    };
    let (forged, other, swapped) = lies(&history, &old, &item);
    let twice = item.to_text().replacen("\"height\":", "\"height\":1,\"height\":", 1);
    vec![
        ("good-item.json", item.to_text(), any.clone()),
        ("good-public.json", public.to_text(), any.clone()),
        ("good-inputs.json", history.of(&lot(2), 1).to_text(), any.clone()),
        ("good-absent.json", nobody.to_text(), any.clone()),
        ("good-balance.json", balance.to_text(), any.clone()),
        ("bad-last-event-withheld.json", altered(&withheld), any.clone()),
        ("bad-event-missing.json", altered(&|file| drop(file.events.remove(0))), any.clone()),
        ("bad-container-missing.json", altered(&|file| file.logs.truncate(1)), any.clone()),
        (
            "bad-old-head.json",
            old.to_text(),
            Trust { least_height: Some(Height(item.height)), ..any.clone() },
        ),
        ("bad-old-log.json", altered(&|file| file.logs.clone_from(&old.logs)), any.clone()),
        ("bad-too-little-power.json", altered(&votes), any.clone()),
        ("bad-forged-state.json", forged.to_text(), any.clone()),
        ("bad-other-network.json", other.to_text(), any.clone()),
        ("bad-validators-swapped.json", swapped.to_text(), any.clone()),
        (
            "bad-vote-twice.json",
            altered(&|file| {
                file.certificate.signatures[1] = file.certificate.signatures[0].clone();
            }),
            any.clone(),
        ),
        ("bad-other-item.json", item.to_text(), trust(Some(&uri(&case(1))))),
        (
            "bad-sections-swapped.json",
            altered(&|file| {
                let event = &mut file.events[0];
                std::mem::swap(&mut event.public, &mut event.rest);
            }),
            any.clone(),
        ),
        ("bad-member-twice.json", twice, any),
    ]
}
