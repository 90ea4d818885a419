//! How a record lies in a file: its length, a checksum of it, and itself.
//!
//! The checksum is CRC-32: it finds what was torn or never written, and is no defence against
//! who changes the file on purpose; whoever may write it may spend the budget as well.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEAD: usize = 8;
/// The longest record that there is: a length beyond it is not one.
const LONGEST: u32 = 16 << 20;

/// Bytes that a record takes.
pub(super) fn length(record: &[u8]) -> u64 {
    (HEAD + record.len()) as u64
}

/// Whether a record can be read again.
pub(super) fn fits(record: &[u8]) -> bool {
    record.len() <= LONGEST as usize
}

/// Writes a record in its frame over what is in the buffer.
pub(super) fn write(record: &[u8], buffer: &mut Vec<u8>) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    buffer.clear();
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&checksum(length, record).to_le_bytes());
    buffer.extend_from_slice(record);
}

/// The length is part of it: a row of zeros is no record.
fn checksum(length: u32, record: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&length.to_le_bytes());
    hash.update(record);
    hash.finalize()
}

/// Reads records one after the other.
pub(super) struct Frames<R>(R);

impl<R: Read> Frames<R> {
    pub(super) fn new(bytes: R) -> Self {
        Self(bytes)
    }

    /// The next one; `None` where what follows is none, or nothing follows.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0; HEAD];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let [a, b, c, d, e, f, g, h] = head;
        let (length, sum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if length > LONGEST {
            return Ok(None);
        }
        let mut record = vec![0; length as usize];
        let whole = self.fill(&mut record)? && checksum(length, &record) == sum;
        Ok(whole.then_some(record))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        match self.0.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(why) => Err(why),
        }
    }
}

impl Frames<BufReader<File>> {
    /// How many bytes of a file are whole records.
    pub(super) fn whole(path: &Path) -> io::Result<u64> {
        let mut frames = Self::new(BufReader::new(File::open(path)?));
        let mut whole = 0;
        while let Some(record) = frames.next()? {
            whole += length(&record);
        }
        Ok(whole)
    }
}
