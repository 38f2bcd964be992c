//! [`ReturnTo`]: where a browser goes after sign-in, which is never another site.

use vestibule_schema::GalleryPath;

/// The longest target, in bytes.
const MAX_LENGTH: usize = 4096;

/// A path of this very host, with its query, in canonical form (requirement S27).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl ReturnTo {
    /// Reads what a request asks for. What is anything but a plain path of this host becomes `/`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::read(text).unwrap_or_default()
    }

    /// The path and query, for `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(text: &str) -> Option<Self> {
        let is_plain = text.len() <= MAX_LENGTH && text.bytes().all(is_url_byte);
        if !is_plain || text.starts_with("//") {
            return None;
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        // one path parser for the whole gateway: no dot or empty segments, no encoded slashes,
        // backslashes or control characters
        let path = GalleryPath::from_encoded(path).ok()?;
        let confuses = path.as_str().chars().any(looks_like_a_separator);
        let loops = path.as_str().starts_with("/_vestibule/sign-");
        if confuses || loops || query.is_some_and(has_encoded_control) {
            return None;
        }
        Some(Self(match query {
            Some(query) => format!("{}?{query}", path.encoded()),
            None => path.encoded(),
        }))
    }
}

/// What may stand in the path and query of a URL as it is (RFC 3986), without the fragment.
const fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
                | b'/'
                | b'?'
                | b'%'
        )
}

/// Characters that some reader takes for a slash, a backslash or a dot.
const fn looks_like_a_separator(c: char) -> bool {
    matches!(
        c,
        '\u{2044}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29F5}'
            | '\u{29F8}'
            | '\u{29F9}'
            | '\u{FE68}'
            | '\u{FF0F}'
            | '\u{FF3C}'
            | '\u{3002}'
            | '\u{FF0E}'
            | '\u{FF61}'
    )
}

/// Whether a control character is encoded in a query, or anything that is no encoding.
fn has_encoded_control(query: &str) -> bool {
    query.split('%').skip(1).any(|part| {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| byte.is_ascii_control())
    })
}

#[cfg(test)]
mod tests;
