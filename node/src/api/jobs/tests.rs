use super::super::limits::MAX_JOB_ERRORS;
use super::*;

const ROOM: u64 = 1_000;

fn jobs(most_running: u32) -> (Jobs, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Jobs::open(dir.path(), most_running, ROOM).unwrap(), dir)
}

fn member(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

fn new(id: &str, behaviour: ErrorBehaviour) -> NewJob {
    NewJob {
        id: id.to_owned(),
        member: member("acme"),
        behaviour,
        original: None,
        keep: None,
        normalised: Vec::new(),
        notices: Vec::new(),
    }
}

async fn begin(jobs: &Jobs, id: &str) -> Running {
    jobs.begin(new(id, ErrorBehaviour::Proceed), TimestampMs(0)).await.unwrap()
}

#[tokio::test]
async fn who_waits_for_a_job_hears_of_its_end_at_once() {
    let (jobs, _dir) = jobs(2);
    let running = begin(&jobs, "a").await;
    let short = jobs.wait("a", Duration::from_millis(1)).await.unwrap();
    assert!(short.job.running);
    let waiter = tokio::spawn({
        let jobs = jobs.clone();
        async move { jobs.wait("a", Duration::from_secs(3_600)).await }
    });
    tokio::task::yield_now().await;
    running.finish(TimestampMs(1));
    assert!(!waiter.await.unwrap().unwrap().job.running);
    assert!(jobs.wait("b", Duration::from_secs(3_600)).await.is_none());
}

#[tokio::test]
async fn a_job_runs_collects_errors_and_ends() {
    let (jobs, _dir) = jobs(2);
    let running = begin(&jobs, "a").await;
    let job = jobs.get("a").unwrap().job;
    assert!(job.running && job.success && job.finished_at.is_none());
    for n in 0..MAX_JOB_ERRORS + 10 {
        running.error(Problem::new(Kind::Exists, "known").event(n, Some("urn:x:1")));
    }
    running.finish(TimestampMs(5));
    let job = jobs.get("a").unwrap().job;
    assert!(!job.running && !job.success);
    assert_eq!(job.errors.len(), MAX_JOB_ERRORS + 1);
    assert_eq!(job.errors[0].type_, "epcisException:ResourceAlreadyExistsException");
    let json = serde_json::to_value(&job).unwrap();
    assert_eq!(json["captureID"], "a");
    assert_eq!(json["captureErrorBehaviour"], "proceed");
    assert_eq!(json["errors"][3]["event"], 3);
}

#[tokio::test]
async fn jobs_are_bounded_running_and_finished() {
    let (jobs, _dir) = jobs(1);
    let first = begin(&jobs, "0").await;
    let refused = jobs.begin(new("1", ErrorBehaviour::Rollback), TimestampMs(0)).await;
    assert_eq!(refused.err().unwrap().code, "too_many_jobs");
    first.finish(TimestampMs(1));
    assert_eq!(jobs.running(), 0);
    // The count is the registry's: what is on disk has its own tests.
    let mut registry = jobs.lock();
    let known = registry.jobs["0"].clone();
    for id in 1..=MAX_FINISHED_JOBS {
        registry.jobs.insert(id.to_string(), known.clone());
        let gone = registry.finish(&id.to_string());
        assert_eq!(gone, if id < MAX_FINISHED_JOBS { vec![] } else { vec!["0".to_owned()] });
    }
}

#[tokio::test]
async fn errors_of_remembered_jobs_take_bounded_memory() {
    let (jobs, _dir) = jobs(1);
    let long = "x".repeat(MAX_JOB_ERROR_BYTES / 10);
    for id in 0..20 {
        let running = begin(&jobs, &id.to_string()).await;
        running.error(Problem::new(Kind::Exists, long.clone()));
        running.finish(TimestampMs(1));
    }
    let left: Vec<usize> = (0..20).filter(|id| jobs.get(&id.to_string()).is_some()).collect();
    assert_eq!(left, (11..20).collect::<Vec<_>>());
    assert!(jobs.lock().all_weights <= MAX_JOB_ERROR_BYTES);
}

#[tokio::test]
async fn a_job_that_is_given_up_ends_with_an_error() {
    let (jobs, _dir) = jobs(1);
    drop(begin(&jobs, "a").await);
    let job = jobs.get("a").unwrap().job;
    assert!(!job.running && !job.success && job.errors.len() == 1);
    assert_eq!(jobs.running(), 0);
}

/// Promise P99.
#[tokio::test]
async fn a_restart_forgets_no_job_and_knows_which_it_interrupted() {
    let (jobs, dir) = jobs(3);
    let original = Original {
        media_type: "application/xml".to_owned(),
        bytes: 4,
        sha256: "00".to_owned(),
        document: None,
    };
    let ended = NewJob {
        original: Some(original),
        keep: Some(b"<a/>".to_vec()),
        ..new("a", ErrorBehaviour::Rollback)
    };
    let ended = jobs.begin(ended, TimestampMs(7)).await.unwrap();
    ended.error(Problem::new(Kind::Exists, "known").event(3, Some("urn:x:1")));
    ended.already_recorded(2);
    ended.finish(TimestampMs(9));
    let theirs = NewJob { member: member("other"), ..new("t", ErrorBehaviour::Proceed) };
    jobs.begin(theirs, TimestampMs(8)).await.unwrap().finish(TimestampMs(9));
    let cut_off = begin(&jobs, "b").await;
    jobs.settled().await;
    let before = jobs.get("a").unwrap();

    let jobs = Jobs::open(dir.path(), 3, ROOM).unwrap();
    let after = jobs.get("a").unwrap();
    let told = |known: &Known| serde_json::to_value(&known.job).unwrap();
    assert_eq!((told(&after), after.interrupted), (told(&before), false));
    assert_eq!(jobs.document("a").await.unwrap().unwrap(), b"<a/>");
    assert!(jobs.get("b").unwrap().interrupted);
    let settled = jobs.settle("b", TimestampMs(20), None).unwrap();
    assert!(!settled.job.running && settled.job.success);
    let again = jobs.settle("b", TimestampMs(21), Some(Problem::new(Kind::Exists, "x"))).unwrap();
    assert_eq!(told(&again), told(&settled), "settled once");

    // Newest first, a page at a time, those of one member.
    let ids = |found: &[Known]| {
        found.iter().map(|known| known.job.capture_id.clone()).collect::<Vec<_>>()
    };
    let (page, more) = jobs.of_member(&member("acme"), None, 1);
    assert_eq!((ids(&page), more), (vec!["b".to_owned()], true));
    let (page, more) = jobs.of_member(&member("acme"), Some(page[0].seq), 5);
    assert_eq!((ids(&page), more), (vec!["a".to_owned()], false));
    begin(&jobs, "c").await.finish(TimestampMs(30));
    assert!(jobs.get("c").unwrap().seq > jobs.get("b").unwrap().seq);
    drop(cut_off);
}

/// Promise P99.
#[tokio::test]
async fn the_file_of_jobs_does_not_grow_without_end() {
    let (jobs, dir) = jobs(1);
    jobs.lock().lines = MAX_JOB_LINES - 4;
    for id in 0..8 {
        begin(&jobs, &id.to_string()).await.finish(TimestampMs(1));
    }
    jobs.settled().await;
    assert!(jobs.lock().lines < 20);
    let jobs = Jobs::open(dir.path(), 1, ROOM).unwrap();
    for id in 0..8 {
        let known = jobs.get(&id.to_string()).unwrap();
        assert!(!known.job.running, "{id}");
    }
}
