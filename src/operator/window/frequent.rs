//! `frequent(n [, attr, …])`: the latest rows of the n most frequent keys.
//! `lossyFrequent(support [, error [, attr, …]])`: rows of keys whose share is at least the support.
//!
//! Keys are walked in the order in which they came.
//! Source: Misra and Gries, "Finding Repeated Elements", 1982; Manku and Motwani, "Approximate Frequency Counts over
//! Data Streams", VLDB 2002.

use super::Turning;
use super::counted::OfKeys;
use super::keys::Keys;
use super::latest::Latest;
use crate::event::{Batch, Sign, Type};
use crate::expr::Program;
use crate::operator::{
    COUNT_MAX, Claims, Counters, Kind, Moment, Operator, Out, counter, words_cell,
};
use crate::state::{Cells, Malformed, Slot, StateHolder, Visitor};

/// Counts at most `keys_max` keys; a key that finds no room takes one from the count of each other.
pub(crate) struct Frequent {
    keys: Keys,
    latest: Latest,
    counts: Cells<Counted>,
    of_keys: OfKeys,
    came: u64,
    keys_max: usize,
}

/// How often a key came since it is counted, and how many keys were counted before it.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    count: u64,
    number: u64,
}

words_cell!(
    Counted,
    "count and number",
    2,
    |c| [c.count, c.number],
    |w| (w[0] <= COUNT_MAX).then(|| Counted {
        count: w[0],
        number: w[1]
    })
);

impl Frequent {
    /// `keys_max` is at least 1; the planner gives all columns as keys when the query names none.
    pub(crate) fn new(
        keys_max: usize,
        keys: Vec<Program>,
        key_types: &[Type],
        keep: Vec<usize>,
        types: &[Type],
    ) -> Self {
        assert!(keys_max > 0, "a frequent window counts at least one key");
        let (keys, latest) = (Keys::new(keys, key_types), Latest::new(keep, types));
        Frequent {
            keys,
            latest,
            counts: Cells::default(),
            of_keys: OfKeys::default(),
            came: 0,
            keys_max,
        }
    }

    fn look_up(&mut self, batch: &Batch) {
        let slots = self.keys.look_up(batch);
        self.latest.ensure(slots);
        self.counts.ensure(slots);
        self.keys.release_fresh();
    }

    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Batch) {
        let (key, moment) = (self.keys.slots[row], Moment::of(batch, row));
        if self.counts.get(key).count == 0 {
            if self.of_keys.counted().len() == self.keys_max {
                self.decrement(moment, to);
            }
            if self.of_keys.counted().len() == self.keys_max {
                return;
            }
            self.of_keys.push(key);
            self.counts.get_mut(key).number = self.came;
            self.came += 1;
        }
        self.counts.get_mut(key).count += 1;
        self.latest.set(key, batch, row);
        to.push_row(batch, &self.latest.keep, row, moment, Sign::Plus);
    }

    fn forget_unused(&mut self) {
        let counts = &self.counts;
        self.keys.forget(|key| counts.get(key).count > 0);
    }

    /// Makes the lists of the keys counted, of so many windows.
    fn list(&mut self, windows: usize) -> Result<(), Malformed> {
        let (slots, counts) = (self.counts.len(), &self.counts);
        let tally = |key| (counts.get(key).count, counts.get(key).number);
        let counted = rebuild(&self.keys, slots, tally)?;
        self.of_keys.list(&counted, windows)?;
        match self.of_keys.longest() > self.keys_max {
            true => Err(Malformed::new("too many keys are counted")),
            false => Ok(()),
        }
    }

    /// Takes one from every count; keys without any left leave.
    fn decrement(&mut self, moment: Moment, to: &mut Batch) {
        let Frequent {
            keys,
            latest,
            counts,
            of_keys,
            ..
        } = self;
        of_keys.counted().retain(|key| {
            let Counted { count, .. } = counts.get_mut(*key);
            *count -= 1;
            if *count == 0 {
                latest.expire(*key, moment, to);
                latest.remove(*key);
                keys.release(*key);
            }
            *count > 0
        });
    }
}

impl StateHolder for Frequent {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        self.latest.state(visitor);
        visitor.container("counts", &mut self.counts);
        counter(visitor, &mut self.came);
        if visitor.is_loading()
            && let Err(why) = self.list(1)
        {
            visitor.fail(why);
        }
    }
}

