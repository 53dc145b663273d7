//! Places and groups: who lies where, who is found, and where everybody stands.

use super::*;

fn place(site: &Site, kind: PlaceKind, name: &str, parent: PlaceId) -> PlaceId {
    site.catalog
        .create_place(kind, name, parent, &admin())
        .unwrap()
        .id
}

fn in_place(site: &Site, place: PlaceId) -> Vec<MachineId> {
    let filter = MachineFilter {
        scope: Scope::Everything,
        place: Some(place),
        ..MachineFilter::default()
    };
    let mut ids = site.catalog.machine_ids(&filter, 100).unwrap();
    ids.sort();
    ids
}

fn group(site: &Site, query: GroupQuery) -> Result<PlaceId> {
    let made = site.catalog.create_found_group("found", ROOT, query, &admin())?;
    Ok(made.id)
}

use protocol::PlaceId;

#[test]
fn a_place_holds_what_lies_below_it_and_takes_it_along_when_it_moves() {
    let site = Site::new();
    let machines: Vec<_> = (1..=3).map(|number| site.hello(number, true).machine).collect();
    let school = place(&site, PlaceKind::Site, "Lycée", ROOT);
    let other = place(&site, PlaceKind::Site, "Collège", ROOT);
    let room = place(&site, PlaceKind::Room, "B12", school);
    let put = |place, add: &[MachineId], remove: &[MachineId]| {
        site.catalog.put_machines(place, add, remove, &admin()).unwrap()
    };
    assert_eq!(put(room, &machines[..2], &[]), (2, 0));
    assert_eq!(put(room, &machines[..2], &[]), (0, 0), "they are there");
    assert_eq!(in_place(&site, school), machines[..2]);
    assert_eq!(in_place(&site, ROOT), machines);
    let counts = site.catalog.machines_of_places(&Scope::Everything).unwrap();
    assert_eq!((counts[&ROOT], counts[&school], counts[&other]), (3, 2, 0));

    let moved = PlaceEdit {
        parent: Some(other),
        ..PlaceEdit::default()
    };
    site.catalog.edit_place(room, moved, &admin()).unwrap();
    assert_eq!(in_place(&site, school), []);
    assert_eq!(in_place(&site, other), machines[..2]);
    assert_eq!(put(room, &[], &machines[..1]), (0, 1));
    assert_eq!(in_place(&site, other), machines[1..2]);

    for (what, parent) in [(other, other), (other, room), (ROOT, other), (room, room)] {
        let edit = PlaceEdit {
            parent: Some(parent),
            ..PlaceEdit::default()
        };
        assert!(site.catalog.edit_place(what, edit, &admin()).is_err());
    }
}

