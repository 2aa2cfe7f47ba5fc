//! The verdict line: fine, attention or stop, and why. It is no more than the record says: "fine"
//! is that nothing on record speaks against a thing, not that the thing in somebody's hand is it.

use tracehold_chain::anomaly::AnomalyKind;
use tracehold_contracts::provenance::trace::{Derived, DerivedKind};
use tracehold_contracts::provenance::{Ending, ItemState, Life, words};

use crate::language::Language;
use crate::words::bare;

/// What a colour, a shape and a word mean together on every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Nothing on record speaks against it.
    Fine,
    /// Something does not add up, or is late: look into it.
    Attention,
    /// Do not use, sell or accept it before somebody has cleared it.
    Stop,
}

impl Signal {
    /// Its name for styles and icons.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Signal::Fine => "fine",
            Signal::Attention => "attention",
            Signal::Stop => "stop",
        }
    }

    /// Its word.
    #[must_use]
    pub fn word(self, language: Language) -> &'static str {
        match self {
            Signal::Fine => language.pick("Fine", "正常"),
            Signal::Attention => language.pick("Attention", "注意"),
            Signal::Stop => language.pick("Stop", "停止使用"),
        }
    }
}

/// Something that does not add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// The nodes agreed on it when the event was recorded.
    Agreed(AnomalyKind),
    /// It was worked out just now.
    Derived(Derived),
    /// A recall reaches it, or what is in it.
    Recalled,
}

/// An oddity in the words of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub what: String,
    /// Who can mend it.
    pub who: String,
    /// How.
    pub how: String,
}

impl Oddity {
    /// How bad it is while it is open.
    #[must_use]
    pub fn signal(&self) -> Signal {
        match self {
            Oddity::Agreed(
                AnomalyKind::CommissionedTwice
                | AnomalyKind::UsedAfterEnd
                | AnomalyKind::OthersPrefix
                | AnomalyKind::OutsideLimits,
            ) => Signal::Stop,
            Oddity::Derived(derived) if derived.kind == DerivedKind::OutsideLimitsInside => {
                Signal::Stop
            }
            Oddity::Recalled => Signal::Stop,
            Oddity::Agreed(_) | Oddity::Derived(_) => Signal::Attention,
        }
    }

    /// What it is, who can mend it and how.
    #[must_use]
    pub fn told(&self, language: Language) -> Told {
        match self {
            Oddity::Agreed(kind) => {
                let words = words(*kind);
                Told {
                    what: language.pick(words.en, words.zh).to_owned(),
                    who: language.pick(words.who, words.who_zh).to_owned(),
                    how: language.pick(words.how, words.how_zh).to_owned(),
                }
            }
            Oddity::Recalled => Told {
                what: language.pick("A recall concerns it.", "涉及召回。").to_owned(),
                who: language.pick("who declared the recall", "召回方").to_owned(),
                how: language
                    .pick(
                        "Do not use, sell or ship it; its page says what to do.",
                        "请勿使用、销售或发运；处理办法见其页面。",
                    )
                    .to_owned(),
            },
            Oddity::Derived(derived) => {
                let (who, how) = (derived.kind.who(), derived.kind.how());
                let sentence = derived.sentence.clone();
                Told {
                    what: language.pick(sentence.en, sentence.zh),
                    who: language.pick(who.en, who.zh),
                    how: language.pick(how.en, how.zh),
                }
            }
        }
    }
}

/// The verdict on a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub signal: Signal,
    /// Why, in one sentence.
    pub reason: String,
}

/// Dispositions that are a reason to stop or to look, with the sentence.
const TELLING: &[(&str, Signal, &str, &str)] = &[
    ("recalled", Signal::Stop, "It was recalled.", "该物品已被召回。"),
    ("stolen", Signal::Stop, "It was reported stolen.", "该物品已报失窃。"),
    ("expired", Signal::Stop, "It has expired.", "该物品已过期。"),
    ("damaged", Signal::Stop, "It was reported damaged.", "该物品已报损坏。"),
    ("non_conformant", Signal::Stop, "It does not conform.", "该物品检验不合格。"),
    ("no_pedigree_match", Signal::Stop, "Its history does not match.", "该物品来历不符。"),
    ("mismatch_instance", Signal::Attention, "It was the wrong item.", "物品不符。"),
    ("mismatch_class", Signal::Attention, "It was the wrong kind of item.", "品类不符。"),
    ("mismatch_quantity", Signal::Attention, "The quantity did not match.", "数量不符。"),
    ("needs_replacement", Signal::Attention, "It needs replacement.", "该物品需更换。"),
    ("non_sellable_other", Signal::Attention, "It is not for sale.", "该物品不可销售。"),
];

