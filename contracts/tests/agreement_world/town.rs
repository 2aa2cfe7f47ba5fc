//! Many agreements between a buyer and a seller, made quickly.

use std::sync::Arc;

use serde_json::{Value, json};
use tracehold_chain::agreement::{AgreementCommand, Label, Terms};
use tracehold_chain::money::{AgreementId, Asset, MoneyAction, Reference};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::agreement::{AgreementRecord, Ending, Stage};
use tracehold_contracts::{Admitted, Layer, RejectionCode, Verdict};

use super::{BEGINNING, MINUTE, World, main_account, member};

pub const DEADLINE: TimestampMs = TimestampMs(BEGINNING.0 + 600 * MINUTE);

pub fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub fn item(number: usize) -> String {
    format!("https://id.gs1.org/01/09522202010003/21/{number}")
}

/// 100 EUR for the seller when the buyer has received a thing; back at the deadline.
pub fn escrow(number: usize) -> Value {
    json!({
        "title": format!("Escrow {number}"),
        "roles": [{"role": "buyer", "member": "buyer"}, {"role": "seller", "member": "seller"}],
        "goods": {"items": [item(number)]},
        "accept_by": BEGINNING.plus_ms(60 * MINUTE).to_string(),
        "deposits": [{"id": "price", "role": "buyer",
            "money": {"asset": "EUR@bank", "amount": "100.00"},
            "due": BEGINNING.plus_ms(120 * MINUTE).to_string()}],
        "milestones": [{"id": "received",
            "when": {"observed": {"event": {"biz_step": "receiving", "by": ["buyer"]}}},
            "pay": [{"remainder": {"to": "seller", "asset": "EUR@bank"}}], "ends": true}],
        "deadline": DEADLINE.to_string(),
        "at_deadline": [{"remainder": {"to": "buyer", "asset": "EUR@bank"}}],
    })
}

pub fn received(id: usize, items: &[usize], at: TimestampMs) -> Value {
    json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventID": format!("urn:uuid:00000000-0000-4000-8000-{id:0>12}"),
        "eventTime": at.to_string(),
        "eventTimeZoneOffset": "+00:00",
        "bizStep": "receiving",
        "epcList": items.iter().map(|number| item(*number)).collect::<Vec<_>>(),
    })
}

pub fn corrected(mut event: Value, at: TimestampMs) -> Value {
    event["errorDeclaration"] =
        json!({"declarationTime": at.to_string(), "reason": "did_not_occur"});
    event
}

pub struct Town {
    pub world: World,
    pub at: TimestampMs,
}

impl Town {
    pub fn new() -> Town {
        let (mut world, at) = (World::new(), BEGINNING.plus_ms(1_000));
        let asset: Asset = "EUR@bank".parse().unwrap();
        let paid = world.issue("bank", at, &asset, 100_000_000_000, "buyer");
        world.block(at, vec![paid]);
        Town { world, at: at.plus_ms(1_000) }
    }

    /// Moves on to a time, at which the next block is.
    pub fn go_to(&mut self, at: TimestampMs) {
        self.at = at;
    }

    pub fn block(&mut self, sent: Vec<Arc<Admitted>>) -> Arc<Layer> {
        let layer = self.world.block(self.at, sent);
        self.at = self.at.plus_ms(1_000);
        layer
    }

    pub fn try_act(
        &mut self,
        who: &str,
        command: AgreementCommand,
    ) -> Result<Arc<Layer>, RejectionCode> {
        let sent = self.world.act(who, self.at, command);
        let layer = self.block(vec![sent]);
        match &layer.receipts[0].verdict {
            Verdict::Recorded { .. } => Ok(layer.clone()),
            Verdict::Rejected(rejection) => Err(rejection.code),
        }
    }

    pub fn act(&mut self, who: &str, command: AgreementCommand) -> Arc<Layer> {
        self.try_act(who, command).unwrap()
    }

    pub fn capture(&mut self, who: &str, event: Value) -> Arc<Layer> {
        let sent = self.world.capture(who, self.at, event);
        let layer = self.block(vec![sent]);
        assert!(matches!(layer.receipts[0].verdict, Verdict::Recorded { .. }));
        layer
    }

    pub fn accept(agreement: AgreementId, role: &str) -> AgreementCommand {
        AgreementCommand::Accept { agreement, role: label(role) }
    }

    /// The seller proposes, all accept and fund, many in a block.
    pub fn run(&mut self, all: Vec<Value>) -> Vec<AgreementId> {
        self.run_by("seller", all)
    }

    /// As [`Town::run`], with who proposes.
    pub fn run_by(&mut self, proposer: &str, all: Vec<Value>) -> Vec<AgreementId> {
        let mut ids = Vec::new();
        for many in all.chunks(100) {
            let (mut proposed, mut accepted, mut funded) = (Vec::new(), Vec::new(), Vec::new());
            for terms in many {
                let terms: Terms = serde_json::from_value(terms.clone()).unwrap();
                let reference = Reference::new("sale").unwrap();
                let agreement = AgreementId::of(&member(proposer), &reference, &terms);
                let roles: Vec<_> = terms.roles.clone();
                let deposits: Vec<_> = terms.deposits.clone();
                let terms = Box::new(terms);
                let propose = AgreementCommand::Propose { reference, terms };
                proposed.push(self.world.act(proposer, self.at, propose));
                for role in roles {
                    let accept = Town::accept(agreement, role.role.as_str());
                    let at = self.at.plus_ms(1_000);
                    accepted.push(self.world.act(role.member.as_str(), at, accept));
                }
                for deposit in deposits {
                    let at = self.at.plus_ms(2_000);
                    let fund = MoneyAction::Fund { agreement, deposit: deposit.id };
                    funded.push(self.world.pay(deposit.role.as_str(), at, fund));
                }
                ids.push(agreement);
            }
            for sent in [proposed, accepted, funded] {
                let layer = self.block(sent);
                for receipt in &layer.receipts {
                    let verdict = &receipt.verdict;
                    assert!(matches!(verdict, Verdict::Recorded { .. }), "{verdict:?}");
                }
            }
        }
        ids
    }

    pub fn record(&self, id: AgreementId) -> AgreementRecord {
        self.world.agreement(id).unwrap().clone()
    }

    pub fn count(&self, ids: &[AgreementId], is_such: impl Fn(&Ending) -> bool) -> usize {
        let ended = |id: &&AgreementId| match self.record(**id).stage {
            Stage::Ended { how, .. } => is_such(&how),
            _ => false,
        };
        ids.iter().filter(ended).count()
    }

    /// Smallest units of EUR on a main account.
    pub fn has(&self, name: &str) -> i64 {
        let account = main_account(name);
        let asset: Asset = "EUR@bank".parse().unwrap();
        let mut balances = self.world.balances();
        let found = balances.find(|b| b.account == account && b.asset == asset);
        found.map_or(0, |balance| balance.posted)
    }
}

pub fn is_released(how: &Ending) -> bool {
    matches!(how, Ending::Released { .. })
}
