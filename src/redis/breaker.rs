//! Stops asking a server that does not answer, but for one probe now and then.

use std::time::{Duration, Instant};

/// Counts failures in a row; from a limit on, calls are let through only as probes, ever more rarely.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause_first: Duration,
    pause_max: Duration,
    failures: u32,
    /// While open: when the next probe may go.
    next_probe: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, pause_first: Duration, pause_max: Duration) -> Self {
        Breaker {
            failures_max,
            pause_first,
            pause_max,
            failures: 0,
            next_probe: None,
        }
    }

    /// Whether a call may go now; otherwise how long until a probe may. Whoever may go and finds it open is the probe:
    /// others wait for another pause.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.next_probe {
            None => Ok(()),
            Some(at) if now < at => Err(at - now),
            Some(_) => {
                self.next_probe = Some(now + self.pause());
                Ok(())
            }
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.next_probe = None;
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.failures_max {
            self.next_probe = Some(now + self.pause());
        }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn is_open(&self) -> bool {
        self.next_probe.is_some()
    }

    /// Doubles with every failure beyond the limit.
    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(self.failures_max).min(16);
        (self.pause_first * (1 << doublings)).min(self.pause_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_probes_and_closes() {
        let ms = Duration::from_millis;
        let mut breaker = Breaker::new(2, ms(50), ms(150));
        let mut now = Instant::now();
        breaker.failed(now);
        assert_eq!(breaker.admit(now), Ok(()));
        breaker.failed(now);
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(now), Err(ms(50)));
        now += ms(50);
        assert_eq!(breaker.admit(now), Ok(()));
        assert_eq!(breaker.admit(now), Err(ms(50)), "one probe at a time");
        breaker.failed(now);
        assert_eq!(breaker.admit(now), Err(ms(100)));
        for _ in 0..100 {
            breaker.failed(now);
        }
        assert_eq!(breaker.admit(now), Err(ms(150)));
        breaker.succeeded();
        assert_eq!((breaker.admit(now), breaker.failures()), (Ok(()), 0));
    }
}
