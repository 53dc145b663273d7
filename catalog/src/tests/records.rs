//! Lists, events, people, audit.

use super::*;

#[test]
fn lists_are_paged_by_key_and_their_totals_are_of_what_is_asked() {
    let site = Site::new();
    let ids: Vec<_> = (1..=5).map(|number| site.hello(number, true).machine).collect();
    let page = |after, text: Option<&str>| {
        let filter = MachineFilter {
            after,
            limit: 2,
            text: text.map(str::to_owned),
        };
        site.catalog.machines(&filter).unwrap()
    };
    let first = page(None, None);
    assert_eq!((first.items.len(), first.more, first.total), (2, true, 5));
    assert_eq!(first.items[0].id, ids[4]);
    let second = page(Some(first.items[1].id), None);
    assert_eq!(second.items[0].id, ids[2]);
    assert!(!page(Some(ids[1]), None).more);
    assert_eq!(page(None, Some("00:00:03")).items[0].id, ids[2]);
    assert_eq!(page(None, Some("disk4")).total, 1);
    assert_eq!(page(None, Some("100%")).total, 5);
    assert_eq!(page(None, Some("1%0")).total, 0, "a text has no wildcards");
    assert_eq!(page(None, Some("' OR 1=1 --")).total, 0);
}

#[test]
fn events_are_replayed_in_order_and_a_gap_is_told() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    let newest = site.catalog.newest_event().unwrap();
    let job = site.job(welcome.machine, &[Step::Inspect]);
    let replay = site.catalog.events_after(newest, 100).unwrap();
    let subjects: Vec<_> = replay.events.iter().map(|event| event.subject.clone()).collect();
    let machine = welcome.machine;
    assert_eq!(
        subjects,
        [
            Subject::JobMachine { job, machine },
            Subject::Machine { id: machine },
            Subject::Job { id: job }
        ]
    );
    assert!(!replay.gap && !replay.more);
    assert!(site.catalog.events_after(newest, 1).unwrap().more);
    assert!(
        site.catalog.events_after(newest + 1000, 1).unwrap().gap,
        "a number that is none of ours"
    );
    for _ in 0..100 {
        site.catalog
            .note_refusal(Some("192.0.2.9".into()), "token-used", "no")
            .unwrap();
    }
    let refusals = site.catalog.newest_event().unwrap() - newest - 3;
    assert_eq!(refusals, 60, "a flood of refusals fills no disk");
}

#[test]
fn the_first_administrator_needs_the_code_that_was_printed_last_and_only_once() {
    let site = Site::new();
    let void = site.catalog.new_setup_code().unwrap().unwrap();
    let code = site.catalog.new_setup_code().unwrap().unwrap();
    let make = |code: &str, password: &str| {
        site.catalog
            .create_first_administrator(code, "ada", password, None)
    };
    assert_eq!(
        make(&void, "correct horse battery").unwrap_err().code(),
        "wrong-setup-code"
    );
    assert_eq!(make(&code, "short").unwrap_err().code(), "unusable-value");
    make(&code.to_lowercase().replace('-', " "), "correct horse battery").unwrap();
    assert_eq!(
        make(&code, "correct horse battery").unwrap_err().code(),
        "has-administrator"
    );
    assert_eq!(site.catalog.new_setup_code().unwrap(), None);
    let (cookie, person) = site.catalog.log_in("ADA", "correct horse battery", None).unwrap();
    assert_eq!(site.catalog.person(&cookie).unwrap().id, person.id);
    site.catalog.log_out(&cookie).unwrap();
    assert_eq!(site.catalog.person(&cookie).unwrap_err().code(), "not-logged-in");
    let (cookie, _) = site.catalog.log_in("ada", "correct horse battery", None).unwrap();
    site.clock.advance(Duration::from_secs(12 * 3600));
    assert!(site.catalog.person(&cookie).is_err());
    assert_eq!(site.catalog.verify_audit().unwrap(), 3);
}

#[test]
fn whoever_guesses_passwords_has_to_wait() {
    let site = Site::new();
    site.catalog
        .create_administrator("ada", "correct horse battery", &admin())
        .unwrap();
    let peer = || Some("192.0.2.9".to_owned());
    for _ in 0..5 {
        assert_eq!(
            site.catalog.log_in("ada", "guess", peer()).unwrap_err().code(),
            "wrong-name-or-password"
        );
    }
    let error = site
        .catalog
        .log_in("ada", "correct horse battery", peer())
        .unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("too-many-tries", ErrorKind::TooOften)
    );
    site.catalog
        .log_in("ada", "correct horse battery", Some("192.0.2.10".into()))
        .unwrap();
    site.clock.advance(Duration::from_secs(3));
    site.catalog
        .log_in("ada", "correct horse battery", peer())
        .unwrap();
}

#[test]
fn the_audit_cannot_be_changed_through_the_database_and_a_change_behind_it_is_found() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    site.job(welcome.machine, &[Step::Inspect]);
    site.catalog.put_settings(Settings::default(), &admin()).unwrap();
    assert_eq!(site.catalog.verify_audit().unwrap(), 2);
    let writer = site.catalog.0.database.writer();
    assert!(writer.execute("UPDATE audit SET actor = 'eve'", []).is_err());
    assert!(writer.execute("DELETE FROM audit", []).is_err());
    writer
        .execute_batch("DROP TRIGGER audit_is_never_changed; UPDATE audit SET actor = 'eve' WHERE seq = 1")
        .unwrap();
    drop(writer);
    assert_eq!(site.catalog.verify_audit().unwrap_err().code(), "audit-broken");
}
