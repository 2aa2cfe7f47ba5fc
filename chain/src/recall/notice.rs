//! What a recall says, and its rules.
//!
//! Beside the rules of [`crate::masterdata`]:
//!
//! | code | the rule |
//! |---|---|
//! | `too-few` | at least one thing is recalled |
//! | `order` | identifiers are in their order, each once |
//! | `required` | a reason, what to do and a contact are there |
//! | `href` | the address of more information begins with `https://` |

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::epcis::uri::is_uri;
use crate::epcis::{Canonical, Flaw, Level, Violation, canonical, shown};
use crate::limits::{
    MAX_LINE_BYTES, MAX_RECALL_BYTES, MAX_RECALLED_ITEMS, MAX_TEXT_BYTES, MAX_URI_BYTES,
};
use crate::masterdata::{Faults, Texts};

/// What a recall says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallNotice {
    /// What is recalled: canonical identifiers of products, lots, single things and logistic
    /// units, in their order, each once.
    pub items: Vec<String>,
    /// What is wrong, by language.
    pub reason: Texts,
    /// What whoever has one should do, by language.
    pub what_to_do: Texts,
    /// Whom to ask: a telephone number, an address of mail.
    pub contact: String,
    /// Where more is said: an address of HTTPS.
    pub web: Option<String>,
}

/// Whether something of this identifier can be recalled.
#[must_use]
pub fn can_be_recalled(identifier: &Canonical) -> bool {
    use Level::{Class, Instance, LogisticUnit, Lot};
    let goods = matches!(identifier.level(), Class | Lot | Instance | LogisticUnit);
    goods && identifier.key().is_some() && identifier.flaw().is_none()
}

impl RecallNotice {
    /// Checks all of it.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers to the fields of its JSON form.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut faults = Faults::default();
        if self.items.is_empty() {
            faults.report("/items", "too-few", "name what is recalled: a product, lot or thing");
        }
        let count = self.items.len();
        if count > MAX_RECALLED_ITEMS {
            let message = format!(
                "there are {count} here: {MAX_RECALLED_ITEMS} is the limit; name lots, or declare \
                 several recalls"
            );
            faults.report("/items", "too-many", message);
        }
        for (index, item) in self.items.iter().enumerate().take(MAX_RECALLED_ITEMS) {
            let at = format!("/items/{index}");
            check_item(&at, item, &mut faults);
            if self.items.get(index + 1).is_some_and(|next| next <= item) {
                let message = "give identifiers in their order and each once";
                faults.report(&format!("/items/{}", index + 1), "order", message);
            }
        }
        for (at, texts, mend) in [
            ("/reason", &self.reason, "say what is wrong, in one language at least"),
            (
                "/what_to_do",
                &self.what_to_do,
                "say what people should do, in one language at least",
            ),
        ] {
            if texts.is_empty() {
                faults.report(at, "required", mend);
            }
            faults.texts(at, texts, MAX_TEXT_BYTES);
        }
        faults.text("/contact", &self.contact, MAX_LINE_BYTES);
        if let Some(web) = &self.web
            && (!web.starts_with("https://") || !is_uri(web) || web.len() > MAX_URI_BYTES)
        {
            let message = format!("{} is no address that begins with https://", shown(web));
            faults.report("/web", "href", message);
        }
        if faults.is_empty() {
            let bytes = codec::encode(self).len();
            if bytes > MAX_RECALL_BYTES {
                let message =
                    format!("the recall has {bytes} bytes, the limit is {MAX_RECALL_BYTES}");
                faults.report("", "too-many", message);
            }
        }
        faults.finish()
    }
}

/// Checks why a recall is withdrawn.
///
/// # Errors
/// Everything that is wrong.
pub fn check_reason(reason: &Texts) -> Result<(), Vec<Violation>> {
    let mut faults = Faults::default();
    if reason.is_empty() {
        faults.report("/reason", "required", "say why it is withdrawn, in one language at least");
    }
    faults.texts("/reason", reason, MAX_TEXT_BYTES);
    faults.finish()
}

fn check_item(at: &str, item: &str, faults: &mut Faults) {
    let identifier = canonical(item);
    if item.len() > MAX_URI_BYTES {
        let message = format!("this has {} bytes: {MAX_URI_BYTES} is the limit", item.len());
        faults.report(at, "uri-length", message);
    } else if let Some(Flaw::CheckDigit { right }) = identifier.flaw() {
        let message = format!("{} has a wrong check digit: it should be {right}", shown(item));
        faults.report(at, "identifier", message);
    } else if !can_be_recalled(&identifier) {
        let message = format!(
            "{} names no goods: give the GS1 Digital Link of a product, a lot, a thing or a \
             logistic unit, such as https://id.gs1.org/01/09521568251204/10/L1",
            shown(item)
        );
        faults.report(at, "identifier", message);
    } else if identifier.uri() != item {
        let message = format!("write this identifier as {}", identifier.uri());
        faults.report(at, "identifier", message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOT: &str = "https://id.gs1.org/01/09521568251204/10/L1";

    fn notice() -> RecallNotice {
        let texts = |text: &str| Texts::from([("en".to_owned(), text.to_owned())]);
        RecallNotice {
            items: vec![LOT.to_owned()],
            reason: texts("Glass was found."),
            what_to_do: texts("Do not eat it. Bring it back."),
            contact: "+49 30 1234567".to_owned(),
            web: Some("https://acme.example/recall".to_owned()),
        }
    }

    fn faults(change: impl Fn(&mut RecallNotice)) -> Vec<(String, &'static str)> {
        let mut changed = notice();
        change(&mut changed);
        let wrong = changed.check().err().unwrap_or_default();
        wrong.into_iter().map(|fault| (fault.pointer, fault.rule)).collect()
    }

    /// Promise P115: what a recall leaves out or gets wrong is named, field by field.
    #[test]
    fn a_recall_that_says_too_little_is_refused() {
        assert_eq!(faults(|_| ()), []);
        let one = |at: &str, rule| vec![(at.to_owned(), rule)];
        assert_eq!(faults(|n| n.items.clear()), one("/items", "too-few"));
        assert_eq!(faults(|n| n.reason.clear()), one("/reason", "required"));
        assert_eq!(faults(|n| n.what_to_do.clear()), one("/what_to_do", "required"));
        assert_eq!(faults(|n| n.contact.clear()), one("/contact", "text"));
        assert_eq!(faults(|n| n.web = Some("http://a.b/".into())), one("/web", "href"));
        assert_eq!(faults(|n| n.items.push(LOT.into())), one("/items/1", "order"));
        let many = |n: &mut RecallNotice| {
            let item = |serial| format!("https://id.gs1.org/01/09521568251204/21/{serial:05}");
            n.items = (0..=MAX_RECALLED_ITEMS).map(item).collect();
        };
        assert_eq!(faults(many), one("/items", "too-many"));
    }

    /// Promise P115: goods are recalled, by their one spelling.
    #[test]
    fn only_goods_are_recalled() {
        for (item, is_fine) in [
            ("https://id.gs1.org/01/09521568251204", true),
            (LOT, true),
            ("https://id.gs1.org/01/09521568251204/21/A1", true),
            ("https://id.gs1.org/00/395213210000000019", true),
            ("https://id.gs1.org/01/09521568251205", false),
            ("https://id.gs1.org/414/9521321000018", false),
            ("urn:epc:id:sgtin:9521568.025120.A1", false),
            ("urn:uuid:1", false),
        ] {
            let wrong = faults(|n| n.items = vec![item.to_owned()]);
            assert_eq!(wrong.is_empty(), is_fine, "{item}: {wrong:?}");
        }
    }
}
