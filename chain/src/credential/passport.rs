//! Digital Product Passports in the shape of UNTP 0.6 (UN/CEFACT United Nations Transparency
//! Protocol), made from facts that somebody else read.
//!
//! Nothing is invented: what no fact says is left out.

use rust_decimal::Decimal;
use serde_json::{Map, Number, Value, json};

use crate::digest::Digest;
use crate::epcis::uri::percent_decoded;
use crate::epcis::{Canonical, Level, canonical_text};
use crate::units::TimestampMs;

/// The contexts of a passport: W3C's credentials, and UNTP's passports of version 0.6.
pub const CONTEXTS: [&str; 2] = [
    "https://www.w3.org/ns/credentials/v2",
    "https://test.uncefact.org/vocabulary/untp/dpp/0.6.0/",
];

/// The topic of a certificate whose own topic nobody said (UNTP's code list of topics).
const GENERAL_TOPIC: &str = "governance.compliance";

/// Milligrams in a kilogram.
const MILLIGRAMS_PER_KG: u32 = 1_000_000;

/// What a passport is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// One thing.
    Item,
    /// A lot.
    Batch,
    /// All products of a kind.
    Model,
}

impl Granularity {
    /// What a passport of this identifier is of; `None` for what is no product, such as logistic
    /// units, places, documents, and relations with people.
    #[must_use]
    pub fn of(identifier: &Canonical) -> Option<Granularity> {
        if !matches!(identifier.key()?, "01" | "8003" | "8004" | "8006" | "8010" | "8013") {
            return None;
        }
        match identifier.level() {
            Level::Instance => Some(Granularity::Item),
            Level::Lot => Some(Granularity::Batch),
            Level::Class => Some(Granularity::Model),
            _ => None,
        }
    }

    /// The code of UNTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Granularity::Item => "item",
            Granularity::Batch => "batch",
            Granularity::Model => "model",
        }
    }
}

/// Who issues a passport.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuer {
    /// Its DID.
    pub did: String,
    /// Its name for people.
    pub name: String,
    /// Under which other identifiers it is known.
    pub known_as: Vec<KnownAs>,
}

/// An identifier of a party in some register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownAs {
    /// A URI.
    pub id: String,
    /// What the register calls it: a GLN.
    pub registered: String,
}

/// A link to something on the web.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebLink {
    /// Where.
    pub url: String,
    /// What it is, for people.
    pub name: String,
    /// Its kind: a URI.
    pub link_type: String,
}

/// Emissions of greenhouse gases on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emissions {
    /// CO2e in milligrams.
    pub milligrams: u128,
    /// How many of a thousand of these rest on primary data.
    pub primary_permille: u16,
}

/// Everything that a passport says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The product, in its one spelling.
    pub id: Canonical,
    /// Of what it is a passport.
    pub granularity: Granularity,
    /// Who issues it: whoever holds the GS1 company prefix.
    pub issuer: Issuer,
    /// What the product is called.
    pub name: String,
    /// What it is, at more length.
    pub description: Option<String>,
    /// Where its picture is.
    pub picture: Option<String>,
    /// What one piece weighs net, in kilograms.
    pub net_mass_kg: Option<Decimal>,
    /// The day on which it was made: `2026-03-01`.
    pub produced_on: Option<String>,
    /// The country in which it was made (ISO 3166-1).
    pub country: Option<String>,
    /// Where to read more.
    pub further: Vec<WebLink>,
    /// Certificates and other evidence.
    pub certificates: Vec<WebLink>,
    /// Where its events are.
    pub events: Vec<WebLink>,
    /// Its footprint, when all of it is known.
    pub emissions: Option<Emissions>,
    /// From when on the passport is valid.
    pub valid_from: TimestampMs,
    /// Until when.
    pub valid_until: TimestampMs,
}

/// The passport, not signed yet. Its id comes from its content.
#[must_use]
pub fn build(facts: &Facts) -> Map<String, Value> {
    let mut passport = Map::new();
    passport.insert("@context".to_owned(), json!(CONTEXTS));
    passport.insert("type".to_owned(), json!(["DigitalProductPassport", "VerifiableCredential"]));
    passport.insert("issuer".to_owned(), issuer(&facts.issuer));
    passport.insert("validFrom".to_owned(), json!(facts.valid_from.to_string()));
    passport.insert("validUntil".to_owned(), json!(facts.valid_until.to_string()));
    passport.insert("credentialSubject".to_owned(), subject(facts));
    let id = content_id(&Value::Object(passport.clone()));
    passport.insert("id".to_owned(), json!(id));
    passport
}

/// A UUID of version 8 (RFC 9562 §5.8) from the SHA-256 of the canonical text.
fn content_id(content: &Value) -> String {
    let digest = Digest::of_file(canonical_text(content).as_bytes());
    let mut hex = hex::encode(&digest.as_bytes()[..16]);
    hex.replace_range(12..13, "8");
    hex.replace_range(16..17, "a");
    for at in [20, 16, 12, 8] {
        hex.insert(at, '-');
    }
    format!("urn:uuid:{hex}")
}

