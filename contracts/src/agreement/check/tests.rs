//! Terms that are refused, and where; terms that are not, and how they end.

use serde_json::{Value, json};
use tracehold_chain::agreement::Terms;
use tracehold_chain::genesis::{Member, MemberRole};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::*;
use crate::agreement::{Outcome, OutcomeKind};

/// 2026-06-01T00:00:00Z.
pub(in crate::agreement) const NOW: TimestampMs = TimestampMs(1_780_272_000_000);

pub(in crate::agreement) fn network() -> Authority {
    let member = |name: &str, roles: Vec<MemberRole>| Member {
        id: MemberId::new(name).expect("a name"),
        name: name.to_owned(),
        gs1_company_prefixes: vec![],
        glns: vec![],
        roles,
        agents: vec![],
        nodes: vec![],
    };
    Authority::of_members([
        member("bank", vec![MemberRole::Bank]),
        member("mill", vec![]),
        member("shop", vec![]),
        member("carrier", vec![]),
        member("customs", vec![MemberRole::Inspector]),
        member("court", vec![]),
    ])
}

pub(in crate::agreement) fn checked(terms: &Terms) -> Result<Outcomes, Vec<Refusal>> {
    let authority = network();
    let exists = |asset: &Asset| {
        ["EUR@bank", "USD@bank", "title:carrier/BL-1"].contains(&asset.to_string().as_str())
    };
    let open = |account: &AccountId| account.to_string() == "mill/sales";
    check(
        terms,
        &Known {
            authority: &authority,
            block_time: NOW,
            asset_exists: &exists,
            account_is_open: &open,
        },
    )
}

/// The shop pays 1,000 EUR for a thing of the mill's.
pub(in crate::agreement) fn escrow() -> Value {
    json!({
        "title": "One crate of apples",
        "roles": [
            {"role": "buyer", "member": "shop"},
            {"role": "seller", "member": "mill", "account": "sales"},
            {"role": "inspector", "member": "customs"},
            {"role": "arbiter", "member": "court"}
        ],
        "goods": {"items": ["https://id.gs1.org/01/09521101000016/21/1"]},
        "accept_by": "2026-06-02T00:00:00Z",
        "deposits": [{
            "id": "price", "role": "buyer",
            "money": {"asset": "EUR@bank", "amount": "1000.00"},
            "due": "2026-06-03T00:00:00Z"
        }],
        "milestones": [{
            "id": "delivered",
            "when": {"observed": {"event": {"biz_step": "receiving", "by": ["buyer"]}}},
            "pay": [{"remainder": {"to": "seller", "asset": "EUR@bank"}}],
            "ends": true
        }],
        "deadline": "2026-07-01T00:00:00Z",
        "at_deadline": [{"remainder": {"to": "buyer", "asset": "EUR@bank"}}]
    })
}

fn read(value: Value) -> Terms {
    serde_json::from_value(value).expect("terms")
}

/// The escrow with something else at a place; `null` takes it out.
fn with(pointer: &str, value: Value) -> Value {
    let mut terms = escrow();
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = terms.pointer_mut(parent).expect("a place");
    match parent {
        Value::Object(map) => {
            map.insert(field.to_owned(), value);
        }
        Value::Array(list) => {
            let place: usize = field.parse().expect("a number");
            list.truncate(place);
            list.push(value);
        }
        _ => panic!("nothing stands in {pointer}"),
    }
    terms
}

fn kinds(outcomes: &Outcomes) -> Vec<OutcomeKind> {
    outcomes.iter().map(|outcome| outcome.kind).collect()
}

fn got(outcome: &Outcome) -> Vec<String> {
    let show = |gets: &crate::agreement::Gets| {
        let (least, most) = (gets.least().decimal(), gets.most().decimal());
        if least == most {
            format!("{} {most}", gets.role)
        } else {
            format!("{} {least}-{most}", gets.role)
        }
    };
    outcome.gets.iter().map(show).collect()
}

/// Promise P55: check lists every way to end, with who gets what and latest when.
#[test]
fn an_escrow_ends_in_four_ways() {
    let outcomes = checked(&read(escrow())).expect("fine terms");
    let released = OutcomeKind::Released("delivered".to_owned().try_into().expect("a label"));
    let expected =
        [OutcomeKind::NotAccepted, OutcomeKind::Unfunded, OutcomeKind::Expired, released];
    assert_eq!(kinds(&outcomes), expected);
    let all: Vec<Vec<String>> = outcomes.iter().map(|outcome| got(&outcome)).collect();
    let all: Vec<String> = all.iter().map(|got| got.join(", ")).collect();
    assert_eq!(all, ["", "", "buyer 1000.00", "seller 1000.00"]);
}