#[test]
fn a_group_finds_its_members_by_facts_contact_places_and_other_groups() {
    let site = Site::new();
    let old = site.hello(1, true).machine;
    let empty = site.hello(2, false).machine;
    site.clock.advance(Duration::from_secs(40 * 24 * 60 * 60));
    let fresh = site.hello(3, true).machine;
    let room = place(&site, PlaceKind::Room, "B12", ROOT);
    site.catalog
        .put_machines(room, &[old, fresh], &[], &admin())
        .unwrap();
    let chosen = place(&site, PlaceKind::Group, "chosen", ROOT);
    site.catalog.put_machines(chosen, &[old], &[], &admin()).unwrap();

    let find = |query| in_place(&site, group(&site, query).unwrap());
    let any = GroupQuery::default;
    assert_eq!(find(any()).len(), 3);
    assert_eq!(
        find(GroupQuery {
            seen_within_days: Some(30),
            ..any()
        }),
        [fresh]
    );
    assert_eq!(
        find(GroupQuery {
            silent_for_days: Some(30),
            ..any()
        })
        .len(),
        2
    );
    let nothing = vec![MachineTrait::NothingBootable];
    assert_eq!(
        find(GroupQuery {
            traits: nothing,
            ..any()
        }),
        [empty]
    );
    assert_eq!(
        find(GroupQuery {
            place: Some(room),
            not_in_groups: vec![chosen],
            ..any()
        }),
        [fresh]
    );
    assert_eq!(
        find(GroupQuery {
            in_groups: vec![chosen],
            ..any()
        }),
        [old]
    );
    let memory = site.catalog.machine(old).unwrap().unwrap().facts.memory;
    assert_eq!(
        find(GroupQuery {
            memory_from: Some(memory),
            ..any()
        })
        .len(),
        3
    );
    assert_eq!(
        find(GroupQuery {
            memory_below: Some(memory),
            ..any()
        }),
        []
    );
    assert_eq!(
        find(GroupQuery {
            disk_from: Some(ByteLen(u64::MAX)),
            ..any()
        }),
        []
    );
    assert_eq!(
        find(GroupQuery {
            disk_from: Some(ByteLen(1)),
            ..any()
        })
        .len(),
        3
    );
    assert_eq!(
        find(GroupQuery {
            words: "100% \\ '".into(),
            ..any()
        }),
        []
    );

    let found = group(&site, any()).unwrap();
    let refused = site
        .catalog
        .put_machines(found, &[old], &[], &admin())
        .unwrap_err();
    assert!(
        refused.to_string().contains("finds its members itself"),
        "{refused}"
    );
    let counts = site.catalog.machines_of_places(&Scope::Everything).unwrap();
    assert_eq!((counts[&found], counts[&chosen]), (3, 1));
}

#[test]
fn no_group_rests_on_itself_and_none_goes_that_another_rests_on() {
    let site = Site::new();
    let first = group(&site, GroupQuery::default()).unwrap();
    let resting_on = |group: PlaceId| GroupQuery {
        in_groups: vec![group],
        ..GroupQuery::default()
    };
    let second = group(&site, resting_on(first)).unwrap();
    for on in [first, second] {
        let edit = PlaceEdit {
            query: Some(resting_on(on)),
            ..PlaceEdit::default()
        };
        assert!(site.catalog.edit_place(first, edit, &admin()).is_err());
    }
    assert!(group(&site, resting_on(ROOT)).is_err(), "a place is no group");
    let refused = site.catalog.delete_place(first, &admin()).unwrap_err();
    assert_eq!(refused.code(), "place-in-use");
    site.catalog.delete_place(second, &admin()).unwrap();
    site.catalog.delete_place(first, &admin()).unwrap();
}

#[test]
fn who_is_in_no_place_is_in_the_group_of_those_who_are_not_in_one() {
    let site = Site::new();
    let machine = site.hello(1, true).machine;
    let room = place(&site, PlaceKind::Room, "B12", ROOT);
    let there = GroupQuery {
        place: Some(room),
        ..GroupQuery::default()
    };
    let there = group(&site, there).unwrap();
    let elsewhere = GroupQuery {
        not_in_groups: vec![there],
        ..GroupQuery::default()
    };
    let elsewhere = group(&site, elsewhere).unwrap();
    assert_eq!(in_place(&site, elsewhere), [machine]);
    let nobody = site.catalog.machines_of_places(&Scope::Nothing).unwrap();
    assert_eq!(
        (nobody[&ROOT], nobody[&elsewhere]),
        (0, 0),
        "who sees no machine counts none"
    );
}

