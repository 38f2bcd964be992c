//! A file as it goes out: pieces of the one on disk, and bytes that take the place of others.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::{Bytes, BytesMut};

/// The pieces, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    list: Vec<Piece>,
    length: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Bytes made here.
    Made(Bytes),
    /// Bytes of the file.
    Kept { offset: u64, length: u64 },
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Piece::Made(bytes) => bytes.len() as u64,
            Piece::Kept { length, .. } => *length,
        }
    }
}

impl Pieces {
    /// A whole file.
    pub(crate) fn whole(size: u64) -> Self {
        let mut pieces = Self::default();
        pieces.keep(0, size);
        pieces
    }

    /// How many bytes all pieces have.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// About how much memory this takes.
    pub(super) fn weight(&self) -> u32 {
        let made = self.list.iter().map(|piece| match piece {
            Piece::Made(bytes) => bytes.len() + 48,
            Piece::Kept { .. } => 48,
        });
        u32::try_from(made.sum::<usize>() + 64).unwrap_or(u32::MAX)
    }

    /// Adds bytes that are made.
    pub(super) fn make(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.length += bytes.len() as u64;
        self.list.push(Piece::Made(bytes));
    }

    /// Adds bytes of the file.
    pub(super) fn keep(&mut self, offset: u64, length: u64) {
        self.length += length;
        if let Some(Piece::Kept { offset: last, length: before }) = self.list.last_mut()
            && *last + *before == offset
        {
            *before += length;
            return;
        }
        self.list.push(Piece::Kept { offset, length });
    }

    /// Adds all of others.
    pub(super) fn append(&mut self, others: Self) {
        for piece in others.list {
            match piece {
                Piece::Made(bytes) => self.make(bytes),
                Piece::Kept { offset, length } => self.keep(offset, length),
            }
        }
    }

    /// Reads up to so many bytes at an offset of what goes out. Blocks.
    ///
    /// # Errors
    /// If the file can't be read, or has become shorter.
    pub(crate) fn read(&self, file: &File, offset: u64, most: usize) -> io::Result<Bytes> {
        let end = self.length.min(offset.saturating_add(most as u64));
        let mut out = BytesMut::new();
        let mut start = 0;
        for piece in &self.list {
            let (from, to) = (offset.max(start), end.min(start + piece.length()));
            if from < to {
                read_piece(&mut out, file, piece, (from - start, to - from))?;
            }
            start += piece.length();
        }
        Ok(out.freeze())
    }
}

fn read_piece(
    out: &mut BytesMut,
    file: &File,
    piece: &Piece,
    (skip, length): (u64, u64),
) -> io::Result<()> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let length = usize::try_from(length).map_err(too_long)?;
    match piece {
        Piece::Made(bytes) => {
            let skip = usize::try_from(skip).map_err(too_long)?;
            out.extend_from_slice(bytes.get(skip..skip + length).unwrap_or_default());
        }
        Piece::Kept { offset, .. } => {
            let before = out.len();
            out.resize(before + length, 0);
            let slot = out.get_mut(before..).unwrap_or_default();
            file.read_exact_at(slot, offset + skip)?;
        }
    }
    Ok(())
}
