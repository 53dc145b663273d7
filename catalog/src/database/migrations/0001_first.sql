-- What a row of `machine` knows comes from the agent's facts; `uuid` and `board_serial` hold only values that identify.
CREATE TABLE machine (
    id               TEXT PRIMARY KEY,
    name             TEXT,
    uuid             TEXT,
    board_serial     TEXT,
    facts            TEXT NOT NULL,
    warnings         TEXT NOT NULL,
    search           TEXT NOT NULL,
    quarantined      INTEGER NOT NULL DEFAULT 0,
    nothing_bootable INTEGER NOT NULL DEFAULT 0,
    first_seen_at    INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_uuid ON machine (uuid) WHERE uuid IS NOT NULL;
CREATE INDEX machine_board_serial ON machine (board_serial) WHERE board_serial IS NOT NULL;

CREATE TABLE nic (
    machine TEXT NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    mac     TEXT NOT NULL,
    usb     INTEGER NOT NULL,
    PRIMARY KEY (machine, mac)
) STRICT, WITHOUT ROWID;
CREATE INDEX nic_mac ON nic (mac);

CREATE TABLE job (
    id         TEXT PRIMARY KEY,
    title      TEXT NOT NULL,
    steps      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE job_machine (
    job              TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    machine          TEXT NOT NULL REFERENCES machine (id),
    state            TEXT NOT NULL,
    step_index       INTEGER NOT NULL,
    frozen           TEXT NOT NULL,
    begun_at         INTEGER,
    begun_disk       TEXT,
    contact_at       INTEGER NOT NULL,
    problem          TEXT,
    asks_person      INTEGER NOT NULL,
    chosen_disk      TEXT,
    cancel_requested INTEGER NOT NULL,
    results          TEXT NOT NULL,
    progress         TEXT,
    started_at       INTEGER,
    ended_at         INTEGER,
    PRIMARY KEY (job, machine)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_machine_open ON job_machine (machine, job) WHERE state IN ('queued', 'waiting', 'running');
CREATE INDEX job_machine_state ON job_machine (state, job);

CREATE TABLE evidence (
    job     TEXT NOT NULL,
    machine TEXT NOT NULL,
    at      INTEGER NOT NULL,
    log     TEXT NOT NULL,
    dmesg   TEXT NOT NULL,
    smart   TEXT NOT NULL,
    screen  TEXT NOT NULL,
    PRIMARY KEY (job, machine),
    FOREIGN KEY (job, machine) REFERENCES job_machine (job, machine) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE boot_token (
    hash       BLOB PRIMARY KEY,
    mac        TEXT NOT NULL,
    minted_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX boot_token_mac ON boot_token (mac, minted_at);

-- An agent's session. `previous_key` is honoured for one thing: to repeat the report that ended `previous_job`.
CREATE TABLE session (
    id           TEXT PRIMARY KEY,
    machine      TEXT NOT NULL UNIQUE REFERENCES machine (id) ON DELETE CASCADE,
    job          TEXT,
    key          BLOB NOT NULL UNIQUE,
    previous_key BLOB UNIQUE,
    previous_job TEXT,
    leaving      TEXT,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password   TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE web_session (
    key          BLOB PRIMARY KEY,
    user         TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    user    TEXT NOT NULL,
    key     TEXT NOT NULL,
    request BLOB NOT NULL,
    job     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (user, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What changed, by name: who follows the events reads the object itself when the event reaches them.
CREATE TABLE event (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    subject TEXT NOT NULL
) STRICT;

-- Who did what. Each row carries the hash of the row before it.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    peer      TEXT,
    verb      TEXT NOT NULL,
    object    TEXT NOT NULL,
    object_id TEXT NOT NULL,
    before    TEXT,
    after     TEXT,
    hash      BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
