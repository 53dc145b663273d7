//! Jobs before they begin: for whom, when, whose turn, and what is said before.

use super::*;
use protocol::PlaceId;

fn wish(machines: &[MachineId], steps: &[Step]) -> JobWish {
    JobWish {
        scope: Scope::Everything,
        machines: machines.to_vec(),
        steps: steps.to_vec(),
        ..JobWish::default()
    }
}

fn create(site: &Site, wish: JobWish) -> Result<JobId> {
    site.catalog
        .create_job(wish, &Depot, &admin(), None)
        .map(|(job, _)| job)
}

fn wait(site: &Site, job: JobId, machine: MachineId) -> Option<JobWait> {
    let row = site.catalog.job_machine(job, machine).unwrap().unwrap();
    let job = site.catalog.job(job, &Scope::Everything).unwrap().unwrap();
    site.catalog.job_wait(&job, &row).unwrap()
}

fn wait_code(site: &Site, job: JobId, machine: MachineId) -> String {
    wait(site, job, machine)
        .map(|wait| wait.problem.code)
        .unwrap_or_default()
}

fn kinds(site: &Site, job: JobId, machine: MachineId) -> Vec<String> {
    let journal = site.catalog.job_journal(job, machine).unwrap();
    journal.into_iter().map(|line| line.kind).collect()
}

fn rules(site: &Site, change: impl FnOnce(&mut JobRules)) {
    let mut rules = site.catalog.job_rules();
    change(&mut rules);
    site.catalog.put_job_rules(rules, None, &admin()).unwrap();
}

#[test]
fn a_job_for_a_room_is_for_all_that_lies_in_it_and_for_as_many_as_were_seen() {
    let site = Site::new();
    let (one, two, three) = (site.hello(1, true), site.hello(2, true), site.hello(3, true));
    let place = |kind, name: &str, parent| {
        site.catalog
            .create_place(kind, name, parent, &admin())
            .unwrap()
            .id
    };
    let school = place(PlaceKind::Site, "school", ROOT);
    let room = place(PlaceKind::Room, "room", school);
    let group = place(PlaceKind::Group, "group", ROOT);
    let put = |machine, place, groups: &[PlaceId]| {
        site.catalog
            .put_machine(machine, place, groups, &admin())
            .unwrap()
    };
    put(one.machine, Some(room), &[group]);
    put(two.machine, Some(school), &[]);
    let members = |place, count| {
        let wish = JobWish {
            scope: Scope::Everything,
            target: Some(Target::Place { place }),
            count,
            ..wish(&[], &[Step::Inspect])
        };
        create(&site, wish).map(|job| {
            let rows = site.catalog.job_machines(job, &Scope::Everything).unwrap();
            let mut machines: Vec<_> = rows.iter().map(|row| row.machine).collect();
            machines.sort();
            machines
        })
    };
    let sorted = |mut machines: Vec<MachineId>| {
        machines.sort();
        machines
    };
    assert_eq!(members(room, Some(1)).unwrap(), [one.machine]);
    assert_eq!(
        members(school, Some(2)).unwrap(),
        sorted(vec![one.machine, two.machine])
    );
    assert_eq!(members(group, None).unwrap(), [one.machine]);
    assert_eq!(
        members(ROOT, Some(3)).unwrap(),
        sorted(vec![one.machine, two.machine, three.machine]),
        "who was put nowhere is at the root"
    );
    assert_eq!(members(school, Some(3)).unwrap_err().code(), "selection-changed");
    put(one.machine, None, &[]);
    assert_eq!(members(room, Some(1)).unwrap_err().code(), "selection-changed");
    assert_eq!(members(group, None).unwrap_err().code(), "nobody-selected");
    let named = JobWish {
        scope: Scope::Everything,
        count: Some(2),
        ..wish(&[one.machine], &[Step::Inspect])
    };
    assert_eq!(create(&site, named).unwrap_err().code(), "selection-changed");
}

