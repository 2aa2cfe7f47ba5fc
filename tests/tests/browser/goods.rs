//! Goods to look at: coffee that is roasted and packed, a vaccine that gets too warm, a bag whose
//! tag was copied, and things whose every word is an attack on the page.

use serde_json::{Value, json};
use tracehold_chain::epcis::identifier::check_digit;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_testnet::manifest::Plan;

use crate::common::Network;

/// Company prefixes of the four members.
const PREFIXES: [&str; 4] = ["9521101", "9521102", "9521103", "9521104"];

/// What somebody writes to break a page: markup, a script, and marks that turn the text around.
pub const ATTACK: &str =
    "<script>alert(1)</script><img src=x onerror=alert(2)>\u{202E}evil\u{2066}";

fn checked(digits: String) -> String {
    let last = check_digit(&digits).expect("digits");
    format!("{digits}{last}")
}

fn gln(member: usize, place: u32) -> String {
    checked(format!("{}{place:05}", PREFIXES[member]))
}

/// A place of a member.
pub fn place(member: usize, number: u32) -> String {
    format!("https://id.gs1.org/414/{}", gln(member, number))
}

fn party(member: usize) -> String {
    format!("https://id.gs1.org/417/{}", gln(member, 0))
}

/// The class of a member's product.
pub fn product(member: usize, number: u32) -> String {
    format!("https://id.gs1.org/01/{}", checked(format!("0{}{number:05}", PREFIXES[member])))
}

/// A logistic unit of a member.
pub fn unit(member: usize, number: u32) -> String {
    format!("https://id.gs1.org/00/{}", checked(format!("0{}{number:09}", PREFIXES[member])))
}

/// Four members with a validator each, and a follower.
pub fn plan() -> Plan {
    let mut plan = Plan::plain(4, 1);
    let names = ["Finca La Esperanza", "Nordlicht Rösterei", "Seaway Lines", "Stadtklinik Kiel"];
    for (index, member) in plan.members.iter_mut().enumerate() {
        member.name = names[index].to_owned();
        member.prefixes = vec![PREFIXES[index].to_owned()];
        member.glns = vec![gln(index, 0)];
    }
    plan
}

/// An event that a page may record while it is looked at; its eventID wants a number.
pub fn observed() -> Value {
    json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "inspecting",
        "eventID": "urn:example:seen-live-", "eventTime": "2026-11-01T10:00:00Z",
        "eventTimeZoneOffset": "+00:00", "epcList": [format!("{}/21/1", product(1, 1))],
    })
}

/// A network with goods on record.
pub struct Goods<'n> {
    network: &'n Network,
    count: u32,
}

