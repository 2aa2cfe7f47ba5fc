//! Sharing out by mass, in whole milligrams.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tracehold_chain::epcis::activity::{MAX_MASS, MAX_MILLIGRAMS};

// A share is worked out as milligrams times mass, which must fit in 128 bits.
const _: () = assert!(MAX_MILLIGRAMS.checked_mul(MAX_MASS as u128).is_some());

/// Shares `total` out among things by their masses (in any one unit), by the largest remainder:
/// each gets its share rounded down, and the milligrams left over go one by one to those whose
/// share lost most in rounding; among equals, to the identifier that sorts first. So the shares
/// sum to `total` exactly, and the order in which things are given does not matter.
///
/// When nothing has a mass, all share alike. When there is nothing, nothing is shared.
///
/// # Panics
/// When `total` is more than [`MAX_MILLIGRAMS`] or a mass more than [`MAX_MASS`].
#[must_use]
pub fn allocate<K: Ord + Clone>(total: u128, masses: &BTreeMap<K, u64>) -> BTreeMap<K, u128> {
    assert!(total <= MAX_MILLIGRAMS, "a leg is within its limit");
    assert!(masses.values().all(|mass| *mass <= MAX_MASS), "a mass is within its limit");
    let sum: u128 = masses.values().map(|mass| u128::from(*mass)).sum();
    let weight = |mass: u64| if sum == 0 { 1 } else { u128::from(mass) };
    let whole = if sum == 0 { masses.len() as u128 } else { sum };
    let mut shares = BTreeMap::new();
    let mut rests: Vec<(Reverse<u128>, &K)> = Vec::with_capacity(masses.len());
    let mut left = total;
    for (key, mass) in masses {
        let product = total * weight(*mass);
        let share = product / whole;
        left -= share;
        shares.insert(key.clone(), share);
        rests.push((Reverse(product % whole), key));
    }
    // Each thing lost less than a milligram, so fewer milligrams than things are left.
    rests.sort_unstable();
    for (_, key) in rests {
        if left == 0 {
            break;
        }
        left -= 1;
        *shares.get_mut(key).expect("every key has a share") += 1;
    }
    shares
}
