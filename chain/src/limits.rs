//! Every fixed limit of the ledger, once. Limits that a network may choose are in
//! [`crate::genesis::Parameters`]. `docs/operating.md` lists both.

/// Bytes of anything the codec reads or writes: a block with its certificate fits with room.
pub const MAX_ENCODED_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of one transaction with its event bodies, encoded.
pub const MAX_TRANSACTION_BYTES: usize = 1024 * 1024;

/// Events under one signature.
pub const MAX_EVENTS_PER_TRANSACTION: usize = 1_000;

/// Commands in one transaction.
pub const MAX_COMMANDS_PER_TRANSACTION: usize = 16;

/// Identifiers that one event may name, over all its lists.
pub const MAX_IDENTIFIERS_PER_EVENT: usize = 5_000;

/// Depth of nested arrays and objects in an event.
pub const MAX_JSON_DEPTH: usize = 32;

/// Bytes of one identifier or other URI in an event, and of a key in JSON.
pub const MAX_URI_BYTES: usize = 2_048;

/// Entries of one `@context`.
pub const MAX_CONTEXT_ENTRIES: usize = 64;

/// Bytes of one `@context`, about: every event of a document is stored with it.
pub const MAX_CONTEXT_BYTES: usize = 16 * 1024;

/// Depth of nested arrays and objects in one `@context`.
pub const MAX_CONTEXT_DEPTH: usize = 8;

/// Validators in one set. Every one of them signs every block.
pub const MAX_VALIDATORS: usize = 128;

/// Voting power of all validators together; far below where arithmetic on it could overflow.
pub const MAX_TOTAL_POWER: u64 = 1 << 40;

/// Records of master data under one signature.
pub const MAX_MASTER_DATA_PER_TRANSACTION: usize = 1_000;

/// Bytes of one record of master data, encoded.
pub const MAX_MASTER_DATA_BYTES: usize = 32 * 1024;

/// Languages in which a product, place or party is named.
pub const MAX_LANGUAGES: usize = 32;

/// Bytes of a name, a city, a line of an address and the like.
pub const MAX_LINE_BYTES: usize = 512;

/// Bytes of a description or of the value of an attribute.
pub const MAX_TEXT_BYTES: usize = 4_096;

/// Lines of an address.
pub const MAX_ADDRESS_LINES: usize = 6;

/// Sensor limits of one product.
pub const MAX_SENSOR_LIMITS: usize = 16;

/// Values of attributes of one record that have no field of their own.
pub const MAX_ATTRIBUTES: usize = 64;

/// Links of one product, lot, thing or place.
pub const MAX_LINKS: usize = 100;

/// Bytes of the type of a link.
pub const MAX_LINK_TYPE_BYTES: usize = 256;

/// Bytes of the media type of what a link leads to (RFC 6838 allows 127 for each half).
pub const MAX_MEDIA_TYPE_BYTES: usize = 127;

/// Identifiers that one recall names.
pub const MAX_RECALLED_ITEMS: usize = 1_000;

/// Bytes of what a recall says, encoded.
pub const MAX_RECALL_BYTES: usize = 256 * 1024;

/// Open recalls that name one and the same identifier.
pub const MAX_OPEN_RECALLS_OF_ONE: usize = 16;

/// Places one inside another, from the innermost to the outermost.
pub const MAX_PLACE_DEPTH: usize = 16;
