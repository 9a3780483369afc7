//! What can be typed, and the help that says so.

use crate::checkpoints::StateArgs;
use crate::failure::Failure;
use crate::shape::Show;
use crate::store::RedisArgs;
use crate::text::TextArgs;
use crate::trace::TraceArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use eventflux::store::Revision;
use std::path::PathBuf;
use std::str::FromStr;

/// Version, and the commit where that is known: see `build.rs`.
const VERSION: &str = env!("EVENTFLUX_VERSION");

const EXIT_STATUS: &str =
    "Exit status: 0 done, 1 the run failed or no line was good, 2 usage or app error, 128 and the
number of a signal where one ended it: 130 Ctrl-C, 143 SIGTERM. A run finishes first what it has
read.

Colour: on a terminal, unless NO_COLOR is set.";

/// The command line.
#[derive(Parser, Debug)]
#[command(
    name = "eventflux",
    version = VERSION,
    about = "Runs SQL apps over streams of events",
    after_long_help = EXIT_STATUS
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run an app over events and write what it emits
    Run(Box<RunArgs>),
    /// Check apps without running them
    Check(CheckArgs),
    /// Show the plan of an app
    Explain(ExplainArgs),
    /// Ask files, or the tables and named windows of a stored app
    Query(Box<QueryArgs>),
    /// Type SQL, and see what it answers
    #[cfg(feature = "shell")]
    Shell(Box<crate::shell::ShellArgs>),
    /// Run the examples of a page, and compare what they give
    Test(crate::test::TestArgs),
    /// Generate events
    #[command(subcommand)]
    Gen(Generate),
    /// List, check, move and delete the stored state of apps
    #[command(subcommand)]
    State(crate::state::StateCommand),
    /// Check whether a Redis keeps checkpoints as it should
    #[cfg(feature = "redis")]
    Doctor(crate::doctor::DoctorArgs),
    /// Print the completions of a shell
    #[cfg(feature = "manual")]
    Completions(crate::manual::CompletionsArgs),
    /// Print the manual
    #[cfg(feature = "manual")]
    Man(crate::manual::ManArgs),
    /// Not in this build
    #[cfg(not(feature = "redis"))]
    #[command(hide = true, disable_help_flag = true)]
    Doctor(Absent),
    /// Not in this build
    #[cfg(not(feature = "manual"))]
    #[command(hide = true, disable_help_flag = true, alias = "man")]
    Completions(Absent),
    /// A program of its own: says how it is called
    #[command(hide = true, disable_help_flag = true)]
    Bench(Moved),
}

