//! Embeddable stream processing: SQL apps on pinned worker threads, without an async runtime.
//!
//! An app is SQL text. Rows go in from any thread, results come out of callbacks or subscriptions:
//!
//! ```
//! use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Value, Workers};
//!
//! let app = "
//!     @app:playback
//!     CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);
//!     INSERT INTO Vwap
//!     SELECT sym, sum(price * qty) / sum(qty) AS vwap
//!     FROM Trades WINDOW('tumbling', 1 SECOND)
//!     GROUP BY sym;";
//! let manager = EventFluxManager::new();
//! let runtime = manager.create_with(app, RuntimeConfig::default().workers(Workers::Inline))?;
//! let vwap = runtime.subscribe("Vwap")?;
//! runtime.start()?;
//!
//! let mut input = runtime.input()?;
//! input.send_at("Trades", Timestamp::from_millis(100), ("ACME", 10.0, 1))?;
//! input.send_at("Trades", Timestamp::from_millis(900), ("ACME", 40.0, 2))?;
//! input.advance_clock(Timestamp::from_millis(1_000))?;
//!
//! let rows = vwap.try_recv().expect("the second is over");
//! assert_eq!(rows.row(0), [Value::from("ACME"), Value::from(30.0)]);
//! runtime.shutdown()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! That is an *inline* app: what follows from a row has happened when `send_at` returns. With
//! [`Workers::Pinned`] an app has threads of its own, and rows of one key meet on one of them. Rows go in and come out
//! as types of the program, by [`row!`] or, with the feature `derive`, by `#[derive(Row, FromRow)]`:
//!
//! ```
//! use eventflux::{EventFluxManager, RuntimeConfig, Workers};
//!
//! eventflux::row! {
//!     #[derive(Debug)]
//!     struct Hot { sensor: String, celsius: f64 }
//! }
//!
//! let app = "CREATE STREAM Readings (sensor STRING, celsius DOUBLE);
//!     INSERT INTO Hot SELECT sensor, celsius FROM Readings WHERE celsius > 30;";
//! let runtime = EventFluxManager::new().create_with(app, RuntimeConfig::default().workers(Workers::Pinned(2)))?;
//! let hot = runtime.subscribe("Hot")?;
//! runtime.start()?;
//! runtime.input()?.send("Readings", ("north", 31.5))?;
//! runtime.shutdown()?;
//! for batch in hot.iter() {
//!     for row in batch.typed::<Hot>() {
//!         println!("{:?}", row?);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An app with a name can keep its state in a folder ([`store`]) or, with the feature `redis` (a default one), in
//! Redis. It is started by [`recover`](EventFluxAppRuntime::recover): then a crash costs no row and counts none twice,
//! and a [`NumberedSink`] gets each row once. An example stands at [`Recovery`]. `redis-tls` adds `rediss://`; `zstd`
//! (a default one) compresses better than lz4. What each guarantee needs from the server is in `docs/operations.md`.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `redis` | yes | checkpoints, keys and values in Redis |
//! | `redis-tls` | no | `rediss://` URLs, by rustls |
//! | `zstd` | yes | the default compression of checkpoints, in C; without it lz4 |
//! | `derive` | no | `#[derive(Row, FromRow)]`, by a procedural macro; [`row!`] makes the same without one |
//!
//! Begin with `docs/tutorial.md` and `docs/recipes.md`; the language is in `docs/language.md`, figures are in
//! `PERFORMANCE.md`. Texts that are wrong are refused with line, column and remedy ([`BuildError`]). It is not a
//! server, a cluster, an async framework or a database.
//!
//! ```text
//! build:  text ─sql─▶ statements ─plan─▶ components of queries ─▶ operators
//! run:    input ─▶ lane ─▶ worker ─▶ operators ─▶ callback or subscription
//! ```
//!
//! Start here: [`EventFluxManager`] builds apps, [`EventFluxAppRuntime`] runs one, [`Input`] takes rows, and
//! [`RuntimeConfig`] says on which threads. [`ScalarFunction`] and [`AggregateFunction`] add to the language,
//! [`connector`] to where rows come from and go to.

#![deny(missing_debug_implementations)]

pub mod backend;

pub mod checkpoint;

pub mod connector;
pub use connector::{NumberedFile, NumberedSink, PositionedOutput};

pub mod core;

pub mod distributed;

pub mod event;
pub use event::{
    Batch, Column, ColumnBatch, Data, Dictionary, DictionaryError, FieldError, FromField, FromRow,
    OutputNumber, RowReader, Schema, Sign, Str, Timestamp, Type, Value,
};

mod error;
pub use error::{
    BuildError, Cause, NameTaken, Poison, Problem, QueryError, RowError, RuntimeError, SendError,
    TrySendError,
};

mod expr;
pub use expr::{Functions, ScalarFunction};

mod operator;
pub use operator::aggregate::AggregateFunction;

mod plan;

#[cfg(feature = "redis")]
pub mod redis;

mod runtime;
pub use plan::Drawing;
pub use runtime::app::answer::QueryResult;
pub use runtime::app::handle::{
    EventFluxAppRuntime, Recovered, Recovery, RunChange, RunStep, StreamInfo,
};
pub use runtime::app::load::Loaded;
pub use runtime::app::manager::EventFluxManager;
pub use runtime::app::metrics::Metrics;
pub use runtime::app::question::PreparedQuery;
pub use runtime::app::script::{Answer, Made, Script};
pub use runtime::barrier::{
    EnterGuard, LOCK_WAIT, LockError, LockGuard, LockOutcome, ThreadBarrier,
};
pub use runtime::checkpointing::{
    CheckpointError, CheckpointEvent, CheckpointMetrics, PersistHandle, PhaseTimes, RestoreOptions,
    RestoreReport, SnapshotService,
};
pub use runtime::config::{
    Backpressure, CheckpointConfig, EventFluxAppContext, FailurePolicy, RuntimeConfig, Workers,
};

pub use runtime::ingress::input::Input;
pub use runtime::ingress::input_handler::InputHandler;
pub use runtime::ingress::row::{Field, Row, RowWriter};

/// The traits' names again, as derives: an example stands at [`Row`](derive@Row).
#[cfg(feature = "derive")]
pub use eventflux_derive::{FromRow, Row};
pub use runtime::lane::wait::WaitStrategy;
pub use runtime::position::named::{Mark, ResumePoint};
pub use runtime::worker::handler::RowHandler;
pub use runtime::worker::output::Subscription;
pub use runtime::worker::wall::ClockBack;

mod sql;

pub mod state;

pub mod store;

mod sync;

/// The README's program is compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// So is the program of the tutorial.
#[cfg(doctest)]
#[doc = include_str!("../docs/tutorial.md")]
struct Tutorial;
