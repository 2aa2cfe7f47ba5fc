//! The words that GS1 Digital Link 1.0 and 1.1 allowed in place of application identifiers. Later
//! versions write digits only; links with words are still about.

/// Words and the application identifiers they stand for, sorted by word.
const WORDS: [(&str, &str); 29] = [
    ("billTo", "411"),
    ("cpid", "8010"),
    ("cpsn", "8011"),
    ("cpv", "22"),
    ("exp", "17"),
    ("gcn", "255"),
    ("gdti", "253"),
    ("giai", "8004"),
    ("ginc", "401"),
    ("gln", "414"),
    ("glnProd", "416"),
    ("glnx", "254"),
    ("gmn", "8013"),
    ("grai", "8003"),
    ("gsin", "402"),
    ("gsrn", "8018"),
    ("gsrnp", "8017"),
    ("gtin", "01"),
    ("itip", "8006"),
    ("lot", "10"),
    ("party", "417"),
    ("payTo", "415"),
    ("purchasedFrom", "412"),
    ("refNo", "8020"),
    ("ser", "21"),
    ("shipFor", "413"),
    ("shipTo", "410"),
    ("srin", "8019"),
    ("sscc", "00"),
];

/// Locations that versions 1.0 and 1.1 had among the primary keys.
pub(super) const FORMER_KEYS: [&str; 5] = ["410", "411", "412", "413", "416"];

/// The application identifier that `word` stands for.
pub(super) fn ai_of(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, ai)| *ai)
}

/// The word that stands for `ai`, if there was one.
pub(super) fn word_of(ai: &str) -> Option<&'static str> {
    WORDS.iter().find(|(_, known)| *known == ai).map(|(word, _)| *word)
}
