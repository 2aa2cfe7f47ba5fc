//! What holds of all terms, however they were made.

mod agreement_terms;

use std::sync::LazyLock;

use agreement_terms::{Cast, pot, terms};
use proptest::prelude::*;
use tracehold_chain::agreement::{TERMS_SCHEMA, Terms};
use tracehold_chain::codec;
use tracehold_chain::genesis::{Member, MemberRole};
use tracehold_chain::money::{AccountId, Asset, Money};
use tracehold_chain::units::{MemberId, TimestampMs};
use tracehold_contracts::agreement::words::{self, Language};
use tracehold_contracts::agreement::{
    ActualEnd, Known, Outcome, OutcomeKind, Outcomes, Refusal, check,
};
use tracehold_contracts::authority::Authority;

/// 2026-06-01T00:00:00Z.
const NOW: TimestampMs = TimestampMs(1_780_272_000_000);

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(TERMS_SCHEMA).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
});

fn member(name: &str) -> MemberId {
    MemberId::new(name).expect("a name")
}

fn cast() -> Cast {
    Cast {
        parties: ["shop", "mill", "carrier"].map(member).to_vec(),
        inspector: member("customs"),
        arbiter: member("court"),
        cash: ["EUR@bank", "JPY@bank"].map(|asset| asset.parse().expect("an asset")).to_vec(),
        title: Some("title:carrier/BL-1".parse().expect("an asset")),
        items: (1..5).map(|n| format!("https://id.gs1.org/01/09521101000016/21/{n}")).collect(),
        class: Some("https://id.gs1.org/01/09521101000016".into()),
        now: NOW,
    }
}

fn checked(terms: &Terms) -> Result<Outcomes, Vec<Refusal>> {
    let names = ["shop", "mill", "carrier", "customs", "court", "bank"];
    let authority = Authority::of_members(names.map(|name| Member {
        id: member(name),
        name: name.to_owned(),
        gs1_company_prefixes: vec![],
        glns: vec![],
        roles: if name == "customs" { vec![MemberRole::Inspector] } else { vec![] },
        agents: vec![],
        nodes: vec![],
    }));
    let asset_exists = |_: &Asset| true;
    let account_is_open = |_: &AccountId| false;
    let known = Known {
        authority: &authority,
        block_time: NOW,
        asset_exists: &asset_exists,
        account_is_open: &account_is_open,
    };
    check(terms, &known)
}

