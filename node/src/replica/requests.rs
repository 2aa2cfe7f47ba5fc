//! Questions to single peers, and answers to theirs.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::DecidedBlock;
use tracehold_chain::codec;
use tracehold_chain::consensus::message::{Request, Response, decode_request};
use tracehold_chain::keys::PublicKey;
use tracehold_chain::units::Height;

use super::{Effect, Replica, RequestId};

/// Encoded bytes of decided blocks in one answer, beyond the first.
const MAX_RUN_BYTES: usize = 2 * 1024 * 1024;

/// Decided blocks in one answer.
pub(super) const MAX_RUN_BLOCKS: usize = 64;

/// Open questions; one for each wanted block and peer, and one for decided blocks.
const MAX_OPEN_REQUESTS: usize = 256;

/// Decided blocks kept in memory: those that the block log may not show yet, and those that peers
/// ask for most.
const RECENT_BLOCKS: usize = 8;

/// What a peer was asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// The bytes of a proposed block.
    Block { height: Height, id: BlockId },
    /// Decided blocks.
    Decided { peer: PublicKey },
}

/// Open questions and what is served from memory.
#[derive(Debug, Default)]
pub(super) struct Requests {
    next: RequestId,
    open: BTreeMap<RequestId, Asked>,
    recent: BTreeMap<Height, Arc<DecidedBlock>>,
}

impl Requests {
    /// Keeps a block just decided.
    pub(super) fn keep_recent(&mut self, height: Height, decided: Arc<DecidedBlock>) {
        self.recent.insert(height, decided);
        while self.recent.len() > RECENT_BLOCKS {
            self.recent.pop_first();
        }
    }
}

impl Replica {
    /// Asks `peer`.
    pub(super) fn ask(&mut self, to: PublicKey, asked: Asked, question: &Request) {
        let id = self.requests.next;
        self.requests.next = id.wrapping_add(1);
        self.requests.open.insert(id, asked);
        while self.requests.open.len() > MAX_OPEN_REQUESTS {
            self.requests.open.pop_first();
        }
        self.outbox.push(Effect::Request { to, id, bytes: codec::encode(question) });
    }

    /// An answer to one of our questions, or word that none will come.
    pub(super) fn on_response(&mut self, id: RequestId, answer: Option<&[u8]>) {
        let Some(asked) = self.requests.open.remove(&id) else { return };
        let response = answer.and_then(Response::decode).unwrap_or(Response::None);
        match (asked, response) {
            (Asked::Block { height, id }, Response::Block(bytes)) if height == self.height => {
                self.on_block_bytes(id, bytes);
            }
            (Asked::Block { height, id }, Response::None) if height == self.height => {
                self.on_block_missing(id);
            }
            // The peer has decided the height that we ask about: its blocks serve us better.
            (Asked::Block { .. }, Response::Decided(blocks)) => {
                self.take_decided(&blocks);
            }
            (Asked::Decided { peer }, Response::Decided(blocks)) => {
                let taken = self.take_decided(&blocks);
                self.on_sync_answer(peer, taken);
            }
            (Asked::Decided { peer }, _) => self.on_sync_answer(peer, 0),
            (Asked::Block { .. }, _) => {}
        }
    }

    /// Answers a peer's question. Junk is answered with nothing.
    pub(super) fn on_request(&mut self, id: RequestId, bytes: &[u8]) {
        let bytes = match decode_request(bytes) {
            Ok(Request::Block { height, id }) if height == self.height => {
                let held = self.candidates.held.get(&id);
                held.map_or(Response::None, |held| Response::Block(&held.bytes)).encode()
            }
            Ok(Request::Block { height, .. }) => self.decided_run(height, 1),
            Ok(Request::Decided { from }) => self.decided_run(from, MAX_RUN_BLOCKS),
            Err(_) => Response::None.encode(),
        };
        self.outbox.push(Effect::Respond { id, bytes });
    }

    /// An answer with decided blocks from `from` on, as many as are at hand and fit.
    fn decided_run(&self, from: Height, most: usize) -> Vec<u8> {
        let mut run: Vec<Vec<u8>> = Vec::new();
        let mut total: usize = 0;
        let mut height = from.max(Height(1));
        while height < self.height && run.len() < most {
            let bytes = match self.requests.recent.get(&height) {
                Some(recent) => codec::encode(&**recent),
                None => match (self.blocks)(height) {
                    Some(decided) => codec::encode(&decided),
                    None => break,
                },
            };
            total = total.saturating_add(bytes.len());
            if !run.is_empty() && total > MAX_RUN_BYTES {
                break;
            }
            run.push(bytes);
            height = height.next();
        }
        match run.is_empty() {
            true => Response::None.encode(),
            false => Response::Decided(run.iter().map(Vec::as_slice).collect()).encode(),
        }
    }
}