#[test]
fn only_what_failed_is_tried_again_by_a_job_that_names_the_old_one() {
    let site = Site::new();
    let (one, two) = (site.hello(1, true), site.hello(2, true));
    let job = create(&site, wish(&[one.machine, two.machine], &[restore()])).unwrap();
    for (welcome, outcome) in [(&one, failed()), (&two, done())] {
        let session = site.session(welcome);
        site.task(&session);
        site.report(&session, job, 0, outcome);
    }
    let again = JobWish {
        scope: Scope::Everything,
        target: Some(Target::FailedOf { job }),
        count: Some(1),
        ..wish(&[], &[restore()])
    };
    let second = create(&site, again.clone()).unwrap();
    let row = site.catalog.job(second, &Scope::Everything).unwrap().unwrap();
    assert_eq!((row.retry_of, row.counts.total()), (Some(job), 1));
    assert_eq!(
        site.catalog.job_machines(second, &Scope::Everything).unwrap()[0].machine,
        one.machine
    );
    assert_eq!(
        site.state(job, one.machine),
        JobState::Failed,
        "the old job stays as it was"
    );
    assert_eq!(
        kinds(&site, job, one.machine),
        ["created", "given", "begun", "failed"]
    );
    assert_eq!(
        kinds(&site, job, two.machine),
        ["created", "given", "begun", "step-done"]
    );
    let mine = |name: &str, machine| {
        let filter = JobFilter {
            scope: Scope::Everything,
            limit: 10,
            created_by: Some(vec![name.into()]),
            machine,
            ..JobFilter::default()
        };
        site.catalog.jobs(&filter).unwrap().total
    };
    assert_eq!(
        (
            mine("ada", None),
            mine("bob", None),
            mine("ada", Some(two.machine))
        ),
        (2, 0, 1)
    );
}

#[test]
fn a_job_for_later_leaves_the_machine_alone_until_then_and_goes_on_when_its_window_closes() {
    let mut site = Site::new();
    let welcome = site.hello(1, true);
    rules(&site, |rules| rules.time_zone = "Europe/Paris".into());
    // 2023-11-14T22:13:20Z: 23:13:20 in Paris.
    let night = Schedule {
        windows: vec![Window {
            days: vec![],
            from: "23:30".parse().unwrap(),
            to: "23:45".parse().unwrap(),
        }],
        ..Schedule::default()
    };
    let job = create(
        &site,
        JobWish {
            scope: Scope::Everything,
            schedule: night,
            ..wish(&[welcome.machine], &[Step::Inspect, restore()])
        },
    )
    .unwrap();
    let opens: Time = "2023-11-14T22:30:00Z".parse().unwrap();
    let told = wait(&site, job, welcome.machine).unwrap();
    assert_eq!(
        (told.problem.code.as_str(), told.until),
        ("outside-windows", Some(opens))
    );
    let session = site.session(&welcome);
    assert_eq!(site.task(&session), Task::LocalBoot);
    assert_eq!(site.boot(1), LOCAL);
    site.kill_and_start();
    assert_eq!(site.boot(1), LOCAL, "also after the appliance was killed");
    let now_job = create(&site, wish(&[welcome.machine], &[Step::Inspect])).unwrap();
    let session = site.session(&welcome);
    assert!(
        matches!(site.task(&session), Task::Run(run) if run.job == now_job),
        "another one goes before it"
    );
    let key = site.report(&session, now_job, 0, done()).unwrap();
    site.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(
        site.boot(1),
        BootPlan::Agent {
            reason: AgentReason::Job
        }
    );
    let session = site.catalog.authenticate(&key).unwrap();
    assert!(matches!(site.task(&session), Task::Run(run) if run.job == job));
    site.report(&session, job, 0, done());
    site.clock.advance(Duration::from_secs(30 * 60));
    assert!(
        matches!(site.task(&session), Task::Run(run) if run.step_index == 1),
        "what has begun goes on"
    );
}

#[test]
fn a_blackout_of_the_site_holds_up_every_job_but_one_that_goes_through_it() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    rules(&site, |rules| {
        rules.blackouts = vec![Blackout {
            title: "exams".into(),
            from: "2023-11-14T00:00".parse().unwrap(),
            to: "2023-11-16T00:00".parse().unwrap(),
        }];
    });
    let job = create(&site, wish(&[welcome.machine], &[Step::Inspect])).unwrap();
    assert_eq!(wait_code(&site, job, welcome.machine), "blackout");
    let before = site
        .catalog
        .preflight(wish(&[welcome.machine], &[Step::Inspect]), &Depot)
        .unwrap();
    assert_eq!(before.remarks[0].problem.code, "blackout");
    assert_eq!(before.begins_at, Some("2023-11-16T00:00:00Z".parse().unwrap()));
    let through = JobWish {
        scope: Scope::Everything,
        schedule: Schedule {
            through_blackouts: true,
            ..Schedule::default()
        },
        ..wish(&[welcome.machine], &[Step::Inspect])
    };
    let urgent = create(&site, through).unwrap();
    assert!(matches!(site.task(&site.session(&welcome)), Task::Run(run) if run.job == urgent));
    let mut outdated = site.catalog.job_rules();
    let tag = outdated.tag();
    rules(&site, |rules| rules.blackouts.clear());
    outdated.running_max = Some(3);
    let refused = site
        .catalog
        .put_job_rules(outdated, Some(&tag), &admin())
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Outdated);
}

