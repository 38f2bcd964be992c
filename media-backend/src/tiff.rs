//! A bounded reader of TIFF structures: EXIF blocks, and the RAW files that are built on TIFF.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The most entries that a directory may have.
const MAX_ENTRIES: u16 = 512;
/// The most bytes of a directory's values that are read: entries may all point to the same place,
/// so that a small file could ask for much memory.
const MAX_VALUES: u64 = 512 * 1024;

/// Something with bytes at offsets.
pub(crate) trait ReadAt {
    /// So many bytes at an offset; `None` if they are not all there.
    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>>;
}

impl ReadAt for Vec<u8> {
    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let start = usize::try_from(offset).ok()?;
        self.get(start..start.checked_add(length)?).map(<[u8]>::to_vec)
    }
}

/// A file whose first bytes are held in memory.
#[derive(Debug)]
pub(crate) struct Headed<'f> {
    file: &'f File,
    head: Vec<u8>,
    size: u64,
}

impl<'f> Headed<'f> {
    /// Reads the first bytes of a file.
    pub(crate) fn new(file: &'f File, size: u64, head: usize) -> std::io::Result<Self> {
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(head);
        let mut head = vec![0; length];
        let mut filled = 0;
        while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        head.truncate(filled);
        Ok(Self { file, head, size })
    }

    /// The bytes in memory.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The file's length.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl ReadAt for Headed<'_> {
    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if let Some(bytes) = self.head.bytes(offset, length) {
            return Some(bytes);
        }
        if offset.checked_add(length as u64)? > self.size {
            return None;
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }
}

/// A TIFF structure that begins at some offset.
pub(crate) struct Tiff<'a> {
    source: &'a dyn ReadAt,
    base: u64,
    is_little: bool,
    first: u64,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) tag: u16,
    pub(crate) kind: u16,
    pub(crate) count: u32,
    /// The value's bytes; empty if there are too many.
    pub(crate) value: Vec<u8>,
    /// Where the value stands, from the structure's begin, if it does not fit into the entry.
    pub(crate) offset: u64,
    is_little: bool,
}

/// A directory: its entries and the offset of the next.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) fields: Vec<Field>,
    pub(crate) next: u64,
}

impl<'a> Tiff<'a> {
    /// Begins to read at `base`. Besides plain TIFF the magic numbers of Olympus and Panasonic
    /// RAW files are known.
    pub(crate) fn open(source: &'a dyn ReadAt, base: u64) -> Option<Self> {
        let head = source.bytes(base, 8)?;
        let is_little = match head.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let magic = number(head.get(2..4)?, is_little);
        if !matches!(magic, 42 | 0x4F52 | 0x5352 | 0x55) {
            return None;
        }
        let first = number(head.get(4..8)?, is_little);
        Some(Self { source, base, is_little, first })
    }

    /// Whether numbers are little-endian.
    pub(crate) fn is_little(&self) -> bool {
        self.is_little
    }

    /// The first directory.
    pub(crate) fn first(&self) -> Directory {
        self.directory(self.first).unwrap_or_default()
    }

    /// The directory at an offset; `None` if there is none.
    pub(crate) fn directory(&self, offset: u64) -> Option<Directory> {
        let at = self.base.checked_add(offset)?;
        let count = number(&self.source.bytes(at, 2)?, self.is_little);
        let count = u16::try_from(count).ok().filter(|count| *count <= MAX_ENTRIES)?;
        let length = usize::from(count) * 12;
        let bytes = self.source.bytes(at + 2, length)?;
        let mut left = MAX_VALUES;
        let fields =
            bytes.chunks_exact(12).filter_map(|entry| self.field(entry, &mut left)).collect();
        let next = self.source.bytes(at + 2 + length as u64, 4);
        let next = next.map_or(0, |bytes| number(&bytes, self.is_little));
        Some(Directory { fields, next })
    }

    /// So many bytes at an offset from the structure's begin.
    pub(crate) fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        self.source.bytes(self.base.checked_add(offset)?, length)
    }

    fn field(&self, entry: &[u8], left: &mut u64) -> Option<Field> {
        let tag = u16::try_from(number(entry.get(..2)?, self.is_little)).ok()?;
        let kind = u16::try_from(number(entry.get(2..4)?, self.is_little)).ok()?;
        let count = u32::try_from(number(entry.get(4..8)?, self.is_little)).ok()?;
        let length = u64::from(count) * unit(kind)?;
        let offset = number(entry.get(8..12)?, self.is_little);
        let value = if length <= 4 {
            entry.get(8..8 + usize::try_from(length).ok()?)?.to_vec()
        } else if length <= *left {
            *left -= length;
            self.bytes(offset, usize::try_from(length).ok()?).unwrap_or_default()
        } else {
            Vec::new()
        };
        Some(Field { tag, kind, count, value, offset, is_little: self.is_little })
    }
}

