//! Templates: terms with places to fill in, for the agreements that people make most.
//!
//! Each is a documented file in `contracts/templates`: parameters with their type and meaning, and
//! terms in which `"{{name}}"` stands for one. `"{{price.asset}}"` is the asset of an amount;
//! `{"{{#name}}": …}` stands only where an optional parameter was given. What comes out is ordinary
//! terms: the ledger knows no templates.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracehold_chain::agreement::{Percent, Terms};
use tracehold_chain::money::{Asset, Money};
use tracehold_chain::units::{DurationMs, MemberId, TimestampMs};

#[cfg(test)]
mod tests;

const FILES: [&str; 6] = [
    include_str!("../../../templates/escrow-on-delivery.json"),
    include_str!("../../../templates/escrow-on-delivery-and-inspection.json"),
    include_str!("../../../templates/staged-payment.json"),
    include_str!("../../../templates/retention.json"),
    include_str!("../../../templates/pro-rata-delivery.json"),
    include_str!("../../../templates/cold-chain-penalty.json"),
];

/// Terms with places to fill in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// As commands call it.
    pub name: String,
    /// As people call it.
    pub title: Words,
    /// What it does.
    pub explanation: Words,
    /// What is to be filled in.
    pub parameters: Vec<Parameter>,
    /// The terms, with `"{{name}}"` where a parameter goes, and `{"{{#name}}": …}` around what is
    /// only there with it.
    pub terms: Value,
}

/// The same in English and Chinese.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// Something to fill in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// What it means.
    pub explanation: Words,
    /// A value that fits.
    pub example: Value,
    /// What it is when nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether it may be left out: what of the terms is about it is left out, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// What a parameter can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// A member of the network.
    Member,
    /// An amount with its asset, as `1000.00 EUR@bank` or as an object.
    Amount,
    /// An asset, such as `EUR@bank`.
    Asset,
    /// Identifiers of things: a list, or a text with spaces or commas between.
    Identifiers,
    /// A time with its offset.
    Time,
    /// A duration such as `P14D`.
    Duration,
    /// A share of 0 to 100.
    Percent,
    /// An exact number.
    Decimal,
    /// Any text.
    Text,
}

/// Why a template could not be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A parameter that is not there.
    #[error("parameter {name} is missing: give {what}, such as {example}")]
    Missing {
        /// Which.
        name: String,
        /// What it is.
        what: &'static str,
        /// A value that fits.
        example: String,
    },
    /// A parameter that the template does not have.
    #[error("parameter {name} is none of this template: it has {known}")]
    Unknown {
        /// Which.
        name: String,
        /// Those that it has.
        known: String,
    },
    /// A value that does not fit.
    #[error("parameter {name}: {why}; give {what}, such as {example}")]
    Unfit {
        /// Which.
        name: String,
        /// What is wrong.
        why: String,
        /// What it is.
        what: &'static str,
        /// A value that fits.
        example: String,
    },
    /// What came out is no terms: a fault of the template.
    #[error("the template's terms are none: {0}")]
    Terms(String),
}

/// All templates.
///
/// # Panics
/// Never: a test reads every file.
#[must_use]
pub fn templates() -> Vec<Template> {
    FILES.iter().map(|file| serde_json::from_str(file).expect("a template")).collect()
}

/// The template of this name.
#[must_use]
pub fn template(name: &str) -> Option<Template> {
    templates().into_iter().find(|template| template.name == name)
}

