//! Recalls in evidence, and what dishonest servers do with them.

use tracehold_chain::codec;
use tracehold_chain::epcis::{SectionName, canonical};
use tracehold_chain::evidence::{Bytes, Evidence, Report};
use tracehold_chain::masterdata::product_of;
use tracehold_chain::recall::{OpenRecalls, RecallRecord, Withdrawal};

use crate::browser::{found, in_the_browser, summary};
use crate::history::{History, case, journey, lot, pallet, product, uri};
use crate::witness::{check, evidence, fault, trust};
use crate::world::DAY;

/// What a property over many files has met, so that it cannot hold for want of recalls.
#[derive(Debug, Default)]
pub struct Seen {
    none: usize,
    one: usize,
    several: usize,
    by_product: usize,
    around: usize,
    of_nobody: usize,
}

impl Seen {
    /// Compares the recalls of a file with what was declared.
    pub fn note(&mut self, history: &History, file: &Evidence, report: &Report) {
        let ids: Vec<String> = file.logs.iter().map(|log| log.id.clone()).collect();
        let said = report.recalls.iter().map(|recall| {
            assert!(recall.record.is_open());
            (recall.record.id.to_string(), recall.names.clone())
        });
        assert_eq!(said.collect::<std::collections::BTreeMap<_, _>>(), history.recalled(&ids));
        let names = || report.recalls.iter().flat_map(|recall| &recall.names);
        match report.recalls.len() {
            0 => self.none += 1,
            1 => self.one += 1,
            _ => self.several += 1,
        }
        self.by_product += usize::from(names().any(|name| !ids.contains(name)));
        self.around += usize::from(names().any(|name| *name != ids[0] && ids.contains(name)));
        self.of_nobody += usize::from(!report.exists && !report.recalls.is_empty());
    }

    pub fn enough(&self) {
        let Seen { none, one, several, by_product, around, of_nobody } = *self;
        let least = [none, one, several, by_product, around, of_nobody].into_iter().min();
        assert!(least > Some(10), "{self:?}");
    }
}

/// The journey, with recalls of what the case was packed in and of what the lot was made of.
pub fn recalled() -> History {
    let mut history = journey();
    assert!(history.recall("mill", &[uri(&pallet(1)), uri(&pallet(3))]));
    assert!(history.recall("mill", &[uri(&lot(0))]));
    assert!(history.recall("mill", &[product(&case(0)), uri(&case(0))]));
    history
}

fn told(report: &Report) -> Vec<(String, Vec<String>)> {
    let one = |recall: &tracehold_chain::evidence::OpenRecall| {
        (recall.record.id.to_string(), recall.names.clone())
    };
    report.recalls.iter().map(one).collect()
}

/// Promise P122: a recall of the thing, its product, what it was packed in or what it was made of
/// is in the evidence, what names the thing itself first; a withdrawn one is not.
#[test]
fn recalls_of_the_story_are_in_the_file() {
    let mut history = recalled();
    let ids: Vec<String> = history.open.iter().map(|(id, _)| id.clone()).collect();
    let of_pallet = (ids[0].clone(), vec![uri(&pallet(1))]);
    let of_lot = (ids[1].clone(), vec![uri(&lot(0))]);
    let of_case = (ids[2].clone(), vec![uri(&case(0)), product(&case(0))]);
    let told =
        |history: &History, urn: &str, inputs| told(&check(&history.of(urn, inputs)).unwrap());
    assert_eq!(told(&history, &case(0), 0), [of_case.clone(), of_pallet.clone()]);
    assert_eq!(told(&history, &lot(2), 2), [of_lot]);
    // Not so far back, nothing is looked up there.
    assert_eq!(told(&history, &lot(2), 1), []);
    // Nobody recorded it, and its product is recalled.
    let nobody = "urn:epc:id:sgtin:9521101.010000.nobody";
    let of_product = (of_case.0.clone(), vec![product(&case(0))]);
    assert_eq!(told(&history, nobody, 0), [of_product]);
    // What the pallet holds is no part of its story.
    assert_eq!(told(&history, &pallet(1), 0), std::slice::from_ref(&of_pallet));
    assert_eq!(told(&history, &pallet(2), 0), []);
    history.withdraw(2);
    assert_eq!(told(&history, &case(0), 0), [of_pallet]);
    history.withdraw(0);
    assert_eq!(told(&history, &case(0), 0), []);
}

