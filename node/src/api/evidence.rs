//! `GET /api/v1/evidence`: a file by which a stranger checks what is on record, without trusting
//! this node.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;
use tracehold_chain::epcis::SectionName;
use tracehold_chain::evidence::{
    About, Draft, MAX_EVIDENCE_BYTES, MAX_INPUT_LEVELS, Network, Show,
};
use tracehold_chain::money::{AccountId, AgreementId, Asset};

use super::ApiState;
use super::accounts::{account_of, no_account};
use super::agreements::found;
use super::evidence_file::EvidenceFile;
use super::extract::Params;
use super::limits::EVIDENCE_TRIES;
use super::problem::{Kind, Problem};
use super::resolver::allow_everybody;
use super::submit::not_ready;
use super::told::identifier;
use super::visible::Caller;
use crate::fault::Fault;
use crate::view::ReadView;

/// What `GET /api/v1/evidence` understands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceQuery {
    id: Option<String>,
    inputs: Option<String>,
    sections: Option<String>,
    agreement: Option<String>,
    account: Option<String>,
    asset: Option<String>,
    height: Option<String>,
}

impl EvidenceQuery {
    /// What a page asks for: the public sections of a thing, and so many levels of what it was made
    /// of.
    pub fn public(id: &str, inputs: u8) -> EvidenceQuery {
        EvidenceQuery {
            id: Some(id.to_owned()),
            inputs: Some(inputs.to_string()),
            sections: Some(SectionName::Public.as_str().to_owned()),
            agreement: None,
            account: None,
            asset: None,
            height: None,
        }
    }
}

/// Evidence of an item, agreement or balance
///
/// One file with everything by which anybody checks offline (`tracehold verify FILE`) that what it
/// says is final, unaltered and complete at one block: header and votes, the item's whole log under
/// the state root, its events, the logs of what it was packed in while it was, and on request the
/// same for what it was made of. When nothing is on record under the name, the file proves that.
/// Every open recall that names one of these things or its product is in it, or that none does.
/// Without a key, items only, and of their events the public section; the others are withheld. Then
/// a page of any origin may ask (CORS).
/// `docs/evidence.md` describes the format. The text is canonical JSON: keep it as it is.
#[utoipa::path(
    get, path = "/api/v1/evidence", tag = "Goods",
    params(
        ("id" = Option<String>, Query,
            description = "the item, as EPC URN or Digital Link; this, or `agreement`, or `account` \
                with `asset`",
            example = "https://id.gs1.org/01/09521101530001/21/a1"),
        ("inputs" = Option<u8>, Query, minimum = 0, maximum = 16,
            description = "levels of what it was made of to follow, 0 when absent"),
        ("sections" = Option<String>, Query,
            description = "sections of events to show, of `public`, `trade` and `rest`, with commas \
                between; the others are withheld: their digests are in the file. All when absent",
            example = "public"),
        ("agreement" = Option<String>, Query, description = "the id of an agreement"),
        ("account" = Option<String>, Query, description = "an account, such as `buyer/main`"),
        ("asset" = Option<String>, Query, description = "what is on it, such as `EUR@bank`"),
        ("height" = Option<u64>, Query,
            description = "the block that the evidence must be of; a node makes evidence of its \
                newest block only, and says which that is"),
    ),
    responses(
        (status = 200, description = "The file", body = EvidenceFile),
        (status = 400, description = "A parameter is unknown, breaks a rule, or does not go with \
            another"),
        (status = 404, description = "No such account or agreement that the caller may see, or the \
            block is not this node's newest"),
        (status = 413, description = "The file would be too large: ask for fewer levels of inputs"),
        (status = 503, description = "There is no block yet, or what it is about changes too fast"),
    ),
    security((), ("api_key" = []))
)]
pub async fn get_evidence(
    State(state): State<ApiState>,
    caller: Caller,
    Params(given): Params<EvidenceQuery>,
) -> Response {
    let mut response = evidence(&state, &caller, &given).await.into_response();
    if caller == Caller::Anonymous {
        // Whoever doubts one member's node asks another's, from whatever page.
        allow_everybody(response.headers_mut());
    }
    response
}

