//! Exact numbers: what a JSON number says, and products of many of them without rounding.

use serde_json::Number;

/// Decimal places that a number of an activity may have.
pub const MAX_DECIMALS: u8 = 12;

/// The largest number an activity may hold, in whatever unit.
pub const MAX_NUMBER: u64 = 1_000_000_000_000;

/// A number that is not negative, exactly as it was written: `digits` with the point `decimals`
/// places from the right, without zeros at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    digits: u64,
    decimals: u8,
}

/// What is wrong with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Negative,
    TooLarge,
    TooFine,
}

impl Exact {
    /// A whole number.
    #[must_use]
    pub fn whole(number: u64) -> Exact {
        Exact { digits: number, decimals: 0 }
    }

    /// What a JSON number says.
    pub(super) fn of(number: &Number) -> Result<Exact, Wrong> {
        // The shortest text that reads as the same number: what was written, by the rule of
        // `super::super::json`.
        let text = number.to_string();
        if text.starts_with('-') {
            return Err(Wrong::Negative);
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
                (mantissa, exponent.parse::<i32>().map_err(|_| Wrong::TooLarge)?)
            }
            None => (text.as_str(), 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let mut digits: u64 = digits.parse().map_err(|_| Wrong::TooLarge)?;
        if digits == 0 {
            return Ok(Exact::whole(0));
        }
        let places = i32::try_from(fraction.len()).map_err(|_| Wrong::TooFine)?;
        let mut decimals = places.saturating_sub(exponent);
        while decimals > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            decimals -= 1;
        }
        if decimals > i32::from(MAX_DECIMALS) {
            return Err(Wrong::TooFine);
        }
        while decimals < 0 {
            digits = digits.checked_mul(10).filter(|d| *d <= MAX_NUMBER).ok_or(Wrong::TooLarge)?;
            decimals += 1;
        }
        let decimals = u8::try_from(decimals).map_err(|_| Wrong::TooFine)?;
        let exact = Exact { digits, decimals };
        if u128::from(digits) > u128::from(MAX_NUMBER) * u128::from(exact.denominator()) {
            return Err(Wrong::TooLarge);
        }
        Ok(exact)
    }

    /// The digits, as a whole number.
    #[must_use]
    pub fn numerator(self) -> u64 {
        self.digits
    }

    /// The power of ten that the digits are divided by.
    #[must_use]
    pub fn denominator(self) -> u64 {
        // At most 10 to the power of MAX_DECIMALS.
        10_u64.pow(u32::from(self.decimals))
    }

    /// Whether it is nought.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.digits == 0
    }
}

impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = self.denominator();
        write!(f, "{}", self.digits / one)?;
        match usize::from(self.decimals) {
            0 => Ok(()),
            places => write!(f, ".{:0places$}", self.digits % one),
        }
    }
}

/// Limbs of a [`Wide`]: 640 bits, more than ten factors of 64 bits need.
const LIMBS: usize = 10;

/// A large whole number, least significant limb first.
#[derive(Clone, Copy)]
struct Wide([u64; LIMBS]);

impl Wide {
    fn one() -> Wide {
        let mut limbs = [0; LIMBS];
        limbs[0] = 1;
        Wide(limbs)
    }

    fn times(mut self, factor: u64) -> Option<Wide> {
        let mut carry = 0_u128;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            *limb = low(product);
            carry = product >> 64;
        }
        (carry == 0).then_some(self)
    }

    fn plus(mut self, other: Wide) -> Option<Wide> {
        let mut carry = 0_u128;
        for (limb, added) in self.0.iter_mut().zip(other.0) {
            let sum = u128::from(*limb) + u128::from(added) + carry;
            *limb = low(sum);
            carry = sum >> 64;
        }
        (carry == 0).then_some(self)
    }

    fn over(mut self, divisor: u64) -> Wide {
        let mut rest = 0_u128;
        for limb in self.0.iter_mut().rev() {
            let part = (rest << 64) | u128::from(*limb);
            *limb = low(part / u128::from(divisor));
            rest = part % u128::from(divisor);
        }
        self
    }

    fn narrow(self) -> Option<u128> {
        let [first, second, rest @ ..] = self.0;
        let fits = rest.iter().all(|limb| *limb == 0);
        fits.then_some((u128::from(second) << 64) | u128::from(first))
    }
}

