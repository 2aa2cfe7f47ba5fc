//! What does not add up and no single block can see: absences, places too far apart, and what
//! sensors on a container said of what was inside. Never part of the agreed state.

use tracehold_chain::epcis::canonical;
use tracehold_chain::masterdata::{MasterData, MasterKind, Product, product_of};
use tracehold_chain::state::Position;
use tracehold_chain::units::{DurationMs, TimestampMs};

use super::TraceReader;
use super::present::Present;
use super::story::Chapter;
use crate::agreement::words::{Language, about, duration};
use crate::provenance::{Basis, SensorVerdict, Standing, Step};

/// Hours after which a shipment that did not arrive is overdue, when its product does not say.
pub const DEFAULT_TRANSIT_HOURS: u64 = 14 * 24;

/// How long a monitored leg may be without a reading.
pub const MAX_SILENCE_MS: u64 = 6 * HOUR_MS;

/// Faster than any goods travel.
pub const MAX_METRES_PER_HOUR: u64 = 1_000_000;

/// By how much two clocks may differ, or times be rounded, before a speed is called impossible.
pub const SLACK_MS: u64 = 15 * 60_000;

const HOUR_MS: u64 = 3_600_000;

/// A kind of what is derived at reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DerivedKind {
    /// It was sent and did not arrive in time.
    OverdueReceipt,
    /// No reading for long on a leg that is monitored.
    SilentGap,
    /// Two places too far apart for the time between.
    ImpossibleSpeed,
    /// A sensor on a container it was in read something outside the limits.
    OutsideLimitsInside,
}

/// A sentence in the languages that people here read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentences {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Sentences {
    fn of(en: impl Into<String>, zh: impl Into<String>) -> Sentences {
        Sentences { en: en.into(), zh: zh.into() }
    }
}

impl DerivedKind {
    /// Every kind.
    pub const ALL: [DerivedKind; 4] = [
        DerivedKind::OverdueReceipt,
        DerivedKind::SilentGap,
        DerivedKind::ImpossibleSpeed,
        DerivedKind::OutsideLimitsInside,
    ];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            DerivedKind::OverdueReceipt => "overdue-receipt",
            DerivedKind::SilentGap => "silent-gap",
            DerivedKind::ImpossibleSpeed => "impossible-speed",
            DerivedKind::OutsideLimitsInside => "outside-limits-inside",
        }
    }

    /// Who can mend it.
    #[must_use]
    pub fn who(self) -> Sentences {
        match self {
            DerivedKind::OverdueReceipt => Sentences::of("the receiver", "收货方"),
            DerivedKind::SilentGap => Sentences::of("whoever carries it", "承运方"),
            DerivedKind::ImpossibleSpeed => {
                Sentences::of("whoever recorded one of the two events", "记录这两个事件之一的一方")
            }
            DerivedKind::OutsideLimitsInside => {
                Sentences::of("whoever held the container", "当时持有容器的一方")
            }
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn how(self) -> Sentences {
        match self {
            DerivedKind::OverdueReceipt => Sentences::of(
                "record the receipt, or have the sender record void_shipping",
                "记录收货；或由发货方记录 void_shipping（取消发货）",
            ),
            DerivedKind::SilentGap => Sentences::of(
                "upload the readings that are missing; late ones count",
                "补传缺失的读数；迟到的读数同样有效",
            ),
            DerivedKind::ImpossibleSpeed => Sentences::of(
                "declare the wrong event in error and record it with the right time and place",
                "对有误的事件作错误声明，并以正确的时间和地点重新记录",
            ),
            DerivedKind::OutsideLimitsInside => {
                Sentences::of("inspect the goods and record what was found", "检验货物并记录结果")
            }
        }
    }
}

/// Something that does not add up, derived at reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// What.
    pub kind: DerivedKind,
    /// The event on which it shows.
    pub position: Position,
    /// The container through which the event came, if it names only that.
    pub through: Option<String>,
    /// What is the matter, with its figures.
    pub sentence: Sentences,
}