/// The file that is asked for.
///
/// # Errors
/// [`Problem`]: what is asked for cannot be had.
pub async fn evidence(
    state: &ApiState,
    caller: &Caller,
    given: &EvidenceQuery,
) -> Result<Response, Problem> {
    let wanted = Wanted::of(given)?.for_caller(caller)?;
    let height = given.height.as_deref().map(height).transpose()?;
    for _ in 0..EVIDENCE_TRIES {
        let (asked, reader) = (wanted.clone(), caller.clone());
        let drafted = state.read_much(move |view| asked.draft(view, &reader)).await?;
        let draft = match drafted {
            Drafted::Draft(draft) => draft,
            Drafted::Moved => continue,
            Drafted::Hidden => return Err(wanted.hidden()),
        };
        let proved = state.node()?.prove(draft.keys()).await.map_err(|why| not_ready(&why))?;
        let at = proved.head.height;
        if let Some(height) = height.filter(|height| *height != at.0) {
            let detail = format!(
                "this node makes evidence of its newest block, which is {at}; {height} was asked \
                 for: leave `height` out, or ask for it while it is the newest"
            );
            return Err(Problem::new(Kind::NotFound, detail).code("height_not_served"));
        }
        let Some(stored) = state.read(move |view| view.header(at)).await? else {
            let detail = "there is no block yet that evidence could be of; ask again soon";
            return Err(Problem::new(Kind::Unavailable, detail).code("height_not_served"));
        };
        let genesis = state.genesis();
        let validators = genesis.validators().map_err(|error| {
            Problem::new(Kind::Internal, format!("the genesis record: {error}"))
        })?;
        let network = Network {
            genesis,
            validators: &validators,
            header: &stored.header,
            certificate: &stored.certificate,
        };
        match draft.seal::<Fault>(network, proved.proofs) {
            Ok(evidence) => return answer(&evidence.to_text(), at.0),
            // What it is about was written again meanwhile.
            Err(_) => continue,
        }
    }
    let detail = "what this is about changes faster than evidence of it can be gathered; ask again \
                  in a second";
    Err(Problem::new(Kind::Unavailable, detail).code("busy"))
}

fn answer(text: &str, height: u64) -> Result<Response, Problem> {
    if text.len() > MAX_EVIDENCE_BYTES {
        let detail = format!(
            "the evidence has {} bytes, the limit is {MAX_EVIDENCE_BYTES}: ask for fewer levels of \
             `inputs`",
            text.len()
        );
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    let name = format!("inline; filename=\"evidence-{height}.json\"");
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_DISPOSITION, name),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, text.to_owned()).into_response())
}

/// What the evidence is to be of.
#[derive(Clone)]
enum Wanted {
    Item { id: String, show: Show },
    Agreement(AgreementId),
    Balance { account: AccountId, asset: Asset },
}

enum Drafted {
    Draft(Draft),
    /// The ledger went on: read again.
    Moved,
    /// There is no such thing that the caller may see.
    Hidden,
}

