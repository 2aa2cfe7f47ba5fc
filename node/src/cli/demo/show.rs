//! What the demo prints when everything is on record: at most 80 columns, and commands that work
//! as they are.

use std::io::IsTerminal as _;
use std::path::Path;

use fast_qr::QRBuilder;
use serde_json::{Value, json};
use tracehold_testnet::Testnet;

use super::companies::Who;
use super::folder::{EXAMPLE_FILE, NODES_FILE, shell_word};
use super::parts::Start;
use super::record::Stage;
use super::sale::{Agreed, COFFEE_PRICE, PENALTY, standing};
use super::{coffee, handbag, vaccine};
use crate::cli::{Failure, output};

/// Light modules around a printed code, beside the one that it has itself.
const QUIET: usize = 3;

/// All that is told of a demo that is ready.
pub struct Told<'n> {
    pub stage: Stage<'n>,
    pub dir: &'n Path,
    pub start: Start,
    pub agreed: &'n [Agreed],
    /// The event to record by hand.
    pub example: &'n Value,
    /// Whether somebody has recorded it.
    pub is_received: bool,
    /// How many events the story has.
    pub events: usize,
    /// Whether the folder was there before.
    pub resumed: bool,
    /// How long it took to get ready, in seconds.
    pub seconds: u64,
    /// Whether the pages can be reached from the local network.
    pub lan: bool,
    /// Default ports that others had.
    pub moved: bool,
}

/// The three pages that the demo is about: a name for programs, what it is, and its path.
fn pages() -> [(&'static str, &'static str, String); 3] {
    let path = |uri: &str| uri.trim_start_matches("https://id.gs1.org").to_owned();
    let [handbag] = handbag::handbag();
    [
        ("coffee", "Coffee: from three farms to a shop", path(&coffee::sold_bag())),
        ("vaccine", "Vaccine: the cold chain broke", path(&vaccine::carton(1))),
        ("handbag", "Handbag: its tag was copied", path(&handbag)),
    ]
}

/// Prints a code whose light parts are blocks, with the light border that scanners need; on a
/// terminal in black and white, whatever its colours are.
fn framed(code: &str) -> Result<(), Failure> {
    let (on, off) =
        if std::io::stdout().is_terminal() { ("\x1b[97;40m", "\x1b[0m") } else { ("", "") };
    let width = code.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let side = "█".repeat(QUIET);
    let edge = "█".repeat(width + 2 * QUIET);
    output::line(format!("{on}{edge}{off}"))?;
    // The first line is the upper border, of half a line's height: the other half is border too.
    let first = code.lines().next().unwrap_or_default().replace('▄', "█");
    for line in std::iter::once(first.as_str()).chain(code.lines().skip(1)) {
        output::line(format!("{on}{side}{line}{side}{off}"))?;
    }
    output::line(format!("{on}{edge}{off}"))
}

