//! Reading columns: a value that this crate could not have written is an error, never a default.

use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};
use vestibule_schema::{GalleryPath, RoleName, SiteId, UserName};

use crate::{StoreError, UnixTime};

/// Rows of which some can't be read: a later version may have written them.
#[derive(Debug)]
pub struct Readable<T> {
    /// Those that can.
    pub rows: Vec<T>,
    /// The others.
    pub unreadable: Vec<Unreadable>,
}

/// A row that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its number.
    pub id: i64,
    /// What of it.
    pub error: StoreError,
    /// Whom it concerns at which site, if that can be read.
    pub whom: Option<(SiteId, UserName)>,
}

impl<T> Readable<T> {
    /// Reads each row by itself.
    pub(crate) fn of(
        all: &[AnyRow],
        read: impl Fn(&AnyRow) -> Result<T, StoreError>,
        whom: impl Fn(&AnyRow) -> Option<(SiteId, UserName)>,
    ) -> Self {
        let mut found = Self { rows: Vec::new(), unreadable: Vec::new() };
        for row in all {
            match read(row) {
                Ok(row) => found.rows.push(row),
                Err(error) => {
                    let id = row.try_get("id").unwrap_or_default();
                    found.unreadable.push(Unreadable { id, error, whom: whom(row) });
                }
            }
        }
        found
    }
}

/// One row of a named table.
pub(crate) struct Reader<'r> {
    pub(crate) table: &'static str,
    pub(crate) row: &'r AnyRow,
}

impl<'r> Reader<'r> {
    /// A column as the database has it.
    pub(crate) fn raw<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Any> + Type<Any>,
    {
        self.row.try_get(column).map_err(|_| self.corrupt(column))
    }

    /// A text column as one of our types.
    pub(crate) fn parsed<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        parse(self.raw::<&str>(column)?).map_err(|_| self.corrupt(column))
    }

    /// A moment.
    pub(crate) fn time(&self, column: &'static str) -> Result<UnixTime, StoreError> {
        self.raw(column).map(UnixTime::from_seconds)
    }

    /// A role, of which the empty text is none.
    pub(crate) fn role(&self, column: &'static str) -> Result<Option<RoleName>, StoreError> {
        self.unless_empty(column, RoleName::parse)
    }

    /// A folder, of which the empty text is none.
    pub(crate) fn folder(&self, column: &'static str) -> Result<Option<GalleryPath>, StoreError> {
        self.unless_empty(column, GalleryPath::from_decoded)
    }

    /// The error for a column that can't be read.
    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt { table: self.table, column }
    }

    /// A text column as one of our types, of which the empty text is none.
    pub(crate) fn unless_empty<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        match self.raw::<&str>(column)? {
            "" => Ok(None),
            text => parse(text).map(Some).map_err(|_| self.corrupt(column)),
        }
    }
}
