-- Addresses that the appliance gave, where the site lets it. `client`: a MAC address, or id: and hexadecimal digits.
-- `expires_at` in seconds; in the past for one that was given back.
CREATE TABLE address_lease (
    address    TEXT PRIMARY KEY,
    client     TEXT NOT NULL,
    host_name  TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
