-- Places (organisation, authority, site, room) and groups of machines. A machine is in one place (none: at the root) and in
-- any number of groups.
CREATE TABLE entity (
    id     TEXT PRIMARY KEY,
    parent TEXT REFERENCES entity (id),
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX entity_parent ON entity (parent);
-- The root; there is one.
INSERT INTO entity (id, parent, kind, name) VALUES ('00000000-0000-7000-8000-000000000001', NULL, 'organisation', '');

ALTER TABLE machine ADD COLUMN place TEXT REFERENCES entity (id);
CREATE INDEX machine_place ON machine (place) WHERE place IS NOT NULL;
CREATE TABLE group_member (
    machine TEXT NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    entity  TEXT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    PRIMARY KEY (machine, entity)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_entity ON group_member (entity);

-- What a place, a group or a machine decides of the boot menu; what it leaves open comes from above. `settings`, `action`: JSON.
CREATE TABLE menu (
    id       TEXT PRIMARY KEY,
    entity   TEXT UNIQUE REFERENCES entity (id) ON DELETE CASCADE,
    machine  TEXT UNIQUE REFERENCES machine (id) ON DELETE CASCADE,
    settings TEXT NOT NULL,
    CHECK ((entity IS NULL) <> (machine IS NULL))
) STRICT, WITHOUT ROWID;
-- `password`: an argon2id hash. `withdrawn`: the entry of this key from above is not shown here.
CREATE TABLE menu_entry (
    menu      TEXT NOT NULL REFERENCES menu (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    key       TEXT NOT NULL,
    label     TEXT NOT NULL,
    action    TEXT NOT NULL,
    hotkey    TEXT,
    password  TEXT,
    withdrawn INTEGER NOT NULL,
    PRIMARY KEY (menu, key)
) STRICT, WITHOUT ROWID;

-- The entry of the menu that led to the agent, and whether its password is still wanted.
ALTER TABLE boot_token ADD COLUMN entry TEXT;
ALTER TABLE session ADD COLUMN entry TEXT;
ALTER TABLE session ADD COLUMN entry_locked INTEGER NOT NULL DEFAULT 0;

-- Which way leads an adapter's machine to its own disk, where it is not the usual one.
CREATE TABLE local_way (
    mac TEXT PRIMARY KEY,
    way TEXT NOT NULL,
    at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
