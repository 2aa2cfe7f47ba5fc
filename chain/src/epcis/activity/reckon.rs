//! What an activity emits, in whole milligrams of carbon dioxide equivalent.

use super::exact::{Exact, ratio};
use super::{Activity, Basis, Factor, Per, Quantity, Scope};

/// The most that one activity may emit, in milligrams: a thousand million tonnes. Together with
/// [`MAX_MASS`] it keeps every share of it within 128 bits.
pub const MAX_MILLIGRAMS: u128 = 1_000_000_000_000_000_000;

/// The heaviest load, in micrograms: ten million tonnes.
pub const MAX_MASS: u64 = 10_000_000_000_000_000_000;

const MICROGRAMS_IN_GRAM: u64 = 1_000_000;
const MILLIGRAMS_IN_GRAM: u64 = 1_000;
const GRAMS_IN_TONNE: u64 = 1_000_000;
const METRES_IN_KILOMETRE: u64 = 1_000;

/// Why emissions cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// No factor is given, or one without its value.
    Factor,
    /// A factor or a measurement leaves out the making of the energy.
    Scope,
    /// Nobody says how heavy the load was.
    Mass,
    /// More than the ledger reckons with.
    TooLarge,
}

impl Quantity {
    /// A mass in micrograms, to the nearest; `None` when it is more than [`MAX_MASS`].
    #[must_use]
    pub fn micrograms(self) -> Option<u64> {
        let above = [self.value.numerator(), self.unit.above, MICROGRAMS_IN_GRAM];
        let rounded = ratio(&above, &[self.value.denominator(), self.unit.below])?;
        u64::try_from(rounded).ok().filter(|mass| *mass <= MAX_MASS)
    }
}

/// Factors of a product that is not worked out yet.
#[derive(Default)]
struct Product {
    above: Vec<u64>,
    below: Vec<u64>,
}

impl Product {
    fn times(mut self, number: Exact) -> Product {
        self.above.push(number.numerator());
        self.below.push(number.denominator());
        self
    }

    fn quantity(mut self, quantity: Quantity) -> Product {
        self.above.push(quantity.unit.above);
        self.below.push(quantity.unit.below);
        self.times(quantity.value)
    }

    fn over(mut self, divisors: &[u64]) -> Product {
        self.below.extend(divisors);
        self
    }

    fn milligrams(mut self) -> Result<u128, Unknown> {
        self.above.push(MILLIGRAMS_IN_GRAM);
        ratio(&self.above, &self.below).filter(|mg| *mg <= MAX_MILLIGRAMS).ok_or(Unknown::TooLarge)
    }
}

/// The product of an amount and the value of a factor that is given per `per`.
fn by_factor(amount: Product, factor: &Factor) -> Result<Product, Unknown> {
    let (value, per) = factor.value.ok_or(Unknown::Factor)?;
    if factor.scope == Scope::TankToWheel {
        return Err(Unknown::Scope);
    }
    let product = amount.quantity(value);
    Ok(match per {
        Per::TonneKilometre => product.over(&[GRAMS_IN_TONNE, METRES_IN_KILOMETRE]),
        Per::Unit(unit) => {
            let mut product = product.over(&[unit.above]);
            product.above.push(unit.below);
            product
        }
    })
}

impl Activity {
    /// Whether its emissions depend on how heavy the load was.
    #[must_use]
    pub fn goes_by_mass(&self) -> bool {
        matches!(self.basis, Basis::MassDistance(_) | Basis::Mass(_))
    }

    /// Its emissions in milligrams of carbon dioxide equivalent, rounded to the nearest (half
    /// upwards) once, or once for each energy carrier. `load` is the mass of the things it is
    /// about in micrograms, for an activity that does not say its own.
    ///
    /// # Errors
    /// [`Unknown`]: what is missing.
    pub fn emissions(&self, load: Option<u64>) -> Result<u128, Unknown> {
        let mass = || match (self.mass, load) {
            (Some(mass), _) => Ok(Product::default().quantity(mass)),
            (None, Some(load)) => {
                let product = Product { above: vec![load], below: Vec::new() };
                Ok(product.over(&[MICROGRAMS_IN_GRAM]))
            }
            (None, None) => Err(Unknown::Mass),
        };
        match &self.basis {
            Basis::NoFactor => Err(Unknown::Factor),
            Basis::Measured { scope: Scope::TankToWheel, .. } => Err(Unknown::Scope),
            Basis::Measured { emissions, .. } => {
                Product::default().quantity(*emissions).milligrams()
            }
            Basis::Energy => {
                let each = self.energy.iter().map(|energy| {
                    let factor = energy.factor.as_ref().ok_or(Unknown::Factor)?;
                    let amount = Product::default().quantity(energy.amount);
                    by_factor(amount, factor)?.milligrams()
                });
                let sum = each.sum::<Result<u128, Unknown>>()?;
                Some(sum).filter(|mg| *mg <= MAX_MILLIGRAMS).ok_or(Unknown::TooLarge)
            }
            Basis::Mass(factor) => by_factor(mass()?, factor)?.milligrams(),
            Basis::MassDistance(factor) => {
                // What no reader lets pass without a distance.
                let distance = self.distance.ok_or(Unknown::Factor)?;
                let amount = mass()?.quantity(distance.length);
                let amount = match self.adjustment {
                    Some(adjustment) => amount.times(adjustment),
                    None => amount,
                };
                by_factor(amount, factor)?.milligrams()
            }
        }
    }
}
