//! The pages of those who have a part in the money: an agreement, a member's accounts, and the form
//! that lets them in. They are plain; whoever calls has made sure that the reader may see them.

use askama::Template;

use crate::language::Language;
use crate::pages::{Frame, STYLE, rendered};

/// A link to what has a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What to read.
    pub text: String,
    /// Where it leads; without the language.
    pub path: String,
}

/// An agreement in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its title and page.
    pub link: Link,
    /// How it stands.
    pub stage: String,
    /// When it was proposed.
    pub proposed: String,
}

/// One line of an explanation, as deep as it stands in its condition.
#[derive(Clone, Debug)]
pub struct Reason {
    /// 0 for what stands alone.
    pub depth: usize,
    /// Whether it is there already.
    pub is_met: bool,
    /// What is there, or what is awaited from whom.
    pub text: String,
    /// The events that it stands on.
    pub events: Vec<Link>,
}

/// A milestone as its page shows it.
#[derive(Clone, Debug)]
pub struct Milestone {
    /// Its name in the terms.
    pub name: String,
    /// Whether it was fulfilled.
    pub is_fulfilled: bool,
    /// How it stands, in sentences.
    pub said: Vec<String>,
    /// Its condition, while it waits.
    pub reasons: Vec<Reason>,
    /// The events on which it paid.
    pub events: Vec<Link>,
    /// Those of them that were corrected afterwards.
    pub corrected: Vec<Link>,
}

/// Money that moved.
#[derive(Clone, Debug)]
pub struct Payment {
    /// When.
    pub time: String,
    /// What for.
    pub what: String,
    /// Where it came from or went: account and amount.
    pub moved: Vec<(String, String)>,
    /// What was on the account afterwards; empty where that does not matter.
    pub after: Vec<String>,
    /// Where to read more: the agreement, events.
    pub links: Vec<Link>,
}

/// An agreement as its page shows it.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// What people call it.
    pub title: String,
    /// Its id.
    pub id: String,
    /// How it stands, in sentences.
    pub stage: Vec<String>,
    /// What is said of events that were corrected after they had paid.
    pub corrected: Option<String>,
    /// What is in the pot.
    pub pot: Vec<String>,
    /// Its milestones.
    pub milestones: Vec<Milestone>,
    /// What was paid in and out, oldest first.
    pub payments: Vec<Payment>,
    /// The terms in sentences.
    pub clauses: Vec<String>,
    /// Who takes part: role and member.
    pub parties: Vec<(String, String)>,
}

/// An account as its page shows it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// For each asset: its name, what is there, what of it is set aside, what is free.
    pub balances: Vec<[String; 4]>,
    /// The latest lines of its statement, newest first.
    pub lines: Vec<Payment>,
    /// The page with older lines.
    pub older: Option<String>,
}

/// The words of these pages.
struct Words {
    sign_in: &'static str,
    sign_in_help: &'static str,
    api_key: &'static str,
    sign_in_failed: &'static str,
    sign_out: &'static str,
    signed_in_as: &'static str,
    accounts: &'static str,
    agreements: &'static str,
    no_agreements: &'static str,
    agreement: &'static str,
    how_it_stands: &'static str,
    pot: &'static str,
    pot_empty: &'static str,
    progress: &'static str,
    paid_on: &'static str,
    corrected: &'static str,
    payments: &'static str,
    no_payments: &'static str,
    terms: &'static str,
    parties: &'static str,
    asset: &'static str,
    posted: &'static str,
    held: &'static str,
    free: &'static str,
    statement: &'static str,
    after: &'static str,
    older: &'static str,
    nothing_there: &'static str,
    fulfilled: &'static str,
    not_yours: &'static str,
    not_yours_help: &'static str,
}

static ENGLISH: Words = Words {
    sign_in: "Sign in",
    sign_in_help: "Agreements and accounts hold prices. An API key of your company shows them in \
                   this browser for eight hours; it changes nothing on the ledger.",
    api_key: "API key",
    sign_in_failed: "This node does not know that key. Give one that it made and nobody revoked.",
    sign_out: "Sign out",
    signed_in_as: "Signed in as",
    accounts: "Accounts",
    agreements: "Agreements",
    no_agreements: "Your company has no part in any agreement yet.",
    agreement: "Agreement",
    how_it_stands: "How it stands",
    pot: "Held by the agreement",
    pot_empty: "Nothing: all has been paid out, or nothing was paid in yet.",
    progress: "Milestones",
    paid_on: "Paid on",
    corrected: "Corrected afterwards",
    payments: "Payments",
    no_payments: "No money has moved yet.",
    terms: "What was agreed",
    parties: "Who takes part",
    asset: "Asset",
    posted: "There",
    held: "Set aside",
    free: "Free",
    statement: "Statement",
    after: "Afterwards",
    older: "Older",
    nothing_there: "Nothing was ever on this account.",
    fulfilled: "fulfilled",
    not_yours: "There is no such agreement for you",
    not_yours_help: "The id is not one of an agreement in which your company has a role.",
};