/// Derives what does not add up in an item's story, as of the block time `now`.
///
/// # Errors
/// When something cannot be read.
pub fn derive<R: TraceReader>(
    reader: &R,
    uri: &str,
    chapters: &[Chapter<'_>],
    present: &Present,
    now: TimestampMs,
) -> Result<Vec<Derived>, R::Error> {
    let product = product(reader, uri)?;
    let counted: Vec<&Chapter<'_>> = chapters
        .iter()
        .filter(|chapter| {
            let judgement = chapter.judgement;
            judgement.left_out.is_none() && judgement.standing != Standing::Claim
        })
        .collect();
    let mut derived = overdue(product.as_ref(), present, now);
    derived.extend(silent(reader, &counted, now)?);
    derived.extend(too_fast(reader, &counted)?);
    if let Some(product) = product.filter(|product| !product.limits.is_empty()) {
        derived.extend(outside(reader, &product, &counted)?);
    }
    Ok(derived)
}

fn product<R: TraceReader>(reader: &R, uri: &str) -> Result<Option<Product>, R::Error> {
    let Some(class) = product_of(&canonical(uri)) else { return Ok(None) };
    let record = reader.master(MasterKind::Product, &class)?;
    Ok(record.and_then(|record| match record.data {
        MasterData::Product(product) => Some(product),
        _ => None,
    }))
}

fn overdue(product: Option<&Product>, present: &Present, now: TimestampMs) -> Vec<Derived> {
    let hours = product.and_then(|product| product.expected_transit_hours).map(u64::from);
    let hours = hours.unwrap_or(DEFAULT_TRANSIT_HOURS);
    let late = present
        .transits
        .iter()
        .filter(|transit| now.since_ms(transit.said.mark.time) > hours.saturating_mul(HOUR_MS));
    late.map(|transit| {
        let away = DurationMs(now.since_ms(transit.said.mark.time));
        let usual = DurationMs(hours.saturating_mul(HOUR_MS));
        let told = |language| (about(away, language), duration(usual, language));
        let ((away, usual), (away_zh, usual_zh)) = (told(Language::En), told(Language::Zh));
        Derived {
            kind: DerivedKind::OverdueReceipt,
            position: transit.said.mark.position,
            through: transit.container.clone(),
            sentence: Sentences::of(
                format!("It was sent {away} ago and is not received; {usual} is usual."),
                format!("已发出 {away_zh}仍未收货，通常应在 {usual_zh}内。"),
            ),
        }
    })
    .collect()
}

/// Gaps between readings from a sending to the receipt, or until now.
fn silent<R: TraceReader>(
    reader: &R,
    chapters: &[&Chapter<'_>],
    now: TimestampMs,
) -> Result<Vec<Derived>, R::Error> {
    let mut derived = Vec::new();
    let mut from = 0;
    while let Some(sent) = (from..chapters.len()).find(|index| sends(chapters[*index].step)) {
        let received = (sent + 1..chapters.len()).find(|index| receives(chapters[*index].step));
        let end = received.map_or(now, |index| chapters[index].step.mark().time);
        let last = received.unwrap_or(chapters.len().saturating_sub(1));
        derived.extend(silences(reader, &chapters[sent..=last], end)?);
        from = last + 1;
    }
    Ok(derived)
}

fn silences<R: TraceReader>(
    reader: &R,
    leg: &[&Chapter<'_>],
    end: TimestampMs,
) -> Result<Vec<Derived>, R::Error> {
    let Some(sent) = leg.first() else { return Ok(Vec::new()) };
    let mut spans = Vec::new();
    for chapter in leg.iter().filter(|chapter| chapter.step.basis.has(Basis::SENSED)) {
        let Some(body) = reader.event(chapter.step.position)? else { continue };
        let readings = body.facts.telling.readings.iter();
        spans.extend(readings.map(|reading| (reading.from, reading.to, *chapter)));
    }
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    spans.sort_by_key(|(from, to, _)| (*from, *to));
    let mut derived = Vec::new();
    let mut heard = (sent.step.mark().time, *sent);
    let after = spans.into_iter().map(|(from, to, at)| (from, to, Some(at)));
    for (from, to, at) in after.chain([(end, end, None)]) {
        let silence = from.since_ms(heard.0);
        if silence > MAX_SILENCE_MS {
            let told = |language| {
                (
                    about(DurationMs(silence), language),
                    duration(DurationMs(MAX_SILENCE_MS), language),
                )
            };
            let ((silent, most), (silent_zh, most_zh)) = (told(Language::En), told(Language::Zh));
            derived.push(Derived {
                kind: DerivedKind::SilentGap,
                position: heard.1.step.position,
                through: heard.1.through.first().map(|uri| (*uri).to_owned()),
                sentence: Sentences::of(
                    format!(
                        "No sensor reading for {silent} on a monitored leg; {most} is the most."
                    ),
                    format!("受监测的运输段有 {silent_zh}没有读数，最长应为 {most_zh}。"),
                ),
            });
        }
        if to > heard.0 {
            heard = (to, at.unwrap_or(heard.1));
        }
    }
    Ok(derived)
}

fn sends(step: &Step) -> bool {
    matches!(step.biz_step.as_deref(), Some("shipping" | "departing" | "consigning"))
}

fn receives(step: &Step) -> bool {
    matches!(step.biz_step.as_deref(), Some("receiving" | "arriving" | "accepting"))
}

/// Where a step was seen to happen.
fn place(step: &Step) -> Option<&str> {
    step.read_point.as_deref().or(step.biz_location.as_deref())
}

fn too_fast<R: TraceReader>(
    reader: &R,
    chapters: &[&Chapter<'_>],
) -> Result<Vec<Derived>, R::Error> {
    let mut derived = Vec::new();
    let mut before: Option<(&str, TimestampMs)> = None;
    for chapter in chapters {
        let Some(here) = place(chapter.step) else { continue };
        let time = chapter.step.mark().time;
        if let Some((there, since)) = before
            && there != here
            && let Some(metres) = reader.metres_between(there, here)?
        {
            let taken = time.since_ms(since);
            let reach = taken.saturating_add(SLACK_MS).saturating_mul(MAX_METRES_PER_HOUR);
            if metres.saturating_mul(HOUR_MS) > reach {
                let (km, minutes) = (metres / 1_000, taken / 60_000);
                derived.push(Derived {
                    kind: DerivedKind::ImpossibleSpeed,
                    position: chapter.step.position,
                    through: chapter.through.first().map(|uri| (*uri).to_owned()),
                    sentence: Sentences::of(
                        format!("It was seen {km} km away {minutes} minutes before."),
                        format!("{minutes} 分钟前它在 {km} 公里外被观察到。"),
                    ),
                });
            }
        }
        before = Some((here, time));
    }
    Ok(derived)
}

fn outside<R: TraceReader>(
    reader: &R,
    product: &Product,
    chapters: &[&Chapter<'_>],
) -> Result<Vec<Derived>, R::Error> {
    let mut derived = Vec::new();
    let on_containers = chapters
        .iter()
        .filter(|chapter| !chapter.through.is_empty() && chapter.step.basis.has(Basis::SENSED));
    for chapter in on_containers {
        let Some(body) = reader.event(chapter.step.position)? else { continue };
        let readings = &body.facts.telling.readings;
        let verdict = super::super::sensor::verdict(&product.limits, readings);
        let Some(SensorVerdict { measurement, uom, value, limit: Some(limit), outside_ms, .. }) =
            verdict
        else {
            continue;
        };
        let minutes = outside_ms / 60_000;
        derived.push(Derived {
            kind: DerivedKind::OutsideLimitsInside,
            position: chapter.step.position,
            through: chapter.through.first().map(|uri| (*uri).to_owned()),
            sentence: Sentences::of(
                format!(
                    "While it was inside, the container's {measurement} was {value} {uom}, past \
                     the limit of {limit}, for {minutes} minutes."
                ),
                format!(
                    "在容器内期间，容器的 {measurement} 为 {value} {uom}，超出限值 {limit}，持续 \
                     {minutes} 分钟。"
                ),
            ),
        });
    }
    Ok(derived)
}
