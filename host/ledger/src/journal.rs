//! An append-only file of this process: what was promised and what came of it is written there
//! before anybody is told, and read from there into the store.
//!
//! A record is handed to the operating system by one `write` before [`Journal::append`] returns:
//! the end of the process, even by SIGKILL, takes nothing that was acknowledged. [`Journal::sync`],
//! called a few times a second, brings it to the disk, so that a power failure takes the last
//! moment at most. Waiting for the disk at each request would cost milliseconds, and a request's
//! own answer is lost with the power anyway.
//!
//! A position is a count of bytes since the journal began. It lies in segments, files that are
//! called by the position of their first byte, so that what is in the store can be removed. What
//! is full refuses what begins, and still takes what ends.

mod frame;

use frame::Frames;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

const LOCK: &str = "lock";
const PROCESS: &str = "process";
const ENDING: &str = ".journal";

/// How large a journal may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one segment.
    pub segment: u64,
    /// Bytes of all of them; at least four segments.
    pub most: u64,
}

/// A journal that is open. Its folder belongs to this process alone.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    process: String,
    bounds: Bounds,
    writer: Mutex<Writer>,
    /// Given back by the operating system when the process ends, however it ends.
    _lock: File,
}

/// How often a folder is tried that somebody has: for a moment, any program that this process
/// starts has all of its files, a lock that was just given up among them.
const TRIES: u32 = 20;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// Why a journal is not there, or does not take a record.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process writes it.
    #[error(
        "the journal in {} belongs to another process; give each process a folder of its own",
        .0.display()
    )]
    InUse(PathBuf),
    /// It holds as much as it may, because the store does not take it.
    #[error("the journal holds as much as it may and the store takes nothing of it")]
    Full,
    /// A record of more than 16 MiB.
    #[error("a record of {0} bytes is too long for the journal")]
    TooLong(usize),
    /// A write broke off and could not be undone: what follows would be behind what is torn.
    #[error("the journal broke off in the middle of a record; restart the process")]
    Broken,
    /// The folder or a file in it.
    #[error("the journal in {}: {why}", folder.display())]
    Disk {
        /// Where.
        folder: PathBuf,
        /// The operating system's words.
        why: io::Error,
    },
}

/// Whether a record may be refused for want of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It begins something.
    Needed,
    /// It ends something that was let in: as many as that are never refused.
    Granted,
}

/// Records that were read.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Where each of them begins and what it says.
    pub(crate) records: Vec<(u64, Vec<u8>)>,
    /// Where the next one begins.
    pub(crate) next: u64,
    /// Bytes that were passed over because they are no records.
    pub(crate) damaged: u64,
}

#[derive(Debug)]
struct Writer {
    file: File,
    /// Where each begins; the last one is written.
    segments: VecDeque<u64>,
    end: u64,
    /// Files that are full and were not brought to the disk yet.
    full: Vec<File>,
    /// What one `write` writes.
    buffer: Vec<u8>,
    broken: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { segment: 64 << 20, most: 1 << 30 }
    }
}

impl Journal {
    /// Opens the journal of a folder, which is made where there is none, and says how many bytes
    /// at its end were of a record that a sudden end tore. They are cut off: nobody was told that
    /// it was written.
    ///
    /// # Errors
    ///
    /// If another process has it, or the folder cannot be used.
    pub fn open(folder: &Path, bounds: Bounds) -> Result<(Self, u64), JournalError> {
        let failed = |why| JournalError::Disk { folder: folder.to_owned(), why };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        if !take(&lock).map_err(failed)? {
            return Err(JournalError::InUse(folder.to_owned()));
        }
        let process = process(folder).map_err(failed)?;
        let (writer, torn) = Writer::open(folder).map_err(failed)?;
        let bounds = Bounds { most: bounds.most.max(bounds.segment.saturating_mul(4)), ..bounds };
        let writer = Mutex::new(writer);
        Ok((Self { folder: folder.to_owned(), process, bounds, writer, _lock: lock }, torn))
    }

    /// What this process is called in the store: the same as long as the folder is.
    #[must_use]
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Writes a record, and returns where it begins.
    pub(crate) fn append(&self, record: &[u8], room: Room) -> Result<u64, JournalError> {
        let mut writer = self.lock();
        let length = frame::length(record);
        if writer.broken {
            return Err(JournalError::Broken);
        }
        // It would be taken for a torn one, and all that follows with it.
        if !frame::fits(record) {
            return Err(JournalError::TooLong(record.len()));
        }
        if room == Room::Needed && writer.end - writer.first() + length > self.bounds.most {
            return Err(JournalError::Full);
        }
        let used = writer.end - writer.current();
        if used > 0 && used + length > self.bounds.segment {
            let end = writer.end;
            writer.roll(&self.folder, end).map_err(|why| self.failed(why))?;
        }
        writer.write(record).map_err(|why| self.failed(why))
    }

    /// Where the next record will begin.
    pub(crate) fn end(&self) -> u64 {
        self.lock().end
    }

    /// The oldest position that is still there.
    pub(crate) fn first(&self) -> u64 {
        self.lock().first()
    }

    /// Reads records from a position on, until they are `most` bytes or there are no more.
    pub(crate) fn read(&self, from: u64, most: usize) -> Result<Batch, JournalError> {
        let (segments, end) = {
            let writer = self.lock();
            (writer.segments.clone(), writer.end)
        };
        let mut batch = Batch { next: from, ..Batch::default() };
        let mut size = 0;
        for (at, &start) in segments.iter().enumerate() {
            let stop = segments.get(at + 1).copied().unwrap_or(end);
            if stop <= batch.next || size >= most {
                continue;
            }
            self.read_segment(start, stop, &mut batch, &mut size, most)
                .map_err(|why| self.failed(why))?;
        }
        Ok(batch)
    }

