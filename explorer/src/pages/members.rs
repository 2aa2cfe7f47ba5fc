//! The pages of those who have a part in the money: agreements, accounts and statements, what waits
//! for a second agent, and the form that lets them in. Whoever calls has made sure that the reader
//! may see what is handed over.

use askama::Template;

use super::{Frame, STYLE, Texts, rendered};
use crate::story::Reference;
use crate::verdict::Signal;

/// Who reads.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The agent.
    pub agent: String,
    /// Its member's name for people.
    pub company: String,
    /// Whether this browser holds a session that can be ended.
    pub by_session: bool,
}

/// Something that somebody can do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Who and what, in a sentence.
    pub text: String,
    /// Whether it is the reader's company.
    pub is_yours: bool,
    /// The command that does it; empty when it is done by recording events.
    pub command: String,
}

/// An agreement in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its title and page.
    pub link: Reference,
    /// What its stage means for the reader.
    pub signal: Signal,
    /// How it stands.
    pub stage: String,
    /// The reader's roles in it.
    pub roles: String,
    /// When it ends at the latest, or ended.
    pub time: String,
    /// What is in its pot.
    pub pot: Vec<String>,
    /// What the reader's company can do next.
    pub moves: Vec<Move>,
}

/// How a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It holds.
    Yes,
    /// It is awaited.
    NotYet,
    /// It does not hold, or is not covered by readings.
    No,
}

/// A condition of a milestone, as deep as it stands in the others.
#[derive(Clone, Debug)]
pub struct Condition {
    /// 0 for what stands alone.
    pub depth: usize,
    /// How it stands.
    pub met: Met,
    /// What is there, or what is awaited from whom.
    pub text: String,
    /// The events that it stands on.
    pub events: Vec<Reference>,
    /// The things that are missing.
    pub missing: Vec<Reference>,
}

/// A milestone.
#[derive(Clone, Debug)]
pub struct Milestone {
    /// Its name in the terms.
    pub name: String,
    /// What its state means; none while it waits in the ordinary way.
    pub signal: Option<Signal>,
    /// How it stands, in a word.
    pub word: &'static str,
    /// The same in sentences.
    pub said: Vec<String>,
    /// Who got what.
    pub paid: Vec<String>,
    /// Its condition, while it waits.
    pub conditions: Vec<Condition>,
    /// The events on which it paid.
    pub events: Vec<Reference>,
    /// Those of them that were corrected afterwards.
    pub corrected: Vec<Reference>,
}

/// A line of a statement.
#[derive(Clone, Debug)]
pub struct Payment {
    /// When.
    pub time: String,
    /// What for.
    pub what: String,
    /// The client's reference of the command.
    pub reference: Option<String>,
    /// From or to which account.
    pub with: Vec<String>,
    /// How much, with its sign.
    pub moved: Vec<String>,
    /// What was there afterwards.
    pub after: Vec<String>,
    /// Where to read more: the agreement, events, the transaction.
    pub links: Vec<Reference>,
}

/// A dispute.
#[derive(Clone, Debug)]
pub struct Dispute {
    /// What its state means.
    pub signal: Signal,
    /// How it stands.
    pub word: String,
    /// Who opened it, when, and until when the arbiter may rule.
    pub said: Vec<String>,
    /// Why.
    pub reason: String,
    /// The arbiter's reason.
    pub ruling: Option<String>,
    /// Who got what by it.
    pub pays: Vec<String>,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub struct Party {
    /// The role.
    pub role: String,
    /// The company.
    pub company: Reference,
    /// Whether it has accepted, and who did.
    pub accepted: String,
    /// What that means.
    pub signal: Signal,
    /// On which account it is paid.
    pub account: String,
}

/// What is paid in.
#[derive(Clone, Debug)]
pub struct Deposit {
    /// Its name in the terms.
    pub name: String,
    /// Who pays it.
    pub role: String,
    /// How much.
    pub amount: String,
    /// When it came, or is due.
    pub state: String,
    /// What that means.
    pub signal: Signal,
}

/// A step that an agreement went.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub time: String,
    /// What happened.
    pub text: String,
    /// The event that caused it.
    pub event: Option<Reference>,
}

