//! Queries of Nexmark in which streams meet, as dataflows of timely: an operator of two inputs, then a counter.
//!
//! How: an epoch is a thousand events; it has the time of the last event before it, and rows have times of their own.
//! On one worker nothing is exchanged, so the operator takes the rows as they come.

use eventflux::event::Str;
use eventflux_bench::hand::Map;
use eventflux_bench::harness::{Tally, text_word, words};
use eventflux_bench::nexmark::events::Item;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::probe::Probe;
use timely::dataflow::{InputHandleVec, ProbeHandle, StreamVec};
use timely::worker::Worker;

/// Events of an epoch: what goes into the other engine together.
const TOGETHER: usize = 1000;
/// Milliseconds of the windows of q8.
const WINDOW_MS: u64 = 10_000;

/// Time, number, name, city and state.
type Person = (i64, i64, Str, Str, Str);
/// Time, number, seller and category.
type Auction = (i64, i64, i64, i64);

/// A dataflow over persons and auctions, whose time is that of the events.
pub struct Meeting {
    persons: InputHandleVec<u64, Person>,
    auctions: InputHandleVec<u64, Auction>,
    probe: ProbeHandle<u64>,
    seen: Rc<RefCell<Tally>>,
}

impl Meeting {
    fn new(
        worker: &mut Worker,
        build: impl for<'a> FnOnce(
            StreamVec<'a, u64, Person>,
            StreamVec<'a, u64, Auction>,
            ProbeHandle<u64>,
            Rc<RefCell<Tally>>,
        ),
    ) -> Meeting {
        let (mut persons, mut auctions) = (InputHandleVec::new(), InputHandleVec::new());
        let (probe, seen) = (ProbeHandle::new(), Rc::new(RefCell::new(Tally::default())));
        worker.dataflow::<u64, _, _>(|scope| {
            let (persons, auctions) = (persons.to_stream(scope), auctions.to_stream(scope));
            build(persons, auctions, probe.clone(), Rc::clone(&seen));
        });
        Meeting {
            persons,
            auctions,
            probe,
            seen,
        }
    }

    /// Feeds events, waits until they are through, and answers what came out. Windows that are open stay so.
    pub fn run(&mut self, worker: &mut Worker, items: &[Item]) -> Tally {
        for together in items.chunks(TOGETHER) {
            for item in together {
                match item {
                    Item::Person(p) => {
                        let texts = (p.name.clone(), p.city.clone(), p.state.clone());
                        self.persons.send((p.at, p.id, texts.0, texts.1, texts.2));
                    }
                    Item::Auction(a) => self.auctions.send((a.at, a.id, a.seller, a.category)),
                    Item::Bid(_) => {}
                }
            }
            let now = together.last().map_or(0, |item| item.at() as u64);
            self.persons.advance_to(now);
            self.auctions.advance_to(now);
            while self.probe.less_than(&now) {
                worker.step();
            }
        }
        *self.seen.borrow()
    }
}

/// Counts what comes out.
fn count<T: Clone + 'static>(
    rows: StreamVec<'_, u64, T>,
    probe: &ProbeHandle<u64>,
    seen: Rc<RefCell<Tally>>,
    word: fn(&T) -> u64,
) {
    rows.unary(Pipeline, "count", move |_, _| {
        move |input, output| {
            input.for_each(|cap, rows| {
                let mut tally = seen.borrow_mut();
                rows.iter().for_each(|row| tally.add(word(row)));
                output.session(&cap).give_iterator(std::iter::empty::<()>());
            });
        }
    })
    .container::<Vec<()>>()
    .probe_with(probe);
}

/// Sellers of category 10 in three states.
pub fn q3(worker: &mut Worker) -> Meeting {
    Meeting::new(worker, |persons, auctions, probe, seen| {
        let joined = persons.binary(auctions, Pipeline, Pipeline, "join", |_, _| {
            let mut held = Map::<i64, (Str, Str, Str)>::default();
            let mut sales = Map::<i64, Vec<i64>>::default();
            move |persons, auctions, output| {
                persons.for_each(|cap, rows| {
                    let mut session = output.session(&cap);
                    for (_, id, name, city, state) in rows.drain(..) {
                        if !matches!(&*state, "or" | "id" | "ca") {
                            continue;
                        }
                        for auction in sales.get(&id).into_iter().flatten() {
                            session.give((name.clone(), city.clone(), state.clone(), *auction));
                        }
                        held.insert(id, (name, city, state));
                    }
                });
                auctions.for_each(|cap, rows| {
                    let mut session = output.session(&cap);
                    for (_, id, seller, _) in rows.drain(..).filter(|a| a.3 == 10) {
                        sales.entry(seller).or_default().push(id);
                        if let Some((name, city, state)) = held.get(&seller) {
                            session.give((name.clone(), city.clone(), state.clone(), id));
                        }
                    }
                });
            }
        });
        let joined = joined.container::<Vec<(Str, Str, Str, i64)>>();
        count(joined, &probe, seen, |(name, city, state, id)| {
            let texts = [name, city, state].map(|text| text_word(text));
            words(&[texts[0], texts[1], texts[2], *id as u64])
        });
    })
}

/// When the window ends in which a time lies.
fn end_of(at: i64) -> u64 {
    let at = at as u64;
    at - at % WINDOW_MS + WINDOW_MS
}

/// Who came in a window, and how many auctions each seller opened in it.
#[derive(Default)]
struct Window {
    persons: Vec<(i64, Str)>,
    auctions: Map<i64, i64>,
}

/// Who came and opened auctions in one window, given when the frontiers have passed its end.
pub fn q8(worker: &mut Worker) -> Meeting {
    Meeting::new(worker, |persons, auctions, probe, seen| {
        let joined = persons.binary_frontier(auctions, Pipeline, Pipeline, "windows", |_, _| {
            let mut open = BTreeMap::new();
            move |(persons, of_persons), (auctions, of_auctions), output| {
                persons.for_each(|cap, rows| {
                    for (at, id, name, ..) in rows.drain(..) {
                        let end = end_of(at);
                        let window = open.entry(end).or_insert_with(|| {
                            let cap = cap.delayed(&end, output.output_index());
                            (cap, Window::default())
                        });
                        window.1.persons.push((id, name));
                    }
                });
                auctions.for_each(|cap, rows| {
                    for (at, _, seller, _) in rows.drain(..) {
                        let end = end_of(at);
                        let window = open.entry(end).or_insert_with(|| {
                            let cap = cap.delayed(&end, output.output_index());
                            (cap, Window::default())
                        });
                        *window.1.auctions.entry(seller).or_insert(0) += 1;
                    }
                });
                let is_over = |end: &u64| !of_persons.less_than(end) && !of_auctions.less_than(end);
                while let Some(window) = open.first_entry().filter(|w| is_over(w.key())) {
                    let (cap, window) = window.remove();
                    let met = window.persons.into_iter().filter_map(|(id, name)| {
                        let auctions = window.auctions.get(&id)?;
                        Some((id, name, *auctions))
                    });
                    output.session(&cap).give_iterator(met);
                }
            }
        });
        let joined = joined.container::<Vec<(i64, Str, i64)>>();
        count(joined, &probe, seen, |(id, name, n)| {
            words(&[*id as u64, text_word(name), *n as u64])
        });
    })
}
