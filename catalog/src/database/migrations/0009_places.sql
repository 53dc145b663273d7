-- `query`: JSON, of a group whose members are found and not chosen. `master`: what a restore there proposes.
ALTER TABLE entity ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE entity ADD COLUMN query TEXT;
ALTER TABLE entity ADD COLUMN master TEXT;
-- The plan of a room: how many seats wide and deep it is, and who stands where.
ALTER TABLE entity ADD COLUMN plan_width INTEGER;
ALTER TABLE entity ADD COLUMN plan_depth INTEGER;
CREATE TABLE seat (
    machine TEXT PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    entity  TEXT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    x       INTEGER NOT NULL,
    y       INTEGER NOT NULL,
    UNIQUE (entity, x, y)
) STRICT, WITHOUT ROWID;

-- Places and groups that a person keeps at hand.
CREATE TABLE favourite (
    person TEXT NOT NULL,
    entity TEXT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    PRIMARY KEY (person, entity)
) STRICT, WITHOUT ROWID;
