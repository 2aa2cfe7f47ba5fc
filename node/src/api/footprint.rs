//! `/api/v1/footprint`: what is known of the carbon footprint of a thing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tracehold_chain::epcis::activity::{ACTIVITY, Activity, Basis, Factor, Per};
use tracehold_chain::epcis::context::Contexts;
use tracehold_chain::epcis::{Canonical, Event, Level, uri};
use tracehold_chain::masterdata::{MasterData, MasterRecord};
use tracehold_chain::state::{Position, StateKey};
use tracehold_chain::units::{MemberId, TimestampMs};
use tracehold_contracts::footprint::gather::{History, MAX_NAMES, Sources, Told, gather};
use tracehold_contracts::footprint::{
    Footprint, Graph, Leg, Mender, Open, Part, footprint, micrograms,
};
use tracehold_contracts::provenance::{
    AsOf, LeftOut, MAX_TRANSFORMATION_PARTS, Standing, Step, TransformationRecord, fold,
};

use super::ApiState;
use super::extract::Params;
use super::limits::MAX_FOOTPRINT_ROWS;
use super::problem::{Kind, Problem};
use super::public;
use super::told;
use super::visible::{Caller, Record, Sight, visible};
use crate::fault::Fault;
use crate::view::{Order, ReadView};

/// The query of a footprint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FootprintQuery {
    id: Option<String>,
    as_of: Option<String>,
}

/// What is known of the carbon footprint of a thing. Masses of carbon dioxide equivalent are whole
/// milligrams, as text because they can be larger than numbers in JSON keep.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FootprintView {
    /// The thing, in the one spelling.
    pub id: String,
    /// The newest block that was read.
    pub height: u64,
    /// All its shares together, in milligrams of CO2e. What is open is not in it.
    pub milligrams: String,
    /// The same in kilograms.
    pub kilograms: String,
    /// How much of it rests on primary data, in milligrams.
    pub primary_milligrams: String,
    /// The same in permille; absent when there is nothing to have a share of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_permille: Option<u16>,
    /// How much of it went on into what was made of the thing, in milligrams.
    pub passed_on_milligrams: String,
    /// Whether nothing is open.
    pub complete: bool,
    /// Its share of each leg.
    pub legs: Vec<LegView>,
    /// Legs beyond the limit of this list; they are in the sums.
    pub more_legs: usize,
    /// What is not in the sum, why, and who can mend it.
    pub open: Vec<OpenView>,
    /// Open legs beyond the limit of this list.
    pub more_open: usize,
}

/// A thing's share of one leg.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LegView {
    /// The event that tells it.
    #[serde(flatten)]
    pub event: LegEvent,
    /// The share, in milligrams of CO2e.
    pub milligrams: String,
    /// What the leg carried, where that was not the thing itself: its container, what it was made
    /// of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carried_by: Vec<String>,
    /// What was done; absent for callers who may not see the whole event.
    #[serde(flatten)]
    pub activity: Option<ActivityView>,
}

/// The event that tells a leg.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LegEvent {
    /// Its eventID.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Which of its activities, from 0.
    pub number: usize,
    /// When it happened (RFC 3339).
    pub time: String,
    /// The member that recorded it.
    pub recorded_by: String,
}

/// What an activity did.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityView {
    /// `transport`, `hub` or `process`.
    pub kind: &'static str,
    /// `road`, `rail` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'static str>,
    /// In the recorder's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicle_class: Option<String>,
    /// `primary`, `modelled` or `default`.
    pub data_type: &'static str,
    /// What it is reckoned from: `measured`, `energy`, `mass-distance`, `mass` or `no-factor`.
    pub basis: &'static str,
    /// The mass of the load as the event says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mass: Option<String>,
    /// The distance as the event says it, with its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<String>,
    /// The factors that were used.
    pub factors: Vec<FactorView>,
}

/// An emission factor and its source.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactorView {
    /// The energy carrier that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// How much of the carrier was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The value with its unit, such as `62 g/t.km`; absent when it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `WTW` or `TTW`.
    pub scope: &'static str,
    /// Who published it.
    pub source: String,
    /// The year it is of.
    pub year: u16,
    /// Its identifier at the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Something that is not in the sum.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenView {
    /// Why: a stable code.
    pub reason: &'static str,
    /// What is missing.
    pub what: InTwoLanguages,
    /// How to mend it.
    pub mend: InTwoLanguages,
    /// Who can mend it: `recorder`, `product-owner` or `reader`.
    pub mender: &'static str,
    /// The thing at which it is missing.
    pub at: String,
    /// The event of the leg, when it is about one.
    #[serde(flatten)]
    pub event: Option<LegEvent>,
}

/// A sentence in English and Chinese.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct InTwoLanguages {
    /// In English.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
}

