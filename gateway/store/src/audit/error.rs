//! [`AuditError`]: why something could not be written down or read.

use std::io;
use std::path::PathBuf;

/// Why something could not be written down or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A file of the audit log can't be made, read or written.
    #[error("the audit log's file `{path}` can't be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process writes, and does not end.
    #[error("another process holds the audit log `{path}`; end it, and try again")]
    Held {
        /// The file.
        path: PathBuf,
    },
    /// The last line is no record, so that nothing can be chained to it.
    #[error(
        "the last line of the audit log `{path}` is no record of it: look what happened with \
         `vestibule audit verify`, then move the file away"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The thread that writes could not be started, or is gone.
    #[error("the audit log's thread can't be started")]
    Thread,
}

impl AuditError {
    /// Wraps what the system says of a file.
    pub(super) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
