//! A source without an outside: a counter that goes up at an interval.

use super::options::{Key, OptionError, Options};
use super::traits::{ConnectorError, RowSink, Source, StopSignal};
use crate::event::{Schema, Type, Value};
use std::time::{Duration, Instant};

/// Emits `1`, `2`, … in the one LONG attribute of its stream, a row every interval, at the times of the clock.
#[derive(Debug)]
pub struct TimerSource {
    interval: Duration,
    count_max: u64,
}

impl TimerSource {
    /// What it takes.
    pub const KEYS: &'static [Key] = &[
        Key {
            name: "interval",
            about: "the time between two rows, such as '50 MILLISECONDS'",
        },
        Key {
            name: "count",
            about: "the number of rows; without end when not given",
        },
    ];

    /// A source of these options.
    pub fn new(schema: &Schema, options: &Options) -> Result<Self, OptionError> {
        match schema.attributes() {
            [only] if only.ty == Type::Long => {}
            _ => {
                return Err(OptionError::Schema(
                    "source 'timer' needs a stream with one attribute, a LONG".into(),
                ));
            }
        }
        Ok(TimerSource {
            interval: options.duration("interval")?,
            count_max: options.count("count")?.unwrap_or(i64::MAX as u64),
        })
    }
}

impl Source for TimerSource {
    fn run(
        &mut self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        from: Option<&str>,
    ) -> Result<(), ConnectorError> {
        let from = from.map_or(Ok(0), str::parse::<u64>).map_err(|_| {
            ConnectorError::Other("the position of source 'timer' is a count".into())
        })?;
        let mut next = Instant::now();
        for count in from.saturating_add(1)..=self.count_max {
            next += self.interval;
            if stop.wait_until(next) {
                break;
            }
            rows.row(None, &[Value::Long(count as i64)])?;
            rows.position(&count.to_string());
        }
        Ok(())
    }
}
