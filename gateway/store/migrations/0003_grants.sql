-- Access of one user to one site. An empty role inherits the account's; empty paths are none.
CREATE TABLE grants (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    site        TEXT    NOT NULL,
    account     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    role        TEXT    NOT NULL DEFAULT '',
    base_path   TEXT    NOT NULL DEFAULT '',
    upload_path TEXT    NOT NULL DEFAULT '',
    created     INTEGER NOT NULL,
    UNIQUE (site, account, role, base_path, upload_path)
) STRICT;

CREATE INDEX grants_by_account ON grants (account);
