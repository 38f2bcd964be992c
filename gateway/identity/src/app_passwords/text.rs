//! How an app password reads: 28 characters in groups of four, of an alphabet in which none looks
//! like another (Crockford's base 32). 140 random bits.

use zeroize::Zeroize;

use crate::Secret;

/// The characters: no `i`, `l`, `o` and `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How many there are.
const LENGTH: usize = 28;
/// How many stand together.
const GROUP: usize = 4;

/// Makes one.
pub(super) fn random() -> Result<Secret<String>, getrandom::Error> {
    let mut bytes = [0u8; LENGTH];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && index % GROUP == 0 {
            text.push('-');
        }
        // 256 is a multiple of 32: each character is as likely as any other
        if let Some(character) = ALPHABET.get(usize::from(byte % 32)) {
            text.push(char::from(*character));
        }
    }
    bytes.zeroize();
    Ok(Secret::new(text))
}

/// One as it was typed, in the one form that is hashed: without dashes and spaces, in small
/// letters, and with what people read for `0` and `1`. `None` if none reads so.
pub(super) fn canonical(typed: &str) -> Option<Secret<String>> {
    if typed.len() > 4 * LENGTH {
        return None;
    }
    // with room for all of it: what moves leaves itself behind
    let mut text = String::with_capacity(LENGTH);
    for character in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
        let small = match character.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        };
        if !u8::try_from(small).is_ok_and(|byte| ALPHABET.contains(&byte)) || text.len() == LENGTH {
            text.zeroize();
            return None;
        }
        text.push(small);
    }
    let is_whole = text.len() == LENGTH;
    let text = Secret::new(text);
    is_whole.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S17: at least 128 bits.
    #[test]
    fn they_are_long_and_differ() {
        let (a, b) = (random().unwrap(), random().unwrap());
        assert_eq!(a.expose().len(), 34);
        assert_ne!(a.expose(), b.expose());
        const { assert!(LENGTH * 5 >= 128) };
        assert_eq!(a.expose().split('-').map(str::len).collect::<Vec<_>>(), [4; 7]);
    }

    #[test]
    fn however_it_is_typed_it_is_the_same() {
        let canonical = |text: &str| canonical(text).map(|text| text.expose().clone());
        let expected = canonical("0123-4567-89ab-cdef-ghjk-mnpq-rstv");
        assert_eq!(expected.as_deref(), Some("0123456789abcdefghjkmnpqrstv"));
        for typed in [
            "0123456789abcdefghjkmnpqrstv",
            "O I23-4567-89AB-CDEF-GHJK-MNPQ-RSTV",
            " 0l23 4567 89ab cdef ghjk mnpq rstv ",
        ] {
            assert_eq!(canonical(typed), expected, "{typed}");
        }
        for typed in [
            "",
            "0123-4567-89ab-cdef-ghjk-mnpq-rst",
            "0123-4567-89ab-cdef-ghjk-mnpq-rstvw",
            "0123-4567-89ab-cdef-ghjk-mnpq-rstu",
            "0123-4567-89ab-cdef-ghjk-mnpq-rst\u{fc}",
            &"-".repeat(113),
        ] {
            assert_eq!(canonical(typed), None, "{typed}");
        }
    }
}
