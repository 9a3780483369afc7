//! The work as dataflows of timely: one operator, then a counter.
//!
//! The operator of a grouped query gets its rows through an exchange by key, as it must on more than one worker.

use eventflux_bench::data::{BATCH_ROWS, Trade};
use eventflux_bench::hand::{Group, Map, PASSES_ABOVE};
use eventflux_bench::harness::{Tally, word2, word3};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::probe::Probe;
use timely::dataflow::{InputHandleVec, ProbeHandle, StreamVec};
use timely::worker::Worker;

/// Blocks of an epoch.
const EPOCH_BLOCKS: usize = 8;

/// A trade that an exchange may take to another process: time, key, price, shares.
type Row = (i64, i64, f64, i64);
type Input = InputHandleVec<u64, Row>;
type Trades<'a> = StreamVec<'a, u64, Row>;

/// What the operators read of a trade.
struct Priced {
    key: i64,
    price: f64,
}

/// A dataflow that runs: where rows enter, how far it has come, what came out.
pub struct Dataflow {
    input: Option<Input>,
    probe: ProbeHandle<u64>,
    seen: Rc<RefCell<Tally>>,
    before: Tally,
    /// Whether the dataflow's time is event time; else it counts epochs.
    event_time: bool,
}

impl Dataflow {
    fn new(
        worker: &mut Worker,
        event_time: bool,
        build: impl for<'a> FnOnce(Trades<'a>, ProbeHandle<u64>, Rc<RefCell<Tally>>),
    ) -> Dataflow {
        let (mut input, probe) = (Input::new(), ProbeHandle::new());
        let seen = Rc::new(RefCell::new(Tally::default()));
        worker.dataflow::<u64, _, _>(|scope| {
            build(input.to_stream(scope), probe.clone(), Rc::clone(&seen));
        });
        Dataflow {
            input: Some(input),
            probe,
            seen,
            before: Tally::default(),
            event_time,
        }
    }

    /// Feeds rows, waits until they are through, and answers what came out.
    pub fn run(&mut self, worker: &mut Worker, trades: &[Trade]) -> Tally {
        if let Some(input) = &mut self.input {
            let mut block = Vec::with_capacity(BATCH_ROWS);
            for (number, rows) in trades.chunks(BATCH_ROWS).enumerate() {
                block.extend(rows.iter().map(|t| (t.ts, t.key, t.price, t.vol)));
                input.send_batch(&mut block);
                block.clear();
                if (number + 1).is_multiple_of(EPOCH_BLOCKS) {
                    let next = match (self.event_time, rows.last()) {
                        (true, Some(last)) => last.ts as u64,
                        _ => input.time() + 1,
                    };
                    input.advance_to(next);
                    worker.step();
                }
            }
            let next = match (self.event_time, trades.last()) {
                (true, Some(last)) => last.ts as u64,
                _ => input.time() + 1,
            };
            input.advance_to(next);
            input.flush();
            while self.probe.less_than(&next) {
                worker.step();
            }
        }
        let total = *self.seen.borrow();
        let news = Tally {
            rows: total.rows - self.before.rows,
            checksum: total.checksum.wrapping_sub(self.before.checksum),
        };
        self.before = total;
        news
    }
}

/// A dataflow of one operator that keeps something and gives rows at once.
macro_rules! running {
    (
        $worker:expr, $pact:expr, $state:expr,
        |$t:ident, $kept:ident, $session:ident| $step:block, |$row:pat_param| $word:expr
    ) => {
        Dataflow::new($worker, false, |trades, probe, seen| {
            #[allow(unused_mut, reason = "some keep nothing")]
            let mut $kept = $state;
            trades
                .unary($pact, "work", move |_, _| {
                    move |input, output| {
                        input.for_each(|cap, rows| {
                            let mut $session = output.session(&cap);
                            for (_, key, price, _) in rows.drain(..) {
                                let $t = Priced { key, price };
                                $step
                            }
                        });
                    }
                })
                .container::<Vec<_>>()
                .unary(Pipeline, "count", move |_, _| {
                    move |input, output| {
                        input.for_each(|cap, rows| {
                            let mut tally = seen.borrow_mut();
                            for $row in rows.iter() {
                                tally.add($word);
                            }
                            output.session(&cap).give_iterator(std::iter::empty::<()>());
                        });
                    }
                })
                .container::<Vec<()>>()
                .probe_with(&probe);
        })
    };
}