fn issuer(issuer: &Issuer) -> Value {
    let mut told = json!({"type": ["CredentialIssuer"], "id": issuer.did, "name": issuer.name});
    let known = issuer.known_as.iter().map(
        |known| json!({"id": known.id, "name": issuer.name, "registeredId": known.registered}),
    );
    let known: Vec<Value> = known.collect();
    if !known.is_empty() {
        told["issuerAlsoKnownAs"] = Value::Array(known);
    }
    told
}

fn subject(facts: &Facts) -> Value {
    let mut subject = json!({
        "type": ["ProductPassport"],
        "id": facts.id.uri(),
        "product": product(facts),
        "granularityLevel": facts.granularity.as_str(),
    });
    if !facts.certificates.is_empty() {
        let claims = facts.certificates.iter().map(|link| {
            json!({
                "type": ["Claim", "Declaration"],
                "id": link.url,
                "description": link.name,
                // What the owner claims by naming it; the evidence is behind the link.
                "conformance": true,
                "conformityTopic": GENERAL_TOPIC,
                "conformityEvidence": secure(link),
            })
        });
        subject["conformityClaim"] = claims.collect();
    }
    if !facts.events.is_empty() {
        let links: Vec<Value> = facts.events.iter().map(secure).collect();
        subject["traceabilityInformation"] =
            json!([{"type": ["TraceabilityPerformance"], "traceabilityEvent": links}]);
    }
    if let Some(emissions) = &facts.emissions
        && let Some(kilograms) = i128::try_from(emissions.milligrams)
            .ok()
            .and_then(|milligrams| Decimal::try_from_i128_with_scale(milligrams, 0).ok())
            .map(|milligrams| milligrams / Decimal::from(MILLIGRAMS_PER_KG))
    {
        subject["emissionsScorecard"] = json!({
            "type": ["EmissionsPerformance"],
            "carbonFootprint": number(&kilograms),
            "declaredUnit": "C62",
            "operationalScope": "None",
            "primarySourcedRatio": number(&Decimal::new(emissions.primary_permille.into(), 3)),
        });
    }
    subject
}

fn product(facts: &Facts) -> Value {
    let parts = parts(&facts.id);
    let value = |ai: &str| parts.iter().find(|(name, _)| name == ai).map(|(_, value)| value);
    let mut product = json!({
        "type": ["Product"],
        "id": facts.id.uri(),
        "name": facts.name,
    });
    if let Some((key, _)) = parts.first() {
        let registered: Vec<&str> = parts
            .iter()
            .enumerate()
            .flat_map(|(index, (ai, value))| {
                let ai = (index > 0).then_some(ai.as_str());
                ai.into_iter().chain([value.as_str()])
            })
            .collect();
        product["registeredId"] = json!(registered.join("."));
        product["idScheme"] = json!({
            "type": ["IdentifierScheme"],
            "id": format!("https://id.gs1.org/{key}"),
            "name": scheme_name(key),
        });
    }
    let texts = [
        ("serialNumber", value("21").or_else(|| value("235")).or_else(|| value("8011"))),
        ("batchNumber", value("10")),
        ("description", facts.description.as_ref()),
        ("productionDate", facts.produced_on.as_ref()),
        ("countryOfProduction", facts.country.as_ref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            product[name] = json!(text);
        }
    }
    if let Some(picture) = &facts.picture {
        product["productImage"] = link(&WebLink {
            url: picture.clone(),
            name: facts.name.clone(),
            link_type: "https://schema.org/image".to_owned(),
        });
    }
    if let Some(mass) = &facts.net_mass_kg {
        let weight = json!({"type": ["Measure"], "value": number(mass), "unit": "KGM"});
        product["dimensions"] = json!({"type": ["Dimension"], "weight": weight});
    }
    if !facts.further.is_empty() {
        product["furtherInformation"] = facts.further.iter().map(link).collect();
    }
    product
}

fn link(link: &WebLink) -> Value {
    json!({
        "type": ["Link"],
        "linkURL": link.url,
        "linkName": link.name,
        "linkType": link.link_type,
    })
}

fn secure(evidence: &WebLink) -> Value {
    let mut told = link(evidence);
    told["type"] = json!(["SecureLink", "Link"]);
    told
}

/// The key and qualifiers of a canonical link with their values, not percent-encoded.
fn parts(id: &Canonical) -> Vec<(String, String)> {
    let path: Vec<&str> = id.uri().splitn(4, '/').nth(3).unwrap_or_default().split('/').collect();
    let pairs = path.chunks_exact(2).filter_map(|pair| match pair {
        [ai, value] => {
            let value = percent_decoded(value).unwrap_or_else(|| (*value).to_owned());
            Some(((*ai).to_owned(), value))
        }
        _ => None,
    });
    pairs.collect()
}

fn scheme_name(key: &str) -> &'static str {
    match key {
        "01" => "Global Trade Item Number (GTIN)",
        "8003" => "Global Returnable Asset Identifier (GRAI)",
        "8004" => "Global Individual Asset Identifier (GIAI)",
        "8006" => "Individual Trade Item Piece (ITIP)",
        "8010" => "Component/Part Identifier (CPID)",
        "8013" => "Global Model Number (GMN)",
        _ => "GS1 identification key",
    }
}

/// A decimal as a JSON number.
fn number(decimal: &Decimal) -> Value {
    let text = decimal.normalize().to_string();
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}
