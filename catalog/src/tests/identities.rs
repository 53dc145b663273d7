//! Records: registered by a table, recognised at the first boot, named, merged, split.

use super::*;
use std::collections::BTreeMap;

fn import_of(table: &str) -> Import {
    Import {
        file: ImportFile {
            kind: FileKind::Csv,
            bytes: table.as_bytes().to_vec(),
            separator: None,
            encoding: None,
        },
        columns: BTreeMap::new(),
        key: None,
        rehearse: false,
        leave_out_refused: false,
    }
}

fn import(site: &Site, table: &str) -> ImportOutcome {
    site.catalog.import_machines(&import_of(table), &admin()).unwrap()
}

fn count(site: &Site) -> u64 {
    site.catalog.figures().unwrap().machines
}

fn everything() -> MachineFilter {
    MachineFilter {
        scope: Scope::Everything,
        ..MachineFilter::default()
    }
}

#[test]
fn a_registered_machine_is_recognised_at_its_first_boot_and_inventoried() {
    let site = Site::new();
    let table = "Nom du poste;Adresse MAC;Prix\npc-1;52-54-00-00-00-01;300\npc-2;5254.0000.0002;310\n";
    let outcome = import(&site, table);
    assert_eq!((outcome.created, outcome.refused, outcome.applied), (2, 0, true));
    assert_eq!(
        outcome.columns[2].field, None,
        "a column that nobody knows is told"
    );
    let registered = outcome.rows[0].machine.unwrap();
    let row = site.catalog.machine(registered).unwrap().unwrap();
    assert_eq!((row.name.as_deref(), row.inventoried_at), (Some("pc-1"), None));
    let unseen = MachineFilter {
        traits: vec![MachineTrait::NotInventoried],
        ..everything()
    };
    assert_eq!(site.catalog.machine_ids(&unseen, 10).unwrap().len(), 2);
    assert_eq!(
        site.boot(1),
        BootPlan::Agent {
            reason: AgentReason::Unknown
        }
    );
    let welcome = site.hello(1, true);
    assert_eq!(
        (welcome.machine, welcome.name.as_deref()),
        (registered, Some("pc-1"))
    );
    assert_eq!(site.boot(1), LOCAL);
    assert_eq!(site.catalog.machine_ids(&unseen, 10).unwrap().len(), 1);
    let history = site.catalog.machine_history(registered, None, 10).unwrap();
    let kinds: Vec<_> = history.items.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [HistoryKind::Changed, HistoryKind::Registered]);
}

#[test]
fn a_serial_number_leads_to_the_record_that_was_registered_with_it_and_to_no_other() {
    let site = Site::new();
    let registered = import(&site, "name,serial\npc-1,CZC1234XYZ\n").rows[0]
        .machine
        .unwrap();
    let enter = |number, serial: &str| {
        let token = site.catalog.boot_token(&boot_facts(number), None).unwrap();
        let mut hello = hello(number, true, token);
        hello.facts.smbios.serial = serial.into();
        site.catalog.hello(&hello).unwrap().machine
    };
    assert_eq!(enter(1, "CZC1234XYZ"), registered);
    assert_ne!(enter(2, "CZC1234XYZ"), registered, "its machine was seen by now");
}