impl Operator for Frequent {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        self.look_up(batch);
        let mut to = out.batch();
        for row in 0..batch.len() {
            self.enter(batch, row, &mut to);
        }
        out.emit(Kind::Rows, to);
        self.forget_unused();
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.keys.faults;
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

impl Turning for Frequent {
    type Own = Slot;

    #[inline]
    fn own(&self) -> Slot {
        self.of_keys.at
    }

    #[inline]
    fn turn(&mut self, own: Slot) {
        self.of_keys.at = own;
    }

    fn open(&mut self, key: Slot) {
        self.of_keys.open(key);
    }

    fn shut(&mut self) {
        for key in self.of_keys.take() {
            self.latest.remove(key);
            self.counts.reset(key);
            self.keys.release(key);
        }
    }

    /// Where none is counted, no row is held.
    #[inline]
    fn is_new(&self) -> bool {
        self.of_keys.is_empty()
    }

    fn look_at(&mut self, batch: &Batch) {
        self.look_up(batch);
    }

    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, _out: &mut Out) {
        self.enter(batch, row, to);
    }

    fn settle(&mut self) {
        self.forget_unused();
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        visitor.part("keys counted", 0);
        self.keys.state(visitor);
        self.latest.state(visitor);
        visitor.container("counts", &mut self.counts);
        visitor.container("windows of keys", &mut self.of_keys.windows);
        visitor.part("", 0);
        counter(visitor, &mut self.came);
    }

    fn rebuild(&mut self, slots: usize) -> Result<(), Malformed> {
        self.list(slots)
    }

    fn check(&self, key: Slot, _claims: &mut Claims) -> Result<(), Malformed> {
        self.of_keys.check(key)
    }
}

/// How often a key came since it is counted, how often it may have come before, and how many keys were counted before
/// it.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    missed: u64,
    number: u64,
}

words_cell!(Tally, "tally", 3, |c| [c.count, c.missed, c.number], |w| {
    (w[0].max(w[1]) <= COUNT_MAX).then(|| Tally {
        count: w[0],
        missed: w[1],
        number: w[2],
    })
});

/// The keys with a count, in the order of their numbers; checks that the index holds them.
fn rebuild(
    keys: &Keys,
    slots: usize,
    tally: impl Fn(Slot) -> (u64, u64),
) -> Result<Vec<Slot>, Malformed> {
    if !keys.hold(slots, |key| tally(key).0 > 0) {
        return Err(Malformed::new("a count belongs to no key"));
    }
    let mut counted: Vec<Slot> = (0..slots as Slot).filter(|key| tally(*key).0 > 0).collect();
    counted.sort_by_key(|key| tally(*key).1);
    Ok(counted)
}

/// Counts keys with an error of at most `error` times the number of rows.
pub(crate) struct LossyFrequent {
    keys: Keys,
    latest: Latest,
    tallies: Cells<Tally>,
    of_keys: OfKeys,
    came: u64,
    share: f64,
    bucket_rows: u64,
    rows: u64,
}

impl LossyFrequent {
    /// `support` and `error` are between 0 and 1, the error is usually a tenth of the support.
    pub(crate) fn new(
        support: f64,
        error: f64,
        keys: Vec<Program>,
        key_types: &[Type],
        keep: Vec<usize>,
        types: &[Type],
    ) -> Self {
        assert!(error > 0.0 && error <= 1.0, "an error is a share");
        LossyFrequent {
            keys: Keys::new(keys, key_types),
            latest: Latest::new(keep, types),
            tallies: Cells::default(),
            of_keys: OfKeys::default(),
            came: 0,
            share: support - error,
            bucket_rows: (1.0 / error).ceil() as u64,
            rows: 0,
        }
    }

