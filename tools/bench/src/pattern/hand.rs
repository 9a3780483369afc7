//! Automata written by hand: runs by key in a map, what is due in a queue.

use crate::hand::Map;
use crate::harness::{Tally, word2, word3};
use crate::join::hand::TimedRow;
use std::collections::VecDeque;

/// `EVERY a=A -> b=B[k = a.k] WITHIN t`.
pub struct Pairs {
    within_ms: i64,
    open: Map<i64, VecDeque<(i64, i64)>>,
    begun: VecDeque<(i64, i64)>,
}

impl Pairs {
    pub fn new(within_ms: i64) -> Pairs {
        Pairs {
            within_ms,
            open: Map::default(),
            begun: VecDeque::new(),
        }
    }

    pub fn rows(&mut self, stream: &str, rows: &[TimedRow], tally: &mut Tally) {
        for (at, row) in rows {
            self.end(*at);
            if stream == "A" {
                self.begun.push_back((*at, row.key));
                self.open
                    .entry(row.key)
                    .or_default()
                    .push_back((*at, row.value));
            } else if let Some(open) = self.open.get_mut(&row.key) {
                for (_, x) in open.drain(..) {
                    tally.add(word2(x as u64, row.value as u64));
                }
            }
        }
    }

    fn end(&mut self, now: i64) {
        while let Some((at, key)) = self.begun.front().copied() {
            if at + self.within_ms >= now {
                return;
            }
            self.begun.pop_front();
            let open = self.open.get_mut(&key);
            if let Some(open) = open.filter(|o| o.front().is_some_and(|(begun, _)| *begun == at)) {
                open.pop_front();
            }
        }
    }
}

/// A run of [`Loops`].
struct Loop {
    x: i64,
    count: u64,
    sum: i64,
}

/// `EVERY a=A -> b=B[k = a.k]{3,} -> c=C[k = a.k]` with `avg(b.x)`; A comes once between two rows of C.
#[derive(Default)]
pub struct Loops {
    open: Map<i64, VecDeque<Loop>>,
}

impl Loops {
    pub fn rows(&mut self, stream: &str, rows: &[TimedRow], tally: &mut Tally) {
        for (_, row) in rows {
            let open = self.open.entry(row.key).or_default();
            match stream {
                "A" => open.push_back(Loop {
                    x: row.value,
                    count: 0,
                    sum: 0,
                }),
                "B" => open.iter_mut().for_each(|run| {
                    run.count += 1;
                    run.sum += row.value;
                }),
                _ => open.retain(|run| {
                    let matches = run.count >= 3;
                    if matches {
                        let average = run.sum as f64 / run.count as f64;
                        let x = run.x as u64;
                        tally.add(word3(x, average.to_bits(), row.value as u64));
                    }
                    !matches
                }),
            }
        }
    }
}

/// `EVERY a=A -> NOT B[k = a.k] FOR t`; a key has one run at a time.
pub struct Silences {
    for_ms: i64,
    open: Map<i64, (i64, i64)>,
    due: VecDeque<(i64, i64)>,
}

impl Silences {
    pub fn new(for_ms: i64) -> Silences {
        Silences {
            for_ms,
            open: Map::default(),
            due: VecDeque::new(),
        }
    }

    pub fn rows(&mut self, stream: &str, rows: &[TimedRow], tally: &mut Tally) {
        for (at, row) in rows {
            while let Some((due, key)) = self.due.front().copied().filter(|(due, _)| due <= at) {
                self.due.pop_front();
                if let Some((begun, x)) = self.open.get(&key).copied()
                    && begun + self.for_ms == due
                {
                    self.open.remove(&key);
                    tally.add(word2(key as u64, x as u64));
                }
            }
            if stream == "A" {
                self.due.push_back((at + self.for_ms, row.key));
                self.open.insert(row.key, (*at, row.value));
            } else {
                self.open.remove(&row.key);
            }
        }
    }
}

/// `EVERY a=A[k = n] -> b=A[k = n AND x > a.x] WITHIN t`, for each n below some number.
pub struct Rises {
    within_ms: i64,
    open: Vec<VecDeque<(i64, i64)>>,
}

impl Rises {
    pub fn new(patterns: usize, within_ms: i64) -> Rises {
        Rises {
            within_ms,
            open: vec![VecDeque::new(); patterns],
        }
    }

    pub fn rows(&mut self, rows: &[TimedRow], tally: &mut Tally) {
        for (at, row) in rows {
            let Some(open) = self.open.get_mut(row.key as usize) else {
                continue;
            };
            let oldest = at - self.within_ms;
            while open.front().is_some_and(|(begun, _)| *begun < oldest) {
                open.pop_front();
            }
            open.retain(|(_, x)| {
                let rises = row.value > *x;
                if rises {
                    tally.add(word2(*x as u64, row.value as u64));
                }
                !rises
            });
            open.push_back((*at, row.value));
        }
    }
}
