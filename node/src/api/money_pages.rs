//! The pages that hold prices: agreements and accounts. An API key opens them, in the
//! `Authorization` header or exchanged for a session; a reader sees what its member has a part in.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tracehold_chain::agreement::Terms;
use tracehold_chain::epcis::uri::percent_encoded;
use tracehold_chain::money::{AccountId, AgreementId, MoneyCause, Purpose};
use tracehold_contracts::agreement::explain::{
    ConditionStatus, EventRef, Explained, ExplainedMilestone, Explanation, MilestoneStatus,
    Sentence, explain,
};
use tracehold_contracts::agreement::{AgreementRecord, Context, Ending, Stage, View, words};
use tracehold_explorer::language::Language;
use tracehold_explorer::money::{
    self, Account, Agreement, Link, Listed, Milestone, Payment, Reason, SignedIn,
};
use tracehold_explorer::pages::Frame;

use super::ApiState;
use super::accounts::{account_of, entry_token};
use super::agreements::found;
use super::auth::Keyed;
use super::entries::{decimal, path_of};
use super::extract::{InPath, query_pairs, read_body};
use super::pages::{frame, page};
use super::problem::Problem;
use super::visible::Caller;
use crate::fault::Fault;
use crate::keystore::AgentSigner;
use crate::view::{Line, ReadView};

/// Lines of an account's statement on its page.
pub const LINES_ON_PAGE: usize = 30;
/// Payments of an agreement on its page: more than its milestones and deposits can make, save pro
/// rata in very small parts.
const MAX_PAYMENTS_ON_PAGE: usize = 500;
/// Accounts, and agreements, on one page.
const MAX_ON_PAGE: usize = 100;
/// Bytes of the sign-in form.
const MAX_FORM_BYTES: usize = 4 * 1024;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who reads, or the page that asks for it.
enum Reader {
    In(AgentSigner, SignedIn),
    Out(Response),
}

fn reader(
    state: &ApiState,
    keyed: Result<Option<Keyed>, Problem>,
    headers: &HeaderMap,
    uri: &http::Uri,
) -> Result<Reader, Problem> {
    let (agent, by_session) = match keyed? {
        Some(keyed) => (Some(keyed.agent), false),
        None => (state.sessions().agent(state.keystore(), headers), true),
    };
    if let Some(agent) = agent {
        let name = agent.agent_id.to_string();
        return Ok(Reader::In(agent, SignedIn { agent: name, by_session }));
    }
    let frame = frame(state, headers, uri);
    let next = uri.path_and_query().map_or_else(|| uri.path(), |whole| whole.as_str());
    let html = money::sign_in(&frame, next, false);
    Ok(Reader::Out(private(StatusCode::UNAUTHORIZED, html)))
}

/// A page that nobody else may keep or show.
fn private(status: StatusCode, html: String) -> Response {
    let mut response = page(status, html);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language, Authorization, Cookie"));
    response
}

fn is_https(headers: &HeaderMap) -> bool {
    headers.get(FORWARDED_PROTO).is_some_and(|value| value.as_bytes() == b"https")
}

/// Whether a form was sent by a page of ours, as far as the browser says.
fn is_own(headers: &HeaderMap) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    matches!(site, None | Some(b"same-origin" | b"none"))
}

/// A path of this site to go to, and nothing else.
fn own_path(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let is_plain = next.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if is_path && is_plain { next } else { "/accounts" }
}

/// `GET /sign-in`.
pub async fn sign_in_form(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let frame = frame(&state, &headers, &uri);
    private(StatusCode::OK, money::sign_in(&frame, "/accounts", false))
}

