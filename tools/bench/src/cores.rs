//! Which thread runs where, and how far two cores are from each other.
//!
//! A thread inherits the cores of the one that started it, so a thread that is pinned starts no other.

use super::harness::Spread;
use core_affinity::CoreId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Round trips below this are of cores that share a cache.
pub const NEAR_NS: f64 = 150.0;

/// The cores that this process may use, least first.
pub fn cores() -> Vec<CoreId> {
    let mut cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.sort_by_key(|c| c.id);
    cores
}

/// Pins the calling thread; answers whether the system did it.
pub fn pin(core: CoreId) -> bool {
    core_affinity::set_for_current(core)
}

/// Time for a cache line to go to another core and back, in nanoseconds, several times.
///
/// The two threads stay on the cores they are given; the caller's own thread is not moved.
pub fn ping_pong(here: CoreId, there: CoreId, round_trips: u64, times: usize) -> Spread {
    #[repr(align(128))]
    #[derive(Default)]
    struct Line(AtomicU64);
    let figures = (0..times).map(|_| {
        let (ping, pong) = (Line::default(), Line::default());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pin(there);
                for i in 1..=round_trips {
                    wait_for(&ping.0, i);
                    pong.0.store(i, Ordering::Release);
                }
            });
            let meter = scope.spawn(|| {
                pin(here);
                ping.0.store(1, Ordering::Release);
                wait_for(&pong.0, 1);
                let start = Instant::now();
                for i in 2..=round_trips {
                    ping.0.store(i, Ordering::Release);
                    wait_for(&pong.0, i);
                }
                start.elapsed().as_nanos() as f64 / (round_trips - 1) as f64
            });
            meter.join().expect("the meter does not panic")
        })
    });
    Spread::of(figures.collect())
}

/// Spins until a word has a value; lets others run when it takes long, so that one core is enough to end.
fn wait_for(word: &AtomicU64, value: u64) {
    let mut looks = 0u32;
    while word.load(Ordering::Acquire) < value {
        looks += 1;
        if looks.is_multiple_of(1 << 14) {
            std::thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

/// The machine in one line: processor, cores that may be used, system.
pub fn machine() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{model}, {} cores, {} {}",
        cores().len(),
        std::env::consts::OS,
        release.trim()
    )
    .trim_end()
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_there_and_back() {
        let cores = cores();
        let (Some(&here), Some(&there)) = (cores.first(), cores.last()) else {
            return;
        };
        assert!(ping_pong(here, there, 20, 2).min > 0.0);
    }
}
