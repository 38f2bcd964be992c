//! Files as they are, or freed of what the caller may not see; whole, in part, or not again.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::header::{self, HeaderMap};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::library::Opened;
use crate::redact::Pieces;
use crate::refusal::Refusal;
use crate::reply::{self, Body};

/// How much of a file is in memory at once.
pub(crate) const STEP: usize = 256 * 1024;

/// A file that is ready to go out.
#[derive(Debug)]
pub(crate) struct Download {
    /// The file.
    pub(crate) opened: Opened,
    /// What of it goes out.
    pub(crate) pieces: Arc<Pieces>,
    /// The content type.
    pub(crate) content_type: &'static str,
    /// The strong validator of exactly these bytes.
    pub(crate) etag: String,
    /// Whether the caller may know when the file was written.
    pub(crate) dates: Dates,
}

/// Whether the time of the last change may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dates {
    /// It may.
    Shown,
    /// It would reveal what is withheld.
    Withheld,
}

impl Download {
    /// The response to a request with these headers.
    ///
    /// # Errors
    /// If the range that is asked for lies outside.
    pub(crate) fn respond(self, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
        let modified = match self.dates {
            Dates::Shown => Some(self.opened.ident.modified()),
            Dates::Withheld => None,
        };
        if is_unchanged(headers, &self.etag, modified) {
            return Ok(not_modified(&self.etag));
        }
        let size = self.pieces.length();
        let range = wanted(headers, size, &self.etag)?;
        let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let content_range =
            range.as_ref().map(|r| format!("bytes {}-{}/{size}", r.start, r.end - 1));
        let range = range.unwrap_or(0..size);
        let length = range.end - range.start;
        let (etag, content_type) = (self.etag.clone(), self.content_type);
        let mut response = reply::response(status, self.body(range));
        let set =
            |response: &mut Response<Body>, name, value: &str| reply::set(response, name, value);
        set(&mut response, header::CONTENT_TYPE, content_type);
        set(&mut response, header::CONTENT_LENGTH, &length.to_string());
        set(&mut response, header::ACCEPT_RANGES, "bytes");
        set(&mut response, header::ETAG, &etag);
        set(&mut response, header::CACHE_CONTROL, reply::KEEP);
        if let Some(value) = content_range {
            set(&mut response, header::CONTENT_RANGE, &value);
        }
        if let Some(modified) = modified {
            set(&mut response, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
        }
        Ok(response)
    }

    /// The bytes of a range, read as they are asked for: a slow reader holds no thread.
    fn body(self, range: Range<u64>) -> Body {
        let file = Arc::new(self.opened.file);
        let pieces = self.pieces;
        let chunks = stream::try_unfold(range, move |range| {
            let (file, pieces) = (Arc::clone(&file), Arc::clone(&pieces));
            async move {
                if range.is_empty() {
                    return Ok::<_, io::Error>(None);
                }
                let most = usize::try_from(range.end - range.start).unwrap_or(STEP).min(STEP);
                let chunk = read(file, pieces, range.start, most).await?;
                if chunk.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let next = range.start + chunk.len() as u64;
                Ok(Some((Frame::data(chunk), next..range.end)))
            }
        });
        StreamBody::new(chunks).boxed_unsync()
    }
}

/// Reads a part without blocking the caller.
pub(crate) async fn read(
    file: Arc<std::fs::File>,
    pieces: Arc<Pieces>,
    offset: u64,
    most: usize,
) -> io::Result<Bytes> {
    let read = tokio::task::spawn_blocking(move || pieces.read(&file, offset, most));
    read.await.map_err(io::Error::other)?
}

/// `304`.
pub(crate) fn not_modified(etag: &str) -> Response<Body> {
    let mut response = reply::response(StatusCode::NOT_MODIFIED, reply::full(Bytes::new()));
    reply::set(&mut response, header::ETAG, etag);
    reply::set(&mut response, header::CACHE_CONTROL, reply::KEEP);
    response
}

/// Whether the sender has what would be sent (RFC 9110, 13.1.2 and 13.1.3).
pub(crate) fn is_unchanged(
    headers: &HeaderMap,
    etag: &str,
    modified: Option<std::time::SystemTime>,
) -> bool {
    if headers.contains_key(header::IF_NONE_MATCH) {
        return headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
            let value = value.to_str().unwrap_or_default();
            value
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        });
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|value| httpdate::parse_http_date(value).ok());
    modified.zip(since).is_some_and(|(modified, since)| modified <= since)
}

/// The one range that is asked for; none if the whole is to be sent.
fn wanted(headers: &HeaderMap, size: u64, etag: &str) -> Result<Option<Range<u64>>, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(ranges) = text(header::RANGE).and_then(|value| value.strip_prefix("bytes=")) else {
        return Ok(None);
    };
    if text(header::IF_RANGE).is_some_and(|tag| tag != etag) {
        return Ok(None);
    }
    // more than one, or not understood: the whole is a right answer
    let Some((first, last)) = ranges.trim().split_once('-').filter(|_| !ranges.contains(','))
    else {
        return Ok(None);
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    let range = match (first, last) {
        ("", last) => {
            let Some(length) = number(last) else { return Ok(None) };
            size.saturating_sub(length)..size
        }
        (first, "") => {
            let Some(first) = number(first) else { return Ok(None) };
            first..size
        }
        (first, last) => {
            let Some((first, last)) = number(first).zip(number(last)) else { return Ok(None) };
            if last < first {
                return Ok(None);
            }
            first..last.saturating_add(1).min(size)
        }
    };
    if range.start >= range.end { Err(Refusal::Range(size)) } else { Ok(Some(range)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, expected: &Result<Option<Range<u64>>, Refusal>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        assert_eq!(&wanted(&headers, 100, "\"x\""), expected, "{range}");
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        check("bytes=0-9", &Ok(Some(0..10)));
        check("bytes=90-", &Ok(Some(90..100)));
        check("bytes=-10", &Ok(Some(90..100)));
        check("bytes=-1000", &Ok(Some(0..100)));
        check("bytes=50-1000", &Ok(Some(50..100)));
        check("bytes=100-", &Err(Refusal::Range(100)));
        check("bytes=-0", &Err(Refusal::Range(100)));
        for whole in
            ["bytes=5-2", "bytes=0-1,3-4", "bytes=x-", "items=0-1", "bytes=+1-2", "bytes=-"]
        {
            check(whole, &Ok(None));
        }
    }
}
