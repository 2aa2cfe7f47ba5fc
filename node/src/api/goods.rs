//! What is told of a thing, as the description has it: the handlers put it together field by field.

use std::collections::BTreeMap;

use super::footprint::InTwoLanguages;
use super::told::{AsOfJson, Quantity};

macro_rules! described {
    ($($(#[$meta:meta])* $name:ident { $($body:tt)* })*) => {$(
        $(#[$meta])*
        #[derive(utoipa::ToSchema)]
        #[expect(dead_code, reason = "described here, put together field by field")]
        pub struct $name { $($body)* }
    )*};
}

described! {
    /// What is known of a thing, each fact with the event that says so.
    ItemView {
        /// The thing, in its one spelling.
        pub id: String,
        /// What it is: `instance`, `lot`, `class` …
        pub kind: String,
        /// As of when.
        pub as_of: AsOfJson,
        /// Whether it has begun and whether it has ended.
        pub life: ItemSaid,
        /// The last business step.
        pub biz_step: Option<ItemSaid>,
        /// The last disposition.
        pub disposition: Option<ItemSaid>,
        /// Where it is.
        pub place: Option<ItemPlace>,
        /// Who has it.
        pub holder: Option<ItemHolder>,
        /// All who have a part of it, when they are several.
        pub holders: Option<Vec<ItemHolder>>,
        /// On its way to whom.
        pub in_transit: Option<Vec<ItemTransit>>,
        /// In what it is packed, from the inside out.
        pub containers: Option<Vec<ItemPacked>>,
        /// The event that emptied the container it was in.
        pub out_since: Option<ItemEvent>,
        /// What is packed in it: one page.
        pub contents: Option<Vec<ItemPacked>>,
        /// How much of it there is, by unit; to callers who may see it.
        pub quantities: Option<Vec<ItemBalance>>,
        /// What sensors said last against the limits of its product.
        pub sensor: Option<ItemSensor>,
        /// Events by others than its holders and owners, which change nothing.
        pub claims: Option<u64>,
        /// What does not add up.
        pub anomalies: ItemAnomalies,
        /// What its owner says of the product.
        pub product: Option<ItemProduct>,
        /// Events in its journal.
        pub events: u64,
    }

    /// The event that says something.
    ItemEvent {
        /// Its eventID.
        pub event_id: Option<String>,
        /// Its place in the feed.
        pub cursor: String,
        /// Its eventTime.
        pub happened: Option<String>,
    }

    /// A word, and the event that says it.
    ItemSaid {
        /// The word, such as `active` or `shipping`.
        pub value: String,
        /// Who says so; absent for what nobody has said.
        pub event: Option<ItemEvent>,
    }

    /// A place, and the event that says it.
    ItemPlace {
        /// The place.
        pub value: String,
        /// Who says so.
        pub event: ItemEvent,
        /// The container that is there with it inside.
        pub through: Option<String>,
        /// What its owner calls the place, by language.
        pub names: Option<BTreeMap<String, String>>,
    }

    /// A member, or somebody who is none.
    ItemParty {
        /// The member.
        pub member: Option<String>,
        /// The URI of who is no member.
        pub id: Option<String>,
    }

    /// Who has it: a member, or somebody who is none.
    ItemHolder {
        /// The member.
        pub member: Option<String>,
        /// The URI of who is no member.
        pub id: Option<String>,
        /// Who says so.
        pub event: ItemEvent,
        /// The container that they have with it inside.
        pub through: Option<String>,
    }

    /// What was sent and has not arrived.
    ItemTransit {
        /// Who sent it.
        pub from: ItemParty,
        /// To whom; to callers who may see it.
        pub to: Option<ItemParty>,
        /// The event that sent it.
        pub event: ItemEvent,
        /// The container that was sent with it inside.
        pub through: Option<String>,
    }

    /// What is packed, or in what.
    ItemPacked {
        /// The thing or the container.
        pub id: String,
        /// The event that packed it.
        pub event: ItemEvent,
        /// How much of it; to callers who may see it.
        pub quantities: Option<Vec<Quantity<'static>>>,
    }

    /// How much of a lot there was and is, in decimals as text.
    ItemBalance {
        /// The unit: a UN/CEFACT Rec 20 code, empty for pieces.
        pub uom: String,
        /// What was made.
        pub made: String,
        /// What went into other things.
        pub used: String,
        /// What came to its end otherwise.
        pub ended: String,
        /// What is left.
        pub left: String,
    }

    /// The worst that sensors said.
    ItemSensor {
        /// What was measured.
        pub measurement: String,
        /// A decimal as text.
        pub value: String,
        /// Its unit: a UN/CEFACT Rec 20 code.
        pub uom: String,
        /// The limit that it broke.
        pub limit: Option<String>,
        /// The beginning of the time it is about.
        pub from: String,
        /// The end of it.
        pub to: String,
        /// For how many milliseconds it was outside.
        pub outside_ms: u64,
        /// Whether that is the most it can have been.
        pub at_most: bool,
        /// Who says so.
        pub event: ItemEvent,
    }

    /// What does not add up in the story of a thing.
    ItemAnomalies {
        /// How many are open.
        pub open_count: u64,
        /// Those of them that are kept with the thing.
        pub open: Vec<AnomalyView>,
        /// What is derived at reading: what did not come, and what cannot have been.
        pub derived: Vec<AnomalyView>,
        /// What was mended or taken back.
        pub resolved: Vec<AnomalyView>,
        /// Whether the whole story was read for the last two.
        pub whole_story_read: bool,
    }

    /// Something that does not add up.
    AnomalyView {
        /// Its stable code, such as `commissioned-twice`.
        pub code: String,
        /// Whether it is derived at reading, and not on the ledger.
        pub derived: bool,
        /// Whether it stands.
        pub open: Option<bool>,
        /// What is wrong, for people.
        pub sentence: InTwoLanguages,
        /// Who can mend it.
        pub who_mends: InTwoLanguages,
        /// How.
        pub how: InTwoLanguages,
        /// The event at which it shows.
        pub event: Option<ItemEvent>,
        /// The event that mended it.
        pub resolved_by: Option<ItemEvent>,
        /// The container through which it is about the thing.
        pub through: Option<String>,
    }

    /// What the owner says of the product of a thing.
    ItemProduct {
        /// The product.
        pub id: String,
        /// What it is called, by language.
        pub names: BTreeMap<String, String>,
        /// Under which brand it is sold.
        pub brand: Option<String>,
        /// The SHA-256 of its picture.
        pub picture: Option<String>,
        /// What sensors may report of it.
        pub limits: Vec<ItemLimit>,
        /// Hours after which a shipment of it that did not arrive is overdue.
        pub expected_transit_hours: Option<u32>,
    }

    /// A limit of a product.
    ItemLimit {
        /// What is measured.
        pub measurement: String,
        /// The least allowed: a decimal as text.
        pub min: Option<String>,
        /// The most allowed.
        pub max: Option<String>,
        /// The unit.
        pub uom: String,
    }
}
