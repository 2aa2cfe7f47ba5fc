//! Where affected things are, and who has them.

use std::collections::BTreeMap;

use tracehold_chain::epcis::{Level, canonical};
use tracehold_chain::state::Position;

use super::{Affected, How, Look};
use crate::provenance::{Life, MAX_PACKING_DEPTH, Mark, Party};

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The canonical identifier.
    pub uri: String,
    /// Which level of goods it is.
    pub level: Level,
    /// How it is affected.
    pub how: How,
    /// What it was made of or packed in, by its place in the list.
    pub from: Option<usize>,
    /// The event that made or packed it.
    pub via: Option<Position>,
    /// Who holds it, or what it is in: the newest first; of a lot there may be several.
    pub holders: Vec<Party>,
    /// Where it was seen last, or what it is in, and when.
    pub place: Option<(String, Mark)>,
    /// To whom it is on its way, if it is.
    pub to: Option<Party>,
    /// The outermost container that it is in.
    pub container: Option<String>,
    /// Whether it exists; nothing of what no event names.
    pub life: Option<Life>,
    /// Affected things inside, for what holds them.
    pub inside: u64,
}

/// The whole list: what is affected in the order in which it was found, then what holds it now in
/// the order of identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// All lines.
    pub rows: Vec<Row>,
    /// How many of them are affected; the others hold what is.
    pub affected: usize,
    /// The place of each container among the lines.
    containers: BTreeMap<String, usize>,
}

impl Rows {
    /// The line of a container that holds affected things now.
    #[must_use]
    pub fn container(&self, uri: &str) -> Option<&Row> {
        self.containers.get(uri).and_then(|at| self.rows.get(*at))
    }
}

impl Affected {
    /// Where everything is now.
    #[must_use]
    pub fn rows(&self) -> Rows {
        let mut rows = Vec::with_capacity(self.entries().len());
        let mut holding: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in self.entries() {
            let mut row = Row {
                uri: entry.uri.clone(),
                level: entry.level,
                how: entry.how,
                from: entry.from,
                via: entry.via,
                holders: Vec::new(),
                place: None,
                to: None,
                container: None,
                life: None,
                inside: 0,
            };
            if let Some(look) = &entry.look {
                let mut around = self.locate(look, &mut row);
                if look.now.parent.is_none() {
                    around.extend(self.lot_in(look, &mut row));
                    around.sort_unstable();
                    around.dedup();
                }
                for container in around {
                    let count = holding.entry(container).or_default();
                    *count = count.saturating_add(1);
                }
            }
            rows.push(row);
        }
        let affected = rows.len();
        rows.reserve_exact(holding.len());
        let mut containers = BTreeMap::new();
        for (uri, inside) in holding {
            if self.entry(uri).is_some() {
                // It is affected itself, and says so above.
                continue;
            }
            let mut row = Row {
                uri: uri.to_owned(),
                level: canonical(uri).level(),
                how: How::Holds,
                from: None,
                via: None,
                holders: Vec::new(),
                place: None,
                to: None,
                container: None,
                life: None,
                inside,
            };
            if let Some(look) = self.container(uri) {
                self.locate(look, &mut row);
            }
            containers.insert(uri.to_owned(), rows.len());
            rows.push(row);
        }
        Rows { rows, affected, containers }
    }

    /// What an item or container says of itself, whichever of the lists knows it.
    fn container(&self, uri: &str) -> Option<&Look> {
        let around = self.around.get(uri).and_then(Option::as_deref);
        around.or_else(|| self.entry(uri).and_then(|entry| entry.look.as_deref()))
    }

    /// The containers that some of a lot is in, and those around them.
    fn lot_in<'a>(&'a self, look: &'a Look, row: &mut Row) -> Vec<&'a str> {
        let mut found = Vec::new();
        for stay in &look.stays {
            let Some(container) = self.container(&stay.parent) else { continue };
            if stay.ended_by(container).left.is_some() {
                continue;
            }
            let mut outer = row.clone();
            found.push(stay.parent.as_str());
            found.extend(self.locate(container, &mut outer));
            row.container = found.last().map(|uri| (*uri).to_owned());
        }
        found
    }

    /// Goes outward from container to container, as [`crate::provenance::trace::present`] does;
    /// gives the containers, from the inside out.
    fn locate<'a>(&'a self, look: &'a Look, row: &mut Row) -> Vec<&'a str> {
        let now = &look.now;
        row.life = Some(now.life);
        row.holders = now.holders.iter().rev().map(|said| said.what.clone()).collect();
        row.place = now.place.as_ref().map(|said| (said.what.clone(), said.mark));
        row.to = now.to.as_ref().and_then(|(to, _)| to.clone());
        let mut containers: Vec<&str> = Vec::new();
        let mut next = now.parent.as_ref();
        let mut inside_since = Mark::default();
        while let Some(joined) = next.take() {
            let parent = joined.what.as_str();
            let is_around_itself = parent == row.uri || containers.contains(&parent);
            if containers.len() >= MAX_PACKING_DEPTH || is_around_itself {
                break;
            }
            let Some(around) = self.container(parent) else { break };
            inside_since = inside_since.max(joined.mark);
            let emptied = around.now.emptied.iter().find(|emptied| emptied.mark > joined.mark);
            let newer = |place: &Option<(String, Mark)>, mark: Mark| {
                mark > inside_since && place.as_ref().is_none_or(|known| known.1 < mark)
            };
            if let Some(emptied) = emptied {
                if containers.is_empty() {
                    if let Some(holder) = &emptied.holder {
                        row.holders = vec![holder.clone()];
                    }
                    if let Some((place, at)) = &emptied.place
                        && newer(&row.place, *at)
                    {
                        row.place = Some((place.clone(), *at));
                    }
                    row.to = emptied.transits.last().and_then(|transit| transit.to.clone());
                }
                break;
            }
            if let Some(holder) = around.now.holders.last() {
                row.holders = vec![holder.what.clone()];
                row.to = around.now.to.as_ref().and_then(|(to, _)| to.clone());
            }
            if let Some(place) = &around.now.place
                && newer(&row.place, place.mark)
            {
                row.place = Some((place.what.clone(), place.mark));
            }
            containers.push(parent);
            next = around.now.parent.as_ref();
        }
        row.container = containers.last().map(|uri| (*uri).to_owned());
        containers
    }
}