/// An agreement as its page shows it.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// What people call it.
    pub title: String,
    /// Its id.
    pub id: String,
    /// The reader's roles.
    pub roles: String,
    /// What its stage means.
    pub signal: Signal,
    /// How it stands, in a few words.
    pub stage: String,
    /// The same in sentences.
    pub summary: Vec<String>,
    /// Who can do what next.
    pub moves: Vec<Move>,
    /// What is said of events that were corrected after they had paid.
    pub corrected: Option<String>,
    /// What is in the pot.
    pub pot: Vec<String>,
    /// When it ends at the latest.
    pub deadline: String,
    /// The goods that it names: the first.
    pub goods: Vec<Reference>,
    /// How many more there are.
    pub more_goods: usize,
    /// What is paid in.
    pub deposits: Vec<Deposit>,
    /// Its milestones.
    pub milestones: Vec<Milestone>,
    /// The dispute that is open, or was the last.
    pub dispute: Option<Dispute>,
    /// What was paid in and out, oldest first.
    pub payments: Vec<Payment>,
    /// Whether there were more payments than these.
    pub has_more_payments: bool,
    /// Every step, oldest first.
    pub steps: Vec<Step>,
    /// Whether there are more steps than these.
    pub has_more_steps: bool,
    /// The terms in sentences.
    pub clauses: Vec<String>,
    /// Who takes part.
    pub parties: Vec<Party>,
}

/// How much of an asset is on an account.
#[derive(Clone, Debug)]
pub struct Balance {
    /// Of what.
    pub asset: String,
    /// All of it.
    pub posted: String,
    /// What of it is set aside.
    pub held: String,
    /// What is free.
    pub free: String,
}

/// An account in a list, or on its page.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its page.
    pub path: String,
    /// When two agents are needed.
    pub rule: Vec<String>,
    /// What is on it.
    pub balances: Vec<Balance>,
    /// Whether there is more on it than is listed.
    pub has_more: bool,
}

/// A part of an account's statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The account.
    pub account: Account,
    /// Lines, newest first.
    pub lines: Vec<Payment>,
    /// The page with older lines.
    pub older: Option<String>,
    /// The page with the newest lines, when this is another.
    pub newest: Option<String>,
}

/// What waits for a second agent.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What is asked for.
    pub what: String,
    /// All that is approved with it.
    pub details: Vec<(&'static str, String)>,
    /// Who asked, and until when it waits.
    pub by: String,
    /// The commands that answer it.
    pub commands: Vec<String>,
    /// Where to read more.
    pub link: Option<Reference>,
}

/// A page of a list: what is on it, and how to go on.
#[derive(Clone, Debug)]
pub struct Part<T> {
    /// What is on it.
    pub list: Vec<T>,
    /// The page that follows.
    pub next: Option<String>,
    /// The first page, when this is another.
    pub first: Option<String>,
}

macro_rules! page {
    ($(#[$doc:meta])* $name:ident, $struct:ident, $path:literal, ($en:literal, $zh:literal),
        $($field:ident: $type:ty),*) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $struct<'a> {
            frame: &'a Frame,
            t: &'static Texts,
            style: &'static str,
            title: &'a str,
            who: &'a SignedIn,
            $($field: $type,)*
        }

        $(#[$doc])*
        #[must_use]
        pub fn $name<'a>(frame: &'a Frame, who: &'a SignedIn, $($field: $type),*) -> String {
            let (t, style) = (frame.texts(), STYLE);
            let title = frame.say($en, $zh);
            rendered(&$struct { frame, t, style, title, who, $($field),* })
        }
    };
}

