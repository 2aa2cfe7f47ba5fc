//! What the page of an item is handed: read once, from one committed block, and no more of it than
//! the reader may see.

use std::collections::{BTreeMap, BTreeSet};

use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::epcis::{Canonical, Level, canonical};
use tracehold_chain::masterdata::{MasterData, MasterKind, Product, product_of};
use tracehold_chain::state::Position;
use tracehold_chain::state::key::name_digest;
use tracehold_contracts::provenance::trace::{
    Chapter, MAX_STEPS_AROUND, Present, Resolution, Told, TraceReader, derive, findings, present,
    story as story_of, surroundings,
};
use tracehold_contracts::provenance::{LeftOut, Party, Standing};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::{Balance, Finding, Inside, Item, Names, text_in};
use tracehold_explorer::pages::{Check, Frame, Scan};
use tracehold_explorer::story::{self, Recorded, Reference};
use tracehold_explorer::verdict::Oddity;

use super::super::ApiState;
use super::super::footprint;
use super::super::limits::{
    CONTENTS_DEEPER, CONTENTS_PART, MAX_EVENTS_ON_ITEM_PAGE, MAX_STEPS_ON_ITEM_PAGE, SCAN_STORY,
    STORY_PART,
};
use super::super::public;
use super::super::scans::Visitor;
use super::super::visible::{Caller, Sight};
use super::super::{money_pages, recalls};
use super::figures::{stops, strips};
use super::kept::evidence_path;
use super::scan;
use super::{PageQuery, mark_declared_wrong, recorded};
use crate::fault::Fault;
use crate::view::{Order, ReadView};

/// The view that is a file to keep.
pub const KEPT: &str = "kept";

/// What was asked for.
pub struct Asked {
    pub(super) id: Canonical,
    pub(super) language: Language,
    path: String,
    /// Whether all is wanted, and not what a scan shows.
    pub(super) is_full: bool,
    /// Who is counted, if this is a scan.
    pub(super) visitor: Option<Visitor>,
    /// The part of the story, from 1; the last when absent.
    part: Option<usize>,
    inside: Option<Digest>,
}

impl Asked {
    /// What this query asks for. Who has a key sees all by default; a scan shows the essence.
    pub fn of(id: &Canonical, frame: &Frame, query: &PageQuery, caller: &Caller) -> Asked {
        let wants_more = query.story.is_some() || query.inside.is_some();
        let is_full = match query.view.as_deref() {
            Some("full") => true,
            Some("scan" | KEPT) => false,
            _ => wants_more || *caller != Caller::Anonymous,
        };
        let digest = |text: &String| {
            let bytes = hex::decode(text).ok()?;
            Some(Digest(<[u8; 32]>::try_from(bytes).ok()?))
        };
        Asked {
            id: id.clone(),
            language: frame.language,
            path: frame.path.clone(),
            is_full,
            part: query.story.as_ref().and_then(|part| part.parse().ok()),
            inside: query.inside.as_ref().and_then(digest),
            visitor: None,
        }
    }

    fn link(&self, more: &str) -> String {
        self.language.of_path(&format!("{}?view=full{more}", self.path))
    }
}

/// One reading of one item.
pub struct Reading {
    /// The node.
    pub state: ApiState,
    /// Who asks.
    pub caller: Caller,
    /// For what.
    pub asked: Asked,
}

