//! Rows on their way to a sink that knows by number what it has: those that it has seen are left out here.

use super::{Connected, Incidents, OnError};
use crate::connector::{ConnectorError, NumberedSink, PositionedOutput};
use crate::error::{Cause, RuntimeError};
use crate::event::{Batch, OutputNumber};
use crate::runtime::app::handle::EventFluxAppRuntime;
use crate::runtime::shared::turns::{Turns, end_turn, turns};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A sink with what it has.
pub(crate) struct Delivery {
    stream: Arc<str>,
    incidents: Arc<Incidents>,
    state: Mutex<Turns<Delivered>>,
}

struct Delivered {
    sink: Box<dyn NumberedSink>,
    /// By key group: the last number that the sink has.
    last: HashMap<u16, u64>,
    /// Places and numbers of the rows at hand that are new.
    new: Vec<(usize, OutputNumber)>,
    /// Why it takes no more: checkpoints fail, so the rows come again in the next run.
    failed: Option<String>,
}

impl Delivered {
    fn rows(&mut self, batch: &Batch, numbers: &[OutputNumber]) -> Result<(), ConnectorError> {
        self.new.clear();
        for (row, number) in numbers.iter().enumerate() {
            // A sink that was added later knows nothing of the rows before.
            let last = self.last.entry(number.group);
            let last = last.or_insert(number.number - 1);
            if number.number <= *last {
                continue;
            }
            if number.number > *last + 1 {
                let OutputNumber { group, number } = number;
                return Err(ConnectorError::Other(format!(
                    "the sink ends with row {last} of group {group}, and row {number} comes next: rows of an earlier \
                     run are missing in it, or it is not the sink of that run"
                )));
            }
            *last = number.number;
            self.new.push((row, *number));
        }
        match self.new.is_empty() {
            true => Ok(()),
            false => self.sink.rows(batch, &self.new),
        }
    }

    fn sync(&mut self) -> Result<(), ConnectorError> {
        match &self.failed {
            None => self.sink.sync(),
            Some(why) => Err(ConnectorError::Other(why.clone())),
        }
    }
}

impl Delivery {
    fn rows(&self, batch: &Batch, numbers: &[OutputNumber]) {
        let mut state = self.state.lock();
        if state.value.failed.is_none()
            && let Err(error) = state.value.rows(batch, numbers)
        {
            state.value.failed = Some(error.to_string());
            self.tell(error);
        }
        end_turn(state);
    }

    /// A sink that does not take a row ends the app.
    fn tell(&self, why: ConnectorError) {
        self.incidents.sinks.fetch_add(1, Ordering::Relaxed);
        self.incidents.add(&self.stream, OnError::Stop, why);
    }

    /// Passes on what is left when the app ends.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock();
        if state.value.failed.is_none()
            && let Err(why) = state.value.sync()
        {
            self.tell(why);
        }
    }
}

impl PositionedOutput for Delivery {
    fn position(&self) -> Result<Vec<u8>, String> {
        let failed = self.state.lock().value.failed.clone();
        failed.map_or_else(|| Ok(Vec::new()), Err)
    }

    fn sync(&self) -> Result<(), String> {
        let synced = self.state.lock().value.sync();
        synced.map_err(|e| e.to_string())
    }

    fn rewind(&self, _position: Option<&[u8]>) -> Result<(), String> {
        Ok(())
    }
}

impl Connected {
    /// Opens a sink for the numbered rows of a stream. Rows come from the start on.
    pub(crate) fn deliver(
        &mut self,
        runtime: &EventFluxAppRuntime,
        stream: &str,
        mut sink: Box<dyn NumberedSink>,
    ) -> Result<(), RuntimeError> {
        let last = sink.open(stream).map_err(|e| RuntimeError::Connector {
            stream: stream.to_string(),
            error: Cause::new(e),
        })?;
        let last = last.iter().map(|n| (n.group, n.number)).collect();
        let delivery = Arc::new(Delivery {
            stream: stream.into(),
            incidents: Arc::clone(&self.incidents),
            state: turns(Delivered {
                sink,
                last,
                new: Vec::new(),
                failed: None,
            }),
        });
        let service = runtime.snapshot_service()?;
        let name = format!("delivery/{}/{stream}", self.deliveries.len());
        service.add_output(&name, Arc::clone(&delivery) as _);
        self.deliveries.push(Arc::clone(&delivery));
        runtime.add_numbered_callback(stream, move |batch, numbers| delivery.rows(batch, numbers))
    }
}
