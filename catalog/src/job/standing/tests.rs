use super::*;
use proptest::prelude::*;
use protocol::{
    ByteLen, MasterRef,
    agent::Evidence,
    disk::DiskFacts,
    job::ReadBack,
    machine::{NicFacts, Smbios},
};
use uuid::Uuid;

fn disk(serial: &str) -> DiskFacts {
    let identity = DiskIdentity {
        serial: Some(serial.into()),
        size: ByteLen(1 << 34),
        ..DiskIdentity::default()
    };
    DiskFacts::internal("sda", identity)
}

fn facts(uuid: u128, disks: &[&str]) -> MachineFacts {
    MachineFacts {
        smbios: Smbios {
            uuid: Some(Uuid::from_u128(uuid)),
            ..Smbios::default()
        },
        nics: vec![NicFacts {
            name: "eth0".into(),
            mac: "52:54:00:00:00:01".parse().unwrap(),
            driver: String::new(),
            usb: false,
            link: true,
            booted: true,
        }],
        disks: disks.iter().map(|serial| disk(serial)).collect(),
        ..MachineFacts::default()
    }
}

const OURS: u128 = 0x4c4c4544_0042_3510_8054_b7c04f4e3632;
const OTHERS: u128 = 0x4c4c4544_0042_3510_8054_b7c04f4e3699;

fn restore() -> Step {
    Step::Restore {
        disk: None,
        master: "debian@1".parse::<MasterRef>().unwrap(),
        read_back: ReadBack::Full,
    }
}

fn capture() -> Step {
    Step::Capture {
        disk: None,
        master: "debian".parse().unwrap(),
        as_raw: false,
        drop_hibernation: false,
        keep_unreadable: false,
    }
}

fn standing() -> Standing {
    Standing::new(Identity::of(&facts(OURS, &["D1"])), Time(0))
}

fn done() -> Outcome {
    Outcome::Done {
        result: StepResult::default(),
    }
}

fn failed() -> Outcome {
    Outcome::Failed {
        problem: Problem::new("disk-too-small", "too small", ""),
        evidence: Evidence::default(),
    }
}

fn needs_person() -> Outcome {
    Outcome::NeedsPerson {
        problem: Problem::new("disk-ambiguous", "which", ""),
    }
}

const HOUR: i64 = 3_600_000;
const FIRST_BOOT: Uuid = Uuid::from_u128(1);
const SECOND_BOOT: Uuid = Uuid::from_u128(2);

/// The agent asks, gets its answer and sets to work.
fn set_to_work(job: &mut Standing, steps: &[Step], facts: &MachineFacts, now: Time) {
    assert!(
        matches!(job.ask(steps, facts, FIRST_BOOT, now), Next::Run { .. }),
        "{job:?}"
    );
    assert!(job.start(job.step_index, now));
}

#[test]
fn a_restore_runs_reboots_and_is_done() {
    let steps = [restore(), Step::Reboot];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    let Next::Run {
        step_index: 0,
        step: Step::Restore {
            disk: Some(named), ..
        },
        resumed: false,
    } = job.ask(&steps, &facts, FIRST_BOOT, Time(1))
    else {
        panic!("{job:?}")
    };
    assert_eq!(
        named.serial.as_deref(),
        Some("D1"),
        "the disk is named to the agent"
    );
    assert!(job.start(0, Time(1)));
    job.report(&steps, 0, done(), Time(2)).unwrap();
    assert_eq!(job.state, JobState::Running);
    assert_eq!(job.ask(&steps, &facts, FIRST_BOOT, Time(3)), Next::Reboot);
    assert_eq!((job.state, job.results.len()), (JobState::Done, 2));
    job.report(&steps, 0, done(), Time(4)).unwrap();
    assert_eq!(job.ask(&steps, &facts, FIRST_BOOT, Time(5)), Next::Over);
}

