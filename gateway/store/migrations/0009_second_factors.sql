-- Second factors that are on: the secret of codes by the clock (RFC 6238), sealed with a key of this
-- installation. `last_step` is the step of the last code that was used: neither that code nor an older
-- one is good again. `wrong` counts the wrong codes since the last right one.
CREATE TABLE second_factors (
    account   INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed    BLOB    NOT NULL,
    last_step INTEGER NOT NULL,
    wrong     INTEGER NOT NULL DEFAULT 0,
    created   INTEGER NOT NULL
) STRICT;

-- What stands in for a code, once: the SHA-256 of 80 random bits, with the account.
CREATE TABLE recovery_codes (
    account   INTEGER NOT NULL REFERENCES second_factors (account) ON DELETE CASCADE,
    code_hash BLOB    NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (account, code_hash)
) STRICT;
