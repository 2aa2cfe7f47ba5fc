//! Answers that are one record when an identifier is asked for and a page otherwise, as the
//! description tells them.

use serde::Serialize;

use super::links::{LinksPage, LinksView};
use super::masterdata::{Parties, PartyView, PlaceView, Places, ProductView, Products};

macro_rules! one_or_page {
    ($($name:ident of $one:ident or $page:ident;)*) => {$(
        /// One record when `id` is given, else a page of them.
        #[derive(Serialize, utoipa::ToSchema)]
        #[serde(untagged)]
        #[allow(dead_code, clippy::large_enum_variant, reason = "it describes what handlers answer")]
        pub enum $name {
            /// Of this identifier.
            One($one),
            /// Of all.
            Page($page),
        }
    )*};
}

one_or_page! {
    ProductsAnswer of ProductView or Products;
    PlacesAnswer of PlaceView or Places;
    PartiesAnswer of PartyView or Parties;
    LinksAnswer of LinksView or LinksPage;
}
