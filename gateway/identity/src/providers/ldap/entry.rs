//! Entries as a directory gives them.

use std::fmt::Write as _;

use ldap3::SearchEntry;

/// An entry: its name, and values by attribute.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    /// By the attribute's name in lower case: servers write it as they like.
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl From<SearchEntry> for Entry {
    fn from(entry: SearchEntry) -> Self {
        let texts = entry.attrs.into_iter().map(|(name, values)| {
            (name.to_ascii_lowercase(), values.into_iter().map(String::into_bytes).collect())
        });
        let bytes = entry.bin_attrs.into_iter();
        let bytes = bytes.map(|(name, values)| (name.to_ascii_lowercase(), values));
        Self { dn: entry.dn, attributes: texts.chain(bytes).collect() }
    }
}

impl Entry {
    /// All values of an attribute.
    pub(crate) fn values(&self, attribute: &str) -> impl Iterator<Item = &[u8]> {
        let found = self.attributes.iter().filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
        found.flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// All values of an attribute that are texts.
    pub(crate) fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.values(attribute).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The one value of an attribute; none, if there are several: nothing says which is meant.
    pub(crate) fn text(&self, attribute: &str) -> Option<&str> {
        let mut values = self.values(attribute);
        let only = values.next().filter(|_| values.next().is_none())?;
        std::str::from_utf8(only).ok().filter(|text| !text.is_empty())
    }

    /// The one value of an attribute, as a number.
    pub(crate) fn number(&self, attribute: &str) -> Option<i64> {
        self.text(attribute)?.parse().ok()
    }

    /// Whether a server held some of the values back: it then writes `memberOf;range=0-1499`.
    pub(crate) fn is_cut(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|(name, _)| {
            let options = name.split_once(";range=");
            options.is_some_and(|(base, _)| base.eq_ignore_ascii_case(attribute))
        })
    }

    /// What identifies the entry for ever, as text.
    pub(crate) fn id(&self, attribute: &str) -> Option<String> {
        if !is_guid(attribute) {
            return self.text(attribute).map(str::to_owned);
        }
        let mut values = self.values(attribute);
        let only = values.next().filter(|_| values.next().is_none())?;
        only.try_into().ok().map(guid_text)
    }
}

/// The value by which an entry is found again; `None` if the text identifies none.
pub(crate) fn id_value(attribute: &str, text: &str) -> Option<Vec<u8>> {
    if is_guid(attribute) {
        return guid_bytes(text).map(Vec::from);
    }
    (!text.is_empty()).then(|| text.as_bytes().to_vec())
}

fn is_guid(attribute: &str) -> bool {
    attribute.eq_ignore_ascii_case("objectGUID")
}

/// The order in which Active Directory keeps the bytes: the first three numbers are turned round.
const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

fn guid_text(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, from) in ORDER.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let byte = bytes.get(from).copied().unwrap_or_default();
        // writing to a string does not fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn guid_bytes(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    let mut bytes = [0; 16];
    for (pair, to) in digits.chunks_exact(2).zip(ORDER) {
        if let ([high, low], Some(byte)) = (pair, bytes.get_mut(to)) {
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
    }
    // whatever else the text is, it is not this one's
    (guid_text(bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S44.
    #[test]
    fn a_guid_reads_as_microsoft_writes_it() {
        let bytes = [
            0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
            0xee, 0xff,
        ];
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        assert_eq!(guid_text(bytes), text);
        assert_eq!(guid_bytes(text), Some(bytes));
        for other in ["", "00112233", "00112233-4455-6677-8899-AABBCCDDEEFF"] {
            assert_eq!(guid_bytes(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_there_twice_is_nobodys() {
        let attributes = vec![
            ("mail".to_owned(), vec![b"a@x".to_vec(), b"b@x".to_vec()]),
            ("memberof;range=0-1499".to_owned(), vec![b"cn=a".to_vec()]),
        ];
        let entry = Entry { dn: "cn=x".to_owned(), attributes };
        assert_eq!(entry.text("Mail"), None);
        assert_eq!(entry.texts("mail").count(), 2);
        assert!(entry.is_cut("memberOf") && !entry.is_cut("mail"));
    }
}
