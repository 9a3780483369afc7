//! Tables and named windows as the handle of an app offers them.

use super::EventFluxAppRuntime;
use crate::error::{BuildError, QueryError, RuntimeError};
use crate::plan::question;
use crate::runtime::app::answer::QueryResult;
use crate::runtime::app::load::{self, Loaded};
use crate::runtime::app::question::{PreparedQuery, check};
use crate::runtime::ingress::row::Row;
use crate::sql::parse_question;

/// Tables and named windows.
impl EventFluxAppRuntime {
    /// Answers `SELECT … FROM T [WHERE …] [GROUP BY …] [HAVING …] [ORDER BY …] [LIMIT n] [OFFSET n]`, where `T` is a
    /// table, a named window or an aggregation: its rows as they are at one moment of the whole app, in the order in
    /// which they came unless ORDER BY says otherwise; of a window that is spread over workers, worker by worker.
    ///
    /// An aggregation is asked for periods between two times: `FROM A [WHERE …] [WITHIN start, end] PER 'DAYS'`; they
    /// come from the first to the last, with what is open.
    ///
    /// It may be asked from any thread, before `start` too. Aggregates without GROUP BY give one row, also where no
    /// row counts. What a batch window holds is its last flush. Rows that were sent and still wait for their worker are
    /// not seen yet.
    ///
    /// ```
    /// use eventflux::{EventFluxManager, RuntimeConfig, Workers};
    /// let app = "CREATE STREAM S (k STRING, v INT); CREATE TABLE T (k STRING PRIMARY KEY, v INT);
    ///     UPSERT INTO T SELECT k, v FROM S ON T.k = S.k;";
    /// let manager = EventFluxManager::new();
    /// let runtime = manager.create_with(app, RuntimeConfig::default().workers(Workers::Inline))?;
    /// runtime.start()?;
    /// let mut input = runtime.input()?;
    /// input.send("S", ("a", 1))?;
    /// input.send("S", ("b", 2))?;
    /// let answer = runtime.query("SELECT k, v FROM T WHERE v > 1")?;
    /// assert_eq!(answer.typed::<(String, i32)>()?, [("b".to_string(), 2)]);
    /// let mut by_key = runtime.prepare("SELECT v FROM T WHERE k = ?")?;
    /// assert_eq!(by_key.query(("a",))?.typed::<(i32,)>()?, [(1,)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Errors: all problems of the text, with line, column and remedy; inside a callback, and after `shutdown` or a
    /// panic of the app, [`QueryError::Runtime`].
    ///
    /// Cost: the workers stand still while rows are copied: those of a key where WHERE says what the primary key or
    /// an index equals, else the columns that the question reads, as a whole (a million LONG are 8 MB, a millisecond
    /// or two; texts take longer). Everything else takes place on the calling thread. By a key a question that was
    /// prepared takes 1.4 µs, and its text 6 µs more to read.
    pub fn query(&self, text: &str) -> Result<QueryResult, QueryError> {
        self.prepare(text)?.query(())
    }

    /// Reads a question once, to ask it many times; `?` stand for values that are given each time. See
    /// [`EventFluxAppRuntime::query`].
    pub fn prepare(&self, text: &str) -> Result<PreparedQuery, QueryError> {
        check(&self.shared)?;
        let asked = parse_question(text).map_err(|fault| vec![fault]);
        let bound = asked.and_then(|q| question(&self.shared.plan, &self.catalogue, text, q));
        let plan = bound.map_err(|faults| BuildError::new(text, faults))?;
        Ok(PreparedQuery::new(&self.shared, plan))
    }

    /// Inserts rows into a table, before `start` or while the app runs. Queries that look it up see them from then
    /// on; no row comes of them.
    ///
    /// Rows whose key is NULL, or that another row has, are refused and counted in the answer.
    ///
    /// Errors: [`RuntimeError::Table`] where there is no such table or a row does not fit it, and then no row is
    /// inserted; inside a callback, and after `shutdown` or a panic of the app. Cost: rows are written by the
    /// thousand, and the workers stand still for each thousand, not for all of them.
    pub fn load_table<R: Row>(
        &self,
        table: &str,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Loaded, RuntimeError> {
        load::from_rows(&self.shared, table, rows)
    }

    /// Fills the tables that have a file.
    pub(super) fn load_files(&self) -> Result<(), RuntimeError> {
        let mut files = self.files.lock();
        for (table, file) in files.iter() {
            load::from_file(&self.shared, *table, file)?;
        }
        files.clear();
        Ok(())
    }
}
