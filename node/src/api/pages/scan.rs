//! What the page of a scan is handed beside what is known of the thing.

use serde_json::Value;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Canonical, EventType, Level};
use tracehold_chain::masterdata::{MasterData, MasterKind, Product};
use tracehold_contracts::provenance::trace::Chapter;
use tracehold_contracts::provenance::{Life, Standing};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::Item;
use tracehold_explorer::pages::scan::{Certificate, Count, Kind, Scan};
use tracehold_explorer::story::{Recorded, shortened};

use super::super::limits::{MAX_READINGS_IN_SCAN, MAX_SCAN_CERTIFICATES, SCAN_STORY};
use super::super::scans::{ScanView, Visitor};
use super::super::{ApiState, now};
use super::item::{Asked, Reading};
use crate::fault::Fault;
use crate::view::ReadView;

/// Facts that a maker gives in the ilmd of an event: the word of GS1, English, Chinese.
const FACTS: &[(&str, &str, &str)] = &[
    ("itemExpirationDate", "Use by", "有效期至"),
    ("expirationDate", "Use by", "有效期至"),
    ("bestBeforeDate", "Best before", "最佳食用期至"),
    ("sellByDate", "Sell by", "销售截止日期"),
    ("productionDate", "Made on", "生产日期"),
    ("packagingDate", "Packed on", "包装日期"),
    ("harvestStartDate", "Harvested from", "采收开始"),
    ("harvestEndDate", "Harvested until", "采收结束"),
    ("lotNumber", "Lot", "批次"),
    ("countryOfOrigin", "Country of origin", "原产国"),
    ("growingMethodCode", "Grown", "种植方式"),
    ("grade", "Grade", "等级"),
];

/// Those after which a thing should not be used.
const LAST_DAYS: [&str; 2] = ["itemExpirationDate", "expirationDate"];

/// The word of GS1 in a name with any prefix.
fn bare(name: &str) -> &str {
    name.rsplit([':', '/', '#']).next().unwrap_or(name)
}

/// A plain value in words.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) => {
            ["@value", "@id", "id"].iter().find_map(|name| plain(object.get(*name)?))
        }
        Value::Array(list) => {
            let parts: Vec<String> = list.iter().filter_map(plain).collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        Value::Bool(_) | Value::Null => None,
    }
}

/// The day of a date or a time.
fn day(text: &str) -> Option<String> {
    let day = text.get(..10)?;
    day.parse::<jiff::civil::Date>().ok().map(|day| day.to_string())
}

fn today() -> String {
    now().to_string().get(..10).unwrap_or_default().to_owned()
}

