//! `eventflux-compare`: the engine beside timely dataflow on the same work, by turns in one process on one core.
//!
//! What is not the same work: timely runs operators of ours that are compiled in, eventflux an app that is given as
//! text. Both get rows in blocks of 1,024 and hand every row that comes out to a counter; copying the rows into the
//! dataflow is part of timely's time, reading them from columns part of eventflux's. An epoch is 8,192 events.
//!
//!     cd tools/compare && cargo run --release -- [--quick] [--json] [--html FILE]

mod dataflow;
mod meeting;

use clap::Parser;
use dataflow::Dataflow;
use eventflux_bench::data::{self, Trade};
use eventflux_bench::engine::{self, Engine, Read, TRADES};
use eventflux_bench::harness::{Conditions, Pass, Size, Tally, by_turns, timed};
use eventflux_bench::nexmark::{self, events::Item};
use eventflux_bench::record::{Answered, Record, Unit};
use eventflux_bench::{about, cores, page, report};
use meeting::Meeting;
use std::path::PathBuf;
use std::process::ExitCode;
use timely::worker::Worker;

/// What can be typed.
#[derive(Parser)]
#[command(
    name = "eventflux-compare",
    about = "eventflux beside timely dataflow on the same work"
)]
struct Args {
    /// Questions; all if none is named
    questions: Vec<String>,
    /// Small inputs and 3 repetitions
    #[arg(long)]
    quick: bool,
    /// One JSON object per line instead of a table
    #[arg(long)]
    json: bool,
    /// Write a page with pictures
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Passes of each side after the warm-up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: Option<u32>,
}

/// Events of a pass.
const EVENTS: usize = 4_000_000;

const BASELINE: &str = "timely 0.32, one worker";

/// A question, and what answers it.
type Asked = (
    &'static str,
    Box<dyn Fn(&Conditions, &mut Worker) -> Result<Record, String> + Send + Sync>,
);

fn asked() -> Vec<Asked> {
    let work =
        WORK.map(|w| -> Asked { (w.question, Box::new(move |c, worker| w.answer(c, worker))) });
    let queries =
        QUERIES.map(|q| -> Asked { (q.question, Box::new(move |c, worker| q.answer(c, worker))) });
    work.into_iter().chain(queries).collect()
}

/// One piece of work for both engines.
#[derive(Clone, Copy)]
struct Work {
    question: &'static str,
    app: &'static str,
    read: Read,
    keys: usize,
    build: fn(&mut Worker) -> Dataflow,
    /// Event time starts again with every pass, so every pass has an app and a dataflow of its own.
    fresh: bool,
}

const WORK: [Work; 6] = [
    Work {
        question: "timely-filter-project",
        app: "INSERT INTO Out SELECT key, price * 2 AS doubled FROM S WHERE price > 50;",
        read: engine::long_double,
        keys: 1000,
        build: dataflow::filter,
        fresh: false,
    },
    Work {
        question: "timely-groupby-int-1k",
        app: "INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S GROUP BY key;",
        read: engine::long_double_long,
        keys: 1000,
        build: dataflow::group,
        fresh: false,
    },
    Work {
        question: "timely-groupby-int-1m",
        app: "INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S GROUP BY key;",
        read: engine::long_double_long,
        keys: 1_000_000,
        build: dataflow::group,
        fresh: false,
    },
    Work {
        question: "timely-length-1000-sum",
        app: "INSERT INTO Out SELECT sum(price) AS total FROM S WINDOW('length', 1000);",
        read: engine::double,
        keys: 1000,
        build: dataflow::length_sum,
        fresh: false,
    },
    Work {
        question: "timely-length-1000-groupby-1k",
        app: "INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S WINDOW('length', 1000) GROUP BY key;",
        read: engine::long_double_long,
        keys: 1000,
        build: dataflow::length_group,
        fresh: false,
    },
    Work {
        question: "timely-tumbling-1s-count-by-key",
        app: "INSERT INTO Out SELECT key, count() AS n FROM S WINDOW('tumbling', 1 SECOND) GROUP BY key;",
        read: engine::long_long,
        keys: 1000,
        build: dataflow::tumbling,
        fresh: true,
    },
];

impl Work {
    fn engine(&self) -> Result<Engine, String> {
        let clock = if self.fresh { "@app:playback\n" } else { "" };
        Engine::inline(&format!("{clock}{TRADES}{}", self.app), self.read)
    }