/// The carbon footprint of a thing
///
/// Adds the legs that reached a thing by the method of ISO 14083, shared out by mass through
/// packing and transformations, in whole milligrams. Legs of which something is not known are
/// listed as open and are not in the sum. Without a key it is told when all who recorded a leg
/// made public what the leg did. `docs/footprint.md` explains the method.
#[utoipa::path(
    get, path = "/api/v1/footprint", tag = "Ledger",
    params(
        ("id" = String, Query,
            description = "the thing, as EPC URN, GS1 Digital Link or other URI: a single thing, a \
                lot or a logistic unit"),
        ("as_of" = Option<String>, Query,
            description = "what was on record at that height or time (RFC 3339); now when absent"),
    ),
    responses(
        (status = 200, description = "What is known", body = FootprintView),
        (status = 400, description = "A parameter breaks a rule"),
        (status = 401, description = "Not all of it is public, and no key was sent"),
        (status = 404, description = "No event names it"),
    ),
    security((), ("api_key" = []))
)]
pub async fn get_footprint(
    State(state): State<ApiState>,
    caller: Caller,
    Params(query): Params<FootprintQuery>,
) -> Result<Json<FootprintView>, Problem> {
    let id = identifier(query.id.as_deref())?;
    let head = state.head()?;
    let wanted = told::as_of(query.as_of.as_deref(), &head)?;
    let (name, as_of) = (id.uri().to_owned(), wanted.as_of);
    let found = state.read_much(move |view| {
        let Some(record) = view.item(&name)? else { return Ok(None) };
        let first = view.steps(&name, &record, None, 1, Order::OldestFirst)?;
        let was_known = |step: &Step| as_of.is_none_or(|as_of| as_of.has(step));
        if !first.first().is_some_and(was_known) {
            return Ok(None);
        }
        let graph = Reader { view, as_of, events: BTreeMap::new(), names: 0 }.graph(&name)?;
        if caller == Caller::Anonymous && !is_open(view, &graph)? {
            return Ok(Some(None));
        }
        let found = footprint(&graph, &name);
        Ok(Some(Some(shown(view, &caller, found, &graph)?)))
    });
    match found.await? {
        None => Err(told::unknown(&id, &wanted)),
        Some(None) => {
            let detail = "what is known of its footprint is not public: send an agent's API key as \
                          `Authorization: Bearer KEY`";
            Err(Problem::new(Kind::Unauthorized, detail))
        }
        Some(Some(shown)) => Ok(Json(shown)),
    }
}

/// What an item's page tells of its footprint; `None` when no leg is on record, or when only
/// what is public may be told and somebody did not make public what a leg did.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn summary(
    view: &ReadView,
    id: &str,
    sight: Sight,
) -> Result<Option<tracehold_explorer::pages::item::Footprint>, Fault> {
    let graph = Reader { view, as_of: None, events: BTreeMap::new(), names: 0 }.graph(id)?;
    let is_told = match sight {
        Sight::Whole => graph.legs.iter().any(|leg| leg.activity.is_some()),
        Sight::Public => is_open(view, &graph)?,
    };
    if !is_told {
        return Ok(None);
    }
    let found = footprint(&graph, id);
    Ok(Some(tracehold_explorer::pages::item::Footprint {
        milligrams: found.milligrams,
        primary_permille: found.primary_permille,
        open: found.open.len(),
    }))
}

/// Whether there are legs of which something is told, and everybody who recorded one made that
/// public.
fn is_open(view: &ReadView, graph: &Graph) -> Result<bool, Fault> {
    let mut is_told = false;
    for leg in graph.legs.iter().filter(|leg| leg.activity.is_some()) {
        if !is_public(view, leg)? {
            return Ok(false);
        }
        is_told = true;
    }
    Ok(is_told)
}

/// Whether whoever recorded a leg marked what it did as public.
fn is_public(view: &ReadView, leg: &Leg) -> Result<bool, Fault> {
    let Some(stored) = view.event_at(leg.mark.position)? else { return Ok(false) };
    let event = public::section(&stored)?;
    let contexts = Contexts::new(None, event.get("@context"));
    let mut names = event.as_object().into_iter().flat_map(|event| event.keys());
    Ok(names.any(|name| contexts.expand(name).is_some_and(|uri| uri == ACTIVITY)))
}

fn identifier(given: Option<&str>) -> Result<Canonical, Problem> {
    let wrong = |rule: String, mend: &str| {
        Problem::new(Kind::Parameter, format!("id {rule}")).field("id", rule, mend)
    };
    let example = "give a URI such as https://id.gs1.org/01/09521321001015/21/7";
    let Some(given) = given else {
        return Err(wrong("is missing".to_owned(), example));
    };
    if !uri::is_uri(given) {
        return Err(wrong(format!("must be a URI, not {given:?}"), example));
    }
    let found = told::identifier(given)?;
    if found.level() == Level::Class {
        let mend = "add a lot (/10/…) or a serial number (/21/…)";
        return Err(wrong("must not be a class: only things and lots have a way".to_owned(), mend));
    }
    Ok(found)
}