/// The chapters that a scan shows: where it began, and the newest; a row of readings counts as one.
pub fn chosen(chapters: &[Chapter<'_>]) -> Vec<usize> {
    let is_reading = |at: usize| {
        let step = chapters.get(at).map(|chapter| chapter.step);
        step.is_some_and(|step| step.biz_step.as_deref() == Some("sensor_reporting"))
    };
    let mut chosen: Vec<usize> = Vec::new();
    let (mut told, mut readings) = (0, 0);
    for at in (1..chapters.len()).rev() {
        let follows = chosen.last().is_some_and(|next| is_reading(at) && is_reading(*next));
        if follows && readings < MAX_READINGS_IN_SCAN {
            readings += 1;
        } else if follows || told + 1 >= SCAN_STORY {
            break;
        } else {
            told += 1;
        }
        chosen.push(at);
    }
    if !chapters.is_empty() {
        chosen.push(0);
    }
    chosen.reverse();
    chosen
}

/// Whether the holder of the prefix recorded how the thing began.
pub fn is_from_maker(chapters: &[&Chapter<'_>]) -> bool {
    use tracehold_chain::epcis::Action;
    use tracehold_chain::state::ItemRole;
    chapters.iter().any(|chapter| {
        let step = chapter.step;
        let begins = match step.event_type {
            EventType::Transformation => step.role == ItemRole::Output,
            EventType::Object => step.action == Some(Action::Add),
            _ => false,
        };
        begins && chapter.through.is_empty() && chapter.judgement.standing == Standing::Owner
    })
}

fn certificates_of(event: &Value) -> Vec<Certificate> {
    let mut found = Vec::new();
    let named = |text: &str| Certificate {
        name: shortened(text),
        url: text.starts_with("https://").then(|| text.to_owned()),
        ..Certificate::default()
    };
    fn each(value: &Value) -> &[Value] {
        match value {
            Value::Array(list) => list,
            Value::Null => &[],
            one => std::slice::from_ref(one),
        }
    }
    for one in each(&event["certificationInfo"]) {
        found.extend(plain(one).map(|text| named(&text)));
    }
    let facts = event["ilmd"].as_object().into_iter().flatten();
    let lists =
        facts.filter(|(name, _)| matches!(bare(name), "certification" | "certificationList"));
    for one in lists.flat_map(|(_, value)| each(value)) {
        let Some(object) = one.as_object() else { continue };
        let member = |wanted: &str| {
            object.iter().find(|(name, _)| bare(name) == wanted).and_then(|(_, v)| plain(v))
        };
        let parts = ["certificationStandard", "certificationValue", "certificationIdentification"];
        let name: Vec<String> = parts.iter().filter_map(|part| member(part)).collect();
        let url = member("certificationURI");
        let until = member("certificationEndDate").and_then(|text| day(&text));
        if name.is_empty() && url.is_none() {
            continue;
        }
        let mut told = named(&url.unwrap_or_default());
        if !name.is_empty() {
            told.name = shortened(&name.join(" · "));
        }
        told.is_over = until.as_ref().is_some_and(|until| *until < today());
        found.push(Certificate { until, ..told });
    }
    found
}

impl Reading {
    /// Fills in what only a scan shows.
    pub(super) fn scan(
        &self,
        view: &ReadView,
        item: &mut Item,
        product: Option<&Product>,
    ) -> Result<(), Fault> {
        let Some(mut scan) = item.scan.take() else { return Ok(()) };
        let (id, language) = (&self.asked.id, self.asked.language);
        let uri = id.uri();
        let lang = language.tag();
        scan.kind = match (&item.present, id.level()) {
            (Some(_), _) => Kind::Known,
            (None, Level::Class) => Kind::Class,
            (None, _) if item.events.is_empty() && product.is_some() => Kind::Unknown,
            (None, _) => Kind::Known,
        };
        scan.maker = maker(&self.state, view, id)?;
        let began = item.present.as_ref().map(|present| present.state.life);
        scan.is_from_maker &= began.is_some_and(|life| life != Life::NotCommissioned);
        self.said(&mut scan, &item.events, language);
        self.linked(view, &mut scan)?;
        scan.report = format!("/report?id={}&lang={lang}", percent_encoded(uri));
        if item.present.is_some() && id.level() == Level::Instance {
            self.counted(&mut scan, uri, language);
        }
        item.scan = Some(scan);
        Ok(())
    }

    /// What the events that are shown say of the thing, by those whose word counts.
    fn said(&self, scan: &mut Scan, events: &[Recorded], language: Language) {
        let counts = |one: &&Recorded| {
            !one.is_claim && !one.declared_wrong && one.event.get("errorDeclaration").is_none()
        };
        for recorded in events.iter().filter(counts) {
            for certificate in certificates_of(&recorded.event) {
                add(scan, Certificate { said_by: recorded.recorded_by.clone(), ..certificate });
            }
            if recorded.standing != Some(Standing::Owner) || !recorded.through.is_empty() {
                continue;
            }
            let facts = recorded.event["ilmd"].as_object().into_iter().flatten();
            for (name, value) in facts {
                let Some(row) = FACTS.iter().find(|row| row.0 == bare(name)) else { continue };
                let Some(value) = plain(value) else { continue };
                if LAST_DAYS.contains(&row.0) {
                    scan.expired = day(&value).filter(|day| *day < today());
                }
                let title = language.pick(row.1, row.2);
                scan.facts.retain(|(known, _)| *known != title);
                scan.facts.push((title, shortened(&value)));
            }
        }
    }

    /// Certificates to which the holder of the prefix set links, of the thing and its product.
    fn linked(&self, view: &ReadView, scan: &mut Scan) -> Result<(), Fault> {
        let class = tracehold_chain::masterdata::product_of(&self.asked.id);
        for uri in [Some(self.asked.id.uri().to_owned()), class].into_iter().flatten() {
            let Some(record) = view.master_record(MasterKind::Links, &uri)? else { continue };
            let said_by = self.state.member_name(record.set_by.member());
            let MasterData::Links(links) = record.data else { continue };
            let wanted = links.links.iter().filter(|l| l.link_type == "gs1:certificationInfo");
            for link in wanted {
                let url = link.href.starts_with("https://").then(|| link.href.clone());
                let (name, said_by) = (shortened(&link.title), said_by.clone());
                add(scan, Certificate { name, url, said_by, ..Certificate::default() });
            }
        }
        Ok(())
    }

    fn counted(&self, scan: &mut Scan, uri: &str, language: Language) {
        let (scans, at) = (self.state.scans(), now().0);
        let tally = match &self.asked.visitor {
            Some(visitor) => scans.count(uri, &visitor.parts(), at),
            None => scans.of(uri),
        };
        let told = ScanView::of(uri, &tally, at);
        scan.warning = told.warning.map(|warning| language.pick(warning.en, warning.zh));
        scan.count = Some(Count { total: told.total, today: told.today, since: told.since });
    }
}

fn add(scan: &mut Scan, certificate: Certificate) {
    let same = |known: &Certificate| {
        known.name == certificate.name || known.url.is_some() && known.url == certificate.url
    };
    if scan.certificates.len() < MAX_SCAN_CERTIFICATES && !scan.certificates.iter().any(same) {
        scan.certificates.push(certificate);
    }
}

/// The name of the member that holds the prefix of a thing's code, else of the one that describes
/// its product.
fn maker(state: &ApiState, view: &ReadView, id: &Canonical) -> Result<Option<String>, Fault> {
    let authority = view.authority();
    if let Some(owner) = id.company_digits().and_then(|digits| authority.prefix_owner(digits)) {
        return Ok(Some(state.member_name(owner)));
    }
    let Some(class) = tracehold_chain::masterdata::product_of(id) else { return Ok(None) };
    let record = view.master_record(MasterKind::Product, &class)?;
    Ok(record.map(|record| state.member_name(record.set_by.member())))
}

/// Who is counted, if the page of a thing is asked for by somebody without a key who looks.
pub fn visitor(asked: &Asked, visitor: Option<&Visitor>) -> Option<Visitor> {
    visitor.filter(|_| !asked.is_full).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Promise P119: certificates are shown with what is said of their state, and no address but
    /// one of HTTPS becomes a link.
    #[test]
    fn certificates_are_read_in_every_spelling() {
        let event = json!({
            "certificationInfo": ["https://cert.example/1", "urn:cert:2", 5, "javascript:alert(1)"],
            "ilmd": {
                "gs1:certification": [
                    {"gs1:certificationStandard": "EU organic",
                        "gs1:certificationEndDate": "2020-01-31"},
                    {"certificationIdentification": "X-1", "certificationEndDate": "2999-12-31",
                        "certificationURI": {"id": "https://cert.example/x"}},
                    {"other": 1}, "text",
                ],
            },
        });
        let found = certificates_of(&event);
        let told: Vec<_> = found
            .iter()
            .map(|c| (c.name.as_str(), c.url.as_deref(), c.until.as_deref(), c.is_over))
            .collect();
        assert_eq!(
            told,
            [
                ("https://cert.example/1", Some("https://cert.example/1"), None, false),
                ("urn:cert:2", None, None, false),
                ("5", None, None, false),
                ("javascript:alert(1)", None, None, false),
                ("EU organic", None, Some("2020-01-31"), true),
                ("X-1", Some("https://cert.example/x"), Some("2999-12-31"), false),
            ]
        );
        assert_eq!(certificates_of(&json!({"ilmd": [], "certificationInfo": {}})), []);
    }
}