/// What was asked of a subcommand that is a program of its own now.
#[derive(Args, Debug)]
pub struct Moved {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Moved {
    /// How the same is asked of that program.
    pub fn told(&self) -> Failure {
        let mut command = "cargo run --release -p eventflux-bench --".to_string();
        for word in &self.words {
            command.push(' ');
            command.push_str(word);
        }
        let from = env!("CARGO_PKG_REPOSITORY");
        Failure::usage(format!(
            "bench is a program of its own: in a checkout of {from},\n  {command}"
        ))
    }
}

/// What was asked of a subcommand that this build is without.
#[cfg(not(all(feature = "redis", feature = "manual")))]
#[derive(Args, Debug)]
pub struct Absent {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<String>,
}

#[cfg(not(all(feature = "redis", feature = "manual")))]
impl Absent {
    /// How it is had.
    pub fn told(&self) -> Failure {
        Failure::usage(
            "this eventflux was built without that, for a first look; build it without --no-default-features",
        )
    }
}

const RUN_HELP: &str = r#"Events are JSON lines:
  {"stream":"S","at":1000,"row":["IBM",700.0,100]}     at in ms or ISO 8601, optional;
                                                       the row may be an object by name
  {"clock":5000}                                       moves the event-time clock
  {"batch":[{"stream":"S","at":1,"row":[…]},…]}        rows that are one batch
Rows come out the same way, rows that leave with "sign":"-", from every stream that a query writes
and none reads; on a terminal as a table. --format says otherwise.
The end of the input does not move the clock: windows that time has not closed stay open unless
--flush.

With --store the app's state, the place in --events and --input, and the length of --out are kept
together. A run that was killed at any moment goes on when the same command is given again, and its
output ends up as if nothing had happened. A file is recognised by what is in it, not by its name:
one that has grown goes on, a new one (of the next day, say) is read from its beginning. A last line
that may be half of one is left to the next run. Events on standard input must come again from the
first one; rows on standard output may come twice.

With --trace-pattern each step of each run of a pattern is told on standard error:
  fraud run 7 at 1200 ms: takes a row of b = B; waits for c = C [a.card = 'x', b.amount = 3.0]
  fraud run 7 at 11001 ms: ends: WITHIN 10 s is over [a.card = 'x', b.amount = 3.0]

Examples:
  eventflux run app.sql --events events.jsonl
  eventflux gen trades --rows 100000 | eventflux run app.sql --events - --out out.jsonl
  eventflux run app.sql --input Trades=trades.csv --input News=news.jsonl --print Alerts --flush
  eventflux run app.sql --input Trades=trades.csv --delimiter ';' --time-column traded --time-unit s
  eventflux run app.sql --events events.jsonl --format json | jq .total
  eventflux run app.sql --events events.jsonl --trace-pattern fraud --trace-key 4711 2> trace.txt
  eventflux run app.sql --store file:state --events events.jsonl --out out.jsonl
  eventflux run app.sql --store file:state --restore 1-42 --events events.jsonl --out out.jsonl
  eventflux run app.sql --store redis://localhost:6379 --events events.jsonl --out out.jsonl
  EVENTFLUX_REDIS_PASSWORD=… eventflux run app.sql --store rediss+sentinel://a,b,c/main \
    --redis-user orders --redis-ca ca.pem --redis-replicas 1 --events events.jsonl --out out.jsonl"#;

/// Options of `run`.
#[derive(Args, Debug)]
#[command(after_long_help = RUN_HELP)]
pub struct RunArgs {
    /// The app
    #[arg(value_name = "APP.sql")]
    pub app: PathBuf,
    /// What is read.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// Whose time counts: event or processing
    ///
    /// 'event': that of the rows, as @app:playback in the app says, too.
    /// 'processing', where neither is said: the machine's, and times of rows are not used.
    #[arg(long, value_enum, hide_possible_values = true, verbatim_doc_comment)]
    pub clock: Option<Clock>,
    /// Close open windows at the end of the input
    #[arg(long)]
    pub flush: bool,
    /// Where rows go; - is standard output
    ///
    /// A name that ends in .csv takes the rows of one stream.
    /// A file that has something in it is not emptied without --force, and with --store goes on
    /// where the app has written it.
    #[arg(long, value_name = "FILE|-", default_value = "-", verbatim_doc_comment)]
    pub out: PathBuf,
    /// Empty --out if something is in it
    #[arg(long)]
    pub force: bool,
    /// Write the rows of these streams only
    ///
    /// Without it: those of all streams that a query writes and no query reads.
    #[arg(long, value_name = "STREAM", num_args = 1.., value_delimiter = ',')]
    pub print: Vec<String>,
    /// No progress bar and no summary
    ///
    /// In the summary 'rows in' counts the rows of --events and --input or, where there are none,
    /// those that the app's own sources gave to its queries.
    #[arg(long, short, verbatim_doc_comment)]
    pub quiet: bool,
    /// How rows are written [default: table on a terminal, csv to such a file, otherwise rows]
    #[arg(long, value_enum, hide_short_help = true)]
    pub format: Option<Show>,
    /// Number of worker threads, or 'inline' for none
    #[arg(
        long,
        value_name = "N|inline",
        default_value = "inline",
        hide_short_help = true
    )]
    pub workers: WorkerCount,
    /// What happens at a bad line
    #[arg(long, value_enum, default_value_t = OnBad::Skip, hide_short_help = true)]
    pub on_bad: OnBad,
    /// What is told of patterns.
    #[command(flatten)]
    pub trace: TraceArgs,
    /// What is done about state.
    #[command(flatten)]
    pub state: StateArgs,
}

const CHECK_HELP: &str =
    "Warnings do not change the exit status: 0 all apps can be run, 2 one cannot.