static CHINESE: Words = Words {
    sign_in: "登录",
    sign_in_help: "协议和账户含有价格。使用贵公司的 API 密钥登录后，可在此浏览器中查看八小时；\
                   登录不会改变账本。",
    api_key: "API 密钥",
    sign_in_failed: "本节点不认识此密钥。请使用由本节点创建且未被撤销的密钥。",
    sign_out: "退出登录",
    signed_in_as: "登录身份",
    accounts: "账户",
    agreements: "协议",
    no_agreements: "贵公司尚未参与任何协议。",
    agreement: "协议",
    how_it_stands: "目前状态",
    pot: "协议持有的款项",
    pot_empty: "无：款项已全部付出，或尚未存入。",
    progress: "里程碑",
    paid_on: "付款依据",
    corrected: "事后被更正",
    payments: "款项往来",
    no_payments: "尚无款项变动。",
    terms: "约定内容",
    parties: "参与方",
    asset: "资产",
    posted: "余额",
    held: "已冻结",
    free: "可用",
    statement: "明细",
    after: "之后余额",
    older: "更早",
    nothing_there: "此账户从未有过款项。",
    fulfilled: "已达成",
    not_yours: "没有您可查看的此协议",
    not_yours_help: "此编号不是贵公司参与的协议。",
};

fn words(language: Language) -> &'static Words {
    language.pick(&ENGLISH, &CHINESE)
}

/// How the words of a page say that somebody is signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The agent.
    pub agent: String,
    /// Whether this browser holds a session that can be ended.
    pub by_session: bool,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    frame: &'a Frame,
    t: &'static crate::language::Texts,
    w: &'static Words,
    style: &'static str,
    title: &'a str,
    next: &'a str,
    failed: bool,
}

/// The form that asks for an API key. `next` is the page to go to afterwards.
#[must_use]
pub fn sign_in(frame: &Frame, next: &str, failed: bool) -> String {
    let w = words(frame.language);
    let t = frame.language.texts();
    rendered(&SignInPage { frame, t, w, style: STYLE, title: w.sign_in, next, failed })
}

#[derive(Template)]
#[template(path = "agreement.html")]
struct AgreementPage<'a> {
    frame: &'a Frame,
    t: &'static crate::language::Texts,
    w: &'static Words,
    style: &'static str,
    title: &'a str,
    who: &'a SignedIn,
    agreement: &'a Agreement,
}

/// The page of an agreement.
#[must_use]
pub fn agreement(frame: &Frame, who: &SignedIn, agreement: &Agreement) -> String {
    let w = words(frame.language);
    let t = frame.language.texts();
    let title = agreement.title.as_str();
    rendered(&AgreementPage { frame, t, w, style: STYLE, title, who, agreement })
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage<'a> {
    frame: &'a Frame,
    t: &'static crate::language::Texts,
    w: &'static Words,
    style: &'static str,
    title: &'a str,
    who: &'a SignedIn,
    accounts: &'a [Account],
}

/// A member's accounts with their statements.
#[must_use]
pub fn accounts(frame: &Frame, who: &SignedIn, accounts: &[Account]) -> String {
    let w = words(frame.language);
    let t = frame.language.texts();
    rendered(&AccountsPage { frame, t, w, style: STYLE, title: w.accounts, who, accounts })
}

#[derive(Template)]
#[template(path = "agreements.html")]
struct AgreementsPage<'a> {
    frame: &'a Frame,
    t: &'static crate::language::Texts,
    w: &'static Words,
    style: &'static str,
    title: &'a str,
    who: &'a SignedIn,
    listed: &'a [Listed],
}

/// The agreements in which a member has a role.
#[must_use]
pub fn agreements(frame: &Frame, who: &SignedIn, listed: &[Listed]) -> String {
    let w = words(frame.language);
    let t = frame.language.texts();
    rendered(&AgreementsPage { frame, t, w, style: STYLE, title: w.agreements, who, listed })
}

/// The page for an agreement that is not there, or not the reader's to see.
#[must_use]
pub fn no_agreement(frame: &Frame, id: &str) -> String {
    let w = words(frame.language);
    crate::pages::message(frame, w.not_yours, id, w.not_yours_help, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(language: Language) -> Frame {
        Frame { language, path: "/accounts".into(), chain_id: "net".into() }
    }

    /// What people and companies write is text on the page and nothing else.
    #[test]
    fn what_others_wrote_is_escaped() {
        let who = SignedIn { agent: "buyer/app".into(), by_session: true };
        let agreement = Agreement {
            title: "<b>Sale</b>".into(),
            id: "ab".into(),
            stage: vec!["<i>".into()],
            corrected: None,
            pot: vec!["5.00 EUR@bank".into()],
            milestones: vec![Milestone {
                name: "delivered".into(),
                is_fulfilled: false,
                said: vec!["<u>".into()],
                reasons: vec![Reason {
                    depth: 1,
                    is_met: false,
                    text: "<s>".into(),
                    events: Vec::new(),
                }],
                events: Vec::new(),
                corrected: vec![Link { text: "<p>".into(), path: "/event/1".into() }],
            }],
            payments: Vec::new(),
            clauses: vec!["<q>".into()],
            parties: vec![("buyer".into(), "<em>".into())],
        };
        for language in [Language::English, Language::Chinese] {
            let html = super::agreement(&frame(language), &who, &agreement);
            for raw in ["<b>", "<i>", "<u>", "<s>", "<q>", "<em>"] {
                assert!(!html.contains(raw), "{raw}");
            }
            assert!(html.contains("5.00 EUR@bank") && html.contains("buyer/app"));
            assert!(html.contains(&format!("/event/1?lang={}", language.tag())));
            assert!(html.contains("/sign-out"));
        }
    }

    #[test]
    fn the_form_leads_back_to_where_one_came_from() {
        let html = sign_in(&frame(Language::English), "/agreements/ab?x=\"1", true);
        assert!(html.contains("method=\"post\"") && html.contains("/agreements/ab?x="));
        assert!(!html.contains("x=\"1"));
        assert!(html.contains("does not know that key"));
    }
}