    fn look_up(&mut self, batch: &Batch) {
        let slots = self.keys.look_up(batch);
        self.latest.ensure(slots);
        self.tallies.ensure(slots);
    }

    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Batch) {
        let (key, moment) = (self.keys.slots[row], Moment::of(batch, row));
        self.rows += 1;
        let bucket = self.rows.div_ceil(self.bucket_rows);
        let tally = self.tallies.get_mut(key);
        if tally.count == 0 {
            (tally.missed, tally.number) = (bucket - 1, self.came);
            self.came += 1;
            self.of_keys.push(key);
        }
        tally.count += 1;
        let count = tally.count;
        if count as f64 >= self.share * self.rows as f64 {
            // Only what passes may leave: an aggregate behind must not lose what it never had.
            self.latest.set(key, batch, row);
            to.push_row(batch, &self.latest.keep, row, moment, Sign::Plus);
        }
        if self.rows.is_multiple_of(self.bucket_rows) {
            self.prune(bucket, moment, to);
        }
    }

    fn forget_unused(&mut self) {
        let tallies = &self.tallies;
        self.keys.forget(|key| tallies.get(key).count > 0);
    }

    /// Makes the lists of the keys counted, of so many windows.
    fn list(&mut self, windows: usize) -> Result<(), Malformed> {
        let (slots, tallies) = (self.tallies.len(), &self.tallies);
        let tally = |key| (tallies.get(key).count, tallies.get(key).number);
        let counted = rebuild(&self.keys, slots, tally)?;
        self.of_keys.list(&counted, windows)
    }

    /// At the end of a bucket, keys that cannot be frequent leave.
    fn prune(&mut self, bucket: u64, moment: Moment, to: &mut Batch) {
        let LossyFrequent {
            keys,
            latest,
            tallies,
            of_keys,
            ..
        } = self;
        of_keys.counted().retain(|key| {
            let tally = tallies.get(*key);
            let stays = tally.count + tally.missed > bucket;
            if !stays {
                latest.expire(*key, moment, to);
                latest.remove(*key);
                tallies.reset(*key);
                keys.release(*key);
            }
            stays
        });
    }
}

impl StateHolder for LossyFrequent {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        self.latest.state(visitor);
        visitor.container("tallies", &mut self.tallies);
        counter(visitor, &mut self.came);
        counter(visitor, &mut self.rows);
        if visitor.is_loading()
            && let Err(why) = self.list(1)
        {
            visitor.fail(why);
        }
    }
}

impl Operator for LossyFrequent {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        self.look_up(batch);
        let mut to = out.batch();
        for row in 0..batch.len() {
            self.enter(batch, row, &mut to);
        }
        out.emit(Kind::Rows, to);
        self.forget_unused();
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.keys.faults;
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

/// What a key has of its own of a [`LossyFrequent`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LossyOwn {
    window: Slot,
    rows: u64,
}

words_cell!(
    LossyOwn,
    "window and rows",
    2,
    |own| [u64::from(own.window), own.rows],
    |w| (w[1] <= COUNT_MAX).then_some(LossyOwn {
        window: Slot::try_from(w[0]).ok()?,
        rows: w[1],
    })
);

impl Turning for LossyFrequent {
    type Own = LossyOwn;

    #[inline]
    fn own(&self) -> LossyOwn {
        LossyOwn {
            window: self.of_keys.at,
            rows: self.rows,
        }
    }

    #[inline]
    fn turn(&mut self, own: LossyOwn) {
        (self.of_keys.at, self.rows) = (own.window, own.rows);
    }

    fn open(&mut self, key: Slot) {
        self.of_keys.open(key);
        self.rows = 0;
    }

    fn shut(&mut self) {
        for key in self.of_keys.take() {
            self.latest.remove(key);
            self.tallies.reset(key);
            self.keys.release(key);
        }
    }

    /// What is frequent is a share of all rows that came.
    #[inline]
    fn is_new(&self) -> bool {
        self.rows == 0
    }