/// The verdict on what is known of a thing and what does not add up: the worst that speaks.
#[must_use]
pub fn verdict(state: Option<&ItemState>, open: &[&Oddity], language: Language) -> Verdict {
    let disposition = state.and_then(|state| state.disposition.as_ref());
    let said = disposition.and_then(|said| {
        let name = bare(&said.what);
        let row = TELLING.iter().find(|row| row.0 == name)?;
        Some(Verdict { signal: row.1, reason: language.pick(row.2, row.3).to_owned() })
    });
    let odd = open
        .iter()
        .max_by_key(|oddity| oddity.signal())
        .map(|oddity| Verdict { signal: oddity.signal(), reason: oddity.told(language).what });
    let worst = match (said, odd) {
        (Some(said), Some(odd)) if odd.signal > said.signal => Some(odd),
        (Some(said), _) => Some(said),
        (None, odd) => odd,
    };
    worst.unwrap_or_else(|| Verdict { signal: Signal::Fine, reason: nothing_odd(state, language) })
}

fn nothing_odd(state: Option<&ItemState>, language: Language) -> String {
    let (english, chinese) = match state.map(|state| state.life) {
        Some(Life::Ended(Ending::Consumed, _)) => {
            ("It was used up in making something else.", "该物品已用于制造其他物品。")
        }
        Some(Life::Ended(Ending::Decommissioned, _)) => (
            "Its identity was ended; nothing on record speaks against it.",
            "其编码已注销；记录中没有异常。",
        ),
        Some(Life::Ended(Ending::Destroyed, _)) => ("It was destroyed.", "该物品已销毁。"),
        Some(Life::Ended(Ending::Other, _)) => (
            "It has come to its end; nothing on record speaks against it.",
            "其生命周期已结束；记录中没有异常。",
        ),
        _ => ("Nothing on record speaks against it.", "记录中没有发现异常。"),
    };
    language.pick(english, chinese).to_owned()
}

#[cfg(test)]
mod tests {
    use tracehold_contracts::provenance::{Mark, Said};

    use super::*;

    fn state(disposition: &str) -> ItemState {
        let said = Said { what: disposition.to_owned(), mark: Mark::default() };
        ItemState { disposition: Some(said), ..ItemState::default() }
    }

    #[test]
    fn the_worst_that_speaks_is_the_verdict() {
        let copied = Oddity::Agreed(AnomalyKind::CommissionedTwice);
        let late = Oddity::Agreed(AnomalyKind::TimeGoesBack);
        for (disposition, open, expected) in [
            ("active", vec![], Signal::Fine),
            ("active", vec![&late], Signal::Attention),
            ("active", vec![&late, &copied], Signal::Stop),
            ("recalled", vec![&late], Signal::Stop),
            ("https://ref.gs1.org/cbv/Disp-recalled", vec![], Signal::Stop),
            ("mismatch_class", vec![&copied], Signal::Stop),
        ] {
            let verdict = verdict(Some(&state(disposition)), &open, Language::Chinese);
            assert_eq!(verdict.signal, expected, "{disposition} {open:?}");
            assert!(!verdict.reason.is_empty());
        }
        assert_eq!(verdict(None, &[], Language::English).signal, Signal::Fine);
    }

    /// Every kind of oddity has a signal, and words in both languages.
    #[test]
    fn every_oddity_is_told() {
        let agreed = AnomalyKind::ALL.iter().map(|kind| Oddity::Agreed(*kind));
        for oddity in agreed.chain([Oddity::Recalled]) {
            for language in [Language::English, Language::Chinese] {
                assert!(oddity.signal() > Signal::Fine);
                let told = oddity.told(language);
                assert!(!told.what.is_empty() && !told.who.is_empty() && !told.how.is_empty());
            }
        }
    }
}