/// Promise P122: what a recall says is said first, in both languages; where there is none, that is
/// said too.
#[test]
fn a_recall_is_said_before_all_else() {
    let mut history = recalled();
    let findings = |history: &History, urn: &str| check(&history.of(urn, 0)).unwrap().findings(DAY);
    let said = findings(&history, &case(0));
    let (id, _) = history.open[2].clone();
    let first = &said[0];
    assert!(first.is_warning && first.is_proof && first.code == "recalled", "{first:?}");
    for part in [id.as_str(), "mill", &product(&case(0)), "Glass was found in it.", "Bring it back"]
    {
        assert!(first.sentence.en.contains(part), "{part}: {}", first.sentence.en);
    }
    assert!(first.sentence.zh.contains("发现玻璃碎片") && first.sentence.zh.contains("请退回"));
    assert!(!said.iter().any(|finding| finding.code == "not-recalled"));
    history.withdraw(2);
    history.withdraw(0);
    let nobody = "urn:epc:id:sgtin:9521101.010000.nobody";
    for urn in [case(0).as_str(), nobody] {
        let said = findings(&history, urn);
        assert!(!said.iter().any(|finding| finding.is_warning));
        assert!(said.iter().any(|finding| finding.code == "not-recalled" && finding.is_proof));
    }
}

fn changed(file: &Evidence, change: impl FnOnce(&mut Evidence)) -> String {
    let mut file = file.clone();
    change(&mut file);
    file.to_text()
}

fn coded<T: serde::Serialize>(record: &T) -> Option<Bytes> {
    Some(Bytes(codec::encode(record)))
}

fn with(value: &Bytes, change: impl FnOnce(&mut RecallRecord)) -> Bytes {
    let mut record: RecallRecord = codec::decode(&value.0).unwrap();
    change(&mut record);
    Bytes(codec::encode(&record))
}

/// Ways to hide or make up a recall, with what a checker must say of each.
pub fn lies() -> Vec<(&'static str, String, &'static str)> {
    let mut history = recalled();
    let old = history.of(&case(0), 0);
    history.withdraw(2);
    let later = history.of(&case(0), 0);
    let made = history.of(&lot(2), 2);
    let clean = history.of(&case(2), 0);
    let list = |value: &Option<Bytes>| -> OpenRecalls {
        codec::decode(&value.as_ref().unwrap().0).unwrap()
    };
    let over = |record: &mut RecallRecord| {
        let act = record.declared.clone();
        record.withdrawn = Some(Withdrawal { reason: record.notice.reason.clone(), act });
    };
    let soft = |record: &mut RecallRecord| {
        record.notice.reason.insert("en".to_owned(), "The label is crooked.".to_owned());
    };
    let shortened = |value: &Option<Bytes>| {
        let mut list = list(value);
        list.open.clear();
        coded(&list)
    };
    let earlier = |file: &mut Evidence| {
        file.products.clone_from(&old.products);
        file.recalls.clone_from(&old.recalls);
        for (log, old) in file.logs.iter_mut().zip(&old.logs) {
            log.recalls.clone_from(&old.recalls);
        }
    };
    vec![
        (
            "recall-denied",
            changed(&old, |file| file.logs[0].recalls = None),
            "state-proof /logs/0/recalls",
        ),
        (
            "recall-container-denied",
            changed(&old, |file| file.logs[2].recalls = None),
            "state-proof /logs/2/recalls",
        ),
        (
            "recall-product-denied",
            changed(&old, |file| file.products[0].recalls = None),
            "state-proof /products/0/proof",
        ),
        (
            "recall-absence-of-another",
            changed(&old, |file| {
                file.products[0].recalls = None;
                file.products[0].proof = clean.logs[0].proof.clone();
            }),
            "state-proof /products/0/proof",
        ),
        (
            "recall-product-missing",
            changed(&old, |file| file.products.clear()),
            "missing-product /products/0",
        ),
        (
            "recall-product-other",
            changed(&old, |file| file.products[0] = made.products[0].clone()),
            "missing-product /products/0",
        ),
        (
            "recall-product-spare",
            changed(&old, |file| file.products.push(made.products[0].clone())),
            "spare-product /products/1",
        ),
        (
            "recall-list-of-another",
            changed(&old, |file| file.logs[0].recalls = coded(&list(&file.products[0].recalls))),
            "recalls-of /logs/0/recalls",
        ),
        (
            "recall-list-shortened",
            changed(&old, |file| {
                file.logs[0].recalls = shortened(&file.logs[0].recalls);
                file.products[0].recalls = shortened(&file.products[0].recalls);
                file.recalls.remove(0);
            }),
            "state-proof /logs/0/recalls",
        ),
        (
            "recall-missing",
            changed(&old, |file| drop(file.recalls.pop())),
            "missing-recall /recalls/1",
        ),
        (
            "recall-order",
            changed(&old, |file| file.recalls.swap(0, 1)),
            "other-recall /recalls/0/value",
        ),
        (
            "recall-other",
            changed(&old, |file| file.recalls[0] = made.recalls[0].clone()),
            "other-recall /recalls/0/value",
        ),
        (
            "recall-spare",
            changed(&later, |file| file.recalls.push(old.recalls[0].clone())),
            "spare-recall /recalls/1",
        ),
        (
            "recall-softened",
            changed(&old, |file| file.recalls[0].value = with(&file.recalls[0].value, soft)),
            "state-proof /recalls/0/proof",
        ),
        (
            "recall-withdrawn",
            changed(&old, |file| file.recalls[0].value = with(&file.recalls[0].value, over)),
            "withdrawn /recalls/0/value",
        ),
        ("recall-of-earlier", changed(&later, earlier), "state-proof /logs/0/recalls"),
    ]
}