#[test]
fn groups_that_rest_on_many_others_stay_small_enough_to_be_asked() {
    let site = Site::new();
    let wordy = || GroupQuery {
        words: "one two three four five six seven eight nine ten".into(),
        ..GroupQuery::default()
    };
    let leaves: Vec<_> = (0..11).map(|_| group(&site, wordy()).unwrap()).collect();
    let resting_on = |leaves: &[PlaceId]| GroupQuery {
        in_groups: leaves.to_vec(),
        ..GroupQuery::default()
    };
    let large = group(&site, resting_on(&leaves[..10])).unwrap();
    assert!(group(&site, resting_on(&leaves)).is_err());
    assert!(group(&site, resting_on(&[large, leaves[10]])).is_err());
    let grown = PlaceEdit {
        query: Some(GroupQuery {
            traits: vec![MachineTrait::Unnamed; 20],
            ..wordy()
        }),
        ..PlaceEdit::default()
    };
    let refused = site.catalog.edit_place(leaves[0], grown, &admin());
    assert!(
        refused.is_err(),
        "the group that rests on it would grow too large"
    );
    site.catalog.machines_of_places(&Scope::Everything).unwrap();
}

#[test]
fn a_list_of_names_and_numbers_leads_to_machines_and_says_what_leads_nowhere() {
    let site = Site::new();
    let ids: Vec<_> = (1..=3).map(|number| site.hello(number, true).machine).collect();
    for id in &ids[..2] {
        let edit = MachineEdit {
            name: Some("twin".into()),
            ..MachineEdit::default()
        };
        site.catalog.edit_machine(*id, &edit, None, &admin()).unwrap();
    }
    let mac = boot_facts(3).mac;
    let list = format!("{mac}\n\n  {}\r\nTWIN\nnobody\n{}\n", ids[2], ids[0]);
    let outcome = site.catalog.machines_named(&list).unwrap();
    assert_eq!(outcome.found, [ids[2], ids[0]]);
    assert_eq!(outcome.ambiguous, ["TWIN"]);
    assert_eq!(outcome.unknown, ["nobody"]);
    assert!(site.catalog.machines_named(&"x\n".repeat(2001)).is_err());
}

#[test]
fn a_machine_has_one_seat_in_its_room_and_leaves_it_with_the_room() {
    let site = Site::new();
    let ids: Vec<_> = (1..=2).map(|number| site.hello(number, true).machine).collect();
    let room = place(&site, PlaceKind::Room, "B12", ROOT);
    site.catalog.put_machines(room, &ids[..1], &[], &admin()).unwrap();
    let plan = |seats: &[(MachineId, u16, u16)]| Plan {
        width: 4,
        depth: 3,
        seats: seats
            .iter()
            .map(|(machine, x, y)| Seat {
                machine: *machine,
                x: *x,
                y: *y,
            })
            .collect(),
    };
    let put = |plan: &Plan| site.catalog.put_plan(room, plan, &admin());
    put(&plan(&[(ids[0], 3, 2)])).unwrap();
    assert_eq!(site.catalog.plan_of_room(room).unwrap(), plan(&[(ids[0], 3, 2)]));
    for wrong in [
        plan(&[(ids[0], 4, 0)]),
        plan(&[(ids[1], 0, 0)]),
        plan(&[(ids[0], 0, 0), (ids[0], 1, 0)]),
        Plan {
            width: PLAN_MAX + 1,
            ..plan(&[])
        },
    ] {
        assert!(put(&wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(
        site.catalog.plan_of_room(room).unwrap().seats.len(),
        1,
        "refused: nothing changed"
    );
    site.catalog.put_machine(ids[0], None, &[], &admin()).unwrap();
    assert_eq!(site.catalog.plan_of_room(room).unwrap().seats, []);
}

#[test]
fn favourites_are_everybodys_own() {
    let site = Site::new();
    let room = place(&site, PlaceKind::Room, "B12", ROOT);
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    site.catalog.set_favourite(one, room, true).unwrap();
    assert!(site.catalog.favourites(one).unwrap().contains(&room));
    assert!(site.catalog.favourites(other).unwrap().is_empty());
    site.catalog.set_favourite(one, room, false).unwrap();
    assert!(site.catalog.favourites(one).unwrap().is_empty());
    assert!(site.catalog.set_favourite(one, PlaceId::new(), true).is_err());
}