/// Filter and projection.
pub fn filter(worker: &mut Worker) -> Dataflow {
    running!(
        worker,
        Pipeline,
        (),
        |t, kept, session| {
            let () = kept;
            if t.price > PASSES_ABOVE {
                session.give((t.key, t.price * 2.0));
            }
        },
        |(key, doubled)| word2(*key as u64, doubled.to_bits())
    )
}

/// Sum and count by key, a row per event.
pub fn group(worker: &mut Worker) -> Dataflow {
    running!(
        worker,
        Exchange::new(|t: &Row| t.1 as u64),
        Map::<i64, Group>::default(),
        |t, groups, session| {
            let g = groups.entry(t.key).or_default();
            g.total += t.price;
            g.n += 1;
            session.give((t.key, g.total, g.n));
        },
        |(key, total, n)| word3(*key as u64, total.to_bits(), *n as u64)
    )
}

/// Sum over the last 1,000 rows.
pub fn length_sum(worker: &mut Worker) -> Dataflow {
    running!(
        worker,
        Pipeline,
        (VecDeque::with_capacity(1000), 0.0),
        |t, kept, session| {
            let (rows, total): &mut (VecDeque<f64>, f64) = &mut kept;
            if rows.len() == 1000 {
                *total -= rows.pop_front().unwrap_or(0.0);
            }
            rows.push_back(t.price);
            *total += t.price;
            session.give(*total);
        },
        |total| total.to_bits()
    )
}

/// Sum and count by key over the last 1,000 rows.
pub fn length_group(worker: &mut Worker) -> Dataflow {
    running!(
        worker,
        Pipeline,
        (VecDeque::with_capacity(1000), Map::<i64, Group>::default()),
        |t, kept, session| {
            let (rows, groups): &mut (VecDeque<(i64, f64)>, Map<i64, Group>) = &mut kept;
            if rows.len() == 1000
                && let Some((key, price)) = rows.pop_front()
                && let Some(g) = groups.get_mut(&key)
            {
                g.total -= price;
                g.n -= 1;
                if g.n == 0 {
                    groups.remove(&key);
                }
            }
            rows.push_back((t.key, t.price));
            let g = groups.entry(t.key).or_default();
            g.total += t.price;
            g.n += 1;
            session.give((t.key, g.total, g.n));
        },
        |(key, total, n)| word3(*key as u64, total.to_bits(), *n as u64)
    )
}

/// Count by key in windows of a second, given when the frontier has passed their end.
pub fn tumbling(worker: &mut Worker) -> Dataflow {
    Dataflow::new(worker, true, |trades, probe, seen| {
        trades
            .unary_frontier(Exchange::new(|t: &Row| t.1 as u64), "windows", |_, _| {
                let mut open = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each(|cap, rows| {
                        let mut at = u64::MAX;
                        let mut counts: Option<&mut Map<i64, i64>> = None;
                        for (ts, key, _, _) in rows.drain(..) {
                            let end = ts as u64 / 1000 * 1000 + 1000;
                            if end != at {
                                at = end;
                                let window = open.entry(end).or_insert_with(|| {
                                    (cap.delayed(&end, output.output_index()), Map::default())
                                });
                                counts = Some(&mut window.1);
                            }
                            if let Some(counts) = &mut counts {
                                *counts.entry(key).or_insert(0) += 1;
                            }
                        }
                    });
                    while let Some(window) = open.first_entry() {
                        if frontier.is_empty() || frontier.less_than(window.key()) {
                            break;
                        }
                        let (cap, counts) = window.remove();
                        output.session(&cap).give_iterator(counts.into_iter());
                    }
                    if frontier.is_empty() {
                        open.clear();
                    }
                }
            })
            .container::<Vec<(i64, i64)>>()
            .unary(Pipeline, "count", move |_, _| {
                move |input, output| {
                    input.for_each(|cap, rows| {
                        let mut tally = seen.borrow_mut();
                        for (key, n) in rows.iter() {
                            tally.add(word2(*key as u64, *n as u64));
                        }
                        output.session(&cap).give_iterator(std::iter::empty::<()>());
                    });
                }
            })
            .container::<Vec<()>>()
            .probe_with(&probe);
    })
}