impl Wanted {
    fn of(given: &EvidenceQuery) -> Result<Wanted, Problem> {
        let EvidenceQuery { id, inputs, sections, agreement, account, asset, .. } = given;
        match (id, agreement, account, asset) {
            (Some(id), None, None, None) => {
                let show = Show {
                    sections: sections.as_deref().map_or(Ok(SectionName::ALL.to_vec()), named)?,
                    inputs: inputs.as_deref().map_or(Ok(0), levels)?,
                };
                Ok(Wanted::Item { id: identifier(id)?.into_uri(), show })
            }
            _ if inputs.is_some() || sections.is_some() => {
                let rule = "goes with `id` only";
                let field = if inputs.is_some() { "inputs" } else { "sections" };
                Err(wrong(field, rule, "leave it out, or ask for an item"))
            }
            (None, Some(id), None, None) => {
                let id = id.parse().map(AgreementId);
                id.map(Wanted::Agreement).map_err(|_| {
                    wrong("agreement", "must be an id", "give the 64 hex digits of its id")
                })
            }
            (None, None, Some(account), Some(asset)) => Ok(Wanted::Balance {
                account: account.parse().map_err(|error| {
                    wrong("account", &format!("is no account: {error}"), "write MEMBER/PURPOSE")
                })?,
                asset: asset.parse().map_err(|error| {
                    wrong("asset", &format!("is no asset: {error}"), "write such as EUR@bank")
                })?,
            }),
            _ => Err(wrong(
                "id",
                "says nothing, or more than one thing, that evidence could be of",
                "give `id`, or `agreement`, or `account` and `asset`",
            )),
        }
    }

    /// What `caller` may have of it: without a key, the public sections of an item's events.
    fn for_caller(self, caller: &Caller) -> Result<Wanted, Problem> {
        match (caller, self) {
            (Caller::Agent(_), wanted) => Ok(wanted),
            (Caller::Anonymous, Wanted::Item { id, mut show }) => {
                show.sections = vec![SectionName::Public];
                Ok(Wanted::Item { id, show })
            }
            (Caller::Anonymous, Wanted::Agreement(_) | Wanted::Balance { .. }) => {
                let detail = "evidence of money and agreements needs an agent's API key: send it \
                              as `Authorization: Bearer KEY`";
                Err(Problem::new(Kind::Unauthorized, detail))
            }
        }
    }

    fn draft(&self, view: &ReadView, caller: &Caller) -> Result<Drafted, Fault> {
        let draft = match self {
            Wanted::Item { id, show } => view.draft(id, show)?,
            Wanted::Agreement(id) => {
                if found(view, caller, *id)?.is_none() {
                    return Ok(Drafted::Hidden);
                }
                view.draft_state(About::Agreement { id: id.0 })?
            }
            Wanted::Balance { account, asset } => {
                if account_of(view, caller, account)?.is_none() {
                    return Ok(Drafted::Hidden);
                }
                let (account, asset) = (account.to_string(), asset.to_string());
                view.draft_state(About::Balance { account, asset })?
            }
        };
        Ok(draft.map_or(Drafted::Moved, Drafted::Draft))
    }

    fn hidden(&self) -> Problem {
        match self {
            Wanted::Balance { account, .. } => no_account(account),
            _ => Problem::new(Kind::NotFound, "there is no such agreement that you may see")
                .code("agreement-unknown"),
        }
    }
}

fn wrong(field: &'static str, rule: &str, mend: &str) -> Problem {
    Problem::new(Kind::Parameter, format!("{field} {rule}")).field(field, rule, mend)
}

fn named(text: &str) -> Result<Vec<SectionName>, Problem> {
    let name = |word: &str| SectionName::ALL.into_iter().find(|name| name.as_str() == word);
    text.split(',').map(name).collect::<Option<Vec<_>>>().ok_or_else(|| {
        wrong(
            "sections",
            "names a section that there is not",
            "give some of public, trade and rest, with commas between",
        )
    })
}

fn levels(text: &str) -> Result<u8, Problem> {
    let levels = text.parse().ok().filter(|levels| *levels <= MAX_INPUT_LEVELS);
    levels.ok_or_else(|| {
        let rule = format!("must be a number from 0 to {MAX_INPUT_LEVELS}");
        wrong("inputs", &rule, "give fewer levels")
    })
}

fn height(text: &str) -> Result<u64, Problem> {
    let height = text.parse().ok();
    height.ok_or_else(|| wrong("height", "must be a number", "give a block's height"))
}
