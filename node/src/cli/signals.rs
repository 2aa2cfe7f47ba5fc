//! Being asked to stop: ctrl-C, `kill`, a closed terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// How often a wait looks whether it should end.
const POLL: Duration = Duration::from_millis(50);

/// Waits for the first of SIGINT, SIGTERM and SIGHUP and returns its name.
///
/// # Errors
/// The system's, when signals cannot be watched.
pub async fn stop_signal() -> std::io::Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    })
}

/// A flag that is set once the process is asked to stop, for commands without an async loop.
///
/// # Errors
/// [`Failure`] when signals cannot be watched.
pub fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let failed = |error: std::io::Error| Failure::Refused(format!("cannot watch signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed)?;
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    thread::spawn(move || {
        if runtime.block_on(stop_signal()).is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    });
    Ok(flag)
}

/// Waits until `flag` is set, calling `check` from time to time; ends early when it fails.
///
/// # Errors
/// Whatever `check` answers.
pub fn wait(
    flag: &AtomicBool,
    mut check: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    while !flag.load(Ordering::Relaxed) {
        check()?;
        thread::sleep(POLL);
    }
    Ok(())
}
