-- What a kind of firmware goes on with, when it is not what most are offered. `maker`: first three bytes of the adapter's
-- address in hexadecimal.
CREATE TABLE learned_offer (
    class    TEXT NOT NULL,
    maker    TEXT NOT NULL,
    direct   INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (class, maker)
) STRICT, WITHOUT ROWID;

-- The last boots of an adapter, as JSON.
CREATE TABLE boot_transcript (
    mac   TEXT PRIMARY KEY,
    at    INTEGER NOT NULL,
    boots TEXT NOT NULL
) STRICT, WITHOUT ROWID;
