//! What a page shows of a recorded event.

use std::collections::BTreeMap;

use serde_json::Value;
use tracehold_chain::epcis::identifier::{Canonical, Level, canonical};
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::provenance::Standing;

use crate::language::Language;
use crate::{numbers, words};

/// What was recorded this much later than it happened is shown to be late.
const LATE_MS: u64 = 24 * 3_600_000;

/// Identifiers of one kind that a page lists; it says how many more there are.
pub const MAX_LISTED: usize = 12;

/// Letters of one text from outside that a page shows; the event's own page has the whole.
pub const MAX_SHOWN: usize = 320;

/// Letters of a heading.
const MAX_TITLE: usize = 80;

/// A text cut to [`MAX_SHOWN`] letters, with an ellipsis where it was cut.
#[must_use]
pub fn shortened(text: &str) -> String {
    cut(text, MAX_SHOWN)
}

fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A recorded event as it is handed to a page: no more of it than its reader may see.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The event's JSON, or the part of it that may be seen.
    pub event: Value,
    /// Its eventID.
    pub event_id: String,
    /// The member that recorded it, by its name for people.
    pub recorded_by: String,
    /// Block time.
    pub recorded_at: TimestampMs,
    /// The block.
    pub height: u64,
    /// Whether a later declaration says this event is wrong.
    pub declared_wrong: bool,
    /// Whether it is logged as a claim: whoever recorded it has no known part in the goods.
    pub is_claim: bool,
    /// Anomalies that were found when it was recorded, in words.
    pub anomalies: Vec<String>,
    /// Whether parts of the event were left out.
    pub is_partial: bool,
    /// How many of its members were left out, or a part of them.
    pub withheld: usize,
    /// Why the recorder's word counts for the item whose story this is told in.
    pub standing: Option<Standing>,
    /// The containers through which it happened to the item, from the inside out.
    pub through: Vec<String>,
}

impl Recorded {
    /// An event by itself, of which nothing is known but what it says.
    #[must_use]
    pub fn of(event: Value) -> Recorded {
        let event_id = event.get("eventID").and_then(Value::as_str).unwrap_or_default().to_owned();
        Recorded {
            event,
            event_id,
            recorded_by: String::new(),
            recorded_at: TimestampMs(0),
            height: 0,
            declared_wrong: false,
            is_claim: false,
            anomalies: Vec::new(),
            is_partial: false,
            withheld: 0,
            standing: None,
            through: Vec::new(),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.event.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether this is one of a row of readings, of which a page shows the first.
    fn follows(&self, before: &Recorded) -> bool {
        let plain = |one: &Recorded| {
            words::bare(one.text("bizStep")) == "sensor_reporting"
                && !one.declared_wrong
                && !one.is_claim
                && one.anomalies.is_empty()
                && one.event.get("errorDeclaration").is_none()
        };
        plain(self)
            && plain(before)
            && self.recorded_by == before.recorded_by
            && self.through == before.through
    }
}

/// Names of places, by GLN or by canonical identifier.
pub type Places = BTreeMap<String, String>;

/// A link inside the pages, or text where there is nothing to link to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What to show.
    pub text: String,
    /// Where it leads, from the root of the site.
    pub path: Option<String>,
}

/// A titled list of things an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What they are to the event.
    pub title: &'static str,
    /// The first [`MAX_LISTED`] of them.
    pub shown: Vec<Reference>,
    /// How many more there are.
    pub more: usize,
}

impl Named {
    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shown.len() + self.more
    }
}

