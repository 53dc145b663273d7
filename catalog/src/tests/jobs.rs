//! Jobs as people and agents see them.

use super::*;

#[test]
fn a_writing_step_that_was_silent_for_two_hours_fails_and_progress_then_stops_the_agent() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    site.task(&session);
    site.clock.advance(Duration::from_secs(7000));
    assert!(!site.progress(&session, job, "writing"));
    let mark = protocol::agent::WritingMark { job, step_index: 0 };
    assert!(!site.catalog.start_writing(&session, mark).unwrap().cancelled);
    site.catalog.tick().unwrap();
    site.clock.advance(Duration::from_secs(7000));
    site.catalog.tick().unwrap();
    assert_eq!(
        site.state(job, welcome.machine),
        JobState::Running,
        "the last word was not two hours ago"
    );
    site.clock.advance(Duration::from_secs(300));
    site.catalog.tick().unwrap();
    assert_eq!(site.state(job, welcome.machine), JobState::Failed);
    assert!(site.progress(&session, job, "writing"));
    assert_eq!(site.catalog.depot_right(&session), DepotRight::Nothing);
    assert_eq!(
        site.boot(1),
        BootPlan::Agent {
            reason: AgentReason::NothingBootable
        }
    );
}

#[test]
fn progress_is_told_at_once_and_written_within_seconds() {
    let mut site = Site::new();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    site.catalog
        .listen(move |event| sink.lock().unwrap().push(event.clone()));
    let welcome = site.hello(1, true);
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    site.task(&session);
    site.catalog.start_step(&session).unwrap();
    told.lock().unwrap().clear();
    site.progress(&session, job, "writing");
    site.progress(&session, job, "writing");
    assert_eq!(told.lock().unwrap().len(), 1, "twice a second is enough");
    assert_eq!(told.lock().unwrap()[0].seq, None);
    let progress = |site: &Site| {
        site.catalog
            .job_machine(job, welcome.machine)
            .unwrap()
            .unwrap()
            .progress
            .map(|progress| progress.bytes_done)
    };
    assert_eq!(progress(&site), Some(ByteLen(7)));
    site.catalog.tick().unwrap();
    site.kill_and_start();
    assert_eq!(progress(&site), Some(ByteLen(7)));
}

#[test]
fn a_cancelled_job_stops_the_agent_and_an_unbegun_one_is_over_at_once() {
    let site = Site::new();
    let (one, two) = (site.hello(1, true), site.hello(2, true));
    let wish = JobWish {
        scope: Scope::Everything,
        title: None,
        machines: vec![one.machine, two.machine, one.machine],
        steps: vec![restore()],
        ..JobWish::default()
    };
    let job = site.catalog.create_job(wish, &Depot, &admin(), None).unwrap().0;
    assert_eq!(
        site.catalog
            .job(job, &Scope::Everything)
            .unwrap()
            .unwrap()
            .counts
            .total(),
        2,
        "a machine is in a job once"
    );
    let session = site.session(&one);
    site.task(&session);
    site.catalog.start_step(&session).unwrap();
    site.catalog.cancel_job(job, &admin()).unwrap();
    assert_eq!(site.state(job, two.machine), JobState::Cancelled);
    assert_eq!(site.state(job, one.machine), JobState::Running);
    assert!(site.progress(&session, job, "writing"));
    site.report(&session, job, 0, failed()).unwrap();
    assert_eq!(site.state(job, one.machine), JobState::Cancelled);
}

#[test]
fn a_job_is_created_once_for_an_idempotency_key() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    let wish = |title: &str| JobWish {
        scope: Scope::Everything,
        title: Some(title.into()),
        machines: vec![welcome.machine],
        steps: vec![Step::Inspect],
        ..JobWish::default()
    };
    let create = |title, key| site.catalog.create_job(wish(title), &Depot, &admin(), Some(key));
    let (job, created) = create("a", "k1").unwrap();
    assert!(created);
    assert_eq!(create("a", "k1").unwrap(), (job, false));
    assert_eq!(create("b", "k1").unwrap_err().code(), "idempotency-key-reused");
    assert_ne!(create("a", "k2").unwrap().0, job);
    let other = Actor {
        name: "someone else".into(),
        peer: None,
    };
    assert_ne!(
        site.catalog
            .create_job(wish("a"), &Depot, &other, Some("k1"))
            .unwrap()
            .0,
        job
    );
    assert_eq!(
        site.catalog
            .jobs(&JobFilter {
                scope: Scope::Everything,
                limit: 10,
                ..JobFilter::default()
            })
            .unwrap()
            .total,
        3
    );
}

#[test]
fn a_machine_with_two_disks_waits_until_a_person_chooses_one() {
    let site = Site::new();
    let token = site.catalog.boot_token(&boot_facts(1), None).unwrap();
    let mut two_disks = hello(1, true, token);
    two_disks.facts.disks.push(facts(7, false).disks.remove(0));
    let welcome = site.catalog.hello(&two_disks).unwrap();
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    let held = site.catalog.next_task(&session).unwrap();
    assert!(
        matches!(&held, HeldTask { task: Task::Wait { why }, hold: true, .. } if why.title.contains("2 disks"))
    );
    let choose = |disk: &DiskIdentity| site.catalog.choose_disk(job, welcome.machine, disk, &admin());
    assert_eq!(
        choose(&facts(8, false).disks[0].identity).unwrap_err().code(),
        "no-such-disk"
    );
    choose(&facts(7, false).disks[0].identity).unwrap();
    let Task::Run(assignment) = site.task(&session) else {
        panic!()
    };
    let Step::Restore { disk: Some(disk), .. } = assignment.step else {
        panic!()
    };
    assert_eq!(disk.serial.as_deref(), Some("DISK7"));
    site.catalog.start_step(&session).unwrap();
    assert_eq!(
        choose(&facts(1, false).disks[0].identity).unwrap_err().code(),
        "disk-not-open"
    );
    let debian: MasterName = "debian".parse().unwrap();
    assert_eq!(
        site.catalog.master_uses(&debian, 2, false).unwrap(),
        [MasterUse::Job {
            id: job,
            title: "restore debian@2".into()
        }]
    );
    assert_eq!(site.catalog.master_uses(&debian, 1, true).unwrap(), []);
}