#[test]
fn a_rehearsal_says_what_would_happen_and_does_nothing() {
    let site = Site::new();
    let known = site.hello(1, true).machine;
    let table = "mac,name,note\n52:54:00:00:00:01,pc-1,\n52:54:00:00:00:02,pc-2,new\n52:54:00:00:00:02,pc-3,\nnonsense,pc-4,\n";
    let mut wish = import_of(table);
    wish.rehearse = true;
    let newest = site.catalog.newest_event().unwrap();
    let outcome = site.catalog.import_machines(&wish, &admin()).unwrap();
    let actions: Vec<_> = outcome.rows.iter().map(|row| (row.line, row.action)).collect();
    use RowAction::{Create, Refuse, Update};
    assert_eq!(actions, [(2, Update), (3, Create), (4, Refuse), (5, Refuse)]);
    assert_eq!(
        (outcome.rows[0].machine, outcome.rows[1].machine),
        (Some(known), None)
    );
    assert!(outcome.rows[2].problems[0].title.contains("line 3"));
    assert_eq!(outcome.rows[3].problems[0].column.as_deref(), Some("mac"));
    assert!(
        outcome
            .rows
            .iter()
            .flat_map(|row| &row.problems)
            .all(|problem| !problem.remedy.is_empty())
    );
    wish.rehearse = false;
    assert!(!site.catalog.import_machines(&wish, &admin()).unwrap().applied);
    assert_eq!((count(&site), site.catalog.newest_event().unwrap()), (1, newest));
    assert_eq!(site.catalog.verify_audit().unwrap(), 0);
    wish.leave_out_refused = true;
    let outcome = site.catalog.import_machines(&wish, &admin()).unwrap();
    assert_eq!(
        (outcome.applied, outcome.updated, outcome.created, count(&site)),
        (true, 1, 1, 2)
    );
    let again = site.catalog.import_machines(&wish, &admin()).unwrap();
    assert_eq!(
        (again.kept, again.created, again.updated),
        (2, 0, 0),
        "the same again changes nothing"
    );
}

#[test]
fn a_line_that_contradicts_a_machine_or_another_record_is_refused() {
    let site = Site::new();
    site.hello(1, true);
    let uuid = facts(1, true).smbios.uuid.unwrap();
    import(&site, "name,mac,serial\nreg,52:54:00:00:00:07,SERIAL-7\n");
    let title = |table: &str| {
        let outcome = import(&site, table);
        assert_eq!(outcome.refused, 1, "{table}: {outcome:?}");
        outcome.rows[0].problems[0].title.clone()
    };
    assert!(title(&format!("uuid,mac\n{uuid},52:54:00:00:00:09\n")).contains("machine itself says"));
    assert!(title("name,mac\nREG,52:54:00:00:00:08\n").contains("another machine has this name"));
    let keyed = |table: &str, key| {
        let wish = Import {
            key: Some(key),
            ..import_of(table)
        };
        site.catalog.import_machines(&wish, &admin())
    };
    let taken = keyed("serial,mac\nNEW-SERIAL,52:54:00:00:00:07\n", Field::Serial).unwrap();
    assert!(
        taken.rows[0].problems[0].title.contains("belongs to"),
        "{taken:?}"
    );
    assert!(title("name,note\nonly-a-name,x\n").contains("nothing on this line"));
    assert!(title("mac,name\n,pc\n").contains("is the key and is empty"));
    assert!(title("uuid,name\n00000000-0000-0000-0000-000000000000,pc\n").contains("no UUID"));
    assert!(title("serial,name\nTo be filled by O.E.M.,pc\n").contains("vendors"));
    assert!(keyed("name\npc\n", Field::Note).is_err() && keyed("name\npc\n", Field::Uuid).is_err());
    assert!(
        site.catalog
            .import_machines(&import_of("prix\n3\n"), &admin())
            .is_err()
    );
}

#[test]
fn an_export_is_imported_again_as_it_was() {
    let site = Site::new();
    for number in 1..=3 {
        site.hello(number, true);
    }
    import(
        &site,
        "name,mac,note,serial,banned\n=cmd|' /C calc'!A1,52:54:00:00:00:11,\"two; words\",SER;IAL\u{e9}1,yes\n",
    );
    for separator in [Separator::Comma, Separator::Semicolon] {
        let mut table = site.catalog.export_machines(everything(), separator);
        let mut text = String::new();
        while let Some(piece) = table.piece().unwrap() {
            text.push_str(&piece);
        }
        assert!(
            !text.contains(",=cmd") && !text.contains(";=cmd"),
            "no formula is written: {text}"
        );
        let outcome = import(&site, &text);
        assert_eq!(
            (outcome.key, outcome.kept, outcome.refused),
            (Field::Id, 4, 0),
            "{outcome:?}"
        );
        let cp1252 = Import {
            file: ImportFile {
                bytes: to_cp1252(&text),
                ..import_of("").file
            },
            ..import_of("")
        };
        assert_eq!(site.catalog.import_machines(&cp1252, &admin()).unwrap().kept, 4);
    }
}

