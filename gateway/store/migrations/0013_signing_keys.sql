-- The keys that sign what gallery servers are told of people, for every gateway on this store.
-- `sealed` is the private key, encrypted with one of `keys`. A key is published from `created` on
-- and signs from `signs_from` on, until the next one does.
CREATE TABLE signing_keys (
    kid        TEXT    PRIMARY KEY,
    public_key BLOB    NOT NULL CHECK (length(public_key) = 32),
    sealed     BLOB    NOT NULL,
    created    INTEGER NOT NULL,
    signs_from INTEGER NOT NULL
) STRICT;