#[test]
fn so_many_machines_as_the_site_allows_are_worked_on_and_the_others_know_who_is_ahead() {
    let site = Site::new();
    rules(&site, |rules| rules.running_max = Some(1));
    let all: Vec<_> = (1..=3).map(|number| site.hello(number, true)).collect();
    let machines: Vec<_> = all.iter().map(|welcome| welcome.machine).collect();
    let job = create(&site, wish(&machines, &[restore()])).unwrap();
    let sessions: Vec<_> = all.iter().map(|welcome| site.session(welcome)).collect();
    let runs = |number: usize| {
        site.clock.advance(Duration::from_secs(1));
        site.catalog.authenticate(&all[number].session_key).ok();
        matches!(site.task(&sessions[number]), Task::Run(_))
    };
    assert!(runs(0) && !runs(1) && !runs(2));
    let ahead =
        |number: usize| wait(&site, job, machines[number]).map(|wait| (wait.problem.code, wait.ahead));
    assert_eq!(ahead(1), Some(("turn".into(), Some(0))));
    assert_eq!(ahead(2), Some(("turn".into(), Some(1))));
    assert!(site.catalog.next_task(&sessions[1]).unwrap().near_turn);
    assert!(!site.catalog.next_task(&sessions[2]).unwrap().near_turn);
    site.report(&sessions[0], job, 0, failed());
    assert!(!runs(2), "it is the other one's turn");
    assert!(runs(1) && !runs(2));
    // The one at work is lost: so is its turn, some minutes later. It goes on when it comes back all the same.
    site.catalog.start_step(&sessions[1]).unwrap();
    site.clock.advance(Duration::from_secs(6 * 60));
    assert!(runs(2), "nobody waits for who is gone");
    assert!(runs(1), "what has begun goes on");
}

#[test]
fn every_machine_that_waits_says_why() {
    let site = Site::new();
    let (one, two) = (site.hello(1, true), site.hello(2, true));
    let first = create(&site, wish(&[one.machine], &[restore()])).unwrap();
    let second = create(&site, wish(&[one.machine], &[Step::Inspect])).unwrap();
    assert_eq!(wait_code(&site, first, one.machine), "about-to-begin");
    let behind = wait(&site, second, one.machine).unwrap();
    assert_eq!(
        (behind.problem.code.as_str(), behind.behind, behind.ahead),
        ("job-ahead", Some(first), Some(1))
    );
    site.task(&site.session(&one));
    site.catalog.start_step(&site.session(&one)).unwrap();
    assert_eq!(wait(&site, first, one.machine), None, "it runs");
    let third = create(&site, wish(&[two.machine], &[Step::Inspect])).unwrap();
    site.clock.advance(Duration::from_secs(600));
    assert_eq!(wait_code(&site, third, two.machine), "machine-absent");
    let edit = MachineEdit {
        quarantined: Some(true),
        ..MachineEdit::default()
    };
    site.catalog
        .edit_machine(two.machine, &edit, None, &admin())
        .unwrap();
    assert_eq!(wait_code(&site, third, two.machine), "quarantined");
    site.catalog.cancel_job(third, &admin()).unwrap();
    assert_eq!(wait(&site, third, two.machine), None, "it is over");
}

#[test]
fn a_machine_is_woken_once_and_one_that_is_there_is_not_called() {
    let site = Site::new();
    let (one, two) = (site.hello(1, true), site.hello(2, true));
    let job = create(
        &site,
        wish(&[one.machine, two.machine], &[Step::Wake, Step::Inspect]),
    )
    .unwrap();
    assert!(
        matches!(site.task(&site.session(&two)), Task::Run(run) if run.step_index == 1),
        "it asks, so it is awake"
    );
    let orders = site.catalog.due_wakes().unwrap();
    assert_eq!(orders.len(), 1);
    assert_eq!(
        (orders[0].machine, orders[0].macs.as_slice()),
        (one.machine, &[boot_facts(1).mac][..])
    );
    assert_eq!(wait_code(&site, job, one.machine), "about-to-begin");
    site.catalog.woke(&orders[0], &Ok(2)).unwrap();
    site.catalog.woke(&orders[0], &Ok(2)).unwrap();
    assert_eq!(site.catalog.due_wakes().unwrap(), []);
    let standing = site
        .catalog
        .job_machine(job, one.machine)
        .unwrap()
        .unwrap()
        .standing;
    assert_eq!(
        (standing.state, standing.step_index, standing.results.len()),
        (JobState::Queued, 1, 1)
    );
    let only = create(&site, wish(&[two.machine], &[Step::Wake])).unwrap();
    site.report(&site.session(&two), job, 1, done());
    let order = site.catalog.due_wakes().unwrap().remove(0);
    site.catalog
        .woke(&order, &Err("no interface is up".into()))
        .unwrap();
    assert_eq!(site.state(only, two.machine), JobState::Failed);
    assert_eq!(kinds(&site, only, two.machine), ["created", "failed"]);
}

