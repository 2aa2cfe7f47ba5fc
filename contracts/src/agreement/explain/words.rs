//! What explanations say in the words that terms are told in: one source for both languages.

use tracehold_chain::agreement::{Label, Payout, Sighting};

use super::Sentence;
use crate::agreement::condition::Context;
use crate::agreement::words::{self, Language};

/// The same in both languages.
pub(super) fn both(say: impl Fn(Language) -> String) -> Sentence {
    Sentence { en: say(Language::En), zh: say(Language::Zh) }
}

/// A role as people say it.
pub(super) fn role(label: &Label) -> Sentence {
    both(|language| words::role(label, language))
}

/// Roles with the members that have them: `the buyer (buyer-gmbh)`.
pub(super) fn who(context: &Context<'_>, roles: &[Label]) -> Sentence {
    let named = |label: &Label, language| {
        let member = context.terms.roles.iter().find(|one| one.role == *label);
        let member = member.map(|one| one.member.to_string()).unwrap_or_default();
        let role = words::role(label, language);
        match language {
            Language::En => format!("{role} ({member})"),
            Language::Zh => format!("{role}（{member}）"),
        }
    };
    both(|language| {
        let all: Vec<String> = roles.iter().map(|label| named(label, language)).collect();
        all.join(language.say(" or ", "或"))
    })
}

/// Who gets what.
pub(super) fn payouts(pay: &[Payout]) -> Sentence {
    match pay {
        [] => both(|language| language.say("nobody gets anything", "不付款").to_owned()),
        _ => both(|language| words::payouts(pay, language)),
    }
}

/// What an event looks like: its business step, and what else it must say.
pub(super) fn sighting(wanted: &Sighting) -> Sentence {
    both(|language| words::sighting(wanted, language))
}
