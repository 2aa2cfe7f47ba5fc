//! Product passports: issued at once, from what is on record, by the node that holds the key of
//! the member whose GS1 company prefix the product has.
//!
//! A passport says what a scan may show and no more: what the product's owner put on record of it,
//! and what the owner's own events say in their public section. Its footprint is in it only when
//! an agent of the owner itself asks.

use serde_json::Value;
use tracehold_chain::credential::{
    Emissions, Facts, Granularity, Issuer, KnownAs, WebLink, did, passport, proof,
};
use tracehold_chain::epcis::uri::is_uri;
use tracehold_chain::epcis::{SectionName, canonical};
use tracehold_chain::genesis::Member;
use tracehold_chain::keys::PublicKey;
use tracehold_chain::masterdata::{GS1_VOCABULARY, MasterData, MasterKind};
use tracehold_chain::units::{AgentId, MemberId};
use tracehold_explorer::language::Language;
use tracehold_explorer::pages::item::text_in;
use tracehold_explorer::story;

use super::limits::{MAX_PASSPORT_EVENTS, MAX_PASSPORT_LINKS, PASSPORT_VALID_MS};
use super::problem::{Kind, Problem};
use super::resolver::{Asked, Found, events_path};
use super::visible::{Caller, Sight};
use super::{ApiState, footprint, now};
use crate::fault::Fault;
use crate::keystore::AgentSigner;
use crate::view::{Order, ReadView, StoredEvent};

/// The media type of credentials in the drafts of W3C's data model 2.0, which UNTP names.
pub const VC_LD_JSON: &str = "application/vc+ld+json";

/// The one that became the standard's.
pub const VC_MEDIA: &str = "application/vc";

/// The code of the problem that a passport is to be had elsewhere.
pub const ELSEWHERE: &str = "passport_elsewhere";

/// The agent that signs a member's passports, when it has one of this name.
const PASSPORT_AGENT: &str = "passport";

/// The agent of a member that signs passports here: `MEMBER/passport`, else the first one by name.
/// Only agents count that are on record with the key that is here.
pub fn signer(state: &ApiState, member: &Member) -> Option<AgentSigner> {
    let keystore = state.keystore();
    let is_recorded = |id: &AgentId, key: &PublicKey| {
        member.agents.iter().any(|agent| agent.id == *id && agent.public_key == *key)
    };
    let own = keystore.agents().into_iter().filter(|(id, key)| is_recorded(id, key));
    let named = format!("{}/{PASSPORT_AGENT}", member.id);
    let chosen = own.map(|(id, _)| id).min_by_key(|id| (id.to_string() != named, id.clone()))?;
    keystore.agent(&chosen)
}

/// The DID under which this node speaks for a member: `did:web` where the operator gave an address
/// of HTTPS, else the `did:key` of its key.
pub fn did_of(state: &ApiState, member: &MemberId, key: &PublicKey) -> String {
    let path = ["member", member.as_str()];
    let path: &[&str] = if state.own_member() == Some(member) { &[] } else { &path };
    let web = state.public_url().and_then(|root| did::did_web(root, path));
    web.unwrap_or_else(|| did::did_key(key))
}

/// Whether this node issues a passport of what was found.
pub fn can_issue(state: &ApiState, asked: &Asked, found: &Found) -> bool {
    is_on_record(asked, found)
        && found.owner.as_ref().is_some_and(|owner| signer(state, owner).is_some())
}

fn is_on_record(asked: &Asked, found: &Found) -> bool {
    match Granularity::of(&asked.id) {
        Some(Granularity::Item | Granularity::Batch) => found.is_item,
        Some(Granularity::Model) => found.product.is_some(),
        None => false,
    }
}

