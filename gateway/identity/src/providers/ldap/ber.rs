//! The few bytes of BER that are read here and not by the LDAP library.

/// Values, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'b>(&'b [u8]);

impl<'b> Values<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// The values inside of the next one, if it has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Values<'b>> {
        self.take(tag).map(Values)
    }

    /// The bytes of the next value, if it has this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'b [u8]> {
        let (found, rest) = self.0.split_first()?;
        if *found != tag {
            return None;
        }
        let (length, rest) = length(rest)?;
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }
}

/// A length and what comes after it; at most four bytes, as no message here is longer.
pub(crate) fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let count = usize::from(*first & 0x7f);
    if !(1..=4).contains(&count) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_one_by_one_and_whole_or_not_at_all() {
        let mut values = Values::new(&[0x30, 0x84, 0, 0, 0, 3, 0x02, 0x01, 0x07, 0x0a, 0x05]);
        assert_eq!(values.enter(0x30).unwrap().take(0x02), Some(&[7][..]));
        assert_eq!(values.take(0x02), None, "another tag");
        assert_eq!(values.take(0x0a), None, "shorter than it says");
        assert_eq!(length(&[0x80]), None, "an indefinite length");
        assert_eq!(length(&[0x85, 0, 0, 0, 0, 1]), None);
        assert_eq!(length(&[0x82, 1, 0]), Some((256, &[][..])));
    }
}
