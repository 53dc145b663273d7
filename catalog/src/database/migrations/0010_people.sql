-- Roles: predefined ones have no `permissions` here, the program knows them. `permissions`: a JSON list.
CREATE TABLE role (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    permissions TEXT,
    revision    INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
INSERT INTO role (id, name) VALUES
    ('00000000-0000-7000-8000-000000000100', 'platform-admin'),
    ('00000000-0000-7000-8000-000000000101', 'engineering'),
    ('00000000-0000-7000-8000-000000000102', 'qualification'),
    ('00000000-0000-7000-8000-000000000103', 'packager'),
    ('00000000-0000-7000-8000-000000000104', 'signer'),
    ('00000000-0000-7000-8000-000000000105', 'site-manager'),
    ('00000000-0000-7000-8000-000000000106', 'technician'),
    ('00000000-0000-7000-8000-000000000107', 'help-desk'),
    ('00000000-0000-7000-8000-000000000108', 'auditor');

CREATE TABLE team (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE COLLATE NOCASE,
    note     TEXT NOT NULL DEFAULT '',
    revision INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE TABLE team_member (
    user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    team TEXT NOT NULL REFERENCES team (id) ON DELETE CASCADE,
    PRIMARY KEY (user, team)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_member_team ON team_member (team);

-- Who holds which role in which place and below it, until when.
CREATE TABLE role_grant (
    id         TEXT PRIMARY KEY,
    user       TEXT REFERENCES user (id) ON DELETE CASCADE,
    team       TEXT REFERENCES team (id) ON DELETE CASCADE,
    role       TEXT NOT NULL REFERENCES role (id),
    entity     TEXT NOT NULL REFERENCES entity (id),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    CHECK ((user IS NULL) <> (team IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX role_grant_user ON role_grant (user) WHERE user IS NOT NULL;
CREATE INDEX role_grant_team ON role_grant (team) WHERE team IS NOT NULL;
CREATE INDEX role_grant_entity ON role_grant (entity);

-- Everybody was an administrator.
INSERT INTO role_grant (id, user, role, entity, created_at, created_by)
    SELECT id, id, '00000000-0000-7000-8000-000000000100', '00000000-0000-7000-8000-000000000001', created_at, name FROM user;
ALTER TABLE user DROP COLUMN role;
-- `second_factor`: the secret of RFC 6238; `second_factor_wish`: one that was not confirmed by a code yet;
-- `second_factor_step`: the last step of time whose code was used.
ALTER TABLE user ADD COLUMN full_name TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE user ADD COLUMN second_factor BLOB;
ALTER TABLE user ADD COLUMN second_factor_wish BLOB;
ALTER TABLE user ADD COLUMN second_factor_step INTEGER NOT NULL DEFAULT 0;
CREATE TABLE recovery_code (
    user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;

-- Sessions of pages are short-lived: everybody logs in again.
DROP TABLE web_session;
CREATE TABLE web_session (
    key          BLOB PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    user         TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    peer         TEXT,
    agent        TEXT,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX web_session_user ON web_session (user);

-- API tokens: never more than `permissions` in `entity` and below it, and never more than their owner may.
CREATE TABLE api_token (
    id           TEXT PRIMARY KEY,
    key          BLOB NOT NULL UNIQUE,
    user         TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    permissions  TEXT NOT NULL,
    entity       TEXT NOT NULL REFERENCES entity (id),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_token_user ON api_token (user);

-- The place that something was in when it was done: whoever may see the audit of that place sees the row. None: only whoever
-- may see all of it.
ALTER TABLE audit ADD COLUMN place TEXT;
CREATE INDEX audit_place ON audit (place, seq) WHERE place IS NOT NULL;