/// Reads histories for one footprint.
struct Reader<'v> {
    view: &'v ReadView,
    as_of: Option<AsOf>,
    /// Events that were read, which often name many things.
    events: BTreeMap<Position, Arc<Event>>,
    /// How many things they name.
    names: usize,
}

impl Reader<'_> {
    fn graph(self, id: &str) -> Result<Graph, Fault> {
        let view = self.view;
        let reader = std::cell::RefCell::new(self);
        gather(
            id,
            Sources {
                history: &mut |id, most| reader.borrow_mut().history(id, most),
                transformation: &mut |recorder, id| reader.borrow_mut().parts(recorder, id),
                net_mass: &mut |class| net_mass(view, class),
            },
        )
    }

    fn knows(&self, position: Position, recorded_at: TimestampMs) -> bool {
        match self.as_of {
            None => true,
            Some(AsOf::Height(height)) => position.height <= height,
            Some(AsOf::Recorded(time) | AsOf::Happened(time)) => recorded_at <= time,
        }
    }

    fn history(&mut self, id: &str, most: usize) -> Result<History, Fault> {
        let mut history = History::default();
        let Some(record) = self.view.item(id)? else { return Ok(history) };
        let wanted = most.saturating_add(1);
        let mut steps: Vec<Step> =
            self.view.steps(id, &record, None, wanted, Order::OldestFirst)?;
        steps.retain(|step| self.knows(step.position, step.recorded_at));
        history.has_more = steps.len() > most;
        steps.truncate(most);
        // What counts is judged as it was known then.
        let judgements = fold(&steps).judgements;
        for (step, judged) in steps.iter().zip(judgements) {
            if self.names > MAX_NAMES {
                history.has_more = true;
                break;
            }
            match judged.left_out {
                Some(LeftOut::Voided(_) | LeftOut::Declaration) => continue,
                Some(LeftOut::Unweighed) => {
                    history.has_more = true;
                    continue;
                }
                None => {}
            }
            let is_claim = judged.standing == Standing::Claim;
            history.told.extend(self.told(step.position, is_claim)?);
        }
        Ok(history)
    }

    fn parts(&mut self, recorder: &str, id: &str) -> Result<(Vec<Told>, bool), Fault> {
        let Ok(recorder) = MemberId::new(recorder) else { return Ok((Vec::new(), true)) };
        let key = StateKey::Transformation { recorder, id: id.to_owned() };
        let record: Option<TransformationRecord> = self.view.packed(&key.encode())?;
        let mut told = Vec::new();
        let parts = record.map(|record| record.parts).unwrap_or_default();
        let is_whole = parts.len() < MAX_TRANSFORMATION_PARTS;
        for part in parts {
            let found = self.told(part.position, false)?;
            told.extend(found.filter(|told| self.knows(told.position, told.recorded_at)));
        }
        Ok((told, is_whole))
    }

    fn told(&mut self, position: Position, is_claim: bool) -> Result<Option<Told>, Fault> {
        let Some(stored) = self.view.event_at(position)? else { return Ok(None) };
        let event = match self.events.get(&position) {
            Some(known) => Arc::clone(known),
            None => {
                let damaged =
                    |error| Fault::new(format!("the event at {position:?} is damaged: {error}"));
                let event = Arc::new(stored.body().event().map_err(damaged)?);
                self.names += event.identifiers().len();
                self.events.insert(position, Arc::clone(&event));
                event
            }
        };
        Ok(Some(Told {
            position,
            recorded_at: stored.record_time(),
            recorder: stored.recorder().to_string(),
            is_claim,
            event,
        }))
    }
}

fn net_mass(view: &ReadView, class: &str) -> Result<Option<u64>, Fault> {
    let record: Option<MasterRecord> = view.state(&StateKey::Product(class.to_owned()))?;
    Ok(match record.map(|record| record.data) {
        Some(MasterData::Product(product)) => product.net_mass_kg.and_then(micrograms),
        _ => None,
    })
}

fn shown(
    view: &ReadView,
    caller: &Caller,
    found: Footprint,
    graph: &Graph,
) -> Result<FootprintView, Fault> {
    let (rows, parts) = (MAX_FOOTPRINT_ROWS, found.parts.len());
    let legs = found.parts.into_iter().take(rows);
    let legs = legs.filter_map(|part| leg_view(view, caller, part, graph).transpose());
    Ok(FootprintView {
        height: view.height().0,
        milligrams: found.milligrams.to_string(),
        kilograms: kilograms(found.milligrams),
        primary_milligrams: found.primary_milligrams.to_string(),
        primary_permille: found.primary_permille,
        passed_on_milligrams: found.passed_on.to_string(),
        complete: found.open.is_empty(),
        more_legs: parts.saturating_sub(rows),
        more_open: found.open.len().saturating_sub(rows),
        legs: legs.collect::<Result<_, _>>()?,
        open: found.open.into_iter().take(rows).map(|open| open_view(open, graph)).collect(),
        id: found.id,
    })
}