impl Template {
    /// The terms with every parameter filled in. Whether they can be agreed on, the check says.
    ///
    /// # Errors
    /// [`TemplateError`] names the parameter and what belongs there.
    pub fn fill(&self, params: &BTreeMap<String, Value>) -> Result<Terms, TemplateError> {
        if let Some(name) = params.keys().find(|name| self.parameter(name).is_none()) {
            let known = self.parameters.iter().map(|parameter| parameter.name.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(TemplateError::Unknown { name: name.clone(), known });
        }
        let mut values = BTreeMap::new();
        for parameter in &self.parameters {
            let given = params.get(&parameter.name).or(parameter.default.as_ref());
            let Some(given) = given.filter(|value| !value.is_null()) else {
                if parameter.optional {
                    continue;
                }
                return Err(TemplateError::Missing {
                    name: parameter.name.clone(),
                    what: parameter.kind.what(),
                    example: shown(&parameter.example),
                });
            };
            let value = parameter.kind.read(given).map_err(|why| TemplateError::Unfit {
                name: parameter.name.clone(),
                why,
                what: parameter.kind.what(),
                example: shown(&parameter.example),
            })?;
            values.insert(parameter.name.as_str(), value);
        }
        let terms = filled(&self.terms, &values).unwrap_or_default();
        Terms::from_value(terms).map_err(|error| TemplateError::Terms(error.to_string()))
    }

    /// The terms with the example of every parameter.
    ///
    /// # Errors
    /// [`TemplateError`]: a fault of the template.
    pub fn example(&self) -> Result<Terms, TemplateError> {
        let examples = self.parameters.iter();
        self.fill(&examples.map(|one| (one.name.clone(), one.example.clone())).collect())
    }

    fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value with every `"{{name}}"` replaced; nothing, if it is only there with a parameter that
/// was left out. Values come from people: what stands in them is not replaced again.
fn filled(value: &Value, values: &BTreeMap<&str, Value>) -> Option<Value> {
    Some(match value {
        Value::String(text) => match inside(text, "{{") {
            None => value.clone(),
            Some(place) => {
                let (name, field) = place.split_once('.').unwrap_or((place, ""));
                let given = values.get(name);
                let given =
                    if field.is_empty() { given } else { given.and_then(|given| given.get(field)) };
                given.cloned().unwrap_or_default()
            }
        },
        Value::Array(list) => {
            Value::Array(list.iter().filter_map(|inside| filled(inside, values)).collect())
        }
        Value::Object(map) => {
            if let Some((key, inner)) = map.iter().next()
                && let Some(name) = inside(key, "{{#")
            {
                return values.contains_key(name).then(|| filled(inner, values)).flatten();
            }
            let fields = map.iter();
            let fields =
                fields.filter_map(|(key, inner)| Some((key.clone(), filled(inner, values)?)));
            Value::Object(fields.collect::<Map<String, Value>>())
        }
        other => other.clone(),
    })
}

/// What stands between `opening` and `}}`, when that is all of a text.
fn inside<'t>(text: &'t str, opening: &str) -> Option<&'t str> {
    text.strip_prefix(opening)?.strip_suffix("}}")
}

impl ParameterKind {
    /// What a value looks like.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            ParameterKind::Member => "a member of the network",
            ParameterKind::Amount => "an amount with its asset",
            ParameterKind::Asset => "an asset",
            ParameterKind::Identifiers => "identifiers with commas between",
            ParameterKind::Time => "a time with its offset",
            ParameterKind::Duration => "a duration in days, hours, minutes and seconds",
            ParameterKind::Percent => "a percentage from 0 to 100",
            ParameterKind::Decimal => "a number",
            ParameterKind::Text => "a text",
        }
    }

    /// The value as it stands in terms.
    fn read(self, given: &Value) -> Result<Value, String> {
        // Numbers are taken as they are written: `8` and `"8"` are the same.
        let text = match given {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Array(_) if self == ParameterKind::Identifiers => String::new(),
            Value::Object(_) if self == ParameterKind::Amount => String::new(),
            _ => return Err("this is no text".into()),
        };
        let said = |error: &dyn std::fmt::Display| error.to_string();
        match self {
            ParameterKind::Member => {
                MemberId::new(text.as_str()).map_err(|error| said(&error))?;
            }
            ParameterKind::Amount => {
                let money = match given {
                    Value::Object(_) => Money::deserialize(given).map_err(|error| said(&error))?,
                    _ => money(&text)?,
                };
                return Ok(json!({
                    "asset": money.asset.to_string(), "amount": money.decimal().to_string()
                }));
            }
            ParameterKind::Asset => {
                text.parse::<Asset>().map_err(|error| said(&error))?;
            }
            ParameterKind::Identifiers => return identifiers(given, &text),
            ParameterKind::Time => {
                let read = tracehold_chain::units::rfc3339::deserialize(Value::from(text.as_str()));
                let _: TimestampMs = read.map_err(|error| said(&error))?;
            }
            ParameterKind::Duration => {
                text.parse::<DurationMs>().map_err(|error| said(&error))?;
            }
            ParameterKind::Percent => {
                let text = text.strip_suffix('%').map_or(text.as_str(), str::trim_end);
                Percent::deserialize(Value::from(text)).map_err(|error| said(&error))?;
                return Ok(text.into());
            }
            ParameterKind::Decimal => {
                let number = text.parse::<Decimal>().map_err(|_| "this is no number".to_owned())?;
                return Ok(number.to_string().into());
            }
            ParameterKind::Text => {}
        }
        Ok(text.into())
    }
}

/// `1000.00 EUR@bank`.
fn money(text: &str) -> Result<Money, String> {
    let (amount, asset) = text.split_once(' ').ok_or("this is no amount with its asset")?;
    let asset: Asset = asset.trim().parse().map_err(|error| format!("{error}"))?;
    Money::parse(asset, amount).map_err(|error| error.to_string())
}

fn identifiers(given: &Value, text: &str) -> Result<Value, String> {
    let list: Vec<&str> = match given {
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or("something in the list is no text")?
        }
        _ => text.split([',', ' ', '\n']).filter(|part| !part.is_empty()).collect(),
    };
    if list.is_empty() { Err("no identifier is listed".into()) } else { Ok(list.into()) }
}