/// Promise P55: pro rata outcomes and rulings are ranges, and a pot that is empty ends it.
#[test]
fn parts_and_rulings_are_ranges() {
    let mut terms = with(
        "/milestones/0",
        json!({
            "id": "delivered",
            "when": {"observed": {"event": {"by": ["buyer"]}, "share": "pro_rata"}},
            "pay": [{"share": {"to": "seller", "asset": "EUR@bank", "percent": "100"}}]
        }),
    );
    terms["dispute"] = json!({"arbiter": "arbiter", "by": ["buyer"], "ruling_within": "P7D"});
    let outcomes = checked(&read(terms)).expect("fine terms");
    let all: Vec<(OutcomeKind, Vec<String>)> =
        outcomes.iter().skip(2).map(|outcome| (outcome.kind.clone(), got(&outcome))).collect();
    let delivered = "delivered".to_owned().try_into().expect("a label");
    let between = |role: &str| format!("{role} 0.00-1000.00");
    assert_eq!(
        all,
        [
            (OutcomeKind::Expired, vec![between("buyer"), between("seller")]),
            (OutcomeKind::Ruled, ["buyer", "seller", "inspector", "arbiter"].map(between).into()),
            (OutcomeKind::Released(delivered), vec!["seller 1000.00".into()]),
        ]
    );
}