#[test]
fn a_begun_restore_resumes_within_two_hours_and_not_later() {
    let steps = [restore()];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    set_to_work(&mut job, &steps, &facts, Time(0));
    assert!(matches!(
        job.ask(&steps, &facts, FIRST_BOOT, Time(2 * HOUR)),
        Next::Run { resumed: true, .. }
    ));
    let mut late = job.clone();
    assert_eq!(
        late.ask(&steps, &facts, FIRST_BOOT, Time(4 * HOUR + 1)),
        Next::Over
    );
    assert_eq!(
        (late.state, late.problem.as_ref().unwrap().code.as_str()),
        (JobState::Failed, "resume-too-late")
    );
    assert!(!job.tick(&steps, Time(4 * HOUR)));
    assert!(job.tick(&steps, Time(4 * HOUR + 1)));
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(
        job.ask(&steps, &facts, FIRST_BOOT, Time(5 * HOUR)),
        Next::Over,
        "nothing starts by itself any more"
    );
    assert!(job.retry(Identity::of(&facts), Time(6 * HOUR)));
    assert!(matches!(
        job.ask(&steps, &facts, FIRST_BOOT, Time(6 * HOUR)),
        Next::Run { resumed: false, .. }
    ));
}

#[test]
fn a_restore_does_not_resume_after_another_start_when_the_clock_was_set_back() {
    let steps = [restore()];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    set_to_work(&mut job, &steps, &facts, Time(9 * HOUR));
    let mut same_boot = job.clone();
    assert!(
        matches!(
            same_boot.ask(&steps, &facts, FIRST_BOOT, Time(8 * HOUR)),
            Next::Run { resumed: true, .. }
        ),
        "another agent of the same start: nobody else had the disk"
    );
    assert_eq!(job.ask(&steps, &facts, SECOND_BOOT, Time(8 * HOUR)), Next::Over);
    let problem = job.problem.as_ref().unwrap();
    assert_eq!(
        (job.state, problem.code.as_str()),
        (JobState::Failed, "resume-too-late")
    );
    assert!(problem.title.contains("clock"), "{problem}");
}

#[test]
fn a_step_that_was_taken_back_or_given_to_nobody_does_not_begin_to_write() {
    let steps = [restore()];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    job.ask(&steps, &facts, FIRST_BOOT, Time(0));
    assert!(!job.start_writing(0, Time(1)), "only given");
    assert!(job.start(0, Time(1)));
    assert!(!job.start_writing(1, Time(2)), "another step");
    assert!(job.start_writing(0, Time(2)) && job.begun.as_ref().unwrap().writing);
    job.cancel(Time(3));
    assert!(!job.start_writing(0, Time(4)));
}

#[test]
fn an_answer_that_reached_nobody_begins_nothing() {
    let steps = [restore()];
    let ours = facts(OURS, &["D1"]);
    let mut job = standing();
    assert!(matches!(
        job.ask(&steps, &ours, FIRST_BOOT, Time(1)),
        Next::Run { resumed: false, .. }
    ));
    assert_eq!(
        (job.state, &job.begun, job.started_at),
        (JobState::Queued, &None, None)
    );
    assert!(!job.tick(&steps, Time(9 * HOUR)), "nobody is waited for");
    let mut taken_back = job.clone();
    taken_back.cancel(Time(2));
    assert_eq!(
        taken_back.state,
        JobState::Cancelled,
        "at once: nobody works on it"
    );
    assert!(
        !taken_back.start(0, Time(3)),
        "whoever has it in hand after all comes too late"
    );
    // The machine lost its power and comes back much later: for it the step begins anew.
    assert!(matches!(
        job.ask(&steps, &ours, FIRST_BOOT, Time(9 * HOUR)),
        Next::Run { resumed: false, .. }
    ));
    assert!(
        !job.start(1, Time(9 * HOUR)),
        "a sign of another step is none of this one"
    );
    assert!(job.start(0, Time(9 * HOUR + 5)));
    assert_eq!(job.begun.as_ref().map(|begun| begun.at), Some(Time(9 * HOUR + 5)));
    assert!(matches!(
        job.ask(&steps, &ours, FIRST_BOOT, Time(10 * HOUR)),
        Next::Run { resumed: true, .. }
    ));
}