Examples:
  eventflux check app.sql
  eventflux check apps/*.sql
  eventflux check --json app.sql | jq '.apps[].warnings[].message'";

/// What is read, and how it stands there.
#[derive(Args, Debug, Default)]
pub struct InputArgs {
    /// Events of any streams; - is standard input
    ///
    /// JSON lines, as shown below. Several files are merged by time.
    #[arg(long, value_name = "FILE|-")]
    pub events: Vec<PathBuf>,
    /// Rows of one stream, CSV or JSON lines
    ///
    /// By the name of the file, unless --input-format says it; also .gz or .zst.
    /// CSV begins with a header. Several files, also by a pattern of names, are merged by time,
    /// also with --events.
    #[arg(long, value_name = "STREAM=FILE", verbatim_doc_comment)]
    pub input: Vec<StreamFile>,
    /// How rows stand in the inputs.
    #[command(flatten)]
    pub text: TextArgs,
}

/// Options of `check`.
#[derive(Args, Debug)]
#[command(after_long_help = CHECK_HELP)]
pub struct CheckArgs {
    /// The apps
    #[arg(value_name = "APP.sql", required = true)]
    pub apps: Vec<PathBuf>,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `explain`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  eventflux explain app.sql
  eventflux explain app.sql --json | jq '.streams[].name'
  eventflux explain app.sql --dot | dot -Tsvg > app.svg
  eventflux explain app.sql --mermaid > app.mmd")]
pub struct ExplainArgs {
    /// The app
    #[arg(value_name = "APP.sql")]
    pub app: PathBuf,
    /// Draw the plan in the language of Graphviz instead
    #[arg(long, conflicts_with = "mermaid")]
    pub dot: bool,
    /// Draw the plan in the language of Mermaid instead
    #[arg(long, conflicts_with = "json")]
    pub mermaid: bool,
    /// As JSON, for programs
    #[arg(long, conflicts_with = "dot")]
    pub json: bool,
}

const QUERY_HELP: &str = r#"Asks files, with -c or a text on standard input; or the stored state of an app, with APP.sql and
--store.

Examples of files, whose columns are found out from their first rows (20,480 of them, or 4 MiB):
  eventflux query -c "SELECT sym, sum(qty) FROM 'trades.csv' GROUP BY sym"
  eventflux query -c "SELECT * FROM 'log.jsonl' WHERE status >= 500 LIMIT 10"
  eventflux query -c "SELECT count(*) FROM 'logs/*.csv.gz'"
  gen | eventflux query -c "SELECT count(*) FROM '-'"        '-' is standard input
  eventflux query --format csv < script.sql                  the text is on standard input
The text may be a whole app, too; a SELECT in it that has no INSERT is written out:
  eventflux query -c "CREATE STREAM S (a INT); SELECT a + 1 AS b FROM S;" --input S=s.csv
Aggregates, DISTINCT and ORDER BY are over all rows of a file, unless the query has a WINDOW. If
every row has a time (a column at or timestamp, or --time-column), the clock is that of the rows. A
value that does not fit its column makes its row a bad one, which is counted.

Examples of tables, named windows and aggregations of a revision in a store follow. The app is not
run, and the store is only read: it may belong to an app that runs. Without --revision the last one
is asked. The question reads one:
  SELECT [DISTINCT] … FROM T [WHERE …] [GROUP BY …] [HAVING …] [ORDER BY …] [LIMIT n] [OFFSET n]
  SELECT … FROM A [WHERE …] [WITHIN start, end] PER 'DAYS' [GROUP BY …] …
  eventflux query app.sql --store file:state "SELECT * FROM Stock"
  eventflux query app.sql --store file:state --revision 3-41 "SELECT * FROM Stock WHERE n < 5"
  eventflux query app.sql --store file:state --format csv \
    "SELECT item, count(*) AS n FROM Recent GROUP BY item"
  EVENTFLUX_REDIS_PASSWORD=… eventflux query app.sql --store redis://localhost:6379 \
    --format json "SELECT * FROM T""#;

/// Options of `query`.
#[derive(Args, Debug)]
#[command(after_long_help = QUERY_HELP)]
pub struct QueryArgs {
    /// With --store: the app
    #[arg(value_name = "APP.sql")]
    pub app: Option<PathBuf>,
    /// With --store: the question
    #[arg(value_name = "SELECT …")]
    pub question: Option<String>,
    /// A SELECT over files, or an app
    ///
    /// Without it and APP.sql the text is on standard input.
    #[arg(short, long, value_name = "TEXT", conflicts_with_all = ["app", "question", "store"])]
    pub command: Option<String>,
    /// What is read beside the files that the text names.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// The clock, where neither the app says it with @app:playback nor the files have times
    #[arg(long, value_enum, hide_short_help = true)]
    pub clock: Option<Clock>,
    /// How rows are written
    ///
    /// As a table on a terminal, otherwise as JSON objects.
    #[arg(long, value_enum, hide_possible_values = true)]
    pub format: Option<Show>,
    /// What happens at a bad line of a file
    #[arg(long, value_enum, default_value_t = OnBad::Skip, conflicts_with = "store", hide_short_help = true)]
    pub on_bad: OnBad,
    /// The store: file:DIR, redis://…
    ///
    /// Also rediss://…, unix:///…, redis+sentinel://…, redis+cluster://…
    #[arg(long, value_name = "URL", help_heading = "Store")]
    pub store: Option<String>,
    /// Name of the revision; without it the last one
    #[arg(
        long,
        value_name = "REVISION",
        requires = "store",
        help_heading = "Store"
    )]
    pub revision: Option<Revision>,
    /// What a URL of Redis does not say.
    #[command(flatten)]
    pub redis: RedisArgs,
}

const TRADES_HELP: &str = "For an app with
  CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);

Examples:
  eventflux gen trades --rows 1000000 --keys 500 --out trades.jsonl
  eventflux gen trades --rows 1000 | eventflux run app.sql --events -";
const SENSORS_HELP: &str = "For an app with
  CREATE STREAM Sensors (id STRING, temperature DOUBLE, humidity DOUBLE, ok BOOL);

Example:
  eventflux gen sensors --rows 100000 --keys 40 --seed 7 --out sensors.jsonl";

/// What can be generated.
#[derive(Subcommand, Debug)]
pub enum Generate {
    /// Trades: symbols, prices that walk at random, sizes
    #[command(after_long_help = TRADES_HELP)]
    Trades(GenerateArgs),
    /// Sensors: temperatures with an anomaly now and then, humidity, a flag
    #[command(after_long_help = SENSORS_HELP)]
    Sensors(GenerateArgs),
}

/// Options of `gen`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// Number of events
    #[arg(long, value_name = "N")]
    pub rows: u64,
    /// Number of symbols or sensors
    #[arg(long, value_name = "K", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub keys: u32,
    /// The same seed gives the same events
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Events per second of event time
    #[arg(long, value_name = "R", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rate: u64,
    /// Time of the first event in ms
    #[arg(long, value_name = "MS", default_value_t = 1_700_000_000_000, value_parser = start())]
    pub start: i64,
    /// Name of the stream
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Where the events go, - for standard output
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    pub out: PathBuf,
    /// Empty --out if something is in it
    #[arg(long)]
    pub force: bool,
}

/// Times up to the year 2096.
fn start() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(0..=4_000_000_000_000)
}

/// A stream and the file with its rows.
#[derive(Clone, Debug)]
pub struct StreamFile {
    /// Name of the stream.
    pub stream: String,
    /// The file.
    pub path: PathBuf,
}

impl FromStr for StreamFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((stream, path)) if !stream.is_empty() && !path.is_empty() => Ok(StreamFile {
                stream: stream.into(),
                path: path.into(),
            }),
            _ => Err("expected STREAM=FILE".into()),
        }
    }
}

/// Threads of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerCount {
    /// The app runs on the thread that reads.
    Inline,
    /// So many threads.
    Pinned(usize),
}

impl FromStr for WorkerCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("inline") {
            return Ok(WorkerCount::Inline);
        }
        match text.parse() {
            Ok(n) if (1..=128).contains(&n) => Ok(WorkerCount::Pinned(n)),
            _ => Err("expected 'inline' or a number from 1 to 128".into()),
        }
    }
}

/// Which clock an app runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// The times of the rows
    Event,
    /// The clock of the machine
    Processing,
}

/// What a bad line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnBad {
    /// It is counted and left out
    Skip,
    /// It ends the run
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Nothing wraps lines: this is as wide as a terminal that nobody has made narrow.
    const WIDTH_MAX: usize = 100;

    #[test]
    fn every_line_of_help_fits_a_terminal() {
        let mut commands = vec![Cli::command()];
        while let Some(mut command) = commands.pop() {
            for help in [command.render_help(), command.render_long_help()] {
                let help = help.to_string();
                let wide = help.lines().find(|l| l.chars().count() > WIDTH_MAX);
                assert_eq!(wide, None, "{}", command.get_name());
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn bench_says_where_it_went() {
        let line = ["eventflux", "bench", "redis", "--quick", "--html", "a.html"];
        let asked = Cli::try_parse_from(line).expect("whatever is asked");
        let Command::Bench(moved) = asked.command else {
            panic!("{:?}", asked.command);
        };
        let text = moved.told().to_string();
        assert!(
            text.ends_with("cargo run --release -p eventflux-bench -- redis --quick --html a.html"),
            "{text}"
        );
        let help = Cli::try_parse_from(["eventflux", "bench", "--help"]).expect("not of clap");
        assert!(matches!(help.command, Command::Bench(_)));
    }

    #[test]
    fn options_are_read() {
        let cli = Cli::try_parse_from([
            "eventflux",
            "run",
            "a.sql",
            "--input",
            "S=a=b.csv",
            "--workers",
            "2",
            "--print",
            "A,B",
            "--on-bad",
            "stop",
        ]);
        let Ok(Cli {
            command: Command::Run(run),
        }) = cli
        else {
            panic!("{cli:?}");
        };
        assert_eq!(run.inputs.input[0].path, PathBuf::from("a=b.csv"));
        assert_eq!(run.workers, WorkerCount::Pinned(2));
        assert_eq!(run.print, ["A", "B"]);
        for wrong in [
            vec!["eventflux", "run"],
            vec!["eventflux", "run", "a", "--input", "S"],
            vec!["eventflux", "run", "a", "--input", "=x"],
            vec!["eventflux", "run", "a", "--workers", "0"],
            vec!["eventflux", "run", "a", "--workers", "many"],
            vec!["eventflux", "gen", "trades", "--rows", "1", "--keys", "0"],
            vec!["eventflux", "check"],
        ] {
            let e = Cli::try_parse_from(&wrong).expect_err("wrong");
            assert_eq!(e.exit_code(), 2, "{wrong:?}");
        }
    }
}
