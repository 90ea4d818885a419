//! Lets a task that wakes itself go on, instead of standing in line again.
//!
//! hyper hands bodies and answers through channels, also where both ends are polled by the same
//! task. Each hand-over then wakes the task that is running, and tokio takes that for a wish to
//! yield: it puts the task at the end of a queue and wakes another worker to take it from there.
//! That was more than one sleeping thread woken for each request, and each request finished on a
//! core that knew nothing of it.

use futures_util::task::AtomicWaker;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often a future may wake itself before others get their turn.
const MOST: u32 = 16;

/// Nobody polls the future: who wakes it, wakes its task.
const RESTING: u8 = 0;
/// It is being polled.
const POLLED: u8 = 1;
/// It was woken while it was polled, and is polled again.
const WOKEN: u8 = 2;

/// Runs a future; where it is woken while it runs, it is polled again at once.
pub async fn settle<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let bell = Arc::new(Bell { task: AtomicWaker::new(), state: AtomicU8::new(RESTING) });
    let waker = Waker::from(bell.clone());
    poll_fn(|cx| {
        bell.task.register(cx.waker());
        for _ in 0..MOST {
            bell.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
            if bell.state.swap(RESTING, Ordering::AcqRel) == POLLED {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

struct Bell {
    task: AtomicWaker,
    state: AtomicU8,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let during =
            self.state.compare_exchange(POLLED, WOKEN, Ordering::AcqRel, Ordering::Acquire);
        if during == Err(RESTING) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::atomic::AtomicU32;

    /// A future that wakes itself so often before it is done, and how often it was polled.
    async fn wakes_itself(times: u32, polls: &AtomicU32) {
        poll_fn(|cx| {
            if polls.fetch_add(1, Ordering::Relaxed) == times {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn who_wakes_itself_goes_on_at_once_but_not_for_ever() {
        for (times, polls, done) in [(0, 1, true), (3, 4, true), (1_000, MOST, false)] {
            let count = AtomicU32::new(0);
            let polled = settle(wakes_itself(times, &count)).now_or_never();
            assert_eq!((polled.is_some(), count.into_inner()), (done, polls), "{times}");
        }
    }

    #[tokio::test]
    async fn who_is_woken_by_others_is_polled_again() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let settled = tokio::spawn(settle(receiver));
        tokio::task::yield_now().await;
        sender.send("a word").unwrap();
        assert_eq!(settled.await.unwrap(), Ok("a word"));
        // And who is never done leaves room for others.
        let count = AtomicU32::new(0);
        tokio::select! {
            biased;
            () = settle(wakes_itself(u32::MAX, &count)) => panic!("it is never done"),
            () = tokio::task::yield_now() => {}
        }
    }
}
