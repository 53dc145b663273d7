-- Facts are long: aside, so that what lists filter, count and search in stays narrow.
CREATE TABLE machine_facts (
    machine TEXT NOT NULL UNIQUE REFERENCES machine (id) ON DELETE CASCADE,
    facts   TEXT NOT NULL
) STRICT;
INSERT INTO machine_facts (machine, facts) SELECT id, facts FROM machine;
ALTER TABLE machine DROP COLUMN facts;

-- `inventoried_at`: the agent's last inventory; none when a person registered the machine and no agent has seen it.
-- `revision`: rises whenever a person changes the record. `sort_name`: its label, so that pc-2 comes before pc-10.
ALTER TABLE machine ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE machine ADD COLUMN serial TEXT;
ALTER TABLE machine ADD COLUMN firmware TEXT;
ALTER TABLE machine ADD COLUMN inventoried_at INTEGER;
ALTER TABLE machine ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE machine ADD COLUMN sort_name TEXT NOT NULL DEFAULT '';
UPDATE machine SET inventoried_at = last_seen_at, sort_name = lower(coalesce(name, id)),
    serial = (SELECT nullif(trim(facts ->> '$.smbios.serial'), '') FROM machine_facts WHERE machine = id),
    firmware = (SELECT facts ->> '$.firmware' FROM machine_facts WHERE machine = id);
CREATE INDEX machine_sort ON machine (sort_name, id);
CREATE INDEX machine_seen ON machine (last_seen_at, id);
CREATE INDEX machine_serial ON machine (serial) WHERE serial IS NOT NULL;
CREATE INDEX machine_name ON machine (name COLLATE NOCASE) WHERE name IS NOT NULL;

-- What became of a record. `actor`: none when the machine itself brought it.
CREATE TABLE machine_history (
    seq     INTEGER PRIMARY KEY,
    machine TEXT NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    actor   TEXT,
    kind    TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX machine_history_machine ON machine_history (machine, seq);

-- The audit is searched by words. Rows are only ever appended, so the index needs no text of its own.
CREATE VIRTUAL TABLE audit_text USING fts5 (
    actor, object, verb, text, content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '3'
);
INSERT INTO audit_text (rowid, actor, object, verb, text)
    SELECT seq, actor, object, verb, concat_ws(' ', object_id, peer, before, after) FROM audit;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_object ON audit (object, object_id, seq);
CREATE INDEX audit_actor ON audit (actor, seq);
