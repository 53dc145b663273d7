//! Who may do what where: grants, teams, roles, tokens, second factors.

use super::*;
use std::collections::BTreeSet;

const PASSWORD: &str = "correct horse battery";

fn actor() -> Actor {
    Actor {
        name: "ada".into(),
        peer: None,
    }
}

fn log_in(name: &str) -> LogIn {
    LogIn {
        name: name.into(),
        password: PASSWORD.into(),
        ..LogIn::default()
    }
}

impl Site {
    fn person_of(&self, name: &str) -> Uuid {
        let wish = AccountWish {
            name: name.into(),
            full_name: String::new(),
            password: PASSWORD.into(),
        };
        self.catalog.create_account(&wish, &actor()).unwrap().id
    }

    fn give(&self, holder: Holder, role: PredefinedRole, place: protocol::PlaceId) -> Uuid {
        let wish = GrantWish {
            holder,
            role: role.id(),
            place,
            expires_at: None,
        };
        self.catalog
            .give_role(&wish, &actor(), &Rights::everything())
            .unwrap()
            .id
    }

    fn place(&self, kind: PlaceKind, name: &str, parent: protocol::PlaceId) -> protocol::PlaceId {
        self.catalog
            .create_place(kind, name, parent, &actor())
            .unwrap()
            .id
    }

    fn rights(&self, name: &str) -> Rights {
        let (_, person) = self.catalog.log_in(&log_in(name)).unwrap();
        person.rights
    }
}

#[test]
fn rights_come_from_roles_and_teams_until_their_day_and_nobody_gives_more_than_they_hold() {
    let site = Site::new();
    site.catalog
        .create_administrator("ada", PASSWORD, &actor())
        .unwrap();
    let north = site.place(PlaceKind::Site, "north", ROOT);
    let room = site.place(PlaceKind::Room, "12", north);
    let south = site.place(PlaceKind::Site, "south", ROOT);
    let [bob, eve] = ["bob", "eve"].map(|name| site.person_of(name));
    site.give(Holder::Person(bob), PredefinedRole::SiteManager, north);
    let rights = site.rights("bob");
    assert_eq!(rights.scope(Permission::MachineEdit), Scope::within([north]));
    assert_eq!(rights.scope(Permission::AuditExport), Scope::Nothing);
    assert!(!rights.everywhere(Permission::MachineRead));
    let give = |role: PredefinedRole, place| {
        let expires_at = Some(site.clock.now().plus(Duration::from_secs(60)));
        let wish = GrantWish {
            holder: Holder::Person(eve),
            role: role.id(),
            place,
            expires_at,
        };
        site.catalog.give_role(&wish, &actor(), &rights)
    };
    give(PredefinedRole::Technician, room).unwrap();
    for (role, place) in [
        (PredefinedRole::Technician, south),
        (PredefinedRole::Technician, ROOT),
        (PredefinedRole::Auditor, room),
        (PredefinedRole::PlatformAdmin, north),
    ] {
        assert_eq!(
            give(role, place).unwrap_err().code(),
            "more-than-held",
            "{role:?}"
        );
    }
    assert_eq!(
        site.rights("eve").scope(Permission::JobRun),
        Scope::within([room])
    );
    site.clock.advance(Duration::from_secs(61));
    assert_eq!(site.rights("eve"), Rights::default());
    let wish = TeamWish {
        name: "north".into(),
        note: String::new(),
        members: BTreeSet::from([eve]),
    };
    let team = site.catalog.create_team(&wish, &actor()).unwrap();
    site.give(Holder::Team(team.id), PredefinedRole::Auditor, south);
    assert!(site.rights("eve").somewhere(Permission::AuditExport));
    let joined = TeamWish {
        members: BTreeSet::from([bob, eve]),
        ..wish
    };
    let refused = site.catalog.edit_team(team.id, &joined, None, &actor(), &rights);
    assert_eq!(refused.unwrap_err().code(), "more-than-held");
    let edit = AccountEdit {
        disabled: Some(true),
        ..AccountEdit::default()
    };
    let refused = site.catalog.edit_account(eve, &edit, None, &actor(), &rights);
    assert_eq!(refused.unwrap_err().code(), "more-than-held");
    let refused = site.catalog.reset_password(eve, PASSWORD, &actor(), &rights);
    assert_eq!(refused.unwrap_err().code(), "more-than-held");
    site.catalog
        .edit_account(eve, &edit, Some(1), &actor(), &Rights::everything())
        .unwrap();
    assert_eq!(
        site.catalog.log_in(&log_in("eve")).unwrap_err().code(),
        "wrong-name-or-password"
    );
    assert_eq!(
        site.catalog.delete_place(south, &actor()).unwrap_err().code(),
        "place-in-use"
    );
    site.catalog.verify_audit().unwrap();
}