#[test]
fn a_report_is_a_sign_of_work_too() {
    let steps = [restore()];
    let mut job = standing();
    job.ask(&steps, &facts(OURS, &["D1"]), FIRST_BOOT, Time(0));
    job.report(&steps, 0, done(), Time(1)).unwrap();
    assert_eq!((job.state, job.started_at), (JobState::Done, Some(Time(1))));
}

#[test]
fn a_silent_capture_is_queued_again_because_nothing_is_half_written() {
    let steps = [capture()];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    set_to_work(&mut job, &steps, &facts, Time(0));
    assert!(job.tick(&steps, Time(3 * HOUR)));
    assert_eq!(job.state, JobState::Queued);
    assert!(matches!(
        job.ask(&steps, &facts, FIRST_BOOT, Time(4 * HOUR)),
        Next::Run { .. }
    ));
}

#[test]
fn a_restore_does_not_resume_on_another_disk_or_machine() {
    let steps = [restore()];
    for other in [facts(OURS, &["D2"]), facts(OTHERS, &["D1"]), facts(OURS, &[])] {
        let mut job = standing();
        set_to_work(&mut job, &steps, &facts(OURS, &["D1"]), Time(0));
        assert_eq!(job.ask(&steps, &other, FIRST_BOOT, Time(1)), Next::Over);
        assert_eq!(job.state, JobState::Failed);
    }
}

#[test]
fn a_restore_waits_when_the_machine_is_not_as_the_job_knew_it() {
    let steps = [restore()];
    for other in [facts(OURS, &["D2"]), facts(OTHERS, &["D1"])] {
        let mut job = standing();
        assert_eq!(job.ask(&steps, &other, FIRST_BOOT, Time(0)), Next::Wait);
        assert_eq!(
            (job.state, job.problem.as_ref().unwrap().code.as_str()),
            (JobState::Waiting, "machine-changed")
        );
        assert!(
            job.retry(Identity::of(&other), Time(1)),
            "a person's word goes for the machine as it is now"
        );
        assert!(matches!(
            job.ask(&steps, &other, FIRST_BOOT, Time(2)),
            Next::Run { .. }
        ));
    }
}

#[test]
fn several_disks_wait_for_a_person_and_the_chosen_one_is_taken() {
    let steps = [restore()];
    let facts = facts(OURS, &["D1", "D2"]);
    let mut job = Standing::new(Identity::of(&facts), Time(0));
    assert_eq!(job.ask(&steps, &facts, FIRST_BOOT, Time(0)), Next::Wait);
    assert_eq!(job.problem.as_ref().unwrap().code, "disk-ambiguous");
    assert!(job.choose_disk(facts.disks[1].identity.clone(), Identity::of(&facts), Time(1)));
    let Next::Run {
        step: Step::Restore {
            disk: Some(named), ..
        },
        ..
    } = job.ask(&steps, &facts, FIRST_BOOT, Time(2))
    else {
        panic!("{job:?}")
    };
    assert_eq!(named.serial.as_deref(), Some("D2"));
    assert!(job.start(0, Time(2)));
    assert!(
        !job.choose_disk(facts.disks[0].identity.clone(), Identity::of(&facts), Time(3)),
        "too late"
    );
}

#[test]
fn what_asks_for_a_person_waits_until_one_speaks() {
    let steps = [restore()];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    job.ask(&steps, &facts, FIRST_BOOT, Time(0));
    job.report(&steps, 0, needs_person(), Time(1)).unwrap();
    assert_eq!(job.ask(&steps, &facts, FIRST_BOOT, Time(2)), Next::Wait);
    assert!(job.retry(Identity::of(&facts), Time(3)));
    assert!(matches!(
        job.ask(&steps, &facts, FIRST_BOOT, Time(4)),
        Next::Run { .. }
    ));
}

