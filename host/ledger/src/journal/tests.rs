//! What is written is there afterwards: after an end at any byte, in whatever segment, and after
//! SIGKILL in the middle of writing.

use super::{Bounds, Journal, JournalError, Room};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Small enough that a test meets many segments.
const SMALL: Bounds = Bounds { segment: 512, most: 4_096 };
const AMPLE: Bounds = Bounds { segment: 512, most: 1 << 20 };

fn open(folder: &Path) -> Journal {
    Journal::open(folder, AMPLE).unwrap().0
}

fn record(number: usize) -> Vec<u8> {
    format!("{number} {}", "x".repeat(number % 97)).into_bytes()
}

fn append(journal: &Journal, record: &[u8]) -> u64 {
    journal.append(record, Room::Needed).unwrap()
}

fn all(journal: &Journal) -> Vec<Vec<u8>> {
    let batch = journal.read(0, usize::MAX).unwrap();
    batch.records.into_iter().map(|(_, record)| record).collect()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "journal"));
    paths.sort();
    paths
}

#[test]
fn what_is_written_is_read_from_any_position_across_segments_and_openings() {
    let folder = TempDir::new().unwrap();
    let mut begins = Vec::new();
    for part in 0..4 {
        let journal = open(folder.path());
        for number in part * 50..(part + 1) * 50 {
            begins.push(append(&journal, &record(number)));
        }
        journal.sync().unwrap();
    }
    assert!(segments(folder.path()).len() > 4);
    let journal = open(folder.path());
    for (number, &begin) in begins.iter().enumerate() {
        let batch = journal.read(begin, 1).unwrap();
        assert_eq!(batch.records, [(begin, record(number))]);
        assert_eq!(batch.next, begins.get(number + 1).copied().unwrap_or(journal.end()));
    }
    assert_eq!(all(&journal), (0..200).map(record).collect::<Vec<_>>());
    assert!(journal.read(journal.end(), 1).unwrap().records.is_empty());
}

#[test]
fn a_folder_belongs_to_one_process_and_keeps_its_name() {
    let folder = TempDir::new().unwrap();
    let journal = open(folder.path());
    let name = journal.process().to_owned();
    assert!(matches!(Journal::open(folder.path(), AMPLE), Err(JournalError::InUse(_))));
    drop(journal);
    assert_eq!(open(folder.path()).process(), name);
    assert_ne!(open(TempDir::new().unwrap().path()).process(), name);
}

#[test]
fn a_record_that_was_torn_is_cut_off_wherever_it_was() {
    let folder = TempDir::new().unwrap();
    let journal = open(folder.path());
    append(&journal, b"first");
    let last = append(&journal, b"the second of two");
    let end = journal.end();
    drop(journal);
    let file = segments(folder.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    for cut in last..end {
        fs::write(&file, &whole[..usize::try_from(cut).unwrap()]).unwrap();
        let (journal, torn) = Journal::open(folder.path(), AMPLE).unwrap();
        assert_eq!(torn, cut - last);
        assert_eq!(append(&journal, b"third"), last);
        assert_eq!(all(&journal), [&b"first"[..], b"third"], "cut at {cut}");
    }
    // What the file system promised and never wrote: zeros, or other bytes.
    for tail in [vec![0; 40], vec![0xff; 40]] {
        fs::write(&file, [&whole[..], &tail].concat()).unwrap();
        let (journal, torn) = Journal::open(folder.path(), AMPLE).unwrap();
        assert_eq!((torn, journal.end()), (40, end));
    }
}

#[test]
fn what_was_damaged_hides_its_segment_and_no_other() {
    let folder = TempDir::new().unwrap();
    let journal = open(folder.path());
    let begins: Vec<u64> = (0..40).map(|number| append(&journal, &record(number))).collect();
    let file = segments(folder.path()).remove(1);
    let mut bytes = fs::read(&file).unwrap();
    bytes[10] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let batch = journal.read(0, usize::MAX).unwrap();
    assert_eq!(batch.damaged, bytes.len() as u64);
    assert_eq!(batch.next, journal.end());
    let lost = begins.len() - batch.records.len();
    assert!(lost > 0 && lost < 20, "{lost}");
}

#[test]
fn a_journal_that_is_full_takes_what_ends_and_nothing_that_begins() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path(), SMALL).unwrap();
    let mut written = 0;
    while journal.append(&[b'x'; 92], Room::Needed).is_ok() {
        written += 1;
    }
    assert_eq!(written, 40);
    assert!(matches!(journal.append(&[b'x'; 92], Room::Needed), Err(JournalError::Full)));
    journal.append(&[b'y'; 92], Room::Granted).unwrap();
    // Nothing was lost of the oldest, and room comes back when the store has it.
    assert_eq!(all(&journal).len(), 41);
    journal.remove_before(journal.end()).unwrap();
    assert_eq!(segments(folder.path()).len(), 1);
    assert!(journal.first() > 0);
    append(&journal, &[b'x'; 92]);
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path(), Bounds::default()).unwrap();
    let long = vec![b'x'; (16 << 20) + 1];
    assert!(matches!(journal.append(&long, Room::Granted), Err(JournalError::TooLong(_))));
    append(&journal, &long[1..]);
    append(&journal, b"next");
    drop(journal);
    assert_eq!(all(&open(folder.path())).len(), 2);
}

#[test]
fn what_is_not_in_the_store_is_not_removed() {
    let folder = TempDir::new().unwrap();
    let journal = open(folder.path());
    let begins: Vec<u64> = (0..100).map(|number| append(&journal, &record(number))).collect();
    for &begin in &begins {
        journal.remove_before(begin).unwrap();
        assert_eq!(journal.read(begin, 1).unwrap().records[0].0, begin);
    }
    assert_eq!(segments(folder.path()).len(), 1);
}

#[test]
fn positions_that_the_store_has_seen_are_not_given_again() {
    let folder = TempDir::new().unwrap();
    let journal = open(folder.path());
    append(&journal, b"before");
    journal.advance(1_000).unwrap();
    journal.advance(10).unwrap();
    assert_eq!(append(&journal, b"after"), 1_000);
    assert_eq!(all(&journal), [&b"before"[..], b"after"]);
    drop(journal);
    let journal = open(folder.path());
    let batch = journal.read(14, usize::MAX).unwrap();
    assert_eq!((batch.records.len(), batch.damaged), (1, 0));
}

const FOLDER: &str = "PORTCULLIS_TEST_JOURNAL";

/// Is the process that is killed: it says what is written when it is.
#[test]
fn writer_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let journal = open(Path::new(&folder));
    let from = all(&journal).len();
    let mut out = std::io::stdout().lock();
    for number in from.. {
        append(&journal, &record(number));
        writeln!(out, "wrote {number}").unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let folder = TempDir::new().unwrap();
    for round in 0..8_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::tests::writer_that_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = lines.map_while(Result::ok).filter_map(|line| {
            let (_, number) = line.split_once("wrote ")?;
            number.parse::<usize>().ok()
        });
        let mut last = told.by_ref().nth(round * 37 + 1).unwrap();
        child.kill().unwrap();
        // What it said while it was being killed counts as well; its last line may be torn.
        let rest: Vec<usize> = told.collect();
        last = rest.iter().rev().nth(1).copied().unwrap_or(last);
        child.wait().unwrap();
        let written = all(&open(folder.path()));
        assert!(written.len() > last, "{} of {last}", written.len());
        for (number, bytes) in written.iter().enumerate() {
            assert_eq!(*bytes, record(number));
        }
    }
}
