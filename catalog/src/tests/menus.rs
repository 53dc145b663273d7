//! Menus: what comes of everybody's say, and of an entry that was chosen.

use super::*;
use protocol::menu::{EntryAction, EntryKey, Keyboard, MenuEntry, MenuLanguage};

fn entry(key: &str, action: EntryAction) -> EntryWish {
    EntryWish {
        entry: MenuEntry {
            key: key.parse().unwrap(),
            label: key.to_uppercase(),
            action,
            locked: false,
            hotkey: None,
        },
        password: None,
        withdrawn: false,
    }
}

fn wish(settings: MenuSettings, entries: Vec<EntryWish>) -> MenuWish {
    MenuWish { settings, entries }
}

fn key(text: &str) -> EntryKey {
    text.parse().unwrap()
}

fn inspect() -> EntryAction {
    EntryAction::Job {
        steps: vec![Step::Inspect],
    }
}

fn put(catalog: &Catalog, owner: MenuOwner, wish: MenuWish) {
    catalog.put_menu(owner, wish, &admin()).unwrap();
}

const ROOT_OWNER: MenuOwner = MenuOwner::Place(ROOT);

#[test]
fn every_level_says_what_it_decides_and_where_the_rest_comes_from() {
    let site = Site::new();
    let catalog = &site.catalog;
    let machine = site.hello(1, true).machine;
    let school = catalog
        .create_place(PlaceKind::Site, "École", ROOT, &admin())
        .unwrap()
        .id;
    let room = catalog
        .create_place(PlaceKind::Room, "Salle 12", school, &admin())
        .unwrap()
        .id;
    let group = catalog
        .create_place(PlaceKind::Group, "Examens", ROOT, &admin())
        .unwrap()
        .id;
    catalog
        .put_machine(machine, Some(room), &[group], &admin())
        .unwrap();
    put(
        catalog,
        ROOT_OWNER,
        wish(
            MenuSettings {
                title: Some("Ville".into()),
                timeout_seconds: Some(20),
                keyboard: Some(Keyboard::Us),
                ..MenuSettings::default()
            },
            vec![
                entry("memory", EntryAction::MemoryTest),
                entry("amorce", EntryAction::Agent),
            ],
        ),
    );
    put(
        catalog,
        MenuOwner::Place(room),
        wish(
            MenuSettings {
                title: Some("Salle 12".into()),
                default: Some(key("amorce")),
                ..MenuSettings::default()
            },
            vec![EntryWish {
                withdrawn: true,
                ..entry("memory", EntryAction::MemoryTest)
            }],
        ),
    );
    put(
        catalog,
        MenuOwner::Place(group),
        wish(
            MenuSettings {
                waits: Some(true),
                ..MenuSettings::default()
            },
            vec![],
        ),
    );
    put(
        catalog,
        MenuOwner::Machine(machine),
        wish(MenuSettings::default(), vec![entry("inspect", inspect())]),
    );

    let menu = catalog.effective_menu(MenuOwner::Machine(machine));
    let from = |place| Some(MenuOwner::Place(place));
    assert_eq!(
        (menu.title.value.as_str(), menu.title.from),
        ("Salle 12", from(room))
    );
    assert_eq!(
        (menu.timeout_seconds.value, menu.timeout_seconds.from),
        (20, from(ROOT))
    );
    assert_eq!((menu.waits.value, menu.waits.from), (true, from(group)));
    assert_eq!(
        (menu.keyboard.value, menu.keyboard.from),
        (Keyboard::Us, from(ROOT))
    );
    assert_eq!(
        (menu.language.value, menu.language.from),
        (MenuLanguage::Fr, None)
    );
    assert_eq!(menu.default.value, key("amorce"));
    let entries: Vec<_> = menu
        .entries
        .iter()
        .map(|entry| (entry.value.key.as_str(), entry.from))
        .collect();
    assert_eq!(
        entries,
        [
            ("local-disk", None),
            ("amorce", from(ROOT)),
            ("inspect", Some(MenuOwner::Machine(machine)))
        ]
    );
    assert_eq!(menu.menu(false).timeout_seconds, None);
    let elsewhere = catalog.effective_menu(MenuOwner::Place(school));
    assert_eq!(elsewhere.title.value, "Ville");
    assert_eq!(elsewhere.entries.len(), 3);

    // The same from the file as from memory.
    let mut site = site;
    site.kill_and_start();
    assert_eq!(site.catalog.effective_menu(MenuOwner::Machine(machine)), menu);
}

