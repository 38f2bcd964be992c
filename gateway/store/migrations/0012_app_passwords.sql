-- Passwords of single programs, which know nothing but a name and a password. The password itself
-- is shown once: here is its keyed hash. No site: all of them; no folder: all of the site.
CREATE TABLE app_passwords (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    hash        BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    account     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    scope       TEXT    NOT NULL CHECK (scope IN ('read', 'webdav', 'all')),
    site        TEXT,
    folder      TEXT    CHECK (folder IS NULL OR site IS NOT NULL),
    created     INTEGER NOT NULL,
    expires     INTEGER,
    last_used   INTEGER,
    last_client TEXT
) STRICT;

CREATE INDEX app_passwords_by_account ON app_passwords (account);
