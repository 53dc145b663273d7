//! Tokens, keys and reports of agents.

use super::*;

#[test]
fn a_token_is_exchanged_once_in_time_and_by_its_own_machine() {
    let site = Site::new();
    let code = |hello: &Hello| site.catalog.hello(hello).map(drop).unwrap_err().code();
    let token = site.catalog.boot_token(&boot_facts(1), None).unwrap();
    assert_eq!(code(&hello(1, true, "invented".into())), "token-unknown");
    assert_eq!(code(&hello(2, true, token.clone())), "token-of-another-machine");
    let mut nameless = hello(2, true, token.clone());
    nameless.mac = None;
    assert_eq!(code(&nameless), "token-of-another-machine");
    site.catalog.hello(&hello(1, true, token.clone())).unwrap();
    assert_eq!(code(&hello(1, true, token)), "token-used");
    let late = site.catalog.boot_token(&boot_facts(3), None).unwrap();
    site.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(code(&hello(3, true, late)), "token-expired");
}

#[test]
fn of_two_agents_with_one_token_one_gets_in() {
    let site = Site::new();
    let token = site.catalog.boot_token(&boot_facts(1), None).unwrap();
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| usize::from(site.catalog.hello(&hello(1, true, token.clone())).is_ok())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1);
}

#[test]
fn tokens_of_one_adapter_do_not_pile_up() {
    let site = Site::new();
    let mint = |_| {
        site.clock.advance(Duration::from_millis(1));
        site.catalog.boot_token(&boot_facts(1), None).unwrap()
    };
    let tokens: Vec<_> = (0..9).map(mint).collect();
    assert_eq!(
        site.catalog
            .hello(&hello(1, true, tokens[0].clone()))
            .unwrap_err()
            .code(),
        "token-unknown"
    );
    site.catalog.hello(&hello(1, true, tokens[8].clone())).unwrap();
}

#[test]
fn a_new_session_of_a_machine_ends_the_old_one() {
    let site = Site::new();
    let old = site.hello(1, false);
    let old_session = site.session(&old);
    let new = site.hello(1, false);
    assert_eq!(old.machine, new.machine);
    assert_eq!(
        site.catalog.authenticate(&old.session_key).unwrap_err().code(),
        "no-session"
    );
    assert_eq!(
        site.catalog.next_task(&old_session).unwrap_err().code(),
        "no-session"
    );
}

#[test]
fn a_hello_with_a_machines_signs_does_not_end_the_session_of_its_agent_at_work() {
    let mut site = Site::new();
    let welcome = site.hello(1, true);
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    site.task(&session);
    site.progress(&session, job, "writing");
    let token = site.catalog.boot_token(&boot_facts(1), None).unwrap();
    let stranger = || site.catalog.hello(&hello(1, true, token.clone()));
    let error = stranger().unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        (Problem::AGENT_AT_WORK, ErrorKind::Conflict)
    );
    assert!(!site.progress(&site.session(&welcome), job, "writing"));
    for _ in 0..3 {
        site.clock.advance(Duration::from_secs(19));
        assert_eq!(stranger().unwrap_err().code(), Problem::AGENT_AT_WORK);
        assert!(!site.progress(&site.session(&welcome), job, "writing"));
    }
    // The appliance was down for longer than that: its agents come back first.
    site.clock.advance(Duration::from_secs(60));
    site.kill_and_start();
    let come = |site: &Site| site.catalog.hello(&hello(1, true, token.clone()));
    assert_eq!(come(&site).unwrap_err().code(), Problem::AGENT_AT_WORK);
    site.clock.advance(Duration::from_secs(20));
    assert_eq!(
        come(&site).unwrap().machine,
        welcome.machine,
        "a machine that was restarted gets in, with the same token"
    );
    assert!(site.catalog.authenticate(&welcome.session_key).is_err());
}

#[test]
fn a_job_that_was_taken_back_keeps_nobody_out() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    site.task(&session);
    site.progress(&session, job, "writing");
    site.catalog.cancel_job(job, &admin()).unwrap();
    site.hello(1, true);
    assert!(site.catalog.authenticate(&welcome.session_key).is_err());
}

#[test]
fn a_final_report_brings_a_new_key_and_may_be_repeated_with_the_old_one() {
    let mut site = Site::new();
    let welcome = site.hello(1, false);
    let session = site.session(&welcome);
    let capture = Step::Capture {
        disk: None,
        master: "salle 12".parse().unwrap(),
        as_raw: false,
        drop_hibernation: false,
        keep_unreadable: false,
    };
    let job = site.job(welcome.machine, &[capture]);
    let Task::Run(_) = site.task(&session) else {
        panic!()
    };
    let right = DepotRight::Upload {
        master: "salle 12".parse().unwrap(),
        job,
    };
    assert_eq!(site.catalog.depot_right(&session), right);
    let first = site.report(&session, job, 0, done()).unwrap();
    site.kill_and_start();
    let repeating = site.session(&welcome);
    assert!(repeating.repeats);
    assert_eq!(site.catalog.depot_right(&repeating), DepotRight::Nothing);
    assert_eq!(
        site.catalog.next_task(&repeating).unwrap_err().code(),
        "no-session"
    );
    let second = site.report(&repeating, job, 0, done()).unwrap();
    assert_ne!(first, second);
    assert!(
        site.catalog.authenticate(&first).is_err(),
        "the key that was lost on the way is void"
    );
    let third = site.report(&site.session(&welcome), job, 0, failed()).unwrap();
    assert_eq!(
        site.state(job, welcome.machine),
        JobState::Done,
        "what is done stays done"
    );
    let session = site.catalog.authenticate(&third).unwrap();
    assert!(matches!(site.task(&session), Task::Wait { .. }));
    let row = site.catalog.job_machine(job, welcome.machine).unwrap().unwrap();
    assert_eq!(row.standing.results.len(), 1);
}

#[test]
fn a_session_reports_only_for_its_own_job_and_machine() {
    let site = Site::new();
    let (one, two) = (site.hello(1, false), site.hello(2, false));
    let job = site.job(two.machine, &[restore()]);
    let mine = site.job(one.machine, &[restore()]);
    let later = site.job(one.machine, &[restore()]);
    let session = site.session(&one);
    site.task(&session);
    let code = |job, step_index| {
        site.catalog
            .report(
                &session,
                StepReport {
                    job,
                    step_index,
                    outcome: done(),
                },
            )
            .unwrap_err()
            .code()
    };
    assert_eq!(code(job, 0), "not-your-job");
    assert_eq!(code(JobId::new(), 0), "not-your-job");
    assert_eq!(code(later, 0), "not-your-job");
    assert_eq!(code(mine, 1), "step-ahead");
    assert!(
        site.progress(&session, job, "writing"),
        "whoever works on what is not theirs is told to stop"
    );
}