/// Promise P56: terms that can strand money, pay too much, never end or wait for what cannot come
/// are refused with the clause and a stable code.
#[test]
fn what_is_refused_and_where() {
    let sighting = json!({"biz_step": "receiving", "by": ["buyer"]});
    let observed = json!({"observed": {"event": sighting.clone()}});
    let eur = |kind: &str, more: Value| {
        let mut payout = json!({"to": "seller", "asset": "EUR@bank"});
        payout.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        json!([{ kind: payout }])
    };
    let readings = json!({
        "measurement": "Temperature", "uom": "CEL", "max": "8", "max_gap": "PT1H",
        "from": {"biz_step": "shipping", "by": ["seller"]}, "to": sighting.clone()
    });
    let changed = |field: &str, value: Value| {
        let mut changed = readings.clone();
        changed[field] = value;
        with("/milestones/0/when", json!({"readings": changed}))
    };
    let second = |milestone: Value| with("/milestones/1", milestone);
    let pays = |id: &str, more: Value| {
        let mut milestone = json!({
            "id": id, "when": observed.clone(),
            "pay": [{"share": {"to": "seller", "asset": "EUR@bank", "percent": "60"}}]
        });
        milestone
            .as_object_mut()
            .expect("object")
            .extend(more.as_object().expect("object").clone());
        milestone
    };
    let when = |condition: Value| with("/milestones/0/when", condition);
    let cases: Vec<(&str, &str, Value)> = vec![
        ("text", "/title", with("/title", json!(" "))),
        ("count", "/roles", with("/roles", json!([]))),
        ("count", "/milestones", with("/milestones", json!([]))),
        ("count", "/deposits", with("/deposits", json!([]))),
        ("unknown-member", "/roles/0/member", with("/roles/0/member", json!("nobody"))),
        ("unknown-account", "/roles/0/account", with("/roles/0/account", json!("hidden"))),
        ("unknown-account", "/roles/0/account", with("/roles/0/account", json!("issuance"))),
        ("listed-twice", "/roles/1/role", with("/roles/1/role", json!("buyer"))),
        ("unknown-role", "/deposits/0/role", with("/deposits/0/role", json!("lender"))),
        (
            "unknown-asset",
            "/deposits/0/money/asset",
            with("/deposits/0/money/asset", json!("CHF@bank")),
        ),
        (
            "comes-to-nothing",
            "/deposits/0/money/amount",
            with("/deposits/0/money/amount", json!("0")),
        ),
        ("times-out-of-order", "/accept_by", with("/accept_by", json!("2026-05-01T00:00:00Z"))),
        (
            "times-out-of-order",
            "/deposits/0/due",
            with("/deposits/0/due", json!("2026-06-01T12:00:00Z")),
        ),
        (
            "times-out-of-order",
            "/deposits/0/due",
            with("/deposits/0/due", json!("2026-07-01T00:00:00Z")),
        ),
        ("too-far-ahead", "/deadline", with("/deadline", json!("2056-07-01T00:00:00Z"))),
        ("stranded-money", "/at_deadline", {
            with("/at_deadline", eur("share", json!({"percent": "50"})))
        }),
        ("stranded-money", "/milestones/0/pay", with("/milestones/0/pay", json!([]))),
        ("remainder-misplaced", "/milestones/0/pay/0/remainder/asset", {
            with("/milestones/0/ends", json!(false))
        }),
        (
            "not-deposited",
            "/at_deadline/1/remainder/asset",
            with("/at_deadline/1", json!({"remainder": {"to": "buyer", "asset": "USD@bank"}})),
        ),
        (
            "comes-to-nothing",
            "/at_deadline/1/share/percent",
            with(
                "/at_deadline/1",
                json!({"share": {"to": "buyer", "asset": "EUR@bank", "percent": "0.0001"}}),
            )
            .pipe(|mut terms| {
                terms["deposits"][0]["money"]["amount"] = json!("10.00");
                terms
            }),
        ),
        (
            "pays-more-than-the-pot",
            "/at_deadline",
            with(
                "/at_deadline/1",
                json!({"amount": {"to": "buyer",
                    "money": {"asset": "EUR@bank", "amount": "1000.01"}}}),
            ),
        ),
        (
            "pays-more-than-the-pot",
            "/milestones/0/pay",
            with("/milestones", json!([pays("a", json!({})), pays("b", json!({}))])),
        ),
        (
            "pays-more-than-the-pot",
            "/milestones/1/pay",
            with(
                "/milestones",
                json!([
                    {"id": "part",
                     "when": {"observed": {"event": sighting.clone(), "share": "pro_rata"}},
                     "unless": ["b"],
                     "pay": [{"share": {"to": "seller", "asset": "EUR@bank", "percent": "60"}}]},
                    pays("b", json!({"unless": ["part"]}))
                ]),
            ),
        ),
        (
            "never-fulfilled",
            "/milestones/1/after",
            second(pays("late", json!({"after": ["delivered"]}))),
        ),
        (
            "never-fulfilled",
            "/milestones/1/after",
            with(
                "/milestones",
                json!([
                    {"id": "a", "when": observed.clone(), "pay": []},
                    {"id": "b", "when": observed.clone(), "after": ["a"], "unless": ["a"],
                     "pay": []}
                ]),
            ),
        ),
        (
            "never-fulfilled",
            "/milestones/0/after",
            with(
                "/milestones",
                json!([
                    {"id": "a", "when": observed.clone(), "after": ["b"], "pay": []},
                    {"id": "b", "when": observed.clone(), "after": ["a"], "pay": []}
                ]),
            ),
        ),
        (
            "never-fulfilled",
            "/milestones/0/when",
            with(
                "/milestones",
                json!([
                    {"id": "a", "when": {"elapsed": {"since": "b", "time": "P1D"}}, "pay": []},
                    {"id": "b", "when": {"elapsed": {"since": "a", "time": "P1D"}}, "pay": []}
                ]),
            ),
        ),
        (
            "never-fulfilled",
            "/milestones/0/when/after",
            when(json!({"after": "2026-07-01T00:00:00Z"})),
        ),
        (
            "never-fulfilled",
            "/milestones/1/when/elapsed",
            with(
                "/milestones",
                json!([
                    {"id": "a", "when": observed.clone(), "pay": []},
                    {"id": "b", "when": {"elapsed": {"since": "a", "time": "P60D"}}, "pay": []}
                ]),
            ),
        ),
        (
            "unknown-milestone",
            "/milestones/0/when/elapsed/since",
            when(json!({"elapsed": {"since": "nothing", "time": "P1D"}})),
        ),
        (
            "unknown-milestone",
            "/milestones/0/after/0",
            with("/milestones/0/after", json!(["delivered"])),
        ),
        ("empty-condition", "/milestones/0/when", when(json!({"any": []}))),
        (
            "empty-condition",
            "/milestones/0/when/at_least/count",
            when(json!({"at_least": {"count": 2, "of": [observed.clone()]}})),
        ),
        (
            "count",
            "/milestones/0/when/observed/event/by",
            with("/milestones/0/when/observed/event/by", json!([])),
        ),
        (
            "word-unfit",
            "/milestones/0/when/observed/event/biz_step",
            with("/milestones/0/when/observed/event/biz_step", json!("cbv:BizStep-shipping")),
        ),
        (
            "identifier-unfit",
            "/milestones/0/when/observed/event/place",
            with(
                "/milestones/0/when/observed/event/place",
                json!("urn:epc:id:sgln:9521101.00000.0"),
            ),
        ),
        (
            "identifier-unfit",
            "/goods/items/0",
            with("/goods/items/0", json!("urn:epc:id:sgtin:9521101.000001.1")),
        ),
        ("goods-unfit", "/milestones/0/when/observed", with("/goods", json!({}))),
        (
            "goods-unfit",
            "/goods/items/0",
            with("/goods/items/0", json!("https://id.gs1.org/01/09521101000016")),
        ),
        (
            "comes-to-nothing",
            "/goods/class/quantity",
            with(
                "/goods",
                json!({"class": {"class": "https://id.gs1.org/01/09521101000016", "quantity": "0"}}),
            ),
        ),
        (
            "pro-rata-misplaced",
            "/milestones/0/ends",
            with("/milestones/0/when/observed/share", json!("pro_rata")),
        ),
        (
            "pro-rata-misplaced",
            "/milestones/0/when/any/0/observed/share",
            when(json!({"any": [{"observed": {"event": sighting.clone(), "share": "pro_rata"}}]})),
        ),
        (
            "not-an-inspector",
            "/milestones/0/when/inspected/by/0",
            when(json!({"inspected": {"by": ["seller"]}})),
        ),
        (
            "unknown-title",
            "/milestones/0/when/title_held/title",
            when(json!({"title_held": {"title": "title:carrier/BL-2", "by": "buyer"}})),
        ),
        (
            "readings-unfit",
            "/milestones/0/when/readings/to",
            changed("to", readings["from"].clone()),
        ),
        (
            "readings-unfit",
            "/milestones/0/when/readings/max_gap",
            changed("max_gap", json!("PT0S")),
        ),
        ("readings-unfit", "/milestones/0/when/readings/max", changed("min", json!("9"))),
        ("contradiction", "/milestones/0/when/all/1", {
            let mut broken = readings.clone();
            broken["expect"] = json!("broken");
            when(json!({"all": [{"readings": readings.clone()}, {"readings": broken}]}))
        }),
        ("contradiction", "/milestones/0/when/all/1", {
            let mut broken = readings.clone();
            broken["expect"] = json!("broken");
            when(json!({"all": [{"all": [{"readings": readings.clone()}]}, {"readings": broken}]}))
        }),
        ("contradiction", "/milestones/0/when/all/1/any/0/all/1", {
            let mut broken = readings.clone();
            broken["expect"] = json!("broken");
            let inner = json!({"all": [observed.clone(), {"readings": broken}]});
            when(json!({"all": [{"readings": readings.clone()}, {"any": [inner]}]}))
        }),
        (
            "never-fulfilled",
            "/milestones/0/when/not",
            when(json!({"not": {"of": observed.clone(), "at": {"observed": sighting.clone()}}})),
        ),
        (
            "never-fulfilled",
            "/milestones/0/when/all/1/not",
            when(json!({"all": [observed.clone(), {"not": {
                "of": {"any": [
                    {"approved": {"by": "seller", "what": "papers"}},
                    {"observed": {
                        "event": {"by": ["seller", "buyer"]}, "share": {"at_least": "50"}
                    }}
                ]},
                "at": {"observed": sighting.clone()}
            }}]})),
        ),
        (
            "contradiction",
            "/milestones/0/when/all/1",
            when(json!({"all": [
                {"title_held": {"title": "title:carrier/BL-1", "by": "buyer"}},
                {"title_surrendered": {"title": "title:carrier/BL-1"}}
            ]})),
        ),
        (
            "arbiter-not-apart",
            "/dispute/by/0",
            with(
                "/dispute",
                json!({"arbiter": "arbiter", "by": ["arbiter"], "ruling_within": "P1D"}),
            ),
        ),
    ];
    for (code, pointer, terms) in cases {
        let refusals = checked(&read(terms)).expect_err(&format!("{code} at {pointer}"));
        let told: Vec<(&str, &str)> = refusals
            .iter()
            .map(|refusal| (refusal.code.as_str(), refusal.pointer.as_str()))
            .collect();
        assert!(told.contains(&(code, pointer)), "{code} at {pointer}, not {told:?}");
        for refusal in refusals {
            assert!(refusal.en.ends_with('.') && refusal.zh.ends_with('。'), "{refusal:?}");
        }
    }
}

