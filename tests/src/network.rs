//! What becomes of a message on its way.

use crate::random::Random;
use crate::scenario::Scenario;

/// The links between nodes.
#[derive(Clone, Debug)]
pub struct Network {
    loss: u64,
    duplication: u64,
    delay_ms: u64,
    /// The side each node is on; nodes on different sides do not hear each other.
    sides: Vec<u8>,
}

impl Network {
    /// The network of a scenario, whole.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Network {
        Network {
            loss: scenario.loss,
            duplication: scenario.duplication,
            delay_ms: scenario.delay_ms,
            sides: vec![0; scenario.validators + scenario.followers],
        }
    }

    /// Cuts the network in two, anywhere.
    pub fn cut(&mut self, random: &mut Random) {
        for side in &mut self.sides {
            *side = u8::from(random.per_mille(400));
        }
    }

    /// Makes it whole.
    pub fn mend(&mut self) {
        self.sides.fill(0);
    }

    /// Makes it whole and good for ever.
    pub fn heal(&mut self) {
        self.mend();
        self.loss = 0;
        self.duplication = 0;
    }

    /// Whether two nodes hear each other.
    #[must_use]
    pub fn connected(&self, a: usize, b: usize) -> bool {
        self.sides[a] == self.sides[b]
    }

    /// The delays after which copies of a message arrive: none when it is lost, two when it is
    /// doubled. Now and then one takes very long.
    pub fn fate(&self, random: &mut Random) -> Vec<u64> {
        if random.per_mille(self.loss) {
            return Vec::new();
        }
        let copies = 1 + usize::from(random.per_mille(self.duplication));
        let delay = |random: &mut Random| match random.per_mille(10) {
            true => random.between(self.delay_ms, self.delay_ms * 10),
            false => random.between(1, self.delay_ms),
        };
        (0..copies).map(|_| delay(random)).collect()
    }
}