#[test]
fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let site = Site::new();
    let refused = |owner, wish| site.catalog.put_menu(owner, wish, &admin()).unwrap_err().kind();
    let with_default = |default: &str| MenuSettings {
        default: Some(key(default)),
        ..MenuSettings::default()
    };
    let capture = EntryAction::Job {
        steps: vec![serde_json::from_str(r#"{"kind":"capture","master":"m"}"#).unwrap()],
    };
    let unlocked = vec![entry("capture", capture.clone())];
    let mut no_password = entry("capture", capture.clone());
    no_password.entry.locked = true;
    let mut short = no_password.clone();
    short.password = Some("short".into());
    let mut long_label = entry("a", EntryAction::Agent);
    long_label.entry.label = "x".repeat(61);
    for (what, wish) in [
        (
            "a job at each boot",
            wish(with_default("i"), vec![entry("i", inspect())]),
        ),
        (
            "a default that is not there",
            wish(with_default("x"), vec![entry("a", EntryAction::Agent)]),
        ),
        ("anybody may capture", wish(MenuSettings::default(), unlocked)),
        ("no password", wish(MenuSettings::default(), vec![no_password])),
        ("a short password", wish(MenuSettings::default(), vec![short])),
        ("a long label", wish(MenuSettings::default(), vec![long_label])),
        (
            "the same key twice",
            wish(
                MenuSettings::default(),
                vec![entry("a", EntryAction::Agent), entry("a", EntryAction::Agent)],
            ),
        ),
    ] {
        assert_eq!(refused(ROOT_OWNER, wish), ErrorKind::Invalid, "{what}");
    }
    let nowhere = MenuOwner::Place(protocol::PlaceId::new());
    assert_eq!(
        refused(nowhere, wish(MenuSettings::default(), vec![])),
        ErrorKind::NotFound
    );
    assert!(!site.catalog.effective_menu(ROOT_OWNER).is_there());
    assert_eq!(site.catalog.menu_level(ROOT_OWNER).unwrap(), MenuLevel::default());
}

#[test]
fn a_job_goes_before_the_menu_and_a_ban_before_both() {
    let site = Site::new();
    let machine = site.hello(1, true).machine;
    put(
        &site.catalog,
        ROOT_OWNER,
        wish(MenuSettings::default(), vec![entry("amorce", EntryAction::Agent)]),
    );
    let menu = |plan: &BootPlan| matches!(plan, BootPlan::Menu { .. });
    assert!(menu(&site.boot(1)));
    let choose = |text: &str| site.catalog.choose(&boot_facts(1), &key(text));
    let agent = |reason| BootPlan::Agent { reason };
    let local = |reason| BootPlan::LocalDisk { reason };
    assert_eq!(choose("amorce"), agent(AgentReason::Chosen));
    assert_eq!(choose("local-disk"), local(LocalReason::Chosen));
    assert_eq!(choose("gone"), local(LocalReason::NoSuchEntry));
    let job = site.job(machine, &[Step::Inspect]);
    assert_eq!(site.boot(1), agent(AgentReason::Job));
    assert_eq!(choose("local-disk"), agent(AgentReason::Job));
    site.catalog.cancel_job(job, &admin()).unwrap();
    let ban = MachineEdit {
        quarantined: Some(true),
        ..MachineEdit::default()
    };
    site.catalog.edit_machine(machine, &ban, None, &admin()).unwrap();
    assert_eq!(choose("amorce"), local(LocalReason::Quarantined));
    // Nobody's machine is asked what it wants before it is known.
    assert_eq!(site.boot(2), agent(AgentReason::Unknown));
}

#[test]
fn a_machine_that_was_woken_has_its_other_default_for_one_boot() {
    let site = Site::new();
    site.hello(1, true);
    put(
        &site.catalog,
        ROOT_OWNER,
        wish(
            MenuSettings {
                wake_default: Some(key("inspect")),
                wake_timeout_seconds: Some(0),
                ..MenuSettings::default()
            },
            vec![entry("inspect", inspect())],
        ),
    );
    let default = || match site.boot(1) {
        BootPlan::Menu { menu } => (menu.default, menu.timeout_seconds),
        other => panic!("{other:?}"),
    };
    let switch_on = || {
        let mac = boot_facts(1).mac;
        site.catalog.note_boot(mac, BootStep::Offered, None, "offered");
    };
    switch_on();
    assert_eq!(default(), (key("local-disk"), Some(10)));
    site.catalog.note_wake(boot_facts(1).mac);
    site.clock.advance(Duration::from_secs(40));
    switch_on();
    assert_eq!(default(), (key("inspect"), Some(0)));
    site.catalog
        .boot_token(&boot_facts(1), Some(&key("inspect")))
        .unwrap();
    assert_eq!(default().0, key("local-disk"));
}

fn choose_and_greet(site: &Site, text: &str) -> Welcome {
    let token = site.catalog.boot_token(&boot_facts(1), Some(&key(text))).unwrap();
    site.catalog.hello(&hello(1, true, token)).unwrap()
}

#[test]
fn an_entry_that_makes_a_job_makes_it_once_for_the_machine_that_chose() {
    let site = Site::new();
    let machine = site.hello(1, true).machine;
    put(
        &site.catalog,
        ROOT_OWNER,
        wish(
            MenuSettings::default(),
            vec![entry("inspect", inspect()), entry("amorce", EntryAction::Agent)],
        ),
    );
    let welcome = choose_and_greet(&site, "inspect");
    let chosen = welcome.entry.clone().unwrap();
    site.catalog.open_entry(machine, &chosen, &Depot).unwrap();
    let session = site.session(&welcome);
    let Task::Run(assignment) = site.task(&session) else {
        panic!("no job");
    };
    assert_eq!(assignment.title, "INSPECT");
    assert_eq!(
        site.catalog
            .job(assignment.job, &Scope::Everything)
            .unwrap()
            .unwrap()
            .created_by,
        "menu: inspect"
    );
    site.report(&session, assignment.job, 0, done());
    assert_eq!(site.state(assignment.job, machine), JobState::Done);
    // The agent stays where somebody chose the agent, until its job is over and after it.
    let welcome = choose_and_greet(&site, "amorce");
    site.catalog
        .open_entry(machine, &welcome.entry.clone().unwrap(), &Depot)
        .unwrap();
    let session = site.session(&welcome);
    assert!(matches!(site.task(&session), Task::Wait { .. }));
}

#[test]
fn a_password_is_asked_checked_throttled_and_kept_as_a_hash() {
    let site = Site::new();
    let machine = site.hello(1, true).machine;
    let locked = |password: Option<&str>| {
        let mut entry = entry("memory", EntryAction::MemoryTest);
        entry.entry.locked = true;
        entry.password = password.map(str::to_owned);
        wish(MenuSettings::default(), vec![entry])
    };
    put(&site.catalog, ROOT_OWNER, locked(Some("a l'ecole!")));
    // Changed without its password: the old one stays.
    put(&site.catalog, ROOT_OWNER, locked(None));
    let audit: String = site
        .catalog
        .0
        .database
        .read(|transaction| {
            let sql = "SELECT group_concat(coalesce(before, '') || coalesce(after, '')) FROM audit";
            Ok(transaction.query_row(sql, [], |row| row.get(0))?)
        })
        .unwrap();
    assert!(!audit.contains("ecole") && !audit.contains("argon2"), "{audit}");
    assert_eq!(
        site.catalog.choose(&boot_facts(1), &key("memory")),
        BootPlan::Agent {
            reason: AgentReason::Password
        }
    );
    let welcome = choose_and_greet(&site, "memory");
    assert_eq!(welcome.entry, None);
    let session = site.session(&welcome);
    assert_eq!(
        site.task(&session),
        Task::AskPassword {
            label: "MEMORY".into(),
            keyboard: Keyboard::Fr
        }
    );
    let wrong = || site.catalog.unlock_entry(&session, "wrong").unwrap_err().kind();
    for _ in 0..5 {
        assert_eq!(wrong(), ErrorKind::Forbidden);
    }
    assert_eq!(wrong(), ErrorKind::TooOften);
    site.clock.advance(Duration::from_secs(60));
    let chosen = site.catalog.unlock_entry(&session, "a l'ecole!").unwrap();
    site.catalog.open_entry(machine, &chosen, &Depot).unwrap();
    assert_eq!(site.task(&session), Task::Reboot);
    // The boot that follows starts it, and no later one does.
    assert!(matches!(site.boot(1), BootPlan::Start { .. }));
    site.clock.advance(Duration::from_secs(200));
    assert!(matches!(site.boot(1), BootPlan::Menu { .. }));
}

#[test]
fn a_place_is_deleted_only_when_nothing_lies_in_it() {
    let site = Site::new();
    let catalog = &site.catalog;
    let machine = site.hello(1, true).machine;
    let room = catalog
        .create_place(PlaceKind::Room, "Salle", ROOT, &admin())
        .unwrap()
        .id;
    assert!(
        catalog
            .create_place(PlaceKind::Site, "x", room, &admin())
            .is_err()
    );
    assert!(
        catalog
            .create_place(PlaceKind::Organisation, "x", ROOT, &admin())
            .is_err()
    );
    catalog.put_machine(machine, Some(room), &[], &admin()).unwrap();
    assert!(catalog.put_machine(machine, None, &[room], &admin()).is_err());
    assert_eq!(
        catalog.delete_place(room, &admin()).unwrap_err().code(),
        "place-in-use"
    );
    assert_eq!(
        catalog.delete_place(ROOT, &admin()).unwrap_err().code(),
        "place-in-use"
    );
    catalog.put_machine(machine, None, &[], &admin()).unwrap();
    catalog.delete_place(room, &admin()).unwrap();
    assert_eq!(
        catalog
            .places(&Scope::Everything, &Scope::Everything)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(catalog.places_of(machine).unwrap(), (None, vec![]));
}
