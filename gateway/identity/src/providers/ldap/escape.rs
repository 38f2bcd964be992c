//! Values as they stand in filters and distinguished names: nothing that somebody types, and
//! nothing that a directory says, changes the shape of what it is put into (requirement S40).

use std::fmt::Write as _;

/// A value for a filter (RFC 4515). Everything but plain letters, digits and a few signs is
/// escaped, so that no server's idea of a special character matters; also what is not UTF-8.
pub(crate) fn filter_value(value: &[u8]) -> String {
    let mut escaped = String::with_capacity(value.len());
    for &byte in value {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'@' => {
                escaped.push(char::from(byte));
            }
            _ => push_hex(&mut escaped, byte),
        }
    }
    escaped
}

/// A value for a distinguished name (RFC 4514).
pub(crate) fn dn_value(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, c) in value.char_indices() {
        let special = match c {
            '"' | '+' | ',' | ';' | '<' | '=' | '>' | '\\' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => c.is_ascii_control(),
        };
        match u8::try_from(c) {
            Ok(byte) if special => push_hex(&mut escaped, byte),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn push_hex(text: &mut String, byte: u8) {
    // writing to a string does not fail
    let _ = write!(text, "\\{byte:02x}");
}