page! {
    /// A member's accounts.
    accounts, AccountsPage, "accounts.html",
    ("Accounts", "账户"),
    part: &'a Part<Account>
}

page! {
    /// The agreements in which a member has a role.
    agreements, AgreementsPage, "agreements.html",
    ("Agreements", "协议"),
    part: &'a Part<Listed>
}

page! {
    /// What waits for a second agent of a member. `is_whole` says whether all was looked through.
    approvals, ApprovalsPage, "approvals.html",
    ("Waiting for a second agent", "等待第二名代理人"),
    waiting: &'a [Waiting], is_whole: bool
}

#[derive(Template)]
#[template(path = "agreement.html")]
struct AgreementPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    who: &'a SignedIn,
    agreement: &'a Agreement,
}

/// The page of an agreement.
#[must_use]
pub fn agreement(frame: &Frame, who: &SignedIn, agreement: &Agreement) -> String {
    let (t, title) = (frame.texts(), agreement.title.as_str());
    rendered(&AgreementPage { frame, t, style: STYLE, title, who, agreement })
}

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    who: &'a SignedIn,
    statement: &'a Statement,
}

/// The page of an account: what is on it, and its statement.
#[must_use]
pub fn statement(frame: &Frame, who: &SignedIn, statement: &Statement) -> String {
    let (t, title) = (frame.texts(), statement.account.name.as_str());
    rendered(&StatementPage { frame, t, style: STYLE, title, who, statement })
}

/// Why the form is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody wants to sign in.
    Asked,
    /// The page that was wanted needs it.
    Needed,
    /// The key that was given is not known.
    UnknownKey,
    /// The session was ended.
    SignedOut,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    company: &'a str,
    next: &'a str,
    why: Why,
}

/// The form that asks for an API key. `next` is the page to go to afterwards, `company` the member
/// that runs this node.
#[must_use]
pub fn sign_in(frame: &Frame, company: &str, next: &str, why: Why) -> String {
    let (t, title) = (frame.texts(), frame.say("Sign in", "登录"));
    rendered(&SignInPage { frame, t, style: STYLE, title, company, next, why })
}

#[derive(Template)]
#[template(path = "not_yours.html")]
struct NotYoursPage<'a> {
    frame: &'a Frame,
    t: &'static Texts,
    style: &'static str,
    title: &'a str,
    who: &'a SignedIn,
    about: &'a str,
    help: &'a str,
}

/// The page for an agreement that is not there, or not the reader's to see.
#[must_use]
pub fn no_agreement(frame: &Frame, who: &SignedIn, about: &str) -> String {
    let title = frame.say("There is no such agreement for you", "没有您可查看的此协议");
    let help = frame.say(
        "Only the companies that have a role in an agreement see it. Check the address, or ask \
         whoever sent it to you in which company's name you should sign in.",
        "只有在协议中担任角色的公司可以查看。请核对网址，或向发送者确认应以哪家公司的身份登录。",
    );
    let t = frame.texts();
    rendered(&NotYoursPage { frame, t, style: STYLE, title, who, about, help })
}

