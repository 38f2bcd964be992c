//! Why a request is not answered with what it asked for.

use http::StatusCode;
use vestibule_schema::Action;

use crate::library::AccessError;

/// A request that is refused, with what its sender may know of the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no good grant.
    #[error("this request carries no valid grant")]
    Unauthorized,
    /// There is nothing there, or nothing that the caller may know of.
    #[error("there is nothing here")]
    NotFound,
    /// The method changes something, or is unknown.
    #[error("only GET and HEAD are served here")]
    Method,
    /// The caller may look, but not do this.
    #[error("this needs the permission `{0}`")]
    Forbidden(Action),
    /// The file can't be freed of what the caller may not see.
    #[error("this {0} can't be freed of the details that you may not see")]
    NotRedactable(&'static str),
    /// The ZIP would be empty.
    #[error("there is nothing that you may download in this folder")]
    NothingToPack,
    /// The path is none.
    #[error("{0}")]
    Path(vestibule_schema::PathError),
    /// The query is wrong.
    #[error("{0}")]
    Query(&'static str),
    /// The file is not what its name says, or of a kind that is not decoded here.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The picture is damaged, or larger than what is decoded here.
    #[error("{0}")]
    Unprocessable(&'static str),
    /// The range lies outside the file of so many bytes.
    #[error("the range lies outside the file")]
    Range(u64),
    /// All decoders are busy, and so many wait that another would wait too long.
    #[error("too many pictures are being prepared; try again in a moment")]
    Busy,
    /// The library is not there at the moment.
    #[error("the library of pictures can't be reached at the moment")]
    LibraryGone,
    /// Something in the library can't be read.
    #[error("this part of the library can't be read at the moment")]
    Unreadable,
    /// A mistake of ours.
    #[error("something went wrong")]
    Internal,
}

impl Refusal {
    /// The status of the response.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::Unauthorized => StatusCode::UNAUTHORIZED,
            Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Forbidden(_) | Refusal::NotRedactable(_) | Refusal::NothingToPack => {
                StatusCode::FORBIDDEN
            }
            Refusal::Path(_) | Refusal::Query(_) => StatusCode::BAD_REQUEST,
            Refusal::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Refusal::Busy | Refusal::LibraryGone | Refusal::Unreadable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable name in JSON.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Refusal::Unauthorized => "unauthorized",
            Refusal::NotFound => "not_found",
            Refusal::Method => "method_not_allowed",
            Refusal::Forbidden(_) => "forbidden",
            Refusal::NotRedactable(_) => "not_redactable",
            Refusal::NothingToPack => "nothing_to_pack",
            Refusal::Path(_) => "bad_path",
            Refusal::Query(_) => "bad_query",
            Refusal::Unsupported(_) => "unsupported_media",
            Refusal::Unprocessable(_) => "unprocessable_media",
            Refusal::Range(_) => "range_not_satisfiable",
            Refusal::Busy => "busy",
            Refusal::LibraryGone => "library_unavailable",
            Refusal::Unreadable => "unreadable",
            Refusal::Internal => "internal",
        }
    }

    /// After how many seconds another attempt is worth while.
    pub(crate) fn retry_after(self) -> Option<u32> {
        match self {
            Refusal::Busy => Some(2),
            Refusal::LibraryGone | Refusal::Unreadable => Some(10),
            _ => None,
        }
    }
}

impl From<AccessError> for Refusal {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Missing => Refusal::NotFound,
            AccessError::Gone(_) => Refusal::LibraryGone,
            AccessError::Io(_) => Refusal::Unreadable,
        }
    }
}