#[test]
fn machines_are_named_by_a_pattern_all_or_none() {
    let site = Site::new();
    let ids: Vec<_> = (1..=3).map(|number| site.hello(number, true).machine).collect();
    let wish = |machines: &[MachineId], pattern: &str, start| NamingWish {
        machines: machines.to_vec(),
        pattern: pattern.into(),
        start,
    };
    let named = site
        .catalog
        .name_machines(&wish(&ids[..2], "s204-{nn}", 9), &admin())
        .unwrap();
    let names: Vec<_> = named.iter().map(|proposal| proposal.name.as_str()).collect();
    assert_eq!(names, ["s204-09", "s204-10"]);
    let proposals = site
        .catalog
        .propose_names(&wish(&ids[2..], "S204-{nn}", 10))
        .unwrap();
    assert!(
        proposals[0]
            .problem
            .as_ref()
            .unwrap()
            .contains("another machine has this name")
    );
    assert_eq!(
        site.catalog
            .name_machines(&wish(&ids[2..], "S204-{nn}", 10), &admin())
            .unwrap_err()
            .code(),
        "names-refused"
    );
    // Names that go round among those selected are free.
    site.catalog
        .name_machines(&wish(&ids[..2], "s204-{nn}", 10), &admin())
        .unwrap();
    let proposals = site.catalog.propose_names(&wish(&ids, "{serial}", 1)).unwrap();
    assert!(
        proposals
            .iter()
            .all(|proposal| proposal.problem.as_ref().unwrap().contains("serial"))
    );
    let mac = site
        .catalog
        .propose_names(&wish(&ids[..1], "pc-{mac}", 1))
        .unwrap();
    assert_eq!(mac[0].name, "pc-525400000001");
    assert!(
        site.catalog
            .propose_names(&wish(&[ids[0], ids[0]], "{n}", 1))
            .is_err()
    );
    assert!(site.catalog.propose_names(&wish(&[], "{n}", 1)).is_err());
}

#[test]
fn two_records_that_are_one_machine_become_one_with_its_history_and_its_jobs() {
    let site = Site::new();
    let old = site.hello(1, true).machine;
    let edit = MachineEdit {
        name: Some("pc-1".into()),
        ..MachineEdit::default()
    };
    site.catalog.edit_machine(old, &edit, None, &admin()).unwrap();
    site.clock.advance(Duration::from_secs(60));
    // A new mainboard: nothing is as it was.
    let new = site.hello(2, false);
    let job = site.job(new.machine, &[Step::Inspect]);
    assert_eq!(
        site.catalog
            .merge_machines(old, new.machine, None, &admin())
            .unwrap_err()
            .code(),
        "machine-in-job"
    );
    site.catalog.cancel_job(job, &admin()).unwrap();
    let merged = site
        .catalog
        .merge_machines(old, new.machine, None, &admin())
        .unwrap();
    assert_eq!(
        (merged.id, merged.name.as_deref(), merged.nothing_bootable),
        (old, Some("pc-1"), true)
    );
    assert_eq!(
        (count(&site), site.catalog.machine(new.machine).unwrap()),
        (1, None)
    );
    assert_eq!(site.state(job, old), JobState::Cancelled);
    assert!(site.catalog.authenticate(&new.session_key).is_err());
    assert_eq!(
        site.hello(2, true).machine,
        old,
        "it is recognised by what it is now"
    );
    let history = site.catalog.machine_history(old, None, 100).unwrap();
    assert_eq!(
        history
            .items
            .iter()
            .filter(|row| row.kind == HistoryKind::Discovered)
            .count(),
        2
    );
    assert!(
        history
            .items
            .iter()
            .any(|row| row.kind == HistoryKind::Merged && row.details["from"] == new.machine.to_string())
    );
    assert!(site.catalog.merge_machines(old, old, None, &admin()).is_err());
    let page = site
        .catalog
        .machine_history(old, Some(history.items[0].seq), 1)
        .unwrap();
    assert_eq!((page.items.len(), page.more), (1, true));
}

