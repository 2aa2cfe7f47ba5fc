//! What kind of world a seed is: how many nodes, how bad the network, how often they crash.

use tracehold_node::replica::PlantedBug;

use crate::random::Random;

/// The conditions of one run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Draws everything.
    pub seed: u64,
    /// Validators, 4 to 7.
    pub validators: usize,
    /// Whether their powers differ.
    pub unequal_power: bool,
    /// Nodes that verify and do not vote.
    pub followers: usize,
    /// Whether one validator is a liar.
    pub byzantine: bool,
    /// How long the world is bad, in virtual milliseconds.
    pub chaos_ms: u64,
    /// Lost messages, of a thousand, while it is bad.
    pub loss: u64,
    /// Doubled messages, of a thousand.
    pub duplication: u64,
    /// The longest ordinary delay of a message.
    pub delay_ms: u64,
    /// Crashes, of a thousand steps of all nodes, while it is bad.
    pub crashes: u64,
    /// Failures of a disk's sync, of a thousand performances of all nodes, while it is bad.
    pub disk_failures: u64,
    /// Mean time between partitions while it is bad; 0 for none.
    pub partitions_ms: u64,
    /// Whether steps are performed in batches.
    pub batches: bool,
    /// Transactions submitted while it is bad.
    pub transactions: u64,
    /// Attempts to do something with money while it is bad.
    pub payments: u64,
    /// Whether the first validator does not run before the world is whole.
    pub sleeper: bool,
    /// A mistake to find.
    pub bug: Option<Bug>,
}

/// Mistakes that can be planted, to show that the checkers notice them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The runtime does not sync the vote log.
    VotesNotSynced,
    /// The runtime does not sync the block log.
    BlocksNotSynced,
    /// The runtime sends before it syncs.
    SendBeforeSync,
    /// The runtime answers and publishes before it syncs.
    AnswerBeforeSync,
    /// The runtime takes the next step into a batch that already has a decided block, and drops
    /// votes before the block is synced.
    BatchBeyondBlock,
    /// The replica has this mistake in it.
    Replica(PlantedBug),
}

impl Bug {
    /// Every mistake with its name on the command line.
    pub const ALL: [(&'static str, Bug); 7] = [
        ("votes-not-synced", Bug::VotesNotSynced),
        ("blocks-not-synced", Bug::BlocksNotSynced),
        ("send-before-sync", Bug::SendBeforeSync),
        ("answer-before-sync", Bug::AnswerBeforeSync),
        ("batch-beyond-block", Bug::BatchBeyondBlock),
        ("vote-without-executing", Bug::Replica(PlantedBug::VoteWithoutExecuting)),
        ("skip-replay", Bug::Replica(PlantedBug::SkipReplay)),
    ];
}

impl Scenario {
    /// The world of `seed`.
    #[must_use]
    pub fn of_seed(seed: u64) -> Scenario {
        let mut random = Random::new(seed ^ 0x5ce0_a210);
        Scenario {
            seed,
            validators: match random.below(10) {
                0 => 7,
                1 | 2 => 5,
                3 => 6,
                _ => 4,
            },
            unequal_power: random.per_mille(250),
            followers: usize::from(random.per_mille(300)),
            byzantine: random.per_mille(330),
            chaos_ms: random.between(4_000, 12_000),
            loss: if random.per_mille(250) { 0 } else { random.between(1, 150) },
            duplication: random.between(0, 60),
            delay_ms: random.between(2, 60),
            crashes: if random.per_mille(200) { 0 } else { random.between(1, 14) },
            disk_failures: if random.per_mille(700) { 0 } else { random.between(1, 4) },
            partitions_ms: if random.per_mille(400) { 0 } else { random.between(1_000, 4_000) },
            batches: random.per_mille(500),
            transactions: random.between(5, 25),
            payments: random.between(20, 40),
            sleeper: false,
            bug: None,
        }
    }

    /// A good world of four validators and a follower that lasts `ms` virtual milliseconds before
    /// it has to prove that it moves on.
    #[must_use]
    pub fn quiet(seed: u64, ms: u64, transactions: u64) -> Scenario {
        Scenario {
            validators: 4,
            unequal_power: false,
            followers: 1,
            byzantine: false,
            chaos_ms: ms,
            loss: 0,
            duplication: 0,
            delay_ms: 5,
            crashes: 0,
            disk_failures: 0,
            partitions_ms: 0,
            transactions,
            payments: 0,
            ..Scenario::of_seed(seed)
        }
    }

    /// The world of `seed`, as hard as it gets on disks, with a mistake in it.
    #[must_use]
    pub fn with_bug(seed: u64, bug: Bug) -> Scenario {
        let scenario = Scenario::of_seed(seed);
        Scenario {
            bug: Some(bug),
            byzantine: matches!(bug, Bug::Replica(PlantedBug::VoteWithoutExecuting)),
            batches: scenario.batches || bug == Bug::BatchBeyondBlock,
            crashes: if bug == Bug::SendBeforeSync { 60 } else { 20 },
            payments: 0,
            ..scenario
        }
    }
}
