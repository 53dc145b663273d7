//! Lists, events, people, audit.

use super::*;

#[test]
fn lists_are_paged_by_key_and_their_totals_are_of_what_is_asked() {
    let site = Site::new();
    let ids: Vec<_> = (1..=5).map(|number| site.hello(number, true).machine).collect();
    let page = |after: Option<MachineCursor>, text: Option<&str>| {
        let filter = MachineFilter {
            text: text.map(str::to_owned),
            ..all()
        };
        let page = MachinePage {
            after,
            limit: 2,
            ..MachinePage::default()
        };
        site.catalog.machines(&filter, &page).unwrap()
    };
    let (first, next) = page(None, None);
    assert_eq!((first.items.len(), first.more, first.total), (2, true, 5));
    assert_eq!(first.items[0].id, ids[4]);
    let (second, next) = page(next, None);
    assert_eq!(second.items[0].id, ids[2]);
    let (last, next) = page(next, None);
    assert!(!last.more && next.is_none());
    let found = |text| page(None, Some(text)).0;
    assert_eq!(found("00:00:03").items[0].id, ids[2]);
    assert_eq!(found("disk4").total, 1);
    assert_eq!(found("100%").total, 5);
    assert_eq!(found("ACME disk4").total, 1, "every word has to be found");
    assert_eq!(found("1%0").total, 0, "a text has no wildcards");
    assert_eq!(found("' OR 1=1 --").total, 0);
}

fn all() -> MachineFilter {
    MachineFilter {
        scope: Scope::Everything,
        ..MachineFilter::default()
    }
}

fn named(site: &Site, id: MachineId, name: &str) {
    let edit = MachineEdit {
        name: Some(name.into()),
        ..MachineEdit::default()
    };
    site.catalog.edit_machine(id, &edit, None, &admin()).unwrap();
}

#[test]
fn machines_are_listed_by_name_and_by_silence_page_by_page() {
    let site = Site::new();
    for (number, name) in [(1, "pc-10"), (2, "pc-9"), (3, "PC-11"), (4, "pc-9")] {
        let id = site.hello(number, true).machine;
        site.clock.advance(Duration::from_secs(60));
        named(&site, id, name);
    }
    let names = |order| {
        let mut page = MachinePage {
            order,
            after: None,
            limit: 1,
        };
        let mut names = Vec::new();
        loop {
            let (found, next) = site.catalog.machines(&all(), &page).unwrap();
            names.extend(found.items.into_iter().filter_map(|row| row.name));
            let Some(next) = next else { return names };
            page.after = Some(next.to_string().parse().unwrap());
        }
    };
    assert_eq!(names(MachineOrder::Name), ["pc-9", "pc-9", "pc-10", "PC-11"]);
    assert_eq!(names(MachineOrder::LastSeen), ["pc-10", "pc-9", "PC-11", "pc-9"]);
}

#[test]
fn filters_narrow_lists_and_their_totals() {
    let site = Site::new();
    let one = site.hello(1, true);
    let two = site.hello(2, false);
    site.job(two.machine, &[Step::Inspect]);
    site.clock.advance(Duration::from_secs(3600));
    let three = site.hello(3, true);
    named(&site, three.machine, "kept");
    let edit = MachineEdit {
        quarantined: Some(true),
        ..MachineEdit::default()
    };
    site.catalog
        .edit_machine(one.machine, &edit, None, &admin())
        .unwrap();
    let found = |filter: MachineFilter| site.catalog.machine_ids(&filter, 10).unwrap();
    let with = |wanted| {
        found(MachineFilter {
            traits: vec![wanted],
            ..all()
        })
    };
    assert_eq!(with(MachineTrait::Quarantined), [one.machine]);
    assert_eq!(with(MachineTrait::Unnamed), [two.machine, one.machine]);
    assert_eq!(with(MachineTrait::NothingBootable), [two.machine]);
    assert_eq!(with(MachineTrait::InJob), [two.machine]);
    assert_eq!(with(MachineTrait::Connected), [three.machine]);
    assert_eq!(with(MachineTrait::NotInventoried), []);
    let an_hour_ago = Time(site.catalog.now().0 - 60_000);
    let silent = MachineFilter {
        seen_before: Some(an_hour_ago),
        ..all()
    };
    assert_eq!(found(silent), [two.machine, one.machine]);
    let heard = MachineFilter {
        seen_after: Some(an_hour_ago),
        ..all()
    };
    assert_eq!(found(heard), [three.machine]);
    let uefi = MachineFilter {
        firmware: Some(protocol::machine::Firmware::Uefi),
        ..all()
    };
    assert_eq!(found(uefi), []);
}