/// Issues a passport of what was found.
///
/// # Errors
/// [`Kind::NotFound`] when it is no product, when nothing is on record of it, and, with the code
/// [`ELSEWHERE`], when another node issues its passports.
pub async fn issue(
    state: &ApiState,
    caller: &Caller,
    asked: &Asked,
    found: &Found,
) -> Result<Value, Problem> {
    let none = |detail: String| Problem::new(Kind::NotFound, detail).code("no_passport");
    let uri = asked.id.uri();
    let Some(granularity) = Granularity::of(&asked.id) else {
        let detail = format!("{uri} is no product: products, lots and things have passports");
        return Err(none(detail));
    };
    if !is_on_record(asked, found) {
        let mend = match granularity {
            Granularity::Model => "its owner has to describe the product first",
            _ => "no event on this ledger names it",
        };
        return Err(none(format!("there is no passport of {uri}: {mend}")));
    }
    let Some(owner) = found.owner.clone() else {
        let detail = format!(
            "no member of this network holds the GS1 company prefix of {uri}, so nobody \
                     here can issue its passport"
        );
        return Err(none(detail));
    };
    let Some(agent) = signer(state, &owner) else {
        return Err(elsewhere(&owner, uri));
    };
    let key = agent.signer.public_key();
    let did = did_of(state, &owner.id, &key);
    let issuer = Issuer {
        did: did.clone(),
        name: owner.name.clone(),
        known_as: owner.glns.iter().map(|gln| known_as(gln)).collect(),
    };
    let of_owner = matches!(caller, Caller::Agent(agent) if *agent.member() == owner.id);
    let issued = now();
    let gatherer = Gatherer {
        root: state.configured_root(),
        asked: asked.clone(),
        found: found.clone(),
        owner: owner.id.clone(),
        granularity,
        of_owner,
    };
    let gather = move |view: &ReadView| gatherer.facts(view, issuer, issued);
    // A footprint may take long to add up.
    let facts = match of_owner {
        true => state.read_much(gather).await?,
        false => state.read(gather).await?,
    };
    let created = issued.to_string();
    let method = did::method_id(&did, &key);
    Ok(proof::sign(passport::build(&facts), &created, &method, agent.signer.as_ref()))
}

fn elsewhere(owner: &Member, uri: &str) -> Problem {
    let nodes: Vec<&str> = owner.nodes.iter().map(|node| node.name.as_str()).collect();
    let nodes = match nodes.as_slice() {
        [] => "it runs no node of its own".to_owned(),
        nodes => format!("ask its node ({})", nodes.join(", ")),
    };
    let detail = format!(
        "{} issues the passport of {uri}, and this node does not hold its key: {nodes}, or ask it \
         to put its address on record as a gs1:dpp link",
        owner.name
    );
    Problem::new(Kind::NotFound, detail).code(ELSEWHERE)
}

fn known_as(gln: &str) -> KnownAs {
    KnownAs { id: format!("https://id.gs1.org/417/{gln}"), registered: gln.to_owned() }
}

/// Gathers what a passport says.
struct Gatherer {
    /// The address that the operator gave: nothing of a request gets into what is signed.
    root: String,
    asked: Asked,
    found: Found,
    owner: MemberId,
    granularity: Granularity,
    /// Whether an agent of the owner asks.
    of_owner: bool,
}

impl Gatherer {
    fn facts(
        &self,
        view: &ReadView,
        issuer: Issuer,
        issued: tracehold_chain::units::TimestampMs,
    ) -> Result<Facts, Fault> {
        let id = &self.asked.id;
        let path = story::path_of(id).unwrap_or_default();
        let product = self.found.product.as_ref();
        let name = product.and_then(|product| text_in(&product.names, Language::English));
        let words = || story::describe(id, Language::English).unwrap_or_default();
        let said = self.said(view)?;
        let mut facts = Facts {
            id: id.clone(),
            granularity: self.granularity,
            issuer,
            name: name.map_or_else(words, str::to_owned),
            description: product
                .and_then(|product| text_in(&product.descriptions, Language::English))
                .map(str::to_owned),
            picture: product
                .and_then(|product| product.picture)
                .map(|picture| format!("{}/api/v1/pictures/{picture}", self.root)),
            net_mass_kg: product.and_then(|product| product.net_mass_kg),
            produced_on: said.produced_on,
            country: said.country,
            further: Vec::new(),
            certificates: said.certificates,
            events: self.events(path),
            emissions: None,
            valid_from: issued,
            valid_until: issued.plus_ms(PASSPORT_VALID_MS),
        };
        for link in self.found.levels.iter().flat_map(|level| &level.links) {
            let told = WebLink {
                url: link.href.clone(),
                name: link.title.clone(),
                link_type: link.type_uri(),
            };
            let list = match link.link_type.as_str() {
                "gs1:certificationInfo" => &mut facts.certificates,
                _ => &mut facts.further,
            };
            if list.len() < MAX_PASSPORT_LINKS && !list.iter().any(|one| one.url == told.url) {
                list.push(told);
            }
        }
        if self.of_owner && self.granularity != Granularity::Model {
            facts.emissions = footprint::summary(view, id.uri(), Sight::Whole)?
                .filter(|found| found.open == 0)
                .and_then(|found| {
                    let primary_permille = found.primary_permille?;
                    Some(Emissions { milligrams: found.milligrams, primary_permille })
                });
        }
        Ok(facts)
    }