#[test]
fn the_last_administrator_stays_whatever_way_is_tried() {
    let site = Site::new();
    let ada = site
        .catalog
        .create_administrator("ada", PASSWORD, &actor())
        .unwrap();
    let all = Rights::everything();
    let code = |outcome: Result<()>| outcome.unwrap_err().code();
    let given = |holder| site.catalog.grants(&Scope::Everything, Some(holder)).unwrap()[0].id;
    let own = given(Holder::Person(ada));
    let take = |grant| site.catalog.take_role(grant, &actor(), &all, &Scope::Everything);
    let disable = |id| {
        let edit = AccountEdit {
            disabled: Some(true),
            ..AccountEdit::default()
        };
        site.catalog
            .edit_account(id, &edit, None, &actor(), &all)
            .map(drop)
    };
    assert_eq!(code(take(own)), "last-administrator");
    assert_eq!(code(disable(ada)), "last-administrator");
    // One whose right ends by itself does not count.
    let bob = site.person_of("bob");
    let wish = GrantWish {
        holder: Holder::Person(bob),
        role: PredefinedRole::PlatformAdmin.id(),
        place: ROOT,
        expires_at: Some(site.clock.now().plus(Duration::from_secs(3600))),
    };
    site.catalog.give_role(&wish, &actor(), &all).unwrap();
    assert_eq!(code(take(own)), "last-administrator");
    // A team of administrators does, until its last member leaves it.
    let wish = TeamWish {
        name: "administrators".into(),
        note: String::new(),
        members: BTreeSet::from([bob]),
    };
    let team = site.catalog.create_team(&wish, &actor()).unwrap().id;
    site.give(Holder::Team(team), PredefinedRole::PlatformAdmin, ROOT);
    take(own).unwrap();
    let nobody = TeamWish {
        members: BTreeSet::new(),
        ..wish
    };
    let emptied = site.catalog.edit_team(team, &nobody, None, &actor(), &all);
    assert_eq!(code(emptied.map(drop)), "last-administrator");
    assert_eq!(
        code(site.catalog.delete_team(team, None, &actor(), &all)),
        "last-administrator"
    );
    assert_eq!(code(take(given(Holder::Team(team)))), "last-administrator");
    assert_eq!(code(disable(bob)), "last-administrator");
}