impl Reading {
    /// The item as its page shows it; `None` when nothing is on record.
    pub fn item(&self, view: &ReadView) -> Result<Option<Item>, Fault> {
        let (id, asked) = (&self.asked.id, &self.asked);
        let uri = id.uri();
        let class = product_of(&canonical(uri));
        let product = match &class {
            Some(class) => product(view, class)?,
            None => None,
        };
        let mut item = Item {
            title: story::describe(id, asked.language).unwrap_or_else(|| uri.to_owned()),
            identifier: uri.to_owned(),
            wider: wider(id, asked.language),
            full: (!asked.is_full).then(|| asked.link("")),
            scan: (!asked.is_full).then(Scan::default),
            ..Item::default()
        };
        let record = view.item(uri)?;
        item.present = match &record {
            Some(_) => present(view, uri, None)?,
            None => None,
        };
        let steps = record.as_ref().map_or(0, |record| record.log.count());
        match item.present.clone() {
            Some(present) if steps <= MAX_STEPS_ON_ITEM_PAGE => {
                self.whole_story(view, &mut item, &present, product.as_ref())?;
            }
            _ => self.newest_events(view, &mut item)?,
        }
        (item.recalls, item.more_recalls) =
            recalls::notices(&self.state, view, uri, asked.language)?;
        if item.events.is_empty() && product.is_none() && item.recalls.is_empty() {
            return Ok(None);
        }
        if let Some(present) = &mut item.present {
            for balance in &present.state.balances {
                let amounts = [balance.made, balance.used, balance.ended, balance.left()];
                let amounts = amounts.map(|amount| amount.normalize().to_string());
                item.balances.push(Balance { unit: balance.unit.0.clone(), amounts });
            }
            if !public::prune(view, &self.caller, present)? {
                item.balances.clear();
            }
            item.more_open = usize::try_from(present.state.open_count)
                .unwrap_or(usize::MAX)
                .saturating_sub(present.state.open.len());
        }
        if record.is_some() && asked.is_full {
            self.contents(view, &mut item)?;
        }
        if record.is_some() {
            let sight = match self.caller {
                Caller::Anonymous => Sight::Public,
                Caller::Agent(_) => Sight::Whole,
            };
            item.footprint = footprint::summary(view, uri, sight)?;
        }
        if let Some(about) = money_pages::about(view, &self.caller, uri, asked.language)? {
            item.about = about;
        }
        self.scan(view, &mut item, product.as_ref())?;
        item.check = self.check(view, item.present.is_some());
        item.product = product;
        item.names = self.names(view, &item)?;
        if id.key().is_some() {
            let lang = asked.language.tag();
            item.label = Some(format!("/label?id={}&lang={lang}", percent_encoded(uri)));
        }
        Ok(Some(item))
    }

    /// What it takes to check the page; a kind of goods has no history to check.
    fn check(&self, view: &ReadView, is_on_record: bool) -> Option<Check> {
        let (id, lang) = (&self.asked.id, self.asked.language.tag());
        if id.level() == Level::Class && !is_on_record {
            return None;
        }
        let head = view.head();
        let path = story::path_of(id);
        let others = self.state.other_nodes().filter_map(|(member, url)| {
            let url = url.trim_end_matches('/');
            Some((self.state.member_name(member), format!("{url}{}?view=scan&lang={lang}", path?)))
        });
        Some(Check {
            evidence: evidence_path(id),
            id: id.uri().to_owned(),
            genesis: self.state.genesis().id().0.to_string(),
            height: head.height.0,
            at: head.block_time,
            others: others.collect(),
            kept: path.filter(|_| is_on_record).map(|path| format!("{path}?view=kept&lang={lang}")),
        })
    }

    /// Whether the reader may see all that the event at a position says.
    fn sees(&self, view: &ReadView, position: Position) -> Result<bool, Fault> {
        public::sees(view, &self.caller, position)
    }