struct LargeMaster;

impl MasterVersions for LargeMaster {
    fn newest(&self, _: &MasterName) -> Result<Option<u32>> {
        Ok(Some(1))
    }
    fn has(&self, _: &MasterName, _: u32) -> Result<bool> {
        Ok(true)
    }
    fn check_whole(&self, _: &MasterName, _: u32) -> Result<()> {
        Ok(())
    }
    fn needs(&self, name: &MasterName, _: u32) -> Result<Option<MasterNeeds>> {
        Ok(Some(MasterNeeds {
            smallest_target: ByteLen(1 << 35),
            sector_size: 512,
            in_production: name.as_str() == "production",
        }))
    }
}

#[test]
fn the_preflight_says_what_stops_a_machine_and_creation_holds_to_it() {
    let site = Site::new();
    let token = site.catalog.boot_token(&boot_facts(1), None).unwrap();
    let mut windows = hello(1, true, token);
    windows.facts.disks[0].contents = Some(
        serde_json::json!({ "partitions": [
            { "number": 3, "filesystem": "NTFS", "state": "refused", "reason": "Windows is hibernated",
              "remedy": "shut it down", "options": ["drop-hibernation", "as-raw"] },
            { "number": 4, "filesystem": "BitLocker", "state": "raw", "reason": "BitLocker encrypts it" } ] })
        .to_string(),
    );
    let machine = site.catalog.hello(&windows).unwrap().machine;
    let codes = |steps: &[Step]| {
        let looked = site
            .catalog
            .preflight(wish(&[machine], steps), &LargeMaster)
            .unwrap();
        let remarks = looked.machines[0].remarks.clone();
        remarks
            .into_iter()
            .map(|remark| (remark.weight, remark.problem.code))
            .collect::<Vec<_>>()
    };
    use Weight::{Note, Stop, Warning};
    let expect = |found: Vec<(Weight, String)>, wanted: &[(Weight, &str)]| {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(weight, code)| (*weight, (*code).to_owned()))
            .collect();
        assert_eq!(found, wanted);
    };
    expect(
        codes(&[restore()]),
        &[
            (Stop, "disk-too-small"),
            (Warning, "hibernated"),
            (Warning, "encrypted"),
        ],
    );
    let capture = |drop_hibernation| Step::Capture {
        disk: None,
        master: "new".parse().unwrap(),
        as_raw: false,
        drop_hibernation,
        keep_unreadable: false,
    };
    expect(
        codes(&[capture(false)]),
        &[(Stop, "hibernated"), (Warning, "encrypted")],
    );
    expect(
        codes(&[capture(true)]),
        &[(Warning, "hibernated"), (Warning, "encrypted")],
    );
    site.clock.advance(Duration::from_secs(600));
    expect(codes(&[Step::Inspect]), &[(Note, "offline")]);
    expect(codes(&[Step::Wake]), &[]);

    let strict = |accept: &[&str]| {
        let wish = JobWish {
            scope: Scope::Everything,
            accept: Some(accept.iter().map(|code| (*code).to_owned()).collect()),
            ..wish(&[machine], &[restore()])
        };
        site.catalog.create_job(wish, &LargeMaster, &admin(), None)
    };
    let refused = strict(&["hibernated"]).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Conflict, "preflight-stops")
    );
    assert!(refused.to_string().contains("34359738368 bytes"), "{refused}");
    strict(&["disk-too-small"]).unwrap();

    rules(&site, |rules| rules.production_only = true);
    assert_eq!(
        strict(&["disk-too-small"]).unwrap_err().code(),
        "master-not-production"
    );
    let signed = Step::Restore {
        disk: None,
        master: "production".parse().unwrap(),
        read_back: ReadBack::Full,
    };
    let wish = wish(&[machine], &[signed]);
    site.catalog
        .create_job(wish, &LargeMaster, &admin(), None)
        .unwrap();
}
