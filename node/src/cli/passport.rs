//! `tracehold passport`: checking a product passport without a node and without a network.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use tracehold_chain::credential::{self, did};
use tracehold_chain::epcis::Violation;
use tracehold_chain::epcis::json::parse_strict;

use super::init::now;
use super::{Failure, output};

/// Bytes of a file that is read: a passport has some thousand.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say who signed a passport, and whether anything was changed since
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tracehold passport verify passport.json\n  tracehold passport verify \
                  --did-document did.json passport.json\n  curl -H 'Accept: application/vc+ld+json' \
                  $LINK | tracehold passport verify -\n\nNothing is fetched. A passport of a did:web \
                  needs that DID's document, which the refusal says where to get. Exit codes: 0 \
                  signed by its issuer, unchanged and valid now, 1 not so, or a file cannot be read"
)]
pub struct Verify {
    /// The passport, or another W3C credential with an eddsa-jcs-2022 proof; `-` reads stdin
    file: PathBuf,
    /// The document of the issuer's DID; a did:key needs none
    #[arg(long, value_name = "FILE")]
    did_document: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Verify(args) => verify(args),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    problems: Vec<Violation>,
}

fn verify(args: &Verify) -> Result<(), Failure> {
    let passport = read(&args.file)?;
    let document = args.did_document.as_deref().map(read).transpose()?;
    let checked = credential::verify(&passport, document.as_ref(), now()?);
    let report = match checked {
        Ok(good) => Report {
            valid: true,
            issuer: Some(good.issuer),
            issuer_name: good.issuer_name,
            key: Some(did::multikey(&good.key)),
            product: good.product,
            product_name: good.product_name,
            valid_from: good.valid_from,
            valid_until: good.valid_until,
            problems: Vec::new(),
        },
        Err(problems) => Report {
            valid: false,
            issuer: None,
            issuer_name: None,
            key: None,
            product: None,
            product_name: None,
            valid_from: None,
            valid_until: None,
            problems,
        },
    };
    if args.json {
        output::json(&report)?;
    } else {
        print(&report)?;
    }
    match report.valid {
        true => Ok(()),
        false => {
            let file = args.file.display();
            Err(Failure::Refused(format!("{file} cannot be relied on")))
        }
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    for problem in &report.problems {
        output::line(format!("wrong    {problem}"))?;
    }
    if !report.valid {
        return Ok(());
    }
    output::line("signed by its issuer, unchanged, valid now")?;
    for (name, value) in [
        ("product", &report.product),
        ("called", &report.product_name),
        ("issuer", &report.issuer),
        ("named", &report.issuer_name),
        ("key", &report.key),
        ("from", &report.valid_from),
        ("until", &report.valid_until),
    ] {
        if let Some(value) = value {
            // What a credential says is not ours: no control characters reach the terminal.
            let plain: String = value.chars().filter(|c| !c.is_control()).collect();
            output::line(format!("{name:<8} {plain}"))?;
        }
    }
    output::line("the name is the issuer's own word: compare the DID or key with one that you know")
}

fn read(path: &Path) -> Result<Value, Failure> {
    let mut bytes = Vec::new();
    let failed = |why: String| Failure::Refused(format!("cannot read {}: {why}", path.display()));
    let done = if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
    };
    let length = done.map_err(|error| failed(error.to_string()))?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(failed(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    parse_strict(&bytes).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tracehold_chain::credential::proof;
    use tracehold_chain::keys::{SecretKey, Signer as _};

    use super::*;

    fn file(dir: &Path, name: &str, value: &Value) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path
    }

    /// Promise P106.
    #[test]
    fn a_passport_in_a_file_is_checked_without_a_node() {
        let dir = tempfile::tempdir().unwrap();
        let key = SecretKey::from_seed(&[5; 32]);
        let signed = |did: &str| {
            let document = json!({"@context": ["https://www.w3.org/ns/credentials/v2"],
                "type": ["VerifiableCredential"], "issuer": {"id": did, "name": "Acme"}});
            let document = document.as_object().cloned().unwrap();
            let method = did::method_id(did, &key.public_key());
            proof::sign(document, "2026-03-01T00:00:00Z", &method, &key)
        };
        let check = |passport: &Value, document: Option<&Value>| {
            verify(&Verify {
                file: file(dir.path(), "passport.json", passport),
                did_document: document.map(|document| file(dir.path(), "did.json", document)),
                json: true,
            })
            .is_ok()
        };
        let own = signed(&did::did_key(&key.public_key()));
        assert!(check(&own, None));
        let mut changed = own.clone();
        changed["issuer"]["name"] = json!("Acne");
        assert!(!check(&changed, None));
        let web = "did:web:acme.example";
        let document = did::document(web, &[], &[key.public_key()]);
        assert!(check(&signed(web), Some(&document)));
        assert!(!check(&signed(web), None));
        let other = did::document(web, &[], &[SecretKey::from_seed(&[6; 32]).public_key()]);
        assert!(!check(&signed(web), Some(&other)));
        let twice = dir.path().join("twice.json");
        std::fs::write(&twice, "{\"a\":1,\"a\":2}").unwrap();
        let args = Verify { file: twice, did_document: None, json: false };
        let refusal = verify(&args).unwrap_err().to_string();
        assert!(refusal.contains("cannot read"), "{refusal}");
    }
}
