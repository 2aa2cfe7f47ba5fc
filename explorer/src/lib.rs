//! # tracehold-explorer
//!
//! The pages people look at, rendered on the server: plain data in, HTML out. Nothing here reads a
//! store, a clock or a socket; whoever calls decides what the reader may see and hands over no more
//! than that.
//!
//! [`language`] chooses between English and Chinese and holds the words of the pages. [`words`]
//! says GS1's vocabulary in plain words. [`story`] turns recorded events into what a page shows.
//! [`verdict`] says in one line whether anything speaks against a thing, [`numbers`] writes numbers
//! and units. [`pages`] renders, [`pages::members`] the pages of those who have a part in
//! agreements and accounts; [`drawing`] draws traces, [`figures`] what stands inside pages;
//! [`assets`] are the few files that pages name. Pages work without JavaScript, load nothing from
//! anywhere else, and are made for a phone first.

pub mod assets;
pub mod drawing;
pub mod figures;
pub mod language;
pub mod numbers;
pub mod pages;
pub mod story;
pub mod verdict;
pub mod words;
