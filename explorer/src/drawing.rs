//! A trace as a drawing: from left, what something was made of, to right, what became of it.
//!
//! Pure and deterministic: the same trace gives the same SVG. Everything that came from outside is
//! escaped, every text is cut to its box with the whole of it in a tooltip, and the drawing has a
//! largest size: what does not fit is counted. Colours follow the reader's light or dark mode.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tracehold_chain::epcis::{EventType, Level, canonical};
use tracehold_chain::masterdata::product_of;
use tracehold_chain::state::ItemRole;
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::provenance::trace::{
    Direction, EventNode, ItemNode, Link, StayEdge, Trace,
};

use crate::language::Language;
use crate::{story, words};

/// Boxes in one column; more are counted.
pub const MAX_ROWS: usize = 12;

/// Columns; what lies beyond is counted.
pub const MAX_COLUMNS: i32 = 24;

/// Lines that lead to events and containers; more are not drawn.
const MAX_LINES: usize = 2_000;

const BOX_WIDTH: usize = 216;
const BOX_HEIGHT: usize = 66;
const COLUMN: usize = BOX_WIDTH + 150;
const ROW: usize = BOX_HEIGHT + 26;
const MARGIN: usize = 24;
const TOP: usize = 72;

/// Tenths of a pixel that a letter takes, about, of the Latin script and of others.
const LATIN: usize = 68;
const WIDE: usize = 125;

const STYLE: &str = ".trace{color:#1c1b19;background:#fffdf8;--box:#f4f0e6;--warn:#b3261e;\
font:12px system-ui,'Noto Sans SC',sans-serif}\
@media(prefers-color-scheme:dark){.trace{color:#ece9e2;background:#17181a;--box:#25272b;\
--warn:#ff8f85}}\
.trace text{fill:currentColor}.trace .h{font-size:16px;font-weight:600}\
.trace .b{font-weight:600}.trace .s{font-size:11px;opacity:.75}.trace .w{fill:var(--warn)}\
.trace rect{fill:var(--box);stroke:currentColor;stroke-opacity:.45}\
.trace .root{stroke-width:2.5;stroke-opacity:1}.trace .c rect{stroke-dasharray:5 4}\
.trace path{fill:none;stroke:currentColor;stroke-opacity:.5}\
.trace .p{stroke-dasharray:5 4}.trace .v{stroke:var(--warn);stroke-dasharray:1 4}\
.trace circle{fill:currentColor}";

/// Names for people.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Of places, by canonical identifier.
    pub places: BTreeMap<String, String>,
    /// Of products, by the canonical identifier of the class.
    pub products: BTreeMap<String, String>,
    /// Whether quantities are kept from the reader: nothing is said of them then.
    pub without_amounts: bool,
}

/// Where something is drawn.
#[derive(Clone, Copy)]
struct Spot {
    column: usize,
    row: usize,
}

impl Spot {
    fn left(self) -> usize {
        MARGIN + self.column * COLUMN
    }

    fn right(self) -> usize {
        self.left() + BOX_WIDTH
    }

    fn top(self) -> usize {
        TOP + self.row * ROW
    }

    fn middle(self) -> usize {
        self.top() + BOX_HEIGHT / 2
    }
}

/// The drawing of a trace.
#[must_use]
pub fn draw(trace: &Trace, labels: &Labels, language: Language) -> String {
    let (spots, hidden, columns) = lay_out(trace);
    let rows = spots.iter().flatten().map(|spot| spot.row + 1).max().unwrap_or(1);
    let more = usize::from(!hidden.is_empty());
    let width = 2 * MARGIN + columns.max(1) * COLUMN - (COLUMN - BOX_WIDTH);
    let height = TOP + (rows + more) * ROW + MARGIN + 36;
    let title = title(trace, language);
    let mut out = String::with_capacity(4_096);
    let tag = language.tag();
    let _ = write!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="trace" lang="{tag}" role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}"><title>{}</title><style>{STYLE}</style>"#,
        escaped(&title)
    );
    let _ = write!(
        out,
        r#"<text class="h" x="{MARGIN}" y="34">{}</text>"#,
        cut(&title, (width - 2 * MARGIN) * 3 / 4)
    );
    let _ = write!(
        out,
        r#"<text class="s" x="{MARGIN}" y="54">{}</text>"#,
        cut(subtitle(trace, language), width - 2 * MARGIN)
    );
    let mut lines = 0;
    draw_events(&mut out, trace, &spots, labels, language, &mut lines);
    for stay in &trace.stays {
        draw_stay(&mut out, stay, &spots, language, &mut lines);
    }
    let last = last_events(trace);
    for (place, item) in trace.items.iter().enumerate() {
        if let Some(spot) = spots[place] {
            let last = last.get(&place).map(|event| &trace.events[*event]);
            draw_item(&mut out, item, place == 0, spot, last, labels, language);
        }
    }
    for (column, count) in hidden {
        let (x, y) = (MARGIN + column * COLUMN, TOP + rows * ROW + 20);
        let text = language.pick(format!("and {count} more"), format!("另有 {count} 个"));
        let _ = write!(out, r#"<text class="b" x="{x}" y="{y}">{}</text>"#, escaped(&text));
    }
    let foot = foot(trace, language);
    let y = height - 16;
    let _ = write!(
        out,
        r#"<text class="s" x="{MARGIN}" y="{y}">{}</text></svg>"#,
        cut(&foot, width - 2 * MARGIN)
    );
    out
}

