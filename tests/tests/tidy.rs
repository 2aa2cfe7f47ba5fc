//! The house stays as `docs/decisions/0001-the-house.md` draws it: which crate may use which, what
//! the pure core may not touch, and that no source file is orphaned or overlong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The dependencies that a crate's manifest names under `[dependencies]`.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
    let section = manifest.split("\n[dependencies]\n").nth(1).expect("a dependencies section");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split([' ', '=', '.']).next()).map(str::to_owned).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

const CRATES: [&str; 6] = ["chain", "contracts", "node", "explorer", "testnet", "tests"];

#[test]
fn arrows_between_the_crates() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("chain", [].as_slice()),
        ("contracts", &["chain"]),
        ("explorer", &["chain", "contracts"]),
        ("testnet", &["chain"]),
        ("node", &["chain", "contracts", "explorer", "testnet"]),
        ("tests", &["chain", "contracts", "node", "explorer", "testnet"]),
    ]);
    for folder in CRATES {
        for dependency in dependencies(folder) {
            if let Some(other) = dependency.strip_prefix("tracehold-") {
                assert!(allowed[folder].contains(&other), "{folder} may not depend on {other}");
            }
        }
    }
}

#[test]
fn the_core_is_pure() {
    let banned =
        ["tokio", "libp2p", "sled", "axum", "hyper", "rand", "getrandom", "ureq", "rustix"];
    let words = [
        "std::fs",
        "std::net",
        "std::time",
        "std::thread",
        "std::process",
        "std::env",
        "SystemTime",
        "Instant::",
        "HashMap",
        "HashSet",
    ];
    for folder in ["chain", "contracts"] {
        let dependencies = dependencies(folder);
        for name in banned {
            assert!(!dependencies.contains(name), "{folder} may not depend on {name}");
        }
        let mut files = Vec::new();
        rust_files(&root().join(folder).join("src"), &mut files);
        // Tests beside the code may read their tables.
        let is_test = |file: &Path| {
            ["tests", "testing"].iter().any(|name| file.file_stem() == Some(name.as_ref()))
        };
        for file in files.iter().filter(|file| !is_test(file)) {
            let text = fs::read_to_string(file).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in code.lines().enumerate() {
                let is_comment = line.trim_start().starts_with("//");
                let found = words.iter().find(|word| !is_comment && line.contains(**word));
                assert!(found.is_none(), "{}:{}: {found:?}", file.display(), number + 1);
            }
        }
    }
}

#[test]
fn every_source_file_is_part_of_a_crate() {
    for folder in CRATES {
        let mut files = Vec::new();
        rust_files(&root().join(folder).join("src"), &mut files);
        let texts: Vec<(PathBuf, String)> = files
            .iter()
            .map(|file| (file.clone(), fs::read_to_string(file).expect("a source file")))
            .collect();
        for (file, _) in &texts {
            let stem = file.file_stem().and_then(|s| s.to_str()).expect("a plain file name");
            let in_bin = file.components().any(|part| part.as_os_str() == "bin");
            if matches!(stem, "lib" | "main") || in_bin {
                continue;
            }
            let folder_name = || {
                file.parent().and_then(Path::file_name).and_then(|s| s.to_str()).expect("a name")
            };
            let module = if stem == "mod" { folder_name() } else { stem };
            let declared = format!("mod {module};");
            let known = texts.iter().any(|(other, text)| other != file && text.contains(&declared));
            assert!(known, "{} is declared by no module", file.display());
        }
    }
}

#[test]
fn lines_fit_the_page() {
    let mut long = Vec::new();
    for folder in CRATES {
        let mut files = Vec::new();
        rust_files(&root().join(folder), &mut files);
        for file in
            files.iter().filter(|file| !file.components().any(|c| c.as_os_str() == "target"))
        {
            let text = fs::read_to_string(file).expect("a source file");
            for (number, line) in text.lines().enumerate() {
                let width = line.chars().count();
                let is_data = line.contains('"') || line.ends_with('\\');
                if width > 100 && !is_data {
                    long.push(format!("{}:{}: {width} wide", file.display(), number + 1));
                }
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_promise_that_a_test_names_is_on_the_list() {
    let promises = fs::read_to_string(root().join("docs/promises.md")).expect("docs/promises.md");
    let numbers: BTreeSet<&str> = promises
        .lines()
        .filter_map(|line| line.strip_prefix("**P")?.split_once('.').map(|(number, _)| number))
        .collect();
    assert!(numbers.len() > 10, "promises are lines that begin with **P1.**");
    for folder in CRATES {
        let mut files = Vec::new();
        rust_files(&root().join(folder), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file");
            for named in text.split(concat!("Promise", " P")).skip(1) {
                let number: String = named.chars().take_while(char::is_ascii_digit).collect();
                assert!(numbers.contains(number.as_str()), "{}: P{number}?", file.display());
            }
        }
    }
}