/// The page for an account that is not there, or not the reader's to see.
#[must_use]
pub fn no_account(frame: &Frame, who: &SignedIn, about: &str) -> String {
    let title = frame.say("There is no such account for you", "没有您可查看的此账户");
    let help = frame.say(
        "It is not open, or another company's. An agent of your company opens an account with \
         `tracehold money account PURPOSE --reference NAME`.",
        "该账户尚未开立，或属于其他公司。贵公司的代理人可用 \
         `tracehold money account PURPOSE --reference NAME` 开立账户。",
    );
    let t = frame.texts();
    rendered(&NotYoursPage { frame, t, style: STYLE, title, who, about, help })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn frame(language: Language) -> Frame {
        Frame { language, path: "/agreements".into(), chain_id: "net".into() }
    }

    fn who() -> SignedIn {
        SignedIn { agent: "buyer/app".into(), company: "<u>Buyer</u>".into(), by_session: true }
    }

    fn link(text: &str) -> Reference {
        Reference { text: text.into(), path: Some("/event/1?lang=en".into()) }
    }

    /// Promise P75: what people and companies write is text on these pages and nothing else.
    #[test]
    fn what_others_wrote_is_escaped() {
        let hostile = "<script>x</script>".to_owned();
        let agreement = Agreement {
            title: hostile.clone(),
            id: "ab".into(),
            roles: hostile.clone(),
            signal: Signal::Attention,
            stage: "Running".into(),
            summary: vec![hostile.clone()],
            moves: vec![Move {
                text: hostile.clone(),
                is_yours: true,
                command: "tracehold agreement accept ab".into(),
            }],
            corrected: Some(hostile.clone()),
            pot: vec!["5.00 EUR@bank".into()],
            deadline: "soon".into(),
            goods: vec![link(&hostile)],
            more_goods: 3,
            deposits: vec![Deposit {
                name: "price".into(),
                role: hostile.clone(),
                amount: "5.00 EUR@bank".into(),
                state: "in".into(),
                signal: Signal::Fine,
            }],
            milestones: vec![Milestone {
                name: "delivered".into(),
                signal: None,
                word: "waiting",
                said: vec![hostile.clone()],
                paid: vec![hostile.clone()],
                conditions: vec![Condition {
                    depth: 1,
                    met: Met::NotYet,
                    text: hostile.clone(),
                    events: vec![link(&hostile)],
                    missing: vec![link(&hostile)],
                }],
                events: vec![link(&hostile)],
                corrected: vec![link(&hostile)],
            }],
            dispute: Some(Dispute {
                signal: Signal::Attention,
                word: hostile.clone(),
                said: vec![hostile.clone()],
                reason: hostile.clone(),
                ruling: Some(hostile.clone()),
                pays: vec![hostile.clone()],
            }),
            payments: vec![Payment {
                time: "now".into(),
                what: hostile.clone(),
                reference: Some(hostile.clone()),
                with: vec![hostile.clone()],
                moved: vec!["+5.00 EUR@bank".into()],
                after: Vec::new(),
                links: vec![link(&hostile)],
            }],
            has_more_payments: true,
            steps: vec![Step {
                time: "now".into(),
                text: hostile.clone(),
                event: Some(link(&hostile)),
            }],
            has_more_steps: true,
            clauses: vec![hostile.clone()],
            parties: vec![Party {
                role: hostile.clone(),
                company: link(&hostile),
                accepted: hostile.clone(),
                signal: Signal::Fine,
                account: hostile,
            }],
        };
        for language in [Language::English, Language::Chinese] {
            let html = super::agreement(&frame(language), &who(), &agreement);
            assert!(!html.contains("<script>x") && !html.contains("<u>"), "{html}");
            assert!(html.contains("5.00 EUR@bank") && html.contains("buyer/app"));
            assert!(html.contains("/sign-out") && html.contains("tracehold agreement accept ab"));
        }
    }

    /// Promise P90: a page without anything on it says who must do what next.
    #[test]
    fn empty_pages_say_what_to_do() {
        for (language, says) in
            [(Language::English, "puts terms forward"), (Language::Chinese, "提出条款")]
        {
            let part = Part { list: Vec::new(), next: None, first: None };
            let html = agreements(&frame(language), &who(), &part);
            assert!(html.contains(says) && html.contains("tracehold agreement templates"));
            let html = approvals(&frame(language), &who(), &[], false);
            assert!(html.contains("class=\"empty\"") && html.contains("class=\"note\""));
            let html = sign_in(&frame(language), "Mill", "/agreements/ab?x=\"1", Why::UnknownKey);
            assert!(html.contains("role=\"alert\"") && html.contains("Mill"));
            assert!(html.contains("/agreements/ab?x=") && !html.contains("x=\"1"));
            assert!(html.contains("tracehold keys create-api-key"));
        }
    }
}
