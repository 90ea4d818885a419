//! Notices that the files of the configuration changed.
//!
//! Folders are watched and not files: editors and orchestrators put a new file in the place of the
//! old one, often behind a link. So whatever happens in one of these folders leads to a look at
//! what the files hold, and only other contents are news.

use crate::config::Config;
use crate::events::WatchFailed;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use portcullis_sandbox::Digest;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How long nothing may happen any more before the files are looked at: whoever writes one of
/// them often writes several, and each in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// The files of a configuration.
pub struct Watch {
    files: Vec<PathBuf>,
    folders: BTreeSet<PathBuf>,
    seen: Digest,
    stirred: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches the files that this configuration was read from.
    pub fn of(config: &Config) -> Self {
        let stirred = Arc::new(Notify::new());
        let stir = stirred.clone();
        let heard = move |event: notify::Result<notify::Event>| {
            // To look at a file is no change, and this looks at files.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                stir.notify_one();
            }
        };
        let watcher = notify::recommended_watcher(heard);
        let watcher = watcher.inspect_err(|why| WatchFailed { what: "files", why }.emit()).ok();
        let (files, folders, seen) = (Vec::new(), BTreeSet::new(), Digest::of(&[]));
        let mut watch = Self { files, folders, seen, stirred, watcher };
        watch.follow(config);
        watch
    }

    /// Watches the files of another configuration instead, as they are now.
    pub fn follow(&mut self, config: &Config) {
        self.files = config.files();
        let parent = |file: &PathBuf| match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let folders: BTreeSet<PathBuf> = self.files.iter().map(parent).collect();
        if let Some(watcher) = &mut self.watcher {
            for gone in self.folders.difference(&folders) {
                // It may not be there any more, and then it is not watched either.
                let _ = watcher.unwatch(gone);
            }
            for new in folders.difference(&self.folders) {
                if let Err(why) = watcher.watch(new, RecursiveMode::NonRecursive) {
                    WatchFailed { what: &new.display().to_string(), why: &why }.emit();
                }
            }
        }
        self.folders = folders;
        self.seen = contents(&self.files);
    }

    /// Returns when one of the files holds something else than when it was last looked at.
    pub async fn changed(&mut self) {
        loop {
            self.stirred.notified().await;
            while tokio::time::timeout(QUIET, self.stirred.notified()).await.is_ok() {}
            let contents = contents(&self.files);
            if contents != self.seen {
                self.seen = contents;
                return;
            }
        }
    }
}

/// What the files hold, all of them together; one that cannot be read holds nothing.
fn contents(files: &[PathBuf]) -> Digest {
    let read = |file: &PathBuf| std::fs::read(Path::new(file)).unwrap_or_default();
    let digests: Vec<Digest> = files.iter().map(|file| Digest::of(&read(file))).collect();
    Digest::of_all(&digests.iter().map(|digest| &digest.bytes()[..]).collect::<Vec<_>>())
}
