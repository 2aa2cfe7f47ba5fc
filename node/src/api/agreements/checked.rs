//! What the check of terms says, and templates, as clients see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracehold_chain::agreement::Terms;
use tracehold_contracts::agreement::words::{self, Language};
use tracehold_contracts::agreement::{Outcomes, Refusal};

use super::super::entries::MoneyView;
use super::mirrored;
use super::view::{AgreementTerms, Both, Sentences};
use crate::fault::Fault;

/// How an agreement can end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKindView {
    /// Not all accept, or one turns it down: nothing moves.
    NotAccepted,
    /// A deposit is missing: those that are in go back.
    Unfunded,
    /// This milestone is the last that pays.
    Released(String),
    /// The deadline comes.
    Expired,
    /// All ask to cancel.
    Cancelled,
    /// The arbiter settles it.
    Ruled,
}

/// What a role gets of an asset: an exact amount, or any between two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GetsView {
    /// Who.
    pub role: String,
    /// Of what.
    pub asset: String,
    /// At least: a decimal as text.
    pub least: String,
    /// At most: the same where nothing is open.
    pub most: String,
}

/// One way to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutcomeView {
    /// How.
    pub kind: OutcomeKindView,
    /// The milestones that were fulfilled by then, in the order of the terms.
    pub fulfilled: Vec<String>,
    /// Those pro rata that may have paid a part by then.
    pub in_part: Vec<String>,
    /// Who gets what over the whole life. Roles and assets that are not listed get nothing.
    pub gets: Vec<GetsView>,
    /// When at the latest: in the first block at or after this time (RFC 3339).
    pub latest: String,
}

/// A clause of terms in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClauseView {
    /// Where it stands: a JSON pointer into the terms.
    pub pointer: String,
    /// What it says.
    pub text: String,
}

/// Terms in words by language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Clauses {
    /// In English.
    pub en: Vec<ClauseView>,
    /// In Chinese.
    pub zh: Vec<ClauseView>,
}

/// Why a clause is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RefusalView {
    /// Which rule: a stable code.
    pub code: String,
    /// The clause: a JSON pointer into the terms.
    pub pointer: String,
    /// What is wrong there.
    pub why: String,
    /// The same in Chinese.
    pub why_zh: String,
    /// How to mend it.
    pub mend: String,
    /// The same in Chinese.
    pub mend_zh: String,
}

/// What the check says of terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CheckView {
    /// Whether an agreement can be made of them.
    pub sound: bool,
    /// Of sound terms: all that is paid in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pot: Option<Vec<MoneyView>>,
    /// Of sound terms: every way to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Vec<OutcomeView>>,
    /// Of sound terms: what they say, clause by clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clauses: Option<Clauses>,
    /// Of others: what is wrong, clause by clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusals: Option<Vec<RefusalView>>,
    /// The ways to end, or what is wrong, in plain sentences.
    pub sentences: Sentences,
}

impl CheckView {
    /// The answer of a check.
    ///
    /// # Errors
    /// [`Fault`] as of a mistake of ours.
    pub fn of(
        terms: &Terms,
        outcomes: &Result<Outcomes, Vec<Refusal>>,
    ) -> Result<CheckView, Fault> {
        let clauses = |language| mirrored(&words::terms(terms, language));
        Ok(match outcomes {
            Ok(outcomes) => {
                let said = |language| words::outcomes(outcomes, language).collect();
                CheckView {
                    sound: true,
                    pot: Some(outcomes.pot().iter().map(MoneyView::from).collect()),
                    outcomes: Some(mirrored(outcomes)?),
                    clauses: Some(Clauses {
                        en: clauses(Language::En)?,
                        zh: clauses(Language::Zh)?,
                    }),
                    refusals: None,
                    sentences: Sentences { en: said(Language::En), zh: said(Language::Zh) },
                }
            }
            Err(refusals) => {
                let said = |language| -> Vec<String> {
                    refusals.iter().map(|one| words::refusal(one, language)).collect()
                };
                CheckView {
                    sound: false,
                    pot: None,
                    outcomes: None,
                    clauses: None,
                    refusals: Some(mirrored(refusals)?),
                    sentences: Sentences { en: said(Language::En), zh: said(Language::Zh) },
                }
            }
        })
    }
}

/// Terms that are to be checked.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct CheckRequest {
    /// The terms; or `template` and `parameters`.
    #[schema(value_type = Option<AgreementTerms>)]
    terms: Option<Terms>,
    /// The name of a template.
    template: Option<String>,
    /// Its parameters, by name: texts, or lists and objects where a parameter is one.
    parameters: Option<BTreeMap<String, Value>>,
}

/// What fills a template in.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described here, read field by field")]
pub struct TemplateRequest {
    /// Its parameters, by name: texts, or lists and objects where a parameter is one.
    parameters: Option<BTreeMap<String, Value>>,
}

/// A template that was filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FilledView {
    /// The terms that came out.
    #[schema(value_type = AgreementTerms)]
    pub terms: Terms,
    /// What the check says of them.
    pub check: CheckView,
}

/// Something to fill in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParameterView {
    /// Its name.
    pub name: String,
    /// `member`, `amount`, `asset`, `identifiers`, `time`, `duration`, `percent`, `decimal` or
    /// `text`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means.
    pub explanation: Both,
    /// A value that fits.
    pub example: Value,
    /// What it is when nothing is given; missing when something must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether it may be left out, with all that the terms say of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// Terms with places to fill in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TemplateView {
    /// As commands call it.
    pub name: String,
    /// As people call it.
    pub title: Both,
    /// What it does.
    pub explanation: Both,
    /// What is to be filled in.
    pub parameters: Vec<ParameterView>,
    /// The terms, with `"{{name}}"` where a parameter goes, and `{"{{#name}}": …}` around what is
    /// only there with an optional one.
    #[schema(value_type = Object)]
    pub terms: Value,
}

/// All templates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Templates {
    /// Each of them.
    pub templates: Vec<TemplateView>,
}
