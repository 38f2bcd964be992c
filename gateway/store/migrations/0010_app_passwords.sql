-- Passwords for programs: random, so that a plain keyed hash protects them. An empty site and
-- folder confine nothing.
CREATE TABLE app_passwords (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    label         TEXT    NOT NULL,
    password_hash BLOB    NOT NULL UNIQUE CHECK (length(password_hash) = 32),
    scope         TEXT    NOT NULL CHECK (scope IN ('read', 'webdav', 'all')),
    site          TEXT    NOT NULL DEFAULT '',
    folder        TEXT    NOT NULL DEFAULT '',
    created       INTEGER NOT NULL,
    expires       INTEGER,
    last_used     INTEGER
) STRICT;

CREATE INDEX app_passwords_by_account ON app_passwords (account);