/// Where each item is drawn, how many each column hides, and how many columns there are.
fn lay_out(trace: &Trace) -> (Vec<Option<Spot>>, BTreeMap<usize, usize>, usize) {
    let mut signed: Vec<Option<i32>> = trace
        .items
        .iter()
        .map(|item| {
            let depth = i32::from(item.depth);
            (!item.is_container).then_some(match item.way {
                Direction::Back => -depth,
                _ => depth,
            })
        })
        .collect();
    // A container stands under what was inside; containers of containers come after them.
    for stay in &trace.stays {
        if signed[stay.container].is_none() {
            signed[stay.container] = signed[stay.item];
        }
    }
    let columns = signed.iter().flatten();
    let first = columns.clone().min().copied().unwrap_or(0).max(-MAX_COLUMNS / 2);
    let last = columns.max().copied().unwrap_or(0).min(first + MAX_COLUMNS - 1);
    let mut filled: BTreeMap<usize, usize> = BTreeMap::new();
    let mut hidden: BTreeMap<usize, usize> = BTreeMap::new();
    let mut spots = vec![None; trace.items.len()];
    let containers_last = |is_container: bool| {
        let of = trace.items.iter().enumerate();
        of.filter(move |(_, item)| item.is_container == is_container).map(|(place, _)| place)
    };
    for place in containers_last(false).chain(containers_last(true)) {
        let column = signed[place].unwrap_or(0);
        let inside = column.clamp(first, last);
        let index = usize::try_from(inside - first).unwrap_or(0);
        let row = filled.entry(index).or_default();
        if column != inside || *row >= MAX_ROWS {
            *hidden.entry(index).or_default() += 1;
            continue;
        }
        spots[place] = Some(Spot { column: index, row: *row });
        *row += 1;
    }
    (spots, hidden, usize::try_from(last - first + 1).unwrap_or(1))
}

/// The last event of each item, in the order of the story.
fn last_events(trace: &Trace) -> BTreeMap<usize, usize> {
    let counted = trace.links.iter().filter(|link| trace.events[link.event].voided_by.is_none());
    counted.map(|link| (link.item, link.event)).collect()
}

/// Transformations: a dot between what went in and what came out.
fn draw_events(
    out: &mut String,
    trace: &Trace,
    spots: &[Option<Spot>],
    labels: &Labels,
    language: Language,
    lines: &mut usize,
) {
    let mut links = trace.links.as_slice();
    while let Some(first) = links.first() {
        let end = links.iter().position(|link| link.event != first.event).unwrap_or(links.len());
        let (own, rest) = links.split_at(end);
        links = rest;
        let event = &trace.events[first.event];
        if event.event_type != EventType::Transformation || event.corrects.is_some() {
            continue;
        }
        let drawn = own.iter().filter_map(|link| Some((link, spots[link.item]?)));
        let drawn: Vec<_> = drawn.collect();
        let inputs = || drawn.iter().filter(|(link, _)| link.role == ItemRole::Input);
        let outputs = || drawn.iter().filter(|(link, _)| link.role == ItemRole::Output);
        let gap = (COLUMN - BOX_WIDTH) / 2;
        let x = match (
            inputs().map(|(_, s)| s.right()).max(),
            outputs().map(|(_, s)| s.left()).min(),
        ) {
            (Some(right), _) => right + gap,
            (None, Some(left)) => left.saturating_sub(gap),
            (None, None) => continue,
        };
        let sum: usize = drawn.iter().map(|(_, spot)| spot.middle()).sum();
        let y = sum / drawn.len().max(1);
        let class = if event.voided_by.is_some() { " class=\"v\"" } else { "" };
        let lines_in = inputs().map(|(link, spot)| (*link, (spot.right(), spot.middle()), (x, y)));
        let lines_out = outputs().map(|(link, spot)| (*link, (x, y), (spot.left(), spot.middle())));
        for (link, from, to) in lines_in.chain(lines_out) {
            *lines += 1;
            if *lines <= MAX_LINES {
                let middle = usize::midpoint(from.0, to.0);
                let _ = write!(
                    out,
                    r#"<path{class} d="M{} {}C{middle} {},{middle} {},{} {}"><title>{}</title></path>"#,
                    from.0,
                    from.1,
                    from.1,
                    to.1,
                    to.0,
                    to.1,
                    escaped(&if labels.without_amounts {
                        String::new()
                    } else {
                        how_much(link, language)
                    })
                );
            }
        }
        let what = what_happened(event, language);
        let whole = format!("{what}, {}", story::moment(event.happened, language));
        let (text_y, left) = (y.saturating_sub(8), x.saturating_sub(gap) + 8);
        let _ = write!(
            out,
            r#"<g><title>{}</title><circle cx="{x}" cy="{y}" r="4"/><text class="s" x="{left}" y="{text_y}">{}</text><text class="s" x="{left}" y="{}">{}</text></g>"#,
            escaped(&whole),
            cut(&what, 2 * gap - 16),
            y + 18,
            escaped(&date(event.happened, language))
        );
    }
}