impl Told<'_> {
    fn base(&self) -> &str {
        &self.stage.node(Who::Store).http
    }

    /// One JSON object for programs.
    pub fn json(&self, network: &Testnet) -> Result<(), Failure> {
        let mut told = serde_json::to_value(network.description()).expect("plain records");
        let base = self.base();
        let link = |(name, _, path): (&str, &str, String)| {
            (name.to_owned(), Value::from(format!("{base}{path}")))
        };
        told["pages"] = Value::Object(pages().map(link).into_iter().collect());
        told["shipments"] = format!("{base}/shipments").into();
        told["events"] = self.events.into();
        told["example"] = self.example["eventID"].clone();
        let agreements = self.agreed.iter().map(|agreed| {
            Ok(json!({
                "id": agreed.id,
                "title": agreed.title,
                "stage": standing(self.stage, agreed)?,
                "page": format!("{base}/agreements/{}", agreed.id),
            }))
        });
        told["agreements"] = Value::Array(agreements.collect::<Result<_, Failure>>()?);
        output::json(&told)
    }

    /// The same for people.
    pub fn text(&self) -> Result<(), Failure> {
        self.opening()?;
        self.links()?;
        self.money()?;
        self.keys()?;
        self.commands()?;
        output::line("\nCtrl-C stops the nodes. The same folder goes on where it stopped.")
    }

    fn opening(&self) -> Result<(), Failure> {
        let (from, to) = (self.start.date(0), self.start.date(359));
        let seconds = self.seconds;
        if self.resumed {
            output::line(format!("Ready again in {seconds} s, where it stopped."))?;
        } else {
            output::line(format!("Ready in {seconds} s."))?;
        }
        output::line(format!("A year of trade, {from} to {to}: {} events.", self.events))?;
        output::line("Its year was recorded today, in seconds; the pages show of each event when")?;
        output::line("it happened and when it was recorded.")?;
        if self.moved {
            output::line("\nSome of the usual ports are taken: others are used, see below.")?;
        }
        if self.lan {
            output::line(
                "\nOPEN TO YOUR NETWORK: everybody in it can open the links below. What is",
            )?;
            output::line(
                "sent to and from them is not encrypted: who listens in reads along, API",
            )?;
            output::line("keys too. In a café, leave out --lan.")?;
        }
        Ok(())
    }

    fn links(&self) -> Result<(), Failure> {
        let base = self.base();
        output::line("\nOpen, or scan:")?;
        for (_, what, path) in pages() {
            output::line(format!("  {what}"))?;
            output::line(format!("    {base}{path}"))?;
        }
        output::line(format!("  All shipments under way\n    {base}/shipments"))?;
        let [(_, _, path), ..] = pages();
        if let Ok(code) = QRBuilder::new(format!("{base}{path}")).build() {
            output::line("\nThe coffee:")?;
            framed(&code.to_str())?;
        }
        if !self.lan {
            output::line("A phone cannot open this: start with --lan to scan it.")?;
        }
        Ok(())
    }

    fn money(&self) -> Result<(), Failure> {
        output::line("\nThe money that waited on the goods, in EUR of Harbour Bank:")?;
        let paid = format!("{COFFEE_PRICE} paid when it was delivered and inspected");
        let lost = format!("too warm: the price went back, {PENALTY} penalty with it");
        let waits = format!("{COFFEE_PRICE} wait until the store receives it");
        for (agreed, told) in self.agreed.iter().zip([paid.clone(), lost, waits]) {
            let standing = standing(self.stage, agreed)?;
            let told = match standing.as_str() {
                "released" if agreed.id == self.agreed[2].id => &paid,
                "released" | "running" => &told,
                _ => &standing,
            };
            output::line(format!("  {}\n    {told}", agreed.title))?;
        }
        output::line("Prices are for those who take part: sign in with the shop's key.")?;
        output::line(format!("    {}/agreements\n    {0}/accounts", self.base()))
    }

    fn keys(&self) -> Result<(), Failure> {
        output::line("\nThe companies; their nodes; a key for an agent of each:")?;
        for who in Who::ALL {
            let (node, company) = (self.stage.node(who), who.company());
            let votes = if who.votes() { "votes" } else { "follows" };
            output::line(format!(
                "  {:<13} {} ({votes})\n    {}  {}",
                company.role, company.name, node.http, node.api_key
            ))?;
        }
        Ok(())
    }

    /// Commands to try: recording one event, finding it at every node, and seeing what it paid.
    fn commands(&self) -> Result<(), Failure> {
        let (shop, bank) = (self.stage.node(Who::Store), self.stage.node(Who::Bank));
        let file = shell_word(&self.dir.join(EXAMPLE_FILE));
        let nodes = shell_word(&self.dir.join(NODES_FILE));
        let event_id = self.example["eventID"].as_str().unwrap_or_default();
        if self.is_received {
            output::line("\nThe shop has received the second pallet, and paid for it.")?;
        } else {
            output::line("\nReceive the second pallet at the shop; this pays for it:")?;
            output::line(format!("  curl -i {}/epcis/v2/events \\", shop.http))?;
            output::line(format!("    -H 'Authorization: Bearer {}' \\", shop.api_key))?;
            output::line("    -H 'Content-Type: application/json' \\")?;
            output::line(format!("    -d @{file}"))?;
        }
        output::line("\nFind that event at all nodes:")?;
        output::line("  while read node key; do")?;
        output::line("    curl -s -H \"Authorization: Bearer $key\" \\")?;
        output::line(format!("      $node/epcis/v2/events/{event_id}"))?;
        output::line("    echo")?;
        output::line(format!("  done < {nodes}"))?;
        output::line("\nSee with the bank's key what it paid:")?;
        output::line(format!("  id={}", self.agreed[2].id))?;
        output::line("  curl -s \\")?;
        output::line(format!("    -H 'Authorization: Bearer {}' \\", bank.api_key))?;
        output::line(format!("    {}/api/v1/agreements/$id", bank.http))
    }
}
