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
