use super::*;

fn schema(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
        .unwrap();
    statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap()
}

#[test]
fn every_version_comes_forward_to_the_same_schema() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("fresh.sqlite");
    Database::open(&fresh).unwrap();
    for version in 0..=MIGRATIONS.len() {
        let path = folder.path().join(format!("from-{version}.sqlite"));
        let mut connection = open_checked(&path).unwrap();
        migrate(&mut connection, &path, version).unwrap();
        drop(connection);
        Database::open(&path).unwrap();
        assert_eq!(schema(&path), schema(&fresh), "from version {version}");
    }
}

#[test]
fn looking_at_a_catalog_changes_no_byte_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let mut connection = open_checked(&path).unwrap();
    migrate(&mut connection, &path, MIGRATIONS.len() - 1).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let found = examine(&path).unwrap();
    assert!(found.is_older && !found.has_people);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let _running = Database::open(&path).unwrap();
    assert!(!examine(&path).unwrap().is_older, "beside a running appliance");
}

#[test]
fn a_damaged_file_is_refused_by_name_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let database = Database::open(&path).unwrap();
    {
        let writer = database.writer();
        for number in 0..2000 {
            writer
                .execute(
                    "INSERT INTO setting VALUES (?1, 'a value that fills pages')",
                    [format!("name {number}")],
                )
                .unwrap();
        }
        writer.pragma_update(None, "journal_mode", "delete").unwrap();
    }
    drop(database);
    let mut bytes = std::fs::read(&path).unwrap();
    let (from, to) = (bytes.len() / 2, bytes.len() - 100);
    bytes[from..to].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert_eq!(error.code(), "catalog-damaged");
    assert!(error.to_string().contains("catalog.sqlite"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    std::fs::write(
        &path,
        b"these are somebody's notes, not a database at all".repeat(100),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(Database::open(&path).unwrap_err().code(), "catalog-damaged");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_a_newer_program_or_of_another_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.sqlite");
    Database::open(&newer)
        .unwrap()
        .writer()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert_eq!(Database::open(&newer).unwrap_err().code(), "catalog-newer");
    let foreign = folder.path().join("foreign.sqlite");
    Connection::open(&foreign)
        .unwrap()
        .pragma_update(None, "user_version", 3)
        .unwrap();
    assert_eq!(Database::open(&foreign).unwrap_err().code(), "catalog-foreign");
}

#[test]
fn others_cannot_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    Database::open(&path).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

/// What an appliance of an earlier version may have in its catalog.
const BEFORE_RECORDS: &str = r#"
    INSERT INTO machine (id, name, uuid, board_serial, facts, warnings, search, first_seen_at, last_seen_at) VALUES
        ('01890a5d-ac96-774b-bcce-b302099a8057', 'PC-1', NULL, NULL,
         '{"smbios":{"serial":" CZC1 "},"firmware":"uefi","nics":[],"disks":[]}', '[]', 'pc-1', 1000, 2000);
    INSERT INTO nic VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', '52:54:00:00:00:01', 0);
    INSERT INTO job VALUES ('01890a5d-ac96-774b-bcce-b302099a8058', 'a job', '[]', 1, 'ada');
    INSERT INTO job_machine (job, machine, state, step_index, frozen, contact_at, asks_person, cancel_requested, results)
        VALUES ('01890a5d-ac96-774b-bcce-b302099a8058', '01890a5d-ac96-774b-bcce-b302099a8057', 'done', 0, '{}', 1, 0, 0, '[]');
    INSERT INTO user (id, name, password, role, created_at) VALUES ('01890a5d-ac96-774b-bcce-b302099a8059', 'ada', '', 'administrator', 7);
    INSERT INTO audit (at, actor, verb, object, object_id, after, hash) VALUES (5, 'ada', 'edit', 'machine', 'x', '{"name":"PC-1"}', x'00');
"#;

#[test]
fn what_an_earlier_version_kept_is_there_after_coming_forward() {
    for version in 1..=6 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let mut connection = open_checked(&path).unwrap();
        migrate(&mut connection, &path, version).unwrap();
        connection.execute_batch(BEFORE_RECORDS).unwrap();
        drop(connection);
        let catalog = crate::Catalog::open(&path).unwrap();
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let machine = catalog.machine(id).unwrap().unwrap();
        assert_eq!(machine.name.as_deref(), Some("PC-1"), "from version {version}");
        let grants = catalog.grants(&crate::Scope::Everything, None).unwrap();
        assert_eq!(
            (
                grants[0].holder_name.as_str(),
                grants[0].role_name.as_str(),
                grants[0].place
            ),
            ("ada", "platform-admin", crate::ROOT),
            "everybody was an administrator"
        );
        assert_eq!(machine.facts.smbios.serial, " CZC1 ");
        assert_eq!(machine.inventoried_at, Some(crate::Time(2000)));
        let found = |sql: &str| -> String {
            let reader = open_to_look(&path).unwrap();
            reader.query_row(sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(
            found("SELECT serial || firmware || sort_name FROM machine"),
            "CZC1uefipc-1"
        );
        let whole = crate::AuditFilter {
            scope: crate::Scope::Everything,
            text: Some("pc-1".into()),
            ..crate::AuditFilter::default()
        };
        assert_eq!(
            catalog.audit(&whole, None, 10).unwrap().total,
            1,
            "the audit of before is found by words"
        );
    }
}

#[test]
fn many_read_what_was_true_at_one_moment_while_one_writes() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("catalog.sqlite")).unwrap();
    let count = |transaction: &Transaction<'_>| -> i64 {
        transaction
            .query_row("SELECT count(*) FROM setting", [], |row| row.get(0))
            .unwrap()
    };
    database
        .read(|before| {
            assert_eq!(count(before), 0);
            let mut writer = database.writer();
            let writing = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            writing.execute("INSERT INTO setting VALUES ('a', 'b')", [])?;
            database.read(|beside| {
                assert_eq!(count(beside), 0, "what is not committed is nobody's");
                Ok(())
            })?;
            writing.commit()?;
            assert_eq!(count(before), 0, "a view stays as it was");
            database.read(|after| {
                assert_eq!(count(after), 1);
                assert!(
                    after.execute("DELETE FROM setting", []).is_err(),
                    "a reader writes nothing"
                );
                Ok(())
            })
        })
        .unwrap();
}

