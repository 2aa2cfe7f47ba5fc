//! What the companies say of their products, places and themselves, in English and Chinese.

use serde_json::{Value, json};

use super::coffee::{
    BAG, CHERRIES, CUSTOMS, DJIBOUTI, FARMS, GREEN, HAMBURG, LABORATORY, MILL, ROASTED, ROASTERY,
    STORE_DOOR, STORE_SHELF,
};
use super::companies::Who;
use super::handbag::{ABROAD, HANDBAG, SERVICE, WORKSHOP};
use super::vaccine::{CARTON, HUB, PHARMACY, PLANT};

/// A record and who sets it.
pub struct Record {
    /// The owner of its key.
    pub who: Who,
    /// `products`, `places` or `parties`.
    pub kind: &'static str,
    /// What is set.
    pub body: Value,
}

/// A picture of a product: drawn for the demo.
pub struct Picture {
    /// Whose product it shows.
    pub who: Who,
    /// The product's number.
    pub product: u32,
    /// The file, JPEG.
    pub file: &'static [u8],
}

/// The pictures of what the three pages are about.
pub const PICTURES: [Picture; 3] = [
    Picture { who: Who::Coffee, product: BAG, file: include_bytes!("pictures/coffee.jpg") },
    Picture { who: Who::Vaccine, product: CARTON, file: include_bytes!("pictures/vaccine.jpg") },
    Picture { who: Who::Store, product: HANDBAG, file: include_bytes!("pictures/handbag.jpg") },
];

/// Everything that is described. `picture` gives the digest of a product's picture.
pub fn records(picture: impl Fn(Who, u32) -> Option<String>) -> Vec<Record> {
    let mut all = products(picture);
    all.extend(places());
    all.extend(parties());
    all
}

fn names(en: &str, zh: &str) -> Value {
    json!({ "en": en, "zh": zh })
}

fn products(picture: impl Fn(Who, u32) -> Option<String>) -> Vec<Record> {
    let product = |who: Who, number: u32, mut body: Value| {
        body["id"] = who.product(number).into();
        if let Some(digest) = picture(who, number) {
            body["picture"] = digest.into();
        }
        Record { who, kind: "products", body }
    };
    let bag = json!({
        "names": names("Sidama Hills whole beans, 1 kg", "西达玛山咖啡豆 1 千克"),
        "descriptions": names(
            "Three farms, one roast: jasmine, apricot, black tea.",
            "三座庄园，一炉烘焙：茉莉、杏子、红茶风味。",
        ),
        "brand": "Sidama Hills", "netMassKg": "1",
        "limits": [{ "type": "Temperature", "min": "5", "max": "25", "uom": "CEL" }],
    });
    let carton = json!({
        "names": names("Alder vaccine, carton of ten doses", "桤木疫苗（十剂装）"),
        "descriptions": names("Keep between 2 and 8 °C.", "须在 2 至 8 °C 之间保存。"),
        "brand": "Alder", "netMassKg": "1.2",
        "limits": [{ "type": "Temperature", "min": "2", "max": "8", "uom": "CEL" }],
    });
    let handbag = json!({
        "names": names("Lumen No. 4 handbag, calf leather", "流明四号小牛皮手袋"),
        "descriptions": names(
            "Sewn by one person in our workshop in Florence.",
            "由佛罗伦萨工坊的一位匠人独立缝制。",
        ),
        "brand": "Lumen", "netMassKg": "0.9",
    });
    vec![
        product(Who::Coffee, CHERRIES, json!({ "names": names("Coffee cherries", "咖啡鲜果") })),
        product(Who::Coffee, GREEN, json!({ "names": names("Green coffee, washed", "水洗生豆") })),
        product(Who::Coffee, ROASTED, json!({ "names": names("Roasted coffee", "烘焙咖啡豆") })),
        product(Who::Coffee, BAG, bag),
        product(Who::Vaccine, CARTON, carton),
        product(Who::Store, HANDBAG, handbag),
    ]
}

