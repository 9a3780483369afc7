//! A process that aborts at every moment of a checkpoint and of a restore: whatever the moment, the next one goes on,
//! and what came out in the end is what comes out of one that never ended.

use crate::child::{Abort, Mode, Moment, Task};
use crate::common::{Folder, uninterrupted};

const ROWS: u64 = 240;

fn task(folder: &Folder, workers: usize, mode: Mode) -> Task {
    Task {
        dir: folder.path().to_path_buf(),
        rows: ROWS,
        workers,
        mode,
        abort: None,
    }
}

/// Runs a child that aborts, then others until one ends; false when already the first one ended.
fn aborted(task: &Task, abort: Abort) -> bool {
    let first = Task {
        abort: Some(abort),
        ..task.clone()
    };
    if first.run() {
        return false;
    }
    assert!(task.run(), "{abort:?}: the second one aborted, too");
    assert_eq!(task.written(), uninterrupted(task.rows), "{abort:?}");
    true
}

/// Aborts at the first, second, … moment of a kind until there are no more; answers how many there were.
fn all(name: &str, workers: usize, mode: Mode, at: impl Fn(usize) -> Abort) -> usize {
    let mut points = 0;
    loop {
        let folder = Folder::new(&format!("points-{name}"));
        if !aborted(&task(&folder, workers, mode), at(points + 1)) {
            return points;
        }
        points += 1;
    }
}

#[test]
fn before_every_operation() {
    let before = |k| Abort::Operation(k, Moment::Before);
    let points = all("before", 0, Mode::Script, before);
    assert!(points >= 30, "{points} points");
}

#[test]
fn after_every_operation() {
    let after = |k| Abort::Operation(k, Moment::After);
    let points = all("after", 0, Mode::Script, after);
    assert!(points >= 30, "{points} points");
}

#[test]
fn in_every_cut_and_before_every_commit() {
    assert_eq!(all("cut", 0, Mode::Script, Abort::Cut), 7);
    assert_eq!(all("sync", 0, Mode::Script, Abort::Sync), 6);
    // With workers the last rows may have been on their way in the last checkpoint of the script.
    let points = all("sync", 2, Mode::Script, Abort::Sync);
    assert!(points == 6 || points == 7, "{points} points");
}

#[test]
fn in_chunks_while_rows_go_on() {
    for k in 1..=10 {
        for (workers, moment) in [(2, Moment::Before), (0, Moment::After)] {
            let folder = Folder::new("points-busy");
            let task = Task {
                rows: 2_000,
                ..task(&folder, workers, Mode::Busy)
            };
            assert!(aborted(&task, Abort::Put(k, moment)));
        }
    }
}

#[test]
fn in_restores_and_claims() {
    let template = Folder::new("points-template");
    let half = Task {
        abort: Some(Abort::Put(7, Moment::After)),
        ..task(&template, 0, Mode::Script)
    };
    assert!(!half.run(), "it aborts");
    assert!(half.epoch() >= 3, "there is something to restore");
    let again = |abort| {
        let folder = Folder::new("points-restore");
        folder.copy(&template);
        aborted(&task(&folder, 0, Mode::Script), abort)
    };
    assert!(again(Abort::Rewind));
    for k in 1..=20 {
        assert!(again(Abort::Operation(k, Moment::Before)), "{k}");
    }
}
