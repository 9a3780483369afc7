//! A process killed again and again at random moments, with checkpoints every few milliseconds: the rows that its sink
//! has in the end are those of a process that was never killed.

use crate::child::{Mode, Task};
use crate::common::{Folder, row, uninterrupted};
use eventflux_kit::Random;
use eventflux_testbed::HANG;
use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const KILLS: u64 = 36;

fn wait_until(child: &mut Child, what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        let ended = child.try_wait().expect("it was started here");
        assert!(ended.is_none(), "waiting for {what}: it ended by itself");
        assert!(begun.elapsed() < HANG, "waiting for {what} in vain");
        // Looked at again after a millisecond at the latest: the child needs the core more.
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn soak(workers: usize, random: &mut Random) {
    let folder = Folder::new(&format!("kill-{workers}"));
    let task = |rows, interval| Task {
        dir: folder.path().to_path_buf(),
        rows,
        workers,
        mode: Mode::Interval(interval),
        abort: None,
    };
    let size = |task: &Task| std::fs::metadata(task.out()).map_or(0, |m| m.len());
    let mut epochs = vec![0];
    for kill in 0..KILLS / 2 {
        let task = task(u64::MAX >> 1, 10 + random.below(91));
        let (bytes, epoch) = (size(&task), *epochs.last().expect("one at least"));
        let more = 200 + random.below(40_000);
        let mut child = task.command().spawn().expect("it can be started");
        wait_until(&mut child, "rows", || size(&task) > bytes + more);
        if kill % 3 == 0 {
            wait_until(&mut child, "a checkpoint", || task.epoch() > epoch + 1);
        }
        // SIGKILL on Unix: nothing of the child runs any more.
        child.kill().expect("it runs");
        child.wait().expect("it was started here");
        epochs.push(task.epoch());
    }
    assert!(epochs.is_sorted(), "{epochs:?}");
    let grown = epochs.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!(grown as u64 >= KILLS / 6, "{epochs:?}");
    // Workers may have come differently far; of 13 keys every one has the same share of rows.
    let sums = counts(&task(0, 10));
    let furthest = sums.keys().map(|(_, count)| count * 13).max();
    let last = task(furthest.unwrap_or(0) + 1_000, 10);
    assert!(last.run(), "it comes to its end");
    check(&last);
}

/// Every key has its rows, counted from 1, with the sums of the rows sent.
fn check(task: &Task) {
    let mut expected = BTreeMap::new();
    let mut state: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    for n in 1..=task.rows {
        let (_, key, value) = row(n);
        let (count, sum) = state.entry(key.clone()).or_default();
        *count += 1;
        *sum += value;
        expected.insert((key, *count), *sum);
    }
    assert_eq!(counts(task), expected);
    // The window, too, against a run of the same rows in one piece.
    assert!(task.written() == uninterrupted(task.rows));
}

/// The sums that were written, by key and count.
fn counts(task: &Task) -> BTreeMap<(String, u64), i64> {
    let mut found = BTreeMap::new();
    for ((stream, ..), row) in task.written() {
        if stream == "Sums" {
            let parts: Vec<&str> = row.split(['"', '(', ')']).collect();
            let number = |text: &str| text.parse::<i64>().expect("a number");
            let (key, count, sum) = (parts[2], number(parts[5]), number(parts[7]));
            let before = found.insert((key.to_string(), count as u64), sum);
            assert_eq!(before, None, "{row} came twice");
        }
    }
    found
}

#[test]
fn a_process_is_killed_at_any_moment() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = now.map_or(1, |now| now.as_nanos() as u64);
    let mut random = Random::new(seed);
    soak(0, &mut random);
    soak(2, &mut random);
}