/// Promise P123: a server that leaves out a recall, denies it, softens it, or shows one that was
/// withdrawn is exposed, in the same place by both checkers.
#[test]
fn hiding_or_making_up_a_recall_is_exposed() {
    let all = lies();
    for (name, text, said) in &all {
        let (code, place) = fault(text, &trust(None));
        assert_eq!(format!("{code} {place}"), *said, "{name}");
    }
    let theirs = in_the_browser(all.iter().map(|(_, text, _)| (text.clone(), trust(None))), &[]);
    for ((name, _, said), theirs) in all.iter().zip(theirs) {
        assert_eq!(theirs, *said, "{name}");
    }
}

/// Promise P123: what is about no item shows no recalls.
#[test]
fn recalls_do_not_belong_to_balances() {
    let history = recalled();
    let about = tracehold_chain::evidence::About::Balance {
        account: "mill/main".into(),
        asset: "EUR@shop".into(),
    };
    let mut file = crate::witness::evidence_of(&history.world, about);
    assert!(check(&file).unwrap().recalls.is_empty());
    let item = history.of(&case(0), 0);
    file.recalls = item.recalls;
    let recalls = file.to_text();
    file.products = item.products;
    for (text, said) in
        [(recalls, "spare-recall /recalls/0"), (file.to_text(), "spare-product /products/0")]
    {
        let (code, place) = fault(&text, &trust(None));
        assert_eq!(format!("{code} {place}"), said);
        assert_eq!(in_the_browser(std::iter::once((text, trust(None))), &[]), [said]);
    }
}

/// Promise P123: under a spelling that is not the canonical one there is never anything, neither
/// events nor recalls.
#[test]
fn another_spelling_proves_nothing() {
    let history = recalled();
    for spelling in [
        case(0),
        uri(&case(0)).replace("id.gs1.org", "example.com"),
        uri(&case(0)).replace("/01/0", "/01/"),
        product(&case(0)) + "/10/L/21/c0",
    ] {
        assert_ne!(canonical(&spelling).uri(), spelling);
        let file = evidence(&history.world, &spelling, 0, &SectionName::ALL);
        assert!(file.logs[0].log.is_none());
        let said = fault(&file.to_text(), &trust(None));
        assert_eq!(said, ("not-canonical".to_owned(), "/about/id".to_owned()));
    }
}

/// Promise P122: both checkers look up the same products, of every kind of identifier.
#[test]
fn products_are_looked_up_alike() {
    let mut history = History::new();
    let flawed = "https://id.gs1.org/01/09521101100007/21/wrong-check-digit";
    let all = [
        "urn:epc:id:sgtin:9521101.010000.c%2F1",
        "urn:epc:idpat:sgtin:9521101.010000.*",
        "urn:epc:class:lgtin:9521101.010001.L1",
        "urn:epc:id:upui:9521101.010000.51qIgY)",
        "urn:epc:id:itip:9521101.010000.01.02.987",
        "urn:epc:idpat:itip:9521101.010000.01.02.*",
        "urn:epc:id:grai:9521101.00022.334455",
        "urn:epc:idpat:grai:9521101.00022.*",
        "urn:epc:id:giai:9521101.ABC345",
        "urn:epc:id:cpi:9521101.123ABC.123456789",
        "urn:epc:id:gdti:9521101.55555.1",
        "urn:epc:id:sgcn:9521101.67890.04711",
        "urn:epc:id:sscc:9521101.1000000001",
        "urn:epc:id:gid:1.2.3",
        "urn:uuid:00000000-0000-4000-8000-000000000001",
        "https://example.com/01/09521101100006",
        flawed,
    ];
    history.object("mill", 1, "ADD", "commissioning", &case(0));
    let mut with_product = 0;
    let files: Vec<Evidence> = all.iter().map(|id| history.of(id, 0)).collect();
    for (id, file) in all.iter().zip(&files) {
        let canonical = canonical(id);
        let product = product_of(&canonical).filter(|class| class != canonical.uri());
        with_product += usize::from(product.is_some());
        let looked_up: Vec<String> = file.products.iter().map(|of| of.id.clone()).collect();
        assert_eq!(looked_up, Vec::from_iter(product));
    }
    assert_eq!(with_product, 6);
    let theirs = in_the_browser(files.iter().map(|file| (file.to_text(), trust(None))), &[]);
    for (file, theirs) in files.iter().zip(theirs) {
        let ours = summary(&check(file).unwrap());
        assert_eq!(ours, found(&theirs).0);
    }
}
