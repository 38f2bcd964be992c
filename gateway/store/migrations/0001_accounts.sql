-- Who can sign in. `folded` holds the case-folded name, so that two names which are equal when
-- case-folded can't both exist. `revision` moves with every change of password,
-- role or state. Times are seconds since 1970 in UTC, in every table.
CREATE TABLE accounts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE,
    folded        TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    account_role  TEXT    NOT NULL,
    password_hash TEXT,
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    revision      INTEGER NOT NULL DEFAULT 0,
    created       INTEGER NOT NULL,
    changed       INTEGER NOT NULL
) STRICT;