fn places() -> Vec<Record> {
    let rows = [
        (Who::Coffee, FARMS[0], "Bombe farm", "本萨邦贝庄园", "Bensa, ET", "6.52 38.84"),
        (Who::Coffee, FARMS[1], "Shanta farm", "本萨尚塔庄园", "Bensa, ET", "6.44 38.78"),
        (Who::Coffee, FARMS[2], "Hamasho farm", "本萨哈马绍庄园", "Bensa, ET", "6.36 38.90"),
        (Who::Coffee, MILL, "Washing mill", "达耶水洗处理厂", "Daye, ET", "6.53 38.62"),
        (Who::Coffee, ROASTERY, "Roastery", "亚的斯亚贝巴烘焙厂", "Addis Ababa, ET", "8.98 38.79"),
        (
            Who::Inspector,
            LABORATORY,
            "Laboratory",
            "亚的斯亚贝巴检验室",
            "Addis Ababa, ET",
            "9.01 38.75",
        ),
        (
            Who::Carrier,
            DJIBOUTI,
            "Container quay",
            "吉布提集装箱码头",
            "Djibouti, DJ",
            "11.60 43.14",
        ),
        (Who::Carrier, HAMBURG, "Container quay", "汉堡集装箱码头", "Hamburg, DE", "53.53 9.93"),
        (Who::Inspector, CUSTOMS, "Customs", "汉堡海关", "Hamburg, DE", "53.53 9.92"),
        (Who::Store, STORE_DOOR, "Goods entrance", "汉堡店收货口", "Hamburg, DE", "53.55 10.00"),
        (Who::Store, STORE_SHELF, "Sales floor", "汉堡店卖场", "Hamburg, DE", "53.55 10.00"),
        (Who::Vaccine, PLANT, "Plant", "巴塞罗那工厂", "Barcelona, ES", "41.35 2.14"),
        (Who::Carrier, HUB, "Hub", "里昂转运中心", "Lyon, FR", "45.72 5.08"),
        (Who::Store, PHARMACY, "Pharmacy", "汉堡店药房", "Hamburg, DE", "53.55 10.00"),
        (Who::Store, WORKSHOP, "Workshop", "佛罗伦萨工坊", "Florence, IT", "43.77 11.25"),
        (Who::Store, SERVICE, "Service desk", "汉堡店服务台", "Hamburg, DE", "53.55 10.00"),
        (Who::Store, ABROAD, "Boutique", "上海精品店", "Shanghai, CN", "31.23 121.47"),
    ];
    let record = |(who, number, en, zh, town, at): (Who, u32, &str, &str, &str, &str)| {
        let (city, country) = town.split_once(", ").unwrap_or((town, ""));
        let (latitude, longitude) = at.split_once(' ').unwrap_or((at, ""));
        let body = json!({
            "id": who.place(number), "names": names(en, zh),
            "address": { "city": city, "country": country },
            "latitude": latitude, "longitude": longitude,
        });
        Record { who, kind: "places", body }
    };
    rows.into_iter().map(record).collect()
}

fn parties() -> Vec<Record> {
    let members = Who::ALL.map(|who| {
        let company = who.company();
        let names = names(company.name, company.name_zh);
        let body = json!({ "id": who.party(), "names": names, "member": company.id });
        Record { who, kind: "parties", body }
    });
    // The farms have no node of their own: the coffee maker keeps their numbers.
    let farms = [
        ("Bombe smallholders", "邦贝农户"),
        ("Shanta smallholders", "尚塔农户"),
        ("Hamasho smallholders", "哈马绍农户"),
    ];
    let farms = FARMS.into_iter().zip(farms).map(|(number, (en, zh))| {
        let body = json!({ "id": Who::Coffee.supplier(number), "names": names(en, zh) });
        Record { who: Who::Coffee, kind: "parties", body }
    });
    members.into_iter().chain(farms).collect()
}
