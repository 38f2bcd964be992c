-- Who somebody is at a provider, for ever: `issuer` and `subject` find the account, no name or
-- address does. `groups_state`: 0 the provider said nothing of groups, 1 they are known, 2 there
-- are some and it did not say which.
CREATE TABLE identities (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    account      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider     TEXT    NOT NULL,
    issuer       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    groups_state INTEGER NOT NULL DEFAULT 0 CHECK (groups_state IN (0, 1, 2)),
    groups_read  INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;

CREATE INDEX identities_by_account ON identities (account);

CREATE TABLE identity_groups (
    identity    INTEGER NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    group_id    TEXT    NOT NULL,
    group_typed TEXT    NOT NULL,
    PRIMARY KEY (identity, group_id)
) STRICT;

ALTER TABLE accounts ADD COLUMN email TEXT NOT NULL DEFAULT '';
