//! A document as it was sent, and what is read from it.

use http::HeaderMap;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Document, Normalisation, Violation, xml_to_json};
use tracehold_chain::units::MemberId;

use super::super::extract::media_type;
use super::super::jobs::{ErrorBehaviour, NewJob, Original};
use super::super::problem::{FieldError, Kind, Problem};

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
        (Media::Xml, true) => {
            let json = xml_to_json(bytes).map_err(|violation| vec![violation])?;
            Document::parse_lenient(json.to_string().as_bytes())
        }
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
}

impl Given {
    /// Reads the document.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(self) -> Result<(Document, Provenance), Vec<Violation>> {
        let (document, changes) = read(&self.bytes, self.media, self.lenient)?;
        let original = Original {
            media_type: self.media.as_str().to_owned(),
            bytes: self.bytes.len(),
            sha256: Digest::of_file(&self.bytes).to_string(),
            document: None,
        };
        let differs = self.media == Media::Xml || !changes.is_empty();
        let keep = differs.then_some(self.bytes);
        let normalised = changes.into_iter().map(FieldError::from).collect();
        Ok((document, Provenance { original, keep, normalised }))
    }
}

impl Provenance {
    /// The job of the document.
    pub fn job(self, id: String, member: MemberId, behaviour: ErrorBehaviour) -> NewJob {
        let Provenance { original, keep, normalised } = self;
        NewJob { id, member, behaviour, original: Some(original), keep, normalised }
    }
}