    fn look_at(&mut self, batch: &Batch) {
        self.look_up(batch);
    }

    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, _out: &mut Out) {
        self.enter(batch, row, to);
    }

    fn settle(&mut self) {
        self.forget_unused();
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        visitor.part("keys counted", 0);
        self.keys.state(visitor);
        self.latest.state(visitor);
        visitor.container("tallies", &mut self.tallies);
        visitor.container("windows of keys", &mut self.of_keys.windows);
        visitor.part("", 0);
        counter(visitor, &mut self.came);
    }

    fn rebuild(&mut self, slots: usize) -> Result<(), Malformed> {
        self.list(slots)
    }

    fn check(&self, key: Slot, _claims: &mut Claims) -> Result<(), Malformed> {
        self.of_keys.check(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check, column};
    use super::*;

    const TYPES: [Type; 2] = [Type::String, Type::Float];

    fn frequent(keys_max: usize) -> Box<dyn Operator> {
        let keys = vec![column(0, Type::String)];
        Box::new(Frequent::new(
            keys_max,
            keys,
            &[Type::String],
            vec![0, 1],
            &TYPES,
        ))
    }

    #[test]
    fn conformance_frequent_filter_first() {
        let lines = [
            "1 c3234 73.36",
            "2 c3234 78.36",
            "3 c1234 86.36",
            "4 c3234 73.36",
            "5 c3234 78.36",
            "6 c1234 86.36",
        ];
        let want: Vec<String> = lines.iter().map(|l| format!("+ {l}")).collect();
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check(
            &Feed {
                types: &TYPES,
                keep: &[0, 1],
                lines: &lines,
            },
            &want,
            || frequent(2),
        );
    }

    #[test]
    fn a_key_without_room_takes_from_all() {
        let lines = [
            "1 a 1", "2 b 2", "3 a 3", "4 c 4", "5 d 5", "6 a 6", "7 b 7", "8 b 8", "9 c 9",
            "10 a 10",
        ];
        // c pushes b out and finds room, d pushes a and c out
        let want = [
            "+ 1 a 1.0",
            "+ 2 b 2.0",
            "+ 3 a 3.0",
            "- 4 b 2.0",
            "+ 4 c 4.0",
            "- 5 a 3.0",
            "- 5 c 4.0",
            "+ 5 d 5.0",
            "+ 6 a 6.0",
            "- 7 d 5.0",
            "- 7 a 6.0",
            "+ 7 b 7.0",
            "+ 8 b 8.0",
            "+ 9 c 9.0",
            "- 10 c 9.0",
            "+ 10 a 10.0",
        ];
        check(
            &Feed {
                types: &TYPES,
                keep: &[0, 1],
                lines: &lines,
            },
            &want,
            || frequent(2),
        );
    }

    #[test]
    fn a_row_is_dropped_when_nobody_leaves() {
        let lines = ["1 a 1", "2 a 2", "3 b 3", "4 b 4", "5 b 5"];
        let want = [
            "+ 1 a 1.0",
            "+ 2 a 2.0",
            "- 4 a 2.0",
            "+ 4 b 4.0",
            "+ 5 b 5.0",
        ];
        check(
            &Feed {
                types: &TYPES,
                keep: &[0, 1],
                lines: &lines,
            },
            &want,
            || frequent(1),
        );
    }

    #[test]
    fn lossy_counting_passes_frequent_keys_and_prunes_at_bucket_ends() {
        // buckets of 4 rows; passes from (0.5 − 0.25) of the rows on
        let lines = [
            "1 a 1", "2 b 2", "3 a 3", "4 c 4", "5 a 5", "6 b 6", "7 a 7", "8 b 8", "9 b 9",
            "10 a 10", "11 d 11", "12 d 12",
        ];
        let want = [
            "+ 1 a 1.0",
            "+ 2 b 2.0",
            "+ 3 a 3.0",
            "+ 4 c 4.0",
            "- 4 b 2.0",
            "- 4 c 4.0",
            "+ 5 a 5.0",
            "+ 7 a 7.0",
            "+ 8 b 8.0",
            "+ 9 b 9.0",
            "+ 10 a 10.0",
        ];
        let make = || {
            let keys = vec![column(0, Type::String)];
            LossyFrequent::new(0.5, 0.25, keys, &[Type::String], vec![0, 1], &TYPES)
        };
        check(
            &Feed {
                types: &TYPES,
                keep: &[0, 1],
                lines: &lines,
            },
            &want,
            || Box::new(make()),
        );
    }

    #[test]
    fn a_row_that_did_not_pass_does_not_leave() {
        // buckets of 4 rows; b comes once within the first half of a bucket that it cannot pass
        let lines = ["1 a 1", "2 a 2", "3 a 3", "4 b 4", "5 a 5"];
        let want = ["+ 1 a 1.0", "+ 2 a 2.0", "+ 3 a 3.0", "+ 5 a 5.0"];
        let make = || {
            let keys = vec![column(0, Type::String)];
            LossyFrequent::new(0.75, 0.25, keys, &[Type::String], vec![0, 1], &TYPES)
        };
        check(
            &Feed {
                types: &TYPES,
                keep: &[0, 1],
                lines: &lines,
            },
            &want,
            || Box::new(make()),
        );
    }
}