/// Milligrams as kilograms, exactly.
fn kilograms(milligrams: u128) -> String {
    const IN_A_KILOGRAM: u128 = 1_000_000;
    let text = format!("{}.{:06}", milligrams / IN_A_KILOGRAM, milligrams % IN_A_KILOGRAM);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn leg_event(leg: &Leg) -> LegEvent {
    LegEvent {
        event_id: leg.event_id.clone(),
        number: leg.number,
        time: leg.mark.time.to_string(),
        recorded_by: leg.recorder.clone(),
    }
}

fn leg_view(
    view: &ReadView,
    caller: &Caller,
    part: Part,
    graph: &Graph,
) -> Result<Option<LegView>, Fault> {
    let Some(leg) = graph.legs.get(part.leg) else { return Ok(None) };
    let Ok(recorder) = MemberId::new(&leg.recorder) else { return Ok(None) };
    let sees = visible(caller, &Record { recorded_by: &recorder }) == Sight::Whole;
    let whole = sees || is_public(view, leg)?;
    Ok(Some(LegView {
        event: leg_event(leg),
        milligrams: part.milligrams.to_string(),
        carried_by: part.carried_by,
        activity: leg.activity.as_ref().filter(|_| whole).map(activity_view),
    }))
}

fn activity_view(activity: &Activity) -> ActivityView {
    let quantity = |quantity: tracehold_chain::epcis::activity::Quantity| {
        format!("{} {}", quantity.value, quantity.unit.symbol)
    };
    let factor = |factor: &Factor| FactorView {
        carrier: None,
        amount: None,
        value: factor.value.map(|(value, per)| match per {
            Per::TonneKilometre => format!("{}/t.km", quantity(value)),
            Per::Unit(unit) => format!("{}/{}", quantity(value), unit.symbol),
        }),
        scope: factor.scope.as_str(),
        source: factor.source.clone(),
        year: factor.year,
        id: factor.id.clone(),
    };
    let (basis, factors) = match &activity.basis {
        Basis::Measured { .. } => ("measured", Vec::new()),
        Basis::MassDistance(by) => ("mass-distance", vec![factor(by)]),
        Basis::Mass(by) => ("mass", vec![factor(by)]),
        Basis::NoFactor => ("no-factor", Vec::new()),
        Basis::Energy => {
            let each = activity.energy.iter().filter_map(|energy| {
                let by = factor(energy.factor.as_ref()?);
                let carrier = Some(energy.carrier.clone());
                Some(FactorView { carrier, amount: Some(quantity(energy.amount)), ..by })
            });
            ("energy", each.collect())
        }
    };
    ActivityView {
        kind: activity.kind.as_str(),
        mode: activity.mode.map(tracehold_chain::epcis::activity::Mode::as_str),
        vehicle_class: activity.vehicle_class.clone(),
        data_type: activity.data_type.as_str(),
        basis,
        mass: activity.mass.map(quantity),
        distance: activity.distance.map(|way| format!("{} {}", quantity(way.length), way.kind)),
        factors,
    }
}

fn open_view(open: Open, graph: &Graph) -> OpenView {
    let reason = open.reason;
    OpenView {
        reason: reason.code(),
        what: InTwoLanguages { en: reason.english(), zh: reason.chinese() },
        mend: InTwoLanguages { en: reason.mend(), zh: reason.mend_chinese() },
        mender: Mender::code(reason.mender()),
        at: open.at,
        event: open.leg.and_then(|leg| graph.legs.get(leg)).map(leg_event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilograms_are_exact() {
        for (milligrams, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_000_000, "1"),
            (8_100_000, "8.1"),
            (12_345_678, "12.345678"),
        ] {
            assert_eq!(kilograms(milligrams), text);
        }
    }

    #[test]
    fn parameters_that_break_a_rule_are_refused_by_name() {
        for given in [None, Some(""), Some("apple"), Some("https://id.gs1.org/01/09521321001015")] {
            let problem = identifier(given).unwrap_err();
            assert_eq!(
                (problem.status, problem.errors[0].field.as_str()),
                (400, "id"),
                "{given:?}"
            );
        }
        let lot = identifier(Some("urn:epc:class:lgtin:9521321.000101.L1")).unwrap();
        assert_eq!(lot.uri(), "https://id.gs1.org/01/09521321001015/10/L1");
    }
}