/// An event in plain words.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// What happened.
    pub title: String,
    /// The state the goods were left in.
    pub state: Option<String>,
    /// When it happened, in the time of the place.
    pub happened: String,
    /// The same for machines.
    pub happened_at: String,
    /// When it was recorded.
    pub recorded: String,
    /// The same for machines.
    pub recorded_at: String,
    /// The member that recorded it.
    pub recorded_by: String,
    /// Where.
    pub place: Option<Reference>,
    /// Where the goods are afterwards.
    pub now_at: Option<Reference>,
    /// The goods.
    pub named: Vec<Named>,
    /// The event's own page.
    pub path: String,
    /// Whether this declares an earlier event wrong.
    pub is_correction: bool,
    /// Whether a later declaration says this is wrong.
    pub declared_wrong: bool,
    /// See [`Recorded::is_claim`].
    pub is_claim: bool,
    /// See [`Recorded::anomalies`].
    pub anomalies: Vec<String>,
    /// Why the recorder's word counts.
    pub standing: Option<&'static str>,
    /// By how much it was recorded later than it happened, when that is much.
    pub late: Option<String>,
    /// The containers through which it happened to the item.
    pub through: Vec<Reference>,
    /// How many events this tells of: a row of readings is told once.
    pub times: usize,
    /// When the last of them happened.
    pub until: Option<String>,
    /// What a checker compares with the evidence: the eventIDs of all events that this tells of.
    pub event_ids: String,
    /// The business step as the first of them says it.
    pub raw_step: String,
    /// The disposition as the first of them says it.
    pub raw_state: String,
    /// See [`Recorded::withheld`]; of all events that this tells of.
    pub withheld: usize,
}

/// Says recorded events in plain words, in their order; a row of readings once.
#[must_use]
pub fn tell_all(events: &[Recorded], places: &Places, language: Language) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    let mut before: Option<&Recorded> = None;
    for recorded in events {
        let follows = before.is_some_and(|before| recorded.follows(before));
        before = Some(recorded);
        match chapters.last_mut().filter(|_| follows) {
            Some(chapter) => {
                chapter.times += 1;
                chapter.withheld += recorded.withheld;
                chapter.event_ids.push(' ');
                chapter.event_ids.push_str(&percent_encoded(&recorded.event_id));
                let zone = recorded.text("eventTimeZoneOffset");
                let time = recorded.text("eventTime");
                let told = when(time, zone, language);
                let at = |time: &str| time.parse::<jiff::Timestamp>().ok();
                // Lists of news go back in time.
                if at(time) < at(&chapter.happened_at) {
                    let later = std::mem::replace(&mut chapter.happened, told);
                    time.clone_into(&mut chapter.happened_at);
                    chapter.until.get_or_insert(later);
                } else {
                    chapter.until = Some(told);
                }
            }
            None => chapters.push(tell(recorded, places, language)),
        }
    }
    chapters
}

fn standing(standing: Standing, language: Language) -> Option<&'static str> {
    let (english, chinese) = match standing {
        Standing::Owner => ("its code is theirs", "该编码归其所有"),
        Standing::Holder => ("held it then", "当时的持有者"),
        Standing::Named => ("named in the shipment", "货运中指定的一方"),
        Standing::Accredited => ("accredited inspector", "经认可的检验方"),
        Standing::FirstFinder => ("first to record it here", "在此首个记录者"),
        Standing::Claim => return None,
    };
    Some(language.pick(english, chinese))
}

/// By how much an event was recorded later than it happened, when that is worth saying.
fn late(recorded: &Recorded, language: Language) -> Option<String> {
    let happened = recorded.text("eventTime").parse::<jiff::Timestamp>().ok()?;
    let happened = u64::try_from(happened.as_millisecond()).ok()?;
    let by = recorded.recorded_at.0.checked_sub(happened).filter(|by| *by > LATE_MS)?;
    let by = numbers::span(by, language);
    Some(language.pick(format!("Recorded {by} later"), format!("{by}后才记录")))
}

