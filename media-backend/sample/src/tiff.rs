//! A writer of TIFF structures, as EXIF blocks and DNG files need them.
//!
//! Little-endian, deterministic, and no reader: what it writes is checked by other people's readers.

use std::collections::BTreeMap;

/// One image file directory; entries are written in the order of their tags, as TIFF demands.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ifd {
    entries: BTreeMap<u16, Value>,
    next: Option<Box<Ifd>>,
}

/// What stands behind a tag.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Ascii(String),
    /// The offset of these bytes, which are put elsewhere in the file: strips, thumbnails.
    Block(Vec<u8>),
    Byte(Vec<u8>),
    /// The offsets of these directories.
    Ifds(Vec<Ifd>),
    Long(Vec<u32>),
    Rational(Vec<(u32, u32)>),
    Short(Vec<u16>),
    SignedRational(Vec<(i32, i32)>),
    Undefined(Vec<u8>),
}

impl Ifd {
    pub(crate) fn set(&mut self, tag: u16, value: Value) -> &mut Self {
        self.entries.insert(tag, value);
        self
    }

    pub(crate) fn text(&mut self, tag: u16, text: &str) -> &mut Self {
        self.set(tag, Value::Ascii(text.to_owned()))
    }

    pub(crate) fn short(&mut self, tag: u16, number: u16) -> &mut Self {
        self.set(tag, Value::Short(vec![number]))
    }

    pub(crate) fn long(&mut self, tag: u16, number: u32) -> &mut Self {
        self.set(tag, Value::Long(vec![number]))
    }

    pub(crate) fn rational(&mut self, tag: u16, numerator: u32, denominator: u32) -> &mut Self {
        self.set(tag, Value::Rational(vec![(numerator, denominator)]))
    }

    /// The directory that follows this one in the chain.
    pub(crate) fn follow(&mut self, next: Self) -> &mut Self {
        self.next = Some(Box::new(next));
        self
    }
}

/// The file that begins with `first`.
pub(crate) fn write(first: &Ifd) -> Vec<u8> {
    let mut out = b"II\x2a\x00\x08\x00\x00\x00".to_vec();
    place(&mut out, first);
    out
}

/// Appends a directory and all that hangs from it; answers its offset.
fn place(out: &mut Vec<u8>, ifd: &Ifd) -> u32 {
    let start = align(out);
    let table_length = 2 + ifd.entries.len() * 12 + 4;
    out.resize(out.len() + table_length, 0);

    let mut table = Vec::with_capacity(table_length);
    table.extend_from_slice(&(ifd.entries.len() as u16).to_le_bytes());
    for (tag, value) in &ifd.entries {
        let (kind, count, mut bytes) = encode(out, value);
        if bytes.len() > 4 {
            let offset = align(out);
            out.extend_from_slice(&bytes);
            bytes = offset.to_le_bytes().to_vec();
        }
        bytes.resize(4, 0);
        table.extend_from_slice(&tag.to_le_bytes());
        table.extend_from_slice(&kind.to_le_bytes());
        table.extend_from_slice(&count.to_le_bytes());
        table.extend_from_slice(&bytes);
    }
    let next = ifd.next.as_ref().map_or(0, |next| place(out, next));
    table.extend_from_slice(&next.to_le_bytes());

    if let Some(reserved) = out.get_mut(start as usize..start as usize + table_length) {
        reserved.copy_from_slice(&table);
    }
    start
}

/// TIFF wants words on even offsets. Offsets are 32 bits wide: a sample stays far below that.
fn align(out: &mut Vec<u8>) -> u32 {
    if out.len() % 2 == 1 {
        out.push(0);
    }
    out.len() as u32
}

/// Field type, count and bytes.
fn encode(out: &mut Vec<u8>, value: &Value) -> (u16, u32, Vec<u8>) {
    match value {
        Value::Ascii(text) => {
            let mut bytes = text.as_bytes().to_vec();
            bytes.push(0);
            (2, bytes.len() as u32, bytes)
        }
        Value::Block(bytes) => {
            let offset = align(out);
            out.extend_from_slice(bytes);
            (4, 1, offset.to_le_bytes().to_vec())
        }
        Value::Byte(bytes) => (1, bytes.len() as u32, bytes.clone()),
        Value::Ifds(ifds) => {
            let offsets = ifds.iter().flat_map(|ifd| place(out, ifd).to_le_bytes()).collect();
            (4, ifds.len() as u32, offsets)
        }
        Value::Long(numbers) => {
            (4, numbers.len() as u32, numbers.iter().flat_map(|n| n.to_le_bytes()).collect())
        }
        Value::Rational(pairs) => (5, pairs.len() as u32, pairs.iter().flat_map(pair).collect()),
        Value::Short(numbers) => {
            (3, numbers.len() as u32, numbers.iter().flat_map(|n| n.to_le_bytes()).collect())
        }
        Value::SignedRational(pairs) => {
            let bytes = pairs.iter().flat_map(|(n, d)| pair(&(*n as u32, *d as u32))).collect();
            (10, pairs.len() as u32, bytes)
        }
        Value::Undefined(bytes) => (7, bytes.len() as u32, bytes.clone()),
    }
}

fn pair((numerator, denominator): &(u32, u32)) -> Vec<u8> {
    [numerator.to_le_bytes(), denominator.to_le_bytes()].concat()
}