/// The lowest 64 bits.
fn low(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).expect("64 bits fit in 64 bits")
}

/// The product of `above` over the product of `below`, rounded to the nearest whole number, half
/// upwards; `None` when it does not fit in 128 bits or a divisor is nought.
pub(super) fn ratio(above: &[u64], below: &[u64]) -> Option<u128> {
    let product =
        |factors: &[u64]| factors.iter().try_fold(Wide::one(), |sofar, next| sofar.times(*next));
    if below.contains(&0) {
        return None;
    }
    // round(n / d) is floor((2n + d) / 2d), and flooring division goes factor by factor.
    let doubled = product(above)?.times(2)?.plus(product(below)?)?;
    below.iter().fold(doubled, |sofar, next| sofar.over(*next)).over(2).narrow()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(text: &str) -> Result<Exact, Wrong> {
        Exact::of(&text.parse::<Number>().unwrap())
    }

    #[test]
    fn numbers_are_what_was_written() {
        for (text, digits, decimals) in [
            ("0", 0, 0),
            ("0.0", 0, 0),
            ("12", 12, 0),
            ("0.1", 1, 1),
            ("62.5", 625, 1),
            ("1e3", 1000, 0),
            ("1.5e-7", 15, 8),
            ("0.30000000000000004e5", 30_000_000_000_000_004, 12),
            ("1000000000000", MAX_NUMBER, 0),
            ("1e12", MAX_NUMBER, 0),
            ("0.000000000001", 1, 12),
        ] {
            assert_eq!(exact(text), Ok(Exact { digits, decimals }), "{text}");
        }
        assert_eq!(exact("-1"), Err(Wrong::Negative));
        assert_eq!(exact("-0.5"), Err(Wrong::Negative));
        assert_eq!(exact("1000000000001"), Err(Wrong::TooLarge));
        assert_eq!(exact("1000000000000.5"), Err(Wrong::TooLarge));
        assert_eq!(exact("1e300"), Err(Wrong::TooLarge));
        assert_eq!(exact("18446744073709551615"), Err(Wrong::TooLarge));
        assert_eq!(exact("0.0000000000001"), Err(Wrong::TooFine));
        assert_eq!(exact("1e-300"), Err(Wrong::TooFine));
        assert_eq!(exact("62.50").unwrap().to_string(), "62.5");
        assert_eq!(exact("0.05").unwrap().to_string(), "0.05");
    }

    #[test]
    fn rounding_is_to_the_nearest_and_half_upwards() {
        assert_eq!(ratio(&[1], &[2]), Some(1));
        assert_eq!(ratio(&[149], &[100]), Some(1));
        assert_eq!(ratio(&[], &[3]), Some(0));
        assert_eq!(ratio(&[u64::MAX, u64::MAX], &[1]), Some(u128::from(u64::MAX).pow(2)));
        assert_eq!(ratio(&[u64::MAX; 3], &[1]), None);
        assert_eq!(ratio(&[u64::MAX; 8], &[u64::MAX; 7]), Some(u128::from(u64::MAX)));
        assert_eq!(ratio(&[1], &[0]), None);
        assert_eq!(ratio(&[0], &[u64::MAX; 9]), Some(0));
    }

    proptest! {
        #[test]
        fn ratios_are_exact(a in any::<u32>(), b in any::<u32>(), c in 1_u32.., d in 1_u32..) {
            let (a, b, c, d) = (u64::from(a), u64::from(b), u64::from(c), u64::from(d));
            let (above, below) = (u128::from(a * b), u128::from(c * d));
            let rounded = above / below + u128::from(above % below >= below.div_ceil(2));
            prop_assert_eq!(ratio(&[a, b], &[c, d]), Some(rounded));
            // The same factors above and below change nothing.
            prop_assert_eq!(ratio(&[a, b, u64::MAX], &[c, u64::MAX, d]), Some(rounded));
        }
    }
}