#[test]
fn whoever_may_see_nothing_sees_nothing_in_any_list_count_or_file() {
    let site = Site::new();
    let id = site.hello(1, true).machine;
    named(&site, id, "secret");
    let filter = MachineFilter {
        text: Some("secret".into()),
        ..MachineFilter::default()
    };
    let page = MachinePage {
        limit: 10,
        ..MachinePage::default()
    };
    let (found, _) = site.catalog.machines(&filter, &page).unwrap();
    assert_eq!((found.items.len(), found.total), (0, 0));
    assert_eq!(site.catalog.machine_ids(&filter, 10).unwrap(), []);
    let table = site
        .catalog
        .export_machines(filter, Separator::Comma)
        .piece()
        .unwrap()
        .unwrap();
    assert_eq!(table.lines().count(), 1, "the header alone: {table}");
    for text in [None, Some("secret".to_owned())] {
        let filter = AuditFilter {
            text,
            ..AuditFilter::default()
        };
        let page = site.catalog.audit(&filter, None, 10).unwrap();
        assert_eq!((page.items.len(), page.total), (0, 0));
        let file = site
            .catalog
            .export_audit(filter, AuditFormat::Json)
            .piece()
            .unwrap()
            .unwrap();
        assert_eq!(file, "[]\n");
    }
}

#[test]
fn of_two_who_change_the_same_record_the_second_is_told() {
    let site = Site::new();
    let id = site.hello(1, false).machine;
    let seen = site.catalog.machine(id).unwrap().unwrap().revision;
    let edit = |name: &str, expected| {
        let edit = MachineEdit {
            name: Some(name.into()),
            ..MachineEdit::default()
        };
        site.catalog.edit_machine(id, &edit, expected, &admin())
    };
    edit("first", Some(seen)).unwrap();
    let error = edit("second", Some(seen)).unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Outdated, "changed-meanwhile")
    );
    site.hello(1, false);
    edit("third", Some(seen + 1)).unwrap_or_else(|error| panic!("a boot is no change by a person: {error}"));
    let settings = site.catalog.settings();
    let other = Settings {
        language: Language::En,
        ..settings
    };
    site.catalog
        .put_settings(other, Some(&settings.tag()), &admin())
        .unwrap();
    let error = site
        .catalog
        .put_settings(other, Some(&settings.tag()), &admin())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Outdated);
}

#[test]
fn the_audit_is_found_by_person_thing_time_and_words() {
    let site = Site::new();
    let id = site.hello(1, true).machine;
    named(&site, id, "salle-204-\u{e9}t\u{e9}");
    site.clock.advance(Duration::from_secs(60));
    site.job(id, &[Step::Inspect]);
    let between = site.catalog.now();
    site.clock.advance(Duration::from_secs(60));
    named(&site, id, "amphi");
    let found = |filter: AuditFilter| -> Vec<i64> {
        let page = site.catalog.audit(&filter, None, 10).unwrap();
        assert_eq!(page.total, page.items.len() as u64, "{filter:?}");
        page.items.into_iter().map(|row| row.seq).collect()
    };
    const NONE: [i64; 0] = [];
    let whole = || AuditFilter {
        scope: Scope::Everything,
        ..AuditFilter::default()
    };
    let text = |text: &str| AuditFilter {
        text: Some(text.into()),
        ..whole()
    };
    assert_eq!(found(whole()), [3, 2, 1]);
    assert_eq!(
        found(AuditFilter {
            object: Some("job".into()),
            ..whole()
        }),
        [2]
    );
    assert_eq!(
        found(AuditFilter {
            object_id: Some(id.to_string()),
            verb: Some("edit".into()),
            ..whole()
        }),
        [3, 1]
    );
    assert_eq!(
        found(AuditFilter {
            actor: Some("eve".into()),
            ..whole()
        }),
        NONE
    );
    assert_eq!(
        found(AuditFilter {
            from: Some(between),
            ..whole()
        }),
        [3, 2]
    );
    assert_eq!(
        found(AuditFilter {
            to: Some(between),
            ..whole()
        }),
        [1]
    );
    assert_eq!(found(text("amphi")), [3]);
    assert_eq!(
        found(text("ETE sal")),
        [3, 1],
        "accents and ends of words do not matter"
    );
    assert_eq!(found(text(&id.to_string())), [3, 2, 1]);
    assert_eq!(
        found(AuditFilter {
            object: Some("machine".into()),
            ..text("salle")
        }),
        [3, 1]
    );
    for nonsense in [
        "\"",
        "\" OR actor:",
        "NEAR(",
        "*",
        "salle AND NOT x",
        "-",
        "\u{0}",
    ] {
        let _ = site.catalog.audit(&text(nonsense), None, 10).unwrap();
    }
    assert_eq!(found(text("* -")), NONE);
    let page = site.catalog.audit(&whole(), Some(3), 1).unwrap();
    assert_eq!((page.items[0].seq, page.more, page.total), (2, true, 3));
    assert_eq!(
        page.items[0].after_value().unwrap()["machines"][0],
        id.to_string()
    );
}

