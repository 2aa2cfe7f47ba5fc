//! The checker for browsers is built into `assets/check.js`, so that building the node needs no
//! npm: what is there must be what its source gives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at once")]

use std::path::Path;
use std::process::Command;

/// Bytes of the built checker, compressed as a server would.
const MAX_GZIPPED_BYTES: usize = 15_000;

fn web() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

fn run(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).current_dir(web()).output();
    let done = done.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{program} {args:?}: {said}");
    String::from_utf8(done.stdout).expect("it prints text")
}

/// Promise P112: the browser's checker is the one whose source can be read, and small.
#[test]
fn the_built_checker_is_what_its_source_gives() {
    run("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run("npm", &["run", "--silent", "types"]);
    let built = std::env::temp_dir().join(format!("tracehold-check-{}.js", std::process::id()));
    let built = built.to_str().expect("a plain path").to_owned();
    run("npm", &["run", "--silent", "build", "--", &format!("--outfile={built}")]);
    let fresh = std::fs::read(&built).expect("it was built");
    std::fs::remove_file(&built).expect("it can be removed");
    let kept = std::fs::read(web().join("../assets/check.js")).expect("assets/check.js");
    assert!(fresh == kept, "assets/check.js is old: run `npm ci && npm run build` in explorer/web");
    let count = "console.log(require('node:zlib').gzipSync(require('node:fs').readFileSync(\
                 '../assets/check.js'), {level: 9}).length)";
    let bytes: usize = run("node", &["-e", count]).trim().parse().expect("a number");
    assert!(bytes <= MAX_GZIPPED_BYTES, "{bytes} bytes");
}