#[test]
fn lists_counts_searches_and_exports_are_of_what_lies_within_the_scope() {
    let site = Site::new();
    let north = site.place(PlaceKind::Site, "north", ROOT);
    let room = site.place(PlaceKind::Room, "12", north);
    let south = site.place(PlaceKind::Site, "south", ROOT);
    let machines = [1, 2, 3, 4].map(|number| site.hello(number, true).machine);
    for (machine, place) in machines.iter().zip([Some(north), Some(room), Some(south), None]) {
        site.catalog.put_machine(*machine, place, &[], &actor()).unwrap();
    }
    let mine = site.job(machines[1], &[Step::Inspect]);
    let theirs = site.job(machines[2], &[Step::Inspect]);
    let shared = JobWish {
        scope: Scope::Everything,
        machines: vec![machines[0], machines[2]],
        steps: vec![Step::Inspect],
        ..JobWish::default()
    };
    let (shared, _) = site.catalog.create_job(shared, &Depot, &actor(), None).unwrap();
    let scope = Scope::within([north]);
    let filter = MachineFilter {
        scope: scope.clone(),
        ..MachineFilter::default()
    };
    let page = MachinePage {
        limit: 1,
        ..MachinePage::default()
    };
    let (found, next) = site.catalog.machines(&filter, &page).unwrap();
    assert_eq!((found.total, found.more, next.is_some()), (2, true, true));
    let searched = MachineFilter {
        text: Some(boot_facts(3).mac.to_string()),
        ..filter.clone()
    };
    assert_eq!(site.catalog.machines(&searched, &page).unwrap().0.total, 0);
    let mut table = site.catalog.export_machines(filter, Separator::Comma);
    let mut text = String::new();
    while let Some(piece) = table.piece().unwrap() {
        text.push_str(&piece);
    }
    for (number, machine) in machines.iter().enumerate() {
        assert_eq!(text.contains(&machine.to_string()), number < 2, "{text}");
        assert_eq!(
            site.catalog.reaches_machine(&scope, *machine).unwrap(),
            number < 2
        );
    }
    let filter = JobFilter {
        scope: scope.clone(),
        limit: 10,
        ..JobFilter::default()
    };
    let jobs = site.catalog.jobs(&filter).unwrap();
    let ids: Vec<JobId> = jobs.items.iter().map(|job| job.id).collect();
    assert_eq!((jobs.total, ids), (2, vec![shared, mine]));
    assert_eq!(jobs.items[0].counts.total(), 1, "of the machines that are seen");
    assert_eq!(site.catalog.job_machines(shared, &scope).unwrap().len(), 1);
    let reach = |job| site.catalog.reaches_job(&scope, job).unwrap();
    assert_eq!(
        [mine, theirs, shared].map(reach),
        [Reach::All, Reach::None, Reach::Part]
    );
    site.catalog.cancel_job(theirs, &actor()).unwrap();
    let cancelled = JobFilter {
        state: Some(JobState::Cancelled),
        ..filter
    };
    assert_eq!(site.catalog.jobs(&cancelled).unwrap().total, 0);
    let places = site.catalog.places(&scope, &Scope::Nothing).unwrap();
    let places: BTreeSet<_> = places.iter().map(|place| place.id).collect();
    assert_eq!(places, BTreeSet::from([north, room]));
    let audit = AuditFilter {
        scope: scope.clone(),
        ..AuditFilter::default()
    };
    let rows = site.catalog.audit(&audit, None, 100).unwrap();
    let about: BTreeSet<String> = rows.items.iter().map(|row| row.object_id.clone()).collect();
    let expected = [
        north.to_string(),
        room.to_string(),
        machines[0].to_string(),
        machines[1].to_string(),
        mine.to_string(),
    ];
    assert_eq!(about, BTreeSet::from(expected));
    assert_eq!(rows.total, rows.items.len() as u64);
    let nothing = AuditFilter::default();
    assert_eq!(site.catalog.audit(&nothing, None, 100).unwrap().total, 0);
    site.catalog.verify_audit().unwrap();
}