    /// Where the events of the thing are: as EPCIS, and as a page.
    fn events(&self, path: &str) -> Vec<WebLink> {
        let query = format!("{}{}", self.root, events_path(&self.asked.id));
        let link = |url: String, name: &str, kind: &str| WebLink {
            url,
            name: name.to_owned(),
            link_type: format!("{GS1_VOCABULARY}{kind}"),
        };
        vec![
            link(query, "Its events (EPCIS 2.0)", "epcis"),
            link(format!("{}{path}?view=scan", self.root), "Its story", "traceability"),
        ]
    }

    /// What the owner's own events say in public. Those of others are claims that the owner does
    /// not sign for.
    fn said(&self, view: &ReadView) -> Result<Said, Fault> {
        let mut said = Said::default();
        if self.granularity == Granularity::Model {
            return Ok(said);
        }
        let uri = self.asked.id.uri();
        let page = view.history(uri, None, MAX_PASSPORT_EVENTS, Order::OldestFirst)?;
        for stored in page.events.iter().filter(|stored| *stored.recorder() == self.owner) {
            let event = public(stored)?;
            let is_maker = said.produced_on.is_none() && makes(&event, uri);
            let is_statement = is_maker || event.get("certificationInfo").is_some();
            // It may be declared wrong at any time, far behind the events that are looked at.
            let id = event["eventID"].as_str().unwrap_or_default();
            if !is_statement
                || event.get("errorDeclaration").is_some()
                || view.is_declared_wrong(id, &self.owner)?
            {
                continue;
            }
            if is_maker {
                let day = event["eventTime"].as_str().and_then(|time| time.get(..10));
                said.produced_on = day.map(str::to_owned);
                said.country = country(view, &event)?;
            }
            let given = &event["certificationInfo"];
            let list = given.as_array().map_or_else(|| std::slice::from_ref(given), Vec::as_slice);
            for url in list.iter().filter_map(Value::as_str).filter(|url| is_uri(url)) {
                let is_new = !said.certificates.iter().any(|one| one.url == url);
                if is_new && said.certificates.len() < MAX_PASSPORT_LINKS {
                    said.certificates.push(WebLink {
                        url: url.to_owned(),
                        name: "Certificate named by an event".to_owned(),
                        link_type: format!("{GS1_VOCABULARY}certificationInfo"),
                    });
                }
            }
        }
        Ok(said)
    }
}

#[derive(Default)]
struct Said {
    produced_on: Option<String>,
    country: Option<String>,
    certificates: Vec<WebLink>,
}

fn public(stored: &StoredEvent) -> Result<Value, Fault> {
    let text = stored.body().section(SectionName::Public).json();
    serde_json::from_str(text)
        .map_err(|error| Fault::new(format!("a stored event is damaged: {error}")))
}

/// Whether an event brought the thing into the world: commissioned it, or made it of others.
fn makes(event: &Value, uri: &str) -> bool {
    let names = |lists: [&str; 2]| {
        let listed = lists.iter().filter_map(|name| event[*name].as_array()).flatten();
        let mut ids = listed.filter_map(|one| one.as_str().or_else(|| one["epcClass"].as_str()));
        ids.any(|id| canonical(id).uri() == uri)
    };
    match event["type"].as_str() {
        Some("ObjectEvent") => event["action"] == "ADD" && names(["epcList", "quantityList"]),
        Some("TransformationEvent") => names(["outputEPCList", "outputQuantityList"]),
        _ => false,
    }
}

/// The country of the place where an event happened, as the place's owner says it.
fn country(view: &ReadView, event: &Value) -> Result<Option<String>, Fault> {
    for name in ["readPoint", "bizLocation"] {
        let Some(id) = event[name]["id"].as_str() else { continue };
        let record = view.master_record(MasterKind::Place, canonical(id).uri())?;
        if let Some(MasterData::Place(place)) = record.map(|record| record.data)
            && place.address.country.is_some()
        {
            return Ok(place.address.country);
        }
    }
    Ok(None)
}