/// Conditions that look alike, and can hold.
#[test]
fn what_can_hold_is_not_refused() {
    let receiving = json!({"biz_step": "receiving", "by": ["buyer"]});
    let observed = json!({"observed": {"event": receiving.clone()}});
    let cold = |expect: &str| {
        json!({"readings": {
            "measurement": "Temperature", "uom": "CEL", "max": "8", "max_gap": "PT1H",
            "from": {"biz_step": "shipping", "by": ["seller"]}, "to": receiving.clone(),
            "expect": expect
        }})
    };
    for condition in [
        // Not both of two that are asked for.
        json!({"any": [{"all": [cold("kept")]}, cold("broken")]}),
        json!({"all": [{"any": [cold("kept"), observed.clone()]}, cold("broken")]}),
        // Not so when the moment comes, though something of it is.
        json!({"not": {
            "of": {"all": [observed.clone(), {"approved": {"by": "seller", "what": "papers"}}]},
            "at": {"observed": receiving.clone()}
        }}),
        json!({"not": {
            "of": {"observed": {"event": {"biz_step": "accepting", "by": ["buyer"]}}},
            "at": {"observed": receiving.clone()}
        }}),
        json!({"not": {
            "of": {"observed": {"event": {
                "biz_step": "receiving", "disposition": "damaged", "by": ["buyer"]
            }}},
            "at": {"observed": receiving.clone()}
        }}),
        json!({"not": {"of": observed.clone(), "at": {"time": "2026-06-20T00:00:00Z"}}}),
    ] {
        let refused = checked(&read(with("/milestones/0/when", condition.clone())));
        assert!(refused.is_ok(), "{condition}: {refused:#?}");
    }
}