    /// The story with what happened to the item's containers, what does not add up in it, and what
    /// can be drawn of it.
    fn whole_story(
        &self,
        view: &ReadView,
        item: &mut Item,
        present: &Present,
        product: Option<&Product>,
    ) -> Result<(), Fault> {
        let uri = self.asked.id.uri();
        let Some(told) = Told::read(view, uri, None)? else { return Ok(()) };
        let (around, _) = surroundings(view, &told, None, MAX_STEPS_AROUND)?;
        let chapters = story_of(&told, &|uri| around.get(uri));
        let mut odd: BTreeMap<Position, Vec<String>> = BTreeMap::new();
        for (index, step) in told.steps.iter().enumerate() {
            for finding in findings(&told, index) {
                let resolved_by = match finding.resolved {
                    None => None,
                    Some(Resolution::Voided(by) | Resolution::Mended(by)) => {
                        Some(TraceReader::event_id(view, by)?.unwrap_or_default())
                    }
                    Some(Resolution::Fits) => Some(String::new()),
                };
                let oddity = Oddity::Agreed(finding.kind);
                if resolved_by.is_none() {
                    let what = oddity.told(self.asked.language).what;
                    odd.entry(step.position).or_default().push(what);
                }
                item.findings.push(Finding {
                    oddity,
                    event_id: TraceReader::event_id(view, step.position)?,
                    resolved_by,
                });
            }
        }
        let now = view.head().block_time;
        for derived in derive(view, uri, &chapters, present, now)? {
            let event_id = TraceReader::event_id(view, derived.position)?;
            odd.entry(derived.position)
                .or_default()
                .push(self.asked.language.pick(&derived.sentence.en, &derived.sentence.zh).clone());
            let oddity = Oddity::Derived(derived);
            item.findings.push(Finding { oddity, event_id, resolved_by: None });
        }
        let counted: Vec<&Chapter<'_>> = chapters
            .iter()
            .filter(|chapter| {
                chapter.judgement.left_out.is_none()
                    && chapter.judgement.standing != Standing::Claim
            })
            .collect();
        item.stops = stops(view, &counted, self.asked.language)?;
        if let Some(product) = product {
            item.strips = strips(view, product, &counted)?;
        }
        let is_transformed = |step: &tracehold_contracts::provenance::Step| {
            step.event_type == tracehold_chain::epcis::EventType::Transformation
        };
        if self.asked.is_full && told.steps.iter().any(is_transformed) {
            let lang = self.asked.language.tag();
            item.drawing = Some(format!("/drawing?id={}&lang={lang}", percent_encoded(uri)));
        }
        let chosen = match &mut item.scan {
            Some(scan) => {
                let chosen = scan::chosen(&chapters);
                scan.left_out = chapters.len() - chosen.len();
                scan.is_from_maker = scan::is_from_maker(&counted);
                chosen
            }
            None => self.part(chapters.len(), item).collect(),
        };
        for chapter in chosen.into_iter().filter_map(|at| chapters.get(at)) {
            let Some(stored) = view.event_at(chapter.step.position)? else { continue };
            let judged = chapter.judgement;
            item.events.push(Recorded {
                declared_wrong: matches!(judged.left_out, Some(LeftOut::Voided(_))),
                is_claim: judged.standing == Standing::Claim,
                anomalies: odd.get(&chapter.step.position).cloned().unwrap_or_default(),
                standing: Some(judged.standing),
                through: chapter.through.iter().map(|uri| (*uri).to_owned()).collect(),
                ..recorded(&self.state, &self.caller, &stored)?
            });
        }
        Ok(())
    }

    /// Which chapters of so many to show, with the links to the others.
    fn part(&self, count: usize, item: &mut Item) -> std::ops::Range<usize> {
        let parts = count.div_ceil(STORY_PART).max(1);
        let part = self.asked.part.unwrap_or(parts).clamp(1, parts);
        if part > 1 {
            item.earlier = Some(self.asked.link(&format!("&story={}", part - 1)));
        }
        if part < parts {
            item.later = Some(self.asked.link(&format!("&story={}", part + 1)));
        }
        let from = (part - 1) * STORY_PART;
        from..count.min(from + STORY_PART)
    }

    /// The newest events, of what has no story of its own or one too long for a page.
    fn newest_events(&self, view: &ReadView, item: &mut Item) -> Result<(), Fault> {
        let most = if self.asked.is_full { MAX_EVENTS_ON_ITEM_PAGE } else { SCAN_STORY };
        let found = view.history(self.asked.id.uri(), None, most, Order::NewestFirst)?;
        let events = found.events.iter();
        let events = events.map(|stored| recorded(&self.state, &self.caller, stored));
        item.events = events.collect::<Result<_, _>>()?;
        mark_declared_wrong(&mut item.events);
        // The story is ordered by when things happened; the log, by when they were recorded.
        item.events.sort_by_key(|recorded| {
            let time = recorded.event.get("eventTime").and_then(|time| time.as_str());
            time.and_then(|time| time.parse::<jiff::Timestamp>().ok())
        });
        item.has_more = found.next.is_some();
        if let Some(present) = &item.present {
            for open in &present.state.open {
                item.findings.push(Finding {
                    oddity: Oddity::Agreed(open.kind),
                    event_id: TraceReader::event_id(view, open.position)?,
                    resolved_by: None,
                });
            }
        }
        Ok(())
    }

    fn contents(&self, view: &ReadView, item: &mut Item) -> Result<(), Fault> {
        let after = self.asked.inside.as_ref();
        let (contents, more) = self.inside(view, self.asked.id.uri(), after, CONTENTS_PART)?;
        item.contents = contents;
        if let (true, Some(last)) = (more, item.contents.last()) {
            let cursor = hex::encode(name_digest(&last.id).as_bytes());
            item.more_contents = Some(self.asked.link(&format!("&inside={cursor}")));
        }
        for one in &mut item.contents {
            (one.inside, one.has_more) = self.inside(view, &one.id, None, CONTENTS_DEEPER)?;
        }
        Ok(())
    }