#[test]
fn a_running_step_is_asked_to_stop_and_then_is_cancelled_not_failed() {
    let steps = [restore(), Step::Reboot];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    set_to_work(&mut job, &steps, &facts, Time(0));
    assert!(job.may_go_on(0));
    job.cancel(Time(1));
    assert_eq!(job.state, JobState::Running);
    assert!(!job.may_go_on(0));
    job.report(&steps, 0, failed(), Time(2)).unwrap();
    assert_eq!(job.state, JobState::Cancelled);
    assert!(
        !job.retry(Identity::of(&facts), Time(3)),
        "cancelled is not failed"
    );
}

#[test]
fn a_report_of_the_future_is_refused_and_one_of_the_past_changes_nothing() {
    let steps = [restore(), capture()];
    let facts = facts(OURS, &["D1"]);
    let mut job = standing();
    assert_eq!(job.report(&steps, 1, done(), Time(0)), Err(ReportRefused));
    job.ask(&steps, &facts, FIRST_BOOT, Time(0));
    job.report(&steps, 0, done(), Time(1)).unwrap();
    let before = job.clone();
    job.report(&steps, 0, failed(), Time(2)).unwrap();
    assert_eq!(job, before);
}

#[derive(Clone, Debug)]
enum Event {
    Ask { uuid: u128, disk: usize, session: Uuid },
    Write { step: u32 },
    Start { step: u32 },
    Report { step: u32, outcome: u8 },
    Cancel,
    Retry,
    Choose(usize),
    Tick,
}

fn events() -> impl Strategy<Value = Vec<(Event, i64)>> {
    let event = prop_oneof![
        4 => (prop_oneof![5 => Just(OURS), 1 => Just(OTHERS)], 0_usize..3, prop_oneof![Just(FIRST_BOOT), Just(SECOND_BOOT)])
            .prop_map(|(uuid, disk, session)| Event::Ask { uuid, disk, session }),
        2 => (0_u32..3).prop_map(|step| Event::Write { step }),
        4 => (0_u32..3).prop_map(|step| Event::Start { step }),
        4 => (0_u32..4, 0_u8..3).prop_map(|(step, outcome)| Event::Report { step, outcome }),
        1 => Just(Event::Cancel),
        1 => Just(Event::Retry),
        1 => (0_usize..2).prop_map(Event::Choose),
        1 => Just(Event::Tick),
    ];
    proptest::collection::vec(
        (
            event,
            prop_oneof![6 => 0..HOUR / 10, 1 => 0..5 * HOUR, 1 => -5 * HOUR..0],
        ),
        0..40,
    )
}

