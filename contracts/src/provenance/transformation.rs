//! What comes out of a transformation is not more than what went in.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tracehold_chain::codec;
use tracehold_chain::epcis::EventType;
use tracehold_chain::state::{ItemRole, Position, StateKey};

use super::capture::Recording;
use super::quantity;
use super::step::{Correction, Unit};
use crate::stop::Stop;

/// Events of one transformationID that are kept apart; older ones are kept as one sum, and cannot
/// be taken out of it by a correction.
pub const MAX_TRANSFORMATION_PARTS: usize = 128;

/// What went into and came out of the events of one transformationID of one recorder, at
/// [`StateKey::Transformation`].
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TransformationRecord {
    /// The events, in the order of commitment.
    pub parts: Vec<TransformationPart>,
}

/// What one event put in and took out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformationPart {
    /// The event.
    pub position: Position,
    /// What went in, by unit.
    pub inputs: Vec<(Unit, Decimal)>,
    /// What came out, by unit.
    pub outputs: Vec<(Unit, Decimal)>,
    /// Whether something went in without a quantity, or in more units than are weighed.
    pub unweighed: bool,
}

impl TransformationPart {
    fn add(&mut self, other: &TransformationPart) {
        for (unit, value) in &other.inputs {
            self.unweighed |= !quantity::add(&mut self.inputs, unit, *value);
        }
        for (unit, value) in &other.outputs {
            self.unweighed |= !quantity::add(&mut self.outputs, unit, *value);
        }
        self.unweighed |= other.unweighed;
    }

    /// Whether more came out than went in less what is declared lost. Nobody can say when
    /// something went in without a quantity, or in a unit in which nothing came out.
    #[must_use]
    pub fn exceeds(&self, declared_loss_permille: u16) -> bool {
        let out = |unit: &Unit| self.outputs.iter().find(|(other, _)| other == unit);
        if self.unweighed || self.inputs.iter().any(|(unit, _)| out(unit).is_none()) {
            return false;
        }
        let kept = Decimal::from(1_000_u16.saturating_sub(declared_loss_permille));
        self.inputs.iter().any(|(unit, value)| {
            let allowed = value.saturating_mul(kept);
            out(unit).is_some_and(|(_, out)| out.saturating_mul(Decimal::ONE_THOUSAND) > allowed)
        })
    }
}

impl Recording<'_, '_> {
    /// Whether the event takes more out of a transformation than was put in.
    pub(super) fn weigh_transformation(&mut self) -> Result<bool, Stop> {
        let telling = &self.facts.telling;
        if telling.event_type != EventType::Transformation
            || self.correction == Some(Correction::Nothing)
        {
            return Ok(false);
        }
        let mut part = TransformationPart {
            position: self.at.position,
            inputs: Vec::new(),
            outputs: Vec::new(),
            unweighed: false,
        };
        for item in &self.facts.items {
            part.unweighed |= item.role == ItemRole::Input && item.amounts.is_empty();
            for amount in &item.amounts {
                let sums = match amount.role {
                    ItemRole::Output => &mut part.outputs,
                    _ => &mut part.inputs,
                };
                part.unweighed |= !quantity::add(sums, &amount.unit, amount.value);
            }
        }
        let loss = self.at.parameters.declared_loss_permille;
        let Some(id) = &telling.transformation_id else {
            return Ok(self.correction.is_none() && part.exceeds(loss));
        };
        let key =
            StateKey::Transformation { recorder: self.recorder.clone(), id: id.clone() }.encode();
        let mut record =
            self.staged.overlay.record::<TransformationRecord>(&key)?.unwrap_or_default();
        if let Some(Correction::Voids(position)) = self.correction {
            record.parts.retain(|part| part.position != position);
        } else {
            record.parts.push(part);
        }
        if record.parts.len() > MAX_TRANSFORMATION_PARTS {
            let oldest = record.parts.remove(0);
            if let Some(next) = record.parts.first_mut() {
                next.add(&oldest);
            }
        }
        let sum = record.parts.split_first().map(|(first, rest)| {
            rest.iter().fold(first.clone(), |mut sum, part| {
                sum.add(part);
                sum
            })
        });
        self.staged.overlay.put(key, codec::pack(&record));
        Ok(self.correction.is_none() && sum.is_some_and(|sum| sum.exceeds(loss)))
    }
}
