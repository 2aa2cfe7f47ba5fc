//! Every fixed limit of the HTTP side, once; those that an operator may set are in
//! [`crate::config`]. `docs/api.md` lists all.

use std::time::Duration;

/// Events in one capture document with `proceed`.
pub const MAX_PROCEED_EVENTS: usize = 10_000;

/// Milliseconds that the clock which wrote an eventTime, or the time of a reading, may be ahead of
/// this node's.
pub const MAX_CLOCK_AHEAD_MS: u64 = 5 * 60 * 1_000;

/// Bytes of the path and query of a request.
pub const MAX_URI_BYTES: usize = 8 * 1024;

/// Bytes of a request's head: its line and all its headers.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Events on one page of an answer.
pub const MAX_PAGE: usize = 1_000;

/// Events on one page when `perPage` is not given.
pub const DEFAULT_PAGE: usize = 30;

/// Identifiers that a query for events without a key may name.
pub const MAX_PUBLIC_IDENTIFIERS: usize = 20;

/// Bytes of event bodies on one page; a page ends early rather than grow beyond this.
pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of the JSON of a named query.
pub const MAX_QUERY_BODY_BYTES: usize = 64 * 1024;

/// Bytes of the JSON of one product, place or party.
pub const MAX_RECORD_BODY_BYTES: usize = 256 * 1024;

/// Bytes of an upload that are taken in all, so that whoever sends a photograph that is too large
/// sees that, and not a broken connection.
pub const MAX_DRAINED_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of the JSON of one command on money or an agreement; terms with all their limits fit.
pub const MAX_COMMAND_BODY_BYTES: usize = 512 * 1024;

/// Accounts that hold or held an asset that one trial balance adds up; of an asset with more the
/// answer says that it is not complete.
pub const MAX_HOLDERS_SUMMED: usize = 100_000;

/// How often a trial balance is added up when blocks are written meanwhile, before the answer says
/// that it is not complete.
pub const SUMMING_TRIES: u32 = 5;

/// Commands that wait, or waited, for a second agent of a member among which those that wait now
/// are looked for, the newest first.
pub const MAX_WAITED_SEEN: usize = 10_000;

/// The newest agreements of a member among which the page of an item looks for those about it.
pub const ITEM_AGREEMENTS_LOOKED_AT: usize = 200;

/// Agreements that are looked through for one page when only those at a stage are wanted.
pub const MAX_AGREEMENTS_SCANNED: usize = 2_000;

/// Seconds for which the answer to a missing picture may be kept by whoever asked.
pub const PLACEHOLDER_SECONDS: u32 = 30;

/// Finished capture jobs that are remembered; the oldest is forgotten first.
pub const MAX_FINISHED_JOBS: usize = 10_000;

/// Bytes of all bodies together that may be read, parsed or on their way to a block at once. A
/// request waits for room for [`ROOM_WAIT`], then it is refused with 503.
pub const MAX_BYTES_UNDER_WAY: usize = 64 * 1024 * 1024;

/// Bytes that a request counts for at least.
pub const MIN_REQUEST_BYTES: usize = 4 * 1024;

/// How long a request waits for room among [`MAX_BYTES_UNDER_WAY`].
pub const ROOM_WAIT: Duration = Duration::from_secs(2);

/// Traces, footprints and states of the past that are read at once: each may take a second and
/// much memory. Others wait for [`ROOM_WAIT`], then they are refused with 503.
pub const MAX_STORIES_AT_ONCE: usize = 4;

/// How often evidence is gathered again when what it is about changes meanwhile, before the answer
/// is 503.
pub const EVIDENCE_TRIES: u32 = 5;

/// Bytes of the errors of all capture jobs that are remembered; beyond it the oldest finished ones
/// are forgotten.
pub const MAX_JOB_ERROR_BYTES: usize = 32 * 1024 * 1024;

/// Lines of the file of capture jobs beyond which it is written anew with what is remembered.
pub const MAX_JOB_LINES: usize = 4 * MAX_FINISHED_JOBS;

/// Bytes of captured documents that are kept as they came: those in XML, and those that the
/// lenient reading changed. Beyond it the oldest are removed.
pub const MAX_ORIGINALS_BYTES: u64 = 1024 * 1024 * 1024;

/// Errors that one capture job lists; a last entry tells how many more there were.
pub const MAX_JOB_ERRORS: usize = 1_000;

/// Notices that one capture job lists: the first ones.
pub const MAX_JOB_NOTICES: usize = 100;

/// Field errors that one problem lists.
pub const MAX_FIELD_ERRORS: usize = 50;

/// Feeds that may be open at once.
pub const MAX_FEEDS: usize = 256;

/// WebSocket subscriptions that may be open at once.
pub const MAX_SOCKETS: usize = 256;

