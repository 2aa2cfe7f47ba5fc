//! What is on record of an identifier and of what it is one of: a serial number, its lot, its
//! product.

use tracehold_chain::epcis::digital_link::link::{Link as DigitalLink, Relaxed};
use tracehold_chain::epcis::digital_link::{CANONICAL_DOMAIN, percent};
use tracehold_chain::epcis::gs1::Fault as SyntaxFault;
use tracehold_chain::epcis::{Canonical, canonical, digital_link};
use tracehold_chain::genesis::Member;
use tracehold_chain::masterdata::{Link, MasterData, MasterKind, Product, product_of};
use tracehold_contracts::masterdata::may_describe;

use super::super::ApiState;
use super::super::pages::{is_whereabouts, product};
use crate::fault::Fault;
use crate::view::{Order, ReadView};

/// What a path asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The identifier itself.
    pub id: Canonical,
    /// The identifier and what it is one of, the most specific first.
    pub levels: Vec<Canonical>,
    /// What breaks the standard in path or query, if anything.
    pub fault: Option<SyntaxFault>,
}

/// One level, with the links that its owner set.
#[derive(Clone, Debug)]
pub struct LevelLinks {
    /// Of what.
    pub id: Canonical,
    /// Where to.
    pub links: Vec<Link>,
}

/// What is known.
#[derive(Clone, Debug)]
pub struct Found {
    /// The identifier and what it is one of, the most specific first.
    pub levels: Vec<LevelLinks>,
    /// Whether anything at all is on record of the identifier or its product.
    pub is_known: bool,
    /// Whether events name the identifier itself.
    pub is_item: bool,
    /// Whether a recall concerns it: then its page comes before every default link.
    pub is_recalled: bool,
    /// What the product's owner says of it.
    pub product: Option<Product>,
    /// Who holds the GS1 company prefix.
    pub owner: Option<Member>,
}

/// Reads a path and its query; `None` when no key of GS1 can be made out.
pub fn read(path: &str, query: Option<&str>) -> Option<Asked> {
    let id = digital_link::from_path(path)?;
    // The standard tolerates a slash at the end (§2.13), not in the syntax.
    let plain = path.strip_suffix('/').unwrap_or(path);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let relaxed = Relaxed { short_gtins: true, ..Relaxed::default() };
    let strict =
        |query: &str| DigitalLink::parse(&format!("{CANONICAL_DOMAIN}{plain}{query}"), relaxed);
    let (fault, path) = match strict(&query) {
        Ok(link) => (None, link.path),
        Err(fault) => (Some(fault), strict("").map(|link| link.path).unwrap_or_default()),
    };
    let mut levels = vec![id.clone()];
    let mut add = |level: Canonical| {
        if !levels.iter().any(|known| known.uri() == level.uri()) {
            levels.push(level);
        }
    };
    if let Some((key, qualifiers)) = path.split_first() {
        let base = format!("{CANONICAL_DOMAIN}/{}/{}", key.ai, percent::encode_path(&key.value));
        if let Some(lot) = qualifiers.iter().find(|qualifier| qualifier.ai == "10") {
            add(canonical(&format!("{base}/10/{}", percent::encode_path(&lot.value))));
        }
        add(canonical(&base));
    }
    if let Some(class) = product_of(&id) {
        add(canonical(&class));
    }
    Some(Asked { id, levels, fault })
}

/// What is on record.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn find(state: &ApiState, view: &ReadView, asked: &Asked) -> Result<Found, Fault> {
    let mut levels = Vec::with_capacity(asked.levels.len());
    for id in &asked.levels {
        let links = match view.master_record(MasterKind::Links, id.uri())?.map(|r| r.data) {
            Some(MasterData::Links(record)) => record.links,
            _ => Vec::new(),
        };
        levels.push(LevelLinks { id: id.clone(), links });
    }
    let uri = asked.id.uri();
    let is_item = view.item(uri)?.is_some();
    let class = product_of(&asked.id);
    let product = match &class {
        Some(class) => product(view, class)?,
        None => None,
    };
    let is_recalled = !state.recalls().notices(view, uri)?.is_empty();
    let is_known = is_item
        || is_recalled
        || product.is_some()
        || levels.iter().any(|level| !level.links.is_empty())
        || !view.history(uri, None, 1, Order::NewestFirst)?.events.is_empty()
        || is_whereabouts(&asked.id) && is_place_known(state, view, &asked.id)?;
    let owner = owner(view, &asked.id, class.as_deref())?;
    Ok(Found { levels, is_known, is_item, is_recalled, product, owner })
}

