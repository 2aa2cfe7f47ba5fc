//! What the measured pages show: a product with a photograph as a phone makes it, and one piece of
//! it with a long story.

use serde_json::{Value, json};
use tracehold_testnet::client::Client;

use crate::cli::Failure;

/// Any member of a network for development may record under any prefix.
const PRODUCT: &str = "https://id.gs1.org/01/09521101530001";
const PALLET: &str = "https://id.gs1.org/00/095211010000000016";

/// Where it goes: digits of the GLN, name, city, country, degrees north and east.
const PLACES: [(&str, &str, &str, &str, &str, &str); 6] = [
    ("9521101530001", "Washing station", "Santa Rosa", "GT", "14.6", "-90.8"),
    ("9521101530018", "Port of departure", "Puerto Barrios", "GT", "15.7", "-88.6"),
    ("9521101530025", "Container terminal", "Rotterdam", "NL", "51.95", "4.14"),
    ("9521101530032", "Roastery", "Hamburg", "DE", "53.55", "9.99"),
    ("9521101530049", "Distribution centre", "Kassel", "DE", "51.31", "9.49"),
    ("9521101530056", "Shop", "Kiel", "DE", "54.32", "10.13"),
];

/// Steps between the first and the last.
const STEPS: [&str; 5] = ["arriving", "inspecting", "storing", "loading", "departing"];

/// Readings of temperature on the way.
const READINGS: u32 = 60;

/// Pixels of the photograph.
const PHOTO: (u32, u32) = (4_000, 3_000);

fn refused(what: &str, status: u16, text: &str) -> Failure {
    Failure::Refused(format!("{what} was answered {status}: {text}"))
}

/// Records everything at one node; the path of the piece.
///
/// # Errors
/// When the node refuses something or cannot be reached.
pub fn record(client: &Client) -> Result<String, Failure> {
    let kept = client.upload("/api/v1/pictures", "image/jpeg", &photograph()?)?;
    let Some(digest) = kept.json["digest"].as_str() else {
        return Err(refused("the photograph", kept.status, &kept.text));
    };
    put(
        client,
        "products",
        &json!({
            "id": PRODUCT, "picture": digest, "brand": "Nordlicht", "netMassKg": "0.25",
            "names": {"en": "Esperanza espresso, 250 g", "zh": "埃斯佩兰萨浓缩咖啡豆 250 克"},
            "descriptions": {"en": "Whole beans from one farm and one harvest, washed, roasted dark. \
                Keep it dry and away from light; it tastes best within three months."},
            "limits": [{"type": "Temperature", "min": 5, "max": 30, "uom": "CEL"}],
        }),
    )?;
    for (gln, name, city, country, north, east) in PLACES {
        put(
            client,
            "places",
            &json!({
                "id": place(gln), "names": {"en": name}, "latitude": north, "longitude": east,
                "address": {"city": city, "country": country},
            }),
        )?;
    }
    let piece = format!("{PRODUCT}/21/1");
    let events = story(&piece);
    let document = json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-10-01T00:00:00Z", "epcisBody": {"eventList": events},
    });
    tracehold_testnet::load::capture(client, document.to_string().as_bytes())
        .map_err(|error| Failure::Refused(format!("the story was refused: {error}")))?;
    Ok(piece.trim_start_matches("https://id.gs1.org").to_owned())
}

fn place(gln: &str) -> String {
    format!("https://id.gs1.org/414/{gln}")
}

fn put(client: &Client, kind: &str, body: &Value) -> Result<(), Failure> {
    let answer = client.put(&format!("/api/v1/{kind}"), body.to_string().as_bytes())?;
    match answer.is_success() {
        true => Ok(()),
        false => Err(refused(kind, answer.status, &answer.text)),
    }
}

/// From the washing station to the shop, with readings on the way.
fn story(piece: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut minute = 0_u32;
    let mut put = |at: &str, minutes: u32, more: Value| {
        minute += minutes;
        let (day, hour) = (1 + minute / 1_440, minute / 60 % 24);
        let time = format!("2026-09-{day:02}T{hour:02}:{:02}:00Z", minute % 60);
        let mut event = json!({
            "eventTime": time, "eventTimeZoneOffset": "+00:00", "type": "ObjectEvent",
            "action": "OBSERVE", "readPoint": {"id": place(at)},
        });
        if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
            event.extend(more.clone());
        }
        events.push(event);
    };
    let first = PLACES[0].0;
    let born = json!({"action": "ADD", "bizStep": "commissioning", "disposition": "active",
        "epcList": [piece]});
    put(first, 0, born);
    for (gln, ..) in PLACES {
        for step in STEPS {
            put(gln, 180, json!({"bizStep": step, "epcList": [piece]}));
        }
    }
    for reading in 0..READINGS {
        // Between 12 and 23 degrees.
        let value = 12 + reading * 7 % 12;
        let report =
            json!([{"sensorReport": [{"type": "Temperature", "value": value, "uom": "CEL"}]}]);
        let body = json!({"bizStep": "sensor_reporting", "epcList": [piece],
            "sensorElementList": report});
        put(PLACES[4].0, 20, body);
    }
    let packed = json!({"type": "AggregationEvent", "action": "ADD", "bizStep": "packing",
        "parentID": PALLET, "childEPCs": [piece]});
    put(PLACES[4].0, 60, packed);
    events
}

/// A photograph of 12 megapixels: a scene with some grain, as large as a phone makes one.
fn photograph() -> Result<Vec<u8>, Failure> {
    let mut state = 7_u32;
    let scene = image::RgbImage::from_fn(PHOTO.0, PHOTO.1, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = state >> 28;
        let shade = |value: u32| u8::try_from((value + grain).min(255)).unwrap_or(u8::MAX);
        let wave = (x / 37 + y / 53) % 64;
        image::Rgb([shade(x * 180 / PHOTO.0 + wave), shade(y * 160 / PHOTO.1), shade(60 + wave)])
    });
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90)
        .encode_image(&scene)
        .map_err(|error| Failure::Refused(format!("the photograph cannot be made: {error}")))?;
    Ok(bytes)
}