#[test]
fn a_copy_is_made_while_somebody_writes_and_is_a_whole_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let database = Database::open(&path).unwrap();
    let insert = |name: &str| {
        let writer = database.writer();
        writer
            .execute("INSERT INTO setting VALUES (?1, 'value')", [name])
            .unwrap();
    };
    insert("before");
    let target = folder.path().join("copy.sqlite");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (0..50).for_each(|number| insert(&format!("beside {number}"))));
        let made = back_up(&path, &target).unwrap();
        assert_eq!(made.version, MIGRATIONS.len() as u64);
        writing.join().unwrap();
    });
    let count: i64 = Database::open(&target)
        .unwrap()
        .writer()
        .query_row("SELECT count(*) FROM setting", [], |row| row.get(0))
        .unwrap();
    assert!((1..=51).contains(&count));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        std::fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(back_up(&path, &target).unwrap_err().code(), "file-exists");
    let nowhere = folder.path().join("no/such/folder/copy.sqlite");
    assert_eq!(back_up(&path, &nowhere).unwrap_err().code(), "backup-not-written");
    assert!(back_up(&folder.path().join("none.sqlite"), &folder.path().join("x")).is_err());
    assert!(
        !folder.path().join("none.sqlite").exists(),
        "looking makes nothing"
    );
    let parts = std::fs::read_dir(folder.path()).unwrap();
    assert!(
        parts
            .flatten()
            .all(|entry| !entry.file_name().to_string_lossy().ends_with(".part"))
    );
}