/// `POST /sign-in`: exchanges an API key for a session.
pub async fn sign_in(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let frame = frame(&state, &headers, &uri);
    let bytes = read_body(body, MAX_FORM_BYTES, state.limits().body).await?;
    let text = String::from_utf8_lossy(&bytes);
    let form: http::Uri = format!("/?{text}").parse().unwrap_or_default();
    let fields = query_pairs(&form);
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted);
    let field = |wanted: &str| field(wanted).map_or("", |(_, value)| value.trim());
    let next = own_path(field("next"));
    let cookie = is_own(&headers)
        .then(|| state.sessions().begin(state.keystore(), field("api_key"), is_https(&headers)))
        .flatten();
    let Some(cookie) = cookie else {
        return Ok(private(StatusCode::UNAUTHORIZED, money::sign_in(&frame, next, true)));
    };
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().insert(SET_COOKIE, cookie);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /sign-out`: a form of another site ends no session.
pub async fn sign_out(State(state): State<ApiState>, headers: HeaderMap) -> Response {
    let cookie =
        is_own(&headers).then(|| state.sessions().end(&headers, is_https(&headers))).flatten();
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response();
    response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// `/agreements`: those in which the reader's member has a role.
pub async fn agreements(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (agent, who) = match reader(&state, keyed, &headers, &uri)? {
        Reader::In(agent, who) => (agent, who),
        Reader::Out(form) => return Ok(form),
    };
    let frame = frame(&state, &headers, &uri);
    let language = frame.language;
    let member = agent.agent_id.member().clone();
    let caller = Caller::Agent(agent.agent_id);
    let read = move |view: &ReadView| {
        let mut listed = Vec::new();
        for (_, id) in view.agreements_of(&member, None, MAX_ON_PAGE)? {
            let Some((record, terms)) = found(view, &caller, id)? else { continue };
            listed.push(Listed {
                link: Link { text: terms.title, path: format!("/agreements/{id}") },
                stage: stage(&record.stage, language),
                proposed: record.proposed_at.to_string(),
            });
        }
        Ok(listed)
    };
    let listed = state.read_much(read).await?;
    Ok(private(StatusCode::OK, money::agreements(&frame, &who, &listed)))
}

/// `/agreements/{id}`.
pub async fn agreement(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    InPath(id): InPath<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (agent, who) = match reader(&state, keyed, &headers, &uri)? {
        Reader::In(agent, who) => (agent, who),
        Reader::Out(form) => return Ok(form),
    };
    let frame = frame(&state, &headers, &uri);
    let caller = Caller::Agent(agent.agent_id);
    let told = match id.parse::<AgreementId>() {
        Err(_) => None,
        Ok(agreement) => {
            let (names, language) = (state.clone(), frame.language);
            let read = move |view: &ReadView| {
                let Some((record, terms)) = found(view, &caller, agreement)? else {
                    return Ok(None);
                };
                told(&names, view, &record, &terms, language).map(Some)
            };
            state.read_much(read).await?
        }
    };
    let Some(told) = told else {
        let html = money::no_agreement(&frame, &id);
        return Ok(private(StatusCode::NOT_FOUND, html));
    };
    Ok(private(StatusCode::OK, money::agreement(&frame, &who, &told)))
}

/// An agreement as its page shows it.
fn told(
    state: &ApiState,
    view: &ReadView,
    record: &AgreementRecord,
    terms: &Terms,
    language: Language,
) -> Result<Agreement, Fault> {
    let pot = AccountId::Agreement(record.id);
    let (left, _) = view.balances(&pot)?;
    let left = left.iter();
    let (mut lines, _) = view.statement(&pot, None, MAX_PAYMENTS_ON_PAGE)?;
    lines.reverse();
    let payments = lines.iter().map(|line| payment(view, &pot, line, language, true));
    let explained = explanation(view, record, terms)?;
    let milestones = explained.milestones.iter().map(|one| milestone(one, language)).collect();
    let summary = explained.summary.iter().map(|sentence| said(sentence, language));
    let is_corrected = record.milestones.iter().any(|state| !state.corrected.is_empty());
    let corrected = is_corrected.then(|| {
        let text = language.pick(
            "An event on which money was paid was corrected afterwards. The money does not move \
             back by itself.",
            "付款所依据的事件后来被更正。款项不会自动退回。",
        );
        text.to_owned()
    });
    let parties = terms.roles.iter().map(|role| {
        (
            words::role(&role.role, spoken(language)),
            format!("{} ({})", state.member_name(&role.member), role.member),
        )
    });
    Ok(Agreement {
        title: terms.title.clone(),
        id: record.id.to_string(),
        stage: std::iter::once(stage(&record.stage, language)).chain(summary).collect(),
        corrected,
        pot: left.map(|b| format!("{} {}", decimal(b.posted, &b.asset), b.asset)).collect(),
        milestones,
        payments: payments.collect::<Result<_, Fault>>()?,
        clauses: clauses(terms, language),
        parties: parties.collect(),
    })
}

/// Why an agreement stands where it stands.
fn explanation(
    view: &ReadView,
    record: &AgreementRecord,
    terms: &Terms,
) -> Result<Explanation, Fault> {
    let facts = view.facts(record)?;
    let get = |key: &[u8]| view.state_bytes(key);
    let context = Context {
        terms,
        record,
        facts: &facts,
        as_of: View::now(view.head().block_time),
        get: &get,
        authority: view.authority(),
    };
    view.readable(explain(&context))
}

fn said(sentence: &Sentence, language: Language) -> String {
    language.pick(&sentence.en, &sentence.zh).clone()
}

/// A condition and those inside it, one line each.
fn reasons(explained: &Explained, depth: usize, language: Language, lines: &mut Vec<Reason>) {
    lines.push(Reason {
        depth,
        is_met: explained.status == ConditionStatus::Holds,
        text: said(&explained.said, language),
        events: explained.events.iter().map(|event| event_page(&event.event_id)).collect(),
    });
    for inner in &explained.of {
        reasons(inner, depth.saturating_add(1), language, lines);
    }
}

fn event_page(event_id: &str) -> Link {
    let path = format!("/event/{}", percent_encoded(event_id));
    Link { text: event_id.to_owned(), path }
}

/// The language as the words of agreements know it.
fn spoken(language: Language) -> words::Language {
    language.pick(words::Language::En, words::Language::Zh)
}

/// The terms, clause by clause.
fn clauses(terms: &Terms, language: Language) -> Vec<String> {
    let clauses = words::terms(terms, spoken(language));
    clauses.into_iter().map(|clause| clause.text).collect()
}

fn milestone(explained: &ExplainedMilestone, language: Language) -> Milestone {
    let mut lines = Vec::new();
    if let Some(condition) = &explained.condition {
        reasons(condition, 0, language, &mut lines);
    }
    let links = |events: &[EventRef]| -> Vec<Link> {
        events.iter().map(|event| event_page(&event.event_id)).collect()
    };
    Milestone {
        name: explained.id.to_string(),
        is_fulfilled: explained.status == MilestoneStatus::Fulfilled,
        said: explained.said.iter().map(|sentence| said(sentence, language)).collect(),
        reasons: lines,
        events: links(&explained.events),
        corrected: links(&explained.corrected),
    }
}

fn stage(stage: &Stage, language: Language) -> String {
    let text = match stage {
        Stage::Proposed => language.pick("Proposed", "已提议"),
        Stage::Accepted => {
            language.pick("Accepted by all; deposits are awaited", "各方已接受，等待存入款项")
        }
        Stage::Running => language.pick("Running", "执行中"),
        Stage::Disputed => language.pick("In dispute: nothing is paid", "争议中：暂不付款"),
        Stage::Ended { how, at } => {
            let how = match how {
                Ending::Released { milestone } => language.pick(
                    format!("Ended: released by milestone {milestone}"),
                    format!("已结束：由里程碑“{milestone}”放款"),
                ),
                Ending::Cancelled => {
                    language.pick("Ended: cancelled by all", "已结束：各方同意取消").to_owned()
                }
                Ending::Unfunded => language
                    .pick("Ended: a deposit was missing", "已结束：有款项未按时存入")
                    .to_owned(),
                Ending::Ruled => language
                    .pick("Ended: settled by the arbiter", "已结束：由仲裁方裁定")
                    .to_owned(),
                Ending::Expired => {
                    language.pick("Ended: the deadline came", "已结束：截止时间已到").to_owned()
                }
                Ending::NotAccepted { .. } => {
                    language.pick("Ended: not accepted", "已结束：未被接受").to_owned()
                }
            };
            return format!("{how} ({at})");
        }
    };
    text.to_owned()
}

/// `/accounts`: the accounts of the reader's member; `?account=` and `before=` lead to older lines.
pub async fn accounts(
    State(state): State<ApiState>,
    keyed: Result<Option<Keyed>, Problem>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (agent, who) = match reader(&state, keyed, &headers, &uri)? {
        Reader::In(agent, who) => (agent, who),
        Reader::Out(form) => return Ok(form),
    };
    let frame = frame(&state, &headers, &uri);
    let pairs = query_pairs(&uri);
    let given = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, v)| v);
    let member = agent.agent_id.member().clone();
    let only = given("account").and_then(|purpose| Purpose::new(purpose.clone()).ok());
    let before = entry_token(given("before").map(String::as_str))?;
    let caller = Caller::Agent(agent.agent_id);
    let read = {
        let frame = frame.clone();
        move |view: &ReadView| {
            let names = match only {
                Some(purpose) => vec![AccountId::of(member, purpose)],
                None => view.accounts_of(&member, None, MAX_ON_PAGE)?.0,
            };
            let mut accounts = Vec::new();
            for name in names {
                accounts.extend(account(view, &caller, &name, before, &frame)?);
            }
            Ok(accounts)
        }
    };
    let accounts = state.read_much(read).await?;
    Ok(private(StatusCode::OK, money::accounts(&frame, &who, &accounts)))
}

fn account(
    view: &ReadView,
    caller: &Caller,
    name: &AccountId,
    before: Option<tracehold_chain::money::EntryId>,
    frame: &Frame,
) -> Result<Option<Account>, Fault> {
    let Some(shown) = account_of(view, caller, name)? else { return Ok(None) };
    let (lines, more) = view.statement(name, before, LINES_ON_PAGE)?;
    let last = lines.last().filter(|_| more).map(|(id, _)| id.to_string());
    let purpose = path_of(name);
    let purpose = purpose.split_once(':').map_or("", |(_, purpose)| purpose);
    let older = last.map(|id| format!("/accounts?account={purpose}&before={id}"));
    let balances = shown.balances.into_iter();
    let lines = lines.iter().map(|line| payment(view, name, line, frame.language, false));
    Ok(Some(Account {
        name: shown.account,
        balances: balances.map(|b| [b.asset, b.posted, b.held, b.available]).collect(),
        lines: lines.collect::<Result<_, Fault>>()?,
        older,
    }))
}

/// A line of the statement of `own`. The other side is shown for a pot, whose own side says nothing
/// new; the own side and what is there afterwards for any other account.
fn payment(
    view: &ReadView,
    own: &AccountId,
    (id, line): &Line,
    language: Language,
    is_pot: bool,
) -> Result<Payment, Fault> {
    let what = match &line.entry.cause {
        MoneyCause::Command { reference, memo, .. } => {
            let memo = memo.as_deref().map(|memo| format!(": {memo}")).unwrap_or_default();
            language.pick(format!("Payment {reference}{memo}"), format!("付款 {reference}{memo}"))
        }
        MoneyCause::Deposit { deposit, .. } => {
            language.pick(format!("Deposit {deposit}"), format!("存入 {deposit}"))
        }
        MoneyCause::Milestone { milestone, .. } => {
            language.pick(format!("Milestone {milestone}"), format!("里程碑 {milestone}"))
        }
        MoneyCause::End { .. } => language.pick("End of the agreement", "协议结束").to_owned(),
    };
    let mut links = match &line.entry.cause {
        MoneyCause::Deposit { agreement, .. }
        | MoneyCause::Milestone { agreement, .. }
        | MoneyCause::End { agreement }
            if !is_pot =>
        {
            let text = language.pick("the agreement", "协议").to_owned();
            vec![Link { text, path: format!("/agreements/{agreement}") }]
        }
        _ => Vec::new(),
    };
    for event in super::accounts::paid_on(view, *id, &line.entry.cause)? {
        links.extend(event.event_id.as_deref().map(event_page));
    }
    let amount = |posting: &tracehold_chain::money::Posting| {
        let sign = if posting.amount > 0 { "+" } else { "" };
        format!("{sign}{} {}", decimal(posting.amount, &posting.asset), posting.asset)
    };
    let postings = line.entry.postings.iter();
    let moved = postings.filter(|posting| (posting.account == *own) != is_pot);
    let after = line.after.iter().filter(|_| !is_pot);
    Ok(Payment {
        time: line.time.to_string(),
        what,
        moved: moved.map(|posting| (posting.account.to_string(), amount(posting))).collect(),
        after: after.map(|(asset, left)| format!("{} {asset}", decimal(*left, asset))).collect(),
        links,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_back_to_a_page_of_this_site_only() {
        assert_eq!(own_path("/agreements/ab?lang=en"), "/agreements/ab?lang=en");
        for other in ["//evil.example", "https://evil.example", "", "/\\evil.example", "/a\r\nb"] {
            assert_eq!(own_path(other), "/accounts", "{other}");
        }
    }
}