/// All of an asset that an outcome gives out, from least to most.
fn given(outcome: &Outcome, asset: &Asset) -> (u64, u64) {
    let of_it = outcome.gets.iter().filter(|gets| gets.asset == *asset);
    of_it.fold((0, 0), |(least, most), gets| {
        (least + gets.least.minor_units(), most + gets.most.minor_units())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Promise P55: whatever the check accepts gives out all of the pot, and no more, in every way
    /// it can end; each way is listed once.
    #[test]
    fn what_is_accepted_gives_out_the_pot(terms in terms(cast())) {
        let Ok(outcomes) = checked(&terms) else { return Ok(()) };
        let pot = pot(&terms.deposits);
        prop_assert_eq!(outcomes.pot(), pot.clone());
        let mut seen = std::collections::BTreeSet::new();
        for outcome in outcomes.iter() {
            prop_assert!(seen.insert((outcome.kind.clone(), outcome.fulfilled.clone())));
            prop_assert!(outcome.latest <= terms.deadline);
            for Money { asset, amount } in &pot {
                let (least, most) = given(&outcome, asset);
                let amount = amount.minor_units();
                let mut of_it = outcome.gets.iter().filter(|gets| gets.asset == *asset);
                prop_assert!(of_it.all(|gets| gets.most.minor_units() <= amount));
                match outcome.kind {
                    OutcomeKind::NotAccepted => prop_assert_eq!(most, 0),
                    OutcomeKind::Unfunded => prop_assert!(least == 0 && most <= amount),
                    _ if outcome.in_part.is_empty() && outcome.kind != OutcomeKind::Ruled => {
                        prop_assert_eq!((least, most), (amount, amount));
                    }
                    _ => prop_assert!(least <= amount && amount <= most),
                }
            }
            if outcome.gets.iter().all(|gets| gets.least == gets.most) {
                let got = outcome.gets.iter().map(|gets| (gets.role.clone(), gets.least()));
                let end = ActualEnd {
                    kind: outcome.kind.clone(),
                    fulfilled: outcome.fulfilled.clone(),
                    in_part: vec![],
                    got: got.collect(),
                };
                prop_assert_eq!(outcomes.the_one(&end), Ok(outcome));
            }
        }
    }

    /// Promise P56: no terms make the check panic, however they are put together.
    #[test]
    fn nothing_makes_it_panic(one in terms(cast()), other in terms(cast()), which in any::<u16>()) {
        let mut mixed = one;
        let bits: Vec<bool> = (0..16).map(|place| which >> place & 1 == 1).collect();
        if bits[0] { mixed.milestones.extend(other.milestones.clone()); }
        if bits[1] { mixed.roles.truncate(usize::from(bits[2]) * 2); }
        if bits[3] { mixed.deposits = other.deposits.clone(); }
        if bits[4] { mixed.at_deadline.clear(); }
        if bits[5] { mixed.goods = other.goods.clone(); }
        if bits[6] { mixed.deadline = TimestampMs(u64::MAX); }
        if bits[7] { mixed.cancel = Some(vec![]); }
        if bits[8] { mixed.dispute = other.dispute.clone(); }
        if bits[9] { mixed.accept_by = TimestampMs(0); }
        if bits[10] { mixed.milestones.extend(mixed.milestones.clone()); }
        let _ = checked(&mixed).map(|outcomes| outcomes.iter().count());
    }

    /// Promise P56: nor do terms that somebody spoiled on the way, whatever bytes they are.
    #[test]
    fn no_bytes_make_it_panic(
        terms in terms(cast()),
        spoiled in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = codec::encode(&terms);
        for (place, byte) in spoiled {
            *place.get_mut(&mut bytes) = byte;
        }
        if let Ok(terms) = codec::decode::<Terms>(&bytes) {
            let _ = checked(&terms).map(|outcomes| outcomes.iter().count());
            let _ = words::terms(&terms, Language::En);
        }
    }

    /// Promise P57: terms and outcomes are told in whole sentences in both languages, and so is
    /// every refusal, with its clause and mend.
    #[test]
    fn everything_is_told_in_words(terms in terms(cast())) {
        for (language, end) in [(Language::En, '.'), (Language::Zh, '。')] {
            let mut sentences: Vec<String> =
                words::terms(&terms, language).into_iter().map(|clause| clause.text).collect();
            match checked(&terms) {
                Ok(outcomes) => sentences.extend(words::outcomes(&outcomes, language)),
                Err(refusals) => {
                    sentences.extend(refusals.iter().map(|one| words::refusal(one, language)));
                }
            }
            for sentence in sentences {
                prop_assert!(sentence.ends_with(end) && !sentence.contains("  "), "{}", sentence);
            }
        }
    }

    /// Promise P58: terms read back as they were written, in JSON and in bytes.
    #[test]
    fn terms_read_back(terms in terms(cast())) {
        let json = serde_json::to_string(&terms).expect("JSON");
        let back = Terms::from_json(json.as_bytes());
        prop_assert_eq!(back.as_ref().map_err(ToString::to_string), Ok(&terms));
        let json = serde_json::from_str(&json).expect("JSON");
        // The schema asks for lists that are not empty, as the check does.
        let fine = SCHEMA.is_valid(&json) || checked(&terms).is_err();
        prop_assert!(fine, "{:?}", SCHEMA.validate(&json));
        prop_assert_eq!(codec::decode::<Terms>(&codec::encode(&terms)), Ok(terms));
    }
}

/// The generator is worth its name: most of its terms are accepted, and they are of many kinds.
#[test]
fn most_generated_terms_are_accepted() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = terms(cast());
    let mut accepted = 0;
    let mut reasons = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..1_000 {
        let terms = strategy.new_tree(&mut runner).expect("terms").current();
        match checked(&terms) {
            Ok(_) => accepted += 1,
            Err(refusals) => {
                let code = refusals[0].code.as_str();
                *reasons.entry(code.into()).or_default() += 1;
            }
        }
    }
    assert!(accepted > 600, "{accepted} of 1,000 accepted; refused: {reasons:?}");
}
