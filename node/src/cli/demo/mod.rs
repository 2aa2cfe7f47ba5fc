//! `tracehold demo`: six companies, their nodes, and a year of their trade: coffee that is paid on
//! delivery, a vaccine that gets too warm, and a handbag whose tag was copied.

mod coffee;
mod companies;
mod describe;
mod folder;
mod handbag;
mod lan;
mod parts;
mod progress;
mod record;
mod sale;
mod show;
mod vaccine;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tracehold_testnet::manifest::HTTP_PORT;
use tracehold_testnet::{Options, Testnet};

use super::{Failure, output, own_binary, signals};
use companies::Who;
use parts::{Chapter, Start};
use progress::Progress;
use record::{Halt, Stage};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tracehold demo\n  tracehold demo --lan\n  \
                        tracehold demo --dir /tmp/demo --reset")]
pub struct Args {
    /// The demo's folder; the same folder goes on where it stopped
    #[arg(long, value_name = "DIR", default_value = ".data/demo")]
    dir: PathBuf,
    /// Remove what an earlier demo left in the folder and begin again
    #[arg(long)]
    reset: bool,
    /// Let phones in the same network open the pages; so can everybody else in it
    #[arg(long)]
    lan: bool,
    /// Print one JSON object when everything is ready
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let begun = Instant::now();
    let stop = signals::stop_flag()?;
    if args.reset {
        folder::reset(&args.dir)?;
    }
    let mut options = Options::new(own_binary()?, &args.dir, Who::ALL.len());
    if args.lan {
        options.open_to = Some((0, lan::address()?));
    }
    let (start, resumed) = folder::open(&args.dir)?;
    let chapters = chapters(start);
    let mut progress = Progress::new(!args.json, chapters.len() + STEPS_BEFORE);
    progress.next("Starting the nodes of six companies")?;
    options.plan = companies::plan();
    options.cancelled = stop.clone();
    let mut network = match Testnet::up(options) {
        // Ctrl-C in a terminal also reaches the commands that make keys.
        Err(_) if stop.load(Ordering::Relaxed) => {
            progress.end();
            return Ok(());
        }
        result => result?,
    };
    let ready = Ready { args, network: &network, stop: &stop, start, resumed, begun };
    let told = ready.tell(&chapters, &mut progress);
    progress.end();
    let waited = match told {
        Ok(()) => signals::wait(&stop, || network.check_running().map_err(Failure::from)),
        Err(Halt::Asked) => Ok(()),
        Err(Halt::Failed(failure)) => Err(failure),
    };
    if waited.is_ok() && !args.json {
        // The reader may be gone with the terminal; stopping goes on all the same.
        let _ = output::line("\nStopping …");
    }
    let clean = network.stop();
    waited?;
    if clean { Ok(()) } else { Err(Failure::Refused("a node did not stop cleanly".to_owned())) }
}

/// What is done before the first chapter.
const STEPS_BEFORE: usize = 3;

/// All chapters of the year, each journey in order of time.
fn chapters(start: Start) -> Vec<Chapter> {
    let mut chapters = coffee::journey(start);
    chapters.push(vaccine::journey(start));
    chapters.push(handbag::journey(start));
    chapters
}

/// A network that runs, before its story is told.
struct Ready<'n> {
    args: &'n Args,
    network: &'n Testnet,
    stop: &'n AtomicBool,
    start: Start,
    resumed: bool,
    begun: Instant,
}

impl Ready<'_> {
    fn tell(&self, chapters: &[Chapter], progress: &mut Progress) -> Result<(), Halt> {
        let stage = Stage { network: self.network, stop: self.stop };
        progress.next("Describing products, places and companies")?;
        record::describe(stage)?;
        // Before the goods: only what is recorded while an agreement runs counts for it.
        progress.next("Money is issued, three agreements are signed")?;
        let agreed = sale::agree(stage)?;
        let begin = |chapter: &Chapter| progress.next(chapter.title);
        record::tell(stage, self.start, chapters, begin)?;
        progress.end();
        let receipt = coffee::second_receipt(self.start);
        let mut example = record::with_id(self.start, record::EXAMPLE_NUMBER, &receipt);
        example["@context"] = parts::context();
        folder::write_helpers(&self.args.dir, &self.network.nodes, &example)?;
        let usual = (HTTP_PORT..).zip(&self.network.nodes);
        let told = show::Told {
            stage,
            dir: &self.args.dir,
            start: self.start,
            agreed: &agreed,
            example: &example,
            is_received: record::is_recorded(stage, Who::Store, &example)?,
            events: chapters.iter().map(|chapter| chapter.steps.len()).sum(),
            resumed: self.resumed,
            seconds: self.begun.elapsed().as_secs().max(1),
            lan: self.args.lan,
            moved: usual.into_iter().any(|(port, node)| !node.http.ends_with(&format!(":{port}"))),
        };
        if self.args.json {
            told.json(self.network)?
        } else {
            told.text()?
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::units::TimestampMs;

    use super::*;

    #[test]
    fn the_story_is_the_same_for_the_same_start_and_in_order_of_time() {
        let start = Start(TimestampMs(1_772_323_200_000));
        let (mut journeys, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
        for (number, chapter) in chapters(start).iter().enumerate() {
            let times: Vec<String> = chapter
                .steps
                .iter()
                .map(|step| step.event["eventTime"].as_str().unwrap().to_owned())
                .collect();
            assert!(times.is_sorted(), "{}: {times:?}", chapter.title);
            assert!(times.last().unwrap() < &start.at(360, 0, 0).to_string(), "{}", chapter.title);
            for (place, step) in chapter.steps.iter().enumerate() {
                let event = record::with_id(start, number * 100 + place, step);
                assert!(ids.insert(event["eventID"].as_str().unwrap().to_owned()));
            }
            assert!(chapter.steps.len() < 100 && chapter.title.chars().count() < 60);
            journeys.push(times);
        }
        let coffee: Vec<&String> = journeys[..4].iter().flatten().collect();
        assert!(coffee.is_sorted());
        let again: Vec<_> = chapters(start).into_iter().flat_map(|chapter| chapter.steps).collect();
        let first: Vec<_> = chapters(start).into_iter().flat_map(|chapter| chapter.steps).collect();
        assert!(again.iter().zip(&first).all(|(a, b)| a.event == b.event));
    }
}
