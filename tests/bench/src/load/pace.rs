//! A clock that ticks to the microsecond; the executor's own ticks in milliseconds.

use anyhow::Result;
use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Ticks that nobody can miss: one that nobody waited for is there when it is asked for.
pub(crate) struct Pace {
    timer: AsyncFd<OwnedFd>,
    next: Instant,
    period: Duration,
    /// Ticks that have come and were not taken yet.
    due: u64,
}

impl Pace {
    pub(crate) fn new(period: Duration) -> Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let each = Timespec {
            tv_sec: i64::try_from(period.as_secs())?,
            tv_nsec: i64::from(period.subsec_nanos()),
        };
        let next = Instant::now() + period;
        let every = Itimerspec { it_interval: each, it_value: each };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
        #[allow(
            deprecated,
            reason = "the new one is unsafe for descriptors that change; this one is owned here"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self { timer, next, period, due: 0 })
    }

    /// Waits for the next tick; says when it was meant to be.
    pub(crate) async fn next(&mut self) -> Result<Instant> {
        while self.due == 0 {
            let mut ready = self.timer.readable().await?;
            let read = ready.try_io(|timer| {
                let mut count = [0; 8];
                rustix::io::read(timer, &mut count)?;
                Ok(u64::from_ne_bytes(count))
            });
            if let Ok(count) = read {
                self.due = count?;
            }
        }
        self.due -= 1;
        let tick = self.next;
        self.next += self.period;
        Ok(tick)
    }
}
