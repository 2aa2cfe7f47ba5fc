//! What must hold of money in every world, read from receipts and the state.

use std::collections::BTreeSet;

use tracehold_chain::money::{AccountId, AgreementId, JournalEntry, MoneyCause, Reference};
use tracehold_contracts::Layer;
use tracehold_contracts::agreement::{Ending, StepKind};
use tracehold_node::audit::TrialBalance;

/// What happened to money in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Journal entries by commands.
    pub paid: u64,
    /// Commands that were there before, and moved nothing.
    pub repeated: u64,
    /// Agreements that ended with the goods.
    pub released: u64,
    /// Agreements that ended otherwise.
    pub ended_otherwise: u64,
    /// Blocks that did something due.
    pub due: u64,
}

/// Watches money: every asset sums to zero after every block, the state has what the journal says,
/// nothing is paid twice, and every agreement ends once.
#[derive(Debug, Default)]
pub struct MoneyChecks {
    balance: TrialBalance,
    commands: BTreeSet<(AccountId, Reference)>,
    payouts: BTreeSet<(AgreementId, String)>,
    ended: BTreeSet<AgreementId>,
    /// What happened so far.
    pub moved: Moved,
}

impl MoneyChecks {
    /// A block was committed.
    ///
    /// # Errors
    /// The violation, in words.
    pub fn on_layer(&mut self, layer: &Layer) -> Result<(), String> {
        let height = layer.head.height;
        let at = |reason: String| format!("money at {height}: {reason}");
        self.balance.note(layer).map_err(at)?;
        self.balance.check().map_err(at)?;
        self.moved.due += u64::from(!layer.due.is_empty());
        let of_receipts = layer.receipts.iter().map(|receipt| &receipt.effects);
        for effects in std::iter::once(&layer.due).chain(of_receipts) {
            for entry in &effects.entries {
                self.on_entry(entry).map_err(at)?;
            }
            for step in &effects.steps {
                if let StepKind::Ended { how, .. } = &step.what {
                    if !self.ended.insert(step.agreement) {
                        return Err(at(format!("agreement {} ends twice", step.agreement)));
                    }
                    let released = matches!(how, Ending::Released { .. });
                    self.moved.released += u64::from(released);
                    self.moved.ended_otherwise += u64::from(!released);
                }
            }
        }
        let repeats = layer.receipts.iter().map(|receipt| receipt.repeats.len() as u64);
        self.moved.repeated += repeats.sum::<u64>();
        Ok(())
    }

    fn on_entry(&mut self, entry: &JournalEntry) -> Result<(), String> {
        let (new, what) = match &entry.cause {
            MoneyCause::Command { account, reference, .. }
            | MoneyCause::Deposit { account, reference, .. } => {
                self.moved.paid += 1;
                let what = format!("{reference} of {account}");
                (self.commands.insert((account.clone(), reference.clone())), what)
            }
            MoneyCause::Milestone { agreement, milestone } => {
                let what = format!("milestone {milestone} of {agreement}");
                (self.payouts.insert((*agreement, milestone.to_string())), what)
            }
            MoneyCause::End { agreement } => {
                let what = format!("the end of {agreement}");
                (self.payouts.insert((*agreement, String::new())), what)
            }
        };
        if new { Ok(()) } else { Err(format!("{what} is paid twice")) }
    }
}
