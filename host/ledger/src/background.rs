//! A thread for what nobody waits for: it gives way to those that serve requests.
//!
//! To tell the store of some thousand requests a second takes milliseconds of a core at a time. On
//! a machine whose cores are all busy that would be time that requests wait for.

use std::sync::mpsc;
use std::thread;
use tokio::sync::oneshot;

/// How much less than others it gets where all want to run, as `nice` counts it (0 is usual, 19 is
/// the least).
const GIVE_WAY: i32 = 10;

/// Jobs that wait there: a process has one round at a time.
const MOST: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// The thread; it ends with this value.
#[derive(Debug)]
pub(crate) struct Background(Option<mpsc::SyncSender<Job>>);

impl Background {
    /// Starts one. Where none can be had, jobs are done where they are asked for.
    pub(crate) fn start() -> Self {
        let (jobs, asked) = mpsc::sync_channel::<Job>(MOST);
        let working = move || {
            give_way();
            while let Ok(job) = asked.recv() {
                job();
            }
        };
        let started = thread::Builder::new().name("ledger".to_owned()).spawn(working);
        Self(started.is_ok().then_some(jobs))
    }

    /// Has something done there.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + Clone + 'static,
    ) -> T {
        let (done, answer) = oneshot::channel();
        let again = job.clone();
        if let Some(jobs) = &self.0 {
            let job: Job = Box::new(move || drop(done.send(job())));
            if jobs.try_send(job).is_ok()
                && let Ok(answer) = answer.await
            {
                return answer;
            }
        }
        again()
    }
}

/// From now on this thread, and those that it starts, give way to others (on Linux, where it is a
/// thread's and not the process's own).
pub(crate) fn give_way() {
    #[cfg(target_os = "linux")]
    // Whoever may not lower itself goes on as it is.
    let _ = rustix::process::nice(GIVE_WAY);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_it_does_gives_way_and_what_others_do_does_not() {
        let niceness = || rustix::process::nice(0).unwrap();
        let (here, background) = (niceness(), Background::start());
        assert_eq!(background.run(niceness).await, (here + GIVE_WAY).min(19));
        // Those that are started there as well.
        let of_child = move || thread::spawn(niceness).join().unwrap();
        assert_eq!(background.run(of_child).await, (here + GIVE_WAY).min(19));
        assert_eq!(niceness(), here);
    }
}