/// Says a recorded event in plain words.
#[must_use]
pub fn tell(recorded: &Recorded, places: &Places, language: Language) -> Chapter {
    let event = &recorded.event;
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or("");
    let step = text("bizStep");
    let title = match step {
        "" => words::happening(text("type"), text("action"), language).to_owned(),
        step => words::step(step, language),
    };
    let disposition = text("disposition");
    let place = |name: &str| {
        let id = event.get(name)?.get("id")?.as_str()?;
        Some(name_place(id, places, language))
    };
    Chapter {
        title: cut(&title, MAX_TITLE),
        state: (!disposition.is_empty()).then(|| shortened(&words::state(disposition, language))),
        happened: when(text("eventTime"), text("eventTimeZoneOffset"), language),
        happened_at: text("eventTime").to_owned(),
        recorded: moment(recorded.recorded_at, language),
        recorded_at: recorded.recorded_at.to_string(),
        recorded_by: recorded.recorded_by.clone(),
        place: place("readPoint"),
        now_at: place("bizLocation"),
        named: goods(event, language),
        path: event_path(&recorded.event_id, language),
        is_correction: event.get("errorDeclaration").is_some(),
        declared_wrong: recorded.declared_wrong,
        is_claim: recorded.is_claim,
        anomalies: recorded.anomalies.clone(),
        standing: recorded.standing.and_then(|known| standing(known, language)),
        late: late(recorded, language),
        through: recorded.through.iter().map(|id| identify(id, language)).collect(),
        times: 1,
        until: None,
        event_ids: percent_encoded(&recorded.event_id),
        raw_step: step.to_owned(),
        raw_state: disposition.to_owned(),
        withheld: recorded.withheld,
    }
}

fn goods(event: &Value, language: Language) -> Vec<Named> {
    let texts = language.texts();
    let lists: [(&'static str, &[&str]); 4] = [
        (texts.goods, &["epcList", "quantityList"]),
        (texts.contents, &["childEPCs", "childQuantityList"]),
        (texts.inputs, &["inputEPCList", "inputQuantityList"]),
        (texts.outputs, &["outputEPCList", "outputQuantityList"]),
    ];
    let parent = event.get("parentID").map(|parent| (texts.container, vec![parent]));
    let others = lists.into_iter().map(|(title, names)| {
        let items = names.iter().filter_map(|name| event.get(*name)?.as_array()).flatten();
        (title, items.collect())
    });
    let named = parent.into_iter().chain(others).filter_map(|(title, items)| {
        let mut references = items.iter().filter_map(|item| reference(item, language));
        let shown: Vec<Reference> = references.by_ref().take(MAX_LISTED).collect();
        let more = references.count();
        (!shown.is_empty()).then_some(Named { title, shown, more })
    });
    named.collect()
}

/// An identifier, or a quantity of a class with its amount and unit.
fn reference(item: &Value, language: Language) -> Option<Reference> {
    if let Some(id) = item.as_str() {
        return Some(identify(id, language));
    }
    let mut reference = identify(item.get("epcClass")?.as_str()?, language);
    if let Some(quantity) = item.get("quantity") {
        let unit = match item.get("uom").and_then(Value::as_str) {
            None => language.pick("pieces", "件"),
            Some(unit) => unit,
        };
        reference.text = format!("{quantity} {unit} · {}", reference.text);
    }
    Some(reference)
}

/// An identifier by its keys, with the path of its page.
#[must_use]
pub fn identify(id: &str, language: Language) -> Reference {
    let canonical = canonical(id);
    match path_of(&canonical) {
        Some(path) => Reference {
            text: shortened(&describe(&canonical, language).unwrap_or_else(|| id.to_owned())),
            path: Some(language.of_path(path)),
        },
        None => Reference { text: shortened(id), path: None },
    }
}

/// The Digital Link path of a GS1 identifier; `None` for other URIs.
#[must_use]
pub fn path_of(canonical: &Canonical) -> Option<&str> {
    canonical.key()?;
    canonical.uri().strip_prefix("https://id.gs1.org").filter(|path| path.starts_with('/'))
}

/// A GS1 identifier in words, such as `GTIN 09506000134352, serial 12`.
#[must_use]
pub fn describe(canonical: &Canonical, language: Language) -> Option<String> {
    let path = path_of(canonical)?;
    let mut parts = path.split('/').skip(1);
    let mut told = Vec::new();
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        let name = key_name(key, language);
        let value = percent_decoded(value);
        told.push(if name.is_empty() { value } else { format!("{name} {value}") });
    }
    Some(told.join(language.pick(", ", "，")))
}

