//! `--trace-pattern`: why the runs of a pattern go on, wait or end, one line each on standard error.

use crate::failure::Failure;
use crate::report::Progress;
use clap::Args;
use eventflux::{EventFluxAppRuntime, RunStep, Value};

/// Where these options stand in the help.
const PATTERNS: &str = "Patterns";

/// What is told of the runs of a pattern.
#[derive(Args, Debug)]
pub struct TraceArgs {
    /// Tell what happens to each run of this query's pattern: its name in @info, or 'query N'
    #[arg(long, help_heading = PATTERNS, hide_short_help = true, value_name = "QUERY")]
    pub trace_pattern: Option<String>,
    /// Of those, only the runs that have this key
    ///
    /// A value by which later rows find them, or any where there is none.
    #[arg(
        long,
        help_heading = PATTERNS,
        hide_short_help = true,
        value_name = "VALUE",
        requires = "trace_pattern"
    )]
    pub trace_key: Option<String>,
}

impl TraceArgs {
    /// Refuses a query that the app has not.
    pub fn check(&self, runtime: &EventFluxAppRuntime) -> Result<(), Failure> {
        self.observe_by(runtime, |_| {})
    }

    /// Writes the lines above the progress bar.
    pub fn observe(
        &self,
        runtime: &EventFluxAppRuntime,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let say = progress.liner();
        let key = self.trace_key.clone();
        self.observe_by(runtime, move |step| {
            if key.as_ref().is_none_or(|key| is_of(step, key)) {
                say(&step.to_string());
            }
        })
    }

    fn observe_by(
        &self,
        runtime: &EventFluxAppRuntime,
        observer: impl Fn(&RunStep) + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let Some(query) = &self.trace_pattern else {
            return Ok(());
        };
        let traced = runtime.trace_pattern(query, observer);
        traced.map_err(|e| Failure::usage(format!("--trace-pattern: {e}")))
    }
}

/// Whether a run has a key. One that was refused has told none.
fn is_of(step: &RunStep, key: &str) -> bool {
    let known = match step.keys.is_empty() {
        true => &step.values,
        false => &step.keys,
    };
    let equals = |value: &Value| match value {
        Value::Double(v) => key.parse() == Ok(*v),
        Value::Float(v) => key.parse() == Ok(*v),
        value => value.to_string() == key,
    };
    step.run.is_none() || known.iter().any(|(_, value)| equals(value))
}