    fn read_segment(
        &self,
        start: u64,
        stop: u64,
        batch: &mut Batch,
        size: &mut usize,
        most: usize,
    ) -> io::Result<()> {
        let mut file = File::open(segment(&self.folder, start))?;
        batch.next = batch.next.max(start);
        // A segment that begins behind the end of the one before it leaves a hole.
        let written = stop.min(start + file.metadata()?.len());
        file.seek(SeekFrom::Start(batch.next - start))?;
        let left = written.saturating_sub(batch.next);
        let mut frames = Frames::new(BufReader::new(file.take(left)));
        while *size < most {
            let Some(record) = frames.next()? else {
                batch.damaged += written.saturating_sub(batch.next);
                batch.next = stop;
                return Ok(());
            };
            let begins = batch.next;
            batch.next += frame::length(&record);
            *size += record.len();
            batch.records.push((begins, record));
        }
        if batch.next == written {
            batch.next = stop;
        }
        Ok(())
    }

    /// Removes the segments that lie before a position.
    pub(crate) fn remove_before(&self, position: u64) -> Result<(), JournalError> {
        let mut writer = self.lock();
        while writer.segments.get(1).is_some_and(|&second| second <= position) {
            let first = writer.first();
            fs::remove_file(segment(&self.folder, first)).map_err(|why| self.failed(why))?;
            writer.segments.pop_front();
        }
        Ok(())
    }

    /// Goes on at a position that lies behind the end: the store has seen what a power failure
    /// took from the disk, and would take what is written here now for that.
    pub(crate) fn advance(&self, position: u64) -> Result<(), JournalError> {
        let mut writer = self.lock();
        if position > writer.end {
            writer.roll(&self.folder, position).map_err(|why| self.failed(why))?;
        }
        Ok(())
    }

    /// Brings what was written to the disk. It waits for it, so it has no place on the path of a
    /// request.
    ///
    /// # Errors
    ///
    /// If the disk does not take it.
    pub fn sync(&self) -> Result<(), JournalError> {
        let (file, full) = {
            let mut writer = self.lock();
            let file = writer.file.try_clone().map_err(|why| self.failed(why))?;
            (file, std::mem::take(&mut writer.full))
        };
        let sync = || {
            full.iter().try_for_each(File::sync_data)?;
            file.sync_data()?;
            if full.is_empty() { Ok(()) } else { File::open(&self.folder)?.sync_all() }
        };
        sync().map_err(|why| self.failed(why))
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        // Nothing that can panic runs while it is held.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, why: io::Error) -> JournalError {
        JournalError::Disk { folder: self.folder.clone(), why }
    }
}

impl Writer {
    fn open(folder: &Path) -> io::Result<(Self, u64)> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let start: Option<u64> =
                name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
            segments.extend(start);
        }
        segments.sort_unstable();
        let last = segments.last().copied().unwrap_or(0);
        if segments.is_empty() {
            segments.push(last);
        }
        let file = appended(folder, last)?;
        let whole = Frames::whole(&segment(folder, last))?;
        let torn = file.metadata()?.len() - whole;
        file.set_len(whole)?;
        let (segments, end) = (segments.into(), last + whole);
        let (full, buffer) = (Vec::new(), Vec::new());
        Ok((Self { file, segments, end, full, buffer, broken: false }, torn))
    }

    fn first(&self) -> u64 {
        self.segments.front().copied().unwrap_or_default()
    }

    fn current(&self) -> u64 {
        self.segments.back().copied().unwrap_or_default()
    }

    fn write(&mut self, record: &[u8]) -> io::Result<u64> {
        frame::write(record, &mut self.buffer);
        if let Err(why) = self.file.write_all(&self.buffer) {
            // What was written of it goes, or else nothing behind it would ever be found.
            self.broken = self.file.set_len(self.end - self.current()).is_err();
            return Err(why);
        }
        let begins = self.end;
        self.end += frame::length(record);
        Ok(begins)
    }

    /// Goes on in a new segment that begins at a position.
    fn roll(&mut self, folder: &Path, position: u64) -> io::Result<()> {
        let file = appended(folder, position)?;
        self.full.push(std::mem::replace(&mut self.file, file));
        self.segments.push_back(position);
        self.end = position;
        Ok(())
    }
}

fn appended(folder: &Path, start: u64) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(segment(folder, start))
}

fn segment(folder: &Path, start: u64) -> PathBuf {
    folder.join(format!("{start:020}{ENDING}"))
}

/// The name that the folder has, or gets now.
fn process(folder: &Path) -> io::Result<String> {
    let path = folder.join(PROCESS);
    match fs::read_to_string(&path) {
        Ok(name) if !name.is_empty() => return Ok(name),
        Ok(_) => {}
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    let name = Uuid::now_v7().to_string();
    // Renamed when it is whole: half a name would be another process's.
    let draft = folder.join("process.new");
    fs::write(&draft, &name)?;
    File::open(&draft)?.sync_all()?;
    fs::rename(&draft, &path)?;
    Ok(name)
}

/// Whether the lock is this process's by now.
#[allow(
    clippy::disallowed_methods,
    reason = "a process begins with this, and nobody waits beside it"
)]
fn take(lock: &File) -> io::Result<bool> {
    for left in (0..TRIES).rev() {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if left > 0 => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(why)) => return Err(why),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
