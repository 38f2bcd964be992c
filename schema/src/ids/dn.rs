//! Distinguished names as RFC 4514 writes them, in one canonical form.

use unicode_normalization::UnicodeNormalization;

/// Folds a text that is no distinguished name.
pub(super) fn fold(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase()
}

/// The canonical form of a distinguished name; `None` if the text is none.
pub(super) fn normalise(text: &str) -> Option<String> {
    let mut rdns = Vec::new();
    for rdn in split_unescaped(text, ',') {
        let mut pairs = Vec::new();
        for pair in split_unescaped(rdn, '+') {
            pairs.push(normalise_pair(pair)?);
        }
        pairs.sort();
        rdns.push(pairs.join("+"));
    }
    Some(rdns.join(","))
}

/// Splits at a separator that no backslash escapes.
fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.extend(text.get(start..at));
            start = at + c.len_utf8();
        }
    }
    parts.extend(text.get(start..));
    parts
}

/// `type=value`, both folded, the value's blanks reduced and its special characters escaped in
/// one way.
fn normalise_pair(pair: &str) -> Option<String> {
    let (kind, value) = pair.split_once('=')?;
    let kind = kind.trim();
    let is_type = kind.starts_with(|c: char| c.is_ascii_alphanumeric())
        && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if !is_type {
        return None;
    }
    let value = unescape(trim_unescaped(value))?;
    let mut folded = String::new();
    let mut after_blank = false;
    for c in fold(&value).chars() {
        if c == ' ' && after_blank {
            continue;
        }
        after_blank = c == ' ';
        if matches!(c, ',' | '+' | '\\' | '=' | '"' | '<' | '>' | ';' | '#') {
            folded.push('\\');
        }
        folded.push(c);
    }
    // a blank that was escaped at an end is significant: keep it apart from none
    let folded = match folded.strip_suffix(' ') {
        Some(rest) => format!("{rest}\\20"),
        None => folded,
    };
    let folded = match folded.strip_prefix(' ') {
        Some(rest) => format!("\\20{rest}"),
        None => folded,
    };
    Some(format!("{}={folded}", kind.to_ascii_lowercase()))
}

/// Trims blanks at the ends that no backslash escapes.
fn trim_unescaped(value: &str) -> &str {
    let value = value.trim_start_matches(' ');
    let trimmed = value.trim_end_matches(' ');
    let backslashes = trimmed.chars().rev().take_while(|c| *c == '\\').count();
    if backslashes % 2 == 1 { value.get(..trimmed.len() + 1).unwrap_or(value) } else { trimmed }
}

/// Undoes `\,` and `\2C`; `None` if what results is not UTF-8 or an escape is broken.
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let first = rest.next()?;
        match hex_digit(first) {
            Some(high) => {
                let low = hex_digit(rest.next()?)?;
                bytes.push(high << 4 | low);
            }
            None => bytes.push(first),
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