#[test]
fn a_token_may_what_it_says_where_it_says_and_never_more_than_its_owner() {
    let site = Site::new();
    site.catalog
        .create_administrator("ada", PASSWORD, &actor())
        .unwrap();
    let north = site.place(PlaceKind::Site, "north", ROOT);
    let room = site.place(PlaceKind::Room, "12", north);
    let bob = site.person_of("bob");
    let grant = site.give(Holder::Person(bob), PredefinedRole::Technician, north);
    let rights = site.rights("bob");
    let wish = |permissions: &[Permission], place, seconds| TokenWish {
        name: "nightly".into(),
        permissions: PermissionSet::of(permissions),
        place,
        expires_at: site.clock.now().plus(Duration::from_secs(seconds)),
    };
    let make = |wish: &TokenWish| site.catalog.create_token(bob, wish, &actor(), &rights);
    for (wish, code) in [
        (wish(&[Permission::AuditRead], north, 60), "more-than-held"),
        (wish(&[Permission::JobRun], ROOT, 60), "more-than-held"),
        (wish(&[], north, 60), "unusable-value"),
        (wish(&[Permission::JobRun], north, 0), "unusable-value"),
        (
            wish(&[Permission::JobRun], north, 400 * 24 * 3600),
            "unusable-value",
        ),
    ] {
        assert_eq!(make(&wish).unwrap_err().code(), code);
    }
    let (secret, row) = make(&wish(&[Permission::MachineRead, Permission::JobRun], room, 60)).unwrap();
    let shown = Credential::Token(secret);
    let person = site.catalog.person(&shown).unwrap();
    assert_eq!((person.id, person.session), (bob, row.id));
    assert_eq!(person.rights.scope(Permission::JobRun), Scope::within([room]));
    assert_eq!(person.rights.scope(Permission::MachineEdit), Scope::Nothing);
    assert!(site.catalog.tokens(Some(bob)).unwrap()[0].last_used_at.is_some());
    site.catalog
        .take_role(grant, &actor(), &Rights::everything(), &Scope::Everything)
        .unwrap();
    assert_eq!(site.catalog.rights_of(&shown).unwrap(), Some(Rights::default()));
    site.clock.advance(Duration::from_secs(61));
    assert_eq!(site.catalog.rights_of(&shown).unwrap(), None);
    assert!(site.catalog.tokens(None).unwrap().is_empty());
    let again = site.catalog.revoke_token(row.id, Some(Uuid::now_v7()), &actor());
    assert_eq!(again.unwrap_err().code(), "not-found");
}

#[test]
fn a_code_counts_once_and_a_recovery_code_opens_the_door_once() {
    let site = Site::new();
    site.catalog
        .create_administrator("ada", PASSWORD, &actor())
        .unwrap();
    let (cookie, person) = site.catalog.log_in(&log_in("ada")).unwrap();
    let (other, _) = site.catalog.log_in(&log_in("ada")).unwrap();
    let wrong = site.catalog.offer_second_factor(&person, "guess", &actor());
    assert_eq!(wrong.map(drop).unwrap_err().code(), "wrong-password");
    let offer = site
        .catalog
        .offer_second_factor(&person, PASSWORD, &actor())
        .unwrap();
    assert!(offer.address.contains(&offer.secret));
    let secret = from_base32(&offer.secret);
    site.catalog.log_in(&log_in("ada")).unwrap();
    let refused = site.catalog.confirm_second_factor(&person, "000000", &actor());
    assert_eq!(refused.unwrap_err().code(), "wrong-code");
    let code = || code_at(&secret, site.clock.now());
    let used = code();
    let recovery = site
        .catalog
        .confirm_second_factor(&person, &used, &actor())
        .unwrap();
    assert_eq!(recovery.len(), 10);
    site.catalog.person(&Credential::Cookie(cookie)).unwrap();
    assert!(site.catalog.person(&Credential::Cookie(other)).is_err());
    let enter = |code: Option<String>| {
        site.catalog.log_in(&LogIn {
            code,
            ..log_in("ada")
        })
    };
    let why = |code: Option<String>| enter(code).map(drop).unwrap_err().code();
    assert_eq!(why(None), "code-needed");
    assert_eq!(why(Some(used)), "wrong-code", "it was used already");
    site.clock.advance(Duration::from_secs(60));
    let fresh = code();
    let (_, inside) = enter(Some(format!("{} {}", &fresh[..3], &fresh[3..]))).unwrap();
    assert!(inside.has_second_factor);
    assert_eq!(why(Some(fresh)), "wrong-code");
    enter(Some(recovery[3].to_lowercase())).unwrap();
    assert_eq!(why(Some(recovery[3].clone())), "wrong-code");
    for _ in 0..4 {
        why(Some("123".into()));
    }
    assert_eq!(why(Some("123".into())), "too-many-tries");
    site.clock.advance(Duration::from_secs(3600));
    site.catalog
        .remove_second_factor(&inside, PASSWORD, &actor())
        .unwrap();
    enter(None).unwrap();
}

fn from_base32(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut value, mut bits) = (0_u32, 0);
    for c in text.bytes() {
        let digit = if c.is_ascii_uppercase() {
            c - b'A'
        } else {
            c - b'2' + 26
        };
        value = value << 5 | u32::from(digit);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((value >> bits) as u8);
            value &= (1 << bits) - 1;
        }
    }
    bytes
}