/// How much a line stands for; a single thing is one piece.
fn how_much(link: &Link, language: Language) -> String {
    let of_role = link.amounts.iter().filter(|amount| amount.role == link.role);
    let told: Vec<String> = of_role
        .map(|amount| match amount.unit.0.as_str() {
            "" => format!("{} {}", amount.value, language.pick("pieces", "件")),
            unit => format!("{} {unit}", amount.value),
        })
        .collect();
    match told.is_empty() {
        true => language.pick("no quantity given", "未注明数量").to_owned(),
        false => told.join(", "),
    }
}

fn draw_stay(
    out: &mut String,
    edge: &StayEdge,
    spots: &[Option<Spot>],
    language: Language,
    lines: &mut usize,
) {
    let (Some(inner), Some(outer)) = (spots[edge.item], spots[edge.container]) else { return };
    *lines += 1;
    if *lines > MAX_LINES {
        return;
    }
    let from = story::moment(edge.stay.joined.time, language);
    let to = edge.stay.left.map(|left| story::moment(left.mark.time, language));
    let to = to.unwrap_or_else(|| language.pick("now", "至今").to_owned());
    let what = language.pick("Inside", "装载期间");
    let title = escaped(&format!("{what}: {from} – {to}"));
    let (y1, y2) = (inner.middle(), outer.middle());
    let path = if inner.column == outer.column {
        let x = inner.left();
        let bulge = x.saturating_sub(22);
        format!("M{x} {y1}C{bulge} {y1},{bulge} {y2},{x} {y2}")
    } else {
        let (x1, x2) = if inner.column < outer.column {
            (inner.right(), outer.left())
        } else {
            (inner.left(), outer.right())
        };
        let middle = usize::midpoint(x1, x2);
        format!("M{x1} {y1}C{middle} {y1},{middle} {y2},{x2} {y2}")
    };
    let _ = write!(out, r#"<path class="p" d="{path}"><title>{title}</title></path>"#);
}

fn draw_item(
    out: &mut String,
    item: &ItemNode,
    is_root: bool,
    spot: Spot,
    last: Option<&EventNode>,
    labels: &Labels,
    language: Language,
) {
    let canonical = canonical(&item.uri);
    let described = story::describe(&canonical, language).unwrap_or_else(|| item.uri.clone());
    let product = product_of(&canonical).and_then(|class| labels.products.get(&class).cloned());
    let name = product.unwrap_or_else(|| kind(item.level, language).to_owned());
    let state = item.told.as_ref().map(|told| &told.state);
    let place = state.and_then(|state| state.place.as_ref());
    let place = place.and_then(|place| labels.places.get(&place.what));
    let mut now = last.map(|event| what_happened(event, language)).unwrap_or_default();
    if let Some(place) = place {
        now = format!("{now} · {place}");
    }
    if let Some(event) = last {
        now = format!("{} · {now}", date(event.happened, language));
    }
    let open = state.map_or(0, |state| state.open_count);
    let (x, y) = (spot.left(), spot.top());
    let class = if item.is_container { " class=\"c\"" } else { "" };
    let root = if is_root { " class=\"root\"" } else { "" };
    let whole = escaped(&format!("{name}\n{described}\n{now}"));
    let path = story::identify(&item.uri, language).path;
    if let Some(path) = &path {
        let _ = write!(out, r#"<a href="{}">"#, escaped(path));
    }
    let (inner, text_x) = (BOX_WIDTH - 20, x + 10);
    let room = if open > 0 { inner - 34 } else { inner };
    let _ = write!(
        out,
        r#"<g{class}><title>{whole}</title><rect{root} x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/><text class="b" x="{text_x}" y="{}">{}</text><text x="{text_x}" y="{}">{}</text><text class="s" x="{text_x}" y="{}">{}</text>"#,
        y + 20,
        cut(&name, room),
        y + 38,
        cut(&described, inner),
        y + 56,
        cut(&now, inner)
    );
    if open > 0 {
        let right = spot.right() - 10;
        let _ = write!(
            out,
            r#"<text class="w b" text-anchor="end" x="{right}" y="{}">⚠ {open}</text>"#,
            y + 20
        );
    }
    out.push_str("</g>");
    if path.is_some() {
        out.push_str("</a>");
    }
}

fn what_happened(event: &EventNode, language: Language) -> String {
    use tracehold_chain::epcis::Action;
    if let Some(step) = &event.biz_step {
        return words::step(step, language);
    }
    let name = match event.event_type {
        EventType::Object => "ObjectEvent",
        EventType::Aggregation => "AggregationEvent",
        EventType::Transaction => "TransactionEvent",
        EventType::Transformation => "TransformationEvent",
        EventType::Association => "AssociationEvent",
        EventType::Extended => "",
    };
    let action = match event.action {
        Some(Action::Add) => "ADD",
        Some(Action::Delete) => "DELETE",
        Some(Action::Observe) | None => "OBSERVE",
    };
    words::happening(name, action, language).to_owned()
}

fn date(time: TimestampMs, language: Language) -> String {
    let moment = story::moment(time, language);
    let end = moment.find([',', ' ']).filter(|_| language == Language::Chinese);
    let end = end.or_else(|| moment.find(','));
    end.and_then(|end| moment.get(..end)).unwrap_or(&moment).to_owned()
}

fn kind(level: Level, language: Language) -> &'static str {
    let (english, chinese) = match level {
        Level::Instance => ("One thing", "单件物品"),
        Level::Lot => ("Lot", "批次"),
        Level::Class => ("Kind of goods", "品类"),
        Level::LogisticUnit => ("Logistic unit", "物流单元"),
        Level::Location => ("Place", "地点"),
        Level::Party => ("Party", "参与方"),
        Level::Document => ("Document", "单证"),
        Level::Other => ("Thing", "物品"),
    };
    language.pick(english, chinese)
}

fn title(trace: &Trace, language: Language) -> String {
    let canonical = canonical(&trace.query.id);
    story::describe(&canonical, language).unwrap_or_else(|| trace.query.id.clone())
}

fn subtitle(trace: &Trace, language: Language) -> &'static str {
    match trace.query.direction {
        Direction::Back => language.pick("What it was made of", "来源"),
        Direction::Forward => language.pick("What became of it", "去向"),
        Direction::Both => {
            language.pick("What it was made of, and what became of it", "来源与去向")
        }
    }
}

