-- Access of a directory's or identity provider's group to one site. `group_id` is normalised,
-- `group_typed` is what somebody typed.
CREATE TABLE group_mappings (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    site        TEXT    NOT NULL,
    group_id    TEXT    NOT NULL,
    group_typed TEXT    NOT NULL,
    role        TEXT    NOT NULL DEFAULT '',
    base_path   TEXT    NOT NULL DEFAULT '',
    upload_path TEXT    NOT NULL DEFAULT '',
    created     INTEGER NOT NULL,
    UNIQUE (site, group_id, role, base_path, upload_path)
) STRICT;