fn key_name(key: &str, language: Language) -> &'static str {
    let (english, chinese) = match key {
        "00" => ("SSCC", "SSCC"),
        "01" => ("GTIN", "GTIN"),
        "10" => ("lot", "批次"),
        "21" => ("serial", "序列号"),
        "22" => ("variant", "变体"),
        "235" => ("serial", "序列号"),
        "253" => ("GDTI", "GDTI"),
        "254" => ("part", "分部"),
        "255" => ("GCN", "GCN"),
        "401" => ("GINC", "GINC"),
        "402" => ("GSIN", "GSIN"),
        "414" => ("GLN", "GLN"),
        "417" => ("party", "参与方"),
        "8003" => ("GRAI", "GRAI"),
        "8004" => ("GIAI", "GIAI"),
        "8006" => ("ITIP", "ITIP"),
        "8010" => ("CPID", "CPID"),
        "8011" => ("serial", "序列号"),
        "8013" => ("model", "型号"),
        "8017" | "8018" => ("GSRN", "GSRN"),
        _ => ("", ""),
    };
    language.pick(english, chinese)
}

/// A place by its name, or that of the member whose GLN it is, else by its identifier.
#[must_use]
pub fn name_place(id: &str, places: &Places, language: Language) -> Reference {
    let canonical = canonical(id);
    let path = path_of(&canonical).filter(|_| canonical.level() == Level::Location);
    let gln = path.and_then(|path| path.split('/').nth(2));
    let Some((path, gln)) = path.zip(gln) else {
        return Reference { text: shortened(id), path: None };
    };
    let text = match places.get(canonical.uri()).or_else(|| places.get(gln)) {
        Some(name) => format!("{name} (GLN {gln})"),
        None => format!("GLN {gln}"),
    };
    Reference { text, path: Some(language.of_path(path)) }
}

/// The path of an event's page.
#[must_use]
pub fn event_path(event_id: &str, language: Language) -> String {
    language.of_path(&format!("/event/{}", percent_encoded(event_id)))
}

fn percent_decoded(text: &str) -> String {
    tracehold_chain::epcis::uri::percent_decoded(text).unwrap_or_else(|| text.to_owned())
}

/// An event's time as a clock at the place showed it, with the offset.
fn when(time: &str, offset: &str, language: Language) -> String {
    let Ok(moment) = time.parse::<jiff::Timestamp>() else { return shortened(time) };
    let offset_minutes = tracehold_chain::epcis::time::zone_offset_minutes(offset).unwrap_or(0);
    let zone = jiff::tz::Offset::from_seconds(i32::from(offset_minutes) * 60);
    let Ok(zone) = zone else { return shortened(time) };
    let local = zone.to_datetime(moment);
    let offset = if offset.is_empty() { "+00:00" } else { offset };
    format!("{} ({offset})", clock(local, language))
}

