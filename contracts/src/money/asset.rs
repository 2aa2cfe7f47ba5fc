//! Making money and taking it out of the world again.

use tracehold_chain::codec;
use tracehold_chain::genesis::MemberRole;
use tracehold_chain::money::{AccountId, Amount, Asset, AssetTerms, ISSUANCE, Money, Purpose};
use tracehold_chain::state::StateKey;

use super::account::{Named, affords, asset_record, check_payable, is_open};
use super::command::Order;
use super::journal::post;
use super::record::AssetRecord;
use super::transfer::{check_amount, postings};
use crate::execute::Staged;
use crate::receipt::RejectionCode;
use crate::stop::{Stop, refuse};

impl Order<'_> {
    /// Checks that the sender's member may make, and take back, what it names.
    fn check_issuer(&self, asset: &Asset) -> Result<(), Stop> {
        if Some(asset.issuer()) != self.account.member() {
            return refuse(RejectionCode::NotTheIssuer, format!("asset: {asset}"));
        }
        let member = self.now.authority.member(asset.issuer());
        let is_bank = member.is_some_and(|member| member.roles.contains(&MemberRole::Bank));
        if matches!(asset, Asset::Cash { .. }) && !is_bank {
            return refuse(RejectionCode::NotABank, format!("asset: {asset}"));
        }
        Ok(())
    }

    pub(super) fn issue(
        &self,
        staged: &mut Staged<'_>,
        money: &Money,
        to: &AccountId,
        terms: &AssetTerms,
    ) -> Result<(), Stop> {
        let asset = &money.asset;
        check_amount(money)?;
        self.check_issuer(asset)?;
        check_terms(money, terms)?;
        check_payable(&staged.overlay, self.now.authority, &Named::of(to), "to")?;
        let before = asset_record(&staged.overlay, asset)?;
        if before.is_some() && !matches!(asset, Asset::Cash { .. }) {
            return refuse(RejectionCode::AssetExists, format!("asset: {asset}"));
        }
        let there = before.map_or(Amount::ZERO, |record| record.outstanding);
        let Some(outstanding) = there.plus(money.amount) else {
            let there = Money { asset: asset.clone(), amount: there };
            let subject = format!("amount: {money}, {} are outstanding", there.decimal());
            return refuse(RejectionCode::TooMuchIssued, subject);
        };
        if self.only_check {
            return Ok(());
        }
        let record = AssetRecord { asset: asset.clone(), terms: terms.clone(), outstanding };
        staged.overlay.put(StateKey::Asset(asset.clone()).encode(), codec::pack(&record));
        post(staged, self.cause(None), postings(money, self.account, to), self.now)?;
        Ok(())
    }

    pub(super) fn redeem(
        &self,
        staged: &mut Staged<'_>,
        money: &Money,
        from: &Purpose,
    ) -> Result<(), Stop> {
        let asset = &money.asset;
        check_amount(money)?;
        self.check_issuer(asset)?;
        if !matches!(asset, Asset::Cash { .. }) {
            let subject = format!("asset: {asset}, only cash is redeemed");
            return refuse(RejectionCode::AssetTermsWrong, subject);
        }
        if from.as_str() == ISSUANCE {
            return refuse(RejectionCode::AccountReserved, format!("from: {from}"));
        }
        let from = AccountId::of(asset.issuer().clone(), from.clone());
        if !is_open(&staged.overlay, self.now.authority, &from)? {
            return refuse(RejectionCode::AccountUnknown, format!("from: {from}"));
        }
        affords(&staged.overlay, &from, money)??;
        if self.only_check {
            return Ok(());
        }
        let mut record =
            asset_record(&staged.overlay, asset)?.expect("what is on an account was issued");
        record.outstanding =
            record.outstanding.minus(money.amount).expect("nobody has more than was issued");
        staged.overlay.put(StateKey::Asset(asset.clone()).encode(), codec::pack(&record));
        post(staged, self.cause(None), postings(money, &from, self.account), self.now)?;
        Ok(())
    }
}

/// Checks that what is said of an asset fits its kind.
fn check_terms(money: &Money, terms: &AssetTerms) -> Result<(), Stop> {
    let fits = matches!(
        (&money.asset, terms),
        (Asset::Cash { .. }, AssetTerms::Cash)
            | (Asset::Note { .. }, AssetTerms::Note { .. })
            | (Asset::Title { .. }, AssetTerms::Title { .. })
    );
    if !fits {
        return refuse(RejectionCode::AssetTermsWrong, format!("terms: of {}", money.asset));
    }
    if matches!(money.asset, Asset::Title { .. }) && money.amount.minor_units() != 1 {
        return refuse(RejectionCode::AssetTermsWrong, format!("amount: {money}"));
    }
    Ok(())
}
