-- What people wrote about a master. The store says which masters there are: a master without a row has nothing written.
CREATE TABLE master (
    name        TEXT PRIMARY KEY,
    label       TEXT NOT NULL,
    description TEXT NOT NULL,
    in_menu     INTEGER NOT NULL,
    protected   INTEGER NOT NULL,
    revision    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