impl<'n> Goods<'n> {
    pub fn new(network: &'n Network) -> Goods<'n> {
        Goods { network, count: 0 }
    }

    fn put(&self, member: usize, kind: &str, body: &Value) {
        let client = self.network.net.nodes[member].client();
        let answer = client.put(&format!("/api/v1/{kind}"), body.to_string().as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{kind} {body}: {}", answer.text);
    }

    fn event(&mut self, member: usize, day: u32, minute: u32, at: Option<String>, more: Value) {
        self.count += 1;
        let mut event = json!({
            "@context": [
                "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
                {"example": "https://ns.example.com/"}
            ],
            "eventID": format!("urn:uuid:00000000-0000-4000-8000-{:012}", self.count),
            "eventTime": format!("2026-10-{day:02}T{:02}:{:02}:00Z", minute / 60, minute % 60),
            "eventTimeZoneOffset": "+02:00",
        });
        let object = event.as_object_mut().expect("an object");
        if let Some(at) = at {
            object.insert("readPoint".to_owned(), json!({"id": at}));
        }
        object.extend(more.as_object().expect("an object").clone());
        // The one before may have been recorded at another node.
        self.network.caught_up();
        let (status, answer) = self.network.post_event(member, &event);
        assert!(status < 300, "{event}: {answer}");
    }

    /// Who is where, and what is made.
    pub fn describe(&self, picture: &str) {
        let put = |member: usize, number, name: (&str, &str), city, country, north, east| {
            let body = json!({
                "id": place(member, number), "names": {"en": name.0, "zh": name.1},
                "address": {"lines": ["Street 1"], "city": city, "country": country},
                "latitude": north, "longitude": east,
            });
            self.put(member, "places", &body);
        };
        put(0, 1, ("Mill", "处理厂"), "Santa Rosa", "GT", "14.6", "-90.8");
        put(1, 1, ("Roastery", "烘焙厂"), "Hamburg", "DE", "53.55", "9.99");
        put(2, 1, ("Container terminal", "集装箱码头"), "Rotterdam", "NL", "51.95", "4.14");
        put(3, 1, ("Pharmacy", "药房"), "Kiel", "DE", "54.32", "10.13");
        for (member, number, body) in [
            (0, 1, json!({"names": {"en": "Green coffee, washed", "zh": "水洗生豆"}})),
            (
                1,
                1,
                json!({
                    "names": {"en": "Esperanza espresso, 250 g", "zh": "埃斯佩兰萨浓缩咖啡豆 250 克"},
                    "descriptions": {"en": "One farm, one harvest.", "zh": "单一庄园，单季采收。"},
                    "brand": "Nordlicht", "picture": picture, "netMassKg": 0.25,
                }),
            ),
            (
                3,
                1,
                json!({
                    "names": {"en": "Vaccine, ten doses", "zh": "疫苗（十剂）"},
                    "limits": [{"type": "Temperature", "min": 2, "max": 8, "uom": "CEL"}],
                }),
            ),
            (
                2,
                1,
                json!({"names": {"en": "Travel bag, calf leather", "zh": "小牛皮旅行袋"}, "brand": "Seaway"}),
            ),
            (
                2,
                2,
                json!({
                    "names": {"en": ATTACK, "zh": ATTACK},
                    "descriptions": {"en": "W".repeat(2_000)}, "brand": ATTACK,
                }),
            ),
        ] {
            let mut body = body;
            body["id"] = json!(product(member, number));
            self.put(member, "products", &body);
        }
    }

    /// From the farm to a pallet that is under way.
    pub fn coffee(&mut self) {
        let green = format!("{}/10/GREEN-1", product(0, 1));
        let bag = |serial: u32| format!("{}/21/{serial}", product(1, 1));
        let bags: Vec<String> = (1..=24).map(bag).collect();
        let amount =
            |kilograms: u32| json!([{"epcClass": green, "quantity": kilograms, "uom": "KGM"}]);
        let to =
            |member: usize| json!([{"type": "possessing_party", "destination": party(member)}]);
        let mill = || Some(place(0, 1));
        self.event(
            0,
            1,
            480,
            mill(),
            json!({
                "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
                "disposition": "active", "quantityList": amount(600),
            }),
        );
        self.event(
            0,
            3,
            600,
            mill(),
            json!({
                "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping",
                "disposition": "in_transit", "quantityList": amount(600), "destinationList": to(1),
            }),
        );
        let roastery = || Some(place(1, 1));
        self.event(
            1,
            9,
            540,
            roastery(),
            json!({
                "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "receiving",
                "disposition": "in_progress", "quantityList": amount(600),
            }),
        );
        self.event(
            1,
            10,
            540,
            roastery(),
            json!({
                "type": "TransformationEvent", "bizStep": "commissioning",
                "inputQuantityList": amount(10), "outputEPCList": bags,
                "example:note": ATTACK,
            }),
        );
        self.event(
            1,
            10,
            600,
            roastery(),
            json!({
                "type": "AggregationEvent", "action": "ADD", "bizStep": "packing",
                "parentID": unit(1, 1), "childEPCs": bags,
            }),
        );
        self.event(
            1,
            10,
            660,
            roastery(),
            json!({
                "type": "AggregationEvent", "action": "ADD", "bizStep": "packing",
                "parentID": unit(1, 2), "childEPCs": [unit(1, 1)],
            }),
        );
        self.event(
            1,
            11,
            480,
            roastery(),
            json!({
                "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping",
                "disposition": "in_transit", "epcList": [unit(1, 2)], "destinationList": to(3),
            }),
        );
        self.event(
            2,
            12,
            480,
            Some(place(2, 1)),
            json!({
                "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "arriving",
                "epcList": [unit(1, 2)],
            }),
        );
    }

    /// A vaccine that was too warm for a while.
    pub fn vaccine(&mut self) {
        let thing = format!("{}/21/V1", product(3, 1));
        let at = || Some(place(3, 1));
        self.event(
            3,
            1,
            480,
            at(),
            json!({
                "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
                "disposition": "active", "epcList": [thing],
            }),
        );
        let read = [5.2, 4.8, 5.1, 6.3, 7.9, 9.4, 11.3, 8.8, 6.1, 5.0];
        for (number, value) in read.into_iter().enumerate() {
            let minute = 600 + u32::try_from(number).expect("few") * 30;
            self.event(
                3,
                2,
                minute,
                at(),
                json!({
                    "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "sensor_reporting",
                    "epcList": [thing],
                    "sensorElementList": [{"sensorReport": [
                        {"type": "Temperature", "value": value, "uom": "CEL"}
                    ]}],
                }),
            );
        }
    }

    /// A bag whose number turns up twice.
    pub fn bag(&mut self) {
        let thing = format!("{}/21/B1", product(2, 1));
        for day in [4, 20] {
            self.event(
                2,
                day,
                600,
                Some(place(2, 1)),
                json!({
                    "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
                    "disposition": "active", "epcList": [thing],
                }),
            );
        }
        self.event(
            1,
            21,
            600,
            None,
            json!({
                "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "retail_selling",
                "epcList": [thing],
            }),
        );
    }

    /// A bag of which nothing speaks against it.
    pub fn sound(&mut self) {
        let thing = format!("{}/21/FINE", product(2, 1));
        for (day, action, step) in
            [(2, "ADD", "commissioning"), (3, "OBSERVE", "inspecting"), (4, "OBSERVE", "storing")]
        {
            self.event(
                2,
                day,
                600,
                Some(place(2, 1)),
                json!({
                    "type": "ObjectEvent", "action": action, "bizStep": step,
                    "disposition": "active", "epcList": [thing],
                }),
            );
        }
    }

    /// Bags of a lot of leather, and one more: the lot and that one are recalled.
    pub fn recalled(&mut self) {
        let lot = format!("{}/10/HIDE-1", product(2, 4));
        let bag = |serial: &str| format!("{}/21/{serial}", product(2, 1));
        let at = || Some(place(2, 1));
        let amount = json!([{"epcClass": lot, "quantity": 40, "uom": "KGM"}]);
        self.event(
            2,
            2,
            600,
            at(),
            json!({
                "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
                "disposition": "active", "quantityList": amount,
            }),
        );
        self.event(
            2,
            3,
            600,
            at(),
            json!({
                "type": "TransformationEvent", "bizStep": "commissioning",
                "inputQuantityList": [{"epcClass": lot, "quantity": 2, "uom": "KGM"}],
                "outputEPCList": [bag("MADE")],
            }),
        );
        self.event(
            2,
            4,
            600,
            at(),
            json!({
                "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
                "disposition": "active", "epcList": [bag("NAMED")],
            }),
        );
        let body = json!({
            "reference": "R-1", "items": [lot, bag("NAMED")],
            "reason": {"en": "Glass splinters in the seams.", "zh": "缝线中有玻璃碎片。"},
            "what_to_do": {
                "en": "Stop using it and send it back; postage is paid.",
                "zh": "请停止使用并寄回，邮费由我方承担。",
            },
            "contact": "recall@seaway.example", "web": "https://seaway.example/recall",
        });
        self.network.caught_up();
        let client = self.network.net.nodes[2].client();
        let answer = client.post("/api/v1/recalls", body.to_string().as_bytes(), &[]);
        let answer = answer.expect("an answer");
        assert!(answer.is_success(), "{}", answer.text);
    }

    /// A thing whose page has as much of everything as a page takes.
    pub fn everything(&mut self) {
        let words = "long words that go on and on ".repeat(8);
        for number in 0..12 {
            let (north, east) = (50 - number, 10 * number);
            let body = json!({
                "id": place(1, 20 + number), "names": {"en": format!("Place {number} {words}")},
                "address": {"city": format!("City {number}"), "country": "DE"},
                "latitude": north.to_string(), "longitude": east.to_string(),
            });
            self.put(1, "places", &body);
        }
        let measures = ["Temperature", "RelativeHumidity", "Illuminance", "Pressure"];
        let units = ["CEL", "P1", "LUX", "PAL"];
        let limits = measures.iter().zip(units);
        let limits: Vec<Value> = limits
            .map(|(measure, unit)| json!({"type": measure, "min": 2, "max": 8, "uom": unit}))
            .collect();
        let body = json!({
            "id": product(1, 7), "names": {"en": format!("Everything {words}")},
            "descriptions": {"en": words.repeat(8)}, "brand": words, "limits": limits,
        });
        self.put(1, "products", &body);
        let one = |serial: u32| format!("{}/21/all-{serial}", product(1, 7));
        let others: Vec<String> = (1..=60).map(one).collect();
        let thing = json!({
            "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
            "disposition": "active", "epcList": others,
        });
        self.event(1, 1, 0, Some(place(1, 20)), thing);
        for step in 1..=45_u32 {
            let at = Some(place(1, 20 + step % 12));
            let value = format!("{}.{}", step / 4, 1_000_003 * step);
            let value: serde_json::Number = value.parse().expect("a number of JSON");
            let reports = measures
                .iter()
                .zip(units)
                .map(|(measure, unit)| json!({"type": measure, "value": value, "uom": unit}));
            let reports: Vec<Value> = reports.collect();
            let steps = ["arriving", "inspecting", "storing", "picking", "departing"];
            let biz_step = steps[usize::try_from(step).expect("few") % steps.len()];
            // Everyday numbers and some that do not add up.
            let seen = json!({
                "type": "ObjectEvent", "action": if step % 9 == 0 { "ADD" } else { "OBSERVE" },
                "bizStep": biz_step, "epcList": others,
                "sensorElementList": [{"sensorReport": reports}], "example:note": words,
            });
            self.event(1, 2 + step / 20, step % 20 * 60, at, seen);
        }
        let children: Vec<String> = (2..=60).map(one).collect();
        let packed = json!({
            "type": "AggregationEvent", "action": "ADD", "bizStep": "packing",
            "parentID": one(1), "childEPCs": children,
        });
        self.event(1, 9, 0, Some(place(1, 20)), packed);
    }

    /// Words that are attacks, and words that never end; gives the eventID.
    pub fn attacks(&mut self) -> String {
        let long = "w".repeat(10_000);
        let serial = percent_encoded("<b>\"'&-1");
        let step = format!("https://example.com/{}", "step".repeat(400));
        self.event(2, 5, 600, None, json!({
            "type": "ObjectEvent", "action": "ADD", "bizStep": step,
            "disposition": format!("https://example.com/{}", "x".repeat(1_500)),
            "epcList": [format!("{}/21/{serial}", product(2, 2))],
            "example:word": long, "example:attack": ATTACK, "example:turned": "\u{202E}\u{202D}abc",
            "ilmd": {"example:name": ATTACK},
        }));
        format!("urn:uuid:00000000-0000-4000-8000-{:012}", self.count)
    }
}
