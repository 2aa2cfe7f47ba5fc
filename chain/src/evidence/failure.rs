//! Why a file proves nothing, and what the checker was told beforehand.

use super::MAX_EVIDENCE_BYTES;
use super::file::{EVIDENCE_FORMAT, EVIDENCE_VERSION};
use super::report::Place;
use crate::certificate::CertificateError;
use crate::digest::Digest;
use crate::units::Height;

/// What the checker knows and wants.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The digest of the genesis record of the network that the file must be from.
    pub genesis: Option<Digest>,
    /// The lowest block that is fresh enough.
    pub least_height: Option<Height>,
    /// The canonical identifier that the file must be about.
    pub item: Option<String>,
}

/// Why a file is no evidence at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Too long.
    #[error("{0} bytes are more than the limit of {MAX_EVIDENCE_BYTES}")]
    TooLarge(usize),
    /// No JSON, or not strictly so.
    #[error("this is no evidence file: {0}")]
    Json(String),
    /// Another format or version.
    #[error(
        "this is no evidence file of version {EVIDENCE_VERSION}: \"format\" must be \
         \"{EVIDENCE_FORMAT}\" and \"version\" {EVIDENCE_VERSION}"
    )]
    Format,
}

/// What does not hold, and where in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where.
    pub place: Place,
    /// What.
    pub reason: Reason,
}

/// What does not hold. [`Failure::sentence`] says it for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each has its sentence in words.rs")]
pub enum Reason {
    Spelling(usize),
    Encoding,
    OtherNetwork,
    GenesisDigest,
    Genesis,
    ChainId,
    Validators,
    HeaderValidators,
    Height,
    Version,
    Certificate(CertificateError),
    SpareVote,
    TooOld { height: Height, least: Height },
    OtherSubject,
    StateProof,
    LogStart,
    MissingLog,
    SpareLog,
    AbsentLog,
    Names,
    SpareNames,
    Levels,
    MissingEvent,
    SpareEvent,
    Event,
    NotCanonical,
    MissingProduct,
    SpareProduct,
    RecallsOf,
    MissingRecall,
    SpareRecall,
    OtherRecall,
    Withdrawn,
    MissingState,
    SpareState,
}

impl Reason {
    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Spelling(_) => "spelling",
            Reason::Encoding => "encoding",
            Reason::OtherNetwork => "other-network",
            Reason::GenesisDigest => "genesis-digest",
            Reason::Genesis => "genesis",
            Reason::ChainId => "chain-id",
            Reason::Validators => "validators",
            Reason::HeaderValidators => "header-validators",
            Reason::Height => "height",
            Reason::Version => "block-version",
            Reason::Certificate(CertificateError::NotAValidator(_)) => "not-a-validator",
            Reason::Certificate(CertificateError::Order) => "vote-order",
            Reason::Certificate(CertificateError::Signature(_)) => "vote-signature",
            Reason::Certificate(CertificateError::Power { .. }) => "too-little-power",
            Reason::SpareVote => "spare-vote",
            Reason::TooOld { .. } => "too-old",
            Reason::OtherSubject => "other-subject",
            Reason::StateProof => "state-proof",
            Reason::LogStart => "log-start",
            Reason::MissingLog => "missing-log",
            Reason::SpareLog => "spare-log",
            Reason::AbsentLog => "absent-log",
            Reason::Names => "names",
            Reason::SpareNames => "spare-names",
            Reason::Levels => "levels",
            Reason::MissingEvent => "missing-event",
            Reason::SpareEvent => "spare-event",
            Reason::Event => "event",
            Reason::NotCanonical => "not-canonical",
            Reason::MissingProduct => "missing-product",
            Reason::SpareProduct => "spare-product",
            Reason::RecallsOf => "recalls-of",
            Reason::MissingRecall => "missing-recall",
            Reason::SpareRecall => "spare-recall",
            Reason::OtherRecall => "other-recall",
            Reason::Withdrawn => "withdrawn",
            Reason::MissingState => "missing-state",
            Reason::SpareState => "spare-state",
        }
    }
}

/// Why a file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// It is no evidence file.
    Unreadable(Unreadable),
    /// It is one, and something in it does not hold.
    Failed(Failure),
}

impl From<Unreadable> for VerifyError {
    fn from(error: Unreadable) -> VerifyError {
        VerifyError::Unreadable(error)
    }
}

impl From<Failure> for VerifyError {
    fn from(error: Failure) -> VerifyError {
        VerifyError::Failed(error)
    }
}

pub(super) fn failure(place: impl Into<String>, reason: Reason) -> Failure {
    Failure { place: Place(place.into()), reason }
}
