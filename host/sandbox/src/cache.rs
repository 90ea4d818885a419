//! Compiled components on disk, and the one `unsafe` of the workspace.
//!
//! `Component::deserialize` trusts its input: whoever writes it runs code in this process. So
//! nothing is loaded but what this program wrote itself: the folder and its files belong to
//! this user and nobody else may write there, each file begins with the digest of the rest,
//! and the folder's name holds wasmtime's own statement of what it is compatible with. A file
//! is read into memory, never mapped, so that replacing it cannot change running code.

use crate::{Digest, EngineError};
use rustix::fs::{Mode, stat};
use rustix::process::geteuid;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wasmtime::component::Component;

/// Bytes of the digest in front of a compiled component.
const HEAD: usize = 32;

pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Makes the folder, or checks that it is nobody else's.
    pub(crate) fn open(folder: &Path, engine: &wasmtime::Engine) -> Result<Self, EngineError> {
        let fail = |why: String| EngineError::Cache { folder: folder.to_owned(), why };
        let mut hash = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hash);
        let folder_of_engine = folder.join(format!("{:016x}", hash.finish()));
        make_private(&folder_of_engine).map_err(|error| fail(error.to_string()))?;
        for folder in [folder, &folder_of_engine] {
            if let Err(why) = check_private(folder) {
                return Err(fail(why));
            }
        }
        Ok(Self { folder: folder_of_engine })
    }

    /// The component that was kept under `key`, if it is there and whole.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, key: &Digest) -> Option<Component> {
        let path = self.path(key);
        check_private(&path).ok()?;
        let file = fs::read(&path).ok()?;
        let (head, compiled) = file.split_at_checked(HEAD)?;
        if Digest::of(compiled).bytes() != head {
            tracing::warn!(file = %path.display(), "a compiled component is damaged; compiling anew");
            return None;
        }
        load(engine, compiled)
    }

    /// Keeps a component under `key`. The file appears whole or not at all.
    pub(crate) fn put(&self, key: &Digest, component: &Component) -> io::Result<()> {
        let compiled =
            component.serialize().map_err(|error| io::Error::other(format!("{error:#}")))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(Digest::of(&compiled).bytes())?;
        file.write_all(&compiled)?;
        file.persist(self.path(key)).map_err(|error| error.error)?;
        Ok(())
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(format!("{}.cwasm", key.hex()))
    }
}

#[allow(unsafe_code, reason = "loads compiled code that this program itself wrote; see above")]
pub(crate) fn load(engine: &wasmtime::Engine, compiled: &[u8]) -> Option<Component> {
    // SAFETY: `compiled` is what `Cache::put` wrote: it lies in a folder and a file that only
    // this user can write, and its digest is that of the file's head. Or it is what this very
    // program wrote as a child of this process, into a pipe that nobody else has an end of.
    let loaded = unsafe { Component::deserialize(engine, compiled) };
    loaded.inspect_err(|error| tracing::warn!("a compiled component does not load: {error:#}")).ok()
}

fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Whether the file or folder is this user's and nobody else may write to it.
fn check_private(path: &Path) -> Result<(), String> {
    let stat = stat(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(format!(
            "{} belongs to another user; name a folder of your own",
            path.display()
        ));
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        let path = path.display();
        return Err(format!(
            "others may write to {path}, and what lies there is run; `chmod 700 {path}`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// The smallest component there is: it holds nothing.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn key() -> Digest {
        Digest::of(EMPTY)
    }

    /// A cache in a new folder, with the empty component in it.
    fn filled(folder: &Path) -> (wasmtime::Engine, Cache) {
        let engine = wasmtime::Engine::default();
        let cache = Cache::open(&folder.join("compiled"), &engine).unwrap();
        let component = Component::new(&engine, EMPTY).unwrap();
        cache.put(&key(), &component).unwrap();
        (engine, cache)
    }

    fn let_others_write(path: &Path) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }

    #[test]
    fn what_was_kept_is_found_by_its_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, cache) = filled(folder.path());
        assert!(cache.get(&engine, &key()).is_some());
        assert!(cache.get(&engine, &Digest::of(b"other")).is_none());
        let mode = fs::metadata(folder.path().join("compiled")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_file_that_was_changed_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, cache) = filled(folder.path());
        let path = cache.path(&key());
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in [&flipped[..], &whole[..whole.len() - 1], &whole[..HEAD - 1], b""] {
            fs::write(&path, damaged).unwrap();
            assert!(cache.get(&engine, &key()).is_none(), "{} bytes", damaged.len());
        }
    }

    #[test]
    fn nothing_is_run_that_others_may_write() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, cache) = filled(folder.path());
        let_others_write(&cache.path(&key()));
        assert!(cache.get(&engine, &key()).is_none(), "a file of everybody's");
        let_others_write(&folder.path().join("compiled"));
        let Err(error) = Cache::open(&folder.path().join("compiled"), &engine) else {
            panic!("a folder of everybody's was taken");
        };
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}
