//! `tracehold verify`: whether an evidence file holds. Needs no node and no network.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tracehold_chain::codec;
use tracehold_chain::epcis::canonical;
use tracehold_chain::evidence::{
    About, Failure as Fault, Finding, MAX_EVIDENCE_BYTES, OpenRecall, Report, Trust, VerifyError,
    verify,
};
use tracehold_chain::units::Height;
use tracehold_contracts::agreement::AgreementRecord;
use tracehold_contracts::money::Balance;
use tracehold_explorer::pages::check::evidence_in;

use super::{Failure, output};
use crate::api::{decimal, now, stage_code};
use crate::config::read_genesis;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tracehold verify evidence-42.json --genesis genesis.json\n\nSays a \
                  sentence for each thing that the file proves, or what is wrong with it and where.\n\
                  A page that was kept with its evidence is such a file, too. Without --genesis the\n\
                  file says of itself which network it is from: then compare the digest that is\n\
                  shown.\n\nExit codes: 0 it holds, 6 it does not hold, 7 it is no evidence file, or \
                  cannot be\nread"
)]
pub struct Args {
    /// The evidence file, or a page that was kept with it; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The genesis record of the network that you trust
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// The item that the file must be about, as EPC URN or Digital Link
    #[arg(long, value_name = "URI")]
    id: Option<String>,
    /// The lowest block that is fresh enough
    #[arg(long, value_name = "HEIGHT")]
    least_height: Option<u64>,
    /// In which language to say it
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    language: Language,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// English
    En,
    /// Chinese
    Zh,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let text = evidence_of(read(&args.file)?);
    let genesis = args.genesis.as_deref().map(read_genesis).transpose();
    let genesis = genesis.map_err(|error| Failure::Unreadable(error.to_string()))?;
    let trust = Trust {
        genesis: genesis.map(|genesis| genesis.id().0),
        least_height: args.least_height.map(Height),
        item: args.id.as_deref().map(|id| canonical(id).into_uri()),
    };
    match verify(&text, &trust) {
        Ok(report) => tell(args, &report),
        Err(VerifyError::Unreadable(why)) => {
            if args.json {
                output::json(&json!({"result": "unreadable", "reason": why.to_string()}))?;
            }
            Err(Failure::Unreadable(why.to_string()))
        }
        Err(VerifyError::Failed(fault)) => Err(failed(args, &fault)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let most = u64::try_from(MAX_EVIDENCE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut text))
    };
    read.map_err(|error| Failure::Unreadable(format!("cannot read {}: {error}", path.display())))?;
    Ok(text)
}

/// The evidence in a page that was kept; whatever else a file is, it is taken as it is.
fn evidence_of(file: Vec<u8>) -> Vec<u8> {
    let page = std::str::from_utf8(&file).ok().filter(|text| text.starts_with("<!doctype html>"));
    page.and_then(evidence_in).map(String::into_bytes).unwrap_or(file)
}

fn failed(args: &Args, fault: &Fault) -> Failure {
    let sentence = fault.sentence();
    if args.json {
        let told = output::json(&json!({
            "result": "failed",
            "code": fault.reason.code(),
            "place": fault.place.0,
            "sentence": {"en": sentence.en, "zh": sentence.zh},
        }));
        if let Err(gone) = told {
            return gone;
        }
    }
    Failure::CheckFailed(match args.language {
        Language::En => format!("CHECK FAILED: {}", sentence.en),
        Language::Zh => format!("检查失败：{}", sentence.zh),
    })
}

fn tell(args: &Args, report: &Report) -> Result<(), Failure> {
    let findings = report.findings(now());
    let record = record(report);
    if args.json {
        return output::json(&as_json(report, &findings, record));
    }
    for finding in &findings {
        let mark = match (finding.is_warning, finding.is_proof) {
            (true, _) => "STOP",
            (false, true) => "ok  ",
            (false, false) => "note",
        };
        let sentence = match args.language {
            Language::En => &finding.sentence.en,
            Language::Zh => &finding.sentence.zh,
        };
        output::line(format!("{mark}  {sentence}"))?;
    }
    for (name, value) in record.iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        output::line(format!("      {name}: {value}"))?;
    }
    Ok(())
}