/// Lines of one batch of sensor readings.
pub const MAX_READING_LINES: usize = 10_000;

/// Seconds that one event of sensor readings stands for, when the batch does not say.
pub const DEFAULT_READING_INTERVAL: u64 = 600;

/// The shortest such interval, in seconds.
pub const MIN_READING_INTERVAL: u64 = 60;

/// The longest such interval, in seconds.
pub const MAX_READING_INTERVAL: u64 = 86_400;

/// Events of an item that its page shows; the page says when there are more.
pub const MAX_EVENTS_ON_ITEM_PAGE: usize = 200;

/// Events of a story that one part of an item's page shows.
pub const STORY_PART: usize = 30;

/// Bytes of a report of a problem, or of what a phone says of its scan.
pub const MAX_REPORT_BODY_BYTES: usize = 16 * 1024;

/// Readings that a scan tells of as one step, beside the first.
pub const MAX_READINGS_IN_SCAN: usize = 64;

/// Certificates that a scan lists.
pub const MAX_SCAN_CERTIFICATES: usize = 20;

/// Steps of a story that a scan shows; the whole story is a link away.
pub const SCAN_STORY: usize = 6;

/// Steps of an item's journal up to which its page tells the story with what happened to its
/// containers; of a longer one it lists the newest events.
pub const MAX_STEPS_ON_ITEM_PAGE: u64 = 512;

/// Things in a container that one page lists.
pub const CONTENTS_PART: usize = 20;

/// Things that the page of a container lists of what is in one of these again.
pub const CONTENTS_DEEPER: usize = 5;

/// Events with sensor readings that an item's page draws.
pub const MAX_SENSED_EVENTS: usize = 200;

/// The newest events that pages look through for what is open or under way.
pub const LOOKED_AT_EVENTS: usize = 200;

/// Items that a list of what is open or under way shows.
pub const MAX_EXCEPTIONS: usize = 50;

/// Items and events of a drawing on a page, and of a trace that is asked for without a key.
pub const MAX_DRAWN_ITEMS: usize = 200;

/// Legs, and open legs, that one footprint lists; all are in its sums.
pub const MAX_FOOTPRINT_ROWS: usize = 1_000;

/// Recalls that are looked through for one page when only open or only withdrawn ones are wanted.
pub const MAX_RECALLS_SCANNED: usize = 2_000;

/// Lines on one page of what a recall reaches.
pub const MAX_AFFECTED_PAGE: usize = 10_000;

/// Recalls on the first page.
pub const RECALLS_ON_HOME_PAGE: usize = 5;

/// Recalls, and lines of what one reaches, on one page for people.
pub const RECALL_LINES: usize = 50;

/// Things that the page of a recall names as recalled.
pub const RECALLED_SHOWN: usize = 50;

/// Holders that the page of a recall counts goods for.
pub const RECALL_HOLDERS_SHOWN: usize = 50;

/// Levels of what a thing was made of that the check of its page follows.
pub const SCAN_INPUTS: u8 = 3;

/// Bytes of evidence in a page that is kept; a larger one is downloaded by itself.
pub const MAX_KEPT_EVIDENCE_BYTES: usize = 1024 * 1024;

/// Recalls that the page of one item tells of.
pub const MAX_NOTICES: usize = 10;

/// Events of a thing, the oldest first, in which its passport looks for what its owner said.
pub const MAX_PASSPORT_EVENTS: usize = 200;

/// Links of one kind in a passport: certificates, and others.
pub const MAX_PASSPORT_LINKS: usize = 50;

/// Milliseconds for which a passport is valid: a year of 365 days.
pub const PASSPORT_VALID_MS: u64 = 365 * 86_400_000;

/// Events that the home page shows.
pub const LATEST_EVENTS: usize = 10;

/// Products, places and parties whose names one search looks through; it says when there are more.
pub const MAX_NAMES_SEARCHED: usize = 10_000;

/// What one search lists.
pub const MAX_HITS: usize = 50;

/// Milliseconds from signing to expiry of a transaction that this node makes, unless the network's
/// expiry window is shorter.
pub const TRANSACTION_LIFETIME_MS: u64 = 120_000;

/// Deadlines and caps of the server; all can be made shorter in tests.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// From the opening of a connection, or the end of the last answer on it, to the end of the
    /// next request's head.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// A connection on which no byte moves for this long is closed.
    pub idle: Duration,
    /// How long a write waits for its block before the answer is 504.
    pub commit: Duration,
    /// Between two signs of life on an open feed; must be shorter than `idle`.
    pub heartbeat: Duration,
    /// From the call to stop until the connections that are left are cut.
    pub grace: Duration,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            head: Duration::from_secs(20),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            commit: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            grace: Duration::from_secs(5),
            connections: 2_048,
            connections_per_address: 1_024,
        }
    }
}