fn foot(trace: &Trace, language: Language) -> String {
    let lines = language.pick(
        "Solid: made into. Dashed: packed in, while it was inside. Dotted: declared wrong.",
        "实线：加工为。虚线：装载期间所在的容器。点线：已声明有误。",
    );
    match trace.cut_count {
        0 => lines.to_owned(),
        1 => language.pick(
            format!("{lines} The answer ends early in one place."),
            format!("{lines}另有一处未完整显示。"),
        ),
        count => language.pick(
            format!("{lines} The answer ends early in {count} places."),
            format!("{lines}另有 {count} 处未完整显示。"),
        ),
    }
}

/// Text that fits into so many pixels, escaped, with an ellipsis where it was cut.
fn cut(text: &str, pixels: usize) -> String {
    let room = pixels * 10;
    let wide = |letter: char| if u32::from(letter) < 0x2E80 { LATIN } else { WIDE };
    let total: usize = text.chars().map(wide).sum();
    if total <= room {
        return escaped(text);
    }
    let mut used = WIDE;
    let fits = text.chars().take_while(|letter| {
        used += wide(*letter);
        used <= room
    });
    let shown: String = fits.collect();
    format!("{}…", escaped(&shown))
}

/// Text as XML takes it, without characters that XML has not.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            control if control.is_control() => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tracehold_chain::digest::Digest;
    use tracehold_chain::state::Position;
    use tracehold_chain::units::{Height, MemberId};
    use tracehold_contracts::provenance::trace::Query;
    use tracehold_contracts::provenance::trace::Stay;
    use tracehold_contracts::provenance::{Mark, Standing};

    use super::*;

    fn node(uri: &str, depth: u8, way: Direction, is_container: bool) -> ItemNode {
        let level = canonical(uri).level();
        let (events_left_out, told) = (0, None);
        ItemNode { uri: uri.to_owned(), level, depth, is_container, way, events_left_out, told }
    }

    fn trace(uris: &[&str], outputs: usize) -> Trace {
        let position = Position { height: Height(1), transaction: 0, event: 0 };
        let event = EventNode {
            position,
            digest: Digest([0; 32]),
            event_id: None,
            event_type: EventType::Transformation,
            action: None,
            happened: TimestampMs(1_772_357_400_250),
            recorded: TimestampMs(1_772_357_400_250),
            recorder: MemberId::new("acme").unwrap(),
            biz_step: Some("<script>alert(\"x\")</script>&'".to_owned()),
            disposition: None,
            read_point: None,
            biz_location: None,
            from: None,
            to: None,
            voided_by: None,
            corrects: None,
            is_sensed: false,
        };
        let mut items = vec![node(uris[0], 0, Direction::Both, false)];
        items.extend(uris[1..].iter().map(|uri| node(uri, 1, Direction::Back, false)));
        let made = (0..outputs).map(|n| format!("https://id.gs1.org/01/09506000134352/21/{n}"));
        items.extend(made.map(|uri| node(&uri, 1, Direction::Forward, false)));
        items.push(node("https://id.gs1.org/00/095060001343520006", 1, Direction::Both, true));
        let link = |item, role| Link {
            item,
            event: 0,
            role,
            standing: Standing::Owner,
            amounts: Vec::new(),
            findings: Vec::new(),
        };
        let mut links = vec![link(0, ItemRole::Input)];
        links.extend((uris.len()..uris.len() + outputs).map(|item| link(item, ItemRole::Output)));
        let stay = Stay {
            parent: items[items.len() - 1].uri.clone(),
            associated: false,
            joined: Mark { time: TimestampMs(0), position },
            left: None,
            amounts: Vec::new(),
        };
        let stays = vec![StayEdge { item: 0, container: items.len() - 1, stay }];
        let query = Query::of(uris[0], Direction::Both);
        Trace { query, items, events: vec![event], links, stays, cuts: Vec::new(), cut_count: 2 }
    }

    /// Checks that every element is closed in its turn and nothing else stands between them.
    fn check_well_formed(svg: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = svg;
        while let Some(start) = rest.find('<') {
            let text = &rest[..start];
            assert!(!text.contains('>'), "a bare > in {text:?}");
            for entity in text.split('&').skip(1) {
                let name = entity.split(';').next().unwrap();
                assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{name}");
            }
            let end = rest[start..].find('>').expect("a tag ends") + start;
            let tag = &rest[start + 1..end];
            rest = &rest[end + 1..];
            assert!(!tag.contains('<'), "{tag}");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split([' ', '\n']).next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    /// Promise P48: well-formed, nothing of what came from outside unescaped, in both languages.
    #[test]
    fn a_drawing_is_well_formed_and_escapes_what_it_shows() {
        let hostile = "urn:x:<script>\"'&\u{0}\u{1b}\u{FFFE}]]>";
        for language in [Language::English, Language::Chinese] {
            let trace = trace(&[hostile, "https://id.gs1.org/01/09506000134352/10/A%3C1"], 2);
            let products = BTreeMap::from([(
                "https://id.gs1.org/01/09506000134352".to_owned(),
                "<b>Bordeaux & Cie</b> with a name that is far too long for any box".to_owned(),
            )]);
            let labels = Labels { products, ..Labels::default() };
            let svg = draw(&trace, &labels, language);
            check_well_formed(&svg);
            assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
            assert!(!svg.contains(['\u{0}', '\u{1b}', '\u{FFFE}']));
            assert!(svg.contains('…') && svg.contains("&lt;b&gt;Bordeaux"), "{svg}");
            assert_eq!(svg, draw(&trace, &labels, language), "the same each time");
        }
        assert!(
            draw(&trace(&["urn:x"], 0), &Labels::default(), Language::Chinese).contains("来源")
        );
    }

    /// Promise P48: however large the trace, the drawing has a largest size and counts the rest.
    #[test]
    fn a_drawing_is_bounded() {
        let svg = draw(&trace(&["urn:x"], 10_000), &Labels::default(), Language::English);
        assert!(svg.contains("and 9988 more"), "{}", &svg[svg.len() - 600..]);
        assert!(svg.len() < 40_000, "{}", svg.len());
        check_well_formed(&svg);
    }
}