fn as_json(report: &Report, findings: &[Finding], record: Option<Map<String, Value>>) -> Value {
    let findings = findings.iter().map(|finding| {
        json!({
            "code": finding.code,
            "proved": finding.is_proof,
            "warning": finding.is_warning,
            "sentence": {"en": finding.sentence.en, "zh": finding.sentence.zh},
        })
    });
    let item = report.item.as_ref().map(|item| {
        let cuts = item.cuts.iter().map(|cut| json!({"id": cut.id, "reason": cut.reason.code()}));
        json!({
            "log": {"from": item.from, "count": item.count},
            "events": item.events,
            "withheld_sections": item.withheld_sections,
            "withheld_events": item.withheld_events,
            "claims": item.claims,
            "levels": item.levels,
            "inputs": item.inputs,
            "cuts": cuts.collect::<Vec<_>>(),
        })
    });
    let recalls = report.recalls.iter().map(|OpenRecall { record, names }| {
        json!({
            "id": record.id.to_string(),
            "names": names,
            "reason": record.notice.reason,
            "what_to_do": record.notice.what_to_do,
            "contact": record.notice.contact,
            "web": record.notice.web,
            "declared_by": record.declared.by.to_string(),
            "height": record.declared.height.0,
            "declared_at": record.declared.at.to_string(),
        })
    });
    json!({
        "result": "holds",
        "about": report.about,
        "exists": report.exists,
        "chain_id": report.chain_id,
        "genesis_digest": report.genesis_digest,
        "network_compared": report.is_known_network,
        "height": report.height.0,
        "block_id": report.block_id,
        "block_time": report.block_time.to_string(),
        "votes": report.votes,
        "validators": report.validators,
        "power": report.power,
        "total_power": report.total_power,
        "item": item,
        "recalls": recalls.collect::<Vec<_>>(),
        "record": record,
        "findings": findings.collect::<Vec<_>>(),
    })
}

/// What the record of an agreement or balance says.
fn record(report: &Report) -> Option<Map<String, Value>> {
    let bytes = report.record.as_ref()?;
    let said = match &report.about {
        About::Item { .. } => return None,
        About::Balance { .. } => codec::unpack::<Balance>(bytes).ok().map(|balance| {
            json!({
                "posted": decimal(balance.posted, &balance.asset),
                "postings": balance.postings,
            })
        }),
        About::Agreement { .. } => codec::unpack::<AgreementRecord>(bytes).ok().map(|record| {
            json!({"reference": record.reference.to_string(), "stage": stage_code(&record.stage)})
        }),
    };
    let said = said.unwrap_or_else(|| json!({"bytes": hex::encode(bytes)}));
    said.as_object().cloned()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn said(file: &str, more: &[&str]) -> Result<(), Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence-vectors");
        let file = folder.join(file).to_str().unwrap().to_owned();
        let words = ["verify", &file].into_iter().chain(more.iter().copied());
        run(&Command::try_parse_from(words).unwrap().args)
    }

    /// Promise P122: programs are told of recalls as people are: which, what it names, what to do.
    #[test]
    fn recalls_are_in_the_json() {
        let text = include_bytes!("../../../docs/evidence-vectors/good-recalled.json");
        let report = verify(text, &Trust::default()).unwrap();
        let told = as_json(&report, &report.findings(now()), record(&report));
        let recalls = told["recalls"].as_array().unwrap();
        assert_eq!(recalls.len(), 2, "{told}");
        let class = "https://id.gs1.org/01/09521101100006";
        assert_eq!(recalls[0]["names"], json!([format!("{class}/21/c0"), class]));
        assert_eq!(recalls[0]["what_to_do"]["zh"], "请勿食用，请退回。");
        assert_eq!(
            (&recalls[0]["declared_by"], &recalls[1]["height"]),
            (&json!("mill/erp"), &json!(12))
        );
        let warned = told["findings"].as_array().unwrap().iter();
        let warned: Vec<&Value> = warned.filter(|of| of["warning"] == true).collect();
        assert!(warned.len() == 2 && warned.iter().all(|of| of["code"] == "recalled"), "{told}");
    }

    /// Promises P112 and P113: what holds, what does not and what is no evidence have exit codes of
    /// their own.
    #[test]
    fn each_outcome_has_its_exit_code() {
        fn code(file: &str, more: &[&str]) -> u8 {
            said(file, more).map_or_else(|failure| failure.exit_code(), |()| 0)
        }
        for good in ["item", "public", "inputs", "absent", "balance", "recalled"] {
            let file = format!("good-{good}.json");
            for more in [&[][..], &["--json"], &["--language", "zh"]] {
                assert_eq!(code(&file, more), 0, "{file}");
            }
        }
        let index = include_str!("../../../docs/evidence-vectors/index.json");
        let index: Value = serde_json::from_str(index).unwrap();
        let item = "https://id.gs1.org/01/09521101100006/21/c0";
        assert_eq!(code("good-item.json", &["--id", item]), 0);
        assert_eq!(code("good-item.json", &["--id", "urn:x"]), 6);
        assert_eq!(code("good-item.json", &["--least-height", "1000"]), 6);
        for vector in index["vectors"].as_array().unwrap() {
            let wanted = match vector["result"].as_str().unwrap() {
                "ok" => 0,
                "unreadable" => 7,
                // Whole in itself: whoever knows no network is told that nothing was compared.
                "other-network" => 0,
                _ if vector.get("trust").is_some() => continue,
                _ => 6,
            };
            assert_eq!(code(vector["file"].as_str().unwrap(), &[]), wanted, "{vector}");
        }
        assert_eq!(code("index.json", &[]), 7);
        assert_eq!(code("no-such-file.json", &[]), 7);
        assert_eq!(code("good-item.json", &["--genesis", "no-such-file.json"]), 7);
        let Err(Failure::CheckFailed(text)) = said("bad-too-little-power.json", &[]) else {
            panic!("three of five votes are not enough");
        };
        assert!(text.contains("power 3 of 5") && text.contains("/certificate/signatures"));
    }
}
