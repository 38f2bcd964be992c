//! Migrations are written once, in SQLite's words; this says them in PostgreSQL's.
//!
//! What may stand in a migration beside what both databases understand alike:
//!
//! | SQLite | PostgreSQL |
//! |---|---|
//! | `INTEGER PRIMARY KEY AUTOINCREMENT` | `BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY` |
//! | `INTEGER` | `BIGINT` |
//! | `BLOB` | `BYTEA` |
//! | `TEXT` | `TEXT COLLATE "C"`, which compares and sorts by bytes as SQLite does |
//! | `) STRICT;` | `);` |
//!
//! These words stand in capitals, nothing else is touched, and nothing inside of quotes and
//! comments. What only SQLite would understand is refused, so that it is noticed where it is
//! written.

use crate::error::Cause;

/// Words of SQLite that have no place in a migration.
const REFUSED: [&str; 9] = [
    "AUTOINCREMENT",
    "COLLATE",
    "GLOB",
    "IFNULL",
    "NOCASE",
    "PRAGMA",
    "REPLACE",
    "ROWID",
    "STRFTIME",
];

/// How SQLite says that a table's key is given once and never again.
const KEY: [&str; 4] = ["INTEGER", "PRIMARY", "KEY", "AUTOINCREMENT"];

/// A migration in PostgreSQL's words.
///
/// # Errors
/// If it holds a word that only SQLite understands.
pub(crate) fn for_postgres(sql: &str) -> Result<String, Cause> {
    let pieces = split(sql);
    let words: Vec<_> =
        pieces.iter().filter(|piece| piece.is_word).map(|piece| piece.text).collect();
    let begins_key = |at: usize| words.get(at..at + KEY.len()).is_some_and(|words| words == KEY);
    let ends_key = |at: usize| (at + 1).checked_sub(KEY.len()).is_some_and(begins_key);
    let mut said = String::with_capacity(sql.len() * 2);
    let mut at = 0;
    for piece in &pieces {
        said.push_str(match piece.text {
            text if !piece.is_word => text,
            _ if begins_key(at) => "BIGINT GENERATED ALWAYS AS IDENTITY",
            _ if ends_key(at) => "",
            text => word(text)?,
        });
        at += usize::from(piece.is_word);
    }
    Ok(said)
}

fn word(word: &str) -> Result<&str, Cause> {
    Ok(match word {
        "BLOB" => "BYTEA",
        "INTEGER" => "BIGINT",
        "STRICT" => "",
        "TEXT" => "TEXT COLLATE \"C\"",
        other if REFUSED.iter().any(|refused| other.eq_ignore_ascii_case(refused)) => {
            let message = format!("a migration holds `{other}`, which SQLite alone knows");
            return Err(Cause(message.into()));
        }
        other => other,
    })
}

/// A word, or what stands between two.
struct Piece<'s> {
    text: &'s str,
    is_word: bool,
}

fn split(sql: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (length, is_word) = match first {
            '\'' | '"' => (quoted(rest, first), false),
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), false),
            c if is_of_word(c) => (rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()), true),
            other => (other.len_utf8(), false),
        };
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        pieces.push(Piece { text, is_word });
        rest = after;
    }
    pieces
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How long a quoted text is, with its quotes. One that is doubled ends it and begins the next.
fn quoted(text: &str, quote: char) -> usize {
    let inside = text.get(1..).unwrap_or_default();
    inside.find(quote).map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_said_otherwise() {
        for (sqlite, postgres) in [
            (
                "id INTEGER PRIMARY KEY AUTOINCREMENT,",
                "id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY ,",
            ),
            ("n INTEGER NOT NULL DEFAULT 0,", "n BIGINT NOT NULL DEFAULT 0,"),
            ("h BLOB CHECK (length(h) = 32)", "h BYTEA CHECK (length(h) = 32)"),
            ("t TEXT    PRIMARY KEY", "t TEXT COLLATE \"C\"    PRIMARY KEY"),
            ("\n) STRICT;", "\n) ;"),
            ("text TEXT DEFAULT 'TEXT''S BLOB'", "text TEXT COLLATE \"C\" DEFAULT 'TEXT''S BLOB'"),
            ("-- a BLOB, it's one\nx BLOB", "-- a BLOB, it's one\nx BYTEA"),
            (
                "a INTEGER REFERENCES b (id) ON DELETE CASCADE",
                "a BIGINT REFERENCES b (id) ON DELETE CASCADE",
            ),
            (
                "CREATE UNIQUE INDEX i ON t (a) WHERE b IS NULL;",
                "CREATE UNIQUE INDEX i ON t (a) WHERE b IS NULL;",
            ),
            ("a INTEGER PRIMARY KEY, b INTEGER", "a BIGINT PRIMARY KEY, b BIGINT"),
            ("\"BLOB\" BLOB", "\"BLOB\" BYTEA"),
        ] {
            assert_eq!(for_postgres(sqlite).unwrap(), postgres, "{sqlite}");
        }
    }

    #[test]
    fn what_only_one_knows_is_refused() {
        for sqlite in [
            "PRAGMA foreign_keys = ON;",
            "name TEXT COLLATE NOCASE",
            ") WITHOUT ROWID;",
            "INSERT OR REPLACE INTO a VALUES (1);",
            "id INTEGER AUTOINCREMENT",
            "SELECT ifnull(a, b)",
        ] {
            assert!(for_postgres(sqlite).is_err(), "{sqlite}");
        }
    }
}