    /// Runs both engines by turns on the calling thread.
    fn answer(&self, c: &Conditions, worker: &mut Worker) -> Result<Record, String> {
        let trades = data::trades(c.events(EVENTS).max(20_480), c.keys(self.keys));
        let mut ours = self.engine()?;
        let mut theirs = (self.build)(worker);
        if self.keys > 1000 {
            let first = data::each_key(c.keys(self.keys));
            run_ours(&mut ours, &first)?;
            theirs.run(worker, &first);
        }
        let mut batches = ours.columns(&trades)?;
        let figures = by_turns(
            c,
            trades.len(),
            || {
                if self.fresh {
                    ours = self.engine()?;
                }
                let mut input = ours.runtime().input_handler("S").map_err(engine::text)?;
                timed(|| {
                    for batch in &mut batches {
                        input.send_columns(batch).map_err(engine::text)?;
                    }
                    Ok::<_, String>(ours.news())
                })
            },
            || self.pass(worker, &mut theirs, &trades),
        )?;
        let record = Record::new(self.question, Unit::Event, trades.len(), BASELINE, figures);
        Ok(record.with_note("the ratio is eventflux's time by timely's"))
    }

    fn pass(
        &self,
        worker: &mut Worker,
        theirs: &mut Dataflow,
        trades: &[Trade],
    ) -> Result<Pass, String> {
        if self.fresh {
            *theirs = (self.build)(worker);
        }
        timed(|| Ok::<Tally, String>(theirs.run(worker, trades)))
    }
}

/// A query of Nexmark for both engines.
#[derive(Clone, Copy)]
struct Query {
    question: &'static str,
    app: &'static str,
    /// Events that it needs at least.
    least: usize,
    build: fn(&mut Worker) -> Meeting,
}

const QUERIES: [Query; 2] = [
    Query {
        question: "timely-nexmark-q3",
        app: include_str!("../../../examples/nexmark/q3.sql"),
        least: nexmark::SECONDS_2,
        build: meeting::q3,
    },
    Query {
        question: "timely-nexmark-q8",
        app: include_str!("../../../examples/nexmark/q8.sql"),
        least: nexmark::SECONDS_25,
        build: meeting::q8,
    },
];

impl Query {
    /// As [`Work::answer`]; every pass has a dataflow of its own.
    fn answer(&self, c: &Conditions, worker: &mut Worker) -> Result<Record, String> {
        let theirs = |items: &[Item]| (self.build)(worker).run(worker, items);
        let record = nexmark::beside(c, self.question, self.app, self.least, BASELINE, theirs)?;
        Ok(record.with_note("the ratio is eventflux's time by timely's"))
    }
}

fn run_ours(engine: &mut Engine, trades: &[Trade]) -> Result<(), String> {
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    for batch in &mut engine.columns(trades)? {
        input.send_columns(batch).map_err(engine::text)?;
    }
    drop(input);
    engine.news();
    Ok(())
}

fn main() -> ExitCode {
    let args = Args::parse();
    let conditions = Conditions {
        size: if args.quick { Size::Quick } else { Size::Full },
        repetitions: args.repetitions.unwrap_or(if args.quick { 3 } else { 5 }),
    };
    let wanted = |(question, _): &Asked| {
        let named = |q: &String| question.contains(q.as_str());
        args.questions.is_empty() || args.questions.iter().any(named)
    };
    let mut answers: Vec<Answered> = Vec::new();
    for (question, ask) in asked().into_iter().filter(wanted) {
        // a thread of its own, so that pinning ends with it
        let thread = std::thread::spawn(move || {
            if let Some(core) = cores::cores().last() {
                cores::pin(*core);
            }
            timely::execute_directly(move |worker| ask(&conditions, worker))
        });
        let answer = thread.join().unwrap_or_else(|_| Err("panicked".into()));
        if args.json {
            println!("{}", report::json(question, &answer));
        }
        answers.push((question, answer));
    }
    if !args.json {
        println!("{}\n\n{}", about(&conditions), report::table(&answers));
    }
    if let Some(path) = &args.html
        && let Err(error) = std::fs::write(path, page::html(&about(&conditions), &answers))
    {
        eprintln!("eventflux-compare: {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    match !answers.is_empty() && answers.iter().all(|(_, answer)| answer.is_ok()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_agree() {
        let conditions = Conditions {
            size: Size::Tiny,
            repetitions: 2,
        };
        for (question, ask) in asked() {
            let record = timely::execute_directly(move |worker| ask(&conditions, worker));
            assert_eq!(record.map(|r| r.question), Ok(question));
        }
    }
}