fn is_place_known(state: &ApiState, view: &ReadView, id: &Canonical) -> Result<bool, Fault> {
    let is_listed = || {
        let gln = id.company_digits().unwrap_or_default();
        state.members().iter().any(|member| member.glns.iter().any(|own| own == gln))
    };
    Ok(view.master_record(MasterKind::Place, id.uri())?.is_some()
        || view.master_record(MasterKind::Party, id.uri())?.is_some()
        || is_listed())
}

/// The member that holds the GS1 company prefix of an identifier. Where only members that hold all
/// prefixes do (test networks), it is the one that describes the product.
fn owner(view: &ReadView, id: &Canonical, class: Option<&str>) -> Result<Option<Member>, Fault> {
    let authority = view.authority();
    if let Some(owner) = id.company_digits().and_then(|digits| authority.prefix_owner(digits)) {
        return Ok(authority.member(owner).cloned());
    }
    let Some(class) = class else { return Ok(None) };
    let record = view.master_record(MasterKind::Product, class)?;
    let by = record.and_then(|record| authority.member(record.set_by.member()).cloned());
    Ok(by.filter(|member| may_describe(member, MasterKind::Product, id)))
}

impl Found {
    /// The links of a kind at the most specific level that has any.
    pub fn of_type(&self, link_type: &str) -> Vec<&Link> {
        let of = |level: &'_ LevelLinks| {
            let is = |link: &&'_ Link| link.link_type.eq_ignore_ascii_case(link_type);
            level.links.iter().filter(is).cloned().collect::<Vec<Link>>()
        };
        let at = self.levels.iter().find(|level| !of(level).is_empty());
        let links = at.map(|level| level.links.as_slice()).unwrap_or_default();
        links.iter().filter(|link| link.link_type.eq_ignore_ascii_case(link_type)).collect()
    }

    /// The links that the owner marked as default, at the most specific level that has any.
    pub fn defaults(&self) -> Vec<&Link> {
        let marked = |level: &&LevelLinks| level.links.iter().any(|link| link.is_default);
        let at = self.levels.iter().find(marked);
        let links = at.map(|level| level.links.as_slice()).unwrap_or_default();
        links.iter().filter(|link| link.is_default).collect()
    }

    /// The kinds of links that there are, each once.
    pub fn types(&self) -> Vec<&str> {
        let mut types: Vec<&str> = Vec::new();
        for link in self.levels.iter().flat_map(|level| &level.links) {
            if !types.contains(&link.link_type.as_str()) {
                types.push(&link.link_type);
            }
        }
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P103.
    #[test]
    fn a_path_leads_up_from_the_thing_to_its_lot_and_product() {
        for (path, wanted) in [
            (
                "/01/09521321000018/22/V1/10/L%2F1/21/A1",
                &["01/09521321000018/21/A1", "01/09521321000018/10/L%2F1", "01/09521321000018"][..],
            ),
            ("/01/09521321000018/10/L1", &["01/09521321000018/10/L1", "01/09521321000018"]),
            ("/01/9521321000018/21/A1/", &["01/09521321000018/21/A1", "01/09521321000018"]),
            ("/414/9521321000018/254/d", &["414/9521321000018/254/d", "414/9521321000018"]),
            ("/8003/09521321000018XYZ", &["8003/09521321000018XYZ", "8003/09521321000018"]),
            ("/00/395213210000000019", &["00/395213210000000019"]),
        ] {
            let asked = read(path, Some("17=261231&lang=en&flag")).unwrap();
            assert_eq!(asked.fault, None, "{path}");
            let levels = asked.levels.iter();
            let levels: Vec<&str> =
                levels.map(|l| &l.uri()["https://id.gs1.org/".len()..]).collect();
            assert_eq!(levels, wanted, "{path}");
        }
    }

    /// Promise P103.
    #[test]
    fn what_breaks_the_syntax_is_named() {
        for (path, query, rule) in [
            ("/01/09521321000019/21/A1", "", "check-digit"),
            ("/01/09521321000018", "17=261231&17=261231", "repeated"),
            ("/01/09521321000018", "99999=1", "unknown-ai"),
            ("/01/09521321000018", "21=A1", "attribute"),
            ("/01/09521321000018", "17=261331", "date"),
        ] {
            let fault = read(path, Some(query)).unwrap().fault.expect(path);
            assert!(!fault.message.is_empty());
            assert_eq!(fault.rule, rule, "{path}?{query}");
        }
        for path in ["/01/123", "/00", "/01/09521321000018/99/x", "/01/09521321000018/21"] {
            assert!(read(path, None).is_none(), "{path}");
        }
    }
}