trait Pipe: Sized {
    fn pipe(self, change: impl FnOnce(Self) -> Self) -> Self {
        change(self)
    }
}

impl Pipe for Value {}

/// Promise P56: the largest terms are checked in bounded time, and too many ways to end are
/// refused.
#[test]
fn the_largest_terms_are_checked() {
    let many = |count: usize| {
        let one = |place: usize| {
            json!({
                "id": format!("m{place}"),
                "when": {"observed": {"event": {"by": ["buyer"]}}},
                "pay": [{"amount": {"to": "seller",
                    "money": {"asset": "EUR@bank", "amount": "1.00"}}}]
            })
        };
        read(with("/milestones", (0..count).map(one).collect()))
    };
    let outcomes = checked(&many(11)).expect("2,048 sets");
    assert_eq!(outcomes.len(), 2 + 2_048);
    let refusals = checked(&many(16)).expect_err("65,536 sets");
    assert_eq!(refusals[0].code, RefusalCode::TooManyOutcomes);
}

/// Promise P56: nor are more sets of milestones gone through when each pays too much at the
/// deadline, so that none is listed as a way to end.
#[test]
fn terms_that_pay_too_much_at_the_deadline_are_checked_in_bounded_time() {
    let one = |place: usize| {
        json!({
            "id": format!("m{place}"),
            "when": {"observed": {"event": {"by": ["buyer"]}}},
            "pay": [{"amount": {"to": "seller",
                "money": {"asset": "EUR@bank", "amount": "1.00"}}}]
        })
    };
    let refused = |count: usize| {
        let mut terms = with("/milestones", (0..count).map(one).collect());
        terms["at_deadline"] = json!([
            {"amount": {"to": "buyer", "money": {"asset": "EUR@bank", "amount": "2000.00"}}},
            {"remainder": {"to": "buyer", "asset": "EUR@bank"}}
        ]);
        let refusals = checked(&read(terms)).expect_err("more than the pot");
        refusals.iter().map(|refusal| refusal.code).collect::<Vec<_>>()
    };
    let few = refused(12);
    assert!(few.contains(&RefusalCode::OverPaid), "{few:?}");
    assert!(!few.contains(&RefusalCode::TooManyOutcomes), "{few:?}");
    let many = refused(16);
    assert!(many.contains(&RefusalCode::TooManyOutcomes), "{many:?}");
}
