//! Where each policy of a text begins: Cedar tells the places of mistakes, not of policies.

use std::ops::Range;

/// The effects (`permit`, `forbid`) of the policies of a text that Cedar has accepted, in order.
pub(super) fn policies(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut depth = 0usize;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'/' if bytes.get(at + 1) == Some(&b'/') => at = end_of_line(bytes, at),
            b'"' => at = end_of_string(bytes, at),
            b'(' | b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b')' | b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                let end = end_of_word(bytes, at);
                // an annotation may be called `permit`, too
                let is_annotation = at > 0 && bytes.get(at - 1) == Some(&b'@');
                let is_effect = matches!(text.get(at..end), Some("permit" | "forbid"));
                if depth == 0 && is_effect && !is_annotation {
                    found.push(at..end);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    found
}

fn end_of_line(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length + 1)
}

fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_word(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    from + rest.iter().position(|byte| !is_word(byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_strings_comments_and_bodies_begin_no_policy() {
        let text = "// permit nothing\n@id(\"forbid (\\\" permit\")\nforbid (principal, action, \
                    resource) when { \"permit\" == \"x\" || { permit: 1 }.permit == 1 };\n\
                    @permit(\"x\") permit (principal, action, resource);";
        let found: Vec<_> =
            policies(text).into_iter().map(|at| text.get(at).unwrap().to_owned()).collect();
        assert_eq!(found, ["forbid", "permit"]);
        assert_eq!(policies("").len(), 0);
        assert_eq!(policies("\"open").len(), 0);
    }
}