#[test]
fn machines_that_were_in_one_job_are_two() {
    let site = Site::new();
    let ids = [site.hello(1, true).machine, site.hello(2, true).machine];
    let wish = JobWish {
        scope: Scope::Everything,
        title: None,
        machines: ids.to_vec(),
        steps: vec![Step::Inspect],
        ..JobWish::default()
    };
    let (job, _) = site.catalog.create_job(wish, &Depot, &admin(), None).unwrap();
    site.catalog.cancel_job(job, &admin()).unwrap();
    assert_eq!(
        site.catalog
            .merge_machines(ids[0], ids[1], None, &admin())
            .unwrap_err()
            .code(),
        "both-in-one-job"
    );
    assert_eq!(
        site.catalog
            .delete_machine(ids[0], None, &admin())
            .unwrap_err()
            .code(),
        "machine-has-jobs"
    );
}

#[test]
fn a_record_that_is_two_machines_is_split_and_both_are_told_apart_from_then_on() {
    let site = Site::new();
    let enter = |number: u8| {
        let token = site.catalog.boot_token(&boot_facts(number), None).unwrap();
        let mut hello = hello(number, true, token);
        // A series with one UUID.
        hello.facts.smbios.uuid = facts(1, true).smbios.uuid;
        hello.facts.disks.clear();
        hello
    };
    let mut both = enter(1);
    let second = facts(2, true).nics.remove(0);
    both.facts.nics.push(second.clone());
    let record = site.catalog.hello(&both).unwrap().machine;
    assert!(site.catalog.split_machine(record, &[], None, &admin()).is_err());
    assert!(
        site.catalog
            .split_machine(record, &[both.facts.nics[0].mac, second.mac], None, &admin())
            .is_err()
    );
    let fresh = site
        .catalog
        .split_machine(record, &[second.mac], None, &admin())
        .unwrap();
    assert_eq!(site.catalog.hello(&enter(1)).unwrap().machine, record);
    assert_eq!(
        site.boot(2),
        BootPlan::Agent {
            reason: AgentReason::Unknown
        },
        "its machine is inventoried"
    );
    assert_eq!(site.catalog.hello(&enter(2)).unwrap().machine, fresh.id);
    let delete = site.catalog.delete_machine(fresh.id, None, &admin());
    delete.unwrap();
    assert_eq!(count(&site), 1);
}

#[test]
fn what_a_machine_says_of_itself_does_not_fill_the_disk() {
    let site = Site::new();
    let first = site.hello(1, true).machine;
    for number in 0..210_u32 {
        let token = site.catalog.boot_token(&boot_facts(1), None);
        // A machine without a job gets a token only as long as nothing on it boots.
        let mut hello = hello(1, false, token.unwrap_or_default());
        hello.facts.cpu = number.to_string();
        let _ = site.catalog.hello(&hello);
        if number == 0 {
            site.job(first, &[Step::Inspect]);
        }
    }
    let history = site.catalog.machine_history(first, None, 1).unwrap();
    assert_eq!(history.total, 200);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn any_table_is_imported_or_refused_and_a_rehearsal_tells_the_truth(
        cells in proptest::collection::vec(proptest::collection::vec("[a-c]{0,2}|52:54:00:00:00:0[1-3]|[;,\"\n]|\\PC{0,5}", 3), 0..6)
    ) {
        let site = Site::new();
        let mut table = String::from("name,mac,note\n");
        for row in cells {
            table.push_str(&row.join(","));
            table.push('\n');
        }
        let mut wish = import_of(&table);
        wish.leave_out_refused = true;
        wish.rehearse = true;
        if let Ok(told) = site.catalog.import_machines(&wish, &admin()) {
            wish.rehearse = false;
            let done = site.catalog.import_machines(&wish, &admin()).unwrap();
            proptest::prop_assert_eq!((told.created, told.updated, told.refused), (done.created, done.updated, done.refused));
            proptest::prop_assert_eq!(count(&site), done.created);
        }
    }
}
