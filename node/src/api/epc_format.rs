//! `GS1-EPC-Format`: in which form identifiers are answered.
//!
//! GS1's binding lets a server translate between EPC URNs and Digital Links, and names translation
//! to Digital Links as what holds when a client says nothing. Here what holds then is
//! `Never_Translates`: an event comes back as it was given, because its recorder vouches for those
//! words. Whoever wants links asks for them.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracehold_chain::epcis::DocumentKind;
use tracehold_chain::epcis::translate::{first_digital_link, to_digital_links};

use super::headers::GS1_EPC_FORMAT;
use super::problem::{Kind, Problem};

/// In which form identifiers of GS1 keys are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum EpcFormat {
    /// As they were given: what holds when nothing is asked for.
    #[default]
    #[serde(rename = "Never_Translates")]
    NeverTranslates,
    /// Any form will do: as they were given.
    #[serde(rename = "No_Preference")]
    NoPreference,
    /// As GS1 Digital Links.
    #[serde(rename = "Always_GS1_Digital_Link")]
    AlwaysDigitalLink,
    /// As EPC URNs; refused when something was given as a link.
    #[serde(rename = "Always_EPC_URN")]
    AlwaysUrn,
}

impl EpcFormat {
    const ALL: [EpcFormat; 4] = [
        EpcFormat::NeverTranslates,
        EpcFormat::NoPreference,
        EpcFormat::AlwaysDigitalLink,
        EpcFormat::AlwaysUrn,
    ];

    /// As the header writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EpcFormat::NeverTranslates => "Never_Translates",
            EpcFormat::NoPreference => "No_Preference",
            EpcFormat::AlwaysDigitalLink => "Always_GS1_Digital_Link",
            EpcFormat::AlwaysUrn => "Always_EPC_URN",
        }
    }

    /// What a request asks for.
    ///
    /// # Errors
    /// [`Kind::NotAcceptable`] naming the header when it is none of the four.
    pub fn of(headers: &HeaderMap) -> Result<EpcFormat, Problem> {
        let Some(value) = headers.get(GS1_EPC_FORMAT) else { return Ok(EpcFormat::default()) };
        let found = EpcFormat::ALL.into_iter().find(|f| f.as_str().as_bytes() == value.as_bytes());
        found.ok_or_else(|| {
            let rule = "must be No_Preference, Always_GS1_Digital_Link, Always_EPC_URN or \
                        Never_Translates";
            Problem::new(Kind::NotAcceptable, format!("the header GS1-EPC-Format {rule}")).field(
                "GS1-EPC-Format",
                rule,
                "leave it out for events as they were given",
            )
        })
    }

    /// Writes the events of an EPCISQueryDocument in this form; any other value stays.
    ///
    /// # Errors
    /// [`Kind::NotAcceptable`] naming the identifier that cannot be written so.
    pub fn apply(self, document: &mut Value) -> Result<(), Problem> {
        if document.get("type").and_then(Value::as_str) != Some("EPCISQueryDocument") {
            return Ok(());
        }
        let place = DocumentKind::Query.event_list();
        let Some(Value::Array(events)) = document.pointer_mut(place) else { return Ok(()) };
        for (index, event) in events.iter_mut().enumerate() {
            let Value::Object(event) = event else { continue };
            match self {
                EpcFormat::NeverTranslates | EpcFormat::NoPreference => {}
                EpcFormat::AlwaysDigitalLink => to_digital_links(event),
                EpcFormat::AlwaysUrn => {
                    let Some((pointer, link)) = first_digital_link(event) else { continue };
                    let detail = format!(
                        "{link} is no EPC URN and cannot be made one: a Digital Link does not say \
                         how long the company prefix is"
                    );
                    return Err(Problem::new(Kind::NotAcceptable, detail)
                        .code("epc_format")
                        .field(
                            format!("{place}/{index}{pointer}"),
                            "must have been given as an EPC URN",
                            "ask for Always_GS1_Digital_Link or Never_Translates",
                        ));
                }
            }
        }
        Ok(())
    }

    /// An answer with its events in this form.
    pub(super) async fn answer(self, response: Response) -> Response {
        let is_json = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|media| media.as_bytes().starts_with(b"application/json"));
        if response.status() != StatusCode::OK || !is_json {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        parts.headers.insert(GS1_EPC_FORMAT, HeaderValue::from_static(self.as_str()));
        if matches!(self, EpcFormat::NeverTranslates | EpcFormat::NoPreference) {
            let format = EpcFormat::NeverTranslates.as_str();
            parts.headers.insert(GS1_EPC_FORMAT, HeaderValue::from_static(format));
            return Response::from_parts(parts, body);
        }
        // Our own answer, of bounded size: a page ends before it grows too large.
        let read = body.collect().await.map(http_body_util::Collected::to_bytes);
        let bytes = read.unwrap_or_default();
        if bytes.is_empty() {
            // The answer to HEAD.
            return Response::from_parts(parts, Body::empty());
        }
        let Ok(mut document) = serde_json::from_slice::<Value>(&bytes) else {
            return Problem::new(Kind::Internal, "the answer cannot be written in another form")
                .in_epcis()
                .into_response();
        };
        match self.apply(&mut document) {
            Ok(()) => {
                parts.headers.remove(CONTENT_LENGTH);
                Response::from_parts(parts, Body::from(document.to_string()))
            }
            Err(problem) => problem.in_epcis().into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(epc: &str) -> Value {
        json!({"type": "EPCISQueryDocument", "epcisBody": {"queryResults": {"resultsBody":
            {"eventList": [{"type": "ObjectEvent", "epcList": [epc]}]}}}})
    }

    /// Promise P102.
    #[test]
    fn each_format_is_kept_or_refused() {
        let (urn, link) = (
            "urn:epc:id:sgtin:9521321.000101.7",
            "https://shop.example/01/09521321001015/21/7?x=1",
        );
        let translated = "https://id.gs1.org/01/09521321001015/21/7";
        for (format, given, answered) in [
            ("Never_Translates", urn, Some(urn)),
            ("Never_Translates", link, Some(link)),
            ("No_Preference", urn, Some(urn)),
            ("Always_GS1_Digital_Link", urn, Some(translated)),
            ("Always_GS1_Digital_Link", link, Some(link)),
            ("Always_GS1_Digital_Link", "urn:x:1", Some("urn:x:1")),
            ("Always_EPC_URN", urn, Some(urn)),
            ("Always_EPC_URN", "urn:x:1", Some("urn:x:1")),
            ("Always_EPC_URN", link, None),
        ] {
            let header = HeaderValue::from_static(format);
            let asked = EpcFormat::of(&HeaderMap::from_iter([(GS1_EPC_FORMAT, header)])).unwrap();
            assert_eq!(asked.as_str(), format);
            let mut answer = document(given);
            let done = asked.apply(&mut answer);
            match answered {
                Some(epc) => {
                    done.unwrap();
                    assert_eq!(answer, document(epc), "{format} {given}");
                }
                None => {
                    let problem = done.unwrap_err();
                    assert_eq!((problem.status, problem.code.as_str()), (406, "epc_format"));
                    let field = &problem.errors[0].field;
                    assert!(field.ends_with("/eventList/0/epcList/0"), "{field}");
                }
            }
        }
        assert_eq!(EpcFormat::of(&HeaderMap::new()).unwrap(), EpcFormat::NeverTranslates);
        let wrong = HeaderMap::from_iter([(GS1_EPC_FORMAT, HeaderValue::from_static("urn"))]);
        assert_eq!(EpcFormat::of(&wrong).unwrap_err().status, 406);
    }
}