#[test]
fn the_audit_as_a_file_holds_every_row_once() {
    let site = Site::new();
    let mut table = String::from("serial,name\n");
    for number in 0..1203 {
        table.push_str(&format!("SERIAL{number},\"=pc;{number}\"\n"));
    }
    let import = Import {
        file: ImportFile {
            kind: FileKind::Csv,
            bytes: table.into_bytes(),
            separator: None,
            encoding: None,
        },
        columns: std::collections::BTreeMap::new(),
        key: None,
        rehearse: false,
        leave_out_refused: false,
    };
    assert!(site.catalog.import_machines(&import, &admin()).unwrap().applied);
    let filter = AuditFilter {
        scope: Scope::Everything,
        ..AuditFilter::default()
    };
    let file = |format| {
        let mut text = site.catalog.export_audit(filter.clone(), format);
        let mut whole = String::new();
        while let Some(piece) = text.piece().unwrap() {
            whole.push_str(&piece);
        }
        whole
    };
    let rows: Vec<serde_json::Value> = serde_json::from_str(&file(AuditFormat::Json)).unwrap();
    assert_eq!(rows.len(), 1203);
    assert!(
        rows.iter()
            .zip((1..=1203).rev())
            .all(|(row, seq)| row["seq"] == seq)
    );
    assert_eq!(rows[0]["after"]["name"], "=pc;1202");
    let table = file(AuditFormat::Csv(Separator::Semicolon));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_reader(table.as_bytes());
    assert_eq!(reader.records().filter(|record| record.is_ok()).count(), 1203);
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
    let (cookie, person) = site
        .catalog
        .log_in(&login("ADA", "correct horse battery", None))
        .unwrap();
    assert_eq!(
        site.catalog
            .person(&Credential::Cookie(cookie.clone()))
            .unwrap()
            .id,
        person.id
    );
    site.catalog
        .end_session(person.id, person.session, &Actor::default())
        .unwrap();
    assert_eq!(
        site.catalog
            .person(&Credential::Cookie(cookie.clone()))
            .unwrap_err()
            .code(),
        "not-logged-in"
    );
    let (cookie, _) = site
        .catalog
        .log_in(&login("ada", "correct horse battery", None))
        .unwrap();
    site.clock.advance(Duration::from_secs(12 * 3600));
    assert!(site.catalog.person(&Credential::Cookie(cookie.clone())).is_err());
    // Made, given the role, in, out, in.
    assert_eq!(site.catalog.verify_audit().unwrap(), 5);
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
            site.catalog
                .log_in(&login("ada", "guess", peer()))
                .unwrap_err()
                .code(),
            "wrong-name-or-password"
        );
    }
    let error = site
        .catalog
        .log_in(&login("ada", "correct horse battery", peer()))
        .unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("too-many-tries", ErrorKind::TooOften)
    );
    site.catalog
        .log_in(&login("ada", "correct horse battery", Some("192.0.2.10".into())))
        .unwrap();
    site.clock.advance(Duration::from_secs(3));
    site.catalog
        .log_in(&login("ada", "correct horse battery", peer()))
        .unwrap();
}

#[test]
fn the_audit_cannot_be_changed_through_the_database_and_a_change_behind_it_is_found() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    site.job(welcome.machine, &[Step::Inspect]);
    site.catalog
        .put_settings(Settings::default(), None, &admin())
        .unwrap();
    assert_eq!(site.catalog.verify_audit().unwrap(), 2);
    let writer = site.catalog.0.database.writer();
    assert!(writer.execute("UPDATE audit SET actor = 'eve'", []).is_err());
    assert!(writer.execute("DELETE FROM audit", []).is_err());
    let path = site.folder.path().join("catalog.sqlite");
    assert_eq!(verify_audit_of(&path).unwrap().rows, 2);
    writer
        .execute_batch(
            "DROP TRIGGER audit_is_never_deleted; SAVEPOINT s; DELETE FROM audit WHERE seq = 2; RELEASE s",
        )
        .unwrap();
    let error = verify_audit_of(&path).unwrap_err();
    assert!(error.to_string().contains("ends with row 1, but 2"), "{error}");
    drop(writer);
    site.catalog
        .put_settings(Settings::default(), None, &admin())
        .unwrap();
    let error = verify_audit_of(&path).unwrap_err();
    assert!(error.to_string().contains("row 2 is missing"), "{error}");
    site.catalog
        .0
        .database
        .writer()
        .execute_batch("DROP TRIGGER audit_is_never_changed; UPDATE audit SET actor = 'eve' WHERE seq = 1")
        .unwrap();
    let error = site.catalog.verify_audit().unwrap_err();
    assert_eq!(error.code(), "audit-broken");
    assert!(
        error.to_string().contains("row 1 "),
        "the first broken row is named: {error}"
    );
}

fn login(name: &str, password: &str, peer: Option<String>) -> LogIn {
    LogIn {
        name: name.into(),
        password: password.into(),
        peer,
        ..LogIn::default()
    }
}