fn plans() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        prop_oneof![
            Just(restore()),
            Just(capture()),
            Just(Step::Inspect),
            Just(Step::Reboot),
            Just(Step::PowerOff)
        ],
        1..4,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Crashes are lost answers (`Ask` again, with any facts), late and double reports are `Report` at any time.
    #[test]
    fn whatever_happens_a_writing_step_starts_once_per_word_of_a_person(steps in plans(), events in events()) {
        let choices = [vec!["D1"], vec!["D2"], vec!["D1", "D2"]];
        let mut job = standing();
        let mut now = Time(0);
        let mut starts = vec![0_u32; steps.len()];
        let mut words = 1_u32;
        let mut last_contact = now;
        let mut begun_on = None;
        for (event, wait) in events {
            now = Time(now.0 + wait);
            let before = job.clone();
            match event {
                Event::Ask { uuid, disk, session } => {
                    let facts = facts(uuid, &choices[disk]);
                    let next = job.ask(&steps, &facts, session, now);
                    if let Next::Run { step_index, step, resumed } = next {
                        prop_assert!(!before.state.is_final());
                        prop_assert!(job.is_in_hand());
                        prop_assert_eq!(resumed, before.begun.is_some());
                        prop_assert_eq!(&job.begun, &before.begun, "an answer begins nothing");
                        if step.writes() {
                            let Step::Restore { disk: Some(target), .. } = &step else { panic!("unnamed disk") };
                            prop_assert!(job.frozen.differences(&Identity::of(&facts), target).is_empty());
                            if resumed {
                                let begun = before.begun.as_ref().unwrap();
                                match now.elapsed_since(last_contact) {
                                    Some(silence) => prop_assert!(silence <= RESUME_WITHIN),
                                    None => prop_assert_eq!(begun.session, Some(session), "the clock was set back"),
                                }
                                prop_assert_eq!(&begun_on, &Some(target.clone()));
                            } else {
                                begun_on = Some(target.clone());
                            }
                        }
                        prop_assert!((step_index as usize) < steps.len());
                    }
                    if !before.state.is_final() { last_contact = now; }
                }
                Event::Start { step } => {
                    let place = step as usize;
                    if job.start(step, now) {
                        starts[place] += 1;
                        last_contact = now;
                        prop_assert!(before.given.is_some() && before.begun.is_none());
                    }
                }
                Event::Write { step } => {
                    let may_write = job.start_writing(step, now);
                    prop_assert_eq!(may_write, before.may_go_on(step));
                    prop_assert_eq!(may_write, job.begun.as_ref().is_some_and(|begun| begun.writing && step == job.step_index && !job.cancel_requested));
                    if may_write { last_contact = now; }
                }
                Event::Report { step, outcome } => {
                    if step == before.step_index && before.given.is_some() {
                        starts[step as usize] += 1;
                    }
                    let outcome = match outcome { 0 => done(), 1 => failed(), _ => needs_person() };
                    let taken = job.report(&steps, step, outcome, now);
                    prop_assert_eq!(taken.is_err(), step > before.step_index || step as usize >= steps.len());
                    if before.state.is_final() || step != before.step_index { prop_assert_eq!(&job, &before); }
                    else { last_contact = job.contact_at; }
                }
                Event::Cancel => {
                    job.cancel(now);
                    prop_assert!(before.state.is_final() || job.state == JobState::Cancelled || job.cancel_requested);
                }
                Event::Retry => {
                    if job.retry(Identity::of(&facts(OURS, &["D1", "D2"])), now) {
                        words += 1;
                        last_contact = now;
                        prop_assert!(matches!(before.state, JobState::Failed | JobState::Waiting));
                    }
                }
                Event::Choose(place) => {
                    let facts = facts(OURS, &["D1", "D2"]);
                    if job.choose_disk(facts.disks[place].identity.clone(), Identity::of(&facts), now) {
                        words += 1;
                        last_contact = now;
                    }
                }
                Event::Tick => { job.tick(&steps, now); }
            }
            for (place, count) in starts.iter().enumerate() {
                prop_assert!(*count <= words || !steps[place].writes(), "started {count} times on {words} words");
            }
            prop_assert!(job.given.is_none() || job.begun.is_none());
            prop_assert!(job.begun.is_none() || job.state == JobState::Running);
            prop_assert_eq!(job.state.is_final(), job.ended_at.is_some());
            prop_assert!(!job.state.is_final() || !job.is_in_hand());
            prop_assert!(job.step_index as usize <= steps.len());
            prop_assert_eq!(job.results.len(), job.step_index as usize, "one result per step that is behind it");
            prop_assert!(job.state != JobState::Done || job.step_index >= before.step_index);
            prop_assert!(job.state != JobState::Waiting || job.problem.is_some(), "whoever waits says why");
            prop_assert!(job.state != JobState::Failed || job.problem.is_some());
            if matches!(before.state, JobState::Done | JobState::Cancelled) { prop_assert_eq!(&job, &before); }
        }
    }
}