    /// What is directly in a container, and whether there is more.
    fn inside(
        &self,
        view: &ReadView,
        uri: &str,
        after: Option<&Digest>,
        most: usize,
    ) -> Result<(Vec<Inside>, bool), Fault> {
        let mut edges = view.contents(uri, after, most.saturating_add(1))?;
        let more = edges.len() > most;
        edges.truncate(most);
        let mut inside = Vec::with_capacity(edges.len());
        for edge in edges {
            let shows = !edge.amounts.is_empty() && self.sees(view, edge.mark.position)?;
            let amounts = edge.amounts.iter().filter(|_| shows);
            let amounts =
                amounts.map(|(unit, value)| (value.normalize().to_string(), unit.0.clone()));
            let amounts = amounts.collect();
            inside.push(Inside { id: edge.child, amounts, inside: Vec::new(), has_more: false });
        }
        Ok((inside, more))
    }

    /// Names of the places, products and members that the page tells of.
    fn names(&self, view: &ReadView, item: &Item) -> Result<Names, Fault> {
        let language = self.asked.language;
        let mut names = Names {
            places: super::places_of(&self.state, view, &item.events, language)?,
            ..Names::default()
        };
        let members = self.state.members().iter();
        names.members.extend(members.map(|member| (member.id.clone(), member.name.clone())));
        let mut things: BTreeSet<&str> = BTreeSet::new();
        let mut places: BTreeSet<&str> = BTreeSet::new();
        if let Some(present) = &item.present {
            things.extend(present.containers.iter().map(|container| container.what.as_str()));
            places.extend(present.place.iter().map(|place| place.said.what.as_str()));
            let holders = present.holder.iter().map(|holder| &holder.said.what);
            let ends = present.transits.iter().flat_map(|transit| transit.said.what.to.iter());
            for party in holders.chain(ends) {
                if let Party::Other(uri) = party {
                    places.insert(uri);
                }
            }
        }
        for one in &item.contents {
            things.insert(&one.id);
            things.extend(one.inside.iter().map(|deep| deep.id.as_str()));
        }
        for uri in places {
            if let Some(name) = place_name(view, uri, language)? {
                names.places.insert(uri.to_owned(), name);
            }
        }
        name_products(view, things, language, &mut names)?;
        Ok(names)
    }
}

/// Adds the names of the products that things are of.
pub fn name_products<'t>(
    view: &ReadView,
    things: impl IntoIterator<Item = &'t str>,
    language: Language,
    names: &mut Names,
) -> Result<(), Fault> {
    for uri in things {
        let Some(class) = product_of(&canonical(uri)) else { continue };
        if names.products.contains_key(&class) {
            continue;
        }
        if let Some(product) = product(view, &class)?
            && let Some(name) = text_in(&product.names, language)
        {
            names.products.insert(class, name.to_owned());
        }
    }
    Ok(())
}

/// What the owner of a class of goods says of it.
pub fn product(view: &ReadView, class: &str) -> Result<Option<Product>, Fault> {
    let record = view.master_record(MasterKind::Product, class)?;
    Ok(match record.map(|record| record.data) {
        Some(MasterData::Product(product)) => Some(product),
        _ => None,
    })
}

/// A place as pages name it: its name and city, no closer.
pub fn place_name(view: &ReadView, uri: &str, language: Language) -> Result<Option<String>, Fault> {
    let Some(record) = view.master_record(MasterKind::Place, uri)? else { return Ok(None) };
    let MasterData::Place(place) = record.data else { return Ok(None) };
    let name = text_in(&place.names, language).map(str::to_owned);
    let city = place.address.city.filter(|city| !name.as_ref().is_some_and(|n| n.contains(city)));
    let parts = [name, city, place.address.country].into_iter().flatten();
    let told = parts.collect::<Vec<_>>().join(language.pick(", ", "，"));
    Ok((!told.is_empty()).then_some(told))
}

/// The product that a serial or lot is one of.
fn wider(canonical: &Canonical, language: Language) -> Vec<Reference> {
    let Some(path) = story::path_of(canonical) else { return Vec::new() };
    let mut parts = path.splitn(4, '/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(key @ ("01" | "8006" | "8010")), Some(value), Some(_)) => {
            vec![story::identify(&format!("https://id.gs1.org/{key}/{value}"), language)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_leads_to_its_product() {
        let serial = canonical("https://id.gs1.org/01/09506000134352/21/12");
        let wider = wider(&serial, Language::English);
        assert_eq!(wider[0].path.as_deref(), Some("/01/09506000134352?lang=en"));
    }
}
