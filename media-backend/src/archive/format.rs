//! The ZIP format, as far as stored entries need it (PKWARE's APPNOTE 6.3.10).

use jiff::civil::DateTime;

/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// The version that understands stored entries, and the one that understands Zip64.
const PLAIN: u16 = 20;
const LONG: u16 = 45;
/// Made on Unix.
const MADE_BY: u16 = 3 << 8 | LONG;
/// A regular file that all may read.
const MODE: u32 = 0o100_644 << 16;
/// A number of 32 bits that stands for one in the Zip64 field.
const ELSEWHERE: u32 = u32::MAX;
/// The number of the Zip64 field.
const ZIP64: u16 = 1;

/// One entry, known before its bytes are sent.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The name, with `/` between folders.
    pub(super) name: String,
    /// How many bytes it has.
    pub(super) size: u64,
    /// The CRC-32 of its bytes.
    pub(super) crc: u32,
    /// Its time.
    pub(super) time: DateTime,
}

/// The directory of an archive while it grows.
#[derive(Debug, Default)]
pub(super) struct Directory {
    entries: Vec<(Member, u64)>,
    offset: u64,
}

impl Directory {
    /// The header of the next entry, whose bytes follow it.
    pub(super) fn begin(&mut self, member: Member) -> Vec<u8> {
        let mut out = Out::default();
        let is_long = narrow(member.size) == ELSEWHERE;
        out.u32(0x0403_4B50).u16(if is_long { LONG } else { PLAIN });
        out.common(&member);
        out.u32(narrow(member.size)).u32(narrow(member.size));
        out.u16(length(&member.name)).u16(if is_long { 20 } else { 0 });
        out.bytes(member.name.as_bytes());
        if is_long {
            out.u16(ZIP64).u16(16).u64(member.size).u64(member.size);
        }
        let size = member.size;
        self.entries.push((member, self.offset));
        self.offset += out.0.len() as u64 + size;
        out.0
    }

    /// What follows the last entry, in parts.
    pub(super) fn end(self) -> impl Iterator<Item = Vec<u8>> {
        let begin = self.offset;
        let count = self.entries.len() as u64;
        let mut size = 0;
        let mut entries = self.entries.into_iter();
        let mut is_over = false;
        std::iter::from_fn(move || {
            if let Some((member, offset)) = entries.next() {
                let line = line(&member, offset);
                size += line.len() as u64;
                return Some(line);
            }
            (!std::mem::replace(&mut is_over, true)).then(|| tail(count, size, begin))
        })
    }
}

/// An entry's line in the directory.
fn line(member: &Member, offset: u64) -> Vec<u8> {
    let mut extra = Out::default();
    if narrow(member.size) == ELSEWHERE {
        extra.u64(member.size).u64(member.size);
    }
    if narrow(offset) == ELSEWHERE {
        extra.u64(offset);
    }
    let is_long = !extra.0.is_empty();
    let mut out = Out::default();
    out.u32(0x0201_4B50).u16(MADE_BY).u16(if is_long { LONG } else { PLAIN });
    out.common(member);
    out.u32(narrow(member.size)).u32(narrow(member.size)).u16(length(&member.name));
    let room = if is_long { extra.0.len() + 4 } else { 0 };
    out.u16(u16::try_from(room).unwrap_or_default());
    // no comment, first disk, binary, mode
    out.u16(0).u16(0).u16(0).u32(MODE).u32(narrow(offset));
    out.bytes(member.name.as_bytes());
    if is_long {
        out.u16(ZIP64).u16(u16::try_from(extra.0.len()).unwrap_or_default()).bytes(&extra.0);
    }
    out.0
}

/// The end of the archive.
fn tail(count: u64, size: u64, begin: u64) -> Vec<u8> {
    let mut out = Out::default();
    let few = u16::try_from(count).unwrap_or(u16::MAX);
    if few == u16::MAX || narrow(size) == ELSEWHERE || narrow(begin) == ELSEWHERE {
        out.u32(0x0606_4B50).u64(44).u16(MADE_BY).u16(LONG).u32(0).u32(0);
        out.u64(count).u64(count).u64(size).u64(begin);
        out.u32(0x0706_4B50).u32(0).u64(begin + size).u32(1);
    }
    out.u32(0x0605_4B50).u16(0).u16(0).u16(few).u16(few);
    out.u32(narrow(size)).u32(narrow(begin)).u16(0);
    out.0
}

/// A number in 32 bits; one that does not fit stands elsewhere.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(ELSEWHERE)
}

/// INVARIANT: a path has at most 4,096 bytes, so that the name of an entry fits.
fn length(name: &str) -> u16 {
    u16::try_from(name.len()).unwrap_or(u16::MAX)
}

#[derive(Debug, Default)]
struct Out(Vec<u8>);

impl Out {
    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Flags, method, time, checksum: the same in both headers.
    fn common(&mut self, member: &Member) -> &mut Self {
        let (time, date) = dos(member.time);
        self.u16(FLAGS).u16(0).u16(time).u16(date).u32(member.crc)
    }
}

/// Time and date as the format writes them: from 1980 on, even seconds.
fn dos(time: DateTime) -> (u16, u16) {
    let part = |value: i8| u16::try_from(value).unwrap_or_default();
    let year = u16::try_from(time.year()).unwrap_or_default();
    if year < 1980 {
        return (0, 1 << 5 | 1);
    }
    let clock = (part(time.hour()) << 11) | (part(time.minute()) << 5) | (part(time.second()) / 2);
    let date = ((year - 1980).min(127) << 9) | (part(time.month()) << 5) | part(time.day());
    (clock, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than 4 GiB and more than 65,535 entries, without writing them: the numbers that do
    /// not fit stand in the Zip64 fields.
    #[test]
    fn large_archives_use_zip64() {
        let time = DateTime::constant(2026, 1, 3, 10, 11, 12, 0);
        let member = |name: &str, size| Member { name: name.into(), size, crc: 7, time };
        let mut directory = Directory::default();
        let header = directory.begin(member("big", 5 << 30));
        assert_eq!(header.len(), 30 + 3 + 20);
        assert_eq!(header[18..26], [0xFF; 8]);
        assert_eq!(header[37..45], (5_u64 << 30).to_le_bytes());
        for _ in 0..70_000 {
            directory.begin(member("x", 0));
        }
        let end: Vec<Vec<u8>> = directory.end().collect();
        let last = end.last().unwrap();
        assert_eq!(last[..4], 0x0606_4B50_u32.to_le_bytes());
        assert_eq!(last[32..40], 70_001_u64.to_le_bytes());
        assert_eq!(last.len(), 56 + 20 + 22);
        // the second entry begins beyond 4 GiB
        assert_eq!(end[1].len(), 46 + 1 + 4 + 8);
    }

    #[test]
    fn times_before_1980_are_the_first_that_there_is() {
        assert_eq!(dos(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)), (0, 0x21));
        assert_eq!(dos(DateTime::constant(2026, 1, 3, 10, 11, 12, 0)), (0x5166, 0x5C23));
    }
}