impl Directory {
    /// The entry of a tag.
    pub(crate) fn field(&self, tag: u16) -> Option<&Field> {
        self.fields.iter().find(|field| field.tag == tag)
    }

    /// The first number of an entry.
    pub(crate) fn number(&self, tag: u16) -> Option<u64> {
        self.field(tag)?.numbers().next()
    }

    /// The text of an entry.
    pub(crate) fn text(&self, tag: u16) -> Option<String> {
        self.field(tag)?.text()
    }

    /// The first fraction of an entry.
    pub(crate) fn fraction(&self, tag: u16) -> Option<(f64, f64)> {
        self.field(tag)?.fractions().next()
    }
}

impl Field {
    /// A field with a value that is made here.
    pub(crate) fn new(tag: u16, kind: u16, value: Vec<u8>, is_little: bool) -> Self {
        let unit = usize::try_from(unit(kind).unwrap_or(1)).unwrap_or(1);
        let count = u32::try_from(value.len() / unit).unwrap_or_default();
        Self { tag, kind, count, value, offset: 0, is_little }
    }

    /// Whether the value is as long as it says.
    pub(crate) fn is_whole(&self) -> bool {
        unit(self.kind).is_some_and(|unit| u64::from(self.count) * unit == self.value.len() as u64)
    }

    /// The values of BYTE, SHORT, LONG and IFD fields.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        let size = match self.kind {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            _ => usize::MAX,
        };
        self.value.chunks_exact(size).map(|bytes| number(bytes, self.is_little))
    }

    /// Numerators and denominators of RATIONAL and SRATIONAL fields.
    pub(crate) fn fractions(&self) -> impl Iterator<Item = (f64, f64)> {
        let is_signed = self.kind == 10;
        let size = if matches!(self.kind, 5 | 10) { 8 } else { usize::MAX };
        self.value.chunks_exact(size).map(move |bytes| {
            let (a, b) = bytes.split_at_checked(4).unwrap_or_default();
            let part = |bytes| {
                let value = u32::try_from(number(bytes, self.is_little)).unwrap_or_default();
                if is_signed { f64::from(value.cast_signed()) } else { f64::from(value) }
            };
            (part(a), part(b))
        })
    }

    /// The text up to the first NUL, trimmed; `None` if nothing is left or it is no ASCII field.
    pub(crate) fn text(&self) -> Option<String> {
        if self.kind != 2 {
            return None;
        }
        let end = self.value.iter().position(|b| *b == 0).unwrap_or(self.value.len());
        let text = String::from_utf8_lossy(self.value.get(..end)?);
        let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

/// How many bytes a value of a field type takes.
fn unit(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 => Some(8),
        _ => None,
    }
}

/// An unsigned number of up to eight bytes.
pub(crate) fn number(bytes: &[u8], is_little: bool) -> u64 {
    let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if is_little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

/// What is seen from an offset on.
pub(crate) struct Shifted<'a> {
    /// The whole.
    pub(crate) source: &'a dyn ReadAt,
    /// The offset.
    pub(crate) base: u64,
}

impl ReadAt for Shifted<'_> {
    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        self.source.bytes(self.base.checked_add(offset)?, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every entry of a small file asks for the same 200 kB.
    #[test]
    fn a_directory_takes_bounded_memory() {
        let mut file = b"II*\0\x08\0\0\0".to_vec();
        file.extend_from_slice(&500_u16.to_le_bytes());
        for tag in 0..500_u16 {
            file.extend_from_slice(&tag.to_le_bytes());
            file.extend_from_slice(&7_u16.to_le_bytes());
            file.extend_from_slice(&200_000_u32.to_le_bytes());
            file.extend_from_slice(&8_u32.to_le_bytes());
        }
        file.resize(300_000, 0);
        let directory = Tiff::open(&file, 0).unwrap().first();
        assert_eq!(directory.fields.len(), 500);
        let held: usize = directory.fields.iter().map(|field| field.value.len()).sum();
        assert_eq!(held, 400_000);
    }
}
