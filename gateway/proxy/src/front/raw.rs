//! The bytes of a request's head, before any parser has been kind to them.
//!
//! pingora's parser accepts a bare line feed, takes `Transfer-Encoding` over `Content-Length`,
//! merges equal lengths and drops a fragment. Each is a place where another reader of the same
//! bytes may see another request, so each is answered 400 here (requirement S50).

use super::FrontError;

/// More fields than any browser sends.
const MAX_FIELDS: usize = 100;
/// The longest head, in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The longest request target, in bytes: what the longest path has when all of it is encoded,
/// and a query.
const MAX_TARGET_BYTES: usize = 16 * 1024;

/// How the request's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// Judges a raw head, up to and with the empty line.
///
/// # Errors
/// What two readers might read differently, and what is too much.
pub fn check(raw: &[u8]) -> Result<Framing, FrontError> {
    if raw.len() > MAX_HEAD_BYTES {
        return Err(FrontError::HeadTooLarge);
    }
    // empty lines before a request are allowed (RFC 9112, 2.2)
    let mut rest = raw;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    let mut lines = rest.split(|byte| *byte == b'\n');
    request_line(line(lines.next().unwrap_or_default())?)?;
    let mut fields = Fields::default();
    for raw_line in lines {
        let field = line(raw_line)?;
        if field.is_empty() {
            return fields.framing();
        }
        fields.add(field)?;
    }
    // the empty line is one of both characters, too
    Err(FrontError::BareLineFeed)
}

/// A line without its `\r`; control characters other than a tab stand in none.
fn line(raw: &[u8]) -> Result<&[u8], FrontError> {
    let Some(line) = raw.strip_suffix(b"\r") else { return Err(FrontError::BareLineFeed) };
    if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
        return Err(FrontError::Control);
    }
    Ok(line)
}

/// `METHOD target HTTP/1.x`, with single blanks and no fragment.
fn request_line(line: &[u8]) -> Result<(), FrontError> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(FrontError::RequestLine);
    };
    if target.len() > MAX_TARGET_BYTES {
        return Err(FrontError::TargetTooLong);
    }
    if target.contains(&b'#') {
        return Err(FrontError::Fragment);
    }
    let is_known = matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
    if method.is_empty() || target.is_empty() || target.contains(&b'\t') || !is_known {
        return Err(FrontError::RequestLine);
    }
    Ok(())
}

/// What the fields say of the body.
#[derive(Default)]
struct Fields {
    count: usize,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    fn add(&mut self, field: &[u8]) -> Result<(), FrontError> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            return Err(FrontError::TooManyFields);
        }
        if matches!(field.first(), Some(b' ' | b'\t')) {
            return Err(FrontError::FoldedField);
        }
        let colon = field.iter().position(|byte| *byte == b':').ok_or(FrontError::FieldName)?;
        let (name, value) = field.split_at_checked(colon).ok_or(FrontError::FieldName)?;
        if name.is_empty() || name.iter().any(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(FrontError::FieldName);
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            14 if name.eq_ignore_ascii_case(b"content-length") => self.add_length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(FrontError::TransferEncoding);
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), FrontError> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        match (self.length, number) {
            (None, Some(number)) if digits => self.length = Some(number),
            _ => return Err(FrontError::ContentLength),
        }
        Ok(())
    }

    fn framing(&self) -> Result<Framing, FrontError> {
        if self.hosts != 1 {
            return Err(FrontError::Host);
        }
        match (self.length, self.chunked) {
            (Some(_), true) => Err(FrontError::TwoFramings),
            (None, true) => Ok(Framing::Chunked),
            (Some(length), false) if length > 0 => Ok(Framing::Length(length)),
            (Some(_) | None, false) => Ok(Framing::None),
        }
    }
}