/// A moment in UTC.
#[must_use]
pub fn moment(time: TimestampMs, language: Language) -> String {
    let moment =
        i64::try_from(time.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match moment {
        Some(moment) => {
            format!("{} UTC", clock(jiff::tz::Offset::UTC.to_datetime(moment), language))
        }
        None => time.to_string(),
    }
}

fn clock(at: jiff::civil::DateTime, language: Language) -> String {
    let (year, month, day) = (at.year(), at.month(), at.day());
    let time = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    match language {
        Language::English => {
            let name = usize::try_from(month - 1).ok().and_then(|month| words::MONTHS.get(month));
            format!("{day} {} {year}, {time}", name.unwrap_or(&""))
        }
        Language::Chinese => format!("{year}年{month}月{day}日 {time}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorded(event: Value) -> Recorded {
        Recorded {
            event_id: "urn:uuid:1 2".to_owned(),
            recorded_by: "Acme".to_owned(),
            recorded_at: TimestampMs(1_772_357_400_250),
            height: 3,
            is_partial: true,
            ..Recorded::of(event)
        }
    }

    #[test]
    fn a_row_of_readings_is_told_once_and_what_is_late_says_so() {
        let read = |minute: u32| {
            recorded(json!({
                "type": "ObjectEvent", "bizStep": "sensor_reporting",
                "eventTime": format!("2026-02-27T09:{minute:02}:00Z"),
                "eventTimeZoneOffset": "+00:00"
            }))
        };
        let mut odd = read(3);
        odd.anomalies.push("Too warm.".to_owned());
        odd.standing = Some(Standing::Holder);
        let events = [read(0), read(1), read(2), odd, read(4)];
        let told = tell_all(&events, &Places::new(), Language::English);
        assert_eq!(told.iter().map(|chapter| chapter.times).collect::<Vec<_>>(), [3, 1, 1]);
        assert_eq!(told[0].until.as_deref(), Some("27 Feb 2026, 09:02:00 (+00:00)"));
        assert_eq!(told[1].standing, Some("held it then"));
        assert_eq!(told[0].late.as_deref(), Some("Recorded 2 days 30 minutes later"));
    }

    #[test]
    fn an_event_is_told_in_plain_words() {
        let event = json!({
            "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping",
            "disposition": "in_transit",
            "eventTime": "2026-03-01T08:30:00Z", "eventTimeZoneOffset": "+01:00",
            "readPoint": {"id": "https://id.gs1.org/414/9506000134376"},
            "epcList": ["urn:epc:id:sgtin:9506000.013435.12", "urn:uuid:other"],
            "quantityList": [{"epcClass": "https://id.gs1.org/01/09506000134352/10/A", "quantity": 5}]
        });
        let places = Places::from([("9506000134376".to_owned(), "Acme".to_owned())]);
        let chapter = tell(&recorded(event), &places, Language::English);
        assert_eq!(chapter.title, "Shipped");
        assert_eq!(chapter.state.as_deref(), Some("on its way"));
        assert_eq!(chapter.happened, "1 Mar 2026, 09:30:00 (+01:00)");
        assert_eq!(chapter.recorded, "1 Mar 2026, 09:30:00 UTC");
        assert_eq!(chapter.place.unwrap().text, "Acme (GLN 9506000134376)");
        let goods = &chapter.named[0].shown;
        assert_eq!(goods[0].text, "GTIN 09506000134352, serial 12");
        assert_eq!(goods[0].path.as_deref(), Some("/01/09506000134352/21/12?lang=en"));
        assert_eq!(goods[1], Reference { text: "urn:uuid:other".to_owned(), path: None });
        assert_eq!(goods[2].text, "5 pieces · GTIN 09506000134352, lot A");
        assert_eq!(chapter.path, "/event/urn%3Auuid%3A1%202?lang=en");
    }

    #[test]
    fn odd_events_are_told_without_failing() {
        for event in [
            json!({}),
            json!(null),
            json!({"epcList": [1, {"epcClass": 2}, {}], "eventTime": 5, "readPoint": "x"}),
            json!({"eventTime": "never", "eventTimeZoneOffset": "+99:00"}),
        ] {
            assert!(!tell(&recorded(event), &Places::new(), Language::Chinese).title.is_empty());
        }
        let many: Vec<String> = (0..40).map(|n| format!("urn:x:{n}")).collect();
        let chapter = tell(&recorded(json!({"epcList": many})), &Places::new(), Language::English);
        assert_eq!((chapter.named[0].shown.len(), chapter.named[0].more), (12, 28));
    }
}
