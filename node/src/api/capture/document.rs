//! A document as it was sent, and what is read from it.

use std::collections::BTreeSet;

use http::HeaderMap;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Document, Event, Normalisation, Violation};
use tracehold_chain::units::{MemberId, TimestampMs};

use super::super::extract::media_type;
use super::super::jobs::{ErrorBehaviour, NewJob, Original};
use super::super::limits::MAX_JOB_NOTICES;
use super::super::problem::{FieldError, Kind, Problem};
use super::super::{ApiState, now, prepare};

/// In which form a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// The JSON binding.
    Json,
    /// The XML binding of 2.0 or 1.2.
    Xml,
}

impl Media {
    /// What the head of a request says; JSON when it says nothing.
    ///
    /// # Errors
    /// [`Kind::UnsupportedMedia`].
    pub fn of(headers: &HeaderMap) -> Result<Media, Problem> {
        match media_type(headers, "application/json").as_str() {
            "application/json" | "application/ld+json" => Ok(Media::Json),
            "application/xml" | "text/xml" => Ok(Media::Xml),
            other => Err(Problem::new(
                Kind::UnsupportedMedia,
                format!(
                    "documents here are application/json, application/ld+json, application/xml or \
                     text/xml, not {other}"
                ),
            )),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Xml => "application/xml",
        }
    }
}

/// Reads a document in any form, leniently if so wanted, with the changes that were made.
///
/// # Errors
/// Everything that is wrong with the document's frame, with pointers into the JSON document; one
/// in XML is made into JSON first.
pub fn read(
    bytes: &[u8],
    media: Media,
    lenient: bool,
) -> Result<(Document, Vec<Normalisation>), Vec<Violation>> {
    match (media, lenient) {
        (Media::Json, false) => Document::parse(bytes).map(|document| (document, Vec::new())),
        (Media::Json, true) => Document::parse_lenient(bytes),
        (Media::Xml, false) => Document::parse_xml(bytes).map(|document| (document, Vec::new())),
        (Media::Xml, true) => Document::parse_xml_lenient(bytes),
    }
}

/// A document that was sent to be captured.
pub struct Given {
    /// As it came.
    pub bytes: Vec<u8>,
    /// In which form.
    pub media: Media,
    /// Whether it may be brought into form.
    pub lenient: bool,
}

/// What is told of a document in its job.
pub struct Provenance {
    original: Original,
    keep: Option<Vec<u8>>,
    normalised: Vec<FieldError>,
    notices: Vec<FieldError>,
    /// EventIDs of corrective events that error declarations name and the document does not have,
    /// with their places.
    corrective: Vec<(String, String)>,
}

/// The events that are right, each with its place in the document.
fn good(document: &Document) -> impl Iterator<Item = (String, &Event)> {
    let list = document.kind.event_list();
    let events = document.events.iter().enumerate();
    events.filter_map(move |(place, event)| {
        event.as_ref().ok().map(|event| (format!("{list}/{place}"), event))
    })
}

/// What is odd and refused nothing, as far as a job tells it.
fn notices(document: &Document, now: TimestampMs) -> Vec<FieldError> {
    let reading = document.reading();
    let of = |(place, event): (String, &Event)| {
        let inside = move |notice: Violation| FieldError::from(notice.inside(&place));
        event.notices_at(now, &reading).into_iter().map(inside)
    };
    good(document).flat_map(of).take(MAX_JOB_NOTICES).collect()
}

/// Corrective events that are not in the document.
fn corrective(document: &Document) -> Vec<(String, String)> {
    let own: BTreeSet<&str> = good(document).filter_map(|(_, event)| event.event_id()).collect();
    let of = |(place, event): (String, &Event)| {
        let ids = event.error_declaration().map(|declaration| &declaration.corrective_event_ids);
        let ids = ids.into_iter().flatten().enumerate().map(move |(number, id)| {
            (format!("{place}/errorDeclaration/correctiveEventIDs/{number}"), id.clone())
        });
        ids.collect::<Vec<_>>()
    };
    let named = good(document).flat_map(of);
    named.filter(|(_, id)| !own.contains(id.as_str())).take(MAX_JOB_NOTICES).collect()
}

impl Given {
    /// Reads the document.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(self) -> Result<(Document, Provenance), Vec<Violation>> {
        let now = now();
        let (document, changes) = read(&self.bytes, self.media, self.lenient)?;
        let document = match self.lenient {
            true => document,
            false => document.checked(|event| prepare::not_ahead(event, now)),
        };
        let original = Original {
            media_type: self.media.as_str().to_owned(),
            bytes: self.bytes.len(),
            sha256: Digest::of_file(&self.bytes).to_string(),
            document: None,
        };
        let (notices, corrective) = (notices(&document, now), corrective(&document));
        let differs = self.media == Media::Xml || !changes.is_empty();
        let keep = differs.then_some(self.bytes);
        let normalised = changes.into_iter().map(FieldError::from).collect();
        Ok((document, Provenance { original, keep, normalised, notices, corrective }))
    }
}

impl Provenance {
    /// Notices corrective events that are not on record either.
    ///
    /// # Errors
    /// As [`ApiState::read`].
    pub async fn look_up(&mut self, state: &ApiState) -> Result<(), Problem> {
        let named = std::mem::take(&mut self.corrective);
        if named.is_empty() {
            return Ok(());
        }
        let unknown = state.read(move |view| {
            let mut unknown = Vec::new();
            for (field, id) in named {
                if view.event_record(&id, None)?.is_none() {
                    unknown.push(field);
                }
            }
            Ok(unknown)
        });
        let notice = |field| FieldError {
            field,
            rule: "unknown-corrective-event".to_owned(),
            mend: Some("no event of this eventID is on record: capture it as well".to_owned()),
        };
        self.notices.extend(unknown.await?.into_iter().map(notice));
        self.notices.truncate(MAX_JOB_NOTICES);
        Ok(())
    }

    /// The job of the document.
    pub fn job(self, id: String, member: MemberId, behaviour: ErrorBehaviour) -> NewJob {
        let Provenance { original, keep, normalised, notices, corrective: _ } = self;
        NewJob { id, member, behaviour, original: Some(original), keep, normalised, notices }
    }
}
